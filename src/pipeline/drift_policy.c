/* SPDX-License-Identifier: MIT */
#include "pipeline/drift_policy.h"

#include <stdio.h>

#define MAX_NAME_SHOWN 60

static const char *const kind_names[MR_DRIFT_KIND_COUNT] = {
    [MR_DRIFT_NEW_COLUMN] = "new_column",
    [MR_DRIFT_MISSING_COLUMN] = "missing_column",
    [MR_DRIFT_TYPE_CHANGE] = "type_change",
};

static const char *const policy_names[] = {
    [MR_DRIFT_AUTO] = "auto",
    [MR_DRIFT_EVOLVE] = "evolve",
    [MR_DRIFT_FREEZE] = "freeze",
    [MR_DRIFT_QUARANTINE] = "quarantine",
    [MR_DRIFT_DISCARD_VALUE] = "discard_value",
    [MR_DRIFT_NEW_PART] = "new_part",
};

static const char *const compatibility_names[] = {
    [MR_COMPATIBLE_AUTO] = "auto",
    [MR_COMPATIBLE_NONE] = "none",
    [MR_COMPATIBLE_BACKWARD] = "backward",
    [MR_COMPATIBLE_FORWARD] = "forward",
    [MR_COMPATIBLE_FULL] = "full",
    [MR_COMPATIBLE_BACKWARD_TRANSITIVE] = "backward_transitive",
};

const char *mr_drift_kind_name(mr_drift_kind kind)
{
    return kind_names[kind];
}

const char *mr_drift_policy_name(mr_drift_policy policy)
{
    return policy_names[policy];
}

const char *mr_drift_compatibility_name(mr_drift_compatibility mode)
{
    return compatibility_names[mode];
}

mr_drift_rules mr_drift_rules_of(const mr_drift_choice *choice, bool evolves)
{
    const bool strict = choice->strategy == MR_DRIFT_STRICT;
    mr_drift_rules rules = {
        .compatibility = (mr_drift_compatibility)choice->compatibility,
        .fail_on_incompatible = choice->fail_on_incompatible,
        .preserve_old_fields = choice->preserve_old_fields && choice->strategy != MR_DRIFT_FLEXIBLE,
    };
    if (rules.compatibility == MR_COMPATIBLE_AUTO)
        rules.compatibility = strict ? MR_COMPATIBLE_BACKWARD : MR_COMPATIBLE_NONE;
    for (int i = 0; i < MR_DRIFT_KIND_COUNT; i++) {
        rules.policies[i] = (mr_drift_policy)choice->policies[i];
        if (rules.policies[i] == MR_DRIFT_AUTO)
            rules.policies[i] = evolves ? MR_DRIFT_EVOLVE : MR_DRIFT_FREEZE;
    }
    return rules;
}

/* How much a number may be: each holds all that those before it hold. */
static int rank_of(mr_type type)
{
    static const mr_type order[] = {MR_TYPE_INT, MR_TYPE_DECIMAL, MR_TYPE_FLOAT, MR_TYPE_NUMBER};
    for (int i = 0; i < (int)MR_COUNT_OF(order); i++)
        if (order[i] == type) return i;
    return -1;
}

bool mr_drift_widens(mr_type from, mr_type to)
{
    if (from == to || from == MR_TYPE_NULL || to == MR_TYPE_STRING || to == MR_TYPE_MIXED)
        return true;
    return mr_type_is_number(from) && mr_type_is_number(to) && rank_of(from) < rank_of(to);
}

bool mr_drift_compatible(mr_drift_compatibility mode, mr_drift_kind kind, mr_type from, mr_type to,
                         bool optional)
{
    if (mode == MR_COMPATIBLE_NONE || mode == MR_COMPATIBLE_AUTO) return true;
    if (kind != MR_DRIFT_TYPE_CHANGE) return optional;
    const bool backward = mr_drift_widens(from, to), forward = mr_drift_widens(to, from);
    if (mode == MR_COMPATIBLE_FORWARD) return forward;
    return mode == MR_COMPATIBLE_FULL ? backward && forward : backward;
}

mr_drift_policy mr_drift_policy_for(const mr_drift_rules *rules, mr_drift_kind kind, mr_type from,
                                    mr_type to, bool optional)
{
    if (mr_drift_compatible(rules->compatibility, kind, from, to, optional))
        return rules->policies[kind];
    return rules->fail_on_incompatible ? MR_DRIFT_FREEZE : MR_DRIFT_QUARANTINE;
}

void mr_drift_describe(char *out, size_t size, mr_drift_kind kind, mr_slice column, mr_type from,
                       mr_type to)
{
    if (column.len > MAX_NAME_SHOWN) column.len = MAX_NAME_SHOWN;
    if (kind == MR_DRIFT_NEW_COLUMN)
        snprintf(out, size, "column '%.*s' is new", MR_SLICE_ARGS(column));
    else if (kind == MR_DRIFT_MISSING_COLUMN)
        snprintf(out, size, "column '%.*s' is missing", MR_SLICE_ARGS(column));
    else
        snprintf(out, size, "column '%.*s' was %s and is %s", MR_SLICE_ARGS(column),
                 mr_type_name(from), mr_type_name(to));
}
