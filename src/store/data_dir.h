/* SPDX-License-Identifier: MIT
 *
 * store/data_dir.h - a data directory of the SQLite backend seen from outside: read-only, and just
 * as well while a server has it open.
 *
 *     DATA_DIR/registry.db          which namespaces there are, and each one's place
 *     DATA_DIR/namespaces/ID.db     one database each
 *
 * A place is relative to the directory; one written by EventoDB is a path from the working
 * directory of its maker, and is looked for as written, then by its last part in the directory.
 *
 * Thread: owned by one thread. */
#ifndef MR_STORE_DATA_DIR_H
#define MR_STORE_DATA_DIR_H

#include "core/arena.h"
#include "db/sqlite.h"

#define MR_DATA_DIR_REGISTRY "registry.db"

typedef struct mr_data_space {
    const char *id, *token_hash, *place, *description, *metadata;
    int64_t created_s;
    const char *path;      /* of its database; NULL: it is not there */
    bool path_is_relative; /* the place is relative to the directory */
} mr_data_space;

typedef struct mr_data_dir {
    mr_arena *arena; /* borrowed; what follows lives in it */
    const char *path, *registry_path;
    mr_data_space *spaces; /* as they were when it was opened, oldest first */
    size_t space_count;
} mr_data_dir;

/* Reads the registry of the directory `path`: the file `registry` (NULL: MR_DATA_DIR_REGISTRY) in
 * it, or elsewhere when the name has a '/'. */
MR_NODISCARD mr_code mr_data_dir_read(mr_data_dir *dir, const char *path, const char *registry,
                                      mr_arena *arena, mr_error *err);

/* The namespace with that id; MR_ERR_USAGE when there is none. */
MR_NODISCARD mr_code mr_data_dir_find(const mr_data_dir *dir, const char *id,
                                      const mr_data_space **out, mr_error *err);

/* How the tables of a namespace's database are laid out. */
typedef enum mr_data_form {
    MR_DATA_OURS = 1,
    MR_DATA_EVENTODB, /* it becomes ours when it is first served */
} mr_data_form;

/* Opens a namespace's database, read-only. MR_ERR_INPUT when it is of neither form, or of a later
 * version of this program. Closed with mr_sqlite_close(). */
MR_NODISCARD mr_code mr_data_space_open(const mr_data_space *space, mr_sqlite *db,
                                        mr_data_form *out_form, mr_error *err);

/* One integer of a statement's first row; 0 without a row. */
MR_NODISCARD mr_code mr_data_ask(mr_sqlite *db, const char *sql, int64_t *out, mr_error *err);

/* Calls `take` for every stream that has messages, in byte order, from `prefix` on; stops with the
 * code that it returns. */
typedef struct mr_data_stream {
    mr_slice name;
    int64_t version, messages, last_time_us;
} mr_data_stream;

MR_NODISCARD mr_code mr_data_each_stream(mr_sqlite *db, mr_data_form form, mr_slice prefix,
                                         mr_code (*take)(void *context,
                                                         const mr_data_stream *stream,
                                                         mr_error *err),
                                         void *context, mr_error *err);

#endif
