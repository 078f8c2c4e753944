/* SPDX-License-Identifier: MIT */
#include "cli/serve_run.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/exit.h"
#include "cli/notify.h"
#include "cli/scheduler.h"
#include "cli/serve_access.h"
#include "core/clock.h"
#include "store/service.h"

#define DESCRIPTORS_SPARE 1024u /* beside those of connections: databases, logs, threads */

typedef struct serving {
    const mr_serve_config *config;
    mr_service *service;
    mr_scheduler *scheduler; /* NULL: nothing is scheduled */
    sigset_t signals;
    bool log_started;
    const char *address;
    char inherited[32]; /* "fd:3-4" */
} serving;

/* --- starting -----------------------------------------------------------------------------------
 */

static mr_log_options log_options(const mr_serve_config *config)
{
    return (mr_log_options){.level = config->log.level,
                            .json = config->log.json,
                            .path = config->log.path,
                            .to_stdout = config->log.to_stdout};
}

/* Before any thread is made, so that all inherit the mask and signals wait for us. */
static void block_signals(serving *s)
{
    sigemptyset(&s->signals);
    sigaddset(&s->signals, SIGINT);
    sigaddset(&s->signals, SIGTERM);
    sigaddset(&s->signals, SIGHUP);
    pthread_sigmask(SIG_BLOCK, &s->signals, NULL);
}

static uint32_t to_ms(int64_t ns)
{
    return (uint32_t)((ns + MR_NS_PER_MS - 1) / MR_NS_PER_MS);
}

static mr_http_limits http_limits(const mr_serve_config *config)
{
    mr_http_limits limits = MR_HTTP_LIMITS_DEFAULT;
    limits.connections_max = config->limits.connections;
    limits.connections_per_address_max = config->limits.connections_per_address;
    limits.header_bytes_max = (uint32_t)config->limits.header_bytes;
    limits.body_bytes_max = config->limits.body_bytes;
    limits.bodies_bytes_max = config->limits.bodies_bytes;
    limits.header_ms = to_ms(config->limits.header_ns);
    limits.body_ms = to_ms(config->limits.body_ns);
    limits.write_ms = to_ms(config->limits.write_ns);
    limits.idle_ms = to_ms(config->limits.idle_ns);
    return limits;
}

/* What mr_serve_log_answer() is given: not NULL when good answers are logged too. */
static bool log_all_requests;

/* Sockets of the service manager take the place of the address. */
static mr_code find_address(serving *s, mr_error *err)
{
    size_t count;
    MR_TRY(mr_listen_fds(&count, err));
    s->address = s->config->listen;
    if (count == 0) return MR_OK;
    snprintf(s->inherited, sizeof s->inherited, "fd:%d-%zu", MR_LISTEN_FDS_START,
             MR_LISTEN_FDS_START + count - 1);
    s->address = s->inherited;
    mr_log(MR_LOG_INFO, "server", "took %zu sockets of the service manager in place of '%s'", count,
           s->config->listen);
    return MR_OK;
}

static mr_code open_service(serving *s, mr_error *err)
{
    const mr_serve_config *config = s->config;
    MR_TRY(find_address(s, err));
    const mr_service_options options = {
        .store = {.data_dir = config->data_dir,
                  .registry_name = config->registry,
                  .durability = (mr_durability)config->durability,
                  .writers = config->threads.writers,
                  .readers = config->threads.readers,
                  .open_spaces_max = config->open_namespaces_max,
                  .retention_ms = to_ms(config->retention_interval_ns)},
        .address = mr_slice_text(s->address),
        .io_threads = config->threads.io,
        .limits = http_limits(config),
        .tls_certificate = config->tls.certificate,
        .tls_key = config->tls.key,
        .cors_origin = config->cors,
        .test_mode = config->test_mode,
        .metrics_open = config->metrics_access == MR_METRICS_OPEN,
        .admin_spaces = config->admin_namespaces.items,
        .admin_space_count = config->admin_namespaces.count,
        .heartbeat_ms = to_ms(config->heartbeat_ns),
        .page = {.method = MR_HTTP_GET,
                 .path = s->scheduler != NULL ? "/pipelines" : NULL,
                 .handler = mr_scheduler_page,
                 .context = s->scheduler},
        .on_answer = mr_serve_log_answer,
        .on_answer_context = config->log.requests ? &log_all_requests : NULL,
    };
    return mr_service_open(&options, &s->service, err);
}

/* A token that was made is shown this once: in the log of a program whose users look for it there,
 * else on standard output, which nothing else uses. */
static void show_token(const mr_serve_config *config, const char *token)
{
    char line[MR_TOKEN_TEXT_MAX + 64];
    if (config->log.to_stdout && mr_log_enabled(MR_LOG_INFO)) {
        const mr_log_field field = MR_LOG_TEXT("token", mr_slice_text(token));
        mr_log_with(MR_LOG_INFO, "server", &field, 1,
                    "the token of the namespace 'default' is shown this once");
        return;
    }
    const int len = snprintf(line, sizeof line,
                             "token of the namespace 'default', shown this once: %s\n", token);
    if (mr_cli_print(mr_slice_of(line, (size_t)len), NULL) != MR_OK)
        mr_log(MR_LOG_WARN, "server",
               "the token of 'default' could not be shown; start once with --rotate-token");
}

static mr_code make_default(serving *s, mr_error *err)
{
    char token[MR_TOKEN_TEXT_MAX + 1];
    mr_default_space what;
    MR_TRY(mr_service_default_space(s->service, mr_slice_text(s->config->token),
                                    s->config->rotate_token, &what, token, err));
    if (what == MR_DEFAULT_MADE) mr_log(MR_LOG_INFO, "server", "made the namespace 'default'");
    if (what == MR_DEFAULT_ROTATED)
        mr_log(MR_LOG_INFO, "server", "the namespace 'default' has a new token");
    if (token[0] != 0 && !s->config->test_mode) show_token(s->config, token);
    return MR_OK;
}

static mr_code open_scheduler(serving *s, mr_error *err)
{
    const mr_serve_config *config = s->config;
    if (config->pipelines.count == 0) return MR_OK;
    MR_TRY(mr_serve_pipelines_check(&config->pipelines, err));
    return mr_scheduler_open(&config->pipelines, config->data_dir, &s->scheduler, err);
}

static mr_code start(serving *s, mr_error *err)
{
    const mr_log_options log = log_options(s->config);
    block_signals(s);
    MR_TRY(mr_log_start(&log, err));
    s->log_started = true;
    mr_http_raise_descriptors((uint64_t)s->config->limits.connections +
                              DESCRIPTORS_SPARE); /* many systems allow 1024 */
    MR_TRY(open_scheduler(s, err));
    MR_TRY(open_service(s, err));
    MR_TRY(make_default(s, err));
    MR_TRY(mr_service_start(s->service, err));
    if (s->scheduler == NULL) return MR_OK;
    return mr_scheduler_start(s->scheduler, mr_service_metrics(s->service), err);
}

static void warn_of_tls(const serving *s)
{
    mr_error warning;
    if (mr_service_tls_warning(s->service, &warning))
        mr_log(MR_LOG_WARN, "server", "%s", warning.text);
}

static void tell_ready(const serving *s)
{
    char status[128];
    const char *address = mr_service_address(s->service);
    const char *scheme = s->config->tls.certificate != NULL ? "https" : "http";
    const mr_log_field fields[] = {
        MR_LOG_TEXT("data", s->config->data_dir != NULL ? mr_slice_text(s->config->data_dir)
                                                        : MR_SLICE("in memory")),
        MR_LOG_INT("pid", getpid()),
    };
    mr_log_with(MR_LOG_INFO, "server", fields, MR_COUNT_OF(fields), "listening on %s://%s%s",
                scheme, address, s->config->test_mode ? ", test mode: no token is needed" : "");
    warn_of_tls(s);
    snprintf(status, sizeof status, "listening on %s://%s", scheme, address);
    mr_notify_ready(status);
}

/* --- while it serves ----------------------------------------------------------------------------
 */

/* A log file may have been moved away by whoever rotates it. */
static void reopen_log(serving *s)
{
    mr_error err;
    const mr_log_options log = log_options(s->config);
    if (log.path == NULL) return;
    mr_log_stop();
    if (mr_log_start(&log, &err) != MR_OK) mr_log(MR_LOG_ERROR, "server", "%s", err.text);
}

static void reload(serving *s)
{
    mr_error err;
    char status[128];
    mr_notify_reloading();
    reopen_log(s);
    if (s->config->tls.certificate != NULL) {
        if (mr_service_reload_tls(s->service, &err) == MR_OK)
            mr_log(MR_LOG_INFO, "server", "read the TLS certificate and key again");
        else
            mr_log(MR_LOG_ERROR, "server", "the old TLS certificate stays in use: %s", err.text);
        warn_of_tls(s);
    }
    snprintf(status, sizeof status, "listening on %s", mr_service_address(s->service));
    mr_notify_ready(status);
}

/* The signal that ends it. */
static int wait_for_the_end(serving *s)
{
    const int64_t watchdog_ns = mr_notify_watchdog_ns();
    const struct timespec pause = {.tv_sec = watchdog_ns / MR_NS_PER_S,
                                   .tv_nsec = watchdog_ns % MR_NS_PER_S};
    for (;;) {
        const int number = watchdog_ns > 0 ? sigtimedwait(&s->signals, NULL, &pause)
                                           : sigwaitinfo(&s->signals, NULL);
        if (number == SIGHUP)
            reload(s);
        else if (number > 0)
            return number;
        else if (errno == EAGAIN)
            mr_notify_alive();
    }
}

static void end_at_once(int number)
{
    _exit(128 + number);
}

/* From now on INT and TERM do not wait for us. */
static void accept_second_signal(void)
{
    struct sigaction action = {.sa_handler = end_at_once};
    sigset_t both;
    sigemptyset(&action.sa_mask);
    sigemptyset(&both);
    sigaddset(&both, SIGINT);
    sigaddset(&both, SIGTERM);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    pthread_sigmask(SIG_UNBLOCK, &both, NULL);
}

static int fail_start(const serving *s, mr_code rc, const mr_error *err, bool log_failures)
{
    if (!log_failures || !s->log_started) return mr_cli_fail(rc, err);
    mr_log(MR_LOG_ERROR, "server", "cannot start: %s", err->text);
    return MR_EXIT_FAILED;
}

int mr_serve_run(const mr_serve_config *config, bool log_failures)
{
    serving s = {.config = config};
    mr_error err = {0};
    int exit_code = MR_EXIT_OK;
    const mr_code rc = start(&s, &err);
    if (rc == MR_OK) {
        tell_ready(&s);
        const int number = wait_for_the_end(&s);
        accept_second_signal();
        mr_notify_stopping();
        mr_log(MR_LOG_INFO, "server", "stopping: %s", number == SIGINT ? "SIGINT" : "SIGTERM");
        mr_scheduler_stop(s.scheduler, to_ms(config->shutdown_grace_ns)); /* may write to us */
        mr_service_stop(s.service, to_ms(config->shutdown_grace_ns));
    } else {
        exit_code = fail_start(&s, rc, &err, log_failures);
    }
    mr_service_close(s.service);
    mr_scheduler_close(s.scheduler);
    if (rc == MR_OK) mr_log(MR_LOG_INFO, "server", "stopped");
    mr_log_stop();
    return exit_code;
}
