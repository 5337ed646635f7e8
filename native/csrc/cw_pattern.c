#include "cw_pattern.h"

#include <stdlib.h>

#include "cw_mem.h"
#include "cw_overlay.h"

uint64_t cw_pattern_check(const struct cw_pattern *p)
{
    uint64_t digits = p->prefix & ~CW_NUM_SHORT;
    if (!cw_num_is_valid(p->prefix) || p->digits != cw_dec_digits(digits))
        return 0;
    if (p->length && (p->length < p->digits || p->length >= CW_LENGTHS))
        return 0;
    return cw_pattern_key(cw_num_space(p->prefix), digits, p->digits, p->length);
}

unsigned cw_pattern_mask_bits(uint64_t key, uint32_t bits[CW_LENGTHS])
{
    struct cw_pattern p = cw_pattern_of(key);
    memset(bits, 0, CW_LENGTHS * sizeof *bits);
    if (p.length)
        bits[p.length] = UINT32_C(2) << (2 * p.digits);
    else
        for (unsigned length = p.digits; length < CW_LENGTHS; length++)
            bits[length] = UINT32_C(1) << (2 * p.digits);
    return cw_num_space(p.prefix);
}

struct cw_pat {
    uint64_t key;            /* 0 = free */
    uint32_t attr;
    uint32_t zero;
};

/* One piece of memory, offsets only, little-endian, as a base (cw_base.h) is. */
struct cw_pats {
    char magic[8];           /* "CWPATS1" */
    uint64_t bytes;
    uint64_t checksum;       /* reserved */
    uint64_t slots_off, order_off, dict_off;
    uint64_t n, n_dict, mask;
    uint32_t masks[2][CW_LENGTHS];
};

static const void *at(const struct cw_pats *p, uint64_t off) { return (const uint8_t *)p + off; }
static const struct cw_pat *slots_of(const struct cw_pats *p) { return at(p, p->slots_off); }
static const uint32_t *order_of(const struct cw_pats *p) { return at(p, p->order_off); }
static const struct cw_attr *dict_of(const struct cw_pats *p) { return at(p, p->dict_off); }

static uint64_t slot_for(const struct cw_pats *p, uint64_t key)
{
    const struct cw_pat *slots = slots_of(p);
    uint64_t i = (cw_mix(key) >> 32) & p->mask;
    while (slots[i].key && slots[i].key != key)
        i = (i + 1) & p->mask;
    return i;
}

const struct cw_attr *cw_pats_find(const struct cw_pats *p, uint64_t key)
{
    if (!p)
        return NULL;
    const struct cw_pat *s = &slots_of(p)[slot_for(p, key)];
    return s->key ? &dict_of(p)[s->attr] : NULL;
}

uint32_t cw_pats_mask(const struct cw_pats *p, unsigned space, unsigned length) { return p ? p->masks[space][length] : 0; }
size_t cw_pats_count(const struct cw_pats *p) { return p ? p->n : 0; }
size_t cw_pats_bytes(const struct cw_pats *p) { return p ? p->bytes : 0; }

uint64_t cw_pats_at(const struct cw_pats *p, size_t i, const struct cw_attr **attr)
{
    const struct cw_pat *s = &slots_of(p)[order_of(p)[i]];
    *attr = &dict_of(p)[s->attr];
    return s->key;
}

const struct cw_attr *cw_pats_dict(const struct cw_pats *p, size_t *n)
{
    *n = p ? p->n_dict : 0;
    return p ? dict_of(p) : NULL;
}

void cw_pats_free(struct cw_pats *p)
{
    if (p)
        cw_big_free(p, p->bytes);
}

static struct cw_pats *pats_make(size_t n, const struct cw_attr *dict, size_t n_dict)
{
    uint64_t slots = 4;
    while (slots < 2 * (uint64_t)n)
        slots *= 2;
    uint64_t slots_off = (sizeof(struct cw_pats) + CW_LINE - 1) / CW_LINE * CW_LINE;
    uint64_t order_off = slots_off + slots * sizeof(struct cw_pat);
    uint64_t dict_off = (order_off + n * sizeof(uint32_t) + 7) / 8 * 8;
    uint64_t bytes = dict_off + n_dict * sizeof *dict;
    struct cw_pats *p = n < UINT32_MAX / 4 ? cw_big_alloc(bytes) : NULL;
    if (!p)
        return NULL;
    memcpy(p->magic, "CWPATS1", 8);
    p->bytes = bytes;
    p->slots_off = slots_off;
    p->order_off = order_off;
    p->dict_off = dict_off;
    p->n_dict = n_dict;
    p->mask = slots - 1;
    memcpy((uint8_t *)p + dict_off, dict, n_dict * sizeof *dict);
    return p;
}

static void pats_put(struct cw_pats *p, uint64_t key, uint32_t attr)
{
    struct cw_pat *slots = (struct cw_pat *)((uint8_t *)p + p->slots_off);
    uint64_t i = slot_for(p, key);
    slots[i] = (struct cw_pat){key, attr, 0};
    ((uint32_t *)((uint8_t *)p + p->order_off))[p->n++] = (uint32_t)i;
    uint32_t bits[CW_LENGTHS];
    unsigned space = cw_pattern_mask_bits(key, bits);
    for (unsigned length = 0; length < CW_LENGTHS; length++)
        p->masks[space][length] |= bits[length];
}

struct merge {
    const struct cw_pats *old;
    const uint64_t *keys;
    const uint32_t *vals;
    size_t n;
    struct cw_attr_map from_old, from_new;
};

/* Once to count and to mark what attributes are used (p NULL), once to write. */
static size_t merge_pass(struct merge *m, struct cw_pats *p)
{
    size_t i = 0, c = 0, left = 0, n_old = cw_pats_count(m->old);
    while (i < n_old || c < m->n) {
        uint32_t *id = NULL;
        const struct cw_pat *o = i < n_old ? &slots_of(m->old)[order_of(m->old)[i]] : NULL;
        uint64_t key = o ? o->key : UINT64_MAX;
        if (c < m->n && m->keys[c] <= key) {
            i += o && m->keys[c] == key;
            key = m->keys[c];
            while (c + 1 < m->n && m->keys[c + 1] == key)
                c++;
            if (!(m->vals[c] & CW_TOMB))
                id = &m->from_new.map[m->vals[c]];
            c++;
        } else {
            id = &m->from_old.map[o->attr];
            i++;
        }
        if (!id || *id == CW_MAP_DROP)
            continue;
        if (p)
            pats_put(p, key, *id);
        else
            *id = 0;
        left++;
    }
    return left;
}

bool cw_pats_merge(const struct cw_pats *old, const uint64_t *keys, const uint32_t *vals, size_t n, const struct cw_attr *dict,
                   size_t n_dict, uint32_t now_s, struct cw_pats **out)
{
    struct merge m = {.old = old, .keys = keys, .vals = vals, .n = n};
    struct cw_attr *new_dict = NULL;
    size_t n_new = 0, old_n;
    const struct cw_attr *old_dict = cw_pats_dict(old, &old_n);
    bool ok = cw_attr_map_init(&m.from_old, old_dict, old_n, now_s) && cw_attr_map_init(&m.from_new, dict, n_dict, now_s);
    *out = NULL;
    if (ok) {
        size_t count = merge_pass(&m, NULL);
        ok = cw_dict_build(&m.from_old, &m.from_new, &new_dict, &n_new);
        if (ok && count) {
            *out = pats_make(count, new_dict, n_new);
            ok = *out != NULL;
            if (ok)
                merge_pass(&m, *out);
        }
    }
    free(new_dict);
    cw_attr_map_free(&m.from_old);
    cw_attr_map_free(&m.from_new);
    return ok;
}

size_t cw_range_split(cw_num low, cw_num high, struct cw_pattern *out)
{
    uint64_t a = low & ~CW_NUM_SHORT, b = high & ~CW_NUM_SHORT, space = low & CW_NUM_SHORT;
    if (!cw_num_is_valid(low) || !cw_num_is_valid(high) || space != (high & CW_NUM_SHORT) || a > b)
        return 0;
    unsigned digits = cw_dec_digits(a);
    if (digits != cw_dec_digits(b))
        return 0;
    size_t n = 0;
    while (a <= b) {
        unsigned zeros = 0; /* the largest aligned power of ten that starts at a and stays within b */
        while (zeros + 1 < digits && a % cw_pow10[zeros + 1] == 0 && a + cw_pow10[zeros + 1] - 1 <= b)
            zeros++;
        out[n++] = (struct cw_pattern){a / cw_pow10[zeros] | space, (uint8_t)(digits - zeros), (uint8_t)digits};
        a += cw_pow10[zeros];
    }
    return n;
}
