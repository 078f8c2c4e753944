/* SPDX-License-Identifier: MIT */
#include "record/reject.h"

#include "support/test.h"

/* Section 10.5 of the specification. */
static const char *const reasons[] = {"too_few_fields",
                                      "too_many_fields",
                                      "unterminated_quote",
                                      "text_after_quote",
                                      "bare_quote",
                                      "record_too_large",
                                      "invalid_utf8",
                                      "invalid_unicode",
                                      "syntax",
                                      "trailing_data",
                                      "not_an_object",
                                      "too_deep",
                                      "duplicate_key",
                                      "type_mismatch",
                                      "inexact",
                                      "drift",
                                      "transform_error",
                                      "constraint",
                                      "destination_refused"};

MR_TEST(reasons_are_those_of_the_specification_and_each_is_explained)
{
    size_t size;
    char row[64];
    char *page = mr_test_read_file(mr_test_path("docs/errors.md"), &size);
    MR_EXPECT_U64(MR_REASON_COUNT, ==, MR_COUNT_OF(reasons));
    for (int i = 0; i < MR_REASON_COUNT; i++) {
        MR_EXPECT_TEXT(mr_reason_name((mr_reason)i), reasons[i]);
        snprintf(row, sizeof row, "\n| `%s` | ", reasons[i]);
        if (strstr(page, row) == NULL) MR_TEST_FAIL("%s is not explained\n", reasons[i]);
    }
    mr_mem_free(page);
}

MR_TEST(rejects_are_sorted_by_record_and_keep_their_order_within_one)
{
    mr_error err;
    mr_reject *reject;
    mr_reject_list list;
    static const uint64_t records[] = {7, 3, 7, 1, 3, 9, 1};
    mr_reject_list_init(&list);
    for (uint32_t i = 0; i < MR_COUNT_OF(records); i++) {
        MR_EXPECT_OK(mr_reject_list_add(&list, MR_REASON_DRIFT, &reject, &err));
        reject->record = records[i];
        reject->line = i;
    }
    mr_reject_list_sort(&list, 1); /* what was there before stays */
    MR_EXPECT_U64(mr_reject_at(&list, 0)->line, ==, 0);
    for (uint32_t i = 2; i < list.count; i++) {
        const mr_reject *a = mr_reject_at(&list, i - 1), *b = mr_reject_at(&list, i);
        MR_EXPECT(a->record < b->record || (a->record == b->record && a->line < b->line));
    }
    mr_reject_list_done(&list);
}
