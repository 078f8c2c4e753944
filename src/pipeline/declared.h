/* SPDX-License-Identifier: MIT
 *
 * pipeline/declared.h - the columns and types that the user declares (`schema:`, --schema). They
 * take the place of inference, and a value that violates them is a reject: type_mismatch.
 *
 *     schema:                        --schema orders.yaml           schema:
 *       id: int not null             --schema id=int,name=string      - {name: id, type: int}
 *       name: {type: string, nullable: true}                          - name string
 *
 * What `millrace schema` prints is a declaration too.
 *
 * Thread: constant once made. */
#ifndef MR_PIPELINE_DECLARED_H
#define MR_PIPELINE_DECLARED_H

#include "core/tree.h"
#include "record/schema.h"

typedef struct mr_declared_field {
    mr_slice name;
    uint32_t hash;
    mr_type type; /* MR_TYPE_NULL: any */
    bool not_null;
    bool trusted; /* a text is not asked whether it is UTF-8: an earlier run has taken such ones */
} mr_declared_field;

typedef struct mr_declared {
    mr_declared_field *fields;
    uint32_t count, room;
} mr_declared;

/* Adds what a mapping, a list, or an object with a list `columns` or `fields` declares.
 * MR_ERR_USAGE with the place in the file. */
MR_NODISCARD mr_code mr_declared_from_tree(mr_declared *declared, const mr_tree *tree,
                                           const mr_node *node, mr_arena *arena, mr_error *err);

/* The value of --schema: "name=type,name=type", or the path of a file. */
MR_NODISCARD mr_code mr_declared_from_text(mr_declared *declared, const char *text, mr_arena *arena,
                                           mr_error *err);

/* Adds the types of `schema` that nobody has declared, as an earlier run found them. */
MR_NODISCARD mr_code mr_declared_recall(mr_declared *declared, const mr_schema *schema,
                                        mr_arena *arena, mr_error *err);

/* The declaration of a column, or NULL. */
const mr_declared_field *mr_declared_find(const mr_declared *declared, mr_slice name);

/* Are all columns of `schema` declared? */
bool mr_declared_covers(const mr_declared *declared, const mr_schema *schema);

/* Gives the columns of `schema` their declared types. Columns that it lacks are added when `add`;
 * else MR_ERR_USAGE names the first one and the nearest there is. */
MR_NODISCARD mr_code mr_declared_apply(const mr_declared *declared, bool add, mr_schema *schema,
                                       mr_error *err);

#endif
