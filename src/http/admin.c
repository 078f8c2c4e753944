/* SPDX-License-Identifier: MIT */
#include "http/admin.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "core/mem.h"
#include "metrics/process.h"

#define THREADS_SHOWN_MAX 1024

static void reply_with(mr_http_request *request, uint16_t status, mr_slice type,
                       const mr_buffer *body)
{
    mr_http_reply(request, &(mr_http_response){.status = status,
                                               .content_type = type,
                                               .body = mr_buffer_slice(body),
                                               .body_stays = true});
}

static void reply_json(mr_http_request *request, mr_code rc, const mr_buffer *body,
                       const mr_error *err)
{
    if (rc == MR_OK)
        reply_with(request, 200, MR_SLICE("application/json"), body);
    else
        mr_http_reply_error(request, 500, "INTERNAL_ERROR", mr_slice_text(err->text));
}

/* --- /metrics --- */

static bool accepts_openmetrics(const mr_http_request *request)
{
    static const char wanted[] = "application/openmetrics-text";
    mr_slice accept;
    return mr_http_header(request, "accept", &accept) &&
           memmem(accept.ptr, accept.len, wanted, sizeof wanted - 1) != NULL;
}

static void serve_metrics(mr_http_request *request, void *context)
{
    const mr_admin *admin = context;
    mr_error err;
    mr_buffer *page = mr_http_output(request);
    const mr_metrics_format format =
        accepts_openmetrics(request) ? MR_METRICS_OPENMETRICS : MR_METRICS_TEXT;
    if (mr_metrics_write(admin->metrics, format, page, &err) == MR_OK)
        reply_with(request, 200, mr_metrics_content_type(format), page);
    else
        mr_http_reply_error(request, 500, "INTERNAL_ERROR", mr_slice_text(err.text));
}

/* --- Health --- */

static void serve_health(mr_http_request *request, MR_UNUSED void *context)
{
    mr_http_reply(request, &(mr_http_response){.status = 200,
                                               .content_type = MR_SLICE("text/plain"),
                                               .body = MR_SLICE("ok\n"),
                                               .body_stays = true});
}

static void serve_ready(mr_http_request *request, void *context)
{
    const mr_admin *admin = context;
    mr_buffer *why = mr_http_output(request);
    if (admin->ready == NULL || admin->ready(admin->context, why)) {
        serve_health(request, NULL);
        return;
    }
    reply_with(request, 503, MR_SLICE("text/plain"), why);
}

static mr_code write_default_status(mr_buffer *out, mr_error *err)
{
    const int64_t started = mr_process_start_seconds();
    const int64_t uptime = started > 0 ? (int64_t)time(NULL) - started : 0;
    return mr_buffer_printf(out, err, "{\"version\":\"%s\",\"uptime_seconds\":%lld}\n", MR_VERSION,
                            (long long)(uptime > 0 ? uptime : 0));
}

static void serve_status(mr_http_request *request, void *context)
{
    const mr_admin *admin = context;
    mr_error err;
    mr_buffer *out = mr_http_output(request);
    const mr_code rc = admin->status != NULL ? admin->status(admin->context, out, &err)
                                             : write_default_status(out, &err);
    reply_json(request, rc, out, &err);
}

/* --- /debug --- */

typedef struct arena_list {
    mr_buffer *out;
    mr_error *err;
    mr_code rc;
    bool any;
} arena_list;

static void list_arena(void *context, const mr_arena_usage *usage)
{
    arena_list *list = context;
    if (list->rc != MR_OK) return;
    list->rc = mr_buffer_printf(
        list->out, list->err, "%s\n  {\"arena\":\"%s\",\"held_bytes\":%zu,\"used_bytes\":%zu}",
        list->any ? "," : "", usage->name, usage->held_bytes, usage->used_bytes);
    list->any = true;
}

static mr_code write_heap(mr_buffer *out, mr_error *err)
{
    const mr_mem_stats mem = mr_mem_stats_now();
    mr_process_sample process;
    mr_process_sample_now(&process);
    MR_TRY(mr_buffer_printf(
        out, err,
        "{\"live_bytes\":%llu,\"allocations\":%llu,\"frees\":%llu,\"allocated_bytes\":%llu,"
        "\"rss_bytes\":%llu,\"max_rss_bytes\":%llu,\n \"arenas\":[",
        (unsigned long long)mem.live_bytes, (unsigned long long)mem.alloc_count,
        (unsigned long long)mem.free_count, (unsigned long long)mem.alloc_bytes,
        (unsigned long long)process.rss_bytes, (unsigned long long)process.max_rss_bytes));
    arena_list list = {.out = out, .err = err};
    mr_arena_each(list_arena, &list);
    MR_TRY(list.rc);
    return mr_buffer_append(out, MR_SLICE("]}\n"), err);
}

static void serve_heap(mr_http_request *request, MR_UNUSED void *context)
{
    mr_error err;
    mr_buffer *out = mr_http_output(request);
    reply_json(request, write_heap(out, &err), out, &err);
}

/* One line of /proc/self/task/TID/stat: "TID (name) S ..." with user and system time as fields
 * 14, 15. A thread that has ended meanwhile is left out. */
static mr_code write_thread(const char *tid, bool first, mr_buffer *out, mr_error *err)
{
    char path[64], text[1024], name[64] = "";
    snprintf(path, sizeof path, "/proc/self/task/%.20s/stat", tid);
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return MR_OK;
    const ssize_t len = read(fd, text, sizeof text - 1);
    close(fd);
    if (len <= 0) return MR_OK;
    text[len] = 0;
    const char *open_at = strchr(text, '('), *close_at = strrchr(text, ')');
    if (open_at == NULL || close_at == NULL) return MR_OK;
    size_t name_len = 0;
    for (const char *c = open_at + 1; c < close_at && name_len < sizeof name - 1; c++)
        name[name_len++] = (unsigned char)*c < 0x20 || *c == '"' || *c == '\\' ? '?' : *c;
    char state = '?';
    unsigned long long user = 0, kernel = 0;
    /* NOLINTNEXTLINE(cert-err34-c): the kernel's own text */
    if (sscanf(close_at + 1, " %c %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %llu %llu", &state, &user,
               &kernel) != 3)
        return MR_OK;
    const double ticks = (double)sysconf(_SC_CLK_TCK);
    return mr_buffer_printf(out, err,
                            "%s\n  {\"tid\":%.20s,\"name\":\"%s\",\"state\":\"%c\","
                            "\"user_seconds\":%.2f,\"system_seconds\":%.2f}",
                            first ? "" : ",", tid, name, state, (double)user / ticks,
                            (double)kernel / ticks);
}

static mr_code write_threads(mr_buffer *out, mr_error *err)
{
    MR_TRY(mr_buffer_append(out, MR_SLICE("{\"threads\":["), err));
    DIR *tasks = opendir("/proc/self/task");
    if (tasks == NULL) return mr_fail_errno(err, errno, "/proc/self/task cannot be read");
    const size_t empty = out->len;
    mr_code rc = MR_OK;
    unsigned shown = 0;
    for (struct dirent *task; rc == MR_OK && (task = readdir(tasks)) != NULL;) {
        if (task->d_name[0] == '.' || shown++ == THREADS_SHOWN_MAX) continue;
        rc = write_thread(task->d_name, out->len == empty, out, err);
    }
    closedir(tasks);
    MR_TRY(rc);
    return mr_buffer_append(out, MR_SLICE("]}\n"), err);
}

static void serve_threads(mr_http_request *request, MR_UNUSED void *context)
{
    mr_error err;
    mr_buffer *out = mr_http_output(request);
    reply_json(request, write_threads(out, &err), out, &err);
}

static const mr_http_route pages[MR_ADMIN_ROUTES] = {
    {.path = "/metrics", .handler = serve_metrics},
    {.path = "/healthz", .handler = serve_health},
    {.path = "/readyz", .handler = serve_ready},
    {.path = "/status", .handler = serve_status},
    {.path = "/debug/heap", .handler = serve_heap},
    {.path = "/debug/threads", .handler = serve_threads},
};

bool mr_admin_can_be_metrics(mr_slice path)
{
    if (!mr_slice_starts(path, "/")) return false;
    for (size_t i = 0; i < path.len; i++)
        if (path.ptr[i] <= ' ' || path.ptr[i] > '~' || path.ptr[i] == '?' || path.ptr[i] == '#')
            return false;
    for (size_t i = 1; i < MR_ADMIN_ROUTES; i++)
        if (mr_slice_is(path, pages[i].path)) return false;
    return true;
}

void mr_admin_routes(mr_admin *admin, mr_http_route out[MR_ADMIN_ROUTES])
{
    for (size_t i = 0; i < MR_ADMIN_ROUTES; i++) {
        out[i] = pages[i];
        out[i].method = MR_HTTP_GET;
        out[i].context = admin;
    }
    if (admin->metrics_path != NULL) out[0].path = admin->metrics_path;
}
