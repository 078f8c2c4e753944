/* SPDX-License-Identifier: MIT
 *
 * cli/commands.h - one function per verb, each in cli/cmd_VERB.c; the table is in cli/verbs.c.
 *
 * Each gets the parsed arguments, prints what the verb prints, and returns the exit code.
 *
 * Thread: main thread. */
#ifndef MR_CLI_COMMANDS_H
#define MR_CLI_COMMANDS_H

#include "cli/args.h"

int mr_cmd_copy(mr_args *args); /* copy, pipeline and run */
int mr_cmd_preview(mr_args *args);
int mr_cmd_schema(mr_args *args);
int mr_cmd_check(mr_args *args);
int mr_cmd_state(mr_args *args); /* show, reset and export */
int mr_cmd_list(mr_args *args);
int mr_cmd_bench(mr_args *args);
int mr_cmd_serve(mr_args *args);
int mr_cmd_store(mr_args *args); /* alone: its verbs */
int mr_cmd_store_backup(mr_args *args);
int mr_cmd_store_check(mr_args *args);
int mr_cmd_store_namespaces(mr_args *args);
int mr_cmd_store_streams(mr_args *args);
int mr_cmd_store_export(mr_args *args);
int mr_cmd_store_import(mr_args *args);
int mr_cmd_store_token(mr_args *args);
int mr_cmd_version(mr_args *args);
int mr_cmd_help(mr_args *args);
int mr_cmd_help_verb(mr_args *args); /* VERB --help */
int mr_cmd_completion(mr_args *args);

#endif
