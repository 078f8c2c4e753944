/* SPDX-License-Identifier: MIT
 *
 * What scanned values say: decoding, keeping, numbers, members. */
#include "core/number.h"
#include "core/scan.h"
#include "core/utf8.h"

#define WORD_MAX 64 /* bytes of a key that is asked for */
/* How much longer a text can become: one wrong byte becomes the three of U+FFFD. */
#define GROWTH_MAX 3

static const char replacement[] = "\xef\xbf\xbd"; /* U+FFFD */

/* --- Decoding --------------------------------------------------------------------------------- */

/* Copies UTF-8; each byte that is not becomes U+FFFD. Returns where the copy ends. */
static char *put_text(char *out, mr_slice text)
{
    while (text.len > 0) {
        const size_t good = mr_utf8_valid_prefix(text);
        memcpy(out, text.ptr, good);
        out += good;
        if (good == text.len) break;
        memcpy(out, replacement, 3);
        out += 3;
        text = mr_slice_from(text, good + 1);
    }
    return out;
}

static uint32_t hex4(const char *p)
{
    uint32_t value = 0;
    for (int i = 0; i < 4; i++)
        value = value << 4 | (uint32_t)(p[i] <= '9' ? p[i] - '0' : (p[i] | 0x20) - 'a' + 10);
    return value;
}

/* The code point of the escape "\uXXXX" at `p`, or of a pair of them; how long that is. */
static size_t read_unicode(const char *p, const char *end, uint32_t *out)
{
    const uint32_t unit = hex4(p + 2);
    *out = unit;
    if (unit < 0xd800 || unit >= 0xe000) return 6;
    *out = MR_UTF8_REPLACEMENT;
    if (unit >= 0xdc00 || end - p < 12 || p[6] != '\\' || p[7] != 'u') return 6;
    const uint32_t low = hex4(p + 8);
    if (low < 0xdc00 || low >= 0xe000) return 6;
    *out = 0x10000 + ((unit - 0xd800) << 10 | (low - 0xdc00));
    return 12;
}

static char plain_escape(char letter)
{
    switch (letter) {
    case 'b': return '\b';
    case 'f': return '\f';
    case 'n': return '\n';
    case 'r': return '\r';
    case 't': return '\t';
    default: return letter; /* itself: quote, backslash, slash */
    }
}

/* Between the quotes. */
static mr_slice inside(const mr_scan_value *string)
{
    MR_DCHECK(string->kind == MR_SCAN_STRING);
    return (mr_slice){string->raw.ptr + 1, string->raw.len - 2};
}

/* Decodes what is between the quotes to `out`, which has room for GROWTH_MAX times as much. */
static size_t decode(mr_slice text, char *out)
{
    const char *p = text.ptr, *const end = p + text.len;
    char *at = out;
    while (p < end) {
        const char *escape = memchr(p, '\\', (size_t)(end - p));
        const char *stop = escape != NULL ? escape : end;
        at = put_text(at, (mr_slice){p, (size_t)(stop - p)});
        if (escape == NULL) break;
        if (escape[1] == 'u') {
            uint32_t code_point;
            p = escape + read_unicode(escape, end, &code_point);
            at += mr_utf8_encode(code_point, at);
        } else {
            *at++ = plain_escape(escape[1]);
            p = escape + 2;
        }
    }
    return (size_t)(at - out);
}

static bool says_itself(const mr_scan_value *string)
{
    return (string->marks & (MR_SCAN_ESCAPED | MR_SCAN_LONE | MR_SCAN_BROKEN)) == 0;
}

bool mr_scan_is(const mr_scan_value *string, const char *word)
{
    const mr_slice text = inside(string);
    if (MR_LIKELY(says_itself(string))) return mr_slice_is(text, word);
    char decoded[WORD_MAX * 6 * GROWTH_MAX];
    MR_DCHECK(strlen(word) <= WORD_MAX);
    if (text.len > WORD_MAX * 6) return false; /* six bytes make at least one */
    return mr_slice_is((mr_slice){decoded, decode(text, decoded)}, word);
}

bool mr_scan_text(const mr_scan_value *string, mr_arena *arena, mr_slice *out)
{
    const mr_slice text = inside(string);
    if (MR_LIKELY(says_itself(string))) {
        *out = text;
        return true;
    }
    const bool grows = (string->marks & MR_SCAN_BROKEN) != 0;
    char *room = mr_arena_take(arena, text.len * (grows ? GROWTH_MAX : 1));
    if (room == NULL) return false;
    *out = (mr_slice){room, decode(text, room)};
    return true;
}

/* --- Keeping ---------------------------------------------------------------------------------- */

/* Behind the string that begins at `p`. */
static const char *end_of_string(const char *p, const char *end, bool escapes)
{
    p++;
    if (!escapes) return (const char *)memchr(p, '"', (size_t)(end - p)) + 1;
    for (; *p != '"'; p++)
        if (*p == '\\') p++;
    return p + 1;
}

/* Copies a string with its quotes; escaped halves of pairs and wrong bytes become U+FFFD. */
static char *put_mended(char *out, const char *p, const char *end)
{
    while (p < end) {
        const char *escape = memchr(p, '\\', (size_t)(end - p));
        const char *stop = escape != NULL ? escape : end;
        out = put_text(out, (mr_slice){p, (size_t)(stop - p)});
        if (escape == NULL) break;
        uint32_t code_point;
        const size_t len = escape[1] == 'u' ? read_unicode(escape, end, &code_point) : 2;
        const bool lone = len == 6 && hex4(escape + 2) >= 0xd800 && hex4(escape + 2) < 0xe000;
        memcpy(out, lone ? "\\ufffd" : escape, len);
        out += len;
        p = escape + len;
    }
    return out;
}

static size_t minify(const mr_scan_value *value, char *out)
{
    const bool mend = (value->marks & (MR_SCAN_LONE | MR_SCAN_BROKEN)) != 0;
    const bool escapes = (value->marks & MR_SCAN_ESCAPED) != 0;
    const char *p = value->raw.ptr, *const end = p + value->raw.len;
    char *at = out;
    while (p < end) {
        if (*p == '"') {
            const char *stop = end_of_string(p, end, escapes);
            if (mend) {
                at = put_mended(at, p, stop);
            } else {
                memcpy(at, p, (size_t)(stop - p));
                at += stop - p;
            }
            p = stop;
        } else {
            *at = *p;
            at += (unsigned char)*p++ > ' ';
        }
    }
    return (size_t)(at - out);
}

size_t mr_scan_keep_bytes(const mr_scan_value *value)
{
    if (MR_LIKELY((value->marks & (MR_SCAN_SPACED | MR_SCAN_LONE | MR_SCAN_BROKEN)) == 0)) return 0;
    return value->raw.len * ((value->marks & MR_SCAN_BROKEN) != 0 ? GROWTH_MAX : 1);
}

mr_slice mr_scan_keep(const mr_scan_value *value, char *room)
{
    return (mr_slice){room, minify(value, room)};
}

bool mr_scan_kept(const mr_scan_value *value, mr_arena *arena, mr_slice *out)
{
    const size_t bytes = mr_scan_keep_bytes(value);
    if (MR_LIKELY(bytes == 0)) {
        *out = value->raw;
        return true;
    }
    char *room = mr_arena_take(arena, bytes);
    if (room == NULL) return false;
    *out = mr_scan_keep(value, room);
    return true;
}

/* --- Numbers ---------------------------------------------------------------------------------- */

static bool is_integer(mr_slice number)
{
    for (size_t i = 0; i < number.len; i++)
        if (number.ptr[i] == '.' || (number.ptr[i] | 0x20) == 'e') return false;
    return true;
}

bool mr_scan_i64(const mr_scan_value *number, int64_t *out)
{
    double value;
    MR_DCHECK(number->kind == MR_SCAN_NUMBER);
    if (mr_parse_i64(number->raw, out)) return true;
    if (mr_slice_is(number->raw, "-0")) {
        *out = 0;
        return true;
    }
    if (is_integer(number->raw) || !mr_parse_f64(number->raw, &value)) return false;
    if (!(value >= -0x1p63 && value < 0x1p63)) return false;
    *out = (int64_t)value;
    return true;
}

/* --- Members ---------------------------------------------------------------------------------- */

void mr_scan_members(const mr_scan_value *object, const char *const *keys, size_t count,
                     mr_scan_value *out)
{
    mr_scan scan;
    mr_scan_value key, value;
    for (size_t i = 0; i < count; i++)
        out[i] = (mr_scan_value){.kind = MR_SCAN_NONE};
    mr_scan_open(&scan, object);
    while (mr_scan_member(&scan, &key) && mr_scan_next(&scan, &value))
        for (size_t i = 0; i < count; i++)
            if (mr_scan_is(&key, keys[i])) {
                out[i] = value;
                break;
            }
}

bool mr_scan_find_text(mr_slice object, const char *key, char *room, size_t room_bytes,
                       mr_slice *out)
{
    mr_scan_value value, whole = {.raw = object, .kind = MR_SCAN_OBJECT, .marks = 0};
    if (object.len < 2 || object.ptr[0] != '{') return false;
    mr_scan_members(&whole, &key, 1, &value);
    if (value.kind != MR_SCAN_STRING) return false;
    if (says_itself(&value)) {
        *out = inside(&value);
        return true;
    }
    const mr_slice text = inside(&value);
    if (text.len > room_bytes / (mr_utf8_valid(text) ? 1 : GROWTH_MAX)) return false;
    *out = (mr_slice){room, decode(text, room)};
    return true;
}
