/* SPDX-License-Identifier: MIT */
#include "pipeline/declared.h"

#include "core/nearest.h"
#include "record/conform.h"

#define FIRST_FIELDS 16u

/* Where a declaration stands, for errors. */
typedef struct place {
    const mr_tree *tree;
    const mr_node *node; /* NULL: on the command line */
    mr_arena *arena;
} place;

static mr_code at(const place *where, mr_error *err)
{
    if (where->node == NULL) return mr_error_prefix(err, "--schema");
    const char *text =
        mr_tree_where(where->tree, where->node->line, where->node->column, where->arena);
    if (text == NULL) return mr_arena_fail(where->arena, err);
    return mr_error_prefix(err, "%s", text);
}

const mr_declared_field *mr_declared_find(const mr_declared *declared, mr_slice name)
{
    const uint32_t hash = mr_name_hash(name);
    for (uint32_t i = 0; i < declared->count; i++)
        if (declared->fields[i].hash == hash && mr_slice_equal(declared->fields[i].name, name))
            return &declared->fields[i];
    return NULL;
}

static mr_code add(mr_declared *d, mr_slice name, mr_type type, bool not_null, const place *where,
                   mr_error *err)
{
    if (mr_declared_find(d, name) != NULL) {
        mr_fail(err, MR_ERR_USAGE, "schema: column '%.*s' is there twice", MR_SLICE_ARGS(name));
        return at(where, err);
    }
    if (d->count == MR_MAX_COLUMNS)
        return mr_fail(err, MR_ERR_LIMIT, "schema: more than %d columns", MR_MAX_COLUMNS);
    if (d->count == d->room) {
        const uint32_t room = d->room == 0 ? FIRST_FIELDS : d->room * 2;
        mr_declared_field *fields = mr_arena_take(where->arena, sizeof *fields * room);
        if (fields == NULL) return mr_arena_fail(where->arena, err);
        if (d->count > 0) memcpy(fields, d->fields, sizeof *fields * d->count);
        d->fields = fields;
        d->room = room;
    }
    const char *copy = mr_arena_copy(where->arena, name);
    if (copy == NULL) return mr_arena_fail(where->arena, err);
    d->fields[d->count++] = (mr_declared_field){
        .name = {copy, name.len}, .hash = mr_name_hash(name), .type = type, .not_null = not_null};
    return MR_OK;
}

static mr_slice trim(mr_slice text)
{
    while (text.len > 0 && text.ptr[0] == ' ')
        text = mr_slice_from(text, 1);
    while (text.len > 0 && text.ptr[text.len - 1] == ' ')
        text.len--;
    return text;
}

static mr_code unknown_type(mr_slice name, const place *where, mr_error *err)
{
    mr_nearest near = mr_nearest_to(name);
    for (int type = MR_TYPE_BOOL; type < MR_TYPE_MIXED; type++)
        mr_nearest_offer(&near, mr_type_name((mr_type)type));
    const char *hint = mr_nearest_best(&near);
    mr_fail(err, MR_ERR_USAGE,
            "schema: there is no type '%.*s'%s%s%s (bool, int, decimal, float, number, date, time, "
            "timestamp, uuid, string, bytes, json)",
            MR_SLICE_ARGS(name), hint != NULL ? "; did you mean '" : "", hint != NULL ? hint : "",
            hint != NULL ? "'?" : "");
    return at(where, err);
}

/* "int", "int not null", "any". */
static mr_code read_type(mr_slice text, const place *where, mr_type *out, bool *out_not_null,
                         mr_error *err)
{
    text = trim(text);
    static const char *const ends[] = {" not null", " NOT NULL", " null", " NULL"};
    for (size_t i = 0; i < MR_COUNT_OF(ends); i++) {
        if (!mr_slice_ends(text, ends[i])) continue;
        *out_not_null = i < 2;
        text = trim(mr_slice_of(text.ptr, text.len - strlen(ends[i])));
        break;
    }
    *out = mr_slice_is(text, "any") || mr_slice_is(text, "null") || mr_slice_is(text, "mixed")
               ? MR_TYPE_NULL
               : mr_conform_type_named(text);
    return *out == MR_TYPE_COUNT ? unknown_type(text, where, err) : MR_OK;
}

static mr_code expected(const char *what, const place *where, mr_error *err)
{
    mr_fail(err, MR_ERR_USAGE, "schema: expected %s", what);
    return at(where, err);
}

static mr_code read_bool(const mr_node *node, const place *where, bool *out, mr_error *err)
{
    const bool yes = node->kind == MR_NODE_SCALAR && mr_slice_is(node->text, "true");
    if (!yes && (node->kind != MR_NODE_SCALAR || !mr_slice_is(node->text, "false")))
        return expected("true or false", where, err);
    *out = yes;
    return MR_OK;
}

/* {type: int, nullable: false}; `name` as well in a list. Other keys are what `millrace schema`
 * found, or a comment. */
static mr_code read_field(mr_declared *d, mr_slice name, const mr_node *map, place where,
                          mr_error *err)
{
    mr_type type = MR_TYPE_NULL;
    bool not_null = false;
    static const char *const known[] = {"name",   "type",  "nullable",   "not_null", "required",
                                        "values", "nulls", "max_length", "because",  "description"};
    for (const mr_node_entry *e = map->first; e != NULL; e = e->next) {
        where.node = e->value;
        size_t k = 0;
        while (k < MR_COUNT_OF(known) && !mr_slice_is(e->key, known[k]))
            k++;
        if (k == MR_COUNT_OF(known)) return expected("name, type or nullable", &where, err);
        if (k == 0 && e->value->kind == MR_NODE_SCALAR) name = e->value->text;
        if (k == 1 && e->value->kind == MR_NODE_SCALAR)
            MR_TRY(read_type(e->value->text, &where, &type, &not_null, err));
    }
    const mr_node *nullable = mr_node_get(map, "nullable");
    const mr_node *required = mr_node_get(map, "not_null");
    if (required == NULL) required = mr_node_get(map, "required");
    where.node = map;
    bool may = !not_null;
    if (nullable != NULL) MR_TRY(read_bool(nullable, &where, &may, err));
    bool must = !may;
    if (required != NULL) MR_TRY(read_bool(required, &where, &must, err));
    if (name.ptr == NULL) return expected("a name", &where, err);
    return add(d, name, type, must, &where, err);
}

/* "name type" */
static mr_code read_line(mr_declared *d, mr_slice text, const place *where, mr_error *err)
{
    const char *space = memchr(text.ptr, ' ', text.len);
    if (space == NULL) return expected("'name type'", where, err);
    const size_t len = (size_t)(space - text.ptr);
    mr_type type;
    bool not_null = false;
    MR_TRY(read_type(mr_slice_from(text, len), where, &type, &not_null, err));
    return add(d, (mr_slice){text.ptr, len}, type, not_null, where, err);
}

static mr_code from_list(mr_declared *d, const mr_node *list, place where, mr_error *err)
{
    for (const mr_node_entry *e = list->first; e != NULL; e = e->next) {
        where.node = e->value;
        if (e->value->kind == MR_NODE_MAP)
            MR_TRY(read_field(d, (mr_slice){0}, e->value, where, err));
        else if (e->value->kind == MR_NODE_SCALAR)
            MR_TRY(read_line(d, e->value->text, &where, err));
        else
            return expected("'name type' or {name, type, nullable}", &where, err);
    }
    return MR_OK;
}

static mr_code from_map(mr_declared *d, const mr_node *map, place where, mr_error *err)
{
    for (const mr_node_entry *e = map->first; e != NULL; e = e->next) {
        mr_type type;
        bool not_null = false;
        where.node = e->value;
        if (e->value->kind == MR_NODE_MAP) {
            MR_TRY(read_field(d, e->key, e->value, where, err));
        } else if (e->value->kind == MR_NODE_SCALAR) {
            MR_TRY(read_type(e->value->text, &where, &type, &not_null, err));
            MR_TRY(add(d, e->key, type, not_null, &where, err));
        } else {
            return expected("a type or {type, nullable}", &where, err);
        }
    }
    return MR_OK;
}

mr_code mr_declared_from_tree(mr_declared *declared, const mr_tree *tree, const mr_node *node,
                              mr_arena *arena, mr_error *err)
{
    const place where = {tree, node, arena};
    if (node->kind == MR_NODE_LIST) return from_list(declared, node, where, err);
    if (node->kind != MR_NODE_MAP) return expected("columns and their types", &where, err);
    const mr_node *list = mr_node_get(node, "columns");
    if (list == NULL) list = mr_node_get(node, "fields");
    if (list != NULL && list->kind == MR_NODE_LIST) return from_list(declared, list, where, err);
    return from_map(declared, node, where, err);
}

mr_code mr_declared_from_text(mr_declared *declared, const char *text, mr_arena *arena,
                              mr_error *err)
{
    const place where = {.arena = arena};
    if (strchr(text, '=') == NULL) {
        mr_tree tree;
        MR_TRY(mr_tree_load(arena, text, &tree, err));
        const mr_node *inner =
            tree.root->kind == MR_NODE_MAP ? mr_node_get(tree.root, "schema") : NULL;
        const bool wrapped = inner != NULL && inner->kind != MR_NODE_SCALAR;
        return mr_declared_from_tree(declared, &tree, wrapped ? inner : tree.root, arena, err);
    }
    for (mr_slice rest = mr_slice_text(text); rest.len > 0;) {
        const char *comma = memchr(rest.ptr, ',', rest.len);
        const size_t len = comma != NULL ? (size_t)(comma - rest.ptr) : rest.len;
        const char *equals = memchr(rest.ptr, '=', len);
        if (equals == NULL) return expected("name=type,name=type or a file", &where, err);
        const mr_slice name = {rest.ptr, (size_t)(equals - rest.ptr)};
        mr_type type;
        bool not_null = false;
        MR_TRY(
            read_type((mr_slice){equals + 1, len - name.len - 1}, &where, &type, &not_null, err));
        MR_TRY(add(declared, name, type, not_null, &where, err));
        rest = mr_slice_from(rest, comma != NULL ? len + 1 : len);
    }
    return MR_OK;
}

mr_code mr_declared_recall(mr_declared *declared, const mr_schema *schema, mr_arena *arena,
                           mr_error *err)
{
    const place where = {.arena = arena};
    for (uint32_t i = 0; i < schema->field_count; i++) {
        const mr_field *field = &schema->fields[i];
        if (mr_declared_find(declared, field->name) != NULL) continue;
        MR_TRY(add(declared, field->name, field->type, false, &where, err));
        declared->fields[declared->count - 1].trusted = true;
    }
    return MR_OK;
}

bool mr_declared_covers(const mr_declared *declared, const mr_schema *schema)
{
    for (uint32_t i = 0; i < schema->field_count; i++)
        if (mr_declared_find(declared, schema->fields[i].name) == NULL) return false;
    return true;
}

static mr_code no_such_column(const mr_schema *schema, mr_slice name, mr_error *err)
{
    mr_nearest near = mr_nearest_to(name);
    for (uint32_t i = 0; i < schema->field_count; i++)
        mr_nearest_offer(&near, schema->fields[i].name.ptr);
    const char *hint = mr_nearest_best(&near);
    return mr_fail(err, MR_ERR_USAGE, "schema: the source has no column '%.*s'%s%s%s",
                   MR_SLICE_ARGS(name), hint != NULL ? "; did you mean '" : "",
                   hint != NULL ? hint : "", hint != NULL ? "'?" : "");
}

mr_code mr_declared_apply(const mr_declared *declared, bool add_missing, mr_schema *schema,
                          mr_error *err)
{
    for (uint32_t i = 0; i < declared->count; i++) {
        const mr_declared_field *field = &declared->fields[i];
        const int64_t found = mr_schema_find(schema, field->name);
        if (found >= 0 && field->type != MR_TYPE_NULL) schema->fields[found].type = field->type;
        if (found >= 0) continue;
        if (!add_missing) return no_such_column(schema, field->name, err);
        MR_TRY(mr_schema_add(schema, field->name, field->type, NULL, err));
    }
    return MR_OK;
}
