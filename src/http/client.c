/* SPDX-License-Identifier: MIT
 *
 * A call is one transfer on a multi handle of its own: libcurl keeps the connections there, and the
 * waiting is ours, so that it can be ended within WAIT_MS. */
#include "http/client.h"

#include <stdio.h>
#include <strings.h>

#include "core/clock.h"
#include "core/mem.h"
#include "http/curl_internal.h"
#include "http/fault.h"

#define WAIT_MS         100 /* between two looks at may_go_on and the idle time */
#define LINE_BYTES_MAX  ((size_t)64 << 10)
#define UPLOAD_BYTES    (256L << 10)
#define RECEIVE_BYTES   (128L << 10)
#define CONNECTIONS_MAX 4L /* kept; calls are made one at a time, but hosts may differ */

struct mr_http_client {
    const mr_curl *curl;
    CURL *easy;
    CURLM *multi;
    mr_buffer line; /* scratch for header lines */
    mr_http_client_options options;
    char *ca_file, *cert_file, *key_file, *user_agent; /* owned */

    /* Of the call under way. */
    mr_http_call *call;
    mr_code code; /* a callback's error ended it */
    mr_error error;
    int64_t moved_ns; /* when a byte last moved */
    curl_off_t moved_bytes;
    bool sending; /* not all of the request is out */
    char reason[CURL_ERROR_SIZE];
    char shown[200]; /* "POST http://host/path" */
};

/* --- What is shown ---------------------------------------------------------------------------- */

void mr_http_url_shown(const char *url, char *out, size_t size)
{
    const char *const scheme_end = strstr(url, "://");
    const char *const host = scheme_end != NULL ? scheme_end + 3 : url;
    const size_t authority = strcspn(host, "/?#");
    const char *from = host;
    for (size_t i = 0; i < authority; i++)
        if (host[i] == '@') from = host + i + 1;
    const size_t path_end = strcspn(host, "?#");
    const size_t shown = (size_t)(host + path_end - from);
    snprintf(out, size, "%.*s%.*s", (int)(host - url), url, (int)mr_min_u64(shown, size), from);
}

static const char *method_of(const mr_http_call *call)
{
    if (call->method != NULL) return call->method;
    return call->body.ptr != NULL || call->produce != NULL ? "POST" : "GET";
}

/* --- What libcurl calls ----------------------------------------------------------------------- */

static bool is_good(mr_http_client *own)
{
    long status = 0;
    own->curl->easy_getinfo(own->easy, CURLINFO_RESPONSE_CODE, &status);
    return status >= 200 && status <= 299;
}

static mr_code take(mr_http_client *own, mr_slice bytes)
{
    const mr_http_call *const call = own->call;
    const bool good = is_good(own);
    if (good && call->consume != NULL) return call->consume(call->context, bytes, &own->error);
    if (call->into == NULL) return MR_OK;
    if (!good) {
        const size_t room = call->into->max - call->into->len;
        if (bytes.len > room) bytes.len = room;
    }
    return mr_buffer_append(call->into, bytes, &own->error);
}

static size_t on_bytes(char *bytes, size_t size, size_t count, void *context)
{
    mr_http_client *const own = context;
    const mr_slice slice = {bytes, size * count};
    own->code = take(own, slice);
    own->moved_ns = mr_clock_ns();
    return own->code == MR_OK ? slice.len : slice.len + 1; /* any other number ends it */
}

static size_t on_want(char *to, size_t size, size_t count, void *context)
{
    mr_http_client *const own = context;
    size_t len = 0;
    own->code = own->call->produce(own->call->context, to, size * count, &len, &own->error);
    own->moved_ns = mr_clock_ns();
    own->sending = own->code == MR_OK && len > 0;
    return own->code == MR_OK ? len : CURL_READFUNC_ABORT;
}

static int on_progress(void *context, MR_UNUSED curl_off_t down_total, curl_off_t down,
                       MR_UNUSED curl_off_t up_total, curl_off_t up)
{
    mr_http_client *const own = context;
    if (down + up != own->moved_bytes) {
        own->moved_bytes = down + up;
        if (own->call->produce == NULL) own->sending = up < (curl_off_t)own->call->body.len;
        own->moved_ns = mr_clock_ns();
    }
    return 0;
}

/* --- Preparing -------------------------------------------------------------------------------- */

/* Control characters would let a value add headers of its own. */
static bool is_plain(mr_slice text)
{
    for (size_t i = 0; i < text.len; i++)
        if ((unsigned char)text.ptr[i] < ' ' || text.ptr[i] == 0x7f) return false;
    return true;
}

static mr_code add_line(mr_http_client *own, const char *name, mr_slice value,
                        struct curl_slist **list, mr_error *err)
{
    if (!is_plain(value) || !is_plain(mr_slice_text(name)))
        return mr_fail(err, MR_ERR_USAGE, "%s: the header '%s' holds control characters",
                       own->shown, name);
    /* "Name;" is how libcurl is told to send a header without a value. */
    mr_buffer_reset(&own->line);
    MR_TRY(mr_buffer_append(&own->line, mr_slice_text(name), err));
    MR_TRY(mr_buffer_append(&own->line, value.len > 0 ? MR_SLICE(": ") : MR_SLICE(";"), err));
    MR_TRY(mr_buffer_append(&own->line, value, err));
    MR_TRY(mr_buffer_append_byte(&own->line, 0, err));
    struct curl_slist *const longer = own->curl->slist_append(*list, own->line.ptr);
    if (longer == NULL) return mr_fail(err, MR_ERR_NOMEM, "%s: out of memory", own->shown);
    *list = longer;
    return MR_OK;
}

static mr_code add_own(mr_http_client *own, const char *line, struct curl_slist **list,
                       mr_error *err)
{
    struct curl_slist *const longer = own->curl->slist_append(*list, line);
    if (longer == NULL) return mr_fail(err, MR_ERR_NOMEM, "%s: out of memory", own->shown);
    *list = longer;
    return MR_OK;
}

static mr_code add_lines(mr_http_client *own, struct curl_slist **list, mr_error *err)
{
    const mr_http_call *const call = own->call;
    bool has_type = false;
    for (size_t i = 0; i < call->line_count; i++) {
        MR_TRY(add_line(own, call->lines[i].name, call->lines[i].value, list, err));
        has_type = has_type || strcasecmp(call->lines[i].name, "Content-Type") == 0;
    }
    /* "Name:" is how libcurl is told to leave out what it would send: a wish to be told "100
     * Continue", for which it would wait a second, and a content type that is a guess. */
    MR_TRY(add_own(own, "Expect:", list, err));
    if (!has_type) MR_TRY(add_own(own, "Content-Type:", list, err));
    return call->produce != NULL ? add_own(own, "Transfer-Encoding: chunked", list, err) : MR_OK;
}

#define SET(option, value) \
    (rc = rc == CURLE_OK ? own->curl->easy_setopt(own->easy, option, value) : rc)

/* Once: libcurl does not take a buffer size again, nor a reset between calls therefore. */
static CURLcode set_fixed(mr_http_client *own)
{
    const mr_http_client_options *const options = &own->options;
    CURLcode rc = CURLE_OK;
    SET(CURLOPT_NOSIGNAL, 1L);
    SET(CURLOPT_ERRORBUFFER, own->reason);
    SET(CURLOPT_PROTOCOLS_STR, "http,https");
    SET(CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    SET(CURLOPT_BUFFERSIZE, RECEIVE_BYTES);
    SET(CURLOPT_UPLOAD_BUFFERSIZE, UPLOAD_BYTES);
    SET(CURLOPT_TCP_KEEPALIVE, 1L);
    if (options->keep_alive_s > 0) {
        SET(CURLOPT_TCP_KEEPIDLE, (long)options->keep_alive_s);
        SET(CURLOPT_TCP_KEEPINTVL, (long)options->keep_alive_s);
    }
    if (options->unused_s > 0) SET(CURLOPT_MAXAGE_CONN, (long)options->unused_s);
    SET(CURLOPT_USERAGENT, own->user_agent != NULL ? own->user_agent : "millrace/" MR_VERSION);
    SET(CURLOPT_CONNECTTIMEOUT_MS, (long)options->connect_ms);
    SET(CURLOPT_TIMEOUT_MS, (long)options->whole_ms);
    SET(CURLOPT_WRITEFUNCTION, on_bytes);
    SET(CURLOPT_WRITEDATA, own);
    SET(CURLOPT_READFUNCTION, on_want);
    SET(CURLOPT_READDATA, own);
    SET(CURLOPT_NOPROGRESS, 0L);
    SET(CURLOPT_XFERINFOFUNCTION, on_progress);
    SET(CURLOPT_XFERINFODATA, own);
    if (own->ca_file != NULL) SET(CURLOPT_CAINFO, own->ca_file);
    if (own->cert_file != NULL) SET(CURLOPT_SSLCERT, own->cert_file);
    if (own->key_file != NULL) SET(CURLOPT_SSLKEY, own->key_file);
    if (options->insecure) {
        SET(CURLOPT_SSL_VERIFYPEER, 0L);
        SET(CURLOPT_SSL_VERIFYHOST, 0L);
    }
    return rc;
}

/* Everything that a call before this one may have set. */
static CURLcode set_call(mr_http_client *own, struct curl_slist *list)
{
    const mr_http_call *const call = own->call;
    const bool has_body = call->body.ptr != NULL, head = strcmp(method_of(call), "HEAD") == 0;
    CURLcode rc = CURLE_OK;
    SET(CURLOPT_URL, call->url);
    SET(CURLOPT_HTTPHEADER, list);
    SET(CURLOPT_POSTFIELDS, has_body ? call->body.ptr : NULL);
    SET(CURLOPT_POSTFIELDSIZE_LARGE, has_body ? (curl_off_t)call->body.len : -1);
    if (has_body || call->produce != NULL)
        SET(CURLOPT_POST, 1L);
    else
        SET(CURLOPT_HTTPGET, 1L);
    if (head) SET(CURLOPT_NOBODY, 1L);
    SET(CURLOPT_CUSTOMREQUEST, head ? NULL : method_of(call));
    return rc;
}

/* --- The transfer ----------------------------------------------------------------------------- */

static mr_code may_wait(mr_http_client *own, mr_error *err)
{
    const mr_http_client_options *const options = &own->options;
    if (options->may_go_on != NULL) MR_TRY(options->may_go_on(options->context, err));
    const int64_t idle_ms = (mr_clock_ns() - own->moved_ns) / MR_NS_PER_MS;
    if (idle_ms <= (own->sending ? options->send_idle_ms : options->idle_ms)) return MR_OK;
    own->call->fault = MR_CLASS_TRANSIENT;
    return mr_fail(err, MR_ERR_IO, "%s: nothing was heard of the server for %.1f s", own->shown,
                   (double)idle_ms / 1000);
}

static mr_code drive(mr_http_client *own, CURLcode *out, mr_error *err)
{
    const mr_curl *const curl = own->curl;
    for (int running = 1;;) {
        if (curl->multi_perform(own->multi, &running) != CURLM_OK)
            return mr_fail(err, MR_ERR_IO, "%s: libcurl could not go on", own->shown);
        if (running == 0) break;
        MR_TRY(may_wait(own, err));
        if (curl->multi_poll(own->multi, NULL, 0, WAIT_MS, NULL) != CURLM_OK)
            return mr_fail(err, MR_ERR_IO, "%s: libcurl could not wait", own->shown);
    }
    int left;
    const CURLMsg *const message = curl->multi_info_read(own->multi, &left);
    *out = message != NULL ? message->data.result : CURLE_FAILED_INIT;
    return MR_OK;
}

static mr_code timed_out(mr_http_client *own, mr_error *err)
{
    curl_off_t connected_us = 0;
    own->curl->easy_getinfo(own->easy, CURLINFO_PRETRANSFER_TIME_T, &connected_us);
    if (connected_us == 0)
        return mr_fail(err, MR_ERR_IO,
                       "%s: no connection within %.1f s; is the server running, and does a "
                       "firewall let you through?",
                       own->shown, own->options.connect_ms / 1e3);
    return mr_fail(err, MR_ERR_IO, "%s: the answer took longer than %.1f s", own->shown,
                   (double)own->options.whole_ms / 1e3);
}

static mr_code not_connected(mr_http_client *own, mr_error *err)
{
    long error_number = 0;
    own->curl->easy_getinfo(own->easy, CURLINFO_OS_ERRNO, &error_number);
    if (error_number == 0)
        return mr_fail(err, MR_ERR_IO, "%s: no connection: %s", own->shown, own->reason);
    return mr_fail_errno(err, (int)error_number, "%s: no connection; is the server running there?",
                         own->shown);
}

/* "Unsupported protocol" is what libcurl says of an HTTP/0.9 answer as well. */
static bool is_bad_url(CURLcode rc, const char *reason)
{
    return rc == CURLE_URL_MALFORMAT ||
           (rc == CURLE_UNSUPPORTED_PROTOCOL &&
            (strstr(reason, "not supported") != NULL || strstr(reason, "disabled") != NULL));
}

/* What kind of trouble libcurl's result is; those not here are broken connections and answers. */
static mr_fault_class fault_of(mr_http_client *own, CURLcode rc)
{
    long error_number = 0;
    switch (rc) {
    case CURLE_OK:
    case CURLE_OUT_OF_MEMORY: return MR_CLASS_NONE;
    case CURLE_URL_MALFORMAT:
    case CURLE_UNSUPPORTED_PROTOCOL:
    case CURLE_WEIRD_SERVER_REPLY:
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_CERTPROBLEM:
    case CURLE_SSL_ISSUER_ERROR:
    case CURLE_LOGIN_DENIED: return MR_CLASS_PERMANENT;
    case CURLE_COULDNT_CONNECT:
        own->curl->easy_getinfo(own->easy, CURLINFO_OS_ERRNO, &error_number);
        return error_number != 0 ? mr_fault_of_errno((int)error_number) : MR_CLASS_TRANSIENT;
    default: return MR_CLASS_TRANSIENT;
    }
}

/* A sentence for what libcurl found. */
static mr_code explain(mr_http_client *own, CURLcode rc, mr_error *err)
{
    const char *const reason = own->reason[0] != '\0' ? own->reason : own->curl->easy_strerror(rc);
    if (is_bad_url(rc, reason))
        return mr_fail(err, MR_ERR_USAGE,
                       "%s: expected a URL such as http://host:8080 or https://host (%s)",
                       own->shown, reason);
    switch (rc) {
    case CURLE_OUT_OF_MEMORY: return mr_fail(err, MR_ERR_NOMEM, "%s: out of memory", own->shown);
    case CURLE_UNSUPPORTED_PROTOCOL:
    case CURLE_WEIRD_SERVER_REPLY:
        return mr_fail(err, MR_ERR_IO, "%s: the answer is not HTTP (%s)", own->shown, reason);
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_RESOLVE_PROXY:
        return mr_fail(err, MR_ERR_IO, "%s: no such host (%s); check its name in the %s",
                       own->shown, reason, rc == CURLE_COULDNT_RESOLVE_HOST ? "URL" : "proxy");
    case CURLE_COULDNT_CONNECT: return not_connected(own, err);
    case CURLE_OPERATION_TIMEDOUT: return timed_out(own, err);
    case CURLE_PEER_FAILED_VERIFICATION:
        return mr_fail(err, MR_ERR_USAGE,
                       "%s: the server's certificate is not trusted (%s); name the file of the "
                       "authority that signed it",
                       own->shown, reason);
    case CURLE_SSL_CERTPROBLEM:
        return mr_fail(err, MR_ERR_USAGE,
                       "%s: the client certificate '%s' or its key cannot be used (%s)", own->shown,
                       own->cert_file != NULL ? own->cert_file : "", reason);
    case CURLE_SSL_CACERT_BADFILE:
        return mr_fail(err, MR_ERR_USAGE,
                       "%s: the file of certificate authorities '%s' cannot be "
                       "used; it must hold certificates in PEM",
                       own->shown, own->ca_file != NULL ? own->ca_file : "of the system");
    case CURLE_SSL_CONNECT_ERROR:
        return mr_fail(err, MR_ERR_IO,
                       "%s: no TLS connection (%s); does the server speak TLS on that port?",
                       own->shown, reason);
    case CURLE_GOT_NOTHING:
        return mr_fail(err, MR_ERR_IO, "%s: the server closed the connection without an answer",
                       own->shown);
    default: return mr_fail(err, MR_ERR_IO, "%s: %s", own->shown, reason);
    }
}

static void note_results(mr_http_client *own)
{
    mr_http_call *const call = own->call;
    long status = 0;
    curl_off_t retry_after = 0;
    const char *type = NULL;
    own->curl->easy_getinfo(own->easy, CURLINFO_RESPONSE_CODE, &status);
    own->curl->easy_getinfo(own->easy, CURLINFO_RETRY_AFTER, &retry_after);
    own->curl->easy_getinfo(own->easy, CURLINFO_CONTENT_TYPE, &type);
    call->status = (unsigned)status;
    call->retry_after_s = retry_after > 0 ? retry_after : 0;
    snprintf(call->content_type, sizeof call->content_type, "%s", type != NULL ? type : "");
}

static mr_code transfer(mr_http_client *own, struct curl_slist *list, mr_error *err)
{
    const mr_curl *const curl = own->curl;
    CURLcode rc = set_call(own, list);
    if (rc != CURLE_OK) own->call->fault = fault_of(own, rc);
    if (rc != CURLE_OK) return explain(own, rc, err);
    if (curl->multi_add_handle(own->multi, own->easy) != CURLM_OK)
        return mr_fail(err, MR_ERR_NOMEM, "%s: out of memory", own->shown);
    const mr_code code = drive(own, &rc, err);
    note_results(own);
    curl->multi_remove_handle(own->multi, own->easy);
    if (own->code != MR_OK) {
        if (err != NULL) *err = own->error;
        return own->code;
    }
    MR_TRY(code);
    own->call->fault =
        rc == CURLE_OK ? mr_http_fault_of_status(own->call->status, own->call->retry_after_s > 0)
                       : fault_of(own, rc);
    return rc == CURLE_OK ? MR_OK : explain(own, rc, err);
}

mr_code mr_http_client_call(mr_http_client *client, mr_http_call *call, mr_error *err)
{
    char url[160];
    mr_http_url_shown(call->url, url, sizeof url);
    snprintf(client->shown, sizeof client->shown, "%s %s", method_of(call), url);
    call->status = 0;
    call->retry_after_s = 0;
    call->fault = MR_CLASS_NONE;
    call->content_type[0] = '\0';
    client->call = call;
    client->code = MR_OK;
    client->reason[0] = '\0';
    client->moved_bytes = 0;
    client->sending = call->body.len > 0 || call->produce != NULL;
    client->moved_ns = mr_clock_ns();
    struct curl_slist *list = NULL;
    mr_code code = add_lines(client, &list, err);
    if (code == MR_OK) code = transfer(client, list, err);
    client->curl->slist_free_all(list);
    client->call = NULL;
    return code;
}

/* --- Opening ---------------------------------------------------------------------------------- */

/* A copy of `text`; NULL for NULL. */
static mr_code copy_text(const char *text, char **out, mr_error *err)
{
    if (text == NULL) return MR_OK;
    const size_t size = strlen(text) + 1;
    *out = mr_mem_alloc(size);
    if (*out == NULL) return mr_fail(err, MR_ERR_NOMEM, "out of memory");
    memcpy(*out, text, size);
    return MR_OK;
}

static mr_code prepare(mr_http_client *own, mr_error *err)
{
    MR_TRY(mr_curl_load(&own->curl, err));
    MR_TRY(copy_text(own->options.ca_file, &own->ca_file, err));
    MR_TRY(copy_text(own->options.cert_file, &own->cert_file, err));
    MR_TRY(copy_text(own->options.key_file, &own->key_file, err));
    MR_TRY(copy_text(own->options.user_agent, &own->user_agent, err));
    own->easy = own->curl->easy_init();
    own->multi = own->curl->multi_init();
    if (own->easy == NULL || own->multi == NULL) return mr_fail(err, MR_ERR_NOMEM, "out of memory");
    own->curl->multi_setopt(own->multi, CURLMOPT_MAXCONNECTS, CONNECTIONS_MAX);
    const CURLcode rc = set_fixed(own);
    return rc == CURLE_OK ? MR_OK
                          : mr_fail(err, MR_ERR_IO, "libcurl refuses to be set up: %s",
                                    own->curl->easy_strerror(rc));
}

mr_code mr_http_client_open(const mr_http_client_options *options, mr_http_client **out,
                            mr_error *err)
{
    mr_http_client *const client = mr_mem_zalloc(sizeof *client);
    if (client == NULL) return mr_fail(err, MR_ERR_NOMEM, "out of memory");
    client->options = *options;
    if (client->options.connect_ms == 0) client->options.connect_ms = MR_HTTP_CLIENT_CONNECT_MS;
    if (client->options.idle_ms == 0) client->options.idle_ms = MR_HTTP_CLIENT_IDLE_MS;
    if (client->options.send_idle_ms == 0) client->options.send_idle_ms = client->options.idle_ms;
    mr_buffer_init(&client->line, "a request's header", LINE_BYTES_MAX);
    const mr_code code = prepare(client, err);
    if (code != MR_OK)
        mr_http_client_close(client);
    else
        *out = client;
    return code;
}

void mr_http_client_close(mr_http_client *client)
{
    if (client == NULL) return;
    if (client->easy != NULL) client->curl->easy_cleanup(client->easy);
    if (client->multi != NULL) client->curl->multi_cleanup(client->multi);
    mr_buffer_done(&client->line);
    mr_mem_free(client->ca_file);
    mr_mem_free(client->cert_file);
    mr_mem_free(client->key_file);
    mr_mem_free(client->user_agent);
    mr_mem_free(client);
}
