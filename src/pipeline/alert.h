/* SPDX-License-Identifier: MIT
 *
 * pipeline/alert.h - a condition on a run's figures that somebody wants to hear of.
 *
 *     alerts:
 *       - name: Slow                            fires when the rate was below it for a minute,
 * once, condition: throughput < 500000        and is over when it is not any more for: 1m severity:
 * warning action: exec                          log | exec | webhook | stop command: mail -s
 * "$MILLRACE_ALERT_NAME" ops@example.org
 *       - HighLatency                           one that is shipped; `alerts: default` is all of
 * them
 *
 * A condition is METRIC, one of < <= > >= == !=, and a number with the unit of the metric: 5ms,
 * 2GiB, 10%, 500000 rec/s. What is known of a metric is nothing before the run has it; then the
 * condition does not hold.
 *
 * Thread: alerts are constant once read; a state belongs to the thread that looks. */
#ifndef MR_PIPELINE_ALERT_H
#define MR_PIPELINE_ALERT_H

#include "core/option.h"
#include "core/tree.h"

#define MR_ALERTS_MAX 64

typedef enum mr_alert_metric {
    MR_ALERT_THROUGHPUT, /* records read a second, since the last look */
    MR_ALERT_P50,        /* latency of records, in ns */
    MR_ALERT_P95,
    MR_ALERT_P99,
    MR_ALERT_BYTES_PER_RECORD, /* of the store of records */
    MR_ALERT_TRIM_STALL,       /* the longest time that giving memory back took, in ns */
    MR_ALERT_READ,
    MR_ALERT_WRITTEN,
    MR_ALERT_REJECTED,
    MR_ALERT_REJECTED_PERCENT,
    MR_ALERT_MEMORY, /* bytes allocated */
    MR_ALERT_RSS,
    MR_ALERT_RETRIES,
    MR_ALERT_CIRCUIT,      /* 0 closed, 1 open, 2 half open: the worse of both ends */
    MR_ALERT_BACKPRESSURE, /* 0 or 1 */
    MR_ALERT_RUNNING,      /* since the run began, in ns */
    MR_ALERT_METRICS
} mr_alert_metric;

typedef enum mr_alert_severity {
    MR_ALERT_INFO,
    MR_ALERT_WARNING,
    MR_ALERT_CRITICAL
} mr_alert_severity;

typedef enum mr_alert_action {
    MR_ALERT_LOG,     /* a line in the log, which each of the others writes too */
    MR_ALERT_EXEC,    /* a command for the shell */
    MR_ALERT_WEBHOOK, /* a POST with a JSON object */
    MR_ALERT_STOP,    /* ends the run, which has failed then */
} mr_alert_action;

typedef struct mr_alert_condition {
    mr_alert_metric metric;
    enum { MR_ALERT_LT, MR_ALERT_LE, MR_ALERT_GT, MR_ALERT_GE, MR_ALERT_EQ, MR_ALERT_NE } op;
    double threshold; /* in the metric's unit */
} mr_alert_condition;

typedef struct mr_alert {
    const char *name;
    const char *condition_text; /* as written */
    mr_alert_condition condition;
    int64_t for_ns; /* how long it must hold */
    int severity, action;
    const char *command, *url;
} mr_alert;

typedef struct mr_alerts {
    mr_alert *items;
    uint32_t count;
} mr_alerts;

/* The keys of one alert. */
extern const mr_option mr_alert_table[];

/* Reads `alerts:` of a file: a list of alerts and of names of shipped ones, or "default".
 * MR_ERR_USAGE with the place in the file. */
MR_NODISCARD mr_code mr_alerts_from_tree(mr_alerts *alerts, const mr_tree *tree,
                                         const mr_node *node, mr_arena *arena, mr_error *err);

/* "throughput < 500000". MR_ERR_USAGE says what is expected, with the nearest metric. */
MR_NODISCARD mr_code mr_alert_parse(mr_slice text, mr_alert_condition *out, mr_error *err);

const char *mr_alert_severity_name(int severity);
/* The name of a shipped alert, for number `at`; NULL behind the last. */
const char *mr_alert_shipped(size_t at);

typedef struct mr_alert_state {
    bool holds, firing;
    int64_t since_ns; /* since when it holds */
    uint64_t fired;   /* how often */
} mr_alert_state;

typedef enum mr_alert_turn { MR_ALERT_SAME, MR_ALERT_FIRES, MR_ALERT_ENDS } mr_alert_turn;

/* Looks at a value; NaN is one that is not known. */
mr_alert_turn mr_alert_look(const mr_alert *alert, mr_alert_state *state, double value,
                            int64_t now_ns);

/* The value as a person writes it: 5.2ms, 1.5GiB, 12. `size` at least 32. */
void mr_alert_value_text(mr_alert_metric metric, double value, char *out, size_t size);

#endif
