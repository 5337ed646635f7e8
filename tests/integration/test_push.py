"""Pushing rules into a running data plane: enforced on return, refused whole, kept over restarts."""

import asyncio
import contextlib
import socket
import sqlite3
import time
from array import array
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest

from gateway.config import ConfigError
from gateway.configfile import parse_config
from gateway.control import Control, Refused
from gateway.feed import FeedError
from gateway.feed.changes import ListAdd, ListDefine, ListReplace, PolicyMode, PolicySet
from gateway.numbers import parse_number
from native.plane import Engine, Plane
from native.tables import Rcu
from native.world import Texts
from tests.support.process import free_port
from tests.support.rules import SOURCES, add, card, config, invite, keys, remove, running

A, B, C = "+8613800000001", "+8613800000002", "+8613800000003"
RULE = '[[rule]]\nname = "{}"\nwhen = ["{}"]\nthen = {}\nmode = "enforce"\n'


def answer(engine: Engine, caller: str, call: int, trunk: str = "ims") -> str:
    """What the data plane does with a new call: the status of its answer, or where it sends the INVITE."""
    _, out, where, _ = engine.handle(invite(caller, call_id=f"c{call}"), SOURCES[trunk])
    assert out is not None
    return out.split()[1].decode() if out.startswith(b"SIP/2.0") else f"sent {where}"


SENT = "sent ('127.0.0.1', 5070)"


async def test_an_entry_is_enforced_when_the_push_returns(tmp_path: Path) -> None:
    async with running(tmp_path) as (control, engine):
        for n in range(0, 200, 2):
            assert answer(engine, A, n) == SENT
            applied = await control.submit(add("fraud", A), origin="test")
            assert (applied.seq, applied.changed) == (n + 1, 1)
            assert answer(engine, A, n + 1) == "603"
            await control.submit(remove("fraud", A), origin="test")


async def test_a_policy_is_enforced_when_the_push_returns(tmp_path: Path) -> None:
    async with running(tmp_path) as (control, engine):
        assert answer(engine, "+861085110110", 1, "international") == SENT
        await control.submit(PolicyMode(rule="spoofed-domestic", mode="enforce"), origin="test")
        assert answer(engine, "+861085110110", 2, "international") == "603"
        await control.submit(
            PolicySet(text=RULE.format("all", "trunk.international", "{ intercept = 608 }")), origin="test"
        )
        assert answer(engine, "+861085110110", 3, "international") == "608"
        assert control.rule_names() == ["all"]
        assert control.rule_name(2, 0) == "all"
        assert control.rule_name(1, 0) == "fraud"
        assert control.rule_name(99, 0) is None
        assert control.rule_name(2, 5) is None


async def test_a_diverted_call_goes_to_its_hop(tmp_path: Path) -> None:
    async with running(tmp_path) as (control, engine):
        text = RULE.format("away", "caller.in.fraud", '{ divert = "announcements" }')
        await control.submit(PolicySet(text=text), origin="test")
        await control.submit(add("fraud", A), origin="test")
        assert answer(engine, A, 1) == "sent ('127.0.0.1', 5071)"


async def test_a_refused_push_leaves_rules_feed_and_status(tmp_path: Path) -> None:
    async with running(tmp_path) as (control, engine):
        await control.submit(add("fraud", A), origin="test")
        before = control.status()
        for change, code in (
            (add("fraud", B, "110"), "emergency"),
            (add("fraud", B, "+86*"), "prefix-too-short"),
            (add("nobody", B), "unknown-list"),
            (PolicySet(text=RULE.format("x", "caller.in.nobody", "{ drop = true }")), "policy"),
        ):
            with pytest.raises(Refused) as caught:
                await control.submit(change, origin="test")
            assert caught.value.code == code
        assert control.status() == before
        assert answer(engine, A, 1) == "603"
        assert answer(engine, B, 2) == SENT
        assert (await control.submit(add("fraud", B), origin="test")).seq == 2


async def test_a_push_that_the_feed_cannot_keep_is_refused(tmp_path: Path) -> None:
    async with running(tmp_path) as (control, engine):
        await control.submit(add("fraud", A), origin="test")
        with contextlib.closing(sqlite3.connect(tmp_path / "feed.sqlite")) as db:
            db.execute("INSERT INTO log VALUES (2, x'00')")  # seq 2 is taken behind the gateway's back
            db.commit()
        with pytest.raises(Refused, match="cannot write") as caught:
            await control.submit(add("fraud", B), origin="test")
        assert caught.value.code == "feed"
        assert answer(engine, B, 1) == SENT
        assert answer(engine, A, 2) == "603"


async def test_a_restart_runs_the_rules_of_the_feed(tmp_path: Path) -> None:
    policy = RULE.format("only", "caller.in.vip-fraud", "{ intercept = 607 }")
    async with running(tmp_path) as (control, _):
        await control.submit(ListDefine(name="vip-fraud", kind="deny"), origin="test")
        await control.submit(PolicySet(text=policy), origin="test")
        await control.submit(add("vip-fraud", A, "+861380013*", category="x"), origin="test")
        await control.submit(card(B), origin="test")
        await control.submit(add("vip-fraud", C), origin="test")
        await control.submit(remove("vip-fraud", C), origin="test")
        before = control.status()
    async with running(tmp_path) as (control, engine):
        after = control.status()
        assert {key: after[key] for key in ("seq", "world_seq", "digest", "rules")} == {
            key: before[key] for key in ("seq", "world_seq", "digest", "rules")
        }
        assert control.rule_name(2, 0) == "only"
        assert [answer(engine, number, n) for n, number in enumerate((A, "+8613800139999", B, C))] == [
            "607",
            "607",
            SENT,
            SENT,
        ]
        found = await control.ask(lambda state: state.find(parse_number(B))["card"].entry.attr)
        assert (await control.ask(lambda state: state.card_of(found))).name == "XX市公安局"
        assert (await control.submit(add("vip-fraud", C), origin="test")).seq == 7


async def test_a_broken_feed_refuses_the_start_and_names_the_record(tmp_path: Path) -> None:
    async with running(tmp_path) as (control, _):
        for number in (A, B, C):
            await control.submit(add("fraud", number), origin="test")
    with contextlib.closing(sqlite3.connect(tmp_path / "feed.sqlite")) as db:
        db.execute("DELETE FROM log WHERE seq = 2")
        db.commit()
    control = Control(config(tmp_path), rcu=Rcu(), texts=Texts())
    with pytest.raises(FeedError, match="gap: 2 missing") as caught:
        control.load()
    assert caught.value.seq == 3
    control.stop()


async def test_a_change_that_cannot_be_enforced_stops_further_pushes_until_a_restart(tmp_path: Path) -> None:
    control = Control(config(tmp_path), rcu=Rcu(), texts=Texts())
    control.load()

    def no_memory(world: object) -> None:
        raise MemoryError

    control.start(no_memory)
    try:
        with pytest.raises(MemoryError):
            await control.submit(ListDefine(name="vip", kind="allow"), origin="test")
        with pytest.raises(Refused, match="change 1 is in the log") as caught:
            await control.submit(add("fraud", A), origin="test")
        assert caught.value.code == "broken"
        assert "restart" in control.status()["broken"]
    finally:
        control.stop()
    async with running(tmp_path) as (control, engine):
        assert control.status()["broken"] == ""
        await control.submit(add("vip", A), origin="test")
        await control.submit(add("fraud", A), origin="test")
        assert answer(engine, A, 1) == SENT


async def test_many_pushers_at_once_get_their_own_answers(tmp_path: Path) -> None:
    async with running(tmp_path) as (control, engine):
        numbers = [f"+86138000{n:05}" for n in range(300)]
        applied = await asyncio.gather(*(control.submit(add("fraud", n), origin="test") for n in numbers))
        assert sorted(a.seq for a in applied) == list(range(1, 301))
        assert {answer(engine, number, n) for n, number in enumerate(numbers)} == {"603"}


async def test_a_push_can_come_from_another_thread_and_loop(tmp_path: Path) -> None:
    async with running(tmp_path) as (control, engine):

        def push() -> int:
            return asyncio.run(control.submit(add("fraud", A), origin="test")).seq

        assert await asyncio.to_thread(push) == 1
        assert answer(engine, A, 1) == "603"


async def test_a_push_after_the_stop_is_refused(tmp_path: Path) -> None:
    async with running(tmp_path) as (control, _):
        await asyncio.to_thread(control.stop)
        with pytest.raises(Refused) as caught:
            await control.submit(add("fraud", A), origin="test")
        assert caught.value.code == "stopped"


async def fraud_stats(control: Control) -> dict[str, int]:
    return await control.ask(lambda state: state.lists["fraud"].table.stats())


async def test_overlays_are_merged_before_they_are_full(tmp_path: Path) -> None:
    async with running(tmp_path) as (control, engine):
        for n in range(4):
            numbers = array("Q", range(8613800000000 + n * 50_000, 8613800050000 + n * 50_000))
            await control.submit(ListAdd(list="fraud", numbers=numbers.tobytes()), origin="test")
        deadline = time.monotonic() + 20
        while (stats := await fraud_stats(control))["overlay_used"] >= 100_000:
            assert time.monotonic() < deadline
            await asyncio.sleep(0.01)
        assert stats["numbers"] == 200_000
        assert stats["merges"] >= 1
        assert answer(engine, "+8613800199999", 1) == "603"
        assert answer(engine, "+8613800200000", 2) == SENT


async def test_a_reload_puts_another_configuration_in_force(tmp_path: Path) -> None:
    async with running(tmp_path) as (control, engine):
        await control.submit(add("fraud", A), origin="test")
        changed = config(
            tmp_path, '[guards]\nmin_prefix_digits = 2\n[emergency]\npsap_callers = ["+8613800000001"]\n'
        )
        assert await control.reload(changed) == ["guards", "emergency"]
        assert answer(engine, A, 1) == SENT  # a PSAP calls back
        await control.submit(add("fraud", "+8614*"), origin="test")
        assert await control.reload(config(tmp_path)) == ["guards", "emergency"]
        assert answer(engine, A, 2) == "603"


async def test_a_reload_that_takes_a_rule_its_hop_is_refused(tmp_path: Path) -> None:
    async with running(tmp_path) as (control, engine):
        text = RULE.format("away", "caller.in.fraud", '{ divert = "announcements" }')
        await control.submit(PolicySet(text=text), origin="test")
        await control.submit(add("fraud", A), origin="test")
        before = config(tmp_path)
        without = msgspec.structs.replace(before, hops=before.hops[:1])
        with pytest.raises(ConfigError, match=r"rule away: then\.divert"):
            await control.reload(without)
        assert control.hop_names() == ["core", "announcements"]
        assert answer(engine, A, 1) == "sent ('127.0.0.1', 5071)"


# --- with the real plane: sockets and threads -------------------------------------------------------------


@contextlib.asynccontextmanager
async def plane(tmp_path: Path) -> AsyncIterator[tuple[Control, Plane, socket.socket, socket.socket]]:
    """A control thread, a plane with two threads, a caller's socket and the callee's."""
    caller, callee = (socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(2))
    with caller, callee:
        for sock in (caller, callee):
            sock.bind(("127.0.0.1", 0))
            sock.settimeout(10)
        text = f"""
[node]
state_dir = "{tmp_path}"
[[listener]]
name = "l"
bind = "udp:127.0.0.1:{free_port()}"
[[hop]]
name = "core"
targets = ["udp:127.0.0.1:{callee.getsockname()[1]}"]
probe = "none"
[[trunk]]
name = "peer"
class = "domestic"
sources = ["127.0.0.0/8"]
next_hop = "core"
"""
        rcu = Rcu()
        control = Control(parse_config(text), rcu=rcu, texts=Texts())
        running_plane = Plane(rcu, control.load(), threads=2)
        running_plane.start()
        control.start(running_plane.publish)
        try:
            caller.connect(("127.0.0.1", running_plane.port(0)))
            yield control, running_plane, caller, callee
        finally:
            control.stop()
            running_plane.stop()


async def test_the_first_invite_after_the_push_is_intercepted_on_every_thread(tmp_path: Path) -> None:
    async with plane(tmp_path) as (control, _, caller, callee):
        for n in range(100):
            number = f"+861380001{n:04}"
            caller.send(invite(number, call_id=f"before{n}"))
            assert b"INVITE sip:" in callee.recv(65536)
            await control.submit(add("fraud", number), origin="test")
            caller.send(invite(number, call_id=f"after{n}"))
            assert caller.recv(65536).startswith(b"SIP/2.0 603 ")


async def test_swapping_worlds_under_traffic_loses_no_call(tmp_path: Path) -> None:
    async with plane(tmp_path) as (control, _, caller, callee):
        done = asyncio.Event()

        async def swap() -> int:
            swaps = 0
            while not done.is_set():
                mode = ("enforce", "shadow")[swaps % 2]
                await control.submit(PolicyMode(rule="calls-from-400", mode=mode), origin="test")
                await control.submit(ListReplace(list="suspect", numbers=keys(A)), origin="test")
                swaps += 1
            return swaps

        def call() -> int:
            for n in range(2000):
                caller.send(invite(B, call_id=f"n{n}"))
                assert f"Call-ID: n{n}@".encode() in callee.recv(65536)
            return 2000

        swapping = asyncio.create_task(swap())
        assert await asyncio.to_thread(call) == 2000
        done.set()
        assert await swapping > 10
