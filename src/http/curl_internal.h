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

#include "core/error.h"

/* Every function of libcurl that we call: symbol without "curl_". */
#define MR_CURL_FUNCTIONS(each) \
    each(easy_init);            \
    each(easy_setopt);          \
    each(easy_getinfo);         \
    each(easy_cleanup);         \
    each(easy_strerror);        \
    each(multi_init);           \
    each(multi_setopt);         \
    each(multi_add_handle);     \
    each(multi_remove_handle);  \
    each(multi_perform);        \
    each(multi_poll);           \
    each(multi_info_read);      \
    each(multi_cleanup);        \
    each(slist_append);         \
    each(slist_free_all);       \
    each(version_info);         \
    each(global_init)

#define MR_CURL_FIELD(name) __typeof__(&curl_##name) name
typedef struct mr_curl {
    MR_CURL_FUNCTIONS(MR_CURL_FIELD);
} mr_curl;
#undef MR_CURL_FIELD

/* The library's functions. MR_ERR_IO when it is not installed, and in a build that is linked
 * statically, which cannot load it; the error says what to do. */
MR_NODISCARD mr_code mr_curl_load(const mr_curl **out, mr_error *err);

#endif
