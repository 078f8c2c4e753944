/* SPDX-License-Identifier: MIT
 *
 * http/openssl.h - OpenSSL's functions, from the shared library, which is loaded when the first of
 * them is wanted: who serves no TLS has neither its memory nor its start-up time. A program that is
 * linked statically has them inside (MR_STATIC_BUILD).
 *
 * Thread: any; the table is read-only once loaded. */
#ifndef MR_HTTP_OPENSSL_H
#define MR_HTTP_OPENSSL_H

#include <openssl/err.h>
#include <openssl/ssl.h>

#include "core/library.h"

#define MR_OPENSSL_FUNCTIONS(X)               \
    X(BIO_clear_flags)                        \
    X(BIO_get_data)                           \
    X(BIO_meth_free)                          \
    X(BIO_meth_new)                           \
    X(BIO_meth_set_ctrl)                      \
    X(BIO_meth_set_read)                      \
    X(BIO_meth_set_write)                     \
    X(BIO_new)                                \
    X(BIO_set_data)                           \
    X(BIO_set_flags)                          \
    X(BIO_set_init)                           \
    X(ERR_clear_error)                        \
    X(ERR_error_string_n)                     \
    X(ERR_peek_error)                         \
    X(ERR_reason_error_string)                \
    X(SSL_CTX_check_private_key)              \
    X(SSL_CTX_ctrl)                           \
    X(SSL_CTX_free)                           \
    X(SSL_CTX_get0_certificate)               \
    X(SSL_CTX_new)                            \
    X(SSL_CTX_set_alpn_select_cb)             \
    X(SSL_CTX_set_cipher_list)                \
    X(SSL_CTX_set_default_passwd_cb)          \
    X(SSL_CTX_set_default_passwd_cb_userdata) \
    X(SSL_CTX_set_num_tickets)                \
    X(SSL_CTX_set_options)                    \
    X(SSL_CTX_up_ref)                         \
    X(SSL_CTX_use_PrivateKey_file)            \
    X(SSL_CTX_use_certificate_chain_file)     \
    X(SSL_free)                               \
    X(SSL_get_error)                          \
    X(SSL_has_pending)                        \
    X(SSL_is_init_finished)                   \
    X(SSL_new)                                \
    X(SSL_read_ex)                            \
    X(SSL_set0_rbio)                          \
    X(SSL_set0_wbio)                          \
    X(SSL_set_accept_state)                   \
    X(SSL_shutdown)                           \
    X(SSL_write_ex)                           \
    X(TLS_server_method)                      \
    X(BIO_up_ref)                             \
    X(X509_cmp_current_time)                  \
    X(X509_get0_notAfter)                     \
    X(X509_get0_notBefore)

typedef struct mr_openssl {
    MR_OPENSSL_FUNCTIONS(MR_LIBRARY_MEMBER)
} mr_openssl;

/* Loads the library if need be; NULL with an error that says what to install. */
const mr_openssl *mr_openssl_load(mr_error *err);

#endif
