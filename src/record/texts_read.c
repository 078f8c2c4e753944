/* SPDX-License-Identifier: MIT */
#include "record/column.h"
#include "record/numtext.h"
#include "record/texts.h"

#define BLOCK 512u /* integers decoded at a time, on the stack */

static const char *const kind_names[MR_TEXTS_KIND_COUNT] = {
    [MR_TEXTS_CONSTANT] = "constant", [MR_TEXTS_INT] = "int",
    [MR_TEXTS_DECIMAL] = "decimal",   [MR_TEXTS_DECIMALS] = "decimals",
    [MR_TEXTS_DATE] = "date",         [MR_TEXTS_TIMESTAMP] = "timestamp",
    [MR_TEXTS_BOOL] = "bool",         [MR_TEXTS_UUID] = "uuid",
    [MR_TEXTS_DICT] = "dictionary",   [MR_TEXTS_SYMBOLS] = "symbols",
    [MR_TEXTS_PLAIN] = "plain",
};

static const char *prefix_of(const mr_texts *texts)
{
    return (const char *)(texts + 1);
}

static const char *suffix_of(const mr_texts *texts)
{
    return prefix_of(texts) + texts->prefix_len;
}

/* The first inner sequence. */
static const mr_ints *ints_of(const mr_texts *texts)
{
    const size_t affix = mr_align_up((size_t)texts->prefix_len + texts->suffix_len, 8);
    return (const mr_ints *)(const void *)(prefix_of(texts) + affix);
}

static const void *second_of(const mr_texts *texts)
{
    return (const char *)ints_of(texts) + texts->first_bytes;
}

/* The bytes of a plain sequence, or the uuids. */
static const char *bytes_of(const mr_texts *texts)
{
    return (const char *)second_of(texts) + texts->second_bytes;
}

const char *mr_texts_kind_name(const mr_texts *texts)
{
    const bool is_affix = texts->kind == MR_TEXTS_INT &&
                          (texts->prefix_len + texts->suffix_len > 0 || texts->param > 1);
    return is_affix ? "affix" : kind_names[texts->kind];
}

const char *mr_texts_ints_name(const mr_texts *texts)
{
    if (texts->kind == MR_TEXTS_CONSTANT || texts->kind == MR_TEXTS_UUID) return "";
    return mr_ints_kind_name((mr_ints_kind)ints_of(texts)->kind);
}

uint32_t mr_texts_distinct(const mr_texts *texts)
{
    if (texts->kind == MR_TEXTS_DICT) return ((const mr_texts *)second_of(texts))->count;
    if (texts->kind == MR_TEXTS_CONSTANT || texts->kind == MR_TEXTS_UUID ||
        ints_of(texts)->kind != MR_INTS_DICT)
        return 0;
    return (ints_of(texts) + 1)->count;
}

void mr_texts_reader_done(mr_texts_reader *reader)
{
    mr_column_done(&reader->entries);
}

size_t mr_texts_reader_held_bytes(const mr_texts_reader *reader)
{
    return mr_column_held_bytes(&reader->entries);
}

/* Copies short texts as one 16-byte word; both sides have the slack. */
MR_INLINE char *put_bytes(char *to, const char *from, size_t len)
{
    if (MR_LIKELY(len <= 16))
        mr_copy16(to, from);
    else
        memcpy(to, from, len);
    return to + len;
}

/* What a numeric form is written with. */
typedef struct number_writer {
    mr_texts_kind kind;
    uint32_t param;
    mr_day_cache cache;
} number_writer;

MR_INLINE char *put_number(number_writer *writer, char *to, int64_t value, unsigned scale)
{
    switch (writer->kind) {
    case MR_TEXTS_INT: return mr_write_int(to, value, writer->param);
    case MR_TEXTS_DECIMAL: return mr_write_decimal(to, value, writer->param);
    case MR_TEXTS_DECIMALS: return mr_write_decimal(to, value, scale);
    case MR_TEXTS_DATE: return mr_write_date(to, value, &writer->cache);
    case MR_TEXTS_TIMESTAMP: return mr_write_timestamp(to, value, writer->param, &writer->cache);
    case MR_TEXTS_BOOL:
        return put_bytes(to, value ? "true\0___________" : "false\0__________", value ? 4 : 5);
    case MR_TEXTS_CONSTANT:
    case MR_TEXTS_UUID:
    case MR_TEXTS_DICT:
    case MR_TEXTS_SYMBOLS:
    case MR_TEXTS_PLAIN:
    case MR_TEXTS_KIND_COUNT: break;
    }
    return to;
}

static mr_code read_numbers(const mr_texts *texts, uint32_t first, uint32_t count, mr_column *out,
                            uint32_t row, mr_error *err)
{
    number_writer writer = {(mr_texts_kind)texts->kind, texts->param, {0}};
    const char *prefix = prefix_of(texts), *suffix = suffix_of(texts);
    const size_t prefix_len = texts->prefix_len, suffix_len = texts->suffix_len;
    const size_t most = prefix_len + MR_NUMTEXT_MAX + suffix_len;
    int64_t values[BLOCK], scales[BLOCK];
    const bool scaled = writer.kind == MR_TEXTS_DECIMALS;
    MR_DCHECK(scaled == (texts->second_bytes > 0));
    for (uint32_t done = 0; done < count; done += BLOCK) {
        const uint32_t some = count - done < BLOCK ? count - done : BLOCK;
        mr_ints_read(ints_of(texts), first + done, some, values);
        if (scaled) mr_ints_read(second_of(texts), first + done, some, scales);
        MR_TRY(mr_buffer_reserve(&out->data, some * most, err));
        char *base = out->data.ptr, *to = base + out->data.len;
        uint32_t *ends = out->offsets + row + done + 1;
        for (uint32_t i = 0; i < some; i++) {
            if (prefix_len > 0) to = put_bytes(to, prefix, prefix_len);
            const unsigned scale = scaled ? (unsigned)scales[i] : 0;
            to = put_number(&writer, to, values[i], scale);
            if (suffix_len > 0) to = put_bytes(to, suffix, suffix_len);
            ends[i] = (uint32_t)(to - base);
        }
        out->data.len = (size_t)(to - base);
    }
    return MR_OK;
}

static mr_code read_uuids(const mr_texts *texts, uint32_t first, uint32_t count, mr_column *out,
                          uint32_t row, mr_error *err)
{
    const uint8_t *bytes = (const uint8_t *)bytes_of(texts) + (size_t)first * 16;
    MR_TRY(mr_buffer_reserve(&out->data, (size_t)count * 36, err));
    for (uint32_t i = 0; i < count; i++) {
        mr_write_uuid(out->data.ptr + out->data.len, bytes + (size_t)i * 16);
        out->data.len += 36;
        out->offsets[row + i + 1] = (uint32_t)out->data.len;
    }
    return MR_OK;
}

static mr_code read_constants(const mr_texts *texts, uint32_t count, mr_column *out, uint32_t row,
                              mr_error *err)
{
    const size_t len = texts->prefix_len;
    MR_TRY(mr_buffer_reserve(&out->data, (size_t)count * len, err));
    for (uint32_t i = 0; i < count; i++) {
        memcpy(out->data.ptr + out->data.len, prefix_of(texts), len);
        out->data.len += len;
        out->offsets[row + i + 1] = (uint32_t)out->data.len;
    }
    return MR_OK;
}

/* A block of plain texts whose ends are known; one copy when they share nothing. */
static mr_code put_plain(const mr_texts *texts, const int64_t *offsets, uint32_t count,
                         mr_column *out, uint32_t row, mr_error *err)
{
    const char *from = bytes_of(texts) + offsets[0];
    const size_t total = (size_t)(offsets[count] - offsets[0]);
    const size_t affix = texts->prefix_len + texts->suffix_len;
    MR_TRY(mr_buffer_reserve(&out->data, total + affix * count, err));
    char *base = out->data.ptr, *to = base + out->data.len;
    if (affix == 0) memcpy(to, from, total);
    for (uint32_t i = 0; i < count; i++) {
        const size_t len = (size_t)(offsets[i + 1] - offsets[i]);
        if (affix > 0) {
            memcpy(to, prefix_of(texts), texts->prefix_len);
            memcpy(to + texts->prefix_len, from, len);
            memcpy(to + texts->prefix_len + len, suffix_of(texts), texts->suffix_len);
        }
        from += len;
        to += len + affix;
        out->offsets[row + i + 1] = (uint32_t)(to - base);
    }
    out->data.len = (size_t)(to - base);
    return MR_OK;
}

/* The same for texts coded by symbols. */
static mr_code put_symbols(const mr_texts *texts, const int64_t *offsets, uint32_t count,
                           mr_column *out, uint32_t row, mr_error *err)
{
    const mr_symbols *symbols = second_of(texts);
    const char *from = bytes_of(texts) + offsets[0];
    const size_t coded = (size_t)(offsets[count] - offsets[0]);
    const size_t affix = texts->prefix_len + texts->suffix_len;
    MR_TRY(mr_buffer_reserve(&out->data, coded * 8 + affix * count, err));
    char *base = out->data.ptr, *to = base + out->data.len;
    for (uint32_t i = 0; i < count; i++) {
        const size_t len = (size_t)(offsets[i + 1] - offsets[i]);
        memcpy(to, prefix_of(texts), texts->prefix_len);
        to = mr_symbols_decode(symbols, (mr_slice){from, len}, to + texts->prefix_len);
        memcpy(to, suffix_of(texts), texts->suffix_len);
        from += len;
        to += texts->suffix_len;
        out->offsets[row + i + 1] = (uint32_t)(to - base);
    }
    out->data.len = (size_t)(to - base);
    return MR_OK;
}

static mr_code read_plain(const mr_texts *texts, uint32_t first, uint32_t count, mr_column *out,
                          uint32_t row, mr_error *err)
{
    int64_t offsets[BLOCK + 1];
    for (uint32_t done = 0; done < count; done += BLOCK) {
        const uint32_t some = count - done < BLOCK ? count - done : BLOCK;
        mr_ints_read(ints_of(texts), first + done, some + 1, offsets);
        MR_TRY(texts->kind == MR_TEXTS_PLAIN
                   ? put_plain(texts, offsets, some, out, row + done, err)
                   : put_symbols(texts, offsets, some, out, row + done, err));
    }
    return MR_OK;
}

/* Copies the entries that `codes` name. */
static mr_code put_entries(const mr_column *entries, uint32_t longest, const int64_t *codes,
                           uint32_t count, mr_column *out, uint32_t row, mr_error *err)
{
    const uint32_t *offsets = entries->offsets;
    size_t total = 0;
    if (longest > 16)
        for (uint32_t i = 0; i < count; i++)
            total += offsets[codes[i] + 1] - offsets[codes[i]];
    MR_TRY(mr_buffer_reserve(&out->data, longest > 16 ? total : (size_t)count * 16, err));
    char *base = out->data.ptr, *to = base + out->data.len;
    for (uint32_t i = 0; i < count; i++) {
        const uint32_t start = offsets[codes[i]];
        to = put_bytes(to, entries->data.ptr + start, offsets[codes[i] + 1] - start);
        out->offsets[row + i + 1] = (uint32_t)(to - base);
    }
    out->data.len = (size_t)(to - base);
    return MR_OK;
}

static mr_code read_by_get(const mr_texts *entries, const int64_t *codes, uint32_t count,
                           mr_texts_reader *reader, mr_column *out, uint32_t row, mr_error *err)
{
    for (uint32_t i = 0; i < count; i++) {
        mr_slice text = {0};
        MR_TRY(mr_texts_get(entries, (uint32_t)codes[i], &reader->entries.data, &text, err));
        MR_TRY(mr_buffer_append(&out->data, text, err));
        out->offsets[row + i + 1] = (uint32_t)out->data.len;
    }
    return MR_OK;
}

/* Reads the whole dictionary first, unless fewer texts than entries are wanted. */
static mr_code read_dict(const mr_texts *texts, uint32_t first, uint32_t count,
                         mr_texts_reader *reader, mr_column *out, uint32_t row, mr_error *err)
{
    const mr_texts *entries = second_of(texts);
    const bool in_bulk = entries->count <= count;
    MR_TRY(mr_column_reserve_rows(&reader->entries, entries->count, err));
    mr_buffer_reset(&reader->entries.data);
    if (in_bulk)
        MR_TRY(mr_texts_read(entries, 0, entries->count, reader, &reader->entries, 0, err));
    int64_t codes[BLOCK];
    for (uint32_t done = 0; done < count; done += BLOCK) {
        const uint32_t some = count - done < BLOCK ? count - done : BLOCK;
        mr_ints_read(ints_of(texts), first + done, some, codes);
        if (in_bulk)
            MR_TRY(
                put_entries(&reader->entries, texts->longest, codes, some, out, row + done, err));
        else
            MR_TRY(read_by_get(entries, codes, some, reader, out, row + done, err));
    }
    return MR_OK;
}

mr_code mr_texts_read(const mr_texts *texts, uint32_t first, uint32_t count,
                      mr_texts_reader *reader, mr_column *out, uint32_t row, mr_error *err)
{
    MR_DCHECK(first <= texts->count && count <= texts->count - first);
    switch ((mr_texts_kind)texts->kind) {
    case MR_TEXTS_CONSTANT: return read_constants(texts, count, out, row, err);
    case MR_TEXTS_INT:
    case MR_TEXTS_DECIMAL:
    case MR_TEXTS_DECIMALS:
    case MR_TEXTS_DATE:
    case MR_TEXTS_TIMESTAMP:
    case MR_TEXTS_BOOL: return read_numbers(texts, first, count, out, row, err);
    case MR_TEXTS_UUID: return read_uuids(texts, first, count, out, row, err);
    case MR_TEXTS_DICT: return read_dict(texts, first, count, reader, out, row, err);
    case MR_TEXTS_SYMBOLS:
    case MR_TEXTS_PLAIN: return read_plain(texts, first, count, out, row, err);
    case MR_TEXTS_KIND_COUNT: break;
    }
    return MR_OK;
}

/* A numeric text or uuid into `scratch`. */
static mr_code get_written(const mr_texts *texts, uint32_t index, mr_buffer *scratch, mr_slice *out,
                           mr_error *err)
{
    number_writer writer = {(mr_texts_kind)texts->kind, texts->param, {0}};
    mr_buffer_reset(scratch);
    MR_TRY(mr_buffer_reserve(scratch, texts->prefix_len + MR_NUMTEXT_MAX + texts->suffix_len, err));
    char *to = put_bytes(scratch->ptr, prefix_of(texts), texts->prefix_len);
    if (writer.kind == MR_TEXTS_UUID) {
        to = mr_write_uuid(to, (const uint8_t *)bytes_of(texts) + (size_t)index * 16);
    } else {
        const bool is_scaled = writer.kind == MR_TEXTS_DECIMALS;
        const unsigned scale = is_scaled ? (unsigned)mr_ints_get(second_of(texts), index) : 0;
        to = put_number(&writer, to, mr_ints_get(ints_of(texts), index), scale);
    }
    to = put_bytes(to, suffix_of(texts), texts->suffix_len);
    scratch->len = (size_t)(to - scratch->ptr);
    *out = mr_buffer_slice(scratch);
    return MR_OK;
}

static mr_code get_plain(const mr_texts *texts, uint32_t index, mr_buffer *scratch, mr_slice *out,
                         mr_error *err)
{
    const size_t start = (size_t)mr_ints_get(ints_of(texts), index);
    const size_t end = (size_t)mr_ints_get(ints_of(texts), index + 1);
    const mr_slice middle = {bytes_of(texts) + start, end - start};
    if (texts->prefix_len + texts->suffix_len == 0) {
        *out = middle;
        return MR_OK;
    }
    mr_buffer_reset(scratch);
    MR_TRY(mr_buffer_append(scratch, (mr_slice){prefix_of(texts), texts->prefix_len}, err));
    MR_TRY(mr_buffer_append(scratch, middle, err));
    MR_TRY(mr_buffer_append(scratch, (mr_slice){suffix_of(texts), texts->suffix_len}, err));
    *out = mr_buffer_slice(scratch);
    return MR_OK;
}

static mr_code get_symbols(const mr_texts *texts, uint32_t index, mr_buffer *scratch, mr_slice *out,
                           mr_error *err)
{
    const size_t start = (size_t)mr_ints_get(ints_of(texts), index);
    const size_t len = (size_t)mr_ints_get(ints_of(texts), index + 1) - start;
    mr_buffer_reset(scratch);
    MR_TRY(mr_buffer_append(scratch, (mr_slice){prefix_of(texts), texts->prefix_len}, err));
    MR_TRY(mr_buffer_reserve(scratch, len * 8, err));
    char *to = scratch->ptr + scratch->len;
    to = mr_symbols_decode(second_of(texts), (mr_slice){bytes_of(texts) + start, len}, to);
    scratch->len = (size_t)(to - scratch->ptr);
    MR_TRY(mr_buffer_append(scratch, (mr_slice){suffix_of(texts), texts->suffix_len}, err));
    *out = mr_buffer_slice(scratch);
    return MR_OK;
}

mr_code mr_texts_get(const mr_texts *texts, uint32_t index, mr_buffer *scratch, mr_slice *out,
                     mr_error *err)
{
    MR_DCHECK(index < texts->count);
    switch ((mr_texts_kind)texts->kind) {
    case MR_TEXTS_CONSTANT: *out = (mr_slice){prefix_of(texts), texts->prefix_len}; return MR_OK;
    case MR_TEXTS_SYMBOLS: return get_symbols(texts, index, scratch, out, err);
    case MR_TEXTS_PLAIN: return get_plain(texts, index, scratch, out, err);
    case MR_TEXTS_DICT: /* its entries are no dictionary: one level of recursion */
        return mr_texts_get(second_of(texts), (uint32_t)mr_ints_get(ints_of(texts), index), scratch,
                            out, err);
    case MR_TEXTS_INT:
    case MR_TEXTS_DECIMAL:
    case MR_TEXTS_DECIMALS:
    case MR_TEXTS_DATE:
    case MR_TEXTS_TIMESTAMP:
    case MR_TEXTS_BOOL:
    case MR_TEXTS_UUID: return get_written(texts, index, scratch, out, err);
    case MR_TEXTS_KIND_COUNT: break;
    }
    return MR_OK;
}
