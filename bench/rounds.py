"""Calls a second, gateway and peer in turn: A B A B ... on the same core, with the same load generator."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import tools
from procs import BenchError, Child

Progress = Callable[[str], None]


@dataclass(frozen=True)
class Setting:
    """How the bench was asked to measure."""

    rounds: int
    seconds: float
    window: int
    server_cpu: int
    client_cpu: int
    progress: Progress


@dataclass(frozen=True)
class Side:
    """One system in a side-by-side run: its process, its address, its callees' port."""

    name: str
    child: Child
    port: int
    callee: int


def one(side: Side, mode: str, setting: Setting, **options: Any) -> dict[str, Any]:
    """One round. Calls a second of the measured part; CPU of the server over every call of the round."""
    before, start = side.child.cpu_s(), time.monotonic()
    result = tools.loadgen(
        mode,
        cpu=setting.client_cpu,
        seconds=setting.seconds,
        target=f"127.0.0.1:{side.port}",
        callee=f"127.0.0.1:{side.callee}",
        window=setting.window,
        **options,
    )
    cpu_s, wall_s = side.child.cpu_s() - before, time.monotonic() - start
    if result["failures"] or result["finished"] == 0:
        raise BenchError(
            f"{side.name}, {mode}: {result['failures']} of {result['started']} calls failed: "
            f"{result['failed']} {result['invalid_why']}\n{result['invalid_message']}"
        )
    return {
        "calls_per_s": result["calls_per_s"],
        "cpu_us_per_call": cpu_s * 1e6 / result["finished"],
        "client_cpu_us_per_call": result["cpu_s"] * 1e6 / result["finished"],
        "server_busy": cpu_s / wall_s,
        "retransmissions": result["retransmissions"],
        "answer_us": result["answer_us"],
    }


def alternate(sides: list[Side], mode: str, setting: Setting, **options: Any) -> dict[str, dict[str, Any]]:
    """All rounds of all sides; the figure of a side is the median of its rounds."""
    taken: dict[str, list[dict[str, Any]]] = {side.name: [] for side in sides}
    for n in range(setting.rounds):
        for side in sides:
            setting.progress(f"{mode}: round {n + 1} of {setting.rounds}, {side.name}")
            taken[side.name].append(one(side, mode, setting, **options))
    return {name: summary(rounds) for name, rounds in taken.items()}


def summary(rounds: list[dict[str, Any]]) -> dict[str, Any]:
    keys = ("calls_per_s", "cpu_us_per_call", "server_busy", "client_cpu_us_per_call")
    out: dict[str, Any] = {key: statistics.median(r[key] for r in rounds) for key in keys}
    out["best_calls_per_s"] = max(r["calls_per_s"] for r in rounds)
    out["retransmissions"] = sum(r["retransmissions"] for r in rounds)
    out["rounds"] = rounds
    return out


def ratio(sides: dict[str, dict[str, Any]], key: str = "calls_per_s") -> float | None:
    """Gateway over peer for calls a second, peer over gateway for CPU: above 1 the gateway is ahead."""
    if "gateway" not in sides or "kamailio" not in sides:
        return None
    quotient = float(sides["gateway"][key] / sides["kamailio"][key])
    return quotient if key.endswith("_per_s") else 1 / quotient
