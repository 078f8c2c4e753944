/* SPDX-License-Identifier: MIT
 *
 * The record store: whatever the cells, they are read back the same, in bulk and alone, in every
 * mode and group size, sealed or not.
 *
 * Input: 1 byte of mode, 1 of group size, 1 of batch size, 1 of types; the rest are lines, one cell
 * each: 0x01 alone is null, 0x02 alone is absent. */
#include <stdlib.h>

#include "record/store.h"

#define OPTION_BYTES 4u
#define MAX_CELLS    5000u

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

static mr_error err;

static void must(mr_code code)
{
    if (code != MR_OK) abort();
}

static mr_cell cell_of(const mr_slice *lines, const uint8_t *options, uint32_t record)
{
    const mr_slice text = lines[record];
    mr_cell cell = {MR_CELL_VALUE, MR_TYPE_STRING, text};
    if (text.len == 1 && text.ptr[0] == 1) return (mr_cell){MR_CELL_NULL, MR_TYPE_NULL, {NULL, 0}};
    if (text.len == 1 && text.ptr[0] == 2)
        return (mr_cell){MR_CELL_ABSENT, MR_TYPE_NULL, {NULL, 0}};
    if (options[3] & 1) cell.type = mr_type_of_text(text, NULL);
    if (options[3] & 2 && record % 2 == 0) cell.type = MR_TYPE_INT; /* a claim, right or wrong */
    return cell;
}

static void put(mr_batch *batch, mr_cell cell)
{
    mr_column *column = &batch->columns[0];
    const uint32_t row = batch->row_count;
    must(mr_batch_begin_row(batch, &err));
    if (cell.state == MR_CELL_ABSENT) {
        must(mr_column_append_absent(column, row, &err));
    } else if (cell.state == MR_CELL_NULL) {
        mr_column_append_null(column, row);
    } else {
        must(mr_column_append(column, row, cell.text, &err));
        must(mr_column_tag(column, row, cell.type, &err));
    }
    mr_batch_end_row(batch, 0, 0, 0, 0);
}

static void expect_same(mr_cell a, mr_cell b)
{
    if (a.state != b.state) abort();
    if (a.state == MR_CELL_VALUE && (a.type != b.type || !mr_slice_equal(a.text, b.text))) abort();
}

static void expect_all(mr_store *store, const mr_slice *lines, const uint8_t *options,
                       uint32_t cells)
{
    mr_batch out;
    mr_buffer scratch;
    mr_cell cell;
    uint64_t count;
    mr_batch_init(&out, 97);
    mr_buffer_init(&scratch, "a fuzzed cell", 1 << 20);
    for (uint64_t at = 0; at < cells; at += count) {
        must(mr_store_read(store, at, &out, &count, &err));
        mr_batch_check(&out);
        const mr_column *column = &out.columns[0];
        for (uint32_t row = 0; row < count; row++) {
            cell = (mr_cell){MR_CELL_VALUE, MR_TYPE_NULL, mr_column_text(column, row)};
            if (mr_column_is_null(column, row))
                cell.state = mr_column_is_absent(column, row) ? MR_CELL_ABSENT : MR_CELL_NULL;
            else
                cell.type = mr_column_type(column, row);
            expect_same(cell, cell_of(lines, options, (uint32_t)at + row));
        }
    }
    for (uint32_t record = 0; record < cells; record++) {
        must(mr_store_get(store, record, 0, &scratch, &cell, &err));
        expect_same(cell, cell_of(lines, options, record));
    }
    mr_buffer_done(&scratch);
    mr_batch_done(&out);
}

static uint32_t split(const uint8_t *bytes, size_t len, mr_slice *lines)
{
    uint32_t count = 0;
    const char *at = (const char *)bytes, *end = at + len;
    while (at < end && count < MAX_CELLS) {
        const char *stop = memchr(at, '\n', (size_t)(end - at));
        if (stop == NULL) stop = end;
        lines[count++] = (mr_slice){at, (size_t)(stop - at)};
        at = stop + 1;
    }
    return count;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    static mr_slice lines[MAX_CELLS];
    if (len < OPTION_BYTES) return 0;
    const uint32_t cells = split(bytes + OPTION_BYTES, len - OPTION_BYTES, lines);
    const mr_store_config config = {.mode = (mr_store_mode)(bytes[0] % MR_STORE_MODE_COUNT),
                                    .group_rows = bytes[1] == 255 ? 0 : bytes[1] + 1u,
                                    .columnar_after_records = 100};
    const uint32_t batch_rows = bytes[2] + 1u;
    mr_store *store;
    mr_batch batch;
    uint32_t number;
    must(mr_store_open(&config, &store, &err));
    mr_batch_init(&batch, 0);
    for (uint32_t at = 0; at < cells; at += batch.row_count) {
        mr_batch_reset(&batch);
        must(mr_batch_add_column(&batch, MR_SLICE("c"), MR_TYPE_NULL, &number, &err));
        while (batch.row_count < batch_rows && at + batch.row_count < cells)
            put(&batch, cell_of(lines, bytes, at + batch.row_count));
        must(mr_store_append(store, &batch, &err));
    }
    expect_all(store, lines, bytes, cells);
    must(mr_store_seal(store, &err));
    expect_all(store, lines, bytes, cells);
    mr_batch_done(&batch);
    mr_store_close(store);
    return 0;
}
