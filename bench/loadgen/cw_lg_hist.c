#include "cw_lg_hist.h"

static unsigned bucket_of(uint64_t ns)
{
    const unsigned sub = 1u << CW_LG_HIST_SUB_BITS;
    if (ns < sub)
        return (unsigned)ns;
    unsigned top = 63u - (unsigned)__builtin_clzll(ns);
    unsigned shift = top - CW_LG_HIST_SUB_BITS;
    unsigned index = ((shift + 1u) << CW_LG_HIST_SUB_BITS) + (unsigned)((ns >> shift) & (sub - 1u));
    return index < CW_LG_HIST_BUCKETS ? index : CW_LG_HIST_BUCKETS - 1u;
}

static uint64_t upper_edge(unsigned index)
{
    const unsigned sub = 1u << CW_LG_HIST_SUB_BITS;
    if (index < sub)
        return index;
    unsigned shift = (index >> CW_LG_HIST_SUB_BITS) - 1u;
    return (((uint64_t)(index & (sub - 1u)) + sub + 1u) << shift) - 1u;
}

void cw_lg_hist_add(struct cw_lg_hist *h, uint64_t ns)
{
    h->bucket[bucket_of(ns)]++;
    h->count++;
    h->sum_ns += ns;
    if (ns > h->max_ns)
        h->max_ns = ns;
}

uint64_t cw_lg_hist_quantile(const struct cw_lg_hist *h, double q)
{
    uint64_t want = (uint64_t)((double)h->count * q + 0.5);
    uint64_t seen = 0;
    if (h->count == 0)
        return 0;
    if (want == 0)
        want = 1;
    for (unsigned i = 0; i < CW_LG_HIST_BUCKETS; i++) {
        seen += h->bucket[i];
        if (seen >= want) {
            uint64_t edge = upper_edge(i);
            return edge < h->max_ns ? edge : h->max_ns;
        }
    }
    return h->max_ns;
}
