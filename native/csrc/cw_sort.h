/* Radix sort of 64-bit keys with optional 32-bit companions: stable, O(n), memory twice the input. */
#ifndef CW_SORT_H
#define CW_SORT_H

#include "cw.h"

struct cw_sort {             /* two buffers of n; vals may be NULL in both */
    uint64_t *keys, *spare_keys;
    uint32_t *vals, *spare_vals;
};

/* The result is in keys and vals; the buffers may have changed places. */
void cw_sort(struct cw_sort *s, size_t n);
bool cw_is_sorted(const uint64_t *keys, size_t n);
/* Sort in place and drop repeats; returns how many are left, SIZE_MAX when memory is short. */
size_t cw_sort_unique(uint64_t *keys, size_t n);

#endif
