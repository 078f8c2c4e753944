/* SPDX-License-Identifier: MIT
 *
 * pipeline/shape.h - which columns go on, in which order and under which names (--select,
 * --rename).
 *
 * Columns of a batch are moved, not copied. A column that a later record brings (JSON) goes on only
 * when nothing was selected.
 *
 * Thread: constant once made; mr_shape_apply() is called by any lane on its own batch. */
#ifndef MR_PIPELINE_SHAPE_H
#define MR_PIPELINE_SHAPE_H

#include "core/option.h"
#include "record/batch.h"

typedef struct mr_shape_column {
    mr_slice from, to;
    uint32_t from_hash, to_hash;
} mr_shape_column;

typedef struct mr_shape {
    mr_shape_column *columns; /* selected ones in order; without a selection the renamed ones */
    uint32_t column_count;
    bool selects;
} mr_shape;

/* Makes a shape and the schema it gives. `in` may be NULL when columns are not known up front; then
 * names cannot be checked and `out` is left empty. MR_ERR_USAGE names a column that is not there
 * and the nearest that is. */
MR_NODISCARD mr_code mr_shape_make(mr_shape *shape, const mr_option_list *select,
                                   const mr_option_map *rename, const mr_schema *in,
                                   mr_arena *arena, mr_schema *out, mr_error *err);

/* For mr_engine_config.shape; `context` is an mr_shape. */
MR_NODISCARD mr_code mr_shape_apply(const void *context, mr_batch *batch, mr_error *err);

MR_INLINE bool mr_shape_is_identity(const mr_shape *shape)
{
    return shape->column_count == 0 && !shape->selects;
}

#endif
