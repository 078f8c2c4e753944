/* SPDX-License-Identifier: MIT */
#include "store/service_metrics.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

#include "core/clock.h"
#include "core/log.h"

/* Directories are read this often at most, however often the page is: a namespace is a file or two.
 */
#define MEASURE_NS (10 * MR_NS_PER_S)

static const char *const paths[MR_SERVICE_PATHS] = {"/rpc", "/subscribe", "/import", "other"};

static const struct {
    uint16_t status;
    const char *name;
} codes[MR_SERVICE_CODES] = {{200, "200"}, {400, "400"}, {401, "401"}, {403, "403"},
                             {404, "404"}, {405, "405"}, {408, "408"}, {409, "409"},
                             {413, "413"}, {414, "414"}, {429, "429"}, {431, "431"},
                             {500, "500"}, {501, "501"}, {503, "503"}, {0, "other"}};

/* Most pairs never happen and are not shown. */
static mr_code emit_responses(void *context, mr_metrics_sink *sink, mr_error *err)
{
    const mr_service_counters *count = context;
    for (size_t p = 0; p < MR_SERVICE_PATHS; p++) {
        for (size_t c = 0; c < MR_SERVICE_CODES; c++) {
            const uint64_t value = mr_counter_read(&count->responses[p][c]);
            const mr_slice labels[] = {mr_slice_text(paths[p]), mr_slice_text(codes[c].name)};
            if (value > 0) MR_TRY(mr_metrics_emit_u64(sink, labels, value, err));
        }
    }
    return MR_OK;
}

/* Adds the sizes of the databases and logs in the directory; what cannot be read counts nothing. */
static void measure_dir(mr_service_counters *count, const char *path)
{
    DIR *files = opendir(path);
    if (files == NULL) return;
    for (const struct dirent *file; (file = readdir(files)) != NULL;) {
        struct stat info;
        const mr_slice name = mr_slice_text(file->d_name);
        const bool is_log = mr_slice_ends(name, "-wal"), is_index = mr_slice_ends(name, "-shm");
        if (is_index || fstatat(dirfd(files), file->d_name, &info, 0) != 0) continue;
        if (S_ISREG(info.st_mode))
            *(is_log ? &count->log_bytes : &count->database_bytes) += (uint64_t)info.st_size;
    }
    closedir(files);
}

static void measure(mr_service_counters *count)
{
    char folder[4096];
    const int64_t now_ns = mr_clock_ns();
    if (count->measured_ns != 0 && now_ns - count->measured_ns < MEASURE_NS) return;
    count->measured_ns = now_ns;
    count->database_bytes = count->log_bytes = 0;
    snprintf(folder, sizeof folder, "%s/namespaces", count->data_dir);
    measure_dir(count, count->data_dir);
    measure_dir(count, folder);
}

static mr_code emit_disk(void *context, mr_metrics_sink *sink, mr_error *err)
{
    mr_service_counters *count = context;
    const mr_slice database = MR_SLICE("database"), log = MR_SLICE("log");
    if (count->data_dir == NULL) return MR_OK;
    measure(count);
    MR_TRY(mr_metrics_emit_u64(sink, &database, count->database_bytes, err));
    return mr_metrics_emit_u64(sink, &log, count->log_bytes, err);
}

static mr_code emit_log(MR_UNUSED void *context, mr_metrics_sink *sink, mr_error *err)
{
    const mr_log_stats stats = mr_log_stats_now();
    const mr_slice labels[] = {MR_SLICE("written"), MR_SLICE("dropped"), MR_SLICE("suppressed")};
    const uint64_t values[] = {stats.written, stats.dropped, stats.suppressed};
    for (size_t i = 0; i < MR_COUNT_OF(labels); i++)
        MR_TRY(mr_metrics_emit_u64(sink, &labels[i], values[i], err));
    return MR_OK;
}

mr_code mr_service_counters_make(mr_service_counters *count, mr_metrics *metrics, mr_error *err)
{
    mr_metric_family *family;
    const mr_metric_decl decls[] = {
        {.name = "millrace_http_responses_total",
         .help = "Answers, by path and status.",
         .type = MR_METRIC_COUNTER,
         .labels = {"path", "code"},
         .collect = emit_responses,
         .context = count},
        {.name = "millrace_store_disk_bytes",
         .help = "Size of the files in the data directory, at most ten seconds old.",
         .type = MR_METRIC_GAUGE,
         .labels = {"kind"},
         .collect = emit_disk,
         .context = count},
        {.name = "millrace_log_lines_total",
         .help = "Lines of the log, by what became of them.",
         .type = MR_METRIC_COUNTER,
         .labels = {"what"},
         .collect = emit_log},
    };
    for (size_t i = 0; i < MR_COUNT_OF(decls); i++)
        MR_TRY(mr_metrics_family(metrics, &decls[i], &family, err));
    return MR_OK;
}

void mr_service_count(mr_service_counters *count, const mr_http_access *access)
{
    size_t path = 0, code = 0;
    while (path < MR_SERVICE_PATHS - 1 && !mr_slice_is(access->path, paths[path]))
        path++;
    while (code < MR_SERVICE_CODES - 1 && codes[code].status != access->status)
        code++;
    mr_counter_add(&count->responses[path][code], 1);
}
