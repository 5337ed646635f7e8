/* Who calls whom: STANDARDS 2.3 (which identity counts) and 2.4 (when an address is a telephone number).
 *
 * A tel URI or user=phone says that it is a number. Other user parts are numbers when they are written like one: a
 * leading + (or %2B), or nothing but digits and separators (RFC 8224 8.1 leaves this to local policy). Parameters of the
 * user part (npdi, rn, verstat, isub...) fall away; phone-context is used. Names for "nobody" make a caller withheld.
 * The called number is judged whatever else stands in the message: an emergency Request-URI is never hidden by another
 * header.
 */
#include "cw_digits.h"

#define IDENTITIES_MAX 8 /* values of P-Asserted-Identity looked at; RFC 5876 4.5: the first of each scheme counts */

static bool is_nobody(const uint8_t *user, size_t len)
{
    switch (len) { /* habits of switches; RFC 3323 4.1.1.3 "anonymous" */
    case 7:
        return cw_ieq_lit(user, len, "unknown");
    case 9:
        return cw_ieq_lit(user, len, "anonymous");
    case 10:
        return cw_ieq_lit(user, len, "restricted");
    case 11:
        return cw_ieq_lit(user, len, "unavailable");
    default:
        return false;
    }
}

/* The party that a URI names. */
static void party_of(const uint8_t *buf, const struct cw_uri *uri, const struct cw_dialplan *plan, struct cw_party *party)
{
    *party = (struct cw_party){.classes = CW_BIT(NONNUMERIC), .raw = uri->user};
    if (uri->scheme == CW_S_URN_SERVICE) {
        if (uri->user.len >= 3 && cw_ieq_lit(buf + uri->user.off, 3, "sos"))
            party->classes |= CW_BIT(EMERGENCY); /* RFC 5031 */
        return;
    }
    if ((uri->scheme != CW_S_SIP && uri->scheme != CW_S_SIPS && uri->scheme != CW_S_TEL) || uri->user.len == 0)
        return;
    const uint8_t *user = buf + uri->user.off;
    struct cw_digits digits;
    size_t len = cw_digits_read(user, uri->user.len, true, &digits);
    bool number = digits.n > 0 && (!digits.other || digits.plus || uri->user_phone || uri->scheme == CW_S_TEL);
    if (!number) {
        if (is_nobody(user, len) || (uri->host.len == 17 && cw_ieq_lit(buf + uri->host.off, 17, "anonymous.invalid")))
            party->classes = CW_BIT(WITHHELD);
        return;
    }
    struct cw_span context = {0, 0};
    if (len < uri->user.len) {
        struct cw_span params = cw_span_of(uri->user.off + len, (size_t)uri->user.off + uri->user.len);
        if (!cw_param_find(buf, params, "phone-context", 13, &context))
            context.len = 0;
    }
    party->num = cw_digits_resolve(plan, &digits, buf + context.off, context.len, &party->classes);
}

/* cw_uri_parse(), with a short way for what nearly every call carries: sip:+digits@host is a number whatever follows. */
static bool read_uri(const uint8_t *buf, struct cw_span text, struct cw_uri *uri)
{
    const uint8_t *p = buf + text.off, *end = p + text.len;
    if (text.len > 5 && p[3] == ':' && cw_ieq_lit(p, 3, "sip") && (p[4] == '+' || cw_isdigit(p[4]))) {
        const uint8_t *q = p + 5;
        while (q < end && cw_isdigit(*q))
            q++;
        if (q + 1 < end && *q == '@') {
            uri->scheme = CW_S_SIP;
            uri->user_phone = false;
            uri->host = (struct cw_span){0, 0};
            uri->user = cw_span_of(text.off + 4u, (size_t)(q - buf));
            return true;
        }
    }
    return cw_uri_parse(buf, text, uri) == 0;
}

/* The party of one name-addr; false when it cannot be read. */
static bool party_of_addr(const uint8_t *buf, struct cw_span value, const struct cw_dialplan *plan, struct cw_uri *uri,
                          struct cw_party *party)
{
    struct cw_addr addr;
    if (cw_addr_parse(buf, value, CW_R_BAD_HEADER, &addr) != 0 || !read_uri(buf, addr.uri, uri))
        return false;
    party_of(buf, uri, plan, party);
    return true;
}

static void party_of_checked(const struct cw_msg *m, const struct cw_addr *addr, const struct cw_dialplan *plan,
                             struct cw_party *party)
{
    struct cw_uri uri;
    *party = (struct cw_party){.classes = CW_BIT(NONNUMERIC)};
    if (addr->uri.len != 0 && read_uri(m->buf, addr->uri, &uri))
        party_of(m->buf, &uri, plan, party);
}

/* RFC 3325 9.1: one tel and one sip value, tel before sip; false when no value can be read. */
static bool asserted(const struct cw_msg *m, const struct cw_dialplan *plan, struct cw_parties *out)
{
    struct cw_party tel = {0}, sip = {0}, one;
    struct cw_uri uri;
    struct cw_span value;
    unsigned seen = 0;
    bool bad, has_tel = false, has_sip = false;
    for (const struct cw_hdr *h = cw_first(m, CW_H_P_ASSERTED_IDENTITY); h != NULL; h = cw_next(m, h)) {
        uint32_t pos = h->value.off;
        while (seen++ < IDENTITIES_MAX && cw_next_value(m, h, &pos, &value, &bad)) {
            if (!party_of_addr(m->buf, value, plan, &uri, &one))
                continue;
            if (uri.scheme == CW_S_TEL && !has_tel) {
                has_tel = true;
                tel = one;
            } else if ((uri.scheme == CW_S_SIP || uri.scheme == CW_S_SIPS) && !has_sip) {
                has_sip = true;
                sip = one;
            }
        }
    }
    if (tel.num != 0 && sip.num != 0 && tel.num != sip.num)
        out->flags |= CW_P_PAI_CONFLICT;
    out->caller = tel.num != 0 || !has_sip || (has_tel && sip.num == 0) ? tel : sip;
    return has_tel || has_sip;
}

/* RFC 3323 4.2, RFC 3325 9.3: priv-values parted by ';'; ',' is a habit. */
static bool asks_privacy(const struct cw_msg *m)
{
    for (const struct cw_hdr *h = cw_first(m, CW_H_PRIVACY); h != NULL; h = cw_next(m, h)) {
        const uint8_t *p = cw_at(m, h->value), *end = p + h->value.len;
        while (p < end) {
            const uint8_t *word = p;
            while (p < end && (uint8_t)(cw_lower(*p) - 'a') < 26)
                p++;
            size_t len = (size_t)(p - word);
            if (cw_ieq_lit(word, len, "id") || cw_ieq_lit(word, len, "user") || cw_ieq_lit(word, len, "header"))
                return true;
            if (len == 0)
                p++;
        }
    }
    return false;
}

static void callee_of(const struct cw_msg *m, const struct cw_dialplan *plan, bool trusted, struct cw_party *callee)
{
    if (m->uri.user.len != 0)
        party_of(m->buf, &m->uri, plan, callee);
    else
        party_of_checked(m, &m->to, plan, callee);
    if (!trusted || (callee->classes & CW_BIT(EMERGENCY)))
        return;
    const struct cw_hdr *h = cw_first(m, CW_H_P_CALLED_PARTY_ID); /* RFC 7315 4.2: the Request-URI is a contact by now */
    struct cw_uri uri;
    struct cw_party called;
    if (h != NULL && party_of_addr(m->buf, h->value, plan, &uri, &called) &&
        (called.num != 0 || (called.classes & CW_BIT(EMERGENCY)) || callee->num == 0))
        *callee = called;
}

static bool neighbours(const struct cw_party *a, const struct cw_party *b, const struct cw_dialplan *plan)
{
    const uint32_t mask = CW_BIT(DOMESTIC) | CW_BIT(SHORT);
    if (a->num == b->num || (a->classes & mask) != CW_BIT(DOMESTIC) || (b->classes & mask) != CW_BIT(DOMESTIC))
        return false;
    unsigned keep = 7 + cw_num_digits(plan->country_code);
    return cw_num_head(a->num, keep) == cw_num_head(b->num, keep);
}

void cw_identify(const struct cw_msg *m, const struct cw_dialplan *plan, bool trusted, struct cw_parties *out)
{
    struct cw_party from;
    out->presented = (struct cw_party){0};
    out->flags = 0;
    callee_of(m, plan, trusted, &out->callee);
    party_of_checked(m, &m->from, plan, &from);
    if (!trusted) {
        out->caller = from;
        out->flags |= CW_P_UNVERIFIED;
    } else if (!asserted(m, plan, out) || (out->caller.num == 0 && from.num != 0)) {
        out->caller = from; /* 2.3 row 4 */
    } else {
        out->presented = from;
        if (from.num != 0 && from.num != out->caller.num)
            out->flags |= CW_P_MISMATCH;
    }
    if (out->caller.num != 0 && out->callee.num != 0) {
        if (out->caller.num == out->callee.num)
            out->flags |= CW_P_EQUALS_CALLEE;
        else if (neighbours(&out->caller, &out->callee, plan))
            out->flags |= CW_P_NEIGHBOUR;
    }
    if (asks_privacy(m))
        out->flags |= CW_P_PRIVACY;
    if (cw_first(m, CW_H_DIVERSION) != NULL || cw_first(m, CW_H_HISTORY_INFO) != NULL)
        out->flags |= CW_P_DIVERTED;
}
