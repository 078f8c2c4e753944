/* SPDX-License-Identifier: MIT
 *
 * store/backup.h - a copy of a data directory, made while a server may be writing to it.
 *
 *     DIR/registry.db            ->  TARGET.part/registry.db
 *     DIR/namespaces/a.db        ->  TARGET.part/namespaces/a.db      then renamed to TARGET
 *
 * The registry is copied first, then every database it lists, each by SQLite's backup interface in
 * one step: as it was at one moment, with every message that had been acknowledged when its turn
 * came. A namespace that is deleted meanwhile is left out. Each copy is checked (PRAGMA
 * integrity_check) and synced. TARGET appears when all is complete and is a data directory like any
 * other, whatever form the original's places had.
 *
 * A large database keeps its write-ahead log growing as long as it is being copied; writers and
 * readers are not held up.
 *
 * Thread: one. */
#ifndef MR_STORE_BACKUP_H
#define MR_STORE_BACKUP_H

#include "store/data_dir.h"

typedef struct mr_backup {
    const char *registry; /* NULL: MR_DATA_DIR_REGISTRY */
    /* A namespace has been copied. May be NULL. */
    void (*done)(struct mr_backup *backup, const char *space, uint64_t size_bytes);
    /* results */
    uint64_t spaces, size_bytes;
} mr_backup;

/* MR_ERR_CONFLICT when `target` exists. After a failure nothing is left of the target. */
MR_NODISCARD mr_code mr_backup_run(mr_backup *backup, const char *data_dir, const char *target,
                                   mr_error *err);

#endif
