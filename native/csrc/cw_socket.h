/* UDP sockets of the data plane: binding, steering between threads, addresses and the kernel's receive time.
 * Nothing here knows of threads or of the engine. */
#ifndef CW_SOCKET_H
#define CW_SOCKET_H

#include <netinet/in.h>
#include <sys/socket.h>

#include "cw_world.h"

union cw_sockaddr {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
};
#define CW_STAMP_SPACE 64 /* control bytes for one receive time */
#define CW_EP_TEXT 56     /* "[" IPv6 "]:65535" */

static inline bool cw_ep_is_v4(const struct cw_ep *ep)
{
    static const uint8_t mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
    return memcmp(ep->ip, mapped, 12) == 0;
}
/* Length of the address for a socket of that family, 0 when that family cannot reach it (or port 0). */
socklen_t cw_socket_to(const struct cw_ep *ep, bool v6, union cw_sockaddr *sa);
void cw_socket_from(const union cw_sockaddr *sa, struct cw_ep *ep);
/* "127.0.0.1:5060", "[::1]:5060" */
void cw_socket_print(const struct cw_ep *ep, char text[CW_EP_TEXT]);

/* Binds one socket for each of n threads to ep; port 0 takes a free one and *port tells it. The first bind is exclusive,
 * so a second gateway on the same port fails instead of taking half of the datagrams; with n > 1 the others join it, and a
 * datagram goes to the thread that the kernel's hash of its addresses and ports names, or, at_random, to any (a classic BPF
 * program). 0, or -errno with nothing left open. */
int cw_socket_bind(const struct cw_ep *ep, unsigned n, bool at_random, uint32_t rcvbuf_bytes, uint32_t sndbuf_bytes,
                   int *fds, uint16_t *port);
/* The kernel's receive time in unix ns, 0 when the message carries none. */
uint64_t cw_socket_stamp(struct msghdr *msg);

#endif
