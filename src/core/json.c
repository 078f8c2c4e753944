/* SPDX-License-Identifier: MIT */
#include "core/json.h"

#include <inttypes.h>
#include <math.h>

#include "core/utf8.h"

static void put(mr_json_out *json, mr_slice bytes)
{
    if (!json->failed && mr_buffer_append(json->out, bytes, &json->error) != MR_OK)
        json->failed = true;
}

/* Before each value; `after` says whether something may follow that needs a comma. */
static void begin(mr_json_out *json, bool after)
{
    if (json->comma) put(json, MR_SLICE(","));
    json->comma = after;
}

void mr_json_open(mr_json_out *json, char bracket)
{
    begin(json, false);
    put(json, (mr_slice){&bracket, 1});
}

void mr_json_close(mr_json_out *json, char bracket)
{
    put(json, (mr_slice){&bracket, 1});
    json->comma = true;
}

static void put_escape(mr_json_out *json, unsigned char byte)
{
    static const char hex[] = "0123456789abcdef";
    static const char *const short_forms[] = {
        ['\b'] = "\\b", ['\f'] = "\\f", ['\n'] = "\\n", ['\r'] = "\\r", ['\t'] = "\\t"};
    if (byte == '"' || byte == '\\') {
        const char text[2] = {'\\', (char)byte};
        put(json, (mr_slice){text, 2});
    } else if (byte < MR_COUNT_OF(short_forms) && short_forms[byte] != NULL) {
        put(json, mr_slice_text(short_forms[byte]));
    } else {
        const char text[6] = {'\\', 'u', '0', '0', hex[byte >> 4], hex[byte & 15]};
        put(json, (mr_slice){text, 6});
    }
}

static void put_valid(mr_json_out *json, mr_slice text)
{
    size_t from = 0;
    for (size_t i = 0; i < text.len; i++) {
        const unsigned char byte = (unsigned char)text.ptr[i];
        if (byte >= 0x20 && byte != '"' && byte != '\\') continue;
        put(json, (mr_slice){text.ptr + from, i - from});
        put_escape(json, byte);
        from = i + 1;
    }
    put(json, mr_slice_from(text, from));
}

static void put_string(mr_json_out *json, mr_slice text)
{
    put(json, MR_SLICE("\""));
    while (text.len > 0) {
        const size_t valid = mr_utf8_valid_prefix(text);
        put_valid(json, (mr_slice){text.ptr, valid});
        if (valid == text.len) break;
        put(json, MR_SLICE("\xef\xbf\xbd"));
        text = mr_slice_from(text, valid + 1);
    }
    put(json, MR_SLICE("\""));
}

void mr_json_key(mr_json_out *json, const char *key)
{
    begin(json, false);
    put_string(json, mr_slice_text(key));
    put(json, MR_SLICE(":"));
}

void mr_json_text(mr_json_out *json, mr_slice text)
{
    begin(json, true);
    put_string(json, text);
}

static void put_number(mr_json_out *json, const char *text)
{
    begin(json, true);
    put(json, mr_slice_text(text));
}

void mr_json_u64(mr_json_out *json, uint64_t value)
{
    char text[32];
    snprintf(text, sizeof text, "%" PRIu64, value);
    put_number(json, text);
}

void mr_json_i64(mr_json_out *json, int64_t value)
{
    char text[32];
    snprintf(text, sizeof text, "%" PRId64, value);
    put_number(json, text);
}

void mr_json_f64(mr_json_out *json, double value, int digits)
{
    char text[400];
    if (isfinite(value))
        snprintf(text, sizeof text, "%.*f", digits, value);
    else
        snprintf(text, sizeof text, "null");
    put_number(json, text);
}

void mr_json_bool(mr_json_out *json, bool value)
{
    put_number(json, value ? "true" : "false");
}

void mr_json_null(mr_json_out *json)
{
    put_number(json, "null");
}

void mr_json_raw(mr_json_out *json, mr_slice text)
{
    begin(json, true);
    put(json, text);
}

mr_code mr_json_out_fail(const mr_json_out *json, mr_error *err)
{
    if (err != NULL) *err = json->error;
    return json->error.code;
}
