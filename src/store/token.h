/* SPDX-License-Identifier: MIT
 *
 * store/token.h - tokens: who may use which namespace.
 *
 *     ns_ZGVmYXVsdA_0000...0000
 *        |          '- 64 hex digits, random
 *        '- the namespace's id, base64url without padding (RFC 4648, 5); may itself hold '_'
 *
 * Of a token only the SHA-256 of its whole text is kept, as 64 lower-case hex digits.
 *
 * Thread: pure functions, any thread. */
#ifndef MR_STORE_TOKEN_H
#define MR_STORE_TOKEN_H

#include "core/error.h"

#define MR_SPACE_ID_MAX   200 /* bytes of a namespace's id */
#define MR_TOKEN_TEXT_MAX (3 + (MR_SPACE_ID_MAX * 4 + 2) / 3 + 1 + 64)
#define MR_TOKEN_HASH_MAX 65 /* of a hash as text, with its NUL */

/* The namespace id that `token` names, written to `id` (room for MR_SPACE_ID_MAX bytes).
 * MR_ERR_INPUT with a text that says what is wrong with the token and does not quote it. */
MR_NODISCARD MR_HOT mr_code mr_token_parse(mr_slice token, char *id, size_t *out_id_len,
                                           mr_error *err);

/* A new token for `space_id`, 1 to MR_SPACE_ID_MAX bytes, with 32 bytes of the system's randomness.
 * `out` has room for MR_TOKEN_TEXT_MAX bytes; no NUL; returns the length, 0 if the system has no
 * randomness to give. */
size_t mr_token_make(mr_slice space_id, char *out);

/* The hash that is stored, with its NUL. */
MR_HOT void mr_token_hash(mr_slice token, char out[MR_TOKEN_HASH_MAX]);
/* Whether `token` has the stored `hash`; takes the same time wherever they differ. */
MR_NODISCARD MR_HOT bool mr_token_matches(mr_slice token, const char hash[MR_TOKEN_HASH_MAX]);

/* MR_ERR_INPUT unless `id` is 1 to MR_SPACE_ID_MAX bytes of UTF-8 without control characters. */
MR_NODISCARD mr_code mr_space_id_check(mr_slice id, mr_error *err);

#endif
