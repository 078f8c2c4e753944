/* SPDX-License-Identifier: MIT
 *
 * pipeline/report.h - what a run did, as one JSON object, as a few lines for a person, and while it
 * runs as a progress line.
 *
 * Thread: the collector's; mr_report itself is a value. */
#ifndef MR_PIPELINE_REPORT_H
#define MR_PIPELINE_REPORT_H

#include "pipeline/config.h"
#include "pipeline/engine.h"

typedef struct mr_report {
    const char *status; /* done, rejected, failed, reject_limit, timeout, interrupted */
    int exit_code;
    mr_ledger ledger;
    uint64_t bytes_in, bytes_out;
    double seconds;
    double cpu_seconds;
    uint32_t thread_count; /* that could have been busy: cpu_utilization is of these, at most the
                              cores */
    uint64_t max_rss_bytes;
    uint64_t allocs;
    uint64_t latency_us[3], queue_wait_us[3]; /* p50, p95, p99 */
    const char *store_mode;
    double store_bytes_per_record, store_peak_bytes_per_record, store_compression_ratio;
    uint64_t store_switches;
    const char *from, *to;                     /* as the user named them */
    const char *rejects_path;                  /* NULL when nothing was rejected */
    uint64_t schema_changes, discarded_values; /* see pipeline/expect.h */
    const char *schema_path;                   /* the file that tells the changes */
    uint64_t rejects_dropped;                  /* beyond dead_letter.max: counted, not kept */
    uint32_t rejects_files;
    const char *guarantee;
    uint64_t checkpoints_made;
    const char *checkpoint_id;      /* the pipeline's; NULL when states were not looked at */
    const char *no_checkpoints_why; /* NULL when there are some, or nobody asked */
    bool state_kept;                /* a later run goes on where this one was */
    bool resumed;                   /* this run went on behind `resumed_read` records */
    uint64_t resumed_read;
    mr_slice cursor, value; /* how far an incremental load has come; empty when it is none */
    mr_error error;
} mr_report;

/* Fills the parts that come from the process and from the view. */
void mr_report_measure(mr_report *report, const mr_engine_view *view);

/* One JSON object on one line, LF included (section 7, --summary json). */
MR_NODISCARD mr_code mr_report_json(const mr_report *report, mr_buffer *out, mr_error *err);

/* The closing lines for a person. */
MR_NODISCARD mr_code mr_report_text(const mr_report *report, mr_buffer *out, mr_error *err);

/* The warning that ends a run with rejects: their number by reason and where they are, on one line.
 * Nothing without rejects. */
MR_NODISCARD mr_code mr_report_warning(const mr_report *report, mr_buffer *out, mr_error *err);

typedef struct mr_progress {
    mr_progress_form form;
    const mr_engine_view *view;
    void (*position)(void *context, uint64_t *out_done, uint64_t *out_total);
    void *position_context;
    const char *(*waiting)(void *context); /* which end is waited for; NULL = none. May be NULL */
    void *waiting_context;
    const char *stage;
    int64_t begun_ns, next_ns;
    bool shown;
} mr_progress;

void mr_progress_begin(mr_progress *progress, mr_progress_form form, const char *stage);
/* Shows where things stand when it is time to. */
void mr_progress_tick(mr_progress *progress);
/* Clears the line on a terminal. */
void mr_progress_end(mr_progress *progress);

#endif
