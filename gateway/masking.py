"""Telephone numbers as logs show them: `+86138****0001`. The journal keeps them whole; logs never do by
default.

Rules: a run of seven digits or more that may be a subscriber's number loses its middle: the first five and
the last four stay for long numbers, fewer for shorter ones, and at least four digits are always hidden. Short
codes (110, 95588, 10086) are nobody's private number and stay. Times, hashes and counts are not touched: only
values of known keys and digits behind `+`, `sip:`, `tel:` in free text are masked.
"""

from __future__ import annotations

import re
from collections.abc import MutableMapping
from typing import Any

NUMBER_KEYS = frozenset(
    {"caller", "callee", "presented", "number", "numbers", "from", "to", "caller_raw", "callee_raw"}
)
_RUN = re.compile(r"\d{7,}")
_IN_TEXT = re.compile(r"(?<=\+)\d{7,}|(?<=sip:)\d{7,}|(?<=sips:)\d{7,}|(?<=tel:)\d{7,}")


def mask_digits(digits: str) -> str:
    """ "8613800000001" -> "86138****0001"; always four hidden digits or more."""
    n = len(digits)
    if n < 7:
        return digits
    tail = 4 if n >= 11 else 2
    head = min(5, n - tail - 4)
    return f"{digits[:head]}{'*' * (n - head - tail)}{digits[n - tail :]}"


def mask_number(text: str) -> str:
    """A number in any writing: every run of seven digits or more is masked."""
    return _RUN.sub(lambda m: mask_digits(m[0]), text)


def mask_text(text: str) -> str:
    """Free text: only digits that are marked as a number (`+`, `sip:`, `tel:`) are masked."""
    return _IN_TEXT.sub(lambda m: mask_digits(m[0]), text)


def _mask_value(value: Any) -> Any:
    if isinstance(value, str):
        return mask_number(value)
    if isinstance(value, bytes):
        return mask_number(value.decode("utf-8", "replace"))
    if isinstance(value, int) and not isinstance(value, bool):
        return mask_number(str(value))
    if isinstance(value, list | tuple):
        return [_mask_value(v) for v in value]
    return value


def mask_event(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """A structlog processor."""
    for key, value in event.items():
        if key in NUMBER_KEYS:
            event[key] = _mask_value(value)
        elif isinstance(value, str):
            event[key] = mask_text(value)
    return event
