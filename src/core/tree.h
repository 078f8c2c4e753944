/* SPDX-License-Identifier: MIT
 *
 * core/tree.h - a YAML or JSON document (JSON is YAML) as a tree of nodes that know their place.
 *
 *     source:                 map, line 1
 *       type: csv               entry "source" -> map { "type" -> scalar "csv" at 2:9,
 *       paths: [a.csv, b.csv]                           "paths" -> list [ scalar, scalar ] }
 *
 * Exactly one document; keys are scalars and distinct; no merge keys; only the tags of YAML's core
 * schema. An alias is the node it names, so the tree is a graph without cycles, and every limit
 * below counts an alias as the whole copy it stands for: an alias bomb is refused, never expanded.
 *
 * Values (not keys) may hold ${VAR} and ${VAR:-default} (also used when VAR is empty); $${ is a
 * literal ${. What a variable holds is never scanned again and never parsed as YAML. An unset
 * variable without a default is an error.
 *
 * Everything lives in the arena given, so it all dies with it; nothing is to be freed.
 *
 * Thread: a tree belongs to one thread; reading the environment wants no concurrent setenv(). */
#ifndef MR_CORE_TREE_H
#define MR_CORE_TREE_H

#include "core/arena.h"

#define MR_TREE_MAX_BYTES   (1u << 20) /* of the document, and of all substituted text */
#define MR_TREE_MAX_NODES   65536      /* aliases count as copies */
#define MR_TREE_MAX_DEPTH   32         /* lists and maps inside each other */
#define MR_TREE_MAX_KEYS    1024       /* in one map */
#define MR_TREE_MAX_ANCHORS 64
#define MR_TREE_MAX_SECRET  (64u << 10) /* bytes of a secret's file */

typedef enum mr_node_kind {
    MR_NODE_SCALAR,
    MR_NODE_LIST,
    MR_NODE_MAP,
} mr_node_kind;

/* What a scalar is by YAML's core schema. */
typedef enum mr_scalar_type {
    MR_SCALAR_NULL, /* nothing, ~, null */
    MR_SCALAR_BOOL,
    MR_SCALAR_INT,
    MR_SCALAR_FLOAT,
    MR_SCALAR_TEXT,
} mr_scalar_type;

typedef struct mr_node mr_node;

typedef struct mr_node_entry {
    mr_slice key; /* NUL-terminated; empty in a list */
    uint32_t key_line, key_column;
    mr_node *value;
    struct mr_node_entry *next;
} mr_node_entry;

struct mr_node {
    mr_node_kind kind;
    bool quoted;           /* 'a', "a", |, > or !!str: always text */
    bool substituted;      /* held a ${...} */
    uint32_t line, column; /* 1-based; of an alias, those of what it names */
    mr_slice text;         /* of a scalar, NUL-terminated */
    mr_node_entry *first, *last;
    uint32_t count;  /* of entries */
    uint32_t weight; /* nodes of the subtree, itself included, aliases as copies */
    uint32_t height; /* 0 for a scalar */
};

typedef struct mr_tree {
    const char *name; /* as shown in errors; borrowed */
    mr_node *root;    /* an empty document is a null scalar */
} mr_tree;

/* Parses `text`. MR_ERR_USAGE: "name:12:5: what is wrong"; MR_ERR_LIMIT names the limit;
 * MR_ERR_NOMEM. */
MR_NODISCARD mr_code mr_tree_parse(mr_arena *arena, const char *name, mr_slice text, mr_tree *out,
                                   mr_error *err);

/* Reads and parses the file `path`, which is copied as the tree's name. MR_ERR_USAGE when it cannot
 * be read: the one who named it can mend that. */
MR_NODISCARD mr_code mr_tree_load(mr_arena *arena, const char *path, mr_tree *out, mr_error *err);

/* The value of `key` in a map, or NULL. */
const mr_node *mr_node_get(const mr_node *map, const char *key);

mr_scalar_type mr_node_scalar_type(const mr_node *scalar);
/* True for a scalar that says "not given": empty, ~ or null, unquoted and not the result of a
 * variable. */
bool mr_node_is_null(const mr_node *node);

/* "name:line:column" in the arena; NULL when it is full. */
const char *mr_tree_where(const mr_tree *tree, uint32_t line, uint32_t column, mr_arena *arena);

/* The content of the file `path` without one trailing newline (LF or CRLF), for keys that end in
 * _file. Errors never quote the content. */
MR_NODISCARD mr_code mr_secret_load(mr_arena *arena, const char *path, mr_slice *out,
                                    mr_error *err);

#endif
