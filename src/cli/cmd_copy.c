/* SPDX-License-Identifier: MIT
 *
 * copy, pipeline and run: one configuration, one run, a summary and an exit code. */
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/commands.h"
#include "cli/exit.h"
#include "core/log.h"
#include "pipeline/alert_watch.h"
#include "pipeline/monitor.h"

#define MAX_SUMMARY_BYTES ((size_t)1 << 20)

/* What the signal handler may touch. */
static mr_run *volatile running;
static volatile sig_atomic_t caught;

/* The first signal asks the run to stop; a second one does not wait for it. */
static void on_signal(int number)
{
    if (caught != 0) _exit(128 + number);
    caught = number;
    if (running != NULL) mr_run_cancel(running);
}

static void catch_signals(mr_run *run)
{
    struct sigaction action = {.sa_handler = on_signal};
    sigemptyset(&action.sa_mask);
    running = run;
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    signal(SIGPIPE, SIG_IGN);
}

static void warn(void *context, const char *text)
{
    (void)context;
    mr_log(MR_LOG_WARN, "pipeline", "%s", text);
}

/* The summary stands on standard output unless that carries the data. */
static int summary_fd(const mr_pipeline_config *config)
{
    const char *to = config->destination.path;
    const bool data_on_stdout = to != NULL && mr_file_path_fd(to, STDOUT_FILENO) == STDOUT_FILENO;
    return data_on_stdout ? STDERR_FILENO : STDOUT_FILENO;
}

static void write_all(int fd, mr_slice text)
{
    while (text.len > 0) {
        const ssize_t written = write(fd, text.ptr, text.len);
        if (written <= 0) return;
        text = mr_slice_from(text, (size_t)written);
    }
}

/* Whatever form the summary has: nobody is to overlook what is missing. */
static mr_code warn_of_rejects(const mr_report *report, mr_error *err)
{
    mr_buffer text;
    mr_buffer_init(&text, "the summary", MAX_SUMMARY_BYTES);
    mr_code rc = mr_report_warning(report, &text, err);
    if (rc == MR_OK) rc = mr_buffer_append_byte(&text, 0, err);
    if (rc == MR_OK) warn(NULL, text.ptr);
    mr_buffer_done(&text);
    return rc;
}

static void print_summary(const mr_pipeline_config *config, const mr_report *report)
{
    mr_error err;
    mr_buffer text;
    mr_buffer_init(&text, "the summary", MAX_SUMMARY_BYTES);
    mr_code rc = MR_OK;
    if (config->summary == MR_SUMMARY_JSON)
        rc = mr_report_json(report, &text, &err);
    else if (config->summary == MR_SUMMARY_TEXT)
        rc = mr_report_text(report, &text, &err);
    const bool warned = config->summary == MR_SUMMARY_TEXT; /* the text ends with it */
    if (rc == MR_OK && report->ledger.rejected > 0 && !warned) rc = warn_of_rejects(report, &err);
    const int fd = config->summary == MR_SUMMARY_JSON ? summary_fd(config) : STDERR_FILENO;
    if (rc == MR_OK) write_all(fd, mr_buffer_slice(&text));
    mr_buffer_done(&text);
}

/* Serves the run's metrics while it goes on, when asked to. */
static mr_code watch(mr_monitor *monitor, const mr_alert_watch *alerts, mr_run *run, mr_error *err)
{
    const char *address = run->config->observability.metrics_address;
    if (address == NULL) return MR_OK;
    MR_TRY(mr_monitor_open(monitor, run, alerts, mr_slice_text(address), err));
    mr_log(MR_LOG_INFO, "metrics", "listening on http://%s%s", mr_monitor_address(monitor),
           run->config->observability.metrics_path);
    return MR_OK;
}

static int run_to_the_end(mr_run *run, mr_pipeline_config *config)
{
    mr_report report;
    mr_run_execute(run, &report);
    if (report.exit_code == MR_EXIT_INTERRUPTED && caught == SIGTERM)
        report.exit_code = MR_EXIT_TERMINATED;
    if (report.error.code != MR_OK) mr_cli_fail(report.error.code, &report.error);
    print_summary(config, &report);
    return report.exit_code;
}

/* files: new, and no file is. The target stays as it is. */
static int nothing_new(const mr_pipeline_config *config)
{
    const mr_report report = {.status = "nothing_new", .store_mode = "none", .guarantee = ""};
    running = NULL;
    print_summary(config, &report);
    return MR_EXIT_OK;
}

int mr_cmd_copy(mr_args *args)
{
    mr_error err = {0};
    static mr_run run; /* large: histograms */
    static mr_alert_watch alerts;
    mr_monitor monitor = {0};
    mr_cli_print_notes(&args->config, false);
    catch_signals(&run);
    const mr_log_options log = {.level = args->config.observability.log_level,
                                .json = args->config.observability.log_format == MR_LOG_AS_JSON,
                                .path = args->config.observability.log_path};
    if (mr_log_start(&log, &err) != MR_OK) return mr_cli_fail(err.code, &err);
    mr_code rc = mr_run_open(&run, &args->config, MR_CONFIG_SOURCE | MR_CONFIG_DESTINATION, warn,
                             NULL, &err);
    if (caught != 0) mr_run_cancel(&run); /* opening begins with a clean run */
    if (rc == MR_OK && run.nothing_new) {
        mr_run_close(&run);
        mr_log_stop();
        return nothing_new(&args->config);
    }
    if (rc == MR_OK) rc = mr_run_resume(&run, &err);
    if (rc == MR_OK) rc = mr_alert_watch_open(&alerts, &run, &err);
    if (rc == MR_OK) rc = watch(&monitor, &alerts, &run, &err);
    if (rc == MR_OK) rc = mr_run_discover(&run, false, 0, &err);
    int exit_code;
    if (rc == MR_OK)
        exit_code = run_to_the_end(&run, &args->config);
    else
        exit_code = mr_cli_fail(rc, &err);
    if (rc == MR_ERR_CLOSED) exit_code = caught != 0 ? 128 + caught : MR_EXIT_TIMEOUT;
    mr_alert_watch_close(&alerts);
    running = NULL;
    mr_monitor_close(&monitor);
    mr_run_close(&run);
    mr_log_stop();
    return exit_code;
}
