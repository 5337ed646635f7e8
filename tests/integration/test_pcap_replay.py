"""Public captures of real calls, each SIP payload sent for real to a running gateway.

After each payload an OPTIONS: one data-plane thread keeps the order, so what it did with the payload has been
done when the answer comes. A request that our strict reading finds sound must go on, and but for the legal
edits byte for byte; a response that we never asked for must vanish (RFC 3261 16.11), and so must a request
whose Route would make us an open relay.
"""

from __future__ import annotations

import re
import select
import socket

import pytest

from sip.checks import check_request
from sip.errors import SipError
from sip.message import Header, Message, parse
from tests.support.captures import CAPTURES, captures, sip_payloads
from tests.support.gateway import GatewayUnderTest
from tests.support.process import options, wait_until
from tests.support.tshark import Capture

pytestmark = pytest.mark.skipif(not CAPTURES.is_dir(), reason="no third-party data: set CALLWARDEN_TEST_DATA")

TCP_ONLY = {"sip-over-tcp.pcap"}
# UDP payloads in each file that begin like SIP, as tshark counts them
COUNTS = {
    "DTMFsipinfo.pcap": 32,
    "b2bua-asterisk.pcapng": 60,
    "metasploit-sip-invite-spoof.pcap": 2,
    "register-invite-reinvite-bye.pcap": 12,
    "sip-488-codec-reject.pcapng": 13,
    "sip-auth-failure.pcapng": 8,
    "sip-over-tcp.pcap": 0,
    "sip-proxy.pcap": 11,
    "sip-register.pcap": 2,
    "sip-routing-error.pcapng": 58,
    "sip_call.pcap": 7,
}
# requests that do not go on: their Route leads to somebody who is no peer; an empty user part
REFUSED = {"DTMFsipinfo.pcap": 7, "metasploit-sip-invite-spoof.pcap": 1}
_MARKS = re.compile(rb";(?:received=[^;,\r\n ]*|rport(?:=[0-9]*)?)", re.IGNORECASE)


def read_all(*sockets: socket.socket) -> list[list[bytes]]:
    """What has arrived at each, without waiting."""
    found: list[list[bytes]] = [[] for _ in sockets]
    while ready := select.select(sockets, [], [], 0)[0]:
        for s in ready:
            found[sockets.index(s)].append(s.recv(65535))
    return found


def compared(message: Message, ours: tuple[bytes, ...] = ()) -> list[bytes]:
    """Every line but those that a proxy edits; of the top Via what an edit leaves alone."""
    rows, top = [message.start_line], True
    for row in message.headers:
        if row.raw.startswith(ours or b"\n") or row.key in (b"max-forwards", b"max-breadth"):
            continue
        if row.key == b"via" and top:
            rows.append(_MARKS.sub(b"", row.raw))
            top = False
        else:
            rows.append(row.raw)
    return [*rows, message.empty_line, message.body]


def own_lines(port: int, out: Message) -> tuple[bytes, ...]:
    own: list[Header] = [out.rows("Via")[0]]
    own += [r for r in out.rows("Record-Route")[:1] if re.match(rb"<sip:cw[0-9a-f]{16}@", r.value)]
    for row in own:
        assert b"127.0.0.1:%d" % port in row.value
    return tuple(row.raw for row in own)


def sound(data: bytes) -> Message | None:
    """The request that a proxy must pass on; None for anything else."""
    try:
        message = parse(data)
        if message.is_request:
            check_request(message)
    except SipError:
        return None
    if not message.is_request or message.max_forwards == 0 or message.rows("Proxy-Require"):
        return None
    return None if any(_is_stranger(a.uri.host) for a in message.addresses("Route")) else message


def _is_stranger(host: bytes) -> bool:
    return re.fullmatch(rb"[0-9.]+", host) is not None and not host.startswith(b"127.")


@pytest.mark.parametrize("name", COUNTS)
def test_each_capture_is_passed_on_byte_for_byte_and_leaves_the_gateway_alive(name: str) -> None:
    payloads = list(sip_payloads(CAPTURES / name))
    assert len(payloads) == COUNTS[name]
    forwarded = 0
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as caller,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as callee,
    ):
        for one in (caller, callee):
            one.bind(("127.0.0.1", 0))
        with GatewayUnderTest(callee.getsockname()[1]) as gateway:
            with Capture(gateway.port, callee.getsockname()[1]) as wire:
                for data in payloads:
                    caller.sendto(data, ("127.0.0.1", gateway.port))
                    alive = options(gateway.port, timeout_s=5)
                    assert alive is not None, data
                    assert alive.status == 200
                    _, arrived = read_all(caller, callee)
                    wanted = sound(data)
                    assert len(arrived) == (wanted is not None), data
                    if wanted is None:
                        continue
                    out = parse(arrived[0])
                    assert compared(out, own_lines(gateway.port, out)) == compared(wanted)
                    hops = wanted.max_forwards
                    assert out.max_forwards == (70 if hops is None else hops - 1)
                    forwarded += 1
            assert wire.destinations(gateway.port) <= {"127.0.0.1"}
            assert gateway.status()["state"] == "running"
    requests = [d for d in payloads if not d.upper().startswith(b"SIP/2.0")]
    assert forwarded == len(requests) - REFUSED.get(name, 0)


def test_all_captures_are_there() -> None:
    assert {p.name for p in captures()} == set(COUNTS)
    assert {name for name, count in COUNTS.items() if not count} == TCP_ONLY


def test_a_whole_capture_at_once_leaves_the_gateway_alive() -> None:
    """All of them without a pause, a hundred times; then a call."""
    payloads = [data for path in captures() for data in sip_payloads(path)]
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as caller,
        GatewayUnderTest(callee_port=9) as gateway,
    ):
        for _ in range(100):
            for data in payloads:
                caller.sendto(data, ("127.0.0.1", gateway.port))
        # the one OPTIONS may meet a full receive buffer: it is asked again
        wait_until(lambda: options(gateway.port) is not None, 20, "an answer after the captures")
        assert gateway.status()["state"] == "running"
