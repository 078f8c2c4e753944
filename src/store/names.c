/* SPDX-License-Identifier: MIT */
#include "store/names.h"

#include "core/hash.h"
#include "core/mem.h"

#define FIRST_ROOM 64u

void mr_names_init(mr_names *names, const char *arena_name, uint32_t count_max, size_t bytes_max)
{
    *names = (mr_names){.count_max = count_max, .seed = mr_hash_draw_seed()};
    mr_arena_init(&names->arena, arena_name, bytes_max);
}

void mr_names_done(mr_names *names)
{
    mr_arena_done(&names->arena);
    mr_mem_free(names->entries);
    mr_mem_free(names->slots);
    names->entries = NULL;
    names->slots = NULL;
    names->count = names->room = names->slot_mask = 0;
}

void mr_names_reset(mr_names *names)
{
    names->count = 0;
    if (names->slots != NULL)
        memset(names->slots, 0, ((size_t)names->slot_mask + 1) * sizeof *names->slots);
    if (names->arena.first != NULL) mr_arena_reset(&names->arena);
}

bool mr_names_is_full(const mr_names *names)
{
    const size_t used = atomic_load_explicit(&names->arena.used_bytes, memory_order_relaxed);
    return names->count > names->count_max / 2 || used > names->arena.cap_bytes / 2;
}

uint32_t mr_names_find(const mr_names *names, mr_slice name)
{
    if (names->slots == NULL) return MR_NAMES_NONE;
    const uint32_t hash = mr_hash(names->seed, name);
    for (uint32_t at = hash & names->slot_mask;; at = (at + 1) & names->slot_mask) {
        const uint32_t index = names->slots[at];
        if (index == 0) return MR_NAMES_NONE;
        const mr_name_entry *entry = &names->entries[index - 1];
        if (entry->hash == hash && mr_slice_equal(entry->name, name)) return index - 1;
    }
}

static void put(mr_names *names, uint32_t index)
{
    uint32_t at = names->entries[index].hash & names->slot_mask;
    while (names->slots[at] != 0)
        at = (at + 1) & names->slot_mask;
    names->slots[at] = index + 1;
}

static mr_code grow(mr_names *names, mr_error *err)
{
    const uint32_t room = names->room == 0 ? FIRST_ROOM : names->room * 2;
    mr_name_entry *entries = mr_mem_realloc(names->entries, room * sizeof *entries);
    if (entries == NULL) return mr_fail(err, MR_ERR_NOMEM, "no memory left for stream names");
    names->entries = entries;
    uint32_t *slots = mr_mem_zalloc((size_t)room * 2 * sizeof *slots);
    if (slots == NULL) return mr_fail(err, MR_ERR_NOMEM, "no memory left for stream names");
    mr_mem_free(names->slots);
    names->slots = slots;
    names->slot_mask = room * 2 - 1;
    names->room = room;
    for (uint32_t i = 0; i < names->count; i++)
        put(names, i);
    return MR_OK;
}

mr_code mr_names_add(mr_names *names, mr_slice name, uint32_t *out, mr_error *err)
{
    if (names->count >= names->count_max)
        return mr_fail(err, MR_ERR_LIMIT, "more than %u names at once", names->count_max);
    if (names->count == names->room) MR_TRY(grow(names, err));
    const char *copy = mr_arena_copy(&names->arena, name);
    if (copy == NULL) return mr_arena_fail(&names->arena, err);
    const uint32_t index = names->count++;
    names->entries[index] =
        (mr_name_entry){.name = {copy, name.len}, .hash = mr_hash(names->seed, name)};
    put(names, index);
    *out = index;
    return MR_OK;
}
