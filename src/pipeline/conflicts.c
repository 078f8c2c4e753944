/* SPDX-License-Identifier: MIT
 *
 * Contradictions in a configuration, one function each, in the order of docs/configuration.md. A
 * message names both keys; those with a resolution become warnings when conflicts are allowed. */
#include <inttypes.h>
#include <stdio.h>

#include "core/number.h"
#include "format/codec.h"
#include "pipeline/config.h"

#define BOTH_BYTES 400

typedef struct judge {
    mr_pipeline_config *config;
    const mr_config_facts *facts;
    mr_error *err;
} judge;

/* Refuses, or warns with the resolution that the caller then applies. */
static mr_code contradiction(const judge *j, const char *both, const char *resolution)
{
    if (!j->config->allow_conflicts)
        return mr_fail(j->err, MR_ERR_USAGE, "%s; with --allow-conflicts: %s", both, resolution);
    return mr_config_note_add(j->config, true, j->err, "%s: %s", both, resolution);
}

static mr_code columnar_and_streaming(const judge *j)
{
    mr_pipeline_config *c = j->config;
    if (c->storage.mode != MR_STORAGE_COLUMNAR || !c->performance.streaming_mode) return MR_OK;
    MR_TRY(contradiction(j,
                         "'storage.mode: columnar' contradicts 'performance.streaming_mode: true'",
                         "storage mode row"));
    c->storage.mode = MR_STORAGE_ROW;
    return MR_OK;
}

static mr_code large_batch_and_streaming(const judge *j)
{
    mr_pipeline_config *c = j->config;
    if (!c->performance.streaming_mode ||
        c->performance.batch_size <= MR_CONFIG_STREAMING_BATCH_MAX)
        return MR_OK;
    char both[BOTH_BYTES];
    snprintf(both, sizeof both,
             "'performance.streaming_mode: true' contradicts 'performance.batch_size: %" PRIu32
             "', which is over %u",
             c->performance.batch_size, MR_CONFIG_STREAMING_BATCH_MAX);
    MR_TRY(contradiction(j, both, "batch size 1000"));
    c->performance.batch_size = MR_CONFIG_STREAMING_BATCH_SIZE;
    return MR_OK;
}

static mr_code row_and_memory(const judge *j)
{
    mr_pipeline_config *c = j->config;
    if (c->storage.mode != MR_STORAGE_ROW) return MR_OK;
    if (j->facts->expected_store_bytes <= c->performance.memory_limit_bytes) return MR_OK;
    char both[BOTH_BYTES];
    snprintf(both, sizeof both,
             "'storage.mode: row' contradicts 'performance.memory_limit_mb: %" PRIu64
             "': the store is expected to take %" PRIu64 " MiB",
             c->performance.memory_limit_bytes >> 20,
             (j->facts->expected_store_bytes + (1 << 20) - 1) >> 20);
    MR_TRY(contradiction(j, both, "storage mode hybrid"));
    c->storage.mode = MR_STORAGE_HYBRID;
    return MR_OK;
}

static mr_code merge_without_keys(const judge *j)
{
    static const char *const key_names[] = {"keys", "upsert_keys", "primary_key", "merge_keys"};
    const mr_endpoint *to = &j->config->destination;
    const mr_setting *mode = mr_endpoint_get(to, "mode");
    const bool merges =
        mode != NULL && (strcmp(mode->value, "merge") == 0 || strcmp(mode->value, "upsert") == 0);
    if (!merges && !j->config->enable_upsert) return MR_OK;
    for (size_t i = 0; i < MR_COUNT_OF(key_names); i++)
        if (mr_endpoint_has(to, key_names[i])) return MR_OK;
    return mr_fail(j->err, MR_ERR_USAGE,
                   "'%s' contradicts the missing 'keys' of the destination: merging needs them",
                   j->config->enable_upsert ? "advanced.enable_upsert: true" : "mode: merge");
}

static mr_code exactly_once(const judge *j)
{
    mr_pipeline_config *c = j->config;
    if (c->reliability.delivery != MR_DELIVERY_EXACTLY_ONCE) return MR_OK;
    if (!j->facts->destination_known || j->facts->destination_exactly_once) return MR_OK;
    char both[BOTH_BYTES];
    snprintf(
        both, sizeof both,
        "'reliability.delivery: exactly_once' contradicts 'destination.type: %s', which cannot%s%s",
        c->destination.connector != NULL ? c->destination.connector : "unknown",
        j->facts->destination_why != NULL ? ": " : "",
        j->facts->destination_why != NULL ? j->facts->destination_why : "");
    MR_TRY(contradiction(j, both, "at-least-once delivery"));
    c->reliability.delivery = MR_DELIVERY_AT_LEAST_ONCE;
    return MR_OK;
}

/* Order is the default, so only a wish that was spoken contradicts shards; otherwise a note is
 * enough. */
static mr_code order_and_shards(const judge *j)
{
    mr_pipeline_config *c = j->config;
    if (!c->performance.ordered || !j->facts->destination_known || !j->facts->destination_sharded)
        return MR_OK;
    char both[BOTH_BYTES];
    snprintf(both, sizeof both,
             "'performance.ordered: true' contradicts 'destination.type: %s', whose shards are "
             "independent",
             c->destination.connector != NULL ? c->destination.connector : "unknown");
    if (!mr_options_given(&c->options, "performance.ordered"))
        return mr_config_note_add(c, false, j->err,
                                  "order is kept within each shard of the destination only");
    return contradiction(j, both, "order within each shard");
}

/* ---- compression ---- */

typedef struct codec_levels {
    const char *codec;
    uint64_t min, max; /* 0, 0: the codec has no levels */
} codec_levels;

static const codec_levels codecs[] = {
    {"gzip", 1, 9}, {"deflate", 1, 9}, {"zstd", 1, 22},
    {"lz4", 1, 12}, {"snappy", 0, 0},  {"s2", 0, 0},
};

static const codec_levels *codec_called(const char *name)
{
    static const char *const aliases[][2] = {{"gz", "gzip"}, {"zst", "zstd"}};
    for (size_t i = 0; i < MR_COUNT_OF(aliases); i++)
        if (strcmp(name, aliases[i][0]) == 0) name = aliases[i][1];
    for (size_t i = 0; i < MR_COUNT_OF(codecs); i++)
        if (strcmp(name, codecs[i].codec) == 0) return &codecs[i];
    return NULL;
}

static mr_code unknown_codec(const judge *j)
{
    mr_codec codec;
    const mr_setting *key = mr_endpoint_get(&j->config->destination, "compression");
    return key != NULL ? mr_codec_parse(mr_slice_text(key->value), &codec, j->err) : MR_OK;
}

static mr_code compression_twice(const judge *j)
{
    const mr_endpoint *to = &j->config->destination;
    const mr_setting *key = mr_endpoint_get(to, "compression");
    const char *by_name = to->path != NULL ? mr_endpoint_codec_name(to->path) : NULL;
    if (key == NULL || by_name == NULL || strcmp(key->value, "auto") == 0) return MR_OK;
    const codec_levels *codec = codec_called(key->value);
    if (codec != NULL && strcmp(codec->codec, by_name) == 0) return MR_OK;
    return mr_fail(j->err, MR_ERR_USAGE,
                   "'compression: %s' contradicts 'path: %s', whose name says %s", key->value,
                   to->path, by_name);
}

static mr_code level_out_of_range(const judge *j)
{
    const mr_endpoint *to = &j->config->destination;
    const mr_setting *key = mr_endpoint_get(to, "compression"),
                     *level = mr_endpoint_get(to, "compression_level");
    if (level == NULL) return MR_OK;
    const char *name = key != NULL && strcmp(key->value, "auto") != 0 ? key->value
                       : to->path != NULL ? mr_endpoint_codec_name(to->path)
                                          : NULL;
    if (name == NULL) name = "none";
    const codec_levels *codec = codec_called(name);
    if (codec == NULL || codec->max == 0)
        return mr_fail(j->err, MR_ERR_USAGE,
                       "'compression_level: %s' contradicts 'compression: %s', which has no levels",
                       level->value, name);
    uint64_t value = 0;
    if (mr_parse_u64(mr_slice_text(level->value), &value) && value >= codec->min &&
        value <= codec->max)
        return MR_OK;
    return mr_fail(
        j->err, MR_ERR_USAGE,
        "'compression_level: %s' contradicts 'compression: %s', whose levels are %" PRIu64
        " to %" PRIu64,
        level->value, codec->codec, codec->min, codec->max);
}

static mr_code fail_fast_and_max_rejects(const judge *j)
{
    const mr_reject_limit *limit = &j->config->reliability.max_rejects;
    if (!j->config->reliability.fail_fast || limit->kind == MR_REJECTS_UNLIMITED) return MR_OK;
    if (limit->kind == MR_REJECTS_COUNT && limit->count == 0) return MR_OK;
    if (limit->kind == MR_REJECTS_PERCENT && limit->percent <= 0) return MR_OK;
    return mr_fail(j->err, MR_ERR_USAGE,
                   "'reliability.fail_fast: true' contradicts 'reliability.max_rejects: %s', which "
                   "allows some",
                   mr_options_state(&j->config->options, "reliability.max_rejects")->text);
}

static mr_code breaker_that_never_closes(const judge *j)
{
    const mr_breaker_options *b = &j->config->reliability.breaker;
    if (!b->enabled || b->success_threshold <= b->half_open_requests) return MR_OK;
    return mr_fail(j->err, MR_ERR_USAGE,
                   "'reliability.circuit_breaker.success_threshold: %" PRIu32
                   "' contradicts 'reliability.circuit_breaker.half_open_requests: %" PRIu32
                   "': so many requests are never let through",
                   b->success_threshold, b->half_open_requests);
}

static mr_code drop_and_lossless(const judge *j)
{
    if (j->config->performance.backpressure != MR_BACKPRESSURE_DROP ||
        j->config->lossy == MR_LOSSY_ALLOW)
        return MR_OK;
    MR_TRY(contradiction(j, "'performance.backpressure: drop' contradicts 'lossy: refuse'",
                         "back-pressure block"));
    j->config->performance.backpressure = MR_BACKPRESSURE_BLOCK;
    return MR_OK;
}

static mr_code rate_of_nothing(const judge *j)
{
    const mr_pipeline_config *c = j->config;
    const bool wanted = mr_options_given(&c->options, "reliability.rate_limit.enabled") &&
                        c->reliability.rate_enabled;
    if (wanted && c->reliability.rate_per_second <= 0)
        return mr_fail(j->err, MR_ERR_USAGE,
                       "'reliability.rate_limit.enabled: true' contradicts the missing "
                       "'reliability.rate_limit.requests_per_second'");
    if (c->reliability.rate_unit != MR_RATE_REQUESTS || mr_config_rate(c) <= 0 ||
        c->source.connector == NULL || mr_config_has_remote(c))
        return MR_OK;
    return mr_fail(j->err, MR_ERR_USAGE,
                   "'reliability.rate_limit.unit: requests' contradicts 'source.type: %s' and "
                   "'destination.type: %s', which make none; count records or bytes",
                   c->source.connector,
                   c->destination.connector != NULL ? c->destination.connector : "none");
}

/* Where a file gives the key of the run, or of the destination; NULL when none does. */
static const char *place_of(const judge *j, const char *key)
{
    const mr_endpoint *const to = &j->config->destination;
    if (mr_option_find(mr_config_table, mr_slice_text(key)) != NULL) {
        const mr_option_state *const state = mr_options_state(&j->config->options, key);
        if (state->origin != MR_ORIGIN_DEFAULT)
            return state->origin < MR_ORIGIN_FLAG ? state->where : NULL;
    } /* the destination may have one of the same name */
    const mr_setting *const setting = mr_endpoint_get(to, key);
    const mr_option_from from = setting != NULL ? setting->from : to->path_from;
    if (setting == NULL && strcmp(key, "path") != 0) return NULL;
    return from.origin < MR_ORIGIN_FLAG ? from.where : NULL;
}

mr_code mr_config_conflicts(mr_pipeline_config *config, const mr_config_facts *facts, mr_error *err)
{
    static const struct {
        mr_code (*check)(const judge *);
        const char *keys[2]; /* an error begins with the place of the first that a file gives */
    } rules[] = {
        {columnar_and_streaming, {"storage.mode", "performance.streaming_mode"}},
        {large_batch_and_streaming, {"performance.batch_size", "performance.streaming_mode"}},
        {row_and_memory, {"storage.mode", "performance.memory_limit_mb"}},
        {merge_without_keys, {"mode", "advanced.enable_upsert"}},
        {exactly_once, {"reliability.delivery", "path"}},
        {order_and_shards, {"performance.ordered", "path"}},
        {compression_twice, {"compression", "path"}},
        {level_out_of_range, {"compression_level", "compression"}},
        {unknown_codec, {"compression", "advanced.compression_algorithm"}},
        {fail_fast_and_max_rejects, {"reliability.fail_fast", "reliability.max_rejects"}},
        {breaker_that_never_closes,
         {"reliability.circuit_breaker.success_threshold",
          "reliability.circuit_breaker.half_open_requests"}},
        {drop_and_lossless, {"performance.backpressure", "lossy"}},
        {rate_of_nothing, {"reliability.rate_limit.unit", "reliability.rate_limit.enabled"}},
    };
    const judge j = {.config = config, .facts = facts, .err = err};
    for (size_t i = 0; i < MR_COUNT_OF(rules); i++) {
        const mr_code code = rules[i].check(&j);
        if (code == MR_OK) continue;
        const char *const first = place_of(&j, rules[i].keys[0]);
        const char *const where = first != NULL ? first : place_of(&j, rules[i].keys[1]);
        if (where != NULL) mr_error_prefix(err, "%s", where);
        return code;
    }
    return MR_OK;
}
