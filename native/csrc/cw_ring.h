/* Single-producer single-consumer ring of fixed-size journal records: a data-plane thread writes and never waits, the
 * journal thread drains. Full: the record is dropped and counted. */
#ifndef CW_RING_H
#define CW_RING_H

#include <stdatomic.h>
#include "cw_policy.h"

#define CW_REC_CALL_ID 64
#define CW_REC_RAW 40

struct cw_record {           /* one decision; little-endian, read by the journal as it is */
    uint64_t time_ns;        /* unix, kernel's receive time */
    uint64_t rules_seq;
    cw_num caller, presented, callee;
    struct cw_facts facts;
    uint32_t latency_ns;     /* scan to decide */
    uint32_t text;           /* label text id */
    uint16_t reason;         /* enum cw_reason */
    uint16_t rule;           /* index in the rule set of rules_seq, CW_NO_RULE */
    uint16_t shadow;         /* first shadow rule that matched, CW_NO_RULE */
    uint16_t trunk, hop, target;
    uint16_t code;           /* SIP status sent, 0 = forwarded or dropped */
    uint8_t action;          /* enum cw_action */
    uint8_t method;          /* enum cw_method */
    uint8_t source_ip[16];   /* IPv4 mapped */
    uint16_t source_port;
    uint8_t call_id_len, caller_len, callee_len; /* real bytes below, cut at the field's size */
    uint8_t zero[3];
    uint8_t call_id[CW_REC_CALL_ID];
    uint8_t caller_raw[CW_REC_RAW]; /* user part as received */
    uint8_t callee_raw[CW_REC_RAW];
};
_Static_assert(sizeof(struct cw_record) == 264, "the journal and its readers know this layout");

struct cw_ring;
struct cw_ring *cw_ring_new(uint32_t records); /* power of two */
void cw_ring_free(struct cw_ring *ring);
/* Producer: a place to fill, or NULL when full (counted); then publish. */
struct cw_record *cw_ring_claim(struct cw_ring *ring);
void cw_ring_publish(struct cw_ring *ring);
/* Consumer: copies up to max records, returns how many. */
size_t cw_ring_drain(struct cw_ring *ring, struct cw_record *out, size_t max);
uint64_t cw_ring_dropped(const struct cw_ring *ring);
uint64_t cw_ring_bytes(const struct cw_ring *ring);

#endif
