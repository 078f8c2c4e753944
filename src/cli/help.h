/* SPDX-License-Identifier: MIT
 *
 * cli/help.h - help, man page and completion, printed from the tables of cli/verbs.c and of the
 * configuration.
 *
 * docs/millrace.1, tools/millrace.bash and the table in docs/configuration.md are what these print;
 * a test compares.
 *
 * Thread: main thread. */
#ifndef MR_CLI_HELP_H
#define MR_CLI_HELP_H

#include "cli/args.h"
#include "core/option_print.h"

#define MR_HELP_MAX_BYTES (1u << 20)

typedef struct mr_exit_text {
    const char *code; /* "130, 143" */
    const char *text;
} mr_exit_text;

/* Ends with a zeroed entry. */
extern const mr_exit_text mr_exit_texts[];

/* Verbs, endpoints and exit codes. */
MR_NODISCARD mr_code mr_help_overview(mr_buffer *out, mr_error *err);
/* One verb with all its flags. */
MR_NODISCARD mr_code mr_help_verb(const mr_verb *verb, mr_buffer *out, mr_error *err);
/* Every key of a pipeline file. */
MR_NODISCARD mr_code mr_help_configuration(mr_option_style style, mr_buffer *out, mr_error *err);
/* Every key of a file for serve. */
MR_NODISCARD mr_code mr_help_server(mr_option_style style, mr_buffer *out, mr_error *err);
/* What a server's /metrics shows. */
MR_NODISCARD mr_code mr_help_metrics(mr_option_style style, mr_buffer *out, mr_error *err);
/* The verbs that begin with "store". */
MR_NODISCARD mr_code mr_help_store(mr_buffer *out, mr_error *err);
/* The man page, section 1. */
MR_NODISCARD mr_code mr_help_man(mr_buffer *out, mr_error *err);
/* A completion script for bash. */
MR_NODISCARD mr_code mr_help_bash(mr_buffer *out, mr_error *err);

/* "--batch-size=N", "-n, --rows=N", "--[no-]ordered". */
MR_NODISCARD mr_code mr_help_flag_name(const mr_flag *flag, mr_buffer *out, mr_error *err);
/* What the flag does and takes, as one line. */
MR_NODISCARD mr_code mr_help_flag_text(const mr_flag *flag, mr_buffer *out, mr_error *err);

#endif
