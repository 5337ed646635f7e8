/* The caller side: one slot a call outstanding, and the state machine of the call.
 *
 *   FREE -> INVITED -> FREE            final non-2xx: ACK, done
 *                   -> BYED -> FREE    2xx: ACK and BYE, done with the answer of the BYE
 *
 * A slot's id (run, slot, generation) is in Call-ID, tags and branches, so an answer finds its slot without a table and
 * every answer can be checked against what was sent. Nothing is allocated after cw_lg_run_open. */
#ifndef CW_LG_CALL_H
#define CW_LG_CALL_H

#include "cw_lg_build.h"
#include "cw_lg_hist.h"
#include "cw_lg_opts.h"
#include "cw_lg_sock.h"

enum cw_lg_state { CW_LG_FREE, CW_LG_INVITED, CW_LG_BYED };
enum { CW_LG_EXAMPLES = 8 };

struct cw_lg_slot {
    struct cw_lg_call_id call;
    uint32_t generation;
    enum cw_lg_state state;
    bool flagged, acked;
    unsigned tries;
    uint64_t start_ns, next_ns;
    size_t bye_len;
    char bye[CW_LG_DGRAM];
};

struct cw_lg_count {
    uint64_t started, finished, counted;              /* counted: finished as expected within the measured time */
    uint64_t intercepted, passed;
    uint64_t retransmissions, provisionals;
    uint64_t timeouts, unfinished, bye_refused;       /* failures */
    uint64_t invalid;                                 /* messages that break a rule checked here */
    uint64_t flagged_passed, good_intercepted, wrong_code;
    uint64_t stale;                                   /* messages of calls that are over: answers to retransmissions */
    uint64_t callee_invites, callee_acks, callee_byes, acks_missing, acks_leaked, flagged_leaked;
    uint64_t finals[700];
};

struct cw_lg_run {
    struct cw_lg_opts opts;
    struct cw_lg_env env;
    struct cw_lg_sock *caller, *callee;
    struct cw_lg_numbers callers, flagged;
    struct cw_lg_slot *slots;
    uint32_t *free_slots;
    unsigned n_free;
    uint32_t run_id;
    uint64_t rng;
    uint64_t begin_ns, from_ns, until_ns, end_ns; /* start, measured part, when the last call was over */
    bool stopping;
    struct cw_lg_count count;
    struct cw_lg_hist answer; /* INVITE to final */
    struct cw_lg_hist whole;  /* INVITE to the answer of the BYE */
    const char *invalid_why;
    char invalid_text[CW_LG_RX + 1];
    uint64_t wrong_numbers[CW_LG_EXAMPLES];
    unsigned n_wrong;
};

/* 0, or -1 (a line is on stderr). Sockets are open and the addresses known afterwards. */
int cw_lg_run_open(struct cw_lg_run *r, const struct cw_lg_opts *opts);
void cw_lg_run_close(struct cw_lg_run *r);

/* intercept, relay, mixed: plays calls until the time is over. */
void cw_lg_run_calls(struct cw_lg_run *r, volatile const int *stop);

/* The slot that a message belongs to, or NULL: not ours (counted invalid) or over (counted stale). */
struct cw_lg_slot *cw_lg_run_slot(struct cw_lg_run *r, const struct cw_lg_msg *m, const char *buf, size_t len);
void cw_lg_run_invalid(struct cw_lg_run *r, const char *why, const char *buf, size_t len);

/* Checks an answer against the call: NULL, or the rule that it breaks. *final_kind: 'i' or 'b' by CSeq. */
const char *cw_lg_answer_check(const struct cw_lg_run *r, const struct cw_lg_slot *s, const struct cw_lg_msg *m,
                               char *kind);

void cw_lg_callee_handle(struct cw_lg_run *r, const char *buf, size_t len);

/* rtt and echo: fills answer and count. */
void cw_lg_run_rtt(struct cw_lg_run *r, volatile const int *stop);

/* Number of failures of all kinds. */
uint64_t cw_lg_failures(const struct cw_lg_count *c);

#endif
