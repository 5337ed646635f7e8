/* A call is a set of facts, a rule is a mask over them, the policy an ordered array of masks (DESIGN 3).
 * New knowledge is a new fact: a bit here, never a branch in the code. */
#ifndef CW_POLICY_H
#define CW_POLICY_H

#include "cw_number.h"

#define CW_LISTS_MAX 64  /* one bit each for caller and callee */
#define CW_RULES_MAX 1024

/* 256 facts: word 0 number classes (caller 0-31, callee 32-63), word 1 the message and its trunk, word 2 lists that hold
 * the caller (screening or presented number), word 3 lists that hold the callee. */
struct cw_facts {
    uint64_t w[4];
};
#define CW_F_CALLER_CLASS(c) (c)
#define CW_F_CALLEE_CLASS(c) (32 + (c))
#define CW_F_CALLER_IN(list) (128 + (list))
#define CW_F_CALLEE_IN(list) (192 + (list))

#define CW_WORD1_FACTS(X)                                                                                              \
    X(TRUNK_DOMESTIC, "trunk.domestic")                                                                                \
    X(TRUNK_INTERNATIONAL, "trunk.international")                                                                      \
    X(TRUNK_IMS, "trunk.ims")                                                                                          \
    X(TRUNK_ENTERPRISE, "trunk.enterprise")                                                                            \
    X(TRUNK_TRUSTED, "trunk.trusted")                                                                                  \
    X(CALLER_UNVERIFIED, "caller.unverified")                                                                          \
    X(CALLER_MISMATCH, "caller.mismatch")                                                                              \
    X(CALLER_IS_CALLEE, "caller.is_callee")                                                                            \
    X(CALLER_NEIGHBOUR, "caller.neighbour")                                                                            \
    X(CALLER_CONFLICT, "caller.conflict")                                                                              \
    X(CALLER_PRIVATE, "caller.private")                                                                                \
    X(CALL_DIVERTED, "call.diverted")                                                                                  \
    X(CALL_INVITE, "call.invite")                                                                                      \
    X(CALL_MESSAGE, "call.message")                                                                                    \
    X(CALL_SIGNED, "call.signed")             /* an Identity header is there; nothing is said of its validity */

enum cw_word1_fact {
    CW_WORD1_BASE = 63,
#define X(id, name) CW_F_##id,
    CW_WORD1_FACTS(X)
#undef X
        CW_WORD1_END
};
/* Name of a fact outside the lists ("trunk.international", "callee.mobile"); NULL when the bit has none. */
const char *cw_fact_name(unsigned bit);

static inline void cw_fact_set(struct cw_facts *f, unsigned bit) { f->w[bit >> 6] |= UINT64_C(1) << (bit & 63); }

enum cw_action { CW_A_PASS, CW_A_LABEL, CW_A_INTERCEPT, CW_A_DIVERT, CW_A_DROP };

#define CW_TEXT_OF_ENTRY 0xffffffffu /* the text of the list entry that matched (a card), not of the rule */

struct cw_rule {
    struct cw_facts all, none;
    uint8_t action;          /* enum cw_action */
    bool enforce;            /* false: shadow, recorded only */
    uint8_t text_list;       /* with CW_TEXT_OF_ENTRY: index of the list whose entry for the caller holds the text */
    uint16_t code;           /* intercept: SIP status, for the records */
    uint16_t hop;            /* divert */
    uint32_t text;           /* label: id in the text table, or CW_TEXT_OF_ENTRY */
    uint32_t head;           /* intercept: text id of "SIP/2.0 603 Decline\r\n" (a) and "Reason: ...\r\n" (b) */
};

struct cw_policy {
    uint32_t n_rules;
    uint64_t callee_lists;   /* lists that a rule asks about the callee: no others are looked up for it */
    struct cw_rule *rules;
};

#define CW_NO_RULE 0xffffu
/* First enforced rule that matches, else CW_NO_RULE. *shadow: first shadow rule that matched before it, else CW_NO_RULE. */
unsigned cw_policy_decide(const struct cw_policy *policy, const struct cw_facts *facts, unsigned *shadow);

#endif
