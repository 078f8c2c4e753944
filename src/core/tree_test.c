/* SPDX-License-Identifier: MIT */
#include "core/tree.h"

#include <stdlib.h>
#include <unistd.h>

#include "support/test.h"

static mr_code parse(mr_arena *arena, const char *text, mr_tree *tree, mr_error *err)
{
    return mr_tree_parse(arena, "t.yaml", mr_slice_text(text), tree, err);
}

/* The tree as one line: {key:value,...} [a,b] and scalars with N B I F T before them. */
static void show(const mr_node *node, char *out, size_t size)
{
    const size_t at = strlen(out);
    if (node->kind == MR_NODE_SCALAR) {
        snprintf(out + at, size - at, "%c=%s", "NBIFT"[mr_node_scalar_type(node)],
                 node -> text.ptr);
        return;
    }
    const bool map = node->kind == MR_NODE_MAP;
    snprintf(out + at, size - at, "%s", map ? "{" : "[");
    for (const mr_node_entry *e = node->first; e != NULL; e = e->next) {
        const size_t used = strlen(out);
        snprintf(out + used, size - used, "%s%s%s", e == node->first ? "" : ",",
                 e->key.ptr ? e->key.ptr : "", map ? ":" : "");
        show(e->value, out, size);
    }
    const size_t used = strlen(out);
    snprintf(out + used, size - used, "%s", map ? "}" : "]");
}

MR_TEST(documents_become_trees)
{
    static const struct {
        const char *text, *tree;
    } rows[] = {
        {"a: 1\nb: [x, 'y', \"z\"]\n", "{a:I=1,b:[T=x,T=y,T=z]}"},
        {"{\"a\": {\"b\": null, \"c\": true}, \"d\": 1.5e3}", "{a:{b:N=null,c:B=true},d:F=1.5e3}"},
        {"", "N="},
        {"# only a comment\n", "N="},
        {"---\na: ~\n...\n", "{a:N=~}"},
        {"a: &x [1, 2]\nb: *x\n", "{a:[I=1,I=2],b:[I=1,I=2]}"},
        {"a: &x 1\nb: &x 2\nc: *x\n", "{a:I=1,b:I=2,c:I=2}"},
        {"a: '1'\nb: !!str 1\nc: !!int 1\n", "{a:T=1,b:T=1,c:I=1}"},
        {"a: |\n  x\n  y\n", "{a:T=x\ny\n}"},
        {"yes: no\n", "{yes:T=no}"},
        {"[0x1F, 0o17, -5, +5, .5, 5., 1e, ., -, 1_000, .inf, .nan, 12e03, -2E+05]",
         "[I=0x1F,I=0o17,I=-5,I=+5,F=.5,F=5.,T=1e,T=.,T=-,T=1_000,F=.inf,F=.nan,F=12e03,F=-2E+05]"},
        {"[]", "[]"},
        {"{}", "{}"},
    };
    for (size_t i = 0; i < MR_COUNT_OF(rows); i++) {
        mr_arena arena;
        mr_arena_init(&arena, "test", 1 << 20);
        mr_error err = {0};
        mr_tree tree = {0};
        MR_EXPECT_OK(parse(&arena, rows[i].text, &tree, &err));
        char shown[512] = "";
        show(tree.root, shown, sizeof shown);
        MR_EXPECT_TEXT(shown, rows[i].tree);
        mr_arena_done(&arena);
    }
}

MR_TEST(variables_are_replaced_once_and_only_in_values)
{
    setenv("MR_T_ONE", "one", 1);
    setenv("MR_T_EMPTY", "", 1);
    setenv("MR_T_NESTED", "${MR_T_ONE}", 1);
    setenv("MR_T_YAML", "x: [1]", 1);
    unsetenv("MR_T_UNSET");
    static const struct {
        const char *text, *tree;
    } rows[] = {
        {"a: ${MR_T_ONE}", "{a:T=one}"},
        {"a: <${MR_T_ONE}${MR_T_ONE}>", "{a:T=<oneone>}"},
        {"a: '${MR_T_ONE}'", "{a:T=one}"},
        {"a: ${MR_T_UNSET:-7}", "{a:I=7}"},
        {"a: ${MR_T_EMPTY:-7}", "{a:I=7}"},
        {"a: x${MR_T_UNSET:-}y", "{a:T=xy}"},
        {"a: ${MR_T_NESTED}", "{a:T=${MR_T_ONE}}"},
        {"a: ${MR_T_YAML}", "{a:T=x: [1]}"},
        {"a: $${MR_T_ONE}", "{a:T=${MR_T_ONE}}"},
        {"a: $MR_T_ONE $ $$", "{a:T=$MR_T_ONE $ $$}"},
        {"'${MR_T_ONE}': 1", "{${MR_T_ONE}:I=1}"},
    };
    for (size_t i = 0; i < MR_COUNT_OF(rows); i++) {
        mr_arena arena;
        mr_arena_init(&arena, "test", 1 << 20);
        mr_error err = {0};
        mr_tree tree = {0};
        MR_EXPECT_OK(parse(&arena, rows[i].text, &tree, &err));
        char shown[512] = "";
        show(tree.root, shown, sizeof shown);
        MR_EXPECT_TEXT(shown, rows[i].tree);
        mr_arena_done(&arena);
    }
}

MR_TEST(an_empty_variable_is_empty_text_and_nothing_is_null)
{
    setenv("MR_T_EMPTY", "", 1);
    mr_arena arena;
    mr_arena_init(&arena, "test", 1 << 20);
    mr_error err = {0};
    mr_tree tree = {0};
    MR_EXPECT_OK(parse(&arena, "a: ${MR_T_EMPTY}\nb:\nc: ''\n", &tree, &err));
    MR_EXPECT(!mr_node_is_null(mr_node_get(tree.root, "a")));
    MR_EXPECT(mr_node_is_null(mr_node_get(tree.root, "b")));
    MR_EXPECT(!mr_node_is_null(mr_node_get(tree.root, "c")));
    MR_EXPECT(mr_node_get(tree.root, "d") == NULL);
    mr_arena_done(&arena);
}

MR_TEST(errors_name_file_line_and_column)
{
    unsetenv("MR_T_UNSET");
    static const struct {
        const char *text, *error;
    } rows[] = {
        {"a: 1\nb: 2\na: 3\n", "t.yaml:3:1: key 'a' is given twice"},
        {"a: 1\n--- \nb: 1\n", "t.yaml:2:1: only one document is expected"},
        {"x: ${MR_T_UNSET}\n", "t.yaml:1:4: variable 'MR_T_UNSET' is not set; write "
                               "${MR_T_UNSET:-default} if it may be missing"},
        {"x: ${MR_T_UNSET\n", "t.yaml:1:4: '${MR_T_UNSET' has no closing '}'"},
        {"x: ${1A}\n",
         "t.yaml:1:4: '${1A}' is not ${NAME} or ${NAME:-default}; write $${ for a literal ${"},
        {"x: ${A?b}\n",
         "t.yaml:1:4: '${A?b}' is not ${NAME} or ${NAME:-default}; write $${ for a literal ${"},
        {"x: ${}\n",
         "t.yaml:1:4: '${}' is not ${NAME} or ${NAME:-default}; write $${ for a literal ${"},
        {"a: *nothing\n", "t.yaml:1:4: alias '*nothing' names no anchor"},
        {"a: &a [*a]\n", "t.yaml:1:8: alias '*a' contains itself"},
        {"base: &b {x: 1}\nc:\n  <<: *b\n", "t.yaml:3:3: merge keys ('<<') are not supported"},
        {"? [a]\n: 1\n", "t.yaml:1:3: a key must be a plain value, not a list, mapping or alias"},
        {"a: !secret x\n", "t.yaml:1:4: tag '!secret' is not supported"},
        {"a: !!binary eA==\n", "t.yaml:1:4: tag 'tag:yaml.org,2002:binary' is not supported"},
        {"a: [1\nb: 2\n",
         "t.yaml:2:2: did not find expected ',' or ']' while parsing a flow sequence"},
        {"x: 1\na: {b: c, d: ${HOME}}\n", "t.yaml:2:15: did not find expected ',' or '}' while "
                                          "parsing a flow mapping; between { and "
                                          "} a value with ${...} is written in quotes"},
        {"a: \"x\n", "t.yaml:2:1: found unexpected end of stream while scanning a quoted scalar"},
        {"a: \x01\n", "t.yaml: byte 3: control characters are not allowed"},
        {"a: \xff\n", "t.yaml: byte 3: invalid leading UTF-8 octet"},
    };
    for (size_t i = 0; i < MR_COUNT_OF(rows); i++) {
        mr_arena arena;
        mr_arena_init(&arena, "test", 1 << 20);
        mr_error err = {0};
        mr_tree tree = {0};
        MR_EXPECT_CODE(parse(&arena, rows[i].text, &tree, &err), MR_ERR_USAGE);
        MR_EXPECT_TEXT(err.text, rows[i].error);
        MR_EXPECT(tree.root == NULL);
        mr_arena_done(&arena);
    }
}

MR_TEST(nodes_know_their_line_and_column)
{
    mr_arena arena;
    mr_arena_init(&arena, "test", 1 << 20);
    mr_error err = {0};
    mr_tree tree = {0};
    MR_EXPECT_OK(parse(&arena, "a:\n  bc: x\n", &tree, &err));
    const mr_node *a = mr_node_get(tree.root, "a");
    MR_EXPECT_U64(a->first->key_line, ==, 2);
    MR_EXPECT_U64(a->first->key_column, ==, 3);
    MR_EXPECT_U64(a->first->value->line, ==, 2);
    MR_EXPECT_U64(a->first->value->column, ==, 7);
    MR_EXPECT_TEXT(mr_tree_where(&tree, 2, 3, &arena), "t.yaml:2:3");
    mr_arena_done(&arena);
}

/* Fills `out` with `count` copies of `piece`, then `tail`. */
static const char *repeat(char *out, size_t size, const char *head, const char *piece, size_t count,
                          const char *tail)
{
    size_t used = (size_t)snprintf(out, size, "%s", head);
    const size_t len = strlen(piece);
    for (size_t i = 0; i < count && used + len < size; i++, used += len)
        memcpy(out + used, piece, len);
    snprintf(out + used, size - used, "%s", tail);
    return out;
}

static void expect_limit(const char *text, const char *words)
{
    mr_arena arena;
    mr_arena_init(&arena, "test", 32 << 20);
    mr_error err = {0};
    mr_tree tree = {0};
    MR_EXPECT_CODE(parse(&arena, text, &tree, &err), MR_ERR_LIMIT);
    if (strstr(err.text, words) == NULL) MR_TEST_FAIL("'%s' does not say '%s'\n", err.text, words);
    mr_arena_done(&arena);
}

MR_TEST(alias_bombs_depth_and_size_are_refused)
{
    static char text[2 << 20];
    char bomb[2048] = "a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n";
    for (int i = 1; i < 9; i++) {
        const size_t used = strlen(bomb);
        snprintf(bomb + used, sizeof bomb - used,
                 "a%d: &a%d [*a%d,*a%d,*a%d,*a%d,*a%d,*a%d,*a%d,*a%d,*a%d]\n", i, i, i - 1, i - 1,
                 i - 1, i - 1, i - 1, i - 1, i - 1, i - 1, i - 1);
    }
    expect_limit(bomb, "more than 65536 values");
    expect_limit(repeat(text, sizeof text, "", "[", MR_TREE_MAX_DEPTH + 1, ""),
                 "more than 32 levels");
    expect_limit(repeat(text, sizeof text, "[", "1,", MR_TREE_MAX_NODES, "]"),
                 "more than 65536 values");
    expect_limit(repeat(text, sizeof text, "#", "x", MR_TREE_MAX_BYTES, "\n"),
                 "larger than 1048576 bytes");
    expect_limit("a: &a [[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]\nb: &b "
                 "[[[[[[[[[[[[[[[*a]]]]]]]]]]]]]]]\nc: [*b]\n",
                 "more than 32 levels");
    size_t used = 0;
    for (int i = 0; i <= MR_TREE_MAX_KEYS; i++)
        used += (size_t)snprintf(text + used, sizeof text - used, "k%d: 1\n", i);
    expect_limit(text, "more than 1024 keys");
    used = 0;
    for (int i = 0; i <= MR_TREE_MAX_ANCHORS; i++)
        used += (size_t)snprintf(text + used, sizeof text - used, "- &k%d 1\n", i);
    expect_limit(text, "more than 64 anchors");
    static char big[20001];
    memset(big, 'x', sizeof big - 1);
    setenv("MR_T_BIG", big, 1);
    expect_limit(repeat(text, sizeof text, "[", "'${MR_T_BIG}',", 60, "]"),
                 "variables hold more than 1048576 bytes");
    unsetenv("MR_T_BIG");
}

MR_TEST(the_deepest_allowed_nesting_is_read)
{
    char text[256];
    repeat(text, sizeof text, "", "[", MR_TREE_MAX_DEPTH, "");
    repeat(text, sizeof text, "", "[", MR_TREE_MAX_DEPTH, "1");
    const size_t used = strlen(text);
    memset(text + used, ']', MR_TREE_MAX_DEPTH);
    text[used + MR_TREE_MAX_DEPTH] = 0;
    mr_arena arena;
    mr_arena_init(&arena, "test", 1 << 20);
    mr_error err = {0};
    mr_tree tree = {0};
    MR_EXPECT_OK(parse(&arena, text, &tree, &err));
    MR_EXPECT_U64(tree.root->height, ==, MR_TREE_MAX_DEPTH);
    MR_EXPECT_U64(tree.root->weight, ==, MR_TREE_MAX_DEPTH + 1);
    mr_arena_done(&arena);
}

MR_TEST(files_are_read_and_secrets_lose_one_newline)
{
    static const struct {
        const char *content, *secret;
    } rows[] = {{"pw\n", "pw"}, {"pw\r\n", "pw"}, {"pw", "pw"}, {"pw\n\n", "pw\n"}, {"", ""}};
    char path[256];
    snprintf(path, sizeof path, "%s/secret", mr_test_dir());
    mr_arena arena;
    mr_arena_init(&arena, "test", 1 << 20);
    mr_error err = {0};
    for (size_t i = 0; i < MR_COUNT_OF(rows); i++) {
        mr_test_write_file(path, mr_slice_text(rows[i].content));
        mr_slice secret = {0};
        MR_EXPECT_OK(mr_secret_load(&arena, path, &secret, &err));
        MR_EXPECT_SLICE(secret, rows[i].secret);
    }
    mr_test_write_file(path, MR_SLICE("a: 1"));
    mr_tree tree = {0};
    MR_EXPECT_OK(mr_tree_load(&arena, path, &tree, &err));
    MR_EXPECT_TEXT(mr_node_get(tree.root, "a")->text.ptr, "1");
    MR_EXPECT_CODE(mr_tree_load(&arena, "/nonexistent/x.yaml", &tree, &err), MR_ERR_USAGE);
    MR_EXPECT_TEXT(
        err.text,
        "'/nonexistent/x.yaml': cannot be opened: No such file or directory; check the path");
    MR_EXPECT_CODE(mr_tree_load(&arena, mr_test_dir(), &tree, &err), MR_ERR_USAGE);
    MR_EXPECT_CODE(mr_secret_load(&arena, "/dev/zero", &(mr_slice){0}, &err), MR_ERR_LIMIT);
    mr_arena_done(&arena);
}

static mr_code parse_and_forget(void)
{
    mr_arena arena;
    mr_arena_init(&arena, "test", 1 << 20);
    mr_tree tree = {0};
    mr_error err = {0};
    static const char text[] =
        "a: &x [1, 2, {b: '${MR_T_UNSET:-z}'}]\nc: *x\n"
        "d: zzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzz\n";
    const mr_code code = parse(&arena, text, &tree, &err);
    mr_arena_done(&arena);
    return code;
}

MR_TEST(every_failed_allocation_is_reported)
{
    MR_EACH_ALLOC_FAILS(parse_and_forget());
}
