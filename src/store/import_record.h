/* SPDX-License-Identifier: MIT
 *
 * store/import_record.h - one line of an import: a message with the positions, id and time it had.
 *
 *     {"id":"...","stream":"account-1","type":"Opened","pos":0,"gpos":7,
 *      "data":{...},"meta":{...}|null,"time":"2025-01-15T12:00:00.25+02:00"}
 *
 * Other fields are ignored; of a field given twice the last one counts. Data and metadata are kept
 * as they are written, without white space; the id is spelled in the one way of store/uuid.h; the
 * time becomes UTC.
 *
 * Thread: pure function, any thread. */
#ifndef MR_STORE_IMPORT_RECORD_H
#define MR_STORE_IMPORT_RECORD_H

#include "core/arena.h"
#include "store/message.h"

typedef enum mr_import_verdict {
    MR_IMPORT_GOOD,
    MR_IMPORT_INVALID_JSON,   /* not an object whose fields have the right types */
    MR_IMPORT_INVALID_RECORD, /* a field is missing or says what cannot be */
    MR_IMPORT_NO_ROOM,        /* the arena is full */
} mr_import_verdict;

/* Reads `line`, without its LF. `out` borrows from it and from `arena`; `why` says what is wrong
 * with a line that is not good. */
MR_NODISCARD MR_HOT mr_import_verdict mr_import_record(mr_slice line, mr_arena *arena,
                                                       mr_message *out, mr_error *why);

#endif
