/* SPDX-License-Identifier: MIT
 *
 * http/group.h - one address served by several servers, each a loop with a thread of its own.
 *
 *     connections  ->  the kernel deals them out (SO_REUSEPORT)  ->  loop 1, loop 2, ...
 *
 * A connection stays with its loop, so handlers run on several threads but all of one request on
 * one. mr_http_loop(request) is that loop: what belongs to its connections, such as a subscription,
 * posts jobs and sets timers there. connections_max and bodies_bytes_max hold for all loops
 * together, the other limits for each; metrics are shared.
 *
 * Thread: owned by one thread, as a server is. */
#ifndef MR_HTTP_GROUP_H
#define MR_HTTP_GROUP_H

#include "http/server.h"

#define MR_HTTP_LOOPS_MAX 64

typedef struct mr_http_group mr_http_group;

/* Opens `loops` (1 to MR_HTTP_LOOPS_MAX) servers; `options->reuse_port` is set as needed. With port
 * 0 all have the same free one. A port that another process listens on is MR_ERR_IO, also when that
 * one would share it. `options->on_answer` is called on every loop's thread. */
MR_NODISCARD mr_code mr_http_group_open(const mr_http_options *options, uint32_t loops,
                                        mr_http_group **out, mr_error *err);
/* All or none. */
MR_NODISCARD mr_code mr_http_group_start(mr_http_group *group, mr_error *err);

const char *mr_http_group_address(const mr_http_group *group);
uint16_t mr_http_group_port(const mr_http_group *group);

/* As those of a server; all stop at the same time. */
void mr_http_group_stop(mr_http_group *group, uint32_t grace_ms);
void mr_http_group_close(mr_http_group *group);

#endif
