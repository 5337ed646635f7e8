"""Processes of the bench: started with their own directory, ended by their own id, measured through /proc.

Rules: no process is looked up by name; every child is ended when its `with` block ends; ports are free ones.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import TracebackType


class BenchError(Exception):
    """A measurement could not be taken; the text says why."""


def free_udp_port() -> int:
    """A UDP port of 127.0.0.1 that was free a moment ago."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.bind(("127.0.0.1", 0))
        return int(s.getsockname()[1])


def wait_until(ready: object, what: str, deadline_s: float, child: Child | None = None) -> None:
    """Calls `ready` until it is true; BenchError when the time is over or the child is gone."""
    assert callable(ready)
    until = time.monotonic() + deadline_s
    while not ready():
        if child is not None and child.popen.poll() is not None:
            raise BenchError(f"{what}: the process ended with {child.popen.returncode}\n{child.log_tail()}")
        if time.monotonic() > until:
            raise BenchError(f"{what}: not within {deadline_s:.0f} s\n{child.log_tail() if child else ''}")
        time.sleep(0.02)


def answers_options(port: int) -> bool:
    """Whether an OPTIONS to the element itself gets a 200."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.bind(("127.0.0.1", 0))
        s.settimeout(0.1)
        here = "{}:{}".format(*s.getsockname())
        mark = os.urandom(6).hex()
        lines = (
            f"OPTIONS sip:127.0.0.1:{port} SIP/2.0",
            f"Via: SIP/2.0/UDP {here};branch=z9hG4bK{mark}",
            "Max-Forwards: 70",
            f"From: <sip:bench@{here}>;tag={mark}",
            f"To: <sip:127.0.0.1:{port}>",
            f"Call-ID: {mark}@bench",
            "CSeq: 1 OPTIONS",
            "Content-Length: 0",
        )
        try:
            s.sendto("\r\n".join((*lines, "", "")).encode(), ("127.0.0.1", port))
            return s.recv(4096).startswith(b"SIP/2.0 200")
        except OSError:
            return False


class Child:
    """One process with what it has forked."""

    def __init__(self, argv: Sequence[object], log: Path, *, cpu: int | None = None, cwd: Path | None = None):
        pin = ["taskset", "-c", str(cpu)] if cpu is not None else []
        self.log = log
        with log.open("wb") as out:
            self.popen = subprocess.Popen(
                [*pin, *map(str, argv)],
                stdout=out,
                stderr=out,
                start_new_session=True,
                stdin=subprocess.DEVNULL,
                cwd=cwd,
            )

    @property
    def pid(self) -> int:
        return self.popen.pid

    def __enter__(self) -> Child:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, e: BaseException | None, tb: TracebackType | None
    ) -> None:
        self.stop()

    def log_tail(self) -> str:
        return self.log.read_text(errors="replace")[-2000:]

    def stop(self, patience_s: float = 10.0) -> None:
        """SIGTERM to the process; when it has ended, or the patience has, SIGKILL to what is left.

        A parent may end, or be killed, before its own children: the process has a session of its own, so its
        group holds nothing but what it has forked.
        """
        if self.popen.poll() is None:
            self.popen.send_signal(signal.SIGTERM)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.popen.wait(patience_s)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)
        self.popen.wait()

    def family(self) -> list[int]:
        """This process and its descendants."""
        found, todo = [], [self.pid]
        while todo:
            pid = todo.pop()
            found.append(pid)
            for path in Path(f"/proc/{pid}/task").glob("*/children"):
                with contextlib.suppress(OSError):
                    todo += [int(p) for p in path.read_text().split()]
        return found

    def cpu_s(self) -> float:
        """CPU seconds of all threads of the family, to the nanosecond (schedstat)."""
        total = 0
        for pid in self.family():
            for path in Path(f"/proc/{pid}/task").glob("*/schedstat"):
                with contextlib.suppress(OSError):
                    total += int(path.read_text().split()[0])
        return total / 1e9

    def memory_bytes(self) -> int:
        """Resident memory of the family; pages shared within it count once (PSS)."""
        total = 0
        for pid in self.family():
            with contextlib.suppress(OSError):
                for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
                    if line.startswith("Pss:"):
                        total += int(line.split()[1]) * 1024
        return total


@contextlib.contextmanager
def ready_line(argv: Sequence[object], cpu: int | None = None) -> Iterator[tuple[Child, int]]:
    """A small server of loadgen/ that prints "ready PORT"."""
    pin = ["taskset", "-c", str(cpu)] if cpu is not None else []
    child = Child.__new__(Child)
    child.log = Path(os.devnull)
    child.popen = subprocess.Popen(
        [*pin, *map(str, argv)], stdout=subprocess.PIPE, start_new_session=True, stdin=subprocess.DEVNULL
    )
    assert child.popen.stdout is not None
    with child:
        line = child.popen.stdout.readline().split()
        if len(line) != 2 or line[0] != b"ready":
            raise BenchError(f"{argv[0]} did not start")
        yield child, int(line[1])
    child.popen.stdout.close()
