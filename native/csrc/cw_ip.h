/* IP addresses as text: what Via, Route and Request-URI carry. No resolver, no locale. */
#ifndef CW_IP_H
#define CW_IP_H

#include "cw_world.h"

/* An IPv4 or IPv6 literal (no brackets, no zone) to 16 bytes, IPv4 mapped; false when it is a name. */
bool cw_ip_parse(const uint8_t *text, size_t len, uint8_t ip[16]);
/* "192.0.2.1" or "2001:db8::1"; at most 46 bytes, no NUL; the length. */
size_t cw_ip_write(const uint8_t ip[16], uint8_t *out);
size_t cw_decimal_write(uint32_t n, uint8_t *out); /* at most 10 bytes */
/* Unicast, not the wildcard, not the limited broadcast: something that one may send to. */
bool cw_ep_sendable(const struct cw_ep *ep);

static inline bool cw_ip_is_v4(const uint8_t ip[16])
{
    static const uint8_t mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
    return memcmp(ip, mapped, 12) == 0;
}

#endif
