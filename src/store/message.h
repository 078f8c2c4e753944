/* SPDX-License-Identifier: MIT
 *
 * store/message.h - a message, and the small values that say something about one.
 *
 * Data and metadata are JSON objects kept as text: validated once, minified, never decoded.
 *
 * Thread: plain data. */
#ifndef MR_STORE_MESSAGE_H
#define MR_STORE_MESSAGE_H

#include "store/uuid.h"

/* How a message's id is kept: nearly all are UUIDs; data written by EventoDB's import may hold any
 * text. */
typedef struct mr_message_id {
    mr_uuid uuid;
    mr_slice text; /* when ptr is not NULL it is the id, and `uuid` means nothing */
} mr_message_id;

/* A stored message as readers see it. Slices are borrowed for the call that hands it over. */
typedef struct mr_message {
    mr_message_id id;
    mr_slice stream, type;
    int64_t position;        /* in its stream, from 0 */
    int64_t global_position; /* in its namespace, from 1 */
    mr_slice data;           /* ptr NULL: null, which only an import can store */
    mr_slice metadata;       /* ptr NULL: none */
    int64_t time_us;         /* since 1970, UTC */
} mr_message;

#endif
