/* A connected UDP socket with send and receive batches (IPv4).
 *
 * Messages of one length in a batch leave as one segmented send (UDP_SEGMENT, Linux 4.18), which takes the sender's
 * way through the stack once for all of them; the receiver still gets one datagram each and pays in full. A batch is
 * sent grouped by length, groups in order of first appearance, so the order of one call's messages stays.
 *
 * Connected, because the kernel then looks the route up once, and because a datagram from anybody but the system
 * under test never reaches the bench. Buffers are owned by the socket; a message received stays valid until the next
 * cw_lg_sock_recv on the same socket. */
#ifndef CW_LG_SOCK_H
#define CW_LG_SOCK_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/uio.h>

enum { CW_LG_BATCH = 64, CW_LG_RX = 2048, CW_LG_DGRAM = 2 * CW_LG_RX };

struct cw_lg_control {
    _Alignas(struct cmsghdr) char bytes[CMSG_SPACE(sizeof(uint16_t))];
};

struct cw_lg_sock {
    int fd;
    struct sockaddr_in local;
    unsigned n_tx;
    bool segment; /* false: one datagram a send */
    uint64_t sent;
    uint64_t received;
    uint64_t send_errors;
    struct mmsghdr tx[CW_LG_BATCH];
    struct mmsghdr rx[CW_LG_BATCH];
    struct iovec tx_iov[CW_LG_BATCH];
    size_t tx_len[CW_LG_BATCH];
    struct cw_lg_control tx_control[CW_LG_BATCH];
    struct iovec rx_iov[CW_LG_BATCH];
    char tx_buf[CW_LG_BATCH][CW_LG_DGRAM];
    char rx_buf[CW_LG_BATCH][CW_LG_RX];
};

/* "1.2.3.4:5060" -> addr. 0, or -1 when it is not an IPv4 address and a port. */
int cw_lg_addr_parse(const char *text, struct sockaddr_in *addr);

/* Binds to local (port 0 = any), connects to peer (NULL = stays unconnected). 0, or -1 with errno. */
int cw_lg_sock_open(struct cw_lg_sock *s, const struct sockaddr_in *local, const struct sockaddr_in *peer, bool segment);
void cw_lg_sock_close(struct cw_lg_sock *s);

/* Where the next message is to be written (CW_LG_DGRAM bytes); cw_lg_sock_commit queues it. */
char *cw_lg_sock_slot(struct cw_lg_sock *s);
void cw_lg_sock_commit(struct cw_lg_sock *s, size_t len);
void cw_lg_sock_flush(struct cw_lg_sock *s);

/* Receives what is there without waiting; the number of messages. Message i: rx_buf[i], rx[i].msg_len. */
unsigned cw_lg_sock_recv(struct cw_lg_sock *s);

uint64_t cw_lg_now_ns(void);

#endif
