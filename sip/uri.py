"""SIP, SIPS and tel URIs, and anything else as scheme and rest.

RFC 3261 19.1 and 25.1, RFC 3966 3. Rules:
- parts stay raw bytes, %-escapes included; `unescape` decodes once, never recursively (RFC 4475 3.1.1.3);
- `;` inside the user part belongs to the user part (RFC 4475 semiuri): only what follows the host are
  parameters;
- strict, with two named leniencies: `_` in host names (seen in private domains), and an IPv6 reference
  whose inside is only checked for its alphabet when the address library refuses it (RFC 5118 4.10).
"""

from __future__ import annotations

import ipaddress
import re

import msgspec

from sip.errors import Fault, SipError
from sip.grammar import Params, param, parse_uint

_SCHEME = re.compile(rb"[A-Za-z][A-Za-z0-9+.\-]*\Z")
_HEX = rb"%[0-9A-Fa-f]{2}"
_UNRESERVED = rb"A-Za-z0-9\-_.!~*'()"
_USER = re.compile(rb"(?:[" + _UNRESERVED + rb"&=+$,;?/]|" + _HEX + rb")+\Z")
_PASSWORD = re.compile(rb"(?:[" + _UNRESERVED + rb"&=+$,]|" + _HEX + rb")*\Z")
_PARAM = re.compile(rb"(?:[" + _UNRESERVED + rb"\[\]/:&+$]|" + _HEX + rb")+\Z")
_HEADER_PART = re.compile(rb"(?:[" + _UNRESERVED + rb"\[\]/?:+$]|" + _HEX + rb")*\Z")
_LABEL = rb"[A-Za-z0-9_](?:[A-Za-z0-9_\-]*[A-Za-z0-9_])?"
_HOSTNAME = re.compile(rb"(?:" + _LABEL + rb"\.)*" + _LABEL + rb"\.?\Z")
_IPV6_CHARS = re.compile(rb"[0-9A-Fa-f:.]+\Z")
_TEL_GLOBAL = re.compile(rb"\+[\-.()]*[0-9][0-9\-.()]*\Z")
_TEL_LOCAL = re.compile(rb"[\-.()]*[0-9A-Fa-f*#][0-9A-Fa-f*#\-.()]*\Z")
_OPAQUE = re.compile(rb"(?:[" + _UNRESERVED + rb";/?:@&=+$,\[\]#]|" + _HEX + rb")+\Z")
_ESCAPE = re.compile(rb"%([0-9A-Fa-f]{2})")


class Uri(msgspec.Struct, frozen=True):
    """A URI in parts. For tel, `user` is the number as written and `host` is empty; for others `opaque` is
    the rest.
    """

    raw: bytes
    scheme: bytes  # lower case
    user: bytes | None = None
    password: bytes | None = None
    host: bytes = b""  # as written; an IPv6 address keeps its brackets
    port: int | None = None
    params: Params = ()
    headers: tuple[tuple[bytes, bytes], ...] = ()
    opaque: bytes = b""

    @property
    def is_sip(self) -> bool:
        return self.scheme in (b"sip", b"sips")

    def param(self, name: bytes) -> bytes | None:
        return param(self.params, name)


def unescape(text: bytes) -> bytes:
    """%-escapes decoded once. A `%25` becomes `%` and is not looked at again."""
    return _ESCAPE.sub(lambda m: bytes([int(m.group(1), 16)]), text)


def parse_uri(raw: bytes) -> Uri:
    """Raises SipError(URI) for what the grammar forbids. Unknown schemes parse; who routes answers 416."""
    scheme, colon, rest = raw.partition(b":")
    if not colon or not _SCHEME.match(scheme):
        raise SipError(Fault.URI, "no scheme")
    scheme = scheme.lower()
    if scheme in (b"sip", b"sips"):
        return _parse_sip(raw, scheme, rest)
    if scheme == b"tel":
        return _parse_tel(raw, rest)
    if not _OPAQUE.match(rest):
        raise SipError(Fault.URI, "bad characters")
    return Uri(raw, scheme, opaque=rest)


def _parse_sip(raw: bytes, scheme: bytes, rest: bytes) -> Uri:
    user: bytes | None = None
    password: bytes | None = None
    userinfo, at, hostpart = rest.rpartition(b"@")
    if at:
        user, colon, secret = userinfo.partition(b":")
        if not _USER.match(user):
            raise SipError(Fault.URI, "bad user part")
        if colon:
            if not _PASSWORD.match(secret):
                raise SipError(Fault.URI, "bad password")
            password = secret
    hostpart, question, headertext = hostpart.partition(b"?")
    hostport, semicolon, paramtext = hostpart.partition(b";")
    host, port = split_hostport(hostport)
    params = _parse_uri_params(paramtext) if semicolon else ()
    headers = _parse_uri_headers(headertext) if question else ()
    return Uri(raw, scheme, user, password, host, port, params, headers)


def _parse_tel(raw: bytes, rest: bytes) -> Uri:
    """telephone-uri = "tel:" (global-number / local-number), RFC 3966 3."""
    number, semicolon, paramtext = rest.partition(b";")
    params = _parse_uri_params(paramtext) if semicolon else ()
    if _TEL_GLOBAL.match(number):
        return Uri(raw, b"tel", number, params=params)
    if not _TEL_LOCAL.match(number):
        raise SipError(Fault.URI, "bad telephone number")
    # RFC 3966 5.1.5 demands phone-context of a local number; deployed networks send `tel:110` without it, and
    # refusing that would cut an emergency call. Leniency: accepted; `is_global_tel` tells.
    return Uri(raw, b"tel", number, params=params)


def is_global_tel(uri: Uri) -> bool:
    return uri.scheme == b"tel" and uri.user is not None and uri.user.startswith(b"+")


def split_hostport(text: bytes) -> tuple[bytes, int | None]:
    """hostport = host [ ":" port ] without white space -> (host as written, port or None)."""
    if text.startswith(b"["):
        inside, bracket, tail = text[1:].partition(b"]")
        if not bracket or not _is_ipv6(inside):
            raise SipError(Fault.URI, "bad IPv6 reference")
        host = b"[" + inside + b"]"
        if tail and not tail.startswith(b":"):
            raise SipError(Fault.URI, "text behind an IPv6 reference")
        porttext = tail[1:] if tail else None
    else:
        host, colon, after = text.partition(b":")
        porttext = after if colon else None
        if len(host) > 255 or not _HOSTNAME.match(host):
            raise SipError(Fault.URI, "bad host")
    if porttext is None:
        return host, None
    port = parse_uint(porttext, 65535)
    if port is None:
        raise SipError(Fault.URI, "bad port")
    return host, port


def _is_ipv6(inside: bytes) -> bool:
    try:
        ipaddress.IPv6Address(inside.decode("ascii"))
    except (UnicodeDecodeError, ValueError):
        return bool(_IPV6_CHARS.match(inside)) and b":" in inside
    return b"%" not in inside


def _parse_uri_params(text: bytes) -> Params:
    out: list[tuple[bytes, bytes | None]] = []
    for piece in text.split(b";"):
        name, equal, value = piece.partition(b"=")
        if not _PARAM.match(name) or (equal and not _PARAM.match(value)):
            raise SipError(Fault.URI, "bad URI parameter")
        out.append((name.lower(), value if equal else None))
    return tuple(out)


def _parse_uri_headers(text: bytes) -> tuple[tuple[bytes, bytes], ...]:
    out: list[tuple[bytes, bytes]] = []
    for piece in text.split(b"&"):
        name, equal, value = piece.partition(b"=")
        if not equal or not name or not _HEADER_PART.match(name) or not _HEADER_PART.match(value):
            raise SipError(Fault.URI, "bad URI header")
        out.append((name, value))
    return tuple(out)


# Parameters that must agree when only one side has them (RFC 3261 19.1.4).
_MATCH_IF_EITHER = (b"user", b"ttl", b"method", b"maddr", b"transport")


def equivalent(a: Uri, b: Uri) -> bool:
    """RFC 3261 19.1.4 for SIP(S), RFC 3966 4 for tel, byte equality for others."""
    if a.scheme != b.scheme:
        return False
    if a.scheme == b"tel":
        return _tel_digits(a) == _tel_digits(b) and _folded(a.params) == _folded(b.params)
    if not a.is_sip:
        return a.raw == b.raw
    if _plain(a.user) != _plain(b.user) or _plain(a.password) != _plain(b.password):
        return False
    if a.host.lower() != b.host.lower() or a.port != b.port:
        return False
    pa, pb = _folded(a.params), _folded(b.params)
    for name in pa.keys() | pb.keys():
        if name in pa and name in pb:
            if pa[name] != pb[name]:
                return False
        elif name in _MATCH_IF_EITHER:
            return False
    ha = sorted((n.lower(), unescape(v)) for n, v in a.headers)
    hb = sorted((n.lower(), unescape(v)) for n, v in b.headers)
    return ha == hb


def _plain(part: bytes | None) -> bytes | None:
    return None if part is None else unescape(part)


def _folded(params: Params) -> dict[bytes, bytes | None]:
    out: dict[bytes, bytes | None] = {}
    for name, value in params:
        out.setdefault(unescape(name).lower(), None if value is None else unescape(value).lower())
    return out


def _tel_digits(uri: Uri) -> bytes:
    return (uri.user or b"").translate(None, b"-.()").lower()
