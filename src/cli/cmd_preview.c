/* SPDX-License-Identifier: MIT
 *
 * preview and schema: what a source holds, before a byte is written. */
#include <stdio.h>
#include <stdlib.h>

#include "cli/cli.h"
#include "cli/commands.h"
#include "cli/exit.h"
#include "core/json.h"
#include "core/mem.h"
#include "core/utf8.h"
#include "pipeline/run.h"

#define MAX_TEXT_BYTES ((size_t)256 << 20)
#define MAX_CELL_BYTES 40 /* of a preview's cell */

/* A destination that keeps the first rows for showing. */
typedef struct shown_rows {
    mr_buffer text; /* cells one after the other, each as length + bytes */
    uint32_t column_count;
    uint64_t row_count;
    mr_schema schema;
    mr_arena *arena;
} shown_rows;

static void warn(void *context, const char *text)
{
    (void)context;
    fprintf(stderr, "millrace: warning: %s\n", text);
}

/* --- schema
 * ----------------------------------------------------------------------------------------- */

static void put_first(mr_json_out *json, const mr_infer_first *first)
{
    mr_json_open(json, '{');
    mr_json_key(json, "type"), mr_json_text(json, mr_slice_text(mr_type_name(first->type)));
    mr_json_key(json, "record"), mr_json_u64(json, first->record);
    mr_json_key(json, "line"), mr_json_u64(json, first->line);
    mr_json_key(json, "value"), mr_json_text(json, (mr_slice){first->sample, first->length});
    if (first->cut) mr_json_key(json, "cut"), mr_json_bool(json, true);
    mr_json_close(json, '}');
}

static void put_column(mr_json_out *json, const mr_field *field, const mr_infer *found)
{
    mr_json_open(json, '{');
    mr_json_key(json, "name"), mr_json_text(json, field->name);
    mr_json_key(json, "type"), mr_json_text(json, mr_slice_text(mr_type_name(field->type)));
    if (found != NULL) {
        mr_json_key(json, "values"), mr_json_u64(json, found->value_count);
        mr_json_key(json, "nulls"), mr_json_u64(json, found->null_count);
        mr_json_key(json, "max_length"), mr_json_u64(json, found->max_length);
        mr_json_key(json, "because");
        mr_json_open(json, '[');
        for (uint32_t i = 0; i < found->first_count; i++)
            put_first(json, &found->first[i]);
        mr_json_close(json, ']');
    }
    mr_json_close(json, '}');
}

/* Groups are there when all records have been read, and then they have been made for nothing. */
static mr_code refuse_groups(const mr_run *run, mr_error *err)
{
    if (run->stages.count == 1) return MR_OK;
    return mr_fail(err, MR_ERR_USAGE,
                   "%s: the columns of an aggregate have their types when it has run; use preview",
                   run->stages.items[0].aggregate->where);
}

static mr_code print_schema(const mr_run *run, mr_error *err)
{
    const mr_schema *schema =
        run->discovered ? &run->discovery.schema : run->source->schema(run->source_state);
    mr_buffer text;
    mr_buffer_init(&text, "the schema's text", MAX_TEXT_BYTES);
    mr_json_out json = {.out = &text};
    mr_json_open(&json, '{');
    mr_json_key(&json, "records");
    run->discovered ? mr_json_u64(&json, run->discovery.record_count) : mr_json_null(&json);
    mr_json_key(&json, "complete"), mr_json_bool(&json, run->exact || !run->discovered);
    mr_json_key(&json, "columns");
    mr_json_open(&json, '[');
    for (uint32_t i = 0; i < schema->field_count; i++)
        put_column(&json, &schema->fields[i], run->discovered ? &run->discovery.columns[i] : NULL);
    mr_json_close(&json, ']');
    mr_json_close(&json, '}');
    mr_code rc =
        json.failed ? mr_json_out_fail(&json, err) : mr_buffer_append_byte(&text, '\n', err);
    if (rc == MR_OK) rc = mr_cli_print(mr_buffer_slice(&text), err);
    mr_buffer_done(&text);
    return rc;
}

int mr_cmd_schema(mr_args *args)
{
    mr_error err = {0};
    static mr_run run;
    mr_cli_print_notes(&args->config, false);
    mr_code rc = mr_run_open(&run, &args->config, MR_CONFIG_SOURCE, warn, NULL, &err);
    if (rc == MR_OK) rc = refuse_groups(&run, &err);
    if (rc == MR_OK) rc = mr_run_discover(&run, true, 0, &err);
    if (rc == MR_OK) rc = print_schema(&run, &err);
    mr_run_close(&run);
    return rc == MR_OK ? MR_EXIT_OK : mr_cli_fail(rc, &err);
}

/* --- preview
 * ---------------------------------------------------------------------------------------- */

static mr_code keep_open(void *state, const mr_connector_env *env, mr_error *err)
{
    (void)state, (void)env, (void)err;
    return MR_OK;
}

static mr_code keep_cell(shown_rows *rows, const mr_column *column, uint32_t row, mr_error *err)
{
    mr_slice cell = mr_column_text(column, row);
    if (mr_column_is_absent(column, row))
        cell = MR_SLICE("\x01");
    else if (mr_column_is_null(column, row))
        cell = MR_SLICE("\x02");
    const bool cut = cell.len > MAX_CELL_BYTES;
    if (cut) cell.len = mr_utf8_trim((mr_slice){cell.ptr, MAX_CELL_BYTES - 3});
    const uint32_t length = (uint32_t)cell.len + (cut ? 3 : 0);
    MR_TRY(mr_buffer_append(&rows->text, (mr_slice){(const char *)&length, sizeof length}, err));
    MR_TRY(mr_buffer_append(&rows->text, cell, err));
    return cut ? mr_buffer_append(&rows->text, MR_SLICE("..."), err) : MR_OK;
}

static mr_code keep_rows(void *state, mr_job *job, mr_error *err)
{
    shown_rows *rows = state;
    const mr_batch *batch = &job->batch;
    if (rows->schema.field_count == 0)
        for (uint32_t c = 0; c < batch->column_count; c++)
            MR_TRY(mr_schema_add(&rows->schema, batch->columns[c].name, MR_TYPE_NULL, NULL, err));
    for (uint32_t row = 0; row < batch->row_count; row++)
        for (uint32_t c = 0; c < rows->schema.field_count; c++) {
            const int64_t at =
                c < batch->column_count &&
                        mr_slice_equal(batch->columns[c].name, rows->schema.fields[c].name)
                    ? c
                    : mr_batch_find(batch, rows->schema.fields[c].name);
            static const uint32_t absent = 1;
            if (at >= 0) {
                MR_TRY(keep_cell(rows, &batch->columns[at], row, err));
                continue;
            }
            MR_TRY(mr_buffer_append(&rows->text, (mr_slice){(const char *)&absent, sizeof absent},
                                    err));
            MR_TRY(mr_buffer_append(&rows->text, MR_SLICE("\x01"), err));
        }
    rows->row_count += batch->row_count;
    job->encoded_rows += batch->row_count;
    return MR_OK;
}

static const mr_destination_ops keep_destination = {.name = "preview",
                                                    .summary = "",
                                                    .capabilities = MR_CAP_TYPED | MR_CAP_DECLARES,
                                                    .open = keep_open,
                                                    .write = keep_rows,
                                                    .guarantee = ""};

static mr_slice next_cell(const shown_rows *rows, size_t *at)
{
    uint32_t length;
    memcpy(&length, rows->text.ptr + *at, sizeof length);
    const mr_slice cell = {rows->text.ptr + *at + sizeof length, length};
    *at += sizeof length + length;
    if (mr_slice_is(cell, "\x01")) return MR_SLICE("(absent)");
    if (mr_slice_is(cell, "\x02")) return MR_SLICE("(null)");
    return cell.len == 0 ? MR_SLICE("\"\"") : cell;
}

/* Columns on a terminal: code points, not bytes; control characters take one place. */
static uint32_t width_of(mr_slice text)
{
    uint32_t width = 0;
    for (size_t i = 0; i < text.len; i++)
        width += ((unsigned char)text.ptr[i] & 0xc0) != 0x80;
    return width;
}

static mr_code put_padded(mr_buffer *out, mr_slice text, uint32_t width, mr_error *err)
{
    const size_t from = out->len;
    MR_TRY(mr_buffer_append(out, text, err));
    for (size_t i = from; i < out->len; i++)
        if ((unsigned char)out->ptr[i] < 0x20 || out->ptr[i] == 0x7f) out->ptr[i] = '?';
    for (uint32_t w = width_of(text); w < width + 2; w++)
        MR_TRY(mr_buffer_append_byte(out, ' ', err));
    return MR_OK;
}

static mr_code put_line(mr_buffer *out, mr_error *err)
{
    while (out->len > 0 && out->ptr[out->len - 1] == ' ')
        out->len--;
    return mr_buffer_append_byte(out, '\n', err);
}

static mr_slice type_of(const mr_run *run, mr_slice name)
{
    const int64_t at = mr_schema_find(&run->schema, name);
    return mr_slice_text(at >= 0 ? mr_type_name(run->schema.fields[at].type) : "");
}

static mr_code put_table(const mr_run *run, const shown_rows *rows, mr_buffer *out, mr_error *err)
{
    const uint32_t count = rows->schema.field_count;
    uint32_t *widths = mr_mem_zalloc(sizeof *widths * (count + 1));
    if (widths == NULL) return mr_fail(err, MR_ERR_NOMEM, "no memory left for %u columns", count);
    mr_code rc = MR_OK;
    size_t at = 0;
    for (uint32_t c = 0; c < count; c++) {
        const mr_slice name = rows->schema.fields[c].name;
        widths[c] = (uint32_t)mr_max_u64(width_of(name), width_of(type_of(run, name)));
    }
    for (uint64_t row = 0; row < rows->row_count; row++)
        for (uint32_t c = 0; c < count; c++)
            widths[c] = (uint32_t)mr_max_u64(widths[c], width_of(next_cell(rows, &at)));
    for (uint32_t c = 0; c < count && rc == MR_OK; c++)
        rc = put_padded(out, rows->schema.fields[c].name, widths[c], err);
    if (rc == MR_OK) rc = put_line(out, err);
    for (uint32_t c = 0; c < count && rc == MR_OK; c++)
        rc = put_padded(out, type_of(run, rows->schema.fields[c].name), widths[c], err);
    if (rc == MR_OK) rc = put_line(out, err);
    at = 0;
    for (uint64_t row = 0; row < rows->row_count && rc == MR_OK; row++) {
        for (uint32_t c = 0; c < count && rc == MR_OK; c++)
            rc = put_padded(out, next_cell(rows, &at), widths[c], err);
        if (rc == MR_OK) rc = put_line(out, err);
    }
    mr_mem_free(widths);
    return rc;
}

/* What the reader could not take of the records looked at. */
static mr_code put_rejects(const mr_ledger *ledger, mr_buffer *out, mr_error *err)
{
    for (int i = 0; i < MR_REASON_COUNT; i++)
        if (ledger->by_reason[i] > 0)
            MR_TRY(mr_buffer_printf(out, err, "%llu rejected: %s\n",
                                    (unsigned long long)ledger->by_reason[i],
                                    mr_reason_name((mr_reason)i)));
    return MR_OK;
}

static mr_code put_closing(const mr_run *run, const shown_rows *rows, mr_buffer *out, mr_error *err)
{
    const uint64_t looked_at = run->discovered ? run->discovery.record_count : 0;
    const char *all = run->exact ? "all" : "the first";
    if (!run->discovered)
        return mr_buffer_printf(out, err, "%llu row%s shown\n", (unsigned long long)rows->row_count,
                                rows->row_count == 1 ? "" : "s");
    return mr_buffer_printf(out, err, "%llu row%s shown; types from %s %llu record%s\n",
                            (unsigned long long)rows->row_count, rows->row_count == 1 ? "" : "s",
                            all, (unsigned long long)looked_at, looked_at == 1 ? "" : "s");
}

static mr_code show(mr_run *run, shown_rows *rows, mr_error *err)
{
    mr_report report;
    mr_run_execute(run, &report);
    if (report.error.code != MR_OK) {
        *err = report.error;
        return err->code;
    }
    mr_buffer text;
    mr_buffer_init(&text, "the preview", MAX_TEXT_BYTES);
    mr_code rc = put_table(run, rows, &text, err);
    if (rc == MR_OK)
        rc = put_rejects(run->discovered ? &run->looked_at : &report.ledger, &text, err);
    if (rc == MR_OK) rc = put_closing(run, rows, &text, err);
    if (rc == MR_OK) rc = mr_cli_print(mr_buffer_slice(&text), err);
    mr_buffer_done(&text);
    return rc;
}

int mr_cmd_preview(mr_args *args)
{
    mr_error err = {0};
    static mr_run run;
    shown_rows rows = {0};
    mr_cli_print_notes(&args->config, false);
    mr_buffer_init(&rows.text, "the rows of a preview", MAX_TEXT_BYTES);
    mr_schema_init(&rows.schema, args->arena);
    mr_code rc = mr_run_open(&run, &args->config, MR_CONFIG_SOURCE, warn, NULL, &err);
    if (rc == MR_OK) rc = mr_run_discover(&run, true, MR_SAMPLE_RECORDS, &err);
    run.destination = &keep_destination;
    run.destination_state = &rows;
    args->config.limit = args->rows;
    args->config.progress = MR_PROGRESS_OFF;
    if (rc == MR_OK && args->rows > 0) rc = show(&run, &rows, &err);
    mr_run_close(&run);
    mr_buffer_done(&rows.text);
    return rc == MR_OK ? MR_EXIT_OK : mr_cli_fail(rc, &err);
}
