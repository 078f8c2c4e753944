/* SPDX-License-Identifier: MIT */
#include "store/service.h"

#include "store/token.h"
#include "support/test.h"

#define ZEROS "ns_ZGVmYXVsdA_0000000000000000000000000000000000000000000000000000000000000000"
#define ONES  "ns_ZGVmYXVsdA_1111111111111111111111111111111111111111111111111111111111111111"

static mr_service_options options_of(const char *dir)
{
    return (mr_service_options){.store = {.data_dir = dir, .writers = 1, .readers = 1},
                                .address = MR_SLICE("127.0.0.1:0"),
                                .io_threads = 1,
                                .limits = MR_HTTP_LIMITS_DEFAULT};
}

static mr_service *open_in(const char *dir)
{
    mr_error err;
    mr_service *service;
    const mr_service_options options = options_of(dir);
    MR_EXPECT_OK(mr_service_open(&options, &service, &err));
    return service;
}

static bool admits(mr_service *service, const char *token)
{
    mr_space *space = mr_message_store_find(mr_service_store(service), MR_SLICE("default"));
    const bool yes = space != NULL && mr_space_admits(space, mr_slice_text(token));
    if (space != NULL) mr_space_release(space);
    return yes;
}

MR_TEST(the_default_namespace_gets_a_token_once_and_keeps_it_until_it_is_rotated)
{
    static const struct {
        const char *given; /* NULL: none */
        bool rotate;
        mr_code code;
        mr_default_space what;
        bool made; /* a token */
    } rows[] = {
        {ZEROS, false, MR_OK, MR_DEFAULT_MADE, false},
        {ZEROS, false, MR_OK, MR_DEFAULT_THERE, false},
        {NULL, false, MR_OK, MR_DEFAULT_THERE, false},
        {ONES, false, MR_ERR_CONFLICT, MR_DEFAULT_THERE, false},
        {ZEROS, true, MR_OK, MR_DEFAULT_THERE, false},
        {ONES, true, MR_OK, MR_DEFAULT_ROTATED, false},
        {ZEROS, false, MR_ERR_CONFLICT, MR_DEFAULT_THERE, false},
        {ONES, false, MR_OK, MR_DEFAULT_THERE, false},
        {NULL, true, MR_OK, MR_DEFAULT_ROTATED, true},
        {ONES, false, MR_ERR_CONFLICT, MR_DEFAULT_THERE, false},
        {NULL, false, MR_OK, MR_DEFAULT_THERE, false},
    };
    char dir[256], last[MR_TOKEN_TEXT_MAX + 1] = "";
    snprintf(dir, sizeof dir, "%s/tokens", mr_test_dir());
    for (size_t i = 0; i < MR_COUNT_OF(rows); i++) {
        mr_error err;
        mr_default_space what = MR_DEFAULT_THERE;
        char token[MR_TOKEN_TEXT_MAX + 1];
        mr_service *service = open_in(dir);
        MR_EXPECT_CODE(mr_service_default_space(service, mr_slice_text(rows[i].given),
                                                rows[i].rotate, &what, token, &err),
                       rows[i].code);
        if (rows[i].code == MR_OK) {
            MR_EXPECT_I64(what, ==, rows[i].what);
            MR_EXPECT((token[0] != 0) == rows[i].made);
            if (rows[i].given != NULL) snprintf(last, sizeof last, "%s", rows[i].given);
            if (rows[i].made) snprintf(last, sizeof last, "%s", token);
        } else {
            MR_EXPECT(strstr(err.text, "--rotate-token") != NULL &&
                      strstr(err.text, "ns_") == NULL);
        }
        MR_EXPECT(admits(service, last));
        mr_service_close(service);
    }
}

MR_TEST(what_was_opened_can_be_closed_at_any_point)
{
    mr_error err;
    char token[MR_TOKEN_TEXT_MAX + 1];
    mr_default_space what;
    mr_service_close(NULL);
    mr_service_close(open_in(NULL));
    mr_service *service = open_in(NULL);
    MR_EXPECT_OK(mr_service_default_space(service, (mr_slice){0}, false, &what, token, &err));
    MR_EXPECT_I64(what, ==, MR_DEFAULT_MADE);
    MR_EXPECT_OK(mr_service_start(service, &err));
    mr_service_stop(service, 1000);
    mr_service_stop(service, 1000);
    mr_service_close(service);
    service = open_in(NULL);
    MR_EXPECT_OK(mr_service_start(service, &err));
    mr_service_close(service);
}

MR_TEST(what_cannot_be_opened_says_why)
{
    mr_error err;
    mr_service *service, *other = open_in(NULL);
    mr_service_options options = options_of(NULL);
    options.address = mr_slice_text(mr_service_address(other));
    MR_EXPECT_CODE(mr_service_open(&options, &service, &err), MR_ERR_IO);
    options = options_of("/dev/null");
    MR_EXPECT(mr_service_open(&options, &service, &err) != MR_OK);
    options = options_of(NULL);
    options.tls_certificate = options.tls_key = "/nonexistent.pem";
    MR_EXPECT_CODE(mr_service_open(&options, &service, &err), MR_ERR_IO);
    mr_service_close(other);
}

static mr_code open_and_close(void)
{
    mr_error err;
    mr_service *service = NULL;
    const mr_service_options options = options_of(NULL);
    const mr_code rc = mr_service_open(&options, &service, &err);
    mr_service_close(service);
    return rc;
}

/* SQLite does without some of what it asks for, so a run may also succeed. */
MR_TEST(opening_without_memory_fails_cleanly_at_each_allocation)
{
    MR_EXPECT_I64(open_and_close(), ==, MR_OK); /* what is made once for the process */
    for (uint64_t nth = 1;; nth++) {
        const uint64_t live = mr_mem_stats_now().live_bytes;
        mr_mem_fail_at(nth);
        const mr_code rc = open_and_close();
        const bool hit = mr_mem_failed();
        mr_mem_fail_at(0);
        MR_EXPECT_U64(mr_mem_stats_now().live_bytes, ==, live);
        MR_EXPECT(rc == MR_OK || (hit && rc == MR_ERR_NOMEM));
        if (!hit) break;
    }
}

MR_TEST(a_store_that_has_finished_refuses_everything_at_once)
{
    mr_error err;
    char token[MR_TOKEN_TEXT_MAX + 1];
    mr_default_space what;
    mr_service *service = open_in(NULL);
    mr_message_store *store = mr_service_store(service);
    MR_EXPECT_OK(
        mr_service_default_space(service, mr_slice_text(ZEROS), false, &what, token, &err));
    mr_space *space = mr_message_store_find(store, MR_SLICE("default"));
    mr_message_store_finish(store);
    mr_message_store_finish(store);
    mr_new_message message = {
        .stream = MR_SLICE("a"), .type = MR_SLICE("T"), .data = MR_SLICE("{}")};
    mr_append_op append = {
        .op = {.kind = MR_OP_APPEND, .space = space}, .messages = &message, .count = 1};
    MR_EXPECT_CODE(mr_message_store_call(store, &append.op, &err), MR_ERR_CLOSED);
    mr_version_op version = {.op = {.kind = MR_OP_VERSION, .space = space},
                             .stream = MR_SLICE("a")};
    MR_EXPECT_CODE(mr_message_store_call(store, &version.op, &err), MR_ERR_CLOSED);
    mr_space_op rotate = {.op = {.kind = MR_OP_SPACE_ROTATE}, .id = MR_SLICE("default")};
    MR_EXPECT_CODE(mr_message_store_call(store, &rotate.op, &err), MR_ERR_CLOSED);
    mr_space_release(space);
    mr_service_close(service);
}
