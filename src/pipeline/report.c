/* SPDX-License-Identifier: MIT */
#include "pipeline/report.h"

#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/json.h"
#include "core/mem.h"
#include "metrics/process.h"

#define NS_PER_SECOND 1000000000.0
#define LINE_EVERY_NS ((int64_t)1000 * 1000 * 1000)

static void percentiles(uint64_t out_us[3], const mr_histogram *histogram)
{
    static const double wanted[3] = {0.50, 0.95, 0.99};
    for (int i = 0; i < 3; i++)
        out_us[i] = mr_histogram_percentile(histogram, wanted[i]) / 1000;
}

void mr_report_measure(mr_report *report, const mr_engine_view *view)
{
    mr_process_sample sample; /* not ru_maxrss: a child starts with its parent's */
    mr_process_sample_now(&sample);
    report->max_rss_bytes = sample.max_rss_bytes;
    report->cpu_seconds = (double)mr_clock_cpu_ns() / NS_PER_SECOND;
    report->allocs = mr_mem_stats_now().alloc_count;
    percentiles(report->latency_us, &view->latency);
    percentiles(report->queue_wait_us, &view->queue_wait);
}

static void put_percentiles(mr_json_out *json, const char *key, const uint64_t us[3])
{
    static const char *const names[3] = {"p50", "p95", "p99"};
    mr_json_key(json, key);
    mr_json_open(json, '{');
    for (int i = 0; i < 3; i++)
        mr_json_key(json, names[i]), mr_json_u64(json, us[i]);
    mr_json_close(json, '}');
}

static void put_counts(mr_json_out *json, const mr_report *r)
{
    const struct {
        const char *key;
        uint64_t value;
    } counts[] = {
        {"read", r->ledger.read},
        {"written", r->ledger.written},
        {"rejected", r->ledger.rejected},
        {"filtered", r->ledger.filtered},
        {"deduplicated", r->ledger.deduplicated},
        {"aggregated", r->ledger.aggregated},
        {"blank_lines", r->ledger.blank_lines},
        {"bytes_in", r->bytes_in},
        {"bytes_out", r->bytes_out},
    };
    for (size_t i = 0; i < MR_COUNT_OF(counts); i++)
        mr_json_key(json, counts[i].key), mr_json_u64(json, counts[i].value);
}

static void put_reasons(mr_json_out *json, const mr_ledger *ledger)
{
    mr_json_key(json, "rejected_by_reason");
    mr_json_open(json, '{');
    for (int i = 0; i < MR_REASON_COUNT; i++)
        if (ledger->by_reason[i] > 0)
            mr_json_key(json, mr_reason_name((mr_reason)i)),
                mr_json_u64(json, ledger->by_reason[i]);
    mr_json_close(json, '}');
}

static void put_store(mr_json_out *json, const mr_report *r)
{
    mr_json_key(json, "store");
    mr_json_open(json, '{');
    mr_json_key(json, "mode"), mr_json_text(json, mr_slice_text(r->store_mode));
    mr_json_key(json, "bytes_per_record"), mr_json_f64(json, r->store_bytes_per_record, 2);
    mr_json_key(json, "peak"), mr_json_f64(json, r->store_peak_bytes_per_record, 2);
    mr_json_key(json, "switches"), mr_json_u64(json, r->store_switches);
    mr_json_key(json, "compression_ratio"), mr_json_f64(json, r->store_compression_ratio, 2);
    mr_json_close(json, '}');
}

/* Of what this run has read itself. */
static double rate_of(const mr_report *r)
{
    const uint64_t read = r->ledger.read - r->resumed_read;
    return r->seconds > 0 ? (double)read / r->seconds : 0;
}

/* Of the cores that the run's threads could have used. */
static double utilization(const mr_report *r)
{
    const double cores = (double)sysconf(_SC_NPROCESSORS_ONLN);
    const double could = r->thread_count < cores ? (double)r->thread_count : cores;
    return r->seconds > 0 && could > 0 ? r->cpu_seconds / (r->seconds * could) : 0;
}

/* null when this pipeline can have none; `reason` then says why. */
static void put_checkpoint(mr_json_out *json, const mr_report *r)
{
    mr_json_key(json, "checkpoint");
    if (r->checkpoint_id == NULL) {
        mr_json_null(json);
        return;
    }
    mr_json_open(json, '{');
    mr_json_key(json, "pipeline"), mr_json_text(json, mr_slice_text(r->checkpoint_id));
    mr_json_key(json, "made"), mr_json_u64(json, r->checkpoints_made);
    mr_json_key(json, "resumed_from");
    r->resumed ? mr_json_u64(json, r->resumed_read) : mr_json_null(json);
    mr_json_key(json, "state_kept"), mr_json_bool(json, r->state_kept);
    mr_json_key(json, "none_because");
    r->no_checkpoints_why != NULL ? mr_json_text(json, mr_slice_text(r->no_checkpoints_why))
                                  : mr_json_null(json);
    mr_json_close(json, '}');
}

/* Where the next run of an incremental load begins; null when it is none. */
static void put_watermark(mr_json_out *json, const mr_report *r)
{
    mr_json_key(json, "watermark");
    if (r->cursor.len == 0) {
        mr_json_null(json);
        return;
    }
    mr_json_open(json, '{');
    mr_json_key(json, "cursor"), mr_json_text(json, r->cursor);
    mr_json_key(json, "value");
    r->value.len > 0 ? mr_json_text(json, r->value) : mr_json_null(json);
    mr_json_close(json, '}');
}

mr_code mr_report_json(const mr_report *r, mr_buffer *out, mr_error *err)
{
    mr_json_out json = {.out = out};
    mr_json_open(&json, '{');
    mr_json_key(&json, "status"), mr_json_text(&json, mr_slice_text(r->status));
    put_counts(&json, r);
    put_reasons(&json, &r->ledger);
    mr_json_key(&json, "seconds"), mr_json_f64(&json, r->seconds, 6);
    mr_json_key(&json, "records_per_sec"), mr_json_f64(&json, rate_of(r), 0);
    put_percentiles(&json, "latency_us", r->latency_us);
    put_percentiles(&json, "queue_wait_us", r->queue_wait_us);
    put_store(&json, r);
    mr_json_key(&json, "cpu_utilization"), mr_json_f64(&json, utilization(r), 3);
    mr_json_key(&json, "max_rss"), mr_json_u64(&json, r->max_rss_bytes);
    mr_json_key(&json, "allocs"), mr_json_u64(&json, r->allocs);
    put_checkpoint(&json, r);
    put_watermark(&json, r);
    mr_json_key(&json, "guarantee"), mr_json_text(&json, mr_slice_text(r->guarantee));
    mr_json_key(&json, "rejects_path");
    r->rejects_path ? mr_json_text(&json, mr_slice_text(r->rejects_path)) : mr_json_null(&json);
    mr_json_key(&json, "schema_changes"), mr_json_u64(&json, r->schema_changes);
    mr_json_key(&json, "discarded_values"), mr_json_u64(&json, r->discarded_values);
    mr_json_key(&json, "rejects_not_kept"), mr_json_u64(&json, r->rejects_dropped);
    mr_json_key(&json, "error");
    r->error.code != MR_OK ? mr_json_text(&json, mr_slice_text(r->error.text))
                           : mr_json_null(&json);
    mr_json_close(&json, '}');
    if (json.failed) return mr_json_out_fail(&json, err);
    return mr_buffer_append_byte(out, '\n', err);
}

/* 1234567 -> "1,234,567". `out` has room for 32 bytes. */
static const char *grouped(char *out, uint64_t value)
{
    char digits[32];
    const int len = snprintf(digits, sizeof digits, "%" PRIu64, value);
    char *to = out;
    for (int i = 0; i < len; i++) {
        if (i > 0 && (len - i) % 3 == 0) *to++ = ',';
        *to++ = digits[i];
    }
    *to = 0;
    return out;
}

static const char *human_rate(char out[32], double rate)
{
    if (rate >= 1e6)
        snprintf(out, 32, "%.2f M/s", rate / 1e6);
    else if (rate >= 1e3)
        snprintf(out, 32, "%.0f k/s", rate / 1e3);
    else
        snprintf(out, 32, "%.0f /s", rate);
    return out;
}

static mr_code put_reasons_of(const mr_report *r, mr_buffer *out, mr_error *err)
{
    char count[32];
    const char *before = "";
    for (int i = 0; i < MR_REASON_COUNT; i++) {
        if (r->ledger.by_reason[i] == 0) continue;
        MR_TRY(mr_buffer_printf(out, err, "%s%s %s", before, grouped(count, r->ledger.by_reason[i]),
                                mr_reason_name((mr_reason)i)));
        before = ", ";
    }
    return MR_OK;
}

mr_code mr_report_warning(const mr_report *r, mr_buffer *out, mr_error *err)
{
    char count[32];
    if (r->ledger.rejected == 0) return MR_OK;
    MR_TRY(mr_buffer_printf(out, err, "%s record%s rejected: ", grouped(count, r->ledger.rejected),
                            r->ledger.rejected == 1 ? "" : "s"));
    MR_TRY(put_reasons_of(r, out, err));
    if (r->rejects_path != NULL) MR_TRY(mr_buffer_printf(out, err, "; see %s", r->rejects_path));
    if (r->rejects_files > 1) MR_TRY(mr_buffer_printf(out, err, " to .%u", r->rejects_files));
    if (r->rejects_dropped == 0) return MR_OK;
    return mr_buffer_printf(out, err, " (%s not kept: dead_letter.max)",
                            grouped(count, r->rejects_dropped));
}

static mr_code put_reject_lines(const mr_report *r, mr_buffer *out, mr_error *err)
{
    if (r->ledger.rejected == 0) return MR_OK;
    MR_TRY(mr_buffer_printf(out, err, "  warning: "));
    MR_TRY(mr_report_warning(r, out, err));
    return mr_buffer_append_byte(out, '\n', err);
}

/* "  3 duplicates", and nothing for none. */
static mr_code put_count(mr_buffer *out, uint64_t count, const char *one, const char *many,
                         mr_error *err)
{
    char number[32];
    if (count == 0) return MR_OK;
    return mr_buffer_printf(out, err, "  %s %s\n", grouped(number, count), count == 1 ? one : many);
}

/* The status as people write it: "done with rejects". */
static mr_code put_status(const mr_report *r, mr_buffer *out, mr_error *err)
{
    for (const char *c = r->status; *c != 0; c++)
        MR_TRY(mr_buffer_append_byte(out, *c == '_' ? ' ' : *c, err));
    return MR_OK;
}

mr_code mr_report_text(const mr_report *r, mr_buffer *out, mr_error *err)
{
    char read[32], written[32], rate[32];
    MR_TRY(put_status(r, out, err));
    if (strcmp(r->status, "nothing_new") == 0)
        return mr_buffer_printf(
            out, err, ": all files were taken by earlier runs; the target stays as it is\n");
    MR_TRY(mr_buffer_printf(out, err,
                            ": %s record%s read, %s written in %.3f s (%s), peak memory %.1f MB\n",
                            grouped(read, r->ledger.read), r->ledger.read == 1 ? "" : "s",
                            grouped(written, r->ledger.written), r->seconds,
                            human_rate(rate, rate_of(r)), (double)r->max_rss_bytes / 1e6));
    if (r->resumed)
        MR_TRY(mr_buffer_printf(out, err,
                                "  %s of them by an earlier run, which this one went on "
                                "from\n",
                                grouped(read, r->resumed_read)));
    MR_TRY(put_count(out, r->ledger.filtered, "filtered", "filtered", err));
    MR_TRY(put_count(out, r->ledger.deduplicated, "duplicate", "duplicates", err));
    MR_TRY(put_count(out, r->ledger.aggregated, "went into a group with others",
                     "went into groups with others", err));
    MR_TRY(put_count(out, r->ledger.blank_lines, "blank line skipped", "blank lines skipped", err));
    MR_TRY(put_count(out, r->ledger.duplicate_keys, "duplicate key: the last value was taken",
                     "duplicate keys: the last value was taken", err));
    if (r->schema_changes > 0)
        MR_TRY(mr_buffer_printf(out, err, "  %s change%s of the schema; see %s\n",
                                grouped(read, r->schema_changes), r->schema_changes == 1 ? "" : "s",
                                r->schema_path));
    MR_TRY(put_count(out, r->discarded_values, "value left out (drift: discard_value)",
                     "values left out (drift: discard_value)", err));
    return put_reject_lines(r, out, err);
}

void mr_progress_begin(mr_progress *progress, mr_progress_form form, const char *stage)
{
    if (form == MR_PROGRESS_AUTO && !isatty(STDERR_FILENO)) form = MR_PROGRESS_OFF;
    progress->form = form;
    progress->stage = stage;
    progress->begun_ns = mr_clock_ns();
    progress->next_ns = progress->begun_ns + (form == MR_PROGRESS_AUTO ? 0 : LINE_EVERY_NS);
}

static void show_line(const mr_progress *p, double seconds, uint64_t done, uint64_t total)
{
    char read[32], rate[32], bad[32], eta[32] = "";
    const uint64_t records = atomic_load_explicit(&p->view->read, memory_order_relaxed);
    const uint64_t rejected = atomic_load_explicit(&p->view->rejected, memory_order_relaxed);
    const double memory = (double)mr_mem_stats_now().live_bytes / 1e6;
    if (total > 0 && done > 0 && done <= total) {
        const double left = seconds * (double)(total - done) / (double)done;
        snprintf(eta, sizeof eta, "%3.0f%%  ETA %d:%02d  ", 100.0 * (double)done / (double)total,
                 (int)left / 60, (int)left % 60);
    }
    const char *const waiting = p->waiting != NULL ? p->waiting(p->waiting_context) : NULL;
    fprintf(stderr, "%s%s  %s%s records  %s  %s rejected  %.0f MB%s%s%s",
            p->form == MR_PROGRESS_AUTO ? "\r" : "", p->stage, eta, grouped(read, records),
            human_rate(rate, seconds > 0 ? (double)records / seconds : 0), grouped(bad, rejected),
            memory, waiting != NULL ? "  waiting for the " : "", waiting != NULL ? waiting : "",
            p->form == MR_PROGRESS_AUTO ? "\033[K" : "\n");
    fflush(stderr);
}

static void show_json(const mr_progress *p, double seconds, uint64_t done, uint64_t total)
{
    const char *const waiting = p->waiting != NULL ? p->waiting(p->waiting_context) : NULL;
    fprintf(stderr,
            "{\"stage\":\"%s\",\"read\":%" PRIu64 ",\"written\":%" PRIu64 ",\"rejected\":%" PRIu64
            ",\"bytes_done\":%" PRIu64 ",\"bytes_total\":%" PRIu64
            ",\"seconds\":%.3f,\"live_bytes\":%" PRIu64 ",\"waiting\":%s%s%s}\n",
            p->stage, (uint64_t)atomic_load(&p->view->read),
            (uint64_t)atomic_load(&p->view->written), (uint64_t)atomic_load(&p->view->rejected),
            done, total, seconds, mr_mem_stats_now().live_bytes, waiting != NULL ? "\"" : "",
            waiting != NULL ? waiting : "null", waiting != NULL ? "\"" : "");
}

void mr_progress_tick(mr_progress *p)
{
    const int64_t now = mr_clock_ns();
    if (p->form == MR_PROGRESS_OFF || now < p->next_ns) return;
    uint64_t done = 0, total = 0;
    if (p->position != NULL) p->position(p->position_context, &done, &total);
    const double seconds = (double)(now - p->begun_ns) / NS_PER_SECOND;
    if (p->form == MR_PROGRESS_JSON)
        show_json(p, seconds, done, total);
    else
        show_line(p, seconds, done, total);
    p->shown = true;
    p->next_ns = now + (p->form == MR_PROGRESS_AUTO ? 0 : LINE_EVERY_NS);
}

void mr_progress_end(mr_progress *p)
{
    if (p->form == MR_PROGRESS_AUTO && p->shown) fputs("\r\033[K", stderr);
    p->shown = false;
    p->form = MR_PROGRESS_OFF; /* until it begins again */
}
