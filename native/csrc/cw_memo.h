/* The memo: one verdict per transaction for 32 s (64*T1), so that a rule push between two retransmissions, or between an
 * INVITE and its CANCEL and ACK, cannot split a call (RFC 3261 8.2.7, 16.11; STANDARDS 1.5, 1.9). Fixed size, shared by
 * all data-plane threads, lock-free for readers; a full set loses its oldest verdict, and calls survive the loss. */
#ifndef CW_MEMO_H
#define CW_MEMO_H

#include <stdatomic.h>
#include "cw.h"

#define CW_MEMO_MS 32000u

struct cw_verdict {
    uint8_t action;          /* enum cw_action */
    uint8_t keep_target;     /* 0: none chosen; else hop and target are a choice made before, and this a hash of the address:
                                after a change of the configuration the indexes may name another one */
    uint16_t reason;         /* enum cw_reason */
    uint16_t rule;           /* index in the policy it was made with, CW_NO_RULE */
    uint16_t code;           /* SIP status of an interception */
    uint16_t hop;            /* where it went; 0xffff none */
    uint16_t target;         /* index within the hop */
    uint32_t text;           /* label: text id, 0 none */
    uint32_t head;           /* intercept: id of the response head in the text table */
    uint32_t call;           /* keyed hash of who calls whom and how: a sender can give two calls one transaction key */
};
_Static_assert(sizeof(struct cw_verdict) == 24, "three words in the memo");

struct cw_memo;              /* opaque; 40 bytes an entry */
struct cw_memo *cw_memo_new(uint32_t entries); /* rounded up to a power of two; NULL when memory is short */
void cw_memo_free(struct cw_memo *memo);
/* key: 64 bits of the keyed transaction hash, never 0. now_ms: monotonic. true when a verdict younger than 32 s stands. */
bool cw_memo_get(const struct cw_memo *memo, uint64_t key, uint32_t now_ms, struct cw_verdict *out);
/* Store if there is none yet; when another thread was first, *v becomes its verdict (both copies of a duplicated INVITE
 * must be treated alike). Never waits: false when the set stayed busy, nothing was stored and *v is the caller's own. */
bool cw_memo_put(struct cw_memo *memo, uint64_t key, uint32_t now_ms, struct cw_verdict *v);
/* Warm the caches for a later get and put of this key. */
void cw_memo_prefetch(const struct cw_memo *memo, uint64_t key);
uint64_t cw_memo_bytes(const struct cw_memo *memo);

#endif
