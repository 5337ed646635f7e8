"""The gateway under test, as a black box: a configuration, `callwarden run`, its CLI and its admin socket."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
import time
from array import array
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from admin import Api
from procs import BenchError, Child, answers_options, free_udp_port, wait_until

ROOT = Path(__file__).resolve().parent.parent
CHUNK = 50_000  # keys of one request
CONFIG = """\
[node]
name = "bench"
state_dir = "{home}"
threads = 1
busy_poll_us = {busy_poll_us}
cpus = [{cpu}]
[[listener]]
name = "edge"
bind = "udp:127.0.0.1:{port}"
[[trunk]]
name = "peer"
class = "domestic"
sources = ["127.0.0.0/8"]
trust_identity = true
country_code = "86"
next_hop = "core"
[[hop]]
name = "core"
targets = ["udp:127.0.0.1:{callee}"]
probe = "none"
[admin]
listen = "unix:{home}/admin.sock"
[journal]
enabled = true
"""


def command() -> list[str]:
    """$CALLWARDEN_BENCH_PROGRAM, `callwarden` beside this interpreter, or the module in this checkout."""
    if chosen := os.environ.get("CALLWARDEN_BENCH_PROGRAM"):
        return [chosen]
    script = Path(sys.executable).parent / "callwarden"
    if script.exists():
        return [str(script)]
    return [shutil.which("callwarden") or sys.executable, "-m", "gateway.cli"]


@dataclass
class Edge:
    child: Child
    port: int
    callee: int
    home: Path
    config: Path

    def cli(self, *argv: str, timeout_s: float = 300) -> str:
        done = subprocess.run(
            [*command(), *argv, "-c", str(self.config)],
            capture_output=True,
            text=True,
            timeout=timeout_s,
            cwd=ROOT,
        )
        if done.returncode != 0:
            raise BenchError(
                f"callwarden {' '.join(argv)}: exit {done.returncode}\n{done.stderr}{done.stdout}"
            )
        return done.stdout

    def stats(self) -> Any:
        """Counters and histograms of the running gateway."""
        api = Api(self.home / "admin.sock")
        try:
            return api.ask("GET", "/v1/stats")
        finally:
            api.close()

    def import_numbers(self, name: str, path: Path) -> float:
        """`lists import`: seconds until the gateway enforces all of them."""
        start = time.monotonic()
        self.cli("lists", "import", name, str(path), timeout_s=900)
        return time.monotonic() - start

    def push_numbers(self, name: str, path: Path) -> None:
        """The same by the admin API, as keys: a set-up that is no part of a figure should be short."""
        with path.open() as f:
            keys = array("Q", map(int, f))
        if sys.byteorder != "little":
            keys.byteswap()
        api = Api(self.admin_socket)
        try:
            for i in range(0, len(keys), CHUNK):
                api.ask("POST", f"/v1/lists/{name}/numbers", keys[i : i + CHUNK].tobytes())
        finally:
            api.close()

    @property
    def admin_socket(self) -> Path:
        return self.home / "admin.sock"


@contextlib.contextmanager
def gateway(
    work: Path, name: str, *, cpu: int, callee: int | None = None, busy_poll_us: int = 0
) -> Iterator[Edge]:
    """A gateway with an empty feed; its data-plane thread is pinned, the kernel places its other threads."""
    home = work / f"gateway-{name}"
    home.mkdir()
    port, callee = free_udp_port(), callee or free_udp_port()
    config = home / "callwarden.toml"
    config.write_text(CONFIG.format(home=home, busy_poll_us=busy_poll_us, cpu=cpu, port=port, callee=callee))
    with Child([*command(), "run", "-c", config], home / "log", cwd=ROOT) as child:
        wait_until(lambda: answers_options(port), "the gateway", 60, child)
        yield Edge(child, port, callee, home, config)


def find(node: Any, key: str) -> Any:
    """The first value under `key` anywhere in a JSON document; None when there is none."""
    if isinstance(node, dict):
        if key in node:
            return node[key]
        node = list(node.values())
    if isinstance(node, list):
        for value in node:
            found = find(value, key)
            if found is not None:
                return found
    return None


def machine() -> dict[str, Any]:
    """What the figures were taken on."""
    model = "?"
    with contextlib.suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                model = line.partition(":")[2].strip()
                break
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, cwd=ROOT)
    return {
        "cpu": model,
        "cores": os.cpu_count(),
        "kernel": os.uname().release,
        "commit": commit.stdout.strip(),
        "load": os.getloadavg()[0],
    }
