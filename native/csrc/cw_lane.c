/* The loop of a data-plane thread: receive a batch, hand each datagram to the engine, send, account; then again, spin or
 * sleep.
 *
 * - A batch is what one recvmmsg() returns. Nothing waits for more to come.
 * - After a full batch the sockets are asked again at once. Otherwise, and when the time to spin is over, the thread sleeps
 *   in the kernel: with one listener in recvmmsg() itself, which returns at once when something is queued (one system call
 *   a batch, and the cheapest wake-up there is), with several in epoll_wait(). cw_plane_stop() wakes both by shutting the
 *   receiving side; what is queued can still be read.
 * - The world is loaded once a batch, after a quiescent point; asleep the thread holds nothing (cw_rcu.h).
 * - One datagram that the kernel refuses is counted and skipped; it never holds up the others. */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include "cw_lane.h"

#define SEND_TRIES 10 /* of 1 ms each, in one batch, when the socket's send buffer is full */
#define BEAT_NS UINT64_C(50000000)
#define BUFFERS_BYTES ((size_t)CW_LANE_STRIDE * 2 * CW_BATCH)

static uint64_t clock_ns(clockid_t clock)
{
    struct timespec t;
    clock_gettime(clock, &t);
    return (uint64_t)t.tv_sec * UINT64_C(1000000000) + (uint64_t)t.tv_nsec;
}

static void stay_alive(struct cw_lane *lane, uint64_t unix_ns)
{
    atomic_store_explicit(&lane->alive_ms, unix_ns / 1000000, memory_order_relaxed);
    lane->beat_ns = lane->now_ns;
}

static void count(struct cw_lane *lane, enum cw_reason reason, uint64_t n)
{
    if (n)
        cw_bump(&lane->worker.stats.reasons[reason], n);
}

/* ---- send ---- */

/* Put the engine's output into the batch. */
static void stage(struct cw_lane *lane, const struct cw_out *out, uint64_t rx_ns)
{
    struct cw_lane_box *box = &lane->tx_box[lane->n_tx];
    struct mmsghdr *m = &lane->tx[lane->n_tx];
    socklen_t len = out->listener < lane->n_fds ? cw_socket_to(&out->dst, lane->v6[out->listener], &box->addr) : 0;
    if (len == 0) {
        count(lane, CW_R_DROP_DESTINATION, 1);
        return;
    }
    box->iov.iov_len = out->len;
    box->rx_ns = rx_ns;
    box->listener = out->listener;
    m->msg_hdr.msg_namelen = len;
    if (lane->n_tx && box->listener != lane->tx_box[0].listener)
        lane->tx_mixed = true;
    lane->n_tx++;
}

/* Send n messages out of one socket, in order. *tries is what is left of the batch's patience. Those that went have their
 * msg_hdr.msg_flags set to 1. Returns how many went. */
static unsigned send_all(struct cw_lane *lane, int fd, struct mmsghdr *m, unsigned n, unsigned *tries)
{
    unsigned at = 0, went = 0;
    while (at < n) {
        int sent = sendmmsg(fd, m + at, n - at, MSG_DONTWAIT);
        if (cw_likely(sent > 0)) {
            for (int i = 0; i < sent; i++)
                m[at + (unsigned)i].msg_hdr.msg_flags = 1;
            at += (unsigned)sent;
            went += (unsigned)sent;
            continue;
        }
        if (errno == EINTR)
            continue;
        if (errno == EAGAIN) {
            if (*tries == 0)
                break;
            --*tries;
            struct pollfd p = {.fd = fd, .events = POLLOUT};
            poll(&p, 1, 1);
            continue;
        }
        at++; /* refused: this one only */
    }
    count(lane, CW_R_DROP_SEND, n - went);
    return went;
}

static uint64_t settle(struct cw_lane *lane, const struct mmsghdr *m, unsigned n, uint64_t done_ns)
{
    uint64_t bytes = 0;
    for (unsigned i = 0; i < n; i++) {
        if (!m[i].msg_hdr.msg_flags)
            continue;
        const struct cw_lane_box *box =
            (const struct cw_lane_box *)(const void *)m[i].msg_hdr.msg_iov; /* its first member */
        bytes += box->iov.iov_len;
        cw_hist_add(&lane->worker.stats.transit, done_ns > box->rx_ns ? done_ns - box->rx_ns : 0);
    }
    return bytes;
}

static void send_batch(struct cw_lane *lane)
{
    unsigned tries = SEND_TRIES, went = 0, n = lane->n_tx;
    struct mmsghdr *done = lane->tx;
    for (unsigned i = 0; i < n; i++)
        lane->tx[i].msg_hdr.msg_flags = 0;
    if (!lane->tx_mixed) {
        went = send_all(lane, lane->fds[lane->tx_box[0].listener], lane->tx, n, &tries);
    } else {
        unsigned from = 0, to = 0;
        for (unsigned l = 0; l < lane->n_fds && to < n; l++, from = to) {
            for (unsigned i = 0; i < n; i++)
                if (lane->tx_box[i].listener == l)
                    lane->group[to++] = lane->tx[i];
            if (to > from)
                went += send_all(lane, lane->fds[l], lane->group + from, to - from, &tries);
        }
        done = lane->group;
    }
    lane->n_tx = 0;
    lane->tx_mixed = false;
    uint64_t unix_ns = clock_ns(CLOCK_REALTIME);
    cw_bump(&lane->worker.stats.sent, went);
    cw_bump(&lane->worker.stats.sent_bytes, settle(lane, done, n, unix_ns));
    stay_alive(lane, unix_ns);
}

/* ---- receive ---- */

/* One recvmmsg(); 0 when there is nothing. */
static unsigned receive(struct cw_lane *lane, unsigned listener, int flags)
{
    int n = recvmmsg(lane->fds[listener], lane->rx, CW_BATCH, flags, NULL);
    return n > 0 ? (unsigned)n : 0;
}

/* Handle what receive() brought. The caller is online. Returns how many datagrams there were. */
static unsigned serve(struct cw_lane *lane, unsigned listener, unsigned n)
{
    struct cw_lane_common *common = lane->common;
    cw_rcu_quiescent(common->rcu, lane->slot);
    const struct cw_world *world = atomic_load_explicit(&common->world, memory_order_acquire);
    lane->now_ns = clock_ns(CLOCK_MONOTONIC);
    struct cw_in in = {.listener = (uint16_t)listener, .now_ms = (uint32_t)(lane->now_ns / 1000000)};
    uint64_t bytes = 0;
    unsigned got = 0;
    for (unsigned i = 0; i < n; i++) {
        struct mmsghdr *m = &lane->rx[i];
        if (cw_likely(m->msg_hdr.msg_namelen != 0)) { /* 0: not a datagram but the end of receiving */
            in.buf = lane->rx_box[i].iov.iov_base;
            in.len = m->msg_len;
            cw_socket_from(&lane->rx_box[i].addr, &in.src);
            in.rx_ns = cw_socket_stamp(&m->msg_hdr);
            if (cw_unlikely(in.rx_ns == 0))
                in.rx_ns = clock_ns(CLOCK_REALTIME);
            struct cw_out out = {.buf = lane->tx_box[lane->n_tx].iov.iov_base};
            cw_engine_handle(world, common->shared, &lane->worker, &in, &out);
            if (out.len)
                stage(lane, &out, in.rx_ns);
            bytes += in.len;
            got++;
        }
        m->msg_hdr.msg_namelen = sizeof(union cw_sockaddr);
        m->msg_hdr.msg_controllen = CW_STAMP_SPACE;
    }
    if (got == 0)
        return 0;
    if (lane->n_tx)
        send_batch(lane);
    else if (lane->now_ns - lane->beat_ns >= BEAT_NS)
        stay_alive(lane, clock_ns(CLOCK_REALTIME));
    cw_bump(&lane->worker.stats.received, got);
    cw_bump(&lane->worker.stats.received_bytes, bytes);
    cw_bump(&lane->worker.stats.batches, 1);
    lane->full |= n == CW_BATCH;
    return got;
}

/* Ask each socket once, without waiting. */
static unsigned turn(struct cw_lane *lane)
{
    unsigned got = 0;
    cw_rcu_quiescent(lane->common->rcu, lane->slot); /* also when there is nothing to serve */
    for (unsigned l = 0; l < lane->n_fds; l++) {
        unsigned n = receive(lane, l, MSG_DONTWAIT);
        if (n)
            got += serve(lane, l, n);
    }
    return got;
}

/* Sleep until something is queued, and serve it. */
static unsigned nap(struct cw_lane *lane)
{
    struct cw_rcu *rcu = lane->common->rcu;
    cw_rcu_offline(rcu, lane->slot);
    if (lane->epoll_fd < 0) {
        unsigned n = receive(lane, 0, MSG_WAITFORONE);
        cw_rcu_online(rcu, lane->slot);
        return n ? serve(lane, 0, n) : 0;
    }
    struct epoll_event ready[CW_LISTENERS_MAX];
    int events = epoll_wait(lane->epoll_fd, ready, CW_LISTENERS_MAX, CW_LANE_SLEEP_MS);
    cw_rcu_online(rcu, lane->slot);
    unsigned got = 0;
    for (int i = 0; i < events; i++) {
        unsigned n = receive(lane, ready[i].data.u32, MSG_DONTWAIT);
        if (n)
            got += serve(lane, ready[i].data.u32, n);
    }
    return got;
}

/* What is queued when the thread is told to stop is still served. */
static void drain(struct cw_lane *lane)
{
    uint64_t end = clock_ns(CLOCK_MONOTONIC) +
                   (uint64_t)atomic_load_explicit(&lane->common->drain_ms, memory_order_relaxed) * 1000000;
    while (clock_ns(CLOCK_MONOTONIC) < end && turn(lane))
        ;
}

void *cw_lane_run(void *arg)
{
    struct cw_lane *lane = arg;
    char name[16];
    snprintf(name, sizeof name, "cw-data-%u", lane->index);
    pthread_setname_np(pthread_self(), name);
    cw_rcu_online(lane->common->rcu, lane->slot);
    bool sleepy = false;
    while (!atomic_load_explicit(&lane->common->stop, memory_order_acquire)) {
        lane->full = false;
        unsigned got = sleepy ? nap(lane) : turn(lane);
        if (got) {
            lane->last_ns = lane->now_ns;
        } else {
            lane->now_ns = clock_ns(CLOCK_MONOTONIC);
            if (lane->now_ns - lane->beat_ns >= BEAT_NS)
                stay_alive(lane, clock_ns(CLOCK_REALTIME));
#if defined(__x86_64__) || defined(__i386__)
            __builtin_ia32_pause();
#endif
        }
        sleepy = !lane->full && lane->now_ns - lane->last_ns >= lane->spin_ns;
    }
    drain(lane);
    cw_rcu_offline(lane->common->rcu, lane->slot);
    return NULL;
}

/* ---- make and free ---- */

static int prepare_sleep(struct cw_lane *lane)
{
    if (lane->n_fds == 1) {
        struct timeval t = {.tv_usec = CW_LANE_SLEEP_MS * 1000};
        return setsockopt(lane->fds[0], SOL_SOCKET, SO_RCVTIMEO, &t, sizeof t);
    }
    lane->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (lane->epoll_fd < 0)
        return -1;
    for (unsigned l = 0; l < lane->n_fds; l++) {
        struct epoll_event e = {.events = EPOLLIN, .data.u32 = l};
        if (epoll_ctl(lane->epoll_fd, EPOLL_CTL_ADD, lane->fds[l], &e) != 0)
            return -1;
    }
    return 0;
}

static void prepare_batch(struct mmsghdr *m, struct cw_lane_box *box, uint8_t *buffers, bool receiving)
{
    for (size_t i = 0; i < CW_BATCH; i++) {
        box[i].iov = (struct iovec){.iov_base = buffers + i * CW_LANE_STRIDE, .iov_len = receiving ? 65536u : 0};
        m[i].msg_hdr = (struct msghdr){
            .msg_name = &box[i].addr,
            .msg_namelen = sizeof box[i].addr,
            .msg_iov = &box[i].iov,
            .msg_iovlen = 1,
            .msg_control = receiving ? box[i].control : NULL,
            .msg_controllen = receiving ? CW_STAMP_SPACE : 0,
        };
    }
}

struct cw_lane *cw_lane_new(struct cw_lane_common *common, unsigned index, const int *fds, const struct cw_ep *binds,
                            uint16_t n_fds, const struct cw_plane_options *options)
{
    size_t size = (sizeof(struct cw_lane) + CW_LINE - 1) / CW_LINE * CW_LINE;
    struct cw_lane *lane = aligned_alloc(CW_LINE, size);
    if (!lane)
        return NULL;
    memset(lane, 0, size);
    lane->epoll_fd = lane->slot = -1;
    lane->common = common;
    lane->index = index;
    lane->spin_ns = (uint64_t)options->busy_poll_us * 1000;
    lane->n_fds = n_fds;
    for (unsigned l = 0; l < n_fds; l++) {
        lane->fds[l] = fds[l];
        lane->v6[l] = !cw_ep_is_v4(&binds[l]);
    }
    lane->worker.ring = cw_ring_new(options->ring_records);
    lane->buffers = mmap(NULL, BUFFERS_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (lane->buffers == MAP_FAILED)
        lane->buffers = NULL;
    if (!lane->worker.ring || !lane->buffers || prepare_sleep(lane) != 0) {
        int e = lane->worker.ring ? errno : ENOMEM;
        lane->n_fds = 0; /* still the caller's */
        cw_lane_free(lane);
        errno = e;
        return NULL;
    }
    prepare_batch(lane->rx, lane->rx_box, lane->buffers, true);
    prepare_batch(lane->tx, lane->tx_box, lane->buffers + (size_t)CW_BATCH * CW_LANE_STRIDE, false);
    return lane;
}

void cw_lane_free(struct cw_lane *lane)
{
    if (!lane)
        return;
    for (unsigned l = 0; l < lane->n_fds; l++)
        close(lane->fds[l]);
    if (lane->epoll_fd >= 0)
        close(lane->epoll_fd);
    if (lane->buffers)
        munmap(lane->buffers, BUFFERS_BYTES);
    cw_ring_free(lane->worker.ring);
    free(lane);
}
