"""A second opinion on framing: the contract of cw_scan() in plain Python, from RFC 3261 7 and not from the C.

It works on whole lines with regular expressions and returns what tests compare: the fault's name or None,
and the header lines as (line, name, value) spans with the fold flag.
"""

from __future__ import annotations

import re
from typing import NamedTuple

TOKEN = rb"[A-Za-z0-9.!%*_+`'~-]+"
HEADERS_MAX = 256
WHITE = b" \t\r\n"

_LINE = re.compile(rb"[^\n]*\n")
_REQUEST = re.compile(rb"(" + TOKEN + rb") ([^ \t]+) (SIP/2\.0)\Z", re.IGNORECASE)
_STATUS = re.compile(rb"SIP/2\.0 ([1-6][0-9]{2})( .*)?\Z", re.IGNORECASE | re.DOTALL)
_OTHER_VERSION = re.compile(rb"(" + TOKEN + rb") ([^ \t]+) SIP/([0-9]{1,4})\.([0-9]{1,4})\Z", re.IGNORECASE)
_SIP_LIKE = re.compile(
    rb"(" + TOKEN + rb") (?:.*[ \t\r\n])?SIP/[^ \t\r\n]*[ \t\r\n]*\Z", re.IGNORECASE | re.DOTALL
)
_HEADER = re.compile(rb"([\x21-\x39\x3b-\x7e]+)[ \t]*:(.*)\Z", re.DOTALL)

Span = tuple[int, int]


class Row(NamedTuple):
    line: Span
    name: Span
    value: Span
    folded: bool


class Framed(NamedTuple):
    reason: str | None
    rows: list[Row]
    body: Span | None


def frame(data: bytes) -> Framed:
    if len(data) < 14:
        return Framed("drop-short", [], None)
    start = _LINE.match(data)
    if start is None:
        return Framed("drop-not-sip", [], None)
    reason = _start_line_fault(_text(start.group()))
    if reason == "drop-not-sip":
        return Framed(reason, [], None)
    if reason is None and b"\r" in _text(start.group()):
        reason = "bad-start-line"
    rows, body, header_fault = _rows(data, start.end())
    reason = reason or header_fault
    if reason and data[:4].lower() == b"sip/":
        reason = "drop-bad-response"
    return Framed(reason, rows, body)


def _text(line: bytes) -> bytes:
    return line[:-2] if line.endswith(b"\r\n") else line[:-1]


def _start_line_fault(line: bytes) -> str | None:
    if line[:4].lower() == b"sip/":
        return None if _STATUS.match(line) else "drop-bad-response"
    if _REQUEST.match(line):
        return None
    other = _OTHER_VERSION.match(line)
    if other:
        return "bad-version"
    return "bad-start-line" if _SIP_LIKE.match(line) else "drop-not-sip"


def _rows(data: bytes, at: int) -> tuple[list[Row], Span | None, str | None]:
    rows: list[Row] = []
    fault = None
    while True:
        line = _LINE.match(data, at)
        if line is None:
            return rows, None, "bad-header"
        if _text(line.group()) == b"":
            return rows, (line.end(), len(data)), fault
        end, folded = line.end(), False
        while data[end : end + 1] in (b" ", b"\t"):
            more = _LINE.match(data, end)
            if more is None:
                return rows, None, "bad-header"
            end, folded = more.end(), True
        if len(rows) == HEADERS_MAX:
            return rows, None, "too-many-headers"
        row = _row(data, at, end, folded)
        if row is None:
            fault = "bad-header"
        else:
            rows.append(row)
        at = end


def _row(data: bytes, start: int, end: int, folded: bool) -> Row | None:
    text = _text(data[start:end])
    matched = _HEADER.match(text)
    if matched is None or re.search(rb"\r(?!\n)", text):
        return None
    value = matched.group(2)
    left = start + matched.start(2) + len(value) - len(value.lstrip(WHITE))
    stripped = value.strip(WHITE)
    return Row((start, end), (start, start + matched.end(1)), (left, left + len(stripped)), folded)
