"""gateway.masking, gateway.logs: whole telephone numbers never reach a log by default."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st

from gateway import logs
from gateway.config import Log
from gateway.masking import mask_digits, mask_number, mask_text


@pytest.fixture(autouse=True)
def _reset_structlog() -> Any:
    yield
    structlog.reset_defaults()


@pytest.mark.parametrize(
    ("number", "masked"),
    [
        ("+8613800000001", "+86138****0001"),
        ("13800000001", "138****0001"),
        ("+861012345678", "+8610****5678"),
        ("110", "110"),
        ("95588", "95588"),
        ("sip:+8613800000001@example.com", "sip:+86138****0001@example.com"),
    ],
)
def test_mask_number(number: str, masked: str) -> None:
    assert mask_number(number) == masked


@given(st.text("0123456789", min_size=7, max_size=18))
def test_four_digits_or_more_are_hidden_and_the_length_stays(digits: str) -> None:
    masked = mask_digits(digits)
    assert len(masked) == len(digits)
    assert masked.count("*") >= 4 if len(digits) > 7 else masked.count("*") >= 3


def test_free_text_masks_marked_numbers_only() -> None:
    text = "call +8613800000001 to tel:13900000002 at 1763838884123"
    assert mask_text(text) == "call +86138****0001 to tel:139****0002 at 1763838884123"


def _logged(log: Log, **fields: Any) -> str:
    stream = io.StringIO()
    logs.configure(log, stream)
    logs.get_logger("test").info("call to +8613800000001", **fields)
    return stream.getvalue()


def test_log_lines_are_json_and_masked_by_default() -> None:
    line = json.loads(_logged(Log(format="json"), caller="13800000001", seq=1763838884123))
    assert line["event"] == "call to +86138****0001"
    assert line["caller"] == "138****0001"
    assert line["seq"] == 1763838884123
    assert line["part"] == "test"


def test_lists_of_numbers_and_bytes_are_masked() -> None:
    line = json.loads(_logged(Log(format="json"), numbers=["13800000001", b"13900000002"], to=8613800000001))
    assert line["numbers"] == ["138****0001", "139****0002"]
    assert line["to"] == "86138****0001"


def test_whole_numbers_only_when_asked_for() -> None:
    assert "+8613800000001" in _logged(Log(format="json", numbers="whole"))


def test_level_and_console() -> None:
    assert _logged(Log(format="json", level="warning")) == ""
    console = _logged(Log(format="console"), caller="13800000001")
    assert "138****0001" in console
    assert not console.startswith("{")


def test_rate_limited_says_what_it_kept_back() -> None:
    stream = io.StringIO()
    logs.configure(Log(format="json"), stream)
    limited = logs.RateLimited(logs.get_logger("test"), interval_s=10)
    for now in (0.0, 1.0, 2.0, 11.0):
        limited.warning(now, "ring full")
    lines = [json.loads(x) for x in stream.getvalue().splitlines()]
    assert [x.get("held_back") for x in lines] == [None, 2]
