/* SPDX-License-Identifier: MIT */
#include "arrow/import.h"

#include "arrow/lender.h"
#include "arrow/spell.h"
#include "core/poison.h"
#include "core/utf8.h"

#define PAGE_BYTES 4096u

static mr_code add_columns(mr_arrow_importer *importer, mr_error *err)
{
    for (uint32_t i = 0; i < importer->root.child_count; i++) {
        const mr_arrow_field *field = &importer->root.children[i];
        if (!mr_utf8_valid(field->name))
            return mr_fail(err, MR_ERR_INPUT, "Arrow column %u: its name is not UTF-8", i + 1);
        MR_TRY(mr_schema_add_header_name(&importer->schema, field->name, err));
        importer->schema.fields[i].type = field->type;
    }
    return MR_OK;
}

mr_code mr_arrow_importer_open(mr_arrow_importer *importer, const struct ArrowSchema *schema,
                               bool lend, mr_arena *arena, mr_error *err)
{
    *importer = (mr_arrow_importer){.lends = lend};
    mr_schema_init(&importer->schema, arena);
    MR_TRY(mr_arrow_field_init(&importer->root, schema, arena, err));
    if (importer->root.kind != MR_KIND_STRUCT)
        return mr_fail(err, MR_ERR_INPUT,
                       "records come as an Arrow struct (format \"+s\"), found \"%s\"",
                       schema->format);
    MR_TRY(add_columns(importer, err));
    return mr_arrow_lender_open(&importer->lender, err);
}

static void forget(mr_arrow_importer *importer)
{
    mr_arrow_drop(importer->held);
    importer->held = NULL;
    importer->next_row = importer->row_count = 0;
}

void mr_arrow_importer_close(mr_arrow_importer *importer)
{
    forget(importer);
    mr_arrow_lender_close(importer->lender);
    mr_arrow_field_done(&importer->root);
    *importer = (mr_arrow_importer){0};
}

static mr_code look_at(mr_arrow_importer *importer, mr_error *err)
{
    mr_arrow_field *root = &importer->root;
    MR_TRY(mr_arrow_field_view(root, mr_arrow_held_array(importer->held), err));
    for (int64_t row = 0; root->validity != NULL && row < root->length; row++)
        if (!mr_arrow_field_has(root, row))
            return mr_fail(err, MR_ERR_INPUT, "row %lld of an Arrow batch is itself null",
                           (long long)row + 1);
    MR_TRY(mr_arrow_spell_dictionaries(root, err));
    importer->row_count = root->length;
    return MR_OK;
}

mr_code mr_arrow_importer_give(mr_arrow_importer *importer, struct ArrowArray *array, mr_error *err)
{
    forget(importer);
    if (array->release == NULL)
        return mr_fail(err, MR_ERR_INPUT, "an Arrow batch that has been released already");
    mr_code rc = mr_arrow_hold(importer->lender, array, &importer->held, err);
    if (rc != MR_OK) {
        mr_arrow_release_array(array);
        return rc;
    }
    rc = look_at(importer, err);
    if (rc != MR_OK) forget(importer);
    return rc;
}

/* --- lending
 * ---------------------------------------------------------------------------------------- */

/* Kernels read, but do not use, up to MR_BUFFER_SLACK bytes behind a column's data. A page that
 * holds the last byte can be read to its end. */
static bool slack_is_readable(mr_slice data)
{
    const uintptr_t end = (uintptr_t)data.ptr + data.len;
#ifdef MR_HAS_ASAN
    if (__asan_region_is_poisoned((void *)end, MR_BUFFER_SLACK) != NULL) return false;
#endif
    return (end - 1) / PAGE_BYTES == (end + MR_BUFFER_SLACK - 1) / PAGE_BYTES;
}

static bool may_lend(const mr_arrow_importer *importer, const mr_arrow_field *field)
{
    return importer->lends && field->dictionary == NULL && !field->is_json && !field->is_number &&
           (field->kind == MR_KIND_VAR || field->kind == MR_KIND_VAR64);
}

/* `out_done` = the column is filled, its cells are where they were. */
static mr_code lend_column(mr_arrow_importer *importer, mr_arrow_field *field, uint32_t rows,
                           mr_column *column, bool *out_done, mr_error *err)
{
    mr_slice data;
    bool dense;
    mr_loan *loan;
    const int64_t begin = importer->root.offset + importer->next_row, at = field->offset + begin;
    *out_done = false;
    column->null_count = 0;
    if (field->validity != NULL) {
        mr_bits_copy(column->validity, 0, field->validity + at / 8, (uint32_t)(at % 8), rows);
        column->null_count = mr_bits_count_zeros(column->validity, 0, rows);
    }
    MR_TRY(mr_arrow_spell_offsets(field, begin, rows, column, &data, &dense, err));
    if (!dense || data.len == 0 || !slack_is_readable(data)) return MR_OK;
    if (field->type == MR_TYPE_STRING)
        MR_TRY(mr_arrow_check_utf8(field, begin, rows, column, data, err));
    MR_TRY(mr_arrow_lend(importer->held, &loan, err));
    mr_column_lend(column, data, loan);
    importer->lent_count++;
    *out_done = true;
    return MR_OK;
}

/* --- filling
 * ---------------------------------------------------------------------------------------- */

static mr_code fill_column(mr_arrow_importer *importer, uint32_t number, uint32_t rows,
                           mr_column *column, mr_error *err)
{
    mr_arrow_field *field = &importer->root.children[number];
    bool done = false;
    if (may_lend(importer, field)) MR_TRY(lend_column(importer, field, rows, column, &done, err));
    if (done) return MR_OK;
    importer->copied_count += field->kind == MR_KIND_VAR || field->kind == MR_KIND_VAR64;
    column->null_count = 0;
    return mr_arrow_spell(field, importer->root.offset + importer->next_row, rows, column, err);
}

static mr_code fill(mr_arrow_importer *importer, mr_batch *batch, uint32_t rows, mr_error *err)
{
    mr_batch_reset(batch);
    MR_TRY(mr_batch_set_schema(batch, &importer->schema, err));
    MR_TRY(mr_batch_reserve_rows(batch, rows, err));
    for (uint32_t i = 0; i < batch->column_count; i++)
        MR_TRY(fill_column(importer, i, rows, &batch->columns[i], err));
    for (uint32_t row = 0; row < rows; row++) {
        batch->row_offset[row] = batch->row_length[row] = batch->row_line[row] = 0;
        batch->row_record[row] = row;
    }
    batch->row_count = rows;
    return MR_OK;
}

mr_code mr_arrow_importer_next(mr_arrow_importer *importer, mr_batch *batch, uint32_t *out_rows,
                               mr_error *err)
{
    *out_rows = 0;
    mr_batch_reset(batch);
    const int64_t left = importer->row_count - importer->next_row;
    if (left == 0) {
        forget(importer);
        return MR_OK;
    }
    const uint32_t columns = importer->schema.field_count > 0 ? importer->schema.field_count : 1;
    uint32_t rows = (uint32_t)mr_min_u64(batch->max_rows, MR_BATCH_MAX_CELLS / columns);
    if (left < rows) rows = (uint32_t)left;
    mr_code rc = fill(importer, batch, rows, err);
    while (rc == MR_ERR_LIMIT && rows > 1) { /* too many bytes for one batch */
        rows /= 2;
        rc = fill(importer, batch, rows, err);
    }
    if (rc != MR_OK) {
        mr_batch_reset(batch);
        forget(importer);
        return rc;
    }
    importer->next_row += rows;
    *out_rows = rows;
    return MR_OK;
}
