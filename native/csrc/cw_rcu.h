/* Quiescent-state reclamation: data-plane threads read tables through plain pointers and never wait; a writer swaps a
 * pointer and frees the old object after every reader has passed a quiescent point (between two batches) or sleeps.
 * Only the writer blocks, and only in cw_rcu_synchronize(). */
#ifndef CW_RCU_H
#define CW_RCU_H

#include <stdatomic.h>
#include "cw.h"

#define CW_READERS_MAX 64

struct cw_rcu {
    _Alignas(CW_LINE) _Atomic uint64_t epoch;   /* starts at 1 */
    struct {
        _Alignas(CW_LINE) _Atomic uint64_t seen; /* 0 = offline: holds no pointer */
        _Atomic bool used;
    } readers[CW_READERS_MAX];
};

void cw_rcu_init(struct cw_rcu *rcu);
/* A slot for a reader thread, or -1 when all are taken. Starts offline. */
int cw_rcu_register(struct cw_rcu *rcu);
void cw_rcu_unregister(struct cw_rcu *rcu, int slot);
/* Reader: before touching shared pointers after sleep; at each quiescent point; before sleeping. */
static inline void cw_rcu_online(struct cw_rcu *rcu, int slot)
{
    atomic_store_explicit(&rcu->readers[slot].seen, atomic_load_explicit(&rcu->epoch, memory_order_relaxed),
                          memory_order_relaxed);
    atomic_thread_fence(memory_order_seq_cst);
}
static inline void cw_rcu_quiescent(struct cw_rcu *rcu, int slot)
{
    uint64_t now = atomic_load_explicit(&rcu->epoch, memory_order_acquire);
    if (atomic_load_explicit(&rcu->readers[slot].seen, memory_order_relaxed) != now) {
        atomic_store_explicit(&rcu->readers[slot].seen, now, memory_order_release);
        atomic_thread_fence(memory_order_seq_cst);
    }
}
static inline void cw_rcu_offline(struct cw_rcu *rcu, int slot)
{
    atomic_store_explicit(&rcu->readers[slot].seen, 0, memory_order_release);
}
/* Writer: returns when no reader can still hold a pointer that was replaced before the call. Sleeps in steps of 20 us. */
void cw_rcu_synchronize(struct cw_rcu *rcu);

#endif
