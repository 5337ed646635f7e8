"""The harness itself: real pjsua2 calls without the gateway, directly and through Kamailio; SIPp and tshark
as judges.

What these tests prove is that a later failure with the gateway in between is the gateway's.
"""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys

import pytest

from sip.harness.call import place_call
from sip.harness.control import Agent, AgentError
from sip.message import parse
from tests.support.kamailio import kamailio_neighbour
from tests.support.process import ProcessError, free_port, wait_until
from tests.support.sipp import run_sipp, sipp_server
from tests.support.tshark import Capture

CALLER = '"张三" <sip:+8613800000001@visit.example>'
CALLEE = "+8613900000002"


async def direct(hangup_by: str = "caller", **options):
    """A call with nothing in between: the "gateway" is the callee itself."""
    port = free_port()
    return await place_call(
        CALLER, CALLEE, gateway_port=port, callee_port=port, hangup_by=hangup_by, **options
    )


@pytest.mark.parametrize("by", ["caller", "callee"])
async def test_a_direct_call_is_reported_from_both_ends(by):
    report = await direct(
        by, headers=[("P-Asserted-Identity", '"A" <tel:+8613800000001>'), ("Call-Info", "<http://x>")]
    )
    assert (report.code, report.answered, report.rang, report.ended_by) == (200, True, True, by)
    assert report.callee_saw.display_name == "张三"
    assert report.callee_saw.from_uri == "sip:+8613800000001@visit.example"
    assert report.callee_saw.p_asserted_identity == ('"A" <tel:+8613800000001>',)
    assert report.callee_saw.call_info == ("<http://x>",)
    assert 0 < report.first_response_us <= report.final_us
    invite = parse(report.callee_saw.raw.encode())
    assert invite.method == b"INVITE"
    assert invite.from_.display_text == "张三"


@pytest.mark.parametrize("via_proxy", [False, True])
async def test_a_call_through_kamailio_keeps_its_record_route(via_proxy):
    callee = free_port()
    with kamailio_neighbour(callee) as proxy:
        report = await place_call(
            CALLER, CALLEE, gateway_port=proxy.port, callee_port=callee, via_proxy=via_proxy
        )
    assert (report.code, report.ended_by) == (200, "caller")
    invite = parse(report.callee_saw.raw.encode())
    assert len(invite.vias) == 2
    assert [a.uri.port for a in invite.addresses("Record-Route")] == [proxy.port]


async def test_a_rejection_is_seen_with_its_reason():
    async with Agent.start("callee") as b, Agent.start("caller") as a:
        await a.send("call", uri=f"sip:{CALLEE}@127.0.0.1:{b.port}", caller=CALLER)
        await b.wait("incoming")
        await b.send("reject", code=603, headers=[["Reason", 'SIP;cause=603;text="spam"']])
        ended = await a.wait("ended")
    assert (ended["code"], ended["answered"], ended["local"]) == (603, False, False)
    assert ended["reason_headers"] == ['SIP;cause=603;text="spam"']


async def test_cancel_while_ringing_ends_both_sides():
    callee = free_port()
    with kamailio_neighbour(callee) as proxy:
        async with Agent.start("callee", port=callee) as b, Agent.start("caller") as a:
            await a.send("call", uri=f"sip:{CALLEE}@127.0.0.1:{proxy.port}", caller=CALLER)
            await b.wait("incoming")
            await b.send("ring")
            await a.wait("ringing")
            await a.send("hangup")
            assert (await a.wait("ended"))["code"] == 487
            assert not (await b.wait("ended"))["answered"]


async def test_hold_and_unhold_are_reinvites_in_the_dialog():
    callee = free_port()
    with kamailio_neighbour(callee) as proxy:
        async with Agent.start("callee", port=callee) as b, Agent.start("caller") as a:
            await a.send("call", uri=f"sip:{CALLEE}@127.0.0.1:{proxy.port}", caller=CALLER)
            await b.wait("incoming")
            await b.send("answer")
            await asyncio.gather(a.wait("answered"), b.wait("answered"))
            await a.send("hold")
            await b.wait("media", where=lambda e: e["state"] == "remote-hold")
            assert (await a.wait("reinvite_answered"))["code"] == 200
            await a.send("unhold")
            await b.wait("reinvited", where=lambda e: "a=sendrecv" in e["raw"])
            assert (await a.wait("reinvite_answered"))["code"] == 200
            await b.send("hangup")
            assert (await a.wait("ended"))["answered"]


async def test_a_second_agent_on_the_same_port_says_so():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind(("127.0.0.1", 0))
        with pytest.raises(AgentError, match="in use"):
            async with Agent.start("callee", port=taken.getsockname()[1]):
                pass


async def test_nobody_there_is_a_report_and_no_hang():
    async with Agent.start("caller") as a:
        await a.send("call", uri=f"sip:{CALLEE}@127.0.0.1:{free_port()}", caller=CALLER)
        await a.send("hangup")
        with pytest.raises(AgentError, match=r"no incoming within 0.2 s"):
            await a.wait("incoming", timeout_s=0.2)


def _gone(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
async def test_an_agent_never_outlives_its_parent(how):
    code = (
        "import asyncio\nfrom sip.harness.control import Agent\n"
        "async def main():\n"
        "    async with Agent.start('callee') as a:\n"
        "        print(a.pid, flush=True)\n"
        "        await asyncio.sleep(60)\n"
        "asyncio.run(main())\n"
    )
    parent = await asyncio.create_subprocess_exec(sys.executable, "-c", code, stdout=asyncio.subprocess.PIPE)
    agent = int(await parent.stdout.readline())
    assert not _gone(agent)
    parent.send_signal(how)
    await parent.wait()
    wait_until(lambda: _gone(agent), 5, "the agent's end")


@pytest.mark.parametrize(
    ("uas", "uac", "sent"),
    [
        ("uas_answer", "uac_call", 7),
        ("uas_reinvite", "uac_reinvite", 11),
        ("uas_cancel", "uac_cancel", 7),
        ("uas_bye", "uac_callee_bye", 7),
    ],
)
def test_sipp_scenarios_hold_against_a_proxy_that_is_known_to_be_right(uas, uac, sent):
    callee = free_port()
    with kamailio_neighbour(callee) as proxy:
        with sipp_server(uas, callee) as server, Capture(proxy.port) as wire:
            result = run_sipp(uac, proxy.port)
        assert (result.successful, result.failed, result.errors) == (1, 0, "")
        assert (server.result.successful, server.result.failed) == (1, 0)
        assert wire.count(proxy.port) >= sent
        assert wire.expert(proxy.port) == []
        assert wire.faults(proxy.port) == []


def test_sipp_reports_a_call_that_went_wrong():
    callee = free_port()
    with kamailio_neighbour(callee) as proxy, sipp_server("uas_answer", callee):
        result = run_sipp("uac_flagged", proxy.port, timeout_s=10)
    assert (result.exit_status, result.successful, result.failed) == (1, 0, 1)


HEAD = (
    b"INVITE sip:a@b.c SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1;branch=z9hG4bK1\r\nFrom: <sip:a@b>;tag=1\r\n"
    b"To: <sip:a@b>\r\nCall-ID: 1\r\nCSeq: 1 INVITE\r\n"
)


@pytest.mark.parametrize(
    ("message", "expert", "faults"),
    [(HEAD + b"\r\n", 0, 0), (HEAD + b"NoColon\r\n\r\n", 1, 1), (HEAD + b"Max-Forwards: x\r\n\r\n", 0, 1)],
)
def test_the_judges_of_the_wire_can_say_no(message, expert, faults):
    port, to = free_port(), free_port()
    with Capture(port) as wire, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.bind(("127.0.0.1", port))
        s.sendto(message, ("127.0.0.1", to))
    assert wire.messages(port) == [message]
    assert (len(wire.expert(port)), len(wire.faults(port))) == (expert, faults)
    with pytest.raises(ProcessError, match="no SIP message"):
        wire.expert(to)
