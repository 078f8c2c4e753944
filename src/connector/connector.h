/* SPDX-License-Identifier: MIT
 *
 * connector/connector.h - what a source and a destination are.
 *
 * A run moves jobs through three kinds of thread. Each job is one piece of the input and what
 * becomes of it; it owns its buffers and is handed over whole:
 *
 *      source thread          lanes, in parallel               collector, in order
 *     +-------------+    +-------------------------+    +------------------------------+
 *     | fetch: cut  | => | read: bytes -> batch    | => | verify that the piece began  |
 *     | the next    |    | encode: batch -> bytes  |    | where the last one ended;    |
 *     | piece       |    |                         |    | write, count, quarantine     |
 *     +-------------+    +-------------------------+    +------------------------------+
 *            ^------------------- empty jobs come back ----------------|
 *
 * A text source cuts its input anywhere. A lane does not know where in its piece a record begins,
 * so it guesses: behind the first LF. The collector, which sees the pieces in order and knows where
 * reading of the one before really ended, reads the seam between two pieces itself and checks that
 * it ends exactly where the lane began:
 *
 *     piece 1 |rec 1|rec 2|re            piece 2 c 3|rec 4|rec 5|rec
 *                          \_ carry _/\_ prefix _/^ guess
 *                              seam = rec 3
 *
 * A wrong guess (the LF was inside quotes) is mended there: the piece is read again from its true
 * start. So results never depend on the number of lanes or on where the cuts fell. A source without
 * text fills the batch in fetch and has no read.
 *
 * The host owns the state memory of connectors, zeroed before open; options are set in it from the
 * table before open is called. close is called also after a failed open.
 *
 * Thread: stated at each function. */
#ifndef MR_CONNECTOR_CONNECTOR_H
#define MR_CONNECTOR_CONNECTOR_H

#include <stdatomic.h>

#include "format/text.h"
#include "record/cursor.h"
#include "record/infer.h"
#include "remote/guard.h"
#include "transform/flow.h"

typedef struct mr_option mr_option;   /* core/option.h */
typedef struct mr_metrics mr_metrics; /* metrics/registry.h */
typedef struct mr_options mr_options;

/* Capability flags of `list`. */
enum {
    MR_CAP_SPLIT = 1u << 0,   /* pieces are read on several lanes */
    MR_CAP_REWIND = 1u << 1,  /* can be read twice: every value decides the types */
    MR_CAP_STREAM = 1u << 2,  /* may run on, record by record */
    MR_CAP_TYPED = 1u << 3,   /* source: values come with types; destination: types matter to it */
    MR_CAP_COLUMNS = 1u << 4, /* destination: all columns must be known before the first record */
    MR_CAP_SEVERAL =
        1u << 11,           /* source: files with columns of their own, not looked at in advance */
    MR_CAP_GROWS = 1u << 9, /* source: later records may bring further columns */
    MR_CAP_DECLARES =
        1u << 8, /* destination: declares its columns' types before the first record */
    MR_CAP_TRANSACTION = 1u << 5,  /* destination: all or nothing */
    MR_CAP_UPSERT = 1u << 6,       /* destination: merge by key */
    MR_CAP_EXPERIMENTAL = 1u << 7, /* no end-to-end test yet */
    MR_CAP_RESUME = 1u << 10,      /* checkpoints: see mr_source_place below */
};

/* What a connector needs to know that talks to another machine. Zeroed: nothing is repeated, times
 * and certificates are the client's own. */
typedef struct mr_remote_env {
    mr_guard *guard;                /* of this end; belongs to the thread that works the end */
    int64_t connect_ns, request_ns; /* longest; 0 = the client's own */
    int64_t read_ns, write_ns;      /* without a byte, while receiving and while sending */
    int64_t unused_ns;              /* how long a connection is kept for the next request */
    int64_t keep_alive_ns;          /* between probes */
    bool insecure;                  /* any certificate will do */
    const char *ca_file, *cert_file, *key_file; /* PEM; NULL = the system's, none, none */
} mr_remote_env;

/* Merging: of two records with the same keys, the one that is later on this column stays. Known
 * when the destination is started. */
typedef struct mr_newest {
    mr_slice column; /* as the destination sees it; empty: the one that comes last stays */
    mr_cursor_kind kind;
} mr_newest;

/* What every connector is told when it is opened. Borrowed for the run. */
typedef struct mr_connector_env {
    mr_arena *arena; /* lives as long as the run */
    mr_slice path; /* the endpoint as the user wrote it, without scheme and options; "-" = stdio */
    mr_text_limits limits;
    const char *const *files; /* of those that `path` names, only these; NULL = all */
    uint32_t file_count;
    uint32_t lane_count; /* lanes that will call read and encode, the collector's own included */
    uint32_t max_rows;   /* of a batch; 0 = the connector's choice */
    size_t piece_bytes;  /* of text that is read at a time; 0 = MR_PIECE_BYTES */
    bool streaming;      /* hand over what is there rather than wait for a full piece */
    int64_t flush_interval_ns; /* how long input may be gathered before it is handed on */
    uint64_t
        max_expansion;  /* decoded bytes per compressed byte that are found suspicious; 0 = off */
    bool lossy;         /* what a destination cannot hold exactly is changed and counted */
    bool in_place;      /* write to the target itself, not beside it */
    bool only_look;     /* preview: a source that would wait for more ends with what is there */
    bool shows_metrics; /* the run has a metrics page */
    atomic_bool *cancelled;  /* set when the run is to stop; long waits look at it */
    int64_t deadline_ns;     /* on mr_clock_ns(), when long waits are to end as well; 0 = none */
    const mr_newest *newest; /* of a destination; NULL = not merging by age */
    void (*warn)(void *context, const char *text);
    void *warn_context;
    mr_remote_env remote;
    const void *plugin; /* connectors of plug-ins: the `plugin` of their operations */
} mr_connector_env;

/* What a connector counts beside records and bytes. The name lives until close. */
typedef struct mr_own_counter {
    const char *name;
    uint64_t value;
} mr_own_counter;

/* Where in a text's outer syntax reading stands, when that is more than "between records": inside a
 * line too long to keep, inside a JSON array. Zero is the state in the middle of a file. */
typedef struct mr_reader_state {
    uint32_t where;
    uint32_t element;
    uint64_t column; /* bytes since the last LF; for messages, no part of the state */
} mr_reader_state;

#define MR_KEEP_BYTES   ((size_t)64 << 20)
#define MR_POSITION_MAX ((size_t)64 << 10) /* bytes of a position of a source or a destination */

/* A row that a step took out: its row_record, and whether it was a duplicate. */
typedef struct mr_dropped_row {
    uint32_t record : 31;
    uint32_t duplicate : 1;
} mr_dropped_row;

/* One piece of input on its way, with everything that becomes of it. Owned by one thread at a time.
 */
typedef struct mr_job {
    /* Memory, kept from piece to piece. */
    mr_buffer bytes;        /* the piece: input that begins at `offset` */
    mr_batch batch;         /* what reading gave */
    mr_reject_list rejects; /* places count from `start` */
    mr_buffer encoded;      /* what encoding gave */
    mr_buffer packed;       /* `encoded`, compressed, when the destination compresses */
    mr_reject_list refused; /* rows that the destination cannot hold; row_before is the row */
    mr_arena notes;         /* of rejects: names of fields, texts of rows whose source has none */
    mr_buffer dropped;      /* mr_dropped_row of the batch's rows that were taken out */
    mr_buffer noted;        /* what the rows say about how far a load has come; the run's own */
    mr_flow flow;           /* rows that steps have still to give */
    mr_batch original;      /* a source's batch as it was before the steps, when it has no text */
    mr_buffer mark;  /* sources that fill batches: where to go on behind this batch, in their own
                        words; empty = a checkpoint cannot be made here */
    mr_buffer drift; /* what a schema drift was noticed by (pipeline/drift.h) */
    /* All below is zeroed by mr_job_reset(). */
    uint64_t sequence;
    uint64_t offset;             /* place of bytes.ptr[0] in the decoded stream of its file */
    uint64_t range_bytes;        /* direct pieces: how many bytes of the file are to be loaded */
    size_t start;                /* reading begins here: a record boundary, or a guess at one */
    size_t at;                   /* how far reading has come */
    mr_reader_state begin_state; /* what reading took for granted at `start` */
    mr_reader_state state;       /* and what holds at `at` */
    uint32_t file;               /* number of the file among the source's */
    mr_slice file_name;
    uint64_t lines_before;   /* first piece of a file: LFs before `offset` (the header's) */
    uint64_t records_before; /* and data records */
    bool direct;             /* the lane reads the bytes itself, by position */
    bool hurried;            /* handed on before it was full: flush_interval was over */
    bool final;              /* nothing of this file comes behind */
    bool end;                /* the source has ended; the job carries nothing */
    bool from_batch;         /* the source filled `batch`: there is nothing to read */
    bool exact;              /* the piece begins at a record boundary for certain */
    bool unguessed;          /* no record boundary was found in the piece */
    bool carried; /* mr_source_place.carry_bytes: to be kept before the next piece, not read yet */
    bool stepped; /* a batch of the source's that has been through the steps */
    bool read_done;           /* the whole piece has been read */
    bool done;                /* the same, and steps have given all they had */
    mr_text_result result;    /* counts from `start` so far */
    mr_text_result accounted; /* the part of it that is in the ledger already */
    uint64_t row_count;    /* rows so far: records less rejects, more where a record gives many, in
                              reading or in an explode step */
    uint64_t encoded_rows; /* rows the destination has taken, counted by the destination itself */
    const struct mr_drift_version *expected; /* the columns that the rows are compared with */
    bool in_order;                           /* worked on by the collector: a new part may begin */
    bool breaks;                 /* a new part of the destination is due inside: only in order */
    bool paused;                 /* ... and has been reached: the rows behind it wait */
    bool done_behind;            /* `done` as it will be then */
    bool cut;                    /* the batch ends at the run's limit */
    bool parted;                 /* rows have exactly the columns of their part */
    uint64_t discarded;          /* values left out on account of drift */
    uint32_t column_set;         /* replay: which of several headers the record's file had */
    uint32_t attempts;           /* replay: tries that have failed before; 0 = none */
    bool unplaced;               /* replay: a text without lines and offsets to speak of */
    bool unreadable;             /* replay: the text is not all there, ... */
    mr_reason unreadable_reason; /* ... and is rejected again for this */
    uint64_t unreadable_bytes;
    uint64_t filtered;     /* rows set aside by the user's wish */
    uint64_t deduplicated; /* rows that had been there before */
    uint64_t offered;      /* rows that the destination has been shown */
    uint64_t record_base;  /* collector: data records of the file before the piece */
    uint64_t line_base;    /* collector: LFs of the file before the piece */
    uint64_t
        error_line; /* relative to the piece, when the error has a place in it; 1-based, 0 = none */
    uint64_t error_column;
    int64_t born_ns; /* when the source had its bytes: latency counts from here */
    int64_t queued_ns;
    mr_code code; /* how the lane's work went */
    mr_error error;
} mr_job;

/* Where a stream stands between two pieces: what a checkpoint remembers of a source.
 *
 *      pieces as handed out   |       1       |       2       |       3
 *      records                |  a  |  b  |    c   |  d  | e ...
 *                                                        ^offset
 *                                                        |carry|   everything before offset is
 *                                                                  accounted for
 *
 * A source that is told to go on there hands out the carried bytes again, then piece 3 where it was
 * cut before: the run goes through the very states that an undisturbed one does, so that even
 * compressed output has the same bytes. */
typedef struct mr_source_place {
    uint32_t file;         /* number among the source's files */
    uint64_t offset;       /* in the decoded stream of the file */
    uint64_t carry_bytes;  /* behind offset, handed out, of no whole record yet */
    uint64_t retry_bytes;  /* collector: carried bytes are read again when they are so many */
    uint64_t record_base;  /* data records of the file before offset */
    uint64_t line_base;    /* LFs of the file before offset */
    mr_reader_state state; /* of reading at offset */
    mr_slice mark;         /* sources that fill batches: that of the last batch, and nothing else
                              here counts. Borrowed until the next piece */
    bool unchanged; /* given by seek(): the whole input is as it was when types were found in it */
} mr_source_place;

/* From where on an incremental load looks at records. Borrowed for the run. */
typedef struct mr_source_since {
    mr_slice column;
    mr_cursor_kind kind;
    mr_cursor low; /* the first; its text is empty when it was calculated */
} mr_source_since;

typedef struct mr_source_ops {
    const char *name;
    const char *summary;
    const mr_option *options;
    const void *plugin; /* NULL: built in. Else handed to all functions in env->plugin */
    uint32_t capabilities;
    size_t state_bytes;
    size_t lane_bytes;
    /* Checks options and path; opens nothing. NULL: the options' own checks are all. */
    mr_code (*validate)(void *state, const mr_connector_env *env, mr_error *err);
    /* Opens the input far enough to know its columns, where it has them up front. */
    mr_code (*open)(void *state, const mr_connector_env *env, mr_error *err);
    /* What opening found; live until close. JSON has no fields until it is read. */
    const mr_schema *(*schema)(void *state);
    /* Types that the values must have because an earlier run found them, or NULL; a field of type
     * NULL may be anything. NULL = never. */
    const mr_schema *(*declares)(void *state);
    /* Replay: the connector that the records came from, and its options. NULL = this one. */
    const mr_options *(*origin)(void *state, const char **out_name);
    /* MR_CAP_* as they hold for this very input: a pipe cannot be read twice. */
    uint32_t (*abilities)(void *state);
    /* Before each pass. A source that cannot be read twice keeps what it hands out when `keep` is
     * set, up to MR_KEEP_BYTES (then it ends the pass), and hands it out again in the next pass
     * before going on. */
    mr_code (*begin)(void *state, bool keep, mr_error *err);
    /* Fixes columns and types found by a first pass; `found` has an entry per field. Not `exact`:
     * they come from a sample, and values may turn up that are not of their column's type. NULL =
     * the source has its own. */
    mr_code (*set_schema)(void *state, const mr_schema *schema, const mr_infer *found, bool exact,
                          mr_error *err);
    /* Source thread: the next piece, or job->end. Blocks when there is nothing yet. */
    mr_code (*fetch)(void *state, mr_job *job, mr_error *err);
    /* Lane: bytes to batch, continuing at job->at until the batch is full or the piece is read. */
    mr_code (*lane_open)(void *state, void *lane, mr_error *err);
    mr_code (*load)(void *lane, mr_job *job, mr_error *err); /* brings a direct piece's bytes in */
    /* A likely record boundary in the piece and the state to read from it, or false. */
    bool (*guess)(void *lane, const mr_job *job, size_t *out_start, mr_reader_state *out_state);
    mr_code (*read)(void *lane, mr_job *job, mr_error *err);
    void (*lane_close)(void *lane);
    /* Any time: bytes read so far and in all (0 = not known), for progress. */
    void (*progress)(void *state, uint64_t *out_done, uint64_t *out_total);
    /* Any time, any thread: fills at most `room` and returns how many. NULL: none. */
    uint32_t (*counters)(void *state, mr_own_counter *out, uint32_t room);
    /* After the last piece: is the input still what was opened? */
    mr_code (*verify)(void *state, mr_error *err);
    /* Checkpoints; all three or none. Why this very input cannot be gone back to, in words; NULL
     * when it can. Before open it goes by options and env->path alone, for `check`. */
    const char *(*cannot_resume)(const void *state, const mr_connector_env *env);
    /* Collector, while the source's thread goes on: appends at most MR_POSITION_MAX bytes from
     * which seek() finds `place` again and knows whether the input is still the same. */
    mr_code (*position)(void *state, const mr_source_place *place, mr_buffer *out, mr_error *err);
    /* After open, instead of begin() and before any piece: goes to a position of an earlier run.
     * MR_ERR_USAGE says what is no longer as it was; nothing has happened then. */
    mr_code (*seek)(void *state, mr_slice position, mr_source_place *out, mr_error *err);
    /* Incremental loads, after open and before begin() or seek(): records whose `column` lies below
     * `low` will not be looked at. The source leaves out those that it can tell cheaply and for
     * certain. NULL: none. */
    mr_code (*since)(void *state, const mr_source_since *since, mr_error *err);
    void (*close)(void *state);
} mr_source_ops;

/* What an earlier run has left in a destination. */
typedef enum mr_left {
    MR_LEFT_PART, /* to be gone on with */
    MR_LEFT_ALL,  /* it had said `last` and come as far as publishing: nothing is left to do */
    MR_LEFT_TAKEN_BACK, /* it was being given up: what was there before is there */
} mr_left;

typedef struct mr_destination_ops {
    const char *name;
    const char *summary;
    const mr_option *options;
    uint32_t capabilities;
    const char *guarantee; /* as `list` says it */
    const void *plugin;    /* as a source's */
    size_t state_bytes;
    size_t lane_bytes;
    mr_code (*validate)(void *state, const mr_connector_env *env, mr_error *err);
    /* Checks everything that can be checked; touches no target yet. */
    mr_code (*open)(void *state, const mr_connector_env *env, mr_error *err);
    /* Collector, once, before the first write: the columns, as far as they are known. */
    mr_code (*start)(void *state, const mr_schema *schema, mr_error *err);
    /* Lane: appends the batch to job->encoded (and says in job->refused which rows it cannot hold).
     * NULL: the destination takes batches in write. */
    mr_code (*lane_open)(void *state, void *lane, mr_error *err);
    mr_code (*encode)(void *lane, mr_job *job, mr_error *err);
    mr_code (*finish_piece)(void *lane, mr_job *job,
                            mr_error *err); /* NULL or: compress job->encoded */
    void (*lane_close)(void *lane);
    /* Collector, in order. Adds to job->refused what it could not take. */
    mr_code (*write)(void *state, mr_job *job, mr_error *err);
    /* After open: the columns that the target has already and cannot be given others, or NULL. */
    mr_code (*expects)(void *state, const mr_schema **out, mr_error *err);
    /* Collector: what is written from now on has these columns; NULL = that cannot be. Only for a
     * target that is a file. */
    mr_code (*part)(void *state, const mr_schema *schema, const mr_job *job, mr_error *err);
    mr_code (*flush)(void *state, mr_error *err);  /* makes what was written visible; streaming */
    mr_code (*commit)(void *state, mr_error *err); /* publishes: all of it, durably */
    void (*abort)(void *state);                    /* leaves the old target as it was */
    uint64_t (*bytes_out)(void *state);
    uint32_t (*counters)(void *state, mr_own_counter *out, uint32_t room); /* as a source's */
    mr_slice (*target)(
        void *state); /* where the data went, for the summary and the rejects' path */
    /* After open: declares families on the run's metrics page; their series are set by write.
     * NULL: none. */
    mr_code (*show_metrics)(void *state, mr_metrics *page, mr_error *err);
    /* Checkpoints; NULL checkpoint: a destination that cannot go on where it stopped. All are the
     * collector's, between two pieces; the order is that of pipeline/checkpoint.h.
     * Why this very target cannot, in words; NULL when it can. Also before open. */
    const char *(*cannot_resume)(const void *state, const mr_connector_env *env);
    /* Appends to `position` at most MR_POSITION_MAX bytes from which resume() goes on behind
     * everything written so far. *out_sync_fd is a descriptor that has to be synced before the
     * position counts, open until commit, abort or suspend; below 0 when it counts already. `last`:
     * the output is complete, what ends it is written too, only commit() follows. */
    mr_code (*checkpoint)(void *state, bool last, mr_buffer *position, int *out_sync_fd,
                          mr_error *err);
    /* After start(): would a kill before the first checkpoint leave something in the target? Then
     * one is made before the first write. NULL: never. */
    bool (*leaves_traces)(const void *state);
    /* Records between two commits that the user asked for; 0 = nothing. Each is then a checkpoint.
     * NULL: no such thing. */
    uint64_t (*commit_every)(const void *state);
    /* After open, before start(): goes on at a position of an earlier run. MR_ERR_USAGE when what
     * it wrote is not there any more. */
    mr_code (*resume)(void *state, mr_slice position, mr_left *out_left, mr_error *err);
    /* Transactions: stores `commit`, the bytes of a checkpoint, under `pipeline` in the transaction
     * of the data and commits it. NULL: the journal keeps them. */
    mr_code (*keep_commit)(void *state, mr_slice pipeline, mr_slice commit, mr_error *err);
    /* Transactions, where cannot_resume() says that the run is one: stores `commit`, which says
     * `last`, in the transaction that commit() ends next. It stays there until forget_commit(). */
    mr_code (*keep_seal)(void *state, mr_slice pipeline, mr_slice commit, mr_error *err);
    /* After open: the bytes that the last kept commit of `pipeline` stored; none when there is no
     * such. What is found here counts, whatever the journal says. */
    mr_code (*find_commit)(void *state, mr_slice pipeline, mr_buffer *out, mr_error *err);
    /* After open, before start(): an earlier run's unfinished work is of no use any more. After
     * commit(): nobody needs what keep_seal() stored. */
    mr_code (*forget_commit)(void *state, mr_slice pipeline, mr_error *err);
    /* Watermarks of incremental loads, for destinations with transactions; both or neither. Stores
     * `watermark` under `pipeline` in the transaction that commit() ends next, with `cursor` and
     * `value` for people; an empty one is none. NULL: the journal keeps them. */
    mr_code (*keep_watermark)(void *state, mr_slice pipeline, mr_slice watermark, mr_slice cursor,
                              mr_slice value, mr_error *err);
    /* After open: what is stored, or nothing. */
    mr_code (*find_watermark)(void *state, mr_slice pipeline, mr_buffer *out, mr_error *err);
    /* Instead of commit and abort: leaves what the last checkpoint counts on for a later run. */
    void (*suspend)(void *state);
    void (*close)(void *state);
} mr_destination_ops;

/* position() of sources that fill batches: the mark of the last one. Any thread. */
MR_NODISCARD mr_code mr_source_mark_position(void *state, const mr_source_place *place,
                                             mr_buffer *out, mr_error *err);

/* Is a long wait to end? MR_ERR_CLOSED then, else MR_OK. Any thread. */
mr_code mr_connector_may_wait(const mr_connector_env *env, mr_error *err);

void mr_job_init(mr_job *job);
void mr_job_done(mr_job *job);
/* Gives the refused rows from number `from` on their places in the piece and their text. To be
 * called while row_before is still the row's number in job->batch; rows that have their place
 * already keep it. */
void mr_job_place_refused(mr_job *job, uint32_t from);
/* The same for the names of fields in `list` from number `from` on: those of a batch die with it.
 */
MR_NODISCARD mr_code mr_job_keep_fields(mr_job *job, const mr_reject_list *list, uint32_t from,
                                        mr_error *err);
/* Takes the rows whose bit in `keep` is 0 out of the batch, as filtered or as duplicates. */
MR_NODISCARD MR_HOT mr_code mr_job_drop(mr_job *job, const uint8_t *keep, bool duplicates,
                                        mr_error *err);
MR_NODISCARD MR_INLINE mr_code mr_job_filter(mr_job *job, const uint8_t *keep, mr_error *err)
{
    return mr_job_drop(job, keep, false, err);
}
/* Empty again, memory kept (what one huge record inflated is given back). */
void mr_job_reset(mr_job *job);

#endif
