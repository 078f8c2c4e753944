/* SPDX-License-Identifier: MIT
 *
 * What the methods of /rpc do, as conversations: each table runs from top to bottom against a fresh
 * store. Their arguments are in store_rpc_test.c. */
#include "store/rpc.h"

#include "core/clock.h"
#include "support/rpc_fixture.h"
#include "support/test.h"

static void converse(const rpc_case *cases, size_t count)
{
    rpc_fixture f;
    rpc_fixture_open(&f, &(rpc_fixture_options){0});
    rpc_fixture_run(&f, cases, count);
    rpc_fixture_close(&f);
}
#define CONVERSE(cases) converse((cases), MR_COUNT_OF(cases))

#define WRITE(stream, rest)  "[\"stream.write\",\"" stream "\",{\"type\":\"T\",\"data\":{}}" rest "]"
#define AT(position, global) "200 {\"position\":" #position ",\"globalPosition\":" #global "}"
#define AGAIN(position, global) \
    "200 {\"position\":" #position ",\"globalPosition\":" #global ",\"duplicate\":true}"
#define CONFLICT(wanted, found)                                                                    \
    "409 {\"error\":{\"code\":\"STREAM_VERSION_CONFLICT\",\"message\":\"Expected version " #wanted \
    ", stream is at version " #found "\",\"details\":{\"expected\":" #wanted ",\"actual\":" #found \
    "}}}"
#define TAKEN RPC_ERROR(409, "MESSAGE_ID_CONFLICT")

#define ID1 "01890a5d-ac96-774b-bcce-b302099a8051"
#define ID2 "01890a5d-ac96-774b-bcce-b302099a8052"

/* --- stream.write ----------------------------------------------------------------------------- */

static const rpc_case versions[] = {
    {WRITE("a-1", ",{\"expectedVersion\":0}"), CONFLICT(0, -1)},
    {WRITE("a-1", ",{\"expectedVersion\":-2}"), CONFLICT(-2, -1)},
    {WRITE("a-1", ",{\"expectedVersion\":-1}"), AT(0, 1)},
    {WRITE("a-1", ",{\"expectedVersion\":-1}"), CONFLICT(-1, 0)},
    {WRITE("a-1", ",{\"expectedVersion\":0.9}"), AT(1, 2)},
    {WRITE("a-1", ",{\"expectedVersion\":9007199254740993}"), CONFLICT(9007199254740993, 1)},
    {WRITE("a-1", ""), AT(2, 3)},
    {WRITE("a-1", ",{}"), AT(3, 4)},
    {WRITE("b", ""), AT(0, 5)},
    {WRITE("UPPERCASE", ""), AT(0, 6)},
    {WRITE("-x", ""), AT(0, 7)},
    {"[\"stream.version\",\"a-1\"]", "200 3"},
    {"[\"stream.version\",\"b\"]", "200 0"},
    {"[\"stream.version\",\"none\"]", "200 null"},
};

MR_TEST(a_write_is_refused_unless_the_stream_has_the_expected_version)
{
    CONVERSE(versions);
}

#define WITH_ID(stream, type, data, id)                                                        \
    "[\"stream.write\",\"" stream "\",{\"type\":\"" type "\",\"data\":" data "},{\"id\":\"" id \
    "\"}]"

static const rpc_case ids[] = {
    {WITH_ID("a-1", "T", "{\"n\":1}", "01890A5D-AC96-774B-BCCE-B302099A8051"), AT(0, 1)},
    {WITH_ID("a-1", "T", "{\"n\":1}", ID1), AGAIN(0, 1)},
    {WITH_ID("a-1", "T", "{\"n\": 1}", "{" ID1 "}"), AGAIN(0, 1)},
    {WITH_ID("a-1", "T", "{\"n\":1}", "urn:uuid:" ID1), AGAIN(0, 1)},
    {WITH_ID("a-1", "T", "{\"n\":1}", "01890a5dac96774bbcceb302099a8051"), AGAIN(0, 1)},
    {WITH_ID("a-1", "U", "{\"n\":1}", ID1), TAKEN},
    {WITH_ID("a-1", "T", "{\"n\":2}", ID1), TAKEN},
    {WITH_ID("a-2", "T", "{\"n\":1}", ID1), TAKEN},
    {"[\"stream.write\",\"a-1\",{\"type\":\"T\",\"data\":{\"n\":1}},{\"id\":\"" ID1
     "\",\"expectedVersion\":-1}]",
     AGAIN(0, 1)},
    {WITH_ID("a-1", "T", "{\"n\":1}", ""), AT(1, 2)},
    {"[\"stream.get\",\"a-1\",{\"batchSize\":1}]", "200 [[\"" ID1 "\",*]]"},
    {"[\"stream.write\",\"a-1\",{\"type\":\"T\",\"data\":{},\"id\":\"" ID1 "\"}]", AT(2, 3)},
};

MR_TEST(writing_an_id_again_answers_what_the_first_write_did)
{
    CONVERSE(ids);
}

static const rpc_case fidelity[] = {
    {"[\"stream.write\",\"f\",{\"type\":\"T\",\"data\":{ \"z\" : 9007199254740993 , \"a\":"
     "12345678901234567890,\"x\":1.0,\"y\":1e2 , \"d\":1,\"d\":2, \"t\":\"<&\\u2028 \\u0000\" }}]",
     AT(0, 1)},
    {"[\"stream.get\",\"f\"]",
     "200 [[\"*\",\"T\",0,1,{\"z\":9007199254740993,\"a\":12345678901234567890,\"x\":1.0,\"y\":1e2,"
     "\"d\":1,\"d\":2,\"t\":\"<&\\u2028 \\u0000\"},null,\"*Z\"]]"},
    {"[\"stream.write\",\"g\",{\"type\":\"\\\"\\u00e9\\n\",\"data\":{\"a\":\"\xff\\ud800\"},"
     "\"metadata\":{ \"m\" : null }}]",
     AT(0, 2)},
    {"[\"stream.get\",\"g\"]",
     "200 [[\"*\",\"\\\"\xc3\xa9\\n\",0,2,{\"a\":\"\xef\xbf\xbd\\ufffd\"},"
     "{\"m\":null},\"*Z\"]]"},
    {"[\"stream.write\",\"h\",{\"type\":\"T\",\"data\":{},\"metadata\":null}]", AT(0, 3)},
    {"[\"stream.write\",\"h\",{\"type\":\"T\",\"type\":\"U\",\"data\":7,\"data\":{}}]", AT(1, 4)},
    {"[\"stream.last\",\"h\"]", "200 [\"*\",\"U\",1,4,{},null,\"*Z\"]"},
    {"[\"stream.write\",\"s\\u00e9\\\"\",{\"type\":\"T\",\"data\":{}}]", AT(0, 5)},
    {"[\"category.get\",\"s\xc3\xa9\\\"\"]", "200 [[\"*\",\"s\xc3\xa9\\\"\",\"T\",0,5,*]]"},
};

MR_TEST(what_is_written_comes_back_as_it_was)
{
    CONVERSE(fidelity);
}

MR_TEST(times_are_now_and_ids_are_made_in_order)
{
    rpc_fixture f;
    char before[MR_TIME_TEXT_MAX + 1] = {0}, after[MR_TIME_TEXT_MAX + 1] = {0}, last[40] = "";
    rpc_fixture_open(&f, &(rpc_fixture_options){0});
    for (int i = 0; i < 50; i++) {
        mr_format_wall(before, mr_clock_wall_ns(), 6);
        (void)rpc_fixture_says(&f, WRITE("a", ""));
        mr_format_wall(after, mr_clock_wall_ns(), 6);
        const char *said = rpc_fixture_says(&f, "[\"stream.last\",\"a\"]");
        MR_EXPECT(rpc_like(said, "200 [\"*\",\"T\",*,{},null,\"20*Z\"]") && said[20] == '7');
        const char *time = strrchr(said, ',') + 2;
        MR_EXPECT(strncmp(time, before, 19) >= 0 && strncmp(time, after, 19) <= 0);
        MR_EXPECT(time[19] == 'Z' || (time[19] == '.' && strcspn(time, "Z") <= 26));
        MR_EXPECT(time[strcspn(time, "Z") - 1] != '0' || time[19] == 'Z');
        MR_EXPECT(strncmp(last, said + 6, 36) < 0);
        memcpy(last, said + 6, 36);
    }
    rpc_fixture_close(&f);
}

/* --- stream.get, stream.last ------------------------------------------------------------------ */

#define MESSAGES_A_B                                                           \
    {WRITE("a-1", ""), AT(0, 1)}, {WRITE("b-1", ""), AT(0, 2)},                \
        {"[\"stream.write\",\"a-1\",{\"type\":\"U\",\"data\":{}}]", AT(1, 3)}, \
        {WRITE("a-1", ""), AT(2, 4)}, {WRITE("a-2", ""), AT(0, 5)},            \
    {                                                                          \
        WRITE("a", ""), AT(0, 6)                                               \
    }

#define S(type, position, global) "[\"*\",\"" type "\"," #position "," #global ",{},null,\"*Z\"]"
#define GET(options)              "[\"stream.get\",\"a-1\"," options "]"

static const rpc_case stream_reads[] = {
    MESSAGES_A_B,
    {"[\"stream.get\",\"a-1\"]", "200 [" S("T", 0, 1) "," S("U", 1, 3) "," S("T", 2, 4) "]"},
    {"[\"stream.get\",\"none\"]", "200 []"},
    {GET("{\"position\":1}"), "200 [" S("U", 1, 3) "," S("T", 2, 4) "]"},
    {GET("{\"position\":-5}"), "200 [" S("T", 0, 1) "," S("U", 1, 3) "," S("T", 2, 4) "]"},
    {GET("{\"position\":3}"), "200 []"},
    {GET("{\"position\":1.9,\"batchSize\":1.9}"), "200 [" S("U", 1, 3) "]"},
    {GET("{\"globalPosition\":3}"), "200 [" S("U", 1, 3) "," S("T", 2, 4) "]"},
    {GET("{\"globalPosition\":2,\"position\":2}"), "200 [" S("U", 1, 3) "," S("T", 2, 4) "]"},
    {GET("{\"globalPosition\":-1}"), "200 [" S("T", 0, 1) "," S("U", 1, 3) "," S("T", 2, 4) "]"},
    {GET("{\"batchSize\":2}"), "200 [" S("T", 0, 1) "," S("U", 1, 3) "]"},
    {GET("{\"batchSize\":0}"), "200 []"},
    {GET("{\"batchSize\":-1}"), "200 [" S("T", 0, 1) "," S("U", 1, 3) "," S("T", 2, 4) "]"},
    {GET("{\"batchSize\":10000}"), "200 [" S("T", 0, 1) "," S("U", 1, 3) "," S("T", 2, 4) "]"},
    {GET("{\"type\":\"T\"}"), "200 [" S("T", 0, 1) "," S("T", 2, 4) "]"},
    {GET("{\"type\":\"\"}"), "200 [" S("T", 0, 1) "," S("U", 1, 3) "," S("T", 2, 4) "]"},
    {GET("{\"type\":\"t\"}"), "200 []"},
    {GET("{\"backwards\":true}"), "200 [" S("T", 2, 4) "," S("U", 1, 3) "," S("T", 0, 1) "]"},
    {GET("{\"backwards\":true,\"batchSize\":1}"), "200 [" S("T", 2, 4) "]"},
    {GET("{\"backwards\":true,\"position\":1}"), "200 [" S("U", 1, 3) "," S("T", 0, 1) "]"},
    {GET("{\"backwards\":true,\"position\":0}"), "200 [" S("T", 0, 1) "]"},
    {GET("{\"backwards\":true,\"globalPosition\":3}"), "200 [" S("U", 1, 3) "," S("T", 0, 1) "]"},
    {GET("{\"backwards\":true,\"type\":\"T\",\"batchSize\":-1}"),
     "200 [" S("T", 2, 4) "," S("T", 0, 1) "]"},
    {GET("{\"backwards\":false,\"batchSize\":1}"), "200 [" S("T", 0, 1) "]"},
    {"[\"stream.last\",\"a-1\"]", "200 " S("T", 2, 4)},
    {"[\"stream.last\",\"a-1\",{\"type\":\"U\"}]", "200 " S("U", 1, 3)},
    {"[\"stream.last\",\"a-1\",{\"type\":\"\"}]", "200 " S("T", 2, 4)},
    {"[\"stream.last\",\"a-1\",{\"type\":\"none\"}]", "200 null"},
    {"[\"stream.last\",\"none\"]", "200 null"},
};

MR_TEST(a_stream_is_read_by_position_in_both_directions)
{
    CONVERSE(stream_reads);
}

/* --- category.get, category.last -------------------------------------------------------------- */

#define C(stream, type, position, global) \
    "[\"*\",\"" stream "\",\"" type "\"," #position "," #global ",{},null,\"*Z\"]"
#define A11         C("a-1", "T", 0, 1)
#define B12         C("b-1", "T", 0, 2)
#define A13         C("a-1", "U", 1, 3)
#define A14         C("a-1", "T", 2, 4)
#define A25         C("a-2", "T", 0, 5)
#define A6          C("a", "T", 0, 6)
#define IN(options) "[\"category.get\",\"a\"," options "]"

static const rpc_case category_reads[] = {
    MESSAGES_A_B,
    {"[\"category.get\",\"a\"]", "200 [" A11 "," A13 "," A14 "," A25 "," A6 "]"},
    {"[\"category.get\",\"\"]", "200 [" A11 "," B12 "," A13 "," A14 "," A25 "," A6 "]"},
    {"[\"category.get\",\"none\"]", "200 []"},
    {"[\"category.get\",\"a-1\"]", "200 []"},
    {IN("{\"position\":0,\"batchSize\":1}"), "200 [" A11 "]"},
    {IN("{\"position\":-7,\"batchSize\":1}"), "200 [" A11 "]"},
    {IN("{\"position\":4}"), "200 [" A14 "," A25 "," A6 "]"},
    {IN("{\"globalPosition\":5,\"position\":1}"), "200 [" A25 "," A6 "]"},
    {IN("{\"position\":7}"), "200 []"},
    {IN("{\"batchSize\":0}"), "200 []"},
    {IN("{\"batchSize\":-1,\"position\":5}"), "200 [" A25 "," A6 "]"},
    {IN("{\"type\":\"U\"}"), "200 [" A13 "]"},
    {IN("{\"backwards\":true,\"batchSize\":2}"), "200 [" A6 "," A25 "]"},
    {IN("{\"backwards\":true,\"position\":4}"), "200 [" A14 "," A13 "," A11 "]"},
    {IN("{\"backwards\":true,\"type\":\"U\"}"), "200 [" A13 "]"},
    {"[\"category.get\",\"\",{\"backwards\":true,\"batchSize\":-1}]",
     "200 [" A6 "," A25 "," A14 "," A13 "," B12 "," A11 "]"},
    /* 1 belongs to member 0 of 2, 2 to member 1; `a` has no cardinal id. */
    {IN("{\"consumerGroup\":{\"member\":0,\"size\":2}}"), "200 [" A11 "," A13 "," A14 "]"},
    {IN("{\"consumerGroup\":{\"member\":1,\"size\":2}}"), "200 [" A25 "]"},
    {IN("{\"consumerGroup\":{\"member\":0,\"size\":1}}"), "200 [" A11 "," A13 "," A14 "," A25 "]"},
    {IN("{\"consumerGroup\":{\"member\":1,\"size\":2},\"batchSize\":1}"), "200 [" A25 "]"},
    {"[\"category.get\",\"\",{\"consumerGroup\":{\"member\":1.9,\"size\":2}}]", "200 [" A25 "]"},
    {"[\"category.last\",\"a\"]", "200 " A6},
    {"[\"category.last\",\"\"]", "200 " A6},
    {"[\"category.last\",\"b\"]", "200 " B12},
    {"[\"category.last\",\"a\",{\"type\":\"U\"}]", "200 " A13},
    {"[\"category.last\",\"a\",{\"type\":\"none\"}]", "200 null"},
    {"[\"category.last\",\"none\"]", "200 null"},
    {"[\"category.last\",\"a-1\"]", "200 null"},
};

MR_TEST(a_category_is_read_by_global_position_in_both_directions)
{
    CONVERSE(category_reads);
}

#define CORRELATED(name)                                                  \
    "[\"stream.write\",\"a-1\",{\"type\":\"T\",\"data\":{},\"metadata\":" \
    "{\"correlationStreamName\":" name "}}]"
#define BY(value)             "[\"category.get\",\"a\",{\"correlation\":\"" value "\"}]"
#define ONE(position, global) "[\"*\",\"a-1\",\"T\"," #position "," #global ",{},{*},\"*Z\"]"

static const rpc_case correlations[] = {
    {CORRELATED("\"w-1\""), AT(0, 1)},
    {CORRELATED("\"w\""), AT(1, 2)},
    {CORRELATED("\"W-1\""), AT(2, 3)},
    {CORRELATED("\"wx-1\""), AT(3, 4)},
    {CORRELATED("\"\\u0077-2\""), AT(4, 5)},
    {CORRELATED("7"), AT(5, 6)},
    {CORRELATED("\"w%-1\""), AT(6, 7)},
    {WRITE("a-1", ""), AT(7, 8)},
    {BY("w"), "200 [" ONE(0, 1) "," ONE(1, 2) "," ONE(4, 5) "]"},
    {BY("W"), "200 [" ONE(2, 3) "]"},
    {BY("w%"), "200 [" ONE(6, 7) "]"},
    {BY("w-1"), "200 []"},
    {BY("none"), "200 []"},
    {"[\"category.get\",\"a\",{\"correlation\":\"\",\"position\":8}]", "200 [[*,8,*]]"},
    {"[\"category.get\",\"a\",{\"correlation\":\"w\",\"batchSize\":2}]",
     "200 [" ONE(0, 1) "," ONE(1, 2) "]"},
};

MR_TEST(correlation_compares_categories_exactly)
{
    CONVERSE(correlations);
}

/* --- stream.append, batch.write --------------------------------------------------------------- */

#define M       "{\"type\":\"T\",\"data\":{}}"
#define MID(id) "{\"type\":\"T\",\"data\":{},\"id\":\"" id "\"}"
#define FIRST_LAST(first, last, gfirst, glast)                  \
    "200 {\"firstPosition\":" #first ",\"lastPosition\":" #last \
    ",\"firstGlobalPosition\":" #gfirst ",\"lastGlobalPosition\":" #glast "}"
#define INDEXED(status, code, index)                                                               \
#status " {\"error\":{\"code\":\"" code "\",\"message\":\"*\",\"details\":{*\"index\":" #index \
            "}}}"

static const rpc_case appends[] = {
    {"[\"stream.append\",\"a-1\",[" M "," M "," M "],{\"expectedVersion\":-1}]",
     FIRST_LAST(0, 2, 1, 3)},
    {"[\"stream.append\",\"a-1\",[" M "," M "],{\"expectedVersion\":-1}]",
     INDEXED(409, "STREAM_VERSION_CONFLICT", 0)},
    {"[\"stream.version\",\"a-1\"]", "200 2"},
    {"[\"stream.append\",\"a-1\",[" M "],{\"expectedVersion\":2}]", FIRST_LAST(3, 3, 4, 4)},
    {"[\"stream.append\",\"a-1\",[" MID(ID1) "," MID(ID2) "],{\"expectedVersion\":3}]",
     FIRST_LAST(4, 5, 5, 6)},
    {"[\"stream.append\",\"a-1\",[" MID(ID1) "," MID(ID2) "],{\"expectedVersion\":3}]",
     "200 {\"firstPosition\":4,\"lastPosition\":5,\"firstGlobalPosition\":5,"
     "\"lastGlobalPosition\":6,\"duplicates\":2}"},
    {"[\"stream.append\",\"a-2\",[" M "," MID(ID2) "]]", INDEXED(409, "MESSAGE_ID_CONFLICT", 1)},
    {"[\"stream.version\",\"a-2\"]", "200 null"}, /* all or nothing */
    {"[\"stream.append\",\"a-2\",[ {\"type\" : \"T\" , \"data\" : { } , \"metadata\":null} ]]",
     FIRST_LAST(0, 0, 7, 7)},
};

MR_TEST(an_append_is_all_or_nothing)
{
    CONVERSE(appends);
}

static const rpc_case batches[] = {
    {"[\"batch.write\",[[\"a-1\"," M "],[\"b-1\"," M ",{\"expectedVersion\":-1}],[\"a-1\"," M
     ",{\"expectedVersion\":0}]]]",
     "200 [{\"position\":0,\"globalPosition\":1},{\"position\":0,\"globalPosition\":2},"
     "{\"position\":1,\"globalPosition\":3}]"},
    {"[\"batch.write\",[[\"a-1\"," M "],[\"b-1\"," M ",{\"expectedVersion\":5}]]]",
     "409 {\"error\":{\"code\":\"STREAM_VERSION_CONFLICT\",\"message\":\"Expected version 5, "
     "stream "
     "is at version 0\",\"details\":{\"expected\":5,\"actual\":0,\"index\":1}}}"},
    {"[\"stream.version\",\"a-1\"]", "200 1"},
    {"[\"batch.write\",[[\"c\"," M ",{\"id\":\"" ID1 "\"}],[\"d\"," M "]]]",
     "200 [{\"position\":0,\"globalPosition\":4},{\"position\":0,\"globalPosition\":5}]"},
    {"[\"batch.write\",[[\"c\"," M ",{\"id\":\"" ID1 "\"}]]]",
     "200 [{\"position\":0,\"globalPosition\":4,\"duplicate\":true}]"},
    {"[\"batch.write\",[[\"d\"," M "],[\"d\"," M ",{\"id\":\"" ID1 "\"}]]]",
     INDEXED(409, "MESSAGE_ID_CONFLICT", 1)},
    {"[\"stream.version\",\"d\"]", "200 0"},
    {"[\"category.get\",\"\",{\"position\":5}]", "200 [[*\"d\",\"T\",0,5,*]]"},
};

MR_TEST(a_batch_over_several_streams_is_all_or_nothing)
{
    CONVERSE(batches);
}

/* --- Removing --------------------------------------------------------------------------------- */

static const rpc_case removals[] = {
    MESSAGES_A_B,
    {"[\"stream.truncate\",\"a-1\",2]", "200 {\"stream\":\"a-1\",\"messagesDeleted\":2}"},
    {"[\"stream.get\",\"a-1\"]", "200 [" S("T", 2, 4) "]"},
    {"[\"stream.truncate\",\"a-1\",-1]", "200 {\"stream\":\"a-1\",\"messagesDeleted\":0}"},
    {"[\"stream.truncate\",\"a-1\",99]", "200 {\"stream\":\"a-1\",\"messagesDeleted\":1}"},
    {"[\"stream.get\",\"a-1\"]", "200 []"},
    {"[\"stream.version\",\"a-1\"]", "200 2"}, /* what was counted stays counted */
    {WRITE("a-1", ",{\"expectedVersion\":2}"), AT(3, 7)},
    {"[\"stream.delete\",\"a-1\"]", "200 {\"stream\":\"a-1\",\"messagesDeleted\":1}"},
    {"[\"stream.version\",\"a-1\"]", "200 null"},
    {WRITE("a-1", ",{\"expectedVersion\":-1}"), AT(0, 8)},
    {"[\"stream.delete\",\"none\"]", "200 {\"stream\":\"none\",\"messagesDeleted\":0}"},
    {"[\"category.get\",\"a\"]", "200 [" A25 "," A6 "," C("a-1", "T", 0, 8) "]"},
};

MR_TEST(streams_are_truncated_and_deleted)
{
    CONVERSE(removals);
}

/* --- Consumers, retention, quota -------------------------------------------------------------- */

static const rpc_case consumers[] = {
    {"[\"consumer.get\",\"c\"]", "200 null"},
    {"[\"consumer.set\",\"c\",41.9]", "200 {\"consumer\":\"c\",\"position\":41}"},
    {"[\"consumer.get\",\"c\"]", "200 {\"consumer\":\"c\",\"position\":41,\"updatedAt\":\"20*Z\"}"},
    {"[\"consumer.set\",\"c\",0]", "200 {\"consumer\":\"c\",\"position\":0}"},
    {"[\"consumer.get\",\"c\"]", "200 {\"consumer\":\"c\",\"position\":0,\"updatedAt\":\"20*Z\"}"},
    {"[\"consumer.delete\",\"c\"]", "200 {\"consumer\":\"c\"}"},
    {"[\"consumer.get\",\"c\"]", "200 null"},
    {"[\"consumer.delete\",\"c\"]", "200 {\"consumer\":\"c\"}"},
};

MR_TEST(a_consumer_keeps_its_position)
{
    CONVERSE(consumers);
}

static const rpc_case rules[] = {
    {"[\"retention.get\"]", "200 []"},
    {"[\"ns.quota\",\"default\"]",
     "200 {\"namespace\":\"default\",\"maxMessages\":0,\"maxBytes\":0}"},
    {"[\"ns.quota\",\"default\",{\"maxMessages\":3}]",
     "200 {\"namespace\":\"default\",\"maxMessages\":3,\"maxBytes\":0}"},
    {"[\"retention.get\"]", "200 []"},
    {"[\"retention.set\",\"\",{\"maxAge\":86400}]",
     "200 {\"target\":\"\",\"maxAge\":86400,\"maxCount\":0}"},
    {"[\"ns.quota\",\"default\"]",
     "200 {\"namespace\":\"default\",\"maxMessages\":3,\"maxBytes\":0}"},
    {"[\"retention.set\",\"a\",{\"maxCount\":2}]",
     "200 {\"target\":\"a\",\"maxAge\":0,\"maxCount\":2}"},
    {"[\"retention.get\"]", "200 [{\"target\":\"\",\"maxAge\":86400,\"maxCount\":0},"
                            "{\"target\":\"a\",\"maxAge\":0,\"maxCount\":2}]"},
    {"[\"retention.set\",\"a\",{}]", "200 {\"target\":\"a\",\"maxAge\":0,\"maxCount\":0}"},
    {"[\"retention.get\"]", "200 [{\"target\":\"\",\"maxAge\":86400,\"maxCount\":0}]"},
    {"[\"stream.append\",\"b\",[" M "," M "," M "," M "]]", RPC_ERROR(403, "QUOTA_EXCEEDED")},
    {"[\"stream.append\",\"b\",[" M "," M "," M "]]", FIRST_LAST(0, 2, 1, 3)},
    {WRITE("b", ""), RPC_ERROR(403, "QUOTA_EXCEEDED")},
    {"[\"ns.quota\",\"default\",{}]",
     "200 {\"namespace\":\"default\",\"maxMessages\":0,\"maxBytes\":0}"},
    {WRITE("b", ""), AT(3, 4)},
};

MR_TEST(quotas_and_retention_are_set_apart)
{
    CONVERSE(rules);
}
