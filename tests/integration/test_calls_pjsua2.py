"""Real calls with pjsua2 user agents through the running gateway: what caller and called person see."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from sip.harness.call import CallReport, place_call
from sip.harness.control import Agent
from sip.message import parse
from tests.support.gateway import GatewayUnderTest
from tests.support.tshark import Capture

CALLER = "+8613800000001"
CALLEE = "+8613900000002"
NAMED = f'"Zhang San" <sip:{CALLER}@visit.example>'
PAI = ("P-Asserted-Identity", f"<tel:{CALLER}>")


async def call(gateway: GatewayUnderTest, callee_port: int, caller: str = NAMED, **options) -> CallReport:
    return await place_call(
        caller, CALLEE, gateway_port=gateway.port, callee_port=callee_port, talk_s=0.2, **options
    )


@asynccontextmanager
async def two_agents(
    gateway: GatewayUnderTest, callee_port: int, ring: bool = True
) -> AsyncIterator[tuple[Agent, Agent]]:
    """A call that rings at the callee; the test takes it from there."""
    async with Agent.start("callee", port=callee_port) as b, Agent.start("caller") as a:
        await a.send("call", uri=f"sip:{CALLEE}@127.0.0.1:{gateway.port}", caller=NAMED)
        await b.wait("incoming")
        if ring:
            await b.send("ring")
            await a.wait("ringing")
        yield a, b


@pytest.mark.parametrize("via_proxy", [False, True], ids=["addressed-to-us", "routed-through-us"])
async def test_a_clean_call_passes_and_arrives_unlabelled(gateway, callee_port, via_proxy):
    with Capture(gateway.port, callee_port) as wire:
        report = await call(gateway, callee_port, headers=[PAI], via_proxy=via_proxy)
    assert (report.code, report.answered, report.rang, report.ended_by) == (200, True, True, "caller")
    seen = report.callee_saw
    assert (seen.display_name, seen.from_uri) == ("Zhang San", f"sip:{CALLER}@visit.example")
    assert seen.p_asserted_identity == (f"<tel:{CALLER}>",)
    assert seen.call_info == ()
    invite = parse(seen.raw.encode())
    assert invite.top_via.sent_by == f"127.0.0.1:{gateway.port}".encode()
    assert len(invite.vias) == 2
    assert [a.uri.port for a in invite.addresses("Record-Route")] == [gateway.port]
    assert invite.max_forwards == 69
    # INVITE, ringing, answer, ACK, BYE, its answer: each left the gateway, each is sound SIP
    assert wire.count(gateway.port) >= 6
    assert wire.expert(gateway.port) == []
    assert wire.faults(gateway.port) == []


async def test_a_suspect_caller_arrives_labelled_in_the_asserted_identity(gateway, callee_port):
    gateway.push_list("suspect", CALLER)
    with Capture(gateway.port, callee_port) as wire:
        report = await call(gateway, callee_port, headers=[PAI])
    assert report.code == 200
    (identity,) = parse(report.callee_saw.raw.encode()).addresses("P-Asserted-Identity")
    assert identity.display_text.startswith("疑似诈骗")
    assert identity.uri.raw == f"tel:{CALLER}".encode()
    assert wire.expert(gateway.port) == []
    assert wire.faults(gateway.port) == []


async def test_a_suspect_caller_without_asserted_identity_is_labelled_in_from(gateway, callee_port):
    gateway.push_list("suspect", CALLER)
    report = await call(gateway, callee_port)
    assert report.code == 200
    assert report.callee_saw.display_name.startswith("疑似诈骗")
    assert report.callee_saw.from_uri == f"sip:{CALLER}@visit.example"
    assert report.callee_saw.p_asserted_identity == ()


async def test_a_flagged_caller_gets_603_with_its_reason_and_the_phone_never_rings(gateway, callee_port):
    gateway.push_list("fraud", CALLER)
    with Capture(gateway.port, callee_port) as wire:
        report = await call(gateway, callee_port, headers=[PAI])
    assert (report.code, report.answered, report.rang, report.callee_saw) == (603, False, False, None)
    assert report.ended_by == "network"
    assert report.reason_headers == ('SIP;cause=603;text="fraud"',)
    assert wire.count(gateway.port) == 1
    assert wire.expert(gateway.port) == []
    assert wire.faults(gateway.port) == []


async def test_a_card_shows_who_is_really_calling_and_why(gateway, callee_port):
    gateway.cli(
        *("cards", "add", "反诈中心", CALLER, "--organisation", "北京公安", "--reason", "劝阻"),
        *("--icon", "https://cards.example/p.png"),
    )
    with Capture(gateway.port, callee_port) as wire:
        report = await call(gateway, callee_port, headers=[PAI])
    assert report.code == 200
    (identity,) = parse(report.callee_saw.raw.encode()).addresses("P-Asserted-Identity")
    assert identity.display_text.startswith("北京公安 反诈中心")
    assert report.callee_saw.call_info == (
        "<https://cards.example/p.png>;purpose=icon",
        '<data:>;purpose=jcard;call-reason="劝阻"',
    )
    assert wire.expert(gateway.port) == []
    assert wire.faults(gateway.port) == []


async def test_an_emergency_call_of_a_flagged_caller_passes(gateway, callee_port):
    gateway.push_list("fraud", CALLER)
    report = await place_call(
        NAMED, "110", gateway_port=gateway.port, callee_port=callee_port, talk_s=0.1, headers=[PAI]
    )
    assert (report.code, report.callee_saw.p_asserted_identity) == (200, (f"<tel:{CALLER}>",))


async def test_a_push_decides_the_very_next_call_and_so_does_its_withdrawal(gateway, callee_port):
    assert (await call(gateway, callee_port)).code == 200
    gateway.push_list("fraud", CALLER)
    assert (await call(gateway, callee_port)).code == 603
    gateway.withdraw("fraud", CALLER)
    assert (await call(gateway, callee_port)).code == 200


async def test_hold_and_unhold_pass_even_when_the_caller_is_flagged_meanwhile(gateway, callee_port):
    async with two_agents(gateway, callee_port) as (a, b):
        await b.send("answer")
        await asyncio.gather(a.wait("answered"), b.wait("answered"))
        gateway.push_list("fraud", CALLER)  # nothing in a running dialog is screened
        await a.send("hold")
        await b.wait("media", where=lambda e: e["state"] == "remote-hold")
        assert (await a.wait("reinvite_answered"))["code"] == 200
        await a.send("unhold")
        held = await b.wait("reinvited", where=lambda e: "a=sendrecv" in e["raw"])
        assert (await a.wait("reinvite_answered"))["code"] == 200
        assert parse(held["raw"].encode()).top_via.sent_by == f"127.0.0.1:{gateway.port}".encode()
        await b.send("reinvite")
        assert (await b.wait("reinvite_answered"))["code"] == 200
        await a.send("hangup")
        assert (await b.wait("ended"))["answered"]


async def test_rfc3261_9_cancel_while_ringing_ends_both_sides(gateway, callee_port):
    async with two_agents(gateway, callee_port) as (a, b):
        await a.send("hangup")
        ended = await a.wait("ended")
        assert (ended["code"], ended["answered"]) == (487, False)
        assert not (await b.wait("ended"))["answered"]


async def test_the_called_party_may_hang_up(gateway, callee_port):
    report = await call(gateway, callee_port, hangup_by="callee")
    assert (report.code, report.ended_by) == (200, "callee")


async def test_the_called_party_may_reject_and_its_answer_arrives_unchanged(gateway, callee_port):
    async with two_agents(gateway, callee_port) as (a, b):
        await b.send("reject", code=486, headers=[["Reason", 'Q.850;cause=17;text="busy"']])
        ended = await a.wait("ended")
        assert (ended["code"], ended["reason_headers"]) == (486, ['Q.850;cause=17;text="busy"'])


async def test_a_call_that_rings_for_more_than_five_seconds_is_answered(gateway, callee_port):
    report = await call(gateway, callee_port, ring_s=5.5)
    assert (report.code, report.answered) == (200, True)
    assert report.final_us > 5_500_000


async def test_a_crash_and_a_restart_lose_no_running_call(gateway, callee_port):
    """DESIGN 4.1: nothing of a call is kept that another process with the same secret could not work out."""
    async with two_agents(gateway, callee_port) as (a, b):
        gateway.kill()
        gateway.start()
        await b.send("answer")  # the 200 finds its way back through the new process
        await asyncio.gather(a.wait("answered"), b.wait("answered"))
        gateway.kill()
        gateway.start()
        await a.send("hold")
        await b.wait("media", where=lambda e: e["state"] == "remote-hold")
        assert (await a.wait("reinvite_answered"))["code"] == 200
        await b.send("hangup")
        assert (await a.wait("ended"))["answered"]


async def test_the_call_command_prints_what_each_end_saw(gateway, callee_port):
    passed = await asyncio.to_thread(gateway.cli, "call", CALLER, CALLEE, "--json", "--talk", "0.1")
    report = json.loads(passed.stdout)
    assert (report["code"], report["ended_by"]) == (200, "caller")
    assert report["callee_saw"]["from_uri"].startswith(f"sip:{CALLER}@")
    gateway.push_list("fraud", CALLER)
    stopped = await asyncio.to_thread(gateway.cli, "call", CALLER, CALLEE, "--json", check=False)
    assert stopped.returncode == 1
    report = json.loads(stopped.stdout)
    assert (report["code"], report["callee_saw"]) == (603, None)
