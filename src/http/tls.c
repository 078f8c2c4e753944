/* SPDX-License-Identifier: MIT */
#include "http/tls.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <unistd.h>

#include "core/mem.h"
#include "http/openssl.h"

#define PATH_BYTES_MAX 4096

/* What TLS 1.2 may use: forward secrecy and authenticated encryption. 1.3 has nothing else. */
#define CIPHERS "ECDHE+AESGCM:ECDHE+CHACHA20"

struct mr_http_tls {
    const mr_openssl *ssl;
    char cert_path[PATH_BYTES_MAX], key_path[PATH_BYTES_MAX];
    /* A mutex, because taking the context and counting the reference to it must be one act. It is
     * taken once a connection, where a handshake costs a thousand times as much. */
    pthread_mutex_t lock;
    SSL_CTX *context;
};

/* What OpenSSL has against it. */
static const char *reason(const mr_openssl *ssl)
{
    const char *text = ssl->ERR_reason_error_string(ssl->ERR_peek_error());
    return text != NULL ? text : "no reason given";
}

/* The system's own words for a file that cannot be opened, which OpenSSL's are not. */
static mr_code check_readable(const char *what, const char *path, mr_error *err)
{
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return mr_fail_errno(err, errno, "the TLS %s '%s' cannot be read", what, path);
    close(fd);
    return MR_OK;
}

/* An encrypted key must be an error, not a question on the terminal. */
static int no_passphrase(MR_UNUSED char *out, MR_UNUSED int size, MR_UNUSED int writing,
                         void *asked)
{
    *(bool *)asked = true;
    return -1;
}

/* The key first: whatever it says is then about the key alone, not about how the two fit. */
static mr_code use_files(const mr_http_tls *tls, SSL_CTX *context, mr_error *err)
{
    const mr_openssl *ssl = tls->ssl;
    bool asked = false;
    ssl->SSL_CTX_set_default_passwd_cb(context, no_passphrase);
    ssl->SSL_CTX_set_default_passwd_cb_userdata(context, &asked);
    if (ssl->SSL_CTX_use_PrivateKey_file(context, tls->key_path, SSL_FILETYPE_PEM) != 1) {
        if (asked)
            return mr_fail(err, MR_ERR_USAGE,
                           "the TLS key '%s' is encrypted; store it without a passphrase, readable "
                           "by the server's user alone",
                           tls->key_path);
        return mr_fail(err, MR_ERR_USAGE, "the TLS key '%s' is no private key in PEM form (%s)",
                       tls->key_path, reason(ssl));
    }
    ssl->ERR_clear_error();
    if (ssl->SSL_CTX_use_certificate_chain_file(context, tls->cert_path) != 1)
        return mr_fail(err, MR_ERR_USAGE,
                       "the TLS certificate '%s' is no certificate chain in PEM form (%s)",
                       tls->cert_path, reason(ssl));
    if (ssl->SSL_CTX_check_private_key(context) != 1)
        return mr_fail(
            err, MR_ERR_USAGE,
            "the TLS key '%s' is not that of the certificate '%s'; give the key that the "
            "certificate was made for, and the server's certificate first in its file",
            tls->key_path, tls->cert_path);
    return MR_OK;
}

/* The first of ours that the peer offers; no common one is an alert (RFC 7301, 3.2). */
static int select_protocol(MR_UNUSED SSL *session, const unsigned char **out,
                           unsigned char *out_len, const unsigned char *offered, unsigned len,
                           MR_UNUSED void *context)
{
    static const char wanted[] = "http/1.1";
    for (unsigned at = 0; at < len; at += offered[at] + 1u) {
        if (offered[at] != sizeof wanted - 1 || at + sizeof wanted > len ||
            memcmp(offered + at + 1, wanted, sizeof wanted - 1) != 0)
            continue;
        *out = offered + at + 1;
        *out_len = offered[at];
        return SSL_TLSEXT_ERR_OK;
    }
    return SSL_TLSEXT_ERR_ALERT_FATAL;
}

/* Buffers are given back while a connection is idle. Without AUTO_RETRY a flood of records that are
 * not data cannot keep SSL_read() busy; the transport knows when to go on. */
static void set_up(const mr_openssl *ssl, SSL_CTX *context)
{
    ssl->SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
                                          SSL_OP_CIPHER_SERVER_PREFERENCE |
                                          SSL_OP_PRIORITIZE_CHACHA);
    ssl->SSL_CTX_ctrl(context, SSL_CTRL_SET_MIN_PROTO_VERSION, TLS1_2_VERSION, NULL);
    ssl->SSL_CTX_ctrl(context, SSL_CTRL_MODE,
                      SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                          SSL_MODE_RELEASE_BUFFERS,
                      NULL);
    ssl->SSL_CTX_ctrl(context, SSL_CTRL_CLEAR_MODE, SSL_MODE_AUTO_RETRY, NULL);
    ssl->SSL_CTX_ctrl(context, SSL_CTRL_SET_SESS_CACHE_MODE, SSL_SESS_CACHE_OFF, NULL);
    ssl->SSL_CTX_ctrl(context, SSL_CTRL_SET_READ_AHEAD, 1, NULL);
    ssl->SSL_CTX_set_num_tickets(context, 1);
    ssl->SSL_CTX_set_cipher_list(context, CIPHERS);
    ssl->SSL_CTX_set_alpn_select_cb(context, select_protocol, NULL);
}

static mr_code make_context(const mr_http_tls *tls, SSL_CTX **out, mr_error *err)
{
    const mr_openssl *ssl = tls->ssl;
    MR_TRY(check_readable("certificate", tls->cert_path, err));
    MR_TRY(check_readable("key", tls->key_path, err));
    ssl->ERR_clear_error();
    SSL_CTX *context = ssl->SSL_CTX_new(ssl->TLS_server_method());
    if (context == NULL) return mr_fail(err, MR_ERR_NOMEM, "no memory left for TLS");
    set_up(ssl, context);
    const mr_code rc = use_files(tls, context, err);
    ssl->ERR_clear_error();
    if (rc != MR_OK)
        ssl->SSL_CTX_free(context);
    else
        *out = context;
    return rc;
}

static bool keep_path(char out[PATH_BYTES_MAX], const char *path)
{
    const size_t len = strlen(path);
    if (len >= PATH_BYTES_MAX) return false;
    memcpy(out, path, len + 1);
    return true;
}

mr_code mr_http_tls_open(const char *cert_path, const char *key_path, mr_http_tls **out,
                         mr_error *err)
{
    const mr_openssl *ssl = mr_openssl_load(err);
    if (ssl == NULL) return MR_ERR_USAGE;
    mr_http_tls *tls = mr_mem_zalloc(sizeof *tls);
    if (tls == NULL) return mr_fail(err, MR_ERR_NOMEM, "no memory left for TLS");
    tls->ssl = ssl;
    pthread_mutex_init(&tls->lock, NULL);
    mr_code rc = MR_OK;
    if (!keep_path(tls->cert_path, cert_path) || !keep_path(tls->key_path, key_path))
        rc = mr_fail(err, MR_ERR_USAGE, "a TLS file's path is longer than %d bytes",
                     PATH_BYTES_MAX - 1);
    if (rc == MR_OK) rc = make_context(tls, &tls->context, err);
    if (rc != MR_OK)
        mr_http_tls_close(tls);
    else
        *out = tls;
    return rc;
}

mr_code mr_http_tls_reload(mr_http_tls *tls, mr_error *err)
{
    SSL_CTX *context;
    MR_TRY(make_context(tls, &context, err));
    pthread_mutex_lock(&tls->lock);
    SSL_CTX *old = tls->context;
    tls->context = context;
    pthread_mutex_unlock(&tls->lock);
    tls->ssl->SSL_CTX_free(old); /* lives on while connections use it */
    return MR_OK;
}

/* The present context with a reference of its own. */
static SSL_CTX *take_context(mr_http_tls *tls)
{
    pthread_mutex_lock(&tls->lock);
    SSL_CTX *context = tls->context;
    tls->ssl->SSL_CTX_up_ref(context);
    pthread_mutex_unlock(&tls->lock);
    return context;
}

bool mr_http_tls_warning(mr_http_tls *tls, mr_error *out)
{
    const mr_openssl *ssl = tls->ssl;
    SSL_CTX *context = take_context(tls);
    const X509 *cert = ssl->SSL_CTX_get0_certificate(context);
    const bool expired = ssl->X509_cmp_current_time(ssl->X509_get0_notAfter(cert)) < 0;
    const bool early = ssl->X509_cmp_current_time(ssl->X509_get0_notBefore(cert)) > 0;
    ssl->SSL_CTX_free(context);
    if (expired || early)
        mr_fail(out, MR_ERR_USAGE, "the TLS certificate '%s' %s; clients will refuse it",
                tls->cert_path, expired ? "has expired" : "is not valid yet");
    return expired || early;
}

void mr_http_tls_close(mr_http_tls *tls)
{
    if (tls == NULL) return;
    tls->ssl->SSL_CTX_free(tls->context);
    pthread_mutex_destroy(&tls->lock);
    mr_mem_free(tls);
}

SSL *mr_http_tls_session(mr_http_tls *tls)
{
    SSL_CTX *context = take_context(tls);
    SSL *session = tls->ssl->SSL_new(context);
    tls->ssl->SSL_CTX_free(context);
    if (session != NULL) tls->ssl->SSL_set_accept_state(session);
    return session;
}
