/* SPDX-License-Identifier: MIT */
#include "core/option.h"

#include "core/nearest.h"
#include "core/option_print.h"
#include "support/test.h"

typedef struct sample {
    bool flag;
    int64_t i64;
    uint32_t u32;
    uint64_t u64;
    double f64;
    const char *text, *secret, *bare;
    char byte;
    int64_t duration_ns;
    uint64_t size;
    int mode;
    mr_option_list list;
    mr_option_map map;
    char parsed[3];
    bool refused, ignored;
} sample;

static mr_code parse_three(mr_slice text, void *field, mr_error *err)
{
    if (text.len != 3) return mr_fail(err, MR_ERR_USAGE, "expected three bytes");
    memcpy(field, text.ptr, 3);
    return MR_OK;
}

#define AT(field) .offset = offsetof(sample, field)

static const mr_option_choice modes[] = {
    {"row", 1}, {"columnar", 2}, {"hybrid", 3}, {"auto", 3}, {0}};
static const mr_option_choice bytes[] = {{"tab", '\t'}, {"none", 0}, {0}};

static const mr_option table[] = {
    {.name = "flag", .type = MR_OPTION_BOOL, AT(flag), .fallback = "true", .help = "a switch"},
    {.name = "i64",
     .type = MR_OPTION_I64,
     AT(i64),
     .fallback = "-5",
     .range = {-10, 10},
     .help = "signed"},
    {.name = "batch_rows",
     .aliases = "rows batch",
     .type = MR_OPTION_U32,
     AT(u32),
     .fallback = "4096",
     .range = {1, 1 << 20},
     .help = "rows"},
    {.name = "big", .type = MR_OPTION_U64, AT(u64), .help = "unsigned"},
    {.name = "ratio",
     .type = MR_OPTION_F64,
     AT(f64),
     .fallback = "0.5",
     .range = {0, 1},
     .help = "share"},
    {.name = "text", .type = MR_OPTION_TEXT, AT(text), .fallback = "abc", .help = "words|more"},
    {.name = "password",
     .type = MR_OPTION_TEXT,
     AT(secret),
     .flags = MR_OPTION_SECRET,
     .help = "secret"},
    {.name = "bare",
     .type = MR_OPTION_TEXT,
     AT(bare),
     .flags = MR_OPTION_REQUIRED,
     .help = "needed"},
    {.name = "delimiter",
     .type = MR_OPTION_CHAR,
     AT(byte),
     .fallback = ",",
     .choices = bytes,
     .help = "byte"},
    {.name = "wait",
     .type = MR_OPTION_DURATION_NS,
     AT(duration_ns),
     .fallback = "10s",
     .range = {1, 60000000000},
     .help = "time"},
    {.name = "room",
     .type = MR_OPTION_SIZE_BYTES,
     AT(size),
     .fallback = "1MiB",
     .range = {1024, INT64_MAX},
     .help = "bytes"},
    {.name = "mode",
     .type = MR_OPTION_ENUM,
     AT(mode),
     .fallback = "hybrid",
     .choices = modes,
     .help = "layout"},
    {.name = "list", .type = MR_OPTION_LIST, AT(list), .fallback = "x,y", .help = "items"},
    {.name = "map", .type = MR_OPTION_MAP, AT(map), .help = "pairs"},
    {.name = "three",
     .type = MR_OPTION_PARSED,
     AT(parsed),
     .size = 3,
     .parse = parse_three,
     .syntax = "three bytes",
     .help = "three"},
    {.name = "later",
     .type = MR_OPTION_BOOL,
     AT(refused),
     .fallback = "false",
     .flags = MR_OPTION_REFUSED,
     .note = "not built",
     .help = "later"},
    {.name = "old",
     .type = MR_OPTION_BOOL,
     AT(ignored),
     .flags = MR_OPTION_IGNORED,
     .note = "no need",
     .help = "old"},
    {.name = "performance.batch_size",
     .type = MR_OPTION_PARSED,
     AT(parsed),
     .size = 3,
     .parse = parse_three,
     .help = "x"},
    {0},
};

typedef struct fixture {
    mr_arena arena;
    mr_error err;
    sample values;
    mr_options options;
} fixture;

static void open_fixture(fixture *f)
{
    memset(f, 0, sizeof *f);
    mr_arena_init(&f->arena, "test", 1 << 22);
    mr_error err = {0};
    MR_EXPECT_OK(mr_options_init(&f->options, "sample", table, &f->values, &f->arena, &err));
}

static mr_code set_as(fixture *f, const char *name, const char *value, mr_option_origin origin)
{
    const mr_option_from from = {origin, origin == MR_ORIGIN_FILE ? "p.yaml:1:2" : NULL};
    return mr_options_set(&f->options, mr_slice_text(name), mr_slice_text(value), from, &f->err);
}

static mr_code set(fixture *f, const char *name, const char *value)
{
    return set_as(f, name, value, MR_ORIGIN_FLAG);
}

MR_TEST(fallbacks_are_set_from_their_text)
{
    fixture f;
    open_fixture(&f);
    MR_EXPECT(f.values.flag);
    MR_EXPECT_I64(f.values.i64, ==, -5);
    MR_EXPECT_U64(f.values.u32, ==, 4096);
    MR_EXPECT(f.values.f64 == 0.5);
    MR_EXPECT_TEXT(f.values.text, "abc");
    MR_EXPECT(f.values.bare == NULL);
    MR_EXPECT_I64(f.values.byte, ==, ',');
    MR_EXPECT_I64(f.values.duration_ns, ==, 10000000000);
    MR_EXPECT_U64(f.values.size, ==, 1 << 20);
    MR_EXPECT_I64(f.values.mode, ==, 3);
    MR_EXPECT_U64(f.values.list.count, ==, 2);
    MR_EXPECT_TEXT(f.values.list.items[1], "y");
    MR_EXPECT(!mr_options_given(&f.options, "flag"));
    mr_arena_done(&f.arena);
}

MR_TEST(good_texts_are_accepted)
{
    static const char *const rows[][2] = {
        {"flag", "true"},      {"flag", "FALSE"},
        {"flag", "yes"},       {"flag", "0"},
        {"i64", "-10"},        {"i64", "10"},
        {"batch-rows", "1"},   {"rows", "1048576"},
        {"batch", "7"},        {"big", "18446744073709551615"},
        {"ratio", "0"},        {"ratio", "1.0"},
        {"ratio", "1e-3"},     {"text", ""},
        {"delimiter", ";"},    {"delimiter", "tab"},
        {"delimiter", "\\t"},  {"delimiter", "\\x1F"},
        {"delimiter", "\\\\"}, {"wait", "1m"},
        {"wait", "1"},         {"wait", "1ms"},
        {"room", "1KiB"},      {"room", "4096"},
        {"mode", "auto"},      {"mode", "columnar"},
        {"list", "a,b\\,c"},   {"list", ""},
        {"map", "a=b"},        {"three", "xyz"},
        {"later", "no"},       {"old", "true"},
    };
    for (size_t i = 0; i < MR_COUNT_OF(rows); i++) {
        fixture f;
        open_fixture(&f);
        if (set(&f, rows[i][0], rows[i][1]) != MR_OK)
            MR_TEST_FAIL("%s=%s: %s\n", rows[i][0], rows[i][1], f.err.text);
        MR_EXPECT(mr_options_given(&f.options, rows[i][0]));
        mr_arena_done(&f.arena);
    }
}

MR_TEST(bad_texts_are_refused_with_key_value_and_what_is_allowed)
{
    static const char *const rows[][3] = {
        {"flag", "maybe", "flag: expected true or false, found 'maybe'"},
        {"flag", "", "flag: expected true or false, found ''"},
        {"i64", "11", "i64: expected a whole number from -10 to 10, found '11'"},
        {"i64", "9223372036854775808",
         "i64: expected a whole number from -10 to 10, found '9223372036854775808'"},
        {"rows", "0", "rows: expected a whole number from 1 to 1048576, found '0'"},
        {"batch_rows", "007", "batch_rows: expected a whole number from 1 to 1048576, found '007'"},
        {"batch_rows", "4294967297",
         "batch_rows: expected a whole number from 1 to 1048576, found '4294967297'"},
        {"big", "-1", "big: expected a whole number, found '-1'"},
        {"big", "18446744073709551616",
         "big: expected a whole number, found '18446744073709551616'"},
        {"ratio", "1.1", "ratio: expected a number from 0 to 1, found '1.1'"},
        {"ratio", "nan", "ratio: expected a number from 0 to 1, found 'nan'"},
        {"ratio", "0x1", "ratio: expected a number from 0 to 1, found '0x1'"},
        {"delimiter", "ab",
         "delimiter: expected one character or tab or none, found 'ab'; did you mean 'tab'?"},
        {"delimiter", "\\q", "delimiter: expected one character or tab or none, found '\\q'"},
        {"wait", "2m",
         "wait: expected a duration (10s, 1m30s, or nanoseconds) from 1ns to 1m, found '2m'"},
        {"wait", "10 parsecs",
         "wait: expected a duration (10s, 1m30s, or nanoseconds) from 1ns to 1m, found '10 "
         "parsecs'"},
        {"room", "1023", "room: expected a size (64MiB, or bytes) of at least 1KiB, found '1023'"},
        {"mode", "colunmar",
         "mode: expected row, columnar or hybrid, found 'colunmar'; did you mean 'columnar'?"},
        {"list", "a,,b", "list: expected a list (a,b,c), found 'a,,b'"},
        {"map", "a", "map: expected pairs (key=value,key=value), found 'a'"},
        {"map", "=a", "map: expected pairs (key=value,key=value), found '=a'"},
        {"map", "a=1,a=2", "map: 'a' is given twice"},
        {"three", "xy", "three: expected three bytes"},
        {"later", "true", "later: not supported yet: not built"},
        {"batch_row", "1", "unknown key 'batch_row' in sample; did you mean 'batch_rows'?"},
        {"zzzzzzzz", "1", "unknown key 'zzzzzzzz' in sample"},
        {"performance.bach_size", "1",
         "unknown key 'bach_size' in performance; did you mean 'batch_size'?"},
        {"", "1", "unknown key '' in sample"},
    };
    for (size_t i = 0; i < MR_COUNT_OF(rows); i++) {
        fixture f;
        open_fixture(&f);
        const sample before = f.values;
        MR_EXPECT_I64(set(&f, rows[i][0], rows[i][1]), ==, MR_ERR_USAGE);

        MR_EXPECT_TEXT(f.err.text, rows[i][2]);
        /* a copy, padding included */
        MR_EXPECT(memcmp(&before, &f.values, sizeof before) == 0); /* NOLINT(*-comparison,cert-*) */
        mr_arena_done(&f.arena);
    }
}

MR_TEST(secrets_are_never_shown)
{
    fixture f;
    open_fixture(&f);
    const mr_option_from flag = {MR_ORIGIN_FLAG, NULL};
    MR_EXPECT_I64(
        mr_options_set(&f.options, MR_SLICE("password"), mr_slice_of("hun\0ter2", 8), flag, &f.err),
        ==, MR_ERR_USAGE);
    MR_EXPECT(strstr(f.err.text, "ter2") == NULL && strstr(f.err.text, "hun") == NULL);
    MR_EXPECT_I64(set(&f, "password", "hunter2"), ==, MR_OK);
    mr_buffer out;
    mr_buffer_init(&out, "test", 1 << 16);
    MR_EXPECT_I64(mr_options_print_values(&f.options, true, &out, &f.err), ==, MR_OK);
    MR_EXPECT(memmem(out.ptr, out.len, "hunter2", 7) == NULL);
    MR_EXPECT(memmem(out.ptr, out.len, "password: ***", 13) != NULL);
    mr_buffer_done(&out);
    mr_arena_done(&f.arena);
}

MR_TEST(flags_win_over_files_in_either_order)
{
    fixture f;
    open_fixture(&f);
    MR_EXPECT_I64(set_as(&f, "rows", "10", MR_ORIGIN_FLAG), ==, MR_OK);
    MR_EXPECT_I64(set_as(&f, "rows", "20", MR_ORIGIN_FILE), ==, MR_OK);
    MR_EXPECT_I64(set_as(&f, "rows", "30", MR_ORIGIN_SYSTEM), ==, MR_OK);
    MR_EXPECT_U64(f.values.u32, ==, 10);
    MR_EXPECT_I64(set_as(&f, "i64", "1", MR_ORIGIN_FILE), ==, MR_OK);
    MR_EXPECT_I64(set_as(&f, "i64", "2", MR_ORIGIN_SYSTEM), ==, MR_OK);
    MR_EXPECT_I64(set_as(&f, "i64", "3", MR_ORIGIN_FLAG), ==, MR_OK);
    MR_EXPECT_I64(f.values.i64, ==, 3);
    MR_EXPECT_I64(set_as(&f, "i64", "4", MR_ORIGIN_FLAG), ==, MR_OK); /* the last flag */
    MR_EXPECT_I64(f.values.i64, ==, 4);
    /* a wrong value is wrong even where a flag wins */
    MR_EXPECT_I64(set_as(&f, "rows", "x", MR_ORIGIN_FILE), ==, MR_ERR_USAGE);
    mr_arena_done(&f.arena);
}

MR_TEST(a_flag_that_says_the_default_still_wins)
{
    fixture f;
    open_fixture(&f);
    MR_EXPECT_I64(set_as(&f, "rows", "4096", MR_ORIGIN_FLAG), ==, MR_OK);
    MR_EXPECT_I64(set_as(&f, "rows", "20", MR_ORIGIN_FILE), ==, MR_OK);
    MR_EXPECT_U64(f.values.u32, ==, 4096);
    mr_arena_done(&f.arena);
}

MR_TEST(files_that_disagree_are_refused)
{
    fixture f;
    open_fixture(&f);
    MR_EXPECT_I64(set_as(&f, "rows", "10", MR_ORIGIN_FILE), ==, MR_OK);
    MR_EXPECT_I64(set_as(&f, "batch", "10", MR_ORIGIN_FILE), ==, MR_OK);
    MR_EXPECT_I64(set_as(&f, "batch", "11", MR_ORIGIN_FILE), ==, MR_ERR_USAGE);
    MR_EXPECT_TEXT(f.err.text, "p.yaml:1:2: batch: already set to another value at p.yaml:1:2");
    mr_arena_done(&f.arena);
}

MR_TEST(lists_and_maps_add_up_within_one_origin)
{
    fixture f;
    open_fixture(&f);
    const mr_option_from file = {MR_ORIGIN_FILE, NULL}, flag = {MR_ORIGIN_FLAG, NULL};
    mr_options *o = &f.options;
    MR_EXPECT_I64(mr_options_append(o, MR_SLICE("list"), MR_SLICE("a,b"), file, &f.err), ==, MR_OK);
    MR_EXPECT_I64(mr_options_append(o, MR_SLICE("list"), MR_SLICE("c"), file, &f.err), ==, MR_OK);
    MR_EXPECT_U64(f.values.list.count, ==, 2);
    MR_EXPECT_TEXT(f.values.list.items[0], "a,b");
    MR_EXPECT_I64(set(&f, "list", "d,e\\,f,g\\h"), ==, MR_OK);
    MR_EXPECT_I64(set(&f, "list", "i"), ==, MR_OK);
    MR_EXPECT_U64(f.values.list.count, ==, 4);
    MR_EXPECT_TEXT(f.values.list.items[1], "e,f");
    MR_EXPECT_TEXT(f.values.list.items[2], "g\\h");
    MR_EXPECT_I64(mr_options_append(o, MR_SLICE("list"), MR_SLICE("late"), file, &f.err), ==,
                  MR_OK);
    MR_EXPECT_U64(f.values.list.count, ==, 4);
    MR_EXPECT_I64(set(&f, "map", "a\\=b=c=d,x="), ==, MR_OK);
    MR_EXPECT_TEXT(f.values.map.items[0].key, "a=b");
    MR_EXPECT_TEXT(f.values.map.items[0].value, "c=d");
    MR_EXPECT_TEXT(f.values.map.items[1].value, "");
    MR_EXPECT_I64(mr_options_put(o, MR_SLICE("map"), MR_SLICE("y"), MR_SLICE("z"), flag, &f.err),
                  ==, MR_OK);
    MR_EXPECT_U64(f.values.map.count, ==, 3);
    MR_EXPECT_I64(mr_options_put(o, MR_SLICE("list"), MR_SLICE("y"), MR_SLICE("z"), flag, &f.err),
                  ==, MR_ERR_USAGE);
    MR_EXPECT_TEXT(f.err.text, "list: takes one value, not a mapping");
    MR_EXPECT_I64(mr_options_append(o, MR_SLICE("text"), MR_SLICE("y"), flag, &f.err), ==,
                  MR_ERR_USAGE);
    mr_arena_done(&f.arena);
}

MR_TEST(required_options_are_asked_for)
{
    fixture f;
    open_fixture(&f);
    MR_EXPECT_I64(mr_options_require(&f.options, &f.err), ==, MR_ERR_USAGE);
    MR_EXPECT_TEXT(f.err.text, "sample needs 'bare': needed");
    MR_EXPECT_I64(set(&f, "bare", "x"), ==, MR_OK);
    MR_EXPECT_I64(mr_options_require(&f.options, &f.err), ==, MR_OK);
    mr_arena_done(&f.arena);
}

MR_TEST(sections_are_known_by_their_keys)
{
    MR_EXPECT(mr_option_is_section(table, MR_SLICE("performance")));
    MR_EXPECT(!mr_option_is_section(table, MR_SLICE("perform")));
    MR_EXPECT(!mr_option_is_section(table, MR_SLICE("performance.batch_size")));
}

/* Slow and obvious twin: the definition of the distance, by recursion. */
static size_t twin_distance(const char *a, const char *b)
{
    if (*a == 0) return strlen(b);
    if (*b == 0) return strlen(a);
    size_t best = twin_distance(a + 1, b + 1) + (*a != *b);
    const size_t del = twin_distance(a + 1, b) + 1, ins = twin_distance(a, b + 1) + 1;
    if (del < best) best = del;
    if (ins < best) best = ins;
    if (a[1] != 0 && b[1] != 0 && a[0] == b[1] && a[1] == b[0]) {
        const size_t swap = twin_distance(a + 2, b + 2) + 1;
        if (swap < best) best = swap;
    }
    return best;
}

MR_TEST(edit_distance_equals_its_definition)
{
    static const char *const words[] = {"",    "a",    "ab",   "ba",  "abc",  "acb",
                                        "cab", "abcd", "badc", "xyz", "abab", "baba"};
    for (size_t i = 0; i < MR_COUNT_OF(words); i++)
        for (size_t j = 0; j < MR_COUNT_OF(words); j++)
            MR_EXPECT_U64(mr_edit_distance(mr_slice_text(words[i]), mr_slice_text(words[j])), ==,
                          twin_distance(words[i], words[j]));
    char big[MR_NEAREST_MAX_BYTES + 1];
    memset(big, 'a', sizeof big);
    MR_EXPECT_U64(mr_edit_distance(mr_slice_of(big, sizeof big), MR_SLICE("a")), ==, SIZE_MAX);
    MR_EXPECT_U64(mr_edit_distance(mr_slice_of(big, sizeof big - 1), MR_SLICE("a")), ==,
                  MR_NEAREST_MAX_BYTES - 1);
}

MR_TEST(tables_print_in_every_style)
{
    static const struct {
        mr_option_style style;
        const char *part;
    } rows[] = {
        {MR_OPTION_STYLE_TEXT, "  batch_rows\n      rows\n      a whole number from 1 to 1048576; "
                               "default 4096; also rows, batch\n"},
        {MR_OPTION_STYLE_MAN,
         ".TP\n.B i64\nsigned: a whole number from \\-10 to 10; default \\-5.\n"},
        {MR_OPTION_STYLE_MARKDOWN, "| `text` | text | `abc` | words\\|more |\n"},
        {MR_OPTION_STYLE_MARKDOWN,
         "| `later` | true or false | `false` | later (not supported yet: not built) |\n"},
        {MR_OPTION_STYLE_JSON,
         "{\"name\":\"mode\",\"type\":\"enum\",\"choices\":[\"row\",\"columnar\",\"hybrid\","
         "\"auto\"],\"default\":\"hybrid\",\"help\":\"layout\"}"},
        {MR_OPTION_STYLE_JSON,
         "{\"name\":\"password\",\"type\":\"text\",\"secret\":true,\"help\":\"secret\"}"},
    };
    for (size_t i = 0; i < MR_COUNT_OF(rows); i++) {
        mr_buffer out;
        mr_error err = {0};
        mr_buffer_init(&out, "test", 1 << 16);
        MR_EXPECT_OK(mr_option_print(table, rows[i].style, &out, &err));
        if (memmem(out.ptr, out.len, rows[i].part, strlen(rows[i].part)) == NULL)
            MR_TEST_FAIL("%.*s\ndoes not hold\n%s\n", (int)out.len, out.ptr, rows[i].part);
        mr_buffer_done(&out);
    }
}

static mr_code set_many(void)
{
    mr_arena arena;
    mr_error err = {0};
    sample values = {0};
    mr_options options;
    mr_arena_init(&arena, "test", 1 << 22);
    const mr_option_from from = {MR_ORIGIN_FILE, "p.yaml:1:1"};
    mr_code code = mr_options_init(&options, "sample", table, &values, &arena, &err);
    char item[600];
    memset(item, 'x', sizeof item);
    for (int i = 0; i < 20 && code == MR_OK; i++)
        code = mr_options_append(&options, MR_SLICE("list"), mr_slice_of(item, sizeof item), from,
                                 &err);
    if (code == MR_OK)
        code = mr_options_set(&options, MR_SLICE("map"), MR_SLICE("a=b,c=d"), from, &err);
    if (code == MR_OK)
        code = mr_options_set(&options, MR_SLICE("text"), MR_SLICE("words"), from, &err);
    mr_arena_done(&arena);
    return code;
}

MR_TEST(every_failed_allocation_is_reported)
{
    MR_EACH_ALLOC_FAILS(set_many());
}
