/* SPDX-License-Identifier: MIT
 *
 * ns.*: namespaces through /rpc, their tokens and who may administer them. */
#include "store/rpc.h"

#include "support/rpc_fixture.h"
#include "support/test.h"

#define ZEROS        "0000000000000000000000000000000000000000000000000000000000000000"
#define ONES         "1111111111111111111111111111111111111111111111111111111111111111"
#define TENANT_TOKEN "ns_dGVuYW50LWE_" ZEROS
#define M            "{\"type\":\"T\",\"data\":{}}"
#define UNAUTHORIZED                                                                \
    "403 {\"error\":{\"code\":\"AUTH_UNAUTHORIZED\",\"message\":\"*\",\"details\":" \
    "{\"namespace\":\"tenant-a\"}}}"
#define OUTSIDE "403 {\"error\":{\"code\":\"AUTH_UNAUTHORIZED\",*}}"

static void make_tenant(rpc_fixture *f)
{
    static const rpc_case cases[] = {
        {"[\"ns.create\",\"tenant-a\",{\"description\":\"A\",\"token\":\"" TENANT_TOKEN
         "\",\"metadata\":{ \"plan\" : 1 }}]",
         "200 {\"namespace\":\"tenant-a\",\"token\":\"" TENANT_TOKEN "\",\"createdAt\":\"20*Z\"}"},
    };
    RPC_RUN(f, cases);
}

MR_TEST(namespaces_are_made_listed_and_deleted)
{
    rpc_fixture f;
    rpc_fixture_open(&f, &(rpc_fixture_options){0});
    make_tenant(&f);
    static const rpc_case cases[] = {
        {"[\"ns.create\",\"tenant-a\"]", RPC_ERROR(409, "NAMESPACE_EXISTS")},
        {"[\"ns.create\",\"../x\"]",
         "200 {\"namespace\":\"../x\",\"token\":\"ns_Li4veA_*\",\"createdAt\":\"20*Z\"}"},
        {"[\"ns.info\",\"tenant-a\"]",
         "200 {\"namespace\":\"tenant-a\",\"description\":\"A\",\"createdAt\":\"20*Z\","
         "\"messageCount\":0,\"streamCount\":0,\"lastActivity\":null,\"sizeBytes\":*,"
         "\"metadata\":{\"plan\":1}}"},
        {"[\"stream.append\",\"a-1\",[" M "," M "]]", "200 *"},
        {"[\"stream.append\",\"b\",[" M "]]", "200 *"},
        {"[\"ns.info\",\"default\"]",
         "200 {\"namespace\":\"default\",\"description\":\"Default namespace\",\"createdAt\":"
         "\"20*Z\",\"messageCount\":3,\"streamCount\":2,\"lastActivity\":\"20*Z\",*}"},
        {"[\"ns.list\",7]",
         "200 [{\"namespace\":\"*\",\"description\":\"*\",\"createdAt\":\"20*Z\","
         "\"messageCount\":*},{*},{*}]"},
        {"[\"ns.list\"]", "200 *{\"namespace\":\"default\",\"description\":\"Default namespace\","
                          "\"createdAt\":\"20*Z\",\"messageCount\":3}*"},
        {"[\"ns.list\"]", "200 *{\"namespace\":\"../x\",\"description\":\"\",*"},
        {"[\"ns.delete\",\"../x\"]",
         "200 {\"namespace\":\"../x\",\"deletedAt\":\"20*Z\",\"messagesDeleted\":0}"},
        {"[\"ns.delete\",\"../x\"]", RPC_ERROR(404, "NAMESPACE_NOT_FOUND")},
        {"[\"ns.delete\",\"default\"]",
         "200 {\"namespace\":\"default\",\"deletedAt\":\"20*Z\",\"messagesDeleted\":3}"},
        {"[\"sys.version\"]", OUTSIDE},
    };
    RPC_RUN(&f, cases);
    f.token = TENANT_TOKEN;
    static const rpc_case remains[] = {
        {"[\"ns.list\"]", "200 [{\"namespace\":\"tenant-a\",*}]"},
        {"[\"ns.create\",\"default\",{\"token\":\"" RPC_ZERO_TOKEN "\"}]", "200 *"},
    };
    RPC_RUN(&f, remains);
    f.token = RPC_ZERO_TOKEN;
    static const rpc_case fresh[] = {
        {"[\"category.get\",\"\"]", "200 []"},
        {"[\"stream.append\",\"b\",[" M "]]",
         "200 {\"firstPosition\":0,*\"firstGlobalPosition\":1,*"},
    };
    RPC_RUN(&f, fresh);
    rpc_fixture_close(&f);
}

MR_TEST(namespaces_do_not_see_each_other)
{
    rpc_fixture f;
    rpc_fixture_open(&f, &(rpc_fixture_options){0});
    make_tenant(&f);
    static const rpc_case first[] = {
        {"[\"stream.write\",\"a-1\"," M "]", "200 {\"position\":0,\"globalPosition\":1}"},
    };
    RPC_RUN(&f, first);
    f.token = TENANT_TOKEN;
    static const rpc_case second[] = {
        {"[\"stream.get\",\"a-1\"]", "200 []"},
        {"[\"stream.write\",\"a-1\"," M "]", "200 {\"position\":0,\"globalPosition\":1}"},
        {"[\"category.get\",\"\"]", "200 [[*]]"},
    };
    RPC_RUN(&f, second);
    rpc_fixture_close(&f);
}

MR_TEST(a_rotated_token_replaces_the_old_one)
{
    rpc_fixture f;
    rpc_fixture_open(&f, &(rpc_fixture_options){0});
    make_tenant(&f);
    f.token = TENANT_TOKEN;
    static const rpc_case rotate[] = {
        {"[\"sys.version\"]", "200 \"1.2.3\""},
        {"[\"ns.rotate\",\"tenant-a\",{\"token\":\"ns_dGVuYW50LWE_" ONES "\"}]",
         "200 {\"namespace\":\"tenant-a\",\"token\":\"ns_dGVuYW50LWE_" ONES
         "\",\"rotatedAt\":\"20*Z\"}"},
        {"[\"sys.version\"]", UNAUTHORIZED},
    };
    RPC_RUN(&f, rotate);
    f.token = "ns_dGVuYW50LWE_" ONES;
    static const rpc_case rotated[] = {
        {"[\"sys.version\"]", "200 \"1.2.3\""},
        {"[\"ns.rotate\",\"tenant-a\"]",
         "200 {\"namespace\":\"tenant-a\",\"token\":\"ns_dGVuYW50LWE_*\",\"rotatedAt\":\"20*Z\"}"},
        {"[\"sys.version\"]", UNAUTHORIZED},
    };
    RPC_RUN(&f, rotated);
    rpc_fixture_close(&f);
}

MR_TEST(only_administrators_reach_beyond_their_own_namespace)
{
    rpc_fixture f;
    rpc_fixture_open(&f, &(rpc_fixture_options){.admin_namespace = "default"});
    make_tenant(&f);
    f.token = TENANT_TOKEN;
    static const rpc_case tenant[] = {
        {"[\"ns.create\",\"other\"]", UNAUTHORIZED},
        {"[\"ns.create\",\"\"]", RPC_INVALID("namespace")}, /* arguments come first */
        {"[\"ns.list\"]", UNAUTHORIZED},
        {"[\"ns.info\",\"default\"]", UNAUTHORIZED},
        {"[\"ns.info\",\"none\"]", UNAUTHORIZED},
        {"[\"ns.delete\",\"default\"]", UNAUTHORIZED},
        {"[\"ns.rotate\",\"default\"]", UNAUTHORIZED},
        {"[\"ns.quota\",\"default\"]", UNAUTHORIZED},
        {"[\"ns.quota\",\"tenant-a\",{\"maxMessages\":9}]", UNAUTHORIZED},
        {"[\"ns.quota\",\"tenant-a\"]", "200 {\"namespace\":\"tenant-a\",*}"},
        {"[\"ns.info\",\"tenant-a\"]", "200 {\"namespace\":\"tenant-a\",*}"},
        {"[\"ns.streams\"]", "200 []"},
        {"[\"ns.delete\",\"tenant-a\"]", "200 {\"namespace\":\"tenant-a\",*}"},
        {"[\"sys.version\"]", UNAUTHORIZED},
    };
    RPC_RUN(&f, tenant);
    f.token = RPC_ZERO_TOKEN;
    static const rpc_case administrator[] = {
        {"[\"ns.create\",\"other\"]", "200 *"},
        {"[\"ns.quota\",\"other\",{\"maxBytes\":1000000}]",
         "200 {\"namespace\":\"other\",\"maxMessages\":0,\"maxBytes\":1000000}"},
        {"[\"ns.delete\",\"other\"]", "200 *"},
    };
    RPC_RUN(&f, administrator);
    rpc_fixture_close(&f);
}

MR_TEST(streams_and_categories_are_listed_in_byte_order)
{
    rpc_fixture f;
    rpc_fixture_open(&f, &(rpc_fixture_options){0});
    static const rpc_case cases[] = {
        {"[\"ns.streams\"]", "200 []"},
        {"[\"ns.categories\"]", "200 []"},
        {"[\"batch.write\",[[\"b-1\"," M "],[\"a-2\"," M "],[\"a-10\"," M "],[\"B-1\"," M
         "],[\"a\"," M "],[\"a_1\"," M "],[\"a%\"," M "],[\"a-2\"," M "]]]",
         "200 *"},
        {"[\"ns.streams\"]", "200 [{\"stream\":\"B-1\",\"version\":0,\"lastActivity\":\"20*Z\"},"
                             "{\"stream\":\"a\",*},{\"stream\":\"a%\",*},{\"stream\":\"a-10\",*},"
                             "{\"stream\":\"a-2\",\"version\":1,*},{\"stream\":\"a_1\",*},"
                             "{\"stream\":\"b-1\",*}]"},
        {"[\"ns.streams\",{\"prefix\":\"a-\"}]",
         "200 [{\"stream\":\"a-10\",*},{\"stream\":\"a-2\",*}]"},
        {"[\"ns.streams\",{\"prefix\":\"a_\"}]", "200 [{\"stream\":\"a_1\",\"version\":0,*}]"},
        {"[\"ns.streams\",{\"prefix\":\"a%\"}]", "200 [{\"stream\":\"a%\",\"version\":0,*}]"},
        {"[\"ns.streams\",{\"prefix\":\"A\"}]", "200 []"},
        {"[\"ns.streams\",{\"limit\":2}]", "200 [{\"stream\":\"B-1\",*},{\"stream\":\"a\",*}]"},
        {"[\"ns.streams\",{\"limit\":1,\"cursor\":\"a\"}]", "200 [{\"stream\":\"a%\",*}]"},
        {"[\"ns.streams\",{\"cursor\":\"a-2\",\"prefix\":\"a\"}]", "200 [{\"stream\":\"a_1\",*}]"},
        {"[\"ns.streams\",{\"cursor\":\"b-1\"}]", "200 []"},
        {"[\"ns.categories\",7]", "200 [{\"category\":\"B\",\"streamCount\":1,\"messageCount\":1},"
                                  "{\"category\":\"a\",\"streamCount\":3,\"messageCount\":4},"
                                  "{\"category\":\"a%\",\"streamCount\":1,\"messageCount\":1},"
                                  "{\"category\":\"a_1\",\"streamCount\":1,\"messageCount\":1},"
                                  "{\"category\":\"b\",\"streamCount\":1,\"messageCount\":1}]"},
    };
    RPC_RUN(&f, cases);
    const char *said = rpc_fixture_says(&f, "[\"ns.streams\",{\"limit\":1}]");
    MR_EXPECT(strchr(said, '.') == NULL); /* whole seconds */
    rpc_fixture_close(&f);
}

MR_TEST(health_names_the_backend_and_counts_connections)
{
    rpc_fixture f;
    mr_wire other;
    rpc_fixture_open(&f, &(rpc_fixture_options){0});
    mr_wire_open(&other, f.port);
    for (int i = 0; i < 1000 && !rpc_like(rpc_fixture_says(&f, "[\"sys.health\"]"), "*:2}"); i++)
        mr_wire_listen(&other, 1);
    MR_EXPECT_TEXT(rpc_fixture_says(&f, "[\"sys.health\"]"),
                   "200 {\"status\":\"ok\",\"backend\":\"sqlite\",\"connections\":2}");
    mr_wire_close(&other);
    rpc_fixture_close(&f);
}
