/* Making, starting, swapping and ending the data plane; the threads' own loop is in cw_lane.c. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "cw_lane.h"

struct cw_plane {
    _Alignas(CW_LINE) struct cw_lane_common common;
    uint16_t n_threads, n_binds;
    struct cw_ep binds[CW_LISTENERS_MAX]; /* with the real ports */
    int cpus[CW_THREADS_MAX];
    struct cw_lane *lanes[CW_THREADS_MAX];
};

static void complain(char *err, size_t err_len, const char *where, const char *what)
{
    if (err && err_len)
        snprintf(err, err_len, "%s: %s", where, what);
}

/* fds[thread][listener]; opened sockets stay in the table when one fails, -1 elsewhere. */
static int bind_all(struct cw_plane *plane, const struct cw_plane_options *options,
                    int fds[CW_THREADS_MAX][CW_LISTENERS_MAX], char *err, size_t err_len)
{
    for (unsigned l = 0; l < plane->n_binds; l++) {
        int column[CW_THREADS_MAX];
        int rc = cw_socket_bind(&plane->binds[l], plane->n_threads, options->spread_at_random, options->rcvbuf_bytes,
                                options->sndbuf_bytes, column, &plane->binds[l].port);
        if (rc != 0) {
            char where[CW_EP_TEXT];
            cw_socket_print(&plane->binds[l], where);
            complain(err, err_len, where, strerror(-rc));
            return -1;
        }
        for (unsigned t = 0; t < plane->n_threads; t++)
            fds[t][l] = column[t];
    }
    return 0;
}

struct cw_plane *cw_plane_new(struct cw_rcu *rcu, struct cw_shared *shared, const struct cw_world *world,
                              const struct cw_ep *binds, uint16_t n_binds, const struct cw_plane_options *options,
                              char *err, size_t err_len)
{
    if (n_binds == 0 || n_binds > CW_LISTENERS_MAX || options->n_threads == 0 || options->n_threads > CW_THREADS_MAX) {
        complain(err, err_len, "data plane", "number of listeners or threads out of range");
        return NULL;
    }
    struct cw_plane *plane = aligned_alloc(CW_LINE, (sizeof *plane + CW_LINE - 1) / CW_LINE * CW_LINE);
    if (!plane) {
        complain(err, err_len, "data plane", strerror(ENOMEM));
        return NULL;
    }
    memset(plane, 0, sizeof *plane);
    atomic_init(&plane->common.world, world);
    plane->common.rcu = rcu;
    plane->common.shared = shared;
    plane->n_threads = options->n_threads;
    plane->n_binds = n_binds;
    memcpy(plane->binds, binds, n_binds * sizeof *binds);
    memcpy(plane->cpus, options->cpus, sizeof plane->cpus);

    int fds[CW_THREADS_MAX][CW_LISTENERS_MAX];
    memset(fds, -1, sizeof fds);
    bool ok = bind_all(plane, options, fds, err, err_len) == 0;
    for (unsigned t = 0; ok && t < plane->n_threads; t++) {
        plane->lanes[t] = cw_lane_new(&plane->common, t, fds[t], plane->binds, n_binds, options);
        if (!plane->lanes[t]) {
            complain(err, err_len, "data plane", strerror(errno));
            ok = false;
        }
    }
    if (ok)
        return plane;
    for (unsigned t = 0; t < plane->n_threads; t++)
        for (unsigned l = 0; !plane->lanes[t] && l < n_binds; l++)
            if (fds[t][l] >= 0)
                close(fds[t][l]);
    cw_plane_free(plane);
    return NULL;
}

static int start_lane(struct cw_plane *plane, struct cw_lane *lane)
{
    lane->slot = cw_rcu_register(plane->common.rcu);
    if (lane->slot < 0)
        return EAGAIN;
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    atomic_store_explicit(&lane->alive_ms, (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000,
                          memory_order_relaxed);
    pthread_attr_t attr;
    int rc = pthread_attr_init(&attr);
    if (rc == 0) {
        int cpu = plane->cpus[lane->index];
        if (cpu >= CPU_SETSIZE)
            rc = EINVAL;
        if (rc == 0 && cpu >= 0) {
            cpu_set_t set;
            CPU_ZERO(&set);
            CPU_SET((size_t)cpu, &set);
            rc = pthread_attr_setaffinity_np(&attr, sizeof set, &set);
        }
        if (rc == 0)
            rc = pthread_create(&lane->thread, &attr, cw_lane_run, lane);
        pthread_attr_destroy(&attr);
    }
    lane->started = rc == 0;
    if (rc != 0)
        cw_rcu_unregister(plane->common.rcu, lane->slot);
    return rc;
}

int cw_plane_start(struct cw_plane *plane)
{
    if (atomic_load_explicit(&plane->common.stop, memory_order_relaxed))
        return -ESHUTDOWN; /* its sockets have stopped receiving for good */
    if (plane->lanes[0]->started)
        return -EBUSY;
    sigset_t all, before;
    sigfillset(&all);
    int rc = pthread_sigmask(SIG_BLOCK, &all, &before); /* inherited: signals are for the main thread */
    if (rc != 0)
        return -rc;
    for (unsigned t = 0; rc == 0 && t < plane->n_threads; t++)
        rc = start_lane(plane, plane->lanes[t]);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (rc != 0)
        cw_plane_stop(plane, 0);
    return -rc;
}

const struct cw_world *cw_plane_publish(struct cw_plane *plane, const struct cw_world *world)
{
    const struct cw_world *old = atomic_exchange_explicit(&plane->common.world, world, memory_order_acq_rel);
    cw_rcu_synchronize(plane->common.rcu);
    return old;
}

void cw_plane_stop(struct cw_plane *plane, uint32_t drain_ms)
{
    atomic_store_explicit(&plane->common.drain_ms, drain_ms, memory_order_relaxed);
    atomic_store_explicit(&plane->common.stop, true, memory_order_release);
    for (unsigned t = 0; t < plane->n_threads; t++)
        for (unsigned l = 0; l < plane->n_binds; l++)
            shutdown(plane->lanes[t]->fds[l], SHUT_RD); /* ENOTCONN, and wakes whoever sleeps on it all the same */
    for (unsigned t = 0; t < plane->n_threads; t++) {
        struct cw_lane *lane = plane->lanes[t];
        if (!lane->started)
            continue;
        pthread_join(lane->thread, NULL);
        cw_rcu_unregister(plane->common.rcu, lane->slot);
        lane->started = false;
    }
}

void cw_plane_free(struct cw_plane *plane)
{
    if (!plane)
        return;
    bool running = false;
    for (unsigned t = 0; t < plane->n_threads; t++)
        running |= plane->lanes[t] && plane->lanes[t]->started;
    if (running)
        cw_plane_stop(plane, 0);
    for (unsigned t = 0; t < plane->n_threads; t++)
        cw_lane_free(plane->lanes[t]);
    free(plane);
}

uint16_t cw_plane_port(const struct cw_plane *plane, unsigned listener)
{
    return listener < plane->n_binds ? plane->binds[listener].port : 0;
}

unsigned cw_plane_threads(const struct cw_plane *plane) { return plane->n_threads; }

const struct cw_stats *cw_plane_stats(const struct cw_plane *plane, unsigned thread)
{
    return thread < plane->n_threads ? &plane->lanes[thread]->worker.stats : NULL;
}

size_t cw_plane_drain(struct cw_plane *plane, struct cw_record *out, size_t max)
{
    size_t n = 0;
    for (unsigned t = 0; t < plane->n_threads; t++)
        n += cw_ring_drain(plane->lanes[t]->worker.ring, out + n, max - n);
    return n;
}

uint64_t cw_plane_dropped(const struct cw_plane *plane)
{
    uint64_t n = 0;
    for (unsigned t = 0; t < plane->n_threads; t++)
        n += cw_ring_dropped(plane->lanes[t]->worker.ring);
    return n;
}

uint64_t cw_plane_alive_ms(const struct cw_plane *plane, unsigned thread)
{
    return thread < plane->n_threads ? atomic_load_explicit(&plane->lanes[thread]->alive_ms, memory_order_relaxed) : 0;
}
