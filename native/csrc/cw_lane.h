/* One data-plane thread with its sockets and buffers; cw_plane.c makes, starts and ends the lanes. */
#ifndef CW_LANE_H
#define CW_LANE_H

#include <pthread.h>

#include "cw_plane.h"
#include "cw_socket.h"

/* Buffers stand a little more than 64 KiB apart: at exactly 64 KiB the first lines of all of them would compete for the
 * same few places of the processor's caches. */
#define CW_LANE_STRIDE (65536u + 17 * CW_LINE)
#define CW_LANE_SLEEP_MS 200 /* longest sleep: the watchdog sees a sign of life at least this often */

struct cw_lane_common {      /* what the plane and its threads share */
    _Atomic(const struct cw_world *) world;
    _Atomic bool stop;
    _Atomic uint32_t drain_ms;
    struct cw_rcu *rcu;
    struct cw_shared *shared;
};

struct cw_lane_box {         /* one datagram's place in a batch */
    struct iovec iov;
    union cw_sockaddr addr;
    _Alignas(size_t) uint8_t control[CW_STAMP_SPACE]; /* receiving only */
    uint64_t rx_ns;                                   /* sending only: when its request came in */
    uint16_t listener;                                /* sending only */
};

struct cw_lane {
    struct cw_worker worker; /* first: it holds the statistics, aligned to a line */
    struct cw_lane_common *common;
    _Atomic uint64_t alive_ms;
    uint64_t now_ns, last_ns, beat_ns; /* monotonic: this batch, latest datagram, latest sign of life */
    uint64_t spin_ns;
    int slot;                /* cw_rcu.h */
    int epoll_fd;            /* -1 with one listener */
    unsigned index;
    bool full;               /* the last turn left something in a socket, perhaps */
    bool started;
    pthread_t thread;
    uint16_t n_fds;
    int fds[CW_LISTENERS_MAX];
    bool v6[CW_LISTENERS_MAX];
    unsigned n_tx;
    bool tx_mixed;           /* to more than one listener */
    uint8_t *buffers;        /* CW_BATCH to receive into, then CW_BATCH to send from */
    struct mmsghdr rx[CW_BATCH], tx[CW_BATCH], group[CW_BATCH];
    struct cw_lane_box rx_box[CW_BATCH], tx_box[CW_BATCH];
};

/* fds: one for each listener, owned by the lane from now on (closed by cw_lane_free; by nobody when NULL is returned,
 * which sets errno). */
struct cw_lane *cw_lane_new(struct cw_lane_common *common, unsigned index, const int *fds, const struct cw_ep *binds,
                            uint16_t n_fds, const struct cw_plane_options *options);
void cw_lane_free(struct cw_lane *lane);
void *cw_lane_run(void *lane); /* the thread */

#endif
