"""The hop prober: asyncio UDP around `sip.options.OptionsProber`, one connected socket a target.

Rules: this file moves datagrams and deadlines, every decision is in sip/options.py; a target that goes down
or comes back is told to the data plane by its health slot and logged once. Targets of hops with probe =
"none" count as up.
"""

from __future__ import annotations

import asyncio
import ipaddress
import secrets
import socket
from collections.abc import Callable
from typing import Any

from gateway.config import Config, Endpoint, Hop, host_text
from gateway.logs import get_logger, report_end
from sip.options import OptionsConfig, OptionsProber, TargetWentDown


class _Socket(asyncio.DatagramProtocol):
    def __init__(self, wake: asyncio.Event) -> None:
        self.wake = wake
        self.inbox: list[bytes] = []
        self.errors = 0

    def datagram_received(self, data: bytes, addr: Any) -> None:
        if len(self.inbox) < 16:  # a target that floods its prober is not worth more memory
            self.inbox.append(data)
        self.wake.set()

    def error_received(self, exc: Exception) -> None:
        self.errors += 1
        self.wake.set()


class _Target:
    def __init__(self, slot: int, hop: Hop, endpoint: Endpoint, local_ip: str | None) -> None:
        self.slot = slot
        self.hop = hop
        self.endpoint = endpoint
        self.local_ip = local_ip
        self.prober: OptionsProber | None = None

    def status(self) -> dict[str, Any]:
        p = self.prober
        return {
            "hop": self.hop.name,
            "target": str(self.endpoint),
            "slot": self.slot,
            "probed": self.hop.probe == "options",
            "up": p is None or p.up,
            "last_status": p.last_status if p else None,
            "round_trip_ms": round(p.round_trip_s * 1000, 3) if p and p.round_trip_s is not None else None,
        }


def local_address(config: Config, target: Endpoint) -> str | None:
    """The listener's address to probe from, so that peers see one source; None: whatever the routing says."""
    goal = ipaddress.ip_address(target.host)
    for listener in config.listeners:
        ip = ipaddress.ip_address(listener.address.host)
        if ip.version == goal.version and not ip.is_unspecified and ip.is_loopback == goal.is_loopback:
            return str(ip)
    return None


class Prober:
    """`set_down(slot, down)` is Plane.set_down."""

    def __init__(self, config: Config, set_down: Callable[[int, bool], None]) -> None:
        self._set_down = set_down
        self._log = get_logger("prober")
        self._targets = [
            _Target(slot, hop, endpoint, local_address(config, endpoint))
            for slot, (hop, endpoint) in enumerate(config.health_slots())
        ]
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        for target in self._targets:
            self._set_down(target.slot, False)
            if target.hop.probe == "options":
                task = asyncio.create_task(self._run(target), name=f"probe {target.endpoint}")
                task.add_done_callback(report_end)
                self._tasks.append(task)

    async def stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks.clear()

    def status(self) -> list[dict[str, Any]]:
        return [t.status() for t in self._targets]

    async def _run(self, target: _Target) -> None:
        while True:
            try:
                await self._probe(target)
            except OSError as e:
                # no route, no descriptor left: the target cannot be used from here either
                self._log.warning(
                    "probe socket failed", hop=target.hop.name, target=str(target.endpoint), why=str(e)
                )
                self._set_down(target.slot, True)
                await asyncio.sleep(target.hop.probe_interval_s)

    async def _probe(self, target: _Target) -> None:
        loop = asyncio.get_running_loop()
        wake = asyncio.Event()
        goal = target.endpoint
        transport, protocol = await loop.create_datagram_endpoint(
            lambda: _Socket(wake),
            local_addr=(target.local_ip, 0) if target.local_ip else None,
            remote_addr=(goal.host, goal.port),
            family=socket.AF_INET6 if ":" in goal.host else socket.AF_INET,
        )
        try:
            host, port = transport.get_extra_info("sockname")[:2]
            prober = target.prober = OptionsProber(
                OptionsConfig(
                    target_uri=f"sip:{host_text(goal.host)}:{goal.port}".encode(),
                    local=f"{host_text(host)}:{port}".encode(),
                    interval_s=target.hop.probe_interval_s,
                    timeout_s=target.hop.probe_timeout_s,
                    down_after=target.hop.down_after,
                    up_after=target.hop.up_after,
                    initially_up=target.prober.up if target.prober else True,
                ),
                loop.time(),
                lambda: secrets.token_hex(8),
            )
            while True:
                for data in prober.datagrams_to_send(loop.time()):
                    transport.sendto(data)
                self._tell(target, prober)
                try:
                    async with asyncio.timeout_at(prober.next_deadline()):
                        await wake.wait()
                except TimeoutError:
                    continue
                wake.clear()
                inbox, protocol.inbox = protocol.inbox, []
                for data in inbox:
                    prober.receive(loop.time(), data)
                if protocol.errors:
                    protocol.errors = 0
                    prober.transport_error(loop.time())
        finally:
            transport.close()

    def _tell(self, target: _Target, prober: OptionsProber) -> None:
        while (event := prober.next_event()) is not None:
            down = isinstance(event, TargetWentDown)
            self._set_down(target.slot, down)
            say = self._log.warning if down else self._log.info
            why = {"why": event.reason} if isinstance(event, TargetWentDown) else {}
            say(
                "target down" if down else "target up",
                hop=target.hop.name,
                target=str(target.endpoint),
                **why,
            )
