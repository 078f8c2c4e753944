/* SPDX-License-Identifier: MIT
 *
 * Flattening works on records that were read already: nested objects are compact, valid text then.
 * Members still to be placed are a stack, the next one on top:
 *
 *     {"a":{"b":1,"c":{"d":2}},"e":3}      e  a       take a: its name ends at byte 1 of the path
 *                                          e  c  b    take b: column a.b; take c: path a.c, ...
 *
 * An object goes on the stack whole, with the rule for duplicate keys applied, before any of its
 * members is taken; so a path is met once, and two paths that spell the same name ("a.b" and a's b)
 * are told apart by giving the later one the next free name_2, name_3, ... */
#include "core/number.h"
#include "format/json_internal.h"

typedef struct member {
    mr_slice key;
    mr_json_slot slot; /* its value */
    uint32_t prefix;   /* bytes of the path that belong to what it is in */
    uint32_t depth;    /* levels it is in, the record not counted */
} member;

static member *member_at(const struct mr_json_reader *reader, size_t number)
{
    return (member *)(void *)(reader->members.ptr + sizeof(member) * number);
}

static size_t member_count(const struct mr_json_reader *reader)
{
    return reader->members.len / sizeof(member);
}

/* Every member becomes a column at least: more of them than columns may be are too many. */
static mr_code push(struct mr_json_reader *reader, const member *item, mr_error *err)
{
    if (member_count(reader) >= reader->options.limits.max_columns) reader->too_many_fields = true;
    if (reader->too_many_fields) return MR_OK;
    return mr_buffer_append(&reader->members, (mr_slice){(const char *)item, sizeof *item}, err);
}

static void reverse_from(struct mr_json_reader *reader, size_t low)
{
    for (size_t high = member_count(reader); low + 1 < high; low++, high--) {
        const member other = *member_at(reader, low);
        *member_at(reader, low) = *member_at(reader, high - 1);
        *member_at(reader, high - 1) = other;
    }
}

/* Room for `len` bytes of unescaped text; the buffer has had room for all of the record from the
 * start, so it never moves. */
static char *text_room(struct mr_json_reader *reader, size_t len)
{
    char *room = reader->flat_text.ptr + reader->flat_text.len;
    MR_DCHECK(reader->flat_text.cap - reader->flat_text.len >= len);
    reader->flat_text.len += len;
    return room;
}

static mr_slice unescaped(struct mr_json_reader *reader, mr_slice raw, bool *lone)
{
    *lone = false;
    if (raw.len == 0 || memchr(raw.ptr, '\\', raw.len) == NULL) return raw;
    char *room = text_room(reader, raw.len);
    return (mr_slice){room, mr_json_unescape_to(room, raw, lone)};
}

/* The value at `p`, in compact text. */
static mr_json_slot value_slot(struct mr_json_reader *reader, const char *p, const char *end)
{
    mr_json_slot slot = {.ptr = p, .len = (uint32_t)(end - p), .type = MR_TYPE_JSON};
    if (*p == '"') {
        bool lone;
        const mr_slice text = unescaped(reader, (mr_slice){p + 1, slot.len - 2}, &lone);
        slot.ptr = text.ptr;
        slot.len = (uint32_t)text.len;
        slot.type = lone ? MR_TYPE_BYTES : MR_TYPE_STRING;
    } else if (*p == 't' || *p == 'f') {
        slot.type = MR_TYPE_BOOL;
    } else if (*p == 'n') {
        slot.type = MR_TYPE_NULL;
        slot.len = 0;
    } else if (*p != '{' && *p != '[') {
        slot.type = (uint8_t)mr_type_of_number((mr_slice){p, slot.len});
    }
    return slot;
}

/* Places a member of the object being opened, whose first member is number `first` of the stack;
 * `seen` says which keys it had so far. */
static mr_code push_member(struct mr_json_reader *reader, const member *item, size_t first,
                           mr_error *err)
{
    if (reader->too_many_fields) return MR_OK;
    const uint32_t again = mr_json_keys_find(&reader->seen, item->key);
    if (again == MR_JSON_NO_KEY) {
        uint32_t number;
        MR_TRY(mr_json_keys_add(&reader->seen, item->key, &number, err));
        return push(reader, item, err);
    }
    reader->duplicates++;
    if (reader->options.duplicate_keys == MR_JSON_DUPLICATES_LAST)
        *member_at(reader, first + again) = *item;
    else if (reader->options.duplicate_keys == MR_JSON_DUPLICATES_REJECT && !reader->flaw.found)
        reader->flaw = (mr_json_flaw){true, MR_REASON_DUPLICATE_KEY, NULL, MR_JSON_NO_KEY};
    return MR_OK;
}

/* Puts the members of the object `text` on the stack. */
static mr_code open_object(struct mr_json_reader *reader, mr_slice text, uint32_t prefix,
                           uint32_t depth, mr_error *err)
{
    const size_t first = member_count(reader);
    const char *p = text.ptr + 1, *const end = text.ptr + text.len - 1;
    mr_json_keys_truncate(&reader->seen, 0);
    while (p < end) {
        const char *const key_end = mr_json_skip(p);
        const char *const value = key_end + 1, *const value_end = mr_json_skip(value);
        bool lone;
        member item = {.prefix = prefix, .depth = depth};
        item.key = unescaped(reader, (mr_slice){p + 1, (size_t)(key_end - p - 2)}, &lone);
        item.slot = value_slot(reader, value, value_end);
        MR_TRY(push_member(reader, &item, first, err));
        p = value_end + 1;
    }
    reverse_from(reader, first);
    return MR_OK;
}

/* Puts the record's own fields on the stack. */
static mr_code open_record(struct mr_json_reader *reader, mr_error *err)
{
    const mr_json_fields *fields = &reader->parsed;
    for (uint32_t i = 0; i < fields->count; i++) {
        const uint32_t number = fields->order[i];
        const member item = {.key = mr_json_keys_name(&fields->keys, number),
                             .slot = fields->slots[number]};
        MR_TRY(push(reader, &item, err));
    }
    reverse_from(reader, 0);
    return MR_OK;
}

static bool opens(const struct mr_json_reader *reader, const member *item)
{
    return item->slot.type == MR_TYPE_JSON && item->slot.ptr[0] == '{' && item->slot.len > 2 &&
           item->depth < reader->options.flatten_depth &&
           reader->name.len <= MR_JSON_MAX_FLATTEN_NAME;
}

/* The column called `name`, made if need be; MR_JSON_NO_KEY when there are too many. */
static mr_code find_column(struct mr_json_reader *reader, mr_slice name, uint32_t *out,
                           bool *filled, mr_error *err)
{
    mr_json_fields *flat = &reader->flat;
    *out = mr_json_keys_find(&flat->keys, name);
    *filled = *out != MR_JSON_NO_KEY && flat->slots[*out].serial == reader->serial;
    if (*out != MR_JSON_NO_KEY) return MR_OK;
    if (mr_json_name_fits(reader, flat, name)) return mr_json_fields_add(flat, name, out, err);
    reader->too_many_fields = true;
    return MR_OK;
}

/* The path in reader->name becomes a field. */
static mr_code emit(struct mr_json_reader *reader, const member *item, mr_error *err)
{
    mr_json_fields *flat = &reader->flat;
    uint32_t number;
    bool filled;
    MR_TRY(find_column(reader, mr_buffer_slice(&reader->name), &number, &filled, err));
    const size_t path_len = reader->name.len;
    const uint32_t base = number;
    while (filled) {
        char digits[MR_INT_TEXT_MAX];
        const size_t len = mr_format_u64(digits, ++flat->slots[base].next_suffix);
        reader->name.len = path_len;
        MR_TRY(mr_buffer_append_byte(&reader->name, '_', err));
        MR_TRY(mr_buffer_append(&reader->name, (mr_slice){digits, len}, err));
        MR_TRY(find_column(reader, mr_buffer_slice(&reader->name), &number, &filled, err));
    }
    reader->name.len = path_len;
    if (number == MR_JSON_NO_KEY) return MR_OK;
    flat->slots[number] = item->slot;
    flat->slots[number].serial = reader->serial;
    flat->slots[number].next_suffix = 1;
    flat->order[flat->count++] = number;
    return MR_OK;
}

static mr_code take_top(struct mr_json_reader *reader, mr_error *err)
{
    reader->members.len -= sizeof(member);
    const member item = *member_at(reader, member_count(reader));
    const char joint = reader->options.flatten == MR_JSON_FLATTEN_DOT ? '.' : '_';
    reader->name.len = item.prefix;
    if (item.depth > 0) MR_TRY(mr_buffer_append_byte(&reader->name, joint, err));
    if (item.key.len > MR_JSON_MAX_KEY_BYTES) { /* as in a record that is not flattened */
        reader->flaw = (mr_json_flaw){true, MR_REASON_RECORD_TOO_LARGE, NULL, MR_JSON_NO_KEY};
        return MR_OK;
    }
    MR_TRY(mr_buffer_append(&reader->name, item.key, err));
    if (!opens(reader, &item)) return emit(reader, &item, err);
    return open_object(reader, (mr_slice){item.slot.ptr, item.slot.len}, (uint32_t)reader->name.len,
                       item.depth + 1, err);
}

mr_code mr_json_flatten_record(struct mr_json_reader *reader, mr_error *err)
{
    const mr_json_fields *fields = &reader->parsed;
    size_t text_bytes = 0; /* an object is opened once, so no text is unescaped twice */
    for (uint32_t i = 0; i < fields->count; i++)
        text_bytes += fields->slots[fields->order[i]].len;
    mr_buffer_reset(&reader->members);
    mr_buffer_reset(&reader->flat_text);
    MR_TRY(mr_buffer_reserve(&reader->flat_text, text_bytes, err));
    MR_TRY(open_record(reader, err));
    while (reader->members.len > 0)
        MR_TRY(take_top(reader, err));
    mr_buffer_reset(&reader->name);
    return MR_OK;
}
