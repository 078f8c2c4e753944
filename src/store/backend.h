/* SPDX-License-Identifier: MIT
 *
 * store/backend.h - what keeps the messages: one table of functions a storage engine.
 *
 *     mr_backend          the registry of namespaces, and what all of them share
 *     mr_backend_writer   one namespace, as its only writer sees it
 *     mr_backend_reader   one namespace, as one reader sees it
 *
 * The store (store.c) sees to it that the registry functions do not run at the same time, that a
 * namespace has at most one writer, that a writer or reader is used by one thread at a time, and
 * that nothing is used after it was closed. Backends know nothing of threads, queues and feeds.
 *
 * Thread: as stated above. */
#ifndef MR_STORE_BACKEND_H
#define MR_STORE_BACKEND_H

#include "store/store.h"

typedef struct mr_backend mr_backend;
typedef struct mr_backend_writer mr_backend_writer;
typedef struct mr_backend_reader mr_backend_reader;

/* A row of the registry. Texts are NUL-terminated and borrowed for the call. */
typedef struct mr_space_record {
    const char *id;
    const char *token_hash;
    const char *place; /* where its messages are: a file, a schema; chosen by the backend */
    const char *description, *metadata;
    int64_t created_s;
} mr_space_record;

/* What is known of a namespace without reading it. */
typedef struct mr_space_state {
    int64_t head; /* global position of the last message, 0 without one */
    uint64_t messages;
    bool has_retention; /* enforce_rules() has something to look after */
} mr_space_state;

typedef struct mr_backend_ops {
    const char *name;

    MR_NODISCARD mr_code (*open)(const mr_message_store_options *options, mr_backend **out,
                                 mr_error *err);
    void (*close)(mr_backend *backend); /* NULL is harmless */
    /* Readers cannot be opened: the writer answers reads. */
    bool (*reads_by_writer)(const mr_backend *backend);

    /* Calls `take` for every namespace; stops with the code that it returns. */
    MR_NODISCARD mr_code (*each_space)(mr_backend *backend,
                                       mr_code (*take)(void *context, const mr_space_record *record,
                                                       mr_error *err),
                                       void *context, mr_error *err);
    /* Makes the namespace's storage, then its row; `record->place` is not looked at, the one chosen
     * is copied to `arena`. MR_ERR_CONFLICT when the id is taken. */
    MR_NODISCARD mr_code (*create_space)(mr_backend *backend, const mr_space_record *record,
                                         mr_arena *arena, const char **out_place, mr_error *err);
    /* Removes the row, then the storage. No writer or reader of it is open, or they are readers
     * that will see what they saw. */
    MR_NODISCARD mr_code (*delete_space)(mr_backend *backend, const char *id, const char *place,
                                         mr_error *err);
    MR_NODISCARD mr_code (*set_token)(mr_backend *backend, const char *id, const char *token_hash,
                                      mr_error *err);
    /* Brings the namespace's storage to the present schema, and looks at what it holds. */
    MR_NODISCARD mr_code (*migrate)(mr_backend *backend, const char *place, mr_space_state *out,
                                    mr_error *err);
    /* Of its files, as far as they can be found. */
    uint64_t (*disk_bytes)(mr_backend *backend, const char *place);

    MR_NODISCARD mr_code (*open_writer)(mr_backend *backend, const char *place,
                                        mr_backend_writer **out, mr_error *err);
    void (*close_writer)(mr_backend_writer *writer); /* NULL is harmless */
    /* As of the last commit; valid after open_writer() and write(). */
    mr_space_state (*state)(const mr_backend_writer *writer);
    /* Carries out the ops linked from `first` (MR_OP_APPEND to MR_OP_SETTING_SET) in order, in one
     * transaction, and sets each one's fault. When it returns, what has MR_FAULT_NONE is durable
     * and nothing of the rest has happened. */
    void (*write)(mr_backend_writer *writer, mr_op *first);
    /* Removes up to `limit` messages that retention no longer keeps; *out_removed < limit: done. */
    MR_NODISCARD mr_code (*enforce_rules)(mr_backend_writer *writer, int64_t now_us, uint64_t limit,
                                          uint64_t *out_removed, mr_error *err);
    /* To be called after each write(), and when tidy_aside() has ended: work that keeps the storage
     * in shape. True when a part of it is to be done beside further writes: call tidy_aside(), once
     * at a time, on any thread; the writer must not be closed meanwhile. */
    bool (*tidy)(mr_backend_writer *writer);
    void (*tidy_aside)(mr_backend_writer *writer);
    void (*read_by_writer)(mr_backend_writer *writer, mr_op *op);

    MR_NODISCARD mr_code (*open_reader)(mr_backend *backend, const char *place,
                                        mr_backend_reader **out, mr_error *err);
    void (*close_reader)(mr_backend_reader *reader); /* NULL is harmless */
    /* Carries out MR_OP_READ to MR_OP_SETTING_GET. `head` of MR_OP_READ's seen_global is the
     * caller's: see mr_read_op. */
    void (*read)(mr_backend_reader *reader, mr_op *op);
} mr_backend_ops;

extern const mr_backend_ops mr_backend_sqlite;

/* Fills an op's fault. */
void mr_op_fail(mr_op *op, mr_fault_code code, size_t at, const char *format, ...) MR_PRINTF(4, 5);
/* The same with an error that storage gave. */
void mr_op_fail_storage(mr_op *op, const mr_error *error);

#endif
