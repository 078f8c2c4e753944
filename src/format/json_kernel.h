/* SPDX-License-Identifier: MIT
 *
 * format/json_kernel.h - reading one JSON value; included by json_base.c, json_scalar.c and
 * json_avx2.c.
 *
 * The text is walked once, a token at a time, and a token is found by one look at 32 bytes: where a
 * string's plain text stops, how many digits there are, whether the key is the expected one. Tokens
 * may run over the end of the bytes into the padding, whose contents mean nothing; so every token
 * begins with a check that it begins before the end, and what seems wrong at or behind the end is
 * MR_JSON_ENDS. No token is accepted before its last byte is known to be in front of the end.
 *
 * Thread: pure functions over the reader given. */
#ifndef MR_FORMAT_JSON_KERNEL_H
#define MR_FORMAT_JSON_KERNEL_H

#include "core/simd.h"
#include "format/json_internal.h"

/* Ends a function with a fault at `place`. */
MR_INLINE mr_json_fault stop_at(mr_json_scan *scan, const char *place, mr_json_fault fault)
{
    scan->at = place;
    return place >= scan->end ? MR_JSON_ENDS : fault;
}

/* The first byte from `p` on that is no white space; an LF is none when it ends the value. */
MR_INLINE const char *skip_space(mr_json_scan *scan, const char *p)
{
    while (p < scan->end && (unsigned char)*p <= 0x20) {
        if (*p == '\n') {
            if (scan->one_line) break;
            scan->line_count++;
        } else if (*p != ' ' && *p != '\t' && *p != '\r') {
            break;
        }
        p++;
    }
    return p;
}

/* What is wrong when `p` is not what it must be. */
MR_INLINE mr_json_fault unexpected(mr_json_scan *scan, const char *p, mr_json_fault fault)
{
    return stop_at(scan, p, scan->one_line && *p == '\n' ? MR_JSON_LINE_ENDS : fault);
}

/* Moves scan->at from behind a string's opening quote to its closing one. */
MR_INLINE mr_json_fault find_quote(mr_json_scan *scan, const char *p, bool *escaped)
{
    for (;;) {
        const uint32_t stops = mr_v32_stops(mr_v32_load(p), '"', '\\');
        p += stops != 0 ? mr_ctz32(stops) : 32;
        if (MR_UNLIKELY(p >= scan->end)) return stop_at(scan, p, MR_JSON_ENDS);
        if (MR_UNLIKELY(stops == 0)) continue;
        if (MR_LIKELY(*p == '"')) break;
        if (*p != '\\') return unexpected(scan, p, MR_JSON_CONTROL_CHARACTER);
        scan->at = p;
        const mr_json_fault fault = mr_json_escape(scan);
        if (fault != MR_JSON_FINE) return fault;
        *escaped = true;
        p = scan->at;
        if (p >= scan->end) return MR_JSON_ENDS;
    }
    scan->at = p;
    return MR_JSON_FINE;
}

/* The string whose opening quote is at `p`. */
MR_INLINE mr_json_fault read_string(struct mr_json_reader *reader, mr_json_scan *scan,
                                    const char *p, mr_json_slot *slot)
{
    bool escaped = false;
    const mr_json_fault fault = find_quote(scan, ++p, &escaped);
    if (MR_UNLIKELY(fault != MR_JSON_FINE)) return fault;
    const mr_slice raw = {p, (size_t)(scan->at - p)};
    scan->at++;
    if (MR_UNLIKELY(escaped))
        return mr_json_unescape(reader, raw, slot) == MR_OK ? MR_JSON_FINE : MR_JSON_FAILED;
    slot->ptr = p;
    slot->len = (uint32_t)raw.len;
    slot->type = MR_TYPE_STRING;
    slot->in_scratch = false;
    return MR_JSON_FINE;
}

/* The number at `p`. Its digits are bits of one mask; exponents and more than 31 bytes are rare. */
MR_INLINE mr_json_fault read_number(mr_json_scan *scan, const char *p, mr_json_slot *slot)
{
    slot->ptr = p;
    slot->in_scratch = false;
    const bool negative = *p == '-';
    const char *digits = p + negative;
    const uint64_t others = ~(uint64_t)mr_v32_between(mr_v32_load(digits), '0', '9');
    const unsigned whole = mr_ctz64(others);
    unsigned len = whole;
    mr_type type = MR_TYPE_INT;
    if (digits[whole] == '.' && whole < 31) {
        len = whole + 1 + mr_ctz64(others >> (whole + 1));
        type = MR_TYPE_DECIMAL;
    }
    const char *end = digits + len;
    const bool odd = len >= 32 || whole == 0 || end[-1] == '.' || (*end | 0x20) == 'e' ||
                     (*digits == '0' && whole > 1);
    if (MR_UNLIKELY(odd || (negative && *digits == '0') || (type == MR_TYPE_INT && whole > 18))) {
        scan->at = p;
        mr_type slow;
        const mr_json_fault fault = mr_json_number(scan, &slow);
        if (fault != MR_JSON_FINE) return fault;
        end = scan->at;
        type = slow;
    }
    scan->at = end;
    slot->len = (uint32_t)(end - p);
    slot->type = (uint8_t)type;
    return MR_JSON_FINE;
}

MR_INLINE mr_json_fault read_literal(mr_json_scan *scan, const char *p, const char *text,
                                     mr_type type, mr_json_slot *slot)
{
    const size_t len = strlen(text);
    if (MR_UNLIKELY(memcmp(p, text, len) != 0)) {
        while (*p == *text)
            p++, text++;
        return unexpected(scan, p, MR_JSON_BAD_LITERAL);
    }
    slot->ptr = p;
    slot->len = type == MR_TYPE_NULL ? 0 : (uint32_t)len;
    slot->type = (uint8_t)type;
    slot->in_scratch = false;
    return scan->at = p + len, MR_JSON_FINE;
}

/* A value at `p`, before the end, that is no container. */
MR_INLINE mr_json_fault read_scalar(struct mr_json_reader *reader, mr_json_scan *scan,
                                    const char *p, mr_json_slot *slot)
{
    if (*p == '"') return read_string(reader, scan, p, slot);
    if ((unsigned char)(*p - '0') < 10 || *p == '-') return read_number(scan, p, slot);
    if (*p == 't') return read_literal(scan, p, "true", MR_TYPE_BOOL, slot);
    if (*p == 'f') return read_literal(scan, p, "false", MR_TYPE_BOOL, slot);
    if (*p == 'n') return read_literal(scan, p, "null", MR_TYPE_NULL, slot);
    return unexpected(scan, p, MR_JSON_WANTS_VALUE);
}

/* --- containers inside a record: checked, and compacted only if they are not yet --- */

/* As skip_space(), for text that should have none. */
MR_INLINE const char *skip_odd_space(mr_json_scan *scan, const char *p, bool *odd)
{
    if (MR_LIKELY((unsigned char)*p > 0x20)) return p;
    *odd = true;
    return skip_space(scan, p);
}

/* The key at `p` and its colon. Leaves scan->at behind the colon. */
MR_INLINE mr_json_fault skip_key(mr_json_scan *scan, const char *p, mr_json_fault otherwise,
                                 bool *odd)
{
    if (p >= scan->end) return stop_at(scan, p, MR_JSON_ENDS);
    if (*p != '"') return unexpected(scan, p, otherwise);
    const mr_json_fault fault = find_quote(scan, p + 1, odd);
    if (fault != MR_JSON_FINE) return fault;
    p = skip_odd_space(scan, scan->at + 1, odd);
    if (p >= scan->end || *p != ':') return unexpected(scan, p, MR_JSON_WANTS_COLON);
    scan->at = p + 1;
    return MR_JSON_FINE;
}

/* One more level down, at the container at `p`: leaves scan->at at its end when it is empty, else
 * before its first value. */
MR_INLINE mr_json_fault enter(struct mr_json_reader *reader, mr_json_scan *scan, const char *p,
                              uint32_t *depth, bool *odd, bool *empty)
{
    if (*depth >= reader->options.limits.max_depth) return stop_at(scan, p, MR_JSON_TOO_DEEP);
    const bool object = *p == '{';
    uint64_t *word = &reader->nest[*depth / 64];
    const uint64_t bit = (uint64_t)1 << *depth % 64;
    *word = object ? *word | bit : *word & ~bit;
    ++*depth;
    p = skip_odd_space(scan, p + 1, odd);
    scan->at = p;
    if (p >= scan->end) return MR_JSON_ENDS;
    *empty = *p == (object ? '}' : ']');
    if (*empty || !object) return MR_JSON_FINE;
    return skip_key(scan, p, MR_JSON_WANTS_KEY_OR_END, odd);
}

/* Behind a value: leaves the containers that end here and passes the comma (and key) before the
 * next value. *more is false when the container at `floor` has ended. */
MR_INLINE mr_json_fault leave(struct mr_json_reader *reader, mr_json_scan *scan, uint32_t floor,
                              uint32_t *depth, bool *odd, bool *more)
{
    const char *p = scan->at;
    for (; *depth > floor; p++) {
        const uint32_t top = *depth - 1;
        const bool object = (reader->nest[top / 64] >> top % 64 & 1) != 0;
        p = skip_odd_space(scan, p, odd);
        if (p >= scan->end) return stop_at(scan, p, MR_JSON_ENDS);
        if (*p == ',') {
            p = skip_odd_space(scan, p + 1, odd);
            scan->at = p;
            return object ? skip_key(scan, p, MR_JSON_WANTS_KEY, odd) : MR_JSON_FINE;
        }
        if (*p != (object ? '}' : ']'))
            return unexpected(
                scan, p, object ? MR_JSON_WANTS_COMMA_IN_OBJECT : MR_JSON_WANTS_COMMA_IN_ARRAY);
        --*depth;
    }
    scan->at = p;
    *more = false;
    return MR_JSON_FINE;
}

/* The value at scan->at, `depth` levels down: a container's brackets are kept on a stack of bits.
 */
static mr_json_fault skip_container(struct mr_json_reader *reader, mr_json_scan *scan,
                                    uint32_t depth, bool *odd)
{
    const uint32_t floor = depth;
    bool more = true;
    mr_json_slot ignored;
    while (more) {
        const char *p = skip_odd_space(scan, scan->at, odd);
        if (p >= scan->end) return stop_at(scan, p, MR_JSON_ENDS);
        mr_json_fault fault;
        bool empty = true;
        if (*p == '{' || *p == '[') {
            fault = enter(reader, scan, p, &depth, odd, &empty);
        } else if (*p == '"') {
            fault = find_quote(scan, p + 1, odd);
            scan->at += fault == MR_JSON_FINE;
        } else {
            fault = read_scalar(reader, scan, p, &ignored);
        }
        if (fault == MR_JSON_FINE && empty) fault = leave(reader, scan, floor, &depth, odd, &more);
        if (fault != MR_JSON_FINE) return fault;
    }
    return MR_JSON_FINE;
}

/* The container at `p`, in a record's field (depth 1) or instead of a record (depth 0). */
static mr_json_fault read_container(struct mr_json_reader *reader, mr_json_scan *scan,
                                    const char *p, uint32_t depth, mr_json_slot *slot)
{
    bool odd = false;
    scan->at = p;
    const mr_json_fault fault = skip_container(reader, scan, depth, &odd);
    if (fault != MR_JSON_FINE) return fault;
    slot->ptr = p;
    slot->len = (uint32_t)(scan->at - p);
    slot->type = MR_TYPE_JSON;
    slot->in_scratch = false;
    if (!odd) return MR_JSON_FINE;
    const mr_slice raw = {p, (size_t)(scan->at - p)};
    return mr_json_compact(reader, raw, slot) == MR_OK ? MR_JSON_FINE : MR_JSON_FAILED;
}

/* --- records --- */

/* The key at `p` is not the expected one, or is written in an odd way: reads it, finds or makes its
 * slot and leaves scan->at behind the colon. */
static mr_json_fault read_odd_key(struct mr_json_reader *reader, mr_json_scan *scan, const char *p,
                                  uint32_t *last, mr_json_slot **slot, mr_json_fault otherwise)
{
    if (*p != '"') return unexpected(scan, p, otherwise);
    bool escaped = false;
    mr_json_fault fault = find_quote(scan, p + 1, &escaped);
    if (fault != MR_JSON_FINE) return fault;
    mr_slice name = {p + 1, (size_t)(scan->at - p - 1)};
    if (escaped) {
        if (mr_json_unescape_key(reader, name) != MR_OK) return MR_JSON_FAILED;
        name = mr_buffer_slice(&reader->name);
    }
    const char *colon = skip_space(scan, scan->at + 1);
    if (colon >= scan->end || *colon != ':') return unexpected(scan, colon, MR_JSON_WANTS_COLON);
    uint32_t number;
    *slot = mr_json_field(reader, name, p, &number);
    if (*slot == NULL) return MR_JSON_FAILED;
    if (number != MR_JSON_NO_KEY) {
        mr_json_keys_learn(&reader->parsed.keys, *last, number);
        *last = number;
    }
    scan->at = colon + 1;
    return MR_JSON_FINE;
}

/* The key at `p`, which is the one that came here in the last record nearly always. */
MR_INLINE mr_json_fault read_key(struct mr_json_reader *reader, mr_json_scan *scan, const char *p,
                                 uint32_t *last, mr_json_slot **slot, mr_json_fault otherwise)
{
    mr_json_fields *fields = &reader->parsed;
    const uint32_t guess = mr_json_keys_guess(&fields->keys, *last);
    if (MR_LIKELY(guess < fields->keys.count)) {
        const mr_json_named_key *key = &fields->keys.items[guess];
        const uint32_t same = mr_v32_same(mr_v32_load(p), mr_v32_load(key->piece));
        if (MR_LIKELY((~same & key->piece_mask) == 0 && key->piece_mask != 0)) {
            *slot = &fields->slots[guess];
            *last = guess;
            scan->at = p + key->piece_len;
            if (MR_UNLIKELY((*slot)->serial == reader->serial)) {
                *slot = mr_json_field_again(reader, guess, p);
                return MR_JSON_FINE;
            }
            (*slot)->serial = reader->serial;
            fields->order[fields->count++] = guess;
            return MR_JSON_FINE;
        }
    }
    return read_odd_key(reader, scan, p, last, slot, otherwise);
}

/* A field's value, before or at `p`. */
MR_INLINE mr_json_fault read_field(struct mr_json_reader *reader, mr_json_scan *scan, const char *p,
                                   mr_json_slot *slot)
{
    if (MR_UNLIKELY((unsigned char)*p <= 0x20)) p = skip_space(scan, p);
    if (MR_UNLIKELY(p >= scan->end)) return stop_at(scan, p, MR_JSON_ENDS);
    if (MR_LIKELY(*p != '{' && *p != '[')) return read_scalar(reader, scan, p, slot);
    reader->nested_objects |= *p == '{';
    return read_container(reader, scan, p, 1, slot);
}

static mr_json_fault MR_SIMD_FN(read_object)(struct mr_json_reader *reader, mr_json_scan *scan)
{
    uint32_t last = MR_JSON_NO_KEY;
    mr_json_fault otherwise = MR_JSON_WANTS_KEY_OR_END;
    const char *p = skip_space(scan, scan->at + 1);
    if (p < scan->end && *p == '}') return scan->at = p + 1, MR_JSON_FINE;
    for (;;) {
        if (MR_UNLIKELY(p >= scan->end)) return stop_at(scan, p, MR_JSON_ENDS);
        mr_json_slot *slot = &reader->spare;
        mr_json_fault fault = read_key(reader, scan, p, &last, &slot, otherwise);
        if (MR_UNLIKELY(fault != MR_JSON_FINE)) return fault;
        fault = read_field(reader, scan, scan->at, slot);
        if (MR_UNLIKELY(fault != MR_JSON_FINE)) return fault;
        p = scan->at;
        if (MR_UNLIKELY((unsigned char)*p <= 0x20)) p = skip_space(scan, p);
        if (MR_UNLIKELY(p >= scan->end)) return stop_at(scan, p, MR_JSON_ENDS);
        if (*p != ',') break;
        otherwise = MR_JSON_WANTS_KEY;
        if (MR_UNLIKELY((unsigned char)*++p <= 0x20)) p = skip_space(scan, p);
    }
    if (*p != '}') return unexpected(scan, p, MR_JSON_WANTS_COMMA_IN_OBJECT);
    scan->at = p + 1;
    return MR_JSON_FINE;
}

/* A value in a record's place. A number may be the last thing in the bytes: it is read within them.
 */
static mr_json_fault MR_SIMD_FN(read_value)(struct mr_json_reader *reader, mr_json_scan *scan,
                                            mr_json_slot *slot)
{
    const char *p = scan->at;
    if (*p == '{' || *p == '[') return read_container(reader, scan, p, 0, slot);
    if ((unsigned char)(*p - '0') >= 10 && *p != '-') {
        const mr_json_fault fault = read_scalar(reader, scan, p, slot);
        return fault == MR_JSON_FINE && scan->at > scan->end ? MR_JSON_ENDS : fault;
    }
    mr_type type;
    const mr_json_fault fault = mr_json_number(scan, &type);
    *slot = (mr_json_slot){
        .ptr = p, .len = (uint32_t)(scan->at - p), .type = (uint8_t)type, .serial = slot->serial};
    return fault;
}

/* --- writing --- */

static unsigned MR_SIMD_FN(look)(const char *text, size_t len)
{
    uint64_t escapes = 0, high = 0;
    size_t at = 0;
    for (; at < len; at += 64) {
        const mr_v64 v = mr_v64_load(text + at);
        const uint64_t inside = len - at >= 64 ? UINT64_MAX : ((uint64_t)1 << (len - at)) - 1;
        escapes |= (mr_v64_eq(v, '"') | mr_v64_eq(v, '\\') | mr_v64_below(v, 0x20)) & inside;
        high |= mr_v64_high(v) & inside;
    }
    return (escapes != 0 ? MR_JSON_TEXT_ESCAPES : 0u) | (high != 0 ? MR_JSON_TEXT_HIGH : 0u);
}

static size_t MR_SIMD_FN(plain_run)(const char *text, size_t len)
{
    for (size_t at = 0; at < len; at += 32) {
        const uint32_t stops = mr_v32_stops(mr_v32_load(text + at), '"', '\\');
        if (stops == 0) continue;
        at += mr_ctz32(stops);
        return at < len ? at : len;
    }
    return len;
}

const mr_json_kernels MR_SIMD_FN(mr_json_kernels) = {
    .object = MR_SIMD_FN(read_object),
    .value = MR_SIMD_FN(read_value),
    .look = MR_SIMD_FN(look),
    .plain_run = MR_SIMD_FN(plain_run),
};

#endif
