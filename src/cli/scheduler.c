/* SPDX-License-Identifier: MIT */
#include "cli/scheduler.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/exit.h"
#include "core/clock.h"
#include "core/file.h"
#include "core/json.h"
#include "core/log.h"
#include "core/mem.h"

#define LINE_MAX_BYTES 2048 /* of what a run says; a longer line is cut */
#define SUMMARY_MAX    (16u << 10)
#define ERROR_MAX      512
#define LONGEST_NAP_MS 20000 /* the wall clock may be set */
#define NICENESS       5     /* of runs: the server goes first */
#define STATE_NAME     "pipelines.state"
#define STATE_MAX      ((size_t)64 << 10)
#define PAGE_MAX       ((size_t)4 << 20)

enum { FD_EXIT, FD_OUT, FD_ERR, FDS };

typedef struct job {
    const mr_serve_pipeline *pipeline;
    int64_t due_ns;  /* wall */
    int64_t last_ns; /* wall: when a run was begun; 0 = never */
    bool queued;
    bool killed;
    pid_t pid; /* 0 = not running */
    int fds[FDS];
    int64_t began_ns; /* mr_clock_ns() */
    char line[2][LINE_MAX_BYTES];
    size_t line_len[2];
    char summary[SUMMARY_MAX]; /* of the run that ended last; empty = none */
    char error[ERROR_MAX];
    char next_summary[SUMMARY_MAX], next_error[ERROR_MAX]; /* of the one that runs */
    uint64_t runs, failures, skipped;
    int exit_code; /* of the last one; -1 = none yet */
    int64_t last_duration_ns, last_end_ns, last_success_ns;
    mr_counter *good, *bad, *left_out;
    mr_gauge *running, *code, *success, *duration, *next;
} job;

struct mr_scheduler {
    job *jobs;
    uint32_t count;
    const char *data_dir;
    pthread_mutex_t lock; /* guards the jobs against the page */
    pthread_t thread;
    bool started;
    atomic_bool stopping;
    atomic_llong kill_at_ns;
    int wake;
};

/* --- what is kept --------------------------------------------------------------------------------
 */

static bool state_path(const mr_scheduler *s, char *out, size_t size)
{
    if (s->data_dir == NULL) return false;
    const int len = snprintf(out, size, "%s/" STATE_NAME, s->data_dir);
    return len > 0 && (size_t)len < size;
}

/* "1714557600000000000 name" on each line; what cannot be read is none. */
static void read_state(mr_scheduler *s)
{
    char path[MR_FILE_PATH_MAX], line[MR_SERVE_PIPELINE_NAME_MAX + 32];
    if (!state_path(s, path, sizeof path)) return;
    FILE *file = fopen(path, "re");
    while (file != NULL && fgets(line, sizeof line, file) != NULL) {
        char *end;
        const long long at = strtoll(line, &end, 10);
        if (*end != ' ') continue;
        end[strcspn(end, "\n")] = 0;
        for (uint32_t i = 0; i < s->count; i++)
            if (strcmp(s->jobs[i].pipeline->name, end + 1) == 0) s->jobs[i].last_ns = at;
    }
    if (file != NULL) fclose(file);
}

static mr_code write_lines(const mr_scheduler *s, mr_file *file, mr_error *err)
{
    char line[MR_SERVE_PIPELINE_NAME_MAX + 32];
    for (uint32_t i = 0; i < s->count; i++) {
        const job *j = &s->jobs[i];
        if (j->last_ns == 0) continue;
        const int len =
            snprintf(line, sizeof line, "%lld %s\n", (long long)j->last_ns, j->pipeline->name);
        MR_TRY(mr_file_write(file, mr_slice_of(line, (size_t)len), err));
    }
    return mr_file_replace(file, err);
}

static void write_state(const mr_scheduler *s)
{
    char path[MR_FILE_PATH_MAX];
    mr_error err;
    mr_file file = {0};
    if (!state_path(s, path, sizeof path)) return;
    mr_code rc = mr_file_create_beside(&file, path, &err);
    if (rc == MR_OK) rc = write_lines(s, &file, &err);
    mr_file_close(&file);
    if (rc != MR_OK) mr_log(MR_LOG_WARN, "pipelines", "%s", err.text);
}

/* --- a run
 * ---------------------------------------------------------------------------------------- */

static void say(const job *j, mr_log_level level, const char *text, size_t len)
{
    const mr_log_field field = MR_LOG_TEXT("pipeline", mr_slice_text(j->pipeline->name));
    mr_log_with(level, "pipelines", &field, 1, "%.*s", (int)len, text);
}

/* In the child, where little is allowed; does not return. */
static void become_run(int out, int err, char *const argv[])
{
    struct sigaction usual = {.sa_handler = SIG_DFL};
    const int null = open("/dev/null", O_RDONLY);
    sigset_t none;
    sigemptyset(&none);
    for (int number = 1; number < NSIG; number++)
        sigaction(number, &usual, NULL);
    sigprocmask(SIG_SETMASK, &none, NULL);
    prctl(PR_SET_PDEATHSIG, SIGTERM); /* a server that was killed leaves no run behind */
    if (null < 0 || dup2(null, 0) < 0 || dup2(out, 1) < 0 || dup2(err, 2) < 0) _exit(127);
    if (setpriority(PRIO_PROCESS, 0, NICENESS) != 0) { /* then not */
    }
    execv("/proc/self/exe", argv);
    _exit(127);
}

/* A descriptor that the child inherits, with the text of an inline pipeline. */
static int open_content(const job *j)
{
    const char *text = j->pipeline->content;
    const int fd = memfd_create("pipeline", 0);
    if (fd < 0 || write(fd, text, strlen(text)) == (ssize_t)strlen(text)) return fd;
    close(fd);
    return -1;
}

static bool spawn(job *j, int out[2], int err[2])
{
    char path[32];
    const int content = j->pipeline->file == NULL ? open_content(j) : -1;
    snprintf(path, sizeof path, "/proc/self/fd/%d", content);
    if (j->pipeline->file == NULL && content < 0) return false;
    const char *const file = j->pipeline->file != NULL ? j->pipeline->file : path;
    char *const argv[] = {(char[]){"millrace"},    (char[]){"run"},
                          (char *)(uintptr_t)file, (char[]){"--summary"},
                          (char[]){"json"},        (char[]){"--progress"},
                          (char[]){"off"},         NULL};
    j->pid = fork();
    if (j->pid == 0) become_run(out[1], err[1], argv);
    if (content >= 0) close(content);
    if (j->pid < 0) j->pid = 0;
    if (j->pid > 0) j->fds[FD_EXIT] = pidfd_open(j->pid, 0);
    return j->pid > 0;
}

static void close_fd(int *fd)
{
    if (*fd >= 0) close(*fd);
    *fd = -1;
}

static bool begin(job *j)
{
    int out[2] = {-1, -1}, err[2] = {-1, -1};
    const bool good =
        pipe2(out, O_CLOEXEC) == 0 && pipe2(err, O_CLOEXEC) == 0 && spawn(j, out, err);
    close_fd(&out[1]);
    close_fd(&err[1]);
    j->fds[FD_OUT] = out[0];
    j->fds[FD_ERR] = err[0];
    if (good) {
        fcntl(out[0], F_SETFL, O_NONBLOCK);
        fcntl(err[0], F_SETFL, O_NONBLOCK);
    }
    return good;
}

static void start_run(mr_scheduler *s, job *j, const char *why)
{
    pthread_mutex_lock(&s->lock);
    j->last_ns = mr_clock_wall_ns();
    j->began_ns = mr_clock_ns();
    j->queued = j->killed = false;
    j->line_len[0] = j->line_len[1] = 0;
    j->next_summary[0] = j->next_error[0] = 0;
    j->due_ns = mr_schedule_next(&j->pipeline->schedule, j->last_ns);
    const bool good = begin(j);
    if (!good) {
        j->failures++;
        snprintf(j->error, sizeof j->error, "a process cannot be started: %s", strerror(errno));
        close_fd(&j->fds[FD_OUT]);
        close_fd(&j->fds[FD_ERR]);
        mr_counter_add(j->bad, 1);
    }
    mr_gauge_set(j->running, good);
    mr_gauge_set(j->next, j->due_ns / MR_NS_PER_S);
    pthread_mutex_unlock(&s->lock);
    say(j, good ? MR_LOG_INFO : MR_LOG_ERROR, good ? why : j->error, strlen(good ? why : j->error));
    write_state(s);
}

/* --- what it says
 * ----------------------------------------------------------------------------------- */

static void copy_text(char *to, size_t size, const char *text, size_t len)
{
    if (len >= size) len = size - 1;
    memcpy(to, text, len);
    to[len] = 0;
}

static void take_line(job *j, const char *line, size_t len)
{
    static const char prefix[] = "millrace: ";
    if (len == 0) return;
    const bool fault = len > strlen(prefix) && memcmp(line, prefix, strlen(prefix)) == 0;
    if (fault)
        copy_text(j->next_error, sizeof j->next_error, line + strlen(prefix), len - strlen(prefix));
    say(j, fault ? MR_LOG_ERROR : MR_LOG_INFO, line, len);
}

/* Standard error is what a person would read; the last line of standard output is the summary. */
static void take_bytes(job *j, bool is_error, const char *bytes, size_t len)
{
    char *const line = is_error ? j->line[1] : j->next_summary;
    const size_t room = is_error ? LINE_MAX_BYTES : SUMMARY_MAX;
    size_t *const at = &j->line_len[is_error];
    for (size_t i = 0; i < len; i++) {
        if (bytes[i] != '\n') {
            if (*at + 1 < room) line[(*at)++] = bytes[i];
            continue;
        }
        line[*at] = 0;
        if (is_error) take_line(j, line, *at);
        if (!is_error && (line[0] != '{' || line[*at - 1] != '}')) line[0] = 0;
        *at = 0;
    }
}

static void drain(mr_scheduler *s, job *j, int which)
{
    char bytes[4096];
    for (;;) {
        const ssize_t got = read(j->fds[which], bytes, sizeof bytes);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0 && errno == EAGAIN) return;
        if (got <= 0) break;
        pthread_mutex_lock(&s->lock);
        take_bytes(j, which == FD_ERR, bytes, (size_t)got);
        pthread_mutex_unlock(&s->lock);
    }
    close_fd(&j->fds[which]);
}

/* --- how it ends
 * ------------------------------------------------------------------------------------ */

static void count_end(job *j, int status)
{
    const int64_t now = mr_clock_ns(), wall = mr_clock_wall_ns();
    const int code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    const bool good = code == MR_EXIT_OK || code == MR_EXIT_REJECTS;
    j->pid = 0;
    j->exit_code = code;
    j->runs++;
    j->failures += !good;
    j->last_duration_ns = now - j->began_ns;
    j->last_end_ns = wall;
    if (good) j->last_success_ns = wall;
    memcpy(j->summary, j->next_summary, sizeof j->summary);
    memcpy(j->error, j->next_error, sizeof j->error);
    if (!good && j->error[0] == 0)
        snprintf(j->error, sizeof j->error,
                 WIFSIGNALED(status) ? "ended by signal %d" : "ended with code %d",
                 WIFSIGNALED(status) ? WTERMSIG(status) : code);
    mr_counter_add(good ? j->good : j->bad, 1);
    mr_gauge_set(j->running, 0);
    mr_gauge_set(j->code, code);
    mr_gauge_set(j->duration, j->last_duration_ns);
    if (good) mr_gauge_set(j->success, wall / MR_NS_PER_S);
}

static void end_run(mr_scheduler *s, job *j)
{
    int status = 0;
    char text[128];
    if (waitpid(j->pid, &status, WNOHANG) != j->pid) return;
    for (int which = FD_OUT; which <= FD_ERR; which++)
        if (j->fds[which] >= 0) drain(s, j, which);
    for (int which = 0; which < FDS; which++)
        close_fd(&j->fds[which]);
    pthread_mutex_lock(&s->lock);
    count_end(j, status);
    pthread_mutex_unlock(&s->lock);
    const bool good = j->exit_code == MR_EXIT_OK || j->exit_code == MR_EXIT_REJECTS;
    const int len = snprintf(text, sizeof text, "ended with code %d after %.3f s", j->exit_code,
                             (double)j->last_duration_ns / (double)MR_NS_PER_S);
    say(j, good ? MR_LOG_INFO : MR_LOG_ERROR, text, (size_t)len);
}

/* --- the thread
 * ------------------------------------------------------------------------------------- */

static void skip(mr_scheduler *s, job *j, int64_t now)
{
    static const char left_out[] = "due while it runs: left out",
                      queued[] = "due while it runs: comes next";
    const bool queues = j->pipeline->queues;
    pthread_mutex_lock(&s->lock);
    j->due_ns = mr_schedule_next(&j->pipeline->schedule, now);
    if (queues)
        j->queued = true;
    else
        j->skipped++;
    if (!queues) mr_counter_add(j->left_out, 1);
    mr_gauge_set(j->next, j->due_ns / MR_NS_PER_S);
    pthread_mutex_unlock(&s->lock);
    say(j, MR_LOG_INFO, queues ? queued : left_out,
        queues ? sizeof queued - 1 : sizeof left_out - 1);
}

static void look_at_clock(mr_scheduler *s)
{
    const int64_t now = mr_clock_wall_ns();
    for (uint32_t i = 0; i < s->count; i++) {
        job *j = &s->jobs[i];
        if (j->pid == 0 && j->queued)
            start_run(s, j, "begins: it was due while the one before ran");
        else if (j->due_ns <= now && j->pid == 0)
            start_run(s, j, "begins");
        else if (j->due_ns <= now)
            skip(s, j, now);
    }
}

static int nap_ms(const mr_scheduler *s)
{
    const int64_t now = mr_clock_wall_ns();
    int64_t nap = LONGEST_NAP_MS;
    for (uint32_t i = 0; i < s->count; i++) {
        const int64_t left = (s->jobs[i].due_ns - now) / MR_NS_PER_MS + 1;
        if (left < nap) nap = left;
    }
    return nap < 1 ? 1 : (int)nap;
}

static void wait_for_news(mr_scheduler *s, int timeout_ms)
{
    struct pollfd fds[MR_SERVE_PIPELINES_MAX * FDS + 1];
    uint32_t count = 0;
    uint64_t ignored;
    fds[count++] = (struct pollfd){.fd = s->wake, .events = POLLIN};
    for (uint32_t i = 0; i < s->count; i++)
        for (int which = 0; which < FDS; which++)
            fds[count++] = (struct pollfd){.fd = s->jobs[i].fds[which], .events = POLLIN};
    if (poll(fds, count, timeout_ms) <= 0) return;
    if (fds[0].revents != 0 && read(s->wake, &ignored, sizeof ignored) < 0) return;
    for (uint32_t i = 0; i < s->count; i++) {
        job *j = &s->jobs[i];
        for (int which = FD_OUT; which <= FD_ERR; which++)
            if (fds[1 + i * FDS + (uint32_t)which].revents != 0) drain(s, j, which);
        if (fds[1 + i * FDS].revents != 0) end_run(s, j);
    }
}

static uint32_t signal_all(mr_scheduler *s, int number)
{
    uint32_t running = 0;
    for (uint32_t i = 0; i < s->count; i++) {
        if (s->jobs[i].pid == 0) continue;
        running++;
        if (number != 0) kill(s->jobs[i].pid, number);
    }
    return running;
}

static void wind_up(mr_scheduler *s)
{
    signal_all(s, SIGTERM);
    while (signal_all(s, 0) > 0) {
        const int64_t left = atomic_load(&s->kill_at_ns) - mr_clock_ns();
        if (left <= 0) signal_all(s, SIGKILL);
        wait_for_news(s,
                      left <= 0 ? 100 : (int)mr_min_u64((uint64_t)left / MR_NS_PER_MS + 1, 1000));
    }
}

static void *scheduler_main(void *context)
{
    mr_scheduler *s = context;
    while (!atomic_load(&s->stopping)) {
        look_at_clock(s);
        wait_for_news(s, nap_ms(s));
    }
    wind_up(s);
    return NULL;
}

/* --- opening and closing
 * ----------------------------------------------------------------------------- */

static void plan_first(job *j, int64_t now)
{
    const int64_t missed =
        j->last_ns > 0 ? mr_schedule_next(&j->pipeline->schedule, j->last_ns) : INT64_MAX;
    j->due_ns = mr_schedule_next(&j->pipeline->schedule, now);
    if (missed > now && missed < j->due_ns) j->due_ns = missed; /* an interval that goes on */
    if (missed <= now || j->pipeline->on_start) j->due_ns = now;
}

mr_code mr_scheduler_open(const mr_serve_pipelines *pipelines, const char *data_dir,
                          mr_scheduler **out, mr_error *err)
{
    mr_scheduler *s = mr_mem_zalloc(sizeof *s);
    *out = s;
    if (s == NULL) return mr_fail(err, MR_ERR_NOMEM, "no memory left for the schedule");
    pthread_mutex_init(&s->lock, NULL);
    s->wake = -1;
    s->data_dir = data_dir;
    s->jobs = mr_mem_zalloc(sizeof *s->jobs * (pipelines->count + 1));
    if (s->jobs == NULL) return mr_fail(err, MR_ERR_NOMEM, "no memory left for the schedule");
    s->count = pipelines->count;
    for (uint32_t i = 0; i < s->count; i++) {
        s->jobs[i].pipeline = &pipelines->items[i];
        s->jobs[i].exit_code = -1;
        for (int which = 0; which < FDS; which++)
            s->jobs[i].fds[which] = -1;
    }
    s->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    return s->wake >= 0 ? MR_OK : mr_fail_errno(err, errno, "the schedule");
}

typedef struct families {
    mr_metric_family *runs, *left_out, *running, *code, *success, *duration, *next;
} families;

static mr_code declare(mr_metrics *m, families *f, mr_error *err)
{
    const struct {
        mr_metric_decl decl;
        mr_metric_family **out;
    } all[] = {
        {{.name = "millrace_pipeline_runs_total",
          .help = "Runs of scheduled pipelines that ended.",
          .type = MR_METRIC_COUNTER,
          .labels = {"pipeline", "result"}},
         &f->runs},
        {{.name = "millrace_pipeline_runs_skipped_total",
          .help = "Runs left out because the one before was not over.",
          .type = MR_METRIC_COUNTER,
          .labels = {"pipeline"}},
         &f->left_out},
        {{.name = "millrace_pipeline_running",
          .help = "Whether the pipeline runs now.",
          .type = MR_METRIC_GAUGE,
          .labels = {"pipeline"}},
         &f->running},
        {{.name = "millrace_pipeline_last_exit_code",
          .help = "Exit code of the last run.",
          .type = MR_METRIC_GAUGE,
          .labels = {"pipeline"}},
         &f->code},
        {{.name = "millrace_pipeline_last_success_timestamp_seconds",
          .help = "When a run last ended well; 0 is never since the start.",
          .type = MR_METRIC_GAUGE,
          .labels = {"pipeline"}},
         &f->success},
        {{.name = "millrace_pipeline_last_duration_seconds",
          .help = "How long the last run took.",
          .type = MR_METRIC_GAUGE,
          .decimals = 9,
          .labels = {"pipeline"}},
         &f->duration},
        {{.name = "millrace_pipeline_next_run_timestamp_seconds",
          .help = "When it is due next.",
          .type = MR_METRIC_GAUGE,
          .labels = {"pipeline"}},
         &f->next},
    };
    for (size_t i = 0; i < MR_COUNT_OF(all); i++)
        MR_TRY(mr_metrics_family(m, &all[i].decl, all[i].out, err));
    return MR_OK;
}

static mr_code make_series(job *j, const families *f, mr_error *err)
{
    const mr_slice name = mr_slice_text(j->pipeline->name);
    const mr_slice good[] = {name, MR_SLICE("ok")}, bad[] = {name, MR_SLICE("failed")};
    MR_TRY(mr_metrics_counter(f->runs, good, &j->good, err));
    MR_TRY(mr_metrics_counter(f->runs, bad, &j->bad, err));
    MR_TRY(mr_metrics_counter(f->left_out, &name, &j->left_out, err));
    MR_TRY(mr_metrics_gauge(f->running, &name, &j->running, err));
    MR_TRY(mr_metrics_gauge(f->code, &name, &j->code, err));
    MR_TRY(mr_metrics_gauge(f->success, &name, &j->success, err));
    MR_TRY(mr_metrics_gauge(f->duration, &name, &j->duration, err));
    return mr_metrics_gauge(f->next, &name, &j->next, err);
}

static mr_code plan(mr_scheduler *s, const families *f, mr_error *err)
{
    const int64_t now = mr_clock_wall_ns();
    read_state(s);
    for (uint32_t i = 0; i < s->count; i++) {
        MR_TRY(make_series(&s->jobs[i], f, err));
        plan_first(&s->jobs[i], now);
        mr_gauge_set(s->jobs[i].next, s->jobs[i].due_ns / MR_NS_PER_S);
    }
    return MR_OK;
}

mr_code mr_scheduler_start(mr_scheduler *s, mr_metrics *metrics, mr_error *err)
{
    families f;
    MR_TRY(declare(metrics, &f, err));
    pthread_mutex_lock(&s->lock); /* the page is served already */
    const mr_code rc = plan(s, &f, err);
    pthread_mutex_unlock(&s->lock);
    MR_TRY(rc);
    if (pthread_create(&s->thread, NULL, scheduler_main, s) != 0)
        return mr_fail(err, MR_ERR_IO, "the thread of the schedule cannot be started");
    s->started = true;
    return MR_OK;
}

void mr_scheduler_stop(mr_scheduler *s, uint32_t grace_ms)
{
    const uint64_t one = 1;
    if (s == NULL || !s->started) return;
    atomic_store(&s->kill_at_ns, mr_clock_ns() + (int64_t)grace_ms * MR_NS_PER_MS);
    atomic_store(&s->stopping, true);
    if (write(s->wake, &one, sizeof one) < 0) mr_log(MR_LOG_WARN, "pipelines", "a slow stop");
    pthread_join(s->thread, NULL);
    s->started = false;
}

void mr_scheduler_close(mr_scheduler *s)
{
    if (s == NULL) return;
    mr_scheduler_stop(s, 0);
    close_fd(&s->wake);
    pthread_mutex_destroy(&s->lock);
    mr_mem_free(s->jobs);
    mr_mem_free(s);
}

/* --- the page
 * ---------------------------------------------------------------------------------------- */

static void put_time(mr_json_out *json, const char *key, int64_t wall_ns)
{
    char time[MR_TIME_TEXT_MAX];
    mr_json_key(json, key);
    if (wall_ns <= 0 || wall_ns == INT64_MAX)
        mr_json_null(json);
    else
        mr_json_text(json, mr_slice_of(time, mr_format_wall(time, wall_ns, 3)));
}

static void put_job(mr_json_out *json, const job *j)
{
    mr_json_open(json, '{');
    mr_json_key(json, "name"), mr_json_text(json, mr_slice_text(j->pipeline->name));
    mr_json_key(json, "file");
    j->pipeline->file != NULL ? mr_json_text(json, mr_slice_text(j->pipeline->file))
                              : mr_json_null(json);
    mr_json_key(json, "schedule"), mr_json_text(json, mr_slice_text(j->pipeline->when));
    mr_json_key(json, "running"), mr_json_bool(json, j->pid != 0);
    mr_json_key(json, "queued"), mr_json_bool(json, j->queued);
    put_time(json, "next", j->due_ns);
    put_time(json, "last_start", j->last_ns);
    put_time(json, "last_end", j->last_end_ns);
    mr_json_key(json, "runs"), mr_json_u64(json, j->runs);
    mr_json_key(json, "failures"), mr_json_u64(json, j->failures);
    mr_json_key(json, "skipped"), mr_json_u64(json, j->skipped);
    mr_json_key(json, "last_exit_code");
    j->exit_code >= 0 ? mr_json_i64(json, j->exit_code) : mr_json_null(json);
    mr_json_key(json, "last_error");
    j->error[0] != 0 ? mr_json_text(json, mr_slice_text(j->error)) : mr_json_null(json);
    mr_json_key(json, "last_summary");
    j->summary[0] != 0 ? mr_json_raw(json, mr_slice_text(j->summary)) : mr_json_null(json);
    mr_json_close(json, '}');
}

void mr_scheduler_page(mr_http_request *request, void *context)
{
    mr_scheduler *s = context;
    mr_buffer text;
    mr_buffer_init(&text, "the page of pipelines", PAGE_MAX);
    mr_json_out json = {.out = &text};
    mr_json_open(&json, '[');
    pthread_mutex_lock(&s->lock);
    for (uint32_t i = 0; i < s->count; i++)
        put_job(&json, &s->jobs[i]);
    pthread_mutex_unlock(&s->lock);
    mr_json_close(&json, ']');
    if (json.failed || mr_buffer_append_byte(&text, '\n', NULL) != MR_OK)
        mr_http_reply_error(request, 500, "INTERNAL", MR_SLICE("no memory left for the page"));
    else
        mr_http_reply(request, &(mr_http_response){.status = 200,
                                                   .content_type = MR_SLICE("application/json"),
                                                   .body = mr_buffer_slice(&text)});
    mr_buffer_done(&text);
}
