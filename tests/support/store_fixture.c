/* SPDX-License-Identifier: MIT */
#include "support/store_fixture.h"

#include "store/store.h"
#include "support/test.h"

void mr_store_fixture_open(mr_store_fixture *fixture, const char *data_dir)
{
    mr_error err;
    char hash[MR_TOKEN_HASH_MAX];
    *fixture = (mr_store_fixture){0};
    MR_EXPECT_OK(mr_metrics_open(NULL, &fixture->metrics, &err));
    const mr_message_store_options options = {
        .data_dir = data_dir, .writers = 1, .readers = 1, .metrics = fixture->metrics};
    MR_EXPECT_OK(mr_message_store_open(&options, &fixture->store, &err));
    mr_token_hash(MR_SLICE(MR_STORE_FIXTURE_TOKEN), hash);
    mr_space_op create = {.op = {.kind = MR_OP_SPACE_CREATE},
                          .id = MR_SLICE("default"),
                          .token_hash = mr_slice_text(hash)};
    MR_EXPECT_OK(mr_message_store_call(fixture->store, &create.op, &err));
    fixture->space = mr_message_store_find(fixture->store, MR_SLICE("default"));
    MR_EXPECT(fixture->space != NULL);
    fixture->auth = (mr_auth){.store = fixture->store};
}

void mr_store_fixture_serve(mr_store_fixture *fixture, const mr_http_route *route,
                            mr_http_limits limits)
{
    mr_error err;
    MR_EXPECT_OK(mr_http_server_open(&(mr_http_options){.address = MR_SLICE("127.0.0.1:0"),
                                                        .routes = route,
                                                        .route_count = 1,
                                                        .metrics = fixture->metrics,
                                                        .limits = limits},
                                     &fixture->server, &err));
    MR_EXPECT_OK(mr_http_server_start(fixture->server, &err));
    fixture->port = mr_http_server_port(fixture->server);
}

void mr_store_fixture_stop(mr_store_fixture *fixture)
{
    mr_http_server_stop(fixture->server, 5000);
}

void mr_store_fixture_close(mr_store_fixture *fixture)
{
    mr_http_server_close(fixture->server);
    mr_space_release(fixture->space);
    mr_message_store_close(fixture->store);
    mr_metrics_close(fixture->metrics);
}

typedef struct dump_op {
    mr_read_op read;
    mr_buffer *out;
} dump_op;

static bool dump(mr_read_op *op, const mr_message *message)
{
    dump_op *const own = MR_CONTAINER_OF(op, dump_op, read);
    char id[MR_UUID_TEXT_BYTES];
    mr_uuid_format(&message->id.uuid, id);
    if (own->out == NULL) return true;
    const mr_slice data = message->data.ptr != NULL ? message->data : MR_SLICE("null");
    const mr_slice metadata = message->metadata.ptr != NULL ? message->metadata : MR_SLICE("null");
    return mr_buffer_printf(own->out, NULL, "%lld %.*s %lld %.*s %.*s %.*s %lld %.*s\n",
                            (long long)message->global_position, MR_SLICE_ARGS(message->stream),
                            (long long)message->position, MR_SLICE_ARGS(message->type),
                            MR_SLICE_ARGS(data), MR_SLICE_ARGS(metadata),
                            (long long)message->time_us, (int)sizeof id, id) == MR_OK;
}

static uint64_t read_all(mr_store_fixture *fixture, mr_buffer *out)
{
    mr_error err;
    dump_op own = {.read = {.op = {.kind = MR_OP_READ, .space = fixture->space},
                            .scope = MR_READ_ALL,
                            .limit = -1,
                            .take = dump},
                   .out = out};
    MR_EXPECT_OK(mr_message_store_call(fixture->store, &own.read.op, &err));
    return own.read.taken;
}

void mr_store_fixture_dump(mr_store_fixture *fixture, mr_buffer *out)
{
    mr_buffer_reset(out);
    read_all(fixture, out);
}

uint64_t mr_store_fixture_count(mr_store_fixture *fixture)
{
    return read_all(fixture, NULL);
}
