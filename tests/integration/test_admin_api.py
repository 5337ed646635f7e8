"""The admin API over its real server: every operation, authentication, sizes, errors with their status."""

from __future__ import annotations

import asyncio
import io
import socket
import stat
import time
from array import array
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
import pytest

from gateway.admin.api import OPERATIONS
from gateway.admin.client import ApiError, NotRunning, RemoteGateway, connect
from gateway.config import Config
from gateway.configfile import parse_config
from gateway.daemon import Daemon
from tests.support.process import free_port

NUMBER = "+8613800000001"


def configured(folder: Path, admin: str = "", extra: str = "") -> Config:
    text = f"""
[node]
state_dir = "{folder}/state"
memo_entries = 1024
call_entries = 1024
[[listener]]
name = "edge"
bind = "udp:127.0.0.1:{free_port()}"
{admin}
{extra}
"""
    return parse_config(text, "test.toml", {})


@pytest.fixture
async def daemon(tmp_path: Path) -> AsyncIterator[Daemon]:
    config = configured(tmp_path)
    running = Daemon(config, lambda: config)
    await running.start()
    yield running
    await running.stop()


@pytest.fixture
async def gateway(daemon: Daemon) -> AsyncIterator[RemoteGateway]:
    remote = RemoteGateway(daemon.config)
    yield remote
    await remote.close()


async def refused(gateway: RemoteGateway, op: str, **params: Any) -> tuple[int, str, str]:
    with pytest.raises(ApiError) as e:
        await gateway.call(op, **params)
    return e.value.status, e.value.code, str(e.value)


async def test_socket_is_readable_by_its_owner_only(daemon: Daemon) -> None:
    path = daemon.config.admin_socket
    assert path is not None
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


async def test_status_says_what_runs(daemon: Daemon, gateway: RemoteGateway) -> None:
    status = await gateway.call("status")
    assert status["state"] == "running"
    assert status["listeners"] == [{"name": "edge", "address": f"udp:127.0.0.1:{daemon.plane.port(0)}"}]
    assert {x["name"] for x in status["rules"]["lists"]} == {"allow", "fraud", "suspect", "card"}
    assert status["targets"][0]["probed"] is False


async def test_add_is_enforced_when_it_returns_and_remove_undoes_it(gateway: RemoteGateway) -> None:
    applied = await gateway.call("lists_add", name="fraud", entries=["13800000001"], category="sim", score=7)
    assert (applied["changed"], applied["running"]) == (1, True)
    assert applied["enforced_us"] > 0
    found = await gateway.call("find", number=NUMBER)
    assert found["number"] == NUMBER
    assert [(h["list"], h["exact"], h["category"], h["score"]) for h in found["hits"]] == [
        ("fraud", True, "sim", 7)
    ]
    assert (await gateway.call("lists_remove", name="fraud", entries=[NUMBER]))["changed"] == 1
    assert (await gateway.call("find", number=NUMBER))["hits"] == []


async def test_prefixes_ranges_and_wildcards(gateway: RemoteGateway) -> None:
    entries = ["+861700000*", "13900000000-13900009999", "+331626210##"]
    await gateway.call("lists_add", name="fraud", entries=entries)
    for inside in ("+8617000001234", "+8613900005555", "+33162621012"):
        assert len((await gateway.call("find", number=inside))["hits"]) == 1, inside
    for outside in ("+8617000101234", "+8613900010000"):
        assert (await gateway.call("find", number=outside))["hits"] == [], outside
    page = await gateway.call("lists_show", name="fraud")
    assert len(page["entries"]) == 3


async def test_show_is_paged_without_loss_or_repeat(gateway: RemoteGateway) -> None:
    numbers = array("Q", range(8613800000000, 8613800000025))
    await gateway.call("lists_add_numbers", name="suspect", numbers=numbers.tobytes(), source="bulk")
    await gateway.call("lists_add", name="suspect", entries=["+861700000*", "+861700001*", "+861700002*"])
    seen: list[str] = []
    after = ""
    while True:
        page = await gateway.call("lists_show", name="suspect", limit=2, after=after)
        assert len(page["entries"]) <= 2
        seen += [e["entry"] for e in page["entries"]]
        after = page["next"]
        if not after:
            break
    assert len(seen) == len(set(seen)) == 28
    assert seen[3:] == [f"+{n}" for n in numbers]


async def test_numbers_travel_as_octets(gateway: RemoteGateway) -> None:
    numbers = array("Q", [8613800000001, 8613800000002]).tobytes()
    assert (await gateway.call("lists_add_numbers", name="fraud", numbers=numbers, score=9))["changed"] == 2
    assert (await gateway.call("lists_remove_numbers", name="fraud", numbers=numbers))["changed"] == 2


async def test_replace_define_and_clear(gateway: RemoteGateway) -> None:
    await gateway.call("lists_define", name="sharks", kind="deny")
    await gateway.call("lists_add", name="sharks", entries=[NUMBER])
    await gateway.call("lists_replace", name="sharks", entries=["+8613800000002", "+8613800000003"])
    shown = await gateway.call("lists_show", name="sharks")
    assert [e["entry"] for e in shown["entries"]] == ["+8613800000002", "+8613800000003"]
    await gateway.call("lists_clear", name="sharks")
    assert (await gateway.call("lists_show", name="sharks"))["entries"] == []


async def test_cards(gateway: RemoteGateway) -> None:
    await gateway.call("cards_add", title="反诈中心", entries=["96110"], organisation="北京", reason="劝阻")
    cards = await gateway.call("cards_show", name="card")
    assert cards["entries"] == [
        {"entry": "96110", "name": "反诈中心", "organisation": "北京", "reason": "劝阻", "icon": ""}
    ]
    assert (await gateway.call("cards_remove", entries=["96110"]))["changed"] == 1


async def test_policy_show_check_push_promote(gateway: RemoteGateway) -> None:
    text = (await gateway.call("policy"))["text"]
    rule = '\n[[rule]]\nname = "x"\nwhen = ["caller.withheld"]\nthen = { intercept = 433 }\nmode = "shadow"\n'
    assert "x" in (await gateway.call("policy_check", text=text + rule))["rules"]
    assert "x" not in [r["name"] for r in (await gateway.call("policy"))["rules"]]
    await gateway.call("policy_put", text=text + rule)
    await gateway.call("policy_mode", rule="x", mode="enforce")
    assert {"name": "x", "mode": "enforce"} in (await gateway.call("policy"))["rules"]
    assert "x" in (await gateway.call("stats"))["rules"]


async def test_bad_policy_is_refused_whole_and_the_old_one_stays(gateway: RemoteGateway) -> None:
    before = await gateway.call("policy")
    bad = '[[rule]]\nname = "x"\nwhen = ["caller.in.nowhere"]\nthen = { drop = true }\nmode = "enforce"\n'
    status, code, why = await refused(gateway, "policy_put", text=bad)
    assert (status, code) == (409, "policy")
    assert "nowhere" in why
    assert await gateway.call("policy") == before


@pytest.mark.parametrize(
    ("op", "params", "status", "code"),
    [
        ("lists_add", {"name": "fraud", "entries": ["abc"]}, 400, "bad-request"),
        ("lists_add", {"name": "fraud", "entries": [NUMBER], "scores": 1}, 400, "bad-request"),
        ("lists_add", {"name": "fraud", "entries": [NUMBER], "score": 256}, 400, "bad-request"),
        ("lists_add", {"name": "fraud"}, 400, "bad-request"),
        ("lists_add", {"name": "none", "entries": [NUMBER]}, 409, "unknown-list"),
        ("lists_add", {"name": "fraud", "entries": ["110"]}, 409, "emergency"),
        ("lists_add", {"name": "fraud", "entries": ["+8613*"]}, 409, "prefix-too-short"),
        ("lists_add_numbers", {"name": "fraud", "numbers": b"1234567"}, 409, "bad-number"),
        ("lists_show", {"name": "none"}, 404, "not-found"),
        ("lists_show", {"name": "fraud", "limit": 0}, 400, "bad-request"),
        ("lists_show", {"name": "fraud", "after": "x1"}, 400, "bad-request"),
        ("lists_define", {"name": "fraud", "kind": "allow"}, 409, "list-exists"),
        ("lists_define", {"name": "x", "kind": "block"}, 400, "bad-request"),
        ("policy_mode", {"rule": "none", "mode": "shadow"}, 409, "policy"),
        ("find", {"number": "abc"}, 400, "bad-request"),
    ],
)
async def test_errors_have_a_status_a_code_and_a_reason(
    gateway: RemoteGateway, op: str, params: dict[str, Any], status: int, code: str
) -> None:
    seq = (await gateway.call("status"))["rules"]["seq"]
    found = await refused(gateway, op, **params)
    assert found[:2] == (status, code)
    assert len(found[2]) > 5
    assert (await gateway.call("status"))["rules"]["seq"] == seq


async def _raw(daemon: Daemon, method: str, path: str, **kwargs: Any) -> tuple[int, Any]:
    connector = aiohttp.UnixConnector(str(daemon.config.admin_socket))
    async with aiohttp.ClientSession(connector=connector) as session:
        async with session.request(method, f"http://x{path}", **kwargs) as response:
            return response.status, await response.json()


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "code"),
    [
        ("GET", "/v1/nothing", b"", 404, "not-found"),
        ("DELETE", "/v1/status", b"", 405, "method"),
        ("POST", "/v1/lists", b"{", 400, "bad-request"),
        ("POST", "/v1/lists", b"[]", 400, "bad-request"),
        ("PUT", "/v1/policy", b"x" * (9 << 20), 413, "too-large"),
    ],
)
async def test_http_errors_are_json_as_well(
    daemon: Daemon, method: str, path: str, body: bytes, status: int, code: str
) -> None:
    found, answer = await _raw(daemon, method, path, data=io.BytesIO(body))
    assert (found, answer["error"]["code"]) == (status, code)


async def test_metrics_are_prometheus_text(daemon: Daemon, gateway: RemoteGateway) -> None:
    await gateway.call("lists_add", name="fraud", entries=[NUMBER])
    connector = aiohttp.UnixConnector(str(daemon.config.admin_socket))
    async with aiohttp.ClientSession(connector=connector) as session:
        for path in ("/metrics", "/v1/metrics"):
            async with session.get(f"http://x{path}") as response:
                text = await response.text()
                assert response.content_type == "text/plain"
    assert 'callwarden_list_entries{kind="numbers",list="fraud"} 1.0' in text
    assert 'callwarden_rule_matches_total{mode="enforce",rule="fraud"} 0.0' in text
    assert "callwarden_rules_seq 1.0" in text


async def test_every_operation_but_the_daemons_own_is_implemented() -> None:
    from gateway.admin.operations import Operations

    own = {"status", "stats", "reload"}
    assert [op for op in OPERATIONS if op not in own and not hasattr(Operations, op)] == []


async def test_tcp_needs_the_token(tmp_path: Path) -> None:
    port = free_port()
    config = configured(tmp_path, f'[admin]\nlisten = "127.0.0.1:{port}"\ntoken_file = "token"')
    daemon = Daemon(config, lambda: config)
    await daemon.start()
    try:
        token = tmp_path / "state" / "token"
        assert stat.S_IMODE(token.stat().st_mode) == 0o600
        assert len(token.read_text().strip()) >= 32
        async with connect(config, only_running=True) as gateway:
            assert (await gateway.call("status"))["state"] == "running"
        async with aiohttp.ClientSession() as session:
            for header in (
                {},
                {"Authorization": "Bearer wrong"},
                {"Authorization": f"Basic {token.read_text().strip()}"},
            ):
                for path in ("/v1/status", "/metrics", "/v1/nothing"):
                    async with session.get(f"http://127.0.0.1:{port}{path}", headers=header) as response:
                        assert response.status == 401
                        assert (await response.json())["error"]["code"] == "unauthorised"
    finally:
        await daemon.stop()


async def test_without_a_gateway_the_feed_is_changed_and_says_so(tmp_path: Path) -> None:
    config = configured(tmp_path)
    with pytest.raises(NotRunning):
        async with connect(config, only_running=True):
            pass
    async with connect(config) as local:
        assert not local.running
        applied = await local.call("lists_add", name="fraud", entries=[NUMBER])
        assert (applied["seq"], applied["running"]) == (1, False)
        with pytest.raises(ApiError) as e:
            await local.call("lists_add", name="fraud", entries=["110"])
        assert e.value.code == "emergency"
    daemon = Daemon(config, lambda: config)
    await daemon.start()
    try:
        async with connect(config) as gateway:
            assert gateway.running
            assert len((await gateway.call("find", number=NUMBER))["hits"]) == 1
    finally:
        await daemon.stop()


async def test_many_pushes_at_once_are_all_applied_in_order(gateway: RemoteGateway) -> None:
    pushes = [gateway.call("lists_add", name="fraud", entries=[f"+86138000001{i:02d}"]) for i in range(50)]
    answers = await asyncio.gather(*pushes)
    assert sorted(a["seq"] for a in answers) == list(range(1, 51))
    lists = (await gateway.call("lists"))["lists"]
    assert next(x["numbers"] for x in lists if x["name"] == "fraud") == 50


async def test_reload_takes_a_good_configuration_and_refuses_a_bad_one(tmp_path: Path) -> None:
    first = configured(tmp_path)
    files = [first]

    def reread() -> Config:
        return files[-1]

    daemon = Daemon(first, reread)
    await daemon.start()
    gateway = RemoteGateway(first)
    try:
        hops = (msgspec.structs.replace(first.hops[0], targets=("udp:127.0.0.1:9", "udp:127.0.0.1:19")),)
        files.append(msgspec.structs.replace(first, hops=hops))
        assert (await gateway.call("reload"))["changed"] == ["hops"]
        assert [t["target"] for t in (await gateway.call("status"))["targets"]] == [
            "udp:127.0.0.1:9",
            "udp:127.0.0.1:19",
        ]
        files.append(
            msgspec.structs.replace(files[-1], node=msgspec.structs.replace(first.node, memo_entries=2048))
        )
        status, code, why = await refused(gateway, "reload")
        assert (status, code) == (409, "configuration")
        assert "node.memo_entries: cannot change without a restart" in why
        assert daemon.config.hops == hops
    finally:
        await gateway.close()
        await daemon.stop()


async def test_start_that_fails_leaves_nothing_behind(tmp_path: Path) -> None:
    config = configured(tmp_path)
    taken = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    taken.bind((config.listeners[0].address.host, config.listeners[0].address.port))
    daemon = Daemon(config, lambda: config)
    with pytest.raises(OSError, match=str(config.listeners[0].address.port)):
        await daemon.start()
    taken.close()
    again = Daemon(config, lambda: config)  # the feed is free again
    await again.start()
    await again.stop()


async def test_journal_holds_each_decision_in_words(daemon: Daemon, gateway: RemoteGateway) -> None:
    await gateway.call("lists_add", name="fraud", entries=[NUMBER])
    port = daemon.plane.port(0)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as phone:
        phone.bind(("127.0.0.1", 0))
        phone.settimeout(5)
        me = f"127.0.0.1:{phone.getsockname()[1]}"
        invite = (
            f"INVITE sip:+8613900000002@127.0.0.1:{port} SIP/2.0\r\nVia: SIP/2.0/UDP {me};branch=z9hG4bKj\r\n"
            f"Max-Forwards: 70\r\nFrom: <sip:{NUMBER}@{me}>;tag=1\r\nTo: <sip:+8613900000002@127.0.0.1>\r\n"
            "Call-ID: journal\r\nCSeq: 1 INVITE\r\nContent-Length: 0\r\n\r\n"
        )
        phone.sendto(invite.encode(), ("127.0.0.1", port))
        answer = await asyncio.to_thread(phone.recv, 4096)
    assert answer.startswith(b"SIP/2.0 603 ")
    deadline = time.monotonic() + 10
    while not (found := await gateway.call("journal", caller=NUMBER, limit=10))["records"]:
        assert time.monotonic() < deadline
    (record,) = found["records"]
    assert (record["action"], record["code"], record["rule"]) == ("intercept", 603, "fraud")
    assert (record["caller"], record["callee"], record["trunk"]) == (NUMBER, "+8613900000002", "loopback")
    assert "caller.in.fraud" in record["facts"]
    assert record["call_id"] == "journal"
    assert (await gateway.call("journal", rule="card"))["records"] == []
    status = (await gateway.call("status"))["journal"]
    assert (status["written"], status["lost"]) == (1, 0)
    assert (await refused(gateway, "journal", caller="abc"))[0] == 400
