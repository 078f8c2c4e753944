/* SPDX-License-Identifier: MIT
 *
 * core/option_tree.h - sets options from the mappings of a YAML file.
 *
 *     limits:                              "limits.connections" = "100", said by "serve.yaml:2:16"
 *       connections: 100
 *
 * A mapping inside a mapping is a section: its keys are looked up as "section.key". Keys without a
 * value are skipped. Errors begin with the place in the file; an unknown key comes with the nearest
 * known one.
 *
 * Thread: one thread, as the mr_options. */
#ifndef MR_CORE_OPTION_TREE_H
#define MR_CORE_OPTION_TREE_H

#include "core/option.h"
#include "core/tree.h"

typedef struct mr_option_tree {
    mr_options *options;
    const mr_tree *tree;
    mr_option_origin origin;
} mr_option_tree;

/* Sets every key of `map`; `section` (may be NULL) is put before them. */
MR_NODISCARD mr_code mr_option_tree_load(const mr_option_tree *from, const char *section,
                                         const mr_node *map, mr_error *err);

/* The same for a whole file by path. What is not a mapping is MR_ERR_USAGE. */
MR_NODISCARD mr_code mr_options_load_file(mr_options *options, const char *path,
                                          mr_option_origin origin, mr_error *err);

/* Sets `option`, written as `path`, from one node: a plain value, a list or a map. */
MR_NODISCARD mr_code mr_option_tree_set(const mr_option_tree *from, const mr_option *option,
                                        mr_slice path, const mr_node *node, mr_error *err);

/* --- for readers with rules of their own --- */

/* "file:line:column" as the origin of a value. */
MR_NODISCARD mr_code mr_option_tree_from(const mr_option_tree *from, const mr_node *node,
                                         mr_option_from *out, mr_error *err);
/* MR_ERR_USAGE at the node unless it is a plain value. */
MR_NODISCARD mr_code mr_option_tree_need_scalar(const mr_option_tree *from, const mr_node *node,
                                                mr_slice path, mr_error *err);
/* "section.key", or the key alone without a section. */
MR_NODISCARD mr_code mr_option_tree_path(const mr_option_tree *from, const char *section,
                                         mr_slice key, mr_slice *out, mr_error *err);
/* Puts the place before `err` and returns MR_ERR_USAGE. */
mr_code mr_option_tree_fail(const mr_option_tree *from, uint32_t line, uint32_t column,
                            mr_error *err);

#endif
