/* SPDX-License-Identifier: MIT
 *
 * A shared object for tests/integration/arrow_others_test.py: batches of ours handed to another
 * Arrow implementation, and taken back. Structs of the C Data Interface go by address.
 *
 * Thread: one. */
#include <stdio.h>

#include "arrow/stream.h"
#include "support/arrow_batch.h"

static mr_error err;
static mr_arena arena;
static mr_schema schema;
static mr_batch batch, back;
static mr_arrow_exporter *exporter;

const char *bridge_error(void);
int bridge_open(void);
int bridge_make(uint64_t seed, uint32_t rows, struct ArrowSchema *out_schema,
                struct ArrowArray *out_array);
uint64_t bridge_data_address(uint32_t column);
int bridge_take(struct ArrowSchema *schema, struct ArrowArray *array, int lend, uint64_t seed,
                uint32_t rows);
uint64_t bridge_back_address(uint32_t column);
int bridge_forget(void);
uint32_t bridge_leased(void);
int bridge_stream(uint64_t seed, uint32_t batches, struct ArrowArrayStream *out);
int64_t bridge_print(struct ArrowArrayStream *stream, char *out, uint64_t size);

const char *bridge_error(void)
{
    return err.text;
}

int bridge_open(void)
{
    err = (mr_error){0};
    mr_arena_init(&arena, "bridge", (size_t)256 << 20);
    mr_batch_init(&batch, 0);
    mr_batch_init(&back, 0);
    arrow_batch_schema(&schema, &arena);
    return (int)mr_arrow_exporter_open(&exporter, &err);
}

static const void *addresses[ARROW_BATCH_COLUMNS];

int bridge_make(uint64_t seed, uint32_t rows, struct ArrowSchema *out_schema,
                struct ArrowArray *out_array)
{
    mr_arrow_plan plan;
    arrow_batch_fill(&batch, &schema, rows, false, &seed);
    for (uint32_t i = 0; i < ARROW_BATCH_COLUMNS; i++)
        addresses[i] = batch.columns[i].data.ptr;
    MR_TRY(mr_arrow_plan_init(&plan, &schema, false, &arena, &err));
    mr_arrow_plan_look(&plan, &batch, false);
    MR_TRY(mr_arrow_export_schema(&plan, out_schema, &err));
    return (int)mr_arrow_export(exporter, &plan, &batch, NULL, out_array, &err);
}

uint64_t bridge_data_address(uint32_t column)
{
    return (uint64_t)(uintptr_t)addresses[column];
}

uint64_t bridge_back_address(uint32_t column)
{
    return (uint64_t)(uintptr_t)back.columns[column].data.ptr;
}

static mr_code compare(uint32_t rows)
{
    if (rows == 0 && back.row_count == 0) return MR_OK;
    if (back.row_count != rows || back.column_count != ARROW_BATCH_COLUMNS)
        return mr_fail(&err, MR_ERR_INPUT, "%u rows of %u columns came back", back.row_count,
                       back.column_count);
    for (uint32_t i = 0; i < ARROW_BATCH_COLUMNS; i++) {
        for (uint32_t row = 0; row < rows; row++) {
            const mr_slice a = mr_column_text(&back.columns[i], row),
                           b = mr_column_text(&batch.columns[i], row);
            if (!mr_slice_equal(a, b) || mr_column_is_null(&back.columns[i], row) !=
                                             mr_column_is_null(&batch.columns[i], row))
                return mr_fail(&err, MR_ERR_INPUT, "column %u row %u: '%.*s' came back as '%.*s'",
                               i, row, MR_SLICE_ARGS(b), MR_SLICE_ARGS(a));
        }
    }
    return MR_OK;
}

/* Takes an array and compares it with the batch that bridge_make() made of `seed`. */
int bridge_take(struct ArrowSchema *described, struct ArrowArray *array, int lend, uint64_t seed,
                uint32_t rows)
{
    static mr_arrow_importer importer;
    uint32_t got;
    mr_code rc = mr_arrow_importer_open(&importer, described, lend != 0, &arena, &err);
    mr_arrow_release_schema(described);
    if (rc == MR_OK) rc = mr_arrow_importer_give(&importer, array, &err);
    if (rc == MR_OK) rc = mr_arrow_importer_next(&importer, &back, &got, &err);
    mr_arrow_importer_close(&importer);
    if (rc != MR_OK) return (int)rc;
    arrow_batch_fill(&batch, &schema, rows, false, &seed);
    return (int)compare(rows);
}

int bridge_forget(void)
{
    mr_batch_reset(&back);
    return 0;
}

uint32_t bridge_leased(void)
{
    return mr_arrow_exporter_leased(exporter);
}

typedef struct feed_state {
    uint64_t random;
    uint32_t left;
} feed_state;

static feed_state state;

static mr_code next(void *context, mr_batch *to, mr_error *error)
{
    (void)error;
    feed_state *own = context;
    if (own->left == 0) return MR_OK;
    own->left--;
    arrow_batch_fill(to, &schema, 1000, false, &own->random);
    return MR_OK;
}

int bridge_stream(uint64_t seed, uint32_t batches, struct ArrowArrayStream *out)
{
    state = (feed_state){seed, batches};
    const mr_arrow_feed feed = {&state, next, NULL};
    return (int)mr_arrow_export_stream(&feed, &schema, out, &err);
}

static size_t print_cell(const mr_column *column, uint32_t row, char *out, size_t room)
{
    const mr_slice text = mr_column_text(column, row);
    const bool null = mr_column_is_null(column, row);
    const int len = snprintf(out, room, "%s%.*s", null ? "null" : "", MR_SLICE_ARGS(text));
    return len < 0 || (size_t)len >= room ? 0 : (size_t)len;
}

/* Reads a foreign stream: "name:type", then the cells, columns apart by '|', rows by LF. Returns
 * the bytes written, -1 on failure. */
int64_t bridge_print(struct ArrowArrayStream *stream, char *out, uint64_t size)
{
    mr_arrow_reader reader;
    uint32_t rows = 0;
    size_t at = 0;
    if (mr_arrow_reader_open(&reader, stream, false, &arena, &err) != MR_OK) return -1;
    for (uint32_t i = 0; i < reader.importer.schema.field_count; i++)
        at += (size_t)snprintf(out + at, size - at, "%s%s:%s", i > 0 ? "|" : "",
                               reader.importer.schema.fields[i].name.ptr,
                               mr_type_name(reader.importer.schema.fields[i].type));
    mr_code rc;
    while ((rc = mr_arrow_reader_next(&reader, &back, &rows, &err)) == MR_OK && rows > 0) {
        for (uint32_t row = 0; row < rows; row++) {
            for (uint32_t i = 0; i < back.column_count; i++) {
                out[at++] = i == 0 ? '\n' : '|';
                at += print_cell(&back.columns[i], row, out + at, size - at - 1);
            }
        }
    }
    mr_arrow_reader_close(&reader);
    return rc == MR_OK ? (int64_t)at : -1;
}
