/* SPDX-License-Identifier: MIT
 *
 * support/http_fixture.h - a server on a free port with a few routes that tests of the server want.
 *
 *     GET  /hello          "hello"
 *     ANY  /echo           method, path, query and body, as text
 *     GET  /large?bytes=N  N times 'x', borrowed
 *     GET  /later?ms=N     "later", given by another thread after N ms
 *     GET  /never          a handler that forgets to answer
 *     GET  /split          a header value with a line feed
 *     GET  /stream         events as mr_http_fixture_send() sends them
 *     POST /small          takes bodies up to 10 bytes
 *
 * Thread: the test's. */
#ifndef MR_TESTS_SUPPORT_HTTP_FIXTURE_H
#define MR_TESTS_SUPPORT_HTTP_FIXTURE_H

#include "http/server.h"
#include "support/wire.h"

typedef struct mr_http_fixture {
    mr_metrics *metrics;
    mr_http_server *server;
    uint16_t port;
} mr_http_fixture;

mr_http_limits mr_http_fixture_limits(void); /* defaults with short lingering */
void mr_http_fixture_open(mr_http_fixture *fixture, mr_http_limits limits);
/* The same over TLS, with a certificate that the test has made; borrowed until close. */
void mr_http_fixture_open_tls(mr_http_fixture *fixture, mr_http_limits limits, mr_http_tls *tls);
void mr_http_fixture_close(mr_http_fixture *fixture);

/* The value of the series that begins with `name`, as the registry shows it. */
uint64_t mr_http_fixture_metric(mr_http_fixture *fixture, const char *name);
/* Waits until it is `wanted`; fails the test when it does not become so. */
void mr_http_fixture_await_metric(mr_http_fixture *fixture, const char *name, uint64_t wanted);

/* Sends `text` to every open /stream, on the server's thread; returns how many took it. */
unsigned mr_http_fixture_send(const char *text);
/* Streams whose `closed` has been called, ever; and calls of `writable`. */
unsigned mr_http_fixture_closed_streams(void);
unsigned mr_http_fixture_writable_calls(void);
/* Ends all streams from the server's side. */
void mr_http_fixture_end_streams(void);

#endif
