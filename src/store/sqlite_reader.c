/* SPDX-License-Identifier: MIT
 *
 * Reading: messages first, then versions, lists and the rest. Every statement sees one moment of
 * the database, whatever the writer does meanwhile. */
#include "core/scan.h"
#include "store/sqlite_internal.h"

/* --- Messages ------------------------------------------------------------------------------- */

static mr_sq_statement statement_of(const mr_read_op *op)
{
    switch (op->scope) {
    case MR_READ_STREAM:
        if (op->backwards) return MR_SQ_READ_STREAM_DOWN;
        return op->no_bodies ? MR_SQ_LOOK_STREAM_UP : MR_SQ_READ_STREAM_UP;
    case MR_READ_CATEGORY:
        if (op->backwards) return MR_SQ_READ_CATEGORY_DOWN;
        return op->no_bodies && op->correlation.len == 0 ? MR_SQ_LOOK_CATEGORY_UP
                                                         : MR_SQ_READ_CATEGORY_UP;
    case MR_READ_ALL: break;
    }
    if (op->backwards) return MR_SQ_READ_ALL_DOWN;
    return op->no_bodies && op->correlation.len == 0 ? MR_SQ_LOOK_ALL_UP : MR_SQ_READ_ALL_UP;
}

static mr_slice column_or_none(const mr_sqlite_stmt *stmt, int at)
{
    if (mr_sqlite_column_type(stmt, at) == SQLITE_NULL) return (mr_slice){0};
    const mr_slice text = mr_sqlite_column_blob(stmt, at);
    return text.ptr != NULL ? text : MR_SLICE("");
}

static void message_of(const mr_sqlite_stmt *stmt, mr_message *out)
{
    out->global_position = mr_sqlite_column_i64(stmt, 0);
    out->position = mr_sqlite_column_i64(stmt, 1);
    out->time_us = mr_sqlite_column_i64(stmt, 2);
    mr_sq_column_id(stmt, 3, &out->id);
    out->type = mr_sqlite_column_blob(stmt, 4);
    out->stream = mr_sqlite_column_blob(stmt, 5);
    out->data = column_or_none(stmt, 6);
    out->metadata = column_or_none(stmt, 7);
}

/* Whether metadata names a correlation stream of the category that is wanted (specification 1.4).
 */
static bool correlates(const mr_read_op *op, mr_slice metadata)
{
    char name[MR_STREAM_NAME_MAX + 1];
    mr_slice stream;
    if (op->correlation.len == 0) return true;
    if (metadata.ptr == NULL ||
        !mr_scan_find_text(metadata, "correlationStreamName", name, sizeof name, &stream))
        return false;
    return mr_slice_equal(mr_stream_category(stream), op->correlation);
}

static bool is_wanted(const mr_read_op *op, const mr_message *message)
{
    if (op->by_global && op->scope == MR_READ_STREAM &&
        (op->backwards ? message->global_position > op->from : message->global_position < op->from))
        return false;
    if (op->type.len > 0 && !mr_slice_equal(op->type, message->type)) return false;
    if (op->group.size > 0 && !mr_group_owns(op->group, message->stream)) return false;
    return correlates(op, message->metadata);
}

static bool take(mr_read_op *op, const mr_message *message)
{
    op->taken++;
    op->last_position = message->position;
    op->last_global = message->global_position;
    if (!op->take(op, message)) {
        op->stopped = true;
        return false;
    }
    return op->limit < 0 || op->taken < (uint64_t)op->limit;
}

/* Steps through the rows until `take` or the limit says stop: *out_on is false then. */
static mr_code step_through(mr_sqlite_stmt *stmt, mr_read_op *op, bool *out_on, mr_error *err)
{
    mr_message message;
    bool row = true;
    int64_t last = -1;
    while (op->limit != 0) {
        MR_TRY(mr_sqlite_step(stmt, &row, err));
        if (!row) break;
        message_of(stmt, &message);
        if (op->scope == MR_READ_STREAM) message.stream = op->name;
        last = message.global_position;
        if (is_wanted(op, &message) && !take(op, &message)) break;
    }
    /* Until the end of what could be seen the caller's figure holds, and what came after it. */
    if (row || last > op->seen_global) op->seen_global = last;
    *out_on = !row;
    return MR_OK;
}

/* The id of the stream or category that is read; 0 when there is none. */
static mr_code find_scope(mr_sq_link *link, const mr_read_op *op, int64_t *out, mr_error *err)
{
    const bool is_stream = op->scope == MR_READ_STREAM;
    const mr_sq_statement which = is_stream ? MR_SQ_STREAM_FIND : MR_SQ_CATEGORY_FIND;
    *out = 0;
    if (op->scope == MR_READ_ALL) return MR_OK;
    mr_sqlite_stmt *stmt;
    MR_TRY(mr_sq_get(link, which, &stmt, err));
    MR_TRY(mr_sqlite_bind_text(stmt, 1, op->name, err));
    return mr_sq_integer(link, which, 0, out, err);
}

/* Messages of one stream that are not in the index yet, by their global positions. */
static mr_code read_tail(mr_sq_link *link, mr_read_op *op, int64_t stream, bool *on, mr_error *err)
{
    const mr_sq_tail_copy *copy = &link->copy;
    mr_sqlite_stmt *stmt;
    MR_TRY(mr_sq_get(link, MR_SQ_READ_ONE, &stmt, err));
    for (uint32_t i = 0; i < copy->count && *on; i++) {
        const mr_sq_tail_node *node = &copy->nodes[op->backwards ? copy->count - 1 - i : i];
        const int64_t at = op->by_global ? node->global : node->position;
        if (op->backwards ? at > op->from : at < op->from) continue;
        MR_TRY(mr_sqlite_bind_i64(stmt, 1, node->global, err));
        MR_TRY(mr_sqlite_bind_i64(stmt, 2, stream, err));
        const mr_code rc = step_through(stmt, op, on, err);
        mr_sqlite_reset(stmt);
        MR_TRY(rc);
    }
    return MR_OK;
}

static mr_code read_index(mr_sq_link *link, mr_read_op *op, int64_t stream, bool *on, mr_error *err)
{
    const mr_sq_tail_copy *copy = &link->copy;
    const int64_t everything = op->backwards ? INT64_MAX : -1;
    mr_sqlite_stmt *stmt;
    MR_TRY(mr_sq_get(link, statement_of(op), &stmt, err));
    MR_TRY(mr_sqlite_bind_i64(stmt, 1, stream, err));
    MR_TRY(mr_sqlite_bind_i64(stmt, 2, op->by_global ? everything : op->from, err));
    MR_TRY(mr_sqlite_bind_i64(stmt, 3, copy->count > 0 ? copy->nodes[0].position : INT64_MAX, err));
    const mr_code rc = step_through(stmt, op, on, err);
    mr_sqlite_reset(stmt);
    return rc;
}

static mr_code read_stream(mr_sq_link *link, mr_read_op *op, int64_t stream, mr_error *err)
{
    bool on = true;
    if (op->backwards) MR_TRY(read_tail(link, op, stream, &on, err));
    if (on) MR_TRY(read_index(link, op, stream, &on, err));
    if (on && !op->backwards) MR_TRY(read_tail(link, op, stream, &on, err));
    return MR_OK;
}

static mr_code read_many(mr_sq_link *link, mr_read_op *op, int64_t category, mr_error *err)
{
    bool on;
    mr_sqlite_stmt *stmt;
    MR_TRY(mr_sq_get(link, statement_of(op), &stmt, err));
    if (op->scope == MR_READ_CATEGORY) MR_TRY(mr_sqlite_bind_i64(stmt, 1, category, err));
    MR_TRY(mr_sqlite_bind_i64(stmt, 2, op->from, err));
    const mr_code rc = step_through(stmt, op, &on, err);
    mr_sqlite_reset(stmt);
    return rc;
}

static mr_code run_quietly(mr_sq_link *link, mr_sq_statement which, mr_error *err)
{
    mr_sqlite_stmt *stmt;
    MR_TRY(mr_sq_get(link, which, &stmt, err));
    return mr_sqlite_run(stmt, err);
}

static mr_code read_messages(mr_sq_link *link, mr_read_op *op, mr_error *err)
{
    int64_t id;
    op->taken = 0;
    op->stopped = false;
    MR_TRY(find_scope(link, op, &id, err));
    if (id == 0 && op->scope != MR_READ_ALL) return MR_OK;
    /* The tail is copied before the moment at which the index is looked at (sqlite_tail.h). */
    if (op->scope == MR_READ_STREAM)
        MR_TRY(mr_sq_tail_copy_stream(link->tail, id, &link->copy, err));
    /* One transaction takes and releases the file's locks once, not once a statement. */
    const bool alone = !mr_sqlite_in_transaction(&link->db);
    if (alone) MR_TRY(run_quietly(link, MR_SQ_BEGIN_READ, err));
    const mr_code rc =
        op->scope == MR_READ_STREAM ? read_stream(link, op, id, err) : read_many(link, op, id, err);
    if (alone && run_quietly(link, MR_SQ_COMMIT, NULL) != MR_OK) mr_sqlite_rollback(&link->db);
    return rc;
}

/* --- The rest ------------------------------------------------------------------------------- */

/* The id is looked up, then the tail, then the index: each later than the one before, so that what
 * is truncated or moved meanwhile is not missed. An id is never that of another stream. */
static mr_code read_version(mr_sq_link *link, mr_version_op *op, mr_error *err)
{
    mr_sqlite_stmt *stmt;
    mr_sq_tail_node newest;
    int64_t id;
    op->version = -1;
    MR_TRY(mr_sq_get(link, MR_SQ_STREAM_FIND, &stmt, err));
    MR_TRY(mr_sqlite_bind_text(stmt, 1, op->stream, err));
    MR_TRY(mr_sq_integer(link, MR_SQ_STREAM_FIND, 0, &id, err));
    if (id == 0) return MR_OK;
    const bool in_tail = mr_sq_tail_last(link->tail, id, &newest);
    MR_TRY(mr_sq_get(link, MR_SQ_STREAM_LAST, &stmt, err));
    MR_TRY(mr_sqlite_bind_i64(stmt, 1, id, err));
    MR_TRY(mr_sq_integer(link, MR_SQ_STREAM_LAST, INT64_MIN, &op->version, err));
    if (op->version == INT64_MIN) /* forgotten meanwhile */
        op->version = -1;
    else if (in_tail && newest.position > op->version)
        op->version = newest.position;
    return MR_OK;
}

static mr_code find_last(mr_sq_link *link, mr_sq_statement which, int64_t first, int64_t second,
                         mr_stream_info *info, bool *out_any, mr_error *err)
{
    const int at = which == MR_SQ_READ_ONE ? 1 : 0; /* column of the position; the time follows */
    mr_sqlite_stmt *stmt;
    MR_TRY(mr_sq_get(link, which, &stmt, err));
    MR_TRY(mr_sqlite_bind_i64(stmt, 1, first, err));
    if (which == MR_SQ_READ_ONE) MR_TRY(mr_sqlite_bind_i64(stmt, 2, second, err));
    *out_any = false;
    const mr_code rc = mr_sqlite_step(stmt, out_any, err);
    if (*out_any) {
        info->version = mr_sqlite_column_i64(stmt, at);
        info->last_time_us = mr_sqlite_column_i64(stmt, at + 1);
    }
    mr_sqlite_reset(stmt);
    return rc;
}

/* The tail first, then the index. What is no longer where the tail had it was removed, and before
 * that everything moved to the index. */
static mr_code last_of_stream(mr_sq_link *link, int64_t id, mr_stream_info *info, bool *out_any,
                              mr_error *err)
{
    mr_sq_tail_node newest;
    *out_any = false;
    if (mr_sq_tail_last(link->tail, id, &newest))
        MR_TRY(find_last(link, MR_SQ_READ_ONE, newest.global, id, info, out_any, err));
    return *out_any ? MR_OK : find_last(link, MR_SQ_STREAMS_LAST, id, 0, info, out_any, err);
}

/* The first stream whose name is greater than what link->name holds; its id is 0 when there is none
 * with the prefix. */
static mr_code next_stream(mr_sq_link *link, mr_slice prefix, int64_t *out_id, mr_error *err)
{
    mr_sqlite_stmt *stmt;
    bool row = false;
    *out_id = 0;
    MR_TRY(mr_sq_get(link, MR_SQ_STREAMS, &stmt, err));
    MR_TRY(mr_sqlite_bind_text(stmt, 1, mr_buffer_slice(&link->name), err));
    MR_TRY(mr_sqlite_bind_text(stmt, 2, prefix, err));
    mr_code rc = mr_sqlite_step(stmt, &row, err);
    if (rc == MR_OK && row) {
        const mr_slice name = mr_sqlite_column_text(stmt, 1);
        mr_buffer_reset(&link->name);
        rc = mr_buffer_append(&link->name, name, err);
        if (name.len >= prefix.len &&
            (prefix.len == 0 || memcmp(name.ptr, prefix.ptr, prefix.len) == 0))
            *out_id = mr_sqlite_column_i64(stmt, 0);
    }
    mr_sqlite_reset(stmt);
    return rc;
}

/* One stream at a time: a statement that stayed open over all of them would look for messages at a
 * moment before that at which the tail is looked at. */
static mr_code read_streams(mr_sq_link *link, mr_streams_op *op, mr_error *err)
{
    mr_buffer_reset(&link->name);
    MR_TRY(mr_buffer_append(&link->name, op->after, err));
    for (uint32_t count = 0; count < op->limit;) {
        int64_t id;
        bool any;
        MR_TRY(next_stream(link, op->prefix, &id, err));
        if (id == 0) return MR_OK;
        mr_stream_info info = {.name = mr_buffer_slice(&link->name)};
        MR_TRY(last_of_stream(link, id, &info, &any, err));
        if (!any) continue; /* truncated to nothing */
        op->take(op, &info);
        count++;
    }
    return MR_OK;
}

static mr_code read_categories(mr_sq_link *link, mr_categories_op *op, mr_error *err)
{
    mr_sqlite_stmt *stmt;
    MR_TRY(mr_sq_get(link, MR_SQ_CATEGORIES, &stmt, err));
    mr_code rc;
    bool row = false;
    while ((rc = mr_sqlite_step(stmt, &row, err)) == MR_OK && row) {
        const mr_category_info info = {.name = mr_sqlite_column_text(stmt, 0),
                                       .stream_count = (uint64_t)mr_sqlite_column_i64(stmt, 1),
                                       .message_count = (uint64_t)mr_sqlite_column_i64(stmt, 2)};
        op->take(op, &info);
    }
    mr_sqlite_reset(stmt);
    return rc;
}

static mr_code read_info(mr_sq_link *link, mr_info_op *op, mr_error *err)
{
    mr_sqlite_stmt *stmt;
    MR_TRY(mr_sq_get(link, MR_SQ_TOTALS, &stmt, err));
    bool row = false;
    int64_t size;
    const mr_code rc = mr_sqlite_step(stmt, &row, err);
    op->info.message_count = row ? (uint64_t)mr_sqlite_column_i64(stmt, 0) : 0;
    op->info.stream_count = row ? (uint64_t)mr_sqlite_column_i64(stmt, 1) : 0;
    mr_sqlite_reset(stmt);
    MR_TRY(rc);
    MR_TRY(mr_sq_integer(link, MR_SQ_LAST_TIME, INT64_MIN, &op->info.last_time_us, err));
    MR_TRY(mr_sq_integer(link, MR_SQ_SIZE, 0, &size, err));
    op->info.size_bytes = (uint64_t)size;
    return MR_OK;
}

static mr_code read_consumer(mr_sq_link *link, mr_consumer_op *op, mr_error *err)
{
    mr_sqlite_stmt *stmt;
    MR_TRY(mr_sq_get(link, MR_SQ_CONSUMER_GET, &stmt, err));
    MR_TRY(mr_sqlite_bind_text(stmt, 1, op->name, err));
    bool row = false;
    const mr_code rc = mr_sqlite_step(stmt, &row, err);
    op->position = row ? mr_sqlite_column_i64(stmt, 0) : -1;
    op->time_us = row ? mr_sqlite_column_i64(stmt, 1) : 0;
    mr_sqlite_reset(stmt);
    return rc;
}

static mr_code read_rules(mr_sq_link *link, mr_setting_op *op, mr_error *err)
{
    const mr_sq_statement which = op->each != NULL ? MR_SQ_RULES_EACH : MR_SQ_RULES_GET;
    mr_sqlite_stmt *stmt;
    MR_TRY(mr_sq_get(link, which, &stmt, err));
    if (op->each == NULL) MR_TRY(mr_sqlite_bind_text(stmt, 1, op->target, err));
    op->rules = (mr_rules){0};
    mr_code rc;
    bool row = false;
    while ((rc = mr_sqlite_step(stmt, &row, err)) == MR_OK && row) {
        const mr_rules rules = {.max_age_s = (uint64_t)mr_sqlite_column_i64(stmt, 0),
                                .max_count = (uint64_t)mr_sqlite_column_i64(stmt, 1),
                                .max_messages = (uint64_t)mr_sqlite_column_i64(stmt, 2),
                                .max_bytes = (uint64_t)mr_sqlite_column_i64(stmt, 3)};
        op->rules = rules;
        if (op->each != NULL) op->each(op, mr_sqlite_column_text(stmt, 4), &rules);
    }
    mr_sqlite_reset(stmt);
    return rc;
}

static mr_code read_op(mr_sq_link *link, mr_op *op, mr_error *err)
{
    switch (op->kind) {
    case MR_OP_READ: return read_messages(link, (mr_read_op *)op, err);
    case MR_OP_VERSION: return read_version(link, (mr_version_op *)op, err);
    case MR_OP_STREAMS: return read_streams(link, (mr_streams_op *)op, err);
    case MR_OP_CATEGORIES: return read_categories(link, (mr_categories_op *)op, err);
    case MR_OP_INFO: return read_info(link, (mr_info_op *)op, err);
    case MR_OP_CONSUMER_GET: return read_consumer(link, (mr_consumer_op *)op, err);
    case MR_OP_SETTING_GET: return read_rules(link, (mr_setting_op *)op, err);
    case MR_OP_APPEND:
    case MR_OP_IMPORT:
    case MR_OP_CLEAR:
    case MR_OP_TRUNCATE:
    case MR_OP_CONSUMER_SET:
    case MR_OP_SETTING_SET:
    case MR_OP_SPACE_CREATE:
    case MR_OP_SPACE_DELETE:
    case MR_OP_SPACE_LIST:
    case MR_OP_SPACE_ROTATE: break; /* not given to readers */
    }
    return MR_OK;
}

void mr_sq_read(mr_sq_link *link, mr_op *op)
{
    mr_error err;
    op->fault.code = MR_FAULT_NONE;
    if (read_op(link, op, &err) != MR_OK) mr_op_fail_storage(op, &err);
}
