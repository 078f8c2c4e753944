/* SPDX-License-Identifier: MIT
 *
 * record/bitset.h - a sealed bitmap of up to 65,536 rows with O(1) rank: which rows have a value,
 * and how many had one before. Held as bits with a count every 512 rows, or, when one of the two
 * states is rare, as the sorted positions of that state.
 *
 *     bits     u16 ones before each 512 rows | bits
 *     sparse   u16 positions
 *
 * Thread: may be read by any thread. */
#ifndef MR_RECORD_BITSET_H
#define MR_RECORD_BITSET_H

#include "core/buffer.h"

#define MR_BITSET_MAX_ROWS 65536u

typedef struct mr_bitset {
    uint32_t row_count;
    uint32_t listed; /* positions; 0 = held as bits */
    uint8_t rare;    /* the state of the listed positions */
    uint8_t spare[7];
} mr_bitset;

/* Appends the first `row_count` of `bits`, sealed, to `out`; its length stays a multiple of 8. */
MR_NODISCARD mr_code mr_bitset_seal(const uint8_t *bits, uint32_t row_count, mr_buffer *out,
                                    mr_error *err);

/* Bit `row`, and the ones among bits 0 .. row - 1 (`row` may be row_count). O(1), or O(log listed).
 */
MR_HOT bool mr_bitset_get(const mr_bitset *set, uint32_t row);
MR_HOT uint32_t mr_bitset_rank(const mr_bitset *set, uint32_t row);

/* Bits first .. first + count - 1 become bits at, at + 1, ... of `bits`. */
MR_HOT void mr_bitset_read(const mr_bitset *set, uint32_t first, uint32_t count, uint8_t *bits,
                           uint32_t at);

#endif
