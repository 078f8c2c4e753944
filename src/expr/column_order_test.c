/* SPDX-License-Identifier: MIT
 *
 * Comparing a column with a constant text by text gives what comparing values gives: `.a < c` takes
 * the short way, `coalesce(.a) < c` makes values first. */
#include "expr/expr.h"

#include "record/column.h"
#include "support/test.h"

#define ROWS   400u
#define ROUNDS 400u

static mr_error err;
static uint64_t seed = 42;

static uint32_t draw(uint32_t below)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return (uint32_t)(seed >> 33) % below;
}

static size_t put_digits(char *to, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        to[i] = (char)('0' + draw(draw(3) == 0 ? 10 : 2));
    return count;
}

/* Mostly canonical numbers, near each other so that they are often the same. */
static size_t draw_number(char *to, bool canonical)
{
    size_t len = 0;
    const unsigned whole = draw(8) == 0 ? 1 + draw(36) : 1 + draw(3);
    if (draw(4) == 0) to[len++] = '-';
    len += put_digits(to + len, whole);
    const size_t first = to[0] == '-';
    if (whole > 1 && to[first] == '0' && (canonical || draw(9) > 0)) to[first] = '1';
    if (draw(2) == 0 && whole < 30) {
        to[len++] = '.';
        len += put_digits(to + len, 1 + draw(3));
    }
    return len;
}

static size_t draw_odd(char *to)
{
    static const char *const odd[] = {"",     "-",    "n/a",   "1e5", ".5", "5.", "-0",
                                      "-0.0", "1..2", "1.2.3", "0x1", "+1", " 1", "1 ",
                                      "--1",  "true", "٣",     "00",  "1-2"};
    const char *text = odd[draw(MR_COUNT_OF(odd))];
    memcpy(to, text, strlen(text));
    return strlen(text);
}

static size_t draw_moment(char *to, bool date)
{
    static const char *const clocks[] = {
        "T00:00:00Z",      " 00:00:00",       "T12:30:00.5Z",  "T00:00:00.000000001",
        "T23:59:59+02:00", "T01:00:00-00:30", "T00:00:00.100Z"};
    int len = snprintf(to, 40, "%04u-%02u-%02u", 2023 + draw(3), 1 + draw(12), 1 + draw(28));
    if (!date) len += snprintf(to + len, 30, "%s", clocks[draw(MR_COUNT_OF(clocks))]);
    return (size_t)len;
}

static size_t draw_text(char *to)
{
    size_t len = draw(9) == 0 ? 30 + draw(6) : draw(4);
    for (size_t i = 0; i < len; i++)
        to[i] = (char)('a' + draw(i < 28 ? 2 : 20));
    return len;
}

static size_t draw_cell(char *to, mr_type type, bool untyped)
{
    if (untyped && draw(6) == 0) return draw_odd(to);
    if (type == MR_TYPE_INT || type == MR_TYPE_DECIMAL || (untyped && draw(4) > 0))
        return draw_number(to, !untyped);
    if (type == MR_TYPE_DATE || type == MR_TYPE_TIMESTAMP)
        return draw_moment(to, type == MR_TYPE_DATE);
    return draw_text(to);
}

static void fill(mr_batch *batch, mr_type type, bool untyped)
{
    uint32_t number;
    char text[96];
    mr_batch_reset(batch);
    MR_EXPECT_OK(mr_batch_add_column(batch, MR_SLICE("a"), type, &number, &err));
    for (uint32_t row = 0; row < ROWS; row++) {
        MR_EXPECT_OK(mr_batch_begin_row(batch, &err));
        size_t len = draw_cell(text, type, untyped);
        if (type == MR_TYPE_INT && memchr(text, '.', len) != NULL)
            len = (size_t)((char *)memchr(text, '.', len) - text);
        if (!untyped && mr_type_is_number(type) && text[0] == '-' && text[1] == '0') text[1] = '7';
        if (type == MR_TYPE_INT && len > 18) len = 18;
        if (draw(12) == 0)
            mr_column_append_null(&batch->columns[0], row);
        else
            MR_EXPECT_OK(mr_column_append(&batch->columns[0], row, (mr_slice){text, len}, &err));
        mr_batch_end_row(batch, 0, 0, 0, 0);
    }
}

/* A constant that can be compared with the column, as it is written. */
static void draw_constant(char *to, size_t size, mr_type type, bool untyped)
{
    char text[96];
    const bool number = type == MR_TYPE_INT || type == MR_TYPE_DECIMAL || (untyped && draw(2) == 0);
    const bool moment = type == MR_TYPE_DATE || type == MR_TYPE_TIMESTAMP;
    size_t len = number   ? draw_number(text, true)
                 : moment ? draw_moment(text, draw(2))
                          : draw_text(text);
    const char *call = !moment || draw(2) == 0          ? ""
                       : memchr(text, ':', len) != NULL ? "timestamp"
                                                        : "date";
    snprintf(to, size, number ? "%s%.*s" : "%s\"%.*s\"", call, (int)len, text);
}

typedef struct outcome {
    mr_column column;
    uint8_t faults[ROWS];
} outcome;

static void evaluate(const mr_batch *batch, const char *text, bool untyped, outcome *out)
{
    mr_arena arena;
    mr_expr *expr;
    mr_eval *eval;
    mr_arena_init(&arena, "test", (size_t)1 << 20);
    const mr_code rc = mr_expr_compile(&arena, mr_slice_text(text),
                                       &(mr_expr_env){.all_untyped = untyped}, &expr, &err);
    if (rc != MR_OK) MR_TEST_FAIL("%s: %s\n", text, err.text);
    MR_EXPECT_OK(mr_eval_new(expr, &eval, &err));
    MR_EXPECT_OK(mr_eval_value(eval, batch, NULL, &out->column, &err));
    memset(out->faults, 0, sizeof out->faults);
    for (uint32_t i = 0; i < mr_eval_fault_count(eval); i++)
        out->faults[mr_eval_fault_at(eval, i).row] = 1;
    mr_eval_free(eval);
    mr_expr_free(expr);
    mr_arena_done(&arena);
}

static void compare_ways(const mr_batch *batch, const char *rest, bool untyped)
{
    static outcome fast, slow;
    char text[512];
    snprintf(text, sizeof text, ".a %s", rest);
    evaluate(batch, text, untyped, &fast);
    snprintf(text, sizeof text, "coalesce(.a) %s", rest);
    evaluate(batch, text, untyped, &slow);
    for (uint32_t row = 0; row < ROWS; row++) {
        const mr_slice x = mr_column_text(&fast.column, row), y = mr_column_text(&slow.column, row);
        if (mr_slice_equal(x, y) && fast.faults[row] == slow.faults[row] &&
            mr_column_is_null(&fast.column, row) == mr_column_is_null(&slow.column, row))
            continue;
        const mr_slice cell = mr_column_text(&batch->columns[0], row);
        MR_TEST_FAIL("'%.*s' %s: the short way says '%.*s' (%u), values '%.*s' (%u)\n",
                     MR_SLICE_ARGS(cell), rest, MR_SLICE_ARGS(x), fast.faults[row],
                     MR_SLICE_ARGS(y), slow.faults[row]);
    }
}

MR_TEST(the_short_way_says_what_values_say)
{
    static const char *const relations[] = {"=", "!=", "<", "<=", ">", ">="};
    static const struct {
        mr_type type;
        bool untyped;
    } columns[] = {
        {MR_TYPE_INT, false},  {MR_TYPE_DECIMAL, false},   {MR_TYPE_STRING, false},
        {MR_TYPE_DATE, false}, {MR_TYPE_TIMESTAMP, false}, {MR_TYPE_STRING, true},
    };
    mr_batch batch;
    char rest[320], low[128], high[128];
    mr_batch_init(&batch, ROWS);
    for (unsigned round = 0; round < ROUNDS; round++) {
        const unsigned which = round % MR_COUNT_OF(columns);
        const mr_type type = columns[which].type;
        const bool untyped = columns[which].untyped;
        fill(&batch, type, untyped);
        draw_constant(low, sizeof low, type, untyped);
        draw_constant(high, sizeof high, type, untyped);
        snprintf(rest, sizeof rest, "%s %s", relations[draw(6)], low);
        compare_ways(&batch, rest, untyped);
        snprintf(rest, sizeof rest, "between %s and %s", low, high);
        compare_ways(&batch, rest, untyped);
        snprintf(rest, sizeof rest, "in (%s, %s)", low, high);
        compare_ways(&batch, rest, untyped);
    }
    mr_batch_done(&batch);
}
