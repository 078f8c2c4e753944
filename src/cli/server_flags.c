/* SPDX-License-Identifier: MIT
 *
 * The flags of serve and of the verbs that begin with store. */
#include "cli/args.h"

#define SERVE    MR_VERB_SERVE
#define REMOTE   (MR_VERB_STORE_NAMESPACES | MR_VERB_STORE_STREAMS | TRANSFER)
#define TRANSFER (MR_VERB_STORE_EXPORT | MR_VERB_STORE_IMPORT)
#define EXPORT   MR_VERB_STORE_EXPORT
#define IMPORT   MR_VERB_STORE_IMPORT
#define OFFLINE  (MR_VERB_STORE_BACKUP | MR_VERB_STORE_CHECK | MR_VERB_STORE_NAMESPACES | STREAMS)
#define STREAMS  MR_VERB_STORE_STREAMS

/* clang-format off */
const mr_flag mr_server_flags[] = {
    {"config", 'c', "config", "FILE", NULL, SERVE, MR_FLAG_ARGS, NULL},
    {"listen", 'l', "listen", "ADDRESS", NULL, SERVE, MR_FLAG_SERVE, "port"},
    {"data-dir", 'd', "data_dir", "DIR", NULL, SERVE, MR_FLAG_SERVE, NULL},
    {"registry", 0, "registry", "NAME", NULL, SERVE, MR_FLAG_SERVE, NULL},
    {"durability", 0, "durability", "HOW", NULL, SERVE, MR_FLAG_SERVE, NULL},
    {"token", 0, "token", "TOKEN", NULL, SERVE, MR_FLAG_SERVE, NULL},
    {"token-file", 0, "token_file", "FILE", NULL, SERVE, MR_FLAG_SERVE, NULL},
    {"rotate-token", 0, "rotate_token", NULL, NULL, SERVE, MR_FLAG_ARGS, NULL},
    {"test-mode", 0, "test_mode", NULL, NULL, SERVE, MR_FLAG_SERVE, NULL},
    {"admin-namespaces", 0, "admin_namespaces", "A,B", NULL, SERVE, MR_FLAG_SERVE, NULL},
    {"metrics-access", 0, "metrics_access", "WHO", NULL, SERVE, MR_FLAG_SERVE, NULL},
    {"cors", 0, "cors", "ORIGIN", NULL, SERVE, MR_FLAG_SERVE, NULL},
    {"tls-cert", 0, "tls.certificate", "FILE", NULL, SERVE, MR_FLAG_SERVE, "tls-certificate"},
    {"tls-key", 0, "tls.key", "FILE", NULL, SERVE, MR_FLAG_SERVE, NULL},
    {"log-level", 0, "log.level", "LEVEL", NULL, SERVE, MR_FLAG_SERVE, NULL},
    {"log-format", 0, "log.format", "HOW", NULL, SERVE, MR_FLAG_SERVE, NULL},
    {"log-file", 0, "log.file", "PATH", NULL, SERVE, MR_FLAG_SERVE, NULL},
    {"log-requests", 0, "log.requests", NULL, NULL, SERVE, MR_FLAG_SERVE, NULL},
    {"io-threads", 0, "threads.io", "N", NULL, SERVE, MR_FLAG_SERVE, NULL},
    {"writers", 0, "threads.writers", "N", NULL, SERVE, MR_FLAG_SERVE, NULL},
    {"readers", 0, "threads.readers", "N", NULL, SERVE, MR_FLAG_SERVE, NULL},
    {"open-namespaces-max", 0, "open_namespaces_max", "N", NULL, SERVE, MR_FLAG_SERVE, NULL},
    {"retention-interval", 0, "retention_interval", "TIME", NULL, SERVE, MR_FLAG_SERVE, NULL},
    {"connections", 0, "limits.connections", "N", NULL, SERVE, MR_FLAG_SERVE, NULL},
    {"connections-per-address", 0, "limits.connections_per_address", "N", NULL, SERVE, MR_FLAG_SERVE, NULL},
    {"body-limit", 0, "limits.body", "SIZE", NULL, SERVE, MR_FLAG_SERVE, NULL},
    {"bodies-limit", 0, "limits.bodies", "SIZE", NULL, SERVE, MR_FLAG_SERVE, NULL},
    {"header-limit", 0, "limits.header", "SIZE", NULL, SERVE, MR_FLAG_SERVE, NULL},
    {"header-time", 0, "limits.header_time", "TIME", NULL, SERVE, MR_FLAG_SERVE, NULL},
    {"body-time", 0, "limits.body_time", "TIME", NULL, SERVE, MR_FLAG_SERVE, NULL},
    {"write-time", 0, "limits.write_time", "TIME", NULL, SERVE, MR_FLAG_SERVE, NULL},
    {"idle-time", 0, "limits.idle_time", "TIME", NULL, SERVE, MR_FLAG_SERVE, NULL},
    {"heartbeat", 0, "heartbeat", "TIME", NULL, SERVE, MR_FLAG_SERVE, NULL},
    {"shutdown-grace", 0, "shutdown_grace", "TIME", NULL, SERVE, MR_FLAG_SERVE, NULL},
    {"token", 0, "token", "TOKEN", NULL, REMOTE, MR_FLAG_ARGS, NULL},
    {"token-file", 0, "token_file", "FILE", NULL, REMOTE, MR_FLAG_ARGS, NULL},
    {"ca-file", 0, "ca_file", "FILE", NULL, REMOTE, MR_FLAG_ARGS, NULL},
    {"insecure", 0, "insecure", NULL, NULL, REMOTE, MR_FLAG_ARGS, NULL},
    {"registry", 0, "store_registry", "NAME", NULL, OFFLINE, MR_FLAG_ARGS, NULL},
    {"strict", 0, "strict", NULL, NULL, MR_VERB_STORE_CHECK, MR_FLAG_ARGS, NULL},
    {"namespace", 0, "namespace", "ID", NULL, STREAMS, MR_FLAG_ARGS, NULL},
    {"prefix", 0, "prefix", "TEXT", NULL, STREAMS, MR_FLAG_ARGS, NULL},
    {"limit", 0, "limit", "N", NULL, STREAMS, MR_FLAG_ARGS, NULL},
    {"categories", 0, "categories", "A,B", NULL, EXPORT, MR_FLAG_ARGS, NULL},
    {"since", 0, "since", "TIME", NULL, EXPORT, MR_FLAG_ARGS, NULL},
    {"until", 0, "until", "TIME", NULL, EXPORT, MR_FLAG_ARGS, NULL},
    {"output", 'o', "output", "FILE", NULL, EXPORT, MR_FLAG_ARGS, NULL},
    {"input", 'i', "input", "FILE", NULL, IMPORT, MR_FLAG_ARGS, NULL},
    {"gzip", 0, "gzip", NULL, NULL, TRANSFER, MR_FLAG_ARGS, NULL},
    {"force", 0, "force", NULL, NULL, IMPORT, MR_FLAG_ARGS, NULL},
    {"yes", 'y', "yes", NULL, NULL, IMPORT, MR_FLAG_ARGS, NULL},
    {"json", 0, "json", NULL, NULL, MR_VERB_STORE_CHECK | MR_VERB_STORE_NAMESPACES | STREAMS, MR_FLAG_ARGS, NULL},
    {"help", 'h', "help", NULL, NULL, MR_VERBS_ALL, MR_FLAG_ARGS, NULL},
    {0},
};
/* clang-format on */
