#include "cw_lg_scan.h"

#include <string.h>
#include <strings.h>

bool cw_lg_span_is(struct cw_lg_span s, const char *text)
{
    size_t n = strlen(text);
    return s.n == n && memcmp(s.p, text, n) == 0;
}

bool cw_lg_span_ends(struct cw_lg_span s, const char *text, size_t n)
{
    return s.n >= n && memcmp(s.p + s.n - n, text, n) == 0;
}

struct cw_lg_span cw_lg_tag(struct cw_lg_span header)
{
    struct cw_lg_span none = { header.p, 0 };
    if (header.n == 0)
        return none;
    const char *end = header.p + header.n;
    const char *p = memrchr(header.p, '>', header.n);
    for (p = p == NULL ? header.p : p; p < end; p++) {
        p = memchr(p, ';', (size_t)(end - p));
        if (p == NULL)
            return none;
        if (end - p > 5 && strncasecmp(p, ";tag=", 5) == 0) {
            const char *stop = memchr(p + 5, ';', (size_t)(end - p - 5));
            return (struct cw_lg_span){ p + 5, (size_t)((stop == NULL ? end : stop) - p - 5) };
        }
    }
    return none;
}

struct cw_lg_span cw_lg_uri(struct cw_lg_span header)
{
    if (header.n == 0)
        return header;
    const char *open = memchr(header.p, '<', header.n);
    const char *end = header.p + header.n;
    if (open != NULL) {
        const char *close = memchr(open, '>', (size_t)(end - open));
        if (close != NULL)
            return (struct cw_lg_span){ open + 1, (size_t)(close - open - 1) };
    }
    const char *stop = memchr(header.p, ';', header.n);
    return (struct cw_lg_span){ header.p, (size_t)((stop == NULL ? end : stop) - header.p) };
}

static int start_line(const char *p, size_t n, struct cw_lg_msg *m)
{
    if (n >= 11 && memcmp(p, "SIP/2.0 ", 8) == 0) {
        m->status = (p[8] - '0') * 100 + (p[9] - '0') * 10 + (p[10] - '0');
        return m->status >= 100 && m->status <= 699 ? 0 : -1;
    }
    const char *space = memchr(p, ' ', n);
    if (space == NULL || n < 8 || memcmp(p + n - 8, " SIP/2.0", 8) != 0)
        return -1;
    m->method = (struct cw_lg_span){ p, (size_t)(space - p) };
    return 0;
}

static int add(struct cw_lg_span *list, unsigned *n, struct cw_lg_span value)
{
    if (*n == CW_LG_MAX_LINES)
        return -1;
    list[(*n)++] = value;
    return 0;
}

static int header(struct cw_lg_span name, struct cw_lg_span value, struct cw_lg_msg *m)
{
    switch (name.n) {
    case 1:
        switch (name.p[0] | 0x20) {
        case 'v': return add(m->via, &m->n_via, value);
        case 'f': m->from = value; break;
        case 't': m->to = value; break;
        case 'i': m->call_id = value; break;
        case 'm': m->contact = value; break;
        default: break;
        }
        break;
    case 2:
        if (strncasecmp(name.p, "to", 2) == 0)
            m->to = value;
        break;
    case 3:
        if (strncasecmp(name.p, "via", 3) == 0)
            return add(m->via, &m->n_via, value);
        break;
    case 4:
        if (strncasecmp(name.p, "from", 4) == 0)
            m->from = value;
        else if (strncasecmp(name.p, "cseq", 4) == 0)
            m->cseq = value;
        break;
    case 7:
        if (strncasecmp(name.p, "call-id", 7) == 0)
            m->call_id = value;
        else if (strncasecmp(name.p, "contact", 7) == 0)
            m->contact = value;
        break;
    case 12:
        if (strncasecmp(name.p, "record-route", 12) == 0)
            return add(m->rr, &m->n_rr, value);
        break;
    default:
        break;
    }
    return 0;
}

int cw_lg_scan(const char *buf, size_t len, struct cw_lg_msg *m)
{
    const char *p = buf;
    const char *end = buf + len;
    const char *eol = memchr(p, '\n', len);
    memset(m, 0, sizeof *m);
    if (eol == NULL || eol == p || eol[-1] != '\r' || start_line(p, (size_t)(eol - 1 - p), m) != 0)
        return -1;
    for (p = eol + 1; p < end; p = eol + 1) {
        eol = memchr(p, '\n', (size_t)(end - p));
        if (eol == NULL || eol == p || eol[-1] != '\r')
            return -1;
        if (eol - 1 == p)
            return m->via[0].p && m->from.p && m->to.p && m->call_id.p && m->cseq.p ? 0 : -1;
        const char *colon = memchr(p, ':', (size_t)(eol - p));
        if (colon == NULL)
            return -1;
        struct cw_lg_span name = { p, (size_t)(colon - p) };
        while (name.n > 0 && (name.p[name.n - 1] == ' ' || name.p[name.n - 1] == '\t'))
            name.n--;
        for (colon++; colon < eol - 1 && (*colon == ' ' || *colon == '\t'); colon++)
            ;
        if (header(name, (struct cw_lg_span){ colon, (size_t)(eol - 1 - colon) }, m) != 0)
            return -1;
    }
    return -1;
}
