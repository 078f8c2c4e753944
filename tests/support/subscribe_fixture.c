/* SPDX-License-Identifier: MIT */
#include "support/subscribe_fixture.h"

#include <time.h>

#include "support/test.h"

void mr_sub_make_space(mr_sub_fixture *f, const char *id, const char *token)
{
    char hash[MR_TOKEN_HASH_MAX];
    mr_error err;
    mr_token_hash(mr_slice_text(token), hash);
    mr_space_op op = {
        .op.kind = MR_OP_SPACE_CREATE, .id = mr_slice_text(id), .token_hash = mr_slice_text(hash)};
    MR_EXPECT_OK(mr_message_store_call(f->store, &op.op, &err));
}

void mr_sub_delete_space(mr_sub_fixture *f, const char *id)
{
    mr_error err;
    mr_space_op op = {.op.kind = MR_OP_SPACE_DELETE, .id = mr_slice_text(id)};
    MR_EXPECT_OK(mr_message_store_call(f->store, &op.op, &err));
}

static void open_server(mr_sub_fixture *f, uint32_t i, uint32_t write_ms)
{
    mr_error err;
    mr_http_limits limits = MR_HTTP_LIMITS_DEFAULT;
    limits.linger_ms = 300;
    limits.connections_max = limits.connections_per_address_max = 20000;
    if (write_ms > 0) {
        limits.write_ms = write_ms;
        limits.rate_bytes_per_s_min = 0;
    }
    MR_EXPECT_OK(mr_http_server_open(&(mr_http_options){.address = MR_SLICE("127.0.0.1:0"),
                                                        .routes = &f->route,
                                                        .route_count = 1,
                                                        .metrics = f->metrics,
                                                        .limits = limits},
                                     &f->servers[i], &err));
    MR_EXPECT_OK(mr_http_server_start(f->servers[i], &err));
    f->ports[i] = mr_http_server_port(f->servers[i]);
}

void mr_sub_open(mr_sub_fixture *f, const mr_sub_options *options)
{
    mr_error err;
    *f = (mr_sub_fixture){.loops = options->loops > 0 ? options->loops : 1};
    MR_EXPECT_OK(mr_message_store_open(&(mr_message_store_options){.data_dir = options->dir},
                                       &f->store, &err));
    f->space = mr_message_store_find(f->store, MR_SLICE("default"));
    if (f->space == NULL) {
        mr_sub_make_space(f, "default", "none");
        f->space = mr_message_store_find(f->store, MR_SLICE("default"));
    }
    MR_EXPECT(f->space != NULL);
    MR_EXPECT_OK(mr_metrics_open(NULL, &f->metrics, &err));
    f->auth = (mr_auth){.store = f->store, .test_mode = !options->no_test_mode};
    MR_EXPECT_OK(
        mr_subscriptions_open(&(mr_subscribe_options){.store = f->store,
                                                      .auth = &f->auth,
                                                      .metrics = f->metrics,
                                                      .heartbeat_ms = options->heartbeat_ms},
                              &f->subscriptions, &err));
    f->route = (mr_http_route){.method = MR_HTTP_ANY,
                               .path = "/subscribe",
                               .handler = mr_subscribe_serve,
                               .context = f->subscriptions};
    for (uint32_t i = 0; i < f->loops; i++)
        open_server(f, i, options->write_ms);
}

void mr_sub_stop_servers(mr_sub_fixture *f)
{
    for (uint32_t i = 0; i < f->loops; i++)
        mr_http_server_stop(f->servers[i], 2000);
}

void mr_sub_close(mr_sub_fixture *f)
{
    mr_sub_stop_servers(f);
    mr_subscriptions_settle(f->subscriptions);
    for (uint32_t i = 0; i < f->loops; i++)
        mr_http_server_close(f->servers[i]);
    MR_EXPECT_U64(mr_sub_metric(f, "millrace_subscribers "), ==, 0);
    mr_subscriptions_close(f->subscriptions);
    mr_space_release(f->space);
    mr_message_store_close(f->store);
    mr_metrics_close(f->metrics);
}

void mr_sub_subscribe(mr_sub_fixture *f, mr_sse *sse, const char *target)
{
    mr_sse_open(sse, f->ports[0], target, "", 0);
    mr_sse_await_ready(sse);
}

static void append(mr_sub_fixture *f, mr_new_message *messages, size_t count)
{
    mr_error err;
    mr_append_op op = {
        .op = {.kind = MR_OP_APPEND, .space = f->space}, .messages = messages, .count = count};
    if (mr_message_store_call(f->store, &op.op, &err) != MR_OK) {
        fprintf(stderr, "append: %s\n", err.text);
        abort();
    }
}

int64_t mr_sub_write(mr_sub_fixture *f, const char *stream, const char *data)
{
    mr_new_message message = {
        .stream = mr_slice_text(stream), .type = MR_SLICE("Tested"), .data = mr_slice_text(data)};
    append(f, &message, 1);
    return message.global_position;
}

void mr_sub_append(mr_sub_fixture *f, const char *stream, size_t count)
{
    mr_new_message *messages = mr_mem_zalloc(count * sizeof *messages);
    for (size_t i = 0; i < count; i++)
        messages[i] = (mr_new_message){.stream = mr_slice_text(stream),
                                       .type = MR_SLICE("Tested"),
                                       .data = MR_SLICE("{\"n\":1}")};
    append(f, messages, count);
    mr_mem_free(messages);
}

void mr_sub_import(mr_sub_fixture *f, const char *stream, int64_t position, int64_t global_position)
{
    mr_error err;
    const mr_message message = {.id.uuid = mr_uuid_make(),
                                .stream = mr_slice_text(stream),
                                .type = MR_SLICE("Imported"),
                                .position = position,
                                .global_position = global_position,
                                .data = MR_SLICE("{}"),
                                .time_us = 1737000000000000};
    mr_import_op op = {
        .op = {.kind = MR_OP_IMPORT, .space = f->space}, .messages = &message, .count = 1};
    MR_EXPECT_OK(mr_message_store_call(f->store, &op.op, &err));
}

void mr_sub_clear(mr_sub_fixture *f)
{
    mr_error err;
    mr_clear_op op = {.op = {.kind = MR_OP_CLEAR, .space = f->space}};
    MR_EXPECT_OK(mr_message_store_call(f->store, &op.op, &err));
}

uint64_t mr_sub_metric(mr_sub_fixture *f, const char *name)
{
    mr_buffer page;
    mr_error err;
    char line[200];
    mr_buffer_init(&page, "page", 1u << 20);
    MR_EXPECT_OK(mr_metrics_write(f->metrics, MR_METRICS_TEXT, &page, &err));
    MR_EXPECT_OK(mr_buffer_append_byte(&page, 0, &err));
    snprintf(line, sizeof line, "\n%s", name);
    const char *at = strstr(page.ptr, line);
    MR_EXPECT(at != NULL);
    const uint64_t value = strtoull(at + strlen(line), NULL, 10);
    mr_buffer_done(&page);
    return value;
}

void mr_sub_await_metric(mr_sub_fixture *f, const char *name, uint64_t wanted)
{
    const struct timespec moment = {.tv_nsec = 2000000};
    for (int tries = 0; mr_sub_metric(f, name) != wanted; tries++) {
        if (tries == 5000)
            MR_TEST_FAIL("%s is %llu, expected %llu\n", name,
                         (unsigned long long)mr_sub_metric(f, name), (unsigned long long)wanted);
        nanosleep(&moment, NULL);
    }
}
