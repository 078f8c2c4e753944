/* SPDX-License-Identifier: MIT */
#include "http/openssl.h"

#include <pthread.h>

static mr_openssl table;
static mr_error trouble;
static mr_code loaded;

static void load(void)
{
#ifdef MR_STATIC_BUILD
#define SET(name) table.name = name;
    MR_OPENSSL_FUNCTIONS(SET)
#undef SET
#else
    static const mr_library library = {
        .file = "libssl.so.3", /* brings libcrypto.so.3, in which half of the functions are */
        .needs = "TLS needs OpenSSL 3",
        .package = "libssl3"};
    static const char *const names[] = {MR_OPENSSL_FUNCTIONS(MR_LIBRARY_NAME)};
    static_assert(sizeof table == MR_COUNT_OF(names) * sizeof(void *), "one name a function");
    loaded = mr_library_load(&library, names, MR_COUNT_OF(names), &table, &trouble);
#endif
}

const mr_openssl *mr_openssl_load(mr_error *err)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, load);
    if (loaded == MR_OK) return &table;
    if (err != NULL) *err = trouble;
    return NULL;
}
