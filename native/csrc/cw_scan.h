/* The scanner: one pass over a datagram to spans. No allocation, no copy, no state.
 *
 * cw_scan() finds the start line and the header lines and nothing else: it checks only what framing needs. What the proxy
 * itself uses (Via, From, To, Call-ID, CSeq, Max-Forwards, Route, Content-Length) is parsed by cw_check() into the same
 * struct; other headers are never looked into and go on byte for byte (RFC 3261 16.3, STANDARDS 1.2 row 1).
 */
#ifndef CW_SCAN_H
#define CW_SCAN_H

#include "cw.h"
#include "cw_addr.h"

#define CW_HDRS_MAX 256 /* header lines of one message; RFC 4475 longreq has 50; more is an attack or a loop */

/* X(ENUM, long name in lower case, compact letter or 0) */
#define CW_HEADERS(X)                                                                                                  \
    X(VIA, "via", 'v')                                                                                                 \
    X(FROM, "from", 'f')                                                                                               \
    X(TO, "to", 't')                                                                                                   \
    X(CALL_ID, "call-id", 'i')                                                                                         \
    X(CSEQ, "cseq", 0)                                                                                                 \
    X(CONTACT, "contact", 'm')                                                                                         \
    X(ROUTE, "route", 0)                                                                                               \
    X(RECORD_ROUTE, "record-route", 0)                                                                                 \
    X(MAX_FORWARDS, "max-forwards", 0)                                                                                 \
    X(MAX_BREADTH, "max-breadth", 0)                                                                                   \
    X(CONTENT_LENGTH, "content-length", 'l')                                                                           \
    X(CONTENT_TYPE, "content-type", 'c')                                                                               \
    X(PROXY_REQUIRE, "proxy-require", 0)                                                                               \
    X(P_ASSERTED_IDENTITY, "p-asserted-identity", 0)                                                                   \
    X(P_PREFERRED_IDENTITY, "p-preferred-identity", 0)                                                                 \
    X(REMOTE_PARTY_ID, "remote-party-id", 0)                                                                           \
    X(P_CALLED_PARTY_ID, "p-called-party-id", 0)                                                                       \
    X(PRIVACY, "privacy", 0)                                                                                           \
    X(CALL_INFO, "call-info", 0)                                                                                       \
    X(DIVERSION, "diversion", 0)                                                                                       \
    X(HISTORY_INFO, "history-info", 0)                                                                                 \
    X(IDENTITY, "identity", 'y')                                                                                       \
    X(PRIORITY, "priority", 0)                                                                                         \
    X(RESOURCE_PRIORITY, "resource-priority", 0)

enum cw_header {
    CW_H_OTHER = 0,
#define X(id, name, compact) CW_H_##id,
    CW_HEADERS(X)
#undef X
        CW_H_COUNT
};

#define CW_METHODS(X)                                                                                                  \
    X(INVITE) X(ACK) X(BYE) X(CANCEL) X(OPTIONS) X(REGISTER) X(MESSAGE) X(PRACK) X(UPDATE) X(INFO) X(REFER) X(NOTIFY)  \
    X(SUBSCRIBE) X(PUBLISH)

enum cw_method {
    CW_M_OTHER = 0,
#define X(id) CW_M_##id,
    CW_METHODS(X)
#undef X
        CW_M_COUNT
};

struct cw_hdr {
    uint8_t id;            /* enum cw_header */
    uint8_t folded;        /* 1 when the line holds a fold (RFC 3261 7.3.1), before the value or within */
    uint16_t next;         /* index of the next line of the same name, 0xffff = last */
    uint16_t name_len;     /* octets of the name, without white space before the colon */
    uint16_t line_len;     /* whole line, folds and last CRLF included; starts at line_off */
    uint16_t line_off;
    struct cw_span value;  /* trimmed of white space at both ends; off != 0 even when empty */
};

struct cw_msg {
    const uint8_t *buf;
    uint32_t len;          /* bytes that belong to the message: cw_check() cuts trailing octets (RFC 3261 18.3) */
    bool is_response;
    uint8_t method;        /* enum cw_method; of a response: the method in CSeq, set by cw_check() */
    uint16_t status;       /* response */
    struct cw_span method_span;
    struct cw_span ruri;
    uint16_t headers_off;  /* first byte after the start line */
    uint16_t headers_end;  /* first byte of the empty line */
    struct cw_span body;   /* as received; cw_check() cuts it by Content-Length */
    uint16_t n_hdrs;
    uint16_t first[CW_H_COUNT]; /* index of the first line of that name; 0xffff = none */

    /* filled by cw_check() */
    struct cw_via via;          /* topmost value */
    struct cw_via via2;         /* second value (responses go there); via2.value.len == 0: none */
    struct cw_addr from, to;
    struct cw_span call_id;
    uint32_t cseq;
    struct cw_span cseq_method;
    int32_t max_forwards;       /* -1 absent */
    struct cw_span max_forwards_digits;
    struct cw_uri uri;          /* Request-URI */
    bool has_content_length;

    struct cw_hdr hdrs[CW_HDRS_MAX]; /* last: the rest stays within a few cache lines */
};

/* Scan `len` bytes. 0, or -CW_R_DROP_SHORT, -CW_R_DROP_NOT_SIP (neither a request nor a status line),
 * -CW_R_BAD_START_LINE, -CW_R_BAD_VERSION, -CW_R_BAD_HEADER (a line without colon, a bare CR, no empty line at the
 * end...), -CW_R_TOO_MANY_HEADERS. On every return m is safe to read: header lines seen so far stand in it, so that a
 * faulty request can still be answered. `len` must be <= CW_DATAGRAM_MAX (-CW_R_TOO_LARGE otherwise). Lines may end in
 * CRLF or a bare LF. A status line with any fault: -CW_R_DROP_BAD_RESPONSE. Faulty header lines are left out of hdrs. */
int cw_scan(const uint8_t *buf, size_t len, struct cw_msg *m);

/* Parse and check what the proxy uses; 0 or the negative of the first fault in the order of STANDARDS 1.2 and 1.16
 * (BAD_VIA, BAD_FROM, BAD_TO, BAD_CALL_ID, BAD_CSEQ, METHOD_MISMATCH, UNKNOWN_METHOD_MISMATCH, MISSING_HEADER,
 * REPEATED_HEADER, BAD_CONTENT_LENGTH, BAD_URI, BAD_SCHEME, BAD_MAX_FORWARDS). For responses any fault is
 * -CW_R_DROP_BAD_RESPONSE. Never stops at the first: it parses all it can so that the answer can copy Via, From, To,
 * Call-ID and CSeq; m->via.value.len == 0 afterwards means unanswerable. Cuts trailing octets after Content-Length.
 * Max-Forwards 0 is not a fault here (the engine answers 483). Scheme: sip, sips, tel and urn:service pass. */
int cw_check(struct cw_msg *m);

/* Iterate over comma-separated values of a header line: start with *pos = value.off; returns false at the end.
 * Respects quotes and <>. The span is trimmed. Empty members give false with *bad = true. */
bool cw_next_value(const struct cw_msg *m, const struct cw_hdr *h, uint32_t *pos, struct cw_span *value, bool *bad);

/* enum cw_header of a name, either form, any case. */
uint8_t cw_header_id(const uint8_t *name, size_t len);
/* enum cw_method; methods are case-sensitive. */
uint8_t cw_method_id(const uint8_t *name, size_t len);
const char *cw_header_name(uint8_t id); /* canonical spelling for lines that we add, e.g. "Call-Info" */

static inline const struct cw_hdr *cw_first(const struct cw_msg *m, uint8_t id)
{
    return m->first[id] == 0xffff ? NULL : &m->hdrs[m->first[id]];
}
static inline const struct cw_hdr *cw_next(const struct cw_msg *m, const struct cw_hdr *h)
{
    return h->next == 0xffff ? NULL : &m->hdrs[h->next];
}
static inline const uint8_t *cw_at(const struct cw_msg *m, struct cw_span s) { return m->buf + s.off; }

#endif
