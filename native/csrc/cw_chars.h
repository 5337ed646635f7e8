/* Character classes of RFC 3261 25.1, and searches over several bytes at a time. For the parsers of native/csrc only.
 *
 * Deliberate leniencies, each in one bit of the table: '_' in host names; any visible octet and any octet from 0x80 on in
 * URIs, parameter names and values, as long as it delimits nothing.
 */
#ifndef CW_CHARS_H
#define CW_CHARS_H

#include "cw.h"

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

/* The octets of x that may end a run of `cls` (CW_CH_URI or CW_CH_PVALUE); not every hit does. */
static inline uint64_t cw_stops8(uint64_t x, unsigned cls)
{
    uint64_t angle = (x | CW_EACH * 2) ^ CW_EACH * '>', del = x ^ CW_EACH * 0x7f;
    uint64_t hit = ((x - CW_EACH * ('"' + 1)) & ~x) | ((angle - CW_EACH) & ~angle) | ((del - CW_EACH) & ~del);
    if (cls == CW_CH_PVALUE) {
        uint64_t semi = x ^ CW_EACH * ';', comma = x ^ CW_EACH * ',';
        hit |= ((semi - CW_EACH) & ~semi) | ((comma - CW_EACH) & ~comma);
    }
    return hit & CW_EACH * 0x80;
}

/* cw_skip() for CW_CH_URI and CW_CH_PVALUE, which nearly every octet is: only octets that may end the run are looked up. */
static inline const uint8_t *cw_skip_run(const uint8_t *p, const uint8_t *end, unsigned cls)
{
    while (end - p >= 8) {
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
    return cw_skip(p, end, cls);
}

/* Visible ASCII only, 0x21 to 0x7e. */
static inline bool cw_visible(const uint8_t *p, const uint8_t *end)
{
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
