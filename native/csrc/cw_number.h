/* Numbers: what they are and where a message carries them.
 *
 * A cw_num is an E.164 integer of up to 15 digits, country code first. Short codes (110, 95588, 10086) live in a space of
 * their own: CW_NUM_SHORT | the digits behind a leading 1, so that 000 and 00 differ. 0 means no number.
 */
#ifndef CW_NUMBER_H
#define CW_NUMBER_H

#include "cw.h"
#include "cw_scan.h"

typedef uint64_t cw_num;
#define CW_NUM_SHORT (UINT64_C(1) << 62)
#define CW_NUM_DIGITS_MAX 15 /* E.164 */

/* Classes of a number: each is one fact bit, caller.<name> and callee.<name>. X(ENUM, name) */
#define CW_CLASSES(X)                                                                                                  \
    X(WITHHELD, "withheld")           /* anonymous, Restricted, no digits and no usable identity: STANDARDS 2.3 row 7 */ \
    X(NONNUMERIC, "nonnumeric")       /* an address that is no telephone number */                                     \
    X(DOMESTIC, "domestic")           /* the trunk's country code, or a national short code */                         \
    X(FOREIGN, "foreign")             /* E.164 of another country */                                                   \
    X(MOBILE, "mobile")                                                                                                \
    X(FIXED, "fixed")                                                                                                  \
    X(IOT, "iot")                     /* 13-digit machine numbers, 14x0 */                                             \
    X(SHORT, "short")                 /* any short code */                                                             \
    X(SERVICE_400, "service400")                                                                                       \
    X(SERVICE_800, "service800")                                                                                       \
    X(SERVICE_95, "service95")        /* 95xxx */                                                                      \
    X(SERVICE_96, "service96")        /* 96xxx */                                                                      \
    X(OPERATOR_100, "operator100")    /* 100xx */                                                                      \
    X(PORT_106, "port106")            /* 106... SMS ports */                                                           \
    X(PUBLIC_123, "public123")        /* 123xx */                                                                      \
    X(EMERGENCY, "emergency")         /* STANDARDS 8.4 */                                                              \
    X(CC_ON_SHORT, "cc_on_short")     /* +86 95588: a country code on a short code */                                  \
    X(BARE_NATIONAL, "bare_national") /* written without + or 00: 010..., 1[3-9]..., a short code */                   \
    X(IRREGULAR, "irregular")         /* letters, under 3 or over 18 digits, all zeros, foreign without + or 00 */     \
    X(AREA_SHORT, "area_short")       /* short code behind an area code (010110) */

enum cw_class {
#define X(id, name) CW_C_##id,
    CW_CLASSES(X)
#undef X
        CW_C_COUNT
};
_Static_assert(CW_C_COUNT <= 32, "classes fill half a fact word");
const char *cw_class_name(unsigned cls);

/* The dial plan of a trunk: how digits that it sends turn into E.164. */
struct cw_dialplan {
    uint16_t country_code;   /* 86; 0 = only + and 00 forms are numbers, the rest irregular */
    char area[8];            /* default area code without trunk prefix ("10"), "" = none: for 7-8 digit local numbers */
    bool bare_is_foreign;    /* digits without + or 00 that are no national form are foreign E.164 (flag IRREGULAR) */
    uint8_t n_strip;
    char strip[8][8];        /* carrier prefixes to take off: "17951", "12593" */
};

/* Digits as dialled (separators and a leading + allowed, no parameters) to a number, with its class bits; STANDARDS 8.2.
 * `context` is a phone-context of the form "+8610", absent: ctx_len 0. Returns 0 (no number: NONNUMERIC or IRREGULAR
 * is set in *classes). For country codes other than 86: trunk prefix 0 and international prefix 00; bare 2 to 6 digits
 * are short codes without classes of their own but EMERGENCY of the world-wide floor (112 911 999 000 110 118 119 08). */
cw_num cw_canonical(const struct cw_dialplan *plan, const uint8_t *text, size_t len, const uint8_t *context, size_t ctx_len,
                    uint32_t *classes);

/* "+8613800000001" or "110"; writes at most 24 bytes with the NUL, returns the length. */
size_t cw_num_text(cw_num n, char out[24]);
/* Number of decimal digits of the integer part (the leading 1 of a short code included). */
unsigned cw_num_digits(cw_num n);

struct cw_party {
    cw_num num;              /* 0 = none */
    uint32_t classes;        /* bits of enum cw_class */
    struct cw_span raw;      /* user part as received, for the journal; absent when there is none */
};

struct cw_parties {
    struct cw_party caller;    /* the screening number (SN), STANDARDS 2.3 */
    struct cw_party presented; /* the presented number (PN): From, when it differs in origin from the SN */
    struct cw_party callee;
    uint32_t flags;            /* CW_P_* */
};
enum {
    CW_P_UNVERIFIED = 1,       /* from From of an untrusted peer */
    CW_P_MISMATCH = 2,         /* SN and PN are both numbers and differ */
    CW_P_EQUALS_CALLEE = 4,    /* caller == callee */
    CW_P_NEIGHBOUR = 8,        /* shares the first 7 national digits or more with the callee, and is not equal */
    CW_P_PAI_CONFLICT = 16,    /* the tel and the sip value of P-Asserted-Identity disagree */
    CW_P_PRIVACY = 32,         /* Privacy asks for id, user or header */
    CW_P_DIVERTED = 64,        /* Diversion or History-Info is there */
};

/* Who calls whom, STANDARDS 2.3, 2.4: m has passed cw_scan and cw_check. Trusted: P-Asserted-Identity (tel before
 * sip), then From; P-Called-Party-ID names the callee. Not trusted: From only. Callee: Request-URI; To when the
 * Request-URI has no user part. Never fails: what cannot be read is WITHHELD or NONNUMERIC. */
void cw_identify(const struct cw_msg *m, const struct cw_dialplan *plan, bool trusted, struct cw_parties *out);

/* Configured on top of the built-in never-block list; sorted arrays, owned by the caller. */
struct cw_emergency {
    const cw_num *callees;
    uint32_t n_callees;
    const cw_num *psap_callers;  /* PSAP and police call-back numbers */
    uint32_t n_psap_callers;
};

/* STANDARDS 8.4: any one of its conditions -> true, and the call passes untouched. */
bool cw_is_emergency(const struct cw_msg *m, const struct cw_parties *p, const struct cw_emergency *extra);
/* For the guards: is this number on the built-in never-block list? */
bool cw_num_is_emergency(cw_num n);

#endif
