/* Quiescent-state reclamation, the writer's side. The readers' side is inline in cw_rcu.h.
 *
 * Why it is right: a writer swaps a pointer, then raises the epoch. A reader whose `seen` is the new epoch has read the
 * epoch after the swap, so what it loads from then on is the new pointer; a reader whose `seen` is 0 has released all
 * that it held, and meets the new pointer when it comes back (fence in cw_rcu_online against the fence here).
 * Never call cw_rcu_synchronize() from a thread that is itself an online reader: it would wait for itself.
 */
#include "cw_rcu.h"

#include <time.h>

void cw_rcu_init(struct cw_rcu *rcu)
{
    atomic_init(&rcu->epoch, 1);
    for (int i = 0; i < CW_READERS_MAX; i++) {
        atomic_init(&rcu->readers[i].seen, 0);
        atomic_init(&rcu->readers[i].used, false);
    }
}

int cw_rcu_register(struct cw_rcu *rcu)
{
    for (int i = 0; i < CW_READERS_MAX; i++) {
        bool free_slot = false;
        if (atomic_compare_exchange_strong(&rcu->readers[i].used, &free_slot, true))
            return i;
    }
    return -1;
}

void cw_rcu_unregister(struct cw_rcu *rcu, int slot)
{
    if (slot < 0 || slot >= CW_READERS_MAX)
        return;
    cw_rcu_offline(rcu, slot);
    atomic_store(&rcu->readers[slot].used, false);
}

void cw_rcu_synchronize(struct cw_rcu *rcu)
{
    const struct timespec step = {0, 20000};
    atomic_thread_fence(memory_order_seq_cst);
    uint64_t target = atomic_fetch_add(&rcu->epoch, 1) + 1;
    atomic_thread_fence(memory_order_seq_cst);
    for (int i = 0; i < CW_READERS_MAX; i++) {
        for (;;) {
            uint64_t seen = atomic_load_explicit(&rcu->readers[i].seen, memory_order_acquire);
            if (seen == 0 || seen >= target)
                break;
            nanosleep(&step, NULL);
        }
    }
}
