"""The side-by-side run: gateway and Kamailio on the same machine in the same run, one worker each.

    .venv/bin/python bench/run.py [--quick] [--only intercept,relay] [--json FILE]

How it works: each family of figures starts the servers it needs in a directory of its own, pins them to one
core and the load generator to another, takes turns, and ends them. A family that cannot be measured is
named with the reason and the others go on; the exit code is 1 then. Budgets of the design stand beside the
figures: they are shown, and never decide the exit code, because a figure depends on the machine.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import measures
import peer
import tools
from budgets import BUDGETS, lookup, verdict
from edge import machine
from procs import BenchError
from push import push
from rich.console import Console
from rounds import Setting
from table import render

FAMILIES = ("floor", "intercept", "relay", "rtt", "decision", "push")


def families(text: str | None) -> tuple[str, ...]:
    if text is None:
        return FAMILIES
    chosen = tuple(part.strip() for part in text.split(","))
    unknown = [name for name in chosen if name not in FAMILIES]
    if unknown:
        raise click.BadParameter(
            f"{', '.join(unknown)}: choose from {', '.join(FAMILIES)}", param_hint="--only"
        )
    return chosen


def measure(
    lab: measures.Lab, chosen: tuple[str, ...], counts: tuple[int, ...], pushes: int
) -> dict[str, Any]:
    result: dict[str, Any] = {"not_measured": {}}
    jobs: dict[str, Callable[[], dict[str, Any]]] = {
        "floor": lambda: measures.floor(lab),
        "intercept": lambda: measures.intercept(lab),
        "relay": lambda: measures.relay(lab, lookup(result, "floor.forwarder_cpu_us_per_call")),
        "rtt": lambda: measures.rtt(lab),
        "decision": lambda: measures.decision(lab, counts),
        "push": lambda: push(lab, pushes),
    }
    for name in FAMILIES:
        if name not in chosen or (name == "push" and not lab.use_gateway):
            continue
        try:
            result[name] = jobs[name]()
        except (BenchError, OSError) as e:
            result["not_measured"][name] = str(e)
    return result


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--quick", is_flag=True, help="One short round, one million numbers: under a minute.")
@click.option("--only", metavar="NAMES", help=f"Some of {','.join(FAMILIES)}.")
@click.option("--rounds", type=click.IntRange(1), help="Rounds a side (default 3).")
@click.option("--seconds", type=click.FloatRange(0.2), help="Of a round (default 3).")
@click.option(
    "--window", type=click.IntRange(1, 4096), default=256, show_default=True, help="Calls outstanding."
)
@click.option(
    "--json", "json_file", type=click.Path(dir_okay=False, path_type=Path), help="Write the result here."
)
@click.option("--server-cpu", default=0, show_default=True, help="Core of the system under test.")
@click.option("--client-cpu", default=1, show_default=True, help="Core of the load generator.")
@click.option("--callwarden", metavar="PATH", help="Another `callwarden` than the one of this environment.")
@click.option("--peer-only", is_flag=True, help="Leave the gateway out.")
@click.option("--no-peer", is_flag=True, help="Leave Kamailio out.")
def main(
    quick: bool,
    only: str | None,
    rounds: int | None,
    seconds: float | None,
    window: int,
    json_file: Path | None,
    server_cpu: int,
    client_cpu: int,
    callwarden: str | None,
    peer_only: bool,
    no_peer: bool,
) -> None:
    """Measure the gateway beside Kamailio and the kernel's floor."""
    console, progress = Console(), Console(stderr=True)
    if not console.is_terminal:
        console.width = 110
    chosen = families(only)
    if callwarden:
        os.environ["CALLWARDEN_BENCH_PROGRAM"] = str(Path(callwarden).resolve())
    if (os.cpu_count() or 1) < 2:
        raise click.ClickException("two cores are needed: one for the system under test, one for the load")
    setting = Setting(
        rounds=rounds or (1 if quick else 3),
        seconds=seconds or (1.0 if quick else 3.0),
        window=window,
        server_cpu=server_cpu,
        client_cpu=client_cpu,
        progress=lambda text: progress.print(f"[dim]{text}[/]", highlight=False),
    )
    use_peer = not no_peer
    result: dict[str, Any] = {"machine": machine(), "program": callwarden or "this checkout"}
    work = Path(tempfile.mkdtemp(prefix="callwarden-bench-"))
    try:
        tools.build()
        if use_peer and peer.binary() is None:
            use_peer = False
            progress.print(
                "[yellow]Kamailio is not installed (apt-get install kamailio): no peer in this run[/]"
            )
        lab = measures.Lab(work, setting, use_gateway=not peer_only, use_peer=use_peer)
        counts = (1_000_000,) if quick else (1_000_000, 10_000_000)
        result |= measure(lab, chosen, counts, 50 if quick else 200)
    except BenchError as e:
        raise click.ClickException(str(e)) from e
    finally:
        shutil.rmtree(work, ignore_errors=True)
    result |= {
        "notes": lab.notes,
        "peer": f"Kamailio {peer.version()}" if use_peer else "no peer",
        "rounds": setting.rounds,
        "seconds": setting.seconds,
        "window": setting.window,
        "budgets": {
            b.key: {"budget": b.text, "met": v[1]}
            for b in BUDGETS
            if (v := verdict(result, b.key)) is not None
        },
    }
    render(result, console)
    if json_file:
        json_file.parent.mkdir(parents=True, exist_ok=True)
        json_file.write_text(json.dumps(result, indent=2) + "\n")
    if result["not_measured"]:
        sys.exit(1)


if __name__ == "__main__":
    main()
