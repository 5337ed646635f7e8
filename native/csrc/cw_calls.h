/* The call table: follows INVITE, answer and BYE for statistics and detectors. Fixed size, lossy by design: a call that
 * finds no place is counted in `untracked` and goes on. Key: 64 bits of a keyed hash of the Call-ID. */
#ifndef CW_CALLS_H
#define CW_CALLS_H

#include <stdatomic.h>
#include "cw.h"

struct cw_calls;             /* opaque; 32 bytes an entry, 4-way sets, spin-free: a thread that finds a set busy gives up */
enum cw_call_event { CW_CALL_NONE, CW_CALL_ANSWERED, CW_CALL_ENDED, CW_CALL_FAILED };

struct cw_calls *cw_calls_new(uint32_t entries);
void cw_calls_free(struct cw_calls *calls);
/* An initial INVITE goes on. true when it is new (not a retransmission). *untracked set when there was no place: sets
 * drop entries older than unanswered_ms (ringing) or answered_ms first. */
bool cw_calls_invite(struct cw_calls *calls, uint64_t key, uint32_t now_ms, uint16_t trunk, bool *untracked);
/* A 2xx to an INVITE: CW_CALL_ANSWERED the first time, *ms = time from INVITE to answer. */
enum cw_call_event cw_calls_answer(struct cw_calls *calls, uint64_t key, uint32_t now_ms, uint32_t *ms);
/* A final non-2xx to the initial INVITE: CW_CALL_FAILED once, and the entry is free. Answered calls stay (re-INVITE). */
enum cw_call_event cw_calls_fail(struct cw_calls *calls, uint64_t key, uint32_t now_ms);
/* BYE: CW_CALL_ENDED once, *ms = duration since the answer, and the entry is free. */
enum cw_call_event cw_calls_bye(struct cw_calls *calls, uint64_t key, uint32_t now_ms, uint32_t *ms);
/* Entries in use now: *ringing, *answered. Not on the data path. */
void cw_calls_count(const struct cw_calls *calls, uint32_t now_ms, uint32_t *ringing, uint32_t *answered);
/* Warm the caches for a later call about this key. */
void cw_calls_prefetch(const struct cw_calls *calls, uint64_t key);
uint64_t cw_calls_bytes(const struct cw_calls *calls);

#endif
