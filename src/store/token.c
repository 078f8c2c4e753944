/* SPDX-License-Identifier: MIT */
#include "store/token.h"

#include <sys/random.h>

#include "core/sha256.h"
#include "core/utf8.h"

#define SECRET_DIGITS 64

static const char alphabet[64] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/* The value of a digit of base64url, or -1. */
static int sextet_of(char byte)
{
    if (byte >= 'A' && byte <= 'Z') return byte - 'A';
    if (byte >= 'a' && byte <= 'z') return byte - 'a' + 26;
    if (byte >= '0' && byte <= '9') return byte - '0' + 52;
    if (byte == '-') return 62;
    return byte == '_' ? 63 : -1;
}

/* Without padding; what is left over of the last digit is not looked at, for the hash of the whole
 * token decides in the end. `out` has room for text.len * 3 / 4. */
static bool base64url_decode(mr_slice text, char *out, size_t *out_len)
{
    uint32_t bits = 0;
    unsigned count = 0; /* of bits not written */
    size_t len = 0;
    if (text.len % 4 == 1) return false;
    for (size_t i = 0; i < text.len; i++) {
        const int sextet = sextet_of(text.ptr[i]);
        if (sextet < 0) return false;
        bits = bits << 6 | (uint32_t)sextet;
        count += 6;
        if (count < 8) continue;
        count -= 8;
        out[len++] = (char)(bits >> count);
    }
    *out_len = len;
    return true;
}

static size_t base64url_encode(mr_slice bytes, char *out)
{
    uint32_t bits = 0;
    unsigned count = 0;
    size_t len = 0;
    for (size_t i = 0; i < bytes.len; i++) {
        bits = bits << 8 | (unsigned char)bytes.ptr[i];
        for (count += 8; count >= 6; count -= 6)
            out[len++] = alphabet[bits >> (count - 6) & 63];
    }
    if (count > 0) out[len++] = alphabet[bits << (6 - count) & 63];
    return len;
}

static bool is_hex(mr_slice text)
{
    for (size_t i = 0; i < text.len; i++) {
        const char c = text.ptr[i];
        if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F')))
            return false;
    }
    return true;
}

mr_code mr_token_parse(mr_slice token, char *id, size_t *out_id_len, mr_error *err)
{
    if (!mr_slice_starts(token, "ns_"))
        return mr_fail(err, MR_ERR_INPUT, "a token begins with 'ns_'");
    const mr_slice rest = mr_slice_from(token, 3);
    const char *split = rest.len > 0 ? memrchr(rest.ptr, '_', rest.len) : NULL;
    if (split == NULL)
        return mr_fail(err, MR_ERR_INPUT, "expected 'ns_', the namespace, '_' and 64 hex digits");
    const mr_slice name = {rest.ptr, (size_t)(split - rest.ptr)};
    const mr_slice secret = mr_slice_from(rest, name.len + 1);
    if (secret.len != SECRET_DIGITS || !is_hex(secret))
        return mr_fail(err, MR_ERR_INPUT, "a token ends with %d hex digits", SECRET_DIGITS);
    if (name.len == 0) return mr_fail(err, MR_ERR_INPUT, "the token names no namespace");
    if (name.len > (MR_SPACE_ID_MAX * 4 + 2) / 3 || !base64url_decode(name, id, out_id_len))
        return mr_fail(err, MR_ERR_INPUT, "the token's namespace is not base64url without padding");
    return MR_OK;
}

size_t mr_token_make(mr_slice space_id, char *out)
{
    MR_DCHECK(space_id.len > 0 && space_id.len <= MR_SPACE_ID_MAX);
    unsigned char secret[SECRET_DIGITS / 2];
    if (getrandom(secret, sizeof secret, 0) != sizeof secret) return 0;
    memcpy(out, "ns_", 3);
    size_t len = 3 + base64url_encode(space_id, out + 3);
    out[len++] = '_';
    for (size_t i = 0; i < sizeof secret; i++) {
        out[len++] = "0123456789abcdef"[secret[i] >> 4];
        out[len++] = "0123456789abcdef"[secret[i] & 15];
    }
    return len;
}

void mr_token_hash(mr_slice token, char out[MR_TOKEN_HASH_MAX])
{
    mr_sha256 sum;
    mr_sha256_init(&sum);
    mr_sha256_add(&sum, token);
    mr_sha256_hex(&sum, out);
}

/* The hashes of a few tokens that were accepted on this thread: hashing one costs more than all
 * else that is done for a small request's head. It is a function of the text alone, so nothing ever
 * becomes stale, whatever happens to namespaces and their tokens. */
typedef struct known_token {
    size_t len;
    char text[MR_TOKEN_TEXT_MAX];
    char hash[MR_TOKEN_HASH_MAX];
} known_token;

#define KNOWN_TOKENS 8u

static known_token *place_of(mr_slice token)
{
    static _Thread_local known_token known[KNOWN_TOKENS];
    const unsigned char *end = (const unsigned char *)token.ptr + token.len;
    return &known[token.len < 3 ? 0 : (end[-1] + 3u * end[-2] + 5u * end[-3]) % KNOWN_TOKENS];
}

/* Takes the same time wherever they differ. */
static bool same_bytes(const char *a, const char *b, size_t len)
{
    unsigned char differ = 0;
    for (size_t i = 0; i < len; i++)
        differ |= (unsigned char)(a[i] ^ b[i]);
    return differ == 0;
}

bool mr_token_matches(mr_slice token, const char hash[MR_TOKEN_HASH_MAX])
{
    char own[MR_TOKEN_HASH_MAX];
    known_token *known = place_of(token);
    if (known->len == token.len && token.len > 0 && same_bytes(known->text, token.ptr, token.len))
        return same_bytes(known->hash, hash, MR_TOKEN_HASH_MAX);
    mr_token_hash(token, own);
    if (!same_bytes(own, hash, MR_TOKEN_HASH_MAX)) return false;
    if (token.len == 0 || token.len > MR_TOKEN_TEXT_MAX) return true;
    known->len = token.len;
    memcpy(known->text, token.ptr, token.len);
    memcpy(known->hash, own, sizeof own);
    return true;
}

mr_code mr_space_id_check(mr_slice id, mr_error *err)
{
    if (id.len == 0) return mr_fail(err, MR_ERR_INPUT, "namespace id must not be empty");
    if (id.len > MR_SPACE_ID_MAX)
        return mr_fail(err, MR_ERR_INPUT,
                       "namespace id must not be longer than %d bytes, found %zu", MR_SPACE_ID_MAX,
                       id.len);
    for (size_t i = 0; i < id.len; i++) {
        const unsigned char c = (unsigned char)id.ptr[i];
        const bool c1 = c == 0xc2 && i + 1 < id.len && (unsigned char)id.ptr[i + 1] < 0xa0;
        if (c < 0x20 || c == 0x7f || c1)
            return mr_fail(err, MR_ERR_INPUT, "namespace id must not contain control characters");
    }
    if (!mr_utf8_valid(id)) return mr_fail(err, MR_ERR_INPUT, "namespace id must be valid UTF-8");
    return MR_OK;
}
