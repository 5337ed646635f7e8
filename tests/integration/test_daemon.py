"""The daemon as a process: start, signals, one a state_dir, what a bad configuration gets, probing."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.gateway import CALLWARDEN, ROOT, GatewayUnderTest
from tests.support.process import free_port

CALLER = "+8613800000001"


def until(what: str, check: Callable[[], Any], timeout_s: float = 15.0) -> Any:
    """Poll until `check` gives something; what did not come is named."""
    deadline = time.monotonic() + timeout_s
    while not (found := check()):
        assert time.monotonic() < deadline, f"{what} did not come"
        time.sleep(0.02)
    return found


def lines(gateway: GatewayUnderTest) -> list[dict[str, Any]]:
    return [json.loads(x) for x in gateway.log.read_text().splitlines() if x.startswith("{")]


def said(gateway: GatewayUnderTest, event: str) -> list[dict[str, Any]]:
    return [x for x in lines(gateway) if x["event"] == event]


def options(port: int, timeout_s: float = 2.0) -> bytes:
    """The status line of the gateway's answer to OPTIONS."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.settimeout(timeout_s)
        s.bind(("127.0.0.1", 0))
        me = f"127.0.0.1:{s.getsockname()[1]}"
        s.sendto(
            f"OPTIONS sip:127.0.0.1:{port} SIP/2.0\r\n"
            f"Via: SIP/2.0/UDP {me};branch=z9hG4bK{os.urandom(6).hex()}\r\n"
            f"Max-Forwards: 70\r\nFrom: <sip:{me}>;tag=1\r\nTo: <sip:127.0.0.1:{port}>\r\n"
            f"Call-ID: {os.urandom(6).hex()}\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n".encode(),
            ("127.0.0.1", port),
        )
        return s.recv(4096).split(b"\r\n", 1)[0]


@pytest.fixture
def gateway() -> Iterator[GatewayUnderTest]:
    with GatewayUnderTest(callee_port=free_port()) as running:
        yield running


def test_ready_line_names_listener_and_rules(gateway: GatewayUnderTest) -> None:
    (ready,) = until("ready", lambda: said(gateway, "ready"))
    assert ready["listeners"] == [f"edge=udp:127.0.0.1:{gateway.port}"]
    assert ready["rules_seq"] == 0
    assert ready["config"] == str(gateway.config)


def test_sigterm_answers_options_with_503_then_ends_with_0() -> None:
    gateway = GatewayUnderTest(callee_port=free_port())
    gateway.config.write_text(gateway.config.read_text().replace("drain_s = 0.0", "drain_s = 30.0"))
    gateway.start()
    assert options(gateway.port) == b"SIP/2.0 200 OK"
    os.kill(gateway.pid, signal.SIGTERM)
    until("the drain", lambda: said(gateway, "draining"))
    assert options(gateway.port).startswith(b"SIP/2.0 503 ")
    assert gateway.status()["state"] == "draining"
    began = time.monotonic()
    assert gateway.stop() == 0  # the second SIGTERM ends the wait of 30 s
    assert time.monotonic() - began < 20
    assert said(gateway, "stopped")
    assert not (gateway.folder / "state" / "admin.sock").exists()


def test_second_daemon_on_the_same_state_dir_is_refused(gateway: GatewayUnderTest) -> None:
    done = gateway.cli("run", check=False)
    assert done.returncode == 1
    assert f"in use by a running gateway (process {gateway.pid})" in done.stderr
    assert gateway.status()["state"] == "running"


def test_kill_9_leaves_nothing_that_hinders_the_next_start(gateway: GatewayUnderTest) -> None:
    gateway.push_list("fraud", CALLER)
    gateway.kill()
    gateway.start()
    assert gateway.status()["rules"]["seq"] == 1
    assert json.loads(gateway.cli("lists", "find", CALLER, "--json").stdout)["hits"][0]["list"] == "fraud"


def test_bad_configuration_is_refused_with_file_line_and_key(tmp_path: Path) -> None:
    config = tmp_path / "c.toml"
    config.write_text("[node]\nthreads = 0\n\n[nod]\nx = 1\n")
    for command in ("run", "check", "status"):
        done = subprocess.run(
            [*CALLWARDEN, command, "-c", str(config)], cwd=ROOT, capture_output=True, text=True, timeout=60
        )
        assert done.returncode == 2, command
        assert f"{config}:2: node.threads:" in done.stderr
        assert f"{config}:4: nod: unknown key" in done.stderr
        assert len(done.stderr.splitlines()) == 2


def test_taken_port_is_one_clear_line_and_exit_1(gateway: GatewayUnderTest, tmp_path: Path) -> None:
    config = tmp_path / "c.toml"
    config.write_text(
        f'[node]\nstate_dir = "{tmp_path}/s"\n'
        f'[[listener]]\nname = "x"\nbind = "udp:127.0.0.1:{gateway.port}"\n'
    )
    done = subprocess.run(
        [*CALLWARDEN, "run", "-c", str(config)], cwd=ROOT, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert f"127.0.0.1:{gateway.port}" in line
    assert "in use" in line.lower()


def test_sighup_takes_over_a_good_configuration(gateway: GatewayUnderTest) -> None:
    gateway.config.write_text(gateway.config.read_text().replace('name = "peer"', 'name = "other"'))
    os.kill(gateway.pid, signal.SIGHUP)
    (line,) = until("the reload", lambda: said(gateway, "configuration reloaded"))
    assert line["changed"] == ["trunks"]
    found = json.loads(gateway.cli("explain", CALLER, "+8613900000002", "--trunk", "other", "--json").stdout)
    assert found["trunk"] == "other"


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        (('class = "domestic"', 'class = "x"'), "trunk[1].class: Invalid enum value 'x'"),
        (("threads = 1", "threads = 2"), "node.threads: cannot change without a restart"),
    ],
)
def test_sighup_with_a_bad_configuration_changes_nothing_and_says_so_once(
    gateway: GatewayUnderTest, change: tuple[str, str], fault: str
) -> None:
    good = gateway.config.read_text()
    gateway.config.write_text(good.replace(*change))
    os.kill(gateway.pid, signal.SIGHUP)
    (line,) = until("the refusal", lambda: said(gateway, "configuration refused, the old one stays"))
    assert fault in line["faults"]
    gateway.config.write_text(good)
    assert options(gateway.port) == b"SIP/2.0 200 OK"
    assert gateway.status()["state"] == "running"


def test_logs_never_show_a_whole_number(gateway: GatewayUnderTest) -> None:
    gateway.push_list("fraud", CALLER)
    gateway.cli("lists", "find", CALLER)
    assert "13800000001" not in gateway.log.read_text()


class _Hop(threading.Thread):
    """A next hop that answers OPTIONS with `status` for as long as it is told to."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        self.status = b"200 OK"
        self.ending = False

    def run(self) -> None:
        while True:
            data, peer = self.socket.recvfrom(65535)
            if self.ending:
                return
            head = [
                x
                for x in data.split(b"\r\n")
                if x.split(b":")[0] in (b"Via", b"From", b"To", b"Call-ID", b"CSeq")
            ]
            self.socket.sendto(b"SIP/2.0 " + self.status + b"\r\n" + b"\r\n".join(head) + b"\r\n\r\n", peer)

    def close(self) -> None:
        self.ending = True
        self.socket.sendto(b"", ("127.0.0.1", self.port))
        self.join()
        self.socket.close()


def test_prober_takes_a_target_down_and_brings_it_back() -> None:
    hop = _Hop()
    hop.start()
    gateway = GatewayUnderTest(callee_port=hop.port)
    text = gateway.config.read_text()
    fast = 'probe = "options"\nprobe_interval_s = 0.1\nprobe_timeout_s = 0.1\ndown_after = 2\nup_after = 2'
    gateway.config.write_text(text.replace('probe = "none"', fast))
    try:
        with gateway:

            def target() -> dict[str, Any]:
                found: dict[str, Any] = gateway.status()["targets"][0]
                return found

            until("the first answer", lambda: target()["last_status"] == 200)
            assert target()["up"]
            hop.status = b"503 Service Unavailable"
            (down,) = until("the fall", lambda: said(gateway, "target down"))
            assert down["why"] == "status 503"
            assert not target()["up"]
            hop.status = b"404 Not Found"  # an answer of a living element
            until("the return", lambda: said(gateway, "target up"))
            assert target()["up"]
    finally:
        hop.close()


async def test_main_loop_is_uvloop_and_the_policy_is_untouched() -> None:
    """The control thread needs a standard loop: uvloop only by factory (DESIGN 4)."""
    code = (
        "import asyncio, gateway.daemon as d, uvloop\n"
        "assert not isinstance(asyncio.get_event_loop_policy(), uvloop.EventLoopPolicy)\n"
        "class Probe(d.Daemon):\n"
        "    async def run(self):\n"
        "        async def kind(): return type(asyncio.get_running_loop()).__module__\n"
        "        state = self.config.state_path\n"
        "        await self.start()\n"
        "        state.joinpath('loop').write_text(await kind())\n"
        "        state.joinpath('control').write_text(await self.control.run(kind))\n"
        "        await self.stop()\n"
        "        return 0\n"
        "d.Daemon = Probe\n"
        "from gateway.configfile import load_config\n"
        "import sys\n"
        "sys.exit(d.run(load_config(sys.argv[1]), lambda: None))\n"
    )
    gateway = GatewayUnderTest(callee_port=free_port())
    process = await asyncio.create_subprocess_exec(
        CALLWARDEN[0], "-c", code, str(gateway.config), cwd=ROOT, stderr=asyncio.subprocess.PIPE
    )
    _, stderr = await asyncio.wait_for(process.communicate(), 30)
    assert process.returncode == 0, stderr.decode()
    state = gateway.folder / "state"
    assert (state / "loop").read_text() == "uvloop"
    assert (state / "control").read_text() == "asyncio.unix_events"


def test_call_command_prints_what_each_end_saw() -> None:
    with GatewayUnderTest(callee_port=free_port()) as gateway:
        gateway.cli("cards", "add", "反诈中心", "+8613800000002")
        shown = json.loads(gateway.cli("call", "+8613800000002", "+8613900000002", "--json").stdout)
        assert (shown["code"], shown["answered"]) == (200, True)
        assert "反诈中心" in json.dumps(shown["callee_saw"], ensure_ascii=False)
        gateway.push_list("fraud", CALLER)
        flagged = gateway.cli("call", CALLER, "+8613900000002", check=False)
        assert flagged.returncode == 1
        assert "caller: 603 Decline" in flagged.stdout
        assert "callee: its telephone never rang" in flagged.stdout
        stats = json.loads(gateway.cli("top", "--once", "--json").stdout)["stats"]
        assert (stats["rules"]["card"], stats["rules"]["fraud"]) == (1, 1)
