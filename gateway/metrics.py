"""Prometheus metrics: one custom collector over the data plane's statistics, nothing counted twice.

Rules: every figure is read when it is asked for; rule counters carry the rule's name and go on over a policy
push (the data plane counts by index and never resets, `RuleCounters` holds the bases); labels come from
configuration and policy, never from traffic, so the number of series is bounded.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from prometheus_client import CollectorRegistry, Metric
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.exposition import generate_latest

from gateway.watch import alarms

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_NS = (250, 500, 1_000, 2_000, 3_000, 5_000, 10_000, 20_000, 50_000, 100_000, 1_000_000, 10_000_000)
_ANSWER_MS = (100, 500, 1_000, 2_000, 5_000, 10_000, 20_000, 30_000, 60_000, 180_000)
_DURATION_MS = (1_000, 5_000, 10_000, 30_000, 60_000, 120_000, 300_000, 600_000, 1_800_000, 3_600_000)
HISTOGRAMS: tuple[tuple[str, str, float, Sequence[int], str], ...] = (
    ("decision_ns", "decision_seconds", 1e9, _NS, "Scan to decision of an initial request"),
    ("transit_ns", "transit_seconds", 1e9, _NS, "Kernel's receive stamp to after the send call"),
    ("answer_ms", "answer_seconds", 1e3, _ANSWER_MS, "INVITE to answer"),
    ("duration_ms", "call_duration_seconds", 1e3, _DURATION_MS, "Duration of answered calls"),
)
COUNTERS: tuple[tuple[str, str], ...] = (
    ("received", "Datagrams received"),
    ("sent", "Datagrams sent"),
    ("received_bytes", "Bytes received"),
    ("sent_bytes", "Bytes sent"),
    ("batches", "Receive batches"),
    ("calls_new", "Initial INVITEs forwarded"),
    ("calls_answered", "Calls answered"),
    ("calls_ended", "Answered calls that ended"),
    ("calls_failed", "Calls that ended without an answer"),
    ("calls_untracked", "Calls that found no place in the call table"),
    ("labels_trimmed", "Labels left out because the datagram would grow too long"),
    ("imitations", "Inbound texts removed because they imitated a card"),
    ("records_dropped", "Journal records lost because the ring was full"),
)


class RuleCounters:
    """Matches by rule name, carried over policy changes. Thread-safe."""

    def __init__(self, names: Sequence[str]) -> None:
        self._lock = threading.Lock()
        self._names = list(names)
        self._base: dict[str, list[int]] = {"rules": [], "shadows": []}
        self._carried: dict[str, dict[str, int]] = {"rules": {}, "shadows": {}}

    def switch(self, stats: Mapping[str, Any], names: Sequence[str]) -> None:
        """A world with these rule names was just published: the counts until now belong to the old names."""
        with self._lock:
            self._carried = self._totals(stats)
            self._base = {kind: list(stats[kind]) for kind in self._base}
            self._names = list(names)
            for totals in self._carried.values():  # rules that are gone do not pile up
                for name in totals.keys() - set(self._names):
                    del totals[name]

    def totals(self, stats: Mapping[str, Any]) -> dict[str, dict[str, int]]:
        """{"rules": {name: matches}, "shadows": {name: matches}}"""
        with self._lock:
            return self._totals(stats)

    def _totals(self, stats: Mapping[str, Any]) -> dict[str, dict[str, int]]:
        out: dict[str, dict[str, int]] = {}
        for kind, base in self._base.items():
            counts = stats[kind]
            totals = dict(self._carried[kind])
            for i, name in enumerate(self._names):
                now = counts[i] if i < len(counts) else 0
                totals[name] = totals.get(name, 0) + now - (base[i] if i < len(base) else 0)
            out[kind] = totals
        return out


def _histogram(name: str, text: str, data: Mapping[str, Any], bounds: Sequence[int], scale: float) -> Metric:
    """Log-linear buckets folded onto fixed bounds; a bucket counts where it lies wholly below."""
    family = HistogramMetricFamily(name, text)
    buckets: list[tuple[str, float]] = []
    for bound in bounds:
        buckets.append((repr(bound / scale), float(sum(n for upper, n in data["buckets"] if upper <= bound))))
    buckets.append(("+Inf", float(data["count"])))
    family.add_metric([], buckets, data["sum"] / scale)
    return family


class Collector:
    """`stats`, `status`, `targets`, `journal`, `alive_ms`: Plane.stats, Control.status, Prober.status,
    JournalWriter.status, Plane.alive_ms; `clock`: unix seconds.
    """

    def __init__(
        self,
        stats: Callable[[], Mapping[str, Any]],
        status: Callable[[], Mapping[str, Any]],
        targets: Callable[[], Iterable[Mapping[str, Any]]],
        rules: RuleCounters,
        journal: Callable[[], Mapping[str, Any]] = lambda: {"enabled": False},
        *,
        alive_ms: Callable[[], Sequence[int]],
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._stats, self._status, self._targets, self._rules = stats, status, targets, rules
        self._journal = journal
        self._alive_ms, self._clock = alive_ms, clock

    def collect(self) -> Iterator[Metric]:
        stats = self._stats()
        for key, text in COUNTERS:
            yield CounterMetricFamily(f"callwarden_{key}", text, value=stats[key])
        yield _labelled("callwarden_messages", "Messages by outcome", "reason", stats["reasons"])
        yield _labelled("callwarden_decisions", "Initial requests by action", "action", stats["actions"])
        totals = self._rules.totals(stats)
        matches = CounterMetricFamily("callwarden_rule_matches", "Matches by rule", labels=("rule", "mode"))
        for kind, mode in (("rules", "enforce"), ("shadows", "shadow")):
            for name, n in totals[kind].items():
                matches.add_metric((name, mode), n)
        yield matches
        for key, text in (("calls_ringing", "Calls that ring now"), ("calls_up", "Answered calls now")):
            yield GaugeMetricFamily(f"callwarden_{key}", text, value=stats[key])
        memory = GaugeMetricFamily("callwarden_memory_bytes", "Fixed memory", labels=("part",))
        for part, size in stats["memory_bytes"].items():
            memory.add_metric((part,), size)
        yield memory
        for key, name, scale, bounds, text in HISTOGRAMS:
            yield _histogram(f"callwarden_{name}", text, stats[key], bounds, scale)
        yield from self._control()
        journal = self._journal()
        yield self._alarms(journal)
        if journal["enabled"]:
            yield from _journal_metrics(journal)

    def _alarms(self, journal: Mapping[str, Any]) -> Metric:
        family = GaugeMetricFamily("callwarden_alarm", "1: the alarm is on", labels=("alarm",))
        found = alarms(
            alive_ms=self._alive_ms(),
            unix_ms=self._clock() * 1000,
            broken=self._status()["broken"],
            journal=journal,
        )
        for name, on in found.items():
            family.add_metric((name,), 1.0 if on else 0.0)
        return family

    def _control(self) -> Iterator[Metric]:
        status = self._status()
        yield GaugeMetricFamily("callwarden_rules_seq", "Sequence number of the rules", value=status["seq"])
        sizes = GaugeMetricFamily("callwarden_list_entries", "Entries of a list", labels=("list", "kind"))
        for item in status["lists"]:
            for kind in ("numbers", "patterns"):
                sizes.add_metric((item["name"], kind), item[kind])
        yield sizes
        up = GaugeMetricFamily("callwarden_target_up", "1: the target is used", labels=("hop", "target"))
        for target in self._targets():
            up.add_metric((target["hop"], target["target"]), 1.0 if target["up"] else 0.0)
        yield up


def _journal_metrics(journal: Mapping[str, Any]) -> Iterator[Metric]:
    for key, text in (
        ("written", "Journal records written"),
        ("lost", "Journal records lost, in the ring or behind it"),
        ("deleted_segments", "Journal segments deleted to stay within keep_bytes"),
    ):
        yield CounterMetricFamily(f"callwarden_journal_{key}", text, value=journal[key])
    for key, text in (
        ("waiting_bytes", "Records in memory that wait for the disk"),
        ("bytes", "Size of all journal segments"),
    ):
        yield GaugeMetricFamily(f"callwarden_journal_{key}", text, value=journal[key])
    failing = 1.0 if journal["error"] else 0.0
    yield GaugeMetricFamily("callwarden_journal_failing", "1: the journal cannot be written", value=failing)


def _labelled(name: str, text: str, label: str, values: Mapping[str, int]) -> Metric:
    family = CounterMetricFamily(name, text, labels=(label,))
    for value, n in values.items():
        family.add_metric((value,), n)
    return family


def render(collector: Collector) -> bytes:
    """The text exposition format."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(collector)
    return generate_latest(registry)
