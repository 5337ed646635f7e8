"""Processes and ports for the tests: bounded waits, no orphans, no fixed ports."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from sip.build import build_request
from sip.errors import SipError
from sip.message import Message, parse


class ProcessError(AssertionError):
    """A program of the test set-up failed; the text carries what it wrote."""


def free_ports(count: int, address: str = "127.0.0.1") -> list[int]:
    """UDP ports that nobody holds now, all different, even, each with its odd neighbour free (RTP wants
    pairs).
    """
    held: list[socket.socket] = []
    ports: list[int] = []
    try:
        while len(ports) < count:
            one = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            held.append(one)
            one.bind((address, 0))
            port = one.getsockname()[1]
            if port % 2 == 0 and port < 65000:
                ports.append(port)
    finally:
        for one in held:
            one.close()
    return ports


def free_port(address: str = "127.0.0.1") -> int:
    return free_ports(1, address)[0]


def wait_until(condition: Callable[[], bool], timeout_s: float, what: str) -> None:
    deadline = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() > deadline:
            raise ProcessError(f"{what} did not happen within {timeout_s:g} s")
        time.sleep(0.02)


@contextmanager
def started(
    command: list[str], log: Path, env: dict[str, str] | None = None
) -> Iterator[subprocess.Popen[bytes]]:
    """`command` in a process group of its own, output to `log`; the whole group is killed at the end."""
    with log.open("wb") as out:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            env=env,
        )
    try:
        yield process
    finally:
        stop(process)


def stop(process: subprocess.Popen[bytes], timeout_s: float = 5.0) -> int:
    """SIGTERM, then SIGKILL to its group; returns the exit status."""
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
    return process.wait()


def options(port: int, address: str = "127.0.0.1", timeout_s: float = 1.0) -> Message | None:
    """One OPTIONS to that port; its answer, or None."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    host = f"[{address}]" if ":" in address else address
    with socket.socket(family, socket.SOCK_DGRAM) as s:
        s.connect((address, port))
        s.settimeout(timeout_s)
        word = os.urandom(8).hex()
        local = f"{host}:{s.getsockname()[1]}"
        request = build_request(
            "OPTIONS",
            f"sip:{host}:{port}",
            via=f"SIP/2.0/UDP {local};branch=z9hG4bK{word};rport",
            from_=f"<sip:{local}>;tag={word}",
            to=f"<sip:{host}:{port}>",
            call_id=word,
            cseq=1,
        )
        try:
            s.send(bytes(request))
            return parse(s.recv(65535))
        except (OSError, SipError):
            return None


def wait_for_options(
    process: subprocess.Popen[bytes], port: int, log: Path, name: str, timeout_s: float = 20.0
) -> None:
    """Until the element on `port` answers OPTIONS with 200; raises with its log when it ends or stays
    silent.
    """
    deadline = time.monotonic() + timeout_s
    while True:
        answer = options(port, timeout_s=0.2)
        if answer is not None and answer.status == 200:
            return
        if process.poll() is not None:
            raise ProcessError(
                f"{name} ended with {process.returncode}:\n{log.read_text(errors='replace')[-4000:]}"
            )
        if time.monotonic() > deadline:
            raise ProcessError(f"{name} does not answer OPTIONS:\n{log.read_text(errors='replace')[-4000:]}")
        time.sleep(0.02)
