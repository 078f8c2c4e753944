/* SPDX-License-Identifier: MIT */
#include "store/answer.h"

#include "core/clock.h"
#include "core/json.h"
#include "core/number.h"
#include "core/utf8.h"

#define YEAR_0_S    INT64_C(-62167219200)
#define YEAR_9999_S INT64_C(253402300799)
#define US_PER_S    INT64_C(1000000)

/* --- Values --------------------------------------------------------------------------------- */

mr_code mr_answer_raw(mr_buffer *out, mr_slice bytes)
{
    return mr_buffer_append(out, bytes, NULL);
}

mr_code mr_answer_i64(mr_buffer *out, int64_t value)
{
    MR_TRY(mr_buffer_reserve(out, MR_INT_TEXT_MAX, NULL));
    out->len += mr_format_i64(out->ptr + out->len, value);
    return MR_OK;
}

/* Bytes that stand for themselves between quotes: printable ASCII but '"' and '\'. */
static bool is_plain(mr_slice text)
{
    const uint64_t ones = UINT64_C(0x0101010101010101), tops = ones << 7;
    uint64_t found = 0;
    size_t i = 0;
    for (; i + 8 <= text.len; i += 8) {
        uint64_t word;
        memcpy(&word, text.ptr + i, 8);
        const uint64_t quote = word ^ ones * '"', slash = word ^ ones * '\\';
        /* The top bit of a byte is set where it is below 0x20, zero, or not ASCII; a borrow can
         * only set more, and only beside a byte that is found anyway. */
        found |= (word - ones * 0x20) | (quote - ones) | (slash - ones) | word;
    }
    found &= tops;
    for (; i < text.len; i++) {
        const unsigned char c = (unsigned char)text.ptr[i];
        found |= c < 0x20 || c > 0x7e || c == '"' || c == '\\';
    }
    return found == 0;
}

mr_code mr_answer_text(mr_buffer *out, mr_slice text)
{
    if (MR_UNLIKELY(!is_plain(text))) {
        mr_json_out json = {.out = out};
        mr_json_text(&json, text);
        return json.failed ? json.error.code : MR_OK;
    }
    MR_TRY(mr_buffer_reserve(out, text.len + 2, NULL));
    char *at = out->ptr + out->len;
    *at++ = '"';
    if (text.len > 0) memcpy(at, text.ptr, text.len);
    at[text.len] = '"';
    out->len += text.len + 2;
    return MR_OK;
}

mr_code mr_answer_time(mr_buffer *out, int64_t time_us)
{
    int64_t seconds = time_us / US_PER_S, us = time_us % US_PER_S;
    if (us < 0) {
        us += US_PER_S;
        seconds--;
    }
    if (seconds < YEAR_0_S) seconds = YEAR_0_S;
    if (seconds > YEAR_9999_S) seconds = YEAR_9999_S;
    unsigned digits = us == 0 ? 0 : 6;
    for (int64_t rest = us; digits > 0 && rest % 10 == 0; rest /= 10)
        digits--;
    MR_TRY(mr_buffer_reserve(out, MR_TIME_TEXT_MAX + 2, NULL));
    char *at = out->ptr + out->len;
    *at = '"';
    const size_t len = mr_format_time(at + 1, seconds, (uint32_t)(us * 1000), digits);
    at[1 + len] = '"';
    out->len += len + 2;
    return MR_OK;
}

/* --- Messages ------------------------------------------------------------------------------- */

static mr_code put_id(mr_buffer *out, const mr_message_id *id)
{
    if (MR_UNLIKELY(id->text.ptr != NULL)) return mr_answer_text(out, id->text);
    MR_TRY(mr_buffer_reserve(out, MR_UUID_TEXT_BYTES + 2, NULL));
    char *at = out->ptr + out->len;
    *at = '"';
    mr_uuid_format(&id->uuid, at + 1);
    at[1 + MR_UUID_TEXT_BYTES] = '"';
    out->len += MR_UUID_TEXT_BYTES + 2;
    return MR_OK;
}

static mr_code put_comma(mr_buffer *out)
{
    return mr_buffer_append_byte(out, ',', NULL);
}

static mr_code put_object(mr_buffer *out, mr_slice object)
{
    return mr_answer_raw(out, object.ptr != NULL ? object : MR_SLICE("null"));
}

mr_code mr_answer_message(mr_buffer *out, const mr_message *message, bool stream_name)
{
    MR_TRY(mr_buffer_append_byte(out, '[', NULL));
    MR_TRY(put_id(out, &message->id));
    MR_TRY(put_comma(out));
    if (stream_name) {
        MR_TRY(mr_answer_text(out, message->stream));
        MR_TRY(put_comma(out));
    }
    MR_TRY(mr_answer_text(out, message->type));
    MR_TRY(put_comma(out));
    MR_TRY(mr_answer_i64(out, message->position));
    MR_TRY(put_comma(out));
    MR_TRY(mr_answer_i64(out, message->global_position));
    MR_TRY(put_comma(out));
    MR_TRY(put_object(out, message->data));
    MR_TRY(put_comma(out));
    MR_TRY(put_object(out, message->metadata));
    MR_TRY(put_comma(out));
    MR_TRY(mr_answer_time(out, message->time_us));
    return mr_buffer_append_byte(out, ']', NULL);
}

/* --- Errors --------------------------------------------------------------------------------- */

static void write_error(mr_json_out *json, const mr_answer_error *error)
{
    mr_json_open(json, '{');
    mr_json_key(json, "error");
    mr_json_open(json, '{');
    mr_json_key(json, "code");
    mr_json_text(json, mr_slice_text(error->code));
    mr_json_key(json, "message");
    mr_json_text(json, error->message);
    if (error->detail_count > 0) {
        mr_json_key(json, "details");
        mr_json_open(json, '{');
        for (size_t i = 0; i < error->detail_count; i++) {
            mr_json_key(json, error->details[i].name);
            if (error->details[i].text.ptr != NULL)
                mr_json_text(json, error->details[i].text);
            else
                mr_json_i64(json, error->details[i].number);
        }
        mr_json_close(json, '}');
    }
    mr_json_close(json, '}');
    mr_json_close(json, '}');
}

void mr_answer_refuse(mr_http_request *request, const mr_answer_error *error)
{
    mr_buffer *out = mr_http_output(request);
    mr_json_out json = {.out = out};
    const mr_http_line allow = {"Allow", MR_SLICE("POST")};
    write_error(&json, error);
    if (json.failed) mr_buffer_reset(out);
    mr_http_reply(request, &(mr_http_response){.status = error->status,
                                               .content_type = MR_SLICE("application/json"),
                                               .lines = &allow,
                                               .line_count = error->status == 405,
                                               .body = mr_buffer_slice(out),
                                               .body_stays = true});
}
