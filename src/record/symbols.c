/* SPDX-License-Identifier: MIT */
#include "record/symbols.h"

#include <stdlib.h>

#include "core/mem.h"
#include "record/bitpack.h"

#define SAMPLE_BYTES   8192u
#define SAMPLE_MIN     2048u /* texts of fewer bytes in all are not worth a table */
#define PIECE_MAX      512u  /* of one text in the sample */
#define ROUNDS         5
#define RAW            256u /* codes below are bytes as they are, codes from here on are symbols */
#define CODES          (RAW + MR_SYMBOLS_MAX + 1)
#define LONG_SLOTS     2048u
#define CANDIDATES_MAX (SAMPLE_BYTES + CODES)
#define FOUND_SLOTS    32768u

/* A symbol of three bytes or more, found by its first three. */
typedef struct long_slot {
    uint64_t symbol;
    uint64_t mask; /* of its bytes in a word; 0 = empty slot */
    uint16_t code;
    uint8_t len;
} long_slot;

typedef struct candidate {
    uint64_t symbol;
    uint32_t gain; /* bytes it covers in the sample */
    uint8_t len;
} candidate;

struct mr_symbol_learner {
    uint32_t count; /* symbols */
    uint64_t symbols[CODES];
    uint8_t lens[CODES];
    uint16_t byte_codes[256];
    uint16_t pair_codes[65536]; /* of the next two bytes: a symbol of two, or of one, or raw */
    long_slot long_slots[LONG_SLOTS];
    uint32_t counts[CODES];
    uint16_t pair_counts[CODES * CODES];
    uint32_t pairs[SAMPLE_BYTES]; /* those with a count */
    uint32_t pair_count;
    candidate candidates[CANDIDATES_MAX];
    uint32_t candidate_count;
    uint32_t found[FOUND_SLOTS]; /* hash table of candidates: index + 1 */
    char sample[SAMPLE_BYTES + PIECE_MAX + 16];
    uint32_t piece_ends[SAMPLE_BYTES + PIECE_MAX];
    uint32_t piece_count;
};

char *mr_symbols_decode(const mr_symbols *symbols, mr_slice coded, char *to)
{
    const uint8_t *lens = (const uint8_t *)(symbols->symbols + symbols->count);
    const uint8_t *at = (const uint8_t *)coded.ptr, *const end = at + coded.len;
    while (at < end) {
        const uint8_t code = *at++;
        if (MR_LIKELY(code < MR_SYMBOLS_ESCAPE)) {
            mr_store64(to, symbols->symbols[code]);
            to += lens[code];
        } else {
            *to++ = (char)*at++;
        }
    }
    return to;
}

void mr_symbol_learner_close(mr_symbol_learner *learner)
{
    mr_mem_free(learner);
}

size_t mr_symbol_learner_held_bytes(const mr_symbol_learner *learner)
{
    return mr_mem_usable(learner);
}

MR_INLINE uint64_t mask_of(unsigned len)
{
    return len >= 8 ? UINT64_MAX : (UINT64_C(1) << 8 * len) - 1;
}

MR_INLINE uint32_t long_slot_of(uint64_t word)
{
    return (uint32_t)((word & 0xffffff) * 0x9e3779b1u >> 15) % LONG_SLOTS;
}

/* The longest known symbol at the start of `word`, of which `left` (1 or more) bytes are text. */
MR_INLINE unsigned longest_match(const mr_symbol_learner *learner, uint64_t word, size_t left)
{
    const long_slot *slot = &learner->long_slots[long_slot_of(word)];
    if (slot->mask != 0 && (word & slot->mask) == slot->symbol && slot->len <= left)
        return slot->code;
    return left > 1 ? learner->pair_codes[word & 0xffff] : learner->byte_codes[word & 0xff];
}

static void forget_symbols(mr_symbol_learner *learner)
{
    learner->count = 0;
    for (unsigned byte = 0; byte < RAW; byte++) {
        learner->symbols[byte] = byte;
        learner->lens[byte] = 1;
        learner->byte_codes[byte] = (uint16_t)byte;
    }
    for (unsigned pair = 0; pair < 65536; pair++)
        learner->pair_codes[pair] = (uint16_t)(pair & 0xff);
    memset(learner->long_slots, 0, sizeof learner->long_slots);
}

/* Makes `wanted` a symbol, unless one of its first three bytes has the slot already. */
static void add_symbol(mr_symbol_learner *learner, const candidate *wanted)
{
    const uint16_t code = (uint16_t)(RAW + learner->count);
    if (wanted->len == 1) {
        learner->byte_codes[wanted->symbol] = code;
    } else if (wanted->len == 2) {
        learner->pair_codes[wanted->symbol] = code;
    } else {
        long_slot *slot = &learner->long_slots[long_slot_of(wanted->symbol)];
        if (slot->mask != 0) return;
        *slot = (long_slot){wanted->symbol, mask_of(wanted->len), code, wanted->len};
    }
    learner->symbols[code] = wanted->symbol;
    learner->lens[code] = wanted->len;
    learner->count++;
}

/* Pairs without a symbol of their own start with that of their first byte. */
static void finish_pairs(mr_symbol_learner *learner)
{
    for (unsigned pair = 0; pair < 65536; pair++)
        if (learner->pair_codes[pair] < RAW)
            learner->pair_codes[pair] = learner->byte_codes[pair & 0xff];
}

/* Codes the sample, counts codes and pairs of codes, and returns the coded size. */
static size_t count_sample(mr_symbol_learner *learner)
{
    size_t coded = 0;
    memset(learner->counts, 0, sizeof learner->counts);
    for (uint32_t i = 0; i < learner->pair_count; i++)
        learner->pair_counts[learner->pairs[i]] = 0;
    learner->pair_count = 0;
    uint32_t at = 0;
    for (uint32_t piece = 0; piece < learner->piece_count; piece++) {
        unsigned last = CODES;
        while (at < learner->piece_ends[piece]) {
            const unsigned code = longest_match(learner, mr_load64(learner->sample + at),
                                                learner->piece_ends[piece] - at);
            learner->counts[code]++;
            coded += code < RAW ? 2 : 1;
            if (last < CODES && learner->pair_count < SAMPLE_BYTES) {
                const uint32_t pair = last * CODES + code;
                if (learner->pair_counts[pair]++ == 0) learner->pairs[learner->pair_count++] = pair;
            }
            at += learner->lens[code];
            last = code;
        }
    }
    return coded;
}

/* Adds gain to a candidate, which may be found in more than one way. */
static void propose(mr_symbol_learner *learner, uint64_t symbol, unsigned len, uint32_t times)
{
    uint32_t slot = (uint32_t)((symbol ^ len) * 0x9e3779b97f4a7c15u >> 40) % FOUND_SLOTS;
    for (; learner->found[slot] != 0; slot = (slot + 1) % FOUND_SLOTS) {
        candidate *known = &learner->candidates[learner->found[slot] - 1];
        if (known->symbol == symbol && known->len == len) {
            known->gain += times * len;
            return;
        }
    }
    if (learner->candidate_count == CANDIDATES_MAX) return;
    learner->candidates[learner->candidate_count++] =
        (candidate){symbol, times * len, (uint8_t)len};
    learner->found[slot] = learner->candidate_count;
}

static int by_gain(const void *a, const void *b)
{
    const candidate *x = a, *y = b;
    if (x->gain != y->gain) return x->gain < y->gain ? 1 : -1;
    if (x->len != y->len) return x->len < y->len ? 1 : -1;
    return (x->symbol > y->symbol) - (x->symbol < y->symbol); /* the same table every time */
}

/* The best of the present symbols, bytes and their pairs become the symbols. */
static void choose_symbols(mr_symbol_learner *learner)
{
    learner->candidate_count = 0;
    memset(learner->found, 0, sizeof learner->found);
    for (unsigned code = 0; code < RAW + learner->count; code++)
        if (learner->counts[code] > 0)
            propose(learner, learner->symbols[code], learner->lens[code], learner->counts[code]);
    for (uint32_t i = 0; i < learner->pair_count; i++) {
        const unsigned first = learner->pairs[i] / CODES, second = learner->pairs[i] % CODES;
        const unsigned len = learner->lens[first] + learner->lens[second];
        if (len > 8 || learner->pair_counts[learner->pairs[i]] < 2) continue;
        const uint64_t symbol = learner->symbols[first] | learner->symbols[second]
                                                              << 8 * learner->lens[first];
        propose(learner, symbol, len, learner->pair_counts[learner->pairs[i]]);
    }
    qsort(learner->candidates, learner->candidate_count, sizeof *learner->candidates, by_gain);
    forget_symbols(learner);
    for (uint32_t i = 0; i < learner->candidate_count && learner->count < MR_SYMBOLS_MAX; i++)
        add_symbol(learner, &learner->candidates[i]);
    finish_pairs(learner);
}

/* Pieces of texts from all over the source. */
static void take_sample(mr_symbol_learner *learner, const mr_texts_source *source,
                        uint32_t prefix_len, uint32_t suffix_len)
{
    uint32_t bytes = 0;
    uint64_t state = 1;
    learner->piece_count = 0;
    for (uint32_t tries = 0; bytes < SAMPLE_BYTES && tries < SAMPLE_BYTES; tries++) {
        state = state * 6364136223846793005u + 1442695040888963407u;
        const mr_slice text = mr_texts_source_at(source, (uint32_t)((state >> 33) % source->count));
        size_t len = text.len - prefix_len - suffix_len;
        if (len > PIECE_MAX) len = PIECE_MAX;
        memcpy(learner->sample + bytes, text.ptr + prefix_len, len);
        bytes += (uint32_t)len;
        learner->piece_ends[learner->piece_count++] = bytes;
    }
    memset(learner->sample + bytes, 0, 8);
}

mr_code mr_symbols_learn(mr_symbol_learner **learner, const mr_texts_source *source,
                         uint32_t prefix_len, uint32_t suffix_len, double *out_ratio, mr_error *err)
{
    *out_ratio = 1;
    const uint64_t bytes = source->offsets[source->count] - source->offsets[0] -
                           (uint64_t)source->count * (prefix_len + suffix_len);
    if (bytes < SAMPLE_MIN) return MR_OK;
    if (*learner == NULL) {
        *learner = mr_mem_zalloc(sizeof **learner);
        if (*learner == NULL) return mr_fail(err, MR_ERR_NOMEM, "no memory left to learn symbols");
    }
    mr_symbol_learner *l = *learner;
    take_sample(l, source, prefix_len, suffix_len);
    forget_symbols(l);
    for (int round = 0; round < ROUNDS; round++) {
        count_sample(l);
        choose_symbols(l);
    }
    const size_t plain = l->piece_ends[l->piece_count - 1];
    if (plain > 0) *out_ratio = (double)count_sample(l) / (double)plain;
    return MR_OK;
}

size_t mr_symbols_table_bytes(const mr_symbol_learner *learner)
{
    return sizeof(mr_symbols) + learner->count * sizeof(uint64_t) + mr_align_up(learner->count, 8);
}

void mr_symbols_write_table(const mr_symbol_learner *learner, void *to)
{
    mr_symbols *table = to;
    memset(to, 0, mr_symbols_table_bytes(learner));
    table->count = learner->count;
    memcpy(table->symbols, learner->symbols + RAW, learner->count * sizeof *table->symbols);
    memcpy(table->symbols + learner->count, learner->lens + RAW, learner->count);
}

uint8_t *mr_symbols_encode(const mr_symbol_learner *learner, mr_slice text, uint8_t *to)
{
    const char *at = text.ptr;
    size_t left = text.len;
    while (left > 0) {
        const unsigned code = longest_match(learner, mr_load64(at), left);
        if (MR_LIKELY(code >= RAW)) {
            *to++ = (uint8_t)(code - RAW);
        } else {
            *to++ = MR_SYMBOLS_ESCAPE;
            *to++ = (uint8_t)code;
        }
        at += learner->lens[code];
        left -= learner->lens[code];
    }
    return to;
}
