/* SPDX-License-Identifier: MIT
 *
 * core/error.h - an error is a code the caller can act on and one sentence a human can act on.
 *
 * The error lives on the caller's stack, so failing allocates nothing. Functions that can fail
 * return mr_code and take `mr_error *err` last; a caller that passes NULL wants the code alone.
 *
 * Thread: values, no sharing. */
#ifndef MR_CORE_ERROR_H
#define MR_CORE_ERROR_H

#include "core/base.h"

typedef enum mr_code {
    MR_OK = 0,
    MR_ERR_NOMEM,    /* the machine is out of memory */
    MR_ERR_LIMIT,    /* one of our own caps was reached; the text names the setting */
    MR_ERR_IO,       /* the world failed; trying again may help */
    MR_ERR_INPUT,    /* the bytes are wrong; trying again cannot help */
    MR_ERR_USAGE,    /* the command or the configuration is wrong; its author can mend it */
    MR_ERR_CONFLICT, /* someone else got there first, e.g. expected stream version */
    MR_ERR_CLOSED,   /* we are shutting down */
} mr_code;

typedef struct mr_error {
    mr_code code;
    char text[508]; /* one line, NUL-terminated, complete for a human */
} mr_error;

/* Fills `err` (may be NULL) and returns `code`, so a failure is one statement. Control characters
 * in the text become '?', for the text may quote hostile input and must stay one line. */
mr_code mr_fail(mr_error *err, mr_code code, const char *format, ...) MR_PRINTF(3, 4);

/* As mr_fail(), with ": " and the description of `error_number` (an errno value) appended. ENOMEM
 * becomes MR_ERR_NOMEM, everything else MR_ERR_IO. */
mr_code mr_fail_errno(mr_error *err, int error_number, const char *format, ...) MR_PRINTF(3, 4);

/* Puts "<formatted>: " before the text of `err`, keeps its code and returns it: who was asking. */
mr_code mr_error_prefix(mr_error *err, const char *format, ...) MR_PRINTF(2, 3);

/* Puts "; <remedy>" behind the text of `err`: what can be done about it. */
void mr_error_advise(mr_error *err, const char *remedy);

/* "limit", "io", ... as shown in logs and summaries. */
const char *mr_code_name(mr_code code);

/* Returns from the calling function when `expr` fails. For functions that hold nothing. */
#define MR_TRY(expr)                                       \
    do {                                                   \
        const mr_code mr_try_ = (expr);                    \
        if (MR_UNLIKELY(mr_try_ != MR_OK)) return mr_try_; \
    } while (0)

#ifdef __clang_analyzer__ /* tells clang's analyser that a failure is never MR_OK */
#define mr_fail(err, code, ...) ((void)mr_fail((err), (code), __VA_ARGS__), (code))
#define mr_fail_errno(err, number, ...) \
    ((void)mr_fail_errno((err), (number), __VA_ARGS__), (mr_code)MR_ERR_IO)
#define mr_error_prefix(err, ...) ((void)mr_error_prefix((err), __VA_ARGS__), (mr_code)MR_ERR_INPUT)
#endif

#endif
