/* SPDX-License-Identifier: MIT */
#include "pipeline/monitor.h"

#include "core/clock.h"
#include "core/json.h"
#include "metrics/process.h"
#include "pipeline/monitor_internal.h"

#define NS_PER_SECOND 1000000000.0
#define STOP_GRACE_MS 100

const uint64_t mr_monitor_bounds[MR_MONITOR_BOUNDS] = {
    1000,       2500,       5000,       10000,       25000,       50000,
    100000,     250000,     500000,     1000000,     2500000,     5000000,
    10000000,   25000000,   50000000,   100000000,   250000000,   500000000,
    1000000000, 2500000000, 5000000000, 10000000000, 30000000000, 60000000000};

double mr_monitor_seconds(const mr_monitor *m)
{
    const double seconds = (double)(mr_clock_ns() - m->run->begun_ns) / NS_PER_SECOND;
    return seconds > 0 ? seconds : 1;
}

mr_code mr_monitor_emit_count(const mr_monitor *m, mr_metrics_sink *sink, uint64_t value,
                              mr_error *err)
{
    return mr_metrics_emit_u64(sink, m->labels, value, err);
}

/* --- families --- */

typedef struct collector {
    const mr_monitor *monitor;
    const mr_monitor_family *family;
} collector;

static mr_code collect(void *context, mr_metrics_sink *sink, mr_error *err)
{
    const collector *c = context;
    return c->family->emit(c->monitor, sink, err);
}

static mr_code declare(mr_monitor *m, const mr_monitor_family *f, mr_error *err)
{
    collector *c = mr_metrics_take(m->metrics, sizeof *c);
    if (c == NULL) return mr_fail(err, MR_ERR_NOMEM, "no memory left for metrics");
    *c = (collector){m, f};
    mr_metric_decl decl = {.name = f->name,
                           .help = f->help,
                           .type = f->type,
                           .decimals = f->decimals,
                           .labels = {"source", "destination"},
                           .collect = collect,
                           .context = c};
    for (size_t i = 0; i < MR_COUNT_OF(f->labels) && f->labels[i] != NULL; i++)
        decl.labels[2 + i] = f->labels[i];
    if (f->times) {
        decl.bounds = mr_monitor_bounds;
        decl.bound_count = MR_COUNT_OF(mr_monitor_bounds);
    }
    mr_metric_family *made;
    return mr_metrics_family(m->metrics, &decl, &made, err);
}

static mr_code declare_all(mr_monitor *m, const mr_monitor_family *families, size_t count,
                           mr_error *err)
{
    for (size_t i = 0; i < count; i++)
        MR_TRY(declare(m, &families[i], err));
    return MR_OK;
}

/* --- status
 * ------------------------------------------------------------------------------------------ */

static mr_code status(void *context, mr_buffer *out, mr_error *err)
{
    const mr_monitor *m = context;
    const mr_engine_view *view = &m->run->view;
    uint64_t done = 0, total = 0;
    if (m->run->source->progress != NULL)
        m->run->source->progress(m->run->source_state, &done, &total);
    mr_json_out json = {.out = out};
    mr_json_open(&json, '{');
    mr_json_key(&json, "version"), mr_json_text(&json, mr_slice_text(MR_VERSION));
    mr_json_key(&json, "source"), mr_json_text(&json, m->labels[0]);
    mr_json_key(&json, "destination"), mr_json_text(&json, m->labels[1]);
    mr_json_key(&json, "read"), mr_json_u64(&json, mr_monitor_load(&view->read));
    mr_json_key(&json, "written"), mr_json_u64(&json, mr_monitor_load(&view->written));
    mr_json_key(&json, "rejected"), mr_json_u64(&json, mr_monitor_load(&view->rejected));
    mr_json_key(&json, "bytes_done"), mr_json_u64(&json, done);
    mr_json_key(&json, "bytes_total"), mr_json_u64(&json, total);
    mr_json_key(&json, "seconds"), mr_json_f64(&json, mr_monitor_seconds(m), 3);
    mr_json_close(&json, '}');
    return json.failed ? mr_json_out_fail(&json, err) : MR_OK;
}

/* --- opening
 * ----------------------------------------------------------------------------------------- */

static mr_code serve(mr_monitor *m, mr_slice address, mr_error *err)
{
    m->admin = (mr_admin){.metrics = m->metrics,
                          .status = status,
                          .context = m,
                          .metrics_path = m->run->config->observability.metrics_path};
    mr_admin_routes(&m->admin, m->routes);
    const mr_http_options options = {.address = address,
                                     .routes = m->routes,
                                     .route_count = MR_ADMIN_ROUTES,
                                     .metrics = m->metrics,
                                     .limits = MR_HTTP_LIMITS_DEFAULT,
                                     .name = MR_SLICE("millrace")};
    MR_TRY(mr_http_server_open(&options, &m->server, err));
    return mr_http_server_start(m->server, err);
}

mr_code mr_monitor_open(mr_monitor *m, mr_run *run, const mr_alert_watch *alerts, mr_slice address,
                        mr_error *err)
{
    size_t count;
    memset(m, 0, sizeof *m);
    m->run = run;
    m->alerts = alerts;
    m->labels[0] = mr_slice_text(run->source->name);
    m->labels[1] = mr_slice_text(run->destination->name);
    MR_TRY(mr_metrics_open(NULL, &m->metrics, err));
    MR_TRY(mr_process_metrics(m->metrics, err));
    const mr_monitor_family *families = mr_monitor_flow(&count);
    MR_TRY(declare_all(m, families, count, err));
    families = mr_monitor_parts(&count);
    MR_TRY(declare_all(m, families, count, err));
    if (run->destination->show_metrics != NULL)
        MR_TRY(run->destination->show_metrics(run->destination_state, m->metrics, err));
    const mr_code rc = serve(m, address, err);
    return rc == MR_OK ? MR_OK : (mr_error_prefix(err, "--metrics"), rc);
}

const char *mr_monitor_address(const mr_monitor *m)
{
    return mr_http_server_address(m->server);
}

void mr_monitor_close(mr_monitor *m)
{
    if (m->server != NULL) mr_http_server_stop(m->server, STOP_GRACE_MS);
    mr_http_server_close(m->server);
    mr_metrics_close(m->metrics);
    memset(m, 0, sizeof *m);
}
