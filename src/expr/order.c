/* SPDX-License-Identifier: MIT
 *
 * Comparisons: = and != never fail (what cannot be compared is not the same), < and its kin do. */
#include "expr/column_order.h"
#include "expr/compare.h"
#include "expr/compile.h"
#include "expr/eval.h"
#include "expr/functions.h"
#include "expr/operators.h"
#include "expr/run.h"

typedef enum relation {
    SAME,
    OTHER,
    LESS,
    AT_MOST,
    MORE,
    AT_LEAST,
} relation;

static mr_value not_ordered(mr_run *run, const mr_value *a, const mr_value *b)
{
    char first[MR_QUOTE_MAX], second[MR_QUOTE_MAX];
    return mr_run_fault(run, "cannot order %s %s and %s %s", mr_kind_name(a->kind),
                        mr_run_quote(a, first), mr_kind_name(b->kind), mr_run_quote(b, second));
}

MR_INLINE bool holds(relation r, mr_order order)
{
    switch (r) {
    case SAME: return order == MR_ORDER_SAME;
    case OTHER: return order != MR_ORDER_SAME;
    case LESS: return order == MR_ORDER_LESS;
    case AT_MOST: return order <= MR_ORDER_SAME;
    case MORE: return order == MR_ORDER_MORE;
    case AT_LEAST: return order == MR_ORDER_SAME || order == MR_ORDER_MORE;
    }
    return false;
}

MR_INLINE mr_value relate(mr_run *run, relation r, const mr_value *a, const mr_value *b)
{
    const mr_order order = mr_value_compare(a, b);
    if (MR_UNLIKELY(order == MR_ORDER_OTHER) && r != SAME && r != OTHER)
        return not_ordered(run, a, b);
    return mr_value_bool(holds(r, order));
}

/* Columns of ints without holes. */
MR_INLINE bool int_block(mr_run *run, relation r)
{
    const mr_vec a = mr_run_arg(run, 0), b = mr_run_arg(run, 1);
    if (a.uniform != MR_KIND_INT || b.uniform != MR_KIND_INT) return false;
    MR_EACH_ROW(run, row)
    {
        const int64_t x = a.cell[row * a.stride].integer, y = b.cell[row * b.stride].integer;
        const mr_order order = (mr_order)((x > y) - (x < y));
        run->out->kind[row] = (uint8_t)(MR_KIND_FALSE + holds(r, order));
    }
    return true;
}

static_assert(MR_KIND_TRUE == MR_KIND_FALSE + 1, "a truth is added to FALSE");

/* --- a column and a constant
 * ------------------------------------------------------------------ */

/* The orders of a field's cells and a constant, for the rows selected; those that are
 * MR_CELL_OTHER have to be looked at as values. NULL when the batch has no such column. */
static const mr_column *order_column(const mr_run *run, uint32_t argument, uint8_t *orders,
                                     bool *out_other)
{
    mr_needle needle;
    const mr_operand *operands = mr_expr_operands(run->expr, run->in);
    const mr_column *column = mr_run_column(run, operands[0].index);
    const mr_value *constant = mr_expr_constant(run->expr, operands[argument].index);
    const bool untyped = mr_expr_field_at(run->expr, operands[0].index)->untyped;
    if (column == NULL) return NULL;
    mr_needle_make(&needle, constant, column->type, untyped);
    *out_other = true;
    if (needle.kind == MR_NEEDLE_NONE)
        memset(orders, MR_CELL_OTHER, run->count);
    else
        *out_other =
            mr_column_order(&needle, column, run->first_row, run->rows, run->count, orders);
    return column;
}

/* What an order says of a relation. */
MR_INLINE uint8_t said(relation r, unsigned order)
{
    static_assert(MR_CELL_SAME == 1, "orders are -1, 0 and 1, counted from 0");
    if (order == MR_CELL_NONE) return MR_KIND_NULL;
    return (uint8_t)(MR_KIND_FALSE + holds(r, (mr_order)((int)order - MR_CELL_SAME)));
}

static mr_value cell_of(mr_run *run, const mr_column *column, uint32_t row)
{
    const uint32_t field = mr_expr_operands(run->expr, run->in)[0].index;
    const bool untyped = mr_expr_field_at(run->expr, field)->untyped;
    return mr_run_cell(run, column, run->first_row + row, untyped);
}

/* A cell that is no text of the kind that was expected. */
static mr_value relate_cell(mr_run *run, relation r, const mr_column *column, uint32_t row,
                            uint32_t argument)
{
    const mr_operand *operand = mr_expr_operands(run->expr, run->in) + argument;
    const mr_value cell = cell_of(run, column, row);
    if (cell.kind == MR_KIND_FAULT) return cell;
    if (mr_kind_is_none(cell.kind)) return mr_value_state(MR_KIND_NULL);
    return relate(run, r, &cell, mr_expr_constant(run->expr, operand->index));
}

MR_INLINE void column_block(mr_run *run, relation r)
{
    uint8_t orders[MR_BLOCK_ROWS], kinds[MR_CELL_COUNT];
    bool other = false;
    const mr_column *column = order_column(run, 1, orders, &other);
    if (column == NULL) {
        MR_EACH_ROW(run, row) run->out->kind[row] = MR_KIND_NULL;
        return;
    }
    for (unsigned order = 0; order < MR_CELL_COUNT; order++)
        kinds[order] = said(r, order);
    for (uint32_t i = 0; i < run->count; i++)
        run->out->kind[run->rows[i]] = kinds[orders[i]];
    for (uint32_t i = 0; other && i < run->count; i++)
        if (orders[i] == MR_CELL_OTHER)
            mr_vec_put(run->out, run->rows[i], relate_cell(run, r, column, run->rows[i], 1));
}

#define RELATION(name, r)                                        \
    static mr_value name##_of(mr_run *run, const mr_value *args) \
    {                                                            \
        return relate(run, r, &args[0], &args[1]);               \
    }                                                            \
    MR_EXPR_CALL(name##_rows, name##_of, 2)                      \
    static void call_##name(mr_run *run)                         \
    {                                                            \
        if (!int_block(run, r)) name##_rows(run);                \
    }                                                            \
    static void column_##name(mr_run *run)                       \
    {                                                            \
        column_block(run, r);                                    \
    }

RELATION(same, SAME)
RELATION(other, OTHER)
RELATION(less, LESS)
RELATION(at_most, AT_MOST)
RELATION(more, MORE)
RELATION(at_least, AT_LEAST)

/* --- between, in
 * ------------------------------------------------------------------------------ */

/* x >= low and x <= high, with the truth of `and`: a null bound leaves open what the other bound
 * does not settle. */
static mr_value between_of(mr_run *run, const mr_value *args)
{
    mr_value truth = mr_value_bool(true);
    if (mr_kind_is_none(args[0].kind)) return mr_value_state(MR_KIND_NULL);
    for (unsigned i = 1; i <= 2; i++) {
        if (mr_kind_is_none(args[i].kind)) {
            if (truth.kind == MR_KIND_TRUE) truth = mr_value_state(MR_KIND_NULL);
            continue;
        }
        const mr_value side = relate(run, i == 1 ? AT_LEAST : AT_MOST, &args[0], &args[i]);
        if (side.kind != MR_KIND_TRUE) return side;
    }
    return truth;
}

MR_EXPR_CALL(call_between, between_of, 3)

/* A field between two constants. */
static void column_between(mr_run *run)
{
    uint8_t low[MR_BLOCK_ROWS], high[MR_BLOCK_ROWS];
    bool other_low = false, other_high = false;
    const mr_column *column = order_column(run, 1, low, &other_low);
    if (order_column(run, 2, high, &other_high) == NULL || column == NULL) {
        MR_EACH_ROW(run, row) run->out->kind[row] = MR_KIND_NULL;
        return;
    }
    for (uint32_t i = 0; i < run->count; i++) {
        const bool inside = low[i] != MR_CELL_LESS && high[i] != MR_CELL_MORE;
        const uint8_t kind = (uint8_t)(MR_KIND_FALSE + inside);
        run->out->kind[run->rows[i]] = low[i] == MR_CELL_NONE ? MR_KIND_NULL : kind;
    }
    for (uint32_t i = 0; (other_low || other_high) && i < run->count; i++) {
        if (low[i] != MR_CELL_OTHER && high[i] != MR_CELL_OTHER) continue;
        mr_value truth = relate_cell(run, AT_LEAST, column, run->rows[i], 1);
        if (truth.kind == MR_KIND_TRUE) truth = relate_cell(run, AT_MOST, column, run->rows[i], 2);
        mr_vec_put(run->out, run->rows[i], truth);
    }
}

/* x = a or x = b or ...: null where none is the same and one is null. */
static mr_value find_in(mr_run *run, const mr_value *x, uint32_t row)
{
    bool null_seen = false;
    for (uint32_t i = 1; i < run->in->count; i++) {
        const mr_vec vec = mr_run_arg(run, i);
        const mr_value entry = mr_vec_get(&vec, row);
        if (entry.kind == MR_KIND_FAULT) return entry;
        if (mr_kind_is_none(entry.kind))
            null_seen = true;
        else if (mr_value_compare(x, &entry) == MR_ORDER_SAME)
            return mr_value_bool(true);
    }
    return null_seen ? mr_value_state(MR_KIND_NULL) : mr_value_bool(false);
}

static void call_in(mr_run *run)
{
    const mr_vec needle = mr_run_arg(run, 0);
    MR_EACH_ROW(run, row)
    {
        const mr_value x = mr_vec_get(&needle, row);
        if (x.kind == MR_KIND_FAULT)
            mr_vec_put(run->out, row, x);
        else if (mr_kind_is_none(x.kind))
            run->out->kind[row] = MR_KIND_NULL;
        else
            mr_vec_put(run->out, row, find_in(run, &x, row));
    }
}

/* x = constant for each of the constants, for a row whose cell is odd. */
static mr_value find_cell(mr_run *run, const mr_column *column, uint32_t row)
{
    mr_value truth = mr_value_bool(false);
    for (uint32_t i = 1; i < run->in->count && truth.kind == MR_KIND_FALSE; i++)
        truth = relate_cell(run, SAME, column, row, i);
    return truth;
}

/* A field in constants: as a column with each of them. What is odd beside one of them is odd. */
static void column_in(mr_run *run)
{
    uint8_t orders[MR_BLOCK_ROWS], found[MR_BLOCK_ROWS];
    const mr_column *column = NULL;
    bool any_other = false, other = false;
    memset(found, MR_KIND_FALSE, run->count);
    for (uint32_t argument = 1; argument < run->in->count; argument++) {
        column = order_column(run, argument, orders, &other);
        if (column == NULL) break;
        any_other |= other;
        for (uint32_t i = 0; i < run->count; i++) {
            if (orders[i] == MR_CELL_NONE) found[i] = MR_KIND_NULL;
            if (orders[i] == MR_CELL_OTHER && found[i] == MR_KIND_FALSE) found[i] = MR_KIND_FAULT;
            if (orders[i] == MR_CELL_SAME) found[i] = MR_KIND_TRUE;
        }
    }
    for (uint32_t i = 0; i < run->count; i++)
        run->out->kind[run->rows[i]] = column != NULL ? found[i] : MR_KIND_NULL;
    for (uint32_t i = 0; any_other && i < run->count; i++) /* FAULT stands for odd */
        if (found[i] == MR_KIND_FAULT && column != NULL)
            mr_vec_put(run->out, run->rows[i], find_cell(run, column, run->rows[i]));
}

/* --- least, greatest
 * -------------------------------------------------------------------------- */

/* Nulls are passed over. */
MR_INLINE void extreme(mr_run *run, mr_order wanted)
{
    MR_EACH_ROW(run, row)
    {
        mr_value best = mr_value_state(MR_KIND_NULL);
        for (uint32_t i = 0; i < run->in->count && best.kind != MR_KIND_FAULT; i++) {
            const mr_vec vec = mr_run_arg(run, i);
            const mr_value value = mr_vec_get(&vec, row);
            if (mr_kind_is_none(value.kind)) continue;
            if (best.kind == MR_KIND_NULL || value.kind == MR_KIND_FAULT) {
                best = value;
                continue;
            }
            const mr_order order = mr_value_compare(&value, &best);
            if (order == MR_ORDER_OTHER)
                best = not_ordered(run, &best, &value);
            else if (order == wanted)
                best = value;
        }
        mr_vec_put(run->out, row, best);
    }
}

static void call_least(mr_run *run)
{
    extreme(run, MR_ORDER_LESS);
}

static void call_greatest(mr_run *run)
{
    extreme(run, MR_ORDER_MORE);
}

static mr_value null_if_of(mr_run *run, const mr_value *args)
{
    (void)run;
    if (mr_kind_is_none(args[0].kind) || mr_kind_is_none(args[1].kind)) return args[0];
    const bool same = mr_value_compare(&args[0], &args[1]) == MR_ORDER_SAME;
    return same ? mr_value_state(MR_KIND_NULL) : args[0];
}

MR_EXPR_CALL(call_null_if, null_if_of, 2)

/* --- kinds
 * ------------------------------------------------------------------------------------ */

static mr_code fail_kinds(const mr_instruction *in, const mr_term *a, const mr_term *b,
                          mr_error *err)
{
    char first[MR_KINDS_NAMES_MAX], second[MR_KINDS_NAMES_MAX];
    const bool text = ((a->kinds | b->kinds) & MR_KINDS_STRING) != 0;
    const bool number = ((a->kinds | b->kinds) & MR_KINDS_NUMERIC) != 0;
    return mr_compile_fail(
        in->line, in->column, err, "%s cannot compare %s and %s%s", in->function->name,
        mr_kinds_names(a->kinds, first), mr_kinds_names(b->kinds, second),
        text && number ? "; make a number with decimal() or a text with string()" : "");
}

/* `x = null` is never true, which nobody who writes it wants. */
static mr_code check_null(const mr_compiler *c, const mr_term *args, uint32_t count, mr_error *err)
{
    for (uint32_t i = 0; i < count; i++)
        if (args[i].kinds == 0 && mr_term_constant(c, &args[i]) != NULL)
            return mr_compile_fail(args[i].line, args[i].column, err,
                                   "a comparison with null is never true; use is_null()");
    return MR_OK;
}

static mr_code check_same(mr_compiler *c, mr_instruction *in, const mr_term *args, uint32_t count,
                          mr_error *err)
{
    MR_TRY(check_null(c, args, count, err));
    for (uint32_t i = 1; i < count; i++)
        if (args[0].kinds != 0 && args[i].kinds != 0 &&
            !mr_kinds_comparable(args[0].kinds, args[i].kinds))
            return fail_kinds(in, &args[0], &args[i], err);
    return MR_OK;
}

static mr_code check_order(mr_compiler *c, mr_instruction *in, const mr_term *args, uint32_t count,
                           mr_error *err)
{
    MR_TRY(check_null(c, args, count, err));
    for (uint32_t i = 1; i < count; i++)
        if (args[0].kinds != 0 && args[i].kinds != 0 &&
            !mr_kinds_ordered(args[0].kinds, args[i].kinds))
            return fail_kinds(in, &args[0], &args[i], err);
    return MR_OK;
}

static mr_code check_extreme(mr_compiler *c, mr_instruction *in, const mr_term *args,
                             uint32_t count, mr_error *err)
{
    (void)c;
    for (uint32_t i = 1; i < count; i++)
        if (args[0].kinds != 0 && args[i].kinds != 0 &&
            !mr_kinds_ordered(args[0].kinds, args[i].kinds))
            return fail_kinds(in, &args[0], &args[i], err);
    return MR_OK;
}

static mr_kinds all_kinds(const mr_term *args, uint32_t count)
{
    mr_kinds kinds = 0;
    for (uint32_t i = 0; i < count; i++)
        kinds |= args[i].kinds;
    return kinds;
}

static mr_kinds first_kinds(const mr_term *args, uint32_t count)
{
    (void)count;
    return args[0].kinds;
}

#define OPERATOR(id, symbol, how)                                        \
    const mr_function mr_operator_##id = {.name = "'" symbol "'",        \
                                          .signature = "x " symbol " y", \
                                          .call = call_##id,             \
                                          .column_call = column_##id,    \
                                          .least = 2,                    \
                                          .most = 2,                     \
                                          .gives = MR_KINDS_BOOL,        \
                                          .prepare = check_##how}

OPERATOR(same, "==", same);
OPERATOR(other, "!=", same);
OPERATOR(less, "<", order);
OPERATOR(at_most, "<=", order);
OPERATOR(more, ">", order);
OPERATOR(at_least, ">=", order);

const mr_function mr_operator_between = {.name = "'between'",
                                         .signature = "x between low and high",
                                         .call = call_between,
                                         .column_call = column_between,
                                         .least = 3,
                                         .most = 3,
                                         .flags = MR_FUNCTION_NONES,
                                         .gives = MR_KINDS_BOOL,
                                         .prepare = check_order};

const mr_function mr_operator_in = {.name = "'in'",
                                    .signature = "x in (a, ...)",
                                    .call = call_in,
                                    .column_call = column_in,
                                    .least = 2,
                                    .most = MR_EXPR_MAX_ARGS + 1,
                                    .gives = MR_KINDS_BOOL,
                                    .prepare = check_same};

const mr_function mr_functions_order[] = {
    {.name = "least",
     .signature = "least(value, ...)",
     .call = call_least,
     .least = 1,
     .most = MR_EXPR_MAX_ARGS,
     .flags = MR_FUNCTION_NONES,
     .result = all_kinds,
     .prepare = check_extreme},
    {.name = "greatest",
     .signature = "greatest(value, ...)",
     .call = call_greatest,
     .least = 1,
     .most = MR_EXPR_MAX_ARGS,
     .flags = MR_FUNCTION_NONES,
     .result = all_kinds,
     .prepare = check_extreme},
    {.name = "null_if",
     .signature = "null_if(value, unwanted)",
     .call = call_null_if,
     .least = 2,
     .most = 2,
     .flags = MR_FUNCTION_NONES,
     .result = first_kinds},
    {.name = NULL},
};
