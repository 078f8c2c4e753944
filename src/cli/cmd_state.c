/* SPDX-License-Identifier: MIT
 *
 * state: what runs that have not come to their end have left for those that go on. */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "cli/cli.h"
#include "cli/commands.h"
#include "cli/exit.h"
#include "core/clock.h"
#include "core/json.h"
#include "pipeline/checkpoint.h"

#define MAX_TEXT_BYTES ((size_t)512 << 20)
#define MAX_PIPELINES  100000

typedef enum state_form { FORM_TEXT, FORM_JSON, FORM_WHOLE } state_form;

typedef struct state_list {
    char root[MR_FILE_PATH_MAX];
    const char **ids; /* sorted */
    uint32_t count;
} state_list;

/* --- which there are ------------------------------------------------------------------------- */

static int by_name(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static mr_code add_id(mr_args *args, state_list *list, const char *name, mr_error *err)
{
    if (list->count == MAX_PIPELINES)
        return mr_fail(err, MR_ERR_LIMIT, "'%s' holds more than %d pipelines", list->root,
                       MAX_PIPELINES);
    list->ids[list->count] = mr_arena_copy(args->arena, mr_slice_text(name));
    if (list->ids[list->count] == NULL) return mr_arena_fail(args->arena, err);
    list->count++;
    return MR_OK;
}

/* Those whose id begins with `wanted`; one that is whole excludes the others. */
static mr_code find_ids(mr_args *args, const char *wanted, state_list *list, mr_error *err)
{
    MR_TRY(mr_pipeline_state_root(args->config.reliability.checkpoint.dir, list->root,
                                  sizeof list->root - MR_PIPELINE_ID_MAX - 1, err));
    list->ids = mr_arena_take(args->arena, sizeof *list->ids * MAX_PIPELINES);
    if (list->ids == NULL) return mr_arena_fail(args->arena, err);
    DIR *const dir = opendir(list->root);
    if (dir == NULL && errno == ENOENT) return MR_OK;
    if (dir == NULL) return mr_fail_errno(err, errno, "'%s' cannot be read", list->root);
    mr_code rc = MR_OK;
    for (struct dirent *entry; rc == MR_OK && (entry = readdir(dir)) != NULL;) {
        if (entry->d_name[0] == '.' || strlen(entry->d_name) >= MR_PIPELINE_ID_MAX) continue;
        if (wanted == NULL || mr_slice_starts(mr_slice_text(entry->d_name), wanted))
            rc = add_id(args, list, entry->d_name, err);
    }
    closedir(dir);
    if (list->count > 0) qsort(list->ids, list->count, sizeof *list->ids, by_name);
    for (uint32_t i = 0; wanted != NULL && i < list->count; i++)
        if (strcmp(list->ids[i], wanted) == 0) {
            list->ids[0] = list->ids[i];
            list->count = 1;
        }
    return rc;
}

static mr_code need_one(const state_list *list, const char *wanted, mr_error *err)
{
    if (list->count == 1) return MR_OK;
    if (list->count == 0)
        return mr_fail(err, MR_ERR_USAGE, "there is no checkpoint of '%s' in '%s'", wanted,
                       list->root);
    return mr_fail(err, MR_ERR_USAGE, "'%s' is the beginning of %u ids, such as '%s' and '%s'",
                   wanted, list->count, list->ids[0], list->ids[1]);
}

/* --- how they look --------------------------------------------------------------------------- */

static void put_time(mr_json_out *json, int64_t wall_ns)
{
    char time[40];
    time[mr_format_wall(time, wall_ns, 3)] = 0;
    mr_json_text(json, mr_slice_text(time));
}

static void put_hex(mr_json_out *json, mr_slice bytes, mr_buffer *scratch)
{
    static const char digits[] = "0123456789abcdef";
    mr_buffer_reset(scratch);
    for (size_t i = 0; i < bytes.len && !json->failed; i++) {
        const char two[2] = {digits[(unsigned char)bytes.ptr[i] >> 4], digits[bytes.ptr[i] & 15]};
        json->failed = mr_buffer_append(scratch, mr_slice_of(two, 2), &json->error) != MR_OK;
    }
    mr_json_text(json, mr_buffer_slice(scratch));
}

static void put_ledger(mr_json_out *json, const mr_ledger *ledger)
{
    mr_json_key(json, "ledger");
    mr_json_open(json, '{');
    mr_json_key(json, "read"), mr_json_u64(json, ledger->read);
    mr_json_key(json, "written"), mr_json_u64(json, ledger->written);
    mr_json_key(json, "rejected"), mr_json_u64(json, ledger->rejected);
    mr_json_key(json, "filtered"), mr_json_u64(json, ledger->filtered);
    mr_json_key(json, "deduplicated"), mr_json_u64(json, ledger->deduplicated);
    mr_json_key(json, "blank_lines"), mr_json_u64(json, ledger->blank_lines);
    mr_json_close(json, '}');
}

static void put_whole(mr_json_out *json, const mr_commit *commit)
{
    mr_buffer scratch;
    mr_buffer_init(&scratch, "a checkpoint as hex digits", MAX_TEXT_BYTES);
    const struct {
        const char *key;
        mr_slice bytes;
    } parts[] = {{"source_position", commit->source},
                 {"destination_position", commit->destination},
                 {"columns", commit->columns},
                 {"transform", commit->transform},
                 {"watermark", commit->watermark}};
    mr_json_key(json, "settings"), mr_json_text(json, commit->settings);
    mr_json_key(json, "rejects_bytes"), mr_json_u64(json, commit->rejects.length);
    for (size_t i = 0; i < MR_COUNT_OF(parts); i++)
        mr_json_key(json, parts[i].key), put_hex(json, parts[i].bytes, &scratch);
    mr_buffer_done(&scratch);
}

static mr_code put_json(const mr_commit *commit, uint64_t sequence, bool whole, mr_buffer *out,
                        mr_error *err)
{
    mr_json_out json = {.out = out};
    mr_json_open(&json, '{');
    mr_json_key(&json, "pipeline"), mr_json_text(&json, commit->pipeline);
    mr_json_key(&json, "name"), mr_json_text(&json, commit->name);
    mr_json_key(&json, "from"), mr_json_text(&json, commit->from);
    mr_json_key(&json, "to"), mr_json_text(&json, commit->to);
    mr_json_key(&json, "sequence"), mr_json_u64(&json, sequence);
    mr_json_key(&json, "time"), put_time(&json, commit->wall_ns);
    mr_json_key(&json, "sealed"), mr_json_bool(&json, commit->sealed);
    put_ledger(&json, &commit->ledger);
    mr_json_key(&json, "schema_changes"), mr_json_u64(&json, commit->schema_changes);
    mr_json_key(&json, "schema_history");
    commit->history.len > 0 ? mr_json_text(&json, commit->history) : mr_json_null(&json);
    if (commit->finished) {
        mr_slice cursor, value;
        MR_TRY(mr_increment_look(commit->watermark, &cursor, &value, err));
        mr_json_key(&json, "cursor"), mr_json_text(&json, cursor);
        mr_json_key(&json, "value"), mr_json_text(&json, value);
    }
    if (whole) put_whole(&json, commit);
    mr_json_close(&json, '}');
    return json.failed ? mr_json_out_fail(&json, err) : MR_OK;
}

static mr_code put_changes(const mr_commit *commit, mr_buffer *out, mr_error *err)
{
    if (commit->schema_changes == 0) return MR_OK;
    return mr_buffer_printf(out, err, "  %llu change%s of the schema, told in %.*s\n",
                            (unsigned long long)commit->schema_changes,
                            commit->schema_changes == 1 ? "" : "s", MR_SLICE_ARGS(commit->history));
}

/* Of a pipeline that has come to its end and remembers how far. */
static mr_code put_watermark(const mr_commit *commit, const char *time, mr_buffer *out,
                             mr_error *err)
{
    mr_slice cursor, value;
    MR_TRY(mr_increment_look(commit->watermark, &cursor, &value, err));
    return mr_buffer_printf(out, err, "%.*s\n  %.*s\n  to %.*s\n  loaded at %s up to %.*s %.*s\n",
                            MR_SLICE_ARGS(commit->pipeline), MR_SLICE_ARGS(commit->from),
                            MR_SLICE_ARGS(commit->to), time, MR_SLICE_ARGS(cursor),
                            MR_SLICE_ARGS(value));
}

static mr_code put_text(const mr_commit *commit, uint64_t sequence, mr_buffer *out, mr_error *err)
{
    char time[40];
    time[mr_format_wall(time, commit->wall_ns, 0)] = 0;
    if (commit->finished) {
        MR_TRY(put_watermark(commit, time, out, err));
        return put_changes(commit, out, err);
    }
    MR_TRY(mr_buffer_printf(out, err, "%.*s\n  %.*s\n  to %.*s\n", MR_SLICE_ARGS(commit->pipeline),
                            MR_SLICE_ARGS(commit->from), MR_SLICE_ARGS(commit->to)));
    MR_TRY(mr_buffer_printf(
        out, err, "  checkpoint %llu of %s: %llu records read, %llu written, %llu rejected%s\n",
        (unsigned long long)sequence, time, (unsigned long long)commit->ledger.read,
        (unsigned long long)commit->ledger.written, (unsigned long long)commit->ledger.rejected,
        commit->sealed ? "; all there are, to be published" : ""));
    return put_changes(commit, out, err);
}

static mr_code put_one(const state_list *list, uint32_t number, state_form form, mr_buffer *out,
                       bool *out_any, mr_error *err)
{
    char dir[MR_FILE_PATH_MAX + MR_PIPELINE_ID_MAX];
    mr_buffer bytes;
    mr_commit commit;
    uint64_t sequence = 0;
    snprintf(dir, sizeof dir, "%s/%s", list->root, list->ids[number]);
    mr_buffer_init(&bytes, "a checkpoint", MR_JOURNAL_RECORD_MAX);
    mr_code rc = mr_journal_look(dir, &bytes, &sequence, err);
    if (rc == MR_OK && sequence > 0) rc = mr_commit_decode(mr_buffer_slice(&bytes), &commit, err);
    if (rc == MR_OK && sequence > 0) {
        if (form != FORM_TEXT && *out_any) rc = mr_buffer_append(out, MR_SLICE(",\n"), err);
        *out_any = true;
        if (rc == MR_OK && form == FORM_TEXT)
            rc = put_text(&commit, sequence, out, err);
        else if (rc == MR_OK)
            rc = put_json(&commit, sequence, form == FORM_WHOLE, out, err);
    }
    mr_buffer_done(&bytes);
    return rc;
}

/* --- the three ------------------------------------------------------------------------------- */

static mr_code show(const state_list *list, state_form form, bool array, mr_buffer *out,
                    mr_error *err)
{
    bool any = false;
    if (array) MR_TRY(mr_buffer_append(out, MR_SLICE("["), err));
    for (uint32_t i = 0; i < list->count; i++)
        MR_TRY(put_one(list, i, form, out, &any, err));
    if (array) MR_TRY(mr_buffer_append(out, MR_SLICE("]"), err));
    if (form != FORM_TEXT) return mr_buffer_append_byte(out, '\n', err);
    if (any) return MR_OK;
    return mr_buffer_printf(out, err, "no checkpoints in %s\n", list->root);
}

static bool is_kept_inside(const mr_journal *journal)
{
    mr_error ignored;
    mr_commit commit;
    if (journal->sequence == 0 ||
        mr_commit_decode(mr_buffer_slice(&journal->last), &commit, &ignored) != MR_OK)
        return false;
    return mr_slice_starts(commit.to, "sqlite ");
}

static mr_code reset(const state_list *list, mr_buffer *out, mr_error *err)
{
    char dir[MR_FILE_PATH_MAX + MR_PIPELINE_ID_MAX];
    mr_journal journal;
    bool there, inside = false;
    snprintf(dir, sizeof dir, "%s/%s", list->root, list->ids[0]);
    MR_TRY(mr_journal_open(&journal, dir, false, &there, err));
    if (there) inside = is_kept_inside(&journal);
    if (there) MR_TRY(mr_journal_remove(&journal, err));
    if (inside)
        return mr_buffer_printf(out, err,
                                "%s: forgotten here; its database holds the checkpoint too, which "
                                "a run with --resume never drops\n",
                                list->ids[0]);
    return mr_buffer_printf(out, err, "%s: forgotten; the next run starts over\n", list->ids[0]);
}

static mr_code act(mr_args *args, mr_buffer *out, mr_error *err)
{
    const char *const verb = args->operands[0];
    const char *const wanted = args->operand_count > 1 ? args->operands[1] : NULL;
    state_list list = {0};
    MR_TRY(find_ids(args, wanted, &list, err));
    if (wanted != NULL) MR_TRY(need_one(&list, wanted, err));
    if (strcmp(verb, "show") == 0)
        return show(&list, args->json ? FORM_JSON : FORM_TEXT, args->json, out, err);
    if (strcmp(verb, "export") == 0) return show(&list, FORM_WHOLE, wanted == NULL, out, err);
    if (strcmp(verb, "reset") != 0)
        return mr_fail(err, MR_ERR_USAGE, "state '%s': expected show, reset or export", verb);
    if (wanted == NULL)
        return mr_fail(err, MR_ERR_USAGE,
                       "state reset needs the id of a pipeline; `millrace state show` prints them");
    return reset(&list, out, err);
}

int mr_cmd_state(mr_args *args)
{
    mr_error err = {0};
    mr_buffer text;
    mr_buffer_init(&text, "the checkpoints", MAX_TEXT_BYTES);
    mr_code rc = act(args, &text, &err);
    if (rc == MR_OK) rc = mr_cli_print(mr_buffer_slice(&text), &err);
    mr_buffer_done(&text);
    return rc == MR_OK ? MR_EXIT_OK : mr_cli_fail(rc, &err);
}
