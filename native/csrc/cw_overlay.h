/* The changes since the last base: one open-addressed table of numbers and patterns, one writer, readers without locks.
 *
 * An entry never moves and never goes away while the overlay lives: it is published by the release store of its key, and
 * changed by one store of its value (attribute id, or the tombstone that hides what lies below).
 */
#ifndef CW_OVERLAY_H
#define CW_OVERLAY_H

#include <stdatomic.h>

#include "cw_attrs.h"
#include "cw_pattern.h"

#define CW_TOMB (UINT32_C(1) << 31)

struct cw_slot {
    _Atomic uint64_t key;    /* a number, or cw_pattern_key(); 0 = free */
    _Atomic uint32_t val;    /* attribute id | CW_TOMB */
    uint32_t zero;
};
_Static_assert(sizeof(struct cw_slot) == 16, "four to a cache line");

struct cw_overlay {
    struct cw_slot *slots;
    uint64_t mask;
    _Atomic uint32_t n_numbers;  /* slots with numbers, tombstones included: 0 = readers need not probe */
    struct cw_pattern_masks_shared {
        _Atomic uint32_t of[2][CW_LENGTHS];
    } masks;
    struct cw_attrs attrs;
    uint32_t attrs_new;      /* attributes that no lower level has, counted by cw_list.c */
    uint64_t used, max;      /* writer's */
};

static inline uint64_t cw_mix(uint64_t x)
{
    x *= UINT64_C(0x9E3779B97F4A7C15);
    x ^= x >> 32;
    return x * UINT64_C(0xD6E8FEB86659FD93);
}

static inline const struct cw_slot *cw_overlay_home(const struct cw_overlay *o, uint64_t key)
{
    return &o->slots[(cw_mix(key) >> 32) & o->mask];
}

/* Reader: the value of key. */
static inline bool cw_overlay_find(const struct cw_overlay *o, uint64_t key, uint32_t *val)
{
    for (uint64_t i = cw_mix(key) >> 32;; i++) { /* ends: a quarter of the slots stays free */
        const struct cw_slot *s = &o->slots[i & o->mask];
        uint64_t k = atomic_load_explicit(&s->key, memory_order_acquire);
        if (k == key) {
            *val = atomic_load_explicit(&s->val, memory_order_acquire);
            return true;
        }
        if (k == 0)
            return false;
    }
}

static inline uint32_t cw_overlay_patterns(const struct cw_overlay *o, unsigned space, unsigned length)
{
    return atomic_load_explicit(&o->masks.of[space][length], memory_order_acquire);
}

struct cw_overlay *cw_overlay_new(uint32_t entries, uint32_t attrs_max);
void cw_overlay_free(struct cw_overlay *o);
size_t cw_overlay_bytes(const struct cw_overlay *o);
/* Writer: set or change; the caller has seen to it that used < max when key is new. */
void cw_overlay_put(struct cw_overlay *o, uint64_t key, uint32_t val);
/* Writer: copy the entries with from <= key < to, in no order; tag is or-ed to the values. keys and vals have room for
 * `used`. */
size_t cw_overlay_collect(const struct cw_overlay *o, uint64_t from, uint64_t to, uint32_t tag, uint64_t *keys, uint32_t *vals);

#endif
