/* SPDX-License-Identifier: MIT
 *
 * pipeline/commit.h - what one checkpoint says, as a value and as bytes: everything that a later
 * run needs to go on as if it had never been away.
 *
 * The bytes are sections, each with a number and a length; they go into the journal
 * (pipeline/journal.h) and, where the destination is a database, into the same transaction as the
 * data. A section that is not known means that a later version wrote it: such a checkpoint is
 * refused, for leaving something out could lose or repeat records.
 *
 * Thread: values, no sharing. */
#ifndef MR_PIPELINE_COMMIT_H
#define MR_PIPELINE_COMMIT_H

#include "connector/connector.h"
#include "pipeline/ledger.h"
#include "pipeline/quarantine.h"

#define MR_COMMIT_SETTINGS_MAX  ((size_t)4 << 20)
#define MR_COMMIT_COLUMNS_MAX   ((size_t)32 << 20)
#define MR_COMMIT_TRANSFORM_MAX ((size_t)64 << 20)
#define MR_COMMIT_WATERMARK_MAX ((size_t)32 << 20)

typedef struct mr_commit {
    mr_slice pipeline;       /* its id */
    mr_slice name, from, to; /* for people: without secrets */
    mr_slice settings;       /* "key=value" lines that decide about the output: pipeline_id.h */
    mr_slice source;         /* position, at most MR_POSITION_MAX bytes */
    mr_slice destination;    /* position, likewise */
    mr_slice columns;        /* what a first pass found: pipeline/found.h; empty = there was none */
    mr_slice transform;      /* state of the transforms, at most MR_COMMIT_TRANSFORM_MAX */
    mr_slice watermark;      /* of incremental loads: pipeline/increment.h */
    mr_slice history;        /* the file of schemas; empty while nothing was told there */
    uint64_t schema_changes; /* that this run has told */
    uint64_t files; /* the list of what is new among files: file_set.h; 0 = there is none */
    mr_ledger ledger;
    mr_rejects_mark rejects;
    bool sealed;     /* everything is written; only publishing is left */
    int64_t wall_ns; /* when it was made */
    int64_t now_ns;  /* what now() says in expressions, which is one moment for the whole run */
    bool finished;   /* and that is done: nothing but the watermark counts */
} mr_commit;

/* Appends the bytes of `commit` to `out`. MR_ERR_LIMIT names the part that is too large. */
MR_NODISCARD mr_code mr_commit_encode(const mr_commit *commit, mr_buffer *out, mr_error *err);

/* The value that the bytes hold; its slices are borrowed from them. MR_ERR_USAGE for what a later
 * version wrote, MR_ERR_INPUT for what is no checkpoint. */
MR_NODISCARD mr_code mr_commit_decode(mr_slice bytes, mr_commit *out, mr_error *err);

#endif
