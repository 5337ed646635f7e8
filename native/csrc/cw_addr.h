/* The structured values that a proxy reads: SIP and tel URIs, name-addr, Via. Spans into the datagram, nothing decoded.
 * All parsers take the whole datagram `buf` and a span inside it, read never a byte behind the span nor before `buf` (within
 * the datagram they may look back), and return 0 or -CW_R_BAD_*. White space and folds (CR LF SP) count as white space wherever LWS is legal. */
#ifndef CW_ADDR_H
#define CW_ADDR_H

#include "cw.h"

enum cw_scheme { CW_S_NONE, CW_S_SIP, CW_S_SIPS, CW_S_TEL, CW_S_URN_SERVICE, CW_S_OTHER };

struct cw_uri {
    struct cw_span all;
    uint8_t scheme;          /* enum cw_scheme */
    bool user_phone;         /* ;user=phone */
    bool lr;                 /* ;lr */
    struct cw_span user;     /* without password; user part parameters included ("+86138;npdi"); tel: the whole
                                telephone-subscriber with its parameters; urn: the text after "urn:service:" */
    struct cw_span host;     /* IPv6 without brackets */
    bool host_ipv6;
    uint16_t port;           /* 0 = none given */
    struct cw_span params;   /* after the first ';' behind host:port, without '?headers' */
    struct cw_span headers;  /* after '?' */
    struct cw_span maddr;
};

/* RFC 3261 25.1, RFC 3966, RFC 5031. -CW_R_BAD_URI. Tolerates IPv6 ":::" (RFC 5118 4.10); refuses IPv6 without
 * brackets in sip URIs (4.2), white space and '<' '>' inside. Unknown schemes parse as CW_S_OTHER. Header parameters
 * of an addr-spec without <> never reach here. */
int cw_uri_parse(const uint8_t *buf, struct cw_span text, struct cw_uri *uri);

struct cw_addr {
    struct cw_span value;    /* the whole list member */
    struct cw_span display;  /* as written, quotes included; absent when there is none */
    struct cw_span uri;      /* between < and >, or the bare addr-spec */
    struct cw_span params;   /* header parameters, from the first ';' on */
    struct cw_span tag;
    bool brackets;
};

/* name-addr / addr-spec with header parameters (RFC 3261 25.1 from-spec, RFC 8217). `err` is returned negated on a
 * fault: unterminated quote, missing '>', spaces inside an addr-spec, an unquoted display-name with illegal characters. */
int cw_addr_parse(const uint8_t *buf, struct cw_span text, unsigned err, struct cw_addr *addr);

struct cw_via {
    struct cw_span value;    /* the whole list member */
    struct cw_span line;     /* header line that holds it: the whole line */
    bool alone;              /* it is the only value on its line */
    bool is_udp, is_tcp, is_tls;
    bool has_rport;          /* the parameter is there, with or without value */
    struct cw_span sent_by;  /* host[:port] as written */
    struct cw_span host;     /* IPv6 without brackets */
    bool host_ipv6;
    uint16_t port;           /* 0 = none given */
    struct cw_span branch;   /* empty or absent when missing */
    struct cw_span received; /* without brackets */
    struct cw_span maddr;
    uint16_t rport;          /* 0 = no value */
    struct cw_span rport_param; /* the text "rport" or "rport=123", for editing */
    struct cw_span received_param;
};

/* One Via value. -CW_R_BAD_VIA. Unknown transports, parameters with no value and quoted values are fine
 * (RFC 5393 4.2.4); ";;" is not (RFC 4475 badinv01). Fills all but line and alone. */
int cw_via_parse(const uint8_t *buf, struct cw_span text, struct cw_via *via);

/* Find a parameter by name (lower case) in a ";a=b;c" text; false when absent. value is absent when it has none;
 * quotes included when quoted. */
bool cw_param_find(const uint8_t *buf, struct cw_span params, const char *name, size_t name_len, struct cw_span *value);

#endif
