#include "cw_siphash.h"

#define ROTL(x, b) (((x) << (b)) | ((x) >> (64 - (b))))
#define ROUND(s)                                                                                                       \
    do {                                                                                                               \
        (s)->v0 += (s)->v1, (s)->v1 = ROTL((s)->v1, 13), (s)->v1 ^= (s)->v0, (s)->v0 = ROTL((s)->v0, 32);              \
        (s)->v2 += (s)->v3, (s)->v3 = ROTL((s)->v3, 16), (s)->v3 ^= (s)->v2;                                           \
        (s)->v0 += (s)->v3, (s)->v3 = ROTL((s)->v3, 21), (s)->v3 ^= (s)->v0;                                           \
        (s)->v2 += (s)->v1, (s)->v1 = ROTL((s)->v1, 17), (s)->v1 ^= (s)->v2, (s)->v2 = ROTL((s)->v2, 32);              \
    } while (0)

static uint64_t load64(const uint8_t *p)
{
    uint64_t x;
    memcpy(&x, p, 8); /* little-endian machines only: pinned in cw_world.h's users by the build */
    return x;
}

static inline void word(struct cw_siphash *s, uint64_t m)
{
    s->v3 ^= m;
    ROUND(s);
    ROUND(s);
    s->v0 ^= m;
}

void cw_siphash_init(struct cw_siphash *s, const uint8_t key[16])
{
    uint64_t k0 = load64(key), k1 = load64(key + 8);
    s->v0 = UINT64_C(0x736f6d6570736575) ^ k0;
    s->v1 = UINT64_C(0x646f72616e646f6d) ^ k1 ^ 0xee; /* 0xee: the 128-bit variant */
    s->v2 = UINT64_C(0x6c7967656e657261) ^ k0;
    s->v3 = UINT64_C(0x7465646279746573) ^ k1;
    s->tail = 0;
    s->total = 0;
}

void cw_siphash_add(struct cw_siphash *s, const void *data, size_t len)
{
    const uint8_t *p = data;
    unsigned held = (unsigned)(s->total & 7);
    s->total += len;
    if (held) {
        while (held < 8 && len) {
            s->tail |= (uint64_t)*p++ << (8 * held++);
            len--;
        }
        if (held < 8)
            return;
        word(s, s->tail);
        s->tail = 0;
    }
    for (; len >= 8; p += 8, len -= 8)
        word(s, load64(p));
    for (unsigned i = 0; i < len; i++)
        s->tail |= (uint64_t)p[i] << (8 * i);
}

void cw_siphash_end(struct cw_siphash *s, uint64_t out[2])
{
    word(s, s->tail | (s->total << 56));
    s->v2 ^= 0xee;
    for (int i = 0; i < 4; i++)
        ROUND(s);
    out[0] = s->v0 ^ s->v1 ^ s->v2 ^ s->v3;
    s->v1 ^= 0xdd;
    for (int i = 0; i < 4; i++)
        ROUND(s);
    out[1] = s->v0 ^ s->v1 ^ s->v2 ^ s->v3;
}
