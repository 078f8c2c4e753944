/* SPDX-License-Identifier: MIT
 *
 * http/transport.h - the bytes of one connection: the only place that knows what carries them, a
 * socket alone or TLS over it. A handshake is part of reading: MR_TRANSPORT_WAIT while it goes on.
 *
 * Thread: owned by the loop's thread. */
#ifndef MR_HTTP_TRANSPORT_H
#define MR_HTTP_TRANSPORT_H

#include "http/tls.h"

typedef struct mr_transport {
    int fd;
    bool roomy;   /* after a write that did not send all: there is room for more all the same */
    bool more;    /* after a read: there may be more to read at once */
    bool crossed; /* TLS: a read waits for writing, or the reverse: both are to be tried again
                     whatever the loop tells. Taken back by who does so. */
    /* Of TLS alone. */
    bool blocked, drained; /* the socket's last read had nothing, or not all that was asked for */
    bool failed, finished;
    struct ssl_st *session; /* NULL: none */
} mr_transport;

typedef enum mr_transport_state {
    MR_TRANSPORT_OK,     /* some bytes moved; reading TLS perhaps none: see `more` */
    MR_TRANSPORT_WAIT,   /* none now; the loop will tell when to try again */
    MR_TRANSPORT_ENDED,  /* reading: the peer has finished sending */
    MR_TRANSPORT_FAILED, /* reset, or worse */
} mr_transport_state;

/* Takes over a connected, non-blocking socket; `tls` NULL: without. The transport must not move.
 * False without memory, and the socket is closed. */
MR_NODISCARD bool mr_transport_open(mr_transport *transport, int fd, mr_http_tls *tls);

/* Reads up to `size` (> 0) bytes. */
MR_HOT mr_transport_state mr_transport_read(mr_transport *transport, char *into, size_t size,
                                            size_t *out_len);
/* Sends from the start of `first`, then of `second`; either may be empty, not both. */
MR_HOT mr_transport_state mr_transport_write(mr_transport *transport, mr_slice first,
                                             mr_slice second, size_t *out_len);

/* Says that nothing more will be sent; reading goes on, but what comes is of no interest. */
void mr_transport_finish(mr_transport *transport);
/* `abandon` drops what the system still holds for a peer that does not read. */
void mr_transport_close(mr_transport *transport, bool abandon);

/* --- tls_transport.c: the same over a session ------------------------------------------------- */

MR_NODISCARD bool mr_tls_transport_open(mr_transport *transport, mr_http_tls *tls);
mr_transport_state mr_tls_transport_read(mr_transport *transport, char *into, size_t size,
                                         size_t *out_len);
mr_transport_state mr_tls_transport_write(mr_transport *transport, mr_slice first, mr_slice second,
                                          size_t *out_len);
void mr_tls_transport_finish(mr_transport *transport);
void mr_tls_transport_close(mr_transport *transport, bool abandon);

#endif
