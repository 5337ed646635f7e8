/* The world: everything that a verdict and a route depend on, but for the lists' contents. Built aside by the control
 * side, immutable once published, swapped by one pointer, freed after a grace period (cw_rcu.h). */
#ifndef CW_WORLD_H
#define CW_WORLD_H

#include <stdatomic.h>
#include "cw_list.h"
#include "cw_policy.h"
#include "cw_texts.h"

#define CW_LISTENERS_MAX 16
#define CW_TRUNKS_MAX 256
#define CW_HOPS_MAX 256
#define CW_TARGETS_MAX 16
#define CW_SOURCES_MAX 1024
#define CW_NAMES_MAX 32
#define CW_NAME_MAX 64
#define CW_MARKERS_MAX 32
#define CW_NO_HOP 0xffffu
#define CW_NO_TRUNK 0xffffu

struct cw_ep {               /* an IP address and a port; IPv4 as ::ffff:a.b.c.d */
    uint8_t ip[16];
    uint16_t port;
};
static inline bool cw_ep_eq(const struct cw_ep *a, const struct cw_ep *b)
{
    return a->port == b->port && memcmp(a->ip, b->ip, 16) == 0;
}

struct cw_listener {
    struct cw_ep bind;
    char sent_by[CW_NAME_MAX];   /* "192.0.2.10:5060": what Via and Record-Route say; port always written */
    uint8_t sent_by_len;
    uint8_t host_off, host_len;  /* the host within sent_by, in lower case, IPv6 without brackets */
    uint16_t sent_by_port;
};

enum cw_trunk_class { CW_TC_DOMESTIC, CW_TC_INTERNATIONAL, CW_TC_IMS, CW_TC_ENTERPRISE };
enum { CW_LABEL_PAI = 1, CW_LABEL_FROM = 2, CW_LABEL_CALL_INFO = 4 };

struct cw_trunk {
    struct cw_dialplan plan;
    uint8_t cls;                 /* enum cw_trunk_class */
    bool trusted;                /* its P-Asserted-Identity is believed (RFC 3324 2.3) */
    bool record_route;
    uint8_t label;               /* CW_LABEL_*: where labels go for calls from this trunk */
    uint16_t hop;                /* next hop, CW_NO_HOP */
};

struct cw_source {
    uint8_t ip[16];
    uint8_t bits;                /* of the 128-bit form */
    uint16_t trunk;
};

struct cw_hop {
    uint16_t n_targets;
    uint16_t health[CW_TARGETS_MAX]; /* slot in cw_shared.health */
    struct cw_ep targets[CW_TARGETS_MAX];
};

struct cw_name {
    char text[CW_NAME_MAX];
    uint8_t len;
};

enum cw_list_kind { CW_LK_ALLOW, CW_LK_DENY, CW_LK_CARD, CW_LK_WATCH };

struct cw_world {
    uint64_t rules_seq;
    uint8_t key[16];             /* from the node's secret: branch, tags, flow and route tokens */
    struct cw_rcu *rcu;
    struct cw_texts *texts;      /* not owned */
    uint16_t n_listeners, n_trunks, n_hops, n_lists, n_names, n_markers;
    uint32_t n_sources;
    struct cw_listener listeners[CW_LISTENERS_MAX];
    struct cw_list *lists[CW_LISTS_MAX]; /* not owned */
    uint8_t list_kinds[CW_LISTS_MAX];
    struct cw_name names[CW_NAMES_MAX];     /* host names that mean this element, in lower case */
    struct cw_name markers[CW_MARKERS_MAX]; /* inbound text that imitates a card */
    struct cw_emergency emergency;
    struct cw_policy policy;
    struct cw_trunk *trunks;
    struct cw_hop *hops;
    struct cw_source *sources;   /* longest prefix first */
};

/* Trunk of a sender, CW_NO_TRUNK. */
unsigned cw_world_trunk(const struct cw_world *w, const uint8_t ip[16]);
/* True when the address is a target of a hop. */
bool cw_world_is_peer(const struct cw_world *w, const struct cw_ep *ep);
/* Host (no brackets) and port (0 = default) name this element on any listener. */
bool cw_world_is_us(const struct cw_world *w, const uint8_t *host, size_t len, uint16_t port);
/* Frees what the world owns, and the world. */
void cw_world_free(struct cw_world *w);

#endif
