"""SIP over UDP out of public captures, read with dpkt and independently of the gateway's own reader."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

import dpkt

ROOT = Path(__file__).resolve().parents[2]
CAPTURES = Path(os.environ.get("CALLWARDEN_TEST_DATA", ROOT.parent / "shared" / "data")) / "pcap"
_SIP = re.compile(
    rb"(?:SIP/2\.0 [1-6][0-9]{2}|[A-Z]+ sips?:[^ ]+ SIP/2\.0|[A-Z]+ tel:[^ ]+ SIP/2\.0)", re.IGNORECASE
)
_LINKS = {0: dpkt.loopback.Loopback, 1: dpkt.ethernet.Ethernet, 113: dpkt.sll.SLL, 276: dpkt.sll2.SLL2}


def captures() -> list[Path]:
    return sorted(CAPTURES.glob("*.pcap*"))


def sip_payloads(path: Path) -> Iterator[bytes]:
    """Payloads of whole UDP datagrams that begin like SIP, in the order of the capture."""
    with path.open("rb") as f:
        reader = dpkt.pcap.UniversalReader(f)
        link = reader.datalink()
        for _, frame in reader:
            packet = _LINKS[link](frame) if link in _LINKS else dpkt.ip.IP(frame)
            while isinstance(packet, dpkt.Packet) and not isinstance(packet, dpkt.ip.IP | dpkt.ip6.IP6):
                packet = packet.data  # Ethernet, PPPoE, PPP
            if isinstance(packet, dpkt.ip.IP) and (packet.mf or packet.offset):
                continue
            if isinstance(packet, dpkt.Packet) and isinstance(packet.data, dpkt.udp.UDP):
                payload = bytes(packet.data.data)
                if _SIP.match(payload):
                    yield payload
