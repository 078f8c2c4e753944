/* SPDX-License-Identifier: MIT */
#include "arrow/export.h"

#include <pthread.h>

#include "arrow/import.h"
#include "core/number.h"
#include "support/arrow_batch.h"
#include "support/test.h"

static mr_arena arena;
static mr_schema schema;
static mr_batch batch;
static mr_arrow_plan plan;
static mr_arrow_exporter *exporter;
static mr_error err;
static uint64_t random_state = 7;

static void open_all(void)
{
    mr_arena_init(&arena, "test", (size_t)64 << 20);
    mr_batch_init(&batch, 0);
    MR_EXPECT_OK(mr_arrow_exporter_open(&exporter, &err));
}

static void close_all(void)
{
    mr_arrow_exporter_close(exporter);
    mr_batch_done(&batch);
    mr_arena_done(&arena);
}

/* A batch of one column with these cells (NULL = null), and the plan for it. */
static void one_column(mr_type type, const char *const *cells, uint32_t rows)
{
    mr_schema_init(&schema, &arena);
    MR_EXPECT_OK(mr_schema_add(&schema, MR_SLICE("x"), type, NULL, &err));
    mr_batch_reset(&batch);
    MR_EXPECT_OK(mr_batch_set_schema(&batch, &schema, &err));
    for (uint32_t row = 0; row < rows; row++) {
        MR_EXPECT_OK(mr_batch_begin_row(&batch, &err));
        if (cells[row] == NULL)
            mr_column_append_null(&batch.columns[0], row);
        else
            MR_EXPECT_OK(mr_column_append(&batch.columns[0], row, mr_slice_text(cells[row]), &err));
        mr_batch_end_row(&batch, 0, 0, 0, row);
    }
    MR_EXPECT_OK(mr_arrow_plan_init(&plan, &schema, false, &arena, &err));
    mr_arrow_plan_look(&plan, &batch, false);
}

static const char *format_of_column(void)
{
    static char text[64];
    struct ArrowSchema out;
    MR_EXPECT_OK(mr_arrow_export_schema(&plan, &out, &err));
    MR_EXPECT_TEXT(out.format, "+s");
    MR_EXPECT_I64(out.n_children, ==, 1);
    MR_EXPECT_TEXT(out.children[0]->name, "x");
    snprintf(text, sizeof text, "%s", out.children[0]->format);
    out.release(&out);
    MR_EXPECT(out.release == NULL);
    return text;
}

MR_TEST(types_go_out_as_the_table_in_the_header_says)
{
    static const struct {
        mr_type type;
        const char *cell, *format;
    } cases[] = {
        {MR_TYPE_NULL, NULL, "n"},
        {MR_TYPE_BOOL, "true", "b"},
        {MR_TYPE_INT, "-7", "l"},
        {MR_TYPE_DECIMAL, "1.250", "d:38,3"},
        {MR_TYPE_DECIMAL, "12345678901234567890", "d:38,0"},
        {MR_TYPE_FLOAT, "0.1", "g"},
        {MR_TYPE_NUMBER, "1e400", "u"},
        {MR_TYPE_DATE, "2024-02-29", "tdD"},
        {MR_TYPE_TIME, "23:59:59", "tts"},
        {MR_TYPE_TIME, "23:59:59.5", "ttm"},
        {MR_TYPE_TIME, "23:59:59.123456", "ttu"},
        {MR_TYPE_TIME, "23:59:59.1234567", "ttn"},
        {MR_TYPE_TIMESTAMP, "2024-02-29T01:02:03", "tss:"},
        {MR_TYPE_TIMESTAMP, "2024-02-29 01:02:03.12", "tsm:"},
        {MR_TYPE_TIMESTAMP, "2024-02-29T01:02:03.1234Z", "tsu:UTC"},
        {MR_TYPE_TIMESTAMP, "2024-02-29T01:02:03.123456789-05:30", "tsn:-05:30"},
        {MR_TYPE_TIMESTAMP, "2024-02-29T01:02:03+00:00", "tss:+00:00"},
        {MR_TYPE_UUID, "01234567-89ab-cdef-0123-456789abcdef", "w:16"},
        {MR_TYPE_STRING, "text", "u"},
        {MR_TYPE_BYTES, "bytes", "z"},
        {MR_TYPE_JSON, "[1]", "u"},
        {MR_TYPE_MIXED, NULL, "u"},
    };
    open_all();
    for (size_t i = 0; i < MR_COUNT_OF(cases); i++) {
        one_column(cases[i].type, &cases[i].cell, 1);
        MR_EXPECT_TEXT(format_of_column(), cases[i].format);
    }
    close_all();
}

MR_TEST(values_are_what_the_literals_say)
{
    static const char *const ints[] = {"-9223372036854775808", NULL, "9223372036854775807", "0"};
    static const char *const moments[] = {"1970-01-01T01:00:00.5+01:00",
                                          "1969-12-31T23:59:59.250+01:00"};
    static const char *const prices[] = {"-0.01", "99999999999999999999999999999999999.125", "7"};
    struct ArrowArray out;
    open_all();
    one_column(MR_TYPE_INT, ints, 4);
    MR_EXPECT_OK(mr_arrow_export(exporter, &plan, &batch, NULL, &out, &err));
    const int64_t *numbers = out.children[0]->buffers[1];
    MR_EXPECT_I64(out.length, ==, 4);
    MR_EXPECT_I64(out.children[0]->null_count, ==, 1);
    MR_EXPECT_I64(((const uint8_t *)out.children[0]->buffers[0])[0] & 15, ==, 13);
    MR_EXPECT(numbers[0] == INT64_MIN && numbers[2] == INT64_MAX && numbers[3] == 0);
    out.release(&out);

    one_column(MR_TYPE_TIMESTAMP, moments, 2);
    MR_EXPECT_OK(mr_arrow_export(exporter, &plan, &batch, NULL, &out, &err));
    const int64_t *times = out.children[0]->buffers[1];
    MR_EXPECT_I64(times[0], ==, 500);
    MR_EXPECT_I64(times[1], ==, -3600750);
    out.release(&out);

    one_column(MR_TYPE_DECIMAL, prices, 3);
    MR_EXPECT_OK(mr_arrow_export(exporter, &plan, &batch, NULL, &out, &err));
    const mr_i128 *values = out.children[0]->buffers[1];
    MR_EXPECT(values[0] == -10 && values[2] == 7000);
    MR_EXPECT(values[1] == mr_pow10_i128(38) - 875);
    out.release(&out);
    close_all();
}

MR_TEST(texts_go_out_without_a_copy_and_the_memory_comes_back)
{
    static const char *const cells[] = {"ab", NULL, "c", ""};
    struct ArrowArray out;
    open_all();
    one_column(MR_TYPE_STRING, cells, 4);
    const void *data = batch.columns[0].data.ptr, *offsets = batch.columns[0].offsets,
               *validity = batch.columns[0].validity;
    MR_EXPECT_OK(mr_arrow_export(exporter, &plan, &batch, NULL, &out, &err));
    MR_EXPECT(out.children[0]->buffers[0] == validity);
    MR_EXPECT(out.children[0]->buffers[1] == offsets);
    MR_EXPECT(out.children[0]->buffers[2] == data);
    MR_EXPECT_U64(batch.row_count, ==, 0);
    MR_EXPECT_U64(mr_arrow_exporter_leased(exporter), ==, 1);
    one_column(MR_TYPE_STRING, cells, 4); /* the batch can be filled while the rows are out */
    MR_EXPECT(memcmp(data, "abc", 3) == 0);
    out.release(&out);
    MR_EXPECT(out.release == NULL);
    MR_EXPECT_U64(mr_arrow_exporter_leased(exporter), ==, 0);
    close_all();
}

MR_TEST(a_child_that_was_moved_out_lives_on)
{
    static const char *const cells[] = {"kept"};
    struct ArrowArray out, child;
    open_all();
    one_column(MR_TYPE_STRING, cells, 1);
    MR_EXPECT_OK(mr_arrow_export(exporter, &plan, &batch, NULL, &out, &err));
    child = *out.children[0];
    out.children[0]->release = NULL;
    out.release(&out);
    MR_EXPECT_U64(mr_arrow_exporter_leased(exporter), ==, 1);
    MR_EXPECT(memcmp(child.buffers[2], "kept", 4) == 0);
    mr_arrow_exporter_close(exporter); /* and longer than the exporter */
    MR_EXPECT(memcmp(child.buffers[2], "kept", 4) == 0);
    child.release(&child);
    exporter = NULL;
    close_all();
}

static void *release_all(void *context)
{
    struct ArrowArray *arrays = context;
    for (int i = 0; i < 32; i++)
        arrays[i].release(&arrays[i]);
    return NULL;
}

MR_TEST(arrays_are_released_by_other_threads)
{
    static struct ArrowArray arrays[4][32];
    pthread_t threads[4];
    open_all();
    arrow_batch_schema(&schema, &arena);
    for (int t = 0; t < 4; t++) {
        for (int i = 0; i < 32; i++) {
            arrow_batch_fill(&batch, &schema, 50, false, &random_state);
            MR_EXPECT_OK(mr_arrow_plan_init(&plan, &schema, false, &arena, &err));
            mr_arrow_plan_look(&plan, &batch, false);
            MR_EXPECT_OK(mr_arrow_export(exporter, &plan, &batch, NULL, &arrays[t][i], &err));
        }
        MR_EXPECT(pthread_create(&threads[t], NULL, release_all, arrays[t]) == 0);
    }
    mr_arrow_exporter_close(exporter);
    exporter = NULL;
    for (int t = 0; t < 4; t++)
        pthread_join(threads[t], NULL);
    close_all();
}

MR_TEST(a_receiver_that_never_releases_is_told_so)
{
    static const char *const cells[] = {"x"};
    static struct ArrowArray arrays[MR_ARROW_MAX_LEASES];
    struct ArrowArray one_more;
    open_all();
    for (int i = 0; i < MR_ARROW_MAX_LEASES; i++) {
        one_column(MR_TYPE_STRING, cells, 1);
        MR_EXPECT_OK(mr_arrow_export(exporter, &plan, &batch, NULL, &arrays[i], &err));
    }
    one_column(MR_TYPE_STRING, cells, 1);
    MR_EXPECT_CODE(mr_arrow_export(exporter, &plan, &batch, NULL, &one_more, &err), MR_ERR_LIMIT);
    MR_EXPECT(one_more.release == NULL);
    for (int i = 0; i < MR_ARROW_MAX_LEASES; i++)
        arrays[i].release(&arrays[i]);
    close_all();
}

MR_TEST(what_cannot_go_out_exactly_is_refused_by_row_column_and_value)
{
    static const struct {
        mr_type type;
        const char *first, *second;
        mr_reason reason;
        const char *detail;
    } cases[] = {
        {MR_TYPE_DECIMAL, "1.25", "1.125", MR_REASON_INEXACT,
         "decimal cannot be Arrow's decimal128(38,2) exactly: '1.125'"},
        {MR_TYPE_DECIMAL, "1.25", "12345678901234567890123456789012345678", MR_REASON_INEXACT,
         NULL},
        {MR_TYPE_TIMESTAMP, "2024-01-01T00:00:00.123456789", "0001-01-01T00:00:00",
         MR_REASON_INEXACT,
         "timestamp cannot be Arrow's timestamp[ns] exactly: '0001-01-01T00:00:00'"},
        {MR_TYPE_TIMESTAMP, "2024-01-01T00:00:00Z", "2024-01-01T00:00:00", MR_REASON_INEXACT, NULL},
        {MR_TYPE_TIMESTAMP, "2024-01-01T00:00:00+01:00", "2024-01-01T00:00:00+02:00",
         MR_REASON_INEXACT,
         "timestamp cannot be Arrow's timestamp[s, zone] exactly: '2024-01-01T00:00:00+02:00'"},
        {MR_TYPE_TIME, "00:00:00", "24:00:00", MR_REASON_INEXACT, NULL},
        {MR_TYPE_INT, "1", "007", MR_REASON_INEXACT, NULL},
        {MR_TYPE_INT, "1", "9223372036854775808", MR_REASON_INEXACT, NULL},
        {MR_TYPE_BOOL, "true", "TRUE", MR_REASON_INEXACT, NULL},
        {MR_TYPE_STRING, "good", "bad \xff", MR_REASON_INVALID_UTF8, NULL},
        {MR_TYPE_STRING, "half \xc3", "\xa9 other half", MR_REASON_INVALID_UTF8, NULL},
    };
    open_all();
    for (size_t i = 0; i < MR_COUNT_OF(cases); i++) {
        const char *const cells[] = {cases[i].first, cases[i].second};
        mr_reject_list refused;
        struct ArrowArray out;
        one_column(cases[i].type, cells, 2);
        MR_EXPECT_OK(mr_arrow_plan_init(&plan, &schema, false, &arena, &err));
        batch.row_count = 1; /* the plan sees the first row only */
        mr_arrow_plan_look(&plan, &batch, false);
        batch.row_count = 2;
        mr_reject_list_init(&refused);
        MR_EXPECT_OK(mr_arrow_export(exporter, &plan, &batch, &refused, &out, &err));
        MR_EXPECT(out.release == NULL);
        MR_EXPECT_U64(refused.count, >=, 1);
        const mr_reject *last = mr_reject_at(&refused, refused.count - 1);
        MR_EXPECT_U64(last->row_before, ==, 1);
        MR_EXPECT_U64(last->reason, ==, cases[i].reason);
        MR_EXPECT_U64(last->column, ==, 1);
        if (cases[i].detail != NULL) MR_EXPECT_TEXT(last->detail, cases[i].detail);
        MR_EXPECT_U64(batch.row_count, ==, 2); /* as before; without the row it goes out */
        const uint8_t keep = refused.count == 1 ? 1 : 0;
        mr_batch_keep_rows(&batch, &keep);
        MR_EXPECT_OK(mr_arrow_export(exporter, &plan, &batch, NULL, &out, &err));
        out.release(&out);
        mr_reject_list_done(&refused);
    }
    close_all();
}

MR_TEST(mixed_columns_are_text_or_an_error)
{
    open_all();
    mr_schema_init(&schema, &arena);
    MR_EXPECT_OK(mr_schema_add(&schema, MR_SLICE("m"), MR_TYPE_MIXED, NULL, &err));
    MR_EXPECT_OK(mr_arrow_plan_init(&plan, &schema, false, &arena, &err));
    MR_EXPECT_CODE(mr_arrow_plan_init(&plan, &schema, true, &arena, &err), MR_ERR_INPUT);
    MR_EXPECT_TEXT(err.text,
                   "column 'm' holds values of several types, and Arrow columns have one; "
                   "cast it, or hand it out as text");
    close_all();
}

MR_TEST(a_plan_may_widen_when_it_is_allowed_to)
{
    static const char *const first[] = {"1.5"}, *const second[] = {"1.125"};
    open_all();
    one_column(MR_TYPE_DECIMAL, first, 1);
    mr_arrow_plan narrow = plan;
    one_column(MR_TYPE_DECIMAL, second, 1);
    MR_EXPECT(!mr_arrow_plan_look(&narrow, &batch, false));
    MR_EXPECT(mr_arrow_plan_look(&narrow, &batch, true));
    MR_EXPECT_U64(narrow.columns[0].scale, ==, 3);
    MR_EXPECT(!mr_arrow_plan_look(&narrow, &batch, true));
    close_all();
}

MR_TEST(once_warm_handing_out_allocates_nothing)
{
    open_all();
    arrow_batch_schema(&schema, &arena);
    mr_mem_mark warm = {0};
    uint64_t mallocs = 0;
    for (int round = 0; round < 40; round++) {
        struct ArrowArray out;
        uint64_t same = 5; /* the largest load has been seen */
        arrow_batch_fill(&batch, &schema, 500, false, &same);
        if (round == 0) {
            MR_EXPECT_OK(mr_arrow_plan_init(&plan, &schema, false, &arena, &err));
            mr_arrow_plan_look(&plan, &batch, false);
        }
        if (round == 20) {
            warm = mr_mem_mark_now();
            mallocs = mr_test_malloc_count();
        }
        MR_EXPECT_OK(mr_arrow_export(exporter, &plan, &batch, NULL, &out, &err));
        out.release(&out);
    }
    MR_EXPECT_U64(mr_mem_allocs_since(warm), ==, 0);
    MR_EXPECT_U64(mr_test_malloc_count() - mallocs, ==, 0);
    close_all();
}

static mr_code fill_and_export(mr_batch *own, mr_arrow_exporter *to, struct ArrowArray *out)
{
    MR_TRY(mr_batch_set_schema(own, &schema, &err));
    MR_TRY(mr_batch_begin_row(own, &err));
    MR_TRY(mr_column_append(&own->columns[0], 0, MR_SLICE("12"), &err));
    mr_batch_end_row(own, 0, 0, 0, 0);
    return mr_arrow_export(to, &plan, own, NULL, out, &err);
}

static mr_code export_once(void)
{
    struct ArrowArray out = {0};
    struct ArrowSchema described = {0};
    mr_arrow_exporter *to = NULL;
    mr_batch own;
    mr_batch_init(&own, 0);
    mr_code rc = mr_arrow_exporter_open(&to, &err);
    if (rc == MR_OK) rc = mr_arrow_export_schema(&plan, &described, &err);
    if (rc == MR_OK) rc = fill_and_export(&own, to, &out);
    mr_arrow_release_array(&out);
    mr_arrow_release_schema(&described);
    mr_arrow_exporter_close(to);
    mr_batch_done(&own);
    return rc;
}

MR_TEST(without_memory_nothing_is_handed_out_and_nothing_leaks)
{
    static const char *const cells[] = {"1"};
    open_all();
    one_column(MR_TYPE_INT, cells, 1);
    MR_EACH_ALLOC_FAILS(export_once());
    close_all();
}
