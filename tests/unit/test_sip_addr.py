"""name-addr, Via and CSeq values."""

from __future__ import annotations

import pytest

from sip.addr import parse_cseq, parse_name_addr, parse_via
from sip.errors import Fault, SipError


@pytest.mark.parametrize(
    ("value", "text", "uri", "tag"),
    [
        (b'"A. G. Bell" <sip:agb@b.example>;tag=a48s', "A. G. Bell", b"sip:agb@b.example", b"a48s"),
        (b"sip:+12125551212@p2n.example;tag=887s", None, b"sip:+12125551212@p2n.example", b"887s"),
        (b"Anonymous <sip:c8oqz@p.example>;tag=hyh8", "Anonymous", b"sip:c8oqz@p.example", b"hyh8"),
        (b"caller<sip:caller@example.com>;tag=323", "caller", b"sip:caller@example.com", b"323"),
        (b"<sip:a@b;tag=not>", None, b"sip:a@b;tag=not", None),
        (b'"\\\\\\"<" <sip:a@b>', '\\"<', b"sip:a@b", None),
        ('"疑似诈骗"<tel:+8613800000001>'.encode(), "疑似诈骗", b"tel:+8613800000001", None),
        (b'"" <sip:a@b>', "", b"sip:a@b", None),
        (b"<sip:a@b>  ;  tag  =  x", None, b"sip:a@b", b"x"),
        (b"<sip:a,b@c?x=y>", None, b"sip:a,b@c?x=y", None),
    ],
)  # fmt: skip
def test_rfc3261_20_10_legal_addresses(value, text, uri, tag):
    address = parse_name_addr(value)
    assert (address.display_text, address.uri.raw, address.tag) == (text, uri, tag)
    assert address.raw == value


@pytest.mark.parametrize(
    ("value", "fault"),
    [
        (b"Bell, Alexander <sip:a@b>", Fault.NAME_ADDR),
        ("张三 <sip:a@b>".encode(), Fault.NAME_ADDR),
        (b'"A" sip:a@b', Fault.NAME_ADDR),
        (b'"A <sip:a@b>', Fault.QUOTED_STRING),
        (b"<sip:a@b", Fault.NAME_ADDR),
        (b"< sip:a@b >", Fault.URI),
        (b"sip:a@b?Route=x", Fault.NAME_ADDR),
        (b"sip:a,b@c", Fault.NAME_ADDR),
        (b"<sip:a@b> x", Fault.PARAMETER),
        (b"<sip:a@b>;;;;", Fault.PARAMETER),
        (b"", Fault.URI),
        (b"*", Fault.URI),
    ],
)
def test_rfc3261_20_10_illegal_addresses_are_refused(value, fault):
    with pytest.raises(SipError) as e:
        parse_name_addr(value)
    assert e.value.fault is fault


def test_a_broken_utf8_display_name_still_reads():
    assert parse_name_addr(b'"\xff\xfe" <sip:a@b>').display_text == "��"


def test_rfc3261_20_42_white_space_is_legal_around_slash_and_colon():
    via = parse_via(
        b"SIP / 2.0 / UDP first.example.com: 4000;ttl=16 ;maddr=224.2.0.1 ;branch=z9hG4bKa7c6a8dlze.1"
    )
    assert (via.protocol, via.transport, via.host, via.port) == (
        b"SIP/2.0",
        b"UDP",
        b"first.example.com",
        4000,
    )
    assert via.branch == b"z9hG4bKa7c6a8dlze.1"
    assert via.param(b"maddr") == b"224.2.0.1"
    assert via.sent_by == b"first.example.com:4000"


@pytest.mark.parametrize("received", [b"2001:db8::9:255", b"[2001:db8::9:255]"])
def test_rfc5118_4_5_received_with_and_without_brackets(received):
    via = parse_via(b"SIP/2.0/UDP [2001:db8::9:1];received=" + received + b";branch=z9hG4bKas3-111")
    assert via.host == b"[2001:db8::9:1]"
    assert via.param(b"received") == received


def test_rfc5393_4_2_4_unknown_via_parameters_never_fail():
    via = parse_via(b'SIP/2.0/UNKNOWN h;rport;x;y="a;b,c";z=[::1];branch=b')
    assert via.param(b"rport") == b""
    assert via.branch == b"b"


@pytest.mark.parametrize(
    "value",
    [
        b"SIP/2.0/UDP 192.0.2.15;;,;,,",
        b"SIP/2.0/UDP",
        b"SIP/2.0 192.0.2.1",
        b"SIP/2.0/UDP h:x",
        b"SIP/2.0/UDP h:99999",
        b"SIP/2.0/UDP h h;branch=x",
        b"SIP/2.0/UDP 2001:db8::1;branch=x",
        b"",
    ],
)
def test_rfc3261_25_broken_vias_are_refused(value):
    with pytest.raises(SipError):
        parse_via(value)


def test_rfc3261_20_16_cseq():
    cseq = parse_cseq(b"0009 INVITE")
    assert (cseq.number, cseq.method) == (9, b"INVITE")
    assert parse_cseq(b"4294967295 ACK").number == 2**32 - 1


@pytest.mark.parametrize(
    "value", [b"4294967296 ACK", b"1", b"INVITE 1", b"-1 ACK", b"1  IN VITE", b"1ACK", b""]
)
def test_rfc4475_3_1_2_4_bad_cseq_is_refused(value):
    with pytest.raises(SipError) as e:
        parse_cseq(value)
    assert e.value.fault is Fault.CSEQ
