/* SPDX-License-Identifier: MIT
 *
 * From submit to done: a queue of writes per space, tasks for reads, and the closing of what nobody
 * has used for longest. */
#include "core/clock.h"
#include "store/store_internal.h"

/* One transaction holds at most so many ops and messages, so that its memory and the wait for it
 * have a limit. */
#define GROUP_OPS_MAX      1024u
#define GROUP_MESSAGES_MAX 8192u
#define RETENTION_STEP     2000u /* messages that retention removes in one transaction */

/* --- The queue ------------------------------------------------------------------------------ */

/* Who sets `scheduled` owns the writer. The queue itself holds a reference meanwhile, for the ops'
 * own are given back by their done(). */
static void schedule(mr_space *space)
{
    if (atomic_exchange(&space->scheduled, true)) return;
    mr_space_retain(space);
    mr_pool_give(&space->store->writers, &space->task);
}

/* The space is referenced throughout: as soon as the op can be seen it may be carried out, and its
 * done() may give the last reference of a deleted namespace back. */
void mr_queue_push(mr_space *space, mr_op *op)
{
    mr_space_retain(space);
    mr_op *newest = atomic_load_explicit(&space->pending, memory_order_relaxed);
    do {
        op->next = newest;
    } while (!atomic_compare_exchange_weak(&space->pending, &newest, op));
    schedule(space);
    mr_space_release(space);
}

/* Everything that waits, oldest first. */
static mr_op *take_pending(mr_space *space)
{
    mr_op *op = atomic_exchange(&space->pending, NULL);
    mr_op *first = NULL;
    while (op != NULL) {
        mr_op *older = op->next;
        op->next = first;
        first = op;
        op = older;
    }
    return first;
}

/* Gives the writer up; ops that came meanwhile find somebody to carry them out. */
static void release_writer(mr_space *space)
{
    atomic_store(&space->scheduled, false);
    if (atomic_load(&space->pending) != NULL) schedule(space);
    mr_space_release(space);
}

static void finish(mr_op *op)
{
    op->done(op); /* the op's memory is its owner's again */
}

static void fail_all(mr_op *first, mr_fault_code code, const mr_error *error)
{
    for (mr_op *op = first, *next; op != NULL; op = next) {
        next = op->next;
        mr_op_fail(op, code, 0, "%s", error->text);
        finish(op);
    }
}

/* --- Opening and closing -------------------------------------------------------------------- */

void mr_queue_close_space(mr_space *space)
{
    mr_message_store *store = space->store;
    store->ops->close_writer(space->writer);
    space->writer = NULL;
    pthread_mutex_lock(&space->readers_lock);
    while (space->reader_count > 0)
        store->ops->close_reader(space->readers[--space->reader_count]);
    const bool was_open = space->is_open;
    space->is_open = false;
    pthread_mutex_unlock(&space->readers_lock);
    if (!was_open) return;
    pthread_mutex_lock(&store->lock);
    store->open_count--;
    pthread_mutex_unlock(&store->lock);
    if (store->count.open_spaces != NULL) mr_gauge_add(store->count.open_spaces, -1);
}

/* The open space, other than `but`, that was used longest ago and that nobody works on; owned and
 * referenced by the caller. Under the store's lock. */
static mr_space *claim_idlest(mr_message_store *store, const mr_space *but)
{
    mr_space *idlest = NULL;
    int64_t since = INT64_MAX;
    for (uint32_t i = 0; i <= store->slot_mask; i++) {
        mr_space *space = store->slots[i];
        if (space == NULL || space == but || atomic_load(&space->scheduled)) continue;
        pthread_mutex_lock(&space->readers_lock);
        const bool is_open = space->is_open;
        pthread_mutex_unlock(&space->readers_lock);
        const int64_t used = atomic_load_explicit(&space->used_ns, memory_order_relaxed);
        if (!is_open || used >= since || atomic_load(&space->aside_runs)) continue;
        idlest = space;
        since = used;
    }
    if (idlest == NULL || atomic_exchange(&idlest->scheduled, true)) return NULL;
    mr_space_retain(idlest);
    return idlest;
}

static mr_space *claim_surplus(mr_message_store *store, const mr_space *but)
{
    mr_space *idlest = NULL;
    pthread_mutex_lock(&store->lock);
    if (store->open_count > store->options.open_spaces_max && !store->reads_by_writer)
        idlest = claim_idlest(store, but);
    pthread_mutex_unlock(&store->lock);
    return idlest;
}

/* Counts `space` among the open ones, and closes others when there are too many: more than one,
 * when all of them were busy for a while. */
static void count_open(mr_space *space)
{
    mr_message_store *store = space->store;
    pthread_mutex_lock(&space->readers_lock);
    const bool was_open = space->is_open;
    space->is_open = true;
    pthread_mutex_unlock(&space->readers_lock);
    if (was_open) return;
    if (store->count.open_spaces != NULL) mr_gauge_add(store->count.open_spaces, 1);
    pthread_mutex_lock(&store->lock);
    store->open_count++;
    pthread_mutex_unlock(&store->lock);
    mr_space *idlest;
    while ((idlest = claim_surplus(store, space)) != NULL) {
        if (!atomic_load(&idlest->aside_runs)) mr_queue_close_space(idlest);
        release_writer(idlest);
    }
}

static mr_code open_writer(mr_space *space, mr_error *err)
{
    mr_message_store *store = space->store;
    atomic_store_explicit(&space->used_ns, mr_clock_ns(), memory_order_relaxed);
    if (space->writer != NULL) return MR_OK;
    MR_TRY(store->ops->open_writer(store->backend, space->place, &space->writer, err));
    count_open(space);
    return MR_OK;
}

/* --- Writing -------------------------------------------------------------------------------- */

static size_t messages_of(const mr_op *op)
{
    if (op->kind == MR_OP_APPEND) return ((const mr_append_op *)op)->count;
    return op->kind == MR_OP_IMPORT ? ((const mr_import_op *)op)->count : 0;
}

static bool is_write(const mr_op *op)
{
    return op->kind <= MR_OP_SETTING_SET;
}

/* Cuts the beginning of the list that goes into one transaction; returns what follows it. */
static mr_op *cut_group(mr_op *first, uint64_t *out_messages)
{
    mr_op *last = first;
    size_t ops = 1, messages = messages_of(first);
    while (last->next != NULL && is_write(last->next) && ops < GROUP_OPS_MAX &&
           messages + messages_of(last->next) <= GROUP_MESSAGES_MAX) {
        last = last->next;
        messages += messages_of(last);
        ops++;
    }
    mr_op *rest = last->next;
    last->next = NULL;
    *out_messages = messages;
    return rest;
}

static void keep_state(mr_space *space)
{
    const mr_space_state state = space->store->ops->state(space->writer);
    atomic_store_explicit(&space->messages, state.messages, memory_order_relaxed);
    atomic_store_explicit(&space->has_retention, state.has_retention, memory_order_relaxed);
}

static void count_group(mr_message_store *store, const mr_op *first, uint64_t messages, int64_t ns)
{
    const mr_store_counters *count = &store->count;
    if (count->commits == NULL) return;
    mr_counter_add(count->commits, 1);
    mr_counter_add(count->messages, messages);
    mr_buckets_observe(count->group_size, messages);
    mr_buckets_observe(count->commit_seconds, (uint64_t)ns);
    for (const mr_op *op = first; op != NULL; op = op->next)
        if (op->fault.code == MR_FAULT_BACKEND) mr_counter_add(count->failed_commits, 1);
}

static void write_group(mr_space *space, mr_op *first, uint64_t messages)
{
    mr_message_store *store = space->store;
    const int64_t began = mr_clock_ns();
    store->ops->write(space->writer, first);
    count_group(store, first, messages, mr_clock_ns() - began);
    keep_state(space);
    mr_feed_publish(&space->feed, first, store->ops->state(space->writer).head);
    for (mr_op *op = first, *next; op != NULL; op = next) {
        next = op->next;
        finish(op);
    }
    mr_feed_wake(&space->feed);
}

static void tidy(mr_space *space)
{
    mr_message_store *store = space->store;
    if (space->writer == NULL || !store->ops->tidy(space->writer)) return;
    atomic_store(&space->aside_runs, true);
    mr_space_retain(space);
    mr_pool_give(&store->writers, &space->aside);
}

static void run_aside(mr_task *task)
{
    mr_space *space = MR_CONTAINER_OF(task, mr_space, aside);
    space->store->ops->tidy_aside(space->writer);
    mr_queue_note_size(space);
    atomic_store(&space->aside_runs, false);
    mr_queue_maintain(space); /* the writer does its part soon, also when nothing else comes */
    mr_space_release(space);
}

/* Retention: a step at a time, so that writes get their turn in between. */
static void enforce_rules(mr_space *space)
{
    uint64_t removed = 0;
    atomic_store(&space->maintain_waits, false);
    if (!atomic_load_explicit(&space->has_retention, memory_order_relaxed)) return;
    const int64_t now_us = mr_clock_wall_ns() / MR_NS_PER_US;
    /* A failure is tried again at the next turn of the clock. */
    if (space->store->ops->enforce_rules(space->writer, now_us, RETENTION_STEP, &removed, NULL) ==
        MR_OK)
        keep_state(space);
    if (removed >= RETENTION_STEP) mr_queue_maintain(space);
}

static mr_op *run_other(mr_space *space, mr_op *op)
{
    mr_op *rest = op->next;
    if (op == &space->maintain) {
        enforce_rules(space);
    } else if (op->kind == MR_OP_SPACE_DELETE && atomic_load(&space->aside_runs)) {
        mr_queue_push(space, op); /* until the checkpoint beside has ended */
    } else if (op->kind == MR_OP_SPACE_DELETE) {
        mr_store_delete_space(space, (mr_space_op *)op);
        finish(op);
    } else {
        space->store->ops->read_by_writer(space->writer, op);
        finish(op);
    }
    return rest;
}

static void fail_rest(mr_space *space, mr_op *first, const mr_error *error)
{
    mr_error gone;
    if (first == &space->maintain) { /* nobody waits for it */
        first = first->next;
        atomic_store(&space->maintain_waits, false);
    }
    if (!atomic_load(&space->deleted)) {
        fail_all(first, MR_FAULT_BACKEND, error);
        return;
    }
    mr_fail(&gone, MR_ERR_INPUT, "the namespace has been deleted");
    fail_all(first, MR_FAULT_NO_SPACE, &gone);
}

static void run_pending(mr_space *space)
{
    mr_error err = {0};
    mr_op *rest = take_pending(space);
    while (rest != NULL) {
        /* To delete a namespace its database need not be whole. */
        const bool goes = !atomic_load(&space->deleted) &&
                          (rest->kind == MR_OP_SPACE_DELETE || open_writer(space, &err) == MR_OK);
        if (!goes) {
            mr_op *next = rest->next;
            rest->next = NULL;
            fail_rest(space, rest, &err);
            rest = next;
        } else if (is_write(rest) && rest != &space->maintain) {
            uint64_t messages;
            mr_op *first = rest;
            rest = cut_group(first, &messages);
            write_group(space, first, messages);
        } else {
            rest = run_other(space, rest);
        }
    }
    if (!atomic_load(&space->deleted)) tidy(space);
}

/* Ops that came meanwhile are carried out by the same thread, which is awake, unless other work
 * waits for one. */
static void run_space(mr_task *task)
{
    mr_space *space = MR_CONTAINER_OF(task, mr_space, task);
    do
        run_pending(space);
    while (atomic_load(&space->pending) != NULL && !mr_pool_has_waiting(&space->store->writers));
    release_writer(space);
}

void mr_queue_maintain(mr_space *space)
{
    if (atomic_exchange(&space->maintain_waits, true)) return;
    mr_queue_push(space, &space->maintain);
}

void mr_queue_note_size(mr_space *space)
{
    const mr_message_store *store = space->store;
    atomic_store_explicit(&space->disk_bytes, store->ops->disk_bytes(store->backend, space->place),
                          memory_order_relaxed);
}

void mr_queue_init_space(mr_space *space)
{
    space->task.run = run_space;
    space->aside.run = run_aside;
    space->maintain.kind = MR_OP_SPACE_LIST; /* not a write: never part of a group */
    space->maintain.space = space;
}

/* --- Reading -------------------------------------------------------------------------------- */

static mr_backend_reader *take_reader(mr_space *space, mr_error *err)
{
    mr_backend_reader *reader = NULL;
    pthread_mutex_lock(&space->readers_lock);
    if (space->reader_count > 0) reader = space->readers[--space->reader_count];
    pthread_mutex_unlock(&space->readers_lock);
    atomic_store_explicit(&space->used_ns, mr_clock_ns(), memory_order_relaxed);
    if (reader != NULL) return reader;
    const mr_message_store *store = space->store;
    if (store->ops->open_reader(store->backend, space->place, &reader, err) != MR_OK) return NULL;
    count_open(space);
    return reader;
}

static void give_reader(mr_space *space, mr_backend_reader *reader)
{
    pthread_mutex_lock(&space->readers_lock);
    const bool keep = space->is_open && space->reader_count < MR_SPACE_READERS_KEPT;
    if (keep) space->readers[space->reader_count++] = reader;
    pthread_mutex_unlock(&space->readers_lock);
    if (!keep) space->store->ops->close_reader(reader);
}

static void run_read(mr_task *task)
{
    mr_op *op = MR_CONTAINER_OF(task, mr_op, task);
    mr_space *space = op->space;
    mr_message_store *store = space->store;
    mr_error err;
    if (store->count.reads != NULL) mr_counter_add(store->count.reads, 1);
    /* Taken before the reader's moment, so that what was seen is at least that. */
    if (op->kind == MR_OP_READ) ((mr_read_op *)op)->seen_global = mr_feed_head(space);
    mr_backend_reader *reader = NULL;
    if (atomic_load(&space->deleted))
        mr_op_fail(op, MR_FAULT_NO_SPACE, 0, "the namespace has been deleted");
    else if ((reader = take_reader(space, &err)) == NULL)
        mr_op_fail_storage(op, &err);
    else
        store->ops->read(reader, op);
    if (reader != NULL) give_reader(space, reader);
    finish(op);
}

/* --- Submitting ----------------------------------------------------------------------------- */

static void run_registry(mr_task *task)
{
    mr_op *op = MR_CONTAINER_OF(task, mr_op, task);
    mr_store_run_registry_op((mr_message_store *)op->store, op);
}

static void fill_info(mr_op *op)
{
    mr_space_info *info = &((mr_info_op *)op)->info;
    const mr_space *space = op->space;
    info->id = space->id;
    info->description = mr_slice_text(space->description);
    info->metadata = mr_slice_text(space->metadata);
    info->created_s = space->created_s;
}

void mr_message_store_submit(mr_message_store *store, mr_op *op)
{
    op->fault.code = MR_FAULT_NONE;
    if (store->finished) {
        mr_op_fail(op, MR_FAULT_CLOSED, 0, "the store is closing");
        op->done(op);
        return;
    }
    if (op->kind >= MR_OP_SPACE_CREATE) {
        op->store = store;
        op->task.run = run_registry;
        mr_pool_give(&store->writers, &op->task);
        return;
    }
    if (op->kind == MR_OP_INFO) fill_info(op);
    if (is_write(op) || store->reads_by_writer) {
        if (op->kind == MR_OP_READ) ((mr_read_op *)op)->seen_global = mr_feed_head(op->space);
        mr_queue_push(op->space, op);
        return;
    }
    op->task.run = run_read;
    if (mr_pool_offer(&store->readers, &op->task)) return;
    /* A done() of the last writes, while the store closes. */
    mr_op_fail(op, MR_FAULT_CLOSED, 0, "the store is closing");
    op->done(op);
}
