/* SPDX-License-Identifier: MIT
 *
 * From the tail (sqlite_tail.h) into the index of streams: a few streams in each group's
 * transaction, all of them where something is removed or imported, and at the end. */
#include "store/sqlite_internal.h"

mr_code mr_sq_index_one(mr_backend_writer *writer, int64_t stream, int64_t position, int64_t global,
                        mr_error *err)
{
    mr_sqlite_stmt *stmt;
    MR_TRY(mr_sq_get(&writer->link, MR_SQ_INDEX_ADD, &stmt, err));
    MR_TRY(mr_sqlite_bind_i64(stmt, 1, stream, err));
    MR_TRY(mr_sqlite_bind_i64(stmt, 2, position, err));
    MR_TRY(mr_sqlite_bind_i64(stmt, 3, global, err));
    return mr_sqlite_run(stmt, err);
}

mr_code mr_sq_keep_indexed(mr_backend_writer *writer, int64_t global, mr_error *err)
{
    mr_sqlite_stmt *stmt;
    MR_TRY(mr_sq_get(&writer->link, MR_SQ_INDEXED_SET, &stmt, err));
    MR_TRY(mr_sqlite_bind_i64(stmt, 1, global, err));
    return mr_sqlite_run(stmt, err);
}

static mr_code move_stream(mr_backend_writer *writer, const mr_sq_tail_stream *stream,
                           mr_error *err)
{
    const mr_sq_tail *tail = writer->link.tail;
    for (uint32_t at = stream->first; at != 0; at = tail->nodes[at - 1].next) {
        const mr_sq_tail_node *node = &tail->nodes[at - 1];
        MR_TRY(mr_sq_index_one(writer, stream->id, node->position, node->global, err));
    }
    return MR_OK;
}

/* The sweep goes round the tail's slots, so each stream has gathered what came in one round. At the
 * end of a round it is written down how far the index goes. */
mr_code mr_sq_index_some(mr_backend_writer *writer, uint32_t coming, mr_error *err)
{
    const mr_sq_tail *tail = writer->link.tail;
    uint32_t left = tail->total;
    while (left > 0 && left + coming > MR_SQ_TAIL_TARGET && writer->moved_count < MR_SQ_MOVED_MAX) {
        if (writer->sweep > tail->slot_mask) {
            if (writer->moved_count > 0)
                return MR_OK; /* what was just moved is still in the tail */
            writer->sweep = 0;
            MR_TRY(mr_sq_keep_indexed(writer, mr_sq_tail_oldest(tail) - 1, err));
        }
        const mr_sq_tail_stream *stream = &tail->streams[writer->sweep++];
        if (stream->count == 0) continue;
        MR_TRY(move_stream(writer, stream, err));
        writer->moved[writer->moved_count++] = (mr_sq_moved){stream->id, stream->count};
        left -= stream->count;
    }
    return MR_OK;
}

mr_code mr_sq_index_all(mr_backend_writer *writer, mr_error *err)
{
    const mr_sq_tail *tail = writer->link.tail;
    if (tail->total == 0) return MR_OK;
    for (uint32_t i = 0; i <= tail->slot_mask; i++)
        if (tail->streams[i].count > 0) MR_TRY(move_stream(writer, &tail->streams[i], err));
    writer->moved_all = true;
    return mr_sq_keep_indexed(writer, writer->head, err);
}

static void add_appended(mr_backend_writer *writer, const mr_append_op *op)
{
    for (size_t i = 0; i < op->count; i++) {
        const mr_new_message *message = &op->messages[i];
        if (message->duplicate) continue;
        mr_sq_tail_add(writer->link.tail, writer->streams.entries[message->slot].id,
                       message->position, message->global_position);
    }
}

void mr_sq_index_settle(mr_backend_writer *writer, const mr_op *first)
{
    mr_sq_tail *tail = writer->link.tail;
    pthread_mutex_lock(&tail->lock);
    if (writer->moved_all) mr_sq_tail_clear(tail);
    for (uint32_t i = 0; i < writer->moved_count; i++)
        mr_sq_tail_remove(tail, writer->moved[i].stream, writer->moved[i].count);
    for (const mr_op *op = first; op != NULL; op = op->next) {
        if (op->kind == MR_OP_CLEAR) mr_sq_tail_clear(tail);
        if (op->kind == MR_OP_APPEND && op->fault.code == MR_FAULT_NONE)
            add_appended(writer, (const mr_append_op *)op);
    }
    pthread_mutex_unlock(&tail->lock);
    writer->moved_all = false;
    writer->moved_count = 0;
}

mr_code mr_sq_index_recover(mr_backend_writer *writer, mr_error *err)
{
    int64_t head, indexed;
    mr_sqlite_stmt *stmt;
    mr_sq_tail *tail = writer->link.tail;
    MR_TRY(mr_sq_integer(&writer->link, MR_SQ_HEAD, 0, &head, err));
    MR_TRY(mr_sq_integer(&writer->link, MR_SQ_INDEXED_GET, 0, &indexed, err));
    if (indexed >= head && tail->total == 0) return MR_OK;
    MR_TRY(mr_sq_get(&writer->link, MR_SQ_NOT_INDEXED, &stmt, err));
    MR_TRY(mr_sqlite_bind_i64(stmt, 1, indexed, err));
    mr_code rc = mr_sqlite_begin_immediate(&writer->link.db, err);
    if (rc == MR_OK) rc = mr_sqlite_run(stmt, err);
    if (rc == MR_OK) rc = mr_sq_keep_indexed(writer, head, err);
    if (rc == MR_OK) rc = mr_sqlite_commit(&writer->link.db, err);
    if (rc != MR_OK) {
        mr_sqlite_rollback(&writer->link.db);
        return rc;
    }
    pthread_mutex_lock(&tail->lock);
    mr_sq_tail_clear(tail); /* of a writer before, which could not */
    pthread_mutex_unlock(&tail->lock);
    mr_sq_tail_unkeep(&writer->backend->tails, tail);
    return MR_OK;
}

mr_code mr_sq_index_finish(mr_backend_writer *writer, mr_error *err)
{
    mr_error ignored;
    if (writer->link.tail->total == 0) return MR_OK;
    if (err == NULL) err = &ignored;
    MR_TRY(mr_sq_make_ready(writer, err));
    mr_code rc = mr_sqlite_begin_immediate(&writer->link.db, err);
    if (rc == MR_OK) rc = mr_sq_index_all(writer, err);
    if (rc == MR_OK) rc = mr_sqlite_commit(&writer->link.db, err);
    if (rc == MR_OK)
        mr_sq_index_settle(writer, NULL);
    else
        mr_sqlite_rollback(&writer->link.db);
    writer->moved_all = false;
    return rc;
}
