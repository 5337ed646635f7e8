"""The wire as a third party sees it: tcpdump records loopback, tshark judges what one port sent.

with Capture(gateway.port) as wire:
    ...calls...
assert wire.expert(gateway.port) == []
wire.close()                         # or let the `capture` fixture do it
"""

from __future__ import annotations

import shutil
import signal
import subprocess
import tempfile
import weakref
from pathlib import Path
from types import TracebackType

import msgspec

from sip.checks import check_request, check_response
from sip.errors import SipError
from sip.message import parse
from tests.support.process import ProcessError, free_port, options, wait_until

_WARN = 0x00600000  # tshark's severities: chat, note, warn, error
_MALFORMED = 0x07000000  # its group "Malformed"


class Expert(msgspec.Struct, frozen=True):
    """One entry of tshark's expert information."""

    frame: int
    severity: int
    group: int
    message: str


class Capture:
    """Records UDP of some loopback ports between enter and exit; the file lives as long as the object."""

    def __init__(self, *ports: int, interface: str = "lo") -> None:
        folder = Path(tempfile.mkdtemp(prefix="callwarden-pcap-"))
        weakref.finalize(self, shutil.rmtree, folder)
        self.path = folder / "lo.pcap"
        self._log = folder / "log"
        self._ports = ports
        self._interface = interface
        self._marker = free_port()
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Capture:
        expression = " or ".join(f"udp port {p}" for p in (*self._ports, self._marker))
        command = ["tcpdump", "-i", self._interface, "-U", "--immediate-mode", "-s", "0", "-B", "16384"]
        command += ["-Z", "root", "-w", str(self.path), expression]
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        wait_until(
            lambda: self._ended() or b"listening on" in self._log.read_bytes(), 10, "tcpdump listening"
        )
        if self._ended():
            raise ProcessError(f"tcpdump ended: {self._log.read_text(errors='replace')}")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        process = self._process
        assert process is not None
        if kind is None:
            # the file is complete once it holds a datagram sent after everything else
            before = self.path.stat().st_size
            mark = b"OPTIONS sip:127.0.0.1:%d" % self._marker
            options(self._marker, timeout_s=0.01)
            wait_until(lambda: mark in self.path.read_bytes()[before:], 10, "the end of the capture")
        process.send_signal(signal.SIGINT)
        try:
            process.wait(5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def _ended(self) -> bool:
        return self._process is not None and self._process.poll() is not None

    def count(self, sent_by: int) -> int:
        """SIP messages that `sent_by` (a UDP port) sent."""
        return len(self._tshark(f"udp.srcport=={sent_by} && sip", ["frame.number"]))

    def destinations(self, sent_by: int) -> set[str]:
        """The addresses that `sent_by` sent anything to (on the interfaces of the capture)."""
        return {ip for (ip,) in self._tshark(f"udp.srcport=={sent_by}", ["ip.dst"])}

    def messages(self, sent_by: int) -> list[bytes]:
        """The datagrams that `sent_by` sent, as they were on the wire."""
        found = self._tshark(f"udp.srcport=={sent_by} && sip", ["udp.payload"])
        return [bytes.fromhex(payload.replace(":", "")) for (payload,) in found]

    def faults(self, sent_by: int) -> list[str]:
        """What our own strict reading (sip.checks) holds against them; tshark lets much pass. Empty is
        good.
        """
        out = []
        for data in self.messages(sent_by):
            try:
                message = parse(data)
                (check_request if message.is_request else check_response)(message)
            except SipError as e:
                out.append(f"{e}: {data[:200]!r}")
        return out

    def expert(self, sent_by: int) -> list[Expert]:
        """Warnings, errors and malformed entries in the SIP messages that `sent_by` sent. Empty is what we
        want.
        """
        return tshark_expert(self.path, sent_by, self._ports)

    def _tshark(self, display_filter: str, fields: list[str]) -> list[list[str]]:
        return _tshark(self.path, display_filter, fields, self._ports)


def tshark_expert(pcap: Path, sent_by: int, sip_ports: tuple[int, ...] = ()) -> list[Expert]:
    """The same judgement for any capture file. Raises when tshark sees no SIP from that port: silence
    proves nothing.
    """
    ports = sip_ports or (sent_by,)
    base = f"udp.srcport=={sent_by}"
    if not _tshark(pcap, f"{base} && sip", ["frame.number"], ports):
        raise ProcessError(f"tshark sees no SIP message from port {sent_by}")
    fields = ["frame.number", "_ws.expert.severity", "_ws.expert.group", "_ws.expert.message"]
    found = []
    for frame, severities, groups, messages in _tshark(pcap, f"{base} && _ws.expert", fields, ports):
        for severity, group, message in zip(
            severities.split("|"), groups.split("|"), messages.split("|"), strict=True
        ):
            entry = Expert(int(frame), int(severity, 0), int(group, 0), message)
            if entry.severity >= _WARN or entry.group == _MALFORMED:
                found.append(entry)
    return found


def _tshark(pcap: Path, display_filter: str, fields: list[str], ports: tuple[int, ...]) -> list[list[str]]:
    command = ["tshark", "-n", "-r", str(pcap), "-Y", display_filter, "-T", "fields", "-E", "separator=/t"]
    command += ["-E", "aggregator=|"]
    for port in ports:
        command += ["-d", f"udp.port=={port},sip"]
    for field in fields:
        command += ["-e", field]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    if done.returncode != 0:
        raise ProcessError(f"tshark: {done.stderr}")
    return [line.split("\t") for line in done.stdout.splitlines() if line]
