/* SPDX-License-Identifier: MIT */
#include "transform/key.h"

#include "core/hash.h"
#include "core/mem.h"

#define FIRST_SLOTS 1024u
#define CELL_HEAD   5u /* class and length */

mr_key_class mr_key_class_of(mr_type type)
{
    if (mr_type_is_number(type)) return MR_KEY_NUMBER;
    if (type == MR_TYPE_BOOL) return MR_KEY_BOOL;
    if (type == MR_TYPE_JSON) return MR_KEY_JSON;
    return type == MR_TYPE_NULL ? MR_KEY_NULL : MR_KEY_TEXT;
}

/* Without zeros at the end of a fraction, and without the point if nothing is left of it. */
static mr_slice plain_number(mr_slice text)
{
    if (memchr(text.ptr, '.', text.len) == NULL) return text;
    if (memchr(text.ptr, 'e', text.len) != NULL || memchr(text.ptr, 'E', text.len) != NULL)
        return text;
    while (text.ptr[text.len - 1] == '0')
        text.len--;
    if (text.ptr[text.len - 1] == '.') text.len--;
    return text;
}

MR_INLINE char *put_cell(char *to, const mr_column *column, uint32_t row)
{
    if (MR_UNLIKELY(column == NULL || mr_column_is_null(column, row))) {
        const bool absent = column == NULL || mr_column_is_absent(column, row);
        *to++ = absent ? MR_KEY_ABSENT : MR_KEY_NULL;
        return to;
    }
    const mr_key_class class = mr_key_class_of(mr_column_type(column, row));
    mr_slice text = mr_column_text(column, row);
    if (class == MR_KEY_NUMBER) text = plain_number(text);
    const uint32_t len = (uint32_t)text.len;
    *to = (char)class;
    memcpy(to + 1, &len, sizeof len);
    to += CELL_HEAD;
    if (MR_LIKELY(len <= 16))
        mr_copy16(to, text.ptr); /* both have the slack of a buffer behind them */
    else
        memcpy(to, text.ptr, len);
    return to + len;
}

mr_code mr_key_append(const mr_column *const *columns, uint32_t count, uint32_t row, mr_buffer *out,
                      mr_error *err)
{
    size_t room = (size_t)count * CELL_HEAD;
    for (uint32_t i = 0; i < count; i++)
        if (columns[i] != NULL) room += columns[i]->offsets[row + 1] - columns[i]->offsets[row];
    MR_TRY(mr_buffer_reserve(out, room, err));
    char *to = out->ptr + out->len;
    for (uint32_t i = 0; i < count; i++)
        to = put_cell(to, columns[i], row);
    out->len = (size_t)(to - out->ptr);
    return MR_OK;
}

/* --- table ------------------------------------------------------------------------------------ */

uint64_t mr_key_table_held_bytes(const mr_key_table *table)
{
    return sizeof *table->entries * (uint64_t)table->entry_cap +
           sizeof *table->slots * (uint64_t)table->slot_count + table->heap.cap;
}

static mr_code check_limit(const mr_key_table *table, uint64_t more, mr_error *err)
{
    const uint64_t held = mr_key_table_held_bytes(table);
    if (held + more <= table->max_bytes) return MR_OK;
    return mr_fail(err, MR_ERR_LIMIT, "%u distinct keys do not fit the %s, %llu MiB", table->count,
                   table->name, (unsigned long long)(table->max_bytes >> 20));
}

static void place(mr_key_table *table, uint32_t number)
{
    const uint32_t mask = table->slot_count - 1;
    uint32_t at = table->entries[number].hash & mask;
    while (table->slots[at] != 0)
        at = (at + 1) & mask;
    table->slots[at] = number + 1;
}

static mr_code set_slots(mr_key_table *table, uint32_t slot_count, mr_error *err)
{
    uint32_t *slots = mr_mem_zalloc(sizeof *slots * slot_count);
    if (slots == NULL) return mr_fail(err, MR_ERR_NOMEM, "no memory left for %u keys", slot_count);
    mr_mem_free(table->slots);
    table->slots = slots;
    table->slot_count = slot_count;
    for (uint32_t i = 0; i < table->count; i++)
        place(table, i);
    return MR_OK;
}

static mr_code set_entries(mr_key_table *table, uint32_t cap, mr_error *err)
{
    mr_key_entry *entries = mr_mem_realloc(table->entries, sizeof *entries * cap);
    if (entries == NULL) return mr_fail(err, MR_ERR_NOMEM, "no memory left for %u keys", cap);
    table->entries = entries;
    table->entry_cap = cap;
    return MR_OK;
}

mr_code mr_key_table_init(mr_key_table *table, const char *name, uint64_t max_bytes,
                          uint32_t expected, mr_error *err)
{
    uint32_t slots = FIRST_SLOTS;
    *table = (mr_key_table){.name = name, .max_bytes = max_bytes, .seed = mr_hash_draw_seed()};
    mr_buffer_init(&table->heap, name, max_bytes);
    while (slots < UINT32_MAX / 4 && slots / 2 < expected)
        slots *= 2;
    MR_TRY(set_slots(table, slots, err));
    return set_entries(table, slots / 2, err);
}

void mr_key_table_done(mr_key_table *table)
{
    mr_mem_free(table->entries);
    mr_mem_free(table->slots);
    mr_buffer_done(&table->heap);
    *table = (mr_key_table){0};
}

void mr_key_table_reset(mr_key_table *table)
{
    if (table->count > 0) memset(table->slots, 0, sizeof *table->slots * table->slot_count);
    mr_buffer_reset(&table->heap);
    table->count = 0;
}

static mr_code grow(mr_key_table *table, mr_error *err)
{
    const uint64_t cap = (uint64_t)table->entry_cap * 2;
    if (cap > UINT32_MAX / 4)
        return mr_fail(err, MR_ERR_LIMIT, "more than %u distinct keys", table->count);
    MR_TRY(check_limit(table, sizeof *table->entries * cap / 2 + sizeof *table->slots * cap, err));
    MR_TRY(set_entries(table, (uint32_t)cap, err));
    return set_slots(table, (uint32_t)cap * 2, err);
}

static mr_code add(mr_key_table *table, mr_slice key, uint32_t hash, uint32_t *out, mr_error *err)
{
    if (table->count == table->entry_cap) MR_TRY(grow(table, err));
    if (table->heap.cap - table->heap.len < key.len)
        MR_TRY(check_limit(table, mr_max_u64(table->heap.cap, key.len), err));
    const size_t at = table->heap.len;
    MR_TRY(mr_buffer_append(&table->heap, key, err));
    *out = table->count++;
    table->entries[*out] = (mr_key_entry){at, (uint32_t)key.len, hash};
    place(table, *out);
    return MR_OK;
}

mr_code mr_key_table_add(mr_key_table *table, mr_slice key, uint32_t hash, uint32_t *out,
                         bool *out_new, mr_error *err)
{
    const uint32_t mask = table->slot_count - 1;
    for (uint32_t at = hash & mask; table->slots[at] != 0; at = (at + 1) & mask) {
        const uint32_t number = table->slots[at] - 1;
        if (table->entries[number].hash != hash) continue;
        if (!mr_slice_equal(mr_key_table_key(table, number), key)) continue;
        *out = number;
        *out_new = false;
        return MR_OK;
    }
    *out_new = true;
    return add(table, key, hash, out, err);
}
