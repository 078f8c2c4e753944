/* SPDX-License-Identifier: MIT
 *
 * Functions on texts. Positions and lengths count code points, from 0; a byte that is not UTF-8
 * counts as one. Anything but json has a text and may be an argument. */
#include "core/utf8.h"
#include "expr/access.h"
#include "expr/casemap.h"
#include "expr/compile.h"
#include "expr/functions.h"
#include "expr/operators.h"
#include "expr/run.h"

static mr_value string(mr_slice text)
{
    return mr_value_text(MR_KIND_STRING, text);
}

static mr_slice between(const char *from, const char *to)
{
    return (mr_slice){from, (size_t)(to - from)};
}

/* --- code points
 * ------------------------------------------------------------------------------ */

static bool continues(char byte)
{
    return ((unsigned char)byte & 0xc0) == 0x80;
}

static int64_t count_points(mr_slice text)
{
    int64_t count = 0;
    for (size_t i = 0; i < text.len; i++)
        count += !continues(text.ptr[i]);
    return count;
}

/* Where the code point `number` (0 and up) begins; the end when there are fewer. */
static size_t offset_of(mr_slice text, int64_t number)
{
    size_t at = 0;
    while (at < text.len && number > 0) {
        at++;
        while (at < text.len && continues(text.ptr[at]))
            at++;
        number--;
    }
    return at;
}

static mr_value len_of(mr_run *run, const mr_value *args)
{
    (void)run;
    return mr_value_int(count_points(args[0].cell.text));
}

MR_EXPR_CALL(call_len, len_of, 1)

static mr_value substr_of(mr_run *run, const mr_value *args)
{
    mr_slice text = args[0].cell.text;
    int64_t start = args[1].cell.integer;
    if (start < 0) start += count_points(text);
    text = mr_slice_from(text, offset_of(text, start));
    if (args[2].kind == MR_KIND_ABSENT) return mr_run_keep(run, text);
    int64_t length = args[2].cell.integer;
    if (length < 0) return mr_run_fault(run, "a length must not be negative");
    if (start < 0) length += start; /* what lies before the text is cut off */
    text.len = offset_of(text, length);
    return mr_run_keep(run, text);
}

/* --- case
 * ------------------------------------------------------------------------------------- */

MR_INLINE mr_value cased(mr_run *run, mr_slice text, bool lower)
{
    char *room = mr_run_take(run, text.len * MR_CASE_GROWTH);
    if (room == NULL) return mr_run_too_large(run);
    char *end = lower ? mr_put_lower_case(room, text) : mr_put_upper_case(room, text);
    mr_run_untake(run, end);
    return string(between(room, end));
}

static mr_value lower_of(mr_run *run, const mr_value *args)
{
    return cased(run, args[0].cell.text, true);
}

MR_EXPR_CALL(call_lower, lower_of, 1)

static mr_value upper_of(mr_run *run, const mr_value *args)
{
    return cased(run, args[0].cell.text, false);
}

MR_EXPR_CALL(call_upper, upper_of, 1)

/* --- trimming
 * --------------------------------------------------------------------------------- */

/* Unicode's property White_Space. */
static bool is_space(uint32_t c)
{
    return c == ' ' || (c >= '\t' && c <= '\r') || c == 0x85 || c == 0xa0 || c == 0x1680 ||
           (c >= 0x2000 && c <= 0x200a) || c == 0x2028 || c == 0x2029 || c == 0x202f ||
           c == 0x205f || c == 0x3000;
}

/* Is the code point `point`, which is `spelled` so, to be cut off? */
static bool is_cut(mr_slice spelled, uint32_t point, const mr_value *unwanted)
{
    if (unwanted->kind == MR_KIND_ABSENT) return is_space(point);
    const mr_slice set = unwanted->cell.text;
    for (size_t i = 0; i + spelled.len <= set.len; i++)
        if (memcmp(set.ptr + i, spelled.ptr, spelled.len) == 0) return true;
    return false;
}

static mr_slice cut_left(mr_slice text, const mr_value *unwanted)
{
    uint32_t point;
    size_t len;
    while ((len = mr_utf8_decode(text, &point)) > 0 &&
           is_cut((mr_slice){text.ptr, len}, point, unwanted))
        text = mr_slice_from(text, len);
    return text;
}

static mr_slice cut_right(mr_slice text, const mr_value *unwanted)
{
    uint32_t point;
    while (text.len > 0) {
        size_t start = text.len - 1;
        while (start > 0 && text.len - start < 4 && continues(text.ptr[start]))
            start--;
        const mr_slice last = mr_slice_from(text, start);
        if (mr_utf8_decode(last, &point) != last.len || !is_cut(last, point, unwanted)) break;
        text.len = start;
    }
    return text;
}

static mr_value trim_of(mr_run *run, const mr_value *args)
{
    return mr_run_keep(run, cut_right(cut_left(args[0].cell.text, &args[1]), &args[1]));
}

static mr_value ltrim_of(mr_run *run, const mr_value *args)
{
    return mr_run_keep(run, cut_left(args[0].cell.text, &args[1]));
}

static mr_value rtrim_of(mr_run *run, const mr_value *args)
{
    return mr_run_keep(run, cut_right(args[0].cell.text, &args[1]));
}

MR_EXPR_CALL(call_trim, trim_of, 2)
MR_EXPR_CALL(call_ltrim, ltrim_of, 2)
MR_EXPR_CALL(call_rtrim, rtrim_of, 2)
MR_EXPR_CALL(call_substr, substr_of, 3)

/* --- searching
 * -------------------------------------------------------------------------------- */

static const char *find(mr_slice text, mr_slice part)
{
    if (part.len == 0) return text.ptr;
    return text.len > 0 ? memmem(text.ptr, text.len, part.ptr, part.len) : NULL;
}

static mr_value contains_of(mr_run *run, const mr_value *args)
{
    (void)run;
    const mr_slice part = args[1].cell.text;
    return mr_value_bool(part.len == 0 || find(args[0].cell.text, part) != NULL);
}

static mr_value starts_with_of(mr_run *run, const mr_value *args)
{
    (void)run;
    const mr_slice text = args[0].cell.text, part = args[1].cell.text;
    return mr_value_bool(part.len <= text.len &&
                         mr_slice_equal((mr_slice){text.ptr, part.len}, part));
}

static mr_value ends_with_of(mr_run *run, const mr_value *args)
{
    (void)run;
    const mr_slice text = args[0].cell.text, part = args[1].cell.text;
    return mr_value_bool(part.len <= text.len &&
                         mr_slice_equal(mr_slice_from(text, text.len - part.len), part));
}

/* Code points before the first place of the part; null where there is none. */
static mr_value position_of(mr_run *run, const mr_value *args)
{
    (void)run;
    const char *at = find(args[0].cell.text, args[1].cell.text);
    if (args[1].cell.text.len == 0) return mr_value_int(0);
    if (at == NULL) return mr_value_state(MR_KIND_NULL);
    return mr_value_int(count_points(between(args[0].cell.text.ptr, at)));
}

MR_EXPR_CALL(call_contains, contains_of, 2)
MR_EXPR_CALL(call_starts_with, starts_with_of, 2)
MR_EXPR_CALL(call_ends_with, ends_with_of, 2)
MR_EXPR_CALL(call_position, position_of, 2)

/* --- making
 * ----------------------------------------------------------------------------------- */

static mr_value replace_of(mr_run *run, const mr_value *args)
{
    const mr_slice text = args[0].cell.text, part = args[1].cell.text, by = args[2].cell.text;
    size_t count = 0;
    if (part.len == 0) return mr_run_fault(run, "the text to be replaced is empty");
    for (mr_slice left = text; find(left, part) != NULL; count++)
        left = mr_slice_from(left, (size_t)(find(left, part) - left.ptr) + part.len);
    if (count == 0) return mr_run_keep(run, text);
    if (by.len > 0 && count > MR_EXPR_MAX_VALUE_BYTES / by.len) return mr_run_too_large(run);
    char *room = mr_run_take(run, text.len - count * part.len + count * by.len), *to = room;
    if (room == NULL) return mr_run_too_large(run);
    mr_slice left = text;
    for (const char *at; (at = find(left, part)) != NULL;) {
        const size_t before = (size_t)(at - left.ptr);
        memcpy(to, left.ptr, before);
        if (by.len > 0) memcpy(to + before, by.ptr, by.len);
        to += before + by.len;
        left = mr_slice_from(left, before + part.len);
    }
    memcpy(to, left.ptr, left.len);
    return string(between(room, to + left.len));
}

MR_EXPR_CALL(call_replace, replace_of, 3)

/* split(text, separator) as a json list. */
static mr_value split_list(mr_run *run, mr_slice text, mr_slice separator)
{
    if (!mr_utf8_valid(text)) return mr_run_fault(run, "the text is not valid UTF-8");
    size_t count = 1;
    for (mr_slice left = text; find(left, separator) != NULL; count++)
        left = mr_slice_from(left, (size_t)(find(left, separator) - left.ptr) + separator.len);
    if (text.len > MR_EXPR_MAX_VALUE_BYTES / 8) return mr_run_too_large(run);
    char *room = mr_run_take(run, text.len * 6 + count * 3 + 2), *to = room;
    if (room == NULL) return mr_run_too_large(run);
    *to++ = '[';
    for (mr_slice left = text;;) {
        const char *at = find(left, separator);
        const size_t len = at != NULL ? (size_t)(at - left.ptr) : left.len;
        to = mr_json_put_string(to, (mr_slice){left.ptr, len});
        if (at == NULL) break;
        *to++ = ',';
        left = mr_slice_from(left, len + separator.len);
    }
    *to++ = ']';
    mr_run_untake(run, to);
    return mr_value_text(MR_KIND_JSON, between(room, to));
}

/* split(text, separator, number): one part. */
static mr_value split_part(mr_run *run, mr_slice text, mr_slice separator, int64_t number)
{
    if (number < 0) { /* from the end */
        number++;
        for (mr_slice left = text; find(left, separator) != NULL; number++)
            left = mr_slice_from(left, (size_t)(find(left, separator) - left.ptr) + separator.len);
        if (number < 0) return mr_value_state(MR_KIND_ABSENT);
    }
    for (mr_slice left = text;; number--) {
        const char *at = find(left, separator);
        const size_t len = at != NULL ? (size_t)(at - left.ptr) : left.len;
        if (number == 0) return mr_run_keep(run, (mr_slice){left.ptr, len});
        if (at == NULL) return mr_value_state(MR_KIND_ABSENT);
        left = mr_slice_from(left, len + separator.len);
    }
}

static mr_value split_of(mr_run *run, const mr_value *args)
{
    const mr_slice text = args[0].cell.text, separator = args[1].cell.text;
    if (separator.len == 0) return mr_run_fault(run, "the separator is empty");
    if (args[2].kind == MR_KIND_ABSENT) return split_list(run, text, separator);
    return split_part(run, text, separator, args[2].cell.integer);
}

MR_EXPR_CALL(call_split, split_of, 3)

/* The texts of all arguments, one after the other; nulls have none. */
static mr_value concat_row(mr_run *run, uint32_t row)
{
    char *room = mr_run_take(run, 0);
    size_t len = 0;
    for (uint32_t pass = 0; pass < 2; pass++) { /* how long, then the copy */
        if (pass == 1 && (room = mr_run_take(run, len)) == NULL) return mr_run_too_large(run);
        size_t at = 0;
        for (uint32_t i = 0; i < run->in->count; i++) {
            const mr_vec vec = mr_run_arg(run, i);
            mr_value value = mr_vec_get(&vec, row);
            if (value.kind == MR_KIND_FAULT) return value;
            if (mr_kind_is_none(value.kind)) continue;
            mr_run_read(run, MR_READ_TEXT, &value, run->room[0]);
            if (value.kind == MR_KIND_FAULT) return value;
            if (pass == 1 && value.cell.text.len > 0)
                memcpy(room + at, value.cell.text.ptr, value.cell.text.len);
            at += value.cell.text.len;
        }
        len = at;
    }
    return string((mr_slice){room, len});
}

static void call_concat(mr_run *run)
{
    MR_EACH_ROW(run, row) mr_vec_put(run->out, row, concat_row(run, row));
}

static mr_value repeat_of(mr_run *run, const mr_value *args)
{
    const mr_slice text = args[0].cell.text;
    const int64_t times = args[1].cell.integer;
    if (times < 0)
        return mr_run_fault(run, "a text cannot be repeated %lld times", (long long)times);
    if (text.len > 0 && (uint64_t)times > MR_EXPR_MAX_VALUE_BYTES / text.len)
        return mr_run_too_large(run);
    const size_t len = text.len > 0 ? text.len * (size_t)times : 0;
    char *room = mr_run_take(run, len);
    if (room == NULL) return mr_run_too_large(run);
    if (len > 0) memcpy(room, text.ptr, text.len);
    for (size_t have = text.len; have > 0 && have < len; have *= 2)
        memcpy(room + have, room, have < len - have ? have : len - have);
    return string((mr_slice){room, len});
}

MR_EXPR_CALL(call_repeat, repeat_of, 2)

/* lpad(text, length[, fill]) and rpad(): filled up to `length` code points, or cut to them. */
MR_INLINE mr_value pad(mr_run *run, const mr_value *args, bool left)
{
    const mr_slice text = args[0].cell.text;
    const mr_slice fill = args[2].kind == MR_KIND_ABSENT ? MR_SLICE(" ") : args[2].cell.text;
    const int64_t length = args[1].cell.integer;
    if (length < 0) return mr_run_fault(run, "a length must not be negative");
    const int64_t missing = length - count_points(text);
    if (missing <= 0) return mr_run_keep(run, (mr_slice){text.ptr, offset_of(text, length)});
    const int64_t points = count_points(fill);
    if (points == 0) return mr_run_fault(run, "the text to fill with is empty");
    if (missing > (int64_t)(MR_EXPR_MAX_VALUE_BYTES / 4)) return mr_run_too_large(run);
    const size_t rest = offset_of(fill, missing % points);
    const size_t added = (size_t)(missing / points) * fill.len + rest;
    char *room = mr_run_take(run, text.len + added);
    if (room == NULL) return mr_run_too_large(run);
    char *to = left ? room : room + text.len;
    if (text.len > 0) memcpy(left ? room + added : room, text.ptr, text.len);
    for (size_t at = 0; at < added; at += fill.len)
        memcpy(to + at, fill.ptr, added - at < fill.len ? added - at : fill.len);
    return string((mr_slice){room, text.len + added});
}

static mr_value lpad_of(mr_run *run, const mr_value *args)
{
    return pad(run, args, true);
}

static mr_value rpad_of(mr_run *run, const mr_value *args)
{
    return pad(run, args, false);
}

MR_EXPR_CALL(call_lpad, lpad_of, 3)
MR_EXPR_CALL(call_rpad, rpad_of, 3)

/* --- like
 * ------------------------------------------------------------------------------------- */

/* One element of a pattern against the start of a text: how far both go on. */
static bool like_one(mr_slice pattern, mr_slice text, size_t *out_pattern, size_t *out_text)
{
    if (text.len == 0) return false;
    if (pattern.ptr[0] == '_') {
        *out_pattern = 1;
        *out_text = offset_of(text, 1);
        return true;
    }
    const size_t escape = pattern.ptr[0] == '\\' && pattern.len > 1;
    *out_pattern = 1 + escape;
    *out_text = 1;
    return pattern.ptr[escape] == text.ptr[0];
}

/* % is any text, _ any code point, \ takes the next as it is. After a failure only the last % is
 * tried one code point further on: an earlier one could not do better. */
static bool is_like(mr_slice text, mr_slice pattern)
{
    mr_slice after_percent = {NULL, 0}, tried = text;
    bool percent = false;
    size_t in_pattern = 0, in_text = 0;
    for (;;) {
        if (pattern.len > 0 && pattern.ptr[0] == '%') {
            percent = true;
            pattern = after_percent = mr_slice_from(pattern, 1);
            tried = text;
        } else if (pattern.len > 0 && like_one(pattern, text, &in_pattern, &in_text)) {
            pattern = mr_slice_from(pattern, in_pattern);
            text = mr_slice_from(text, in_text);
        } else if (pattern.len == 0 && text.len == 0) {
            return true;
        } else if (!percent || tried.len == 0) {
            return false;
        } else {
            tried = text = mr_slice_from(tried, offset_of(tried, 1));
            pattern = after_percent;
        }
    }
}

static mr_value like_of(mr_run *run, const mr_value *args)
{
    (void)run;
    return mr_value_bool(is_like(args[0].cell.text, args[1].cell.text));
}

MR_EXPR_CALL(call_like, like_of, 2)

const mr_function mr_operator_like = {.name = "'like'",
                                      .signature = "text like pattern",
                                      .call = call_like,
                                      .least = 2,
                                      .most = 2,
                                      .reads = {MR_READ_TEXT, MR_READ_TEXT},
                                      .gives = MR_KINDS_BOOL};

/* --- the table
 * -------------------------------------------------------------------------------- */

static mr_kinds split_kinds(const mr_term *args, uint32_t count)
{
    (void)args;
    return MR_KIND_BIT(count == 3 ? MR_KIND_STRING : MR_KIND_JSON);
}

#define STRING MR_KIND_BIT(MR_KIND_STRING)
#define INT    MR_KIND_BIT(MR_KIND_INT)
#define TEXT   MR_READ_TEXT

#define TEXTUAL(id, shown, min, max, kinds, ...)                                        \
    {                                                                                   \
        .name = #id, .signature = #id "(" shown ")", .call = call_##id, .least = (min), \
        .most = (max), .reads = {__VA_ARGS__}, .gives = (kinds)                         \
    }

const mr_function mr_functions_text[] = {
    TEXTUAL(len, "text", 1, 1, INT, TEXT),
    TEXTUAL(lower, "text", 1, 1, STRING, TEXT),
    TEXTUAL(upper, "text", 1, 1, STRING, TEXT),
    TEXTUAL(trim, "text[, unwanted]", 1, 2, STRING, TEXT, TEXT),
    TEXTUAL(ltrim, "text[, unwanted]", 1, 2, STRING, TEXT, TEXT),
    TEXTUAL(rtrim, "text[, unwanted]", 1, 2, STRING, TEXT, TEXT),
    TEXTUAL(substr, "text, start[, length]", 2, 3, STRING, TEXT, MR_READ_INT, MR_READ_INT),
    TEXTUAL(contains, "text, part", 2, 2, MR_KINDS_BOOL, TEXT, TEXT),
    TEXTUAL(starts_with, "text, part", 2, 2, MR_KINDS_BOOL, TEXT, TEXT),
    TEXTUAL(ends_with, "text, part", 2, 2, MR_KINDS_BOOL, TEXT, TEXT),
    TEXTUAL(position, "text, part", 2, 2, INT, TEXT, TEXT),
    TEXTUAL(replace, "text, part, by", 3, 3, STRING, TEXT, TEXT, TEXT),
    {.name = "split",
     .signature = "split(text, separator[, number])",
     .call = call_split,
     .least = 2,
     .most = 3,
     .reads = {TEXT, TEXT, MR_READ_INT},
     .result = split_kinds},
    {.name = "concat",
     .signature = "concat(value, ...)",
     .call = call_concat,
     .least = 1,
     .most = MR_EXPR_MAX_ARGS,
     .reads = {TEXT, TEXT, TEXT, TEXT},
     .flags = MR_FUNCTION_NONES,
     .gives = STRING},
    TEXTUAL(repeat, "text, times", 2, 2, STRING, TEXT, MR_READ_INT),
    TEXTUAL(lpad, "text, length[, fill]", 2, 3, STRING, TEXT, MR_READ_INT, TEXT),
    TEXTUAL(rpad, "text, length[, fill]", 2, 3, STRING, TEXT, MR_READ_INT, TEXT),
    {.name = NULL},
};
