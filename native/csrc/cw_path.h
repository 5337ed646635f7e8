/* The path of a request and the way back. Via: marking where a request came from (RFC 3261 18.2.1, RFC 3581 4), adding our own, and finding the
 * place where responses go (RFC 3261 18.2.2). Routes: taking our own value off and finding the next hop (RFC 3261 16.4,
 * 16.6). */
#ifndef CW_PATH_H
#define CW_PATH_H

#include "cw_edit.h"
#include "cw_token.h"

/* Where the response to a request with this top Via, received from src, goes. maddr is followed only to addresses that
 * belong to a trunk or a hop: anywhere else it would make us a reflector. */
void cw_via_reply_to(const struct cw_world *w, const struct cw_msg *m, const struct cw_via *via, const struct cw_ep *src,
                     struct cw_ep *to);
/* The same of a response's second Via, which carries what cw_via_mark() wrote. false: not a unicast IP address. */
bool cw_via_response_to(const struct cw_world *w, const struct cw_msg *m, struct cw_ep *to);
/* A replacement inside the top Via value. */
struct cw_splice {
    uint32_t off, del, len;
    uint8_t text[76];
};
/* received and rport for the top Via: up to two splices in rising order; returns how many. */
unsigned cw_via_mark(const struct cw_msg *m, const struct cw_via *via, const struct cw_ep *src, struct cw_splice out[2]);
/* Our own Via line, CRLF included, as an edit before the first Via. */
void cw_via_push(const struct cw_world *w, struct cw_worker *k, const struct cw_in *in, const struct cw_txn *txn,
                 uint16_t listener);
/* Our Record-Route, before all others. */
void cw_record_route_push(const struct cw_world *w, struct cw_worker *k, uint16_t listener, uint64_t call_key);

/* What RFC 3261 16.4 leaves of the Route set. */
struct cw_route {
    struct cw_uri next;          /* first Route value that is not ours; all.len == 0: none */
    struct cw_span next_value;   /* the whole value */
    const struct cw_hdr *next_hdr, *last_hdr; /* lines of the next and of the last Route value */
    bool proven;                 /* one of the values was our Record-Route, with the token of this dialog */
    struct cw_uri uri;           /* the Request-URI that counts: the last Route value when ours stood there (16.4) */
};
/* Reads the Route set and notes the edits that take our own values off (all leading ones: a doubled Record-Route would
 * only send the request to ourselves). 0 or -CW_R_BAD_ROUTE. */
int cw_route_read(const struct cw_world *w, struct cw_worker *k, struct cw_route *r);
/* Edits for a next hop that is a strict router (no lr), RFC 3261 16.6 step 6. */
void cw_route_strict_next(struct cw_worker *k, const struct cw_route *r);
/* The URI names this element (its user part is another question). */
bool cw_uri_is_us(const struct cw_world *w, const struct cw_msg *m, const struct cw_uri *uri);
/* Address of a URI whose host is an IP literal (maddr first); false when it is a name or not sendable. */
bool cw_uri_ep(const struct cw_msg *m, const struct cw_uri *uri, struct cw_ep *ep);

#endif
