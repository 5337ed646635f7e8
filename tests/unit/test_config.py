"""gateway.config, gateway.configfile: the built-in default, faults with file, line and key; cross checks."""

from __future__ import annotations

import os
from pathlib import Path

import msgspec
import pytest

from gateway.config import ConfigError, parse_endpoint, split_host_port
from gateway.configfile import default_state_dir, find_config, load_config, parse_config, restart_needed
from gateway.resources import data_path

ENV = {"HOME": "/home/op", "XDG_STATE_HOME": "/home/op/state"}

PARTS = """
[[listener]]
name = "a"
bind = "udp:192.0.2.1:5060"
[[hop]]
name = "core"
targets = ["udp:192.0.2.20:5060"]
[[trunk]]
name = "t"
class = "international"
sources = ["198.51.100.0/24"]
next_hop = "core"
"""


def faults(text: str) -> list[str]:
    with pytest.raises(ConfigError) as e:
        parse_config(text, "f.toml", ENV)
    return [str(f) for f in e.value.faults]


def test_annotated_file_is_the_built_in_default() -> None:
    shipped = load_config(data_path("callwarden.toml"), ENV)
    assert msgspec.structs.replace(shipped, path="") == load_config(None, ENV)


def test_annotated_file_names_every_key() -> None:
    text = data_path("callwarden.toml").read_text()
    config = load_config(None, ENV)
    tables = [config.node, config.listeners[0], config.trunks[0], config.hops[0], config.feed, config.admin]
    tables += [config.journal, config.log, config.guards, config.emergency, config.labels]
    missing = [
        f.encode_name
        for table in tables
        for f in msgspec.structs.fields(type(table))
        if f"\n{f.encode_name} = " not in text
    ]
    assert missing == []


def test_built_in_default_is_all_loopback() -> None:
    config = load_config(None, ENV)
    assert [str(x.address) for x in config.listeners] == ["udp:127.0.0.1:5060"]
    assert config.trunks[0].sources == ("127.0.0.0/8",)
    assert config.trunks[0].trust_identity
    assert [str(a) for a in config.hops[0].addresses] == ["udp:127.0.0.1:5070"]
    assert config.admin_socket == config.state_path / "admin.sock"


def test_unknown_keys_are_errors_with_file_line_and_key() -> None:
    found = faults("[node]\nname = 'x'\nthread = 2\n\n[[hop]]\nname = 'h'\ntarget = 'x'\n[nodes]\n")
    assert found[0].startswith("f.toml:3: node.thread: unknown key")
    assert any(f.startswith("f.toml:7: hop[1].target: unknown key") for f in found)
    assert any(f.startswith("f.toml:8: nodes: unknown key") for f in found)


def test_every_fault_is_reported_at_once() -> None:
    found = faults(
        "[node]\nthreads = 'two'\nbusy_poll_us = -1\n[log]\nlevel = 'loud'\n[journal]\nsync_ms = 1\n"
    )
    assert [f.split(":")[1] for f in found] == ["2", "3", "5", "7"]


def test_missing_key_is_reported_at_its_table() -> None:
    assert faults("\n[[trunk]]\nname = 't'\nclass = 'ims'\nsources = ['192.0.2.0/24']\n") == [
        "f.toml:2: trunk[1].next_hop: is missing"
    ]


def test_bad_toml_names_the_line() -> None:
    assert faults("[node]\nname = \n")[0].startswith("f.toml:2: is no TOML")


def test_file_that_cannot_be_read_is_a_fault(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read: No such file"):
        load_config(tmp_path / "none.toml", ENV)


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        (
            ('"udp:192.0.2.1:5060"', '"tls:192.0.2.1:5061"'),
            "listener[1].bind: transport tls is not in this version",
        ),
        (
            ('"udp:192.0.2.1:5060"', '"tcp:192.0.2.1:5060"'),
            "listener[1].bind: transport tcp is not in this version",
        ),
        (('"udp:192.0.2.1:5060"', '"192.0.2.1:5060"'), "must be written udp:IP:PORT"),
        (('"udp:192.0.2.1:5060"', '"udp:sbc.example:5060"'), "is no IP address"),
        (('"udp:192.0.2.1:5060"', '"udp:192.0.2.1:70000"'), "port 70000 is over 65535"),
        (
            ('"udp:192.0.2.1:5060"', '"udp:0.0.0.0:5060"'),
            "listener[1].advertise: is needed with udp:0.0.0.0:5060",
        ),
        (('"udp:192.0.2.1:5060"', '"udp:192.0.2.1:0"'), "listener[1].bind: port 0"),
        (('"udp:192.0.2.20:5060"', '"udp:192.0.2.20:0"'), "is no address that can be sent to"),
        (('"udp:192.0.2.20:5060"', '"udp:192.0.2.1:5060"'), "is a listener of this gateway: a loop"),
        (('"udp:192.0.2.20:5060"', '"udp:192.0.2.20:5060", "udp:192.0.2.20:5060"'), "is there twice"),
        (('"198.51.100.0/24"', '"198.51.100.1/24"'), "has host bits set"),
        (
            ('"198.51.100.0/24"', '"198.51.100.0/24", "198.51.100.7"'),
            "overlaps '198.51.100.0/24' of trunk 't'",
        ),
        (('next_hop = "core"', 'next_hop = "cor"'), "trunk[1].next_hop: no [[hop]] is named 'cor'"),
        (('"international"', '"abroad"'), "trunk[1].class: Invalid enum value 'abroad'"),
    ],
)
def test_cross_checks(change: tuple[str, str], fault: str) -> None:
    assert change[0] in PARTS
    found = faults(PARTS.replace(*change))
    assert len(found) == 1
    assert fault in found[0]


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("[feed]\nurl = 'nats://127.0.0.1'", "feed.url: nats is not in this version"),
        ("[feed]\nurl = 'file:x'", "feed.url: 'file:x' must be 'embedded:'"),
        ("[admin]\nlisten = '192.0.2.1:80'\ntoken_file = 't'", "admin.listen: '192.0.2.1' is not loopback"),
        ("[admin]\nlisten = '127.0.0.1:80'", "admin.token_file: is needed"),
        ("[node]\ncpus = [1, 2]", "node.cpus: names 2 CPUs for 1 threads"),
        ("[node]\naliases = ['a b']", "node.aliases: 'a b' is no host name"),
        ("[labels]\nmarkers = ['" + "诈" * 22 + "']", "is longer than 63 bytes"),
        ("[admin]\nlisten = 'unix:" + "x" * 108 + "'", "is too long for a Unix socket"),
        ("[emergency]\ncallees = ['abc']", "emergency.callees"),
    ],
)
def test_service_checks(text: str, fault: str) -> None:
    assert any(fault in f for f in faults(text))


def test_duplicate_names_are_refused() -> None:
    twice = PARTS + '[[hop]]\nname = "core"\ntargets = ["udp:192.0.2.21:5060"]\n'
    assert any("hop[2].name: 'core' is already the name of hop[1]" in f for f in faults(twice))


def test_advertise_is_what_peers_see() -> None:
    text = PARTS.replace('"udp:192.0.2.1:5060"', '"udp:0.0.0.0:5060"\nadvertise = "edge.example:5080"')
    assert parse_config(text, "f.toml", ENV).listeners[0].sent_by == ("edge.example", 5080)
    text = PARTS.replace('"udp:192.0.2.1:5060"', '"udp:[::]:5062"\nadvertise = "[2001:db8::1]"')
    assert parse_config(text, "f.toml", ENV).listeners[0].sent_by == ("2001:db8::1", 5062)


@pytest.mark.parametrize("text", ["::1:5060", "host:", "host:x", "[::1", "[::1]5060", ""])
def test_bad_host_port_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        split_host_port(text)


def test_endpoint_is_canonical() -> None:
    assert str(parse_endpoint("udp:[2001:DB8:0::1]:5060")) == "udp:[2001:db8::1]:5060"


def test_find_config_prefers_option_then_environment_then_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "callwarden.toml").write_text("")
    assert find_config("x.toml", {"CALLWARDEN_CONFIG": "y.toml"}) == Path("x.toml")
    assert find_config(None, {"CALLWARDEN_CONFIG": "y.toml"}) == Path("y.toml")
    assert find_config(None, {}) == Path("callwarden.toml")


def test_state_dir_follows_xdg_for_users(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert default_state_dir(ENV) == "/home/op/state/callwarden"
    assert default_state_dir({"HOME": "/home/op"}) == "/home/op/.local/state/callwarden"


def test_relative_paths_stand_in_state_dir() -> None:
    text = "[node]\nstate_dir = '/s'\n[admin]\nlisten = '127.0.0.1:80'\ntoken_file = 'token'\n"
    config = parse_config(text, "f.toml", ENV)
    assert config.token_path == Path("/s/token")
    assert config.admin_socket is None
    assert config.admin_tcp == ("127.0.0.1", 80)
    assert config.journal_path == Path("/s/journal")


def test_health_slots_count_targets_in_order() -> None:
    two = PARTS.replace('"udp:192.0.2.20:5060"', '"udp:192.0.2.20:5060", "udp:192.0.2.21:5060"')
    two += '[[hop]]\nname = "vm"\ntargets = ["udp:192.0.2.30:5060"]\n'
    slots = [(hop.name, str(e)) for hop, e in parse_config(two, "f.toml", ENV).health_slots()]
    assert slots == [
        ("core", "udp:192.0.2.20:5060"),
        ("core", "udp:192.0.2.21:5060"),
        ("vm", "udp:192.0.2.30:5060"),
    ]


def test_restart_needed_names_what_is_bound_or_sized_at_start() -> None:
    old = parse_config(PARTS, "f.toml", ENV)
    moved = parse_config(
        PARTS.replace("192.0.2.1:5060", "192.0.2.1:5061") + "[node]\nthreads = 2\n", "f.toml", ENV
    )
    assert restart_needed(old, moved) == ["listener", "node.threads"]
    softer = PARTS.replace("192.0.2.20", "192.0.2.21") + "[log]\nlevel = 'debug'\n[node]\ndrain_s = 1\n"
    assert restart_needed(old, parse_config(softer, "f.toml", ENV)) == []
