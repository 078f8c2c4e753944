/* SPDX-License-Identifier: MIT
 *
 * Formats as strftime() has them, without locales: English names, no week of year.
 *
 *     %Y %y   %m %b %B   %d %e %j   %H %I %p   %M %S %f %3f %6f %9f   %z   %a %A   %s   %F %T %%
 *
 * When reading, a number may lack the zeros in front of it; names are read in either case. */
#include <strings.h>

#include "core/clock.h"
#include "expr/moment.h"
#include "record/digits.h"

static const char *const months[] = {"January",   "February", "March",    "April",
                                     "May",       "June",     "July",     "August",
                                     "September", "October",  "November", "December"};
static const char *const days[] = {"Monday", "Tuesday",  "Wednesday", "Thursday",
                                   "Friday", "Saturday", "Sunday"};

/* A directive: its letter and the digit before it, which %f may have. */
typedef struct directive {
    char letter;
    unsigned digits;
    size_t length; /* bytes after the '%' */
} directive;

static bool read_directive(mr_slice format, size_t percent, directive *out)
{
    size_t at = percent + 1;
    *out = (directive){0};
    if (at < format.len && format.ptr[at] >= '1' && format.ptr[at] <= '9')
        out->digits = (unsigned)(format.ptr[at++] - '0');
    if (at == format.len) return false;
    out->letter = format.ptr[at];
    out->length = at - percent;
    if (out->digits > 0 && out->letter != 'f') return false;
    return out->letter != '\0' && strchr("YymbBdejHIpMSfzaAsFT%", out->letter) != NULL;
}

const char *mr_format_fault(mr_slice format, bool for_reading)
{
    directive d;
    bool year = false;
    if (format.len > MR_FORMAT_MAX_BYTES) return "is longer than 256 bytes";
    for (size_t i = 0; i < format.len; i++) {
        if (format.ptr[i] != '%') continue;
        if (!read_directive(format, i, &d))
            return "has an unknown directive; known are %Y %y %m %b %B %d %e %j %H %I %p %M %S %f "
                   "%3f %z %a %A %s %F %T %%";
        year |= strchr("YyFs", d.letter) != NULL;
        i += d.length;
    }
    return for_reading && !year ? "gives no year (%Y, %y, %F or %s)" : NULL;
}

/* --- writing
 * ---------------------------------------------------------------------------------- */

typedef struct parts {
    mr_date date;
    int64_t day, second; /* since 1970; of the day */
    uint32_t nanoseconds;
    mr_time_layout layout;
    int64_t instant;
} parts;

static char *put_number(char *to, int64_t value, unsigned width)
{
    if (value < 0) *to++ = '-';
    return mr_digits_write(to, (uint64_t)(value < 0 ? -value : value), width);
}

static char *put_name(char *to, const char *name, size_t len)
{
    memcpy(to, name, len);
    return to + len;
}

static char *put_fraction(char *to, const parts *p, unsigned digits)
{
    if (digits == 0) digits = p->layout >> 8 & 15;
    if (digits == 0) digits = 1;
    return put_number(to, (int64_t)(p->nanoseconds / mr_powers_of_ten[9 - digits]), digits);
}

static char *put_offset(char *to, mr_time_layout layout)
{
    if (layout >> 12 & 1) return put_name(to, "Z", 1);
    if ((layout >> 13 & 1) == 0) return to;
    const int64_t minutes = (int64_t)(layout >> 16) - 1440, size = minutes < 0 ? -minutes : minutes;
    *to++ = minutes < 0 ? '-' : '+';
    to = put_number(to, size / 60, 2);
    *to++ = ':';
    return put_number(to, size % 60, 2);
}

static char *put_date_part(char *to, char letter, const parts *p)
{
    const char *month = months[p->date.month - 1], *day = days[mr_weekday(p->day) - 1];
    switch (letter) {
    case 'Y': return put_number(to, p->date.year, 4);
    case 'y': return put_number(to, p->date.year % 100, 2);
    case 'm': return put_number(to, p->date.month, 2);
    case 'b': return put_name(to, month, 3);
    case 'B': return put_name(to, month, strlen(month));
    case 'a': return put_name(to, day, 3);
    case 'A': return put_name(to, day, strlen(day));
    case 'd': return put_number(to, p->date.day, 2);
    case 'e': return put_number(to, p->date.day, 1);
    default: break;
    }
    const mr_date first = {.year = p->date.year, .month = 1, .day = 1};
    return put_number(to, p->day - mr_days_from_date(first) + 1, 3); /* j */
}

static char *put_part(char *to, const directive *d, const parts *p)
{
    const int64_t hour = p->second / 3600;
    switch (d->letter) {
    case '%': return put_name(to, "%", 1);
    case 'H': return put_number(to, hour, 2);
    case 'I': return put_number(to, (hour + 11) % 12 + 1, 2);
    case 'p': return put_name(to, hour < 12 ? "AM" : "PM", 2);
    case 'M': return put_number(to, p->second / 60 % 60, 2);
    case 'S': return put_number(to, p->second % 60, 2);
    case 'f': return put_fraction(to, p, d->digits);
    case 'z': return put_offset(to, p->layout);
    case 's': return put_number(to, p->instant, 1);
    case 'F':
    case 'T': break;
    default: return put_date_part(to, d->letter, p);
    }
    static const char orders[2][3] = {{'Y', 'm', 'd'}, {'H', 'M', 'S'}};
    const bool clock = d->letter == 'T';
    for (unsigned i = 0; i < 3; i++) {
        const char letter = orders[clock][i];
        if (i > 0) *to++ = clock ? ':' : '-';
        const int64_t value = letter == 'H'   ? hour
                              : letter == 'M' ? p->second / 60 % 60
                                              : p->second % 60;
        to = clock ? put_number(to, value, 2) : put_date_part(to, letter, p);
    }
    return to;
}

char *mr_format_moment(char *to, mr_slice format, const mr_value *moment)
{
    directive d;
    const bool timed = moment->kind == MR_KIND_TIMESTAMP;
    parts p = {.day = mr_moment_day(moment),
               .second = mr_moment_second(moment),
               .nanoseconds = timed ? moment->cell.time.nanoseconds : 0,
               .layout = timed ? moment->cell.time.layout : 0,
               .instant = mr_value_instant(moment)};
    p.date = mr_date_from_days((int32_t)p.day);
    for (size_t i = 0; i < format.len; i++) {
        if (format.ptr[i] != '%' || !read_directive(format, i, &d)) {
            *to++ = format.ptr[i];
            continue;
        }
        to = put_part(to, &d, &p);
        i += d.length;
    }
    return to;
}

/* --- reading
 * ---------------------------------------------------------------------------------- */

typedef struct reading {
    const char *at, *end;
    int32_t year, month, day, yearday; /* yearday 0: not given */
    int32_t hour, minute, second, offset;
    uint32_t nanoseconds;
    unsigned digits;
    bool afternoon, twelve, zoned, zulu, epoch_given;
    int64_t epoch;
} reading;

static bool take_number(reading *r, unsigned max_digits, int32_t *out)
{
    int32_t value = 0;
    unsigned count = 0;
    for (; count < max_digits && r->at < r->end && (unsigned char)(*r->at - '0') < 10; count++)
        value = value * 10 + (*r->at++ - '0');
    *out = value;
    return count > 0;
}

/* One of `names`, whole or its first three letters; its number from 1 on. */
static bool take_name(reading *r, const char *const *names, size_t count, int32_t *out)
{
    for (size_t i = 0; i < count; i++) {
        const size_t len = strlen(names[i]), left = (size_t)(r->end - r->at);
        const size_t take = left >= len && strncasecmp(r->at, names[i], len) == 0 ? len : 3;
        if (left < take || strncasecmp(r->at, names[i], take) != 0) continue;
        r->at += take;
        *out = (int32_t)i + 1;
        return true;
    }
    return false;
}

static bool take_fraction(reading *r)
{
    const char *const first = r->at;
    r->nanoseconds = 0;
    for (; r->at < r->end && (unsigned char)(*r->at - '0') < 10 && r->at - first < 9; r->at++)
        r->nanoseconds = r->nanoseconds * 10 + (uint32_t)(*r->at - '0');
    r->digits = (unsigned)(r->at - first);
    r->nanoseconds *= (uint32_t)mr_powers_of_ten[9 - r->digits];
    return r->digits > 0;
}

static bool take_epoch(reading *r)
{
    const bool negative = r->at < r->end && *r->at == '-';
    int64_t value = 0;
    const char *const first = r->at + negative;
    for (r->at = first; r->at < r->end && (unsigned char)(*r->at - '0') < 10; r->at++) {
        if (value > INT64_C(1000000000000)) return false;
        value = value * 10 + (*r->at - '0');
    }
    r->epoch = negative ? -value : value;
    r->epoch_given = true;
    return r->at > first;
}

size_t mr_parse_offset(mr_slice text, int32_t *out_minutes, bool *out_zulu)
{
    *out_minutes = 0;
    *out_zulu = text.len > 0 && text.ptr[0] == 'Z';
    if (*out_zulu) return 1;
    if (text.len < 5 || (text.ptr[0] != '+' && text.ptr[0] != '-')) return 0;
    const bool colon = text.ptr[3] == ':';
    if (text.len < (colon ? 6u : 5u)) return 0;
    const char digits[4] = {text.ptr[1], text.ptr[2], text.ptr[3 + colon], text.ptr[4 + colon]};
    for (unsigned i = 0; i < 4; i++)
        if ((unsigned char)(digits[i] - '0') > 9) return 0;
    const int32_t hours = (digits[0] - '0') * 10 + (digits[1] - '0');
    const int32_t minutes = (digits[2] - '0') * 10 + (digits[3] - '0');
    if (hours > 23 || minutes > 59) return 0;
    *out_minutes = (hours * 60 + minutes) * (text.ptr[0] == '-' ? -1 : 1);
    return colon ? 6 : 5;
}

static bool take_offset(reading *r)
{
    const size_t len =
        mr_parse_offset((mr_slice){r->at, (size_t)(r->end - r->at)}, &r->offset, &r->zulu);
    r->zoned = true;
    r->at += len;
    return len > 0;
}

static bool take_char(reading *r, char wanted)
{
    if (r->at == r->end || *r->at != wanted) return false;
    r->at++;
    return true;
}

static bool take_short_year(reading *r)
{
    if (r->end - r->at < 2 || !take_number(r, 2, &r->year)) return false;
    r->year += r->year < 69 ? 2000 : 1900;
    return true;
}

static bool take_half(reading *r)
{
    static const char *const halves[] = {"AM", "PM"};
    if (r->end - r->at < 2) return false;
    r->afternoon = strncasecmp(r->at, halves[1], 2) == 0;
    r->twelve = true;
    const bool good = r->afternoon || strncasecmp(r->at, halves[0], 2) == 0;
    r->at += 2;
    return good;
}

static bool take_part(reading *r, const directive *d)
{
    int32_t ignored;
    const char *const start = r->at;
    switch (d->letter) {
    case '%': return take_char(r, '%');
    case 'Y': return take_number(r, 4, &r->year) && r->at - start == 4;
    case 'y': return take_short_year(r);
    case 'm': return take_number(r, 2, &r->month);
    case 'b':
    case 'B': return take_name(r, months, MR_COUNT_OF(months), &r->month);
    case 'a':
    case 'A': return take_name(r, days, MR_COUNT_OF(days), &ignored);
    case 'e':
        while (r->at < r->end && *r->at == ' ')
            r->at++;
        return take_number(r, 2, &r->day);
    case 'd': return take_number(r, 2, &r->day);
    case 'j': return take_number(r, 3, &r->yearday) && r->yearday > 0;
    case 'H':
    case 'I': return take_number(r, 2, &r->hour);
    case 'p': return take_half(r);
    case 'M': return take_number(r, 2, &r->minute);
    case 'S': return take_number(r, 2, &r->second);
    case 'f': return take_fraction(r);
    case 'z': return take_offset(r);
    case 's': return take_epoch(r);
    case 'F':
        return take_number(r, 4, &r->year) && r->at - start == 4 && take_char(r, '-') &&
               take_number(r, 2, &r->month) && take_char(r, '-') && take_number(r, 2, &r->day);
    case 'T':
        return take_number(r, 2, &r->hour) && take_char(r, ':') && take_number(r, 2, &r->minute) &&
               take_char(r, ':') && take_number(r, 2, &r->second);
    default: return false;
    }
}

static bool make_moment(reading *r, mr_value *out)
{
    mr_date date = {.year = r->year, .month = (uint8_t)r->month, .day = (uint8_t)r->day};
    if (r->twelve) {
        if (r->hour < 1 || r->hour > 12) return false;
        r->hour = r->hour % 12 + (r->afternoon ? 12 : 0);
    }
    if (r->month > 12 || r->day > 31 || !mr_date_valid(date) || r->hour > 23 || r->minute > 59 ||
        r->second > 59)
        return false;
    int64_t day = mr_days_from_date(date);
    if (r->yearday > 0) {
        const mr_date first = {.year = r->year, .month = 1, .day = 1},
                      next = {.year = r->year + 1, .month = 1, .day = 1};
        day = mr_days_from_date(first) + r->yearday - 1;
        if (day >= mr_days_from_date(next)) return false;
    }
    int64_t seconds = day * 86400 + r->hour * 3600 + r->minute * 60 + r->second;
    if (r->epoch_given) {
        seconds = r->epoch;
        r->zulu = r->zoned = true;
        if (seconds < INT64_C(-62167219200) || seconds > INT64_C(253402300799)) return false;
    }
    *out = (mr_value){.cell.time = {seconds, r->nanoseconds,
                                    mr_layout_of(r->digits, r->zoned, r->zulu, r->offset)},
                      .kind = MR_KIND_TIMESTAMP};
    return true;
}

bool mr_parse_moment(mr_slice text, mr_slice format, mr_value *out)
{
    directive d;
    reading r = {.at = text.ptr, .end = text.ptr + text.len, .month = 1, .day = 1};
    for (size_t i = 0; i < format.len; i++) {
        if (format.ptr[i] != '%' || !read_directive(format, i, &d)) {
            if (!take_char(&r, format.ptr[i])) return false;
            continue;
        }
        if (!take_part(&r, &d)) return false;
        i += d.length;
    }
    return r.at == r.end && make_moment(&r, out);
}
