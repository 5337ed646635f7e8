"""replay: what the rules would have done with a capture."""

from __future__ import annotations

from collections import Counter
from typing import IO, TYPE_CHECKING, Any

import click
import msgspec

from gateway.commands.common import App, Failed, options
from gateway.commands.journal import print_table, printable, time_text
from gateway.masking import mask_number

if TYPE_CHECKING:
    from gateway.replay import Verdict


@click.command(short_help="What the rules would have done with a capture.")
@options
@click.argument("file", type=click.File("rb"))
@click.option("--policy", type=click.File("r", encoding="utf-8"), help="This policy, not the one in force.")
@click.option(
    "--trunk", default="", help="Stands in for senders that are in no trunk; default: the first one."
)
@click.option("--masked", is_flag=True, help="Numbers as +86138****0001.")
def replay(app: App, file: IO[bytes], policy: IO[str] | None, trunk: str, masked: bool) -> None:
    """Say what the rules would have done with each SIP request in FILE.

    FILE is a pcap or pcapng; "-" is standard input; UDP only. The policy and the lists are read from the feed
    on disk; nothing is changed, and a gateway may run meanwhile.

    \b
    callwarden replay capture.pcap
    tcpdump -w - udp port 5060 | callwarden replay - --trunk intl
    callwarden replay yesterday.pcapng --policy candidate.toml --json
    """
    from gateway.guards import Refused
    from gateway.pcap import Capture, CaptureError
    from gateway.replay import Judge

    try:
        judge = Judge(app.config, policy=policy.read() if policy else None, stand_in=trunk)
    except KeyError as e:
        raise click.BadParameter(str(e.args[0]), param_hint="--trunk") from None
    except Refused as e:
        raise Failed(f"the policy would be refused: {e}") from None
    name = getattr(file, "name", "-")
    try:
        capture = Capture(file)
    except CaptureError as e:
        raise Failed(f"{name}: {e}") from None
    verdicts: list[Verdict] = []
    damage = ""
    try:
        verdicts.extend(judge.requests(capture))
    except CaptureError as e:
        damage = str(e)
    data = {
        "file": name,
        "rules": judge.rules,
        "capture": dict(capture.counts),
        "messages": dict(judge.counts),
        "damage": damage,
        "summary": summary(verdicts),
        "requests": [_plain(v, masked) for v in verdicts],
    }
    app.show(data, lambda: _print(app, data))
    if damage:
        raise Failed(f"{name}: {damage}; what came before is judged")


def summary(verdicts: list[Verdict]) -> list[dict[str, Any]]:
    """How often each outcome, most frequent first."""
    counts = Counter((v.action or "not screened", v.rule or v.reason, v.code) for v in verdicts)
    return [
        {"action": action, "why": why, "code": code, "count": count}
        for (action, why, code), count in counts.most_common()
    ]


def _plain(v: Verdict, masked: bool) -> dict[str, Any]:
    data = {"time": time_text(v.time_ns), **msgspec.to_builtins(v)}
    return data | {k: mask_number(data[k]) for k in ("caller", "presented", "callee")} if masked else data


def _print(app: App, data: dict[str, Any]) -> None:
    from rich.table import Table
    from rich.text import Text

    totals = Table("action", "rule or reason", "code", box=None, pad_edge=False)
    totals.add_column("requests", justify="right")
    for item in data["summary"]:
        totals.add_row(*(Text(str(item[k] or "")) for k in ("action", "why", "code", "count")))
    calls = Table(
        "time", "trunk", "caller", "callee", "method", "verdict", "why", "evidence", box=None, pad_edge=False
    )
    initial = [r for r in data["requests"] if r["screened"]]
    for r in initial:
        trunk = (r["trunk"] or "-") + ("*" if r["attributed"] else "")
        verdict = r["action"] + (f" {r['code']}" if r["code"] else "")
        why = (r["rule"] or r["reason"]) + (f" (shadow {r['shadow']})" if r["shadow"] else "")
        cells = [r["time"][11:23], trunk, r["caller"] or "-", r["callee"] or "-", r["method"], verdict, why]
        calls.add_row(*(Text(printable(c)) for c in [*cells, " ".join(r["facts"])]))
    counts = {**data["messages"], **data["capture"]}
    app.out.print(", ".join(f"{n} {name}" for name, n in counts.items()) or "an empty capture", markup=False)
    if initial:
        print_table(app, calls)
        if any(r["attributed"] for r in initial):
            app.out.print("* sender in no trunk: judged as if this trunk had sent it", markup=False)
    if data["summary"]:
        print_table(app, totals)


def register(group: click.Group) -> None:
    group.add_command(replay)
