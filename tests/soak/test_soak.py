"""Load, pushes ten times a second, and kill -9 in the middle: no wrong verdict, no lost call, no growth.

Half a minute in `make test`; SOAK_S sets the seconds (`make soak`). Three things go on at once:

- the load generator plays good and flagged callers and checks every verdict; its calls retransmit like real
  ones, so one that endpoints' timers would have saved must not fail, whatever is restarted meanwhile;
- this test pushes a number and withdraws it, ten times a second (and changes the policy now and then), and
  after each push that returned the first INVITE of that number must get 603, after each withdrawal the first
  must pass;
- the gateway is killed and started again on the same state directory.

Memory: PSS of the process after its warm-up and at the end of its life differ by GROWTH_MAX at most.
"""

from __future__ import annotations

import json
import os
import subprocess
import threading
import time
from pathlib import Path

import msgspec
import pytest

from tests.support.gateway import ROOT, GatewayUnderTest
from tests.support.peer import AdminApi, Peer
from tests.support.process import free_port

SOAK_S = float(os.environ.get("SOAK_S", "30"))
RATE = 250  # calls a second, seven messages each or three
FLAGGED = [f"+86139{n:08}" for n in range(0, 40_000, 20)]
TICK_S = 0.1
WARM_UP_S = 4.0
# what may be added from warm-up to end: overlay and merge buffers of 20 changes a second, the habits of the
# control thread's allocator. Tables for calls are touched at start: traffic adds nothing
GROWTH_MAX = 8 << 20

pytestmark = [pytest.mark.load, pytest.mark.timeout(SOAK_S + 200)]


class Tally(msgspec.Struct):
    pushes: int = 0
    policies: int = 0
    probes_intercepted: int = 0
    probes_passed: int = 0
    repeated_pushes: int = 0  # the gateway was away: asked again
    kills: int = 0
    wrong: list[str] = []


def pss_bytes(pid: int) -> int:
    text = Path(f"/proc/{pid}/smaps_rollup").read_text()
    return next(int(x.split()[1]) << 10 for x in text.splitlines() if x.startswith("Pss:"))


class Pusher:
    """Pushes, and judges the first INVITE after each push that returned."""

    def __init__(self, gateway: GatewayUnderTest, peer: Peer, tally: Tally) -> None:
        self.gateway, self.peer, self.tally = gateway, peer, tally
        self.api = AdminApi(str(gateway.folder / "state" / "admin.sock"))

    def push(self, method: str, path: str, body: object) -> None:
        deadline = time.monotonic() + 30
        while True:
            try:
                self.api.ask(method, path, body)
                self.tally.pushes += 1
                return
            except OSError:
                if time.monotonic() > deadline:
                    raise
                self.tally.repeated_pushes += 1
                time.sleep(0.05)

    def expect(self, number: str, intercepted: bool) -> None:
        outcome = self.peer.call(self.gateway.port, number, "+8613900000002")
        if intercepted:
            self.tally.probes_intercepted += 1
            good = outcome.status == 603 and outcome.arrived is None
        else:
            self.tally.probes_passed += 1
            good = outcome.passed
        if not good:
            self.tally.wrong.append(f"{number}: {outcome.status}, wanted {603 if intercepted else 'through'}")

    def tick(self, n: int) -> None:
        number = f"+86137{n % 100_000_000:08}"
        entry = [number] if n % 3 else [number[:-2] + "*"]
        self.push("POST", "/lists/fraud/add", {"entries": entry, "category": f"soak-{n % 50}"})
        self.expect(number, intercepted=True)
        self.push("POST", "/lists/fraud/remove", {"entries": entry})
        self.expect(number, intercepted=False)
        if n % 25 == 0:
            mode = "enforce" if n % 50 else "shadow"
            self.push("POST", "/policy/mode", {"rule": "irregular-caller", "mode": mode})
            self.tally.policies += 1

    def run(self, seconds: float, first: int) -> int:
        """Ticks for that long; the number of the next one."""
        until, n = time.monotonic() + seconds, first
        while time.monotonic() < until:
            began = time.monotonic()
            self.tick(n * 101)  # a prefix never covers its neighbour
            n += 1
            time.sleep(max(0.0, TICK_S - (time.monotonic() - began)))
        return n


def loadgen(gateway: GatewayUnderTest, callee_port: int, flagged: Path) -> subprocess.Popen[str]:
    subprocess.run(["make", "-s", "-C", str(ROOT / "bench/loadgen")], check=True, capture_output=True)
    program = ROOT / "bench/loadgen/build/cw_loadgen"
    command = [str(program), "mixed", "--json", "--target", f"127.0.0.1:{gateway.port}"]
    command += ["--callee", f"127.0.0.1:{callee_port}", "--flagged-file", str(flagged)]
    command += [
        "--callers",
        "random:+8613000000000-+8613599999999",
        "--flagged-share",
        "0.4",
        "--expect",
        "603",
    ]
    command += [
        "--rate",
        str(RATE),
        "--window",
        "8192",
        "--seconds",
        str(SOAK_S),
        "--warmup",
        "0",
        "--drain",
        "32",
    ]
    return subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )


def soak(gateway: GatewayUnderTest, peer: Peer, tally: Tally) -> list[tuple[int, int]]:
    """(PSS after warm-up, PSS at the end) of each life of the process."""
    pusher = Pusher(gateway, peer, tally)
    lives, memory, n = max(2, round(SOAK_S / 120)), [], 0
    try:
        for life in range(lives):
            n = pusher.run(WARM_UP_S, n)
            warm = pss_bytes(gateway.pid)
            n = pusher.run(SOAK_S / lives - WARM_UP_S - 1, n)
            memory.append((warm, pss_bytes(gateway.pid)))
            if life + 1 < lives:
                kept = f"+86136{life:08}"
                pusher.push("POST", "/lists/fraud/add", {"entries": [kept]})
                # the pushes go on while it is away: one that returned counts, one that did not is asked again
                crash = threading.Thread(target=lambda: (gateway.kill(), gateway.start()))
                crash.start()
                pusher.expect(kept, intercepted=True)
                n = pusher.run(1.0, n)
                crash.join()
                tally.kills += 1
                pusher.expect(kept, intercepted=True)
    finally:
        pusher.api.close()
    return memory


def test_load_pushes_and_kill_9_leave_no_wrong_verdict_and_no_growth(tmp_path: Path) -> None:
    flagged = tmp_path / "flagged.txt"
    flagged.write_text("\n".join(FLAGGED) + "\n")
    callee_port, tally = free_port(), Tally()
    with Peer("127.0.0.2") as peer:
        probes = (
            '[[trunk]]\nname = "probe"\nclass = "domestic"\nsources = ["127.0.0.2"]\nnext_hop = "probe"\n'
            f'[[hop]]\nname = "probe"\ntargets = ["udp:127.0.0.2:{peer.callee_port}"]\nprobe = "none"\n'
        )
        gateway = GatewayUnderTest(callee_port, extra=probes)
        gateway.config.write_text(gateway.config.read_text().replace('"127.0.0.0/8"', '"127.0.0.1"'))
        with gateway:
            gateway.cli("lists", "import", "fraud", str(flagged))
            generator = loadgen(gateway, callee_port, flagged)
            try:
                memory = soak(gateway, peer, tally)
                said, _ = generator.communicate(timeout=SOAK_S + 90)
            finally:
                generator.kill()
                generator.communicate()
            log = gateway.log.read_text()
    assert said.startswith("{"), said
    calls = json.loads(said)
    growth = max(end - warm for warm, end in memory)
    print(
        f"\nsoak: {SOAK_S:g} s, {calls['started']} calls tried, {calls['passed']} passed,"
        f" {calls['intercepted']} intercepted, {calls['retransmissions']} retransmissions,"
        f" {calls['failures']} wrong or lost; {tally.pushes} pushes ({tally.policies} of policy,"
        f" {tally.repeated_pushes} asked again), {tally.probes_intercepted} first INVITEs intercepted,"
        f" {tally.probes_passed} passed, {len(tally.wrong)} wrong; {tally.kills} x kill -9;"
        f" PSS {[(a >> 20, b >> 20) for a, b in memory]} MiB, growth {growth >> 10} KiB"
    )
    assert tally.wrong == []
    assert (calls["failures"], calls["failed"]) == (0, dict.fromkeys(calls["failed"], 0)), calls
    assert calls["finished"] == calls["started"]
    assert calls["started"] >= RATE * SOAK_S * 0.9
    assert calls["passed"] > 0
    assert calls["intercepted"] > 0
    assert calls["flagged_leaked"] == 0
    assert calls["acks_leaked"] == 0
    assert tally.probes_intercepted >= SOAK_S
    assert growth <= GROWTH_MAX
    assert "Traceback" not in log
