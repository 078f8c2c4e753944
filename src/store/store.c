/* SPDX-License-Identifier: MIT */
#include "store/store.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/hash.h"
#include "core/mem.h"
#include "store/store_internal.h"

#define FIRST_SLOTS           64u
#define SPACE_TEXT_BYTES      (256u << 10) /* id, place, description and metadata of a namespace */
#define SPACES_MAX            (1u << 20)
#define OPEN_SPACES_DEFAULT   64u
#define RETENTION_MS_DEFAULT  60000u
#define THREADS_DEFAULT_MAX   8
#define THREADS_DEFAULT_LEAST 2

/* --- Faults --------------------------------------------------------------------------------- */

void mr_op_fail(mr_op *op, mr_fault_code code, size_t at, const char *format, ...)
{
    char text[sizeof op->fault.error.text];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    op->fault.code = code;
    op->fault.at = at;
    mr_fail(&op->fault.error, MR_ERR_IO, "%s", text);
}

void mr_op_fail_storage(mr_op *op, const mr_error *error)
{
    mr_op_fail(op, error->code == MR_ERR_CLOSED ? MR_FAULT_CLOSED : MR_FAULT_BACKEND, 0, "%s",
               error->text);
    op->fault.error.code = error->code;
}

/* --- The map of spaces, under the store's lock ---------------------------------------------- */

static uint32_t slot_of(const mr_message_store *store, mr_slice id)
{
    uint32_t at = mr_hash(store->seed, id) & store->slot_mask;
    while (store->slots[at] != NULL && !mr_slice_equal(store->slots[at]->id, id))
        at = (at + 1) & store->slot_mask;
    return at;
}

static mr_code grow_map(mr_message_store *store, mr_error *err)
{
    const uint32_t old_count = store->slots == NULL ? 0 : store->slot_mask + 1;
    const uint32_t count = old_count == 0 ? FIRST_SLOTS : old_count * 2;
    mr_space **old = store->slots;
    mr_space **slots = mr_mem_zalloc(count * sizeof(mr_space *));
    if (slots == NULL) return mr_fail(err, MR_ERR_NOMEM, "no memory left for namespaces");
    store->slots = slots;
    store->slot_mask = count - 1;
    for (uint32_t i = 0; i < old_count; i++)
        if (old[i] != NULL) store->slots[slot_of(store, old[i]->id)] = old[i];
    mr_mem_free(old);
    return MR_OK;
}

static mr_code map_add(mr_message_store *store, mr_space *space, mr_error *err)
{
    if (store->space_count >= SPACES_MAX)
        return mr_fail(err, MR_ERR_LIMIT, "there are %u namespaces already", SPACES_MAX);
    if (store->space_count * 2 > store->slot_mask) MR_TRY(grow_map(store, err));
    store->slots[slot_of(store, space->id)] = space;
    store->space_count++;
    return MR_OK;
}

/* What lies behind the hole moves up, so that each space is found from its own slot on. */
static void map_remove(mr_message_store *store, const mr_space *space)
{
    uint32_t hole = slot_of(store, space->id);
    store->slots[hole] = NULL;
    store->space_count--;
    for (uint32_t at = (hole + 1) & store->slot_mask; store->slots[at] != NULL;
         at = (at + 1) & store->slot_mask) {
        mr_space *moved = store->slots[at];
        store->slots[at] = NULL;
        store->slots[slot_of(store, moved->id)] = moved;
    }
}

/* --- Spaces --------------------------------------------------------------------------------- */

static void free_space(mr_space *space)
{
    mr_queue_close_space(space); /* a late reader may have left its connection */
    mr_feed_done(&space->feed);
    pthread_mutex_destroy(&space->readers_lock);
    mr_arena_done(&space->texts);
    mr_mem_free(space);
}

void mr_space_retain(mr_space *space)
{
    atomic_fetch_add_explicit(&space->refs, 1, memory_order_relaxed);
}

void mr_space_release(mr_space *space)
{
    if (atomic_fetch_sub_explicit(&space->refs, 1, memory_order_acq_rel) == 1) free_space(space);
}

static mr_code make_space(mr_message_store *store, const mr_space_record *record,
                          mr_space_state state, mr_space **out, mr_error *err)
{
    mr_space *space = mr_mem_zalloc(sizeof *space);
    if (space == NULL) return mr_fail(err, MR_ERR_NOMEM, "no memory left for a namespace");
    space->store = store;
    pthread_mutex_init(&space->readers_lock, NULL);
    mr_feed_init(&space->feed, state.head);
    mr_queue_init_space(space);
    atomic_init(&space->refs, 1);
    atomic_init(&space->messages, state.messages);
    atomic_init(&space->has_retention, state.has_retention);
    mr_arena_init(&space->texts, "store.space", SPACE_TEXT_BYTES);
    space->id = mr_slice_text(mr_arena_copy(&space->texts, mr_slice_text(record->id)));
    space->place = mr_arena_copy(&space->texts, mr_slice_text(record->place));
    space->description = mr_arena_copy(&space->texts, mr_slice_text(record->description));
    space->metadata = mr_arena_copy(&space->texts, mr_slice_text(record->metadata));
    space->created_s = record->created_s;
    space->order = store->next_order++;
    snprintf(space->token_hash, sizeof space->token_hash, "%s", record->token_hash);
    if (space->id.ptr == NULL || space->place == NULL || space->description == NULL ||
        space->metadata == NULL) {
        const mr_code rc = mr_arena_fail(&space->texts, err);
        free_space(space);
        return rc;
    }
    *out = space;
    return MR_OK;
}

mr_space *mr_message_store_find(mr_message_store *store, mr_slice id)
{
    pthread_mutex_lock(&store->lock);
    mr_space *space = store->slots[slot_of(store, id)];
    if (space != NULL) mr_space_retain(space);
    pthread_mutex_unlock(&store->lock);
    return space;
}

mr_slice mr_space_id(const mr_space *space)
{
    return space->id;
}

bool mr_space_admits(mr_space *space, mr_slice token)
{
    char hash[MR_TOKEN_HASH_MAX];
    pthread_mutex_lock(&space->store->lock);
    memcpy(hash, space->token_hash, sizeof hash);
    pthread_mutex_unlock(&space->store->lock);
    return mr_token_matches(token, hash) && !mr_space_is_deleted(space);
}

bool mr_space_is_deleted(const mr_space *space)
{
    return atomic_load_explicit(&space->deleted, memory_order_acquire);
}

const char *mr_message_store_backend(const mr_message_store *store)
{
    return store->ops->name;
}

/* --- Namespaces made and removed ------------------------------------------------------------ */

static void finish_registry_op(mr_op *op, mr_code rc, const mr_error *err)
{
    if (rc != MR_OK && op->fault.code == MR_FAULT_NONE) mr_op_fail_storage(op, err);
    op->done(op);
}

/* Text with its NUL in the arena; what is missing is empty. */
static const char *text_in(mr_arena *arena, mr_slice text, const char *fallback)
{
    return mr_arena_copy(arena, text.len > 0 ? text : mr_slice_text(fallback));
}

static mr_code create_space(mr_message_store *store, mr_space_op *op, mr_arena *arena,
                            mr_error *err)
{
    const mr_space_state empty = {0};
    mr_space *space = mr_message_store_find(store, op->id);
    if (space != NULL) {
        mr_space_release(space);
        mr_op_fail(&op->op, MR_FAULT_SPACE_EXISTS, 0, "namespace '%.*s' exists",
                   MR_SLICE_ARGS(op->id));
        return MR_OK;
    }
    op->time_us = mr_clock_wall_ns() / MR_NS_PER_US;
    mr_space_record record = {.id = text_in(arena, op->id, ""),
                              .token_hash = text_in(arena, op->token_hash, ""),
                              .description = text_in(arena, op->description, ""),
                              .metadata = text_in(arena, op->metadata, "{}"),
                              .created_s = op->time_us / 1000000};
    if (record.id == NULL || record.token_hash == NULL || record.description == NULL ||
        record.metadata == NULL)
        return mr_arena_fail(arena, err);
    MR_TRY(store->ops->create_space(store->backend, &record, arena, &record.place, err));
    mr_code rc = make_space(store, &record, empty, &space, err);
    if (rc == MR_OK) {
        pthread_mutex_lock(&store->lock);
        rc = map_add(store, space, err);
        pthread_mutex_unlock(&store->lock);
        if (rc != MR_OK) mr_space_release(space);
    }
    /* A row that nobody here knows of would be in the way of the next try. */
    if (rc != MR_OK)
        (void)!store->ops->delete_space(store->backend, record.id, record.place, NULL);
    else if (store->count.spaces != NULL)
        mr_gauge_add(store->count.spaces, 1);
    return rc;
}

static mr_code rotate_token(mr_message_store *store, mr_space_op *op, mr_arena *arena,
                            mr_error *err)
{
    mr_space *space = mr_message_store_find(store, op->id);
    if (space == NULL) {
        mr_op_fail(&op->op, MR_FAULT_NO_SPACE, 0, "there is no namespace '%.*s'",
                   MR_SLICE_ARGS(op->id));
        return MR_OK;
    }
    op->time_us = mr_clock_wall_ns() / MR_NS_PER_US;
    const char *hash = text_in(arena, op->token_hash, "");
    mr_code rc = hash == NULL ? mr_arena_fail(arena, err)
                              : store->ops->set_token(store->backend, space->id.ptr, hash, err);
    if (rc == MR_OK) {
        pthread_mutex_lock(&store->lock);
        snprintf(space->token_hash, sizeof space->token_hash, "%s", hash);
        pthread_mutex_unlock(&store->lock);
    }
    mr_space_release(space);
    return rc;
}

/* A deletion goes through the space's own queue: what was submitted before it is carried out. */
static void begin_delete(mr_message_store *store, mr_space_op *op)
{
    mr_space *space = mr_message_store_find(store, op->id);
    if (space == NULL) {
        mr_op_fail(&op->op, MR_FAULT_NO_SPACE, 0, "there is no namespace '%.*s'",
                   MR_SLICE_ARGS(op->id));
        op->op.done(&op->op);
        return;
    }
    op->op.space = space;
    mr_queue_push(space, &op->op);
    mr_space_release(space); /* the queue has its own reference until the op is carried out */
}

void mr_store_delete_space(mr_space *space, mr_space_op *op)
{
    mr_message_store *store = space->store;
    mr_error err;
    op->messages_deleted = atomic_load_explicit(&space->messages, memory_order_relaxed);
    op->time_us = mr_clock_wall_ns() / MR_NS_PER_US;
    op->op.space = NULL;
    pthread_mutex_lock(&store->registry_lock);
    mr_queue_close_space(space);
    const mr_code rc = store->ops->delete_space(store->backend, space->id.ptr, space->place, &err);
    pthread_mutex_unlock(&store->registry_lock);
    if (rc != MR_OK) {
        mr_op_fail_storage(&op->op, &err);
        return;
    }
    atomic_store(&space->deleted, true);
    pthread_mutex_lock(&store->lock);
    map_remove(store, space);
    pthread_mutex_unlock(&store->lock);
    if (store->count.spaces != NULL) mr_gauge_add(store->count.spaces, -1);
    mr_feed_wake(&space->feed);
    mr_space_release(space); /* the map's */
}

static int by_order(const void *a, const void *b)
{
    const mr_space *const *first = a, *const *second = b;
    return (*first)->order < (*second)->order ? 1 : -1;
}

static mr_code list_spaces(mr_message_store *store, mr_space_list_op *op, mr_error *err)
{
    pthread_mutex_lock(&store->lock);
    uint32_t count = 0;
    mr_space **spaces = mr_mem_alloc((store->space_count + 1) * sizeof(mr_space *));
    for (uint32_t i = 0; spaces != NULL && i <= store->slot_mask; i++) {
        if (store->slots[i] == NULL) continue;
        mr_space_retain(store->slots[i]);
        spaces[count++] = store->slots[i];
    }
    pthread_mutex_unlock(&store->lock);
    if (spaces == NULL) return mr_fail(err, MR_ERR_NOMEM, "no memory left to list namespaces");
    qsort(spaces, count, sizeof(mr_space *), by_order);
    for (uint32_t i = 0; i < count; i++) {
        const mr_space_info info = {
            .id = spaces[i]->id,
            .description = mr_slice_text(spaces[i]->description),
            .metadata = mr_slice_text(spaces[i]->metadata),
            .created_s = spaces[i]->created_s,
            .message_count = atomic_load_explicit(&spaces[i]->messages, memory_order_relaxed)};
        op->take(op, &info);
        mr_space_release(spaces[i]);
    }
    mr_mem_free(spaces);
    return MR_OK;
}

void mr_store_run_registry_op(mr_message_store *store, mr_op *op)
{
    mr_arena arena;
    mr_error err;
    mr_code rc = MR_OK;
    if (op->kind == MR_OP_SPACE_DELETE) {
        begin_delete(store, (mr_space_op *)op);
        return;
    }
    mr_arena_init(&arena, "store.registry", SPACE_TEXT_BYTES);
    pthread_mutex_lock(&store->registry_lock);
    if (op->kind == MR_OP_SPACE_CREATE)
        rc = create_space(store, (mr_space_op *)op, &arena, &err);
    else if (op->kind == MR_OP_SPACE_ROTATE)
        rc = rotate_token(store, (mr_space_op *)op, &arena, &err);
    else
        rc = list_spaces(store, (mr_space_list_op *)op, &err);
    pthread_mutex_unlock(&store->registry_lock);
    mr_arena_done(&arena);
    finish_registry_op(op, rc, &err);
}

/* --- The clock: retention ------------------------------------------------------------------- */

/* The next space from slot `at` on that has rules for retention; referenced. */
static mr_space *next_with_rules(mr_message_store *store, uint32_t *at)
{
    mr_space *found = NULL;
    pthread_mutex_lock(&store->lock);
    for (; found == NULL && *at <= store->slot_mask; (*at)++) {
        mr_space *space = store->slots[*at];
        if (space != NULL && atomic_load_explicit(&space->has_retention, memory_order_relaxed))
            found = space;
    }
    if (found != NULL) mr_space_retain(found);
    pthread_mutex_unlock(&store->lock);
    return found;
}

static void *run_clock(void *context)
{
    mr_message_store *store = context;
    pthread_mutex_lock(&store->clock_lock);
    while (!store->closing) {
        struct timespec until;
        clock_gettime(CLOCK_REALTIME, &until);
        const uint64_t ns = (uint64_t)until.tv_nsec + store->options.retention_ms * 1000000u;
        until.tv_sec += (time_t)(ns / 1000000000u);
        until.tv_nsec = (long)(ns % 1000000000u);
        pthread_cond_timedwait(&store->clock_wake, &store->clock_lock, &until);
        if (store->closing) break;
        uint32_t at = 0;
        for (mr_space *space; (space = next_with_rules(store, &at)) != NULL;) {
            mr_queue_maintain(space);
            mr_space_release(space);
        }
    }
    pthread_mutex_unlock(&store->clock_lock);
    return NULL;
}

/* --- Opening -------------------------------------------------------------------------------- */

static mr_code collect_bytes(void *context, mr_metrics_sink *sink, mr_error *err)
{
    mr_message_store *store = context;
    uint64_t total = 0;
    pthread_mutex_lock(&store->lock);
    for (uint32_t i = 0; store->slots != NULL && i <= store->slot_mask; i++)
        if (store->slots[i] != NULL)
            total += atomic_load_explicit(&store->slots[i]->disk_bytes, memory_order_relaxed);
    pthread_mutex_unlock(&store->lock);
    return mr_metrics_emit_u64(sink, NULL, total, err);
}

static mr_code make_counters(mr_message_store *store, mr_error *err)
{
    static const uint64_t sizes[] = {1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000};
    static const uint64_t times[] = {50000,   100000,   200000,   500000,    1000000,   2000000,
                                     5000000, 10000000, 50000000, 100000000, 1000000000};
    mr_metrics *metrics = store->options.metrics;
    mr_store_counters *count = &store->count;
    mr_metric_family *family;
    if (metrics == NULL) return MR_OK;
#define FAMILY(...) MR_TRY(mr_metrics_family(metrics, &(mr_metric_decl){__VA_ARGS__}, &family, err))
    FAMILY(.name = "millrace_store_reads_total", .help = "Reads carried out.",
           .type = MR_METRIC_COUNTER);
    MR_TRY(mr_metrics_counter(family, NULL, &count->reads, err));
    FAMILY(.name = "millrace_store_messages_total", .help = "Messages given to commits.",
           .type = MR_METRIC_COUNTER);
    MR_TRY(mr_metrics_counter(family, NULL, &count->messages, err));
    FAMILY(.name = "millrace_store_failed_writes_total",
           .help = "Writes that the storage could not carry out.", .type = MR_METRIC_COUNTER);
    MR_TRY(mr_metrics_counter(family, NULL, &count->failed_commits, err));
    FAMILY(.name = "millrace_store_group_messages", .help = "Messages of one commit.",
           .type = MR_METRIC_HISTOGRAM, .bounds = sizes, .bound_count = MR_COUNT_OF(sizes));
    MR_TRY(mr_metrics_buckets(family, NULL, &count->group_size, err));
    FAMILY(.name = "millrace_store_commit_seconds",
           .help = "Time of one commit, all its writes included.", .type = MR_METRIC_HISTOGRAM,
           .decimals = 9, .bounds = times, .bound_count = MR_COUNT_OF(times));
    MR_TRY(mr_metrics_buckets(family, NULL, &count->commit_seconds, err));
    FAMILY(.name = "millrace_store_database_bytes",
           .help = "Database files, as of each one's last checkpoint.", .type = MR_METRIC_GAUGE,
           .collect = collect_bytes, .context = store);
    FAMILY(.name = "millrace_store_namespaces", .help = "Namespaces.", .type = MR_METRIC_GAUGE);
    MR_TRY(mr_metrics_gauge(family, NULL, &count->spaces, err));
    FAMILY(.name = "millrace_store_open_namespaces", .help = "Namespaces with open databases.",
           .type = MR_METRIC_GAUGE);
    MR_TRY(mr_metrics_gauge(family, NULL, &count->open_spaces, err));
    FAMILY(.name = "millrace_store_commits_total", .help = "Commits.", .type = MR_METRIC_COUNTER);
    return mr_metrics_counter(family, NULL, &count->commits, err);
#undef FAMILY
}

static mr_code take_space(void *context, const mr_space_record *record, mr_error *err)
{
    mr_message_store *store = context;
    mr_space_state state = {0};
    mr_space *space;
    MR_TRY(store->ops->migrate(store->backend, record->place, &state, err));
    MR_TRY(make_space(store, record, state, &space, err));
    mr_queue_note_size(space);
    const mr_code rc = map_add(store, space, err);
    if (rc != MR_OK) mr_space_release(space);
    if (rc == MR_OK && store->count.spaces != NULL) mr_gauge_add(store->count.spaces, 1);
    return rc;
}

static uint32_t thread_count(uint32_t wanted)
{
    const long cores = sysconf(_SC_NPROCESSORS_ONLN);
    if (wanted > 0) return wanted;
    if (cores < THREADS_DEFAULT_LEAST) return THREADS_DEFAULT_LEAST;
    return cores > THREADS_DEFAULT_MAX ? THREADS_DEFAULT_MAX : (uint32_t)cores;
}

static mr_code start_clock(mr_message_store *store, mr_error *err)
{
    const int error = pthread_create(&store->clock, NULL, run_clock, store);
    if (error != 0) return mr_fail_errno(err, error, "the store's clock cannot be started");
    pthread_setname_np(store->clock, "store-clock");
    store->clock_runs = true;
    return MR_OK;
}

static mr_code open_parts(mr_message_store *store, mr_error *err)
{
    MR_TRY(make_counters(store, err));
    MR_TRY(grow_map(store, err));
    MR_TRY(store->ops->open(&store->options, &store->backend, err));
    store->reads_by_writer = store->ops->reads_by_writer(store->backend);
    MR_TRY(store->ops->each_space(store->backend, take_space, store, err));
    MR_TRY(
        mr_pool_start(&store->writers, "store-write", thread_count(store->options.writers), err));
    MR_TRY(mr_pool_start(&store->readers, "store-read", thread_count(store->options.readers), err));
    return start_clock(store, err);
}

mr_code mr_message_store_open(const mr_message_store_options *options, mr_message_store **out,
                              mr_error *err)
{
    mr_message_store *store = mr_mem_zalloc(sizeof *store);
    if (store == NULL) return mr_fail(err, MR_ERR_NOMEM, "no memory left for the message store");
    store->ops = &mr_backend_sqlite;
    store->options = *options;
    if (options->open_spaces_max == 0) store->options.open_spaces_max = OPEN_SPACES_DEFAULT;
    if (options->retention_ms == 0) store->options.retention_ms = RETENTION_MS_DEFAULT;
    store->seed = mr_hash_draw_seed();
    pthread_mutex_init(&store->lock, NULL);
    pthread_mutex_init(&store->registry_lock, NULL);
    pthread_mutex_init(&store->clock_lock, NULL);
    pthread_cond_init(&store->clock_wake, NULL);
    const mr_code rc = open_parts(store, err);
    if (rc != MR_OK) {
        mr_message_store_close(store);
        return rc;
    }
    *out = store;
    return MR_OK;
}

static void stop_clock(mr_message_store *store)
{
    if (!store->clock_runs) return;
    pthread_mutex_lock(&store->clock_lock);
    store->closing = true;
    pthread_cond_signal(&store->clock_wake);
    pthread_mutex_unlock(&store->clock_lock);
    pthread_join(store->clock, NULL);
    store->clock_runs = false;
}

static void close_spaces(mr_message_store *store)
{
    for (uint32_t i = 0; store->slots != NULL && i <= store->slot_mask; i++) {
        if (store->slots[i] == NULL) continue;
        mr_queue_close_space(store->slots[i]);
        mr_space_release(store->slots[i]);
    }
    mr_mem_free(store->slots);
}

void mr_message_store_finish(mr_message_store *store)
{
    stop_clock(store);
    mr_pool_stop(&store->readers); /* their done() may submit writes, not the other way round */
    mr_pool_stop(&store->writers);
    store->finished = true;
}

void mr_message_store_close(mr_message_store *store)
{
    if (store == NULL) return;
    mr_message_store_finish(store);
    close_spaces(store);
    store->ops->close(store->backend);
    pthread_mutex_destroy(&store->lock);
    pthread_mutex_destroy(&store->registry_lock);
    pthread_mutex_destroy(&store->clock_lock);
    pthread_cond_destroy(&store->clock_wake);
    mr_mem_free(store);
}

/* --- Waiting for an op ---------------------------------------------------------------------- */

typedef struct call {
    pthread_mutex_t lock;
    pthread_cond_t over;
    bool is_over;
} call;

static void on_called(mr_op *op)
{
    call *waiting = op->caller;
    pthread_mutex_lock(&waiting->lock);
    waiting->is_over = true;
    pthread_cond_signal(&waiting->over);
    pthread_mutex_unlock(&waiting->lock);
}

mr_code mr_message_store_call(mr_message_store *store, mr_op *op, mr_error *err)
{
    static const mr_code codes[] = {
        [MR_FAULT_NONE] = MR_OK,
        [MR_FAULT_VERSION] = MR_ERR_CONFLICT,
        [MR_FAULT_ID_TAKEN] = MR_ERR_CONFLICT,
        [MR_FAULT_POSITION] = MR_ERR_CONFLICT,
        [MR_FAULT_NO_SPACE] = MR_ERR_INPUT,
        [MR_FAULT_SPACE_EXISTS] = MR_ERR_CONFLICT,
        [MR_FAULT_QUOTA] = MR_ERR_LIMIT,
        [MR_FAULT_INPUT] = MR_ERR_INPUT,
        [MR_FAULT_CLOSED] = MR_ERR_CLOSED,
        [MR_FAULT_BACKEND] = MR_ERR_IO,
    };
    call waiting = {.lock = PTHREAD_MUTEX_INITIALIZER, .over = PTHREAD_COND_INITIALIZER};
    op->caller = &waiting;
    op->done = on_called;
    mr_message_store_submit(store, op);
    pthread_mutex_lock(&waiting.lock);
    while (!waiting.is_over)
        pthread_cond_wait(&waiting.over, &waiting.lock);
    pthread_mutex_unlock(&waiting.lock);
    pthread_mutex_destroy(&waiting.lock);
    pthread_cond_destroy(&waiting.over);
    if (op->fault.code == MR_FAULT_NONE) return MR_OK;
    return mr_fail(err, codes[op->fault.code], "%s", op->fault.error.text);
}
