"""Guards: what no push may do, whoever signs it. A push that a guard forbids is refused whole, and the old
rules stay.

What a guard protects against is one slip that harms many calls: - a prefix or range that covers more than a
slip should (`min_prefix_digits` after the country code); - emergency and public-safety numbers in a list
that stops or labels calls. Calls *to* them pass before any rule, in code
  (STANDARDS 8.4); the guard keeps the lists clean, and protects what those numbers *call*: 96110 warns
  victims, 12381 and 110 call back. So no list of kind deny takes them, and none whose callees an enforced
  rule treats in any way but passing. Cards and allow-lists do: showing who they are is what cards are for;
- numbers that are no numbers, and lists that do not exist.

Policies are guarded in gateway/policy.py, but for the one question that needs the lists: an enforced rule
on the callees of a list that holds emergency numbers.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Callable, Iterable, Sequence

import msgspec

from gateway.config import Config
from gateway.feed.changes import ListKind, Pattern
from gateway.numbers import SHORT, NumberFault, Span, is_key, key_text, parse_number, parse_pattern
from gateway.policy import Policy
from native.tables import sort_unique

NUMBERS_MAX = 1_000_000  # in one change
PATTERNS_MAX = 10_000
SHORT_PREFIX_DIGITS = 3  # of a pattern of short codes: 106*, 953*
# STANDARDS 8.4, China and the world-wide floor; a test holds it against native.numbers.is_emergency
EMERGENCY = (
    *("110", "119", "120", "122", "112", "911", "999", "000", "118", "08"),
    *("12110", "12119", "12395", "95110", "96110", "12381"),
)
# ITU-T E.164: 1 and 7 have one digit, these two, all others three
_TWO_DIGIT_CODES = frozenset(
    (
        *(20, 27, 36, 39, 40, 41, 81, 82, 84, 86, 98),
        *(*range(30, 35), *range(43, 50), *range(51, 59), *range(60, 67), *range(90, 96)),
    )
)


class Refused(Exception):
    """A change is refused: `code` is a short word, the text the reason for the operator."""

    def __init__(self, code: str, reason: str) -> None:
        super().__init__(reason)
        self.code = code


def _emergency_key(text: str) -> int:
    return int("1" + text) | SHORT


BUILT_IN = frozenset(_emergency_key(text) for text in EMERGENCY)


class Guards(msgspec.Struct, frozen=True):
    min_prefix_digits: int = 5
    emergency: frozenset[int] = BUILT_IN  # keys


class Checked(msgspec.Struct, frozen=True):
    """Entries that passed: keys as they came, sorted keys, patterns taken apart."""

    numbers: bytes
    keys: array[int]  # sorted, each once
    spans: tuple[Span, ...]


def guards_of(config: Config) -> Guards:
    """The guards that a configuration asks for. Refused: an emergency number in it is no number."""
    return Guards(
        min_prefix_digits=config.guards.min_prefix_digits,
        emergency=BUILT_IN
        | frozenset(configured(config.emergency.callees))
        | frozenset(configured(config.emergency.psap_callers)),
    )


def configured(texts: Iterable[str]) -> list[int]:
    """Keys of the [emergency] numbers of a configuration, sorted."""
    try:
        return sorted({parse_number(text) for text in texts})
    except NumberFault as fault:
        raise Refused("bad-number", f"emergency: {fault}") from None


def country_code_digits(digits: str) -> int:
    """Length of the country code that E.164 digits begin with."""
    if digits[:1] in ("1", "7"):
        return 1
    return 2 if int(digits[:2]) in _TWO_DIGIT_CODES else 3


def check_entries(numbers: bytes, patterns: Sequence[Pattern], *, removing: bool = False) -> Checked:
    """What holds for every list: whole keys, sound patterns, bounded sizes, and something at all."""
    if not numbers and not patterns:
        raise Refused("empty", "there is no number in it")
    if len(numbers) > NUMBERS_MAX * 8 or len(patterns) > PATTERNS_MAX:
        raise Refused(
            "too-large", f"at most {NUMBERS_MAX} numbers and {PATTERNS_MAX} patterns fit into one change"
        )
    if len(numbers) % 8:
        raise Refused("bad-number", f"{len(numbers)} bytes are no whole number of keys")
    keys = sort_unique(numbers)
    first_short = bisect_left(keys, SHORT)
    # sorted: the ends say it for E.164; short codes are few
    for key in (*keys[:1], *keys[max(0, first_short - 1) : first_short], *keys[first_short:]):
        if not is_key(key):
            raise Refused("bad-number", f"{key} is no number")
    try:
        spans = tuple(parse_pattern(text) for text in dict.fromkeys(patterns))
    except NumberFault as fault:
        raise Refused("bad-number", str(fault)) from None
    return Checked(numbers=numbers, keys=keys, spans=spans)


def check_width(guards: Guards, spans: Iterable[Span]) -> None:
    """No pattern that covers more than a slip should."""
    for span in spans:
        country = 0 if span.short else country_code_digits(span.digits or str(span.low))
        least = SHORT_PREFIX_DIGITS if span.short else guards.min_prefix_digits
        if span.high:
            if span.high - span.low + 1 > 10 ** max(0, span.length - country - least):
                raise Refused(
                    "prefix-too-short", f"{span.text} covers {span.high - span.low + 1} numbers: too many"
                )
        elif len(span.digits) - country < least:
            where = "of a short code" if span.short else "after the country code"
            raise Refused("prefix-too-short", f"{span.text}: at least {least} digits {where} must be given")


def check_emergency(guards: Guards, entries: Checked, list_name: str, why: str) -> None:
    """No emergency or public-safety number among the entries."""
    for key in sorted(guards.emergency):
        at = bisect_left(entries.keys, key)
        if at < len(entries.keys) and entries.keys[at] == key:
            raise Refused(
                "emergency", f"{key_text(key)} is an emergency or public-safety number: {list_name} {why}"
            )
        for span in entries.spans:
            if span.covers(key):
                raise Refused(
                    "emergency", f"{span.text} covers the emergency number {key_text(key)}: {list_name} {why}"
                )


def treated_callees(policy: Policy) -> dict[str, str]:
    """Lists whose callees an enforced rule treats in any way but passing: list name to rule name."""
    treated: dict[str, str] = {}
    for rule in policy.rules:
        if rule.mode == "enforce" and rule.then.action != "pass":
            for fact in rule.when:
                if fact.startswith("callee.in."):
                    treated.setdefault(fact.removeprefix("callee.in."), rule.name)
    return treated


def why_no_emergency(name: str, kind: ListKind, treated: dict[str, str]) -> str | None:
    """The reason why a list must not hold emergency numbers; None when it may."""
    if kind == "deny":
        return "is a list of kind deny"
    return f"decides over callees in rule {treated[name]}" if name in treated else None


def check_policy(guards: Guards, policy: Policy, covers: Callable[[str, int], bool]) -> None:
    """No enforced rule on the callees of a list that holds an emergency number. covers(list, key)."""
    for name, rule in treated_callees(policy).items():
        for key in sorted(guards.emergency):
            if covers(name, key):
                raise Refused(
                    "emergency",
                    f"rule {rule}: when: the list {name} holds the emergency number {key_text(key)}",
                )
