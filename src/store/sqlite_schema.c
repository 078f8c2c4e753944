/* SPDX-License-Identifier: MIT
 *
 * A namespace's tables, and how those of EventoDB become ours: in place, in one transaction,
 * forward only (specification 8.1 and 8.5). */
#include "core/mem.h"
#include "store/sqlite_internal.h"

static const char tables[] =
    "CREATE TABLE categories (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE,"
    " streams INTEGER NOT NULL, messages INTEGER NOT NULL);"
    "CREATE TABLE streams (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE,"
    " category INTEGER NOT NULL, base INTEGER NOT NULL);"
    "CREATE TABLE messages (global_position INTEGER PRIMARY KEY, stream INTEGER NOT NULL,"
    " position INTEGER NOT NULL, category INTEGER NOT NULL, time INTEGER NOT NULL,"
    " id BLOB NOT NULL, type TEXT NOT NULL, data TEXT, metadata TEXT);"
    "CREATE UNIQUE INDEX messages_id ON messages (id);"
    "CREATE INDEX messages_category ON messages (category);"
    "CREATE TABLE stream_index (stream INTEGER NOT NULL, position INTEGER NOT NULL,"
    " global_position INTEGER NOT NULL, PRIMARY KEY (stream, position)) WITHOUT ROWID;"
    "CREATE TABLE consumers (name TEXT PRIMARY KEY, position INTEGER NOT NULL,"
    " time INTEGER NOT NULL) WITHOUT ROWID;"
    "CREATE TABLE rules (target TEXT PRIMARY KEY, max_age_s INTEGER NOT NULL,"
    " max_count INTEGER NOT NULL, max_messages INTEGER NOT NULL, max_bytes INTEGER NOT NULL)"
    " WITHOUT ROWID;"
    "CREATE TABLE meta (key TEXT PRIMARY KEY, value) WITHOUT ROWID;"
    "CREATE VIEW events AS SELECT m.global_position, s.name AS stream, m.position, m.type,"
    " CASE typeof(m.id) WHEN 'blob' THEN lower(substr(hex(m.id), 1, 8) || '-' ||"
    " substr(hex(m.id), 9, 4) || '-' || substr(hex(m.id), 13, 4) || '-' ||"
    " substr(hex(m.id), 17, 4) || '-' || substr(hex(m.id), 21)) ELSE m.id END AS id,"
    " m.data, m.metadata, strftime('%Y-%m-%dT%H:%M:%S', m.time / 1000000, 'unixepoch') AS time"
    " FROM messages m JOIN streams s ON s.id = m.stream;"
    "CREATE TABLE IF NOT EXISTS _schema_version (version INTEGER PRIMARY KEY,"
    " applied_at INTEGER NOT NULL);"
    "INSERT INTO _schema_version (version, applied_at) VALUES (3, unixepoch());";
static_assert(MR_SQ_SCHEMA_VERSION == 3, "the last line above");

/* One integer from a statement that is run once. */
static mr_code ask(mr_backend_writer *writer, const char *sql, int64_t *out, mr_error *err)
{
    mr_sqlite_stmt stmt;
    bool row = false;
    MR_TRY(mr_sqlite_prepare(&stmt, &writer->link.db, mr_slice_text(sql), "read the schema", err));
    const mr_code rc = mr_sqlite_step(&stmt, &row, err);
    *out = row ? mr_sqlite_column_i64(&stmt, 0) : 0;
    mr_sqlite_finish(&stmt);
    return rc;
}

static mr_code exec(mr_backend_writer *writer, const char *sql, mr_error *err)
{
    return mr_sqlite_exec(&writer->link.db, sql, "make the tables", err);
}

/* --- EventoDB's messages -------------------------------------------------------------------- */

/* Microseconds of a time in seconds that may be anything: within the years that RFC 3339 can spell.
 */
static int64_t micros_of(int64_t seconds)
{
    static const int64_t first = -62135596800, last = 253402300799; /* of the years 1 and 9999 */
    return (seconds < first ? first : seconds > last ? last : seconds) * 1000000;
}

/* A row of EventoDB's table as a message of ours. Its seconds become microseconds; ids that are no
 * UUIDs, which its import let through, stay as they are. */
static void take_row(const mr_sqlite_stmt *row, mr_message *out)
{
    const mr_slice id = mr_sqlite_column_text(row, 1);
    *out = (mr_message){
        .global_position = mr_sqlite_column_i64(row, 0),
        .stream = mr_sqlite_column_text(row, 2),
        .type = mr_sqlite_column_text(row, 3),
        .position = mr_sqlite_column_i64(row, 4),
        .data = mr_sqlite_column_blob(row, 5),
        .metadata = mr_sqlite_column_blob(row, 6),
        .time_us = micros_of(mr_sqlite_column_i64(row, 7)),
    };
    if (!mr_uuid_parse(id, &out->id.uuid)) out->id.text = id;
    if (mr_slice_is(out->data, "null")) out->data = (mr_slice){0};
    if (mr_slice_is(out->metadata, "null")) out->metadata = (mr_slice){0};
}

static mr_code is_id_known(mr_backend_writer *writer, const mr_message_id *id, bool *out,
                           mr_error *err)
{
    mr_sqlite_stmt *stmt;
    *out = false;
    if (id->text.ptr != NULL) return MR_OK; /* no UUID, so it is told by its spelling */
    MR_TRY(mr_sq_get(&writer->link, MR_SQ_MESSAGE_BY_ID, &stmt, err));
    MR_TRY(mr_sq_bind_id(stmt, 1, id, err));
    const mr_code rc = mr_sqlite_step(stmt, out, err);
    mr_sqlite_reset(stmt);
    return rc;
}

static mr_code move_row(mr_backend_writer *writer, const mr_message *message, mr_error *err)
{
    char text[MR_UUID_TEXT_BYTES + 20];
    mr_message moved = *message;
    uint32_t stream;
    bool known;
    if (mr_names_is_full(&writer->streams) || mr_names_is_full(&writer->categories)) {
        MR_TRY(mr_sq_write_counts(writer, err));
        mr_names_reset(&writer->streams);
        mr_names_reset(&writer->categories);
    }
    MR_TRY(mr_sq_stream(writer, moved.stream, &stream, err));
    MR_TRY(mr_sq_stream_make(writer, stream, err));
    mr_name_entry *entry = &writer->streams.entries[stream];
    /* Two spellings of one UUID are two ids there: the later one is marked with its place. */
    MR_TRY(is_id_known(writer, &moved.id, &known, err));
    if (known) {
        mr_uuid_format(&moved.id.uuid, text);
        const int len = snprintf(text + MR_UUID_TEXT_BYTES, sizeof text - MR_UUID_TEXT_BYTES,
                                 "#%llx", (unsigned long long)moved.global_position);
        moved.id.text = mr_slice_of(text, MR_UUID_TEXT_BYTES + (size_t)len);
    }
    MR_TRY(mr_sq_insert(writer, stream, &moved, err));
    MR_TRY(mr_sq_index_one(writer, entry->id, moved.position, moved.global_position, err));
    mr_sq_count(writer, (uint32_t)MR_SQ_CATEGORY(entry), !MR_SQ_FILLED(entry), 1);
    MR_SQ_FILLED(entry) = true;
    return MR_OK;
}

static mr_code move_rows(mr_backend_writer *writer, mr_error *err)
{
    static const char sql[] = "SELECT global_position, id, stream_name, type, position, data, "
                              "metadata, time FROM eventodb_messages ORDER BY global_position";
    mr_sqlite_stmt rows;
    MR_TRY(mr_sqlite_prepare(&rows, &writer->link.db, MR_SLICE(sql), "take over messages", err));
    bool row = true;
    mr_code rc = MR_OK;
    while (rc == MR_OK && row) {
        mr_message message;
        rc = mr_sqlite_step(&rows, &row, err);
        if (rc != MR_OK || !row) break;
        take_row(&rows, &message);
        rc = move_row(writer, &message, err);
    }
    mr_sqlite_finish(&rows);
    return rc == MR_OK ? mr_sq_write_counts(writer, err) : rc;
}

static mr_code take_over(mr_backend_writer *writer, mr_error *err)
{
    int64_t floor, head;
    MR_TRY(ask(writer, "SELECT seq FROM sqlite_sequence WHERE name = 'messages'", &floor, err));
    /* A view or trigger of somebody else's that no longer works would refuse the renaming. */
    sqlite3_db_config(writer->link.db.handle, SQLITE_DBCONFIG_LEGACY_ALTER_TABLE, 1, NULL);
    MR_TRY(exec(writer,
                "DROP INDEX IF EXISTS messages_id; DROP INDEX IF EXISTS messages_stream;"
                "DROP INDEX IF EXISTS messages_category;"
                "ALTER TABLE messages RENAME TO eventodb_messages",
                err));
    MR_TRY(exec(writer, tables, err));
    MR_TRY(move_rows(writer, err));
    MR_TRY(mr_sq_keep_floor(writer, floor, err));
    MR_TRY(ask(writer, "SELECT max(global_position) FROM messages", &head, err));
    MR_TRY(mr_sq_keep_indexed(writer, head, err)); /* move_row() has */
    return exec(writer, "DROP TABLE eventodb_messages", err);
}

/* --- Versions ------------------------------------------------------------------------------- */

static mr_code find_version(mr_backend_writer *writer, int64_t *out, bool *out_eventodb,
                            mr_error *err)
{
    int64_t count;
    *out = 0;
    MR_TRY(ask(writer, "SELECT count(*) FROM sqlite_schema WHERE name = '_schema_version'", &count,
               err));
    if (count > 0)
        MR_TRY(ask(writer, "SELECT coalesce(max(version), 0) FROM _schema_version", out, err));
    MR_TRY(ask(writer,
               "SELECT count(*) FROM pragma_table_info('messages') WHERE name = 'stream_name'",
               &count, err));
    *out_eventodb = count > 0;
    return MR_OK;
}

static mr_code migrate(mr_backend_writer *writer, mr_error *err)
{
    int64_t version;
    bool eventodb;
    MR_TRY(find_version(writer, &version, &eventodb, err));
    if (version > MR_SQ_SCHEMA_VERSION)
        return mr_fail(err, MR_ERR_INPUT,
                       "\"%s\" has schema version %lld, this program knows %d: use a newer one",
                       writer->link.db.name, (long long)version, MR_SQ_SCHEMA_VERSION);
    if (version == MR_SQ_SCHEMA_VERSION) return MR_OK;
    return eventodb ? take_over(writer, err) : exec(writer, tables, err);
}

mr_code mr_sq_migrate(mr_backend_writer *writer, mr_error *err)
{
    int64_t version;
    bool eventodb;
    MR_TRY(find_version(writer, &version, &eventodb, err));
    if (version == MR_SQ_SCHEMA_VERSION) return MR_OK; /* nothing is locked to find that out */
    mr_code rc = mr_sqlite_begin_immediate(&writer->link.db, err);
    if (rc == MR_OK) rc = migrate(writer, err);
    if (rc == MR_OK) rc = mr_sqlite_commit(&writer->link.db, err);
    if (rc != MR_OK) mr_sqlite_rollback(&writer->link.db);
    mr_names_reset(&writer->streams);
    mr_names_reset(&writer->categories);
    writer->first_dirty = MR_NAMES_NONE;
    return rc == MR_OK ? rc : mr_error_prefix(err, "schema of \"%s\"", writer->link.db.name);
}
