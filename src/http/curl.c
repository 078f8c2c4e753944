/* SPDX-License-Identifier: MIT
 *
 * Loads libcurl once for the process and never lets go of it: it keeps state of its own. */
#include "http/curl_internal.h"

#ifdef MR_STATIC_BUILD

mr_code mr_curl_load(MR_UNUSED const mr_curl **out, mr_error *err)
{
    return mr_fail(err, MR_ERR_IO,
                   "this millrace is linked statically and makes no HTTP requests: libcurl cannot "
                   "be part of it; use the one that is linked dynamically");
}

#else

#include <dlfcn.h>
#include <pthread.h>

#define LIBRARY "libcurl.so.4"
#define PACKAGE "libcurl4"
#define OLDEST  0x075500 /* 7.85.0, the first with CURLOPT_PROTOCOLS_STR */

static pthread_once_t once = PTHREAD_ONCE_INIT;
static mr_curl library;
static mr_code loaded;
static mr_error load_error;

/* The name of the first function that `handle` lacks, or NULL. */
static const char *resolve(void *handle)
{
#define TAKE(name)                                                    \
    do {                                                              \
        void *const symbol = dlsym(handle, "curl_" #name);            \
        if (symbol == NULL) return "curl_" #name;                     \
        static_assert(sizeof library.name == sizeof symbol, "POSIX"); \
        memcpy(&library.name, &symbol, sizeof symbol);                \
    } while (0)
    MR_CURL_FUNCTIONS(TAKE);
#undef TAKE
    return NULL;
}

static mr_code load(mr_error *err)
{
    void *const handle = dlopen(LIBRARY, RTLD_NOW | RTLD_LOCAL);
    if (handle == NULL)
        return mr_fail(err, MR_ERR_IO,
                       "HTTP requests need " LIBRARY " (Debian package " PACKAGE "): %s",
                       dlerror());
    const char *const missing = resolve(handle);
    if (missing != NULL)
        return mr_fail(err, MR_ERR_IO,
                       LIBRARY " has no function %s; update the Debian package " PACKAGE, missing);
    const curl_version_info_data *const version = library.version_info(CURLVERSION_NOW);
    if (version->version_num < OLDEST)
        return mr_fail(err, MR_ERR_IO,
                       LIBRARY " is version %s; HTTP requests need 7.85.0 or newer (Debian "
                               "package " PACKAGE ")",
                       version->version);
    if (library.global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
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
        *out = &library;
    else if (err != NULL)
        *err = load_error;
    return loaded;
}

#endif
