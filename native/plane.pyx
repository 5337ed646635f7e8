# cython: language_level=3
"""The engine without sockets (tests, tools) and the running data plane (csrc/cw_engine.h, cw_plane.h)."""

cimport cython
from libc.stddef cimport size_t
from libc.stdint cimport uint8_t, uint16_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free

from native.tables cimport Rcu
from native.world cimport *

from native.world import ACTIONS, reasons


cdef extern from "cw_plane.h" nogil:
    enum:
        CW_THREADS_MAX
    struct cw_memo:
        pass
    struct cw_calls:
        pass
    struct cw_hist_totals:
        uint64_t count, sum
        uint64_t *bucket
    struct cw_totals:
        uint64_t *reasons
        uint64_t *rules
        uint64_t *shadows
        uint64_t *actions
        uint64_t received, sent, received_bytes, sent_bytes, batches
        uint64_t calls_new, calls_answered, calls_ended, calls_failed, calls_untracked
        uint64_t labels_trimmed, imitations
        cw_hist_totals decision, transit, answer_ms, duration_ms
    struct cw_plane:
        pass
    struct cw_plane_options:
        uint16_t n_threads
        bint spread_at_random
        uint32_t busy_poll_us
        int *cpus
        uint32_t ring_records
        uint32_t rcvbuf_bytes, sndbuf_bytes
    cw_memo *cw_memo_new(uint32_t entries)
    void cw_memo_free(cw_memo *memo)
    uint64_t cw_memo_bytes(const cw_memo *memo)
    cw_calls *cw_calls_new(uint32_t entries)
    void cw_calls_free(cw_calls *calls)
    void cw_calls_count(const cw_calls *calls, uint32_t now_ms, uint32_t *ringing, uint32_t *answered)
    uint64_t cw_calls_bytes(const cw_calls *calls)
    uint64_t cw_hist_upper(unsigned index)
    void cw_stats_add(const cw_stats *src, cw_totals *to)
    cw_ring *cw_ring_new(uint32_t records)
    void cw_ring_free(cw_ring *ring)
    cw_plane *cw_plane_new(cw_rcu *rcu, cw_shared *shared, const cw_world *world, const cw_ep *binds, uint16_t n,
                           const cw_plane_options *options, char *err, size_t err_len)
    int cw_plane_start(cw_plane *plane)
    const cw_world *cw_plane_publish(cw_plane *plane, const cw_world *world)
    void cw_plane_stop(cw_plane *plane, uint32_t drain_ms)
    void cw_plane_free(cw_plane *plane)
    uint16_t cw_plane_port(const cw_plane *plane, unsigned listener)
    unsigned cw_plane_threads(const cw_plane *plane)
    const cw_stats *cw_plane_stats(const cw_plane *plane, unsigned thread)
    size_t cw_plane_drain(cw_plane *plane, cw_record *out, size_t most)
    uint64_t cw_plane_dropped(const cw_plane *plane)
    uint64_t cw_plane_alive_ms(const cw_plane *plane, unsigned thread)

cdef extern from *:
    """
    #include <stdlib.h>
    #include <time.h>
    static struct cw_shared *cw_shared_new(uint32_t memo, uint32_t calls)
    {
        struct cw_shared *s = calloc(1, sizeof *s);
        if (s != NULL) {
            s->memo = cw_memo_new(memo);
            s->calls = cw_calls_new(calls);
        }
        return s;
    }
    static void cw_shared_free(struct cw_shared *s)
    {
        if (s == NULL)
            return;
        cw_memo_free(s->memo);
        cw_calls_free(s->calls);
        free(s);
    }
    static int cw_shared_complete(const struct cw_shared *s)
    {
        return s != NULL && s->memo != NULL && s->calls != NULL;
    }
    static void cw_shared_down(struct cw_shared *s, unsigned slot, int down)
    {
        atomic_store_explicit(&s->down[slot], down ? 1 : 0, memory_order_relaxed);
    }
    static void cw_shared_draining(struct cw_shared *s, int on) { atomic_store(&s->draining, on != 0); }
    static struct cw_memo *cw_shared_memo(struct cw_shared *s) { return s->memo; }
    static struct cw_calls *cw_shared_calls(struct cw_shared *s) { return s->calls; }
    static uint32_t cw_clock_ms(void)
    {
        struct timespec t;
        clock_gettime(CLOCK_MONOTONIC, &t);
        return (uint32_t)((uint64_t)t.tv_sec * 1000u + (uint64_t)t.tv_nsec / 1000000u);
    }
    static uint64_t cw_unix_ns(void)
    {
        struct timespec t;
        clock_gettime(CLOCK_REALTIME, &t);
        return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
    }
    """
    cw_shared *cw_shared_new(uint32_t memo, uint32_t calls) nogil
    void cw_shared_free(cw_shared *s) nogil
    bint cw_shared_complete(const cw_shared *s) nogil
    void cw_shared_down(cw_shared *s, unsigned slot, int down) nogil
    void cw_shared_draining(cw_shared *s, int on) nogil
    cw_memo *cw_shared_memo(cw_shared *s) nogil
    cw_calls *cw_shared_calls(cw_shared *s) nogil
    uint32_t cw_clock_ms() nogil
    uint64_t cw_unix_ns() nogil


cdef object quantile(const cw_hist_totals *h, double q):
    """Upper bound of the bucket that holds the q-th part of all values."""
    cdef uint64_t want = <uint64_t>(q * <double>h.count + 0.5), seen = 0
    cdef int i
    if h.count == 0:
        return 0
    want = min(max(want, <uint64_t>1), h.count)
    for i in range(CW_HIST_BUCKETS):
        seen += h.bucket[i]
        if seen >= want:
            return cw_hist_upper(i)
    return cw_hist_upper(CW_HIST_BUCKETS - 1)


cdef object histogram(const cw_hist_totals *h):
    cdef int i
    buckets = [(cw_hist_upper(i), h.bucket[i]) for i in range(CW_HIST_BUCKETS) if h.bucket[i]]
    return {
        "count": h.count, "sum": h.sum, "p50": quantile(h, 0.5), "p90": quantile(h, 0.9), "p99": quantile(h, 0.99),
        "p99_9": quantile(h, 0.999), "max": buckets[-1][0] if buckets else 0, "buckets": buckets,
    }


cdef object totals_dict(const cw_totals *t, int n_rules):
    return {
        "reasons": {name: t.reasons[i] for i, (name, _) in enumerate(reasons())},
        "actions": {name: t.actions[i] for i, name in enumerate(ACTIONS)},
        "rules": [t.rules[i] for i in range(n_rules)],
        "shadows": [t.shadows[i] for i in range(n_rules)],
        "received": t.received, "sent": t.sent, "received_bytes": t.received_bytes, "sent_bytes": t.sent_bytes,
        "batches": t.batches, "calls_new": t.calls_new, "calls_answered": t.calls_answered,
        "calls_ended": t.calls_ended, "calls_failed": t.calls_failed, "calls_untracked": t.calls_untracked,
        "labels_trimmed": t.labels_trimmed, "imitations": t.imitations,
        "decision_ns": histogram(&t.decision), "transit_ns": histogram(&t.transit),
        "answer_ms": histogram(&t.answer_ms), "duration_ms": histogram(&t.duration_ms),
    }


cdef int slot_ok(int slot) except -1:
    if not 0 <= slot < CW_HEALTH_MAX:
        raise ValueError(f"health slot {slot} is outside 0..{CW_HEALTH_MAX - 1}")
    return 0


@cython.final
cdef class Engine:
    """One datagram in, at most one out, without sockets. For tests and tools: memo and call table of its own."""

    cdef World world
    cdef cw_shared *shared
    cdef cw_worker *worker
    cdef uint8_t *answer

    def __cinit__(self, World world not None, *, uint32_t memo_entries=1024, uint32_t call_entries=1024):
        self.shared = cw_shared_new(memo_entries, call_entries)
        self.worker = <cw_worker *>calloc(1, sizeof(cw_worker))
        self.answer = <uint8_t *>calloc(1, CW_DATAGRAM_MAX)
        if not cw_shared_complete(self.shared) or self.worker == NULL or self.answer == NULL:
            raise MemoryError
        self.publish(world)

    def __dealloc__(self):
        cw_shared_free(self.shared)
        free(self.worker)
        free(self.answer)

    def publish(self, World world not None):
        world.frozen = True
        self.world = world

    def set_down(self, int slot, bint down):
        slot_ok(slot)
        cw_shared_down(self.shared, slot, down)

    def set_draining(self, bint on):
        cw_shared_draining(self.shared, on)

    def handle(self, bytes datagram not None, source, *, int listener=0, uint32_t now_ms=0, uint64_t now_s=0):
        """(reason, bytes out or None, destination or None, listener out)."""
        cdef cw_in arrived
        cdef cw_out leaving
        if not 0 < len(datagram) <= CW_DATAGRAM_MAX:
            raise ValueError(f"a datagram of {len(datagram)} bytes")
        if not 0 <= listener < self.world.ptr.n_listeners:
            raise ValueError(f"listener {listener} does not exist")
        endpoint(source[0], source[1], &arrived.src)
        arrived.buf = datagram
        arrived.len = len(datagram)
        arrived.listener = listener
        arrived.now_ms = now_ms
        arrived.rx_ns = now_s * 1_000_000_000 if now_s else cw_unix_ns()
        leaving.buf = self.answer
        code = cw_engine_handle(self.world.ptr, self.shared, self.worker, &arrived, &leaving)
        name = reasons()[code][0]
        if leaving.len == 0:
            return name, None, None, listener
        return name, leaving.buf[:leaving.len], endpoint_text(&leaving.dst), leaving.listener

    def record(self):
        """The last decision: struct cw_record (csrc/cw_ring.h)."""
        return (<const char *>&self.worker.decision)[:sizeof(cw_record)]

    def stats(self):
        cdef cw_totals *t = <cw_totals *>calloc(1, sizeof(cw_totals))
        if t == NULL:
            raise MemoryError
        cw_stats_add(&self.worker.stats, t)
        try:
            return totals_dict(t, self.world.ptr.policy.n_rules)
        finally:
            free(t)


@cython.final
@cython.no_gc  # the collector would clear world and lists under the running threads, before __dealloc__ stops them
cdef class Plane:
    """The running data plane: native threads that never take the GIL."""

    cdef World world
    cdef Rcu rcu
    cdef cw_shared *shared
    cdef cw_plane *ptr
    cdef cw_record *records
    cdef uint64_t ring_bytes
    cdef bint started

    def __cinit__(self, Rcu rcu not None, World world not None, *, int threads=1, str spread not None="flow",
                  uint32_t busy_poll_us=0, cpus=(), uint32_t memo_entries=262144, uint32_t call_entries=262144,
                  uint32_t ring_records=16384, uint32_t rcvbuf_bytes=8 << 20, uint32_t sndbuf_bytes=8 << 20):
        cdef cw_plane_options options
        cdef cw_ep binds[16]
        cdef char err[256]
        if not 1 <= threads <= CW_THREADS_MAX:
            raise ValueError(f"{threads} threads: 1 to {CW_THREADS_MAX} are possible")
        if spread not in ("flow", "random"):
            raise ValueError(f"spread {spread!r} is neither 'flow' nor 'random'")
        if ring_records & (ring_records - 1) or not 64 <= ring_records <= 1 << 24:
            raise ValueError("ring_records is not a power of two from 64 on")
        if world.ptr.n_listeners == 0:
            raise ValueError("a world without listeners")
        for i in range(CW_THREADS_MAX):
            options.cpus[i] = cpus[i % len(cpus)] if cpus else -1
        options.n_threads = threads
        options.spread_at_random = spread == "random"
        options.busy_poll_us = busy_poll_us
        options.ring_records = ring_records
        options.rcvbuf_bytes = rcvbuf_bytes
        options.sndbuf_bytes = sndbuf_bytes
        for i in range(world.ptr.n_listeners):
            binds[i] = world.ptr.listeners[i].bind
        self.rcu = rcu
        self.shared = cw_shared_new(memo_entries, call_entries)
        self.records = <cw_record *>calloc(4096, sizeof(cw_record))
        if not cw_shared_complete(self.shared) or self.records == NULL:
            raise MemoryError
        self.ring_bytes = <uint64_t>threads * ring_records * sizeof(cw_record)
        world.frozen = True
        self.world = world
        self.ptr = cw_plane_new(<cw_rcu *>rcu.ptr, self.shared, world.ptr, binds, world.ptr.n_listeners, &options,
                                err, sizeof(err))
        if self.ptr == NULL:
            raise OSError(err.decode(errors="replace"))

    def __dealloc__(self):
        if self.ptr != NULL:
            with nogil:
                if self.started:
                    cw_plane_stop(self.ptr, 0)
                cw_plane_free(self.ptr)
        cw_shared_free(self.shared)
        free(self.records)

    def port(self, int listener):
        if not 0 <= listener < self.world.ptr.n_listeners:
            raise ValueError(f"listener {listener} does not exist")
        return cw_plane_port(self.ptr, listener)

    def start(self):
        if self.started:
            raise RuntimeError("the data plane runs already")
        code = cw_plane_start(self.ptr)
        if code < 0:
            raise OSError(-code, "cannot start a data-plane thread")
        self.started = True

    def publish(self, World world not None):
        """Swap the world; returns when no thread can see the old one."""
        if world.ptr.n_listeners != self.world.ptr.n_listeners:
            raise ValueError("listeners cannot change while the data plane runs")
        world.frozen = True
        with nogil:
            cw_plane_publish(self.ptr, world.ptr)
        self.world = world  # frees the old one

    def set_down(self, int slot, bint down):
        slot_ok(slot)
        cw_shared_down(self.shared, slot, down)

    def set_draining(self, bint on):
        cw_shared_draining(self.shared, on)

    def stop(self, uint32_t drain_ms=500):
        if self.started:
            with nogil:
                cw_plane_stop(self.ptr, drain_ms)
            self.started = False

    def drain_records(self, int max_records=4096):
        """Journal records since the last call: n * RECORD_BYTES. One caller at a time."""
        cdef size_t most = min(max(max_records, 0), 4096), n
        with nogil:
            n = cw_plane_drain(self.ptr, self.records, most)
        return (<const char *>self.records)[:n * sizeof(cw_record)]

    def records_dropped(self):
        return cw_plane_dropped(self.ptr)

    def alive_ms(self):
        return [cw_plane_alive_ms(self.ptr, i) for i in range(cw_plane_threads(self.ptr))]

    def stats(self):
        cdef cw_totals *t = <cw_totals *>calloc(1, sizeof(cw_totals))
        cdef uint32_t ringing = 0, answered = 0
        if t == NULL:
            raise MemoryError
        try:
            for i in range(cw_plane_threads(self.ptr)):
                cw_stats_add(cw_plane_stats(self.ptr, i), t)
            out = totals_dict(t, self.world.ptr.policy.n_rules)
        finally:
            free(t)
        cw_calls_count(cw_shared_calls(self.shared), cw_clock_ms(), &ringing, &answered)
        out["calls_ringing"] = ringing
        out["calls_up"] = answered
        out["records_dropped"] = self.records_dropped()
        out["memory_bytes"] = {
            "memo": cw_memo_bytes(cw_shared_memo(self.shared)),
            "calls": cw_calls_bytes(cw_shared_calls(self.shared)),
            "rings": self.ring_bytes,
        }
        return out
