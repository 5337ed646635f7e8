/* The Chinese numbering plan, STANDARDS 8.1 and 8.2 (MIIT plan of 2017): length first, then the leading digits.
 *
 * Two decisions of ours. Behind an area code only codes that are known to exist are short codes, so that a real fixed
 * number is never eaten; 010 11012345 has the length of a fixed number and is one. And where an emergency number and
 * anything shorter than a whole number compete for the same digits, the emergency number wins.
 */
#include "cw_digits.h"

static bool starts2(const char *d, char a, char b) { return d[0] == a && d[1] == b; }

/* Length of the area code that the digits begin with, 0 = none: 10, 2x, and 3xx to 9xx without the service codes. */
static size_t area_code(const char *d, size_t n)
{
    if (n >= 2 && (d[0] == '2' || starts2(d, '1', '0')))
        return 2;
    if (n < 3 || d[0] < '3')
        return 0;
    return (d[0] == '4' || d[0] == '8') && d[1] == '0' && d[2] == '0' ? 0 : 3;
}

static bool local_fits(size_t area_len, size_t n) { return n == 8 || (area_len == 3 && n == 7); }

/* The class of a whole national number (without trunk prefix), 0 = it is none. */
static uint32_t subscriber(const char *d, size_t n)
{
    if (n < 10 || n > 13)
        return 0;
    if (n == 11 && d[0] == '1' && d[1] >= '3')
        return CW_BIT(MOBILE);
    if (n == 13)
        return starts2(d, '1', '4') ? CW_BIT(IOT) : 0;
    if (n == 10 && d[1] == '0' && d[2] == '0') {
        if (d[0] == '4')
            return CW_BIT(SERVICE_400);
        if (d[0] == '8')
            return CW_BIT(SERVICE_800);
    }
    size_t area = area_code(d, n);
    return area != 0 && local_fits(area, n - area) ? CW_BIT(FIXED) : 0;
}

static bool is_port(const char *d, size_t n) { return n >= 8 && n <= 20 && memcmp(d, "106", 3) == 0; }

/* Short codes that the plan knows: 11x 12x 911 999, 100xx 11xxx 12xxx, 116xxx 118xxx, 95xxx(xxx), 96xxx(x). */
static bool known_short(const char *d, size_t n)
{
    if (n < 3 || n > 8)
        return false;
    if (d[0] == '9') {
        if (n == 3)
            return memcmp(d, "911", 3) == 0 || memcmp(d, "999", 3) == 0;
        return n >= 5 && (d[1] == '5' || (d[1] == '6' && n <= 6));
    }
    if (d[0] != '1')
        return false;
    if (d[1] == '1' || d[1] == '2')
        return n == 3 || n == 5 || (n == 6 && d[1] == '1' && (d[2] == '6' || d[2] == '8'));
    return n == 5 && d[1] == '0' && d[2] == '0';
}

static uint32_t short_class(const char *d, size_t n)
{
    if (n == 5 && memcmp(d, "100", 3) == 0)
        return CW_BIT(OPERATOR_100);
    if (n == 5 && memcmp(d, "123", 3) == 0)
        return CW_BIT(PUBLIC_123);
    if (n >= 5 && starts2(d, '9', '5'))
        return CW_BIT(SERVICE_95);
    if (n >= 5 && starts2(d, '9', '6'))
        return CW_BIT(SERVICE_96);
    return is_port(d, n) ? CW_BIT(PORT_106) : 0;
}

static bool is_emergency(const char *d, size_t n)
{
    return n <= 5 && n >= 2 && cw_num_is_emergency(cw_num_short(d, n));
}

static cw_num none(uint32_t *classes)
{
    *classes = CW_BIT(IRREGULAR);
    return 0;
}

static cw_num take_short(const char *d, size_t n, uint32_t flags, uint32_t *classes)
{
    cw_num key = cw_num_short(d, n);
    *classes = CW_BIT(DOMESTIC) | short_class(d, n) | flags;
    if (key == 0) { /* an SMS port of 16 to 20 digits */
        *classes |= CW_BIT(IRREGULAR);
        return 0;
    }
    *classes |= CW_BIT(SHORT) | (cw_num_is_emergency(key) ? CW_BIT(EMERGENCY) : 0);
    if (d[0] == '0')
        *classes |= CW_BIT(IRREGULAR); /* 000 and 08: emergency numbers elsewhere, no caller here */
    return key;
}

static cw_num take_number(const char *area, size_t area_len, const char *d, size_t n, uint32_t cls, uint32_t *classes)
{
    cw_num key = cw_num_join(86, area, area_len, d, n);
    *classes = key != 0 ? CW_BIT(DOMESTIC) | cls : CW_BIT(IRREGULAR);
    return key;
}

/* Where the short code begins in area + short code; 0 = the digits are no such pair. */
static size_t area_short(const char *d, size_t n, bool emergency_only)
{
    size_t area = area_code(d, n);
    if (area == 0 || (emergency_only ? !is_emergency(d + area, n - area) : !known_short(d + area, n - area)))
        return 0;
    return area;
}

/* Trunk prefix 0 is off: a whole number, area + short code, or a short code that never has a 0. */
static cw_num after_trunk_prefix(const char *d, size_t n, uint32_t flags, uint32_t short_flags, uint32_t *classes)
{
    uint32_t cls = subscriber(d, n);
    if (cls != 0)
        return take_number("", 0, d, n, cls | flags, classes);
    size_t area = area_short(d, n, false);
    if (area != 0)
        return take_short(d + area, n - area, CW_BIT(AREA_SHORT) | flags, classes);
    if (known_short(d, n))
        return take_short(d, n, CW_BIT(IRREGULAR) | flags | short_flags, classes);
    return none(classes);
}

cw_num cw_cn_significant(const char *d, size_t n, uint32_t *classes)
{
    if (n == 0)
        return none(classes);
    if (d[0] == '0') /* +86 (0)10 ...: written with the trunk prefix by mistake */
        return after_trunk_prefix(d + 1, n - 1, CW_BIT(IRREGULAR), CW_BIT(CC_ON_SHORT), classes);
    uint32_t cls = subscriber(d, n);
    if (cls != 0)
        return take_number("", 0, d, n, cls, classes);
    if (is_emergency(d, n))
        return take_short(d, n, CW_BIT(CC_ON_SHORT), classes);
    size_t area = area_short(d, n, true); /* +86 951 110 before +86 951110 */
    if (area == 0 && (known_short(d, n) || is_port(d, n)))
        return take_short(d, n, CW_BIT(CC_ON_SHORT), classes);
    if (area == 0)
        area = area_short(d, n, false);
    if (area != 0)
        return take_short(d + area, n - area, CW_BIT(AREA_SHORT), classes);
    if (n >= 3 && n <= 6)
        return take_short(d, n, CW_BIT(CC_ON_SHORT), classes);
    if (n < 3)
        return none(classes);
    return take_number("", 0, d, n, CW_BIT(IRREGULAR), classes); /* E.164 of China, of no shape that the plan knows */
}

cw_num cw_cn_national(const struct cw_dialplan *plan, const char *d, size_t n, const struct cw_local *local,
                      uint32_t *classes)
{
    uint32_t bare = local->given ? 0 : CW_BIT(BARE_NATIONAL);
    if (is_emergency(d, n))
        return take_short(d, n, bare, classes);
    uint32_t cls = subscriber(d, n);
    /* a fixed number without its 0 is none, unless ;phone-context=+86 says what stands before it */
    if (cls != 0 && (!(cls & CW_BIT(FIXED)) || (local->given && local->area_len == 0)))
        return take_number("", 0, d, n, cls | bare, classes);
    if (d[0] == '0')
        return n > 1 ? after_trunk_prefix(d + 1, n - 1, bare, 0, classes) : none(classes);
    if (is_port(d, n) || (n >= 7 && known_short(d, n)))
        return take_short(d, n, bare, classes);
    bool cc = n > 4 && starts2(d, '8', '6');
    const char *after = d + 2;
    size_t m = cc ? n - 2 : 0;
    if (cc) {
        if ((cls = subscriber(after, m)) != 0)
            return take_number("", 0, after, m, cls, classes);
        if (is_emergency(after, m))
            return take_short(after, m, CW_BIT(CC_ON_SHORT), classes);
        size_t area = area_short(after, m, true);
        if (area != 0)
            return take_short(after + area, m - area, CW_BIT(AREA_SHORT), classes);
    }
    if (local->area_len > 0 && area_code(local->area, local->area_len) == local->area_len &&
        local_fits(local->area_len, n))
        return take_number(local->area, local->area_len, d, n, CW_BIT(FIXED) | bare, classes);
    if (cc && (known_short(after, m) || is_port(after, m)))
        return take_short(after, m, CW_BIT(CC_ON_SHORT), classes);
    if (cc) {
        size_t area = area_short(after, m, false);
        if (area != 0)
            return take_short(after + area, m - area, CW_BIT(AREA_SHORT), classes);
    }
    if (n >= 3 && n <= 6)
        return take_short(d, n, bare, classes);
    if (!plan->bare_is_foreign || local->given || n < 7)
        return none(classes);
    cw_num key = cc ? cw_cn_significant(after, m, classes) : cw_num_e164(d, n);
    if (key == 0)
        return none(classes);
    *classes = (cc ? *classes : CW_BIT(FOREIGN)) | CW_BIT(IRREGULAR);
    return key;
}
