/* SPDX-License-Identifier: MIT
 *
 * store/uuid.h - message ids: UUIDs read in the spellings people use, written in one, and made so
 * that they sort by creation.
 *
 * Thread: pure functions, any thread; mr_uuid_make() may be called from any. */
#ifndef MR_STORE_UUID_H
#define MR_STORE_UUID_H

#include "core/base.h"

#define MR_UUID_TEXT_BYTES 36

typedef struct mr_uuid {
    unsigned char bytes[16];
} mr_uuid;

/* Accepts 36 characters with hyphens, 32 hex digits, {36 characters} and urn:uuid:36 characters, in
 * either case of letters. False for all else. */
MR_HOT bool mr_uuid_parse(mr_slice text, mr_uuid *out);

/* Lower case with hyphens; writes MR_UUID_TEXT_BYTES bytes and no NUL. */
MR_HOT void mr_uuid_format(const mr_uuid *uuid, char *out);

/* A new UUID of version 7 (RFC 9562, 5.7): 48 bits of Unix milliseconds, 12 bits of the nanoseconds
 * within it / 256, then 62 random bits. Time and fraction together never repeat or go back within
 * this process, whatever the clock does. */
MR_HOT mr_uuid mr_uuid_make(void);

#endif
