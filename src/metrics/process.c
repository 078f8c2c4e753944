/* SPDX-License-Identifier: MIT */
#include "metrics/process.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "core/arena.h"
#include "core/clock.h"
#include "core/mem.h"

#define RATE_INTERVAL_NS                                                     \
    100000000ull /* shorter intervals between pages say nothing about a rate \
                  */

/* --- Reading the system ----------------------------------------------------------------------- */

/* The first bytes of a small file of /proc; empty when it cannot be read. */
static mr_slice read_proc(const char *path, char *into, size_t size)
{
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return (mr_slice){0};
    ssize_t len;
    do {
        len = read(fd, into, size);
    } while (len < 0 && errno == EINTR);
    close(fd);
    return mr_slice_of(into, len > 0 ? (size_t)len : 0);
}

/* The decimal number that is word `index` of `text`, words being set apart by one space. */
static uint64_t number_at(mr_slice text, unsigned index)
{
    while (index > 0 && text.len > 0) {
        if (text.ptr[0] == ' ') index--;
        text = mr_slice_from(text, 1);
    }
    uint64_t value = 0;
    for (; text.len > 0 && text.ptr[0] >= '0' && text.ptr[0] <= '9'; text = mr_slice_from(text, 1))
        value = value * 10 + (uint64_t)(text.ptr[0] - '0');
    return value;
}

/* Fields of /proc/self/stat, counted from the one after the program's name, which ends with the
 * last
 * ')' and may hold anything. proc(5) numbers it 3. */
enum { STAT_THREADS = 20 - 3, STAT_START_TICKS = 22 - 3, STAT_VIRTUAL = 23 - 3, STAT_RSS = 24 - 3 };

static mr_slice read_stat(char *into, size_t size)
{
    mr_slice text = read_proc("/proc/self/stat", into, size);
    size_t at = text.len;
    while (at > 0 && text.ptr[at - 1] != ')')
        at--;
    return at > 0 && at < text.len ? mr_slice_from(text, at + 1) : (mr_slice){0};
}

/* Entries of /proc/self/fd, by the bare system call because opendir() allocates. */
static uint64_t count_open_fds(void)
{
    const int fd = open("/proc/self/fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) return 0;
    _Alignas(struct dirent64) char entries[4096];
    uint64_t count = 0;
    for (long len; (len = syscall(SYS_getdents64, fd, entries, sizeof entries)) > 0;) {
        for (long at = 0; at < len;) {
            const struct dirent64 *entry = (const void *)(entries + at);
            count += entry->d_name[0] != '.';
            at += entry->d_reclen;
        }
    }
    close(fd);
    return count > 0 ? count - 1 : 0; /* the one that reads the directory */
}

/* VmHWM of /proc/self/status: ru_maxrss of a child starts with what its parent had. */
static uint64_t peak_rss_bytes(char *text, size_t size)
{
    const mr_slice status = read_proc("/proc/self/status", text, size - 1);
    text[status.len] = 0;
    const char *at = strstr(text, "VmHWM:");
    if (at == NULL) return 0;
    at += strlen("VmHWM:");
    while (*at == ' ' || *at == '\t')
        at++;
    return number_at(mr_slice_text(at), 0) * 1024;
}

static uint64_t micros(struct timeval time)
{
    return (uint64_t)time.tv_sec * 1000000 + (uint64_t)time.tv_usec;
}

void mr_process_sample_now(mr_process_sample *out)
{
    *out = (mr_process_sample){0};
    struct rusage usage;
    if (getrusage(RUSAGE_SELF, &usage) == 0) {
        out->cpu_user_us = micros(usage.ru_utime);
        out->cpu_system_us = micros(usage.ru_stime);
        out->minor_faults = (uint64_t)usage.ru_minflt;
        out->major_faults = (uint64_t)usage.ru_majflt;
    }
    char text[4096];
    out->max_rss_bytes = peak_rss_bytes(text, sizeof text);
    const mr_slice stat = read_stat(text, sizeof text);
    out->threads = number_at(stat, STAT_THREADS);
    out->virtual_bytes = number_at(stat, STAT_VIRTUAL);
    out->rss_bytes = number_at(stat, STAT_RSS) * (uint64_t)sysconf(_SC_PAGESIZE);
    out->open_fds = count_open_fds();
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) out->max_fds = limit.rlim_cur;
}

static uint64_t now_ns(clockid_t clock)
{
    struct timespec now;
    clock_gettime(clock, &now);
    return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

int64_t mr_process_start_seconds(void)
{
    char text[1024];
    const mr_slice stat = read_stat(text, sizeof text);
    const uint64_t ticks = number_at(stat, STAT_START_TICKS);
    const long ticks_per_second = sysconf(_SC_CLK_TCK);
    if (ticks == 0 || ticks_per_second <= 0) return 0;
    const uint64_t booted_ns = now_ns(CLOCK_REALTIME) - now_ns(CLOCK_BOOTTIME);
    return (int64_t)(booted_ns / 1000000000 + ticks / (uint64_t)ticks_per_second);
}

/* --- Families --------------------------------------------------------------------------------- */

typedef enum figure {
    CPU_USER_US,
    CPU_SYSTEM_US,
    CPU_TOTAL_US,
    CPU_UTILIZATION_MILLIONTHS,
    RSS,
    MAX_RSS,
    VIRTUAL,
    THREADS,
    OPEN_FDS,
    MAX_FDS,
    MINOR_FAULTS,
    MAJOR_FAULTS,
    ALLOCATIONS,
    ALLOCATED_BYTES,
    ALLOCATED_BYTES_PER_SECOND,
    LIVE_BYTES,
    ARENA_SLACK,
    START_SECONDS,
    FIGURE_COUNT
} figure;

/* A family of one series, or of two: then `label` has these values for `figure` and the one after.
 */
typedef struct row {
    const char *name, *help;
    mr_metric_type type;
    unsigned decimals;
    figure figure;
    const char *label, *values[2];
} row;

typedef struct process_figures process_figures;

typedef struct collected {
    const row *row;
    const process_figures *figures;
} collected;

struct process_figures {
    uint64_t now[FIGURE_COUNT];
    uint64_t rate_at_ns, rate_cpu_us, rate_allocated; /* where the present rates began */
    collected families[];
};

static const row millrace_rows[] = {
    {"millrace_cpu_seconds_total",
     "CPU time used by this process.",
     MR_METRIC_COUNTER,
     6,
     CPU_USER_US,
     "mode",
     {"user", "system"}},
    {"millrace_cpu_utilization",
     "CPUs in use, between the last two readings of this page.",
     MR_METRIC_GAUGE,
     6,
     CPU_UTILIZATION_MILLIONTHS,
     NULL,
     {0}},
    {"millrace_rss_bytes", "Resident memory.", MR_METRIC_GAUGE, 0, RSS, NULL, {0}},
    {"millrace_max_rss_bytes",
     "Largest resident memory so far.",
     MR_METRIC_GAUGE,
     0,
     MAX_RSS,
     NULL,
     {0}},
    {"millrace_virtual_bytes", "Address space in use.", MR_METRIC_GAUGE, 0, VIRTUAL, NULL, {0}},
    {"millrace_threads", "Threads.", MR_METRIC_GAUGE, 0, THREADS, NULL, {0}},
    {"millrace_open_fds", "Open file descriptors.", MR_METRIC_GAUGE, 0, OPEN_FDS, NULL, {0}},
    {"millrace_max_fds", "Limit of open file descriptors.", MR_METRIC_GAUGE, 0, MAX_FDS, NULL, {0}},
    {"millrace_page_faults_total",
     "Page faults; major ones read from a disk.",
     MR_METRIC_COUNTER,
     0,
     MINOR_FAULTS,
     "kind",
     {"minor", "major"}},
    {"millrace_allocations_total",
     "Allocations of the program's own code.",
     MR_METRIC_COUNTER,
     0,
     ALLOCATIONS,
     NULL,
     {0}},
    {"millrace_allocated_bytes_total",
     "Bytes of these allocations.",
     MR_METRIC_COUNTER,
     0,
     ALLOCATED_BYTES,
     NULL,
     {0}},
    {"millrace_allocation_bytes_per_second",
     "Rate of allocation between the last two readings of this page.",
     MR_METRIC_GAUGE,
     0,
     ALLOCATED_BYTES_PER_SECOND,
     NULL,
     {0}},
    {"millrace_live_bytes",
     "Bytes allocated and not yet freed.",
     MR_METRIC_GAUGE,
     0,
     LIVE_BYTES,
     NULL,
     {0}},
    {"millrace_arena_slack_bytes",
     "Bytes that arenas hold and have not handed out.",
     MR_METRIC_GAUGE,
     0,
     ARENA_SLACK,
     NULL,
     {0}},
    {"millrace_start_time_seconds",
     "Start of this process, in seconds since 1970.",
     MR_METRIC_GAUGE,
     0,
     START_SECONDS,
     NULL,
     {0}},
};

static const row standard_rows[] = {
    {"process_cpu_seconds_total",
     "Total user and system CPU time spent in seconds.",
     MR_METRIC_COUNTER,
     6,
     CPU_TOTAL_US,
     NULL,
     {0}},
    {"process_resident_memory_bytes",
     "Resident memory size in bytes.",
     MR_METRIC_GAUGE,
     0,
     RSS,
     NULL,
     {0}},
    {"process_virtual_memory_bytes",
     "Virtual memory size in bytes.",
     MR_METRIC_GAUGE,
     0,
     VIRTUAL,
     NULL,
     {0}},
    {"process_open_fds",
     "Number of open file descriptors.",
     MR_METRIC_GAUGE,
     0,
     OPEN_FDS,
     NULL,
     {0}},
    {"process_max_fds",
     "Maximum number of open file descriptors.",
     MR_METRIC_GAUGE,
     0,
     MAX_FDS,
     NULL,
     {0}},
    {"process_start_time_seconds",
     "Start time of the process since unix epoch in seconds.",
     MR_METRIC_GAUGE,
     0,
     START_SECONDS,
     NULL,
     {0}},
};

static void add_slack(void *context, const mr_arena_usage *usage)
{
    uint64_t *slack = context;
    if (usage->held_bytes > usage->used_bytes) *slack += usage->held_bytes - usage->used_bytes;
}

static void update_rates(process_figures *figures)
{
    uint64_t *now = figures->now;
    const uint64_t at_ns = (uint64_t)mr_clock_real_ns(), passed_ns = at_ns - figures->rate_at_ns;
    if (passed_ns < RATE_INTERVAL_NS) return;
    const double seconds = (double)passed_ns / 1e9;
    if (figures->rate_at_ns != 0) {
        now[CPU_UTILIZATION_MILLIONTHS] =
            (uint64_t)((double)(now[CPU_TOTAL_US] - figures->rate_cpu_us) / seconds);
        now[ALLOCATED_BYTES_PER_SECOND] =
            (uint64_t)((double)(now[ALLOCATED_BYTES] - figures->rate_allocated) / seconds);
    }
    figures->rate_at_ns = at_ns;
    figures->rate_cpu_us = now[CPU_TOTAL_US];
    figures->rate_allocated = now[ALLOCATED_BYTES];
}

static void refresh(void *context)
{
    process_figures *figures = context;
    uint64_t *now = figures->now;
    mr_process_sample sample;
    mr_process_sample_now(&sample);
    const mr_mem_stats mem = mr_mem_stats_now();
    now[CPU_USER_US] = sample.cpu_user_us;
    now[CPU_SYSTEM_US] = sample.cpu_system_us;
    now[CPU_TOTAL_US] = sample.cpu_user_us + sample.cpu_system_us;
    now[RSS] = sample.rss_bytes;
    now[MAX_RSS] = sample.max_rss_bytes;
    now[VIRTUAL] = sample.virtual_bytes;
    now[THREADS] = sample.threads;
    now[OPEN_FDS] = sample.open_fds;
    now[MAX_FDS] = sample.max_fds;
    now[MINOR_FAULTS] = sample.minor_faults;
    now[MAJOR_FAULTS] = sample.major_faults;
    now[ALLOCATIONS] = mem.alloc_count;
    now[ALLOCATED_BYTES] = mem.alloc_bytes;
    now[LIVE_BYTES] = mem.live_bytes;
    now[ARENA_SLACK] = 0;
    mr_arena_each(add_slack, &now[ARENA_SLACK]);
    update_rates(figures);
}

static mr_code collect_row(void *context, mr_metrics_sink *sink, mr_error *err)
{
    const collected *family = context;
    const uint64_t *values = &family->figures->now[family->row->figure];
    if (family->row->label == NULL) return mr_metrics_emit_u64(sink, NULL, values[0], err);
    for (size_t i = 0; i < MR_COUNT_OF(family->row->values); i++) {
        const mr_slice label = mr_slice_text(family->row->values[i]);
        MR_TRY(mr_metrics_emit_u64(sink, &label, values[i], err));
    }
    return MR_OK;
}

static mr_code declare_rows(mr_metrics *metrics, const row *rows, size_t count, mr_error *err)
{
    process_figures *figures =
        mr_metrics_take(metrics, sizeof *figures + count * sizeof figures->families[0]);
    if (figures == NULL)
        return mr_fail(err, MR_ERR_NOMEM, "no memory left for the process metrics");
    figures->now[START_SECONDS] = (uint64_t)mr_process_start_seconds();
    for (size_t i = 0; i < count; i++) {
        figures->families[i] = (collected){&rows[i], figures};
        const mr_metric_decl decl = {
            .name = rows[i].name,
            .help = rows[i].help,
            .type = rows[i].type,
            .decimals = rows[i].decimals,
            .labels = {rows[i].label},
            .collect = collect_row,
            .context = &figures->families[i],
        };
        mr_metric_family *family;
        MR_TRY(mr_metrics_family(metrics, &decl, &family, err));
    }
    return mr_metrics_before_page(metrics, refresh, figures, err);
}

/* --- Arenas, by name -------------------------------------------------------------------------- */

typedef struct arena_sums {
    size_t count;
    uint64_t other_bytes;
    struct {
        const char *name;
        uint64_t held_bytes;
    } sums[MR_PROCESS_ARENAS_MAX];
} arena_sums;

static void add_arena(void *context, const mr_arena_usage *usage)
{
    arena_sums *all = context;
    size_t i = 0;
    while (i < all->count && strcmp(all->sums[i].name, usage->name) != 0)
        i++;
    if (i == MR_PROCESS_ARENAS_MAX) {
        all->other_bytes += usage->held_bytes;
        return;
    }
    if (i == all->count) {
        all->sums[i].name = usage->name;
        all->sums[i].held_bytes = 0;
        all->count++;
    }
    all->sums[i].held_bytes += usage->held_bytes;
}

static mr_code collect_arenas(MR_UNUSED void *context, mr_metrics_sink *sink, mr_error *err)
{
    arena_sums all = {0};
    mr_arena_each(add_arena, &all);
    for (size_t i = 0; i < all.count; i++) {
        const mr_slice name = mr_slice_text(all.sums[i].name);
        MR_TRY(mr_metrics_emit_u64(sink, &name, all.sums[i].held_bytes, err));
    }
    const mr_slice other = MR_SLICE("other");
    return all.other_bytes == 0 ? MR_OK : mr_metrics_emit_u64(sink, &other, all.other_bytes, err);
}

static mr_code declare_build_info(mr_metrics *metrics, mr_error *err)
{
    const mr_metric_decl decl = {
        .name = "millrace_build_info",
        .help = "The version of the program; always 1.",
        .type = MR_METRIC_GAUGE,
        .labels = {"version"},
    };
    const mr_slice version = mr_slice_text(MR_VERSION);
    mr_metric_family *family;
    mr_gauge *gauge;
    MR_TRY(mr_metrics_family(metrics, &decl, &family, err));
    MR_TRY(mr_metrics_gauge(family, &version, &gauge, err));
    mr_gauge_set(gauge, 1);
    return MR_OK;
}

mr_code mr_process_metrics(mr_metrics *metrics, mr_error *err)
{
    const mr_metric_decl arenas = {
        .name = "millrace_arena_bytes",
        .help = "Bytes that arenas of this name hold.",
        .type = MR_METRIC_GAUGE,
        .labels = {"arena"},
        .collect = collect_arenas,
    };
    mr_metric_family *family;
    MR_TRY(declare_build_info(metrics, err));
    MR_TRY(declare_rows(metrics, millrace_rows, MR_COUNT_OF(millrace_rows), err));
    return mr_metrics_family(metrics, &arenas, &family, err);
}

mr_code mr_process_standard_metrics(mr_metrics *metrics, mr_error *err)
{
    return declare_rows(metrics, standard_rows, MR_COUNT_OF(standard_rows), err);
}
