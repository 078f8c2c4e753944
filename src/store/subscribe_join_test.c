/* SPDX-License-Identifier: MIT
 *
 * How subscribers catch up, join and fall behind, with a store that does as a test says: reads wait
 * until they are told to run, and the ring of the feed is as short as it may be unkind. */
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "http/server.h"
#include "store/subscribe.h"
#include "support/sse.h"
#include "support/store_fake.h"

/* --- The server ----------------------------------------------------------------------------- */

static mr_metrics *metrics;
static mr_auth test_auth = {.store = &store, .test_mode = true};
static mr_subscriptions *subscriptions;
static mr_http_route route = {
    .method = MR_HTTP_ANY, .path = "/subscribe", .handler = mr_subscribe_serve};
static mr_http_server *server;
static uint16_t port;

static void open_all(void)
{
    mr_error err;
    mr_http_limits limits = MR_HTTP_LIMITS_DEFAULT;
    memset(the_space.versions, 0, sizeof the_space.versions);
    the_space.head = the_space.ring_after = 0;
    the_space.deleted = the_space.hold = the_space.fail = false;
    MR_EXPECT_OK(mr_metrics_open(NULL, &metrics, &err));
    MR_EXPECT_OK(mr_subscriptions_open(
        &(mr_subscribe_options){.store = &store, .auth = &test_auth, .metrics = metrics},
        &subscriptions, &err));
    route.context = subscriptions;
    MR_EXPECT_OK(mr_http_server_open(&(mr_http_options){.address = MR_SLICE("127.0.0.1:0"),
                                                        .routes = &route,
                                                        .route_count = 1,
                                                        .metrics = metrics,
                                                        .limits = limits},
                                     &server, &err));
    MR_EXPECT_OK(mr_http_server_start(server, &err));
    port = mr_http_server_port(server);
}

static void close_all(void)
{
    mr_http_server_stop(server, 2000);
    while (held_count() > 0)
        run_held(0, 0);
    mr_subscriptions_settle(subscriptions);
    mr_http_server_close(server);
    mr_subscriptions_close(subscriptions);
    mr_metrics_close(metrics);
    MR_EXPECT_U64(the_space.watcher_count, ==, 0);
    MR_EXPECT_U64(the_space.references, ==, 0);
}

static void subscribe(mr_sse *sse, const char *target)
{
    mr_sse_open(sse, port, target, "", 0);
    mr_sse_await_ready(sse);
}

/* --- Junctions ------------------------------------------------------------------------------ */

MR_TEST(what_is_committed_during_the_read_comes_once_whether_the_read_saw_it_or_not)
{
    static const char *const targets[] = {
        "/subscribe?category=a", "/subscribe?stream=a-1", "/subscribe?all=true&catchup=true",
        "/subscribe?category=a&consumer=0&size=2", "/subscribe?stream=a-1&body=true"};
    for (size_t i = 0; i < MR_COUNT_OF(targets); i++) {
        for (int64_t seen = 0; seen <= 3; seen++) {
            mr_sse sse;
            open_all();
            commit(0);
            commit(0);
            hold_reads(true);
            subscribe(&sse, targets[i]);
            await_held(1);
            for (int j = 0; j < 3; j++)
                commit(0);
            run_held(0, seen);
            hold_reads(false);
            commit(0);
            mr_sse_expect(&sse, "1 2 3 4 5 6");
            mr_sse_close(&sse);
            close_all();
        }
    }
}

MR_TEST(what_the_read_saw_before_the_channel_did_comes_once)
{
    static const char *const targets[] = {"/subscribe?category=a", "/subscribe?stream=a-1",
                                          "/subscribe?all=true&catchup=true"};
    for (size_t i = 0; i < MR_COUNT_OF(targets); i++) {
        mr_sse early, sse;
        open_all();
        subscribe(&early, "/subscribe?all=true");
        commit(0);
        mr_sse_await(&early, 1);
        commit_quietly(0);
        commit_quietly(0);
        subscribe(&sse, targets[i]);
        mr_sse_await(&sse, 3);
        wake();
        commit(0);
        mr_sse_expect(&sse, "1 2 3 4");
        mr_sse_expect(&early, "1 2 3 4");
        mr_sse_close(&sse);
        mr_sse_close(&early);
        close_all();
    }
}

MR_TEST(what_the_ring_lost_during_the_read_is_read)
{
    mr_sse sse;
    open_all();
    commit(0);
    hold_reads(true);
    subscribe(&sse, "/subscribe?category=a");
    await_held(1);
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < 4; i++)
            commit(0);
        keep_in_ring(1);
        run_held(0, 0);
        await_held(1);
    }
    run_held(0, 0);
    commit(0);
    mr_sse_expect_run(&sse, 1, 14);
    mr_sse_close(&sse);
    close_all();
}

MR_TEST(who_fell_behind_reads_and_joins_again)
{
    mr_sse category, stream, all, later;
    open_all();
    subscribe(&category, "/subscribe?category=a");
    subscribe(&stream, "/subscribe?stream=a-1");
    subscribe(&all, "/subscribe?all=true");
    subscribe(&later, "/subscribe?all=true&position=9");
    commit(0);
    mr_sse_await(&category, 1);
    mr_sse_await(&stream, 1);
    mr_sse_await(&all, 1);
    for (int i = 0; i < 10; i++)
        commit_quietly(i % 2 == 0 ? 0 : 5);
    keep_in_ring(2);
    wake();
    commit(0);
    mr_sse_expect(&category, "1 2 4 6 8 10 12");
    mr_sse_expect(&stream, "1 2 4 6 8 10 12");
    mr_sse_expect_run(&all, 1, 12);
    mr_sse_expect_run(&later, 9, 12);
    mr_sse_close(&category);
    mr_sse_close(&stream);
    mr_sse_close(&all);
    mr_sse_close(&later);
    close_all();
}

MR_TEST(a_page_of_a_time_before_clearing_is_thrown_away)
{
    mr_sse sse;
    open_all();
    for (int i = 0; i < 5; i++)
        commit(0);
    hold_reads(true);
    subscribe(&sse, "/subscribe?category=a");
    await_held(1);
    look_up(the_space.held[0], 5); /* but it arrives later */
    pthread_mutex_lock(&the_space.lock);
    memset(the_space.versions, 0, sizeof the_space.versions);
    the_space.head = the_space.ring_after = 0;
    the_space.epoch++;
    pthread_mutex_unlock(&the_space.lock);
    wake();
    commit(1);
    hold_reads(false);
    the_space.held_count = 0;
    the_space.held[0]->op.done(&the_space.held[0]->op);
    mr_sse_await(&sse, 1);
    MR_EXPECT_TEXT(sse.events[0].stream, "a-2");
    commit(1);
    mr_sse_expect(&sse, "1 2");
    mr_sse_close(&sse);
    close_all();
}

MR_TEST(a_read_that_fails_ends_its_stream_and_no_other)
{
    mr_sse live, fails, gone;
    open_all();
    commit(0);
    subscribe(&live, "/subscribe?all=true");
    the_space.fail = true; /* nothing is read now */
    subscribe(&fails, "/subscribe?category=a");
    mr_sse_await_end(&fails);
    MR_EXPECT(fails.ended);
    commit(0);
    mr_sse_expect(&live, "2");
    pthread_mutex_lock(&the_space.lock);
    the_space.fail = false;
    the_space.deleted = true;
    pthread_mutex_unlock(&the_space.lock);
    subscribe(&gone, "/subscribe?category=a");
    mr_sse_await_end(&gone);
    wake();
    mr_sse_await_end(&live);
    mr_sse_close(&live);
    mr_sse_close(&fails);
    mr_sse_close(&gone);
    close_all();
}

MR_TEST(who_leaves_while_it_is_read_for_is_forgotten)
{
    mr_sse sse[20];
    open_all();
    commit(0);
    hold_reads(true);
    for (size_t i = 0; i < MR_COUNT_OF(sse); i++) /* more than are read for at a time */
        subscribe(&sse[i], "/subscribe?category=a");
    await_held(8);
    MR_EXPECT_U64(held_count(), ==, 8);
    for (size_t i = 0; i < MR_COUNT_OF(sse); i += 2)
        mr_sse_abort(&sse[i]);
    for (size_t left = MR_COUNT_OF(sse) / 2; left > 0;) {
        hold_reads(false);
        while (held_count() > 0)
            run_held(0, 0);
        for (size_t i = 1; i < MR_COUNT_OF(sse); i += 2) {
            if (sse[i].fd < 0) continue;
            mr_sse_expect(&sse[i], "1");
            mr_sse_close(&sse[i]);
            left--;
        }
    }
    close_all();
}

/* --- At random, against a list of what should have come ------------------------------------- */

typedef struct wish {
    mr_sse sse;
    mr_read_op read; /* what is wanted, as a read */
    int64_t from;
    bool open;
} wish;

static uint32_t random_state;

static uint32_t pick(uint32_t below)
{
    random_state = random_state * 1664525 + 1013904223;
    return (random_state >> 8) % below;
}

static void open_wish(wish *one)
{
    static const char *const categories[] = {"a", "b", "c", "d"};
    char target[200];
    *one = (wish){.open = true, .read = {.limit = -1}};
    mr_read_op *read = &one->read;
    read->scope = (mr_read_scope)pick(3);
    const char *body = pick(3) == 0 ? "&body=true" : "";
    const char *name =
        read->scope == MR_READ_STREAM ? stream_names[pick(STREAMS)] : categories[pick(4)];
    read->name = mr_slice_text(name);
    read->from = pick(2) == 0 ? 0 : pick((uint32_t)the_space.head + 20);
    const long long from = read->from;
    if (read->scope == MR_READ_STREAM) {
        snprintf(target, sizeof target, "/subscribe?stream=%s&position=%lld%s",
                 strcmp(name, "d-y+z") == 0 ? "d-y%2Bz" : name, from, body);
    } else if (read->scope == MR_READ_CATEGORY) {
        read->group = (mr_group){pick(2), pick(2) * 2};
        if (read->group.size == 0) read->group.member = 0;
        snprintf(target, sizeof target,
                 "/subscribe?category=%s&position=%lld&consumer=%d&size=%d%s", name, from,
                 (int)read->group.member, (int)read->group.size, body);
    } else {
        const bool catchup = pick(2) == 0;
        read->name = (mr_slice){0};
        snprintf(target, sizeof target, "/subscribe?all=true&position=%lld%s%s", from,
                 catchup ? "&catchup=true" : "", body);
        if (!catchup && read->from <= the_space.head) read->from = the_space.head + 1;
    }
    subscribe(&one->sse, target);
}

static void expect_wish(wish *one)
{
    size_t count = 0;
    for (int64_t i = 1; i <= the_space.head; i++) {
        const mr_message message = message_of(i);
        if (!is_in_scope(&one->read, &message)) continue;
        mr_sse_await(&one->sse, ++count);
        if (one->sse.events[count - 1].global_position != i)
            MR_TEST_FAIL("event %zu is of %lld, expected %lld\n", count,
                         (long long)one->sse.events[count - 1].global_position, (long long)i);
    }
    mr_sse_receive(&one->sse, 5);
    MR_EXPECT_U64(one->sse.count, ==, count);
    mr_sse_close(&one->sse);
    one->open = false;
}

static void do_something(wish *wishes, size_t count)
{
    wish *one = &wishes[pick((uint32_t)count)];
    switch (pick(8)) {
    case 0:
    case 1: commit(pick(STREAMS)); break;
    case 2:
        for (uint32_t i = pick(30); i > 0; i--)
            commit_quietly(pick(STREAMS));
        keep_in_ring(pick(20));
        wake();
        break;
    case 3:
    case 4:
        if (held_count() > 0) run_held(pick(held_count()), pick(4));
        break;
    case 5:
        if (!one->open) open_wish(one);
        break;
    case 6:
        if (one->open) mr_sse_receive(&one->sse, 1);
        break;
    default:
        if (!one->open || pick(4) != 0) break;
        mr_sse_abort(&one->sse);
        one->open = false;
        break;
    }
}

MR_TEST(whatever_happens_everything_comes_once_and_in_order)
{
    static wish wishes[12];
    for (uint32_t round = 0; round < 40; round++) {
        open_all();
        random_state = round + 1;
        hold_reads(true);
        for (int i = 0; i < 400; i++)
            do_something(wishes, MR_COUNT_OF(wishes));
        hold_reads(false);
        while (held_count() > 0)
            run_held(0, pick(4));
        for (size_t i = 0; i < MR_COUNT_OF(wishes); i++)
            if (wishes[i].open) expect_wish(&wishes[i]);
        close_all();
    }
}

/* --- Allocations ---------------------------------------------------------------------------- */

static void commit_and_await(const int *fds, size_t count, unsigned messages)
{
    for (unsigned i = 0; i < messages; i++)
        commit(0);
    for (size_t i = 0; i < count; i++)
        mr_sse_plain_await(fds[i], "\nevent: ", messages);
}

MR_TEST(the_fan_out_allocates_nothing_once_warm)
{
    int fds[40];
    static const char *const targets[] = {"/subscribe?category=a", "/subscribe?stream=a-1",
                                          "/subscribe?all=true", "/subscribe?category=a&body=true",
                                          "/subscribe?category=a&consumer=0&size=2"};
    open_all();
    for (size_t i = 0; i < MR_COUNT_OF(fds); i++)
        fds[i] = mr_sse_plain(port, targets[i % MR_COUNT_OF(targets)]);
    for (size_t i = 0; i < MR_COUNT_OF(fds); i++)
        mr_sse_plain_await(fds[i], ": ready", 1);
    commit_and_await(fds, MR_COUNT_OF(fds), 100);
    const mr_mem_mark warm = mr_mem_mark_now();
    const uint64_t mallocs = mr_test_malloc_count();
    commit_and_await(fds, MR_COUNT_OF(fds), 200);
    MR_EXPECT_U64(mr_mem_allocs_since(warm), ==, 0);
    MR_EXPECT_U64(mr_test_malloc_count() - mallocs, ==, 0);
    for (size_t i = 0; i < MR_COUNT_OF(fds); i++)
        close(fds[i]);
    close_all();
}

MR_TEST(catching_up_allocates_nothing_once_warm)
{
    int fd = -1;
    open_all();
    for (int i = 0; i < 3000; i++)
        commit(0);
    fd = mr_sse_plain(port, "/subscribe?category=a");
    mr_sse_plain_await(fd, "\nevent: ", 3000);
    for (int round = 0; round < 2; round++) { /* the second one is warm */
        const mr_mem_mark warm = mr_mem_mark_now();
        for (int i = 0; i < 1000; i++)
            commit_quietly(0);
        keep_in_ring(1);
        wake();
        mr_sse_plain_await(fd, "\nevent: ", 1000);
        if (round == 1) MR_EXPECT_U64(mr_mem_allocs_since(warm), ==, 0);
    }
    close(fd);
    close_all();
}
