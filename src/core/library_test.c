/* SPDX-License-Identifier: MIT */
#include "core/library.h"

#include <math.h>

#include "support/test.h"

#define FUNCTIONS(X) X(floor) X(hypot)

typedef struct functions {
    FUNCTIONS(MR_LIBRARY_MEMBER)
} functions;

static const char *const names[] = {FUNCTIONS(MR_LIBRARY_NAME)};

MR_TEST(functions_are_found_in_their_order)
{
    const mr_library library = {"libm.so.6", "the test needs mathematics", "libc6"};
    functions table;
    mr_error err;
    MR_EXPECT_OK(mr_library_load(&library, names, MR_COUNT_OF(names), &table, &err));
    MR_EXPECT(table.floor(2.5) == 2);
    MR_EXPECT(table.hypot(3, 4) == 5);
}

MR_TEST(a_library_that_is_not_there_is_named_with_the_remedy)
{
    const mr_library library = {"libnowhere.so.9", "the test needs nothing", "libnowhere9"};
    functions table;
    mr_error err;
    MR_EXPECT(mr_library_load(&library, names, MR_COUNT_OF(names), &table, &err) == MR_ERR_USAGE);
    MR_EXPECT(strstr(err.text, "the test needs nothing, which cannot be loaded (") != NULL);
    MR_EXPECT(strstr(err.text, "libnowhere.so.9") != NULL);
    MR_EXPECT(strstr(err.text, "install libnowhere9") != NULL);
}

MR_TEST(a_function_that_is_missing_is_named)
{
    static const char *const wrong[] = {"floor", "no_such_function"};
    const mr_library library = {"libm.so.6", "the test needs mathematics", "libc6"};
    functions table;
    mr_error err;
    MR_EXPECT(mr_library_load(&library, wrong, 2, &table, &err) == MR_ERR_USAGE);
    MR_EXPECT_TEXT(err.text, "the test needs mathematics: libm.so.6 has no function "
                             "no_such_function; install a newer libc6");
}
