/* SPDX-License-Identifier: MIT */
#include "expr/eval.h"

#include "core/mem.h"
#include "core/simd.h"
#include "expr/logic.h"
#include "expr/regex.h"
#include "record/column.h"

#define FAULTS_MAX_BYTES ((size_t)64 << 20)

static_assert(MR_BLOCK_ROWS % 64 == 0, "bitmaps are written 64 rows at a time");

/* --- life
 * ------------------------------------------------------------------------------------- */

static bool open_register(mr_vec *vec, uint32_t rows)
{
    const size_t padded = mr_align_up(rows, 64);
    char *memory = mr_mem_alloc_aligned(64, padded * (sizeof(mr_cell) + 2));
    if (memory == NULL) return false;
    vec->cell = (mr_cell *)(void *)memory;
    vec->kind = (uint8_t *)memory + padded * sizeof(mr_cell);
    vec->scale = vec->kind + padded;
    vec->stride = 1;
    memset(vec->kind, MR_KIND_NULL, padded);
    memset(vec->scale, 0, padded);
    return true;
}

static bool open_eval(mr_eval *eval, const mr_expr *expr, uint32_t registers, uint32_t rows)
{
    const size_t fields = expr->fields.count;
    eval->expr = expr;
    eval->block_rows = rows;
    mr_heap_init(&eval->heap, MR_EXPR_MAX_SCRATCH_BYTES);
    mr_buffer_init(&eval->faults, "the list of faults of an expression", FAULTS_MAX_BYTES);
    mr_buffer_init(&eval->fault_texts, "the faults of an expression", FAULTS_MAX_BYTES);
    eval->registers = mr_mem_zalloc(sizeof *eval->registers * registers);
    eval->selections = mr_mem_alloc(sizeof *eval->selections * (expr->selection_depth + 1));
    eval->columns = mr_mem_alloc(sizeof *eval->columns * (fields + 1));
    if (eval->registers == NULL || eval->selections == NULL || eval->columns == NULL) return false;
    for (uint32_t i = 0; i < registers; i++)
        if (!open_register(&eval->registers[i], rows)) return false;
    return true;
}

static mr_code new_eval(const mr_expr *expr, uint32_t registers, uint32_t rows, mr_eval **out,
                        mr_error *err)
{
    mr_eval *eval = mr_mem_zalloc(sizeof *eval);
    if (eval == NULL) return mr_fail(err, MR_ERR_NOMEM, "no memory left for an expression");
    eval->register_count = registers;
    if (!open_eval(eval, expr, registers, rows)) {
        mr_eval_free(eval);
        return mr_fail(err, MR_ERR_NOMEM, "no memory left for an expression");
    }
    *out = eval;
    return MR_OK;
}

mr_code mr_eval_new(const mr_expr *expr, mr_eval **out, mr_error *err)
{
    const uint32_t registers = expr->register_count > 0 ? expr->register_count : 1;
    return new_eval(expr, registers, MR_BLOCK_ROWS, out, err);
}

mr_code mr_eval_new_folder(const mr_expr *expr, mr_eval **out, mr_error *err)
{
    return new_eval(expr, 1, 1, out, err);
}

void mr_eval_free(mr_eval *eval)
{
    if (eval == NULL) return;
    if (eval->registers != NULL)
        for (uint32_t i = 0; i < eval->register_count; i++)
            mr_mem_free(eval->registers[i].cell);
    mr_mem_free(eval->registers);
    mr_mem_free(eval->selections);
    mr_mem_free(eval->columns);
    mr_heap_done(&eval->heap);
    mr_buffer_done(&eval->faults);
    mr_buffer_done(&eval->fault_texts);
    mr_regex_scratch_free(eval->regex);
    mr_mem_free(eval);
}

size_t mr_eval_held_bytes(const mr_eval *eval)
{
    const size_t vec = (sizeof(mr_cell) + 2) * mr_align_up(eval->block_rows, 64);
    return eval->register_count * vec + eval->heap.held_bytes + eval->faults.cap +
           eval->fault_texts.cap + sizeof(mr_selection) * (eval->expr->selection_depth + 1);
}

/* --- selections
 * ------------------------------------------------------------------------------- */

static void use_selection(mr_run *run)
{
    const mr_selection *selection = &run->eval->selections[run->eval->selected];
    run->rows = selection->rows;
    run->count = selection->count;
}

/* The rows of a block that are wanted become the first selection. */
static void select_rows(mr_eval *eval, const uint8_t *rows, uint32_t first, uint32_t count)
{
    mr_selection *selection = &eval->selections[0];
    uint32_t selected = 0;
    for (uint32_t i = 0; i < count; i++) {
        selection->rows[selected] = (uint16_t)i;
        selected += rows == NULL || (rows[(first + i) / 8] >> i % 8 & 1) != 0;
    }
    selection->count = selected;
    eval->selected = 0;
}

/* Pushes the rows of the selection whose kind in `vec` is in `wanted`. */
static void push_kinds(mr_run *run, const mr_vec *vec, mr_kinds wanted)
{
    mr_selection *pushed = &run->eval->selections[++run->eval->selected];
    uint32_t count = 0;
    MR_DCHECK(run->eval->selected <= run->expr->selection_depth);
    MR_EACH_ROW(run, row)
    {
        pushed->rows[count] = (uint16_t)row;
        count += mr_kind_in(vec->kind[row], wanted);
    }
    pushed->count = count;
}

/* --- the machine
 * ------------------------------------------------------------------------------ */

static void move(mr_run *run)
{
    const mr_vec from = mr_run_arg(run, 0);
    MR_EACH_ROW(run, row) mr_vec_put(run->out, row, mr_vec_get(&from, row));
}

/* What a SELECT chooses from. Its operand is in register `out`, but for SELECT_TRUE, whose
 * condition may be anywhere. */
static void push_selection(mr_run *run)
{
    const mr_kinds none = MR_KINDS_NONE, truth = MR_KIND_BIT(MR_KIND_TRUE),
                   lie = MR_KIND_BIT(MR_KIND_FALSE);
    switch ((mr_control)run->in->control) {
    case MR_DO_SELECT_TRUE:
        mr_logic_read(run, run->out);
        push_kinds(run, run->out, none | lie);
        push_kinds(run, run->out, truth);
        return;
    case MR_DO_SELECT_UNFALSE:
        mr_logic_read(run, run->out);
        push_kinds(run, run->out, none | truth);
        return;
    case MR_DO_SELECT_UNTRUE:
        mr_logic_read(run, run->out);
        push_kinds(run, run->out, none | lie);
        return;
    case MR_DO_SELECT_NONE: push_kinds(run, run->out, none); return;
    case MR_DO_SELECT_FAULT: push_kinds(run, run->out, MR_KIND_BIT(MR_KIND_FAULT)); return;
    case MR_DO_CALL:
    case MR_DO_MOVE:
    case MR_DO_POP: return;
    }
}

/* Carries out the program on the first selection. */
static void run_program(mr_run *run)
{
    mr_eval *const eval = run->eval;
    const uint32_t end = run->expr->code.count;
    for (uint32_t at = 0; at < end; at++) {
        const mr_instruction *const in = mr_expr_code(run->expr, at);
        run->in = in;
        use_selection(run);
        run->out = &eval->registers[in->out];
        run->out->uniform = MR_KIND_NULL;
        if (in->control == MR_DO_CALL) {
            in->call(run);
        } else if (in->control == MR_DO_MOVE) {
            move(run);
        } else if (in->control == MR_DO_POP) {
            eval->selected -= in->extra;
        } else {
            push_selection(run);
            if (eval->selections[eval->selected].count == 0) at = in->extra - 1;
        }
    }
    eval->selected = 0;
    use_selection(run);
}

mr_code mr_eval_fold(mr_eval *eval, const mr_instruction *in, mr_value *out, mr_error *err)
{
    mr_run *const run = &eval->run;
    mr_heap_reset(&eval->heap);
    select_rows(eval, NULL, 0, 1);
    *run = (mr_run){.eval = eval, .expr = eval->expr, .in = in, .row_count = 1};
    use_selection(run);
    run->out = &eval->registers[0];
    in->call(run);
    *out = mr_vec_get(run->out, 0);
    if (eval->heap.out_of_memory)
        return mr_fail(err, MR_ERR_NOMEM, "no memory left for an expression");
    return MR_OK;
}

/* --- batches
 * ---------------------------------------------------------------------------------- */

/* Names to columns; most batches have the columns where the last one had them. */
static void bind(mr_eval *eval, const mr_batch *batch)
{
    for (uint32_t i = 0; i < eval->expr->fields.count; i++) {
        const mr_expr_field *field = mr_expr_field_at(eval->expr, i);
        const int64_t last = eval->columns[i];
        if (eval->bound && last >= 0 && last < batch->column_count &&
            batch->columns[last].name_hash == field->hash &&
            mr_slice_equal(batch->columns[last].name, field->name))
            continue;
        eval->columns[i] = mr_batch_find(batch, field->name);
    }
    eval->bound = true;
}

static void begin(mr_eval *eval, const mr_batch *batch)
{
    bind(eval, batch);
    mr_buffer_reset(&eval->faults);
    mr_buffer_reset(&eval->fault_texts);
    eval->fault_count = 0;
    eval->run = (mr_run){.eval = eval, .expr = eval->expr, .batch = batch};
}

/* Runs the program on a block of rows; the result is for mr_eval's caller to look at. */
static mr_code run_block(mr_eval *eval, const uint8_t *rows, uint32_t first, uint32_t count,
                         mr_vec *out, mr_error *err)
{
    mr_run *const run = &eval->run;
    mr_heap_reset(&eval->heap);
    select_rows(eval, rows, first, count);
    run->first_row = first;
    run->row_count = count;
    run_program(run);
    if (eval->heap.out_of_memory)
        return mr_fail(err, MR_ERR_NOMEM, "no memory left for the texts of an expression");
    *out = eval->registers[eval->expr->result.index];
    return MR_OK;
}

static mr_code keep_fault(mr_eval *eval, uint32_t row, const mr_trouble *trouble, mr_error *err)
{
    const mr_slice text = {trouble->text, trouble->length};
    const mr_fault fault = {row, trouble->field, (uint32_t)eval->fault_texts.len, trouble->length};
    MR_TRY(mr_buffer_append(&eval->fault_texts, text, err));
    MR_TRY(mr_buffer_append(&eval->faults, (mr_slice){(const char *)&fault, sizeof fault}, err));
    eval->fault_count++;
    return MR_OK;
}

static mr_code keep_faults(mr_eval *eval, const mr_vec *result, mr_error *err)
{
    const mr_run *const run = &eval->run;
    MR_EACH_ROW(run, row)
    {
        if (MR_UNLIKELY(result->kind[row] == MR_KIND_FAULT))
            MR_TRY(keep_fault(eval, run->first_row + row, &result->cell[row].trouble, err));
    }
    return MR_OK;
}

/* Bits of the selected rows that are true, from `first` on, which is a multiple of 64. */
static uint32_t write_bits(const mr_run *run, const mr_vec *result, uint8_t *keep)
{
    const uint32_t bytes = (run->row_count + 7) / 8;
    uint32_t kept = 0;
    if (run->count == run->row_count) {
        for (uint32_t row = 0; row < run->row_count; row += 64) {
            uint64_t bits = mr_v64_eq(mr_v64_load((const char *)result->kind + row), MR_KIND_TRUE);
            const uint32_t left = run->row_count - row;
            if (left < 64) bits &= (UINT64_C(1) << left) - 1;
            const uint32_t room = bytes - row / 8;
            memcpy(keep + row / 8, &bits, room < 8 ? room : 8);
            kept += mr_popcount64(bits);
        }
        return kept;
    }
    memset(keep, 0, bytes);
    MR_EACH_ROW(run, row)
    {
        const bool truth = result->kind[row] == MR_KIND_TRUE;
        keep[row / 8] = (uint8_t)(keep[row / 8] | truth << row % 8);
        kept += truth;
    }
    return kept;
}

mr_code mr_eval_keep(mr_eval *eval, const mr_batch *batch, const uint8_t *rows, uint8_t *keep,
                     uint32_t *out_kept, mr_error *err)
{
    uint32_t kept = 0;
    mr_vec result;
    begin(eval, batch);
    for (uint32_t first = 0; first < batch->row_count; first += MR_BLOCK_ROWS) {
        const uint32_t left = batch->row_count - first;
        const uint32_t count = left < MR_BLOCK_ROWS ? left : MR_BLOCK_ROWS;
        MR_TRY(run_block(eval, rows, first, count, &result, err));
        mr_logic_read(&eval->run, &result);
        MR_TRY(keep_faults(eval, &result, err));
        kept += write_bits(&eval->run, &result, keep + first / 8);
    }
    if (out_kept != NULL) *out_kept = kept;
    return MR_OK;
}

/* --- columns
 * ---------------------------------------------------------------------------------- */

static mr_code begin_column(mr_column *out, mr_type type, uint32_t rows, mr_error *err)
{
    MR_TRY(mr_column_reserve_rows(out, rows, err));
    mr_buffer_reset(&out->data);
    out->offsets[0] = 0;
    out->null_count = out->absent_count = 0;
    out->type = type == MR_TYPE_MIXED ? MR_TYPE_NULL : type;
    return MR_OK;
}

/* The tag of a cell, where its column is not of a type that holds it anyway. */
static mr_code tag(mr_column *out, uint32_t row, unsigned kind, bool untyped, mr_error *err)
{
    const mr_type type = untyped ? MR_TYPE_STRING : mr_kind_type(kind);
    if (out->type == MR_TYPE_NUMBER && mr_type_is_number(type)) return MR_OK;
    if (out->type == MR_TYPE_DECIMAL && type == MR_TYPE_INT) return MR_OK;
    return mr_column_tag(out, row, type, err);
}

static mr_code append_cell(mr_eval *eval, mr_column *out, uint32_t row, const mr_value *value,
                           mr_error *err)
{
    char room[MR_VALUE_TEXT_MAX];
    if (MR_UNLIKELY(value->kind == MR_KIND_ABSENT)) return mr_column_append_absent(out, row, err);
    if (MR_UNLIKELY(value->kind <= MR_KIND_FAULT)) {
        mr_column_append_null(out, row);
        return MR_OK;
    }
    MR_TRY(mr_column_append(out, row, mr_value_write(value, room), err));
    return tag(out, row, value->kind, eval->expr->about.untyped, err);
}

static mr_code append_block(mr_eval *eval, const mr_vec *result, mr_column *out, mr_error *err)
{
    const mr_run *const run = &eval->run;
    uint32_t at = 0;
    for (uint32_t i = 0; i <= run->count; i++) {
        const uint32_t next = i < run->count ? run->rows[i] : run->row_count;
        for (; at < next; at++) /* rows left out */
            mr_column_append_null(out, run->first_row + at);
        if (i == run->count) break;
        const mr_value value = mr_vec_get(result, at);
        MR_TRY(append_cell(eval, out, run->first_row + at, &value, err));
        at++;
    }
    return MR_OK;
}

mr_code mr_eval_value(mr_eval *eval, const mr_batch *batch, const uint8_t *rows, mr_column *out,
                      mr_error *err)
{
    mr_vec result;
    begin(eval, batch);
    MR_TRY(begin_column(out, eval->expr->about.type, batch->row_count, err));
    for (uint32_t first = 0; first < batch->row_count; first += MR_BLOCK_ROWS) {
        const uint32_t left = batch->row_count - first;
        const uint32_t count = left < MR_BLOCK_ROWS ? left : MR_BLOCK_ROWS;
        MR_TRY(run_block(eval, rows, first, count, &result, err));
        MR_TRY(keep_faults(eval, &result, err));
        MR_TRY(append_block(eval, &result, out, err));
    }
    return MR_OK;
}

uint32_t mr_eval_fault_count(const mr_eval *eval)
{
    return eval->fault_count;
}

mr_eval_fault mr_eval_fault_at(const mr_eval *eval, uint32_t number)
{
    mr_fault fault;
    MR_DCHECK(number < eval->fault_count);
    memcpy(&fault, eval->faults.ptr + sizeof fault * number, sizeof fault);
    mr_eval_fault seen = {.row = fault.row,
                          .text = {eval->fault_texts.ptr + fault.offset, fault.length}};
    if (fault.field > 0) seen.field = mr_expr_field_at(eval->expr, fault.field - 1)->name;
    return seen;
}
