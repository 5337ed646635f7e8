#include "cw_path.h"

#include "cw_ip.h"

static uint16_t port_or_default(uint16_t port) { return port ? port : 5060; }

static bool via_maddr(const struct cw_world *w, const struct cw_msg *m, const struct cw_via *via, struct cw_ep *to)
{
    if (via->maddr.len == 0 || !cw_ip_parse(cw_at(m, via->maddr), via->maddr.len, to->ip))
        return false;
    to->port = port_or_default(via->port);
    return cw_ep_sendable(to) && (cw_world_trunk(w, to->ip) != CW_NO_TRUNK || cw_world_is_peer(w, to));
}

void cw_via_reply_to(const struct cw_world *w, const struct cw_msg *m, const struct cw_via *via, const struct cw_ep *src,
                     struct cw_ep *to)
{
    if (via_maddr(w, m, via, to))
        return;
    memcpy(to->ip, src->ip, 16);
    to->port = via->has_rport ? src->port : port_or_default(via->port);
}

bool cw_via_response_to(const struct cw_world *w, const struct cw_msg *m, struct cw_ep *to)
{
    const struct cw_via *via = &m->via2;
    if (via_maddr(w, m, via, to))
        return true;
    struct cw_span host = via->received.len ? via->received : via->host;
    if (!cw_ip_parse(cw_at(m, host), host.len, to->ip))
        return false;
    to->port = via->rport ? via->rport : port_or_default(via->port);
    return cw_ep_sendable(to);
}

static size_t received_text(const struct cw_ep *src, uint8_t *p)
{
    memcpy(p, "received=", 9);
    return 9 + cw_ip_write(src->ip, p + 9);
}

unsigned cw_via_mark(const struct cw_msg *m, const struct cw_via *via, const struct cw_ep *src, struct cw_splice out[2])
{
    uint8_t ip[16];
    unsigned n = 0;
    bool same = cw_ip_parse(cw_at(m, via->host), via->host.len, ip) && memcmp(ip, src->ip, 16) == 0;
    if (via->has_rport) {
        struct cw_splice *s = &out[n++];
        s->off = via->rport_param.off;
        s->del = via->rport_param.len;
        memcpy(s->text, "rport=", 6);
        s->len = (uint32_t)(6 + cw_decimal_write(src->port, s->text + 6));
        if (via->received_param.len == 0) { /* RFC 3581 4: with rport, received always */
            s->text[s->len++] = ';';
            s->len += (uint32_t)received_text(src, s->text + s->len);
        }
    } else if (!same && via->received_param.len == 0) {
        struct cw_splice *s = &out[n++];
        s->off = (uint32_t)via->value.off + via->value.len;
        s->del = 0;
        s->text[0] = ';';
        s->len = (uint32_t)(1 + received_text(src, s->text + 1));
    }
    if (via->received_param.len) { /* somebody else's word about where this came from: ours instead */
        struct cw_splice *s = &out[n++];
        s->off = via->received_param.off;
        s->del = via->received_param.len;
        s->len = (uint32_t)received_text(src, s->text);
        if (n == 2 && out[0].off > out[1].off) {
            struct cw_splice first = out[1];
            out[1] = out[0];
            out[0] = first;
        }
    }
    return n;
}

static void put(uint8_t **p, const void *data, size_t len)
{
    memcpy(*p, data, len);
    *p += len;
}
#define PUT_LIT(p, lit) put((p), "" lit, sizeof(lit) - 1)

void cw_via_push(const struct cw_world *w, struct cw_worker *k, const struct cw_in *in, const struct cw_txn *txn,
                 uint16_t listener)
{
    const struct cw_msg *m = &k->msg;
    const struct cw_listener *l = &w->listeners[listener];
    struct cw_ep reply_to;
    uint8_t *start = cw_edit_scratch(k, CW_NAME_MAX + CW_BRANCH_MAX + CW_FLOW_LEN + 48), *p = start;
    if (start == NULL)
        return;
    cw_via_reply_to(w, m, &m->via, &in->src, &reply_to);
    PUT_LIT(&p, "Via: SIP/2.0/UDP ");
    put(&p, l->sent_by, l->sent_by_len);
    PUT_LIT(&p, ";branch=");
    p += cw_branch_write(txn, p);
    PUT_LIT(&p, ";cw=");
    cw_flow_write(w->key, txn, in->listener, &reply_to, p);
    p += CW_FLOW_LEN;
    PUT_LIT(&p, "\r\n");
    cw_edit(k, m->via.line.off, 0, start, (size_t)(p - start));
}

void cw_record_route_push(const struct cw_world *w, struct cw_worker *k, uint16_t listener, uint64_t call_key)
{
    const struct cw_msg *m = &k->msg;
    const struct cw_listener *l = &w->listeners[listener];
    const struct cw_hdr *first = cw_first(m, CW_H_RECORD_ROUTE);
    uint8_t *start = cw_edit_scratch(k, CW_NAME_MAX + CW_ROUTE_TOKEN_LEN + 32), *p = start;
    if (start == NULL)
        return;
    PUT_LIT(&p, "Record-Route: <sip:");
    cw_route_token_write(w->key, call_key, p);
    p += CW_ROUTE_TOKEN_LEN;
    PUT_LIT(&p, "@");
    put(&p, l->sent_by, l->sent_by_len);
    PUT_LIT(&p, ";lr>\r\n");
    /* before all existing values: those may stand above the Vias */
    uint32_t at = first && first->line_off < m->via.line.off ? first->line_off : m->via.line.off;
    cw_edit(k, at, 0, start, (size_t)(p - start));
}

bool cw_uri_ep(const struct cw_msg *m, const struct cw_uri *uri, struct cw_ep *ep)
{
    struct cw_span host = uri->maddr.len ? uri->maddr : uri->host;
    if (!cw_ip_parse(cw_at(m, host), host.len, ep->ip))
        return false;
    ep->port = port_or_default(uri->port);
    return cw_ep_sendable(ep);
}

bool cw_uri_is_us(const struct cw_world *w, const struct cw_msg *m, const struct cw_uri *u)
{
    return (u->scheme == CW_S_SIP || u->scheme == CW_S_SIPS) &&
           cw_world_is_us(w, cw_at(m, u->host), u->host.len, u->port);
}

static bool is_our_record_route(const struct cw_world *w, const struct cw_msg *m, const struct cw_uri *u)
{
    return cw_uri_is_us(w, m, u) && cw_route_token_is(w->key, m, cw_at(m, u->user), u->user.len);
}

static int route_uri(const struct cw_msg *m, struct cw_span value, struct cw_uri *uri)
{
    struct cw_addr a;
    if (cw_addr_parse(m->buf, value, CW_R_BAD_ROUTE, &a) < 0 || cw_uri_parse(m->buf, a.uri, uri) < 0)
        return -CW_R_BAD_ROUTE;
    bool sip = uri->scheme == CW_S_SIP || uri->scheme == CW_S_SIPS;
    return sip && !cw_has(uri->headers) ? 0 : -CW_R_BAD_ROUTE; /* it may become a Request-URI */
}

/* The last Route value of the message, for a strict router before us: its span, and what to cut. */
static int last_route(const struct cw_msg *m, const struct cw_hdr **hdr, struct cw_span *last, uint32_t *cut_from)
{
    const struct cw_hdr *h = cw_first(m, CW_H_ROUTE);
    if (h == NULL)
        return -CW_R_BAD_ROUTE;
    while (cw_next(m, h) != NULL)
        h = cw_next(m, h);
    uint32_t pos = h->value.off, end = 0;
    struct cw_span value;
    bool bad = false;
    *hdr = h;
    last->len = 0;
    while (cw_next_value(m, h, &pos, &value, &bad)) {
        *cut_from = end;
        *last = value;
        end = (uint32_t)value.off + value.len;
    }
    return bad || last->len == 0 ? -CW_R_BAD_ROUTE : 0;
}

int cw_route_read(const struct cw_world *w, struct cw_worker *k, struct cw_route *r)
{
    const struct cw_msg *m = &k->msg;
    struct cw_span dropped = {0, 0};
    memset(r, 0, sizeof *r);
    r->uri = m->uri;
    if (is_our_record_route(w, m, &m->uri)) { /* RFC 3261 16.4: the hop before us routes strictly */
        const struct cw_hdr *h;
        uint32_t cut_from;
        if (last_route(m, &h, &dropped, &cut_from) == 0) {
            if (route_uri(m, dropped, &r->uri) < 0)
                return -CW_R_BAD_ROUTE;
            r->proven = true;
            cw_edit(k, m->ruri.off, m->ruri.len, m->buf + r->uri.all.off, r->uri.all.len);
            if (cut_from == 0)
                cw_edit(k, h->line_off, h->line_len, NULL, 0);
            else
                cw_edit(k, cut_from, (uint32_t)dropped.off + dropped.len - cut_from, NULL, 0);
        }
    }
    for (const struct cw_hdr *h = cw_first(m, CW_H_ROUTE); h != NULL; h = cw_next(m, h)) {
        uint32_t pos = h->value.off;
        struct cw_span value;
        bool bad = false, any_cut = false;
        r->last_hdr = h;
        while (cw_next_value(m, h, &pos, &value, &bad)) {
            struct cw_uri uri;
            if (value.off == dropped.off)
                continue;
            if (r->next.all.len != 0)
                break; /* the rest is not ours to read */
            if (route_uri(m, value, &uri) < 0)
                return -CW_R_BAD_ROUTE;
            if (cw_uri_is_us(w, m, &uri)) {
                r->proven |= cw_route_token_is(w->key, m, cw_at(m, uri.user), uri.user.len);
                any_cut = true;
                continue;
            }
            r->next = uri;
            r->next_value = value;
            r->next_hdr = h;
            if (any_cut) /* "<us>, <next>": cut up to the next value */
                cw_edit(k, h->value.off, (uint32_t)(value.off - h->value.off), NULL, 0);
            any_cut = false;
        }
        if (bad)
            return -CW_R_BAD_ROUTE;
        if (any_cut) { /* nothing of this line is left, but perhaps the value that became the Request-URI */
            bool already = false;
            for (unsigned i = 0; k->n_edits != CW_EDITS_BROKEN && i < k->n_edits; i++)
                if (dropped.len && k->edits[i].off >= h->line_off && k->edits[i].off < h->line_off + h->line_len) {
                    k->edits[i] = (struct cw_edit){.off = h->line_off, .del = h->line_len, .ins = NULL, .len = 0};
                    already = true;
                }
            if (!already)
                cw_edit(k, h->line_off, h->line_len, NULL, 0);
        }
    }
    return 0;
}

void cw_route_strict_next(struct cw_worker *k, const struct cw_route *r)
{
    const struct cw_msg *m = &k->msg;
    /* RFC 3261 16.6 step 6: the Request-URI goes to the end of the Route set, the next Route value becomes the Request-URI */
    cw_edit(k, m->ruri.off, m->ruri.len, m->buf + r->next.all.off, r->next.all.len);
    uint32_t line_end = (uint32_t)r->next_hdr->line_off + r->next_hdr->line_len;
    uint32_t after = (uint32_t)r->next_value.off + r->next_value.len, value_end = (uint32_t)r->next_hdr->value.off + r->next_hdr->value.len;
    bool cut_line = after >= value_end;
    for (unsigned i = 0; cut_line && k->n_edits != CW_EDITS_BROKEN && i < k->n_edits; i++)
        if (k->edits[i].off == r->next_hdr->value.off) /* values of ours before it are cut already */
            k->edits[i].off = r->next_hdr->line_off, k->edits[i].del = 0;
    if (cut_line) {
        cw_edit(k, r->next_hdr->line_off, r->next_hdr->line_len, NULL, 0);
    } else {
        while (after < value_end && (m->buf[after] == ' ' || m->buf[after] == '\t' || m->buf[after] == '\r' ||
                                     m->buf[after] == '\n' || m->buf[after] == ','))
            after++;
        cw_edit(k, r->next_value.off, after - r->next_value.off, NULL, 0);
    }
    line_end = (uint32_t)r->last_hdr->line_off + r->last_hdr->line_len;
    uint8_t *p = cw_edit_scratch(k, 8);
    if (p == NULL)
        return;
    memcpy(p, "Route: <", 8);
    cw_edit(k, line_end, 0, p, 8);
    cw_edit(k, line_end, 0, m->buf + m->ruri.off, m->ruri.len);
    cw_edit(k, line_end, 0, ">\r\n", 3);
}
