/* SPDX-License-Identifier: MIT
 *
 * A VFS over the default one. A database's file is opened into the memory behind ours, and every
 * call but write is passed on to it. */
#include "db/sqlite_paced.h"

#include <pthread.h>
#include <sqlite3.h>
#include <time.h>

typedef struct paced_file {
    sqlite3_file base; /* what SQLite sees */
    uint32_t unsynced; /* bytes written since the last sync */
} paced_file;

static sqlite3_vfs paced_vfs, *below;

static sqlite3_file *real(sqlite3_file *file)
{
    return (sqlite3_file *)(void *)((paced_file *)(void *)file + 1);
}

static int paced_write(sqlite3_file *file, const void *bytes, int count, sqlite3_int64 offset)
{
    static const struct timespec pause = {.tv_nsec = MR_SQLITE_PACE_US * 1000};
    paced_file *own = (paced_file *)(void *)file;
    const int rc = real(file)->pMethods->xWrite(real(file), bytes, count, offset);
    own->unsynced += (uint32_t)count;
    if (rc != SQLITE_OK || own->unsynced < MR_SQLITE_PACE_BYTES) return rc;
    own->unsynced = 0;
    nanosleep(&pause, NULL);
    return real(file)->pMethods->xSync(real(file), SQLITE_SYNC_NORMAL | SQLITE_SYNC_DATAONLY);
}

/* --- Passed on ----------------------------------------------------------------------------------
 */

static int pass_close(sqlite3_file *file)
{
    return real(file)->pMethods->xClose(real(file));
}

static int pass_read(sqlite3_file *file, void *into, int count, sqlite3_int64 offset)
{
    return real(file)->pMethods->xRead(real(file), into, count, offset);
}

static int pass_truncate(sqlite3_file *file, sqlite3_int64 size)
{
    return real(file)->pMethods->xTruncate(real(file), size);
}

static int pass_sync(sqlite3_file *file, int flags)
{
    return real(file)->pMethods->xSync(real(file), flags);
}

static int pass_size(sqlite3_file *file, sqlite3_int64 *out)
{
    return real(file)->pMethods->xFileSize(real(file), out);
}

static int pass_lock(sqlite3_file *file, int lock)
{
    return real(file)->pMethods->xLock(real(file), lock);
}

static int pass_unlock(sqlite3_file *file, int lock)
{
    return real(file)->pMethods->xUnlock(real(file), lock);
}

static int pass_check_lock(sqlite3_file *file, int *out)
{
    return real(file)->pMethods->xCheckReservedLock(real(file), out);
}

static int pass_control(sqlite3_file *file, int op, void *arg)
{
    return real(file)->pMethods->xFileControl(real(file), op, arg);
}

static int pass_sector_size(sqlite3_file *file)
{
    return real(file)->pMethods->xSectorSize(real(file));
}

static int pass_traits(sqlite3_file *file)
{
    return real(file)->pMethods->xDeviceCharacteristics(real(file));
}

static int pass_shm_map(sqlite3_file *file, int region, int size, int extend, void volatile **out)
{
    return real(file)->pMethods->xShmMap(real(file), region, size, extend, out);
}

static int pass_shm_lock(sqlite3_file *file, int offset, int count, int flags)
{
    return real(file)->pMethods->xShmLock(real(file), offset, count, flags);
}

static void pass_shm_barrier(sqlite3_file *file)
{
    real(file)->pMethods->xShmBarrier(real(file));
}

static int pass_shm_unmap(sqlite3_file *file, int remove)
{
    return real(file)->pMethods->xShmUnmap(real(file), remove);
}

static const sqlite3_io_methods paced_methods = {
    .iVersion = 2, /* with shared memory, without memory mapping */
    .xClose = pass_close,
    .xRead = pass_read,
    .xWrite = paced_write,
    .xTruncate = pass_truncate,
    .xSync = pass_sync,
    .xFileSize = pass_size,
    .xLock = pass_lock,
    .xUnlock = pass_unlock,
    .xCheckReservedLock = pass_check_lock,
    .xFileControl = pass_control,
    .xSectorSize = pass_sector_size,
    .xDeviceCharacteristics = pass_traits,
    .xShmMap = pass_shm_map,
    .xShmLock = pass_shm_lock,
    .xShmBarrier = pass_shm_barrier,
    .xShmUnmap = pass_shm_unmap,
};

static int paced_open(MR_UNUSED sqlite3_vfs *vfs, const char *name, sqlite3_file *file, int flags,
                      int *out_flags)
{
    if ((flags & SQLITE_OPEN_MAIN_DB) == 0)
        return below->xOpen(below, name, file, flags, out_flags);
    paced_file *own = (paced_file *)(void *)file;
    *own = (paced_file){0};
    const int rc = below->xOpen(below, name, real(file), flags, out_flags);
    /* A file that could not be opened is closed all the same when it has methods. */
    if (real(file)->pMethods != NULL) own->base.pMethods = &paced_methods;
    return rc;
}

static void register_once(void)
{
    below = sqlite3_vfs_find(NULL);
    if (below == NULL) return;
    paced_vfs = *below; /* all but opening is the default's */
    paced_vfs.pNext = NULL;
    paced_vfs.zName = "millrace-paced";
    paced_vfs.szOsFile = below->szOsFile + (int)sizeof(paced_file);
    paced_vfs.xOpen = paced_open;
    if (sqlite3_vfs_register(&paced_vfs, 0) != SQLITE_OK) paced_vfs.zName = NULL;
}

const char *mr_sqlite_paced(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, register_once);
    return paced_vfs.zName;
}
