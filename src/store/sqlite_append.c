/* SPDX-License-Identifier: MIT
 *
 * Messages into the tables. Everything that can refuse an op is checked before its first insert;
 * the one thing left is an id that one op has twice, which the index notices: that undoes the
 * group, and the op fails when it is tried again alone. */
#include "core/clock.h"
#include "store/sqlite_internal.h"

static mr_name_entry *stream_at(const mr_backend_writer *writer, uint32_t index)
{
    return &writer->streams.entries[index];
}

mr_code mr_sq_insert(mr_backend_writer *writer, uint32_t stream, const mr_message *message,
                     mr_error *err)
{
    const mr_name_entry *entry = stream_at(writer, stream);
    const mr_name_entry *category = &writer->categories.entries[MR_SQ_CATEGORY(entry)];
    mr_sqlite_stmt *stmt;
    MR_TRY(mr_sq_get(&writer->link, MR_SQ_MESSAGE_ADD, &stmt, err));
    MR_TRY(mr_sqlite_bind_i64(stmt, 1, message->global_position, err));
    MR_TRY(mr_sqlite_bind_i64(stmt, 2, entry->id, err));
    MR_TRY(mr_sqlite_bind_i64(stmt, 3, message->position, err));
    MR_TRY(mr_sqlite_bind_i64(stmt, 4, category->id, err));
    MR_TRY(mr_sqlite_bind_i64(stmt, 5, message->time_us, err));
    MR_TRY(mr_sq_bind_id(stmt, 6, &message->id, err));
    MR_TRY(mr_sqlite_bind_text(stmt, 7, message->type, err));
    MR_TRY(message->data.ptr != NULL ? mr_sqlite_bind_text(stmt, 8, message->data, err)
                                     : mr_sqlite_bind_null(stmt, 8, err));
    MR_TRY(message->metadata.ptr != NULL ? mr_sqlite_bind_text(stmt, 9, message->metadata, err)
                                         : mr_sqlite_bind_null(stmt, 9, err));
    return mr_sqlite_run(stmt, err);
}

/* --- Append --------------------------------------------------------------------------------- */

typedef enum id_state {
    ID_FREE,
    ID_SAME,  /* this very message is stored; its positions have been filled in */
    ID_TAKEN, /* by another one */
} id_state;

static mr_code find_id(mr_backend_writer *writer, mr_new_message *message, id_state *out,
                       mr_error *err)
{
    mr_sqlite_stmt *stmt;
    MR_TRY(mr_sq_get(&writer->link, MR_SQ_MESSAGE_BY_ID, &stmt, err));
    const mr_message_id id = {.uuid = message->id};
    MR_TRY(mr_sq_bind_id(stmt, 1, &id, err));
    bool row = false;
    const mr_code rc = mr_sqlite_step(stmt, &row, err);
    *out = ID_FREE;
    if (rc == MR_OK && row) {
        const mr_name_entry *entry = stream_at(writer, message->slot);
        const bool same = mr_sqlite_column_i64(stmt, 0) == entry->id &&
                          mr_slice_equal(mr_sqlite_column_text(stmt, 1), message->type) &&
                          mr_slice_equal(mr_sqlite_column_text(stmt, 2), message->data);
        *out = same ? ID_SAME : ID_TAKEN;
        message->position = mr_sqlite_column_i64(stmt, 3);
        message->global_position = mr_sqlite_column_i64(stmt, 4);
        message->time_us = mr_sqlite_column_i64(stmt, 5);
    }
    mr_sqlite_reset(stmt);
    return rc;
}

/* Whether one message may be written, given those before it in its op; op->fault says if not. */
static mr_code check_message(mr_backend_writer *writer, mr_append_op *op, size_t at, mr_error *err)
{
    mr_new_message *message = &op->messages[at];
    id_state state = ID_FREE;
    MR_TRY(mr_sq_stream(writer, message->stream, &message->slot, err));
    if (message->has_id) MR_TRY(find_id(writer, message, &state, err));
    message->duplicate = state == ID_SAME;
    if (message->duplicate) return MR_OK;
    mr_name_entry *entry = stream_at(writer, message->slot);
    const int64_t version = MR_SQ_VERSION(entry) + MR_SQ_AHEAD(entry);
    if (message->has_expected && message->expected != version) {
        mr_op_fail(&op->op, MR_FAULT_VERSION, at,
                   "Expected version %lld, stream is at version %lld", (long long)message->expected,
                   (long long)version);
        op->op.fault.expected = message->expected;
        op->op.fault.actual = version;
    } else if (state == ID_TAKEN) {
        mr_op_fail(&op->op, MR_FAULT_ID_TAKEN, at,
                   "a message with this id exists with other content or in another stream");
    } else if (version >= MR_SQ_POSITION_MAX ||
               writer->head > MR_SQ_POSITION_MAX - (int64_t)op->count) {
        mr_op_fail(&op->op, MR_FAULT_INPUT, at, "the %s has no positions left: an import used them",
                   version >= MR_SQ_POSITION_MAX ? "stream" : "namespace");
    }
    MR_SQ_AHEAD(entry)++;
    return MR_OK;
}

static mr_code check_all(mr_backend_writer *writer, mr_append_op *op, mr_error *err)
{
    mr_code rc = MR_OK;
    size_t checked = 0;
    while (rc == MR_OK && checked < op->count && op->op.fault.code == MR_FAULT_NONE)
        rc = check_message(writer, op, checked++, err);
    for (size_t i = 0; rc == MR_OK && i < checked; i++)
        MR_SQ_AHEAD(stream_at(writer, op->messages[i].slot)) = 0;
    return rc; /* after a failure all entries are forgotten */
}

static mr_code check_quota(mr_backend_writer *writer, mr_append_op *op, mr_error *err)
{
    uint64_t fresh = 0;
    for (size_t i = 0; i < op->count; i++)
        fresh += !op->messages[i].duplicate;
    const uint64_t wanted = (uint64_t)writer->messages + fresh;
    if (fresh == 0) return MR_OK; /* a repeated write takes nothing */
    if (writer->messages_max > 0 && wanted > writer->messages_max) {
        mr_op_fail(
            &op->op, MR_FAULT_QUOTA, 0,
            "the namespace may hold %llu messages and has %lld; raise its quota or remove some",
            (unsigned long long)writer->messages_max, (long long)writer->messages);
        return MR_OK;
    }
    if (writer->bytes_max == 0) return MR_OK;
    int64_t size;
    MR_TRY(mr_sq_integer(&writer->link, MR_SQ_SIZE, 0, &size, err));
    if ((uint64_t)size >= writer->bytes_max)
        mr_op_fail(
            &op->op, MR_FAULT_QUOTA, 0,
            "the namespace may take %llu bytes and takes %lld; raise its quota or remove messages",
            (unsigned long long)writer->bytes_max, (long long)size);
    return MR_OK;
}

static mr_code add_message(mr_backend_writer *writer, mr_new_message *message, mr_error *err)
{
    MR_TRY(mr_sq_stream_make(writer, message->slot, err));
    mr_name_entry *entry = stream_at(writer, message->slot);
    if (!message->has_id) message->id = mr_uuid_make();
    message->position = MR_SQ_VERSION(entry) + 1;
    message->global_position = writer->head + 1;
    message->time_us = writer->now_us;
    const mr_message stored = {.id.uuid = message->id,
                               .type = message->type,
                               .position = message->position,
                               .global_position = message->global_position,
                               .data = message->data,
                               .metadata = message->metadata,
                               .time_us = message->time_us};
    MR_TRY(mr_sq_insert(writer, message->slot, &stored, err));
    MR_SQ_VERSION(entry)++;
    mr_sq_count(writer, (uint32_t)MR_SQ_CATEGORY(entry), !MR_SQ_FILLED(entry), 1);
    MR_SQ_FILLED(entry) = true;
    writer->head++;
    return MR_OK;
}

mr_code mr_sq_append(mr_backend_writer *writer, mr_append_op *op, mr_error *err)
{
    MR_TRY(check_all(writer, op, err));
    if (op->op.fault.code == MR_FAULT_NONE) MR_TRY(check_quota(writer, op, err));
    if (op->op.fault.code != MR_FAULT_NONE) return MR_OK;
    for (size_t i = 0; i < op->count; i++) {
        op->op.fault.at = i;
        if (!op->messages[i].duplicate) MR_TRY(add_message(writer, &op->messages[i], err));
    }
    return MR_OK;
}

/* --- Import --------------------------------------------------------------------------------- */

static mr_code import_message(mr_backend_writer *writer, const mr_message *message, mr_error *err)
{
    uint32_t stream;
    MR_TRY(mr_sq_stream(writer, message->stream, &stream, err));
    MR_TRY(mr_sq_stream_make(writer, stream, err));
    MR_TRY(mr_sq_insert(writer, stream, message, err));
    mr_name_entry *entry = stream_at(writer, stream);
    MR_TRY(mr_sq_index_one(writer, entry->id, message->position, message->global_position, err));
    if (message->position > MR_SQ_VERSION(entry)) MR_SQ_VERSION(entry) = message->position;
    mr_sq_count(writer, (uint32_t)MR_SQ_CATEGORY(entry), !MR_SQ_FILLED(entry), 1);
    MR_SQ_FILLED(entry) = true;
    if (message->global_position > writer->head) writer->head = message->global_position;
    return MR_OK;
}

mr_code mr_sq_import(mr_backend_writer *writer, mr_import_op *op, mr_error *err)
{
    for (size_t i = 0; i < op->count; i++) {
        op->op.fault.at = i;
        MR_TRY(import_message(writer, &op->messages[i], err));
    }
    return MR_OK;
}
