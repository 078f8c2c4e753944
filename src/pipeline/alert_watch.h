/* SPDX-License-Identifier: MIT
 *
 * pipeline/alert_watch.h - looks at a run's figures once a second and does what its alerts say.
 *
 * A line goes to the log when an alert fires and when it is over. Commands and webhooks run on the
 * watch's own thread with a time limit, one after the other, so that records never wait for
 * them; the end of the run waits for what is under way. What they do wrong is a warning. `stop`
 * ends the run with code 1.
 *
 * Thread: open and close belong to the thread that runs; the counts may be read on any. */
#ifndef MR_PIPELINE_ALERT_WATCH_H
#define MR_PIPELINE_ALERT_WATCH_H

#include "pipeline/run.h"

#define MR_ALERT_WATCH_EVERY_NS   INT64_C(1000000000)
#define MR_ALERT_WATCH_COMMAND_NS INT64_C(30000000000) /* then a command is killed */
#define MR_ALERT_WATCH_WEBHOOK_MS 10000

typedef struct mr_alert_watch {
    mr_run *run; /* borrowed */
    const mr_alerts *alerts;
    mr_alert_state states[MR_ALERTS_MAX];
    atomic_uint_least64_t fired[MR_ALERTS_MAX]; /* copies for others to read */
    atomic_bool firing[MR_ALERTS_MAX];
    double values[MR_ALERT_METRICS];
    uint64_t last_read;
    int64_t last_ns;
    pthread_t thread;
    bool started;
    pthread_mutex_t lock; /* with `wake`, guards `closing` */
    pthread_cond_t wake;
    bool closing;
} mr_alert_watch;

/* Starts looking, if the configuration has alerts. `run` must be open. */
MR_NODISCARD mr_code mr_alert_watch_open(mr_alert_watch *watch, mr_run *run, mr_error *err);
/* Looks a last time, and stops. Harmless on a zeroed watch. */
void mr_alert_watch_close(mr_alert_watch *watch);

#endif
