/* SPDX-License-Identifier: MIT
 *
 * cli/serve_access.h - the line that each answered request leaves in the log.
 *
 *     2026-01-02T03:04:05.678Z info  http: POST /rpc status=200 ms=0.412 request=0001000000000007
 *
 * Answers from 500 on are errors and are always told, the others at info level when so wanted. The
 * query, which may hold a token, is not part of the path. Nothing waits: when the sink does not
 * take the lines they are dropped and counted (core/log.h).
 *
 * Thread: the loops'. */
#ifndef MR_CLI_SERVE_ACCESS_H
#define MR_CLI_SERVE_ACCESS_H

#include "http/server.h"

/* mr_http_options.on_answer; `context` is NULL when only failures are wanted. */
MR_HOT void mr_serve_log_answer(const mr_http_access *access, void *context);

#endif
