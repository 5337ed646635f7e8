/* The edit list: what changes is noted as (offset, bytes to leave out, bytes to put in) and applied once to the original
 * bytes; all else stays byte for byte and in order (DESIGN 4.1). Insertions point into the datagram, the world, or the
 * worker's scratch. A list that overflows marks itself broken, and cw_edit_apply() then refuses. */
#ifndef CW_EDIT_H
#define CW_EDIT_H

#include "cw_engine.h"

#define CW_EDITS_BROKEN 0xffff

static inline void cw_edit_reset(struct cw_worker *k) { k->n_edits = 0, k->scratch_len = 0; }
/* Edits at one offset apply in the order in which they were noted, but what is only put in stands before what is left out:
 * a line may go in before one that goes (no Max-Forwards, and our Route on the first line). */
void cw_edit(struct cw_worker *k, uint32_t off, uint32_t del, const void *ins, size_t len);
/* `len` bytes of scratch to write an insertion into; NULL when there is no room (and the list is broken). */
uint8_t *cw_edit_scratch(struct cw_worker *k, size_t len);
/* Length after all edits of a message of m->len bytes. */
uint32_t cw_edit_length(const struct cw_worker *k, uint32_t len);
/* Write the edited message to out (room: CW_DATAGRAM_MAX); the length, or 0 when the list is broken, two edits overlap
 * or the result is longer than a UDP datagram may be (65,507). */
uint32_t cw_edit_apply(struct cw_worker *k, const struct cw_msg *m, uint8_t *out);

#endif
