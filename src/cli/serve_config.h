/* SPDX-License-Identifier: MIT
 *
 * cli/serve_config.h - everything `millrace serve` needs to know, from a file and flags.
 *
 *     mr_serve_config_init()      every default is in place
 *     mr_options_set() ...        flags, in any order with ...
 *     mr_serve_config_load()      ... the file: flags > environment > file > defaults
 *     mr_serve_config_finish()    secrets are read, contradictions refused
 *
 * mr_serve_table is the list of keys; flags, help, man page and reference are printed from it.
 *
 * Thread: main thread; everything lives in the arena given. */
#ifndef MR_CLI_SERVE_CONFIG_H
#define MR_CLI_SERVE_CONFIG_H

#include "cli/serve_pipelines.h"
#include "core/buffer.h"
#include "core/log.h"
#include "core/option_tree.h"

#define MR_SERVE_TOKEN_VARIABLE "MILLRACE_TOKEN"

typedef enum mr_metrics_access {
    MR_METRICS_BY_TOKEN = 0, /* a token of a namespace that administers */
    MR_METRICS_OPEN,
} mr_metrics_access;

typedef struct mr_serve_config {
    mr_arena *arena;
    mr_options options; /* of mr_serve_table into this struct */

    const char *listen;
    const char *data_dir; /* NULL after finish: in memory */
    const char *registry; /* file name in data_dir */
    int durability;       /* mr_durability */
    uint32_t open_namespaces_max;
    int64_t retention_interval_ns;

    const char *token;      /* after finish also from token_file or the environment; NULL: none */
    const char *token_file; /* NULL: none */
    const char *token_from; /* for errors: a flag, a place in a file, a variable, a file */
    bool rotate_token;      /* flag only: a file would rotate at each start */
    bool test_mode;
    mr_option_list admin_namespaces;
    int metrics_access; /* mr_metrics_access */
    const char *cors;   /* NULL: no headers */

    struct {
        const char *certificate, *key; /* both or neither */
    } tls;
    struct {
        mr_log_level level;
        bool json;
        const char *path; /* NULL: standard error */
        bool to_stdout;   /* instead of standard error */
        bool requests;
    } log;
    struct {
        uint32_t io, writers, readers; /* 0: by the number of cores */
    } threads;
    struct {
        uint32_t connections, connections_per_address;
        uint64_t header_bytes, body_bytes, bodies_bytes;
        int64_t header_ns, body_ns, idle_ns, write_ns;
    } limits;
    int64_t heartbeat_ns;
    int64_t shutdown_grace_ns;
    mr_serve_pipelines pipelines;
} mr_serve_config;

extern const mr_option mr_serve_table[];

MR_NODISCARD mr_code mr_serve_config_init(mr_serve_config *config, mr_arena *arena, mr_error *err);

/* Takes in a file by its tree; or by path. */
MR_NODISCARD mr_code mr_serve_config_from_tree(mr_serve_config *config, const mr_tree *tree,
                                               mr_error *err);
MR_NODISCARD mr_code mr_serve_config_load(mr_serve_config *config, const char *path, mr_error *err);

/* `environment_token` is the value of MR_SERVE_TOKEN_VARIABLE or NULL. After it nothing is set. */
MR_NODISCARD mr_code mr_serve_config_finish(mr_serve_config *config, const char *environment_token,
                                            mr_error *err);

/* True for a file of this table and not of a pipeline: it has a key that only this table has, and
 * neither `source` nor `destination`. */
bool mr_serve_config_is_serve(const mr_tree *tree);

/* Appends the plan as `millrace check` shows it; no secrets. */
MR_NODISCARD mr_code mr_serve_config_plan(const mr_serve_config *config, mr_buffer *out,
                                          mr_error *err);

#endif
