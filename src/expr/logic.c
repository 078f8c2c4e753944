/* SPDX-License-Identifier: MIT */
#include "expr/logic.h"

#include "expr/operators.h"

void mr_logic_read(mr_run *run, mr_vec *vec)
{
    const mr_kinds settled = MR_KINDS_BOOL | MR_KIND_BIT(MR_KIND_NULL) | MR_KIND_BIT(MR_KIND_FAULT);
    MR_EACH_ROW(run, row)
    {
        if (MR_LIKELY(mr_kind_in(vec->kind[row], settled))) continue;
        mr_value value = mr_vec_get(vec, row);
        if (value.kind == MR_KIND_ABSENT)
            value.kind = MR_KIND_NULL;
        else
            mr_run_read(run, MR_READ_BOOL, &value, run->room[0]);
        mr_vec_put(vec, row, value);
    }
}

/* The second operand as a truth. */
static mr_value truth_of(mr_run *run, const mr_vec *vec, uint32_t row)
{
    mr_value value = mr_vec_get(vec, row);
    if (mr_kind_is_none(value.kind))
        value.kind = MR_KIND_NULL;
    else if (value.kind != MR_KIND_FAULT)
        mr_run_read(run, MR_READ_BOOL, &value, run->room[0]);
    return value;
}

/* The first operand lies in `out`. The rows at work are those that it does not settle (it is
 * `neutral` or null there), so all depends on the second. */
MR_INLINE void combine(mr_run *run, mr_kind neutral, mr_kind settling)
{
    const mr_vec right = mr_run_arg(run, 1);
    MR_EACH_ROW(run, row)
    {
        const mr_value value = truth_of(run, &right, row);
        if (run->out->kind[row] == neutral || value.kind == settling || value.kind == MR_KIND_FAULT)
            mr_vec_put(run->out, row, value);
    }
}

static void call_and(mr_run *run)
{
    combine(run, MR_KIND_TRUE, MR_KIND_FALSE);
}

static void call_or(mr_run *run)
{
    combine(run, MR_KIND_FALSE, MR_KIND_TRUE);
}

static mr_value not_of(mr_run *run, const mr_value *args)
{
    (void)run;
    return mr_value_bool(args[0].kind == MR_KIND_FALSE);
}

MR_EXPR_CALL(call_not, not_of, 1)

const mr_function mr_operator_not = {.name = "'not'",
                                     .signature = "not x",
                                     .call = call_not,
                                     .least = 1,
                                     .most = 1,
                                     .reads = {MR_READ_BOOL},
                                     .gives = MR_KINDS_BOOL};

/* The readings are for the compiler; what null means is seen to above. */
const mr_function mr_operator_and = {.name = "'and'",
                                     .signature = "x and y",
                                     .call = call_and,
                                     .least = 2,
                                     .most = 2,
                                     .reads = {MR_READ_BOOL, MR_READ_BOOL},
                                     .flags = MR_FUNCTION_NONES,
                                     .gives = MR_KINDS_BOOL};

const mr_function mr_operator_or = {.name = "'or'",
                                    .signature = "x or y",
                                    .call = call_or,
                                    .least = 2,
                                    .most = 2,
                                    .reads = {MR_READ_BOOL, MR_READ_BOOL},
                                    .flags = MR_FUNCTION_NONES,
                                    .gives = MR_KINDS_BOOL};
