/* Changing a list: adds and removals into the overlay, and the three that build aside and swap: merge, load, clear. */
#include <stdlib.h>

#include "cw_list_internal.h"
#include "cw_mem.h"
#include "cw_sort.h"

static struct cw_view *view_new(struct cw_base *base, struct cw_pats *pats, struct cw_overlay *frozen, struct cw_overlay *active)
{
    struct cw_view *v = malloc(sizeof *v);
    if (v)
        *v = (struct cw_view){base, pats, frozen, active};
    return v;
}

struct cw_list *cw_list_new(struct cw_rcu *rcu, uint32_t overlay_entries, uint32_t attrs_max)
{
    if (!rcu || overlay_entries > UINT32_C(1) << 28)
        return NULL;
    struct cw_list *list = cw_big_alloc(sizeof *list);
    if (!list)
        return NULL;
    list->rcu = rcu;
    list->overlay_entries = overlay_entries;
    list->attrs_max = attrs_max == 0 ? 1 : attrs_max < CW_ATTRS_LIMIT ? attrs_max : CW_ATTRS_LIMIT;
    struct cw_overlay *active = cw_overlay_new(overlay_entries, list->attrs_max);
    struct cw_view *v = active ? view_new(NULL, NULL, NULL, active) : NULL;
    if (!v) {
        cw_overlay_free(active);
        cw_big_free(list, sizeof *list);
        return NULL;
    }
    atomic_init(&list->view, v);
    pthread_mutex_init(&list->maintain, NULL);
    pthread_mutex_init(&list->lock, NULL);
    return list;
}

void cw_list_free(struct cw_list *list)
{
    if (!list)
        return;
    struct cw_view *v = cw_list_view(list);
    cw_base_free(v->base);
    cw_pats_free(v->pats);
    cw_overlay_free(v->frozen);
    cw_overlay_free(v->active);
    free(v);
    pthread_mutex_destroy(&list->maintain);
    pthread_mutex_destroy(&list->lock);
    cw_big_free(list, sizeof *list);
}

/* ---- figures, under lock ---- */

static bool attr_below(const struct cw_view *v, const struct cw_attr *attr)
{
    size_t n;
    const struct cw_attr *dict = cw_pats_dict(v->pats, &n);
    return (v->base && cw_dict_has(v->base->dict, v->base->n_dict, attr)) || cw_dict_has(dict, n, attr) ||
           (v->frozen && cw_attrs_lookup(&v->frozen->attrs, attr) != CW_NO_ATTR);
}

static uint64_t attrs_total(const struct cw_view *v)
{
    size_t n;
    cw_pats_dict(v->pats, &n);
    return n + (v->base ? v->base->n_dict : 0) + (v->frozen ? v->frozen->attrs_new : 0) + v->active->attrs_new;
}

static void show_any(struct cw_list *list, bool any)
{
    if (atomic_load_explicit(&list->any, memory_order_relaxed) != any)
        atomic_store_explicit(&list->any, any, memory_order_release);
}

static void count_change(struct cw_list *list, uint64_t key, int by)
{
    if (cw_key_is_pattern(key))
        list->patterns += (uint64_t)by;
    else
        list->numbers += (uint64_t)by;
    show_any(list, (list->numbers | list->patterns) != 0);
}

/* After a swap: what the view without a frozen overlay holds. Costs one look-up for each entry of the active overlay. */
static void recount(struct cw_list *list)
{
    struct cw_view *v = cw_list_view(list);
    struct cw_overlay *o = v->active;
    uint64_t numbers = v->base ? v->base->n_numbers : 0, patterns = cw_pats_count(v->pats);
    for (uint64_t i = 0; o->used && i <= o->mask; i++) {
        uint64_t key = atomic_load_explicit(&o->slots[i].key, memory_order_relaxed);
        if (!key)
            continue;
        bool pattern = cw_key_is_pattern(key);
        bool below = pattern ? cw_pats_find(v->pats, key) != NULL : cw_base_find(v->base, key) != NULL;
        bool here = !(atomic_load_explicit(&o->slots[i].val, memory_order_relaxed) & CW_TOMB);
        *(pattern ? &patterns : &numbers) += (uint64_t)here - (uint64_t)below;
    }
    list->numbers = numbers;
    list->patterns = patterns;
    show_any(list, (numbers | patterns) != 0);
    o->attrs_new = 0;
    for (uint32_t i = 0; i < o->attrs.n; i++)
        o->attrs_new += !attr_below(v, &o->attrs.items[i]);
}

/* ---- changes of the overlay ---- */

static bool equal(const struct cw_attr *a, const struct cw_attr *b) { return memcmp(a, b, sizeof *a) == 0; }

/* Does the change alter what the view holds for key? attr NULL = remove. */
static bool alters(const struct cw_view *v, uint64_t key, const struct cw_attr *attr, bool *there)
{
    const struct cw_attr *now = cw_view_lookup(v, key);
    *there = now != NULL;
    return attr ? !now || !equal(now, attr) : now != NULL;
}

static int intern(const struct cw_list *list, const struct cw_view *v, const struct cw_attr *attr, uint32_t *id)
{
    struct cw_overlay *o = v->active;
    *id = cw_attrs_lookup(&o->attrs, attr);
    if (*id != CW_NO_ATTR)
        return CW_LIST_OK;
    bool is_new = !attr_below(v, attr);
    if (is_new && attrs_total(v) >= list->attrs_max)
        return CW_LIST_ATTRS_FULL;
    *id = cw_attrs_intern(&o->attrs, attr);
    if (*id == CW_NO_ATTR)
        return CW_LIST_ATTRS_FULL;
    o->attrs_new += is_new;
    return CW_LIST_OK;
}

static int change(struct cw_list *list, const uint64_t *keys, size_t n, const struct cw_attr *attr, size_t *changed)
{
    int rc = CW_LIST_OK;
    size_t altered = 0, room = 0, done = 0;
    uint32_t val = CW_TOMB;
    bool there;
    pthread_mutex_lock(&list->lock);
    const struct cw_view *v = cw_list_view(list);
    struct cw_overlay *o = v->active;
    cw_overlay_expect(o, n);
    for (size_t i = 0; i < n; i++) {
        uint32_t old;
        if (!alters(v, keys[i], attr, &there))
            continue;
        altered++;
        room += !cw_overlay_find(o, keys[i], &old);
    }
    if (o->used + room > o->max)
        rc = CW_LIST_FULL;
    else if (altered && attr)
        rc = intern(list, v, attr, &val);
    for (size_t i = 0; rc == CW_LIST_OK && altered && i < n; i++) {
        if (!alters(v, keys[i], attr, &there))
            continue;
        if (attr && !there) /* first: nobody may take the list for empty when the entry is there */
            count_change(list, keys[i], 1);
        cw_overlay_put(o, keys[i], val);
        if (!attr)
            count_change(list, keys[i], -1);
        done++;
    }
    pthread_mutex_unlock(&list->lock);
    if (changed)
        *changed = done;
    return rc;
}

static int change_numbers(struct cw_list *list, const cw_num *nums, size_t n, const struct cw_attr *attr, size_t *changed)
{
    if (changed)
        *changed = 0;
    for (size_t i = 0; i < n; i++)
        if (!cw_num_is_valid(nums[i]))
            return CW_LIST_BADNUM;
    return change(list, nums, n, attr, changed);
}

static int change_pattern(struct cw_list *list, const struct cw_pattern *p, const struct cw_attr *attr, bool *changed)
{
    uint64_t key = cw_pattern_check(p);
    size_t n = 0;
    int rc = key ? change(list, &key, 1, attr, &n) : CW_LIST_BADNUM;
    if (changed)
        *changed = n != 0;
    return rc;
}

int cw_list_add(struct cw_list *list, const cw_num *nums, size_t n, const struct cw_attr *attr, size_t *changed)
{
    return change_numbers(list, nums, n, attr, changed);
}

int cw_list_remove(struct cw_list *list, const cw_num *nums, size_t n, size_t *changed)
{
    return change_numbers(list, nums, n, NULL, changed);
}

int cw_list_add_pattern(struct cw_list *list, const struct cw_pattern *p, const struct cw_attr *attr, bool *changed)
{
    return change_pattern(list, p, attr, changed);
}

int cw_list_remove_pattern(struct cw_list *list, const struct cw_pattern *p, bool *changed)
{
    return change_pattern(list, p, NULL, changed);
}

/* ---- build aside and swap ---- */

/* Sorted entries of an overlay, [from, to). */
struct changes {
    struct cw_sort s;
    size_t n, room;
};

static bool changes_new(struct changes *c, size_t room)
{
    c->n = 0;
    c->room = room ? room : 1;
    c->s = (struct cw_sort){cw_big_alloc(c->room * 8), cw_big_alloc(c->room * 8), cw_big_alloc(c->room * 4),
                            cw_big_alloc(c->room * 4)};
    return c->s.keys && c->s.spare_keys && c->s.vals && c->s.spare_vals;
}

static void changes_free(struct changes *c)
{
    cw_big_free(c->s.keys, c->room * 8);
    cw_big_free(c->s.spare_keys, c->room * 8);
    cw_big_free(c->s.vals, c->room * 4);
    cw_big_free(c->s.spare_vals, c->room * 4);
}

static void changes_take(struct changes *c, const struct cw_overlay *o, uint64_t from, uint64_t to)
{
    c->n = cw_overlay_collect(o, from, to, 0, c->s.keys, c->s.vals);
    cw_sort(&c->s, c->n);
}

static bool any_expired(const struct cw_attr *dict, size_t n, uint32_t now_s)
{
    for (size_t i = 0; i < n; i++)
        if (cw_attr_expired(&dict[i], now_s))
            return true;
    return false;
}

/* base and pats of v with its frozen overlay folded in; where nothing changes the very same is returned. */
static int fold(const struct cw_view *v, bool numbers, uint32_t now_s, struct cw_base **base, struct cw_pats **pats)
{
    const struct cw_overlay *o = v->frozen;
    const struct cw_attr *dict = o ? o->attrs.items : NULL;
    size_t n_dict = o ? o->attrs.n : 0, n_pats_dict;
    const struct cw_attr *pats_dict = cw_pats_dict(v->pats, &n_pats_dict);
    struct changes c;
    int rc = CW_LIST_OK;
    *base = v->base;
    *pats = v->pats;
    if (!changes_new(&c, o ? (size_t)o->used : 0)) {
        changes_free(&c);
        return CW_LIST_NOMEM;
    }
    if (o)
        changes_take(&c, o, CW_KEY_PATTERN, UINT64_MAX);
    if ((c.n || any_expired(pats_dict, n_pats_dict, now_s)) &&
        !cw_pats_merge(v->pats, c.s.keys, c.s.vals, c.n, dict, n_dict, now_s, pats)) {
        *pats = v->pats;
        rc = CW_LIST_NOMEM;
    }
    if (rc == CW_LIST_OK && numbers) {
        c.n = 0;
        if (o)
            changes_take(&c, o, 1, CW_KEY_PATTERN);
        if (c.n || (v->base && any_expired(v->base->dict, v->base->n_dict, now_s))) {
            rc = cw_base_merge(v->base, c.s.keys, c.s.vals, c.n, dict, n_dict, now_s, base);
            if (rc != CW_LIST_OK) {
                *base = v->base;
                if (*pats != v->pats)
                    cw_pats_free(*pats);
                *pats = v->pats;
            }
        }
    }
    changes_free(&c);
    return rc;
}

static void swap(struct cw_list *list, struct cw_view *fresh)
{
    atomic_store_explicit(&list->view, fresh, memory_order_release);
}

/* Free the parts of old that are not in kept. No reader may see old any more. */
static void retire(struct cw_view *old, const struct cw_view *kept)
{
    if (old->base != kept->base)
        cw_base_free(old->base);
    if (old->pats != kept->pats)
        cw_pats_free(old->pats);
    if (old->frozen && old->frozen != kept->frozen)
        cw_overlay_free(old->frozen);
    if (old->active != kept->active && old->active != kept->frozen)
        cw_overlay_free(old->active);
    free(old);
}

static int freeze(struct cw_list *list)
{
    struct cw_overlay *active = cw_overlay_new(list->overlay_entries, list->attrs_max);
    struct cw_view *old = cw_list_view(list), *v = active ? view_new(old->base, old->pats, old->active, active) : NULL;
    if (!v) {
        cw_overlay_free(active);
        return CW_LIST_NOMEM;
    }
    pthread_mutex_lock(&list->lock);
    swap(list, v);
    pthread_mutex_unlock(&list->lock);
    cw_rcu_synchronize(list->rcu);
    retire(old, v);
    return CW_LIST_OK;
}

static int merge_frozen(struct cw_list *list, uint32_t now_s)
{
    struct cw_view *old = cw_list_view(list), *v = view_new(NULL, NULL, NULL, old->active);
    if (!v)
        return CW_LIST_NOMEM;
    int rc = fold(old, true, now_s, &v->base, &v->pats);
    if (rc != CW_LIST_OK) {
        free(v);
        return rc;
    }
    pthread_mutex_lock(&list->lock);
    swap(list, v);
    recount(list);
    list->merges++;
    pthread_mutex_unlock(&list->lock);
    cw_rcu_synchronize(list->rcu);
    retire(old, v);
    return CW_LIST_OK;
}

int cw_list_merge(struct cw_list *list, uint32_t now_s)
{
    int rc = CW_LIST_OK;
    pthread_mutex_lock(&list->maintain);
    if (cw_list_view(list)->frozen) /* an earlier merge ran out of memory half way */
        rc = merge_frozen(list, now_s);
    if (rc == CW_LIST_OK)
        rc = freeze(list);
    if (rc == CW_LIST_OK)
        rc = merge_frozen(list, now_s);
    pthread_mutex_unlock(&list->maintain);
    return rc;
}

/* A base of unsorted input. */
static int build(const cw_num *nums, const uint32_t *attrs, size_t n, const struct cw_attr *dict, size_t n_dict,
                 struct cw_base **base)
{
    if (cw_is_sorted(nums, n))
        return cw_base_merge(NULL, nums, attrs, n, dict, n_dict, 0, base);
    size_t key_bytes = n * sizeof *nums, val_bytes = n * sizeof *attrs;
    struct cw_sort s = {cw_big_alloc(key_bytes), cw_big_alloc(key_bytes), NULL, NULL};
    if (attrs) {
        s.vals = cw_big_alloc(val_bytes);
        s.spare_vals = cw_big_alloc(val_bytes);
    }
    int rc = CW_LIST_NOMEM;
    if (s.keys && s.spare_keys && (!attrs || (s.vals && s.spare_vals))) {
        memcpy(s.keys, nums, key_bytes);
        if (attrs)
            memcpy(s.vals, attrs, val_bytes);
        cw_sort(&s, n);
        rc = cw_base_merge(NULL, s.keys, s.vals, n, dict, n_dict, 0, base);
    }
    cw_big_free(s.keys, key_bytes);
    cw_big_free(s.spare_keys, key_bytes);
    cw_big_free(s.vals, val_bytes);
    cw_big_free(s.spare_vals, val_bytes);
    return rc;
}

static int check_load(const struct cw_list *list, const cw_num *nums, const uint32_t *attrs, size_t n, size_t n_dict)
{
    if (n_dict > list->attrs_max)
        return CW_LIST_ATTRS_FULL;
    for (size_t i = 0; i < n; i++)
        if (!cw_num_is_valid(nums[i]) || (attrs ? attrs[i] : 0) >= n_dict)
            return CW_LIST_BADNUM;
    return CW_LIST_OK;
}

/* Copy the patterns of an overlay into a fresh one of the same size, under lock. */
static void carry_patterns(const struct cw_overlay *from, struct cw_overlay *to)
{
    for (uint64_t i = 0; from->used && i <= from->mask; i++) {
        uint64_t key = atomic_load_explicit(&from->slots[i].key, memory_order_relaxed);
        uint32_t val = atomic_load_explicit(&from->slots[i].val, memory_order_relaxed);
        if (cw_key_is_pattern(key))
            cw_overlay_put(to, key, val & CW_TOMB ? val : cw_attrs_intern(&to->attrs, &from->attrs.items[val]));
    }
}

/* Swap in base and pats under a fresh overlay, with or without the patterns of the active one. Owns base and pats. */
static int replace(struct cw_list *list, struct cw_base *base, struct cw_pats *pats, bool keep_patterns)
{
    struct cw_view *old = cw_list_view(list);
    struct cw_overlay *active = cw_overlay_new(list->overlay_entries, list->attrs_max);
    struct cw_view *v = active ? view_new(base, pats, NULL, active) : NULL;
    if (!v) {
        cw_overlay_free(active);
        cw_base_free(base);
        if (pats != old->pats)
            cw_pats_free(pats);
        return CW_LIST_NOMEM;
    }
    pthread_mutex_lock(&list->lock);
    if (keep_patterns)
        carry_patterns(old->active, active);
    if (base) /* before it can be seen */
        show_any(list, true);
    swap(list, v);
    recount(list);
    pthread_mutex_unlock(&list->lock);
    cw_rcu_synchronize(list->rcu);
    retire(old, v);
    return CW_LIST_OK;
}

int cw_list_load(struct cw_list *list, const cw_num *nums, const uint32_t *attrs, size_t n, const struct cw_attr *dict,
                 size_t n_dict)
{
    struct cw_base *base = NULL, *same;
    struct cw_pats *pats = NULL;
    int rc = check_load(list, nums, attrs, n, n_dict);
    if (rc == CW_LIST_OK)
        rc = build(nums, attrs, n, dict, n_dict, &base);
    if (rc != CW_LIST_OK)
        return rc;
    pthread_mutex_lock(&list->maintain);
    rc = fold(cw_list_view(list), false, 0, &same, &pats);
    if (rc == CW_LIST_OK)
        rc = replace(list, base, pats, true);
    else
        cw_base_free(base);
    pthread_mutex_unlock(&list->maintain);
    return rc;
}

int cw_list_clear(struct cw_list *list)
{
    pthread_mutex_lock(&list->maintain);
    int rc = replace(list, NULL, NULL, false);
    pthread_mutex_unlock(&list->maintain);
    return rc;
}
