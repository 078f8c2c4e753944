/* SPDX-License-Identifier: MIT
 *
 * TLS over a connection's socket. OpenSSL reaches the socket through a BIO of ours, which knows
 * what its own does not tell: whether the socket has been read empty, so that a read which brought
 * data need not be followed by another that finds nothing. */
#include <errno.h>
#include <pthread.h>
#include <sys/socket.h>

#include "http/openssl.h"
#include "http/transport.h"

static const mr_openssl *ssl; /* set before the first session is made, and never again */
static BIO_METHOD *method;

/* --- The socket, as OpenSSL sees it ----------------------------------------------------------- */

static int on_error(BIO *bio, int retry)
{
    if (errno == EAGAIN || errno == EWOULDBLOCK)
        ssl->BIO_set_flags(bio, retry | BIO_FLAGS_SHOULD_RETRY);
    return -1;
}

static int read_socket(BIO *bio, char *into, int size)
{
    mr_transport *transport = ssl->BIO_get_data(bio);
    ssize_t len;
    ssl->BIO_clear_flags(bio, BIO_FLAGS_RWS | BIO_FLAGS_SHOULD_RETRY);
    do {
        len = recv(transport->fd, into, (size_t)size, 0);
    } while (len < 0 && errno == EINTR);
    transport->drained = len < size;
    transport->blocked = len < 0;
    return len < 0 ? on_error(bio, BIO_FLAGS_READ) : (int)len;
}

static int write_socket(BIO *bio, const char *bytes, int size)
{
    const mr_transport *transport = ssl->BIO_get_data(bio);
    ssize_t len;
    ssl->BIO_clear_flags(bio, BIO_FLAGS_RWS | BIO_FLAGS_SHOULD_RETRY);
    do {
        len = send(transport->fd, bytes, (size_t)size, MSG_NOSIGNAL);
    } while (len < 0 && errno == EINTR);
    return len < 0 ? on_error(bio, BIO_FLAGS_WRITE) : (int)len;
}

/* Nothing is held back here, so flushing has succeeded; all else is unknown. */
static long control_socket(MR_UNUSED BIO *bio, int command, MR_UNUSED long number,
                           MR_UNUSED void *pointer)
{
    return command == BIO_CTRL_FLUSH;
}

static void make_method(void)
{
    ssl = mr_openssl_load(NULL);
    method = ssl != NULL ? ssl->BIO_meth_new(BIO_TYPE_SOURCE_SINK, "connection") : NULL;
    if (method == NULL) return;
    ssl->BIO_meth_set_read(method, read_socket);
    ssl->BIO_meth_set_write(method, write_socket);
    ssl->BIO_meth_set_ctrl(method, control_socket);
}

bool mr_tls_transport_open(mr_transport *transport, mr_http_tls *tls)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, make_method);
    if (method == NULL) return false;
    transport->session = mr_http_tls_session(tls);
    if (transport->session == NULL) return false;
    BIO *bio = ssl->BIO_new(method);
    if (bio == NULL) {
        ssl->SSL_free(transport->session);
        transport->session = NULL;
        return false;
    }
    ssl->BIO_set_data(bio, transport);
    ssl->BIO_set_init(bio, 1);
    ssl->BIO_up_ref(bio); /* one reference for each direction */
    ssl->SSL_set0_rbio(transport->session, bio);
    ssl->SSL_set0_wbio(transport->session, bio);
    return true;
}

/* --- Sending and receiving -------------------------------------------------------------------- */

static mr_transport_state state_of(mr_transport *transport, int rc, int crossed)
{
    const int error = ssl->SSL_get_error(transport->session, rc);
    if (error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE) {
        if (error == crossed) transport->crossed = true;
        return MR_TRANSPORT_WAIT;
    }
    if (error == SSL_ERROR_ZERO_RETURN) return MR_TRANSPORT_ENDED;
    transport->failed = true;
    ssl->ERR_clear_error(); /* and with it the memory that errors take */
    return MR_TRANSPORT_FAILED;
}

/* After mr_transport_finish() what comes is thrown away, so nobody decrypts it. */
static mr_transport_state read_raw(mr_transport *transport, char *into, size_t size,
                                   size_t *out_len)
{
    const ssize_t len = recv(transport->fd, into, size, 0);
    if (len < 0) return errno == EAGAIN ? MR_TRANSPORT_WAIT : MR_TRANSPORT_FAILED;
    *out_len = (size_t)len;
    transport->more = *out_len == size;
    return len > 0 ? MR_TRANSPORT_OK : MR_TRANSPORT_ENDED;
}

mr_transport_state mr_tls_transport_read(mr_transport *transport, char *into, size_t size,
                                         size_t *out_len)
{
    if (transport->finished) return read_raw(transport, into, size, out_len);
    if (transport->failed) return MR_TRANSPORT_FAILED;
    ssl->ERR_clear_error(); /* SSL_get_error() looks at what others may have left */
    transport->blocked = false;
    const int rc = ssl->SSL_read_ex(transport->session, into, size, out_len);
    if (rc == 1) {
        transport->more = !transport->drained || ssl->SSL_has_pending(transport->session);
        return MR_TRANSPORT_OK;
    }
    *out_len = 0;
    const mr_transport_state state = state_of(transport, rc, SSL_ERROR_WANT_WRITE);
    if (state != MR_TRANSPORT_WAIT || transport->blocked || transport->crossed) return state;
    transport->more = true; /* a record that is not data: the socket may have the next one */
    return MR_TRANSPORT_OK;
}

/* Encrypted in one call at most: others have their turn. */
#define WRITE_BYTES_MAX (256u << 10)

/* Sends all of `bytes` or as much as there is room for, a record at a time. */
static mr_transport_state write_part(mr_transport *transport, mr_slice bytes, size_t *sent)
{
    while (bytes.len > 0 && *sent < WRITE_BYTES_MAX) {
        size_t len;
        const int rc = ssl->SSL_write_ex(transport->session, bytes.ptr, bytes.len, &len);
        if (rc != 1) return state_of(transport, rc, SSL_ERROR_WANT_READ);
        bytes = mr_slice_from(bytes, len);
        *sent += len;
    }
    return MR_TRANSPORT_OK;
}

mr_transport_state mr_tls_transport_write(mr_transport *transport, mr_slice first, mr_slice second,
                                          size_t *out_len)
{
    size_t sent = 0;
    if (transport->failed || transport->finished) return MR_TRANSPORT_FAILED;
    ssl->ERR_clear_error();
    mr_transport_state state = write_part(transport, first, &sent);
    if (state == MR_TRANSPORT_OK) state = write_part(transport, second, &sent);
    *out_len = sent;
    transport->roomy = state == MR_TRANSPORT_OK;
    return state == MR_TRANSPORT_WAIT && sent > 0 ? MR_TRANSPORT_OK : state;
}

/* --- The end ---------------------------------------------------------------------------------- */

static void say_goodbye(mr_transport *transport)
{
    if (transport->failed || transport->finished || !ssl->SSL_is_init_finished(transport->session))
        return;
    ssl->ERR_clear_error();
    (void)!ssl->SSL_shutdown(transport->session); /* what does not fit is not waited for */
}

void mr_tls_transport_finish(mr_transport *transport)
{
    say_goodbye(transport);
    transport->finished = true;
}

void mr_tls_transport_close(mr_transport *transport, bool abandon)
{
    if (!abandon) say_goodbye(transport);
    ssl->SSL_free(transport->session);
    transport->session = NULL;
}
