/* The writer's side of reading: walks in order, and figures. */
#include <stdlib.h>

#include "cw_list_internal.h"
#include "cw_mem.h"
#include "cw_sort.h"

#define FROM_FROZEN (UINT32_C(1) << 30)

/* What both overlays say of the keys in [from, to), sorted; of a key in both the active one's word comes last. */
struct above {
    struct cw_sort s;
    size_t n, at, room;
    const struct cw_view *view;
};

static bool above_open(struct above *a, const struct cw_view *v, uint64_t from, uint64_t to)
{
    size_t room = v->active->used + (v->frozen ? v->frozen->used : 0) + 1;
    *a = (struct above){.room = room, .view = v};
    a->s = (struct cw_sort){cw_big_alloc(room * 8), cw_big_alloc(room * 8), cw_big_alloc(room * 4), cw_big_alloc(room * 4)};
    if (!a->s.keys || !a->s.spare_keys || !a->s.vals || !a->s.spare_vals)
        return false;
    if (v->frozen)
        a->n = cw_overlay_collect(v->frozen, from, to, FROM_FROZEN, a->s.keys, a->s.vals);
    a->n += cw_overlay_collect(v->active, from, to, 0, a->s.keys + a->n, a->s.vals + a->n);
    cw_sort(&a->s, a->n);
    return true;
}

static void above_close(struct above *a)
{
    cw_big_free(a->s.keys, a->room * 8);
    cw_big_free(a->s.spare_keys, a->room * 8);
    cw_big_free(a->s.vals, a->room * 4);
    cw_big_free(a->s.spare_vals, a->room * 4);
}

/* Merge one key from below (below_key UINT64_MAX: none left) with the overlays. True: *key and *attr are the next entry (attr
 * NULL: removed); *took_below tells whether the one below is used up. */
static bool above_step(struct above *a, uint64_t below_key, const struct cw_attr *below, uint64_t *key,
                       const struct cw_attr **attr, bool *took_below)
{
    uint64_t here = a->at < a->n ? a->s.keys[a->at] : UINT64_MAX;
    if (here == UINT64_MAX && below_key == UINT64_MAX)
        return false;
    *took_below = below_key <= here;
    *key = below_key < here ? below_key : here;
    *attr = below;
    if (here != *key)
        return true;
    while (a->at + 1 < a->n && a->s.keys[a->at + 1] == here)
        a->at++;
    uint32_t val = a->s.vals[a->at++];
    const struct cw_overlay *o = val & FROM_FROZEN ? a->view->frozen : a->view->active;
    *attr = val & CW_TOMB ? NULL : &o->attrs.items[val & ~FROM_FROZEN];
    return true;
}

size_t cw_list_walk(const struct cw_list *const_list, cw_num from, cw_num *nums, struct cw_attr *attrs, size_t max)
{
    struct cw_list *list = (struct cw_list *)(uintptr_t)const_list; /* the lock is taken, nothing else changes */
    size_t n = 0;
    pthread_mutex_lock(&list->lock);
    const struct cw_view *v = cw_list_view(list);
    struct above a = {0};
    if (from < CW_KEY_PATTERN && above_open(&a, v, from ? from : 1, CW_KEY_PATTERN)) {
        struct cw_base_cursor at;
        const struct cw_attr *below = NULL, *attr;
        cw_num num = 0, key;
        bool more = false, took = true;
        cw_base_seek(v->base, from, &at);
        while (n < max) {
            if (took)
                more = cw_base_next(v->base, &at, &num, &below);
            if (!above_step(&a, more ? num : UINT64_MAX, below, &key, &attr, &took))
                break;
            if (attr) {
                nums[n] = key;
                attrs[n++] = *attr;
            }
        }
    }
    above_close(&a);
    pthread_mutex_unlock(&list->lock);
    return n;
}

size_t cw_list_walk_patterns(const struct cw_list *const_list, size_t skip, struct cw_pattern *out, struct cw_attr *attrs,
                             size_t max)
{
    struct cw_list *list = (struct cw_list *)(uintptr_t)const_list;
    size_t n = 0, i = 0;
    pthread_mutex_lock(&list->lock);
    const struct cw_view *v = cw_list_view(list);
    struct above a;
    if (above_open(&a, v, CW_KEY_PATTERN, UINT64_MAX)) {
        const struct cw_attr *below = NULL, *attr;
        uint64_t key;
        bool took;
        while (n < max) {
            uint64_t next = i < cw_pats_count(v->pats) ? cw_pats_at(v->pats, i, &below) : UINT64_MAX;
            if (!above_step(&a, next, below, &key, &attr, &took))
                break;
            i += took;
            if (!attr)
                continue;
            if (skip) {
                skip--;
                continue;
            }
            out[n] = cw_pattern_of(key);
            attrs[n++] = *attr;
        }
    }
    above_close(&a);
    pthread_mutex_unlock(&list->lock);
    return n;
}

void cw_list_stats(const struct cw_list *const_list, struct cw_list_stats *out)
{
    struct cw_list *list = (struct cw_list *)(uintptr_t)const_list;
    size_t n;
    pthread_mutex_lock(&list->lock);
    const struct cw_view *v = cw_list_view(list);
    cw_pats_dict(v->pats, &n);
    *out = (struct cw_list_stats){
        .numbers = list->numbers, .patterns = list->patterns, .overlay_used = v->active->used, .overlay_max = v->active->max,
        .attrs = n + (v->base ? v->base->n_dict : 0) + (v->frozen ? v->frozen->attrs_new : 0) + v->active->attrs_new,
        .bytes = sizeof *list + sizeof *v + (v->base ? v->base->bytes + sizeof *v->base : 0) + cw_pats_bytes(v->pats) +
                 cw_overlay_bytes(v->active) + (v->frozen ? cw_overlay_bytes(v->frozen) : 0),
        .merges = list->merges,
    };
    pthread_mutex_unlock(&list->lock);
}
