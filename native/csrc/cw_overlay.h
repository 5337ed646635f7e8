/* The changes since the last base: one open-addressed table of numbers and patterns, one writer, readers without locks.
 *
 * The table has twice the room that is ever filled, in lines of four slots: a look-up touches one cache line.
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
    bool populated;          /* writer's: all pages are there */
};

static inline uint64_t cw_mix(uint64_t x)
{
    x *= UINT64_C(0x9E3779B97F4A7C15);
    x ^= x >> 32;
    return x * UINT64_C(0xD6E8FEB86659FD93);
}

#define CW_SLOTS_A_LINE (CW_LINE / 16)

/* The first slot of the line where key belongs. */
static inline uint64_t cw_overlay_home(const struct cw_overlay *o, uint64_t key)
{
    return (cw_mix(key) >> 32) * CW_SLOTS_A_LINE & o->mask;
}

/* Reader: the value of key. One line is looked at without a branch; the next one only when this one is full. */
static inline bool cw_overlay_find(const struct cw_overlay *o, uint64_t key, uint32_t *val)
{
    for (uint64_t i = cw_overlay_home(o, key);; i = (i + CW_SLOTS_A_LINE) & o->mask) { /* ends: most slots stay free */
        const struct cw_slot *s = &o->slots[i];
        uint64_t k0 = atomic_load_explicit(&s[0].key, memory_order_acquire);
        uint64_t k1 = atomic_load_explicit(&s[1].key, memory_order_acquire);
        uint64_t k2 = atomic_load_explicit(&s[2].key, memory_order_acquire);
        uint64_t k3 = atomic_load_explicit(&s[3].key, memory_order_acquire);
        if ((k0 == key) | (k1 == key) | (k2 == key) | (k3 == key)) {
            unsigned at = (unsigned)(k1 == key) | (unsigned)(k2 == key) * 2 | (unsigned)(k3 == key) * 3;
            *val = atomic_load_explicit(&s[at].val, memory_order_acquire);
            return true;
        }
        if (k3 == 0) /* lines fill from the front */
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
/* Writer: n entries are about to be looked up and put. When they would touch most pages, all are made at once: otherwise the
 * look-up maps each page read-only and the put has every processor forget it again, which takes longer than the change. */
void cw_overlay_expect(struct cw_overlay *o, size_t n);
/* Writer: set or change; the caller has seen to it that used < max when key is new. */
void cw_overlay_put(struct cw_overlay *o, uint64_t key, uint32_t val);
/* Writer: copy the entries with from <= key < to, in no order; tag is or-ed to the values. keys and vals have room for
 * `used`. */
size_t cw_overlay_collect(const struct cw_overlay *o, uint64_t from, uint64_t to, uint32_t tag, uint64_t *keys, uint32_t *vals);

#endif
