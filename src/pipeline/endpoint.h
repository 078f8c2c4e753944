/* SPDX-License-Identifier: MIT
 *
 * pipeline/endpoint.h - one end of a pipeline as a person wrote it: a connector, a path, settings.
 *
 *     orders.csv                        connector by suffix
 *     csv:-                             connector by prefix; standard input or output
 *     csv:weird.name?delimiter=%3B      settings after '?', keys and values percent-decoded
 *     generate:mixed10?rows=1000000     what follows the prefix is always the path
 *
 * Suffixes: .csv .tsv .json .jsonl .ndjson .db .sqlite .sqlite3, each also with a codec's .gz .zst
 * .lz4 .snappy .s2 .deflate behind it. A path is taken as it is; only '?' is special, and a path
 * that holds one is given as a setting (--from-opt path=...). A file whose name starts like a
 * connector is written ./csv:odd.
 *
 * Settings keep their order, their place (for errors) and their origin, and are given to the
 * connector's own option table when it is opened; until then nobody knows which of them exist.
 * `path` (also `file_path`) is not one of them: every connector is told its path in its
 * environment.
 *
 * Thread: an endpoint belongs to one thread. */
#ifndef MR_PIPELINE_ENDPOINT_H
#define MR_PIPELINE_ENDPOINT_H

#include "core/option.h"

#define MR_ENDPOINT_MAX_SETTINGS 4096

typedef enum mr_setting_kind {
    MR_SETTING_VALUE, /* the whole value, as mr_options_set() takes it */
    MR_SETTING_ITEM,  /* one item of a list */
    MR_SETTING_PAIR,  /* one pair of a map */
} mr_setting_kind;

typedef struct mr_setting {
    const char *key;
    const char *pair_key; /* of a PAIR */
    const char *value;
    mr_setting_kind kind;
    mr_option_from from;
    bool shared; /* from a csv{} or json{} section: may belong to the other end's connector only */
} mr_setting;

typedef struct mr_endpoint {
    const char *role;      /* "source" or "destination" */
    const char *connector; /* canonical name; NULL until known */
    mr_option_from connector_from;
    const char *path; /* NULL until known; "-" = standard input or output */
    mr_option_from path_from;
    const char *name; /* NULL or as the file says */
    mr_setting *settings;
    uint32_t count, room;
    mr_arena *arena;
} mr_endpoint;

/* A connector's name, known before any connector is opened. */
typedef struct mr_connector_name {
    const char *name;    /* canonical, with underscores */
    const char *aliases; /* separated by spaces, or NULL */
    bool needs_path;
    bool built;  /* false: a name of the specification that this version cannot open */
    bool remote; /* is on another machine, or may be */
} mr_connector_name;

/* All of them; ends with a zeroed entry. */
extern const mr_connector_name mr_connector_names[];

/* The entry of a name or alias, dash and underscore equal; NULL for others. */
const mr_connector_name *mr_connector_name_find(mr_slice name);

void mr_endpoint_init(mr_endpoint *endpoint, const char *role, mr_arena *arena);

/* Reads "connector:path?key=value", see above. */
MR_NODISCARD mr_code mr_endpoint_parse(mr_endpoint *endpoint, mr_slice text, mr_option_from from,
                                       mr_error *err);

/* Sets the connector. MR_ERR_USAGE for unknown names (with the nearest), for those not built yet,
 * and for a second name of the same origin. */
MR_NODISCARD mr_code mr_endpoint_set_connector(mr_endpoint *endpoint, mr_slice name,
                                               mr_option_from from, mr_error *err);
MR_NODISCARD mr_code mr_endpoint_set_path(mr_endpoint *endpoint, mr_slice path, mr_option_from from,
                                          mr_error *err);

/* Adds a setting, or sets the path if that is its key. Texts are copied. */
MR_NODISCARD mr_code mr_endpoint_add(mr_endpoint *endpoint, const mr_setting *setting,
                                     mr_error *err);
/* Adds "key=value". */
MR_NODISCARD mr_code mr_endpoint_add_pair(mr_endpoint *endpoint, mr_slice text, mr_option_from from,
                                          mr_error *err);

/* The VALUE of `key` that counts: strongest origin, the end's own before shared ones, then the
 * last; or NULL. */
const mr_setting *mr_endpoint_get(const mr_endpoint *endpoint, const char *key);
/* True if `key` is set, as a value, a list or a map, by anybody. */
bool mr_endpoint_has(const mr_endpoint *endpoint, const char *key);

/* True if the connector is known and its end is on another machine, or may be. */
bool mr_endpoint_is_remote(const mr_endpoint *endpoint);

/* When everything has been read: finds the connector by the path's suffix if nobody named it, and
 * adds what the suffix implies (.tsv: a tab; .jsonl: lines; .json of a destination: array) where
 * nobody said otherwise. */
MR_NODISCARD mr_code mr_endpoint_finish(mr_endpoint *endpoint, mr_error *err);

/* Sets every setting in `into`, the connector's own options. A shared setting that only `other`
 * (the other end's table, may be NULL) knows is passed over. KEY_file reads the secret KEY from a
 * file when the table has a secret KEY and no KEY_file. Then checks required options. */
MR_NODISCARD mr_code mr_endpoint_apply(const mr_endpoint *endpoint, mr_options *into,
                                       const mr_option *other, mr_error *err);

/* The codec that a file name's last suffix names ("gzip", "zstd", ...), or NULL. */
const char *mr_endpoint_codec_name(const char *path);

#endif
