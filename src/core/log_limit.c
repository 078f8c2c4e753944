/* SPDX-License-Identifier: MIT */
#include "core/log_limit.h"

#include "core/clock.h"

#define WINDOW_NS MR_NS_PER_S

MR_PRINTF(4, 5)
static void fill_summary(mr_log_record *record, mr_log_level level, const char *component,
                         const char *format, ...)
{
    va_list args;
    va_start(args, format);
    mr_log_record_fill(record, level, component, NULL, 0, format, args);
    va_end(args);
}

static void summarise(mr_log_limit *limit, mr_log_limit_entry *entry, mr_log_emit *emit,
                      void *context)
{
    mr_log_record summary;
    fill_summary(&summary, entry->level, entry->component, "repeated %llu times more: %.*s",
                 (unsigned long long)entry->suppressed, (int)entry->sample_len, entry->sample);
    entry->suppressed = 0;
    limit->pending--;
    emit(context, &summary);
}

static bool is_same(const mr_log_limit_entry *entry, uint64_t hash, const mr_log_record *record)
{
    if (!entry->used || entry->hash != hash || entry->level != record->level) return false;
    const size_t sample_len = mr_min_u64(record->message_len, MR_LOG_SAMPLE_MAX);
    return mr_slice_equal(mr_slice_of(entry->sample, entry->sample_len),
                          mr_slice_of(record->text, sample_len));
}

/* The record's entry, or the one that it may have: unused, or unseen for longest. */
static mr_log_limit_entry *find_entry(mr_log_limit *limit, uint64_t hash,
                                      const mr_log_record *record)
{
    const size_t sets = MR_LOG_LIMIT_ENTRIES / MR_LOG_LIMIT_WAYS;
    mr_log_limit_entry *set = &limit->entries[(hash ^ hash >> 32) % sets * MR_LOG_LIMIT_WAYS];
    mr_log_limit_entry *oldest = set;
    for (size_t i = 0; i < MR_LOG_LIMIT_WAYS; i++) {
        if (is_same(&set[i], hash, record)) return &set[i];
        if (oldest->used && (!set[i].used || set[i].seen_ns < oldest->seen_ns)) oldest = &set[i];
    }
    return oldest;
}

static void take_entry(mr_log_limit_entry *entry, uint64_t hash, const mr_log_record *record)
{
    *entry = (mr_log_limit_entry){
        .hash = hash, .used = true, .level = record->level, .component = record->component};
    entry->sample_len = mr_min_u64(record->message_len, MR_LOG_SAMPLE_MAX);
    memcpy(entry->sample, record->text, entry->sample_len);
}

bool mr_log_limit_admit(mr_log_limit *limit, const mr_log_record *record, int64_t now_ns,
                        mr_log_emit *emit, void *context)
{
    const uint64_t hash = mr_log_record_hash(record);
    mr_log_limit_entry *entry = find_entry(limit, hash, record);
    if (!is_same(entry, hash, record)) {
        if (entry->suppressed > 0) summarise(limit, entry, emit, context);
        take_entry(entry, hash, record);
    }
    entry->seen_ns = now_ns;
    int64_t *oldest_ns = &entry->passed_ns[entry->passed_count % MR_LOG_BURST];
    if (entry->passed_count < MR_LOG_BURST || now_ns - *oldest_ns >= WINDOW_NS) {
        *oldest_ns = now_ns;
        entry->passed_count++;
        if (entry->passed_count == 2 * MR_LOG_BURST)
            entry->passed_count = MR_LOG_BURST; /* never wraps */
        return true;
    }
    if (entry->suppressed++ == 0) {
        entry->suppressed_ns = now_ns;
        limit->pending++;
    }
    return false;
}

void mr_log_limit_sweep(mr_log_limit *limit, int64_t now_ns, bool all, mr_log_emit *emit,
                        void *context)
{
    for (size_t i = 0; i < MR_LOG_LIMIT_ENTRIES && limit->pending > 0; i++) {
        mr_log_limit_entry *entry = &limit->entries[i];
        if (entry->suppressed > 0 && (all || now_ns - entry->suppressed_ns >= WINDOW_NS))
            summarise(limit, entry, emit, context);
    }
}
