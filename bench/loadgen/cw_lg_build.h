/* Writes the messages of both user agents. Every function writes into a buffer of CW_LG_DGRAM bytes and returns the
 * length. Nothing can overrun: ids and addresses are short and fixed, the number of Route values is limited, and copied
 * lines come from one received datagram, which is half a buffer at most (CW_LG_RX). */
#ifndef CW_LG_BUILD_H
#define CW_LG_BUILD_H

#include <stdbool.h>

#include "cw_lg_numbers.h"
#include "cw_lg_scan.h"

enum { CW_LG_ID = 20 }; /* run (8 hex), slot (4 hex), generation (8 hex) */

struct cw_lg_who {
    char text[64];
    size_t n;
};

struct cw_lg_env {
    struct cw_lg_who gateway, caller, callee; /* "1.2.3.4:5060" */
    struct cw_lg_who callee_number;           /* "+8613900000001" */
    bool sdp, pai, trying;
};

struct cw_lg_call_id {
    char id[CW_LG_ID];
    uint64_t number;
};

void cw_lg_id_make(char id[CW_LG_ID], uint32_t run, uint32_t slot, uint32_t generation);
/* 0, or -1 when it is not an id of this run. */
int cw_lg_id_parse(const char *id, size_t n, uint32_t run, uint32_t *slot, uint32_t *generation);

size_t cw_lg_build_invite(char *out, const struct cw_lg_env *e, const struct cw_lg_call_id *c);
size_t cw_lg_build_reject_ack(char *out, const struct cw_lg_env *e, const struct cw_lg_call_id *c,
                              struct cw_lg_span to);

/* ACK (bye = false) or BYE in the dialog that a 2xx has made; RFC 3261 12.1.2: the route set is reversed. */
size_t cw_lg_build_in_dialog(char *out, const struct cw_lg_env *e, const struct cw_lg_call_id *c,
                             const struct cw_lg_msg *ok, bool bye);

/* An answer of the callee: Via and Record-Route as they came (RFC 3261 8.2.6.2), To tag for everything but 100. */
size_t cw_lg_build_answer(char *out, const struct cw_lg_env *e, const struct cw_lg_msg *request, int status,
                          const char id[CW_LG_ID]);

#endif
