/* Log-linear histogram of nanoseconds: 16 linear steps in each power of two, so a value is known within 1/16 (6.25%).
 * One writer; readers may look at any time (relaxed atomics) and add several up. */
#ifndef CW_HIST_H
#define CW_HIST_H

#include <stdatomic.h>
#include "cw.h"

#define CW_HIST_BITS 4
#define CW_HIST_BUCKETS ((40 - CW_HIST_BITS + 1) << CW_HIST_BITS) /* up to 2^40 ns = 18 minutes; more counts in the last */

struct cw_hist {
    _Atomic uint64_t count, sum;
    _Atomic uint64_t bucket[CW_HIST_BUCKETS];
};
unsigned cw_hist_index(uint64_t ns);
uint64_t cw_hist_upper(unsigned index); /* largest value that falls into the bucket; the last one's is 2^40 - 1 */
/* Upper bound of the bucket that holds the q-th part (0..1) of all values; 0 when there are none. For readers. */
uint64_t cw_hist_quantile(const struct cw_hist *h, double q);

static inline void cw_bump(_Atomic uint64_t *c, uint64_t by)
{
    atomic_store_explicit(c, atomic_load_explicit(c, memory_order_relaxed) + by, memory_order_relaxed);
}
static inline void cw_hist_add(struct cw_hist *h, uint64_t ns)
{
    cw_bump(&h->count, 1);
    cw_bump(&h->sum, ns);
    cw_bump(&h->bucket[cw_hist_index(ns)], 1);
}
#endif
