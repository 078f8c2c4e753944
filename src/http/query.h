/* SPDX-License-Identifier: MIT
 *
 * http/query.h - percent encoding, in paths and in query strings.
 *
 * Thread: pure functions. */
#ifndef MR_HTTP_QUERY_H
#define MR_HTTP_QUERY_H

#include "core/arena.h"

typedef enum mr_http_lookup {
    MR_HTTP_FOUND,
    MR_HTTP_ABSENT,
    MR_HTTP_MALFORMED, /* a % without two hexadecimal digits */
    MR_HTTP_NO_ROOM,   /* the arena is full */
} mr_http_lookup;

/* `text` with %XX decoded, and + as a space when `plus` is set. `out` is `text` itself when there
 * is nothing to decode, else lives in `arena`; it may hold any byte, NUL included. */
MR_NODISCARD mr_http_lookup mr_http_decode(mr_slice text, bool plus, mr_arena *arena,
                                           mr_slice *out);

/* The decoded value of the first `name=value` in `query` (`name` alone has an empty value). Names
 * are compared decoded. */
MR_NODISCARD mr_http_lookup mr_http_query_find(mr_slice query, const char *name, mr_arena *arena,
                                               mr_slice *out);

#endif
