/* SPDX-License-Identifier: MIT
 *
 * store/store.h - the message store: namespaces full of streams, kept by a backend, served by
 * threads of its own.
 *
 *     caller (a loop's thread)          writers (a few threads)            readers (a few threads)
 *     +---------------------+  submit   +----------------------------+
 *     | parse, check, fill  | --------> | one space at a time: all   |
 *     | an op in an arena   |           | that waits in one commit   |
 *     |                     | <-------- | then done() for each op    |
 *     |                     |   done    +----------------------------+    +--------------------+
 *     |                     | --------------------- submit ------------> | own connections,   |
 *     |                     | <---------------------- done ------------- | never wait for     |
 *     +---------------------+                                            | writers            |
 *                                                                        +--------------------+
 *
 * A **space** is a namespace: a database of its own with a sequence of global positions. Its writes
 * form one queue, whoever submits them, and are carried out in that order; an op's done() is called
 * after the commit that holds it is durable (mr_durability), with `op->fault` saying how it went.
 *
 * An **op** is the caller's memory: filled, submitted, not touched until done() is called, on a
 * thread of the store. Everything its slices point to must live as long. done() must be quick and
 * must not wait: an HTTP handler calls mr_http_resume() there. Ops allocate nothing once warm.
 *
 * Thread: any, unless stated otherwise. */
#ifndef MR_STORE_STORE_H
#define MR_STORE_STORE_H

#include "core/arena.h"
#include "core/pool.h"
#include "metrics/registry.h"
#include "store/message.h"
#include "store/name.h"
#include "store/token.h"

/* --- The store ------------------------------------------------------------------------------ */

typedef enum mr_durability {
    MR_DURABILITY_FULL = 0, /* an answer means that a power cut cannot undo it */
    MR_DURABILITY_NORMAL,   /* the process may be killed; a power cut may undo the last moments */
    MR_DURABILITY_OFF, /* a power cut may damage the database; for data that can be made anew */
} mr_durability;

typedef struct mr_message_store_options {
    const char *data_dir;      /* made when missing; NULL: in memory, gone at close */
    const char *registry_name; /* file in data_dir; NULL: registry.db */
    mr_durability durability;
    uint32_t writers, readers; /* threads; 0: chosen by the number of cores */
    uint64_t cache_bytes;     /* of pages, for a namespace's writer; readers an eighth; 0: 64 MiB */
    uint32_t open_spaces_max; /* idle ones beyond it are closed; 0: 64 */
    uint64_t retention_ms;    /* between two enforcements of retention; 0: 60000 */
    mr_metrics *metrics;      /* borrowed until close; NULL: none */
} mr_message_store_options;

typedef struct mr_message_store mr_message_store;
typedef struct mr_space mr_space;

/* Opens or makes the registry and brings every namespace's database to the present schema; data
 * directories of EventoDB are taken over in place. MR_ERR_CONFLICT when another process has the
 * directory open. */
MR_NODISCARD mr_code mr_message_store_open(const mr_message_store_options *options,
                                           mr_message_store **out, mr_error *err);
/* Finishes what was submitted and ends the threads: when it returns, every done() has returned.
 * What is submitted later fails with MR_FAULT_CLOSED at once. Nobody else may submit meanwhile, but
 * for done() functions. Harmless twice. */
void mr_message_store_finish(mr_message_store *store);
/* Finishes if need be, closes the databases. No spaces may be referenced
 * but by ops under way. NULL is harmless. */
void mr_message_store_close(mr_message_store *store);

/* "sqlite": for health and logs. */
const char *mr_message_store_backend(const mr_message_store *store);

/* The namespace of that id, referenced until mr_space_release(); NULL when there is none. Never
 * touches storage. */
MR_NODISCARD MR_HOT mr_space *mr_message_store_find(mr_message_store *store, mr_slice id);
MR_HOT void mr_space_release(mr_space *space);
/* Stays the same as long as the space is referenced. */
mr_slice mr_space_id(const mr_space *space);
/* Whether `token` is this namespace's; constant time. */
MR_NODISCARD MR_HOT bool mr_space_admits(mr_space *space, mr_slice token);
/* It has been deleted: ops fail with MR_FAULT_NO_SPACE. */
MR_HOT bool mr_space_is_deleted(const mr_space *space);

/* --- How an op went ------------------------------------------------------------------------- */

typedef enum mr_fault_code {
    MR_FAULT_NONE = 0,
    MR_FAULT_VERSION,      /* the expected version was another; `expected`, `actual`, `at` */
    MR_FAULT_ID_TAKEN,     /* the id exists with other content or in another stream; `at` */
    MR_FAULT_POSITION,     /* import: global position, id or (stream, position) exists; `at` */
    MR_FAULT_NO_SPACE,     /* there is no such namespace (any more) */
    MR_FAULT_SPACE_EXISTS, /* ns.create */
    MR_FAULT_QUOTA,        /* the namespace may not hold more */
    MR_FAULT_INPUT,        /* the arguments cannot be stored; error.text says why; `at` */
    MR_FAULT_CLOSED,       /* the store is closing */
    MR_FAULT_BACKEND,      /* the storage failed; error.text says why */
} mr_fault_code;

typedef struct mr_fault {
    mr_fault_code code;
    size_t at;                /* index of the message or record that was refused */
    int64_t expected, actual; /* of MR_FAULT_VERSION; -1 is an empty stream */
    mr_error error;           /* for people; set for every code but NONE */
} mr_fault;

/* --- Ops ------------------------------------------------------------------------------------ */

typedef enum mr_op_kind {
    MR_OP_APPEND, /* writes: carried out in the order of submission */
    MR_OP_IMPORT,
    MR_OP_CLEAR,
    MR_OP_TRUNCATE,
    MR_OP_CONSUMER_SET,
    MR_OP_SETTING_SET,
    MR_OP_READ, /* reads: see everything whose done() was called before they were submitted */
    MR_OP_VERSION,
    MR_OP_STREAMS,
    MR_OP_CATEGORIES,
    MR_OP_INFO,
    MR_OP_CONSUMER_GET,
    MR_OP_SETTING_GET,
    MR_OP_SPACE_CREATE, /* of the store, not of a space */
    MR_OP_SPACE_DELETE,
    MR_OP_SPACE_LIST,
    MR_OP_SPACE_ROTATE,
} mr_op_kind;

typedef struct mr_op {
    struct mr_op *next; /* this and the next two are the store's, between submit and done */
    mr_task task;
    mr_message_store *store;
    mr_op_kind kind;
    mr_space *space; /* NULL for MR_OP_SPACE_*; referenced by the caller until done */
    void (*done)(struct mr_op *op);
    void *caller; /* the caller's, for done() */
    mr_fault fault;
} mr_op;

/* Gives the op to the store. done() is called exactly once, possibly before submit returns. */
MR_HOT void mr_message_store_submit(mr_message_store *store, mr_op *op);

/* One message to be appended. */
typedef struct mr_new_message {
    mr_slice stream, type; /* not empty, checked by the caller (store/name.h) */
    mr_slice data;         /* a JSON object */
    mr_slice metadata;     /* the same; ptr NULL: none */
    mr_uuid id;            /* when has_id; else one is made and put here */
    bool has_id, has_expected;
    int64_t expected; /* the stream's version before this message; -1 = empty */
    /* results */
    bool duplicate; /* the id was there with the same stream, type and data: positions are its */
    int64_t position, global_position;
    int64_t time_us;
    uint32_t slot; /* the backend's */
} mr_new_message;

/* Appends `count` messages to one or several streams, all or nothing. An id that exists in the same
 * stream with the same type and data is a repeated write: it succeeds whatever version is expected.
 */
typedef struct mr_append_op {
    mr_op op; /* MR_OP_APPEND */
    mr_new_message *messages;
    size_t count;
} mr_append_op;

/* Stores messages with the positions, ids and times they bring, all or nothing. Gaps are normal. */
typedef struct mr_import_op {
    mr_op op; /* MR_OP_IMPORT */
    const mr_message
        *messages; /* valid: names not empty, positions in range, data and metadata JSON objects */
    size_t count;
} mr_import_op;

/* Removes every message and starts global positions at 1 again. */
typedef struct mr_clear_op {
    mr_op op; /* MR_OP_CLEAR */
    uint64_t removed;
} mr_clear_op;

/* Removes the messages of `stream` before `before`. The stream's version stays what it is, so the
 * next position follows on; INT64_MAX removes all of them. With `forget` the stream itself goes
 * too: it is as if it had never been, and positions start at 0 again. */
typedef struct mr_truncate_op {
    mr_op op; /* MR_OP_TRUNCATE */
    mr_slice stream;
    int64_t before;
    bool forget;
    uint64_t removed;
} mr_truncate_op;

/* A named position that a consumer keeps in the store; what it counts is the consumer's business.
 */
typedef struct mr_consumer_op {
    mr_op op; /* MR_OP_CONSUMER_SET, MR_OP_CONSUMER_GET */
    mr_slice name;
    int64_t position; /* get: -1 when there is none; set: below 0 removes it */
    int64_t time_us;  /* get: when it was set */
} mr_consumer_op;

/* Rules of one namespace. Retention is of a category or, where the name has a '-', of a stream; an
 * empty target is the whole namespace. Quotas are of the namespace. 0 means no rule. */
typedef struct mr_rules {
    uint64_t max_age_s, max_count;    /* retention */
    uint64_t max_messages, max_bytes; /* quota; with an empty target only */
} mr_rules;

typedef struct mr_setting_op {
    mr_op op; /* MR_OP_SETTING_SET, MR_OP_SETTING_GET */
    mr_slice target;
    mr_rules rules;
    /* Get with `each`: called for every target that has rules, on a store thread; `rules` is then
     * not used. Borrowed for the call. */
    void (*each)(struct mr_setting_op *op, mr_slice target, const mr_rules *rules);
} mr_setting_op;

/* --- Reading messages --- */

typedef enum mr_read_scope {
    MR_READ_STREAM,   /* by position; by global position when by_global */
    MR_READ_CATEGORY, /* by global position */
    MR_READ_ALL,
} mr_read_scope;

/* Hands over messages in ascending order from `from` (inclusive), or descending with `backwards`
 * from `from` downwards (INT64_MAX: from the end), until `limit` have been taken or `take` says
 * stop. Filters do not count against the limit. */
typedef struct mr_read_op {
    mr_op op; /* MR_OP_READ */
    mr_read_scope scope;
    mr_slice name; /* of the stream or category */
    int64_t from;
    bool by_global; /* stream only */
    bool backwards;
    bool no_bodies;       /* data and metadata are not wanted: they are empty */
    int64_t limit;        /* -1: none */
    mr_group group;       /* category and all */
    mr_slice correlation; /* category of metadata's correlationStreamName; empty: any */
    mr_slice type;        /* of the messages; empty: any */
    /* Called on a reader's thread for each message. False stops: this message was taken, and
     * `stopped` is set. */
    bool (*take)(struct mr_read_op *op, const mr_message *message);
    /* results */
    bool stopped; /* by `take`: there may be more */
    uint64_t taken;
    int64_t last_position, last_global; /* of the last one taken */
    /* Every message of the scope up to this global position was looked at (ascending reads by
     * global position): where to go on when nothing more was found. */
    int64_t seen_global;
} mr_read_op;

typedef struct mr_version_op {
    mr_op op; /* MR_OP_VERSION */
    mr_slice stream;
    int64_t version; /* -1: no such stream */
} mr_version_op;

typedef struct mr_stream_info {
    mr_slice name;
    int64_t version;
    int64_t last_time_us; /* of its last message */
} mr_stream_info;

/* Streams that have messages, by name in byte order. */
typedef struct mr_streams_op {
    mr_op op; /* MR_OP_STREAMS */
    mr_slice prefix;
    mr_slice after; /* names greater than it; empty: from the start */
    uint32_t limit;
    void (*take)(struct mr_streams_op *op, const mr_stream_info *stream);
} mr_streams_op;

typedef struct mr_category_info {
    mr_slice name;
    uint64_t stream_count, message_count;
} mr_category_info;

/* Categories that have messages, by name in byte order. */
typedef struct mr_categories_op {
    mr_op op; /* MR_OP_CATEGORIES */
    void (*take)(struct mr_categories_op *op, const mr_category_info *category);
} mr_categories_op;

typedef struct mr_space_info {
    mr_slice id, description, metadata; /* metadata: a JSON object */
    int64_t created_s;                  /* Unix time */
    uint64_t message_count, stream_count;
    int64_t last_time_us; /* of the newest message; INT64_MIN without one */
    uint64_t size_bytes;  /* of its database */
} mr_space_info;

typedef struct mr_info_op {
    mr_op op;           /* MR_OP_INFO */
    mr_space_info info; /* its texts live as long as the space is referenced */
} mr_info_op;

/* --- Namespaces --- */

typedef struct mr_space_op {
    mr_op op;                       /* MR_OP_SPACE_CREATE, _DELETE, _ROTATE; op.space is NULL */
    mr_slice id;                    /* checked by the caller (mr_space_id_check) */
    mr_slice token_hash;            /* create, rotate: as mr_token_hash() writes it */
    mr_slice description, metadata; /* create; metadata empty: {} */
    int64_t time_us;                /* result: when it happened */
    uint64_t messages_deleted;      /* result of delete */
} mr_space_op;

/* Newest first. `take` is called on a store thread; message counts are true, the other figures of
 * mr_space_info are not filled in. */
typedef struct mr_space_list_op {
    mr_op op; /* MR_OP_SPACE_LIST */
    void (*take)(struct mr_space_list_op *op, const mr_space_info *space);
} mr_space_list_op;

/* --- Waiting for an op ---------------------------------------------------------------------- */

/* Submits and waits: for commands and tests, never on a loop's thread. `op->done` is set by it.
 * Returns the fault as an error code: MR_OK, MR_ERR_CONFLICT (version, id, position, exists),
 * MR_ERR_INPUT, MR_ERR_LIMIT (quota), MR_ERR_CLOSED, MR_ERR_IO. */
MR_NODISCARD mr_code mr_message_store_call(mr_message_store *store, mr_op *op, mr_error *err);

#endif
