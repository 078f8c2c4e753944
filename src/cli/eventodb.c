/* SPDX-License-Identifier: MIT */
#include "cli/eventodb.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/exit.h"
#include "cli/serve_run.h"

#define ARENA_BYTES     (16u << 20)
#define USAGE_BYTES_MAX (64u << 10)

static const char *from_environment(const char *name)
{
    return getenv(name);
}

static int print(mr_slice text)
{
    mr_error err;
    if (mr_cli_print(text, &err) == MR_OK) return MR_EXIT_OK;
    fprintf(stderr, "eventodb: %s\n", err.text);
    return MR_EXIT_FAILED;
}

/* On standard output when it was asked for, on standard error when it explains a mistake. */
static int show_usage(mr_eventodb_command command, bool asked)
{
    mr_error err;
    mr_buffer out;
    int exit_code = MR_EXIT_FAILED;
    mr_buffer_init(&out, "usage", USAGE_BYTES_MAX);
    if (mr_eventodb_usage(command, &out, &err) != MR_OK) {
        fprintf(stderr, "eventodb: %s\n", err.text);
    } else if (asked) {
        exit_code = print(mr_buffer_slice(&out));
    } else {
        fwrite(out.ptr, 1, out.len, stderr);
        exit_code = MR_EXIT_USAGE;
    }
    mr_buffer_done(&out);
    return exit_code;
}

static int show_version(bool full)
{
    return print(full ? MR_SLICE(MR_VERSION "\nprogram: millrace\ncommit: " MR_COMMIT
                                            "\ndate: " MR_COMMIT_DATE "\n")
                      : MR_SLICE(MR_VERSION "\n"));
}

/* One fatal line in the form of the log that was asked for. */
static int fail_start(const mr_eventodb *args, const mr_error *err)
{
    const mr_log_options log = {.level = MR_LOG_INFO,
                                .json = mr_slice_is(mr_slice_text(args->log_format), "json"),
                                .to_stdout = true};
    if (mr_log_start(&log, NULL) != MR_OK) fprintf(stderr, "eventodb: %s\n", err->text);
    mr_log(MR_LOG_ERROR, "server", "cannot start: %s", err->text);
    mr_log_stop();
    return MR_EXIT_FAILED;
}

static int serve(const mr_eventodb *args)
{
    mr_arena arena;
    mr_error err = {0};
    mr_serve_config config;
    mr_arena_init(&arena, "cli", ARENA_BYTES);
    mr_code rc = mr_serve_config_init(&config, &arena, &err);
    if (rc == MR_OK) rc = mr_eventodb_config(args, &config, &err);
    const int exit_code = rc == MR_OK ? mr_serve_run(&config, true) : fail_start(args, &err);
    mr_arena_done(&arena);
    return exit_code;
}

int mr_eventodb_run(int argc, char **argv)
{
    mr_eventodb args;
    mr_error err = {0};
    if (mr_eventodb_parse(&args, argc, argv, from_environment, &err) != MR_OK) {
        fprintf(stderr, "eventodb: %s\n\n", err.text);
        return show_usage(args.command, false);
    }
    if (args.help) return show_usage(args.command, true);
    switch (args.command) {
    case MR_EVENTODB_SERVE: return serve(&args);
    case MR_EVENTODB_EXPORT: return mr_eventodb_export(&args);
    case MR_EVENTODB_IMPORT: return mr_eventodb_import(&args);
    case MR_EVENTODB_VERSION: return show_version(args.full);
    case MR_EVENTODB_HELP: break;
    }
    return show_usage(MR_EVENTODB_HELP, true);
}
