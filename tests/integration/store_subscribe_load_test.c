/* SPDX-License-Identifier: MIT
 *
 * Slow subscribers, subscribers that leave in the middle, and writers who do not wait for them.
 * Runs alone: it measures memory. */
#include <pthread.h>
#include <time.h>

#include "support/subscribe_fixture.h"
#include "support/test.h"

static mr_sub_fixture f;

static void open_fixture(uint32_t loops)
{
    mr_sub_open(&f, &(mr_sub_options){.loops = loops});
}

static void pause_ms(long ms)
{
    const struct timespec pause = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};
    nanosleep(&pause, NULL);
}

/* --- Writers ---------------------------------------------------------------------------------- */

#define WRITERS 4

typedef struct writer {
    pthread_t thread;
    unsigned number, count, batch;
    const char *category;
} writer;

static void *run_writer(void *context)
{
    const writer *own = context;
    char stream[64];
    for (unsigned i = 0; i < own->count; i++) {
        snprintf(stream, sizeof stream, "%s-%u", own->category, (own->number + i) % 7);
        mr_sub_append(&f, stream, own->batch);
    }
    return NULL;
}

static void start_writers(writer *writers, unsigned count, unsigned batch)
{
    for (unsigned i = 0; i < WRITERS; i++) {
        writers[i] = (writer){.number = i, .count = count, .batch = batch, .category = "load"};
        MR_EXPECT(pthread_create(&writers[i].thread, NULL, run_writer, &writers[i]) == 0);
    }
}

static void join_writers(writer *writers)
{
    for (unsigned i = 0; i < WRITERS; i++)
        pthread_join(writers[i].thread, NULL);
}

/* --- What was written, read back -------------------------------------------------------------- */

typedef struct reading {
    mr_read_op read;
    const mr_sse *sse;
    size_t at;
    bool differs;
} reading;

static bool compare(mr_read_op *read, const mr_message *message)
{
    reading *own = MR_CONTAINER_OF(read, reading, read);
    const mr_sse_event *event = &own->sse->events[own->at];
    own->differs |=
        own->at >= own->sse->count || event->global_position != message->global_position ||
        event->position != message->position || !mr_slice_is(message->stream, event->stream);
    own->at++;
    return !own->differs;
}

/* What came is what a read finds: every message once, in order. */
static void expect_as_read(const mr_sse *sse, mr_read_scope scope, const char *name, mr_group group)
{
    mr_error err;
    reading own = {.read = {.op = {.kind = MR_OP_READ, .space = f.space},
                            .scope = scope,
                            .name = mr_slice_text(name),
                            .limit = -1,
                            .no_bodies = true,
                            .group = group,
                            .take = compare},
                   .sse = sse};
    MR_EXPECT_OK(mr_message_store_call(f.store, &own.read.op, &err));
    if (own.differs || own.at != sse->count)
        MR_TEST_FAIL("%s: event %zu of %zu differs from what a read finds\n", name, own.at,
                     sse->count);
}

typedef struct reader_case {
    const char *target;
    mr_read_scope scope;
    const char *name;
    mr_group group;
} reader_case;

static const reader_case reader_cases[] = {
    {"/subscribe?category=load", MR_READ_CATEGORY, "load", {0, 0}},
    {"/subscribe?category=load&body=true", MR_READ_CATEGORY, "load", {0, 0}},
    {"/subscribe?stream=load-3", MR_READ_STREAM, "load-3", {0, 0}},
    {"/subscribe?all=true&catchup=true", MR_READ_ALL, "", {0, 0}},
    {"/subscribe?category=load&consumer=0&size=2", MR_READ_CATEGORY, "load", {0, 2}},
    {"/subscribe?category=load&consumer=1&size=2", MR_READ_CATEGORY, "load", {1, 2}},
    {"/subscribe?stream=load-3&body=true", MR_READ_STREAM, "load-3", {0, 0}},
};

#define READERS MR_COUNT_OF(reader_cases)

/* Receives on all until a moment passes in which nothing comes to any. */
static void receive_all(mr_sse *sse, size_t count)
{
    for (unsigned quiet = 0; quiet < 10;) {
        bool any = false;
        for (size_t i = 0; i < count; i++)
            while (mr_sse_receive(&sse[i], 0))
                any = true;
        quiet = any ? 0 : quiet + 1;
        if (!any) pause_ms(20);
    }
}

MR_TEST(catching_up_under_load_has_no_hole)
{
    writer writers[WRITERS];
    open_fixture(2);
    for (int i = 0; i < 20; i++)
        mr_sub_append(&f, i % 2 == 0 ? "load-3" : "load-5", 100);
    start_writers(writers, 1500, 1);
    mr_sse sse[READERS * 3];
    for (size_t i = 0; i < MR_COUNT_OF(sse); i++) {
        mr_sse_open(&sse[i], f.ports[i % 2], reader_cases[i % READERS].target, "", 0);
        for (size_t j = 0; j <= i; j++)
            mr_sse_receive(&sse[j], j == i ? 10 : 0);
    }
    join_writers(writers);
    receive_all(sse, MR_COUNT_OF(sse));
    for (size_t i = 0; i < MR_COUNT_OF(sse); i++) {
        const reader_case *one = &reader_cases[i % READERS];
        expect_as_read(&sse[i], one->scope, one->name, one->group);
        mr_sse_close(&sse[i]);
    }
    mr_sub_close(&f);
}

MR_TEST(a_reader_that_stops_for_a_while_gets_everything)
{
    enum { BATCHES = 60, BATCH = 400, COUNT = WRITERS * BATCHES * BATCH };
    writer writers[WRITERS];
    mr_sse sse[READERS], stuck[READERS], quick;
    mr_sub_open(&f, &(mr_sub_options){.dir = mr_test_dir()});
    mr_sub_subscribe(&f, &quick, "/subscribe?category=load");
    for (size_t i = 0; i < READERS; i++) {
        mr_sse_open(&sse[i], f.ports[0], reader_cases[i].target, "", 4096);
        mr_sse_open(&stuck[i], f.ports[0], reader_cases[i].target, "", 4096);
        mr_sse_await_ready(&sse[i]);
    }
    mr_sub_await_metric(&f, "millrace_subscribers ", 2 * READERS + 1);
    start_writers(writers, BATCHES, BATCH);
    mr_sse_await(&quick, COUNT);
    join_writers(writers);
    MR_EXPECT_U64(mr_sub_metric(&f, "millrace_subscriber_slow_total "), >, 0);
    /* What waits for one is bounded, whatever was written. */
    const uint64_t before = mr_mem_stats_now().live_bytes;
    for (size_t i = 0; i < READERS; i++)
        mr_sse_abort(&stuck[i]);
    mr_sub_await_metric(&f, "millrace_subscribers ", READERS + 1);
    const uint64_t each = (before - mr_mem_stats_now().live_bytes) / READERS;
    print_message("%llu bytes a slow subscriber\n", (unsigned long long)each);
    MR_EXPECT_U64(each, <, 128u << 10);
    receive_all(sse, READERS);
    for (size_t i = 0; i < READERS; i++) {
        const reader_case *one = &reader_cases[i];
        expect_as_read(&sse[i], one->scope, one->name, one->group);
        mr_sse_close(&sse[i]);
    }
    expect_as_read(&quick, MR_READ_CATEGORY, "load", (mr_group){0});
    mr_sse_close(&quick);
    mr_sub_close(&f);
}

MR_TEST(a_reader_that_never_reads_is_cut_at_the_write_deadline)
{
    mr_sse slow, quick;
    mr_sub_open(&f, &(mr_sub_options){.write_ms = 300});
    mr_sse_open(&slow, f.ports[0], "/subscribe?category=load", "", 4096);
    mr_sub_await_metric(&f, "millrace_subscribers ", 1);
    mr_sub_subscribe(&f, &quick, "/subscribe?category=load");
    size_t count = 0;
    while (mr_sub_metric(&f, "millrace_subscribers ") == 2) {
        MR_EXPECT_U64(count, <, 2000000);
        mr_sub_append(&f, "load-1", 1000);
        mr_sse_await(&quick, count += 1000);
    }
    mr_sse_close(&quick);
    mr_sse_close(&slow);
    mr_sub_close(&f);
}

/* --- Coming and going ------------------------------------------------------------------------- */

typedef struct visitor {
    pthread_t thread;
    uint16_t port;
    unsigned visits, seed;
} visitor;

static void *run_visitor(void *context)
{
    visitor *own = context;
    for (unsigned i = 0; i < own->visits; i++) {
        mr_sse sse;
        own->seed = own->seed * 1664525 + 1013904223;
        const unsigned random = own->seed >> 8;
        mr_sse_open(&sse, own->port, reader_cases[random % READERS].target, "", 0);
        if (random % 3 != 0) mr_sse_await_ready(&sse);
        if (random % 5 == 0) mr_sse_receive(&sse, 5);
        if (random % 2 == 0)
            mr_sse_abort(&sse);
        else
            mr_sse_close(&sse);
    }
    return NULL;
}

MR_TEST(subscribers_come_and_go_while_others_write)
{
    writer writers[WRITERS];
    visitor visitors[4];
    mr_sse stays;
    open_fixture(2);
    mr_sub_append(&f, "load-3", 600);
    mr_sub_subscribe(&f, &stays, "/subscribe?all=true&catchup=true");
    start_writers(writers, 400, 2);
    for (unsigned i = 0; i < MR_COUNT_OF(visitors); i++) {
        visitors[i] = (visitor){.port = f.ports[i % 2], .visits = 250, .seed = i + 1};
        MR_EXPECT(pthread_create(&visitors[i].thread, NULL, run_visitor, &visitors[i]) == 0);
    }
    join_writers(writers);
    for (unsigned i = 0; i < MR_COUNT_OF(visitors); i++)
        pthread_join(visitors[i].thread, NULL);
    mr_sse_await(&stays, 600 + WRITERS * 400 * 2);
    expect_as_read(&stays, MR_READ_ALL, "", (mr_group){0});
    mr_sub_await_metric(&f, "millrace_subscribers ", 1);
    mr_sse_close(&stays);
    mr_sub_close(&f);
}

MR_TEST(the_server_stops_in_the_middle_of_everything)
{
    for (int round = 0; round < 10; round++) {
        writer writers[WRITERS];
        mr_sse sse[READERS];
        open_fixture(2);
        mr_sub_append(&f, "load-3", 3000);
        start_writers(writers, 50, 10);
        for (size_t i = 0; i < READERS; i++)
            mr_sse_open(&sse[i], f.ports[i % 2], reader_cases[i].target, "", 4096);
        pause_ms(round * 3);
        mr_sub_stop_servers(&f);
        join_writers(writers);
        mr_sub_close(&f);
        for (size_t i = 0; i < READERS; i++)
            mr_sse_close(&sse[i]);
    }
}

MR_TEST(namespaces_are_deleted_under_their_subscribers)
{
    for (int round = 0; round < 20; round++) {
        mr_sse sse[8];
        if (round == 0) open_fixture(2);
        mr_sub_make_space(&f, "none", "x");
        for (size_t i = 0; i < MR_COUNT_OF(sse); i++)
            mr_sse_open(&sse[i], f.ports[i % 2],
                        i % 3 == 0 ? "/subscribe?category=a&token=ns_bm9uZQ_00000000000000000000000"
                                     "00000000000000000000000000000000000000000"
                                   : "/subscribe?all=true&token=ns_bm9uZQ_0000000000000000000000000"
                                     "000000000000000000000000000000000000000",
                        "", 0);
        if (round % 2 == 0) mr_sse_await_ready(&sse[7]);
        mr_sub_delete_space(&f, "none");
        for (size_t i = 0; i < MR_COUNT_OF(sse); i++) {
            while (sse[i].status == 0)
                MR_EXPECT(mr_sse_receive(&sse[i], 5000));
            if (sse[i].status == 200) mr_sse_await_end(&sse[i]);
            mr_sse_close(&sse[i]);
        }
    }
    mr_sub_await_metric(&f, "millrace_subscribers ", 0);
    mr_sub_close(&f);
}
