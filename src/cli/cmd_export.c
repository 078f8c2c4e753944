/* SPDX-License-Identifier: MIT
 *
 * export: pages of category.get become lines. What is to be left out by time is left out here,
 * because the protocol cannot ask for it. */
#include <stdio.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/exit.h"
#include "cli/transfer.h"
#include "connector/store_client.h"
#include "core/clock.h"
#include "core/json.h"
#include "format/output.h"

#define PAGE             1000u /* messages asked for at a time */
#define CATEGORIES_MAX   4096u
#define WRITE_BYTES      ((size_t)256 << 10) /* gathered before they are compressed and written */
#define LINE_BYTES_MAX   ((size_t)1 << 30)
#define PROGRESS_NS      (200 * MR_NS_PER_MS)
#define PACKED_BYTES_MAX ((size_t)1 << 30)
#define ANY_TIME         INT64_MIN

typedef struct export
{
    const mr_transfer_export_options *options;
    mr_store_client *client;
    mr_output *output;
    mr_compressor *gzip; /* where the output's name would not have it */
    mr_buffer lines, packed;
    int64_t since_us, until_us;
    uint64_t count;
    int64_t shown_ns;
    bool shows; /* standard error is a terminal: progress is shown on it */
}
export;

/* --- What is asked for ------------------------------------------------------------------------ */

static mr_code read_bound(const char *text, const char *flag, int64_t otherwise, int64_t *out,
                          mr_error *err)
{
    *out = otherwise;
    if (text == NULL || *text == '\0') return MR_OK;
    const mr_slice slice = mr_slice_text(text);
    if (mr_parse_day(slice, out) || mr_parse_time(slice, out)) return MR_OK;
    return mr_fail(err, MR_ERR_USAGE,
                   "%s: expected YYYY-MM-DD or RFC 3339, as in 2025-01-15T10:00:00Z, found '%s'",
                   flag, text);
}

static mr_slice trimmed(mr_slice text)
{
    while (text.len > 0 && text.ptr[0] == ' ')
        text = mr_slice_from(text, 1);
    while (text.len > 0 && text.ptr[text.len - 1] == ' ')
        text.len--;
    return text;
}

/* The next name of "a,b"; false at the end. */
static bool next_category(mr_slice *list, mr_slice *out)
{
    while (list->len > 0) {
        const char *const comma = memchr(list->ptr, ',', list->len);
        const size_t len = comma != NULL ? (size_t)(comma - list->ptr) : list->len;
        *out = trimmed(mr_slice_of(list->ptr, len));
        *list = mr_slice_from(*list, len + (comma != NULL));
        if (out->len > 0) return true;
    }
    return false;
}

/* Whether `name` stands in the part of the list before it. */
static bool is_repeated(mr_slice list, mr_slice name)
{
    mr_slice before;
    mr_slice head = {list.ptr, (size_t)(name.ptr - list.ptr)};
    while (next_category(&head, &before))
        if (mr_slice_equal(before, name)) return true;
    return false;
}

/* --- Lines ------------------------------------------------------------------------------------ */

static void show(export *own, bool final)
{
    if (!final && (!own->shows || mr_clock_ns() - own->shown_ns < PROGRESS_NS)) return;
    own->shown_ns = mr_clock_ns();
    fprintf(stderr, "\rExported: %llu events%s", (unsigned long long)own->count,
            final ? " total\n" : "");
}

static mr_code write_lines(export *own, mr_error *err)
{
    const mr_slice lines = mr_buffer_slice(&own->lines);
    mr_code code;
    if (own->gzip == NULL) {
        code = mr_output_write(own->output, lines, err);
    } else {
        mr_buffer_reset(&own->packed);
        code = mr_compressor_write(own->gzip, lines, &own->packed, err);
        if (code == MR_OK) code = mr_output_write(own->output, mr_buffer_slice(&own->packed), err);
    }
    mr_buffer_reset(&own->lines);
    return code;
}

static void write_line(mr_json_out *json, const mr_store_message *message)
{
    mr_json_open(json, '{');
    mr_json_key(json, "id");
    mr_json_text(json, message->id);
    mr_json_key(json, "stream");
    mr_json_text(json, message->stream);
    mr_json_key(json, "type");
    mr_json_text(json, message->type);
    mr_json_key(json, "pos");
    mr_json_i64(json, message->position);
    mr_json_key(json, "gpos");
    mr_json_i64(json, message->global_position);
    mr_json_key(json, "data");
    mr_json_raw(json, message->data.ptr != NULL ? message->data : MR_SLICE("null"));
    mr_json_key(json, "meta");
    mr_json_raw(json, message->metadata.ptr != NULL ? message->metadata : MR_SLICE("null"));
    mr_json_key(json, "time");
    mr_json_text(json, message->time);
    mr_json_close(json, '}');
}

static mr_code take(void *context, const mr_store_message *message, mr_error *err)
{
    export *const own = context;
    int64_t time_us;
    if (!mr_parse_time(message->time, &time_us))
        return mr_fail(err, MR_ERR_INPUT, "%s: expected a time in RFC 3339, found '%.*s'",
                       mr_store_client_url(own->client),
                       MR_SLICE_ARGS(mr_slice_of(message->time.ptr,
                                                 (size_t)mr_min_u64(message->time.len, 64))));
    if (time_us < own->since_us || time_us >= own->until_us) return MR_OK;
    mr_json_out json = {.out = &own->lines};
    write_line(&json, message);
    if (json.failed) return mr_json_out_fail(&json, err);
    MR_TRY(mr_buffer_append_byte(&own->lines, '\n', err));
    own->count++;
    if (own->lines.len < WRITE_BYTES) return MR_OK;
    show(own, false);
    return write_lines(own, err);
}

static mr_code export_category(export *own, mr_slice category, mr_error *err)
{
    mr_store_read read = {.category = category, .limit = PAGE, .take = take, .context = own};
    do
        MR_TRY(mr_store_client_read(own->client, &read, err));
    while (read.taken == PAGE);
    return MR_OK;
}

static mr_code export_categories(export *own, mr_error *err)
{
    const mr_slice all = mr_slice_text(own->options->categories);
    mr_slice list = all, category;
    bool any = false;
    if (all.len == 0) return export_category(own, MR_SLICE(""), err);
    while (next_category(&list, &category)) {
        any = true;
        if (is_repeated(all, category)) continue;
        if (memchr(category.ptr, '-', category.len) != NULL)
            fprintf(stderr,
                    "millrace: warning: '%.*s' is the name of a stream, no category: nothing is "
                    "exported for it\n",
                    MR_SLICE_ARGS(category));
        MR_TRY(export_category(own, category, err));
    }
    return any ? MR_OK : mr_fail(err, MR_ERR_USAGE, "--categories '%s' names none", all.ptr);
}

/* --- The output ------------------------------------------------------------------------------- */

/* The output compresses where its name or the flag says so. It would change a name that does not
 * show the codec, which was given for good: then the compressor is ours. */
static mr_code open_output(export *own, mr_error *err)
{
    const mr_transfer_export_options *const options = own->options;
    const char *const path = options->output != NULL ? options->output : "-";
    const bool named = mr_codec_of_path(path) != MR_CODEC_NONE;
    const bool to_stdout = mr_file_path_fd(path, STDOUT_FILENO) >= 0;
    const bool own_gzip = options->gzip && !named && !to_stdout;
    const mr_output_options output = {
        .path = path,
        .codec = own_gzip        ? MR_CODEC_NONE
                 : options->gzip ? MR_CODEC_GZIP
                                 : MR_CODEC_AUTO,
        .level = MR_OUTPUT_LEVEL_DEFAULT,
    };
    if (own_gzip)
        MR_TRY(mr_compressor_open(&own->gzip, MR_CODEC_GZIP, mr_codec_default_level(MR_CODEC_GZIP),
                                  err));
    return mr_output_open(&own->output, &output, err);
}

static mr_code finish_output(export *own, mr_error *err)
{
    MR_TRY(write_lines(own, err));
    if (own->gzip != NULL) {
        mr_buffer_reset(&own->packed);
        if (!mr_compressor_in_piece(own->gzip))
            MR_TRY(mr_compressor_block(own->gzip, MR_SLICE(""), &own->packed, err));
        MR_TRY(mr_compressor_end(own->gzip, &own->packed, err));
        MR_TRY(mr_output_write(own->output, mr_buffer_slice(&own->packed), err));
    }
    return mr_output_commit(own->output, err);
}

static mr_code export_all(export *own, mr_error *err)
{
    const mr_transfer_server *const server = &own->options->server;
    const mr_store_client_options client = {.url = server->url,
                                            .token = server->token,
                                            .ca_file = server->ca_file,
                                            .insecure = server->insecure};
    MR_TRY(read_bound(own->options->since, "--since", ANY_TIME, &own->since_us, err));
    MR_TRY(read_bound(own->options->until, "--until", INT64_MAX, &own->until_us, err));
    MR_TRY(mr_store_client_open(&client, &own->client, err));
    MR_TRY(open_output(own, err));
    MR_TRY(export_categories(own, err));
    return finish_output(own, err);
}

int mr_transfer_export(const mr_transfer_export_options *options)
{
    export own = {.options = options, .shows = isatty(STDERR_FILENO) == 1};
    mr_error err = {0};
    mr_buffer_init(&own.lines, "lines of an export", LINE_BYTES_MAX);
    mr_buffer_init(&own.packed, "compressed lines of an export", PACKED_BYTES_MAX);
    const mr_code code = export_all(&own, &err);
    if (code == MR_OK)
        show(&own, true);
    else if (own.shows && own.shown_ns > 0)
        fputc('\n', stderr);
    mr_output_close(own.output);
    mr_compressor_close(own.gzip);
    mr_store_client_close(own.client);
    mr_buffer_done(&own.lines);
    mr_buffer_done(&own.packed);
    if (code == MR_OK) return MR_EXIT_OK;
    (void)mr_cli_fail(code, &err);
    return MR_EXIT_FAILED;
}
