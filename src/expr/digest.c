/* SPDX-License-Identifier: MIT
 *
 * hash(), crc32c(), sha256(), md5(), record_hash(), and uuids.
 *
 * Of several arguments it is the JSON list of their texts that is hashed, nulls as null: ["a",null]
 * and ["a","null"] differ, and others can compute the same. */
#include "expr/digest.h"

#include <md5.h>
#include <sha1.h>
#include <sha2.h>
#include <sys/random.h>

#include "core/crc32c.h"
#include "expr/access.h"
#include "expr/compile.h"
#include "expr/functions.h"
#include "expr/run.h"
#include "record/numtext.h"

/* --- xxh64
 * ------------------------------------------------------------------------------------ */

#define PRIME1 UINT64_C(0x9e3779b185ebca87)
#define PRIME2 UINT64_C(0xc2b2ae3d27d4eb4f)
#define PRIME3 UINT64_C(0x165667b19e3779f9)
#define PRIME4 UINT64_C(0x85ebca77c2b2ae63)
#define PRIME5 UINT64_C(0x27d4eb2f165667c5)

static uint64_t rotate(uint64_t value, unsigned bits)
{
    return value << bits | value >> (64 - bits);
}

static uint64_t load(const char *at, size_t bytes)
{
    uint64_t word = 0;
    memcpy(&word, at, bytes); /* little-endian, as core/number_internal.h asserts */
    return word;
}

static uint64_t round_of(uint64_t lane, uint64_t input)
{
    return rotate(lane + input * PRIME2, 31) * PRIME1;
}

/* All whole stripes of 32 bytes in four lanes. */
static uint64_t stripes(const char *at, size_t len)
{
    uint64_t lanes[4] = {PRIME1 + PRIME2, PRIME2, 0, 0 - PRIME1};
    for (size_t i = 0; i + 32 <= len; i += 32)
        for (unsigned lane = 0; lane < 4; lane++)
            lanes[lane] = round_of(lanes[lane], load(at + i + lane * 8, 8));
    uint64_t hash =
        rotate(lanes[0], 1) + rotate(lanes[1], 7) + rotate(lanes[2], 12) + rotate(lanes[3], 18);
    for (unsigned lane = 0; lane < 4; lane++)
        hash = (hash ^ round_of(0, lanes[lane])) * PRIME1 + PRIME4;
    return hash;
}

uint64_t mr_xxh64(mr_slice text)
{
    size_t at = text.len / 32 * 32;
    uint64_t hash = (at > 0 ? stripes(text.ptr, text.len) : PRIME5) + text.len;
    for (; at + 8 <= text.len; at += 8)
        hash = rotate(hash ^ round_of(0, load(text.ptr + at, 8)), 27) * PRIME1 + PRIME4;
    for (; at + 4 <= text.len; at += 4)
        hash = rotate(hash ^ load(text.ptr + at, 4) * PRIME1, 23) * PRIME2 + PRIME3;
    for (; at < text.len; at++)
        hash = rotate(hash ^ (unsigned char)text.ptr[at] * PRIME5, 11) * PRIME1;
    hash = (hash ^ hash >> 33) * PRIME2;
    hash = (hash ^ hash >> 29) * PRIME3;
    return hash ^ hash >> 32;
}

/* --- what is hashed
 * --------------------------------------------------------------------------- */

/* The text of the arguments `first` to the last. NULL, or a fault, when the row is settled. */
static mr_value list_of(mr_run *run, uint32_t row, uint32_t first)
{
    size_t bytes = 2;
    for (uint32_t i = first; i < run->in->count; i++) {
        const mr_vec vec = mr_run_arg(run, i);
        const mr_value value = mr_vec_get(&vec, row);
        if (value.kind == MR_KIND_FAULT) return value;
        const bool sliced = mr_kind_in(value.kind, MR_KINDS_SLICED);
        bytes += (sliced ? value.cell.text.len * 6 : MR_VALUE_TEXT_MAX) + 3;
    }
    char *room = mr_run_take(run, bytes), *to = room;
    if (room == NULL) return mr_run_too_large(run);
    *to++ = '[';
    for (uint32_t i = first; i < run->in->count; i++) {
        const mr_vec vec = mr_run_arg(run, i);
        const mr_value value = mr_vec_get(&vec, row);
        if (i > first) *to++ = ',';
        if (mr_kind_is_none(value.kind)) {
            memcpy(to, "null", 4);
            to += 4;
        } else {
            to = mr_json_put_string(to, mr_value_write(&value, run->room[0]));
        }
    }
    *to++ = ']';
    return mr_value_text(MR_KIND_STRING, (mr_slice){room, (size_t)(to - room)});
}

/* Of one argument its own text; null of a null. */
static mr_value hashed_text(mr_run *run, uint32_t row, uint32_t first)
{
    if (run->in->count - first > 1) return list_of(run, row, first);
    const mr_vec vec = mr_run_arg(run, first);
    const mr_value value = mr_vec_get(&vec, row);
    if (value.kind <= MR_KIND_FAULT) return value;
    return mr_value_text(MR_KIND_STRING, mr_value_write(&value, run->room[0]));
}

static mr_value hex_of(mr_run *run, const uint8_t *bytes, size_t count)
{
    static const char digits[] = "0123456789abcdef";
    char *text = mr_run_take(run, count * 2);
    if (text == NULL) return mr_run_too_large(run);
    for (size_t i = 0; i < count; i++) {
        text[i * 2] = digits[bytes[i] >> 4];
        text[i * 2 + 1] = digits[bytes[i] & 15];
    }
    return mr_value_text(MR_KIND_STRING, (mr_slice){text, count * 2});
}

static mr_value hash_text(mr_run *run, mr_slice text)
{
    const uint64_t hash = __builtin_bswap64(mr_xxh64(text));
    return hex_of(run, (const uint8_t *)&hash, sizeof hash);
}

static mr_value crc32c_text(mr_run *run, mr_slice text)
{
    const uint32_t sum = __builtin_bswap32(mr_crc32c(0, text));
    return hex_of(run, (const uint8_t *)&sum, sizeof sum);
}

static mr_value sha256_text(mr_run *run, mr_slice text)
{
    SHA2_CTX state;
    uint8_t sum[SHA256_DIGEST_LENGTH];
    SHA256Init(&state);
    SHA256Update(&state, (const uint8_t *)text.ptr, text.len);
    SHA256Final(sum, &state);
    return hex_of(run, sum, sizeof sum);
}

static mr_value md5_text(mr_run *run, mr_slice text)
{
    MD5_CTX state;
    uint8_t sum[MD5_DIGEST_LENGTH];
    MD5Init(&state);
    MD5Update(&state, (const uint8_t *)text.ptr, text.len);
    MD5Final(sum, &state);
    return hex_of(run, sum, sizeof sum);
}

#define DIGEST(name)                                                                      \
    static void call_##name(mr_run *run)                                                  \
    {                                                                                     \
        MR_EACH_ROW(run, row)                                                             \
        {                                                                                 \
            const mr_value text = hashed_text(run, row, 0);                               \
            const bool settled = text.kind <= MR_KIND_FAULT;                              \
            mr_vec_put(run->out, row, settled ? text : name##_text(run, text.cell.text)); \
        }                                                                                 \
    }

DIGEST(hash)
DIGEST(crc32c)
DIGEST(sha256)
DIGEST(md5)

/* --- records
 * ---------------------------------------------------------------------------------- */

static bool is_below(const mr_batch *batch, uint32_t a, uint32_t b)
{
    const mr_slice x = batch->columns[a].name, y = batch->columns[b].name;
    const int order = memcmp(x.ptr, y.ptr, x.len < y.len ? x.len : y.len);
    return order < 0 || (order == 0 && x.len < y.len);
}

/* Moves order[at] down a heap whose greatest name is on top. */
static void sift(const mr_batch *batch, uint32_t *order, uint32_t at, uint32_t count)
{
    for (uint32_t child; (child = at * 2 + 1) < count; at = child) {
        if (child + 1 < count && is_below(batch, order[child], order[child + 1])) child++;
        if (is_below(batch, order[child], order[at])) return;
        const uint32_t lower = order[at];
        order[at] = order[child];
        order[child] = lower;
    }
}

/* The batch's columns in the order of the bytes of their names: that of a batch depends on where it
 * was cut, if its records bring their own. Heapsort. */
static void sort_columns(const mr_batch *batch, uint32_t *order)
{
    const uint32_t count = batch->column_count;
    for (uint32_t i = 0; i < count; i++)
        order[i] = i;
    for (uint32_t i = count / 2; i-- > 0;)
        sift(batch, order, i, count);
    for (uint32_t last = count; last-- > 1;) {
        const uint32_t greatest = order[0];
        order[0] = order[last];
        order[last] = greatest;
        sift(batch, order, 0, last);
    }
}

/* The columns in order, in memory of the block; NULL when there is none. */
static uint32_t *take_order(mr_run *run)
{
    const size_t bytes = run->batch->column_count * sizeof(uint32_t);
    char *room = mr_run_take(run, bytes + _Alignof(uint32_t));
    if (room == NULL) return NULL;
    uint32_t *order = (uint32_t *)(void *)mr_align_up((uintptr_t)room, _Alignof(uint32_t));
    sort_columns(run->batch, order);
    return order;
}

/* A row as a JSON object of texts. NULL when it is too large. */
static char *put_record(mr_run *run, uint32_t row, const uint32_t *order, char **out_end)
{
    const mr_batch *batch = run->batch;
    size_t bytes = 2;
    for (uint32_t i = 0; i < batch->column_count; i++) {
        const mr_column *column = &batch->columns[i];
        bytes += (column->name.len + mr_column_text(column, row).len) * 6 + 10;
    }
    char *text = mr_run_take(run, bytes), *to = text;
    if (text == NULL) return NULL;
    *to++ = '{';
    for (uint32_t i = 0; i < batch->column_count; i++) {
        const mr_column *column = &batch->columns[order[i]];
        if (mr_column_is_absent(column, row)) continue;
        if (to > text + 1) *to++ = ',';
        to = mr_json_put_string(to, column->name);
        *to++ = ':';
        if (!mr_column_is_null(column, row)) {
            to = mr_json_put_string(to, mr_column_text(column, row));
        } else {
            memcpy(to, "null", 4);
            to += 4;
        }
    }
    *to++ = '}';
    *out_end = to;
    return text;
}

static void call_record_hash(mr_run *run)
{
    uint32_t *order = take_order(run);
    MR_EACH_ROW(run, row)
    {
        char *end = NULL;
        char *text = order != NULL ? put_record(run, run->first_row + row, order, &end) : NULL;
        if (text == NULL) {
            mr_vec_put(run->out, row, mr_run_too_large(run));
            continue;
        }
        const uint64_t hash = __builtin_bswap64(mr_xxh64((mr_slice){text, (size_t)(end - text)}));
        mr_run_untake(run, text);
        mr_vec_put(run->out, row, hex_of(run, (const uint8_t *)&hash, sizeof hash));
    }
}

/* --- uuids
 * ------------------------------------------------------------------------------------ */

static mr_value uuid_value(mr_run *run, uint8_t *bytes, unsigned version)
{
    char *text = mr_run_take(run, MR_NUMTEXT_MAX);
    if (text == NULL) return mr_run_too_large(run);
    bytes[6] = (uint8_t)((bytes[6] & 0x0f) | version << 4);
    bytes[8] = (uint8_t)((bytes[8] & 0x3f) | 0x80);
    const size_t len = (size_t)(mr_write_uuid(text, bytes) - text);
    mr_run_untake(run, text + len);
    return mr_value_text(MR_KIND_UUID, (mr_slice){text, len});
}

static void call_uuid_v4(mr_run *run)
{
    uint8_t random[256];
    size_t left = 0;
    MR_EACH_ROW(run, row)
    {
        if (left == 0) { /* at most 256 bytes are never cut short */
            if (getrandom(random, sizeof random, 0) != (ssize_t)sizeof random) {
                mr_vec_put(run->out, row, mr_run_fault(run, "the system gives no random bytes"));
                continue;
            }
            left = sizeof random;
        }
        left -= 16;
        mr_vec_put(run->out, row, uuid_value(run, random + left, 4));
    }
}

/* Any spelling with hyphens to the canonical one; false when it is none. */
static bool canonical(mr_slice text, char *out)
{
    if (text.len == 38 && text.ptr[0] == '{' && text.ptr[37] == '}')
        text = (mr_slice){text.ptr + 1, 36};
    if (text.len != 36) return false;
    for (size_t i = 0; i < 36; i++) {
        const char c = text.ptr[i];
        out[i] = c >= 'A' && c <= 'F' ? (char)(c | 0x20) : c;
    }
    return mr_text_is_uuid((mr_slice){out, 36});
}

static mr_value uuid_of(mr_run *run, const mr_value *args)
{
    char room[MR_QUOTE_MAX];
    char *text = mr_run_take(run, 36);
    if (text == NULL) return mr_run_too_large(run);
    if (!canonical(args[0].cell.text, text))
        return mr_run_fault(run, "%s is not a uuid", mr_run_quote(&args[0], room));
    return mr_value_text(MR_KIND_UUID, (mr_slice){text, 36});
}

MR_EXPR_CALL(call_uuid, uuid_of, 1)

/* The namespaces of RFC 9562, or a uuid. */
static bool namespace_of(mr_slice name, uint8_t *out)
{
    static const char *const names[] = {"dns", "url", "oid", NULL, "x500"};
    char text[36 + 64] = "6ba7b810-9dad-11d1-80b4-00c04fd430c8";
    for (size_t i = 0; i < MR_COUNT_OF(names); i++) {
        if (names[i] == NULL || !mr_slice_is(name, names[i])) continue;
        text[7] = (char)('0' + i);
        return mr_parse_uuid((mr_slice){text, 36}, out);
    }
    return canonical(name, text) && mr_parse_uuid((mr_slice){text, 36}, out);
}

static mr_value uuid_v5_row(mr_run *run, uint32_t row)
{
    SHA1_CTX state;
    uint8_t space[16], sum[SHA1_DIGEST_LENGTH];
    char room[MR_QUOTE_MAX];
    const mr_vec vec = mr_run_arg(run, 0);
    mr_value name = mr_vec_get(&vec, row);
    if (name.kind <= MR_KIND_FAULT) return name;
    mr_run_read(run, MR_READ_TEXT, &name, run->room[1]);
    if (name.kind == MR_KIND_FAULT) return name;
    if (!namespace_of(name.cell.text, space))
        return mr_run_fault(run, "%s is no namespace: expected a uuid, dns, url, oid or x500",
                            mr_run_quote(&name, room));
    const mr_value text = hashed_text(run, row, 1);
    if (text.kind <= MR_KIND_FAULT) return text;
    SHA1Init(&state);
    SHA1Update(&state, space, sizeof space);
    SHA1Update(&state, (const uint8_t *)text.cell.text.ptr, text.cell.text.len);
    SHA1Final(sum, &state);
    return uuid_value(run, sum, 5);
}

static void call_uuid_v5(mr_run *run)
{
    MR_EACH_ROW(run, row) mr_vec_put(run->out, row, uuid_v5_row(run, row));
}

#define STRING MR_KIND_BIT(MR_KIND_STRING)
#define UUID   MR_KIND_BIT(MR_KIND_UUID)

#define OF_VALUES(id)                                                                \
    {                                                                                \
        .name = #id, .signature = #id "(value, ...)", .call = call_##id, .least = 1, \
        .most = MR_EXPR_MAX_ARGS, .flags = MR_FUNCTION_NONES, .gives = STRING        \
    }

const mr_function mr_functions_digest[] = {
    OF_VALUES(hash),
    OF_VALUES(crc32c),
    OF_VALUES(sha256),
    OF_VALUES(md5),
    {.name = "record_hash",
     .signature = "record_hash()",
     .call = call_record_hash,
     .flags = MR_FUNCTION_RECORD,
     .gives = STRING},
    {.name = "uuid",
     .signature = "uuid(text)",
     .call = call_uuid,
     .least = 1,
     .most = 1,
     .reads = {MR_READ_TEXT},
     .gives = UUID},
    {.name = "uuid_v4",
     .signature = "uuid_v4()",
     .call = call_uuid_v4,
     .flags = MR_FUNCTION_RANDOM,
     .gives = UUID},
    {.name = "uuid_v5",
     .signature = "uuid_v5(namespace, value, ...)",
     .call = call_uuid_v5,
     .least = 2,
     .most = MR_EXPR_MAX_ARGS,
     .reads = {MR_READ_ANY, MR_READ_ANY, MR_READ_ANY, MR_READ_ANY},
     .flags = MR_FUNCTION_NONES,
     .gives = UUID},
    {.name = NULL},
};
