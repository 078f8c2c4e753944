/* SPDX-License-Identifier: MIT */
#include "http/openssl.h"

#include <dlfcn.h>
#include <pthread.h>

#define LIBRARY "libssl.so.3" /* brings libcrypto.so.3, in which half of the functions are */

static mr_openssl table;
static mr_error trouble;
static bool loaded;

#ifdef MR_STATIC_BUILD

static void load(void)
{
#define SET(name) table.name = name;
    MR_OPENSSL_FUNCTIONS(SET)
#undef SET
    loaded = true;
}

#else

/* Where a function pointer is stored; ISO C knows no way from an object pointer to a function's. */
static bool find(void *library, const char *name, void *out, size_t size)
{
    void *address = dlsym(library, name);
    memcpy(out, &address, size);
    if (address != NULL) return true;
    mr_fail(&trouble, MR_ERR_USAGE, "TLS: %s has no function %s: expected OpenSSL 3", LIBRARY,
            name);
    return false;
}

static void load(void)
{
    void *library = dlopen(LIBRARY, RTLD_NOW | RTLD_LOCAL); /* for good: it cannot be unloaded */
    if (library == NULL) {
        mr_fail(&trouble, MR_ERR_USAGE,
                "TLS needs OpenSSL 3, which cannot be loaded (%s); install libssl3", dlerror());
        return;
    }
    bool good = true;
#define FIND(name) good = good && find(library, #name, &table.name, sizeof table.name);
    MR_OPENSSL_FUNCTIONS(FIND)
#undef FIND
    loaded = good;
}

#endif

const mr_openssl *mr_openssl_load(mr_error *err)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, load);
    if (loaded) return &table;
    if (err != NULL) *err = trouble;
    return NULL;
}
