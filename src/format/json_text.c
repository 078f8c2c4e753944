/* SPDX-License-Identifier: MIT */
#include "core/utf8.h"
#include "format/json_internal.h"

/* What a byte stands for behind a backslash; 0 = nothing. 'u' is handled apart. */
static const char plain_escapes[256] = {
    ['"'] = '"',  ['\\'] = '\\', ['/'] = '/',  ['b'] = '\b',
    ['f'] = '\f', ['n'] = '\n',  ['r'] = '\r', ['t'] = '\t',
};

MR_INLINE int hex_value(char c)
{
    if ((unsigned char)(c - '0') < 10) return c - '0';
    const char lower = (char)(c | 0x20);
    return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

mr_json_fault mr_json_escape(mr_json_scan *scan)
{
    const char *p = scan->at + 1;
    scan->at = p;
    if (p >= scan->end) return MR_JSON_ENDS;
    if (scan->one_line && *p == '\n') return MR_JSON_LINE_ENDS;
    if (*p != 'u' && plain_escapes[(unsigned char)*p] == 0) return MR_JSON_BAD_ESCAPE;
    scan->at++;
    if (*p != 'u') return MR_JSON_FINE;
    for (int i = 0; i < 4; i++, scan->at++) {
        if (scan->at >= scan->end) return MR_JSON_ENDS;
        if (scan->one_line && *scan->at == '\n') return MR_JSON_LINE_ENDS;
        if (hex_value(*scan->at) < 0) return MR_JSON_BAD_HEX;
    }
    return MR_JSON_FINE;
}

/* The value of four digits that are known to be right. */
static uint32_t hex4(const char *p)
{
    uint32_t value = 0;
    for (int i = 0; i < 4; i++)
        value = value << 4 | ((uint32_t)hex_value(p[i]) & 15);
    return value;
}

/* Reads the right escape at `p`, a pair of surrogates as one; returns what is behind it. */
static const char *decode_escape(const char *p, const char *end, uint32_t *out, bool *lone)
{
    *lone = false;
    if (p[1] != 'u') {
        *out = (unsigned char)plain_escapes[(unsigned char)p[1]];
        return p + 2;
    }
    const uint32_t unit = *out = hex4(p + 2);
    p += 6;
    if (unit < 0xd800 || unit > 0xdfff) return p;
    if (unit < 0xdc00 && end - p >= 6 && p[0] == '\\' && p[1] == 'u') {
        const uint32_t low = hex4(p + 2);
        if (low >= 0xdc00 && low <= 0xdfff) {
            *out = 0x10000 + ((unit & 0x3ff) << 10 | (low & 0x3ff));
            return p + 6;
        }
    }
    *lone = true;
    return p;
}

/* A lone surrogate in UTF-8's three-byte scheme, which no valid text holds. */
static size_t encode_surrogate(uint32_t unit, char *to)
{
    to[0] = (char)(0xe0 | unit >> 12);
    to[1] = (char)(0x80 | (unit >> 6 & 0x3f));
    to[2] = (char)(0x80 | (unit & 0x3f));
    return 3;
}

typedef struct lone_found {
    const char *first; /* NULL = none */
    uint32_t count;
} lone_found;

static size_t unescape(char *to, mr_slice raw, bool keep, lone_found *found)
{
    char *const start = to;
    const char *p = raw.ptr, *const end = raw.ptr + raw.len;
    while (p < end) {
        const char *escape = memchr(p, '\\', (size_t)(end - p));
        const size_t plain = (size_t)((escape != NULL ? escape : end) - p);
        memmove(to, p, plain);
        to += plain;
        if (escape == NULL) break;
        uint32_t code_point;
        bool lone;
        p = decode_escape(escape, end, &code_point, &lone);
        if (!lone) {
            to += mr_utf8_encode(code_point, to);
            continue;
        }
        if (found->count++ == 0) found->first = escape;
        to += keep ? encode_surrogate(code_point, to) : mr_utf8_encode(MR_UTF8_REPLACEMENT, to);
    }
    return (size_t)(to - start);
}

size_t mr_json_unescape_to(char *to, mr_slice raw, bool *lone)
{
    lone_found found = {0};
    const size_t len = unescape(to, raw, true, &found);
    *lone = found.count > 0;
    return len;
}

/* A record with lone surrogates is a reject, or they were replaced and are counted. */
static void judge_lone(struct mr_json_reader *reader, lone_found found, const mr_json_slot *slot)
{
    if (found.count == 0 || reader->options.invalid_unicode == MR_JSON_UNICODE_KEEP) return;
    if (reader->options.invalid_unicode == MR_JSON_UNICODE_REPLACE) {
        reader->replaced += found.count;
        return;
    }
    if (reader->flaw.found) return;
    const mr_json_slot *slots = reader->parsed.slots;
    const bool is_field = slot >= slots && slot < slots + reader->parsed.keys.count;
    reader->flaw = (mr_json_flaw){.found = true,
                                  .reason = MR_REASON_INVALID_UNICODE,
                                  .at = found.first,
                                  .key = is_field ? (uint32_t)(slot - slots) : MR_JSON_NO_KEY};
}

static const char *moved(const char *ptr, const char *from, const char *to)
{
    return to + ((uintptr_t)ptr - (uintptr_t)from);
}

/* Room in the scratch; slots that point into it move along. */
static mr_code reserve_scratch(struct mr_json_reader *reader, size_t extra)
{
    const char *const old = reader->scratch.ptr;
    MR_TRY(mr_buffer_reserve(&reader->scratch, extra, &reader->failure));
    const char *const now = reader->scratch.ptr;
    if (old == now) return MR_OK;
    mr_json_fields *fields = &reader->parsed;
    for (uint32_t i = 0; i < fields->count; i++) {
        mr_json_slot *slot = &fields->slots[fields->order[i]];
        if (slot->in_scratch) slot->ptr = moved(slot->ptr, old, now);
    }
    return MR_OK;
}

mr_code mr_json_unescape(struct mr_json_reader *reader, mr_slice raw, mr_json_slot *slot)
{
    slot->in_scratch = false;
    MR_TRY(reserve_scratch(reader, raw.len));
    char *to = reader->scratch.ptr + reader->scratch.len;
    lone_found found = {0};
    const bool keep = reader->options.invalid_unicode == MR_JSON_UNICODE_KEEP;
    slot->len = (uint32_t)unescape(to, raw, keep, &found);
    slot->ptr = to;
    slot->type = keep && found.count > 0 ? MR_TYPE_BYTES : MR_TYPE_STRING;
    slot->in_scratch = true;
    reader->scratch.len += slot->len;
    judge_lone(reader, found, slot);
    return MR_OK;
}

mr_code mr_json_unescape_key(struct mr_json_reader *reader, mr_slice raw)
{
    mr_buffer_reset(&reader->name);
    MR_TRY(mr_buffer_reserve(&reader->name, raw.len, &reader->failure));
    lone_found found = {0};
    const bool keep = reader->options.invalid_unicode == MR_JSON_UNICODE_KEEP;
    reader->name.len = unescape(reader->name.ptr, raw, keep, &found);
    judge_lone(reader, found, NULL);
    return MR_OK;
}

/* --- compact text --- */

/* Writes a code point as compact text has it inside quotes. */
static size_t write_compact(uint32_t code_point, char *to)
{
    static const char letters[] = "btn?fr"; /* 0x08.. 0x0d; 0x0b has none */
    static const char hex[] = "0123456789abcdef";
    if (code_point == '"' || code_point == '\\') {
        to[0] = '\\';
        to[1] = (char)code_point;
        return 2;
    }
    if (code_point >= 0x20) return mr_utf8_encode(code_point, to);
    to[0] = '\\';
    if (code_point >= 0x08 && code_point <= 0x0d && code_point != 0x0b) {
        to[1] = letters[code_point - 0x08];
        return 2;
    }
    to[1] = 'u';
    to[2] = to[3] = '0';
    to[4] = hex[code_point >> 4];
    to[5] = hex[code_point & 15];
    return 6;
}

static size_t write_kept_surrogate(uint32_t unit, char *to)
{
    static const char hex[] = "0123456789abcdef";
    to[0] = '\\';
    to[1] = 'u';
    for (unsigned i = 0; i < 4; i++)
        to[2 + i] = hex[unit >> (12 - 4 * i) & 15];
    return 6;
}

/* Compacts the string behind the quote at `p`, closing quote included; returns what is behind. */
static const char *compact_string(const char *p, const char *end, char **to_pointer, bool keep,
                                  lone_found *found)
{
    char *to = *to_pointer;
    for (;;) {
        if (*p != '\\') {
            if ((*to++ = *p++) == '"') break;
            continue;
        }
        uint32_t code_point;
        bool lone;
        const char *const escape = p;
        p = decode_escape(p, end, &code_point, &lone);
        if (!lone) {
            to += write_compact(code_point, to);
            continue;
        }
        if (found->count++ == 0) found->first = escape;
        to += keep ? write_kept_surrogate(code_point, to) : mr_utf8_encode(MR_UTF8_REPLACEMENT, to);
    }
    *to_pointer = to;
    return p;
}

mr_code mr_json_compact(struct mr_json_reader *reader, mr_slice raw, mr_json_slot *slot)
{
    slot->in_scratch = false;
    MR_TRY(reserve_scratch(reader, raw.len));
    char *const start = reader->scratch.ptr + reader->scratch.len, *to = start;
    lone_found found = {0};
    const bool keep = reader->options.invalid_unicode == MR_JSON_UNICODE_KEEP;
    const char *p = raw.ptr, *const end = raw.ptr + raw.len;
    while (p < end) {
        const char c = *p++;
        if ((unsigned char)c <= 0x20) continue;
        *to++ = c; /* NOLINT(clang-analyzer-core.NullDereference): there is room, so it is there */
        if (c == '"') p = compact_string(p, end, &to, keep, &found);
    }
    slot->ptr = start;
    slot->len = (uint32_t)(to - start);
    slot->type = MR_TYPE_JSON;
    slot->in_scratch = true;
    reader->scratch.len += slot->len;
    judge_lone(reader, found, slot);
    return MR_OK;
}

const char *mr_json_skip(const char *at)
{
    uint32_t depth = 0;
    do {
        const char c = *at++;
        if (c == '{' || c == '[') {
            depth++;
        } else if (c == '}' || c == ']') {
            depth--;
        } else if (c == '"') {
            for (; *at != '"'; at++)
                at += *at == '\\';
            at++;
        } else if (depth == 0) { /* a number or a name */
            while (*at != ',' && *at != ']' && *at != '}')
                at++;
        }
    } while (depth > 0);
    return at;
}

/* --- bytes that are not UTF-8 --- */

/* The length of the invalid part at the start of `text` that one U+FFFD stands for: as many bytes
 * as could begin a code point (Unicode 15, chapter 3, "maximal subpart"). */
static size_t invalid_part(mr_slice text)
{
    const unsigned char *p = (const unsigned char *)text.ptr;
    size_t want = p[0] >= 0xc2 && p[0] <= 0xdf ? 2 : p[0] >= 0xe0 && p[0] <= 0xef ? 3 : 1;
    if (p[0] >= 0xf0 && p[0] <= 0xf4) want = 4;
    size_t have = 1;
    for (; have < want && have < text.len; have++) {
        const unsigned char low = have != 1      ? 0x80
                                  : p[0] == 0xe0 ? 0xa0
                                  : p[0] == 0xf0 ? 0x90
                                                 : 0x80;
        const unsigned char high = have != 1      ? 0xbf
                                   : p[0] == 0xed ? 0x9f
                                   : p[0] == 0xf4 ? 0x8f
                                                  : 0xbf;
        if (p[have] < low || p[have] > high) break;
    }
    return have;
}

mr_code mr_json_append_mended(mr_buffer *out, mr_slice text, uint64_t *replaced, mr_error *err)
{
    for (;;) {
        const size_t good = mr_utf8_valid_prefix(text);
        MR_TRY(mr_buffer_append(out, (mr_slice){text.ptr, good}, err));
        text = mr_slice_from(text, good);
        if (text.len == 0) return MR_OK;
        MR_TRY(mr_buffer_append(out, MR_SLICE("\xef\xbf\xbd"), err));
        ++*replaced;
        text = mr_slice_from(text, invalid_part(text));
    }
}

/* --- numbers --- */

MR_INLINE const char *skip_digits(const char *p, const char *end)
{
    while (p < end && (unsigned char)(*p - '0') < 10)
        p++;
    return p;
}

static mr_json_fault number_fault(mr_json_scan *scan, const char *p, mr_json_fault fault)
{
    scan->at = p;
    if (p >= scan->end) return MR_JSON_ENDS;
    return scan->one_line && *p == '\n' ? MR_JSON_LINE_ENDS : fault;
}

mr_json_fault mr_json_number(mr_json_scan *scan, mr_type *out)
{
    const char *const start = scan->at, *const end = scan->end;
    const char *p = start + (*start == '-');
    const char *digits = p;
    p = skip_digits(p, end);
    if (p == digits) return number_fault(scan, p, MR_JSON_WANTS_DIGIT);
    if (*digits == '0' && p - digits > 1)
        return number_fault(scan, digits + 1, MR_JSON_LEADING_ZERO);
    if (p < end && *p == '.') {
        digits = ++p;
        p = skip_digits(p, end);
        if (p == digits) return number_fault(scan, p, MR_JSON_WANTS_DIGIT);
    }
    if (p < end && (*p | 0x20) == 'e') {
        p++;
        if (p < end && (*p == '+' || *p == '-')) p++;
        digits = p;
        p = skip_digits(p, end);
        if (p == digits) return number_fault(scan, p, MR_JSON_WANTS_DIGIT);
    }
    scan->at = p;
    *out = mr_type_of_number((mr_slice){start, (size_t)(p - start)});
    return MR_JSON_FINE;
}

bool mr_json_is_number(mr_slice text)
{
    if (text.len == 0) return false;
    mr_json_scan scan = {.at = text.ptr, .end = text.ptr + text.len};
    mr_type ignored;
    return mr_json_number(&scan, &ignored) == MR_JSON_FINE && scan.at == scan.end;
}
