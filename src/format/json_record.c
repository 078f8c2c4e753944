/* SPDX-License-Identifier: MIT */
#include "core/mem.h"
#include "core/utf8.h"
#include "format/json_internal.h"

#define FIRST_SLOTS 32u
#define CHECK_FITS_BYTES \
    4096u /* 65,536 rows below this never fill a column, replacements included */

/* --- fields --- */

static mr_code grow_slots(mr_json_fields *fields, mr_error *err)
{
    const uint32_t cap = fields->slot_cap == 0 ? FIRST_SLOTS : fields->slot_cap * 2;
    mr_json_slot *slots = mr_mem_realloc(fields->slots, sizeof *slots * cap);
    if (slots == NULL) return mr_fail(err, MR_ERR_NOMEM, "no memory left for %u JSON fields", cap);
    fields->slots = slots;
    uint32_t *order = mr_mem_realloc(fields->order, sizeof *order * cap);
    if (order == NULL) return mr_fail(err, MR_ERR_NOMEM, "no memory left for %u JSON fields", cap);
    fields->order = order;
    memset(slots + fields->slot_cap, 0, sizeof *slots * (cap - fields->slot_cap));
    fields->slot_cap = cap;
    return MR_OK;
}

mr_code mr_json_fields_open(mr_json_fields *fields, mr_error *err)
{
    mr_json_keys_init(&fields->keys);
    return grow_slots(fields, err);
}

void mr_json_fields_done(mr_json_fields *fields)
{
    mr_json_keys_done(&fields->keys);
    mr_mem_free(fields->slots);
    mr_mem_free(fields->order);
    *fields = (mr_json_fields){0};
}

mr_code mr_json_fields_add(mr_json_fields *fields, mr_slice name, uint32_t *out, mr_error *err)
{
    if (fields->keys.count == fields->slot_cap) MR_TRY(grow_slots(fields, err));
    MR_TRY(mr_json_keys_add(&fields->keys, name, out, err));
    fields->slots[*out].serial = 0;
    return MR_OK;
}

mr_json_slot *mr_json_field_again(struct mr_json_reader *reader, uint32_t number, const char *at)
{
    reader->duplicates++;
    if (reader->options.duplicate_keys == MR_JSON_DUPLICATES_LAST)
        return &reader->parsed.slots[number];
    if (reader->options.duplicate_keys == MR_JSON_DUPLICATES_REJECT && !reader->flaw.found)
        reader->flaw = (mr_json_flaw){true, MR_REASON_DUPLICATE_KEY, at, number};
    return &reader->spare;
}

bool mr_json_name_fits(const struct mr_json_reader *reader, const mr_json_fields *fields,
                       mr_slice name)
{
    return fields->keys.count < reader->options.limits.max_columns &&
           fields->keys.names.len + name.len <= MR_JSON_MAX_NAMES_BYTES;
}

/* May the record have one more field? Without flattening keys are columns; with it their table only
 * remembers, and the fields of the record count. */
static bool has_room(struct mr_json_reader *reader, uint32_t number, mr_slice name)
{
    const mr_json_fields *fields = &reader->parsed;
    const bool flattens = reader->cells != fields;
    if (number == MR_JSON_NO_KEY && name.len > MR_JSON_MAX_KEY_BYTES) {
        if (!reader->flaw.found)
            reader->flaw = (mr_json_flaw){true, MR_REASON_RECORD_TOO_LARGE, NULL, MR_JSON_NO_KEY};
        return false;
    }
    if (flattens ? fields->count < reader->options.limits.max_columns
                 : number != MR_JSON_NO_KEY || mr_json_name_fits(reader, fields, name))
        return true;
    reader->too_many_fields = true;
    return false;
}

mr_json_slot *mr_json_field(struct mr_json_reader *reader, mr_slice name, const char *at,
                            uint32_t *out_number)
{
    mr_json_fields *fields = &reader->parsed;
    uint32_t number = mr_json_keys_find(&fields->keys, name);
    *out_number = number;
    if (number != MR_JSON_NO_KEY && fields->slots[number].serial == reader->serial)
        return mr_json_field_again(reader, number, at);
    if (!has_room(reader, number, name)) {
        *out_number = MR_JSON_NO_KEY;
        return &reader->spare;
    }
    if (number == MR_JSON_NO_KEY &&
        mr_json_fields_add(fields, name, &number, &reader->failure) != MR_OK)
        return NULL;
    *out_number = number;
    fields->slots[number].serial = reader->serial;
    fields->order[fields->count++] = number;
    return &fields->slots[number];
}

static void forget_serials(mr_json_fields *fields)
{
    for (uint32_t i = 0; i < fields->slot_cap; i++)
        fields->slots[i].serial = 0;
}

void mr_json_begin_record(struct mr_json_reader *reader)
{
    mr_json_keys_truncate(&reader->cells->keys, reader->known);
    if (reader->cells != &reader->parsed &&
        (reader->parsed.keys.count > reader->options.limits.max_columns ||
         reader->parsed.keys.names.len > MR_JSON_MAX_NAMES_BYTES))
        mr_json_keys_truncate(&reader->parsed.keys, 0);
    if (++reader->serial == 0) { /* once in 4 billion records old marks would count as new */
        forget_serials(&reader->parsed);
        forget_serials(&reader->flat);
        reader->serial = 1;
    }
    reader->parsed.count = reader->flat.count = 0;
    reader->flaw.found = false;
    reader->duplicates = 0;
    reader->replaced = 0;
    reader->too_many_fields = reader->nested_objects = false;
    mr_buffer_reset(&reader->scratch);
    reader->spare.in_scratch = false;
}

mr_code mr_json_sync(struct mr_json_reader *reader, const mr_batch *batch, mr_error *err)
{
    mr_json_fields *cells = reader->cells;
    uint32_t same = 0;
    while (same < batch->column_count && same < cells->keys.count &&
           mr_slice_equal(mr_json_keys_name(&cells->keys, same), batch->columns[same].name))
        same++;
    mr_json_keys_truncate(&cells->keys, same);
    for (uint32_t i = same; i < batch->column_count; i++) {
        uint32_t number;
        MR_TRY(mr_json_fields_add(cells, batch->columns[i].name, &number, err));
    }
    reader->known = batch->column_count;
    return MR_OK;
}

/* --- cells --- */

static mr_code tag(const struct mr_json_reader *reader, mr_column *column, uint32_t number,
                   uint32_t row, mr_type type, mr_error *err)
{
    const bool fixed = number < reader->options.fixed_columns && column->type != MR_TYPE_NULL &&
                       column->type != MR_TYPE_MIXED;
    return fixed ? MR_OK : mr_column_tag_slow(column, row, type, err);
}

static mr_code append_cell(const struct mr_json_reader *reader, mr_column *column, uint32_t number,
                           uint32_t row, const mr_json_slot *slot, mr_error *err)
{
    if (MR_UNLIKELY(slot->type == MR_TYPE_NULL)) {
        mr_column_append_null(column, row);
        return MR_OK;
    }
    MR_TRY(mr_column_append_padded(column, row, slot->ptr, slot->len, err));
    if (MR_LIKELY(column->type == (mr_type)slot->type)) return MR_OK;
    return tag(reader, column, number, row, (mr_type)slot->type, err);
}

static mr_code append_row(const struct mr_json_reader *reader, mr_batch *batch, mr_json_row at,
                          mr_error *err)
{
    const mr_json_slot *slots = reader->cells->slots;
    const uint32_t row = batch->row_count, serial = reader->serial;
    MR_TRY(mr_batch_begin_row(batch, err));
    for (uint32_t i = 0; i < batch->column_count; i++) {
        if (MR_LIKELY(slots[i].serial == serial))
            MR_TRY(append_cell(reader, &batch->columns[i], i, row, &slots[i], err));
        else
            MR_TRY(mr_column_append_absent(&batch->columns[i], row, err));
    }
    mr_batch_end_row(batch, at.offset, at.length, at.line, at.record);
    return MR_OK;
}

/* Do the record's cells fit the columns? Not asked of the first row, which must. */
static bool cells_fit(const struct mr_json_reader *reader, const mr_batch *batch)
{
    const mr_json_fields *cells = reader->cells;
    for (uint32_t i = 0; i < batch->column_count; i++) {
        const mr_column *column = &batch->columns[i];
        if (cells->slots[i].serial == reader->serial &&
            cells->slots[i].len > MR_COLUMN_MAX_BYTES - column->data.len)
            return false;
    }
    return true;
}

/* Gives the batch the record's new columns; not when that would make it too large. */
static mr_code add_columns(struct mr_json_reader *reader, mr_batch *batch, bool *out_fits,
                           mr_error *err)
{
    const mr_json_keys *keys = &reader->cells->keys;
    *out_fits = batch->row_count == 0 ||
                (uint64_t)keys->count * (batch->row_count + 1) <= MR_BATCH_MAX_CELLS;
    if (!*out_fits) return MR_OK;
    for (uint32_t i = batch->column_count; i < keys->count; i++) {
        uint32_t number;
        MR_TRY(mr_batch_add_column(batch, mr_json_keys_name(keys, i), MR_TYPE_NULL, &number, err));
    }
    reader->known = keys->count;
    return MR_OK;
}

/* --- explode --- */

/* The value at `p`, in compact text, as a slot. Strings are unescaped to `room`. */
static const char *element_slot(const char *p, char *room, mr_json_slot *slot)
{
    const char *const end = mr_json_skip(p);
    const size_t len = (size_t)(end - p);
    *slot = (mr_json_slot){.ptr = p, .len = (uint32_t)len, .serial = slot->serial};
    if (*p == '{' || *p == '[') {
        slot->type = MR_TYPE_JSON;
    } else if (*p == '"') {
        bool lone;
        slot->ptr = room;
        slot->len = (uint32_t)mr_json_unescape_to(room, (mr_slice){p + 1, len - 2}, &lone);
        slot->type = lone ? MR_TYPE_BYTES : MR_TYPE_STRING;
    } else if (*p == 't' || *p == 'f') {
        slot->type = MR_TYPE_BOOL;
    } else if (*p == 'n') {
        slot->type = MR_TYPE_NULL;
        slot->len = 0;
    } else {
        slot->type = (uint8_t)mr_type_of_number((mr_slice){p, len});
    }
    return end;
}

/* One row for each element of the array in `slot`, from *element on. */
static mr_code append_exploded(struct mr_json_reader *reader, mr_batch *batch, mr_json_row row,
                               mr_json_slot *slot, uint32_t *element, bool *out_done, mr_error *err)
{
    const char *p = slot->ptr + 1, *const end = slot->ptr + slot->len - 1;
    MR_TRY(mr_buffer_reserve(&reader->name, slot->len, err));
    if (p == end) {
        slot->type = MR_TYPE_NULL;
        return append_row(reader, batch, row, err);
    }
    size_t record_bytes = 0;
    for (uint32_t i = 0; i < reader->cells->count; i++)
        record_bytes += reader->cells->slots[reader->cells->order[i]].len;
    record_bytes -= slot->len;
    size_t bytes = 0;
    for (uint32_t number = 0; p < end; number++) {
        if (number < *element) {
            p = mr_json_skip(p) + 1;
            continue;
        }
        *out_done = batch->row_count < batch->max_rows && bytes < MR_JSON_EXPLODE_BYTES;
        const char *const next = element_slot(p, reader->name.ptr, slot) + 1;
        *out_done = *out_done && (batch->row_count == 0 || cells_fit(reader, batch));
        if (!*out_done) return MR_OK;
        MR_TRY(append_row(reader, batch, row, err));
        bytes += record_bytes + slot->len;
        ++*element;
        p = next;
    }
    return MR_OK;
}

static mr_json_slot *exploded_slot(const struct mr_json_reader *reader)
{
    if (reader->options.explode.len == 0) return NULL;
    const uint32_t number = mr_json_keys_find(&reader->cells->keys, reader->options.explode);
    if (number == MR_JSON_NO_KEY) return NULL;
    mr_json_slot *slot = &reader->cells->slots[number];
    const bool is_array = slot->serial == reader->serial && slot->type == MR_TYPE_JSON &&
                          slot->len > 0 && slot->ptr[0] == '[';
    return is_array ? slot : NULL;
}

mr_code mr_json_commit(struct mr_json_reader *reader, mr_batch *batch, mr_json_row row,
                       uint32_t *element, bool *out_done, mr_error *err)
{
    if (MR_UNLIKELY(reader->cells->keys.count > batch->column_count)) {
        MR_TRY(add_columns(reader, batch, out_done, err));
        if (!*out_done) return MR_OK;
    }
    mr_json_slot *slot = exploded_slot(reader);
    if (MR_UNLIKELY(slot != NULL)) {
        MR_TRY(append_exploded(reader, batch, row, slot, element, out_done, err));
        if (*out_done) *element = 0;
        return MR_OK;
    }
    *out_done = row.length < CHECK_FITS_BYTES || batch->row_count == 0 || cells_fit(reader, batch);
    return *out_done ? append_row(reader, batch, row, err) : MR_OK;
}
