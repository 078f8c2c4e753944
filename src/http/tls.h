/* SPDX-License-Identifier: MIT
 *
 * http/tls.h - the certificate a server shows, and the key to it: TLS 1.2 and 1.3 by OpenSSL.
 *
 *     mr_http_tls_open()     reads both files          -> mr_http_options.tls
 *     mr_http_tls_reload()   reads them again, e.g. on SIGHUP; connections that exist keep what
 * they have, new ones get the new certificate
 *
 * ALPN is http/1.1; neither compression nor renegotiation; sessions are resumed by tickets, so the
 * server remembers none. A handshake must end within header_ms, as the first request's headers.
 *
 * Thread: any. */
#ifndef MR_HTTP_TLS_H
#define MR_HTTP_TLS_H

#include "core/error.h"

typedef struct mr_http_tls mr_http_tls;

/* `cert_path` is a PEM file with the certificate and what leads from it to an authority, `key_path`
 * one with its key, without a passphrase. Both are copied. MR_ERR_IO when a file cannot be read,
 * MR_ERR_USAGE when what is in it will not do, or OpenSSL is not installed. */
MR_NODISCARD mr_code mr_http_tls_open(const char *cert_path, const char *key_path,
                                      mr_http_tls **out, mr_error *err);
/* On failure everything stays as it was. */
MR_NODISCARD mr_code mr_http_tls_reload(mr_http_tls *tls, mr_error *err);
/* True when the certificate has expired, or is not valid yet, with a text for people. */
bool mr_http_tls_warning(mr_http_tls *tls, mr_error *out);
/* Servers that use it must have been closed. NULL is harmless. */
void mr_http_tls_close(mr_http_tls *tls);

struct ssl_st;
/* For transport.c: the server's side of a new connection, without a socket; NULL without memory. */
struct ssl_st *mr_http_tls_session(mr_http_tls *tls);

#endif
