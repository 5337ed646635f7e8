/* Character classes of RFC 3261 25.1, and a search over eight bytes at a time. For the parsers of native/csrc only.
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

#endif
