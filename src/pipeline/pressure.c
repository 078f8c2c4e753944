/* SPDX-License-Identifier: MIT */
#include "pipeline/pressure.h"

void mr_pressure_update(mr_pressure *p, uint32_t depth, uint32_t capacity, int64_t now_ns)
{
    const uint64_t percent = capacity > 0 ? (uint64_t)depth * 100 / capacity : 0;
    const bool was = atomic_load_explicit(&p->active, memory_order_relaxed);
    if (was && now_ns > p->since_ns)
        atomic_fetch_add_explicit(&p->active_ns, (uint64_t)(now_ns - p->since_ns),
                                  memory_order_relaxed);
    p->since_ns = now_ns;
    const bool is = percent >= (was ? MR_PRESSURE_RELEASE_PERCENT : MR_PRESSURE_ACTIVE_PERCENT);
    if (is && !was) atomic_fetch_add_explicit(&p->times, 1, memory_order_relaxed);
    atomic_store_explicit(&p->active, is, memory_order_relaxed);
    atomic_store_explicit(&p->critical, percent >= MR_PRESSURE_CRITICAL_PERCENT,
                          memory_order_relaxed);
    atomic_store_explicit(&p->depth, depth, memory_order_relaxed);
    atomic_store_explicit(&p->capacity, capacity, memory_order_relaxed);
}
