/* SPDX-License-Identifier: MIT */
#include "expr/column_order.h"

#include "core/simd.h"

static_assert(MR_BUFFER_SLACK >= MR_NEEDLE_BYTES + 1, "cells are read 32 bytes at a time");

/* --- the constant
 * ----------------------------------------------------------------------------- */

static void finish(mr_needle *needle)
{
    needle->same_rest = 0;
    for (unsigned i = 0; i < MR_NEEDLE_BYTES; i++)
        needle->same_rest |= (uint32_t)(needle->form[i] == needle->rest[i]) << i;
}

static void make_number(mr_needle *needle, const mr_value *constant)
{
    char room[MR_VALUE_TEXT_MAX];
    mr_slice text = mr_value_write(constant, room);
    needle->negative = text.ptr[0] == '-';
    text = mr_slice_from(text, needle->negative);
    const char *point = memchr(text.ptr, '.', text.len);
    needle->point = (uint32_t)(point != NULL ? point - text.ptr : (ptrdiff_t)text.len);
    if (text.len > MR_NEEDLE_BYTES || needle->point == MR_NEEDLE_BYTES) return;
    memset(needle->rest, '0', sizeof needle->rest);
    needle->rest[needle->point] = '.';
    memcpy(needle->form, needle->rest, sizeof needle->form);
    memcpy(needle->form, text.ptr, text.len);
    needle->kind = MR_NEEDLE_NUMBER;
    finish(needle);
}

/* The constant in UTC, as "YYYY-MM-DD hh:mm:ss.fffffffff": what separates date and time is looked
 * over. */
static void make_moment(mr_needle *needle, const mr_value *constant)
{
    char room[MR_VALUE_TEXT_MAX];
    mr_value moment = *constant;
    if (constant->kind == MR_KIND_STRING && !mr_value_read_date(constant->cell.text, &moment) &&
        !mr_value_read_timestamp(constant->cell.text, &moment))
        return;
    if (!mr_kind_in(moment.kind, MR_KINDS_CALENDAR)) return;
    const int64_t instant = mr_value_instant(&moment);
    if (instant < INT64_C(-62167219200) || instant > INT64_C(253402300799)) return;
    moment.cell.time.nanoseconds = moment.kind == MR_KIND_DATE ? 0 : moment.cell.time.nanoseconds;
    moment.cell.time.seconds = instant;
    moment.cell.time.layout = ' ' | 9u << 8;
    moment.kind = MR_KIND_TIMESTAMP;
    const mr_slice text = mr_value_write(&moment, room);
    memset(needle->form, 0, sizeof needle->form);
    memcpy(needle->form, text.ptr, text.len);
    memset(needle->rest, 0, sizeof needle->rest);
    memcpy(needle->rest, "0000-00-00 00:00:00.000000000", 29);
    needle->kind = MR_NEEDLE_MOMENT;
    finish(needle);
}

static void make_text(mr_needle *needle, const mr_value *constant)
{
    needle->text = constant->cell.text;
    needle->kind = MR_NEEDLE_TEXT;
    memset(needle->form, 0, sizeof needle->form);
    if (needle->text.len > 0)
        memcpy(needle->form, needle->text.ptr,
               needle->text.len < MR_NEEDLE_BYTES ? needle->text.len : MR_NEEDLE_BYTES);
}

void mr_needle_make(mr_needle *needle, const mr_value *constant, mr_type type, bool untyped)
{
    const bool number = mr_kind_in(constant->kind, MR_KINDS_EXACT);
    const bool text = constant->kind == MR_KIND_STRING;
    needle->kind = MR_NEEDLE_NONE;
    if (number &&
        (type == MR_TYPE_INT || type == MR_TYPE_DECIMAL || (type == MR_TYPE_STRING && untyped)))
        make_number(needle, constant);
    else if (type == MR_TYPE_DATE || type == MR_TYPE_TIMESTAMP)
        make_moment(needle, constant);
    else if (text && (type == MR_TYPE_STRING || type == MR_TYPE_UUID || type == MR_TYPE_BYTES))
        make_text(needle, constant);
}

/* --- the cells
 * -------------------------------------------------------------------------------- */

MR_INLINE uint32_t first_bits(size_t count)
{
    return count >= 32 ? UINT32_MAX : (UINT32_C(1) << count) - 1;
}

/* By the first byte that differs, where a text of `len` bytes goes on as `rest`. `same` has a bit
 * for each byte of the text that is that of the form. */
MR_INLINE unsigned by_bytes(const mr_needle *needle, const char *text, size_t len, uint32_t same)
{
    const uint32_t inside = first_bits(len);
    const uint32_t differs = ~((same & inside) | (needle->same_rest & ~inside));
    if (differs == 0) return MR_CELL_SAME;
    const unsigned at = mr_ctz32(differs);
    const unsigned char byte = (unsigned char)(at < len ? text[at] : needle->rest[at]);
    return byte < (unsigned char)needle->form[at] ? MR_CELL_LESS : MR_CELL_MORE;
}

/* Exactly the canonical numbers of up to 32 bytes; a negative one that begins with 0 might be no
 * number and is left to others. */
MR_INLINE unsigned order_number(const mr_needle *needle, mr_v32 form, mr_v32 points,
                                const char *text, size_t len)
{
    const bool negative = *text == '-';
    text += negative;
    len -= negative;
    if (MR_UNLIKELY(len - 1 >= MR_NEEDLE_BYTES)) return MR_CELL_OTHER;
    const mr_v32 bytes = mr_v32_load(text);
    const uint32_t inside = first_bits(len);
    const uint32_t digits = mr_v32_between(bytes, '0', '9') & inside;
    const uint32_t point = mr_v32_same(bytes, points) & inside;
    const unsigned whole = point != 0 ? mr_ctz32(point) : (unsigned)len;
    const bool leading_zero = *text == '0' && (whole > 1 || negative);
    if (MR_UNLIKELY((digits | point) != inside || (point & (point - 1)) != 0 || leading_zero ||
                    whole == 0 || whole + 1 == len))
        return MR_CELL_OTHER;
    if (negative != needle->negative) return negative ? MR_CELL_LESS : MR_CELL_MORE;
    unsigned order = by_bytes(needle, text, len, mr_v32_same(bytes, form));
    if (whole != needle->point) order = whole < needle->point ? MR_CELL_LESS : MR_CELL_MORE;
    return negative ? MR_CELL_MORE - order : order;
}

MR_INLINE unsigned order_moment(const mr_needle *needle, mr_v32 form, const char *text, size_t len)
{
    const uint32_t separator = 1u << 10;
    if (len > 0 && text[len - 1] == 'Z') len--;
    if (len >= 25 && (text[len - 6] == '+' || text[len - 6] == '-')) return MR_CELL_OTHER;
    if (len != 10 && (len < 19 || len > 29)) return MR_CELL_OTHER;
    return by_bytes(needle, text, len, mr_v32_same(mr_v32_load(text), form) | separator);
}

MR_INLINE unsigned order_text(const mr_needle *needle, mr_v32 form, const char *text, size_t len)
{
    const size_t shared = len < needle->text.len ? len : needle->text.len;
    const uint32_t differs = ~mr_v32_same(mr_v32_load(text), form) & first_bits(shared);
    int difference = 0;
    if (differs != 0) {
        const unsigned at = mr_ctz32(differs);
        difference = (unsigned char)text[at] - (unsigned char)needle->form[at];
    } else if (shared > MR_NEEDLE_BYTES) {
        difference = memcmp(text, needle->text.ptr, shared);
    }
    if (difference == 0) difference = (len > needle->text.len) - (len < needle->text.len);
    return difference < 0 ? MR_CELL_LESS : difference > 0 ? MR_CELL_MORE : MR_CELL_SAME;
}

MR_INLINE unsigned order_cell(const mr_needle *needle, mr_v32 form, mr_v32 points,
                              const mr_column *column, uint32_t row)
{
    const char *text = column->data.ptr + column->offsets[row];
    const size_t len = column->offsets[row + 1] - column->offsets[row];
    switch (needle->kind) {
    case MR_NEEDLE_NUMBER: return order_number(needle, form, points, text, len);
    case MR_NEEDLE_MOMENT: return order_moment(needle, form, text, len);
    case MR_NEEDLE_TEXT: return order_text(needle, form, text, len);
    case MR_NEEDLE_NONE: break;
    }
    return MR_CELL_OTHER;
}

/* The loop for one kind of needle, so that what does not change is decided outside. */
MR_INLINE bool order_rows(const mr_needle *needle, const mr_column *column, uint32_t first_row,
                          const uint16_t *rows, uint32_t count, uint8_t *out)
{
    static const char all_points[] = "................................";
    const mr_v32 form = mr_v32_load(needle->form), points = mr_v32_load(all_points);
    const bool nulls = column->null_count > 0;
    unsigned other = 0;
    for (uint32_t i = 0; i < count; i++) {
        const uint32_t row = first_row + rows[i];
        out[i] = (uint8_t)order_cell(needle, form, points, column, row);
        if (nulls && mr_column_is_null(column, row)) out[i] = MR_CELL_NONE;
        other |= out[i] == MR_CELL_OTHER;
    }
    return other != 0;
}

bool mr_column_order(const mr_needle *needle, const mr_column *column, uint32_t first_row,
                     const uint16_t *rows, uint32_t count, uint8_t *out)
{
    mr_needle fixed = *needle; /* nobody else can change it while it is used */
    switch (needle->kind) {
    case MR_NEEDLE_NUMBER:
        fixed.kind = MR_NEEDLE_NUMBER;
        return order_rows(&fixed, column, first_row, rows, count, out);
    case MR_NEEDLE_MOMENT:
        fixed.kind = MR_NEEDLE_MOMENT;
        return order_rows(&fixed, column, first_row, rows, count, out);
    case MR_NEEDLE_TEXT:
    case MR_NEEDLE_NONE: break;
    }
    fixed.kind = MR_NEEDLE_TEXT;
    return order_rows(&fixed, column, first_row, rows, count, out);
}
