/* SPDX-License-Identifier: MIT
 *
 * cli/go_flags.h - flags as programs written in Go read them, for taking such a program's place.
 *
 *     -port 8080  --port=8080      one dash or two are the same
 *     -gzip  -gzip=false           a boolean takes its value with '=' only
 *     first word that is no flag, or "--": the end; what follows is left to the caller
 *
 * A flag beats its environment variable, which beats the fallback. A variable that is empty or
 * cannot be read counts as unset.
 *
 * Thread: main thread. Texts are borrowed from argv and the environment. */
#ifndef MR_CLI_GO_FLAGS_H
#define MR_CLI_GO_FLAGS_H

#include "core/buffer.h"

typedef enum mr_go_kind {
    MR_GO_TEXT = 1, /* const char *, NULL without fallback */
    MR_GO_BOOL,     /* bool */
    MR_GO_PORT,     /* uint32_t, 0 to 65535 */
} mr_go_kind;

/* Ends with a zeroed entry. */
typedef struct mr_go_flag {
    const char *name;
    mr_go_kind kind;
    size_t offset;
    const char *variable; /* of the environment, or NULL */
    const char *fallback; /* or NULL */
    const char *help;
} mr_go_flag;

typedef const char *mr_go_getenv(const char *name);

/* Fills `values` with fallbacks, variables and flags from argv[*at] on; *at is then the first word
 * not taken. MR_ERR_USAGE says what is wrong; for -h, -help and the same with two dashes
 * *out_help is set and the rest is not looked at. */
MR_NODISCARD mr_code mr_go_flags_parse(const mr_go_flag *table, void *values, int argc, char **argv,
                                       int *at, mr_go_getenv *environment, bool *out_help,
                                       mr_error *err);

/* Appends a line or two for each flag. */
MR_NODISCARD mr_code mr_go_flags_print(const mr_go_flag *table, mr_buffer *out, mr_error *err);

/* 1, t, T, true, True, TRUE and the same of false. */
bool mr_go_parse_bool(mr_slice text, bool *out);

#endif
