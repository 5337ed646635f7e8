"""One decision as the data plane records it (struct cw_record, native/csrc/cw_ring.h) and in words.

A record holds indexes; `Names` says what they mean. Names travel in the journal, by `rules_seq`, so that a
reader needs neither the gateway nor the rules of that day.
"""

from __future__ import annotations

import ipaddress
import struct
from collections.abc import Sequence
from typing import Any

import msgspec

from native.numbers import num_text
from native.world import ACTIONS, RECORD_BYTES, callee_in, caller_in, fact_names, methods, reasons

# time_ns rules_seq caller presented callee | facts | latency_ns text | reason rule shadow trunk hop target
# code | action method | source ip, port | three lengths | call_id caller_raw callee_raw
RECORD = struct.Struct("<5Q 32s 2I 7H 2B 16s H 3B 3x 64s 40s 40s")
assert RECORD.size == RECORD_BYTES
NONE = 0xFFFF  # CW_NO_RULE, CW_NO_TRUNK, CW_NO_HOP
RULES_SEQ_WORD, RECORD_WORDS = 1, RECORD_BYTES // 8
FACTS = 256


class Names(msgspec.Struct, frozen=True):
    """What the indexes of records mean, for one `rules_seq`."""

    rules_seq: int
    rules: tuple[str, ...]
    trunks: tuple[str, ...]
    hops: tuple[str, ...]
    facts: tuple[str, ...]  # by bit; "" = a bit without a name
    reasons: tuple[str, ...]
    actions: tuple[str, ...]
    methods: tuple[str, ...]


UNKNOWN = Names(0, (), (), (), (), (), (), ())


def names_for(
    rules_seq: int,
    *,
    rules: Sequence[str],
    trunks: Sequence[str],
    hops: Sequence[str],
    lists: Sequence[str],
) -> Names:
    """Names of a world; `lists` in the order of their indexes."""
    return Names(
        rules_seq=rules_seq,
        rules=tuple(rules),
        trunks=tuple(trunks),
        hops=tuple(hops),
        facts=fact_texts(lists),
        reasons=tuple(name for name, _ in reasons()),
        actions=ACTIONS,
        methods=tuple(methods()),
    )


def fact_texts(lists: Sequence[str]) -> tuple[str, ...]:
    facts = [""] * FACTS
    for name, bit in fact_names().items():
        facts[bit] = name
    for index, name in enumerate(lists):
        facts[caller_in(index)] = f"caller.in.{name}"
        facts[callee_in(index)] = f"callee.in.{name}"
    return tuple(facts)


class Record(msgspec.Struct, frozen=True):
    """A decision in words. What is unknown is "#index", what is absent is None or ""."""

    time_ns: int  # unix, the kernel's receive time
    method: str
    trunk: str | None
    source: str  # address and port of the sender
    caller: str  # screening number; "" when there is none
    presented: str
    callee: str
    caller_raw: str  # user part as received, cut at 40 bytes
    callee_raw: str
    call_id: str  # cut at 64 bytes
    action: str
    code: int  # SIP status that was sent, 0 = forwarded or dropped
    reason: str
    rule: str | None
    shadow: str | None  # the first shadow rule that matched
    hop: str | None
    target: int | None
    text: int  # id of the label's text, 0 = none
    facts: tuple[str, ...]  # the evidence
    rules_seq: int
    latency_ns: int  # scan to decision


def _name(names: Sequence[str], index: int) -> str:
    return names[index] if index < len(names) else f"#{index}"


def _maybe_name(names: Sequence[str], index: int) -> str | None:
    return None if index == NONE else _name(names, index)


def _text(field: bytes, length: int) -> str:
    return field[:length].decode("utf-8", "backslashreplace")


def source_text(ip: bytes, port: int) -> str:
    address = ipaddress.IPv6Address(ip)
    v4 = address.ipv4_mapped
    return f"{v4}:{port}" if v4 else f"[{address}]:{port}"


def facts_of(field: bytes, names: Sequence[str]) -> tuple[str, ...]:
    """Names of the bits that are set, in bit order."""
    mask = int.from_bytes(field, "little")
    out = []
    while mask:
        bit = (mask & -mask).bit_length() - 1
        out.append((names[bit] if bit < len(names) else "") or f"#{bit}")
        mask &= mask - 1
    return tuple(out)


def decode(fields: tuple[Any, ...], names: Names | None) -> Record:
    """`fields`: RECORD.unpack of a record; `names` of its rules_seq, None when they are not known."""
    (time_ns, seq, caller, presented, callee, facts, latency_ns, text) = fields[:8]
    (reason, rule, shadow, trunk, hop, target, code, action, method) = fields[8:17]
    ip, port, call_id_len, caller_len, callee_len, call_id, caller_raw, callee_raw = fields[17:]
    n = names or UNKNOWN
    return Record(
        time_ns=time_ns,
        method=_name(n.methods, method),
        trunk=_maybe_name(n.trunks, trunk),
        source=source_text(ip, port),
        caller=num_text(caller) if caller else "",
        presented=num_text(presented) if presented else "",
        callee=num_text(callee) if callee else "",
        caller_raw=_text(caller_raw, caller_len),
        callee_raw=_text(callee_raw, callee_len),
        call_id=_text(call_id, call_id_len),
        action=_name(n.actions, action),
        code=code,
        reason=_name(n.reasons, reason),
        rule=_maybe_name(n.rules, rule),
        shadow=_maybe_name(n.rules, shadow),
        hop=_maybe_name(n.hops, hop),
        target=None if hop == NONE else target,
        text=text,
        facts=facts_of(facts, n.facts),
        rules_seq=seq,
        latency_ns=latency_ns,
    )


def sequences(block: bytes) -> set[int]:
    """The rules_seq values in a block of records."""
    return set(memoryview(block).cast("Q")[RULES_SEQ_WORD::RECORD_WORDS])
