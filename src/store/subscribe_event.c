/* SPDX-License-Identifier: MIT
 *
 * The bytes of events. LF only, one `data` line, one space behind each colon, one empty line at the
 * end and never two: what clients in the field rely on. */
#include "store/answer.h"
#include "store/subscribe_internal.h"

static mr_code put_poke(const mr_message *message, mr_buffer *out)
{
    MR_TRY(mr_answer_raw(out, MR_SLICE("event: poke\nid: ")));
    MR_TRY(mr_answer_i64(out, message->global_position));
    MR_TRY(mr_answer_raw(out, MR_SLICE("\ndata: {\"stream\":")));
    MR_TRY(mr_answer_text(out, message->stream));
    MR_TRY(mr_answer_raw(out, MR_SLICE(",\"position\":")));
    MR_TRY(mr_answer_i64(out, message->position));
    MR_TRY(mr_answer_raw(out, MR_SLICE(",\"globalPosition\":")));
    MR_TRY(mr_answer_i64(out, message->global_position));
    return mr_answer_raw(out, MR_SLICE("}\n\n"));
}

/* White space that would end the line, which only a database that somebody else has written can
 * hold, becomes blanks: between JSON's tokens they mean the same, within strings there is none. */
static void join_lines(char *text, size_t len)
{
    if (memchr(text, '\n', len) == NULL && memchr(text, '\r', len) == NULL) return;
    for (size_t i = 0; i < len; i++)
        if (text[i] == '\n' || text[i] == '\r') text[i] = ' ';
}

static mr_code put_message(const mr_message *message, mr_buffer *out)
{
    MR_TRY(mr_answer_raw(out, MR_SLICE("event: message\nid: ")));
    MR_TRY(mr_answer_i64(out, message->global_position));
    MR_TRY(mr_answer_raw(out, MR_SLICE("\ndata: ")));
    const size_t row = out->len;
    MR_TRY(mr_answer_message(out, message, true));
    join_lines(out->ptr + row, out->len - row);
    return mr_answer_raw(out, MR_SLICE("\n\n"));
}

mr_code mr_subscribe_put_event(const mr_message *message, bool body, mr_buffer *out)
{
    const size_t before = out->len;
    const mr_code rc = body ? put_message(message, out) : put_poke(message, out);
    if (rc != MR_OK) out->len = before;
    return rc;
}

size_t mr_subscribe_event_bytes(const mr_message *message, bool body)
{
    const size_t bodies = body ? message->type.len + message->data.len + message->metadata.len : 0;
    return MR_SUBSCRIBE_FRAME_BYTES + message->stream.len + bodies;
}
