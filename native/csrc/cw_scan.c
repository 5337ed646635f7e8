/* The scanner, see cw_scan.h. One pass finds the line ends; a header name is known by its length
 * and first letter and then compared word by word, so that the table of names is never walked.
 */
#include "cw_scan.h"
#include "cw_lines.h"

/* "A b:c SIP/2.0\n\n" and "SIP/2.0 100 \n\n" are the shortest; a shorter datagram is a keep-alive or noise. */
#define SHORTEST 14

/* 0 for "SIP/2.0"; -CW_R_BAD_VERSION for a well-formed other version; -CW_R_BAD_START_LINE. RFC 3261 25.1:
 * SIP-Version is case-insensitive. */
static int sip_version(const uint8_t *p, const uint8_t *end)
{
    if (cw_likely(end - p == 7 && memcmp(p, "SIP/2.0", 7) == 0))
        return 0;
    if (end - p < 7 || !cw_same_lit(p, 4, "sip/"))
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
        if (last - version < 4 || !cw_same_lit(version, 4, "sip/"))
            return -CW_R_DROP_NOT_SIP;
        fault = last == end && version[-1] == ' ' ? sip_version(version, last) : -CW_R_BAD_START_LINE;
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

/* Offset of the first colon of the line [start, end); end or more when there is none. `len` is the datagram's. */
static inline uint32_t colon_of(const uint8_t *buf, uint32_t start, uint32_t end, uint32_t len)
{
#if CW_SSE2
    if (cw_likely(len - start >= 16)) {
        __m128i x = _mm_loadu_si128((const __m128i *)(const void *)(buf + start));
        unsigned hit = (unsigned)_mm_movemask_epi8(_mm_cmpeq_epi8(x, _mm_set1_epi8(':')));
        if (cw_likely(hit != 0))
            return start + (uint32_t)__builtin_ctz(hit);
    }
#else
    (void)len;
#endif
    const uint8_t *p = memchr(buf + start, ':', end - start);
    return p ? (uint32_t)(p - buf) : end;
}

/* The header line [start, end), folds included, into hdr; false when it has no name or no colon. */
static inline bool header_line(const uint8_t *buf, uint32_t start, uint32_t end, uint32_t len, struct cw_hdr *hdr)
{
    const uint32_t colon = colon_of(buf, start, end, len);
    if (cw_unlikely(colon >= end))
        return false;
    uint32_t name_len = colon - start;
    if (cw_unlikely(buf[colon - 1] <= ' ')) /* RFC 3261 7.3.1: white space before the colon */
        while (name_len && (buf[start + name_len - 1] == ' ' || buf[start + name_len - 1] == '\t'))
            name_len--;
    uint8_t id = cw_header_id(buf + start, name_len);
    if (id == CW_H_OTHER && (!name_len || !cw_visible(buf, buf + start, buf + start + name_len)))
        return false;
    uint32_t value = colon + 1;
    if (cw_likely(end - colon > 2 && buf[value] == ' ' && buf[value + 1] > ' ' && buf[end - 1] > ' ')) {
        value++;
    } else {
        while (value < end && cw_is(buf[value], CW_CH_WS))
            value++;
        while (end > value && cw_is(buf[end - 1], CW_CH_WS))
            end--;
    }
    hdr->id = id;
    hdr->next = 0xffff;
    hdr->name_len = (uint16_t)name_len;
    hdr->line_off = (uint16_t)start;
    hdr->value = cw_span_of(value, end);
    return true;
}

/* The header lines from `pos` on, up to the empty line. */
static int header_lines(struct cw_msg *m, struct cw_lines *lines, uint32_t pos)
{
    const uint8_t *buf = m->buf;
    const uint32_t len = m->len;
    uint16_t last[CW_H_COUNT]; /* of each name; set when first[] is */
    uint32_t n = 0;
    int fault = 0;
    for (;;) {
        const uint32_t start = pos;
        bool folded = false, bare_cr = false;
        uint32_t lf = cw_lines_next(lines, &bare_cr);
        if (cw_unlikely(lf + 1 < len && buf[lf + 1] <= ' ')) /* a fold, or the empty line */
            while (lf && lf + 1 < len && lf > start + 1 && (buf[lf + 1] == ' ' || buf[lf + 1] == '\t')) {
                folded = true;
                lf = cw_lines_next(lines, &bare_cr);
            }
        if (cw_unlikely(!lf)) {
            fault = -CW_R_BAD_HEADER; /* no empty line */
            break;
        }
        uint32_t end = lf;
        if (cw_likely(end > start && buf[end - 1] == '\r'))
            end--;
        pos = lf + 1;
        if (end == start) {
            m->body = cw_span_of(pos, len);
            break;
        }
        if (cw_unlikely(n == CW_HDRS_MAX)) {
            fault = -CW_R_TOO_MANY_HEADERS;
            break;
        }
        struct cw_hdr *hdr = &m->hdrs[n];
        m->headers_end = (uint16_t)pos;
        if (cw_unlikely(bare_cr || !header_line(buf, start, end, len, hdr))) {
            fault = -CW_R_BAD_HEADER;
            continue;
        }
        hdr->folded = folded;
        hdr->line_len = (uint16_t)(pos - start);
        if (hdr->id != CW_H_OTHER) {
            uint16_t *first = &m->first[hdr->id];
            if (*first == 0xffff)
                *first = (uint16_t)n;
            else
                m->hdrs[last[hdr->id]].next = (uint16_t)n;
            last[hdr->id] = (uint16_t)n;
        }
        n++;
    }
    m->n_hdrs = (uint16_t)n;
    return fault;
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
    if (!cw_is(*buf, CW_CH_TOKEN))
        return -CW_R_DROP_NOT_SIP;
    struct cw_lines lines;
    bool bare_cr = false;
    cw_lines_init(&lines, buf, len);
    uint32_t lf = cw_lines_next(&lines, &bare_cr);
    if (!lf)
        return -CW_R_DROP_NOT_SIP;
    const uint8_t *line_end = buf + lf - (buf[lf - 1] == '\r');
    int fault = cw_same_lit(buf, 4, "sip/") ? status_line(m, buf, line_end) : request_line(m, buf, line_end);
    if (fault == -CW_R_DROP_NOT_SIP)
        return fault;
    if (bare_cr && !fault)
        fault = -CW_R_BAD_START_LINE;
    m->headers_off = m->headers_end = (uint16_t)(lf + 1);
    int header_fault = header_lines(m, &lines, lf + 1);
    if (!fault)
        fault = header_fault;
    return fault && m->is_response ? -CW_R_DROP_BAD_RESPONSE : fault;
}

static inline void trim(const uint8_t **p, const uint8_t **end)
{
    while (*p < *end && cw_is(**p, CW_CH_WS))
        ++*p;
    while (*end > *p && cw_is((*end)[-1], CW_CH_WS))
        --*end;
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
    for (; p < end && *p != ','; p++) {
        if (*p == '<')
            p = memchr(p, '>', (size_t)(end - p)); /* nothing inside the brackets parts the list */
        else if (*p == '"' && (p = cw_quoted_end(p, end)))
            p--;
        if (!p) {
            *bad = true;
            return false;
        }
    }
    const uint8_t *to = p;
    trim(&from, &to);
    *pos = (uint32_t)(p - m->buf);
    *value = cw_span_at(m->buf, from, to);
    *bad = from == to;
    return !*bad;
}
