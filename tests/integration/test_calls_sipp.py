"""SIPp on both sides of the running gateway: every scenario, load without a failed call, flagged callers
under load.
"""

from __future__ import annotations

import concurrent.futures

import pytest

from tests.support.gateway import GatewayUnderTest
from tests.support.kamailio import kamailio_neighbour
from tests.support.process import free_port
from tests.support.sipp import run_sipp, sipp_server
from tests.support.tshark import Capture

FLAGGED = "+8613800000666"


@pytest.mark.parametrize(
    ("uas", "uac", "sent"),
    [
        ("uas_answer", "uac_call", 6),
        ("uas_reinvite", "uac_reinvite", 9),
        ("uas_cancel", "uac_cancel", 6),
        ("uas_bye", "uac_callee_bye", 6),
        ("uas_long_ring", "uac_call", 6),
        ("uas_answer", "uac_options", 1),
    ],
)
def test_every_scenario_passes_and_what_we_send_is_sound(gateway, callee_port, uas, uac, sent):
    with sipp_server(uas, callee_port) as server, Capture(gateway.port) as wire:
        result = run_sipp(uac, gateway.port)
    assert (result.successful, result.failed, result.errors) == (1, 0, "")
    assert server.result.failed == 0
    assert wire.count(gateway.port) >= sent
    assert wire.expert(gateway.port) == []
    assert wire.faults(gateway.port) == []


def test_a_flagged_caller_never_reaches_the_called_party(gateway, callee_port):
    gateway.push_list("fraud", FLAGGED)
    with sipp_server("uas_answer", callee_port) as server, Capture(gateway.port) as wire:
        result = run_sipp("uac_flagged", gateway.port, caller=FLAGGED, calls=20, rate=50)
    assert (result.successful, result.failed, result.errors) == (20, 0, "")
    assert (server.result.successful, server.result.failed) == (0, 0)
    assert wire.count(gateway.port) == 20 + result.retransmissions  # the 603s; the ACKs are absorbed
    assert wire.expert(gateway.port) == []
    assert wire.faults(gateway.port) == []


@pytest.mark.load
def test_under_load_no_call_fails(gateway, callee_port):
    with sipp_server("uas_answer", callee_port) as server:
        result = run_sipp("uac_call", gateway.port, calls=3000, rate=300, talk_ms=100, timeout_s=60)
    assert (result.successful, result.failed, result.errors) == (3000, 0, "")
    assert server.result.failed == 0


@pytest.mark.load
def test_under_load_flagged_callers_are_intercepted_and_others_pass(gateway, callee_port):
    gateway.push_list("fraud", FLAGGED)
    with sipp_server("uas_answer", callee_port) as server:
        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            clean = pool.submit(run_sipp, "uac_call", gateway.port, calls=1500, rate=150, timeout_s=60)
            flagged = pool.submit(
                run_sipp, "uac_flagged", gateway.port, calls=3000, rate=300, caller=FLAGGED, timeout_s=60
            )
        assert (clean.result().successful, clean.result().failed) == (1500, 0)
        assert (flagged.result().successful, flagged.result().failed) == (3000, 0)
    assert (server.result.successful, server.result.failed) == (1500, 0)


@pytest.mark.load
def test_lost_packets_lose_no_call(gateway, callee_port):
    """Every retransmission is treated like its first copy (RFC 3261 16.11), flagged or not."""
    gateway.push_list("fraud", FLAGGED)
    with sipp_server("uas_lossy", callee_port):
        clean = run_sipp("uac_lossy", gateway.port, calls=200, rate=100, talk_ms=5000, timeout_s=80)
        flagged = run_sipp(
            "uac_flagged", gateway.port, calls=200, rate=100, caller=FLAGGED, extra=("-lost", "5")
        )
    assert (clean.successful, clean.failed) == (200, 0), clean.errors
    assert (flagged.successful, flagged.failed) == (200, 0), flagged.errors
    assert clean.retransmissions > 0
    assert flagged.retransmissions > 0


@pytest.mark.load
def test_four_threads_share_the_load_of_one_peer(callee_port):
    with (
        GatewayUnderTest(callee_port, threads=4) as gateway,
        sipp_server("uas_reinvite", callee_port) as server,
    ):
        result = run_sipp("uac_reinvite", gateway.port, calls=1000, rate=150, timeout_s=60)
    assert (result.successful, result.failed, result.errors) == (1000, 0, "")
    assert server.result.failed == 0


def test_messages_sent_back_to_back_keep_their_order_with_four_threads(callee_port):
    """A 180 and a 200 that leave together arrive in order: a peer stays on one thread."""
    with (
        GatewayUnderTest(callee_port, threads=4) as gateway,
        sipp_server("uas_answer", callee_port) as server,
    ):
        result = run_sipp("uac_call", gateway.port, calls=1000, rate=200, timeout_s=60)
    assert (result.successful, result.failed, result.errors) == (1000, 0, "")
    assert server.result.failed == 0


SCENARIOS = [
    ("uas_answer", "uac_call"),
    ("uas_reinvite", "uac_reinvite"),
    ("uas_cancel", "uac_cancel"),
    ("uas_bye", "uac_callee_bye"),
]


@pytest.mark.parametrize(("uas", "uac"), SCENARIOS)
def test_kamailio_in_front_of_the_gateway(gateway, callee_port, uas, uac):
    with kamailio_neighbour(gateway.port) as front, sipp_server(uas, callee_port) as server:
        with Capture(gateway.port) as wire:
            result = run_sipp(uac, front.port, calls=5)
    assert (result.successful, result.failed, result.errors) == (5, 0, "")
    assert (server.result.successful, server.result.failed) == (5, 0)
    assert wire.expert(gateway.port) == []
    assert wire.faults(gateway.port) == []


@pytest.mark.parametrize(("uas", "uac"), SCENARIOS)
def test_kamailio_behind_the_gateway(uas, uac):
    callee = free_port()
    with kamailio_neighbour(callee) as behind, GatewayUnderTest(behind.port) as gateway:
        with sipp_server(uas, callee) as server, Capture(gateway.port) as wire:
            result = run_sipp(uac, gateway.port, calls=5)
    assert (result.successful, result.failed, result.errors) == (5, 0, "")
    assert (server.result.successful, server.result.failed) == (5, 0)
    assert wire.expert(gateway.port) == []
    assert wire.faults(gateway.port) == []


def test_kamailio_in_front_ends_a_flagged_call_with_603(gateway):
    gateway.push_list("fraud", FLAGGED)
    with kamailio_neighbour(gateway.port) as front:
        result = run_sipp("uac_flagged", front.port, caller=FLAGGED, calls=5)
    assert (result.successful, result.failed, result.errors) == (5, 0, "")
