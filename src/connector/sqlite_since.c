/* SPDX-License-Identifier: MIT */
#include "connector/sqlite_since.h"

#include <math.h>

#include "core/clock.h"
#include "core/number.h"

#define DAY_SECONDS 86400
#define DATE_LEN    10

/* Everything that is spelled as a moment at or behind `low` begins with this date or a later one:
 * offsets move a date by one day at most. False for the years that dates cannot spell. */
static bool first_day(const mr_cursor *low, char out[16])
{
    char time[MR_TIME_TEXT_MAX];
    if (low->whole < INT64_MIN + DAY_SECONDS ||
        mr_format_time(time, low->whole - DAY_SECONDS, 0, 0) == 0)
        return false;
    memcpy(out, time, DATE_LEN);
    out[DATE_LEN] = 0;
    return true;
}

/* A GLOB pattern for texts that are spelled like this one; these SQLite compares as we do. */
static bool shape_of(mr_slice text, char *out, size_t size)
{
    size_t len = 0;
    for (size_t i = 0; i < text.len; i++) {
        const char c = text.ptr[i];
        const bool digit = c >= '0' && c <= '9', in_offset = i > DATE_LEN + 9 && !digit;
        if (len + 8 > size || c == '*' || c == '?' || c == '[') return false;
        if (in_offset && (c == '+' || c == '-')) { /* its digits are part of the shape */
            if (len + (text.len - i) + 1 > size) return false;
            memcpy(out + len, text.ptr + i, text.len - i);
            out[len + text.len - i] = 0;
            return true;
        }
        if (digit) memcpy(out + len, "[0-9]", 5);
        if (!digit) out[len] = c;
        len += digit ? 5 : 1;
    }
    out[len] = 0;
    return text.len > 0;
}

static bool is_safe(const mr_source_since *since, mr_slice declared)
{
    char room[16];
    const mr_sqlite_affinity affinity = mr_sqlite_affinity_of(declared, false);
    switch (since->kind) {
    case MR_CURSOR_NUMBER: return affinity != MR_SQLITE_AFFINITY_TEXT;
    case MR_CURSOR_TIME: return first_day(&since->low, room);
    case MR_CURSOR_TEXT:
        return affinity == MR_SQLITE_AFFINITY_TEXT || affinity == MR_SQLITE_AFFINITY_NONE;
    case MR_CURSOR_NONE: break;
    }
    return false;
}

/* Numbers sort before texts in SQLite, and nulls before numbers: what is below '' is no text. */
mr_code mr_sqlite_since_append(const mr_source_since *since, mr_slice declared, mr_buffer *sql,
                               mr_error *err)
{
    mr_sqlite_since_room room;
    if (!is_safe(since, declared)) return MR_OK;
    const bool number = since->kind == MR_CURSOR_NUMBER;
    const bool shaped =
        since->kind == MR_CURSOR_TIME && shape_of(since->low.text, room.shape, sizeof room.shape);
    MR_TRY(mr_buffer_append(sql, MR_SLICE(" WHERE ("), err));
    MR_TRY(mr_sqlite_quote(sql, since->column, err));
    MR_TRY(mr_buffer_append(sql, number ? MR_SLICE(" >= ?1") : MR_SLICE(" COLLATE BINARY >= ?1"),
                            err));
    if (shaped) {
        MR_TRY(mr_buffer_append(sql, MR_SLICE(" AND NOT ("), err));
        MR_TRY(mr_sqlite_quote(sql, since->column, err));
        MR_TRY(mr_buffer_append(sql, MR_SLICE(" COLLATE BINARY < ?2 AND "), err));
        MR_TRY(mr_sqlite_quote(sql, since->column, err));
        MR_TRY(mr_buffer_append(sql, MR_SLICE(" GLOB ?3)"), err));
    }
    MR_TRY(mr_buffer_append(sql, MR_SLICE(" OR "), err));
    MR_TRY(mr_sqlite_quote(sql, since->column, err));
    MR_TRY(mr_buffer_append(sql, MR_SLICE(" IS NULL"), err));
    if (!number) {
        MR_TRY(mr_buffer_append(sql, MR_SLICE(" OR "), err));
        MR_TRY(mr_sqlite_quote(sql, since->column, err));
        MR_TRY(mr_buffer_append(sql, MR_SLICE(" < ''"), err));
    }
    return mr_buffer_append(sql, MR_SLICE(")"), err);
}

static mr_code bind_number(const mr_cursor *low, mr_sqlite_stmt *stmt, mr_error *err)
{
    double value;
    if (low->small) return mr_sqlite_bind_i64(stmt, 1, low->whole, err);
    if (!mr_parse_f64(low->text, &value)) value = -(double)INFINITY;
    return mr_sqlite_bind_f64(stmt, 1, nextafter(value, -(double)INFINITY), err);
}

mr_code mr_sqlite_since_bind(const mr_source_since *since, mr_slice declared, mr_sqlite_stmt *stmt,
                             mr_sqlite_since_room *room, mr_error *err)
{
    if (!is_safe(since, declared)) return MR_OK;
    if (since->kind == MR_CURSOR_NUMBER) return bind_number(&since->low, stmt, err);
    if (since->kind == MR_CURSOR_TEXT) return mr_sqlite_bind_text(stmt, 1, since->low.text, err);
    if (!first_day(&since->low, room->day)) return MR_OK;
    MR_TRY(mr_sqlite_bind_text(stmt, 1, mr_slice_text(room->day), err));
    if (!shape_of(since->low.text, room->shape, sizeof room->shape)) return MR_OK;
    MR_TRY(mr_sqlite_bind_text(stmt, 2, since->low.text, err));
    return mr_sqlite_bind_text(stmt, 3, mr_slice_text(room->shape), err);
}
