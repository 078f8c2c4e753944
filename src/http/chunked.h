/* SPDX-License-Identifier: MIT
 *
 * http/chunked.h - a request body that comes in chunks (RFC 9112, 7.1), strictly, in any pieces.
 *
 *     5\r\nhello\r\n  3;name=value\r\nbye\r\n  0\r\nTrailer: x\r\n\r\n
 *
 * Chunk extensions and trailers are checked, limited and dropped. A size is 1 to 16 hexadecimal
 * digits and nothing else; lines end in CR LF only.
 *
 * Thread: owned by one thread. */
#ifndef MR_HTTP_CHUNKED_H
#define MR_HTTP_CHUNKED_H

#include "core/buffer.h"
#include "http/parser.h"

#define MR_HTTP_CHUNK_EXTENSION_BYTES_MAX 1024 /* of all chunks of one body */

typedef struct mr_http_chunked {
    uint8_t state;
    uint8_t digits; /* of the size being read */
    uint64_t size;  /* of the present chunk; while in its data, what is left */
    uint64_t total; /* sizes of all chunks so far */
    uint32_t extension_bytes;
    uint32_t trailer_bytes, trailer_count;
    mr_http_fault fault;
} mr_http_chunked;

/* Zeroed is ready. Decodes from `bytes` what has not been given yet, appends data to `body` and
 * says in `out_used` how many bytes it took: all of them unless the body ends before.
 * `body_bytes_max` bounds the data, header limits bound the trailers. A body that cannot grow for
 * want of memory is a fault with status 503. */
MR_NODISCARD MR_HOT mr_http_progress mr_http_chunked_parse(mr_http_chunked *chunked,
                                                           const mr_http_limits *limits,
                                                           uint64_t body_bytes_max, mr_slice bytes,
                                                           mr_buffer *body, size_t *out_used);

/* The same without a buffer: the data in `bytes` is moved to its front, `out_data` of them. What
 * came before a fault counts. */
MR_NODISCARD MR_HOT mr_http_progress mr_http_chunked_decode(mr_http_chunked *chunked,
                                                            const mr_http_limits *limits,
                                                            uint64_t body_bytes_max, char *bytes,
                                                            size_t len, size_t *out_data,
                                                            size_t *out_used);

/* Bytes of data that the present chunk still has; 0 between chunks. */
uint64_t mr_http_chunked_expects(const mr_http_chunked *chunked);

#endif
