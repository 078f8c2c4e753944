/* SPDX-License-Identifier: MIT
 *
 * pipeline/drift_policy.h - strategies, compatibility and contracts of schema drift, and what they
 * come to for one change.
 *
 * A strategy is a set of defaults: `default` accepts everything and never drops a column, `strict`
 * accepts what is backward compatible, `flexible` accepts everything and drops what is gone.
 * Compatibility judges a change of the schema between an earlier and a later version:
 *
 *                        backward             forward              full
 *     column added       if it may be null    if it may be null    if it may be null
 *     column gone        if it might be null  if it might be null  if it might be null
 *     type changed       if it widens         if it narrows        no
 *
 * Types widen int -> decimal -> float -> number, and anything -> string. A column "might be null"
 * when it had nulls before, or is declared so.
 *
 * Thread: pure functions. */
#ifndef MR_PIPELINE_DRIFT_POLICY_H
#define MR_PIPELINE_DRIFT_POLICY_H

#include "core/error.h"
#include "record/type.h"

typedef enum mr_drift_kind {
    MR_DRIFT_NEW_COLUMN,
    MR_DRIFT_MISSING_COLUMN,
    MR_DRIFT_TYPE_CHANGE,
    MR_DRIFT_KIND_COUNT
} mr_drift_kind;

typedef enum mr_drift_policy {
    MR_DRIFT_AUTO, /* the strategy's */
    MR_DRIFT_EVOLVE,
    MR_DRIFT_FREEZE,
    MR_DRIFT_QUARANTINE,
    MR_DRIFT_DISCARD_VALUE,
    MR_DRIFT_NEW_PART,
} mr_drift_policy;

typedef enum mr_drift_strategy {
    MR_DRIFT_DEFAULT,
    MR_DRIFT_STRICT,
    MR_DRIFT_FLEXIBLE,
} mr_drift_strategy;

typedef enum mr_drift_compatibility {
    MR_COMPATIBLE_AUTO, /* the strategy's: none, or backward for strict */
    MR_COMPATIBLE_NONE,
    MR_COMPATIBLE_BACKWARD,
    MR_COMPATIBLE_FORWARD,
    MR_COMPATIBLE_FULL,
    MR_COMPATIBLE_BACKWARD_TRANSITIVE,
} mr_drift_compatibility;

/* As the user said it. */
typedef struct mr_drift_choice {
    int strategy, compatibility;       /* of the enums above */
    int policies[MR_DRIFT_KIND_COUNT]; /* mr_drift_policy */
    bool fail_on_incompatible;         /* else such a record is quarantined */
    bool preserve_old_fields;          /* a column that is gone stays, as null */
    const char *history;               /* file of earlier schemas; NULL = beside the target */
} mr_drift_choice;

/* What that comes to. */
typedef struct mr_drift_rules {
    mr_drift_policy policies[MR_DRIFT_KIND_COUNT]; /* never AUTO */
    mr_drift_compatibility compatibility;          /* never AUTO */
    bool fail_on_incompatible;
    bool preserve_old_fields;
} mr_drift_rules;

/* "new_column", "evolve", ... as in files. */
const char *mr_drift_kind_name(mr_drift_kind kind);
const char *mr_drift_policy_name(mr_drift_policy policy);
const char *mr_drift_compatibility_name(mr_drift_compatibility mode);

/* `evolves` false: advanced.enable_schema_evolution is off, and all is frozen. */
mr_drift_rules mr_drift_rules_of(const mr_drift_choice *choice, bool evolves);

/* Does every value of type `from` fit a column of type `to`? */
bool mr_drift_widens(mr_type from, mr_type to);

/* Is the change compatible? `optional`: the column may be null in the version that has it. */
bool mr_drift_compatible(mr_drift_compatibility mode, mr_drift_kind kind, mr_type from, mr_type to,
                         bool optional);

/* The policy that counts for a change: the contract's, unless compatibility forbids the change. */
mr_drift_policy mr_drift_policy_for(const mr_drift_rules *rules, mr_drift_kind kind, mr_type from,
                                    mr_type to, bool optional);

/* "column 'late' is new" and so on, into `out`. */
void mr_drift_describe(char *out, size_t size, mr_drift_kind kind, mr_slice column, mr_type from,
                       mr_type to);

#endif
