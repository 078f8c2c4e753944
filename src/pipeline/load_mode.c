/* SPDX-License-Identifier: MIT */
#include "pipeline/load_mode.h"

#include "connector/connectors.h"

#define STORE_CURSOR "global_position"

const char *mr_load_mode_name(mr_load_mode mode)
{
    static const char *const names[] = {
        [MR_LOAD_AUTO] = "auto",     [MR_LOAD_FULL] = "full",
        [MR_LOAD_APPEND] = "append", [MR_LOAD_INCREMENTAL] = "incremental",
        [MR_LOAD_MERGE] = "merge",   [MR_LOAD_SNAPSHOT] = "snapshot"};
    return names[mode];
}

static mr_code contradicts(const mr_pipeline_config *c, const char *key, const char *value,
                           const char *why, mr_error *err)
{
    return mr_fail(err, MR_ERR_USAGE, "'mode: %s' contradicts '%s%s%s'%s%s",
                   mr_load_mode_name(c->load.mode), key, value != NULL ? ": " : "",
                   value != NULL ? value : "", why != NULL ? ": " : "", why != NULL ? why : "");
}

static bool has_cursor_mode(const mr_pipeline_config *c)
{
    return c->load.mode == MR_LOAD_INCREMENTAL || c->load.mode == MR_LOAD_MERGE ||
           c->load.mode == MR_LOAD_FULL;
}

/* --- what the configuration alone shows ----------------------------------------------------- */

static mr_code check_cursor(mr_pipeline_config *c, mr_error *err)
{
    const bool from_store =
        c->source.connector != NULL && strcmp(c->source.connector, "store") == 0;
    if (c->load.mode == MR_LOAD_INCREMENTAL && c->load.cursor == NULL && from_store)
        c->load.cursor = STORE_CURSOR;
    const bool has = c->load.cursor != NULL;
    if (c->load.mode == MR_LOAD_INCREMENTAL && !has)
        return mr_fail(err, MR_ERR_USAGE,
                       "'mode: incremental' contradicts the missing 'cursor': it names the column "
                       "that tells what is new");
    if (has && !has_cursor_mode(c))
        return contradicts(c, "cursor", c->load.cursor,
                           c->load.mode == MR_LOAD_AUTO
                               ? "say which of full, incremental and merge it is for"
                               : "it takes all records",
                           err);
    if (c->load.lookback != NULL && !has)
        return contradicts(c, "lookback", c->load.lookback, "without 'cursor' nothing is looked up",
                           err);
    if (c->load.cursor_start != NULL && !has)
        return contradicts(c, "cursor_start", c->load.cursor_start, "there is no 'cursor'", err);
    return MR_OK;
}

/* Records that are left out by their place would be taken for old ones. */
static mr_code check_partial(const mr_pipeline_config *c, mr_error *err)
{
    if (c->load.cursor == NULL) return MR_OK;
    if (c->limit > 0)
        return contradicts(c, "performance.limit",
                           mr_options_state(&c->options, "performance.limit")->text,
                           "records behind it may lie below the watermark and be lost", err);
    if (c->sample < 1)
        return contradicts(c, "sample", mr_options_state(&c->options, "sample")->text,
                           "what is not in one run's sample may be in the next one's", err);
    if (c->performance.streaming_mode)
        return contradicts(c, "performance.streaming_mode", "true",
                           "the watermark is kept when a run ends", err);
    if (c->infer.kind == MR_INFER_OFF && c->declared.count == 0)
        return contradicts(c, "infer", "off",
                           "the type of 'cursor' has to be found, or declared in "
                           "'schema'",
                           err);
    return MR_OK;
}

static mr_code check_resume(const mr_pipeline_config *c, mr_error *err)
{
    if (c->resume != MR_RESUME_NEVER || c->load.cursor == NULL) return MR_OK;
    if (c->load.mode == MR_LOAD_FULL) return MR_OK; /* nothing of it counts */
    return contradicts(c, "resume", "never", "the watermark is part of what would be dropped", err);
}

/* --- in the destination's words ------------------------------------------------------------- */

static bool is_yes(const char *text)
{
    static const char *const words[] = {"true", "yes", "on", "1"};
    for (size_t i = 0; i < MR_COUNT_OF(words); i++)
        if (strcmp(text, words[i]) == 0) return true;
    return false;
}

static bool means(const char *key, const char *given, const char *wanted)
{
    if (strcmp(given, wanted) == 0) return true;
    if (strcmp(key, "append") == 0) return is_yes(given) == is_yes(wanted);
    return strcmp(given, "upsert") == 0 && strcmp(wanted, "merge") == 0;
}

static mr_code imply(mr_pipeline_config *c, const char *key, const char *value, mr_error *err)
{
    const mr_option_state *state = mr_options_state(&c->options, "mode");
    const mr_setting *given = mr_endpoint_get(&c->destination, key);
    const mr_setting setting = {.key = key, .value = value, .from = {state->origin, state->where}};
    if (given == NULL) return mr_endpoint_add(&c->destination, &setting, err);
    if (means(key, given->value, value)) return MR_OK;
    const char *name = mr_arena_printf(c->arena, "destination.%s", key);
    return contradicts(c, name != NULL ? name : key, given->value, NULL, err);
}

static mr_code imply_keys(mr_pipeline_config *c, mr_error *err)
{
    const mr_option_state *state = mr_options_state(&c->options, "keys");
    const bool has = mr_endpoint_has(&c->destination, "keys") ||
                     mr_endpoint_has(&c->destination, "key") ||
                     mr_endpoint_has(&c->destination, "primary_key");
    if (c->load.keys.count == 0 && !has)
        return mr_fail(err, MR_ERR_USAGE,
                       "'mode: merge' contradicts the missing 'keys': the columns that tell "
                       "records apart");
    if (c->load.keys.count > 0 && has)
        return contradicts(c, "destination.keys", NULL, "'keys' says the same; give one of them",
                           err);
    for (uint32_t i = 0; i < c->load.keys.count; i++) {
        const mr_setting setting = {.key = "keys",
                                    .value = c->load.keys.items[i],
                                    .kind = MR_SETTING_ITEM,
                                    .from = {state->origin, state->where}};
        MR_TRY(mr_endpoint_add(&c->destination, &setting, err));
    }
    return MR_OK;
}

static const char *word_for(mr_load_mode mode)
{
    if (mode == MR_LOAD_FULL) return "replace";
    return mode == MR_LOAD_MERGE ? "merge" : "append";
}

/* Files of a format that cannot be continued say so themselves. */
static mr_code translate(mr_pipeline_config *c, const mr_destination_ops *to, mr_error *err)
{
    const bool has_mode = mr_option_find(to->options, MR_SLICE("mode")) != NULL;
    const bool has_append = mr_option_find(to->options, MR_SLICE("append")) != NULL;
    if (c->load.mode == MR_LOAD_MERGE) {
        if ((to->capabilities & MR_CAP_UPSERT) == 0)
            return contradicts(c, "destination.type", to->name, "it cannot update records", err);
        MR_TRY(imply_keys(c, err));
    }
    if (has_mode) return imply(c, "mode", word_for(c->load.mode), err);
    if (mr_option_find(to->options, MR_SLICE("match_header")) != NULL &&
        !mr_endpoint_has(&c->destination, "match_header"))
        MR_TRY(imply(c, "match_header", "true", err));
    if (has_append) return imply(c, "append", c->load.mode == MR_LOAD_FULL ? "false" : "true", err);
    if (c->load.mode == MR_LOAD_FULL && strcmp(to->name, "store") == 0)
        return contradicts(c, "destination.type", to->name, "a history is never replaced", err);
    return MR_OK;
}

static mr_code settle(mr_pipeline_config *c, mr_error *err)
{
    if (c->enable_upsert && c->load.mode == MR_LOAD_AUTO &&
        (c->load.keys.count > 0 || c->load.cursor != NULL))
        c->load.mode = MR_LOAD_MERGE;
    MR_TRY(check_cursor(c, err));
    if (c->load.mode == MR_LOAD_AUTO || c->destination.connector == NULL) return MR_OK;
    MR_TRY(check_partial(c, err));
    MR_TRY(check_resume(c, err));
    const mr_destination_ops *to = mr_destination_find(mr_slice_text(c->destination.connector));
    return to != NULL ? translate(c, to, err) : MR_OK; /* opening says what is wrong */
}

mr_code mr_load_settle(mr_pipeline_config *c, mr_error *err)
{
    const mr_code rc = settle(c, err);
    const mr_option_state *state = mr_options_state(&c->options, "mode");
    if (rc == MR_ERR_USAGE && state->origin != MR_ORIGIN_DEFAULT &&
        state->origin < MR_ORIGIN_FLAG && state->where != NULL)
        mr_error_prefix(err, "%s", state->where);
    return rc;
}
