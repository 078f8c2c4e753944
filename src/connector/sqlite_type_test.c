/* SPDX-License-Identifier: MIT */
#include "connector/sqlite_type.h"

#include "support/test.h"

MR_TEST(a_hint_holds_for_texts_that_are_spelled_so)
{
    static const struct {
        const char *declared;
        const char *text;
        mr_type type;
    } cases[] = {
        {"BOOLEAN", "true", MR_TYPE_BOOL},
        {"BOOLEAN", "TRUE", MR_TYPE_STRING},
        {"DATE", "2024-02-30", MR_TYPE_STRING},
        {"DATETIME", "2024-02-28 10:00:00", MR_TYPE_TIMESTAMP},
        {"DATETIME", "2024-02-28", MR_TYPE_STRING},
        {"UUID", "123E4567-e89b-12d3-a456-426614174000", MR_TYPE_STRING},
        {"DECIMAL_TEXT", "1e5", MR_TYPE_STRING},
        {"DECIMAL_TEXT", "7", MR_TYPE_DECIMAL},
        {"NUMBER_TEXT", "-0.0e+7", MR_TYPE_NUMBER},
        {"NUMBER_TEXT", "01", MR_TYPE_STRING},
        {"NUMBER_TEXT", "1.", MR_TYPE_STRING},
        {"NUMBER_TEXT", "1e", MR_TYPE_STRING},
        {"TIME_TEXT", "24:00:00", MR_TYPE_STRING},
        {"TIME_TEXT", "10:00:00.1234567890", MR_TYPE_STRING},
        {"TEXT", "true", MR_TYPE_STRING},
        {"JSON", "{\"a\":[1,-2.5e3,{\"\":null}],\"b\":\"\\u00e4\\\"\"}", MR_TYPE_JSON},
        {"JSON", "[[],{},[true,false]]", MR_TYPE_JSON},
        {"JSON", "{\"a\": 1}", MR_TYPE_STRING},
        {"JSON", "[1,]", MR_TYPE_STRING},
        {"JSON", "[1", MR_TYPE_STRING},
        {"JSON", "[1}", MR_TYPE_STRING},
        {"JSON", "{\"a\"}", MR_TYPE_STRING},
        {"JSON", "{1:2}", MR_TYPE_STRING},
        {"JSON", "[1]x", MR_TYPE_STRING},
        {"JSON", "[\"\\x\"]", MR_TYPE_STRING},
        {"JSON", "[01]", MR_TYPE_STRING},
        {"JSON", "\"a\"", MR_TYPE_STRING},
        {"JSON", "[", MR_TYPE_STRING},
    };
    for (size_t i = 0; i < MR_COUNT_OF(cases); i++) {
        mr_time_layout layout = 0;
        const mr_type hint = mr_sqlite_hint_of(mr_slice_text(cases[i].declared));
        const bool fits = mr_sqlite_fits_hint(mr_slice_text(cases[i].text), hint, &layout);
        if ((fits ? hint : MR_TYPE_STRING) != cases[i].type)
            MR_TEST_FAIL("%s in %s is %s\n", cases[i].text, cases[i].declared,
                         mr_type_name(fits ? hint : MR_TYPE_STRING));
    }
    static char deep[2 * 1025];
    for (unsigned depth = 1024; depth <= 1025; depth++) {
        mr_time_layout layout = 0;
        memset(deep, '[', depth);
        memset(deep + depth, ']', depth);
        MR_EXPECT(mr_sqlite_fits_hint((mr_slice){deep, 2 * depth}, MR_TYPE_JSON, &layout) ==
                  (depth <= 1025));
    }
    mr_time_layout layout = 0;
    MR_EXPECT(mr_sqlite_fits_hint(MR_SLICE("2024-01-01T00:00:00Z"), MR_TYPE_TIMESTAMP, &layout));
    MR_EXPECT(!mr_sqlite_fits_hint(MR_SLICE("2024-01-01 00:00:00"), MR_TYPE_TIMESTAMP, &layout));
}
