/* name-addr and addr-spec with header parameters: RFC 3261 20.10 and 25.1, RFC 8217. The URI inside is only framed;
 * From and To may carry any scheme (RFC 4475 3.3.4).
 *
 * Deliberate leniencies: octets from 0x80 on in an unquoted display-name; empty parameters (";;") of an address.
 */
#include "cw_addr.h"
#include "cw_param.h"

/* *( token LWS ) before '<'; NULL when something else comes first. */
static const uint8_t *display_end(const uint8_t *p, const uint8_t *end)
{
    while (p < end && (*p >= 0x80 || cw_is(*p, CW_CH_TOKEN | CW_CH_WS)))
        p++;
    return p < end && *p == '<' ? p : NULL;
}

/* A scheme and its colon stand at the beginning of the URI [p, end). */
static inline bool has_scheme(const uint8_t *p, const uint8_t *end)
{
    if (cw_likely(end - p >= 5 && cw_same(p, "sip:", 4)))
        return true;
    return p < end && (uint8_t)(cw_lower(*p) - 'a') < 26 && memchr(p, ':', (size_t)(end - p));
}

static inline const uint8_t *between_brackets(const uint8_t *buf, const uint8_t *p, const uint8_t *end, struct cw_addr *addr)
{
    const uint8_t *close = cw_skip_run(buf, p + 1, end, CW_CH_URI);
    if (close == end || *close != '>' || !has_scheme(p + 1, close))
        return NULL; /* RFC 4475 3.1.2.14: no white space next to the brackets */
    addr->uri = cw_span_at(buf, p + 1, close);
    addr->brackets = true;
    return close + 1;
}

/* RFC 3261 20.10: without <> everything behind ';' is a header parameter. */
static const uint8_t *bare(const uint8_t *buf, const uint8_t *p, const uint8_t *end, struct cw_addr *addr)
{
    const uint8_t *stop = cw_skip_run(buf, p, end, CW_CH_PVALUE);
    if (!has_scheme(p, stop)) /* CW_CH_PVALUE is within CW_CH_URI */
        return NULL;
    addr->uri = cw_span_at(buf, p, stop);
    return stop;
}

static int addr_params(const uint8_t *buf, const uint8_t *p, const uint8_t *end, unsigned err, struct cw_addr *addr)
{
    struct cw_param param;
    if (p < end && *p <= ' ')
        p = cw_skip_ws(p, end);
    if (p == end)
        return 0;
    addr->params = cw_span_at(buf, p, end);
    if (end - p > 5 && memcmp(p, ";tag=", 5) == 0) { /* what nearly every From ends with */
        const uint8_t *stop = cw_skip_run(buf, p + 5, end, CW_CH_PVALUE);
        if (cw_likely(stop == end)) {
            addr->tag = cw_span_at(buf, p + 5, end);
            return 0;
        }
    }
    for (;;)
        switch (cw_param_step(buf, &p, end, &param)) {
        case CW_PARAM_END:
            return 0;
        case CW_PARAM_BAD:
            return -(int)err;
        case CW_PARAM_ONE: /* an empty tag is none: RFC 2543 peers send it */
            if (param.value != param.value_end && !addr->tag.len && cw_param_is_lit(&param, "tag"))
                addr->tag = cw_span_at(buf, param.value, param.value_end);
            break;
        default:
            break;
        }
}

int cw_addr_parse(const uint8_t *buf, struct cw_span text, unsigned err, struct cw_addr *addr)
{
    const uint8_t *p = buf + text.off, *end = p + text.len;
    memset(addr, 0, sizeof *addr);
    if (p == end)
        return -(int)err;
    addr->value = text;
    if (*p == '"') {
        const uint8_t *close = cw_quoted_end(p, end);
        if (!close)
            return -(int)err; /* RFC 4475 3.1.2.6 */
        addr->display = cw_span_at(buf, p, close);
        p = cw_skip_ws(close, end);
        p = p < end && *p == '<' ? between_brackets(buf, p, end, addr) : NULL;
    } else if (*p == '<') {
        p = between_brackets(buf, p, end, addr);
    } else {
        const uint8_t *open = display_end(p, end);
        if (open) {
            const uint8_t *last = open;
            while (last > p && cw_is(last[-1], CW_CH_WS))
                last--;
            if (last > p)
                addr->display = cw_span_at(buf, p, last);
            p = between_brackets(buf, open, end, addr);
        } else {
            p = bare(buf, p, end, addr); /* refuses an unquoted display-name with a comma: RFC 4475 3.1.2.15 */
        }
    }
    return p ? addr_params(buf, p, end, err, addr) : -(int)err;
}

bool cw_param_find(const uint8_t *buf, struct cw_span params, const char *name, size_t name_len, struct cw_span *value)
{
    const uint8_t *p = buf + params.off, *end = p + params.len;
    *value = (struct cw_span){0, 0};
    while (p < end) {
        const uint8_t *start = cw_skip_ws(p + (*p == ';'), end), *stop = start;
        const uint8_t *eq = NULL;
        for (; stop < end && *stop != ';'; stop++) {
            if (*stop == '=' && !eq)
                eq = stop;
            if (*stop == '"') {
                stop = cw_quoted_end(stop, end);
                if (!stop)
                    return false;
                stop--;
            }
        }
        const uint8_t *name_end = eq ? eq : stop;
        while (name_end > start && cw_is(name_end[-1], CW_CH_WS))
            name_end--;
        if (cw_ieq(start, (size_t)(name_end - start), name, name_len)) {
            if (eq) {
                const uint8_t *v = cw_skip_ws(eq + 1, stop), *v_end = stop;
                while (v_end > v && cw_is(v_end[-1], CW_CH_WS))
                    v_end--;
                *value = cw_span_at(buf, v, v_end);
            }
            return true;
        }
        p = stop;
    }
    return false;
}
