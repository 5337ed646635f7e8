/* The UDP data plane: threads that receive, call the engine and send, and never take the GIL.
 *
 * Each thread owns one socket per listener (SO_REUSEPORT). With more than one thread the kernel spreads datagrams by
 * a hash of addresses and ports, which keeps each peer's datagrams in order, or, asked for, a classic BPF program spreads them
 * at random, which uses all threads for one peer and lets datagrams sent back to back overtake each other. A thread receives with recvmmsg, hands each datagram to cw_engine_handle() and sends with
 * sendmmsg out of the socket that the engine names. Between batches it passes a quiescent point (cw_rcu.h); before it
 * sleeps it goes offline. Busy-poll: after the last datagram it keeps asking without sleeping for busy_poll_us. */
#ifndef CW_PLANE_H
#define CW_PLANE_H

#include "cw_engine.h"

#define CW_THREADS_MAX 32
#define CW_BATCH 64

struct cw_plane_options {
    uint16_t n_threads;
    bool spread_at_random;       /* by random; else by addresses and ports */
    uint32_t busy_poll_us;       /* 0 = sleep at once */
    int cpus[CW_THREADS_MAX];    /* -1 = not pinned */
    uint32_t ring_records;       /* journal ring of each thread; power of two */
    uint32_t rcvbuf_bytes, sndbuf_bytes; /* 0 = the kernel's default */
};
struct cw_plane;                 /* opaque */

/* Bind the sockets (port 0 allowed: cw_plane_port tells). NULL with `err` (a line with the listener's address and the
 * reason) on failure. Threads start in cw_plane_start. `world` must be published before: the first one is given here and
 * stays owned by the caller until cw_plane_publish returns it. */
struct cw_plane *cw_plane_new(struct cw_rcu *rcu, struct cw_shared *shared, const struct cw_world *world,
                              const struct cw_ep *binds, uint16_t n_binds, const struct cw_plane_options *options,
                              char *err, size_t err_len);
int cw_plane_start(struct cw_plane *plane);      /* 0, or -errno; once: a plane that was stopped stays so */
/* Swap the world; returns the old one when no thread can hold it any more. Blocks (not for the data path). */
const struct cw_world *cw_plane_publish(struct cw_plane *plane, const struct cw_world *world);
/* Stop: threads read what is queued in their sockets (at most drain_ms), then end. Sockets close in cw_plane_free. */
void cw_plane_stop(struct cw_plane *plane, uint32_t drain_ms);
void cw_plane_free(struct cw_plane *plane);
uint16_t cw_plane_port(const struct cw_plane *plane, unsigned listener);
unsigned cw_plane_threads(const struct cw_plane *plane);
/* Statistics of one thread; valid as long as the plane. */
const struct cw_stats *cw_plane_stats(const struct cw_plane *plane, unsigned thread);
/* Journal records of all threads, oldest first within a thread. */
size_t cw_plane_drain(struct cw_plane *plane, struct cw_record *out, size_t max);
uint64_t cw_plane_dropped(const struct cw_plane *plane); /* records lost to full rings */
/* Unix ms of the latest sign of life of a thread, for the watchdog. */
uint64_t cw_plane_alive_ms(const struct cw_plane *plane, unsigned thread);

#endif
