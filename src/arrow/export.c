/* SPDX-License-Identifier: MIT */
#include "arrow/export.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>

#include "arrow/convert.h"
#include "core/mem.h"

#define KEEP_BYTES ((size_t)4 << 20) /* of one column's values */

/* One column of a lease: what the Arrow struct points to. */
typedef struct lease_column {
    struct ArrowArray array;
    const void *buffers[3];
    mr_buffer values;
} lease_column;

typedef struct lease {
    struct lease *next; /* in the exporter's list of those that came back */
    mr_arrow_exporter *exporter;
    /* Arrays that are not released: the parent and its children. Counted down with acquire-release
     * by whoever releases, so that the last one sees what all others did. */
    atomic_uint references;
    mr_batch rows;
    lease_column *columns;
    struct ArrowArray **children;
    uint32_t column_cap;
    const void *no_buffers[1];
    uint8_t bad[MR_BATCH_MAX_ROWS / 8];
} lease;

/* The list is the one place where the threads of receivers and ours meet, once a batch each way. */
struct mr_arrow_exporter {
    pthread_mutex_t lock; /* guards all below */
    lease *idle;
    uint32_t out_count;
    bool closed;
};

/* Where buffers of columns without rows or bytes point. */
static const int64_t nothing[2];

mr_code mr_arrow_exporter_open(mr_arrow_exporter **out, mr_error *err)
{
    mr_arrow_exporter *exporter = mr_mem_zalloc(sizeof *exporter);
    if (exporter == NULL) return mr_fail(err, MR_ERR_NOMEM, "no memory left to hand out batches");
    pthread_mutex_init(&exporter->lock, NULL);
    *out = exporter;
    return MR_OK;
}

static void free_lease(lease *l)
{
    mr_batch_done(&l->rows);
    for (uint32_t i = 0; i < l->column_cap; i++)
        mr_buffer_done(&l->columns[i].values);
    mr_mem_free(l->columns);
    mr_mem_free(l->children);
    mr_mem_free(l);
}

static void free_exporter(mr_arrow_exporter *exporter)
{
    for (lease *l = exporter->idle; l != NULL;) {
        lease *next = l->next;
        free_lease(l);
        l = next;
    }
    pthread_mutex_destroy(&exporter->lock);
    mr_mem_free(exporter);
}

void mr_arrow_exporter_close(mr_arrow_exporter *exporter)
{
    if (exporter == NULL) return;
    pthread_mutex_lock(&exporter->lock);
    exporter->closed = true;
    const bool last = exporter->out_count == 0;
    pthread_mutex_unlock(&exporter->lock);
    if (last) free_exporter(exporter);
}

uint32_t mr_arrow_exporter_leased(mr_arrow_exporter *exporter)
{
    pthread_mutex_lock(&exporter->lock);
    const uint32_t count = exporter->out_count;
    pthread_mutex_unlock(&exporter->lock);
    return count;
}

/* --- leases going round
 * --------------------------------------------------------------------------- */

static mr_code take_lease(mr_arrow_exporter *exporter, lease **out, mr_error *err)
{
    pthread_mutex_lock(&exporter->lock);
    const bool full = exporter->out_count == MR_ARROW_MAX_LEASES;
    lease *l = full ? NULL : exporter->idle;
    if (l != NULL) exporter->idle = l->next;
    if (!full) exporter->out_count++;
    pthread_mutex_unlock(&exporter->lock);
    if (full)
        return mr_fail(err, MR_ERR_LIMIT,
                       "%d batches are out and none of them has been released; the receiver of "
                       "Arrow data has to call release()",
                       MR_ARROW_MAX_LEASES);
    if (l == NULL) {
        l = mr_mem_zalloc(sizeof *l);
        if (l == NULL) {
            pthread_mutex_lock(&exporter->lock);
            exporter->out_count--;
            pthread_mutex_unlock(&exporter->lock);
            return mr_fail(err, MR_ERR_NOMEM, "no memory left to hand out a batch");
        }
        l->exporter = exporter;
        mr_batch_init(&l->rows, 0);
    }
    *out = l;
    return MR_OK;
}

static void give_lease_back(lease *l)
{
    mr_arrow_exporter *exporter = l->exporter;
    pthread_mutex_lock(&exporter->lock);
    l->next = exporter->idle;
    exporter->idle = l;
    exporter->out_count--;
    const bool last = exporter->closed && exporter->out_count == 0;
    pthread_mutex_unlock(&exporter->lock);
    if (last) free_exporter(exporter);
}

static void drop(lease *l, uint32_t column_count)
{
    if (atomic_fetch_sub_explicit(&l->references, 1, memory_order_acq_rel) != 1) return;
    mr_batch_reset(&l->rows);
    for (uint32_t i = 0; i < column_count; i++)
        mr_buffer_shrink(&l->columns[i].values, KEEP_BYTES);
    give_lease_back(l);
}

static void release_child(struct ArrowArray *array)
{
    array->release = NULL;
    lease *l = array->private_data;
    drop(l, l->column_cap);
}

static void release_parent(struct ArrowArray *array)
{
    lease *l = array->private_data;
    for (int64_t i = 0; i < array->n_children; i++)
        mr_arrow_release_array(array->children[i]);
    array->release = NULL;
    drop(l, l->column_cap);
}

/* --- converting
 * ------------------------------------------------------------------------------------ */

static mr_code make_columns(lease *l, uint32_t count, mr_error *err)
{
    if (count <= l->column_cap) return MR_OK;
    lease_column *columns = mr_mem_realloc(l->columns, sizeof *columns * count);
    if (columns != NULL) l->columns = columns;
    struct ArrowArray **children = mr_mem_realloc(l->children, sizeof *children * count);
    if (children != NULL) l->children = children;
    if (columns == NULL || children == NULL)
        return mr_fail(err, MR_ERR_NOMEM, "no memory left to hand out %u columns", count);
    for (uint32_t i = l->column_cap; i < count; i++)
        mr_buffer_init(&columns[i].values, "the values of a column", MR_COLUMN_MAX_BYTES);
    l->column_cap = count;
    return MR_OK;
}

static mr_arrow_cells cells_of(lease *l, const mr_arrow_plan *plan, const mr_batch *batch,
                               uint32_t number)
{
    return (mr_arrow_cells){.column = &batch->columns[number],
                            .plan = &plan->columns[number],
                            .end = batch->row_count,
                            .values = l->columns[number].values.ptr,
                            .bad = l->bad};
}

static mr_code convert(lease *l, const mr_arrow_plan *plan, const mr_batch *batch,
                       uint32_t *out_bad, mr_error *err)
{
    *out_bad = 0;
    memset(l->bad, 0,
           batch->row_count / 8 + 1 < sizeof l->bad ? batch->row_count / 8 + 1 : sizeof l->bad);
    for (uint32_t i = 0; i < plan->count; i++) {
        mr_buffer *values = &l->columns[i].values;
        const size_t bytes = mr_arrow_value_bytes(&plan->columns[i], batch->row_count);
        mr_buffer_reset(values);
        MR_TRY(mr_buffer_reserve(values, bytes, err));
        mr_arrow_cells cells = cells_of(l, plan, batch, i);
        mr_arrow_convert(&cells);
        *out_bad += cells.bad_count;
    }
    return MR_OK;
}

/* --- refusing
 * -------------------------------------------------------------------------------------- */

/* The first column whose cell in `row` is at fault. */
static uint32_t find_fault(lease *l, const mr_arrow_plan *plan, const mr_batch *batch, uint32_t row)
{
    uint8_t *bad = l->bad;
    for (uint32_t i = 0; i < plan->count; i++) {
        mr_arrow_cells cells = cells_of(l, plan, batch, i);
        cells.begin = row;
        cells.end = row + 1;
        mr_bits_put(bad, row, false);
        mr_arrow_convert(&cells);
        if (cells.bad_count > 0) return i;
    }
    return 0;
}

static mr_reason reason_of(const mr_arrow_column_plan *plan, const mr_column *column, uint32_t row)
{
    if (!mr_arrow_plan_admits(plan, mr_column_type(column, row))) return MR_REASON_TYPE_MISMATCH;
    return plan->form == MR_ARROW_TEXT ? MR_REASON_INVALID_UTF8 : MR_REASON_INEXACT;
}

/* What an Arrow column of this plan holds, for messages. */
static void describe(const mr_arrow_column_plan *plan, char *out, size_t size)
{
    static const char *const names[] = {
        [MR_ARROW_NULL] = "null",       [MR_ARROW_BOOL] = "bool",     [MR_ARROW_INT64] = "int64",
        [MR_ARROW_FLOAT64] = "float64", [MR_ARROW_DATE32] = "date32", [MR_ARROW_UUID] = "uuid",
        [MR_ARROW_TEXT] = "utf8",       [MR_ARROW_BINARY] = "binary"};
    static const char *const units[] = {"s", "ms", "us", "ns"};
    if (plan->form == MR_ARROW_DECIMAL128)
        snprintf(out, size, "decimal128(38,%u)", plan->scale);
    else if (plan->form == MR_ARROW_TIME || plan->form == MR_ARROW_TIMESTAMP)
        snprintf(out, size, "%s[%s%s]", plan->form == MR_ARROW_TIME ? "time" : "timestamp",
                 units[plan->scale / 3 & 3], plan->layout >> 12 & 3 ? ", zone" : "");
    else
        snprintf(out, size, "%s", names[plan->form]);
}

static mr_code refuse(mr_reject_list *refused, const mr_arrow_column_plan *plan,
                      const mr_column *column, uint32_t number, uint32_t row, mr_error *err)
{
    char wanted[48];
    mr_reject *reject;
    const mr_slice text = mr_column_text(column, row);
    const int shown = text.len < 40 ? (int)text.len : 40;
    describe(plan, wanted, sizeof wanted);
    MR_TRY(mr_reject_list_add(refused, reason_of(plan, column, row), &reject, err));
    reject->row_before = row;
    reject->column = number + 1;
    reject->field = plan->name;
    mr_reject_detail(reject, "%s cannot be Arrow's %s exactly: '%.*s'",
                     mr_type_name(mr_column_type(column, row)), wanted, shown, text.ptr);
    return MR_OK;
}

static mr_code refuse_rows(lease *l, const mr_arrow_plan *plan, const mr_batch *batch,
                           mr_reject_list *refused, mr_error *err)
{
    for (uint32_t row = 0; row < batch->row_count; row++) {
        if ((l->bad[row / 8] >> row % 8 & 1) == 0) continue;
        const uint32_t number = find_fault(l, plan, batch, row);
        const mr_column *column = &batch->columns[number];
        if (refused != NULL) {
            MR_TRY(refuse(refused, &plan->columns[number], column, number, row, err));
            continue;
        }
        char wanted[48];
        const mr_slice text = mr_column_text(column, row);
        describe(&plan->columns[number], wanted, sizeof wanted);
        return mr_fail(err, MR_ERR_INPUT,
                       "row %u, column '%.*s': %s cannot be Arrow's %s exactly: '%.*s'", row + 1,
                       MR_SLICE_ARGS(plan->columns[number].name),
                       mr_type_name(mr_column_type(column, row)), wanted,
                       text.len < 60 ? (int)text.len : 60, text.ptr);
    }
    return MR_OK;
}

/* --- handing out
 * ----------------------------------------------------------------------------------- */

static void fill_child(lease *l, const mr_arrow_column_plan *plan, uint32_t number)
{
    lease_column *to = &l->columns[number];
    const mr_column *from = &l->rows.columns[number];
    const bool as_it_lies = plan->form == MR_ARROW_TEXT || plan->form == MR_ARROW_BINARY;
    const bool no_buffers = plan->form == MR_ARROW_NULL;
    to->array = (struct ArrowArray){
        .length = l->rows.row_count,
        .null_count = no_buffers ? l->rows.row_count : from->null_count,
        .n_buffers = no_buffers   ? 0
                     : as_it_lies ? 3
                                  : 2,
        .buffers = to->buffers,
        .release = release_child,
        .private_data = l,
    };
    to->buffers[0] = from->null_count > 0 ? from->validity : NULL;
    if (as_it_lies) {
        to->buffers[1] = from->offsets != NULL ? (const void *)from->offsets : nothing;
        to->buffers[2] = from->data.ptr != NULL ? (const void *)from->data.ptr : nothing;
    } else {
        to->buffers[1] = to->values.ptr != NULL ? (const void *)to->values.ptr : nothing;
    }
}

static void hand_out(lease *l, const mr_arrow_plan *plan, struct ArrowArray *out)
{
    l->no_buffers[0] = NULL; /* a row of the struct itself is never null */
    for (uint32_t i = 0; i < plan->count; i++) {
        fill_child(l, &plan->columns[i], i);
        l->children[i] = &l->columns[i].array;
    }
    atomic_store_explicit(&l->references, plan->count + 1, memory_order_relaxed);
    *out = (struct ArrowArray){
        .length = l->rows.row_count,
        .n_buffers = 1,
        .n_children = plan->count,
        .buffers = l->no_buffers,
        .children = l->children,
        .release = release_parent,
        .private_data = l,
    };
}

mr_code mr_arrow_export(mr_arrow_exporter *exporter, const mr_arrow_plan *plan, mr_batch *batch,
                        mr_reject_list *refused, struct ArrowArray *out, mr_error *err)
{
    lease *l = NULL;
    uint32_t bad_count = 0;
    out->release = NULL;
    if (batch->column_count < plan->count)
        return mr_fail(err, MR_ERR_INPUT, "a batch of %u columns, where %u are to be handed out",
                       batch->column_count, plan->count);
    MR_TRY(take_lease(exporter, &l, err));
    mr_code rc = make_columns(l, plan->count, err);
    if (rc == MR_OK) rc = convert(l, plan, batch, &bad_count, err);
    if (rc == MR_OK && bad_count > 0) rc = refuse_rows(l, plan, batch, refused, err);
    if (rc != MR_OK || bad_count > 0) {
        give_lease_back(l);
        return rc;
    }
    mr_batch_exchange(batch, &l->rows);
    hand_out(l, plan, out);
    return MR_OK;
}

mr_batch *mr_arrow_exported_rows(const struct ArrowArray *array)
{
    return &((lease *)array->private_data)->rows;
}
