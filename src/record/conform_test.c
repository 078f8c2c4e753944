/* SPDX-License-Identifier: MIT */
#include "record/conform.h"

#include "support/test.h"

typedef struct text_case {
    const char *text;
    mr_type type;
    bool conforms;
} text_case;

static const text_case texts[] = {
    {"7", MR_TYPE_INT, true},
    {"07", MR_TYPE_INT, false},
    {"9223372036854775808", MR_TYPE_INT, false},
    {"9223372036854775808", MR_TYPE_DECIMAL, true},
    {"7", MR_TYPE_DECIMAL, true},
    {"1.10", MR_TYPE_DECIMAL, true},
    {"1e5", MR_TYPE_DECIMAL, false},
    {"1e5", MR_TYPE_FLOAT, true},
    {"1.50", MR_TYPE_FLOAT, true},
    {"1e400", MR_TYPE_FLOAT, false},
    {"1e400", MR_TYPE_NUMBER, true},
    {"NaN", MR_TYPE_FLOAT, false},
    {" 1", MR_TYPE_FLOAT, false},
    {"", MR_TYPE_FLOAT, false},
    {"", MR_TYPE_INT, false},
    {"", MR_TYPE_STRING, true},
    {"true", MR_TYPE_BOOL, true},
    {"True", MR_TYPE_BOOL, false},
    {"2024-02-29", MR_TYPE_DATE, true},
    {"2023-02-29", MR_TYPE_DATE, false},
    {"2024-02-29T10:00:00Z", MR_TYPE_TIMESTAMP, true},
    {"2024-02-29", MR_TYPE_TIMESTAMP, false},
    {"10:59:59", MR_TYPE_TIME, true},
    {"23:59:59.123456789", MR_TYPE_TIME, true},
    {"24:00:00", MR_TYPE_TIME, false},
    {"10:60:00", MR_TYPE_TIME, false},
    {"10:00:00.", MR_TYPE_TIME, false},
    {"10:00:00.1234567890", MR_TYPE_TIME, false},
    {"{\"a\":[1,2]}", MR_TYPE_JSON, true},
    {"{\"a\": 1}", MR_TYPE_JSON, false},
    {"[1,", MR_TYPE_JSON, false},
    {"[1]\n", MR_TYPE_JSON, false},
    {"f47ac10b-58cc-4372-a567-0e02b2c3d479", MR_TYPE_UUID, true},
    {"F47AC10B-58CC-4372-A567-0E02B2C3D479", MR_TYPE_UUID, false},
    {"\xc3\xa9", MR_TYPE_STRING, true},
    {"\xff", MR_TYPE_STRING, false},
    {"\xff", MR_TYPE_BYTES, true},
};

MR_TEST(a_text_conforms_to_a_type_by_its_bytes)
{
    for (size_t i = 0; i < MR_COUNT_OF(texts); i++)
        if (mr_conform_text(mr_slice_text(texts[i].text), texts[i].type) != texts[i].conforms)
            fail_msg("'%s' as %s", texts[i].text, mr_type_name(texts[i].type));
}

MR_TEST(types_have_the_names_of_sql_too)
{
    MR_EXPECT_U64(mr_conform_type_named(MR_SLICE("int")), ==, MR_TYPE_INT);
    MR_EXPECT_U64(mr_conform_type_named(MR_SLICE("BIGINT")), ==, MR_TYPE_INT);
    MR_EXPECT_U64(mr_conform_type_named(MR_SLICE("Text")), ==, MR_TYPE_STRING);
    MR_EXPECT_U64(mr_conform_type_named(MR_SLICE("timestamptz")), ==, MR_TYPE_TIMESTAMP);
    MR_EXPECT_U64(mr_conform_type_named(MR_SLICE("")), ==, MR_TYPE_COUNT);
    MR_EXPECT_U64(mr_conform_type_named(MR_SLICE("integerintegerinteger")), ==, MR_TYPE_COUNT);
}

typedef struct typed_case {
    const char *text;
    mr_type own, type;
    bool conforms;
} typed_case;

static const typed_case typed[] = {
    {"5", MR_TYPE_INT, MR_TYPE_DECIMAL, true},
    {"5", MR_TYPE_INT, MR_TYPE_FLOAT, true},
    {"5.5", MR_TYPE_DECIMAL, MR_TYPE_INT, false},
    {"5", MR_TYPE_STRING, MR_TYPE_INT, false},
    {"5", MR_TYPE_INT, MR_TYPE_STRING, false},
    {"true", MR_TYPE_BOOL, MR_TYPE_STRING, false},
    {"2024-01-01", MR_TYPE_STRING, MR_TYPE_DATE, true},
    {"2024-13-01", MR_TYPE_STRING, MR_TYPE_DATE, false},
    {"2024-01-01", MR_TYPE_DATE, MR_TYPE_STRING, true},
    {"{}", MR_TYPE_JSON, MR_TYPE_STRING, false},
    {"{}", MR_TYPE_STRING, MR_TYPE_JSON, false},
    {"1e5", MR_TYPE_NUMBER, MR_TYPE_FLOAT, true},
    {"1e5", MR_TYPE_NUMBER, MR_TYPE_DECIMAL, false},
};

MR_TEST(a_value_with_a_type_of_its_own_is_not_turned_into_another)
{
    for (size_t i = 0; i < MR_COUNT_OF(typed); i++) {
        mr_batch batch;
        mr_error err;
        uint32_t column;
        mr_batch_init(&batch, 0);
        MR_EXPECT_OK(mr_batch_add_column(&batch, MR_SLICE("a"), typed[i].own, &column, &err));
        MR_EXPECT_OK(mr_batch_begin_row(&batch, &err));
        mr_column_append_null(&batch.columns[0], 0);
        mr_batch_end_row(&batch, 0, 0, 0, 0);
        MR_EXPECT_OK(mr_batch_begin_row(&batch, &err));
        MR_EXPECT_OK(mr_column_append(&batch.columns[0], 1, mr_slice_text(typed[i].text), &err));
        mr_batch_end_row(&batch, 0, 0, 0, 1);
        const uint32_t at = mr_conform_next(&batch.columns[0], 2, 0, typed[i].type, false);
        if (at != (typed[i].conforms ? 2u : 1u))
            fail_msg("%s '%s' as %s", mr_type_name(typed[i].own), typed[i].text,
                     mr_type_name(typed[i].type));
        mr_batch_done(&batch);
    }
}
