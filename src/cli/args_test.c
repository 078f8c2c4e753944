/* SPDX-License-Identifier: MIT */
#include "cli/args.h"

#include "cli/help.h"
#include "support/test.h"

#define MAX_WORDS 32

typedef struct fixture {
    mr_arena arena;
    mr_args args;
    mr_error err;
} fixture;

/* Splits `line` at blanks; '~' stands for a blank inside a word. */
static mr_code parse(fixture *f, const char *line)
{
    static char copy[1024];
    char *words[MAX_WORDS] = {copy};
    int count = 1;
    snprintf(copy, sizeof copy, "millrace %s", line);
    for (char *at = copy; *at != 0; at++) {
        if (*at == ' ') {
            *at = 0;
            words[count++] = at + 1;
        } else if (*at == '~') {
            *at = ' ';
        }
    }
    memset(f, 0, sizeof *f);
    mr_arena_init(&f->arena, "test", 8 << 20);
    return mr_args_parse(&f->args, count, words, &f->arena, &f->err);
}

static const char *write_file(const char *name, const char *text)
{
    static char paths[4][256];
    static size_t next;
    char *path = paths[next++ % 4];
    snprintf(path, sizeof paths[0], "%s/%s", mr_test_dir(), name);
    mr_test_write_file(path, mr_slice_text(text));
    return path;
}

MR_TEST(good_command_lines_are_accepted)
{
    static const char *const rows[] = {
        "copy a.csv b.json",
        "copy csv:- json:-",
        "copy --batch-size 5 a.csv b.csv",
        "copy a.csv b.csv --batch-size=5 --no-ordered --ordered=true",
        "copy a.csv b.csv --batch_size 5",
        "copy -- a.csv b.csv",
        "copy a.csv b.csv --from-opt delimiter=; --from-opt null_values=a,b --to-opt crlf=true",
        "copy a.csv b.csv --select a,b --rename a=b --limit 5 --infer off",
        "copy a.csv b.csv --max-rejects 5% --accept-rejects --on-error quarantine --rejects "
        "r.jsonl",
        "copy a.csv b.csv --summary json --progress off --log-level debug --log-format json",
        "copy a.csv b.csv --metrics 127.0.0.1:9090 --memory-limit 512MiB --timeout 1h --resume "
        "never",
        "pipeline csv json --source-path a.csv --dest-path b.json --format array",
        "pipeline csv json --source-path - --dest-path - --format lines --compression gzip",
        "pipeline csv:a.csv null",
        "pipeline csv json --source-path a --dest-path b --source-config {\"delimiter\":\";\"} "
        "--dest-config {\"pretty\":true}",
        "preview a.csv -n 5",
        "preview a.csv -n5",
        "preview a.csv --rows=5 --wrap-scalars v",
        "schema json:-",
        "list",
        "list csv --json",
        "bench memory --runs 3",
        "version",
        "--version",
        "help",
        "--help",
        "-h",
        "help copy",
        "copy --help",
        "completion bash",
        "state show",
        "serve",
        "serve --listen :0 -d d --durability normal --no-log-requests --rotate-token",
        "serve --tls_cert a --tls-key b --connections 5 --body-limit 1MiB",
        "store",
        "store --help",
        "store check d --strict",
        "store backup d e --registry r.db",
        "store streams http://h:1 --token t --prefix a --limit 5 --json",
        "store token tenant",
        "help store check",
    };
    for (size_t i = 0; i < MR_COUNT_OF(rows); i++) {
        fixture f;
        if (parse(&f, rows[i]) != MR_OK) MR_TEST_FAIL("%s: %s\n", rows[i], f.err.text);
        mr_arena_done(&f.arena);
    }
}

static void expect_refused(const char *const (*rows)[2], size_t count)
{
    for (size_t i = 0; i < count; i++) {
        fixture f;
        if (parse(&f, rows[i][0]) != MR_ERR_USAGE) MR_TEST_FAIL("accepted: %s\n", rows[i][0]);
        MR_EXPECT_TEXT(f.err.text, rows[i][1]);
        mr_arena_done(&f.arena);
    }
}

MR_TEST(bad_command_lines_say_what_is_wrong)
{
    static const char *const rows[][2] = {
        {"cpoy a b", "unknown verb 'cpoy'; did you mean 'copy'?"},
        {"frobnicate", "unknown verb 'frobnicate'"},
        {"--workers 4 copy a b",
         "'--workers' stands before the verb; write millrace VERB --workers"},
        {"copy a.csv", "copy needs FROM TO"},
        {"copy a.csv b.csv c.csv", "copy takes FROM TO, found also 'c.csv'"},
        {"version now", "version takes no operands, found also 'now'"},
        {"copy a.csv b.csv --worker 2",
         "unknown flag '--worker' of copy; did you mean '--workers'?"},
        {"copy a.csv b.csv --bogusflag=2", "unknown flag '--bogusflag' of copy"},
        {"copy a.csv b.csv --rows 2", "unknown flag '--rows' of copy"},
        {"copy a.csv b.csv -x", "unknown flag '-x' of copy"},
        {"copy a.csv b.csv -n 5", "unknown flag '-n' of copy"},
        {"copy a.csv b.csv --workers", "--workers needs a value: N"},
        {"copy a.csv b.csv --no-ordered=true", "--no-ordered takes no value"},
        {"copy a.csv b.csv --no-workers",
         "unknown flag '--no-workers' of copy; did you mean '--workers'?"},
        {"copy a.csv b.csv --ordered=perhaps",
         "--ordered: performance.ordered: expected true or false, found 'perhaps'"},
        {"copy a.csv b.csv --workers 0", "--workers: performance.workers: expected a whole number "
                                         "from 1 to 1024, or auto, found '0'"},
        {"copy a.csv b.csv --map x", "--map: expected name = expression, found 'x'"},
        {"copy a.csv b.csv --from-opt x", "--from-opt: expected key=value, found 'x'"},
        {"copy a.xyz b.csv", "FROM: the name of the source 'a.xyz' does not tell its format; write "
                             "csv:a.xyz or json:a.xyz"},
        {"copy a.csv cvs:b", "TO: unknown connector 'cvs'; did you mean 'csv'?"},
        {"pipeline csv json --dest-path b", "the source 'csv' has no path"},
        {"pipeline cvs json", "SRC: unknown connector 'cvs'; did you mean 'csv'?"},
        {"pipeline postgresql json",
         "SRC: connector 'postgresql' is not built yet in this version"},
        {"pipeline csv json --source-path a --dest-path b --source-config [1]",
         "--source-config:1:1: source: expected a mapping"},
        {"pipeline csv json --source-path a --dest-path b --dest-config {",
         "--dest-config:2:1: did not find expected node content while parsing a flow node"},
        {"copy a.csv b.csv --storage-mode columnar --streaming-mode",
         "'storage.mode: columnar' contradicts 'performance.streaming_mode: true'; with "
         "--allow-conflicts: storage mode row"},
        {"copy a.csv b.csv.gz --compression zstd",
         "'compression: zstd' contradicts 'path: b.csv.gz', whose name says gzip"},
        {"run", "run needs either CONFIG or -s FILE and -d FILE"},
        {"run x.yaml -s a.json", "run needs either CONFIG or -s FILE and -d FILE"},
        {"run -s a.json", "run needs -d FILE too"},
        {"run /nonexistent/p.yaml",
         "'/nonexistent/p.yaml': cannot be opened: No such file or directory; check the path"},
        {"preview a.csv -n many",
         "-n: rows: expected a whole number from 0 to 1000000, found 'many'"},
        {"preview a.csv -n", "-n needs a value: N"},
    };
    expect_refused(rows, MR_COUNT_OF(rows));
}

MR_TEST(bad_command_lines_about_the_server_say_what_is_wrong)
{
    static const char *const rows[][2] = {
        {"serve now", "serve takes no operands, found also 'now'"},
        {"serve --lisen x", "unknown flag '--lisen' of serve; did you mean '--listen'?"},
        {"serve --workers 4", "unknown flag '--workers' of serve; did you mean '--writers'?"},
        {"serve --io-threads many",
         "--io-threads: threads.io: expected a whole number from 0 to 64, found 'many'"},
        {"serve --config /nonexistent/s.yaml",
         "'/nonexistent/s.yaml': cannot be opened: No such file or directory; check the path"},
        {"copy a.csv b.csv --listen x", "unknown flag '--listen' of copy"},
        {"store chekc d", "unknown verb 'store chekc'; did you mean 'store check'?"},
        {"store check", "store check needs DIR"},
        {"store check a b", "store check takes DIR, found also 'b'"},
        {"store check d --force", "unknown flag '--force' of store check"},
    };
    expect_refused(rows, MR_COUNT_OF(rows));
}

MR_TEST(flags_win_over_system_flags_which_win_over_files)
{
    const char *pipeline = write_file(
        "p.yaml", "source: {type: csv, path: a.csv, delimiter: ';'}\ndestination: b.csv\n"
                  "performance: {workers: 1, batch_size: 1, max_concurrency: 1}\n");
    const char *system =
        write_file("s.json", "{\"workers\": 2, \"batch_size\": 2, \"flush_interval\": \"1h\"}");
    char line[512];
    snprintf(line, sizeof line, "run %s --batch-size 3 --from-opt delimiter=, --system-config %s",
             pipeline, system);
    fixture f;
    if (parse(&f, line) != MR_OK) MR_TEST_FAIL("%s\n", f.err.text);
    MR_EXPECT_U64(f.args.config.performance.batch_size, ==, 3);
    MR_EXPECT_U64(f.args.config.performance.workers, ==, 2);
    MR_EXPECT_U64(f.args.config.performance.max_concurrency, ==, 1);
    MR_EXPECT_I64(f.args.config.performance.flush_interval_ns, ==, 3600000000000);
    MR_EXPECT_TEXT(mr_endpoint_get(&f.args.config.source, "delimiter")->value, ",");
    mr_arena_done(&f.arena);
}

MR_TEST(two_files_make_one_pipeline)
{
    const char *source = write_file("s.json", "{\"type\": \"csv\", \"path\": \"a.csv\"}");
    const char *destination = write_file("d.json", "{\"type\": \"json\", \"path\": \"b.json\"}");
    char line[512];
    fixture f;
    snprintf(line, sizeof line, "run -s %s --destination=%s", source, destination);
    if (parse(&f, line) != MR_OK) MR_TEST_FAIL("%s\n", f.err.text);
    MR_EXPECT_TEXT(f.args.config.source.connector, "csv");
    MR_EXPECT_TEXT(mr_endpoint_get(&f.args.config.destination, "format")->value, "array");
    mr_arena_done(&f.arena);
    snprintf(line, sizeof line, "validate %s", source);
    if (parse(&f, line) != MR_OK) MR_TEST_FAIL("%s\n", f.err.text);
    MR_EXPECT_TEXT(f.args.verb->name, "check");
    mr_arena_done(&f.arena);
}

MR_TEST(flags_and_operands_end_up_in_the_configuration)
{
    fixture f;
    if (parse(&f, "pipeline csv json --source-path a~b.csv --dest-path - --format array "
                  "--no-ordered --dest-config {\"indent\":2}") != MR_OK)
        MR_TEST_FAIL("%s\n", f.err.text);
    MR_EXPECT_TEXT(f.args.config.source.path, "a b.csv");
    MR_EXPECT_TEXT(f.args.config.destination.path, "-");
    MR_EXPECT_TEXT(mr_endpoint_get(&f.args.config.destination, "format")->value, "array");
    MR_EXPECT_TEXT(mr_endpoint_get(&f.args.config.destination, "indent")->value, "2");
    MR_EXPECT(!f.args.config.performance.ordered);
    mr_arena_done(&f.arena);
    MR_EXPECT_I64(parse(&f, "preview a.csv -n7"), ==, MR_OK);
    MR_EXPECT_U64(f.args.rows, ==, 7);
    mr_arena_done(&f.arena);
}

MR_TEST(every_flag_has_a_key_and_every_verb_a_summary)
{
    for (const mr_flag *flag = mr_flags; flag->name != NULL; flag++) {
        if ((flag->action == MR_FLAG_KEY || flag->action == MR_FLAG_ARGS) &&
            mr_flag_option(flag) == NULL)
            MR_TEST_FAIL("--%s names no key\n", flag->name);
        MR_EXPECT(flag->help != NULL || mr_flag_option(flag)->help != NULL);
        const mr_option *option = mr_flag_option(flag);
        if (option != NULL && (option->type == MR_OPTION_BOOL) != mr_flag_is_switch(flag))
            MR_TEST_FAIL("--%s: a switch is a bool and nothing else is\n", flag->name);
        for (const mr_flag *other = mr_flags; other < flag; other++)
            MR_EXPECT(strcmp(flag->name, other->name) != 0 || (flag->verbs & other->verbs) == 0);
    }
    for (const mr_verb *verb = mr_verbs; verb->name != NULL; verb++)
        MR_EXPECT(verb->summary != NULL && verb->operands != NULL);
}

MR_TEST(flags_of_the_server_have_keys_and_no_verb_has_two_of_one_name)
{
    for (const mr_flag *flag = mr_server_flags; flag->name != NULL; flag++) {
        const mr_option *option = mr_flag_option(flag);
        if (option == NULL) MR_TEST_FAIL("--%s names no key\n", flag->name);
        if ((option->type == MR_OPTION_BOOL) != mr_flag_is_switch(flag))
            MR_TEST_FAIL("--%s: a switch is a bool and nothing else is\n", flag->name);
        for (const mr_flag *other = mr_server_flags; other < flag; other++)
            if (strcmp(flag->name, other->name) == 0 && (flag->verbs & other->verbs) != 0)
                MR_TEST_FAIL("--%s twice\n", flag->name);
    }
    for (const mr_option *option = mr_serve_table; option->name != NULL; option++) {
        bool found = false;
        for (const mr_flag *flag = mr_server_flags; flag->name != NULL; flag++)
            found = found || mr_flag_option(flag) == option;
        if (!found) MR_TEST_FAIL("no flag sets %s\n", option->name);
        MR_EXPECT(option->help != NULL);
    }
}

MR_TEST(every_key_has_help_a_note_where_due_and_one_name)
{
    for (const mr_option *option = mr_config_table; option->name != NULL; option++) {
        if (option->help == NULL) MR_TEST_FAIL("%s has no help\n", option->name);
        if ((option->flags & (MR_OPTION_IGNORED | MR_OPTION_REFUSED)) != 0 && option->note == NULL)
            MR_TEST_FAIL("%s has no note\n", option->name);
        if (mr_option_find(mr_config_table, mr_slice_text(option->name)) != option)
            MR_TEST_FAIL("%s is a name of another key too\n", option->name);
        const char *rest = option->aliases;
        for (mr_slice alias; mr_option_next_alias(&rest, &alias);)
            if (mr_option_find(mr_config_table, alias) != option)
                MR_TEST_FAIL("%.*s is a name of two keys\n", MR_SLICE_ARGS(alias));
    }
}

/* `text` is in the file `path`: all of it, or between the markers of generated parts. */
static void expect_in_file(const char *path, const mr_buffer *text, bool whole)
{
    size_t len = 0;
    char *file = mr_test_read_file(mr_test_path(path), &len);
    const bool same = whole ? len == text->len && memcmp(file, text->ptr, len) == 0
                            : memmem(file, len, text->ptr, text->len) != NULL;
    mr_mem_free(file);
    if (!same) MR_TEST_FAIL("%s is not what the program prints; run `make docs`\n", path);
}

MR_TEST(checked_in_documents_are_what_the_program_prints)
{
    mr_buffer out;
    mr_error err = {0};
    mr_buffer_init(&out, "test", MR_HELP_MAX_BYTES);
    MR_EXPECT_OK(mr_help_man(&out, &err));
    expect_in_file("docs/millrace.1", &out, true);
    mr_buffer_reset(&out);
    MR_EXPECT_OK(mr_help_bash(&out, &err));
    expect_in_file("tools/millrace.bash", &out, true);
    mr_buffer_reset(&out);
    MR_EXPECT_OK(mr_help_configuration(MR_OPTION_STYLE_MARKDOWN, &out, &err));
    expect_in_file("docs/configuration.md", &out, false);
    mr_buffer_done(&out);
}

MR_TEST(help_names_every_flag_of_a_verb)
{
    for (const mr_verb *verb = mr_verbs; verb->name != NULL; verb++) {
        mr_buffer out;
        mr_error err = {0};
        mr_buffer_init(&out, "test", MR_HELP_MAX_BYTES);
        MR_EXPECT_OK(mr_help_verb(verb, &out, &err));
        for (const mr_flag *flag = mr_flags; flag->name != NULL; flag++) {
            if ((flag->verbs & verb->bit) == 0 || verb->bit == MR_VERB_LATER) continue;
            if (memmem(out.ptr, out.len, flag->name, strlen(flag->name)) == NULL)
                MR_TEST_FAIL("help of %s does not name --%s\n", verb->name, flag->name);
        }
        mr_buffer_done(&out);
    }
}

static mr_code parse_and_forget(void)
{
    fixture f;
    const mr_code code = parse(&f, "copy a.csv?delimiter=; b.jsonl.gz --select a,b --rename a=c "
                                   "--dest-config {\"x\":1} --rejects r --metrics :1");
    mr_arena_done(&f.arena);
    return code;
}

MR_TEST(every_failed_allocation_is_reported)
{
    MR_EACH_ALLOC_FAILS(parse_and_forget());
}
