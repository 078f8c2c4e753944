/* SPDX-License-Identifier: MIT
 *
 * How the SQLite destination goes on where a run stopped; connector/sqlite_destination.c says where
 * checkpoints are made. */
#include "connector/sqlite_destination_internal.h"

#include <sys/stat.h>

#include "connector/sqlite_state.h"
#include "core/packed.h"

/* --- checkpoints
 * --------------------------------------------------------------------------------- */

#define POSITION_VERSION 2u

const char *mr_sqlite_destination_cannot_resume(const void *state, const mr_connector_env *env)
{
    const mr_sqlite_destination *own = state;
    char path[MR_FILE_PATH_MAX];
    struct stat info;
    if (mr_sqlite_is_seen_early(own, env) || own->mode == MODE_REPLACE) return NULL;
    if (env->path.len >= sizeof path) return "its path is too long";
    if (env->path.len > 0) memcpy(path, env->path.ptr, env->path.len);
    path[env->path.len] = 0;
    if (lstat(path, &info) != 0 || own->part.is_open) return NULL;
    return "it goes into a database that is there already, in one transaction (commit_every=N "
           "makes "
           "many, each final)";
}

bool mr_sqlite_destination_leaves_traces(const void *state)
{
    const mr_sqlite_destination *own = state;
    return mr_sqlite_is_seen_early(own, own->env);
}

uint64_t mr_sqlite_destination_commit_every(const void *state)
{
    return ((const mr_sqlite_destination *)state)->commit_every;
}

mr_code mr_sqlite_destination_checkpoint(void *state, bool last, mr_buffer *position,
                                         int *out_sync_fd, mr_error *err)
{
    mr_sqlite_destination *own = state;
    mr_identity part = {0};
    const bool complete = last && mr_sqlite_destination_cannot_resume(own, own->env) != NULL;
    *out_sync_fd = -1;
    if (own->part.is_open) MR_TRY(mr_file_identity(&own->part, &part, err));
    MR_TRY(mr_pack_u32(position, POSITION_VERSION, err));
    MR_TRY(mr_pack_u64(position, part.device, err));
    MR_TRY(mr_pack_u64(position, part.inode, err));
    MR_TRY(mr_pack_u32(position, complete, err)); /* once it is seen */
    return mr_sqlite_table_remember(&own->table, position, err);
}

/* Until the first checkpoint nothing in PATH.part survives a kill, which is faster. The change
 * needs a moment between two transactions. */
static mr_code make_durable(mr_sqlite_destination *own, mr_error *err)
{
    MR_TRY(mr_sqlite_commit(&own->db, err));
    MR_TRY(mr_file_sync(&own->part, err));
    MR_TRY(mr_file_sync_name(&own->part, err));
    MR_TRY(mr_sqlite_exec(&own->db, "PRAGMA journal_mode=DELETE; PRAGMA synchronous=FULL",
                          "prepare for checkpoints", err));
    own->durable = true;
    return mr_sqlite_begin_immediate(&own->db, err);
}

mr_code mr_sqlite_destination_keep_commit(void *state, mr_slice pipeline, mr_slice commit,
                                          mr_error *err)
{
    mr_sqlite_destination *own = state;
    own->governed = true;
    mr_sqlite_mind_no_stop(own);
    if (own->part.is_open && !own->durable) MR_TRY(make_durable(own, err));
    MR_TRY(mr_sqlite_state_put(&own->db, pipeline, commit, err));
    if (own->pipeline == NULL) own->pipeline = mr_arena_copy(own->env->arena, pipeline);
    if (own->pipeline == NULL) return mr_arena_fail(own->env->arena, err);
    return mr_sqlite_commit_part(own, err);
}

mr_code mr_sqlite_destination_keep_seal(void *state, mr_slice pipeline, mr_slice commit,
                                        mr_error *err)
{
    mr_sqlite_destination *own = state;
    mr_sqlite_mind_no_stop(own);
    MR_TRY(mr_sqlite_state_put(&own->db, pipeline, commit, err));
    own->pipeline = mr_arena_copy(own->env->arena, pipeline);
    if (own->pipeline == NULL) return mr_arena_fail(own->env->arena, err);
    own->seals = true;
    return MR_OK;
}

/* PATH.part of an earlier run, if it is a database. It stays open (and locked) as own->part. */
static mr_code open_part(mr_sqlite_destination *own, mr_error *err)
{
    const char *path = mr_arena_printf(own->env->arena, "%s.part", own->path);
    struct stat info;
    if (path == NULL) return mr_arena_fail(own->env->arena, err);
    if (stat(path, &info) != 0 || info.st_size == 0) return MR_OK;
    MR_TRY(mr_file_resume_beside(&own->part, own->path, (uint64_t)info.st_size, err));
    own->durable = true;
    if (mr_sqlite_open_db(own, own->part.write_path, MR_SQLITE_WRITE, NULL) == MR_OK) return MR_OK;
    own->durable = false; /* the rest of a run that made no checkpoint */
    mr_file_leave(&own->part);
    return MR_OK;
}

mr_code mr_sqlite_destination_find_commit(void *state, mr_slice pipeline, mr_buffer *out,
                                          mr_error *err)
{
    mr_sqlite_destination *own = state;
    if (own->db.handle == NULL) MR_TRY(open_part(own, err));
    if (own->db.handle == NULL) return MR_OK;
    MR_TRY(mr_sqlite_state_get(&own->db, pipeline, out, err));
    if (out->len > 0) own->pipeline = mr_arena_copy(own->env->arena, pipeline);
    if (out->len > 0 || !own->part.is_open) return MR_OK;
    mr_sqlite_close(&own->db);
    mr_file_leave(&own->part);
    own->durable = false;
    return MR_OK;
}

mr_code mr_sqlite_destination_resume(void *state, mr_slice position, mr_left *out_left,
                                     mr_error *err)
{
    mr_sqlite_destination *own = state;
    mr_identity now = {0};
    mr_packed_in in = {.left = position};
    const uint32_t version = mr_packed_u32(&in);
    const uint64_t device = mr_packed_u64(&in), inode = mr_packed_u64(&in);
    const bool complete = mr_packed_u32(&in) != 0;
    if (in.broken || version != POSITION_VERSION)
        return mr_fail(err, MR_ERR_USAGE,
                       "the checkpoint's place in the database was written by another version");
    *out_left = complete ? MR_LEFT_ALL : MR_LEFT_PART;
    if (complete) return MR_OK;  /* the row came with the data */
    if (own->pipeline == NULL) { /* the row has gone with the last transaction */
        if (inode != 0 && own->db.handle == NULL) MR_TRY(open_part(own, err));
        const bool published = inode == 0 || (mr_identity_of_path(own->path, &now) &&
                                              now.inode == inode && now.device == device);
        if (published) *out_left = MR_LEFT_ALL;
        if (published) return MR_OK;
    }
    if (inode != 0 && own->part.is_open) MR_TRY(mr_file_identity(&own->part, &now, err));
    if (inode != 0 && (!own->part.is_open || now.inode != inode || now.device != device))
        return mr_fail(err, MR_ERR_USAGE,
                       "\"%s.part\" is missing, or not the one that the checkpoint goes on from",
                       own->path);
    own->resuming = own->governed = true;
    return mr_buffer_append(&own->remembered, in.left, err);
}

/* For a later run. */
void mr_sqlite_destination_suspend(void *state)
{
    mr_sqlite_destination *own = state;
    mr_sqlite_feed_close(&own->feed);
    mr_sqlite_rollback(&own->db);
    mr_sqlite_close(&own->db);
    own->writing = false;
    mr_file_leave(&own->part);
}

/* In a database of its own time; PATH.part goes when the next run makes a new one. */
static mr_code forget_in_place(mr_sqlite_destination *own, mr_slice pipeline, mr_error *err)
{
    MR_TRY(mr_sqlite_begin_immediate(&own->db, err));
    mr_code rc = mr_sqlite_state_drop(&own->db, pipeline, err);
    if (rc == MR_OK && own->mode == MODE_REPLACE) {
        rc = mr_sqlite_open_table(own, err);
        if (rc == MR_OK) rc = mr_sqlite_table_rebuild(&own->table, err);
        if (rc == MR_OK) rc = mr_sqlite_drop_new_table(own, err);
        mr_sqlite_close_table(own);
    }
    if (rc == MR_OK) return mr_sqlite_commit(&own->db, err);
    mr_sqlite_rollback(&own->db);
    return rc;
}

mr_code mr_sqlite_destination_forget_commit(void *state, mr_slice pipeline, mr_error *err)
{
    mr_sqlite_destination *own = state;
    struct stat info;
    if (own->pipeline == NULL) return MR_OK; /* gone with the last commit */
    own->pipeline = NULL;
    own->resuming = own->governed = own->seals = false;
    if (own->part.is_open) {
        mr_sqlite_close(&own->db);
        own->durable = false;
        mr_file_close(&own->part);
        return MR_OK;
    }
    if (lstat(own->path, &info) != 0) return MR_OK;
    const bool was_open = own->db.handle != NULL;
    if (!was_open) MR_TRY(mr_sqlite_open_db(own, own->path, MR_SQLITE_WRITE, err));
    mr_sqlite_mind_no_stop(own);
    const mr_code rc = forget_in_place(own, pipeline, err);
    if (!was_open) mr_sqlite_close(&own->db);
    return rc;
}
