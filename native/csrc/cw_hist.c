/* Buckets: values below 16 have one each; above, the position of the highest bit names the power of two and the four bits
 * after it the step within. Everything is exact integer arithmetic, so index and upper bound are inverse to each other. */
#include "cw_hist.h"

#define STEPS (1u << CW_HIST_BITS)

unsigned cw_hist_index(uint64_t ns)
{
    if (ns < STEPS)
        return (unsigned)ns;
    unsigned top = 63u - (unsigned)__builtin_clzll(ns);
    if (top > 39)
        return CW_HIST_BUCKETS - 1;
    unsigned group = top - CW_HIST_BITS;
    return ((group + 1) << CW_HIST_BITS) | ((unsigned)(ns >> group) & (STEPS - 1));
}

uint64_t cw_hist_upper(unsigned index)
{
    if (index < STEPS)
        return index;
    if (index >= CW_HIST_BUCKETS)
        index = CW_HIST_BUCKETS - 1;
    unsigned group = (index >> CW_HIST_BITS) - 1;
    return ((uint64_t)(STEPS + (index & (STEPS - 1)) + 1) << group) - 1;
}

uint64_t cw_hist_quantile(const struct cw_hist *h, double q)
{
    uint64_t total = 0; /* of the buckets, not h->count: the writer may be between the two */
    for (unsigned i = 0; i < CW_HIST_BUCKETS; i++)
        total += atomic_load_explicit(&h->bucket[i], memory_order_relaxed);
    if (total == 0)
        return 0;
    double exact = (q < 0 ? 0 : q > 1 ? 1 : q) * (double)total;
    uint64_t rank = (uint64_t)exact;
    if ((double)rank < exact || rank == 0)
        rank++;
    unsigned last = 0;
    uint64_t seen = 0;
    for (unsigned i = 0; i < CW_HIST_BUCKETS && seen < rank; i++) {
        uint64_t n = atomic_load_explicit(&h->bucket[i], memory_order_relaxed);
        seen += n;
        if (n)
            last = i;
    }
    return cw_hist_upper(last);
}
