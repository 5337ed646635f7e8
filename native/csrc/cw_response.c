#include "cw_response.h"

#include "cw_path.h"

static bool via_is_ours(const struct cw_world *w, const struct cw_msg *m)
{
    return cw_world_is_us(w, cw_at(m, m->via.host), m->via.host.len, m->via.port);
}

/* The parameter ";cw=" that we wrote into our Via: behind the branch, unless another element has put it elsewhere. */
static struct cw_span flow_of(const struct cw_msg *m)
{
    struct cw_span value = {0, 0};
    uint32_t at = (uint32_t)m->via.branch.off + m->via.branch.len, room = (uint32_t)m->via.value.off + m->via.value.len - at;
    if (m->via.branch.len && room >= 4 + CW_FLOW_LEN && memcmp(m->buf + at, ";cw=", 4) == 0)
        return cw_span_of(at + 4, at + 4 + CW_FLOW_LEN); /* proven or refused by cw_flow_is() */
    uint32_t from = (uint32_t)m->via.sent_by.off + m->via.sent_by.len, end = (uint32_t)m->via.value.off + m->via.value.len;
    cw_param_find(m->buf, cw_span_of(from, end), "cw", 2, &value);
    return value;
}

static void follow(const struct cw_world *w, struct cw_shared *shared, struct cw_worker *k, const struct cw_in *in)
{
    const struct cw_msg *m = &k->msg;
    uint32_t ms = 0;
    if (m->method != CW_M_INVITE || m->status < 200)
        return;
    uint64_t key = cw_call_key(w->key, m);
    if (m->status < 300) {
        if (cw_calls_answer(shared->calls, key, in->now_ms, &ms) == CW_CALL_ANSWERED) {
            cw_bump(&k->stats.calls_answered, 1);
            cw_hist_add(&k->stats.answer_ms, ms);
        }
    } else if (cw_calls_fail(shared->calls, key, in->now_ms) == CW_CALL_FAILED) {
        cw_bump(&k->stats.calls_failed, 1);
    }
}

unsigned cw_response(const struct cw_world *w, struct cw_shared *shared, struct cw_worker *k, const struct cw_in *in,
                     struct cw_out *out)
{
    const struct cw_msg *m = &k->msg;
    struct cw_txn txn;
    if (m->via.value.len == 0 || !via_is_ours(w, m))
        return CW_R_DROP_NOT_OURS;
    if (m->via2.value.len == 0)
        return CW_R_DROP_NO_VIA;
    if (!cw_via_response_to(w, m, &out->dst))
        return CW_R_DROP_DESTINATION;
    struct cw_span flow = flow_of(m);
    int listener = cw_flow_listener(cw_at(m, flow), flow.len);
    if (listener < 0 || listener >= w->n_listeners || !cw_txn_of_response(w->key, m, &txn) ||
        !cw_branch_is(&txn, cw_at(m, m->via.branch), m->via.branch.len) ||
        !cw_flow_is(w->key, &txn, &out->dst, cw_at(m, flow), flow.len))
        return CW_R_DROP_FORGED;
    if (m->via.alone)
        cw_edit(k, m->via.line.off, m->via.line.len, NULL, 0);
    else
        cw_edit(k, m->via.value.off, (uint32_t)m->via2.value.off - m->via.value.off, NULL, 0);
    out->len = cw_edit_apply(k, m, out->buf);
    if (out->len == 0)
        return CW_R_DROP_BAD_RESPONSE;
    out->listener = (uint16_t)listener;
    if (shared != NULL)
        follow(w, shared, k, in);
    return CW_R_RESPONSE;
}
