"""journal: what was decided, read from the files, with or without a running gateway."""

from __future__ import annotations

import csv
import re
import sys
import time
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import click
import msgspec

from gateway.commands.common import App, Failed, options
from gateway.masking import mask_number, mask_text

if TYPE_CHECKING:
    from rich.table import Table

    from gateway.journal.reader import Filter, Found
    from gateway.journal.record import Record

ACTIONS = ("pass", "label", "intercept", "divert", "drop")
POLL_S = 0.2
_PERIOD = re.compile(r"([0-9]{1,6})\s*([smhdw])")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
_MASKED = ("caller", "presented", "callee", "caller_raw", "callee_raw")


def parse_moment(text: str, now_s: float) -> int:
    """Unix ns: "10m" ago, a date or a moment in ISO 8601 (UTC when it names no zone), unix seconds."""
    text = text.strip()
    if m := _PERIOD.fullmatch(text):
        return int((now_s - int(m[1]) * _SECONDS[m[2]]) * 1e9)
    if text.isascii() and text.isdigit() and len(text) <= 10:
        return int(text) * 10**9
    try:
        moment = datetime.fromisoformat(text)
        at = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        raise ValueError(
            f"'{text}' is no moment: write 10m, 2h, 2027-01-01 or 2027-01-01T12:00+08:00"
        ) from None
    if at < 0:
        raise ValueError(f"'{text}' is before 1970")
    return int(at * 1e9)


class Moment(click.ParamType[int]):
    name = "when"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        try:
            return value if isinstance(value, int) else parse_moment(str(value), time.time())
        except ValueError as e:
            self.fail(str(e), param, ctx)


def time_text(time_ns: int) -> str:
    """ISO 8601 in UTC, to the microsecond."""
    whole, ns = divmod(time_ns, 10**9)
    return f"{datetime.fromtimestamp(whole, UTC):%Y-%m-%dT%H:%M:%S}.{ns // 1000:06d}Z"


def plain(record: Record, masked: bool) -> dict[str, Any]:
    """A record as JSON has it."""
    data = {"time": time_text(record.time_ns), **msgspec.to_builtins(record)}
    if masked:
        data |= {key: mask_number(data[key]) for key in _MASKED}
        data["call_id"] = mask_text(mask_number(data["call_id"]))
    return data


def columns(data: dict[str, Any]) -> list[str]:
    """What a person sees of a record."""
    caller = data["caller"] or data["caller_raw"] or "-"
    if data["presented"] not in ("", data["caller"]):
        caller += f" as {data['presented']}"
    verdict = data["action"] + (f" {data['code']}" if data["code"] else "")
    why = data["rule"] or data["reason"]
    if data["shadow"]:
        why += f" (shadow {data['shadow']})"
    callee = data["callee"] or data["callee_raw"] or "-"
    took = f"{data['latency_ns'] / 1000:.1f}"
    moment = data["time"][:-4].replace("T", " ") + "Z"
    cells = [moment, data["trunk"] or "-", caller, callee, verdict, why, took, " ".join(data["facts"])]
    return [printable(cell) for cell in cells]


def printable(text: str) -> str:
    """What a caller wrote cannot command the terminal."""
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)


TITLES = ("time", "trunk", "caller", "callee", "verdict", "rule or reason", "us", "evidence")


def _line(cells: list[str]) -> str:
    widths = (24, 10, 16, 16, 13, 16, 6)
    return "  ".join([c.ljust(w) for c, w in zip(cells, widths, strict=False)] + cells[len(widths) :])


def print_table(app: App, table: Table) -> None:
    """On a terminal to its width; else a record a line, for grep."""
    from rich.console import Console

    out = app.out if app.out.is_terminal else Console(width=1000, highlight=False)
    out.print(table, soft_wrap=False)


class Printer:
    """Records to standard output: a table, JSON lines or CSV."""

    def __init__(self, app: App, masked: bool, as_csv: bool = False) -> None:
        self._app, self._masked = app, masked
        self._csv = csv.writer(sys.stdout, lineterminator="\n") if as_csv else None
        self._began = False

    def all(self, records: Iterable[Record]) -> None:
        from rich.table import Table
        from rich.text import Text

        if self._csv is not None or self._app.as_json:
            for record in records:
                self.one(record)
            return
        table = Table(*TITLES, box=None, pad_edge=False)
        for record in records:
            table.add_row(*map(Text, columns(plain(record, self._masked))))  # never read as markup
        print_table(self._app, table)

    def one(self, record: Record) -> None:
        """As it comes."""
        data = plain(record, self._masked)
        if self._app.as_json:
            self._app.json(data)
        elif self._csv is not None:
            if not self._began:
                self._csv.writerow(data)
            self._csv.writerow({**data, "facts": " ".join(data["facts"])}.values())
        else:
            click.echo(_line(columns(data)))
        self._began = True


def filters(command: Callable[..., None]) -> Callable[..., None]:
    for option in (
        click.option("--masked", is_flag=True, help="Numbers as +86138****0001."),
        click.option("--fact", default="", help="A fact that held: caller.in.fraud"),
        click.option("--call-id", default="", help="The Call-ID (its first 64 bytes)."),
        click.option("--trunk", default="", help="The trunk that the call came from."),
        click.option("--reason", default="", help="pass, rule, emergency, ..."),
        click.option("--shadow", default="", help="The shadow rule that would have matched."),
        click.option("--rule", default="", help="The rule that decided."),
        click.option("--action", type=click.Choice(ACTIONS), default=None, help="What was done."),
        click.option("--callee", default="", help="Who was called."),
        click.option("--caller", default="", help="Who called, or who the call claimed to be from."),
    ):
        command = option(command)
    return command


def _filter(app: App, found: dict[str, Any]) -> Filter:
    from gateway.admin.operations import dial_plan
    from gateway.journal.reader import Filter
    from gateway.numbers import NumberFault, parse_number

    for party in ("caller", "callee"):
        try:
            text = found[party]
            found[party] = parse_number(text, dial_plan(app.config)) if text else 0
        except NumberFault as e:
            raise click.BadParameter(str(e), param_hint=f"--{party}") from None
    return Filter(**{key: value for key, value in found.items() if value})


def _read(app: App, wanted: Filter, limit: int) -> Found:
    from gateway.journal.reader import query

    path = app.config.journal_path
    if not path.is_dir():
        raise Failed(f"there is no journal in {path}: has the gateway run with this configuration?")
    found = query(path, wanted, limit)
    for fault in found.faults:
        app.note(f"journal: {fault}")
    return found


@click.group(short_help="What was decided: tail, query.")
def journal() -> None:
    """The record of decisions: one for each new call, with the facts that held.

    It is read from the files in state_dir, whether the gateway runs or not. Numbers stand there whole;
    --masked hides them. docs/journal.md tells the format.
    """


@journal.command(short_help="The latest decisions.")
@options
@click.option("-f", "--follow", "on", is_flag=True, help="Go on as decisions are made; Ctrl-C ends it.")
@click.option("-n", "--lines", type=click.IntRange(0, 1_000_000), default=20, show_default=True)
@filters
def tail(app: App, on: bool, lines: int, masked: bool, **found: Any) -> None:
    """Print the latest decisions.

    \b
    callwarden journal tail -n 5
    callwarden journal tail -f --action intercept
    callwarden journal tail -f --json
    """
    from gateway.journal.reader import follow

    wanted = _filter(app, found)
    printer = Printer(app, masked)
    start = _read(app, wanted, max(lines, 1))
    records = start.records if lines else []
    if not on:
        printer.all(records)
        return
    for record in records:
        printer.one(record)
    for record in follow(app.config.journal_path, wanted, start.end, wait=_wait, fault=app.note):
        printer.one(record)


def _wait() -> bool:
    sys.stdout.flush()
    time.sleep(POLL_S)
    return True


@journal.command(short_help="Search the decisions.")
@options
@filters
@click.option("--since", "since_ns", type=Moment(), default=None, help="10m, 2h, 7d, or a moment.")
@click.option("--until", "until_ns", type=Moment(), default=None, help="The same; not included.")
@click.option(
    "--limit",
    type=click.IntRange(0),
    default=1000,
    show_default=True,
    help="The newest so many; 0 is all of them.",
)
@click.option("--csv", "as_csv", is_flag=True, help="Print CSV with a head line.")
def query(app: App, limit: int, masked: bool, as_csv: bool, **found: Any) -> None:
    """Search the decisions, oldest first; all conditions must hold.

    \b
    callwarden journal query --caller +8613800000001 --since 1d
    callwarden journal query --action intercept --since 2027-01-01 --until 2027-01-02 --json
    callwarden journal query --shadow spoofed-domestic --limit 0 --csv > would-have.csv
    """
    if as_csv and app.as_json:
        raise click.UsageError("--csv and --json exclude each other")
    Printer(app, masked, as_csv).all(_read(app, _filter(app, found), limit).records)


def register(group: click.Group) -> None:
    group.add_command(journal)
