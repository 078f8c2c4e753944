/* SPDX-License-Identifier: MIT
 *
 * help metrics: the families of a server's /metrics page, as one declares them that is made for
 * it, in memory, and never started. */
#include "cli/help.h"
#include "store/service.h"

#define PAGE_BYTES_MAX ((size_t)4 << 20)

/* The rest of `line` behind `prefix`. */
static bool take_prefix(mr_slice line, const char *prefix, mr_slice *out)
{
    if (!mr_slice_starts(line, prefix)) return false;
    *out = mr_slice_from(line, strlen(prefix));
    return true;
}

static mr_slice take_word(mr_slice *rest)
{
    const char *blank = memchr(rest->ptr, ' ', rest->len);
    const size_t len = blank != NULL ? (size_t)(blank - rest->ptr) : rest->len;
    const mr_slice word = mr_slice_of(rest->ptr, len);
    *rest = mr_slice_from(*rest, len < rest->len ? len + 1 : len);
    return word;
}

static mr_code put_family(mr_slice name, mr_slice kind, mr_slice help, mr_option_style style,
                          mr_buffer *out, mr_error *err)
{
    if (style == MR_OPTION_STYLE_MARKDOWN)
        return mr_buffer_printf(out, err, "| `%.*s` | %.*s | %.*s |\n", MR_SLICE_ARGS(name),
                                MR_SLICE_ARGS(kind), MR_SLICE_ARGS(help));
    return mr_buffer_printf(out, err, "%.*s (%.*s)\n    %.*s\n", MR_SLICE_ARGS(name),
                            MR_SLICE_ARGS(kind), MR_SLICE_ARGS(help));
}

/* "# HELP name text" comes before "# TYPE name kind". */
static mr_code put_page(mr_slice page, mr_option_style style, mr_buffer *out, mr_error *err)
{
    mr_slice help = {0};
    if (style == MR_OPTION_STYLE_MARKDOWN)
        MR_TRY(
            mr_buffer_append(out, MR_SLICE("| Metric | Kind | Meaning |\n|---|---|---|\n"), err));
    while (page.len > 0) {
        const char *end = memchr(page.ptr, '\n', page.len);
        const mr_slice line =
            mr_slice_of(page.ptr, end != NULL ? (size_t)(end - page.ptr) : page.len);
        page = mr_slice_from(page, end != NULL ? line.len + 1 : line.len);
        mr_slice rest;
        if (take_prefix(line, "# HELP ", &rest)) {
            take_word(&rest);
            help = rest;
        } else if (take_prefix(line, "# TYPE ", &rest)) {
            const mr_slice name = take_word(&rest);
            MR_TRY(put_family(name, rest, help, style, out, err));
        }
    }
    return MR_OK;
}

mr_code mr_help_metrics(mr_option_style style, mr_buffer *out, mr_error *err)
{
    mr_service *service = NULL;
    mr_buffer page;
    const mr_service_options options = {
        .address = MR_SLICE("127.0.0.1:0"), .io_threads = 1, .limits = MR_HTTP_LIMITS_DEFAULT};
    mr_buffer_init(&page, "metrics page", PAGE_BYTES_MAX);
    mr_code rc = mr_service_open(&options, &service, err);
    if (rc == MR_OK) rc = mr_metrics_describe(mr_service_metrics(service), &page, err);
    if (rc == MR_OK) rc = put_page(mr_buffer_slice(&page), style, out, err);
    mr_service_close(service);
    mr_buffer_done(&page);
    return rc;
}
