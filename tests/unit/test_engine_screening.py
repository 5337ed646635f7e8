"""What the engine does with calls: intercept, label, divert, drop, bypass. STANDARDS 1.8, 4, 5.1, 8.4."""

import pytest

from gateway.labels import DEFAULT_MARKERS
from native.tables import Attr
from native.world import Rule, caller_in
from tests.support.edge import CALLEE, CALLER, PLAIN, Edge, invite, request, respond

BAD = "+8613800000001"


@pytest.fixture
def edge() -> Edge:
    edge = Edge()
    edge.flag(8613800000001)
    return edge


def carded(edge: Edge, number: int, name: str, call_info: bytes = b"") -> None:
    text = edge.texts.add(name.encode(), call_info)
    edge.lists["card"].add(number, Attr(0, text, 0, 0, 0, 0))


def test_flagged_caller_gets_603_with_reason(edge: Edge) -> None:
    out = edge.handle(invite(BAD))
    assert (out.reason, out.lines[0], out.to) == ("rule", "SIP/2.0 603 Decline", CALLER)
    assert out.values("Reason") == ['SIP;cause=603;text="fraud"']
    assert out.values("Record-Route") == out.values("Contact") == []


def test_rfc3261_8_2_7_the_same_answer_to_a_retransmission(edge: Edge) -> None:
    first, again = edge.handle(invite(BAD)), edge.handle(invite(BAD))
    assert first.data == again.data
    assert again.reason == "memo"
    assert edge.engine.stats()["actions"]["intercept"] == 1


def test_rfc3261_8_2_6_2_all_vias_are_copied_in_order(edge: Edge) -> None:
    more = "SIP/2.0/TCP 10.0.0.1;branch=z9hG4bKb, SIP/2.0/UDP 10.0.0.2;branch=z9hG4bKc"
    out = edge.handle(invite(BAD, headers=f"Via: {more}\r\n"))
    assert out.values("Via")[1:] == [more]


def test_the_ack_of_our_rejection_is_absorbed(edge: Edge) -> None:
    tag = edge.handle(invite(BAD)).values("To")[0].split("tag=")[1]
    assert edge.handle(request("ACK", BAD, to_tag=tag)).reason == "ack-absorbed"
    assert edge.relay(request("ACK", BAD, to_tag="cw0123456789abcdef")).to == CALLEE, "not ours: forwarded"


def test_the_ack_is_absorbed_after_a_restart_too(edge: Edge) -> None:
    tag = edge.handle(invite(BAD)).values("To")[0].split("tag=")[1]
    assert Edge().handle(request("ACK", BAD, to_tag=tag)).reason == "ack-absorbed"


def test_cancel_of_a_rejected_invite_is_answered(edge: Edge) -> None:
    edge.handle(invite(BAD))
    out = edge.handle(request("CANCEL", BAD))
    assert (out.reason, out.lines[0]) == ("cancel-answered", "SIP/2.0 200 OK")


def test_a_push_between_two_copies_cannot_split_a_call(edge: Edge) -> None:
    first = edge.relay(invite("+8613800000005"), now_ms=1000)
    edge.flag(8613800000005)
    edge.push()
    assert edge.relay(invite("+8613800000005"), now_ms=32000).data == first.data
    new = invite("+8613800000005", via="SIP/2.0/UDP 198.51.100.7;branch=z9hG4bK-n")
    assert edge.handle(new, now_ms=32000).lines[0] == "SIP/2.0 603 Decline"
    edge.lists["fraud"].remove(8613800000001)
    assert edge.relay(invite(BAD)).to == CALLEE


def test_a_verdict_is_forgotten_after_32_s(edge: Edge) -> None:
    edge.relay(invite("+8613800000005"), now_ms=1000)
    edge.flag(8613800000005)
    assert edge.handle(invite("+8613800000005"), now_ms=1000 + 32001).reason == "rule"


def test_in_dialog_requests_are_never_screened(edge: Edge) -> None:
    assert edge.relay(invite(BAD, to_tag="running")).reason == "in-dialog"


def test_allow_beats_deny(edge: Edge) -> None:
    edge.lists["allow"].add(8613800000001, PLAIN)
    assert edge.relay(invite(BAD)).reason == "pass"


@pytest.mark.parametrize(
    "options",
    [
        {"uri": "sip:110@192.0.2.10"},
        {"uri": "sip:+86120@192.0.2.10;user=phone"},
        {"uri": "tel:010110"},
        {"uri": "tel:119;phone-context=+86"},
        {"uri": "urn:service:sos.police"},
        {"uri": "URN:Service:SOS"},
        {"headers": "Priority: psap-callback\r\n"},
        {"headers": "Resource-Priority: dsn.flash, ESNET.1\r\n"},
        {"uri": "sip:+8612345678901@192.0.2.10"},
    ],
)
def test_emergency_calls_pass_whatever_the_lists_say(edge: Edge, options: dict[str, str]) -> None:
    edge.lists["watched"].add_pattern(8, 1, 0, PLAIN)
    out = edge.relay(invite(BAD, **options))
    assert (out.reason, out.to) == ("emergency", CALLEE)
    assert out.values("From") == [f"<sip:{BAD}@198.51.100.7;user=phone>;tag=8f1"]


def test_psap_callers_pass(edge: Edge) -> None:
    edge.flag(8675512345678)
    assert edge.relay(invite("+8675512345678")).reason == "emergency"


def test_card_goes_into_p_asserted_identity(edge: Edge) -> None:
    info = b'Call-Info: <data:>;purpose=jcard;call-reason="x"\r\n'
    carded(edge, 8613800000002, "XX市公安局", info)
    headers = 'P-Asserted-Identity: "Bob" <sip:+8613800000002@h;user=phone>, tel:+86-138-0000-0002\r\n'
    out = edge.relay(invite("+8613800000002", headers=headers))
    assert out.values("P-Asserted-Identity") == [
        '"XX市公安局 Bob" <sip:+8613800000002@h;user=phone>, "XX市公安局" <tel:+86-138-0000-0002>'
    ]
    assert out.values("From") == ["<sip:+8613800000002@198.51.100.7;user=phone>;tag=8f1"]
    assert out.values("Call-Info") == ['<data:>;purpose=jcard;call-reason="x"']


@pytest.mark.parametrize(
    ("sender", "want"),
    [
        ("<sip:+8613800000002@h>", '"XX市公安局" <sip:+8613800000002@h>;tag=8f1'),
        ("sip:+8613800000002@h", '"XX市公安局" <sip:+8613800000002@h>;tag=8f1'),
        ("Bob Smith  <sip:+8613800000002@h>", '"XX市公安局 Bob Smith" <sip:+8613800000002@h>;tag=8f1'),
        ('"A \\"q\\" B"<sip:+8613800000002@h>', '"XX市公安局 A \\"q\\" B" <sip:+8613800000002@h>;tag=8f1'),
        ('"反诈中心" <sip:+8613800000002@h>', '"XX市公安局" <sip:+8613800000002@h>;tag=8f1'),
        ("tel:+8613800000002", '"XX市公安局" <tel:+8613800000002>;tag=8f1'),
    ],
)
def test_card_goes_into_from_when_nobody_asserts(edge: Edge, sender: str, want: str) -> None:
    carded(edge, 8613800000002, "XX市公安局")
    assert edge.relay(invite(sender=sender)).values("From") == [want]


def test_call_info_is_left_out_when_the_datagram_would_pass_1300_bytes(edge: Edge) -> None:
    carded(edge, 8613800000002, "XX市公安局", b"Call-Info: <https://x.example/c.json>;purpose=jcard\r\n")
    out = edge.relay(invite("+8613800000002", body="x" * (1200 - len(invite()))))
    assert out.values("Call-Info") == []
    assert "XX市公安局" in out.values("From")[0]
    assert edge.engine.stats()["labels_trimmed"] == 1


def test_the_label_is_the_same_on_a_retransmission_after_a_push(edge: Edge) -> None:
    carded(edge, 8613800000002, "XX市公安局")
    first = edge.relay(invite("+8613800000002"))
    carded(edge, 8613800000002, "another")
    edge.push()
    assert edge.relay(invite("+8613800000002")).data == first.data


def test_untrusted_trunk_loses_identity_card_and_look_alikes() -> None:
    edge = Edge(trunk={"trusted": False})
    headers = (
        "P-Asserted-Identity: <tel:+8610086>\r\nX: 1\r\nRemote-Party-ID: <sip:1@h>\r\n"
        "P-Preferred-Identity: <sip:2@h>\r\n"
        "Call-Info: <https://evil.example/i.png>;purpose=icon\r\n"
    )
    sender = '"反诈中心认证" <sip:+8613800000002;verstat=TN-Validation-Passed@h;user=phone>'
    out = edge.relay(invite(sender=sender, headers=headers))
    assert out.values("From") == ["<sip:+8613800000002@h;user=phone>;tag=8f1"]
    for gone in ("P-Asserted-Identity", "P-Preferred-Identity", "Remote-Party-ID", "Call-Info"):
        assert out.values(gone) == []
    assert out.values("X") == ["1"]
    assert edge.engine.stats()["imitations"] == 2


@pytest.mark.parametrize(
    "name",
    [
        *DEFAULT_MARKERS,
        "反诈中心认证",
        "反 诈 中 心",
        "反\u200b诈\u2060中心",
        "国家公安部",
        "市中级人民法院",
        "防詐專線",
        "１２３８１",
        "９6 1 1 ０",
        "\u202e诈反\u202c公安",
    ],
)
def test_standards_5_1_4_imitations_are_removed(name: str) -> None:
    out = Edge(trunk={"trusted": False}).relay(invite(sender=f'"{name}" <sip:+8613800000002@h>'))
    assert out.values("From") == ["<sip:+8613800000002@h>;tag=8f1"]


@pytest.mark.parametrize("name", ["Bob", "张三", "12 38", "安公", "客服"])
def test_untrusted_trunk_keeps_an_honest_name(name: str) -> None:
    out = Edge(trunk={"trusted": False}).relay(invite(sender=f'"{name}" <sip:+8613800000002@h>'))
    assert out.values("From") == [f'"{name}" <sip:+8613800000002@h>;tag=8f1']


def test_screening_number_of_a_trusted_trunk_is_the_asserted_one(edge: Edge) -> None:
    out = edge.handle(invite("+8613800000009", headers=f"P-Asserted-Identity: <tel:{BAD}>\r\n"))
    assert out.reason == "rule"


def test_presented_number_is_screened_too_but_earns_no_card(edge: Edge) -> None:
    carded(edge, 8613800000002, "XX市公安局")
    asserted = "P-Asserted-Identity: <tel:+8613800000009>\r\n"
    assert edge.handle(invite(BAD, headers=asserted)).reason == "rule"
    new = "SIP/2.0/UDP 198.51.100.7;branch=z9hG4bK-n"
    assert edge.relay(invite("+8613800000002", headers=asserted, via=new)).reason == "pass"


def test_divert_goes_to_its_hop_with_cancel_and_ack() -> None:
    edge = Edge(policy=lambda index: [Rule(1 << caller_in(index["fraud"]), 0, "divert", True, hop=1)])
    edge.flag(8613800000001)
    announcement = ("192.0.2.30", 5060)
    for data in (invite(BAD), invite(BAD), request("CANCEL", BAD), request("ACK", BAD, to_tag="m")):
        assert edge.relay(data).to == announcement
    assert edge.relay(invite(via="SIP/2.0/UDP 198.51.100.7;branch=z9hG4bK-n")).to == CALLEE


def test_drop_is_silent_for_invite_cancel_and_ack() -> None:
    edge = Edge(policy=lambda index: [Rule(1 << caller_in(index["fraud"]), 0, "drop", True)])
    edge.flag(8613800000001)
    for data in (invite(BAD), invite(BAD), request("CANCEL", BAD)):
        assert edge.handle(data).data is None
    assert edge.reason("drop-rule") == 3


def test_shadow_rules_are_recorded_and_never_act() -> None:
    edge = Edge(policy=lambda i: [Rule(1 << caller_in(i["fraud"]), 0, "intercept", False, 603, edge_head(i))])
    edge.flag(8613800000001)
    assert edge.relay(invite(BAD)).reason == "pass"
    assert edge.engine.stats()["shadows"] == [1]
    assert edge.engine.stats()["rules"] == [0]


def edge_head(_: dict[str, int]) -> int:
    return 1  # the first text of an Edge is the head of its 603


def test_expired_entries_do_not_match(edge: Edge) -> None:
    edge.lists["fraud"].add(8613800000007, Attr(1_700_000_000, 0, 0, 0, 0, 0))
    assert edge.handle(invite("+8613800000007"), now_s=1_699_999_999).reason == "rule"
    later = invite("+8613800000007", via="SIP/2.0/UDP 198.51.100.7;branch=z9hG4bK-n")
    assert edge.relay(later, now_s=1_700_000_001).reason == "pass"


def test_messages_are_screened_like_calls(edge: Edge) -> None:
    out = edge.handle(request("MESSAGE", BAD, headers="Content-Type: text/plain\r\n", body="hi"))
    assert out.lines[0] == "SIP/2.0 603 Decline"


def test_other_methods_are_not_screened(edge: Edge) -> None:
    assert edge.relay(request("REGISTER", BAD)).reason == "not-screened"


def test_explain_says_what_the_engine_does(edge: Edge) -> None:
    world = edge.world()
    decision = world.decide(invite(BAD), CALLER)
    assert (decision["action"], decision["rule"], decision["code"]) == ("intercept", 0, 603)
    assert decision["caller"] == 8613800000001
    assert decision["callee"] == 8613900000002
    assert decision["facts"] >> caller_in(1) & 1


def test_answers_of_the_callee_to_a_labelled_call_come_back(edge: Edge) -> None:
    carded(edge, 8613800000002, "XX市公安局")
    there = edge.relay(invite("+8613800000002"))
    assert edge.relay(respond(there.data or b""), CALLEE).to == CALLER
