/* SPDX-License-Identifier: MIT */
#include "store/rpc.h"

#include <stdarg.h>
#include <stdio.h>

#include "core/clock.h"
#include "core/mem.h"
#include "store/rpc_internal.h"

/* --- Tables --------------------------------------------------------------------------------- */

/* The busiest first: they are looked for in this order. */
const rpc_method rpc_methods[] = {
    {"stream.write", 2, rpc_stream_write},
    {"stream.get", 1, rpc_stream_get},
    {"category.get", 1, rpc_category_get},
    {"stream.last", 1, rpc_stream_last},
    {"stream.version", 1, rpc_stream_version},
    {"stream.append", 2, rpc_stream_append},
    {"batch.write", 1, rpc_batch_write},
    {"category.last", 1, rpc_category_last},
    {"consumer.get", 1, rpc_consumer_get},
    {"consumer.set", 2, rpc_consumer_set},
    {"consumer.delete", 1, rpc_consumer_delete},
    {"stream.truncate", 2, rpc_stream_truncate},
    {"stream.delete", 1, rpc_stream_delete},
    {"ns.create", 1, rpc_ns_create},
    {"ns.delete", 1, rpc_ns_delete},
    {"ns.list", 0, rpc_ns_list},
    {"ns.info", 1, rpc_ns_info},
    {"ns.streams", 0, rpc_ns_streams},
    {"ns.categories", 0, rpc_ns_categories},
    {"ns.rotate", 1, rpc_ns_rotate},
    {"ns.quota", 1, rpc_ns_quota},
    {"retention.get", 0, rpc_retention_get},
    {"retention.set", 2, rpc_retention_set},
    {"sys.version", 0, rpc_sys_version},
    {"sys.health", 0, rpc_sys_health},
};
static_assert(MR_COUNT_OF(rpc_methods) == RPC_METHODS, "RPC_METHODS counts the table");

static const struct {
    const char *name;
    uint16_t status;
} codes[RPC_CODES] = {
    [RPC_OK] = {"OK", 200},
    [RPC_INVALID_REQUEST] = {"INVALID_REQUEST", 400},
    [RPC_METHOD_NOT_FOUND] = {"METHOD_NOT_FOUND", 404},
    [RPC_AUTH] = {"AUTH", 401},
    [RPC_AUTH_UNAUTHORIZED] = {"AUTH_UNAUTHORIZED", 403},
    [RPC_NAMESPACE_NOT_FOUND] = {"NAMESPACE_NOT_FOUND", 404},
    [RPC_NAMESPACE_EXISTS] = {"NAMESPACE_EXISTS", 409},
    [RPC_STREAM_VERSION_CONFLICT] = {"STREAM_VERSION_CONFLICT", 409},
    [RPC_MESSAGE_ID_CONFLICT] = {"MESSAGE_ID_CONFLICT", 409},
    [RPC_QUOTA_EXCEEDED] = {"QUOTA_EXCEEDED", 403},
    [RPC_BACKEND_ERROR] = {"BACKEND_ERROR", 500},
    [RPC_INTERNAL_ERROR] = {"INTERNAL_ERROR", 500},
    [RPC_UNAVAILABLE] = {"UNAVAILABLE", 503},
};

/* --- Opening, figures ----------------------------------------------------------------------- */

static mr_slice method_name(size_t method)
{
    return method < RPC_METHODS ? mr_slice_text(rpc_methods[method].name) : MR_SLICE("unknown");
}

static mr_code open_metrics(mr_rpc *rpc, mr_error *err)
{
    static const uint64_t bounds_ns[] = {
        50000,    100000,   200000,    500000,    1000000,   2000000,    5000000,    10000000,
        20000000, 50000000, 100000000, 200000000, 500000000, 1000000000, 2000000000, 5000000000,
    };
    mr_metrics *metrics = rpc->options.metrics;
    mr_metric_family *seconds, *connections;
    MR_TRY(mr_metrics_family(metrics,
                             &(mr_metric_decl){.name = "millrace_store_requests_total",
                                               .help = "Calls of /rpc by method and result.",
                                               .type = MR_METRIC_COUNTER,
                                               .labels = {"method", "code"}},
                             &rpc->requests, err));
    MR_TRY(mr_metrics_family(metrics,
                             &(mr_metric_decl){.name = "millrace_store_request_seconds",
                                               .help = "From a call's arrival to its answer.",
                                               .type = MR_METRIC_HISTOGRAM,
                                               .decimals = 9,
                                               .labels = {"method"},
                                               .bounds = bounds_ns,
                                               .bound_count = MR_COUNT_OF(bounds_ns)},
                             &seconds, err));
    for (size_t i = 0; i <= RPC_METHODS; i++) {
        const mr_slice name = method_name(i);
        MR_TRY(mr_metrics_buckets(seconds, &name, &rpc->seconds[i], err));
    }
    /* The server's own family, whoever declares it first. */
    MR_TRY(mr_metrics_family(metrics,
                             &(mr_metric_decl){.name = "millrace_http_connections",
                                               .help = "Open connections.",
                                               .type = MR_METRIC_GAUGE},
                             &connections, err));
    return mr_metrics_gauge(connections, NULL, &rpc->connections, err);
}

mr_code mr_rpc_open(const mr_rpc_options *options, mr_rpc **out, mr_error *err)
{
    mr_rpc *rpc = mr_mem_zalloc(sizeof *rpc);
    if (rpc == NULL) return mr_fail(err, MR_ERR_NOMEM, "no memory left for /rpc");
    rpc->options = *options;
    rpc->auth = (mr_auth){.store = options->store, .test_mode = options->test_mode};
    const mr_code rc = options->metrics != NULL ? open_metrics(rpc, err) : MR_OK;
    if (rc != MR_OK) {
        mr_mem_free(rpc);
        return rc;
    }
    *out = rpc;
    return MR_OK;
}

void mr_rpc_close(mr_rpc *rpc)
{
    mr_mem_free(rpc);
}

bool mr_rpc_administers(const mr_rpc *rpc, mr_slice space_id)
{
    const mr_rpc_options *options = &rpc->options;
    if (options->admin_namespace_count == 0) return true;
    for (size_t i = 0; i < options->admin_namespace_count; i++)
        if (mr_slice_is(options->admin_namespaces[i], "*") ||
            mr_slice_equal(options->admin_namespaces[i], space_id))
            return true;
    return false;
}

static void count_call(mr_rpc *rpc, size_t method, rpc_code code, int64_t started_ns)
{
    if (rpc->requests == NULL) return;
    _Atomic(mr_counter *) *place = &rpc->counts[method][code];
    mr_counter *counter = atomic_load_explicit(place, memory_order_acquire);
    if (MR_UNLIKELY(counter == NULL)) {
        const mr_slice labels[] = {method_name(method), mr_slice_text(codes[code].name)};
        if (mr_metrics_counter(rpc->requests, labels, &counter, NULL) != MR_OK) return;
        atomic_store_explicit(place, counter, memory_order_release); /* with the load above */
    }
    mr_counter_add(counter, 1);
    const int64_t took_ns = mr_clock_ns() - started_ns;
    mr_buckets_observe(rpc->seconds[method], took_ns > 0 ? (uint64_t)took_ns : 0);
}

/* --- The end of a call ---------------------------------------------------------------------- */

void rpc_end(rpc_call *call, rpc_code code)
{
    count_call(call->rpc, call->method, code, call->started_ns);
    if (call->target != NULL) mr_space_release(call->target);
    if (call->caller.space != NULL) mr_space_release(call->caller.space);
    call->target = call->caller.space = NULL;
}

bool rpc_refuse_with(rpc_call *call, rpc_code code, const mr_answer_error *error)
{
    mr_answer_error named = *error;
    named.code = codes[code].name;
    if (named.status == 0) named.status = codes[code].status;
    mr_answer_refuse(call->request, &named);
    rpc_end(call, code);
    return false;
}

bool rpc_refuse(rpc_call *call, rpc_code code, const char *format, ...)
{
    mr_error err;
    char text[sizeof err.text];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    /* Through an error, which keeps the text in one line. */
    (void)mr_fail(&err, MR_ERR_INPUT, "%s", text);
    return rpc_refuse_with(call, code, &(mr_answer_error){.message = mr_slice_text(err.text)});
}

bool rpc_no_room(rpc_call *call)
{
    return rpc_invalid(call, "the arguments need more memory than a request may take");
}

mr_buffer *rpc_out(rpc_call *call)
{
    call->out = mr_http_output(call->request);
    call->failed = call->comma = false;
    return call->out;
}

void rpc_answer(rpc_call *call)
{
    if (call->failed) {
        rpc_refuse(call, RPC_INTERNAL_ERROR, "the answer is larger than the server may hold");
        return;
    }
    mr_http_reply(call->request, &(mr_http_response){.status = 200,
                                                     .content_type = MR_SLICE("application/json"),
                                                     .body = mr_buffer_slice(call->out),
                                                     .body_stays = true});
    rpc_end(call, RPC_OK);
}

/* --- Namespaces and ops --------------------------------------------------------------------- */

bool rpc_has_space(rpc_call *call)
{
    if (MR_LIKELY(call->caller.space != NULL)) return true;
    return rpc_refuse(call, RPC_NAMESPACE_NOT_FOUND, "Namespace '%.*s' not found",
                      (int)call->caller.id_len, call->caller.id);
}

bool rpc_may_administer(rpc_call *call, mr_slice space_id, bool own)
{
    const mr_slice caller = {call->caller.id, call->caller.id_len};
    if (own && mr_slice_equal(caller, space_id)) return true;
    if (mr_rpc_administers(call->rpc, caller)) return true;
    return rpc_refuse_with(
        call, RPC_AUTH_UNAUTHORIZED,
        &(mr_answer_error){.message = MR_SLICE("This token may not administer namespaces"),
                           .details = {{.name = "namespace", .text = caller}},
                           .detail_count = 1});
}

static void on_resumed(MR_UNUSED mr_http_request *request, void *context)
{
    rpc_call *call = context;
    call->finish(call);
}

/* On a thread of the store. */
static void on_done(mr_op *op)
{
    rpc_call *call = MR_CONTAINER_OF(op, rpc_call, u);
    mr_http_resume(call->request, on_resumed, call);
}

void rpc_submit(rpc_call *call, mr_op_kind kind, mr_space *space, void (*finish)(rpc_call *))
{
    call->finish = finish;
    call->u.op.kind = kind;
    call->u.op.space = space;
    call->u.op.done = on_done;
    call->u.op.fault.code = MR_FAULT_NONE;
    mr_http_defer(call->request);
    mr_message_store_submit(call->rpc->options.store, &call->u.op);
}

static bool refuse_version(rpc_call *call, const mr_fault *fault)
{
    mr_error text;
    (void)mr_fail(&text, MR_ERR_CONFLICT, "Expected version %lld, stream is at version %lld",
                  (long long)fault->expected, (long long)fault->actual);
    return rpc_refuse_with(
        call, RPC_STREAM_VERSION_CONFLICT,
        &(mr_answer_error){.message = mr_slice_text(text.text),
                           .details = {{.name = "expected", .number = fault->expected},
                                       {.name = "actual", .number = fault->actual},
                                       {.name = "index", .number = (int64_t)fault->at}},
                           .detail_count = call->many ? 3 : 2});
}

/* With the place of the message in a call that has many. */
static bool refuse_indexed(rpc_call *call, rpc_code code, const mr_fault *fault)
{
    return rpc_refuse_with(
        call, code,
        &(mr_answer_error){.message = mr_slice_text(fault->error.text),
                           .details = {{.name = "index", .number = (int64_t)fault->at}},
                           .detail_count = call->many});
}

bool rpc_succeeded(rpc_call *call)
{
    const mr_fault fault = call->u.op.fault;
    switch (fault.code) {
    case MR_FAULT_NONE: return true;
    case MR_FAULT_VERSION: return refuse_version(call, &fault);
    case MR_FAULT_ID_TAKEN:
    case MR_FAULT_POSITION: return refuse_indexed(call, RPC_MESSAGE_ID_CONFLICT, &fault);
    case MR_FAULT_NO_SPACE:
        return rpc_refuse(call, RPC_NAMESPACE_NOT_FOUND, "%s", fault.error.text);
    case MR_FAULT_SPACE_EXISTS:
        return rpc_refuse(call, RPC_NAMESPACE_EXISTS, "%s", fault.error.text);
    case MR_FAULT_QUOTA: return rpc_refuse(call, RPC_QUOTA_EXCEEDED, "%s", fault.error.text);
    case MR_FAULT_INPUT: return refuse_indexed(call, RPC_INVALID_REQUEST, &fault);
    case MR_FAULT_CLOSED: return rpc_refuse(call, RPC_UNAVAILABLE, "%s", fault.error.text);
    case MR_FAULT_BACKEND: return rpc_refuse(call, RPC_BACKEND_ERROR, "%s", fault.error.text);
    }
    return rpc_refuse(call, RPC_INTERNAL_ERROR, "the storage gave an unknown result");
}

/* --- The order of checks -------------------------------------------------------------------- */

static bool refuse_json(rpc_call *call, const mr_scan *scan)
{
    mr_error err;
    (void)mr_scan_fail(scan, &err);
    return rpc_refuse_with(
        call, RPC_INVALID_REQUEST,
        &(mr_answer_error){.message = MR_SLICE("The request is not JSON"),
                           .details = {{.name = "error", .text = mr_slice_text(err.text)}},
                           .detail_count = 1});
}

/* Reads the array and keeps what a method can look at; the method's name comes first. */
static void scan_elements(rpc_call *call, mr_scan *scan, mr_scan_value *name)
{
    mr_scan_value value;
    size_t count = 0;
    if (!mr_scan_enter(scan, MR_SCAN_ARRAY)) return;
    while (mr_scan_element(scan) && mr_scan_next(scan, &value)) {
        if (count == 0)
            *name = value;
        else if (count <= RPC_ARGS_MAX)
            call->args[count - 1] = value;
        count++;
    }
    call->arg_count = count > 0 ? count - 1 : 0;
}

static bool scan_body(rpc_call *call, mr_scan_value *name)
{
    mr_scan scan;
    mr_scan_value other;
    mr_scan_init(&scan, mr_http_body(call->request));
    call->body_utf8 = scan.utf8;
    *name = (mr_scan_value){.kind = MR_SCAN_NONE};
    const mr_scan_kind kind = mr_scan_peek(&scan);
    if (MR_LIKELY(kind == MR_SCAN_ARRAY))
        scan_elements(call, &scan, name);
    else
        (void)!mr_scan_next(&scan, &other);
    if (!mr_scan_finish(&scan)) return refuse_json(call, &scan);
    if (kind != MR_SCAN_ARRAY && kind != MR_SCAN_NULL)
        return rpc_invalid(call, "The request must be an array: [method, arguments...]");
    if (name->kind == MR_SCAN_NONE)
        return rpc_invalid(call, "The request must not be empty: [method, arguments...]");
    return true;
}

static bool find_method(rpc_call *call, const mr_scan_value *value)
{
    mr_slice name;
    if (value->kind != MR_SCAN_STRING)
        return rpc_invalid(call, "The first element must be a string, the method's name");
    if (!mr_scan_text(value, call->arena, &name)) return rpc_no_room(call);
    for (size_t i = 0; i < RPC_METHODS; i++)
        if (mr_slice_is(name, rpc_methods[i].name)) {
            call->method = i;
            return true;
        }
    if (name.len > RPC_DETAIL_TEXT) name.len = RPC_DETAIL_TEXT;
    return rpc_refuse(call, RPC_METHOD_NOT_FOUND, "Unknown method: %.*s", MR_SLICE_ARGS(name));
}

static bool find_arguments(rpc_call *call)
{
    const rpc_method *method = &rpc_methods[call->method];
    if (call->arg_count >= method->args_min) return true;
    return rpc_invalid(call, "%s needs at least %zu argument%s, found %zu", method->name,
                       method->args_min, method->args_min == 1 ? "" : "s", call->arg_count);
}

static void run(rpc_call *call)
{
    mr_scan_value name;
    if (mr_http_method_of(call->request) != MR_HTTP_POST) {
        rpc_refuse_with(
            call, RPC_INVALID_REQUEST,
            &(mr_answer_error){.status = 405, .message = MR_SLICE("Only POST is served here")});
        return;
    }
    if (!scan_body(call, &name) || !find_method(call, &name) || !find_arguments(call)) return;
    rpc_methods[call->method].run(call);
}

void mr_rpc_handle(mr_http_request *request, void *context)
{
    mr_rpc *rpc = context;
    const int64_t started_ns = mr_clock_ns();
    rpc_call *call = mr_arena_take(mr_http_arena(request), sizeof *call);
    if (call == NULL) {
        mr_http_reply_error(request, 503, codes[RPC_UNAVAILABLE].name,
                            MR_SLICE("no memory left for the request"));
        return;
    }
    call->rpc = rpc;
    call->request = request;
    call->arena = mr_http_arena(request);
    call->method = RPC_METHODS;
    call->started_ns = started_ns;
    if (mr_auth_admit(&rpc->auth, request, &call->caller))
        run(call);
    else
        rpc_end(call, RPC_AUTH);
}
