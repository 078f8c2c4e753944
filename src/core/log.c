/* SPDX-License-Identifier: MIT */
#include "core/log.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/gate.h"
#include "core/log_limit.h"

/* A pipe that polls writable takes this many bytes without blocking. */
#define PIECE_BYTES 4096
#define STUCK_MS    500
/* Lines are gathered while more of them wait: a system call for each costs more than the line. */
#define BATCH_BYTES 16384

/* As in core/mpsc.h, with the records in the cells. `turn` is kept less the cell's own number, so
 * that zeroed memory is an empty ring and logging works before anything was set up. */
typedef struct cell {
    atomic_uint turn;
    mr_log_record record;
} cell;

static_assert((MR_LOG_SLOTS & (MR_LOG_SLOTS - 1)) == 0, "indices wrap");

static cell cells[MR_LOG_SLOTS];
static atomic_uint claimed;   /* by producers */
static unsigned finished;     /* by the writer, who alone looks at it */
static atomic_uint producers; /* inside enqueue(); stop waits for them */
static atomic_bool running;
static atomic_bool stopping;
static atomic_int least_level = MR_LOG_INFO;
static mr_gate writer_gate; /* zeroed is ready */

static atomic_uint_least64_t written_total, dropped_total, suppressed_total;

/* What writes lines. Held by the writer while it works, and by callers only when no writer runs. */
static pthread_mutex_t sink_lock = PTHREAD_MUTEX_INITIALIZER;
static struct {
    pthread_t writer;
    int fd;
    bool opened; /* `fd` is ours; else standard error */
    bool json;
    bool stuck;    /* the last line had to wait in vain */
    bool mid_line; /* a line was cut off by the sink */
    uint64_t dropped_told;
    mr_log_limit limit;
    size_t batch_len;
    char batch[BATCH_BYTES + MR_LOG_LINE_MAX]; /* lines that are not written yet */
} sink;

/* --- the sink
 * ------------------------------------------------------------------------------------- */

/* Waits for room, but not again and again for a sink that is stuck. */
static bool sink_has_room(int fd)
{
    if (fd < 0) return false;
    struct pollfd room = {.fd = fd, .events = POLLOUT};
    const int rc = poll(&room, 1, sink.stuck ? 0 : STUCK_MS);
    sink.stuck = rc <= 0;
    return rc > 0;
}

/* Returns how many bytes were written. */
static size_t write_all(int fd, const char *bytes, size_t len)
{
    size_t at = 0;
    while (at < len && sink_has_room(fd)) {
        const ssize_t count =
            write(fd, bytes + at, len - at < PIECE_BYTES ? len - at : PIECE_BYTES);
        if (count < 0 && (errno == EINTR || errno == EAGAIN)) continue;
        if (count < 0) break;
        at += (size_t)count;
        sink.mid_line = bytes[at - 1] != '\n';
    }
    return at;
}

/* A reader that went away must not kill us: SIGPIPE is held back for this thread and taken if ours.
 */
static size_t write_quietly(const char *bytes, size_t len)
{
    const int fd = sink.opened ? sink.fd : STDERR_FILENO;
    sigset_t pipe_only, before, pending;
    sigemptyset(&pipe_only);
    sigaddset(&pipe_only, SIGPIPE);
    sigpending(&pending);
    pthread_sigmask(SIG_BLOCK, &pipe_only, &before);
    const size_t written = write_all(fd, bytes, len);
    if (written < len && errno == EPIPE && sigismember(&pending, SIGPIPE) == 0)
        while (sigtimedwait(&pipe_only, NULL, &(struct timespec){0}) < 0 && errno == EINTR)
            continue;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return written;
}

/* A line that was cut off is ended before the next one. */
static bool end_cut_line(void)
{
    return !sink.mid_line || write_quietly("\n", 1) == 1;
}

static uint64_t count_lines(const char *bytes, size_t len)
{
    uint64_t count = 0;
    for (size_t i = 0; i < len; i++)
        count += bytes[i] == '\n';
    return count;
}

/* Writes the gathered lines and counts what became of them. */
static void flush_batch(void)
{
    if (sink.batch_len == 0) return;
    const size_t len = end_cut_line() ? write_quietly(sink.batch, sink.batch_len) : 0;
    const uint64_t whole = count_lines(sink.batch, len);
    const uint64_t all = count_lines(sink.batch, sink.batch_len);
    atomic_fetch_add_explicit(&written_total, whole, memory_order_relaxed);
    atomic_fetch_add_explicit(&dropped_total, all - whole, memory_order_relaxed);
    sink.batch_len = 0;
}

static void write_record(MR_UNUSED void *context, const mr_log_record *record)
{
    if (sink.batch_len > BATCH_BYTES) flush_batch();
    sink.batch_len += mr_log_line(sink.batch + sink.batch_len, record, sink.json);
}

static void handle_record(const mr_log_record *record)
{
    if (mr_log_limit_admit(&sink.limit, record, mr_clock_ns(), write_record, NULL))
        write_record(NULL, record);
    else
        atomic_fetch_add_explicit(&suppressed_total, 1, memory_order_relaxed);
}

MR_PRINTF(2, 3) static void fill_own(mr_log_record *record, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    mr_log_record_fill(record, MR_LOG_WARN, "log", NULL, 0, format, args);
    va_end(args);
}

/* Says how many lines were lost since that was said last; the batch has been written. */
static void tell_dropped(void)
{
    const uint64_t dropped = atomic_load_explicit(&dropped_total, memory_order_relaxed);
    if (dropped == sink.dropped_told) return;
    mr_log_record record;
    fill_own(&record, "%llu lines were dropped: they came faster than they could be written",
             (unsigned long long)(dropped - sink.dropped_told));
    const size_t len = mr_log_line(sink.batch, &record, sink.json);
    if (end_cut_line() && write_quietly(sink.batch, len) == len) sink.dropped_told = dropped;
}

/* --- the ring
 * ------------------------------------------------------------------------------------- */

/* A cell to fill, or NULL when all are taken. */
static cell *claim_cell(unsigned *out_index)
{
    unsigned index = atomic_load_explicit(&claimed, memory_order_relaxed);
    for (;;) {
        const unsigned number = index % MR_LOG_SLOTS;
        /* With the release in take_records(): the old record has been read. */
        const unsigned turn =
            atomic_load_explicit(&cells[number].turn, memory_order_acquire) + number;
        if ((int)(turn - index) < 0) return NULL;
        if (turn != index) {
            index = atomic_load_explicit(&claimed, memory_order_relaxed);
        } else if (atomic_compare_exchange_weak_explicit(
                       &claimed, &index, index + 1, memory_order_relaxed, memory_order_relaxed)) {
            *out_index = index;
            return &cells[number];
        }
    }
}

typedef struct event {
    mr_log_level level;
    const char *component;
    const mr_log_field *fields;
    size_t field_count;
} event;

MR_PRINTF(3, 0)
static void fill_record(mr_log_record *record, const event *from, const char *format, va_list args)
{
    mr_log_record_fill(record, from->level, from->component, from->fields, from->field_count,
                       format, args);
}

/* False, with nothing done, when no writer runs. `producers` goes up before `running` is read, and
 * mr_log_stop() clears `running` before it reads `producers` (both sequentially consistent): either
 * we see that it stops or it waits for us. */
MR_PRINTF(2, 0) static bool enqueue(const event *from, const char *format, va_list args)
{
    atomic_fetch_add(&producers, 1);
    const bool runs = atomic_load(&running);
    if (runs) {
        unsigned index;
        cell *mine = claim_cell(&index);
        if (mine != NULL) {
            fill_record(&mine->record, from, format, args);
            atomic_store_explicit(&mine->turn, index + 1 - index % MR_LOG_SLOTS,
                                  memory_order_release);
            mr_gate_signal(&writer_gate);
        } else {
            atomic_fetch_add_explicit(&dropped_total, 1, memory_order_relaxed);
        }
    }
    atomic_fetch_sub(&producers, 1);
    return runs;
}

/* Writes what is there, at most a ringful; returns how many records. */
static unsigned take_records(void)
{
    unsigned count = 0;
    for (; count < MR_LOG_SLOTS; count++) {
        const unsigned index = finished, number = index % MR_LOG_SLOTS;
        cell *next = &cells[number];
        if (atomic_load_explicit(&next->turn, memory_order_acquire) + number != index + 1) break;
        handle_record(&next->record);
        atomic_store_explicit(&next->turn, index + MR_LOG_SLOTS - number, memory_order_release);
        finished = index + 1;
    }
    return count;
}

static void *run_writer(MR_UNUSED void *argument)
{
    for (;;) {
        const uint64_t key = mr_gate_key(&writer_gate);
        const bool last = atomic_load_explicit(&stopping, memory_order_acquire);
        pthread_mutex_lock(&sink_lock);
        const unsigned count = take_records();
        mr_log_limit_sweep(&sink.limit, mr_clock_ns(), false, write_record, NULL);
        flush_batch();
        tell_dropped();
        const bool pending = sink.limit.pending > 0;
        pthread_mutex_unlock(&sink_lock);
        if (count > 0) continue;
        if (last) return NULL;
        mr_gate_wait(&writer_gate, key, pending ? MR_NS_PER_S / 4 : -1);
    }
}

/* --- starting and stopping
 * ------------------------------------------------------------------------ */

static mr_code open_sink(const mr_log_options *options, mr_error *err)
{
    const char *path = options->path;
    if (path != NULL) {
        sink.fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0640);
        if (sink.fd < 0) return mr_fail_errno(err, errno, "log file '%s' cannot be opened", path);
    } else {
        /* A copy, lest another file takes the number of a closed one. -1 loses all
         * lines. */
        const int from = options->to_stdout ? STDOUT_FILENO : STDERR_FILENO;
        sink.fd = fcntl(from, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
    }
    sink.opened = true;
    sink.stuck = false;
    sink.mid_line = false;
    return MR_OK;
}

static void close_sink(void)
{
    if (sink.opened && sink.fd >= 0) close(sink.fd);
    sink.opened = false;
    sink.json = false;
    sink.stuck = false;
    sink.mid_line = false;
}

/* The writer takes no signals: they are for the main thread. */
static int start_writer(void)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    const int rc = pthread_create(&sink.writer, NULL, run_writer, NULL);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return rc;
}

static mr_code start_locked(const mr_log_options *options, mr_error *err)
{
    if (atomic_load(&running)) return mr_fail(err, MR_ERR_CONFLICT, "the log is started already");
    MR_TRY(open_sink(options, err));
    sink.json = options->json;
    mr_log_set_level(options->level);
    atomic_store(&stopping, false);
    const int rc = start_writer();
    if (rc != 0) {
        close_sink();
        return mr_fail_errno(err, rc, "the log's thread cannot be started");
    }
    atomic_store(&running, true);
    return MR_OK;
}

mr_code mr_log_start(const mr_log_options *options, mr_error *err)
{
    pthread_mutex_lock(&sink_lock);
    const mr_code rc = start_locked(options, err);
    pthread_mutex_unlock(&sink_lock);
    return rc;
}

void mr_log_stop(void)
{
    if (atomic_exchange(&running, false)) {
        while (atomic_load(&producers) != 0)
            sched_yield(); /* they format, and no more can come */
        atomic_store_explicit(&stopping, true, memory_order_release);
        mr_gate_signal(&writer_gate);
        pthread_join(sink.writer, NULL);
    }
    pthread_mutex_lock(&sink_lock);
    mr_log_limit_sweep(&sink.limit, mr_clock_ns(), true, write_record, NULL);
    flush_batch();
    tell_dropped();
    close_sink();
    pthread_mutex_unlock(&sink_lock);
}

/* --- logging
 * -------------------------------------------------------------------------------------- */

MR_PRINTF(2, 0) static void write_directly(const event *from, const char *format, va_list args)
{
    mr_log_record record;
    fill_record(&record, from, format, args);
    pthread_mutex_lock(&sink_lock);
    mr_log_limit_sweep(&sink.limit, mr_clock_ns(), false, write_record, NULL);
    handle_record(&record);
    flush_batch();
    pthread_mutex_unlock(&sink_lock);
}

void mr_log(mr_log_level level, const char *component, const char *format, ...)
{
    if (!mr_log_enabled(level)) return;
    const event from = {level, component, NULL, 0};
    va_list args;
    va_start(args, format);
    if (!enqueue(&from, format, args)) write_directly(&from, format, args);
    va_end(args);
}

void mr_log_with(mr_log_level level, const char *component, const mr_log_field *fields,
                 size_t field_count, const char *format, ...)
{
    if (!mr_log_enabled(level)) return;
    const event from = {level, component, fields, field_count};
    va_list args;
    va_start(args, format);
    if (!enqueue(&from, format, args)) write_directly(&from, format, args);
    va_end(args);
}

void mr_log_set_level(mr_log_level level)
{
    atomic_store_explicit(&least_level, (int)level, memory_order_relaxed);
}

bool mr_log_enabled(mr_log_level level)
{
    return (int)level >= atomic_load_explicit(&least_level, memory_order_relaxed);
}

static const char *const level_names[] = {[MR_LOG_TRACE] = "trace",
                                          [MR_LOG_DEBUG] = "debug",
                                          [MR_LOG_INFO] = "info",
                                          [MR_LOG_WARN] = "warn",
                                          [MR_LOG_ERROR] = "error"};

const char *mr_log_level_name(mr_log_level level)
{
    return level_names[level];
}

bool mr_log_parse_level(mr_slice name, mr_log_level *out)
{
    for (size_t i = 0; i < MR_COUNT_OF(level_names); i++) {
        if (!mr_slice_is(name, level_names[i])) continue;
        *out = (mr_log_level)i;
        return true;
    }
    return false;
}

mr_log_stats mr_log_stats_now(void)
{
    return (mr_log_stats){atomic_load_explicit(&written_total, memory_order_relaxed),
                          atomic_load_explicit(&dropped_total, memory_order_relaxed),
                          atomic_load_explicit(&suppressed_total, memory_order_relaxed)};
}
