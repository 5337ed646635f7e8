#include "cw_label.h"

#define UDP_SAFE 1300u /* RFC 3261 18.1.1 */

#define SHOWN_MAX 512u /* octets of a name that are compared; a telephone shows far fewer */
#define NAME_MAX 512u  /* octets of a name that stays behind a label */

/* Length of the character at p when no telephone shows it: white space, controls, what escapes another (RFC 3261 25.1
 * quoted-pair), and Unicode's invisible ones (as in gateway/labels.py); 0 when it is shown. */
static size_t unseen(const uint8_t *p, size_t left)
{
    static const struct { uint32_t from, to; } ranges[] = {
        {0xc280, 0xc29f},     {0xc2ad, 0xc2ad},     {0xcd8f, 0xcd8f},     {0xd89c, 0xd89c},     {0xe1859f, 0xe185a0},
        {0xe19eb4, 0xe19eb5}, {0xe1a08b, 0xe1a08f}, {0xe2808b, 0xe2808f}, {0xe280a8, 0xe280ae}, {0xe281a0, 0xe281af},
        {0xe38080, 0xe38080}, {0xe385a4, 0xe385a4}, {0xefb880, 0xefb88f}, {0xefbbbf, 0xefbbbf}, {0xefbea0, 0xefbea0},
        {0xefbfb0, 0xefbfbb},
    };
    if (*p < 0x80)
        return *p <= ' ' || *p == 0x7f || *p == '\\';
    if (left >= 4 && p[0] == 0xf3 && p[1] == 0xa0)
        return 4; /* tags */
    size_t len = *p < 0xe0 ? 2 : 3;
    if (left < len)
        return 0;
    uint32_t c = len == 2 ? (uint32_t)p[0] << 8 | p[1] : (uint32_t)p[0] << 16 | (uint32_t)p[1] << 8 | p[2];
    for (size_t i = 0; i < sizeof ranges / sizeof ranges[0]; i++)
        if (c >= ranges[i].from && c <= ranges[i].to)
            return len;
    return 0;
}

/* What a name looks like: without unseen characters, full-width forms narrow, ASCII in lower case. Markers are kept so. */
static size_t fold(const uint8_t *text, size_t len, uint8_t out[SHOWN_MAX])
{
    size_t n = 0;
    for (size_t i = 0; i < len && n < SHOWN_MAX;) {
        const uint8_t *p = text + i;
        size_t skip = unseen(p, len - i);
        if (skip) {
            i += skip;
        } else if (len - i >= 3 && p[0] == 0xef && ((p[1] == 0xbc && p[2] >= 0x81) || (p[1] == 0xbd && p[2] <= 0x9e))) {
            out[n++] = cw_lower((uint8_t)(p[1] == 0xbc ? p[2] - 0x60 : p[2] - 0x20)); /* U+FF01 to U+FF5E */
            i += 3;
        } else {
            out[n++] = cw_lower(*p);
            i++;
        }
    }
    return n;
}

static bool imitates(const struct cw_world *w, const uint8_t *text, size_t len)
{
    uint8_t shown[SHOWN_MAX];
    size_t n = fold(text, len, shown);
    for (unsigned i = 0; i < w->n_markers; i++)
        if (memmem(shown, n, w->markers[i].text, w->markers[i].len) != NULL)
            return true;
    return false;
}

static void cut_lines(struct cw_worker *k, uint8_t id)
{
    const struct cw_msg *m = &k->msg;
    for (const struct cw_hdr *h = cw_first(m, id); h != NULL; h = cw_next(m, h))
        cw_edit(k, h->line_off, h->line_len, NULL, 0);
}

/* ";verstat=..." inside the URI of From: only the network that serves the callee may say that (STANDARDS 3.3). */
static void cut_verstat(struct cw_worker *k)
{
    const struct cw_msg *m = &k->msg;
    const uint8_t *p = cw_at(m, m->from.uri), *end = p + m->from.uri.len;
    for (; p + 9 <= end; p++) {
        if (*p != ';' || !cw_ieq_lit(p + 1, 8, "verstat="))
            continue;
        const uint8_t *stop = p + 9;
        while (stop < end && *stop != ';' && *stop != '@' && *stop != '?')
            stop++;
        cw_edit(k, (uint32_t)(p - m->buf), (uint32_t)(stop - p), NULL, 0);
        p = stop - 1;
    }
}

void cw_label_distrust(const struct cw_world *w, struct cw_worker *k, bool relabelled)
{
    const struct cw_msg *m = &k->msg;
    struct cw_span name = m->from.display;
    cut_lines(k, CW_H_P_ASSERTED_IDENTITY);
    cut_lines(k, CW_H_P_PREFERRED_IDENTITY);
    cut_lines(k, CW_H_REMOTE_PARTY_ID);
    if (cw_first(m, CW_H_CALL_INFO) != NULL) {
        cut_lines(k, CW_H_CALL_INFO);
        cw_bump(&k->stats.imitations, 1);
    }
    cut_verstat(k);
    if (name.len && imitates(w, cw_at(m, name), name.len)) {
        cw_bump(&k->stats.imitations, 1);
        if (!relabelled && m->from.brackets)
            cw_edit(k, name.off, (uint32_t)(m->from.uri.off - 1 - name.off), NULL, 0); /* up to the '<' */
    }
}

/* The display-name of one address becomes "label old"; brackets are added where there were none (RFC 3261 20.10). */
static void rename_address(const struct cw_world *w, struct cw_worker *k, const struct cw_addr *a, const struct cw_text *t)
{
    const uint8_t *old = cw_at(&k->msg, a->display);
    size_t old_len = a->display.len;
    if (old_len >= 2 && old[0] == '"')
        old++, old_len -= 2; /* nothing more is cut: the last white space may be escaped */
    if (old_len && (old_len > NAME_MAX || imitates(w, old, old_len) || memchr(old, '\n', old_len) != NULL || memmem(old, old_len, t->a, t->a_len)))
        old_len = 0; /* one label only (STANDARDS 5.1 rule 4) */
    uint8_t *p = cw_edit_scratch(k, t->a_len + old_len + 5), *start = p;
    if (p == NULL)
        return;
    *p++ = '"';
    memcpy(p, t->a, t->a_len);
    p += t->a_len;
    if (old_len) {
        *p++ = ' ';
        memcpy(p, old, old_len);
        p += old_len;
    }
    *p++ = '"';
    *p++ = ' ';
    uint32_t from = a->value.off, upto = a->brackets ? a->uri.off - 1u : a->uri.off;
    if (!a->brackets) {
        *p++ = '<';
        cw_edit(k, (uint32_t)a->uri.off + a->uri.len, 0, ">", 1);
    }
    cw_edit(k, from, upto - from, start, (size_t)(p - start));
}

bool cw_label_uses_from(const struct cw_worker *k, const struct cw_trunk *trunk)
{
    bool pai = (trunk->label & CW_LABEL_PAI) && trunk->trusted && cw_first(&k->msg, CW_H_P_ASSERTED_IDENTITY) != NULL;
    return (trunk->label & CW_LABEL_FROM) || ((trunk->label & CW_LABEL_PAI) && !pai);
}

void cw_label_apply(const struct cw_world *w, struct cw_worker *k, const struct cw_trunk *trunk, const struct cw_text *text)
{
    const struct cw_msg *m = &k->msg;
    bool in_from = cw_label_uses_from(k, trunk), in_pai = false;
    if ((trunk->label & CW_LABEL_PAI) && trunk->trusted)
        for (const struct cw_hdr *h = cw_first(m, CW_H_P_ASSERTED_IDENTITY); h != NULL; h = cw_next(m, h)) {
            uint32_t pos = h->value.off;
            struct cw_span value;
            bool bad = false;
            struct cw_addr a;
            while (cw_next_value(m, h, &pos, &value, &bad))
                if (cw_addr_parse(m->buf, value, CW_R_BAD_HEADER, &a) == 0) {
                    rename_address(w, k, &a, text);
                    in_pai = true;
                }
        }
    if (in_from || ((trunk->label & CW_LABEL_PAI) && !in_pai)) /* an identity that nobody can read carries no label */
        rename_address(w, k, &m->from, text);
    if ((trunk->label & CW_LABEL_CALL_INFO) && text->b_len) {
        if (cw_edit_length(k, m->len) + text->b_len <= UDP_SAFE)
            cw_edit(k, m->headers_end, 0, text->b, text->b_len);
        else
            cw_bump(&k->stats.labels_trimmed, 1);
    }
}
