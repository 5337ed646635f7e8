/* One datagram in, at most one out: receive -> scan -> check -> classify -> identify -> facts -> decide -> edit -> send ->
 * record, in that order (DESIGN 4.1). Pure but for the shared tables: no sockets, no blocking, no allocation, and the
 * only clock is the one that measures the decision. A stateless proxy after RFC 3261 16.11. */
#ifndef CW_ENGINE_H
#define CW_ENGINE_H

#include "cw_calls.h"
#include "cw_hist.h"
#include "cw_memo.h"
#include "cw_ring.h"
#include "cw_scan.h"
#include "cw_world.h"

#define CW_HEALTH_MAX 1024

struct cw_shared {               /* one for all threads; outlives every world */
    struct cw_memo *memo;
    struct cw_calls *calls;
    _Atomic bool draining;       /* OPTIONS answers 503, calls go on */
    _Atomic uint8_t down[CW_HEALTH_MAX]; /* by health slot: 1 = the prober says down */
};

/* Fields of the statistics; T is a counter, H a histogram. */
#define CW_STATS_FIELDS(T, H)                                                                                          \
    T reasons[CW_R_COUNT];                                                                                             \
    T rules[CW_RULES_MAX];  /* enforced matches by rule index */                                                      \
    T shadows[CW_RULES_MAX];                                                                                           \
    T actions[5];           /* enum cw_action: initial requests, retransmissions not counted */                        \
    T received, sent, received_bytes, sent_bytes, batches;                                                             \
    T calls_new, calls_answered, calls_ended, calls_failed, calls_untracked;                                           \
    T labels_trimmed;       /* Call-Info of a label left out: the datagram would pass 1,300 bytes */                   \
    T imitations;           /* inbound display-names or Call-Info removed */                                           \
    H decision;             /* ns, scan to decide, initial requests */                                                 \
    H transit;              /* ns, kernel's receive stamp to after the send call */                                    \
    H answer_ms;            /* INVITE to answer */                                                                     \
    H duration_ms;          /* answered calls */

struct cw_stats { /* one writer (its thread), any readers */
    CW_STATS_FIELDS(_Atomic uint64_t, struct cw_hist)
};
struct cw_hist_totals {
    uint64_t count, sum;
    uint64_t bucket[CW_HIST_BUCKETS];
};
struct cw_totals { /* a reader's sum over threads */
    CW_STATS_FIELDS(uint64_t, struct cw_hist_totals)
};
_Static_assert(sizeof(struct cw_totals) == sizeof(struct cw_stats), "summed word by word");
/* Adds a thread's statistics to a sum that began as zeros. */
void cw_stats_add(const struct cw_stats *from, struct cw_totals *to);

struct cw_in {
    const uint8_t *buf;
    uint32_t len;
    uint16_t listener;
    struct cw_ep src;
    uint64_t rx_ns;              /* unix ns: kernel's receive stamp */
    uint32_t now_ms;             /* monotonic */
};

struct cw_out {
    uint8_t *buf;                /* given by the caller, CW_DATAGRAM_MAX bytes */
    uint32_t len;                /* 0 = nothing to send */
    uint16_t listener;           /* socket it must leave from */
    struct cw_ep dst;
};

#define CW_EDITS_MAX 64
struct cw_edit {
    uint16_t off, del;           /* replace `del` bytes at `off` ... */
    uint32_t len;                /* ... by `len` bytes */
    const uint8_t *ins;
};
struct cw_worker {               /* a thread's own */
    struct cw_stats stats;
    struct cw_ring *ring;        /* NULL: tools and tests */
    struct cw_record decision;   /* the last decision that no ring took */
    uint16_t n_edits;
    struct cw_edit edits[CW_EDITS_MAX];
    uint32_t scratch_len;
    uint8_t scratch[8192];       /* text of insertions */
    struct cw_msg msg;
};

/* Returns the reason (enum cw_reason). */
unsigned cw_engine_handle(const struct cw_world *world, struct cw_shared *shared, struct cw_worker *worker,
                          const struct cw_in *in, struct cw_out *out);

#endif
