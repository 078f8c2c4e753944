/* SPDX-License-Identifier: MIT
 *
 * + - * / % and their kin: exact on INT and DECIMAL, binary64 as soon as a FLOAT takes part. */
#include <math.h>

#include "expr/compile.h"
#include "expr/decimal.h"
#include "expr/functions.h"
#include "expr/operators.h"
#include "expr/run.h"

typedef enum sum {
    ADD,
    SUBTRACT,
    MULTIPLY,
    DIVIDE,
    REST,
} sum;

static mr_decimal decimal_of(const mr_value *value)
{
    if (value->kind == MR_KIND_INT) return (mr_decimal){value->cell.integer, 0};
    return (mr_decimal){value->cell.decimal, value->scale};
}

static mr_value too_long(mr_run *run)
{
    return mr_run_fault(run, "the result has more than %d digits", MR_DECIMAL_DIGITS_MAX);
}

static mr_value exact(mr_run *run, bool good, const mr_decimal *result)
{
    return MR_LIKELY(good) ? mr_value_decimal(result->value, result->scale) : too_long(run);
}

static mr_value real_sum(mr_run *run, sum op, const mr_value *a, const mr_value *b)
{
    double x, y, result = 0;
    if (!mr_value_as_real(a, &x) || !mr_value_as_real(b, &y))
        return mr_run_fault(run, "a number is beyond the range of float");
    if ((op == DIVIDE || op == REST) && y == 0) return mr_run_fault(run, "division by zero");
    switch (op) {
    case ADD: result = x + y; break;
    case SUBTRACT: result = x - y; break;
    case MULTIPLY: result = x * y; break;
    case DIVIDE: result = x / y; break;
    case REST: result = fmod(x, y); break;
    }
    if (!isfinite(result)) return mr_run_fault(run, "the result is beyond the range of float");
    return mr_value_real(result);
}

static mr_value exact_sum(mr_run *run, sum op, const mr_value *a, const mr_value *b)
{
    const mr_decimal x = decimal_of(a), y = decimal_of(b);
    mr_decimal result = {0, 0};
    bool good = false;
    if ((op == DIVIDE || op == REST) && y.value == 0) return mr_run_fault(run, "division by zero");
    switch (op) {
    case ADD: good = mr_decimal_add(x, y, &result); break;
    case SUBTRACT: good = mr_decimal_subtract(x, y, &result); break;
    case MULTIPLY: good = mr_decimal_multiply(x, y, &result); break;
    case DIVIDE: good = mr_decimal_divide(x, y, &result); break;
    case REST: good = mr_decimal_divide_whole(x, y, NULL, &result); break;
    }
    return exact(run, good, &result);
}

/* Two ints, while the result is one. */
MR_INLINE bool int_sum(sum op, int64_t a, int64_t b, int64_t *out)
{
    switch (op) {
    case ADD: return !__builtin_add_overflow(a, b, out);
    case SUBTRACT: return !__builtin_sub_overflow(a, b, out);
    case MULTIPLY: return !__builtin_mul_overflow(a, b, out);
    case DIVIDE:
        if (b == 0 || b == -1 || a % b != 0) return false;
        *out = a / b;
        return true;
    case REST:
        if (b == 0 || b == -1) return false;
        *out = a % b;
        return true;
    }
    return false;
}

MR_INLINE mr_value sum_of(mr_run *run, sum op, const mr_value *args)
{
    int64_t small;
    if (MR_LIKELY(args[0].kind == MR_KIND_INT && args[1].kind == MR_KIND_INT) &&
        MR_LIKELY(int_sum(op, args[0].cell.integer, args[1].cell.integer, &small)))
        return mr_value_int(small);
    if (args[0].kind == MR_KIND_FLOAT || args[1].kind == MR_KIND_FLOAT)
        return real_sum(run, op, &args[0], &args[1]);
    return exact_sum(run, op, &args[0], &args[1]);
}

/* Columns of ints without holes: false, with nothing done, when a result is none. The result may
 * take the place of an operand, so the first loop only looks. */
MR_INLINE bool int_block(mr_run *run, sum op)
{
    const mr_vec a = mr_run_arg(run, 0), b = mr_run_arg(run, 1);
    bool good = true;
    int64_t result = 0;
    if (a.uniform != MR_KIND_INT || b.uniform != MR_KIND_INT) return false;
    MR_EACH_ROW(run, row)
    good &= int_sum(op, a.cell[row * a.stride].integer, b.cell[row * b.stride].integer, &result);
    if (!good) return false;
    MR_EACH_ROW(run, row)
    {
        if (int_sum(op, a.cell[row * a.stride].integer, b.cell[row * b.stride].integer, &result))
            run->out->cell[row].integer = result;
        run->out->kind[row] = MR_KIND_INT;
    }
    run->out->uniform = MR_KIND_INT;
    return true;
}

#define SUM(name, op)                                            \
    static mr_value name##_of(mr_run *run, const mr_value *args) \
    {                                                            \
        return sum_of(run, op, args);                            \
    }                                                            \
    MR_EXPR_CALL(name##_rows, name##_of, 2)                      \
    static void call_##name(mr_run *run)                         \
    {                                                            \
        if (!int_block(run, op)) name##_rows(run);               \
    }

SUM(subtract, SUBTRACT)
SUM(multiply, MULTIPLY)
SUM(divide, DIVIDE)
SUM(rest, REST)

/* --- plus, which also joins texts
 * ------------------------------------------------------------- */

#define TEXTS (MR_KINDS_STRING | MR_KIND_BIT(MR_KIND_UUID))

static mr_value join(mr_run *run, mr_slice a, mr_slice b)
{
    char *text = mr_run_take(run, a.len + b.len);
    if (text == NULL) return mr_run_too_large(run);
    if (a.len > 0) memcpy(text, a.ptr, a.len);
    if (b.len > 0) memcpy(text + a.len, b.ptr, b.len);
    return mr_value_text(MR_KIND_STRING, (mr_slice){text, a.len + b.len});
}

static mr_value add_of(mr_run *run, const mr_value *args)
{
    const mr_kinds joined = TEXTS | MR_KINDS_UNTYPED;
    mr_value read[2] = {args[0], args[1]};
    if (mr_kind_in(args[0].kind, joined) && mr_kind_in(args[1].kind, joined) &&
        (args[0].kind != MR_KIND_TEXT || args[1].kind != MR_KIND_TEXT))
        return join(run, args[0].cell.text, args[1].cell.text);
    for (unsigned i = 0; i < 2; i++) {
        mr_run_read(run, MR_READ_NUMBER, &read[i], run->room[i]);
        if (read[i].kind == MR_KIND_FAULT) return read[i];
    }
    return sum_of(run, ADD, read);
}

MR_EXPR_CALL(add_rows, add_of, 2)

static void call_add(mr_run *run)
{
    if (!int_block(run, ADD)) add_rows(run);
}

/* --- kinds
 * ------------------------------------------------------------------------------------ */

/* A FLOAT anywhere makes a FLOAT; without one the result is exact. */
static mr_kinds sum_kinds(const mr_term *args, uint32_t count)
{
    const mr_kinds real = MR_KIND_BIT(MR_KIND_FLOAT);
    const mr_kinds other = (MR_KINDS_NUMERIC | MR_KINDS_UNTYPED) & ~real;
    bool may_be_exact = true;
    mr_kinds kinds = 0;
    for (uint32_t i = 0; i < count; i++) {
        kinds |= args[i].kinds & real;
        may_be_exact = may_be_exact && (args[i].kinds & other) != 0;
    }
    return may_be_exact ? kinds | MR_KINDS_EXACT : kinds;
}

/* The places that are asked for do not matter. */
static mr_kinds first_kinds(const mr_term *args, uint32_t count)
{
    (void)count;
    return sum_kinds(args, 1);
}

static mr_kinds add_kinds(const mr_term *args, uint32_t count)
{
    const mr_kinds numbers = MR_KINDS_NUMERIC | MR_KINDS_UNTYPED, joined = TEXTS | MR_KINDS_UNTYPED;
    const mr_kinds both = args[0].kinds | args[1].kinds;
    mr_kinds kinds = 0;
    if ((args[0].kinds & numbers) != 0 && (args[1].kinds & numbers) != 0)
        kinds |= sum_kinds(args, count);
    if ((args[0].kinds & joined) != 0 && (args[1].kinds & joined) != 0 && (both & TEXTS) != 0)
        kinds |= MR_KIND_BIT(MR_KIND_STRING);
    return kinds;
}

static mr_code check_add(mr_compiler *c, mr_instruction *in, const mr_term *args, uint32_t count,
                         mr_error *err)
{
    char a[MR_KINDS_NAMES_MAX], b[MR_KINDS_NAMES_MAX];
    (void)c;
    if (args[0].kinds == 0 || args[1].kinds == 0 || add_kinds(args, count) != 0) return MR_OK;
    const bool text = ((args[0].kinds | args[1].kinds) & TEXTS) != 0;
    const bool moment = ((args[0].kinds | args[1].kinds) & MR_KINDS_TEMPORAL) != 0;
    return mr_compile_fail(in->line, in->column, err, "'+' cannot add %s and %s%s",
                           mr_kinds_names(args[0].kinds, a), mr_kinds_names(args[1].kinds, b),
                           moment ? "; use date_add()"
                           : text ? "; use concat(), or int() or decimal()"
                                  : "");
}

/* --- unary
 * ------------------------------------------------------------------------------------ */

static mr_value negate_of(mr_run *run, const mr_value *args)
{
    if (args[0].kind == MR_KIND_FLOAT) return mr_value_real(-args[0].cell.real);
    const mr_decimal a = decimal_of(&args[0]);
    (void)run;
    return mr_value_decimal(-a.value, a.scale);
}

MR_EXPR_CALL(call_negate, negate_of, 1)

static mr_value abs_of(mr_run *run, const mr_value *args)
{
    if (args[0].kind == MR_KIND_FLOAT) return mr_value_real(fabs(args[0].cell.real));
    return decimal_of(&args[0]).value < 0 ? negate_of(run, args) : args[0];
}

MR_EXPR_CALL(call_abs, abs_of, 1)

static mr_value sign_of(mr_run *run, const mr_value *args)
{
    (void)run;
    if (args[0].kind == MR_KIND_FLOAT)
        return mr_value_int((args[0].cell.real > 0) - (args[0].cell.real < 0));
    const mr_i128 value = decimal_of(&args[0]).value;
    return mr_value_int((value > 0) - (value < 0));
}

MR_EXPR_CALL(call_sign, sign_of, 1)

/* --- rounding
 * --------------------------------------------------------------------------------- */

static mr_value round_real(mr_run *run, double real, mr_rounding how, bool to_places)
{
    if (to_places) return mr_run_fault(run, "a float has no places; use decimal() first");
    switch (how) {
    case MR_ROUND_HALF: return mr_value_real(round(real));
    case MR_ROUND_FLOOR: return mr_value_real(floor(real));
    case MR_ROUND_CEIL: return mr_value_real(ceil(real));
    case MR_ROUND_CUT: break;
    }
    return mr_value_real(trunc(real));
}

MR_INLINE mr_value round_by(mr_run *run, const mr_value *args, mr_rounding how)
{
    const bool to_places = args[1].kind == MR_KIND_INT;
    const int64_t places = to_places ? args[1].cell.integer : 0;
    mr_decimal result;
    if (args[0].kind == MR_KIND_FLOAT)
        return round_real(run, args[0].cell.real, how, to_places && places != 0);
    if (places < -MR_DECIMAL_DIGITS_MAX || places > MR_DECIMAL_SCALE_MAX)
        return mr_run_fault(run, "places must be -%d to %d", MR_DECIMAL_DIGITS_MAX,
                            MR_DECIMAL_SCALE_MAX);
    const bool good = mr_decimal_round(decimal_of(&args[0]), (int)places, how, &result);
    return exact(run, good, &result);
}

#define ROUND(name, how)                                         \
    static mr_value name##_of(mr_run *run, const mr_value *args) \
    {                                                            \
        return round_by(run, args, how);                         \
    }                                                            \
    MR_EXPR_CALL(call_##name, name##_of, 2)

ROUND(round, MR_ROUND_HALF)
ROUND(floor, MR_ROUND_FLOOR)
ROUND(ceil, MR_ROUND_CEIL)
ROUND(trunc, MR_ROUND_CUT)

/* The quotient as a whole number, cut toward zero. */
static mr_value div_of(mr_run *run, const mr_value *args)
{
    mr_decimal whole;
    if (args[0].kind == MR_KIND_FLOAT || args[1].kind == MR_KIND_FLOAT) {
        mr_value quotient = real_sum(run, DIVIDE, &args[0], &args[1]);
        if (quotient.kind == MR_KIND_FLOAT) quotient.cell.real = trunc(quotient.cell.real);
        return quotient;
    }
    const mr_decimal a = decimal_of(&args[0]), b = decimal_of(&args[1]);
    if (b.value == 0) return mr_run_fault(run, "division by zero");
    return exact(run, mr_decimal_divide_whole(a, b, &whole, NULL), &whole);
}

MR_EXPR_CALL(call_div, div_of, 2)

#define OPERATOR(id, symbol)                                                         \
    const mr_function mr_operator_##id = {.name = "'" symbol "'",                    \
                                          .signature = "x " symbol " y",             \
                                          .call = call_##id,                         \
                                          .least = 2,                                \
                                          .most = 2,                                 \
                                          .reads = {MR_READ_NUMBER, MR_READ_NUMBER}, \
                                          .result = sum_kinds}

const mr_function mr_operator_add = {.name = "'+'",
                                     .signature = "x + y",
                                     .call = call_add,
                                     .least = 2,
                                     .most = 2,
                                     .result = add_kinds,
                                     .prepare = check_add};
OPERATOR(subtract, "-");
OPERATOR(multiply, "*");
OPERATOR(divide, "/");
OPERATOR(rest, "%");
const mr_function mr_operator_negate = {.name = "'-'",
                                        .signature = "-x",
                                        .call = call_negate,
                                        .least = 1,
                                        .most = 1,
                                        .reads = {MR_READ_NUMBER},
                                        .result = sum_kinds};

const mr_function mr_functions_arithmetic[] = {
    {.name = "abs",
     .signature = "abs(number)",
     .call = call_abs,
     .least = 1,
     .most = 1,
     .reads = {MR_READ_NUMBER},
     .result = sum_kinds},
    {.name = "sign",
     .signature = "sign(number)",
     .call = call_sign,
     .least = 1,
     .most = 1,
     .reads = {MR_READ_NUMBER},
     .gives = MR_KIND_BIT(MR_KIND_INT)},
    {.name = "round",
     .signature = "round(number[, places])",
     .call = call_round,
     .least = 1,
     .most = 2,
     .reads = {MR_READ_NUMBER, MR_READ_INT},
     .result = first_kinds},
    {.name = "floor",
     .signature = "floor(number[, places])",
     .call = call_floor,
     .least = 1,
     .most = 2,
     .reads = {MR_READ_NUMBER, MR_READ_INT},
     .result = first_kinds},
    {.name = "ceil",
     .signature = "ceil(number[, places])",
     .call = call_ceil,
     .least = 1,
     .most = 2,
     .reads = {MR_READ_NUMBER, MR_READ_INT},
     .result = first_kinds},
    {.name = "trunc",
     .signature = "trunc(number[, places])",
     .call = call_trunc,
     .least = 1,
     .most = 2,
     .reads = {MR_READ_NUMBER, MR_READ_INT},
     .result = first_kinds},
    {.name = "div",
     .signature = "div(number, number)",
     .call = call_div,
     .least = 2,
     .most = 2,
     .reads = {MR_READ_NUMBER, MR_READ_NUMBER},
     .result = sum_kinds},
    {.name = NULL},
};
