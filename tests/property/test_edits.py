"""What a proxy changes, and nothing else: RFC 3261 16.6 step 1, 16.7, 18.2; ARCHITECTURE, "edit".

Requests are drawn with everything that is legal (tests/property/requests.py) and the output is compared
byte for byte with the input after the edits that the standards want, worked out without parsing. The way
back: a response comes home as the callee wrote it less our Via, and no changed byte of our Via sends it
anywhere else.
"""

from __future__ import annotations

import itertools
import re

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from native.tables import Attr
from native.world import Rule, caller_in
from sip.message import parse
from tests.property.requests import Invite, comma, invites, odd_bytes
from tests.support.edge import CALLEE, Edge, invite

OWN_VIA = re.compile(
    rb"Via: SIP/2\.0/UDP 192\.0\.2\.10:5060;branch=z9hG4bK[0-9a-f]{32}(?:-[0-9a-f]{8})?;cw=[0-9a-f]{18}\r\n"
)
OWN_RECORD_ROUTE = re.compile(rb"Record-Route: <sip:cw[0-9a-f]{16}@192\.0\.2\.10:5060;lr>\r\n")
DESTINATIONS = {CALLEE, ("192.0.2.30", 5060), ("198.51.100.3", 5061)}


class Labelling(Edge):
    def shipped(self, index: dict[str, int]) -> list[Rule]:
        return [Rule(1 << caller_in(index["watched"]), 0, "label", True, text=self.warning)]


EDGE = Edge()
LABELLING = Labelling()
CLOCK = itertools.count(0, 40_000)  # ms: no example finds the verdict of another in the memo (32 s)
LABELLING.lists["watched"].add(8613800000009, Attr(0, 0, 0, 0, 0, 0))


def own(pattern: re.Pattern[bytes], data: bytes) -> bytes:
    """The one line of ours."""
    found = [m[0] for m in pattern.finditer(data)]
    assert len(found) == 1, found
    return found[0]


def expected(sent: Invite, out: bytes) -> bytes:
    """The request after the legal edits; our own two lines are taken from `out`, their places are not."""
    own_via, own_route = own(OWN_VIA, out), own(OWN_RECORD_ROUTE, out)
    kinds = [r.kind for r in sent.rows]
    first_via = kinds.index(b"via")
    first_route = kinds.index(b"record-route") if b"record-route" in kinds else len(kinds)
    at = min(first_via, first_route)
    whole = sent.start + (b"" if sent.has_max_forwards else b"Max-Forwards: 70\r\n")
    for i, row in enumerate(sent.rows):
        if i == first_via:
            whole += own_via
        if i == at:
            whole += own_route
        whole += row.after
    if b"max-breadth" not in kinds:
        whole += b"Max-Breadth: 60\r\n"
    return whole + sent.empty_and_body


@given(invites())
@settings(max_examples=250, deadline=None)
def test_rfc3261_16_6_1_every_byte_but_the_legal_edits_stays_and_in_order(sent: Invite) -> None:
    out = EDGE.handle(sent.data, sent.source, now_ms=next(CLOCK))
    assert out.reason == "pass"
    assert out.data is not None
    assert out.data == expected(sent, out.data)
    assert out.to in DESTINATIONS


def test_no_max_forwards_and_our_route_on_the_first_line() -> None:
    """What goes in and what comes off meet at one place (found by the property above: it got a 513)."""
    sent = invite(max_forwards=None).replace(b"Via:", b"Route: <sip:192.0.2.10:5060;lr>\r\nVia:", 1)
    out = EDGE.handle(sent, now_ms=next(CLOCK))
    assert out.reason == "pass"
    assert out.lines[1] == "Max-Forwards: 70"
    assert out.values("Route") == []


@given(invites())
@settings(max_examples=100, deadline=None)
def test_what_goes_on_reads_as_what_came_in(sent: Invite) -> None:
    """The same through the message model: rows that no edit touches are equal and in order."""
    out = EDGE.handle(sent.data, sent.source, now_ms=next(CLOCK)).data
    assert out is not None
    came, went = parse(sent.data), parse(out)
    edited = {b"via", b"record-route", b"route", b"max-forwards", b"max-breadth"}
    assert [h.raw for h in went.headers if h.key not in edited] == [
        h.raw for h in came.headers if h.key not in edited
    ]
    assert (went.method, went.request_uri, went.body) == (came.method, came.request_uri, came.body)
    assert went.max_forwards == (70 if came.max_forwards is None else came.max_forwards - 1)
    assert len(went.vias) == len(came.vias) + 1
    assert went.elements("Via")[2:] == came.elements("Via")[1:]
    assert went.elements("Record-Route")[1:] == came.elements("Record-Route")
    assert went.trailing == b""


@given(invites())
@settings(max_examples=100, deadline=None)
def test_standards_5_1_a_label_changes_display_names_and_nothing_else(sent: Invite) -> None:
    out = LABELLING.handle(sent.data, sent.source, now_ms=next(CLOCK))
    assert out.reason == "rule"
    assert out.data is not None
    plain = expected(sent, out.data)
    came, went = parse(plain), parse(out.data)
    assert "疑似诈骗".encode() in out.data
    assert [h.key for h in went.headers] == [h.key for h in came.headers]
    shown = "P-Asserted-Identity" if came.rows("P-Asserted-Identity") else "From"
    for before, after in zip(came.headers, went.headers, strict=True):
        if before.key != shown.lower().encode():
            assert after.raw == before.raw
    (was,), (now,) = came.addresses(shown), went.addresses(shown)
    assert (now.uri.raw, now.params) == (was.uri.raw, was.params)
    assert now.display_text.startswith("疑似诈骗")
    assert went.body == came.body


@st.composite
def answered(draw: st.DrawFn) -> tuple[Invite, bytes, bytes, bytes]:
    """(INVITE, our Via value, the callee's response, what the caller must get)."""
    sent = draw(invites())
    out = EDGE.handle(sent.data, sent.source, now_ms=next(CLOCK))
    assert out.data is not None
    request = parse(out.data)
    ours, *others = request.elements("Via")
    joined = draw(st.booleans())
    name = draw(st.sampled_from([b"Via: ", b"v:", b"VIA :\t"]))
    if joined:
        between = [draw(comma) for _ in others]
        rest = others[0] + b"".join(c + v for c, v in zip(between[1:], others[1:], strict=True)) + b"\r\n"
        vias, left = [name + ours + between[0] + rest], [name + rest]
    else:
        left = [name + v + b"\r\n" for v in others]
        vias = [name + ours + b"\r\n", *left]
    echoed = [h.raw for h in request.headers if h.key in (b"from", b"call-id", b"cseq", b"record-route")]
    echoed.append(
        b"To: <sip:+8613900000002@192.0.2.10>;tag="
        + draw(st.sampled_from([b"a", b"cw1", b"%41'`~"]))
        + b"\r\n"
    )
    echoed += [b"X-Odd: a" + draw(odd_bytes) + b"\r\n", b"Server:\r\n", b"Subject: a\r\n b\r\n"]
    echoed = draw(st.permutations(echoed))
    at = draw(st.integers(0, len(echoed)))
    status = draw(st.sampled_from([b"100 Trying", b"183 ", b"200 OK", b"486 \xe5\xbf\x99", b"603 Decline"]))
    body = draw(st.binary(max_size=30))
    start, length = b"SIP/2.0 " + status + b"\r\n", b"Content-Length: %d\r\n\r\n" % len(body)
    head, tail = start + b"".join(echoed[:at]), b"".join(echoed[at:]) + length + body
    return sent, ours, head + b"".join(vias) + tail, head + b"".join(left) + tail


@given(answered())
@settings(max_examples=150, deadline=None)
def test_rfc3261_16_7_3_a_response_comes_back_byte_for_byte_less_our_via(
    case: tuple[Invite, bytes, bytes, bytes],
) -> None:
    sent, _, response, home = case
    out = EDGE.handle(response, CALLEE)
    assert (out.reason, out.to, out.listener) == ("response", sent.reply_to, 0)
    assert out.data == home


@given(answered(), st.data())
@settings(max_examples=150, deadline=None)
def test_a_changed_byte_of_our_via_sends_a_response_nowhere_else(
    case: tuple[Invite, bytes, bytes, bytes], data: st.DataObject
) -> None:
    """Refused, or (letter case, white space) the very same response to the very same place."""
    sent, ours, response, home = case
    at = response.index(ours) + data.draw(st.integers(0, len(ours) - 1))
    octet = data.draw(st.integers(0, 255))
    assume(octet != response[at])
    forged = response[:at] + bytes([octet]) + response[at + 1 :]
    out = EDGE.handle(forged, CALLEE)
    if out.data is not None:
        assert (out.data, out.to) == (home, sent.reply_to)
    else:
        assert out.reason in (
            "drop-forged",
            "drop-not-ours",
            "drop-bad-response",
            "drop-destination",
            "drop-no-via",
        )


@given(answered())
@settings(max_examples=20, deadline=None)
def test_every_byte_of_branch_and_flow_counts(case: tuple[Invite, bytes, bytes, bytes]) -> None:
    """The two values that our key made, changed at each place to another that could stand there."""
    _, ours, response, _ = case
    start = response.index(ours)
    for name in (b";branch=z9hG4bK", b";cw="):
        first = ours.index(name) + len(name)
        for i in range(first, (ours + b";").index(b";", first)):
            for octet in {*b"0f-Gz"} - {ours[i]}:
                forged = response[: start + i] + bytes([octet]) + response[start + i + 1 :]
                out = EDGE.handle(forged, CALLEE)
                assert out.data is None, forged
                assert out.reason in ("drop-forged", "drop-bad-response")


@given(answered(), st.data())
@settings(max_examples=150, deadline=None)
def test_a_changed_byte_of_the_callers_via_moves_no_response(
    case: tuple[Invite, bytes, bytes, bytes], data: st.DataObject
) -> None:
    """A reflector would need another address, port or transaction there: the flow binds them."""
    sent, ours, response, _ = case
    second = response.index(ours) + len(ours)
    at = data.draw(st.integers(second, min(len(response) - 1, second + 160)))
    octet = data.draw(st.one_of(st.integers(0, 255), st.sampled_from(b"0123456789.:;,")))
    assume(octet != response[at])
    out = EDGE.handle(response[:at] + bytes([octet]) + response[at + 1 :], CALLEE)
    assert out.data is None or out.to == sent.reply_to
