/* SPDX-License-Identifier: MIT
 *
 * Expected versions under contention: many clients on few streams, every call and answer noted with
 * its time, and the history of each stream held against what one writer after the other could have
 * seen. Once quietly, and once with the server killed again and again.
 * Runs alone: what is close in time is what is tested. */
#include <pthread.h>
#include <time.h>
#include <unistd.h>

#include "support/linear.h"
#include "support/store_client.h"
#include "support/store_server.h"
#include "support/test.h"

#define CLIENTS 24
#define STREAMS 3
#define AT_ONCE 4 /* at most, in a stream.append */

typedef enum kind {
    KIND_WRITE,  /* with an expected version */
    KIND_PLAIN,  /* without */
    KIND_APPEND, /* several, with an expected version */
    KIND_LOOK,   /* stream.version */
} kind;

typedef struct call {
    mr_linear_op op;
    uint8_t kind, stream, count;
    unsigned status;
    int64_t expected, number; /* number: of its first message, in the data */
} call;

typedef struct client {
    struct contest *contest;
    unsigned number;
    pthread_t thread;
    uint64_t random;
    int64_t made, versions[STREAMS];
    mr_buffer calls;
} client;

typedef struct contest {
    atomic_uint port;
    atomic_bool stop;
    client clients[CLIENTS];
} contest;

static contest the_contest;

static int64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static void pause_ms(unsigned ms)
{
    const struct timespec moment = {.tv_nsec = (long)ms * 1000000};
    nanosleep(&moment, NULL);
}

static uint64_t draw(uint64_t *random, uint64_t below)
{
    *random = *random * UINT64_C(6364136223846793005) + 1442695040888963407u;
    return (*random >> 33) % below;
}

/* --- Clients --- */

static call choose(client *c)
{
    const uint64_t dice = draw(&c->random, 10);
    call made = {.stream = (uint8_t)draw(&c->random, STREAMS), .count = 1, .number = c->made};
    made.kind = dice < 6 ? KIND_WRITE : dice < 7 ? KIND_PLAIN : dice < 8 ? KIND_APPEND : KIND_LOOK;
    if (made.kind == KIND_APPEND && !mr_store_server_is_ours()) made.kind = KIND_WRITE;
    if (made.kind == KIND_APPEND) made.count = (uint8_t)(2 + draw(&c->random, AT_ONCE - 1));
    if (made.kind == KIND_LOOK) made.count = 0;
    made.expected = c->versions[made.stream];
    c->made += made.count;
    return made;
}

static void put_request(char *out, size_t size, const client *c, const call *made)
{
    static const char message[] = "{\"type\":\"T\",\"data\":{\"n\":%" PRId64 ",\"w\":%u}}";
    char messages[AT_ONCE * 80], options[60] = "";
    size_t at = 0;
    for (unsigned i = 0; i < made->count; i++) {
        if (i > 0) messages[at++] = ',';
        at += (size_t)snprintf(messages + at, sizeof messages - at, message, made->number + i,
                               c->number);
    }
    if (made->kind == KIND_WRITE || made->kind == KIND_APPEND)
        snprintf(options, sizeof options, ",{\"expectedVersion\":%" PRId64 "}", made->expected);
    if (made->kind == KIND_LOOK)
        snprintf(out, size, "[\"stream.version\",\"linear-%u\"]", made->stream);
    else if (made->kind == KIND_APPEND)
        snprintf(out, size, "[\"stream.append\",\"linear-%u\",[%s]%s]", made->stream, messages,
                 options);
    else
        snprintf(out, size, "[\"stream.write\",\"linear-%u\",%s%s]", made->stream, messages,
                 options);
}

/* What an answer says about the stream: an append by us, or the version it had. */
static void understand(client *c, call *made, mr_slice answer)
{
    mr_linear_op *op = &made->op;
    if (made->status == 200 && made->kind == KIND_LOOK) {
        op->version = mr_slice_is(answer, "null") ? -1 : mr_json_int(answer);
    } else if (made->status == 200) {
        const int64_t position = mr_json_int(mr_json_field(answer, "position"));
        op->append = true;
        op->from = made->kind == KIND_PLAIN ? position - 1 : made->expected;
        op->version = op->from + made->count;
    } else if (made->status == 409) {
        const mr_slice details = mr_json_field(mr_json_field(answer, "error"), "details");
        op->version = mr_json_int(mr_json_field(details, "actual"));
        if (mr_json_int(mr_json_field(details, "expected")) != made->expected)
            op->version = INT64_MIN; /* found to be wrong later */
    } else {
        return;
    }
    c->versions[made->stream] = op->version;
}

static mr_slice trimmed(mr_slice text)
{
    while (text.len > 0 && text.ptr[text.len - 1] == '\n')
        text.len--;
    return text;
}

static void *compete(void *context)
{
    client *c = context;
    mr_store_client wire;
    mr_store_client_open(&wire, 0, MR_STORE_TOKEN);
    while (!atomic_load(&c->contest->stop)) {
        char request[600];
        mr_slice answer;
        call made = choose(c);
        put_request(request, sizeof request, c, &made);
        wire.port = (uint16_t)atomic_load(&c->contest->port);
        made.op.began = now_ns();
        made.status = mr_store_client_call(&wire, request, &answer);
        made.op.ended = now_ns();
        understand(c, &made, trimmed(answer));
        if (mr_buffer_append(&c->calls, mr_slice_of((const char *)&made, sizeof made), NULL) !=
            MR_OK)
            abort();
        if (made.status == 0) pause_ms(1);
    }
    mr_store_client_close(&wire);
    return NULL;
}

static void begin(const mr_store_server *server)
{
    the_contest = (contest){.port = server->port};
    for (unsigned i = 0; i < CLIENTS; i++) {
        client *c = &the_contest.clients[i];
        *c = (client){.contest = &the_contest, .number = i, .random = i * 7919 + 1};
        for (unsigned s = 0; s < STREAMS; s++)
            c->versions[s] = -1;
        mr_buffer_init(&c->calls, "history", 1u << 30);
        if (pthread_create(&c->thread, NULL, compete, c) != 0)
            MR_TEST_FAIL("client %u cannot be started\n", i);
    }
}

static void end(void)
{
    atomic_store(&the_contest.stop, true);
    for (unsigned i = 0; i < CLIENTS; i++)
        pthread_join(the_contest.clients[i].thread, NULL);
}

/* --- Judging --- */

typedef struct judged {
    mr_buffer ops;
    int64_t *where[CLIENTS]; /* position of each message in the stream; -1: not there */
    uint64_t appends, conflicts, looks, unknown;
} judged;

/* Finds where each client's messages are in the stream. */
static void read_stream(const mr_store_server *server, unsigned stream, judged *j)
{
    mr_store_client wire;
    mr_slice answer, message;
    char request[120];
    for (unsigned i = 0; i < CLIENTS; i++) {
        const size_t size = (size_t)(the_contest.clients[i].made + 1) * sizeof(int64_t);
        j->where[i] = mr_mem_alloc(size);
        MR_EXPECT(j->where[i] != NULL);
        memset(j->where[i], 0xff, size);
    }
    mr_store_client_open(&wire, server->port, MR_STORE_TOKEN);
    for (int64_t next = 0, before = -1; next != before;) {
        before = next;
        snprintf(request, sizeof request,
                 "[\"stream.get\",\"linear-%u\",{\"position\":%" PRId64 ",\"batchSize\":5000}]",
                 stream, next);
        MR_EXPECT_U64(mr_store_client_call(&wire, request, &answer), ==, 200);
        for (mr_slice rest = mr_json_inside(answer); mr_json_step(&rest, &message); next++) {
            MR_EXPECT_I64(mr_json_int(mr_json_item(message, 2)), ==, next);
            const mr_slice data = mr_json_item(message, 4);
            const int64_t who = mr_json_int(mr_json_field(data, "w")),
                          number = mr_json_int(mr_json_field(data, "n"));
            MR_EXPECT(who >= 0 && who < CLIENTS && number < the_contest.clients[who].made);
            MR_EXPECT_I64(j->where[who][number], ==, -1); /* once */
            j->where[who][number] = next;
        }
    }
    mr_store_client_close(&wire);
}

/* Turns one call into an operation of the history, or into nothing. */
static void judge(judged *j, unsigned who, const call *made)
{
    mr_linear_op op = made->op;
    const int64_t found = made->count > 0 ? j->where[who][made->number] : -1;
    for (unsigned i = 1; i < made->count; i++) /* all of it or nothing, in order */
        MR_EXPECT_I64(j->where[who][made->number + i], ==, found < 0 ? -1 : found + i);
    if (made->status == 200 && op.append) {
        MR_EXPECT_I64(found, ==, op.from + 1);
        j->appends++;
    } else if (made->status == 200) {
        j->looks++;
    } else if (made->status == 409) {
        MR_EXPECT(made->kind == KIND_WRITE || made->kind == KIND_APPEND);
        MR_EXPECT_I64(found, ==, -1);
        MR_EXPECT_I64(op.version, !=, made->expected);
        j->conflicts++;
    } else {
        if (made->status != 0) MR_TEST_FAIL("status %u\n", made->status);
        j->unknown++;
        if (found < 0) return; /* it never happened */
        if (made->kind == KIND_WRITE || made->kind == KIND_APPEND)
            MR_EXPECT_I64(found, ==, made->expected + 1);
        op = (mr_linear_op){.began = op.began,
                            .ended = INT64_MAX,
                            .append = true,
                            .from = found - 1,
                            .version = found - 1 + made->count};
    }
    if (mr_buffer_append(&j->ops, mr_slice_of((const char *)&op, sizeof op), NULL) != MR_OK)
        abort();
}

static void expect_linear(const mr_store_server *server, bool killed)
{
    mr_error err;
    for (unsigned stream = 0; stream < STREAMS; stream++) {
        judged j = {0};
        mr_buffer_init(&j.ops, "operations", 1u << 30);
        read_stream(server, stream, &j);
        for (unsigned i = 0; i < CLIENTS; i++) {
            const call *calls = (const call *)(const void *)the_contest.clients[i].calls.ptr;
            for (size_t k = 0; k < the_contest.clients[i].calls.len / sizeof *calls; k++)
                if (calls[k].stream == stream) judge(&j, i, &calls[k]);
            mr_mem_free(j.where[i]);
        }
        mr_linear_op *ops = (mr_linear_op *)(void *)j.ops.ptr;
        MR_EXPECT_OK(mr_linear_check(ops, j.ops.len / sizeof *ops, -1, &err));
        print_message("linear-%u: %" PRIu64 " appends, %" PRIu64 " conflicts, %" PRIu64
                      " looks, %" PRIu64 " unknown\n",
                      stream, j.appends, j.conflicts, j.looks, j.unknown);
        MR_EXPECT_U64(j.appends, >, 10);
        MR_EXPECT_U64(j.conflicts, >, 10);
        if (!killed) MR_EXPECT_U64(j.unknown, ==, 0);
        mr_buffer_done(&j.ops);
    }
    for (unsigned i = 0; i < CLIENTS; i++)
        mr_buffer_done(&the_contest.clients[i].calls);
}

MR_TEST(expected_versions_are_linear_under_contention)
{
    mr_store_server server;
    mr_store_server_init(&server, "linear");
    mr_store_server_start(&server);
    begin(&server);
    for (unsigned i = 0; i < 20; i++)
        pause_ms(100);
    end();
    expect_linear(&server, false);
    MR_EXPECT_I64(mr_store_server_stop(&server), ==, 0);
}

MR_TEST(expected_versions_are_linear_across_kills)
{
    mr_store_server server;
    mr_store_server_init(&server, "killed");
    mr_store_server_start(&server);
    begin(&server);
    for (unsigned i = 0; i < 6; i++) {
        pause_ms(150 + 37 * i);
        mr_store_server_kill(&server);
        mr_store_server_start(&server);
        atomic_store(&the_contest.port, server.port);
    }
    pause_ms(200);
    end();
    expect_linear(&server, true);
    MR_EXPECT_I64(mr_store_server_stop(&server), ==, 0);
}

/* --- The judge is judged --- */

#define LOOK(began, ended, version)     \
    {                                   \
        began, ended, false, 0, version \
    }
#define ADD(began, ended, from, to)  \
    {                                \
        began, ended, true, from, to \
    }

MR_TEST(the_checker_knows_right_from_wrong)
{
    static const struct {
        const char *what;
        bool linear;
        size_t count;
        mr_linear_op ops[5];
    } rows[] = {
        {"nothing", true, 0, {{0}}},
        {"one after the other", true, 2, {ADD(1, 2, -1, 0), ADD(3, 4, 0, 1)}},
        {"two winners", false, 2, {ADD(1, 9, -1, 0), ADD(1, 9, -1, 0)}},
        {"a gap", false, 2, {ADD(1, 2, -1, 0), ADD(3, 4, 1, 2)}},
        {"the second before the first", false, 2, {ADD(5, 6, -1, 0), ADD(1, 4, 0, 1)}},
        {"overlapping", true, 2, {ADD(1, 6, -1, 0), ADD(1, 4, 0, 1)}},
        {"a look too late", false, 2, {ADD(1, 2, -1, 0), LOOK(3, 4, -1)}},
        {"a look too early", false, 2, {ADD(3, 4, -1, 0), LOOK(1, 2, 0)}},
        {"a look meanwhile", true, 3, {ADD(1, 4, -1, 0), LOOK(2, 3, 0), LOOK(2, 3, -1)}},
        {"looks that go back", false, 3, {ADD(1, 9, -1, 0), LOOK(2, 3, 0), LOOK(4, 5, -1)}},
        {"into the middle of an append", false, 2, {ADD(1, 9, -1, 2), LOOK(2, 3, 1)}},
        {"never answered", true, 2, {ADD(1, INT64_MAX, -1, 0), LOOK(50, 51, 0)}},
        {"never answered, not called yet", false, 2, {ADD(9, INT64_MAX, -1, 0), LOOK(1, 2, 0)}},
        {"no progress", false, 1, {ADD(1, 2, -1, -1)}},
        {"looks need not agree with each other",
         true,
         5,
         {ADD(1, 9, -1, 0), ADD(1, 9, 0, 1), LOOK(1, 9, 1), LOOK(1, 9, -1), LOOK(1, 9, 0)}},
    };
    for (size_t i = 0; i < MR_COUNT_OF(rows); i++) {
        mr_linear_op ops[5];
        mr_error err = {0};
        memcpy(ops, rows[i].ops, sizeof ops);
        const bool linear = mr_linear_check(ops, rows[i].count, -1, &err) == MR_OK;
        if (linear != rows[i].linear) MR_TEST_FAIL("%s: %s\n", rows[i].what, err.text);
        MR_EXPECT(mr_linear_check_slowly(rows[i].ops, rows[i].count, -1) == rows[i].linear);
    }
}

MR_TEST(the_checker_agrees_with_one_that_tries_every_order)
{
    uint64_t random = 1, linear = 0;
    for (unsigned round = 0; round < 200000; round++) {
        mr_linear_op ops[7];
        mr_error err;
        const size_t count = 1 + draw(&random, MR_COUNT_OF(ops));
        int64_t version = -1;
        for (size_t i = 0; i < count; i++) {
            const int64_t began = (int64_t)draw(&random, 12);
            ops[i] = (mr_linear_op){.began = began,
                                    .ended = began + 1 + (int64_t)draw(&random, 10),
                                    .append = draw(&random, 2) == 0,
                                    .from = version,
                                    .version = version};
            if (ops[i].append) ops[i].version += 1 + (int64_t)draw(&random, 2);
            if (draw(&random, 40) == 0) ops[i].version++;
            version = ops[i].version;
        }
        const bool slowly = mr_linear_check_slowly(ops, count, -1);
        MR_EXPECT((mr_linear_check(ops, count, -1, &err) == MR_OK) == slowly);
        linear += slowly;
    }
    MR_EXPECT_U64(linear, >, 20000);
    MR_EXPECT_U64(linear, <, 180000);
}
