/* SPDX-License-Identifier: MIT */
#include "cli/serve_access.h"

#include "core/log.h"

#define PATH_SHOWN_MAX 200

/* "12.345": milliseconds with three digits, which a number of the log cannot have. */
static mr_slice format_ms(uint64_t ns, char out[32])
{
    char digits[24];
    size_t count = 0, len = 0;
    uint64_t us = ns / 1000;
    do {
        digits[count++] = (char)('0' + us % 10);
        us /= 10;
    } while (us > 0 || count < 4);
    while (count > 0) {
        if (count == 3) out[len++] = '.';
        out[len++] = digits[--count];
    }
    return mr_slice_of(out, len);
}

static mr_slice format_id(uint64_t id, char out[16])
{
    static const char hex[] = "0123456789abcdef";
    for (size_t i = 16; i-- > 0; id >>= 4)
        out[i] = hex[id & 15];
    return mr_slice_of(out, 16);
}

void mr_serve_log_answer(const mr_http_access *access, void *context)
{
    char ms[32], id[16];
    const mr_log_level level = access->status >= 500 ? MR_LOG_ERROR : MR_LOG_INFO;
    if ((level == MR_LOG_INFO && context == NULL) || !mr_log_enabled(level)) return;
    const mr_log_field fields[] = {
        MR_LOG_INT("status", access->status),
        MR_LOG_TEXT("ms", format_ms(access->duration_ns, ms)),
        MR_LOG_TEXT("request", format_id(access->id, id)),
        MR_LOG_INT("gone", 1),
    };
    const size_t count = MR_COUNT_OF(fields) - (access->gone ? 0 : 1);
    const mr_slice path =
        mr_slice_of(access->path.ptr, mr_min_u64(access->path.len, PATH_SHOWN_MAX));
    mr_log_with(level, "http", fields, count, "%.*s %.*s", MR_SLICE_ARGS(access->method_text),
                MR_SLICE_ARGS(path));
}
