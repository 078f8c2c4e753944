/* SPDX-License-Identifier: MIT
 *
 * store namespaces, store streams: what there is, in a data directory or at a server. Both print
 * one line each, columns apart by a tab, or with --json one object each. */
#include <stdio.h>

#include "cli/cli.h"
#include "cli/commands.h"
#include "cli/exit.h"
#include "cli/store_token.h"
#include "core/clock.h"
#include "core/json.h"
#include "core/scan.h"
#include "http/client.h"
#include "store/data_dir.h"

#define ARENA_BYTES       ((size_t)1 << 30)
#define ANSWER_BYTES_MAX  ((size_t)256 << 20)
#define FLUSH_BYTES       ((size_t)64 << 10)
#define REQUEST_BYTES_MAX ((size_t)64 << 10)
#define PAGE              1000u /* streams asked for at a time */

typedef struct looking {
    const mr_args *args;
    mr_arena arena;
    mr_buffer out;
    uint64_t count;
} looking;

static bool is_url(const char *where)
{
    return mr_slice_starts(mr_slice_text(where), "http://") ||
           mr_slice_starts(mr_slice_text(where), "https://");
}

static mr_code flush(looking *l, size_t at_least, mr_error *err)
{
    if (l->out.len < at_least) return MR_OK;
    MR_TRY(mr_cli_print(mr_buffer_slice(&l->out), err));
    mr_buffer_reset(&l->out);
    return MR_OK;
}

static bool is_enough(const looking *l)
{
    return l->args->store.limit > 0 && l->count >= l->args->store.limit;
}

/* --- lines --------------------------------------------------------------------------------------
 */

typedef struct space_line {
    mr_slice id, description, created;
    int64_t messages;
} space_line;

static mr_code put_space(looking *l, const space_line *line, mr_error *err)
{
    if (!l->args->json) {
        MR_TRY(mr_buffer_printf(&l->out, err, "%.*s\t%lld\t%.*s\t%.*s\n", MR_SLICE_ARGS(line->id),
                                (long long)line->messages, MR_SLICE_ARGS(line->created),
                                MR_SLICE_ARGS(line->description)));
        return flush(l, FLUSH_BYTES, err);
    }
    mr_json_out json = {.out = &l->out};
    mr_json_open(&json, '{');
    mr_json_key(&json, "namespace"), mr_json_text(&json, line->id);
    mr_json_key(&json, "messageCount"), mr_json_i64(&json, line->messages);
    mr_json_key(&json, "createdAt"), mr_json_text(&json, line->created);
    mr_json_key(&json, "description"), mr_json_text(&json, line->description);
    mr_json_close(&json, '}');
    if (json.failed) return mr_json_out_fail(&json, err);
    MR_TRY(mr_buffer_append_byte(&l->out, '\n', err));
    return flush(l, FLUSH_BYTES, err);
}

static mr_code put_stream(looking *l, mr_slice name, int64_t version, mr_slice last, mr_error *err)
{
    l->count++;
    if (!l->args->json) {
        MR_TRY(mr_buffer_printf(&l->out, err, "%.*s\t%lld\t%.*s\n", MR_SLICE_ARGS(name),
                                (long long)version, MR_SLICE_ARGS(last)));
        return flush(l, FLUSH_BYTES, err);
    }
    mr_json_out json = {.out = &l->out};
    mr_json_open(&json, '{');
    mr_json_key(&json, "stream"), mr_json_text(&json, name);
    mr_json_key(&json, "version"), mr_json_i64(&json, version);
    mr_json_key(&json, "lastActivity"), mr_json_text(&json, last);
    mr_json_close(&json, '}');
    if (json.failed) return mr_json_out_fail(&json, err);
    MR_TRY(mr_buffer_append_byte(&l->out, '\n', err));
    return flush(l, FLUSH_BYTES, err);
}

static mr_slice time_text(int64_t time_us, char out[MR_TIME_TEXT_MAX])
{
    int64_t seconds = time_us / 1000000, rest = time_us % 1000000;
    if (rest < 0) seconds--, rest += 1000000;
    return mr_slice_of(out, mr_format_time(out, seconds, (uint32_t)rest * 1000, 6));
}

/* --- in a data directory -------------------------------------------------------------------------
 */

static mr_code space_of_dir(looking *l, const mr_data_space *space, mr_error *err)
{
    mr_sqlite db = {0};
    mr_data_form form;
    char text[MR_TIME_TEXT_MAX];
    space_line line = {.id = mr_slice_text(space->id),
                       .description = mr_slice_text(space->description)};
    line.created = mr_slice_of(text, mr_format_time(text, space->created_s, 0, 0));
    mr_code rc = mr_data_space_open(space, &db, &form, err);
    if (rc == MR_OK) rc = mr_data_ask(&db, "SELECT count(*) FROM messages", &line.messages, err);
    mr_sqlite_close(&db);
    if (rc != MR_OK) return mr_error_prefix(err, "namespace '%s'", space->id);
    return put_space(l, &line, err);
}

static mr_code spaces_of_dir(looking *l, const char *path, mr_error *err)
{
    mr_data_dir dir;
    MR_TRY(mr_data_dir_read(&dir, path, l->args->store.registry, &l->arena, err));
    for (size_t i = 0; i < dir.space_count; i++)
        MR_TRY(space_of_dir(l, &dir.spaces[i], err));
    return MR_OK;
}

static mr_code take_stream(void *context, const mr_data_stream *stream, mr_error *err)
{
    looking *l = context;
    char text[MR_TIME_TEXT_MAX];
    if (is_enough(l)) return MR_OK;
    return put_stream(l, stream->name, stream->version, time_text(stream->last_time_us, text), err);
}

static mr_code streams_of_dir(looking *l, const char *path, mr_error *err)
{
    mr_data_dir dir;
    const mr_data_space *space;
    mr_sqlite db = {0};
    mr_data_form form;
    MR_TRY(mr_data_dir_read(&dir, path, l->args->store.registry, &l->arena, err));
    MR_TRY(mr_data_dir_find(&dir, l->args->store.space, &space, err));
    MR_TRY(mr_data_space_open(space, &db, &form, err));
    const mr_code rc =
        mr_data_each_stream(&db, form, mr_slice_text(l->args->store.prefix), take_stream, l, err);
    mr_sqlite_close(&db);
    return rc;
}

/* --- at a server ---------------------------------------------------------------------------------
 */

typedef struct remote {
    mr_http_client *client;
    const char *url;
    mr_http_line authorization;
    mr_buffer request, answer;
} remote;

static mr_code open_remote(looking *l, remote *r, const char *where, mr_error *err)
{
    mr_slice token;
    size_t len = strlen(where);
    MR_TRY(mr_store_find_token(&l->args->store, &l->arena, &token, err));
    while (len > 0 && where[len - 1] == '/')
        len--;
    r->url = mr_arena_printf(&l->arena, "%.*s/rpc", (int)len, where);
    r->authorization.name = "Authorization";
    r->authorization.value =
        mr_slice_text(mr_arena_printf(&l->arena, "Bearer %.*s", MR_SLICE_ARGS(token)));
    if (r->url == NULL || r->authorization.value.ptr == NULL) return mr_arena_fail(&l->arena, err);
    mr_buffer_init(&r->request, "request", REQUEST_BYTES_MAX);
    mr_buffer_init(&r->answer, "answer", ANSWER_BYTES_MAX);
    const mr_http_client_options options = {.ca_file = l->args->store.ca_file,
                                            .insecure = l->args->store.insecure};
    return mr_http_client_open(&options, &r->client, err);
}

static void close_remote(remote *r)
{
    mr_http_client_close(r->client);
    mr_buffer_done(&r->request);
    mr_buffer_done(&r->answer);
}

static void fail_with_answer(const remote *r, unsigned status, mr_error *err)
{
    char room[300];
    mr_slice message = {0};
    mr_scan scan;
    mr_scan_value whole, parts[1];
    static const char *const keys[] = {"error"};
    mr_scan_init(&scan, mr_buffer_slice(&r->answer));
    if (mr_scan_next(&scan, &whole) && whole.kind == MR_SCAN_OBJECT) {
        mr_scan_members(&whole, keys, 1, parts);
        if (parts[0].kind == MR_SCAN_OBJECT &&
            !mr_scan_find_text(parts[0].raw, "message", room, sizeof room, &message))
            message = (mr_slice){0};
    }
    mr_fail(err, MR_ERR_IO, "%s answered %u%s%.*s", r->url, status, message.len > 0 ? ": " : "",
            MR_SLICE_ARGS(message));
}

/* Sends what is in `request`; the answer's array is opened in `scan`. */
static mr_code ask(remote *r, mr_scan *scan, mr_error *err)
{
    mr_http_call call = {.url = r->url,
                         .lines = &r->authorization,
                         .line_count = 1,
                         .body = mr_buffer_slice(&r->request),
                         .into = &r->answer};
    mr_buffer_reset(&r->answer);
    MR_TRY(mr_http_client_call(r->client, &call, err));
    if (call.status != 200) {
        fail_with_answer(r, call.status, err);
        return MR_ERR_IO;
    }
    mr_scan_init(scan, mr_buffer_slice(&r->answer));
    if (mr_scan_enter(scan, MR_SCAN_ARRAY)) return MR_OK;
    return mr_fail(err, MR_ERR_INPUT, "%s: expected an array", r->url);
}

/* The text of a member; empty when there is none. */
static mr_code member_text(looking *l, const mr_scan_value *value, mr_slice *out, mr_error *err)
{
    *out = MR_SLICE("");
    if (value->kind != MR_SCAN_STRING) return MR_OK;
    return mr_scan_text(value, &l->arena, out) ? MR_OK : mr_arena_fail(&l->arena, err);
}

static mr_code take_remote_space(looking *l, const mr_scan_value *object, mr_error *err)
{
    static const char *const keys[] = {"namespace", "messageCount", "createdAt", "description"};
    mr_scan_value parts[MR_COUNT_OF(keys)];
    space_line line = {0};
    mr_scan_members(object, keys, MR_COUNT_OF(keys), parts);
    MR_TRY(member_text(l, &parts[0], &line.id, err));
    MR_TRY(member_text(l, &parts[2], &line.created, err));
    MR_TRY(member_text(l, &parts[3], &line.description, err));
    if (parts[1].kind == MR_SCAN_NUMBER && !mr_scan_i64(&parts[1], &line.messages))
        line.messages = -1;
    return put_space(l, &line, err);
}

static mr_code take_remote_stream(looking *l, const mr_scan_value *object, mr_slice *out_name,
                                  mr_error *err)
{
    static const char *const keys[] = {"stream", "version", "lastActivity"};
    mr_scan_value parts[MR_COUNT_OF(keys)];
    mr_slice last;
    int64_t version = -1;
    mr_scan_members(object, keys, MR_COUNT_OF(keys), parts);
    MR_TRY(member_text(l, &parts[0], out_name, err));
    MR_TRY(member_text(l, &parts[2], &last, err));
    if (parts[1].kind == MR_SCAN_NUMBER && !mr_scan_i64(&parts[1], &version)) version = -1;
    return put_stream(l, *out_name, version, last, err);
}

static mr_code bad_answer(const remote *r, const mr_scan *scan, mr_error *err)
{
    mr_scan_fail(scan, err);
    return mr_error_prefix(err, "%s", r->url);
}

static mr_code remote_spaces(looking *l, remote *r, mr_error *err)
{
    mr_scan scan;
    mr_scan_value object;
    MR_TRY(mr_buffer_append(&r->request, MR_SLICE("[\"ns.list\"]"), err));
    MR_TRY(ask(r, &scan, err));
    while (mr_scan_element(&scan) && mr_scan_next(&scan, &object))
        MR_TRY(take_remote_space(l, &object, err));
    return mr_scan_finish(&scan) ? MR_OK : bad_answer(r, &scan, err);
}

static mr_code write_streams_request(looking *l, remote *r, mr_slice cursor, mr_error *err)
{
    mr_buffer_reset(&r->request);
    mr_json_out json = {.out = &r->request};
    mr_json_open(&json, '[');
    mr_json_text(&json, MR_SLICE("ns.streams"));
    mr_json_open(&json, '{');
    mr_json_key(&json, "limit"), mr_json_u64(&json, PAGE);
    mr_json_key(&json, "prefix"), mr_json_text(&json, mr_slice_text(l->args->store.prefix));
    if (cursor.len > 0) mr_json_key(&json, "cursor"), mr_json_text(&json, cursor);
    mr_json_close(&json, '}');
    mr_json_close(&json, ']');
    return json.failed ? mr_json_out_fail(&json, err) : MR_OK;
}

static mr_code remote_streams(looking *l, remote *r, mr_error *err)
{
    mr_scan scan;
    mr_scan_value object;
    mr_slice cursor = {0};
    for (uint32_t got = PAGE; got == PAGE && !is_enough(l);) {
        MR_TRY(write_streams_request(l, r, cursor, err));
        MR_TRY(ask(r, &scan, err));
        for (got = 0; mr_scan_element(&scan) && mr_scan_next(&scan, &object); got++)
            if (!is_enough(l)) MR_TRY(take_remote_stream(l, &object, &cursor, err));
        if (!mr_scan_finish(&scan)) return bad_answer(r, &scan, err);
    }
    return MR_OK;
}

/* --- the verbs
 * ------------------------------------------------------------------------------------ */

typedef mr_code look_dir(looking *l, const char *path, mr_error *err);
typedef mr_code look_remote(looking *l, remote *r, mr_error *err);

static mr_code look(looking *l, look_dir *dir, look_remote *server, mr_error *err)
{
    const char *where = l->args->operands[0];
    if (!is_url(where)) return dir(l, where, err);
    remote r = {0};
    mr_code rc = open_remote(l, &r, where, err);
    if (rc == MR_OK) rc = server(l, &r, err);
    close_remote(&r);
    return rc;
}

static int run(const mr_args *args, look_dir *dir, look_remote *server)
{
    mr_error err = {0};
    looking l = {.args = args};
    mr_arena_init(&l.arena, "store.look", ARENA_BYTES);
    mr_buffer_init(&l.out, "list", (size_t)1 << 30);
    mr_code rc = look(&l, dir, server, &err);
    if (rc == MR_OK) rc = flush(&l, 1, &err);
    mr_buffer_done(&l.out);
    mr_arena_done(&l.arena);
    return rc == MR_OK ? MR_EXIT_OK : mr_cli_fail(rc, &err);
}

int mr_cmd_store_namespaces(mr_args *args)
{
    return run(args, spaces_of_dir, remote_spaces);
}

int mr_cmd_store_streams(mr_args *args)
{
    return run(args, streams_of_dir, remote_streams);
}
