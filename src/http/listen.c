/* SPDX-License-Identifier: MIT */
#include "http/listen.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <netinet/in.h>
#include <stdio.h>
#include <unistd.h>

#include "core/number.h"

#define BACKLOG        1024
#define PORT_TRIES     16 /* for a free port that is free in both families */
#define HOST_BYTES_MAX INET6_ADDRSTRLEN

typedef struct plan {
    struct sockaddr_storage addresses[MR_LISTEN_SOCKETS_MAX];
    size_t count;
    uint16_t port;
} plan;

static void add_v4(plan *wanted, struct in_addr host)
{
    struct sockaddr_in *address = (struct sockaddr_in *)&wanted->addresses[wanted->count++];
    address->sin_family = AF_INET;
    address->sin_addr = host;
}

static void add_v6(plan *wanted, struct in6_addr host)
{
    struct sockaddr_in6 *address = (struct sockaddr_in6 *)&wanted->addresses[wanted->count++];
    address->sin6_family = AF_INET6;
    address->sin6_addr = host;
}

static bool add_host(plan *wanted, mr_slice host)
{
    if (host.len == 0 || mr_slice_is(host, "localhost")) {
        add_v4(wanted, (struct in_addr){htonl(INADDR_LOOPBACK)});
        add_v6(wanted, in6addr_loopback);
        return true;
    }
    if (mr_slice_is(host, "*")) {
        add_v4(wanted, (struct in_addr){htonl(INADDR_ANY)});
        add_v6(wanted, in6addr_any);
        return true;
    }
    const bool bracketed = host.len > 2 && host.ptr[0] == '[' && host.ptr[host.len - 1] == ']';
    if (bracketed) host = mr_slice_of(host.ptr + 1, host.len - 2);
    char text[HOST_BYTES_MAX] = {0};
    if (host.len >= sizeof text) return false;
    memcpy(text, host.ptr, host.len);
    struct in_addr v4;
    struct in6_addr v6;
    if (!bracketed && inet_pton(AF_INET, text, &v4) == 1)
        add_v4(wanted, v4);
    else if (bracketed && inet_pton(AF_INET6, text, &v6) == 1)
        add_v6(wanted, v6);
    return wanted->count > 0;
}

static mr_code parse(mr_slice address, plan *out, mr_error *err)
{
    size_t host_len = address.len;
    while (host_len > 0 && address.ptr[host_len - 1] != ':')
        host_len--;
    const mr_slice port = mr_slice_from(address, host_len);
    uint64_t number;
    *out = (plan){0};
    const bool good = mr_parse_u64(port, &number) && number <= UINT16_MAX &&
                      add_host(out, mr_slice_of(address.ptr, host_len > 0 ? host_len - 1 : 0));
    if (!good)
        return mr_fail(err, MR_ERR_USAGE,
                       "'%.*s' is not an address to listen on, such as 127.0.0.1:9090, [::1]:9090, "
                       ":9090 or *:9090 (ports end at 65535)",
                       MR_SLICE_ARGS(address));
    out->port = (uint16_t)number;
    return MR_OK;
}

static void set_port(struct sockaddr_storage *address, uint16_t port)
{
    if (address->ss_family == AF_INET)
        ((struct sockaddr_in *)address)->sin_port = htons(port);
    else
        ((struct sockaddr_in6 *)address)->sin6_port = htons(port);
}

static uint16_t bound_port(int fd)
{
    struct sockaddr_storage bound = {0};
    socklen_t len = sizeof bound;
    if (getsockname(fd, (struct sockaddr *)&bound, &len) != 0) return 0;
    /* NOLINTNEXTLINE(clang-analyzer-core.CallAndMessage): getsockname() has filled it */
    return ntohs(bound.ss_family == AF_INET ? ((struct sockaddr_in *)&bound)->sin_port
                                            : ((struct sockaddr_in6 *)&bound)->sin6_port);
}

/* A listening socket, or -1 with errno. */
static int listen_on(const struct sockaddr_storage *address, bool reuse_port)
{
    const int fd = socket(address->ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) return -1;
    const int on = 1;
    const socklen_t len =
        address->ss_family == AF_INET ? sizeof(struct sockaddr_in) : sizeof(struct sockaddr_in6);
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (reuse_port) setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on);
    if (address->ss_family == AF_INET6) setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
    if (bind(fd, (const struct sockaddr *)address, len) == 0 && listen(fd, BACKLOG) == 0) return fd;
    const int error = errno;
    close(fd);
    errno = error;
    return -1;
}

/* Opens all sockets of the plan, or none: then returns false with errno. */
static bool open_all(plan *wanted, bool reuse_port, mr_listen_sockets *out)
{
    *out = (mr_listen_sockets){.port = wanted->port};
    for (size_t i = 0; i < wanted->count; i++) {
        set_port(&wanted->addresses[i], out->port);
        const int fd = listen_on(&wanted->addresses[i], reuse_port);
        if (fd < 0) {
            const int error = errno;
            if (i > 0 && (error == EAFNOSUPPORT || error == EADDRNOTAVAIL)) continue; /* no IPv6 */
            mr_listen_close(out);
            errno = error;
            return false;
        }
        out->fds[out->count++] = fd;
        if (out->port == 0) out->port = bound_port(fd);
    }
    return true;
}

static void write_text(const plan *wanted, mr_listen_sockets *out)
{
    char host[INET6_ADDRSTRLEN] = "?";
    const struct sockaddr_storage *first = &wanted->addresses[0];
    const bool v4 = first->ss_family == AF_INET;
    if (v4)
        inet_ntop(AF_INET, &((const struct sockaddr_in *)first)->sin_addr, host, sizeof host);
    else
        inet_ntop(AF_INET6, &((const struct sockaddr_in6 *)first)->sin6_addr, host, sizeof host);
    snprintf(out->text, sizeof out->text, v4 ? "%s:%u" : "[%s]:%u", host, out->port);
}

/* --- Sockets that were handed over -------------------------------------------------------------
 */

bool mr_listen_is_inherited(mr_slice address)
{
    return mr_slice_starts(address, "fd:");
}

/* "3" or "3-4", inclusive. */
static bool parse_range(mr_slice text, uint64_t *out_first, uint64_t *out_last)
{
    const char *dash = memchr(text.ptr, '-', text.len);
    const size_t len = dash != NULL ? (size_t)(dash - text.ptr) : text.len;
    if (!mr_parse_u64(mr_slice_of(text.ptr, len), out_first) || *out_first > INT_MAX) return false;
    *out_last = *out_first;
    if (dash != NULL && !mr_parse_u64(mr_slice_from(text, len + 1), out_last)) return false;
    return *out_last >= *out_first && *out_last - *out_first < MR_LISTEN_SOCKETS_MAX;
}

/* The address of a socket as a plan, for its text. */
static mr_code describe(int fd, plan *out, mr_listen_sockets *sockets, mr_error *err)
{
    *out = (plan){.count = 1};
    socklen_t len = sizeof out->addresses[0];
    if (getsockname(fd, (struct sockaddr *)&out->addresses[0], &len) != 0)
        return mr_fail_errno(err, errno, "descriptor %d", fd);
    if (out->addresses[0].ss_family != AF_INET && out->addresses[0].ss_family != AF_INET6)
        return mr_fail(err, MR_ERR_USAGE, "descriptor %d: expected a TCP socket", fd);
    sockets->port = bound_port(fd);
    write_text(out, sockets);
    return MR_OK;
}

static mr_code adopt(mr_slice address, mr_listen_sockets *out, mr_error *err)
{
    plan first;
    uint64_t from, to;
    *out = (mr_listen_sockets){0};
    if (!parse_range(mr_slice_from(address, strlen("fd:")), &from, &to))
        return mr_fail(err, MR_ERR_USAGE, "'%.*s': expected one or two descriptors, as fd:3-4",
                       MR_SLICE_ARGS(address));
    MR_TRY(describe((int)from, &first, out, err));
    for (uint64_t number = from; number <= to; number++) {
        const int fd = fcntl((int)number, F_DUPFD_CLOEXEC, 0);
        if (fd < 0) {
            const int error = errno;
            mr_listen_close(out);
            return mr_fail_errno(err, error, "descriptor %llu", (unsigned long long)number);
        }
        out->fds[out->count++] = fd;
    }
    return MR_OK;
}

mr_code mr_listen_check(mr_slice address, mr_error *err)
{
    plan wanted;
    return parse(address, &wanted, err);
}

/* The system's reason, and what can be done about it. */
static mr_code fail_to_listen(mr_slice address, int error, mr_error *err)
{
    mr_fail_errno(err, error, "cannot listen on '%.*s'", MR_SLICE_ARGS(address));
    if (error == EADDRINUSE)
        mr_error_advise(err, "stop the program that has this port, or choose another");
    else if (error == EADDRNOTAVAIL)
        mr_error_advise(err, "it is no address of this machine, *:PORT is all of them");
    else if (error == EACCES)
        mr_error_advise(err, "ports below 1024 need a right to them, choose a higher one");
    return MR_ERR_IO;
}

mr_code mr_listen_open(mr_slice address, bool reuse_port, mr_listen_sockets *out, mr_error *err)
{
    plan wanted;
    if (mr_listen_is_inherited(address)) return adopt(address, out, err);
    MR_TRY(parse(address, &wanted, err));
    for (int tries = 1;; tries++) {
        if (open_all(&wanted, reuse_port, out)) break;
        if (errno == EADDRINUSE && wanted.port == 0 && tries < PORT_TRIES) continue;
        return fail_to_listen(address, errno, err);
    }
    write_text(&wanted, out);
    return MR_OK;
}

void mr_listen_close(mr_listen_sockets *sockets)
{
    for (size_t i = 0; i < sockets->count; i++)
        close(sockets->fds[i]);
    sockets->count = 0;
}
