/* SPDX-License-Identifier: MIT */
#include "connector/store_client.h"

#include <stdio.h>
#include <time.h>

#include "connector/store_split.h"
#include "core/arena.h"
#include "core/clock.h"
#include "core/json.h"
#include "core/mem.h"
#include "core/scan.h"

#define URL_MAX       2048
#define REFUSAL_BYTES ((size_t)64 << 10)
#define REQUEST_BYTES ((size_t)16 << 10)
#define PAUSE_MS      100 /* between two looks at may_go_on */

typedef struct mr_store_wait {
    int64_t until_ns;
    bool poked, over;
} mr_store_wait;

struct mr_store_client {
    mr_http_client *http;
    mr_http_client *waiter; /* for subscriptions, which end with their connection */
    mr_store_wait wait;
    mr_store_client_options options;
    char url[URL_MAX]; /* without '/' at its end */
    char call_url[URL_MAX + 64];
    char shown[200];
    char *authorization; /* "Bearer ..."; owned; NULL: none */
    char *ca_file;       /* owned */
    char refusal[64];
    mr_buffer request;
    mr_buffer refused; /* the body of an answer that is none */
    mr_arena arena;    /* decoded texts of one message */
    mr_store_split split;
    mr_store_read *read; /* under way */
    bool stopped;        /* by the one who takes its messages: not to be repeated */
};

/* --- Refusals --------------------------------------------------------------------------------- */

static mr_code code_of_status(unsigned status)
{
    if (status == 409) return MR_ERR_CONFLICT;
    if (status == 401 || status == 403 || status == 404) return MR_ERR_USAGE;
    return status >= 400 && status <= 499 ? MR_ERR_INPUT : MR_ERR_IO;
}

static const char *remedy_of_status(unsigned status)
{
    switch (status) {
    case 401:
    case 403: return "; check the token";
    case 404: return "; check the URL: is it a message store?";
    default: return status >= 300 && status <= 399 ? "; follow the redirection yourself" : "";
    }
}

/* {"error":{"code":C,"message":M}}, or whatever else came. */
static mr_code refuse(mr_store_client *own, unsigned status, mr_error *err)
{
    static const char *const keys[] = {"error"}, *const inner[] = {"code", "message"};
    mr_scan scan;
    mr_scan_value whole, error, says[2] = {0};
    mr_slice code = {0}, message = {0};
    const char *const where = own->shown;
    mr_arena_reset(&own->arena);
    mr_scan_init(&scan, mr_buffer_slice(&own->refused));
    if (own->refused.len > 0 && mr_scan_next(&scan, &whole) && whole.kind == MR_SCAN_OBJECT) {
        mr_scan_members(&whole, keys, 1, &error);
        if (error.kind == MR_SCAN_OBJECT) mr_scan_members(&error, inner, 2, says);
    }
    if (says[0].kind == MR_SCAN_STRING && !mr_scan_text(&says[0], &own->arena, &code)) code.len = 0;
    if (says[1].kind == MR_SCAN_STRING && !mr_scan_text(&says[1], &own->arena, &message))
        message.len = 0;
    snprintf(own->refusal, sizeof own->refusal, "%.*s", MR_SLICE_ARGS(code));
    if (code.len == 0)
        return mr_fail(err, code_of_status(status), "%s: answered %u %s%s", where, status,
                       mr_http_reason((uint16_t)status), remedy_of_status(status));
    return mr_fail(err, code_of_status(status), "%s: %.*s: %.*s%s", where, MR_SLICE_ARGS(code),
                   MR_SLICE_ARGS(message), remedy_of_status(status));
}

/* --- Calls ------------------------------------------------------------------------------------ */

/* As given, for any of the clients. */
static mr_http_client_options http_options(const mr_store_client *own)
{
    const mr_store_client_options *const options = &own->options;
    return (mr_http_client_options){.connect_ms = options->connect_ms,
                                    .idle_ms = options->idle_ms,
                                    .send_idle_ms = options->send_idle_ms,
                                    .unused_s = options->unused_s,
                                    .keep_alive_s = options->keep_alive_s,
                                    .whole_ms = options->whole_ms,
                                    .ca_file = own->ca_file,
                                    .insecure = options->insecure,
                                    .cert_file = options->cert_file,
                                    .key_file = options->key_file};
}

/* Asked while a call waits for its answer. */
static mr_code may_go_on(void *context, mr_error *err)
{
    mr_store_client *const own = context;
    mr_guard_watch(own->options.guard);
    return own->options.may_go_on != NULL ? own->options.may_go_on(own->options.context, err)
                                          : MR_OK;
}

static mr_code call_once(mr_store_client *own, const char *path, const char *batch_id,
                         mr_http_call *call, mr_error *err)
{
    mr_http_line lines[3] = {{"Content-Type", MR_SLICE("application/json")}};
    size_t line_count = 1;
    if (own->authorization != NULL)
        lines[line_count++] = (mr_http_line){"Authorization", mr_slice_text(own->authorization)};
    if (batch_id != NULL)
        lines[line_count++] = (mr_http_line){"Idempotency-Key", mr_slice_text(batch_id)};
    snprintf(own->call_url, sizeof own->call_url, "%s%s", own->url, path);
    mr_buffer *const into = call->into;
    call->method = "POST";
    call->url = own->call_url;
    call->lines = lines;
    call->line_count = line_count;
    if (call->consume != NULL) call->into = &own->refused;
    mr_buffer_reset(&own->refused);
    own->refusal[0] = '\0';
    mr_code code = mr_http_client_call(own->http, call, err);
    call->lines = NULL;
    call->into = into;
    if (code != MR_OK || (call->status >= 200 && call->status <= 299)) return code;
    if (into != NULL && call->consume == NULL) {
        const mr_slice kept = {into->ptr, (size_t)mr_min_u64(into->len, own->refused.max - 1)};
        MR_TRY(mr_buffer_append(&own->refused, kept, err));
    }
    return refuse(own, call->status, err);
}

/* How a call went, for the guard. */
static mr_guard_result result_of(const mr_http_call *call, mr_code code, mr_error *err)
{
    return (mr_guard_result){.code = code,
                             .fault = call->fault,
                             .retry_after_ns = call->retry_after_s * MR_NS_PER_S,
                             .err = err};
}

mr_code mr_store_client_post(mr_store_client *client, const char *path, mr_http_call *call,
                             mr_error *err)
{
    return call_once(client, path, NULL, call, err);
}

mr_code mr_store_client_rpc(mr_store_client *client, mr_slice request, const char *batch_id,
                            mr_buffer *answer, mr_error *err)
{
    mr_guard *const guard = client->options.guard;
    mr_guard_call tries;
    mr_guard_result result;
    mr_error ours;
    if (err == NULL) err = &ours; /* the guard tells what went wrong */
    mr_guard_begin(guard, &tries);
    do {
        mr_http_call call = {.body = request, .into = answer};
        MR_TRY(mr_guard_enter(guard, &tries, err));
        mr_buffer_reset(answer);
        const mr_code code = call_once(client, "/rpc", batch_id, &call, err);
        result = result_of(&call, code, err);
    } while (mr_guard_again(guard, &tries, &result));
    return result.code;
}

const char *mr_store_client_refusal(const mr_store_client *client)
{
    return client->refusal;
}

const char *mr_store_client_url(const mr_store_client *client)
{
    return client->shown;
}

/* --- Reading messages ------------------------------------------------------------------------- */

typedef struct row_scan {
    mr_scan scan;
    mr_arena *arena;
    bool good;
} row_scan;

static mr_scan_value next_value(row_scan *row)
{
    mr_scan_value value = {0};
    row->good = row->good && mr_scan_element(&row->scan) && mr_scan_next(&row->scan, &value);
    return value;
}

static mr_slice next_text(row_scan *row)
{
    mr_slice text = {0};
    const mr_scan_value value = next_value(row);
    row->good =
        row->good && value.kind == MR_SCAN_STRING && mr_scan_text(&value, row->arena, &text);
    return text;
}

static int64_t next_number(row_scan *row)
{
    int64_t number = 0;
    const mr_scan_value value = next_value(row);
    row->good = row->good && value.kind == MR_SCAN_NUMBER && mr_scan_i64(&value, &number);
    return number;
}

static mr_slice next_json(row_scan *row)
{
    mr_slice text = {0};
    const mr_scan_value value = next_value(row);
    if (!row->good || value.kind == MR_SCAN_NULL) return (mr_slice){NULL, 0};
    row->good = mr_scan_kept(&value, row->arena, &text);
    return text;
}

/* [id, streamName, type, position, globalPosition, data, metadata, time]; of a stream without its
 * name. */
static mr_code on_element(void *context, mr_slice element, mr_error *err)
{
    mr_store_client *const own = context;
    mr_store_read *const read = own->read;
    mr_store_message message = {.stream = read->stream};
    row_scan row = {.arena = &own->arena};
    mr_arena_reset(&own->arena);
    mr_scan_init(&row.scan, element);
    row.good = mr_scan_enter(&row.scan, MR_SCAN_ARRAY);
    message.id = next_text(&row);
    if (read->stream.len == 0) message.stream = next_text(&row);
    message.type = next_text(&row);
    message.position = next_number(&row);
    message.global_position = next_number(&row);
    message.data = next_json(&row);
    message.metadata = next_json(&row);
    message.time = next_text(&row);
    if (!row.good || mr_scan_element(&row.scan) || !mr_scan_finish(&row.scan))
        return mr_fail(err, MR_ERR_INPUT,
                       "%s: expected a message as an array of %d elements, found '%.*s'",
                       own->shown, read->stream.len == 0 ? 8 : 7,
                       MR_SLICE_ARGS(mr_slice_of(element.ptr, mr_min_u64(element.len, 60))));
    if (message.global_position < read->from)
        return mr_fail(err, MR_ERR_INPUT,
                       "%s: expected global position %lld or more, found %lld: the server does not "
                       "keep the order",
                       own->shown, (long long)read->from, (long long)message.global_position);
    const mr_code code = read->take(read->context, &message, err);
    own->stopped = code != MR_OK;
    if (own->stopped) return code;
    read->from = message.global_position + 1;
    read->taken++;
    return MR_OK;
}

static mr_code on_answer(void *context, mr_slice bytes, mr_error *err)
{
    mr_store_client *const own = context;
    return mr_store_split_feed(&own->split, bytes, err);
}

static mr_code write_request(mr_store_client *own, const mr_store_read *read, mr_error *err)
{
    mr_json_out json = {.out = &own->request};
    const bool of_stream = read->stream.len > 0;
    mr_buffer_reset(&own->request);
    mr_json_open(&json, '[');
    mr_json_text(&json, of_stream ? MR_SLICE("stream.get") : MR_SLICE("category.get"));
    mr_json_text(&json, of_stream ? read->stream : read->category);
    mr_json_open(&json, '{');
    mr_json_key(&json, of_stream ? "globalPosition" : "position");
    mr_json_i64(&json, read->from);
    mr_json_key(&json, "batchSize");
    mr_json_u64(&json, read->limit - read->taken);
    if (read->group_size > 0) {
        mr_json_key(&json, "consumerGroup");
        mr_json_open(&json, '{');
        mr_json_key(&json, "member");
        mr_json_i64(&json, read->group_member);
        mr_json_key(&json, "size");
        mr_json_i64(&json, read->group_size);
        mr_json_close(&json, '}');
    }
    mr_json_close(&json, '}');
    mr_json_close(&json, ']');
    return json.failed ? mr_json_out_fail(&json, err) : MR_OK;
}

/* A page from where the last try ended. */
static mr_code read_once(mr_store_client *own, mr_store_read *read, mr_http_call *call,
                         mr_error *err)
{
    MR_TRY(write_request(own, read, err));
    mr_store_split_reset(&own->split);
    *call = (mr_http_call){
        .body = mr_buffer_slice(&own->request), .consume = on_answer, .context = own};
    MR_TRY(call_once(own, "/rpc", NULL, call, err));
    return mr_store_split_finish(&own->split, err);
}

mr_code mr_store_client_read(mr_store_client *client, mr_store_read *read, mr_error *err)
{
    mr_guard *const guard = client->options.guard;
    mr_guard_call tries;
    mr_guard_result result;
    client->read = read;
    client->stopped = false;
    read->taken = 0;
    mr_guard_begin(guard, &tries);
    do {
        mr_http_call call = {0};
        const uint32_t before = read->taken;
        MR_TRY(mr_guard_enter(guard, &tries, err));
        const mr_code code = read_once(client, read, &call, err);
        result = result_of(&call, code, err);
        if (client->stopped) result.fault = MR_CLASS_NONE;
        if (mr_fault_passes(result.fault) && read->taken == read->limit)
            result = (mr_guard_result){0}; /* all that was asked for came before it broke */
        if (read->taken > before) mr_guard_got_on(guard, &tries);
    } while (mr_guard_again(guard, &tries, &result));
    return result.code;
}

/* --- Waiting ---------------------------------------------------------------------------------- */

/* Sleeps, in small pieces so that it can be ended. */
static mr_code rest(mr_store_client *own, int64_t ms, mr_error *err)
{
    for (; ms > 0; ms -= PAUSE_MS) {
        if (own->options.may_go_on != NULL)
            MR_TRY(own->options.may_go_on(own->options.context, err));
        const struct timespec nap = {.tv_nsec =
                                         (long)mr_min_u64((uint64_t)ms, PAUSE_MS) * MR_NS_PER_MS};
        nanosleep(&nap, NULL);
    }
    return MR_OK;
}

static mr_code may_wait(void *context, mr_error *err)
{
    mr_store_client *const own = context;
    if (own->options.may_go_on != NULL) MR_TRY(own->options.may_go_on(own->options.context, err));
    own->wait.over = mr_clock_real_ns() >= own->wait.until_ns;
    return own->wait.over ? mr_fail(err, MR_ERR_CLOSED, "nothing came") : MR_OK;
}

/* One event is enough: what has come is then read. A comment begins with ':'; what looks like the
 * middle of a line is taken for an event, for a look too many does no harm. */
static mr_code on_event(void *context, mr_slice bytes, mr_error *err)
{
    mr_store_client *const own = context;
    own->wait.poked = bytes.ptr[0] != ':' || memmem(bytes.ptr, bytes.len, "event:", 6) != NULL;
    return own->wait.poked ? mr_fail(err, MR_ERR_CLOSED, "something came") : MR_OK;
}

static mr_code put_escaped(mr_buffer *out, mr_slice text, mr_error *err)
{
    for (size_t i = 0; i < text.len; i++) {
        const unsigned char byte = (unsigned char)text.ptr[i];
        const bool plain =
            (byte >= '0' && byte <= '9') || ((byte | 0x20) >= 'a' && (byte | 0x20) <= 'z');
        if (plain)
            MR_TRY(mr_buffer_append_byte(out, text.ptr[i], err));
        else
            MR_TRY(mr_buffer_printf(out, err, "%%%02X", byte));
    }
    return MR_OK;
}

static mr_code write_subscription(mr_store_client *own, const mr_store_read *read,
                                  int64_t stream_position, mr_error *err)
{
    mr_buffer *const out = &own->request;
    const bool of_stream = read->stream.len > 0, all = !of_stream && read->category.len == 0;
    mr_buffer_reset(out);
    MR_TRY(mr_buffer_printf(out, err, "%s/subscribe?position=%lld", own->url,
                            (long long)(of_stream ? stream_position : read->from)));
    MR_TRY(mr_buffer_append(out,
                            of_stream ? MR_SLICE("&stream=")
                            : all     ? MR_SLICE("&all=true&catchup=true")
                                      : MR_SLICE("&category="),
                            err));
    MR_TRY(put_escaped(out, of_stream ? read->stream : read->category, err));
    if (read->group_size > 0 && !all)
        MR_TRY(mr_buffer_printf(out, err, "&consumer=%lld&size=%lld", (long long)read->group_member,
                                (long long)read->group_size));
    return mr_buffer_append_byte(out, 0, err);
}

static mr_code subscribe(mr_store_client *own, const mr_store_read *read, int64_t stream_position,
                         mr_error *err)
{
    const mr_http_line line = {"Authorization", mr_slice_text(own->authorization)};
    if (own->waiter == NULL) {
        mr_http_client_options options = http_options(own);
        options.idle_ms = 0; /* nothing but a heartbeat may come for long */
        options.whole_ms = 0;
        options.may_go_on = may_wait;
        options.context = own;
        MR_TRY(mr_http_client_open(&options, &own->waiter, err));
    }
    MR_TRY(write_subscription(own, read, stream_position, err));
    mr_http_call call = {.method = "GET",
                         .url = own->request.ptr,
                         .lines = &line,
                         .line_count = own->authorization != NULL,
                         .consume = on_event,
                         .context = own};
    return mr_http_client_call(own->waiter, &call, err);
}

mr_code mr_store_client_wait(mr_store_client *client, const mr_store_read *read,
                             int64_t stream_position, int64_t longest_ms, int64_t pause_ms,
                             mr_error *err)
{
    client->wait = (mr_store_wait){.until_ns = mr_clock_real_ns() + longest_ms * MR_NS_PER_MS};
    const bool tells = read->stream.len == 0 || stream_position >= 0;
    const mr_code code = tells ? subscribe(client, read, stream_position, err) : MR_OK;
    if (client->wait.poked || client->wait.over) return MR_OK;
    if (code == MR_ERR_CLOSED || code == MR_ERR_NOMEM) return code;
    return rest(client, pause_ms, err);
}

/* --- Opening ---------------------------------------------------------------------------------- */

static mr_code take_url(mr_store_client *own, const char *url, mr_error *err)
{
    const mr_slice text = mr_slice_text(url);
    mr_http_url_shown(url != NULL ? url : "", own->shown, sizeof own->shown);
    if (!mr_slice_starts(text, "http://") && !mr_slice_starts(text, "https://"))
        return mr_fail(err, MR_ERR_USAGE,
                       "expected the URL of a message store, such as http://127.0.0.1:8080, found "
                       "'%s'",
                       own->shown);
    if (text.len >= URL_MAX)
        return mr_fail(err, MR_ERR_USAGE, "the URL '%s' is longer than %d bytes", own->shown,
                       URL_MAX - 1);
    if (memchr(text.ptr, '?', text.len) != NULL || memchr(text.ptr, '#', text.len) != NULL)
        return mr_fail(err, MR_ERR_USAGE,
                       "the URL '%s' goes on behind '?' or '#'; give the token as a setting of its "
                       "own",
                       own->shown);
    memcpy(own->url, text.ptr, text.len + 1);
    for (size_t len = text.len; len > 0 && own->url[len - 1] == '/'; len--)
        own->url[len - 1] = '\0';
    return MR_OK;
}

/* `before` and `text` as one; NULL when there is no text. */
static mr_code take_text(const char *before, const char *text, char **out, mr_error *err)
{
    if (text == NULL || *text == '\0') return MR_OK;
    const size_t size = strlen(before) + strlen(text) + 1;
    *out = mr_mem_alloc(size);
    if (*out == NULL) return mr_fail(err, MR_ERR_NOMEM, "out of memory");
    snprintf(*out, size, "%s%s", before, text);
    return MR_OK;
}

mr_code mr_store_client_open(const mr_store_client_options *options, mr_store_client **out,
                             mr_error *err)
{
    mr_store_client *const client = mr_mem_zalloc(sizeof *client);
    if (client == NULL) return mr_fail(err, MR_ERR_NOMEM, "out of memory");
    client->options = *options;
    client->options.url = client->options.token = client->options.ca_file = NULL;
    mr_buffer_init(&client->request, "a request to the message store", REQUEST_BYTES);
    mr_buffer_init(&client->refused, "an error of the message store", REFUSAL_BYTES);
    mr_arena_init(&client->arena, "connector.store", MR_STORE_MESSAGE_BYTES * 2);
    mr_store_split_init(&client->split, "a message of the store", MR_STORE_MESSAGE_BYTES);
    client->split.take = on_element;
    client->split.context = client;
    mr_code code = take_url(client, options->url, err);
    if (code == MR_OK) code = take_text("Bearer ", options->token, &client->authorization, err);
    if (code == MR_OK) code = take_text("", options->ca_file, &client->ca_file, err);
    mr_http_client_options http = http_options(client);
    http.may_go_on = may_go_on;
    http.context = client;
    if (code == MR_OK) code = mr_http_client_open(&http, &client->http, err);
    if (code != MR_OK)
        mr_store_client_close(client);
    else
        *out = client;
    return code;
}

void mr_store_client_close(mr_store_client *client)
{
    if (client == NULL) return;
    mr_http_client_close(client->http);
    mr_http_client_close(client->waiter);
    mr_buffer_done(&client->request);
    mr_buffer_done(&client->refused);
    mr_arena_done(&client->arena);
    mr_store_split_done(&client->split);
    mr_mem_free(client->authorization);
    mr_mem_free(client->ca_file);
    mr_mem_free(client);
}
