/* SPDX-License-Identifier: MIT
 *
 * Functions on dates and timestamps. A part of a timestamp is what it shows, at its own offset;
 * differences are between the moments. */
#include "core/clock.h"
#include "expr/compile.h"
#include "expr/decimal.h"
#include "expr/functions.h"
#include "expr/moment.h"
#include "expr/run.h"

#define DAY_SECONDS 86400

/* --- parts
 * ------------------------------------------------------------------------------------ */

typedef enum part {
    YEAR,
    QUARTER,
    MONTH,
    DAY,
    HOUR,
    MINUTE,
    SECOND,
    WEEKDAY,
    YEARDAY,
} part;

MR_INLINE mr_value part_of(const mr_value *moment, part wanted)
{
    const int64_t day = mr_moment_day(moment), second = mr_moment_second(moment);
    const mr_date date = mr_date_from_days((int32_t)day);
    const mr_date first = {.year = date.year, .month = 1, .day = 1};
    switch (wanted) {
    case YEAR: return mr_value_int(date.year);
    case QUARTER: return mr_value_int((date.month - 1) / 3 + 1);
    case MONTH: return mr_value_int(date.month);
    case DAY: return mr_value_int(date.day);
    case HOUR: return mr_value_int(second / 3600);
    case MINUTE: return mr_value_int(second / 60 % 60);
    case SECOND: return mr_value_int(second % 60);
    case WEEKDAY: return mr_value_int(mr_weekday(day));
    case YEARDAY: return mr_value_int(day - mr_days_from_date(first) + 1);
    }
    return mr_value_state(MR_KIND_NULL);
}

#define PART(name, which)                                        \
    static mr_value name##_of(mr_run *run, const mr_value *args) \
    {                                                            \
        (void)run;                                               \
        return part_of(&args[0], which);                         \
    }                                                            \
    MR_EXPR_CALL(call_##name, name##_of, 1)

PART(year, YEAR)
PART(quarter, QUARTER)
PART(month, MONTH)
PART(day, DAY)
PART(hour, HOUR)
PART(minute, MINUTE)
PART(second, SECOND)
PART(weekday, WEEKDAY)
PART(yearday, YEARDAY)

/* --- units
 * ------------------------------------------------------------------------------------ */

static mr_value moved_out(mr_run *run, const mr_value *moment, mr_unit unit)
{
    if (moment->kind == MR_KIND_DATE && unit < MR_UNIT_DAY)
        return mr_run_fault(run, "a date has no %ss; use timestamp() first", mr_unit_name(unit));
    return mr_run_fault(run, "the result lies outside the years 0000 to 9999");
}

static mr_value date_trunc_of(mr_run *run, const mr_value *args)
{
    mr_value moment = args[0];
    const mr_unit unit = (mr_unit)run->in->extra;
    return mr_moment_truncate(&moment, unit) ? moment : moved_out(run, &args[0], unit);
}

static mr_value date_add_of(mr_run *run, const mr_value *args)
{
    mr_value moment = args[0];
    const mr_unit unit = (mr_unit)run->in->extra;
    if (!mr_moment_add(&moment, args[1].cell.integer, unit)) return moved_out(run, &args[0], unit);
    return moment;
}

static mr_value date_diff_of(mr_run *run, const mr_value *args)
{
    int64_t count;
    if (!mr_moment_difference(&args[1], &args[0], (mr_unit)run->in->extra, &count))
        return mr_run_fault(run, "the difference does not fit 64 bits");
    return mr_value_int(count);
}

MR_EXPR_CALL(call_date_trunc, date_trunc_of, 1)
MR_EXPR_CALL(call_date_add, date_add_of, 2)
MR_EXPR_CALL(call_date_diff, date_diff_of, 2)

static mr_code read_unit(const mr_compiler *c, mr_instruction *in, const mr_term *term,
                         mr_error *err)
{
    mr_unit unit;
    const mr_value *value = mr_term_constant(c, term);
    if (value == NULL || value->kind != MR_KIND_STRING)
        return mr_compile_fail(term->line, term->column, err,
                               "%s expects a unit in quotes, such as \"day\"", in->function->name);
    if (!mr_unit_named(value->cell.text, &unit))
        return mr_compile_fail(term->line, term->column, err,
                               "unknown unit '%.*s'; known are nanosecond, microsecond, "
                               "millisecond, second, minute, hour, day, week, month, quarter, year",
                               MR_SLICE_ARGS(value->cell.text));
    in->extra = unit;
    return MR_OK;
}

/* The unit is the last argument. */
static mr_code prepare_unit(mr_compiler *c, mr_instruction *in, const mr_term *args, uint32_t count,
                            mr_error *err)
{
    return read_unit(c, in, &args[count - 1], err);
}

/* --- offsets, seconds since 1970
 * -------------------------------------------------------------- */

static mr_value shifted(mr_run *run, const mr_value *moment, mr_time_layout layout, int64_t minutes)
{
    mr_value value = *moment;
    const unsigned digits =
        moment->kind == MR_KIND_TIMESTAMP ? moment->cell.time.layout >> 8 & 15 : 0;
    value.kind = MR_KIND_TIMESTAMP;
    value.cell.time = (mr_moment){
        .seconds = mr_value_instant(moment) + minutes * 60,
        .nanoseconds = moment->kind == MR_KIND_TIMESTAMP ? moment->cell.time.nanoseconds : 0,
        .layout = layout | digits << 8};
    if (!mr_moment_add(&value, 0, MR_UNIT_SECOND)) return moved_out(run, &value, MR_UNIT_SECOND);
    return value;
}

static mr_value to_utc_of(mr_run *run, const mr_value *args)
{
    return shifted(run, &args[0], mr_layout_of(0, true, true, 0), 0);
}

static mr_value at_offset_of(mr_run *run, const mr_value *args)
{
    char room[MR_QUOTE_MAX];
    int32_t minutes;
    bool zulu;
    const mr_slice text = args[1].cell.text;
    if (mr_parse_offset(text, &minutes, &zulu) != text.len || text.len == 0)
        return mr_run_fault(run, "%s is no offset like +02:00", mr_run_quote(&args[1], room));
    return shifted(run, &args[0], mr_layout_of(0, true, zulu, minutes), minutes);
}

MR_EXPR_CALL(call_to_utc, to_utc_of, 1)
MR_EXPR_CALL(call_at_offset, at_offset_of, 2)

/* Digits after the point of a second that a unit counts. */
static unsigned scale_of(mr_unit unit)
{
    return unit == MR_UNIT_NANOSECOND    ? 9
           : unit == MR_UNIT_MICROSECOND ? 6
           : unit == MR_UNIT_MILLISECOND ? 3
                                         : 0;
}

/* Seconds exactly, or whole smaller units. */
static mr_value epoch_of(mr_run *run, const mr_value *args)
{
    const bool timed = args[0].kind == MR_KIND_TIMESTAMP;
    const unsigned digits = timed ? args[0].cell.time.layout >> 8 & 15 : 0;
    const uint32_t rest = timed ? args[0].cell.time.nanoseconds : 0;
    const mr_i128 total = (mr_i128)mr_value_instant(&args[0]) * 1000000000 + rest;
    const unsigned scale = run->in->count == 1 ? digits : scale_of((mr_unit)run->in->extra);
    const mr_i128 unit = mr_pow10_i128(9 - scale);
    const mr_i128 count = total / unit - (total % unit < 0);
    return mr_value_decimal(count, run->in->count == 1 ? digits : 0);
}

static mr_value from_epoch_of(mr_run *run, const mr_value *args)
{
    const unsigned scale = run->in->count == 1 ? 0 : scale_of((mr_unit)run->in->extra);
    mr_decimal number = {args[0].cell.decimal, args[0].scale}, whole;
    if (args[0].kind == MR_KIND_FLOAT)
        return mr_run_fault(run, "a float is not exact; use decimal()");
    if (args[0].kind == MR_KIND_INT) number = (mr_decimal){args[0].cell.integer, 0};
    const unsigned digits = number.scale + scale;
    if (digits > 9) return mr_run_fault(run, "more than 9 digits of a second");
    const mr_decimal ns = {number.value, 0};
    if (!mr_decimal_multiply(ns, (mr_decimal){mr_pow10_i128(9 - digits), 0}, &whole))
        return mr_run_fault(run, "the moment lies outside the years 0000 to 9999");
    const mr_i128 seconds = whole.value / 1000000000 - (whole.value % 1000000000 < 0);
    if (seconds < INT64_C(-62167219200) || seconds > INT64_C(253402300799))
        return mr_run_fault(run, "the moment lies outside the years 0000 to 9999");
    return (mr_value){.cell.time = {.seconds = (int64_t)seconds,
                                    .nanoseconds = (uint32_t)(whole.value - seconds * 1000000000),
                                    .layout = mr_layout_of(digits, true, true, 0)},
                      .kind = MR_KIND_TIMESTAMP};
}

MR_EXPR_CALL(call_epoch, epoch_of, 1)
MR_EXPR_CALL(call_from_epoch, from_epoch_of, 1)

/* Units of a second only; without one, seconds. */
static mr_code prepare_epoch(mr_compiler *c, mr_instruction *in, const mr_term *args,
                             uint32_t count, mr_error *err)
{
    if (count == 1) return MR_OK;
    MR_TRY(read_unit(c, in, &args[1], err));
    if (in->extra <= MR_UNIT_SECOND) return MR_OK;
    return mr_compile_fail(args[1].line, args[1].column, err,
                           "%s counts seconds, milliseconds, microseconds or nanoseconds",
                           in->function->name);
}

/* --- formats
 * ---------------------------------------------------------------------------------- */

static mr_value format_time_of(mr_run *run, const mr_value *args)
{
    char *room = mr_run_take(run, MR_FORMAT_TEXT_MAX);
    if (room == NULL) return mr_run_too_large(run);
    char *end = mr_format_moment(room, args[1].cell.text, &args[0]);
    mr_run_untake(run, end);
    return mr_value_text(MR_KIND_STRING, (mr_slice){room, (size_t)(end - room)});
}

static mr_value parse_timestamp_of(mr_run *run, const mr_value *args)
{
    char text[MR_QUOTE_MAX], format[MR_QUOTE_MAX];
    mr_value moment;
    if (mr_parse_moment(args[0].cell.text, args[1].cell.text, &moment)) return moment;
    return mr_run_fault(run, "%s is not of the form %s", mr_run_quote(&args[0], text),
                        mr_run_quote(&args[1], format));
}

static mr_value parse_date_of(mr_run *run, const mr_value *args)
{
    mr_value moment = parse_timestamp_of(run, args);
    if (moment.kind == MR_KIND_FAULT) return moment;
    return (mr_value){.cell.integer = mr_moment_day(&moment), .kind = MR_KIND_DATE};
}

MR_EXPR_CALL(call_format_time, format_time_of, 2)
MR_EXPR_CALL(call_parse_timestamp, parse_timestamp_of, 2)
MR_EXPR_CALL(call_parse_date, parse_date_of, 2)

static mr_code check_format(const mr_compiler *c, const mr_instruction *in, const mr_term *term,
                            bool for_reading, mr_error *err)
{
    const mr_value *value = mr_term_constant(c, term);
    if (value == NULL || value->kind != MR_KIND_STRING)
        return mr_compile_fail(term->line, term->column, err,
                               "%s expects a format in quotes, such as \"%%Y-%%m-%%d\"",
                               in->function->name);
    const char *fault = mr_format_fault(value->cell.text, for_reading);
    if (fault == NULL) return MR_OK;
    return mr_compile_fail(term->line, term->column, err, "the format %s", fault);
}

static mr_code prepare_writing(mr_compiler *c, mr_instruction *in, const mr_term *args,
                               uint32_t count, mr_error *err)
{
    (void)count;
    return check_format(c, in, &args[1], false, err);
}

static mr_code prepare_reading(mr_compiler *c, mr_instruction *in, const mr_term *args,
                               uint32_t count, mr_error *err)
{
    (void)count;
    return check_format(c, in, &args[1], true, err);
}

/* --- now
 * -------------------------------------------------------------------------------------- */

static void call_now(mr_run *run)
{
    const int64_t ns = run->expr->now_ns, seconds = ns / 1000000000 - (ns % 1000000000 < 0);
    const uint32_t rest = (uint32_t)(ns - seconds * 1000000000);
    const mr_value now = {
        .cell.time = {seconds, rest - rest % 1000, mr_layout_of(6, true, true, 0)},
        .kind = MR_KIND_TIMESTAMP};
    MR_EACH_ROW(run, row) mr_vec_put(run->out, row, now);
}

static void call_today(mr_run *run)
{
    const int64_t ns = run->expr->now_ns, day_ns = DAY_SECONDS * INT64_C(1000000000);
    const mr_value today = {.cell.integer = ns / day_ns - (ns % day_ns < 0), .kind = MR_KIND_DATE};
    MR_EACH_ROW(run, row) mr_vec_put(run->out, row, today);
}

static mr_code note_clock(mr_compiler *c, mr_instruction *in, const mr_term *args, uint32_t count,
                          mr_error *err)
{
    (void)in, (void)args, (void)count, (void)err;
    c->expr->about.clock = true;
    return MR_OK;
}

/* --- the table
 * -------------------------------------------------------------------------------- */

/* A date stays a date, a timestamp one. */
static mr_kinds same_moment(const mr_term *args, uint32_t count)
{
    const mr_kinds known = args[0].kinds & MR_KINDS_CALENDAR;
    (void)count;
    return (args[0].kinds & ~known) == 0 ? known : MR_KINDS_CALENDAR;
}

#define INT       MR_KIND_BIT(MR_KIND_INT)
#define STRING    MR_KIND_BIT(MR_KIND_STRING)
#define DATE      MR_KIND_BIT(MR_KIND_DATE)
#define TIMESTAMP MR_KIND_BIT(MR_KIND_TIMESTAMP)

#define OF_MOMENT(id, kinds)                                                                \
    {                                                                                       \
        .name = #id, .signature = #id "(date or timestamp)", .call = call_##id, .least = 1, \
        .most = 1, .reads = {MR_READ_MOMENT}, .gives = (kinds)                              \
    }

const mr_function mr_functions_calendar[] = {
    OF_MOMENT(year, INT),
    OF_MOMENT(quarter, INT),
    OF_MOMENT(month, INT),
    OF_MOMENT(day, INT),
    OF_MOMENT(hour, INT),
    OF_MOMENT(minute, INT),
    OF_MOMENT(second, INT),
    OF_MOMENT(weekday, INT),
    OF_MOMENT(yearday, INT),
    OF_MOMENT(to_utc, TIMESTAMP),
    {.name = "at_offset",
     .signature = "at_offset(timestamp, offset)",
     .call = call_at_offset,
     .least = 2,
     .most = 2,
     .reads = {MR_READ_MOMENT, MR_READ_TEXT},
     .gives = TIMESTAMP},
    {.name = "date_trunc",
     .signature = "date_trunc(date or timestamp, unit)",
     .call = call_date_trunc,
     .least = 2,
     .most = 2,
     .reads = {MR_READ_MOMENT, MR_READ_TEXT},
     .result = same_moment,
     .prepare = prepare_unit},
    {.name = "date_add",
     .signature = "date_add(date or timestamp, count, unit)",
     .call = call_date_add,
     .least = 3,
     .most = 3,
     .reads = {MR_READ_MOMENT, MR_READ_INT, MR_READ_TEXT},
     .result = same_moment,
     .prepare = prepare_unit},
    {.name = "date_diff",
     .signature = "date_diff(later, earlier, unit)",
     .call = call_date_diff,
     .least = 3,
     .most = 3,
     .reads = {MR_READ_MOMENT, MR_READ_MOMENT, MR_READ_TEXT},
     .gives = INT,
     .prepare = prepare_unit},
    {.name = "epoch",
     .signature = "epoch(date or timestamp[, unit])",
     .call = call_epoch,
     .least = 1,
     .most = 2,
     .reads = {MR_READ_MOMENT, MR_READ_TEXT},
     .gives = MR_KINDS_EXACT,
     .prepare = prepare_epoch},
    {.name = "from_epoch",
     .signature = "from_epoch(number[, unit])",
     .call = call_from_epoch,
     .least = 1,
     .most = 2,
     .reads = {MR_READ_NUMBER, MR_READ_TEXT},
     .gives = TIMESTAMP,
     .prepare = prepare_epoch},
    {.name = "format_time",
     .signature = "format_time(date or timestamp, format)",
     .call = call_format_time,
     .least = 2,
     .most = 2,
     .reads = {MR_READ_MOMENT, MR_READ_TEXT},
     .gives = STRING,
     .prepare = prepare_writing},
    {.name = "parse_date",
     .signature = "parse_date(text, format)",
     .call = call_parse_date,
     .least = 2,
     .most = 2,
     .reads = {MR_READ_TEXT, MR_READ_TEXT},
     .gives = DATE,
     .prepare = prepare_reading},
    {.name = "parse_timestamp",
     .signature = "parse_timestamp(text, format)",
     .call = call_parse_timestamp,
     .least = 2,
     .most = 2,
     .reads = {MR_READ_TEXT, MR_READ_TEXT},
     .gives = TIMESTAMP,
     .prepare = prepare_reading},
    {.name = "now",
     .signature = "now()",
     .call = call_now,
     .gives = TIMESTAMP,
     .prepare = note_clock},
    {.name = "today",
     .signature = "today()",
     .call = call_today,
     .gives = DATE,
     .prepare = note_clock},
    {.name = NULL},
};
