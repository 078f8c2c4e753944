/* SPDX-License-Identifier: MIT
 *
 * store/answer.h - what the store's answers are made of: JSON written straight into a buffer.
 *
 *     stream.get     [id, type, position, globalPosition, data, metadata, time]
 *     category.get   [id, streamName, type, position, globalPosition, data, metadata, time]
 *     errors         {"error":{"code":"STREAM_VERSION_CONFLICT","message":"...","details":{...}}}
 *     times          "2026-01-02T03:04:05.678Z", as many digits as are not 0
 *
 * Data and metadata are JSON already and are copied.
 *
 * Thread: values, no sharing. */
#ifndef MR_STORE_ANSWER_H
#define MR_STORE_ANSWER_H

#include "core/buffer.h"
#include "http/request.h"
#include "store/message.h"

/* Each appends one JSON value (mr_answer_raw: any bytes). MR_ERR_LIMIT or MR_ERR_NOMEM when `out`
 * cannot grow. */
MR_NODISCARD MR_HOT mr_code mr_answer_raw(mr_buffer *out, mr_slice bytes);
MR_NODISCARD MR_HOT mr_code mr_answer_i64(mr_buffer *out, int64_t value);
/* With quotes and escapes; bytes that are not UTF-8 become U+FFFD. */
MR_NODISCARD MR_HOT mr_code mr_answer_text(mr_buffer *out, mr_slice text);
/* RFC 3339 in UTC with up to 6 digits of the second; years outside 0000 to 9999 are cut to them. */
MR_NODISCARD MR_HOT mr_code mr_answer_time(mr_buffer *out, int64_t time_us);
/* With `stream_name` as category.get has it, else as stream.get. */
MR_NODISCARD MR_HOT mr_code mr_answer_message(mr_buffer *out, const mr_message *message,
                                              bool stream_name);

/* A detail of an error: a text, or with text.ptr NULL a number. */
typedef struct mr_answer_detail {
    const char *name;
    mr_slice text;
    int64_t number;
} mr_answer_detail;

#define MR_ANSWER_DETAILS_MAX 3

typedef struct mr_answer_error {
    uint16_t status;
    const char *code; /* a literal */
    mr_slice message;
    mr_answer_detail details[MR_ANSWER_DETAILS_MAX];
    size_t detail_count;
} mr_answer_error;

/* Answers the request with it. */
void mr_answer_refuse(mr_http_request *request, const mr_answer_error *error);

#endif
