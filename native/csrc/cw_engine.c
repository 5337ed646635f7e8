/* The way of one datagram. Reads from top to bottom: receive (cw_plane.c) -> scan -> check -> classify -> identify -> facts ->
 * decide (cw_decide.c) -> edit -> send -> record. RFC 3261 16.3 to 16.7 and 16.11; STANDARDS 1 and 10. */
#include "cw_engine.h"

#include <time.h>

#include "cw_decide.h"
#include "cw_ip.h"
#include "cw_label.h"
#include "cw_reply.h"
#include "cw_response.h"

static uint64_t clock_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* A configured peer without a trunk of its own: not trusted, and with no next hop. */
static const struct cw_trunk STRANGER = {
    .plan = {.country_code = 86}, .hop = CW_NO_HOP, .record_route = true, .label = CW_LABEL_PAI | CW_LABEL_CALL_INFO};

struct way { /* what one request has gathered so far */
    const struct cw_world *w;
    struct cw_shared *shared;    /* NULL: only deciding (explain, replay) */
    struct cw_worker *k;
    const struct cw_in *in;
    struct cw_out *out;
    const struct cw_trunk *trunk; /* never NULL: a sender that belongs to none is a stranger */
    unsigned trunk_index;         /* CW_NO_TRUNK then */
    struct cw_route route;
    struct cw_txn txn;
    uint64_t memo_key, call_key;
    uint64_t started_ns;
};

static unsigned answer(struct way *y, unsigned reason)
{
    bool ack = y->k->msg.method == CW_M_ACK;
    if (ack || !cw_reply_fault(y->w, y->k, y->in, reason, y->out))
        return ack ? CW_R_DROP_BAD_ACK : CW_R_DROP_UNANSWERABLE;
    return reason;
}

/* ---- not SIP at all ---- */

static unsigned not_a_message(const struct cw_in *in)
{
    if (in->len >= 20 && in->buf[0] <= 1 && in->buf[4] == 0x21 && in->buf[5] == 0x12)
        return CW_R_STUN; /* RFC 5626 3.5.2, RFC 5389 6: magic cookie 0x2112A442 */
    if (in->len > 8)
        return CW_R_COUNT;
    for (uint32_t i = 0; i < in->len; i++)
        if (in->buf[i] != '\r' && in->buf[i] != '\n' && in->buf[i] != 0)
            return CW_R_COUNT;
    return CW_R_KEEPALIVE;
}

/* ---- send: which address ---- */

static bool is_up(const struct way *y, const struct cw_hop *hop, unsigned target)
{
    return atomic_load_explicit(&y->shared->down[hop->health[target] % CW_HEALTH_MAX], memory_order_relaxed) == 0;
}

/* A target of a hop: the same for INVITE, CANCEL and ACK of a call (a hash of its Call-ID), skipping targets that are down.
 * When all are down the first choice is tried all the same: the prober may be wrong, and a lost call is worse. */
static unsigned choose(const struct way *y, const struct cw_hop *hop)
{
    unsigned first = (unsigned)(y->call_key % hop->n_targets);
    for (unsigned i = 0; i < hop->n_targets; i++) {
        unsigned at = (first + i) % hop->n_targets;
        if (is_up(y, hop, at))
            return at;
    }
    return first;
}

/* Never 0. */
static uint8_t mark_of(const struct cw_ep *ep)
{
    uint64_t half[2];
    memcpy(half, ep->ip, sizeof half);
    uint64_t x = (half[0] * UINT64_C(0x9e3779b97f4a7c15) + half[1] + ep->port) * UINT64_C(0xbf58476d1ce4e5b9);
    return (uint8_t)(x >> 56) ? (uint8_t)(x >> 56) : 1;
}

/* The choice that the memo kept still names the address that it named then. */
static bool stands(const struct way *y, const struct cw_verdict *v)
{
    return v->keep_target && v->hop < y->w->n_hops && v->target < y->w->hops[v->hop].n_targets &&
           mark_of(&y->w->hops[v->hop].targets[v->target]) == v->keep_target;
}

static bool to_hop(struct way *y, struct cw_verdict *v, unsigned hop_index)
{
    if (hop_index >= y->w->n_hops || y->w->hops[hop_index].n_targets == 0)
        return false;
    const struct cw_hop *hop = &y->w->hops[hop_index];
    if (v->hop != hop_index || !stands(y, v)) {
        v->target = (uint16_t)choose(y, hop);
        v->hop = (uint16_t)hop_index;
    }
    y->out->dst = hop->targets[v->target];
    v->keep_target = mark_of(&y->out->dst);
    return true;
}

/* May a request go to this address because its Route or Request-URI says so? Inside a dialog that we record-routed: yes.
 * Else only to configured peers, or we would be an open relay. */
static bool may_go_to(const struct way *y, const struct cw_ep *ep)
{
    return y->route.proven || cw_world_is_peer(y->w, ep) || cw_world_trunk(y->w, ep->ip) != CW_NO_TRUNK;
}

/* RFC 3261 16.6 step 7 as a static edge needs it: the next Route value; in a dialog the Request-URI, unless it names us;
 * else the trunk's next hop. v carries the memo's choice (hop, target), and takes ours. 0 or the reason of a refusal. */
static unsigned route(struct way *y, struct cw_verdict *v, bool in_dialog)
{
    const struct cw_msg *m = &y->k->msg;
    struct cw_ep ep;
    y->out->listener = y->in->listener;
    y->call_key = cw_call_key(y->w->key, m);
    cw_calls_prefetch(y->shared->calls, y->call_key);
    if (v->action == CW_A_DIVERT)
        return to_hop(y, v, v->hop) ? 0 : CW_R_NO_ROUTE;
    if (y->route.next.all.len && cw_uri_ep(m, &y->route.next, &ep)) {
        if (!may_go_to(y, &ep))
            return CW_R_FORBIDDEN_ROUTE;
        y->out->dst = ep;
        return 0;
    }
    if (in_dialog && v->keep_target == 0 /* the ACK of a rejection goes where its INVITE went, 16.11 */ &&
        y->route.next.all.len == 0 && !cw_uri_is_us(y->w, m, &y->route.uri) && cw_uri_ep(m, &y->route.uri, &ep) &&
        may_go_to(y, &ep)) {
        y->out->dst = ep;
        return 0;
    }
    return to_hop(y, v, stands(y, v) ? v->hop : y->trunk->hop) ? 0 : CW_R_NO_ROUTE;
}

/* ---- edit ---- */

static void edit_max_forwards(struct cw_worker *k)
{
    const struct cw_msg *m = &k->msg;
    if (m->max_forwards < 0) { /* RFC 3261 16.6 step 3 */
        cw_edit(k, m->headers_off, 0, "Max-Forwards: 70\r\n", 18);
        return;
    }
    uint8_t *p = cw_edit_scratch(k, 10);
    if (p != NULL)
        cw_edit(k, m->max_forwards_digits.off, m->max_forwards_digits.len, p,
                cw_decimal_write((uint32_t)m->max_forwards - 1, p));
}

/* RFC 5393 5.3: every proxied request carries one; meaningless in CANCEL, and left out of ACK. */
static void edit_max_breadth(struct cw_worker *k)
{
    const struct cw_msg *m = &k->msg;
    if (m->method != CW_M_CANCEL && m->method != CW_M_ACK && cw_first(m, CW_H_MAX_BREADTH) == NULL)
        cw_edit(k, m->headers_end, 0, "Max-Breadth: 60\r\n", 17);
}

static bool wants_record_route(const struct way *y, bool in_dialog)
{
    uint8_t method = y->k->msg.method;
    return !in_dialog && y->trunk->record_route &&
           (method == CW_M_INVITE || method == CW_M_SUBSCRIBE || method == CW_M_REFER);
}

static bool strict_next(const struct cw_route *r) { return r->next.all.len && !r->next.lr; }

/* In a dialog the other side speaks, too: a configured next hop is believed. */
static bool comes_untrusted(const struct way *y)
{
    return y->trunk_index != CW_NO_TRUNK ? !y->trunk->trusted : !cw_world_is_peer(y->w, &y->in->src);
}

/* All edits of a request that goes on, in one list, applied once. 0 or the reason of a refusal. */
static unsigned edit_and_send(struct way *y, bool in_dialog, const struct cw_decision *d)
{
    struct cw_worker *k = y->k;
    struct cw_msg *m = &k->msg;
    struct cw_splice marks[2];
    unsigned n = cw_via_mark(m, &m->via, &y->in->src, marks);
    for (unsigned i = 0; i < n; i++) {
        uint8_t *p = cw_edit_scratch(k, marks[i].len);
        if (p != NULL) {
            memcpy(p, marks[i].text, marks[i].len);
            cw_edit(k, marks[i].off, marks[i].del, p, marks[i].len);
        }
    }
    edit_max_forwards(k);
    edit_max_breadth(k);
    cw_via_push(y->w, k, y->in, &y->txn, y->out->listener);
    if (wants_record_route(y, in_dialog))
        cw_record_route_push(y->w, k, y->out->listener, y->call_key);
    if (strict_next(&y->route))
        cw_route_strict_next(k, &y->route);
    if (d == NULL && comes_untrusted(y)) { /* RFC 3325 5: whatever the request; an UPDATE changes what the callee sees, too */
        cw_label_distrust(y->w, k, false);
    } else if (d != NULL && d->verdict.reason != CW_R_EMERGENCY) { /* emergency calls pass untouched (STANDARDS 8.4) */
        const struct cw_text *text = cw_texts_get(y->w->texts, d->verdict.text);
        if (!y->trunk->trusted)
            cw_label_distrust(y->w, k, text != NULL && cw_label_uses_from(k, y->trunk));
        if (text != NULL)
            cw_label_apply(y->w, k, y->trunk, text);
    }
    y->out->len = cw_edit_apply(k, m, y->out->buf);
    return y->out->len ? 0 : CW_R_TOO_LARGE;
}

/* ---- record ---- */

static void copy_cut(uint8_t *to, uint8_t room, uint8_t *len, const struct cw_msg *m, struct cw_span s)
{
    *len = s.len > UINT8_MAX ? UINT8_MAX : (uint8_t)s.len;
    memset(to, 0, room);
    memcpy(to, cw_at(m, s), s.len < room ? s.len : room);
}

static void fill_record(const struct way *y, const struct cw_decision *d, uint64_t took_ns, struct cw_record *r)
{
    const struct cw_msg *m = &y->k->msg;
    const struct cw_verdict *v = &d->verdict;
    r->time_ns = y->in->rx_ns;
    r->rules_seq = y->w->rules_seq;
    r->caller = d->parties.caller.num;
    r->presented = d->parties.presented.num;
    r->callee = d->parties.callee.num;
    r->facts = d->facts;
    r->latency_ns = took_ns > UINT32_MAX ? UINT32_MAX : (uint32_t)took_ns;
    r->text = v->text;
    r->reason = v->reason;
    r->rule = v->rule;
    r->shadow = (uint16_t)d->shadow;
    r->trunk = (uint16_t)y->trunk_index;
    r->hop = v->hop;
    r->target = v->target;
    r->code = v->code;
    r->action = v->action;
    r->method = m->method;
    memcpy(r->source_ip, y->in->src.ip, 16);
    r->source_port = y->in->src.port;
    memset(r->zero, 0, sizeof r->zero);
    copy_cut(r->call_id, CW_REC_CALL_ID, &r->call_id_len, m, m->call_id);
    copy_cut(r->caller_raw, CW_REC_RAW, &r->caller_len, m, d->parties.caller.raw);
    copy_cut(r->callee_raw, CW_REC_RAW, &r->callee_len, m, d->parties.callee.raw);
}

static void record(const struct way *y, const struct cw_decision *d, uint64_t took_ns)
{
    struct cw_stats *s = &y->k->stats;
    const struct cw_verdict *v = &d->verdict;
    struct cw_record *place = y->k->ring ? cw_ring_claim(y->k->ring) : NULL;
    fill_record(y, d, took_ns, place ? place : &y->k->decision);
    if (place != NULL)
        cw_ring_publish(y->k->ring);
    if (y->shared == NULL)
        return;
    cw_hist_add(&s->decision, took_ns);
    cw_bump(&s->actions[v->action], 1);
    if (v->rule != CW_NO_RULE)
        cw_bump(&s->rules[v->rule], 1);
    if (d->shadow != CW_NO_RULE)
        cw_bump(&s->shadows[d->shadow], 1);
}

/* ---- requests ---- */

/* Follow the call for the statistics; initial INVITEs and BYEs that went on. */
static void follow(const struct way *y, bool initial)
{
    struct cw_stats *s = &y->k->stats;
    const struct cw_msg *m = &y->k->msg;
    uint32_t ms = 0;
    if (initial && m->method == CW_M_INVITE) {
        bool untracked = false;
        if (cw_calls_invite(y->shared->calls, y->call_key, y->in->now_ms, (uint16_t)y->trunk_index, &untracked))
            cw_bump(&s->calls_new, 1);
        if (untracked)
            cw_bump(&s->calls_untracked, 1);
    } else if (m->method == CW_M_BYE) {
        if (cw_calls_bye(y->shared->calls, y->call_key, y->in->now_ms, &ms) == CW_CALL_ENDED) {
            cw_bump(&s->calls_ended, 1);
            cw_hist_add(&s->duration_ms, ms);
        }
    }
}

/* A new INVITE or MESSAGE: decided, then intercepted, dropped, or passed on. */
static unsigned screen(struct way *y)
{
    struct cw_decision d;
    struct cw_verdict *v = &d.verdict;
    unsigned refused = 0;
    cw_decide(y->w, y->shared, y->k, y->in, y->trunk, y->memo_key, &d);
    uint64_t took_ns = clock_ns() - y->started_ns;
    if (y->shared == NULL) { /* only asked what would be */
        record(y, &d, took_ns);
        return v->reason;
    }
    bool goes_on = v->action != CW_A_INTERCEPT && v->action != CW_A_DROP;
    if (goes_on)
        refused = route(y, v, false); /* the memo's target holds; else a fresh choice */
    bool repeated = d.repeated;
    if (!repeated && !refused) {
        v->call = cw_decide_call(y->w, &d);
        struct cw_verdict mine = *v;
        cw_memo_put(y->shared->memo, y->memo_key, y->in->now_ms, v);
        if (v->call != mine.call)
            *v = mine; /* another call under the same key was first: the memo stays its own */
        else if (memcmp(&mine, v, sizeof mine) != 0 && v->reason != CW_R_EMERGENCY) { /* its twin on another thread was first */
            goes_on = v->action != CW_A_INTERCEPT && v->action != CW_A_DROP;
            repeated = true;
            if (goes_on)
                refused = route(y, v, false);
        }
    }
    if (!repeated)
        record(y, &d, took_ns);
    if (refused)
        return answer(y, refused);
    if (v->action == CW_A_DROP)
        return v->reason;
    if (v->action == CW_A_INTERCEPT) {
        const struct cw_text *head = cw_texts_get(y->w->texts, v->head);
        cw_edit_reset(y->k);
        if (head == NULL || !cw_reply(y->w, y->k, y->in, &y->txn, head->a, head->a_len, head->b, head->b_len, y->out))
            return CW_R_DROP_UNANSWERABLE;
        return repeated ? CW_R_MEMO : v->reason;
    }
    refused = edit_and_send(y, false, &d);
    if (refused)
        return answer(y, refused);
    follow(y, true);
    return repeated ? CW_R_MEMO : v->reason;
}

/* Everything else: goes where its INVITE went, or along its Route set; never screened. */
static unsigned pass_on(struct way *y, bool in_dialog)
{
    struct cw_msg *m = &y->k->msg;
    struct cw_verdict v = {.hop = CW_NO_HOP, .rule = CW_NO_RULE};
    bool follows = m->method == CW_M_CANCEL || m->method == CW_M_ACK;
    if (y->shared == NULL)
        return in_dialog ? CW_R_IN_DIALOG : CW_R_NOT_SCREENED;
    if (follows && cw_memo_get(y->shared->memo, y->memo_key, y->in->now_ms, &v)) {
        if (m->method == CW_M_CANCEL && v.action == CW_A_INTERCEPT) /* STANDARDS 1.8: the INVITE ended here */
            return answer(y, CW_R_CANCEL_ANSWERED);
        if (v.action == CW_A_DROP)
            return CW_R_DROP_RULE;
    }
    unsigned refused = route(y, &v, in_dialog);
    if (refused)
        return answer(y, refused);
    refused = edit_and_send(y, in_dialog, NULL);
    if (refused)
        return answer(y, refused);
    follow(y, false);
    return in_dialog ? CW_R_IN_DIALOG : CW_R_NOT_SCREENED;
}

/* check (RFC 3261 16.3 steps 3 and 5; scan and syntax lie behind), then classify. */
static unsigned request(struct way *y)
{
    struct cw_msg *m = &y->k->msg;
    bool cancel_or_ack = m->method == CW_M_CANCEL || m->method == CW_M_ACK;
    bool in_dialog = m->to.tag.len != 0, bad_route = cw_route_read(y->w, y->k, &y->route) < 0;
    y->route.proven &= in_dialog && !bad_route; /* the token is for the rest of its dialog, not for a new one */
    if (y->trunk_index == CW_NO_TRUNK && !y->route.proven && !cw_world_is_peer(y->w, &y->in->src))
        return CW_R_DROP_SOURCE;
    if (bad_route)
        return answer(y, CW_R_BAD_ROUTE);
    if (m->method == CW_M_OPTIONS && !in_dialog && m->uri.user.len == 0 && y->route.next.all.len == 0 && cw_uri_is_us(y->w, m, &m->uri)) {
        bool draining = y->shared && atomic_load_explicit(&y->shared->draining, memory_order_relaxed);
        return answer(y, draining ? CW_R_DRAINING : CW_R_OPTIONS_ANSWERED);
    }
    if (m->max_forwards == 0)
        return answer(y, CW_R_TOO_MANY_HOPS);
    if (!cancel_or_ack && cw_first(m, CW_H_PROXY_REQUIRE) != NULL)
        return answer(y, CW_R_BAD_EXTENSION);
    cw_txn_of_request(y->w->key, m, &y->txn);
    y->memo_key = y->txn.h[0] ? y->txn.h[0] : 1;
    if (y->shared != NULL)
        cw_memo_prefetch(y->shared->memo, y->memo_key);
    if (m->method == CW_M_ACK && cw_tag_is(y->w->key, &y->txn, cw_at(m, m->to.tag), m->to.tag.len))
        return CW_R_ACK_ABSORBED;
    /* A To tag is the sender's word. Telephones show a MESSAGE whatever tag it has: only our token proves its dialog. */
    if (m->method == CW_M_MESSAGE ? !y->route.proven : m->method == CW_M_INVITE && !in_dialog)
        return screen(y);
    return pass_on(y, in_dialog);
}

static unsigned handle(struct way *y)
{
    struct cw_worker *k = y->k;
    struct cw_msg *m = &k->msg;
    const struct cw_in *in = y->in;
    unsigned special = not_a_message(in);
    if (special != CW_R_COUNT)
        return special;
    if (in->buf[0] == 'I' || in->buf[0] == 'M' || y->shared == NULL)
        y->started_ns = clock_ns();
    cw_edit_reset(k);
    int fault = cw_scan(in->buf, in->len, m);
    if (fault == -CW_R_DROP_SHORT || fault == -CW_R_DROP_NOT_SIP)
        return (unsigned)-fault;
    int check = cw_check(m); /* after a fault of the scan, too: an answer needs what can be read */
    if (fault == 0)
        fault = check;
    if (m->is_response)
        return fault ? CW_R_DROP_BAD_RESPONSE : cw_response(y->w, y->shared, k, in, y->out);
    y->trunk_index = cw_world_trunk(y->w, in->src.ip);
    y->trunk = y->trunk_index == CW_NO_TRUNK ? &STRANGER : &y->w->trunks[y->trunk_index];
    if (fault) {
        if (y->trunk_index == CW_NO_TRUNK && !cw_world_is_peer(y->w, &in->src))
            return CW_R_DROP_SOURCE;
        return answer(y, (unsigned)-fault);
    }
    return request(y);
}

unsigned cw_engine_handle(const struct cw_world *world, struct cw_shared *shared, struct cw_worker *worker,
                          const struct cw_in *in, struct cw_out *out)
{
    struct way y = {.w = world, .shared = shared, .k = worker, .in = in, .out = out};
    out->len = 0;
    unsigned reason = handle(&y);
    if (out->len && !cw_ep_sendable(&out->dst)) {
        out->len = 0;
        reason = CW_R_DROP_DESTINATION;
    }
    cw_bump(&worker->stats.reasons[reason], 1);
    return reason;
}
