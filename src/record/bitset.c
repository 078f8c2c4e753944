/* SPDX-License-Identifier: MIT */
#include "record/bitset.h"

#include "core/simd.h"
#include "record/column.h"
#include "record/digits.h"

#define RANK_ROWS  512u
#define RANK_BYTES (RANK_ROWS / 8)

static uint32_t rank_count(uint32_t row_count)
{
    return (row_count + RANK_ROWS - 1) / RANK_ROWS;
}

static const uint16_t *words_of(const mr_bitset *set)
{
    return (const uint16_t *)(const void *)(set + 1);
}

static const uint8_t *bits_of(const mr_bitset *set)
{
    return (const uint8_t *)(set + 1) + mr_align_up(rank_count(set->row_count) * 2, 8);
}

static void seal_bits(const uint8_t *bits, uint32_t row_count, char *to)
{
    uint16_t ones = 0;
    for (uint32_t row = 0; row < row_count; row += RANK_ROWS, to += sizeof ones) {
        const uint32_t rows = row_count - row < RANK_ROWS ? row_count - row : RANK_ROWS;
        memcpy(to, &ones, sizeof ones);
        ones = (uint16_t)(ones + rows - mr_bits_count_zeros(bits, row, rows));
    }
}

static void seal_positions(const uint8_t *bits, uint32_t row_count, unsigned rare, char *to)
{
    for (uint32_t row = 0; row < row_count; row++) {
        const uint16_t position = (uint16_t)row;
        if ((bits[row / 8] >> row % 8 & 1) != rare) continue;
        memcpy(to, &position, sizeof position);
        to += sizeof position;
    }
}

mr_code mr_bitset_seal(const uint8_t *bits, uint32_t row_count, mr_buffer *out, mr_error *err)
{
    MR_DCHECK(row_count <= MR_BITSET_MAX_ROWS);
    const uint32_t zeros = mr_bits_count_zeros(bits, 0, row_count);
    const uint32_t fewer = zeros < row_count - zeros ? zeros : row_count - zeros;
    const size_t rank_bytes = mr_align_up(rank_count(row_count) * 2, 8);
    const size_t dense = rank_bytes + mr_align_up((row_count + 7) / 8, 8);
    const size_t sparse = mr_align_up((size_t)fewer * 2, 8);
    mr_bitset head = {.row_count = row_count};
    if (fewer > 0 && sparse <= dense) {
        head.listed = fewer;
        head.rare = fewer != zeros;
    }
    const size_t body = head.listed > 0 ? sparse : dense;
    MR_TRY(mr_buffer_append(out, (mr_slice){(const char *)&head, sizeof head}, err));
    MR_TRY(mr_buffer_reserve(out, body, err));
    char *to = out->ptr + out->len;
    memset(to, 0, body);
    if (head.listed > 0) {
        seal_positions(bits, row_count, head.rare, to);
    } else {
        seal_bits(bits, row_count, to);
        mr_bits_copy((uint8_t *)to + rank_bytes, 0, bits, 0, row_count);
        if (row_count % 8 != 0) /* what is beyond the last row was undefined */
            to[rank_bytes + row_count / 8] &= (char)((1u << row_count % 8) - 1);
    }
    out->len += body;
    return MR_OK;
}

/* How many listed positions are below `row`. */
static uint32_t listed_below(const mr_bitset *set, uint32_t row)
{
    const uint16_t *positions = words_of(set);
    uint32_t low = 0, high = set->listed;
    while (low < high) {
        const uint32_t middle = (low + high) / 2;
        if (positions[middle] < row)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

bool mr_bitset_get(const mr_bitset *set, uint32_t row)
{
    if (set->listed == 0) return bits_of(set)[row / 8] >> row % 8 & 1;
    const uint32_t at = listed_below(set, row);
    const bool is_listed = at < set->listed && words_of(set)[at] == row;
    return is_listed == (set->rare == 1);
}

uint32_t mr_bitset_rank(const mr_bitset *set, uint32_t row)
{
    if (set->listed > 0) {
        const uint32_t below = listed_below(set, row);
        return set->rare ? below : row - below;
    }
    if (row == 0) return 0;
    const uint32_t block = (row - 1) / RANK_ROWS; /* row may lie just behind the last one */
    const uint32_t from = block * RANK_ROWS;
    return words_of(set)[block] + (row - from) -
           mr_bits_count_zeros(bits_of(set), from, row - from);
}

void mr_bitset_read(const mr_bitset *set, uint32_t first, uint32_t count, uint8_t *bits,
                    uint32_t at)
{
    if (set->listed == 0) {
        mr_bits_copy(bits, at, bits_of(set), first, count);
        return;
    }
    mr_bits_fill(bits, at, count, !set->rare);
    const uint16_t *positions = words_of(set);
    for (uint32_t i = listed_below(set, first); i < set->listed; i++) {
        if (positions[i] >= first + count) break;
        const uint32_t row = at + positions[i] - first;
        bits[row / 8] = (uint8_t)(bits[row / 8] ^ 1u << row % 8);
    }
}
