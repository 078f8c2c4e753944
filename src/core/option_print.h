/* SPDX-License-Identifier: MIT
 *
 * core/option_print.h - an option table as people and programs read it.
 *
 * TEXT is for a terminal (`millrace list csv`), MAN is man-page source, MARKDOWN a reference table,
 * JSON an array of objects {name, aliases, type, default, min, max, choices, required, secret,
 * status, help, note}.
 *
 * Thread: pure functions, any thread. */
#ifndef MR_CORE_OPTION_PRINT_H
#define MR_CORE_OPTION_PRINT_H

#include "core/buffer.h"
#include "core/option.h"

typedef enum mr_option_style {
    MR_OPTION_STYLE_TEXT,
    MR_OPTION_STYLE_MAN,
    MR_OPTION_STYLE_MARKDOWN,
    MR_OPTION_STYLE_JSON,
} mr_option_style;

/* Appends the whole table. */
MR_NODISCARD mr_code mr_option_print(const mr_option *table, mr_option_style style, mr_buffer *out,
                                     mr_error *err);

/* Appends "name value" lines of what is set, with who set it; secrets as "***". With `all`,
 * defaults too. */
MR_NODISCARD mr_code mr_options_print_values(const mr_options *options, bool all, mr_buffer *out,
                                             mr_error *err);

/* Appends `text` as a JSON string with its quotes. */
MR_NODISCARD mr_code mr_print_json_text(mr_slice text, mr_buffer *out, mr_error *err);
/* Appends `text` escaped for man-page source, '-' as a real minus. */
MR_NODISCARD mr_code mr_print_man_text(mr_slice text, mr_buffer *out, mr_error *err);
/* Appends `text` broken at spaces into lines of at most `width` bytes, each after the first
 * indented. */
MR_NODISCARD mr_code mr_print_wrapped(mr_slice text, size_t indent, size_t width, mr_buffer *out,
                                      mr_error *err);

#endif
