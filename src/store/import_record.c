/* SPDX-License-Identifier: MIT
 *
 * The fields are found in one pass over the line, in whatever order; nearly always it is the order
 * in which they are exported, so each key is first compared with the one that should come. */
#include "store/import_record.h"

#include "core/clock.h"
#include "core/number.h"
#include "core/scan.h"
#include "store/name.h"

typedef enum field {
    FIELD_ID,
    FIELD_STREAM,
    FIELD_TYPE,
    FIELD_POS,
    FIELD_GPOS,
    FIELD_DATA,
    FIELD_META,
    FIELD_TIME,
    FIELD_COUNT,
} field;

static const char *const names[FIELD_COUNT] = {"id",   "stream", "type", "pos",
                                               "gpos", "data",   "meta", "time"};
static const mr_scan_kind kinds[FIELD_COUNT] = {
    MR_SCAN_STRING, MR_SCAN_STRING, MR_SCAN_STRING, MR_SCAN_NUMBER,
    MR_SCAN_NUMBER, MR_SCAN_OBJECT, MR_SCAN_OBJECT, MR_SCAN_STRING,
};

/* Which field `key` names, FIELD_COUNT for another; `expected` is tried first. */
static field field_of(const mr_scan_value *key, field expected)
{
    if (MR_LIKELY(expected < FIELD_COUNT && mr_scan_is(key, names[expected]))) return expected;
    for (field at = 0; at < FIELD_COUNT; at++)
        if (mr_scan_is(key, names[at])) return at;
    return FIELD_COUNT;
}

static bool scan_fields(mr_scan *scan, mr_scan_value fields[FIELD_COUNT])
{
    mr_scan_value key, value;
    field expected = 0;
    if (!mr_scan_enter(scan, MR_SCAN_OBJECT)) return false;
    while (mr_scan_member(scan, &key)) {
        if (!mr_scan_next(scan, &value)) return false;
        const field at = field_of(&key, expected);
        if (at == FIELD_COUNT) continue;
        fields[at] = value;
        expected = at + 1;
    }
    return mr_scan_finish(scan);
}

static const char *article_and_kind(mr_scan_kind kind)
{
    switch (kind) {
    case MR_SCAN_NONE: return "nothing";
    case MR_SCAN_NULL: return "null";
    case MR_SCAN_FALSE:
    case MR_SCAN_TRUE: return "a boolean";
    case MR_SCAN_NUMBER: return "a number";
    case MR_SCAN_STRING: return "a string";
    case MR_SCAN_ARRAY: return "an array";
    case MR_SCAN_OBJECT: return "an object";
    }
    return "nothing";
}

/* Null is as good as nothing, which is for the caller to judge. */
static mr_import_verdict check_kinds(mr_scan_value fields[FIELD_COUNT], mr_error *why)
{
    for (field at = 0; at < FIELD_COUNT; at++) {
        if (MR_LIKELY(fields[at].kind == kinds[at])) continue;
        if (fields[at].kind == MR_SCAN_NULL) fields[at].kind = MR_SCAN_NONE;
        if (fields[at].kind == MR_SCAN_NONE) continue;
        mr_fail(why, MR_ERR_INPUT, "field '%s': expected %s, found %s", names[at],
                article_and_kind(kinds[at]), article_and_kind(fields[at].kind));
        return MR_IMPORT_INVALID_JSON;
    }
    return MR_IMPORT_GOOD;
}

static mr_import_verdict missing(field at, mr_error *why)
{
    mr_fail(why, MR_ERR_INPUT, "field '%s' is missing or empty", names[at]);
    return MR_IMPORT_INVALID_RECORD;
}

static mr_import_verdict no_room(mr_arena *arena, mr_error *why)
{
    mr_arena_fail(arena, why);
    return MR_IMPORT_NO_ROOM;
}

static mr_import_verdict read_id(const mr_scan_value *value, mr_arena *arena, mr_message_id *out,
                                 mr_error *why)
{
    mr_slice text;
    if (value->kind == MR_SCAN_NONE) return missing(FIELD_ID, why);
    if (!mr_scan_text(value, arena, &text)) return no_room(arena, why);
    out->text = (mr_slice){NULL, 0};
    if (MR_LIKELY(mr_uuid_parse(text, &out->uuid))) return MR_IMPORT_GOOD;
    if (text.len == 0) return missing(FIELD_ID, why);
    mr_fail(why, MR_ERR_INPUT, "field 'id': expected a UUID, found '%.*s'",
            MR_SLICE_ARGS(mr_slice_of(text.ptr, (size_t)mr_min_u64(text.len, 64))));
    return MR_IMPORT_INVALID_RECORD;
}

/* Stream and type. */
static mr_import_verdict read_name(const mr_scan_value *value, field at, mr_arena *arena,
                                   mr_slice *out, mr_error *why)
{
    if (value->kind == MR_SCAN_NONE) return missing(at, why);
    if (!mr_scan_text(value, arena, out)) return no_room(arena, why);
    if (out->len == 0) return missing(at, why);
    if (MR_LIKELY(mr_stream_name_check(*out, names[at], why) == MR_OK)) return MR_IMPORT_GOOD;
    mr_error_prefix(why, "field '%s'", names[at]);
    return MR_IMPORT_INVALID_RECORD;
}

/* An absent number is 0. */
static mr_import_verdict read_number(const mr_scan_value *value, field at, int64_t least,
                                     int64_t *out, mr_error *why)
{
    *out = 0;
    if (value->kind != MR_SCAN_NONE && MR_UNLIKELY(!mr_parse_i64(value->raw, out))) {
        mr_fail(why, MR_ERR_INPUT, "field '%s': expected an integer of 64 bits, found %.*s",
                names[at],
                MR_SLICE_ARGS(mr_slice_of(value->raw.ptr, (size_t)mr_min_u64(value->raw.len, 40))));
        return MR_IMPORT_INVALID_JSON;
    }
    if (MR_LIKELY(*out >= least && *out < INT64_MAX)) return MR_IMPORT_GOOD;
    mr_fail(why, MR_ERR_INPUT, "field '%s' is %lld; expected %lld or more", names[at],
            (long long)*out, (long long)least);
    return MR_IMPORT_INVALID_RECORD;
}

static mr_import_verdict read_object(const mr_scan_value *value, mr_arena *arena, mr_slice *out,
                                     mr_error *why)
{
    *out = (mr_slice){NULL, 0};
    if (value->kind == MR_SCAN_NONE || mr_scan_kept(value, arena, out)) return MR_IMPORT_GOOD;
    return no_room(arena, why);
}

static mr_import_verdict read_time(const mr_scan_value *value, mr_arena *arena, int64_t *out,
                                   mr_error *why)
{
    mr_slice text;
    if (value->kind == MR_SCAN_NONE) return missing(FIELD_TIME, why);
    if (!mr_scan_text(value, arena, &text)) return no_room(arena, why);
    if (MR_LIKELY(mr_parse_time(text, out))) return MR_IMPORT_GOOD;
    if (text.len == 0) return missing(FIELD_TIME, why);
    mr_fail(why, MR_ERR_INPUT,
            "field 'time': expected RFC 3339, as in 2025-01-15T10:00:00Z, found '%.*s'",
            MR_SLICE_ARGS(mr_slice_of(text.ptr, (size_t)mr_min_u64(text.len, 64))));
    return MR_IMPORT_INVALID_RECORD;
}

mr_import_verdict mr_import_record(mr_slice line, mr_arena *arena, mr_message *out, mr_error *why)
{
    mr_scan_value fields[FIELD_COUNT] = {0};
    mr_scan scan;
    mr_scan_init(&scan, line);
    if (!scan_fields(&scan, fields)) {
        mr_scan_fail(&scan, why);
        return MR_IMPORT_INVALID_JSON;
    }
    mr_import_verdict verdict = check_kinds(fields, why);
    if (verdict == MR_IMPORT_GOOD) verdict = read_id(&fields[FIELD_ID], arena, &out->id, why);
    if (verdict == MR_IMPORT_GOOD)
        verdict = read_name(&fields[FIELD_STREAM], FIELD_STREAM, arena, &out->stream, why);
    if (verdict == MR_IMPORT_GOOD)
        verdict = read_name(&fields[FIELD_TYPE], FIELD_TYPE, arena, &out->type, why);
    if (verdict == MR_IMPORT_GOOD)
        verdict = read_number(&fields[FIELD_POS], FIELD_POS, 0, &out->position, why);
    if (verdict == MR_IMPORT_GOOD)
        verdict = read_number(&fields[FIELD_GPOS], FIELD_GPOS, 1, &out->global_position, why);
    if (verdict == MR_IMPORT_GOOD)
        verdict = read_object(&fields[FIELD_DATA], arena, &out->data, why);
    if (verdict == MR_IMPORT_GOOD)
        verdict = read_object(&fields[FIELD_META], arena, &out->metadata, why);
    if (verdict == MR_IMPORT_GOOD)
        verdict = read_time(&fields[FIELD_TIME], arena, &out->time_us, why);
    return verdict;
}
