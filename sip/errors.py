"""What can be wrong with a message, and whose fault it is.

Every fault has a name (`Fault`), so that a test, a counter and a log line say the same word, and the status
that a UAS answers with (RFC 3261 8.2, 16.3). `status` is None where no answer exists: a response is never
answered.
"""

from __future__ import annotations

import enum


class Fault(enum.StrEnum):
    """Reasons for refusing bytes from the network."""

    START_LINE = "start-line"
    VERSION = "version"
    STATUS_CODE = "status-code"
    HEADER_NAME = "header-name"
    HEADER_SYNTAX = "header-syntax"
    BARE_NEWLINE = "bare-newline"
    TRUNCATED = "truncated"
    CONTENT_LENGTH = "content-length"
    URI = "uri"
    URI_SCHEME = "uri-scheme"
    URI_HEADERS = "uri-headers"
    NAME_ADDR = "name-addr"
    QUOTED_STRING = "quoted-string"
    PARAMETER = "parameter"
    VIA = "via"
    CSEQ = "cseq"
    CSEQ_METHOD = "cseq-method"
    CALL_ID = "call-id"
    MAX_FORWARDS = "max-forwards"
    MISSING_HEADER = "missing-header"
    REPEATED_HEADER = "repeated-header"


class SipError(ValueError):
    """The peer sent something the grammar forbids."""

    def __init__(self, fault: Fault, detail: str, status: int | None = 400) -> None:
        super().__init__(f"{fault.value}: {detail}")
        self.fault = fault
        self.detail = detail
        self.status = status
