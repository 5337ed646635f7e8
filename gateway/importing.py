"""lists import: reads the file twice (check, then push), so that a bad line refuses it before anything is
pushed.

What waits to be pushed is bounded: numbers with equal attributes gather to chunks of CHUNK_NUMBERS; when too
many different attributes gather, all go.
"""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, BinaryIO

import msgspec
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

from gateway.admin.api import CHUNK_NUMBERS
from gateway.admin.operations import dial_plan
from gateway.commands.common import App, Failed
from gateway.feed.changes import KEY_BYTES
from gateway.numberfile import Attributes, FileFault, Line, Numbers, read
from gateway.numbers import pack_keys

if TYPE_CHECKING:
    from gateway.admin.client import Gateway

SHOWN_FAULTS = 10
WAITING_MAX = 10 * CHUNK_NUMBERS
PATTERNS_AT_ONCE = 1_000
CHUNK_BYTES = CHUNK_NUMBERS * KEY_BYTES


class _Faults:
    def __init__(self) -> None:
        self.count = 0
        self.first: list[dict[str, Any]] = []

    def add(self, line: Line) -> None:
        self.count += 1
        if len(self.first) < SHOWN_FAULTS:
            self.first.append({"line": line.number, "fault": line.fault})


class _Pusher:
    """Gathers entries and pushes them in chunks."""

    def __init__(self, gateway: Gateway, name: str) -> None:
        self._gateway = gateway
        self._name = name
        self._numbers: dict[Attributes, bytearray] = {}
        self._patterns: dict[Attributes, list[str]] = {}
        self._waiting = 0
        self.pushed = 0
        self.changed = 0
        self.last: dict[str, Any] = {}

    async def add(self, found: Numbers | Line) -> None:
        if isinstance(found, Numbers):
            await self._add_numbers(found.attributes, found.keys)
        elif isinstance(found.entry, int):
            await self._add_numbers(found.attributes, pack_keys([found.entry]))
        else:
            patterns = self._patterns.setdefault(found.attributes, [])
            patterns.append(found.entry)
            if len(patterns) >= PATTERNS_AT_ONCE:
                await self._push_patterns(found.attributes)

    async def _add_numbers(self, attributes: Attributes, keys: bytes) -> None:
        numbers = self._numbers.setdefault(attributes, bytearray())
        numbers += keys
        self._waiting += len(keys) // KEY_BYTES
        while len(numbers) >= CHUNK_BYTES:
            await self._push_numbers(attributes)
        if self._waiting >= WAITING_MAX:
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
        """One chunk, or all when there is less."""
        numbers = self._numbers[attributes]
        chunk = bytes(numbers[:CHUNK_BYTES])
        del numbers[:CHUNK_BYTES]
        if not numbers:
            del self._numbers[attributes]
        count = len(chunk) // KEY_BYTES
        self._waiting -= count
        await self._push("lists_add_numbers", count, attributes, numbers=chunk)

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

            def entries(step: str) -> Iterator[Numbers | Line]:
                """All good ones; the others are told to `faults`."""
                task, read_bytes = bar.add_task(step, total=size), 0
                source.seek(0)
                for found in read(source, plan, defaults, now_s):
                    if isinstance(found, Line) and found.fault:
                        faults.add(found)
                    else:
                        yield found
                    if source.tell() != read_bytes:
                        read_bytes = source.tell()
                        bar.update(task, completed=read_bytes)
                bar.update(task, completed=size)

            if not skip_bad:
                for _ in entries("checking"):
                    pass
                if faults.count:
                    return pusher, faults
            for found in entries("importing"):
                await pusher.add(found)
            await pusher.flush()
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
