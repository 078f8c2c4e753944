/* SPDX-License-Identifier: MIT */
#include "cli/eventodb.h"

#define AT(field) .offset = offsetof(mr_eventodb, field)

static const mr_go_flag serve_flags[] = {
    {.name = "port",
     .kind = MR_GO_PORT,
     AT(port),
     .variable = "EVENTODB_PORT",
     .fallback = "8080",
     .help = "port to listen on, at every address"},
    {.name = "db-url",
     .kind = MR_GO_TEXT,
     AT(db_url),
     .variable = "EVENTODB_DB_URL",
     .help = "where messages are kept: sqlite://NAME; needed unless in test mode"},
    {.name = "data-dir",
     .kind = MR_GO_TEXT,
     AT(data_dir),
     .variable = "EVENTODB_DATA_DIR",
     .help = "directory of the database files; needed for sqlite://"},
    {.name = "db-type",
     .kind = MR_GO_TEXT,
     AT(db_type),
     .variable = "EVENTODB_DB_TYPE",
     .help = "kind of a postgres:// database; has no effect here"},
    {.name = "token",
     .kind = MR_GO_TEXT,
     AT(token),
     .variable = "EVENTODB_TOKEN",
     .help = "token of the namespace 'default'; without one it is made and shown once"},
    {.name = "rotate-token",
     .kind = MR_GO_BOOL,
     AT(rotate_token),
     .help = "give 'default' the token of -token, or a new one"},
    {.name = "test-mode",
     .kind = MR_GO_BOOL,
     AT(test_mode),
     .variable = "EVENTODB_TEST_MODE",
     .fallback = "false",
     .help = "without -db-url: everything in memory, no token needed"},
    {.name = "log-level",
     .kind = MR_GO_TEXT,
     AT(log_level),
     .variable = "EVENTODB_LOG_LEVEL",
     .fallback = "info",
     .help = "debug, info, warn or error"},
    {.name = "log-format",
     .kind = MR_GO_TEXT,
     AT(log_format),
     .variable = "EVENTODB_LOG_FORMAT",
     .fallback = "console",
     .help = "console or json"},
    {0},
};

#define REMOTE                                                                                   \
    {.name = "url", .kind = MR_GO_TEXT, AT(url), .help = "address of the server; needed"},       \
    {                                                                                            \
        .name = "token", .kind = MR_GO_TEXT, AT(token), .help = "token of the namespace; needed" \
    }

static const mr_go_flag export_flags[] = {
    REMOTE,
    {.name = "categories",
     .kind = MR_GO_TEXT,
     AT(categories),
     .help = "categories to export, with commas between them; all without it"},
    {.name = "since",
     .kind = MR_GO_TEXT,
     AT(since),
     .help = "messages from this time on: YYYY-MM-DD or RFC 3339"},
    {.name = "until",
     .kind = MR_GO_TEXT,
     AT(until),
     .help = "messages before this time: YYYY-MM-DD or RFC 3339"},
    {.name = "gzip", .kind = MR_GO_BOOL, AT(gzip), .help = "compress the output"},
    {.name = "output",
     .kind = MR_GO_TEXT,
     AT(output),
     .help = "file to write; standard output without it"},
    {0},
};

static const mr_go_flag import_flags[] = {
    REMOTE,
    {.name = "input",
     .kind = MR_GO_TEXT,
     AT(input),
     .help = "file to read; standard input without it"},
    {.name = "gzip", .kind = MR_GO_BOOL, AT(gzip), .help = "the input is compressed"},
    {.name = "force",
     .kind = MR_GO_BOOL,
     AT(force),
     .help = "remove what the namespace holds before; asks first"},
    {.name = "yes", .kind = MR_GO_BOOL, AT(yes), .help = "do not ask"},
    {0},
};

static const mr_go_flag version_flags[] = {
    {.name = "full", .kind = MR_GO_BOOL, AT(full), .help = "also commit and date"},
    {0},
};

static const struct {
    const char *name;
    mr_eventodb_command command;
    const mr_go_flag *flags;
    const char *help;
} commands[] = {
    {"serve", MR_EVENTODB_SERVE, serve_flags, "run the server; the word may be left out"},
    {"export", MR_EVENTODB_EXPORT, export_flags, "write a namespace's messages as JSON lines"},
    {"import", MR_EVENTODB_IMPORT, import_flags, "read messages from JSON lines"},
    {"version", MR_EVENTODB_VERSION, version_flags, "print the version"},
    {"help", MR_EVENTODB_HELP, NULL, "print this text"},
};

/* Words that are commands though they look like flags. */
static const char *unflagged(const char *word)
{
    static const char *const versions[] = {"-v", "--v", "-version", "--version"};
    static const char *const helps[] = {"-h", "--h", "-help", "--help"};
    for (size_t i = 0; i < MR_COUNT_OF(versions); i++) {
        if (strcmp(word, versions[i]) == 0) return "version";
        if (strcmp(word, helps[i]) == 0) return "help";
    }
    return word;
}

/* Index in `commands`; flags without a command are those of serve. */
static mr_code find_command(const char *word, int *at, size_t *out, mr_error *err)
{
    *out = 0;
    for (size_t i = 0; i < MR_COUNT_OF(commands); i++) {
        if (strcmp(unflagged(word), commands[i].name) != 0) continue;
        *out = i;
        ++*at;
        return MR_OK;
    }
    if (word[0] == '-') return MR_OK;
    return mr_fail(err, MR_ERR_USAGE, "there is no command '%s'", word);
}

mr_code mr_eventodb_parse(mr_eventodb *out, int argc, char **argv, mr_go_getenv *environment,
                          mr_error *err)
{
    int at = 1;
    size_t index;
    memset(out, 0, sizeof *out);
    out->command = MR_EVENTODB_HELP;
    if (argc < 2) return MR_OK;
    MR_TRY(find_command(argv[1], &at, &index, err));
    out->command = commands[index].command;
    if (commands[index].flags == NULL) return MR_OK;
    MR_TRY(mr_go_flags_parse(commands[index].flags, out, argc, argv, &at, environment, &out->help,
                             err));
    if (out->help && out->command == MR_EVENTODB_SERVE) out->command = MR_EVENTODB_HELP;
    return MR_OK;
}

mr_code mr_eventodb_usage(mr_eventodb_command command, mr_buffer *out, mr_error *err)
{
    for (size_t i = 0; i < MR_COUNT_OF(commands); i++)
        if (commands[i].command == command && commands[i].flags != NULL) {
            MR_TRY(mr_buffer_printf(out, err, "Usage: eventodb %s [flags]\n\n%s\n\nFlags:\n",
                                    commands[i].name, commands[i].help));
            return mr_go_flags_print(commands[i].flags, out, err);
        }
    MR_TRY(
        mr_buffer_append(out, MR_SLICE("Usage: eventodb [command] [flags]\n\nCommands:\n"), err));
    for (size_t i = 0; i < MR_COUNT_OF(commands); i++)
        MR_TRY(mr_buffer_printf(out, err, "  %-9s%s\n", commands[i].name, commands[i].help));
    MR_TRY(mr_buffer_append(out, MR_SLICE("\nFlags of serve:\n"), err));
    MR_TRY(mr_go_flags_print(serve_flags, out, err));
    return mr_buffer_append(
        out,
        MR_SLICE("\nThis is millrace under another name; 'millrace help' has more to offer.\n"),
        err);
}

/* --- what serve is to do --- */

static bool has_scheme(const char *url, const char *scheme)
{
    return mr_slice_starts(mr_slice_text(url), scheme);
}

static mr_code config_text(mr_serve_config *config, const char *key, const char *value,
                           const char *flag, mr_error *err)
{
    const mr_option_from from = {MR_ORIGIN_FLAG, flag};
    return mr_options_set(&config->options, mr_slice_text(key), mr_slice_text(value), from, err);
}

static mr_code config_sqlite(const mr_eventodb *args, const char *name, mr_serve_config *config,
                             mr_error *err)
{
    if (name[0] == 0)
        return mr_fail(err, MR_ERR_USAGE,
                       "-db-url: sqlite:// needs the name of the registry's file behind it");
    if (args->data_dir == NULL)
        return mr_fail(err, MR_ERR_USAGE,
                       "-data-dir is needed for sqlite://: the directory of the database files");
    config->test_mode = false;
    MR_TRY(config_text(config, "data_dir", args->data_dir, "-data-dir", err));
    return config_text(config, "registry", name, "-db-url", err);
}

static mr_code config_storage(const mr_eventodb *args, mr_serve_config *config, mr_error *err)
{
    const char *url = args->db_url;
    config->test_mode = args->test_mode;
    if (url == NULL || url[0] == 0) {
        if (args->test_mode) return MR_OK;
        return mr_fail(err, MR_ERR_USAGE,
                       "-db-url is needed, for example: -db-url sqlite://registry.db -data-dir "
                       "./data");
    }
    if (has_scheme(url, "sqlite://"))
        return config_sqlite(args, url + strlen("sqlite://"), config, err);
    if (has_scheme(url, "pebble://") && args->test_mode) return MR_OK;
    if (has_scheme(url, "pebble://"))
        return mr_fail(err, MR_ERR_USAGE,
                       "-db-url: pebble:// cannot be opened by this program; export with the "
                       "server that wrote it, start with sqlite:// and import");
    if (has_scheme(url, "postgres://") || has_scheme(url, "postgresql://"))
        return mr_fail(err, MR_ERR_USAGE,
                       "-db-url: PostgreSQL is not built in this version; to move to sqlite://, "
                       "export with the present server and import here");
    return mr_fail(err, MR_ERR_USAGE, "-db-url: expected sqlite://NAME, found another address");
}

/* As the original, what is not understood means the default. */
static void config_log(const mr_eventodb *args, mr_serve_config *config)
{
    mr_log_level level;
    config->log.to_stdout = true;
    if (mr_log_parse_level(mr_slice_text(args->log_level), &level)) config->log.level = level;
    config->log.json = mr_slice_is(mr_slice_text(args->log_format), "json");
}

mr_code mr_eventodb_config(const mr_eventodb *args, mr_serve_config *out, mr_error *err)
{
    const char *listen = mr_arena_printf(out->arena, "*:%u", args->port);
    if (listen == NULL) return mr_arena_fail(out->arena, err);
    MR_TRY(config_text(out, "listen", listen, "-port", err));
    MR_TRY(config_storage(args, out, err));
    config_log(args, out);
    if (args->token != NULL && args->token[0] != 0)
        MR_TRY(config_text(out, "token", args->token, "-token", err));
    out->rotate_token = args->rotate_token;
    return mr_serve_config_finish(out, NULL, err);
}
