/* SPDX-License-Identifier: MIT */
#include "arrow/convert.h"

#include "core/number.h"
#include "core/utf8.h"
#include "record/column.h"
#include "record/digits.h"
#include "record/numtext.h"

size_t mr_arrow_value_bytes(const mr_arrow_column_plan *plan, uint32_t rows)
{
    switch (plan->form) {
    case MR_ARROW_NULL:
    case MR_ARROW_TEXT:
    case MR_ARROW_BINARY: return 0;
    case MR_ARROW_BOOL: return rows / 8 + 1;
    case MR_ARROW_DATE32: return (size_t)rows * 4;
    case MR_ARROW_TIME: return (size_t)rows * (plan->scale > 3 ? 8 : 4);
    case MR_ARROW_INT64:
    case MR_ARROW_FLOAT64:
    case MR_ARROW_TIMESTAMP: return (size_t)rows * 8;
    case MR_ARROW_DECIMAL128:
    case MR_ARROW_UUID: return (size_t)rows * 16;
    }
    return 0;
}

/* A cell without a value is no fault. */
static void mark(mr_arrow_cells *c, uint32_t row)
{
    const uint8_t bit = (uint8_t)(1u << row % 8);
    if (mr_column_is_null(c->column, row) || (c->bad[row / 8] & bit) != 0) return;
    c->bad[row / 8] |= bit;
    c->bad_count++;
}

static void convert_ints(mr_arrow_cells *c)
{
    int64_t *to = c->values;
    for (uint32_t row = c->begin; row < c->end; row++) {
        bool padded = false;
        to[row] = 0;
        if (!mr_parse_int(mr_column_text(c->column, row), &to[row], &padded) || padded)
            mark(c, row);
    }
}

/* value * 10^shift, when the result has at most 38 digits. */
MR_INLINE bool shift_decimal(mr_i128 value, unsigned shift, mr_i128 *out)
{
    const mr_i128 limit = mr_pow10_i128(MR_DECIMAL_DIGITS_MAX - shift);
    if (value <= -limit || value >= limit) return false;
    *out = value * mr_pow10_i128(shift);
    return true;
}

static bool convert_decimal(mr_slice text, unsigned scale, mr_i128 *out)
{
    int64_t small;
    unsigned own;
    mr_i128 value;
    if (mr_numtext_decimal(text, &small, &own))
        value = small;
    else if (!mr_parse_decimal(text, &value, &own))
        return false;
    if (own > scale) return false;
    return shift_decimal(value, scale - own, out);
}

static void convert_decimals(mr_arrow_cells *c)
{
    mr_i128 *to = c->values;
    for (uint32_t row = c->begin; row < c->end; row++) {
        to[row] = 0;
        const mr_slice text = mr_column_text(c->column, row);
        if (text.len == 0 || !convert_decimal(text, c->plan->scale, &to[row])) mark(c, row);
    }
}

static void convert_floats(mr_arrow_cells *c)
{
    double *to = c->values;
    for (uint32_t row = c->begin; row < c->end; row++) {
        to[row] = 0;
        if (!mr_parse_f64(mr_column_text(c->column, row), &to[row])) mark(c, row);
    }
}

static void convert_bools(mr_arrow_cells *c)
{
    uint8_t *to = c->values;
    for (uint32_t row = c->begin; row < c->end; row++) {
        const mr_slice text = mr_column_text(c->column, row);
        const bool is_true = mr_slice_equal(text, MR_SLICE("true"));
        mr_bits_put(to, row, is_true);
        if (!is_true && !mr_slice_equal(text, MR_SLICE("false"))) mark(c, row);
    }
}

static void convert_dates(mr_arrow_cells *c)
{
    int32_t *to = c->values;
    mr_day_cache cache = {0};
    for (uint32_t row = c->begin; row < c->end; row++) {
        int64_t day = 0;
        if (!mr_parse_date(mr_column_text(c->column, row), &cache, &day)) mark(c, row);
        to[row] = (int32_t)day; /* years 0 to 9999 */
    }
}

static void convert_uuids(mr_arrow_cells *c)
{
    uint8_t *to = c->values;
    for (uint32_t row = c->begin; row < c->end; row++) {
        uint8_t *own = to + (size_t)row * 16;
        if (mr_parse_uuid(mr_column_text(c->column, row), own)) continue;
        memset(own, 0, 16);
        mark(c, row);
    }
}

/* --- times
 * --------------------------------------------------------------------------------------- */

/* `digits` of a fraction as a count of 10^-scale. */
static bool read_fraction(const char *p, size_t digits, uint32_t scale, int64_t *out)
{
    uint64_t value = 0;
    if (digits > scale || (digits > 0 && !mr_digits_parse(p, digits, &value))) return false;
    *out = (int64_t)(value * mr_powers_of_ten[scale - digits]);
    return true;
}

static bool two_digits(const char *p, int64_t below, int64_t *out)
{
    const unsigned tens = (unsigned)(p[0] - '0'), ones = (unsigned)(p[1] - '0');
    *out = (int64_t)tens * 10 + ones;
    return tens < 10 && ones < 10 && *out < below;
}

/* hh:mm:ss[.f] as a count of 10^-scale seconds. */
static bool convert_time(mr_slice text, uint32_t scale, int64_t *out)
{
    const char *p = text.ptr;
    int64_t hours, minutes, seconds, fraction = 0;
    if (text.len < 8 || text.len > 18 || text.len == 9 || p[2] != ':' || p[5] != ':') return false;
    if (!two_digits(p, 24, &hours) || !two_digits(p + 3, 60, &minutes) ||
        !two_digits(p + 6, 60, &seconds))
        return false;
    if (text.len > 9 && (p[8] != '.' || !read_fraction(p + 9, text.len - 9, scale, &fraction)))
        return false;
    *out = (hours * 3600 + minutes * 60 + seconds) * (int64_t)mr_powers_of_ten[scale] + fraction;
    return true;
}

static void convert_times(mr_arrow_cells *c)
{
    const uint32_t scale = c->plan->scale;
    int64_t *wide = c->values;
    int32_t *narrow = c->values;
    for (uint32_t row = c->begin; row < c->end; row++) {
        int64_t value = 0;
        if (!convert_time(mr_column_text(c->column, row), scale, &value)) mark(c, row);
        if (scale > 3)
            wide[row] = value;
        else
            narrow[row] = (int32_t)value;
    }
}

/* A local time of some layout in the plan's unit, in UTC if it has a zone. */
static bool to_plan(const mr_arrow_column_plan *plan, int64_t value, mr_time_layout layout,
                    int64_t *out)
{
    const uint32_t digits = layout >> 8 & 15;
    const int64_t unit = (int64_t)mr_powers_of_ten[plan->scale];
    if (digits > plan->scale) return false;
    if (__builtin_mul_overflow(value, (int64_t)mr_powers_of_ten[plan->scale - digits], &value))
        return false;
    if ((layout >> 13 & 1) == 0) {
        *out = value;
        return true;
    }
    const int64_t seconds = ((int64_t)(layout >> 16) - 1440) * 60; /* at most a day, times 10^9 */
    return !__builtin_sub_overflow(value, seconds * unit, out);
}

/* The zone, without digits and separator. */
static mr_time_layout zone_of(mr_time_layout layout)
{
    return layout & ~(mr_time_layout)0xfff;
}

static bool convert_timestamp(const mr_arrow_column_plan *plan, mr_slice text, mr_day_cache *cache,
                              int64_t *out)
{
    mr_time_layout layout = plan->layout;
    int64_t value;
    if (text.len >= 19 && mr_parse_timestamp(text, layout, cache, &value))
        return to_plan(plan, value, layout, out);
    if (!mr_text_is_timestamp(text, &layout) || zone_of(layout) != zone_of(plan->layout))
        return false;
    return mr_parse_timestamp(text, layout, cache, &value) && to_plan(plan, value, layout, out);
}

static void convert_timestamps(mr_arrow_cells *c)
{
    int64_t *to = c->values;
    mr_day_cache cache = {0};
    for (uint32_t row = c->begin; row < c->end; row++) {
        to[row] = 0;
        if (!convert_timestamp(c->plan, mr_column_text(c->column, row), &cache, &to[row]))
            mark(c, row);
    }
}

/* --- cells as they lie
 * --------------------------------------------------------------------------- */

/* Valid as one text, and no cell begins inside a character. */
static bool all_utf8(const mr_arrow_cells *c)
{
    const mr_column *column = c->column;
    const uint32_t from = column->offsets[c->begin], to = column->offsets[c->end];
    if (!mr_utf8_valid((mr_slice){column->data.ptr + from, to - from})) return false;
    unsigned inside = 0;
    for (uint32_t row = c->begin; row < c->end; row++) /* what lies behind the data is readable */
        inside |= column->offsets[row] < to &&
                  ((unsigned char)column->data.ptr[column->offsets[row]] & 0xc0) == 0x80;
    return inside == 0;
}

static void check_texts(mr_arrow_cells *c)
{
    if (all_utf8(c)) return;
    for (uint32_t row = c->begin; row < c->end; row++)
        if (!mr_utf8_valid(mr_column_text(c->column, row))) mark(c, row);
}

/* --- all
 * ----------------------------------------------------------------------------------------- */

/* Cells of a type that the column does not have; MIXED columns know it by the cell. */
static void mark_strangers(mr_arrow_cells *c)
{
    const mr_column *column = c->column;
    if (column->type != MR_TYPE_MIXED) {
        if (mr_arrow_plan_admits(c->plan, column->type)) return;
        for (uint32_t row = c->begin; row < c->end; row++)
            mark(c, row);
        return;
    }
    bool admits[MR_TYPE_COUNT];
    for (int type = 0; type < MR_TYPE_COUNT; type++)
        admits[type] = mr_arrow_plan_admits(c->plan, (mr_type)type);
    for (uint32_t row = c->begin; row < c->end; row++)
        if (!admits[column->tags[row]]) mark(c, row);
}

void mr_arrow_convert(mr_arrow_cells *c)
{
    if (c->column->type != c->plan->type) mark_strangers(c);
    switch (c->plan->form) {
    case MR_ARROW_NULL:
    case MR_ARROW_BINARY: break;
    case MR_ARROW_BOOL: convert_bools(c); break;
    case MR_ARROW_INT64: convert_ints(c); break;
    case MR_ARROW_DECIMAL128: convert_decimals(c); break;
    case MR_ARROW_FLOAT64: convert_floats(c); break;
    case MR_ARROW_DATE32: convert_dates(c); break;
    case MR_ARROW_TIME: convert_times(c); break;
    case MR_ARROW_TIMESTAMP: convert_timestamps(c); break;
    case MR_ARROW_UUID: convert_uuids(c); break;
    case MR_ARROW_TEXT: check_texts(c); break;
    }
}
