/* SPDX-License-Identifier: MIT
 *
 * store/import_internal.h - one import under way.
 *
 *     import.c          the endpoint: sessions, events of the request, the store's answers
 *     import_lines.c    bytes to lines to messages of a batch
 *     import_report.c   what the answer says
 *
 * Thread: the loop's of its request; while a batch is committing it is the store's. */
#ifndef MR_STORE_IMPORT_INTERNAL_H
#define MR_STORE_IMPORT_INTERNAL_H

#include "http/loop.h"
#include "store/import.h"

#define MR_IMPORT_ARENA_BYTES \
    ((size_t)80 << 20) /* a full batch, one line more, and decoded texts */

typedef struct mr_import_session mr_import_session;

typedef struct mr_import_batch {
    mr_import_op op;
    mr_loop_job job; /* posted when the store has answered */
    mr_import_session *session;
    mr_arena arena; /* lines, and what had to be decoded */
    size_t count, bytes;
    mr_message messages[MR_IMPORT_BATCH_RECORDS];
    uint64_t lines[MR_IMPORT_BATCH_RECORDS]; /* their numbers */
} mr_import_batch;

struct mr_import_session {
    mr_importer *importer;
    mr_http_request *request;
    mr_loop *loop;
    mr_space *space; /* referenced */
    int place;       /* among the importer's sessions */
    mr_clear_op clear;
    mr_import_batch *filling;
    mr_import_batch *committing; /* NULL: none */
    mr_import_batch *spare;      /* the other one, while none is committing */
    mr_buffer line;              /* the beginning of a line whose end has not come */
    mr_buffer rest;              /* what of a piece waits for a batch to be free */
    size_t rest_at;
    uint64_t line_count;
    bool complete; /* the body has ended, and its last line is in `filling` */
    bool closed;   /* the stream has: nothing more can be said */

    uint64_t imported;
    int64_t last_global;
    int64_t started_ns;
    const char *fault; /* code of the error that ends the import; NULL: none */
    uint64_t fault_line;
    mr_error fault_text;
    mr_buffer report;
    bool owes_progress; /* `imported` has not been told */
    bool over;          /* the last report may be given */
    bool told;          /* and was */
};

/* Reads lines from `bytes` until they are used up, the batch is full, or a line is bad; returns how
 * many bytes were used. */
MR_HOT size_t mr_import_take(mr_import_session *session, mr_slice bytes);
/* The last line, if nothing ended it. */
void mr_import_take_last(mr_import_session *session);
MR_HOT bool mr_import_full(const mr_import_batch *batch);

/* Ends the import with an error, unless there is one already. */
void mr_import_fault(mr_import_session *session, const char *code, uint64_t line,
                     const mr_error *text);
/* Says what is to be said, as far as the peer takes it; again whenever it takes more. */
void mr_import_report(mr_import_session *session);

#endif
