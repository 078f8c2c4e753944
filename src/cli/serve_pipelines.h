/* SPDX-License-Identifier: MIT
 *
 * cli/serve_pipelines.h - the list `pipelines` of a server's file: what runs when.
 *
 *     pipelines:
 *       - file: orders.yaml          or pipeline: with the file's content
 *         every: 5m                  or cron: "0 3 * * *", in UTC
 *         name: orders               the file's `name` or its file name when missing
 *         on_start: true             once when the server starts, too
 *         overlap: skip              when it is due while it runs: skip, or queue one run
 *
 * Thread: the main thread's; constant afterwards. */
#ifndef MR_CLI_SERVE_PIPELINES_H
#define MR_CLI_SERVE_PIPELINES_H

#include "cli/schedule.h"
#include "core/buffer.h"
#include "core/tree.h"

#define MR_SERVE_PIPELINES_MAX     64
#define MR_SERVE_PIPELINE_NAME_MAX 64

typedef struct mr_serve_pipeline {
    const char *name;
    const char *file;    /* NULL: inline */
    const char *content; /* of an inline one, as JSON */
    mr_schedule schedule;
    const char *when; /* as written */
    bool on_start;
    bool queues;
    const char *where; /* in the server's file, for errors */
} mr_serve_pipeline;

typedef struct mr_serve_pipelines {
    mr_serve_pipeline *items;
    uint32_t count;
} mr_serve_pipelines;

/* Takes the key `pipelines` out of the file's mapping, if it is there. */
MR_NODISCARD mr_code mr_serve_pipelines_take(const mr_tree *tree, mr_arena *arena,
                                             mr_serve_pipelines *out, mr_error *err);

/* Loads each one as a run would, and checks its ends and options; nothing is opened. */
MR_NODISCARD mr_code mr_serve_pipelines_check(const mr_serve_pipelines *pipelines, mr_error *err);

#endif
