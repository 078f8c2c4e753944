/* SPDX-License-Identifier: MIT */
#include "format/encoding.h"

static const struct {
    const char *name;
    const char *alias;
    mr_encoding encoding;
} encodings[] = {
    {"utf-8", "utf8", MR_ENCODING_UTF8},          {"latin1", "iso-8859-1", MR_ENCODING_LATIN1},
    {"utf-16le", "utf16le", MR_ENCODING_UTF16LE}, {"utf-16be", "utf16be", MR_ENCODING_UTF16BE},
    {"binary", "raw", MR_ENCODING_BINARY},
};

mr_code mr_encoding_parse(mr_slice text, mr_encoding *out, mr_error *err)
{
    for (size_t i = 0; i < MR_COUNT_OF(encodings); i++) {
        if (!mr_slice_is(text, encodings[i].name) && !mr_slice_is(text, encodings[i].alias))
            continue;
        *out = encodings[i].encoding;
        return MR_OK;
    }
    return mr_fail(err, MR_ERR_USAGE,
                   "encoding '%.*s' is not known: expected utf-8, latin1, utf-16le, utf-16be or "
                   "binary",
                   MR_SLICE_ARGS(text));
}

const char *mr_encoding_name(mr_encoding encoding)
{
    for (size_t i = 0; i < MR_COUNT_OF(encodings); i++)
        if (encodings[i].encoding == encoding) return encodings[i].name;
    return "utf-8";
}

/* --- byte order marks ------------------------------------------------------------------------- */

/* The longer marks first: FF FE 00 00 begins like UTF-16LE. */
static const struct {
    mr_bom bom;
    size_t len;
    char bytes[MR_BOM_MAX + 1];
} marks[] = {
    {MR_BOM_UTF32, 4, "\xff\xfe\x00\x00"}, {MR_BOM_UTF32, 4, "\x00\x00\xfe\xff"},
    {MR_BOM_UTF8, 3, "\xef\xbb\xbf"},      {MR_BOM_UTF16LE, 2, "\xff\xfe"},
    {MR_BOM_UTF16BE, 2, "\xfe\xff"},
};

mr_bom mr_bom_detect(mr_slice head, bool at_end)
{
    for (size_t i = 0; i < MR_COUNT_OF(marks); i++) {
        const size_t len = head.len < marks[i].len ? head.len : marks[i].len;
        if (len > 0 && memcmp(head.ptr, marks[i].bytes, len) != 0) continue;
        if (len == marks[i].len) return marks[i].bom;
        if (!at_end) return MR_BOM_MORE;
    }
    return MR_BOM_NONE;
}

size_t mr_bom_bytes(mr_bom bom)
{
    for (size_t i = 0; i < MR_COUNT_OF(marks); i++)
        if (marks[i].bom == bom) return marks[i].len;
    return 0;
}

/* --- transcoding ------------------------------------------------------------------------------ */

/* A code point below 0x110000, surrogates included. */
MR_INLINE size_t put_code_point(char *to, uint32_t code)
{
    if (code < 0x80) {
        to[0] = (char)code;
        return 1;
    }
    if (code < 0x800) {
        to[0] = (char)(0xc0 | code >> 6);
        to[1] = (char)(0x80 | (code & 0x3f));
        return 2;
    }
    if (code < 0x10000) {
        to[0] = (char)(0xe0 | code >> 12);
        to[1] = (char)(0x80 | (code >> 6 & 0x3f));
        to[2] = (char)(0x80 | (code & 0x3f));
        return 3;
    }
    to[0] = (char)(0xf0 | code >> 18);
    to[1] = (char)(0x80 | (code >> 12 & 0x3f));
    to[2] = (char)(0x80 | (code >> 6 & 0x3f));
    to[3] = (char)(0x80 | (code & 0x3f));
    return 4;
}

static size_t from_latin1(mr_slice *in, char *to, size_t cap)
{
    const char *at = in->ptr, *const end = in->ptr + in->len;
    char *put = to, *const stop = to + cap - MR_TRANSCODE_OUT_BYTES;
    while (at < end && put <= stop) {
        uint64_t eight;
        if (end - at >= 8) { /* most text is ASCII: eight bytes at once */
            memcpy(&eight, at, 8);
            if ((eight & UINT64_C(0x8080808080808080)) == 0) {
                memcpy(put, &eight, 8);
                at += 8;
                put += 8;
                continue;
            }
        }
        put += put_code_point(put, (unsigned char)*at++);
    }
    *in = mr_slice_from(*in, (size_t)(at - in->ptr));
    return (size_t)(put - to);
}

/* One unit, after what was waiting. At most 3 + 3 bytes. */
MR_INLINE size_t put_unit(mr_transcoder *self, char *to, uint16_t unit)
{
    const bool is_low = (unit & 0xfc00) == 0xdc00;
    size_t made = 0;
    if (self->high != 0) {
        const uint16_t high = self->high;
        self->high = 0;
        if (is_low)
            return put_code_point(to, 0x10000 + ((uint32_t)(high - 0xd800) << 10) +
                                          (uint32_t)(unit - 0xdc00));
        made = put_code_point(to, high);
    }
    if ((unit & 0xfc00) == 0xd800) {
        self->high = unit;
        return made;
    }
    return made + put_code_point(to + made, unit);
}

MR_INLINE uint16_t unit_of(bool big, unsigned char first, unsigned char second)
{
    return (uint16_t)(big ? first << 8 | second : second << 8 | first);
}

MR_INLINE size_t from_utf16(mr_transcoder *self, bool big, mr_slice *in, char *to, size_t cap)
{
    const unsigned char *at = (const unsigned char *)in->ptr, *const end = at + in->len;
    char *put = to, *const stop = to + cap - MR_TRANSCODE_OUT_BYTES;
    if (self->has_odd && at < end) {
        self->has_odd = false;
        put += put_unit(self, put, unit_of(big, self->odd, *at++));
    }
    while (end - at >= 2 && put <= stop) {
        if (self->high == 0 && end - at >= 8) { /* four ASCII characters at once */
            const unsigned other = big ? 0 : 1, own = big ? 1 : 0;
            const unsigned no = at[other] | at[other + 2] | at[other + 4] | at[other + 6];
            const unsigned all = at[own] | at[own + 2] | at[own + 4] | at[own + 6];
            if (no == 0 && all < 0x80) {
                for (int i = 0; i < 4; i++)
                    put[i] = (char)at[own + 2 * (unsigned)i];
                at += 8;
                put += 4;
                continue;
            }
        }
        put += put_unit(self, put, unit_of(big, at[0], at[1]));
        at += 2;
    }
    if (end - at == 1 && put <= stop) {
        self->odd = *at++;
        self->has_odd = true;
    }
    *in = mr_slice_from(*in, (size_t)((const char *)at - in->ptr));
    return (size_t)(put - to);
}

size_t mr_transcode(mr_transcoder *self, mr_slice *in, char *to, size_t cap)
{
    MR_DCHECK(cap >= MR_TRANSCODE_OUT_BYTES);
    if (in->len == 0) return 0;
    switch (self->encoding) {
    case MR_ENCODING_LATIN1: return from_latin1(in, to, cap);
    case MR_ENCODING_UTF16LE: return from_utf16(self, false, in, to, cap);
    case MR_ENCODING_UTF16BE: return from_utf16(self, true, in, to, cap);
    case MR_ENCODING_UTF8:
    case MR_ENCODING_BINARY: break;
    }
    const size_t len = in->len < cap ? in->len : cap;
    memcpy(to, in->ptr, len);
    *in = mr_slice_from(*in, len);
    return len;
}

mr_code mr_transcode_finish(mr_transcoder *self, char *to, size_t *out_got, mr_error *err)
{
    if (self->high != 0) {
        *out_got = put_code_point(to, self->high);
        self->high = 0;
        return MR_OK;
    }
    *out_got = 0;
    if (!self->has_odd) return MR_OK;
    return mr_fail(err, MR_ERR_INPUT, "%s text ends in the middle of a character",
                   mr_encoding_name(self->encoding));
}
