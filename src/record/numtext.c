/* SPDX-License-Identifier: MIT */
#include "record/numtext.h"

#include "record/digits.h"

#define SECONDS_PER_DAY 86400

bool mr_parse_int(mr_slice text, int64_t *out, bool *out_padded)
{
    const bool negative = text.len > 0 && text.ptr[0] == '-';
    const char *digits = text.ptr + negative;
    const size_t count = text.len - negative;
    uint64_t value;
    if (count == 0 || count > MR_DIGITS_MAX || !mr_digits_parse(digits, count, &value))
        return false;
    if (negative && digits[0] == '0') return false;
    if (value > (uint64_t)INT64_MAX + negative) return false;
    *out = (int64_t)(negative ? 0 - value : value);
    *out_padded = count > 1 && digits[0] == '0';
    return true;
}

bool mr_numtext_decimal(mr_slice text, int64_t *out, unsigned *out_scale)
{
    const bool negative = text.len > 0 && text.ptr[0] == '-';
    const char *p = text.ptr + negative;
    const size_t len = text.len - negative;
    size_t whole = 0;
    while (whole < len && p[whole] != '.')
        whole++;
    const size_t scale = whole < len ? len - whole - 1 : 0;
    if (whole == 0 || (whole < len && scale == 0) || whole + scale > MR_DECIMAL_DIGITS)
        return false;
    if (p[0] == '0' && whole > 1) return false;
    uint64_t value, fraction = 0;
    if (!mr_digits_parse(p, whole, &value)) return false;
    if (scale > 0 && !mr_digits_parse(p + whole + 1, scale, &fraction)) return false;
    value = value * mr_powers_of_ten[scale] + fraction;
    if (negative && value == 0) return false; /* would come back without its sign */
    *out = negative ? -(int64_t)value : (int64_t)value;
    *out_scale = (unsigned)scale;
    return true;
}

MR_INLINE unsigned two_digits(const char *p)
{
    return (unsigned)(p[0] - '0') * 10 + (unsigned)(p[1] - '0');
}

/* Days since 1970-01-01 and back (Hinnant, "chrono-compatible low-level date algorithms": a year
 * that begins in March has its leap day last). Years 0 to 9999. */
static int64_t day_of(const char *text)
{
    const int64_t month = two_digits(text + 5), day = two_digits(text + 8);
    const int64_t year =
        (int64_t)two_digits(text) * 100 + two_digits(text + 2) + 400 - (month <= 2);
    const int64_t era = year / 400, of_era = year % 400;
    const int64_t of_year = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;
    return (era - 1) * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

static void spell_day(int64_t day, mr_day_cache *cache)
{
    const uint64_t z = (uint64_t)(day + 719468 + 146097);
    const uint64_t era = z / 146097, of_era = z % 146097;
    const uint64_t of_era_year = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
    const uint64_t of_year = of_era - (365 * of_era_year + of_era_year / 4 - of_era_year / 100);
    const uint64_t march_month = (5 * of_year + 2) / 153;
    const uint64_t month = march_month < 10 ? march_month + 3 : march_month - 9;
    const uint64_t year = of_era_year + era * 400 - 400 + (month <= 2);
    const uint64_t of_month = of_year - (153 * march_month + 2) / 5 + 1;
    char *text = cache->text;
    memcpy(text, mr_digit_pairs + year / 100 * 2, 2);
    memcpy(text + 2, mr_digit_pairs + year % 100 * 2, 2);
    memcpy(text + 5, mr_digit_pairs + month * 2, 2);
    memcpy(text + 8, mr_digit_pairs + of_month * 2, 2);
    text[4] = text[7] = '-';
    cache->day = day;
}

bool mr_parse_date(mr_slice text, mr_day_cache *cache, int64_t *out)
{
    if (text.len != 10) return false;
    if (memcmp(text.ptr, cache->text, 10) != 0) {
        if (!mr_text_is_date(text)) return false;
        memcpy(cache->text, text.ptr, 10);
        cache->day = day_of(text.ptr);
    }
    *out = cache->day;
    return true;
}

/* "hh:mm:ss" to seconds, or -1. */
static int64_t parse_clock(const char *p)
{
    const uint64_t x = mr_load64(p) ^ 0x30303a30303a3030u; /* digits become 0..9, colons 0 */
    if (((x | (x + 0x7676767676767676u)) & 0x8080808080808080u) != 0) return -1;
    if ((x & 0x0000ff0000ff0000u) != 0) return -1;
    const unsigned hour = (unsigned)((x & 15) * 10 + (x >> 8 & 15));
    const unsigned minute = (unsigned)((x >> 24 & 15) * 10 + (x >> 32 & 15));
    const unsigned second = (unsigned)((x >> 48 & 15) * 10 + (x >> 56));
    if (hour > 23 || minute > 59 || second > 59) return -1;
    return (int64_t)hour * 3600 + minute * 60 + second;
}

MR_INLINE unsigned fraction_digits(mr_time_layout layout)
{
    return layout >> 8 & 15;
}

/* What follows the seconds and fraction: "", "Z" or "+hh:mm". Returns its length. */
static size_t write_zone(char *to, mr_time_layout layout)
{
    if (layout >> 12 & 1) {
        to[0] = 'Z';
        return 1;
    }
    if ((layout >> 13 & 1) == 0) return 0;
    const int minutes = (int)(layout >> 16) - 1440;
    const unsigned size = (unsigned)(minutes < 0 ? -minutes : minutes);
    to[0] = minutes < 0 ? '-' : '+';
    memcpy(to + 1, mr_digit_pairs + size / 60 * 2, 2);
    to[3] = ':';
    memcpy(to + 4, mr_digit_pairs + size % 60 * 2, 2);
    return 6;
}

bool mr_parse_timestamp(mr_slice text, mr_time_layout layout, mr_day_cache *cache, int64_t *out)
{
    char zone[8];
    const unsigned digits = fraction_digits(layout);
    const size_t zone_len = write_zone(zone, layout);
    const size_t zone_at = 19 + digits + (digits > 0);
    if (text.len != zone_at + zone_len || (unsigned char)text.ptr[10] != (layout & 0xff))
        return false;
    if (memcmp(text.ptr + zone_at, zone, zone_len) != 0) return false;
    int64_t day;
    const int64_t clock = parse_clock(text.ptr + 11);
    if (clock < 0 || !mr_parse_date((mr_slice){text.ptr, 10}, cache, &day)) return false;
    uint64_t fraction = 0;
    if (digits > 0 && (text.ptr[19] != '.' || !mr_digits_parse(text.ptr + 20, digits, &fraction)))
        return false;
    int64_t value;
    if (__builtin_mul_overflow(day * SECONDS_PER_DAY + clock, (int64_t)mr_powers_of_ten[digits],
                               &value))
        return false;
    return !__builtin_add_overflow(value, (int64_t)fraction, out);
}

char *mr_write_int(char *to, int64_t value, unsigned min_width)
{
    if (value >= 0) return mr_digits_write(to, (uint64_t)value, min_width);
    *to = '-';
    return mr_digits_write(to + 1, 0 - (uint64_t)value, 1);
}

char *mr_write_decimal(char *to, int64_t value, unsigned scale)
{
    if (value < 0) *to++ = '-';
    char *end = mr_digits_write(to, value < 0 ? 0 - (uint64_t)value : (uint64_t)value, scale + 1);
    if (scale == 0) return end;
    char *point = end - scale;
    memmove(point + 1, point, scale);
    *point = '.';
    return end + 1;
}

char *mr_write_date(char *to, int64_t day, mr_day_cache *cache)
{
    if (cache->day != day || cache->text[0] == '\0') spell_day(day, cache);
    memcpy(to, cache->text, 10);
    return to + 10;
}

char *mr_write_timestamp(char *to, int64_t value, mr_time_layout layout, mr_day_cache *cache)
{
    const unsigned digits = fraction_digits(layout);
    const int64_t unit = (int64_t)mr_powers_of_ten[digits];
    int64_t seconds = value / unit, fraction = value % unit;
    if (fraction < 0) {
        fraction += unit;
        seconds--;
    }
    int64_t day = seconds / SECONDS_PER_DAY, clock = seconds % SECONDS_PER_DAY;
    if (clock < 0) {
        clock += SECONDS_PER_DAY;
        day--;
    }
    mr_write_date(to, day, cache);
    const uint32_t rest = (uint32_t)clock;
    to[10] = (char)(layout & 0xff);
    memcpy(to + 11, mr_digit_pairs + rest / 3600 * 2, 2);
    memcpy(to + 14, mr_digit_pairs + rest / 60 % 60 * 2, 2);
    memcpy(to + 17, mr_digit_pairs + rest % 60 * 2, 2);
    to[13] = to[16] = ':';
    to += 19;
    if (digits > 0) {
        *to = '.';
        to = mr_digits_write(to + 1, (uint64_t)fraction, digits);
    }
    return to + write_zone(to, layout);
}

/* Where the pairs of hex digits of a uuid's text begin. */
static const uint8_t uuid_pairs[16] = {0, 2, 4, 6, 9, 11, 14, 16, 19, 21, 24, 26, 28, 30, 32, 34};

/* Value of a lower-case hex digit, without a branch, for the digits of a uuid are random; sets
 * `bad` for anything else. */
MR_INLINE unsigned nibble_of(char c, unsigned *bad)
{
    const unsigned byte = (unsigned char)c;
    const unsigned is_digit = byte - '0' < 10, is_letter = byte - 'a' < 6;
    *bad |= (is_digit | is_letter) ^ 1;
    return (byte & 15) + 9 * is_letter;
}

bool mr_parse_uuid(mr_slice text, uint8_t *out)
{
    const char *p = text.ptr;
    if (text.len != 36 || p[8] != '-' || p[13] != '-' || p[18] != '-' || p[23] != '-') return false;
    unsigned bad = 0;
    for (int i = 0; i < 16; i++) {
        const unsigned high = nibble_of(p[uuid_pairs[i]], &bad);
        const unsigned low = nibble_of(p[uuid_pairs[i] + 1], &bad);
        out[i] = (uint8_t)(high << 4 | low);
    }
    return bad == 0;
}

char *mr_write_uuid(char *to, const uint8_t *bytes)
{
    static const char hex[] = "0123456789abcdef";
    for (int i = 0; i < 16; i++) {
        to[uuid_pairs[i]] = hex[bytes[i] >> 4];
        to[uuid_pairs[i] + 1] = hex[bytes[i] & 15];
    }
    to[8] = to[13] = to[18] = to[23] = '-';
    return to + 36;
}
