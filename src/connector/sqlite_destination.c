/* SPDX-License-Identifier: MIT
 *
 * A run is one transaction: all of it is there after the commit, nothing of it before. A database
 * that does not exist yet is built as PATH.part beside, and appears under its name when complete;
 * one that exists is changed in place, and SQLite's journal undoes what a killed run had done.
 *
 *      mode      table is missing    table is there
 *      append    made                rows are added
 *      merge     made                rows with a known key replace the old row's values
 *      replace   made                a new table is built beside and takes its place
 *      create    made                an error
 *
 * With commit_every, or when streaming, there are many transactions, and the file is worked on in
 * place from the start.
 *
 * Checkpoints are rows of the table "millrace_state", in the transaction of the data. They are made
 * where nobody sees what a transaction in between has stored: in PATH.part, in the new table of a
 * replace, and where many transactions were asked for. A run into a table that is there already
 * stays one transaction, and starts over when it is killed. */
#include "connector/sqlite_destination_internal.h"

#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

#include "connector/sqlite_state.h"

#define MAX_TABLE_NAME 64 /* of a name made from the file's */

static const mr_option_choice modes[] = {
    {"append", MODE_APPEND}, {"replace", MODE_REPLACE}, {"merge", MODE_MERGE},
    {"upsert", MODE_MERGE},  {"create", MODE_CREATE},   {0},
};

static const mr_option destination_options[] = {
    {.name = "table",
     .type = MR_OPTION_TEXT,
     .offset = offsetof(mr_sqlite_destination, table_name),
     .help = "table to write; without it, one named after the file"},
    {.name = "mode",
     .type = MR_OPTION_ENUM,
     .offset = offsetof(mr_sqlite_destination, mode),
     .fallback = "append",
     .choices = modes,
     .help = "append adds rows, merge updates rows with the same keys, replace builds the table "
             "anew, create wants it not to exist"},
    {.name = "keys",
     .aliases = "key primary_key",
     .type = MR_OPTION_LIST,
     .offset = offsetof(mr_sqlite_destination, keys),
     .help = "columns that tell rows apart: the primary key of a new table, needed to merge"},
    {.name = "create_table",
     .type = MR_OPTION_BOOL,
     .offset = offsetof(mr_sqlite_destination, create_table),
     .fallback = "true",
     .help = "makes the table when it is missing"},
    {.name = "add_columns",
     .type = MR_OPTION_BOOL,
     .offset = offsetof(mr_sqlite_destination, add_columns),
     .fallback = "false",
     .help = "adds columns that an existing table lacks"},
    {.name = "commit_every",
     .type = MR_OPTION_U64,
     .offset = offsetof(mr_sqlite_destination, commit_every),
     .fallback = "0",
     .help = "commits after about so many rows; 0 makes the whole run one transaction"},
    {.name = "busy_timeout",
     .type = MR_OPTION_DURATION_NS,
     .offset = offsetof(mr_sqlite_destination, busy_timeout_ns),
     .fallback = "10s",
     .range = {0, (int64_t)3600 * 1000000000},
     .help = "how long to wait for other programs that use the database"},
    {.name = "cache_size",
     .type = MR_OPTION_SIZE_BYTES,
     .offset = offsetof(mr_sqlite_destination, cache_bytes),
     .fallback = "16MiB",
     .range = {65536, (int64_t)1 << 40},
     .help = "memory for pages of the database"},
    {0},
};

/* --- opening
 * ------------------------------------------------------------------------------------- */

/* The file's name without folders and suffix, letters, digits and '_' only; "records" when nothing
 * is left of it. */
static const char *table_name_of(mr_arena *arena, const char *path)
{
    const char *slash = strrchr(path, '/');
    const char *base = slash != NULL ? slash + 1 : path;
    const char *dot = strrchr(base, '.');
    const size_t len = dot != NULL && dot != base ? (size_t)(dot - base) : strlen(base);
    char name[MAX_TABLE_NAME];
    size_t count = 0;
    for (size_t i = 0; i < len && count < sizeof name; i++) {
        const char byte = base[i];
        const bool plain = (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') ||
                           (byte >= '0' && byte <= '9') || byte == '_' || (byte & 0x80) != 0;
        name[count++] = plain ? byte : '_';
    }
    const bool taken = count >= 7 && sqlite3_strnicmp(name, "sqlite_", 7) == 0;
    return count == 0 || taken ? "records" : mr_arena_copy(arena, (mr_slice){name, count});
}

static mr_code check_options(const mr_sqlite_destination *own, mr_error *err)
{
    if (own->mode == MODE_MERGE && own->keys.count == 0)
        return mr_fail(err, MR_ERR_USAGE,
                       "mode=merge needs keys: the columns that tell records apart");
    if (own->mode == MODE_REPLACE && own->commit_every > 0)
        return mr_fail(err, MR_ERR_USAGE,
                       "mode=replace and commit_every contradict each other: the old table gives "
                       "way to the new one at once");
    if (own->mode == MODE_REPLACE && own->env->streaming)
        return mr_fail(err, MR_ERR_USAGE,
                       "mode=replace and streaming contradict each other: the new table is there "
                       "when the run has ended");
    if (sqlite3_strnicmp(own->table_name, "sqlite_", 7) == 0)
        return mr_fail(err, MR_ERR_USAGE, "table names that begin with sqlite_ are SQLite's own");
    return MR_OK;
}

mr_code mr_sqlite_open_db(mr_sqlite_destination *own, const char *path, mr_sqlite_mode mode,
                          mr_error *err)
{
    const bool part = own->part.is_open && !own->durable;
    const mr_sqlite_options options = {
        .mode = mode,
        .journal = part ? MR_SQLITE_JOURNAL_MEMORY : MR_SQLITE_JOURNAL_KEEP,
        .sync = part ? MR_SQLITE_SYNC_OFF : MR_SQLITE_SYNC_FULL,
        .exclusive = own->part.is_open,
        .busy_timeout_ms = (int)(own->busy_timeout_ns / 1000000),
        .cache_bytes = own->cache_bytes,
        .cancelled = own->env->cancelled,
    };
    return mr_sqlite_open(&own->db, path, &options, err);
}

mr_code mr_sqlite_open_table(mr_sqlite_destination *own, mr_error *err)
{
    MR_TRY(mr_sqlite_table_open(&own->table, &own->db, own->table_name, own->env->arena, err));
    own->table_open = true;
    if (own->table.exists && own->mode == MODE_CREATE && !own->resuming)
        return mr_fail(err, MR_ERR_USAGE,
                       "table \"%s\" exists in \"%s\" already; mode=append, merge or replace would "
                       "write to it",
                       own->table_name, own->path);
    if (!own->table.exists && !own->create_table)
        return mr_fail(err, MR_ERR_USAGE, "table \"%s\" does not exist in \"%s\"", own->table_name,
                       own->path);
    return MR_OK;
}

/* The run may have been told to stop: what is left to do is done all the same. */
void mr_sqlite_mind_no_stop(mr_sqlite_destination *own)
{
    sqlite3_progress_handler(own->db.handle, 0, NULL, NULL);
}

void mr_sqlite_close_table(mr_sqlite_destination *own)
{
    if (own->table_open) mr_sqlite_table_close(&own->table);
    own->table_open = false;
}

/* Can a file be made in the folder of `path`? */
static mr_code check_folder(const mr_sqlite_destination *own, mr_error *err)
{
    const char *slash = strrchr(own->path, '/');
    const size_t len = slash == NULL ? 1 : slash == own->path ? 1 : (size_t)(slash - own->path);
    const mr_slice text = {slash == NULL ? "." : own->path, len};
    const char *folder = mr_arena_copy(own->env->arena, text);
    if (folder == NULL) return mr_arena_fail(own->env->arena, err);
    struct stat info;
    if (stat(folder, &info) != 0)
        return mr_fail_errno(err, errno, "the folder \"%s\" for the database", folder);
    if (!S_ISDIR(info.st_mode))
        return mr_fail(err, MR_ERR_USAGE, "\"%s\" is not a folder, so \"%s\" cannot be made",
                       folder, own->path);
    if (access(folder, W_OK | X_OK) != 0)
        return mr_fail_errno(err, errno, "cannot make files in the folder \"%s\"", folder);
    return MR_OK;
}

static mr_code destination_open(void *state, const mr_connector_env *env, mr_error *err)
{
    mr_sqlite_destination *own = state;
    own->env = env;
    mr_buffer_init(&own->remembered, "a table's columns", MR_POSITION_MAX);
    own->path = mr_arena_copy(env->arena, env->path);
    if (own->path == NULL) return mr_arena_fail(env->arena, err);
    if (env->path.len == 0 || strlen(own->path) != env->path.len)
        return mr_fail(err, MR_ERR_USAGE, "the path of an SQLite database is empty or holds a NUL");
    if (mr_slice_is(env->path, "-"))
        return mr_fail(err, MR_ERR_USAGE,
                       "SQLite cannot write to standard output; name a database file");
    if (own->table_name == NULL) own->table_name = table_name_of(env->arena, own->path);
    if (own->table_name == NULL) return mr_arena_fail(env->arena, err);
    MR_TRY(check_options(own, err));

    struct stat info;
    if (lstat(own->path, &info) != 0 && errno == ENOENT) {
        if (!own->create_table)
            return mr_fail(err, MR_ERR_USAGE, "the database \"%s\" does not exist", own->path);
        return check_folder(own, err);
    }
    MR_TRY(mr_sqlite_open_db(own, own->path, MR_SQLITE_WRITE, err));
    const mr_code rc = mr_sqlite_open_table(own, err);
    mr_sqlite_close_table(own); /* looked at again inside the transaction */
    return rc;
}

/* --- writing
 * ------------------------------------------------------------------------------------- */

/* The database has to be visible before the run has ended. */
bool mr_sqlite_is_seen_early(const mr_sqlite_destination *own, const mr_connector_env *env)
{
    return env->streaming || env->in_place || own->commit_every > 0;
}

/* That of PATH.part, which nothing is left to be undone in. */
static mr_code remove_journal(const mr_sqlite_destination *own, mr_error *err)
{
    const char *path = mr_arena_printf(own->env->arena, "%s-journal", own->part.write_path);
    if (path == NULL) return mr_arena_fail(own->env->arena, err);
    if (unlink(path) == 0 || errno == ENOENT) return MR_OK;
    return mr_fail_errno(err, errno, "cannot remove \"%s\"", path);
}

/* A database that is not there yet: built beside, unless it must be visible before the end. */
static mr_code make_file(mr_sqlite_destination *own, mr_error *err)
{
    if (mr_sqlite_is_seen_early(own, own->env))
        return mr_sqlite_open_db(own, own->path, MR_SQLITE_CREATE, err);
    own->durable = false;
    MR_TRY(mr_file_create_beside(&own->part, own->path, err));
    MR_TRY(remove_journal(own, err)); /* of a PATH.part that is gone: it would spoil this one */
    return mr_sqlite_open_db(own, own->part.write_path, MR_SQLITE_WRITE, err);
}

/* Makes the table, or matches the columns of the one that is there. */
static mr_code need_table(mr_sqlite_destination *own, const mr_schema *schema, mr_error *err)
{
    mr_sqlite_table *table = &own->table;
    const bool fresh = !table->exists;
    if (fresh) MR_TRY(mr_sqlite_table_create(table, schema, own->keys.items, own->keys.count, err));
    for (uint32_t i = 0; i < schema->field_count; i++)
        MR_TRY(mr_sqlite_feed_add(&own->feed, schema->fields[i].name, schema->fields[i].type, err));
    if (fresh || own->mode != MODE_MERGE) return MR_OK;
    MR_TRY(mr_sqlite_table_need_keys(table, own->keys.items, own->keys.count, err));
    for (uint32_t i = 0; i < table->column_count; i++)
        if (table->columns[i].key && table->columns[i].source.ptr == NULL)
            return mr_fail(err, MR_ERR_USAGE,
                           "keys names the column '%.*s', which the source does not have",
                           MR_SLICE_ARGS(table->columns[i].name));
    return MR_OK;
}

mr_code mr_sqlite_drop_new_table(mr_sqlite_destination *own, mr_error *err)
{
    mr_buffer *sql = &own->table.sql;
    mr_buffer_reset(sql);
    MR_TRY(mr_buffer_append(sql, MR_SLICE("DROP TABLE IF EXISTS main."), err));
    MR_TRY(mr_sqlite_quote(sql, mr_slice_text(own->table.into), err));
    MR_TRY(mr_buffer_append_byte(sql, 0, err));
    return mr_sqlite_exec(&own->db, sql->ptr, "drop the new table", err);
}

/* What a run that was given up had put into the new table is of no use. */
static mr_code replace_from_scratch(mr_sqlite_destination *own, mr_error *err)
{
    MR_TRY(mr_sqlite_table_rebuild(&own->table, err));
    return mr_sqlite_drop_new_table(own, err);
}

static mr_code destination_start(void *state, const mr_schema *schema, mr_error *err)
{
    mr_sqlite_destination *own = state;
    if (own->db.handle == NULL) MR_TRY(make_file(own, err));
    MR_TRY(mr_sqlite_begin_immediate(&own->db, err));
    own->writing = true;
    MR_TRY(mr_sqlite_open_table(own, err));
    own->replacing = own->mode == MODE_REPLACE && !own->part.is_open;
    if (own->replacing)
        MR_TRY(own->resuming ? mr_sqlite_table_reopen(&own->table, err)
                             : replace_from_scratch(own, err));
    if (own->resuming && own->table.exists)
        MR_TRY(mr_sqlite_table_recall(&own->table, mr_buffer_slice(&own->remembered), err));
    const bool merge = own->mode == MODE_MERGE;
    MR_TRY(mr_sqlite_feed_open(&own->feed, &own->table, own->keys.items,
                               merge ? own->keys.count : 0, err));
    own->feed.may_add_columns = own->add_columns;
    own->feed.lossy = own->env->lossy;
    own->feed.newest = own->env->newest;
    return schema != NULL && schema->field_count > 0 ? need_table(own, schema, err) : MR_OK;
}

/* The first batch of a source that did not know its columns. */
static mr_code need_table_for(mr_sqlite_destination *own, const mr_batch *batch, mr_error *err)
{
    mr_schema schema;
    mr_schema_init(&schema, own->env->arena);
    for (uint32_t i = 0; i < batch->column_count; i++)
        MR_TRY(mr_schema_add(&schema, batch->columns[i].name, batch->columns[i].type, NULL, err));
    return need_table(own, &schema, err);
}

mr_code mr_sqlite_commit_part(mr_sqlite_destination *own, mr_error *err)
{
    own->committed_rows = own->feed.row_count;
    MR_TRY(mr_sqlite_commit(&own->db, err));
    return mr_sqlite_begin_immediate(&own->db, err);
}

static mr_code destination_write(void *state, mr_job *job, mr_error *err)
{
    mr_sqlite_destination *own = state;
    const mr_batch *batch = &job->batch;
    const bool first = own->feed.sources.field_count == 0;
    if (first && batch->column_count > 0) MR_TRY(need_table_for(own, batch, err));
    const uint64_t before = own->feed.row_count;
    MR_TRY(mr_sqlite_feed_write(&own->feed, batch, &job->refused, err));
    job->encoded_rows += own->feed.row_count - before;
    own->bytes_out += mr_batch_data_bytes(batch);
    const uint64_t open_rows = own->feed.row_count - own->committed_rows;
    const bool enough = own->commit_every > 0 && open_rows >= own->commit_every;
    return enough && !own->governed ? mr_sqlite_commit_part(own, err) : MR_OK;
}

static mr_code destination_flush(void *state, mr_error *err)
{
    mr_sqlite_destination *own = state;
    if (own->part.is_open || own->replacing || own->governed)
        return MR_OK; /* seen when complete, not before */
    return own->feed.row_count > own->committed_rows ? mr_sqlite_commit_part(own, err) : MR_OK;
}

/* --- ending
 * -------------------------------------------------------------------------------------- */

/* A source without a single column leaves nothing to build from: the old table is emptied. */
static mr_code empty_old_table(mr_sqlite_destination *own, mr_error *err)
{
    mr_buffer *sql = &own->table.sql;
    mr_buffer_reset(sql);
    MR_TRY(mr_buffer_append(sql, MR_SLICE("DELETE FROM main."), err));
    MR_TRY(mr_sqlite_quote(sql, mr_slice_text(own->table_name), err));
    MR_TRY(mr_buffer_append_byte(sql, 0, err));
    return mr_sqlite_exec(&own->db, sql->ptr, "empty the table", err);
}

static mr_code finish_table(mr_sqlite_destination *own, mr_error *err)
{
    if (!own->replacing) return MR_OK;
    if (!own->table.exists) return empty_old_table(own, err);
    return mr_sqlite_table_swap(&own->table, own->env->warn, own->env->warn_context, err);
}

/* PATH.part becomes PATH, durably. First the connection is closed: closing the file drops the locks
 * of both. */
static mr_code publish_part(mr_sqlite_destination *own, mr_error *err)
{
    mr_sqlite_close(&own->db);
    struct stat info;
    MR_TRY(remove_journal(own, err)); /* closing left its empty shell, after an exclusive lock */
    if (lstat(own->path, &info) == 0)
        return mr_fail(err, MR_ERR_CONFLICT, "\"%s\" was made by someone else during the run",
                       own->path);
    return mr_file_replace(&own->part, err);
}

static void tell_losses(const mr_sqlite_destination *own)
{
    if (own->feed.lossy_count == 0 || own->env->warn == NULL) return;
    mr_error text;
    mr_fail(&text, MR_OK,
            "%llu values were changed by the declared types of table \"%s\" (lossy: allow)",
            (unsigned long long)own->feed.lossy_count, own->table_name);
    own->env->warn(own->env->warn_context, text.text);
}

static mr_code destination_commit(void *state, mr_error *err)
{
    mr_sqlite_destination *own = state;
    mr_sqlite_mind_no_stop(own);
    MR_TRY(finish_table(own, err));
    mr_sqlite_feed_close(&own->feed);
    if (own->pipeline != NULL && !own->seals) {
        MR_TRY(mr_sqlite_state_drop(&own->db, mr_slice_text(own->pipeline), err));
        own->pipeline = NULL;
    }
    MR_TRY(mr_sqlite_commit(&own->db, err));
    own->writing = false;
    own->committed_rows = own->feed.row_count;
    if (own->part.is_open) MR_TRY(publish_part(own, err));
    tell_losses(own);
    return MR_OK;
}

/* After a failed write SQLite leaves its journal for the next writer to undo what it had done. Be
 * that writer, so that readers who may not write find the old content too. */
static void undo_in_place(mr_sqlite_destination *own)
{
    if (mr_sqlite_open_db(own, own->path, MR_SQLITE_WRITE, NULL) == MR_OK)
        mr_sqlite_close(&own->db);
}

static void destination_abort(void *state)
{
    mr_sqlite_destination *own = state;
    mr_sqlite_feed_close(&own->feed);
    mr_sqlite_rollback(&own->db);
    mr_sqlite_close(&own->db);
    if (own->writing && !own->part.is_open) undo_in_place(own);
    own->writing = false;
    mr_file_close(&own->part);
}

static uint64_t destination_bytes_out(void *state)
{
    const mr_sqlite_destination *own = state;
    return own->bytes_out;
}

static mr_slice destination_target(void *state)
{
    const mr_sqlite_destination *own = state;
    return mr_slice_text(own->path);
}

static void destination_close(void *state)
{
    mr_sqlite_destination *own = state;
    destination_abort(own); /* what is committed is safe from it */
    mr_sqlite_close_table(own);
    mr_buffer_done(&own->remembered);
}

const mr_destination_ops mr_destination_sqlite = {
    .name = "sqlite",
    .summary = "a table of an SQLite database",
    .options = destination_options,
    .capabilities = MR_CAP_TYPED | MR_CAP_COLUMNS | MR_CAP_DECLARES | MR_CAP_TRANSACTION |
                    MR_CAP_UPSERT | MR_CAP_RESUME,
    .guarantee = "all or nothing: one transaction, or a new file that appears when it is complete",
    .state_bytes = sizeof(mr_sqlite_destination),
    .open = destination_open,
    .start = destination_start,
    .write = destination_write,
    .flush = destination_flush,
    .commit = destination_commit,
    .abort = destination_abort,
    .bytes_out = destination_bytes_out,
    .target = destination_target,
    .cannot_resume = mr_sqlite_destination_cannot_resume,
    .leaves_traces = mr_sqlite_destination_leaves_traces,
    .commit_every = mr_sqlite_destination_commit_every,
    .checkpoint = mr_sqlite_destination_checkpoint,
    .resume = mr_sqlite_destination_resume,
    .keep_commit = mr_sqlite_destination_keep_commit,
    .keep_seal = mr_sqlite_destination_keep_seal,
    .find_commit = mr_sqlite_destination_find_commit,
    .forget_commit = mr_sqlite_destination_forget_commit,
    .keep_watermark = mr_sqlite_destination_keep_watermark,
    .find_watermark = mr_sqlite_destination_find_watermark,
    .suspend = mr_sqlite_destination_suspend,
    .close = destination_close,
};
