/* SPDX-License-Identifier: MIT
 *
 * int() and its kin: from one type to another without loss, or a fault; and the questions about a
 * value's state. Casts read texts more kindly than the typing rules do: int("007") is 7. */
#include <math.h>
#include <strings.h>

#include "core/scan.h"
#include "expr/access.h"
#include "expr/compile.h"
#include "expr/decimal.h"
#include "expr/functions.h"
#include "expr/run.h"

#define KIND(name) MR_KIND_BIT(MR_KIND_##name)

static mr_value not_a(mr_run *run, const mr_value *value, const char *what)
{
    char room[MR_QUOTE_MAX];
    return mr_run_fault(run, "%s is not %s", mr_run_quote(value, room), what);
}

static bool is_text(const mr_value *value)
{
    return mr_kind_in(value->kind, MR_KINDS_STRING | MR_KINDS_UNTYPED);
}

/* --- numbers
 * ---------------------------------------------------------------------------------- */

/* A text without the plus and the zeros that a canonical number lacks. */
static mr_slice without_padding(mr_slice text, bool *out_negative)
{
    *out_negative = text.len > 0 && text.ptr[0] == '-';
    if (text.len > 0 && (text.ptr[0] == '-' || text.ptr[0] == '+')) text = mr_slice_from(text, 1);
    while (text.len > 1 && text.ptr[0] == '0' && (unsigned char)(text.ptr[1] - '0') < 10)
        text = mr_slice_from(text, 1);
    return text;
}

/* [+-]?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)? as an exact number. */
static bool read_loosely(mr_slice text, mr_value *out)
{
    bool negative;
    const mr_slice digits = without_padding(text, &negative);
    if (digits.len == 0 || digits.ptr[0] == '-') return false;
    if (!mr_value_read_number(digits, out) || !mr_value_exact_number(out)) return false;
    if (!negative) return true;
    if (out->kind == MR_KIND_INT)
        out->cell.integer = -out->cell.integer;
    else
        *out = mr_value_decimal(-out->cell.decimal, out->scale);
    return true;
}

/* The value as INT or DECIMAL; false when it cannot be. */
static bool read_exact(const mr_value *value, mr_value *out)
{
    char room[MR_VALUE_TEXT_MAX];
    *out = *value;
    if (mr_kind_in(value->kind, MR_KINDS_EXACT)) return true;
    if (is_text(value)) return read_loosely(value->cell.text, out);
    if (value->kind == MR_KIND_NUMBER) return mr_value_exact_number(out);
    if (value->kind != MR_KIND_FLOAT) return false;
    *out =
        mr_value_text(MR_KIND_NUMBER, mr_value_write(value, room)); /* the digits it is seen as */
    return out->cell.text.len > 0 && mr_value_exact_number(out);
}

static mr_value int_of(mr_run *run, const mr_value *args)
{
    mr_value value;
    mr_decimal whole;
    if (args[0].kind == MR_KIND_INT) return args[0];
    if (!read_exact(&args[0], &value)) return not_a(run, &args[0], "an int");
    if (value.kind == MR_KIND_INT) return value;
    const mr_decimal exact = {value.cell.decimal, value.scale};
    if (!mr_decimal_round(exact, 0, MR_ROUND_CUT, &whole) || mr_decimal_compare(exact, whole) != 0)
        return not_a(run, &args[0], "an int; round() or trunc() make one of it");
    value = mr_value_decimal(whole.value, whole.scale);
    return value.kind == MR_KIND_INT ? value : not_a(run, &args[0], "an int of 64 bits");
}

MR_EXPR_CALL(call_int, int_of, 1)

static mr_value decimal_of(mr_run *run, const mr_value *args)
{
    mr_value value;
    mr_decimal fixed;
    if (!read_exact(&args[0], &value)) return not_a(run, &args[0], "a decimal of 38 digits");
    if (args[1].kind == MR_KIND_ABSENT) return value;
    const int64_t places = args[1].cell.integer;
    if (places < 0 || places > MR_DECIMAL_SCALE_MAX)
        return mr_run_fault(run, "places must be 0 to %d", MR_DECIMAL_SCALE_MAX);
    const mr_decimal exact = value.kind == MR_KIND_INT
                                 ? (mr_decimal){value.cell.integer, 0}
                                 : (mr_decimal){value.cell.decimal, value.scale};
    if (!mr_decimal_round(exact, (int)places, MR_ROUND_CUT, &fixed) ||
        mr_decimal_compare(exact, fixed) != 0 || fixed.scale != (unsigned)places)
        return not_a(run, &args[0], "a decimal of so few places; round() makes one of it");
    return mr_value_decimal(fixed.value, fixed.scale);
}

MR_EXPR_CALL(call_decimal, decimal_of, 2)

static mr_value float_of(mr_run *run, const mr_value *args)
{
    double real = 0;
    bool good, negative;
    if (args[0].kind == MR_KIND_FLOAT) return args[0];
    if (is_text(&args[0])) {
        const mr_slice digits = without_padding(args[0].cell.text, &negative);
        good = digits.len > 0 && digits.ptr[0] != '-' && mr_parse_f64(digits, &real);
        if (negative) real = -real;
    } else {
        good = mr_kind_in(args[0].kind, MR_KINDS_NUMERIC) && mr_value_as_real(&args[0], &real);
    }
    return good ? mr_value_real(real) : not_a(run, &args[0], "a float");
}

MR_EXPR_CALL(call_float, float_of, 1)

/* --- texts, truths
 * ---------------------------------------------------------------------------- */

static mr_value string_of(mr_run *run, const mr_value *args)
{
    mr_value value = args[0];
    if (value.kind == MR_KIND_STRING) return value;
    if (value.kind == MR_KIND_JSON) return mr_value_text(MR_KIND_STRING, value.cell.text);
    mr_run_read(run, MR_READ_TEXT, &value, run->room[0]);
    return mr_run_keep(run, value.cell.text);
}

MR_EXPR_CALL(call_string, string_of, 1)

static bool is_one_of(mr_slice text, const char *const *words, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (strlen(words[i]) == text.len && strncasecmp(words[i], text.ptr, text.len) == 0)
            return true;
    return false;
}

static mr_value bool_of(mr_run *run, const mr_value *args)
{
    static const char *const truths[] = {"true", "t", "yes", "y", "on", "1"}, *const lies[] = {
                                                                                  "false", "f",
                                                                                  "no",    "n",
                                                                                  "off",   "0"};
    if (mr_kind_in(args[0].kind, MR_KINDS_BOOL)) return args[0];
    if (args[0].kind == MR_KIND_INT && (args[0].cell.integer & ~INT64_C(1)) == 0)
        return mr_value_bool(args[0].cell.integer == 1);
    if (is_text(&args[0]) && is_one_of(args[0].cell.text, truths, MR_COUNT_OF(truths)))
        return mr_value_bool(true);
    if (is_text(&args[0]) && is_one_of(args[0].cell.text, lies, MR_COUNT_OF(lies)))
        return mr_value_bool(false);
    return not_a(run, &args[0], "true or false");
}

MR_EXPR_CALL(call_bool, bool_of, 1)

/* --- moments
 * ---------------------------------------------------------------------------------- */

/* Days of a timestamp's own calendar. */
static int64_t day_of(const mr_moment *time)
{
    const int64_t s = time->seconds;
    return s >= 0 ? s / 86400 : -((86399 - s) / 86400);
}

static mr_value date_of(mr_run *run, const mr_value *args)
{
    mr_value value;
    if (args[0].kind == MR_KIND_DATE) return args[0];
    if (args[0].kind == MR_KIND_TIMESTAMP)
        return (mr_value){.cell.integer = day_of(&args[0].cell.time), .kind = MR_KIND_DATE};
    if (is_text(&args[0]) && mr_value_read_date(args[0].cell.text, &value)) return value;
    return not_a(run, &args[0], "a date YYYY-MM-DD; parse_date() reads others");
}

MR_EXPR_CALL(call_date, date_of, 1)

static mr_value timestamp_of(mr_run *run, const mr_value *args)
{
    mr_value value;
    if (args[0].kind == MR_KIND_TIMESTAMP) return args[0];
    if (args[0].kind == MR_KIND_DATE)
        return (mr_value){.cell.time = {.seconds = args[0].cell.integer * 86400, .layout = 'T'},
                          .kind = MR_KIND_TIMESTAMP};
    if (is_text(&args[0]) && mr_value_read_timestamp(args[0].cell.text, &value)) return value;
    return not_a(run, &args[0], "a timestamp; parse_timestamp() reads other forms");
}

MR_EXPR_CALL(call_timestamp, timestamp_of, 1)

static mr_value time_of(mr_run *run, const mr_value *args)
{
    mr_value value = args[0];
    if (value.kind == MR_KIND_TIME) return value;
    if (value.kind == MR_KIND_TIMESTAMP) {
        value.kind = MR_KIND_TIME;
        value.cell.time.seconds -= day_of(&value.cell.time) * 86400;
        value.cell.time.layout &= 0xfff; /* no zone */
        return value;
    }
    if (is_text(&args[0]) && mr_value_read_time(args[0].cell.text, &value)) return value;
    return not_a(run, &args[0], "a time hh:mm:ss");
}

MR_EXPR_CALL(call_time, time_of, 1)

/* --- json
 * ------------------------------------------------------------------------------------- */

static mr_value json_of(mr_run *run, const mr_value *args)
{
    mr_scan scan;
    mr_scan_value value;
    if (!is_text(&args[0])) return args[0];
    mr_scan_init(&scan, args[0].cell.text);
    if (!mr_scan_next(&scan, &value) || !mr_scan_finish(&scan)) {
        mr_error fault;
        mr_scan_fail(&scan, &fault);
        return mr_run_fault(run, "not JSON: %s", fault.text);
    }
    const size_t bytes = mr_scan_keep_bytes(&value);
    if (bytes == 0) return mr_json_value(run, value.raw);
    char *room = mr_run_take(run, bytes);
    if (room == NULL) return mr_run_too_large(run);
    return mr_json_value(run, mr_scan_keep(&value, room));
}

MR_EXPR_CALL(call_json, json_of, 1)

/* What is no text stays as it is. */
static mr_kinds json_kinds(const mr_term *args, uint32_t count)
{
    const mr_kinds text = MR_KINDS_STRING | MR_KINDS_UNTYPED;
    (void)count;
    return (args[0].kinds & ~text) | ((args[0].kinds & text) != 0 ? MR_KINDS_JSON : 0);
}

/* --- states
 * ----------------------------------------------------------------------------------- */

static mr_value is_null_of(mr_run *run, const mr_value *args)
{
    (void)run;
    return mr_value_bool(mr_kind_is_none(args[0].kind));
}

MR_EXPR_CALL(call_is_null, is_null_of, 1)

static mr_value is_absent_of(mr_run *run, const mr_value *args)
{
    (void)run;
    return mr_value_bool(args[0].kind == MR_KIND_ABSENT);
}

MR_EXPR_CALL(call_is_absent, is_absent_of, 1)

static mr_value type_of(mr_run *run, const mr_value *args)
{
    const char *name = mr_kind_name(args[0].kind);
    (void)run;
    if (args[0].kind == MR_KIND_TEXT) name = mr_type_name(mr_type_of_text(args[0].cell.text, NULL));
    return mr_value_text(MR_KIND_STRING, mr_slice_text(name));
}

MR_EXPR_CALL(call_type, type_of, 1)

#define CAST(id, what, kinds)                                                                 \
    {                                                                                         \
        .name = #id, .signature = #id "(" what ")", .call = call_##id, .least = 1, .most = 1, \
        .gives = (kinds)                                                                      \
    }

const mr_function mr_functions_cast[] = {
    CAST(int, "value", KIND(INT)),
    {.name = "decimal",
     .signature = "decimal(value[, places])",
     .call = call_decimal,
     .least = 1,
     .most = 2,
     .reads = {MR_READ_ANY, MR_READ_INT},
     .gives = MR_KINDS_EXACT},
    CAST(float, "value", KIND(FLOAT)),
    CAST(string, "value", KIND(STRING)),
    CAST(bool, "value", MR_KINDS_BOOL),
    CAST(date, "value", KIND(DATE)),
    CAST(timestamp, "value", KIND(TIMESTAMP)),
    CAST(time, "value", KIND(TIME)),
    {.name = "json",
     .signature = "json(text)",
     .call = call_json,
     .least = 1,
     .most = 1,
     .result = json_kinds},
    {.name = "is_null",
     .signature = "is_null(value)",
     .call = call_is_null,
     .least = 1,
     .most = 1,
     .flags = MR_FUNCTION_NONES,
     .gives = MR_KINDS_BOOL},
    {.name = "is_absent",
     .signature = "is_absent(value)",
     .call = call_is_absent,
     .least = 1,
     .most = 1,
     .flags = MR_FUNCTION_NONES,
     .gives = MR_KINDS_BOOL},
    {.name = "type",
     .signature = "type(value)",
     .call = call_type,
     .least = 1,
     .most = 1,
     .flags = MR_FUNCTION_NONES,
     .gives = KIND(STRING)},
    {.name = NULL},
};
