/* SPDX-License-Identifier: MIT */
#include "cli/cli.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#include "cli/args.h"
#include "cli/commands.h"
#include "cli/eventodb.h"
#include "cli/exit.h"

#define ARENA_BYTES (256u << 20) /* arguments, configuration, schemas of up to 65,536 columns */

int mr_cli_fail(mr_code code, const mr_error *err)
{
    fprintf(stderr, "millrace: %s\n", err->text);
    return code == MR_ERR_USAGE ? MR_EXIT_USAGE : MR_EXIT_FAILED;
}

mr_code mr_cli_print(mr_slice text, mr_error *err)
{
    while (text.len > 0) {
        const ssize_t written = write(STDOUT_FILENO, text.ptr, text.len);
        if (written < 0 && errno == EINTR) continue;
        if (written < 0 && errno == EPIPE) return MR_OK;
        if (written < 0) return mr_fail_errno(err, errno, "standard output");
        text = mr_slice_from(text, (size_t)written);
    }
    return MR_OK;
}

void mr_cli_print_notes(const mr_pipeline_config *config, bool all)
{
    for (const mr_config_note *note = config->notes; note != NULL; note = note->next)
        if (note->warning || all)
            fprintf(stderr, "millrace: %s: %s\n", note->warning ? "warning" : "note", note->text);
}

/* Wrong arguments: MR_ERR_LIMIT is about them too, so both end with the code for usage. */
static int fail_arguments(const mr_args *args, mr_code code, const mr_error *err)
{
    const int exit_code = mr_cli_fail(code, err);
    if (code == MR_ERR_NOMEM) return exit_code;
    fprintf(stderr, "Try 'millrace help%s%s'.\n", args->verb != NULL ? " " : "",
            args->verb != NULL ? args->verb->name : "");
    return MR_EXIT_USAGE;
}

static int dispatch(mr_args *args)
{
    if (args->help) return mr_cmd_help_verb(args);
    if (args->config.dry_run) return mr_cmd_check(args); /* the plan, and nothing else */
    if (args->verb->run != NULL) return args->verb->run(args);
    fprintf(stderr, "millrace: '%s' is not built yet in this version\n", args->verb->name);
    return MR_EXIT_USAGE;
}

/* True when the program was called by that name, through a link. */
static bool is_called(const char *program, const char *name)
{
    const char *slash = strrchr(program, '/');
    return strcmp(slash != NULL ? slash + 1 : program, name) == 0;
}

int mr_cli_run(int argc, char **argv)
{
    mr_arena arena;
    mr_error err = {0};
    mr_args args;
    signal(SIGPIPE, SIG_IGN); /* a closed pipe is an error value where it is met */
    signal(SIGXFSZ, SIG_IGN); /* and so is a file that may not grow further */
    if (argc > 0 && is_called(argv[0], "eventodb")) return mr_eventodb_run(argc, argv);
    mr_arena_init(&arena, "cli", ARENA_BYTES);
    const mr_code code = mr_args_parse(&args, argc, argv, &arena, &err);
    int exit_code = code == MR_OK ? dispatch(&args) : fail_arguments(&args, code, &err);
    if (argc < 2 && exit_code == MR_EXIT_OK)
        exit_code = MR_EXIT_USAGE; /* the overview, but nothing was asked */
    mr_arena_done(&arena);
    return exit_code;
}
