"""Header names: compact forms, and which names are comma lists.

Sources: RFC 3261 20 and 7.3.3, and the RFCs named beside the entries; see also the IANA SIP parameters
registry. The native tables are generated elsewhere; a test compares them with these.
"""

from __future__ import annotations

COMPACT: dict[bytes, bytes] = {
    b"a": b"accept-contact",  # RFC 3841
    b"b": b"referred-by",  # RFC 3892
    b"c": b"content-type",
    b"d": b"request-disposition",  # RFC 3841
    b"e": b"content-encoding",
    b"f": b"from",
    b"i": b"call-id",
    b"j": b"reject-contact",  # RFC 3841
    b"k": b"supported",
    b"l": b"content-length",
    b"m": b"contact",
    b"o": b"event",  # RFC 6665
    b"r": b"refer-to",  # RFC 3515
    b"s": b"subject",
    b"t": b"to",
    b"u": b"allow-events",  # RFC 6665
    b"v": b"via",
    b"x": b"session-expires",  # RFC 4028
    b"y": b"identity",  # RFC 8224
}

# Rows of these names equal one comma list (7.3.1). Digest headers look like lists and are none: never join
# or split.
LISTS = frozenset(
    {
        b"accept", b"accept-contact", b"accept-encoding", b"accept-language", b"alert-info", b"allow",
        b"allow-events", b"call-info", b"contact", b"content-encoding", b"content-language", b"diversion",
        b"error-info", b"history-info", b"identity", b"in-reply-to", b"p-asserted-identity",
        b"p-associated-uri", b"p-preferred-identity", b"path", b"proxy-require", b"reason", b"record-route",
        b"reject-contact", b"request-disposition", b"require", b"resource-priority", b"route",
        b"service-route", b"supported", b"unsupported", b"via", b"warning",
    }
)  # fmt: skip

# At most one row, one value (RFC 3261 table 2 and 20; RFC 4475 3.3.8).
SINGLE = frozenset({b"call-id", b"content-length", b"content-type", b"cseq", b"from", b"max-forwards", b"to"})


def canonical(name: bytes | str) -> bytes:
    """Long form, lower case: b"f", "FROM" and b"From" are all b"from" (7.3.1, 7.3.3)."""
    key = (name.encode("ascii") if isinstance(name, str) else name).lower()
    return COMPACT.get(key, key)
