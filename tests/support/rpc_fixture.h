/* SPDX-License-Identifier: MIT
 *
 * support/rpc_fixture.h - a message store behind /rpc on a free port, in memory, and a client that
 * says what comes back as "STATUS BODY".
 *
 * The namespace `default` exists and its token is RPC_ZERO_TOKEN.
 *
 * Thread: the test's. */
#ifndef MR_TESTS_SUPPORT_RPC_FIXTURE_H
#define MR_TESTS_SUPPORT_RPC_FIXTURE_H

#include "http/server.h"
#include "store/rpc.h"
#include "support/wire.h"

#define RPC_ZERO_TOKEN \
    "ns_ZGVmYXVsdA_0000000000000000000000000000000000000000000000000000000000000000"

typedef struct rpc_fixture {
    mr_metrics *metrics;
    mr_message_store *store;
    mr_rpc *rpc;
    mr_http_server *server;
    uint16_t port;
    mr_wire wire;      /* the client's connection */
    const char *token; /* what the client sends; NULL: none */
    mr_buffer body;    /* the last answer's, NUL-terminated */
    unsigned status;   /* and its status */
    mr_slice head;     /* and its head; until the next call */
} rpc_fixture;

typedef struct rpc_fixture_options {
    const char *data_dir;        /* NULL: in memory */
    const char *admin_namespace; /* NULL: all may administer */
    uint32_t output_high_bytes;  /* 0: the server's default */
    uint64_t body_bytes_max;     /* 0: 16 MiB */
    bool test_mode;
} rpc_fixture_options;

void rpc_fixture_open(rpc_fixture *fixture, const rpc_fixture_options *options);
void rpc_fixture_close(rpc_fixture *fixture);

/* POSTs `request` to /rpc; fills status and body. */
void rpc_fixture_post(rpc_fixture *fixture, mr_slice request);
/* Receives one answer on `wire`, with or without chunks; true when it ended properly. */
bool rpc_fixture_receive(rpc_fixture *fixture, mr_wire *wire);
/* "200 {...}", valid until the next call. */
const char *rpc_fixture_says(rpc_fixture *fixture, const char *request);

/* Whether `text` is like `pattern`, in which each '*' stands for anything. */
bool rpc_like(const char *text, const char *pattern);

typedef struct rpc_case {
    const char *request;
    const char *answer; /* "STATUS BODY", with '*' for anything */
} rpc_case;

/* Runs the cases one after the other; fails the test at the first that answers otherwise. */
void rpc_fixture_run(rpc_fixture *fixture, const rpc_case *cases, size_t count);
#define RPC_RUN(fixture, cases) rpc_fixture_run((fixture), (cases), MR_COUNT_OF(cases))

/* Error answers, for tables. */
#define RPC_ERROR(status, code) #status " {\"error\":{\"code\":\"" code "\",\"message\":\"*\"}}"
#define RPC_INVALID(words) \
    "400 {\"error\":{\"code\":\"INVALID_REQUEST\",\"message\":\"*" words "*\"}}"

#endif
