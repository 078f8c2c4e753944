/* SPDX-License-Identifier: MIT
 *
 * support/power_cut.h - what a power cut leaves on the disk, after a process that failing_io.so has
 * recorded was killed.
 *
 * A kill loses nothing that was written: the system still has it. A power cut may lose whatever was
 * not synced, in any choice, for the disk writes in an order of its own. The record has every
 * change with what was there before, and every sync:
 *
 *     write a   write b   sync   write c   truncate d   write e   kill
 *     |------ stays ------|      |---- each may stay or go ----|
 *
 * Thread: one; the recorded process has ended. */
#ifndef MR_TESTS_SUPPORT_POWER_CUT_H
#define MR_TESTS_SUPPORT_POWER_CUT_H

#include <stddef.h>
#include <stdint.h>

#define POWER_CUT_ENV "FAILING_IO_RECORD" /* file to append to; without it nothing is recorded */

/* Without it the files of SQLite databases are recorded, each by its path. With it all regular
 * files in this directory and below, whatever becomes of their names: each is recorded by a hard
 * link to it, RECORD.d/INODE (RECORD.d is there before), and what happens to names is recorded too.
 * support/file_cut.py replays such a record. */
#define POWER_CUT_UNDER_ENV "FAILING_IO_UNDER"

typedef enum power_cut_kind {
    POWER_CUT_WRITE = 1, /* followed by `before` old bytes and `len` new ones */
    POWER_CUT_TRUNCATE,  /* followed by `before` bytes that were cut off; `len` is 0 */
    POWER_CUT_SYNC,      /* of this file: all records of it below `upto` are safe */
    /* Names; `offset` and `size` are inodes, 0 = none. All are of one directory. */
    POWER_CUT_MAKE,       /* path became `offset` */
    POWER_CUT_RENAME,     /* path, `offset` before, goes to the name in `len`, `size` before */
    POWER_CUT_REMOVE,     /* path, `offset` before, goes away */
    POWER_CUT_SYNC_NAMES, /* of the directory path, below `upto` */
} power_cut_kind;

typedef struct power_cut_record {
    uint32_t kind;
    uint32_t path_len; /* the path follows first */
    uint64_t number;   /* of the record, from 1 */
    uint64_t upto;
    int64_t offset,
        size; /* where; how long the file was before (truncate: offset is the new size) */
    uint64_t before, len;
} power_cut_record;

typedef struct power_cut_result {
    size_t safe, kept, lost; /* changes */
} power_cut_result;

/* Undoes what was not synced, of each change by chance (`per_cent` of them stay). `record` is the
 * file that was recorded to; it is emptied. Fails the test when it makes no sense. */
power_cut_result power_cut(const char *record, unsigned per_cent, uint64_t seed);

#endif
