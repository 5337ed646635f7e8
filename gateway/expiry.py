"""When an entry ends, as a person writes it."""

from __future__ import annotations

import re
from datetime import UTC, datetime

_PERIOD = re.compile(r"(\d{1,5})\s*([smhdw])")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}


def parse_expiry(text: str, now_s: float) -> int:
    """To unix seconds: "30d", "12h", "2027-01-01", "2027-01-01T12:00+08:00", unix seconds; "" and "never": 0.

    Dates without a zone are UTC. ValueError when it is none of these or already over.
    """
    text = text.strip()
    if text in ("", "never", "0"):
        return 0
    if m := _PERIOD.fullmatch(text):
        return int(now_s) + int(m[1]) * _SECONDS[m[2]]
    if text.isascii() and text.isdigit():
        at = int(text)
    else:
        try:
            moment = datetime.fromisoformat(text)
        except ValueError:
            raise ValueError(f"'{text}' is no expiry: write 30d, 12h or 2027-01-01") from None
        at = int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp())
    if at <= now_s:
        raise ValueError(f"'{text}' is already over")
    if at > 0xFFFFFFFF:
        raise ValueError(f"'{text}' is too far away")
    return at
