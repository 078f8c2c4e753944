/* SPDX-License-Identifier: MIT */
#include "arrow/lender.h"

#include <pthread.h>

#include "core/mem.h"

struct mr_arrow_held {
    struct ArrowArray array;
    mr_arrow_lender *lender;
    uint32_t references; /* guarded by the lender's lock, as is `next` */
    mr_arrow_held *next; /* among those that came back */
};

typedef struct column_loan {
    mr_loan loan; /* first */
    mr_arrow_held *held;
    struct column_loan *next;
} column_loan;

struct mr_arrow_lender {
    pthread_mutex_t lock;
    mr_arrow_held *idle;
    column_loan *idle_loans;
    uint32_t out_count; /* arrays held */
    bool closed;
};

mr_code mr_arrow_lender_open(mr_arrow_lender **out, mr_error *err)
{
    mr_arrow_lender *lender = mr_mem_zalloc(sizeof *lender);
    if (lender == NULL) return mr_fail(err, MR_ERR_NOMEM, "no memory left to take Arrow arrays");
    pthread_mutex_init(&lender->lock, NULL);
    *out = lender;
    return MR_OK;
}

static void free_lender(mr_arrow_lender *lender)
{
    for (mr_arrow_held *held = lender->idle; held != NULL;) {
        mr_arrow_held *next = held->next;
        mr_mem_free(held);
        held = next;
    }
    for (column_loan *loan = lender->idle_loans; loan != NULL;) {
        column_loan *next = loan->next;
        mr_mem_free(loan);
        loan = next;
    }
    pthread_mutex_destroy(&lender->lock);
    mr_mem_free(lender);
}

void mr_arrow_lender_close(mr_arrow_lender *lender)
{
    if (lender == NULL) return;
    pthread_mutex_lock(&lender->lock);
    lender->closed = true;
    const bool last = lender->out_count == 0;
    pthread_mutex_unlock(&lender->lock);
    if (last) free_lender(lender);
}

mr_code mr_arrow_hold(mr_arrow_lender *lender, struct ArrowArray *array, mr_arrow_held **out,
                      mr_error *err)
{
    pthread_mutex_lock(&lender->lock);
    mr_arrow_held *held = lender->idle;
    if (held != NULL) lender->idle = held->next;
    pthread_mutex_unlock(&lender->lock);
    if (held == NULL) held = mr_mem_zalloc(sizeof *held);
    if (held == NULL) return mr_fail(err, MR_ERR_NOMEM, "no memory left to take an Arrow array");
    held->array = *array;
    held->lender = lender;
    held->references = 1;
    array->release = NULL; /* moved */
    pthread_mutex_lock(&lender->lock);
    lender->out_count++;
    pthread_mutex_unlock(&lender->lock);
    *out = held;
    return MR_OK;
}

const struct ArrowArray *mr_arrow_held_array(const mr_arrow_held *held)
{
    return &held->array;
}

/* The array's own callback runs outside of the lock: it is somebody's. */
static void drop(mr_arrow_held *held, column_loan *loan)
{
    mr_arrow_lender *lender = held->lender;
    pthread_mutex_lock(&lender->lock);
    const bool last_use = --held->references == 0;
    if (loan != NULL) {
        loan->next = lender->idle_loans;
        lender->idle_loans = loan;
    }
    pthread_mutex_unlock(&lender->lock);
    if (!last_use) return;
    mr_arrow_release_array(&held->array);
    pthread_mutex_lock(&lender->lock);
    held->next = lender->idle;
    lender->idle = held;
    lender->out_count--;
    const bool last = lender->closed && lender->out_count == 0;
    pthread_mutex_unlock(&lender->lock);
    if (last) free_lender(lender);
}

void mr_arrow_drop(mr_arrow_held *held)
{
    if (held != NULL) drop(held, NULL);
}

static void end_loan(mr_loan *loan)
{
    column_loan *own = (column_loan *)(void *)loan;
    drop(own->held, own);
}

mr_code mr_arrow_lend(mr_arrow_held *held, mr_loan **out, mr_error *err)
{
    mr_arrow_lender *lender = held->lender;
    pthread_mutex_lock(&lender->lock);
    column_loan *loan = lender->idle_loans;
    if (loan != NULL) lender->idle_loans = loan->next;
    pthread_mutex_unlock(&lender->lock);
    if (loan == NULL) loan = mr_mem_zalloc(sizeof *loan);
    if (loan == NULL) return mr_fail(err, MR_ERR_NOMEM, "no memory left to lend a column");
    loan->held = held;
    loan->loan.end = end_loan;
    pthread_mutex_lock(&lender->lock);
    held->references++;
    pthread_mutex_unlock(&lender->lock);
    *out = &loan->loan;
    return MR_OK;
}
