/* libFuzzer: a whole datagram through the engine, and what it sends through the engine again.
 *
 * Input: byte 0 flags (trusted trunk, known source, listener, record-route), the rest is the datagram. Promises held:
 *  - the same datagram gives the same bytes again (RFC 3261 16.11: retransmissions are treated alike);
 *  - a forwarded request parses; its Call-ID, CSeq and body are those received; Max-Forwards fell by one;
 *  - the callee's answer to it, Vias copied, is accepted as ours and goes where the request came from;
 *  - an answer of our own goes back to the sender and is never larger than its request by more than a few lines.
 */
#include "cw_engine.h"
#include "cw_path.h"

#include <stdio.h>
#include <stdlib.h>

#define MUST(cond)                                                                                                     \
    do {                                                                                                               \
        if (!(cond)) {                                                                                                 \
            fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #cond);                                                 \
            abort();                                                                                                   \
        }                                                                                                              \
    } while (0)

static const uint8_t V4[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
static struct cw_rcu rcu;
static struct cw_world world;
static struct cw_shared shared;
static struct cw_worker worker;
static uint8_t first[CW_DATAGRAM_MAX], second[CW_DATAGRAM_MAX], answer[CW_DATAGRAM_MAX];

static struct cw_ep ep(uint8_t a, uint8_t b, uint8_t c, uint8_t d, uint16_t port)
{
    struct cw_ep e = {.port = port};
    memcpy(e.ip, V4, 12);
    e.ip[12] = a, e.ip[13] = b, e.ip[14] = c, e.ip[15] = d;
    return e;
}

static void listener(const char *sent_by, uint16_t port)
{
    struct cw_listener *l = &world.listeners[world.n_listeners++];
    l->sent_by_len = (uint8_t)strlen(sent_by);
    memcpy(l->sent_by, sent_by, l->sent_by_len);
    l->host_off = sent_by[0] == '[';
    l->host_len = (uint8_t)(strrchr(sent_by, ':') - sent_by - 2 * l->host_off);
    l->sent_by_port = port;
}

static void build(void)
{
    static const struct cw_attr plain;
    static struct cw_rule rules[3];
    size_t changed;
    cw_num fraud = UINT64_C(8613800000001), suspect = UINT64_C(8613800000002), odd = UINT64_C(8613800000003);
    cw_rcu_init(&rcu);
    world.rcu = &rcu;
    memcpy(world.key, "0123456789abcdef", 16);
    world.texts = cw_texts_new(16, 4096);
    listener("192.0.2.10:5060", 5060);
    listener("[2001:db8::10]:5062", 5062);
    world.trunks = calloc(2, sizeof *world.trunks);
    world.hops = calloc(2, sizeof *world.hops);
    world.sources = calloc(1, sizeof *world.sources);
    MUST(world.texts && world.trunks && world.hops && world.sources);
    world.n_trunks = 1;
    world.trunks[0] = (struct cw_trunk){.plan = {.country_code = 86}, .trusted = true, .label = 7, .record_route = true};
    world.n_hops = 2;
    world.hops[0].n_targets = world.hops[1].n_targets = 1;
    world.hops[0].targets[0] = ep(192, 0, 2, 20, 5060);
    world.hops[1].targets[0] = ep(192, 0, 2, 30, 5060);
    world.n_sources = 1;
    memcpy(world.sources[0].ip, ep(198, 51, 100, 0, 0).ip, 16);
    world.sources[0].bits = 96 + 24;
    world.n_lists = 3;
    for (int i = 0; i < 3; i++)
        MUST((world.lists[i] = cw_list_new(&rcu, 64, 16)) != NULL);
    MUST(cw_list_add(world.lists[0], &fraud, 1, &plain, &changed) == 0);
    MUST(cw_list_add(world.lists[1], &suspect, 1, &plain, &changed) == 0);
    MUST(cw_list_add(world.lists[2], &odd, 1, &plain, &changed) == 0);
    world.n_markers = 1;
    memcpy(world.markers[0].text, "police", 6);
    world.markers[0].len = 6;
    for (unsigned i = 0; i < 3; i++) {
        rules[i].enforce = true;
        rules[i].all.w[2] = UINT64_C(1) << i;
    }
    rules[0].action = CW_A_INTERCEPT;
    rules[0].head = cw_texts_add(world.texts, (const uint8_t *)"SIP/2.0 603 Decline\r\n", 21, NULL, 0);
    rules[1].action = CW_A_LABEL;
    rules[1].text = cw_texts_add(world.texts, (const uint8_t *)"beware", 6, (const uint8_t *)"Call-Info: <data:>\r\n", 20);
    rules[2].action = CW_A_DIVERT;
    rules[2].hop = 1;
    world.policy.rules = rules;
    world.policy.n_rules = 3;
    MUST((shared.memo = cw_memo_new(64)) && (shared.calls = cw_calls_new(64)));
}

static unsigned run(const uint8_t *buf, uint32_t len, struct cw_ep src, uint16_t on, uint8_t *into, struct cw_out *out)
{
    struct cw_in in = {.buf = buf, .len = len, .listener = on, .src = src, .rx_ns = 1700000000000000000u, .now_ms = 1};
    out->buf = into;
    unsigned reason = cw_engine_handle(&world, &shared, &worker, &in, out);
    MUST(reason < CW_R_COUNT && out->len <= 65507 && out->listener < world.n_listeners + (out->len == 0 ? 65535u : 0u));
    return reason;
}

static bool same(const struct cw_msg *a, struct cw_span x, const struct cw_msg *b, struct cw_span y)
{
    return x.len == y.len && memcmp(a->buf + x.off, b->buf + y.off, x.len) == 0;
}

/* The least that RFC 3261 8.2.6 lets a callee answer. */
static uint32_t callee_answers(const struct cw_msg *m, uint8_t *to)
{
    uint32_t n = 0;
    memcpy(to, "SIP/2.0 180 Ringing\r\n", 21);
    n = 21;
    for (unsigned i = 0; i < m->n_hdrs; i++) {
        const struct cw_hdr *h = &m->hdrs[i];
        if (h->id == CW_H_VIA || h->id == CW_H_FROM || h->id == CW_H_TO || h->id == CW_H_CALL_ID || h->id == CW_H_CSEQ) {
            memcpy(to + n, m->buf + h->line_off, h->line_len);
            n += h->line_len;
        }
    }
    memcpy(to + n, "\r\n", 2);
    return n + 2;
}

static void check_forwarded(const struct cw_msg *was, const struct cw_out *out, const struct cw_ep *src)
{
    static struct cw_msg now;
    static struct cw_out back;
    struct cw_ep want;
    MUST(cw_scan(out->buf, out->len, &now) == 0 && cw_check(&now) == 0);
    MUST(same(was, was->call_id, &now, now.call_id) && same(was, was->body, &now, now.body));
    MUST(was->cseq == now.cseq && was->method == now.method && same(was, was->from.tag, &now, now.from.tag));
    MUST(now.max_forwards == (was->max_forwards < 0 ? 70 : was->max_forwards - 1));
    MUST(now.via2.value.len != 0 && same(was, was->via.branch, &now, now.via2.branch));
    cw_via_reply_to(&world, was, &was->via, src, &want);
    uint32_t n = callee_answers(&now, answer);
    unsigned reason = run(answer, n, ep(192, 0, 2, 20, 5060), 0, second, &back);
    MUST(reason == CW_R_RESPONSE || reason == CW_R_DROP_DESTINATION);
    MUST(reason != CW_R_RESPONSE || cw_ep_eq(&back.dst, &want));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct cw_msg was;
    struct cw_out out, again;
    if (size < 2 || size - 1 > CW_DATAGRAM_MAX)
        return 0;
    if (world.n_listeners == 0)
        build();
    world.trunks[0].trusted = data[0] & 1;
    world.trunks[0].record_route = (data[0] & 8) != 0;
    struct cw_ep src = data[0] & 2 ? ep(203, 0, 113, 9, 5060) : ep(198, 51, 100, 7, 5060);
    uint16_t on = data[0] >> 2 & 1;
    uint8_t *buf = malloc(size - 1); /* a block of its own, so that ASan sees a byte too far on either side */
    if (!buf)
        abort();
    memcpy(buf, data + 1, size - 1);
    unsigned reason = run(buf, (uint32_t)size - 1, src, on, first, &out);
    if (out.len) {
        run(buf, (uint32_t)size - 1, src, on, second, &again);
        MUST(again.len == out.len && memcmp(first, second, out.len) == 0 && cw_ep_eq(&again.dst, &out.dst));
        cw_scan(buf, size - 1, &was);
        cw_check(&was);
        bool answered = memcmp(first, "SIP/2.0 ", 8) == 0 && !was.is_response;
        if (answered)
            MUST(was.method != CW_M_ACK && out.len < size + 400 + 16u * was.n_hdrs);
        else if (reason != CW_R_RESPONSE)
            check_forwarded(&was, &out, &src);
    }
    free(buf);
    return 0;
}
