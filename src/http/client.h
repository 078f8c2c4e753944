/* SPDX-License-Identifier: MIT
 *
 * http/client.h - requests to other people's servers, one after the other, over kept connections.
 *
 *     mr_http_client *client;
 *     mr_http_client_open(&(mr_http_client_options){0}, &client, err)
 *     mr_http_call call = {.url = "http://127.0.0.1:8080/rpc", .body = json, .into = &answer};
 *     mr_http_client_call(client, &call, err)      then call.status, and the answer in `answer`
 *     mr_http_client_close(client)
 *
 * A call that returns MR_OK got a whole answer, of whatever status. The body of a good answer (200
 * to 299) goes piece by piece to `consume` or else into `into`; of another answer as much as fits
 * goes into `into`, for the error's text. Bodies are sent from memory or made by `produce` while
 * they are sent; answers are received meanwhile, so both ends may stream at once.
 *
 * The work is done by libcurl, which is loaded when the first client is opened. It speaks HTTP/1.1
 * and TLS, keeps connections for the next call, and goes through proxies as the environment says
 * (http_proxy, https_proxy, no_proxy). Redirects are not followed: their status is the caller's. A
 * kept connection that the server closed meanwhile is replaced and the request sent again, so a
 * request may arrive twice.
 *
 * Errors name the method and the URL without user, password and query, and say what to do.
 *
 * Thread: a client belongs to one thread; use several for calls at the same time. */
#ifndef MR_HTTP_CLIENT_H
#define MR_HTTP_CLIENT_H

#include "core/buffer.h"
#include "http/request.h"
#include "remote/fault.h"

#define MR_HTTP_CLIENT_CONNECT_MS 10000
#define MR_HTTP_CLIENT_IDLE_MS    60000

typedef struct mr_http_client_options {
    uint32_t connect_ms;   /* name, connection and TLS; 0: MR_HTTP_CLIENT_CONNECT_MS */
    uint32_t idle_ms;      /* without a byte in either direction; 0: MR_HTTP_CLIENT_IDLE_MS */
    uint32_t send_idle_ms; /* the same while the request is being sent; 0: as idle_ms */
    uint32_t unused_s;     /* a kept connection is not used again after this; 0: libcurl's 118 */
    uint32_t keep_alive_s; /* between probes of an idle connection; 0: libcurl's 60 */
    uint64_t whole_ms;     /* from the call to the answer's last byte; 0: no limit */
    const char *ca_file;   /* PEM: who may sign the server's certificate; NULL: the system's */
    bool insecure;         /* any certificate will do */
    const char *cert_file; /* PEM: a certificate to show to the server, and its key; NULL: none */
    const char *key_file;
    const char *user_agent; /* NULL: millrace/VERSION */
    /* Asked several times a second while a call waits; its error ends the call. May be NULL. */
    mr_code (*may_go_on)(void *context, mr_error *err);
    void *context;
} mr_http_client_options;

typedef struct mr_http_call {
    const char *method; /* NULL: GET without a body, POST with one */
    const char *url;    /* http:// or https:// */
    const mr_http_line *lines;
    size_t line_count;
    mr_slice body; /* borrowed for the call; ptr NULL: none */
    /* Writes up to `room` (> 0) bytes of the body to `to`; none is the end. Its error ends the
     * call. The request is chunked. */
    mr_code (*produce)(void *context, char *to, size_t room, size_t *out_len, mr_error *err);
    /* Takes the next bytes of a good answer. Its error ends the call. */
    mr_code (*consume)(void *context, mr_slice bytes, mr_error *err);
    void *context;
    /* Otherwise the answer is appended here; MR_ERR_LIMIT beyond its `max`. NULL: thrown away. */
    mr_buffer *into;
    /* results */
    unsigned status; /* 0 when there was none */
    int64_t
        retry_after_s; /* as the Retry-After header asks, in seconds or by date; 0: it does not */
    mr_fault_class fault;  /* of the answer, or of there being none */
    char content_type[64]; /* cut; empty when there is none */
} mr_http_call;

typedef struct mr_http_client mr_http_client;

/* Texts of `options` are copied. */
MR_NODISCARD mr_code mr_http_client_open(const mr_http_client_options *options,
                                         mr_http_client **out, mr_error *err);
/* NULL is harmless. */
void mr_http_client_close(mr_http_client *client);

/* Makes one request and receives its answer. MR_ERR_IO: no answer, or not all of it; MR_ERR_USAGE:
 * a malformed URL, header or CA file, or a certificate that is not trusted; else as a callback
 * said. Results are set either way, as far as they are known. */
MR_NODISCARD mr_code mr_http_client_call(mr_http_client *client, mr_http_call *call, mr_error *err);

/* `url` without user, password, query and fragment, as errors show it; cut to fit. */
void mr_http_url_shown(const char *url, char *out, size_t size);

#endif
