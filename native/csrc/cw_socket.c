#include <arpa/inet.h>
#include <errno.h>
#include <linux/filter.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "cw_socket.h"

socklen_t cw_socket_to(const struct cw_ep *ep, bool v6, union cw_sockaddr *sa)
{
    if (ep->port == 0 || cw_ep_is_v4(ep) == v6)
        return 0;
    if (v6) {
        sa->v6 = (struct sockaddr_in6){.sin6_family = AF_INET6, .sin6_port = htons(ep->port)};
        memcpy(&sa->v6.sin6_addr, ep->ip, 16);
        return sizeof sa->v6;
    }
    sa->v4 = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons(ep->port)};
    memcpy(&sa->v4.sin_addr, ep->ip + 12, 4);
    return sizeof sa->v4;
}

void cw_socket_from(const union cw_sockaddr *sa, struct cw_ep *ep)
{
    if (sa->any.sa_family == AF_INET6) {
        memcpy(ep->ip, &sa->v6.sin6_addr, 16);
        ep->port = ntohs(sa->v6.sin6_port);
        return;
    }
    memset(ep->ip, 0, 10);
    ep->ip[10] = ep->ip[11] = 0xff;
    memcpy(ep->ip + 12, &sa->v4.sin_addr, 4);
    ep->port = ntohs(sa->v4.sin_port);
}

void cw_socket_print(const struct cw_ep *ep, char text[CW_EP_TEXT])
{
    char ip[INET6_ADDRSTRLEN];
    if (cw_ep_is_v4(ep))
        snprintf(text, CW_EP_TEXT, "%s:%u", inet_ntop(AF_INET, ep->ip + 12, ip, sizeof ip), ep->port);
    else
        snprintf(text, CW_EP_TEXT, "[%s]:%u", inet_ntop(AF_INET6, ep->ip, ip, sizeof ip), ep->port);
}

/* Beyond net.core.[rw]mem_max only with CAP_NET_ADMIN; without it the kernel's maximum is what there is. */
static void set_buffer(int fd, int force, int plain, uint32_t bytes)
{
    int size = bytes > INT32_MAX / 2 ? INT32_MAX / 2 : (int)bytes;
    if (size && setsockopt(fd, SOL_SOCKET, force, &size, sizeof size) != 0)
        setsockopt(fd, SOL_SOCKET, plain, &size, sizeof size);
}

static int set_flag(int fd, int level, int option)
{
    int on = 1;
    return setsockopt(fd, level, option, &on, sizeof on);
}

/* ep->port is filled in when it was 0. */
static int bind_one(struct cw_ep *ep, bool first, bool shared, uint32_t rcvbuf_bytes, uint32_t sndbuf_bytes)
{
    bool v6 = !cw_ep_is_v4(ep);
    union cw_sockaddr sa;
    struct cw_ep any_port = *ep;
    any_port.port = 1; /* cw_socket_to() refuses 0, which is fine for binding */
    socklen_t len = cw_socket_to(&any_port, v6, &sa);
    *(v6 ? &sa.v6.sin6_port : &sa.v4.sin_port) = htons(ep->port);

    int fd = socket(v6 ? AF_INET6 : AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -errno;
    set_buffer(fd, SO_RCVBUFFORCE, SO_RCVBUF, rcvbuf_bytes);
    set_buffer(fd, SO_SNDBUFFORCE, SO_SNDBUF, sndbuf_bytes);
    if ((v6 && set_flag(fd, IPPROTO_IPV6, IPV6_V6ONLY) != 0) || set_flag(fd, SOL_SOCKET, SO_TIMESTAMPNS) != 0 ||
        (!first && set_flag(fd, SOL_SOCKET, SO_REUSEPORT) != 0) || bind(fd, &sa.any, len) != 0 ||
        (first && shared && set_flag(fd, SOL_SOCKET, SO_REUSEPORT) != 0) || getsockname(fd, &sa.any, &len) != 0) {
        int e = errno;
        close(fd);
        return -e;
    }
    cw_socket_from(&sa, &any_port);
    ep->port = any_port.port;
    return fd;
}

static int spread_at_random(int fd, unsigned n)
{
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (uint32_t)(SKF_AD_OFF + SKF_AD_RANDOM)),
        BPF_STMT(BPF_ALU | BPF_MOD | BPF_K, n),
        BPF_STMT(BPF_RET | BPF_A, 0),
    };
    struct sock_fprog prog = {.len = sizeof code / sizeof *code, .filter = code};
    return setsockopt(fd, SOL_SOCKET, SO_ATTACH_REUSEPORT_CBPF, &prog, sizeof prog) == 0 ? 0 : -errno;
}

int cw_socket_bind(const struct cw_ep *ep, unsigned n, bool at_random, uint32_t rcvbuf_bytes, uint32_t sndbuf_bytes,
                   int *fds, uint16_t *port)
{
    struct cw_ep at = *ep;
    unsigned open = 0;
    int rc = 0;
    for (; open < n; open++) {
        fds[open] = rc = bind_one(&at, open == 0, n > 1, rcvbuf_bytes, sndbuf_bytes);
        if (rc < 0)
            break;
    }
    if (rc >= 0 && n > 1 && at_random)
        rc = spread_at_random(fds[0], n);
    if (rc >= 0) {
        *port = at.port;
        return 0;
    }
    while (open)
        close(fds[--open]);
    return rc;
}

uint64_t cw_socket_stamp(struct msghdr *msg)
{
    for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c; c = CMSG_NXTHDR(msg, c))
        if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SO_TIMESTAMPNS) {
            struct timespec t;
            memcpy(&t, CMSG_DATA(c), sizeof t);
            return (uint64_t)t.tv_sec * UINT64_C(1000000000) + (uint64_t)t.tv_nsec;
        }
    return 0;
}
