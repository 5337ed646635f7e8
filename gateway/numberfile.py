"""Files of numbers: plain text (one entry a line, # comments) or CSV with a header row.

Rules: nothing is kept but the chunk at hand; a bad line is told with its number and the reason, never guessed
at; the first line that says something decides: a header with a `number` column makes it CSV. Lines that hold
a number and nothing odd are read in C, many at a time (native.numbers.BulkReader); what it leaves (patterns,
quoted cells, bad lines) is read here, a line at a time.
"""

from __future__ import annotations

import csv
import re
from codecs import BOM_UTF8
from collections.abc import Iterator
from typing import BinaryIO, ClassVar, NamedTuple

import msgspec

from gateway.expiry import parse_expiry
from gateway.numbers import DialPlan, NumberFault, parse_entry
from native.numbers import BulkReader

COLUMNS = ("number", "category", "score", "source", "expiry", "note")
CHUNK = 1 << 20  # bytes
_COMMENT = re.compile(r"[ \t]#")


class Attributes(msgspec.Struct, frozen=True):
    """What is known of an entry; equal ones travel together."""

    category: str = ""
    source: str = ""
    score: int = 0
    expiry_s: int = 0
    note: str = ""


class Numbers(NamedTuple):
    attributes: Attributes
    keys: bytes  # packed


class Line(NamedTuple):
    number: int  # in the file, from 1
    entry: int | str  # a key, a pattern, or "" with a fault
    attributes: Attributes
    fault: str  # "" = a good line


class FileFault(Exception):
    """The file as a whole cannot be read."""


def read(file: BinaryIO, plan: DialPlan, defaults: Attributes, now_s: float) -> Iterator[Numbers | Line]:
    """All that the file holds: usual numbers many at a time, everything else a line at a time, in about the
    order of the file (lines among themselves in just that order). FileFault for a header that cannot be
    understood.
    """
    rows: _Plain | _Csv | None = None
    n = 1  # the line at chunk[at:]
    for chunk in _chunks(file):
        at = 0
        if rows is None:
            rows, n, at = _begin(chunk, n, plan, defaults, now_s)
            if rows is None:
                continue
            reader = BulkReader(
                country_code=plan.country_code,
                area=plan.area,
                strip=plan.strip,
                columns=len(rows.columns),
                number_at=rows.columns.get("number", 0),
            )
        while at < len(chunk):
            end, count, groups, odd = reader.read(chunk, at)
            known = [(rows.attributes_around(head, tail), keys) for head, tail, keys in groups]
            good = [
                Numbers(attributes, keys) for attributes, keys in known if isinstance(attributes, Attributes)
            ]
            if len(good) == len(known):
                yield from good
                lines = ((n + line, chunk[start:stop]) for line, start, stop in odd)
            else:  # there are lines with bad attributes: each is told in its place
                lines = ((n + line, raw) for line, raw in enumerate(chunk[at:end].splitlines()))
            for number, raw in lines:
                line = rows.line(number, raw.decode("utf-8", "replace"))
                if line is not None:
                    yield line
            n, at = n + count, end


def _chunks(file: BinaryIO) -> Iterator[bytes]:
    """Whole lines, about CHUNK bytes at a time, without a byte order mark. A line longer than CHUNK, which is
    a bad one or a comment, is cut.
    """
    carry = file.read(len(BOM_UTF8)).removeprefix(BOM_UTF8)
    while block := file.read(CHUNK):
        # a CR at the very end may have its LF in the next block
        cut = max(block.rfind(b"\n"), block.rfind(b"\r", 0, -1)) + 1
        if cut:
            yield carry + block[:cut]
            carry = block[cut:]
        else:
            carry = (carry + block)[:CHUNK]
    if carry:
        yield carry


def _begin(
    chunk: bytes, n: int, plan: DialPlan, defaults: Attributes, now_s: float
) -> tuple[_Plain | _Csv | None, int, int]:
    """What the first line that says something makes of the file, None when none does; number and place of
    the line where the entries begin.
    """
    at = 0
    for raw in chunk.splitlines(keepends=True):
        line = raw.decode("utf-8", "replace").strip()
        if line and not line.startswith("#"):
            header = [c.strip().lower() for c in _cells(line) or ()]
            if "number" not in header:
                return _Plain(plan, defaults), n, at
            return _Csv(_columns(header), plan, defaults, now_s), n + 1, at + len(raw)
        n, at = n + 1, at + len(raw)
    return None, n, at


def _cells(row: str) -> list[str] | None:
    """None: the csv module refuses it."""
    try:
        return next(csv.reader([row]))
    except csv.Error:
        return None


class _Plain:
    columns: ClassVar[dict[str, int]] = {}

    def __init__(self, plan: DialPlan, defaults: Attributes) -> None:
        self._plan, self._defaults = plan, defaults

    def attributes_around(self, head: bytes, tail: bytes) -> Attributes | str:
        return self._defaults

    def line(self, n: int, raw: str) -> Line | None:
        text = raw.strip()
        if not text or text.startswith("#"):
            return None
        return _line(n, _COMMENT.split(text, 1)[0].strip(), self._plan, self._defaults)


def _line(n: int, text: str, plan: DialPlan, attributes: Attributes) -> Line:
    if len(text) > 64:
        return Line(n, "", attributes, f"'{text[:20]}...' is too long for a number")
    try:
        return Line(n, parse_entry(text.replace("#", "?"), plan), attributes, "")
    except NumberFault as e:
        return Line(n, "", attributes, str(e))


def _columns(header: list[str]) -> dict[str, int]:
    unknown = [c for c in header if c not in COLUMNS]
    if unknown:
        raise FileFault(f"unknown column '{unknown[0]}' in the header (known: {', '.join(COLUMNS)})")
    if len(set(header)) != len(header):
        raise FileFault("a column is there twice in the header")
    return {c: i for i, c in enumerate(header)}


class _Csv:
    def __init__(self, columns: dict[str, int], plan: DialPlan, defaults: Attributes, now_s: float) -> None:
        self.columns = columns
        self._plan, self._defaults, self._now_s = plan, defaults, now_s
        self._others = [columns.get(c) for c in COLUMNS[1:]]
        # few distinct ones: each is converted once
        self._known: dict[tuple[str, ...], Attributes | str] = {}

    def attributes_around(self, head: bytes, tail: bytes) -> Attributes | str:
        """What the octets before and behind a number cell say."""
        return self._attributes((head + tail).decode("utf-8", "replace").split(","))

    def _attributes(self, cells: list[str]) -> Attributes | str:
        key = tuple(cells[i].strip() if i is not None and i < len(cells) else "" for i in self._others)
        if key not in self._known:
            if len(self._known) > 10_000:
                self._known.clear()
            self._known[key] = _attributes(key, self._defaults, self._now_s)
        return self._known[key]

    def line(self, n: int, raw: str) -> Line | None:
        if not raw.strip() or raw.startswith("#"):
            return None
        at, defaults = self.columns["number"], self._defaults
        cells = _cells(raw) if '"' in raw else raw.split(",")
        if cells is None:
            return Line(n, "", defaults, "no row of CSV")
        if len(cells) > len(self.columns):
            return Line(n, "", defaults, f"{len(cells)} cells for {len(self.columns)} columns")
        if len(cells) <= at or not cells[at].strip():
            return Line(n, "", defaults, "no number")
        attributes = self._attributes(cells)
        if isinstance(attributes, str):
            return Line(n, "", defaults, attributes)
        return _line(n, cells[at].strip(), self._plan, attributes)


def _attributes(cells: tuple[str, ...], defaults: Attributes, now_s: float) -> Attributes | str:
    """The attributes, or what is wrong with them."""
    category, score, source, expiry, note = cells
    if score and not (score.isascii() and score.isdigit() and int(score) <= 255):
        return f"score '{score}' is not 0-255"
    try:
        expiry_s = parse_expiry(expiry, now_s) if expiry else defaults.expiry_s
    except ValueError as e:
        return str(e)
    return Attributes(
        category=category or defaults.category,
        source=source or defaults.source,
        score=int(score) if score else defaults.score,
        expiry_s=expiry_s,
        note=note or defaults.note,
    )
