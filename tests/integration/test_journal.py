"""The journal of the running daemon: real INVITEs, the CLI on the files, crashes, a full disk."""

from __future__ import annotations

import errno
import json
import os
import resource
import signal
import socket
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from gateway.journal.reader import Filter, query
from gateway.journal.segment import segments
from tests.support.gateway import CALLWARDEN, ROOT, GatewayUnderTest
from tests.support.process import wait_until

CALLER, FRAUD, CALLEE = "+8613800000002", "+8613800000001", "+8613900000002"


class Caller:
    """Sends INVITEs and takes what comes back; it is the gateway's next hop as well."""

    def __init__(self) -> None:
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.socket.settimeout(5)
        self.port: int = self.socket.getsockname()[1]
        self.sent = 0

    def invite(self, port: int, caller: str, callee: str = CALLEE) -> str:
        """One call; the start line of what came back. Call-IDs count up from "1"."""
        self.sent += 1
        me, n = f"127.0.0.1:{self.port}", self.sent
        self.socket.sendto(
            f"INVITE sip:{callee}@127.0.0.1 SIP/2.0\r\n"
            f"Via: SIP/2.0/UDP {me};branch=z9hG4bK{os.urandom(6).hex()}\r\n"
            f"Max-Forwards: 70\r\nFrom: <sip:{caller}@127.0.0.1>;tag=1\r\nTo: <sip:{callee}@127.0.0.1>\r\n"
            f"Call-ID: {n}\r\nCSeq: 1 INVITE\r\nContent-Length: 0\r\n\r\n".encode(),
            ("127.0.0.1", port),
        )
        return self.socket.recv(65535).split(b"\r\n", 1)[0].decode()


@pytest.fixture
def caller() -> Iterator[Caller]:
    caller = Caller()
    yield caller
    caller.socket.close()


def records(gateway: GatewayUnderTest, *arguments: str) -> list[dict[str, Any]]:
    out = gateway.cli("journal", "query", "--json", "--limit", "0", *arguments).stdout
    return [json.loads(line) for line in out.splitlines()]


def written(gateway: GatewayUnderTest, count: int) -> None:
    wait_until(lambda: gateway.status()["journal"]["written"] >= count, 10, f"{count} records in the journal")


def test_decisions_of_real_invites_are_found_by_the_cli(caller: Caller) -> None:
    with GatewayUnderTest(caller.port) as gateway:
        gateway.push_list("fraud", FRAUD)
        assert caller.invite(gateway.port, FRAUD).startswith("SIP/2.0 603 ")
        assert caller.invite(gateway.port, CALLER).startswith("INVITE ")
        assert caller.invite(gateway.port, CALLER, "110").startswith("INVITE ")
        written(gateway, 3)
        blocked, passed, emergency = records(gateway)
        assert (blocked["action"], blocked["code"], blocked["rule"], blocked["reason"]) == (
            "intercept",
            603,
            "fraud",
            "rule",
        )
        assert (blocked["caller"], blocked["callee"], blocked["trunk"]) == (FRAUD, CALLEE, "peer")
        assert (blocked["call_id"], blocked["source"]) == ("1", f"127.0.0.1:{caller.port}")
        assert {"caller.in.fraud", "call.invite", "trunk.domestic"} <= set(blocked["facts"])
        assert blocked["latency_ns"] > 0
        assert (passed["action"], passed["rule"], passed["hop"]) == ("pass", None, "core")
        assert (emergency["reason"], emergency["callee"]) == ("emergency", "110")

        assert [r["call_id"] for r in records(gateway, "--action", "intercept")] == ["1"]
        assert [r["call_id"] for r in records(gateway, "--caller", "13800000002")] == ["2", "3"]
        assert [r["call_id"] for r in records(gateway, "--callee", CALLEE, "--since", "10m")] == ["1", "2"]
        assert [r["call_id"] for r in records(gateway, "--rule", "fraud")] == ["1"]
        assert [r["call_id"] for r in records(gateway, "--reason", "emergency", "--trunk", "peer")] == ["3"]
        assert records(gateway, "--until", "10m") == []
        assert records(gateway, "--trunk", "other") == []
        assert "13800000001" not in json.dumps(records(gateway, "--masked"))
        table = gateway.cli("journal", "tail", "-n", "1").stdout
        assert "110" in table
        assert "603" not in table


def test_sigterm_loses_nothing_and_the_journal_is_read_without_a_gateway(caller: Caller) -> None:
    with GatewayUnderTest(caller.port) as gateway:
        for _ in range(300):
            assert caller.invite(gateway.port, CALLER).startswith("INVITE ")
    assert [int(r["call_id"]) for r in records(gateway)] == list(range(1, 301))


def test_kill_9_keeps_what_was_written_and_the_next_run_begins_a_new_segment(caller: Caller) -> None:
    gateway = GatewayUnderTest(caller.port)
    gateway.start()
    for _ in range(200):
        caller.invite(gateway.port, CALLER)
    written(gateway, 200)
    caller.invite(gateway.port, CALLER)  # may be lost: nothing says that it was written
    gateway.kill()
    directory = gateway.folder / "state" / "journal"
    (_, torn), *others = segments(directory)
    assert others == []
    with torn.open("ab") as f:  # a frame that the crash cut off
        f.write(torn.read_bytes()[128:700])
    gateway.start()
    try:
        assert gateway.status()["journal"]["torn_bytes"] == 572
        caller.invite(gateway.port, FRAUD)
        wait_until(lambda: len(segments(directory)) == 2, 10, "a new segment")
        written(gateway, 1)
        done = gateway.cli("journal", "query", "--json", "--limit", "0")
    finally:
        assert gateway.stop() == 0
    calls = [int(json.loads(line)["call_id"]) for line in done.stdout.splitlines()]
    assert calls[:200] == list(range(1, 201))
    assert calls[-1] == 202
    assert f"{torn.name}: 572 bytes behind the last whole frame are unreadable" in done.stderr
    assert "journal was torn" in gateway.log.read_text()


def test_modes_keep_whole_numbers_from_others(caller: Caller) -> None:
    with GatewayUnderTest(caller.port) as gateway:
        caller.invite(gateway.port, CALLER)
        written(gateway, 1)
        directory = gateway.folder / "state" / "journal"
        assert directory.stat().st_mode & 0o777 == 0o700
        assert [p.stat().st_mode & 0o777 for _, p in segments(directory)] == [0o600]


def test_a_pushed_policy_is_named_by_its_own_rules_and_older_records_by_theirs(caller: Caller) -> None:
    with GatewayUnderTest(caller.port) as gateway:
        gateway.push_list("fraud", FRAUD)
        caller.invite(gateway.port, FRAUD)
        policy = gateway.folder / "policy.toml"
        policy.write_text(
            '[[rule]]\nname = "first"\nwhen = ["caller.in.suspect"]\nthen = { intercept = 607 }\n'
            'mode = "enforce"\n'
            '[[rule]]\nname = "renamed"\nwhen = ["caller.in.fraud"]\nthen = { intercept = 608 }\n'
            'mode = "enforce"\n'
        )
        gateway.cli("policy", "push", str(policy))
        assert caller.invite(gateway.port, FRAUD).startswith("SIP/2.0 608 ")
        written(gateway, 2)
        old, new = records(gateway)
    assert (old["rule"], new["rule"]) == ("fraud", "renamed")
    assert old["rules_seq"] < new["rules_seq"]


def test_tail_follows_across_restarts(caller: Caller) -> None:
    gateway = GatewayUnderTest(caller.port)
    gateway.start()
    caller.invite(gateway.port, CALLER)
    written(gateway, 1)
    follower = subprocess.Popen(
        [*CALLWARDEN, "journal", "tail", "-f", "-n", "1", "--json", "-c", str(gateway.config)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert follower.stdout is not None
        assert json.loads(follower.stdout.readline())["call_id"] == "1"
        caller.invite(gateway.port, CALLER)
        assert json.loads(follower.stdout.readline())["call_id"] == "2"
        assert gateway.stop() == 0
        gateway.start()
        caller.invite(gateway.port, FRAUD)
        assert json.loads(follower.stdout.readline())["call_id"] == "3"
        follower.send_signal(signal.SIGINT)
        assert follower.wait(10) == 130
    finally:
        follower.kill()
        follower.wait()
        assert follower.stdout is not None
        follower.stdout.close()
        gateway.stop()


@pytest.fixture
def tiny_disk() -> Iterator[Path]:
    """A file system of 1 MiB."""
    with tempfile.TemporaryDirectory(prefix="callwarden-t-") as folder:
        mount = ["mount", "-t", "tmpfs", "-o", "size=1m,mode=700", "tmpfs", folder]
        mounted = subprocess.run(mount, capture_output=True, text=True)
        if mounted.returncode != 0:
            pytest.skip(
                f"this user cannot mount a tmpfs (the file size test remains): {mounted.stderr.strip()}"
            )
        try:
            yield Path(folder)
        finally:
            subprocess.run(["umount", "-l", folder], check=True)


class Starved:
    """Calls against a gateway whose journal cannot be written for a while."""

    def __init__(self, gateway: GatewayUnderTest, caller: Caller) -> None:
        self._gateway, self._caller = gateway, caller

    @property
    def journal(self) -> dict[str, Any]:
        found: dict[str, Any] = self._gateway.status()["journal"]
        return found

    def call_until_loss(self) -> dict[str, Any]:
        for _ in range(40):
            for _ in range(500):
                assert self._caller.invite(self._gateway.port, CALLER).startswith("INVITE ")
            if (journal := self.journal)["lost"]:
                return journal
        raise AssertionError("the journal loses nothing")

    def metric(self, name: str) -> float:
        with socket.socket(socket.AF_UNIX) as s:
            s.connect(str(self._gateway.folder / "state" / "admin.sock"))
            s.sendall(b"GET /metrics HTTP/1.0\r\n\r\n")
            answer = b"".join(iter(lambda: s.recv(65536), b"")).decode()
        (line,) = [x for x in answer.splitlines() if x.startswith(f"{name} ")]
        return float(line.split()[1])

    def check(self, fault: int, repair: Callable[[], None]) -> int:
        """The whole story; how many records the journal must hold at the end."""
        full = self.call_until_loss()
        assert full["error"] == os.strerror(fault)
        assert full["waiting_bytes"] <= 1 << 20
        assert full["lost"] == full["lost_in"]["memory"]
        assert self.metric("callwarden_journal_failing") == 1
        assert self.metric("callwarden_journal_lost_total") >= full["lost"]
        repair()
        wait_until(
            lambda: not self.journal["error"] and not self.journal["waiting_bytes"], 10, "writing again"
        )
        self._caller.invite(self._gateway.port, FRAUD)
        wait_until(lambda: self.sum() == self._caller.sent, 10, "the last record")
        assert self.metric("callwarden_journal_failing") == 0
        said = [
            json.loads(x)["event"] for x in self._gateway.log.read_text().splitlines() if x.startswith("{")
        ]
        assert 1 <= said.count("journal cannot be written") <= 3
        assert "journal is written again" in said
        return int(self.journal["written"])

    def sum(self) -> int:
        return int(self.journal["written"]) + int(self.journal["lost"])


def whole(directory: Path, count: int, last: int) -> None:
    """No half frame hides what came later."""
    found = query(directory, Filter(), 0)
    assert found.faults == []
    assert len(found.records) == count
    assert int(found.records[-1].call_id) == last


BUFFER = "buffer_bytes = 1048576\n"


def test_full_disk_calls_go_on_the_loss_is_counted_and_writing_resumes(
    caller: Caller, tiny_disk: Path
) -> None:
    with GatewayUnderTest(caller.port, extra=f'{BUFFER}directory = "{tiny_disk}/journal"\n') as gateway:
        caller.invite(gateway.port, CALLER)
        written(gateway, 1)
        ballast = tiny_disk / "ballast"
        ballast.write_bytes(bytes(900 << 10))
        count = Starved(gateway, caller).check(errno.ENOSPC, lambda: repair(ballast, tiny_disk))
    whole(tiny_disk / "journal", count, caller.sent)


def repair(ballast: Path, disk: Path) -> None:
    subprocess.run(["mount", "-o", "remount,size=16m", str(disk)], check=True)
    ballast.unlink()


def test_file_size_limit_is_met_like_a_full_disk(caller: Caller) -> None:
    with GatewayUnderTest(caller.port, extra=BUFFER) as gateway:
        caller.invite(gateway.port, CALLER)
        written(gateway, 1)
        before = resource.prlimit(gateway.pid, resource.RLIMIT_FSIZE, (100_000, resource.RLIM_INFINITY))

        def lift() -> None:
            resource.prlimit(gateway.pid, resource.RLIMIT_FSIZE, before)

        count = Starved(gateway, caller).check(errno.EFBIG, lift)
    whole(gateway.folder / "state" / "journal", count, caller.sent)
