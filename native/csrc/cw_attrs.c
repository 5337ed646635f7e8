#include "cw_attrs.h"

#include <stdlib.h>

#include "cw_mem.h"

static uint32_t hash_attr(const struct cw_attr *attr)
{
    uint64_t w[2];
    uint32_t tail;
    memcpy(w, attr, sizeof w);
    memcpy(&tail, (const uint8_t *)attr + sizeof w, sizeof tail);
    uint64_t h = (w[0] ^ (w[1] * UINT64_C(0x9E3779B97F4A7C15)) ^ tail) * UINT64_C(0xBF58476D1CE4E5B9);
    h ^= h >> 29;
    h *= UINT64_C(0x94D049BB133111EB);
    return (uint32_t)(h >> 32);
}

bool cw_attrs_init(struct cw_attrs *a, uint32_t max)
{
    uint32_t slots = 16;
    memset(a, 0, sizeof *a);
    while (slots < max * 2)
        slots *= 2;
    a->max = max;
    a->mask = slots - 1;
    a->items = cw_big_alloc(max * sizeof *a->items);
    a->hash = cw_big_alloc(slots * sizeof *a->hash);
    if (!a->items || !a->hash) {
        cw_attrs_free(a);
        return false;
    }
    return true;
}

void cw_attrs_free(struct cw_attrs *a)
{
    cw_big_free(a->items, a->max * sizeof *a->items);
    cw_big_free(a->hash, (a->mask + (size_t)1) * sizeof *a->hash);
    a->items = NULL;
    a->hash = NULL;
}

size_t cw_attrs_bytes(const struct cw_attrs *a)
{
    return a->max * sizeof *a->items + (a->mask + (size_t)1) * sizeof *a->hash;
}

static uint32_t probe(const struct cw_attrs *a, const struct cw_attr *attr)
{
    uint32_t i = hash_attr(attr) & a->mask;
    while (a->hash[i] && memcmp(&a->items[a->hash[i] - 1], attr, sizeof *attr) != 0)
        i = (i + 1) & a->mask;
    return i;
}

uint32_t cw_attrs_lookup(const struct cw_attrs *a, const struct cw_attr *attr)
{
    uint32_t at = a->hash[probe(a, attr)];
    return at ? at - 1 : CW_NO_ATTR;
}

uint32_t cw_attrs_intern(struct cw_attrs *a, const struct cw_attr *attr)
{
    uint32_t i = probe(a, attr);
    if (a->hash[i])
        return a->hash[i] - 1;
    if (a->n == a->max)
        return CW_NO_ATTR;
    a->items[a->n] = *attr;
    a->hash[i] = ++a->n;
    return a->n - 1;
}

static int compare(const void *x, const void *y) { return memcmp(x, y, sizeof(struct cw_attr)); }

static const struct cw_attr *dict_find(const struct cw_attr *dict, size_t n, const struct cw_attr *attr)
{
    return n ? bsearch(attr, dict, n, sizeof *dict, compare) : NULL;
}

bool cw_dict_has(const struct cw_attr *dict, size_t n, const struct cw_attr *attr)
{
    return dict_find(dict, n, attr) != NULL;
}

bool cw_attr_map_init(struct cw_attr_map *m, const struct cw_attr *dict, size_t n, uint32_t now_s)
{
    m->dict = dict;
    m->n = n;
    m->map = malloc((n ? n : 1) * sizeof *m->map);
    if (!m->map)
        return false;
    for (size_t i = 0; i < n; i++)
        m->map[i] = cw_attr_expired(&dict[i], now_s) ? CW_MAP_DROP : CW_MAP_UNSEEN;
    return true;
}

void cw_attr_map_free(struct cw_attr_map *m)
{
    free(m->map);
    m->map = NULL;
}

static size_t gather(const struct cw_attr_map *m, struct cw_attr *out)
{
    size_t n = 0;
    for (size_t i = 0; i < m->n; i++)
        if (m->map[i] < CW_MAP_UNSEEN)
            out[n++] = m->dict[i];
    return n;
}

static void renumber(struct cw_attr_map *m, const struct cw_attr *dict, size_t n)
{
    for (size_t i = 0; i < m->n; i++)
        if (m->map[i] < CW_MAP_UNSEEN)
            m->map[i] = (uint32_t)(dict_find(dict, n, &m->dict[i]) - dict);
}

bool cw_dict_build(struct cw_attr_map *a, struct cw_attr_map *b, struct cw_attr **out, size_t *n_out)
{
    struct cw_attr *dict = malloc((a->n + b->n + 1) * sizeof *dict);
    if (!dict)
        return false;
    size_t n = gather(a, dict), left = 0;
    n += gather(b, dict + n);
    qsort(dict, n, sizeof *dict, compare);
    for (size_t i = 0; i < n; i++)
        if (left == 0 || compare(&dict[left - 1], &dict[i]) != 0)
            dict[left++] = dict[i];
    renumber(a, dict, left);
    renumber(b, dict, left);
    *out = dict;
    *n_out = left;
    return true;
}
