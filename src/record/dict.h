/* SPDX-License-Identifier: MIT
 *
 * record/dict.h - numbers the distinct texts of a column in order of appearance, while a column is
 * being sealed. The memory is kept from column to column; a sealed column holds none of it.
 *
 * Thread: owned by one thread. */
#ifndef MR_RECORD_DICT_H
#define MR_RECORD_DICT_H

#include "core/buffer.h"

/* Texts i of a column: data[offsets[i] .. offsets[i + 1]), with MR_BUFFER_SLACK readable bytes
 * after the last. */
typedef struct mr_texts_source {
    const char *data;
    const uint32_t *offsets;
    uint32_t count;
} mr_texts_source;

MR_INLINE mr_slice mr_texts_source_at(const mr_texts_source *source, uint32_t index)
{
    return (mr_slice){source->data + source->offsets[index],
                      source->offsets[index + 1] - source->offsets[index]};
}

typedef struct mr_dict {
    uint32_t *codes;   /* of each text */
    uint32_t *offsets; /* distinct texts: where they begin in heap; one more for the end */
    uint32_t *hashes;  /* of distinct texts */
    uint32_t *slots;   /* code + 1; 0 = empty */
    mr_buffer heap;    /* distinct texts, end to end */
    uint32_t count;    /* distinct texts */
    uint32_t cap;      /* longest column there is memory for */
    uint32_t slot_cap; /* slots there is memory for, a power of two */
} mr_dict;

void mr_dict_done(mr_dict *dict);
size_t mr_dict_held_bytes(const mr_dict *dict);

/* Numbers the texts of `source`. Gives up, with *out_paid false, when more than half of the texts
 * differ, or a sample shows no repeats, or distinct texts and codes would pass `limit_bytes`. O(n).
 */
MR_NODISCARD mr_code mr_dict_build(mr_dict *dict, const mr_texts_source *source, size_t limit_bytes,
                                   bool *out_paid, mr_error *err);

#endif
