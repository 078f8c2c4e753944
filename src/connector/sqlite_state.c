/* SPDX-License-Identifier: MIT */
#include "connector/sqlite_state.h"

static mr_code is_there(mr_sqlite *db, bool *out, mr_error *err)
{
    mr_sqlite_stmt stmt = {0};
    mr_code rc = mr_sqlite_prepare(&stmt, db,
                                   MR_SLICE("SELECT 1 FROM sqlite_schema WHERE type = 'table' AND "
                                            "name = '" MR_SQLITE_STATE_TABLE "'"),
                                   "look for a checkpoint", err);
    if (rc == MR_OK) rc = mr_sqlite_step(&stmt, out, err);
    mr_sqlite_finish(&stmt);
    return rc;
}

mr_code mr_sqlite_state_put(mr_sqlite *db, mr_slice pipeline, mr_slice commit, mr_error *err)
{
    mr_sqlite_stmt stmt = {0};
    MR_TRY(mr_sqlite_exec(db,
                          "CREATE TABLE IF NOT EXISTS main." MR_SQLITE_STATE_TABLE
                          " (pipeline TEXT PRIMARY KEY, checkpoint BLOB NOT NULL)",
                          "keep a checkpoint", err));
    mr_code rc = mr_sqlite_prepare(
        &stmt, db,
        MR_SLICE("INSERT OR REPLACE INTO main." MR_SQLITE_STATE_TABLE " VALUES (?1, ?2)"),
        "keep a checkpoint", err);
    if (rc == MR_OK) rc = mr_sqlite_bind_text(&stmt, 1, pipeline, err);
    if (rc == MR_OK) rc = mr_sqlite_bind_blob(&stmt, 2, commit, err);
    if (rc == MR_OK) rc = mr_sqlite_run(&stmt, err);
    mr_sqlite_finish(&stmt);
    return rc;
}

static mr_code read_row(mr_sqlite_stmt *stmt, mr_slice pipeline, mr_buffer *out, mr_error *err)
{
    bool row = false;
    MR_TRY(mr_sqlite_bind_text(stmt, 1, pipeline, err));
    MR_TRY(mr_sqlite_step(stmt, &row, err));
    return row ? mr_buffer_append(out, mr_sqlite_column_blob(stmt, 0), err) : MR_OK;
}

mr_code mr_sqlite_state_get(mr_sqlite *db, mr_slice pipeline, mr_buffer *out, mr_error *err)
{
    bool there = false;
    mr_sqlite_stmt stmt = {0};
    MR_TRY(is_there(db, &there, err));
    if (!there) return MR_OK;
    mr_code rc = mr_sqlite_prepare(
        &stmt, db,
        MR_SLICE("SELECT checkpoint FROM main." MR_SQLITE_STATE_TABLE " WHERE pipeline = ?1"),
        "read a checkpoint", err);
    if (rc == MR_OK) rc = read_row(&stmt, pipeline, out, err);
    mr_sqlite_finish(&stmt);
    return rc;
}

static mr_code drop_when_empty(mr_sqlite *db, mr_error *err)
{
    bool row = false;
    mr_sqlite_stmt stmt = {0};
    mr_code rc = mr_sqlite_prepare(&stmt, db, MR_SLICE("SELECT 1 FROM main." MR_SQLITE_STATE_TABLE),
                                   "remove a checkpoint", err);
    if (rc == MR_OK) rc = mr_sqlite_step(&stmt, &row, err);
    mr_sqlite_finish(&stmt);
    if (rc != MR_OK || row) return rc;
    return mr_sqlite_exec(db, "DROP TABLE main." MR_SQLITE_STATE_TABLE, "remove a checkpoint", err);
}

mr_code mr_sqlite_state_drop(mr_sqlite *db, mr_slice pipeline, mr_error *err)
{
    bool there = false;
    mr_sqlite_stmt stmt = {0};
    MR_TRY(is_there(db, &there, err));
    if (!there) return MR_OK;
    mr_code rc = mr_sqlite_prepare(
        &stmt, db, MR_SLICE("DELETE FROM main." MR_SQLITE_STATE_TABLE " WHERE pipeline = ?1"),
        "remove a checkpoint", err);
    if (rc == MR_OK) rc = mr_sqlite_bind_text(&stmt, 1, pipeline, err);
    if (rc == MR_OK) rc = mr_sqlite_run(&stmt, err);
    mr_sqlite_finish(&stmt);
    return rc == MR_OK ? drop_when_empty(db, err) : rc;
}
