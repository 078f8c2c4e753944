/* SPDX-License-Identifier: MIT
 *
 * Hostile positions of followed files. What is accepted can be written and read again. */
#include <stdlib.h>

#include "connector/tail_files.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static void must(bool condition)
{
    if (!condition) abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    static mr_buffer position = {.name = "fuzz", .max = 1 << 20};
    mr_tail_files files = {.pattern = "/nonexistent/*"};
    mr_error err;
    mr_tail_files_init(&files);
    const mr_slice given = mr_slice_of((const char *)bytes, size);
    mr_code rc = mr_tail_files_restore(&files, given, &err);
    must(rc == MR_OK || rc == MR_ERR_INPUT || rc == MR_ERR_LIMIT);
    if (rc == MR_OK) must(mr_tail_files_scan(&files, &err) == MR_OK);
    mr_buffer_reset(&position);
    must(mr_tail_files_write(&files, &position, &err) == MR_OK);
    mr_tail_files_done(&files);
    mr_tail_files_init(&files);
    must(mr_tail_files_restore(&files, mr_buffer_slice(&position), &err) == MR_OK);
    mr_tail_files_done(&files);
    return 0;
}
