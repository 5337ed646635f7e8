"""The configuration: frozen typed structs, each field with its unit and range beside it.

Rules:
- unknown keys are errors; every fault is reported, one line each, with file, line (where it can be found) and
  key;
- the built-in default is this file's defaults: all on loopback, no server needed; config/callwarden.toml
  documents every key and a test holds the two equal;
- nothing here opens sockets or creates files; paths are resolved once, at loading (`gateway.configfile`).
"""

from __future__ import annotations

import ipaddress
from pathlib import Path
from typing import Annotated, Literal

import msgspec
from msgspec import Meta, field

from gateway.labels import DEFAULT_MARKERS

Name = Annotated[str, Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,62}$")]
Digits = Annotated[str, Meta(pattern=r"^[0-9]{1,7}$")]
Number = Annotated[str, Meta(pattern=r"^\+?[0-9]{2,15}$")]
LabelPlace = Literal["pai", "from", "call-info"]
TrunkClass = Literal["domestic", "international", "ims", "enterprise"]


class Fault(msgspec.Struct, frozen=True):
    """One thing that is wrong, for one clear line."""

    file: str
    line: int | None
    key: str  # "trunk[2].next_hop"; "" for the file as a whole
    message: str

    def __str__(self) -> str:
        where = self.file if self.line is None else f"{self.file}:{self.line}"
        return f"{where}: {self.key}: {self.message}" if self.key else f"{where}: {self.message}"


class ConfigError(Exception):
    """The configuration is refused; `faults` holds every reason."""

    def __init__(self, faults: list[Fault]) -> None:
        super().__init__("\n".join(str(f) for f in faults))
        self.faults = faults


class Endpoint(msgspec.Struct, frozen=True):
    """An address as configuration writes it: "udp:192.0.2.1:5060", "udp:[2001:db8::1]:5060"."""

    transport: str
    host: str  # IPv6 without brackets
    port: int

    def __str__(self) -> str:
        return f"{self.transport}:{host_text(self.host)}:{self.port}"


def host_text(host: str) -> str:
    """IPv6 literals in brackets."""
    return f"[{host}]" if ":" in host else host


def split_host_port(text: str, default_port: int = 5060) -> tuple[str, int]:
    """ "host", "host:port", "[ipv6]:port" to host (without brackets) and port; ValueError."""
    if text.startswith("["):
        host, bracket, rest = text[1:].partition("]")
        if not bracket or (rest and not rest.startswith(":")):
            raise ValueError(f"'{text}' is no host:port")
        port = rest[1:] if rest else None
        ipaddress.IPv6Address(host)
    else:
        host, colon, after = text.partition(":")
        port = after if colon else None
    if not host or (port is not None and not port.isascii()) or (port is not None and not port.isdigit()):
        raise ValueError(f"'{text}' is no host:port (IPv6 goes into brackets)")
    number = default_port if port is None else int(port)
    if number > 65535:
        raise ValueError(f"port {number} is over 65535")
    return host, number


def parse_endpoint(text: str) -> Endpoint:
    """ "udp:IP:PORT" to an Endpoint; ValueError says what is wrong with it."""
    transport, colon, rest = text.partition(":")
    if not colon or transport not in ("udp", "tcp", "tls"):
        raise ValueError(f"'{text}' must be written udp:IP:PORT")
    if transport != "udp":
        raise ValueError(f"transport {transport} is not in this version: only udp is")
    host, port = split_host_port(rest)
    try:
        ip = ipaddress.ip_address(host)
    except ValueError:
        raise ValueError(f"'{host}' is no IP address (names are not looked up)") from None
    return Endpoint(transport, str(ip), port)


class Node(msgspec.Struct, frozen=True, kw_only=True):
    name: Name = "edge"  # how this node calls itself in logs and the journal
    state_dir: str = ""  # "": see configfile.default_state_dir
    threads: Annotated[int, Meta(ge=1, le=32)] = 1  # data-plane threads
    spread: Literal["flow", "random"] = "flow"  # how datagrams come to threads
    busy_poll_us: Annotated[int, Meta(ge=0, le=1_000_000)] = 0  # microseconds; 0: sleep at once
    cpus: tuple[Annotated[int, Meta(ge=0, le=4095)], ...] = ()  # one a thread; empty: not pinned
    aliases: tuple[str, ...] = ()  # host names that mean this element in Route and Request-URI; 32 at most
    memo_entries: Annotated[int, Meta(ge=1024, le=1 << 26)] = 262_144  # verdicts kept for 32 s
    call_entries: Annotated[int, Meta(ge=1024, le=1 << 26)] = 262_144  # calls followed
    drain_s: Annotated[float, Meta(ge=0, le=3600)] = 2.0  # SIGTERM: seconds of OPTIONS answered 503


class Listener(msgspec.Struct, frozen=True, kw_only=True):
    name: Name
    bind: str = "udp:127.0.0.1:5060"
    advertise: str = ""  # host[:port] for Via and Record-Route; "": as bound; needed with a wildcard

    @property
    def address(self) -> Endpoint:
        return parse_endpoint(self.bind)

    @property
    def sent_by(self) -> tuple[str, int]:
        """Host and port that Via and Record-Route say."""
        bound = self.address
        return split_host_port(self.advertise, bound.port) if self.advertise else (bound.host, bound.port)


class Trunk(msgspec.Struct, frozen=True, kw_only=True):
    name: Name
    trunk_class: TrunkClass = field(name="class")
    sources: Annotated[tuple[str, ...], Meta(min_length=1)]  # CIDR; no overlap with another trunk
    next_hop: str  # name of a hop
    trust_identity: bool = False  # believe its P-Asserted-Identity (RFC 3325); False strips what it claims
    country_code: Annotated[str, Meta(pattern=r"^[1-9][0-9]{0,2}$")] = "86"
    area_code: Annotated[str, Meta(pattern=r"^[0-9]{0,6}$")] = ""  # without trunk prefix, for local numbers
    strip_prefixes: Annotated[tuple[Digits, ...], Meta(max_length=8)] = ()  # of carriers: "17951"
    bare_is_foreign: bool = False  # digits without + or 00 that are no national form are foreign numbers
    record_route: bool = True
    label: tuple[LabelPlace, ...] = ("pai", "call-info")  # where labels go


class Hop(msgspec.Struct, frozen=True, kw_only=True):
    name: Name
    targets: Annotated[tuple[str, ...], Meta(min_length=1, max_length=16)]
    # a keyed hash of the Call-ID chooses; the next one up if it is down; all down: the first choice is tried
    probe: Literal["options", "none"] = "options"
    probe_interval_s: Annotated[float, Meta(ge=0.1, le=3600)] = 5.0
    probe_timeout_s: Annotated[float, Meta(ge=0.05, le=32)] = 4.0
    down_after: Annotated[int, Meta(ge=1, le=100)] = 3  # failures in a row
    up_after: Annotated[int, Meta(ge=1, le=100)] = 2  # successes in a row

    @property
    def addresses(self) -> tuple[Endpoint, ...]:
        return tuple(parse_endpoint(t) for t in self.targets)


class Feed(msgspec.Struct, frozen=True, kw_only=True):
    url: str = "embedded:"  # an SQLite file in state_dir
    public_key: str = ""  # Ed25519 of the platform; not used by the embedded feed


class Admin(msgspec.Struct, frozen=True, kw_only=True):
    listen: str = "unix:"  # "unix:PATH" ("" = state_dir/admin.sock) or a loopback "IP:PORT"
    token_file: str = ""  # TCP only, required there; created (0600, random) if absent


class Journal(msgspec.Struct, frozen=True, kw_only=True):
    enabled: bool = True
    directory: str = ""  # "": state_dir/journal
    segment_bytes: Annotated[int, Meta(ge=65_536, le=1 << 32)] = 64 << 20
    keep_bytes: Annotated[int, Meta(ge=1 << 20)] = 4 << 30  # oldest segments go first
    buffer_bytes: Annotated[int, Meta(ge=1 << 20, le=1 << 34)] = 64 << 20  # for what waits for the disk
    sync_ms: Annotated[int, Meta(ge=10, le=60_000)] = 1_000  # to disk at the latest after


class Log(msgspec.Struct, frozen=True, kw_only=True):
    format: Literal["auto", "json", "console"] = "auto"  # auto: console on a terminal
    level: Literal["debug", "info", "warning", "error"] = "info"
    numbers: Literal["masked", "whole"] = "masked"


class Guards(msgspec.Struct, frozen=True, kw_only=True):
    min_prefix_digits: Annotated[int, Meta(ge=1, le=15)] = 5  # after the country code


class Emergency(msgspec.Struct, frozen=True, kw_only=True):
    """On top of the built-in list (110, 112, 119, 120, 122, 12110, ...)."""

    callees: tuple[Number, ...] = ()
    psap_callers: tuple[Number, ...] = ()


class Labels(msgspec.Struct, frozen=True, kw_only=True):
    markers: Annotated[tuple[Annotated[str, Meta(min_length=1)], ...], Meta(max_length=32)] = DEFAULT_MARKERS
    # inbound text that imitates a card: removed from calls of trunks that are not trusted


DEFAULT_LISTENERS = (Listener(name="loopback"),)
DEFAULT_TRUNKS = (
    Trunk(
        name="loopback",
        trunk_class="domestic",
        sources=("127.0.0.0/8",),
        trust_identity=True,
        next_hop="default",
    ),
)
DEFAULT_HOPS = (Hop(name="default", targets=("udp:127.0.0.1:5070",), probe="none"),)


class Config(msgspec.Struct, frozen=True, kw_only=True):
    node: Node = Node()
    listeners: tuple[Listener, ...] = DEFAULT_LISTENERS
    trunks: tuple[Trunk, ...] = DEFAULT_TRUNKS
    hops: tuple[Hop, ...] = DEFAULT_HOPS
    feed: Feed = Feed()
    admin: Admin = Admin()
    journal: Journal = Journal()
    log: Log = Log()
    guards: Guards = Guards()
    emergency: Emergency = Emergency()
    labels: Labels = Labels()
    path: str = ""  # where it was read; "" = built-in

    @property
    def state_path(self) -> Path:
        return Path(self.node.state_dir)

    @property
    def feed_path(self) -> Path:
        return self.state_path / "feed.sqlite"

    @property
    def journal_path(self) -> Path:
        return self.state_path / (self.journal.directory or "journal")

    @property
    def admin_socket(self) -> Path | None:
        """The Unix socket of the admin API, None when it listens on TCP."""
        kind, colon, path = self.admin.listen.partition(":")
        return self.state_path / (path or "admin.sock") if colon and kind == "unix" else None

    @property
    def admin_tcp(self) -> tuple[str, int] | None:
        return None if self.admin_socket else split_host_port(self.admin.listen, 8080)

    @property
    def token_path(self) -> Path | None:
        return self.state_path / self.admin.token_file if self.admin.token_file else None

    def health_slots(self) -> list[tuple[Hop, Endpoint]]:
        """Every target in order: its index is its health slot in World.add_hop and Plane.set_down."""
        return [(hop, target) for hop in self.hops for target in hop.addresses]
