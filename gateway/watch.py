"""The watch: looks at the data plane once a second and says, at most every ten seconds a kind, what an
operator must know.

Rules: it only looks. A silent thread, journal records that were lost and rules that are behind the log are
said in the log. What lasts (`alarms`) is a gauge in the metrics as well, computed when they are asked for, so
that it cannot be older than they are; lost records are a counter there.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from gateway.logs import RateLimited, get_logger, report_end

INTERVAL_S = 1.0
SILENT_MS = 5_000


def silent_threads(alive_ms: Sequence[int], unix_ms: float) -> list[int]:
    """Indexes of the data-plane threads that gave no sign of life for SILENT_MS."""
    return [thread for thread, alive in enumerate(alive_ms) if unix_ms - alive > SILENT_MS]


def alarms(
    *, alive_ms: Sequence[int], unix_ms: float, broken: str, journal: Mapping[str, Any]
) -> dict[str, bool]:
    """What callwarden_alarm shows, by name; `broken` and `journal` as in the status."""
    return {
        "thread-silent": bool(silent_threads(alive_ms, unix_ms)),
        "rules-behind": bool(broken),
        "journal-failing": bool(journal.get("error")),
    }


class Watch:
    """`alive_ms`, `lost`: Plane's alive_ms and records_dropped; `broken`: why rules are behind, or ""."""

    def __init__(
        self, alive_ms: Callable[[], list[int]], lost: Callable[[], int], broken: Callable[[], str]
    ) -> None:
        self._alive_ms, self._lost, self._broken = alive_ms, lost, broken
        self._log = RateLimited(get_logger("watch"))
        self._lost_before = lost()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._task = asyncio.create_task(self._run(), name="watch")
        self._task.add_done_callback(report_end)

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(INTERVAL_S)
            self.look(time.time() * 1000, time.monotonic())

    def look(self, unix_ms: float, now: float) -> None:
        """One look; `now` is any monotonic clock in seconds."""
        alive = self._alive_ms()
        for thread in silent_threads(alive, unix_ms):
            silent_ms = round(unix_ms - alive[thread])
            self._log.warning(now, f"data-plane thread {thread} is silent", silent_ms=silent_ms)
        lost = self._lost()
        if lost > self._lost_before:
            self._log.warning(now, "journal records lost", since=lost - self._lost_before, total=lost)
            self._lost_before = lost
        if broken := self._broken():
            self._log.warning(now, "rules are behind the log", why=broken)
