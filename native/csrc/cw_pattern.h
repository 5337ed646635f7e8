/* Prefix patterns: keys, the immutable pattern table, and ranges as patterns.
 *
 * A pattern's key is 64 bits: bit 63 marks it (numbers never have it), bit 62 the space of short codes, then length,
 * digits and prefix; so patterns and numbers share the overlay's one table. Which (digits, length) pairs exist is kept as
 * a bitmask for each total length: bit 2d = d digits and any length, bit 2d + 1 = d digits and just this length. The
 * highest bit is the most specific pattern; a look-up probes only bits that are set.
 */
#ifndef CW_PATTERN_H
#define CW_PATTERN_H

#include "cw_attrs.h"

#define CW_LENGTHS 16 /* total lengths 0..15 */

static const uint64_t cw_pow10[17] = {
    UINT64_C(1),           UINT64_C(10),           UINT64_C(100),           UINT64_C(1000),
    UINT64_C(10000),       UINT64_C(100000),       UINT64_C(1000000),       UINT64_C(10000000),
    UINT64_C(100000000),   UINT64_C(1000000000),   UINT64_C(10000000000),   UINT64_C(100000000000),
    UINT64_C(1000000000000), UINT64_C(10000000000000), UINT64_C(100000000000000), UINT64_C(1000000000000000),
    UINT64_C(10000000000000000),
};

/* Decimal digits of 1 <= v < 10^16. */
static inline unsigned cw_dec_digits(uint64_t v)
{
    unsigned t = (unsigned)(64 - __builtin_clzll(v)) * 1233 >> 12;
    return t + (v >= cw_pow10[t]);
}
/* A number that a list can hold: 1 .. 10^15 - 1, CW_NUM_SHORT or not. */
static inline bool cw_num_is_valid(cw_num num) { return (num & ~CW_NUM_SHORT) - 1 < UINT64_C(999999999999999); }
static inline unsigned cw_num_space(cw_num num) { return (unsigned)(num >> 62) & 1; }

#define CW_KEY_PATTERN (UINT64_C(1) << 63)
static inline bool cw_key_is_pattern(uint64_t key) { return key >> 63; }
/* prefix: digits only, without CW_NUM_SHORT */
static inline uint64_t cw_pattern_key(unsigned space, uint64_t prefix, unsigned digits, unsigned length)
{
    return CW_KEY_PATTERN | (uint64_t)space << 62 | (uint64_t)length << 56 | (uint64_t)digits << 51 | prefix;
}
static inline struct cw_pattern cw_pattern_of(uint64_t key)
{
    return (struct cw_pattern){(key & ((UINT64_C(1) << 51) - 1)) | (key & CW_NUM_SHORT), (uint8_t)(key >> 51 & 31),
                               (uint8_t)(key >> 56 & 31)};
}

/* The key of p, or 0 when p is none: prefix of just `digits` digits (1..15, no leading 0), length 0 or digits..15. */
uint64_t cw_pattern_check(const struct cw_pattern *p);
/* The mask bits that a pattern sets, for each total length; returns its space. */
unsigned cw_pattern_mask_bits(uint64_t key, uint32_t bits[CW_LENGTHS]);

struct cw_pats;              /* the immutable table; NULL = none */
/* Keys rising; vals: ids into dict, or with the top bit set: removed. A repeated key: the last one counts. *out may
 * become NULL (empty). Drops what is expired at now_s (0: nothing). False: no memory. */
bool cw_pats_merge(const struct cw_pats *old, const uint64_t *keys, const uint32_t *vals, size_t n, const struct cw_attr *dict,
                   size_t n_dict, uint32_t now_s, struct cw_pats **out);
void cw_pats_free(struct cw_pats *p);
const struct cw_attr *cw_pats_find(const struct cw_pats *p, uint64_t key);
uint32_t cw_pats_mask(const struct cw_pats *p, unsigned space, unsigned length);
size_t cw_pats_count(const struct cw_pats *p);
size_t cw_pats_bytes(const struct cw_pats *p);
/* The i-th in the order of keys. */
uint64_t cw_pats_at(const struct cw_pats *p, size_t i, const struct cw_attr **attr);
const struct cw_attr *cw_pats_dict(const struct cw_pats *p, size_t *n);

#define CW_RANGE_MAX 270 /* 2 x 9 x 15 pieces are the most that a range can need */
/* low..high (same space, same number of digits) as the fewest patterns of pinned length, rising. Returns how many, 0 when
 * it is no range. out: CW_RANGE_MAX entries. */
size_t cw_range_split(cw_num low, cw_num high, struct cw_pattern *out);

#endif
