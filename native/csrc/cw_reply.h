/* Answers of our own, after RFC 3261 8.2.6: From, Call-ID, CSeq and all Via values copied, To with a tag that is the same
 * for the same request (8.2.7). Nothing is remembered. */
#ifndef CW_REPLY_H
#define CW_REPLY_H

#include "cw_path.h"

/* head: status line with CRLF; more: whole header lines or NULL; txn: of the request. Fills out; false when the request has
 * no usable Via or the answer would not fit. */
bool cw_reply(const struct cw_world *w, struct cw_worker *k, const struct cw_in *in, const struct cw_txn *txn,
              const void *head, size_t head_len, const void *more, size_t more_len, struct cw_out *out);
/* The answer to a fault: status and phrase of the reason, and what that status demands (420: Unsupported). */
bool cw_reply_fault(const struct cw_world *w, struct cw_worker *k, const struct cw_in *in, unsigned reason,
                    struct cw_out *out);

#endif
