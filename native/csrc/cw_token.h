/* What lets a stateless proxy recognise its own work: branch, To tag, flow and route tokens, all from one keyed hash.
 *
 * A transaction is hashed from what an INVITE, its retransmissions, its CANCEL, its non-2xx ACK and its responses share
 * (STANDARDS 1.6): the received branch and sent-by, Call-ID, From tag, CSeq number. The To tag and the method stay out.
 * Without a branch cookie (RFC 2543) the Request-URI comes in too: as a 32-bit hash that our branch carries in the clear,
 * because a response does not bring the Request-URI back. */
#ifndef CW_TOKEN_H
#define CW_TOKEN_H

#include "cw_world.h"
#include "cw_scan.h"

struct cw_txn {
    uint64_t h[2];
    uint32_t ruri;           /* hash of the Request-URI; only when has_ruri */
    bool has_ruri;
};
#define CW_BRANCH_MAX (7 + 32 + 9)
#define CW_TAG_LEN 18        /* "cw" and 16 hex digits */
#define CW_FLOW_LEN 18       /* listener (2 hex), 16 hex digits */
#define CW_ROUTE_TOKEN_LEN 18 /* "cw" and 16 hex digits */

/* Of a request, by its topmost Via. */
void cw_txn_of_request(const uint8_t key[16], const struct cw_msg *m, struct cw_txn *t);
/* Of a response, by its second Via and the Request-URI hash in our own branch; false when our branch has not our form. */
bool cw_txn_of_response(const uint8_t key[16], const struct cw_msg *m, struct cw_txn *t);

size_t cw_branch_write(const struct cw_txn *t, uint8_t *out);           /* CW_BRANCH_MAX bytes of room */
bool cw_branch_is(const struct cw_txn *t, const uint8_t *branch, size_t len);
void cw_tag_write(const uint8_t key[16], const struct cw_txn *t, uint8_t out[CW_TAG_LEN]);
bool cw_tag_is(const uint8_t key[16], const struct cw_txn *t, const uint8_t *tag, size_t len);
/* Binds the place where responses go to the transaction, so that a forged Via cannot turn us into a reflector. */
void cw_flow_write(const uint8_t key[16], const struct cw_txn *t, uint16_t listener, const struct cw_ep *to,
                   uint8_t out[CW_FLOW_LEN]);
/* Listener that the flow names, or -1. cw_flow_is then proves it. */
int cw_flow_listener(const uint8_t *text, size_t len);
bool cw_flow_is(const uint8_t key[16], const struct cw_txn *t, const struct cw_ep *to, const uint8_t *text, size_t len);
/* User part of our Record-Route: proves that this dialog went through us. */
void cw_route_token_write(const uint8_t key[16], uint64_t call_key, uint8_t out[CW_ROUTE_TOKEN_LEN]);
bool cw_route_token_is(const uint8_t key[16], const struct cw_msg *m, const uint8_t *user, size_t len);
/* 64-bit key of a call for the call table and for the choice among targets: equal in every message of the call. */
uint64_t cw_call_key(const uint8_t key[16], const struct cw_msg *m);

#endif
