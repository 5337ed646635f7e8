#include "cw_lg_call.h"

#include <arpa/inet.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

#define MS UINT64_C(1000000)
enum { TIMER_MS = 10, T1_MS = 500, T2_MS = 4000, NAP_NS = 40000, ID_TEXT = CW_LG_ID + 8 };

static void who(struct cw_lg_who *w, const struct sockaddr_in *a)
{
    char host[INET_ADDRSTRLEN];
    inet_ntop(AF_INET, &a->sin_addr, host, sizeof host);
    w->n = (size_t)snprintf(w->text, sizeof w->text, "%s:%u", host, ntohs(a->sin_port));
}

int cw_lg_run_open(struct cw_lg_run *r, const struct cw_lg_opts *opts)
{
    const char *why;
    memset(r, 0, sizeof *r);
    r->opts = *opts;
    r->rng = opts->seed ^ 0x5bd1e995u;
    r->run_id = (uint32_t)cw_lg_now_ns() ^ (uint32_t)getpid() << 20;
    if (cw_lg_numbers_open(&r->callers, opts->callers, opts->seed, &why) != 0) {
        fprintf(stderr, "cw_loadgen: --callers %s: %s\n", opts->callers, why);
        return -1;
    }
    if (opts->mode == CW_LG_MIXED) {
        char spec[4096];
        snprintf(spec, sizeof spec, "shuffle:%s", opts->flagged_file);
        if (cw_lg_numbers_open(&r->flagged, spec, opts->seed, &why) != 0) {
            fprintf(stderr, "cw_loadgen: --flagged-file %s: %s\n", opts->flagged_file, why);
            return -1;
        }
        cw_lg_numbers_sort(&r->flagged);
    }
    r->caller = malloc(sizeof *r->caller);
    r->callee = malloc(sizeof *r->callee);
    r->slots = calloc(opts->window, sizeof *r->slots);
    r->free_slots = calloc(opts->window, sizeof *r->free_slots);
    if (!r->caller || !r->callee || !r->slots || !r->free_slots ||
        cw_lg_sock_open(r->caller, &opts->caller, &opts->target, opts->segment) != 0 ||
        cw_lg_sock_open(r->callee, &opts->callee, &opts->target, opts->segment) != 0) {
        perror("cw_loadgen: cannot open the sockets");
        return -1;
    }
    for (unsigned i = 0; i < opts->window; i++)
        r->free_slots[r->n_free++] = opts->window - 1 - i;
    who(&r->env.gateway, &opts->target);
    who(&r->env.caller, &r->caller->local);
    who(&r->env.callee, &r->callee->local);
    r->env.callee_number.n = (size_t)snprintf(r->env.callee_number.text, sizeof r->env.callee_number.text, "%s",
                                              opts->callee_number);
    r->env.sdp = opts->sdp;
    r->env.pai = opts->pai;
    r->env.trying = opts->trying;
    return 0;
}

void cw_lg_run_close(struct cw_lg_run *r)
{
    cw_lg_sock_close(r->caller);
    cw_lg_sock_close(r->callee);
    cw_lg_numbers_close(&r->callers);
    cw_lg_numbers_close(&r->flagged);
    free(r->caller);
    free(r->callee);
    free(r->slots);
    free(r->free_slots);
}

uint64_t cw_lg_failures(const struct cw_lg_count *c)
{
    return c->timeouts + c->unfinished + c->bye_refused + c->invalid + c->flagged_passed + c->good_intercepted +
           c->wrong_code;
}

void cw_lg_run_invalid(struct cw_lg_run *r, const char *why, const char *buf, size_t len)
{
    if (r->count.invalid++ == 0) {
        r->invalid_why = why;
        memcpy(r->invalid_text, buf, len < CW_LG_RX ? len : CW_LG_RX);
    }
}

struct cw_lg_slot *cw_lg_run_slot(struct cw_lg_run *r, const struct cw_lg_msg *m, const char *buf, size_t len)
{
    uint32_t slot, generation;
    if (m->call_id.n != ID_TEXT || !cw_lg_span_ends(m->call_id, "@loadgen", 8) ||
        cw_lg_id_parse(m->call_id.p, m->call_id.n, r->run_id, &slot, &generation) != 0 || slot >= r->opts.window) {
        cw_lg_run_invalid(r, "Call-ID is not one of ours", buf, len);
        return NULL;
    }
    if (r->slots[slot].generation != generation || r->slots[slot].state == CW_LG_FREE) {
        r->count.stale++;
        return NULL;
    }
    return &r->slots[slot];
}

static bool is_tag(struct cw_lg_span header, char kind, const char *id)
{
    struct cw_lg_span tag = cw_lg_tag(header);
    return tag.n == CW_LG_ID + 1 && tag.p[0] == kind && memcmp(tag.p + 1, id, CW_LG_ID) == 0;
}

const char *cw_lg_answer_check(const struct cw_lg_run *r, const struct cw_lg_slot *s, const struct cw_lg_msg *m,
                               char *kind)
{
    static const char protocol[] = "SIP/2.0/UDP ", branch[] = ";branch=z9hG4bK";
    const size_t n_protocol = sizeof protocol - 1, n_branch = sizeof branch - 1, n_caller = r->env.caller.n;
    const size_t length = n_protocol + n_caller + n_branch + CW_LG_ID + 1;
    const char *via = m->via[0].p;
    if (cw_lg_span_is(m->cseq, "1 INVITE"))
        *kind = 'i';
    else if (cw_lg_span_is(m->cseq, "2 BYE"))
        *kind = 'b';
    else
        return "CSeq is not one that was sent";
    /* RFC 3261 18.1.2, 16.7 step 3: what reaches the caller carries the caller's own Via and no other */
    if (m->n_via != 1 || memchr(via, ',', m->via[0].n) != NULL)
        return "more than one Via";
    if (m->via[0].n < length || memcmp(via, protocol, n_protocol) != 0 ||
        memcmp(via + n_protocol, r->env.caller.text, n_caller) != 0 ||
        memcmp(via + n_protocol + n_caller, branch, n_branch) != 0 ||
        memcmp(via + length - CW_LG_ID - 1, s->call.id, CW_LG_ID) != 0 || via[length - 1] != *kind ||
        (m->via[0].n > length && via[length] != ';'))
        return "Via is not the one that was sent";
    if (!is_tag(m->from, 'f', s->call.id))
        return "From tag is not the one that was sent";
    if (m->status >= 200 && cw_lg_tag(m->to).n == 0)
        return "final without a To tag";
    if (m->status >= 200 && m->status < 300) {
        if (!is_tag(m->to, 't', s->call.id))
            return "To tag is not the callee's";
        if (*kind == 'i') {
            struct cw_lg_span uri = cw_lg_uri(m->contact);
            if (uri.n != 11 + r->env.callee.n || memcmp(uri.p, "sip:callee@", 11) != 0 ||
                memcmp(uri.p + 11, r->env.callee.text, r->env.callee.n) != 0)
                return "Contact is not the callee's";
        }
    }
    return NULL;
}

static void pick_number(struct cw_lg_run *r, struct cw_lg_slot *s)
{
    s->flagged = r->opts.mode == CW_LG_INTERCEPT;
    if (r->opts.mode != CW_LG_MIXED) {
        s->call.number = cw_lg_numbers_next(&r->callers);
        return;
    }
    s->flagged = (double)(cw_lg_random(&r->rng) >> 11) * 0x1p-53 < r->opts.flagged_share;
    if (s->flagged) {
        s->call.number = cw_lg_numbers_next(&r->flagged);
        return;
    }
    /* good callers only: a few draws are enough unless nearly all are flagged, and then the verdict says so */
    for (int i = 0; i < 64; i++) {
        s->call.number = cw_lg_numbers_next(&r->callers);
        if (!cw_lg_numbers_has(&r->flagged, s->call.number))
            return;
    }
    s->flagged = true;
}

static void arm(struct cw_lg_slot *s, uint64_t now)
{
    uint64_t wait = s->tries < 4 ? (uint64_t)T1_MS << s->tries : T2_MS;
    s->next_ns = now + (wait < T2_MS ? wait : T2_MS) * MS;
}

static void send_invite(struct cw_lg_run *r, struct cw_lg_slot *s)
{
    char *out = cw_lg_sock_slot(r->caller);
    cw_lg_sock_commit(r->caller, cw_lg_build_invite(out, &r->env, &s->call));
}

static void start(struct cw_lg_run *r, uint32_t index, uint64_t now)
{
    struct cw_lg_slot *s = &r->slots[index];
    s->generation++;
    s->state = CW_LG_INVITED;
    s->acked = false;
    s->tries = 0;
    s->start_ns = now;
    pick_number(r, s);
    cw_lg_id_make(s->call.id, r->run_id, index, s->generation);
    arm(s, now);
    r->count.started++;
    send_invite(r, s);
}

/* A free slot: used again at once, unless the rate or the end of the run forbids it */
static void release(struct cw_lg_run *r, struct cw_lg_slot *s, uint64_t now)
{
    uint32_t index = (uint32_t)(s - r->slots);
    s->state = CW_LG_FREE;
    if (!r->stopping && r->opts.rate <= 0)
        start(r, index, now);
    else
        r->free_slots[r->n_free++] = index;
}

static void wrong(struct cw_lg_run *r, const struct cw_lg_slot *s, uint64_t *counter)
{
    (*counter)++;
    if (r->n_wrong < CW_LG_EXAMPLES)
        r->wrong_numbers[r->n_wrong++] = s->call.number;
}

static void finish(struct cw_lg_run *r, struct cw_lg_slot *s, int status, uint64_t now)
{
    struct cw_lg_count *c = &r->count;
    bool passed = status < 300;
    c->finished++;
    if (passed)
        c->passed++;
    else
        c->intercepted++;
    if (passed && !s->acked)
        c->acks_missing++;
    if (s->flagged && passed)
        wrong(r, s, &c->flagged_passed);
    else if (!s->flagged && !passed)
        wrong(r, s, &c->good_intercepted);
    else if (!passed && r->opts.expect != 0 && status != r->opts.expect)
        wrong(r, s, &c->wrong_code);
    else if (now >= r->from_ns && now < r->until_ns)
        c->counted++;
    if (passed)
        cw_lg_hist_add(&r->whole, now - s->start_ns);
    release(r, s, now);
}

static void on_answer(struct cw_lg_run *r, const char *buf, size_t len, uint64_t now)
{
    struct cw_lg_msg m;
    char kind;
    if (cw_lg_scan(buf, len, &m) != 0 || m.status == 0) {
        cw_lg_run_invalid(r, "not a SIP answer", buf, len);
        return;
    }
    struct cw_lg_slot *s = cw_lg_run_slot(r, &m, buf, len);
    if (s == NULL)
        return;
    const char *why = cw_lg_answer_check(r, s, &m, &kind);
    if (why != NULL) {
        cw_lg_run_invalid(r, why, buf, len);
        return;
    }
    if (m.status < 200) {
        r->count.provisionals++;
        return;
    }
    if (kind == 'b') {
        if (m.status >= 300) {
            r->count.bye_refused++;
            release(r, s, now);
        } else if (s->state == CW_LG_BYED) {
            finish(r, s, 200, now);
        }
        return;
    }
    if (s->state != CW_LG_INVITED) {
        r->count.stale++;
        return;
    }
    r->count.finals[m.status]++;
    if (now >= r->from_ns && now < r->until_ns)
        cw_lg_hist_add(&r->answer, now - s->start_ns);
    char *out = cw_lg_sock_slot(r->caller);
    if (m.status >= 300) {
        cw_lg_sock_commit(r->caller, cw_lg_build_reject_ack(out, &r->env, &s->call, m.to));
        finish(r, s, m.status, now);
        return;
    }
    cw_lg_sock_commit(r->caller, cw_lg_build_in_dialog(out, &r->env, &s->call, &m, false));
    s->bye_len = cw_lg_build_in_dialog(s->bye, &r->env, &s->call, &m, true);
    out = cw_lg_sock_slot(r->caller);
    memcpy(out, s->bye, s->bye_len);
    cw_lg_sock_commit(r->caller, s->bye_len);
    s->state = CW_LG_BYED;
    s->tries = 0;
    arm(s, now);
}

static void timers(struct cw_lg_run *r, uint64_t now)
{
    for (unsigned i = 0; i < r->opts.window; i++) {
        struct cw_lg_slot *s = &r->slots[i];
        if (s->state == CW_LG_FREE || now < s->next_ns)
            continue;
        if ((double)(now - s->start_ns) > r->opts.timeout_s * 1e9) {
            r->count.timeouts++;
            release(r, s, now);
            continue;
        }
        s->tries++;
        arm(s, now);
        r->count.retransmissions++;
        if (s->state == CW_LG_INVITED) {
            send_invite(r, s);
        } else {
            char *out = cw_lg_sock_slot(r->caller);
            memcpy(out, s->bye, s->bye_len);
            cw_lg_sock_commit(r->caller, s->bye_len);
        }
    }
}

static void start_more(struct cw_lg_run *r, uint64_t now)
{
    uint64_t due = UINT64_MAX;
    if (r->opts.rate > 0)
        due = (uint64_t)((double)(now - r->begin_ns) * 1e-9 * r->opts.rate) + 1;
    while (r->n_free > 0 && r->count.started < due)
        start(r, r->free_slots[--r->n_free], now);
}

static void idle(struct cw_lg_run *r)
{
    if (r->opts.idle == CW_LG_SPIN)
        return;
    if (r->opts.idle == CW_LG_NAP && r->opts.rate <= 0) {
        struct timespec nap = { .tv_nsec = NAP_NS };
        (void)clock_nanosleep(CLOCK_MONOTONIC, 0, &nap, NULL);
        return;
    }
    struct pollfd p[2] = { { .fd = r->caller->fd, .events = POLLIN }, { .fd = r->callee->fd, .events = POLLIN } };
    (void)poll(p, 2, r->opts.rate > 0 ? 1 : TIMER_MS);
}

void cw_lg_run_calls(struct cw_lg_run *r, volatile const int *stop)
{
    uint64_t now = cw_lg_now_ns();
    uint64_t next_timer = now;
    uint64_t drain_ns;
    (void)prctl(PR_SET_TIMERSLACK, 1UL, 0UL, 0UL, 0UL); /* a nap is as short as asked for */
    r->begin_ns = now;
    r->from_ns = now + (uint64_t)(r->opts.warmup_s * 1e9);
    r->until_ns = r->from_ns + (uint64_t)(r->opts.seconds * 1e9);
    drain_ns = r->until_ns + (uint64_t)(r->opts.drain_s * 1e9);
    do {
        unsigned got = cw_lg_sock_recv(r->callee);
        for (unsigned i = 0; i < got; i++)
            cw_lg_callee_handle(r, r->callee->rx_buf[i], r->callee->rx[i].msg_len);
        cw_lg_sock_flush(r->callee);
        unsigned answers = cw_lg_sock_recv(r->caller);
        now = cw_lg_now_ns();
        for (unsigned i = 0; i < answers; i++)
            on_answer(r, r->caller->rx_buf[i], r->caller->rx[i].msg_len, now);
        if (!r->stopping && (now >= r->until_ns || *stop)) {
            r->stopping = true;
            if (*stop && now < r->until_ns) {
                r->until_ns = now;
                drain_ns = now + (uint64_t)(r->opts.drain_s * 1e9);
            }
        }
        if (!r->stopping)
            start_more(r, now);
        if (now >= next_timer) {
            timers(r, now);
            next_timer = now + TIMER_MS * MS;
        }
        cw_lg_sock_flush(r->caller);
        if (got + answers == 0)
            idle(r);
    } while (!r->stopping || (r->n_free < r->opts.window && now < drain_ns));
    r->end_ns = now;
    r->count.unfinished = r->opts.window - r->n_free;
}
