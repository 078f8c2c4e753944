/* SPDX-License-Identifier: MIT
 *
 * cli/scheduler.h - runs the pipelines of a server when they are due, each in a process of its own:
 * what goes wrong there, and whatever it takes of memory and processor, is not the server's.
 *
 *     mr_scheduler_open()     what there is; the page may be asked for from now on
 *     mr_scheduler_start()    the thread; runs begin
 *     mr_scheduler_stop()     SIGTERM to each run, which keeps its checkpoint; SIGKILL after a
 * while mr_scheduler_close()
 *
 * When a run was last begun is kept in DATA_DIR/pipelines.state. A server that was away when runs
 * were due makes up for them with one.
 *
 * Thread: one for all of it, except mr_scheduler_page(). */
#ifndef MR_CLI_SCHEDULER_H
#define MR_CLI_SCHEDULER_H

#include "cli/serve_pipelines.h"
#include "http/server.h"

typedef struct mr_scheduler mr_scheduler;

/* `pipelines` is borrowed. `data_dir` NULL: nothing is kept. */
MR_NODISCARD mr_code mr_scheduler_open(const mr_serve_pipelines *pipelines, const char *data_dir,
                                       mr_scheduler **out, mr_error *err);
/* Declares the metrics and starts the thread. */
MR_NODISCARD mr_code mr_scheduler_start(mr_scheduler *scheduler, mr_metrics *metrics,
                                        mr_error *err);
/* Harmless without start, and twice. */
void mr_scheduler_stop(mr_scheduler *scheduler, uint32_t grace_ms);
/* NULL is harmless. */
void mr_scheduler_close(mr_scheduler *scheduler);

/* GET /pipelines: what each is doing, when it comes next, how the last run went. Any thread;
 * `context` is the scheduler. */
void mr_scheduler_page(mr_http_request *request, void *context);

#endif
