"""Numbers and the parties of a call, as the data plane computes them (native/csrc/cw_number.h)."""

from collections.abc import Iterable
from typing import Final, Self, TypedDict, final, type_check_only

CLASS_NAMES: Final[tuple[str, ...]]
FLAG_NAMES: Final[dict[int, str]]

@type_check_only
class Party(TypedDict):
    key: int  # 0 = no number
    classes: frozenset[str]
    raw: str  # user part as received, surrogate escapes for octets that are no UTF-8

@type_check_only
class Parties(TypedDict):
    caller: Party
    presented: Party
    callee: Party
    flags: frozenset[str]

def canonical(
    text: str | bytes,
    *,
    country_code: int = 86,
    area: str | bytes = "",
    bare_is_foreign: bool = False,
    strip: Iterable[str | bytes] = (),
    context: str | bytes = "",
) -> tuple[int, frozenset[str]]: ...
def num_text(key: int) -> str: ...
def num_digits(key: int) -> int: ...
def is_emergency(key: int) -> bool: ...
def identify(
    datagram: bytes | bytearray | memoryview,
    *,
    trusted: bool,
    country_code: int = 86,
    area: str | bytes = "",
    bare_is_foreign: bool = False,
    strip: Iterable[str | bytes] = (),
) -> Parties: ...
def emergency(
    datagram: bytes | bytearray | memoryview,
    *,
    trusted: bool = False,
    country_code: int = 86,
    area: str | bytes = "",
    bare_is_foreign: bool = False,
    strip: Iterable[str | bytes] = (),
    extra_callees: Iterable[int] = (),
    psap_callers: Iterable[int] = (),
) -> bool: ...

@final
class BulkReader:
    def __new__(
        cls,
        *,
        country_code: int = 86,
        area: str | bytes = "",
        strip: Iterable[str | bytes] = (),
        columns: int = 0,
        number_at: int = 0,
    ) -> Self: ...
    def read(
        self, data: bytes, start: int
    ) -> tuple[int, int, list[tuple[bytes, bytes, bytes]], list[tuple[int, int, int]]]: ...
