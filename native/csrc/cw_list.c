/* A list: one view {base, patterns, frozen overlay, active overlay} behind one pointer. Looking up; walks and figures are in
 * cw_list_walk.c, changing in cw_list_write.c. */
#include "cw_list_internal.h"

static inline const struct cw_attr *at_level(const struct cw_overlay *o, uint32_t val)
{
    return val & CW_TOMB ? NULL : &o->attrs.items[val];
}

const struct cw_attr *cw_view_lookup(const struct cw_view *v, uint64_t key)
{
    uint32_t val;
    bool pattern = cw_key_is_pattern(key);
    if ((pattern || atomic_load_explicit(&v->active->n_numbers, memory_order_acquire)) &&
        cw_overlay_find(v->active, key, &val))
        return at_level(v->active, val);
    if (v->frozen && cw_overlay_find(v->frozen, key, &val))
        return at_level(v->frozen, val);
    return pattern ? cw_pats_find(v->pats, key) : cw_base_find(v->base, key);
}

static bool hit_at(struct cw_hit *hit, const struct cw_attr *attr, unsigned digits, bool exact)
{
    if (hit)
        *hit = (struct cw_hit){*attr, (uint8_t)digits, exact};
    return true;
}

bool cw_view_find(const struct cw_view *v, cw_num num, uint32_t now_s, struct cw_hit *hit)
{
    if (!cw_num_is_valid(num))
        return false;
    uint64_t value = num & ~CW_NUM_SHORT;
    unsigned length = cw_dec_digits(value), space = cw_num_space(num);
    cw_base_prefetch(v->base, num); /* on its way while the overlay answers */
    const struct cw_attr *attr = cw_view_lookup(v, num);
    if (attr && !cw_attr_expired(attr, now_s))
        return hit_at(hit, attr, length, true);

    uint32_t mask = cw_overlay_patterns(v->active, space, length) | cw_pats_mask(v->pats, space, length);
    if (v->frozen)
        mask |= cw_overlay_patterns(v->frozen, space, length);
    while (mask) { /* at most 30 bits: the most digits first, a pinned length before any length */
        unsigned bit = 31 - (unsigned)__builtin_clz(mask), digits = bit / 2;
        mask &= ~(UINT32_C(1) << bit);
        attr = cw_view_lookup(v, cw_pattern_key(space, value / cw_pow10[length - digits], digits, bit & 1 ? length : 0));
        if (attr && !cw_attr_expired(attr, now_s))
            return hit_at(hit, attr, digits, false);
    }
    return false;
}

bool cw_list_find(const struct cw_list *list, cw_num num, uint32_t now_s, struct cw_hit *hit)
{
    return cw_view_find(atomic_load_explicit(&list->view, memory_order_acquire), num, now_s, hit);
}

void cw_list_prefetch(const struct cw_list *list, cw_num num)
{
    const struct cw_view *v = atomic_load_explicit(&list->view, memory_order_acquire);
    if (!cw_num_is_valid(num))
        return;
    __builtin_prefetch(&v->active->slots[cw_overlay_home(v->active, num)]);
    cw_base_prefetch(v->base, num);
}

bool cw_list_is_empty(const struct cw_list *list)
{
    return !atomic_load_explicit(&list->any, memory_order_acquire);
}

bool cw_list_peek(struct cw_list *list, cw_num num, uint32_t now_s, struct cw_hit *hit)
{
    pthread_mutex_lock(&list->lock);
    bool found = cw_view_find(cw_list_view(list), num, now_s, hit);
    pthread_mutex_unlock(&list->lock);
    return found;
}
