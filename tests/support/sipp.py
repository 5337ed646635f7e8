"""SIPp as caller and called party (`tests/integration/scenarios/*.xml`), its statistics as numbers.

with sipp_server("uas_answer", port=callee):
    result = run_sipp("uac_call", port=gateway, calls=500, rate=100)
assert result.failed == 0
"""

from __future__ import annotations

import csv
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from tests.support.process import ProcessError, free_ports, started, stop, wait_until

SCENARIOS = Path(__file__).resolve().parents[1] / "integration" / "scenarios"


class SippResult(msgspec.Struct, frozen=True):
    exit_status: int  # 0: all calls succeeded, 1: at least one failed
    successful: int
    failed: int
    retransmissions: int
    unexpected: int  # messages that the scenario did not allow
    errors: str  # SIPp's error log: what came instead


def run_sipp(
    scenario: str,
    port: int,
    *,
    calls: int = 1,
    rate: int = 10,
    caller: str = "+8613800000001",
    callee: str = "+8613900000002",
    talk_ms: int = 50,
    timeout_s: float = 30.0,
    extra: tuple[str, ...] = (),
) -> SippResult:
    """Play the caller `scenario` against udp 127.0.0.1:`port` until `calls` calls are over."""
    with tempfile.TemporaryDirectory(prefix="callwarden-sipp-") as name:
        folder = Path(name)
        command = [
            *_command(scenario, folder, 0, calls, caller, callee),
            *("-r", str(rate), "-l", str(max(calls, 10)), "-d", str(talk_ms)),
            *("-timeout", f"{int(timeout_s)}s", "-timeout_error", *extra, f"127.0.0.1:{port}"),
        ]
        log = folder / "out"
        with started(command, log) as process:
            try:
                process.wait(timeout_s + 10)
            except subprocess.TimeoutExpired:
                raise ProcessError(f"SIPp {scenario} never ended") from None
        return _result(folder, process.returncode)


class SippServer:
    """A called party that runs until the block ends. `result` is there afterwards."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.result: SippResult | None = None


@contextmanager
def sipp_server(scenario: str, port: int, *, extra: tuple[str, ...] = ()) -> Iterator[SippServer]:
    with tempfile.TemporaryDirectory(prefix="callwarden-sipp-") as name:
        folder = Path(name)
        server = SippServer(port)
        command = [*_command(scenario, folder, port, 0, "", ""), *extra]
        with started(command, folder / "out") as process:
            wait_until(lambda: process.poll() is not None or _bound(port), 10, f"SIPp {scenario} on {port}")
            if process.poll() is not None:
                raise ProcessError(
                    f"SIPp {scenario} ended: {(folder / 'out').read_text(errors='replace')[-2000:]}"
                )
            yield server
            status = stop(process)
        server.result = _result(folder, status)


def _command(scenario: str, folder: Path, port: int, calls: int, caller: str, callee: str) -> list[str]:
    ports = free_ports(3)
    command = [
        "sipp",
        "-sf",
        str(SCENARIOS / f"{scenario}.xml"),
        "-i",
        "127.0.0.1",
        "-p",
        str(port or ports[0]),
    ]
    command += ["-cp", str(ports[1]), "-mi", "127.0.0.1", "-mp", str(ports[2]), "-nostdin"]
    command += ["-trace_stat", "-stf", str(folder / "stat.csv"), "-fd", "1"]
    command += ["-trace_err", "-error_file", str(folder / "errors")]
    if calls:
        command += ["-m", str(calls), "-s", callee, "-key", "caller", caller]
    return command


def _bound(port: int) -> bool:
    """Is there a UDP socket on that port of any local address?"""
    wanted = f":{port:04X}"
    return any(
        line.split()[1].endswith(wanted) for line in Path("/proc/net/udp").read_text().splitlines()[1:]
    )


def _result(folder: Path, status: int) -> SippResult:
    with (folder / "stat.csv").open(newline="") as f:
        rows = list(csv.DictReader(f, delimiter=";"))
    if not rows:
        raise ProcessError(
            f"SIPp wrote no statistics: {(folder / 'out').read_text(errors='replace')[-2000:]}"
        )
    last = rows[-1]
    errors = folder / "errors"
    return SippResult(
        exit_status=status,
        successful=int(last["SuccessfulCall(C)"]),
        failed=int(last["FailedCall(C)"]),
        retransmissions=int(last["Retransmissions(C)"]),
        unexpected=int(last["FailedUnexpectedMessage(C)"]),
        errors=errors.read_text(errors="replace")[:4000] if errors.exists() else "",
    )
