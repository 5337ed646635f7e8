"""An engine without sockets and the messages to feed it: what engine tests share.

edge = Edge()                                  # one trusted domestic trunk 198.51.100.0/24, hop
192.0.2.20:5060 out = edge.handle(invite("+8613800000009"))    # Out(reason, data, to, listener)
"""

from __future__ import annotations

from typing import Any, NamedTuple

from gateway.labels import DEFAULT_MARKERS
from native.plane import Engine
from native.tables import Attr, NumberList, Rcu
from native.world import Rule, Texts, World, callee_in, caller_in

CALLER = ("198.51.100.7", 5060)
CALLEE = ("192.0.2.20", 5060)
STRANGER = ("203.0.113.9", 5060)
OURS = "192.0.2.10:5060"
LISTS = {"allow": "allow", "fraud": "deny", "card": "card", "watched": "watch"}
PLAIN = Attr(0, 0, 0, 0, 0, 0)


class Out(NamedTuple):
    reason: str
    data: bytes | None
    to: tuple[str, int] | None
    listener: int

    @property
    def text(self) -> str:
        assert self.data is not None, f"nothing was sent: {self.reason}"
        return self.data.decode()

    @property
    def lines(self) -> list[str]:
        return self.text.split("\r\n")

    def values(self, name: str) -> list[str]:
        """Values of the header lines of that name, in order."""
        return [x.partition(":")[2].strip() for x in self.lines if x.lower().startswith(name.lower() + ":")]


class Edge:
    """One world, one engine. `trunk` and `policy` override what the plain edge has."""

    def __init__(self, *, policy: Any = None, trunk: dict[str, Any] | None = None, targets: int = 1) -> None:
        self.rcu, self.texts = Rcu(), Texts()
        self.lists = {name: NumberList(self.rcu) for name in LISTS}
        self.trunk, self.targets, self.seq = trunk or {}, targets, 0
        self.declined = self.texts.add(b"SIP/2.0 603 Decline\r\n", b'Reason: SIP;cause=603;text="fraud"\r\n')
        self.warning = self.texts.add("疑似诈骗".encode(), b"")
        self.policy = policy or self.shipped
        self.engine = Engine(self.world())

    def shipped(self, index: dict[str, int]) -> list[Rule]:
        return [
            Rule(
                1 << caller_in(index["fraud"]),
                1 << caller_in(index["allow"]),
                "intercept",
                True,
                603,
                self.declined,
            ),
            Rule(1 << caller_in(index["card"]), 0, "label", True, text_list=index["card"]),
            Rule(1 << callee_in(index["watched"]), 0, "label", True, text=self.warning),
        ]

    def world(self) -> World:
        self.seq += 1
        world = World(self.rcu, self.texts, secret=b"s" * 32, rules_seq=self.seq)
        world.add_listener("192.0.2.10", 5060, "192.0.2.10", 5060)
        world.add_listener("192.0.2.11", 5062, "192.0.2.11", 5062)
        world.add_name("edge.example")
        hop = world.add_hop([("192.0.2.20", 5060 + i, i) for i in range(self.targets)])
        other = world.add_hop([("192.0.2.30", 5060, 9)])
        assert other == 1
        options = {"trunk_class": "domestic", "trusted": True, "country_code": 86, "hop": hop} | self.trunk
        world.add_source(world.add_trunk(**options), "198.51.100.0/24")
        index = {name: world.add_list(self.lists[name], kind) for name, kind in LISTS.items()}
        for marker in DEFAULT_MARKERS:
            world.add_marker(marker)
        world.set_emergency([8612345678901], [8675512345678])
        world.set_policy(self.policy(index))
        return world

    def push(self) -> None:
        """A new world with the same lists: what a policy push does."""
        self.engine.publish(self.world())

    def handle(self, data: bytes, source: tuple[str, int] = CALLER, **options: int) -> Out:
        return Out(*self.engine.handle(data, source, **options))

    def relay(self, data: bytes, source: tuple[str, int] = CALLER, **options: int) -> Out:
        """handle(), and demand that it went on."""
        out = self.handle(data, source, **options)
        assert out.data is not None, out.reason
        return out

    def flag(self, number: int) -> None:
        self.lists["fraud"].add(number, PLAIN)

    def reason(self, name: str) -> int:
        count = self.engine.stats()["reasons"][name]
        assert isinstance(count, int)
        return count


def request(
    method: str = "INVITE",
    caller: str = "+8613800000009",
    *,
    uri: str = "sip:+8613900000002@192.0.2.10:5060;user=phone",
    via: str = "SIP/2.0/UDP 198.51.100.7:5060;branch=z9hG4bK-77a;rport",
    sender: str | None = None,
    to_tag: str = "",
    cseq: int = 1,
    call_id: str = "5a1e@198.51.100.7",
    headers: str = "",
    max_forwards: str | None = "70",
    body: str = "",
) -> bytes:
    tag = f";tag={to_tag}" if to_tag else ""
    head = (
        f"{method} {uri} SIP/2.0\r\nVia: {via}\r\n"
        + (f"Max-Forwards: {max_forwards}\r\n" if max_forwards is not None else "")
        + f"From: {sender or f'<sip:{caller}@198.51.100.7;user=phone>'};tag=8f1\r\n"
        f"To: <sip:+8613900000002@192.0.2.10;user=phone>{tag}\r\n"
        f"Call-ID: {call_id}\r\nCSeq: {cseq} {method}\r\n{headers}"
    )
    return f"{head}Content-Length: {len(body.encode())}\r\n\r\n{body}".encode()


def invite(caller: str = "+8613800000009", **options: Any) -> bytes:
    return request(
        "INVITE",
        caller,
        headers="Contact: <sip:a@198.51.100.7:5060>\r\n" + options.pop("headers", ""),
        **options,
    )


def respond(
    received: bytes, status: str = "200 OK", *, to_tag: str = "callee1", headers: str = "", body: str = ""
) -> bytes:
    """What a callee answers to the request that arrived there: RFC 3261 8.2.6."""
    kept = []
    for line in received.decode().split("\r\n\r\n")[0].split("\r\n")[1:]:
        name = line.partition(":")[0].strip().lower()
        if name in ("via", "v", "from", "f", "call-id", "i", "cseq", "record-route"):
            kept.append(line)
        elif name in ("to", "t"):
            kept.append(line if ";tag=" in line or not to_tag else f"{line};tag={to_tag}")
    lines = "\r\n".join(kept)
    return (
        f"SIP/2.0 {status}\r\n{lines}\r\n{headers}Content-Length: {len(body.encode())}\r\n\r\n{body}".encode()
    )
