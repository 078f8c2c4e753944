/* SPDX-License-Identifier: MIT */
#include "arrow/import.h"

#include "arrow/export.h"
#include "core/number.h"
#include "support/arrow_batch.h"
#include "support/test.h"

static mr_arena arena;
static mr_error err;
static uint64_t random_state = 11;

static int released;

static void count_release_array(struct ArrowArray *array)
{
    array->release = NULL;
    released++;
}

static void no_release_schema(struct ArrowSchema *schema)
{
    schema->release = NULL;
}

/* A struct of one column, all on the stack of a test. */
typedef struct one {
    struct ArrowSchema schema, child_schema, *schema_children[1];
    struct ArrowArray array, child, *children[1];
    const void *no_buffers[1], *buffers[4];
} one;

static void make_one(one *o, const char *format, int64_t length, int64_t buffer_count)
{
    *o = (one){0};
    o->schema_children[0] = &o->child_schema;
    o->child_schema =
        (struct ArrowSchema){.format = format, .name = "x", .release = no_release_schema};
    o->schema = (struct ArrowSchema){.format = "+s",
                                     .n_children = 1,
                                     .children = o->schema_children,
                                     .release = no_release_schema};
    o->children[0] = &o->child;
    o->child = (struct ArrowArray){.length = length,
                                   .n_buffers = buffer_count,
                                   .buffers = o->buffers,
                                   .release = count_release_array};
    o->array = (struct ArrowArray){.length = length,
                                   .n_buffers = 1,
                                   .n_children = 1,
                                   .buffers = o->no_buffers,
                                   .children = o->children,
                                   .release = count_release_array};
}

static mr_code import_one(one *o, mr_batch *batch, uint32_t *out_rows)
{
    mr_arrow_importer importer = {0};
    *out_rows = 0;
    mr_code rc = mr_arrow_importer_open(&importer, &o->schema, false, &arena, &err);
    if (rc == MR_OK) rc = mr_arrow_importer_give(&importer, &o->array, &err);
    if (rc == MR_OK) rc = mr_arrow_importer_next(&importer, batch, out_rows, &err);
    mr_arrow_importer_close(&importer);
    return rc;
}

/* The cells of the one column, joined by '|'; a null is "-". */
static const char *joined(const mr_batch *batch, uint32_t rows)
{
    static char text[2048];
    size_t at = 0;
    text[0] = 0;
    mr_batch_check(batch);
    for (uint32_t row = 0; row < rows; row++) {
        const mr_slice cell = mr_column_is_null(&batch->columns[0], row)
                                  ? MR_SLICE("-")
                                  : mr_column_text(&batch->columns[0], row);
        at += (size_t)snprintf(text + at, sizeof text - at, "%s%.*s", row > 0 ? "|" : "",
                               MR_SLICE_ARGS(cell));
    }
    return text;
}

static void expect_column(const char *format, const void *values, const char *wanted, mr_type type,
                          int64_t length, uint8_t validity)
{
    one o;
    mr_batch batch;
    uint32_t rows;
    make_one(&o, format, length, 2);
    o.buffers[0] = &validity;
    o.buffers[1] = values;
    o.child.null_count = -1;
    mr_batch_init(&batch, 0);
    MR_EXPECT_OK(import_one(&o, &batch, &rows));
    MR_EXPECT_U64(rows, ==, length);
    MR_EXPECT_TEXT(joined(&batch, rows), wanted);
    MR_EXPECT_TEXT(mr_type_name(batch.columns[0].type), mr_type_name(type));
    mr_batch_done(&batch);
}

MR_TEST(values_of_every_width_become_their_literals)
{
    mr_arena_init(&arena, "test", (size_t)16 << 20);
    expect_column("c", (int8_t[]){-128, 1, 127}, "-128|-|127", MR_TYPE_INT, 3, 5);
    expect_column("C", (uint8_t[]){0, 255}, "0|255", MR_TYPE_INT, 2, 3);
    expect_column("s", (int16_t[]){-32768, 7}, "-32768|7", MR_TYPE_INT, 2, 3);
    expect_column("S", (uint16_t[]){65535}, "65535", MR_TYPE_INT, 1, 1);
    expect_column("i", (int32_t[]){INT32_MIN}, "-2147483648", MR_TYPE_INT, 1, 1);
    expect_column("I", (uint32_t[]){UINT32_MAX}, "4294967295", MR_TYPE_INT, 1, 1);
    expect_column("l", (int64_t[]){INT64_MIN, INT64_MAX},
                  "-9223372036854775808|9223372036854775807", MR_TYPE_INT, 2, 3);
    expect_column("L", (uint64_t[]){UINT64_MAX, 5}, "18446744073709551615|5", MR_TYPE_DECIMAL, 2,
                  3);
    expect_column("b", (uint8_t[]){5}, "true|false|true", MR_TYPE_BOOL, 3, 7);
    expect_column("g", (double[]){0.1, -0.0, 1e22}, "0.1|-0.0|1e22", MR_TYPE_FLOAT, 3, 7);
    expect_column("f", (float[]){0.5f, 0.1f}, "0.5|0.10000000149011612", MR_TYPE_FLOAT, 2, 3);
    expect_column("e", (uint16_t[]){0x3c00, 0xc000, 0x0001, 0x7bff},
                  "1.0|-2.0|5.960464477539063e-8|65504.0", MR_TYPE_FLOAT, 4, 15);
    expect_column("tdD", (int32_t[]){0, -719528, 2932896}, "1970-01-01|0000-01-01|9999-12-31",
                  MR_TYPE_DATE, 3, 7);
    expect_column("tdm", (int64_t[]){86400000}, "1970-01-02", MR_TYPE_DATE, 1, 1);
    expect_column("tts", (int32_t[]){86399}, "23:59:59", MR_TYPE_TIME, 1, 1);
    expect_column("ttm", (int32_t[]){1}, "00:00:00.001", MR_TYPE_TIME, 1, 1);
    expect_column("ttu", (int64_t[]){3600000001}, "01:00:00.000001", MR_TYPE_TIME, 1, 1);
    expect_column("ttn", (int64_t[]){86399999999999}, "23:59:59.999999999", MR_TYPE_TIME, 1, 1);
    expect_column("tss:", (int64_t[]){-1}, "1969-12-31T23:59:59", MR_TYPE_TIMESTAMP, 1, 1);
    expect_column("tsm:UTC", (int64_t[]){1}, "1970-01-01T00:00:00.001Z", MR_TYPE_TIMESTAMP, 1, 1);
    expect_column("tsu:Europe/Berlin", (int64_t[]){1}, "1970-01-01T00:00:00.000001Z",
                  MR_TYPE_TIMESTAMP, 1, 1);
    expect_column("tsn:UTC", (int64_t[]){INT64_MIN}, "1677-09-21T00:12:43.145224192Z",
                  MR_TYPE_TIMESTAMP, 1, 1);
    expect_column("tsn:-05:30", (int64_t[]){0}, "1969-12-31T18:30:00.000000000-05:30",
                  MR_TYPE_TIMESTAMP, 1, 1);
    expect_column("d:5,2,32", (int32_t[]){-12345}, "-123.45", MR_TYPE_DECIMAL, 1, 1);
    expect_column("d:9,0,64", (int64_t[]){7}, "7", MR_TYPE_DECIMAL, 1, 1);
    expect_column("d:38,-3", (mr_i128[]){7, 0}, "7000|0", MR_TYPE_DECIMAL, 2, 3);
    expect_column("d:38,38", (mr_i128[]){0, mr_pow10_i128(37)},
                  "0.0000000000000000000000000000000000000|0.1000000000000000000000000000000000000",
                  MR_TYPE_DECIMAL, 2, 3);
    expect_column("d:76,1,256", (mr_i128[]){-15, -1}, "-1.5", MR_TYPE_DECIMAL, 1, 1);
    expect_column("w:2", "abcd", "ab|cd", MR_TYPE_BYTES, 2, 3);
    mr_arena_done(&arena);
}

MR_TEST(numbers_that_json_cannot_write_are_strings)
{
    one o;
    mr_batch batch;
    uint32_t rows;
    const double values[] = {1.5, __builtin_nan(""), -__builtin_inf(), __builtin_inf()};
    mr_arena_init(&arena, "test", 1 << 20);
    make_one(&o, "g", 4, 2);
    o.buffers[1] = values;
    mr_batch_init(&batch, 0);
    MR_EXPECT_OK(import_one(&o, &batch, &rows));
    MR_EXPECT_TEXT(joined(&batch, rows), "1.5|NaN|-Inf|Inf");
    MR_EXPECT_U64(mr_column_type(&batch.columns[0], 0), ==, MR_TYPE_FLOAT);
    MR_EXPECT_U64(mr_column_type(&batch.columns[0], 2), ==, MR_TYPE_STRING);
    mr_batch_done(&batch);
    mr_arena_done(&arena);
}

MR_TEST(slices_are_read_from_their_offset)
{
    one o;
    mr_batch batch;
    uint32_t rows;
    const int32_t offsets[] = {0, 1, 3, 3, 6, 7, 9, 10, 12, 13, 15};
    const uint8_t validity[] = {0xfb, 0xff};
    mr_arena_init(&arena, "test", 1 << 20);
    make_one(&o, "u", 4, 3);
    o.buffers[0] = validity;
    o.buffers[1] = offsets;
    o.buffers[2] = "abbdddeffghhijj";
    o.child.offset = 2, o.child.length = 6, o.child.null_count = 1;
    o.array.offset = 1, o.array.length = 4;
    mr_batch_init(&batch, 0);
    MR_EXPECT_OK(import_one(&o, &batch, &rows));
    MR_EXPECT_TEXT(joined(&batch, rows), "ddd|e|ff|g");
    make_one(&o, "u", 3, 3);
    o.buffers[0] = validity, o.buffers[1] = offsets, o.buffers[2] = "abbdddeffghhijj";
    o.child.offset = 2, o.child.null_count = 1;
    MR_EXPECT_OK(import_one(&o, &batch, &rows));
    MR_EXPECT_TEXT(joined(&batch, rows), "-|ddd|e");
    mr_batch_done(&batch);
    mr_arena_done(&arena);
}

MR_TEST(views_dictionaries_and_nested_values_come_in)
{
    static const char far[] = "a text of more than twelve bytes";
    struct {
        int32_t len;
        char text[12];
    } views[2] = {{3, "abc"}, {(int32_t)sizeof far - 1, ""}};
    const int64_t sizes[] = {sizeof far - 1};
    const int32_t place[2] = {0, 0};
    one o, values;
    mr_batch batch;
    uint32_t rows;
    mr_arena_init(&arena, "test", 1 << 20);
    mr_batch_init(&batch, 0);
    memcpy(views[1].text + 4, place, sizeof place);
    make_one(&o, "vu", 2, 4);
    o.buffers[1] = views, o.buffers[2] = far, o.buffers[3] = sizes;
    MR_EXPECT_OK(import_one(&o, &batch, &rows));
    MR_EXPECT_TEXT(joined(&batch, rows), "abc|a text of more than twelve bytes");

    const int32_t offsets[] = {0, 3, 8, 8};
    const uint8_t two_of_three = 3, first_three = 0xf7;
    make_one(&values, "u", 3, 3);
    values.buffers[0] = &two_of_three, values.buffers[1] = offsets, values.buffers[2] = "redgreen";
    values.child.null_count = 1;
    make_one(&o, "C", 5, 2);
    o.buffers[0] = &first_three, o.child.null_count = 1;
    o.buffers[1] = (uint8_t[]){1, 0, 1, 9, 2};
    o.child_schema.dictionary = &values.child_schema, o.child.dictionary = &values.child;
    MR_EXPECT_OK(import_one(&o, &batch, &rows));
    MR_EXPECT_TEXT(joined(&batch, rows), "green|red|green|-|-");

    const int32_t list_offsets[] = {0, 2, 2, 3};
    make_one(&values, "g", 3, 2);
    values.buffers[1] = (double[]){1.5, __builtin_nan(""), 2};
    make_one(&o, "+l", 3, 2);
    o.buffers[1] = list_offsets;
    o.child_schema.n_children = 1, o.child_schema.children = values.schema_children;
    o.child.n_children = 1, o.child.children = values.children;
    MR_EXPECT_OK(import_one(&o, &batch, &rows));
    MR_EXPECT_TEXT(joined(&batch, rows), "[1.5,\"NaN\"]|[]|[2.0]");
    mr_batch_done(&batch);
    mr_arena_done(&arena);
}

/* --- hostile schemas and arrays
 * --------------------------------------------------------------------- */

static void expect_refused(one *o, const char *wanted)
{
    mr_batch batch;
    uint32_t rows;
    mr_batch_init(&batch, 0);
    const int before = released;
    const bool array_was_given =
        strstr(wanted, "place among") == NULL && strstr(wanted, "schema") == NULL;
    MR_EXPECT(import_one(o, &batch, &rows) != MR_OK);
    if (strstr(err.text, wanted) == NULL)
        MR_TEST_FAIL("\"%s\" does not hold \"%s\"\n", err.text, wanted);
    if (array_was_given && o->array.release == NULL) MR_EXPECT_I64(released, >=, before);
    mr_batch_done(&batch);
}

MR_TEST(types_without_a_place_are_refused_by_name)
{
    static const char *const cases[][2] = {
        {"tDs", "a duration"},
        {"tiM", "an interval"},
        {"+ud:0,1", "a dense union"},
        {"+us:0,1", "a sparse union"},
        {"+r", "run-end"},
        {"+vl", "a list view"},
        {"?", "a type that is not known"},
        {"", "a type that is not known"},
        {"d:77,0", "a type that is not known"},
        {"d:5", "a type that is not known"},
        {"d:5,2,48", "a type that is not known"},
        {"w:-1", "a type that is not known"},
        {"w:99999999999", "a type that is not known"},
        {"tsx:", "a type that is not known"},
        {"ts", "a type that is not known"},
        {"+l", "cannot have 0 children"},
    };
    mr_arena_init(&arena, "test", 1 << 20);
    for (size_t i = 0; i < MR_COUNT_OF(cases); i++) {
        one o;
        make_one(&o, cases[i][0], 1, 2);
        mr_arrow_importer importer = {0};
        MR_EXPECT(mr_arrow_importer_open(&importer, &o.schema, false, &arena, &err) != MR_OK);
        if (strstr(err.text, cases[i][1]) == NULL) MR_TEST_FAIL("%s: %s\n", cases[i][0], err.text);
        mr_arrow_importer_close(&importer);
    }
    one o;
    make_one(&o, "l", 1, 2);
    mr_arrow_importer importer = {0};
    MR_EXPECT_CODE(mr_arrow_importer_open(&importer, &o.child_schema, false, &arena, &err),
                   MR_ERR_INPUT);
    mr_arrow_importer_close(&importer);
    o.schema.release = NULL;
    MR_EXPECT_CODE(mr_arrow_importer_open(&importer, &o.schema, false, &arena, &err), MR_ERR_INPUT);
    mr_arrow_importer_close(&importer);
    mr_arena_done(&arena);
}

MR_TEST(a_schema_that_contains_itself_is_refused)
{
    one o;
    mr_arena_init(&arena, "test", 1 << 20);
    make_one(&o, "+s", 1, 1);
    o.child_schema.n_children = 1;
    o.child_schema.children = o.schema_children;
    mr_arrow_importer importer = {0};
    MR_EXPECT_CODE(mr_arrow_importer_open(&importer, &o.schema, false, &arena, &err), MR_ERR_LIMIT);
    mr_arrow_importer_close(&importer);
    mr_arena_done(&arena);
}

MR_TEST(arrays_that_contradict_their_schema_are_refused)
{
    const int32_t good[] = {0, 1, 2}, backwards[] = {0, 2, 1}, before[] = {-1, 0, 1};
    one o;
    mr_arena_init(&arena, "test", 1 << 20);
#define TEXTS(offsets) make_one(&o, "u", 2, 3), o.buffers[1] = (offsets), o.buffers[2] = "ab"
    TEXTS(good), o.array.release = NULL, expect_refused(&o, "released already");
    TEXTS(good), o.child.release = NULL, expect_refused(&o, "released already");
    TEXTS(good), o.child.length = -1, expect_refused(&o, "length -1");
    TEXTS(good), o.child.length = INT64_MAX, expect_refused(&o, "length 9223372036854775807");
    TEXTS(good), o.child.offset = INT64_MAX, expect_refused(&o, "at offset 9223372036854775807");
    TEXTS(good), o.child.length = 1, expect_refused(&o, "the length is 1, expected 2");
    TEXTS(good), o.child.n_buffers = 2,
                 expect_refused(&o, "the number of buffers is 2, expected 3");
    TEXTS(good), o.child.buffers = NULL, expect_refused(&o, "no list of buffers");
    TEXTS(good), o.child.null_count = 3, expect_refused(&o, "the number of nulls");
    TEXTS(good), o.child.null_count = 1, expect_refused(&o, "1 nulls without a validity");
    TEXTS(good), o.array.n_children = 0, expect_refused(&o, "the number of children is 0");
    TEXTS(good), o.array.children = NULL, expect_refused(&o, "no list of children");
    TEXTS(good), o.children[0] = NULL, expect_refused(&o, "is missing");
    TEXTS(good), o.child.dictionary = &o.array, expect_refused(&o, "a dictionary that its schema");
    TEXTS(NULL), expect_refused(&o, "buffer 1 is missing");
    TEXTS(good), o.buffers[2] = NULL, expect_refused(&o, "its texts are missing");
    TEXTS(backwards), expect_refused(&o, "row 2: its text ends before it begins");
    TEXTS(before), expect_refused(&o, "begins before its buffer");
    TEXTS((const int32_t *)(const void *)((const char *)good + 1)),
        expect_refused(&o, "not aligned");
    TEXTS(good), o.buffers[2] = "a\xff", expect_refused(&o, "row 2: its text is not UTF-8");
#undef TEXTS
    make_one(&o, "C", 1, 2), o.buffers[1] = "\x07";
    o.child_schema.dictionary = &o.child_schema;
    expect_refused(&o, "nested more than");
    mr_arena_done(&arena);
}

MR_TEST(values_without_a_literal_are_refused_by_row)
{
    const mr_i128 wide[2] = {0, 1}, digits[1] = {mr_pow10_i128(38)};
    one o;
    mr_arena_init(&arena, "test", 1 << 20);
#define VALUE(format, value) make_one(&o, format, 1, 2), o.buffers[1] = (value)
    VALUE("tdD", (&(int32_t){2932897})),
        expect_refused(&o, "row 1: a date outside years 0 to 9999");
    VALUE("tdm", (&(int64_t){1})), expect_refused(&o, "not the beginning of a day");
    VALUE("tts", (&(int32_t){86400})), expect_refused(&o, "a time outside");
    VALUE("ttn", (&(int64_t){-1})), expect_refused(&o, "a time outside");
    VALUE("tss:", (&(int64_t){INT64_MAX})),
        expect_refused(&o, "a timestamp outside years 0 to 9999");
    VALUE("tss:+23:59", (&(int64_t){INT64_MAX})), expect_refused(&o, "a timestamp outside");
    VALUE("d:76,0,256", wide), expect_refused(&o, "a decimal of more than 38 digits");
    VALUE("d:38,0", digits), expect_refused(&o, "a decimal of more than 38 digits");
    VALUE("d:38,-38", digits), expect_refused(&o, "a decimal of more than 38 digits");
    VALUE("d:38,60", (&(mr_i128){1})), expect_refused(&o, "a decimal of more than 38 digits");
#undef VALUE
    mr_arena_done(&arena);
}

/* --- there and back
 * -------------------------------------------------------------------------------- */

/* What a batch says, kept apart from it. */
static void copy_batch(mr_batch *to, const mr_batch *from, const mr_schema *schema)
{
    mr_batch_init(to, 0);
    MR_EXPECT_OK(mr_batch_set_schema(to, schema, &err));
    MR_EXPECT_OK(mr_batch_reserve_rows(to, from->row_count, &err));
    for (uint32_t i = 0; i < from->column_count; i++)
        MR_EXPECT_OK(
            mr_column_append_rows(&to->columns[i], 0, &from->columns[i], 0, from->row_count, &err));
    to->row_count = from->row_count;
}

static void expect_same(const mr_batch *got, const mr_batch *wanted, uint32_t from)
{
    mr_batch_check(got);
    for (uint32_t i = 0; i < wanted->column_count; i++) {
        for (uint32_t row = 0; row < got->row_count; row++) {
            const mr_column *a = &got->columns[i], *b = &wanted->columns[i];
            const mr_slice x = mr_column_text(a, row), y = mr_column_text(b, from + row);
            if (mr_column_is_null(a, row) != mr_column_is_null(b, from + row) ||
                !mr_slice_equal(x, y))
                MR_TEST_FAIL("column %u row %u: \"%.*s\", expected \"%.*s\"\n", i, row,
                             MR_SLICE_ARGS(x), MR_SLICE_ARGS(y));
            if (!mr_column_is_null(a, row) && b->type != MR_TYPE_MIXED)
                MR_EXPECT_U64(mr_column_type(a, row), ==, b->type);
        }
    }
}

static void round_trip(uint32_t rows, bool lend, uint32_t max_rows)
{
    mr_schema schema;
    mr_batch batch, back, wanted;
    mr_arrow_plan plan;
    mr_arrow_exporter *exporter;
    mr_arrow_importer importer;
    struct ArrowSchema described;
    struct ArrowArray array;
    mr_arena_init(&arena, "test", (size_t)64 << 20);
    mr_batch_init(&batch, 0);
    mr_batch_init(&back, max_rows);
    arrow_batch_schema(&schema, &arena);
    arrow_batch_fill(&batch, &schema, rows, random_state % 4 == 0, &random_state);
    copy_batch(&wanted, &batch, &schema);
    MR_EXPECT_OK(mr_arrow_exporter_open(&exporter, &err));
    MR_EXPECT_OK(mr_arrow_plan_init(&plan, &schema, false, &arena, &err));
    mr_arrow_plan_look(&plan, &batch, false);
    MR_EXPECT_OK(mr_arrow_export_schema(&plan, &described, &err));
    MR_EXPECT_OK(mr_arrow_importer_open(&importer, &described, lend, &arena, &err));
    described.release(&described);
    const char *text = batch.columns[16].data.ptr;
    MR_EXPECT_OK(mr_arrow_export(exporter, &plan, &batch, NULL, &array, &err));
    MR_EXPECT_OK(mr_arrow_importer_give(&importer, &array, &err));
    uint32_t got = 0, done = 0;
    do {
        MR_EXPECT_OK(mr_arrow_importer_next(&importer, &back, &got, &err));
        MR_EXPECT_U64(back.row_count, ==, got);
        expect_same(&back, &wanted, done);
        if (lend && done == 0 && got > 0 && back.columns[16].loan != NULL)
            MR_EXPECT(back.columns[16].data.ptr == text); /* no copy was made */
        done += got;
    } while (got > 0);
    MR_EXPECT_U64(done, ==, rows);
    if (lend && rows > 200) MR_EXPECT_U64(importer.lent_count, >, 0);
    mr_arrow_importer_close(&importer);
    MR_EXPECT_U64(mr_arrow_exporter_leased(exporter), ==, 0);
    mr_arrow_exporter_close(exporter);
    mr_batch_done(&batch), mr_batch_done(&back), mr_batch_done(&wanted);
    mr_arena_done(&arena);
}

MR_TEST(random_batches_come_back_as_they_were)
{
    for (uint32_t i = 0; i < 60; i++)
        round_trip(i * i % 700, i % 2 == 0, i % 3 == 0 ? 100 : 0);
    round_trip(3000, true, 0);
}

MR_TEST(a_lent_batch_outlives_its_importer_and_can_be_made_ones_own)
{
    static const int32_t offsets[] = {0, 2, 4, 6};
    _Alignas(4096) static char page[4096] = "aabbcc";
    one o;
    mr_batch batch;
    mr_arrow_importer importer;
    uint32_t rows;
    mr_arena_init(&arena, "test", 1 << 20);
    mr_batch_init(&batch, 0);
    make_one(&o, "u", 3, 3);
    o.buffers[1] = offsets, o.buffers[2] = page;
    MR_EXPECT_OK(mr_arrow_importer_open(&importer, &o.schema, true, &arena, &err));
    released = 0;
    MR_EXPECT_OK(mr_arrow_importer_give(&importer, &o.array, &err));
    MR_EXPECT(o.array.release == NULL);
    MR_EXPECT_OK(mr_arrow_importer_next(&importer, &batch, &rows, &err));
    MR_EXPECT(batch.columns[0].data.ptr == page);
    mr_arrow_importer_close(&importer);
    MR_EXPECT_I64(released, ==, 0);
    MR_EXPECT_TEXT(joined(&batch, rows), "aa|bb|cc");
    MR_EXPECT_OK(mr_batch_own(&batch, &err));
    MR_EXPECT(batch.columns[0].data.ptr != page);
    MR_EXPECT_I64(released, ==, 1);
    MR_EXPECT_TEXT(joined(&batch, rows), "aa|bb|cc");
    mr_batch_done(&batch);
    mr_arena_done(&arena);
}

MR_TEST(once_warm_lending_allocates_nothing)
{
    static int32_t offsets[1001];
    _Alignas(4096) static char page[8192];
    mr_batch batch;
    mr_arrow_importer importer;
    one o;
    uint32_t rows;
    mr_arena_init(&arena, "test", 1 << 20);
    mr_batch_init(&batch, 0);
    for (int32_t i = 0; i <= 1000; i++)
        offsets[i] = i * 4;
    memset(page, 'a', sizeof page);
    make_one(&o, "u", 1000, 3);
    MR_EXPECT_OK(mr_arrow_importer_open(&importer, &o.schema, true, &arena, &err));
    mr_mem_mark warm = {0};
    for (int round = 0; round < 20; round++) {
        make_one(&o, "u", 1000, 3);
        o.buffers[1] = offsets, o.buffers[2] = page;
        if (round == 10) warm = mr_mem_mark_now();
        MR_EXPECT_OK(mr_arrow_importer_give(&importer, &o.array, &err));
        do
            MR_EXPECT_OK(mr_arrow_importer_next(&importer, &batch, &rows, &err));
        while (rows > 0);
    }
    MR_EXPECT_U64(mr_mem_allocs_since(warm), ==, 0);
    MR_EXPECT_U64(importer.lent_count, ==, 20);
    mr_arrow_importer_close(&importer);
    mr_batch_done(&batch);
    mr_arena_done(&arena);
}

static mr_code import_with_memory_of_its_own(void)
{
    static const int32_t offsets[] = {0, 2, 4, 6};
    _Alignas(4096) static char page[4096] = "aabbcc";
    one o, values;
    mr_batch batch;
    mr_arrow_importer importer = {0};
    uint32_t rows = 0;
    mr_arena own;
    make_one(&values, "u", 3, 3);
    values.buffers[1] = offsets, values.buffers[2] = page;
    make_one(&o, "C", 3, 2);
    o.buffers[1] = "\0\1\2";
    o.child_schema.dictionary = &values.child_schema, o.child.dictionary = &values.child;
    mr_arena_init(&own, "test", 1 << 20);
    mr_batch_init(&batch, 0);
    mr_code rc = mr_arrow_importer_open(&importer, &o.schema, true, &own, &err);
    if (rc == MR_OK) rc = mr_arrow_importer_give(&importer, &o.array, &err);
    if (rc == MR_OK) rc = mr_arrow_importer_next(&importer, &batch, &rows, &err);
    mr_arrow_importer_close(&importer);
    mr_batch_done(&batch);
    mr_arena_done(&own);
    return rc;
}

MR_TEST(without_memory_nothing_comes_in_and_nothing_leaks)
{
    MR_EACH_ALLOC_FAILS(import_with_memory_of_its_own());
}
