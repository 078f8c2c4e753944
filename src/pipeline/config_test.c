/* SPDX-License-Identifier: MIT */
#include "pipeline/config.h"

#include "support/test.h"

typedef struct fixture {
    mr_arena arena;
    mr_pipeline_config config;
    mr_error err;
} fixture;

static void open_fixture(fixture *f)
{
    memset(f, 0, sizeof *f);
    mr_arena_init(&f->arena, "test", 4 << 20);
    mr_error err = {0};
    MR_EXPECT_OK(mr_config_init(&f->config, &f->arena, &err));
}

static mr_code load(fixture *f, const char *text)
{
    mr_tree tree = {0};
    MR_TRY(mr_tree_parse(&f->arena, "p.yaml", mr_slice_text(text), &tree, &f->err));
    return mr_config_from_tree(&f->config, &tree, MR_ORIGIN_FILE, &f->err);
}

static mr_code load_and_finish(fixture *f, const char *text)
{
    MR_TRY(load(f, text));
    return mr_config_finish(&f->config, MR_CONFIG_SOURCE | MR_CONFIG_DESTINATION, &f->err);
}

static const char *value_of(const mr_endpoint *end, const char *key)
{
    const mr_setting *setting = mr_endpoint_get(end, key);
    return setting != NULL ? setting->value : "(none)";
}

MR_TEST(defaults_are_those_documented)
{
    fixture f;
    open_fixture(&f);
    const mr_pipeline_config *c = &f.config;
    MR_EXPECT_U64(c->performance.batch_size, ==, 0);
    MR_EXPECT_I64(c->performance.flush_interval_ns, ==, 10000000000);
    MR_EXPECT_U64(c->performance.memory_limit_bytes, ==, 1024u << 20);
    MR_EXPECT(c->performance.ordered && !c->performance.streaming_mode);
    MR_EXPECT_I64(c->storage.mode, ==, MR_STORAGE_HYBRID);
    MR_EXPECT_U64(c->storage.columnar_after_records, ==, 10000);
    MR_EXPECT_U64(c->storage.columnar_after_bytes, ==, 4 << 20);
    MR_EXPECT(c->storage.spill_dir == NULL);
    MR_EXPECT_I64(c->reliability.on_error, ==, MR_ON_ERROR_QUARANTINE);
    MR_EXPECT_I64(c->reliability.max_rejects.kind, ==, MR_REJECTS_UNLIMITED);
    MR_EXPECT_U64(c->reliability.retry_attempts, ==, 3);
    MR_EXPECT_U64(c->limits.max_record_bytes, ==, 64 << 20);
    MR_EXPECT_U64(c->limits.max_columns, ==, 65536);
    MR_EXPECT_U64(c->limits.max_depth, ==, 1024);
    MR_EXPECT_U64(c->limits.max_resyncs, ==, 1000);
    MR_EXPECT_I64(c->timeout_ns, ==, 0);
    MR_EXPECT_I64(c->timeouts.idle_ns, ==, 300000000000);
    MR_EXPECT_I64(c->infer.kind, ==, MR_INFER_FULL);
    MR_EXPECT(c->observability.metrics_address == NULL);
    MR_EXPECT_I64(c->observability.log_level, ==, MR_LOG_INFO);
    mr_arena_done(&f.arena);
}

MR_TEST(a_pipeline_file_fills_everything)
{
    fixture f;
    open_fixture(&f);
    static const char text[] =
        "name: nightly\n"
        "source:\n"
        "  type: csv\n"
        "  path: in.csv\n"
        "  null_values: [NA, 'n/a']\n"
        "  options: {delimiter: ';'}\n"
        "  performance: {workers: 3}\n"
        "destination: out.jsonl.zst\n"
        "performance: {batch_size: 500, flush_interval: 1m30s, max_concurrency: 4}\n"
        "memory: {max_memory: 64}\n"
        "advanced: {storage_mode: columnar}\n"
        "select: [a, 'b,c']\n"
        "rename: {a: x, 'b,c': y}\n"
        "limit: 10\n"
        "infer: sample:100\n"
        "max_rejects: 2.5%\n"
        "reliability: {dead_letter: {path: bad.jsonl}, circuit_breaker: {enabled: true, threshold: "
        "7}}\n"
        "observability: {logging: {level: debug, format: json}, metrics_enabled: true, metrics: "
        "{port: 9999}}\n"
        "timeout: 3600000000000\n"
        "csv: {delimiter: '|', trim_space: true}\n"
        "lossy: allow\n";
    if (load_and_finish(&f, text) != MR_OK) MR_TEST_FAIL("%s\n", f.err.text);
    const mr_pipeline_config *c = &f.config;
    MR_EXPECT_TEXT(c->name, "nightly");
    MR_EXPECT_TEXT(c->source.connector, "csv");
    MR_EXPECT_TEXT(c->source.path, "in.csv");
    MR_EXPECT_TEXT(value_of(&c->source, "delimiter"), ";");
    MR_EXPECT_TEXT(value_of(&c->source, "trim_space"), "true");
    MR_EXPECT_U64(c->source.settings[0].kind, ==, MR_SETTING_ITEM);
    MR_EXPECT_TEXT(c->source.settings[1].value, "n/a");
    MR_EXPECT_TEXT(c->destination.connector, "json");
    MR_EXPECT_TEXT(c->destination.path, "out.jsonl.zst");
    MR_EXPECT_TEXT(value_of(&c->destination, "format"), "lines");
    MR_EXPECT_TEXT(value_of(&c->destination, "trim_space"), "(none)");
    MR_EXPECT_U64(c->performance.workers, ==, 3);
    MR_EXPECT_U64(c->performance.batch_size, ==, 500);
    MR_EXPECT_I64(c->performance.flush_interval_ns, ==, 90000000000);
    MR_EXPECT_U64(c->performance.memory_limit_bytes, ==, 64 << 20);
    MR_EXPECT_I64(c->storage.mode, ==, MR_STORAGE_COLUMNAR);
    MR_EXPECT_U64(c->select.count, ==, 2);
    MR_EXPECT_TEXT(c->select.items[1], "b,c");
    MR_EXPECT_TEXT(c->rename.items[1].value, "y");
    MR_EXPECT_U64(c->limit, ==, 10);
    MR_EXPECT_I64(c->infer.kind, ==, MR_INFER_SAMPLE);
    MR_EXPECT_U64(c->infer.records, ==, 100);
    MR_EXPECT_I64(c->reliability.max_rejects.kind, ==, MR_REJECTS_PERCENT);
    MR_EXPECT_TEXT(c->reliability.dead_letter_path, "bad.jsonl");
    MR_EXPECT_I64(c->observability.log_level, ==, MR_LOG_DEBUG);
    MR_EXPECT_I64(c->observability.log_format, ==, MR_LOG_AS_JSON);
    MR_EXPECT_TEXT(c->observability.metrics_address, "127.0.0.1:9999");
    MR_EXPECT_I64(c->timeout_ns, ==, 3600000000000);
    MR_EXPECT_I64(c->lossy, ==, MR_LOSSY_ALLOW);
    MR_EXPECT_TEXT(c->notes->next->text,
                   "p.yaml:17:74: reliability.circuit_breaker has no effect: neither "
                   "end is on another machine");
    mr_arena_done(&f.arena);
}

MR_TEST(upstream_files_of_one_end_are_read)
{
    fixture f;
    open_fixture(&f);
    mr_tree tree = {0};
    static const char source[] =
        "{\"name\": \"s\", \"type\": \"csv\", \"version\": \"1.0.0\","
        " \"security\": {\"credentials\": {\"path\": \"in.csv\", \"has_header\": \"true\"}},"
        " \"performance\": {\"batch_size\": 100, \"memory_limit_mb\": 512},"
        " \"timeouts\": {\"request\": 30000000000}}";
    static const char destination[] =
        "destination: {type: json, path: out.json, performance: {batch_size: 100}}";
    MR_EXPECT_I64(mr_tree_parse(&f.arena, "s.json", mr_slice_text(source), &tree, &f.err), ==,
                  MR_OK);
    MR_EXPECT(mr_config_tree_is_end(&tree));
    if (mr_config_end_from_tree(&f.config, &f.config.source, &tree, MR_ORIGIN_FILE, &f.err) !=
        MR_OK)
        MR_TEST_FAIL("%s\n", f.err.text);
    MR_EXPECT_I64(mr_tree_parse(&f.arena, "d.yaml", mr_slice_text(destination), &tree, &f.err), ==,
                  MR_OK);
    MR_EXPECT(!mr_config_tree_is_end(&tree));
    if (mr_config_end_from_tree(&f.config, &f.config.destination, &tree, MR_ORIGIN_FILE, &f.err) !=
        MR_OK)
        MR_TEST_FAIL("%s\n", f.err.text);
    MR_EXPECT_TEXT(f.config.source.path, "in.csv");
    MR_EXPECT_TEXT(value_of(&f.config.source, "has_header"), "true");
    MR_EXPECT_U64(f.config.performance.batch_size, ==, 100);
    MR_EXPECT_U64(f.config.performance.memory_limit_bytes, ==, 512 << 20);
    MR_EXPECT_TEXT(f.config.source.name, "s");
    /* the other end in the wrong file */
    MR_EXPECT_I64(
        mr_config_end_from_tree(&f.config, &f.config.source, &tree, MR_ORIGIN_FILE, &f.err), ==,
        MR_ERR_USAGE);
    MR_EXPECT_TEXT(
        f.err.text,
        "d.yaml:1:14: this file is to describe the source, but it holds a 'destination'");
    mr_arena_done(&f.arena);
}

/* A table, so it is one piece. */
MR_TEST(wrong_files_are_refused_with_their_place)
{
    static const char *const rows[][2] = {
        {"performance:\n  bach_size: 1\n",
         "p.yaml:2:3: unknown key 'bach_size' in performance; did you mean 'batch_size'?"},
        {"perfromance: {batch_size: 1}\n",
         "p.yaml:1:1: unknown key 'perfromance' in the pipeline; did you mean 'performance'?"},
        {"limt: 5\n", "p.yaml:1:1: unknown key 'limt' in the pipeline; did you mean 'limit'?"},
        {"sorce: a.csv\n",
         "p.yaml:1:1: unknown key 'sorce' in the pipeline; did you mean 'source'?"},
        {"source: {type: csv, perfromance: {workers: 2}}\n",
         "p.yaml:1:21: unknown key 'perfromance' in source; did you mean 'performance'?"},
        {"performance: {batch_size: 0}\n", "p.yaml:1:27: performance.batch_size: expected a whole "
                                           "number from 1 to 10000000, or auto, found '0'"},
        {"performance: 5\n", "p.yaml:1:14: performance: expected a mapping"},
        {"performance: {workers: [1]}\n", "p.yaml:1:24: performance.workers: expected a whole "
                                          "number from 1 to 1024, or auto, found a list"},
        {"storage: {mode: hybird}\n", "p.yaml:1:17: storage.mode: expected hybrid, row or "
                                      "columnar, found 'hybird'; did you mean 'hybrid'?"},
        {"- a\n", "p.yaml:1:1: configuration: expected a mapping"},
        {"", "p.yaml:1:1: configuration: expected a mapping"},
        {"source: [a]\n", "p.yaml:1:9: source: expected a mapping"},
        {"source: {type: cvs}\n", "p.yaml:1:16: unknown connector 'cvs'; did you mean 'csv'?"},
        {"source: {type: mysql-cdc}\n",
         "p.yaml:1:16: connector 'mysql_cdc' is not built yet in this version"},
        {"source: {type: csv, path: a, columns: [[a]]}\n",
         "p.yaml:1:40: columns: expected a plain value"},
        {"source: {type: csv, path: a, x: {y: {z: 1}}}\n",
         "p.yaml:1:37: x: expected a plain value"},
        {"transforms: [{filtre: .a > 1}]\n",
         "p.yaml:1:15: unknown step 'filtre'; did you mean 'filter'?"},
        {"filter: .a > 1\n",
         "p.yaml:1:9: filter: not supported yet: write it as a step of transforms"},
        {"schema: {a: inte}\n",
         "p.yaml:1:13: schema: there is no type 'inte'; did you mean 'int'? (bool, int, decimal, "
         "float, number, date, time, timestamp, uuid, string, bytes, json)"},
        {"sample: 2\n", "p.yaml:1:9: sample: expected a share from 0 to 1 (0.01) or a percentage "
                        "(1%), found '2'"},
        {"reliability: {rate_limit_per_sec: -5}\n", "p.yaml:1:35: reliability.rate_limit_per_sec: "
                                                    "expected a number of at least 0, found '-5'"},
        {"server: {prot: 1}\n", "p.yaml:1:10: unknown key 'prot' in server; did you mean 'port'?"},
        {"sources: {a: x.csv, b: y.csv}\n", "p.yaml:1:1: sources holds 2 of them, and a run has "
                                            "one; say which with 'source: a' beside "
                                            "it"},
        {"drift: {new_column: drop}\n", "p.yaml:1:21: drift.new_column: expected auto, evolve, "
                                        "freeze, quarantine, discard_value or "
                                        "new_part, found 'drop'"},
        {"drift: lenient\n",
         "p.yaml:1:8: drift: expected default, strict or flexible, found 'lenient'"},
        {"max_rejects: 101%\n", "p.yaml:1:14: max_rejects: expected a count (100), a percentage "
                                "(2.5%) or none, found '101%'"},
        {"infer: sample:0\n",
         "p.yaml:1:8: infer: expected full, off or sample:N, found 'sample:0'"},
        {"memory_limit: 1MiB\n", "p.yaml:1:15: memory_limit: expected MiB (1024) or a size "
                                 "(512MiB), at least 16MiB, found '1MiB'"},
        {"batch_size: 5\nperformance: {batch_size: 6}\n",
         "p.yaml:2:27: performance.batch_size: already set to another value at p.yaml:1:13"},
        {"source: {type: csv, path: a, file_path: b}\n",
         "p.yaml:1:41: the source's path is already 'a'"},
        {"security: {credentials: {a: b}}\n",
         "p.yaml:1:25: security.credentials: not supported yet: write credentials inside source or "
         "destination"},
    };
    for (size_t i = 0; i < MR_COUNT_OF(rows); i++) {
        fixture f;
        open_fixture(&f);
        if (load(&f, rows[i][0]) != MR_ERR_USAGE) MR_TEST_FAIL("%s was accepted\n", rows[i][0]);
        MR_EXPECT_TEXT(f.err.text, rows[i][1]);
        mr_arena_done(&f.arena);
    }
}

MR_TEST(nulls_and_empty_parts_take_the_default)
{
    fixture f;
    open_fixture(&f);
    static const char text[] = "source: a.csv\ndestination: b.csv\nperformance:\nlimit: "
                               "~\ntransforms: []\nschema: {}\nfilter:\n"
                               "advanced: {enable_upsert: false, enable_schema_evolution: true}\n";
    if (load_and_finish(&f, text) != MR_OK) MR_TEST_FAIL("%s\n", f.err.text);
    MR_EXPECT_U64(f.config.limit, ==, 0);
    mr_arena_done(&f.arena);
}

MR_TEST(missing_ends_are_asked_for)
{
    fixture f;
    open_fixture(&f);
    MR_EXPECT_I64(load_and_finish(&f, "source: a.csv\n"), ==, MR_ERR_USAGE);
    MR_EXPECT_TEXT(f.err.text, "p.yaml: the destination has neither a connector nor a path");
    mr_arena_done(&f.arena);
}

MR_TEST(advanced_keys_become_settings_of_the_destination)
{
    fixture f;
    open_fixture(&f);
    static const char text[] =
        "source: a.csv\ndestination: b.csv\n"
        "advanced: {enable_compression: true, compression_algorithm: zstd, compression_level: 7}\n";
    if (load_and_finish(&f, text) != MR_OK) MR_TEST_FAIL("%s\n", f.err.text);
    MR_EXPECT_TEXT(value_of(&f.config.destination, "compression"), "zstd");
    MR_EXPECT_TEXT(value_of(&f.config.destination, "compression_level"), "9");
    MR_EXPECT_TEXT(value_of(&f.config.source, "compression_level"), "(none)");
    mr_arena_done(&f.arena);
}

/* Section 5 of the specification: the message names both keys; with permission the right column
 * applies. */
typedef struct conflict {
    const char *text;       /* beside source and destination */
    const char *message[2]; /* both keys */
    const char *resolved;   /* NULL: an error always */
    mr_config_facts facts;
} conflict;

static const conflict conflicts[] = {
    {"storage_mode: columnar\nstreaming_mode: true\n",
     {"storage.mode: columnar", "performance.streaming_mode: true"},
     "mode=1 batch=0 delivery=0",
     {0}},
    {"streaming_mode: true\nbatch_size: 10001\n",
     {"performance.streaming_mode: true", "performance.batch_size: 10001"},
     "mode=0 batch=1000 delivery=0",
     {0}},
    {"storage_mode: row\nmemory_limit_mb: 100\n",
     {"storage.mode: row", "performance.memory_limit_mb: 100"},
     "mode=0 batch=0 delivery=0",
     {.expected_store_bytes = (100u << 20) + 1}},
    {"enable_upsert: true\n", {"advanced.enable_upsert: true", "keys"}, NULL, {0}},
    {"delivery: exactly_once\n",
     {"reliability.delivery: exactly_once", "destination.type: csv"},
     "mode=0 batch=0 delivery=1",
     {.destination_known = true}},
    {"ordered: true\n",
     {"performance.ordered: true", "destination.type: csv"},
     "mode=0 batch=0 delivery=0",
     {.destination_known = true, .destination_sharded = true}},
    {"fail_fast: true\nmax_rejects: 1\n",
     {"reliability.fail_fast: true", "reliability.max_rejects: 1"},
     NULL,
     {0}},
    {"fail_fast: true\nmax_rejects: 1%\n",
     {"reliability.fail_fast: true", "reliability.max_rejects: 1%"},
     NULL,
     {0}},
    {"destination: {type: csv, path: b.csv.gz, compression: zstd}\n",
     {"compression: zstd", "path: b.csv.gz"},
     NULL,
     {0}},
    {"destination: {type: csv, path: b.csv.gz, compression: none}\n",
     {"compression: none", "path: b.csv.gz"},
     NULL,
     {0}},
    {"destination: {type: csv, path: b.csv.gz, compression_level: 10}\n",
     {"compression_level: 10", "compression: gzip"},
     NULL,
     {0}},
    {"destination: {type: csv, path: b.csv, compression: zstd, compression_level: 23}\n",
     {"compression_level: 23", "compression: zstd"},
     NULL,
     {0}},
    {"destination: {type: csv, path: b.csv, compression: lz4, compression_level: 0}\n",
     {"compression_level: 0", "compression: lz4"},
     NULL,
     {0}},
    {"destination: {type: csv, path: b.csv, compression: snappy, compression_level: 1}\n",
     {"compression_level: 1", "compression: snappy"},
     NULL,
     {0}},
    {"destination: {type: csv, path: b.csv, compression_level: 1}\n",
     {"compression_level: 1", "compression: none"},
     NULL,
     {0}},
    {"destination: {type: sqlite, path: b.db, mode: merge}\n", {"mode: merge", "keys"}, NULL, {0}},
};

static void load_conflict(fixture *f, const conflict *row, const char *extra)
{
    char text[512];
    const bool own_end = strstr(row->text, "destination:") != NULL;
    snprintf(text, sizeof text, "source: a.csv\n%s%s%s", own_end ? "" : "destination: b.csv\n",
             row->text, extra);
    open_fixture(f);
    if (load_and_finish(f, text) != MR_OK) MR_TEST_FAIL("%s\n", f->err.text);
}

MR_TEST(contradictions_are_refused_naming_both_keys)
{
    for (size_t i = 0; i < MR_COUNT_OF(conflicts); i++) {
        fixture f;
        load_conflict(&f, &conflicts[i], "");
        if (mr_config_conflicts(&f.config, &conflicts[i].facts, &f.err) != MR_ERR_USAGE)
            MR_TEST_FAIL("accepted: %s\n", conflicts[i].text);
        for (size_t k = 0; k < 2; k++)
            if (strstr(f.err.text, conflicts[i].message[k]) == NULL)
                MR_TEST_FAIL("'%s' does not name '%s'\n", f.err.text, conflicts[i].message[k]);
        mr_arena_done(&f.arena);
    }
}

MR_TEST(allowed_contradictions_are_resolved_with_a_warning)
{
    for (size_t i = 0; i < MR_COUNT_OF(conflicts); i++) {
        fixture f;
        load_conflict(&f, &conflicts[i], "allow_conflicts: true\n");
        const mr_code code = mr_config_conflicts(&f.config, &conflicts[i].facts, &f.err);
        MR_EXPECT_I64(code, ==, conflicts[i].resolved != NULL ? MR_OK : MR_ERR_USAGE);
        if (conflicts[i].resolved != NULL) {
            char shown[128];
            snprintf(shown, sizeof shown, "mode=%d batch=%u delivery=%d",
                     (int)f.config.storage.mode, f.config.performance.batch_size,
                     (int)f.config.reliability.delivery);
            MR_EXPECT_TEXT(shown, conflicts[i].resolved);
            MR_EXPECT(f.config.notes != NULL && f.config.last_note->warning);
            MR_EXPECT(strstr(f.config.last_note->text, conflicts[i].message[0]) != NULL);
        }
        mr_arena_done(&f.arena);
    }
}

MR_TEST(what_does_not_contradict_is_accepted)
{
    static const char *const rows[] = {
        "streaming_mode: true\nbatch_size: 10000\n",
        "storage_mode: columnar\nbatch_size: 100000\n",
        "storage_mode: row\nstreaming_mode: true\n",
        "fail_fast: true\nmax_rejects: 0\n",
        "fail_fast: true\n",
        "enable_upsert: true\ndestination: {type: sqlite, path: b.db, keys: [id]}\n",
        "destination: {type: csv, path: b.csv.gz, compression: gzip, compression_level: 9}\n",
        "destination: {type: csv, path: b.csv.zst, compression_level: 22}\n",
        "destination: {type: csv, path: b.csv.gz, compression: auto}\n",
        "delivery: exactly_once\n",
    };
    for (size_t i = 0; i < MR_COUNT_OF(rows); i++) {
        fixture f;
        const conflict row = {.text = rows[i],
                              .facts = {.expected_store_bytes = 1 << 20,
                                        .destination_known = true,
                                        .destination_exactly_once = true}};
        load_conflict(&f, &row, "");
        if (mr_config_conflicts(&f.config, &row.facts, &f.err) != MR_OK)
            MR_TEST_FAIL("%s: %s\n", rows[i], f.err.text);
        MR_EXPECT(f.config.notes == NULL);
        mr_arena_done(&f.arena);
    }
}

static mr_code load_and_forget(void)
{
    fixture f = {0};
    mr_arena_init(&f.arena, "test", 4 << 20);
    mr_code code = mr_config_init(&f.config, &f.arena, &f.err);
    static const char text[] =
        "source: {type: csv, path: a.csv, null_values: [a, b]}\ndestination: b.tsv.gz\n"
        "csv: {x: y}\nrename: {a: b}\nstreaming_mode: true\nbatch_size: 20000\nallow_conflicts: "
        "true\n"
        "reliability: {health_check: true}\nenable_metrics: true\n";
    if (code == MR_OK) code = load_and_finish(&f, text);
    if (code == MR_OK) code = mr_config_conflicts(&f.config, &(mr_config_facts){0}, &f.err);
    mr_arena_done(&f.arena);
    return code;
}

MR_TEST(every_failed_allocation_is_reported)
{
    MR_EACH_ALLOC_FAILS(load_and_forget());
}
