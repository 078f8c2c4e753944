/* SPDX-License-Identifier: MIT
 *
 * support/scan_twin.h - a slow and obvious JSON reader to compare core/scan.h with: it recurses,
 * looks at one byte at a time and writes what a reader of the text would learn.
 *
 *     {"a":[1,"\u0041",null]}     transcript   { k1:a [ n1 s1:A z ] }
 *
 * scan_says() writes the same transcript through core/scan.h, pulling every value.
 *
 * Thread: none; tests are single. */
#ifndef MR_TESTS_SUPPORT_SCAN_TWIN_H
#define MR_TESTS_SUPPORT_SCAN_TWIN_H

#include "core/buffer.h"
#include "core/scan.h"
#include "core/utf8.h"

static inline void say(mr_buffer *out, const char *text, size_t len)
{
    if (mr_buffer_append(out, (mr_slice){text, len}, NULL) != MR_OK) __builtin_trap();
}

static inline void say_string(mr_buffer *out, char sort, mr_slice text)
{
    if (mr_buffer_printf(out, NULL, "%c%zu:", sort, text.len) != MR_OK) __builtin_trap();
    say(out, text.ptr, text.len);
    say(out, " ", 1);
}

/* --- The twin --------------------------------------------------------------------------------- */

typedef struct scan_twin {
    const unsigned char *at, *end;
    unsigned depth;
    mr_buffer said, kept, text; /* transcript; the minified text; the present string */
} scan_twin;

static inline void twin_space(scan_twin *t)
{
    while (t->at < t->end && (*t->at == ' ' || *t->at == '\t' || *t->at == '\n' || *t->at == '\r'))
        t->at++;
}

static inline int twin_peek(const scan_twin *t)
{
    return t->at < t->end ? *t->at : -1;
}

static inline bool twin_take(scan_twin *t, char c)
{
    if (twin_peek(t) != c) return false;
    say(&t->kept, &c, 1);
    t->at++;
    return true;
}

static inline bool twin_unit(scan_twin *t, const unsigned char *at, unsigned *out)
{
    *out = 0;
    if (t->end - at < 6 || at[0] != '\\' || at[1] != 'u') return false;
    for (int i = 2; i < 6; i++) {
        const char *digits = "0123456789abcdef0123456789ABCDEF";
        const char *found = at[i] != 0 ? strchr(digits, at[i]) : NULL;
        if (found == NULL) return false;
        *out = *out * 16 + (unsigned)((found - digits) % 16);
    }
    return true;
}

static inline void twin_code_point(scan_twin *t, uint32_t code_point)
{
    char bytes[4];
    say(&t->text, bytes, mr_utf8_encode(code_point, bytes));
}

static inline bool twin_escape(scan_twin *t)
{
    static const char letters[] = "\"\\/bfnrt", meanings[] = "\"\\/\b\f\n\r\t";
    unsigned unit, low;
    if (t->end - t->at < 2) return false;
    const char *found = t->at[1] != 0 ? strchr(letters, t->at[1]) : NULL;
    if (found != NULL) {
        say(&t->text, meanings + (found - letters), 1);
        say(&t->kept, (const char *)t->at, 2);
        t->at += 2;
        return true;
    }
    if (!twin_unit(t, t->at, &unit)) return false;
    const bool high = unit >= 0xd800 && unit <= 0xdbff, lone_low = unit >= 0xdc00 && unit <= 0xdfff;
    if (high && twin_unit(t, t->at + 6, &low) && low >= 0xdc00 && low <= 0xdfff) {
        twin_code_point(t, 0x10000 + (unit - 0xd800) * 0x400 + (low - 0xdc00));
        say(&t->kept, (const char *)t->at, 12);
        t->at += 12;
        return true;
    }
    twin_code_point(t, high || lone_low ? MR_UTF8_REPLACEMENT : unit);
    if (high || lone_low)
        say(&t->kept, "\\ufffd", 6);
    else
        say(&t->kept, (const char *)t->at, 6);
    t->at += 6;
    return true;
}

static inline bool twin_string(scan_twin *t, char sort)
{
    mr_buffer_reset(&t->text);
    if (!twin_take(t, '"')) return false;
    while (t->at < t->end && *t->at != '"') {
        uint32_t code_point;
        if (*t->at < 0x20) return false;
        if (*t->at == '\\') {
            if (!twin_escape(t)) return false;
            continue;
        }
        const mr_slice rest = {(const char *)t->at, (size_t)(t->end - t->at)};
        const size_t len = mr_utf8_decode(rest, &code_point);
        const mr_slice good = len > 0 ? mr_slice_of(rest.ptr, len) : MR_SLICE("\xef\xbf\xbd");
        say(&t->text, good.ptr, good.len);
        say(&t->kept, good.ptr, good.len);
        t->at += len > 0 ? len : 1;
    }
    say_string(&t->said, sort, mr_buffer_slice(&t->text));
    return twin_take(t, '"');
}

static inline bool twin_digits(scan_twin *t)
{
    bool any = false;
    while (twin_peek(t) >= '0' && twin_peek(t) <= '9')
        any = twin_take(t, (char)*t->at);
    return any;
}

static inline bool twin_number(scan_twin *t)
{
    const unsigned char *from = t->at;
    (void)twin_take(t, '-');
    if (!twin_take(t, '0') && !twin_digits(t)) return false;
    if (twin_take(t, '.') && !twin_digits(t)) return false;
    if (twin_take(t, 'e') || twin_take(t, 'E')) {
        if (!twin_take(t, '+')) (void)twin_take(t, '-');
        if (!twin_digits(t)) return false;
    }
    say_string(&t->said, 'n', (mr_slice){(const char *)from, (size_t)(t->at - from)});
    return true;
}

static inline bool twin_word(scan_twin *t, const char *word, const char *sort)
{
    for (; *word != '\0'; word++)
        if (!twin_take(t, *word)) return false;
    say(&t->said, sort, 2);
    return true;
}

static inline bool twin_value(scan_twin *t);

static inline bool twin_inside(scan_twin *t, bool object)
{
    const char close = object ? '}' : ']';
    twin_space(t);
    if (twin_peek(t) == close) return twin_take(t, close);
    for (;;) {
        twin_space(t);
        if (object) {
            if (!twin_string(t, 'k')) return false;
            twin_space(t);
            if (!twin_take(t, ':')) return false;
        }
        if (!twin_value(t)) return false;
        twin_space(t);
        if (twin_peek(t) == close) return twin_take(t, close);
        if (!twin_take(t, ',')) return false;
    }
}

static inline bool twin_value(scan_twin *t)
{
    twin_space(t);
    const int first = twin_peek(t);
    if (first == '{' || first == '[') {
        if (t->depth++ == MR_SCAN_DEPTH_MAX) return false;
        say(&t->said, first == '{' ? "{ " : "[ ", 2);
        (void)twin_take(t, (char)first);
        if (!twin_inside(t, first == '{')) return false;
        say(&t->said, first == '{' ? "} " : "] ", 2);
        t->depth--;
        return true;
    }
    if (first == '"') return twin_string(t, 's');
    if (first == 't') return twin_word(t, "true", "t ");
    if (first == 'f') return twin_word(t, "false", "f ");
    if (first == 'n') return twin_word(t, "null", "z ");
    return twin_number(t);
}

static inline void twin_open(scan_twin *t, mr_slice input)
{
    *t = (scan_twin){.at = (const unsigned char *)input.ptr};
    t->end = input.len > 0 ? t->at + input.len : t->at;
    mr_buffer_init(&t->said, "test", (size_t)1 << 28);
    mr_buffer_init(&t->kept, "test", (size_t)1 << 28);
    mr_buffer_init(&t->text, "test", (size_t)1 << 28);
}

/* Whether the whole text is one JSON value. */
static inline bool twin_accepts(scan_twin *t)
{
    if (!twin_value(t)) return false;
    twin_space(t);
    return t->at == t->end;
}

static inline void twin_close(scan_twin *t)
{
    mr_buffer_done(&t->said);
    mr_buffer_done(&t->kept);
    mr_buffer_done(&t->text);
}

/* --- The real one ----------------------------------------------------------------------------- */

static inline void scan_say_string(const mr_scan_value *value, char sort, mr_arena *arena,
                                   mr_buffer *out)
{
    mr_slice text;
    if (!mr_scan_text(value, arena, &text)) __builtin_trap();
    say_string(out, sort, text);
    if (!mr_utf8_valid(text)) __builtin_trap();
}

/* The value that follows, pulled piece by piece. */
static inline bool scan_says(mr_scan *scan, mr_arena *arena, mr_buffer *out)
{
    const mr_scan_kind kind = mr_scan_peek(scan);
    mr_scan_value value;
    if (kind == MR_SCAN_ARRAY || kind == MR_SCAN_OBJECT) {
        const bool object = kind == MR_SCAN_OBJECT;
        if (!mr_scan_enter(scan, kind)) return false;
        say(out, object ? "{ " : "[ ", 2);
        while (object ? mr_scan_member(scan, &value) : mr_scan_element(scan)) {
            if (object) scan_say_string(&value, 'k', arena, out);
            if (!scan_says(scan, arena, out)) return false;
        }
        say(out, object ? "} " : "] ", 2);
        return scan->fault == NULL;
    }
    if (!mr_scan_next(scan, &value) || value.kind != kind) return false;
    if (kind == MR_SCAN_STRING) scan_say_string(&value, 's', arena, out);
    if (kind == MR_SCAN_NUMBER) say_string(out, 'n', value.raw);
    if (kind == MR_SCAN_TRUE) say(out, "t ", 2);
    if (kind == MR_SCAN_FALSE) say(out, "f ", 2);
    if (kind == MR_SCAN_NULL) say(out, "z ", 2);
    return true;
}

/* NULL when core/scan.h says of `input` what the twin says, else what they differ in. */
static inline const char *scan_differs(mr_slice input, bool *out_accepted)
{
    const char *why = NULL;
    scan_twin twin;
    mr_arena arena;
    mr_buffer said;
    mr_scan whole, pulled;
    mr_scan_value value;
    mr_slice kept;
    mr_arena_init(&arena, "test.scan", (size_t)1 << 28);
    mr_buffer_init(&said, "test", (size_t)1 << 28);
    twin_open(&twin, input);
    const bool wanted = twin_accepts(&twin);
    mr_scan_init(&whole, input);
    mr_scan_init(&pulled, input);
    const bool accepted = mr_scan_next(&whole, &value) && mr_scan_finish(&whole);
    const bool walked = scan_says(&pulled, &arena, &said) && mr_scan_finish(&pulled);
    if (accepted != wanted)
        why = "whole";
    else if (walked != wanted)
        why = "pulled";
    else if (wanted && !mr_slice_equal(mr_buffer_slice(&said), mr_buffer_slice(&twin.said)))
        why = "transcript";
    else if (wanted && !mr_scan_kept(&value, &arena, &kept))
        why = "memory";
    else if (wanted && !mr_slice_equal(kept, mr_buffer_slice(&twin.kept)) &&
             (value.marks & (MR_SCAN_SPACED | MR_SCAN_LONE | MR_SCAN_BROKEN)) != 0)
        why = "kept";
    else if (wanted && (value.marks & (MR_SCAN_SPACED | MR_SCAN_LONE | MR_SCAN_BROKEN)) == 0 &&
             kept.len != twin.kept.len)
        why = "marks";
    else if (!wanted && (whole.fault_at < whole.start || whole.fault_at > whole.end))
        why = "place";
    *out_accepted = accepted;
    mr_buffer_done(&said);
    mr_arena_done(&arena);
    twin_close(&twin);
    return why;
}

#endif
