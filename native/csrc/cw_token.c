#include "cw_token.h"

#include "cw_siphash.h"

static const char HEX[] = "0123456789abcdef";

static void hex64(uint64_t x, uint8_t *out)
{
    for (int i = 0; i < 16; i++)
        out[i] = (uint8_t)HEX[(x >> (60 - 4 * i)) & 15];
}

static bool equal(const uint8_t *a, const uint8_t *b, size_t n)
{
    uint8_t diff = 0; /* the same time whatever differs */
    for (size_t i = 0; i < n; i++)
        diff |= (uint8_t)(a[i] ^ b[i]);
    return diff == 0;
}

static int unhex(uint8_t c)
{
    if (cw_isdigit(c))
        return c - '0';
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static void add_span(struct cw_siphash *s, const struct cw_msg *m, struct cw_span span)
{
    cw_siphash_add(s, cw_at(m, span), span.len);
    cw_siphash_add(s, "|", 1);
}

static bool has_cookie(const struct cw_msg *m, const struct cw_via *via)
{
    return via->branch.len > 7 && memcmp(m->buf + via->branch.off, "z9hG4bK", 7) == 0;
}

static void txn(const uint8_t key[16], const struct cw_msg *m, const struct cw_via *via, struct cw_txn *t)
{
    struct cw_siphash s;
    cw_siphash_init(&s, key);
    cw_siphash_add(&s, "t", 1);
    add_span(&s, m, via->branch);
    add_span(&s, m, via->sent_by);
    add_span(&s, m, m->call_id);
    add_span(&s, m, m->from.tag);
    cw_siphash_add(&s, &m->cseq, sizeof m->cseq);
    if (t->has_ruri)
        cw_siphash_add(&s, &t->ruri, sizeof t->ruri);
    cw_siphash_end(&s, t->h);
}

void cw_txn_of_request(const uint8_t key[16], const struct cw_msg *m, struct cw_txn *t)
{
    t->ruri = 0;
    t->has_ruri = !has_cookie(m, &m->via);
    if (t->has_ruri) {
        struct cw_siphash s;
        uint64_t h[2];
        cw_siphash_init(&s, key);
        cw_siphash_add(&s, "u", 1);
        add_span(&s, m, m->ruri);
        cw_siphash_end(&s, h);
        t->ruri = (uint32_t)h[0];
    }
    txn(key, m, &m->via, t);
}

bool cw_txn_of_response(const uint8_t key[16], const struct cw_msg *m, struct cw_txn *t)
{
    const uint8_t *own = m->buf + m->via.branch.off;
    t->ruri = 0;
    t->has_ruri = !has_cookie(m, &m->via2);
    if (m->via.branch.len != (t->has_ruri ? CW_BRANCH_MAX : CW_BRANCH_MAX - 9))
        return false;
    for (int i = 0; t->has_ruri && i < 8; i++) {
        int d = unhex(own[40 + i]);
        if (d < 0)
            return false;
        t->ruri = t->ruri << 4 | (uint32_t)d;
    }
    txn(key, m, &m->via2, t);
    return true;
}

size_t cw_branch_write(const struct cw_txn *t, uint8_t *out)
{
    memcpy(out, "z9hG4bK", 7);
    hex64(t->h[0], out + 7);
    hex64(t->h[1], out + 23);
    if (!t->has_ruri)
        return 39;
    out[39] = '-';
    for (int i = 0; i < 8; i++)
        out[40 + i] = (uint8_t)HEX[(t->ruri >> (28 - 4 * i)) & 15];
    return CW_BRANCH_MAX;
}

bool cw_branch_is(const struct cw_txn *t, const uint8_t *branch, size_t len)
{
    uint8_t want[CW_BRANCH_MAX];
    return cw_branch_write(t, want) == len && equal(want, branch, len);
}

static void derived(const uint8_t key[16], char domain, const struct cw_txn *t, const void *more, size_t len, uint8_t *out)
{
    struct cw_siphash s;
    uint64_t h[2];
    cw_siphash_init(&s, key);
    cw_siphash_add(&s, &domain, 1);
    cw_siphash_add(&s, t->h, sizeof t->h);
    cw_siphash_add(&s, more, len);
    cw_siphash_end(&s, h);
    hex64(h[0], out);
}

void cw_tag_write(const uint8_t key[16], const struct cw_txn *t, uint8_t out[CW_TAG_LEN])
{
    out[0] = 'c', out[1] = 'w';
    derived(key, 'a', t, NULL, 0, out + 2);
}

bool cw_tag_is(const uint8_t key[16], const struct cw_txn *t, const uint8_t *tag, size_t len)
{
    uint8_t want[CW_TAG_LEN];
    if (len != CW_TAG_LEN || tag[0] != 'c' || tag[1] != 'w')
        return false;
    cw_tag_write(key, t, want);
    return equal(want, tag, CW_TAG_LEN);
}

void cw_flow_write(const uint8_t key[16], const struct cw_txn *t, uint16_t listener, const struct cw_ep *to,
                   uint8_t out[CW_FLOW_LEN])
{
    uint8_t bound[20];
    bound[0] = (uint8_t)listener;
    bound[1] = (uint8_t)(to->port >> 8);
    bound[2] = (uint8_t)to->port;
    bound[3] = 0;
    memcpy(bound + 4, to->ip, 16);
    out[0] = (uint8_t)HEX[(listener >> 4) & 15];
    out[1] = (uint8_t)HEX[listener & 15];
    derived(key, 'f', t, bound, sizeof bound, out + 2);
}

int cw_flow_listener(const uint8_t *text, size_t len)
{
    if (len != CW_FLOW_LEN)
        return -1;
    int hi = unhex(text[0]), lo = unhex(text[1]);
    return hi < 0 || lo < 0 ? -1 : hi << 4 | lo;
}

bool cw_flow_is(const uint8_t key[16], const struct cw_txn *t, const struct cw_ep *to, const uint8_t *text, size_t len)
{
    uint8_t want[CW_FLOW_LEN];
    int listener = cw_flow_listener(text, len);
    if (listener < 0)
        return false;
    cw_flow_write(key, t, (uint16_t)listener, to, want);
    return equal(want, text, CW_FLOW_LEN);
}

static uint64_t of_call(const uint8_t key[16], char domain, const struct cw_msg *m)
{
    struct cw_siphash s;
    uint64_t h[2];
    cw_siphash_init(&s, key);
    cw_siphash_add(&s, &domain, 1);
    cw_siphash_add(&s, cw_at(m, m->call_id), m->call_id.len);
    cw_siphash_end(&s, h);
    return h[0];
}

void cw_route_token_write(const uint8_t key[16], const struct cw_msg *m, uint8_t out[CW_ROUTE_TOKEN_LEN])
{
    out[0] = 'c', out[1] = 'w';
    hex64(of_call(key, 'r', m), out + 2);
}

bool cw_route_token_is(const uint8_t key[16], const struct cw_msg *m, const uint8_t *user, size_t len)
{
    uint8_t want[CW_ROUTE_TOKEN_LEN];
    if (len != CW_ROUTE_TOKEN_LEN || user[0] != 'c' || user[1] != 'w')
        return false;
    cw_route_token_write(key, m, want);
    return equal(want, user, CW_ROUTE_TOKEN_LEN);
}

uint64_t cw_call_key(const uint8_t key[16], const struct cw_msg *m)
{
    uint64_t h = of_call(key, 'c', m);
    return h ? h : 1;
}
