"""Structured logs to standard error: JSON for machines, coloured lines for a person at a terminal.

Rules: numbers are masked before anything is rendered (`gateway.masking`); nothing on the way of a packet
logs; what may repeat goes through `RateLimited`, which says how many lines it kept back.
"""

from __future__ import annotations

import asyncio
import logging
import sys
from typing import Any, TextIO

import structlog

from gateway.config import Log
from gateway.masking import mask_event


def configure(log: Log, stream: TextIO | None = None) -> None:
    """Set up structlog for this process; may be called again after a reload."""
    out = stream or sys.stderr
    console = log.format == "console" or (log.format == "auto" and out.isatty())
    processors: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
    ]
    if log.numbers == "masked":
        processors.append(mask_event)
    if console:
        processors.append(structlog.dev.ConsoleRenderer(colors=out.isatty()))
    else:
        processors.append(structlog.processors.JSONRenderer(ensure_ascii=False))
    structlog.configure(
        processors=processors,
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelName(log.level.upper())),
        logger_factory=structlog.PrintLoggerFactory(out),
        cache_logger_on_first_use=False,
    )


def get_logger(name: str) -> Any:
    """A logger with `part` set; typed loosely because structlog's loggers are."""
    return structlog.get_logger(part=name)


def report_end(task: asyncio.Task[Any]) -> None:
    """A done-callback for tasks that run until they are cancelled: any other end is a fault, and is said."""
    if not task.cancelled() and (fault := task.exception()) is not None:
        get_logger("daemon").critical("a task ended", task=task.get_name(), exc_info=fault)


class RateLimited:
    """At most one line a `interval_s` for each kind; the next one says how many were kept back."""

    def __init__(self, logger: Any, interval_s: float = 10.0) -> None:
        self._logger = logger
        self._interval_s = interval_s
        self._last: dict[str, float] = {}
        self._held: dict[str, int] = {}

    def warning(self, now: float, event: str, **fields: Any) -> None:
        last = self._last.get(event)
        if last is not None and now - last < self._interval_s:
            self._held[event] = self._held.get(event, 0) + 1
            return
        self._last[event] = now
        held = self._held.pop(event, 0)
        self._logger.warning(event, **fields, **({"held_back": held} if held else {}))
