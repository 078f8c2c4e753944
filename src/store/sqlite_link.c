/* SPDX-License-Identifier: MIT
 *
 * A connection to one namespace and every statement that runs on one. */
#include "core/mem.h"
#include "store/sqlite_internal.h"

#define BUSY_MS        5000
#define NAME_BYTES_MAX (1u << 30) /* what was taken over may be longer than what is written */

#define COLUMNS "m.global_position, m.position, m.time, m.id, m.type, s.name"
#define BODIES  ", m.data, m.metadata"
#define NOTHING ", NULL, NULL"
/* CROSS JOIN: messages in the order of their index, then each one's stream by its id. */
#define JOINED " FROM messages m CROSS JOIN streams s ON s.id = m.stream "
/* Of one stream, whose name is known: the place of its name is empty. */
#define OF_ONE "m.global_position, m.position, m.time, m.id, m.type, NULL"
#define INDEXED                                                                            \
    " FROM stream_index x CROSS JOIN messages m ON m.global_position = x.global_position " \
    "WHERE x.stream = ?1 AND x.position "
#define OF_CATEGORY "WHERE m.category = ?1 AND m.global_position "
#define OF_ALL      "WHERE m.global_position "

static const struct {
    const char *sql;
    const char *purpose;
} texts[MR_SQ_STATEMENTS] = {
    [MR_SQ_BEGIN] = {"BEGIN IMMEDIATE", "begin to write"},
    [MR_SQ_BEGIN_READ] = {"BEGIN", "begin to read"},
    [MR_SQ_COMMIT] = {"COMMIT", "commit"},
    [MR_SQ_STREAM_FIND] = {"SELECT id, category, base FROM streams WHERE name = ?1",
                           "look up a stream"},
    [MR_SQ_STREAM_VERSION] = {"SELECT max(position) FROM stream_index WHERE stream = ?1",
                              "look up a stream's version"},
    [MR_SQ_STREAM_LAST] = {"SELECT max(base, coalesce((SELECT max(position) FROM stream_index "
                           "WHERE stream = ?1), -1)) FROM streams WHERE id = ?1",
                           "look up a stream's version"},
    [MR_SQ_STREAM_ADD] = {"INSERT INTO streams (id, name, category, base) VALUES (?3, ?1, ?2, -1)",
                          "add a stream"},
    [MR_SQ_STREAM_BASE] = {"UPDATE streams SET base = max(base, ?2) WHERE id = ?1",
                           "keep a stream's version"},
    [MR_SQ_STREAM_FORGET] = {"DELETE FROM streams WHERE id = ?1", "remove a stream"},
    [MR_SQ_CATEGORY_FIND] = {"SELECT id FROM categories WHERE name = ?1", "look up a category"},
    [MR_SQ_CATEGORY_ADD] =
        {"INSERT INTO categories (id, name, streams, messages) VALUES (?2, ?1, 0, 0)",
         "add a category"},
    [MR_SQ_LAST_ID] = {"SELECT max((SELECT coalesce(max(id), 0) FROM streams), (SELECT "
                       "coalesce(max(id), 0) FROM categories), coalesce((SELECT value FROM meta "
                       "WHERE key = 'ids'), 0))",
                       "find the last id"},
    [MR_SQ_LAST_ID_SET] = {"INSERT OR REPLACE INTO meta (key, value) VALUES ('ids', ?1)",
                           "keep the last id"},
    [MR_SQ_CATEGORY_COUNT] = {"UPDATE categories SET streams = streams + ?2, messages = messages + "
                              "?3 WHERE id = ?1",
                              "count a category's messages"},
    [MR_SQ_MESSAGE_ADD] =
        {"INSERT INTO messages (global_position, stream, position, category, time, "
         "id, type, data, metadata) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
         "store a message"},
    [MR_SQ_MESSAGE_BY_ID] = {"SELECT stream, type, data, position, global_position, time FROM "
                             "messages WHERE id = ?1",
                             "look up a message's id"},
    [MR_SQ_MESSAGES_REMOVE] = {"DELETE FROM messages WHERE global_position IN (SELECT "
                               "global_position FROM stream_index WHERE stream = ?1 AND position < "
                               "?2)",
                               "remove messages"},
    [MR_SQ_INDEX_REMOVE] = {"DELETE FROM stream_index WHERE stream = ?1 AND position < ?2",
                            "remove messages"},
    [MR_SQ_INDEX_REMOVE_ONE] = {"DELETE FROM stream_index WHERE stream = ?1 AND position = ?2",
                                "remove an old message"},
    [MR_SQ_INDEX_ADD] = {"INSERT INTO stream_index (stream, position, global_position) VALUES (?1, "
                         "?2, ?3)",
                         "index a message"},
    [MR_SQ_INDEXED_GET] = {"SELECT value FROM meta WHERE key = 'indexed'", "look at the index"},
    [MR_SQ_INDEXED_SET] = {"INSERT OR REPLACE INTO meta (key, value) VALUES ('indexed', ?1)",
                           "keep how far the index goes"},
    [MR_SQ_NOT_INDEXED] = {"INSERT OR IGNORE INTO stream_index (stream, position, global_position) "
                           "SELECT stream, position, global_position FROM messages WHERE "
                           "global_position > ?1 ORDER BY stream, position",
                           "index messages"},
    [MR_SQ_HEAD] = {"SELECT max(global_position) FROM messages", "find the last message"},
    [MR_SQ_FLOOR_GET] = {"SELECT value FROM meta WHERE key = 'floor'",
                         "find the last global position"},
    [MR_SQ_FLOOR_SET] = {"INSERT OR REPLACE INTO meta (key, value) VALUES ('floor', ?1)",
                         "keep the last global position"},
    [MR_SQ_CONSUMER_SET] = {"INSERT OR REPLACE INTO consumers (name, position, time) VALUES (?1, "
                            "?2, ?3)",
                            "keep a consumer's position"},
    [MR_SQ_CONSUMER_REMOVE] = {"DELETE FROM consumers WHERE name = ?1", "remove a consumer"},
    [MR_SQ_RULES_SET] = {"INSERT OR REPLACE INTO rules (target, max_age_s, max_count, "
                         "max_messages, max_bytes) VALUES (?1, ?2, ?3, ?4, ?5)",
                         "keep a rule"},
    [MR_SQ_RULES_REMOVE] = {"DELETE FROM rules WHERE target = ?1", "remove a rule"},
    [MR_SQ_OLDEST_OF_ALL] =
        {"SELECT global_position, stream, category, position, time FROM messages "
         "ORDER BY global_position LIMIT ?2",
         "find old messages"},
    [MR_SQ_OLDEST_OF_CATEGORY] = {"SELECT global_position, stream, category, position, time FROM "
                                  "messages WHERE category = ?1 ORDER BY global_position LIMIT ?2",
                                  "find old messages"},
    [MR_SQ_OLDEST_OF_STREAM] =
        {"SELECT m.global_position, m.stream, m.category, m.position, m.time "
         "FROM stream_index x CROSS JOIN messages m ON m.global_position = "
         "x.global_position WHERE x.stream = ?1 ORDER BY x.position LIMIT ?2",
         "find old messages"},
    [MR_SQ_MESSAGE_REMOVE] = {"DELETE FROM messages WHERE global_position = ?1",
                              "remove an old message"},
    [MR_SQ_READ_STREAM_UP] = {"SELECT " OF_ONE BODIES INDEXED ">= ?2 AND x.position < ?3 ORDER BY "
                              "x.position",
                              "read a stream"},
    [MR_SQ_READ_STREAM_DOWN] = {"SELECT " OF_ONE BODIES INDEXED
                                "<= ?2 AND x.position < ?3 ORDER BY "
                                "x.position DESC",
                                "read a stream"},
    [MR_SQ_READ_ONE] = {"SELECT " OF_ONE BODIES " FROM messages m WHERE m.global_position = ?1 AND "
                        "m.stream = ?2",
                        "read a message"},
    [MR_SQ_READ_CATEGORY_UP] = {"SELECT " COLUMNS BODIES JOINED OF_CATEGORY
                                ">= ?2 ORDER BY m.global_position",
                                "read a category"},
    [MR_SQ_READ_CATEGORY_DOWN] = {"SELECT " COLUMNS BODIES JOINED OF_CATEGORY
                                  "<= ?2 ORDER BY m.global_position DESC",
                                  "read a category"},
    [MR_SQ_READ_ALL_UP] = {"SELECT " COLUMNS BODIES JOINED OF_ALL
                           ">= ?2 ORDER BY m.global_position",
                           "read all messages"},
    [MR_SQ_READ_ALL_DOWN] = {"SELECT " COLUMNS BODIES JOINED OF_ALL
                             "<= ?2 ORDER BY m.global_position DESC",
                             "read all messages"},
    [MR_SQ_LOOK_STREAM_UP] = {"SELECT " OF_ONE NOTHING INDEXED ">= ?2 AND x.position < ?3 ORDER BY "
                              "x.position",
                              "read a stream"},
    [MR_SQ_LOOK_CATEGORY_UP] = {"SELECT " COLUMNS NOTHING JOINED OF_CATEGORY
                                ">= ?2 ORDER BY m.global_position",
                                "read a category"},
    [MR_SQ_LOOK_ALL_UP] = {"SELECT " COLUMNS NOTHING JOINED OF_ALL
                           ">= ?2 ORDER BY m.global_position",
                           "read all messages"},
    [MR_SQ_STREAMS] =
        {"SELECT id, name FROM streams WHERE name > ?1 AND name >= ?2 ORDER BY name LIMIT 1",
         "list streams"},
    [MR_SQ_STREAMS_LAST] =
        {"SELECT m.position, m.time FROM stream_index x CROSS JOIN messages m ON "
         "m.global_position = x.global_position WHERE x.stream = ?1 ORDER BY "
         "x.position DESC LIMIT 1",
         "find a stream's last message"},
    [MR_SQ_CATEGORIES] = {"SELECT name, streams, messages FROM categories WHERE messages > 0 "
                          "ORDER BY name",
                          "list categories"},
    [MR_SQ_TOTALS] = {"SELECT coalesce(sum(messages), 0), coalesce(sum(streams), 0) FROM "
                      "categories",
                      "count messages"},
    [MR_SQ_LAST_TIME] = {"SELECT time FROM messages ORDER BY global_position DESC LIMIT 1",
                         "find the last message"},
    [MR_SQ_SIZE] = {"SELECT (SELECT page_count FROM pragma_page_count) * (SELECT page_size FROM "
                    "pragma_page_size)",
                    "measure the database"},
    [MR_SQ_CONSUMER_GET] = {"SELECT position, time FROM consumers WHERE name = ?1",
                            "look up a consumer"},
    [MR_SQ_RULES_GET] = {"SELECT max_age_s, max_count, max_messages, max_bytes FROM rules WHERE "
                         "target = ?1",
                         "look up a rule"},
    [MR_SQ_RULES_EACH] = {"SELECT max_age_s, max_count, max_messages, max_bytes, target FROM rules "
                          "ORDER BY target",
                          "list the rules"},
    [MR_SQ_RETENTIONS] = {"SELECT count(*) FROM rules WHERE max_age_s > 0 OR max_count > 0",
                          "look for rules"},
    [MR_SQ_CATEGORY_MESSAGES] = {"SELECT messages FROM categories WHERE name = ?1",
                                 "count a category's messages"},
    [MR_SQ_STREAM_MESSAGES] = {"SELECT count(*) FROM stream_index WHERE stream = ?1",
                               "count a stream's messages"},
};

mr_code mr_sq_get(mr_sq_link *link, mr_sq_statement which, mr_sqlite_stmt **out, mr_error *err)
{
    mr_sqlite_stmt *stmt = &link->statements[which];
    if (MR_UNLIKELY(stmt->handle == NULL))
        MR_TRY(mr_sqlite_prepare(stmt, &link->db, mr_slice_text(texts[which].sql),
                                 texts[which].purpose, err));
    *out = stmt;
    return MR_OK;
}

mr_code mr_sq_link_open(mr_sq_link *link, mr_backend *backend, const char *place,
                        mr_sqlite_mode mode, mr_error *err)
{
    static const mr_sqlite_sync syncs[] = {[MR_DURABILITY_FULL] = MR_SQLITE_SYNC_FULL,
                                           [MR_DURABILITY_NORMAL] = MR_SQLITE_SYNC_NORMAL,
                                           [MR_DURABILITY_OFF] = MR_SQLITE_SYNC_OFF};
    const bool writes = mode != MR_SQLITE_READ;
    const bool in_memory = backend->data_dir == NULL;
    memset(link, 0, sizeof *link);
    mr_buffer_init(&link->name, "a stream's name", NAME_BYTES_MAX);
    mr_code rc = mr_sqlite_open(
        &link->db, place,
        &(mr_sqlite_options){
            .mode = mode,
            .journal = writes && !in_memory ? MR_SQLITE_JOURNAL_WAL : MR_SQLITE_JOURNAL_KEEP,
            .sync = syncs[backend->durability],
            .gathers = writes,
            .busy_timeout_ms = BUSY_MS,
            .cache_bytes = writes ? backend->cache_bytes : backend->cache_bytes / 8,
            .in_memory = in_memory,
        },
        err);
    if (rc == MR_OK) rc = mr_sq_tail_open(&backend->tails, place, &link->tail, err);
    if (rc != MR_OK) mr_sq_link_close(link, backend);
    return rc;
}

void mr_sq_link_close(mr_sq_link *link, mr_backend *backend)
{
    for (size_t i = 0; i < MR_SQ_STATEMENTS; i++)
        mr_sqlite_finish(&link->statements[i]);
    mr_sqlite_close(&link->db);
    mr_sq_tail_close(&backend->tails, link->tail);
    mr_mem_free(link->copy.nodes);
    mr_buffer_done(&link->name);
    memset(link, 0, sizeof *link);
}

mr_code mr_sq_integer(mr_sq_link *link, mr_sq_statement which, int64_t fallback, int64_t *out,
                      mr_error *err)
{
    mr_sqlite_stmt *stmt;
    MR_TRY(mr_sq_get(link, which, &stmt, err));
    bool row = false;
    const mr_code rc = mr_sqlite_step(stmt, &row, err);
    const bool given = rc == MR_OK && row && mr_sqlite_column_type(stmt, 0) == SQLITE_INTEGER;
    *out = given ? mr_sqlite_column_i64(stmt, 0) : fallback;
    mr_sqlite_reset(stmt);
    return rc;
}

mr_code mr_sq_bind_id(mr_sqlite_stmt *stmt, int at, const mr_message_id *id, mr_error *err)
{
    if (id->text.ptr != NULL) return mr_sqlite_bind_text(stmt, at, id->text, err);
    return mr_sqlite_bind_blob(stmt, at, mr_slice_of((const char *)id->uuid.bytes, 16), err);
}

void mr_sq_column_id(const mr_sqlite_stmt *stmt, int at, mr_message_id *out)
{
    *out = (mr_message_id){0};
    const mr_slice bytes = mr_sqlite_column_blob(stmt, at);
    if (mr_sqlite_column_type(stmt, at) == SQLITE_BLOB && bytes.len == sizeof out->uuid.bytes)
        memcpy(out->uuid.bytes, bytes.ptr, sizeof out->uuid.bytes);
    else
        out->text = bytes.ptr != NULL ? bytes : MR_SLICE("");
}
