/* SPDX-License-Identifier: MIT
 *
 * store/subscribe.h - GET /subscribe: who wants to know when something is written, as server-sent
 * events.
 *
 *     event: poke                                     event: message
 *     id: 1234                                        id: 1234
 *     data: {"stream":"account-123",                  data: ["0192...","account-123","Opened",5,
 *            "position":5,"globalPosition":1234}             1234,{...},null,"2026-..."]
 *
 * (each `data` is one line). A subscription is a cursor and a mode. While it catches up, the store
 * is read for it in pages; once it has seen everything that its loop has delivered it is live and
 * takes part in the fan-out. Whoever reads too slowly catches up again, so nothing is dropped, and
 * what waits for a reader is bounded by the output limit of its connection.
 *
 *     stream, category, all=true    one of them; which messages
 *     position                      the first wanted: a stream's position, else a global one
 *     consumer, size                member and size of a consumer group; not with `stream`
 *     catchup=true                  with `all`: what exists comes first, as it does for the others
 *     body=true                     messages in place of pokes
 *
 * The header Last-Event-ID is the global position of the last event that came: what follows it
 * comes next, also with `all`, unless `position` says a later one. After MR_OP_CLEAR a subscription
 * begins again at its `position`.
 *
 * One mr_subscriptions serves any number of loops; what belongs to a loop is touched by its thread
 * alone. The end, in this order: stop the servers, mr_subscriptions_settle(),
 * mr_message_store_finish(), close the servers, mr_subscriptions_close(), close the store.
 *
 * Thread: open, settle and close belong to one thread; the handler runs on the loops'. */
#ifndef MR_STORE_SUBSCRIBE_H
#define MR_STORE_SUBSCRIBE_H

#include "http/request.h"
#include "metrics/registry.h"
#include "store/auth.h"

typedef struct mr_subscriptions mr_subscriptions;

typedef struct mr_subscribe_options {
    mr_message_store *store; /* borrowed until close */
    const mr_auth *auth;     /* borrowed until close */
    mr_metrics *metrics;     /* borrowed until close; NULL: none */
    uint32_t heartbeat_ms;   /* between two comments on an idle stream; 0: 15000 */
} mr_subscribe_options;

MR_NODISCARD mr_code mr_subscriptions_open(const mr_subscribe_options *options,
                                           mr_subscriptions **out, mr_error *err);
/* Returns when no read of it is under way in the store. The servers must have stopped. */
void mr_subscriptions_settle(mr_subscriptions *subscriptions);
/* NULL is harmless. */
void mr_subscriptions_close(mr_subscriptions *subscriptions);

/* Answers GET /subscribe; `context` is the mr_subscriptions. */
void mr_subscribe_serve(mr_http_request *request, void *context);

#endif
