/* SPDX-License-Identifier: MIT */
#include "core/histogram.h"

#include <math.h>

#define SUB_COUNT (1u << MR_HISTOGRAM_SUB_BITS)
#define VALUE_MAX ((UINT64_C(1) << MR_HISTOGRAM_MAX_BITS) - 1)

/* All loads and stores are relaxed: the writer is alone, and a reader wants numbers, not order. */
static uint64_t get(const atomic_uint_least64_t *counter)
{
    return atomic_load_explicit(counter, memory_order_relaxed);
}

static void put(atomic_uint_least64_t *counter, uint64_t value)
{
    atomic_store_explicit(counter, value, memory_order_relaxed);
}

/* The top 7 bits of the value, the highest of which is 1, and how far they were shifted. Buckets of
 * the same shift lie together; shift 0 has twice as many, for it includes the values below 64. */
static size_t bucket_of(uint64_t value)
{
    if (value > VALUE_MAX) value = VALUE_MAX;
    const unsigned top_bit = 63 - (unsigned)__builtin_clzll(value | SUB_COUNT);
    const unsigned shift = top_bit - MR_HISTOGRAM_SUB_BITS;
    return ((size_t)shift << MR_HISTOGRAM_SUB_BITS) + (size_t)(value >> shift);
}

/* The middle of a bucket, rounded down. */
static uint64_t bucket_middle(size_t bucket)
{
    if (bucket < 2 * SUB_COUNT) return bucket;
    const unsigned shift = (unsigned)(bucket >> MR_HISTOGRAM_SUB_BITS) - 1;
    const uint64_t low = (uint64_t)(bucket - ((size_t)shift << MR_HISTOGRAM_SUB_BITS)) << shift;
    return low + ((UINT64_C(1) << shift) - 1) / 2;
}

void mr_histogram_reset(mr_histogram *histogram)
{
    put(&histogram->count, 0);
    put(&histogram->sum, 0);
    put(&histogram->max, 0);
    for (size_t i = 0; i < MR_HISTOGRAM_BUCKETS; i++)
        put(&histogram->buckets[i], 0);
}

void mr_histogram_record(mr_histogram *histogram, uint64_t value_ns)
{
    mr_histogram_record_many(histogram, value_ns, 1);
}

void mr_histogram_record_many(mr_histogram *histogram, uint64_t value_ns, uint64_t times)
{
    if (times == 0) return;
    atomic_uint_least64_t *bucket = &histogram->buckets[bucket_of(value_ns)];
    put(bucket, get(bucket) + times);
    put(&histogram->count, get(&histogram->count) + times);
    put(&histogram->sum, get(&histogram->sum) + value_ns * times);
    if (value_ns > get(&histogram->max)) put(&histogram->max, value_ns);
}

void mr_histogram_merge(mr_histogram *into, const mr_histogram *from)
{
    put(&into->count, get(&into->count) + get(&from->count));
    put(&into->sum, get(&into->sum) + get(&from->sum));
    put(&into->max, mr_max_u64(get(&into->max), get(&from->max)));
    for (size_t i = 0; i < MR_HISTOGRAM_BUCKETS; i++) {
        const uint64_t more = get(&from->buckets[i]);
        if (more != 0) put(&into->buckets[i], get(&into->buckets[i]) + more);
    }
}

uint64_t mr_histogram_count(const mr_histogram *histogram)
{
    return get(&histogram->count);
}

uint64_t mr_histogram_sum(const mr_histogram *histogram)
{
    return get(&histogram->sum);
}

uint64_t mr_histogram_max(const mr_histogram *histogram)
{
    return get(&histogram->max);
}

uint64_t mr_histogram_percentile(const mr_histogram *histogram, double fraction)
{
    const uint64_t count = get(&histogram->count);
    const uint64_t max = get(&histogram->max);
    if (count == 0) return 0;
    if (!(fraction > 0)) fraction = 0;
    if (fraction >= 1) return max;
    uint64_t rank = (uint64_t)ceil(fraction * (double)count);
    if (rank < 1) rank = 1;
    uint64_t seen = 0;
    for (size_t i = 0; i + 1 < MR_HISTOGRAM_BUCKETS; i++) {
        seen += get(&histogram->buckets[i]);
        if (seen >= rank) return mr_min_u64(bucket_middle(i), max);
    }
    return max;
}

void mr_histogram_cumulative(const mr_histogram *histogram, const uint64_t *bounds,
                             size_t bound_count, uint64_t *out, uint64_t *out_total)
{
    uint64_t seen = 0;
    size_t next = 0;
    for (size_t i = 0; i < MR_HISTOGRAM_BUCKETS; i++) {
        const uint64_t here = get(&histogram->buckets[i]);
        if (here == 0) continue;
        while (next < bound_count && bucket_middle(i) > bounds[next])
            out[next++] = seen;
        seen += here;
    }
    while (next < bound_count)
        out[next++] = seen;
    *out_total = seen;
}
