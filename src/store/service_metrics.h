/* SPDX-License-Identifier: MIT
 *
 * store/service_metrics.h - what the service itself counts; the parts below it count the rest.
 *
 *     millrace_http_responses_total{path,code}   path: /rpc, /subscribe, /import, other
 *     millrace_store_disk_bytes{kind}            database, log (what is not yet in the database)
 *     millrace_log_lines_total{what}             written, dropped, suppressed
 *
 * Thread: counting on any; making is cold; figures are read under the registry's lock. */
#ifndef MR_STORE_SERVICE_METRICS_H
#define MR_STORE_SERVICE_METRICS_H

#include "http/server.h"

#define MR_SERVICE_PATHS 4
#define MR_SERVICE_CODES 16

typedef struct mr_service_counters {
    mr_counter responses[MR_SERVICE_PATHS][MR_SERVICE_CODES];
    const char *data_dir; /* borrowed until the registry closes; NULL: in memory */
    int64_t measured_ns;  /* when the next two were; 0: never */
    uint64_t database_bytes, log_bytes;
} mr_service_counters;

/* `count` is zeroed, but for data_dir, and stays where it is until the registry closes. */
MR_NODISCARD mr_code mr_service_counters_make(mr_service_counters *count, mr_metrics *metrics,
                                              mr_error *err);
MR_HOT void mr_service_count(mr_service_counters *count, const mr_http_access *access);

#endif
