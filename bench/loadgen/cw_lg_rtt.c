/* One message outstanding. The receive spins, so the client's own wake-up is not in the figure; between two messages
 * the client spins on the clock for the gap, so that the other side has emptied its queue (and sleeps, if it sleeps). */
#include <string.h>

#include "cw_lg_call.h"

#define MS UINT64_C(1000000)

static bool final_for(struct cw_lg_run *r, struct cw_lg_slot *s, unsigned i, struct cw_lg_msg *m, size_t sent)
{
    const char *buf = r->caller->rx_buf[i];
    size_t len = r->caller->rx[i].msg_len;
    char kind;
    if (r->opts.mode == CW_LG_ECHO)
        return len == sent && memcmp(buf, s->bye, len) == 0;
    if (cw_lg_scan(buf, len, m) != 0 || m->status == 0) {
        cw_lg_run_invalid(r, "not a SIP answer", buf, len);
        return false;
    }
    if (cw_lg_run_slot(r, m, buf, len) != s)
        return false;
    const char *why = cw_lg_answer_check(r, s, m, &kind);
    if (why != NULL)
        cw_lg_run_invalid(r, why, buf, len);
    return why == NULL && m->status >= 200;
}

/* One exchange; true when the final came within the timeout of one retransmission (T1). */
static bool exchange(struct cw_lg_run *r, struct cw_lg_slot *s)
{
    struct cw_lg_msg m;
    size_t len = cw_lg_build_invite(s->bye, &r->env, &s->call);
    memcpy(cw_lg_sock_slot(r->caller), s->bye, len);
    cw_lg_sock_commit(r->caller, len);
    uint64_t start = cw_lg_now_ns();
    cw_lg_sock_flush(r->caller);
    for (;;) {
        unsigned got = cw_lg_sock_recv(r->caller);
        uint64_t now = cw_lg_now_ns();
        for (unsigned i = 0; i < got; i++) {
            if (!final_for(r, s, i, &m, len))
                continue;
            if (now >= r->from_ns)
                cw_lg_hist_add(&r->answer, now - start);
            if (r->opts.mode == CW_LG_ECHO)
                return true;
            r->count.finals[m.status]++;
            if (m.status < 300) {
                r->count.flagged_passed++;
                return true;
            }
            char *out = cw_lg_sock_slot(r->caller);
            cw_lg_sock_commit(r->caller, cw_lg_build_reject_ack(out, &r->env, &s->call, m.to));
            cw_lg_sock_flush(r->caller);
            r->count.intercepted++;
            return true;
        }
        if (now - start > 500 * MS)
            return false;
    }
}

void cw_lg_run_rtt(struct cw_lg_run *r, volatile const int *stop)
{
    struct cw_lg_slot *s = &r->slots[0];
    r->begin_ns = cw_lg_now_ns();
    r->from_ns = r->begin_ns + (uint64_t)(r->opts.warmup_s * 1e9);
    r->until_ns = r->from_ns + (uint64_t)(r->opts.seconds * 1e9);
    s->state = CW_LG_INVITED;
    while (cw_lg_now_ns() < r->until_ns && !*stop) {
        s->generation++;
        s->call.number = cw_lg_numbers_next(&r->callers);
        cw_lg_id_make(s->call.id, r->run_id, 0, s->generation);
        r->count.started++;
        if (exchange(r, s))
            r->count.finished++;
        else
            r->count.timeouts++;
        uint64_t resume = cw_lg_now_ns() + r->opts.gap_us * UINT64_C(1000);
        while (cw_lg_now_ns() < resume)
            ;
    }
    r->end_ns = cw_lg_now_ns();
    r->count.counted = r->answer.count;
}
