/* Log-linear histogram of nanoseconds: 64 buckets an octave, so a figure is off by 1.6% at most.
 * Fixed memory, one increment a sample. */
#ifndef CW_LG_HIST_H
#define CW_LG_HIST_H

#include <stdint.h>

enum { CW_LG_HIST_SUB_BITS = 6, CW_LG_HIST_OCTAVES = 36,
       CW_LG_HIST_BUCKETS = CW_LG_HIST_OCTAVES << CW_LG_HIST_SUB_BITS };

struct cw_lg_hist {
    uint64_t count;
    uint64_t max_ns;
    uint64_t sum_ns;
    uint32_t bucket[CW_LG_HIST_BUCKETS];
};

void cw_lg_hist_add(struct cw_lg_hist *h, uint64_t ns);

/* The upper edge of the bucket that holds the q-quantile (0 < q <= 1), never above the maximum; 0 when empty. */
uint64_t cw_lg_hist_quantile(const struct cw_lg_hist *h, double q);

#endif
