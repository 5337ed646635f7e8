/* The parts of a message that a proxy uses, RFC 3261 16.3 step 1 (STANDARDS 1.2): parsed into the message, and the first
 * fault named. Whatever else is wrong with a message is not this element's business and goes on untouched.
 */
#include "cw_chars.h"
#include "cw_scan.h"

/* The first value of a Via line; false when the list is faulty before its end. */
static bool via_value(const struct cw_msg *m, const struct cw_hdr *h, uint32_t *pos, struct cw_span *value, bool *alone)
{
    if (cw_likely(!memchr(cw_at(m, h->value), ',', h->value.len))) {
        *value = h->value;
        *pos = (uint32_t)h->value.off + h->value.len;
        *alone = true;
        return true;
    }
    bool bad;
    *pos = h->value.off;
    *alone = false;
    if (!cw_next_value(m, h, pos, value, &bad))
        return false;
    *alone = *pos == (uint32_t)h->value.off + h->value.len; /* the comma was within quotes */
    return true;
}

static int parse_via(const struct cw_msg *m, const struct cw_hdr *h, struct cw_span value, bool alone, struct cw_via *via)
{
    int fault = cw_via_parse(m->buf, value, via);
    via->alone = alone;
    via->line = (struct cw_span){h->line_off, h->line_len};
    return fault;
}

/* The usual line: it parses as one value, so no comma parts it. */
static int whole_via(const struct cw_msg *m, const struct cw_hdr *h, struct cw_via *via)
{
    return parse_via(m, h, h->value, true, via);
}

/* Topmost and second value, on one line or two. A fault of the second counts in responses only: there it is the way. */
static int check_vias(struct cw_msg *m)
{
    const struct cw_hdr *h = cw_first(m, CW_H_VIA);
    struct cw_span value;
    uint32_t pos;
    bool alone, bad = false;
    memset(&m->via, 0, sizeof m->via);
    memset(&m->via2, 0, sizeof m->via2);
    if (!h)
        return 0;
    int fault = whole_via(m, h, &m->via);
    if (cw_likely(!fault)) {
        value = h->value;
        pos = (uint32_t)value.off + value.len;
        alone = true;
    } else {
        memset(&m->via, 0, sizeof m->via);
        fault = via_value(m, h, &pos, &value, &alone) ? parse_via(m, h, value, alone, &m->via) : -CW_R_BAD_VIA;
    }
    if (cw_unlikely(fault && !m->via.value.len))
        return fault;
    if (!alone) {
        if (!cw_next_value(m, h, &pos, &value, &bad))
            return fault ? fault : -CW_R_BAD_VIA; /* not alone, so an empty member follows */
    } else {
        h = cw_next(m, h);
        if (!h)
            return fault;
        if (cw_likely(whole_via(m, h, &m->via2) == 0))
            return fault;
        memset(&m->via2, 0, sizeof m->via2);
        if (!via_value(m, h, &pos, &value, &alone))
            bad = true;
    }
    if (bad || parse_via(m, h, value, alone, &m->via2)) {
        m->via2.value = (struct cw_span){0, 0};
        if (m->is_response && !fault)
            fault = -CW_R_BAD_VIA;
    }
    return fault;
}

/* word [ "@" word ]: any visible octets; white space would make two of it (RFC 3261 25.1; RFC 4475 intmeth). */
static bool call_id_ok(const uint8_t *buf, const uint8_t *p, size_t len) { return len && cw_visible(buf, p, p + len); }

/* 1*DIGIT LWS Method. RFC 3261 8.1.1.5 wants less than 2^31; RFC 4475 3.1.2.4 fails what does not fit 32 bits. */
static int check_cseq(struct cw_msg *m, struct cw_span value)
{
    const uint8_t *p = cw_at(m, value), *end = p + value.len, *digits = p;
    while (p < end && cw_isdigit(*p))
        p++;
    int64_t number = cw_number(digits, p, UINT32_MAX);
    const uint8_t *method = cw_skip_ws(p, end);
    if (number < 0 || method == p || method == end || cw_skip(method, end, CW_CH_TOKEN) != end)
        return -CW_R_BAD_CSEQ;
    m->cseq = (uint32_t)number;
    m->cseq_method = cw_span_at(m->buf, method, end);
    if (m->is_response) {
        m->method = cw_method_id(method, (size_t)(end - method));
        return 0;
    }
    if (m->cseq_method.len == m->method_span.len && memcmp(method, cw_at(m, m->method_span), m->method_span.len) == 0)
        return 0;
    return m->method == CW_M_OTHER ? -CW_R_UNKNOWN_METHOD_MISMATCH : -CW_R_METHOD_MISMATCH;
}

/* RFC 3261 18.3, datagrams: the body ends with Content-Length, and must be there. */
static int check_content_length(struct cw_msg *m)
{
    int64_t length = -1;
    for (const struct cw_hdr *h = cw_first(m, CW_H_CONTENT_LENGTH); h; h = cw_next(m, h)) {
        int64_t n = cw_number(cw_at(m, h->value), cw_at(m, h->value) + h->value.len, UINT32_MAX);
        if (n < 0)
            return -CW_R_BAD_CONTENT_LENGTH;
        if (length >= 0 && n != length)
            return -CW_R_REPEATED_HEADER; /* RFC 4475 3.3.9 */
        length = n;
    }
    if (length < 0)
        return 0;
    m->has_content_length = true;
    if (!m->body.off)
        return 0; /* cw_scan() found no end of the headers, and said so */
    if (length > m->body.len)
        return -CW_R_BAD_CONTENT_LENGTH;
    m->body.len = (uint16_t)length;
    m->len = (uint32_t)(m->body.off + length);
    return 0;
}

static int check_max_forwards(struct cw_msg *m, const struct cw_hdr *h)
{
    const uint8_t *p = cw_at(m, h->value);
    int64_t n = cw_number(p, p + h->value.len, 255); /* RFC 3261 20.22 */
    if (n < 0)
        return -CW_R_BAD_MAX_FORWARDS;
    m->max_forwards = (int32_t)n;
    m->max_forwards_digits = h->value;
    return 0;
}

static int check_request_uri(struct cw_msg *m)
{
    if (!m->ruri.len || cw_uri_parse(m->buf, m->ruri, &m->uri))
        return -CW_R_BAD_URI;
    if (m->uri.scheme == CW_S_OTHER)
        return -CW_R_BAD_SCHEME; /* RFC 4475 3.3.2, 3.3.3 */
    return cw_has(m->uri.headers) ? -CW_R_BAD_URI : 0; /* RFC 4475 3.1.2.11 */
}

int cw_check(struct cw_msg *m)
{
    const struct cw_hdr *from = cw_first(m, CW_H_FROM), *to = cw_first(m, CW_H_TO);
    const struct cw_hdr *call_id = cw_first(m, CW_H_CALL_ID), *cseq = cw_first(m, CW_H_CSEQ);
    const struct cw_hdr *hops = cw_first(m, CW_H_MAX_FORWARDS);
    int first = 0, fault;
#define NOTE(expr) (fault = (expr), first = first ? first : fault)
    NOTE(check_vias(m));
    if (from)
        NOTE(cw_addr_parse(m->buf, from->value, CW_R_BAD_FROM, &m->from));
    if (to)
        NOTE(cw_addr_parse(m->buf, to->value, CW_R_BAD_TO, &m->to));
    if (call_id) {
        bool good = call_id_ok(m->buf, cw_at(m, call_id->value), call_id->value.len);
        if (good)
            m->call_id = call_id->value;
        NOTE(good ? 0 : -CW_R_BAD_CALL_ID);
    }
    if (cseq)
        NOTE(check_cseq(m, cseq->value));
    NOTE(from && to && call_id && cseq && cw_first(m, CW_H_VIA) ? 0 : -CW_R_MISSING_HEADER);
    if ((from && from->next != 0xffff) || (to && to->next != 0xffff) || (call_id && call_id->next != 0xffff) ||
        (cseq && cseq->next != 0xffff) || (hops && hops->next != 0xffff))
        NOTE(-CW_R_REPEATED_HEADER); /* RFC 4475 3.3.8 */
    NOTE(check_content_length(m));
    if (!m->is_response)
        NOTE(check_request_uri(m));
    if (hops)
        NOTE(check_max_forwards(m, hops));
#undef NOTE
    return first && m->is_response ? -CW_R_DROP_BAD_RESPONSE : first;
}
