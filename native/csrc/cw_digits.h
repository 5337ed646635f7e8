/* Between cw_number.c, cw_cn_plan.c and cw_identify.c only: digits taken out of text, and what the plans do with them. */
#ifndef CW_DIGITS_H
#define CW_DIGITS_H

#include "cw_number.h"

/* 17951 + 0086 + a 13-digit machine number has 22; a 106 port after 0086 has 24 */
#define CW_DIGITS_CAP 24

#define CW_BIT(cls) (UINT32_C(1) << CW_C_##cls)

struct cw_digits {
    char d[CW_DIGITS_CAP];
    uint8_t n;
    bool plus;  /* a leading + */
    bool dial;  /* holds * or # */
    bool other; /* holds anything else that is no digit and no visual separator */
    bool over;  /* more than CW_DIGITS_CAP digits */
};

/* Take the digits out of `text`; RFC 3966 visual separators - . ( ) and space fall away. `user_part`: %hh is decoded,
 * once (RFC 3261 19.1.2), and the first ';' ends it. Returns the octets taken; reads text[0..len), never more. */
size_t cw_digits_read(const uint8_t *text, size_t len, bool user_part, struct cw_digits *out);

/* cw_canonical() on digits that are read already; `area_context` as its context. */
cw_num cw_digits_resolve(const struct cw_dialplan *plan, const struct cw_digits *digits, const uint8_t *context,
                         size_t ctx_len, uint32_t *classes);

/* 0 when the digits are none, more than 15, or (E.164) begin with 0. */
cw_num cw_num_e164(const char *d, size_t n);
cw_num cw_num_short(const char *d, size_t n);
/* Country code, area and digits as one E.164 number; 0 when there is no country code or they are more than 15. */
cw_num cw_num_join(unsigned cc, const char *area, size_t area_len, const char *d, size_t n);
/* The first `keep` digits of n. */
cw_num cw_num_head(cw_num n, unsigned keep);
/* The world-wide floor of STANDARDS 8.4 alone. */
bool cw_num_is_floor(cw_num n);

/* What a local number is completed with. */
struct cw_local {
    const char *area; /* without trunk prefix, not terminated */
    size_t area_len;  /* 0 = none */
    bool given;       /* a phone-context stood beside the digits: they are not bare */
};

/* China, STANDARDS 8.1, 8.2. Both return 0 with IRREGULAR set when the digits fit no row.
 * significant: the digits behind +86 or 0086. national: digits without + or 00, n > 0. */
cw_num cw_cn_significant(const char *d, size_t n, uint32_t *classes);
cw_num cw_cn_national(const struct cw_dialplan *plan, const char *d, size_t n, const struct cw_local *local,
                      uint32_t *classes);

#endif
