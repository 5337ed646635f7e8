"""The message model: framing, raw rows, accessors, edits, and what we build ourselves."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sip.build import build_request, build_response, mark_via
from sip.errors import Fault, SipError
from sip.message import make_header, parse

INVITE = (
    b"INVITE tel:+8613900000002 SIP/2.0\r\n"
    b"v: SIP/2.0/UDP 192.0.2.10:5060;branch=z9hG4bKa ,\r\n SIP/2.0/TCP h;branch=z9hG4bKb\r\n"
    b"Via: SIP/2.0/UDP 198.51.100.7;branch=z9hG4bKc\r\n"
    b"max-forwards : 0070\r\n"
    b'f: "Bell, A" <sip:+8613800000001@visit.example;user=phone>;tag=8f1\r\n'
    b"To:\r\n <tel:+8613900000002>\r\n"
    b"Call-ID: 5a1e@198.51.100.7\r\n"
    b"CSeq: 1 INVITE\r\n"
    b"X-Odd: ;;,,;;,;\r\n"
    b"l: 4\r\n"
    b"\r\n"
    b"v=0\n"
)


def refuses(data: bytes) -> SipError:
    with pytest.raises(SipError) as e:
        parse(data)
    return e.value


def test_parse_keeps_every_byte():
    message = parse(INVITE)
    assert bytes(message) == INVITE
    for row in message.headers:
        assert INVITE[row.offset : row.offset + len(row.raw)] == row.raw
        assert row.raw[row.value_start : row.value_end].replace(b"\r\n", b"").strip() == (
            row.raw[row.value_start : row.value_end].replace(b"\r\n", b"")
        )


def test_rfc3261_7_3_names_lists_and_folds_read_alike():
    message = parse(INVITE)
    assert [v.branch for v in message.vias] == [b"z9hG4bKa", b"z9hG4bKb", b"z9hG4bKc"]
    assert message.top_via.sent_by == b"192.0.2.10:5060"
    assert message.get("MAX-forwards") == b"0070"
    assert message.max_forwards == 70
    assert message.from_.display_text == "Bell, A"
    assert message.from_.tag == b"8f1"
    assert message.to.uri.raw == b"tel:+8613900000002"
    assert message.get("X-Odd") == b";;,,;;,;"
    assert (message.call_id, message.cseq.number, message.cseq.method) == (b"5a1e@198.51.100.7", 1, b"INVITE")
    assert message.body == b"v=0\n"


def test_rfc3261_18_3_octets_behind_the_body_are_cut():
    message = parse(INVITE + b"INVITE sip:evil SIP/2.0\r\n\r\n")
    assert message.trailing == b"INVITE sip:evil SIP/2.0\r\n\r\n"
    assert bytes(message) == INVITE


def test_rfc3261_18_3_without_content_length_the_body_is_the_rest():
    data = INVITE.replace(b"l: 4\r\n", b"") + b"more"
    assert parse(data).body == b"v=0\nmore"


def test_rfc3261_18_3_a_short_body_is_an_error():
    assert refuses(INVITE[:-1]).fault is Fault.TRUNCATED


@pytest.mark.parametrize("length", range(0, INVITE.index(b"\r\n\r\n") + 3))
def test_no_prefix_of_a_message_is_a_message(length):
    assert refuses(INVITE[:length]).status == 400


@pytest.mark.parametrize(
    ("line", "fault", "status"),
    [
        (b"INVITE  sip:a@b SIP/2.0", Fault.START_LINE, 400),
        (b"INVITE sip:a@b SIP/2.0 ", Fault.START_LINE, 400),
        (b" INVITE sip:a@b SIP/2.0", Fault.START_LINE, 400),
        (b"INVITE sip:a@b; lr SIP/2.0", Fault.START_LINE, 400),
        (b"INVITE\tsip:a@b SIP/2.0", Fault.START_LINE, 400),
        (b"INV(TE sip:a@b SIP/2.0", Fault.START_LINE, 400),
        (b"INVITE sip:a@b", Fault.START_LINE, 400),
        (b"INVITE sip:a@b HTTP/1.1", Fault.START_LINE, 400),
        (b"INVITE sip:a@b SIP/7.0", Fault.VERSION, 505),
        (b"INVITE sip:a@b SIP/02.0", Fault.VERSION, 505),
        (b"SIP/2.0 200", Fault.START_LINE, None),
        (b"SIP/2.0  200 OK", Fault.START_LINE, None),
        (b"SIP/2.0 4294967301 better not break the receiver", Fault.START_LINE, None),
        (b"SIP/2.0 099 x", Fault.STATUS_CODE, None),
        (b"SIP/2.0 700 x", Fault.STATUS_CODE, None),
        (b"SIP/3.0 200 OK", Fault.VERSION, None),
    ],
)
def test_rfc3261_7_1_and_7_2_start_lines_that_are_refused(line, fault, status):
    error = refuses(line + INVITE[INVITE.index(b"\r\n") :])
    assert (error.fault, error.status) == (fault, status)


def test_rfc3261_7_2_an_empty_reason_phrase_keeps_its_space():
    message = parse(b"SIP/2.0 200 " + INVITE[INVITE.index(b"\r\n") :])
    assert (message.status, message.reason, message.is_request) == (200, b"", False)


def test_rfc3261_7_1_the_version_is_case_insensitive_and_the_method_is_not():
    assert parse(INVITE.replace(b"SIP/2.0\r\nv", b"sip/2.0\r\nv")).method == b"INVITE"
    assert parse(INVITE.replace(b"INVITE tel", b"invite tel")).method == b"invite"


@pytest.mark.parametrize(
    ("row", "fault"),
    [
        (b"NoColon", Fault.HEADER_NAME),
        (b": empty", Fault.HEADER_NAME),
        (b"Two Words: x", Fault.HEADER_NAME),
        ("Naïve: x".encode(), Fault.HEADER_NAME),
        (b"Fold\r\n : x", Fault.HEADER_NAME),
        (b"A: x\nB: y", Fault.BARE_NEWLINE),
        (b"A: x\rB: y", Fault.BARE_NEWLINE),
        (b"Content-Length: 4", Fault.CONTENT_LENGTH),
    ],
)
def test_rfc3261_7_3_1_rows_that_are_refused(row, fault):
    assert refuses(INVITE.replace(b"X-Odd: ;;,,;;,;", row)).fault is fault


@pytest.mark.parametrize("value", [b"-4", b"+4", b"4 4", b"x", b"", b"4,4", b"0x4", b"4294967296"])
def test_rfc3261_20_14_content_length_is_a_number(value):
    assert refuses(INVITE.replace(b"l: 4", b"l: " + value)).fault is Fault.CONTENT_LENGTH


def test_allow_dangerous_bare_lf_takes_a_lone_lf_as_a_line_end():
    data = INVITE.replace(b"\r\n", b"\n")
    assert refuses(data).fault is Fault.BARE_NEWLINE
    message = parse(data, allow_dangerous_bare_lf=True)
    assert bytes(message) == data
    assert [v.branch for v in message.vias] == [b"z9hG4bKa", b"z9hG4bKb", b"z9hG4bKc"]
    with pytest.raises(SipError):
        parse(INVITE.replace(b"X-Odd: ", b"X-Odd: \r"), allow_dangerous_bare_lf=True)


@given(st.binary(max_size=300))
def test_any_bytes_either_parse_to_themselves_or_raise(data):
    for bare_lf in (False, True):
        try:
            message = parse(data, allow_dangerous_bare_lf=bare_lf)
        except SipError:
            continue
        assert bytes(message) + message.trailing == data


@given(st.data())
def test_a_damaged_message_either_parses_to_itself_or_raises(data):
    at = data.draw(st.integers(0, len(INVITE) - 1))
    drop = data.draw(st.integers(0, 3))
    damaged = INVITE[:at] + data.draw(st.binary(max_size=3)) + INVITE[at + drop :]
    try:
        message = parse(damaged)
    except SipError:
        return
    assert bytes(message) + message.trailing == damaged


def test_rfc3261_16_6_edits_leave_other_rows_alone():
    message = parse(INVITE)
    edited = (
        message.with_first("Via", "SIP/2.0/UDP me;branch=z9hG4bKme")
        .replaced("Max-Forwards", "69")
        .with_last("Call-Info", "<https://card.example>;purpose=card")
    )
    assert bytes(edited) == (
        INVITE.replace(b"v: SIP", b"Via: SIP/2.0/UDP me;branch=z9hG4bKme\r\nv: SIP", 1)
        .replace(b"max-forwards : 0070", b"max-forwards: 69")
        .replace(b"l: 4\r\n", b"l: 4\r\nCall-Info: <https://card.example>;purpose=card\r\n")
    )
    assert bytes(message.without("x-odd")) == INVITE.replace(b"X-Odd: ;;,,;;,;\r\n", b"")
    assert bytes(message) == INVITE


@pytest.mark.parametrize(
    ("name", "value"), [("A", "x\r\nB: y"), ("A", "x\n"), ("A B", "x"), ("", "x"), ("A:", "x")]
)
def test_our_own_headers_cannot_inject_lines(name, value):
    with pytest.raises(ValueError, match=r"header"):
        make_header(name, value)


def test_rfc3261_8_1_1_a_request_has_the_six_headers():
    request = build_request(
        "MESSAGE", "sip:b@h", via="SIP/2.0/UDP a;branch=z9hG4bK1", from_="<sip:a@h>;tag=1", to="<sip:b@h>",
        call_id="c", cseq=7, headers=[("Subject", "号")], body=b"hi",
    )  # fmt: skip
    again = parse(bytes(request))
    assert bytes(again) == bytes(request)
    assert again.cseq.method == b"MESSAGE"
    assert again.max_forwards == 70
    assert again.body == b"hi"
    assert again.get("Subject") == "号".encode()


def test_rfc3261_8_2_6_a_response_copies_via_from_call_id_cseq_in_order():
    request = parse(INVITE)
    response = build_response(request, 603, to_tag="t1", headers=[("Reason", "SIP;cause=603")])
    again = parse(bytes(response))
    assert (again.status, again.reason) == (603, b"Decline")
    for name in ("Via", "From", "Call-ID", "CSeq"):
        assert [h.raw for h in again.rows(name)] == [h.raw for h in request.rows(name)]
    assert again.to.tag == b"t1"
    assert again.to.uri == request.to.uri
    assert again.get("Content-Length") == b"0"
    assert again.get("Reason") == b"SIP;cause=603"


def test_rfc3261_8_2_6_2_a_to_tag_is_kept_and_demanded():
    tagged = parse(INVITE.replace(b"<tel:+8613900000002>", b"<tel:+8613900000002>;tag=old"))
    assert build_response(tagged, 200, to_tag="new").to.tag == b"old"
    with pytest.raises(ValueError, match="tag"):
        build_response(parse(INVITE), 200)
    assert build_response(parse(INVITE), 100).to.tag is None


@pytest.mark.parametrize(
    ("via", "source", "marked"),
    [
        (b"SIP/2.0/UDP h;branch=x", ("192.0.2.1", 9), b"SIP/2.0/UDP h;branch=x;received=192.0.2.1"),
        (b"SIP/2.0/UDP 192.0.2.1;branch=x", ("192.0.2.1", 9), b"SIP/2.0/UDP 192.0.2.1;branch=x"),
        (
            b"SIP/2.0/UDP 192.0.2.1;rport;branch=x",
            ("192.0.2.1", 9),
            b"SIP/2.0/UDP 192.0.2.1;rport=9;branch=x;received=192.0.2.1",
        ),
        (b"SIP/2.0/UDP [::1];rport", ("::1", 9), b"SIP/2.0/UDP [::1];rport=9;received=::1"),
        (
            b"SIP/2.0/UDP 192.0.2.1;rportx;branch=x",
            ("192.0.2.1", 9),
            b"SIP/2.0/UDP 192.0.2.1;rportx;branch=x",
        ),
    ],
)
def test_rfc3261_18_2_1_and_rfc3581_4_received_and_rport(via, source, marked):
    assert mark_via(via, source) == marked


def test_rfc3581_4_only_the_top_via_is_marked():
    response = build_response(parse(INVITE), 400, to_tag="t", source=("203.0.113.9", 1024))
    assert response.top_via.param(b"received") == b"203.0.113.9"
    assert [v.param(b"received") for v in response.vias[1:]] == [None, None]
    assert [v.branch for v in response.vias] == [b"z9hG4bKa", b"z9hG4bKb", b"z9hG4bKc"]
