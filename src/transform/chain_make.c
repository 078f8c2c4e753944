/* SPDX-License-Identifier: MIT */
#include "transform/chain_internal.h"

static mr_code make_names(mr_op *op, mr_arena *arena, mr_error *err)
{
    const mr_step *step = op->step;
    op->count = step->part_count;
    op->names = mr_arena_take(arena, sizeof *op->names * (op->count + 1));
    op->to = mr_arena_take(arena, sizeof *op->to * (op->count + 1));
    if (op->names == NULL || op->to == NULL) return mr_arena_fail(arena, err);
    for (uint32_t i = 0; i < op->count; i++) {
        const mr_slice name = step->parts[i].name, to = step->parts[i].text;
        op->names[i] = (mr_chain_name){name, mr_name_hash(name)};
        op->to[i] = (mr_chain_name){to, mr_name_hash(to)};
    }
    return MR_OK;
}

static mr_code need_columns(const mr_step *step, const mr_columns *in, mr_error *err)
{
    int64_t at;
    for (uint32_t i = 0; i < step->part_count; i++)
        MR_TRY(mr_columns_find(in, step, step->parts[i].name, step->parts[i].where, &at, err));
    return step->time.name.len == 0
               ? MR_OK
               : mr_columns_find(in, step, step->time.name, step->time.where, &at, err);
}

/* The same columns, those that the step names with another type. */
static mr_code retype(const mr_step *step, const mr_columns *in, mr_type type, mr_columns *out,
                      mr_error *err)
{
    mr_columns_init(out, in->schema.arena, in->known);
    for (uint32_t i = 0; i < in->schema.field_count; i++) {
        const mr_field *field = &in->schema.fields[i];
        bool named = false;
        for (uint32_t p = 0; p < step->part_count; p++)
            named = named || mr_slice_equal(step->parts[p].name, field->name);
        MR_TRY(mr_columns_add(out, field->name, named ? type : field->type,
                              !named && in->untyped[i], step->where, err));
    }
    return MR_OK;
}

/* Which columns flattening gives only the records say, unless none of those named can hold an
 * object. */
static mr_code after_flatten(const mr_step *step, const mr_columns *in, mr_columns *out,
                             mr_error *err)
{
    MR_TRY(retype(step, in, MR_TYPE_NULL, out, err));
    out->known = false;
    return MR_OK;
}

static mr_code make_op(mr_op *op, const mr_columns *in, const mr_chain_env *env, mr_arena *arena,
                       mr_columns *out, mr_error *err)
{
    const mr_step *step = op->step;
    MR_TRY(make_names(op, arena, err));
    *out = *in;
    switch (step->kind) {
    case MR_STEP_FILTER: return mr_op_make_filter(op, in, env, arena, err);
    case MR_STEP_MAP: return mr_op_make_map(op, in, env, arena, out, err);
    case MR_STEP_CAST: return mr_op_make_cast(op, in, env, arena, out, err);
    case MR_STEP_DROP:
    case MR_STEP_SELECT:
    case MR_STEP_RENAME: return mr_columns_after(in, step, out, err);
    case MR_STEP_FLATTEN:
        MR_TRY(need_columns(step, in, err));
        return after_flatten(step, in, out, err);
    case MR_STEP_EXPLODE:
        MR_TRY(need_columns(step, in, err));
        return retype(step, in, MR_TYPE_NULL, out, err);
    case MR_STEP_MASK:
        MR_TRY(need_columns(step, in, err));
        return retype(step, in, MR_TYPE_STRING, out, err);
    case MR_STEP_DEDUPE: return need_columns(step, in, err);
    case MR_STEP_AGGREGATE:
    case MR_STEP_KIND_COUNT: break;
    }
    assert(false); /* an aggregate ends a chain */
    return MR_OK;
}

mr_code mr_chain_make(const mr_step *first, const mr_step *end, const mr_columns *in,
                      const mr_chain_env *env, mr_arena *arena, mr_chain **out,
                      mr_columns *out_columns, mr_error *err)
{
    uint32_t count = 0;
    mr_columns columns = *in;
    for (const mr_step *step = first; step != end; step = step->next)
        count++;
    mr_chain *chain = mr_arena_take(arena, sizeof *chain);
    mr_op *ops = mr_arena_take(arena, sizeof *ops * (count + 1));
    if (chain == NULL || ops == NULL) return mr_arena_fail(arena, err);
    *chain = (mr_chain){.ops = ops};
    mr_code rc = MR_OK;
    for (const mr_step *step = first; rc == MR_OK && step != end; step = step->next) {
        mr_op *op = &ops[chain->op_count++];
        mr_columns after;
        op->step = step;
        if (step->kind == MR_STEP_EXPLODE) op->level = chain->explode_count++;
        rc = make_op(op, &columns, env, arena, &after, err);
        if (rc == MR_OK) columns = after;
    }
    if (rc == MR_OK) {
        *out = chain;
        *out_columns = columns;
    } else {
        mr_chain_free(chain);
    }
    return rc;
}

void mr_chain_free(mr_chain *chain)
{
    for (uint32_t i = 0; chain != NULL && i < chain->op_count; i++)
        for (uint32_t e = 0; chain->ops[i].exprs != NULL && e < chain->ops[i].expr_count; e++)
            mr_expr_free(chain->ops[i].exprs[e]);
}

void mr_chain_conform(mr_chain *chain, const mr_schema *schema, const bool *untyped,
                      const mr_infer *found)
{
    chain->conform = schema;
    chain->conform_untyped = untyped;
    chain->conform_found = found;
}

bool mr_chain_is_one_to_one(const mr_chain *chain)
{
    return chain->explode_count == 0;
}
