/* SPDX-License-Identifier: MIT */
#include "pipeline/alert.h"

#include <math.h>
#include <stdio.h>

#include "core/nearest.h"
#include "core/number.h"
#include "core/option_tree.h"

#define NS_PER_SECOND 1e9

typedef enum unit { PLAIN, RATE, DURATION, SIZE, PERCENT } unit;

static const struct {
    const char *name, *alias;
    unit unit;
} metrics[MR_ALERT_METRICS] = {
    [MR_ALERT_THROUGHPUT] = {"throughput", "throughput_records_per_second", RATE},
    [MR_ALERT_P50] = {"p50", "latency_p50", DURATION},
    [MR_ALERT_P95] = {"p95", "latency_p95", DURATION},
    [MR_ALERT_P99] = {"p99", "latency_p99", DURATION},
    [MR_ALERT_BYTES_PER_RECORD] = {"bytes_per_record", "memory_per_record", SIZE},
    [MR_ALERT_TRIM_STALL] = {"trim_stall", "gc_pause", DURATION},
    [MR_ALERT_READ] = {"read", "records_read", PLAIN},
    [MR_ALERT_WRITTEN] = {"written", "records_written", PLAIN},
    [MR_ALERT_REJECTED] = {"rejected", "records_rejected", PLAIN},
    [MR_ALERT_REJECTED_PERCENT] = {"rejected_percent", "error_rate", PERCENT},
    [MR_ALERT_MEMORY] = {"memory", "live_bytes", SIZE},
    [MR_ALERT_RSS] = {"rss", "rss_bytes", SIZE},
    [MR_ALERT_RETRIES] = {"retries", "retries_total", PLAIN},
    [MR_ALERT_CIRCUIT] = {"circuit_state", "circuit", PLAIN},
    [MR_ALERT_BACKPRESSURE] = {"backpressure", "backpressure_active", PLAIN},
    [MR_ALERT_RUNNING] = {"running", "seconds", DURATION},
};

/* Upstream's four. Its pauses of a garbage collector are the allocator's stalls here. */
static const struct {
    const char *name, *condition;
    int64_t for_ns;
    int severity;
} shipped[] = {
    {"LowThroughput", "throughput < 500000 rec/s", 10 * (int64_t)NS_PER_SECOND, MR_ALERT_WARNING},
    {"HighLatency", "p99 > 5ms", 10 * (int64_t)NS_PER_SECOND, MR_ALERT_CRITICAL},
    {"HighMemoryPerRecord", "bytes_per_record > 150", 0, MR_ALERT_WARNING},
    {"ExcessiveTrim", "trim_stall > 10ms", 0, MR_ALERT_CRITICAL},
};

/* ---- conditions ---- */

static mr_slice skip_spaces(mr_slice text)
{
    while (text.len > 0 && text.ptr[0] == ' ')
        text = mr_slice_from(text, 1);
    return text;
}

static mr_slice without_end_spaces(mr_slice text)
{
    while (text.len > 0 && text.ptr[text.len - 1] == ' ')
        text.len--;
    return text;
}

static mr_code take_metric(mr_slice *text, mr_alert_condition *out, mr_error *err)
{
    size_t len = 0;
    while (len < text->len && text->ptr[len] != ' ' && strchr("<>=!", text->ptr[len]) == NULL)
        len++;
    const mr_slice name = mr_slice_of(text->ptr, len);
    mr_nearest near = mr_nearest_to(name);
    for (int i = 0; i < MR_ALERT_METRICS; i++) {
        mr_nearest_offer(&near, metrics[i].name);
        if (!mr_names_equal(name, mr_slice_text(metrics[i].name)) &&
            !mr_names_equal(name, mr_slice_text(metrics[i].alias)))
            continue;
        out->metric = (mr_alert_metric)i;
        *text = skip_spaces(mr_slice_from(*text, len));
        return MR_OK;
    }
    const char *const best = mr_nearest_best(&near);
    return mr_fail(err, MR_ERR_USAGE, "unknown metric '%.*s'%s%s%s",
                   MR_SLICE_ARGS(mr_slice_of(name.ptr, mr_min_u64(name.len, 60))),
                   best != NULL ? "; did you mean '" : "", best != NULL ? best : "",
                   best != NULL ? "'?" : "; expected one such as throughput, p99 or rejected");
}

static mr_code take_operator(mr_slice *text, mr_alert_condition *out, mr_error *err)
{
    static const char *const spelled[] = {
        [MR_ALERT_LE] = "<=", [MR_ALERT_GE] = ">=", [MR_ALERT_EQ] = "==",
        [MR_ALERT_NE] = "!=", [MR_ALERT_LT] = "<",  [MR_ALERT_GT] = ">"};
    static const int order[] = {MR_ALERT_LE, MR_ALERT_GE, MR_ALERT_EQ,
                                MR_ALERT_NE, MR_ALERT_LT, MR_ALERT_GT};
    for (size_t i = 0; i < MR_COUNT_OF(order); i++) {
        if (!mr_slice_starts(*text, spelled[order[i]])) continue;
        out->op = order[i];
        *text = skip_spaces(mr_slice_from(*text, strlen(spelled[order[i]])));
        return MR_OK;
    }
    return mr_fail(err, MR_ERR_USAGE, "expected <, <=, >, >=, == or != after '%s'",
                   metrics[out->metric].name);
}

/* "5 ms" is 5ms. */
static mr_slice joined(mr_slice text, char *room, size_t size)
{
    size_t used = 0;
    for (size_t i = 0; i < text.len && used < size; i++)
        if (text.ptr[i] != ' ') room[used++] = text.ptr[i];
    return mr_slice_of(room, used);
}

static mr_slice without_suffix(mr_slice text, const char *const *suffixes)
{
    for (; *suffixes != NULL; suffixes++)
        if (mr_slice_ends(text, *suffixes))
            return mr_slice_of(text.ptr, text.len - strlen(*suffixes));
    return text;
}

static bool read_number(unit kind, mr_slice text, double *out)
{
    static const char *const rates[] = {"records/s", "rec/s", "/s", NULL}, *const percents[] = {
                                                                               "%", NULL};
    int64_t ns;
    uint64_t bytes;
    switch (kind) {
    case PLAIN: return mr_parse_f64(text, out);
    case RATE: return mr_parse_f64(without_suffix(text, rates), out);
    case PERCENT: return mr_parse_f64(without_suffix(text, percents), out);
    case DURATION:
        if (!mr_parse_duration(text, &ns)) return false;
        *out = (double)ns;
        return true;
    case SIZE:
        if (mr_parse_f64(text, out)) return true;
        if (!mr_parse_size(text, &bytes)) return false;
        *out = (double)bytes;
        return true;
    }
    return false;
}

mr_code mr_alert_parse(mr_slice text, mr_alert_condition *out, mr_error *err)
{
    static const char *const expected[] = {
        [PLAIN] = "a number",
        [RATE] = "a number of records a second (500000, 500000 rec/s)",
        [DURATION] = "a duration (5ms, 1m)",
        [SIZE] = "bytes (150, 2GiB)",
        [PERCENT] = "a percentage (5%)",
    };
    char room[64];
    mr_alert_condition found = {0};
    text = without_end_spaces(skip_spaces(text));
    MR_TRY(take_metric(&text, &found, err));
    MR_TRY(take_operator(&text, &found, err));
    const unit kind = metrics[found.metric].unit;
    if (!read_number(kind, joined(text, room, sizeof room), &found.threshold))
        return mr_fail(err, MR_ERR_USAGE, "expected %s after '%s', found '%.*s'", expected[kind],
                       metrics[found.metric].name,
                       MR_SLICE_ARGS(mr_slice_of(text.ptr, mr_min_u64(text.len, 60))));
    *out = found;
    return MR_OK;
}

static mr_code parse_condition(mr_slice text, void *field, mr_error *err)
{
    mr_alert_condition condition;
    memset(&condition, 0, sizeof condition);
    MR_TRY(mr_alert_parse(text, &condition, err));
    memcpy(field, &condition, sizeof condition);
    return MR_OK;
}

static_assert(sizeof(mr_alert_condition) <= MR_OPTION_PARSED_BYTES, "fits a parsed value");

/* ---- reading ---- */

static const mr_option_choice severities[] = {
    {"info", MR_ALERT_INFO}, {"warning", MR_ALERT_WARNING}, {"critical", MR_ALERT_CRITICAL}, {0}};
static const mr_option_choice actions[] = {{"log", MR_ALERT_LOG},
                                           {"exec", MR_ALERT_EXEC},
                                           {"webhook", MR_ALERT_WEBHOOK},
                                           {"stop", MR_ALERT_STOP},
                                           {0}};

const mr_option mr_alert_table[] = {
    {.name = "name",
     .type = MR_OPTION_TEXT,
     .flags = MR_OPTION_REQUIRED,
     .offset = offsetof(mr_alert, name),
     .help = "what the alert is called"},
    {.name = "condition",
     .type = MR_OPTION_PARSED,
     .flags = MR_OPTION_REQUIRED,
     .offset = offsetof(mr_alert, condition),
     .size = sizeof(mr_alert_condition),
     .parse = parse_condition,
     .syntax = "METRIC < | <= | > | >= | == | != NUMBER, such as p99 > 5ms",
     .help = "when it fires"},
    {.name = "for",
     .aliases = "duration",
     .type = MR_OPTION_DURATION_NS,
     .offset = offsetof(mr_alert, for_ns),
     .fallback = "0s",
     .help = "how long the condition must hold"},
    {.name = "severity",
     .type = MR_OPTION_ENUM,
     .offset = offsetof(mr_alert, severity),
     .choices = severities,
     .fallback = "warning",
     .help = "of its line in the log"},
    {.name = "action",
     .type = MR_OPTION_ENUM,
     .offset = offsetof(mr_alert, action),
     .choices = actions,
     .fallback = "log",
     .help = "besides the line in the log: exec runs command, webhook posts to url, stop ends the "
             "run with code 1"},
    {.name = "command",
     .type = MR_OPTION_TEXT,
     .offset = offsetof(mr_alert, command),
     .help = "for the shell, which finds MILLRACE_ALERT_NAME, _SEVERITY, _CONDITION, _VALUE and "
             "_STATE in its environment"},
    {.name = "url",
     .type = MR_OPTION_TEXT,
     .flags = MR_OPTION_SECRET,
     .offset = offsetof(mr_alert, url),
     .help = "gets the alert as a JSON object"},
    {0},
};

const char *mr_alert_shipped(size_t at)
{
    return at < MR_COUNT_OF(shipped) ? shipped[at].name : NULL;
}

typedef struct reader {
    mr_alerts *alerts;
    const mr_tree *tree;
    mr_arena *arena;
} reader;

static mr_code fail_at(const reader *r, const mr_node *node, mr_error *err)
{
    const char *const where = mr_tree_where(r->tree, node->line, node->column, r->arena);
    if (where == NULL) return mr_arena_fail(r->arena, err);
    return mr_error_prefix(err, "%s", where);
}

static mr_code add(const reader *r, const mr_node *node, const mr_alert *alert, mr_error *err)
{
    mr_alerts *const alerts = r->alerts;
    for (uint32_t i = 0; i < alerts->count; i++) {
        if (strcmp(alerts->items[i].name, alert->name) != 0) continue;
        mr_fail(err, MR_ERR_USAGE, "alert '%s' is given twice", alert->name);
        return fail_at(r, node, err);
    }
    if (alerts->count == MR_ALERTS_MAX) {
        mr_fail(err, MR_ERR_USAGE, "more than %d alerts", MR_ALERTS_MAX);
        return fail_at(r, node, err);
    }
    if (alerts->items == NULL)
        alerts->items = mr_arena_take(r->arena, sizeof *alerts->items * MR_ALERTS_MAX);
    if (alerts->items == NULL) return mr_arena_fail(r->arena, err);
    alerts->items[alerts->count++] = *alert;
    return MR_OK;
}

static mr_code add_shipped(const reader *r, const mr_node *node, mr_error *err)
{
    const bool all = mr_slice_is(node->text, "default") || mr_slice_is(node->text, "defaults");
    mr_nearest near = mr_nearest_to(node->text);
    bool any = false;
    for (size_t i = 0; i < MR_COUNT_OF(shipped); i++) {
        mr_nearest_offer(&near, shipped[i].name);
        if (!all && !mr_slice_is(node->text, shipped[i].name)) continue;
        mr_alert alert = {.name = shipped[i].name,
                          .condition_text = shipped[i].condition,
                          .for_ns = shipped[i].for_ns,
                          .severity = shipped[i].severity};
        MR_TRY(mr_alert_parse(mr_slice_text(alert.condition_text), &alert.condition, err));
        MR_TRY(add(r, node, &alert, err));
        any = true;
    }
    if (any) return MR_OK;
    const char *const best = mr_nearest_best(&near);
    mr_fail(err, MR_ERR_USAGE,
            "no alert '%.*s' is shipped%s%s%s; expected a mapping with name and condition, or "
            "LowThroughput, HighLatency, HighMemoryPerRecord, ExcessiveTrim",
            MR_SLICE_ARGS(mr_slice_of(node->text.ptr, mr_min_u64(node->text.len, 60))),
            best != NULL ? "; did you mean '" : "", best != NULL ? best : "",
            best != NULL ? "'?" : "");
    return fail_at(r, node, err);
}

/* exec wants a command, webhook a URL, and nobody else has use for them. */
static mr_code check(const reader *r, const mr_node *node, const mr_alert *alert, mr_error *err)
{
    const bool exec = alert->action == MR_ALERT_EXEC, webhook = alert->action == MR_ALERT_WEBHOOK;
    if (exec == (alert->command != NULL) && webhook == (alert->url != NULL)) return MR_OK;
    if (exec && alert->command == NULL)
        mr_fail(err, MR_ERR_USAGE, "alert '%s': action exec needs a command", alert->name);
    else if (webhook && alert->url == NULL)
        mr_fail(err, MR_ERR_USAGE, "alert '%s': action webhook needs a url", alert->name);
    else
        mr_fail(err, MR_ERR_USAGE,
                "alert '%s': '%s' contradicts 'action: %s', which has no use for it", alert->name,
                alert->command != NULL && !exec ? "command" : "url", actions[alert->action].name);
    return fail_at(r, node, err);
}

static mr_code add_mapping(const reader *r, const mr_node *node, mr_error *err)
{
    mr_alert *const alert = mr_arena_take(r->arena, sizeof *alert);
    mr_options options;
    if (alert == NULL) return mr_arena_fail(r->arena, err);
    memset(alert, 0, sizeof *alert);
    MR_TRY(mr_options_init(&options, "an alert", mr_alert_table, alert, r->arena, err));
    const mr_option_tree from = {.options = &options, .tree = r->tree, .origin = MR_ORIGIN_FILE};
    MR_TRY(mr_option_tree_load(&from, NULL, node, err));
    const mr_code code = mr_options_require(&options, err);
    if (code != MR_OK) return fail_at(r, node, err);
    alert->condition_text = mr_options_state(&options, "condition")->text;
    MR_TRY(check(r, node, alert, err));
    return add(r, node, alert, err);
}

mr_code mr_alerts_from_tree(mr_alerts *alerts, const mr_tree *tree, const mr_node *node,
                            mr_arena *arena, mr_error *err)
{
    const reader r = {alerts, tree, arena};
    if (node->kind == MR_NODE_SCALAR) return add_shipped(&r, node, err);
    if (node->kind == MR_NODE_MAP) {
        mr_fail(err, MR_ERR_USAGE,
                "alerts: expected a list of alerts, or default; found a mapping");
        return fail_at(&r, node, err);
    }
    for (const mr_node_entry *e = node->first; e != NULL; e = e->next) {
        if (e->value->kind == MR_NODE_SCALAR)
            MR_TRY(add_shipped(&r, e->value, err));
        else if (e->value->kind == MR_NODE_MAP)
            MR_TRY(add_mapping(&r, e->value, err));
        else {
            mr_fail(err, MR_ERR_USAGE, "alerts: expected a mapping or a name, found a list");
            return fail_at(&r, e->value, err);
        }
    }
    return MR_OK;
}

/* ---- looking ---- */

static bool holds(const mr_alert_condition *c, double value)
{
    if (isnan(value)) return false;
    switch (c->op) {
    case MR_ALERT_LT: return value < c->threshold;
    case MR_ALERT_LE: return value <= c->threshold;
    case MR_ALERT_GT: return value > c->threshold;
    case MR_ALERT_GE: return value >= c->threshold;
    case MR_ALERT_EQ: return value >= c->threshold && value <= c->threshold;
    case MR_ALERT_NE: return value < c->threshold || value > c->threshold;
    }
    return false;
}

mr_alert_turn mr_alert_look(const mr_alert *alert, mr_alert_state *state, double value,
                            int64_t now_ns)
{
    const bool held = state->holds, fired = state->firing;
    state->holds = holds(&alert->condition, value);
    if (!state->holds) {
        state->firing = false;
        return fired ? MR_ALERT_ENDS : MR_ALERT_SAME;
    }
    if (!held) state->since_ns = now_ns;
    if (fired || now_ns - state->since_ns < alert->for_ns) return MR_ALERT_SAME;
    state->firing = true;
    state->fired++;
    return MR_ALERT_FIRES;
}

const char *mr_alert_severity_name(int severity)
{
    return severities[severity].name;
}

void mr_alert_value_text(mr_alert_metric metric, double value, char *out, size_t size)
{
    static const char *const durations[] = {"ns", "us", "ms", "s"};
    static const char *const sizes[] = {"B", "KiB", "MiB", "GiB", "TiB"};
    size_t at = 0;
    switch (metrics[metric].unit) {
    case PLAIN: snprintf(out, size, "%.0f", value); return;
    case RATE: snprintf(out, size, "%.0f rec/s", value); return;
    case PERCENT: snprintf(out, size, "%.2f%%", value); return;
    case DURATION:
        for (; at + 1 < MR_COUNT_OF(durations) && value >= 1000; at++)
            value /= 1000;
        snprintf(out, size, "%.4g%s", value, durations[at]);
        return;
    case SIZE:
        for (; at + 1 < MR_COUNT_OF(sizes) && value >= 1024; at++)
            value /= 1024;
        snprintf(out, size, "%.1f%s", value, sizes[at]);
        return;
    }
}
