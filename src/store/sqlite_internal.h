/* SPDX-License-Identifier: MIT
 *
 * store/sqlite_internal.h - what the parts of the SQLite backend share.
 *
 *     sqlite_backend.c    the table of functions, the registry
 *     sqlite_schema.c     a namespace's tables, and how EventoDB's become ours
 *     sqlite_writer.c     opening, groups, what is kept in memory, checkpoints
 *     sqlite_append.c     messages into the tables: append and import
 *     sqlite_tail.c       the newest messages of each stream, in memory
 *     sqlite_index.c      moving them into the index of streams
 *     sqlite_change.c     clear, truncate, consumers, rules, retention
 *     sqlite_reader.c     connections for reading, and reading messages
 *     sqlite_query.c      versions, lists of streams and categories, the rest that is read
 *
 * A namespace is one database file:
 *
 *     categories   id  name     streams messages      counts are kept by every commit
 *     streams      id  name     category base         base: the version that truncation left
 *     messages     global_position  stream position category time id type data metadata
 *                  indexes: (id) and (category), which ends in global_position
 *     stream_index stream position  global_position      of all but the newest messages, which are
 *                                                        in memory (sqlite_tail.h)
 *     consumers, rules, meta
 *
 * Ids are 16 bytes, or text where EventoDB's import stored no UUID; time is microseconds.
 *
 * Thread: as store/backend.h. */
#ifndef MR_STORE_SQLITE_INTERNAL_H
#define MR_STORE_SQLITE_INTERNAL_H

#include <stdatomic.h>

#include "core/arena.h"
#include "core/buffer.h"
#include "db/sqlite.h"
#include "store/backend.h"
#include "store/names.h"
#include "store/sqlite_tail.h"

#define MR_SQ_STREAMS_KEPT    (1u << 17) /* stream versions in memory, of one namespace */
#define MR_SQ_CATEGORIES_KEPT (1u << 15)
#define MR_SQ_NAMES_BYTES     (16u << 20) /* of either's names */

/* Of streams and of the namespace; INT64_MAX means "behind the last one" to reads and truncation.
 */
#define MR_SQ_POSITION_MAX (INT64_MAX - 1)

/* The write-ahead log is carried over into the database when it has this many pages, and again by
 * the writer itself, however long that takes, when it has MR_SQ_WAL_PAGES_MAX. */
#define MR_SQ_WAL_PAGES     8192u
#define MR_SQ_WAL_PAGES_MAX 65536u

struct mr_backend {
    mr_arena arena;
    const char *data_dir; /* NULL: in memory */
    mr_durability durability;
    uint64_t cache_bytes; /* of a writer */
    mr_sqlite registry;
    int lock_fd; /* -1: none */
    mr_sq_tails tails;
};

/* --- statements made when first needed ------------------------------------------------------ */

typedef enum mr_sq_statement {
    MR_SQ_BEGIN,
    MR_SQ_BEGIN_READ,
    MR_SQ_COMMIT,
    MR_SQ_STREAM_FIND,
    MR_SQ_STREAM_VERSION,
    MR_SQ_STREAM_LAST,
    MR_SQ_STREAM_ADD,
    MR_SQ_STREAM_BASE,
    MR_SQ_STREAM_FORGET,
    MR_SQ_CATEGORY_FIND,
    MR_SQ_CATEGORY_ADD,
    MR_SQ_CATEGORY_COUNT,
    MR_SQ_LAST_ID,
    MR_SQ_LAST_ID_SET,
    MR_SQ_MESSAGE_ADD,
    MR_SQ_MESSAGE_BY_ID,
    MR_SQ_MESSAGES_REMOVE,
    MR_SQ_INDEX_REMOVE,
    MR_SQ_INDEX_ADD,
    MR_SQ_INDEXED_GET,
    MR_SQ_INDEXED_SET,
    MR_SQ_NOT_INDEXED,
    MR_SQ_INDEX_REMOVE_ONE,
    MR_SQ_HEAD,
    MR_SQ_FLOOR_GET,
    MR_SQ_FLOOR_SET,
    MR_SQ_CONSUMER_SET,
    MR_SQ_CONSUMER_REMOVE,
    MR_SQ_RULES_SET,
    MR_SQ_RULES_REMOVE,
    MR_SQ_OLDEST_OF_ALL,
    MR_SQ_OLDEST_OF_CATEGORY,
    MR_SQ_OLDEST_OF_STREAM,
    MR_SQ_MESSAGE_REMOVE,
    MR_SQ_READ_STREAM_UP,
    MR_SQ_READ_STREAM_DOWN,
    MR_SQ_READ_ONE,
    MR_SQ_READ_CATEGORY_UP,
    MR_SQ_READ_CATEGORY_DOWN,
    MR_SQ_READ_ALL_UP,
    MR_SQ_READ_ALL_DOWN,
    MR_SQ_LOOK_STREAM_UP, /* the same without data and metadata */
    MR_SQ_LOOK_CATEGORY_UP,
    MR_SQ_LOOK_ALL_UP,
    MR_SQ_STREAMS, /* one a time */
    MR_SQ_STREAMS_LAST,
    MR_SQ_CATEGORIES,
    MR_SQ_TOTALS,
    MR_SQ_LAST_TIME,
    MR_SQ_SIZE,
    MR_SQ_CONSUMER_GET,
    MR_SQ_RULES_GET,
    MR_SQ_RULES_EACH,
    MR_SQ_RETENTIONS,
    MR_SQ_CATEGORY_MESSAGES,
    MR_SQ_STREAM_MESSAGES,
    MR_SQ_STATEMENTS,
} mr_sq_statement;

/* A connection to one namespace with its statements. */
typedef struct mr_sq_link {
    mr_sqlite db;
    mr_sqlite_stmt statements[MR_SQ_STATEMENTS];
    mr_sq_tail *tail;
    mr_sq_tail_copy copy;
    mr_buffer name; /* of the stream that a list has come to; keeps its memory */
} mr_sq_link;

/* The statement, ready to be bound. */
MR_NODISCARD MR_HOT mr_code mr_sq_get(mr_sq_link *link, mr_sq_statement which, mr_sqlite_stmt **out,
                                      mr_error *err);
MR_NODISCARD mr_code mr_sq_link_open(mr_sq_link *link, mr_backend *backend, const char *place,
                                     mr_sqlite_mode mode, mr_error *err);
void mr_sq_link_close(mr_sq_link *link, mr_backend *backend);
/* Runs a statement that gives at most one row with one integer; `fallback` without a row or when it
 * is NULL. */
MR_NODISCARD mr_code mr_sq_integer(mr_sq_link *link, mr_sq_statement which, int64_t fallback,
                                   int64_t *out, mr_error *err);
/* Binds an id as it is kept. */
MR_NODISCARD mr_code mr_sq_bind_id(mr_sqlite_stmt *stmt, int at, const mr_message_id *id,
                                   mr_error *err);
void mr_sq_column_id(const mr_sqlite_stmt *stmt, int at, mr_message_id *out);

/* --- the writer ----------------------------------------------------------------------------- */

/* What a stream's and a category's mr_name_entry hold. */
#define MR_SQ_CATEGORY(entry)   ((entry)->a)    /* stream: index of its category's entry */
#define MR_SQ_VERSION(entry)    ((entry)->b)    /* stream: position of its last message, or base */
#define MR_SQ_AHEAD(entry)      ((entry)->c)    /* stream: messages before, within the op checked */
#define MR_SQ_FILLED(entry)     ((entry)->flag) /* stream: it has messages */
#define MR_SQ_D_STREAMS(entry)  ((entry)->a)    /* category: changes that the commit will write */
#define MR_SQ_D_MESSAGES(entry) ((entry)->b)
#define MR_SQ_DIRTY(entry)      ((entry)->flag) /* category: is in the list of changed ones */

#define MR_SQ_MOVED_MAX 256u /* streams moved to the index by one group, unless all are */

typedef struct mr_sq_moved {
    int64_t stream;
    uint32_t count;
} mr_sq_moved;

struct mr_backend_writer {
    mr_sq_link link;
    mr_backend *backend;
    char *place;
    mr_names streams, categories;
    uint32_t first_dirty; /* category, linked through next_dirty; MR_NAMES_NONE ends */
    int64_t last_id;      /* of a stream or category, ever: a reader may still hold an old one */
    int64_t head;         /* last global position given; what comes next is head + 1 */
    int64_t messages;     /* all of them, for quotas; a maximum of 0 means none */
    uint64_t messages_max, bytes_max;
    int64_t now_us; /* of the present group */
    bool has_retention;
    mr_space_state known; /* of the three above, as of the last commit: what is told */
    bool stale;  /* what is in memory may not be what is stored: refresh before the next group */
    bool broken; /* the connection met an error of the world: open it anew before the next group */
    mr_sq_moved moved[MR_SQ_MOVED_MAX]; /* from the tail to the index by the present group */
    uint32_t moved_count;
    uint32_t sweep; /* slot of the tail that is looked at next */
    bool moved_all;
    uint32_t wal_pages; /* told by each commit */
    uint32_t wal_due;   /* at which number of pages the next checkpoint begins */
    bool aside_wanted;  /* tidy() has asked for tidy_aside() and not seen its end */
    atomic_bool aside_done;
};

/* Forgets what is kept in memory and reads anew what must be known. */
MR_NODISCARD mr_code mr_sq_writer_refresh(mr_backend_writer *writer, mr_error *err);

/* Ready for a transaction: what an earlier failure left behind is mended first, so that a full disk
 * or a passing fault needs no restart. */
MR_NODISCARD MR_HOT mr_code mr_sq_make_ready(mr_backend_writer *writer, mr_error *err);

/* The stream's entry; one with id 0 when the database does not have it. */
MR_NODISCARD MR_HOT mr_code mr_sq_stream(mr_backend_writer *writer, mr_slice name, uint32_t *out,
                                         mr_error *err);
/* The same for a category. */
MR_NODISCARD MR_HOT mr_code mr_sq_category(mr_backend_writer *writer, mr_slice name, uint32_t *out,
                                           mr_error *err);
/* Makes sure that the stream (and its category) is in the database. */
MR_NODISCARD MR_HOT mr_code mr_sq_stream_make(mr_backend_writer *writer, uint32_t stream,
                                              mr_error *err);
/* The category's counts change by that much when the group is committed. */
MR_HOT void mr_sq_count(mr_backend_writer *writer, uint32_t category, int64_t streams,
                        int64_t messages);
/* Writes the counts that have changed. */
MR_NODISCARD mr_code mr_sq_write_counts(mr_backend_writer *writer, mr_error *err);
/* Ids given until now will not be given again, whatever is deleted. */
MR_NODISCARD mr_code mr_sq_keep_ids(mr_backend_writer *writer, mr_error *err);
/* Global positions up to `floor` will not be given again. */
MR_NODISCARD mr_code mr_sq_keep_floor(mr_backend_writer *writer, int64_t floor, mr_error *err);

/* Adds a message with everything given to a stream that has been made. */
MR_NODISCARD MR_HOT mr_code mr_sq_insert(mr_backend_writer *writer, uint32_t stream,
                                         const mr_message *message, mr_error *err);

/* Each carries out one op inside the group's transaction. An error is one of storage: the whole
 * group is undone. What is the op's own fault goes to op->fault, and the op has changed nothing. */
MR_NODISCARD MR_HOT mr_code mr_sq_append(mr_backend_writer *writer, mr_append_op *op,
                                         mr_error *err);
MR_NODISCARD mr_code mr_sq_import(mr_backend_writer *writer, mr_import_op *op, mr_error *err);
MR_NODISCARD mr_code mr_sq_clear(mr_backend_writer *writer, mr_clear_op *op, mr_error *err);
MR_NODISCARD mr_code mr_sq_truncate(mr_backend_writer *writer, mr_truncate_op *op, mr_error *err);
MR_NODISCARD mr_code mr_sq_consumer_set(mr_backend_writer *writer, mr_consumer_op *op,
                                        mr_error *err);
MR_NODISCARD mr_code mr_sq_rules_set(mr_backend_writer *writer, mr_setting_op *op, mr_error *err);
MR_NODISCARD mr_code mr_sq_enforce_rules(mr_backend_writer *writer, int64_t now_us, uint64_t limit,
                                         uint64_t *out_removed, mr_error *err);

/* --- the index of streams ------------------------------------------------------------------- */

/* Inside a group's transaction: moves streams from the tail to the index until, with `coming` more
 * messages, it has its target size. */
MR_NODISCARD MR_HOT mr_code mr_sq_index_some(mr_backend_writer *writer, uint32_t coming,
                                             mr_error *err);
/* Moves all of them; the tail is emptied after the commit (mr_sq_index_settle). */
MR_NODISCARD mr_code mr_sq_index_all(mr_backend_writer *writer, mr_error *err);
MR_NODISCARD mr_code mr_sq_index_one(mr_backend_writer *writer, int64_t stream, int64_t position,
                                     int64_t global, mr_error *err);
/* Every message up to `global` is in the index, as of this transaction. */
MR_NODISCARD mr_code mr_sq_keep_indexed(mr_backend_writer *writer, int64_t global, mr_error *err);
/* After the commit: the tail loses what was moved and gets what the ops from `first` appended. */
MR_HOT void mr_sq_index_settle(mr_backend_writer *writer, const mr_op *first);
/* In a transaction of its own: what a crash, or a writer that closed on a full disk, left
 * unindexed; and what the tail holds at the end. */
MR_NODISCARD mr_code mr_sq_index_recover(mr_backend_writer *writer, mr_error *err);
MR_NODISCARD mr_code mr_sq_index_finish(mr_backend_writer *writer, mr_error *err);

/* --- the schema ----------------------------------------------------------------------------- */

#define MR_SQ_SCHEMA_VERSION 3 /* 1 and 2 are EventoDB's */

/* Makes the tables or brings them to the present form; in one transaction. */
MR_NODISCARD mr_code mr_sq_migrate(mr_backend_writer *writer, mr_error *err);

/* --- reading -------------------------------------------------------------------------------- */

/* Carries out a reading op on a connection of any kind. */
MR_HOT void mr_sq_read(mr_sq_link *link, mr_op *op);

/* --- the table's functions that are not in sqlite_backend.c --------------------------------- */

mr_code mr_sq_writer_open(mr_backend *backend, const char *place, mr_backend_writer **out,
                          mr_error *err);
void mr_sq_writer_close(mr_backend_writer *writer);
void mr_sq_write(mr_backend_writer *writer, mr_op *first);
bool mr_sq_tidy(mr_backend_writer *writer);
void mr_sq_tidy_aside(mr_backend_writer *writer);
mr_space_state mr_sq_state(const mr_backend_writer *writer);

#endif
