/* SPDX-License-Identifier: MIT */
#include "transform/aggregate.h"

#include "core/mem.h"
#include "record/numtext.h"
#include "transform/aggregate_internal.h"

#define FIRST_GROUPS 512u
#define MEMORY_NAME  "memory of aggregate"

/* --- columns ---------------------------------------------------------------------------------- */

static mr_type value_type(const mr_columns *in, const mr_step_part *value, bool *untyped)
{
    const int64_t at = mr_schema_find(&in->schema, value->text);
    *untyped = false;
    switch (value->function) {
    case MR_AGGREGATE_COUNT:
    case MR_AGGREGATE_COUNT_DISTINCT: return MR_TYPE_INT;
    case MR_AGGREGATE_MEAN: return MR_TYPE_FLOAT;
    case MR_AGGREGATE_SUM: return MR_TYPE_NULL; /* the values decide */
    case MR_AGGREGATE_MIN:
    case MR_AGGREGATE_MAX:
        if (at < 0) return MR_TYPE_NULL;
        *untyped = in->untyped[at];
        return in->schema.fields[at].type;
    }
    return MR_TYPE_NULL;
}

mr_code mr_aggregate_columns(const mr_step *step, const mr_columns *in, mr_arena *arena,
                             mr_columns *out, mr_error *err)
{
    int64_t at;
    mr_columns_init(out, arena, true);
    for (uint32_t i = 0; i < step->part_count; i++) {
        const mr_step_part *part = &step->parts[i];
        MR_TRY(mr_columns_find(in, step, part->name, part->where, &at, err));
        MR_TRY(mr_columns_add(out, part->name, at >= 0 ? in->schema.fields[at].type : MR_TYPE_NULL,
                              at >= 0 && in->untyped[at], part->where, err));
    }
    for (uint32_t i = 0; i < step->value_count; i++) {
        const mr_step_part *value = &step->values[i];
        bool untyped;
        if (value->text.len > 0)
            MR_TRY(mr_columns_find(in, step, value->text, value->where, &at, err));
        const mr_type type = value_type(in, value, &untyped);
        MR_TRY(mr_columns_add(out, value->name, type, untyped, value->where, err));
    }
    return MR_OK;
}

/* --- opening ---------------------------------------------------------------------------------- */

static uint32_t input_called(mr_aggregate *a, mr_slice name, bool all_untyped)
{
    for (uint32_t i = 0; i < a->input_count; i++)
        if (mr_slice_equal(a->inputs[i].name, name)) return i;
    const int64_t at = mr_schema_find(&a->in->schema, name);
    a->inputs[a->input_count] =
        (mr_aggregate_input){.name = name, .untyped = at >= 0 ? a->in->untyped[at] : all_untyped};
    return a->input_count++;
}

/* Can a double be among the values? Untyped text is none by the exact typing rules. */
static bool may_be_real(const mr_aggregate *a, const mr_aggregate_input *input)
{
    const int64_t at = mr_schema_find(&a->in->schema, input->name);
    const mr_type type = at >= 0 ? a->in->schema.fields[at].type : MR_TYPE_NULL;
    return !input->untyped && type != MR_TYPE_INT && type != MR_TYPE_DECIMAL;
}

static uint32_t state_size(const mr_aggregate_value *value)
{
    switch (value->function) {
    case MR_AGGREGATE_COUNT:
    case MR_AGGREGATE_COUNT_DISTINCT: return sizeof(uint64_t);
    case MR_AGGREGATE_SUM:
    case MR_AGGREGATE_MEAN: return sizeof(mr_sum_state) + (value->reals ? sizeof(mr_real_sum) : 0);
    case MR_AGGREGATE_MIN:
    case MR_AGGREGATE_MAX: return sizeof(mr_extreme);
    }
    return 0;
}

static void plan_values(mr_aggregate *a, bool all_untyped)
{
    for (uint32_t i = 0; i < a->step->value_count; i++) {
        const mr_step_part *part = &a->step->values[i];
        mr_aggregate_value *value = &a->values[i];
        *value = (mr_aggregate_value){.function = part->function, .input = MR_KEY_NONE};
        if (part->text.len > 0) {
            value->input = input_called(a, part->text, all_untyped);
            mr_aggregate_input *input = &a->inputs[value->input];
            const bool sums =
                part->function == MR_AGGREGATE_SUM || part->function == MR_AGGREGATE_MEAN;
            input->numbers = input->numbers || sums;
            input->parsed = input->parsed || sums || part->function == MR_AGGREGATE_MIN ||
                            part->function == MR_AGGREGATE_MAX;
            value->reals = sums && may_be_real(a, input);
        }
        if (part->function == MR_AGGREGATE_COUNT_DISTINCT) value->set = a->set_count++;
        value->at = a->state_bytes;
        a->state_bytes += (uint32_t)mr_align_up(state_size(value), 16);
    }
    if (a->state_bytes == 0) a->state_bytes = 16;
}

static mr_code take_arrays(mr_aggregate *a, mr_error *err)
{
    const size_t values = a->step->value_count + 1, keys = a->step->part_count + 1;
    a->inputs = mr_mem_zalloc(sizeof *a->inputs * values);
    a->values = mr_mem_zalloc(sizeof *a->values * values);
    a->sets = mr_mem_zalloc(sizeof *a->sets * values);
    a->columns = mr_mem_zalloc(sizeof *a->columns * values);
    a->cells = mr_mem_zalloc(sizeof *a->cells * values);
    a->key_columns = mr_mem_zalloc(sizeof *a->key_columns * keys);
    if (a->inputs != NULL && a->values != NULL && a->sets != NULL && a->columns != NULL &&
        a->cells != NULL && a->key_columns != NULL)
        return MR_OK;
    return mr_fail(err, MR_ERR_NOMEM, "no memory left for an aggregate");
}

static mr_code prepare(mr_aggregate *a, bool all_untyped, mr_error *err)
{
    const uint64_t most = a->step->memory_bytes;
    mr_buffer_init(&a->texts, MEMORY_NAME, most);
    mr_buffer_init(&a->key, "the key of a record", MR_COLUMN_MAX_BYTES);
    MR_TRY(take_arrays(a, err));
    plan_values(a, all_untyped);
    for (uint32_t i = 0; i < a->set_count; i++)
        MR_TRY(mr_key_table_init(&a->sets[i], MEMORY_NAME, most, FIRST_GROUPS, err));
    return mr_key_table_init(&a->table, MEMORY_NAME, most, FIRST_GROUPS, err);
}

mr_code mr_aggregate_open(const mr_step *step, const mr_columns *in, bool all_untyped,
                          uint64_t seed, mr_aggregate **out, mr_error *err)
{
    mr_aggregate *a = mr_mem_zalloc(sizeof *a);
    if (a == NULL) return mr_fail(err, MR_ERR_NOMEM, "no memory left for an aggregate");
    a->step = step;
    a->in = in;
    a->seed = seed;
    const mr_code rc = prepare(a, all_untyped, err);
    if (rc == MR_OK)
        *out = a;
    else
        mr_aggregate_close(a);
    return rc;
}

void mr_aggregate_close(mr_aggregate *a)
{
    if (a == NULL) return;
    for (uint32_t i = 0; a->sets != NULL && i < a->set_count; i++)
        mr_key_table_done(&a->sets[i]);
    mr_key_table_done(&a->table);
    mr_buffer_done(&a->texts);
    mr_buffer_done(&a->key);
    mr_mem_free(a->inputs);
    mr_mem_free(a->values);
    mr_mem_free(a->sets);
    mr_mem_free(a->shown);
    mr_mem_free(a->states);
    mr_mem_free((void *)(uintptr_t)a->columns);
    mr_mem_free((void *)(uintptr_t)a->key_columns);
    mr_mem_free(a->cells);
    mr_mem_free(a->numbers);
    mr_mem_free(a);
}

/* --- groups ----------------------------------------------------------------------------------- */

uint64_t mr_aggregate_group_count(const mr_aggregate *a)
{
    return a->table.count;
}

mr_code mr_aggregate_check_memory(const mr_aggregate *a, uint64_t more, mr_error *err)
{
    uint64_t held = mr_key_table_held_bytes(&a->table) + a->texts.cap +
                    (a->state_bytes + sizeof *a->shown) * (uint64_t)a->group_cap + more;
    for (uint32_t i = 0; i < a->set_count; i++)
        held += mr_key_table_held_bytes(&a->sets[i]);
    if (held <= a->step->memory_bytes) return MR_OK;
    return mr_fail(err, MR_ERR_LIMIT, "%s: %u groups do not fit the %s, %llu MiB", a->step->where,
                   a->table.count, MEMORY_NAME, (unsigned long long)(a->step->memory_bytes >> 20));
}

static mr_code more_groups(mr_aggregate *a, mr_error *err)
{
    const uint32_t cap = a->group_cap == 0 ? FIRST_GROUPS : a->group_cap * 2;
    MR_TRY(mr_aggregate_check_memory(
        a, (a->state_bytes + sizeof *a->shown) * (uint64_t)(cap - a->group_cap), err));
    char *states = mr_mem_realloc(a->states, (size_t)a->state_bytes * cap);
    if (states == NULL) return mr_fail(err, MR_ERR_NOMEM, "no memory left for %u groups", cap);
    a->states = states;
    uint64_t *shown = mr_mem_realloc(a->shown, sizeof *shown * cap);
    if (shown == NULL) return mr_fail(err, MR_ERR_NOMEM, "no memory left for %u groups", cap);
    a->shown = shown;
    a->group_cap = cap;
    return MR_OK;
}

static mr_code put_text(mr_aggregate *a, mr_slice text, uint32_t room, uint64_t *at, mr_error *err)
{
    if (a->texts.cap - a->texts.len < room)
        MR_TRY(mr_aggregate_check_memory(a, mr_max_u64(a->texts.cap, room), err));
    MR_TRY(mr_buffer_reserve(&a->texts, room, err));
    *at = a->texts.len;
    if (text.len > 0) memcpy(a->texts.ptr + *at, text.ptr, text.len);
    a->texts.len += room;
    return MR_OK;
}

mr_code mr_aggregate_show(mr_aggregate *a, uint32_t group, mr_slice shown, mr_error *err)
{
    const uint32_t len = (uint32_t)shown.len;
    uint64_t text;
    MR_TRY(put_text(a, mr_slice_of((const char *)&len, sizeof len), sizeof len, &a->shown[group],
                    err));
    return put_text(a, shown, len, &text, err);
}

mr_code mr_aggregate_group(mr_aggregate *a, mr_slice key, uint32_t hash, uint32_t *out,
                           mr_error *err)
{
    bool is_new;
    MR_TRY(mr_key_table_add(&a->table, key, hash, out, &is_new, err));
    if (MR_LIKELY(!is_new)) return MR_OK;
    if (*out >= a->step->max_groups)
        return mr_fail(err, MR_ERR_LIMIT, "%s: more than %llu groups (max_groups of aggregate)",
                       a->step->where, (unsigned long long)a->step->max_groups);
    if (*out >= a->group_cap) MR_TRY(more_groups(a, err));
    memset(a->states + (size_t)*out * a->state_bytes, 0, a->state_bytes);
    return MR_OK;
}

/* --- cells ------------------------------------------------------------------------------------ */

static bool read_exact(mr_slice text, mr_aggregate_cell *out)
{
    int64_t small;
    unsigned scale;
    if (mr_numtext_decimal(text, &small, &scale))
        out->exact = small;
    else if (!mr_parse_decimal(text, &out->exact, &scale))
        return false;
    out->scale = (uint8_t)scale;
    out->is_exact = true;
    out->class = MR_KEY_NUMBER;
    return true;
}

void mr_aggregate_understand(const mr_aggregate_input *input, const mr_column *column, uint32_t row,
                             mr_aggregate_cell *out)
{
    if (column == NULL || mr_column_is_null(column, row)) {
        out->class = MR_KEY_NULL;
        return;
    }
    const mr_type type = mr_column_type(column, row);
    out->type = (uint8_t)type;
    out->text = mr_column_text(column, row);
    out->is_exact = false;
    out->class = (uint8_t)mr_key_class_of(type);
    if (!input->parsed) return;
    if (type == MR_TYPE_STRING && input->untyped)
        (void)read_exact(out->text, out);
    else if (out->class == MR_KEY_NUMBER && !read_exact(out->text, out) &&
             !mr_parse_f64(out->text, &out->real))
        out->class = MR_KEY_TEXT; /* beyond all doubles: 1e400 */
}

static int compare_exact(mr_i128 a, unsigned a_scale, mr_i128 b, unsigned b_scale)
{
    if (a_scale == b_scale) return (a > b) - (a < b);
    const mr_i128 a_unit = mr_pow10_i128(a_scale), b_unit = mr_pow10_i128(b_scale);
    const mr_i128 a_whole = a / a_unit, b_whole = b / b_unit;
    if (a_whole != b_whole) return (a_whole > b_whole) - (a_whole < b_whole);
    mr_i128 a_rest = a % a_unit, b_rest = b % b_unit;
    if (a_scale < b_scale)
        a_rest *= mr_pow10_i128(b_scale - a_scale);
    else
        b_rest *= mr_pow10_i128(a_scale - b_scale);
    return (a_rest > b_rest) - (a_rest < b_rest);
}

static double as_real(mr_i128 exact, unsigned scale)
{
    char text[MR_DECIMAL_TEXT_MAX];
    double value = 0;
    (void)mr_parse_f64(mr_slice_of(text, mr_format_decimal(text, exact, scale)), &value);
    return value;
}

static int compare_numbers(const mr_extreme *a, const mr_aggregate_cell *b)
{
    if (a->is_exact && b->is_exact) return compare_exact(a->exact, a->scale, b->exact, b->scale);
    const double x = a->is_exact ? as_real(a->exact, a->scale) : a->real;
    const double y = b->is_exact ? as_real(b->exact, b->scale) : b->real;
    return (x > y) - (x < y);
}

static int compare_texts(mr_slice a, mr_slice b)
{
    const size_t both = a.len < b.len ? a.len : b.len;
    const int order = both > 0 ? memcmp(a.ptr, b.ptr, both) : 0;
    return order != 0 ? order : (a.len > b.len) - (a.len < b.len);
}

bool mr_aggregate_beats(const mr_aggregate *a, const mr_extreme *extreme,
                        const mr_aggregate_cell *cell, bool least)
{
    int order = (extreme->class > cell->class) - (extreme->class < cell->class);
    if (extreme->class == MR_KEY_NULL) return true;
    if (order == 0 && cell->class == MR_KEY_NUMBER)
        order = compare_numbers(extreme, cell);
    else if (order == 0)
        order = compare_texts(mr_slice_of(a->texts.ptr + extreme->text_at, extreme->text_len),
                              cell->text);
    return least ? order > 0 : order < 0;
}

mr_code mr_aggregate_set_extreme(mr_aggregate *a, mr_extreme *extreme,
                                 const mr_aggregate_cell *cell, mr_error *err)
{
    extreme->exact = cell->exact;
    extreme->real = cell->real;
    extreme->scale = cell->scale;
    extreme->is_exact = cell->is_exact;
    extreme->class = cell->class;
    extreme->type = cell->type;
    if (cell->text.len > extreme->text_cap || extreme->text_cap == 0) {
        const uint32_t room = (uint32_t)mr_max_u64(cell->text.len * 2, 16);
        extreme->text_cap = room; /* doubling: what is given up is never more than what is used */
        MR_TRY(put_text(a, cell->text, room, &extreme->text_at, err));
    } else if (cell->text.len > 0) {
        memcpy(a->texts.ptr + extreme->text_at, cell->text.ptr, cell->text.len);
    }
    extreme->text_len = (uint32_t)cell->text.len;
    return MR_OK;
}

mr_code mr_aggregate_distinct(mr_aggregate *a, uint32_t value, uint32_t group, mr_slice cell,
                              mr_error *err)
{
    uint32_t number;
    bool is_new;
    const size_t before = a->key.len;
    MR_TRY(mr_buffer_append(&a->key, mr_slice_of((const char *)&group, sizeof group), err));
    MR_TRY(mr_buffer_append(&a->key, cell, err));
    const mr_slice key = {a->key.ptr + before, a->key.len - before};
    MR_TRY(mr_key_table_add(&a->sets[a->values[value].set], key, mr_hash(a->seed, key), &number,
                            &is_new, err));
    a->key.len = before;
    if (is_new) ++*(uint64_t *)mr_aggregate_state(a, group, value);
    return MR_OK;
}
