/* The scanner, see cw_scan.h. One pass finds the line ends; a header name is known by its length
 * and first letter and then compared word by word, so that the table of names is never walked.
 */
#include "cw_scan.h"
#include "cw_lines.h"

/* "A b:c SIP/2.0\n\n" and "SIP/2.0 100 \n\n" are the shortest; a shorter datagram is a keep-alive or noise. */
#define SHORTEST 14

struct line {
    const uint8_t *end;  /* behind the text: at CR LF or LF */
    const uint8_t *next; /* behind the line feed */
    bool bare_cr;
};

/* The rest of the line at `start`; false when the datagram ends first. */
static inline bool next_line(struct cw_lines *lines, const uint8_t *start, struct line *line)
{
    const uint8_t *lf = cw_lines_next(lines, &line->bare_cr);
    if (cw_unlikely(!lf))
        return false;
    line->next = lf + 1;
    line->end = lf - (lf > start && lf[-1] == '\r');
    return true;
}

/* 0 for "SIP/2.0"; -CW_R_BAD_VERSION for a well-formed other version; -CW_R_BAD_START_LINE. RFC 3261 25.1:
 * SIP-Version is case-insensitive. */
static int sip_version(const uint8_t *p, const uint8_t *end)
{
    if (cw_likely(end - p == 7 && memcmp(p, "SIP/2.0", 7) == 0))
        return 0;
    if (end - p < 7 || !cw_ieq_lit(p, 4, "sip/"))
        return -CW_R_BAD_START_LINE;
    const uint8_t *dot = memchr(p, '.', (size_t)(end - p));
    if (!dot || cw_number(p + 4, dot, 9999) < 0 || cw_number(dot + 1, end, 9999) < 0)
        return -CW_R_BAD_START_LINE;
    return end - p == 7 && p[4] == '2' && p[6] == '0' ? 0 : -CW_R_BAD_VERSION;
}

/* SIP-Version SP 3DIGIT SP phrase. The SP behind the code may be missing with the phrase. */
static int status_line(struct cw_msg *m, const uint8_t *p, const uint8_t *end)
{
    m->is_response = true;
    const uint8_t *sp = memchr(p, ' ', (size_t)(end - p));
    if (!sp || sip_version(p, sp) || end - sp < 4 || (end - sp > 4 && sp[4] != ' '))
        return -CW_R_DROP_BAD_RESPONSE;
    int64_t status = cw_number(sp + 1, sp + 4, 699);
    if (status < 100)
        return -CW_R_DROP_BAD_RESPONSE;
    m->status = (uint16_t)status;
    return 0;
}

/* Method SP Request-URI SP SIP-Version: one SP each, nothing behind (RFC 3261 7.1; RFC 4475 lwsruri, lwsstart, trws). */
static int request_line(struct cw_msg *m, const uint8_t *p, const uint8_t *end)
{
    const uint8_t *method_end = cw_skip(p, end, CW_CH_TOKEN);
    if (method_end == p || method_end == end || *method_end != ' ')
        return -CW_R_DROP_NOT_SIP;
    const uint8_t *uri = method_end + 1, *uri_end = end;
    int fault = 0;
    if (cw_likely(end - uri > 8 && memcmp(end - 8, " SIP/2.0", 8) == 0)) {
        uri_end = end - 8;
    } else {
        const uint8_t *last = end;
        while (last > uri && cw_is(last[-1], CW_CH_WS))
            last--;
        const uint8_t *version = last;
        while (version > uri && !cw_is(version[-1], CW_CH_WS))
            version--;
        if (last - version < 4 || !cw_ieq_lit(version, 4, "sip/"))
            return -CW_R_DROP_NOT_SIP;
        fault = last == end ? sip_version(version, last) : -CW_R_BAD_START_LINE;
        uri_end = version - 1;
    }
    m->method_span = cw_span_at(m->buf, p, method_end);
    m->method = cw_method_id(p, m->method_span.len);
    if (uri_end <= uri)
        return -CW_R_BAD_START_LINE;
    if (memchr(uri, ' ', (size_t)(uri_end - uri)) || memchr(uri, '\t', (size_t)(uri_end - uri)))
        return -CW_R_BAD_START_LINE;
    m->ruri = cw_span_at(m->buf, uri, uri_end);
    return fault;
}

static inline void trim(const uint8_t **p, const uint8_t **end)
{
    while (*p < *end && cw_is(**p, CW_CH_WS))
        ++*p;
    while (*end > *p && cw_is((*end)[-1], CW_CH_WS))
        --*end;
}

/* The ':' of a line, or what stands where it should; the name is not judged yet. */
static inline const uint8_t *find_colon(const uint8_t *p, const uint8_t *end)
{
    for (; end - p >= 8; p += 8) {
        uint64_t hit = cw_equal8(cw_load8(p), ':');
        if (hit)
            return p + cw_lowest8(hit);
    }
    while (p < end && *p != ':')
        p++;
    return p;
}

/* The header line [p, end), folds included, into hdr; false when it has no name or no colon. */
static inline bool header_line(const uint8_t *buf, const uint8_t *p, const uint8_t *end, struct cw_hdr *hdr)
{
    const uint8_t *colon = find_colon(p, end), *name_end = colon;
    if (cw_unlikely(colon == end))
        return false;
    while (name_end > p && (name_end[-1] == ' ' || name_end[-1] == '\t'))
        name_end--; /* RFC 3261 7.3.1: white space before the colon */
    hdr->name_len = (uint16_t)(name_end - p);
    hdr->id = cw_header_id(p, hdr->name_len);
    if (hdr->id == CW_H_OTHER && (name_end == p || cw_skip(p, name_end, CW_CH_TOKEN) != name_end))
        return false;
    const uint8_t *value = colon + 1;
    trim(&value, &end);
    hdr->line_off = (uint16_t)(p - buf);
    hdr->value = cw_span_at(buf, value, end);
    return true;
}

int cw_scan(const uint8_t *buf, size_t len, struct cw_msg *m)
{
    size_t head = offsetof(struct cw_msg, hdrs);
    __asm__("" : "+r"(head)); /* of an unknown size: GCC makes a slow "rep stos" of a known one */
    memset(m, 0, head);
    memset(m->first, 0xff, sizeof m->first);
    m->buf = buf;
    m->len = (uint32_t)len;
    m->max_forwards = -1;
    if (len < SHORTEST)
        return -CW_R_DROP_SHORT;
    if (len > CW_DATAGRAM_MAX)
        return -CW_R_TOO_LARGE;

    const uint8_t *end = buf + len, *p = buf;
    struct cw_lines lines;
    struct line line;
    if (!cw_is(*p, CW_CH_TOKEN))
        return -CW_R_DROP_NOT_SIP;
    cw_lines_init(&lines, p, end);
    if (!next_line(&lines, p, &line))
        return -CW_R_DROP_NOT_SIP;
    int fault = cw_ieq_lit(p, 4, "sip/") ? status_line(m, p, line.end) : request_line(m, p, line.end);
    if (fault == -CW_R_DROP_NOT_SIP)
        return fault;
    if (line.bare_cr && !fault)
        fault = -CW_R_BAD_START_LINE;
    p = line.next;
    m->headers_off = m->headers_end = (uint16_t)(p - buf);

    uint16_t last[CW_H_COUNT]; /* of each name; set when first[] is */
    unsigned n = 0;
    int bad = 0;
    for (;;) {
        const uint8_t *start = p;
        bool folded = false, bare_cr = false;
        for (;;) {
            if (cw_unlikely(!next_line(&lines, p, &line))) {
                bad = -CW_R_BAD_HEADER; /* no empty line */
                goto done;
            }
            bare_cr |= line.bare_cr;
            p = line.next;
            if (line.end == start || p == end || (*p != ' ' && *p != '\t'))
                break;
            folded = true;
        }
        if (line.end == start)
            break;
        if (cw_unlikely(n == CW_HDRS_MAX)) {
            bad = -CW_R_TOO_MANY_HEADERS;
            goto done;
        }
        struct cw_hdr *hdr = &m->hdrs[n];
        m->headers_end = (uint16_t)(p - buf);
        if (cw_unlikely(bare_cr || !header_line(buf, start, line.end, hdr))) {
            bad = -CW_R_BAD_HEADER;
            continue;
        }
        hdr->folded = folded;
        hdr->line_len = (uint16_t)(p - start);
        hdr->next = 0xffff;
        if (hdr->id != CW_H_OTHER) {
            if (m->first[hdr->id] == 0xffff)
                m->first[hdr->id] = (uint16_t)n;
            else
                m->hdrs[last[hdr->id]].next = (uint16_t)n;
            last[hdr->id] = (uint16_t)n;
        }
        n++;
    }
    m->body = cw_span_at(buf, line.next, end);
done:
    m->n_hdrs = (uint16_t)n;
    if (!fault)
        fault = bad;
    return fault && m->is_response ? -CW_R_DROP_BAD_RESPONSE : fault;
}

bool cw_next_value(const struct cw_msg *m, const struct cw_hdr *h, uint32_t *pos, struct cw_span *value, bool *bad)
{
    const uint8_t *start = m->buf + h->value.off, *end = start + h->value.len, *p = m->buf + *pos;
    *bad = false;
    if (p > start) {
        if (p >= end)
            return false;
        p++; /* the comma */
    }
    const uint8_t *from = p;
    bool inside = false;
    for (; p < end && (*p != ',' || inside); p++) {
        if (*p == '<') {
            inside = true;
        } else if (*p == '>') {
            inside = false;
        } else if (*p == '"' && !inside) {
            p = cw_quoted_end(p, end);
            if (!p) {
                *bad = true;
                return false;
            }
            p--;
        }
    }
    const uint8_t *to = p;
    trim(&from, &to);
    *pos = (uint32_t)(p - m->buf);
    *value = cw_span_at(m->buf, from, to);
    *bad = from == to || inside;
    return !*bad;
}
