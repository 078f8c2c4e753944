/* SPDX-License-Identifier: MIT
 *
 * http/admin.h - the routes by which a running program is watched.
 *
 *     GET /metrics         the registry; Prometheus text, or OpenMetrics to who accepts it
 *     GET /healthz         200 while the process serves
 *     GET /readyz          200 or 503, as `ready` says
 *     GET /status          a JSON summary, as `status` writes it
 *     GET /debug/heap      the allocator's figures, the arenas by name
 *     GET /debug/threads   every thread with name, state and CPU time
 *
 * Thread: the callbacks run on the server's thread. */
#ifndef MR_HTTP_ADMIN_H
#define MR_HTTP_ADMIN_H

#include "http/server.h"

typedef struct mr_admin {
    mr_metrics *metrics;
    /* NULL: always ready. False with the reason as plain text in `why`. */
    bool (*ready)(void *context, mr_buffer *why);
    /* NULL: version and uptime. Appends one JSON object. */
    mr_code (*status)(void *context, mr_buffer *out, mr_error *err);
    void *context;
    const char *metrics_path; /* NULL: /metrics. Borrowed as long as they are served */
} mr_admin;

/* May the metrics be at `path`: does it begin with a slash, is it made of printable ASCII without
 * `?` and `#`, and none of the other pages'? */
bool mr_admin_can_be_metrics(mr_slice path);

#define MR_ADMIN_ROUTES 6

/* Fills `out` with the routes above. `admin` is borrowed as long as they are served. */
void mr_admin_routes(mr_admin *admin, mr_http_route out[MR_ADMIN_ROUTES]);

#endif
