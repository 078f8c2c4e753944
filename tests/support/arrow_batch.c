/* SPDX-License-Identifier: MIT */
#include "support/arrow_batch.h"

#include "core/number.h"
#include "record/numtext.h"
#include "support/test.h"

static const struct {
    const char *name;
    mr_type type;
} columns[ARROW_BATCH_COLUMNS] = {
    {"nothing", MR_TYPE_NULL},    {"flag", MR_TYPE_BOOL},     {"count", MR_TYPE_INT},
    {"price", MR_TYPE_DECIMAL}, /* two digits behind the point */
    {"huge", MR_TYPE_DECIMAL},  /* none, up to 38 before it */
    {"ratio", MR_TYPE_FLOAT},     {"number", MR_TYPE_NUMBER}, {"day", MR_TYPE_DATE},
    {"clock", MR_TYPE_TIME},      /* whole seconds */
    {"clock_us", MR_TYPE_TIME},   /* six digits */
    {"at", MR_TYPE_TIMESTAMP},    /* T, whole seconds */
    {"at_ms", MR_TYPE_TIMESTAMP}, /* a blank, three digits */
    {"at_us", MR_TYPE_TIMESTAMP}, /* six digits, Z */
    {"at_ns", MR_TYPE_TIMESTAMP}, /* nine digits, +02:00 */
    {"at_ds", MR_TYPE_TIMESTAMP}, /* a blank and one digit */
    {"id", MR_TYPE_UUID},         {"text", MR_TYPE_STRING},   {"raw", MR_TYPE_BYTES},
    {"doc", MR_TYPE_JSON},        {"mixed", MR_TYPE_MIXED},
};

uint64_t arrow_batch_random(uint64_t *random)
{
    *random = *random * 6364136223846793005u + 1442695040888963407u;
    return *random >> 29 ^ *random << 17;
}

void arrow_batch_schema(mr_schema *schema, mr_arena *arena)
{
    mr_error err = {0};
    mr_schema_init(schema, arena);
    for (int i = 0; i < ARROW_BATCH_COLUMNS; i++)
        MR_EXPECT_OK(
            mr_schema_add(schema, mr_slice_text(columns[i].name), columns[i].type, NULL, &err));
}

static size_t digits(char *to, uint32_t count, uint64_t *random)
{
    for (uint32_t i = 0; i < count; i++)
        to[i] = (char)('0' + (i == 0 ? 1 + arrow_batch_random(random) % 9
                                     : arrow_batch_random(random) % 10));
    return count;
}

static size_t put_time(char *to, uint32_t count, uint64_t *random)
{
    const uint64_t value = arrow_batch_random(random) % (86400 * (uint64_t)mr_pow10_i128(count));
    const uint64_t unit = (uint64_t)mr_pow10_i128(count), clock = value / unit;
    int len = sprintf(to, "%02u:%02u:%02u", (unsigned)(clock / 3600), (unsigned)(clock / 60 % 60),
                      (unsigned)(clock % 60));
    if (count > 0)
        len += sprintf(to + len, ".%0*llu", (int)count, (unsigned long long)(value % unit));
    return (size_t)len;
}

static size_t put_timestamp(char *to, mr_time_layout layout, uint64_t *random)
{
    const int64_t unit = (int64_t)mr_pow10_i128(layout >> 8 & 15);
    /* Years 1700 to 2240, which nanoseconds reach. */
    const int64_t seconds = (int64_t)(arrow_batch_random(random) % 17000000000u) - 8500000000;
    mr_day_cache cache = {0};
    const int64_t fraction = (int64_t)(arrow_batch_random(random) % (uint64_t)unit);
    return (size_t)(mr_write_timestamp(to, seconds * unit + fraction, layout, &cache) - to);
}

static size_t put_float(char *to, uint64_t *random)
{
    double value = 0;
    const uint64_t bits = arrow_batch_random(random);
    memcpy(&value, &bits, sizeof value);
    if (bits % 3 == 0) value = (double)(int64_t)(bits >> 40) / 8;
    const size_t len = mr_format_f64(to, value);
    return len > 0 ? len : mr_format_f64(to, 0.5); /* infinities and NaN have no literal */
}

static size_t put_text(char *to, bool any_bytes, uint64_t *random)
{
    static const char *const pieces[] = {
        "a",      "Zo\xc3\xab", "", "\xf0\x9f\x8e\xaf", "long enough to be more than twelve bytes",
        "\"q\"\n"};
    if (any_bytes) {
        const size_t len = arrow_batch_random(random) % 20;
        for (size_t i = 0; i < len; i++)
            to[i] = (char)arrow_batch_random(random);
        return len;
    }
    const char *piece = pieces[arrow_batch_random(random) % MR_COUNT_OF(pieces)];
    memcpy(to, piece, strlen(piece));
    return strlen(piece);
}

/* The literal of one cell of column `number`. */
static size_t put_cell(char *to, int number, uint64_t *random)
{
    static const char *const numbers[] = {"1e400", "-0", "1.0e5", "12", "0.25"};
    static const char *const docs[] = {"{}", "[1,2,{\"a\":null}]", "{\"k\":\"v\",\"n\":1.10}",
                                       "[]"};
    static const mr_time_layout layouts[] = {'T', ' ' | 3 << 8, 'T' | 6 << 8 | 1 << 12,
                                             'T' | 9 << 8 | 1 << 13 | (1440u + 120) << 16,
                                             ' ' | 1 << 8};
    const uint64_t draw = arrow_batch_random(random);
    mr_day_cache cache = {0};
    size_t len = 0;
    switch (number) {
    case 1: return (size_t)sprintf(to, "%s", draw & 1 ? "true" : "false");
    case 2: return mr_format_i64(to, draw % 5 == 0 ? (int64_t)draw : (int64_t)(draw % 2000) - 1000);
    case 3: return mr_format_decimal(to, (mr_i128)(int64_t)(draw % 100000000) - 50000000, 2);
    case 4: return digits(to, 1 + (uint32_t)(draw % 38), random);
    case 5: return put_float(to, random);
    case 6: return (size_t)sprintf(to, "%s", numbers[draw % MR_COUNT_OF(numbers)]);
    case 7: return (size_t)(mr_write_date(to, (int64_t)(draw % 3652059) - 719528, &cache) - to);
    case 8: return put_time(to, 0, random);
    case 9: return put_time(to, 6, random);
    case 15:
        for (int i = 0; i < 16; i++)
            to[40 + i] = (char)arrow_batch_random(random);
        return (size_t)(mr_write_uuid(to, (const uint8_t *)to + 40) - to);
    case 16: return put_text(to, false, random);
    case 17: return put_text(to, true, random);
    case 18:
        len = strlen(docs[draw % MR_COUNT_OF(docs)]);
        memcpy(to, docs[draw % MR_COUNT_OF(docs)], len);
        return len;
    case 19:
        return draw & 1 ? mr_format_i64(to, (int64_t)(draw % 100)) : put_text(to, false, random);
    default: return put_timestamp(to, layouts[number - 10], random);
    }
}

static void fill_cell(mr_batch *batch, int number, uint32_t row, bool full, uint64_t *random)
{
    char room[128];
    mr_error err = {0};
    mr_column *column = &batch->columns[number];
    const uint64_t dice = full ? 11 : arrow_batch_random(random) % 12;
    if (dice == 0) {
        MR_EXPECT_OK(mr_column_append_absent(column, row, &err));
        return;
    }
    if (dice == 1 || number == 0) {
        mr_column_append_null(column, row);
        return;
    }
    const size_t len = put_cell(room, number, random);
    MR_EXPECT_OK(mr_column_append(column, row, (mr_slice){room, len}, &err));
    if (column->type == MR_TYPE_MIXED)
        MR_EXPECT_OK(mr_column_tag(
            column, row, mr_text_is_int((mr_slice){room, len}) ? MR_TYPE_INT : MR_TYPE_STRING,
            &err));
}

void arrow_batch_fill(mr_batch *batch, const mr_schema *schema, uint32_t rows, bool full,
                      uint64_t *random)
{
    mr_error err = {0};
    mr_batch_reset(batch);
    MR_EXPECT_OK(mr_batch_set_schema(batch, schema, &err));
    for (uint32_t row = 0; row < rows; row++) {
        MR_EXPECT_OK(mr_batch_begin_row(batch, &err));
        for (int i = 0; i < ARROW_BATCH_COLUMNS; i++)
            fill_cell(batch, i, row, full, random);
        mr_batch_end_row(batch, 0, 0, 0, row);
    }
}
