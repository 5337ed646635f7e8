"""Requests and responses of our own making (RFC 3261 8.1.1, 8.2.6, 18.2.1; RFC 3581 4)."""

from __future__ import annotations

import re
from collections.abc import Iterable

from sip import grammar
from sip.addr import parse_name_addr, parse_via
from sip.headers import canonical
from sip.message import Header, Message, make_header

REASONS = {
    100: "Trying", 180: "Ringing", 181: "Call Is Being Forwarded", 182: "Queued", 183: "Session Progress",
    200: "OK", 202: "Accepted", 301: "Moved Permanently", 302: "Moved Temporarily", 400: "Bad Request",
    401: "Unauthorized", 403: "Forbidden", 404: "Not Found", 405: "Method Not Allowed",
    407: "Proxy Authentication Required", 408: "Request Timeout", 415: "Unsupported Media Type",
    416: "Unsupported URI Scheme", 420: "Bad Extension", 433: "Anonymity Disallowed",
    440: "Max-Breadth Exceeded",
    480: "Temporarily Unavailable", 481: "Call/Transaction Does Not Exist", 482: "Loop Detected",
    483: "Too Many Hops", 484: "Address Incomplete", 486: "Busy Here", 487: "Request Terminated",
    488: "Not Acceptable Here", 500: "Server Internal Error", 501: "Not Implemented", 502: "Bad Gateway",
    503: "Service Unavailable", 504: "Server Time-out", 505: "Version Not Supported",
    513: "Message Too Large",
    600: "Busy Everywhere", 603: "Decline", 604: "Does Not Exist Anywhere", 606: "Not Acceptable",
    607: "Unwanted", 608: "Rejected",
}  # fmt: skip

HeaderItem = tuple[bytes | str, bytes | str]


def _bytes(text: bytes | str) -> bytes:
    return text.encode("utf-8") if isinstance(text, str) else text


def build_request(
    method: bytes | str,
    request_uri: bytes | str,
    *,
    via: bytes | str,
    from_: bytes | str,
    to: bytes | str,
    call_id: bytes | str,
    cseq: int,
    max_forwards: int = 70,
    headers: Iterable[HeaderItem] = (),
    body: bytes = b"",
) -> Message:
    """The six headers every request has (8.1.1), then `headers`, then Content-Length. Nothing is made up
    here.
    """
    m, uri = _bytes(method), _bytes(request_uri)
    if not grammar.is_token(m) or not uri or any(c <= 0x20 for c in uri):
        raise ValueError("bad method or Request-URI")
    rows = [
        make_header("Via", via),
        make_header("Max-Forwards", str(max_forwards)),
        make_header("From", from_),
        make_header("To", to),
        make_header("Call-ID", call_id),
        make_header("CSeq", b"%d %s" % (cseq, m)),
        *(make_header(n, v) for n, v in headers),
        make_header("Content-Length", str(len(body))),
    ]
    return Message(m + b" " + uri + b" SIP/2.0\r\n", tuple(rows), body, method=m, request_uri=uri)


def build_response(
    request: Message,
    status: int,
    reason: str | None = None,
    *,
    to_tag: bytes | str | None = None,
    headers: Iterable[HeaderItem] = (),
    body: bytes = b"",
    source: tuple[str, int] | None = None,
) -> Message:
    """RFC 3261 8.2.6: Via (all, in order), From, To, Call-ID, CSeq come from the request, byte for byte.

    A To without a tag gets `to_tag`, which everything but a 100 needs (8.2.6.2). With `source` the top Via
    gets `received` and `rport` as 18.2.1 and RFC 3581 4 say. A 100 takes the Timestamp along (8.2.6.1).
    """
    if not 100 <= status <= 699:
        raise ValueError(f"no status code: {status}")
    phrase = (REASONS.get(status, "") if reason is None else reason).encode("utf-8")
    if b"\r" in phrase or b"\n" in phrase:
        raise ValueError("a reason phrase cannot carry CR or LF")
    copied = {b"via", b"from", b"call-id", b"cseq"} | ({b"timestamp"} if status == 100 else set())
    rows: list[Header] = []
    for row in request.headers:
        if row.key in copied:
            rows.append(row)
        elif row.key == b"to":
            rows.append(_tagged(row, status, to_tag))
    if source is not None:
        rows = _with_source(rows, source)
    rows += [make_header(n, v) for n, v in headers]
    rows.append(make_header("Content-Length", str(len(body))))
    line = b"SIP/2.0 %d %s\r\n" % (status, phrase)
    return Message(line, tuple(rows), body, status=status, reason=phrase)


def _tagged(row: Header, status: int, to_tag: bytes | str | None) -> Header:
    if parse_name_addr(row.value).tag is not None or (status == 100 and to_tag is None):
        return row
    if to_tag is None:
        raise ValueError("this response needs a To tag")
    return make_header(row.name, row.value + b";tag=" + _bytes(to_tag))


def _with_source(rows: list[Header], source: tuple[str, int]) -> list[Header]:
    """The top Via as received from `source`; further values on the same row stay as they are."""
    at = next(i for i, r in enumerate(rows) if canonical(r.name) == b"via")
    value = rows[at].value
    start, end = next(grammar.spans(value, 0x2C))
    marked = mark_via(value[start:end].strip(b" \t"), source)
    rows[at] = make_header(rows[at].name, marked + value[end:])
    return rows


_RPORT = re.compile(rb"(;[ \t]*rport)(?=[ \t]*(?:;|\Z))", re.IGNORECASE)


def mark_via(value: bytes, source: tuple[str, int]) -> bytes:
    """One Via value as the transport layer leaves it: `received` when sent-by is not the source or rport
    asks for it.
    """
    via = parse_via(value)
    host, port = source
    asks = via.param(b"rport") == b""
    out = _RPORT.sub(lambda m: m[1] + b"=%d" % port, value, count=1) if asks else value
    if (asks or via.host.strip(b"[]").decode("ascii").lower() != host.lower()) and via.param(
        b"received"
    ) is None:
        out += b";received=" + host.encode("ascii")
    return out
