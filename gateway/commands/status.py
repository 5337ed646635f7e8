"""status, top: what the running gateway does."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import click
from rich.console import Group
from rich.table import Table
from rich.text import Text

from gateway.commands.common import App, Failed, options


@click.command(short_help="What the running gateway does.")
@options
def status(app: App) -> None:
    """Show the running gateway: state, listeners, rules, lists, targets. Exit code 1 when none runs.

    \b
    callwarden status
    callwarden status --json
    """
    data = app.call("status", only_running=True)
    app.show(data, lambda: app.out.print(_status(data)))


@click.command(short_help="A live view.")
@options
@click.option("--once", is_flag=True, help="Print one frame and end.")
@click.option("--interval", type=click.FloatRange(0.2, 60), default=1.0, show_default=True, help="Seconds.")
def top(app: App, once: bool, interval: float) -> None:
    """A live view of traffic, verdicts, rules and targets; Ctrl-C ends it.

    \b
    callwarden top
    callwarden top --once --json
    """
    from gateway.admin.client import Gateway

    async def work(gateway: Gateway) -> None:
        if once:
            state, stats = await gateway.call("status"), await gateway.call("stats")
            app.show({"status": state, "stats": stats}, lambda: app.out.print(frame(state, stats, None, 1.0)))
            return
        if app.as_json:
            raise Failed("top prints JSON only with --once")
        from rich.live import Live

        before: dict[str, Any] | None = None
        then = time.monotonic()
        with Live(console=app.out, screen=app.out.is_terminal, auto_refresh=False) as live:
            while True:
                state, stats = await gateway.call("status"), await gateway.call("stats")
                now = time.monotonic()
                live.update(frame(state, stats, before, now - then), refresh=True)
                before, then = stats, now
                await asyncio.sleep(interval)

    app.gateway(work, only_running=True)


def _status(data: dict[str, Any]) -> Group:
    rules = data["rules"]
    head = Text(
        f"{data['node']}: {data['state']} for {data['uptime_s']:.0f} s, process {data['pid']}, "
        f"version {data['version']}, rules seq {rules['seq']}"
    )
    places = Text("\n".join(f"listener {x['name']}: {x['address']}" for x in data["listeners"]))
    return Group(
        head, places, _journal(data["journal"]), lists_table(rules["lists"]), _targets(data["targets"])
    )


def _journal(journal: dict[str, Any]) -> Text:
    if not journal["enabled"]:
        return Text("journal: off")
    figures = f"{journal['written']:,} records written, {journal['lost']:,} lost, {journal['bytes']:,} bytes"
    fault = Text(f", failing: {journal['error']}", "bold red") if journal["error"] else Text()
    return Text.assemble("journal: ", figures, fault)


def lists_table(lists: list[dict[str, Any]]) -> Table:
    table = Table("list", "kind", box=None, pad_edge=False)
    for title in ("numbers", "patterns", "bytes"):
        table.add_column(title, justify="right")
    for x in lists:
        table.add_row(
            x["name"], x["kind"], f"{x['numbers']:,}", f"{x['patterns']:,}", f"{x.get('bytes', 0):,}"
        )
    return table


def _targets(targets: list[dict[str, Any]]) -> Table:
    table = Table("hop", "target", "state", "round trip", box=None, pad_edge=False)
    for t in targets:
        state = Text("up", "green") if t["up"] else Text("down", "bold red")
        if not t["probed"]:
            state = Text("not probed", "dim")
        trip = f"{t['round_trip_ms']:.1f} ms" if t["round_trip_ms"] is not None else ""
        table.add_row(t["hop"], t["target"], state, trip)
    return table


def frame(
    state: dict[str, Any], stats: dict[str, Any], before: dict[str, Any] | None, took_s: float
) -> Group:
    """One picture; rates against the picture before it."""

    def rate(now: float, then: float) -> str:
        return f"{(now - then) / took_s:,.0f}/s" if before else ""

    def counts(title: str, now: dict[str, int], then: dict[str, int]) -> Table:
        table = Table(title, box=None, pad_edge=False)
        table.add_column("total", justify="right")
        table.add_column("rate", justify="right")
        for name, n in sorted(now.items(), key=lambda item: -item[1]):
            if n:
                table.add_row(name, f"{n:,}", rate(n, then.get(name, 0)))
        return table

    old: dict[str, Any] = before or {}
    traffic = {k: stats[k] for k in ("received", "sent")}
    calls = {
        "ringing now": stats["calls_ringing"],
        "up now": stats["calls_up"],
        "answered": stats["calls_answered"],
        "failed": stats["calls_failed"],
    }
    decision = stats["decision_ns"]
    speed = Text(
        f"decision p50 {decision['p50'] / 1000:.2f} us, p99 {decision['p99'] / 1000:.2f} us; "
        f"through the gateway p50 {stats['transit_ns']['p50'] / 1000:.1f} us, "
        f"p99 {stats['transit_ns']['p99'] / 1000:.1f} us"
    )
    shadows = {f"{name} (shadow)": n for name, n in stats["shadows"].items()}
    old_shadows = {f"{name} (shadow)": n for name, n in old.get("shadows", {}).items()}
    head = Text(
        f"{state['node']}: {state['state']}, rules seq {state['rules']['seq']}, up {state['uptime_s']:.0f} s"
    )
    return Group(
        head,
        speed,
        counts("datagrams", traffic, old),
        counts("verdicts", stats["actions"], old.get("actions", {})),
        counts("rules", {**stats["rules"], **shadows}, {**old.get("rules", {}), **old_shadows}),
        counts("outcomes", stats["reasons"], old.get("reasons", {})),
        _plain("calls", calls),
        _targets(state["targets"]),
    )


def _plain(title: str, now: dict[str, int]) -> Table:
    table = Table(title, box=None, pad_edge=False)
    table.add_column("number", justify="right")
    for name, n in now.items():
        table.add_row(name, f"{n:,}")
    return table


def register(group: click.Group) -> None:
    group.add_command(status)
    group.add_command(top)
