/* SPDX-License-Identifier: MIT
 *
 * pipeline/journal.h - remembers the last of a row of records, whatever happens: appended to a file
 * and synced, one behind the other, each with its number and a CRC-32C.
 *
 *     DIR/journal.0   |mark|1|2|3|...|97|       the older generation
 *     DIR/journal.1   |mark|98|99|10            the newer; its tail is torn, 99 counts
 *
 * A record that does not fit into a generation any more (MR_JOURNAL_GENERATION_BYTES, and at least
 * four times the record) begins the other one, whose records are older than any of this one; so the
 * record before the one being written is always whole in one of the two files. What follows the
 * first record that is not whole is ignored, and cut off before the next is appended. Whoever opens
 * gets the record with the highest number.
 *
 * The directory is locked (flock) while a journal is open: two runs of one pipeline would undo each
 * other.
 *
 * Thread: owned by one thread at a time. */
#ifndef MR_PIPELINE_JOURNAL_H
#define MR_PIPELINE_JOURNAL_H

#include "core/buffer.h"
#include "core/file.h"

#define MR_JOURNAL_RECORD_MAX       ((size_t)128 << 20)
#define MR_JOURNAL_GENERATION_BYTES ((uint64_t)1 << 20)
#define MR_JOURNAL_HEAD_BYTES       20u /* of each record, before its bytes */
#define MR_JOURNAL_MARK_BYTES       12u /* at the start of each file */

typedef struct mr_journal {
    char dir[MR_FILE_PATH_MAX];
    int dir_fd; /* holds the lock; below 0 = closed */
    int fd;     /* of the current generation; below 0 = none yet */
    unsigned generation;
    uint64_t length;   /* whole bytes of it */
    uint64_t sequence; /* of the last record; 0 = there is none */
    bool tail_torn;    /* more than `length` bytes are there */
    mr_buffer last;    /* the record `sequence`, as found by opening */
    mr_buffer scratch;
} mr_journal;

/* Opens the journal in `dir` and finds its last record. Without `create` a directory that is not
 * there is no error: *out_there is false then and the journal stays closed. MR_ERR_CONFLICT when
 * another process has it open. */
MR_NODISCARD mr_code mr_journal_open(mr_journal *journal, const char *dir, bool create,
                                     bool *out_there, mr_error *err);

/* Makes the directory and those above it, each durable in its own parent. */
MR_NODISCARD mr_code mr_journal_make_dir(const char *dir, mr_error *err);

/* The last record alone, without the lock, for looking while a run goes on; *out_sequence 0 when
 * there is none. */
MR_NODISCARD mr_code mr_journal_look(const char *dir, mr_buffer *out, uint64_t *out_sequence,
                                     mr_error *err);

/* Appends one record of at most MR_JOURNAL_RECORD_MAX bytes; it is on the disk when this returns. A
 * failure leaves the record before as the last one. */
MR_NODISCARD mr_code mr_journal_append(mr_journal *journal, mr_slice record, mr_error *err);

/* Forgets everything: files and directory are gone. Closes. */
MR_NODISCARD mr_code mr_journal_remove(mr_journal *journal, mr_error *err);

/* Harmless on a zeroed struct that was never opened, and twice. */
void mr_journal_close(mr_journal *journal);

#endif
