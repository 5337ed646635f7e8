/* What holds of a message after cw_scan() and cw_check(), whatever the datagram was. For the C tests and the fuzzer. */
#ifndef SCAN_INVARIANTS_H
#define SCAN_INVARIANTS_H

#include <stdio.h>
#include <stdlib.h>

#include "cw_scan.h"

#define MUST(cond)                                                                                                     \
    do {                                                                                                               \
        if (!(cond)) {                                                                                                 \
            fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #cond);                                                 \
            abort();                                                                                                   \
        }                                                                                                              \
    } while (0)

static inline void must_lie_in(struct cw_span inner, struct cw_span outer)
{
    if (inner.len)
        MUST(inner.off >= outer.off && inner.off + inner.len <= outer.off + outer.len);
}

/* Every octet of the span can be read, and it ends within the datagram. */
static inline void must_be_readable(const struct cw_msg *m, size_t len, struct cw_span s)
{
    uint8_t sum = 0;
    MUST((size_t)s.off + s.len <= len);
    for (unsigned i = 0; i < s.len; i++)
        sum ^= m->buf[s.off + i];
    __asm__ volatile("" : : "r"(sum)); /* the reads are the point */
}

static inline void must_be_via(const struct cw_msg *m, size_t len, const struct cw_via *via)
{
    if (via->value.len == 0)
        return;
    must_be_readable(m, len, via->value);
    must_lie_in(via->value, via->line);
    must_lie_in(via->sent_by, via->value);
    must_lie_in(via->host, via->sent_by);
    must_lie_in(via->branch, via->value);
    must_lie_in(via->received_param, via->value);
    must_lie_in(via->received, via->received_param);
    must_lie_in(via->maddr, via->value);
    must_lie_in(via->rport_param, via->value);
    MUST(via->host.len && via->sent_by.len);
    MUST(via->has_rport == cw_has(via->rport_param));
    MUST(via->has_rport || !via->rport);
    MUST(via->is_udp + via->is_tcp + via->is_tls <= 1);
}

static inline void must_be_address(const struct cw_addr *a)
{
    must_lie_in(a->display, a->value);
    must_lie_in(a->uri, a->value);
    must_lie_in(a->params, a->value);
    must_lie_in(a->tag, a->params);
}

static inline void must_be_uri(const struct cw_uri *u)
{
    must_lie_in(u->user, u->all);
    must_lie_in(u->host, u->all);
    must_lie_in(u->params, u->all);
    must_lie_in(u->headers, u->all);
    must_lie_in(u->maddr, u->params);
    MUST(u->scheme <= CW_S_OTHER);
}

/* Lines touch one another and fill the header section, chains link equal names in order. `faulty` when cw_scan() refused
 * a line: lines that it left out are gaps. */
static inline void must_be_lines(const struct cw_msg *m, size_t len, bool faulty)
{
    size_t at = m->headers_off;
    unsigned seen[CW_H_COUNT] = {0};
    MUST(m->n_hdrs <= CW_HDRS_MAX && m->headers_off <= m->headers_end && m->headers_end <= len);
    for (unsigned i = 0; i < m->n_hdrs; i++) {
        const struct cw_hdr *h = &m->hdrs[i];
        MUST(faulty ? h->line_off >= at : h->line_off == at);
        at = (size_t)h->line_off + h->line_len;
        MUST(m->buf[at - 1] == '\n' && h->name_len > 0 && h->id < CW_H_COUNT && h->value.off > h->line_off);
        must_be_readable(m, len, h->value);
        must_lie_in(h->value, (struct cw_span){h->line_off, h->line_len});
        MUST(h->id == cw_header_id(m->buf + h->line_off, h->name_len));
        MUST(h->folded == (memchr(m->buf + h->line_off, '\n', h->line_len) != m->buf + at - 1));
        if (h->value.len) {
            const uint8_t *v = m->buf + h->value.off, *last = v + h->value.len - 1;
            MUST(!strchr(" \t\r\n", *v) || !*v);
            MUST(!strchr(" \t\r\n", *last) || !*last);
        }
        seen[h->id]++;
        uint32_t pos = h->value.off, before = 0;
        struct cw_span value;
        bool bad = false;
        for (unsigned n = 0; cw_next_value(m, h, &pos, &value, &bad); n++) {
            MUST(value.len && (n == 0 || value.off > before));
            must_lie_in(value, h->value);
            before = value.off;
        }
    }
    MUST(faulty || at == m->headers_end);
    for (unsigned id = 1; id < CW_H_COUNT; id++) {
        unsigned n = 0;
        for (const struct cw_hdr *h = cw_first(m, (uint8_t)id), *prev = NULL; h; prev = h, h = cw_next(m, h), n++)
            MUST(h->id == id && h < m->hdrs + m->n_hdrs && (!prev || h > prev));
        MUST(n == seen[id]);
    }
    MUST(m->first[CW_H_OTHER] == 0xffff);
}

/* Scans, checks and asserts; the result of cw_scan(), or of cw_check() when the scan was good. */
static inline int scan_and_assert(const uint8_t *buf, size_t len, struct cw_msg *m)
{
    memset(m, 0xa5, sizeof *m); /* nothing of the last message may be relied on */
    int scanned = cw_scan(buf, len, m);
    MUST(scanned <= 0 && -scanned < CW_R_COUNT);
    MUST(m->len == len && m->buf == buf);
    MUST(!(scanned && m->is_response) || scanned == -CW_R_DROP_BAD_RESPONSE);
    must_be_lines(m, len, scanned != 0);
    if (!scanned) {
        MUST(m->body.off >= m->headers_end + 1 && m->body.off <= m->headers_end + 2);
        MUST((size_t)m->body.off + m->body.len == len);
        MUST(m->is_response ? m->status >= 100 && m->status <= 699 : m->ruri.len && m->method_span.len);
    }
    uint16_t whole_body = m->body.len;
    int checked = cw_check(m);
    MUST(checked <= 0 && -checked < CW_R_COUNT);
    MUST(!(checked && m->is_response) || checked == -CW_R_DROP_BAD_RESPONSE);
    MUST(m->len <= len && m->body.len <= whole_body && (scanned || (size_t)m->body.off + m->body.len == m->len));
    const struct cw_span spans[] = {m->method_span, m->ruri,        m->call_id, m->cseq_method,
                                    m->max_forwards_digits, m->from.value, m->to.value, m->uri.all, m->body};
    for (size_t i = 0; i < sizeof spans / sizeof *spans; i++)
        must_be_readable(m, len, spans[i]);
    must_be_via(m, len, &m->via);
    must_be_via(m, len, &m->via2);
    must_be_address(&m->from);
    must_be_address(&m->to);
    must_be_uri(&m->uri);
    if (!scanned && !checked) {
        MUST(m->via.value.len && m->from.uri.len && m->to.uri.len && m->call_id.len && m->cseq_method.len);
        MUST(m->max_forwards >= -1 && m->max_forwards <= 255);
        MUST(m->is_response || (m->uri.all.len && m->uri.scheme != CW_S_NONE && m->uri.scheme != CW_S_OTHER));
        MUST(m->is_response || m->method == cw_method_id(buf + m->method_span.off, m->method_span.len));
    }
    return scanned ? scanned : checked;
}

#endif
