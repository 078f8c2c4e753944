/* SPDX-License-Identifier: MIT */
#include "connector/sqlite_feed.h"

#include "core/number.h"

#define MODULE       "millrace_batch"
#define CAREFUL_ROWS 64 /* under one savepoint: what it keeps of old pages is memory */

/* --- the batch as a virtual table
 * ---------------------------------------------------------------- */

typedef struct feed_vtab {
    sqlite3_vtab base;
    mr_sqlite_feed *feed;
} feed_vtab;

static mr_sqlite_feed *feed_of(sqlite3_vtab_cursor *cursor)
{
    return ((feed_vtab *)(void *)cursor->pVtab)->feed;
}

/* CREATE TABLE x(c0, c1, ...): as many columns as are fed now. */
static int batch_connect(sqlite3 *handle, void *context, MR_UNUSED int argc,
                         MR_UNUSED const char *const *argv, sqlite3_vtab **out,
                         MR_UNUSED char **out_error)
{
    mr_sqlite_feed *feed = context;
    mr_buffer *sql = &feed->table->sql;
    mr_buffer_reset(sql);
    mr_code rc = mr_buffer_append(sql, MR_SLICE("CREATE TABLE x("), NULL);
    for (uint32_t i = 0; rc == MR_OK && i < feed->sources.field_count; i++)
        rc = mr_buffer_printf(sql, NULL, "%sc%u", i > 0 ? "," : "", i);
    if (rc == MR_OK) rc = mr_buffer_append(sql, mr_slice_of(")", 2), NULL);
    if (rc != MR_OK) return SQLITE_NOMEM;
    const int code = sqlite3_declare_vtab(handle, sql->ptr);
    if (code != SQLITE_OK) return code;
    feed_vtab *vtab = sqlite3_malloc64(sizeof *vtab);
    if (vtab == NULL) return SQLITE_NOMEM;
    *vtab = (feed_vtab){.feed = feed};
    sqlite3_vtab_config(handle, SQLITE_VTAB_DIRECTONLY);
    *out = &vtab->base;
    return SQLITE_OK;
}

static int batch_disconnect(sqlite3_vtab *vtab)
{
    sqlite3_free(vtab);
    return SQLITE_OK;
}

static int batch_best_index(MR_UNUSED sqlite3_vtab *vtab, sqlite3_index_info *info)
{
    info->estimatedCost = 1e4;
    info->estimatedRows = 10000;
    return SQLITE_OK;
}

/* One cursor at a time is all that our own statements open. */
static int batch_open(sqlite3_vtab *vtab, sqlite3_vtab_cursor **out)
{
    mr_sqlite_feed *feed = ((feed_vtab *)(void *)vtab)->feed;
    memset(&feed->cursor, 0, sizeof feed->cursor);
    *out = &feed->cursor;
    return SQLITE_OK;
}

static int batch_close(MR_UNUSED sqlite3_vtab_cursor *cursor)
{
    return SQLITE_OK;
}

static int batch_filter(MR_UNUSED sqlite3_vtab_cursor *cursor, MR_UNUSED int number,
                        MR_UNUSED const char *text, MR_UNUSED int argc,
                        MR_UNUSED sqlite3_value **argv)
{
    return SQLITE_OK; /* run_range() has set the rows */
}

static int batch_next(sqlite3_vtab_cursor *cursor)
{
    feed_of(cursor)->row++;
    return SQLITE_OK;
}

static int batch_eof(sqlite3_vtab_cursor *cursor)
{
    const mr_sqlite_feed *feed = feed_of(cursor);
    return feed->row >= feed->end_row;
}

static int64_t literal_to_i64(mr_slice text)
{
    const bool minus = text.ptr[0] == '-';
    uint64_t value = 0;
    for (size_t i = minus; i < text.len; i++)
        value = value * 10 + (uint64_t)(text.ptr[i] - '0');
    return (int64_t)(minus ? 0 - value : value);
}

static void give_checked(sqlite3_context *context, mr_slice text, mr_sqlite_affinity affinity)
{
    mr_sqlite_number number;
    if (!mr_sqlite_store_checked(text, affinity, &number)) number.store = MR_SQLITE_STORE_TEXT;
    if (number.store == MR_SQLITE_STORE_INT)
        sqlite3_result_int64(context, number.integer);
    else if (number.store == MR_SQLITE_STORE_REAL)
        sqlite3_result_double(context, number.real);
    else
        sqlite3_result_text64(context, text.ptr, text.len, SQLITE_STATIC, SQLITE_UTF8);
}

/* The cell at (feed->row, at), without a copy. A result that is not set is NULL. */
static int batch_column(sqlite3_vtab_cursor *cursor, sqlite3_context *context, int at)
{
    const mr_sqlite_feed *feed = feed_of(cursor);
    const mr_sqlite_feed_column *column = &feed->columns[at];
    const uint32_t row = feed->row;
    if (column->from == NULL || mr_column_is_null(column->from, row)) return SQLITE_OK;
    const mr_slice text = mr_column_text(column->from, row);
    switch ((mr_sqlite_store)column->store[mr_column_type(column->from, row)]) {
    case MR_SQLITE_STORE_TEXT:
        sqlite3_result_text64(context, text.ptr, text.len, SQLITE_STATIC, SQLITE_UTF8);
        break;
    case MR_SQLITE_STORE_INT: sqlite3_result_int64(context, literal_to_i64(text)); break;
    case MR_SQLITE_STORE_BLOB:
        sqlite3_result_blob64(context, text.ptr, text.len, SQLITE_STATIC);
        break;
    case MR_SQLITE_STORE_REAL:
    case MR_SQLITE_STORE_CHECKED:
        give_checked(context, text, feed->table->columns[column->target].affinity);
        break;
    }
    return SQLITE_OK;
}

static int batch_rowid(sqlite3_vtab_cursor *cursor, sqlite3_int64 *out)
{
    *out = feed_of(cursor)->row;
    return SQLITE_OK;
}

static const sqlite3_module batch_module = {
    .xConnect = batch_connect, /* without xCreate: it is there by its name alone */
    .xBestIndex = batch_best_index,
    .xDisconnect = batch_disconnect,
    .xOpen = batch_open,
    .xClose = batch_close,
    .xFilter = batch_filter,
    .xNext = batch_next,
    .xEof = batch_eof,
    .xColumn = batch_column,
    .xRowid = batch_rowid,
};

/* millrace_absent(n): is cell n of the current row absent? For merging, where such a cell leaves
 * the old value alone. */
static void is_absent(sqlite3_context *context, MR_UNUSED int argc, sqlite3_value **argv)
{
    const mr_sqlite_feed *feed = sqlite3_user_data(context);
    const mr_sqlite_feed_column *column = &feed->columns[sqlite3_value_int(argv[0])];
    /* With triggers SQLite reads ahead, but then a range is one row. */
    const uint32_t row = feed->row < feed->end_row ? feed->row : feed->end_row - 1;
    sqlite3_result_int(context, column->from == NULL || mr_column_is_absent(column->from, row));
}

static bool value_of(sqlite3_value *value, mr_cursor_kind kind, char *room, mr_cursor *out)
{
    const int type = sqlite3_value_type(value);
    if (type == SQLITE_NULL) return false;
    if (type == SQLITE_FLOAT)
        return mr_cursor_parse(
            kind, mr_slice_of(room, mr_format_f64(room, sqlite3_value_double(value))), out);
    const char *const text = (const char *)sqlite3_value_text(value);
    const size_t len = (size_t)sqlite3_value_bytes(value);
    return text != NULL && mr_cursor_parse(kind, mr_slice_of(text, len), out);
}

/* millrace_newer(new, old): does the new row stay? What cannot be compared gives way. */
static void is_newer(sqlite3_context *context, MR_UNUSED int argc, sqlite3_value **argv)
{
    const mr_sqlite_feed *feed = sqlite3_user_data(context);
    const mr_cursor_kind kind = feed->newest != NULL ? feed->newest->kind : MR_CURSOR_NONE;
    char rooms[2][MR_F64_TEXT_MAX];
    mr_cursor fresh, old;
    const bool comparable =
        value_of(argv[0], kind, rooms[0], &fresh) && value_of(argv[1], kind, rooms[1], &old);
    sqlite3_result_int(context, !comparable || mr_cursor_compare(kind, &fresh, &old) >= 0);
}

/* --- statements
 * ---------------------------------------------------------------------------------- */

static mr_slice target_name(const mr_sqlite_feed *feed, uint32_t column)
{
    return feed->table->columns[feed->columns[column].target].name;
}

static bool is_careful(const mr_sqlite_feed *feed)
{
    return feed->key_count > 0 || feed->table->careful;
}

/* WHERE millrace_newer(excluded."c", "t"."c") */
static mr_code append_newer(mr_sqlite_feed *feed, mr_buffer *sql, mr_error *err)
{
    const int64_t at = feed->newest != NULL && feed->newest->column.len > 0
                           ? mr_schema_find(&feed->sources, feed->newest->column)
                           : -1;
    if (at < 0) return MR_OK;
    MR_TRY(mr_buffer_append(sql, MR_SLICE(" WHERE millrace_newer(excluded."), err));
    MR_TRY(mr_sqlite_quote(sql, target_name(feed, (uint32_t)at), err));
    MR_TRY(mr_buffer_append(sql, MR_SLICE(", "), err));
    MR_TRY(mr_sqlite_quote(sql, mr_slice_text(feed->table->into), err));
    MR_TRY(mr_buffer_append(sql, MR_SLICE("."), err));
    MR_TRY(mr_sqlite_quote(sql, target_name(feed, (uint32_t)at), err));
    return mr_buffer_append(sql, MR_SLICE(")"), err);
}

/* ON CONFLICT (keys) DO UPDATE SET every other column */
static mr_code append_merge(mr_sqlite_feed *feed, mr_buffer *sql, bool absent, mr_error *err)
{
    MR_TRY(mr_buffer_append(sql, MR_SLICE(" WHERE true ON CONFLICT ("), err));
    MR_TRY(mr_sqlite_quote_list(sql, feed->keys, feed->key_count, err));
    uint32_t count = 0;
    for (uint32_t i = 0; i < feed->sources.field_count; i++) {
        if (feed->table->columns[feed->columns[i].target].key) continue;
        const mr_slice name = target_name(feed, i);
        MR_TRY(mr_buffer_append(sql, count++ == 0 ? MR_SLICE(") DO UPDATE SET ") : MR_SLICE(", "),
                                err));
        MR_TRY(mr_sqlite_quote(sql, name, err));
        if (absent) MR_TRY(mr_buffer_printf(sql, err, " = CASE WHEN millrace_absent(%u) THEN ", i));
        if (absent) MR_TRY(mr_sqlite_quote(sql, name, err));
        MR_TRY(mr_buffer_append(
            sql, absent ? MR_SLICE(" ELSE excluded.") : MR_SLICE(" = excluded."), err));
        MR_TRY(mr_sqlite_quote(sql, name, err));
        if (absent) MR_TRY(mr_buffer_append(sql, MR_SLICE(" END"), err));
    }
    return count > 0 ? append_newer(feed, sql, err)
                     : mr_buffer_append(sql, MR_SLICE(") DO NOTHING"), err);
}

static mr_code prepare_insert(mr_sqlite_feed *feed, mr_sqlite_stmt *stmt, bool absent,
                              mr_error *err)
{
    mr_buffer sql;
    mr_buffer_init(&sql, "an SQL statement", (size_t)64 << 20);
    mr_code rc =
        mr_buffer_printf(&sql, err, "INSERT OR %s INTO main.", is_careful(feed) ? "ABORT" : "FAIL");
    if (rc == MR_OK) rc = mr_sqlite_quote(&sql, mr_slice_text(feed->table->into), err);
    for (uint32_t i = 0; rc == MR_OK && i < feed->sources.field_count; i++) {
        rc = mr_buffer_append(&sql, i == 0 ? MR_SLICE(" (") : MR_SLICE(", "), err);
        if (rc == MR_OK) rc = mr_sqlite_quote(&sql, target_name(feed, i), err);
    }
    for (uint32_t i = 0; rc == MR_OK && i < feed->sources.field_count; i++)
        rc = mr_buffer_printf(&sql, err, "%sc%u", i == 0 ? ") SELECT " : ", ", i);
    if (rc == MR_OK) rc = mr_buffer_append(&sql, MR_SLICE(" FROM " MODULE), err);
    if (rc == MR_OK && feed->key_count > 0) rc = append_merge(feed, &sql, absent, err);
    if (rc == MR_OK)
        rc = mr_sqlite_prepare(stmt, feed->table->db, mr_buffer_slice(&sql), "add rows", err);
    mr_buffer_done(&sql);
    return rc;
}

/* Statements know the columns by number: new columns, new statements. */
static void forget_statements(mr_sqlite_feed *feed)
{
    mr_sqlite_finish(&feed->insert);
    mr_sqlite_finish(&feed->insert_absent);
}

static mr_code need_statement(mr_sqlite_feed *feed, mr_sqlite_stmt **out, mr_error *err)
{
    mr_sqlite *db = feed->table->db;
    *out = feed->with_absent ? &feed->insert_absent : &feed->insert;
    if ((*out)->handle != NULL) return MR_OK;
    if (feed->insert.handle == NULL && feed->insert_absent.handle == NULL) {
        /* Registering it anew makes SQLite ask for its columns again. */
        const int rc = sqlite3_create_module_v2(db->handle, MODULE, &batch_module, feed, NULL);
        if (rc != SQLITE_OK) return mr_sqlite_fail(db, rc, "prepare to add rows", err);
    }
    return prepare_insert(feed, *out, feed->with_absent, err);
}

mr_code mr_sqlite_feed_open(mr_sqlite_feed *feed, mr_sqlite_table *table, const char *const *keys,
                            uint32_t key_count, mr_error *err)
{
    mr_sqlite *db = table->db;
    feed->table = table;
    feed->keys = keys;
    feed->key_count = key_count;
    feed->row_bytes_max = (uint64_t)sqlite3_limit(db->handle, SQLITE_LIMIT_LENGTH, -1);
    mr_schema_init(&feed->sources, table->arena);
    feed->columns = mr_arena_take(table->arena, sizeof *feed->columns * table->column_cap);
    if (feed->columns == NULL) return mr_arena_fail(table->arena, err);
    MR_TRY(mr_sqlite_prepare(&feed->save, db, MR_SLICE("SAVEPOINT rows"), "add rows", err));
    MR_TRY(mr_sqlite_prepare(&feed->undo, db, MR_SLICE("ROLLBACK TO rows"), "undo rows", err));
    MR_TRY(mr_sqlite_prepare(&feed->keep, db, MR_SLICE("RELEASE rows"), "add rows", err));
    int rc = sqlite3_create_function_v2(db->handle, "millrace_absent", 1,
                                        SQLITE_UTF8 | SQLITE_DIRECTONLY, feed, is_absent, NULL,
                                        NULL, NULL);
    if (rc == SQLITE_OK)
        rc = sqlite3_create_function_v2(db->handle, "millrace_newer", 2,
                                        SQLITE_UTF8 | SQLITE_DIRECTONLY, feed, is_newer, NULL, NULL,
                                        NULL);
    return rc == SQLITE_OK ? MR_OK : mr_sqlite_fail(db, rc, "prepare to add rows", err);
}

void mr_sqlite_feed_close(mr_sqlite_feed *feed)
{
    forget_statements(feed);
    mr_sqlite_finish(&feed->save);
    mr_sqlite_finish(&feed->undo);
    mr_sqlite_finish(&feed->keep);
}

/* --- what a batch means
 * -------------------------------------------------------------------------- */

mr_code mr_sqlite_feed_add(mr_sqlite_feed *feed, mr_slice name, mr_type type, mr_error *err)
{
    if (mr_schema_find(&feed->sources, name) >= 0) return MR_OK;
    uint32_t target, number;
    MR_TRY(
        mr_sqlite_table_feed_column(feed->table, name, type, feed->may_add_columns, &target, err));
    MR_TRY(mr_schema_add(&feed->sources, name, type, &number, err));
    mr_sqlite_feed_column *column = &feed->columns[number];
    *column = (mr_sqlite_feed_column){.target = target};
    for (int i = 0; i < MR_TYPE_COUNT; i++)
        column->store[i] =
            (uint8_t)mr_sqlite_store_of((mr_type)i, feed->table->columns[target].affinity);
    forget_statements(feed);
    return MR_OK;
}

/* Can a cell of this column have to be refused before SQLite sees it? */
static bool needs_check(const mr_sqlite_feed *feed, const mr_sqlite_feed_column *column)
{
    const mr_sqlite_column *target = &feed->table->columns[column->target];
    if (target->key && (column->from == NULL || column->from->null_count > 0)) return true;
    if (column->from == NULL) return false;
    const mr_type type = column->from->type;
    if (target->rowid && type != MR_TYPE_INT) return true;
    return type == MR_TYPE_MIXED ? target->affinity == MR_SQLITE_AFFINITY_NUMERIC ||
                                       target->affinity == MR_SQLITE_AFFINITY_REAL
                                 : column->store[type] == MR_SQLITE_STORE_CHECKED &&
                                       target->affinity != MR_SQLITE_AFFINITY_NONE;
}

static mr_code match_columns(mr_sqlite_feed *feed, const mr_batch *batch, mr_error *err)
{
    for (uint32_t i = 0; i < batch->column_count; i++)
        MR_TRY(mr_sqlite_feed_add(feed, batch->columns[i].name, batch->columns[i].type, err));
    const uint32_t count = feed->sources.field_count;
    for (uint32_t i = 0; i < count; i++)
        feed->columns[i].from = NULL;
    for (uint32_t i = 0; i < batch->column_count; i++) {
        mr_sqlite_feed_column *column =
            &feed->columns[mr_schema_find(&feed->sources, batch->columns[i].name)];
        column->from = &batch->columns[i];
        column->number = i;
    }
    feed->batch_checked = mr_batch_data_bytes(batch) > feed->row_bytes_max / 2;
    feed->with_absent = false;
    for (uint32_t i = 0; i < count; i++) {
        mr_sqlite_feed_column *column = &feed->columns[i];
        column->checked = needs_check(feed, column);
        feed->batch_checked |= column->checked;
        feed->with_absent |= column->from == NULL || column->from->absent_count > 0;
    }
    feed->with_absent &= feed->key_count > 0;
    return MR_OK;
}

typedef struct fault {
    mr_reason reason;
    const mr_sqlite_feed_column *column;
    const char *text;
} fault;

/* What is wrong with one cell, if anything. */
static bool cell_is_good(mr_sqlite_feed *feed, const mr_sqlite_feed_column *column, uint32_t row,
                         fault *out)
{
    const mr_sqlite_column *target = &feed->table->columns[column->target];
    *out = (fault){.reason = MR_REASON_CONSTRAINT, .column = column};
    if (column->from == NULL || mr_column_is_null(column->from, row)) {
        out->text = "a key must have a value";
        return !target->key;
    }
    const mr_type type = mr_column_type(column->from, row);
    const mr_slice text = mr_column_text(column->from, row);
    if (target->rowid && type != MR_TYPE_INT && !mr_text_is_int(text)) {
        out->text = "an INTEGER PRIMARY KEY holds integers only";
        return false;
    }
    mr_sqlite_number number;
    if (column->store[type] != MR_SQLITE_STORE_CHECKED) return true;
    if (mr_sqlite_store_checked(text, target->affinity, &number)) return true;
    if (feed->lossy) {
        feed->lossy_count++;
        return true;
    }
    out->reason = MR_REASON_INEXACT;
    out->text =
        target->affinity == MR_SQLITE_AFFINITY_REAL
            ? "the column's declared type turns it into another number (lossy: allow, or TEXT)"
            : "the column's declared type would re-spell it (lossy: allow, or declare TEXT)";
    return false;
}

static bool row_is_good(mr_sqlite_feed *feed, uint32_t row, fault *out)
{
    uint64_t bytes = 0;
    for (uint32_t i = 0; i < feed->sources.field_count; i++) {
        const mr_sqlite_feed_column *column = &feed->columns[i];
        if (column->checked && !cell_is_good(feed, column, row, out)) return false;
        if (column->from != NULL) bytes += 16 + mr_column_text(column->from, row).len;
    }
    *out = (fault){.reason = MR_REASON_DESTINATION_REFUSED,
                   .text = "the record is larger than SQLite's rows can be"};
    return bytes <= feed->row_bytes_max;
}

/* The first row from `row` on that must not be shown to SQLite; the count of rows when all may. */
static uint32_t find_bad_row(mr_sqlite_feed *feed, uint32_t row, fault *out)
{
    const uint32_t count = feed->batch->row_count;
    if (!feed->batch_checked) return count;
    while (row < count && row_is_good(feed, row, out))
        row++;
    return row;
}

static mr_code refuse_bad_row(mr_sqlite_feed *feed, const fault *found, uint32_t row,
                              mr_reject_list *refused, mr_error *err)
{
    mr_reject *reject;
    MR_TRY(mr_reject_list_add(refused, found->reason, &reject, err));
    reject->row_before = row;
    if (found->column != NULL) {
        reject->field = feed->table->columns[found->column->target].source;
        if (found->column->from != NULL) reject->column = found->column->number + 1;
    }
    mr_reject_detail(reject, "%s", found->text);
    return MR_OK;
}

/* --- writing
 * ------------------------------------------------------------------------------------- */

/* Is this the fault of one row, so that the rest can go in? */
static bool is_row_fault(const mr_sqlite_feed *feed, int rc)
{
    if (is_careful(feed))
        return (rc & 0xff) == SQLITE_CONSTRAINT || rc == SQLITE_MISMATCH || rc == SQLITE_TOOBIG;
    return rc == SQLITE_CONSTRAINT_UNIQUE || rc == SQLITE_CONSTRAINT_PRIMARYKEY ||
           rc == SQLITE_CONSTRAINT_NOTNULL || rc == SQLITE_CONSTRAINT_CHECK ||
           rc == SQLITE_CONSTRAINT_ROWID;
}

/* Shows the rows [from, to) to SQLite. *out_failed is the row at fault, `to` when there is none;
 * the error's text then waits in the connection. */
static mr_code run_range(mr_sqlite_feed *feed, mr_sqlite_stmt *stmt, uint32_t from, uint32_t to,
                         uint32_t *out_failed, int *out_rc, mr_error *err)
{
    feed->row = from;
    feed->end_row = to;
    const int rc = sqlite3_step(stmt->handle);
    *out_failed = rc == SQLITE_DONE ? to : feed->row < to ? feed->row : to - 1;
    *out_rc = rc;
    if (rc == SQLITE_DONE) return MR_OK;
    if (!is_row_fault(feed, rc)) return mr_sqlite_fail(stmt->db, rc, stmt->purpose, err);
    if (mr_sqlite_in_transaction(stmt->db)) return MR_OK;
    return mr_fail(err, MR_ERR_CONFLICT,
                   "a trigger of \"%s\" in \"%s\" rolled the whole transaction back: %s",
                   feed->table->name, stmt->db->name, sqlite3_errmsg(stmt->db->handle));
}

/* "UNIQUE constraint failed: t.a, t.b" and its like name the first column at fault. */
static const mr_sqlite_feed_column *column_named_in(const mr_sqlite_feed *feed, mr_slice text)
{
    const char *at = strstr(text.ptr, "constraint failed: ");
    const char *dot = at != NULL ? strchr(at, '.') : NULL;
    if (dot == NULL) return NULL;
    const mr_slice rest = mr_slice_text(dot + 1);
    const mr_sqlite_feed_column *found = NULL;
    size_t longest = 0;
    for (uint32_t i = 0; i < feed->sources.field_count; i++) {
        const mr_slice name = feed->table->columns[feed->columns[i].target].name;
        if (name.len <= longest || rest.len < name.len) continue;
        if (memcmp(rest.ptr, name.ptr, name.len) != 0) continue;
        if (rest.len > name.len && rest.ptr[name.len] != ',') continue;
        found = &feed->columns[i];
        longest = name.len;
    }
    return found;
}

static mr_code refuse_failed_row(mr_sqlite_feed *feed, uint32_t row, int rc,
                                 mr_reject_list *refused, mr_error *err)
{
    mr_reject *reject;
    const mr_reason reason =
        rc == SQLITE_TOOBIG ? MR_REASON_DESTINATION_REFUSED : MR_REASON_CONSTRAINT;
    MR_TRY(mr_reject_list_add(refused, reason, &reject, err));
    reject->row_before = row;
    const char *text = sqlite3_errmsg(feed->table->db->handle);
    mr_reject_detail(reject, "%s", text);
    const mr_sqlite_feed_column *column = column_named_in(feed, mr_slice_text(text));
    if (column == NULL) return MR_OK;
    reject->field = feed->table->columns[column->target].source;
    if (column->from != NULL) reject->column = column->number + 1;
    return MR_OK;
}

/* OR FAIL: everything before the row at fault has gone in. */
static mr_code write_fast(mr_sqlite_feed *feed, mr_sqlite_stmt *stmt, uint32_t from, uint32_t to,
                          mr_reject_list *refused, mr_error *err)
{
    while (from < to) {
        uint32_t failed;
        int rc;
        mr_code code = run_range(feed, stmt, from, to, &failed, &rc, err);
        if (code == MR_OK && failed < to) code = refuse_failed_row(feed, failed, rc, refused, err);
        mr_sqlite_reset(stmt);
        MR_TRY(code);
        feed->row_count += failed - from;
        from = failed + 1;
    }
    return MR_OK;
}

/* A savepoint per range; a range with a row at fault is undone and cut to the rows before it. */
static mr_code write_carefully(mr_sqlite_feed *feed, mr_sqlite_stmt *stmt, uint32_t from,
                               uint32_t to, mr_reject_list *refused, mr_error *err)
{
    const uint32_t range = feed->table->triggers ? 1 : CAREFUL_ROWS;
    uint32_t stop = to - from > range ? from + range : to;
    while (from < to) {
        uint32_t failed;
        int rc;
        MR_TRY(mr_sqlite_run(&feed->save, err));
        mr_code code = run_range(feed, stmt, from, stop, &failed, &rc, err);
        const bool refuse = failed == from && stop > from && rc != SQLITE_DONE;
        if (code == MR_OK && refuse) code = refuse_failed_row(feed, failed, rc, refused, err);
        mr_sqlite_reset(stmt);
        MR_TRY(code);
        if (failed < stop) MR_TRY(mr_sqlite_run(&feed->undo, err));
        MR_TRY(mr_sqlite_run(&feed->keep, err));
        if (failed == stop) feed->row_count += stop - from;
        if (failed == stop || refuse) from = refuse ? failed + 1 : stop;
        stop = failed < stop && !refuse ? failed : to - from > range ? from + range : to;
    }
    return MR_OK;
}

mr_code mr_sqlite_feed_write(mr_sqlite_feed *feed, const mr_batch *batch, mr_reject_list *refused,
                             mr_error *err)
{
    feed->batch = batch;
    MR_TRY(match_columns(feed, batch, err));
    mr_sqlite_stmt *stmt;
    if (batch->row_count == 0 || feed->sources.field_count == 0) return MR_OK;
    MR_TRY(need_statement(feed, &stmt, err));
    for (uint32_t row = 0; row < batch->row_count;) {
        fault found = {0};
        const uint32_t bad = find_bad_row(feed, row, &found);
        if (bad > row)
            MR_TRY((is_careful(feed) ? write_carefully : write_fast)(feed, stmt, row, bad, refused,
                                                                     err));
        if (bad < batch->row_count) MR_TRY(refuse_bad_row(feed, &found, bad, refused, err));
        row = bad + 1;
    }
    return MR_OK;
}
