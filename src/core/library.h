/* SPDX-License-Identifier: MIT
 *
 * core/library.h - shared libraries that are loaded when they are first wanted, so that who does
 * not want them pays nothing for them, not even at the start.
 *
 * A module that uses one keeps a struct of nothing but pointers to its functions, and a list of
 * their names in the same order:
 *
 *     #define FUNCTIONS(X) X(SSL_new) X(SSL_free)
 *     typedef struct table { FUNCTIONS(MR_LIBRARY_MEMBER) } table;
 *     static const char *const names[] = {FUNCTIONS(MR_LIBRARY_NAME)};
 *
 * Thread: any; who loads takes care that it happens once (pthread_once). */
#ifndef MR_CORE_LIBRARY_H
#define MR_CORE_LIBRARY_H

#include "core/error.h"

/* Names that are macros for other names (PCRE2's) count as those. */
#define MR_LIBRARY_MEMBER(name) __typeof__ (&(name))(name);
#define MR_LIBRARY_NAME(name)   MR_LIBRARY_TEXT(name),
#define MR_LIBRARY_TEXT(name)   #name

typedef struct mr_library {
    const char *file;    /* "libssl.so.3" */
    const char *needs;   /* who asks for what: "TLS needs OpenSSL 3" */
    const char *package; /* Debian's */
} mr_library;

/* Loads the library, for good: many cannot be unloaded. The addresses of its `count` functions go
 * to `table`, which has the size of so many pointers. MR_ERR_USAGE when it is not there or has not
 * all of them; the error says what to install. */
MR_NODISCARD mr_code mr_library_load(const mr_library *library, const char *const *names,
                                     size_t count, void *table, mr_error *err);

#endif
