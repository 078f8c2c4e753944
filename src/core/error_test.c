/* SPDX-License-Identifier: MIT */
#include "core/error.h"

#include <errno.h>

#include "core/utf8.h"
#include "support/test.h"

MR_TEST(a_failure_is_a_code_and_a_sentence)
{
    mr_error err;
    MR_EXPECT_CODE(mr_fail(&err, MR_ERR_INPUT, "row %d, column '%s'", 812, "price"), MR_ERR_INPUT);
    MR_EXPECT(err.code == MR_ERR_INPUT);
    MR_EXPECT_TEXT(err.text, "row 812, column 'price'");
}

MR_TEST(a_caller_may_want_the_code_alone)
{
    MR_EXPECT(mr_fail(NULL, MR_ERR_LIMIT, "x") == MR_ERR_LIMIT);
    MR_EXPECT(mr_fail_errno(NULL, EIO, "x") == MR_ERR_IO);
    MR_EXPECT(mr_fail_errno(NULL, ENOMEM, "x") == MR_ERR_NOMEM);
    MR_EXPECT(mr_error_prefix(NULL, "x") != MR_OK);
}

MR_TEST(control_characters_cannot_break_the_line)
{
    mr_error err;
    mr_fail(&err, MR_ERR_INPUT, "found '%s'", "a\nb\rc\td\x1b[0m\x7f\x01");
    MR_EXPECT_TEXT(err.text, "found 'a?b?c?d?[0m?\?'");
    mr_error_prefix(&err, "file '%s'", "x\ny");
    MR_EXPECT_TEXT(err.text, "file 'x?y': found 'a?b?c?d?[0m?\?'");
    mr_fail_errno(&err, ENOENT, "file '%s'", "x\ny");
    MR_EXPECT_TEXT(err.text, "file 'x?y': No such file or directory");
    mr_fail(&err, MR_ERR_INPUT, "%s", "gr\xc3\xbc\xc3\x9f");
    MR_EXPECT_TEXT(err.text, "gr\xc3\xbc\xc3\x9f");
}

MR_TEST(an_errno_becomes_a_code_and_its_description)
{
    mr_error err;
    MR_EXPECT_CODE(mr_fail_errno(&err, EACCES, "'%s' cannot be opened", "a.csv"), MR_ERR_IO);
    MR_EXPECT_TEXT(err.text, "'a.csv' cannot be opened: Permission denied");
    MR_EXPECT_CODE(mr_fail_errno(&err, ENOMEM, "a page"), MR_ERR_NOMEM);
    MR_EXPECT(err.code == MR_ERR_NOMEM);
    mr_fail_errno(&err, 99999, "odd");
    MR_EXPECT(strncmp(err.text, "odd: ", 5) == 0 && strstr(err.text, "99999") != NULL);
}

MR_TEST(prefixes_say_who_was_asking_and_keep_the_code)
{
    mr_error err;
    mr_fail(&err, MR_ERR_CONFLICT, "expected version 3, found 4");
    MR_EXPECT_CODE(mr_error_prefix(&err, "stream '%s'", "a-1"), MR_ERR_CONFLICT);
    MR_EXPECT_CODE(mr_error_prefix(&err, "store"), MR_ERR_CONFLICT);
    MR_EXPECT_TEXT(err.text, "store: stream 'a-1': expected version 3, found 4");
}

MR_TEST(texts_too_long_are_cut_between_code_points)
{
    static char text[2000];
    mr_error err;
    for (size_t shift = 0; shift < 3; shift++) {
        memset(text, 'x', shift);
        for (size_t i = shift; i + 4 < sizeof text; i += 3)
            memcpy(text + i, "\xe2\x82\xac", 3);
        mr_fail(&err, MR_ERR_INPUT, "%s", text);
        MR_EXPECT_U64(strlen(err.text), >, sizeof err.text - 4);
        MR_EXPECT(mr_utf8_valid(mr_slice_text(err.text)));
        mr_error_prefix(&err, "y");
        MR_EXPECT(strncmp(err.text, "y: ", 3) == 0);
        MR_EXPECT(mr_utf8_valid(mr_slice_text(err.text)));
        mr_fail_errno(&err, ENOENT, "%s", text);
        MR_EXPECT(mr_utf8_valid(mr_slice_text(err.text)));
        mr_error_prefix(&err, "%s", text);
        MR_EXPECT(mr_utf8_valid(mr_slice_text(err.text)));
        MR_EXPECT(err.code == MR_ERR_IO);
    }
}

MR_TEST(a_remedy_stands_behind_what_failed)
{
    mr_error err;
    mr_fail_errno(&err, EACCES, "cannot open 'd'");
    mr_error_advise(&err, "use another directory");
    MR_EXPECT_TEXT(err.text, "cannot open 'd': Permission denied; use another directory");
    MR_EXPECT(err.code == MR_ERR_IO);
    mr_error_advise(NULL, "x");
}

MR_TEST(hostile_bytes_at_the_cut_are_left_alone)
{
    static char text[2000];
    mr_error err;
    memset(text, 0xbf, sizeof text - 1);
    mr_fail(&err, MR_ERR_INPUT, "%s", text);
    MR_EXPECT_U64(strlen(err.text), ==, sizeof err.text - 1);
}

MR_TEST(every_code_has_a_name_of_its_own)
{
    for (int a = MR_OK; a <= MR_ERR_CLOSED; a++) {
        MR_EXPECT(strcmp(mr_code_name((mr_code)a), "unknown") != 0);
        for (int b = MR_OK; b < a; b++)
            MR_EXPECT(strcmp(mr_code_name((mr_code)a), mr_code_name((mr_code)b)) != 0);
    }
}

static int counted;

static mr_code count_and_return(mr_code rc)
{
    counted++;
    return rc;
}

static mr_code try_two(mr_code first, mr_code second)
{
    MR_TRY(count_and_return(first));
    MR_TRY(count_and_return(second));
    return MR_OK;
}

MR_TEST(try_returns_at_the_first_failure_and_evaluates_once)
{
    counted = 0;
    MR_EXPECT(try_two(MR_ERR_IO, MR_ERR_INPUT) == MR_ERR_IO && counted == 1);
    MR_EXPECT(try_two(MR_OK, MR_ERR_INPUT) == MR_ERR_INPUT && counted == 3);
    MR_EXPECT(try_two(MR_OK, MR_OK) == MR_OK && counted == 5);
}
