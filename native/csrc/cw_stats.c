#include "cw_engine.h"

void cw_stats_add(const struct cw_stats *from, struct cw_totals *to)
{
    const _Atomic uint64_t *f = (const _Atomic uint64_t *)from;
    uint64_t *t = (uint64_t *)to;
    for (size_t i = 0; i < sizeof *to / sizeof *t; i++)
        t[i] += atomic_load_explicit(f + i, memory_order_relaxed);
}
