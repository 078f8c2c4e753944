/* SPDX-License-Identifier: MIT */
#include "connector/sqlite_watermark.h"

#include "connector/sqlite_destination_internal.h"

static mr_code table_is_there(mr_sqlite *db, mr_slice name, bool *out, mr_error *err)
{
    mr_sqlite_stmt stmt = {0};
    mr_code rc = mr_sqlite_prepare(
        &stmt, db,
        MR_SLICE("SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = ?1 COLLATE NOCASE"),
        "look for a watermark", err);
    if (rc == MR_OK) rc = mr_sqlite_bind_text(&stmt, 1, name, err);
    if (rc == MR_OK) rc = mr_sqlite_step(&stmt, out, err);
    mr_sqlite_finish(&stmt);
    return rc;
}

static mr_code bind_row(mr_sqlite_stmt *stmt, const mr_sqlite_watermark *w, mr_error *err)
{
    MR_TRY(mr_sqlite_bind_text(stmt, 1, w->pipeline, err));
    MR_TRY(mr_sqlite_bind_text(stmt, 2, w->target, err));
    MR_TRY(mr_sqlite_bind_text(stmt, 3, w->cursor, err));
    MR_TRY(mr_sqlite_bind_text(stmt, 4, w->value, err));
    return mr_sqlite_bind_blob(stmt, 5, w->watermark, err);
}

static mr_code drop(mr_sqlite *db, mr_slice pipeline, mr_error *err)
{
    bool there = false;
    mr_sqlite_stmt stmt = {0};
    MR_TRY(table_is_there(db, MR_SLICE(MR_SQLITE_WATERMARK_TABLE), &there, err));
    if (!there) return MR_OK;
    mr_code rc = mr_sqlite_prepare(
        &stmt, db, MR_SLICE("DELETE FROM main." MR_SQLITE_WATERMARK_TABLE " WHERE pipeline = ?1"),
        "remove a watermark", err);
    if (rc == MR_OK) rc = mr_sqlite_bind_text(&stmt, 1, pipeline, err);
    if (rc == MR_OK) rc = mr_sqlite_run(&stmt, err);
    mr_sqlite_finish(&stmt);
    return rc;
}

mr_code mr_sqlite_watermark_put(mr_sqlite *db, const mr_sqlite_watermark *w, mr_error *err)
{
    mr_sqlite_stmt stmt = {0};
    if (w->watermark.len == 0) return drop(db, w->pipeline, err);
    MR_TRY(mr_sqlite_exec(db,
                          "CREATE TABLE IF NOT EXISTS main." MR_SQLITE_WATERMARK_TABLE
                          " (pipeline TEXT PRIMARY KEY, target TEXT NOT NULL, cursor TEXT NOT NULL,"
                          " value TEXT NOT NULL, watermark BLOB NOT NULL)",
                          "keep a watermark", err));
    mr_code rc = mr_sqlite_prepare(&stmt, db,
                                   MR_SLICE("INSERT OR REPLACE INTO main." MR_SQLITE_WATERMARK_TABLE
                                            " VALUES (?1, ?2, ?3, ?4, ?5)"),
                                   "keep a watermark", err);
    if (rc == MR_OK) rc = bind_row(&stmt, w, err);
    if (rc == MR_OK) rc = mr_sqlite_run(&stmt, err);
    mr_sqlite_finish(&stmt);
    return rc;
}

static mr_code read_row(mr_sqlite *db, mr_sqlite_stmt *stmt, mr_slice pipeline, mr_buffer *out,
                        mr_error *err)
{
    bool row = false, there = false;
    MR_TRY(mr_sqlite_bind_text(stmt, 1, pipeline, err));
    MR_TRY(mr_sqlite_step(stmt, &row, err));
    if (!row) return MR_OK;
    const mr_slice target = mr_sqlite_column_text(stmt, 1), value = mr_sqlite_column_text(stmt, 2);
    MR_TRY(table_is_there(db, target, &there, err));
    if (!there)
        return mr_fail(err, MR_ERR_USAGE,
                       "table \"%.*s\" is gone from \"%s\", but its watermark says that everything "
                       "up to %.*s is in it; --mode full loads everything again",
                       MR_SLICE_ARGS(target), db->name, MR_SLICE_ARGS(value));
    return mr_buffer_append(out, mr_sqlite_column_blob(stmt, 0), err);
}

mr_code mr_sqlite_watermark_get(mr_sqlite *db, mr_slice pipeline, mr_buffer *out, mr_error *err)
{
    bool there = false;
    mr_sqlite_stmt stmt = {0};
    MR_TRY(table_is_there(db, MR_SLICE(MR_SQLITE_WATERMARK_TABLE), &there, err));
    if (!there) return MR_OK;
    mr_code rc =
        mr_sqlite_prepare(&stmt, db,
                          MR_SLICE("SELECT watermark, target, value FROM "
                                   "main." MR_SQLITE_WATERMARK_TABLE " WHERE pipeline = ?1"),
                          "read a watermark", err);
    if (rc == MR_OK) rc = read_row(db, &stmt, pipeline, out, err);
    mr_sqlite_finish(&stmt);
    return rc;
}

/* --- the destination's ----------------------------------------------------------------------- */

mr_code mr_sqlite_destination_keep_watermark(void *state, mr_slice pipeline, mr_slice watermark,
                                             mr_slice cursor, mr_slice value, mr_error *err)
{
    mr_sqlite_destination *own = state;
    const mr_sqlite_watermark row = {.pipeline = pipeline,
                                     .target = mr_slice_text(own->table_name),
                                     .cursor = cursor,
                                     .value = value,
                                     .watermark = watermark};
    sqlite3_progress_handler(own->db.handle, 0, NULL, NULL); /* the end is near: no stop any more */
    return mr_sqlite_watermark_put(&own->db, &row, err);
}

/* That of the database under its own name: no run has finished in PATH.part. */
mr_code mr_sqlite_destination_find_watermark(void *state, mr_slice pipeline, mr_buffer *out,
                                             mr_error *err)
{
    mr_sqlite_destination *own = state;
    if (own->db.handle == NULL || own->part.is_open) return MR_OK;
    return mr_sqlite_watermark_get(&own->db, pipeline, out, err);
}
