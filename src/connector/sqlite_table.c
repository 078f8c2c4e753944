/* SPDX-License-Identifier: MIT */
#include "connector/sqlite_table.h"

#include "core/packed.h"

#define SQL_MAX_BYTES ((size_t)64 << 20)
#define KEPT_SQL_MAX  1024 /* indexes and triggers of a table that is replaced */

/* --- what is there
 * -------------------------------------------------------------------------------- */

static mr_code copy_slice(mr_arena *arena, mr_slice text, mr_slice *out, mr_error *err)
{
    const char *copy = mr_arena_copy(arena, text);
    if (copy == NULL) return mr_arena_fail(arena, err);
    *out = (mr_slice){copy, text.len};
    return MR_OK;
}

static mr_code new_column(mr_sqlite_table *table, mr_slice name, mr_sqlite_affinity affinity,
                          mr_error *err)
{
    if (table->column_count == table->column_cap)
        return mr_fail(err, MR_ERR_LIMIT,
                       "SQLite tables hold at most %u columns; leave some out with select",
                       table->column_cap);
    mr_sqlite_column *column = &table->columns[table->column_count];
    *column = (mr_sqlite_column){.affinity = affinity};
    MR_TRY(copy_slice(table->arena, name, &column->name, err));
    table->column_count++;
    return MR_OK;
}

/* Sets exists, careful and out_strict, out_rowid from the list of tables. */
static mr_code read_kind(mr_sqlite_table *table, mr_sqlite_stmt *stmt, bool *out_strict,
                         bool *out_rowid, mr_error *err)
{
    MR_TRY(mr_sqlite_bind_text(stmt, 1, mr_slice_text(table->name), err));
    MR_TRY(mr_sqlite_step(stmt, &table->exists, err));
    if (!table->exists) return MR_OK;
    const mr_slice type = mr_sqlite_column_text(stmt, 0);
    if (!mr_slice_is(type, "table") && !mr_slice_is(type, "virtual"))
        return mr_fail(err, MR_ERR_USAGE, "\"%s\" in \"%s\" is a %.*s, which cannot be written to",
                       table->name, table->db->name, MR_SLICE_ARGS(type));
    *out_strict = mr_sqlite_column_i64(stmt, 1) != 0;
    *out_rowid = mr_sqlite_column_i64(stmt, 2) == 0;
    table->triggers = mr_sqlite_column_i64(stmt, 3) != 0;
    table->careful = table->triggers || *out_strict || mr_slice_is(type, "virtual");
    return MR_OK;
}

static mr_code read_columns(mr_sqlite_table *table, mr_sqlite_stmt *stmt, bool strict, bool rowid,
                            mr_error *err)
{
    uint32_t key_count = 0;
    mr_sqlite_column *alias = NULL;
    MR_TRY(mr_sqlite_bind_text(stmt, 1, mr_slice_text(table->name), err));
    for (;;) {
        bool row;
        MR_TRY(mr_sqlite_step(stmt, &row, err));
        if (!row) break;
        const mr_slice declared = mr_sqlite_column_text(stmt, 1);
        const mr_sqlite_affinity affinity = mr_sqlite_affinity_of(declared, strict);
        MR_TRY(new_column(table, mr_sqlite_column_text(stmt, 0), affinity, err));
        if (mr_sqlite_column_i64(stmt, 2) == 0) continue;
        if (key_count++ == 0 && mr_sqlite_same_name(declared, MR_SLICE("INTEGER")))
            alias = &table->columns[table->column_count - 1];
    }
    if (alias != NULL && key_count == 1 && rowid) alias->rowid = true;
    return MR_OK;
}

static mr_code look_up(mr_sqlite_table *table, mr_error *err)
{
    mr_sqlite *const db = table->db;
    bool strict = false, rowid = true;
    mr_sqlite_stmt stmt = {0};
    mr_code rc = mr_sqlite_prepare(
        &stmt, db,
        MR_SLICE("SELECT type, strict, wr, EXISTS (SELECT 1 FROM sqlite_schema WHERE "
                 "type = 'trigger' AND tbl_name = ?1 COLLATE NOCASE) FROM pragma_table_list "
                 "WHERE schema = 'main' AND name = ?1 COLLATE NOCASE"),
        "look the table up", err);
    if (rc == MR_OK) rc = read_kind(table, &stmt, &strict, &rowid, err);
    mr_sqlite_finish(&stmt);
    if (rc != MR_OK || !table->exists) return rc;
    /* hidden: 0 = plain; generated and hidden ones cannot be written. */
    rc = mr_sqlite_prepare(&stmt, db,
                           MR_SLICE("SELECT name, type, pk FROM pragma_table_xinfo(?1, 'main') "
                                    "WHERE hidden = 0"),
                           "read the table's columns", err);
    if (rc == MR_OK) rc = read_columns(table, &stmt, strict, rowid, err);
    mr_sqlite_finish(&stmt);
    return rc;
}

mr_code mr_sqlite_table_open(mr_sqlite_table *table, mr_sqlite *db, const char *name,
                             mr_arena *arena, mr_error *err)
{
    *table = (mr_sqlite_table){.db = db, .arena = arena, .name = name, .into = name};
    mr_buffer_init(&table->sql, "an SQL statement", SQL_MAX_BYTES);
    table->column_cap = (uint32_t)sqlite3_limit(db->handle, SQLITE_LIMIT_COLUMN, -1);
    table->columns = mr_arena_take(arena, sizeof(mr_sqlite_column) * table->column_cap);
    return table->columns != NULL ? look_up(table, err) : mr_arena_fail(arena, err);
}

void mr_sqlite_table_close(mr_sqlite_table *table)
{
    mr_buffer_done(&table->sql);
}

int64_t mr_sqlite_table_find(const mr_sqlite_table *table, mr_slice name)
{
    for (uint32_t i = 0; i < table->column_count; i++)
        if (mr_sqlite_same_name(table->columns[i].name, name)) return i;
    return -1;
}

/* --- making it
 * ------------------------------------------------------------------------------------ */

mr_code mr_sqlite_table_rebuild(mr_sqlite_table *table, mr_error *err)
{
    table->into = mr_arena_printf(table->arena, "millrace_new_%s", table->name);
    if (table->into == NULL) return mr_arena_fail(table->arena, err);
    table->exists = table->careful = table->triggers = false;
    table->column_count = 0;
    return MR_OK;
}

mr_code mr_sqlite_table_reopen(mr_sqlite_table *table, mr_error *err)
{
    const char *const name = table->name;
    MR_TRY(mr_sqlite_table_rebuild(table, err));
    table->name = table->into;
    const mr_code rc = look_up(table, err);
    table->name = name;
    return rc;
}

mr_code mr_sqlite_table_remember(const mr_sqlite_table *table, mr_buffer *out, mr_error *err)
{
    MR_TRY(mr_pack_u32(out, table->made ? table->column_count : 0, err));
    for (uint32_t i = 0; table->made && i < table->column_count; i++) {
        const mr_sqlite_column *const column = &table->columns[i];
        const bool same = mr_slice_equal(column->name, column->source);
        MR_TRY(mr_pack_u32(out, (column->key ? 1u : 0) | (same ? 2u : 0), err));
        if (!same) MR_TRY(mr_pack_text(out, column->source, err));
    }
    return MR_OK;
}

mr_code mr_sqlite_table_recall(mr_sqlite_table *table, mr_slice remembered, mr_error *err)
{
    mr_packed_in in = {.left = remembered};
    const uint32_t count = mr_packed_u32(&in);
    if (count > 0 && count != table->column_count) in.broken = true;
    for (uint32_t i = 0; i < count && !in.broken; i++) {
        mr_sqlite_column *const column = &table->columns[i];
        const uint32_t bits = mr_packed_u32(&in);
        const mr_slice source = (bits & 2u) != 0 ? column->name : mr_packed_text(&in);
        column->key = (bits & 1u) != 0;
        if (source.len > 0 || (bits & 2u) != 0)
            MR_TRY(copy_slice(table->arena, source, &column->source, err));
        table->made = true;
    }
    if (mr_packed_all_read(&in)) return MR_OK;
    return mr_fail(err, MR_ERR_USAGE,
                   "table \"%s\" in \"%s\" is not as it was when the checkpoint was made",
                   table->name, table->db->name);
}

/* `name`, or `name`_2, _3, ... when a column is already called so. */
static mr_code free_name(const mr_sqlite_table *table, mr_slice name, mr_slice *out, mr_error *err)
{
    *out = name;
    for (uint32_t number = 2; mr_sqlite_table_find(table, *out) >= 0; number++) {
        const char *next = mr_arena_printf(table->arena, "%.*s_%u", MR_SLICE_ARGS(name), number);
        if (next == NULL) return mr_arena_fail(table->arena, err);
        *out = mr_slice_text(next);
    }
    return MR_OK;
}

static bool is_key(mr_slice name, const char *const *keys, uint32_t key_count)
{
    for (uint32_t i = 0; i < key_count; i++)
        if (mr_sqlite_same_name(name, mr_slice_text(keys[i]))) return true;
    return false;
}

/* Adds a column of our own choice to `columns`, and its definition to the SQL text. */
static mr_code define_column(mr_sqlite_table *table, mr_slice source, mr_type type, bool key,
                             mr_error *err)
{
    mr_slice name;
    MR_TRY(free_name(table, source, &name, err));
    const mr_slice declared = mr_slice_text(mr_sqlite_declared_type(type));
    MR_TRY(new_column(table, name, mr_sqlite_affinity_of(declared, false), err));
    mr_sqlite_column *column = &table->columns[table->column_count - 1];
    column->key = key;
    MR_TRY(mr_sqlite_quote(&table->sql, name, err));
    return mr_buffer_printf(&table->sql, err, "%s%s%s", declared.len > 0 ? " " : "", declared.ptr,
                            key ? " NOT NULL" : "");
}

mr_code mr_sqlite_quote_list(mr_buffer *sql, const char *const *names, uint32_t count,
                             mr_error *err)
{
    for (uint32_t i = 0; i < count; i++) {
        if (i > 0) MR_TRY(mr_buffer_append(sql, MR_SLICE(", "), err));
        MR_TRY(mr_sqlite_quote(sql, mr_slice_text(names[i]), err));
    }
    return MR_OK;
}

static mr_code run_sql(mr_sqlite_table *table, const char *purpose, mr_error *err)
{
    mr_sqlite_stmt stmt = {0};
    mr_code rc = mr_sqlite_prepare(&stmt, table->db, mr_buffer_slice(&table->sql), purpose, err);
    if (rc == MR_OK) rc = mr_sqlite_run(&stmt, err);
    mr_sqlite_finish(&stmt);
    return rc;
}

/* One key of integers is the rowid itself: half the pages to write. */
static void mark_rowid(mr_sqlite_table *table, const mr_schema *schema, uint32_t key_count)
{
    for (uint32_t i = 0; i < table->column_count && key_count == 1; i++)
        if (table->columns[i].key && schema->fields[i].type == MR_TYPE_INT)
            table->columns[i].rowid = true;
}

static mr_code need_key_names(const mr_sqlite_table *table, const char *const *keys,
                              uint32_t key_count, mr_error *err)
{
    for (uint32_t i = 0; i < key_count; i++)
        if (mr_sqlite_table_find(table, mr_slice_text(keys[i])) < 0)
            return mr_fail(
                err, MR_ERR_USAGE,
                "keys names the column '%s', but table \"%s\" in \"%s\" has no such column",
                keys[i], table->name, table->db->name);
    return MR_OK;
}

mr_code mr_sqlite_table_create(mr_sqlite_table *table, const mr_schema *schema,
                               const char *const *keys, uint32_t key_count, mr_error *err)
{
    mr_buffer *sql = &table->sql;
    mr_buffer_reset(sql);
    MR_TRY(mr_buffer_append(sql, MR_SLICE("CREATE TABLE main."), err));
    MR_TRY(mr_sqlite_quote(sql, mr_slice_text(table->into), err));
    for (uint32_t i = 0; i < schema->field_count; i++) {
        const mr_field *field = &schema->fields[i];
        const bool key =
            is_key(field->name, keys, key_count) && mr_sqlite_table_find(table, field->name) < 0;
        MR_TRY(mr_buffer_append(sql, i == 0 ? MR_SLICE(" (") : MR_SLICE(", "), err));
        MR_TRY(define_column(table, field->name, field->type, key, err));
        MR_TRY(copy_slice(table->arena, field->name, &table->columns[i].source, err));
    }
    MR_TRY(need_key_names(table, keys, key_count, err));
    if (key_count > 0) {
        MR_TRY(mr_buffer_append(sql, MR_SLICE(", PRIMARY KEY ("), err));
        MR_TRY(mr_sqlite_quote_list(sql, keys, key_count, err));
        MR_TRY(mr_buffer_append(sql, MR_SLICE(")"), err));
    }
    MR_TRY(mr_buffer_append(sql, MR_SLICE(")"), err));
    MR_TRY(run_sql(table, "create the table", err));
    mark_rowid(table, schema, key_count);
    table->exists = table->made = true;
    return MR_OK;
}

static mr_code add_column(mr_sqlite_table *table, mr_slice source, mr_type type, mr_error *err)
{
    mr_buffer *sql = &table->sql;
    mr_buffer_reset(sql);
    MR_TRY(mr_buffer_append(sql, MR_SLICE("ALTER TABLE main."), err));
    MR_TRY(mr_sqlite_quote(sql, mr_slice_text(table->into), err));
    MR_TRY(mr_buffer_append(sql, MR_SLICE(" ADD COLUMN "), err));
    MR_TRY(define_column(table, source, type, false, err));
    const mr_code rc = run_sql(table, "add a column", err);
    if (rc != MR_OK) table->column_count--;
    return rc;
}

mr_code mr_sqlite_table_feed_column(mr_sqlite_table *table, mr_slice source, mr_type type,
                                    bool may_add, uint32_t *out, mr_error *err)
{
    for (uint32_t i = 0; i < table->column_count; i++)
        if (table->columns[i].source.ptr != NULL &&
            mr_slice_equal(table->columns[i].source, source)) {
            *out = i;
            return MR_OK;
        }
    int64_t at = mr_sqlite_table_find(table, source);
    const bool taken = at >= 0 && table->columns[at].source.ptr != NULL;
    if (taken && !table->made)
        return mr_fail(err, MR_ERR_USAGE,
                       "columns '%.*s' and '%.*s' are one name to SQLite; rename one of them",
                       MR_SLICE_ARGS(table->columns[at].source), MR_SLICE_ARGS(source));
    if (at < 0 && !table->made && !may_add)
        return mr_fail(err, MR_ERR_USAGE,
                       "table \"%s\" in \"%s\" has no column '%.*s'; add it (add_columns=true does "
                       "so) or leave it out with select",
                       table->name, table->db->name, MR_SLICE_ARGS(source));
    if (at < 0 || taken) {
        MR_TRY(add_column(table, source, type, err));
        at = (int64_t)table->column_count - 1;
    }
    MR_TRY(copy_slice(table->arena, source, &table->columns[at].source, err));
    *out = (uint32_t)at;
    return MR_OK;
}

/* --- keys
 * ----------------------------------------------------------------------------------------- */

/* SQLite itself says whether a primary key or unique index covers exactly the keys: without one it
 * does not compile ON CONFLICT. */
static mr_code has_unique(mr_sqlite_table *table, const char *const *keys, uint32_t key_count,
                          bool *out, mr_error *err)
{
    mr_buffer *sql = &table->sql;
    mr_buffer_reset(sql);
    MR_TRY(mr_buffer_append(sql, MR_SLICE("INSERT INTO main."), err));
    MR_TRY(mr_sqlite_quote(sql, mr_slice_text(table->into), err));
    MR_TRY(mr_buffer_append(sql, MR_SLICE(" ("), err));
    MR_TRY(mr_sqlite_quote_list(sql, keys, key_count, err));
    MR_TRY(mr_buffer_append(sql, MR_SLICE(") VALUES ("), err));
    for (uint32_t i = 0; i < key_count; i++)
        MR_TRY(mr_buffer_append(sql, i == 0 ? MR_SLICE("NULL") : MR_SLICE(", NULL"), err));
    MR_TRY(mr_buffer_append(sql, MR_SLICE(") ON CONFLICT ("), err));
    MR_TRY(mr_sqlite_quote_list(sql, keys, key_count, err));
    MR_TRY(mr_buffer_append(sql, MR_SLICE(") DO NOTHING"), err));
    mr_sqlite_stmt stmt = {0};
    const mr_code rc =
        mr_sqlite_prepare(&stmt, table->db, mr_buffer_slice(sql), "look at the keys", err);
    mr_sqlite_finish(&stmt);
    *out = rc == MR_OK;
    return rc == MR_ERR_USAGE ? MR_OK : rc;
}

mr_code mr_sqlite_table_need_keys(mr_sqlite_table *table, const char *const *keys,
                                  uint32_t key_count, mr_error *err)
{
    MR_TRY(need_key_names(table, keys, key_count, err));
    for (uint32_t i = 0; i < key_count; i++)
        table->columns[mr_sqlite_table_find(table, mr_slice_text(keys[i]))].key = true;
    bool unique = true;
    MR_TRY(has_unique(table, keys, key_count, &unique, err));
    if (unique) return MR_OK;
    mr_buffer *sql = &table->sql;
    mr_buffer_reset(sql);
    MR_TRY(mr_buffer_append(sql, MR_SLICE("CREATE UNIQUE INDEX main."), err));
    const char *name = mr_arena_printf(table->arena, "%s_keys", table->name);
    if (name == NULL) return mr_arena_fail(table->arena, err);
    MR_TRY(mr_sqlite_quote(sql, mr_slice_text(name), err));
    MR_TRY(mr_buffer_append(sql, MR_SLICE(" ON "), err));
    MR_TRY(mr_sqlite_quote(sql, mr_slice_text(table->into), err));
    MR_TRY(mr_buffer_append(sql, MR_SLICE(" ("), err));
    MR_TRY(mr_sqlite_quote_list(sql, keys, key_count, err));
    MR_TRY(mr_buffer_append(sql, MR_SLICE(")"), err));
    return run_sql(table, "make the keys unique", err);
}

/* --- replacing the old one
 * ------------------------------------------------------------------------ */

typedef struct kept_sql {
    const char *name;
    const char *sql;
} kept_sql;

/* The SQL of what hangs on the old table: dropping it drops them. */
static mr_code keep_sql(mr_sqlite_table *table, mr_sqlite_stmt *stmt, kept_sql *kept,
                        uint32_t *count, mr_error *err)
{
    MR_TRY(mr_sqlite_bind_text(stmt, 1, mr_slice_text(table->name), err));
    for (bool row = true;;) {
        MR_TRY(mr_sqlite_step(stmt, &row, err));
        if (!row) return MR_OK;
        if (*count == KEPT_SQL_MAX)
            return mr_fail(err, MR_ERR_LIMIT, "table \"%s\" has more than %d indexes and triggers",
                           table->name, KEPT_SQL_MAX);
        const char *name = mr_arena_copy(table->arena, mr_sqlite_column_text(stmt, 0));
        const char *sql = mr_arena_copy(table->arena, mr_sqlite_column_text(stmt, 1));
        if (name == NULL || sql == NULL) return mr_arena_fail(table->arena, err);
        kept[(*count)++] = (kept_sql){name, sql};
    }
}

static mr_code restore_sql(mr_sqlite_table *table, const kept_sql *kept,
                           void (*warn)(void *context, const char *text), void *warn_context,
                           mr_error *err)
{
    mr_error own;
    const mr_code rc = mr_sqlite_exec(table->db, kept->sql, "make an index again", &own);
    if (rc == MR_OK) return MR_OK;
    if (rc != MR_ERR_USAGE) {
        if (err != NULL) *err = own;
        return mr_error_prefix(err, "\"%s\" of the table that is replaced", kept->name);
    }
    mr_error text; /* columns that it used are gone */
    mr_fail(&text, rc, "\"%s\" of the replaced table \"%s\" was left out: %s", kept->name,
            table->name, own.text);
    if (warn != NULL) warn(warn_context, text.text);
    return MR_OK;
}

static mr_code exec_on_names(mr_sqlite_table *table, const char *verb, const char *name,
                             const char *middle, const char *other, mr_error *err)
{
    mr_buffer *sql = &table->sql;
    mr_buffer_reset(sql);
    MR_TRY(mr_buffer_printf(sql, err, "%s main.", verb));
    MR_TRY(mr_sqlite_quote(sql, mr_slice_text(name), err));
    if (other != NULL) {
        MR_TRY(mr_buffer_append(sql, mr_slice_text(middle), err));
        MR_TRY(mr_sqlite_quote(sql, mr_slice_text(other), err));
    }
    return run_sql(table, "replace the table", err);
}

mr_code mr_sqlite_table_swap(mr_sqlite_table *table, void (*warn)(void *context, const char *text),
                             void *warn_context, mr_error *err)
{
    uint32_t count = 0;
    kept_sql *kept = mr_arena_take(table->arena, sizeof *kept * KEPT_SQL_MAX);
    if (kept == NULL) return mr_arena_fail(table->arena, err);
    mr_sqlite_stmt stmt = {0};
    mr_code rc = mr_sqlite_prepare(&stmt, table->db,
                                   MR_SLICE("SELECT name, sql FROM sqlite_schema WHERE type IN "
                                            "('index', 'trigger') AND sql IS NOT NULL AND "
                                            "tbl_name = ?1 COLLATE NOCASE ORDER BY rowid"),
                                   "read the table's indexes", err);
    if (rc == MR_OK) rc = keep_sql(table, &stmt, kept, &count, err);
    mr_sqlite_finish(&stmt);
    MR_TRY(rc);
    /* Views and foreign keys that name the table mean the new one; without this, renaming would
     * fail on a view while the table is gone. */
    MR_TRY(mr_sqlite_exec(table->db, "PRAGMA legacy_alter_table=ON", "replace the table", err));
    MR_TRY(exec_on_names(table, "DROP TABLE IF EXISTS", table->name, NULL, NULL, err));
    MR_TRY(exec_on_names(table, "ALTER TABLE", table->into, " RENAME TO ", table->name, err));
    for (uint32_t i = 0; i < count; i++)
        MR_TRY(restore_sql(table, &kept[i], warn, warn_context, err));
    return MR_OK;
}
