/* Header names and methods, from the tables in cw_scan.h. The switch names the one candidate that length and first
 * letter leave; the comparison with the table decides. A test walks the table through both.
 */
#include "cw_chars.h"
#include "cw_scan.h"

static const struct name {
    uint8_t len;
    char text[23];
} headers[CW_H_COUNT] = {
#define X(id, name, compact) [CW_H_##id] = {sizeof(name) - 1, name},
    CW_HEADERS(X)
#undef X
};

static const char *const spellings[CW_H_COUNT] = {
    [CW_H_OTHER] = "",
    [CW_H_VIA] = "Via",
    [CW_H_FROM] = "From",
    [CW_H_TO] = "To",
    [CW_H_CALL_ID] = "Call-ID",
    [CW_H_CSEQ] = "CSeq",
    [CW_H_CONTACT] = "Contact",
    [CW_H_ROUTE] = "Route",
    [CW_H_RECORD_ROUTE] = "Record-Route",
    [CW_H_MAX_FORWARDS] = "Max-Forwards",
    [CW_H_MAX_BREADTH] = "Max-Breadth",
    [CW_H_CONTENT_LENGTH] = "Content-Length",
    [CW_H_CONTENT_TYPE] = "Content-Type",
    [CW_H_PROXY_REQUIRE] = "Proxy-Require",
    [CW_H_P_ASSERTED_IDENTITY] = "P-Asserted-Identity",
    [CW_H_P_PREFERRED_IDENTITY] = "P-Preferred-Identity",
    [CW_H_REMOTE_PARTY_ID] = "Remote-Party-ID",
    [CW_H_P_CALLED_PARTY_ID] = "P-Called-Party-ID",
    [CW_H_PRIVACY] = "Privacy",
    [CW_H_CALL_INFO] = "Call-Info",
    [CW_H_DIVERSION] = "Diversion",
    [CW_H_HISTORY_INFO] = "History-Info",
    [CW_H_IDENTITY] = "Identity",
    [CW_H_PRIORITY] = "Priority",
    [CW_H_RESOURCE_PRIORITY] = "Resource-Priority",
};

const char *cw_header_name(uint8_t id) { return id < CW_H_COUNT ? spellings[id] : ""; }

/* The header that the length and a letter leave as the only candidate. */
static inline uint8_t candidate(int first, int second, size_t len)
{
    switch (len) {
    case 2:
        return CW_H_TO;
    case 3:
        return CW_H_VIA;
    case 4:
        return first == 'f' ? CW_H_FROM : CW_H_CSEQ;
    case 5:
        return CW_H_ROUTE;
    case 7:
        return first == 'p' ? CW_H_PRIVACY : second == 'o' ? CW_H_CONTACT : CW_H_CALL_ID;
    case 8:
        return first == 'i' ? CW_H_IDENTITY : CW_H_PRIORITY;
    case 9:
        return first == 'c' ? CW_H_CALL_INFO : CW_H_DIVERSION;
    case 11:
        return CW_H_MAX_BREADTH;
    case 12:
        return first == 'm'   ? CW_H_MAX_FORWARDS
               : first == 'c' ? CW_H_CONTENT_TYPE
               : first == 'r' ? CW_H_RECORD_ROUTE
                              : CW_H_HISTORY_INFO;
    case 13:
        return CW_H_PROXY_REQUIRE;
    case 14:
        return CW_H_CONTENT_LENGTH;
    case 15:
        return CW_H_REMOTE_PARTY_ID;
    case 17:
        return first == 'p' ? CW_H_P_CALLED_PARTY_ID : CW_H_RESOURCE_PRIORITY;
    case 19:
        return CW_H_P_ASSERTED_IDENTITY;
    case 20:
        return CW_H_P_PREFERRED_IDENTITY;
    default:
        return CW_H_OTHER;
    }
}

static uint8_t compact(uint8_t letter)
{
#define X(id, name, form) \
    if ((form) != 0 && letter == (form)) \
        return CW_H_##id;
    CW_HEADERS(X)
#undef X
    return CW_H_OTHER;
}

/* cw_same() for 2 to 23 octets. The spaces of `lower` have room, so that two words are enough for most. */
static inline bool same_name(const uint8_t *name, const char *lower, size_t len)
{
    if (len < 4) {
        uint16_t head, want;
        memcpy(&head, name, 2);
        memcpy(&want, lower, 2);
        return (head | (want & 0x4040) >> 1) == want && (name[len - 1] | 0x20) == lower[len - 1];
    }
    if (len <= 8) {
        uint32_t head, tail, want, want_tail;
        memcpy(&head, name, 4);
        memcpy(&want, lower, 4);
        memcpy(&tail, name + len - 4, 4);
        memcpy(&want_tail, lower + len - 4, 4);
        return (((head | (want & 0x40404040u) >> 1) ^ want) | ((tail | (want_tail & 0x40404040u) >> 1) ^ want_tail)) == 0;
    }
    return cw_same(name, lower, len);
}

uint8_t cw_header_id(const uint8_t *name, size_t len)
{
    if (len < 2)
        return len ? compact(cw_lower(*name)) : (uint8_t)CW_H_OTHER;
    uint8_t id = candidate(name[0] | 0x20, name[1] | 0x20, len);
    const struct name *want = &headers[id];
    if (want->len != len)
        return CW_H_OTHER;
    return same_name(name, want->text, len) ? id : (uint8_t)CW_H_OTHER;
}

#define IS(id) (memcmp(name, #id, len) == 0 ? (uint8_t)CW_M_##id : (uint8_t)CW_M_OTHER)

uint8_t cw_method_id(const uint8_t *name, size_t len)
{
    switch (len) {
    case 3:
        return name[0] == 'A' ? IS(ACK) : IS(BYE);
    case 4:
        return IS(INFO);
    case 5:
        return name[0] == 'P' ? IS(PRACK) : IS(REFER);
    case 6:
        return name[0] == 'I' ? IS(INVITE) : name[0] == 'C' ? IS(CANCEL) : name[0] == 'U' ? IS(UPDATE) : IS(NOTIFY);
    case 7:
        return name[0] == 'O'   ? IS(OPTIONS)
               : name[0] == 'M' ? IS(MESSAGE)
                                : IS(PUBLISH);
    case 8:
        return IS(REGISTER);
    case 9:
        return IS(SUBSCRIBE);
    default:
        return CW_M_OTHER;
    }
}
