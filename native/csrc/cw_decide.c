#include "cw_decide.h"

#include "cw_siphash.h"

static bool about_caller(uint8_t kind) { return kind == CW_LK_DENY || kind == CW_LK_WATCH; }

/* Every list once for the caller, and for the callee those that a rule asks about: bits; texts of the caller's entries are kept for a card. The presented number
 * counts for deny and watch lists only: who claims an allowed or carded number must own it (STANDARDS 2.3, 10 row 20). */
static void look_up(const struct cw_world *w, const struct cw_parties *p, uint32_t now_s, struct cw_facts *f,
                    uint32_t texts[CW_LISTS_MAX])
{
    cw_num presented = p->presented.num == p->caller.num ? 0 : p->presented.num;
    uint64_t live = 0, of_callee = p->callee.num ? w->policy.callee_lists : 0;
    for (unsigned i = 0; i < w->n_lists; i++) {
        if (cw_list_is_empty(w->lists[i]))
            continue;
        live |= UINT64_C(1) << i;
        cw_list_prefetch(w->lists[i], p->caller.num);
        if (of_callee >> i & 1)
            cw_list_prefetch(w->lists[i], p->callee.num);
    }
    for (; live; live &= live - 1) {
        unsigned i = (unsigned)__builtin_ctzll(live);
        struct cw_hit hit;
        if (p->caller.num && cw_list_find(w->lists[i], p->caller.num, now_s, &hit)) {
            cw_fact_set(f, CW_F_CALLER_IN(i));
            texts[i] = hit.attr.text;
        } else if (presented && about_caller(w->list_kinds[i]) && cw_list_find(w->lists[i], presented, now_s, &hit)) {
            cw_fact_set(f, CW_F_CALLER_IN(i));
            texts[i] = hit.attr.text;
        }
        if (of_callee >> i & 1 && cw_list_find(w->lists[i], p->callee.num, now_s, NULL))
            cw_fact_set(f, CW_F_CALLEE_IN(i));
    }
}

static void message_facts(const struct cw_msg *m, const struct cw_trunk *trunk, const struct cw_parties *p,
                          struct cw_facts *f)
{
    static const uint16_t by_class[] = {CW_F_TRUNK_DOMESTIC, CW_F_TRUNK_INTERNATIONAL, CW_F_TRUNK_IMS,
                                        CW_F_TRUNK_ENTERPRISE};
    static const struct { uint32_t flag; uint16_t fact; } by_flag[] = {
        {CW_P_UNVERIFIED, CW_F_CALLER_UNVERIFIED},   {CW_P_MISMATCH, CW_F_CALLER_MISMATCH},
        {CW_P_EQUALS_CALLEE, CW_F_CALLER_IS_CALLEE}, {CW_P_NEIGHBOUR, CW_F_CALLER_NEIGHBOUR},
        {CW_P_PAI_CONFLICT, CW_F_CALLER_CONFLICT},   {CW_P_PRIVACY, CW_F_CALLER_PRIVATE},
        {CW_P_DIVERTED, CW_F_CALL_DIVERTED},
    };
    f->w[0] = p->caller.classes | (uint64_t)p->callee.classes << 32;
    cw_fact_set(f, by_class[trunk->cls & 3]);
    if (trunk->trusted)
        cw_fact_set(f, CW_F_TRUNK_TRUSTED);
    for (size_t i = 0; i < sizeof by_flag / sizeof by_flag[0]; i++)
        if (p->flags & by_flag[i].flag)
            cw_fact_set(f, by_flag[i].fact);
    cw_fact_set(f, m->method == CW_M_INVITE ? CW_F_CALL_INVITE : CW_F_CALL_MESSAGE);
    if (cw_first(m, CW_H_IDENTITY) != NULL)
        cw_fact_set(f, CW_F_CALL_SIGNED);
}

uint32_t cw_decide_call(const struct cw_world *w, const struct cw_decision *d)
{
    const uint64_t made_of[] = {d->parties.caller.num, d->parties.presented.num, d->parties.callee.num,
                                d->facts.w[0], d->facts.w[1], d->verdict.reason == CW_R_EMERGENCY};
    uint64_t h[2];
    cw_siphash(w->key, made_of, sizeof made_of, h);
    return (uint32_t)h[0];
}

void cw_decide(const struct cw_world *w, const struct cw_shared *shared, struct cw_worker *k, const struct cw_in *in,
               const struct cw_trunk *trunk, uint64_t memo_key, struct cw_decision *d)
{
    uint32_t texts[CW_LISTS_MAX];
    struct cw_verdict *v = &d->verdict;
    memset(&d->facts, 0, sizeof d->facts);
    memset(v, 0, sizeof *v);
    v->rule = CW_NO_RULE;
    v->reason = CW_R_PASS;
    v->hop = CW_NO_HOP;
    d->shadow = CW_NO_RULE;
    d->repeated = false;
    d->screened = true;
    cw_identify(&k->msg, &trunk->plan, trunk->trusted, &d->parties);
    message_facts(&k->msg, trunk, &d->parties, &d->facts);
    if (cw_is_emergency(&k->msg, &d->parties, &w->emergency)) {
        v->reason = CW_R_EMERGENCY;
        d->screened = false;
        return;
    }
    struct cw_verdict before;
    if (shared != NULL && cw_memo_get(shared->memo, memo_key, in->now_ms, &before) &&
        before.call == cw_decide_call(w, d)) {
        *v = before;
        d->repeated = true;
        return;
    }
    look_up(w, &d->parties, (uint32_t)(in->rx_ns / 1000000000u), &d->facts, texts);
    unsigned rule = cw_policy_decide(&w->policy, &d->facts, &d->shadow);
    if (rule == CW_NO_RULE)
        return;
    const struct cw_rule *r = &w->policy.rules[rule];
    v->rule = (uint16_t)rule;
    v->reason = r->action == CW_A_DROP ? CW_R_DROP_RULE : CW_R_RULE;
    v->action = r->action;
    v->code = r->action == CW_A_INTERCEPT ? r->code : 0;
    v->head = r->head;
    v->hop = r->action == CW_A_DIVERT ? r->hop : CW_NO_HOP;
    if (r->action == CW_A_LABEL)
        v->text = r->text != CW_TEXT_OF_ENTRY                                     ? r->text
                  : d->facts.w[2] & (UINT64_C(1) << r->text_list) ? texts[r->text_list]
                                                                                  : 0;
}
