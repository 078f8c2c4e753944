/* SPDX-License-Identifier: MIT
 *
 * The writing side of a namespace: what is kept in memory, groups of ops in one transaction each,
 * and the care of the write-ahead log.
 *
 * A checkpoint copies the log's pages into the database and syncs it, which takes as long as tens
 * of commits. So most of it is done beside the writer, on a connection of its own (tidy_aside), and
 * the writer does the little that came in meanwhile; only when nothing is left can the log start
 * anew. */
#include "core/clock.h"
#include "core/mem.h"
#include "store/sqlite_internal.h"

#define ASIDE_PASSES_MAX 8   /* of one checkpoint beside the writer */
#define ASIDE_PAGES_LEFT 128 /* a pass that carried over fewer was the last one needed */

/* --- Opening -------------------------------------------------------------------------------- */

static int on_commit(void *context, MR_UNUSED sqlite3 *db, MR_UNUSED const char *name, int pages)
{
    mr_backend_writer *writer = context;
    if ((uint32_t)pages < writer->wal_pages) writer->wal_due = MR_SQ_WAL_PAGES; /* it began anew */
    writer->wal_pages = (uint32_t)pages;
    return SQLITE_OK;
}

/* The old connection, if any, stays until there is a new one: the last to close a database removes
 * its log, and readers could not open it then while the disk takes no writes. */
static mr_code connect(mr_backend_writer *writer, mr_error *err)
{
    mr_sq_link fresh;
    MR_TRY(mr_sq_link_open(&fresh, writer->backend, writer->place, MR_SQLITE_CREATE, err));
    mr_sq_link_close(&writer->link, writer->backend);
    writer->link = fresh;
    sqlite3_wal_hook(writer->link.db.handle, on_commit, writer); /* and no automatic checkpoints */
    writer->wal_pages = 0;
    writer->wal_due = MR_SQ_WAL_PAGES;
    writer->broken = false;
    return MR_OK;
}

static mr_code open_parts(mr_backend_writer *writer, mr_error *err)
{
    MR_TRY(connect(writer, err));
    MR_TRY(mr_sq_migrate(writer, err));
    MR_TRY(mr_sq_index_recover(writer, err));
    return mr_sq_writer_refresh(writer, err);
}

mr_code mr_sq_writer_open(mr_backend *backend, const char *place, mr_backend_writer **out,
                          mr_error *err)
{
    mr_backend_writer *writer = mr_mem_zalloc(sizeof *writer + strlen(place) + 1);
    if (writer == NULL) return mr_fail(err, MR_ERR_NOMEM, "no memory left for a namespace");
    writer->backend = backend;
    writer->place = (char *)(writer + 1);
    memcpy(writer->place, place, strlen(place) + 1);
    writer->first_dirty = MR_NAMES_NONE;
    mr_names_init(&writer->streams, "store.streams", MR_SQ_STREAMS_KEPT, MR_SQ_NAMES_BYTES);
    mr_names_init(&writer->categories, "store.categories", MR_SQ_CATEGORIES_KEPT,
                  MR_SQ_NAMES_BYTES);
    const mr_code rc = open_parts(writer, err);
    if (rc != MR_OK) {
        mr_sq_writer_close(writer);
        return rc;
    }
    *out = writer;
    return MR_OK;
}

void mr_sq_writer_close(mr_backend_writer *writer)
{
    if (writer == NULL) return;
    if (writer->link.db.handle != NULL) {
        /* When the disk is full the next one to open it does this. */
        if (mr_sq_index_finish(writer, NULL) != MR_OK)
            mr_sq_tail_keep(&writer->backend->tails, writer->link.tail);
        mr_sq_link_close(&writer->link, writer->backend);
    }
    mr_names_done(&writer->streams);
    mr_names_done(&writer->categories);
    mr_mem_free(writer);
}

mr_space_state mr_sq_state(const mr_backend_writer *writer)
{
    return writer->known;
}

/* What is in memory is what is stored, as of now. */
static void keep_known(mr_backend_writer *writer)
{
    writer->known = (mr_space_state){.head = writer->head,
                                     .messages = (uint64_t)writer->messages,
                                     .has_retention = writer->has_retention};
}

/* --- What is kept in memory ----------------------------------------------------------------- */

static mr_code load_quotas(mr_backend_writer *writer, mr_error *err)
{
    mr_sqlite_stmt *stmt;
    MR_TRY(mr_sq_get(&writer->link, MR_SQ_RULES_GET, &stmt, err));
    MR_TRY(mr_sqlite_bind_text(stmt, 1, MR_SLICE(""), err));
    bool row = false;
    const mr_code rc = mr_sqlite_step(stmt, &row, err);
    writer->messages_max = row ? (uint64_t)mr_sqlite_column_i64(stmt, 2) : 0;
    writer->bytes_max = row ? (uint64_t)mr_sqlite_column_i64(stmt, 3) : 0;
    mr_sqlite_reset(stmt);
    return rc;
}

static void forget_names(mr_backend_writer *writer)
{
    mr_names_reset(&writer->streams);
    mr_names_reset(&writer->categories);
    writer->first_dirty = MR_NAMES_NONE;
}

mr_code mr_sq_writer_refresh(mr_backend_writer *writer, mr_error *err)
{
    int64_t floor;
    forget_names(writer);
    MR_TRY(mr_sq_integer(&writer->link, MR_SQ_HEAD, 0, &writer->head, err));
    MR_TRY(mr_sq_integer(&writer->link, MR_SQ_FLOOR_GET, 0, &floor, err));
    if (floor > writer->head) writer->head = floor;
    MR_TRY(mr_sq_integer(&writer->link, MR_SQ_LAST_ID, 0, &writer->last_id, err));
    MR_TRY(mr_sq_integer(&writer->link, MR_SQ_TOTALS, 0, &writer->messages, err));
    MR_TRY(load_quotas(writer, err));
    int64_t retentions;
    MR_TRY(mr_sq_integer(&writer->link, MR_SQ_RETENTIONS, 0, &retentions, err));
    writer->has_retention = retentions > 0;
    writer->stale = false;
    keep_known(writer);
    return MR_OK;
}

mr_code mr_sq_category(mr_backend_writer *writer, mr_slice name, uint32_t *out, mr_error *err)
{
    const uint32_t known = mr_names_find(&writer->categories, name);
    if (MR_LIKELY(known != MR_NAMES_NONE)) {
        *out = known;
        return MR_OK;
    }
    mr_sqlite_stmt *stmt;
    MR_TRY(mr_sq_get(&writer->link, MR_SQ_CATEGORY_FIND, &stmt, err));
    MR_TRY(mr_sqlite_bind_text(stmt, 1, name, err));
    bool row = false;
    const mr_code rc = mr_sqlite_step(stmt, &row, err);
    const int64_t id = row ? mr_sqlite_column_i64(stmt, 0) : 0;
    mr_sqlite_reset(stmt);
    MR_TRY(rc);
    MR_TRY(mr_names_add(&writer->categories, name, out, err));
    writer->categories.entries[*out].id = id;
    return MR_OK;
}

static mr_code load_stream(mr_backend_writer *writer, mr_slice name, mr_name_entry *out,
                           mr_error *err)
{
    mr_sqlite_stmt *stmt;
    MR_TRY(mr_sq_get(&writer->link, MR_SQ_STREAM_FIND, &stmt, err));
    MR_TRY(mr_sqlite_bind_text(stmt, 1, name, err));
    bool row = false;
    const mr_code rc = mr_sqlite_step(stmt, &row, err);
    *out = (mr_name_entry){.id = row ? mr_sqlite_column_i64(stmt, 0) : 0};
    MR_SQ_VERSION(out) = row ? mr_sqlite_column_i64(stmt, 2) : -1;
    mr_sqlite_reset(stmt);
    MR_TRY(rc);
    if (!row) return MR_OK;
    MR_TRY(mr_sq_get(&writer->link, MR_SQ_STREAM_VERSION, &stmt, err));
    MR_TRY(mr_sqlite_bind_i64(stmt, 1, out->id, err));
    int64_t last;
    MR_TRY(mr_sq_integer(&writer->link, MR_SQ_STREAM_VERSION, INT64_MIN, &last, err));
    mr_sq_tail_node newest;
    if (mr_sq_tail_last(writer->link.tail, out->id, &newest)) last = newest.position;
    MR_SQ_FILLED(out) = last != INT64_MIN; /* EventoDB imported positions below 0, too */
    if (last > MR_SQ_VERSION(out)) MR_SQ_VERSION(out) = last;
    return MR_OK;
}

mr_code mr_sq_stream(mr_backend_writer *writer, mr_slice name, uint32_t *out, mr_error *err)
{
    const uint32_t known = mr_names_find(&writer->streams, name);
    if (MR_LIKELY(known != MR_NAMES_NONE)) {
        *out = known;
        return MR_OK;
    }
    mr_name_entry loaded;
    uint32_t category;
    MR_TRY(load_stream(writer, name, &loaded, err));
    MR_TRY(mr_sq_category(writer, mr_stream_category(name), &category, err));
    MR_TRY(mr_names_add(&writer->streams, name, out, err));
    mr_name_entry *entry = &writer->streams.entries[*out];
    entry->id = loaded.id;
    MR_SQ_CATEGORY(entry) = category;
    MR_SQ_VERSION(entry) = MR_SQ_VERSION(&loaded);
    MR_SQ_FILLED(entry) = MR_SQ_FILLED(&loaded);
    return MR_OK;
}

mr_code mr_sq_stream_make(mr_backend_writer *writer, uint32_t stream, mr_error *err)
{
    mr_name_entry *entry = &writer->streams.entries[stream];
    if (MR_LIKELY(entry->id != 0)) return MR_OK;
    mr_name_entry *category = &writer->categories.entries[MR_SQ_CATEGORY(entry)];
    mr_sqlite_stmt *stmt;
    if (category->id == 0) {
        MR_TRY(mr_sq_get(&writer->link, MR_SQ_CATEGORY_ADD, &stmt, err));
        MR_TRY(mr_sqlite_bind_text(stmt, 1, category->name, err));
        MR_TRY(mr_sqlite_bind_i64(stmt, 2, ++writer->last_id, err));
        MR_TRY(mr_sqlite_run(stmt, err));
        category->id = writer->last_id;
    }
    MR_TRY(mr_sq_get(&writer->link, MR_SQ_STREAM_ADD, &stmt, err));
    MR_TRY(mr_sqlite_bind_text(stmt, 1, entry->name, err));
    MR_TRY(mr_sqlite_bind_i64(stmt, 2, category->id, err));
    MR_TRY(mr_sqlite_bind_i64(stmt, 3, ++writer->last_id, err));
    MR_TRY(mr_sqlite_run(stmt, err));
    entry->id = writer->last_id;
    return MR_OK;
}

void mr_sq_count(mr_backend_writer *writer, uint32_t category, int64_t streams, int64_t messages)
{
    mr_name_entry *entry = &writer->categories.entries[category];
    MR_SQ_D_STREAMS(entry) += streams;
    MR_SQ_D_MESSAGES(entry) += messages;
    writer->messages += messages;
    if (MR_SQ_DIRTY(entry)) return;
    MR_SQ_DIRTY(entry) = true;
    entry->next_dirty = writer->first_dirty;
    writer->first_dirty = category;
}

mr_code mr_sq_write_counts(mr_backend_writer *writer, mr_error *err)
{
    if (writer->first_dirty == MR_NAMES_NONE) return MR_OK;
    mr_sqlite_stmt *stmt;
    MR_TRY(mr_sq_get(&writer->link, MR_SQ_CATEGORY_COUNT, &stmt, err));
    while (writer->first_dirty != MR_NAMES_NONE) {
        mr_name_entry *entry = &writer->categories.entries[writer->first_dirty];
        MR_TRY(mr_sqlite_bind_i64(stmt, 1, entry->id, err));
        MR_TRY(mr_sqlite_bind_i64(stmt, 2, MR_SQ_D_STREAMS(entry), err));
        MR_TRY(mr_sqlite_bind_i64(stmt, 3, MR_SQ_D_MESSAGES(entry), err));
        MR_TRY(mr_sqlite_run(stmt, err));
        MR_SQ_D_STREAMS(entry) = MR_SQ_D_MESSAGES(entry) = 0;
        MR_SQ_DIRTY(entry) = false;
        writer->first_dirty = entry->next_dirty;
    }
    return MR_OK;
}

mr_code mr_sq_keep_ids(mr_backend_writer *writer, mr_error *err)
{
    mr_sqlite_stmt *stmt;
    MR_TRY(mr_sq_get(&writer->link, MR_SQ_LAST_ID_SET, &stmt, err));
    MR_TRY(mr_sqlite_bind_i64(stmt, 1, writer->last_id, err));
    return mr_sqlite_run(stmt, err);
}

mr_code mr_sq_keep_floor(mr_backend_writer *writer, int64_t floor, mr_error *err)
{
    mr_sqlite_stmt *stmt;
    MR_TRY(mr_sq_get(&writer->link, MR_SQ_FLOOR_SET, &stmt, err));
    MR_TRY(mr_sqlite_bind_i64(stmt, 1, floor, err));
    return mr_sqlite_run(stmt, err);
}

/* --- Groups --------------------------------------------------------------------------------- */

static mr_code carry_out(mr_backend_writer *writer, mr_op *op, mr_error *err)
{
    op->fault.code = MR_FAULT_NONE;
    op->fault.at = 0;
    switch (op->kind) {
    case MR_OP_APPEND: return mr_sq_append(writer, (mr_append_op *)op, err);
    case MR_OP_IMPORT: return mr_sq_import(writer, (mr_import_op *)op, err);
    case MR_OP_CLEAR: return mr_sq_clear(writer, (mr_clear_op *)op, err);
    case MR_OP_TRUNCATE: return mr_sq_truncate(writer, (mr_truncate_op *)op, err);
    case MR_OP_CONSUMER_SET: return mr_sq_consumer_set(writer, (mr_consumer_op *)op, err);
    case MR_OP_SETTING_SET: return mr_sq_rules_set(writer, (mr_setting_op *)op, err);
    case MR_OP_READ:
    case MR_OP_VERSION:
    case MR_OP_STREAMS:
    case MR_OP_CATEGORIES:
    case MR_OP_INFO:
    case MR_OP_CONSUMER_GET:
    case MR_OP_SETTING_GET:
    case MR_OP_SPACE_CREATE:
    case MR_OP_SPACE_DELETE:
    case MR_OP_SPACE_LIST:
    case MR_OP_SPACE_ROTATE: break; /* not given to writers */
    }
    return MR_OK;
}

static mr_code run(mr_backend_writer *writer, mr_sq_statement which, mr_error *err)
{
    mr_sqlite_stmt *stmt;
    MR_TRY(mr_sq_get(&writer->link, which, &stmt, err));
    return mr_sqlite_run(stmt, err);
}

mr_code mr_sq_make_ready(mr_backend_writer *writer, mr_error *err)
{
    if (writer->broken && writer->backend->data_dir != NULL && !writer->aside_wanted) {
        MR_TRY(connect(writer, err));
    }
    if (writer->stale) return mr_sq_writer_refresh(writer, err);
    if (mr_names_is_full(&writer->streams) || mr_names_is_full(&writer->categories))
        forget_names(writer);
    return MR_OK;
}

/* Appends leave the index of streams for later; what changes other messages wants all of it. */
static bool is_bulk(const mr_op *op)
{
    return op->kind == MR_OP_IMPORT || op->kind == MR_OP_CLEAR || op->kind == MR_OP_TRUNCATE;
}

static uint32_t messages_of(const mr_op *first)
{
    size_t count = 0;
    for (const mr_op *op = first; op != NULL; op = op->next)
        if (op->kind == MR_OP_APPEND) count += ((const mr_append_op *)op)->count;
    return (uint32_t)count;
}

static mr_code carry_out_all(mr_backend_writer *writer, mr_op *first, mr_op **at, mr_error *err)
{
    const uint32_t coming = messages_of(first);
    MR_TRY(is_bulk(first) ? mr_sq_index_all(writer, err) : mr_sq_index_some(writer, coming, err));
    for (mr_op *op = first; op != NULL; op = op->next) {
        *at = op;
        MR_TRY(carry_out(writer, op, err));
    }
    *at = NULL;
    /* What was imported is indexed: whoever opens the database next need not look at it. */
    if (is_bulk(first)) MR_TRY(mr_sq_keep_indexed(writer, writer->head, err));
    return mr_sq_write_counts(writer, err);
}

/* One transaction over the ops from `first`. When it fails nothing has happened, and *at is the op
 * that was being carried out, NULL if none was. */
static mr_code run_group(mr_backend_writer *writer, mr_op *first, mr_op **at, mr_error *err)
{
    *at = NULL;
    writer->moved_count = 0;
    writer->moved_all = false;
    MR_TRY(mr_sq_make_ready(writer, err));
    MR_TRY(mr_sq_tail_reserve(writer->link.tail, messages_of(first), err));
    writer->now_us = mr_clock_wall_ns() / MR_NS_PER_US;
    mr_code rc = run(writer, MR_SQ_BEGIN, err);
    if (rc == MR_OK) rc = carry_out_all(writer, first, at, err);
    if (rc == MR_OK) rc = run(writer, MR_SQ_COMMIT, err);
    if (rc == MR_OK) {
        mr_sq_index_settle(writer, first);
        keep_known(writer);
        return MR_OK;
    }
    mr_sqlite_rollback(&writer->link.db);
    writer->stale = true;
    writer->broken = rc == MR_ERR_IO || rc == MR_ERR_INPUT;
    return rc;
}

/* The op whose own content was refused by storage. */
static void refuse(mr_op *op, mr_code rc, const mr_error *error)
{
    const size_t at = op->fault.at;
    if (rc == MR_ERR_CONFLICT && op->kind == MR_OP_IMPORT)
        mr_op_fail(op, MR_FAULT_POSITION, at, "position exists: %lld",
                   (long long)((mr_import_op *)op)->messages[at].global_position);
    else if (rc == MR_ERR_CONFLICT)
        mr_op_fail(op, MR_FAULT_ID_TAKEN, at, "two messages of one write have the same id");
    else
        mr_op_fail_storage(op, error);
}

static void run_alone(mr_backend_writer *writer, mr_op *op)
{
    mr_error err;
    mr_op *at, *next = op->next;
    op->next = NULL;
    const mr_code rc = run_group(writer, op, &at, &err);
    if (rc != MR_OK) refuse(op, rc, &err);
    op->next = next;
}

static void write_group(mr_backend_writer *writer, mr_op *first)
{
    mr_error err;
    mr_op *at;
    const mr_code rc = run_group(writer, first, &at, &err);
    /* One op's content undid the group: each gets a transaction of its own. The disk's trouble is
     * everybody's. */
    const bool is_content = at != NULL && (rc == MR_ERR_CONFLICT || rc == MR_ERR_LIMIT);
    for (mr_op *op = first; rc != MR_OK && op != NULL; op = op->next) {
        if (is_content)
            run_alone(writer, op);
        else
            mr_op_fail_storage(op, &err);
    }
}

void mr_sq_write(mr_backend_writer *writer, mr_op *first)
{
    for (mr_op *begin = first; begin != NULL;) {
        mr_op *last = begin;
        while (last->next != NULL && is_bulk(last->next) == is_bulk(begin))
            last = last->next;
        mr_op *rest = last->next;
        last->next = NULL;
        write_group(writer, begin);
        last->next = rest;
        begin = rest;
    }
    /* The next group finds it done; if it fails, that group tries again. */
    if (writer->stale) (void)!mr_sq_make_ready(writer, NULL);
}

/* --- The write-ahead log -------------------------------------------------------------------- */

static void checkpoint(sqlite3 *handle, int mode)
{
    /* A failure leaves the log as it is: the next commit tells again how long it is. */
    (void)!sqlite3_wal_checkpoint_v2(handle, NULL, mode, NULL, NULL);
}

bool mr_sq_tidy(mr_backend_writer *writer)
{
    if (writer->aside_wanted) {
        if (!atomic_load_explicit(&writer->aside_done, memory_order_acquire)) {
            /* The log grows faster than it is carried over: writes wait for once. */
            if (writer->wal_pages > writer->wal_due + MR_SQ_WAL_PAGES_MAX) {
                checkpoint(writer->link.db.handle, SQLITE_CHECKPOINT_PASSIVE);
                writer->wal_due += MR_SQ_WAL_PAGES_MAX;
            }
            return false;
        }
        writer->aside_wanted = false;
        checkpoint(writer->link.db.handle, SQLITE_CHECKPOINT_PASSIVE);
        /* A reader that still looks at an old moment keeps the log from beginning anew. */
        writer->wal_due = writer->wal_pages + MR_SQ_WAL_PAGES;
        return false;
    }
    if (writer->wal_pages < writer->wal_due || writer->backend->data_dir == NULL) return false;
    writer->aside_wanted = true;
    atomic_store_explicit(&writer->aside_done, false, memory_order_relaxed);
    return true;
}

/* SQLite syncs the database at the end of a checkpoint that left nothing in the log, so the
 * writer's pass would sync what these have written. They do it themselves: syncing early harms
 * nothing. */
static void sync_database(sqlite3 *handle)
{
    sqlite3_file *file = NULL;
    if (sqlite3_file_control(handle, "main", SQLITE_FCNTL_FILE_POINTER, &file) != SQLITE_OK ||
        file == NULL || file->pMethods == NULL)
        return;
    (void)!file->pMethods->xSync(file, SQLITE_SYNC_NORMAL | SQLITE_SYNC_DATAONLY);
}

/* Each pass carries over what the one before took its time for, until next to nothing is left for
 * the writer, who waits for its own pass. */
static void checkpoint_aside(sqlite3 *handle, bool syncs)
{
    int done = 0;
    for (int pass = 0; pass < ASIDE_PASSES_MAX; pass++) {
        int pages = 0, carried = 0;
        if (sqlite3_wal_checkpoint_v2(handle, NULL, SQLITE_CHECKPOINT_PASSIVE, &pages, &carried) !=
            SQLITE_OK)
            return;
        if (syncs) sync_database(handle);
        if (carried - done < ASIDE_PAGES_LEFT) return;
        done = carried;
    }
}

void mr_sq_tidy_aside(mr_backend_writer *writer)
{
    mr_sqlite db = {0};
    const bool syncs = writer->backend->durability != MR_DURABILITY_OFF;
    const mr_sqlite_options options = {.mode = MR_SQLITE_WRITE,
                                       .sync = syncs ? MR_SQLITE_SYNC_NORMAL : MR_SQLITE_SYNC_OFF,
                                       .cache_bytes = 256u << 10,
                                       .paced = syncs};
    if (mr_sqlite_open(&db, writer->place, &options, NULL) == MR_OK)
        checkpoint_aside(db.handle, syncs);
    mr_sqlite_close(&db);
    /* Pairs with the acquire in mr_sq_tidy(). */
    atomic_store_explicit(&writer->aside_done, true, memory_order_release);
}
