/* The scanner's rules one by one. */
#include "check.h"
#include "scan_invariants.h"

static struct cw_msg m;

#define HEAD "INVITE sip:a@b SIP/2.0\r\n"
#define MUST_HAVE "Via: SIP/2.0/UDP h;branch=z9hG4bK1\r\nFrom: <sip:a@b>;tag=1\r\nTo: <sip:c@d>\r\nCall-ID: i\r\n"
#define REST MUST_HAVE "CSeq: 1 INVITE\r\n\r\n"
#define OK_HEAD "SIP/2.0 200 OK\r\n"
#define OK_REST MUST_HAVE "CSeq: 1 BYE\r\n\r\n"

/* Result of the first of cw_scan() and cw_check() that found a fault, as a positive reason. */
static int outcome_of(const char *text, size_t len) { return -scan_and_assert((const uint8_t *)text, len, &m); }
#define OUTCOME(text) outcome_of(text, sizeof(text) - 1)

static bool is(struct cw_span s, const char *text)
{
    return s.len == strlen(text) && memcmp(m.buf + s.off, text, s.len) == 0;
}

TEST(names_and_methods_come_from_their_tables)
{
    static const struct {
        const char *name;
        char compact;
        uint8_t id;
    } headers[] = {
#define X(id, name, compact) {name, compact, CW_H_##id},
        CW_HEADERS(X)
#undef X
    };
    for (size_t i = 0; i < sizeof headers / sizeof *headers; i++) {
        uint8_t upper[32];
        size_t len = strlen(headers[i].name);
        for (size_t at = 0; at < len; at++) {
            uint8_t c = (uint8_t)headers[i].name[at];
            upper[at] = c >= 'a' && c <= 'z' ? (uint8_t)(c - 32) : c;
        }
        CHECK_EQ(cw_header_id((const uint8_t *)headers[i].name, len), headers[i].id);
        CHECK_EQ(cw_header_id(upper, len), headers[i].id);
        CHECK_EQ(cw_header_id((const uint8_t *)cw_header_name(headers[i].id), len), headers[i].id);
        CHECK_EQ(cw_header_id(upper, len - 1), len == 2 ? CW_H_TO : CW_H_OTHER);
        for (size_t at = 0; at < len; at++) { /* any other octet makes it another name */
            uint8_t keep = upper[at];
            for (unsigned c = 0; c < 256; c++)
                if (cw_lower((uint8_t)c) != cw_lower(keep)) {
                    upper[at] = (uint8_t)c;
                    CHECK_EQ(cw_header_id(upper, len), CW_H_OTHER);
                }
            upper[at] = keep;
        }
        if (headers[i].compact) {
            uint8_t both[2] = {(uint8_t)headers[i].compact, (uint8_t)(headers[i].compact - 32)};
            CHECK_EQ(cw_header_id(both, 1), headers[i].id);
            CHECK_EQ(cw_header_id(both + 1, 1), headers[i].id);
        }
    }
#define X(id)                                                                      \
    CHECK_EQ(cw_method_id((const uint8_t *)#id, sizeof #id - 1), CW_M_##id);       \
    CHECK_EQ(cw_method_id((const uint8_t *)#id "X", sizeof #id), CW_M_OTHER);      \
    CHECK_EQ(cw_method_id((const uint8_t *)"x" #id + 1, sizeof #id - 2), CW_M_OTHER);
    CW_METHODS(X)
#undef X
    CHECK_EQ(cw_method_id((const uint8_t *)"invite", 6), CW_M_OTHER); /* RFC 3261 7.1: case-sensitive */
    CHECK_EQ(cw_header_id((const uint8_t *)"", 0), CW_H_OTHER);
}

TEST(reasons_have_names_and_answers)
{
    for (unsigned r = 0; r < CW_R_COUNT; r++) {
        CHECK(cw_reason_name(r)[0]);
        CHECK(cw_reason_status(r) == 0 || (cw_reason_status(r) >= 200 && cw_reason_status(r) < 700));
    }
    CHECK(strcmp(cw_reason_name(CW_R_COUNT), "?") == 0);
    CHECK_EQ(cw_reason_status(CW_R_BAD_SCHEME), 416);
    CHECK_EQ(cw_reason_status(CW_R_COUNT), 0);
}

TEST(rfc3261_7_1_start_lines)
{
    CHECK_EQ(OUTCOME(HEAD REST), 0);
    CHECK(is(m.method_span, "INVITE") && is(m.ruri, "sip:a@b") && m.method == CW_M_INVITE);
    CHECK_EQ(OUTCOME("INVITE sip:a@b sip/2.0\r\n" REST), 0);
    CHECK_EQ(OUTCOME("INVITE  sip:a@b SIP/2.0\r\n" REST), CW_R_BAD_START_LINE);
    CHECK_EQ(OUTCOME("INVITE sip:a@b  SIP/2.0\r\n" REST), CW_R_BAD_START_LINE);
    CHECK_EQ(OUTCOME("INVITE sip:a@b SIP/2.0 \r\n" REST), CW_R_BAD_START_LINE);
    CHECK_EQ(OUTCOME("INVITE sip:a@b\tSIP/2.0\r\n" REST), CW_R_BAD_START_LINE);
    CHECK_EQ(OUTCOME("INVITE\tsip:a@b SIP/2.0\r\n" REST), CW_R_DROP_NOT_SIP);
    CHECK_EQ(OUTCOME("INVITE SIP/2.0\r\n" REST), CW_R_BAD_START_LINE);
    CHECK_EQ(OUTCOME("INVITE sip:a@b SIP/2\r\n" REST), CW_R_BAD_START_LINE);
    CHECK_EQ(OUTCOME("INVITE sip:a@b SIP/20.0\r\n" REST), CW_R_BAD_VERSION);
    CHECK_EQ(OUTCOME("INVITE sip:a@b SIP/3.0\r\n" REST), CW_R_BAD_VERSION);
    CHECK(is(m.ruri, "sip:a@b") && m.via.value.len); /* a 505 can be sent */
    CHECK_EQ(OUTCOME("INVITE sip:a@b\r SIP/2.0\r\n" REST), CW_R_BAD_START_LINE);
    CHECK_EQ(OUTCOME("GET / HTTP/1.1\r\n" REST), CW_R_DROP_NOT_SIP);
    CHECK_EQ(OUTCOME(" " HEAD REST), CW_R_DROP_NOT_SIP);
    CHECK_EQ(OUTCOME("\r\n\r\n"), CW_R_DROP_SHORT);
    CHECK_EQ(OUTCOME("INVITE sip:a@b SIP/2.0"), CW_R_DROP_NOT_SIP);
}

TEST(rfc3261_7_2_status_lines)
{
    CHECK_EQ(OUTCOME(OK_HEAD OK_REST), 0);
    CHECK(m.is_response && m.status == 200 && m.method == CW_M_BYE);
    CHECK_EQ(OUTCOME("SIP/2.0 180 \r\n" OK_REST), 0);
    CHECK_EQ(OUTCOME("SIP/2.0 180\r\n" OK_REST), 0); /* leniency: no SP behind the code */
    CHECK_EQ(OUTCOME("SIP/2.0 699 x\r\n" OK_REST), 0);
    CHECK_EQ(OUTCOME("SIP/2.0 700 x\r\n" OK_REST), CW_R_DROP_BAD_RESPONSE);
    CHECK_EQ(OUTCOME("SIP/2.0 099 x\r\n" OK_REST), CW_R_DROP_BAD_RESPONSE);
    CHECK_EQ(OUTCOME("SIP/2.0 2000 x\r\n" OK_REST), CW_R_DROP_BAD_RESPONSE);
    CHECK_EQ(OUTCOME("SIP/2.0  200 x\r\n" OK_REST), CW_R_DROP_BAD_RESPONSE);
    CHECK_EQ(OUTCOME("SIP/3.0 200 x\r\n" OK_REST), CW_R_DROP_BAD_RESPONSE);
    CHECK_EQ(OUTCOME(OK_HEAD "Subject\r\n" OK_REST), CW_R_DROP_BAD_RESPONSE);
    CHECK_EQ(OUTCOME(OK_HEAD "Content-Length: 1\r\n" OK_REST), CW_R_DROP_BAD_RESPONSE);
}

TEST(rfc3261_7_3_1_header_lines)
{
    CHECK_EQ(OUTCOME(HEAD "Subject \t : \t a\r\n\t b \r\n  \r\n" REST), 0);
    CHECK_EQ(m.hdrs[0].name_len, 7);
    CHECK(is(m.hdrs[0].value, "a\r\n\t b") && m.hdrs[0].folded && !m.hdrs[1].folded);
    CHECK_EQ(OUTCOME(HEAD "Subject: a \t\r\n" REST), 0);
    CHECK(is(m.hdrs[0].value, "a"));
    CHECK_EQ(OUTCOME(HEAD "Subject:\r\n" REST), 0);
    CHECK(m.hdrs[0].value.len == 0 && m.hdrs[0].value.off != 0);
    CHECK_EQ(OUTCOME("INVITE sip:a@b SIP/2.0\nVia: SIP/2.0/UDP h\r\nFrom: <sip:a@b>\nTo: <sip:c@d>\nCall-ID: i\n"
                     "CSeq: 1 INVITE\n\n"), 0);
    CHECK_EQ(OUTCOME(HEAD "Subject: a\rb\r\n" REST), CW_R_BAD_HEADER);
    CHECK(m.via.value.len && m.n_hdrs == 5); /* the rest of the lines is there for the answer */
    CHECK_EQ(OUTCOME(HEAD "Subject: a\r\r\n" REST), CW_R_BAD_HEADER);
    CHECK_EQ(OUTCOME(HEAD "Sub ject: a\r\n" REST), CW_R_BAD_HEADER);
    CHECK_EQ(OUTCOME(HEAD ": a\r\n" REST), CW_R_BAD_HEADER);
    CHECK_EQ(OUTCOME(HEAD " a: b\r\n" REST), CW_R_BAD_HEADER);
    CHECK_EQ(OUTCOME(HEAD MUST_HAVE "CSeq: 1 INVITE\r\n"), CW_R_BAD_HEADER);
    CHECK(m.via.value.len && m.call_id.len);
}

TEST(a_body_that_begins_with_white_space_is_no_fold)
{
    CHECK_EQ(OUTCOME(HEAD REST " x: y\r\n"), 0);
    CHECK(is(m.body, " x: y\r\n") && m.n_hdrs == 5);
    CHECK_EQ(OUTCOME("INVITE sip:a@b SIP/2.0\n" MUST_HAVE "CSeq: 1 INVITE\n\n\tx\n"), 0);
    CHECK(is(m.body, "\tx\n"));
}

TEST(a_bare_cr_counts_wherever_a_block_ends)
{
    for (int pad = 1; pad < 140; pad++) {
        char text[1024];
        int n = sprintf(text, HEAD "Subject: %0*d\rVia: x\r\n" REST, pad, 0);
        CHECK_EQ(outcome_of(text, (size_t)n), CW_R_BAD_HEADER);
        CHECK_EQ(m.n_hdrs, 5);
        n = sprintf(text, HEAD "Subject: %0*d\r\nX: y\r\n" REST, pad, 0);
        CHECK_EQ(outcome_of(text, (size_t)n), 0);
        CHECK_EQ(m.n_hdrs, 7);
        n = sprintf(text, HEAD REST "%0*d\ra\r\r", pad, 0); /* a body may hold anything */
        CHECK_EQ(outcome_of(text, (size_t)n), 0);
    }
}

TEST(headers_max_is_a_named_limit)
{
    static char text[16384];
    for (unsigned extra = CW_HDRS_MAX - 5; extra <= CW_HDRS_MAX - 4; extra++) {
        size_t n = (size_t)sprintf(text, HEAD);
        for (unsigned i = 0; i < extra; i++)
            n += (size_t)sprintf(text + n, "X-%u: y\r\n", i);
        n += (size_t)sprintf(text + n, REST);
        CHECK_EQ(outcome_of(text, n), extra == CW_HDRS_MAX - 5 ? 0 : CW_R_TOO_MANY_HEADERS);
        CHECK_EQ(m.n_hdrs, CW_HDRS_MAX);
    }
}

TEST(rfc3261_18_1_1_takes_65535_octets)
{
    static char text[CW_DATAGRAM_MAX + 1];
    memset(text, 'x', sizeof text);
    size_t n = (size_t)sprintf(text, HEAD "Subject: ");
    text[n] = 'x';
    memcpy(text + CW_DATAGRAM_MAX - strlen("\r\n" REST), "\r\n" REST, strlen("\r\n" REST));
    CHECK_EQ(outcome_of(text, CW_DATAGRAM_MAX), 0);
    CHECK(m.body.off == CW_DATAGRAM_MAX && m.body.len == 0 && m.len == CW_DATAGRAM_MAX);
    CHECK_EQ(-cw_scan((const uint8_t *)text, CW_DATAGRAM_MAX + 1, &m), CW_R_TOO_LARGE);
    CHECK_EQ(m.n_hdrs, 0);
}

TEST(rfc3261_18_3_content_length_of_datagrams)
{
    CHECK_EQ(OUTCOME(HEAD "Content-Length: 3\r\n" REST "abcdef"), 0);
    CHECK(is(m.body, "abc") && m.buf[m.len - 1] == 'c');
    CHECK_EQ(OUTCOME(HEAD REST "abcdef"), 0);
    CHECK(is(m.body, "abcdef") && !m.has_content_length);
    CHECK_EQ(OUTCOME(HEAD "l: 7\r\n" REST "abcdef"), CW_R_BAD_CONTENT_LENGTH);
    CHECK_EQ(OUTCOME(HEAD "l: -1\r\n" REST), CW_R_BAD_CONTENT_LENGTH);
    CHECK_EQ(OUTCOME(HEAD "l:\r\n" REST), CW_R_BAD_CONTENT_LENGTH);
    CHECK_EQ(OUTCOME(HEAD "l: 18446744073709551616\r\n" REST), CW_R_BAD_CONTENT_LENGTH);
    CHECK_EQ(OUTCOME(HEAD "l: 3\r\nContent-Length: 03\r\n" REST "abc"), 0);
    CHECK_EQ(OUTCOME(HEAD "l: 3\r\nContent-Length: 2\r\n" REST "abc"), CW_R_REPEATED_HEADER);
}

TEST(rfc3261_16_3_mandatory_and_single_headers)
{
    CHECK_EQ(OUTCOME(HEAD MUST_HAVE "\r\n"), CW_R_MISSING_HEADER);
    CHECK_EQ(OUTCOME(HEAD "From: <sip:a@b>\r\nTo: <sip:a@b>\r\nCall-ID: 1\r\nCSeq: 1 INVITE\r\n\r\n"), CW_R_MISSING_HEADER);
    CHECK_EQ(OUTCOME(HEAD "t: <sip:c@d>\r\n" REST), CW_R_REPEATED_HEADER);
    CHECK_EQ(OUTCOME(HEAD "i: i\r\n" REST), CW_R_REPEATED_HEADER);
    CHECK_EQ(OUTCOME(HEAD "Max-Forwards: 1\r\nMax-Forwards: 1\r\n" REST), CW_R_REPEATED_HEADER);
    CHECK_EQ(OUTCOME(HEAD "Max-Forwards: 0068\r\n" REST), 0);
    CHECK(m.max_forwards == 68 && is(m.max_forwards_digits, "0068"));
    CHECK_EQ(OUTCOME(HEAD "Max-Forwards: 0\r\n" REST), 0);
    CHECK_EQ(OUTCOME(HEAD "Max-Forwards: 256\r\n" REST), CW_R_BAD_MAX_FORWARDS);
    CHECK_EQ(OUTCOME(HEAD "Max-Forwards: \r\n" REST), CW_R_BAD_MAX_FORWARDS);
    CHECK_EQ(OUTCOME(HEAD REST), 0);
    CHECK_EQ(m.max_forwards, -1);
    CHECK_EQ(OUTCOME(HEAD MUST_HAVE "CSeq: 4294967295 INVITE\r\n\r\n"), 0);
    CHECK_EQ(m.cseq, UINT32_MAX);
    CHECK_EQ(OUTCOME(HEAD MUST_HAVE "CSeq: 4294967296 INVITE\r\n\r\n"), CW_R_BAD_CSEQ);
    CHECK_EQ(OUTCOME(HEAD MUST_HAVE "CSeq: 1INVITE\r\n\r\n"), CW_R_BAD_CSEQ);
    CHECK_EQ(OUTCOME(HEAD MUST_HAVE "CSeq: 1 INVITE x\r\n\r\n"), CW_R_BAD_CSEQ);
    CHECK_EQ(OUTCOME(HEAD MUST_HAVE "CSeq: 1 ACK\r\n\r\n"), CW_R_METHOD_MISMATCH);
    CHECK_EQ(OUTCOME("NEW sip:a@b SIP/2.0\r\n" REST), CW_R_UNKNOWN_METHOD_MISMATCH);
}

TEST(faults_come_in_the_order_of_the_contract)
{
    CHECK_EQ(OUTCOME(HEAD "Via: x\r\nFrom: x\r\nTo: x\r\n\r\n"), CW_R_BAD_VIA);
    CHECK_EQ(m.via.value.len, 0);
    CHECK_EQ(OUTCOME("X x:y SIP/2.0\r\nVia: SIP/2.0/UDP h\r\nFrom: x\r\nTo: x\r\n\r\n"), CW_R_BAD_FROM);
    CHECK_EQ(OUTCOME("X x:y SIP/2.0\r\nVia: SIP/2.0/UDP h\r\nTo: x\r\nCall-ID: a b\r\n\r\n"), CW_R_BAD_TO);
    CHECK_EQ(OUTCOME("X x:y SIP/2.0\r\nVia: SIP/2.0/UDP h\r\nCall-ID: a b\r\nCSeq: x\r\n\r\n"), CW_R_BAD_CALL_ID);
    CHECK_EQ(OUTCOME("X x:y SIP/2.0\r\nVia: SIP/2.0/UDP h\r\nCSeq: x\r\n\r\n"), CW_R_BAD_CSEQ);
    CHECK_EQ(OUTCOME("X x:y SIP/2.0\r\nVia: SIP/2.0/UDP h\r\nl: x\r\n\r\n"), CW_R_MISSING_HEADER);
    CHECK_EQ(OUTCOME("INVITE x:y SIP/2.0\r\nl: x\r\n" REST), CW_R_BAD_CONTENT_LENGTH);
    CHECK_EQ(OUTCOME("INVITE x SIP/2.0\r\nMax-Forwards: x\r\n" REST), CW_R_BAD_URI);
    CHECK_EQ(OUTCOME("INVITE x:y SIP/2.0\r\nMax-Forwards: x\r\n" REST), CW_R_BAD_SCHEME);
}

TEST(top_and_second_via)
{
    CHECK_EQ(OUTCOME(HEAD REST), 0);
    CHECK(m.via.alone && m.via2.value.len == 0 && m.via.is_udp && is(m.via.line, "Via: SIP/2.0/UDP h;branch=z9hG4bK1\r\n"));
    CHECK_EQ(OUTCOME(HEAD "v: SIP/2.0/TCP a:1 , SIP/2.0/TLS b\r\n" REST), 0);
    CHECK(!m.via.alone && !m.via2.alone && m.via.is_tcp && m.via2.is_tls && is(m.via2.value, "SIP/2.0/TLS b"));
    CHECK_EQ(OUTCOME(HEAD "v: SIP/2.0/TCP a;x=\"1,2\"\r\n" REST), 0);
    CHECK(m.via.alone && m.via2.alone && is(m.via2.branch, "z9hG4bK1"));
    /* only of a response is the second Via used */
    CHECK_EQ(OUTCOME(HEAD "Via: SIP/2.0/UDP a\r\nVia: junk\r\n" REST), 0);
    CHECK_EQ(m.via2.value.len, 0);
    CHECK_EQ(OUTCOME(OK_HEAD "Via: SIP/2.0/UDP a\r\nVia: junk\r\n" OK_REST), CW_R_DROP_BAD_RESPONSE);
    CHECK_EQ(OUTCOME(HEAD "Via: SIP/2.0/UDP a,\r\n" REST), CW_R_BAD_VIA);
    CHECK(m.via.value.len); /* RFC 4475 badinv01: still answerable */
}

TEST(lists_respect_quotes_and_brackets)
{
    CHECK_EQ(OUTCOME(HEAD "Route: \"a,\\\"b\" <sip:c,d@e;lr> , <sip:f;lr>\r\n,\r\n g\r\nRoute: <sip:a,b\r\n" REST),
             CW_R_BAD_HEADER);
    CHECK_EQ(OUTCOME(HEAD "Route: \"a,\\\"b\" <sip:c,d@e;lr> ,\r\n <sip:f;lr>\r\nRoute: <sip:a,b\r\n" REST), 0);
    uint32_t pos = m.hdrs[0].value.off;
    struct cw_span value;
    bool bad;
    CHECK(cw_next_value(&m, &m.hdrs[0], &pos, &value, &bad) && is(value, "\"a,\\\"b\" <sip:c,d@e;lr>"));
    CHECK(cw_next_value(&m, &m.hdrs[0], &pos, &value, &bad) && is(value, "<sip:f;lr>"));
    CHECK(!cw_next_value(&m, &m.hdrs[0], &pos, &value, &bad) && !bad);
    pos = m.hdrs[1].value.off;
    CHECK(!cw_next_value(&m, &m.hdrs[1], &pos, &value, &bad) && bad);
    static const char *const faulty[] = {"", ",", "a,", ",a", "a,,b", "\"a", "a, ,b"};
    for (size_t i = 0; i < sizeof faulty / sizeof *faulty; i++) {
        char text[512];
        int n = sprintf(text, HEAD "Route: %s\r\n" REST, faulty[i]);
        CHECK_EQ(outcome_of(text, (size_t)n), 0);
        pos = m.hdrs[0].value.off;
        while (cw_next_value(&m, &m.hdrs[0], &pos, &value, &bad))
            continue;
        CHECK(bad);
    }
}

static const struct test all[] = {
#define T(name) {#name, name}
    T(names_and_methods_come_from_their_tables),
    T(reasons_have_names_and_answers),
    T(rfc3261_7_1_start_lines),
    T(rfc3261_7_2_status_lines),
    T(rfc3261_7_3_1_header_lines),
    T(a_body_that_begins_with_white_space_is_no_fold),
    T(a_bare_cr_counts_wherever_a_block_ends),
    T(headers_max_is_a_named_limit),
    T(rfc3261_18_1_1_takes_65535_octets),
    T(rfc3261_18_3_content_length_of_datagrams),
    T(rfc3261_16_3_mandatory_and_single_headers),
    T(faults_come_in_the_order_of_the_contract),
    T(top_and_second_via),
    T(lists_respect_quotes_and_brackets),
};

int main(int argc, char **argv) { return run_tests(all, sizeof all / sizeof *all, argc, argv); }
