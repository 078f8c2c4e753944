/* SPDX-License-Identifier: MIT
 *
 * Sealing texts. A look at a few texts says which numeric forms may fit; a form is then parsed
 * strictly over all texts, which proves that it reads back. Numeric forms of at most 64 bits always
 * win where they fit; otherwise the candidates are sealed one after the other and the smaller one
 * stays. */
#include "core/mem.h"
#include "record/numtext.h"
#include "record/texts.h"

#define PROBES        24u
#define SYMBOLS_RATIO 0.85 /* of a sample, at most, or symbols are not worth their time */
#define SYMBOLS_BEST  4u   /* they hardly shrink texts more than to this part */

void mr_texts_encoder_done(mr_texts_encoder *encoder)
{
    mr_ints_planner_done(&encoder->ints);
    mr_dict_done(&encoder->dict);
    mr_symbol_learner_close(encoder->symbols);
    mr_mem_free(encoder->scales);
    memset(encoder, 0, sizeof *encoder);
}

size_t mr_texts_encoder_held_bytes(const mr_texts_encoder *encoder)
{
    return mr_ints_planner_held_bytes(&encoder->ints) + mr_dict_held_bytes(&encoder->dict) +
           mr_symbol_learner_held_bytes(encoder->symbols) + mr_mem_usable(encoder->scales);
}

/* The texts being sealed, their shape and where the result goes. */
typedef struct job {
    mr_texts_encoder *encoder;
    mr_texts_source source;
    uint32_t shortest, longest;
    uint32_t prefix_len, suffix_len; /* what all texts share; they do not overlap */
    bool is_inner;                   /* the entries of a dictionary: no further dictionary */
    mr_buffer *out;
    mr_error *err;
} job;

static mr_slice text_at(const job *j, uint32_t index)
{
    return mr_texts_source_at(&j->source, index);
}

/* Text `index` without what all share. */
MR_INLINE mr_slice middle_at(const job *j, const mr_texts *head, uint32_t index)
{
    const mr_slice text = text_at(j, index);
    return (mr_slice){text.ptr + head->prefix_len, text.len - head->prefix_len - head->suffix_len};
}

/* --- the parts of a sealed sequence, appended one after the other --- */

static mr_code append_padding(mr_buffer *out, mr_error *err)
{
    const size_t padding = mr_align_up(out->len, 8) - out->len;
    return mr_buffer_append(out, (mr_slice){"\0\0\0\0\0\0\0", padding}, err);
}

/* Head, prefix and suffix; *out_at tells where the head lies, to be completed by end_texts(). */
static mr_code begin_texts(const job *j, const mr_texts *head, size_t *out_at)
{
    const mr_slice first = text_at(j, 0);
    *out_at = j->out->len;
    MR_TRY(mr_buffer_append(j->out, (mr_slice){(const char *)head, sizeof *head}, j->err));
    MR_TRY(mr_buffer_append(j->out, (mr_slice){first.ptr, head->prefix_len}, j->err));
    MR_TRY(mr_buffer_append(
        j->out, (mr_slice){first.ptr + first.len - head->suffix_len, head->suffix_len}, j->err));
    return append_padding(j->out, j->err);
}

static void end_texts(const job *j, const mr_texts *head, size_t at)
{
    memcpy(j->out->ptr + at, head, sizeof *head);
}

/* Appends the first `count` values of the planner, sealed; *out_bytes is their size. */
static mr_code append_ints(const job *j, uint32_t count, mr_ints_effort effort, uint32_t *out_bytes)
{
    const size_t bytes = mr_ints_plan(&j->encoder->ints, count, effort);
    MR_TRY(mr_buffer_reserve(j->out, bytes + MR_BITPACK_SLACK, j->err));
    memset(j->out->ptr + j->out->len + bytes - 8, 0, 8); /* the padding */
    mr_ints_write(&j->encoder->ints, (uint8_t *)j->out->ptr + j->out->len);
    j->out->len += bytes;
    *out_bytes = (uint32_t)bytes;
    return MR_OK;
}

static mr_texts head_of(const job *j, mr_texts_kind kind)
{
    return (mr_texts){.kind = (uint8_t)kind, .count = j->source.count, .longest = j->longest};
}

/* Appends a sequence whose middles are the planner's values. */
static mr_code append_numbers(const job *j, mr_texts *head)
{
    size_t at;
    MR_TRY(begin_texts(j, head, &at));
    MR_TRY(append_ints(j, j->source.count, MR_INTS_ALL, &head->first_bytes));
    end_texts(j, head, at);
    return MR_OK;
}

/* --- numeric forms: each fills the planner's values and says whether all texts fit --- */

static bool parse_ints(const job *j, mr_texts *head)
{
    int64_t *values = j->encoder->ints.values;
    size_t shortest = SIZE_MAX, padded_least = SIZE_MAX, padded_most = 0;
    for (uint32_t i = 0; i < j->source.count; i++) {
        const mr_slice text = middle_at(j, head, i);
        bool padded;
        if (!mr_parse_int(text, &values[i], &padded)) return false;
        if (padded) {
            padded_least = text.len < padded_least ? text.len : padded_least;
            padded_most = text.len > padded_most ? text.len : padded_most;
        }
        if (values[i] >= 0 && text.len < shortest) shortest = text.len;
    }
    head->param = padded_most > 0 ? (uint32_t)padded_most : 1;
    /* Zeros are written up to the least width, so only texts of that width may have them. */
    return padded_most == 0 || (padded_most == shortest && padded_least == shortest);
}

/* One scale for all. */
static bool parse_decimal(const job *j, mr_texts *head)
{
    int64_t *values = j->encoder->ints.values;
    unsigned scale;
    if (!mr_numtext_decimal(middle_at(j, head, 0), &values[0], &head->param)) return false;
    for (uint32_t i = 1; i < j->source.count; i++)
        if (!mr_numtext_decimal(middle_at(j, head, i), &values[i], &scale) || scale != head->param)
            return false;
    return true;
}

static bool parse_decimals(const job *j, mr_texts *head)
{
    for (uint32_t i = 0; i < j->source.count; i++) {
        unsigned scale;
        if (!mr_numtext_decimal(middle_at(j, head, i), &j->encoder->ints.values[i], &scale))
            return false;
        j->encoder->scales[i] = scale;
    }
    return true;
}

static bool parse_dates(const job *j, mr_texts *head)
{
    mr_day_cache cache = {0};
    for (uint32_t i = 0; i < j->source.count; i++)
        if (!mr_parse_date(middle_at(j, head, i), &cache, &j->encoder->ints.values[i]))
            return false;
    return true;
}

static bool parse_timestamps(const job *j, mr_texts *head)
{
    mr_day_cache cache = {0};
    if (!mr_text_is_timestamp(middle_at(j, head, 0), &head->param)) return false;
    for (uint32_t i = 0; i < j->source.count; i++)
        if (!mr_parse_timestamp(middle_at(j, head, i), head->param, &cache,
                                &j->encoder->ints.values[i]))
            return false;
    return true;
}

static bool parse_bools(const job *j, mr_texts *head)
{
    for (uint32_t i = 0; i < j->source.count; i++) {
        const mr_slice text = middle_at(j, head, i);
        const bool is_true = text.len == 4 && memcmp(text.ptr, "true", 4) == 0;
        if (!is_true && (text.len != 5 || memcmp(text.ptr, "false", 5) != 0)) return false;
        j->encoder->ints.values[i] = is_true;
    }
    return true;
}

static mr_code reserve_scales(const job *j)
{
    mr_texts_encoder *encoder = j->encoder;
    if (encoder->scales_cap >= j->source.count) return MR_OK;
    mr_mem_free(encoder->scales);
    encoder->scales_cap = 0;
    encoder->scales = mr_mem_alloc(sizeof *encoder->scales * j->source.count);
    if (encoder->scales == NULL)
        return mr_fail(j->err, MR_ERR_NOMEM, "no memory left for decimals");
    encoder->scales_cap = j->source.count;
    return MR_OK;
}

/* Decimals of several scales: numbers, then scales. */
static mr_code append_decimals(const job *j, mr_texts *head, bool *out_done)
{
    size_t at;
    MR_TRY(reserve_scales(j));
    if (!parse_decimals(j, head)) return MR_OK;
    MR_TRY(begin_texts(j, head, &at));
    MR_TRY(append_ints(j, j->source.count, MR_INTS_ALL, &head->first_bytes));
    memcpy(j->encoder->ints.values, j->encoder->scales, sizeof(int64_t) * j->source.count);
    MR_TRY(append_ints(j, j->source.count, MR_INTS_CODES, &head->second_bytes));
    end_texts(j, head, at);
    *out_done = true;
    return MR_OK;
}

MR_INLINE unsigned nibble_of(char c)
{
    return c <= '9' ? (unsigned)(c - '0') : (unsigned)(c - 'a') + 10;
}

static mr_code append_uuids(const job *j, mr_texts *head, bool *out_done)
{
    size_t at;
    for (uint32_t i = 0; i < j->source.count; i++)
        if (!mr_text_is_uuid(middle_at(j, head, i))) return MR_OK;
    MR_TRY(begin_texts(j, head, &at));
    MR_TRY(mr_buffer_reserve(j->out, (size_t)j->source.count * 16, j->err));
    uint8_t *to = (uint8_t *)j->out->ptr + j->out->len;
    for (uint32_t i = 0; i < j->source.count; i++) {
        const char *p = middle_at(j, head, i).ptr;
        for (int byte = 0; byte < 16; byte++, p += 2) {
            if (*p == '-') p++;
            *to++ = (uint8_t)(nibble_of(p[0]) << 4 | nibble_of(p[1]));
        }
    }
    j->out->len += (size_t)j->source.count * 16;
    end_texts(j, head, at);
    *out_done = true;
    return MR_OK;
}

/* Which types a few texts have, as bits. */
static unsigned probe_types(const job *j)
{
    unsigned types = 0;
    for (uint32_t i = 0; i < PROBES; i++) {
        const uint32_t index = (uint32_t)((uint64_t)i * (j->source.count - 1) / (PROBES - 1));
        types |= 1u << mr_type_of_text(text_at(j, index), NULL);
    }
    return types;
}

static bool is_all(unsigned types, mr_type type)
{
    return types == 1u << type;
}

/* Tries the numeric form that the probes suggest, for whole texts. */
static mr_code try_typed(const job *j, bool *out_done)
{
    const unsigned types = probe_types(j);
    const unsigned numbers = 1u << MR_TYPE_INT | 1u << MR_TYPE_DECIMAL;
    mr_texts head = head_of(j, MR_TEXTS_KIND_COUNT);
    if (is_all(types, MR_TYPE_INT) && parse_ints(j, &head))
        head.kind = MR_TEXTS_INT;
    else if (is_all(types, MR_TYPE_DECIMAL) && parse_decimal(j, &head))
        head.kind = MR_TEXTS_DECIMAL;
    else if (is_all(types, MR_TYPE_DATE) && parse_dates(j, &head))
        head.kind = MR_TEXTS_DATE;
    else if (is_all(types, MR_TYPE_TIMESTAMP) && parse_timestamps(j, &head))
        head.kind = MR_TEXTS_TIMESTAMP;
    else if (is_all(types, MR_TYPE_BOOL) && parse_bools(j, &head))
        head.kind = MR_TEXTS_BOOL;
    if (head.kind != MR_TEXTS_KIND_COUNT) {
        *out_done = true;
        return append_numbers(j, &head);
    }
    head = head_of(j, MR_TEXTS_DECIMALS);
    if ((types & ~numbers) == 0) return append_decimals(j, &head, out_done);
    head = head_of(j, MR_TEXTS_UUID);
    return is_all(types, MR_TYPE_UUID) ? append_uuids(j, &head, out_done) : MR_OK;
}

/* --- texts --- */

static size_t common_prefix(mr_slice a, mr_slice b, size_t most)
{
    size_t len = 0;
    while (len < most && a.ptr[len] == b.ptr[len])
        len++;
    return len;
}

static size_t common_suffix(mr_slice a, mr_slice b, size_t most)
{
    size_t len = 0;
    while (len < most && a.ptr[a.len - 1 - len] == b.ptr[b.len - 1 - len])
        len++;
    return len;
}

/* Lengths, and what all texts share. */
static void measure(job *j)
{
    const mr_slice first = text_at(j, 0);
    size_t shortest = first.len, longest = first.len, prefix = first.len, suffix = first.len;
    for (uint32_t i = 1; i < j->source.count; i++) {
        const mr_slice text = text_at(j, i);
        shortest = text.len < shortest ? text.len : shortest;
        longest = text.len > longest ? text.len : longest;
        prefix = prefix < text.len ? prefix : text.len;
        suffix = suffix < text.len ? suffix : text.len;
        if (prefix > 0 && memcmp(first.ptr, text.ptr, prefix) != 0)
            prefix = common_prefix(first, text, prefix);
        if (suffix > 0 &&
            memcmp(first.ptr + first.len - suffix, text.ptr + text.len - suffix, suffix) != 0)
            suffix = common_suffix(first, text, suffix);
    }
    j->shortest = (uint32_t)shortest;
    j->longest = (uint32_t)longest;
    j->prefix_len = (uint32_t)prefix;
    j->suffix_len = (uint32_t)(suffix > shortest - prefix ? shortest - prefix : suffix);
}

static bool all_equal(const job *j)
{
    return j->prefix_len == j->shortest && j->shortest == j->longest;
}

/* A number between a prefix and a suffix that all texts share; digits they share are its own. */
static mr_code try_affix(const job *j, bool *out_done)
{
    mr_texts head = head_of(j, MR_TEXTS_INT);
    const mr_slice first = text_at(j, 0);
    head.prefix_len = j->prefix_len;
    head.suffix_len = j->suffix_len;
    while (head.prefix_len > 0 && (unsigned char)(first.ptr[head.prefix_len - 1] - '0') < 10)
        head.prefix_len--;
    while (head.suffix_len > 0 &&
           (unsigned char)(first.ptr[first.len - head.suffix_len] - '0') < 10)
        head.suffix_len--;
    if (parse_ints(j, &head)) {
        *out_done = true;
        return append_numbers(j, &head);
    }
    head.kind = MR_TEXTS_DECIMAL;
    if (parse_decimal(j, &head)) {
        *out_done = true;
        return append_numbers(j, &head);
    }
    return MR_OK;
}

static mr_code append_plain(const job *j)
{
    mr_texts head = head_of(j, MR_TEXTS_PLAIN);
    int64_t *offsets = j->encoder->ints.values;
    size_t at;
    head.prefix_len = j->prefix_len;
    head.suffix_len = j->suffix_len;
    offsets[0] = 0;
    for (uint32_t i = 0; i < j->source.count; i++)
        offsets[i + 1] = offsets[i] + (int64_t)middle_at(j, &head, i).len;
    const size_t total = (size_t)offsets[j->source.count];
    MR_TRY(begin_texts(j, &head, &at));
    MR_TRY(append_ints(j, j->source.count + 1, MR_INTS_OFFSETS, &head.first_bytes));
    MR_TRY(mr_buffer_reserve(j->out, total + 8, j->err));
    if (head.prefix_len + head.suffix_len == 0) {
        MR_TRY(mr_buffer_append(j->out, (mr_slice){j->source.data + j->source.offsets[0], total},
                                j->err));
    } else {
        for (uint32_t i = 0; i < j->source.count; i++)
            MR_TRY(mr_buffer_append(j->out, middle_at(j, &head, i), j->err));
    }
    end_texts(j, &head, at);
    return append_padding(j->out, j->err);
}

/* Codes all middles at the end of j->out; their ends become the planner's values. */
static mr_code code_middles(const job *j, const mr_texts *head)
{
    int64_t *offsets = j->encoder->ints.values;
    const size_t start = j->out->len;
    offsets[0] = 0;
    for (uint32_t i = 0; i < j->source.count; i++) {
        const mr_slice middle = middle_at(j, head, i);
        MR_TRY(mr_buffer_reserve(j->out, middle.len * 2 + 8, j->err));
        uint8_t *to = (uint8_t *)j->out->ptr + j->out->len;
        j->out->len += (size_t)(mr_symbols_encode(j->encoder->symbols, middle, to) - to);
        offsets[i + 1] = (int64_t)(j->out->len - start);
    }
    return MR_OK;
}

/* Offsets come before the bytes they point into, but are known after them: the bytes are coded
 * first and moved. */
static mr_code append_symbols(const job *j, bool *out_done)
{
    mr_texts head = head_of(j, MR_TEXTS_SYMBOLS);
    size_t at;
    double ratio;
    head.prefix_len = j->prefix_len;
    head.suffix_len = j->suffix_len;
    MR_TRY(mr_symbols_learn(&j->encoder->symbols, &j->source, head.prefix_len, head.suffix_len,
                            &ratio, j->err));
    if (ratio > SYMBOLS_RATIO) return MR_OK;
    MR_TRY(begin_texts(j, &head, &at));
    const size_t body = j->out->len;
    MR_TRY(code_middles(j, &head));
    const size_t coded = j->out->len - body;
    const size_t ints = mr_ints_plan(&j->encoder->ints, j->source.count + 1, MR_INTS_OFFSETS);
    const size_t table = mr_symbols_table_bytes(j->encoder->symbols);
    MR_TRY(mr_buffer_reserve(j->out, ints + table + MR_BITPACK_SLACK, j->err));
    char *to = j->out->ptr + body;
    memmove(to + ints + table, to, coded);
    memset(to + ints - 8, 0, 8);
    mr_ints_write(&j->encoder->ints, (uint8_t *)to); /* its slack is where the table goes */
    mr_symbols_write_table(j->encoder->symbols, to + ints);
    j->out->len += ints + table;
    head.first_bytes = (uint32_t)ints;
    head.second_bytes = (uint32_t)table;
    end_texts(j, &head, at);
    *out_done = true;
    return append_padding(j->out, j->err);
}

static mr_code append_constant(const job *j)
{
    mr_texts head = head_of(j, MR_TEXTS_CONSTANT);
    size_t at;
    head.prefix_len = j->longest;
    return begin_texts(j, &head, &at);
}

static mr_code seal_job(job *j);

static mr_code append_dict(const job *j, bool *out_done)
{
    mr_dict *dict = &j->encoder->dict;
    mr_texts head = head_of(j, MR_TEXTS_DICT);
    const size_t source_bytes = j->source.offsets[j->source.count] - j->source.offsets[0];
    size_t at;
    MR_TRY(mr_dict_build(dict, &j->source, source_bytes, out_done, j->err));
    if (!*out_done) return MR_OK;
    for (uint32_t i = 0; i < j->source.count; i++)
        j->encoder->ints.values[i] = dict->codes[i];
    MR_TRY(begin_texts(j, &head, &at));
    MR_TRY(append_ints(j, j->source.count, MR_INTS_CODES, &head.first_bytes));
    job entries = {.encoder = j->encoder, .is_inner = true, .out = j->out, .err = j->err};
    entries.source = (mr_texts_source){dict->heap.ptr, dict->offsets, dict->count};
    const size_t entries_at = j->out->len;
    MR_TRY(seal_job(&entries));
    head.second_bytes = (uint32_t)(j->out->len - entries_at);
    end_texts(j, &head, at);
    return MR_OK;
}

/* What lies behind *end in `out`, if anything, is a candidate for the texts that begin at `first`:
 * it replaces the one before *end if that is larger or not there. */
static void settle(mr_buffer *out, size_t first, size_t *end)
{
    const size_t best = *end - first, offered = out->len - *end;
    const bool is_better = offered > 0 && (best == 0 || offered < best);
    if (is_better) memmove(out->ptr + first, out->ptr + *end, offered);
    *end = out->len = is_better ? first + offered : *end;
}

/* Bytes of all texts without what they share. */
static size_t middle_bytes(const job *j)
{
    const size_t all = j->source.offsets[j->source.count] - j->source.offsets[0];
    return all - (size_t)j->source.count * (j->prefix_len + j->suffix_len);
}

/* The smallest of what suits texts that are no numbers; from `start` to j->out->len there may be a
 * candidate already. */
static mr_code seal_texts(const job *j, size_t start)
{
    size_t end = j->out->len;
    bool done = false;
    const bool is_typed = end > start;
    if (!j->is_inner) MR_TRY(append_dict(j, &done));
    settle(j->out, start, &end);
    if (is_typed) return MR_OK;
    if (end == start || end - start > middle_bytes(j) / SYMBOLS_BEST)
        MR_TRY(append_symbols(j, &done));
    settle(j->out, start, &end);
    if (end > start && end - start <= middle_bytes(j)) return MR_OK;
    MR_TRY(append_plain(j));
    settle(j->out, start, &end);
    return MR_OK;
}

static mr_code seal_job(job *j)
{
    const size_t start = j->out->len;
    bool done = false;
    measure(j);
    if (all_equal(j)) return append_constant(j);
    MR_TRY(try_typed(j, &done));
    const mr_texts *typed = (const mr_texts *)(const void *)(j->out->ptr + start);
    if (done && typed->kind != MR_TEXTS_UUID && typed->kind != MR_TEXTS_DECIMALS) return MR_OK;
    if (!done)
        MR_TRY(try_affix(j, &done));
    else
        done = false;
    return done ? MR_OK : seal_texts(j, start);
}

mr_code mr_texts_seal(mr_texts_encoder *encoder, const mr_texts_source *source, mr_buffer *out,
                      mr_error *err)
{
    job j = {.encoder = encoder, .source = *source, .out = out, .err = err};
    MR_DCHECK(source->count > 0 && out->len % 8 == 0);
    MR_TRY(mr_ints_planner_reserve(&encoder->ints, source->count + 1, err));
    return seal_job(&j);
}
