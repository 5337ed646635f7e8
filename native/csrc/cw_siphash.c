#include "cw_siphash.h"

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "words are loaded as they lie");

#define ROTL(x, b) (((x) << (b)) | ((x) >> (64 - (b))))
#define ROUND(v0, v1, v2, v3)                                                                                          \
    do {                                                                                                               \
        v0 += v1, v1 = ROTL(v1, 13), v1 ^= v0, v0 = ROTL(v0, 32);                                                      \
        v2 += v3, v3 = ROTL(v3, 16), v3 ^= v2;                                                                         \
        v0 += v3, v3 = ROTL(v3, 21), v3 ^= v0;                                                                         \
        v2 += v1, v1 = ROTL(v1, 17), v1 ^= v2, v2 = ROTL(v2, 32);                                                      \
    } while (0)

static inline uint64_t load64(const uint8_t *p)
{
    uint64_t x;
    memcpy(&x, p, 8);
    return x;
}

/* Whole words of data into the state; the number of bytes taken. */
static inline __attribute__((always_inline)) size_t words(struct cw_siphash *s, const uint8_t *p, size_t len)
{
    uint64_t v0 = s->v0, v1 = s->v1, v2 = s->v2, v3 = s->v3;
    size_t n = len & ~(size_t)7;
    for (size_t i = 0; i < n; i += 8) {
        uint64_t m = load64(p + i);
        v3 ^= m;
        ROUND(v0, v1, v2, v3);
        ROUND(v0, v1, v2, v3);
        v0 ^= m;
    }
    s->v0 = v0, s->v1 = v1, s->v2 = v2, s->v3 = v3;
    return n;
}

static inline __attribute__((always_inline)) void finish(struct cw_siphash *s, const uint8_t *rest, size_t len, uint64_t total, uint64_t out[2])
{
    uint8_t last[8] = {0};
    memcpy(last, rest, len);
    last[7] = (uint8_t)total;
    words(s, last, 8);
    uint64_t v0 = s->v0, v1 = s->v1, v2 = s->v2 ^ 0xee, v3 = s->v3;
    for (int i = 0; i < 4; i++)
        ROUND(v0, v1, v2, v3);
    out[0] = v0 ^ v1 ^ v2 ^ v3;
    v1 ^= 0xdd;
    for (int i = 0; i < 4; i++)
        ROUND(v0, v1, v2, v3);
    out[1] = v0 ^ v1 ^ v2 ^ v3;
}

void cw_siphash_init(struct cw_siphash *s, const uint8_t key[16])
{
    uint64_t k0 = load64(key), k1 = load64(key + 8);
    s->v0 = UINT64_C(0x736f6d6570736575) ^ k0;
    s->v1 = UINT64_C(0x646f72616e646f6d) ^ k1 ^ 0xee; /* 0xee: the 128-bit variant */
    s->v2 = UINT64_C(0x6c7967656e657261) ^ k0;
    s->v3 = UINT64_C(0x7465646279746573) ^ k1;
    s->total = 0;
    s->held = 0;
}

void cw_siphash(const uint8_t key[16], const void *data, size_t len, uint64_t out[2])
{
    struct cw_siphash s;
    cw_siphash_init(&s, key);
    size_t n = words(&s, data, len);
    finish(&s, (const uint8_t *)data + n, len - n, len, out);
}

void cw_siphash_add(struct cw_siphash *s, const void *data, size_t len)
{
    const uint8_t *p = data;
    s->total += len;
    while (cw_unlikely(len > sizeof s->room - s->held)) {
        size_t fits = sizeof s->room - s->held;
        memcpy(s->room + s->held, p, fits);
        words(s, s->room, sizeof s->room); /* a multiple of 8 */
        s->held = 0;
        p += fits;
        len -= fits;
    }
    if (len)
        memcpy(s->room + s->held, p, len);
    s->held += (uint32_t)len;
}

void cw_siphash_end(struct cw_siphash *s, uint64_t out[2])
{
    size_t n = words(s, s->room, s->held);
    finish(s, s->room + n, s->held - n, s->total, out);
}
