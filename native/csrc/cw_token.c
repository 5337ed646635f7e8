#include "cw_token.h"

#include "cw_siphash.h"

static const char HEX[] = "0123456789abcdef";

/* Eight hex digits at once: nibbles spread over the bytes of a word, then '0' or 'a' - 10 added to each. */
static void hex32(uint32_t x, uint8_t *out)
{
    uint64_t v = __builtin_bswap32(x);
    v = (v | v << 16) & UINT64_C(0x0000ffff0000ffff);
    v = (v | v << 8) & UINT64_C(0x00ff00ff00ff00ff);
    v = (v >> 4 & UINT64_C(0x000f000f000f000f)) | (v & UINT64_C(0x000f000f000f000f)) << 8;
    uint64_t letters = (v + UINT64_C(0x0606060606060606)) >> 4 & UINT64_C(0x0101010101010101);
    v += UINT64_C(0x3030303030303030) + letters * ('a' - '0' - 10);
    memcpy(out, &v, 8);
}

static void hex64(uint64_t x, uint8_t *out)
{
    hex32((uint32_t)(x >> 32), out);
    hex32((uint32_t)x, out + 8);
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

static bool has_cookie(const struct cw_msg *m, const struct cw_via *via)
{
    return via->branch.len > 7 && memcmp(m->buf + via->branch.off, "z9hG4bK", 7) == 0;
}

static void txn(const uint8_t key[16], const struct cw_msg *m, const struct cw_via *via, struct cw_txn *t)
{
    const struct cw_span parts[4] = {via->branch, via->sent_by, m->call_id, m->from.tag};
    struct cw_siphash s;
    struct { /* the lengths stand first: no two transactions run together to the same bytes */
        uint32_t cseq, ruri;
        uint16_t len[4];
    } head = {m->cseq, t->ruri, {parts[0].len, parts[1].len, parts[2].len, parts[3].len}};
    cw_siphash_init(&s, key);
    cw_siphash_add(&s, &head, sizeof head);
    for (int i = 0; i < 4; i++)
        cw_siphash_add(&s, cw_at(m, parts[i]), parts[i].len);
    cw_siphash_end(&s, t->h);
}

void cw_txn_of_request(const uint8_t key[16], const struct cw_msg *m, struct cw_txn *t)
{
    t->ruri = 0;
    t->has_ruri = !has_cookie(m, &m->via);
    if (t->has_ruri) {
        uint64_t h[2];
        cw_siphash(key, cw_at(m, m->ruri), m->ruri.len, h);
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
    hex32(t->ruri, out + 40);
    return CW_BRANCH_MAX;
}

bool cw_branch_is(const struct cw_txn *t, const uint8_t *branch, size_t len)
{
    uint8_t want[CW_BRANCH_MAX];
    return cw_branch_write(t, want) == len && equal(want, branch, len);
}

/* 16 hex digits from a transaction and up to 24 bytes more, for one purpose. */
static void derived(const uint8_t key[16], char purpose, const struct cw_txn *t, const void *more, size_t len, uint8_t *out)
{
    uint8_t in[48];
    uint64_t h[2];
    memcpy(in, t->h, 16);
    if (len)
        memcpy(in + 16, more, len);
    in[16 + len] = (uint8_t)purpose;
    cw_siphash(key, in, 17 + len, h);
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

uint64_t cw_call_key(const uint8_t key[16], const struct cw_msg *m)
{
    uint64_t h[2];
    cw_siphash(key, cw_at(m, m->call_id), m->call_id.len, h);
    return h[0] ? h[0] : 1;
}

void cw_route_token_write(const uint8_t key[16], uint64_t call_key, uint8_t out[CW_ROUTE_TOKEN_LEN])
{
    const struct cw_txn of_call = {.h = {call_key, 0}};
    out[0] = 'c', out[1] = 'w';
    derived(key, 'r', &of_call, NULL, 0, out + 2);
}

bool cw_route_token_is(const uint8_t key[16], const struct cw_msg *m, const uint8_t *user, size_t len)
{
    uint8_t want[CW_ROUTE_TOKEN_LEN];
    if (len != CW_ROUTE_TOKEN_LEN || user[0] != 'c' || user[1] != 'w')
        return false;
    cw_route_token_write(key, cw_call_key(key, m), want);
    return equal(want, user, CW_ROUTE_TOKEN_LEN);
}
