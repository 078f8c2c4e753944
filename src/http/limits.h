/* SPDX-License-Identifier: MIT
 *
 * http/limits.h - everything a peer can make the server spend, each with a name and a default.
 *
 * Deadlines are wall-clock: a phase that lasts longer ends the connection, however busy the peer
 * looks. Only bytes that really moved extend the body and write phases, one second for each
 * `rate_bytes_per_s_min` of them, so a large body on a slow line passes and a trickle does not.
 *
 * Thread: plain data, read-only once the server is open. */
#ifndef MR_HTTP_LIMITS_H
#define MR_HTTP_LIMITS_H

#include "core/base.h"

typedef struct mr_http_limits {
    uint32_t uri_bytes_max;      /* request target; 414 beyond */
    uint32_t header_bytes_max;   /* request line and headers, also trailers; 431 beyond */
    uint32_t header_count_max;   /* 431 beyond */
    uint64_t body_bytes_max;     /* of one request, unless its route says otherwise; 413 beyond */
    uint64_t bodies_bytes_max;   /* of all requests being read or answered; 503 beyond */
    uint32_t piece_bytes_max;    /* of a body in pieces, at a time; one such buffer a server */
    size_t request_arena_bytes;  /* of one request; MR_ERR_LIMIT for the handler */
    uint64_t response_bytes_max; /* of one answer held in memory; 500 beyond */
    uint32_t output_high_bytes;  /* waiting output of one connection before producers must wait */
    uint32_t pipelined_max; /* requests answered before their answers are sent and others served */

    uint32_t connections_max;             /* 503 and closed beyond */
    uint32_t connections_per_address_max; /* the same; an IPv6 address counts by its /64 */
    uint32_t spare_requests_max; /* request memories kept for reuse while nobody needs them */

    uint32_t header_ms; /* from the first byte (or from accepting) to the end of the headers; 408 */
    uint32_t body_ms;   /* from there to the end of the body, plus received / rate; 408 */
    uint32_t write_ms;  /* from the answer to its last byte sent, plus sent / rate */
    uint32_t idle_ms;   /* between two requests */
    uint32_t linger_ms; /* reading what a refused peer still sends, so that it sees the answer */
    uint32_t rate_bytes_per_s_min;
} mr_http_limits;

#define MR_HTTP_LIMITS_DEFAULT               \
    ((mr_http_limits){                       \
        .uri_bytes_max = 8u << 10,           \
        .header_bytes_max = 32u << 10,       \
        .header_count_max = 100,             \
        .body_bytes_max = 1u << 20,          \
        .bodies_bytes_max = 512u << 20,      \
        .piece_bytes_max = 64u << 10,        \
        .request_arena_bytes = 4u << 20,     \
        .response_bytes_max = 256u << 20,    \
        .output_high_bytes = 256u << 10,     \
        .pipelined_max = 32,                 \
        .connections_max = 4096,             \
        .connections_per_address_max = 2048, \
        .spare_requests_max = 64,            \
        .header_ms = 10000,                  \
        .body_ms = 30000,                    \
        .write_ms = 30000,                   \
        .idle_ms = 120000,                   \
        .linger_ms = 2000,                   \
        .rate_bytes_per_s_min = 64u << 10,   \
    })

#endif
