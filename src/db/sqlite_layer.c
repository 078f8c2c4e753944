/* SPDX-License-Identifier: MIT
 *
 * A file is opened into the memory behind ours, and what a layer does not do itself is passed on to
 * it. */
#include "db/sqlite_layer.h"

#include <pthread.h>
#include <sqlite3.h>
#include <time.h>

#include "core/mem.h"

typedef struct layer_file {
    sqlite3_file base; /* what SQLite sees */
    uint32_t unsynced; /* paced: bytes written since the last sync */
    uint32_t held;     /* gathering: bytes not written yet, */
    char *bytes;       /* and they */
    sqlite3_int64 at;  /* belong here */
} layer_file;

static sqlite3_vfs *below;

static layer_file *own(sqlite3_file *file)
{
    return (layer_file *)(void *)file;
}

static sqlite3_file *real(sqlite3_file *file)
{
    return (sqlite3_file *)(void *)(own(file) + 1);
}

static int paced_write(sqlite3_file *file, const void *bytes, int count, sqlite3_int64 offset)
{
    static const struct timespec pause = {.tv_nsec = MR_SQLITE_PACE_US * 1000};
    const int rc = real(file)->pMethods->xWrite(real(file), bytes, count, offset);
    own(file)->unsynced += (uint32_t)count;
    if (rc != SQLITE_OK || own(file)->unsynced < MR_SQLITE_PACE_BYTES) return rc;
    own(file)->unsynced = 0;
    nanosleep(&pause, NULL);
    return real(file)->pMethods->xSync(real(file), SQLITE_SYNC_NORMAL | SQLITE_SYNC_DATAONLY);
}

/* --- Gathering ----------------------------------------------------------------------------------
 */

/* What could not be written is gone: SQLite undoes the transaction and writes the place anew. */
static int put_held(sqlite3_file *file)
{
    const uint32_t held = own(file)->held;
    own(file)->held = 0;
    if (held == 0) return SQLITE_OK;
    return real(file)->pMethods->xWrite(real(file), own(file)->bytes, (int)held, own(file)->at);
}

static int gather_write(sqlite3_file *file, const void *bytes, int count, sqlite3_int64 offset)
{
    layer_file *log = own(file);
    const uint32_t size = (uint32_t)count;
    if (log->bytes == NULL) log->bytes = mr_mem_alloc(MR_SQLITE_GATHER_BYTES);
    if (log->held > 0 &&
        (offset != log->at + log->held || size > MR_SQLITE_GATHER_BYTES - log->held)) {
        const int rc = put_held(file);
        if (rc != SQLITE_OK) return rc;
    }
    if (log->bytes == NULL || size > MR_SQLITE_GATHER_BYTES)
        return real(file)->pMethods->xWrite(real(file), bytes, count, offset);
    if (log->held == 0) log->at = offset;
    memcpy(log->bytes + log->held, bytes, size);
    log->held += size;
    return SQLITE_OK;
}

static int gather_sync(sqlite3_file *file, int flags)
{
    const int rc = put_held(file);
    return rc == SQLITE_OK ? real(file)->pMethods->xSync(real(file), flags) : rc;
}

static int gather_read(sqlite3_file *file, void *into, int count, sqlite3_int64 offset)
{
    const int rc = put_held(file);
    return rc == SQLITE_OK ? real(file)->pMethods->xRead(real(file), into, count, offset) : rc;
}

static int gather_truncate(sqlite3_file *file, sqlite3_int64 size)
{
    const int rc = put_held(file);
    return rc == SQLITE_OK ? real(file)->pMethods->xTruncate(real(file), size) : rc;
}

static int gather_size(sqlite3_file *file, sqlite3_int64 *out)
{
    const int rc = put_held(file);
    return rc == SQLITE_OK ? real(file)->pMethods->xFileSize(real(file), out) : rc;
}

static int gather_close(sqlite3_file *file)
{
    const int put = put_held(file);
    const int closed = real(file)->pMethods->xClose(real(file));
    mr_mem_free(own(file)->bytes);
    own(file)->bytes = NULL;
    return put == SQLITE_OK ? closed : put;
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

/* With shared memory, without memory mapping. */
#define PASSED                                                                           \
    .iVersion = 2, .xLock = pass_lock, .xUnlock = pass_unlock,                           \
    .xCheckReservedLock = pass_check_lock, .xFileControl = pass_control,                 \
    .xSectorSize = pass_sector_size, .xDeviceCharacteristics = pass_traits,              \
    .xShmMap = pass_shm_map, .xShmLock = pass_shm_lock, .xShmBarrier = pass_shm_barrier, \
    .xShmUnmap = pass_shm_unmap

static const sqlite3_io_methods paced_methods = {PASSED,
                                                 .xClose = pass_close,
                                                 .xRead = pass_read,
                                                 .xWrite = paced_write,
                                                 .xTruncate = pass_truncate,
                                                 .xSync = pass_sync,
                                                 .xFileSize = pass_size};

static const sqlite3_io_methods gather_methods = {PASSED,
                                                  .xClose = gather_close,
                                                  .xRead = gather_read,
                                                  .xWrite = gather_write,
                                                  .xTruncate = gather_truncate,
                                                  .xSync = gather_sync,
                                                  .xFileSize = gather_size};

/* Files of the kind `which` get `methods`, all others are the system's. */
static int open_layer(const sqlite3_io_methods *methods, int which, const char *name,
                      sqlite3_file *file, int flags, int *out_flags)
{
    if ((flags & which) == 0) return below->xOpen(below, name, file, flags, out_flags);
    *own(file) = (layer_file){0};
    const int rc = below->xOpen(below, name, real(file), flags, out_flags);
    /* A file that could not be opened is closed all the same when it has methods. */
    if (real(file)->pMethods != NULL) own(file)->base.pMethods = methods;
    return rc;
}

static int paced_open(MR_UNUSED sqlite3_vfs *vfs, const char *name, sqlite3_file *file, int flags,
                      int *out_flags)
{
    return open_layer(&paced_methods, SQLITE_OPEN_MAIN_DB, name, file, flags, out_flags);
}

static int gather_open(MR_UNUSED sqlite3_vfs *vfs, const char *name, sqlite3_file *file, int flags,
                       int *out_flags)
{
    return open_layer(&gather_methods, SQLITE_OPEN_WAL, name, file, flags, out_flags);
}

static struct {
    sqlite3_vfs vfs;
    const char *name;
    int (*open)(sqlite3_vfs *vfs, const char *name, sqlite3_file *file, int flags, int *out_flags);
} layers[] = {{.name = "millrace-paced", .open = paced_open},
              {.name = "millrace-gathering", .open = gather_open}};

static void register_once(void)
{
    below = sqlite3_vfs_find(NULL);
    for (size_t i = 0; below != NULL && i < sizeof layers / sizeof layers[0]; i++) {
        sqlite3_vfs *vfs = &layers[i].vfs;
        *vfs = *below; /* all but opening is the default's */
        vfs->pNext = NULL;
        vfs->zName = layers[i].name;
        vfs->szOsFile = below->szOsFile + (int)sizeof(layer_file);
        vfs->xOpen = layers[i].open;
        if (sqlite3_vfs_register(vfs, 0) != SQLITE_OK) vfs->zName = NULL;
    }
}

static const char *layer_name(size_t which)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, register_once);
    return layers[which].vfs.zName;
}

const char *mr_sqlite_paced(void)
{
    return layer_name(0);
}

const char *mr_sqlite_gathering(void)
{
    return layer_name(1);
}
