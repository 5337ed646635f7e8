"""The request and response checks of a proxy on a parsed message (RFC 3261 16.3, 16.11, 18.1.2).

Only what the proxy itself uses must be well formed (16.3 step 1); other headers are never a reason to refuse.
"""

from __future__ import annotations

from sip.errors import Fault, SipError
from sip.headers import SINGLE
from sip.message import Message

ROUTABLE_SCHEMES = frozenset({b"sip", b"sips", b"tel", b"urn"})  # urn: only service URNs (RFC 5031)
METHODS = frozenset(
    b"INVITE ACK BYE CANCEL OPTIONS REGISTER MESSAGE PRACK UPDATE INFO REFER NOTIFY SUBSCRIBE PUBLISH".split()
)


def check_request(message: Message) -> None:
    """Raises SipError with the status of RFC 3261 16.3 steps 1 and 2. Max-Forwards 0 is no fault here (483
    is step 3).
    """
    _check_singles(message)
    if message.request_uri[:1] == b"<":
        raise SipError(Fault.URI, "Request-URI in <>")
    uri = message.uri
    if uri.scheme not in ROUTABLE_SCHEMES or (
        uri.scheme == b"urn" and not uri.opaque.lower().startswith(b"service:")
    ):
        raise SipError(Fault.URI_SCHEME, uri.scheme.decode("ascii"), 416)
    if uri.headers:
        raise SipError(Fault.URI_HEADERS, "headers in the Request-URI")
    _check_common(message)
    _ = message.max_forwards
    if message.cseq.method != message.method:
        # RFC 4475 3.1.2.17 and 3.1.2.18: 400, and 501 for a method that nobody knows
        raise SipError(Fault.CSEQ_METHOD, "another method", 400 if message.method in METHODS else 501)
    message.addresses("Route")


def check_response(message: Message) -> None:
    """Raises SipError with status None: a response that fails is discarded (18.3)."""
    try:
        _check_singles(message)
        _check_common(message)
    except SipError as e:
        raise SipError(e.fault, e.detail, None) from e


def _check_singles(message: Message) -> None:
    seen: set[bytes] = set()
    for header in message.headers:
        key = header.key
        if key in SINGLE and key in seen:
            raise SipError(Fault.REPEATED_HEADER, key.decode("ascii"))
        seen.add(key)


def _check_common(message: Message) -> None:
    _ = message.vias, message.from_, message.to, message.call_id, message.cseq
