"""Header values with structure: name-addr / addr-spec, Via, CSeq (RFC 3261 25.1, 20.10, 20.16, 20.42).

Values come in unfolded and trimmed, one list element at a time. Rules:
- without `<>` everything behind `;` is a header parameter and `,` `?` must not occur (20.10, RFC 8217);
- display-name = *(token LWS) / quoted-string; no white space is needed before `<` (RFC 4475 lwsdisp);
- a Via of somebody else is only ever checked for shape: unknown parameters are fine (RFC 5393 4.2.4).
"""

from __future__ import annotations

import re

import msgspec

from sip.errors import Fault, SipError
from sip.grammar import Params, is_token, param, parse_params, parse_uint, quoted_end, unquote
from sip.uri import Uri, parse_uri, split_hostport

CSEQ_LIMIT = 2**31 - 1  # RFC 3261 8.1.1.5: MUST be less than 2**31
CSEQ_WIRE_LIMIT = 2**32 - 1  # what a receiver refuses (RFC 4475 3.1.2.4)

_VIA = re.compile(
    rb"(?P<name>[^ \t/;,]+)[ \t]*/[ \t]*(?P<version>[^ \t/;,]+)[ \t]*/[ \t]*(?P<transport>[^ \t/;,]+)[ \t]+"
    rb"(?P<host>\[[^\]]*\]|[^ \t:;,\[\]]+)[ \t]*(?::[ \t]*(?P<port>[0-9]+)[ \t]*)?(?P<params>;.*)?\Z",
    re.DOTALL,
)
_CSEQ = re.compile(rb"(?P<number>[0-9]+)[ \t]+(?P<method>[^ \t]+)\Z")


class NameAddr(msgspec.Struct, frozen=True):
    """One address of From, To, Contact, Route, P-Asserted-Identity..."""

    raw: bytes
    display: bytes | None  # as written (quotes kept); None when there is none
    uri: Uri
    params: Params
    bracketed: bool

    def param(self, name: bytes) -> bytes | None:
        return param(self.params, name)

    @property
    def tag(self) -> bytes | None:
        return self.param(b"tag")

    @property
    def display_text(self) -> str | None:
        """What a person would read: unquoted, UTF-8, broken sequences replaced."""
        if self.display is None:
            return None
        text = unquote(self.display) if self.display.startswith(b'"') else self.display
        return text.decode("utf-8", "replace")


class Via(msgspec.Struct, frozen=True):
    raw: bytes
    protocol: bytes  # b"SIP/2.0"
    transport: bytes  # upper case
    host: bytes
    port: int | None
    params: Params

    def param(self, name: bytes) -> bytes | None:
        return param(self.params, name)

    @property
    def branch(self) -> bytes | None:
        return self.param(b"branch")

    @property
    def sent_by(self) -> bytes:
        return self.host if self.port is None else self.host + b":%d" % self.port


class CSeq(msgspec.Struct, frozen=True):
    number: int
    method: bytes


def parse_name_addr(value: bytes) -> NameAddr:
    """( name-addr / addr-spec ) *( SEMI generic-param )"""
    i = 0
    display: bytes | None = None
    if value.startswith(b'"'):
        i = quoted_end(value, 0)
        display = value[:i]
        rest = value[i:].lstrip(b" \t")
        if not rest.startswith(b"<"):
            raise SipError(Fault.NAME_ADDR, "quoted display name without <")
    else:
        before, bracket, after = value.partition(b"<")
        if not bracket:
            return _parse_addr_spec(value)
        name = before.strip(b" \t")
        if name:
            if not all(is_token(word) for word in name.split()):
                raise SipError(Fault.NAME_ADDR, "display name needs quotes")
            display = name
        rest = b"<" + after
    inside, bracket, tail = rest[1:].partition(b">")
    if not bracket:
        raise SipError(Fault.NAME_ADDR, "unterminated <")
    return NameAddr(value, display, parse_uri(inside), parse_params(tail), True)


def _parse_addr_spec(value: bytes) -> NameAddr:
    spec, semicolon, tail = value.partition(b";")
    spec = spec.rstrip(b" \t")
    if b"?" in spec or b"," in spec:
        raise SipError(Fault.NAME_ADDR, "this address needs <>")
    return NameAddr(value, None, parse_uri(spec), parse_params(semicolon + tail), False)


def parse_via(value: bytes) -> Via:
    """via-parm = sent-protocol LWS sent-by *( SEMI via-params )"""
    m = _VIA.match(value)
    if m is None:
        raise SipError(Fault.VIA, "bad shape")
    if not all(is_token(m[g]) for g in ("name", "version", "transport")):
        raise SipError(Fault.VIA, "bad protocol")
    try:
        host, port = split_hostport(m["host"] + (b":" + m["port"] if m["port"] is not None else b""))
        params = parse_params(m["params"] or b"")
    except SipError as e:
        raise SipError(Fault.VIA, e.detail) from e
    return Via(value, m["name"].upper() + b"/" + m["version"], m["transport"].upper(), host, port, params)


def parse_cseq(value: bytes) -> CSeq:
    """CSeq = 1*DIGIT LWS Method; refused above 2**32-1 (RFC 4475 3.1.2.4)."""
    m = _CSEQ.match(value)
    number = None if m is None else parse_uint(m["number"], CSEQ_WIRE_LIMIT)
    if m is None or number is None or not is_token(m["method"]):
        raise SipError(Fault.CSEQ, "bad CSeq")
    return CSeq(number, m["method"])
