/* SPDX-License-Identifier: MIT
 *
 * store/check.h - whether everything in a data directory is as it should be.
 *
 *     registry      every namespace has its database, ids and token hashes are well-formed, no two
 *                   share a file, no file is left over
 *     database      SQLite's own integrity check: pages, indexes, unique keys
 *     streams       positions from 0, or from where truncation left off, without a gap, in the
 * order of global positions; category and name fit messages      stream, category and id in order;
 * data and metadata JSON objects categories    their counts are those of their messages and streams
 *
 * A **fault** means that something is broken. A **remark** is about what imports and retention
 * leave behind: missing positions, files of namespaces deleted at the moment of a crash.
 *
 * Nothing is written, and a running server is not disturbed: each database is looked at as it was
 * at one moment.
 *
 * Thread: one. */
#ifndef MR_STORE_CHECK_H
#define MR_STORE_CHECK_H

#include "store/data_dir.h"

#define MR_CHECK_FINDINGS_MAX 20 /* told of each kind in each namespace; the rest is counted */

typedef struct mr_check mr_check;

typedef struct mr_check_space {
    const char *id;
    mr_data_form form;
    uint64_t streams, messages, faults, remarks;
    uint64_t size_bytes;
} mr_check_space;

struct mr_check {
    const char *registry; /* NULL: MR_DATA_DIR_REGISTRY */
    bool strict;          /* a stream that does not begin at 0 or has a gap is a fault */
    /* Each finding, as one sentence; `space` is NULL for the registry. */
    void (*found)(mr_check *check, const char *space, bool is_fault, const char *text);
    /* A namespace has been looked at. May be NULL. */
    void (*done)(mr_check *check, const mr_check_space *space);
    /* results */
    uint64_t faults, remarks, spaces, messages;
};

/* MR_OK when all was looked at, whatever was found. */
MR_NODISCARD mr_code mr_check_run(mr_check *check, const char *data_dir, mr_error *err);

#endif
