"""One pjsua2 user agent as a process: `python -m sip.harness.agent --port 0`.

Commands come in on stdin and events go out on stdout, one JSON object a line. Every event has `event` and
`at_us` (CLOCK_MONOTONIC, microseconds, the moment the library reported it); the same clock for all
processes of the host.

Commands (`op`): call, answer, ring, reject, hold, unhold, reinvite, hangup, quit. Events: ready, incoming,
ringing, answered, media, reinvited, ended, error, bye. See `Command` and the `emit` calls.

Rules:
- one thread: pjsua2 runs with no worker threads, its callbacks fire inside `libHandleEvents`;
- nothing may outlive the parent: the kernel kills us when it dies (PR_SET_PDEATHSIG), and stdin's end means
  quit;
- stdout belongs to the protocol: the library's log goes to stderr.
"""

from __future__ import annotations

import argparse
import ctypes
import os
import select
import signal
import time
from typing import Any

import msgspec
import pjsua2 as pj

from sip.errors import SipError
from sip.message import Message, parse

_POLL_MS = 5
_PENDING_S = 3.0
_PJ_EINVALIDOP = 70013
_REINVITES = frozenset({"hold", "unhold", "reinvite"})
_PR_SET_PDEATHSIG = 1


class Command(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    op: str
    uri: str = ""
    caller: str = ""  # From: a user part, or a whole name-addr
    proxy: str = ""  # outbound proxy, "sip:127.0.0.1:5060;lr"
    headers: list[tuple[str, str]] = []
    code: int = 0
    reason: str = ""


def _now_us() -> int:
    return time.monotonic_ns() // 1000


class Wire:
    """JSON lines over two descriptors."""

    def __init__(self, out_fd: int, in_fd: int) -> None:
        self._out = out_fd
        self._in = in_fd
        self._pending = b""
        self.closed = False

    def emit(self, event: str, **fields: Any) -> None:
        line = msgspec.json.encode({"event": event, "at_us": _now_us(), **fields}) + b"\n"
        while line:
            line = line[os.write(self._out, line) :]

    def commands(self) -> list[Command]:
        """What has arrived; sets `closed` at the end of stdin."""
        if not select.select([self._in], [], [], 0)[0]:
            return []
        chunk = os.read(self._in, 65536)
        if not chunk:
            self.closed = True
            return []
        *lines, self._pending = (self._pending + chunk).split(b"\n")
        return [msgspec.json.decode(line, type=Command) for line in lines if line]


def _headers_of(message: Message, name: str) -> list[str]:
    return [v.decode("utf-8", "replace") for v in message.values(name)]


def _text(raw: str | bytes) -> str:
    return raw if isinstance(raw, str) else raw.decode("utf-8", "replace")


def _parsed(raw: str) -> Message | None:
    try:
        return parse(raw.encode("utf-8", "surrogateescape"), allow_dangerous_bare_lf=True)
    except SipError:
        return None


class Call(pj.Call):  # type: ignore[misc]
    def __init__(self, agent: Agent, call_id: int = pj.PJSUA_INVALID_ID) -> None:
        super().__init__(agent.account, call_id)
        self._agent = agent
        self._sent = False
        self._last_seen = b""
        self._first_response = False
        self._confirmed = False
        self._ended_reason: list[str] = []
        self.local_ended = False

    def onCallTsxState(self, prm: pj.OnCallTsxStateParam) -> None:
        """Every message of the call passes here; what the call state does not tell is read from it."""
        event = prm.e.body.tsxState
        if event.tsx.state == pj.PJSIP_TSX_STATE_CALLING and not self._sent:
            self._sent = True
            self._agent.wire.emit("sent")
        self._look_at(event)

    def _look_at(self, event: pj.TsxStateEvent) -> None:
        """Comes from both callbacks, because a rejection reaches `onCallState` before `onCallTsxState`."""
        if event.type != pj.PJSIP_EVENT_RX_MSG:
            return
        message = _parsed(_text(event.src.rdata.wholeMsg))
        if message is None or bytes(message) == self._last_seen:
            return
        self._last_seen = bytes(message)
        reasons = _headers_of(message, "Reason")
        if message.is_request:
            if message.method == b"BYE":
                self._ended_reason = reasons
            elif message.method == b"INVITE" and self._confirmed:
                self._agent.wire.emit("reinvited", raw=_decode(bytes(message)))
            return
        cseq = message.cseq.method
        if cseq == b"INVITE" and not self._confirmed:
            if not self._first_response:
                self._first_response = True
                self._agent.wire.emit("response", code=message.status)
            if message.status >= 300:
                self._ended_reason = reasons
        elif cseq == b"INVITE" and message.status >= 200:
            self._agent.wire.emit("reinvite_answered", code=message.status)

    def onCallState(self, prm: pj.OnCallStateParam) -> None:
        info = self.getInfo()
        if info.state == pj.PJSIP_INV_STATE_EARLY and info.role == pj.PJSIP_ROLE_UAC:
            self._agent.wire.emit("ringing", code=int(info.lastStatusCode))
        elif info.state == pj.PJSIP_INV_STATE_CONFIRMED:
            self._confirmed = True
            self._agent.wire.emit("answered")
        elif info.state == pj.PJSIP_INV_STATE_DISCONNECTED:
            if prm.e.type == pj.PJSIP_EVENT_TSX_STATE:
                self._look_at(prm.e.body.tsxState)
            self._agent.wire.emit(
                "ended",
                code=int(info.lastStatusCode),
                reason=info.lastReason,
                reason_headers=self._ended_reason,
                answered=self._confirmed,
                local=self.local_ended,
            )
            self._agent.call_is_over(self)

    def onCallMediaState(self, prm: pj.OnCallMediaStateParam) -> None:
        info = self.getInfo()  # a name of its own: the binding frees a temporary before its members are read
        states = [m.status for m in info.media if m.type == pj.PJMEDIA_TYPE_AUDIO]
        names = {
            pj.PJSUA_CALL_MEDIA_ACTIVE: "active",
            pj.PJSUA_CALL_MEDIA_LOCAL_HOLD: "local-hold",
            pj.PJSUA_CALL_MEDIA_REMOTE_HOLD: "remote-hold",
            pj.PJSUA_CALL_MEDIA_ERROR: "error",
        }
        self._agent.wire.emit("media", state=names.get(states[0], "none") if states else "none")


def _decode(raw: bytes) -> str:
    return raw.decode("utf-8", "replace")


class Account(pj.Account):  # type: ignore[misc]
    def __init__(self, agent: Agent) -> None:
        super().__init__()
        self._agent = agent

    def onIncomingCall(self, prm: pj.OnIncomingCallParam) -> None:
        self._agent.incoming(prm.callId, _text(prm.rdata.wholeMsg), _text(prm.rdata.srcAddress))


class Agent:
    """The library, one account, at most one call that commands refer to."""

    def __init__(self, wire: Wire, port: int, address: str, log_level: int) -> None:
        self.wire = wire
        self._address = address
        self._endpoint = pj.Endpoint()
        self._endpoint.libCreate()
        config = pj.EpConfig()
        config.uaConfig.threadCnt = 0
        config.uaConfig.mainThreadOnly = True
        config.uaConfig.maxCalls = 4
        config.uaConfig.userAgent = ""  # see _keep_small
        config.logConfig.level = config.logConfig.consoleLevel = log_level
        config.medConfig.noVad = True
        self._endpoint.libInit(config)
        transport = pj.TransportConfig()
        transport.port = port
        transport.boundAddress = transport.publicAddress = address
        self._transport = self._endpoint.transportCreate(pj.PJSIP_TRANSPORT_UDP, transport)
        self._endpoint.libStart()
        self._endpoint.audDevManager().setNullDev()
        self._keep_small()
        self.port = int(self._endpoint.transportGetInfo(self._transport).localAddress.rpartition(":")[2])
        self.account = Account(self)
        self.account.create(self._account_config("", ""), True)
        self._call: Call | None = None
        self._over: list[Call] = []
        self._later: list[tuple[float, Command]] = []

    def _keep_small(self) -> None:
        """G.711 A-law only: over 1,300 bytes the library wants TCP (RFC 3261 18.1.1), and a gateway in
        between leaves parts of a label away.
        """
        for codec in self._endpoint.codecEnum2():
            if not codec.codecId.startswith("PCMA/"):
                self._endpoint.codecSetPriority(codec.codecId, 0)

    def _account_config(self, caller: str, proxy: str) -> pj.AccountConfig:
        config = pj.AccountConfig()
        if "sip:" in caller or "tel:" in caller:
            config.idUri = caller
        else:
            config.idUri = f"<sip:{caller or 'harness'}@{self._address}:{self.port}>"
        config.sipConfig.transportId = self._transport
        config.natConfig.contactRewriteUse = config.natConfig.viaRewriteUse = 0
        config.natConfig.sdpNatRewriteUse = 0
        config.mediaConfig.transportConfig.boundAddress = self._address
        config.mediaConfig.transportConfig.publicAddress = self._address
        config.mediaConfig.transportConfig.port = 20000 + (os.getpid() * 16) % 30000
        config.callConfig.timerUse = pj.PJSUA_SIP_TIMER_INACTIVE
        if proxy:
            config.sipConfig.proxies.append(proxy)
        return config

    def incoming(self, call_id: int, raw: str, source: str) -> None:
        call = Call(self, call_id)
        if self._call is not None:
            prm = pj.CallOpParam()
            prm.statusCode = 486
            call.local_ended = True
            self._over.append(call)
            call.hangup(prm)
            return
        self._call = call
        message = _parsed(raw)
        fields: dict[str, Any] = {"display_name": None, "from_uri": "", "request_uri": ""}
        if message is not None:
            sender = message.from_
            fields = {
                "display_name": sender.display_text,
                "from_uri": _decode(sender.uri.raw),
                "request_uri": _decode(message.request_uri),
                "p_asserted_identity": _headers_of(message, "P-Asserted-Identity"),
                "call_info": _headers_of(message, "Call-Info"),
            }
        self.wire.emit("incoming", raw=raw, source=source, **fields)

    def call_is_over(self, call: Call) -> None:
        """Kept until the main loop is out of the library's callback: deleting it inside would crash."""
        if self._call is call:
            self._call = None
        self._over.append(call)

    def run(self) -> None:
        self.wire.emit("ready", port=self.port, pid=os.getpid())
        while not self.wire.closed:
            self._endpoint.libHandleEvents(_POLL_MS)
            self._over.clear()
            due, self._later = self._later, []
            for until, command in due:
                self._try(command, until)
            for command in self.wire.commands():
                if command.op == "quit":
                    return
                self._try(command, time.monotonic() + _PENDING_S)

    def _try(self, command: Command, until: float) -> None:
        """Until `until` again while another INVITE transaction of the call is pending (RFC 3261 14.1)."""
        try:
            self._do(command)
        except pj.Error as e:
            if e.status == _PJ_EINVALIDOP and command.op in _REINVITES and time.monotonic() < until:
                self._later.append((until, command))
            else:
                self.wire.emit("error", op=command.op, detail=e.info())

    def close(self) -> None:
        """Hang up what still runs, wait a second at most for its end, and leave without the library's own
        wait.
        """
        if self._call is not None:
            self._call.local_ended = True
            self._call.hangup(pj.CallOpParam())
        deadline = time.monotonic() + 1
        while self._call is not None and time.monotonic() < deadline:
            self._endpoint.libHandleEvents(_POLL_MS)
        self._over.clear()
        self._call = None
        self.account.shutdown()
        self._endpoint.libDestroy(pj.PJSUA_DESTROY_NO_NETWORK)

    def _do(self, command: Command) -> None:
        if command.op == "call":
            self._start_call(command)
            return
        if self._call is None:
            self.wire.emit("error", op=command.op, detail="no call")
            return
        prm = pj.CallOpParam(True)
        prm.statusCode = command.code
        prm.reason = command.reason
        self._add_headers(prm, command)
        call = self._call
        match command.op:
            case "answer" | "ring":
                prm.statusCode = command.code or (180 if command.op == "ring" else 200)
                call.answer(prm)
            case "reject" | "hangup":
                call.local_ended = True
                call.hangup(prm)
            case "hold":
                call.setHold(prm)
            case "unhold" | "reinvite":
                prm.opt.flag = pj.PJSUA_CALL_UNHOLD
                call.reinvite(prm)
            case _:
                self.wire.emit("error", op=command.op, detail="unknown command")

    def _start_call(self, command: Command) -> None:
        if self._call is not None:
            self.wire.emit("error", op="call", detail="a call is running")
            return
        self.account.modify(self._account_config(command.caller, command.proxy))
        prm = pj.CallOpParam(True)
        self._add_headers(prm, command)
        self._call = Call(self)
        self.wire.emit("calling")
        try:
            self._call.makeCall(command.uri, prm)
        except pj.Error:
            self._call = None
            raise

    @staticmethod
    def _add_headers(prm: pj.CallOpParam, command: Command) -> None:
        for name, value in command.headers:
            header = pj.SipHeader()
            header.hName, header.hValue = name, value
            prm.txOption.headers.append(header)


def _die_with_parent() -> None:
    """Linux: SIGKILL when the thread that started us ends; the check closes the race before the call."""
    parent = os.getppid()
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        raise SystemExit(1)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m sip.harness.agent", description=__doc__.splitlines()[0])
    parser.add_argument("--role", choices=["caller", "callee"], default="caller")
    parser.add_argument("--port", type=int, default=0, help="UDP port to listen on, 0 = any")
    parser.add_argument("--address", default="127.0.0.1")
    parser.add_argument("--log-level", type=int, default=0, help="pjsua log level, 0-6, to stderr")
    args = parser.parse_args()
    _die_with_parent()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent decides
    out_fd = os.dup(1)
    os.dup2(2, 1)
    wire = Wire(out_fd, 0)
    try:
        agent = Agent(wire, args.port, args.address, args.log_level)
    except pj.Error as e:
        wire.emit("error", op="start", detail=e.info())
        raise SystemExit(1) from None
    agent.run()
    agent.close()
    wire.emit("bye")


if __name__ == "__main__":
    main()
