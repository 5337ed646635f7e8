"""Replay: what the rules would have done with the SIP requests of a capture.

    judge = Judge(config, policy=text)      # rules as the daemon loads them, from the feed on disk
    for verdict in judge.requests(capture): ...

Rules: the data plane's own code decides (World.decide), by the lists as they stand now and today's date;
nothing is written: the feed is opened for reading, so a gateway may run meanwhile. A datagram from an address
that belongs to no trunk is judged as if the stand-in trunk had sent it. Responses, media and copies of a
request (retransmissions) are counted, not judged.
"""

from __future__ import annotations

import ipaddress
import re
import time
from collections import Counter
from collections.abc import Iterable, Iterator

import msgspec

from gateway.config import Config, ConfigError, Fault, Trunk
from gateway.feed import EmbeddedFeed
from gateway.feed.changes import PolicySet
from gateway.guards import Refused, guards_of
from gateway.journal.record import fact_texts
from gateway.numbers import key_text
from gateway.pcap import Datagram
from gateway.policy import PolicyError
from gateway.resources import data_path
from gateway.rules import RuleState
from gateway.world import WorldError, build_world, hop_indices
from native.tables import Rcu
from native.world import Texts, World

REQUEST = re.compile(rb"([A-Za-z0-9.!%*_+`'~-]{1,32}) +[^\r\n]+ +SIP/\d", re.ASCII)
SEEN_MAX = 1 << 20  # requests that are remembered, to know their copies
SECRET = bytes(32)  # tokens of a replay meet no other gateway


class Verdict(msgspec.Struct, frozen=True):
    """One request, and what would have been done with it."""

    time_ns: int
    source: str
    destination: str
    method: str
    trunk: str | None
    attributed: bool  # to the stand-in trunk
    screened: bool
    action: str | None  # None: not screened
    code: int
    reason: str
    rule: str | None
    shadow: str | None
    caller: str
    presented: str
    callee: str
    hop: str | None
    facts: tuple[str, ...]


def _fault(config: Config, key: str, why: object) -> ConfigError:
    return ConfigError([Fault(config.path or "built-in", None, key, str(why))])


def load_rules(config: Config, rcu: Rcu, texts: Texts) -> RuleState:
    """The state that a daemon would start with. ConfigError, FeedError."""
    if config.feed.url != "embedded:":
        raise _fault(config, "feed.url", f"{config.feed.url} is not in this version: only embedded: is")
    try:
        state = RuleState(
            rcu=rcu,
            texts=texts,
            hops=hop_indices(config),
            shipped=data_path("policy.toml").read_text(encoding="utf-8"),
            guards=guards_of(config),
        )
    except (Refused, PolicyError) as fault:
        raise _fault(config, "", fault) from None
    if config.feed_path.exists():
        with EmbeddedFeed(config.feed_path, write=False) as feed:
            state.replay(feed.read_records())
    return state


class Judge:
    """`policy`: the text of another policy than the one in force. `stand_in`: name of a trunk, "" = first."""

    def __init__(self, config: Config, *, policy: str | None = None, stand_in: str = "") -> None:
        """ConfigError, FeedError; Refused when a push of the policy would be refused; KeyError: no such
        trunk.
        """
        self.counts: Counter[str] = Counter()
        self._config = config
        self._stand_in = _trunk(config, stand_in)
        rcu, self._texts = Rcu(), Texts()
        state = load_rules(config, rcu, self._texts)
        if policy is not None:
            state.apply(state.prepare(PolicySet(text=policy)), state.seq + 1, b"")
        self.rules = state.policy.names()
        self._facts = fact_texts(list(state.lists))
        self._networks = [ipaddress.ip_network(s) for trunk in config.trunks for s in trunk.sources]
        try:
            self._world: World = build_world(config, state, rcu=rcu, texts=self._texts, secret=SECRET)
        except WorldError as fault:
            raise _fault(config, "", fault) from None
        self._now_s = int(time.time())
        self._state = state  # owns the tables that the world looks into

    def requests(self, datagrams: Iterable[Datagram]) -> Iterator[Verdict]:
        seen: set[tuple[tuple[str, int], bytes]] = set()
        for datagram in datagrams:
            match = REQUEST.match(datagram.payload)
            if match is None:
                self.counts["responses" if datagram.payload.startswith(b"SIP/") else "not SIP"] += 1
                continue
            key = (datagram.source, datagram.payload)
            if key in seen:
                self.counts["retransmissions"] += 1
                continue
            if len(seen) >= SEEN_MAX:
                seen.clear()
            seen.add(key)
            self.counts["requests"] += 1
            yield self._judge(datagram, match[1].decode("ascii").upper())

    def _judge(self, datagram: Datagram, method: str) -> Verdict:
        address = ipaddress.ip_address(datagram.source[0])
        known = any(address.version == n.version and address in n for n in self._networks)
        source = datagram.source if known else (_first(self._stand_in), datagram.source[1])
        found = self._world.decide(datagram.payload, source, now_s=self._now_s)
        screened: bool = found["screened"]
        trunks, hops = self._config.trunks, self._config.hops
        return Verdict(
            time_ns=datagram.time_ns,
            source=_address(datagram.source),
            destination=_address(datagram.destination),
            method=method,
            trunk=None if found["trunk"] is None else trunks[found["trunk"]].name,
            attributed=not known,
            screened=screened,
            action=found["action"] if screened else None,
            code=found["code"],
            reason=found["reason"],
            rule=None if found["rule"] is None else self.rules[found["rule"]],
            shadow=None if found["shadow"] is None else self.rules[found["shadow"]],
            caller=_number(found["caller"], found["caller_raw"]),
            presented=key_text(found["presented"]) if found["presented"] else "",
            callee=_number(found["callee"], found["callee_raw"]),
            hop=None if found["hop"] is None else hops[found["hop"]].name,
            facts=tuple(self._facts[bit] or f"#{bit}" for bit in range(256) if found["facts"] >> bit & 1),
        )


def _trunk(config: Config, name: str) -> Trunk:
    for trunk in config.trunks:
        if name in ("", trunk.name):
            return trunk
    raise KeyError(f"there is no trunk '{name}' (trunks: {', '.join(t.name for t in config.trunks)})")


def _first(trunk: Trunk) -> str:
    """An address that the trunk's calls may come from."""
    return str(ipaddress.ip_network(trunk.sources[0])[0])


def _address(of: tuple[str, int]) -> str:
    return f"[{of[0]}]:{of[1]}" if ":" in of[0] else f"{of[0]}:{of[1]}"


def _number(key: int, raw: bytes) -> str:
    return key_text(key) if key else raw.decode("utf-8", "backslashreplace")
