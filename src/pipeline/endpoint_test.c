/* SPDX-License-Identifier: MIT */
#include "pipeline/endpoint.h"

#include "support/test.h"

/* Parses and finishes; shows "connector path key=value ...". */
static mr_code describe(const char *role, const char *text, char *out, size_t size, mr_error *err)
{
    mr_arena arena;
    mr_endpoint end;
    mr_arena_init(&arena, "test", 1 << 20);
    mr_endpoint_init(&end, role, &arena);
    const mr_option_from from = {MR_ORIGIN_FLAG, "FROM"};
    mr_code code = mr_endpoint_parse(&end, mr_slice_text(text), from, err);
    if (code == MR_OK) code = mr_endpoint_finish(&end, err);
    if (code == MR_OK) {
        size_t used = (size_t)snprintf(out, size, "%s %s", end.connector,
                                       end.path != NULL ? end.path : "(none)");
        for (uint32_t i = 0; i < end.count; i++)
            used += (size_t)snprintf(out + used, size - used, " %s=%s", end.settings[i].key,
                                     end.settings[i].value);
    }
    mr_arena_done(&arena);
    return code;
}

MR_TEST(endpoints_are_read_by_prefix_or_suffix)
{
    static const char *const rows[][3] = {
        {"source", "a.csv", "csv a.csv"},
        {"source", "dir.x/a.csv.gz", "csv dir.x/a.csv.gz"},
        {"source", "a.tsv", "csv a.tsv delimiter=\\t"},
        {"source", "a.tsv?delimiter=;", "csv a.tsv delimiter=;"},
        {"source", "a.json", "json a.json"},
        {"destination", "a.json", "json a.json format=array"},
        {"destination", "a.json?format=lines", "json a.json format=lines"},
        {"destination", "a.jsonl.zst", "json a.jsonl.zst format=lines"},
        {"source", "a.ndjson.lz4", "json a.ndjson.lz4 format=lines"},
        {"source", "a.db?table=t", "sqlite a.db table=t"},
        {"source", "sqlite:odd.name?table=t&query=select%20%3F",
         "sqlite odd.name table=t query=select ?"},
        {"source", "a.sqlite3", "sqlite a.sqlite3"},
        {"source", "csv:-", "csv -"},
        {"source", "json:-", "json -"},
        {"destination", "jsonl:-", "json - format=lines"},
        {"destination", "json:a.jsonl", "json a.jsonl format=lines"},
        {"source", "tsv:-", "csv - delimiter=\\t"},
        {"source", "csv-legacy:a", "csv a"},
        {"destination", "null:", "null (none)"},
        {"source", "generate:mixed10?rows=1000000", "generate mixed10 rows=1000000"},
        {"source", "./csv:odd.csv", "csv ./csv:odd.csv"},
        {"source", "C:data.csv", "csv C:data.csv"},
        {"source", "2024-01-01T10:00.csv", "csv 2024-01-01T10:00.csv"},
        {"source", "100%.csv", "csv 100%.csv"},
        {"source", "a.csv?", "csv a.csv"},
        {"source", "csv:a?x=", "csv a x="},
        {"source", "csv:a?x=%41%62", "csv a x=Ab"},
        {"source", "csv:a?path=a", "csv a"},
    };
    for (size_t i = 0; i < MR_COUNT_OF(rows); i++) {
        char shown[256] = "";
        mr_error err = {0};
        if (describe(rows[i][0], rows[i][1], shown, sizeof shown, &err) != MR_OK)
            MR_TEST_FAIL("%s: %s\n", rows[i][1], err.text);
        MR_EXPECT_TEXT(shown, rows[i][2]);
    }
}

MR_TEST(wrong_endpoints_say_what_to_write)
{
    static const char *const rows[][2] = {
        {"", "FROM: the source is empty"},
        {"-", "FROM: the name of the source '-' does not tell its format; write csv:- or json:-"},
        {"a.txt", "FROM: the name of the source 'a.txt' does not tell its format; write csv:a.txt "
                  "or json:a.txt"},
        {"generate", "FROM: the name of the source 'generate' does not tell its format; write "
                     "csv:generate or json:generate; the connector of that name is meant when a "
                     "colon ends it"},
        {"cvs:a.csv", "FROM: unknown connector 'cvs'; did you mean 'csv'?"},
        {"http://x/a.csv", "FROM: unknown connector 'http'; a message store is store:http://..."},
        {"postgres://h/db", "FROM: connector 'postgresql' is not built yet in this version"},
        {"s3:bucket", "FROM: connector 's3' is not built yet in this version"},
        {"a.csv?x", "FROM: expected key=value&key=value after '?'"},
        {"a.csv?=x", "FROM: expected key=value&key=value after '?'"},
        {"a.csv?a=1&&b=2", "FROM: expected key=value&key=value after '?'"},
        {"a.csv?a=%4", "FROM: '%' after '?' wants two hexadecimal digits, not 00"},
        {"a.csv?a=%zz", "FROM: '%' after '?' wants two hexadecimal digits, not 00"},
        {"a.csv?a=%00", "FROM: '%' after '?' wants two hexadecimal digits, not 00"},
        {"csv:", "the source 'csv' has no path"},
        {"generate:?rows=5", "the source 'generate' has no path"},
        {"csv:a?path=b", "FROM: FROM: the source's path is already 'a'"},
    };
    for (size_t i = 0; i < MR_COUNT_OF(rows); i++) {
        char shown[256];
        mr_error err = {0};
        MR_EXPECT_CODE(describe("source", rows[i][0], shown, sizeof shown, &err), MR_ERR_USAGE);
        MR_EXPECT_TEXT(err.text, rows[i][1]);
    }
}

typedef struct wanted {
    const char *delimiter, *password, *query_file;
    mr_option_list columns;
} wanted;

static const mr_option wanted_table[] = {
    {.name = "delimiter",
     .type = MR_OPTION_TEXT,
     .offset = offsetof(wanted, delimiter),
     .fallback = ","},
    {.name = "password",
     .type = MR_OPTION_TEXT,
     .offset = offsetof(wanted, password),
     .flags = MR_OPTION_SECRET},
    {.name = "query_file", .type = MR_OPTION_TEXT, .offset = offsetof(wanted, query_file)},
    {.name = "columns", .type = MR_OPTION_LIST, .offset = offsetof(wanted, columns)},
    {0},
};
static const mr_option other_table[] = {{.name = "crlf", .type = MR_OPTION_BOOL}, {0}};

typedef struct applied {
    mr_arena arena;
    mr_endpoint end;
    wanted values;
    mr_options options;
    mr_error err;
} applied;

static void open_applied(applied *a)
{
    memset(a, 0, sizeof *a);
    mr_arena_init(&a->arena, "test", 1 << 20);
    mr_endpoint_init(&a->end, "source", &a->arena);
    mr_error err = {0};
    MR_EXPECT_OK(
        mr_options_init(&a->options, "csv source", wanted_table, &a->values, &a->arena, &err));
}

static void add(applied *a, const char *key, const char *value, mr_option_origin origin,
                bool shared)
{
    const mr_setting setting = {
        .key = key, .value = value, .from = {origin, "p.yaml:3:4"}, .shared = shared};
    mr_error err = {0};
    MR_EXPECT_OK(mr_endpoint_add(&a->end, &setting, &err));
}

MR_TEST(settings_reach_the_connectors_table_with_their_place)
{
    applied a;
    open_applied(&a);
    add(&a, "delimeter", ";", MR_ORIGIN_FILE, false);
    MR_EXPECT_I64(mr_endpoint_apply(&a.end, &a.options, NULL, &a.err), ==, MR_ERR_USAGE);
    MR_EXPECT_TEXT(a.err.text,
                   "p.yaml:3:4: unknown key 'delimeter' in csv source; did you mean 'delimiter'?");
    mr_arena_done(&a.arena);
}

MR_TEST(own_settings_win_over_shared_ones_and_flags_over_files)
{
    applied a;
    open_applied(&a);
    add(&a, "delimiter", "shared", MR_ORIGIN_FILE, true);
    add(&a, "crlf", "true", MR_ORIGIN_FILE, true); /* the other end's */
    MR_EXPECT_I64(mr_endpoint_apply(&a.end, &a.options, other_table, &a.err), ==, MR_OK);
    MR_EXPECT_TEXT(a.values.delimiter, "shared");
    mr_arena_done(&a.arena);
    open_applied(&a);
    add(&a, "delimiter", "own", MR_ORIGIN_FILE, false);
    add(&a, "delimiter", "shared", MR_ORIGIN_FILE, true);
    MR_EXPECT_TEXT(mr_endpoint_get(&a.end, "delimiter")->value, "own");
    MR_EXPECT_I64(mr_endpoint_apply(&a.end, &a.options, other_table, &a.err), ==, MR_OK);
    MR_EXPECT_TEXT(a.values.delimiter, "own");
    mr_arena_done(&a.arena);
    open_applied(&a);
    add(&a, "delimiter", "flag", MR_ORIGIN_FLAG, false);
    add(&a, "delimiter", "own", MR_ORIGIN_FILE, false);
    MR_EXPECT_TEXT(mr_endpoint_get(&a.end, "delimiter")->value, "flag");
    MR_EXPECT_I64(mr_endpoint_apply(&a.end, &a.options, NULL, &a.err), ==, MR_OK);
    MR_EXPECT_TEXT(a.values.delimiter, "flag");
    mr_arena_done(&a.arena);
    open_applied(&a);
    add(&a, "nobodys", "x", MR_ORIGIN_FILE, true);
    MR_EXPECT_I64(mr_endpoint_apply(&a.end, &a.options, other_table, &a.err), ==, MR_ERR_USAGE);
    mr_arena_done(&a.arena);
}

MR_TEST(file_keys_read_secrets_and_only_secrets)
{
    char path[256];
    snprintf(path, sizeof path, "%s/pw", mr_test_dir());
    mr_test_write_file(path, MR_SLICE("hunter2\n"));
    applied a;
    open_applied(&a);
    add(&a, "password_file", path, MR_ORIGIN_FILE, false);
    add(&a, "query_file", "q.sql", MR_ORIGIN_FILE, false);
    MR_EXPECT_I64(mr_endpoint_apply(&a.end, &a.options, NULL, &a.err), ==, MR_OK);
    MR_EXPECT_TEXT(a.values.password, "hunter2");
    MR_EXPECT_TEXT(a.values.query_file, "q.sql");
    mr_arena_done(&a.arena);
    open_applied(&a);
    add(&a, "delimiter_file", path, MR_ORIGIN_FILE, false);
    MR_EXPECT_I64(mr_endpoint_apply(&a.end, &a.options, NULL, &a.err), ==, MR_ERR_USAGE);
    mr_arena_done(&a.arena);
    open_applied(&a);
    add(&a, "password_file", "/nonexistent/pw", MR_ORIGIN_FILE, false);
    MR_EXPECT_I64(mr_endpoint_apply(&a.end, &a.options, NULL, &a.err), ==, MR_ERR_USAGE);
    MR_EXPECT_TEXT(a.err.text, "p.yaml:3:4: password_file: '/nonexistent/pw': cannot be opened: No "
                               "such file or directory; check the path");
    mr_arena_done(&a.arena);
}
