/* SPDX-License-Identifier: MIT
 *
 * support/store_torture.h - many writers who remember what they were told, and a reader who holds
 * the store to it.
 *
 * Every message says in its data which writer made it and which of its messages it is, so that what
 * is found can be matched with what was asked for. An operation is one request:
 *
 *     acknowledged   answered 200: each of its messages is there once, with the positions answered
 *     refused        answered 409: none of them is there
 *     unknown        answered 5xx or not at all: all of them are there, or none
 *
 * The mix: plain writes, writes with ids, writes with an expected version to streams that others
 * write to as well, stream.append and batch.write. An unknown operation whose messages have ids is
 * sent again when the writers start anew: then it must be acknowledged and there once.
 *
 * Thread: the test's own; the writers are threads of this module. */
#ifndef MR_TESTS_SUPPORT_STORE_TORTURE_H
#define MR_TESTS_SUPPORT_STORE_TORTURE_H

#include <pthread.h>
#include <stdatomic.h>

#include "support/store_client.h"
#include "support/store_server.h"

#define MR_TORTURE_WRITERS_MAX 128
#define MR_TORTURE_STREAMS     48

typedef enum mr_torture_outcome {
    MR_TORTURE_UNKNOWN,
    MR_TORTURE_ACKNOWLEDGED,
    MR_TORTURE_REFUSED,
} mr_torture_outcome;

typedef struct mr_torture_writer {
    struct mr_torture *torture;
    unsigned number;
    pthread_t thread;
    uint64_t random;
    uint64_t made;     /* messages so far */
    mr_buffer history; /* of operations */
    mr_buffer request;
    int64_t versions[MR_TORTURE_STREAMS]; /* as far as this writer knows */
} mr_torture_writer;

typedef struct mr_torture {
    mr_store_server *server;
    unsigned writer_count;
    unsigned pause_us; /* of a writer between two requests */
    atomic_bool stop;
    atomic_uint_least64_t acknowledged, refused, unknown, repeated, server_errors;
    mr_torture_writer writers[MR_TORTURE_WRITERS_MAX];
} mr_torture;

void mr_torture_init(mr_torture *torture, mr_store_server *server, unsigned writers, uint64_t seed);
void mr_torture_done(mr_torture *torture);

/* Starts the writers, against the server as it runs now. They end when told to or when the server
 * is gone. */
void mr_torture_begin(mr_torture *torture);
void mr_torture_end(mr_torture *torture);

/* Reads the whole namespace and compares; fails the test at the first difference. Returns how many
 * messages there are. */
uint64_t mr_torture_verify(mr_torture *torture);

#endif
