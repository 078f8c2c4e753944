/* SPDX-License-Identifier: MIT
 *
 * What an evaluator promises beyond the language: batches of many blocks, rows left out, columns
 * that come and go, memory, limits. */
#include "expr/expr.h"

#include "record/column.h"
#include "support/test.h"

#define ROWS 5000u /* of five blocks, the last of them cut */

static mr_error err;

typedef struct fixture {
    mr_arena arena;
    mr_batch batch;
    mr_expr *expr;
    mr_eval *eval;
    uint8_t keep[(ROWS + 7) / 8];
    uint32_t kept;
    mr_column column;
} fixture;

/* Column "i" is the row's number, null every 10th and absent every 15th row; "t" its untyped text,
 * "s" a text that grows, "n" is mixed: an int, a string, a decimal in turn. */
static void fill(mr_batch *batch, uint32_t rows)
{
    static const char *const names[] = {"i", "t", "s", "n"};
    static const mr_type types[] = {MR_TYPE_INT, MR_TYPE_STRING, MR_TYPE_STRING, MR_TYPE_NULL};
    uint32_t number;
    for (unsigned i = 0; i < 4; i++)
        MR_EXPECT_OK(mr_batch_add_column(batch, mr_slice_text(names[i]), types[i], &number, &err));
    for (uint32_t row = 0; row < rows; row++) {
        char text[32];
        mr_column *c = batch->columns;
        MR_EXPECT_OK(mr_batch_begin_row(batch, &err));
        c = batch->columns;
        const size_t len = (size_t)snprintf(text, sizeof text, "%u", row);
        if (row % 15 == 7)
            MR_EXPECT_OK(mr_column_append_absent(&c[0], row, &err));
        else if (row % 10 == 3)
            mr_column_append_null(&c[0], row);
        else
            MR_EXPECT_OK(mr_column_append(&c[0], row, (mr_slice){text, len}, &err));
        MR_EXPECT_OK(mr_column_append(&c[1], row, (mr_slice){text, len}, &err));
        MR_EXPECT_OK(mr_column_append(&c[2], row, (mr_slice){"xxxxxxxxxx", row % 11}, &err));
        static const mr_type mixed[] = {MR_TYPE_INT, MR_TYPE_STRING, MR_TYPE_DECIMAL};
        const mr_slice value = row % 3 == 2 ? MR_SLICE("0.5") : (mr_slice){text, len};
        MR_EXPECT_OK(mr_column_append(&c[3], row, value, &err));
        MR_EXPECT_OK(mr_column_tag(&c[3], row, mixed[row % 3], &err));
        mr_batch_end_row(batch, 0, 0, row, row);
    }
    mr_batch_check(batch);
}

static void open_fixture(fixture *f, const char *text, bool untyped)
{
    memset(f, 0, sizeof *f);
    mr_arena_init(&f->arena, "test.eval", (size_t)16 << 20);
    mr_batch_init(&f->batch, ROWS);
    fill(&f->batch, ROWS);
    const mr_expr_env env = {.all_untyped = untyped};
    MR_EXPECT_OK(mr_expr_compile(&f->arena, mr_slice_text(text), &env, &f->expr, &err));
    MR_EXPECT_OK(mr_eval_new(f->expr, &f->eval, &err));
}

static void close_fixture(fixture *f)
{
    mr_column_done(&f->column);
    mr_eval_free(f->eval);
    mr_expr_free(f->expr);
    mr_batch_done(&f->batch);
    mr_arena_done(&f->arena);
}

static bool bit(const uint8_t *bits, uint32_t row)
{
    return (bits[row / 8] >> row % 8 & 1) != 0;
}

MR_TEST(rows_are_kept_where_the_expression_is_true)
{
    fixture f;
    open_fixture(&f, ".i % 2 = 0 and .i > 100", false);
    MR_EXPECT_OK(mr_eval_keep(f.eval, &f.batch, NULL, f.keep, &f.kept, &err));
    uint32_t wanted = 0;
    for (uint32_t row = 0; row < ROWS; row++) {
        const bool none = row % 15 == 7 || row % 10 == 3;
        const bool truth = !none && row % 2 == 0 && row > 100;
        MR_EXPECT(bit(f.keep, row) == truth);
        wanted += truth;
    }
    MR_EXPECT_U64(f.kept, ==, wanted);
    MR_EXPECT_U64(mr_eval_fault_count(f.eval), ==, 0);
    close_fixture(&f);
}

MR_TEST(rows_left_out_are_not_looked_at)
{
    fixture f;
    open_fixture(&f, "1 / (.i % 3) > 0", false);
    for (uint32_t row = 0; row < ROWS; row++) /* the chosen rows come in as the result goes out */
        mr_bits_put(f.keep, row, row % 6 == 1 || row % 6 == 3);
    MR_EXPECT_OK(mr_eval_keep(f.eval, &f.batch, f.keep, f.keep, &f.kept, &err));
    uint32_t faults = 0;
    for (uint32_t row = 0; row < ROWS; row++) {
        const bool none = row % 15 == 7 || row % 10 == 3;
        MR_EXPECT(bit(f.keep, row) == (row % 6 == 1 && !none));
        if (row % 6 != 3 || none) continue;
        const mr_eval_fault fault = mr_eval_fault_at(f.eval, faults++);
        MR_EXPECT_U64(fault.row, ==, row);
        MR_EXPECT_SLICE(fault.text, "1:3: '/': division by zero");
        MR_EXPECT_SLICE(fault.field, "i");
    }
    MR_EXPECT_U64(mr_eval_fault_count(f.eval), ==, faults);
    close_fixture(&f);
}

MR_TEST(a_column_of_values_has_every_state_and_type)
{
    fixture f;
    open_fixture(&f, "if(.i > 2000, .i + 1, .n)", false);
    MR_EXPECT_U64(mr_expr_result_of(f.expr).type, ==, MR_TYPE_MIXED);
    for (int turn = 0; turn < 2; turn++) {
        MR_EXPECT_OK(mr_eval_value(f.eval, &f.batch, NULL, &f.column, &err));
        for (uint32_t row = 0; row < ROWS; row++) {
            const bool none = row % 15 == 7 || row % 10 == 3;
            char text[16];
            if (none || row <= 2000) {
                MR_EXPECT(mr_slice_equal(mr_column_text(&f.column, row),
                                         mr_column_text(&f.batch.columns[3], row)));
                MR_EXPECT(mr_column_type(&f.column, row) ==
                          mr_column_type(&f.batch.columns[3], row));
                continue;
            }
            snprintf(text, sizeof text, "%u", row + 1);
            MR_EXPECT_SLICE(mr_column_text(&f.column, row), text);
            MR_EXPECT(mr_column_type(&f.column, row) == MR_TYPE_INT);
        }
    }
    close_fixture(&f);
}

MR_TEST(null_absent_and_rows_left_out_are_told_apart)
{
    fixture f;
    uint8_t rows[(ROWS + 7) / 8];
    open_fixture(&f, "coalesce(.i)", false);
    for (uint32_t row = 0; row < ROWS; row++)
        mr_bits_put(rows, row, row % 4 != 0);
    MR_EXPECT_OK(mr_eval_value(f.eval, &f.batch, rows, &f.column, &err));
    for (uint32_t row = 0; row < ROWS; row++) {
        const bool absent = row % 4 != 0 && row % 15 == 7;
        MR_EXPECT(mr_column_is_absent(&f.column, row) == absent);
        MR_EXPECT(mr_column_is_null(&f.column, row) == (row % 4 == 0 || absent || row % 10 == 3));
    }
    close_fixture(&f);
}

MR_TEST(columns_may_come_move_and_go)
{
    fixture f;
    mr_batch other;
    uint32_t number;
    open_fixture(&f, ".s ?? \"none\"", false);
    mr_batch_init(&other, 4);
    MR_EXPECT_OK(mr_batch_add_column(&other, MR_SLICE("s"), MR_TYPE_INT, &number, &err));
    MR_EXPECT_OK(mr_batch_begin_row(&other, &err));
    MR_EXPECT_OK(mr_column_append(&other.columns[0], 0, MR_SLICE("5"), &err));
    mr_batch_end_row(&other, 0, 0, 0, 0);
    MR_EXPECT_OK(mr_eval_value(f.eval, &f.batch, NULL, &f.column, &err));
    MR_EXPECT_SLICE(mr_column_text(&f.column, 3), "xxx");
    MR_EXPECT_OK(mr_eval_value(f.eval, &other, NULL, &f.column, &err));
    MR_EXPECT_SLICE(mr_column_text(&f.column, 0), "5");
    mr_batch_reset(&other);
    MR_EXPECT_OK(mr_batch_add_column(&other, MR_SLICE("z"), MR_TYPE_INT, &number, &err));
    MR_EXPECT_OK(mr_batch_begin_row(&other, &err));
    mr_column_append_null(&other.columns[0], 0);
    mr_batch_end_row(&other, 0, 0, 0, 0);
    MR_EXPECT_OK(mr_eval_value(f.eval, &other, NULL, &f.column, &err));
    MR_EXPECT_SLICE(mr_column_text(&f.column, 0), "none");
    mr_batch_done(&other);
    close_fixture(&f);
}

MR_TEST(nothing_is_allocated_once_warm)
{
    static const char *const texts[] = {
        ".t > 100",
        ".i > 100 and .t < 4000",
        "upper(.s) + \"-\" + string(.i * 2)",
        "if(.n = 5, split(.s, \"x\"), concat(.s, .i))",
        "1 / (.i % 3)", /* a third of the rows are faults */
        ".n between 1 and 5 or .s like \"%x\"",
        "decimal(.t) / 7",
        "replace(.s, \"x\", \"yy\")",
        "regex_match(.t, r\"^[0-9]+5$\") and regex_extract(.s, \"(x+)\") != \"xx\"",
        "regex_replace(.t, \"[05]\", \"<$0>\") + sha256(.s, .i) + hash(.t)",
        "record_hash() + crc32c(.s, .i)",
        "date_add(date(\"2024-01-01\"), int(.t), \"day\")",
    };
    for (size_t i = 0; i < MR_COUNT_OF(texts); i++) {
        fixture f;
        open_fixture(&f, texts[i], true);
        for (unsigned turn = 0; turn < 5; turn++) {
            const mr_mem_mark warm = mr_mem_mark_now();
            const uint64_t calls = mr_test_malloc_count();
            MR_EXPECT_OK(mr_eval_value(f.eval, &f.batch, NULL, &f.column, &err));
            MR_EXPECT_OK(mr_eval_keep(f.eval, &f.batch, NULL, f.keep, &f.kept, &err));
            if (turn < 2) continue;
            MR_EXPECT_U64(mr_mem_allocs_since(warm), ==, 0);
            MR_EXPECT_U64(mr_test_malloc_count() - calls, ==, 0);
        }
        close_fixture(&f);
    }
}

static mr_code scenario(const mr_batch *batch, mr_column *column)
{
    mr_arena arena;
    mr_expr *expr = NULL;
    mr_eval *eval = NULL;
    mr_arena_init(&arena, "test.eval", (size_t)16 << 20);
    mr_code rc = mr_expr_compile(
        &arena, MR_SLICE("if(.i % 3 = 0, 1 / (.i - 6), upper(.s) + \"x\") ?? concat(1, 2)"), NULL,
        &expr, &err);
    if (rc == MR_OK) rc = mr_eval_new(expr, &eval, &err);
    if (rc == MR_OK) rc = mr_eval_value(eval, batch, NULL, column, &err);
    mr_eval_free(eval);
    if (rc == MR_OK) mr_expr_free(expr);
    mr_arena_done(&arena);
    return rc;
}

MR_TEST(short_memory_is_an_error_and_leaks_nothing)
{
    mr_batch batch;
    mr_column column = {0};
    mr_batch_init(&batch, 64);
    fill(&batch, 40);
    MR_EXPECT_OK(scenario(&batch, &column)); /* the column has its memory */
    MR_EACH_ALLOC_FAILS(scenario(&batch, &column));
    mr_column_done(&column);
    mr_batch_done(&batch);
}

static mr_code compile(const char *text)
{
    mr_arena arena;
    mr_expr *expr;
    mr_arena_init(&arena, "test.eval", (size_t)64 << 20);
    const mr_code rc = mr_expr_compile(&arena, mr_slice_text(text), NULL, &expr, &err);
    if (rc == MR_OK) mr_expr_free(expr);
    mr_arena_done(&arena);
    return rc;
}

/* `head`, `count` times `middle`, `tail`. */
static const char *repeated(const char *head, const char *middle, size_t count, const char *tail)
{
    static char text[1 << 20];
    size_t at = (size_t)snprintf(text, sizeof text, "%s", head);
    for (size_t i = 0; i < count; i++)
        at += (size_t)snprintf(text + at, sizeof text - at, "%s", middle);
    snprintf(text + at, sizeof text - at, "%s", tail);
    return text;
}

MR_TEST(limits_are_named)
{
    MR_EXPECT_CODE(compile(repeated("", "(", 100000, "1")), MR_ERR_LIMIT);
    MR_EXPECT_TEXT(err.text, "the expression is longer than 65536 bytes");
    MR_EXPECT_CODE(compile(repeated("", "(", 5000, "1")), MR_ERR_LIMIT);
    MR_EXPECT_TEXT(err.text, "1:101: more than 100 parentheses, calls and signs inside each other");
    MR_EXPECT_CODE(compile(repeated("", "-", 5000, "1")), MR_ERR_LIMIT);
    MR_EXPECT_CODE(compile(repeated("", "not ", 5000, "true")), MR_ERR_LIMIT);
    MR_EXPECT_CODE(compile(repeated(".a", "[0", 5000, "")), MR_ERR_LIMIT);
    MR_EXPECT_CODE(compile(repeated(".a", "+.a", 9000, "")), MR_ERR_LIMIT);
    MR_EXPECT_CODE(compile(repeated("least(1", ",.a", 2000, ")")), MR_ERR_LIMIT);
    MR_EXPECT_CODE(compile(repeated("1 in (1", ",1", 2000, ")")), MR_ERR_LIMIT);
    MR_EXPECT_CODE(compile(repeated("if(", ".a,1,", 300, "2)")), MR_ERR_LIMIT);
    MR_EXPECT_OK(compile(repeated(".a", "+.a", 2000, "")));
    MR_EXPECT_OK(compile(repeated(".a > 1", " or .a > 1", 1000, "")));
}

MR_TEST(a_text_may_not_grow_without_end)
{
    fixture f;
    open_fixture(&f, "repeat(.s, 9000000)", false);
    MR_EXPECT_OK(mr_eval_keep(f.eval, &f.batch, NULL, f.keep, &f.kept, &err));
    const mr_eval_fault fault = mr_eval_fault_at(f.eval, 8);
    MR_EXPECT_U64(fault.row, ==, 8);
    MR_EXPECT_SLICE(fault.text, "1:1: repeat: the text is too large: over 67108864 bytes, or "
                                "268435456 with its neighbours");
    close_fixture(&f);
}

MR_TEST(what_the_result_is_is_known_in_advance)
{
    static const struct {
        const char *text;
        mr_type type;
        bool untyped, constant;
    } cases[] = {
        {"1 + 1", MR_TYPE_INT, false, true},
        {"int(.a)", MR_TYPE_INT, false, false},
        {"int(.a) + 1", MR_TYPE_DECIMAL, false, false},
        {"float(.a) * 2", MR_TYPE_FLOAT, false, false},
        {".a > 1 or .b", MR_TYPE_BOOL, false, false},
        {"if(.a > 1, \"x\", string(.b))", MR_TYPE_STRING, false, false},
        {"if(.a > 1, 1, \"x\")", MR_TYPE_MIXED, false, false},
        {"if(.a > 1, 1, 2.5)", MR_TYPE_DECIMAL, false, false},
        {"date(.a)", MR_TYPE_DATE, false, false},
        {".a", MR_TYPE_MIXED, false, false},
        {"null", MR_TYPE_NULL, false, true},
    };
    for (size_t i = 0; i < MR_COUNT_OF(cases); i++) {
        mr_arena arena;
        mr_expr *expr;
        mr_arena_init(&arena, "test.eval", (size_t)1 << 20);
        MR_EXPECT_OK(mr_expr_compile(&arena, mr_slice_text(cases[i].text), NULL, &expr, &err));
        const mr_expr_result result = mr_expr_result_of(expr);
        if (result.type != cases[i].type || result.untyped != cases[i].untyped ||
            result.constant != cases[i].constant)
            MR_TEST_FAIL("%s is %s\n", cases[i].text, mr_type_name(result.type));
        mr_expr_free(expr);
        mr_arena_done(&arena);
    }
}

MR_TEST(fields_are_listed_once_in_order)
{
    mr_arena arena;
    mr_expr *expr;
    mr_slice name;
    uint32_t count;
    mr_arena_init(&arena, "test.eval", (size_t)1 << 20);
    MR_EXPECT_OK(
        mr_expr_compile(&arena, MR_SLICE(".b + .a * .b + .[\"c d\"].e"), NULL, &expr, &err));
    const mr_slice *fields = mr_expr_fields(expr, &count);
    MR_EXPECT_U64(count, ==, 3);
    MR_EXPECT_SLICE(fields[0], "b");
    MR_EXPECT_SLICE(fields[1], "a");
    MR_EXPECT_SLICE(fields[2], "c d");
    MR_EXPECT(!mr_expr_is_field(expr, &name));
    mr_expr_free(expr);
    MR_EXPECT_OK(mr_expr_compile(&arena, MR_SLICE("(.[\"c d\"])"), NULL, &expr, &err));
    MR_EXPECT(mr_expr_is_field(expr, &name));
    MR_EXPECT_SLICE(name, "c d");
    mr_expr_free(expr);
    mr_arena_done(&arena);
}

MR_TEST(a_predicate_is_true_or_false)
{
    mr_arena arena;
    mr_expr *expr;
    const mr_expr_env env = {.predicate = true};
    mr_arena_init(&arena, "test.eval", (size_t)1 << 20);
    MR_EXPECT_CODE(mr_expr_compile(&arena, MR_SLICE("1 + 1"), &env, &expr, &err), MR_ERR_USAGE);
    MR_EXPECT_TEXT(err.text, "1:1: expected something that is true or false, found int");
    MR_EXPECT_OK(mr_expr_compile(&arena, MR_SLICE(".a"), &env, &expr, &err));
    mr_expr_free(expr);
    mr_arena_done(&arena);
}
