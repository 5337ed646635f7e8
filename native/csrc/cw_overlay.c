#include "cw_overlay.h"

#include <stdlib.h>
#include <sys/mman.h>

#include "cw_mem.h"

struct cw_overlay *cw_overlay_new(uint32_t entries, uint32_t attrs_max)
{
    struct cw_overlay *o = cw_big_alloc(sizeof *o);
    if (!o)
        return NULL;
    uint64_t slots = 8;
    while (slots < entries)
        slots *= 2;
    o->max = slots / 4 * 3;
    slots *= 2;
    o->mask = slots - 1;
    o->slots = cw_big_alloc(slots * sizeof *o->slots);
    if (!o->slots || !cw_attrs_init(&o->attrs, attrs_max)) {
        cw_big_free(o->slots, slots * sizeof *o->slots);
        cw_big_free(o, sizeof *o);
        return NULL;
    }
    /* small pages: a change touches one of them; zeroing a huge page would hold up the first push by milliseconds */
    (void)madvise(o->slots, slots * sizeof *o->slots, MADV_NOHUGEPAGE);
    return o;
}

void cw_overlay_free(struct cw_overlay *o)
{
    if (!o)
        return;
    cw_attrs_free(&o->attrs);
    cw_big_free(o->slots, (o->mask + 1) * sizeof *o->slots);
    cw_big_free(o, sizeof *o);
}

size_t cw_overlay_bytes(const struct cw_overlay *o)
{
    return sizeof *o + (o->mask + 1) * sizeof *o->slots + cw_attrs_bytes(&o->attrs);
}

void cw_overlay_expect(struct cw_overlay *o, size_t n)
{
    if (o->populated || n < (o->mask + 1) / 64) /* four to a page of 256 slots: 98 % of the pages */
        return;
    o->populated = true;
#ifdef MADV_POPULATE_WRITE /* Linux 5.14; without it only slower */
    (void)madvise(o->slots, (o->mask + 1) * sizeof *o->slots, MADV_POPULATE_WRITE);
#endif
}

void cw_overlay_put(struct cw_overlay *o, uint64_t key, uint32_t val)
{
    uint64_t i = cw_overlay_home(o, key);
    for (;; i = (i + 1) & o->mask) {
        uint64_t k = atomic_load_explicit(&o->slots[i].key, memory_order_relaxed);
        if (k == key) {
            atomic_store_explicit(&o->slots[i].val, val, memory_order_release);
            return;
        }
        if (k == 0)
            break;
    }
    atomic_store_explicit(&o->slots[i].val, val, memory_order_relaxed);
    atomic_store_explicit(&o->slots[i].key, key, memory_order_release);
    o->used++;
    if (!cw_key_is_pattern(key)) {
        atomic_store_explicit(&o->n_numbers, atomic_load_explicit(&o->n_numbers, memory_order_relaxed) + 1,
                              memory_order_release);
        return;
    }
    uint32_t add[CW_LENGTHS];
    unsigned space = cw_pattern_mask_bits(key, add);
    for (unsigned length = 0; length < CW_LENGTHS; length++)
        if (add[length])
            atomic_store_explicit(&o->masks.of[space][length],
                                  atomic_load_explicit(&o->masks.of[space][length], memory_order_relaxed) | add[length],
                                  memory_order_release);
}

size_t cw_overlay_collect(const struct cw_overlay *o, uint64_t from, uint64_t to, uint32_t tag, uint64_t *keys, uint32_t *vals)
{
    size_t n = 0;
    if (o->used == 0)
        return 0;
    for (uint64_t i = 0; i <= o->mask; i++) {
        uint64_t key = atomic_load_explicit(&o->slots[i].key, memory_order_relaxed);
        if (key == 0 || key < from || key >= to)
            continue;
        keys[n] = key;
        vals[n++] = atomic_load_explicit(&o->slots[i].val, memory_order_relaxed) | tag;
    }
    return n;
}
