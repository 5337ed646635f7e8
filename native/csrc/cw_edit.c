#include "cw_edit.h"

#define UDP_PAYLOAD_MAX 65507u /* 65,535 - 8 - 20 */

void cw_edit(struct cw_worker *k, uint32_t off, uint32_t del, const void *ins, size_t len)
{
    if (k->n_edits >= CW_EDITS_MAX) { /* CW_EDITS_BROKEN lies above, too */
        k->n_edits = CW_EDITS_BROKEN;
        return;
    }
    unsigned at = k->n_edits++;
    while (at > 0 && (k->edits[at - 1].off > off || /* nearly sorted already */
                      (k->edits[at - 1].off == off && k->edits[at - 1].del && !del))) { /* put in before leaving out */
        k->edits[at] = k->edits[at - 1];
        at--;
    }
    k->edits[at] = (struct cw_edit){.off = (uint16_t)off, .del = (uint16_t)del, .len = (uint32_t)len, .ins = ins};
}

uint8_t *cw_edit_scratch(struct cw_worker *k, size_t len)
{
    if (len > sizeof k->scratch - k->scratch_len) {
        k->n_edits = CW_EDITS_BROKEN;
        return NULL;
    }
    uint8_t *p = k->scratch + k->scratch_len;
    k->scratch_len += (uint32_t)len;
    return p;
}

uint32_t cw_edit_length(const struct cw_worker *k, uint32_t len)
{
    for (unsigned i = 0; k->n_edits != CW_EDITS_BROKEN && i < k->n_edits; i++)
        len = len + k->edits[i].len - k->edits[i].del;
    return len;
}

uint32_t cw_edit_apply(struct cw_worker *k, const struct cw_msg *m, uint8_t *out)
{
    if (k->n_edits == CW_EDITS_BROKEN || cw_edit_length(k, m->len) > UDP_PAYLOAD_MAX)
        return 0;
    uint32_t from = 0, to = 0;
    for (unsigned i = 0; i < k->n_edits; i++) {
        const struct cw_edit *e = &k->edits[i];
        if (e->off < from || e->off + e->del > m->len)
            return 0;
        memcpy(out + to, m->buf + from, e->off - from);
        to += e->off - from;
        if (e->len)
            memcpy(out + to, e->ins, e->len);
        to += e->len;
        from = (uint32_t)e->off + e->del;
    }
    memcpy(out + to, m->buf + from, m->len - from);
    return to + m->len - from;
}
