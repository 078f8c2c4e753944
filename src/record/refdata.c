/* SPDX-License-Identifier: MIT */
#include "record/refdata.h"

#define SECONDS_PER_DAY 86400u
#define DAYS_TO_2024    19723 /* from 1970-01-01 */

#define MIXED10_COLUMNS                                                                       \
    {                                                                                         \
        {"id", MR_TYPE_INT}, {"name", MR_TYPE_STRING}, {"age", MR_TYPE_INT},                  \
            {"city", MR_TYPE_STRING}, {"status", MR_TYPE_STRING}, {"score", MR_TYPE_DECIMAL}, \
            {"created_at", MR_TYPE_TIMESTAMP}, {"active", MR_TYPE_BOOL},                      \
            {"category", MR_TYPE_STRING}, {"value", MR_TYPE_INT},                             \
    }

const mr_refdata_set mr_refdata_sets[] = {
    {"mixed10", 10, MIXED10_COLUMNS},
    {"orders9",
     9,
     {{"order_id", MR_TYPE_INT},
      {"customer_id", MR_TYPE_INT},
      {"product_sku", MR_TYPE_STRING},
      {"quantity", MR_TYPE_INT},
      {"price", MR_TYPE_DECIMAL},
      {"status", MR_TYPE_STRING},
      {"category", MR_TYPE_STRING},
      {"region", MR_TYPE_STRING},
      {"timestamp", MR_TYPE_TIMESTAMP}}},
    {"people8",
     8,
     {{"id", MR_TYPE_INT},
      {"name", MR_TYPE_STRING},
      {"email", MR_TYPE_STRING},
      {"age", MR_TYPE_INT},
      {"department", MR_TYPE_STRING},
      {"salary", MR_TYPE_STRING},
      {"city", MR_TYPE_STRING},
      {"country", MR_TYPE_STRING}}},
    {"users7",
     7,
     {{"id", MR_TYPE_INT},
      {"name", MR_TYPE_STRING},
      {"email", MR_TYPE_STRING},
      {"age", MR_TYPE_INT},
      {"department", MR_TYPE_STRING},
      {"salary", MR_TYPE_DECIMAL},
      {"created_at", MR_TYPE_TIMESTAMP}}},
    {"mixed10r", 10, MIXED10_COLUMNS},
    {NULL, 0, {{NULL, MR_TYPE_NULL}}},
};

enum set_number { MIXED10, ORDERS9, PEOPLE8, USERS7, MIXED10R };

static const char *const cities[] = {"New York", "Los Angeles", "Chicago", "Houston", "Phoenix"};
static const char *const states[] = {"active", "inactive", "pending"};
static const char *const letters[] = {"A", "B", "C", "D", "E"};
static const char *const order_states[] = {"pending", "processing", "shipped", "delivered",
                                           "canceled"};
static const char *const goods[] = {"Electronics", "Clothing", "Home", "Books", "Food", "Sports"};
static const char *const regions[] = {"North", "South", "East", "West", "Central"};
static const char *const departments[] = {"Engineering", "Sales", "Marketing", "HR", "Finance"};

mr_code mr_refdata_init(mr_refdata *data, mr_slice name, uint64_t row_count, mr_error *err)
{
    for (const mr_refdata_set *set = mr_refdata_sets; set->name != NULL; set++) {
        if (!mr_slice_is(name, set->name)) continue;
        *data = (mr_refdata){.set = set, .row_count = row_count, .day = UINT64_MAX};
        data->draw = set == &mr_refdata_sets[PEOPLE8] ? 42 : 7;
        return MR_OK;
    }
    return mr_fail(
        err, MR_ERR_USAGE,
        "no reference set '%.*s': expected mixed10, orders9, people8, users7 or mixed10r",
        MR_SLICE_ARGS(name));
}

mr_code mr_refdata_header(const mr_refdata *data, mr_buffer *out, mr_error *err)
{
    for (uint32_t i = 0; i < data->set->column_count; i++) {
        if (i > 0) MR_TRY(mr_buffer_append_byte(out, ',', err));
        MR_TRY(mr_buffer_append(out, mr_slice_text(data->set->columns[i].name), err));
    }
    return mr_buffer_append_byte(out, '\n', err);
}

static uint64_t draw(mr_refdata *data)
{
    data->draw = data->draw * 6364136223846793005u + 1442695040888963407u;
    return data->draw >> 33;
}

/* The writers below append at `to` and return the end. */

static char *put_text(char *to, const char *text)
{
    const size_t len = strlen(text);
    memcpy(to, text, len);
    return to + len;
}

/* `value` with at least `width` digits, zeros in front. */
static char *put_padded(char *to, uint64_t value, unsigned width)
{
    char digits[20];
    unsigned count = 0;
    do
        digits[count++] = (char)('0' + value % 10);
    while ((value /= 10) != 0);
    for (; width > count; width--)
        *to++ = '0';
    while (count > 0)
        *to++ = digits[--count];
    return to;
}

static char *put_int(char *to, uint64_t value)
{
    return put_padded(to, value, 1);
}

static char *put_hundredths(char *to, uint64_t value)
{
    to = put_int(to, value / 100);
    *to++ = '.';
    return put_padded(to, value % 100, 2);
}

static char *put_comma(char *to)
{
    *to = ',';
    return to + 1;
}

/* Year, month and day of a day count since 1970 (Hinnant, "chrono-compatible low-level date
 * algorithms": years begin in March, so the leap day is the last of the year). */
static void spell_day(mr_refdata *data, uint64_t day)
{
    const uint64_t z = day + DAYS_TO_2024 + 719468;
    const uint64_t era = z / 146097, of_era = z % 146097;
    const uint64_t year = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
    const uint64_t of_year = of_era - (365 * year + year / 4 - year / 100);
    const uint64_t march_month = (5 * of_year + 2) / 153;
    const uint64_t month = march_month < 10 ? march_month + 3 : march_month - 9;
    char *to = put_padded(data->date, (year + era * 400 + (month <= 2)) % 10000, 4);
    *to++ = '-';
    to = put_padded(to, month, 2);
    *to++ = '-';
    put_padded(to, of_year - (153 * march_month + 2) / 5 + 1, 2);
    data->day = day;
}

/* 2024-01-01T00:00:00Z and `seconds` more. */
static char *put_time(mr_refdata *data, char *to, uint64_t seconds)
{
    const uint64_t day = seconds / SECONDS_PER_DAY, rest = seconds % SECONDS_PER_DAY;
    if (day != data->day) spell_day(data, day);
    memcpy(to, data->date, 10);
    to[10] = 'T';
    to = put_padded(to + 11, rest / 3600, 2);
    *to++ = ':';
    to = put_padded(to, rest / 60 % 60, 2);
    *to++ = ':';
    to = put_padded(to, rest % 60, 2);
    *to++ = 'Z';
    return to;
}

/* What a row of mixed10 or mixed10r is made of. */
typedef struct mixed_row {
    uint64_t id, name, age, city, status, hundredths, seconds, active, category, value;
} mixed_row;

static char *put_mixed(mr_refdata *data, char *to, const mixed_row *row)
{
    to = put_comma(put_int(to, row->id));
    to = put_comma(put_int(put_text(to, "user_"), row->name));
    to = put_comma(put_int(to, row->age));
    to = put_comma(put_text(to, cities[row->city]));
    to = put_comma(put_text(to, states[row->status]));
    to = put_comma(put_hundredths(to, row->hundredths));
    to = put_comma(put_time(data, to, row->seconds));
    to = put_comma(put_text(to, row->active ? "true" : "false"));
    to = put_comma(put_text(to, letters[row->category]));
    return put_int(to, row->value);
}

static char *put_mixed10(mr_refdata *data, char *to, uint64_t i)
{
    const mixed_row row = {i, i, 20 + i % 50, i % 5, i % 3, i * 150, i, i % 2 == 0, i % 5, i * 10};
    return put_mixed(data, to, &row);
}

static char *put_mixed10r(mr_refdata *data, char *to)
{
    mixed_row row;
    row.id = draw(data) % 1000000000;
    row.name = draw(data) % 1000000;
    row.age = 20 + draw(data) % 50;
    row.city = draw(data) % 5;
    row.status = draw(data) % 3;
    row.hundredths = draw(data) % 10000000;
    row.seconds = draw(data) % 31536000;
    row.active = draw(data) % 2 == 0;
    row.category = draw(data) % 5;
    row.value = draw(data) % 1000000;
    return put_mixed(data, to, &row);
}

static char *put_orders9(mr_refdata *data, char *to, uint64_t i)
{
    to = put_comma(put_int(to, 1000000 + i));
    to = put_comma(put_int(to, 10000 + i / 5));
    to = put_comma(put_padded(put_text(to, "SKU-"), i % 5000, 5));
    to = put_comma(put_int(to, 1 + i % 10));
    to = put_comma(put_hundredths(to, 1099 + i % 100 * 100));
    to = put_comma(put_text(to, order_states[i % 5]));
    to = put_comma(put_text(to, goods[i % 6]));
    to = put_comma(put_text(to, regions[i % 5]));
    return put_time(data, to, i / 200000);
}

static char *put_people8(mr_refdata *data, char *to, uint64_t i)
{
    to = put_comma(put_int(to, i));
    to = put_comma(put_int(put_text(to, "User"), i));
    to = put_comma(put_text(put_int(put_text(to, "user"), i), "@example.com"));
    to = put_comma(put_int(to, 20 + draw(data) % 40));
    to = put_comma(put_int(put_text(to, "Dept"), draw(data) % 5));
    to = put_comma(put_int(put_text(to, "$"), draw(data) % 32768 % 50000 + 30000));
    to = put_comma(put_int(put_text(to, "City"), draw(data) % 100));
    return put_int(put_text(to, "Country"), draw(data) % 10);
}

static char *put_users7(mr_refdata *data, char *to, uint64_t i)
{
    to = put_comma(put_int(to, i));
    to = put_comma(put_int(put_text(to, "User_"), i));
    to = put_comma(put_text(put_int(put_text(to, "user"), i), "@example.com"));
    to = put_comma(put_int(to, 20 + i % 40));
    to = put_comma(put_text(to, departments[i % 5]));
    to = put_comma(put_hundredths(to, (50000 + i % 50000) * 100));
    return put_time(data, to, i / 200000);
}

static char *put_row(mr_refdata *data, char *to, uint64_t i)
{
    switch ((enum set_number)(data->set - mr_refdata_sets)) {
    case MIXED10: return put_mixed10(data, to, i);
    case ORDERS9: return put_orders9(data, to, i);
    case PEOPLE8: return put_people8(data, to, i + 1);
    case USERS7: return put_users7(data, to, i);
    case MIXED10R: return put_mixed10r(data, to);
    }
    return to;
}

mr_code mr_refdata_next(mr_refdata *data, uint32_t max_rows, mr_buffer *csv_rows,
                        uint32_t *out_rows, mr_error *err)
{
    const uint32_t rows = (uint32_t)mr_min_u64(max_rows, data->row_count - data->row);
    for (uint32_t i = 0; i < rows; i++) {
        MR_TRY(mr_buffer_reserve(csv_rows, MR_REFDATA_MAX_ROW_BYTES, err));
        char *to = put_row(data, csv_rows->ptr + csv_rows->len, data->row);
        *to++ = '\n';
        csv_rows->len = (size_t)(to - csv_rows->ptr);
        data->row++;
    }
    *out_rows = rows;
    return MR_OK;
}
