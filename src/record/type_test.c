/* SPDX-License-Identifier: MIT */
#include "record/type.h"

#include "support/test.h"

typedef struct text_case {
    const char *text;
    mr_type type;
} text_case;

/* Section 3's table: what is accepted, and what must stay a string. */
static const text_case text_cases[] = {
    {"0", MR_TYPE_INT},
    {"7", MR_TYPE_INT},
    {"-1", MR_TYPE_INT},
    {"9223372036854775807", MR_TYPE_INT},
    {"-9223372036854775808", MR_TYPE_INT},
    {"007", MR_TYPE_STRING},
    {"+5", MR_TYPE_STRING},
    {"-0", MR_TYPE_STRING},
    {" 5", MR_TYPE_STRING},
    {"5 ", MR_TYPE_STRING},
    {"1_000", MR_TYPE_STRING},
    {"-", MR_TYPE_STRING},
    {"", MR_TYPE_STRING},
    {"9223372036854775808", MR_TYPE_DECIMAL},
    {"-9223372036854775809", MR_TYPE_DECIMAL},
    {"12345678901234567890123456789012345678", MR_TYPE_DECIMAL},
    {"123456789012345678901234567890123456789", MR_TYPE_STRING},
    {"1.10", MR_TYPE_DECIMAL},
    {"-0.5", MR_TYPE_DECIMAL},
    {"0.00", MR_TYPE_DECIMAL},
    {"-0.0", MR_TYPE_STRING},
    {".5", MR_TYPE_STRING},
    {"5.", MR_TYPE_STRING},
    {"1e5", MR_TYPE_STRING},
    {"0x1F", MR_TYPE_STRING},
    {"NaN", MR_TYPE_STRING},
    {"inf", MR_TYPE_STRING},
    {"00.5", MR_TYPE_STRING},
    {"1.2.3", MR_TYPE_STRING},
    {"1234567890123456789.1234567890123456789", MR_TYPE_DECIMAL},
    {"1234567890123456789.12345678901234567890", MR_TYPE_STRING},
    {"true", MR_TYPE_BOOL},
    {"false", MR_TYPE_BOOL},
    {"True", MR_TYPE_STRING},
    {"TRUE", MR_TYPE_STRING},
    {"yes", MR_TYPE_STRING},
    {"t", MR_TYPE_STRING},
    {"2024-02-29", MR_TYPE_DATE},
    {"2023-02-29", MR_TYPE_STRING},
    {"1900-02-29", MR_TYPE_STRING},
    {"2000-02-29", MR_TYPE_DATE},
    {"2024-13-01", MR_TYPE_STRING},
    {"2024-00-01", MR_TYPE_STRING},
    {"2024-01-32", MR_TYPE_STRING},
    {"2024-1-1", MR_TYPE_STRING},
    {"2024-01-01T00:00:00", MR_TYPE_TIMESTAMP},
    {"2024-01-01 23:59:59", MR_TYPE_TIMESTAMP},
    {"2024-01-01T00:00:00Z", MR_TYPE_TIMESTAMP},
    {"2024-01-01T00:00:00.123456789+05:30", MR_TYPE_TIMESTAMP},
    {"2024-01-01T00:00:00.1Z", MR_TYPE_TIMESTAMP},
    {"2024-01-01T00:00:00.1234567890Z", MR_TYPE_STRING},
    {"2024-01-01T00:00:00.Z", MR_TYPE_STRING},
    {"2024-01-01T00:00:60Z", MR_TYPE_STRING},
    {"2024-01-01T24:00:00Z", MR_TYPE_STRING},
    {"2024-01-01T00:00:00z", MR_TYPE_STRING},
    {"2024-01-01t00:00:00Z", MR_TYPE_STRING},
    {"2024-01-01T00:00:00-00:00", MR_TYPE_STRING},
    {"2024-01-01T00:00:00+24:00", MR_TYPE_STRING},
    {"2024-01-01T00:00:00+0530", MR_TYPE_STRING},
    {"123e4567-e89b-12d3-a456-426614174000", MR_TYPE_UUID},
    {"123E4567-e89b-12d3-a456-426614174000", MR_TYPE_STRING},
    {"123e4567e89b12d3a456426614174000", MR_TYPE_STRING},
    {"n/a", MR_TYPE_STRING},
};

MR_TEST(text_gets_a_type_only_when_the_typed_value_reads_back_the_same)
{
    for (size_t i = 0; i < MR_COUNT_OF(text_cases); i++) {
        const mr_type type = mr_type_of_text(mr_slice_text(text_cases[i].text), NULL);
        if (type != text_cases[i].type)
            MR_TEST_FAIL("\"%s\" is %s, expected %s\n", text_cases[i].text, mr_type_name(type),
                         mr_type_name(text_cases[i].type));
    }
}

MR_TEST(timestamps_have_a_layout)
{
    mr_time_layout a, b;
    MR_EXPECT(mr_text_is_timestamp(MR_SLICE("2024-01-01T00:00:00Z"), &a));
    MR_EXPECT(mr_text_is_timestamp(MR_SLICE("1999-12-31T23:00:00Z"), &b));
    MR_EXPECT_U64(a, ==, b);
    MR_EXPECT(mr_text_is_timestamp(MR_SLICE("2024-01-01 00:00:00Z"), &b));
    MR_EXPECT_U64(a, !=, b);
    MR_EXPECT(mr_text_is_timestamp(MR_SLICE("2024-01-01T00:00:00+01:00"), &a));
    MR_EXPECT(mr_text_is_timestamp(MR_SLICE("2024-01-01T00:00:00-01:00"), &b));
    MR_EXPECT_U64(a, !=, b);
}

MR_TEST(types_join_to_the_least_type_that_holds_both)
{
    MR_EXPECT_U64(mr_type_join(MR_TYPE_NULL, MR_TYPE_INT), ==, MR_TYPE_INT);
    MR_EXPECT_U64(mr_type_join(MR_TYPE_INT, MR_TYPE_NULL), ==, MR_TYPE_INT);
    MR_EXPECT_U64(mr_type_join(MR_TYPE_INT, MR_TYPE_DECIMAL), ==, MR_TYPE_DECIMAL);
    MR_EXPECT_U64(mr_type_join(MR_TYPE_DECIMAL, MR_TYPE_INT), ==, MR_TYPE_DECIMAL);
    MR_EXPECT_U64(mr_type_join(MR_TYPE_INT, MR_TYPE_BOOL), ==, MR_TYPE_STRING);
    MR_EXPECT_U64(mr_type_join(MR_TYPE_DATE, MR_TYPE_TIMESTAMP), ==, MR_TYPE_STRING);
    MR_EXPECT_U64(mr_type_join(MR_TYPE_STRING, MR_TYPE_BYTES), ==, MR_TYPE_BYTES);
    for (int a = 0; a < MR_TYPE_MIXED; a++)
        for (int b = 0; b < MR_TYPE_MIXED; b++)
            MR_EXPECT_U64(mr_type_join((mr_type)a, (mr_type)b), ==,
                          mr_type_join((mr_type)b, (mr_type)a));
}
