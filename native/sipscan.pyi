"""The scanner of the data plane as tests and tools see it (native/csrc/cw_scan.h).

Spans are (start, end) offsets.
"""

from typing import NamedTuple, final

Span = tuple[int, int]

class Header(NamedTuple):
    id: str  # canonical spelling, "" for a name that the core does not know
    name: Span
    value: Span  # trimmed
    line: Span  # folds and line end included
    folded: bool
    values: list[Span]  # members of the comma list, up to its end or its first fault
    bad_list: bool

class Via(NamedTuple):
    value: Span
    line: Span | None
    alone: bool
    transport: str | None  # "udp", "tcp", "tls", None for any other
    has_rport: bool
    sent_by: Span
    host: Span
    host_ipv6: bool
    port: int  # 0 = none
    branch: Span | None
    received: Span | None
    maddr: Span | None
    rport: int  # 0 = none
    rport_param: Span | None
    received_param: Span | None

class Address(NamedTuple):
    value: Span
    display: Span | None
    uri: Span
    params: Span | None
    tag: Span | None
    brackets: bool

class Uri(NamedTuple):
    all: Span
    scheme: str  # "sip", "sips", "tel", "urn:service", "other"
    user_phone: bool
    lr: bool
    user: Span | None
    host: Span | None
    host_ipv6: bool
    port: int  # 0 = none
    params: Span | None
    headers: Span | None
    maddr: Span | None

@final
class Scanned:
    @property
    def reason(self) -> str | None: ...
    @property
    def scan_reason(self) -> str | None: ...
    @property
    def check_reason(self) -> str | None: ...
    @property
    def is_response(self) -> bool: ...
    @property
    def method(self) -> str: ...
    @property
    def method_span(self) -> Span | None: ...
    @property
    def status(self) -> int: ...
    @property
    def ruri(self) -> Span | None: ...
    @property
    def headers_span(self) -> Span: ...
    @property
    def body(self) -> Span | None: ...
    @property
    def headers(self) -> list[Header]: ...
    @property
    def via(self) -> Via | None: ...
    @property
    def via2(self) -> Via | None: ...
    @property
    def from_(self) -> Address | None: ...
    @property
    def to(self) -> Address | None: ...
    @property
    def call_id(self) -> Span | None: ...
    @property
    def cseq(self) -> int: ...
    @property
    def cseq_method(self) -> Span | None: ...
    @property
    def max_forwards(self) -> int | None: ...
    @property
    def max_forwards_digits(self) -> Span | None: ...
    @property
    def uri(self) -> Uri | None: ...
    @property
    def has_content_length(self) -> bool: ...
    @property
    def length(self) -> int: ...

def scan(data: bytes) -> Scanned: ...
def uri(data: bytes) -> Uri: ...
def via(data: bytes) -> Via: ...
def address(data: bytes) -> Address: ...
def param(data: bytes, name: bytes) -> tuple[bool, Span | None]: ...
def reasons() -> list[tuple[str, int]]: ...
def header_id(name: bytes) -> str: ...
def method_id(name: bytes) -> str: ...
