/* SPDX-License-Identifier: MIT
 *
 * /rpc over a real socket: who is let in, the order of checks, the arguments of every method and
 * the errors they earn. What the methods do is in store_rpc_methods_test.c. */
#include "store/rpc.h"

#include "support/rpc_fixture.h"
#include "support/test.h"

#define ZEROS "0000000000000000000000000000000000000000000000000000000000000000"
#define ONES  "1111111111111111111111111111111111111111111111111111111111111111"

/* --- Who is let in ---------------------------------------------------------------------------- */

#define REQUIRED RPC_ERROR(401, "AUTH_REQUIRED")
#define UNAUTHORIZED                                                                              \
    "403 "                                                                                        \
    "{\"error\":{\"code\":\"AUTH_UNAUTHORIZED\",\"message\":\"*\",\"details\":{\"namespace\":\"*" \
    "\"}}}"
#define BAD_TOKEN                                                                                  \
    "401 "                                                                                         \
    "{\"error\":{\"code\":\"AUTH_INVALID_TOKEN\",\"message\":\"*\",\"details\":{\"error\":\"*\"}}" \
    "}"
#define LET_IN "200 \"1.2.3\""

static const struct {
    const char *target, *header; /* header "": none */
    const char *answer, *test_mode_answer;
} admissions[] = {
    {"/rpc", "", REQUIRED, LET_IN},
    {"/rpc", "Authorization:\r\n", REQUIRED, LET_IN},
    {"/rpc", "Authorization: " RPC_ZERO_TOKEN "\r\n", REQUIRED, LET_IN},
    {"/rpc", "Authorization: bearer " RPC_ZERO_TOKEN "\r\n", REQUIRED, LET_IN},
    {"/rpc", "Authorization: Basic dTpw\r\n", REQUIRED, LET_IN},
    {"/rpc", "Authorization: Bearer  " RPC_ZERO_TOKEN "\r\n", BAD_TOKEN, LET_IN},
    {"/rpc", "Authorization: Bearer nonsense\r\n", BAD_TOKEN, LET_IN},
    {"/rpc", "Authorization: Bearer ns_ZGVmYXVsdA_" ONES "\r\n", UNAUTHORIZED, LET_IN},
    {"/rpc", "Authorization: Bearer ns_bm9uZQ_" ZEROS "\r\n", UNAUTHORIZED, LET_IN},
    {"/rpc", "Authorization: Bearer " RPC_ZERO_TOKEN "\r\n", LET_IN, LET_IN},
    {"/rpc", "aUTHORIZATION: Bearer " RPC_ZERO_TOKEN "\r\n", LET_IN, LET_IN},
    {"/rpc?token=" RPC_ZERO_TOKEN, "", LET_IN, LET_IN},
    {"/rpc?token=" RPC_ZERO_TOKEN, "Authorization: Bearer nonsense\r\n", LET_IN, LET_IN},
    {"/rpc?token=nonsense", "Authorization: Bearer " RPC_ZERO_TOKEN "\r\n", BAD_TOKEN, LET_IN},
    {"/rpc?token=", "Authorization: Bearer " RPC_ZERO_TOKEN "\r\n", LET_IN, LET_IN},
    {"/rpc?token=", "", REQUIRED, LET_IN},
    {"//rpc?other=1&token=" RPC_ZERO_TOKEN, "", LET_IN, LET_IN},
};

static const char *ask(rpc_fixture *f, const char *method, const char *target, const char *header,
                       const char *body)
{
    static char said[2048], text[2048];
    snprintf(text, sizeof text, "%s %s HTTP/1.1\r\nHost: t\r\n%sContent-Length: %zu\r\n\r\n%s",
             method, target, header, strlen(body), body);
    MR_EXPECT(mr_wire_say(&f->wire, text));
    MR_EXPECT(rpc_fixture_receive(f, &f->wire));
    snprintf(said, sizeof said, "%u %s", f->status, f->body.ptr);
    return said;
}

static void check_admissions(bool test_mode)
{
    rpc_fixture f;
    rpc_fixture_open(&f, &(rpc_fixture_options){.test_mode = test_mode});
    for (size_t i = 0; i < MR_COUNT_OF(admissions); i++) {
        const char *wanted = test_mode ? admissions[i].test_mode_answer : admissions[i].answer;
        const char *said =
            ask(&f, "POST", admissions[i].target, admissions[i].header, "[\"sys.version\"]");
        if (!rpc_like(said, wanted))
            MR_TEST_FAIL("%s %s\n  says     %s\n  expected %s\n", admissions[i].target,
                         admissions[i].header, said, wanted);
    }
    rpc_fixture_close(&f);
}

MR_TEST(only_the_token_of_its_namespace_lets_in)
{
    check_admissions(false);
}

MR_TEST(in_test_mode_everybody_is_let_in)
{
    check_admissions(true);
}

MR_TEST(in_test_mode_a_namespace_that_is_not_there_fails_after_its_arguments)
{
    rpc_fixture f;
    rpc_fixture_open(&f, &(rpc_fixture_options){.test_mode = true});
    f.token = "ns_bm9uZQ_" ZEROS;
    static const rpc_case cases[] = {
        {"[\"stream.get\"]", RPC_INVALID("argument")},
        {"[\"stream.get\",7]", RPC_INVALID("stream")},
        {"[\"stream.get\",\"a\"]", RPC_ERROR(404, "NAMESPACE_NOT_FOUND")},
        {"[\"stream.get\",\"a\",{\"batchSize\":0}]", RPC_ERROR(404, "NAMESPACE_NOT_FOUND")},
        {"[\"category.get\",\"\"]", RPC_ERROR(404, "NAMESPACE_NOT_FOUND")},
        {"[\"stream.write\",\"a\",{\"type\":\"T\",\"data\":{}},{\"id\":\"x\"}]",
         RPC_ERROR(404, "NAMESPACE_NOT_FOUND")},
        {"[\"ns.streams\"]", RPC_ERROR(404, "NAMESPACE_NOT_FOUND")},
        {"[\"ns.info\",\"default\"]", "200 {\"namespace\":\"default\",*}"},
        {"[\"sys.version\"]", LET_IN},
    };
    RPC_RUN(&f, cases);
    f.token = NULL;
    static const rpc_case as_default[] = {
        {"[\"stream.version\",\"a\"]", "200 null"},
    };
    RPC_RUN(&f, as_default);
    rpc_fixture_close(&f);
}

MR_TEST(who_is_let_in_is_told_that_only_post_is_served)
{
    static const char *const methods[] = {"GET", "PUT", "DELETE", "PATCH", "OPTIONS", "BREW"};
    rpc_fixture f;
    rpc_fixture_open(&f, &(rpc_fixture_options){0});
    for (size_t i = 0; i < MR_COUNT_OF(methods); i++) {
        MR_EXPECT(rpc_like(ask(&f, methods[i], "/rpc", "", ""), REQUIRED));
        const char *said = ask(&f, methods[i], "/rpc?token=" RPC_ZERO_TOKEN, "", "nonsense");
        if (!rpc_like(said, RPC_ERROR(405, "INVALID_REQUEST")))
            MR_TEST_FAIL("%s says %s\n", methods[i], said);
        MR_EXPECT(strstr(f.head.ptr, "Allow: POST\r\n") != NULL);
    }
    rpc_fixture_close(&f);
}

/* --- The order of checks ---------------------------------------------------------------------- */

#define NOT_JSON                                                                                \
    "400 "                                                                                      \
    "{\"error\":{\"code\":\"INVALID_REQUEST\",\"message\":\"*\",\"details\":{\"error\":\"byte " \
    "*\"}}}"

static const rpc_case bodies[] = {
    {"", NOT_JSON},
    {"  ", NOT_JSON},
    {"{", NOT_JSON},
    {"[\"sys.version\"", NOT_JSON},
    {"[\"sys.version\",]", NOT_JSON},
    {"[\"sys.version\"]]", NOT_JSON},
    {"[\"sys.version\"] []", NOT_JSON},
    {"[\"no.such.method\",nul]", NOT_JSON}, /* what is no JSON is not looked at further */
    {"\xef\xbb\xbf[\"sys.version\"]", NOT_JSON},
    {"{}", RPC_INVALID("array")},
    {"7", RPC_INVALID("array")},
    {"\"sys.version\"", RPC_INVALID("array")},
    {"true", RPC_INVALID("array")},
    {"null", RPC_INVALID("empty")},
    {"[]", RPC_INVALID("empty")},
    {"[7]", RPC_INVALID("string")},
    {"[null]", RPC_INVALID("string")},
    {"[[\"sys.version\"]]", RPC_INVALID("string")},
    {"[\"\"]", "404 {\"error\":{\"code\":\"METHOD_NOT_FOUND\",\"message\":\"*\"}}"},
    {"[\"no.such\"]", "404 {\"error\":{\"code\":\"METHOD_NOT_FOUND\",\"message\":\"*no.such*\"}}"},
    {"[\"Stream.Get\",\"a\"]", "404 {\"error\":{\"code\":\"METHOD_NOT_FOUND\",*}}"},
    {"[\"a\\\"\\u0007b\"]",
     "404 {\"error\":{\"code\":\"METHOD_NOT_FOUND\",\"message\":\"*a\\\"?b\"}}"},
    {" \r\n\t[ \"sys.version\" ] \n", LET_IN},
    {"[\"s\\u0079s.version\"]", LET_IN},
    {"[\"sys.version\",1,2,3,4,5,6,7,8,{}]", LET_IN},
    {"[\"stream.write\"]", RPC_INVALID("2 arguments")},
    {"[\"stream.write\",7]", RPC_INVALID("2 arguments")},
    {"[\"stream.get\"]", RPC_INVALID("1 argument")},
};

MR_TEST(the_body_is_checked_before_the_method_and_the_method_before_its_arguments)
{
    rpc_fixture f;
    rpc_fixture_open(&f, &(rpc_fixture_options){0});
    RPC_RUN(&f, bodies);
    rpc_fixture_close(&f);
}

MR_TEST(answers_are_json_without_charset_and_without_a_newline)
{
    rpc_fixture f;
    rpc_fixture_open(&f, &(rpc_fixture_options){0});
    MR_EXPECT_TEXT(rpc_fixture_says(&f, "[\"stream.version\",\"none\"]"), "200 null");
    MR_EXPECT(strstr(f.head.ptr, "\r\nContent-Type: application/json\r\n") != NULL);
    MR_EXPECT(strstr(f.head.ptr, "\r\nContent-Length: 4\r\n") != NULL);
    MR_EXPECT(strstr(f.head.ptr, "X-EventoDB-Token") == NULL);
    (void)rpc_fixture_says(&f, "[]");
    MR_EXPECT(strstr(f.head.ptr, "\r\nContent-Type: application/json\r\n") != NULL);
    rpc_fixture_close(&f);
}

/* --- Arguments -------------------------------------------------------------------------------- */

#define WRITE(message, options) "[\"stream.write\",\"a-1\"," message options "]"
#define T                       "\"type\":\"T\""
#define D                       "\"data\":{}"
#define GET(options)            "[\"stream.get\",\"a-1\"," options "]"
#define CATEGORY(options)       "[\"category.get\",\"a\"," options "]"

/* Each row has the fault that must be named and, where it can, a later one that must not. */
static const rpc_case arguments[] = {
    {"[\"stream.write\",7,7]", RPC_INVALID("stream")},
    {"[\"stream.write\",null,7]", RPC_INVALID("stream")},
    {"[\"stream.write\",\"\",7]", RPC_INVALID("stream")},
    {"[\"stream.write\",\"a\\u0000b\",7]", RPC_INVALID("stream")},
    {"[\"stream.write\",\"a\xff\",7]", RPC_INVALID("stream")},
    {"[\"stream.write\",\"a\\ud800\",7]", RPC_INVALID("stream")},
    {WRITE("7", ",7"), RPC_INVALID("message")},
    {WRITE("null", ",7"), RPC_INVALID("message")},
    {WRITE("[]", ",7"), RPC_INVALID("message")},
    {WRITE("{" D "}", ",7"), RPC_INVALID("message.type")},
    {WRITE("{\"data\":7}", ",7"), RPC_INVALID("message.type")},
    {WRITE("{\"type\":7,\"data\":7}", ",7"), RPC_INVALID("message.type")},
    {WRITE("{\"type\":\"\",\"data\":7}", ",7"), RPC_INVALID("message.type")},
    {WRITE("{\"type\":null,\"data\":7}", ",7"), RPC_INVALID("message.type")},
    {WRITE("{" T ",\"metadata\":7}", ",7"), RPC_INVALID("message.data")},
    {WRITE("{" T ",\"data\":null,\"metadata\":7}", ",7"), RPC_INVALID("message.data")},
    {WRITE("{" T ",\"data\":[],\"metadata\":7}", ",7"), RPC_INVALID("message.data")},
    {WRITE("{" T ",\"data\":\"{}\",\"metadata\":7}", ",7"), RPC_INVALID("message.data")},
    {WRITE("{" T "," D ",\"metadata\":7}", ",7"), RPC_INVALID("message.metadata")},
    {WRITE("{" T "," D ",\"metadata\":[]}", ",7"), RPC_INVALID("message.metadata")},
    {WRITE("{" T "," D "}", ",null"), RPC_INVALID("options")},
    {WRITE("{" T "," D "}", ",[]"), RPC_INVALID("options")},
    {WRITE("{" T "," D "}", ",7"), RPC_INVALID("options")},
    {WRITE("{" T "," D "}", ",{\"id\":7,\"expectedVersion\":\"x\"}"), RPC_INVALID("options.id")},
    {WRITE("{" T "," D "}", ",{\"id\":null}"), RPC_INVALID("options.id")},
    {WRITE("{" T "," D "}", ",{\"id\":\"x\",\"expectedVersion\":\"x\"}"),
     RPC_INVALID("options.expectedVersion")},
    {WRITE("{" T "," D "}", ",{\"expectedVersion\":null}"), RPC_INVALID("options.expectedVersion")},
    {WRITE("{" T "," D "}", ",{\"expectedVersion\":1e999}"),
     RPC_INVALID("options.expectedVersion")},
    {WRITE("{" T "," D "}", ",{\"expectedVersion\":9223372036854775808}"),
     RPC_INVALID("options.expectedVersion")},
    {WRITE("{" T "," D "}", ",{\"id\":\"not-a-uuid\",\"expectedVersion\":7}"),
     RPC_INVALID("options.id")},

    {"[\"stream.get\",7,7]", RPC_INVALID("stream")},
    {"[\"stream.get\",\"\",7]", RPC_INVALID("stream")},
    {GET("null"), RPC_INVALID("options")},
    {GET("[]"), RPC_INVALID("options")},
    {GET("{\"position\":\"1\",\"globalPosition\":\"1\"}"), RPC_INVALID("options.position")},
    {GET("{\"position\":null}"), RPC_INVALID("options.position")},
    {GET("{\"globalPosition\":\"1\",\"batchSize\":\"1\"}"), RPC_INVALID("options.globalPosition")},
    {GET("{\"batchSize\":\"1\",\"backwards\":1}"), RPC_INVALID("options.batchSize")},
    {GET("{\"batchSize\":10001}"), RPC_INVALID("batchSize")},
    {GET("{\"batchSize\":-2}"), RPC_INVALID("batchSize")},
    {GET("{\"batchSize\":1e300}"), RPC_INVALID("batchSize")},
    {GET("{\"backwards\":1,\"type\":1}"), RPC_INVALID("options.backwards")},
    {GET("{\"type\":1}"), RPC_INVALID("options.type")},
    {GET("{\"unknown\":{}}"), "200 []"},
    {GET("{},7,null"), "200 []"},

    {"[\"stream.last\",7]", RPC_INVALID("stream")},
    {"[\"stream.last\",\"a\",7]", RPC_INVALID("options")},
    {"[\"stream.last\",\"a\",{\"type\":7}]", RPC_INVALID("options.type")},
    {"[\"stream.version\",7]", RPC_INVALID("stream")},
    {"[\"stream.version\",\"\"]", RPC_INVALID("stream")},

    {"[\"category.get\",7,7]", RPC_INVALID("category")},
    {CATEGORY("null"), RPC_INVALID("options")},
    {CATEGORY("{\"position\":true,\"globalPosition\":true}"), RPC_INVALID("options.position")},
    {CATEGORY("{\"globalPosition\":true,\"batchSize\":true}"),
     RPC_INVALID("options.globalPosition")},
    {CATEGORY("{\"batchSize\":true,\"correlation\":7}"), RPC_INVALID("options.batchSize")},
    {CATEGORY("{\"batchSize\":10001,\"correlation\":7}"), RPC_INVALID("batchSize")},
    {CATEGORY("{\"batchSize\":-2,\"correlation\":7}"), RPC_INVALID("batchSize")},
    {CATEGORY("{\"correlation\":7,\"consumerGroup\":7}"), RPC_INVALID("options.correlation")},
    {CATEGORY("{\"correlation\":null}"), RPC_INVALID("options.correlation")},
    {CATEGORY("{\"consumerGroup\":7,\"backwards\":7}"), RPC_INVALID("options.consumerGroup")},
    {CATEGORY("{\"consumerGroup\":null}"), RPC_INVALID("options.consumerGroup")},
    {CATEGORY("{\"consumerGroup\":[]}"), RPC_INVALID("options.consumerGroup")},
    {CATEGORY("{\"consumerGroup\":{\"member\":\"0\",\"size\":\"2\"}}"), RPC_INVALID("member")},
    {CATEGORY("{\"consumerGroup\":{\"member\":0,\"size\":\"2\"}}"), RPC_INVALID("size")},
    {CATEGORY("{\"consumerGroup\":{\"member\":0}}"), RPC_INVALID("both")},
    {CATEGORY("{\"consumerGroup\":{\"size\":2}}"), RPC_INVALID("both")},
    {CATEGORY("{\"consumerGroup\":{\"member\":-1,\"size\":0}}"), RPC_INVALID("member")},
    {CATEGORY("{\"consumerGroup\":{\"member\":0,\"size\":0}}"), RPC_INVALID("size")},
    {CATEGORY("{\"consumerGroup\":{\"member\":0,\"size\":-1}}"), RPC_INVALID("size")},
    {CATEGORY("{\"consumerGroup\":{\"member\":2,\"size\":2}}"), RPC_INVALID("less than")},
    {CATEGORY("{\"backwards\":7,\"type\":7}"), RPC_INVALID("options.backwards")},
    {CATEGORY("{\"type\":7}"), RPC_INVALID("options.type")},
    {CATEGORY("{\"consumerGroup\":{}}"), "200 []"},
    {"[\"category.last\",7]", RPC_INVALID("category")},
    {"[\"category.last\",\"a\",{\"type\":7}]", RPC_INVALID("options.type")},

    {"[\"stream.append\",\"a-1\"]", RPC_INVALID("2 arguments")},
    {"[\"stream.append\",\"\",7]", RPC_INVALID("stream")},
    {"[\"stream.append\",\"a-1\",{},7]", RPC_INVALID("messages")},
    {"[\"stream.append\",\"a-1\",[],7]", RPC_INVALID("messages")},
    {"[\"stream.append\",\"a-1\",[7],7]", RPC_INVALID("messages[0]")},
    {"[\"stream.append\",\"a-1\",[{" T "," D "},{" T "}],7]", RPC_INVALID("messages[1].data")},
    {"[\"stream.append\",\"a-1\",[{" T "," D ",\"id\":7}],7]", RPC_INVALID("messages[0].id")},
    {"[\"stream.append\",\"a-1\",[{" T "," D ",\"id\":\"x\"}],7]", RPC_INVALID("messages[0].id")},
    {"[\"stream.append\",\"a-1\",[{" T "," D "}],7]", RPC_INVALID("options")},
    {"[\"stream.append\",\"a-1\",[{" T "," D "}],{\"expectedVersion\":\"0\"}]",
     RPC_INVALID("options.expectedVersion")},

    {"[\"batch.write\"]", RPC_INVALID("1 argument")},
    {"[\"batch.write\",7]", RPC_INVALID("writes")},
    {"[\"batch.write\",[]]", RPC_INVALID("writes")},
    {"[\"batch.write\",[7]]", RPC_INVALID("writes[0]")},
    {"[\"batch.write\",[[\"a-1\"]]]", RPC_INVALID("writes[0]")},
    {"[\"batch.write\",[[\"\",7]]]", RPC_INVALID("writes[0].stream")},
    {"[\"batch.write\",[[\"a-1\",{" T "," D "}],[\"a-1\",7]]]", RPC_INVALID("writes[1].message")},
    {"[\"batch.write\",[[\"a-1\",{" D "}]]]", RPC_INVALID("writes[0].message.type")},
    {"[\"batch.write\",[[\"a-1\",{" T "," D "},null]]]", RPC_INVALID("writes[0].options")},
    {"[\"batch.write\",[[\"a-1\",{" T "," D "},{\"id\":\"x\"}]]]",
     RPC_INVALID("writes[0].options.id")},

    {"[\"stream.truncate\",\"a-1\"]", RPC_INVALID("2 arguments")},
    {"[\"stream.truncate\",7,7]", RPC_INVALID("stream")},
    {"[\"stream.truncate\",\"a-1\",null]", RPC_INVALID("before")},
    {"[\"stream.delete\",\"\"]", RPC_INVALID("stream")},
    {"[\"consumer.get\",7]", RPC_INVALID("consumer")},
    {"[\"consumer.set\",\"c\"]", RPC_INVALID("2 arguments")},
    {"[\"consumer.set\",\"c\",\"7\"]", RPC_INVALID("position")},
    {"[\"consumer.set\",\"c\",-1]", RPC_INVALID("position")},
    {"[\"consumer.delete\",\"\"]", RPC_INVALID("consumer")},
    {"[\"retention.set\",7,7]", RPC_INVALID("target")},
    {"[\"retention.set\",\"a\",7]", RPC_INVALID("options")},
    {"[\"retention.set\",\"a\",{\"maxAge\":\"7\"}]", RPC_INVALID("options.maxAge")},
    {"[\"retention.set\",\"a\",{\"maxAge\":-1}]", RPC_INVALID("options.maxAge")},
    {"[\"retention.set\",\"a\",{\"maxCount\":-1}]", RPC_INVALID("options.maxCount")},

    {"[\"ns.create\"]", RPC_INVALID("1 argument")},
    {"[\"ns.create\",7,7]", RPC_INVALID("namespace")},
    {"[\"ns.create\",\"\",7]", RPC_INVALID("namespace")},
    {"[\"ns.create\",\"a\\nb\",7]", RPC_INVALID("namespace")},
    {"[\"ns.create\",\"x\",null]", RPC_INVALID("options")},
    {"[\"ns.create\",\"x\",{\"description\":7,\"token\":7}]", RPC_INVALID("options.description")},
    {"[\"ns.create\",\"x\",{\"token\":7,\"metadata\":7}]", RPC_INVALID("options.token")},
    {"[\"ns.create\",\"x\",{\"token\":\"\",\"metadata\":7}]", RPC_INVALID("options.token")},
    {"[\"ns.create\",\"x\",{\"token\":\"ns_x\",\"metadata\":7}]", RPC_INVALID("options.token")},
    {"[\"ns.create\",\"x\",{\"token\":\"" RPC_ZERO_TOKEN "\",\"metadata\":7}]",
     RPC_INVALID("options.token names another")},
    {"[\"ns.create\",\"x\",{\"metadata\":7}]", RPC_INVALID("options.metadata")},
    {"[\"ns.create\",\"x\",{\"metadata\":null}]", RPC_INVALID("options.metadata")},
    {"[\"ns.delete\",7]", RPC_INVALID("namespace")},
    {"[\"ns.delete\",\"none\"]", RPC_ERROR(404, "NAMESPACE_NOT_FOUND")},
    {"[\"ns.info\",\"\"]", RPC_INVALID("namespace")},
    {"[\"ns.info\",\"none\"]", RPC_ERROR(404, "NAMESPACE_NOT_FOUND")},
    {"[\"ns.rotate\",\"none\"]", RPC_ERROR(404, "NAMESPACE_NOT_FOUND")},
    {"[\"ns.rotate\",\"default\",{\"token\":7}]", RPC_INVALID("options.token")},
    {"[\"ns.quota\",\"none\"]", RPC_ERROR(404, "NAMESPACE_NOT_FOUND")},
    {"[\"ns.quota\",\"default\",{\"maxMessages\":-1}]", RPC_INVALID("options.maxMessages")},
    {"[\"ns.quota\",\"default\",{\"maxBytes\":\"1\"}]", RPC_INVALID("options.maxBytes")},
    {"[\"ns.streams\",null]", RPC_INVALID("options")},
    {"[\"ns.streams\",{\"prefix\":7,\"limit\":\"7\"}]", RPC_INVALID("options.prefix")},
    {"[\"ns.streams\",{\"limit\":\"7\",\"cursor\":7}]", RPC_INVALID("options.limit")},
    {"[\"ns.streams\",{\"limit\":0,\"cursor\":7}]", RPC_INVALID("options.limit")},
    {"[\"ns.streams\",{\"limit\":1001}]", RPC_INVALID("options.limit")},
    {"[\"ns.streams\",{\"cursor\":7}]", RPC_INVALID("options.cursor")},
};

MR_TEST(arguments_are_checked_from_left_to_right)
{
    rpc_fixture f;
    rpc_fixture_open(&f, &(rpc_fixture_options){0});
    RPC_RUN(&f, arguments);
    static const rpc_case nothing_happened[] = {
        {"[\"category.get\",\"\"]", "200 []"},
        {"[\"ns.list\"]", "200 [{\"namespace\":\"default\",*}]"},
    };
    RPC_RUN(&f, nothing_happened);
    rpc_fixture_close(&f);
}

MR_TEST(a_name_of_1024_bytes_fits_and_a_longer_one_does_not)
{
    char request[1200];
    rpc_fixture f;
    rpc_fixture_open(&f, &(rpc_fixture_options){0});
    snprintf(request, sizeof request, "[\"stream.version\",\"%01024d\"]", 7);
    MR_EXPECT_TEXT(rpc_fixture_says(&f, request), "200 null");
    snprintf(request, sizeof request, "[\"stream.version\",\"%01025d\"]", 7);
    MR_EXPECT(rpc_like(rpc_fixture_says(&f, request), RPC_INVALID("1024 bytes")));
    rpc_fixture_close(&f);
}
