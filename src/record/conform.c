/* SPDX-License-Identifier: MIT */
#include "record/conform.h"

#include "core/number.h"
#include "core/scan.h"
#include "core/utf8.h"

typedef struct spelling {
    const char *name;
    mr_type type;
} spelling;

static const spelling spellings[] = {
    {"integer", MR_TYPE_INT},        {"bigint", MR_TYPE_INT},
    {"smallint", MR_TYPE_INT},       {"int64", MR_TYPE_INT},
    {"int32", MR_TYPE_INT},          {"long", MR_TYPE_INT},
    {"boolean", MR_TYPE_BOOL},       {"text", MR_TYPE_STRING},
    {"varchar", MR_TYPE_STRING},     {"char", MR_TYPE_STRING},
    {"numeric", MR_TYPE_DECIMAL},    {"double", MR_TYPE_FLOAT},
    {"real", MR_TYPE_FLOAT},         {"float64", MR_TYPE_FLOAT},
    {"datetime", MR_TYPE_TIMESTAMP}, {"timestamptz", MR_TYPE_TIMESTAMP},
    {"blob", MR_TYPE_BYTES},         {"bytea", MR_TYPE_BYTES},
    {"binary", MR_TYPE_BYTES},       {"object", MR_TYPE_JSON},
    {"jsonb", MR_TYPE_JSON},
};

#define LONGEST_NAME 16

mr_type mr_conform_type_named(mr_slice name)
{
    char lower[LONGEST_NAME];
    if (name.len == 0 || name.len >= sizeof lower) return MR_TYPE_COUNT;
    for (size_t i = 0; i < name.len; i++) {
        const char byte = name.ptr[i];
        lower[i] = byte >= 'A' && byte <= 'Z' ? (char)(byte - 'A' + 'a') : byte;
    }
    const mr_slice wanted = {lower, name.len};
    for (size_t i = 0; i < MR_COUNT_OF(spellings); i++)
        if (mr_slice_is(wanted, spellings[i].name)) return spellings[i].type;
    return mr_type_named(wanted);
}

static bool is_digits(const char *p, const char *pattern)
{
    for (; *pattern != 0; p++, pattern++)
        if (*pattern == '0' ? *p < '0' || *p > '9' : *p != *pattern) return false;
    return true;
}

static bool is_time(mr_slice text)
{
    if (text.len < 8 || !is_digits(text.ptr, "00:00:00")) return false;
    if (memcmp(text.ptr, "23", 2) > 0 || text.ptr[3] > '5' || text.ptr[6] > '5') return false;
    if (text.len == 8) return true;
    if (text.ptr[8] != '.' || text.len == 9 || text.len > 18) return false;
    for (size_t i = 9; i < text.len; i++)
        if (text.ptr[i] < '0' || text.ptr[i] > '9') return false;
    return true;
}

/* One JSON value and nothing around it. */
static bool scan_one(mr_slice text, mr_scan_value *out)
{
    mr_scan scan;
    mr_scan_init(&scan, text);
    return mr_scan_next(&scan, out) && mr_scan_finish(&scan) && out->raw.len == text.len;
}

static bool is_json_number(mr_slice text)
{
    mr_scan_value value;
    return scan_one(text, &value) && value.kind == MR_SCAN_NUMBER;
}

static bool is_float(mr_slice text)
{
    double ignored;
    return is_json_number(text) && mr_parse_f64(text, &ignored);
}

static bool is_json(mr_slice text)
{
    mr_scan_value value;
    return scan_one(text, &value) && (value.marks & (MR_SCAN_SPACED | MR_SCAN_BROKEN)) == 0;
}

bool mr_conform_text(mr_slice text, mr_type type)
{
    switch (type) {
    case MR_TYPE_INT: return mr_text_is_int(text);
    case MR_TYPE_DECIMAL: return mr_text_is_decimal(text) || mr_text_is_int(text);
    case MR_TYPE_BOOL: return mr_slice_is(text, "true") || mr_slice_is(text, "false");
    case MR_TYPE_DATE: return mr_text_is_date(text);
    case MR_TYPE_TIMESTAMP: return mr_text_is_timestamp(text, NULL);
    case MR_TYPE_UUID: return mr_text_is_uuid(text);
    case MR_TYPE_TIME: return is_time(text);
    case MR_TYPE_FLOAT: return is_float(text);
    case MR_TYPE_NUMBER: return is_json_number(text);
    case MR_TYPE_JSON: return is_json(text);
    case MR_TYPE_STRING: return mr_utf8_valid(text);
    case MR_TYPE_BYTES:
    case MR_TYPE_MIXED:
    case MR_TYPE_NULL:
    case MR_TYPE_COUNT: return true;
    }
    return false;
}

/* A value that says itself that it is an `own`. */
static bool typed_conforms(mr_slice text, mr_type own, mr_type type)
{
    if (own == type || type == MR_TYPE_NULL) return true;
    if (mr_type_is_number(own)) return mr_type_is_number(type) && mr_conform_text(text, type);
    if (own != MR_TYPE_STRING && own != MR_TYPE_BYTES)
        return type == MR_TYPE_STRING && own != MR_TYPE_BOOL && own != MR_TYPE_JSON;
    switch (type) { /* a text may be more than that, but no number, truth value or document */
    case MR_TYPE_DATE:
    case MR_TYPE_TIME:
    case MR_TYPE_TIMESTAMP:
    case MR_TYPE_UUID:
    case MR_TYPE_STRING:
    case MR_TYPE_BYTES: return mr_conform_text(text, type);
    case MR_TYPE_NULL:
    case MR_TYPE_BOOL:
    case MR_TYPE_INT:
    case MR_TYPE_DECIMAL:
    case MR_TYPE_FLOAT:
    case MR_TYPE_NUMBER:
    case MR_TYPE_JSON:
    case MR_TYPE_MIXED:
    case MR_TYPE_COUNT: return false;
    }
    return false;
}

uint32_t mr_conform_next(const mr_column *column, uint32_t row_count, uint32_t row, mr_type type,
                         bool judge)
{
    if (!judge && column->type == type) return row_count;
    for (; row < row_count; row++) {
        const mr_slice text = mr_column_text(column, row);
        if (judge ? mr_conform_text(text, type)
                  : typed_conforms(text, mr_column_type(column, row), type))
            continue;
        if (text.len == 0 && mr_column_is_null(column, row)) continue;
        return row;
    }
    return row_count;
}
