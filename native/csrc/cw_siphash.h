/* SipHash-2-4 with 128 bits of output (Aumasson, Bernstein 2012): a keyed pseudo-random function made for short input.
 * HMAC-SHA256 would be the dearest step on the way of a datagram. */
#ifndef CW_SIPHASH_H
#define CW_SIPHASH_H

#include "cw.h"

/* out[0] alone is a good 64-bit hash. `data` needs no alignment. */
void cw_siphash(const uint8_t key[16], const void *data, size_t len, uint64_t out[2]);

/* The same over pieces put one behind the other. Pieces are gathered; what outgrows the room is hashed as it fills. */
struct cw_siphash {
    uint64_t v0, v1, v2, v3;
    uint64_t total;
    uint32_t held;
    uint8_t room[320];       /* most inputs fit, and are hashed in one go */
};
void cw_siphash_init(struct cw_siphash *s, const uint8_t key[16]);
void cw_siphash_add(struct cw_siphash *s, const void *data, size_t len);
void cw_siphash_end(struct cw_siphash *s, uint64_t out[2]);

#endif
