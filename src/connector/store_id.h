/* SPDX-License-Identifier: MIT
 *
 * connector/store_id.h - message ids that come out the same when a run is repeated, so that the
 * store recognises what it has.
 *
 *     of a place    ffffffff-rrrr-8rrr-brrr-rrhhhhhhhhhh    f: the feed (its key and file)
 *                                                           r: 48 bits, the record's number
 *                                                           h: 42 bits of the hash of both
 *     of keys       122 bits of the hash of the feed's key and the values of some columns
 *
 * UUIDs of version 8 (RFC 9562, 5.8). Those of places ascend with the records, which keeps the
 * store's index of ids short of random access.
 *
 * Thread: pure functions, any thread. */
#ifndef MR_CONNECTOR_STORE_ID_H
#define MR_CONNECTOR_STORE_ID_H

#include "core/sha256.h"

#define MR_STORE_ID_BYTES 36

/* Hashes parts so that no two lists of parts are alike: each goes in behind its length. */
void mr_store_id_begin(mr_sha256 *sum, mr_slice key);
void mr_store_id_add(mr_sha256 *sum, mr_slice part);

/* Both write MR_STORE_ID_BYTES bytes and no NUL. `part` tells rows of one record apart, from 0. */
void mr_store_id_of_place(mr_slice key, mr_slice file, uint64_t record, uint64_t part, char *out);
void mr_store_id_of_sum(mr_sha256 *sum, char *out);

/* A random one, of version 4; false when the system has no randomness to give. */
MR_NODISCARD bool mr_store_id_random(char *out);

/* Whether `text` is a UUID with hyphens, or its 32 digits alone. */
bool mr_store_id_is_uuid(mr_slice text);

#endif
