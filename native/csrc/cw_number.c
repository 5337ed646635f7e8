/* Digits to numbers, for any country; the Chinese plan stands in cw_cn_plan.c.
 *
 * The way of a number: digits are taken out of the text (cw_digits_read), a carrier prefix of the trunk's table falls, then
 * the form decides: + or 00 is international; anything else is national of the trunk's country, completed by a
 * phone-context or the trunk's own area. Nothing is guessed: what fits no form has no number (STANDARDS 8.2, last row), so
 * that a list entry can never hit a call by accident. The one exception leans the other way: an odd spelling of an
 * emergency number is that emergency number (STANDARDS 10, trap 11).
 */
#include "cw_chars.h"
#include "cw_digits.h"

#define FOREIGN_MIN 7 /* the shortest numbers of E.164 with their country code: +247 xxxx, +683 xxxx */

const char *cw_class_name(unsigned cls)
{
    static const char *const names[] = {
#define X(id, name) name,
        CW_CLASSES(X)
#undef X
    };
    return cls < CW_C_COUNT ? names[cls] : "?";
}

/* ---- reading and writing ---- */

static int hex(uint8_t c)
{
    if (cw_isdigit(c))
        return c - '0';
    c = cw_lower(c);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool all_digits(uint64_t x)
{
    return (((x & CW_EACH * 0xf0) ^ CW_EACH * '0') | (((x + CW_EACH * 6) & CW_EACH * 0xf0) ^ CW_EACH * '0')) == 0;
}

size_t cw_digits_read(const uint8_t *text, size_t len, bool user_part, struct cw_digits *out)
{
    size_t n = 0, i = 0;
    out->plus = out->dial = out->other = out->over = false;
    const size_t plus = len > 0 && text[0] == '+';
    if (cw_likely(len - plus >= 8 && len - plus <= 16)) { /* nothing but digits: most numbers */
        uint64_t head = cw_load8(text + plus), tail = cw_load8(text + len - 8);
        if (cw_likely(all_digits(head) && all_digits(tail))) {
            memcpy(out->d, text + plus, 8);
            memcpy(out->d + len - plus - 8, text + len - 8, 8);
            out->plus = plus != 0;
            out->n = (uint8_t)(len - plus);
            return len;
        }
    }
    for (; i < len; i++) {
        uint8_t c = text[i];
        if (cw_likely(cw_isdigit(c) && n < CW_DIGITS_CAP)) {
            out->d[n++] = (char)c;
            continue;
        }
        if (user_part && c == ';')
            break;
        if (user_part && c == '%' && len - i > 2 && hex(text[i + 1]) >= 0 && hex(text[i + 2]) >= 0) {
            c = (uint8_t)(hex(text[i + 1]) << 4 | hex(text[i + 2]));
            i += 2;
        }
        if (cw_isdigit(c)) {
            if (n < CW_DIGITS_CAP)
                out->d[n++] = (char)c;
            else
                out->over = true;
        } else if (c == '+' && n == 0 && !out->plus && !out->other) {
            out->plus = true;
        } else if (c == '*' || c == '#') {
            out->dial = true;
        } else if (c != '-' && c != '.' && c != '(' && c != ')' && c != ' ') {
            out->other = true;
        }
    }
    out->n = (uint8_t)n;
    return i;
}

static const uint64_t power10[] = {1u,
                                   10u,
                                   100u,
                                   1000u,
                                   10000u,
                                   100000u,
                                   1000000u,
                                   10000000u,
                                   100000000u,
                                   1000000000u,
                                   10000000000u,
                                   100000000000u,
                                   1000000000000u,
                                   10000000000000u,
                                   100000000000000u,
                                   1000000000000000u,
                                   10000000000000000u,
                                   100000000000000000u,
                                   1000000000000000000u,
                                   10000000000000000000u};

/* Eight digits at once, the first in the lowest byte; each byte is 0 to 9. */
static uint64_t eight(uint64_t x)
{
    x = x * 10 + (x >> 8);
    return ((x & 0x000000ff000000ff) * 0x000f424000000064 + ((x >> 16 & 0x000000ff000000ff) * 0x0000271000000001)) >> 32;
}

/* n <= 16 */
static uint64_t decimal(const char *d, size_t n)
{
    const uint8_t *u = (const uint8_t *)d;
    uint64_t value = 0;
    if (n < 8) {
        for (size_t i = 0; i < n; i++)
            value = value * 10 + (uint64_t)(u[i] - '0');
        return value;
    }
    if (n > 8)
        value = eight((cw_load8(u) - CW_EACH * '0') << 8 * (16 - n)) * power10[8];
    return value + eight(cw_load8(u + n - 8) - CW_EACH * '0');
}

cw_num cw_num_e164(const char *d, size_t n)
{
    return n == 0 || n > CW_NUM_DIGITS_MAX || d[0] == '0' ? 0 : decimal(d, n);
}

cw_num cw_num_short(const char *d, size_t n)
{
    return n == 0 || n > CW_NUM_DIGITS_MAX ? 0 : CW_NUM_SHORT | (power10[n] + decimal(d, n));
}

cw_num cw_num_join(unsigned cc, const char *area, size_t area_len, const char *d, size_t n)
{
    if (cc == 0 || cw_num_digits(cc) + area_len + n > CW_NUM_DIGITS_MAX)
        return 0;
    return (cc * power10[area_len] + decimal(area, area_len)) * power10[n] + decimal(d, n);
}

size_t cw_num_text(cw_num n, char out[24])
{
    char rev[24] = {0};
    size_t k = 0, len = 0;
    bool is_short = (n & CW_NUM_SHORT) != 0;
    for (cw_num v = n & ~CW_NUM_SHORT; v != 0; v /= 10)
        rev[k++] = (char)('0' + v % 10);
    if (is_short && k > 0)
        k--; /* the leading 1 */
    else if (k > 0)
        out[len++] = '+';
    while (k > 0)
        out[len++] = rev[--k];
    out[len] = '\0';
    return len;
}

unsigned cw_num_digits(cw_num n)
{
    n &= ~CW_NUM_SHORT;
    if (n == 0)
        return 0;
    unsigned k = (64 - (unsigned)__builtin_clzll(n)) * 1233 >> 12; /* log10(2) */
    return k + (n >= power10[k]);
}

cw_num cw_num_head(cw_num n, unsigned keep)
{
    unsigned digits = cw_num_digits(n);
    return digits > keep ? n / power10[digits - keep] : n;
}

/* ---- the never-block numbers, STANDARDS 8.4 ---- */

#define SHORT(digits) (CW_NUM_SHORT | UINT64_C(1##digits))

bool cw_num_is_floor(cw_num n)
{
    switch (n) { /* TS 22.101 10.1.1 */
    case SHORT(112): case SHORT(911): case SHORT(999): case SHORT(000):
    case SHORT(110): case SHORT(118): case SHORT(119): case SHORT(08):
        return true;
    default:
        return false;
    }
}

bool cw_num_is_emergency(cw_num n)
{
    switch (n) {
    case SHORT(120): case SHORT(122): case SHORT(12110): case SHORT(12119):
    case SHORT(12395): case SHORT(95110): case SHORT(96110): case SHORT(12381):
        return true;
    default:
        return cw_num_is_floor(n);
    }
}

/* ---- plans ---- */

static size_t country_digits(unsigned cc, char out[5])
{
    char rev[5];
    size_t k = 0, n = 0;
    for (; cc != 0; cc /= 10)
        rev[k++] = (char)('0' + cc % 10);
    while (k > 0)
        out[n++] = rev[--k];
    return n;
}

static bool starts(const char *d, size_t n, const char *prefix, size_t prefix_len)
{
    return n >= prefix_len && memcmp(d, prefix, prefix_len) == 0;
}

static cw_num none(uint32_t *classes)
{
    *classes = CW_BIT(IRREGULAR);
    return 0;
}

/* An emergency number of the plan: the floor everywhere, China's own in China. 0 = it is none. */
static cw_num emergency_of(const struct cw_dialplan *plan, const char *d, size_t n)
{
    cw_num key = n <= 5 ? cw_num_short(d, n) : 0;
    return key != 0 && (plan->country_code == 86 ? cw_num_is_emergency(key) : cw_num_is_floor(key)) ? key : 0;
}

static cw_num take_emergency(cw_num key, uint32_t flags, uint32_t *classes)
{
    *classes = CW_BIT(SHORT) | CW_BIT(EMERGENCY) | CW_BIT(DOMESTIC) | flags;
    return key;
}

/* Digits behind + or 00. */
static cw_num international(const struct cw_dialplan *plan, const char *d, size_t n, uint32_t *classes)
{
    char cc[5];
    if (n < 3 || d[0] == '0')
        return none(classes); /* no country code begins with 0 */
    if (plan->country_code == 86 && d[0] == '8' && d[1] == '6')
        return cw_cn_significant(d + 2, n - 2, classes);
    size_t cc_len = country_digits(plan->country_code, cc);
    cw_num key = emergency_of(plan, d, n); /* +110: no telephone number of any country */
    if (key != 0)
        return take_emergency(key, CW_BIT(IRREGULAR), classes);
    if ((key = cw_num_e164(d, n)) == 0)
        return none(classes);
    bool domestic = cc_len > 0 && starts(d, n, cc, cc_len);
    if (domestic) {
        cw_num code = emergency_of(plan, d + cc_len, n - cc_len);
        if (code != 0)
            return take_emergency(code, CW_BIT(CC_ON_SHORT), classes);
    }
    *classes = (domestic ? CW_BIT(DOMESTIC) : CW_BIT(FOREIGN)) | (n < FOREIGN_MIN ? CW_BIT(IRREGULAR) : 0);
    return key;
}

/* National digits of a country other than China: trunk prefix 0. */
static cw_num generic_national(const struct cw_dialplan *plan, const char *d, size_t n, const struct cw_local *local,
                               uint32_t *classes)
{
    char cc[5];
    size_t cc_len = country_digits(plan->country_code, cc);
    uint32_t bare = local->given ? 0 : CW_BIT(BARE_NATIONAL);
    cw_num key = emergency_of(plan, d, n);
    if (key != 0)
        return take_emergency(key, bare, classes);
    bool own = cc_len > 0 && starts(d, n, cc, cc_len);
    if (cc_len > 0) {
        if (d[0] == '0') {
            if ((key = emergency_of(plan, d + 1, n - 1)) != 0)
                return take_emergency(key, bare | CW_BIT(IRREGULAR), classes);
            key = n > 4 && d[1] != '0' ? cw_num_join(plan->country_code, "", 0, d + 1, n - 1) : 0;
        } else if (own && (key = emergency_of(plan, d + cc_len, n - cc_len)) != 0) {
            return take_emergency(key, CW_BIT(CC_ON_SHORT), classes);
        } else if (local->area_len > 0 && n >= 4 && n <= 8) {
            key = cw_num_join(plan->country_code, local->area, local->area_len, d, n);
        } else if (own && n >= cc_len + 7) {
            key = cw_num_e164(d, n);
            bare = 0;
        }
        if (key != 0) {
            *classes = CW_BIT(DOMESTIC) | bare;
            return key;
        }
    }
    if (cc_len > 0 && n >= 2 && n <= 6 && d[0] != '0') { /* what the country's own table of emergency numbers may hold */
        *classes = CW_BIT(SHORT) | CW_BIT(DOMESTIC) | bare | (n < 3 ? CW_BIT(IRREGULAR) : 0);
        return cw_num_short(d, n);
    }
    if (!plan->bare_is_foreign || local->given || n < FOREIGN_MIN || (key = cw_num_e164(d, n)) == 0)
        return none(classes);
    *classes = (own ? CW_BIT(DOMESTIC) : CW_BIT(FOREIGN)) | CW_BIT(IRREGULAR);
    return key;
}

/* Takes a carrier prefix off, once; what remains must be a number again, so that 12593 itself and mobiles of 11 digits
 * that begin like a prefix stay whole. */
static size_t carrier_prefix(const struct cw_dialplan *plan, const char *d, size_t n)
{
    for (unsigned i = 0; i < plan->n_strip && i < sizeof plan->strip / sizeof plan->strip[0]; i++) {
        size_t len = strnlen(plan->strip[i], sizeof plan->strip[i]);
        if (len == 0 || !starts(d, n, plan->strip[i], len))
            continue;
        if (n - len >= 7 || emergency_of(plan, d + len, n - len) != 0)
            return len;
    }
    return 0;
}

static cw_num national(const struct cw_dialplan *plan, const char *d, size_t n, const struct cw_local *local,
                       uint32_t *classes)
{
    return plan->country_code == 86 ? cw_cn_national(plan, d, n, local, classes)
                                    : generic_national(plan, d, n, local, classes);
}

/* RFC 3966 5.1.5: a local number with a global phone-context. A context of the trunk's country names the area; digits
 * that are no national form, and all of other countries, are appended to the context. */
static cw_num in_context(const struct cw_dialplan *plan, const struct cw_digits *context, const char *d, size_t n,
                         uint32_t *classes)
{
    char cc[5], all[2 * CW_DIGITS_CAP];
    size_t cc_len = country_digits(plan->country_code, cc);
    cw_num key;
    if (cc_len > 0 && starts(context->d, context->n, cc, cc_len)) {
        struct cw_local local = {context->d + cc_len, context->n - cc_len, true};
        if ((key = national(plan, d, n, &local, classes)) != 0)
            return key;
    } else if ((key = emergency_of(plan, d, n)) != 0) {
        return take_emergency(key, 0, classes);
    }
    memcpy(all, context->d, context->n);
    memcpy(all + context->n, d, n);
    return international(plan, all, context->n + n, classes);
}

cw_num cw_digits_resolve(const struct cw_dialplan *plan, const struct cw_digits *digits, const uint8_t *context,
                         size_t ctx_len, uint32_t *classes)
{
    const char *d = digits->d;
    size_t n = digits->n;
    if (n == 0) {
        *classes = CW_BIT(NONNUMERIC);
        return 0;
    }
    if (cw_unlikely(digits->other || digits->dial || digits->over))
        return none(classes);
    if (digits->plus)
        return international(plan, d, n, classes);
    if (plan->n_strip > 0) {
        size_t cut = carrier_prefix(plan, d, n);
        d += cut;
        n -= cut;
    }
    if (n > 3 && d[0] == '0' && d[1] == '0') /* 000 is an emergency number */
        return international(plan, d + 2, n - 2, classes);
    if (ctx_len > 1) {
        struct cw_digits c;
        cw_digits_read(context, ctx_len, true, &c);
        if (c.plus && c.n > 0 && !c.dial && !c.other && !c.over)
            return in_context(plan, &c, d, n, classes);
    }
    struct cw_local local = {plan->area, strnlen(plan->area, sizeof plan->area), false};
    return national(plan, d, n, &local, classes);
}

cw_num cw_canonical(const struct cw_dialplan *plan, const uint8_t *text, size_t len, const uint8_t *context, size_t ctx_len,
                    uint32_t *classes)
{
    struct cw_digits digits;
    cw_digits_read(text, len, false, &digits);
    return cw_digits_resolve(plan, &digits, context, ctx_len, classes);
}
