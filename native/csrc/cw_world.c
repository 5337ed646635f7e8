#include "cw_world.h"

#include <stdlib.h>

#include "cw_ip.h"

static bool in_network(const uint8_t ip[16], const uint8_t net[16], unsigned bits)
{
    unsigned bytes = bits >> 3;
    if (memcmp(ip, net, bytes) != 0)
        return false;
    unsigned rest = bits & 7;
    return rest == 0 || ((ip[bytes] ^ net[bytes]) & (0xff << (8 - rest)) & 0xff) == 0;
}

unsigned cw_world_trunk(const struct cw_world *w, const uint8_t ip[16])
{
    for (uint32_t i = 0; i < w->n_sources; i++)
        if (in_network(ip, w->sources[i].ip, w->sources[i].bits))
            return w->sources[i].trunk;
    return CW_NO_TRUNK;
}

bool cw_world_is_peer(const struct cw_world *w, const struct cw_ep *ep)
{
    for (unsigned h = 0; h < w->n_hops; h++)
        for (unsigned t = 0; t < w->hops[h].n_targets; t++)
            if (cw_ep_eq(&w->hops[h].targets[t], ep))
                return true;
    return false;
}

static bool host_is(const uint8_t *host, size_t len, const char *name, size_t name_len)
{
    if (len == name_len && memcmp(host, name, len) == 0)
        return true;
    return cw_ieq(host, len, name, name_len); /* names are kept in lower case */
}

bool cw_world_is_us(const struct cw_world *w, const uint8_t *host, size_t len, uint16_t port)
{
    uint8_t ip[16];
    if (port == 0)
        port = 5060; /* RFC 3261 18.1.1 */
    for (unsigned i = 0; i < w->n_listeners; i++) {
        const struct cw_listener *l = &w->listeners[i];
        if (l->sent_by_port != port)
            continue;
        if (host_is(host, len, l->sent_by + l->host_off, l->host_len))
            return true;
        for (unsigned n = 0; n < w->n_names; n++)
            if (host_is(host, len, w->names[n].text, w->names[n].len))
                return true;
    }
    for (unsigned i = 0, parsed = 0; i < w->n_listeners; i++) { /* the address behind the one that we advertise, however written */
        const struct cw_listener *l = &w->listeners[i];
        if (l->bind.port != port)
            continue;
        if (!parsed++ && !cw_ip_parse(host, len, ip))
            return false;
        if (memcmp(ip, l->bind.ip, 16) == 0)
            return true;
    }
    return false;
}

void cw_world_free(struct cw_world *w)
{
    if (w == NULL)
        return;
    free(w->policy.rules);
    free(w->trunks);
    free(w->hops);
    free(w->sources);
    free((void *)w->emergency.callees);
    free((void *)w->emergency.psap_callers);
    free(w);
}
