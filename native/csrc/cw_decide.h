/* identify -> facts -> decide: what a new call is, and what becomes of it (DESIGN 3). */
#ifndef CW_DECIDE_H
#define CW_DECIDE_H

#include "cw_engine.h"
#include "cw_token.h"

struct cw_decision {
    struct cw_parties parties;
    struct cw_facts facts;
    struct cw_verdict verdict;   /* hop and target are the router's to fill */
    unsigned shadow;             /* CW_NO_RULE */
    bool repeated;               /* the memo knew it */
    bool screened;
};
/* Of an initial INVITE or MESSAGE. Emergency first, then the memo, then facts and policy. */
void cw_decide(const struct cw_world *w, const struct cw_shared *shared, struct cw_worker *k, const struct cw_in *in,
               const struct cw_trunk *trunk, uint64_t memo_key, struct cw_decision *d);

/* What a verdict was made of, apart from the rules. The transaction key is all the sender's own words: whoever repeats it with
 * another caller, callee or method, or without what made a call an emergency, is not answered from the memo. */
uint32_t cw_decide_call(const struct cw_world *w, const struct cw_decision *d);

#endif
