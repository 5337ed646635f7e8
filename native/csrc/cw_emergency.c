/* The bypass: STANDARDS 8.4. Any one condition lets a call pass untouched, before any look-up.
 *
 * Nothing here asks who sent the message: a false bypass lets one call through unscreened, a missed one may cost a life.
 */
#include "cw_digits.h"

static bool holds(const cw_num *sorted, uint32_t n, cw_num key)
{
    uint32_t low = 0, high = key == 0 ? 0 : n;
    while (low < high) {
        uint32_t mid = low + (high - low) / 2;
        if (sorted[mid] == key)
            return true;
        if (sorted[mid] < key)
            low = mid + 1;
        else
            high = mid;
    }
    return false;
}

/* ;sos among the URI parameters `params`, the text behind the first ';' (TS 24.229) */
static bool uri_says_sos(const uint8_t *buf, struct cw_span params)
{
    struct cw_span value;
    return params.len >= 3 && cw_param_find(buf, params, "sos", 3, &value);
}

/* Contact is in every INVITE and almost never says sos: a look at the bytes behind each ';' spares the parse. */
static bool may_say_sos(const uint8_t *p, size_t len)
{
    const uint8_t *end = p + len;
    while ((p = memchr(p, ';', (size_t)(end - p))) != NULL) {
        p++;
        if (end - p >= 3 && cw_ieq_lit(p, 3, "sos"))
            return true;
    }
    return false;
}

static bool contact_says_sos(const struct cw_msg *m)
{
    for (const struct cw_hdr *h = cw_first(m, CW_H_CONTACT); h != NULL; h = cw_next(m, h)) {
        if (cw_likely(!may_say_sos(cw_at(m, h->value), h->value.len)))
            continue;
        uint32_t pos = h->value.off;
        struct cw_span value;
        struct cw_addr addr;
        struct cw_uri uri;
        bool bad;
        while (cw_next_value(m, h, &pos, &value, &bad))
            if (cw_addr_parse(m->buf, value, CW_R_BAD_HEADER, &addr) == 0 && cw_uri_parse(m->buf, addr.uri, &uri) == 0 &&
                uri_says_sos(m->buf, uri.params))
                return true;
    }
    return false;
}

/* One member of a header equals, or with `prefix` begins with, one of two words in lower case. */
static bool member_is(const struct cw_msg *m, uint8_t header, bool prefix, const char *a, const char *b)
{
    for (const struct cw_hdr *h = cw_first(m, header); h != NULL; h = cw_next(m, h)) {
        uint32_t pos = h->value.off;
        struct cw_span value;
        bool bad;
        while (cw_next_value(m, h, &pos, &value, &bad)) {
            const char *words[2] = {a, b};
            for (unsigned i = 0; i < 2; i++) {
                size_t len = strlen(words[i]);
                if (value.len >= len && (prefix || value.len == len) && cw_ieq(cw_at(m, value), len, words[i], len))
                    return true;
            }
        }
    }
    return false;
}

bool cw_is_emergency(const struct cw_msg *m, const struct cw_parties *p, const struct cw_emergency *extra)
{
    static const char sos[] = "urn:service:sos"; /* RFC 5031, RFC 7163 */
    if (p->callee.classes & CW_BIT(EMERGENCY))
        return true;
    if (m->ruri.len >= sizeof sos - 1 && cw_ieq(cw_at(m, m->ruri), sizeof sos - 1, sos, sizeof sos - 1))
        return true;
    if (extra != NULL && (holds(extra->callees, extra->n_callees, p->callee.num) ||
                          holds(extra->psap_callers, extra->n_psap_callers, p->caller.num)))
        return true;
    return uri_says_sos(m->buf, m->uri.params) || contact_says_sos(m) ||
           member_is(m, CW_H_RESOURCE_PRIORITY, true, "esnet.", "esnet.") || /* RFC 7135 */
           member_is(m, CW_H_PRIORITY, false, "emergency", "psap-callback"); /* RFC 3261 20.26, RFC 7090 */
}
