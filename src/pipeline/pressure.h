/* SPDX-License-Identifier: MIT
 *
 * pipeline/pressure.h - says when a pipeline's queues back up, from how full they are.
 *
 *     fill   0 %          60 %        80 %     95 %    100 %
 *            | easy        | as before | active | critical |
 *
 * Active from 80 % on until it falls below 60 %, so that it does not flicker in between; critical
 * from 95 % on. The source is held back by the queues themselves (a full ring), this tells it.
 *
 * Thread: updated by one (the collector); the figures are read on any. */
#ifndef MR_PIPELINE_PRESSURE_H
#define MR_PIPELINE_PRESSURE_H

#include <stdatomic.h>

#include "core/base.h"

#define MR_PRESSURE_ACTIVE_PERCENT   80
#define MR_PRESSURE_RELEASE_PERCENT  60
#define MR_PRESSURE_CRITICAL_PERCENT 95

typedef struct mr_pressure {
    atomic_bool active, critical;
    atomic_uint_least32_t depth, capacity;  /* jobs that wait, and that may */
    atomic_uint_least64_t active_ns, times; /* in all */
    int64_t since_ns;                       /* when active_ns was last added to */
} mr_pressure;

MR_HOT void mr_pressure_update(mr_pressure *pressure, uint32_t depth, uint32_t capacity,
                               int64_t now_ns);

#endif
