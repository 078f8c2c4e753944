/* SPDX-License-Identifier: MIT */
#include "pipeline/alert_watch.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/json.h"
#include "core/log.h"
#include "core/mem.h"
#include "http/client.h"
#include "metrics/process.h"

#define MIN_RATE_NS     (MR_NS_PER_S / 2) /* a rate over less says little */
#define COMMAND_NAP_NS  (20 * MR_NS_PER_MS)
#define OWN_VARIABLES   5
#define VARIABLE_BYTES  1024
#define BODY_BYTES_MAX  ((size_t)64 << 10)
#define REPLY_BYTES_MAX ((size_t)4 << 10)
#define UNKNOWN         ((double)NAN)

extern char **environ;

/* --- figures ---------------------------------------------------------------------------------- */

static double load(const atomic_uint_least64_t *counter)
{
    return (double)atomic_load_explicit(counter, memory_order_relaxed);
}

static double worse(const mr_run *run, size_t offset)
{
    double most = 0;
    const mr_guard *const guards[2] = {&run->source_guard, &run->destination_guard};
    for (int i = 0; i < 2; i++) {
        const char *const stats = (const char *)&guards[i]->stats + offset;
        most = fmax(most, load((const atomic_uint_least64_t *)(const void *)stats));
    }
    return most;
}

/* `last`: the run is over, and the rate is that of all of it. */
static double rate_now(mr_alert_watch *w, int64_t now, bool last)
{
    const uint64_t read = (uint64_t)load(&w->run->view.read);
    const double all = (double)(now - w->run->begun_ns) / MR_NS_PER_S;
    const double seconds = (double)(now - w->last_ns) / MR_NS_PER_S;
    const bool anew = read < w->last_read; /* the second pass counts from 0 */
    const double rate = last ? (double)read / fmax(all, 1e-9)
                             : (double)(read - (anew ? 0 : w->last_read)) / fmax(seconds, 1e-9);
    const bool known = last || now - w->last_ns >= MIN_RATE_NS;
    w->last_read = read;
    w->last_ns = now;
    return known ? rate : UNKNOWN;
}

static void take_figures(mr_alert_watch *w, int64_t now, bool last)
{
    mr_run *const run = w->run;
    const mr_histogram *const latency = &run->view.latency;
    const bool timed = mr_histogram_count(latency) > 0;
    mr_store_stats store;
    mr_process_sample process;
    uint64_t trims = 0, longest_trim_ns = 0;
    double *const v = w->values;
    mr_process_sample_now(&process);
    mr_mem_trims(&trims, &longest_trim_ns);
    v[MR_ALERT_THROUGHPUT] = rate_now(w, now, last);
    v[MR_ALERT_P50] = timed ? (double)mr_histogram_percentile(latency, 0.50) : UNKNOWN;
    v[MR_ALERT_P95] = timed ? (double)mr_histogram_percentile(latency, 0.95) : UNKNOWN;
    v[MR_ALERT_P99] = timed ? (double)mr_histogram_percentile(latency, 0.99) : UNKNOWN;
    v[MR_ALERT_BYTES_PER_RECORD] =
        mr_run_store_stats(run, &store) && store.records > 0 ? store.bytes_per_record : UNKNOWN;
    v[MR_ALERT_TRIM_STALL] = trims > 0 ? (double)longest_trim_ns : UNKNOWN;
    v[MR_ALERT_READ] = load(&run->view.read);
    v[MR_ALERT_WRITTEN] = load(&run->view.written);
    v[MR_ALERT_REJECTED] = load(&run->view.rejected);
    v[MR_ALERT_REJECTED_PERCENT] =
        v[MR_ALERT_READ] > 0 ? 100 * v[MR_ALERT_REJECTED] / v[MR_ALERT_READ] : UNKNOWN;
    v[MR_ALERT_MEMORY] = (double)mr_mem_stats_now().live_bytes;
    v[MR_ALERT_RSS] = (double)process.rss_bytes;
    v[MR_ALERT_RETRIES] =
        load(&run->source_guard.stats.retries) + load(&run->destination_guard.stats.retries);
    v[MR_ALERT_CIRCUIT] = worse(run, offsetof(mr_guard_stats, breaker));
    v[MR_ALERT_BACKPRESSURE] = atomic_load(&run->view.pressure.active) ? 1 : 0;
    v[MR_ALERT_RUNNING] = (double)(now - run->begun_ns);
}

/* --- commands --------------------------------------------------------------------------------- */

typedef struct event {
    const mr_alert *alert;
    bool firing;
    char value[32];
} event;

static void complain(const event *e, const char *what)
{
    mr_log(MR_LOG_WARN, "alert", "%s: %s", e->alert->name, what);
}

/* Waits, and kills it when its time is over. */
static void await(const event *e, pid_t child)
{
    const struct timespec nap = {0, COMMAND_NAP_NS};
    const int64_t until = mr_clock_real_ns() + MR_ALERT_WATCH_COMMAND_NS;
    int status = 0;
    char text[80];
    for (;;) {
        const pid_t done = waitpid(child, &status, WNOHANG);
        if (done == child) break;
        if (done < 0 && errno != EINTR) return;
        if (mr_clock_real_ns() > until) {
            kill(child, SIGKILL);
            (void)waitpid(child, &status, 0);
            complain(e, "the command was killed after 30 s");
            return;
        }
        nanosleep(&nap, NULL);
    }
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return;
    snprintf(text, sizeof text, "the command ended with %s %d",
             WIFEXITED(status) ? "code" : "signal",
             WIFEXITED(status) ? WEXITSTATUS(status) : WTERMSIG(status));
    complain(e, text);
}

/* Standard input is empty, and what it prints goes where warnings go, not among the data. We ignore
 * SIGPIPE, which a shell's pipes want. */
static int spawn_shell(const char *command, char **variables, pid_t *out)
{
    char shell[] = "sh", flag[] = "-c";
    char *const words[] = {shell, flag, (char *)(uintptr_t)command, NULL};
    posix_spawn_file_actions_t files;
    posix_spawnattr_t attributes;
    sigset_t pipe;
    sigemptyset(&pipe);
    sigaddset(&pipe, SIGPIPE);
    int rc = posix_spawn_file_actions_init(&files);
    if (rc != 0) return rc;
    rc = posix_spawnattr_init(&attributes);
    if (rc == 0) {
        rc = posix_spawn_file_actions_addopen(&files, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
        if (rc == 0) rc = posix_spawn_file_actions_adddup2(&files, STDERR_FILENO, STDOUT_FILENO);
        if (rc == 0) rc = posix_spawnattr_setsigdefault(&attributes, &pipe);
        if (rc == 0) rc = posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGDEF);
        if (rc == 0) rc = posix_spawn(out, "/bin/sh", &files, &attributes, words, variables);
        posix_spawnattr_destroy(&attributes);
    }
    posix_spawn_file_actions_destroy(&files);
    return rc;
}

static void run_command(const event *e)
{
    char own[OWN_VARIABLES][VARIABLE_BYTES];
    size_t count = 0;
    pid_t child;
    const mr_alert *const a = e->alert;
    while (environ[count] != NULL)
        count++;
    char **const variables = mr_mem_alloc(sizeof *variables * (count + OWN_VARIABLES + 1));
    if (variables == NULL) {
        complain(e, "no memory left for the command");
        return;
    }
    snprintf(own[0], VARIABLE_BYTES, "MILLRACE_ALERT_NAME=%s", a->name);
    snprintf(own[1], VARIABLE_BYTES, "MILLRACE_ALERT_SEVERITY=%s",
             mr_alert_severity_name(a->severity));
    snprintf(own[2], VARIABLE_BYTES, "MILLRACE_ALERT_CONDITION=%s", a->condition_text);
    snprintf(own[3], VARIABLE_BYTES, "MILLRACE_ALERT_VALUE=%s", e->value);
    snprintf(own[4], VARIABLE_BYTES, "MILLRACE_ALERT_STATE=%s", e->firing ? "firing" : "over");
    for (size_t i = 0; i < OWN_VARIABLES; i++)
        variables[i] = own[i];
    memcpy(variables + OWN_VARIABLES, environ, sizeof *variables * (count + 1));
    const int rc = spawn_shell(a->command, variables, &child);
    mr_mem_free(variables);
    if (rc == 0)
        await(e, child);
    else
        complain(e, "the command cannot be started");
}

/* --- webhooks --------------------------------------------------------------------------------- */

static mr_code write_body(const mr_alert_watch *w, const event *e, mr_buffer *out, mr_error *err)
{
    char time[MR_TIME_TEXT_MAX];
    mr_json_out json = {.out = out};
    const mr_pipeline_config *const c = w->run->config;
    const size_t len = mr_format_wall(time, mr_clock_wall_ns(), 3);
    mr_json_open(&json, '{');
    mr_json_key(&json, "alert"), mr_json_text(&json, mr_slice_text(e->alert->name));
    mr_json_key(&json, "state"), mr_json_text(&json, mr_slice_text(e->firing ? "firing" : "over"));
    mr_json_key(&json, "severity");
    mr_json_text(&json, mr_slice_text(mr_alert_severity_name(e->alert->severity)));
    mr_json_key(&json, "condition"), mr_json_text(&json, mr_slice_text(e->alert->condition_text));
    mr_json_key(&json, "value"), mr_json_text(&json, mr_slice_text(e->value));
    mr_json_key(&json, "pipeline"), mr_json_text(&json, mr_slice_text(c->name));
    mr_json_key(&json, "source"), mr_json_text(&json, mr_slice_text(c->source.connector));
    mr_json_key(&json, "destination"), mr_json_text(&json, mr_slice_text(c->destination.connector));
    mr_json_key(&json, "time"), mr_json_text(&json, mr_slice_of(time, len));
    mr_json_close(&json, '}');
    return json.failed ? mr_json_out_fail(&json, err) : MR_OK;
}

static mr_code post(const mr_alert_watch *w, const event *e, mr_buffer *body, mr_buffer *reply,
                    mr_error *err)
{
    const mr_http_line type = {"Content-Type", MR_SLICE("application/json")};
    const mr_http_client_options options = {.connect_ms = MR_ALERT_WATCH_WEBHOOK_MS,
                                            .whole_ms = MR_ALERT_WATCH_WEBHOOK_MS,
                                            .ca_file = w->run->config->security.ca_file,
                                            .insecure = w->run->config->security.skip_verify};
    mr_http_client *client = NULL;
    MR_TRY(write_body(w, e, body, err));
    MR_TRY(mr_http_client_open(&options, &client, err));
    mr_http_call call = {.url = e->alert->url,
                         .lines = &type,
                         .line_count = 1,
                         .body = mr_buffer_slice(body),
                         .into = reply};
    mr_code code = mr_http_client_call(client, &call, err);
    if (code == MR_ERR_LIMIT) code = MR_OK; /* a long reply; nobody reads it */
    mr_http_client_close(client);
    if (code == MR_OK && (call.status < 200 || call.status > 299))
        return mr_fail(err, MR_ERR_IO, "the webhook answered %u", call.status);
    return code;
}

static void call_webhook(const mr_alert_watch *w, const event *e)
{
    mr_error err = {0};
    mr_buffer body, reply;
    mr_buffer_init(&body, "an alert", BODY_BYTES_MAX);
    mr_buffer_init(&reply, "the answer to an alert", REPLY_BYTES_MAX);
    if (post(w, e, &body, &reply, &err) != MR_OK) complain(e, err.text);
    mr_buffer_done(&body);
    mr_buffer_done(&reply);
}

/* --- looking ---------------------------------------------------------------------------------- */

static void act(mr_alert_watch *w, const event *e)
{
    static const mr_log_level levels[] = {[MR_ALERT_INFO] = MR_LOG_INFO,
                                          [MR_ALERT_WARNING] = MR_LOG_WARN,
                                          [MR_ALERT_CRITICAL] = MR_LOG_ERROR};
    const mr_alert *const a = e->alert;
    if (e->firing)
        mr_log(levels[a->severity], "alert", "%s (%s): %s, and it is %s", a->name,
               mr_alert_severity_name(a->severity), a->condition_text, e->value);
    else
        mr_log(MR_LOG_INFO, "alert", "%s is over: it is %s", a->name, e->value);
    switch ((mr_alert_action)a->action) {
    case MR_ALERT_LOG: return;
    case MR_ALERT_EXEC: run_command(e); return;
    case MR_ALERT_WEBHOOK: call_webhook(w, e); return;
    case MR_ALERT_STOP:
        if (e->firing) mr_run_stop(w->run, a->name);
        return;
    }
}

static void look(mr_alert_watch *w, bool last)
{
    const int64_t now = mr_clock_real_ns();
    take_figures(w, now, last);
    for (uint32_t i = 0; i < w->alerts->count; i++) {
        const mr_alert *const alert = &w->alerts->items[i];
        const double value = w->values[alert->condition.metric];
        const mr_alert_turn turn = mr_alert_look(alert, &w->states[i], value, now);
        event e = {.alert = alert, .firing = turn == MR_ALERT_FIRES};
        atomic_store(&w->fired[i], w->states[i].fired);
        atomic_store(&w->firing[i], w->states[i].firing);
        if (turn == MR_ALERT_SAME) continue;
        mr_alert_value_text(alert->condition.metric, value, e.value, sizeof e.value);
        if (isnan(value)) snprintf(e.value, sizeof e.value, "not known");
        act(w, &e);
    }
}

static bool wait_a_while(mr_alert_watch *w)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += MR_ALERT_WATCH_EVERY_NS / MR_NS_PER_S;
    pthread_mutex_lock(&w->lock);
    while (!w->closing && pthread_cond_timedwait(&w->wake, &w->lock, &until) == 0)
        ;
    const bool go_on = !w->closing;
    pthread_mutex_unlock(&w->lock);
    return go_on;
}

static void *watch_main(void *context)
{
    mr_alert_watch *const w = context;
    while (wait_a_while(w))
        look(w, false);
    look(w, true);
    return NULL;
}

mr_code mr_alert_watch_open(mr_alert_watch *watch, mr_run *run, mr_error *err)
{
    pthread_condattr_t attributes;
    memset(watch, 0, sizeof *watch);
    watch->run = run;
    watch->alerts = &run->config->alerts;
    if (watch->alerts->count == 0) return MR_OK;
    watch->last_ns = mr_clock_real_ns();
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&watch->wake, &attributes);
    pthread_condattr_destroy(&attributes);
    pthread_mutex_init(&watch->lock, NULL);
    watch->started = pthread_create(&watch->thread, NULL, watch_main, watch) == 0;
    return watch->started ? MR_OK
                          : mr_fail(err, MR_ERR_IO, "the thread of the alerts cannot be started");
}

void mr_alert_watch_close(mr_alert_watch *watch)
{
    if (!watch->started) return;
    pthread_mutex_lock(&watch->lock);
    watch->closing = true;
    pthread_cond_signal(&watch->wake);
    pthread_mutex_unlock(&watch->lock);
    pthread_join(watch->thread, NULL);
    pthread_cond_destroy(&watch->wake);
    pthread_mutex_destroy(&watch->lock);
    watch->started = false;
}
