"""Worlds: what a verdict and a route depend on. Sizes and ranges are checked; bad ones raise ValueError."""

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple, final

from native.tables import NumberList, Rcu

ACTIONS: tuple[str, ...]
TRUNK_CLASSES: tuple[str, ...]
LIST_KINDS: tuple[str, ...]
LABELS: dict[str, int]
CLASSES: tuple[str, ...]  # number classes, in bit order
RECORD_BYTES: int  # size of one journal record; layout: struct cw_record

def reasons() -> list[tuple[str, int]]: ...  # (name, SIP status or 0), index = code
def methods() -> list[str]: ...
def fact_names() -> dict[str, int]: ...  # every fact outside the lists: name -> bit
def caller_in(list_index: int) -> int: ...  # bit of the fact "caller is in list"
def callee_in(list_index: int) -> int: ...

class Rule(NamedTuple):
    """One compiled rule. Actions: "pass", "label", "intercept", "divert", "drop"."""

    all: int  # 256-bit masks
    none: int
    action: str
    enforce: bool
    code: int = 0  # intercept
    head: int = 0  # intercept: id from Texts.add(status line, header lines)
    text: int = 0  # label: id from Texts.add(display, call-info lines), 0 with text_list >= 0
    text_list: int = -1  # label: take the text of the caller's entry in this list (a card)
    hop: int = -1  # divert

@final
class Texts:
    """Append-only table of wire texts; equal texts share an id. Raises OverflowError when it is full."""

    def __init__(self, entries: int = 1 << 18, size_bytes: int = 32 << 20) -> None: ...
    def add(self, a: bytes, b: bytes = b"") -> int: ...
    def get(self, text_id: int) -> tuple[bytes, bytes] | None: ...
    def __len__(self) -> int: ...

@final
class World:
    """Built aside, then frozen by Plane.publish() (changing it afterwards raises RuntimeError).

    The secret has 16 bytes or more; gateways that share it can take over each other's calls.
    """

    def __init__(self, rcu: Rcu, texts: Texts, *, secret: bytes, rules_seq: int) -> None: ...
    @property
    def rules_seq(self) -> int: ...
    def add_listener(self, ip: str, port: int, sent_by_host: str, sent_by_port: int) -> int: ...
    def add_name(self, host: str) -> None: ...  # host name that means this element (Route, Request-URI)
    def add_hop(self, targets: Sequence[tuple[str, int, int]]) -> int: ...  # (ip, port, health slot)
    def add_trunk(
        self,
        *,
        trunk_class: str,  # "domestic" | "international" | "ims" | "enterprise"
        trusted: bool,
        country_code: int,
        area: str = "",
        bare_is_foreign: bool = False,
        strip: Sequence[str] = (),
        hop: int = -1,
        record_route: bool = True,
        label: Sequence[str] = ("pai", "call-info"),  # of "pai", "from", "call-info"
    ) -> int: ...
    def add_source(self, trunk: int, network: str) -> None: ...  # CIDR
    def add_list(self, numbers: NumberList, kind: str) -> int: ...  # "allow" | "deny" | "card" | "watch"
    def add_marker(self, text: str) -> None: ...
    def set_emergency(self, callees: Iterable[int], psap_callers: Iterable[int]) -> None: ...
    def set_policy(self, rules: Iterable[Rule]) -> None: ...
    def decide(
        self, datagram: bytes, source: tuple[str, int], *, listener: int = 0, now_s: int = 0
    ) -> dict[str, Any]:
        """What the data plane would do, without memo, record and counters.

        {"reason": str, "action": str, "rule": int|None, "shadow": int|None, "facts": int, "caller": int,
        "presented": int, "callee": int, "caller_raw": bytes, "callee_raw": bytes, "trunk": int|None,
        "code": int,
        "hop": int|None, "text": int, "latency_ns": int, "screened": bool}; screened False: the message is not
        subject to screening.
        """
