"""What a hostile reading of the engine found: each rule here was broken once."""

import gc

import pytest

from native.plane import Engine, Plane
from native.tables import Attr, NumberList, Rcu
from native.world import Rule, Texts, World, caller_in
from tests.support.edge import CALLEE, CALLER, LISTS, STRANGER, Edge, invite, request, respond

BAD = "+8613800000001"
GOOD = "+8613800000009"


@pytest.fixture
def edge() -> Edge:
    edge = Edge()
    edge.flag(8613800000001)
    return edge


@pytest.fixture
def untrusted() -> Edge:
    edge = Edge(trunk={"trusted": False})
    edge.flag(8613800000001)
    return edge


# ---- the memo ----


def test_the_memo_does_not_speak_for_another_caller(edge: Edge) -> None:
    assert edge.relay(invite(GOOD), now_ms=1000).reason == "pass"
    out = edge.handle(invite(BAD), now_ms=7000)
    assert out.lines[0] == "SIP/2.0 603 Decline", (
        "same branch, Call-ID, tag and CSeq, but somebody else calls"
    )
    assert edge.relay(invite(GOOD), now_ms=8000).reason == "memo"


def test_the_memo_does_not_speak_for_another_callee(edge: Edge) -> None:
    edge.lists["watched"].add(8613900000003, Attr())
    edge.relay(invite(), now_ms=1000)
    out = edge.relay(invite(uri="sip:+8613900000003@192.0.2.10;user=phone"), now_ms=2000)
    assert out.values("From")[0].startswith('"疑似诈骗"')


def test_the_memo_of_an_emergency_call_covers_no_other_call(edge: Edge) -> None:
    assert edge.relay(invite(BAD, headers="Priority: emergency\r\n"), now_ms=1).reason == "emergency"
    assert edge.handle(invite(BAD), now_ms=2).lines[0] == "SIP/2.0 603 Decline"


def test_a_verdict_for_a_message_is_none_for_a_call(edge: Edge) -> None:
    edge.relay(request("MESSAGE"), now_ms=1)
    assert edge.relay(invite(), now_ms=2).reason == "pass"


# ---- to whom nothing is sent, and where nothing may go ----


def test_a_stranger_gets_no_answer_to_a_broken_route(edge: Edge) -> None:
    broken = invite(headers="Route: <sip:192.0.2.30;lr\r\n")
    assert edge.handle(broken, STRANGER) == ("drop-source", None, None, 0)
    assert edge.handle(broken).reason == "bad-route"


def test_a_route_token_opens_no_new_dialog(edge: Edge) -> None:
    token = edge.relay(invite()).values("Record-Route")[0]
    away = invite(headers=f"Route: {token}, <sip:203.0.113.77;lr>\r\n", cseq=2)
    assert edge.handle(away).reason == "forbidden-route"
    assert edge.handle(away, STRANGER).reason == "drop-source"


# ---- what an untrusted trunk may not say ----


@pytest.mark.parametrize("method", ["UPDATE", "INVITE", "MESSAGE"])
def test_rfc3325_5_in_dialog_requests_lose_identity_too(untrusted: Edge, method: str) -> None:
    route = untrusted.relay(invite()).values("Record-Route")[0]
    headers = f'Route: {route}\r\nP-Asserted-Identity: "公安局" <tel:+8610110>\r\nCall-Info: <https://x.example/y>\r\n'
    sender = '"12381" <sip:+8613800000009@198.51.100.7>'
    again = request(method, to_tag="c", cseq=2, headers=headers, sender=sender, uri="sip:b@192.0.2.20:5060")
    out = untrusted.relay(again)
    assert (out.reason, out.values("P-Asserted-Identity"), out.values("Call-Info")) == ("in-dialog", [], [])
    assert out.values("From") == ["<sip:+8613800000009@198.51.100.7>;tag=8f1"]


def test_rfc3325_5_the_callees_side_keeps_its_identity(untrusted: Edge) -> None:
    route = untrusted.relay(invite()).values("Record-Route")[0]
    headers = f'Route: {route}\r\nP-Asserted-Identity: "Bob" <tel:+8613900000002>\r\n'
    out = untrusted.relay(
        request("UPDATE", uri="sip:a@198.51.100.7:5060", to_tag="8f1", headers=headers), CALLEE
    )
    assert (out.to, out.values("P-Asserted-Identity")) == (CALLER, ['"Bob" <tel:+8613900000002>'])


def test_rfc3325_6_preferred_identity_of_an_untrusted_trunk_is_removed(untrusted: Edge) -> None:
    out = untrusted.relay(invite(headers="P-Preferred-Identity: <tel:+8610110>\r\n"))
    assert out.values("P-Preferred-Identity") == []


@pytest.mark.parametrize(
    "name",
    [
        '"1\\2381"',
        '"12 381"',
        '"\uff11\uff12\uff13\uff18\uff11"',
        '"反\u200b诈中心"',
        '"公\u2060安"',
        '"公\U000e0041安"',
        '"公\\安"',
        "反 诈",
    ],
)
def test_look_alikes_are_known_however_they_are_spelt(untrusted: Edge, name: str) -> None:
    out = untrusted.relay(invite(sender=f"{name} <sip:{GOOD}@198.51.100.7>"))
    assert out.values("From") == [f"<sip:{GOOD}@198.51.100.7>;tag=8f1"]


def test_a_message_with_an_invented_to_tag_is_screened(edge: Edge) -> None:
    assert edge.handle(request("MESSAGE", BAD, to_tag="x")).lines[0] == "SIP/2.0 603 Decline"
    route = edge.relay(invite()).values("Record-Route")[0]
    inside = request("MESSAGE", BAD, to_tag="x", headers=f"Route: {route}\r\n", uri="sip:b@203.0.113.4")
    out = edge.relay(inside)
    assert (out.reason, out.to) == ("in-dialog", ("203.0.113.4", 5060))


# ---- labels ----


def test_rfc3261_25_1_a_name_that_ends_in_an_escaped_space_stays_whole(edge: Edge) -> None:
    edge.lists["watched"].add(8613900000002, Attr())
    out = edge.relay(invite(sender=f'"Bob\\ " <sip:{GOOD}@198.51.100.7>'))
    assert out.values("From") == [f'"疑似诈骗 Bob\\ " <sip:{GOOD}@198.51.100.7>;tag=8f1']


def test_a_label_goes_into_from_when_no_asserted_identity_can_be_read(edge: Edge) -> None:
    edge.lists["watched"].add(8613900000002, Attr())
    out = edge.relay(invite(headers='P-Asserted-Identity: "Bob <sip:x@y>\r\n'))
    assert out.values("From")[0].startswith('"疑似诈骗"')


def test_a_very_long_name_cannot_stop_a_labelled_call(edge: Edge) -> None:
    edge.lists["watched"].add(8613900000002, Attr())
    out = edge.relay(invite(sender=f'"{"x" * 9000}" <sip:{GOOD}@198.51.100.7>'))
    assert out.values("From") == [f'"疑似诈骗" <sip:{GOOD}@198.51.100.7>;tag=8f1']


def test_the_text_of_the_entry_of_the_presented_number() -> None:
    def policy(index: dict[str, int]) -> list[Rule]:
        return [Rule(1 << caller_in(index["watched"]), 0, "label", True, text_list=index["watched"])]

    edge = Edge(policy=policy)
    edge.lists["watched"].add(8613800000009, Attr(text=edge.texts.add("当心".encode())))
    out = edge.relay(invite(headers="P-Asserted-Identity: <tel:+8613800000007>\r\n"))
    assert out.values("P-Asserted-Identity") == ['"当心" <tel:+8613800000007>']


# ---- who we are ----


def world(rcu: Rcu, *listeners: tuple[str, int, str, int]) -> World:
    made = World(rcu, Texts(1024, 1 << 16), secret=b"s" * 32, rules_seq=1)
    for listener in listeners:
        made.add_listener(*listener)
    hop = made.add_hop([("192.0.2.20", 5060, 0)])
    made.add_source(
        made.add_trunk(trunk_class="domestic", trusted=True, country_code=86, hop=hop), "198.51.100.0/24"
    )
    return made


@pytest.mark.parametrize("host", ["10.0.0.5", "[2001:db8:0::1]:5070", "198.18.0.1:5080"])
def test_our_own_address_behind_a_translator_is_ours(host: str) -> None:

    engine = Engine(
        world(Rcu(), ("10.0.0.5", 5060, "198.18.0.1", 5080), ("2001:db8::1", 5070, "2001:db8::1", 5070))
    )
    assert engine.handle(request("OPTIONS", uri=f"sip:{host}"), CALLER)[0] == "options-answered"
    route = request("BYE", to_tag="x", headers=f"Route: <sip:{host};lr>\r\n")
    assert engine.handle(route, CALLER)[:3:2] == ("in-dialog", CALLEE)


def test_ipv6_sent_by_in_capitals_is_ours() -> None:

    engine = Engine(world(Rcu(), ("2001:db8::1", 5060, "2001:DB8::1", 5060)))
    _, there, _, _ = engine.handle(invite(), CALLER)
    assert there is not None
    assert engine.handle(respond(there), CALLEE)[0] == "response"


def test_options_inside_a_dialog_goes_to_the_other_side(edge: Edge) -> None:
    out = edge.relay(request("OPTIONS", uri="sip:192.0.2.10:5060", to_tag="x"))
    assert (out.reason, out.to) == ("in-dialog", CALLEE)


# ---- lifetimes ----


def test_the_collector_cannot_free_a_world_under_running_threads() -> None:
    rcu = Rcu()
    lists = [NumberList(rcu) for _ in LISTS]
    made = World(rcu, Texts(1024, 1 << 16), secret=b"s" * 32, rules_seq=1)
    made.add_listener("127.0.0.1", 0, "127.0.0.1", 5060)
    for numbers in lists:
        made.add_list(numbers, "deny")
    plane = Plane(rcu, made, memo_entries=64, call_entries=64, ring_records=64)
    assert not gc.is_tracked(plane), (
        "in a cycle of garbage the collector would clear its world before its threads end"
    )


# ---- hops that change while calls are being set up ----


def two_hops(rcu: Rcu, texts: Texts, order: tuple[str, ...]) -> World:
    made = World(rcu, texts, secret=b"s" * 32, rules_seq=1)
    made.add_listener("192.0.2.10", 5060, "192.0.2.10", 5060)
    hops = {last: made.add_hop([(f"192.0.2.{last}", 5060, int(last))]) for last in order}
    trunk = made.add_trunk(trunk_class="domestic", trusted=True, country_code=86, hop=hops["20"])
    made.add_source(trunk, "198.51.100.0/24")
    return made


def test_rfc3261_16_11_cancel_and_ack_follow_their_invite_when_hops_change_places() -> None:
    rcu, texts = Rcu(), Texts(1024, 1 << 16)
    engine = Engine(two_hops(rcu, texts, ("20", "30")))
    assert engine.handle(invite(), CALLER)[2] == CALLEE
    engine.publish(two_hops(rcu, texts, ("30", "20")))
    for again in (invite(), request("CANCEL"), request("ACK", to_tag="x")):
        assert engine.handle(again, CALLER)[2] == CALLEE
