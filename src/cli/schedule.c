/* SPDX-License-Identifier: MIT */
#include "cli/schedule.h"

#include "core/clock.h"
#include "core/number.h"

#define SECOND      INT64_C(1000000000)
#define MINUTE      (60 * SECOND)
#define DAY_MINUTES 1440
#define LOOK_DAYS   (8 * 366)
#define FIELDS      5

typedef struct field {
    const char *name;
    uint32_t min, max;
} field;

static const field fields[FIELDS] = {{"minute", 0, 59},
                                     {"hour", 0, 23},
                                     {"day of the month", 1, 31},
                                     {"month", 1, 12},
                                     {"day of the week", 0, 7}};

static mr_code fail(const field *f, mr_slice text, mr_error *err)
{
    return mr_fail(err, MR_ERR_USAGE,
                   "cron: expected *, numbers from %u to %u, ranges or */N as the %s, found '%.*s'",
                   f->min, f->max, f->name, MR_SLICE_ARGS(text));
}

static mr_slice cut_at(mr_slice *text, char byte)
{
    const char *const at = text->len > 0 ? memchr(text->ptr, byte, text->len) : NULL;
    const size_t len = at != NULL ? (size_t)(at - text->ptr) : text->len;
    const mr_slice part = mr_slice_of(text->ptr, len);
    *text = mr_slice_from(*text, len + (at != NULL));
    return part;
}

static bool number(const field *f, mr_slice text, uint64_t *out)
{
    return mr_parse_u64(text, out) && *out >= f->min && *out <= f->max;
}

/* One of "a", "a-b", "*", each perhaps with "/step". */
static bool parse_part(const field *f, mr_slice part, uint64_t *bits)
{
    mr_slice steps = part;
    mr_slice range = cut_at(&steps, '/');
    const bool stepped = range.len < part.len;
    uint64_t step = 1, low = f->min, high = f->max;
    if (stepped && (!mr_parse_u64(steps, &step) || step == 0)) return false;
    if (!mr_slice_is(range, "*")) {
        const bool single = range.len > 0 && memchr(range.ptr, '-', range.len) == NULL;
        const mr_slice first = cut_at(&range, '-');
        if (!number(f, first, &low)) return false;
        if (!single && (!number(f, range, &high) || high < low)) return false;
        if (single && !stepped) high = low;
    }
    for (uint64_t value = low; value <= high; value += step)
        *bits |= UINT64_C(1) << value;
    return true;
}

static mr_code parse_field(const field *f, mr_slice text, uint64_t *bits, mr_error *err)
{
    const mr_slice whole = text;
    *bits = 0;
    if (text.len == 0) return fail(f, whole, err);
    for (bool more = true; more;) {
        more = memchr(text.ptr, ',', text.len) != NULL;
        if (!parse_part(f, cut_at(&text, ','), bits)) return fail(f, whole, err);
        if (more && text.len == 0) return fail(f, whole, err);
    }
    return MR_OK;
}

mr_code mr_schedule_parse_cron(mr_slice text, mr_schedule *out, mr_error *err)
{
    uint64_t *const bits[FIELDS] = {&out->minutes, &out->hours, &out->days, &out->months,
                                    &out->weekdays};
    mr_slice parts[FIELDS] = {{0}};
    uint32_t count = 0;
    *out = (mr_schedule){0};
    for (mr_slice left = text; left.len > 0;) {
        const mr_slice part = cut_at(&left, ' ');
        if (part.len == 0) continue;
        if (count < FIELDS) parts[count] = part;
        count++;
    }
    if (count != FIELDS)
        return mr_fail(err, MR_ERR_USAGE,
                       "cron: expected minute, hour, day of the month, month and day of the week, "
                       "found '%.*s'",
                       MR_SLICE_ARGS(text));
    for (uint32_t i = 0; i < FIELDS; i++)
        MR_TRY(parse_field(&fields[i], parts[i], bits[i], err));
    if ((out->weekdays & 1u << 7) != 0) out->weekdays |= 1;
    out->any_day = parts[2].ptr[0] == '*';
    out->any_weekday = parts[4].ptr[0] == '*';
    if (mr_schedule_next(out, 0) == INT64_MAX)
        return mr_fail(err, MR_ERR_USAGE, "cron: '%.*s' names a day that never comes",
                       MR_SLICE_ARGS(text));
    return MR_OK;
}

static bool has(uint64_t bits, uint32_t value)
{
    return (bits >> value & 1) != 0;
}

static bool is_day(const mr_schedule *s, int32_t day)
{
    const mr_date date = mr_date_from_days(day);
    const uint32_t weekday = (uint32_t)((day % 7 + 7 + 4) % 7); /* 1970-01-01 was a Thursday */
    const bool by_day = has(s->days, date.day), by_week = has(s->weekdays, weekday);
    if (!has(s->months, date.month)) return false;
    if (s->any_day || s->any_weekday) return by_day && by_week;
    return by_day || by_week;
}

int64_t mr_schedule_next(const mr_schedule *s, int64_t after_ns)
{
    if (s->every_ns > 0) return after_ns + s->every_ns;
    int64_t minute = after_ns / MINUTE - (after_ns % MINUTE < 0) + 1;
    const int64_t last = minute + (int64_t)LOOK_DAYS * DAY_MINUTES;
    while (minute < last) {
        const int64_t day = minute / DAY_MINUTES - (minute % DAY_MINUTES < 0);
        const uint32_t of_day = (uint32_t)(minute - day * DAY_MINUTES);
        if (!is_day(s, (int32_t)day))
            minute = (day + 1) * DAY_MINUTES;
        else if (!has(s->hours, of_day / 60))
            minute += 60 - of_day % 60;
        else if (!has(s->minutes, of_day % 60))
            minute++;
        else
            return minute * MINUTE;
    }
    return INT64_MAX;
}
