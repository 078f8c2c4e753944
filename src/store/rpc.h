/* SPDX-License-Identifier: MIT
 *
 * store/rpc.h - POST /rpc: the store's methods, one JSON array in, one JSON value out.
 *
 *     ["stream.write", "account-1", {"type":"Opened","data":{}}]  ->  {"position":0,...}
 *
 *     loop's thread                             a thread of the store
 *     authenticate, scan, check, fill an op
 *     mr_message_store_submit()  ------------>  write: one commit for many
 *                                               read: messages become the answer as they come
 *     answer or error            <------------  mr_http_resume()
 *
 * Everything a request needs lies in its own memory (mr_http_arena(), mr_http_output()); slices
 * point into its body. An answer beyond about 1 MiB leaves in pieces, read one after the other.
 *
 * docs/store-api.md describes the methods.
 *
 * Thread: open and close: one thread; the handler runs on the loops of any number of servers. */
#ifndef MR_STORE_RPC_H
#define MR_STORE_RPC_H

#include "http/request.h"
#include "metrics/registry.h"
#include "store/store.h"

typedef struct mr_rpc_options {
    mr_message_store *store; /* borrowed until close */
    bool test_mode;          /* see store/auth.h */
    /* Whose tokens may administer other namespaces; "*" is everybody's. None given: everybody's.
     * Borrowed until close. */
    const mr_slice *admin_namespaces;
    size_t admin_namespace_count;
    mr_slice version;    /* "1.2.3", borrowed until close */
    mr_metrics *metrics; /* borrowed until close; NULL: nothing is counted */
} mr_rpc_options;

typedef struct mr_rpc mr_rpc;

MR_NODISCARD mr_code mr_rpc_open(const mr_rpc_options *options, mr_rpc **out, mr_error *err);
/* No request may be under way: stop the servers, mr_message_store_finish(), close the servers. NULL
 * is harmless. */
void mr_rpc_close(mr_rpc *rpc);

/* An mr_http_handler; `context` is the mr_rpc. Its route is for every method (MR_HTTP_ANY), because
 * who is not known is told so before he is told that only POST is served. */
MR_HOT void mr_rpc_handle(mr_http_request *request, void *context);

/* Whether tokens of `space_id` may administer. */
MR_NODISCARD bool mr_rpc_administers(const mr_rpc *rpc, mr_slice space_id);

#endif
