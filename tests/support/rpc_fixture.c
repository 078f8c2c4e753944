/* SPDX-License-Identifier: MIT */
#include "support/rpc_fixture.h"

#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/mem.h"
#include "support/test.h"

/* --- The server ------------------------------------------------------------------------------- */

static void make_default(rpc_fixture *fixture)
{
    mr_error err;
    char hash[MR_TOKEN_HASH_MAX];
    mr_space *space = mr_message_store_find(fixture->store, MR_SLICE("default"));
    if (space != NULL) {
        mr_space_release(space);
        return;
    }
    mr_token_hash(MR_SLICE(RPC_ZERO_TOKEN), hash);
    mr_space_op op = {.op.kind = MR_OP_SPACE_CREATE,
                      .id = MR_SLICE("default"),
                      .description = MR_SLICE("Default namespace"),
                      .token_hash = mr_slice_text(hash)};
    MR_EXPECT_OK(mr_message_store_call(fixture->store, &op.op, &err));
}

void rpc_fixture_open(rpc_fixture *fixture, const rpc_fixture_options *options)
{
    static mr_http_route route;
    static mr_slice admin;
    mr_error err;
    *fixture = (rpc_fixture){.token = RPC_ZERO_TOKEN};
    mr_buffer_init(&fixture->body, "test", (size_t)1 << 30);
    MR_EXPECT_OK(mr_metrics_open(NULL, &fixture->metrics, &err));
    MR_EXPECT_OK(mr_message_store_open(
        &(mr_message_store_options){.data_dir = options->data_dir, .metrics = fixture->metrics},
        &fixture->store, &err));
    make_default(fixture);
    admin = mr_slice_text(options->admin_namespace);
    MR_EXPECT_OK(mr_rpc_open(&(mr_rpc_options){.store = fixture->store,
                                               .test_mode = options->test_mode,
                                               .admin_namespaces = &admin,
                                               .admin_namespace_count = admin.ptr != NULL,
                                               .version = MR_SLICE("1.2.3"),
                                               .metrics = fixture->metrics},
                             &fixture->rpc, &err));
    route = (mr_http_route){.method = MR_HTTP_ANY,
                            .path = "/rpc",
                            .handler = mr_rpc_handle,
                            .context = fixture->rpc,
                            .body_bytes_max = options->body_bytes_max};
    if (route.body_bytes_max == 0) route.body_bytes_max = 16u << 20;
    mr_http_limits limits = MR_HTTP_LIMITS_DEFAULT;
    limits.linger_ms = 200;
    if (options->output_high_bytes > 0) limits.output_high_bytes = options->output_high_bytes;
    MR_EXPECT_OK(mr_http_server_open(&(mr_http_options){.address = MR_SLICE("127.0.0.1:0"),
                                                        .routes = &route,
                                                        .route_count = 1,
                                                        .metrics = fixture->metrics,
                                                        .limits = limits},
                                     &fixture->server, &err));
    MR_EXPECT_OK(mr_http_server_start(fixture->server, &err));
    fixture->port = mr_http_server_port(fixture->server);
    mr_wire_open(&fixture->wire, fixture->port);
    /* Head and body go in two calls: without this the second waits 40 ms for an acknowledgement. */
    const int one = 1;
    setsockopt(fixture->wire.fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
}

void rpc_fixture_close(rpc_fixture *fixture)
{
    mr_wire_close(&fixture->wire);
    mr_http_server_stop(fixture->server, 2000);
    mr_message_store_close(fixture->store); /* its threads resume requests: they end first */
    mr_http_server_close(fixture->server);
    mr_rpc_close(fixture->rpc);
    mr_metrics_close(fixture->metrics);
    mr_buffer_done(&fixture->body);
}

/* --- The client ------------------------------------------------------------------------------- */

void rpc_fixture_post(rpc_fixture *fixture, mr_slice request)
{
    char head[1024];
    const char *token = fixture->token != NULL ? fixture->token : "";
    const int len = snprintf(
        head, sizeof head, "POST /rpc HTTP/1.1\r\nHost: test\r\n%s%s%sContent-Length: %zu\r\n\r\n",
        token[0] != '\0' ? "Authorization: Bearer " : "", token, token[0] != '\0' ? "\r\n" : "",
        request.len);
    MR_EXPECT(mr_wire_send(&fixture->wire, mr_slice_of(head, (size_t)len)));
    MR_EXPECT(mr_wire_send(&fixture->wire, request));
    MR_EXPECT(rpc_fixture_receive(fixture, &fixture->wire));
}

static void drop(mr_wire *wire, size_t len)
{
    wire->in.len -= len;
    memmove(wire->in.ptr, wire->in.ptr + len, wire->in.len);
    wire->in.ptr[wire->in.len] = '\0';
}

/* Waits until `len` bytes have come; false when the server closes before. */
static bool await_bytes(mr_wire *wire, size_t len)
{
    for (unsigned i = 0; wire->in.len < len && i < 20000; i++) {
        if (wire->ended) return false;
        mr_wire_listen(wire, 1);
    }
    return wire->in.len >= len;
}

static bool receive_chunk(rpc_fixture *fixture, mr_wire *wire, size_t *out_len)
{
    char *end = NULL;
    for (unsigned i = 0; i < 20000; i++) {
        end = wire->in.len > 0 ? strstr(wire->in.ptr, "\r\n") : NULL;
        if (end != NULL) break;
        if (wire->ended) return false;
        mr_wire_listen(wire, 1);
    }
    if (end == NULL) return false;
    *out_len = strtoull(wire->in.ptr, NULL, 16);
    const size_t head = (size_t)(end - wire->in.ptr) + 2;
    if (!await_bytes(wire, head + *out_len + 2)) return false;
    MR_EXPECT(mr_buffer_append(&fixture->body, mr_slice_of(wire->in.ptr + head, *out_len), NULL) ==
              MR_OK);
    drop(wire, head + *out_len + 2);
    return true;
}

bool rpc_fixture_receive(rpc_fixture *fixture, mr_wire *wire)
{
    static char head[4096];
    mr_buffer_reset(&fixture->body);
    mr_wire_await(wire, "\r\n\r\n");
    const size_t head_len = (size_t)(strstr(wire->in.ptr, "\r\n\r\n") + 4 - wire->in.ptr);
    MR_EXPECT(head_len < sizeof head);
    memcpy(head, wire->in.ptr, head_len);
    head[head_len] = '\0';
    fixture->head = mr_slice_of(head, head_len);
    fixture->status = (unsigned)strtoul(head + 9, NULL, 10);
    bool sound = true;
    if (strstr(head, "Transfer-Encoding: chunked") != NULL) {
        size_t len = 1;
        drop(wire, head_len);
        while (sound && len > 0)
            sound = receive_chunk(fixture, wire, &len);
    } else {
        const mr_wire_answer answer = mr_wire_answer_of(wire, false);
        MR_EXPECT(mr_buffer_append(&fixture->body, answer.body, NULL) == MR_OK);
    }
    MR_EXPECT(mr_buffer_append_byte(&fixture->body, '\0', NULL) == MR_OK);
    fixture->body.len--;
    return sound;
}

const char *rpc_fixture_says(rpc_fixture *fixture, const char *request)
{
    static char *said;
    rpc_fixture_post(fixture, mr_slice_text(request));
    mr_mem_free(said);
    said = mr_mem_alloc(fixture->body.len + 8);
    snprintf(said, fixture->body.len + 8, "%u %s", fixture->status, fixture->body.ptr);
    return said;
}

/* --- Tables ----------------------------------------------------------------------------------- */

bool rpc_like(const char *text, const char *pattern)
{
    for (;; text++, pattern++) {
        if (*pattern == '*') {
            while (*pattern == '*')
                pattern++;
            if (*pattern == '\0') return true;
            for (; *text != '\0'; text++)
                if (rpc_like(text, pattern)) return true;
            return false;
        }
        if (*text != *pattern) return false;
        if (*text == '\0') return true;
    }
}

void rpc_fixture_run(rpc_fixture *fixture, const rpc_case *cases, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const char *said = rpc_fixture_says(fixture, cases[i].request);
        if (!rpc_like(said, cases[i].answer))
            MR_TEST_FAIL("%s\n  says     %s\n  expected %s\n", cases[i].request, said,
                         cases[i].answer);
    }
}
