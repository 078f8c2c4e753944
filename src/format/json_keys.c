/* SPDX-License-Identifier: MIT */
#include "format/json_keys.h"

#include "core/hash.h"
#include "core/mem.h"

#define FIRST_KEYS      32u
#define MAX_NAMES_BYTES ((size_t)256 << 20)

void mr_json_keys_init(mr_json_keys *keys)
{
    *keys = (mr_json_keys){.first = MR_JSON_NO_KEY, .seed = mr_hash_draw_seed()};
    mr_buffer_init(&keys->names, "the names of JSON keys", MAX_NAMES_BYTES);
}

void mr_json_keys_done(mr_json_keys *keys)
{
    mr_mem_free(keys->items);
    mr_mem_free(keys->index);
    mr_buffer_done(&keys->names);
    *keys = (mr_json_keys){0};
}

uint32_t mr_json_keys_find(const mr_json_keys *keys, mr_slice name)
{
    if (keys->count == 0) return MR_JSON_NO_KEY;
    const uint32_t hash = mr_hash(keys->seed, name), mask = keys->index_slots - 1;
    for (uint32_t at = hash & mask; keys->index[at] != 0; at = (at + 1) & mask) {
        const uint32_t number = keys->index[at] - 1;
        if (keys->items[number].hash == hash &&
            mr_slice_equal(mr_json_keys_name(keys, number), name))
            return number;
    }
    return MR_JSON_NO_KEY;
}

static void put_in_index(mr_json_keys *keys, uint32_t number)
{
    const uint32_t mask = keys->index_slots - 1;
    uint32_t at = keys->items[number].hash & mask;
    while (keys->index[at] != 0)
        at = (at + 1) & mask;
    keys->index[at] = number + 1;
}

static mr_code grow(mr_json_keys *keys, mr_error *err)
{
    const uint32_t cap = keys->cap == 0 ? FIRST_KEYS : keys->cap * 2;
    mr_json_named_key *items = mr_mem_realloc(keys->items, sizeof *items * cap);
    if (items == NULL) return mr_fail(err, MR_ERR_NOMEM, "no memory left for %u JSON keys", cap);
    keys->items = items;
    uint32_t *index = mr_mem_zalloc(sizeof *index * cap * 2);
    if (index == NULL) return mr_fail(err, MR_ERR_NOMEM, "no memory left for %u JSON keys", cap);
    mr_mem_free(keys->index);
    keys->index = index;
    keys->index_slots = cap * 2;
    keys->cap = cap;
    for (uint32_t i = 0; i < keys->count; i++)
        put_in_index(keys, i);
    return MR_OK;
}

static bool is_plain(mr_slice name)
{
    for (size_t i = 0; i < name.len; i++)
        if (name.ptr[i] == '"' || name.ptr[i] == '\\' || (unsigned char)name.ptr[i] < 0x20)
            return false;
    return true;
}

static void make_piece(mr_json_named_key *key, mr_slice name)
{
    memset(key->piece, 0, sizeof key->piece);
    key->piece_mask = 0;
    if (name.len + 3 > sizeof key->piece || !is_plain(name)) return;
    key->piece[0] = '"';
    if (name.len > 0) memcpy(key->piece + 1, name.ptr, name.len);
    memcpy(key->piece + 1 + name.len, "\":", 2);
    key->piece_len = (uint32_t)name.len + 3;
    key->piece_mask = UINT32_MAX >> (32 - key->piece_len);
}

mr_code mr_json_keys_add(mr_json_keys *keys, mr_slice name, uint32_t *out, mr_error *err)
{
    if (keys->count == keys->cap) MR_TRY(grow(keys, err));
    const size_t name_at = keys->names.len;
    MR_TRY(mr_buffer_append(&keys->names, name, err));
    const uint32_t number = keys->count++;
    mr_json_named_key *key = &keys->items[number];
    key->follows = MR_JSON_NO_KEY;
    key->hash = mr_hash(keys->seed, name);
    key->name_at = name_at;
    key->name_len = name.len;
    make_piece(key, name);
    put_in_index(keys, number);
    *out = number;
    return MR_OK;
}

/* Keys leave in the opposite order of coming, so no probe sequence ever runs through the gap. */
static void drop_last(mr_json_keys *keys)
{
    const uint32_t number = --keys->count, mask = keys->index_slots - 1;
    uint32_t at = keys->items[number].hash & mask;
    while (keys->index[at] != number + 1)
        at = (at + 1) & mask;
    keys->index[at] = 0;
    keys->names.len = keys->items[number].name_at;
}

void mr_json_keys_truncate(mr_json_keys *keys, uint32_t count)
{
    while (keys->count > count)
        drop_last(keys);
}
