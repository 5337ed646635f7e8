"""Rules, worlds and messages for tests of the control side: the real parts, without sockets."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from gateway.config import Config
from gateway.configfile import parse_config
from gateway.control import Control
from gateway.feed.changes import CardAdd, Change, ListAdd, ListRemove, Record, pack
from gateway.numbers import parse_entries
from gateway.resources import data_path
from gateway.rules import Outcome, RuleState
from gateway.world import build_world, hop_indices
from native.plane import Engine
from native.tables import Rcu
from native.world import Texts, World

SECRET = bytes(range(32))
NOW_S = 1_767_225_600

# one trunk of each kind, told apart by the source address
CONFIG = """
[node]
state_dir = "{state_dir}"
[[listener]]
name = "test"
bind = "udp:127.0.0.1:5060"
[[hop]]
name = "core"
targets = ["udp:127.0.0.1:5070"]
probe = "none"
[[hop]]
name = "announcements"
targets = ["udp:127.0.0.1:5071"]
probe = "none"
[[trunk]]
name = "ims"
class = "ims"
sources = ["192.0.2.0/28"]
trust_identity = true
next_hop = "core"
[[trunk]]
name = "international"
class = "international"
sources = ["192.0.2.16/28"]
next_hop = "core"
[[trunk]]
name = "domestic"
class = "domestic"
sources = ["192.0.2.32/28"]
next_hop = "core"
"""
SOURCES = {
    "ims": ("192.0.2.1", 5060),
    "international": ("192.0.2.17", 5060),
    "domestic": ("192.0.2.33", 5060),
}


def config(state_dir: Path | str = "unused", more: str = "") -> Config:
    return parse_config(CONFIG.format(state_dir=state_dir) + more)


def keys(*texts: str) -> bytes:
    return parse_entries(texts).numbers


def add(name: str, *texts: str, **attributes: object) -> ListAdd:
    entries = parse_entries(texts)
    return ListAdd(list=name, numbers=entries.numbers, patterns=entries.patterns, **attributes)


def remove(name: str, *texts: str) -> ListRemove:
    entries = parse_entries(texts)
    return ListRemove(list=name, numbers=entries.numbers, patterns=entries.patterns)


def card(*texts: str, name: str = "XX市公安局", **fields: str) -> CardAdd:
    entries = parse_entries(texts)
    return CardAdd(numbers=entries.numbers, patterns=entries.patterns, name=name, **fields)


def invite(caller: str, callee: str = "+8613900000000", *, asserted: str = "", call_id: str = "1") -> bytes:
    """An initial INVITE; the caller stands in From, `asserted` in P-Asserted-Identity."""
    lines = [
        f"INVITE sip:{callee}@192.0.2.200 SIP/2.0",
        f"Via: SIP/2.0/UDP 192.0.2.99:5060;rport;branch=z9hG4bK{call_id}",
        "Max-Forwards: 70",
        f"From: <sip:{caller}@peer.example>;tag=a{call_id}",
        f"To: <sip:{callee}@192.0.2.200>",
        f"Call-ID: {call_id}@peer.example",
        "CSeq: 1 INVITE",
        "Contact: <sip:peer@192.0.2.99>",
        *([f"P-Asserted-Identity: <tel:{asserted}>"] if asserted else []),
        "Content-Length: 0",
    ]
    return "\r\n".join([*lines, "", ""]).encode()


class Rules:
    """A RuleState with its world, without feed and thread."""

    def __init__(
        self, *, policy: str | None = None, now_s: int = NOW_S, config_: Config | None = None
    ) -> None:
        self.config = config_ or config()
        self.now_s = now_s
        self.rcu, self.texts = Rcu(), Texts()
        self.state = RuleState(
            rcu=self.rcu,
            texts=self.texts,
            hops=hop_indices(self.config),
            shipped=data_path("policy.toml").read_text() if policy is None else policy,
            clock=lambda: self.now_s,
        )

    def push(self, change: Change) -> Outcome:
        """As the control thread does it, but for the feed."""
        seq = self.state.seq + 1
        prepared = self.state.prepare(change)
        return self.state.apply(prepared, seq, pack(Record(seq=seq, time_ms=0, origin="test", change=change)))

    def world(self) -> World:
        return build_world(self.config, self.state, rcu=self.rcu, texts=self.texts, secret=SECRET)

    def verdict(self, message: bytes, trunk: str = "ims") -> tuple[str, str | None]:
        """(action, name of the rule) as the data plane decides."""
        decided = self.world().decide(message, SOURCES[trunk], now_s=self.now_s)
        names = self.state.policy.names()
        return decided["action"], None if decided["rule"] is None else names[decided["rule"]]


@asynccontextmanager
async def running(state_dir: Path, more: str = "") -> AsyncIterator[tuple[Control, Engine]]:
    """A control thread that publishes into an engine; loads what the feed holds."""
    control = Control(config(state_dir, more), rcu=Rcu(), texts=Texts())
    engine = Engine(control.load())
    control.start(engine.publish)
    try:
        yield control, engine
    finally:
        control.stop()
