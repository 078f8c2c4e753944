/* SPDX-License-Identifier: MIT
 *
 * core/log.h - one line per event, written by a thread of its own, so that logging never waits.
 *
 *     2026-01-02T03:04:05.678Z info  pipeline: batch written rows=4096 file="a b.csv"
 *     {"time":"2026-01-02T03:04:05.678Z","level":"info","component":"pipeline","message":"batch
 * written", "rows":4096,"file":"a b.csv"}                                             (on one line)
 *
 * A call formats into one of MR_LOG_SLOTS fixed slots; when all are taken the line is dropped, and
 * a later line says how many were. More than MR_LOG_BURST identical lines within a second are held
 * back and summed up in one. A sink that is closed, full or stuck loses lines but never stops or
 * blocks the program.
 *
 * Before mr_log_start() and after mr_log_stop() lines are written to standard error by the caller
 * itself.
 *
 * Only cli/ and the top function of each thread log (errors are returned). Nothing secret is
 * logged.
 *
 * Thread: any; start and stop from one. */
#ifndef MR_CORE_LOG_H
#define MR_CORE_LOG_H

#include "core/error.h"

#define MR_LOG_SLOTS      1024
#define MR_LOG_BURST      10
#define MR_LOG_FIELDS_MAX 8
#define MR_LOG_TEXT_MAX   960 /* message and text of the fields; what is longer is cut */

typedef enum mr_log_level {
    MR_LOG_TRACE,
    MR_LOG_DEBUG,
    MR_LOG_INFO,
    MR_LOG_WARN,
    MR_LOG_ERROR,
} mr_log_level;

typedef struct mr_log_options {
    mr_log_level level; /* lesser ones are not logged */
    bool json;
    const char *path; /* appended to; NULL is standard error */
    bool to_stdout;   /* without a path: standard output instead */
} mr_log_options;

typedef struct mr_log_field {
    const char *key; /* a literal; not time, level, component or message */
    bool is_number;
    int64_t number;
    mr_slice text; /* copied */
} mr_log_field;

#define MR_LOG_TEXT(name, slice) ((mr_log_field){.key = (name), .text = (slice)})
#define MR_LOG_INT(name, value) \
    ((mr_log_field){.key = (name), .is_number = true, .number = (value)})

/* "trace", "debug", "info", "warn", "error" to a level and back. */
bool mr_log_parse_level(mr_slice name, mr_log_level *out);
const char *mr_log_level_name(mr_log_level level);

/* Starts the writer. MR_ERR_IO when the file cannot be opened or the thread not started,
 * MR_ERR_CONFLICT when it runs already. */
MR_NODISCARD mr_code mr_log_start(const mr_log_options *options, mr_error *err);

/* Writes what is waiting, then ends the writer; at most about a second late when the sink is stuck.
 * Harmless when nothing runs. */
void mr_log_stop(void);

/* Changes the level while running. */
void mr_log_set_level(mr_log_level level);
bool mr_log_enabled(mr_log_level level);

/* One line; `component` is a literal. Line ends and control characters cannot break out of it. */
void mr_log(mr_log_level level, const char *component, const char *format, ...) MR_PRINTF(3, 4);

/* The same with fields; past MR_LOG_FIELDS_MAX they are left out. */
void mr_log_with(mr_log_level level, const char *component, const mr_log_field *fields,
                 size_t field_count, const char *format, ...) MR_PRINTF(5, 6);

typedef struct mr_log_stats {
    uint64_t written;    /* lines */
    uint64_t dropped;    /* all slots were taken, or the sink did not accept the line */
    uint64_t suppressed; /* identical to lines just written */
} mr_log_stats;

/* Totals since the process began, for metrics. */
mr_log_stats mr_log_stats_now(void);

#endif
