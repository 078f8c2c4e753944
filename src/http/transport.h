/* SPDX-License-Identifier: MIT
 *
 * http/transport.h - the bytes of one connection: the only place that knows what carries them. TLS
 * belongs here: the same functions over an SSL object, MR_TRANSPORT_WAIT while its handshake goes
 * on.
 *
 * Thread: owned by the loop's thread. */
#ifndef MR_HTTP_TRANSPORT_H
#define MR_HTTP_TRANSPORT_H

#include "core/base.h"

typedef struct mr_transport {
    int fd;
} mr_transport;

typedef enum mr_transport_state {
    MR_TRANSPORT_OK,     /* some bytes moved */
    MR_TRANSPORT_WAIT,   /* none now; the loop will tell when to try again */
    MR_TRANSPORT_ENDED,  /* reading: the peer has finished sending */
    MR_TRANSPORT_FAILED, /* reset, or worse */
} mr_transport_state;

/* Takes over a connected, non-blocking socket. */
void mr_transport_open(mr_transport *transport, int fd);

/* Reads up to `size` (> 0) bytes. */
MR_HOT mr_transport_state mr_transport_read(mr_transport *transport, char *into, size_t size,
                                            size_t *out_len);
/* Sends from the start of `first`, then of `second`; either may be empty, not both. */
MR_HOT mr_transport_state mr_transport_write(mr_transport *transport, mr_slice first,
                                             mr_slice second, size_t *out_len);

/* Says that nothing more will be sent; reading goes on. */
void mr_transport_finish(mr_transport *transport);
/* `abandon` drops what the system still holds for a peer that does not read. */
void mr_transport_close(mr_transport *transport, bool abandon);

#endif
