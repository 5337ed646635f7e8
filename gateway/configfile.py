"""From TOML to a checked Config: every fault found in one pass, each with file, line and key.

How it works: the TOML is decoded, each key of each table is converted alone (so that one bad key does not
hide the next), then the parts are held against each other. Lines are found by a plain look at the text: table
headers are counted and keys matched at the line's start; a key that is written otherwise gets its table's
line.
"""

from __future__ import annotations

import ipaddress
import os
import re
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from gateway.config import (
    Admin,
    Config,
    ConfigError,
    Emergency,
    Fault,
    Feed,
    Guards,
    Hop,
    Journal,
    Labels,
    Listener,
    Log,
    Node,
    Trunk,
    parse_endpoint,
    split_host_port,
)

T = TypeVar("T", bound=msgspec.Struct)
TABLES: dict[str, type[msgspec.Struct]] = {
    "node": Node,
    "feed": Feed,
    "admin": Admin,
    "journal": Journal,
    "log": Log,
    "guards": Guards,
    "emergency": Emergency,
    "labels": Labels,
}
ARRAYS: dict[str, tuple[str, type[msgspec.Struct]]] = {
    "listener": ("listeners", Listener),
    "trunk": ("trunks", Trunk),
    "hop": ("hops", Hop),
}
LIMITS = {"listener": 16, "trunk": 256, "hop": 256}  # native/csrc/cw_world.h
HEALTH_SLOTS = 1024
SOURCES_MAX = 1024
NAME_BYTES = 63
SYSTEM_CONFIG = Path("/etc/callwarden/callwarden.toml")
_HEADER = re.compile(r"^\s*(\[{1,2})\s*([A-Za-z0-9_.-]+)\s*\]")
_KEY = re.compile(r"^\s*([A-Za-z0-9_-]+)\s*=")


def find_config(given: str | None, environ: Mapping[str, str]) -> Path | None:
    """The file to read: -c, $CALLWARDEN_CONFIG, the current directory, /etc/callwarden; None: built-in."""
    chosen = given or environ.get("CALLWARDEN_CONFIG")
    if chosen:
        return Path(chosen)
    return next((p for p in (Path("callwarden.toml"), SYSTEM_CONFIG) if p.is_file()), None)


def default_state_dir(environ: Mapping[str, str]) -> str:
    if os.geteuid() == 0 and os.access("/var/lib", os.W_OK):
        return "/var/lib/callwarden"
    base = environ.get("XDG_STATE_HOME") or os.path.join(
        environ.get("HOME") or os.path.expanduser("~"), ".local/state"
    )
    return os.path.join(base, "callwarden")


def load_config(path: Path | str | None, environ: Mapping[str, str] | None = None) -> Config:
    """Read and check; None gives the built-in default. Raises ConfigError."""
    environ = os.environ if environ is None else environ
    if path is None:
        return parse_config("", environ=environ)
    try:
        text = Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as e:
        why = e.strerror if isinstance(e, OSError) and e.strerror else str(e)
        raise ConfigError([Fault(str(path), None, "", f"cannot be read: {why}")]) from e
    return parse_config(text, str(path), environ)


def parse_config(text: str, file: str = "", environ: Mapping[str, str] | None = None) -> Config:
    """The text of a configuration file to a Config. Raises ConfigError."""
    try:
        raw = tomllib.loads(text)
    except tomllib.TOMLDecodeError as e:
        at = re.search(r" \(at line (\d+), column \d+\)$", str(e))
        why = str(e)[: at.start()] if at else str(e)
        raise ConfigError([Fault(file, int(at[1]) if at else None, "", f"is no TOML: {why}")]) from e
    reader = _Reader(file or "built-in", _lines_of(text))
    values = reader.read(raw)
    if not reader.faults:
        config = Config(**values, path=file)
        if not config.node.state_dir:
            where = default_state_dir(os.environ if environ is None else environ)
            config = msgspec.structs.replace(
                config, node=msgspec.structs.replace(config.node, state_dir=where)
            )
        _check(config, reader)
    if reader.faults:
        raise ConfigError(reader.faults)
    return config


def _lines_of(text: str) -> dict[str, int]:
    """Key path ("trunk[1].sources", "node") to its line."""
    found: dict[str, int] = {}
    counts: dict[str, int] = {}
    table = ""
    for n, line in enumerate(text.splitlines(), 1):
        if m := _HEADER.match(line):
            table = m[2]
            if m[1] == "[[":
                counts[table] = counts.get(table, 0) + 1
                table = f"{table}[{counts[table]}]"
            found.setdefault(table, n)
        elif m := _KEY.match(line):
            found.setdefault(f"{table}.{m[1]}" if table else m[1], n)
    return found


class _Reader:
    def __init__(self, file: str, lines: dict[str, int]) -> None:
        self._file = file
        self._lines = lines
        self.faults: list[Fault] = []

    def fault(self, key: str, message: str) -> None:
        line = self._lines.get(key) or self._lines.get(key.rpartition(".")[0])
        self.faults.append(Fault(self._file, line, key, message))

    def read(self, raw: dict[str, Any]) -> dict[str, Any]:
        values: dict[str, Any] = {}
        for name, value in raw.items():
            if name in TABLES:
                values[name] = self._struct(TABLES[name], value, name)
            elif name in ARRAYS:
                attribute, cls = ARRAYS[name]
                if not isinstance(value, list):
                    self.fault(name, f"is a list: write [[{name}]]")
                    continue
                values[attribute] = tuple(
                    self._struct(cls, v, f"{name}[{i}]") for i, v in enumerate(value, 1)
                )
            else:
                self.fault(name, f"unknown key (known: {', '.join(sorted([*TABLES, *ARRAYS]))})")
        return values

    def _struct(self, cls: type[T], raw: Any, where: str) -> T | None:
        """The struct, or None when a fault was found in it."""
        if not isinstance(raw, dict):
            self.fault(where, "is a table")
            return None
        known = {f.encode_name: f for f in msgspec.structs.fields(cls)}
        values: dict[str, Any] = {}
        before = len(self.faults)
        for key, value in raw.items():
            if key not in known:
                self.fault(f"{where}.{key}", f"unknown key (known: {', '.join(known)})")
                continue
            try:
                values[known[key].name] = msgspec.convert(value, type=known[key].type)
            except msgspec.ValidationError as e:
                self.fault(f"{where}.{key}", _plain(str(e)))
        for key, f in known.items():
            if f.required and key not in raw:
                self.fault(f"{where}.{key}", "is missing")
        return cls(**values) if len(self.faults) == before else None


def _plain(message: str) -> str:
    """msgspec's words without the decoder's: `Expected `int`, got `str`` stays, the path `$` goes."""
    return message.replace(" - at `$[...]`", " in the list").replace("`", "'")


def _check(config: Config, reader: _Reader) -> None:
    """What the parts demand of each other."""
    for array, (attribute, _) in ARRAYS.items():
        items = getattr(config, attribute)
        if not items:
            reader.fault(array, f"at least one [[{array}]] is needed")
        if len(items) > LIMITS[array]:
            reader.fault(array, f"{len(items)} are too many: at most {LIMITS[array]}")
        _unique(reader, array, (item.name for item in items))
    _check_node(config, reader)
    _check_listeners(config, reader)
    _check_hops(config, reader)
    _check_trunks(config, reader)
    _check_services(config, reader)


def _unique(reader: _Reader, array: str, names: Iterable[str]) -> None:
    seen: dict[str, int] = {}
    for i, name in enumerate(names, 1):
        if name in seen:
            reader.fault(f"{array}[{i}].name", f"'{name}' is already the name of {array}[{seen[name]}]")
        seen.setdefault(name, i)


def _check_node(config: Config, reader: _Reader) -> None:
    node = config.node
    if node.cpus and len(node.cpus) != node.threads:
        reader.fault(
            "node.cpus", f"names {len(node.cpus)} CPUs for {node.threads} threads: one each, or none"
        )
    if len(node.aliases) > 32:
        reader.fault("node.aliases", "at most 32")
    for alias in node.aliases:
        if not re.fullmatch(r"[A-Za-z0-9]([A-Za-z0-9.-]{0,62})", alias):
            reader.fault("node.aliases", f"'{alias}' is no host name")
    for marker in config.labels.markers:
        if len(marker.encode()) > NAME_BYTES:
            reader.fault("labels.markers", f"'{marker}' is longer than {NAME_BYTES} bytes")


def _check_listeners(config: Config, reader: _Reader) -> None:
    seen: dict[object, str] = {}
    for i, listener in enumerate(config.listeners, 1):
        where = f"listener[{i}]"
        try:
            address = listener.address
        except ValueError as e:
            reader.fault(f"{where}.bind", str(e))
            continue
        if address.port == 0:
            reader.fault(f"{where}.bind", "port 0: peers could not know where to send")
        if address in seen:
            reader.fault(f"{where}.bind", f"{address} is already bound by listener '{seen[address]}'")
        seen.setdefault(address, listener.name)
        if ipaddress.ip_address(address.host).is_unspecified and not listener.advertise:
            reader.fault(
                f"{where}.advertise", f"is needed with {address}: peers cannot send to a wildcard address"
            )
        try:
            host, port = listener.sent_by
        except ValueError as e:
            reader.fault(f"{where}.advertise", str(e))
            continue
        if not re.fullmatch(r"[A-Za-z0-9.-]{1,50}|[0-9A-Fa-f:.]{2,45}", host):
            reader.fault(f"{where}.advertise", f"'{host}' is no host name or IP address")
        if listener.advertise and port == 0:
            reader.fault(f"{where}.advertise", "port 0 cannot be advertised")


def _check_hops(config: Config, reader: _Reader) -> None:
    slots = 0
    for i, hop in enumerate(config.hops, 1):
        seen: set[object] = set()
        for text in hop.targets:
            slots += 1
            try:
                target = parse_endpoint(text)
            except ValueError as e:
                reader.fault(f"hop[{i}].targets", str(e))
                continue
            if target.port == 0 or ipaddress.ip_address(target.host).is_unspecified:
                reader.fault(f"hop[{i}].targets", f"'{text}' is no address that can be sent to")
            if target in seen:
                reader.fault(f"hop[{i}].targets", f"'{text}' is there twice")
            seen.add(target)
            if any(target == _address(bound.bind) for bound in config.listeners):
                reader.fault(f"hop[{i}].targets", f"'{text}' is a listener of this gateway: a loop")
    if slots > HEALTH_SLOTS:
        reader.fault("hop", f"{slots} targets are too many: at most {HEALTH_SLOTS} in all hops")


def _address(text: str) -> object:
    try:
        return parse_endpoint(text)
    except ValueError:
        return None  # reported where it stands


def _check_trunks(config: Config, reader: _Reader) -> None:
    hops = {hop.name for hop in config.hops}
    taken: list[tuple[ipaddress.IPv4Network | ipaddress.IPv6Network, str]] = []
    for i, trunk in enumerate(config.trunks, 1):
        if trunk.next_hop not in hops:
            reader.fault(f"trunk[{i}].next_hop", f"no [[hop]] is named '{trunk.next_hop}'")
        if len(set(trunk.label)) != len(trunk.label):
            reader.fault(f"trunk[{i}].label", "a place is there twice")
        for text in trunk.sources:
            try:
                network = ipaddress.ip_network(text)
            except ValueError as e:
                reader.fault(f"trunk[{i}].sources", str(e))
                continue
            for other, owner in taken:
                if other.version == network.version and other.overlaps(network):
                    reader.fault(f"trunk[{i}].sources", f"'{text}' overlaps '{other}' of trunk '{owner}'")
                    break
            else:
                taken.append((network, trunk.name))
    if len(taken) > SOURCES_MAX:
        reader.fault("trunk", f"{len(taken)} sources are too many: at most {SOURCES_MAX}")


def _check_services(config: Config, reader: _Reader) -> None:
    url = config.feed.url
    if url.startswith("nats:"):
        reader.fault("feed.url", "nats is not in this version: only 'embedded:' is")
    elif url != "embedded:":
        reader.fault("feed.url", f"'{url}' must be 'embedded:'")
    if config.feed.public_key:
        reader.fault("feed.public_key", "the embedded feed is not signed: leave it empty")
    if config.admin_socket is not None:
        # sun_path holds 108 bytes with the NUL
        if len(os.fsencode(config.admin_socket)) > 107:
            reader.fault("admin.listen", f"'{config.admin_socket}' is too long for a Unix socket (107 bytes)")
        return
    try:
        host, _ = split_host_port(config.admin.listen, 8080)
        loopback = ipaddress.ip_address(host).is_loopback
    except ValueError:
        reader.fault("admin.listen", f"'{config.admin.listen}' must be unix:PATH or a loopback IP:PORT")
        return
    if not loopback:
        reader.fault(
            "admin.listen", f"'{host}' is not loopback: put a TLS proxy in front to reach it from elsewhere"
        )
    if not config.admin.token_file:
        reader.fault("admin.token_file", "is needed when the admin API listens on TCP")


def restart_needed(old: Config, new: Config) -> list[str]:
    """Keys whose change a running daemon cannot take over: what is bound, sized or opened at start."""
    keys = []
    if [(x.name, x.bind) for x in old.listeners] != [(x.name, x.bind) for x in new.listeners]:
        keys.append("listener")
    fixed = ("state_dir", "threads", "spread", "busy_poll_us", "cpus", "memo_entries", "call_entries")
    keys += [f"node.{k}" for k in fixed if getattr(old.node, k) != getattr(new.node, k)]
    for table in ("feed", "admin", "journal"):
        if getattr(old, table) != getattr(new, table):
            keys.append(table)
    return keys
