#include "cw_sort.h"

#include "cw_mem.h"

enum { BITS = 11, BUCKETS = 1 << BITS, PASSES = 6 };

bool cw_is_sorted(const uint64_t *keys, size_t n)
{
    for (size_t i = 1; i < n; i++)
        if (keys[i - 1] > keys[i])
            return false;
    return true;
}

static void one_pass(struct cw_sort *s, size_t n, size_t *counts, unsigned shift)
{
    size_t at = 0;
    for (unsigned b = 0; b < BUCKETS; b++) {
        size_t c = counts[b];
        counts[b] = at;
        at += c;
    }
    for (size_t i = 0; i < n; i++) {
        size_t to = counts[(s->keys[i] >> shift) & (BUCKETS - 1)]++;
        s->spare_keys[to] = s->keys[i];
        if (s->vals)
            s->spare_vals[to] = s->vals[i];
    }
    uint64_t *k = s->keys;
    s->keys = s->spare_keys;
    s->spare_keys = k;
    uint32_t *v = s->vals;
    s->vals = s->spare_vals;
    s->spare_vals = v;
}

void cw_sort(struct cw_sort *s, size_t n)
{
    size_t counts[PASSES][BUCKETS];
    if (n < 2 || cw_is_sorted(s->keys, n))
        return;
    memset(counts, 0, sizeof counts);
    for (size_t i = 0; i < n; i++)
        for (unsigned p = 0; p < PASSES; p++)
            counts[p][(s->keys[i] >> (p * BITS)) & (BUCKETS - 1)]++;
    for (unsigned p = 0; p < PASSES; p++)
        if (counts[p][(s->keys[0] >> (p * BITS)) & (BUCKETS - 1)] != n) /* all in one bucket: nothing to move */
            one_pass(s, n, counts[p], p * BITS);
}

size_t cw_sort_unique(uint64_t *keys, size_t n)
{
    if (n < 2)
        return n;
    if (!cw_is_sorted(keys, n)) {
        size_t bytes = n * sizeof *keys;
        uint64_t *spare = cw_big_alloc(bytes);
        if (!spare)
            return SIZE_MAX;
        struct cw_sort s = {.keys = keys, .spare_keys = spare};
        cw_sort(&s, n);
        if (s.keys != keys)
            memcpy(keys, s.keys, bytes);
        cw_big_free(spare, bytes);
    }
    size_t left = 1;
    for (size_t i = 1; i < n; i++)
        if (keys[i] != keys[left - 1])
            keys[left++] = keys[i];
    return left;
}
