"""lists import: reads the file twice (check, then push), so that a bad line refuses it before anything is
pushed.

What waits to be pushed is bounded: numbers with equal attributes gather to chunks of CHUNK_NUMBERS; when too
many different attributes gather, all go.
"""

from __future__ import annotations

import shutil
import tempfile
import time
from array import array
from typing import TYPE_CHECKING, Any, BinaryIO

import msgspec
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

from gateway.admin.api import CHUNK_NUMBERS
from gateway.admin.operations import dial_plan
from gateway.commands.common import App, Failed
from gateway.numberfile import Attributes, FileFault, Line, read

if TYPE_CHECKING:
    from gateway.admin.client import Gateway

SHOWN_FAULTS = 10
WAITING_MAX = 10 * CHUNK_NUMBERS
PATTERNS_AT_ONCE = 1_000
STEP = 20_000  # lines between two looks at the progress bar


class _Faults:
    def __init__(self) -> None:
        self.count = 0
        self.first: list[dict[str, Any]] = []

    def add(self, line: Line) -> None:
        self.count += 1
        if len(self.first) < SHOWN_FAULTS:
            self.first.append({"line": line.number, "fault": line.fault})


class _Pusher:
    """Gathers lines and pushes them in chunks."""

    def __init__(self, gateway: Gateway, name: str) -> None:
        self._gateway = gateway
        self._name = name
        self._numbers: dict[Attributes, array[int]] = {}
        self._patterns: dict[Attributes, list[str]] = {}
        self._waiting = 0
        self.pushed = 0
        self.changed = 0
        self.last: dict[str, Any] = {}

    async def add(self, line: Line) -> None:
        if isinstance(line.entry, str):
            patterns = self._patterns.setdefault(line.attributes, [])
            patterns.append(line.entry)
            if len(patterns) >= PATTERNS_AT_ONCE:
                await self._push_patterns(line.attributes)
            return
        numbers = self._numbers.get(line.attributes)
        if numbers is None:
            numbers = self._numbers[line.attributes] = array("Q")
        numbers.append(line.entry)
        self._waiting += 1
        if len(numbers) >= CHUNK_NUMBERS:
            await self._push_numbers(line.attributes)
        elif self._waiting >= WAITING_MAX:
            await self.flush()

    async def flush(self) -> None:
        for attributes in list(self._patterns):
            await self._push_patterns(attributes)
        for attributes in list(self._numbers):
            await self._push_numbers(attributes)

    async def _push_patterns(self, attributes: Attributes) -> None:
        entries = self._patterns.pop(attributes)
        await self._push("lists_add", len(entries), attributes, entries=entries)

    async def _push_numbers(self, attributes: Attributes) -> None:
        numbers = self._numbers.pop(attributes)
        self._waiting -= len(numbers)
        await self._push("lists_add_numbers", len(numbers), attributes, numbers=numbers.tobytes())

    async def _push(self, op: str, count: int, attributes: Attributes, **what: Any) -> None:
        self.last = await self._gateway.call(
            op, name=self._name, **what, **msgspec.structs.asdict(attributes)
        )
        self.pushed += count
        self.changed += self.last["changed"]


def import_file(app: App, name: str, file: BinaryIO, skip_bad: bool, attrs: dict[str, Any]) -> None:
    config = app.config
    plan = dial_plan(config)
    defaults = Attributes(**attrs)
    started = time.monotonic()
    now_s = time.time()
    source = _seekable(file)
    size = source.seek(0, 2)

    async def work(gateway: Gateway) -> tuple[_Pusher, _Faults]:
        known = {x["name"] for x in (await gateway.call("lists"))["lists"]}
        if name not in known:
            raise Failed(f"there is no list '{name}' (lists: {', '.join(sorted(known))})")
        faults, pusher = _Faults(), _Pusher(gateway, name)
        with _progress(app) as bar:
            if not skip_bad:
                task = bar.add_task("checking", total=size)
                source.seek(0)
                for i, line in enumerate(read(source, plan, defaults, now_s)):
                    if line.fault:
                        faults.add(line)
                    if i % STEP == 0:
                        bar.update(task, completed=source.tell())
                bar.update(task, completed=size)
                if faults.count:
                    return pusher, faults
            task = bar.add_task("importing", total=size)
            source.seek(0)
            for i, line in enumerate(read(source, plan, defaults, now_s)):
                if line.fault:
                    faults.add(line)
                else:
                    await pusher.add(line)
                if i % STEP == 0:
                    bar.update(task, completed=source.tell())
            await pusher.flush()
            bar.update(task, completed=size)
        return pusher, faults

    try:
        pusher, faults = app.gateway(work)
    except FileFault as e:
        raise Failed(str(e)) from None
    finally:
        if source is not file:
            source.close()
    _report(app, name, pusher, faults, skip_bad, time.monotonic() - started)


def _report(app: App, name: str, pusher: _Pusher, faults: _Faults, skip_bad: bool, took_s: float) -> None:
    refused = bool(faults.count) and not skip_bad
    data: dict[str, Any] = {
        "list": name,
        "pushed": pusher.pushed,
        "changed": pusher.changed,
        "bad": faults.count,
        "first_bad": faults.first,
        "seq": pusher.last.get("seq"),
        "running": pusher.last.get("running"),
        "enforced_us": pusher.last.get("enforced_us"),
        "took_s": round(took_s, 3),
    }
    for fault in faults.first:
        app.err.print(f"line {fault['line']}: {fault['fault']}", markup=False)
    if faults.count > SHOWN_FAULTS:
        app.err.print(f"and {faults.count - SHOWN_FAULTS} more bad lines")
    if refused:
        if app.as_json:
            app.json(data)
            raise SystemExit(1)
        raise Failed(f"{faults.count} bad lines: nothing was imported (--skip-bad imports the others)")

    def human() -> None:
        state = "enforced" if data["running"] else "in the feed"
        bad = f", {faults.count} bad lines skipped" if faults.count else ""
        if not pusher.pushed:
            app.out.print(f"{name}: the file holds no entry{bad}", markup=False)
            return
        app.out.print(
            f"{name}: {pusher.pushed:,} entries, {pusher.changed:,} changed, {state} after {took_s:.2f} s "
            f"(the last chunk in {data['enforced_us'] / 1000:.2f} ms, seq {data['seq']}){bad}",
            markup=False,
        )

    app.show(data, human)


def _seekable(file: BinaryIO) -> BinaryIO:
    """The file, or a temporary copy of a stream that cannot be read twice."""
    if file.seekable():
        return file
    copy: BinaryIO = tempfile.TemporaryFile()  # noqa: SIM115  closed by the caller
    shutil.copyfileobj(file, copy, 1 << 20)
    return copy


def _progress(app: App) -> Progress:
    return Progress(
        TextColumn("{task.description:9}"),
        BarColumn(),
        DownloadColumn(),
        TimeRemainingColumn(),
        console=app.err,
        disable=app.as_json or not app.err.is_terminal,
    )
