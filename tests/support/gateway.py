"""The gateway itself as a process, driven only through what an operator has: configuration, CLI, signals.

    with GatewayUnderTest(callee_port=5070) as gateway:
        gateway.push_list("fraud", "+8613800000001")     # returns when it is enforced
        ...calls to gateway.port...

Leaving the block sends SIGTERM and demands exit status 0, unless the block itself failed.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
import weakref
from pathlib import Path
from types import TracebackType
from typing import Any

from tests.support.process import ProcessError, free_port, stop, wait_for_options

# the installed program's module: the same entry point as `callwarden`, in the interpreter that runs the tests
CALLWARDEN = (sys.executable, "-m", "gateway.cli")
ROOT = Path(__file__).resolve().parents[2]

CONFIG = """
[node]
name = "t"
state_dir = "{state}"
threads = {threads}
drain_s = 0.0
{node_extra}
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
{trunk_extra}
[[hop]]
name = "core"
targets = ["udp:127.0.0.1:{callee_port}"]
probe = "none"

[admin]
listen = "unix:{state}/admin.sock"

[journal]
enabled = true
{extra}
"""


class GatewayUnderTest:
    """`callwarden run` on a free port with one trunk (all of loopback) and one hop (`callee_port`)."""

    def __init__(
        self,
        callee_port: int,
        *,
        threads: int = 1,
        node_extra: str = "",
        trunk_extra: str = "",
        extra: str = "",
        port: int = 0,
    ) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="callwarden-t-"))
        weakref.finalize(self, shutil.rmtree, self.folder, ignore_errors=True)
        self.port = port or free_port()
        self.config = self.folder / "callwarden.toml"
        self.log = self.folder / "log"
        state = self.folder / "state"
        state.mkdir(mode=0o700)
        self.config.write_text(
            CONFIG.format(
                state=state,
                threads=threads,
                port=self.port,
                callee_port=callee_port,
                node_extra=node_extra,
                trunk_extra=trunk_extra,
                extra=extra,
            )
        )
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> GatewayUnderTest:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        status = self.stop()
        if kind is None and status != 0:
            raise ProcessError(f"the gateway ended with {status}:\n{self.said()}")
        if error is not None:
            error.add_note(f"the gateway said:\n{self.said()}")

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def start(self) -> None:
        """Until it answers OPTIONS; raises with its words when it ends first."""
        with self.log.open("ab") as out:
            self._process = subprocess.Popen(
                [*CALLWARDEN, "run", "-c", str(self.config)],
                cwd=ROOT,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                start_new_session=True,
            )
        try:
            wait_for_options(self._process, self.port, self.log, "the gateway")
        except BaseException:
            self.kill()
            raise

    def stop(self) -> int:
        """SIGTERM; the exit status."""
        assert self._process is not None
        return stop(self._process, 15)

    def kill(self) -> None:
        """kill -9, as a crash would be. `start` may follow."""
        assert self._process is not None
        self._process.kill()
        self._process.wait()

    def said(self) -> str:
        return self.log.read_text(errors="replace")[-6000:]

    def cli(self, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """`callwarden ARGUMENTS -c CONFIG`; raises with its words when it fails and `check` is on."""
        done = subprocess.run(
            [*CALLWARDEN, *arguments, "-c", str(self.config)],
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        if check and done.returncode != 0:
            raise ProcessError(
                f"callwarden {' '.join(arguments)}: {done.returncode}\n{done.stdout}{done.stderr}"
            )
        return done

    def push_list(self, name: str, *numbers: str) -> None:
        """Add numbers to a list; returns when the running gateway enforces them."""
        self.cli("lists", "add", name, *numbers)

    def withdraw(self, name: str, *numbers: str) -> None:
        self.cli("lists", "remove", name, *numbers)

    def status(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.cli("status", "--json").stdout)
        return found
