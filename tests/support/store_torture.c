/* SPDX-License-Identifier: MIT */
#include "support/store_torture.h"

#include <time.h>
#include <unistd.h>

#include "support/test.h"

#define AT_ONCE_MAX 8
#define PADDING_MAX 400
#define BATCH       5000

/* Streams from here on are written to with expected versions only. */
#define FIRST_GUARDED 40

typedef enum kind {
    KIND_PLAIN,
    KIND_WITH_ID,
    KIND_GUARDED,
    KIND_APPEND,
    KIND_BATCH,
    KIND_COUNT,
} kind;

typedef struct operation {
    uint64_t first;                 /* number of its first message */
    int64_t global;                 /* as answered, of its first message */
    int64_t positions[AT_ONCE_MAX]; /* as answered, of each */
    int64_t expected;
    uint8_t kind, count, stream, outcome;
} operation;

/* --- What a message looks like --- */

static uint64_t mix(uint64_t x)
{
    x = (x ^ x >> 31) * UINT64_C(0x9e3779b97f4a7c15);
    return x ^ x >> 29;
}

static uint64_t draw(mr_torture_writer *writer, uint64_t below)
{
    writer->random = writer->random * UINT64_C(6364136223846793005) + 1442695040888963407u;
    return mix(writer->random) % below;
}

/* The data of a message: its keys in order, without white space, so that even a store that decodes
 * and encodes gives back the same bytes. */
static void put_data(mr_buffer *out, unsigned writer, uint64_t number)
{
    const unsigned padding = (unsigned)(mix(number * 131 + writer) % PADDING_MAX);
    mr_error err;
    if (mr_buffer_printf(out, &err, "{\"n\":%" PRIu64 ",\"w\":%u,\"x\":\"%0*u\"}", number, writer,
                         (int)padding + 1, writer) != MR_OK)
        abort();
}

static void put_id(char out[37], unsigned writer, uint64_t number)
{
    const uint64_t half = mix(number * 257 + writer);
    snprintf(out, 37, "%08x-%04x-4%03x-8%03x-%012" PRIx64, (unsigned)(half >> 32),
             (unsigned)(half >> 16 & 0xffff), (unsigned)(half & 0xfff), writer & 0xfff,
             number & 0xffffffffffff);
}

static void say(mr_buffer *out, const char *text)
{
    if (mr_buffer_append(out, mr_slice_text(text), NULL) != MR_OK) abort();
}

/* Which stream message `i` of an operation goes to. */
static unsigned stream_of(const operation *op, unsigned i)
{
    return op->kind == KIND_BATCH ? (op->stream + i) % FIRST_GUARDED : op->stream;
}

static void put_message(mr_buffer *out, unsigned writer, uint64_t number)
{
    say(out, "{\"type\":\"Torture\",\"data\":");
    put_data(out, writer, number);
    say(out, "}");
}

static void put_options(mr_buffer *out, const operation *op, unsigned writer)
{
    char text[100], id[37];
    if (op->kind == KIND_WITH_ID) {
        put_id(id, writer, op->first);
        snprintf(text, sizeof text, ",{\"id\":\"%s\"}", id);
        say(out, text);
    } else if (op->kind == KIND_GUARDED) {
        snprintf(text, sizeof text, ",{\"expectedVersion\":%" PRId64 "}", op->expected);
        say(out, text);
    }
}

static void put_request(mr_buffer *out, const operation *op, unsigned writer)
{
    static const char *const methods[KIND_COUNT] = {
        [KIND_PLAIN] = "stream.write",   [KIND_WITH_ID] = "stream.write",
        [KIND_GUARDED] = "stream.write", [KIND_APPEND] = "stream.append",
        [KIND_BATCH] = "batch.write",
    };
    char text[100];
    const bool listed = op->kind == KIND_APPEND, batch = op->kind == KIND_BATCH;
    mr_buffer_reset(out);
    snprintf(text, sizeof text, "[\"%s\",", methods[op->kind]);
    say(out, text);
    snprintf(text, sizeof text, "\"torture-%u\",", op->stream);
    say(out, batch ? "[" : text);
    if (listed) say(out, "[");
    for (unsigned i = 0; i < op->count; i++) {
        if (i > 0) say(out, ",");
        snprintf(text, sizeof text, "[\"torture-%u\",", stream_of(op, i));
        if (batch) say(out, text);
        put_message(out, writer, op->first + i);
        if (batch) say(out, "]");
    }
    if (listed || batch) say(out, "]");
    put_options(out, op, writer);
    say(out, "]");
}

/* --- Writers --- */

static operation choose(mr_torture_writer *writer)
{
    operation op = {.first = writer->made, .count = 1, .outcome = MR_TORTURE_UNKNOWN};
    op.kind = (uint8_t)draw(writer, mr_store_server_is_ours() ? KIND_COUNT : KIND_APPEND);
    op.stream = (uint8_t)draw(writer, FIRST_GUARDED);
    if (op.kind == KIND_GUARDED) {
        op.stream = (uint8_t)(FIRST_GUARDED + draw(writer, MR_TORTURE_STREAMS - FIRST_GUARDED));
        op.expected = writer->versions[op.stream];
    }
    if (op.kind == KIND_APPEND || op.kind == KIND_BATCH)
        op.count = (uint8_t)(2 + draw(writer, AT_ONCE_MAX - 1));
    writer->made += op.count;
    return op;
}

/* The number behind the first `"name":` anywhere in `text`. */
static int64_t number_in(mr_slice text, const char *name)
{
    const char *at = text.len > 0 ? memmem(text.ptr, text.len, name, strlen(name)) : NULL;
    if (at == NULL) return INT64_MIN;
    mr_slice rest = mr_slice_from(text, (size_t)(at - text.ptr) + strlen(name)), value;
    return mr_json_step(&rest, &value) ? mr_json_int(value) : INT64_MIN;
}

/* What an answer says about where the messages are: an object for one, first and last of one stream
 * for several, a list for several streams. */
static void note_positions(operation *op, mr_slice answer)
{
    const bool listed = op->kind == KIND_APPEND;
    op->global = number_in(answer, listed ? "\"firstGlobalPosition\":" : "\"globalPosition\":");
    const int64_t first = number_in(answer, listed ? "\"firstPosition\":" : "\"position\":");
    for (unsigned i = 0; i < op->count; i++) {
        op->positions[i] = first + i;
        if (op->kind == KIND_BATCH)
            op->positions[i] = number_in(mr_json_item(answer, i), "\"position\":");
    }
    if (listed && number_in(answer, "\"lastPosition\":") != first + op->count - 1)
        op->positions[0] = INT64_MIN; /* found to be wrong later */
}

/* Sends `op` and notes what came of it; false when the server is gone. */
static bool carry_out(mr_torture_writer *writer, mr_store_client *client, operation *op)
{
    mr_torture *torture = writer->torture;
    mr_slice answer;
    put_request(&writer->request, op, writer->number);
    const unsigned status =
        mr_store_client_send(client, mr_buffer_slice(&writer->request), &answer);
    if (status == 200) {
        op->outcome = MR_TORTURE_ACKNOWLEDGED;
        note_positions(op, answer);
        if (op->kind == KIND_GUARDED) writer->versions[op->stream] = op->positions[0];
        atomic_fetch_add(&torture->acknowledged, 1);
    } else if (status == 409) {
        op->outcome = MR_TORTURE_REFUSED;
        const int64_t actual = number_in(answer, "\"actual\":");
        if (actual != INT64_MIN) writer->versions[op->stream] = actual;
        atomic_fetch_add(&torture->refused, 1);
    } else {
        atomic_fetch_add(&torture->unknown, 1);
        if (status == 0) return false;
        if (atomic_fetch_add(&torture->server_errors, 1) == 0)
            print_message("the first error: %u %.*s\n", status, MR_SLICE_ARGS(answer));
        usleep(2000);
    }
    return true;
}

/* What had ids and no answer is asked for again. */
static bool repeat_unknown(mr_torture_writer *writer, mr_store_client *client)
{
    operation *all = (operation *)(void *)writer->history.ptr;
    const size_t count = writer->history.len / sizeof *all;
    for (size_t i = 0; i < count && mr_store_server_is_ours(); i++) {
        if (all[i].kind != KIND_WITH_ID || all[i].outcome != MR_TORTURE_UNKNOWN) continue;
        if (!carry_out(writer, client, &all[i])) return false;
        atomic_fetch_add(&writer->torture->repeated, 1);
    }
    return true;
}

static void *write_on(void *context)
{
    mr_torture_writer *writer = context;
    mr_torture *torture = writer->torture;
    mr_store_client client;
    mr_store_client_open(&client, torture->server->port, MR_STORE_TOKEN);
    bool there = repeat_unknown(writer, &client);
    while (there && !atomic_load(&torture->stop)) {
        operation op = choose(writer);
        there = carry_out(writer, &client, &op);
        if (mr_buffer_append(&writer->history, mr_slice_of((const char *)&op, sizeof op), NULL) !=
            MR_OK)
            abort();
        if (torture->pause_us > 0) usleep(torture->pause_us);
    }
    mr_store_client_close(&client);
    return NULL;
}

void mr_torture_init(mr_torture *torture, mr_store_server *server, unsigned writers, uint64_t seed)
{
    *torture = (mr_torture){.server = server, .writer_count = writers};
    for (unsigned i = 0; i < writers; i++) {
        mr_torture_writer *writer = &torture->writers[i];
        writer->torture = torture;
        writer->number = i;
        writer->random = mix(seed + i);
        mr_buffer_init(&writer->history, "history", 1u << 30);
        mr_buffer_init(&writer->request, "request", 1u << 20);
        for (unsigned s = 0; s < MR_TORTURE_STREAMS; s++)
            writer->versions[s] = -1;
    }
}

void mr_torture_done(mr_torture *torture)
{
    for (unsigned i = 0; i < torture->writer_count; i++) {
        mr_buffer_done(&torture->writers[i].history);
        mr_buffer_done(&torture->writers[i].request);
    }
}

void mr_torture_begin(mr_torture *torture)
{
    atomic_store(&torture->stop, false);
    for (unsigned i = 0; i < torture->writer_count; i++)
        if (pthread_create(&torture->writers[i].thread, NULL, write_on, &torture->writers[i]) != 0)
            MR_TEST_FAIL("writer %u cannot be started\n", i);
}

void mr_torture_end(mr_torture *torture)
{
    atomic_store(&torture->stop, true);
    for (unsigned i = 0; i < torture->writer_count; i++)
        pthread_join(torture->writers[i].thread, NULL);
}

/* --- The reader --- */

typedef struct place {
    int64_t position, global; /* global 0: not found */
    uint8_t stream;
} place;

typedef struct found {
    place *places[MR_TORTURE_WRITERS_MAX]; /* of each writer's messages, by number */
    int64_t next_position[MR_TORTURE_STREAMS];
    int64_t last_global;
    uint64_t count;
} found;

/* Takes one `[id, stream, type, position, global, data, metadata, time]`. */
static void take_message(const mr_torture *torture, found *f, mr_slice message)
{
    mr_slice cells[8], rest = mr_json_inside(message);
    for (unsigned i = 0; i < 8; i++)
        if (!mr_json_step(&rest, &cells[i]))
            MR_TEST_FAIL("not a message: %.*s\n", MR_SLICE_ARGS(message));
    const int64_t global = mr_json_int(cells[4]), position = mr_json_int(cells[3]);
    const uint64_t number = (uint64_t)number_in(cells[5], "{\"n\":"),
                   writer = (uint64_t)number_in(cells[5], "\"w\":");
    mr_slice name = mr_json_text(cells[1]);
    if (global <= f->last_global)
        MR_TEST_FAIL("global position %" PRId64 " after %" PRId64 "\n", global, f->last_global);
    f->last_global = global;
    if (!mr_slice_starts(name, "torture-") || writer >= torture->writer_count ||
        number >= torture->writers[writer].made)
        MR_TEST_FAIL("nobody wrote this: %.*s\n", MR_SLICE_ARGS(message));
    const int64_t stream = mr_json_int(mr_slice_from(name, 8));
    if (position != f->next_position[stream]++)
        MR_TEST_FAIL("torture-%" PRId64 " goes on at %" PRId64 ", expected %" PRId64 "\n", stream,
                     position, f->next_position[stream] - 1);
    place *p = &f->places[writer][number];
    if (p->global != 0)
        MR_TEST_FAIL("twice: %.*s, also at %" PRId64 "\n", MR_SLICE_ARGS(message), p->global);
    *p = (place){.position = position, .global = global, .stream = (uint8_t)stream};
    mr_buffer wanted;
    mr_buffer_init(&wanted, "data", 1u << 20);
    put_data(&wanted, (unsigned)writer, number);
    if (!mr_slice_equal(cells[5], mr_buffer_slice(&wanted)) ||
        !mr_slice_is(cells[2], "\"Torture\""))
        MR_TEST_FAIL("changed: %.*s\n", MR_SLICE_ARGS(message));
    mr_buffer_done(&wanted);
    f->count++;
}

static void read_all(const mr_torture *torture, found *f)
{
    mr_store_client client;
    mr_slice answer, message;
    uint64_t before;
    mr_store_client_open(&client, torture->server->port, MR_STORE_TOKEN);
    do {
        char request[100];
        before = f->count;
        snprintf(request, sizeof request,
                 "[\"category.get\",\"\",{\"position\":%" PRId64 ",\"batchSize\":%u}]",
                 f->last_global + 1, BATCH);
        const unsigned status = mr_store_client_call(&client, request, &answer);
        if (status != 200) MR_TEST_FAIL("reading: %u %.*s\n", status, MR_SLICE_ARGS(answer));
        for (mr_slice rest = mr_json_inside(answer); mr_json_step(&rest, &message);)
            take_message(torture, f, message);
    } while (f->count - before == BATCH);
    mr_store_client_close(&client);
}

static void check_operation(const mr_torture_writer *writer, const operation *op, const found *f)
{
    const place *places = f->places[writer->number] + op->first;
    unsigned there = 0;
    for (unsigned i = 0; i < op->count; i++) {
        there += places[i].global != 0;
        if (places[i].global != 0 && places[i].stream != stream_of(op, i))
            MR_TEST_FAIL("a message is in torture-%u instead of torture-%u\n", places[i].stream,
                         stream_of(op, i));
    }
    const char *wrong = NULL;
    for (unsigned i = 0; i < op->count && op->outcome == MR_TORTURE_ACKNOWLEDGED; i++)
        if (op->positions[i] != places[i].position || op->global + i != places[i].global)
            wrong = "is not where the answer said";
    if (there != 0 && there != op->count) wrong = "is there in part";
    if (op->outcome == MR_TORTURE_ACKNOWLEDGED && there != op->count)
        wrong = "was acknowledged and is lost";
    if (op->outcome == MR_TORTURE_REFUSED && there != 0) wrong = "was refused and is there";
    if (wrong != NULL)
        MR_TEST_FAIL("operation of kind %u, writer %u, message %" PRIu64
                     " %s: %u of %u messages found, position %" PRId64 " answered %" PRId64 "\n",
                     op->kind, writer->number, op->first, wrong, there, op->count,
                     places[0].position, op->positions[0]);
    for (unsigned i = 1; i < there; i++) /* atomic ones are next to each other */
        if (places[i].global != places[0].global + i)
            MR_TEST_FAIL("messages of one operation are apart\n");
}

uint64_t mr_torture_verify(mr_torture *torture)
{
    static found f;
    f = (found){0};
    for (unsigned i = 0; i < torture->writer_count; i++) {
        f.places[i] = mr_mem_zalloc((torture->writers[i].made + 1) * sizeof(place));
        MR_EXPECT(f.places[i] != NULL);
    }
    read_all(torture, &f);
    for (unsigned i = 0; i < torture->writer_count; i++) {
        const mr_torture_writer *writer = &torture->writers[i];
        const operation *all = (const operation *)(const void *)writer->history.ptr;
        for (size_t at = 0; at < writer->history.len / sizeof *all; at++)
            check_operation(writer, &all[at], &f);
        mr_mem_free(f.places[i]);
    }
    return f.count;
}
