/* SPDX-License-Identifier: MIT
 *
 * Any bytes as a pipeline file: refused with a sentence or accepted, never a crash, and within the
 * arena's cap. */
#include <stdlib.h>

#include "pipeline/config.h"

#define FUZZ_ARENA_BYTES (64u << 20)

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static mr_code run(mr_arena *arena, mr_slice text, mr_error *err)
{
    mr_tree tree = {0};
    mr_pipeline_config config;
    const unsigned needs = MR_CONFIG_SOURCE | MR_CONFIG_DESTINATION;
    MR_TRY(mr_config_init(&config, arena, err));
    MR_TRY(mr_tree_parse(arena, "fuzz.yaml", text, &tree, err));
    if (mr_config_tree_is_end(&tree))
        return mr_config_end_from_tree(&config, &config.source, &tree, MR_ORIGIN_FILE, err);
    MR_TRY(mr_config_from_tree(&config, &tree, MR_ORIGIN_FILE, err));
    MR_TRY(mr_config_finish(&config, needs, err));
    return mr_config_conflicts(&config, &(mr_config_facts){.expected_store_bytes = 1u << 30}, err);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    mr_arena arena;
    mr_error err = {0};
    mr_arena_init(&arena, "fuzz", FUZZ_ARENA_BYTES);
    const mr_code code = run(&arena, mr_slice_of((const char *)bytes, size), &err);
    /* abort, not assert: what is fuzzed may be a release build */
    if (code != MR_OK && code != MR_ERR_USAGE && code != MR_ERR_LIMIT) abort();
    if (code != MR_OK && (err.text[0] == 0 || err.code != code)) abort();
    mr_arena_done(&arena);
    return 0;
}
