"""The budgets of the design, beside the figure each is held against."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Budget:
    key: str  # path into the result, "intercept.ratio"
    text: str
    met: Callable[[float, dict[str, Any]], bool]


def lookup(result: dict[str, Any], key: str) -> float | None:
    """The number at a dotted path, None when it was not measured."""
    node: Any = result
    for part in key.split("."):
        if not isinstance(node, dict) or part not in node:
            return None
        node = node[part]
    return float(node) if isinstance(node, int | float) else None


def _asleep(us: float, result: dict[str, Any]) -> bool:
    echo = lookup(result, "rtt.echo_asleep.p50_us")
    return echo is not None and us <= echo + 5


BUDGETS = (
    Budget("intercept.ratio", "2 x the peer", lambda v, _: v >= 2),
    Budget("relay.ratio", "2 x the peer", lambda v, _: v >= 2),
    Budget("relay.floor_share", "85% of the floor", lambda v, _: v >= 0.85),
    Budget("rtt.gateway_busy.p50_us", "10 us", lambda v, _: v <= 10),
    Budget("rtt.gateway_asleep.p50_us", "sleeping echo + 5 us", _asleep),
    Budget("decision.1000000.p50_ns", "1000 ns", lambda v, _: v <= 1000),
    Budget("decision.1000000.p99_ns", "3000 ns", lambda v, _: v <= 3000),
    Budget("decision.10000000.p50_ns", "1000 ns", lambda v, _: v <= 1000),
    Budget("decision.10000000.p99_ns", "3000 ns", lambda v, _: v <= 3000),
    Budget("decision.10000000.alone.ns_per_lookup", "100 ns", lambda v, _: v <= 100),
    Budget("push.pushed_to_enforced_us.p50", "1 ms", lambda v, _: v <= 1000),
    Budget("push.pushed_to_enforced_us.p99", "50 ms", lambda v, _: v <= 50_000),
)


def verdict(result: dict[str, Any], key: str) -> tuple[str, bool] | None:
    """(budget text, met) of a figure that has a budget and was measured."""
    value = lookup(result, key)
    for budget in BUDGETS:
        if budget.key == key and value is not None:
            return budget.text, budget.met(value, result)
    return None
