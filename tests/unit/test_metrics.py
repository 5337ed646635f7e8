"""gateway.metrics: rule counters over policy pushes, histograms on fixed bounds."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families

from gateway.metrics import Collector, RuleCounters, render
from native.plane import Plane
from native.tables import Rcu
from native.world import Texts, World


def stats(rules: list[int], shadows: list[int] | None = None) -> dict[str, Any]:
    return {"rules": rules, "shadows": shadows or [0] * len(rules)}


def test_counts_stay_with_the_name_when_a_push_moves_the_rule() -> None:
    counters = RuleCounters(["a", "b"])
    assert counters.totals(stats([5, 7]))["rules"] == {"a": 5, "b": 7}
    counters.switch(stats([5, 7]), ["b", "a"])
    assert counters.totals(stats([5, 7]))["rules"] == {"b": 7, "a": 5}
    assert counters.totals(stats([6, 9]))["rules"] == {"b": 8, "a": 7}


def test_rules_that_are_gone_do_not_pile_up_and_come_back_from_zero() -> None:
    counters = RuleCounters(["a"])
    counters.switch(stats([5]), ["b"])
    assert counters.totals(stats([6]))["rules"] == {"b": 1}
    counters.switch(stats([6]), ["a"])
    assert counters.totals(stats([6]))["rules"] == {"a": 0}


@given(
    st.lists(
        st.tuples(st.permutations(["a", "b", "c"]), st.lists(st.integers(0, 9), min_size=3, max_size=3)),
        min_size=1,
        max_size=8,
    )
)
def test_no_match_is_lost_or_counted_twice_over_any_pushes(steps: list[tuple[list[str], list[int]]]) -> None:
    raw = [0, 0, 0]
    want = {"a": 0, "b": 0, "c": 0}
    counters = RuleCounters(steps[0][0])
    for names, hits in steps:
        counters.switch(stats(list(raw)), names)
        for i, n in enumerate(hits):
            raw[i] += n
            want[names[i]] += n
        assert counters.totals(stats(list(raw)))["rules"] == want


@pytest.fixture
def plane() -> Iterator[tuple[Plane, socket.socket]]:
    """A running data plane of one trunk, and its next hop, which is its peer as well."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as peer:
        peer.bind(("127.0.0.1", 0))
        peer.settimeout(5)
        rcu = Rcu()
        world = World(rcu, Texts(), secret=b"0" * 32, rules_seq=0)
        world.add_listener("127.0.0.1", 0, "127.0.0.1", 5060)
        hop = world.add_hop([("127.0.0.1", peer.getsockname()[1], 0)])
        trunk = world.add_trunk(trunk_class="domestic", trusted=True, country_code=86, hop=hop)
        world.add_source(trunk, "127.0.0.0/8")
        world.set_emergency([], [])
        world.set_policy([])
        running = Plane(rcu, world, memo_entries=1024, call_entries=1024)
        running.start()
        yield running, peer
        running.stop()


def test_every_figure_of_the_data_plane_is_there_and_parses(plane: tuple[Plane, socket.socket]) -> None:
    running, peer = plane
    me = f"127.0.0.1:{peer.getsockname()[1]}"
    for i in range(3):
        invite = (
            f"INVITE sip:13900000002@127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP {me};branch=z9hG4bK{i}\r\n"
            "Max-Forwards: 70\r\nFrom: <sip:13800000001@127.0.0.1>;tag=1\r\n"
            "To: <sip:13900000002@127.0.0.1>\r\n"
            f"Call-ID: {i}\r\nCSeq: 1 INVITE\r\nContent-Length: 0\r\n\r\n"
        )
        peer.sendto(invite.encode(), ("127.0.0.1", running.port(0)))
        assert peer.recv(65535).startswith(b"INVITE ")
    deadline = time.monotonic() + 5
    while running.stats()["transit_ns"]["count"] < 3:  # counted after the datagram is out
        assert time.monotonic() < deadline
    status = {"seq": 4, "broken": "", "lists": [{"name": "fraud", "numbers": 2, "patterns": 1}]}
    target = {"hop": "h", "target": "udp:127.0.0.1:5070", "up": False}
    collector = Collector(
        running.stats, lambda: status, lambda: [target], RuleCounters(["r"]), alive_ms=running.alive_ms
    )
    families = {f.name: f for f in text_string_to_metric_families(render(collector).decode())}
    value = {(s.name, *sorted(s.labels.items())): s.value for f in families.values() for s in f.samples}
    assert value[("callwarden_decisions_total", ("action", "pass"))] == 3
    assert value[("callwarden_messages_total", ("reason", "pass"))] == 3
    assert value[("callwarden_received_total",)] == 3
    assert value[("callwarden_decision_seconds_count",)] == 3
    assert value[("callwarden_decision_seconds_bucket", ("le", "+Inf"))] == 3
    assert value[("callwarden_target_up", ("hop", "h"), ("target", "udp:127.0.0.1:5070"))] == 0
    assert value[("callwarden_list_entries", ("kind", "patterns"), ("list", "fraud"))] == 1
    assert value[("callwarden_rules_seq",)] == 4
    buckets = [s.value for s in families["callwarden_decision_seconds"].samples if s.name.endswith("_bucket")]
    assert buckets == sorted(buckets)


ALARMS = ("thread-silent", "rules-behind", "journal-failing")


@pytest.mark.parametrize("on", [None, *ALARMS])
def test_each_alarm_of_the_watch_is_a_gauge(plane: tuple[Plane, socket.socket], on: str | None) -> None:
    alive = [10_000, 4_000 if on == "thread-silent" else 6_000]
    status = {"seq": 1, "lists": [], "broken": "change 7" if on == "rules-behind" else ""}
    journal = {"enabled": False, "error": "the disk is full" if on == "journal-failing" else ""}
    collector = Collector(
        plane[0].stats,
        lambda: status,
        list,
        RuleCounters([]),
        lambda: journal,
        alive_ms=lambda: alive,
        clock=lambda: 10.0,
    )
    families = {f.name: f for f in text_string_to_metric_families(render(collector).decode())}
    found = {s.labels["alarm"]: s.value for s in families["callwarden_alarm"].samples}
    assert found == {name: float(name == on) for name in ALARMS}
