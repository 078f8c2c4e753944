/* SPDX-License-Identifier: MIT
 *
 * Loads libcurl once for the process and never lets go of it: it keeps state of its own. */
#include "http/curl_internal.h"

#ifdef MR_STATIC_BUILD

mr_code mr_curl_load(MR_UNUSED const mr_curl **out, mr_error *err)
{
    return mr_fail(err, MR_ERR_USAGE,
                   "this millrace is linked statically and makes no HTTP requests: libcurl cannot "
                   "be part of it; use the one that is linked dynamically");
}

#else

#include <pthread.h>

#define LIBRARY    "libcurl.so.4"
#define PACKAGE    "libcurl4"
#define OLDEST     0x075500 /* 7.85.0, the first with CURLOPT_PROTOCOLS_STR */

static pthread_once_t once = PTHREAD_ONCE_INIT;
static mr_curl table;
static mr_code loaded;
static mr_error load_error;

static mr_code load(mr_error *err)
{
    static const mr_library library = {LIBRARY, "HTTP requests need libcurl 4", PACKAGE};
#define NAME(name) "curl_" #name,
    static const char *const names[] = {MR_CURL_FUNCTIONS(NAME)};
#undef NAME
    static_assert(sizeof table == MR_COUNT_OF(names) * sizeof(void *), "one name a function");
    MR_TRY(mr_library_load(&library, names, MR_COUNT_OF(names), &table, err));
    const curl_version_info_data *const version = table.version_info(CURLVERSION_NOW);
    if (version->version_num < OLDEST)
        return mr_fail(err, MR_ERR_USAGE,
                       LIBRARY " is version %s; HTTP requests need 7.85.0 or newer (Debian "
                               "package " PACKAGE ")",
                       version->version);
    if (table.global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
        return mr_fail(err, MR_ERR_IO, LIBRARY " could not be initialised");
    return MR_OK;
}

static void load_once(void)
{
    loaded = load(&load_error);
}

mr_code mr_curl_load(const mr_curl **out, mr_error *err)
{
    pthread_once(&once, load_once);
    if (loaded == MR_OK)
        *out = &table;
    else if (err != NULL)
        *err = load_error;
    return loaded;
}

#endif
