/* SPDX-License-Identifier: MIT
 *
 * core/json.h - writes small JSON texts: summaries, quarantine lines, error bodies, logs. Reading
 * JSON and writing it at speed is format/json.h.
 *
 * A writer keeps track of commas: values are simply added one after the other.
 *
 *     mr_json_out json = {.out = &buffer};
 *     mr_json_open(&json, '{');
 *     mr_json_key(&json, "read"), mr_json_u64(&json, 12);
 *     mr_json_close(&json, '}');
 *     if (json.failed) return mr_json_out_fail(&json, err);
 *
 * A failure (the buffer's limit, no memory) is remembered and later calls do nothing.
 *
 * Thread: values, no sharing. Cold code only. */
#ifndef MR_CORE_JSON_H
#define MR_CORE_JSON_H

#include "core/buffer.h"

typedef struct mr_json_out {
    mr_buffer *out;
    bool comma; /* the next value needs one before it */
    bool failed;
    mr_error error;
} mr_json_out;

void mr_json_open(mr_json_out *json, char bracket);  /* '{' or '[' */
void mr_json_close(mr_json_out *json, char bracket); /* '}' or ']' */
void mr_json_key(mr_json_out *json, const char *key);
/* Text must be UTF-8; bytes that are not are replaced by U+FFFD. */
void mr_json_text(mr_json_out *json, mr_slice text);
void mr_json_u64(mr_json_out *json, uint64_t value);
void mr_json_i64(mr_json_out *json, int64_t value);
/* With `digits` digits after the point; null when not finite. */
void mr_json_f64(mr_json_out *json, double value, int digits);
void mr_json_bool(mr_json_out *json, bool value);
void mr_json_null(mr_json_out *json);
/* A value that is JSON already. */
void mr_json_raw(mr_json_out *json, mr_slice text);
/* The remembered failure. */
mr_code mr_json_out_fail(const mr_json_out *json, mr_error *err);

#endif
