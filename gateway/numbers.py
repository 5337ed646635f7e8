"""What an operator writes for numbers, and the keys and patterns that the tables hold.

A single number is read as the data plane reads one from a message (native.numbers.canonical, STANDARDS
8.2), with one difference: what the data plane lets through with a flag (irregular, a country code before
something that is no known short code) is refused here, because in a list it would be somebody's slip, and
the slip would match the wrong calls.

Patterns (canonical text as in gateway/feed/changes.py) can be written more freely: `+86 1380013*`,
`008613800*`, `13800*` (a mobile of the dial plan), `010*` (behind the trunk prefix), `106*`, `95???`,
`+8613800000000-+8613800009999`, `13800000000..13800009999`.
"""

from __future__ import annotations

import re
from array import array
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import msgspec

from gateway.feed.changes import Pattern
from native.numbers import canonical, num_text
from native.tables import decompose_range

SHORT = 1 << 62  # CW_NUM_SHORT
DIGITS_MAX = 15
_SEPARATORS = str.maketrans("", "", " \u00a0-.()/\t")
_WILD = re.compile(r"(\+?)(\d+)(\*|\?+)")
_RANGE = re.compile(r"\s*(\+?[\d ().\u00a0]+?)\s*(?:-|–|\.\.)\s*(\+?[\d ().\u00a0]+?)\s*", re.ASCII)
_CANONICAL_WILD = re.compile(r"(\+?)([0-9]{1,15})(\*|\?{1,14})", re.ASCII)
_CANONICAL_RANGE = re.compile(r"(\+?)([0-9]{2,15})-(\+?)([0-9]{2,15})", re.ASCII)
_MOBILE = re.compile(r"1[3-9]")  # of China, and never a short code


class NumberFault(ValueError):
    """Not a number and not a pattern; the message says why."""


class DialPlan(msgspec.Struct, frozen=True):
    """How numbers without + are meant; the default is that of mainland China without an area."""

    country_code: int = 86
    area: str = ""
    strip: tuple[str, ...] = ()


DEFAULT_PLAN = DialPlan()


class Entries(msgspec.Struct, frozen=True):
    """What a change carries: packed keys and canonical patterns."""

    numbers: bytes = b""
    patterns: tuple[Pattern, ...] = ()


class Element(NamedTuple):
    """One native pattern (struct cw_pattern)."""

    prefix: int  # with SHORT and the leading 1 for short codes
    digits: int
    length: int  # total length, 0 = any


class Span(msgspec.Struct, frozen=True):
    """A canonical pattern, taken apart. A prefix has `digits`; a range has `low` and `high`."""

    text: Pattern
    short: bool
    digits: str = ""
    length: int = 0  # digits of the numbers covered, the leading 1 of short codes not counted; 0 = any
    low: int = 0  # keys
    high: int = 0

    def covers(self, key: int) -> bool:
        """Whether the number of this key falls under the pattern."""
        if self.high:
            return self.low <= key <= self.high
        if bool(key & SHORT) != self.short:
            return False
        digits = key_digits(key)
        return digits.startswith(self.digits) and self.length in (0, len(digits))

    def elements(self) -> list[Element]:
        """The native patterns that together are this one."""
        if self.high:
            return [Element(*piece) for piece in decompose_range(self.low, self.high)]
        lead = "1" if self.short else ""
        digits = lead + self.digits
        prefix = int(digits) | (SHORT if self.short else 0)
        return [Element(prefix, len(digits), self.length + len(lead) if self.length else 0)]


def key_digits(key: int) -> str:
    """The digits of a number as dialled: without + and without the leading 1 of the key of a short code."""
    return str(key & ~SHORT)[1:] if key & SHORT else str(key)


def key_text(key: int) -> str:
    """ "+8613800000001" or "110"."""
    return num_text(key)


def is_key(key: int) -> bool:
    """Whether the integer is a key that a list can hold."""
    value = key & ~SHORT
    return 0 < value < 10**DIGITS_MAX and (not key & SHORT or (value > 9 and str(value)[0] == "1"))


def pack_keys(keys: Iterable[int]) -> bytes:
    return array("Q", keys).tobytes()


def parse_number(text: str, plan: DialPlan = DEFAULT_PLAN) -> int:
    """The key of one number; NumberFault."""
    key, classes = canonical(
        text.translate(_SEPARATORS), country_code=plan.country_code, area=plan.area, strip=plan.strip
    )
    if not key or not text.rstrip()[-1].isdigit():
        raise NumberFault(f"{text!r} is no telephone number")
    if "short" in classes:
        if "cc_on_short" in classes and _MOBILE.match(key_digits(key)):
            raise NumberFault(f"{text!r} is too short for a number; a prefix ends with *")
    elif "irregular" in classes:
        raise NumberFault(f"{text!r} has not the length of a number of its country; a prefix ends with *")
    return key


def parse_entry(text: str, plan: DialPlan = DEFAULT_PLAN) -> int | Pattern:
    """The key of a number, or a canonical pattern; NumberFault."""
    text = text.strip()
    if "*" in text or "?" in text:
        return _parse_wild(text, plan)
    ends = _RANGE.fullmatch(text)
    if ends and (".." in text or _are_ends(*(end.translate(_SEPARATORS) for end in ends.groups()))):
        return _parse_range(ends[1], ends[2], plan)
    return parse_number(text, plan)


def _are_ends(low: str, high: str) -> bool:
    """0755-88888888 and 400-1234567 are numbers; 13800000000-13800009999 and 95500-95599 are ranges."""
    return "+" in high or len(low) > 4 or (len(low) == len(high) and not low.startswith("0"))


def _parse_wild(text: str, plan: DialPlan) -> Pattern:
    found = _WILD.fullmatch(text.translate(_SEPARATORS))
    if found is None or not text.isascii():
        raise NumberFault(f"{text!r} is no pattern: digits, then * or one ? for each digit to come")
    plus, digits, wild = found.groups()
    country = str(plan.country_code)
    if plus:
        canon = f"+{digits}{wild}"
    elif digits.startswith("00"):
        canon = f"+{digits[2:]}{wild}"
    elif digits.startswith("0") and plan.country_code:
        canon = f"+{country}{digits[1:]}{wild}"
    elif plan.country_code == 86 and (_MOBILE.match(digits) or digits[:3] in ("400", "800")):
        canon = f"+86{digits}{wild}"
    elif plan.country_code == 86 and digits[0] in "19":
        canon = f"{digits}{wild}"  # 106*, 95???: short codes
    else:
        raise NumberFault(f"{text!r}: write it with + and the country code")
    return parse_pattern(canon).text


def _parse_range(low: str, high: str, plan: DialPlan) -> Pattern:
    return parse_pattern(f"{num_text(parse_number(low, plan))}-{num_text(parse_number(high, plan))}").text


def parse_pattern(text: Pattern) -> Span:
    """A canonical pattern taken apart; NumberFault for anything that is not just that."""
    wild = _CANONICAL_WILD.fullmatch(text)
    if wild:
        plus, digits, marks = wild.groups()
        length = len(digits) + len(marks) if marks != "*" else 0
        if plus and digits.startswith("0"):
            raise NumberFault(f"{text!r}: no country code begins with 0")
        if max(length, len(digits)) > DIGITS_MAX - (not plus):
            raise NumberFault(f"{text!r} is longer than a number")
        return Span(text=text, short=not plus, digits=digits, length=length)
    ends = _CANONICAL_RANGE.fullmatch(text)
    if ends is None or ends[1] != ends[3]:
        raise NumberFault(f"{text!r} is no pattern")
    low, high, short = ends[2], ends[4], not ends[1]
    if (
        len(low) != len(high)
        or low >= high
        or (not short and low.startswith("0"))
        or len(low) > DIGITS_MAX - short
    ):
        raise NumberFault(f"{text!r}: a range has two ends of equal length, the lower one first")
    keys = [int("1" + end) | SHORT if short else int(end) for end in (low, high)]
    return Span(text=text, short=short, length=len(low), low=keys[0], high=keys[1])


def parse_entries(texts: Sequence[str], plan: DialPlan = DEFAULT_PLAN) -> Entries:
    """All of them, or NumberFault for the first that is neither a number nor a pattern."""
    keys = array("Q")
    patterns: list[Pattern] = []
    for text in texts:
        entry = parse_entry(text, plan)
        if isinstance(entry, int):
            keys.append(entry)
        else:
            patterns.append(entry)
    return Entries(numbers=keys.tobytes(), patterns=tuple(dict.fromkeys(patterns)))
