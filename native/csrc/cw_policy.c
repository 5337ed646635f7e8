#include "cw_policy.h"

static const char *const CALLER_NAMES[] = {
#define X(id, name) "caller." name,
    CW_CLASSES(X)
#undef X
};
static const char *const CALLEE_NAMES[] = {
#define X(id, name) "callee." name,
    CW_CLASSES(X)
#undef X
};
static const char *const WORD1_NAMES[] = {
#define X(id, name) name,
    CW_WORD1_FACTS(X)
#undef X
};

const char *cw_fact_name(unsigned bit)
{
    if (bit < CW_C_COUNT)
        return CALLER_NAMES[bit];
    if (bit >= 32 && bit < 32 + CW_C_COUNT)
        return CALLEE_NAMES[bit - 32];
    if (bit > CW_WORD1_BASE && bit < CW_WORD1_END)
        return WORD1_NAMES[bit - CW_WORD1_BASE - 1];
    return NULL;
}

static inline bool matches(const struct cw_rule *r, const struct cw_facts *f)
{
    uint64_t missing = 0, forbidden = 0;
    for (int i = 0; i < 4; i++) {
        missing |= r->all.w[i] & ~f->w[i];
        forbidden |= r->none.w[i] & f->w[i];
    }
    return (missing | forbidden) == 0;
}

unsigned cw_policy_decide(const struct cw_policy *policy, const struct cw_facts *facts, unsigned *shadow)
{
    *shadow = CW_NO_RULE;
    for (uint32_t i = 0; i < policy->n_rules; i++) {
        const struct cw_rule *r = &policy->rules[i];
        if (!matches(r, facts))
            continue;
        if (r->enforce)
            return i;
        if (*shadow == CW_NO_RULE)
            *shadow = i;
    }
    return CW_NO_RULE;
}
