"""Files of numbers, read a line at a time: plain text (one entry a line, # comments) or CSV with a header
row.

Rules: nothing is kept but the line at hand; a bad line is told with its number and the reason, never guessed
at; the first line that says something decides: a header with a `number` column makes it CSV.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from typing import BinaryIO, NamedTuple

import msgspec

from gateway.expiry import parse_expiry
from gateway.numbers import DialPlan, NumberFault, parse_entry

COLUMNS = ("number", "category", "score", "source", "expiry", "note")
LINE_MAX = 4096


class Attributes(msgspec.Struct, frozen=True):
    """What is known of an entry; equal ones travel together."""

    category: str = ""
    source: str = ""
    score: int = 0
    expiry_s: int = 0
    note: str = ""


class Line(NamedTuple):
    number: int  # in the file, from 1
    entry: int | str  # a key, a pattern, or "" with a fault
    attributes: Attributes
    fault: str  # "" = a good line


class FileFault(Exception):
    """The file as a whole cannot be read."""


def read(file: BinaryIO, plan: DialPlan, defaults: Attributes, now_s: float) -> Iterator[Line]:
    """Every line that holds something. FileFault for a header that cannot be understood."""
    text = io.TextIOWrapper(file, encoding="utf-8-sig", errors="replace", newline="")
    try:
        rows = enumerate(text, 1)
        for n, raw in rows:
            line = raw.strip()
            if not line or line.startswith("#"):
                continue
            header = [c.strip().lower() for c in next(csv.reader([line]))]
            if "number" in header:
                yield from _csv(rows, _columns(header), plan, defaults, now_s)
            else:
                yield _plain(n, line, plan, defaults)
                for n, raw in rows:
                    line = raw.strip()
                    if line and not line.startswith("#"):
                        yield _plain(n, line, plan, defaults)
            return
    finally:
        text.detach()  # the caller closes the file


def _plain(n: int, line: str, plan: DialPlan, attributes: Attributes) -> Line:
    entry = line.partition("#")[0].strip() if " #" in line or "\t#" in line else line
    return _line(n, entry, plan, attributes)


def _line(n: int, text: str, plan: DialPlan, attributes: Attributes) -> Line:
    if len(text) > 64:
        return Line(n, "", attributes, f"'{text[:20]}...' is too long for a number")
    if (digits := _usual(text)) is not None:
        return Line(n, digits, attributes, "")
    try:
        return Line(n, parse_entry(text.replace("#", "?"), plan), attributes, "")
    except NumberFault as e:
        return Line(n, "", attributes, str(e))


def _usual(text: str) -> int | None:
    """A mobile of mainland China in full, as most lines are: what parse_entry makes of it, sooner."""
    if len(text) == 14 and text.startswith("+861") and text[4] in "3456789":
        digits = text[1:]
        if digits.isascii() and digits.isdigit():
            return int(digits)
    return None


def _columns(header: list[str]) -> dict[str, int]:
    unknown = [c for c in header if c not in COLUMNS]
    if unknown:
        raise FileFault(f"unknown column '{unknown[0]}' in the header (known: {', '.join(COLUMNS)})")
    if len(set(header)) != len(header):
        raise FileFault("a column is there twice in the header")
    return {c: i for i, c in enumerate(header)}


def _csv(
    rows: Iterator[tuple[int, str]],
    columns: dict[str, int],
    plan: DialPlan,
    defaults: Attributes,
    now_s: float,
) -> Iterator[Line]:
    known: dict[tuple[str, ...], Attributes | str] = {}  # few distinct ones: each is converted once
    others = [(c, columns.get(c)) for c in COLUMNS[1:]]
    at = columns["number"]
    for n, raw in rows:
        if not raw.strip() or raw.startswith("#"):
            continue
        cells = next(csv.reader([raw])) if '"' in raw else raw.strip("\r\n").split(",")
        if len(cells) > len(columns):
            yield Line(n, "", defaults, f"{len(cells)} cells for {len(columns)} columns")
            continue
        if len(cells) <= at or not cells[at].strip():
            yield Line(n, "", defaults, "no number")
            continue
        key = tuple(cells[i].strip() if i is not None and i < len(cells) else "" for _, i in others)
        if key not in known:
            if len(known) > 10_000:
                known.clear()
            known[key] = _attributes(key, defaults, now_s)
        attributes = known[key]
        if isinstance(attributes, str):
            yield Line(n, "", defaults, attributes)
        else:
            yield _line(n, cells[at].strip(), plan, attributes)


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
