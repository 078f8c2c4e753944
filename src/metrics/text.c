/* SPDX-License-Identifier: MIT */
#include "metrics/text.h"

#include <math.h>

#include "core/number.h"
#include "core/utf8.h"

#define DIGITS_MAX 20 /* of UINT64_MAX */

mr_code mr_text_u64(mr_buffer *out, uint64_t value, unsigned decimals, mr_error *err)
{
    MR_DCHECK(decimals <= MR_METRIC_DECIMALS_MAX);
    char text[DIGITS_MAX + 2];
    char *at = text + sizeof text;
    unsigned place = 0; /* digits taken from the right so far */
    for (; place < decimals; place++) {
        const char digit = (char)('0' + value % 10);
        value /= 10;
        if (digit == '0' && at == text + sizeof text) continue; /* a trailing zero */
        *--at = digit;
    }
    if (at != text + sizeof text) *--at = '.';
    do {
        *--at = (char)('0' + value % 10);
        value /= 10;
    } while (value != 0);
    return mr_buffer_append(out, mr_slice_of(at, (size_t)(text + sizeof text - at)), err);
}

mr_code mr_text_i64(mr_buffer *out, int64_t value, unsigned decimals, mr_error *err)
{
    if (value >= 0) return mr_text_u64(out, (uint64_t)value, decimals, err);
    MR_TRY(mr_buffer_append_byte(out, '-', err));
    return mr_text_u64(out, 0 - (uint64_t)value, decimals, err);
}

mr_code mr_text_double(mr_buffer *out, double value, mr_error *err)
{
    if (isnan(value)) return mr_buffer_append(out, MR_SLICE("NaN"), err);
    if (isinf(value))
        return mr_buffer_append(out, value > 0 ? MR_SLICE("+Inf") : MR_SLICE("-Inf"), err);
    if (fabs(value) < 1e15 && value == floor(value))
        return mr_text_i64(out, (int64_t)value, 0, err);
    char text[MR_F64_TEXT_MAX];
    return mr_buffer_append(out, mr_slice_of(text, mr_format_f64(text, value)), err);
}

static mr_code append_escaped(mr_buffer *out, mr_slice text, bool escape_quotes, mr_error *err)
{
    while (text.len > 0) {
        uint32_t code_point;
        const size_t len = mr_utf8_decode(text, &code_point);
        mr_slice piece = mr_slice_of(text.ptr, len);
        if (len == 0 || text.ptr[0] == 0) piece = MR_SLICE("\xef\xbf\xbd");
        if (text.ptr[0] == '\\') piece = MR_SLICE("\\\\");
        if (text.ptr[0] == '\n') piece = MR_SLICE("\\n");
        if (text.ptr[0] == '"' && escape_quotes) piece = MR_SLICE("\\\"");
        MR_TRY(mr_buffer_append(out, piece, err));
        text = mr_slice_from(text, len == 0 ? 1 : len);
    }
    return MR_OK;
}

mr_code mr_text_label_value(mr_buffer *out, mr_slice value, mr_error *err)
{
    return append_escaped(out, value, true, err);
}

mr_code mr_text_help(mr_buffer *out, mr_slice help, bool escape_quotes, mr_error *err)
{
    return append_escaped(out, help, escape_quotes, err);
}
