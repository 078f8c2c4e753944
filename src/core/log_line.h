/* SPDX-License-Identifier: MIT
 *
 * core/log_line.h - a log record, and how it becomes a line; for core/log*.c only.
 *
 * Thread: pure functions over what the caller owns. */
#ifndef MR_CORE_LOG_LINE_H
#define MR_CORE_LOG_LINE_H

#include <stdarg.h>

#include "core/log.h"

#define MR_LOG_NAME_MAX 64 /* of a component or key; what is longer is cut */

/* Longest line: every byte of text and names as \u00xx, the rest below 64 bytes a field. */
#define MR_LOG_LINE_MAX                                                  \
    (6 * (MR_LOG_TEXT_MAX + MR_LOG_NAME_MAX * (MR_LOG_FIELDS_MAX + 1)) + \
     64 * (MR_LOG_FIELDS_MAX + 2))

/* Where a field's text lies in the record. */
typedef struct mr_log_value {
    const char *key;
    bool is_number;
    uint16_t at, len;
    int64_t number;
} mr_log_value;

typedef struct mr_log_record {
    mr_log_level level;
    int64_t wall_ns;
    const char *component;
    uint16_t message_len; /* the message is text[0 .. message_len) */
    uint16_t value_count;
    mr_log_value values[MR_LOG_FIELDS_MAX];
    char text[MR_LOG_TEXT_MAX];
} mr_log_record;

/* Fills all of `record` at the present time; what does not fit is cut between code points. */
MR_PRINTF(6, 0)
void mr_log_record_fill(mr_log_record *record, mr_log_level level, const char *component,
                        const mr_log_field *fields, size_t field_count, const char *format,
                        va_list args);

MR_INLINE mr_slice mr_log_record_message(const mr_log_record *record)
{
    return mr_slice_of(record->text, record->message_len);
}

/* A number that differs, practically, for records that would differ in more than their time. */
uint64_t mr_log_record_hash(const mr_log_record *record);

/* Writes the line with its line end to `out` (room for MR_LOG_LINE_MAX) and returns its length. */
size_t mr_log_line(char *out, const mr_log_record *record, bool json);

#endif
