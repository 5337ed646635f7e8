/* An arena of bytes, an array of entries over it, and the writer's own hash table to find equal texts. Nothing ever moves
 * or goes away, so a reader needs no lock: an id below the published count (release, acquire) names finished memory.
 * One writer at a time. Pages are touched as they fill. */
#include <stdatomic.h>
#include <stdlib.h>

#include "cw_texts.h"

struct cw_texts {
    _Atomic uint32_t count; /* ids 1..count are published */
    uint32_t capacity;
    uint64_t used, bytes;
    uint64_t slot_mask;
    uint32_t *slots;        /* ids by hash, open addressing; 0 = free; at most half full */
    struct cw_text *entries;
    uint8_t *arena;
};

struct cw_texts *cw_texts_new(uint32_t entries, uint32_t bytes)
{
    uint64_t slots = 8;
    while (slots < (uint64_t)entries * 2)
        slots *= 2;
    struct cw_texts *t = calloc(1, sizeof *t);
    if (!t)
        return NULL;
    t->capacity = entries;
    t->bytes = bytes;
    t->slot_mask = slots - 1;
    t->slots = calloc(slots, sizeof *t->slots);
    t->entries = calloc((size_t)entries + 1, sizeof *t->entries);
    t->arena = malloc((size_t)bytes + 1);
    if (!t->slots || !t->entries || !t->arena) {
        cw_texts_free(t);
        return NULL;
    }
    return t;
}

void cw_texts_free(struct cw_texts *texts)
{
    if (!texts)
        return;
    free(texts->slots);
    free(texts->entries);
    free(texts->arena);
    free(texts);
}

/* FNV-1a; the length of a stands between the two, so that "ab"+"c" and "a"+"bc" differ. */
static uint64_t hash(const uint8_t *a, size_t a_len, const uint8_t *b, size_t b_len)
{
    uint64_t h = UINT64_C(0xcbf29ce484222325);
    for (size_t i = 0; i < a_len; i++)
        h = (h ^ a[i]) * UINT64_C(0x100000001b3);
    h = (h ^ a_len) * UINT64_C(0x100000001b3);
    for (size_t i = 0; i < b_len; i++)
        h = (h ^ b[i]) * UINT64_C(0x100000001b3);
    return h ^ (h >> 32);
}

static bool equal(const uint8_t *x, size_t x_len, const uint8_t *y, size_t y_len)
{
    return x_len == y_len && (x_len == 0 || memcmp(x, y, x_len) == 0);
}

static const uint8_t *append(struct cw_texts *texts, const uint8_t *s, size_t len)
{
    uint8_t *at = texts->arena + texts->used;
    if (len)
        memcpy(at, s, len);
    texts->used += len;
    return at;
}

uint32_t cw_texts_add(struct cw_texts *texts, const uint8_t *a, size_t a_len, const uint8_t *b, size_t b_len)
{
    if (a_len > UINT16_MAX || b_len > UINT16_MAX)
        return 0;
    uint64_t slot = hash(a, a_len, b, b_len) & texts->slot_mask;
    for (; texts->slots[slot]; slot = (slot + 1) & texts->slot_mask) {
        const struct cw_text *e = &texts->entries[texts->slots[slot]];
        if (equal(e->a, e->a_len, a, a_len) && equal(e->b, e->b_len, b, b_len))
            return texts->slots[slot];
    }
    uint32_t count = atomic_load_explicit(&texts->count, memory_order_relaxed);
    if (count == texts->capacity || a_len + b_len > texts->bytes - texts->used)
        return 0;
    struct cw_text *e = &texts->entries[count + 1];
    e->a = append(texts, a, a_len);
    e->a_len = (uint16_t)a_len;
    e->b = append(texts, b, b_len);
    e->b_len = (uint16_t)b_len;
    texts->slots[slot] = count + 1;
    atomic_store_explicit(&texts->count, count + 1, memory_order_release);
    return count + 1;
}

const struct cw_text *cw_texts_get(const struct cw_texts *texts, uint32_t id)
{
    if (id == 0 || id > atomic_load_explicit(&texts->count, memory_order_acquire))
        return NULL;
    return &texts->entries[id];
}

uint32_t cw_texts_count(const struct cw_texts *texts)
{
    return atomic_load_explicit(&texts->count, memory_order_acquire);
}
