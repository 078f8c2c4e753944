/* SPDX-License-Identifier: MIT
 *
 * pipeline/config.h - everything a run needs to know, from files and flags, with who said it.
 *
 *     mr_config_init()            every default is in place
 *     mr_config_set() ...         flags, in any order with ...
 *     mr_config_load_pipeline()   ... files: flags > system flags > files > defaults
 *     mr_config_finish()          connectors by suffix, derived values; nothing is set after it
 *     mr_config_conflicts()       contradictions are refused, or resolved if allowed
 *
 * mr_config_table (pipeline/config_table.c) is the list of keys. Keys that only the upstream
 * program acts on are IGNORED and leave a note; keys whose effect is not built yet are REFUSED
 * unless they hold their default.
 *
 * Everything lives in the arena given to mr_config_init().
 *
 * Thread: a configuration belongs to one thread while it is filled, and is constant afterwards. */
#ifndef MR_PIPELINE_CONFIG_H
#define MR_PIPELINE_CONFIG_H

#include "core/log.h"
#include "core/tree.h"
#include "pipeline/alert.h"
#include "pipeline/declared.h"
#include "pipeline/drift_policy.h"
#include "pipeline/endpoint.h"
#include "remote/breaker.h"
#include "transform/step.h"

#define MR_CONFIG_STREAMING_BATCH_MAX  10000 /* larger batches contradict streaming_mode */
#define MR_CONFIG_STREAMING_BATCH_SIZE 1000  /* used instead when that is allowed */

typedef enum mr_storage_mode {
    MR_STORAGE_HYBRID,
    MR_STORAGE_ROW,
    MR_STORAGE_COLUMNAR,
} mr_storage_mode;

typedef enum mr_on_error {
    MR_ON_ERROR_QUARANTINE,
    MR_ON_ERROR_FAIL,
} mr_on_error;

typedef enum mr_delivery {
    MR_DELIVERY_AUTO, /* the best the destination can */
    MR_DELIVERY_AT_LEAST_ONCE,
    MR_DELIVERY_EXACTLY_ONCE,
} mr_delivery;

/* What a rate limit counts. */
typedef enum mr_rate_unit {
    MR_RATE_RECORDS, /* that go to the destination */
    MR_RATE_BYTES,   /* of the source's text, or of the cells where it has none */
    MR_RATE_REQUESTS /* to each end on another machine */
} mr_rate_unit;
typedef enum mr_resume {
    MR_RESUME_NEVER,   /* no checkpoints, and one that is there is dropped */
    MR_RESUME_AUTO,    /* go on from one if there is one */
    MR_RESUME_REQUIRE, /* there has to be one */
} mr_resume;

typedef enum mr_files {
    MR_FILES_ALL,
    MR_FILES_NEW, /* those that no earlier run has taken: pipeline/file_set.h */
} mr_files;

/* What happens when the destination does not keep up. */
typedef enum mr_backpressure {
    MR_BACKPRESSURE_BLOCK, /* the source waits */
    MR_BACKPRESSURE_DROP,  /* records that meet full queues are left out, and counted */
} mr_backpressure;

/* What a run takes of the source, and what becomes of what is in the destination. */
typedef enum mr_load_mode {
    MR_LOAD_AUTO, /* nobody said: all of the source, the destination as its own settings say */
    MR_LOAD_FULL, /* all, in place of what is there */
    MR_LOAD_APPEND,
    MR_LOAD_INCREMENTAL, /* what lies above the watermark, added */
    MR_LOAD_MERGE,       /* by keys: all, or what lies above the watermark */
    MR_LOAD_SNAPSHOT,    /* all, added, each row marked with the run */
} mr_load_mode;

typedef enum mr_lossy {
    MR_LOSSY_REFUSE, /* a record that would lose something is rejected */
    MR_LOSSY_ALLOW,  /* each loss is counted */
} mr_lossy;

typedef enum mr_progress_form {
    MR_PROGRESS_AUTO, /* a line on a terminal, nothing elsewhere */
    MR_PROGRESS_PLAIN,
    MR_PROGRESS_JSON,
    MR_PROGRESS_OFF,
} mr_progress_form;

typedef enum mr_summary {
    MR_SUMMARY_TEXT,
    MR_SUMMARY_JSON,
    MR_SUMMARY_OFF,
} mr_summary;

typedef enum mr_log_format {
    MR_LOG_AS_TEXT,
    MR_LOG_AS_JSON,
} mr_log_format;

typedef enum mr_block_codec {
    MR_BLOCK_NONE,
    MR_BLOCK_LZ4,
    MR_BLOCK_ZSTD,
} mr_block_codec;

/* A limit as a number or a share of what was read. */
typedef struct mr_reject_limit {
    enum { MR_REJECTS_UNLIMITED, MR_REJECTS_COUNT, MR_REJECTS_PERCENT } kind;
    uint64_t count;
    double percent; /* 0 to 100 */
} mr_reject_limit;

typedef struct mr_infer_choice {
    enum { MR_INFER_FULL, MR_INFER_OFF, MR_INFER_SAMPLE } kind;
    uint64_t records; /* of SAMPLE */
} mr_infer_choice;

typedef struct mr_config_note {
    struct mr_config_note *next;
    bool warning; /* a contradiction that was resolved; otherwise a key without effect */
    const char *text;
} mr_config_note;

typedef struct mr_pipeline_config {
    mr_arena *arena;
    mr_options options; /* of mr_config_table into this struct: who set what */
    mr_endpoint source, destination;
    mr_endpoint csv,
        json; /* settings of the csv{} and json{} sections, for each end of that connector */
    mr_config_note *notes, *last_note;

    const char *file; /* the pipeline file, as errors name it; NULL = none was read */
    const char *name, *version;
    struct {
        uint32_t batch_size;      /* records; 0 = by bytes for CSV and JSON, else 1000 */
        uint32_t workers;         /* after mr_config_finish() never 0 */
        uint32_t max_concurrency; /* concurrent destination I/O; likewise */
        int64_t flush_interval_ns;
        uint64_t memory_limit_bytes;
        bool streaming_mode;
        bool ordered;
        mr_backpressure backpressure;
    } performance;
    struct {
        mr_storage_mode mode;
        mr_block_codec compression;
        uint64_t columnar_after_records, columnar_after_bytes;
        const char *spill_dir; /* NULL = never spill */
    } storage;
    struct {
        int64_t request_ns, connection_ns, idle_ns, read_ns, write_ns, keep_alive_ns,
            shutdown_grace_ns;
    } timeouts;
    struct {
        uint64_t retry_attempts;
        int64_t retry_delay_ns, max_retry_delay_ns, retry_deadline_ns;
        double retry_multiplier, retry_jitter;
        mr_breaker_options breaker;
        double rate_per_second; /* 0 = no limit; see mr_config_rate() */
        uint64_t rate_burst;    /* 0 = twice the rate */
        mr_rate_unit rate_unit;
        bool rate_enabled;
        mr_delivery delivery;
        struct {
            const char *dir;     /* NULL = ~/.millrace/state */
            int64_t interval_ns; /* between two; 0 = time does not count */
            uint64_t records;    /* likewise */
        } checkpoint;
        const char *dead_letter_path; /* NULL = beside the destination */
        uint64_t dead_letter_max;     /* entries of a file; 0 = any number */
        bool dead_letter_rotate;
        mr_reject_limit max_rejects;
        mr_on_error on_error;
        bool fail_fast, accept_rejects;
    } reliability;
    struct {
        uint64_t max_record_bytes, max_expansion;
        uint32_t max_columns, max_depth, max_resyncs;
    } limits;
    struct {
        mr_log_level log_level;
        mr_log_format log_format;
        const char *log_path; /* NULL = standard error */
        bool enable_metrics;
        uint32_t metrics_port;
        const char *metrics_path;
        const char *metrics_address; /* after mr_config_finish(): NULL = no endpoint */
    } observability;
    struct {
        bool skip_verify;
        const char *ca_file, *cert_file, *key_file; /* PEM; NULL = none given */
    } security;
    struct {
        bool enable;
        const char *algorithm;
        uint32_t level;
    } compression; /* advanced.*: handed to the destination by mr_config_finish() */
    bool enable_upsert;
    bool enable_schema_evolution; /* false: every drift policy is freeze */
    mr_drift_choice drift;

    mr_option_list plugins; /* paths; loaded when they are read */
    mr_steps steps;         /* of the file; after mr_config_finish() those of flags, too */
    mr_steps flag_steps;    /* --filter and --map in their order */
    struct {
        mr_load_mode mode;
        mr_option_list keys;
        const char *cursor, *cursor_start, *lookback; /* NULL = none */
        const char *snapshot_column;
        int skip_nulls; /* else records without a cursor are rejected */
    } load;
    mr_option_list select; /* columns kept, in this order; none = all */
    mr_option_map rename;  /* old name -> new name */
    uint64_t limit;        /* records; 0 = all */
    double sample;         /* share of the records that is taken, 0 to 1 */
    uint64_t sample_seed;
    mr_alerts alerts;
    const char *schema_text; /* of --schema: a file, or name=type,... */
    mr_declared declared;    /* of `schema`; after mr_config_finish() of --schema, if given */
    mr_infer_choice infer;
    mr_resume resume;
    mr_files files;
    mr_lossy lossy;
    mr_progress_form progress;
    mr_summary summary;
    int64_t timeout_ns; /* 0 = none */
    bool in_place, dry_run, allow_conflicts;
    bool appends; /* replay: the destination goes on with a file that is there */
    /* Where keys without effect are parsed to; never read. */
    _Alignas(16) char ignored[MR_OPTION_PARSED_BYTES];
} mr_pipeline_config;

/* Every key of a pipeline file, as dotted paths into mr_pipeline_config. */
extern const mr_option mr_config_table[];

MR_NODISCARD mr_code mr_config_init(mr_pipeline_config *config, mr_arena *arena, mr_error *err);

/* Sets a key of mr_config_table. */
MR_NODISCARD mr_code mr_config_set(mr_pipeline_config *config, const char *key, mr_slice value,
                                   mr_option_from from, mr_error *err);

/* Adds a step of a flag: `kind` is MR_STEP_FILTER or MR_STEP_MAP. */
MR_NODISCARD mr_code mr_config_add_step(mr_pipeline_config *config, mr_step_kind kind,
                                        mr_slice text, const char *where, mr_error *err);

/* Takes in a pipeline file: `source` and `destination` (a mapping or an endpoint's text) and
 * run-wide keys. */
MR_NODISCARD mr_code mr_config_from_tree(mr_pipeline_config *config, const mr_tree *tree,
                                         mr_option_origin origin, mr_error *err);

/* Takes in a file that describes one end (upstream's `run -s FILE -d FILE`): type, path, connector
 * options, and run-wide sections. A `source:` or `destination:` wrapper is accepted. */
MR_NODISCARD mr_code mr_config_end_from_tree(mr_pipeline_config *config, mr_endpoint *end,
                                             const mr_tree *tree, mr_option_origin origin,
                                             mr_error *err);

/* True if the file is of one end: it has a `type` and neither `source` nor `destination`. */
bool mr_config_tree_is_end(const mr_tree *tree);

/* Reads the settings of a mapping (JSON of --source-config) into an end. */
MR_NODISCARD mr_code mr_config_settings_from_tree(mr_pipeline_config *config, mr_endpoint *end,
                                                  const mr_tree *tree, mr_option_origin origin,
                                                  mr_error *err);

/* The same for files by path. */
MR_NODISCARD mr_code mr_config_load_pipeline(mr_pipeline_config *config, const char *path,
                                             mr_option_origin origin, mr_error *err);
MR_NODISCARD mr_code mr_config_load_end(mr_pipeline_config *config, mr_endpoint *end,
                                        const char *path, mr_option_origin origin, mr_error *err);

/* True if an end is on another machine, or may be. */
bool mr_config_has_remote(const mr_pipeline_config *config);

/* Units of the rate limit a second; 0 = none. */
double mr_config_rate(const mr_pipeline_config *config);

/* Which ends a command needs. */
enum { MR_CONFIG_SOURCE = 1, MR_CONFIG_DESTINATION = 2 };

/* Completes the configuration: connectors and what file names imply, number of CPUs, derived
 * values, notes on keys without effect. `needs` says which ends must be there. */
MR_NODISCARD mr_code mr_config_finish(mr_pipeline_config *config, unsigned needs, mr_error *err);

/* What only an opened pipeline knows about its ends; zeroed = nothing known, nothing held against
 * it. */
typedef struct mr_config_facts {
    uint64_t expected_store_bytes; /* of the run's records in row storage; 0 = not known */
    bool destination_known;        /* the two below are valid */
    bool destination_exactly_once;
    const char *destination_why; /* it is not, in words; may be NULL */
    bool destination_sharded;    /* independent shards that cannot keep one order */
} mr_config_facts;

/* Checks for contradictions. MR_ERR_USAGE names both keys; with allow_conflicts those that have a
 * resolution are resolved in `config` and leave a warning note. May be called again when more facts
 * are known. */
MR_NODISCARD mr_code mr_config_conflicts(mr_pipeline_config *config, const mr_config_facts *facts,
                                         mr_error *err);

/* Adds a note; the text is formatted into the arena. */
MR_NODISCARD mr_code mr_config_note_add(mr_pipeline_config *config, bool warning, mr_error *err,
                                        const char *format, ...) MR_PRINTF(4, 5);

#endif
