/* SPDX-License-Identifier: MIT
 *
 * metrics/process.h - what this process costs: CPU, memory, threads, descriptors, allocations.
 *
 * Figures are read when a page is written, from /proc/self, getrusage(), core/mem and core/arena.
 *
 *     millrace_cpu_seconds_total{mode}      user, system
 *     millrace_cpu_utilization              CPUs used between the last two pages
 *     millrace_rss_bytes, millrace_max_rss_bytes, millrace_virtual_bytes
 *     millrace_threads, millrace_open_fds, millrace_max_fds
 *     millrace_page_faults_total{kind}      minor, major
 *     millrace_allocations_total, millrace_allocated_bytes_total,
 * millrace_allocation_bytes_per_second, millrace_live_bytes                   of core/mem
 *     millrace_arena_bytes{arena}           held; arenas of one name are one series
 *     millrace_arena_slack_bytes            held and not handed out, all arenas
 *     millrace_start_time_seconds, millrace_build_info{version}
 *
 * Thread: registering is cold; the figures are read under the registry's lock. */
#ifndef MR_METRICS_PROCESS_H
#define MR_METRICS_PROCESS_H

#include "metrics/registry.h"

#define MR_PROCESS_ARENAS_MAX 64 /* names told apart; further ones are summed as "other" */

typedef struct mr_process_sample {
    uint64_t cpu_user_us, cpu_system_us;
    uint64_t rss_bytes, max_rss_bytes, virtual_bytes;
    uint64_t threads, open_fds, max_fds;
    uint64_t minor_faults, major_faults;
} mr_process_sample;

/* The figures now. What the system does not tell is 0. Allocates nothing. */
MR_HOT void mr_process_sample_now(mr_process_sample *out);

/* Seconds since 1970 at which this process started; 0 when /proc does not say. */
int64_t mr_process_start_seconds(void);

/* Adds the families above to `metrics`; once for a registry. */
MR_NODISCARD mr_code mr_process_metrics(mr_metrics *metrics, mr_error *err);

/* Adds the names other exporters use (process_cpu_seconds_total, process_resident_memory_bytes,
 * process_virtual_memory_bytes, process_open_fds, process_max_fds, process_start_time_seconds). */
MR_NODISCARD mr_code mr_process_standard_metrics(mr_metrics *metrics, mr_error *err);

#endif
