/* SPDX-License-Identifier: MIT
 *
 * cli/eventodb.h - the command line of EventoDB's server, which the program takes when it is called
 * by the name `eventodb`.
 *
 *     eventodb [serve] -db-url sqlite://NAME -data-dir DIR [-port N] [-token T] ...
 *     eventodb export | import | version | help
 *
 * What `-db-url` and `-test-mode` select:
 *
 *     -db-url            without -test-mode           with it
 *     none               refused                      in memory, no token needed
 *     sqlite://NAME      registry DATA_DIR/NAME       the same: the flag has no effect
 *     pebble://...       refused                      in memory, no token needed
 *     postgres://...     refused                      refused
 *
 * Thread: main thread. */
#ifndef MR_CLI_EVENTODB_H
#define MR_CLI_EVENTODB_H

#include "cli/go_flags.h"
#include "cli/serve_config.h"

typedef enum mr_eventodb_command {
    MR_EVENTODB_SERVE = 1,
    MR_EVENTODB_EXPORT,
    MR_EVENTODB_IMPORT,
    MR_EVENTODB_VERSION,
    MR_EVENTODB_HELP,
} mr_eventodb_command;

typedef struct mr_eventodb {
    mr_eventodb_command command;
    bool help; /* wants to know that command's flags */
    /* serve */
    uint32_t port;
    const char *db_url, *data_dir, *db_type, *token, *log_level, *log_format;
    bool test_mode, rotate_token;
    /* version */
    bool full;
    /* export and import */
    const char *url, *categories, *since, *until, *output, *input;
    bool gzip, force, yes;
} mr_eventodb;

/* Reads argv[1 ...]. MR_ERR_USAGE for what makes the program end with its usage and code 2. */
MR_NODISCARD mr_code mr_eventodb_parse(mr_eventodb *out, int argc, char **argv,
                                       mr_go_getenv *environment, mr_error *err);

/* What `serve` was told, as our own configuration, finished. An error here is a failed start. */
MR_NODISCARD mr_code mr_eventodb_config(const mr_eventodb *args, mr_serve_config *out,
                                        mr_error *err);

/* Appends the usage: of one command, or of all for HELP. */
MR_NODISCARD mr_code mr_eventodb_usage(mr_eventodb_command command, mr_buffer *out, mr_error *err);

/* Both return the exit code. */
int mr_eventodb_export(const mr_eventodb *args);
int mr_eventodb_import(const mr_eventodb *args);

/* The whole program; returns its exit code. */
int mr_eventodb_run(int argc, char **argv);

#endif
