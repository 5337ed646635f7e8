/* Positions only grow; the place is position & mask. Each side keeps its own copy of the other's position and looks at the
 * shared one only when the copy says full or empty, so the two cores rarely touch each other's cache line. */
#include <stdlib.h>

#include "cw_mem.h"
#include "cw_ring.h"

struct cw_ring {
    _Alignas(CW_LINE) _Atomic uint64_t head; /* producer: next to publish */
    uint64_t tail_seen;
    _Atomic uint64_t dropped;
    _Alignas(CW_LINE) _Atomic uint64_t tail; /* consumer: next to read */
    uint64_t head_seen;
    _Alignas(CW_LINE) uint64_t mask;
    struct cw_record *records;
};

struct cw_ring *cw_ring_new(uint32_t records)
{
    uint64_t n = 1;
    while (n < records)
        n *= 2;
    struct cw_ring *ring = aligned_alloc(CW_LINE, sizeof *ring);
    struct cw_record *mem = cw_big_alloc(n * sizeof *mem);
    if (!ring || !mem) {
        free(ring);
        cw_big_free(mem, n * sizeof *mem);
        return NULL;
    }
    memset(ring, 0, sizeof *ring);
    memset(mem, 0, n * sizeof *mem); /* touches every page now: none is missing later, on the data path */
    ring->mask = n - 1;
    ring->records = mem;
    return ring;
}

void cw_ring_free(struct cw_ring *ring)
{
    if (ring)
        cw_big_free(ring->records, (ring->mask + 1) * sizeof *ring->records);
    free(ring);
}

struct cw_record *cw_ring_claim(struct cw_ring *ring)
{
    uint64_t head = atomic_load_explicit(&ring->head, memory_order_relaxed);
    if (head - ring->tail_seen > ring->mask) {
        ring->tail_seen = atomic_load_explicit(&ring->tail, memory_order_acquire);
        if (head - ring->tail_seen > ring->mask) {
            uint64_t dropped = atomic_load_explicit(&ring->dropped, memory_order_relaxed);
            atomic_store_explicit(&ring->dropped, dropped + 1, memory_order_relaxed);
            return NULL;
        }
    }
    return &ring->records[head & ring->mask];
}

void cw_ring_publish(struct cw_ring *ring)
{
    uint64_t head = atomic_load_explicit(&ring->head, memory_order_relaxed);
    atomic_store_explicit(&ring->head, head + 1, memory_order_release);
}

size_t cw_ring_drain(struct cw_ring *ring, struct cw_record *out, size_t max)
{
    uint64_t tail = atomic_load_explicit(&ring->tail, memory_order_relaxed);
    if (ring->head_seen - tail < max)
        ring->head_seen = atomic_load_explicit(&ring->head, memory_order_acquire);
    uint64_t ready = ring->head_seen - tail;
    size_t n = ready < max ? (size_t)ready : max;
    for (size_t i = 0; i < n; i++)
        out[i] = ring->records[(tail + i) & ring->mask];
    atomic_store_explicit(&ring->tail, tail + n, memory_order_release);
    return n;
}

uint64_t cw_ring_dropped(const struct cw_ring *ring)
{
    return atomic_load_explicit(&ring->dropped, memory_order_relaxed);
}

uint64_t cw_ring_bytes(const struct cw_ring *ring)
{
    return sizeof *ring + (ring->mask + 1) * sizeof(struct cw_record);
}
