/* SPDX-License-Identifier: MIT
 *
 * http/listen.h - where to listen, as people write it.
 *
 *     9090, :9090, localhost:9090     127.0.0.1 and [::1]
 *     127.0.0.1:9090, [::1]:9090      that one
 *     0.0.0.0:9090, [::]:9090         all of one family
 *     *:9090                          all of both
 *
 *     fd:3, fd:3-4                    listening sockets that were handed to this process
 *
 * Port 0 is any free port, the same for both families.
 *
 * Thread: pure but for the sockets it opens. */
#ifndef MR_HTTP_LISTEN_H
#define MR_HTTP_LISTEN_H

#include <sys/socket.h>

#include "core/error.h"

#define MR_LISTEN_SOCKETS_MAX 2

typedef struct mr_listen_sockets {
    int fds[MR_LISTEN_SOCKETS_MAX];
    size_t count;
    uint16_t port; /* as bound */
    char text[64]; /* "127.0.0.1:9090", the first one as bound */
} mr_listen_sockets;

/* Whether `address` names sockets that exist already. */
bool mr_listen_is_inherited(mr_slice address);

/* Whether `address` is well-formed: MR_OK or MR_ERR_USAGE. */
MR_NODISCARD mr_code mr_listen_check(mr_slice address, mr_error *err);

/* Binds and listens, non-blocking; or duplicates what was handed over, so that others may do so
 * too. A pair goes on with IPv4 alone where there is no IPv6.
 * MR_ERR_USAGE when `address` is malformed. */
MR_NODISCARD mr_code mr_listen_open(mr_slice address, bool reuse_port, mr_listen_sockets *out,
                                    mr_error *err);
/* Harmless on a zeroed struct and twice. */
void mr_listen_close(mr_listen_sockets *sockets);

#endif
