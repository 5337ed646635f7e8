#include "cw_reply.h"

struct writer {
    uint8_t *at, *end;
    bool full;
};

static void put(struct writer *w, const void *data, size_t len)
{
    if (len > (size_t)(w->end - w->at)) {
        w->full = true;
        return;
    }
    if (len)
        memcpy(w->at, data, len);
    w->at += len;
}
#define PUT_LIT(w, lit) put((w), "" lit, sizeof(lit) - 1)

/* A header line as it came, CRLF at its end whatever it had. */
static void put_line(struct writer *w, const struct cw_msg *m, const struct cw_hdr *h)
{
    put(w, m->buf + h->line_off, (size_t)(h->value.off + h->value.len - h->line_off));
    PUT_LIT(w, "\r\n");
}

static void put_vias(struct writer *w, const struct cw_msg *m, const struct cw_in *in)
{
    struct cw_splice marks[2];
    unsigned n = cw_via_mark(m, &m->via, &in->src, marks);
    for (const struct cw_hdr *h = cw_first(m, CW_H_VIA); h != NULL; h = cw_next(m, h)) {
        uint32_t from = h->line_off, end = (uint32_t)h->value.off + h->value.len;
        for (unsigned i = 0; i < n && h->line_off == m->via.line.off; i++) {
            put(w, m->buf + from, marks[i].off - from);
            put(w, marks[i].text, marks[i].len);
            from = marks[i].off + marks[i].del;
        }
        put(w, m->buf + from, end - from);
        PUT_LIT(w, "\r\n");
    }
}

static void put_first(struct writer *w, const struct cw_msg *m, uint8_t id)
{
    const struct cw_hdr *h = cw_first(m, id);
    if (h != NULL)
        put_line(w, m, h);
}

static void put_to(struct writer *w, const struct cw_world *world, const struct cw_msg *m, const struct cw_txn *txn)
{
    const struct cw_hdr *h = cw_first(m, CW_H_TO);
    if (h == NULL)
        return;
    if (m->to.tag.len || m->to.value.len == 0) { /* echoed, never changed; a To that cannot be read is echoed, too */
        put_line(w, m, h);
        return;
    }
    uint8_t tag[CW_TAG_LEN];
    cw_tag_write(world->key, txn, tag);
    put(w, m->buf + h->line_off, (size_t)(h->value.off + h->value.len - h->line_off));
    PUT_LIT(w, ";tag=");
    put(w, tag, sizeof tag);
    PUT_LIT(w, "\r\n");
}

bool cw_reply(const struct cw_world *w, struct cw_worker *k, const struct cw_in *in, const struct cw_txn *txn,
              const void *head, size_t head_len, const void *more, size_t more_len, struct cw_out *out)
{
    const struct cw_msg *m = &k->msg;
    struct writer p = {out->buf, out->buf + CW_DATAGRAM_MAX, false};
    if (m->via.value.len == 0)
        return false;
    put(&p, head, head_len);
    put_vias(&p, m, in);
    put_first(&p, m, CW_H_FROM);
    put_to(&p, w, m, txn);
    put_first(&p, m, CW_H_CALL_ID);
    put_first(&p, m, CW_H_CSEQ);
    put(&p, more, more_len);
    PUT_LIT(&p, "Content-Length: 0\r\n\r\n");
    if (p.full)
        return false;
    out->len = (uint32_t)(p.at - out->buf);
    out->listener = in->listener; /* RFC 3581 4: out of the socket that the request came in on */
    cw_via_reply_to(w, m, &m->via, &in->src, &out->dst);
    return true;
}

static const char *phrase(unsigned status)
{
    switch (status) {
    case 200: return "SIP/2.0 200 OK\r\n";
    case 403: return "SIP/2.0 403 Forbidden\r\n";
    case 404: return "SIP/2.0 404 Not Found\r\n";
    case 416: return "SIP/2.0 416 Unsupported URI Scheme\r\n";
    case 420: return "SIP/2.0 420 Bad Extension\r\n";
    case 483: return "SIP/2.0 483 Too Many Hops\r\n";
    case 501: return "SIP/2.0 501 Not Implemented\r\n";
    case 503: return "SIP/2.0 503 Service Unavailable\r\n";
    case 505: return "SIP/2.0 505 Version Not Supported\r\n";
    case 513: return "SIP/2.0 513 Message Too Large\r\n";
    default: return "SIP/2.0 400 Bad Request\r\n";
    }
}

/* 420 names exactly what we do not understand, and we understand no extension: all of Proxy-Require. */
static size_t unsupported(struct cw_worker *k, const uint8_t **text)
{
    const struct cw_msg *m = &k->msg;
    size_t len = 0;
    for (const struct cw_hdr *h = cw_first(m, CW_H_PROXY_REQUIRE); h != NULL; h = cw_next(m, h))
        len += 15u + h->value.len;
    uint8_t *p = cw_edit_scratch(k, len);
    if (p == NULL)
        return 0;
    *text = p;
    for (const struct cw_hdr *h = cw_first(m, CW_H_PROXY_REQUIRE); h != NULL; h = cw_next(m, h)) {
        memcpy(p, "Unsupported: ", 13);
        memcpy(p + 13, cw_at(m, h->value), h->value.len);
        memcpy(p + 13 + h->value.len, "\r\n", 2);
        p += 15 + h->value.len;
    }
    return len;
}

bool cw_reply_fault(const struct cw_world *w, struct cw_worker *k, const struct cw_in *in, unsigned reason,
                    struct cw_out *out)
{
    const char *head = phrase(cw_reason_status(reason));
    const uint8_t *more = NULL;
    size_t more_len = 0;
    cw_edit_reset(k);
    if (reason == CW_R_BAD_EXTENSION)
        more_len = unsupported(k, &more);
    else if (reason == CW_R_OPTIONS_ANSWERED)
        more = (const uint8_t *)"Accept: application/sdp\r\n", more_len = 25;
    struct cw_txn txn;
    cw_txn_of_request(w->key, &k->msg, &txn);
    return cw_reply(w, k, in, &txn, head, strlen(head), more, more_len, out);
}
