"""The OPTIONS prober, driven by hand: no clock, no socket."""

from __future__ import annotations

import itertools

import pytest

from sip.build import build_response
from sip.message import parse
from sip.options import OptionsConfig, OptionsProber, TargetWentDown, TargetWentUp


def make(**changes: object) -> OptionsProber:
    counter = itertools.count()
    values = {"target_uri": b"sip:192.0.2.20:5060", "local": b"192.0.2.1:5060", **changes}
    return OptionsProber(OptionsConfig(**values), 100.0, lambda: f"word{next(counter)}")


def answer(request: bytes, status: int = 200) -> bytes:
    return bytes(build_response(parse(request), status, to_tag="t"))


def run(prober: OptionsProber, until: float, status: int | None) -> list[object]:
    """Play the timers as the I/O side would; the target answers at once with `status`, or never."""
    events: list[object] = []
    while (now := prober.next_deadline()) < until:
        for data in prober.datagrams_to_send(now):
            if status is not None:
                assert prober.receive(now + 0.01, answer(data, status))
        while (event := prober.next_event()) is not None:
            events.append(event)
    return events


def test_rfc3261_11_1_a_probe_is_a_whole_options_request():
    (data,) = make().datagrams_to_send(100.0)
    request = parse(data)
    assert (request.method, request.request_uri) == (b"OPTIONS", b"sip:192.0.2.20:5060")
    assert request.top_via.sent_by == b"192.0.2.1:5060"
    assert request.top_via.branch.startswith(b"z9hG4bK")
    assert request.top_via.param(b"rport") == b""
    assert request.max_forwards == 70
    assert request.from_.tag
    assert request.get("Accept") == b"application/sdp"


def test_rfc3261_17_1_2_2_timer_e_doubles_to_t2():
    prober = make(timeout_s=32.0, interval_s=60.0)
    sent = []
    while (now := prober.next_deadline()) < 125:
        sent += [now - 100] * len(prober.datagrams_to_send(now))
    assert sent == [0, 0.5, 1.5, 3.5, 7.5, 11.5, 15.5, 19.5, 23.5]


def test_repeats_are_byte_identical_and_new_probes_are_new():
    prober = make(timeout_s=1.0, interval_s=2.0)
    first = prober.datagrams_to_send(100.0)
    assert prober.datagrams_to_send(100.5) == first
    assert prober.datagrams_to_send(101.0) == []
    (second,) = prober.datagrams_to_send(102.0)
    assert parse(second).top_via.branch != parse(first[0]).top_via.branch
    assert parse(second).cseq.number == parse(first[0]).cseq.number + 1


@pytest.mark.parametrize("status", [200, 404, 405, 481, 486, 500, 501, 603])
def test_any_other_final_answer_means_alive(status):
    prober = make(initially_up=False, up_after=2)
    events = run(prober, 112.0, status)
    assert [type(e) for e in events] == [TargetWentUp]
    assert prober.up
    assert prober.last_status == status
    assert prober.round_trip_s == pytest.approx(0.01)


@pytest.mark.parametrize("status", [503, 408])
def test_503_and_408_mean_dead(status):
    prober = make(down_after=3)
    events = run(prober, 111.0, status)
    assert events == [TargetWentDown(110.01, f"status {status}")]


def test_silence_takes_the_target_down_after_the_configured_misses_only():
    prober = make(down_after=3, timeout_s=4.0, interval_s=5.0)
    assert run(prober, 113.9, None) == []
    assert prober.up
    assert run(prober, 114.1, None) == [TargetWentDown(114.0, "timeout")]
    assert not prober.up


def test_one_good_answer_between_misses_keeps_the_target_up():
    prober = make(down_after=2)
    for start, status in ((100, None), (105, 200), (110, None), (115, 200)):
        assert run(prober, start + 4.9, status) == []
    assert prober.up


def test_one_miss_between_good_answers_keeps_a_dead_target_down():
    prober = make(initially_up=False, up_after=2)
    for start, status in ((100, 200), (105, None), (110, 200)):
        assert run(prober, start + 4.9, status) == []
    assert not prober.up
    assert [type(e) for e in run(prober, 119.9, 200)] == [TargetWentUp]


def test_rfc3261_17_1_3_foreign_and_late_answers_are_ignored():
    prober = make(down_after=1, timeout_s=1.0, interval_s=2.0)
    (data,) = prober.datagrams_to_send(100.0)
    branch = parse(data).top_via.branch
    good = answer(data)
    assert not prober.receive(100.1, good.replace(branch, b"z9hG4bKother"))
    assert not prober.receive(100.1, good.replace(b"CSeq: 1 OPTIONS", b"CSeq: 1 INVITE"))
    assert not prober.receive(100.1, good.replace(b"CSeq: 1 ", b"CSeq: 2 "))
    assert not prober.receive(100.1, data)
    assert not prober.receive(100.1, b"\r\n\r\n")
    assert not prober.receive(100.1, b"")
    assert prober.datagrams_to_send(101.0) == []
    assert isinstance(prober.next_event(), TargetWentDown)
    assert not prober.receive(101.1, good)
    assert not prober.up


def test_rfc3261_17_1_2_2_a_provisional_answer_slows_the_repeats_and_decides_nothing():
    prober = make(timeout_s=10.0, interval_s=20.0)
    (data,) = prober.datagrams_to_send(100.0)
    assert prober.receive(100.1, answer(data, 100))
    assert prober.next_deadline() == pytest.approx(104.1)
    assert prober.last_status is None


def test_rfc3261_18_4_an_icmp_error_counts_as_a_miss_at_once():
    prober = make(down_after=1)
    prober.transport_error(100.0)
    assert prober.next_event() is None
    prober.datagrams_to_send(100.0)
    prober.transport_error(100.1)
    assert prober.next_event() == TargetWentDown(100.1, "transport")
    assert prober.next_deadline() == 105.0
