/* One Via value: RFC 3261 20.42 and 25.1, RFC 3581, RFC 5118 4.5. Other elements' odd parameters never fail it
 * (RFC 5393 4.2.4).
 */
#include "cw_addr.h"
#include "cw_param.h"

/* "SIP / 2.0 / transport"; returns behind it, NULL on a fault. Any version passes: it is the start line's that counts. */
static const uint8_t *sent_protocol(const uint8_t *p, const uint8_t *end, struct cw_via *via)
{
    if (cw_likely(end - p > 12 && memcmp(p, "SIP/2.0/UDP ", 12) == 0)) {
        via->is_udp = true;
        return p + 11;
    }
    const uint8_t *start = p;
    for (int i = 0;; i++) {
        p = cw_skip(start, end, CW_CH_TOKEN);
        if (p == start)
            return NULL;
        if (i == 2)
            break;
        p = cw_skip_ws(p, end);
        if (p == end || *p != '/')
            return NULL;
        start = cw_skip_ws(p + 1, end);
    }
    size_t len = (size_t)(p - start);
    via->is_udp = cw_same_lit(start, len, "udp");
    via->is_tcp = cw_same_lit(start, len, "tcp");
    via->is_tls = cw_same_lit(start, len, "tls");
    return p;
}

/* host [ ":" port ] with LWS around the colon */
static const uint8_t *sent_by(const uint8_t *buf, const uint8_t *p, const uint8_t *end, struct cw_via *via)
{
    const uint8_t *start = p, *host = p;
    if (p < end && *p == '[') {
        host = ++p;
        p = cw_skip(p, end, CW_CH_IP6);
        if (p == end || *p != ']')
            return NULL;
        via->host_ipv6 = true;
    } else {
        p = cw_skip_run(buf, p, end, CW_CH_HOST);
    }
    if (p == host)
        return NULL;
    via->host = cw_span_at(buf, host, p);
    p += via->host_ipv6;
    via->sent_by = cw_span_at(buf, start, p);
    const uint8_t *colon = p < end && *p > ' ' ? p : cw_skip_ws(p, end);
    if (colon < end && *colon == ':') {
        const uint8_t *digits = cw_skip_ws(colon + 1, end);
        int64_t port = cw_digits_at(digits, end, 65535, &p);
        if (port < 0)
            return NULL;
        via->port = (uint16_t)port;
        via->sent_by = cw_span_at(buf, start, p);
    }
    return p;
}

static int via_param(const uint8_t *buf, const struct cw_param *param, struct cw_via *via)
{
    const uint8_t *value = param->value, *value_end = param->value_end;
    bool has_value = value != value_end;
    switch (cw_param_len(param)) {
    case 5:
        if (cw_param_is_lit(param, "rport")) {
            via->has_rport = true;
            via->rport_param = cw_span_at(buf, param->name, value ? value_end : param->name_end);
            if (has_value) {
                int64_t port = cw_number(value, value_end, 65535);
                if (port < 0)
                    return -CW_R_BAD_VIA;
                via->rport = (uint16_t)port;
            }
        } else if (has_value && cw_param_is_lit(param, "maddr")) {
            via->maddr = cw_span_at(buf, value, value_end);
        }
        break;
    case 6:
        if (has_value && cw_param_is_lit(param, "branch"))
            via->branch = cw_span_at(buf, value, value_end);
        break;
    case 8:
        if (has_value && cw_param_is_lit(param, "received")) {
            via->received_param = cw_span_at(buf, param->name, value_end);
            bool brackets = *value == '[' && value_end - value > 2 && value_end[-1] == ']'; /* RFC 5118 4.5 */
            via->received = cw_span_at(buf, value + brackets, value_end - brackets);
        }
        break;
    default:
        break;
    }
    return 0;
}

/* Behind ";branch=value" or ";rport" at p, without white space or quotes; NULL for any other parameter. */
static inline const uint8_t *usual_param(const uint8_t *buf, const uint8_t *p, const uint8_t *end, struct cw_via *via)
{
    if (end - p > 8 && memcmp(p, ";branch=", 8) == 0) {
        const uint8_t *stop = cw_skip_run(buf, p + 8, end, CW_CH_PVALUE);
        if (cw_unlikely(stop == p + 8))
            return NULL;
        via->branch = cw_span_at(buf, p + 8, stop);
        return stop;
    }
    if (end - p < 6 || memcmp(p, ";rport", 6) != 0 || (end - p > 6 && p[6] != ';'))
        return NULL;
    via->has_rport = true;
    via->rport_param = cw_span_at(buf, p + 1, p + 6);
    return p + 6;
}

int cw_via_parse(const uint8_t *buf, struct cw_span text, struct cw_via *via)
{
    const uint8_t *p = buf + text.off, *end = p + text.len;
    memset(via, 0, sizeof *via);
    p = sent_protocol(p, end, via);
    if (!p || p == end || !cw_is(*p, CW_CH_WS))
        return -CW_R_BAD_VIA;
    p = sent_by(buf, cw_skip_ws(p, end), end, via);
    if (!p)
        return -CW_R_BAD_VIA;
    via->value = text;
    struct cw_param param;
    int fault = 0;
    for (const uint8_t *next;;) {
        if ((next = usual_param(buf, p, end, via)) != NULL) {
            p = next;
            continue;
        }
        switch (cw_param_step(buf, &p, end, &param)) {
        case CW_PARAM_END:
            return fault;
        case CW_PARAM_ONE:
            if (via_param(buf, &param, via))
                fault = -CW_R_BAD_VIA;
            break;
        default:
            return -CW_R_BAD_VIA; /* RFC 4475 3.1.2.1 */
        }
    }
}
