/* SPDX-License-Identifier: MIT
 *
 * format/csv_kernel_impl.h - the body of csv_scalar.c, csv_base.c and csv_avx2.c; see
 * csv_kernel.h. */
#include "format/csv_kernel.h"

/* What one block passes to the next. */
typedef struct carry {
    uint64_t inside;      /* all ones inside quotes */
    uint64_t after_break; /* 1: a quote may open at the next byte */
    uint64_t after_close; /* 1: the last byte was a closing quote */
    uint64_t after_cr;    /* 1: ... and then a CR came, so an LF must follow */
} carry;

/* Stores the positions of the bits of `mask`, by eights; what is beyond the last bit is rubbish
 * that the next block overwrites. */
MR_INLINE uint32_t store_positions(uint32_t *to, uint64_t mask, uint32_t at)
{
    const uint32_t count = mr_popcount64(mask);
    for (uint32_t done = 0; done < count; done += 8) {
        for (int i = 0; i < 8; i++) {
            to[done + (uint32_t)i] = at + (mask != 0 ? mr_ctz64(mask) : 0);
            mask &= mask - 1;
        }
    }
    return count;
}

/* Takes what is inside quotes out of `breaks`; false when a quote of the block is out of place. */
MR_INLINE bool mask_quoted(mr_v64 block, uint64_t valid, uint64_t quotes, uint64_t newlines,
                           uint64_t *breaks, carry *c)
{
    const uint64_t inside = mr_prefix_xor(quotes) ^ c->inside;
    const uint64_t opening = quotes & inside, closing = quotes & ~inside;
    *breaks &= ~inside;
    const uint64_t may_open = (*breaks | closing) << 1 | c->after_break;
    const uint64_t after_close = (closing << 1 | c->after_close) & valid;
    const uint64_t returns = after_close & mr_v64_eq(block, '\r');
    const uint64_t after_cr = (returns << 1 | c->after_cr) & valid;
    const uint64_t bad = (opening & ~may_open) | (after_close & ~(*breaks | quotes | returns)) |
                         (after_cr & ~newlines);
    c->after_break = (*breaks | closing) >> 63;
    c->after_close = closing >> 63;
    c->after_cr = returns >> 63;
    c->inside = (uint64_t)((int64_t)inside >> 63);
    return bad == 0;
}

static void index_window(mr_csv_index *index, const char *p, uint32_t from, uint32_t to,
                         char delimiter, char quote, char comment)
{
    uint32_t *positions = index->positions + 1;
    uint32_t count = 0, records = 0, lines = 0;
    uint64_t line_start = 1, any_quotes = 0;
    carry c = {.after_break = 1};
    index->positions[0] = from - 1;
    for (uint32_t at = from; at < to; at += 64) {
        const mr_v64 block = mr_v64_load(p + at);
        const uint64_t valid = to - at >= 64 ? UINT64_MAX : ((uint64_t)1 << (to - at)) - 1;
        const uint64_t newlines = mr_v64_eq(block, '\n') & valid;
        const uint64_t quotes = quote != 0 ? mr_v64_eq(block, quote) & valid : 0;
        uint64_t breaks = (mr_v64_eq(block, delimiter) & valid) | newlines;
        if (comment != 0) {
            if (((newlines << 1 | line_start) & mr_v64_eq(block, comment)) != 0) break;
            line_start = newlines >> 63;
        }
        if (MR_UNLIKELY((quotes | c.inside | c.after_close | c.after_cr) != 0)) {
            if (!mask_quoted(block, valid, quotes, newlines, &breaks, &c)) break;
            any_quotes |= quotes;
        } else {
            c.after_break = breaks >> 63;
        }
        const uint32_t first = count;
        count += store_positions(positions + count, breaks, at);
        for (uint64_t rows = newlines & breaks; rows != 0; rows &= rows - 1) {
            const uint64_t through = rows ^ (rows - 1); /* the lowest bit and all below */
            index->ends[records] = first + mr_popcount64(breaks & through);
            index->lines[records++] = lines + mr_popcount64(newlines & through);
        }
        lines += mr_popcount64(newlines);
    }
    index->record_count = records;
    index->has_quotes = any_quotes != 0;
}

static size_t find_special(const char *p, size_t from, size_t to, char delimiter, char quote)
{
    for (size_t at = from; at < to; at += 64) {
        const mr_v64 block = mr_v64_load(p + at);
        const uint64_t hits = mr_v64_eq(block, delimiter) | mr_v64_eq(block, quote) |
                              mr_v64_eq(block, '\n') | mr_v64_eq(block, '\r');
        if (hits == 0) continue;
        const size_t found = at + mr_ctz64(hits);
        return found < to ? found : to;
    }
    return to;
}

const mr_csv_kernel MR_SIMD_FN(mr_csv_kernel) = {index_window, find_special};
