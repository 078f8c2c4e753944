/* SPDX-License-Identifier: MIT
 *
 * pipeline/monitor.h - a run as Prometheus metrics and as a JSON status, served while it goes on
 * (specs/pipeline.md section 11, `--metrics ADDRESS`).
 *
 * Reads the run's view, whose counters are atomics; what the collector alone owns (the store's
 * figures) the run shares under a lock, every tick: mr_run_store_stats().
 *
 * Thread: open and close belong to the thread that runs; the pages are written on the server's. */
#ifndef MR_PIPELINE_MONITOR_H
#define MR_PIPELINE_MONITOR_H

#include "http/admin.h"
#include "pipeline/alert_watch.h"
#include "pipeline/run.h"

typedef struct mr_monitor {
    mr_run *run;                  /* borrowed */
    const mr_alert_watch *alerts; /* borrowed */
    mr_metrics *metrics;
    mr_admin admin;
    mr_http_route routes[MR_ADMIN_ROUTES];
    mr_http_server *server;
    mr_slice labels[2]; /* source, destination */
} mr_monitor;

/* Listens on `address` and serves until closed. `run` and `alerts` must be open. */
MR_NODISCARD mr_code mr_monitor_open(mr_monitor *monitor, mr_run *run, const mr_alert_watch *alerts,
                                     mr_slice address, mr_error *err);
/* "127.0.0.1:9090" as bound. */
const char *mr_monitor_address(const mr_monitor *monitor);
/* Harmless on a zeroed monitor. */
void mr_monitor_close(mr_monitor *monitor);

#endif
