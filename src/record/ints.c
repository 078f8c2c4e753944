/* SPDX-License-Identifier: MIT */
#include "record/ints.h"

static const char *const kind_names[MR_INTS_KIND_COUNT] = {
    [MR_INTS_FOR] = "for",   [MR_INTS_LINEAR] = "linear", [MR_INTS_DELTA] = "delta",
    [MR_INTS_RUNS] = "runs", [MR_INTS_DICT] = "dict",
};

const char *mr_ints_kind_name(mr_ints_kind kind)
{
    return kind_names[kind];
}

static const mr_ints *first_inner(const mr_ints *ints)
{
    return ints + 1; /* follows the head */
}

static const mr_ints *second_inner(const mr_ints *ints)
{
    return (const mr_ints *)(const void *)((const char *)(ints + 1) + ints->first_bytes);
}

static const uint8_t *packed_of(const mr_ints *ints)
{
    return (const uint8_t *)(ints + 1) + ints->first_bytes + ints->second_bytes;
}

MR_INLINE uint64_t line_at(const mr_ints *ints, uint32_t index)
{
    return (uint64_t)((int64_t)((uint64_t)ints->slope * index + (uint64_t)ints->intercept) >>
                      ints->shift);
}

static uint64_t delta_at(const mr_ints *ints, uint32_t index)
{
    const uint32_t block = index / MR_INTS_BLOCK, steps = index % MR_INTS_BLOCK;
    uint64_t value = (uint64_t)mr_ints_get(first_inner(ints), block);
    value += (uint64_t)ints->slope * steps;
    const uint8_t *packed = packed_of(ints);
    for (uint32_t i = 0; i < steps; i++)
        value += mr_bitpack_get(packed, (uint64_t)block * (MR_INTS_BLOCK - 1) + i, ints->width);
    return value;
}

/* The run that element `index` lies in: the first whose end is beyond it. */
static uint32_t run_of(const mr_ints *ends, uint32_t index)
{
    uint32_t low = 0, high = ends->count - 1;
    while (low < high) {
        const uint32_t middle = low + (high - low) / 2;
        if (mr_ints_get(ends, middle) > (int64_t)index)
            high = middle;
        else
            low = middle + 1;
    }
    return low;
}

static uint64_t unscaled_at(const mr_ints *ints, uint32_t index)
{
    const mr_ints *first = first_inner(ints);
    switch ((mr_ints_kind)ints->kind) {
    case MR_INTS_FOR: return mr_bitpack_get(packed_of(ints), index, ints->width);
    case MR_INTS_LINEAR:
        return line_at(ints, index) - mr_bitpack_get(packed_of(ints), index, ints->width);
    case MR_INTS_DELTA: return delta_at(ints, index);
    case MR_INTS_RUNS: return (uint64_t)mr_ints_get(second_inner(ints), run_of(first, index));
    case MR_INTS_DICT:
        return (uint64_t)mr_ints_get(first,
                                     (uint32_t)mr_bitpack_get(packed_of(ints), index, ints->width));
    case MR_INTS_KIND_COUNT: break;
    }
    return 0;
}

int64_t mr_ints_get(const mr_ints *ints, uint32_t index)
{
    MR_DCHECK(index < ints->count);
    return (int64_t)(ints->base + ints->factor * unscaled_at(ints, index));
}

static void read_linear(const mr_ints *ints, uint32_t first, uint32_t count, uint64_t *out)
{
    mr_bitpack_unpack(packed_of(ints), first, count, ints->width, 0, 1, out);
    for (uint32_t i = 0; i < count; i++)
        out[i] = ints->base + ints->factor * (line_at(ints, first + i) - out[i]);
}

static void read_delta(const mr_ints *ints, uint32_t first, uint32_t count, uint64_t *out)
{
    const uint8_t *packed = packed_of(ints);
    uint64_t value = count > 0 ? delta_at(ints, first) : 0;
    for (uint32_t i = 0; i < count; i++) {
        const uint32_t index = first + i, block = index / MR_INTS_BLOCK;
        if (i > 0 && index % MR_INTS_BLOCK == 0)
            value = (uint64_t)mr_ints_get(first_inner(ints), block);
        else if (i > 0)
            value += (uint64_t)ints->slope + mr_bitpack_get(packed, index - block - 1, ints->width);
        out[i] = ints->base + ints->factor * value;
    }
}

static void read_runs(const mr_ints *ints, uint32_t first, uint32_t count, uint64_t *out)
{
    const mr_ints *ends = first_inner(ints), *values = second_inner(ints);
    uint32_t run = count > 0 ? run_of(ends, first) : 0;
    for (uint32_t i = 0; i < count; run++) {
        const uint64_t end = (uint64_t)mr_ints_get(ends, run) - first;
        const uint32_t stop = (uint32_t)mr_min_u64(end, count);
        const uint64_t value = ints->base + ints->factor * (uint64_t)mr_ints_get(values, run);
        while (i < stop)
            out[i++] = value;
    }
}

static void read_dict(const mr_ints *ints, uint32_t first, uint32_t count, uint64_t *out)
{
    const mr_ints *values = first_inner(ints);
    mr_bitpack_unpack(packed_of(ints), first, count, ints->width, 0, 1, out);
    for (uint32_t i = 0; i < count; i++)
        out[i] = ints->base + ints->factor * (uint64_t)mr_ints_get(values, (uint32_t)out[i]);
}

void mr_ints_read(const mr_ints *ints, uint32_t first, uint32_t count, int64_t *out)
{
    MR_DCHECK(first <= ints->count && count <= ints->count - first);
    uint64_t *to = (uint64_t *)out; /* signed and unsigned of one width may alias */
    switch ((mr_ints_kind)ints->kind) {
    case MR_INTS_FOR:
        mr_bitpack_unpack(packed_of(ints), first, count, ints->width, ints->base, ints->factor, to);
        break;
    case MR_INTS_LINEAR: read_linear(ints, first, count, to); break;
    case MR_INTS_DELTA: read_delta(ints, first, count, to); break;
    case MR_INTS_RUNS: read_runs(ints, first, count, to); break;
    case MR_INTS_DICT: read_dict(ints, first, count, to); break;
    case MR_INTS_KIND_COUNT: break;
    }
}
