/* SPDX-License-Identifier: MIT
 *
 * The message store's core without HTTP: how many appends a second when N of them always wait.
 *
 *     messages_bench DIR [waiting=64] [streams=100] [seconds=3] [full|normal|off]
 *
 * One thread submits, done() submits the next: the closed loop of N clients at no cost for them. */
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/histogram.h"
#include "core/number.h"
#include "store/store.h"

#define WAITING_MAX 4096

static mr_error err;
static mr_message_store *store;
static mr_space *space;
static int64_t streams, deadline_ns;
static atomic_long appended, running;
static mr_histogram latency;

typedef struct client {
    mr_append_op op;
    mr_new_message message;
    int64_t number, began_ns;
    char stream[40], data[300];
} client;

static void need(bool good, const char *what)
{
    if (good) return;
    fprintf(stderr, "messages_bench: %s: %s\n", what, err.text);
    exit(1);
}

static void submit(client *c);

static void on_done(mr_op *op)
{
    client *c = (client *)(void *)op;
    if (op->fault.code != MR_FAULT_NONE) {
        fprintf(stderr, "messages_bench: %s\n", op->fault.error.text);
        exit(1);
    }
    const int64_t now = mr_clock_ns();
    mr_histogram_record(&latency, (uint64_t)(now - c->began_ns));
    atomic_fetch_add(&appended, 1);
    if (now < deadline_ns)
        submit(c);
    else
        atomic_fetch_sub(&running, 1);
}

static void submit(client *c)
{
    c->began_ns = mr_clock_ns();
    c->number = (c->number * 7919 + 13) % 1000003;
    const int len =
        snprintf(c->stream, sizeof c->stream, "test-stream-%lld", (long long)(c->number % streams));
    const int data_len = snprintf(c->data, sizeof c->data,
                                  "{\"counter\":%lld,\"text\":\"a message of some sixty bytes that "
                                  "says nothing in particular\",\"nested\":{\"a\":1,\"b\":true,"
                                  "\"c\":\"three\"}}",
                                  (long long)c->began_ns);
    c->message = (mr_new_message){
        .stream = mr_slice_of(c->stream, (size_t)len),
        .type = MR_SLICE("TestEvent"),
        .data = mr_slice_of(c->data, (size_t)data_len),
        .metadata = MR_SLICE("{\"correlationStreamName\":\"test-stream-7\",\"worker\":3}")};
    c->op = (mr_append_op){.op = {.kind = MR_OP_APPEND, .space = space, .done = on_done},
                           .messages = &c->message,
                           .count = 1};
    mr_message_store_submit(store, &c->op.op);
}

int main(int argc, char **argv)
{
    static client clients[WAITING_MAX];
    int64_t waiting = 64, seconds = 3;
    streams = 100;
    if (argc < 2) return 2;
    if (argc > 2) (void)!mr_parse_i64(mr_slice_text(argv[2]), &waiting);
    if (argc > 3) (void)!mr_parse_i64(mr_slice_text(argv[3]), &streams);
    if (argc > 4) (void)!mr_parse_i64(mr_slice_text(argv[4]), &seconds);
    const mr_slice mode = argc > 5 ? mr_slice_text(argv[5]) : MR_SLICE("full");
    const mr_durability durability = mr_slice_is(mode, "off")      ? MR_DURABILITY_OFF
                                     : mr_slice_is(mode, "normal") ? MR_DURABILITY_NORMAL
                                                                   : MR_DURABILITY_FULL;
    need(waiting >= 1 && waiting <= WAITING_MAX && streams >= 1, "numbers out of range");
    need(mr_message_store_open(
             &(mr_message_store_options){.data_dir = argv[1], .durability = durability}, &store,
             &err) == MR_OK,
         "open");
    mr_space_op make = {
        .op.kind = MR_OP_SPACE_CREATE, .id = MR_SLICE("bench"), .token_hash = MR_SLICE("none")};
    (void)!mr_message_store_call(store, &make.op, &err);
    space = mr_message_store_find(store, MR_SLICE("bench"));
    need(space != NULL, "namespace");
    const int64_t began = mr_clock_ns(), cpu = mr_clock_cpu_ns();
    deadline_ns = began + seconds * MR_NS_PER_S;
    atomic_store(&running, waiting);
    for (int64_t i = 0; i < waiting; i++) {
        clients[i].number = i * 31;
        submit(&clients[i]);
    }
    while (atomic_load(&running) > 0)
        usleep(1000);
    const double took = (double)(mr_clock_ns() - began) / 1e9;
    const double count = (double)atomic_load(&appended);
    printf("%lld waiting, %lld streams, %.*s: %.0f appends/s, %.2f us of CPU each, p50 %.0f us, "
           "p99 %.0f us, max %.1f ms\n",
           (long long)waiting, (long long)streams, MR_SLICE_ARGS(mode), count / took,
           (double)(mr_clock_cpu_ns() - cpu) / 1000 / count,
           (double)mr_histogram_percentile(&latency, 0.5) / 1000,
           (double)mr_histogram_percentile(&latency, 0.99) / 1000,
           (double)mr_histogram_max(&latency) / 1e6);
    mr_space_release(space);
    mr_message_store_close(store);
    return 0;
}
