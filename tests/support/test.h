/* SPDX-License-Identifier: MIT
 *
 * support/test.h - unit tests over cmocka: MR_TEST(name) { ... } is all a test needs.
 *
 * A test's name is a true sentence. Expectations print both values and end the test.
 * Test programs interpose malloc (support/interpose.c), so mr_test_malloc_count() also sees what
 * libraries allocate.
 *
 * Thread: expectations only on the thread that runs the test. */
#ifndef MR_TESTS_SUPPORT_TEST_H
#define MR_TESTS_SUPPORT_TEST_H

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/error.h"
#include "core/mem.h"

/* cmocka wants these before it. */
#include <cmocka.h>

#define MR_TEST_MAX 512

void mr_test_register(const char *name, void (*function)(void **state));

#define MR_TEST(name)                                                 \
    static void name(void **mr_test_state_);                          \
    __attribute__((constructor)) static void mr_register_##name(void) \
    {                                                                 \
        mr_test_register(#name, name);                                \
    }                                                                 \
    static void name(MR_UNUSED void **mr_test_state_)

#define MR_TEST_FAIL(...)          \
    do {                           \
        print_error(__VA_ARGS__);  \
        _fail(__FILE__, __LINE__); \
        __builtin_unreachable();   \
    } while (0)

#define MR_EXPECT(condition)                                          \
    do {                                                              \
        if (!(condition)) MR_TEST_FAIL("expected: %s\n", #condition); \
    } while (0)

#define MR_EXPECT_U64(actual, op, wanted)                                                     \
    do {                                                                                      \
        const uint64_t mr_a_ = (uint64_t)(actual), mr_w_ = (uint64_t)(wanted);                \
        if (!(mr_a_ op mr_w_))                                                                \
            MR_TEST_FAIL("%s is %" PRIu64 ", expected %s %" PRIu64 "\n", #actual, mr_a_, #op, \
                         mr_w_);                                                              \
    } while (0)

#define MR_EXPECT_I64(actual, op, wanted)                                                     \
    do {                                                                                      \
        const int64_t mr_a_ = (int64_t)(actual), mr_w_ = (int64_t)(wanted);                   \
        if (!(mr_a_ op mr_w_))                                                                \
            MR_TEST_FAIL("%s is %" PRId64 ", expected %s %" PRId64 "\n", #actual, mr_a_, #op, \
                         mr_w_);                                                              \
    } while (0)

/* `actual` is an mr_slice, `wanted` a NUL-terminated string. */
#define MR_EXPECT_SLICE(actual, wanted)                                                \
    do {                                                                               \
        const mr_slice mr_a_ = (actual);                                               \
        if (!mr_slice_is(mr_a_, wanted))                                               \
            MR_TEST_FAIL("%s is \"%.*s\", expected \"%s\"\n", #actual, (int)mr_a_.len, \
                         mr_a_.ptr != NULL ? mr_a_.ptr : "", wanted);                  \
    } while (0)

#define MR_EXPECT_TEXT(actual, wanted) MR_EXPECT_SLICE(mr_slice_text(actual), wanted)

/* `call` returns mr_code and fills `err` (an mr_error in scope named err). */
#define MR_EXPECT_OK(call)                                                                      \
    do {                                                                                        \
        const mr_code mr_c_ = (call);                                                           \
        if (mr_c_ != MR_OK) MR_TEST_FAIL("%s: %s: %s\n", #call, mr_code_name(mr_c_), err.text); \
    } while (0)

#define MR_EXPECT_CODE(call, wanted)                                                 \
    do {                                                                             \
        const mr_code mr_c_ = (call);                                                \
        if (mr_c_ != (wanted))                                                       \
            MR_TEST_FAIL("%s is %s, expected %s (%s)\n", #call, mr_code_name(mr_c_), \
                         mr_code_name(wanted), err.text);                            \
    } while (0)

/* Reruns `scenario` (an expression of type mr_code) with the first, second, ... allocation failing
 * until it succeeds without an injected failure. Every failing run must say MR_ERR_NOMEM and leave
 * no memory live. */
#define MR_EACH_ALLOC_FAILS(scenario)                                   \
    do {                                                                \
        for (uint64_t mr_n_ = 1;; mr_n_++) {                            \
            const uint64_t mr_live_ = mr_mem_stats_now().live_bytes;    \
            mr_mem_fail_at(mr_n_);                                      \
            const mr_code mr_c_ = (scenario);                           \
            const bool mr_hit_ = mr_mem_failed();                       \
            mr_mem_fail_at(0);                                          \
            MR_EXPECT_U64(mr_mem_stats_now().live_bytes, ==, mr_live_); \
            if (!mr_hit_) {                                             \
                MR_EXPECT_I64(mr_c_, ==, MR_OK);                        \
                break;                                                  \
            }                                                           \
            MR_EXPECT_I64(mr_c_, ==, MR_ERR_NOMEM);                     \
        }                                                               \
    } while (0)

/* Calls of malloc and friends in this process so far, libraries included. */
uint64_t mr_test_malloc_count(void);

/* Path of a file in the repository; `relative` from its top. Static buffer, four at a time. */
const char *mr_test_path(const char *relative);

/* Path of a fresh, empty directory for this test program, removed when it ends. */
const char *mr_test_dir(void);

/* Removes a file or directory of the test's own with all in it. */
void mr_test_remove(const char *path);

/* The whole file, to be freed with mr_mem_free(); fails the test when it cannot be read. */
char *mr_test_read_file(const char *path, size_t *out_len);
void mr_test_write_file(const char *path, mr_slice bytes);

#endif
