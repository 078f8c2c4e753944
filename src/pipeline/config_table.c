/* SPDX-License-Identifier: MIT
 *
 * Every key of a pipeline file. The order is that of the reference page. */
#include "pipeline/config.h"

#include "core/number.h"

#define AT(field) .offset = offsetof(mr_pipeline_config, field)
#define SECOND    INT64_C(1000000000)
#define AT_LEAST(min)    \
    {                    \
        (min), INT64_MAX \
    }

/* Keys that have no effect: parsed and checked, then dropped. */
#define IGNORED(because) AT(ignored), .flags = MR_OPTION_IGNORED, .note = (because)
#define REFUSED(because) AT(ignored), .flags = MR_OPTION_REFUSED, .note = (because)

#define ARENAS "arenas and buffers size themselves"
#define LATER  "not built in this version"

static const mr_option_choice storage_modes[] = {{"hybrid", MR_STORAGE_HYBRID},
                                                 {"row", MR_STORAGE_ROW},
                                                 {"columnar", MR_STORAGE_COLUMNAR},
                                                 {"auto", MR_STORAGE_HYBRID},
                                                 {0}};
static const mr_option_choice block_codecs[] = {
    {"none", MR_BLOCK_NONE}, {"lz4", MR_BLOCK_LZ4}, {"zstd", MR_BLOCK_ZSTD}, {0}};
static const mr_option_choice on_errors[] = {
    {"quarantine", MR_ON_ERROR_QUARANTINE}, {"fail", MR_ON_ERROR_FAIL}, {0}};
static const mr_option_choice deliveries[] = {{"auto", MR_DELIVERY_AUTO},
                                              {"at_least_once", MR_DELIVERY_AT_LEAST_ONCE},
                                              {"exactly_once", MR_DELIVERY_EXACTLY_ONCE},
                                              {0}};
static const mr_option_choice progresses[] = {{"auto", MR_PROGRESS_AUTO},
                                              {"plain", MR_PROGRESS_PLAIN},
                                              {"json", MR_PROGRESS_JSON},
                                              {"off", MR_PROGRESS_OFF},
                                              {0}};
static const mr_option_choice summaries[] = {
    {"text", MR_SUMMARY_TEXT}, {"json", MR_SUMMARY_JSON}, {"off", MR_SUMMARY_OFF}, {0}};
static const mr_option_choice log_levels[] = {{"trace", MR_LOG_TRACE},
                                              {"debug", MR_LOG_DEBUG},
                                              {"info", MR_LOG_INFO},
                                              {"warn", MR_LOG_WARN},
                                              {"error", MR_LOG_ERROR},
                                              {"warning", MR_LOG_WARN},
                                              {0}};
static const mr_option_choice log_formats[] = {
    {"text", MR_LOG_AS_TEXT}, {"json", MR_LOG_AS_JSON}, {0}};
static const mr_option_choice backpressures[] = {{"block", MR_BACKPRESSURE_BLOCK},
                                                 {"throttle", MR_BACKPRESSURE_BLOCK},
                                                 {"adaptive", MR_BACKPRESSURE_BLOCK},
                                                 {"drop", MR_BACKPRESSURE_DROP},
                                                 {0}};
static const mr_option_choice rate_units[] = {
    {"records", MR_RATE_RECORDS}, {"bytes", MR_RATE_BYTES}, {"requests", MR_RATE_REQUESTS}, {0}};
static const mr_option_choice losses[] = {
    {"refuse", MR_LOSSY_REFUSE}, {"allow", MR_LOSSY_ALLOW}, {0}};
static const mr_option_choice load_modes[] = {{"auto", MR_LOAD_AUTO},
                                              {"full", MR_LOAD_FULL},
                                              {"append", MR_LOAD_APPEND},
                                              {"incremental", MR_LOAD_INCREMENTAL},
                                              {"merge", MR_LOAD_MERGE},
                                              {"upsert", MR_LOAD_MERGE},
                                              {"snapshot", MR_LOAD_SNAPSHOT},
                                              {"full_refresh", MR_LOAD_FULL},
                                              {0}};
static const mr_option_choice cursor_nulls[] = {{"reject", 0}, {"skip", 1}, {0}};
static const mr_option_choice pipeline_types[] = {{"pipeline", 0}, {0}};
static const mr_option_choice resumes[] = {
    {"never", MR_RESUME_NEVER}, {"auto", MR_RESUME_AUTO}, {"require", MR_RESUME_REQUIRE}, {0}};
static const mr_option_choice strategies[] = {{"default", MR_DRIFT_DEFAULT},
                                              {"strict", MR_DRIFT_STRICT},
                                              {"flexible", MR_DRIFT_FLEXIBLE},
                                              {0}};
static const mr_option_choice compatibilities[] = {
    {"auto", MR_COMPATIBLE_AUTO},
    {"none", MR_COMPATIBLE_NONE},
    {"backward", MR_COMPATIBLE_BACKWARD},
    {"forward", MR_COMPATIBLE_FORWARD},
    {"full", MR_COMPATIBLE_FULL},
    {"backward_transitive", MR_COMPATIBLE_BACKWARD_TRANSITIVE},
    {0}};
static const mr_option_choice contracts[] = {{"auto", MR_DRIFT_AUTO},
                                             {"evolve", MR_DRIFT_EVOLVE},
                                             {"freeze", MR_DRIFT_FREEZE},
                                             {"quarantine", MR_DRIFT_QUARANTINE},
                                             {"discard_value", MR_DRIFT_DISCARD_VALUE},
                                             {"new_part", MR_DRIFT_NEW_PART},
                                             {"discard_row", MR_DRIFT_QUARANTINE},
                                             {0}};
static const mr_option_choice file_choices[] = {{"all", MR_FILES_ALL}, {"new", MR_FILES_NEW}, {0}};

/* ---- values with a grammar of their own ---- */

/* "auto" is 0. */
static mr_code parse_count_or_auto(mr_slice text, void *field, mr_error *err)
{
    uint64_t count = 0;
    const bool automatic = mr_slice_is(text, "auto");
    if (!automatic && (!mr_parse_u64(text, &count) || count == 0 || count > 10000000))
        return mr_fail(err, MR_ERR_USAGE,
                       "expected a whole number from 1 to 10000000, or auto, found '%.*s'",
                       MR_SLICE_ARGS(text));
    const uint32_t small = (uint32_t)count;
    memcpy(field, &small, sizeof small);
    return MR_OK;
}

static mr_code parse_worker_count(mr_slice text, void *field, mr_error *err)
{
    uint64_t count = 0;
    const bool automatic = mr_slice_is(text, "auto");
    if (!automatic && (!mr_parse_u64(text, &count) || count == 0 || count > 1024))
        return mr_fail(err, MR_ERR_USAGE,
                       "expected a whole number from 1 to 1024, or auto, found '%.*s'",
                       MR_SLICE_ARGS(text));
    const uint32_t small = (uint32_t)count;
    memcpy(field, &small, sizeof small);
    return MR_OK;
}

/* A bare number is MiB, as upstream's memory_limit_mb; with a unit it is a size. */
static mr_code parse_memory(mr_slice text, void *field, mr_error *err)
{
    uint64_t bytes = 0;
    const bool bare = mr_parse_u64(text, &bytes);
    bool good = bare ? !__builtin_mul_overflow(bytes, UINT64_C(1) << 20, &bytes)
                     : mr_parse_size(text, &bytes);
    good = good && bytes >= (UINT64_C(16) << 20) && bytes <= INT64_MAX;
    if (!good)
        return mr_fail(err, MR_ERR_USAGE,
                       "expected MiB (1024) or a size (512MiB), at least 16MiB, found '%.*s'",
                       MR_SLICE_ARGS(text));
    memcpy(field, &bytes, sizeof bytes);
    return MR_OK;
}

static bool parse_percent(mr_slice text, double *out)
{
    if (!mr_slice_ends(text, "%")) return false;
    return mr_parse_f64(mr_slice_of(text.ptr, text.len - 1), out) && *out >= 0 && *out <= 100;
}

static mr_code parse_max_rejects(mr_slice text, void *field, mr_error *err)
{
    mr_reject_limit limit;
    memset(&limit, 0, sizeof limit);
    if (mr_parse_u64(text, &limit.count)) {
        limit.kind = MR_REJECTS_COUNT;
    } else if (parse_percent(text, &limit.percent)) {
        limit.kind = MR_REJECTS_PERCENT;
    } else if (!mr_slice_is(text, "none")) {
        return mr_fail(err, MR_ERR_USAGE,
                       "expected a count (100), a percentage (2.5%%) or none, found '%.*s'",
                       MR_SLICE_ARGS(text));
    }
    memcpy(field, &limit, sizeof limit);
    return MR_OK;
}

static mr_code parse_share(mr_slice text, void *field, mr_error *err)
{
    double share = -1;
    if (parse_percent(text, &share))
        share /= 100;
    else if (!mr_parse_f64(text, &share) || share < 0 || share > 1)
        return mr_fail(err, MR_ERR_USAGE,
                       "expected a share from 0 to 1 (0.01) or a percentage (1%%), found '%.*s'",
                       MR_SLICE_ARGS(text));
    memcpy(field, &share, sizeof share);
    return MR_OK;
}

static mr_code parse_infer(mr_slice text, void *field, mr_error *err)
{
    mr_infer_choice infer;
    memset(&infer, 0, sizeof infer);
    if (mr_slice_is(text, "off")) {
        infer.kind = MR_INFER_OFF;
    } else if (mr_slice_starts(text, "sample:") &&
               mr_parse_u64(mr_slice_from(text, 7), &infer.records) && infer.records > 0) {
        infer.kind = MR_INFER_SAMPLE;
    } else if (!mr_slice_is(text, "full")) {
        return mr_fail(err, MR_ERR_USAGE, "expected full, off or sample:N, found '%.*s'",
                       MR_SLICE_ARGS(text));
    }
    memcpy(field, &infer, sizeof infer);
    return MR_OK;
}

#define PARSED(function, field, words)                                                      \
    .type = MR_OPTION_PARSED, AT(field), .size = sizeof((mr_pipeline_config *)NULL)->field, \
    .parse = (function), .syntax = (words)
#define COUNT_OR_AUTO(field) \
    PARSED(parse_count_or_auto, field, "a whole number from 1 to 10000000, or auto")
#define WORKER_COUNT(field) \
    PARSED(parse_worker_count, field, "a whole number from 1 to 1024, or auto")

static_assert(sizeof(mr_reject_limit) <= MR_OPTION_PARSED_BYTES, "fits a parsed value");

/* clang-format off */
const mr_option mr_config_table[] = {
    {.name = "name", .type = MR_OPTION_TEXT, AT(name), .fallback = "pipeline", .help = "what summaries and logs call the pipeline"},
    {.name = "type", .type = MR_OPTION_ENUM, .choices = pipeline_types, .fallback = "pipeline", IGNORED("a pipeline's ends have types of their own"), .help = "in the file of one end: its connector"},
    {.name = "version", .type = MR_OPTION_TEXT, AT(version), .fallback = "1.0.0", .help = "of the configuration, for its author"},
    {.name = "description", .type = MR_OPTION_TEXT, IGNORED("it is for people"), .help = "free text"},

    {.name = "performance.batch_size", .aliases = "batch_size", COUNT_OR_AUTO(performance.batch_size), .fallback = "auto", .help = "records handed on at a time; auto is by bytes for CSV and JSON and 1000 elsewhere"},
    {.name = "performance.workers", .aliases = "workers", WORKER_COUNT(performance.workers), .fallback = "auto", .help = "threads that parse and write records; auto is one per CPU; results do not depend on it"},
    {.name = "performance.max_concurrency", .aliases = "max_concurrency", WORKER_COUNT(performance.max_concurrency), .flags = MR_OPTION_IGNORED, .note = "requests to an end are made one after the other", .fallback = "auto", .help = "concurrent requests to a destination; auto is twice the CPUs"},
    {.name = "performance.flush_interval", .aliases = "flush_interval", .type = MR_OPTION_DURATION_NS, AT(performance.flush_interval_ns), .fallback = "10s", .range = {1, 3600 * SECOND}, .help = "a batch waits no longer than this for more records"},
    {.name = "performance.memory_limit_mb", .aliases = "performance.memory_limit memory_limit_mb memory_limit memory.max_memory global.max_memory_mb", PARSED(parse_memory, performance.memory_limit_bytes, "MiB (1024) or a size (512MiB), at least 16MiB"), .fallback = "1024", .help = "ceiling for store, queues and buffers together"},
    {.name = "performance.streaming_mode", .aliases = "streaming_mode", .type = MR_OPTION_BOOL, AT(performance.streaming_mode), .fallback = "false", .help = "each record leaves as soon as it can; row storage"},
    {.name = "performance.ordered", .aliases = "ordered", .type = MR_OPTION_BOOL, AT(performance.ordered), .fallback = "true", .help = "records leave in the order in which they came"},
    {.name = "performance.backpressure", .aliases = "backpressure performance.backpressure_strategy reliability.backpressure", .type = MR_OPTION_ENUM, AT(performance.backpressure), .choices = backpressures, .fallback = "block", .help = "when queues are full: block (also called throttle, adaptive) lets the source wait; drop leaves records out, counts them, and needs lossy: allow"},
    {.name = "performance.limit", .aliases = "limit", .type = MR_OPTION_U64, AT(limit), .fallback = "0", .help = "stop after this many records; 0 is no limit"},
    {.name = "performance.enable_streaming", .type = MR_OPTION_BOOL, .fallback = "true", IGNORED("records always flow in batches; streaming_mode asks for low latency"), .help = "upstream's pipelined execution"},
    {.name = "performance.buffer_size", .aliases = "buffer_size", .type = MR_OPTION_U64, .fallback = "10000", .range = AT_LEAST(1), IGNORED("queues hold whole batches and are sized from workers"), .help = "records buffered between stages"},
    {.name = "performance.async_operations", .type = MR_OPTION_BOOL, .fallback = "true", IGNORED("stages always overlap"), .help = "overlap reading and writing"},
    {.name = "performance.prefetch_size", .type = MR_OPTION_U64, .fallback = "3", IGNORED("queues hold whole batches and are sized from workers"), .help = "batches read ahead"},
    {.name = "performance.queue_size", .type = MR_OPTION_U64, .fallback = "1000", IGNORED("queues hold whole batches and are sized from workers"), .help = "batches in a queue"},

    {.name = "storage.mode", .aliases = "storage_mode advanced.storage_mode performance.storage_mode", .type = MR_OPTION_ENUM, AT(storage.mode), .choices = storage_modes, .fallback = "hybrid", .help = "how buffered records are held"},
    {.name = "storage.compression", .type = MR_OPTION_ENUM, AT(storage.compression), .choices = block_codecs, .fallback = "none", .help = "of sealed groups of columns"},
    {.name = "storage.columnar_after_records", .type = MR_OPTION_U64, AT(storage.columnar_after_records), .fallback = "10000", .range = AT_LEAST(1), .help = "hybrid: go columnar at this many buffered records"},
    {.name = "storage.columnar_after_bytes", .type = MR_OPTION_SIZE_BYTES, AT(storage.columnar_after_bytes), .fallback = "4MiB", .range = AT_LEAST(1), .help = "hybrid: go columnar at this many buffered bytes"},
    {.name = "storage.spill_dir", .type = MR_OPTION_TEXT, AT(storage.spill_dir), .help = "where sealed groups go when memory runs short; without it the source waits"},

    {.name = "plugins", .type = MR_OPTION_LIST, AT(plugins), .help = "shared objects that bring further connectors"},
    {.name = "mode", .aliases = "load.mode load_mode incremental.mode", .type = MR_OPTION_ENUM, AT(load.mode), .choices = load_modes, .fallback = "auto", .help = "what is taken and where it goes: full replaces what is there, append adds all, incremental adds what is above the watermark, merge updates by keys, snapshot adds all with the time of the run; auto leaves it to the destination's settings"},
    {.name = "keys", .aliases = "load.keys primary_key merge_keys incremental.keys incremental.primary_key", .type = MR_OPTION_LIST, AT(load.keys), .help = "columns that tell records apart: merge updates by them, incremental passes over what it has taken by them (and the cursor); without them by all columns"},
    {.name = "cursor", .aliases = "load.cursor cursor_column cursor_field incremental.cursor incremental.cursor_column", .type = MR_OPTION_TEXT, AT(load.cursor), .help = "column that orders records: a number, a time or a text that grows"},
    {.name = "cursor_start", .aliases = "load.cursor_start incremental.cursor_start", .type = MR_OPTION_TEXT, AT(load.cursor_start), .help = "where the first run begins on the cursor, that value included; without it, at the first record"},
    {.name = "lookback", .aliases = "load.lookback incremental.lookback", .type = MR_OPTION_TEXT, AT(load.lookback), .help = "how far below the watermark records that came late are looked for: a number, or a duration such as 2d"},
    {.name = "cursor_nulls", .aliases = "load.cursor_nulls incremental.cursor_nulls", .type = MR_OPTION_ENUM, AT(load.skip_nulls), .choices = cursor_nulls, .fallback = "reject", .help = "records without a cursor: reject them, or skip leaves them out"},
    {.name = "snapshot_column", .aliases = "load.snapshot_column", .type = MR_OPTION_TEXT, AT(load.snapshot_column), .fallback = "snapshot_at", .help = "mode snapshot: the column that holds the time of the run"},

    {.name = "select", .type = MR_OPTION_LIST, AT(select), .help = "columns to keep, in this order"},
    {.name = "rename", .type = MR_OPTION_MAP, AT(rename), .help = "columns to rename, old=new"},
    {.name = "sample", .aliases = "performance.sample", PARSED(parse_share, sample, "a share from 0 to 1 (0.01) or a percentage (1%)"), .fallback = "1", .help = "take this share of the records; which ones does not depend on workers"},
    {.name = "sample_seed", .aliases = "performance.sample_seed", .type = MR_OPTION_U64, AT(sample_seed), .fallback = "0", .help = "another seed takes other records"},
    {.name = "infer", PARSED(parse_infer, infer, "full, off or sample:N"), .fallback = "full", .help = "types of text columns: from every value, not at all, or from the first N records"},
    {.name = "lossy", .type = MR_OPTION_ENUM, AT(lossy), .choices = losses, .fallback = "refuse", .help = "conversions that lose something: refuse rejects the record, allow counts the loss"},
    {.name = "in_place", .type = MR_OPTION_BOOL, AT(in_place), .fallback = "false", .help = "write the target itself, not a .part file that replaces it at the end; for pipes and devices"},
    {.name = "timeout", .aliases = "timeouts.run", .type = MR_OPTION_DURATION_NS, AT(timeout_ns), .fallback = "0", .help = "end the run with code 5 after this time; 0 is never"},
    {.name = "dry_run", .type = MR_OPTION_BOOL, AT(dry_run), .fallback = "false", .help = "print the plan and write nothing"},
    {.name = "allow_conflicts", .type = MR_OPTION_BOOL, AT(allow_conflicts), .fallback = "false", .help = "resolve contradictions with a warning where there is a resolution"},
    {.name = "progress", .type = MR_OPTION_ENUM, AT(progress), .choices = progresses, .fallback = "auto", .help = "progress on standard error"},
    {.name = "summary", .type = MR_OPTION_ENUM, AT(summary), .choices = summaries, .fallback = "text", .help = "what the run prints when it ends"},

    {.name = "reliability.on_error", .aliases = "on_error", .type = MR_OPTION_ENUM, AT(reliability.on_error), .choices = on_errors, .fallback = "quarantine", .help = "a bad record goes to the rejects file, or fails the run"},
    {.name = "reliability.dead_letter.path", .aliases = "rejects reliability.rejects", .type = MR_OPTION_TEXT, AT(reliability.dead_letter_path), .help = "the rejects file; without it <destination>.rejects.jsonl"},
    {.name = "reliability.dead_letter.max", .type = MR_OPTION_U64, AT(reliability.dead_letter_max), .fallback = "0", .help = "entries in a rejects file; further rejects are counted only, or go to the next file with rotate; 0 is no limit"},
    {.name = "reliability.dead_letter.rotate", .type = MR_OPTION_BOOL, AT(reliability.dead_letter_rotate), .fallback = "false", .help = "when a rejects file is full, go on in PATH.2, PATH.3 and so on"},
    {.name = "reliability.max_rejects", .aliases = "max_rejects", PARSED(parse_max_rejects, reliability.max_rejects, "a count (100), a percentage (2.5%) or none"), .fallback = "none", .help = "end the run with code 4 beyond this; a percentage counts from 1000 records on"},
    {.name = "reliability.accept_rejects", .aliases = "accept_rejects", .type = MR_OPTION_BOOL, AT(reliability.accept_rejects), .fallback = "false", .help = "exit with 0, not 3, when records were rejected"},
    {.name = "reliability.fail_fast", .aliases = "fail_fast", .type = MR_OPTION_BOOL, AT(reliability.fail_fast), .fallback = "false", .help = "end the run with code 4 at the first rejected record"},
    {.name = "reliability.delivery", .aliases = "delivery", .type = MR_OPTION_ENUM, AT(reliability.delivery), .choices = deliveries, .fallback = "auto", .help = "the guarantee wanted; auto is the best the destination can give"},
    {.name = "reliability.retry_attempts", .aliases = "reliability.max_retries", .type = MR_OPTION_U64, AT(reliability.retry_attempts), .flags = MR_OPTION_REMOTE, .fallback = "3", .range = {0, 1000}, .help = "retries of a request or batch of a remote end after the first try"},
    {.name = "reliability.retry_delay", .type = MR_OPTION_DURATION_NS, AT(reliability.retry_delay_ns), .flags = MR_OPTION_REMOTE, .fallback = "1s", .range = {0, 3600 * SECOND}, .help = "before the first retry"},
    {.name = "reliability.retry_multiplier", .type = MR_OPTION_F64, AT(reliability.retry_multiplier), .flags = MR_OPTION_REMOTE, .fallback = "2.0", .range = {1, 100}, .help = "each further delay is longer by this"},
    {.name = "reliability.max_retry_delay", .aliases = "reliability.retry_max_delay", .type = MR_OPTION_DURATION_NS, AT(reliability.max_retry_delay_ns), .flags = MR_OPTION_REMOTE, .fallback = "60s", .range = {0, 24 * 3600 * SECOND}, .help = "the longest delay, unless the server asks for a longer one"},
    {.name = "reliability.retry_jitter", .type = MR_OPTION_F64, AT(reliability.retry_jitter), .flags = MR_OPTION_REMOTE, .fallback = "0.25", .range = {0, 1}, .help = "random part of a delay, up and down"},
    {.name = "reliability.retry_deadline", .type = MR_OPTION_DURATION_NS, AT(reliability.retry_deadline_ns), .flags = MR_OPTION_REMOTE, .fallback = "10m", .range = {0, 24 * 3600 * SECOND}, .help = "no retry begins later than this after the first try; 0 is no limit"},
    {.name = "reliability.circuit_breaker", .aliases = "reliability.circuit_breaker.enabled", .type = MR_OPTION_BOOL, AT(reliability.breaker.enabled), .flags = MR_OPTION_REMOTE, .fallback = "true", .help = "pause before asking a remote end that keeps failing"},
    {.name = "reliability.circuit_breaker.threshold", .type = MR_OPTION_U32, AT(reliability.breaker.threshold), .flags = MR_OPTION_REMOTE, .fallback = "5", .range = {1, 1000000}, .help = "failures in a row that open it"},
    {.name = "reliability.circuit_breaker.success_threshold", .type = MR_OPTION_U32, AT(reliability.breaker.success_threshold), .flags = MR_OPTION_REMOTE, .fallback = "3", .range = {1, 1000000}, .help = "successes that close it again"},
    {.name = "reliability.circuit_breaker.timeout", .type = MR_OPTION_DURATION_NS, AT(reliability.breaker.open_ns), .flags = MR_OPTION_REMOTE, .fallback = "30s", .range = {SECOND / 1000, 24 * 3600 * SECOND}, .help = "how long it stays open"},
    {.name = "reliability.circuit_breaker.half_open_requests", .type = MR_OPTION_U32, AT(reliability.breaker.half_open_requests), .flags = MR_OPTION_REMOTE, .fallback = "5", .range = {1, 1000000}, .help = "requests let through to see whether the end is well"},
    {.name = "reliability.circuit_breaker.min_requests", .type = MR_OPTION_U32, AT(reliability.breaker.min_requests), .flags = MR_OPTION_REMOTE, .fallback = "20", .range = {1, 1000000}, .help = "requests within a minute before a share of failures of more than a half opens it"},
    {.name = "reliability.rate_limit_per_sec", .aliases = "rate_limit reliability.rate_limit.requests_per_second reliability.rate_limit.per_second", .type = MR_OPTION_F64, AT(reliability.rate_per_second), .fallback = "0", .range = AT_LEAST(0), .help = "records, bytes or requests a second, as rate_limit.unit says; 0 is no limit"},
    {.name = "reliability.rate_limit.enabled", .type = MR_OPTION_BOOL, AT(reliability.rate_enabled), .fallback = "true", .help = "false sets a given rate out of force"},
    {.name = "reliability.rate_limit.burst", .type = MR_OPTION_U64, AT(reliability.rate_burst), .fallback = "0", .help = "how many may go at once after a pause; 0 is twice the rate"},
    {.name = "reliability.rate_limit.unit", .type = MR_OPTION_ENUM, AT(reliability.rate_unit), .choices = rate_units, .fallback = "records", .help = "what the rate counts: records or bytes on their way to the destination, or requests to each remote end"},
    {.name = "reliability.health_check", .type = MR_OPTION_BOOL, .fallback = "true", IGNORED("remote ends are asked when they are opened, and every failure is seen"), .help = "ask remote ends whether they are well"},
    {.name = "reliability.checkpoint.dir", .aliases = "state_dir", .type = MR_OPTION_TEXT, AT(reliability.checkpoint.dir), .help = "checkpoints are kept in a folder of this one; without it ~/.millrace/state"},
    {.name = "reliability.checkpoint.interval", .type = MR_OPTION_DURATION_NS, AT(reliability.checkpoint.interval_ns), .fallback = "10s", .help = "a checkpoint is made after this time; 0: time does not count"},
    {.name = "reliability.checkpoint.records", .type = MR_OPTION_U64, AT(reliability.checkpoint.records), .fallback = "1000000", .help = "and after so many records, whichever comes first (the default not more than once a second); 0: they do not count"},
    {.name = "resume", .type = MR_OPTION_ENUM, AT(resume), .choices = resumes, .fallback = "auto", .help = "auto goes on from an earlier run's checkpoint if there is one, require fails without, never starts over and makes none"},
    {.name = "files", .type = MR_OPTION_ENUM, AT(files), .choices = file_choices, .fallback = "all", .help = "new: of the files that the source's path or pattern names, only those that no earlier run of this pipeline has taken, or that have changed since"},

    {.name = "limits.max_record_bytes", .type = MR_OPTION_SIZE_BYTES, AT(limits.max_record_bytes), .fallback = "64MiB", .range = {1024, INT64_C(1) << 31}, .help = "a larger record is rejected"},
    {.name = "limits.max_columns", .type = MR_OPTION_U32, AT(limits.max_columns), .fallback = "65536", .range = {1, 65536}, .help = "columns of a record"},
    {.name = "limits.max_depth", .type = MR_OPTION_U32, AT(limits.max_depth), .fallback = "1024", .range = {1, 1024}, .help = "JSON values inside each other"},
    {.name = "limits.max_resyncs", .type = MR_OPTION_U32, AT(limits.max_resyncs), .fallback = "1000", .help = "broken quotes in a CSV file before the run ends with code 4"},
    {.name = "limits.max_expansion", .type = MR_OPTION_U64, AT(limits.max_expansion), .fallback = "1000", .help = "warn when compressed input grows by more than this factor; 0 is never"},

    {.name = "observability.log_level", .aliases = "log_level observability.logging.level global.log_level", .type = MR_OPTION_ENUM, AT(observability.log_level), .choices = log_levels, .fallback = "info", .help = "the least serious message shown"},
    {.name = "observability.log_format", .aliases = "log_format observability.logging.format", .type = MR_OPTION_ENUM, AT(observability.log_format), .choices = log_formats, .fallback = "text", .help = "messages for people or for machines"},
    {.name = "observability.metrics_address", .aliases = "metrics observability.metrics.address", .type = MR_OPTION_TEXT, AT(observability.metrics_address), .help = "host:port that serves /metrics, such as 127.0.0.1:9090"},
    {.name = "observability.enable_metrics", .aliases = "observability.metrics_enabled enable_metrics observability.metrics.enabled", .type = MR_OPTION_BOOL, AT(observability.enable_metrics), .fallback = "false", .help = "serve metrics on 127.0.0.1 at metrics.port unless metrics_address says otherwise"},
    {.name = "observability.metrics.port", .aliases = "observability.metrics_port server.metrics_port", .type = MR_OPTION_U32, AT(observability.metrics_port), .fallback = "9090", .range = {1, 65535}, .help = "port for enable_metrics"},
    {.name = "observability.metrics.path", .type = MR_OPTION_TEXT, AT(observability.metrics_path), .fallback = "/metrics", .help = "path of the metrics page"},
    {.name = "observability.metrics_interval", .type = MR_OPTION_DURATION_NS, .fallback = "30s", IGNORED("metrics are summed when they are read"), .help = "time between collections"},
    {.name = "observability.enable_tracing", .aliases = "observability.tracing_enabled observability.tracing.enabled", .type = MR_OPTION_BOOL, .fallback = "false", IGNORED("there are no traces"), .help = "traces"},
    {.name = "observability.tracing_sample_rate", .aliases = "observability.tracing.sample_rate", .type = MR_OPTION_F64, .fallback = "0.1", .range = {0, 1}, IGNORED("there are no traces"), .help = "share of operations traced"},
    {.name = "observability.enable_logging", .aliases = "observability.logging.enabled", .type = MR_OPTION_BOOL, .fallback = "true", IGNORED("log_level decides"), .help = "logs"},
    {.name = "observability.logging.output", .type = MR_OPTION_TEXT, .fallback = "stderr", IGNORED("logs go to log_file, or without one to standard error"), .help = "where logs go"},
    {.name = "observability.log_file", .aliases = "log_file observability.logging.file_path", .type = MR_OPTION_TEXT, AT(observability.log_path), .help = "messages are appended to this file, not shown"},

    {.name = "timeouts.request", .type = MR_OPTION_DURATION_NS, AT(timeouts.request_ns), .flags = MR_OPTION_REMOTE, .fallback = "30s", .range = {0, 24 * 3600 * SECOND}, .help = "one request of a remote end with its answer; 0 is no limit"},
    {.name = "timeouts.connection", .type = MR_OPTION_DURATION_NS, AT(timeouts.connection_ns), .flags = MR_OPTION_REMOTE, .fallback = "10s", .range = {SECOND / 1000, 3600 * SECOND}, .help = "connecting to a remote end, TLS included"},
    {.name = "timeouts.idle", .type = MR_OPTION_DURATION_NS, AT(timeouts.idle_ns), .flags = MR_OPTION_REMOTE, .fallback = "5m", .range = {SECOND, 24 * 3600 * SECOND}, .help = "a connection that was not used for so long is not used again"},
    {.name = "timeouts.read_timeout", .aliases = "timeouts.read", .type = MR_OPTION_DURATION_NS, AT(timeouts.read_ns), .flags = MR_OPTION_REMOTE, .fallback = "30s", .range = {SECOND / 1000, 3600 * SECOND}, .help = "nothing comes from a remote end that is to answer"},
    {.name = "timeouts.write_timeout", .aliases = "timeouts.write", .type = MR_OPTION_DURATION_NS, AT(timeouts.write_ns), .flags = MR_OPTION_REMOTE, .fallback = "30s", .range = {SECOND / 1000, 3600 * SECOND}, .help = "a remote end takes nothing of what is sent to it"},
    {.name = "timeouts.keep_alive", .aliases = "timeouts.keepalive", .type = MR_OPTION_DURATION_NS, AT(timeouts.keep_alive_ns), .flags = MR_OPTION_REMOTE, .fallback = "30s", .range = {SECOND, 3600 * SECOND}, .help = "between keep-alive probes of a connection"},
    {.name = "timeouts.shutdown_grace", .type = MR_OPTION_DURATION_NS, AT(timeouts.shutdown_grace_ns), .flags = MR_OPTION_IGNORED, .note = "an interrupted run of file connectors stops at once", .fallback = "30s", .help = "time to finish when interrupted"},

    {.name = "advanced.enable_compression", .type = MR_OPTION_BOOL, AT(compression.enable), .fallback = "false", .help = "compress the destination with compression_algorithm"},
    {.name = "advanced.compression_algorithm", .type = MR_OPTION_TEXT, AT(compression.algorithm), .fallback = "gzip", .help = "codec for enable_compression"},
    {.name = "advanced.compression_level", .type = MR_OPTION_U32, AT(compression.level), .fallback = "6", .help = "level for enable_compression: 1 fastest, 5 default, 7 better, 9 best of any codec; above 9 the codec's own"},
    {.name = "advanced.compression_threshold", .type = MR_OPTION_SIZE_BYTES, .fallback = "1024", IGNORED("a compressed destination is compressed whatever its size"), .help = "smallest output compressed"},
    {.name = "advanced.enable_upsert", .aliases = "enable_upsert", .type = MR_OPTION_BOOL, AT(enable_upsert), .fallback = "false", .help = "the destination merges by key, as its setting mode=merge"},
    {.name = "advanced.enable_bulk_operations", .type = MR_OPTION_BOOL, .fallback = "true", IGNORED("batches are always written whole"), .help = "bulk writes"},
    {.name = "advanced.enable_transactions", .type = MR_OPTION_BOOL, .fallback = "false", IGNORED("destinations that have transactions always use them"), .help = "transactions"},
    {.name = "advanced.enable_schema_evolution", .type = MR_OPTION_BOOL, AT(enable_schema_evolution), .fallback = "true", .help = "false: a change of the schema fails the run unless its policy says otherwise"},
    {.name = "advanced.debug", .type = MR_OPTION_BOOL, .fallback = "false", IGNORED("use observability.log_level: debug"), .help = "more messages"},
    {.name = "advanced.enable_profiling", .type = MR_OPTION_BOOL, .fallback = "false", REFUSED("profiles of a run are " LATER), .help = "profiling server"},
    {.name = "advanced.profile_port", .type = MR_OPTION_U32, .fallback = "6060", .range = {1, 65535}, IGNORED("there is no profiling server"), .help = "its port"},

    {.name = "memory.enable_pools", .type = MR_OPTION_BOOL, .fallback = "true", IGNORED(ARENAS), .help = "object pools"},
    {.name = "memory.record_pool_size", .type = MR_OPTION_U64, .fallback = "1000", IGNORED(ARENAS), .help = "records in a pool"},
    {.name = "memory.buffer_pool_size", .type = MR_OPTION_U64, .fallback = "100", IGNORED(ARENAS), .help = "buffers in a pool"},
    {.name = "memory.enable_buffer_reuse", .type = MR_OPTION_BOOL, .fallback = "true", IGNORED(ARENAS), .help = "use buffers again"},
    {.name = "memory.min_buffer_size", .type = MR_OPTION_SIZE_BYTES, .fallback = "1KiB", IGNORED(ARENAS), .help = "smallest buffer"},
    {.name = "memory.max_buffer_size", .type = MR_OPTION_SIZE_BYTES, .fallback = "1MiB", IGNORED(ARENAS), .help = "largest buffer"},
    {.name = "memory.gc_interval", .type = MR_OPTION_DURATION_NS, .fallback = "1m", IGNORED("there is no garbage to collect"), .help = "time between collections"},
    {.name = "memory.string_data_multiplier", .type = MR_OPTION_U64, .fallback = "32", IGNORED(ARENAS), .help = "size hint for text columns"},
    {.name = "memory.list_element_multiplier", .type = MR_OPTION_U64, .fallback = "5", IGNORED(ARENAS), .help = "size hint for lists"},
    {.name = "memory.pre_warm_pools", .type = MR_OPTION_BOOL, .fallback = "true", IGNORED(ARENAS), .help = "fill pools at the start"},

    {.name = "security.enable_tls", .aliases = "security.tls.enabled tls.enabled", .type = MR_OPTION_BOOL, .fallback = "true", IGNORED("the scheme of a URL says it: https or http"), .help = "encrypt connections"},
    {.name = "security.tls_skip_verify", .aliases = "security.tls.skip_verify security.tls.insecure_skip_verify tls.skip_verify tls.insecure_skip_verify", .type = MR_OPTION_BOOL, AT(security.skip_verify), .flags = MR_OPTION_REMOTE, .fallback = "false", .help = "accept any certificate of a remote end"},
    {.name = "security.ca_path", .aliases = "security.tls.ca_path security.tls.ca_file tls.ca_path tls.ca_file", .type = MR_OPTION_TEXT, AT(security.ca_file), .flags = MR_OPTION_REMOTE, .help = "PEM file of who may have signed the certificate of a remote end; without it the system's"},
    {.name = "security.certificate_path", .aliases = "security.tls.certificate_path security.tls.cert_file tls.certificate_path tls.cert_file", .type = MR_OPTION_TEXT, AT(security.cert_file), .flags = MR_OPTION_REMOTE, .help = "PEM file of a certificate to show to remote ends"},
    {.name = "security.key_path", .aliases = "security.tls.key_path security.tls.key_file tls.key_path tls.key_file", .type = MR_OPTION_TEXT, AT(security.key_file), .flags = MR_OPTION_REMOTE, .help = "PEM file of its private key"},
    {.name = "security.auth_type", .type = MR_OPTION_TEXT, .fallback = "", IGNORED("the options of a connector say how it logs in"), .help = "kind of login"},
    {.name = "security.auth", .aliases = "auth", .type = MR_OPTION_MAP, REFUSED("write auth inside source or destination"), .help = "in an end: settings of its connector, and type"},
    {.name = "security.credentials", .type = MR_OPTION_MAP, REFUSED("write credentials inside source or destination"), .help = "in an end: settings of its connector"},

    {.name = "transforms", .type = MR_OPTION_LIST, AT(ignored), .syntax = "a list of steps", .help = "steps between source and destination: docs/transforms.md"},
    {.name = "filter", .type = MR_OPTION_TEXT, REFUSED("write it as a step of transforms"), .help = "of the command line: keep records for which an expression is true"},
    {.name = "map", .type = MR_OPTION_TEXT, REFUSED("write it as a step of transforms"), .help = "of the command line: compute a column"},
    {.name = "schema", .type = MR_OPTION_TEXT, AT(schema_text), .help = "declared types of columns: a mapping, a list, a file or name=type,name=type"},
    {.name = "drift.strategy", .aliases = "drift schema_evolution.strategy", .type = MR_OPTION_ENUM, AT(drift.strategy), .choices = strategies, .fallback = "default", .help = "when the schema changes: default takes it and keeps old columns, strict takes what is backward compatible, flexible takes it and drops old columns"},
    {.name = "drift.compatibility", .aliases = "drift.compatibility_mode schema_evolution.compatibility schema_evolution.compatibility_mode", .type = MR_OPTION_ENUM, AT(drift.compatibility), .choices = compatibilities, .fallback = "auto", .help = "which changes since the last run are allowed; auto is none, and backward for strict"},
    {.name = "drift.new_column", .aliases = "drift.contract.new_column schema_evolution.new_column", .type = MR_OPTION_ENUM, AT(drift.policies[MR_DRIFT_NEW_COLUMN]), .choices = contracts, .fallback = "auto", .help = "a column that was not expected; auto is evolve"},
    {.name = "drift.missing_column", .aliases = "drift.contract.missing_column schema_evolution.missing_column", .type = MR_OPTION_ENUM, AT(drift.policies[MR_DRIFT_MISSING_COLUMN]), .choices = contracts, .fallback = "auto", .help = "a column that was expected and is not there; auto is evolve"},
    {.name = "drift.type_change", .aliases = "drift.contract.type_change schema_evolution.type_change", .type = MR_OPTION_ENUM, AT(drift.policies[MR_DRIFT_TYPE_CHANGE]), .choices = contracts, .fallback = "auto", .help = "a value that is not of its column's type; auto is evolve"},
    {.name = "drift.fail_on_incompatible", .aliases = "schema_evolution.fail_on_incompatible", .type = MR_OPTION_BOOL, AT(drift.fail_on_incompatible), .fallback = "true", .help = "a change that compatibility forbids fails the run; false: such records are rejected"},
    {.name = "drift.preserve_old_fields", .aliases = "schema_evolution.preserve_old_fields", .type = MR_OPTION_BOOL, AT(drift.preserve_old_fields), .fallback = "true", .help = "a column that is gone stays, as null"},
    {.name = "drift.history", .aliases = "schema_evolution.history", .type = MR_OPTION_TEXT, AT(drift.history), .help = "file of schemas and their changes; without it <destination>.schema.jsonl"},
    {.name = "drift.batch_size_for_inference", .aliases = "schema_evolution.batch_size_for_inference", .type = MR_OPTION_U64, .fallback = "100", IGNORED("types come from every value, or as infer says"), .help = "records that decide about types"},
    {.name = "drift.schema_check_interval", .aliases = "schema_evolution.schema_check_interval", .type = MR_OPTION_DURATION_NS, .fallback = "5m", IGNORED("every batch is checked"), .help = "time between looks at the schema"},
    {.name = "alerts", .type = MR_OPTION_LIST, REFUSED("it stands at the top of a file"), .help = "conditions to report: a list of mappings, names of shipped ones, or default; see docs/reliability.md"},

    {.name = "server.host", .type = MR_OPTION_TEXT, .fallback = "127.0.0.1", IGNORED("a run listens on loopback, and only for metrics"), .help = "of an application file"},
    {.name = "server.port", .type = MR_OPTION_U32, .fallback = "8080", .range = {1, 65535}, IGNORED("a run listens only for metrics"), .help = "of an application file"},
    {.name = "server.health_port", .type = MR_OPTION_U32, .fallback = "8081", .range = {1, 65535}, IGNORED("health is told at the address of the metrics"), .help = "of an application file"},
    {.name = "server.graceful_shutdown_timeout", .type = MR_OPTION_U64, .fallback = "30", IGNORED("an interrupted run stops at once"), .help = "of an application file, in seconds"},
    {.name = "global.temp_directory", .type = MR_OPTION_TEXT, IGNORED("files are written beside their target"), .help = "of an application file"},
    {.name = "global.data_directory", .type = MR_OPTION_TEXT, IGNORED("files are where their paths say"), .help = "of an application file"},
    {.name = "sources", .type = MR_OPTION_MAP, REFUSED("it stands at the top of a file"), .help = "of an application file: sources by name; the only one, or the one that source names, is read"},
    {.name = "destinations", .type = MR_OPTION_MAP, REFUSED("it stands at the top of a file"), .help = "of an application file: destinations by name; the only one, or the one that destination names, is written"},
    {0},
};
/* clang-format on */
