"""Push to enforced: how long until a number that is pushed now is intercepted.

One caller (this process) and one callee socket. A number is pushed through the admin socket; from that
moment on INVITEs of this number are sent one after the other, each a new call, until the first is
intercepted. Two things are timed: the answer of the admin API (which may come only when the gateway
enforces the change) and the first INVITE that got its 603; an INVITE sent after the API's answer and not
intercepted is a failure, not a slow sample.
"""

from __future__ import annotations

import os
import select
import socket
import time
from typing import Any

from admin import Api
from edge import Edge, gateway
from procs import BenchError

FIRST_NUMBER = 8617000000000
LIMIT_S = 5.0


class Caller:
    """Places calls by hand; says what became of each INVITE."""

    def __init__(self, edge: Edge) -> None:
        self._gateway = ("127.0.0.1", edge.port)
        self._mine, self._callee = (socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(2))
        self._mine.bind(("127.0.0.1", 0))
        self._callee.bind(("127.0.0.1", edge.callee))
        self._here = "{}:{}".format(*self._mine.getsockname())
        self._n = 0

    def close(self) -> None:
        self._mine.close()
        self._callee.close()

    def invite(self, number: int) -> bool:
        """One new call: True when it is intercepted, False when it reaches the callee."""
        self._n += 1
        mark = f"{os.getpid():x}x{self._n:x}"
        to = "sip:+8613900000001@{}:{}".format(*self._gateway)
        via = f"Via: SIP/2.0/UDP {self._here};branch=z9hG4bK{mark}"
        start = (f"From: <sip:+{number}@{self._here}>;tag={mark}", f"Call-ID: {mark}@push")
        lines = (
            f"INVITE {to} SIP/2.0",
            via,
            "Max-Forwards: 70",
            *start,
            f"To: <{to}>",
            "CSeq: 1 INVITE",
            f"Contact: <sip:{self._here}>",
            "Content-Length: 0",
            "",
            "",
        )
        self._mine.sendto("\r\n".join(lines).encode(), self._gateway)
        until = time.monotonic() + LIMIT_S
        while time.monotonic() < until:
            ready, _, _ = select.select([self._mine, self._callee], [], [], 0.1)
            for sock in ready:
                data = sock.recv(65536)
                if mark.encode() + b"@push" not in data:
                    continue
                if sock is self._callee:
                    return False
                status = int(data[8:11])
                if status < 300:
                    continue
                answered_to = next(
                    x for x in data.decode("latin-1").split("\r\n") if x.lower().startswith("to:")
                )
                ack = (
                    f"ACK {to} SIP/2.0",
                    via,
                    "Max-Forwards: 70",
                    *start,
                    answered_to,
                    "CSeq: 1 ACK",
                    "Content-Length: 0",
                    "",
                    "",
                )
                self._mine.sendto("\r\n".join(ack).encode(), self._gateway)
                return True
        raise BenchError("an INVITE got neither an answer nor to the callee")


def one_push(api: Api, caller: Caller, number: int) -> tuple[float, float]:
    """(seconds to the API's answer, seconds to the end of the first interception), both from the push."""
    if caller.invite(number):
        raise BenchError(f"+{number} is intercepted before it is pushed")
    start = time.monotonic()
    api.send(*push_request(number))
    answered = enforced = 0.0
    while not (answered and enforced):
        after_answer = bool(answered)
        if not enforced and caller.invite(number):
            enforced = time.monotonic() - start
        elif not enforced and after_answer:
            raise BenchError(f"+{number} still passed after the admin API had answered")
        if not answered and (answer := api.maybe_answer()) is not None:
            if answer[0] // 100 != 2:
                raise BenchError(f"the push is refused: {answer[0]} {answer[1][:300]!r}")
            answered = time.monotonic() - start
        if time.monotonic() - start > LIMIT_S:
            raise BenchError("a push is not enforced")
    return answered, enforced


def push_request(number: int) -> tuple[str, str, dict[str, Any]]:
    return "POST", "/v1/lists/fraud/add", {"entries": [f"+{number}"]}


def quantiles(samples: list[float]) -> dict[str, float]:
    """Exact ones, in microseconds."""
    ordered = sorted(samples)
    return {
        name: ordered[min(len(ordered) - 1, int(len(ordered) * q))] * 1e6
        for name, q in (("p50", 0.5), ("p90", 0.9), ("p99", 0.99), ("max", 1.0))
    }


def push(lab: Any, count: int) -> dict[str, Any]:
    """`count` pushes of one number each into a gateway that holds a million."""
    with gateway(lab.work, "push", cpu=lab.setting.server_cpu) as edge:
        lab.setting.progress("push: gateway loads 1,000,000 numbers")
        edge.push_numbers("fraud", lab.spaced())
        lab.setting.progress(f"push: {count} pushes")
        api, caller = Api(edge.admin_socket), Caller(edge)
        try:
            pairs = [one_push(api, caller, FIRST_NUMBER + i) for i in range(count)]
        finally:
            api.close()
            caller.close()
    return {
        "pushes": count,
        "answered_us": quantiles([a for a, _ in pairs]),
        "pushed_to_enforced_us": quantiles([e for _, e in pairs]),
    }
