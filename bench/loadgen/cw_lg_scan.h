/* Just enough of a SIP scanner to play user agents: one pass over the lines, spans into the datagram.
 * Folded lines are not supported: nothing the bench sends is folded, so a folded answer is counted as invalid. */
#ifndef CW_LG_SCAN_H
#define CW_LG_SCAN_H

#include <stdbool.h>
#include <stddef.h>

enum { CW_LG_MAX_LINES = 8 };

struct cw_lg_span {
    const char *p;
    size_t n;
};

struct cw_lg_msg {
    int status;                              /* 0: a request */
    struct cw_lg_span method;                /* of a request */
    struct cw_lg_span via[CW_LG_MAX_LINES];  /* header values, one a line */
    struct cw_lg_span rr[CW_LG_MAX_LINES];
    unsigned n_via, n_rr;
    struct cw_lg_span from, to, call_id, cseq, contact;
};

/* 0, or -1: no start line, no end of headers, more than CW_LG_MAX_LINES Via or Record-Route lines. */
int cw_lg_scan(const char *buf, size_t len, struct cw_lg_msg *m);

bool cw_lg_span_is(struct cw_lg_span s, const char *text);
bool cw_lg_span_ends(struct cw_lg_span s, const char *text, size_t n);

/* The value of ;tag= behind the last '>' (or anywhere without one); empty when there is none. */
struct cw_lg_span cw_lg_tag(struct cw_lg_span header);

/* What stands between '<' and '>'; the whole value up to ';' without them. */
struct cw_lg_span cw_lg_uri(struct cw_lg_span header);

#endif
