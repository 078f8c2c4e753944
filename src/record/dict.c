/* SPDX-License-Identifier: MIT */
#include "record/dict.h"

#include "core/mem.h"
#include "record/bitpack.h"

#define SAMPLE         256u
#define SAMPLE_REPEATS (SAMPLE / 16)
#define FIRST_SLOTS    1024u

void mr_dict_done(mr_dict *dict)
{
    mr_mem_free(dict->codes);
    mr_mem_free(dict->offsets);
    mr_mem_free(dict->hashes);
    mr_mem_free(dict->slots);
    mr_buffer_done(&dict->heap);
    memset(dict, 0, sizeof *dict);
}

size_t mr_dict_held_bytes(const mr_dict *dict)
{
    return mr_mem_usable(dict->codes) + mr_mem_usable(dict->offsets) + mr_mem_usable(dict->hashes) +
           mr_mem_usable(dict->slots) + mr_mem_usable(dict->heap.ptr);
}

static mr_code reserve(mr_dict *dict, uint32_t count, mr_error *err)
{
    if (dict->cap >= count && dict->slots != NULL) return MR_OK;
    mr_dict_done(dict);
    const size_t half = count / 2 + 2;
    size_t slots = FIRST_SLOTS;
    while (slots < count) /* at most half of the slots are in use */
        slots *= 2;
    mr_buffer_init(&dict->heap, "a dictionary", UINT32_MAX);
    dict->codes = mr_mem_alloc(sizeof(uint32_t) * count);
    dict->offsets = mr_mem_alloc(sizeof(uint32_t) * (half + 1));
    dict->hashes = mr_mem_alloc(sizeof(uint32_t) * half);
    dict->slots = mr_mem_alloc(sizeof(uint32_t) * slots);
    if (dict->codes == NULL || dict->offsets == NULL || dict->hashes == NULL ||
        dict->slots == NULL) {
        mr_dict_done(dict);
        return mr_fail(err, MR_ERR_NOMEM, "no memory left for a dictionary of %u texts", count);
    }
    dict->cap = count;
    dict->slot_cap = (uint32_t)slots;
    return MR_OK;
}

__extension__ typedef unsigned __int128 wide;

MR_INLINE uint64_t mix(uint64_t a, uint64_t b)
{
    const wide product = (wide)a * b;
    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

/* Reads whole words; what lies beyond the text is shifted out. */
MR_INLINE uint32_t hash_of(mr_slice text)
{
    uint64_t hash = 0x9e3779b97f4a7c15u ^ text.len;
    const char *p = text.ptr;
    size_t left = text.len;
    for (; left > 8; left -= 8, p += 8)
        hash = mix(hash ^ mr_load64(p), 0xa0761d6478bd642fu);
    if (left > 0) hash ^= mr_load64(p) << (64 - 8 * left);
    return (uint32_t)(mix(hash, 0xe7037ed1a0b428dbu) >> 20);
}

/* Do texts come back in a pseudo-random sample? */
static bool sample_repeats(const mr_texts_source *source)
{
    uint32_t seen[SAMPLE * 2] = {0};
    uint32_t repeats = 0;
    uint64_t at = 1;
    for (uint32_t i = 0; i < SAMPLE; i++) {
        at = at * 6364136223846793005u + 1442695040888963407u;
        const uint32_t index = (uint32_t)((at >> 33) % source->count);
        const uint32_t hash = hash_of(mr_texts_source_at(source, index)) | 1;
        uint32_t slot = hash >> 1 & (SAMPLE * 2 - 1);
        while (seen[slot] != 0 && seen[slot] != hash)
            slot = (slot + 1) % (SAMPLE * 2);
        repeats += seen[slot] != 0;
        seen[slot] = hash;
    }
    return repeats > SAMPLE_REPEATS;
}

static mr_slice entry_at(const mr_dict *dict, uint32_t code)
{
    return (mr_slice){dict->heap.ptr + dict->offsets[code],
                      dict->offsets[code + 1] - dict->offsets[code]};
}

/* Doubles the slots in use. */
static uint32_t rehash(mr_dict *dict, uint32_t slot_count)
{
    slot_count *= 2;
    memset(dict->slots, 0, slot_count * sizeof *dict->slots);
    for (uint32_t code = 0; code < dict->count; code++) {
        uint32_t slot = dict->hashes[code] & (slot_count - 1);
        while (dict->slots[slot] != 0)
            slot = (slot + 1) & (slot_count - 1);
        dict->slots[slot] = code + 1;
    }
    return slot_count;
}

static mr_code add_entry(mr_dict *dict, mr_slice text, uint32_t hash, mr_error *err)
{
    MR_TRY(mr_buffer_append(&dict->heap, text, err));
    dict->hashes[dict->count++] = hash;
    dict->offsets[dict->count] = (uint32_t)dict->heap.len;
    return MR_OK;
}

static bool pays(const mr_dict *dict, uint32_t rows, size_t limit_bytes)
{
    return dict->count <= rows / 2 + 1 &&
           dict->heap.len + mr_bitpack_bytes(rows, mr_bits_for(dict->count - 1)) <= limit_bytes;
}

mr_code mr_dict_build(mr_dict *dict, const mr_texts_source *source, size_t limit_bytes,
                      bool *out_paid, mr_error *err)
{
    *out_paid = false;
    if (source->count < 2 || !sample_repeats(source)) return MR_OK;
    MR_TRY(reserve(dict, source->count, err));
    uint32_t slot_count = FIRST_SLOTS;
    memset(dict->slots, 0, slot_count * sizeof *dict->slots);
    mr_buffer_reset(&dict->heap);
    MR_TRY(mr_buffer_reserve(&dict->heap, 1, err));
    dict->count = 0;
    dict->offsets[0] = 0;
    for (uint32_t i = 0; i < source->count; i++) {
        const mr_slice text = mr_texts_source_at(source, i);
        const uint32_t hash = hash_of(text);
        uint32_t slot = hash & (slot_count - 1), code;
        while ((code = dict->slots[slot]) != 0 &&
               (dict->hashes[code - 1] != hash || !mr_slice_equal(entry_at(dict, code - 1), text)))
            slot = (slot + 1) & (slot_count - 1);
        if (code == 0) {
            MR_TRY(add_entry(dict, text, hash, err));
            dict->slots[slot] = code = dict->count;
            if (!pays(dict, source->count, limit_bytes)) return MR_OK;
            if (dict->count * 2 > slot_count && slot_count < dict->slot_cap)
                slot_count = rehash(dict, slot_count);
        }
        dict->codes[i] = code - 1;
    }
    *out_paid = true;
    return MR_OK;
}
