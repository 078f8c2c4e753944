/* SPDX-License-Identifier: MIT
 *
 * support/store_fixture.h - a store in memory with the namespace `default`, behind an HTTP server
 * with the one route that a test wants.
 *
 * Thread: the test's. */
#ifndef MR_TESTS_SUPPORT_STORE_FIXTURE_H
#define MR_TESTS_SUPPORT_STORE_FIXTURE_H

#include "http/server.h"
#include "store/auth.h"

/* Of the namespace `default`, with 64 zeros. */
#define MR_STORE_FIXTURE_TOKEN "ns_ZGVmYXVsdA_" MR_ZEROS_32 MR_ZEROS_32
#define MR_ZEROS_32            "00000000000000000000000000000000"

typedef struct mr_store_fixture {
    mr_metrics *metrics;
    mr_message_store *store;
    mr_space *space;
    mr_auth auth;
    mr_http_server *server;
    uint16_t port;
} mr_store_fixture;

/* The store and its namespace; no server yet. `data_dir` NULL: in memory. */
void mr_store_fixture_open(mr_store_fixture *fixture, const char *data_dir);
/* Serves `route` with these limits. */
void mr_store_fixture_serve(mr_store_fixture *fixture, const mr_http_route *route,
                            mr_http_limits limits);
/* Stops serving; requests have all ended then. */
void mr_store_fixture_stop(mr_store_fixture *fixture);
/* What came in between: mr_store_fixture_stop(), then the handler's own settling. */
void mr_store_fixture_close(mr_store_fixture *fixture);

/* Everything in the namespace as text, a line each: "gpos stream pos type data metadata time_us
 * id". In `out`, which is reset. */
void mr_store_fixture_dump(mr_store_fixture *fixture, mr_buffer *out);
/* How many messages there are. */
uint64_t mr_store_fixture_count(mr_store_fixture *fixture);

#endif
