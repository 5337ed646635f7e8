/* SipHash-2-4 with 128 bits of output (Aumasson, Bernstein 2012), fed in pieces: a keyed pseudo-random function made for
 * short input. DESIGN 4.1 says why not HMAC. */
#ifndef CW_SIPHASH_H
#define CW_SIPHASH_H

#include "cw.h"

struct cw_siphash {
    uint64_t v0, v1, v2, v3;
    uint64_t tail;
    uint64_t total;
};
void cw_siphash_init(struct cw_siphash *s, const uint8_t key[16]);
void cw_siphash_add(struct cw_siphash *s, const void *data, size_t len);
/* out[0] alone is a good 64-bit hash. */
void cw_siphash_end(struct cw_siphash *s, uint64_t out[2]);

#endif
