"""The table of reasons (`cw.h`): for each one a datagram that gets it, and the answer that stands there.

`drop-send` comes from the kernel and not from the engine: `cw_lane.c` counts it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from native.world import Rule, caller_in, reasons
from tests.support.edge import CALLEE, CALLER, OURS, STRANGER, Edge, invite, request, respond

NOBODY_RETURNS = {"drop-send"}
FLAGGED = "+8613800000666"
VIA = "SIP/2.0/UDP 198.51.100.7:5060;branch=z9hG4bK-77a;rport"

STUN = bytes.fromhex("000100002112a442") + b"\0" * 12
CASES: dict[str, bytes | Callable[[Edge], Any]] = {
    "pass": invite(),
    "rule": invite(FLAGGED),
    "emergency": invite(FLAGGED, uri=f"sip:110@{OURS};user=phone"),
    "memo": lambda edge: [edge.handle(invite()), edge.handle(invite())][1],
    "in-dialog": request("BYE", to_tag="x"),
    "not-screened": request("SUBSCRIBE"),
    "response": lambda edge: edge.handle(respond(edge.relay(invite()).data or b""), CALLEE),
    "ack-absorbed": lambda edge: edge.handle(
        request("ACK", to_tag=edge.relay(invite(FLAGGED)).values("To")[0].partition(";tag=")[2])
    ),
    "cancel-answered": lambda edge: [edge.handle(invite(FLAGGED)), edge.handle(request("CANCEL"))][1],
    "options-answered": request("OPTIONS", uri=f"sip:{OURS}"),
    "keepalive": b"\r\n\r\n",
    "stun": STUN,
    "draining": lambda edge: [
        edge.engine.set_draining(True),
        edge.handle(request("OPTIONS", uri=f"sip:{OURS}")),
    ][1],
    "bad-start-line": invite().replace(b"INVITE sip", b"INVITE  sip", 1),
    "bad-header": invite(headers="no colon\r\n"),
    "bad-via": invite(via="SIP/2.0/UDP 198.51.100.7:5060:1;branch=z9hG4bK-1"),
    "bad-from": invite(sender='"unclosed <sip:a@b>'),
    "bad-to": invite().replace(b"To: <sip:", b"To: <<sip:"),
    "bad-cseq": invite().replace(b"CSeq: 1 INVITE", b"CSeq: 4294967296 INVITE"),
    "bad-call-id": invite(call_id="a b"),
    "bad-content-length": invite().replace(b"Content-Length: 0", b"Content-Length: 9"),
    "bad-max-forwards": invite(max_forwards="256"),
    "bad-route": invite(headers="Route: <sip:a@b\r\n"),
    "bad-uri": invite(uri="sip:@"),
    "missing-header": invite().replace(b"Call-ID: 5a1e@198.51.100.7\r\n", b""),
    "repeated-header": invite(headers="CSeq: 1 INVITE\r\n"),
    "method-mismatch": invite().replace(b"CSeq: 1 INVITE", b"CSeq: 1 BYE"),
    "unknown-method-mismatch": request("NEWMETHOD").replace(b"CSeq: 1 NEWMETHOD", b"CSeq: 1 OTHER"),
    "bad-version": invite().replace(b"SIP/2.0\r\n", b"SIP/7.0\r\n", 1),
    "bad-scheme": invite(uri="nobodyknows:x"),
    "too-many-hops": invite(max_forwards="0"),
    "bad-extension": invite(headers="Proxy-Require: x\r\n"),
    "too-many-headers": invite(headers="X: y\r\n" * 300),
    "too-large": invite(body="x" * 65100),
    "no-route": lambda edge: Edge(trunk={"hop": -1}).handle(invite()),
    "forbidden-route": invite(headers="Route: <sip:203.0.113.7;lr>\r\n"),
    "drop-short": b"INVITE sip:",
    "drop-not-sip": b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
    "drop-bad-response": b"SIP/2.0 200 OK\r\nVia: x\r\n\r\n",
    "drop-bad-ack": request("ACK", max_forwards="0"),
    "drop-unanswerable": invite().replace(f"Via: {VIA}\r\n".encode(), b""),
    "drop-source": lambda edge: edge.handle(invite(), STRANGER),
    "drop-not-ours": respond(invite()),
    "drop-forged": lambda edge: edge.handle(
        respond(edge.relay(invite()).data or b"").replace(b";cw=00", b";cw=01"), CALLEE
    ),
    "drop-no-via": respond(request(via=f"SIP/2.0/UDP {OURS};branch=z9hG4bKx")),
    "drop-destination": lambda edge: edge.handle(
        respond(edge.relay(invite()).data or b"").replace(b"received=198.51.100.7", b"received=a.example"),
        CALLEE,
    ),
    "drop-rule": lambda edge: dropping(edge.handle).handle(invite(FLAGGED)),
}


def dropping(_: Any) -> Edge:
    edge = Edge(policy=lambda index: [Rule(1 << caller_in(index["fraud"]), 0, "drop", True)])
    edge.flag(int(FLAGGED))
    return edge


@pytest.mark.parametrize("name", CASES)
def test_each_reason_has_a_datagram_that_gets_it(name: str) -> None:
    edge, case = Edge(), CASES[name]
    edge.flag(int(FLAGGED))
    out = edge.handle(case, CALLER) if isinstance(case, bytes) else case(edge)
    assert out.reason == name
    status = dict(reasons())[name]
    if status:
        assert out.data is not None
        assert out.data.startswith(b"SIP/2.0 %d " % status)
        assert out.to == CALLER
    elif name.startswith("drop") or name in ("keepalive", "stun", "ack-absorbed"):
        assert out.data is None
    else:
        assert out.data is not None


def test_the_table_of_reasons_is_covered() -> None:
    assert {name for name, _ in reasons()} - set(CASES) == NOBODY_RETURNS
