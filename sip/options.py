"""Is this target alive? One OPTIONS prober for one target, without I/O.

How it works: a probe is a non-INVITE client transaction over UDP (RFC 3261 17.1.2): the request goes out,
is repeated by Timer E (T1, doubling to T2) and fails at `timeout_s` at the latest. Any final response
except 408 and 503 means alive (a 404 or 405 is an answer from a living element). Hysteresis: `down_after`
failures in a row take the target down, `up_after` successes in a row bring it back, so that one lost packet
moves nothing.

Rules: no socket, clock or random source: `now` is an argument in seconds of any monotonic clock, `token`
makes fresh unguessable words (branch, tag, Call-ID). The caller sends what `datagrams_to_send` returns,
calls `receive` with what comes from the target, and calls `datagrams_to_send` again not later than
`next_deadline()`.
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from sip.build import build_request
from sip.errors import SipError
from sip.message import parse

T1_S = 0.5
T2_S = 4.0
DEAD_ANSWERS = frozenset({408, 503})


class OptionsConfig(msgspec.Struct, frozen=True, kw_only=True):
    """Seconds and counts of one target."""

    target_uri: bytes  # Request-URI, b"sip:192.0.2.20:5060"
    local: bytes  # our sent-by, b"192.0.2.1:5060"
    interval_s: float = 5.0
    timeout_s: float = 4.0
    down_after: int = 3
    up_after: int = 2
    initially_up: bool = True


class TargetWentUp(msgspec.Struct, frozen=True):
    now: float


class TargetWentDown(msgspec.Struct, frozen=True):
    now: float
    reason: str  # "timeout", "status 503", "transport"


class _Probe(msgspec.Struct):
    branch: bytes
    cseq: int
    data: bytes
    sent_at: float
    expires_at: float
    repeat_at: float
    repeat_s: float


class OptionsProber:
    def __init__(self, config: OptionsConfig, now: float, token: Callable[[], str]) -> None:
        self._config = config
        self._token = token
        self._call_id = token()
        self._cseq = 0
        self._probe: _Probe | None = None
        self._next_probe_at = now
        self._misses = 0
        self._hits = 0
        self._events: list[TargetWentUp | TargetWentDown] = []
        self.up = config.initially_up
        self.last_status: int | None = None
        self.round_trip_s: float | None = None

    def next_deadline(self) -> float:
        """When `datagrams_to_send` must be called again."""
        if self._probe is None:
            return self._next_probe_at
        return min(self._probe.repeat_at, self._probe.expires_at)

    def datagrams_to_send(self, now: float) -> list[bytes]:
        """Runs the timers up to `now`; the datagrams go to the target in this order."""
        out: list[bytes] = []
        probe = self._probe
        if probe is not None and now >= probe.expires_at:
            self._failed(now, "timeout")
            probe = None
        if probe is not None and now >= probe.repeat_at:
            probe.repeat_s = min(probe.repeat_s * 2, T2_S)
            probe.repeat_at = now + probe.repeat_s
            out.append(probe.data)
        if self._probe is None and now >= self._next_probe_at:
            out.append(self._start(now).data)
        return out

    def receive(self, now: float, data: bytes) -> bool:
        """A datagram from the target. True when it answers our probe (17.1.3: branch and CSeq method), else
        False.
        """
        probe = self._probe
        if probe is None:
            return False
        try:
            message = parse(data)
            if message.is_request:
                return False
            via, cseq = message.top_via, message.cseq
        except SipError:
            return False
        if via.branch != probe.branch or cseq.number != probe.cseq or cseq.method != b"OPTIONS":
            return False
        if message.status < 200:
            probe.repeat_s = T2_S  # 17.1.2.2: in Proceeding Timer E runs at T2
            probe.repeat_at = now + T2_S
            return True
        self.last_status = message.status
        self.round_trip_s = now - probe.sent_at
        if message.status in DEAD_ANSWERS:
            self._failed(now, f"status {message.status}")
        else:
            self._succeeded(now)
        return True

    def transport_error(self, now: float) -> None:
        """The probe could not be delivered (ICMP unreachable, 18.4)."""
        if self._probe is not None:
            self._failed(now, "transport")

    def next_event(self) -> TargetWentUp | TargetWentDown | None:
        return self._events.pop(0) if self._events else None

    def _start(self, now: float) -> _Probe:
        c = self._config
        self._cseq += 1
        branch = b"z9hG4bK" + self._token().encode("ascii")
        request = build_request(
            b"OPTIONS",
            c.target_uri,
            via=b"SIP/2.0/UDP " + c.local + b";branch=" + branch + b";rport",
            from_=b"<sip:" + c.local + b">;tag=" + self._token().encode("ascii"),
            to=b"<" + c.target_uri + b">",
            call_id=self._call_id,
            cseq=self._cseq,
            headers=[("Accept", "application/sdp")],
        )
        self._probe = _Probe(branch, self._cseq, bytes(request), now, now + c.timeout_s, now + T1_S, T1_S)
        self._next_probe_at = now + c.interval_s
        return self._probe

    def _succeeded(self, now: float) -> None:
        self._probe = None
        self._misses = 0
        self._hits += 1
        if not self.up and self._hits >= self._config.up_after:
            self.up = True
            self._events.append(TargetWentUp(now))

    def _failed(self, now: float, reason: str) -> None:
        self._probe = None
        self._hits = 0
        self._misses += 1
        if self.up and self._misses >= self._config.down_after:
            self.up = False
            self._events.append(TargetWentDown(now, reason))
