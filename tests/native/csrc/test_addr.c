/* URIs, name-addrs, Via values and parameters one by one. Every text is a heap block of its own size, so that ASan sees a
 * read beyond it.
 */
#include "check.h"
#include "cw_addr.h"

static uint8_t *text;

static struct cw_span set(const char *s)
{
    free(text);
    size_t len = strlen(s);
    text = malloc(len ? len : 1);
    memcpy(text, s, len);
    return (struct cw_span){0, (uint16_t)len};
}
static bool is(struct cw_span s, const char *want)
{
    return s.len == strlen(want) && memcmp(text + s.off, want, s.len) == 0;
}
#define NONE(s) ((s).len == 0 && (s).off == 0)

static struct cw_uri u;
static struct cw_addr a;
static struct cw_via v;

TEST(rfc3261_19_1_sip_uris)
{
    struct cw_span t = set("SIP:+86138;npdi?/x:pa:ss@Example.COM:5070;Maddr=192.0.2.1;LR;user=Phone;x?a=b&c=d");
    CHECK_EQ(cw_uri_parse(text, t, &u), 0);
    CHECK(u.scheme == CW_S_SIP && u.lr && u.user_phone && !u.host_ipv6 && u.port == 5070);
    CHECK(is(u.user, "+86138;npdi?/x") && is(u.host, "Example.COM") && is(u.maddr, "192.0.2.1"));
    CHECK(is(u.params, "Maddr=192.0.2.1;LR;user=Phone;x") && is(u.headers, "a=b&c=d"));
    t = set("sips:h");
    CHECK_EQ(cw_uri_parse(text, t, &u), 0);
    CHECK(u.scheme == CW_S_SIPS && NONE(u.user) && is(u.host, "h") && u.port == 0 && NONE(u.params) && NONE(u.headers));
    t = set("sip:h?a@b=c"); /* '@' ends a user part wherever it stands */
    CHECK_EQ(cw_uri_parse(text, t, &u), -CW_R_BAD_URI);
    t = set("sip:h;user=ip");
    CHECK_EQ(cw_uri_parse(text, t, &u), 0);
    CHECK(!u.user_phone && !u.lr);
}

TEST(rfc5118_ipv6_hosts)
{
    struct cw_span t = set("sip:u@[2001:db8::10]:5070;x");
    CHECK_EQ(cw_uri_parse(text, t, &u), 0);
    CHECK(u.host_ipv6 && is(u.host, "2001:db8::10") && u.port == 5070);
    t = set("sip:[2001:db8::10:5070]");
    CHECK_EQ(cw_uri_parse(text, t, &u), 0);
    CHECK(is(u.host, "2001:db8::10:5070") && u.port == 0);
    t = set("sip:u@[2001:db8:::192.0.2.1]");
    CHECK_EQ(cw_uri_parse(text, t, &u), 0);
    static const char *const refused[] = {"sip:2001:db8::10", "sip:[]", "sip:[::1", "sip:[::g]", "sip:[::1]5060"};
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        t = set(refused[i]);
        CHECK_EQ(cw_uri_parse(text, t, &u), -CW_R_BAD_URI);
    }
}

TEST(rfc3966_rfc5031_other_schemes)
{
    struct cw_span t = set("tel:+1-201-555-0123;phone-context=+86;x");
    CHECK_EQ(cw_uri_parse(text, t, &u), 0);
    CHECK(u.scheme == CW_S_TEL && is(u.user, "+1-201-555-0123;phone-context=+86;x") && NONE(u.host));
    t = set("URN:Service:sos.fire");
    CHECK_EQ(cw_uri_parse(text, t, &u), 0);
    CHECK(u.scheme == CW_S_URN_SERVICE && is(u.user, "sos.fire"));
    t = set("urn:isbn:1");
    CHECK_EQ(cw_uri_parse(text, t, &u), 0);
    CHECK_EQ(u.scheme, CW_S_OTHER);
    t = set("soap.beep://192.0.2.103:3002");
    CHECK_EQ(cw_uri_parse(text, t, &u), 0);
    CHECK_EQ(u.scheme, CW_S_OTHER);
}

TEST(uris_that_are_refused)
{
    static const char *const refused[] = {
        "", "sip", "sip:", ":a@b", "1sip:a", "<sip:a@b>", "sip:a b", "sip:a@b;x=\ty", "sip:a\r\n @b", "sip:a\"b\"@c",
        "sip:@b", "sip::p@b", "sip:a@", "sip:a@b:", "sip:a@b:65536", "sip:a@b:5x", "sip:a@b@c", "sip:a@b/c", "sip:a\x7f@b",
        "sip:a@b>", "tel:", "tel:;x", "sip:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa<@b", "sip:aaaaaaaaaaaaaaaaaaaaaaaaaa@b;c=d\x01",
    };
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        struct cw_span t = set(refused[i]);
        if (cw_uri_parse(text, t, &u) != -CW_R_BAD_URI) {
            fprintf(stderr, "taken: %s\n", refused[i]);
            exit(1);
        }
    }
}

TEST(rfc3261_20_10_addresses)
{
    struct cw_span t = set("\"A \\\" <x> , y\" \r\n <sip:a@b;lr>\r\n ; x ; TAG = q ;tag=r");
    CHECK_EQ(cw_addr_parse(text, t, CW_R_BAD_TO, &a), 0);
    CHECK(a.brackets && is(a.display, "\"A \\\" <x> , y\"") && is(a.uri, "sip:a@b;lr") && is(a.tag, "q"));
    CHECK(is(a.params, "; x ; TAG = q ;tag=r"));
    t = set("caller two<tel:1>");
    CHECK_EQ(cw_addr_parse(text, t, CW_R_BAD_TO, &a), 0);
    CHECK(is(a.display, "caller two") && is(a.uri, "tel:1") && NONE(a.tag) && NONE(a.params));
    t = set("sip:a@b ; tag = 1"); /* without <>, parameters are the header's */
    CHECK_EQ(cw_addr_parse(text, t, CW_R_BAD_TO, &a), 0);
    CHECK(!a.brackets && is(a.uri, "sip:a@b") && is(a.tag, "1") && NONE(a.display));
    t = set("<http://x>;tag=");
    CHECK_EQ(cw_addr_parse(text, t, CW_R_BAD_TO, &a), 0);
    CHECK(NONE(a.tag));
    t = set("\xe5\xbc\xa0 <sip:a@b>;;tag=1;"); /* leniencies: UTF-8 without quotes, empty parameters */
    CHECK_EQ(cw_addr_parse(text, t, CW_R_BAD_TO, &a), 0);
    CHECK(is(a.display, "\xe5\xbc\xa0") && is(a.tag, "1"));
    t = set("<sip:a@b>;x=\";tag=no\\\"\";tag=yes");
    CHECK_EQ(cw_addr_parse(text, t, CW_R_BAD_TO, &a), 0);
    CHECK(is(a.tag, "yes"));
}

TEST(addresses_that_are_refused)
{
    static const char *const refused[] = {
        "", "\"a", "\"a\\", "\"a\\\"", "\"a\" sip:a@b", "\"a\"", "<sip:a@b", "<>", "< sip:a@b>", "<sip:a@b >", "<sip:a@b>x",
        "<sip:a@b>;x y", "<sip:a@b>;x=\"y", "<a@b>", "a@b", "Bell, Alexander <sip:a@b>", "a b", "sip:a@b, sip:c@d",
        "<sip:a@b>, <sip:c@d>", "sip:a b", "<sip:a@\"b>", "\"a\\\r\n \" <sip:a@b>",
    };
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        struct cw_span t = set(refused[i]);
        if (cw_addr_parse(text, t, CW_R_BAD_TO, &a) != -CW_R_BAD_TO) {
            fprintf(stderr, "taken: %s\n", refused[i]);
            exit(1);
        }
    }
}

TEST(rfc3261_20_42_via_values)
{
    struct cw_span t = set("SIP / 2.0 \r\n / udp\t[2001:db8::1] : 5070 ; branch = z9hG4bKx;RPORT ;received=[2001:db8::2];"
                           "maddr=224.0.0.1;x;y=\";,\";ttl=1");
    CHECK_EQ(cw_via_parse(text, t, &v), 0);
    CHECK(v.is_udp && v.host_ipv6 && v.port == 5070 && v.has_rport && v.rport == 0);
    CHECK(is(v.sent_by, "[2001:db8::1] : 5070") && is(v.host, "2001:db8::1") && is(v.branch, "z9hG4bKx"));
    CHECK(is(v.rport_param, "RPORT") && is(v.received, "2001:db8::2") && is(v.received_param, "received=[2001:db8::2]"));
    CHECK(is(v.maddr, "224.0.0.1"));
    t = set("SIP/2.0/UNKNOWN t4.example.com;rport=65535;received=2001:db8::9:255;branch=");
    CHECK_EQ(cw_via_parse(text, t, &v), 0);
    CHECK(!v.is_udp && !v.is_tcp && !v.is_tls && v.rport == 65535 && is(v.rport_param, "rport=65535") && v.port == 0);
    CHECK(is(v.received, "2001:db8::9:255") && v.branch.len == 0);
    t = set("SIP/2.0/UDP a_b");
    CHECK_EQ(cw_via_parse(text, t, &v), 0);
    CHECK(is(v.value, "SIP/2.0/UDP a_b") && is(v.sent_by, "a_b") && !v.has_rport);
}

TEST(vias_that_are_refused)
{
    static const char *const unreadable[] = {
        "", "SIP/2.0/UDP", "SIP/2.0/UDP ", "SIP/2.0/UDP ;x", "SIP/2.0 h", "SIP/2.0/ h", "/2.0/UDP h", "SIP/2.0/UDP[::1]",
        "SIP/2.0/UDP 2001:db8::1", "SIP/2.0/UDP [::1", "SIP/2.0/UDP h:x", "SIP/2.0/UDP h:99999", "SIP/2.0/UDP h:",
    };
    static const char *const answerable[] = {
        "SIP/2.0/UDP 192.0.2.15;;,;,,", "SIP/2.0/UDP h x", "SIP/2.0/UDP h;", "SIP/2.0/UDP h;x=\"", "SIP/2.0/UDP h;rport=x",
        "SIP/2.0/UDP h;rport=65536", "SIP/2.0/UDP h;=x", "SIP/2.0/UDP h;x y",
    };
    for (size_t i = 0; i < sizeof unreadable / sizeof *unreadable; i++) {
        struct cw_span t = set(unreadable[i]);
        CHECK_EQ(cw_via_parse(text, t, &v), -CW_R_BAD_VIA);
        CHECK_EQ(v.value.len, 0);
    }
    for (size_t i = 0; i < sizeof answerable / sizeof *answerable; i++) {
        struct cw_span t = set(answerable[i]);
        CHECK_EQ(cw_via_parse(text, t, &v), -CW_R_BAD_VIA);
        CHECK(v.value.len && v.host.len); /* a 400 can still find its way */
    }
}

TEST(parameters_are_found_by_name)
{
    struct cw_span t = set(";a ; B = \"x;c=1\" ;c= 2;d;b=3"), value;
    CHECK(cw_param_find(text, t, "a", 1, &value) && NONE(value));
    CHECK(cw_param_find(text, t, "b", 1, &value) && is(value, "\"x;c=1\""));
    CHECK(cw_param_find(text, t, "c", 1, &value) && is(value, "2"));
    CHECK(cw_param_find(text, t, "d", 1, &value) && NONE(value));
    CHECK(!cw_param_find(text, t, "e", 1, &value) && !cw_param_find(text, t, "x", 1, &value));
    t = set("lr;transport=tcp");
    CHECK(cw_param_find(text, t, "lr", 2, &value) && cw_param_find(text, t, "transport", 9, &value) && is(value, "tcp"));
    t = set("");
    CHECK(!cw_param_find(text, t, "a", 1, &value));
}

static const struct test all[] = {
#define T(name) {#name, name}
    T(rfc3261_19_1_sip_uris),
    T(rfc5118_ipv6_hosts),
    T(rfc3966_rfc5031_other_schemes),
    T(uris_that_are_refused),
    T(rfc3261_20_10_addresses),
    T(addresses_that_are_refused),
    T(rfc3261_20_42_via_values),
    T(vias_that_are_refused),
    T(parameters_are_found_by_name),
};

int main(int argc, char **argv)
{
    int result = run_tests(all, sizeof all / sizeof *all, argc, argv);
    free(text);
    return result;
}
