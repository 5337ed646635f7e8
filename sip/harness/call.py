"""One real call from end to end, and what each end saw.

`place_call` starts a caller and a callee agent, places the call through the gateway, lets it ring, answers,
talks, hangs up and reports. It is what `callwarden call`, the demo and the tests use.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence

import msgspec

from sip.harness.control import Agent, AgentError, Event


class Seen(msgspec.Struct, frozen=True):
    """What reached the called person's phone."""

    display_name: str | None
    from_uri: str
    request_uri: str
    p_asserted_identity: tuple[str, ...]
    call_info: tuple[str, ...]
    raw: str  # the whole INVITE


class CallReport(msgspec.Struct, frozen=True):
    """Times in microseconds on CLOCK_MONOTONIC differences; None where it did not happen."""

    code: int  # the final answer to the INVITE as the caller saw it: 200, 603, 487...
    reason: str
    reason_headers: tuple[str, ...]  # raw Reason header values that ended the call at the caller
    answered: bool
    rang: bool  # the caller heard ringing
    callee_saw: Seen | None  # None: the called phone never rang
    first_response_us: int | None  # INVITE sent to first response
    final_us: int | None  # INVITE sent to answer or rejection
    ended_by: str  # "caller", "callee", "network"


async def place_call(
    caller: str,
    callee: str,
    gateway_host: str = "127.0.0.1",
    gateway_port: int = 5060,
    callee_port: int = 5070,
    *,
    ring_s: float = 0.2,
    talk_s: float = 0.5,
    headers: Sequence[tuple[str, str]] = (),
    hangup_by: str = "caller",
    via_proxy: bool = False,
    timeout_s: float = 10.0,
    callee_host: str = "127.0.0.1",
) -> CallReport:
    """Place one call and see it to its end.

    caller: a number, or a whole name-addr (`"Zhang" <sip:+8613800000001@example.com>`). callee: a number.
    via_proxy: False puts the gateway into the Request-URI; True addresses the callee's own address and
    sends the INVITE with a Route to the gateway. timeout_s bounds each single step. AgentError says which
    step did not come.
    """
    async with (
        Agent.start("callee", port=callee_port, address=callee_host) as b,
        Agent.start("caller", address=callee_host) as a,
    ):
        gateway = f"{gateway_host}:{gateway_port}"
        if via_proxy:
            target, proxy = f"sip:{callee}@{callee_host}:{b.port}", f"sip:{gateway};lr"
        else:
            target, proxy = f"sip:{callee}@{gateway}", ""
        await a.send("call", uri=target, caller=caller, proxy=proxy, headers=[list(h) for h in headers])
        sent = await a.wait("sent", "error", timeout_s=timeout_s)
        if sent.name == "error":
            raise AgentError(f"the call could not be placed: {sent['detail']}")
        incoming = await _incoming_or_end(a, b, timeout_s)
        if incoming is not None:
            await b.send("ring")
            await a.wait("ringing", timeout_s=timeout_s)
            await asyncio.sleep(ring_s)
            await b.send("answer")
            await asyncio.gather(
                a.wait("answered", timeout_s=timeout_s), b.wait("answered", timeout_s=timeout_s)
            )
            await asyncio.sleep(talk_s)
            await (a if hangup_by == "caller" else b).send("hangup")
            await b.wait("ended", timeout_s=timeout_s)
        ended = await a.wait("ended", timeout_s=timeout_s)
        return _report(a, sent, ended, incoming)


async def _incoming_or_end(a: Agent, b: Agent, timeout_s: float) -> Event | None:
    """The callee's `incoming`, or None when the caller's call ends first (it stays to be waited for)."""
    arrived = asyncio.create_task(b.wait("incoming", timeout_s=timeout_s))
    over = asyncio.create_task(a.peek("ended", timeout_s=timeout_s))
    try:
        done, _ = await asyncio.wait({arrived, over}, return_when=asyncio.FIRST_COMPLETED)
        if arrived in done:
            return arrived.result()
        over.result()
        return None
    finally:
        for task in (arrived, over):
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError, AgentError):
                await task


def _report(a: Agent, sent: Event, ended: Event, incoming: Event | None) -> CallReport:
    first = next(iter(a.seen("response")), None)
    answers = a.seen("answered")
    answered = bool(ended["answered"])
    final = answers[0] if answers else ended
    by = "caller" if ended["local"] else "callee" if answered else "network"
    return CallReport(
        code=200 if answered else ended["code"],
        reason="OK" if answered else ended["reason"],
        reason_headers=tuple(ended["reason_headers"]),
        answered=answered,
        rang=bool(a.seen("ringing")),
        callee_saw=None if incoming is None else _seen(incoming),
        first_response_us=None if first is None else first.at_us - sent.at_us,
        final_us=final.at_us - sent.at_us,
        ended_by=by,
    )


def _seen(incoming: Event) -> Seen:
    return Seen(
        display_name=incoming["display_name"],
        from_uri=incoming["from_uri"],
        request_uri=incoming["request_uri"],
        p_asserted_identity=tuple(incoming["p_asserted_identity"]),
        call_info=tuple(incoming["call_info"]),
        raw=incoming["raw"],
    )
