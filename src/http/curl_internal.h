/* SPDX-License-Identifier: MIT
 *
 * http/curl_internal.h - libcurl, loaded when first needed, so that a process that makes no
 * requests does not pay for the twenty libraries behind it.
 *
 * Thread: mr_curl_load() any; the table is constant once loaded. */
#ifndef MR_HTTP_CURL_INTERNAL_H
#define MR_HTTP_CURL_INTERNAL_H

#define CURL_DISABLE_TYPECHECK /* its macros want functions, we have pointers */
#include <curl/curl.h>

#include "core/library.h"

/* Every function of libcurl that we call: symbol without "curl_". */
#define MR_CURL_FUNCTIONS(X) \
    X(easy_init)             \
    X(easy_setopt)           \
    X(easy_getinfo)          \
    X(easy_cleanup)          \
    X(easy_strerror)         \
    X(multi_init)            \
    X(multi_setopt)          \
    X(multi_add_handle)      \
    X(multi_remove_handle)   \
    X(multi_perform)         \
    X(multi_poll)            \
    X(multi_info_read)       \
    X(multi_cleanup)         \
    X(slist_append)          \
    X(slist_free_all)        \
    X(version_info)          \
    X(global_init)

typedef struct mr_curl {
#define MR_CURL_MEMBER(name) __typeof__ (&curl_##name)(name);
    MR_CURL_FUNCTIONS(MR_CURL_MEMBER)
#undef MR_CURL_MEMBER
} mr_curl;

/* The library's functions. MR_ERR_USAGE when it is not installed, and in a build that is linked
 * statically, which cannot load it; the error says what to do. */
MR_NODISCARD mr_code mr_curl_load(const mr_curl **out, mr_error *err);

#endif
