"""The stateless proxy: RFC 3261 16.3 to 16.7 and 16.11, RFC 3581, STANDARDS 1."""

import re

import pytest

from tests.support.edge import CALLEE, CALLER, OURS, STRANGER, Edge, invite, request, respond

ROUTE_TOKEN = r"<sip:cw[0-9a-f]{16}@192\.0\.2\.10:5060;lr>"


@pytest.fixture
def edge() -> Edge:
    return Edge()


def test_untouched_bytes_stay_in_order(edge: Edge) -> None:
    odd = "X-Odd:   a ,b;;c\r\nSubject: one\r\n two\r\n"
    sent = invite(headers=odd, body="v=0\r\no=x\r\n")
    out = edge.relay(sent)
    added = ("Via: SIP/2.0/UDP 192.0.2.10", "Record-Route:", "Max-Breadth:")
    kept = [line for line in out.lines if not line.startswith(added)]
    want = (
        sent.decode()
        .replace("rport", "rport=5060;received=198.51.100.7")
        .replace("Forwards: 70", "Forwards: 69")
    )
    assert kept == want.split("\r\n")


def test_goes_to_the_trunks_next_hop(edge: Edge) -> None:
    out = edge.relay(invite())
    assert (out.reason, out.to, out.listener) == ("pass", CALLEE, 0)


def test_rfc3261_16_6_3_adds_max_forwards_70(edge: Edge) -> None:
    assert edge.relay(invite(max_forwards=None)).values("Max-Forwards") == ["70"]


def test_rfc3261_16_6_3_max_forwards_with_leading_zeros(edge: Edge) -> None:
    assert edge.relay(invite(max_forwards="0100")).values("Max-Forwards") == ["99"]


def test_rfc3261_16_3_max_forwards_0_gets_483(edge: Edge) -> None:
    out = edge.handle(invite(max_forwards="0"))
    assert out.reason == "too-many-hops"
    assert out.lines[0] == "SIP/2.0 483 Too Many Hops"


def test_rfc3261_16_3_ack_that_fails_is_dropped(edge: Edge) -> None:
    out = edge.handle(request("ACK", max_forwards="0", to_tag="x"))
    assert (out.reason, out.data) == ("drop-bad-ack", None)


def test_rfc3261_16_3_proxy_require_gets_420_with_exactly_its_tags(edge: Edge) -> None:
    out = edge.handle(invite(headers="Proxy-Require: foo, bar\r\nRequire: 100rel\r\n"))
    assert out.lines[0] == "SIP/2.0 420 Bad Extension"
    assert out.values("Unsupported") == ["foo, bar"]


def test_rfc3261_8_2_2_3_cancel_ignores_proxy_require(edge: Edge) -> None:
    assert edge.relay(request("CANCEL", headers="Proxy-Require: foo\r\n")).to == CALLEE


def test_rfc3261_16_3_unknown_scheme_gets_416(edge: Edge) -> None:
    assert edge.handle(invite(uri="nobody:x")).lines[0] == "SIP/2.0 416 Unsupported URI Scheme"


def test_rfc5393_max_breadth_is_added_once(edge: Edge) -> None:
    assert edge.relay(invite()).values("Max-Breadth") == ["60"]
    assert edge.relay(invite(headers="Max-Breadth: 7\r\n")).values("Max-Breadth") == ["7"]


def test_rfc3581_4_rport_and_received(edge: Edge) -> None:
    out = edge.relay(invite(), ("198.51.100.9", 41022))
    assert (
        out.values("Via")[1]
        == "SIP/2.0/UDP 198.51.100.7:5060;branch=z9hG4bK-77a;rport=41022;received=198.51.100.9"
    )


def test_rfc3261_18_2_1_adds_received_only_when_it_differs(edge: Edge) -> None:
    plain = "SIP/2.0/UDP 198.51.100.7:5060;branch=z9hG4bK-1"
    assert edge.relay(invite(via=plain)).values("Via")[1] == plain
    named = "SIP/2.0/UDP pc33.example:5060;branch=z9hG4bK-2"
    assert edge.relay(invite(via=named)).values("Via")[1] == named + ";received=198.51.100.7"


def test_a_senders_own_received_is_replaced(edge: Edge) -> None:
    via = "SIP/2.0/UDP 198.51.100.7;received=203.0.113.1;branch=z9hG4bK-3;rport"
    want = "SIP/2.0/UDP 198.51.100.7;received=198.51.100.7;branch=z9hG4bK-3;rport=5060"
    assert edge.relay(invite(via=via)).values("Via")[1] == want


@pytest.mark.parametrize("method", ["CANCEL", "ACK"])
def test_rfc3261_16_11_cancel_and_ack_get_the_branch_of_their_invite(edge: Edge, method: str) -> None:
    first = edge.relay(invite()).values("Via")[0]
    tag = "other" if method == "ACK" else ""
    follow = edge.relay(request(method, to_tag=tag))
    assert follow.values("Via")[0] == first
    assert follow.to == CALLEE


def test_rfc3261_16_11_without_a_cookie_the_request_uri_separates(edge: Edge) -> None:
    old = "SIP/2.0/UDP 198.51.100.7:5060"
    one = edge.relay(invite(via=old)).values("Via")[0]
    two = edge.relay(invite(via=old, uri="sip:+8613900000003@192.0.2.10")).values("Via")[0]
    ack = edge.relay(request("ACK", via=old, to_tag="t")).values("Via")[0]
    assert one != two
    assert one == ack, "the To tag must stay out of the branch (STANDARDS 1.6)"


def test_response_goes_back_where_the_request_came_from(edge: Edge) -> None:
    there = edge.relay(invite(), ("198.51.100.7", 40000))
    answer = respond(there.data or b"", "180 Ringing")
    back = edge.relay(answer, CALLEE)
    assert (back.reason, back.to) == ("response", ("198.51.100.7", 40000))
    assert [v.split(";")[0] for v in back.values("Via")] == ["SIP/2.0/UDP 198.51.100.7:5060"]
    first_via = next(x for x in answer.decode().split("\r\n") if x.startswith("Via:"))
    assert back.text == answer.decode().replace(first_via + "\r\n", "", 1)


def test_response_of_an_rfc2543_client_finds_its_way(edge: Edge) -> None:
    there = edge.relay(invite(via="SIP/2.0/UDP 198.51.100.7:5065"))
    assert edge.relay(respond(there.data or b""), CALLEE).to == ("198.51.100.7", 5065)


def test_response_with_all_vias_on_one_line(edge: Edge) -> None:
    there = edge.relay(invite())
    answer = respond(there.data or b"").decode()
    vias = re.findall(r"Via: (.*)\r\n", answer)
    joined = re.sub(r"(Via: .*\r\n)+", "v: " + " , ".join(vias) + "\r\n", answer, count=1)
    back = edge.relay(joined.encode(), CALLEE)
    assert back.values("v") == [vias[1]]


def test_rfc3581_4_response_leaves_from_the_socket_of_the_request(edge: Edge) -> None:
    there = edge.relay(invite(uri="sip:x@192.0.2.11:5062"), listener=1)
    assert there.values("Via")[0].startswith("SIP/2.0/UDP 192.0.2.11:5062;")
    assert edge.relay(respond(there.data or b""), CALLEE, listener=0).listener == 1


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda t: t.replace("received=198.51.100.7", "received=203.0.113.66"), "drop-forged"),
        (lambda t: t.replace("rport=5060", "rport=53"), "drop-forged"),
        (lambda t: t.replace("Call-ID: 5a1e", "Call-ID: 5a1f"), "drop-forged"),
        (lambda t: t.replace("branch=z9hG4bK-77a", "branch=z9hG4bK-77b"), "drop-forged"),
        (lambda t: re.sub(r";cw=..", ";cw=01", t), "drop-forged"),
        (lambda t: re.sub(r";cw=\w+", "", t), "drop-forged"),
        (lambda t: t.replace("UDP 192.0.2.10:5060", "UDP 192.0.2.99:5060"), "drop-not-ours"),
        (lambda t: re.sub(r"Via: SIP/2.0/UDP 198.*\r\n", "", t), "drop-no-via"),
        (lambda t: t.replace("received=198.51.100.7", "received=255.255.255.255"), "drop-destination"),
        (lambda t: t.replace("SIP/2.0 200", "SIP/2.0 999"), "drop-bad-response"),
    ],
)
def test_rfc6026_3_forged_responses_are_dropped(edge: Edge, change, reason: str) -> None:  # type: ignore[no-untyped-def]
    there = edge.relay(invite())
    honest = respond(there.data or b"").decode()
    forged = change(honest)
    assert forged != honest
    out = edge.handle(forged.encode(), CALLEE)
    assert (out.reason, out.data) == (reason, None)


def test_requests_of_strangers_are_dropped(edge: Edge) -> None:
    for data in (invite(), request("OPTIONS", uri="sip:192.0.2.10"), b"INVITE nonsense SIP/2.0\r\n\r\n"):
        out = edge.handle(data, STRANGER)
        assert (out.reason, out.data) == ("drop-source", None)


@pytest.mark.parametrize(
    "uri", ["sip:192.0.2.10", "sip:192.0.2.10:5060", "sip:edge.example", "sip:EDGE.example:5062"]
)
def test_options_to_us_is_answered(edge: Edge, uri: str) -> None:
    out = edge.relay(request("OPTIONS", uri=uri))
    assert (out.lines[0], out.to) == ("SIP/2.0 200 OK", CALLER)


def test_options_while_draining_gets_503(edge: Edge) -> None:
    edge.engine.set_draining(True)
    assert edge.relay(request("OPTIONS", uri="sip:192.0.2.10")).lines[0].startswith("SIP/2.0 503")
    assert edge.relay(invite()).to == CALLEE


def test_options_to_a_user_goes_on(edge: Edge) -> None:
    assert edge.relay(request("OPTIONS", uri="sip:bob@192.0.2.10")).to == CALLEE


@pytest.mark.parametrize("data", [b"\r\n\r\n", b"\0\0\0\0", b"\r\n"])
def test_rfc5626_keepalives_are_silent(edge: Edge, data: bytes) -> None:
    assert edge.handle(data).reason == "keepalive"


def dialog(edge: Edge) -> str:
    """The Record-Route value that the callee keeps."""
    value = edge.relay(invite()).values("Record-Route")[0]
    assert re.fullmatch(ROUTE_TOKEN, value)
    return value


def test_in_dialog_request_follows_its_route_to_anywhere(edge: Edge) -> None:
    route = dialog(edge)
    bye = request("BYE", uri="sip:b@203.0.113.77:5099", to_tag="callee1", headers=f"Route: {route}\r\n")
    out = edge.relay(bye)
    assert (out.reason, out.to, out.values("Route")) == ("in-dialog", ("203.0.113.77", 5099), [])


def test_in_dialog_request_from_a_stranger_with_a_proven_route(edge: Edge) -> None:
    route = dialog(edge)
    bye = request("BYE", uri="sip:a@198.51.100.7:5060", to_tag="8f1", headers=f"Route: {route}\r\n")
    assert edge.relay(bye, STRANGER).to == CALLER


def test_forged_route_token_is_no_open_relay(edge: Edge) -> None:
    route = "<sip:cw0123456789abcdef@192.0.2.10:5060;lr>"
    bye = request("BYE", uri="sip:b@203.0.113.77", to_tag="x", headers=f"Route: {route}\r\n")
    assert edge.handle(bye, STRANGER).reason == "drop-source"
    assert edge.relay(bye).to == CALLEE, "not to the Request-URI: to the trunk's next hop"
    away = request("BYE", to_tag="x", headers=f"Route: {route}, <sip:203.0.113.77;lr>\r\n")
    out = edge.handle(away)
    assert (out.reason, out.lines[0]) == ("forbidden-route", "SIP/2.0 403 Forbidden")


def test_route_values_on_one_line_and_on_many(edge: Edge) -> None:
    own = dialog(edge)
    for headers, left in [
        (
            f"Route: {own}, <sip:192.0.2.30;lr>, <sip:c@far.example;lr>\r\n",
            ["<sip:192.0.2.30;lr>, <sip:c@far.example;lr>"],
        ),
        (f"Route: {own}\r\nRoute: <sip:192.0.2.30;lr>\r\n", ["<sip:192.0.2.30;lr>"]),
        (f"Route: {own},{own}\r\nRoute: {own} , <sip:192.0.2.30;lr>\r\n", ["<sip:192.0.2.30;lr>"]),
    ]:
        out = edge.relay(request("BYE", to_tag="t", headers=headers))
        assert out.to == ("192.0.2.30", 5060)
        assert out.values("Route") == left


def test_rfc3261_16_4_strict_router_before_us(edge: Edge) -> None:
    own = dialog(edge).strip("<>")
    bye = request(
        "BYE", uri=own, to_tag="t", headers="Route: <sip:192.0.2.30;lr>, <sip:b@203.0.113.5:5080>\r\n"
    )
    out = edge.relay(bye)
    assert out.lines[0] == "BYE sip:b@203.0.113.5:5080 SIP/2.0"
    assert (out.values("Route"), out.to) == (["<sip:192.0.2.30;lr>"], ("192.0.2.30", 5060))


def test_rfc3261_16_6_6_strict_router_behind_us(edge: Edge) -> None:
    own = dialog(edge)
    bye = request(
        "BYE",
        uri="sip:b@203.0.113.5",
        to_tag="t",
        headers=f"Route: {own}, <sip:192.0.2.30>, <sip:z@x.example;lr>\r\n",
    )
    out = edge.relay(bye)
    assert out.lines[0] == "BYE sip:192.0.2.30 SIP/2.0"
    assert out.values("Route") == ["<sip:z@x.example;lr>", "<sip:b@203.0.113.5>"]


def test_in_dialog_without_route_to_us_goes_to_the_next_hop(edge: Edge) -> None:
    assert edge.relay(request("BYE", to_tag="t", uri=f"sip:{OURS}")).to == CALLEE


def test_in_dialog_without_route_to_a_peer_goes_there(edge: Edge) -> None:
    assert edge.relay(request("BYE", to_tag="t", uri="sip:x@192.0.2.30:5060")).to == ("192.0.2.30", 5060)
    assert edge.relay(request("BYE", to_tag="t", uri="sip:x@203.0.113.30")).to == CALLEE


def test_record_route_stands_before_all_others(edge: Edge) -> None:
    out = edge.relay(invite(headers="Record-Route: <sip:p2.example;lr>, <sip:p1.example;lr>\r\n"))
    assert re.match(ROUTE_TOKEN, out.values("Record-Route")[0])
    assert out.values("Record-Route")[1:] == ["<sip:p2.example;lr>, <sip:p1.example;lr>"]


def test_record_route_can_be_left_out() -> None:
    assert Edge(trunk={"record_route": False}).relay(invite()).values("Record-Route") == []


@pytest.mark.parametrize("call_id", ['()<>[]{}":\\/?', "a%z!*_+`'~", "x@y", "-"])
def test_every_legal_odd_call_id(edge: Edge, call_id: str) -> None:
    there = edge.relay(invite(call_id=call_id))
    assert there.values("Call-ID") == [call_id]
    assert edge.relay(respond(there.data or b""), CALLEE).reason == "response"


def test_rfc3261_18_3_trailing_octets_are_not_forwarded(edge: Edge) -> None:
    out = edge.relay(invite(body="v=0\r\n") + b"INVITE sip:junk SIP/2.0\r\n\r\n")
    assert out.text.endswith("\r\n\r\nv=0\r\n")


def test_largest_datagram_passes_and_one_too_large_gets_513(edge: Edge) -> None:
    fits = 65000 - len(invite())
    assert len(edge.relay(invite(body="x" * fits)).data or b"") > 65000
    out = edge.handle(invite(body="x" * (65500 - len(invite()))))
    assert (out.reason, out.lines[0]) == ("too-large", "SIP/2.0 513 Message Too Large")


def test_targets_stay_the_same_for_invite_cancel_and_ack_when_health_changes() -> None:
    edge = Edge(targets=4)
    first = edge.relay(invite()).to
    assert first is not None
    edge.engine.set_down(first[1] - 5060, True)
    for again in (invite(), request("CANCEL"), request("ACK", to_tag="x")):
        assert edge.relay(again).to == first
    assert edge.relay(invite(via="SIP/2.0/UDP 198.51.100.7;branch=z9hG4bK-new")).to != first


def test_all_targets_down_still_tries_one() -> None:
    edge = Edge(targets=2)
    edge.engine.set_down(0, True)
    edge.engine.set_down(1, True)
    assert edge.relay(invite()).to in (("192.0.2.20", 5060), ("192.0.2.20", 5061))


def test_calls_are_followed_from_invite_to_bye(edge: Edge) -> None:
    there = edge.relay(invite(), now_ms=1000)
    edge.relay(invite(), now_ms=1500)
    edge.relay(respond(there.data or b"", "180 Ringing"), CALLEE, now_ms=2000)
    edge.relay(respond(there.data or b""), CALLEE, now_ms=4000)
    edge.relay(request("BYE", to_tag="callee1", cseq=2), now_ms=64000)
    stats = edge.engine.stats()
    counted = {name: stats[name] for name in ("calls_new", "calls_answered", "calls_ended", "calls_failed")}
    assert counted == {"calls_new": 1, "calls_answered": 1, "calls_ended": 1, "calls_failed": 0}
    assert stats["answer_ms"]["sum"] == 3000
    assert stats["duration_ms"]["sum"] == 60000
