/* SPDX-License-Identifier: MIT
 *
 * What changes a namespace other than new messages: clear, truncate, consumers, rules, retention.
 *
 * Removing a message never gives its position away: a stream that becomes empty keeps its version
 * in `base`, the namespace its last global position in the floor. */
#include "store/sqlite_internal.h"

mr_code mr_sq_clear(mr_backend_writer *writer, mr_clear_op *op, mr_error *err)
{
    op->removed = (uint64_t)writer->messages;
    MR_TRY(mr_sqlite_exec(&writer->link.db,
                          "DELETE FROM messages; DELETE FROM stream_index; DELETE FROM streams;"
                          "DELETE FROM categories; DELETE FROM consumers; DELETE FROM meta",
                          "clear the namespace", err));
    mr_names_reset(&writer->streams);
    mr_names_reset(&writer->categories);
    writer->first_dirty = MR_NAMES_NONE;
    writer->head = writer->messages = 0;
    return mr_sq_keep_ids(writer, err);
}

/* --- Removing messages ---------------------------------------------------------------------- */

static mr_code bind_two(mr_sqlite_stmt *stmt, int64_t first, int64_t second, mr_error *err)
{
    MR_TRY(mr_sqlite_bind_i64(stmt, 1, first, err));
    return mr_sqlite_bind_i64(stmt, 2, second, err);
}

static mr_code run_with(mr_backend_writer *writer, mr_sq_statement which, int64_t first,
                        int64_t second, mr_error *err)
{
    mr_sqlite_stmt *stmt;
    MR_TRY(mr_sq_get(&writer->link, which, &stmt, err));
    MR_TRY(bind_two(stmt, first, second, err));
    return mr_sqlite_run(stmt, err);
}

static mr_code run_with_one(mr_backend_writer *writer, mr_sq_statement which, int64_t value,
                            mr_error *err)
{
    mr_sqlite_stmt *stmt;
    MR_TRY(mr_sq_get(&writer->link, which, &stmt, err));
    MR_TRY(mr_sqlite_bind_i64(stmt, 1, value, err));
    return mr_sqlite_run(stmt, err);
}

/* The stream `id` has lost messages up to `version`; what is left may end before it. */
static mr_code settle_stream(mr_backend_writer *writer, int64_t id, int64_t version,
                             bool *out_empty, mr_error *err)
{
    mr_sqlite_stmt *stmt;
    MR_TRY(mr_sq_get(&writer->link, MR_SQ_STREAM_VERSION, &stmt, err));
    MR_TRY(mr_sqlite_bind_i64(stmt, 1, id, err));
    int64_t last;
    MR_TRY(mr_sq_integer(&writer->link, MR_SQ_STREAM_VERSION, INT64_MIN, &last, err));
    *out_empty = last == INT64_MIN;
    return last < version ? run_with(writer, MR_SQ_STREAM_BASE, id, version, err) : MR_OK;
}

mr_code mr_sq_truncate(mr_backend_writer *writer, mr_truncate_op *op, mr_error *err)
{
    uint32_t stream;
    op->removed = 0;
    MR_TRY(mr_sq_stream(writer, op->stream, &stream, err));
    mr_name_entry *entry = &writer->streams.entries[stream];
    if (entry->id == 0) return MR_OK;
    MR_TRY(mr_sq_keep_floor(writer, writer->head, err));
    const int64_t before = op->forget ? INT64_MAX : op->before;
    MR_TRY(run_with(writer, MR_SQ_MESSAGES_REMOVE, entry->id, before, err));
    op->removed = (uint64_t)sqlite3_changes64(writer->link.db.handle);
    MR_TRY(run_with(writer, MR_SQ_INDEX_REMOVE, entry->id, before, err));
    bool empty;
    MR_TRY(settle_stream(writer, entry->id, MR_SQ_VERSION(entry), &empty, err));
    mr_sq_count(writer, (uint32_t)MR_SQ_CATEGORY(entry), -(empty && MR_SQ_FILLED(entry)),
                -(int64_t)op->removed);
    MR_SQ_FILLED(entry) = !empty;
    if (!op->forget) return MR_OK;
    MR_TRY(mr_sq_keep_ids(writer, err));
    MR_TRY(run_with_one(writer, MR_SQ_STREAM_FORGET, entry->id, err));
    entry->id = 0;
    MR_SQ_VERSION(entry) = -1;
    return MR_OK;
}

/* --- Consumers and rules -------------------------------------------------------------------- */

mr_code mr_sq_consumer_set(mr_backend_writer *writer, mr_consumer_op *op, mr_error *err)
{
    const bool removes = op->position < 0;
    mr_sqlite_stmt *stmt;
    MR_TRY(
        mr_sq_get(&writer->link, removes ? MR_SQ_CONSUMER_REMOVE : MR_SQ_CONSUMER_SET, &stmt, err));
    op->time_us = writer->now_us;
    MR_TRY(mr_sqlite_bind_text(stmt, 1, op->name, err));
    if (!removes) {
        MR_TRY(mr_sqlite_bind_i64(stmt, 2, op->position, err));
        MR_TRY(mr_sqlite_bind_i64(stmt, 3, op->time_us, err));
    }
    return mr_sqlite_run(stmt, err);
}

mr_code mr_sq_rules_set(mr_backend_writer *writer, mr_setting_op *op, mr_error *err)
{
    const mr_rules *rules = &op->rules;
    const uint64_t values[] = {rules->max_age_s, rules->max_count, rules->max_messages,
                               rules->max_bytes};
    const bool removes = (values[0] | values[1] | values[2] | values[3]) == 0;
    mr_sqlite_stmt *stmt;
    MR_TRY(mr_sq_get(&writer->link, removes ? MR_SQ_RULES_REMOVE : MR_SQ_RULES_SET, &stmt, err));
    MR_TRY(mr_sqlite_bind_text(stmt, 1, op->target, err));
    for (int i = 0; i < 4 && !removes; i++)
        MR_TRY(mr_sqlite_bind_i64(stmt, i + 2, (int64_t)mr_min_u64(values[i], INT64_MAX), err));
    MR_TRY(mr_sqlite_run(stmt, err));
    int64_t retentions;
    MR_TRY(mr_sq_integer(&writer->link, MR_SQ_RETENTIONS, 0, &retentions, err));
    writer->has_retention = retentions > 0; /* a rollback reads all of these anew */
    if (op->target.len > 0) return MR_OK;
    writer->messages_max = rules->max_messages;
    writer->bytes_max = rules->max_bytes;
    return MR_OK;
}

/* --- Retention ------------------------------------------------------------------------------ */

typedef struct sweep {
    mr_backend_writer *writer;
    int64_t oldest_us; /* what is older goes; INT64_MIN: nothing does */
    uint64_t excess;   /* messages too many, oldest first */
    uint64_t left;     /* how many may still be removed now */
    uint64_t removed;
} sweep;

typedef struct old_message {
    int64_t global, stream, category, position, time_us;
} old_message;

static mr_code remove_old(sweep *job, const old_message *old, mr_error *err)
{
    static const char count[] = "count what retention removed";
    mr_backend_writer *writer = job->writer;
    char sql[160];
    bool empty;
    if (old->global == writer->head) MR_TRY(mr_sq_keep_floor(writer, writer->head, err));
    MR_TRY(run_with_one(writer, MR_SQ_MESSAGE_REMOVE, old->global, err));
    MR_TRY(run_with(writer, MR_SQ_INDEX_REMOVE_ONE, old->stream, old->position, err));
    MR_TRY(settle_stream(writer, old->stream, old->position, &empty, err));
    snprintf(
        sql, sizeof sql,
        "UPDATE categories SET messages = messages - 1, streams = streams - %d WHERE id = %lld",
        empty, (long long)old->category);
    MR_TRY(mr_sqlite_exec(&writer->link.db, sql, count, err));
    job->removed++;
    job->left--;
    if (job->excess > 0) job->excess--;
    return MR_OK;
}

/* The oldest message that `which` finds, if it has to go. */
static mr_code find_old(sweep *job, mr_sq_statement which, int64_t id, old_message *out,
                        bool *out_goes, mr_error *err)
{
    mr_sqlite_stmt *stmt;
    MR_TRY(mr_sq_get(&job->writer->link, which, &stmt, err));
    MR_TRY(bind_two(stmt, id, 1, err));
    bool row = false;
    const mr_code rc = mr_sqlite_step(stmt, &row, err);
    if (row)
        *out = (old_message){mr_sqlite_column_i64(stmt, 0), mr_sqlite_column_i64(stmt, 1),
                             mr_sqlite_column_i64(stmt, 2), mr_sqlite_column_i64(stmt, 3),
                             mr_sqlite_column_i64(stmt, 4)};
    *out_goes = row && (job->excess > 0 || out->time_us < job->oldest_us);
    mr_sqlite_reset(stmt);
    return rc;
}

static mr_code count_with(mr_backend_writer *writer, mr_sq_statement which, mr_slice name,
                          int64_t id, int64_t *out, mr_error *err)
{
    mr_sqlite_stmt *stmt;
    MR_TRY(mr_sq_get(&writer->link, which, &stmt, err));
    if (name.ptr != NULL)
        MR_TRY(mr_sqlite_bind_text(stmt, 1, name, err));
    else
        MR_TRY(mr_sqlite_bind_i64(stmt, 1, id, err));
    return mr_sq_integer(&writer->link, which, 0, out, err);
}

/* Which messages a rule is about: a statement, an id for it, and how many there are. */
static mr_code find_target(mr_backend_writer *writer, mr_slice target, mr_sq_statement *out_which,
                           int64_t *out_id, int64_t *out_count, mr_error *err)
{
    mr_sq_link *link = &writer->link;
    *out_id = 0;
    if (target.len == 0) {
        *out_which = MR_SQ_OLDEST_OF_ALL;
        return mr_sq_integer(link, MR_SQ_TOTALS, 0, out_count, err);
    }
    if (mr_stream_is_category(target)) {
        *out_which = MR_SQ_OLDEST_OF_CATEGORY;
        MR_TRY(count_with(writer, MR_SQ_CATEGORY_FIND, target, 0, out_id, err));
        return count_with(writer, MR_SQ_CATEGORY_MESSAGES, target, 0, out_count, err);
    }
    *out_which = MR_SQ_OLDEST_OF_STREAM;
    MR_TRY(count_with(writer, MR_SQ_STREAM_FIND, target, 0, out_id, err));
    return count_with(writer, MR_SQ_STREAM_MESSAGES, (mr_slice){0}, *out_id, out_count, err);
}

static mr_code enforce_rule(sweep *job, mr_slice target, const mr_rules *rules, int64_t now_us,
                            mr_error *err)
{
    mr_sq_statement which;
    int64_t id, count;
    MR_TRY(find_target(job->writer, target, &which, &id, &count, err));
    const bool has_count = rules->max_count > 0 && (uint64_t)count > rules->max_count;
    const bool has_age = rules->max_age_s > 0 && rules->max_age_s < (uint64_t)now_us / 1000000u;
    job->excess = has_count ? (uint64_t)count - rules->max_count : 0;
    job->oldest_us = has_age ? now_us - (int64_t)rules->max_age_s * 1000000 : INT64_MIN;
    while (job->left > 0) {
        old_message old = {0};
        bool goes;
        MR_TRY(find_old(job, which, id, &old, &goes, err));
        if (!goes) return MR_OK;
        MR_TRY(remove_old(job, &old, err));
    }
    return MR_OK;
}

/* Each rule in the order of its target; the row's texts are needed while other statements run. */
static mr_code enforce_all(sweep *job, int64_t now_us, mr_error *err)
{
    mr_sqlite_stmt *stmt;
    MR_TRY(mr_sq_get(&job->writer->link, MR_SQ_RULES_EACH, &stmt, err));
    mr_code rc = MR_OK;
    bool row = true;
    while (rc == MR_OK && job->left > 0) {
        rc = mr_sqlite_step(stmt, &row, err);
        if (rc != MR_OK || !row) break;
        const mr_rules rules = {.max_age_s = (uint64_t)mr_sqlite_column_i64(stmt, 0),
                                .max_count = (uint64_t)mr_sqlite_column_i64(stmt, 1)};
        rc = enforce_rule(job, mr_sqlite_column_text(stmt, 4), &rules, now_us, err);
    }
    mr_sqlite_reset(stmt);
    return rc;
}

mr_code mr_sq_enforce_rules(mr_backend_writer *writer, int64_t now_us, uint64_t limit,
                            uint64_t *out_removed, mr_error *err)
{
    sweep job = {.writer = writer, .left = limit};
    *out_removed = 0;
    MR_TRY(mr_sq_make_ready(writer, err));
    if (!writer->has_retention) return MR_OK;
    mr_code rc = mr_sqlite_begin_immediate(&writer->link.db, err);
    if (rc == MR_OK) rc = mr_sq_index_all(writer, err);
    if (rc == MR_OK) rc = enforce_all(&job, now_us, err);
    if (rc == MR_OK) rc = mr_sqlite_commit(&writer->link.db, err);
    if (rc != MR_OK) mr_sqlite_rollback(&writer->link.db);
    if (rc == MR_OK) {
        *out_removed = job.removed;
        mr_sq_index_settle(writer, NULL);
    }
    writer->moved_all = false;
    if (rc != MR_OK || job.removed > 0) writer->stale = true;
    if (writer->stale && rc == MR_OK) return mr_sq_make_ready(writer, err);
    return rc;
}
