/* SPDX-License-Identifier: MIT */
#include "store/service.h"

#include <stdatomic.h>
#include <stdio.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/mem.h"
#include "http/admin.h"
#include "http/group.h"
#include "metrics/process.h"
#include "store/auth.h"
#include "store/import.h"
#include "store/rpc.h"
#include "store/service_metrics.h"
#include "store/subscribe.h"

#define IO_THREADS_DEFAULT 8u /* at most, when the number is ours to choose */
#define OPEN_ROUTES        8
#define CORS_LINES         3
#define GUARDED_ROUTES     5
#define ROUTES_MAX         (OPEN_ROUTES + GUARDED_ROUTES + 2)

/* An admin page behind the check of the caller's token. */
typedef struct guarded {
    mr_service *service;
    mr_http_handler *handler;
    void *context;
} guarded;

struct mr_service {
    mr_service_options options;
    mr_metrics *metrics;
    mr_message_store *store;
    mr_auth auth;
    mr_slice *admin_spaces;
    mr_rpc *rpc;
    mr_subscriptions *subscriptions;
    mr_importer *importer;
    mr_admin admin;
    guarded guards[GUARDED_ROUTES];
    mr_http_route routes[ROUTES_MAX];
    size_t route_count;
    mr_service_counters count; /* aligned, as the service is */
    mr_http_line cors[CORS_LINES];
    size_t cors_count; /* 0: no headers */
    mr_http_tls *tls;  /* NULL: without */
    mr_http_group *servers;
    atomic_bool ready; /* set by start, cleared by stop; read by /readyz */
    bool stopped;
};

/* --- Pages that need nothing ---------------------------------------------------------------- */

static void reply_json(mr_http_request *request, mr_slice body)
{
    mr_http_reply(request, &(mr_http_response){.status = 200,
                                               .content_type = MR_SLICE("application/json"),
                                               .body = body,
                                               .body_stays = true});
}

static void serve_health(mr_http_request *request, MR_UNUSED void *context)
{
    reply_json(request, MR_SLICE("{\"status\":\"ok\"}"));
}

static void serve_version(mr_http_request *request, MR_UNUSED void *context)
{
    reply_json(request, MR_SLICE("{\"version\":\"" MR_SERVICE_PROTOCOL_VERSION
                                 "\",\"server\":\"millrace/" MR_VERSION "\"}"));
}

/* --- Browsers ------------------------------------------------------------------------------- */

/* What a page of another origin asks before its first request. */
static void serve_preflight(mr_http_request *request, MR_UNUSED void *context)
{
    const mr_http_line lines[] = {
        {"Access-Control-Allow-Methods", MR_SLICE("GET, POST, OPTIONS")},
        {"Access-Control-Allow-Headers", MR_SLICE("Authorization, Content-Type, Last-Event-ID")},
        {"Access-Control-Max-Age", MR_SLICE("600")},
    };
    mr_http_reply(request, &(mr_http_response){.status = 204,
                                               .lines = lines,
                                               .line_count = MR_COUNT_OF(lines),
                                               .body_stays = true});
}

/* The answer depends on who asks unless everybody may. */
static void set_cors(mr_service *service)
{
    const char *origin = service->options.cors_origin;
    if (origin == NULL) return;
    service->cors[0] = (mr_http_line){"Access-Control-Allow-Origin", mr_slice_text(origin)};
    service->cors[1] = (mr_http_line){"Access-Control-Expose-Headers", MR_SLICE("X-Request-Id")};
    service->cors[2] = (mr_http_line){"Vary", MR_SLICE("Origin")};
    service->cors_count = strcmp(origin, "*") == 0 ? 2 : 3;
}

/* --- Pages that need an administering token ------------------------------------------------- */

static void serve_guarded(mr_http_request *request, void *context)
{
    const guarded *page = context;
    mr_service *service = page->service;
    if (!service->options.metrics_open && !service->options.test_mode) {
        mr_caller caller;
        if (!mr_auth_admit(&service->auth, request, &caller)) return;
        if (caller.space != NULL) mr_space_release(caller.space);
        if (!mr_rpc_administers(service->rpc, mr_slice_of(caller.id, caller.id_len))) {
            mr_http_reply_error(request, 403, "AUTH_UNAUTHORIZED",
                                MR_SLICE("this namespace's tokens do not administer the server"));
            return;
        }
    }
    page->handler(request, page->context);
}

static bool is_ready(void *context, mr_buffer *why)
{
    const mr_service *service = context;
    if (atomic_load_explicit(&service->ready, memory_order_relaxed)) return true;
    if (mr_buffer_append(why, MR_SLICE("stopping\n"), NULL) != MR_OK) mr_buffer_reset(why);
    return false;
}

static mr_code write_status(void *context, mr_buffer *out, mr_error *err)
{
    const mr_service *service = context;
    const int64_t started = mr_process_start_seconds();
    const int64_t now = mr_clock_wall_ns() / MR_NS_PER_S;
    return mr_buffer_printf(out, err,
                            "{\"version\":\"%s\",\"uptime_seconds\":%lld,\"backend\":\"%s\","
                            "\"address\":\"%s\",\"test_mode\":%s}\n",
                            MR_VERSION,
                            (long long)(started > 0 && now > started ? now - started : 0),
                            mr_message_store_backend(service->store), mr_service_address(service),
                            service->options.test_mode ? "true" : "false");
}

/* --- Routes --------------------------------------------------------------------------------- */

static void add_route(mr_service *service, mr_http_route route)
{
    assert(service->route_count < ROUTES_MAX);
    service->routes[service->route_count++] = route;
}

static bool is_open_page(const char *path)
{
    return strcmp(path, "/healthz") == 0 || strcmp(path, "/readyz") == 0;
}

static void guard_route(mr_service *service, mr_http_route *route, guarded *guard)
{
    *guard = (guarded){service, route->handler, route->context};
    route->handler = serve_guarded;
    route->context = guard;
}

static void add_admin_routes(mr_service *service)
{
    mr_http_route pages[MR_ADMIN_ROUTES];
    size_t guards = 0;
    service->admin = (mr_admin){
        .metrics = service->metrics, .ready = is_ready, .status = write_status, .context = service};
    mr_admin_routes(&service->admin, pages);
    for (size_t i = 0; i < MR_ADMIN_ROUTES; i++) {
        if (!is_open_page(pages[i].path))
            guard_route(service, &pages[i], &service->guards[guards++]);
        add_route(service, pages[i]);
    }
    mr_http_route page = service->options.page;
    if (page.path == NULL) return;
    guard_route(service, &page, &service->guards[guards]);
    add_route(service, page);
}

static void add_preflights(mr_service *service)
{
    static const char *const paths[] = {"/rpc", "/subscribe", "/import"};
    for (size_t i = 0; i < MR_COUNT_OF(paths) && service->cors_count > 0; i++)
        add_route(service, (mr_http_route){.method = MR_HTTP_OPTIONS,
                                           .path = paths[i],
                                           .handler = serve_preflight});
}

static void add_routes(mr_service *service)
{
    add_preflights(service); /* before the routes that take any method */
    add_route(service, (mr_http_route){.method = MR_HTTP_ANY,
                                       .path = "/rpc",
                                       .handler = mr_rpc_handle,
                                       .context = service->rpc});
    add_route(service, (mr_http_route){.method = MR_HTTP_ANY,
                                       .path = "/subscribe",
                                       .handler = mr_subscribe_serve,
                                       .context = service->subscriptions});
    add_route(service, (mr_http_route){.method = MR_HTTP_ANY,
                                       .path = "/import",
                                       .handler = mr_import_serve,
                                       .context = service->importer,
                                       .in_pieces = true,
                                       .body_bytes_max = UINT64_MAX});
    add_route(service,
              (mr_http_route){.method = MR_HTTP_ANY, .path = "/health", .handler = serve_health});
    add_route(service,
              (mr_http_route){.method = MR_HTTP_ANY, .path = "/version", .handler = serve_version});
    add_admin_routes(service);
}

/* --- Opening -------------------------------------------------------------------------------- */

static uint32_t io_threads(const mr_service_options *options)
{
    if (options->io_threads > 0)
        return (uint32_t)mr_min_u64(options->io_threads, MR_HTTP_LOOPS_MAX);
    const long count = sysconf(_SC_NPROCESSORS_ONLN);
    return count < 1 ? 1 : (uint32_t)mr_min_u64((uint64_t)count, IO_THREADS_DEFAULT);
}

static mr_code copy_admin_spaces(mr_service *service, mr_error *err)
{
    const size_t count = service->options.admin_space_count;
    service->admin_spaces = mr_mem_zalloc((count + 1) * sizeof *service->admin_spaces);
    if (service->admin_spaces == NULL) return mr_fail(err, MR_ERR_NOMEM, "no memory left");
    for (size_t i = 0; i < count; i++)
        service->admin_spaces[i] = mr_slice_text(service->options.admin_spaces[i]);
    return MR_OK;
}

static mr_code open_parts(mr_service *service, mr_error *err)
{
    const mr_service_options *options = &service->options;
    MR_TRY(mr_metrics_open(NULL, &service->metrics, err));
    MR_TRY(mr_process_metrics(service->metrics, err));
    service->count.data_dir = options->store.data_dir;
    MR_TRY(mr_service_counters_make(&service->count, service->metrics, err));
    mr_message_store_options store = options->store;
    store.metrics = service->metrics;
    MR_TRY(mr_message_store_open(&store, &service->store, err));
    service->auth = (mr_auth){.store = service->store, .test_mode = options->test_mode};
    MR_TRY(copy_admin_spaces(service, err));
    const mr_rpc_options rpc = {.store = service->store,
                                .test_mode = options->test_mode,
                                .admin_namespaces = service->admin_spaces,
                                .admin_namespace_count = options->admin_space_count,
                                .version = MR_SLICE(MR_SERVICE_PROTOCOL_VERSION),
                                .metrics = service->metrics};
    MR_TRY(mr_rpc_open(&rpc, &service->rpc, err));
    const mr_subscribe_options subscribe = {.store = service->store,
                                            .auth = &service->auth,
                                            .metrics = service->metrics,
                                            .heartbeat_ms = options->heartbeat_ms};
    MR_TRY(mr_subscriptions_open(&subscribe, &service->subscriptions, err));
    return mr_importer_open(service->store, &service->auth, &service->importer, err);
}

static void on_answer(const mr_http_access *access, void *context)
{
    mr_service *service = context;
    mr_service_count(&service->count, access);
    if (service->options.on_answer != NULL)
        service->options.on_answer(access, service->options.on_answer_context);
}

/* As EventoDB's clients know them. */
static const mr_http_error_code error_codes[] = {
    {400, "INVALID_REQUEST"}, {404, "NOT_FOUND"},       {405, "INVALID_REQUEST"},
    {408, "INVALID_REQUEST"}, {411, "INVALID_REQUEST"}, {413, "INVALID_REQUEST"},
    {414, "INVALID_REQUEST"}, {417, "INVALID_REQUEST"}, {431, "INVALID_REQUEST"},
};

static mr_code open_servers(mr_service *service, mr_error *err)
{
    const char *certificate = service->options.tls_certificate;
    if (certificate != NULL)
        MR_TRY(mr_http_tls_open(certificate, service->options.tls_key, &service->tls, err));
    const mr_http_options options = {.address = service->options.address,
                                     .routes = service->routes,
                                     .route_count = service->route_count,
                                     .metrics = service->metrics,
                                     .limits = service->options.limits,
                                     .lines = service->cors,
                                     .line_count = service->cors_count,
                                     .tls = service->tls,
                                     .name = MR_SLICE("millrace/" MR_VERSION),
                                     .send_request_id = true,
                                     .error_codes = error_codes,
                                     .error_code_count = MR_COUNT_OF(error_codes),
                                     .on_answer = on_answer,
                                     .on_answer_context = service};
    return mr_http_group_open(&options, io_threads(&service->options), &service->servers, err);
}

mr_code mr_service_open(const mr_service_options *options, mr_service **out, mr_error *err)
{
    mr_service *service = mr_mem_alloc_aligned(MR_CACHE_LINE, sizeof *service);
    if (service == NULL) return mr_fail(err, MR_ERR_NOMEM, "no memory left for the service");
    memset(service, 0, sizeof *service);
    service->options = *options;
    mr_code rc = open_parts(service, err);
    if (rc == MR_OK) {
        set_cors(service);
        add_routes(service);
        rc = open_servers(service, err);
    }
    if (rc != MR_OK) {
        mr_service_close(service);
        return rc;
    }
    *out = service;
    return MR_OK;
}

/* --- The default namespace ------------------------------------------------------------------ */

/* Makes the namespace or gives it a new token. */
static mr_code set_default(mr_service *service, mr_op_kind kind, mr_slice token, mr_error *err)
{
    char hash[MR_TOKEN_HASH_MAX];
    mr_token_hash(token, hash);
    mr_space_op op = {.op = {.kind = kind},
                      .id = MR_SLICE(MR_DEFAULT_SPACE),
                      .token_hash = mr_slice_text(hash),
                      .description = MR_SLICE("Default namespace")};
    return mr_message_store_call(service->store, &op.op, err);
}

mr_code mr_service_default_space(mr_service *service, mr_slice given, bool rotate,
                                 mr_default_space *out, char *token, mr_error *err)
{
    const mr_slice id = MR_SLICE(MR_DEFAULT_SPACE);
    mr_space *space = mr_message_store_find(service->store, id);
    const bool is_there = space != NULL;
    const bool admits = is_there && given.len > 0 && mr_space_admits(space, given);
    if (space != NULL) mr_space_release(space);
    token[0] = 0;
    if (is_there && (admits || (given.len == 0 && !rotate))) {
        *out = MR_DEFAULT_THERE;
        return MR_OK;
    }
    if (is_there && !rotate)
        return mr_fail(err, MR_ERR_CONFLICT,
                       "the token given is not that of the namespace 'default': give the right one "
                       "or none, or make this the right one with --rotate-token");
    if (given.len == 0) {
        const size_t len = mr_token_make(id, token);
        if (len == 0) return mr_fail(err, MR_ERR_IO, "the system has no randomness to give");
        token[len] = 0;
        given = mr_slice_of(token, len);
    }
    MR_TRY(set_default(service, is_there ? MR_OP_SPACE_ROTATE : MR_OP_SPACE_CREATE, given, err));
    *out = is_there ? MR_DEFAULT_ROTATED : MR_DEFAULT_MADE;
    return MR_OK;
}

/* --- Running -------------------------------------------------------------------------------- */

mr_code mr_service_start(mr_service *service, mr_error *err)
{
    atomic_store(&service->ready, true);
    return mr_http_group_start(service->servers, err);
}

const char *mr_service_address(const mr_service *service)
{
    return mr_http_group_address(service->servers);
}

mr_message_store *mr_service_store(mr_service *service)
{
    return service->store;
}

mr_metrics *mr_service_metrics(mr_service *service)
{
    return service->metrics;
}

mr_code mr_service_reload_tls(mr_service *service, mr_error *err)
{
    return service->tls != NULL ? mr_http_tls_reload(service->tls, err) : MR_OK;
}

bool mr_service_tls_warning(mr_service *service, mr_error *out)
{
    return service->tls != NULL && mr_http_tls_warning(service->tls, out);
}

void mr_service_stop(mr_service *service, uint32_t grace_ms)
{
    if (service->stopped) return;
    service->stopped = true;
    atomic_store(&service->ready, false);
    if (service->servers != NULL) mr_http_group_stop(service->servers, grace_ms);
}

/* In this order: whoever still works for a request gives it back before its server goes, and has no
 * more to do with that server when it does. */
void mr_service_close(mr_service *service)
{
    if (service == NULL) return;
    mr_service_stop(service, 0);
    if (service->subscriptions != NULL) mr_subscriptions_settle(service->subscriptions);
    if (service->importer != NULL) mr_importer_settle(service->importer);
    if (service->store != NULL) mr_message_store_finish(service->store);
    if (service->servers != NULL) mr_http_group_close(service->servers);
    mr_http_tls_close(service->tls);
    mr_importer_close(service->importer);
    mr_subscriptions_close(service->subscriptions);
    mr_rpc_close(service->rpc);
    mr_message_store_close(service->store);
    mr_metrics_close(service->metrics);
    mr_mem_free(service->admin_spaces);
    mr_mem_free(service);
}
