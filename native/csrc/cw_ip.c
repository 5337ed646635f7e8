#include "cw_ip.h"

#include <arpa/inet.h>

static bool parse_v4(const uint8_t *t, size_t len, uint8_t ip[4])
{
    size_t at = 0;
    for (int i = 0; i < 4; i++) {
        unsigned n = 0, digits = 0;
        while (at < len && cw_isdigit(t[at]) && digits < 4)
            n = n * 10 + (unsigned)(t[at++] - '0'), digits++;
        if (digits == 0 || digits > 3 || n > 255)
            return false;
        ip[i] = (uint8_t)n;
        if (i < 3 && (at >= len || t[at++] != '.'))
            return false;
    }
    return at == len;
}

bool cw_ip_parse(const uint8_t *text, size_t len, uint8_t ip[16])
{
    if (len == 0 || len > 45)
        return false;
    memset(ip, 0, 10);
    ip[10] = ip[11] = 0xff;
    if (parse_v4(text, len, ip + 12))
        return true;
    char z[46];
    if (memchr(text, ':', len) == NULL)
        return false;
    memcpy(z, text, len);
    z[len] = 0;
    return inet_pton(AF_INET6, z, ip) == 1;
}

size_t cw_decimal_write(uint32_t n, uint8_t *out)
{
    uint8_t digits[10];
    size_t count = 0;
    do
        digits[count++] = (uint8_t)('0' + n % 10);
    while ((n /= 10) != 0);
    for (size_t i = 0; i < count; i++)
        out[i] = digits[count - 1 - i];
    return count;
}

size_t cw_ip_write(const uint8_t ip[16], uint8_t *out)
{
    if (!cw_ip_is_v4(ip)) {
        char z[INET6_ADDRSTRLEN];
        inet_ntop(AF_INET6, ip, z, sizeof z);
        size_t len = strlen(z);
        memcpy(out, z, len);
        return len;
    }
    size_t at = 0;
    for (int i = 12; i < 16; i++) {
        at += cw_decimal_write(ip[i], out + at);
        if (i < 15)
            out[at++] = '.';
    }
    return at;
}

bool cw_ep_sendable(const struct cw_ep *ep)
{
    static const uint8_t zero[16];
    if (ep->port == 0)
        return false;
    if (cw_ip_is_v4(ep->ip))
        return ep->ip[12] != 0 && ep->ip[12] < 224;
    return ep->ip[0] != 0xff && memcmp(ep->ip, zero, 16) != 0;
}
