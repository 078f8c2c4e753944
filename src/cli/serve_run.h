/* SPDX-License-Identifier: MIT
 *
 * cli/serve_run.h - a server from its start to its end: signals, the service manager, the log.
 *
 *     SIGTERM, SIGINT   no new connections, subscriptions end, running requests finish, exit 0
 *     a second one      exit at once with 128 + its number; what was acknowledged is on the disk
 *     SIGHUP            TLS files are read again, the log file is opened again
 *
 * Thread: main thread. */
#ifndef MR_CLI_SERVE_RUN_H
#define MR_CLI_SERVE_RUN_H

#include "cli/serve_config.h"

/* Serves until told to stop; `config` is finished. Returns the exit code. A failed start is one
 * line: of the log when `log_failures`, else "millrace: ..." on standard error. */
int mr_serve_run(const mr_serve_config *config, bool log_failures);

#endif
