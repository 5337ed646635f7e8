"""`callwarden replay`: the current rules, another policy, attribution, public captures."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog
from click.testing import CliRunner, Result

from gateway.cli import main
from tests.unit.test_pcap import ipv4, pcap, udp

DATA = Path(os.environ.get("CALLWARDEN_TEST_DATA", Path(__file__).resolve().parents[3] / "shared" / "data"))
CAPTURES = sorted((DATA / "pcap").glob("*.pcap*"))
FRAUD, CLEAN = "+8613800000001", "+8613800000002"
CONFIG = """
[node]
state_dir = "{folder}/state"
[[trunk]]
name = "near"
class = "domestic"
sources = ["203.0.113.0/24"]
trust_identity = true
next_hop = "default"
[[trunk]]
name = "far"
class = "international"
sources = ["192.0.2.0/24"]
next_hop = "default"
[[hop]]
name = "default"
targets = ["udp:127.0.0.1:5070"]
"""


class Cli:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.config = folder / "callwarden.toml"
        self.config.write_text(CONFIG.format(folder=folder))

    def __call__(self, *args: str, code: int = 0, stdin: bytes | None = None) -> Result:
        result = CliRunner().invoke(main, [*args, "-c", str(self.config)], input=stdin)
        assert result.exit_code == code, f"{result.exit_code}: {result.output}{result.stderr}"
        return result

    def replay(self, *args: str, code: int = 0, stdin: bytes | None = None) -> Any:
        return json.loads(self("replay", "--json", *args, code=code, stdin=stdin).stdout.splitlines()[0])


@pytest.fixture
def cli(tmp_path: Path) -> Iterator[Cli]:
    yield Cli(tmp_path)
    structlog.reset_defaults()


def message(start: str, caller: str, *, call_id: str = "1", to_tag: str = "") -> bytes:
    method = start.split()[0] if not start.startswith("SIP/") else "INVITE"
    return (
        f"{start}\r\nVia: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK{call_id}\r\nMax-Forwards: 70\r\n"
        f"From: <sip:{caller}@192.0.2.1>;tag=1\r\nTo: <sip:+8613900000002@192.0.2.9>{to_tag}\r\n"
        f"Call-ID: {call_id}\r\nCSeq: 1 {method}\r\nContent-Length: 0\r\n\r\n"
    ).encode()


def invite(caller: str, **options: str) -> bytes:
    return message("INVITE sip:+8613900000002@192.0.2.9 SIP/2.0", caller, **options)


@pytest.fixture
def capture(tmp_path: Path) -> str:
    """From 192.0.2.1 (trunk far): two calls, a copy, an answer, a BYE, media."""
    bye = message("BYE sip:+8613900000002@192.0.2.9 SIP/2.0", CLEAN, call_id="2", to_tag=";tag=2")
    payloads = [
        invite(FRAUD),
        invite(FRAUD),
        message("SIP/2.0 200 OK", FRAUD),
        invite(CLEAN, call_id="2"),
        bye,
        b"\x80\x00" + bytes(170),
    ]
    path = tmp_path / "calls.pcap"
    path.write_bytes(pcap(*(ipv4(udp(p)) for p in payloads)))
    return str(path)


def test_the_rules_of_the_feed_judge_each_request_once(cli: Cli, capture: str) -> None:
    cli("lists", "add", "fraud", FRAUD)
    data = cli.replay(capture)
    assert data["messages"] == {"requests": 3, "retransmissions": 1, "responses": 1, "not SIP": 1}
    fraud, clean, bye = data["requests"]
    assert (fraud["action"], fraud["code"], fraud["rule"]) == ("intercept", 603, "fraud")
    assert (fraud["trunk"], fraud["attributed"], fraud["caller"]) == ("far", False, FRAUD)
    assert {"caller.in.fraud", "trunk.international"} <= set(fraud["facts"])
    assert (clean["action"], clean["reason"], clean["rule"]) == ("pass", "pass", None)
    assert (bye["screened"], bye["action"], bye["reason"]) == (False, None, "in-dialog")
    assert {"action": "intercept", "why": "fraud", "code": 603, "count": 1} in data["summary"]
    assert fraud["time"] == "1970-01-01T00:00:00.250000Z"


def test_another_policy_is_tried_and_not_put_in_force(cli: Cli, capture: str) -> None:
    cli("lists", "add", "fraud", FRAUD)
    policy = cli.folder / "candidate.toml"
    policy.write_text(
        '[[rule]]\nname = "abroad"\nwhen = ["trunk.international"]\nthen = { intercept = 608 }\n'
        'mode = "enforce"\n'
    )
    data = cli.replay(capture, "--policy", str(policy))
    assert [(r["rule"], r["code"]) for r in data["requests"] if r["screened"]] == [("abroad", 608)] * 2
    assert cli.replay(capture)["requests"][0]["rule"] == "fraud"


def test_a_policy_that_a_push_would_refuse_is_refused(cli: Cli, capture: str) -> None:
    policy = cli.folder / "bad.toml"
    policy.write_text(
        '[[rule]]\nname = "x"\nwhen = ["caller.in.nobody"]\nthen = { pass = true }\nmode = "enforce"\n'
    )
    result = cli("replay", capture, "--policy", str(policy), code=1)
    assert "the policy would be refused" in result.stderr


def test_senders_in_no_trunk_are_judged_as_the_stand_in(cli: Cli) -> None:
    head = pcap(ipv4(udp(invite(CLEAN))))
    stranger = head.replace(bytes([192, 0, 2, 1]), bytes([8, 8, 8, 8]))
    (first,) = cli.replay("-", stdin=stranger)["requests"]
    assert (first["trunk"], first["attributed"], first["source"]) == ("near", True, "8.8.8.8:5060")
    (named,) = cli.replay("-", "--trunk", "far", stdin=stranger)["requests"]
    assert named["trunk"] == "far"
    assert "trunk.international" in named["facts"]
    result = cli("replay", "-", "--trunk", "none", code=2, stdin=stranger)
    assert "there is no trunk 'none'" in result.stderr


def test_table_for_people_and_masked_numbers(cli: Cli, capture: str) -> None:
    cli("lists", "add", "fraud", FRAUD)
    text = cli("replay", capture).stdout
    assert "intercept 603" in text
    assert FRAUD in text
    assert FRAUD not in cli("replay", capture, "--masked").stdout
    assert FRAUD not in cli("replay", capture, "--masked", "--json").stdout


def test_what_is_no_capture_fails_with_one_line(cli: Cli, tmp_path: Path) -> None:
    path = tmp_path / "x.pcap"
    path.write_text("hello")
    assert cli("replay", str(path), code=1).stderr == f"callwarden: {path}: this is no pcap or pcapng file\n"
    cli("replay", str(tmp_path / "absent.pcap"), code=2)


def test_damage_in_the_middle_fails_behind_what_it_could_judge(cli: Cli, capture: str) -> None:
    path = Path(capture)
    path.write_bytes(path.read_bytes() + b"\xff" * 64)
    data = cli.replay(capture, code=1)
    assert "damaged" in data["damage"]
    assert len(data["requests"]) == 3


def test_replay_leaves_no_files_behind(cli: Cli, capture: str) -> None:
    cli.replay(capture)
    assert not (cli.folder / "state").exists()


@pytest.mark.skipif(not CAPTURES, reason="no third-party data: set CALLWARDEN_TEST_DATA")
@pytest.mark.parametrize("path", CAPTURES, ids=lambda p: p.name)
def test_public_captures_are_judged_whole(cli: Cli, path: Path) -> None:
    data = cli.replay(str(path))
    assert data["damage"] == ""
    assert sum(item["count"] for item in data["summary"]) == len(data["requests"])
    assert data["messages"].get("requests", 0) == len(data["requests"])
    initial = [r for r in data["requests"] if r["screened"]]
    assert all(r["method"] in ("INVITE", "MESSAGE") and r["trunk"] for r in initial)
    assert all(r["action"] == "pass" for r in initial), "nobody in these captures is on a list"
