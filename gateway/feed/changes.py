"""Changes: everything that can happen to lists, cards and policy, as records of the log.

A record is one msgpack map {seq, time, origin, op, ...}: `seq` counts from 1 without gaps, `time` is unix
milliseconds, `origin` says who wrote it ("cli:root", "admin:127.0.0.1"), `op` names the change, the rest
are its fields. Records are strict on both sides: an operation or a field that this version does not know is
an error and never skipped, because an edge that skips half a change enforces something that nobody wrote.

Numbers travel as keys: little-endian unsigned 64-bit integers, one after the other, E.164 with the country
code first; short codes carry bit 62 and a leading 1 (native/csrc/cw_number.h). Patterns travel as text, so
that the log can be read:

    +861380013*                       a prefix, any length
    +861380013????                    a prefix and the digits still to come: a pinned length
    +8613800130000-+8613800139999     a range, both ends included, ends of equal length
    106*    95???                     the same for short codes, without +
"""

from typing import Any, Literal, TypeAlias, get_args

import msgspec

Pattern: TypeAlias = str
ListKind: TypeAlias = Literal["allow", "deny", "card", "watch"]
Mode: TypeAlias = Literal["enforce", "shadow"]

LIST_KINDS: tuple[ListKind, ...] = get_args(ListKind)
MODES: tuple[Mode, ...] = get_args(Mode)

KEY_BYTES = 8
ENVELOPE = ("seq", "time", "origin")


class FeedError(Exception):
    """The log cannot be followed: a gap, a record that cannot be read, a file in use. `seq` is the record,
    or None.
    """

    def __init__(self, reason: str, *, seq: int | None = None) -> None:
        super().__init__(reason if seq is None else f"seq {seq}: {reason}")
        self.seq = seq


class _Op(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True, tag_field="op"
):
    """Base of all changes."""


class ListDefine(_Op, frozen=True, kw_only=True, tag="list.define"):
    name: str
    kind: ListKind


class _Entries(_Op, frozen=True, kw_only=True):
    """Entries of one list and what is known of them; what is known is the same for all entries of one
    change.
    """

    list: str
    numbers: bytes = b""
    patterns: tuple[Pattern, ...] = ()
    category: str = ""
    source: str = ""
    score: int = 0  # 0..255
    expiry_s: int = 0  # unix seconds, 0 = never
    note: str = ""


class ListAdd(_Entries, frozen=True, kw_only=True, tag="list.add"):
    """Add entries; an entry that is there already takes the new attributes."""


class ListReplace(_Entries, frozen=True, kw_only=True, tag="list.replace"):
    """Throw away all entries of the list and take these, in one swap."""


class ListRemove(_Op, frozen=True, kw_only=True, tag="list.remove"):
    """Remove entries; a number that only a pattern covers stays covered."""

    list: str
    numbers: bytes = b""
    patterns: tuple[Pattern, ...] = ()


class ListClear(_Op, frozen=True, kw_only=True, tag="list.clear"):
    list: str


class CardAdd(_Op, frozen=True, kw_only=True, tag="card.add"):
    """An authoritative label for numbers: what the called person sees instead of bare digits."""

    list: str = "card"
    numbers: bytes = b""
    patterns: tuple[Pattern, ...] = ()
    name: str  # shown; with `organisation` at most 48 bytes
    organisation: str = ""  # shown before the name
    reason: str = ""  # Call-Info call-reason, at most 64 characters
    icon: str = ""  # https URL of a picture
    category: str = ""
    source: str = ""
    expiry_s: int = 0
    note: str = ""


class CardRemove(_Op, frozen=True, kw_only=True, tag="card.remove"):
    list: str = "card"
    numbers: bytes = b""
    patterns: tuple[Pattern, ...] = ()


class PolicySet(_Op, frozen=True, kw_only=True, tag="policy.set"):
    text: str  # TOML, gateway/policy.py


class PolicyMode(_Op, frozen=True, kw_only=True, tag="policy.mode"):
    rule: str
    mode: Mode


Change: TypeAlias = (
    ListDefine
    | ListAdd
    | ListReplace
    | ListRemove
    | ListClear
    | CardAdd
    | CardRemove
    | PolicySet
    | PolicyMode
)
Adding: TypeAlias = ListAdd | ListReplace | CardAdd
Removing: TypeAlias = ListRemove | CardRemove

_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(dict[str, Any])


class Record(msgspec.Struct, frozen=True):
    seq: int
    time_ms: int
    origin: str
    change: Change


def op_of(change: Change) -> str:
    return str(change.__struct_config__.tag)


def pack(record: Record) -> bytes:
    fields = msgspec.to_builtins(record.change, builtin_types=(bytes,))
    return _encoder.encode({"seq": record.seq, "time": record.time_ms, "origin": record.origin, **fields})


def unpack(body: bytes, *, expected_seq: int) -> Record:
    """Raises FeedError when the record is not exactly a change that this version knows, or not the one
    expected.
    """
    try:
        fields = _decoder.decode(body)
        seq, time_ms, origin = (fields.pop(key, None) for key in ENVELOPE)
        if not isinstance(seq, int) or not isinstance(time_ms, int) or not isinstance(origin, str):
            raise FeedError("the record has no seq, time or origin", seq=expected_seq)
        change = msgspec.convert(fields, Change)
    except (msgspec.DecodeError, msgspec.ValidationError) as fault:
        raise FeedError(f"the record cannot be read: {fault}", seq=expected_seq) from None
    if seq != expected_seq:
        raise FeedError(f"the record says that it is seq {seq}", seq=expected_seq)
    return Record(seq=seq, time_ms=time_ms, origin=origin, change=change)
