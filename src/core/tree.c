/* SPDX-License-Identifier: MIT */
#include "core/tree.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <strings.h>
#include <unistd.h>
#include <yaml.h>

#include "core/buffer.h"

#define MAX_NAME_SHOWN 64   /* of a key, anchor or variable in an error */
#define READ_BYTES     4096 /* at a time */

typedef struct anchor {
    mr_slice name;
    mr_node *node;
    bool complete; /* false while its own content is being read */
} anchor;

/* The parser's events arrive in document order; `open` holds the lists and maps not yet ended. */
typedef struct level {
    mr_node *node;
    mr_node_entry *pending; /* in a map: the key whose value comes next */
} level;

typedef struct builder {
    mr_arena *arena;
    mr_tree *tree;
    mr_slice text;
    level open[MR_TREE_MAX_DEPTH];
    uint32_t depth;
    uint32_t node_count; /* as if aliases were copies */
    size_t substituted_bytes;
    anchor anchors[MR_TREE_MAX_ANCHORS];
    uint32_t anchor_count;
    bool ended;
} builder;

static mr_slice shown(mr_slice text)
{
    return mr_slice_of(text.ptr, text.len < MAX_NAME_SHOWN ? text.len : MAX_NAME_SHOWN);
}

/* Puts "name:line:column: " before the error. */
static mr_code at_mark(const builder *b, yaml_mark_t mark, mr_error *err, mr_code code)
{
    if (err != NULL)
        mr_error_prefix(err, "%s:%zu:%zu", b->tree->name, mark.line + 1, mark.column + 1);
    return code;
}

/* ---- variables ---- */

static bool is_name_byte(char byte, bool first)
{
    if ((byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') || byte == '_') return true;
    return !first && byte >= '0' && byte <= '9';
}

typedef struct reference {
    mr_slice name;
    mr_slice fallback;
    bool has_fallback;
    size_t length; /* from '$' to '}' */
} reference;

/* Reads ${NAME} or ${NAME:-default} at the start of `text`. */
static mr_code read_reference(mr_slice text, reference *out, mr_error *err)
{
    size_t at = 2;
    while (at < text.len && is_name_byte(text.ptr[at], at == 2))
        at++;
    const char *close = memchr(text.ptr + at, '}', text.len - at);
    const mr_slice name = mr_slice_of(text.ptr + 2, at - 2);
    if (close == NULL)
        return mr_fail(err, MR_ERR_USAGE, "'${%.*s' has no closing '}'",
                       MR_SLICE_ARGS(shown(name)));
    const size_t end = (size_t)(close - text.ptr);
    const bool has_fallback = end - at >= 2 && memcmp(text.ptr + at, ":-", 2) == 0;
    if (name.len == 0 || (at != end && !has_fallback))
        return mr_fail(err, MR_ERR_USAGE,
                       "'%.*s' is not ${NAME} or ${NAME:-default}; write $${ for a literal ${",
                       MR_SLICE_ARGS(shown(mr_slice_of(text.ptr, end + 1))));
    *out = (reference){.name = name, .has_fallback = has_fallback, .length = end + 1};
    if (has_fallback) out->fallback = mr_slice_of(text.ptr + at + 2, end - at - 2);
    return MR_OK;
}

static mr_code resolve(const builder *b, const reference *ref, mr_slice *out, mr_error *err)
{
    const char *name = mr_arena_copy(b->arena, ref->name);
    if (name == NULL) return mr_arena_fail(b->arena, err);
    const char *value = getenv(name);
    if (ref->has_fallback && (value == NULL || value[0] == 0)) {
        *out = ref->fallback;
        return MR_OK;
    }
    if (value == NULL)
        return mr_fail(err, MR_ERR_USAGE,
                       "variable '%.*s' is not set; write ${%.*s:-default} if it may be missing",
                       MR_SLICE_ARGS(shown(ref->name)), MR_SLICE_ARGS(shown(ref->name)));
    *out = mr_slice_text(value);
    return MR_OK;
}

static mr_code count_substituted(builder *b, size_t bytes, mr_error *err)
{
    b->substituted_bytes += bytes;
    if (b->substituted_bytes <= MR_TREE_MAX_BYTES) return MR_OK;
    return mr_fail(err, MR_ERR_LIMIT, "variables hold more than %u bytes in all",
                   MR_TREE_MAX_BYTES);
}

/* One pass: called once with out == NULL to count, and again to write `*length` bytes. */
static mr_code substitute(builder *b, mr_slice text, char *out, size_t *length, mr_error *err)
{
    size_t used = 0;
    for (size_t at = 0; at < text.len;) {
        const mr_slice rest = mr_slice_from(text, at);
        mr_slice piece = mr_slice_of(rest.ptr, 1);
        size_t step = 1;
        if (mr_slice_starts(rest, "$${")) {
            piece = MR_SLICE("${");
            step = 3;
        } else if (mr_slice_starts(rest, "${")) {
            reference ref = {0};
            MR_TRY(read_reference(rest, &ref, err));
            MR_TRY(resolve(b, &ref, &piece, err));
            if (out == NULL) MR_TRY(count_substituted(b, piece.len, err));
            step = ref.length;
        }
        if (out != NULL && piece.len > 0) memcpy(out + used, piece.ptr, piece.len);
        used += piece.len;
        at += step;
    }
    *length = used;
    return MR_OK;
}

static mr_code scalar_text(builder *b, mr_slice raw, mr_node *node, mr_error *err)
{
    char *copy = NULL;
    size_t length = raw.len;
    node->substituted = raw.len > 0 && memmem(raw.ptr, raw.len, "${", 2) != NULL;
    if (node->substituted) {
        MR_TRY(substitute(b, raw, NULL, &length, err));
        copy = mr_arena_take(b->arena, length + 1);
        if (copy != NULL) MR_TRY(substitute(b, raw, copy, &length, err));
    } else {
        copy = mr_arena_copy(b->arena, raw);
    }
    if (copy == NULL) return mr_arena_fail(b->arena, err);
    node->text = mr_slice_of(copy, length);
    return MR_OK;
}

/* ---- nodes ---- */

static mr_code count_nodes(builder *b, uint32_t added, mr_error *err)
{
    if (added > MR_TREE_MAX_NODES - b->node_count)
        return mr_fail(err, MR_ERR_LIMIT, "more than %u values, aliases counted as copies",
                       MR_TREE_MAX_NODES);
    b->node_count += added;
    return MR_OK;
}

static bool has_key(const mr_node *map, mr_slice key)
{
    for (const mr_node_entry *e = map->first; e != NULL; e = e->next)
        if (mr_slice_equal(e->key, key)) return true;
    return false;
}

static mr_code link_entry(builder *b, mr_node *parent, mr_node_entry **out, mr_error *err)
{
    mr_node_entry *entry = mr_arena_take(b->arena, sizeof *entry);
    if (entry == NULL) return mr_arena_fail(b->arena, err);
    if (parent->last != NULL) parent->last->next = entry;
    if (parent->first == NULL) parent->first = entry;
    parent->last = entry;
    parent->count++;
    *out = entry;
    return MR_OK;
}

static mr_code add_key(builder *b, level *top, mr_slice key, yaml_mark_t mark, mr_error *err)
{
    if (mr_slice_is(key, "<<"))
        return mr_fail(err, MR_ERR_USAGE, "merge keys ('<<') are not supported");
    if (top->node->count >= MR_TREE_MAX_KEYS)
        return mr_fail(err, MR_ERR_LIMIT, "more than %u keys in one mapping", MR_TREE_MAX_KEYS);
    if (has_key(top->node, key))
        return mr_fail(err, MR_ERR_USAGE, "key '%.*s' is given twice", MR_SLICE_ARGS(shown(key)));
    const char *copy = mr_arena_copy(b->arena, key);
    if (copy == NULL) return mr_arena_fail(b->arena, err);
    MR_TRY(link_entry(b, top->node, &top->pending, err));
    top->pending->key = mr_slice_of(copy, key.len);
    top->pending->key_line = (uint32_t)mark.line + 1;
    top->pending->key_column = (uint32_t)mark.column + 1;
    return MR_OK;
}

/* Puts a node where the document has it: as the root, a list's item, or the value of the pending
 * key. */
static mr_code place(builder *b, mr_node *node, mr_error *err)
{
    if (b->depth == 0) {
        b->tree->root = node;
        return MR_OK;
    }
    level *top = &b->open[b->depth - 1];
    if (top->node->kind == MR_NODE_LIST) {
        mr_node_entry *entry = NULL;
        MR_TRY(link_entry(b, top->node, &entry, err));
        entry->value = node;
        return MR_OK;
    }
    if (top->pending == NULL)
        return mr_fail(err, MR_ERR_USAGE,
                       "a key must be a plain value, not a list, mapping or alias");
    top->pending->value = node;
    top->pending = NULL;
    return MR_OK;
}

static void absorb(mr_node *parent, const mr_node *child)
{
    parent->weight += child->weight;
    if (parent->height < child->height + 1) parent->height = child->height + 1;
}

static mr_code new_node(builder *b, mr_node_kind kind, yaml_mark_t mark, mr_node **out,
                        mr_error *err)
{
    MR_TRY(count_nodes(b, 1, err));
    mr_node *node = mr_arena_take(b->arena, sizeof *node);
    if (node == NULL) return mr_arena_fail(b->arena, err);
    node->kind = kind;
    node->line = (uint32_t)mark.line + 1;
    node->column = (uint32_t)mark.column + 1;
    node->weight = 1;
    *out = node;
    return MR_OK;
}

static anchor *find_anchor(builder *b, mr_slice name)
{
    for (uint32_t i = b->anchor_count; i > 0; i--) /* a later anchor hides an earlier one */
        if (mr_slice_equal(b->anchors[i - 1].name, name)) return &b->anchors[i - 1];
    return NULL;
}

static mr_code add_anchor(builder *b, const yaml_char_t *name, mr_node *node, mr_error *err)
{
    if (name == NULL) return MR_OK;
    if (b->anchor_count == MR_TREE_MAX_ANCHORS)
        return mr_fail(err, MR_ERR_LIMIT, "more than %u anchors", MR_TREE_MAX_ANCHORS);
    const mr_slice text = mr_slice_text((const char *)name);
    const char *copy = mr_arena_copy(b->arena, text);
    if (copy == NULL) return mr_arena_fail(b->arena, err);
    b->anchors[b->anchor_count++] =
        (anchor){mr_slice_of(copy, text.len), node, node->kind == MR_NODE_SCALAR};
    return MR_OK;
}

static mr_code check_tag(const yaml_char_t *tag, mr_node *node, mr_error *err)
{
    static const char *const scalar_tags[] = {"null", "bool", "int", "float"};
    static const char core[] = "tag:yaml.org,2002:";
    if (tag == NULL || strcmp((const char *)tag, "!") == 0) return MR_OK;
    const mr_slice text = mr_slice_text((const char *)tag);
    if (mr_slice_starts(text, core)) {
        const mr_slice name = mr_slice_from(text, sizeof core - 1);
        if (node->kind == MR_NODE_MAP && mr_slice_is(name, "map")) return MR_OK;
        if (node->kind == MR_NODE_LIST && mr_slice_is(name, "seq")) return MR_OK;
        for (size_t i = 0; node->kind == MR_NODE_SCALAR && i < MR_COUNT_OF(scalar_tags); i++)
            if (mr_slice_is(name, scalar_tags[i])) return MR_OK;
        node->quoted = node->quoted || (node->kind == MR_NODE_SCALAR && mr_slice_is(name, "str"));
        if (node->quoted) return MR_OK;
    }
    return mr_fail(err, MR_ERR_USAGE, "tag '%.*s' is not supported", MR_SLICE_ARGS(shown(text)));
}

/* ---- events ---- */

static mr_code on_scalar(builder *b, const yaml_event_t *event, mr_error *err)
{
    const mr_slice raw = {(const char *)event->data.scalar.value, event->data.scalar.length};
    level *top = b->depth > 0 ? &b->open[b->depth - 1] : NULL;
    if (top != NULL && top->node->kind == MR_NODE_MAP && top->pending == NULL) {
        if (event->data.scalar.anchor != NULL)
            return mr_fail(err, MR_ERR_USAGE, "a key cannot have an anchor");
        return add_key(b, top, raw, event->start_mark, err);
    }
    mr_node *node = NULL;
    MR_TRY(new_node(b, MR_NODE_SCALAR, event->start_mark, &node, err));
    node->quoted = event->data.scalar.style != YAML_PLAIN_SCALAR_STYLE;
    MR_TRY(check_tag(event->data.scalar.tag, node, err));
    MR_TRY(scalar_text(b, raw, node, err));
    MR_TRY(add_anchor(b, event->data.scalar.anchor, node, err));
    if (top != NULL) absorb(top->node, node);
    return place(b, node, err);
}

static mr_code on_open(builder *b, mr_node_kind kind, const yaml_event_t *event,
                       const yaml_char_t *tag, const yaml_char_t *name, mr_error *err)
{
    if (b->depth == MR_TREE_MAX_DEPTH)
        return mr_fail(err, MR_ERR_LIMIT, "more than %u levels of nesting", MR_TREE_MAX_DEPTH);
    mr_node *node = NULL;
    MR_TRY(new_node(b, kind, event->start_mark, &node, err));
    MR_TRY(check_tag(tag, node, err));
    MR_TRY(add_anchor(b, name, node, err));
    MR_TRY(place(b, node, err));
    b->open[b->depth++] = (level){.node = node};
    return MR_OK;
}

static mr_code on_close(builder *b)
{
    mr_node *node = b->open[--b->depth].node;
    for (uint32_t i = 0; i < b->anchor_count; i++)
        if (b->anchors[i].node == node) b->anchors[i].complete = true;
    if (node->height == 0) node->height = 1;
    if (b->depth > 0) absorb(b->open[b->depth - 1].node, node);
    return MR_OK;
}

static mr_code on_alias(builder *b, const yaml_event_t *event, mr_error *err)
{
    const mr_slice name = mr_slice_text((const char *)event->data.alias.anchor);
    const anchor *target = find_anchor(b, name);
    if (target == NULL)
        return mr_fail(err, MR_ERR_USAGE, "alias '*%.*s' names no anchor",
                       MR_SLICE_ARGS(shown(name)));
    if (!target->complete)
        return mr_fail(err, MR_ERR_USAGE, "alias '*%.*s' contains itself",
                       MR_SLICE_ARGS(shown(name)));
    if (b->depth + target->node->height > MR_TREE_MAX_DEPTH)
        return mr_fail(err, MR_ERR_LIMIT, "more than %u levels of nesting", MR_TREE_MAX_DEPTH);
    MR_TRY(count_nodes(b, target->node->weight, err));
    if (b->depth > 0) absorb(b->open[b->depth - 1].node, target->node);
    return place(b, target->node, err);
}

static mr_code on_event(builder *b, const yaml_event_t *event, mr_error *err)
{
    switch (event->type) {
    case YAML_SCALAR_EVENT: return on_scalar(b, event, err);
    case YAML_SEQUENCE_START_EVENT:
        return on_open(b, MR_NODE_LIST, event, event->data.sequence_start.tag,
                       event->data.sequence_start.anchor, err);
    case YAML_MAPPING_START_EVENT:
        return on_open(b, MR_NODE_MAP, event, event->data.mapping_start.tag,
                       event->data.mapping_start.anchor, err);
    case YAML_SEQUENCE_END_EVENT:
    case YAML_MAPPING_END_EVENT: return on_close(b);
    case YAML_ALIAS_EVENT: return on_alias(b, event, err);
    case YAML_DOCUMENT_START_EVENT:
        if (b->tree->root != NULL)
            return mr_fail(err, MR_ERR_USAGE, "only one document is expected");
        return MR_OK;
    case YAML_STREAM_END_EVENT: b->ended = true; return MR_OK;
    case YAML_NO_EVENT:
    case YAML_STREAM_START_EVENT:
    case YAML_DOCUMENT_END_EVENT: return MR_OK;
    }
    return MR_OK;
}

/* Between { and }, YAML reads the brace of ${NAME} as the beginning of a mapping. */
static bool has_variable(mr_slice text, size_t line)
{
    for (; line > 0 && text.len > 0; line--) {
        const char *lf = memchr(text.ptr, '\n', text.len);
        text = mr_slice_from(text, lf != NULL ? (size_t)(lf - text.ptr) + 1 : text.len);
    }
    for (size_t i = 0; i + 1 < text.len && text.ptr[i] != '\n'; i++)
        if (text.ptr[i] == '$' && text.ptr[i + 1] == '{') return true;
    return false;
}

static mr_code syntax_error(const builder *b, const yaml_parser_t *parser, mr_error *err)
{
    if (parser->error == YAML_MEMORY_ERROR)
        return mr_fail(err, MR_ERR_NOMEM, "no memory left to parse '%s'", b->tree->name);
    const char *problem = parser->problem != NULL ? parser->problem : "not YAML";
    const char *context = parser->context != NULL ? parser->context : "";
    const bool variable =
        strstr(context, "flow") != NULL && has_variable(b->text, parser->problem_mark.line);
    mr_fail(err, MR_ERR_USAGE, "%s%s%s%s", problem, context[0] != 0 ? " " : "", context,
            variable ? "; between { and } a value with ${...} is written in quotes" : "");
    if (parser->error == YAML_READER_ERROR) /* a bad byte: the reader knows its offset only */
        return mr_fail(err, MR_ERR_USAGE, "%s: byte %zu: %s", b->tree->name, parser->problem_offset,
                       problem);
    return at_mark(b, parser->problem_mark, err, MR_ERR_USAGE);
}

static mr_code run_parser(builder *b, yaml_parser_t *parser, mr_error *err)
{
    while (!b->ended) {
        yaml_event_t event;
        if (!yaml_parser_parse(parser, &event)) return syntax_error(b, parser, err);
        const yaml_mark_t mark = event.start_mark;
        const mr_code code = on_event(b, &event, err);
        yaml_event_delete(&event);
        if (code == MR_ERR_NOMEM) return code;
        if (code != MR_OK) return at_mark(b, mark, err, code);
    }
    return MR_OK;
}

/* A document of nothing at all. */
static mr_code ensure_root(builder *b, mr_error *err)
{
    if (b->tree->root != NULL) return MR_OK;
    MR_TRY(new_node(b, MR_NODE_SCALAR, (yaml_mark_t){0}, &b->tree->root, err));
    b->tree->root->text = MR_SLICE("");
    return MR_OK;
}

mr_code mr_tree_parse(mr_arena *arena, const char *name, mr_slice text, mr_tree *out, mr_error *err)
{
    if (text.len > MR_TREE_MAX_BYTES)
        return mr_fail(err, MR_ERR_LIMIT, "%s: larger than %u bytes", name, MR_TREE_MAX_BYTES);
    mr_tree tree = {.name = name};
    builder *b = mr_arena_take(arena, sizeof *b);
    if (b == NULL) return mr_arena_fail(arena, err);
    b->arena = arena;
    b->tree = &tree;
    b->text = text;
    yaml_parser_t parser;
    if (!yaml_parser_initialize(&parser))
        return mr_fail(err, MR_ERR_NOMEM, "no memory left to parse '%s'", name);
    yaml_parser_set_input_string(&parser, (const unsigned char *)(text.len > 0 ? text.ptr : ""),
                                 text.len);
    mr_code code = run_parser(b, &parser, err);
    yaml_parser_delete(&parser);
    if (code == MR_OK) code = ensure_root(b, err);
    if (code == MR_OK) *out = tree;
    return code;
}

/* ---- files ---- */

/* Reads until the end or one byte over the limit, whatever kind of file it is. */
static mr_code read_all(int file, mr_buffer *into, mr_error *err)
{
    for (;;) {
        MR_TRY(mr_buffer_reserve(into, READ_BYTES, err));
        const ssize_t got = read(file, into->ptr + into->len, READ_BYTES);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return mr_fail_errno(err, errno, "reading failed");
        if (got == 0) return MR_OK;
        into->len += (size_t)got;
    }
}

/* What cannot be read is a wrong configuration (MR_ERR_USAGE): its author named the file. */
static mr_code load_file(const char *path, size_t max_bytes, mr_buffer *out, mr_error *err)
{
    mr_buffer_init(out, "configuration file", max_bytes + READ_BYTES);
    const int file = open(path, O_RDONLY | O_CLOEXEC);
    mr_code code =
        file < 0 ? mr_fail_errno(err, errno, "cannot be opened") : read_all(file, out, err);
    if (file >= 0) close(file);
    if (code == MR_ERR_LIMIT || (code == MR_OK && out->len > max_bytes))
        code = mr_fail(err, MR_ERR_LIMIT, "larger than %zu bytes", max_bytes);
    if (code == MR_OK) return MR_OK;
    if (err != NULL && file < 0) mr_error_advise(err, "check the path");
    if (err != NULL) mr_error_prefix(err, "'%s'", path);
    if (code != MR_ERR_IO) return code;
    if (err != NULL) err->code = MR_ERR_USAGE;
    return MR_ERR_USAGE;
}

mr_code mr_tree_load(mr_arena *arena, const char *path, mr_tree *out, mr_error *err)
{
    const char *name = mr_arena_copy(arena, mr_slice_text(path));
    if (name == NULL) return mr_arena_fail(arena, err);
    mr_buffer text;
    mr_code code = load_file(path, MR_TREE_MAX_BYTES, &text, err);
    if (code == MR_OK) code = mr_tree_parse(arena, name, mr_buffer_slice(&text), out, err);
    mr_buffer_done(&text);
    return code;
}

mr_code mr_secret_load(mr_arena *arena, const char *path, mr_slice *out, mr_error *err)
{
    mr_buffer buffer;
    mr_code code = load_file(path, MR_TREE_MAX_SECRET, &buffer, err);
    if (code == MR_OK) {
        mr_slice text = mr_buffer_slice(&buffer);
        if (mr_slice_ends(text, "\n")) text.len--;
        if (mr_slice_ends(text, "\r")) text.len--;
        const char *copy = mr_arena_copy(arena, text);
        if (copy == NULL) code = mr_arena_fail(arena, err);
        if (copy != NULL) *out = mr_slice_of(copy, text.len);
    }
    if (buffer.len > 0) explicit_bzero(buffer.ptr, buffer.len);
    mr_buffer_done(&buffer);
    return code;
}

/* ---- reading the tree ---- */

const mr_node *mr_node_get(const mr_node *map, const char *key)
{
    if (map->kind != MR_NODE_MAP) return NULL;
    for (const mr_node_entry *e = map->first; e != NULL; e = e->next)
        if (mr_slice_is(e->key, key)) return e->value;
    return NULL;
}

static bool is_one_of(mr_slice text, const char *const *words)
{
    for (; *words != NULL; words++)
        if (mr_slice_is(text, *words)) return true;
    return false;
}

static size_t skip_digits(mr_slice text, size_t at)
{
    while (at < text.len && text.ptr[at] >= '0' && text.ptr[at] <= '9')
        at++;
    return at;
}

/* [-+]? ( \. [0-9]+ | [0-9]+ ( \. [0-9]* )? ) ( [eE] [-+]? [0-9]+ )? */
static bool is_float(mr_slice text)
{
    size_t at = text.len > 0 && (text.ptr[0] == '-' || text.ptr[0] == '+');
    const size_t whole = skip_digits(text, at) - at;
    at += whole;
    if (at < text.len && text.ptr[at] == '.') {
        const size_t end = skip_digits(text, at + 1);
        if (whole == 0 && end == at + 1) return false;
        at = end;
    } else if (whole == 0) {
        return false;
    }
    if (at == text.len) return true;
    if (text.ptr[at] != 'e' && text.ptr[at] != 'E') return false;
    at++;
    if (at < text.len && (text.ptr[at] == '-' || text.ptr[at] == '+')) at++;
    return at < text.len && skip_digits(text, at) == text.len;
}

static bool all_of(mr_slice text, size_t from, const char *digits)
{
    for (size_t i = from; i < text.len; i++)
        if (text.ptr[i] == 0 || strchr(digits, text.ptr[i]) == NULL) return false;
    return text.len > from;
}

mr_scalar_type mr_node_scalar_type(const mr_node *scalar)
{
    static const char *const nulls[] = {"", "~", "null", "Null", "NULL", NULL};
    static const char *const bools[] = {"true", "True", "TRUE", "false", "False", "FALSE", NULL};
    static const char *const floats[] = {".inf",  ".Inf",  ".INF",  "+.inf", "+.Inf",
                                         "+.INF", "-.inf", "-.Inf", "-.INF", ".nan",
                                         ".NaN",  ".NAN",  NULL};
    const mr_slice text = scalar->text;
    if (scalar->quoted) return MR_SCALAR_TEXT;
    if (is_one_of(text, nulls)) return MR_SCALAR_NULL;
    if (is_one_of(text, bools)) return MR_SCALAR_BOOL;
    if (mr_slice_starts(text, "0x") && all_of(text, 2, "0123456789abcdefABCDEF"))
        return MR_SCALAR_INT;
    if (mr_slice_starts(text, "0o") && all_of(text, 2, "01234567")) return MR_SCALAR_INT;
    const size_t sign = text.len > 0 && (text.ptr[0] == '-' || text.ptr[0] == '+');
    if (all_of(text, sign, "0123456789")) return MR_SCALAR_INT;
    if (is_one_of(text, floats) || is_float(text)) return MR_SCALAR_FLOAT;
    return MR_SCALAR_TEXT;
}

bool mr_node_is_null(const mr_node *node)
{
    return node->kind == MR_NODE_SCALAR && !node->substituted &&
           mr_node_scalar_type(node) == MR_SCALAR_NULL;
}

const char *mr_tree_where(const mr_tree *tree, uint32_t line, uint32_t column, mr_arena *arena)
{
    return mr_arena_printf(arena, "%s:%u:%u", tree->name, line, column);
}
