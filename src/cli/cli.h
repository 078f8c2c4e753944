/* SPDX-License-Identifier: MIT
 *
 * cli/cli.h - the program: parse the command line, call the verb, turn errors into a line and an
 * exit code.
 *
 * Thread: main thread. */
#ifndef MR_CLI_CLI_H
#define MR_CLI_CLI_H

#include "pipeline/config.h"

/* The whole program; returns its exit code. */
int mr_cli_run(int argc, char **argv);

/* Prints "millrace: <text>" on standard error and returns the exit code that `code` stands for. */
int mr_cli_fail(mr_code code, const mr_error *err);

/* Writes all of `text` to standard output at once. A reader that went away (EPIPE) is not an error.
 */
MR_NODISCARD mr_code mr_cli_print(mr_slice text, mr_error *err);

/* Prints the warnings of a configuration on standard error; with `all` also its notes. */
void mr_cli_print_notes(const mr_pipeline_config *config, bool all);

#endif
