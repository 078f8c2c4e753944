/* SPDX-License-Identifier: MIT
 *
 * import: lines are sent as they are read, and the report is read meanwhile. */
#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/exit.h"
#include "cli/transfer.h"
#include "connector/store_client.h"
#include "core/clock.h"
#include "core/scan.h"
#include "format/input.h"

#define REPORT_BYTES_MAX ((size_t)1 << 20) /* of one section */
#define PROGRESS_NS      (200 * MR_NS_PER_MS)
#define ANSWER_MAX       64

typedef struct import {
    const mr_transfer_import_options *options;
    mr_store_client *client;
    mr_file file;
    mr_input *input;
    mr_buffer section; /* of the report, as far as it has come */
    mr_arena arena;    /* its texts */
    uint64_t count;
    char elapsed[32];
    bool done;
    bool refused; /* the report ended with an error, which is in `refusal` */
    mr_error refusal;
    int64_t shown_ns;
    bool shows;
} import;

/* --- Asking ----------------------------------------------------------------------------------- */

/* The terminal, or the reason why nobody can be asked. */
static mr_code read_answer(char *answer, size_t size, mr_error *err)
{
    FILE *const terminal = fopen("/dev/tty", "r+e");
    if (terminal == NULL)
        return mr_fail(err, MR_ERR_USAGE,
                       "--force removes every message of the namespace and asks before; there is "
                       "no terminal to ask on, so add --yes");
    fputs("This removes every message of the namespace first. Continue? [y/N] ", terminal);
    fflush(terminal);
    const char *const line = fgets(answer, (int)size, terminal);
    fclose(terminal);
    if (line == NULL) answer[0] = '\0';
    return MR_OK;
}

static mr_code ask(mr_error *err)
{
    char answer[ANSWER_MAX];
    MR_TRY(read_answer(answer, sizeof answer, err));
    answer[strcspn(answer, "\r\n")] = '\0';
    for (char *at = answer; *at != '\0'; at++)
        if (*at >= 'A' && *at <= 'Z') *at = (char)(*at | 0x20);
    if (strcmp(answer, "y") == 0 || strcmp(answer, "yes") == 0) return MR_OK;
    return mr_fail(err, MR_ERR_USAGE, "nothing was imported and nothing removed");
}

/* --- The report ------------------------------------------------------------------------------- */

static void show(import *own, bool final)
{
    if (!final && (!own->shows || mr_clock_ns() - own->shown_ns < PROGRESS_NS)) return;
    own->shown_ns = mr_clock_ns();
    if (final)
        fprintf(stderr, "\rImported: %llu events in %s\n", (unsigned long long)own->count,
                own->elapsed);
    else
        fprintf(stderr, "\rImported: %llu events", (unsigned long long)own->count);
}

enum { IMPORTED, DONE, ELAPSED, ERROR, MESSAGE, LINE, REPORT_FIELDS };
static const char *const report_keys[REPORT_FIELDS] = {"imported", "done",    "elapsed",
                                                       "error",    "message", "line"};

static mr_slice text_of(import *own, const mr_scan_value *value)
{
    mr_slice text = {0};
    if (value->kind == MR_SCAN_STRING && !mr_scan_text(value, &own->arena, &text)) text.len = 0;
    return text;
}

static void take_refusal(import *own, const mr_scan_value *fields)
{
    const mr_slice code = text_of(own, &fields[ERROR]), message = text_of(own, &fields[MESSAGE]);
    const char *const name = mr_input_file_name(own->input, 0);
    int64_t line = 0;
    own->refused = true;
    if (fields[LINE].kind == MR_SCAN_NUMBER && mr_scan_i64(&fields[LINE], &line) && line > 0)
        mr_fail(&own->refusal, MR_ERR_INPUT, "%s, line %lld: %.*s: %.*s", name, (long long)line,
                MR_SLICE_ARGS(code), MR_SLICE_ARGS(message));
    else
        mr_fail(&own->refusal, MR_ERR_INPUT, "%s: %.*s: %.*s", name, MR_SLICE_ARGS(code),
                MR_SLICE_ARGS(message));
}

/* One line of the answer, without its LF. */
static mr_code take_report(import *own, mr_slice line, mr_error *err)
{
    mr_scan scan;
    mr_scan_value whole, fields[REPORT_FIELDS] = {0};
    int64_t count;
    if (!mr_slice_starts(line, "data:")) return MR_OK;
    mr_arena_reset(&own->arena);
    mr_scan_init(&scan, mr_slice_from(line, strlen("data:")));
    if (!mr_scan_next(&scan, &whole) || whole.kind != MR_SCAN_OBJECT || !mr_scan_finish(&scan))
        return mr_fail(err, MR_ERR_INPUT, "%s: expected a report of the import, found '%.*s'",
                       mr_store_client_url(own->client),
                       MR_SLICE_ARGS(mr_slice_of(line.ptr, (size_t)mr_min_u64(line.len, 100))));
    mr_scan_members(&whole, report_keys, REPORT_FIELDS, fields);
    if (fields[IMPORTED].kind == MR_SCAN_NUMBER && mr_scan_i64(&fields[IMPORTED], &count) &&
        count >= 0)
        own->count = (uint64_t)count;
    if (fields[ERROR].kind != MR_SCAN_NONE) take_refusal(own, fields);
    own->done = own->done || fields[DONE].kind == MR_SCAN_TRUE;
    if (own->done)
        snprintf(own->elapsed, sizeof own->elapsed, "%.*s",
                 MR_SLICE_ARGS(text_of(own, &fields[ELAPSED])));
    show(own, false);
    return MR_OK;
}

static mr_code on_report(void *context, mr_slice bytes, mr_error *err)
{
    import *const own = context;
    while (bytes.len > 0) {
        const char *const lf = memchr(bytes.ptr, '\n', bytes.len);
        const size_t len = lf != NULL ? (size_t)(lf - bytes.ptr) : bytes.len;
        MR_TRY(mr_buffer_append(&own->section, mr_slice_of(bytes.ptr, len), err));
        bytes = mr_slice_from(bytes, len + (lf != NULL));
        if (lf == NULL) break;
        MR_TRY(take_report(own, mr_buffer_slice(&own->section), err));
        mr_buffer_reset(&own->section);
    }
    return MR_OK;
}

/* --- Sending ---------------------------------------------------------------------------------- */

static mr_code on_want(void *context, char *to, size_t room, size_t *out_len, mr_error *err)
{
    import *const own = context;
    return mr_input_read(own->input, to, room, out_len, err);
}

static mr_code open_input(import *own, mr_error *err)
{
    const char *const path = own->options->input != NULL ? own->options->input : "-";
    const mr_input_options input = {.codec = own->options->gzip ? MR_CODEC_GZIP : MR_CODEC_AUTO};
    const int given = mr_file_path_fd(path, STDIN_FILENO);
    if (given >= 0)
        return mr_input_open_fd(&own->input, given, given == STDIN_FILENO ? "standard input" : path,
                                &input, err);
    MR_TRY(mr_file_open(&own->file, path, err));
    return mr_input_open_fd(&own->input, own->file.fd, path, &input, err);
}

static mr_code import_all(import *own, mr_error *err)
{
    const mr_transfer_server *const server = &own->options->server;
    const mr_store_client_options client = {.url = server->url,
                                            .token = server->token,
                                            .ca_file = server->ca_file,
                                            .insecure = server->insecure};
    MR_TRY(mr_store_client_open(&client, &own->client, err));
    MR_TRY(open_input(own, err));
    if (own->options->force && !own->options->yes) MR_TRY(ask(err));
    mr_http_call call = {.produce = on_want, .consume = on_report, .context = own};
    const mr_code code = mr_store_client_post(
        own->client, own->options->force ? "/import?force=true" : "/import", &call, err);
    if (own->refused) { /* a broken connection is then but the end of it */
        *err = own->refusal;
        return MR_ERR_INPUT;
    }
    MR_TRY(code);
    if (own->done) return MR_OK;
    return mr_fail(err, MR_ERR_IO,
                   "%s: the report ended before the import did; %llu events are known to be there",
                   mr_store_client_url(own->client), (unsigned long long)own->count);
}

int mr_transfer_import(const mr_transfer_import_options *options)
{
import own = {.options = options, .shows = isatty(STDERR_FILENO) == 1 };
    mr_error err = {0};
    mr_buffer_init(&own.section, "a report of the import", REPORT_BYTES_MAX);
    mr_arena_init(&own.arena, "cli.import", REPORT_BYTES_MAX * 2);
    const mr_code code = import_all(&own, &err);
    if (code == MR_OK)
        show(&own, true);
    else if (own.shows && own.shown_ns > 0)
        fputc('\n', stderr);
    mr_store_client_close(own.client);
    if (own.input != NULL) mr_input_close(own.input);
    mr_file_close(&own.file);
    mr_buffer_done(&own.section);
    mr_arena_done(&own.arena);
    if (code == MR_OK) return MR_EXIT_OK;
    (void)mr_cli_fail(code, &err);
    return MR_EXIT_FAILED;
}
