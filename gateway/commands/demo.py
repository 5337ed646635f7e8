"""demo: the whole thing in a few seconds, on loopback, in a temporary folder, with a user's commands."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, NamedTuple

import click
from rich.table import Table

from gateway.commands.common import App, Failed, options

CALLEE = "+8613900000002"
CLEAN, CARDED, FLAGGED, LATE = "+8613800000010", "+8613800000020", "+8613800000030", "+8613800000040"
CONFIG = """
[node]
name = "demo"
state_dir = "{folder}/state"
drain_s = 0.0
[[listener]]
name = "edge"
bind = "udp:127.0.0.1:{port}"
[[trunk]]
name = "phones"
class = "domestic"
sources = ["127.0.0.0/8"]
trust_identity = true
next_hop = "callee"
[[hop]]
name = "callee"
targets = ["udp:127.0.0.1:{callee}"]
probe = "none"
"""


class Place(NamedTuple):
    """One call of the demo: what is said of it, who calls."""

    title: str
    caller: str


def _free_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.bind(("127.0.0.1", 0))
        return int(s.getsockname()[1])


class _Demo:
    def __init__(self, folder: Path) -> None:
        self.config = folder / "callwarden.toml"
        self.log = folder / "log"
        self.config.write_text(CONFIG.format(folder=folder, port=_free_port(), callee=_free_port()))

    def command(self, *words: str) -> list[str]:
        return [sys.executable, "-m", "gateway.cli", *words, "-c", str(self.config)]

    def ask(self, *words: str) -> Any:
        """A command with --json; a rejected call exits with 1 and is an answer, too."""
        ran = subprocess.run(self.command(*words, "--json"), capture_output=True, text=True, timeout=60)
        try:
            answer = json.loads(ran.stdout)
        except ValueError:
            raise Failed(f"callwarden {' '.join(words)}: {ran.stderr.strip() or ran.stdout}") from None
        if "error" in answer:
            raise Failed(answer["error"]["message"])
        return answer

    def wait(self, process: subprocess.Popen[bytes]) -> None:
        deadline = time.monotonic() + 20
        while process.poll() is None and time.monotonic() < deadline:
            status = self.command("status", "--json")
            if subprocess.run(status, capture_output=True, timeout=20).returncode == 0:
                return
            time.sleep(0.1)
        raise Failed(f"the gateway did not start: {self.log.read_text()[-2000:]}")


def _row(place: Place, report: dict[str, Any]) -> tuple[str, ...]:
    saw = report["callee_saw"]
    name = (saw["display_name"] or "no name") if saw else "nothing: it never rang"
    reasons = " ".join(report["reason_headers"])
    return (
        place.title,
        place.caller,
        f"{report['code']} {report['reason']}{' (' + reasons + ')' if reasons else ''}",
        name,
        f"{report['first_response_us'] / 1000:.1f} ms",
    )


@click.command(short_help="Three real calls, a push, a fourth call.")
@options
def demo(app: App) -> None:
    """Start a gateway on loopback, place three real calls (clean, with a card, flagged), flag a fourth caller
    while it runs, call again, and show what both telephones saw. Everything is gone afterwards.

    \b
    callwarden demo
    """
    with tempfile.TemporaryDirectory(prefix="callwarden-demo-") as name:
        run = _Demo(Path(name))
        app.note("starting the gateway")
        with run.log.open("wb") as log:
            process = subprocess.Popen(run.command("run"), stdout=log, stderr=log, stdin=subprocess.DEVNULL)
        try:
            run.wait(process)
            run.ask(
                "cards", "add", "反诈中心", CARDED, "--organisation", "北京市公安局", "--reason", "反诈劝阻"
            )
            run.ask("lists", "add", "fraud", FLAGGED)
            places = [Place("clean", CLEAN), Place("card", CARDED), Place("flagged", FLAGGED)]
            reports = []
            for place in places:
                app.note(f"calling: {place.title}")
                reports.append(run.ask("call", place.caller, CALLEE))
            pushed = run.ask("lists", "add", "fraud", LATE)
            places.append(Place("just pushed", LATE))
            reports.append(run.ask("call", LATE, CALLEE))
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(timeout=20)
    data = {"calls": [{"call": p.title, **r} for p, r in zip(places, reports, strict=True)], "push": pushed}

    def human() -> None:
        columns = ("call", "caller", "caller saw", "callee saw", "first answer")
        table = Table(box=None, pad_edge=False, title="What the telephones saw", title_justify="left")
        for column in columns:
            table.add_column(column, overflow="fold")
        for place, report in zip(places, reports, strict=True):
            table.add_row(*_row(place, report))
        app.out.print(table)
        app.out.print(f"the push was enforced {pushed['enforced_us'] / 1000:.2f} ms after it was given")

    app.show(data, human)


def register(group: click.Group) -> None:
    group.add_command(demo)
