/* SPDX-License-Identifier: MIT
 *
 * store/service.h - the message store as a service: storage, HTTP servers and what lies between.
 *
 *     mr_http_server x io_threads  --->  routes  --->  mr_rpc, mr_subscriptions, mr_importer
 *                                                            |
 *                                                            v
 *                                                     mr_message_store
 *
 *     POST /rpc          methods, as a JSON array                         a token
 *     /subscribe         server-sent events                               a token
 *     /import            JSON lines                                       a token
 *     /health, /version  for whoever asks; storage is not touched         open
 *     /healthz, /readyz  the same in plain text                           open
 *     /metrics, /status, /debug/heap, /debug/threads                      an administering token,
 *                                                                         or open when so set
 *
 * Its life: open (binds; databases are brought up to date), the default namespace, start, stop,
 * close. It logs nothing; who opens it is told of every answer through `on_answer`.
 *
 * Thread: one, except for what handlers do on the loops' threads. */
#ifndef MR_STORE_SERVICE_H
#define MR_STORE_SERVICE_H

#include "http/server.h"
#include "store/store.h"

/* The version of the wire protocol that we speak, as EventoDB's clients know it. */
#define MR_SERVICE_PROTOCOL_VERSION "0.7.0"

#define MR_DEFAULT_SPACE "default"

typedef struct mr_service_options {
    mr_message_store_options store; /* `metrics` is the service's own */
    mr_slice address;               /* see http/listen.h */
    uint32_t io_threads;            /* 0: by the number of processors */
    mr_http_limits limits;
    const char *tls_certificate, *tls_key; /* NULL: plain HTTP */
    const char *cors_origin;               /* NULL: no headers */
    bool test_mode;                        /* tokens are not needed */
    bool metrics_open;
    const char *const *admin_spaces; /* whose tokens administer; borrowed until close */
    size_t admin_space_count;        /* 0: any */
    uint32_t heartbeat_ms;
    /* A further page for tokens that administer: GET; NULL path: none. Borrowed until close. */
    mr_http_route page;
    /* Called on a loop's thread after each answer. May be NULL; must not wait. */
    void (*on_answer)(const mr_http_access *access, void *context);
    void *on_answer_context;
} mr_service_options;

typedef struct mr_service mr_service;

MR_NODISCARD mr_code mr_service_open(const mr_service_options *options, mr_service **out,
                                     mr_error *err);

typedef enum mr_default_space {
    MR_DEFAULT_THERE = 0, /* it was there, and its token is as it was */
    MR_DEFAULT_MADE,
    MR_DEFAULT_ROTATED, /* it was there and has a new token now */
} mr_default_space;

/* Sees to it that the namespace `default` exists. A `given` token (may be empty) becomes that of a
 * new one and must be that of one that is there: MR_ERR_CONFLICT, unless `rotate`. Where none is
 * given but one is needed it is made and written to `token` (MR_TOKEN_TEXT_MAX bytes and a NUL),
 * which else is empty: nobody will be able to tell it again. */
MR_NODISCARD mr_code mr_service_default_space(mr_service *service, mr_slice given, bool rotate,
                                              mr_default_space *out, char *token, mr_error *err);

MR_NODISCARD mr_code mr_service_start(mr_service *service, mr_error *err);

/* "127.0.0.1:8080" as bound, and the namespaces there are. */
const char *mr_service_address(const mr_service *service);
mr_message_store *mr_service_store(mr_service *service);
mr_metrics *mr_service_metrics(mr_service *service);

/* Reads certificate and key again; connections that are open keep the old ones. After an error the
 * old ones stay in use. */
MR_NODISCARD mr_code mr_service_reload_tls(mr_service *service, mr_error *err);

/* True when the certificate deserves a word, such as that it ends soon; `out` holds it. */
bool mr_service_tls_warning(mr_service *service, mr_error *out);

/* Ends subscriptions, then lets running requests finish, at most `grace_ms`. */
void mr_service_stop(mr_service *service, uint32_t grace_ms);
/* Stops if need be; closes the databases. NULL is harmless. */
void mr_service_close(mr_service *service);

#endif
