"""gateway.watch: what an operator must know is said, and not more often than once in ten seconds a kind."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator

import pytest
import structlog

from gateway import logs
from gateway.config import Log
from gateway.watch import Watch


class Seen:
    """A data plane's figures, set by the test, and what was logged."""

    def __init__(self) -> None:
        self.alive = [0, 0]
        self.lost = 3
        self.broken = ""
        self.stream = io.StringIO()
        logs.configure(Log(format="json"), self.stream)
        self.watch = Watch(lambda: self.alive, lambda: self.lost, lambda: self.broken)

    def events(self) -> list[str]:
        return [json.loads(x)["event"] for x in self.stream.getvalue().splitlines()]


@pytest.fixture
def seen() -> Iterator[Seen]:
    yield Seen()
    structlog.reset_defaults()


def test_a_healthy_gateway_is_quiet(seen: Seen) -> None:
    for second in range(30):
        seen.alive = [second * 1000, second * 1000 - 4000]
        seen.watch.look(second * 1000, second)
    assert seen.events() == []


def test_a_silent_thread_is_named(seen: Seen) -> None:
    seen.alive = [10_000, 4_000]
    seen.watch.look(10_000, 0)
    assert seen.events() == ["data-plane thread 1 is silent"]


def test_lost_records_are_told_once_in_ten_seconds_with_their_number(seen: Seen) -> None:
    seen.watch.look(0, 0)  # what was lost before is not news
    for second in range(1, 13):
        seen.lost += 5
        seen.watch.look(0, second)
    assert seen.events() == ["journal records lost", "journal records lost"]
    first, second_line = (json.loads(x) for x in seen.stream.getvalue().splitlines())
    assert (first["total"], first["since"]) == (8, 5)
    assert second_line["held_back"] == 9


def test_rules_behind_the_log_are_an_alarm(seen: Seen) -> None:
    seen.broken = "change 7"
    seen.watch.look(0, 0)
    assert seen.events() == ["rules are behind the log"]
