"""A SIP message as ordered raw header rows around an untouched body (RFC 3261 7, 18.3, 25).

How it works: `parse` cuts a datagram into start line, header rows and body, and checks what framing rests
on: the start line, header names, line ends, Content-Length. It does not look into the values; the accessors
do, when asked, and raise `SipError`. `check_request` / `check_response` (sip.checks) ask everything a proxy
needs.

Rules:
- every row keeps its raw bytes; `bytes(message)` of a parsed message is what came in, less octets behind
  the body;
- edits return a new message and leave every other row byte-identical and in order (16.6 step 1);
- lines end with CRLF: a lone CR or LF in the header block is refused, because two parsers that disagree on
  line ends disagree on headers. `allow_dangerous_bare_lf` takes a lone LF as a line end, as many deployed
  elements do.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

import msgspec

from sip import grammar, headers
from sip.addr import CSeq, NameAddr, Via, parse_cseq, parse_name_addr, parse_via
from sip.errors import Fault, SipError
from sip.uri import Uri, parse_uri

_VERSION = re.compile(rb"SIP/[0-9]+\.[0-9]+\Z", re.IGNORECASE)
_STATUS_LINE = re.compile(rb"(SIP/[0-9]+\.[0-9]+) ([0-9]{3}) (.*)\Z", re.IGNORECASE | re.DOTALL)
_LONE_CR = re.compile(rb"\r(?!\n)")
_LONE_LF = re.compile(rb"(?<!\r)\n")
_LINE_END = re.compile(rb"\r?\n")
_HEAD_END = re.compile(rb"\r?\n\r?\n")
_ROW_END = re.compile(rb"\r?\n(?![ \t])")

CONTENT_LENGTH_LIMIT = 2**32 - 1


class Header(msgspec.Struct, frozen=True):
    """One header row. Offsets count within `raw`; `offset` places `raw` in the datagram (-1: built here)."""

    raw: bytes  # with folds and the final CRLF
    name: bytes  # as written
    value: bytes  # unfolded and trimmed
    value_start: int
    value_end: int
    offset: int = -1

    @property
    def key(self) -> bytes:
        return headers.canonical(self.name)


def make_header(name: bytes | str, value: bytes | str) -> Header:
    """A row of our own. CR or LF in the value is our mistake (header injection) and raises ValueError."""
    n = name.encode("ascii") if isinstance(name, str) else name
    v = value.encode("utf-8") if isinstance(value, str) else value
    if not grammar.is_token(n):
        raise ValueError(f"no header name: {n!r}")
    if b"\r" in v or b"\n" in v:
        raise ValueError("a header value cannot carry CR or LF")
    raw = n + b": " + v + b"\r\n"
    return Header(raw, n, v.strip(b" \t"), len(n) + 2, len(raw) - 2)


class Message(msgspec.Struct, frozen=True):
    """A request (`method` set) or a response (`status` set)."""

    start_line: bytes  # raw, with CRLF
    headers: tuple[Header, ...]
    body: bytes = b""
    method: bytes = b""
    request_uri: bytes = b""
    status: int = 0
    reason: bytes = b""
    empty_line: bytes = b"\r\n"
    trailing: bytes = b""  # octets behind the body of a datagram: never forwarded (18.3)

    @property
    def is_request(self) -> bool:
        return bool(self.method)

    def __bytes__(self) -> bytes:
        return b"".join([self.start_line, *(h.raw for h in self.headers), self.empty_line, self.body])

    # -- looking
    # ----------------------------------------------------------------------------------------------------

    def rows(self, name: bytes | str) -> list[Header]:
        key = headers.canonical(name)
        return [h for h in self.headers if h.key == key]

    def values(self, name: bytes | str) -> list[bytes]:
        """One unfolded value for each row."""
        return [h.value for h in self.rows(name)]

    def get(self, name: bytes | str) -> bytes | None:
        """The value of the first row; None when there is none."""
        return next((h.value for h in self.rows(name)), None)

    def elements(self, name: bytes | str) -> list[bytes]:
        """The elements of a list header over all its rows, in order (7.3.1). Other headers: one for each
        row.
        """
        if headers.canonical(name) not in headers.LISTS:
            return self.values(name)
        return [e for v in self.values(name) for e in grammar.split_list(v)]

    def _single(self, name: str) -> bytes:
        found = self.values(name)
        if not found:
            raise SipError(Fault.MISSING_HEADER, name)
        if len(found) > 1:
            raise SipError(Fault.REPEATED_HEADER, name)
        return found[0]

    @property
    def from_(self) -> NameAddr:
        return parse_name_addr(self._single("From"))

    @property
    def to(self) -> NameAddr:
        return parse_name_addr(self._single("To"))

    @property
    def call_id(self) -> bytes:
        value = self._single("Call-ID")
        if not grammar.is_call_id(value):
            raise SipError(Fault.CALL_ID, "bad Call-ID")
        return value

    @property
    def cseq(self) -> CSeq:
        return parse_cseq(self._single("CSeq"))

    @property
    def vias(self) -> list[Via]:
        found = [parse_via(v) for v in self.elements("Via")]
        if not found:
            raise SipError(Fault.MISSING_HEADER, "Via")
        return found

    @property
    def top_via(self) -> Via:
        rows = self.rows("Via")
        if not rows:
            raise SipError(Fault.MISSING_HEADER, "Via")
        return parse_via(grammar.split_list(rows[0].value)[0])

    @property
    def max_forwards(self) -> int | None:
        """0-255 (20.22), None when absent."""
        if not self.rows("Max-Forwards"):
            return None
        value = grammar.parse_uint(self._single("Max-Forwards"), 255)
        if value is None:
            raise SipError(Fault.MAX_FORWARDS, "not 0-255")
        return value

    @property
    def uri(self) -> Uri:
        """The Request-URI in parts."""
        return parse_uri(self.request_uri)

    def addresses(self, name: bytes | str) -> list[NameAddr]:
        """Route, Record-Route, Contact, P-Asserted-Identity... (`Contact: *` has no address and raises)."""
        return [parse_name_addr(e) for e in self.elements(name)]

    # -- editing
    # ----------------------------------------------------------------------------------------------------

    def with_headers(self, rows: Iterable[Header]) -> Message:
        return msgspec.structs.replace(self, headers=tuple(rows))

    def without(self, name: bytes | str) -> Message:
        key = headers.canonical(name)
        return self.with_headers(h for h in self.headers if h.key != key)

    def with_first(self, name: bytes | str, value: bytes | str) -> Message:
        """A new row before the first of its name; before everything when there is none."""
        key = headers.canonical(name)
        at = next((i for i, h in enumerate(self.headers) if h.key == key), 0)
        return self.with_headers((*self.headers[:at], make_header(name, value), *self.headers[at:]))

    def with_last(self, name: bytes | str, value: bytes | str) -> Message:
        return self.with_headers((*self.headers, make_header(name, value)))

    def replaced(self, name: bytes | str, value: bytes | str) -> Message:
        """The first row of that name gets a new value, further ones go; appended when there is none."""
        key = headers.canonical(name)
        rows: list[Header] = []
        done = False
        for h in self.headers:
            if h.key != key:
                rows.append(h)
            elif not done:
                rows.append(make_header(h.name, value))
                done = True
        if not done:
            rows.append(make_header(name, value))
        return self.with_headers(rows)


def parse(data: bytes, *, allow_dangerous_bare_lf: bool = False) -> Message:
    """One datagram to one message. Raises SipError; `status` is None for a broken response (18.3: discard).
    """
    is_response = data[:4].upper() == b"SIP/"
    try:
        return _parse(data, is_response, allow_dangerous_bare_lf)
    except SipError as e:
        if is_response and e.status is not None:
            raise SipError(e.fault, e.detail, None) from e
        raise


def _parse(data: bytes, is_response: bool, bare_lf: bool) -> Message:
    line = _LINE_END.search(data)
    head = _HEAD_END.search(data)
    if line is None or head is None:
        raise SipError(Fault.TRUNCATED, "no end of headers")
    if _LONE_CR.search(data, 0, head.end()) or (not bare_lf and _LONE_LF.search(data, 0, head.end())):
        raise SipError(Fault.BARE_NEWLINE, "lone CR or LF in the header block")
    method, request_uri, status, reason = b"", b"", 0, b""
    if is_response:
        status, reason = _status_line(data[: line.start()])
    else:
        method, request_uri = _request_line(data[: line.start()])
    rows_end = _LINE_END.match(data, head.start()).end()  # type: ignore[union-attr]
    rows = _header_rows(data, line.end(), rows_end)
    body, trailing = _body(rows, data[head.end() :])
    return Message(
        data[: line.end()],
        rows,
        body,
        method,
        request_uri,
        status,
        reason,
        data[rows_end : head.end()],
        trailing,
    )


def _request_line(line: bytes) -> tuple[bytes, bytes]:
    """Request-Line = Method SP Request-URI SP SIP-Version: exactly one SP, none elsewhere (7.1)."""
    parts = line.split(b" ")
    if len(parts) != 3 or not all(parts) or b"\t" in line:
        raise SipError(Fault.START_LINE, "not three parts with one SP between")
    method, request_uri, version = parts
    if not _VERSION.match(version):
        raise SipError(Fault.START_LINE, "no SIP version")
    if not grammar.is_token(method):
        raise SipError(Fault.START_LINE, "method is no token")
    if version.upper() != b"SIP/2.0":
        raise SipError(Fault.VERSION, version.decode("ascii"), 505)
    return method, request_uri


def _status_line(line: bytes) -> tuple[int, bytes]:
    """Status-Line = SIP-Version SP Status-Code SP Reason-Phrase; the second SP stands even before no phrase
    (7.2).
    """
    m = _STATUS_LINE.match(line)
    if m is None:
        raise SipError(Fault.START_LINE, "bad status line")
    if m[1].upper() != b"SIP/2.0":
        raise SipError(Fault.VERSION, "unknown version")
    status = int(m[2])
    if not 100 <= status <= 699:
        raise SipError(Fault.STATUS_CODE, "outside 100-699")
    return status, m[3]


def _header_rows(data: bytes, start: int, end: int) -> tuple[Header, ...]:
    """Rows of data[start:end]; each ends with a CRLF that no white space follows (7.3.1)."""
    rows: list[Header] = []
    while start < end:
        m = _ROW_END.search(data, start, end)
        stop = end if m is None else m.end()
        rows.append(_header_row(data[start:stop], start))
        start = stop
    return tuple(rows)


def _header_row(raw: bytes, offset: int) -> Header:
    name, colon, value = raw.rstrip(b"\r\n").partition(b":")
    stripped = name.rstrip(b" \t")
    if not colon or not grammar.is_token(stripped):
        raise SipError(Fault.HEADER_NAME, "no header name")
    value_start = len(name) + 1
    lead = len(value) - len(value.lstrip(b" \t\r\n"))
    trimmed = value.strip(b" \t\r\n")
    first = value_start + lead if trimmed else value_start
    return Header(raw, stripped, grammar.unfold(value), first, first + len(trimmed), offset)


def _body(rows: tuple[Header, ...], rest: bytes) -> tuple[bytes, bytes]:
    """RFC 3261 18.3 for datagrams: cut at Content-Length; short is an error; absent means to the end."""
    lengths = [h.value for h in rows if h.key == b"content-length"]
    if not lengths:
        return rest, b""
    if len(lengths) > 1:
        raise SipError(Fault.CONTENT_LENGTH, "more than one")
    length = grammar.parse_uint(lengths[0], CONTENT_LENGTH_LIMIT)
    if length is None:
        raise SipError(Fault.CONTENT_LENGTH, "no number")
    if length > len(rest):
        raise SipError(Fault.TRUNCATED, "body shorter than Content-Length")
    return rest[:length], rest[length:]
