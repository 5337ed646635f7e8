"""The result for people: one line a figure, its budget beside it."""

from __future__ import annotations

from typing import Any

from budgets import lookup, verdict
from rich.console import Console
from rich.table import Table

# title, path into the result, format
FIGURES: tuple[tuple[str, str, str], ...] = (
    ("Kernel: loopback datagram, batched", "floor.us_per_datagram", "{:.2f} us"),
    ("Kernel: call through a bare forwarder, CPU", "floor.forwarder_cpu_us_per_call", "{:.1f} us"),
    ("Kernel: floor of relay, one core", "floor.calls_per_s", "{:,.0f} calls/s"),
    ("Intercept: gateway", "intercept.gateway.calls_per_s", "{:,.0f} calls/s"),
    ("Intercept: Kamailio", "intercept.kamailio.calls_per_s", "{:,.0f} calls/s"),
    ("Intercept: gateway / Kamailio", "intercept.ratio", "{:.2f} x"),
    ("Intercept: CPU a call, Kamailio / gateway", "intercept.cpu_ratio", "{:.2f} x"),
    ("Intercept: CPU a call, gateway", "intercept.gateway.cpu_us_per_call", "{:.2f} us"),
    ("Intercept: CPU a call, Kamailio", "intercept.kamailio.cpu_us_per_call", "{:.2f} us"),
    ("Intercept: CPU a call, load generator", "intercept.gateway.client_cpu_us_per_call", "{:.2f} us"),
    ("Relay: gateway", "relay.gateway.calls_per_s", "{:,.0f} calls/s"),
    ("Relay: Kamailio", "relay.kamailio.calls_per_s", "{:,.0f} calls/s"),
    ("Relay: gateway / Kamailio", "relay.ratio", "{:.2f} x"),
    ("Relay: gateway / kernel's floor", "relay.floor_share", "{:.0%}"),
    ("Relay: forwarder's CPU a call / gateway's", "relay.floor_cpu_share", "{:.0%}"),
    ("Relay: CPU a call, Kamailio / gateway", "relay.cpu_ratio", "{:.2f} x"),
    ("Relay: CPU a call, gateway", "relay.gateway.cpu_us_per_call", "{:.2f} us"),
    ("Relay: CPU a call, Kamailio", "relay.kamailio.cpu_us_per_call", "{:.2f} us"),
    ("Relay: CPU a call, load generator", "relay.gateway.client_cpu_us_per_call", "{:.2f} us"),
    ("Round trip p50: UDP echo, asleep", "rtt.echo_asleep.p50_us", "{:.1f} us"),
    ("Round trip p50: gateway, asleep", "rtt.gateway_asleep.p50_us", "{:.1f} us"),
    ("Round trip p50: Kamailio", "rtt.kamailio.p50_us", "{:.1f} us"),
    ("Round trip p50: UDP echo, spinning", "rtt.echo_spinning.p50_us", "{:.1f} us"),
    ("Round trip p50: gateway, busy-polling", "rtt.gateway_busy.p50_us", "{:.1f} us"),
    ("Round trip p99: gateway, busy-polling", "rtt.gateway_busy.p99_us", "{:.1f} us"),
    ("Decision p50, 1 million numbers", "decision.1000000.p50_ns", "{:,.0f} ns"),
    ("Decision p99, 1 million numbers", "decision.1000000.p99_ns", "{:,.0f} ns"),
    ("Decision p50, 10 million numbers", "decision.10000000.p50_ns", "{:,.0f} ns"),
    ("Decision p99, 10 million numbers", "decision.10000000.p99_ns", "{:,.0f} ns"),
    ("Look-up alone, 1 million numbers", "decision.1000000.alone.ns_per_lookup", "{:,.0f} ns"),
    ("Look-up alone, 10 million numbers", "decision.10000000.alone.ns_per_lookup", "{:,.0f} ns"),
    ("Memory a number, 1 million", "decision.1000000.bytes_per_number", "{:,.1f} B"),
    ("Memory a number, 10 million", "decision.10000000.bytes_per_number", "{:,.1f} B"),
    ("Memory a number, Kamailio htable", "decision.kamailio.bytes_per_number", "{:,.1f} B"),
    ("Import of 1 million numbers", "decision.1000000.import_s", "{:.2f} s"),
    ("Import of 10 million numbers", "decision.10000000.import_s", "{:.2f} s"),
    ("Push to answer of the admin API, p50", "push.answered_us.p50", "{:,.0f} us"),
    ("Push to first interception, p50", "push.pushed_to_enforced_us.p50", "{:,.0f} us"),
    ("Push to first interception, p99", "push.pushed_to_enforced_us.p99", "{:,.0f} us"),
)


def render(result: dict[str, Any], console: Console) -> None:
    machine = result["machine"]
    table = Table(title=f"Callwarden {machine['commit']} beside {result['peer']}", title_justify="left")
    table.add_column("figure")
    table.add_column("measured", justify="right")
    table.add_column("budget", justify="right")
    table.add_column("")
    family = ""
    for title, key, form in FIGURES:
        value = lookup(result, key)
        if value is None:
            continue
        if family and key.partition(".")[0] != family:
            table.add_section()
        family = key.partition(".")[0]
        budget = verdict(result, key)
        mark = "" if budget is None else "[green]met[/]" if budget[1] else "[red]not met[/]"
        table.add_row(title, form.format(value), budget[0] if budget else "", mark)
    console.print(table)
    console.print(
        f"{machine['cpu']}, {machine['cores']} cores, Linux {machine['kernel']}, "
        f"load {machine['load']:.2f} at the start; rates: median of {result['rounds']} rounds of "
        f"{result['seconds']:g} s, {result['window']} calls outstanding"
    )
    for note in result["notes"]:
        console.print(f"note: {note}", style="yellow", markup=False, highlight=False)
    for name, why in result["not_measured"].items():
        lines = [line for line in why.splitlines() if line.strip()]
        short = lines[0] if len(lines) < 2 else f"{lines[0]} ... {lines[-1]}"
        console.print(f"not measured: {name}: {short}", style="yellow", markup=False, highlight=False)
