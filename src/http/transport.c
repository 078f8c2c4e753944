/* SPDX-License-Identifier: MIT */
#include "http/transport.h"

#include <errno.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

bool mr_transport_open(mr_transport *transport, int fd, mr_http_tls *tls)
{
    *transport = (mr_transport){.fd = fd};
    if (tls == NULL || mr_tls_transport_open(transport, tls)) return true;
    mr_transport_close(transport, false);
    return false;
}

static mr_transport_state state_of_errno(void)
{
    return errno == EAGAIN || errno == EWOULDBLOCK ? MR_TRANSPORT_WAIT : MR_TRANSPORT_FAILED;
}

mr_transport_state mr_transport_read(mr_transport *transport, char *into, size_t size,
                                     size_t *out_len)
{
    ssize_t len;
    if (transport->session != NULL) return mr_tls_transport_read(transport, into, size, out_len);
    do {
        len = recv(transport->fd, into, size, 0);
    } while (len < 0 && errno == EINTR);
    if (len < 0) return state_of_errno();
    *out_len = (size_t)len;
    transport->more = *out_len == size;
    return len > 0 ? MR_TRANSPORT_OK : MR_TRANSPORT_ENDED;
}

static struct iovec iovec_of(mr_slice bytes)
{
    return (struct iovec){(void *)(uintptr_t)bytes.ptr, bytes.len};
}

mr_transport_state mr_transport_write(mr_transport *transport, mr_slice first, mr_slice second,
                                      size_t *out_len)
{
    if (transport->session != NULL)
        return mr_tls_transport_write(transport, first, second, out_len);
    struct iovec parts[2] = {iovec_of(first), iovec_of(second)};
    const struct msghdr message = {.msg_iov = first.len > 0 ? parts : parts + 1,
                                   .msg_iovlen = (first.len > 0) + (second.len > 0)};
    ssize_t len;
    do {
        len = sendmsg(transport->fd, &message, MSG_NOSIGNAL);
    } while (len < 0 && errno == EINTR);
    if (len < 0) return state_of_errno();
    *out_len = (size_t)len;
    return MR_TRANSPORT_OK;
}

void mr_transport_finish(mr_transport *transport)
{
    if (transport->session != NULL) mr_tls_transport_finish(transport);
    shutdown(transport->fd, SHUT_WR);
}

void mr_transport_close(mr_transport *transport, bool abandon)
{
    if (transport->fd < 0) return;
    if (transport->session != NULL) mr_tls_transport_close(transport, abandon);
    const struct linger at_once = {.l_onoff = 1, .l_linger = 0};
    if (abandon) setsockopt(transport->fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    close(transport->fd);
    transport->fd = -1;
}
