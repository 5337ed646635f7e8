"""The words of RFC 3261 section 25.1 that more than one header is made of.

Rules:
- bytes in, bytes out; positions are offsets into what was passed in;
- linear white space (LWS) is SP, HT and folds; `unfold` turns each fold into one SP first (7.3.1), so the
  other functions only meet SP and HT;
- commas and semicolons inside quoted strings and inside `<...>` never split (7.3.1, 20.10);
- strict: what the grammar forbids raises `SipError`. The deliberate leniencies are named where they stand.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from sip.errors import Fault, SipError

# token = 1*(alphanum / "-" / "." / "!" / "%" / "*" / "_" / "+" / "`" / "'" / "~")
TOKEN_CHARS = frozenset(b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-.!%*_+`'~")
# word = token and  ( ) < > : \ " / [ ] ? { }
WORD_CHARS = TOKEN_CHARS | frozenset(b'()<>:\\"/[]?{}')

_FOLD = re.compile(rb"[ \t]*\r?\n[ \t]+")
_WS = b" \t"

Params = tuple[tuple[bytes, bytes | None], ...]


def unfold(value: bytes) -> bytes:
    """Each fold (CRLF and following white space, 7.3.1) becomes one SP; outer white space goes."""
    return _FOLD.sub(b" ", value).strip(_WS)


def is_token(text: bytes) -> bool:
    return bool(text) and all(c in TOKEN_CHARS for c in text)


def is_call_id(text: bytes) -> bool:
    """callid = word [ "@" word ]"""
    left, at, right = text.partition(b"@")
    words = (left, right) if at else (left,)
    return all(w and all(c in WORD_CHARS for c in w) for w in words)


def quoted_end(text: bytes, start: int) -> int:
    """Offset just behind the quoted string that opens at `start`; raises when it never closes.

    quoted-pair = "\\" (%x00-09 / %x0B-0C / %x0E-7F): CR and LF cannot be escaped, and no byte above 7F can.
    """
    i = start + 1
    while i < len(text):
        c = text[i]
        if c == 0x22:
            return i + 1
        if c == 0x5C:
            i += 1
            if i >= len(text) or text[i] in b"\r\n" or text[i] > 0x7F:
                raise SipError(Fault.QUOTED_STRING, "bad quoted-pair")
        elif (c < 0x20 and c != 0x09) or c == 0x7F:
            raise SipError(Fault.QUOTED_STRING, "control character")
        i += 1
    raise SipError(Fault.QUOTED_STRING, "unterminated")


def unquote(text: bytes) -> bytes:
    """The content of a quoted string, quoted-pairs resolved. `text` must be one whole quoted string."""
    if len(text) < 2 or text[0] != 0x22 or quoted_end(text, 0) != len(text):
        raise SipError(Fault.QUOTED_STRING, "not one quoted string")
    return re.sub(rb"\\(.)", rb"\1", text[1:-1], flags=re.DOTALL)


def quote(text: bytes) -> bytes:
    """`text` as a quoted string. CR and LF cannot be carried (25.1) and raise ValueError: it is our own
    mistake.
    """
    if b"\r" in text or b"\n" in text:
        raise ValueError("a quoted string cannot carry CR or LF")
    out = bytearray(b'"')
    for c in text:
        if c in b'"\\' or (c < 0x20 and c != 0x09) or c == 0x7F:
            out.append(0x5C)
        out.append(c)
    out.append(0x22)
    return bytes(out)


def spans(text: bytes, separator: int) -> Iterator[tuple[int, int]]:
    """(start, end) of the parts of `text` between separators that stand outside quotes and angle brackets.

    Parts are not trimmed and may be empty. An unterminated quote or bracket raises.
    """
    start = i = 0
    while i < len(text):
        c = text[i]
        if c == 0x22:
            i = quoted_end(text, i)
            continue
        if c == 0x3C:
            close = text.find(b">", i)
            if close < 0:
                raise SipError(Fault.NAME_ADDR, "unterminated <")
            i = close + 1
            continue
        if c == separator:
            yield start, i
            start = i + 1
        i += 1
    yield start, len(text)


def split_list(value: bytes) -> list[bytes]:
    """The trimmed elements of a comma list. An empty element raises: the grammar has none (section 25.1)."""
    parts = [value[a:b].strip(_WS) for a, b in spans(value, 0x2C)]
    if not all(parts):
        raise SipError(Fault.HEADER_SYNTAX, "empty list element")
    return parts


def parse_params(text: bytes) -> Params:
    """`;a=b;c` -> ((b"a", b"b"), (b"c", None)). Names are lower-cased, values are raw (quotes kept).

    generic-param = token [ EQUAL gen-value ]; gen-value = token / host / quoted-string. White space may
    stand around ";" and "=". A repeated name is kept: who looks it up takes the first.
    """
    if not text.strip(_WS):
        return ()
    pieces = [text[a:b] for a, b in spans(text, 0x3B)]
    if pieces[0].strip(_WS):
        raise SipError(Fault.PARAMETER, "expected ;")
    return tuple(_parse_param(p) for p in pieces[1:])


def _parse_param(piece: bytes) -> tuple[bytes, bytes | None]:
    name, equal, value = piece.partition(b"=")
    name = name.strip(_WS)
    if not is_token(name):
        raise SipError(Fault.PARAMETER, "name is no token")
    if not equal:
        return name.lower(), None
    value = value.strip(_WS)
    if value.startswith(b'"'):
        if quoted_end(value, 0) != len(value):
            raise SipError(Fault.PARAMETER, "text behind a quoted value")
    elif not is_token(value) and not _is_host_like(value):
        raise SipError(Fault.PARAMETER, "bad value")
    return name.lower(), value


# Leniency (RFC 5118 4.5): an IPv6 address without brackets is accepted, in `received=` and elsewhere. The
# same set admits the base64 "/", "=" and the ":" that deployed parameters carry unquoted; it never admits a
# separator that could end the parameter or the header.
_HOST_LIKE = re.compile(rb"[A-Za-z0-9\-.:_\[\]/=+@$&!~%*'`#?]+\Z")


def _is_host_like(value: bytes) -> bool:
    return _HOST_LIKE.match(value) is not None


def param(params: Params, name: bytes) -> bytes | None:
    """The raw value of the first parameter of that name; b"" when it stands without a value; None when
    absent.
    """
    name = name.lower()
    for key, value in params:
        if key == name:
            return b"" if value is None else value
    return None


def parse_uint(text: bytes, limit: int) -> int | None:
    """1*DIGIT not above `limit` (leading zeros are legal, 4475 wsinv); None for anything else."""
    digits = text.lstrip(b"0")
    if not text or not text.isdigit() or len(digits) > 20:
        return None
    value = int(digits or b"0")  # without the zeros: int() refuses very long digit strings
    return value if value <= limit else None
