"""What is measured. Each function takes one figure (or one family) and returns plain JSON data."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import tools
from edge import Edge, find, gateway
from peer import kamailio
from procs import BenchError, free_udp_port, ready_line
from rounds import Setting, Side, alternate, one, ratio

COUNT = 1_000_000  # numbers on both sides of the side-by-side runs: cw_numgen spaced
CLEAN = "random:+8615000000000-+8615999999999"  # callers that are in no list of the side-by-side runs
BUSY_POLL_US = 200_000  # longer than any pause of the round-trip runs


class Lab:
    """The working directory, what is compared, and how."""

    def __init__(self, work: Path, setting: Setting, *, use_gateway: bool, use_peer: bool) -> None:
        self.work = work
        self.setting = setting
        self.use_gateway = use_gateway
        self.use_peer = use_peer
        self.notes: list[str] = []  # what a reader of the figures has to know

    def spaced(self, count: int = COUNT) -> Path:
        return tools.numbers(self.work / f"spaced-{count}", "spaced", count)

    @contextlib.contextmanager
    def sides(self, kind: str) -> Iterator[list[Side]]:
        """Both systems, running, with the same million numbers."""
        cpu, callee, say = self.setting.server_cpu, free_udp_port(), self.setting.progress
        with contextlib.ExitStack() as stack:
            out = []
            if self.use_gateway:
                say(f"{kind}: gateway loads {COUNT:,} numbers")
                edge = stack.enter_context(gateway(self.work, kind, cpu=cpu, callee=callee))
                edge.push_numbers("fraud", self.spaced())
                out.append(Side("gateway", edge.child, edge.port, callee))
            if self.use_peer:
                say(f"{kind}: Kamailio loads {COUNT:,} numbers")
                child, port = stack.enter_context(
                    kamailio(kind, self.work, count=COUNT, callee=callee, cpu=cpu)
                )
                out.append(Side("kamailio", child, port, callee))
            yield out
            if self.use_gateway:
                self.note_journal(kind, edge)

    def note_journal(self, kind: str, edge: Edge) -> None:
        """A journal that does not keep up would make the gateway look cheaper than it is."""
        stats = edge.stats()
        dropped, decided = find(stats, "records_dropped"), (find(stats, "decision_ns") or {}).get("count", 0)
        if not isinstance(dropped, int) or dropped > 0.001 * decided:
            self.notes.append(
                f"{kind}: the journal lost {dropped} of {decided} records, "
                "so the gateway's CPU a call leaves out writing them"
            )


def floor(lab: Lab) -> dict[str, Any]:
    """The kernel alone: loopback datagrams in batches, whole calls through a forwarder that only copies."""
    setting = lab.setting
    setting.progress("floor: loopback datagrams, bare forwarder")
    batch = tools.loadgen("floor", cpu=setting.server_cpu, seconds=min(1.0, setting.seconds))
    a, b = free_udp_port(), free_udp_port()
    argv = [tools.program("cw_udp_forward"), a, b, setting.server_cpu, 3600]
    with ready_line(argv) as (child, port):
        side = Side("bare forwarder", child, port, b)
        taken = [
            one(side, "relay", setting, bare=True, caller=f"127.0.0.1:{a}", callers=CLEAN)
            for _ in range(setting.rounds)
        ]
    cpu = min(r["cpu_us_per_call"] for r in taken)
    return {
        "us_per_datagram": batch["us_per_datagram"],
        "forwarder_cpu_us_per_call": cpu,
        "forwarder_calls_per_s": max(r["calls_per_s"] for r in taken),
        "calls_per_s": 1e6 / cpu,
    }


def intercept(lab: Lab) -> dict[str, Any]:
    """Flagged callers, picked at random from a million: INVITE, 603, ACK."""
    with lab.sides("reject") as sides:
        out: dict[str, Any] = dict(
            alternate(sides, "intercept", lab.setting, callers=f"shuffle:{lab.spaced()}", expect=603)
        )
    return out | {"ratio": ratio(out), "cpu_ratio": ratio(out, "cpu_us_per_call")}


def relay(lab: Lab, floor_us: float | None) -> dict[str, Any]:
    """Whole calls of callers that are in no list: seven messages in, seven out."""
    with lab.sides("relay") as sides:
        out: dict[str, Any] = dict(alternate(sides, "relay", lab.setting, callers=CLEAN))
    if "gateway" in out and floor_us:
        out["floor_share"] = out["gateway"]["calls_per_s"] * floor_us / 1e6
        out["floor_cpu_share"] = floor_us / out["gateway"]["cpu_us_per_call"]
    return out | {"ratio": ratio(out), "cpu_ratio": ratio(out, "cpu_us_per_call")}


def _rtt(lab: Lab, mode: str, port: int, **options: Any) -> dict[str, float]:
    setting = lab.setting
    result = tools.loadgen(
        mode, cpu=setting.client_cpu, seconds=setting.seconds, target=f"127.0.0.1:{port}", **options
    )
    if result["failures"]:
        raise BenchError(
            f"round trip: {result['failed']} {result['invalid_why']}\n{result['invalid_message']}"
        )
    answer = result["answer_us"]
    return {f"{q}_us": answer[q] for q in ("p50", "p90", "p99", "p99_9")}


def rtt(lab: Lab) -> dict[str, Any]:
    """INVITE to 603 with one call outstanding, beside a bare UDP echo, asleep and spinning."""
    cpu, say = lab.setting.server_cpu, lab.setting.progress
    out: dict[str, Any] = {}
    for mode, name in (("sleep", "echo_asleep"), ("spin", "echo_spinning")):
        say(f"round trip: {name}")
        with ready_line([tools.program("cw_udp_echo"), mode, cpu, 3600]) as (_, port):
            out[name] = _rtt(lab, "echo", port)
    callers = f"shuffle:{lab.spaced()}"
    if lab.use_gateway:
        for name, busy in (("gateway_asleep", 0), ("gateway_busy", BUSY_POLL_US)):
            say(f"round trip: {name}")
            with gateway(lab.work, name, cpu=cpu, busy_poll_us=busy) as edge:
                edge.push_numbers("fraud", lab.spaced())
                out[name] = _rtt(lab, "rtt", edge.port, callers=callers)
    if lab.use_peer:
        say("round trip: kamailio")
        with kamailio("reject", lab.work, count=COUNT, cpu=cpu) as (_, port):
            out["kamailio"] = _rtt(lab, "rtt", port, callers=callers)
    return out


def _loaded(lab: Lab, edge: Edge, count: int) -> dict[str, Any]:
    setting = lab.setting
    numbers = tools.numbers(lab.work / f"random-{count}", "random", count)
    before = edge.child.memory_bytes()
    setting.progress(f"decision: import of {count:,} numbers")
    import_s = edge.import_numbers("fraud", numbers)
    after = edge.child.memory_bytes()
    setting.progress(f"decision: calls against {count:,} numbers")
    side = Side("gateway", edge.child, edge.port, edge.callee)
    one(side, "mixed", setting, flagged_file=numbers, flagged_share=0.5, callers="random", expect=603)
    decision = find(edge.stats(), "decision_ns")
    if not isinstance(decision, dict):
        raise BenchError("/v1/stats has no decision_ns histogram")
    quantiles = {f"{q}_ns": decision[q] for q in ("p50", "p99", "p99_9") if q in decision}
    return quantiles | {
        "import_s": import_s,
        "memory_before_bytes": before,
        "memory_after_bytes": after,
        "bytes_per_number": (after - before) / count,
    }


def lookup_alone(lab: Lab, count: int) -> dict[str, Any]:
    """The list structure by itself (lookup.py), on the server's core."""
    lab.setting.progress(f"decision: look-ups alone, {count:,} numbers")
    numbers = tools.numbers(lab.work / f"random-{count}", "random", count)
    pin = ["taskset", "-c", str(lab.setting.server_cpu)]
    argv = [*pin, sys.executable, str(Path(__file__).parent / "lookup.py"), str(numbers)]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=600)
    if done.returncode != 0:
        raise BenchError(f"lookup.py: {done.stderr}")
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def decision(lab: Lab, counts: tuple[int, ...]) -> dict[str, Any]:
    """Scan to decide, as the gateway's own histogram has it, half of the callers flagged; memory a number."""
    out: dict[str, Any] = {}
    for count in counts:
        if lab.use_gateway:
            with gateway(lab.work, f"decision-{count}", cpu=lab.setting.server_cpu) as edge:
                out[str(count)] = _loaded(lab, edge, count)
            out[str(count)]["alone"] = lookup_alone(lab, count)
    if lab.use_peer:
        memory = []
        for count in (1, COUNT):
            lab.setting.progress(f"decision: Kamailio's memory with {count:,} numbers")
            with kamailio("reject", lab.work, count=count) as (child, _):
                memory.append(child.memory_bytes())
        out["kamailio"] = {
            "bytes_per_number": (memory[1] - memory[0]) / COUNT,
            "memory_after_bytes": memory[1],
        }
    return out
