/* SPDX-License-Identifier: MIT
 *
 * store_load - load for a message store: millrace serve, or any server that speaks the same.
 *
 *     store_load SCENARIO --port P --token T [--connections 10] [--rate R] [--seconds 5]
 *                [--warmup 1] [--pid SERVER] [--subscribers 1000] [--events 100000]
 *     store_load start [--port P] -- COMMAND...
 *
 * Without --rate the loop is closed and finds the peak; with it the loop is open (load_engine.h).
 * Every run has a namespace of its own. Prints one line of JSON; exit 1 when an answer was wrong or
 * a stream has gaps. bench/store-bench runs it and prints tables. */
#include "store_load.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "core/clock.h"

#define STREAMS 100

/* One digit string of a request that changes each time: the counter in the data. */
#define COUNTER_DIGITS 19

static const char event_head[] = "{\"type\":\"TestEvent\",\"data\":{\"counter\":";
static const char event_tail[] =
    ",\"payload\":\"test data for profiling with some content to make it realistic\","
    "\"nested\":{\"field1\":\"value1\",\"field2\":42,\"field3\":true}},"
    "\"metadata\":{\"correlationStreamName\":\"test-correlation\",\"source\":\"load-test\"}}";

typedef struct request {
    mr_buffer bytes;
    size_t counter, counter_step; /* where the first counter is, how far the next one */
    unsigned counters;
} request;

typedef struct work {
    request writes[STREAMS], reads[STREAMS];
    unsigned write_count, read_count;
    unsigned writes_a_read;   /* 0: only what there is */
    unsigned messages;        /* in one write */
    uint64_t turn, read_turn; /* requests handed out */
    uint64_t counter;
    size_t answer_len[STREAMS]; /* of each read: always the same; 0: not known */
    int64_t acknowledged[STREAMS], last[STREAMS];
    int64_t global_last;
} work;

static work the_work;

#define TAG_READ 0x80000000u

/* --- Small things --- */

mr_slice load_request(mr_buffer *out, const char *method, const char *target, const char *token,
                      mr_slice body)
{
    mr_error err;
    if (out->name == NULL) mr_buffer_init(out, "request", 1u << 30);
    mr_buffer_reset(out);
    if (mr_buffer_printf(out, &err,
                         "%s %s HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer %s\r\n"
                         "Content-Type: application/json\r\nContent-Length: %zu\r\n\r\n",
                         method, target, token, body.len) != MR_OK ||
        mr_buffer_append(out, body, &err) != MR_OK)
        load_fail("%s", err.text);
    return mr_buffer_slice(out);
}

static void append(mr_buffer *out, const char *text)
{
    mr_error err;
    if (out->name == NULL) mr_buffer_init(out, "body", 1u << 30);
    if (mr_buffer_append(out, mr_slice_text(text), &err) != MR_OK) load_fail("%s", err.text);
}

int64_t load_number(mr_slice json, const char *key)
{
    const size_t len = strlen(key);
    const char *at = json.len > 0 ? memmem(json.ptr, json.len, key, len) : NULL;
    if (at == NULL) return -1;
    int64_t number = 0;
    for (at += len; at < json.ptr + json.len && *at >= '0' && *at <= '9'; at++)
        number = number * 10 + (*at - '0');
    return number;
}

/* Calls /rpc and expects success. */
static mr_slice rpc(const load_options *options, const char *token, const char *body)
{
    static mr_buffer out;
    mr_slice answer;
    const unsigned status = load_call(
        options->port, load_request(&out, "POST", "/rpc", token, mr_slice_text(body)), &answer);
    if (status != 200) load_fail("%.60s: status %u: %.*s", body, status, MR_SLICE_ARGS(answer));
    return answer;
}

static char namespace_id[64];

const char *load_namespace(const load_options *options)
{
    static char token[512];
    char body[200];
    snprintf(namespace_id, sizeof namespace_id, "load-%s-%" PRId64, options->scenario,
             mr_clock_wall_ns());
    snprintf(body, sizeof body, "[\"ns.create\",\"%s\"]", namespace_id);
    const mr_slice answer = rpc(options, options->token, body);
    const char *at = memmem(answer.ptr, answer.len, "\"token\":\"", 9);
    const char *end = at != NULL ? strchr(at + 9, '"') : NULL;
    if (end == NULL || (size_t)(end - at) > sizeof token) load_fail("no token in an answer");
    snprintf(token, sizeof token, "%.*s", (int)(end - at - 9), at + 9);
    return token;
}

void load_forget_namespace(const load_options *options)
{
    char body[200];
    snprintf(body, sizeof body, "[\"ns.delete\",\"%s\"]", namespace_id);
    rpc(options, options->token, body);
}

/* --- Requests --- */

static void add_event(mr_buffer *body)
{
    append(body, event_head);
    append(body, "1000000000000000000");
    append(body, event_tail);
}

/* Finds the counters of a request that is complete. */
static void find_counters(request *r)
{
    const char *at = memmem(r->bytes.ptr, r->bytes.len, event_head, sizeof event_head - 1);
    r->counter = (size_t)(at - r->bytes.ptr) + sizeof event_head - 1;
    const char *first = r->bytes.ptr + r->counter;
    const char *second = memmem(first, (size_t)(r->bytes.ptr + r->bytes.len - first), event_head,
                                sizeof event_head - 1);
    r->counter_step = second != NULL ? (size_t)(second - first) + sizeof event_head - 1 : 0;
}

static void make_write(request *r, unsigned stream, const char *token)
{
    mr_buffer body = {0};
    char text[64];
    snprintf(text, sizeof text, "[\"stream.write\",\"test-stream-%u\",", stream);
    append(&body, text);
    add_event(&body);
    append(&body, "]");
    load_request(&r->bytes, "POST", "/rpc", token, mr_buffer_slice(&body));
    mr_buffer_done(&body);
    r->counters = 1;
    find_counters(r);
}

/* `count` messages to a hundred streams of names of one length, at once. */
static void make_batch(request *r, unsigned count, const char *token)
{
    mr_buffer body = {0};
    append(&body, "[\"batch.write\",[");
    for (unsigned i = 0; i < count; i++) {
        char text[64];
        snprintf(text, sizeof text, "%s[\"test-stream-%02u\",", i > 0 ? "," : "", i % STREAMS);
        append(&body, text);
        add_event(&body);
        append(&body, "]");
    }
    append(&body, "]]");
    load_request(&r->bytes, "POST", "/rpc", token, mr_buffer_slice(&body));
    mr_buffer_done(&body);
    r->counters = count;
    find_counters(r);
}

/* `count` messages to one stream, at once. */
static void make_append(request *r, unsigned count, unsigned stream, const char *token)
{
    mr_buffer body = {0};
    char text[64];
    snprintf(text, sizeof text, "[\"stream.append\",\"test-stream-%u\",[", stream);
    append(&body, text);
    for (unsigned i = 0; i < count; i++) {
        if (i > 0) append(&body, ",");
        add_event(&body);
    }
    append(&body, "]]");
    load_request(&r->bytes, "POST", "/rpc", token, mr_buffer_slice(&body));
    mr_buffer_done(&body);
    r->counters = count;
    find_counters(r);
}

static void make_read(request *r, const char *body, const char *token)
{
    load_request(&r->bytes, "POST", "/rpc", token, mr_slice_text(body));
}

static void put_counter(char *at, uint64_t value)
{
    for (int i = COUNTER_DIGITS - 1; i >= 0; i--, value /= 10)
        at[i] = (char)('0' + value % 10);
}

static mr_slice next_request(void *context, uint32_t *tag)
{
    work *w = context;
    const uint64_t turn = w->turn++;
    const bool is_read = w->write_count == 0 || (w->writes_a_read > 0 &&
                                                 turn % (w->writes_a_read + 1) == w->writes_a_read);
    if (is_read) {
        const unsigned read = (unsigned)(w->read_turn++ % w->read_count);
        *tag = TAG_READ | read;
        return mr_buffer_slice(&w->reads[read].bytes);
    }
    const uint64_t index = w->writes_a_read > 0 ? turn - turn / (w->writes_a_read + 1) : turn;
    const unsigned stream = (unsigned)(index % w->write_count);
    request *r = &w->writes[stream];
    *tag = stream;
    for (unsigned i = 0; i < r->counters; i++)
        put_counter(r->bytes.ptr + r->counter + i * r->counter_step, w->counter++);
    return mr_buffer_slice(&r->bytes);
}

static bool check_answer(void *context, uint32_t tag, unsigned status, mr_slice body)
{
    work *w = context;
    if (status != 200) return false;
    if (tag & TAG_READ) {
        size_t *len = &w->answer_len[tag & ~TAG_READ];
        if (w->writes_a_read > 0 || body.len == 0) return true;
        if (*len == 0) *len = body.len;
        return body.len == *len && body.len > 2;
    }
    if (w->messages > 1) return true; /* what was stored is counted at the end */
    const int64_t position = load_number(body, "\"position\":");
    const int64_t global = load_number(body, "\"globalPosition\":");
    if (position > w->last[tag]) w->last[tag] = position;
    if (global > w->global_last) w->global_last = global;
    w->acknowledged[tag]++;
    return position >= 0 && global > 0;
}

/* --- Scenarios --- */

static void prepare_writes(const load_options *options, const char *token)
{
    char body[100];
    work *w = &the_work;
    w->write_count = w->read_count = STREAMS;
    w->messages = 1;
    for (unsigned i = 0; i < STREAMS; i++) {
        make_write(&w->writes[i], i, token);
        snprintf(body, sizeof body,
                 "[\"stream.get\",\"test-stream-%u\",{\"position\":0,\"batchSize\":10}]", i);
        make_read(&w->reads[i], body, token);
    }
    if (strcmp(options->scenario, "mix") == 0) w->writes_a_read = 10;
}

static void prepare_batch(const load_options *options, const char *token)
{
    work *w = &the_work;
    w->messages = 100;
    w->write_count = strcmp(options->scenario, "batch") == 0 ? 1 : STREAMS;
    for (unsigned i = 0; i < w->write_count; i++)
        if (w->write_count == 1)
            make_batch(&w->writes[i], w->messages, token);
        else
            make_append(&w->writes[i], w->messages, i, token);
}

static void prepare_get(const load_options *options, const char *token)
{
    work *w = &the_work;
    request write = {0};
    make_write(&write, 1, token);
    mr_slice answer;
    for (unsigned i = 0; i < 100; i++) {
        put_counter(write.bytes.ptr + write.counter, 1000000000000000000u + i);
        if (load_call(options->port, mr_buffer_slice(&write.bytes), &answer) != 200)
            load_fail("a message was not stored: %.*s", MR_SLICE_ARGS(answer));
    }
    mr_buffer_done(&write.bytes);
    w->read_count = 1;
    make_read(&w->reads[0], "[\"stream.get\",\"test-stream-1\",{\"batchSize\":100}]", token);
}

/* What an answer costs that asks nothing of the store. */
static void prepare_health(MR_UNUSED const load_options *options, const char *token)
{
    work *w = &the_work;
    w->read_count = 1;
    load_request(&w->reads[0].bytes, "GET", "/health", token, (mr_slice){0});
}

/* Reads 10 of the 10 k messages of a category among 100 k, from its start or from anywhere. */
static void prepare_category(const load_options *options, const char *token)
{
    work *w = &the_work;
    char body[100];
    load_import(options, token, options->events, 10);
    w->read_count = STREAMS;
    for (unsigned i = 0; i < STREAMS; i++) {
        const unsigned from =
            strcmp(options->scenario, "category") == 0 ? 1 : i * (options->events / STREAMS) + 1;
        snprintf(body, sizeof body,
                 "[\"category.get\",\"category%u\",{\"position\":%u,\"batchSize\":10}]", i % 10,
                 from);
        make_read(&w->reads[i], body, token);
    }
}

static void print_latency(const mr_histogram *histogram)
{
    printf("\"p50_us\":%.1f,\"p99_us\":%.1f,\"p999_us\":%.1f,\"max_us\":%.1f",
           (double)mr_histogram_percentile(histogram, 0.5) / 1e3,
           (double)mr_histogram_percentile(histogram, 0.99) / 1e3,
           (double)mr_histogram_percentile(histogram, 0.999) / 1e3,
           (double)mr_histogram_max(histogram) / 1e3);
}

/* Streams that were written to must end at the number of writes that were acknowledged. */
static uint64_t count_gaps(const work *w)
{
    uint64_t gaps = 0;
    for (unsigned i = 0; i < w->write_count && w->messages == 1; i++)
        gaps += w->last[i] + 1 != w->acknowledged[i];
    return gaps;
}

static int run_requests(const load_options *options,
                        void (*prepare)(const load_options *options, const char *token))
{
    static load_result result;
    work *w = &the_work;
    *w = (work){.counter = 1000000000000000000u};
    for (unsigned i = 0; i < STREAMS; i++)
        w->last[i] = -1;
    prepare(options, load_namespace(options));
    const load_plan plan = {.port = options->port,
                            .connections = options->connections,
                            .rate = options->rate,
                            .seconds = options->seconds,
                            .warmup_s = options->warmup_s,
                            .server = options->server,
                            .context = w,
                            .next = next_request,
                            .check = check_answer};
    load_run(&plan, &result);
    const uint64_t gaps = count_gaps(w);
    const unsigned messages = w->messages > 0 ? w->messages : 1;
    const double ops = (double)result.answers / result.seconds;
    printf("{\"scenario\":\"%s\",\"connections\":%u,\"rate\":%.0f,\"seconds\":%.1f,\"ops_s\":%.0f,"
           "\"messages_s\":%.0f,\"wrong\":%" PRIu64 ",\"unsent\":%" PRIu64 ",\"gaps\":%" PRIu64
           ",\"server_cpu_us\":%.2f,\"driver_cpu_us\":%.2f,\"rss_kib\":%" PRIu64 ",",
           options->scenario, options->connections, options->rate, result.seconds, ops,
           ops * messages, result.wrong, result.unsent, gaps,
           result.server_cpu_s * 1e6 / (double)mr_max_u64(result.answers, 1),
           result.driver_cpu_s * 1e6 / (double)mr_max_u64(result.answers, 1),
           load_rss_kib(options->server));
    print_latency(&result.latency);
    puts("}");
    load_forget_namespace(options);
    return result.wrong > 0 || gaps > 0;
}

static int run_import(const load_options *options)
{
    const double took = load_import(options, load_namespace(options), options->events, 10);
    printf("{\"scenario\":\"import\",\"events\":%u,\"took_s\":%.4f}\n", options->events, took);
    load_forget_namespace(options);
    return 0;
}

static const struct {
    const char *name;
    void (*prepare)(const load_options *options, const char *token);
} scenarios[] = {
    {"mix", prepare_writes},        {"write", prepare_writes},  {"batch", prepare_batch},
    {"append", prepare_batch},      {"get", prepare_get},       {"category", prepare_category},
    {"anywhere", prepare_category}, {"health", prepare_health},
};

static int run(const load_options *options)
{
    for (size_t i = 0; i < MR_COUNT_OF(scenarios); i++)
        if (strcmp(scenarios[i].name, options->scenario) == 0)
            return run_requests(options, scenarios[i].prepare);
    if (strcmp(options->scenario, "import") == 0) return run_import(options);
    if (strcmp(options->scenario, "watch") == 0) return load_watch(options), 0;
    if (strcmp(options->scenario, "start") == 0) return load_start(options), 0;
    load_fail("no scenario '%s': mix, write, batch, append, get, category, anywhere, health, "
              "watch, import or start",
              options->scenario);
}

static void set(load_options *options, const char *name, const char *value)
{
    const double number = strtod(value, NULL);
    if (strcmp(name, "--port") == 0)
        options->port = (uint16_t)number;
    else if (strcmp(name, "--token") == 0)
        options->token = value;
    else if (strcmp(name, "--connections") == 0)
        options->connections = (unsigned)number;
    else if (strcmp(name, "--subscribers") == 0)
        options->subscribers = (unsigned)number;
    else if (strcmp(name, "--events") == 0)
        options->events = (unsigned)number;
    else if (strcmp(name, "--rate") == 0)
        options->rate = number;
    else if (strcmp(name, "--seconds") == 0)
        options->seconds = number;
    else if (strcmp(name, "--warmup") == 0)
        options->warmup_s = number;
    else if (strcmp(name, "--pid") == 0)
        options->server = (pid_t)number;
    else
        load_fail("unknown option '%s'", name);
}

int main(int argc, char **argv)
{
    load_options options = {
        .connections = 10, .subscribers = 1000, .events = 100000, .seconds = 5, .warmup_s = 1};
    if (argc < 2) load_fail("which scenario? The head of store_load.c lists them");
    options.scenario = argv[1];
    for (int i = 2; i < argc; i += 2) {
        if (strcmp(argv[i], "--") == 0) {
            options.command = argv + i + 1;
            break;
        }
        if (i + 1 == argc) load_fail("'%s' needs a value", argv[i]);
        set(&options, argv[i], argv[i + 1]);
    }
    return run(&options);
}
