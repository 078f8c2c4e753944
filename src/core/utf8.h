/* SPDX-License-Identifier: MIT
 *
 * core/utf8.h - strict UTF-8 (RFC 3629): no overlong forms, no surrogates, nothing above U+10FFFF,
 * no sequence cut short.
 *
 *     U+0000..U+007F      0xxxxxxx
 *     U+0080..U+07FF      110xxxxx 10xxxxxx               first byte c2..df
 *     U+0800..U+FFFF      1110xxxx 10xxxxxx 10xxxxxx      without U+D800..U+DFFF
 *     U+10000..U+10FFFF   11110xxx 10xxxxxx 10xxxxxx 10xxxxxx
 *
 * Thread: pure functions, any thread. */
#ifndef MR_CORE_UTF8_H
#define MR_CORE_UTF8_H

#include "core/base.h"

#define MR_UTF8_REPLACEMENT 0xfffdu /* U+FFFD, stands for what could not be decoded */

/* True when all of `text` is valid; an empty text is. Reads no byte outside `text`. */
MR_HOT bool mr_utf8_valid(mr_slice text);

/* How many bytes from the start are whole, valid code points: `text.len` when all of it is valid,
 * else the offset of the first code point that is wrong or cut short. */
size_t mr_utf8_valid_prefix(mr_slice text);

/* For a text that was cut somewhere: its length without the code point that the cut went through,
 * if it went through one. Looks at the last 4 bytes only. */
size_t mr_utf8_trim(mr_slice text);

/* Decodes the code point at the start of `text` and returns its length, 1 to 4. Returns 0 and
 * leaves `out` alone when `text` is empty or does not start with a valid code point. */
size_t mr_utf8_decode(mr_slice text, uint32_t *out);

/* Writes `code_point` to `out` (room for 4 bytes) and returns its length, 1 to 4; 0 when it is a
 * surrogate or above U+10FFFF. Not NUL-terminated. */
size_t mr_utf8_encode(uint32_t code_point, char *out);

#endif
