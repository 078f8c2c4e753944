/* SPDX-License-Identifier: MIT
 *
 * connector/store_template.h - text with cells of a row in it: `orders-{order_id}`.
 *
 * `{name}` is the cell of that column, `{{` and `}}` are the brackets themselves.
 *
 * Thread: owned by one thread. */
#ifndef MR_CONNECTOR_STORE_TEMPLATE_H
#define MR_CONNECTOR_STORE_TEMPLATE_H

#include "record/batch.h"

#define MR_STORE_TEMPLATE_PARTS 32

typedef struct mr_store_template {
    struct {
        mr_slice text; /* literal, or the name of a column */
        bool is_column;
        int64_t column; /* in the present batch */
    } parts[MR_STORE_TEMPLATE_PARTS];
    size_t count;
    bool is_literal; /* without any cell */
} mr_store_template;

/* Texts live in `arena`. MR_ERR_USAGE, which names `option`, for a bracket without its pair. */
MR_NODISCARD mr_code mr_store_template_parse(mr_store_template *out, const char *option,
                                             const char *text, mr_arena *arena, mr_error *err);

/* Finds the columns in `batch`. MR_ERR_USAGE names one that is not there. */
MR_NODISCARD mr_code mr_store_template_bind(mr_store_template *own, const char *option,
                                            const mr_batch *batch, mr_error *err);

/* The text for a row, appended to `out`; false in *out_whole when a cell is null. */
MR_NODISCARD mr_code mr_store_template_put(const mr_store_template *own, const mr_batch *batch,
                                           uint32_t row, mr_buffer *out, bool *out_whole,
                                           mr_error *err);

#endif
