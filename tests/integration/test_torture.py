"""RFC 4475 and RFC 5118 at the running gateway: it lives after each, and nothing that it sends is broken."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from sip.checks import check_request
from sip.errors import SipError
from sip.message import parse
from tests.support.gateway import ROOT
from tests.support.process import free_port, options
from tests.support.sipp import run_sipp, sipp_server
from tests.support.tshark import Capture

DATA = Path(os.environ.get("CALLWARDEN_TEST_DATA", ROOT.parent / "shared" / "data"))

pytestmark = pytest.mark.skipif(
    not (DATA / "rfc4475").is_dir(), reason="no third-party data: set CALLWARDEN_TEST_DATA"
)


def _messages() -> list[tuple[str, bytes]]:
    paths = sorted((DATA / "rfc4475").glob("*.dat"))
    paths += sorted(p for p in (DATA / "rfc5118").rglob("*") if p.is_file() and p.suffix != ".tsv")
    return [(p.name, p.read_bytes()) for p in paths]


def _expected(name: str, data: bytes) -> int | None:
    """The status that a proxy answers with; 0: it goes on; None: no reaction. The oracle is sip.checks."""
    beyond_syntax = {"zeromf.dat": 483, "bext01.dat": 420}
    try:
        message = parse(data)
        if not message.is_request:
            return None  # none of these responses has our Via on top (RFC 3261 16.11)
        check_request(message)
    except SipError as e:
        return e.status
    return beyond_syntax.get(name, 0)


def test_rfc4475_and_rfc5118_get_the_answer_of_the_oracle_and_leave_it_alive(gateway, callee_port):
    source = free_port()
    with Capture(gateway.port, callee_port, source) as wire:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
            s.bind(("127.0.0.1", source))
            for name, data in _messages():
                s.sendto(data, ("127.0.0.1", gateway.port))
                answer = options(gateway.port, timeout_s=5)
                assert answer is not None, name
                assert answer.status == 200, name
    # one thread keeps the order: what it sent for a message stands before the answer to the OPTIONS after it
    reactions: list[list[bytes]] = [[]]
    for sent in wire.messages(gateway.port):
        if sent.startswith(b"SIP/2.0 200 "):
            reactions.append([])
        else:
            reactions[-1].append(sent)
    got, wanted = {}, {}
    for (name, data), sent in zip(_messages(), reactions, strict=False):
        starts = [0 if not x.startswith(b"SIP/2.0") else int(x[8:11]) for x in sent]
        got[name], wanted[name] = starts, [e] if (e := _expected(name, data)) is not None else []
        for one in sent:
            if starts == [0]:
                check_request(parse(one))  # what goes on is sound
    assert got == wanted
    # nothing in these messages may make it talk to somebody who is no peer
    assert wire.destinations(gateway.port) <= {"127.0.0.1"}
    with sipp_server("uas_answer", callee_port):
        assert run_sipp("uac_call", gateway.port, calls=5).successful == 5


def test_cut_and_damaged_messages_leave_it_alive(gateway, callee_port):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.connect(("127.0.0.1", gateway.port))
        for name, data in _messages():
            for cut in range(0, len(data), max(1, len(data) // 40)):
                s.send(data[:cut])
                s.send(data[cut:])
                s.send(data[:cut] + b"\x00\xff\r\n" + data[cut:])
            answer = options(gateway.port, timeout_s=5)
            assert answer is not None, name
            assert answer.status == 200, name
    with sipp_server("uas_answer", callee_port):
        assert run_sipp("uac_call", gateway.port, calls=5).successful == 5
