/* SPDX-License-Identifier: MIT */
#include "store/backup.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#define ARENA_BYTES ((size_t)1 << 30) /* a row of the registry for each namespace */
#define BUSY_MS     30000

typedef struct work {
    mr_backup *backup;
    mr_arena arena;
    mr_data_dir dir;
    const char *target, *part;
    mr_sqlite registry; /* the copy */
} work;

/* --- one database --------------------------------------------------------------------------- */

static mr_code copy_pages(mr_sqlite *from, mr_sqlite *to, mr_error *err)
{
    sqlite3_backup *copy = sqlite3_backup_init(to->handle, "main", from->handle, "main");
    if (copy == NULL) return mr_sqlite_fail(to, sqlite3_errcode(to->handle), "begin the copy", err);
    int rc;
    do /* another process may just be carrying its log over */
        rc = sqlite3_backup_step(copy, -1);
    while (rc == SQLITE_OK);
    const int end = sqlite3_backup_finish(copy);
    if (rc == SQLITE_DONE && end == SQLITE_OK) return MR_OK;
    return mr_sqlite_fail(to, end != SQLITE_OK ? end : rc, "copy the database", err);
}

static mr_code verify(mr_sqlite *db, mr_error *err)
{
    mr_sqlite_stmt stmt = {0};
    bool row = false;
    MR_TRY(
        mr_sqlite_prepare(&stmt, db, MR_SLICE("PRAGMA integrity_check(1)"), "check the copy", err));
    mr_code rc = mr_sqlite_step(&stmt, &row, err);
    if (rc == MR_OK && !mr_slice_is(mr_sqlite_column_text(&stmt, 0), "ok"))
        rc = mr_fail(err, MR_ERR_INPUT, "the copy is damaged, so the original may be: %.*s",
                     MR_SLICE_ARGS(mr_sqlite_column_text(&stmt, 0)));
    mr_sqlite_finish(&stmt);
    return rc;
}

/* Copies the database at `from` to the new file `to`; leaves it open in `out`. */
static mr_code copy_database(const char *from, const char *to, mr_sqlite *out, mr_error *err)
{
    mr_sqlite source = {0};
    const mr_sqlite_options read = {.mode = MR_SQLITE_READ, .busy_timeout_ms = BUSY_MS};
    const mr_sqlite_options create = {.mode = MR_SQLITE_CREATE, .busy_timeout_ms = BUSY_MS};
    MR_TRY(mr_sqlite_open(&source, from, &read, err));
    mr_code rc = mr_sqlite_open(out, to, &create, err);
    if (rc == MR_OK) rc = copy_pages(&source, out, err);
    if (rc == MR_OK) rc = verify(out, err);
    mr_sqlite_close(&source);
    return rc;
}

static mr_code size_of(mr_sqlite *db, uint64_t *out, mr_error *err)
{
    int64_t pages, bytes;
    MR_TRY(mr_data_ask(db, "PRAGMA page_count", &pages, err));
    MR_TRY(mr_data_ask(db, "PRAGMA page_size", &bytes, err));
    *out = (uint64_t)(pages * bytes);
    return MR_OK;
}

/* --- namespaces ----------------------------------------------------------------------------- */

static mr_code change_registry(work *w, const char *sql, const char *id, const char *place,
                               mr_error *err)
{
    mr_sqlite_stmt stmt = {0};
    MR_TRY(mr_sqlite_prepare(&stmt, &w->registry, mr_slice_text(sql), "change the registry", err));
    mr_code rc = mr_sqlite_bind_text(&stmt, 1, mr_slice_text(id), err);
    if (rc == MR_OK && place != NULL) rc = mr_sqlite_bind_text(&stmt, 2, mr_slice_text(place), err);
    if (rc == MR_OK) rc = mr_sqlite_run(&stmt, err);
    mr_sqlite_finish(&stmt);
    return rc;
}

static mr_code make_dirs(work *w, const char *place, mr_error *err)
{
    for (const char *slash = strchr(place, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
        const char *path =
            mr_arena_printf(&w->arena, "%s/%.*s", w->part, (int)(slash - place), place);
        if (path == NULL) return mr_arena_fail(&w->arena, err);
        if (mkdir(path, 0777) != 0 && errno != EEXIST)
            return mr_fail_errno(err, errno, "cannot make the directory '%s'", path);
    }
    return MR_OK;
}

/* A place that is relative to the directory stays; any other would lead back to the original. */
static const char *place_in_copy(work *w, const mr_data_space *space, size_t index)
{
    const bool climbs = strstr(space->place, "..") != NULL;
    if (space->path_is_relative && !climbs) return space->place;
    return mr_arena_printf(&w->arena, "namespaces/copy-%zu.db", index + 1);
}

static mr_code copy_space(work *w, size_t index, mr_error *err)
{
    const mr_data_space *space = &w->dir.spaces[index];
    mr_sqlite copy = {0};
    uint64_t size = 0;
    const char *place = place_in_copy(w, space, index);
    const char *to = place != NULL ? mr_arena_printf(&w->arena, "%s/%s", w->part, place) : NULL;
    if (to == NULL) return mr_arena_fail(&w->arena, err);
    MR_TRY(make_dirs(w, place, err));
    mr_code rc = copy_database(space->path, to, &copy, err);
    if (rc == MR_OK) rc = size_of(&copy, &size, err);
    mr_sqlite_close(&copy);
    if (rc == MR_OK && place != space->place)
        rc = change_registry(w, "UPDATE namespaces SET db_path = ?2 WHERE id = ?1", space->id,
                             place, err);
    MR_TRY(rc);
    w->backup->spaces++;
    w->backup->size_bytes += size;
    if (w->backup->done != NULL) w->backup->done(w->backup, space->id, size);
    return MR_OK;
}

/* A namespace whose file has gone since the registry was read has been deleted, unless the registry
 * still has it. */
static mr_code check_deleted(work *w, const mr_data_space *space, mr_error *err)
{
    mr_data_dir now;
    const mr_data_space *found;
    MR_TRY(mr_data_dir_read(&now, w->dir.path, w->backup->registry, &w->arena, err));
    if (mr_data_dir_find(&now, space->id, &found, NULL) == MR_OK && found->path == NULL)
        return mr_fail(err, MR_ERR_INPUT, "its database '%s' is not there", space->place);
    return change_registry(w, "DELETE FROM namespaces WHERE id = ?1", space->id, NULL, err);
}

static mr_code copy_spaces(work *w, mr_error *err)
{
    for (size_t i = 0; i < w->dir.space_count; i++) {
        const mr_data_space *space = &w->dir.spaces[i];
        const bool gone = space->path == NULL || access(space->path, F_OK) != 0;
        const mr_code rc = gone ? check_deleted(w, space, err) : copy_space(w, i, err);
        if (rc != MR_OK) return mr_error_prefix(err, "namespace '%s'", space->id);
    }
    return MR_OK;
}

/* --- the whole ------------------------------------------------------------------------------ */

/* Makes the names in a directory durable; the files are, by their commits. */
static mr_code sync_dir(const char *path, mr_error *err)
{
    const int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0 && errno == ENOENT) return MR_OK;
    if (fd < 0) return mr_fail_errno(err, errno, "directory '%s'", path);
    const int error = fsync(fd) == 0 ? 0 : errno;
    close(fd);
    return error == 0 ? MR_OK : mr_fail_errno(err, error, "directory '%s' cannot be synced", path);
}

static mr_code publish(work *w, mr_error *err)
{
    const char *slash = strrchr(w->target, '/');
    const size_t len = slash == NULL ? 0 : slash == w->target ? 1 : (size_t)(slash - w->target);
    const char *parent = len > 0 ? mr_arena_printf(&w->arena, "%.*s", (int)len, w->target) : ".";
    const char *folder = mr_arena_printf(&w->arena, "%s/namespaces", w->part);
    if (parent == NULL || folder == NULL) return mr_arena_fail(&w->arena, err);
    MR_TRY(sync_dir(folder, err));
    MR_TRY(sync_dir(w->part, err));
    if (rename(w->part, w->target) != 0)
        return mr_fail_errno(err, errno, "'%s' cannot be renamed to '%s'", w->part, w->target);
    return sync_dir(parent, err);
}

/* Removes what an unfinished copy left: files one or two directories deep. */
static void remove_part(const char *path, int depth)
{
    DIR *files = opendir(path);
    if (files == NULL) return;
    for (const struct dirent *file; (file = readdir(files)) != NULL;) {
        char full[4096];
        if (strcmp(file->d_name, ".") == 0 || strcmp(file->d_name, "..") == 0) continue;
        snprintf(full, sizeof full, "%s/%s", path, file->d_name);
        if (unlink(full) != 0 && depth > 0) remove_part(full, depth - 1);
    }
    closedir(files);
    rmdir(path);
}

/* What is copied is what the copied registry lists, by where the original has it. */
static mr_code copy_all(work *w, const char *data_dir, mr_error *err)
{
    const char *name = w->backup->registry != NULL ? w->backup->registry : MR_DATA_DIR_REGISTRY;
    const char *to = mr_arena_printf(&w->arena, "%s/%s", w->part, name);
    if (to == NULL) return mr_arena_fail(&w->arena, err);
    MR_TRY(mr_data_dir_read(&w->dir, data_dir, name, &w->arena, err));
    MR_TRY(copy_database(w->dir.registry_path, to, &w->registry, err));
    MR_TRY(mr_data_dir_read(&w->dir, data_dir, to, &w->arena, err));
    return copy_spaces(w, err);
}

static mr_code begin(work *w, const char *target, mr_error *err)
{
    struct stat info;
    size_t len = strlen(target);
    while (len > 1 && target[len - 1] == '/')
        len--;
    w->target = mr_arena_printf(&w->arena, "%.*s", (int)len, target);
    w->part = mr_arena_printf(&w->arena, "%.*s.part", (int)len, target);
    if (w->target == NULL || w->part == NULL) return mr_arena_fail(&w->arena, err);
    if (lstat(w->target, &info) == 0)
        return mr_fail(err, MR_ERR_CONFLICT, "'%s' exists already: name a new directory",
                       w->target);
    if (mkdir(w->part, 0777) == 0) return MR_OK;
    const int error = errno;
    if (error == EEXIST)
        return mr_fail(err, MR_ERR_CONFLICT,
                       "'%s' is left by a copy that was broken off, or of one under way: remove it "
                       "if there is none",
                       w->part);
    return mr_fail_errno(err, error, "cannot make the directory '%s'", w->part);
}

mr_code mr_backup_run(mr_backup *backup, const char *data_dir, const char *target, mr_error *err)
{
    work w = {.backup = backup};
    backup->spaces = backup->size_bytes = 0;
    mr_arena_init(&w.arena, "store.backup", ARENA_BYTES);
    mr_code rc = begin(&w, target, err);
    if (rc != MR_OK) {
        mr_arena_done(&w.arena);
        return rc;
    }
    rc = copy_all(&w, data_dir, err);
    mr_sqlite_close(&w.registry);
    if (rc == MR_OK) rc = publish(&w, err);
    if (rc != MR_OK) remove_part(w.part, 2);
    mr_arena_done(&w.arena);
    return rc;
}
