/* SPDX-License-Identifier: MIT
 *
 * flatten: the members of nested objects become columns of their own, where the object stood:
 *
 *     id  address                            id  address.street  address.geo.lat  address
 *      1  {"street":"A","geo":{"lat":1}}  =>  1  A               1
 *      2  "unknown"                           2                                   unknown
 *
 * What is no object stays in the column, which leaves when nothing is left in it. An empty object
 * stays, too: nothing would be left of it otherwise. Of members with one name the last one counts.
 * A path whose name is taken gets the next free of name_2, name_3, ... */
#include "core/number.h"
#include "format/json_cell.h"
#include "transform/chain_internal.h"

/* An object that is being gone through. */
typedef struct level {
    const char *at, *end; /* the next key, the closing brace */
    uint32_t path;        /* bytes of the path that are its own */
} level;

/* What the row at work has for one of the columns being built. */
typedef struct slot {
    mr_json_piece piece;
    uint32_t serial; /* row + 1 */
} slot;

typedef struct flattening {
    const mr_step *step;
    mr_op_state *state;
    const mr_batch *batch;
    uint32_t number; /* of the column in the batch */
    uint32_t row;
    uint32_t next; /* which column most likely comes next */
    char *room;    /* for unescaped strings */
    mr_error *err;
} flattening;

static slot *slot_at(const flattening *f, uint32_t number)
{
    return (slot *)(void *)f->state->slots.ptr + number;
}

static bool is_object(const mr_column *column, uint32_t row)
{
    const mr_slice text = mr_column_text(column, row);
    return text.len > 2 && text.ptr[0] == '{' && mr_column_type(column, row) == MR_TYPE_JSON &&
           !mr_column_is_null(column, row);
}

/* Is there a column of this name that flattening did not make? */
static bool is_taken(const flattening *f, mr_slice name)
{
    const int64_t at = mr_batch_find(f->batch, name);
    return at >= 0 && at != f->number;
}

static mr_code add_output(flattening *f, mr_slice name, uint32_t *out)
{
    mr_buffer *slots = &f->state->slots;
    MR_TRY(mr_batch_add_column(&f->state->built, name, MR_TYPE_NULL, out, f->err));
    MR_TRY(mr_buffer_reserve(slots, sizeof(slot), f->err));
    memset(slots->ptr + slots->len, 0, sizeof(slot));
    slots->len += sizeof(slot);
    return MR_OK;
}

/* The column built for the path; the first of `built` is what stays of the original. */
static mr_code find_output(flattening *f, uint32_t *out)
{
    mr_buffer *path = &f->state->path;
    const mr_batch *built = &f->state->built;
    const size_t len = path->len;
    for (uint32_t suffix = 1;; suffix++) {
        if (suffix > 1) {
            char digits[MR_INT_TEXT_MAX];
            path->len = len;
            MR_TRY(mr_buffer_append_byte(path, '_', f->err));
            MR_TRY(
                mr_buffer_append(path, mr_slice_of(digits, mr_format_u64(digits, suffix)), f->err));
        }
        const mr_slice name = mr_buffer_slice(path);
        if (f->next < built->column_count && f->next > 0 &&
            mr_slice_equal(built->columns[f->next].name, name)) {
            *out = f->next;
            break;
        }
        const int64_t at = mr_batch_find(built, name);
        if (at == 0 || is_taken(f, name)) continue;
        *out = (uint32_t)at;
        if (at < 0) MR_TRY(add_output(f, name, out));
        break;
    }
    path->len = len;
    f->next = *out + 1;
    return MR_OK;
}

static mr_code push(flattening *f, mr_slice object, uint32_t path)
{
    const level top = {object.ptr + 1, object.ptr + object.len - 1, path};
    return mr_buffer_append(&f->state->stack, mr_slice_of((const char *)&top, sizeof top), f->err);
}

/* Takes the next member of the innermost object. */
static mr_code take_member(flattening *f, level *top, uint32_t depth)
{
    mr_buffer *path = &f->state->path;
    mr_slice key;
    mr_json_piece piece;
    const char *value = mr_json_cell_key(top->at, f->room, &key);
    path->len = top->path;
    MR_TRY(mr_buffer_append(path, f->step->separator, f->err));
    MR_TRY(mr_buffer_append(path, key, f->err));
    top->at = mr_json_cell_value(value, f->room, &piece) + 1;
    const bool opens = piece.type == MR_TYPE_JSON && piece.text.ptr[0] == '{' &&
                       piece.text.len > 2 && (f->step->depth == 0 || depth < f->step->depth);
    if (opens) return push(f, piece.text, (uint32_t)path->len);
    if (piece.text.ptr == f->room) f->room += piece.text.len;
    uint32_t number;
    MR_TRY(find_output(f, &number));
    *slot_at(f, number) = (slot){piece, f->row + 1};
    return MR_OK;
}

static mr_code open_row(flattening *f)
{
    mr_op_state *state = f->state;
    const mr_slice text = mr_column_text(&f->batch->columns[f->number], f->row);
    const mr_slice name = f->batch->columns[f->number].name;
    MR_TRY(mr_buffer_reserve(&state->text, text.len, f->err));
    f->room = state->text.ptr;
    f->next = 1;
    mr_buffer_reset(&state->stack);
    mr_buffer_reset(&state->path);
    MR_TRY(mr_buffer_append(&state->path, name, f->err));
    MR_TRY(push(f, text, (uint32_t)name.len));
    while (state->stack.len > 0) {
        const uint32_t depth = (uint32_t)(state->stack.len / sizeof(level));
        level *top = (level *)(void *)(state->stack.ptr + state->stack.len - sizeof(level));
        if (top->at < top->end)
            MR_TRY(take_member(f, top, depth));
        else
            state->stack.len -= sizeof(level);
    }
    return MR_OK;
}

static mr_code put_slot(flattening *f, uint32_t number)
{
    mr_column *column = &f->state->built.columns[number];
    const slot *s = slot_at(f, number);
    if (s->serial != f->row + 1) return mr_column_append_absent(column, f->row, f->err);
    if (s->piece.type == MR_TYPE_NULL) {
        mr_column_append_null(column, f->row);
        return MR_OK;
    }
    MR_TRY(mr_column_append(column, f->row, s->piece.text, f->err));
    return mr_column_tag(column, f->row, s->piece.type, f->err);
}

static mr_code put_row(flattening *f)
{
    mr_batch *built = &f->state->built;
    const mr_column *from = &f->batch->columns[f->number];
    const bool opens = is_object(from, f->row);
    if (opens) MR_TRY(open_row(f));
    MR_TRY(mr_batch_begin_row(built, f->err));
    if (opens)
        MR_TRY(mr_column_append_absent(&built->columns[0], f->row, f->err));
    else
        MR_TRY(mr_chain_copy_cell(&built->columns[0], f->row, from, f->row, f->err));
    for (uint32_t i = 1; i < built->column_count; i++)
        MR_TRY(put_slot(f, i));
    mr_batch_end_row(built, 0, 0, 0, 0);
    return MR_OK;
}

static void reverse(mr_column *columns, uint32_t from, uint32_t to)
{
    for (; from + 1 < to; from++, to--) {
        const mr_column kept = columns[from];
        columns[from] = columns[to - 1];
        columns[to - 1] = kept;
    }
}

/* The columns built take the place of number `number`; the one with what is left comes last of
 * them, or leaves. */
static mr_code put_in_place(mr_batch *batch, uint32_t number, mr_batch *built, mr_error *err)
{
    const uint32_t old = batch->column_count, added = built->column_count - 1;
    for (uint32_t i = 0; i < added; i++) {
        uint32_t at;
        MR_TRY(mr_batch_add_column(batch, built->columns[i + 1].name, MR_TYPE_NULL, &at, err));
        const mr_slice name = batch->columns[at].name;
        const mr_column kept = batch->columns[at];
        batch->columns[at] = built->columns[i + 1];
        batch->columns[at].name = name;
        built->columns[i + 1] = kept;
    }
    mr_chain_replace_column(batch, number, built);
    const bool empty = batch->columns[number].absent_count == batch->row_count && added > 0;
    reverse(batch->columns, number, old);
    reverse(batch->columns, old, batch->column_count);
    reverse(batch->columns, number, batch->column_count);
    if (empty) mr_chain_take_out_column(batch, number + added);
    return MR_OK;
}

static mr_code flatten_column(const mr_step *step, mr_op_state *state, mr_batch *batch,
                              uint32_t number, mr_error *err)
{
    flattening f = {.step = step, .state = state, .batch = batch, .number = number, .err = err};
    const mr_column *column = &batch->columns[number];
    uint32_t first = batch->row_count;
    for (uint32_t row = 0; row < batch->row_count && first == batch->row_count; row++)
        if (is_object(column, row)) first = row;
    if (first == batch->row_count) return MR_OK;
    mr_batch_reset(&state->built);
    mr_buffer_reset(&state->slots);
    uint32_t original;
    MR_TRY(add_output(&f, column->name, &original));
    for (; f.row < batch->row_count; f.row++)
        MR_TRY(put_row(&f));
    return put_in_place(batch, number, &state->built, err);
}

mr_code mr_op_flatten(mr_chain_lane *lane, const mr_op *op, mr_op_state *state, mr_chain_io *io,
                      mr_error *err)
{
    (void)lane;
    for (uint32_t i = 0; i < op->count; i++) {
        const int64_t at = mr_chain_column(io->batch, 0, &op->names[i]);
        if (at >= 0) MR_TRY(flatten_column(op->step, state, io->batch, (uint32_t)at, err));
    }
    return MR_OK;
}
