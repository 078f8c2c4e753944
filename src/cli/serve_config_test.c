/* SPDX-License-Identifier: MIT */
#include "cli/serve_config.h"

#include "store/store.h"
#include "support/test.h"

#define ZEROS   "0000000000000000000000000000000000000000000000000000000000000000"
#define ONES    "1111111111111111111111111111111111111111111111111111111111111111"
#define TOKEN   "ns_ZGVmYXVsdA_" ZEROS
#define TOKEN_1 "ns_ZGVmYXVsdA_" ONES

typedef struct fixture {
    mr_arena arena;
    mr_serve_config config;
    mr_error err;
} fixture;

static void begin(fixture *f)
{
    mr_error err;
    memset(f, 0, sizeof *f);
    mr_arena_init(&f->arena, "test", 4 << 20);
    MR_EXPECT_OK(mr_serve_config_init(&f->config, &f->arena, &err));
}

static mr_code load(fixture *f, const char *text, const char *environment_token)
{
    char path[256];
    begin(f);
    snprintf(path, sizeof path, "%s/serve.yaml", mr_test_dir());
    mr_test_write_file(path, mr_slice_text(text));
    MR_TRY(mr_options_load_file(&f->config.options, path, MR_ORIGIN_FILE, &f->err));
    return mr_serve_config_finish(&f->config, environment_token, &f->err);
}

MR_TEST(without_a_file_the_defaults_serve_on_loopback_and_keep_everything)
{
    fixture f;
    begin(&f);
    MR_EXPECT_I64(mr_serve_config_finish(&f.config, NULL, &f.err), ==, MR_OK);
    MR_EXPECT_TEXT(f.config.listen, "127.0.0.1:8080");
    MR_EXPECT_TEXT(f.config.data_dir, "./millrace-data");
    MR_EXPECT_TEXT(f.config.registry, "registry.db");
    MR_EXPECT_I64(f.config.durability, ==, MR_DURABILITY_FULL);
    MR_EXPECT(f.config.token == NULL && !f.config.test_mode && !f.config.rotate_token);
    MR_EXPECT_U64(f.config.admin_namespaces.count, ==, 1);
    MR_EXPECT_TEXT(f.config.admin_namespaces.items[0], "*");
    MR_EXPECT_U64(f.config.limits.body_bytes, ==, 100u << 20);
    MR_EXPECT_I64(f.config.heartbeat_ns, ==, 15000000000);
    MR_EXPECT_I64(f.config.log.level, ==, MR_LOG_INFO);
    MR_EXPECT(!f.config.log.json && f.config.log.requests && f.config.log.path == NULL);
    mr_arena_done(&f.arena);
}

MR_TEST(every_key_can_be_set_by_a_file)
{
    fixture f;
    const mr_code rc =
        load(&f,
             "listen: '*:9000'\ndata_dir: d\nregistry: r.db\ndurability: normal\n"
             "open_namespaces_max: 5\nretention_interval: 10s\ntoken: " TOKEN "\ntest_mode: false\n"
             "admin_namespaces: [default, ops]\nmetrics_access: open\ncors: https://a.example\n"
             "tls: {certificate: c.pem, key: k.pem}\n"
             "log: {level: warn, format: json, file: l.log, requests: false}\n"
             "threads: {io: 3, writers: 4, readers: 5}\n"
             "limits: {connections: 6, connections_per_address: 7, body: 1MiB, bodies: 8MiB,\n"
             "  header: 16KiB, header_time: 1s, body_time: 2s, write_time: 3s, idle_time: 4s}\n"
             "heartbeat: 5s\nshutdown_grace: 6s\n",
             NULL);
    if (rc != MR_OK) MR_TEST_FAIL("%s\n", f.err.text);
    for (const mr_option *option = mr_serve_table; option->name != NULL; option++)
        if (strcmp(option->name, "token_file") != 0 &&
            !mr_options_given(&f.config.options, option->name))
            MR_TEST_FAIL("%s was not set\n", option->name);
    MR_EXPECT_TEXT(f.config.listen, "*:9000");
    MR_EXPECT_I64(f.config.durability, ==, MR_DURABILITY_NORMAL);
    MR_EXPECT_TEXT(f.config.token, TOKEN);
    MR_EXPECT_U64(f.config.admin_namespaces.count, ==, 2);
    MR_EXPECT_TEXT(f.config.admin_namespaces.items[1], "ops");
    MR_EXPECT_I64(f.config.metrics_access, ==, MR_METRICS_OPEN);
    MR_EXPECT_TEXT(f.config.tls.key, "k.pem");
    MR_EXPECT(f.config.log.json && !f.config.log.requests);
    MR_EXPECT_U64(f.config.threads.readers, ==, 5);
    MR_EXPECT_U64(f.config.limits.connections_per_address, ==, 7);
    MR_EXPECT_I64(f.config.limits.idle_ns, ==, 4000000000);
    mr_arena_done(&f.arena);
}

MR_TEST(wrong_files_are_refused_with_place_and_remedy)
{
    static const char *const rows[][2] = {
        {"listne: x", "serve.yaml:1:1: unknown key 'listne' in the server; did you mean 'listen'?"},
        {"a: 1\nlisten: x", "serve.yaml:1:1: unknown key 'a' in the server"},
        {"limits:\n  conections: 5",
         "serve.yaml:2:3: unknown key 'conections' in limits; did you mean 'connections'?"},
        {"limits: 5", "serve.yaml:1:9: limits: expected a mapping"},
        {"listen: [a, b]", "serve.yaml:1:9: listen: expected text, found a list"},
        {"- listen", "serve.yaml:1:1: configuration: expected a mapping"},
        {"durability: most",
         "serve.yaml:1:13: durability: expected full, normal or off, found 'most'"},
        {"threads: {io: 1000}",
         "serve.yaml:1:15: threads.io: expected a whole number from 0 to 64, found '1000'"},
        {"log: {format: xml}", "serve.yaml:1:15: log.format: expected text or json, found 'xml'"},
        {"tls: {certificate: c.pem}", "serve.yaml:1:20: tls.certificate: needs 'tls.key' too"},
        {"tls: {key: c.pem}", "serve.yaml:1:12: tls.key: needs 'tls.certificate' too"},
        {"cors: app.example", ("serve.yaml:1:7: cors: expected * or an origin such as "
                               "https://app.example, found 'app.example'")},
        {"cors: \"https://a\\r\\nX: y\"", ("serve.yaml:1:7: cors: expected * or an origin such as "
                                           "https://app.example, found 'https://a??X: y'")},
        {"registry: ../r.db",
         "serve.yaml:1:11: registry: expected the name of a file in data_dir, found '../r.db'"},
        {("token: " TOKEN "\ntoken_file: t"),
         "serve.yaml:1:8: token: contradicts 'token_file'; give one of the two"},
        {"token_file: /nonexistent/token", "serve.yaml:1:13: token_file: '/nonexistent/token'"},
        {"token: ${NO_SUCH_VARIABLE}", "serve.yaml:1:8: "},
        {"token: nonsense", "serve.yaml:1:8: the token of 'default': a token begins with 'ns_'"},
        {"listen: 127.0.0.1:99999", "serve.yaml:1:9: listen: '127.0.0.1:99999' is not an address"},
        {"listen: example", "serve.yaml:1:9: listen: 'example' is not an address"},
    };
    for (size_t i = 0; i < MR_COUNT_OF(rows); i++) {
        fixture f;
        if (load(&f, rows[i][0], NULL) == MR_OK) MR_TEST_FAIL("accepted: %s\n", rows[i][0]);
        const char *text = strstr(f.err.text, "serve.yaml");
        if (text == NULL || strncmp(text, rows[i][1], strlen(rows[i][1])) != 0)
            MR_TEST_FAIL("%s: %s\n", rows[i][0], f.err.text);
        mr_arena_done(&f.arena);
    }
}

MR_TEST(a_token_that_is_not_of_default_is_refused_and_never_quoted)
{
    static const char *const rows[] = {"secret", "ns_secret", ("ns_dGVuYW50LWE_" ONES)};
    for (size_t i = 0; i < MR_COUNT_OF(rows); i++) {
        fixture f;
        char text[256];
        snprintf(text, sizeof text, "token: %s", rows[i]);
        MR_EXPECT(load(&f, text, NULL) != MR_OK);
        MR_EXPECT(strstr(f.err.text, "secret") == NULL && strstr(f.err.text, ONES) == NULL);
        MR_EXPECT(strstr(f.err.text, "token") != NULL);
        mr_arena_done(&f.arena);
    }
}

MR_TEST(flags_beat_the_environment_which_beats_the_file)
{
    fixture f;
    const mr_option_from flag = {MR_ORIGIN_FLAG, "--token"};
    MR_EXPECT_I64(load(&f, "token: " TOKEN, TOKEN_1), ==, MR_OK);
    MR_EXPECT_TEXT(f.config.token, TOKEN_1);
    mr_arena_done(&f.arena);
    MR_EXPECT_I64(load(&f, "token: " TOKEN, ""), ==, MR_OK);
    MR_EXPECT_TEXT(f.config.token, TOKEN);
    mr_arena_done(&f.arena);
    begin(&f);
    MR_EXPECT_I64(
        mr_options_set(&f.config.options, MR_SLICE("token"), MR_SLICE(TOKEN), flag, &f.err), ==,
        MR_OK);
    MR_EXPECT_I64(mr_serve_config_finish(&f.config, TOKEN_1, &f.err), ==, MR_OK);
    MR_EXPECT_TEXT(f.config.token, TOKEN);
    mr_arena_done(&f.arena);
}

MR_TEST(a_token_is_read_from_a_file_without_its_line_end)
{
    fixture f;
    char path[256], text[320];
    snprintf(path, sizeof path, "%s/token", mr_test_dir());
    mr_test_write_file(path, MR_SLICE(TOKEN "\n"));
    snprintf(text, sizeof text, "token_file: %s", path);
    MR_EXPECT_I64(load(&f, text, NULL), ==, MR_OK);
    MR_EXPECT_TEXT(f.config.token, TOKEN);
    mr_arena_done(&f.arena);
}

MR_TEST(test_mode_is_in_memory_unless_a_directory_is_given)
{
    fixture f;
    MR_EXPECT_I64(load(&f, "test_mode: true", NULL), ==, MR_OK);
    MR_EXPECT(f.config.data_dir == NULL);
    mr_arena_done(&f.arena);
    MR_EXPECT_I64(load(&f, "test_mode: true\ndata_dir: d", NULL), ==, MR_OK);
    MR_EXPECT_TEXT(f.config.data_dir, "d");
    mr_arena_done(&f.arena);
}

MR_TEST(the_plan_shows_what_was_said_and_no_secret)
{
    fixture f;
    mr_error err;
    mr_buffer out;
    mr_buffer_init(&out, "plan", 1 << 16);
    MR_EXPECT_I64(
        load(&f, "token: " TOKEN_1 "\ntls: {certificate: c, key: k}\ndurability: off", NULL), ==,
        MR_OK);
    MR_EXPECT_OK(mr_serve_config_plan(&f.config, &out, &err));
    MR_EXPECT_OK(mr_buffer_append_byte(&out, 0, &err));
    static const char *const wanted[] = {"https://127.0.0.1:8080",
                                         "./millrace-data",
                                         "off: a power cut may damage",
                                         "token       given",
                                         "***",
                                         "any namespace"};
    for (size_t i = 0; i < MR_COUNT_OF(wanted); i++)
        if (strstr(out.ptr, wanted[i]) == NULL)
            MR_TEST_FAIL("no '%s' in:\n%s\n", wanted[i], out.ptr);
    MR_EXPECT(strstr(out.ptr, ONES) == NULL);
    mr_buffer_done(&out);
    mr_arena_done(&f.arena);
}

MR_TEST(a_file_for_serve_is_told_from_one_for_a_pipeline)
{
    static const struct {
        const char *text;
        bool serve;
    } rows[] = {
        {"listen: x", true},
        {"data_dir: x\nlimits: {body: 1}", true},
        {"log: {level: info}", true},
        {"source: a.csv\ndestination: b.csv", false},
        {"limits: {max_depth: 5}", false},
        {"{}", false},
        {"listne: x", false},
        {"[]", false},
        {"type: csv\npath: x", false},
        {"source: a.csv\nlisten: x", false},
    };
    for (size_t i = 0; i < MR_COUNT_OF(rows); i++) {
        mr_arena arena;
        mr_error err;
        mr_tree tree;
        mr_arena_init(&arena, "test", 1 << 20);
        MR_EXPECT_OK(mr_tree_parse(&arena, "x", mr_slice_text(rows[i].text), &tree, &err));
        if (mr_serve_config_is_serve(&tree) != rows[i].serve) MR_TEST_FAIL("%s\n", rows[i].text);
        mr_arena_done(&arena);
    }
}
