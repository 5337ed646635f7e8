/* SIP, SIPS, tel and service URIs: RFC 3261 19.1 and 25.1, RFC 3966, RFC 5031. Nothing is decoded or judged beyond the
 * structure: escapes stay as they are (RFC 4475 3.1.1.3, 3.1.1.4), and so do odd octets that delimit nothing.
 */
#include "cw_addr.h"
#include "cw_chars.h"

/* Parameters behind host:port; names and values are free of ';' and '?' by then. */
static void uri_params(const uint8_t *buf, const uint8_t *p, const uint8_t *end, struct cw_uri *uri)
{
    while (p < end) {
        const uint8_t *name = p, *semi = memchr(p, ';', (size_t)(end - p));
        if (!semi)
            semi = end;
        const uint8_t *eq = memchr(name, '=', (size_t)(semi - name));
        size_t name_len = (size_t)((eq ? eq : semi) - name), value_len = eq ? (size_t)(semi - eq - 1) : 0;
        if (cw_same_lit(name, name_len, "lr"))
            uri->lr = true; /* "lr=on" and "lr=true" are habits of old proxies */
        else if (cw_same_lit(name, name_len, "user"))
            uri->user_phone = eq && cw_same_lit(eq + 1, value_len, "phone");
        else if (eq && value_len && cw_same_lit(name, name_len, "maddr"))
            uri->maddr = cw_span_at(buf, eq + 1, semi);
        p = semi + (semi < end);
    }
}

/* hostport [ params ] [ headers ] */
static int uri_host(const uint8_t *buf, const uint8_t *p, const uint8_t *end, struct cw_uri *uri)
{
    const uint8_t *host = p;
    if (p < end && *p == '[') {
        host = ++p;
        p = cw_skip(p, end, CW_CH_IP6); /* RFC 5118 4.10: a ':' too many is tolerated */
        if (p == end || *p != ']')
            return -CW_R_BAD_URI;
        uri->host_ipv6 = true;
    } else {
        p = cw_skip_run(buf, p, end, CW_CH_HOST);
    }
    if (p == host)
        return -CW_R_BAD_URI;
    uri->host = cw_span_at(buf, host, p);
    p += uri->host_ipv6;
    if (p < end && *p == ':') {
        int64_t port = cw_digits_at(p + 1, end, 65535, &p);
        if (port < 0)
            return -CW_R_BAD_URI; /* RFC 5118 4.2: an IPv6 address without brackets ends here */
        uri->port = (uint16_t)port;
    }
    if (p == end)
        return 0;
    if (*p != ';' && *p != '?')
        return -CW_R_BAD_URI;
    const uint8_t *query = memchr(p, '?', (size_t)(end - p));
    if (*p == ';') {
        const uint8_t *params_end = query ? query : end;
        uri->params = cw_span_at(buf, p + 1, params_end);
        if (params_end - p == 11 && memcmp(p, ";user=phone", 11) == 0)
            uri->user_phone = true;
        else
            uri_params(buf, p + 1, params_end, uri);
    }
    if (query)
        uri->headers = cw_span_at(buf, query + 1, end);
    return 0;
}

/* The scheme: its kind, and *rest behind the ':'; CW_S_NONE when there is none. */
static uint8_t uri_scheme(const uint8_t *p, const uint8_t *end, const uint8_t **rest)
{
    size_t len = (size_t)(end - p);
    if (cw_likely(len > 4 && cw_same(p, "sip:", 4))) {
        *rest = p + 4;
        return CW_S_SIP;
    }
    if (!len || !cw_is(*p, CW_CH_SCHEME) || (uint8_t)(cw_lower(*p) - 'a') >= 26)
        return CW_S_NONE;
    const uint8_t *colon = cw_skip(p, end, CW_CH_SCHEME);
    if (colon == end || *colon != ':' || colon + 1 == end)
        return CW_S_NONE;
    *rest = colon + 1;
    size_t name_len = (size_t)(colon - p);
    if (cw_same_lit(p, name_len, "sip"))
        return CW_S_SIP;
    if (cw_same_lit(p, name_len, "sips"))
        return CW_S_SIPS;
    if (cw_same_lit(p, name_len, "tel"))
        return CW_S_TEL;
    if (len > 12 && cw_same_lit(p, 12, "urn:service:")) {
        *rest = p + 12;
        return CW_S_URN_SERVICE;
    }
    return CW_S_OTHER;
}

int cw_uri_parse(const uint8_t *buf, struct cw_span text, struct cw_uri *uri)
{
    const uint8_t *p = buf + text.off, *end = p + text.len;
    memset(uri, 0, sizeof *uri);
    uri->scheme = uri_scheme(p, end, &p);
    if (uri->scheme == CW_S_NONE)
        return -CW_R_BAD_URI;
    if (cw_skip_run(buf, p, end, CW_CH_URI) != end)
        return -CW_R_BAD_URI;
    uri->all = text;
    if (uri->scheme == CW_S_OTHER)
        return 0;
    if (uri->scheme == CW_S_TEL || uri->scheme == CW_S_URN_SERVICE) {
        uri->user = cw_span_at(buf, p, end);
        const uint8_t *semi = memchr(p, ';', (size_t)(end - p));
        if (semi == p)
            return -CW_R_BAD_URI;
        if (semi)
            uri->params = cw_span_at(buf, semi + 1, end);
        return 0;
    }
    /* '@' cannot stand unescaped in a user part (RFC 3261 25.1): the first one ends it */
    const uint8_t *at = memchr(p, '@', (size_t)(end - p));
    if (at) {
        const uint8_t *colon = memchr(p, ':', (size_t)(at - p)); /* ':' in a user part is %3A: what follows is a password */
        const uint8_t *user_end = colon ? colon : at;
        if (user_end == p)
            return -CW_R_BAD_URI;
        uri->user = cw_span_at(buf, p, user_end);
        p = at + 1;
    }
    return uri_host(buf, p, end, uri);
}
