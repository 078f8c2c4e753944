/* SPDX-License-Identifier: MIT */
#include "expr/pcre2.h"

#include <pthread.h>

static mr_pcre2 table;
static mr_error trouble;
static mr_code loaded;

static void load(void)
{
#ifdef MR_STATIC_BUILD
#define SET(name) table.name = name;
    MR_PCRE2_FUNCTIONS(SET)
#undef SET
#else
    static const mr_library library = {.file = "libpcre2-8.so.0",
                                       .needs = "regular expressions need PCRE2",
                                       .package = "libpcre2-8-0"};
    static const char *const names[] = {MR_PCRE2_FUNCTIONS(MR_LIBRARY_NAME)};
    static_assert(sizeof table == MR_COUNT_OF(names) * sizeof(void *), "one name a function");
    loaded = mr_library_load(&library, names, MR_COUNT_OF(names), &table, &trouble);
#endif
}

const mr_pcre2 *mr_pcre2_load(mr_error *err)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, load);
    if (loaded == MR_OK) return &table;
    if (err != NULL) *err = trouble;
    return NULL;
}
