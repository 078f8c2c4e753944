/* SPDX-License-Identifier: MIT */
#include "store/name.h"

#include <md5.h>

#include "core/utf8.h"

/* The part of `text` before the first `byte`; false when there is none. */
static bool split_at(mr_slice text, char byte, mr_slice *before, mr_slice *behind)
{
    const char *at = text.len > 0 ? memchr(text.ptr, byte, text.len) : NULL;
    if (at == NULL) return false;
    *before = (mr_slice){text.ptr, (size_t)(at - text.ptr)};
    *behind = mr_slice_from(text, before->len + 1);
    return true;
}

mr_slice mr_stream_category(mr_slice name)
{
    mr_slice category, id;
    return split_at(name, '-', &category, &id) ? category : name;
}

bool mr_stream_id(mr_slice name, mr_slice *out)
{
    mr_slice category, id;
    if (!split_at(name, '-', &category, &id)) return false;
    *out = id;
    return true;
}

bool mr_stream_cardinal_id(mr_slice name, mr_slice *out)
{
    mr_slice id, cardinal, behind;
    if (!mr_stream_id(name, &id)) return false;
    *out = split_at(id, '+', &cardinal, &behind) ? cardinal : id;
    return true;
}

bool mr_stream_is_category(mr_slice name)
{
    return name.len == 0 || memchr(name.ptr, '-', name.len) == NULL;
}

mr_code mr_stream_name_check(mr_slice name, const char *what, mr_error *err)
{
    if (name.len == 0) return mr_fail(err, MR_ERR_INPUT, "%s must not be empty", what);
    if (name.len > MR_STREAM_NAME_MAX)
        return mr_fail(err, MR_ERR_INPUT, "%s must not be longer than %d bytes, found %zu", what,
                       MR_STREAM_NAME_MAX, name.len);
    if (memchr(name.ptr, '\0', name.len) != NULL)
        return mr_fail(err, MR_ERR_INPUT, "%s must not contain U+0000", what);
    if (!mr_utf8_valid(name)) return mr_fail(err, MR_ERR_INPUT, "%s must be valid UTF-8", what);
    return MR_OK;
}

int64_t mr_group_hash(mr_slice text)
{
    MD5_CTX md5;
    uint8_t digest[MD5_DIGEST_LENGTH];
    MD5Init(&md5);
    if (text.len > 0) MD5Update(&md5, (const uint8_t *)text.ptr, text.len);
    MD5Final(digest, &md5);
    uint64_t hash = 0;
    for (int i = 0; i < 8; i++)
        hash = hash << 8 | digest[i];
    return (int64_t)hash;
}

int64_t mr_group_member(int64_t hash, int64_t size)
{
    MR_DCHECK(size > 0);
    const uint64_t magnitude = hash < 0 ? 0 - (uint64_t)hash : (uint64_t)hash;
    return (int64_t)(magnitude % (uint64_t)size);
}

bool mr_group_owns(mr_group group, mr_slice name)
{
    mr_slice cardinal_id;
    if (group.size == 0) return true;
    if (!mr_stream_cardinal_id(name, &cardinal_id)) return false;
    return mr_group_member(mr_group_hash(cardinal_id), group.size) == group.member;
}
