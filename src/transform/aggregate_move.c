/* SPDX-License-Identifier: MIT
 *
 * Groups from a lane to the collector, and from there to batches.
 *
 *     |head|states|key|shown|texts of extremes|pad| ... one after the other |set entries|
 */
#include "core/mem.h"
#include "transform/aggregate_internal.h"

#define ALIGN 16u

typedef struct section_head {
    uint64_t group_count, entry_count;
} section_head;

typedef struct group_head {
    uint32_t key_len, shown_len, texts_len, hash;
} group_head;

typedef struct entry_head {
    uint32_t value, group, len, unused;
} entry_head;

static mr_slice shown_of(const mr_aggregate *a, uint32_t group)
{
    uint32_t len;
    const char *at = a->texts.ptr + a->shown[group];
    memcpy(&len, at, sizeof len);
    return mr_slice_of(at + sizeof len, len);
}

static bool is_extreme(const mr_aggregate_value *value)
{
    return value->function == MR_AGGREGATE_MIN || value->function == MR_AGGREGATE_MAX;
}

/* --- writing ---------------------------------------------------------------------------------- */

static uint32_t texts_length(const mr_aggregate *a, uint32_t group)
{
    uint32_t bytes = 0;
    for (uint32_t i = 0; i < a->step->value_count; i++)
        if (is_extreme(&a->values[i]))
            bytes += ((const mr_extreme *)mr_aggregate_state(a, group, i))->text_len;
    return bytes;
}

static void put(mr_buffer *out, const void *bytes, size_t len)
{
    if (len > 0) memcpy(out->ptr + out->len, bytes, len);
    out->len += len;
}

static void pad(mr_buffer *out)
{
    const size_t to = mr_align_up(out->len, ALIGN);
    memset(out->ptr + out->len, 0, to - out->len);
    out->len = to;
}

static mr_code write_group(const mr_aggregate *a, uint32_t group, mr_buffer *out, mr_error *err)
{
    const mr_slice key = mr_key_table_key(&a->table, group), shown = shown_of(a, group);
    const group_head head = {(uint32_t)key.len, (uint32_t)shown.len, texts_length(a, group),
                             a->table.entries[group].hash};
    MR_TRY(mr_buffer_reserve(
        out, sizeof head + a->state_bytes + key.len + shown.len + head.texts_len + ALIGN, err));
    put(out, &head, sizeof head);
    put(out, a->states + (size_t)group * a->state_bytes, a->state_bytes);
    put(out, key.ptr, key.len);
    put(out, shown.ptr, shown.len);
    for (uint32_t i = 0; i < a->step->value_count; i++) {
        if (!is_extreme(&a->values[i])) continue;
        const mr_extreme *extreme = mr_aggregate_state(a, group, i);
        put(out, a->texts.ptr + extreme->text_at, extreme->text_len);
    }
    pad(out);
    return MR_OK;
}

static mr_code write_set(const mr_aggregate *a, uint32_t value, mr_buffer *out, mr_error *err)
{
    const mr_key_table *set = &a->sets[a->values[value].set];
    for (uint32_t i = 0; i < set->count; i++) {
        const mr_slice key = mr_key_table_key(set, i);
        entry_head head = {.value = value, .len = (uint32_t)(key.len - sizeof head.group)};
        memcpy(&head.group, key.ptr, sizeof head.group);
        MR_TRY(mr_buffer_reserve(out, sizeof head + key.len + ALIGN, err));
        put(out, &head, sizeof head);
        put(out, key.ptr + sizeof head.group, head.len);
        pad(out);
    }
    return MR_OK;
}

static void forget(mr_aggregate *a)
{
    mr_key_table_reset(&a->table);
    for (uint32_t i = 0; i < a->set_count; i++)
        mr_key_table_reset(&a->sets[i]);
    mr_buffer_reset(&a->texts);
}

mr_code mr_aggregate_write(mr_aggregate *a, mr_buffer *out, mr_error *err)
{
    section_head head = {.group_count = a->table.count};
    if (head.group_count == 0) return MR_OK;
    for (uint32_t i = 0; i < a->set_count; i++)
        head.entry_count += a->sets[i].count;
    MR_TRY(mr_buffer_reserve(out, sizeof head + ALIGN, err));
    pad(out);
    put(out, &head, sizeof head);
    for (uint32_t i = 0; i < a->table.count; i++)
        MR_TRY(write_group(a, i, out, err));
    for (uint32_t i = 0; i < a->step->value_count; i++)
        if (a->values[i].function == MR_AGGREGATE_COUNT_DISTINCT) MR_TRY(write_set(a, i, out, err));
    forget(a);
    return MR_OK;
}

/* --- merging ---------------------------------------------------------------------------------- */

static mr_code merge_extreme(mr_aggregate *a, uint32_t value, mr_extreme *to,
                             const mr_extreme *from, const char *text, mr_error *err)
{
    if (from->class == MR_KEY_NULL) return MR_OK;
    const mr_aggregate_cell cell = {.exact = from->exact,
                                    .real = from->real,
                                    .text = {text, from->text_len},
                                    .class = from->class,
                                    .type = from->type,
                                    .scale = from->scale,
                                    .is_exact = from->is_exact};
    if (!mr_aggregate_beats(a, to, &cell, a->values[value].function == MR_AGGREGATE_MIN))
        return MR_OK;
    return mr_aggregate_set_extreme(a, to, &cell, err);
}

static void merge_sum(const mr_aggregate_value *value, mr_sum_state *to, const mr_sum_state *from)
{
    to->count += from->count;
    to->real_count += from->real_count;
    mr_sum_merge(&to->sum, &from->sum);
    if (value->reals && from->real_count > 0)
        mr_real_sum_merge(mr_aggregate_reals(to), (const mr_real_sum *)(const void *)(from + 1));
}

static mr_code merge_states(mr_aggregate *a, uint32_t group, const char *states, const char *texts,
                            mr_error *err)
{
    for (uint32_t i = 0; i < a->step->value_count; i++) {
        const mr_aggregate_value *value = &a->values[i];
        const void *from = states + value->at;
        void *to = mr_aggregate_state(a, group, i);
        switch (value->function) {
        case MR_AGGREGATE_COUNT: *(uint64_t *)to += *(const uint64_t *)from; break;
        case MR_AGGREGATE_COUNT_DISTINCT: break; /* the entries of its set are counted */
        case MR_AGGREGATE_SUM:
        case MR_AGGREGATE_MEAN: merge_sum(value, to, from); break;
        case MR_AGGREGATE_MIN:
        case MR_AGGREGATE_MAX:
            MR_TRY(merge_extreme(a, i, to, from, texts, err));
            texts += ((const mr_extreme *)from)->text_len;
            break;
        }
    }
    return MR_OK;
}

static mr_code merge_group(mr_aggregate *a, const char **at, uint32_t *out, mr_error *err)
{
    const group_head *head = (const group_head *)(const void *)*at;
    const char *states = *at + sizeof *head, *key = states + a->state_bytes,
               *shown = key + head->key_len, *texts = shown + head->shown_len;
    const uint32_t groups = a->table.count;
    MR_TRY(mr_aggregate_group(a, mr_slice_of(key, head->key_len), head->hash, out, err));
    if (a->table.count != groups)
        MR_TRY(mr_aggregate_show(a, *out, mr_slice_of(shown, head->shown_len), err));
    MR_TRY(merge_states(a, *out, states, texts, err));
    const size_t size =
        sizeof *head + a->state_bytes + head->key_len + head->shown_len + head->texts_len;
    *at += mr_align_up(size, ALIGN);
    return MR_OK;
}

static mr_code room_for_numbers(mr_aggregate *a, uint64_t count, mr_error *err)
{
    if (count <= a->number_cap) return MR_OK;
    uint32_t *numbers = mr_mem_realloc(a->numbers, sizeof *numbers * count);
    if (numbers == NULL) return mr_fail(err, MR_ERR_NOMEM, "no memory left for an aggregate");
    a->numbers = numbers;
    a->number_cap = (uint32_t)count;
    return MR_OK;
}

static mr_code merge_section(mr_aggregate *a, const char **at, mr_error *err)
{
    const section_head *head = (const section_head *)(const void *)*at;
    *at += sizeof *head;
    MR_TRY(room_for_numbers(a, head->group_count, err));
    for (uint64_t i = 0; i < head->group_count; i++)
        MR_TRY(merge_group(a, at, &a->numbers[i], err));
    for (uint64_t i = 0; i < head->entry_count; i++) {
        const entry_head *entry = (const entry_head *)(const void *)*at;
        const mr_slice cell = {*at + sizeof *entry, entry->len};
        mr_buffer_reset(&a->key);
        MR_TRY(mr_aggregate_distinct(a, entry->value, a->numbers[entry->group], cell, err));
        *at += mr_align_up(sizeof *entry + entry->len, ALIGN);
    }
    return MR_OK;
}

mr_code mr_aggregate_merge(mr_aggregate *a, mr_slice bytes, mr_error *err)
{
    const char *at = bytes.ptr, *const end = at + bytes.len;
    while (at < end)
        MR_TRY(merge_section(a, &at, err));
    return MR_OK;
}

/* --- taking ----------------------------------------------------------------------------------- */

static mr_code take_keys(const mr_aggregate *a, uint32_t group, mr_batch *batch, uint32_t row,
                         mr_error *err)
{
    const char *at = shown_of(a, group).ptr;
    for (uint32_t i = 0; i < a->step->part_count; i++) {
        mr_column *column = &batch->columns[i];
        uint32_t len;
        memcpy(&len, at + 2, sizeof len);
        if (at[0] == MR_KEY_ABSENT) {
            MR_TRY(mr_column_append_absent(column, row, err));
        } else if (at[0] == MR_KEY_NULL) {
            mr_column_append_null(column, row);
        } else {
            MR_TRY(mr_column_append(column, row, mr_slice_of(at + 6, len), err));
            MR_TRY(mr_column_tag(column, row, (mr_type)at[1], err));
        }
        at += 6 + len;
    }
    return MR_OK;
}

static mr_code take_text(mr_column *column, uint32_t row, mr_slice text, mr_type type,
                         mr_error *err)
{
    MR_TRY(mr_column_append(column, row, text, err));
    return mr_column_tag(column, row, type, err);
}

static mr_code take_real(mr_column *column, uint32_t row, double value, mr_error *err)
{
    char text[MR_F64_TEXT_MAX];
    const size_t len = mr_format_f64(text, value);
    if (len > 0) return take_text(column, row, mr_slice_of(text, len), MR_TYPE_FLOAT, err);
    mr_column_append_null(column, row); /* beyond all doubles */
    return MR_OK;
}

static mr_code take_sum(const mr_aggregate_value *value, mr_sum_state *state, mr_column *column,
                        uint32_t row, mr_error *err)
{
    char text[MR_SUM_TEXT_MAX];
    if (state->count == 0) {
        mr_column_append_null(column, row);
        return MR_OK;
    }
    const bool mean = value->function == MR_AGGREGATE_MEAN;
    if (state->real_count == 0 && mean)
        return take_real(column, row, mr_sum_mean(&state->sum, state->count), err);
    const mr_slice exact = {text, mr_sum_text(&state->sum, text)};
    if (state->real_count == 0) return take_text(column, row, exact, mr_type_of_number(exact), err);
    double part = 0;
    (void)mr_parse_f64(exact, &part);
    const double sum = mr_real_sum_value(mr_aggregate_reals(state)) + part;
    return take_real(column, row, mean ? sum / (double)state->count : sum, err);
}

static mr_code take_value(const mr_aggregate *a, uint32_t number, uint32_t group, mr_batch *batch,
                          uint32_t row, mr_error *err)
{
    const mr_aggregate_value *value = &a->values[number];
    mr_column *column = &batch->columns[a->step->part_count + number];
    void *state = mr_aggregate_state(a, group, number);
    char text[MR_INT_TEXT_MAX];
    if (value->function == MR_AGGREGATE_COUNT || value->function == MR_AGGREGATE_COUNT_DISTINCT)
        return take_text(column, row,
                         mr_slice_of(text, mr_format_u64(text, *(const uint64_t *)state)),
                         MR_TYPE_INT, err);
    if (!is_extreme(value)) return take_sum(value, state, column, row, err);
    const mr_extreme *extreme = state;
    if (extreme->class == MR_KEY_NULL) {
        mr_column_append_null(column, row);
        return MR_OK;
    }
    return take_text(column, row, mr_slice_of(a->texts.ptr + extreme->text_at, extreme->text_len),
                     (mr_type)extreme->type, err);
}

static mr_code name_columns(const mr_aggregate *a, mr_batch *batch, mr_error *err)
{
    uint32_t number;
    for (uint32_t i = 0; i < a->step->part_count; i++)
        MR_TRY(mr_batch_add_column(batch, a->step->parts[i].name, MR_TYPE_NULL, &number, err));
    for (uint32_t i = 0; i < a->step->value_count; i++)
        MR_TRY(mr_batch_add_column(batch, a->step->values[i].name, MR_TYPE_NULL, &number, err));
    return MR_OK;
}

mr_code mr_aggregate_take(const mr_aggregate *a, uint64_t *from, mr_batch *batch, mr_error *err)
{
    const uint64_t count = a->table.count, most = mr_min_u64(batch->max_rows, 8192);
    MR_TRY(name_columns(a, batch, err));
    for (; *from < count && batch->row_count < most; ++*from) {
        const uint32_t row = batch->row_count;
        MR_TRY(mr_batch_begin_row(batch, err));
        MR_TRY(take_keys(a, (uint32_t)*from, batch, row, err));
        for (uint32_t i = 0; i < a->step->value_count; i++)
            MR_TRY(take_value(a, i, (uint32_t)*from, batch, row, err));
        mr_batch_end_row(batch, 0, 0, 0, row);
    }
    return MR_OK;
}
