"""RFC 3261 19.1 and RFC 3966 URIs."""

from __future__ import annotations

import pytest

from sip.errors import Fault, SipError
from sip.uri import equivalent, is_global_tel, parse_uri, unescape


def test_rfc3261_19_1_1_all_parts_of_a_sip_uri():
    uri = parse_uri(b"SIPS:alice:se&cret@[2001:db8::1]:5071;Transport=tcp;lr?subject=a%20b&priority=")
    assert (uri.scheme, uri.user, uri.password) == (b"sips", b"alice", b"se&cret")
    assert (uri.host, uri.port) == (b"[2001:db8::1]", 5071)
    assert uri.params == ((b"transport", b"tcp"), (b"lr", None))
    assert uri.headers == ((b"subject", b"a%20b"), (b"priority", b""))


@pytest.mark.parametrize(
    ("raw", "user", "host", "port"),
    [
        (b"sip:example.com", None, b"example.com", None),
        (b"sip:alice:5060", None, b"alice", 5060),
        (b"sip:user;par=u%40example.net@example.com", b"user;par=u%40example.net", b"example.com", None),
        (
            b"sip:+8613800000001;phone-context=+86@h;user=phone",
            b"+8613800000001;phone-context=+86",
            b"h",
            None,
        ),
        (b"sip:null-%00-null@example.com", b"null-%00-null", b"example.com", None),
        (b"sip:a@192.0.2.1:65535", b"a", b"192.0.2.1", 65535),
        (b"sip:a@example.com.", b"a", b"example.com.", None),
        (b"sip:a@my_pbx.local", b"a", b"my_pbx.local", None),
        (b"sip:a@[::ffff:192.0.2.10]:19823", b"a", b"[::ffff:192.0.2.10]", 19823),
        (b"sip:a@[2001:db8:::192.0.2.1]", b"a", b"[2001:db8:::192.0.2.1]", None),
    ],
)
def test_rfc3261_25_legal_sip_uris(raw, user, host, port):
    uri = parse_uri(raw)
    assert (uri.user, uri.host, uri.port, uri.raw) == (user, host, port, raw)


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"sip:",
        b"sip:@host",
        b"sip:a@",
        b"<sip:a@b>",
        b"sip:a b@c",
        b"sip:a@b c",
        b"sip:a@b:",
        b"sip:a@b:65536",
        b"sip:a@b:5x",
        b"sip:a@-b",
        b"sip:a@b..c",
        b"sip:a@2001:db8::1",
        b"sip:a@[2001:db8::1",
        b"sip:a@[2001:db8::1]x",
        b"sip:a@[zz::1]",
        b"sip:a%4@b",
        b'sip:"a"@b',
        b"sip:a@b;",
        b"sip:a@b;=1",
        b"sip:a@b;p=",
        b"sip:a@b?h",
        b"sip:a@b?=v",
        b"sip:a\x00@b",
        "sip:张@b".encode(),
        b"tel:",
        b"tel:+",
        b"tel:+86x",
        b"tel:+86 138",
        b"1sip:a@b",
        b"noscheme",
    ],
)
def test_rfc3261_25_illegal_uris_are_refused(raw):
    with pytest.raises(SipError) as e:
        parse_uri(raw)
    assert e.value.fault is Fault.URI
    assert e.value.status == 400


def test_rfc3966_3_tel_numbers():
    uri = parse_uri(b"tel:+86-138.0000(0001);npdi;rn=+8613900")
    assert uri.user == b"+86-138.0000(0001)"
    assert uri.params == ((b"npdi", None), (b"rn", b"+8613900"))
    assert is_global_tel(uri)
    local = parse_uri(b"tel:110;phone-context=+86")
    assert local.param(b"phone-context") == b"+86"
    assert not is_global_tel(local)


def test_rfc3966_5_1_5_a_local_number_without_context_is_let_through():
    assert parse_uri(b"tel:110").user == b"110"


def test_unknown_schemes_parse_as_scheme_and_rest():
    uri = parse_uri(b"soap.beep://192.0.2.103:3002")
    assert (uri.scheme, uri.opaque, uri.is_sip) == (b"soap.beep", b"//192.0.2.103:3002", False)
    assert parse_uri(b"urn:service:sos").opaque == b"service:sos"


def test_rfc4475_3_1_1_3_escapes_are_decoded_once():
    assert unescape(b"%25%34%31") == b"%41"


@pytest.mark.parametrize(
    ("a", "b"),
    [
        (b"sip:%61lice@atlanta.com;transport=TCP", b"sip:alice@AtLanTa.CoM;Transport=tcp"),
        (b"sip:carol@chicago.com", b"sip:carol@chicago.com;newparam=5"),
        (b"sip:carol@chicago.com;security=on", b"sip:carol@chicago.com;newparam=5"),
        (
            b"sip:alice@atlanta.com?subject=project%20x&priority=urgent",
            b"sip:alice@atlanta.com?priority=urgent&subject=project%20x",
        ),
        (b"tel:+1-201-555-0123", b"tel:+12015550123"),
    ],
)
def test_rfc3261_19_1_4_equal_uris(a, b):
    assert equivalent(parse_uri(a), parse_uri(b))
    assert equivalent(parse_uri(b), parse_uri(a))


@pytest.mark.parametrize(
    ("a", "b"),
    [
        (b"sip:ALICE@AtLanTa.CoM;Transport=udp", b"sip:alice@AtLanTa.CoM;Transport=UDP"),
        (b"sip:bob@biloxi.com", b"sip:bob@biloxi.com:5060"),
        (b"sip:bob@biloxi.com", b"sip:bob@biloxi.com;transport=udp"),
        (b"sip:bob@biloxi.com", b"sip:bob:@biloxi.com"),
        (b"sip:carol@chicago.com", b"sip:carol@chicago.com?Subject=next%20meeting"),
        (b"sip:carol@chicago.com;security=on", b"sip:carol@chicago.com;security=off"),
        (b"sip:a@b", b"sips:a@b"),
        (b"tel:+1201", b"tel:+1202"),
    ],
)
def test_rfc3261_19_1_4_different_uris(a, b):
    assert not equivalent(parse_uri(a), parse_uri(b))
    assert not equivalent(parse_uri(b), parse_uri(a))
