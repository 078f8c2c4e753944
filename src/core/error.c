/* SPDX-License-Identifier: MIT */
#include "core/error.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

#include "core/utf8.h"

#undef mr_fail /* macros for clang's analyser */
#undef mr_fail_errno
#undef mr_error_prefix

/* The text may quote input bytes: one line, printable or UTF-8, whatever came in. */
static void keep_one_line(char *text)
{
    for (unsigned char *at = (unsigned char *)text; *at != 0; at++)
        if (*at < 0x20 || *at == 0x7f) *at = '?';
}

/* Appends to a text; what does not fit is cut between code points. */
static void append_text(mr_error *err, const char *join, const char *text)
{
    const size_t used = strlen(err->text);
    const size_t room = sizeof err->text - used;
    const int wanted = snprintf(err->text + used, room, "%s%s", join, text);
    if (wanted >= (int)room) err->text[mr_utf8_trim(mr_slice_text(err->text))] = 0;
}

MR_PRINTF(2, 0) static void set_text(mr_error *err, const char *format, va_list args)
{
    const int wanted = vsnprintf(err->text, sizeof err->text, format, args);
    if (wanted < 0) snprintf(err->text, sizeof err->text, "error text could not be formatted");
    if (wanted >= (int)sizeof err->text) err->text[mr_utf8_trim(mr_slice_text(err->text))] = 0;
    keep_one_line(err->text);
}

mr_code mr_fail(mr_error *err, mr_code code, const char *format, ...)
{
    if (err == NULL) return code;
    va_list args;
    va_start(args, format);
    set_text(err, format, args);
    va_end(args);
    err->code = code;
    return code;
}

mr_code mr_fail_errno(mr_error *err, int error_number, const char *format, ...)
{
    const mr_code code = error_number == ENOMEM ? MR_ERR_NOMEM : MR_ERR_IO;
    if (err == NULL) return code;
    va_list args;
    va_start(args, format);
    set_text(err, format, args);
    va_end(args);
    char reason[96];
    const char *text = strerror_r(error_number, reason, sizeof reason);
    append_text(err, ": ", text);
    err->code = code;
    return code;
}

mr_code mr_error_prefix(mr_error *err, const char *format, ...)
{
    if (err == NULL) return MR_ERR_IO;
    mr_error inner = *err;
    va_list args;
    va_start(args, format);
    set_text(err, format, args);
    va_end(args);
    append_text(err, ": ", inner.text);
    return err->code;
}

void mr_error_advise(mr_error *err, const char *remedy)
{
    if (err != NULL) append_text(err, "; ", remedy);
}

const char *mr_code_name(mr_code code)
{
    switch (code) {
    case MR_OK: return "ok";
    case MR_ERR_NOMEM: return "out_of_memory";
    case MR_ERR_LIMIT: return "limit";
    case MR_ERR_IO: return "io";
    case MR_ERR_INPUT: return "input";
    case MR_ERR_USAGE: return "usage";
    case MR_ERR_CONFLICT: return "conflict";
    case MR_ERR_CLOSED: return "closed";
    }
    return "unknown";
}
