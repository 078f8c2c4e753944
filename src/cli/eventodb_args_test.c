/* SPDX-License-Identifier: MIT */
#include "cli/eventodb.h"

#include "support/test.h"

#define MAX_WORDS 32
#define ZEROS     "0000000000000000000000000000000000000000000000000000000000000000"
#define TOKEN     "ns_ZGVmYXVsdA_" ZEROS

/* "NAME=VALUE NAME=VALUE" as the environment of the next parse. */
static const char *variables;

static const char *environment(const char *name)
{
    static char values[8][128];
    static size_t next;
    const size_t len = strlen(name);
    for (const char *at = variables; at != NULL && *at != 0;) {
        const char *end = at + strcspn(at, " ");
        if (strncmp(at, name, len) == 0 && at[len] == '=') {
            char *value = values[next++ % 8];
            snprintf(value, sizeof values[0], "%.*s", (int)(end - at - (ptrdiff_t)len - 1),
                     at + len + 1);
            return value;
        }
        at = *end != 0 ? end + 1 : end;
    }
    return NULL;
}

typedef struct fixture {
    mr_arena arena;
    mr_eventodb args;
    mr_serve_config config;
    mr_error err;
} fixture;

static mr_code parse(fixture *f, const char *line)
{
    static char copy[1024];
    char *words[MAX_WORDS] = {copy};
    int count = 1;
    memset(f, 0, sizeof *f);
    snprintf(copy, sizeof copy, "%s", line);
    for (char *at = copy; *at != 0; at++) {
        if (*at != ' ') continue;
        *at = 0;
        words[count++] = at + 1;
    }
    return mr_eventodb_parse(&f->args, count, words, environment, &f->err);
}

static mr_code configure(fixture *f, const char *line)
{
    MR_TRY(parse(f, line));
    mr_arena_init(&f->arena, "test", 1 << 20);
    MR_TRY(mr_serve_config_init(&f->config, &f->arena, &f->err));
    return mr_eventodb_config(&f->args, &f->config, &f->err);
}

MR_TEST(the_first_word_chooses_the_command)
{
    static const struct {
        const char *line;
        mr_eventodb_command command;
    } rows[] = {
        {"eventodb", MR_EVENTODB_HELP},
        {"eventodb help", MR_EVENTODB_HELP},
        {"eventodb -h", MR_EVENTODB_HELP},
        {"eventodb --help", MR_EVENTODB_HELP},
        {"eventodb serve -h", MR_EVENTODB_HELP},
        {"eventodb -port 1 --help", MR_EVENTODB_HELP},
        {"eventodb version", MR_EVENTODB_VERSION},
        {"eventodb -v", MR_EVENTODB_VERSION},
        {"eventodb --version", MR_EVENTODB_VERSION},
        {"eventodb -version", MR_EVENTODB_VERSION},
        {"eventodb version --full", MR_EVENTODB_VERSION},
        {"eventodb --version --full", MR_EVENTODB_VERSION},
        {"eventodb serve", MR_EVENTODB_SERVE},
        {"eventodb -test-mode", MR_EVENTODB_SERVE},
        {"eventodb serve --test-mode", MR_EVENTODB_SERVE},
        {"eventodb export --url http://h --token t", MR_EVENTODB_EXPORT},
        {"eventodb import -url=http://h -token=t", MR_EVENTODB_IMPORT},
    };
    for (size_t i = 0; i < MR_COUNT_OF(rows); i++) {
        fixture f;
        if (parse(&f, rows[i].line) != MR_OK) MR_TEST_FAIL("%s: %s\n", rows[i].line, f.err.text);
        if (f.args.command != rows[i].command)
            MR_TEST_FAIL("%s: command %d\n", rows[i].line, f.args.command);
    }
    fixture f;
    MR_EXPECT_I64(parse(&f, "eventodb version --full"), ==, MR_OK);
    MR_EXPECT(f.args.full);
}

MR_TEST(flags_are_read_as_in_go)
{
    static const struct {
        const char *line;
        uint32_t port;
        bool test_mode;
        const char *token;
    } rows[] = {
        {"eventodb -port 1", 1, false, NULL},
        {"eventodb --port=2 -test-mode", 2, true, NULL},
        {"eventodb serve -port=3 --test-mode=true -token x", 3, true, "x"},
        {"eventodb -test-mode=0 -port 4", 4, false, NULL},
        {"eventodb -test-mode=T -token=", 8080, true, ""},
        {"eventodb -test-mode -port 5 -port 6", 6, true, NULL},
        {"eventodb -test-mode true -port 5", 8080, true, NULL}, /* ends at the word */
        {"eventodb -port 7 -- -port 8", 7, false, NULL},
        {"eventodb -port 7 - -port 8", 7, false, NULL},
        {"eventodb -token --token -port 9", 9, false, "--token"},
        {"eventodb -token=a=b", 8080, false, "a=b"},
    };
    for (size_t i = 0; i < MR_COUNT_OF(rows); i++) {
        fixture f;
        if (parse(&f, rows[i].line) != MR_OK) MR_TEST_FAIL("%s: %s\n", rows[i].line, f.err.text);
        MR_EXPECT_U64(f.args.port, ==, rows[i].port);
        MR_EXPECT(f.args.test_mode == rows[i].test_mode);
        if (rows[i].token != NULL) MR_EXPECT_TEXT(f.args.token, rows[i].token);
    }
}

MR_TEST(wrong_words_are_usage_errors)
{
    static const char *const rows[][2] = {
        {"eventodb frobnicate", "there is no command 'frobnicate'"},
        {"eventodb -bogus", "there is no flag -bogus"},
        {"eventodb --bogus=1", "there is no flag -bogus"},
        {"eventodb ---port 1", "there is no flag --port"},
        {"eventodb -=1", "there is no flag -=1"},
        {"eventodb -port", "flag -port needs a value"},
        {"eventodb -port many", "flag -port: expected a port from 0 to 65535, found 'many'"},
        {"eventodb -port 65536", "flag -port: expected a port from 0 to 65535, found '65536'"},
        {"eventodb -test-mode=perhaps", "flag -test-mode: expected true or false, found 'perhaps'"},
        {"eventodb export -port 1", "there is no flag -port"},
        {"eventodb serve -gzip", "there is no flag -gzip"},
    };
    for (size_t i = 0; i < MR_COUNT_OF(rows); i++) {
        fixture f;
        if (parse(&f, rows[i][0]) != MR_ERR_USAGE) MR_TEST_FAIL("accepted: %s\n", rows[i][0]);
        MR_EXPECT_TEXT(f.err.text, rows[i][1]);
    }
}

MR_TEST(flags_beat_the_environment_which_beats_the_defaults)
{
    fixture f;
    variables = "EVENTODB_PORT=6789 EVENTODB_DB_URL=sqlite://x.db EVENTODB_DATA_DIR=/d "
                "EVENTODB_TOKEN=" TOKEN " EVENTODB_TEST_MODE=1 EVENTODB_LOG_LEVEL=warn "
                "EVENTODB_LOG_FORMAT=json EVENTODB_DB_TYPE=timescale";
    MR_EXPECT_I64(configure(&f, "eventodb serve"), ==, MR_OK);
    MR_EXPECT_TEXT(f.config.listen, "*:6789");
    MR_EXPECT_TEXT(f.config.data_dir, "/d");
    MR_EXPECT_TEXT(f.config.registry, "x.db");
    MR_EXPECT_TEXT(f.config.token, TOKEN);
    MR_EXPECT(!f.config.test_mode); /* no effect with sqlite:// */
    MR_EXPECT_I64(f.config.log.level, ==, MR_LOG_WARN);
    MR_EXPECT(f.config.log.json && f.config.log.to_stdout);
    mr_arena_done(&f.arena);
    MR_EXPECT_I64(
        configure(&f, "eventodb -port 1 -data-dir e -log-level=debug -log-format console"), ==,
        MR_OK);
    MR_EXPECT_TEXT(f.config.listen, "*:1");
    MR_EXPECT_TEXT(f.config.data_dir, "e");
    MR_EXPECT_I64(f.config.log.level, ==, MR_LOG_DEBUG);
    MR_EXPECT(!f.config.log.json);
    mr_arena_done(&f.arena);
    variables = "EVENTODB_PORT=many EVENTODB_TEST_MODE=perhaps EVENTODB_TOKEN=";
    MR_EXPECT_I64(configure(&f, "eventodb -test-mode -log-level chatty"), ==, MR_OK);
    MR_EXPECT_TEXT(f.config.listen, "*:8080");
    MR_EXPECT(f.config.token == NULL);
    MR_EXPECT_I64(f.config.log.level, ==, MR_LOG_INFO);
    mr_arena_done(&f.arena);
    variables = NULL;
}

MR_TEST(the_address_says_what_is_stored_where)
{
    static const struct {
        const char *line;
        const char *data_dir, *registry; /* NULL: in memory */
        bool test_mode;
    } good[] = {
        {"eventodb -test-mode", NULL, NULL, true},
        {"eventodb --test-mode --port=6789 --token=" TOKEN, NULL, NULL, true},
        {"eventodb -test-mode -data-dir d", NULL, NULL, true},
        {"eventodb -test-mode -db-url pebble://memory", NULL, NULL, true},
        {"eventodb -db-url sqlite://r.db -data-dir d", "d", "r.db", false},
        {"eventodb -test-mode -db-url sqlite://r.db -data-dir d", "d", "r.db", false},
        {"eventodb -db-url sqlite://:memory: -data-dir d -port 6789 -token " TOKEN, "d",
         ":memory:", false},
    };
    for (size_t i = 0; i < MR_COUNT_OF(good); i++) {
        fixture f;
        if (configure(&f, good[i].line) != MR_OK)
            MR_TEST_FAIL("%s: %s\n", good[i].line, f.err.text);
        MR_EXPECT(f.config.test_mode == good[i].test_mode);
        MR_EXPECT((f.config.data_dir == NULL) == (good[i].data_dir == NULL));
        if (good[i].data_dir != NULL) MR_EXPECT_TEXT(f.config.data_dir, good[i].data_dir);
        if (good[i].registry != NULL) MR_EXPECT_TEXT(f.config.registry, good[i].registry);
        mr_arena_done(&f.arena);
    }
    static const char *const bad[][2] = {
        {"eventodb serve", "-db-url is needed"},
        {"eventodb -db-url sqlite://r.db", "-data-dir is needed"},
        {"eventodb -db-url sqlite:// -data-dir d", "-db-url: sqlite:// needs the name"},
        {"eventodb -db-url sqlite://../r.db -data-dir d", "-db-url: registry: expected the name"},
        {"eventodb -db-url pebble://d", "-db-url: pebble:// cannot be opened"},
        {"eventodb -db-url postgres://h/d", "-db-url: PostgreSQL is not built"},
        {"eventodb -test-mode -db-url postgresql://h/d", "-db-url: PostgreSQL is not built"},
        {"eventodb -db-url mysql://u:secret@h/d", "-db-url: expected sqlite://NAME, found another"},
        {"eventodb -test-mode -token nonsense", "-token: the token of 'default': a token begins"},
        {"eventodb -test-mode -token ns_dGVuYW50LWE_" ZEROS,
         "-token: the token of 'default': expected one of the namespace 'default', found one of "
         "'tenant-a'"},
    };
    for (size_t i = 0; i < MR_COUNT_OF(bad); i++) {
        fixture f;
        if (configure(&f, bad[i][0]) == MR_OK) MR_TEST_FAIL("accepted: %s\n", bad[i][0]);
        if (strncmp(f.err.text, bad[i][1], strlen(bad[i][1])) != 0)
            MR_TEST_FAIL("%s: %s\n", bad[i][0], f.err.text);
        MR_EXPECT(strstr(f.err.text, "secret") == NULL);
        mr_arena_done(&f.arena);
    }
}

MR_TEST(the_usage_names_every_flag_and_variable)
{
    mr_error err;
    mr_buffer out;
    mr_buffer_init(&out, "usage", 1 << 16);
    MR_EXPECT_OK(mr_eventodb_usage(MR_EVENTODB_HELP, &out, &err));
    MR_EXPECT_OK(mr_buffer_append_byte(&out, 0, &err));
    static const char *const wanted[] = {
        "-port",       "EVENTODB_PORT",       "-db-url",    "EVENTODB_DB_URL",
        "-data-dir",   "EVENTODB_DATA_DIR",   "-db-type",   "EVENTODB_DB_TYPE",
        "-token",      "EVENTODB_TOKEN",      "-test-mode", "EVENTODB_TEST_MODE",
        "-log-level",  "EVENTODB_LOG_LEVEL",  "export",     "import",
        "-log-format", "EVENTODB_LOG_FORMAT", "version",    "default 8080"};
    for (size_t i = 0; i < MR_COUNT_OF(wanted); i++)
        if (strstr(out.ptr, wanted[i]) == NULL) MR_TEST_FAIL("no %s in the usage\n", wanted[i]);
    mr_buffer_done(&out);
}
