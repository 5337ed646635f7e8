"""A caller and a called party in plain sockets, for single calls whose every byte a test wants to see.

with Peer() as peer, GatewayUnderTest(peer.callee_port) as gateway:
    outcome = peer.call(gateway.port, "+8613800000001", "110")
    assert outcome.passed                    # the called party got it, and the caller got its answer

The called party answers 486 to an INVITE and 200 to anything else, so a call is over at once. The caller
retransmits like a client transaction does (RFC 3261 17.1.1: 0.5 s, doubled, 32 s) and acknowledges finals.
"""

from __future__ import annotations

import os
import select
import socket
import time
from types import TracebackType

import msgspec

from sip.message import Message, parse


class Outcome(msgspec.Struct, frozen=True):
    status: int  # of the final answer that the caller got; 0: none within the time
    answer: Message | None
    arrived: Message | None  # the request as the called party got it first
    raw: bytes  # its bytes
    sent: int  # copies of the request

    @property
    def passed(self) -> bool:
        return self.arrived is not None and self.status in (486, 200)


class Peer:
    """Both sockets on one loopback address; `gateway_port` is named with each call, for it may come later."""

    def __init__(self, address: str = "127.0.0.1") -> None:
        self.address = address
        self.caller, self.callee = (socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(2))
        for one in (self.caller, self.callee):
            one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
            one.bind((address, 0))
        self.port: int = self.caller.getsockname()[1]
        self.callee_port: int = self.callee.getsockname()[1]

    def __enter__(self) -> Peer:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.caller.close()
        self.callee.close()

    def request(
        self,
        gateway_port: int,
        caller: str,
        callee: str,
        *,
        method: str = "INVITE",
        uri: str = "",
        headers: str = "",
    ) -> bytes:
        """A new request outside a dialog; `uri` stands for Request-URI and To when it is given."""
        word, me = os.urandom(9).hex(), f"{self.address}:{self.port}"
        target = uri or f"sip:{callee}@127.0.0.1:{gateway_port};user=phone"
        return (
            f"{method} {target} SIP/2.0\r\nVia: SIP/2.0/UDP {me};branch=z9hG4bK{word};rport\r\n"
            f"Max-Forwards: 70\r\nFrom: <sip:{caller}@{me};user=phone>;tag={word}\r\nTo: <{target}>\r\n"
            f"Call-ID: {word}@{self.address}\r\nCSeq: 1 {method}\r\nContact: <sip:a@{me}>\r\n{headers}"
            "Content-Length: 0\r\n\r\n"
        ).encode()

    def call(
        self, gateway_port: int, caller: str, callee: str, timeout_s: float = 32.0, **more: str
    ) -> Outcome:
        return self.ask(gateway_port, self.request(gateway_port, caller, callee, **more), timeout_s)

    def ask(self, gateway_port: int, data: bytes, timeout_s: float = 32.0) -> Outcome:
        """Until the final answer, retransmitting; datagrams of other calls are read and left alone."""
        call_id = parse(data).call_id
        arrived, raw, copies, wait = None, b"", 0, 0.5
        now = time.monotonic()
        deadline, again = now + timeout_s, now
        while now < deadline:
            if now >= again:
                self.caller.sendto(data, ("127.0.0.1", gateway_port))
                copies, again, wait = copies + 1, now + wait, min(wait * 2, 4.0)
            ready = select.select([self.caller, self.callee], [], [], max(0.0, min(again, deadline) - now))[0]
            if self.callee in ready:
                got, source = self.callee.recvfrom(65535)
                if (request := self._answered(got, source)) is not None and request.call_id == call_id:
                    arrived, raw = arrived or request, raw or got
            if self.caller in ready:
                answer = parse(self.caller.recv(65535))
                if answer.call_id == call_id and answer.status >= 200:
                    self._acknowledge(gateway_port, data, answer)
                    return Outcome(answer.status, answer, arrived, raw, copies)
            now = time.monotonic()
        return Outcome(0, None, arrived, raw, copies)

    def _answered(self, data: bytes, source: tuple[str, int]) -> Message | None:
        """The request, answered; None for a response or an ACK."""
        request = parse(data)
        if not request.is_request or request.method == b"ACK":
            return None
        kept = [
            h.raw for h in request.headers if h.key in (b"via", b"from", b"call-id", b"cseq", b"record-route")
        ]
        to = next(h for h in request.headers if h.key == b"to")
        tag = b"" if b";tag=" in to.value else b";tag=callee"
        kept.append(b"To: " + to.value + tag + b"\r\nContent-Length: 0\r\n\r\n")
        status = b"486 Busy Here" if request.method == b"INVITE" else b"200 OK"
        self.callee.sendto(b"SIP/2.0 " + status + b"\r\n" + b"".join(kept), source)
        return request

    def _acknowledge(self, gateway_port: int, data: bytes, answer: Message) -> None:
        request = parse(data)
        if request.method != b"INVITE":
            return
        rows = [h.raw for h in request.headers if h.key in (b"via", b"max-forwards", b"from", b"call-id")]
        rows += [h.raw for h in answer.headers if h.key == b"to"]
        rows.append(b"CSeq: %d ACK\r\nContent-Length: 0\r\n\r\n" % request.cseq.number)
        start = request.start_line.replace(b"INVITE", b"ACK", 1)
        self.caller.sendto(start + b"".join(rows), ("127.0.0.1", gateway_port))


class AdminApi:
    """The admin API by hand: one operation at a time, over one connection that comes back after a restart."""

    def __init__(self, path: str) -> None:
        self.path = path
        self._sock: socket.socket | None = None

    def close(self) -> None:
        if self._sock is not None:
            self._sock.close()
        self._sock = None

    def ask(self, method: str, path: str, body: object = None, timeout_s: float = 60.0) -> bytes:
        """The body of a 200; OSError when the gateway is away or goes away (then ask again)."""
        try:
            if self._sock is None:
                self._sock = socket.socket(socket.AF_UNIX)
                self._sock.settimeout(timeout_s)
                self._sock.connect(self.path)
            data = b"" if body is None else msgspec.json.encode(body)
            head = f"{method} /v1{path} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
            self._sock.sendall(f"{head}Content-Length: {len(data)}\r\n\r\n".encode() + data)
            return self._answer()
        except OSError:
            self.close()
            raise

    def _answer(self) -> bytes:
        assert self._sock is not None
        data = b""
        while True:
            head, end, body = data.partition(b"\r\n\r\n")
            if end:
                fields = dict(line.lower().split(b":", 1) for line in head.split(b"\r\n")[1:])
                if len(body) >= int(fields.get(b"content-length", b"0")):
                    assert head.split()[1] == b"200", data[:500]
                    return body
            more = self._sock.recv(65536)
            if not more:
                raise ConnectionResetError("the gateway is away")
            data += more
