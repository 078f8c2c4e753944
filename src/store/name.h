/* SPDX-License-Identifier: MIT
 *
 * store/name.h - what a stream's name says, and which member of a consumer group owns a stream.
 *
 *     account-123+456      category "account", id "123+456", cardinal id "123"
 *     account              a category: no '-', no id, no cardinal id
 *     account-             category "account", id and cardinal id empty, which is not absent
 *
 * All parsing is on bytes: the category ends at the first '-', the cardinal id at the first '+'
 * behind it. A category is a stream like any other and can be written to.
 *
 * Thread: pure functions, any thread. */
#ifndef MR_STORE_NAME_H
#define MR_STORE_NAME_H

#include "core/error.h"

#define MR_STREAM_NAME_MAX 1024 /* bytes */

/* Borrowed from `name`. */
mr_slice mr_stream_category(mr_slice name);
/* False when the name has no '-'. The slice may be empty and is borrowed from `name`. */
bool mr_stream_id(mr_slice name, mr_slice *out);
bool mr_stream_cardinal_id(mr_slice name, mr_slice *out);
bool mr_stream_is_category(mr_slice name);

/* MR_ERR_INPUT unless `name` is 1 to MR_STREAM_NAME_MAX bytes of UTF-8 without NUL. `what` ("stream
 * name") begins the error's text. */
MR_NODISCARD mr_code mr_stream_name_check(mr_slice name, const char *what, mr_error *err);

/* The first 8 bytes of the MD5 of `text`, big-endian: Message DB's hash_64. */
MR_HOT int64_t mr_group_hash(mr_slice text);
/* The member, 0 to size - 1, that owns what hashes to `hash`: |hash| mod size, where |-2^63| is
 * 2^63. `size` > 0. */
MR_HOT int64_t mr_group_member(int64_t hash, int64_t size);

typedef struct mr_group {
    int64_t member, size; /* size 0: no group, everything is owned */
} mr_group;

/* Whether `group` owns the stream `name`. A stream without cardinal id belongs to no member. */
MR_HOT bool mr_group_owns(mr_group group, mr_slice name);

#endif
