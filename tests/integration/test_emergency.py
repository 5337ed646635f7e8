"""Emergency and public-safety calls pass whatever the rules say (DESIGN 3, STANDARDS 8.4), as real INVITEs.

The rules here go as far against them as the guards permit: the caller is flagged, everybody from the trunk is
intercepted, every callee is, and a card waits for them.
"""

from __future__ import annotations

import os
import signal
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.gateway import GatewayUnderTest
from tests.support.peer import Outcome, Peer
from tests.support.process import options, wait_until

FLAGGED = "+8613800000666"
CALLEES = [
    "110",
    "119",
    "120",
    "122",
    "112",
    "12110",
    "96110",
    "+86110",
    "+8612110",
    "010110",
    "0755119",
    "0086110",
]
URNS = ["urn:service:sos", "urn:service:sos.police", "URN:SERVICE:SOS.fire"]
POLICY = """
[[rule]]
name = "drop-the-flagged"
when = ["caller.in.fraud"]
then = { drop = true }
mode = "enforce"
[[rule]]
name = "nobody-to-short-codes"
when = ["callee.short"]
then = { intercept = 608, reason = "no" }
mode = "enforce"
[[rule]]
name = "nobody-to-public-services"
when = ["callee.public123"]
then = { divert = "core" }
mode = "enforce"
[[rule]]
name = "nobody-at-all"
when = ["trunk.domestic"]
then = { intercept = 603, reason = "no" }
mode = "enforce"
"""


@pytest.fixture
def peer() -> Iterator[Peer]:
    with Peer() as one:
        yield one


@pytest.fixture
def gateway(peer: Peer, tmp_path: Path) -> Iterator[GatewayUnderTest]:
    """Everything against them that the guards let through."""
    policy = tmp_path / "policy.toml"
    policy.write_text(POLICY)
    with GatewayUnderTest(peer.callee_port, trunk_extra='label = ["pai", "from", "call-info"]') as one:
        one.push_list("fraud", FLAGGED, "+86138000*")
        one.push_list("suspect", FLAGGED)
        one.cli("cards", "add", "XX市公安局", FLAGGED)
        one.cli("policy", "push", str(policy))
        yield one


def untouched(outcome: Outcome, sent: bytes) -> None:
    """It arrived, and with no label: every line but those that a proxy owns is the sent one."""
    assert outcome.passed, outcome.status
    ours = (b"Via:", b"Record-Route:", b"Max-Forwards:", b"Max-Breadth:")
    got = [line for line in outcome.raw.split(b"\r\n") if not line.startswith(ours)]
    assert got == [line for line in sent.split(b"\r\n") if not line.startswith(ours)]


def call(peer: Peer, gateway: GatewayUnderTest, callee: str, **more: str) -> None:
    uri = callee if callee.lower().startswith("urn:") else ""
    sent = peer.request(gateway.port, FLAGGED, callee, uri=uri, **more)
    untouched(peer.ask(gateway.port, sent), sent)


def test_standards_8_4_emergency_calls_pass_untouched_whatever_the_rules_say(
    peer: Peer, gateway: GatewayUnderTest
) -> None:
    assert peer.call(gateway.port, "+8613900000001", "+8613900000002").status == 603
    for callee in CALLEES + URNS:
        call(peer, gateway, callee)
    call(
        peer,
        gateway,
        "110",
        headers=f'P-Asserted-Identity: "X" <tel:{FLAGGED}>\r\nCall-Info: <https://x>\r\n',
    )
    call(peer, gateway, "12110", method="MESSAGE")
    assert gateway.status()["state"] == "running"


def test_standards_8_4_priority_and_callback_of_an_emergency_centre(
    peer: Peer, gateway: GatewayUnderTest
) -> None:
    """RFC 7090: a PSAP call-back says so; it passes like the call that it answers."""
    call(peer, gateway, "+8613900000002", headers="Priority: psap-callback\r\n")


def test_emergency_calls_pass_while_the_gateway_drains(peer: Peer, gateway: GatewayUnderTest) -> None:
    gateway.config.write_text(gateway.config.read_text().replace("drain_s = 0.0", "drain_s = 30.0"))
    gateway.cli("check")
    os.kill(gateway.pid, signal.SIGHUP)  # drain_s can change while it runs
    wait_until(lambda: "configuration reloaded" in gateway.log.read_text(), 10, "the reload")
    os.kill(gateway.pid, signal.SIGTERM)

    def draining() -> bool:
        answer = options(gateway.port)
        return answer is not None and answer.status == 503

    wait_until(draining, 10, "the drain")
    for callee in ("110", "+86110", "010110", "urn:service:sos"):
        call(peer, gateway, callee)
    answer = options(gateway.port)
    assert answer is not None
    assert answer.status == 503


@pytest.mark.load
def test_emergency_calls_pass_under_a_flood_of_flagged_calls(peer: Peer, gateway: GatewayUnderTest) -> None:
    """Within the caller's own timers; the flood is dropped by rule, so nothing slows it down."""
    over = threading.Event()

    def flood() -> None:
        with Peer("127.0.0.3") as other, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
            s.connect(("127.0.0.1", gateway.port))
            while not over.is_set():
                for _ in range(50):
                    s.send(other.request(gateway.port, FLAGGED, "+8613900000002"))

    thread = threading.Thread(target=flood)
    thread.start()
    try:
        for callee in ("110", "+86110", "010110", "urn:service:sos") * 10:
            call(peer, gateway, callee)
    finally:
        over.set()
        thread.join()
    assert gateway.status()["state"] == "running"
