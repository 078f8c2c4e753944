/* SPDX-License-Identifier: MIT */
#include "record/reject.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

static const char *const reason_names[MR_REASON_COUNT] = {
    [MR_REASON_TOO_FEW_FIELDS] = "too_few_fields",
    [MR_REASON_TOO_MANY_FIELDS] = "too_many_fields",
    [MR_REASON_UNTERMINATED_QUOTE] = "unterminated_quote",
    [MR_REASON_TEXT_AFTER_QUOTE] = "text_after_quote",
    [MR_REASON_BARE_QUOTE] = "bare_quote",
    [MR_REASON_RECORD_TOO_LARGE] = "record_too_large",
    [MR_REASON_INVALID_UTF8] = "invalid_utf8",
    [MR_REASON_INVALID_UNICODE] = "invalid_unicode",
    [MR_REASON_SYNTAX] = "syntax",
    [MR_REASON_TRAILING_DATA] = "trailing_data",
    [MR_REASON_NOT_AN_OBJECT] = "not_an_object",
    [MR_REASON_TOO_DEEP] = "too_deep",
    [MR_REASON_DUPLICATE_KEY] = "duplicate_key",
    [MR_REASON_TYPE_MISMATCH] = "type_mismatch",
    [MR_REASON_INEXACT] = "inexact",
    [MR_REASON_DRIFT] = "drift",
    [MR_REASON_TRANSFORM_ERROR] = "transform_error",
    [MR_REASON_CONSTRAINT] = "constraint",
    [MR_REASON_DESTINATION_REFUSED] = "destination_refused",
};

const char *mr_reason_name(mr_reason reason)
{
    return reason_names[reason];
}

void mr_reject_list_init(mr_reject_list *list)
{
    mr_buffer_init(&list->items, "the list of rejected records", MR_REJECT_LIST_BYTES);
    list->count = 0;
}

void mr_reject_list_done(mr_reject_list *list)
{
    mr_buffer_done(&list->items);
    list->count = 0;
}

void mr_reject_list_reset(mr_reject_list *list)
{
    mr_buffer_reset(&list->items);
    list->count = 0;
}

mr_code mr_reject_list_add(mr_reject_list *list, mr_reason reason, mr_reject **out, mr_error *err)
{
    MR_TRY(mr_buffer_reserve(&list->items, sizeof(mr_reject), err));
    mr_reject *reject = mr_reject_at(list, list->count++);
    list->items.len += sizeof *reject;
    memset(reject, 0, sizeof *reject);
    reject->reason = reason;
    *out = reject;
    return MR_OK;
}

static int by_record(const void *a, const void *b)
{
    const mr_reject *one = a, *other = b;
    if (one->record != other->record) return one->record < other->record ? -1 : 1;
    return one->row_before < other->row_before ? -1 : one->row_before > other->row_before;
}

void mr_reject_list_sort(mr_reject_list *list, uint32_t from)
{
    uint32_t at = from + 1;
    while (at < list->count && by_record(mr_reject_at(list, at - 1), mr_reject_at(list, at)) <= 0)
        at++;
    if (at >= list->count) return; /* nearly always */
    qsort(mr_reject_at(list, from), list->count - from, sizeof(mr_reject), by_record);
}

void mr_reject_detail(mr_reject *reject, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(reject->detail, sizeof reject->detail, format, args);
    va_end(args);
    for (unsigned char *at = (unsigned char *)reject->detail; *at != 0; at++)
        if (*at < 0x20 || *at == 0x7f) *at = '?';
}
