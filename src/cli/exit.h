/* SPDX-License-Identifier: MIT
 *
 * cli/exit.h - what the program's exit code says. The texts are in cli/help.c.
 *
 * Thread: constants. */
#ifndef MR_CLI_EXIT_H
#define MR_CLI_EXIT_H

typedef enum mr_exit {
    MR_EXIT_OK = 0,
    MR_EXIT_FAILED = 1,
    MR_EXIT_USAGE = 2,
    MR_EXIT_REJECTS = 3,
    MR_EXIT_TOO_MANY_REJECTS = 4,
    MR_EXIT_TIMEOUT = 5,
    MR_EXIT_INTERRUPTED = 130,
    MR_EXIT_TERMINATED = 143,
} mr_exit;

#endif
