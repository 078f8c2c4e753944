/* SPDX-License-Identifier: MIT
 *
 * remote/fault.h - what kind of trouble a remote end has, and so whether trying again helps.
 *
 *     transient   it may be over in a moment: resets, time-outs, 5xx, deadlocks     tried again
 *     throttled   the other side asks to wait: 429, 503 with Retry-After            tried again
 *     permanent   somebody has to change something: login, address, schema         ends the run
 *     data        one record's fault: a constraint, a value that does not fit       quarantine
 *     fatal       the other side is broken: disk full, corruption                   ends the run
 *
 * The table for each kind of code stands where the code is met: errno here, HTTP statuses in
 * http/fault.h, results of libcurl in http/client.c.
 *
 * Thread: pure functions, any. */
#ifndef MR_REMOTE_FAULT_H
#define MR_REMOTE_FAULT_H

#include "core/base.h"

typedef enum mr_fault_class {
    MR_CLASS_NONE = 0, /* none, or one of our own side: cancelled, out of memory */
    MR_CLASS_TRANSIENT,
    MR_CLASS_THROTTLED,
    MR_CLASS_PERMANENT,
    MR_CLASS_DATA,
    MR_CLASS_FATAL,
} mr_fault_class;

/* "transient", ... */
const char *mr_fault_name(mr_fault_class fault);

/* Whether the same may succeed later without anybody's doing. */
bool mr_fault_passes(mr_fault_class fault);

/* Of a system call; 0 is none. What is not in the table is permanent. */
mr_fault_class mr_fault_of_errno(int error_number);

#endif
