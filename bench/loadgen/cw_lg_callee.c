/* The callee side keeps no state: every answer is made from the request alone, so a retransmission is answered as the
 * first was. It only notes on the call's slot that the ACK came. */
#include <string.h>

#include "cw_lg_call.h"

static void answer(struct cw_lg_run *r, const struct cw_lg_msg *m, int status, const char *id)
{
    char *out = cw_lg_sock_slot(r->callee);
    cw_lg_sock_commit(r->callee, cw_lg_build_answer(out, &r->env, m, status, id));
}

static bool ours(struct cw_lg_span tag, const struct cw_lg_slot *s)
{
    return tag.n == CW_LG_ID + 1 && tag.p[0] == 't' && memcmp(tag.p + 1, s->call.id, CW_LG_ID) == 0;
}

void cw_lg_callee_handle(struct cw_lg_run *r, const char *buf, size_t len)
{
    static const char nobody[CW_LG_ID] = "00000000000000000000"; /* exactly the id, without a terminator */
    struct cw_lg_count *c = &r->count;
    struct cw_lg_msg m;
    if (cw_lg_scan(buf, len, &m) != 0 || m.status != 0) {
        cw_lg_run_invalid(r, "callee: not a SIP request", buf, len);
        return;
    }
    if (cw_lg_span_is(m.method, "OPTIONS")) { /* the system under test probes its next hop */
        answer(r, &m, 200, nobody);
        return;
    }
    struct cw_lg_slot *s = cw_lg_run_slot(r, &m, buf, len);
    if (s == NULL)
        return;
    if (cw_lg_span_is(m.method, "INVITE")) {
        c->callee_invites++;
        if (r->opts.mode == CW_LG_MIXED && s->flagged)
            c->flagged_leaked++;
        if (!r->opts.bare && m.n_via < 2 && memchr(m.via[0].p, ',', m.via[0].n) == NULL) {
            cw_lg_run_invalid(r, "callee: the proxy added no Via", buf, len);
            return;
        }
        if (r->env.trying)
            answer(r, &m, 100, s->call.id);
        answer(r, &m, 180, s->call.id);
        answer(r, &m, 200, s->call.id);
    } else if (cw_lg_span_is(m.method, "ACK")) {
        if (!ours(cw_lg_tag(m.to), s)) { /* RFC 3261 17.1.1.3: the ACK of a rejection ends where the rejection was made */
            c->acks_leaked++;
            return;
        }
        c->callee_acks++;
        s->acked = true;
    } else if (cw_lg_span_is(m.method, "BYE")) {
        c->callee_byes++;
        if (!ours(cw_lg_tag(m.to), s))
            cw_lg_run_invalid(r, "callee: BYE with a To tag that is not ours", buf, len);
        else
            answer(r, &m, 200, s->call.id);
    } else {
        cw_lg_run_invalid(r, "callee: unexpected method", buf, len);
    }
}
