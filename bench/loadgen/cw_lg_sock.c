#include "cw_lg_sock.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/udp.h>
#include <poll.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { BUFFER_BYTES = 8 << 20 };

uint64_t cw_lg_now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

int cw_lg_addr_parse(const char *text, struct sockaddr_in *addr)
{
    char host[64];
    const char *colon = strrchr(text, ':');
    if (colon == NULL || (size_t)(colon - text) >= sizeof host)
        return -1;
    memcpy(host, text, (size_t)(colon - text));
    host[colon - text] = '\0';
    char *end;
    unsigned long port = strtoul(colon + 1, &end, 10);
    if (*end != '\0' || end == colon + 1 || port > 65535)
        return -1;
    memset(addr, 0, sizeof *addr);
    addr->sin_family = AF_INET;
    addr->sin_port = htons((uint16_t)port);
    return inet_pton(AF_INET, host, &addr->sin_addr) == 1 ? 0 : -1;
}

/* The bench's own queues must never be what drops a message: forced when allowed, else what rmem_max gives. */
static void grow(int fd, int force, int plain)
{
    int bytes = BUFFER_BYTES;
    if (setsockopt(fd, SOL_SOCKET, force, &bytes, sizeof bytes) != 0)
        (void)setsockopt(fd, SOL_SOCKET, plain, &bytes, sizeof bytes);
}

int cw_lg_sock_open(struct cw_lg_sock *s, const struct sockaddr_in *local, const struct sockaddr_in *peer, bool segment)
{
    memset(s, 0, sizeof *s);
    s->fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (s->fd < 0)
        return -1;
    grow(s->fd, SO_RCVBUFFORCE, SO_RCVBUF);
    grow(s->fd, SO_SNDBUFFORCE, SO_SNDBUF);
    int size = 0;
    s->segment = segment && setsockopt(s->fd, SOL_UDP, UDP_SEGMENT, &size, sizeof size) == 0;
    socklen_t len = sizeof s->local;
    if (bind(s->fd, (const struct sockaddr *)local, sizeof *local) != 0 ||
        (peer != NULL && connect(s->fd, (const struct sockaddr *)peer, sizeof *peer) != 0) ||
        getsockname(s->fd, (struct sockaddr *)&s->local, &len) != 0) {
        close(s->fd);
        return -1;
    }
    for (unsigned i = 0; i < CW_LG_BATCH; i++) {
        s->rx_iov[i].iov_base = s->rx_buf[i];
        s->rx_iov[i].iov_len = CW_LG_RX;
        s->rx[i].msg_hdr.msg_iov = &s->rx_iov[i];
        s->rx[i].msg_hdr.msg_iovlen = 1;
    }
    return 0;
}

void cw_lg_sock_close(struct cw_lg_sock *s)
{
    close(s->fd);
    s->fd = -1;
}

char *cw_lg_sock_slot(struct cw_lg_sock *s)
{
    if (s->n_tx == CW_LG_BATCH)
        cw_lg_sock_flush(s);
    return s->tx_buf[s->n_tx];
}

void cw_lg_sock_commit(struct cw_lg_sock *s, size_t len)
{
    s->tx_len[s->n_tx++] = len;
}

enum { MAX_SEGMENTS = 64, MAX_SEGMENTED = 60000 }; /* UDP_MAX_SEGMENTS; an IP datagram with room for its headers */

static void segment_size(struct msghdr *h, struct cw_lg_control *control, size_t len)
{
    uint16_t size = (uint16_t)len;
    h->msg_control = control->bytes;
    h->msg_controllen = sizeof control->bytes;
    struct cmsghdr *c = CMSG_FIRSTHDR(h);
    c->cmsg_level = SOL_UDP;
    c->cmsg_type = UDP_SEGMENT;
    c->cmsg_len = CMSG_LEN(sizeof size);
    memcpy(CMSG_DATA(c), &size, sizeof size);
}

/* Fills tx and tx_iov from the queued messages; the number of sends. */
static unsigned gather(struct cw_lg_sock *s)
{
    bool taken[CW_LG_BATCH] = { false };
    unsigned sends = 0, n_iov = 0;
    for (unsigned i = 0; i < s->n_tx; i++) {
        if (taken[i])
            continue;
        size_t len = s->tx_len[i];
        struct msghdr *h = &s->tx[sends].msg_hdr;
        memset(h, 0, sizeof *h);
        h->msg_iov = &s->tx_iov[n_iov];
        for (unsigned j = i; j < s->n_tx; j++) {
            if (taken[j] || s->tx_len[j] != len)
                continue;
            taken[j] = true;
            s->tx_iov[n_iov++] = (struct iovec){ s->tx_buf[j], len };
            h->msg_iovlen++;
            if (!s->segment || h->msg_iovlen == MAX_SEGMENTS || (h->msg_iovlen + 1) * len > MAX_SEGMENTED)
                break;
        }
        if (h->msg_iovlen > 1)
            segment_size(h, &s->tx_control[sends], len);
        sends++;
    }
    return sends;
}

/* A refused port is reported on the next call, once, with nothing sent: while the system under test restarts,
 * messages are counted as lost and the retransmission timer brings them again. */
void cw_lg_sock_flush(struct cw_lg_sock *s)
{
    unsigned sends = gather(s);
    unsigned done = 0;
    while (done < sends) {
        int n = sendmmsg(s->fd, s->tx + done, sends - done, MSG_DONTWAIT);
        if (n > 0) {
            for (int i = 0; i < n; i++)
                s->sent += s->tx[done++].msg_hdr.msg_iovlen;
        } else if (errno == EAGAIN) {
            struct pollfd p = { .fd = s->fd, .events = POLLOUT };
            (void)poll(&p, 1, 10);
        } else if (errno != EINTR) {
            s->send_errors += s->tx[done++].msg_hdr.msg_iovlen;
        }
    }
    s->n_tx = 0;
}

unsigned cw_lg_sock_recv(struct cw_lg_sock *s)
{
    int n = recvmmsg(s->fd, s->rx, CW_LG_BATCH, MSG_DONTWAIT, NULL);
    if (n <= 0)
        return 0;
    s->received += (unsigned)n;
    return (unsigned)n;
}
