/* SPDX-License-Identifier: MIT
 *
 * core/log_limit.h - holds back log records that repeat too fast; for core/log*.c only.
 *
 * A record passes when fewer than MR_LOG_BURST identical ones passed during the second before it.
 * Others are counted, and a second after the first of them one record tells how many there were.
 *
 * The table has MR_LOG_LIMIT_ENTRIES in sets of MR_LOG_LIMIT_WAYS; a new message takes the place of
 * the one of its set that was seen longest ago. So a flood of different messages can make the
 * limiter forget, never grow.
 *
 * Thread: owned by one thread at a time. */
#ifndef MR_CORE_LOG_LIMIT_H
#define MR_CORE_LOG_LIMIT_H

#include "core/log_line.h"

#define MR_LOG_LIMIT_ENTRIES 64
#define MR_LOG_LIMIT_WAYS    4
#define MR_LOG_SAMPLE_MAX    200 /* bytes of a message that its summary repeats */

typedef struct mr_log_limit_entry {
    uint64_t hash; /* with `used` */
    bool used;
    int64_t passed_ns[MR_LOG_BURST]; /* when the last ones passed; a circle */
    uint32_t passed_count;           /* ever */
    int64_t seen_ns;                 /* the last one, passed or not */
    int64_t suppressed_ns;           /* the first one held back since the last summary */
    uint64_t suppressed;
    mr_log_level level;
    const char *component;
    size_t sample_len;
    char sample[MR_LOG_SAMPLE_MAX];
} mr_log_limit_entry;

typedef struct mr_log_limit {
    mr_log_limit_entry entries[MR_LOG_LIMIT_ENTRIES];
    size_t pending; /* entries that owe a summary */
} mr_log_limit;

/* Takes a summary: a record whose text says how often which message was repeated. */
typedef void mr_log_emit(void *context, const mr_log_record *summary);

/* True when `record` may be written at `now_ns` (monotonic). May emit the summary of a message that
 * it displaces. */
bool mr_log_limit_admit(mr_log_limit *limit, const mr_log_record *record, int64_t now_ns,
                        mr_log_emit *emit, void *context);

/* Emits the summaries that are due, or all that are owed. */
void mr_log_limit_sweep(mr_log_limit *limit, int64_t now_ns, bool all, mr_log_emit *emit,
                        void *context);

#endif
