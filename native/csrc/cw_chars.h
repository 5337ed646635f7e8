/* Character classes of RFC 3261 25.1, and searches over several bytes at a time. For the parsers of native/csrc only.
 *
 * Deliberate leniencies, each in one bit of the table: '_' in host names; any visible octet and any octet from 0x80 on in
 * URIs, parameter names and values, as long as it delimits nothing.
 */
#ifndef CW_CHARS_H
#define CW_CHARS_H

#include "cw.h"
#if defined __SSE2__ && !defined CW_NO_SSE2
#include <emmintrin.h>
#define CW_SSE2 1 /* part of every x86-64 */
#endif

enum {
    CW_CH_TOKEN = 1,    /* token */
    CW_CH_HOST = 2,     /* hostname, IPv4address, and '_' */
    CW_CH_IP6 = 4,      /* within the brackets of an IPv6reference */
    CW_CH_SCHEME = 8,   /* scheme, after its first letter */
    CW_CH_URI = 16,     /* no white space, control character, quote or angle bracket */
    CW_CH_WS = 32,      /* SP HT CR LF: within a header line CR LF is always a fold */
    CW_CH_PNAME = 64,   /* CW_CH_URI without ; , = */
    CW_CH_PVALUE = 128, /* CW_CH_URI without ; , */
};
extern const uint8_t cw_chars[256];

static inline bool cw_is(uint8_t c, unsigned cls) { return (cw_chars[c] & cls) != 0; }

static inline const uint8_t *cw_skip(const uint8_t *p, const uint8_t *end, unsigned cls)
{
    while (p < end && cw_is(*p, cls))
        p++;
    return p;
}
static inline const uint8_t *cw_skip_ws(const uint8_t *p, const uint8_t *end) { return cw_skip(p, end, CW_CH_WS); }

static inline struct cw_span cw_span_at(const uint8_t *buf, const uint8_t *p, const uint8_t *end)
{
    return cw_span_of((size_t)(p - buf), (size_t)(end - buf));
}

/* 1*DIGIT up to `max` over the whole of [p, end); -1 when it is anything else. Any number of leading zeros. */
static inline int64_t cw_number(const uint8_t *p, const uint8_t *end, uint64_t max)
{
    uint64_t n = 0;
    if (p == end)
        return -1;
    for (; p < end; p++) {
        if (!cw_isdigit(*p))
            return -1;
        n = n * 10 + (uint64_t)(*p - '0');
        if (n > max)
            return -1;
    }
    return (int64_t)n;
}

/* Behind the closing quote of the quoted-string that starts at p (*p == '"'); NULL when it has none. A quoted-pair is
 * '\' and any octet but CR and LF (RFC 3261 25.1), so a fold ends no escape. */
static inline const uint8_t *cw_quoted_end(const uint8_t *p, const uint8_t *end)
{
    for (p++; p < end; p++) {
        if (*p == '"')
            return p + 1;
        if (*p == '\\') {
            p++;
            if (p == end || *p == '\r' || *p == '\n')
                return NULL;
        }
    }
    return NULL;
}

#define CW_EACH 0x0101010101010101u /* the byte 1, eight times */

static inline uint64_t cw_load8(const uint8_t *p)
{
    uint64_t x;
    memcpy(&x, p, 8);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    x = __builtin_bswap64(x);
#endif
    return x;
}

/* Top bit of every byte that is below n (n <= 128); bytes above the lowest hit may be flagged wrongly. */
static inline uint64_t cw_below8(uint64_t x, unsigned n) { return (x - CW_EACH * n) & ~x & CW_EACH * 0x80; }
/* The same for bytes equal to c. */
static inline uint64_t cw_equal8(uint64_t x, uint8_t c) { return cw_below8(x ^ CW_EACH * c, 1); }
static inline unsigned cw_lowest8(uint64_t flags) { return (unsigned)__builtin_ctzll(flags) / 8; }

/* `len` octets equal to those of `lower`, letters in any case: 0x20 is forgiven only where `lower` has a letter (0x40).
 * Words overlap, so nothing outside is read. */
static inline bool cw_same(const uint8_t *text, const char *lower, size_t len)
{
    uint64_t want, x;
    uint32_t want4, x4;
    if (len < 4) {
        for (size_t i = 0; i < len; i++)
            if (cw_lower(text[i]) != (uint8_t)lower[i])
                return false;
        return true;
    }
    if (len < 8) {
        for (size_t at = 0;; at = len - 4) {
            memcpy(&want4, lower + at, 4);
            memcpy(&x4, text + at, 4);
            if ((x4 | (want4 & 0x40404040u) >> 1) != want4)
                return false;
            if (at == len - 4)
                return true;
        }
    }
    for (size_t at = 0;; at = at + 16 <= len ? at + 8 : len - 8) {
        memcpy(&want, lower + at, 8);
        memcpy(&x, text + at, 8);
        if ((x | (want & CW_EACH * 0x40) >> 1) != want)
            return false;
        if (at == len - 8)
            return true;
    }
}
#define cw_same_lit(text, len, lit) ((len) == sizeof(lit) - 1 && cw_same((text), (lit), sizeof(lit) - 1))

/* The octets of x that may end a run of `cls` (CW_CH_URI, CW_CH_PNAME or CW_CH_PVALUE); not every hit does. */
static inline uint64_t cw_stops8(uint64_t x, unsigned cls)
{
    uint64_t angle = (x | CW_EACH * 2) ^ CW_EACH * '>', del = x ^ CW_EACH * 0x7f;
    uint64_t hit = ((x - CW_EACH * ('"' + 1)) & ~x) | ((angle - CW_EACH) & ~angle) | ((del - CW_EACH) & ~del);
    if (cls != CW_CH_URI) {
        uint64_t semi = x ^ CW_EACH * ';', comma = x ^ CW_EACH * ',';
        hit |= ((semi - CW_EACH) & ~semi) | ((comma - CW_EACH) & ~comma);
    }
    if (cls == CW_CH_PNAME) {
        uint64_t equals = x ^ CW_EACH * '=';
        hit |= (equals - CW_EACH) & ~equals;
    }
    return hit & CW_EACH * 0x80;
}

#if CW_SSE2
/* Each octet of x that is at least `low` and at most `low + span`, as 0xff. */
static inline __m128i cw_between16(__m128i x, uint8_t low, uint8_t span)
{
    x = _mm_sub_epi8(x, _mm_set1_epi8((char)low));
    return _mm_cmpeq_epi8(_mm_min_epu8(x, _mm_set1_epi8((char)span)), x);
}

/* cw_stops8() over 16 octets: bit i for p[i]. CW_CH_HOST, too, and for that every hit is one. */
static inline unsigned cw_stops16(const uint8_t *p, unsigned cls)
{
    const __m128i x = _mm_loadu_si128((const __m128i *)(const void *)p);
    if (cls == CW_CH_HOST) {
        __m128i good = _mm_andnot_si128(_mm_cmpeq_epi8(x, _mm_set1_epi8('/')), cw_between16(x, '-', '9' - '-'));
        good = _mm_or_si128(good, cw_between16(_mm_or_si128(x, _mm_set1_epi8(0x20)), 'a', 25));
        good = _mm_or_si128(good, _mm_cmpeq_epi8(x, _mm_set1_epi8('_')));
        return (unsigned)_mm_movemask_epi8(good) ^ 0xffff;
    }
    __m128i hit = _mm_cmpeq_epi8(_mm_min_epu8(x, _mm_set1_epi8('"')), x);
    hit = _mm_or_si128(hit, _mm_cmpeq_epi8(x, _mm_set1_epi8(0x7f)));
    if (cls == CW_CH_URI)
        hit = _mm_or_si128(hit, _mm_cmpeq_epi8(_mm_or_si128(x, _mm_set1_epi8(2)), _mm_set1_epi8('>')));
    else
        hit = _mm_or_si128(_mm_or_si128(hit, _mm_cmpeq_epi8(x, _mm_set1_epi8(','))), cw_between16(x, ';', '>' - ';'));
    return (unsigned)_mm_movemask_epi8(hit);
}
#endif

/* cw_skip() for CW_CH_URI, CW_CH_PNAME, CW_CH_PVALUE (nearly every octet is one: only those that may end the run are looked
 * up) and CW_CH_HOST. Reads nothing behind `end`, but may read before p, down to `buf`. */
static inline const uint8_t *cw_skip_run(const uint8_t *buf, const uint8_t *p, const uint8_t *end, unsigned cls)
{
#if CW_SSE2
    while (end - p >= 16 || (p < end && end - buf >= 16)) {
        ptrdiff_t left = end - p;
        unsigned hit = left >= 16 ? cw_stops16(p, cls) : cw_stops16(end - 16, cls) >> (16 - left);
        for (; hit; hit &= hit - 1) {
            const uint8_t *at = p + __builtin_ctz(hit);
            if (cls == CW_CH_HOST || !cw_is(*at, cls))
                return at;
        }
        if (left <= 16)
            return end;
        p += 16;
    }
#else
    (void)buf;
    while (cls != CW_CH_HOST && end - p >= 8) {
        uint64_t hit = cw_stops8(cw_load8(p), cls);
        if (cw_likely(!hit)) {
            p += 8;
            continue;
        }
        p += cw_lowest8(hit);
        if (!cw_is(*p, cls))
            return p;
        p++;
    }
#endif
    return cw_skip(p, end, cls);
}

/* Digits from p on as a number up to `max`, and *rest behind them; -1 when there are none or they are more. */
static inline int64_t cw_digits_at(const uint8_t *p, const uint8_t *end, uint32_t max, const uint8_t **rest)
{
    const uint8_t *start = p;
    uint64_t n = 0;
    for (; p < end && cw_isdigit(*p); p++) {
        n = n * 10 + (uint64_t)(*p - '0');
        if (cw_unlikely(n > max))
            return -1;
    }
    *rest = p;
    return p == start ? -1 : (int64_t)n;
}

/* Visible ASCII only, 0x21 to 0x7e; `buf` as in cw_skip_run(). */
static inline bool cw_visible(const uint8_t *buf, const uint8_t *p, const uint8_t *end)
{
#if CW_SSE2
    while (end - p >= 16 || (p < end && end - buf >= 16)) {
        ptrdiff_t left = end - p;
        __m128i x = _mm_loadu_si128((const __m128i *)(const void *)(left >= 16 ? p : end - 16));
        unsigned good = (unsigned)_mm_movemask_epi8(cw_between16(x, 0x21, 0x7e - 0x21));
        if (cw_unlikely((good ^ 0xffff) >> (left >= 16 ? 0 : 16 - left)))
            return false;
        if (left <= 16)
            return true;
        p += 16;
    }
#else
    (void)buf;
#endif
    for (; end - p >= 8; p += 8) {
        uint64_t x = cw_load8(p), del = x ^ CW_EACH * 0x7f;
        if (cw_unlikely((((x - CW_EACH * 0x21) | x | ((del - CW_EACH) & ~del)) & CW_EACH * 0x80) != 0))
            return false;
    }
    for (; p < end; p++)
        if (*p < 0x21 || *p >= 0x7f)
            return false;
    return true;
}

#endif
