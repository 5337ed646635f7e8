/* Numbers, parties and the bypass, over bytes that end where the heap block ends: run under ASan and UBSan.
 * Prints each fault; the exit status is 1 when there was one. */
#include "cw_number.h"

#include <stdio.h>
#include <stdlib.h>

static int faults;
#define CHECK(cond, ...) ((cond) ? (void)0 : (faults++, printf("%s:%d: ", __FILE__, __LINE__), printf(__VA_ARGS__), puts("")))
#define B(cls) (UINT32_C(1) << CW_C_##cls)

static uint8_t *exact(const void *data, size_t len)
{
    uint8_t *copy = malloc(len ? len : 1);
    if (!copy)
        abort();
    if (len)
        memcpy(copy, data, len);
    return copy;
}

static struct cw_dialplan plan_of(unsigned cc, const char *area)
{
    struct cw_dialplan plan = {.country_code = (uint16_t)cc, .n_strip = 2, .strip = {"17951", "12593"}};
    for (size_t i = 0; i < sizeof plan.area && area[i]; i++)
        plan.area[i] = area[i];
    return plan;
}

/* ---- STANDARDS 8.2, row by row ---- */

struct row {
    unsigned cc;
    const char *area, *text, *context, *want;
    uint32_t classes;
};

static const uint32_t MOBILE = B(DOMESTIC) | B(MOBILE), FIXED = B(DOMESTIC) | B(FIXED), BARE = B(BARE_NATIONAL),
                      CODE = B(DOMESTIC) | B(SHORT), SOS = B(DOMESTIC) | B(SHORT) | B(EMERGENCY);

static void canonical_rows(void)
{
    const struct row rows[] = {
        /* +86, 0086, 86: length first */
        {86, "", "+8613800000001", "", "+8613800000001", MOBILE},
        {86, "", "0086 138-0000-0001", "", "+8613800000001", MOBILE},
        {86, "", "+86-(138).0000.0001", "", "+8613800000001", MOBILE},
        {86, "", "8613800000001", "", "+8613800000001", MOBILE},
        {86, "", "13800000001", "", "+8613800000001", MOBILE | BARE},
        {86, "", "013800000001", "", "+8613800000001", MOBILE | BARE},
        {86, "", "+861012345678", "", "+861012345678", FIXED},
        {86, "", "861012345678", "", "+861012345678", FIXED},
        {86, "", "01012345678", "", "+861012345678", FIXED | BARE},
        {86, "", "010 11012345", "", "+861011012345", FIXED | BARE},
        {86, "", "+8675512345678", "", "+8675512345678", FIXED},
        {86, "", "+863351234567", "", "+863351234567", FIXED},
        {86, "", "03351234567", "", "+863351234567", FIXED | BARE},
        {86, "", "+861064123456", "", "+861064123456", FIXED}, /* Beijing 6412 3456, no SMS port */
        {86, "", "+8601012345678", "", "+861012345678", FIXED | B(IRREGULAR)},
        {86, "", "+861400123456789", "", "+861400123456789", B(DOMESTIC) | B(IOT)},
        {86, "", "1440123456789", "", "+861440123456789", B(DOMESTIC) | B(IOT) | BARE},
        {86, "", "4001234567", "", "+864001234567", B(DOMESTIC) | B(SERVICE_400) | BARE},
        {86, "", "+868001234567", "", "+868001234567", B(DOMESTIC) | B(SERVICE_800)},
        /* local numbers and phone-context */
        {86, "10", "12345678", "", "+861012345678", FIXED | BARE},
        {86, "335", "1234567", "", "+863351234567", FIXED | BARE},
        {86, "", "12345678", "+8610", "+861012345678", FIXED},
        {86, "335", "12345678", "+86-10", "+861012345678", FIXED},
        {86, "", "1012345678", "+86", "+861012345678", FIXED},
        {86, "", "13800000001", "+86", "+8613800000001", MOBILE},
        {86, "", "110", "+86", "110", SOS},
        {86, "", "13800000001", "ims.example.com", "+8613800000001", MOBILE | BARE},
        {86, "", "2125551234", "+1", "+12125551234", B(FOREIGN)},
        {86, "", "911", "+1", "911", SOS},
        {86, "", "12345678", "", "", B(IRREGULAR)},
        {86, "10", "1234567", "", "", B(IRREGULAR)}, /* Beijing has 8 digits */
        /* short codes, with a country code and behind an area code */
        {86, "", "10086", "", "10086", CODE | B(OPERATOR_100) | BARE},
        {86, "", "+8610086", "", "10086", CODE | B(OPERATOR_100) | B(CC_ON_SHORT)},
        {86, "", "8610086", "", "10086", CODE | B(OPERATOR_100) | B(CC_ON_SHORT)},
        {86, "", "+8695588", "", "95588", CODE | B(SERVICE_95) | B(CC_ON_SHORT)},
        {86, "", "010-95588", "", "95588", CODE | B(SERVICE_95) | B(AREA_SHORT) | BARE},
        {86, "", "95588123", "", "95588123", CODE | B(SERVICE_95) | BARE},
        {86, "", "962288", "", "962288", CODE | B(SERVICE_96) | BARE},
        {86, "", "12345", "", "12345", CODE | B(PUBLIC_123) | BARE},
        {86, "", "+86555", "", "555", CODE | B(CC_ON_SHORT)},
        {86, "", "106575258", "", "106575258", CODE | B(PORT_106) | BARE},
        {86, "", "10612345", "", "10612345", CODE | B(PORT_106) | BARE},
        {86, "", "10691234567890123456", "", "", B(DOMESTIC) | B(PORT_106) | B(IRREGULAR) | BARE},
        {86, "", "106912345678901234567", "", "", B(IRREGULAR)},
        {86, "", "0109558", "", "", B(IRREGULAR)}, /* 9558 is no short code that is known */
        {86, "", "1069123456789012", "", "", B(DOMESTIC) | B(PORT_106) | B(IRREGULAR) | BARE},
        {86, "", "110", "", "110", SOS | BARE},
        {86, "", "+86110", "", "110", SOS | B(CC_ON_SHORT)},
        {86, "", "010110", "", "110", SOS | B(AREA_SHORT) | BARE},
        {86, "", "0755119", "", "119", SOS | B(AREA_SHORT) | BARE},
        {86, "", "+8610110", "", "110", SOS | B(AREA_SHORT)},
        {86, "", "+86951110", "", "110", SOS | B(AREA_SHORT)},
        {86, "", "02196110", "", "96110", SOS | B(SERVICE_96) | B(AREA_SHORT) | BARE},
        {86, "", "+861096110", "", "96110", SOS | B(SERVICE_96) | B(AREA_SHORT)},
        {86, "", "0110", "", "110", SOS | B(IRREGULAR) | BARE},
        {86, "", "+112", "", "112", SOS | B(IRREGULAR)},
        {86, "", "08", "", "08", SOS | B(IRREGULAR) | BARE},
        {86, "", "000", "", "000", SOS | B(IRREGULAR) | BARE},
        /* carrier prefixes */
        {86, "", "1795113800000001", "", "+8613800000001", MOBILE | BARE},
        {86, "", "17951008613800000001", "", "+8613800000001", MOBILE},
        {86, "", "12593", "", "12593", CODE | BARE},
        {86, "", "17951138000", "", "+8617951138000", MOBILE | BARE}, /* a whole mobile: too short to strip */
        /* foreign */
        {86, "", "+12125551234", "", "+12125551234", B(FOREIGN)},
        {86, "", "0012125551234", "", "+12125551234", B(FOREIGN)},
        {86, "", "+442", "", "+442", B(FOREIGN) | B(IRREGULAR)},
        {86, "", "12125551234", "", "", B(IRREGULAR)},
        /* no number */
        {86, "", "", "", "", B(NONNUMERIC)},
        {86, "", "alice", "", "", B(NONNUMERIC)},
        {86, "", "+", "", "", B(NONNUMERIC)},
        {86, "", "+86138abc", "", "", B(IRREGULAR)},
        {86, "", "++8613800000001", "", "", B(IRREGULAR)},
        {86, "", "*21*13800000001#", "", "", B(IRREGULAR)},
        {86, "", "0000", "", "", B(IRREGULAR)},
        {86, "", "+0138", "", "", B(IRREGULAR)},
        {86, "", "+1234567890123456", "", "", B(IRREGULAR)},
        {86, "", "+8612345678901234567890123456", "", "", B(IRREGULAR)},
        {86, "", "7", "", "", B(IRREGULAR)},
        {86, "", "+861", "", "", B(IRREGULAR)},
        {86, "", "+8612345678", "", "+8612345678", B(DOMESTIC) | B(IRREGULAR)},
        /* other countries: 0 and 00, the floor, nothing Chinese */
        {44, "", "+442079460000", "", "+442079460000", B(DOMESTIC)},
        {44, "", "02079460000", "", "+442079460000", B(DOMESTIC) | BARE},
        {44, "20", "79460000", "", "+442079460000", B(DOMESTIC) | BARE},
        {44, "", "442079460000", "", "+442079460000", B(DOMESTIC)},
        {44, "", "79460000", "+4420", "+442079460000", B(DOMESTIC)},
        {44, "", "008613800000001", "", "+8613800000001", B(FOREIGN)},
        {44, "", "999", "", "999", SOS | BARE},
        {44, "", "+44999", "", "999", SOS | B(CC_ON_SHORT)},
        {44, "", "120", "", "120", CODE | BARE}, /* an emergency number in China only */
        {33, "", "17", "", "17", CODE | B(IRREGULAR) | BARE},
        {44, "", "10086", "", "10086", CODE | BARE},
        {44, "", "1234567", "", "", B(IRREGULAR)},
        {1, "", "+8610086", "", "+8610086", B(FOREIGN)},
        {0, "", "+8613800000001", "", "+8613800000001", B(FOREIGN)},
        {0, "", "013800000001", "", "", B(IRREGULAR)},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const struct row *r = &rows[i];
        struct cw_dialplan plan = plan_of(r->cc, r->area);
        size_t len = strlen(r->text), ctx_len = strlen(r->context);
        uint8_t *text = exact(r->text, len), *context = exact(r->context, ctx_len);
        uint32_t classes = 0xffffffff;
        char got[24];
        cw_num n = cw_canonical(&plan, text, len, context, ctx_len, &classes);
        size_t got_len = cw_num_text(n, got);
        CHECK(got_len == strlen(got) && strcmp(got, r->want) == 0, "cc %u \"%s\": \"%s\", expected \"%s\"", r->cc, r->text,
              got, r->want);
        CHECK(classes == r->classes, "cc %u \"%s\": classes %#x, expected %#x", r->cc, r->text, classes, r->classes);
        free(text);
        free(context);
    }
}

static void bare_is_foreign(void)
{
    struct cw_dialplan plan = plan_of(86, "");
    uint32_t classes;
    plan.bare_is_foreign = true;
    CHECK(cw_canonical(&plan, (const uint8_t *)"12125551234", 11, NULL, 0, &classes) == 12125551234 &&
              classes == (B(FOREIGN) | B(IRREGULAR)), "bare foreign digits: classes %#x", classes);
    CHECK(cw_canonical(&plan, (const uint8_t *)"13800000001", 11, NULL, 0, &classes) == 8613800000001 && classes == (MOBILE | BARE),
          "a national form comes first: classes %#x", classes);
}

static void fields_without_terminator(void)
{
    struct cw_dialplan plan = {.country_code = 86, .n_strip = 8};
    uint32_t classes;
    memset(plan.area, '1', sizeof plan.area);
    memset(plan.strip, '1', sizeof plan.strip);
    cw_canonical(&plan, (const uint8_t *)"11111111138", 11, NULL, 0, &classes);
    plan.n_strip = 255; /* more than the table holds */
    cw_canonical(&plan, (const uint8_t *)"99999999999", 11, NULL, 0, &classes);
}

static void number_text(void)
{
    char out[24];
    CHECK(cw_num_text(0, out) == 0 && out[0] == '\0', "0 is no number");
    CHECK(cw_num_text(999999999999999, out) == 16 && strcmp(out, "+999999999999999") == 0, "%s", out);
    CHECK(cw_num_text(UINT64_MAX, out) < 24, "any integer fits");
    CHECK(cw_num_digits(0) == 0 && cw_num_digits(9) == 1 && cw_num_digits(10) == 2, "digits");
    for (cw_num n = 1; n < UINT64_C(1000000000000000000); n *= 10)
        CHECK(cw_num_digits(n * 10 - 1) + 1 == cw_num_digits(n * 10), "at a power of ten");
    CHECK(cw_num_digits(CW_NUM_SHORT | 1110) == 4, "the leading 1 counts");
    CHECK(strcmp(cw_class_name(CW_C_WITHHELD), "withheld") == 0 && strcmp(cw_class_name(CW_C_COUNT), "?") == 0, "names");
}

/* ---- parties ---- */

struct call {
    const char *name, *ruri, *from, *to, *more;
    bool trusted;
    const char *caller, *presented, *callee;
    uint32_t caller_classes, flags;
    bool emergency;
};

#define USUAL "<sip:+8613900000002@h>"
static const char *const CALLER = "<sip:+8613700000001@h;user=phone>";

static size_t build(char *out, size_t cap, const struct call *c)
{
    int n = snprintf(out, cap, "INVITE %s SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKa\r\nMax-Forwards: 70\r\n"
                     "From: %s;tag=1\r\nTo: %s\r\nCall-ID: a\r\nCSeq: 1 INVITE\r\n%sContent-Length: 0\r\n\r\n",
                     c->ruri, c->from ? c->from : CALLER, c->to ? c->to : USUAL, c->more);
    if (n < 0 || (size_t)n >= cap)
        abort();
    return (size_t)n;
}

static const cw_num EXTRA[] = {CW_NUM_SHORT | 117, CW_NUM_SHORT | 1190, CW_NUM_SHORT | 1192, CW_NUM_SHORT | 1193};
static const cw_num PSAP[] = {0, 861062345678, 861062345679}; /* 0 is no caller: the withheld do not match it */
static const struct cw_emergency CONFIGURED = {EXTRA, 4, PSAP, 3};

static bool inside(struct cw_span s, size_t len) { return (size_t)s.off + s.len <= len; }

static void one_call(const struct call *c)
{
    char text[2048];
    static struct cw_msg m;
    struct cw_dialplan plan = plan_of(86, "10");
    struct cw_parties p;
    char num[24];
    size_t len = build(text, sizeof text, c);
    for (size_t part = 0; part < len; part += 7) { /* what a cut datagram leaves is safe to look at */
        uint8_t *buf = exact(text, part);
        cw_scan(buf, part, &m);
        cw_check(&m);
        cw_identify(&m, &plan, c->trusted, &p);
        cw_is_emergency(&m, &p, &CONFIGURED);
        free(buf);
    }
    uint8_t *buf = exact(text, len);
    int fault = cw_scan(buf, len, &m);
    if (fault == 0)
        fault = cw_check(&m);
    CHECK(fault == 0, "%s: fault %d", c->name, fault);
    memset(&p, 0xa5, sizeof p);
    cw_identify(&m, &plan, c->trusted, &p);
    cw_num_text(p.caller.num, num);
    CHECK(strcmp(num, c->caller) == 0, "%s: caller %s, expected %s", c->name, num, c->caller);
    CHECK((p.caller.classes & c->caller_classes) == c->caller_classes, "%s: caller classes %#x", c->name, p.caller.classes);
    cw_num_text(p.presented.num, num);
    CHECK(strcmp(num, c->presented) == 0, "%s: presented %s, expected %s", c->name, num, c->presented);
    cw_num_text(p.callee.num, num);
    CHECK(strcmp(num, c->callee) == 0, "%s: callee %s, expected %s", c->name, num, c->callee);
    CHECK(p.flags == c->flags, "%s: flags %u, expected %u", c->name, p.flags, c->flags);
    CHECK(inside(p.caller.raw, len) && inside(p.presented.raw, len) && inside(p.callee.raw, len), "%s: raw", c->name);
    CHECK(cw_is_emergency(&m, &p, &CONFIGURED) == c->emergency, "%s: emergency %d", c->name, !c->emergency);
    free(buf);
}

static void parties(void)
{
    const char *const ruri = "sip:+8613900000002@h;user=phone";
    const struct call calls[] = {
        {"untrusted: From only", ruri, 0, 0, "P-Asserted-Identity: <tel:+8613700000009>\r\n", false, "+8613700000001", "",
         "+8613900000002", MOBILE, CW_P_UNVERIFIED, false},
        {"trusted: tel before sip", ruri, 0, 0,
         "P-Asserted-Identity: \"B, C\" <sip:+8613700000008@h>, <tel:+8613700000009>\r\n", true, "+8613700000009",
         "+8613700000001", "+8613900000002", MOBILE, CW_P_MISMATCH | CW_P_PAI_CONFLICT, false},
        {"trusted: two lines", ruri, 0, 0,
         "P-Asserted-Identity: <sip:+8613700000001@h>\r\nP-Asserted-Identity: <tel:+86-137-0000-0001>\r\n", true,
         "+8613700000001", "+8613700000001", "+8613900000002", MOBILE, 0, false},
        {"trusted: no identity", ruri, 0, 0, "", true, "+8613700000001", "", "+8613900000002", MOBILE, 0, false},
        {"trusted: an identity that is no number", ruri, 0, 0, "P-Asserted-Identity: <sip:pbx@h>\r\n", true,
         "+8613700000001", "", "+8613900000002", MOBILE, 0, false},
        {"CLIR", ruri, "\"Anonymous\" <sip:anonymous@anonymous.invalid>", 0,
         "P-Asserted-Identity: <tel:+8613700000009>\r\nPrivacy: critical; ID\r\n", true, "+8613700000009", "",
         "+8613900000002", MOBILE, CW_P_PRIVACY, false},
        {"withheld", ruri, "\"x\" <sip:anonymous@anonymous.invalid>", 0, "Privacy: none\r\n", true, "", "",
         "+8613900000002", B(WITHHELD), 0, false},
        {"withheld: Restricted", ruri, "<sip:ReStricted@192.0.2.1>", 0, "", false, "", "", "+8613900000002", B(WITHHELD),
         CW_P_UNVERIFIED, false},
        {"withheld: a strange word at anonymous.invalid", ruri, "<sip:c8oqz@anonymous.invalid>", 0, "", false, "", "",
         "+8613900000002", B(WITHHELD), CW_P_UNVERIFIED, false},
        {"display name is no identity", ruri, "\"13800000001\" <sip:alice@h>", 0, "", false, "", "", "+8613900000002",
         B(NONNUMERIC), CW_P_UNVERIFIED, false},
        {"no user part", ruri, "<sip:h>", 0, "", false, "", "", "+8613900000002", B(NONNUMERIC), CW_P_UNVERIFIED, false},
        {"letters with user=phone", ruri, "<sip:138a0000001@h;user=phone>", 0, "", false, "", "", "+8613900000002",
         B(IRREGULAR), CW_P_UNVERIFIED, false},
        {"a plus behind letters", ruri, "<sip:bob+1@h>", 0, "Privacy: header\r\n", false, "", "", "+8613900000002",
         B(NONNUMERIC), CW_P_UNVERIFIED | CW_P_PRIVACY, false},
        {"another scheme", ruri, "<http://13700000001>", 0, "", false, "", "", "+8613900000002", B(NONNUMERIC),
         CW_P_UNVERIFIED, false},
        {"escaped plus", "sip:%2B8613900000002@h", "<sip:%2b86%31%33%37%30%30000001@h>", 0, "", false, "+8613700000001", "",
         "+8613900000002", MOBILE, CW_P_UNVERIFIED, false},
        {"user part parameters", "sip:+8613900000002;npdi;rn=+8613010000000;isub=12@h;user=phone",
         "<sip:13700000001;verstat=TN-Validation-Passed;phone-context=+86;cpc=ordinary:pw@h>", 0, "", false,
         "+8613700000001", "", "+8613900000002", MOBILE, CW_P_UNVERIFIED, false},
        {"local tel", "tel:62345678;phone-context=+8610", "<tel:7042;phone-context=example.com>", 0, "", false, "7042", "",
         "+861062345678", B(SHORT), CW_P_UNVERIFIED, false},
        {"callee in To", "sip:192.0.2.9:5060", 0, "<sip:013900000002@h>", "", false, "+8613700000001", "", "+8613900000002",
         MOBILE, CW_P_UNVERIFIED, false},
        {"called party", "sip:ue-7@192.0.2.9", 0, 0, "P-Called-Party-ID: <sip:+8613900000003@h>\r\n", true,
         "+8613700000001", "", "+8613900000003", MOBILE, 0, false},
        {"called party of a stranger", "sip:+8613900000002@h", 0, 0, "P-Called-Party-ID: <sip:+8613900000003@h>\r\n", false,
         "+8613700000001", "", "+8613900000002", MOBILE, CW_P_UNVERIFIED, false},
        {"an emergency Request-URI is not hidden", "sip:120@h", 0, 0, "P-Called-Party-ID: <sip:+8613900000003@h>\r\n", true,
         "+8613700000001", "", "120", MOBILE, 0, true},
        {"equals callee", ruri, "<sip:13900000002@h>", 0, "", true, "+8613900000002", "", "+8613900000002", MOBILE,
         CW_P_EQUALS_CALLEE, false},
        {"neighbour: first 7 national digits", ruri, "<sip:13900009999@h>", 0, "", true, "+8613900009999", "",
         "+8613900000002", MOBILE, CW_P_NEIGHBOUR, false},
        {"no neighbour: 6 digits", ruri, "<sip:13900010002@h>", 0, "", true, "+8613900010002", "", "+8613900000002", MOBILE,
         0, false},
        {"diverted", ruri, 0, 0, "History-Info: <sip:a@h>;index=1\r\n", true, "+8613700000001", "", "+8613900000002", MOBILE,
         CW_P_DIVERTED, false},
        /* STANDARDS 8.4 */
        {"110", "sip:110@h", 0, 0, "", true, "+8613700000001", "", "110", MOBILE, 0, true},
        {"010110", "tel:010110", 0, 0, "", true, "+8613700000001", "", "110", MOBILE, 0, true},
        {"+86120", "sip:+86120@h;user=phone", 0, 0, "", true, "+8613700000001", "", "120", MOBILE, 0, true},
        {"context", "tel:119;phone-context=+8610", 0, 0, "", true, "+8613700000001", "", "119", MOBILE, 0, true},
        {"urn", "URN:Service:SOS.police", 0, 0, "", true, "+8613700000001", "", "", MOBILE, 0, true},
        {"another urn", "urn:service:counseling", 0, 0, "", true, "+8613700000001", "", "", MOBILE, 0, false},
        {"urn in To only", ruri, 0, "<urn:service:sos>", "", true, "+8613700000001", "", "+8613900000002", MOBILE, 0, false},
        {"sos parameter", "sip:+8613900000002@h;SOS", 0, 0, "", true, "+8613700000001", "", "+8613900000002", MOBILE, 0, true},
        {"sos in Contact", ruri, 0, 0, "Contact: <sip:a@h;ob;sos>\r\n", true, "+8613700000001", "", "+8613900000002", MOBILE,
         0, true},
        {"no sos in Contact", ruri, 0, 0, "Contact: <sip:a@h;sosi>;sos\r\n", true, "+8613700000001", "", "+8613900000002",
         MOBILE, 0, false},
        {"esnet", ruri, 0, 0, "Resource-Priority: wps.1 , ESnet.0\r\n", true, "+8613700000001", "", "+8613900000002", MOBILE,
         0, true},
        {"another namespace", ruri, 0, 0, "Resource-Priority: esnetx.1, q735.0\r\n", true, "+8613700000001", "",
         "+8613900000002", MOBILE, 0, false},
        {"Priority", ruri, 0, 0, "Priority: Emergency\r\n", true, "+8613700000001", "", "+8613900000002", MOBILE, 0, true},
        {"PSAP call-back", ruri, 0, 0, "Priority: psap-callback\r\n", true, "+8613700000001", "", "+8613900000002", MOBILE, 0,
         true},
        {"Priority urgent", ruri, 0, 0, "Priority: urgent\r\nSubject: emergency\r\n", true, "+8613700000001", "",
         "+8613900000002", MOBILE, 0, false},
        {"configured callee", "sip:17@h;user=phone", 0, 0, "", true, "+8613700000001", "", "", MOBILE, 0, false},
        {"configured short code", "sip:190@h", 0, 0, "", true, "+8613700000001", "", "190", MOBILE, 0, true},
        {"another configured short code", "sip:192@h", 0, 0, "", true, "+8613700000001", "", "192", MOBILE, 0, true},
        {"not configured", "sip:191@h", 0, 0, "", true, "+8613700000001", "", "191", MOBILE, 0, false},
        {"configured PSAP", ruri, "<sip:010-62345678@h>", 0, "", true, "+861062345678", "", "+8613900000002", FIXED, 0, true},
    };
    for (size_t i = 0; i < sizeof calls / sizeof calls[0]; i++)
        one_call(&calls[i]);
}

static void never_block_list(void)
{
    static const char *const yes[] = {"110",   "119",   "120",   "122",   "112",   "911",   "999",  "000",  "118",
                                      "08",    "12110", "12119", "12395", "95110", "96110", "12381"};
    static const char *const no[] = {"10086", "114", "95588", "1101", "8", "00", "12321"};
    struct cw_dialplan plan = plan_of(86, "");
    uint32_t classes;
    for (size_t i = 0; i < sizeof yes / sizeof yes[0]; i++) {
        cw_num n = cw_canonical(&plan, (const uint8_t *)yes[i], strlen(yes[i]), NULL, 0, &classes);
        CHECK(cw_num_is_emergency(n) && (classes & B(EMERGENCY)), "%s", yes[i]);
    }
    for (size_t i = 0; i < sizeof no / sizeof no[0]; i++) {
        cw_num n = cw_canonical(&plan, (const uint8_t *)no[i], strlen(no[i]), NULL, 0, &classes);
        CHECK(!cw_num_is_emergency(n) && !(classes & B(EMERGENCY)), "%s", no[i]);
    }
    CHECK(!cw_num_is_emergency(1110) && !cw_num_is_emergency(0), "E.164 110 is another number");
}

int main(void)
{
    canonical_rows();
    bare_is_foreign();
    fields_without_terminator();
    number_text();
    parties();
    never_block_list();
    return faults != 0;
}
