/* SPDX-License-Identifier: MIT */
#include "expr/pcre2.h"

#include <dlfcn.h>
#include <pthread.h>

#define LIBRARY "libpcre2-8.so.0"

static mr_pcre2 table;
static mr_error trouble;
static bool loaded;

#ifdef MR_STATIC_BUILD

static void load(void)
{
#define SET(name) table.name = name;
    MR_PCRE2_FUNCTIONS(SET)
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
    mr_fail(&trouble, MR_ERR_USAGE, "%s has no function %s: expected PCRE2 10.34 or later", LIBRARY,
            name);
    return false;
}

static void load(void)
{
    void *library = dlopen(LIBRARY, RTLD_NOW | RTLD_LOCAL); /* for good: it cannot be unloaded */
    if (library == NULL) {
        mr_fail(&trouble, MR_ERR_USAGE,
                "regular expressions need PCRE2, which cannot be loaded (%s); install libpcre2-8-0",
                dlerror());
        return;
    }
    bool good = true;
#define TEXT_(name) #name
#define TEXT(name)  TEXT_(name)
#define FIND(name)  good = good && find(library, TEXT(name), &table.name, sizeof table.name);
    MR_PCRE2_FUNCTIONS(FIND)
#undef FIND
    loaded = good;
}

#endif

const mr_pcre2 *mr_pcre2_load(mr_error *err)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, load);
    if (loaded) return &table;
    if (err != NULL) *err = trouble;
    return NULL;
}
