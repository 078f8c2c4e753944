/* SPDX-License-Identifier: MIT
 *
 * metrics/text.h - numbers and label values as the exposition format writes them.
 *
 * Every function appends to `out` and fails only as the buffer does. Numbers are exact: an integer
 * with `decimals` 9 is that many billionths, so 1500000000 reads 1.5.
 *
 * Thread: pure functions over the caller's buffer. */
#ifndef MR_METRICS_TEXT_H
#define MR_METRICS_TEXT_H

#include "core/buffer.h"

#define MR_METRIC_DECIMALS_MAX 18

/* `value` divided by 10^decimals, without trailing zeros after the point. */
MR_NODISCARD MR_HOT mr_code mr_text_u64(mr_buffer *out, uint64_t value, unsigned decimals,
                                        mr_error *err);
MR_NODISCARD MR_HOT mr_code mr_text_i64(mr_buffer *out, int64_t value, unsigned decimals,
                                        mr_error *err);

/* The fewest digits that read back as `value`; NaN, +Inf, -Inf. */
MR_NODISCARD MR_HOT mr_code mr_text_double(mr_buffer *out, double value, mr_error *err);

/* `value` with \ " and line feed escaped. NUL and bytes that are not UTF-8 become U+FFFD: a scraper
 * refuses the whole page over one of them. */
MR_NODISCARD MR_HOT mr_code mr_text_label_value(mr_buffer *out, mr_slice value, mr_error *err);

/* The same for help texts; in the plain text format " is not escaped there. */
MR_NODISCARD mr_code mr_text_help(mr_buffer *out, mr_slice help, bool escape_quotes, mr_error *err);

#endif
