/* Line ends, 64 octets at a time: a bit for every LF, and every CR that no LF follows. For cw_scan.c only.
 *
 * Without SSE2 the same bits come from 64-bit words. Reads nothing outside buf[0..len).
 */
#ifndef CW_LINES_H
#define CW_LINES_H

#include "cw_chars.h"

#define CW_BLOCK 64u

struct cw_lines {
    const uint8_t *buf;
    uint32_t len;
    uint32_t base;   /* offset of the block that the bits describe */
    uint64_t lf;     /* line feeds of the block that are not taken yet */
    uint64_t bare;   /* bare CRs of the block that are not taken yet */
    uint64_t carried; /* not 0: the line at hand has a bare CR in an earlier block */
};

/* Bit i: p[i] == c, for 64 octets. */
static inline uint64_t cw_match64(const uint8_t *p, uint8_t c)
{
    uint64_t bits = 0;
#if CW_SSE2
    const __m128i want = _mm_set1_epi8((char)c);
#pragma GCC unroll 4
    for (unsigned i = 0; i < CW_BLOCK; i += 16) {
        __m128i x = _mm_loadu_si128((const __m128i *)(const void *)(p + i));
        bits |= (uint64_t)(unsigned)_mm_movemask_epi8(_mm_cmpeq_epi8(x, want)) << i;
    }
#else
#pragma GCC unroll 8
    for (unsigned i = 0; i < CW_BLOCK; i += 8) {
        uint64_t x = cw_load8(p + i) ^ CW_EACH * c, low = CW_EACH * 0x7f;
        uint64_t zero = ~(((x & low) + low) | x | low); /* exact in every byte, unlike cw_below8() */
        bits |= ((zero >> 7) * 0x0102040810204080u >> 56) << i;
    }
#endif
    return bits;
}

static inline void cw_lines_load(struct cw_lines *it)
{
    uint8_t tail[CW_BLOCK];
    const uint8_t *p = it->buf + it->base;
    if (cw_unlikely(it->len - it->base < CW_BLOCK)) {
        memset(tail, 0, sizeof tail);
        memcpy(tail, p, it->len - it->base);
        p = tail;
    }
    uint64_t cr = cw_match64(p, '\r');
    it->lf = cw_match64(p, '\n');
    it->carried |= it->bare;
    it->bare = cr & ~(it->lf >> 1);
    if (it->bare >> 63 && it->len - it->base > CW_BLOCK && it->buf[it->base + CW_BLOCK] == '\n')
        it->bare ^= (uint64_t)1 << 63;
}

static inline void cw_lines_init(struct cw_lines *it, const uint8_t *buf, size_t len)
{
    *it = (struct cw_lines){.buf = buf, .len = (uint32_t)len};
    cw_lines_load(it);
}

/* Offset of the next line feed, and *bare_cr set when a bare CR stands between it and the one before; 0 when there is none
 * (no message begins with a line feed). */
static inline uint32_t cw_lines_next(struct cw_lines *it, bool *bare_cr)
{
    while (cw_unlikely(!it->lf)) {
        if (it->len - it->base <= CW_BLOCK)
            return 0;
        it->base += CW_BLOCK;
        cw_lines_load(it);
    }
    uint32_t at = it->base + (uint32_t)__builtin_ctzll(it->lf);
    if (cw_unlikely((it->carried | it->bare) != 0)) {
        uint64_t through = it->lf ^ (it->lf - 1); /* up to the lowest line feed */
        *bare_cr |= (it->carried | (it->bare & through)) != 0;
        it->carried = 0;
        it->bare &= ~through;
    }
    it->lf &= it->lf - 1;
    return at;
}

#endif
