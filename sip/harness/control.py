"""The parent's side of an agent process, for asyncio.

    async with Agent.start("callee", port=5070) as callee:
        invite = await callee.wait("incoming", timeout_s=5)
        await callee.send("answer")

Rules: leaving the block always ends the process (quit, then kill, both bounded) and raises if the agent
broke; events are kept in order, and `wait` takes the first unconsumed one of that name, so nothing is lost
between two waits.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import sys
import tempfile
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import msgspec

_ROOT = Path(__file__).resolve().parents[2]
_QUIT_S = 5.0
_START_S = 20.0


class AgentError(RuntimeError):
    """An agent failed or did not report in time; the text says which, what it had said, and its last log
    lines.
    """


class Event(msgspec.Struct, frozen=True):
    name: str
    at_us: int  # CLOCK_MONOTONIC
    fields: dict[str, Any]

    def __getitem__(self, key: str) -> Any:
        return self.fields[key]


class Agent:
    """One agent process. Make it with `Agent.start`."""

    def __init__(self, role: str, process: asyncio.subprocess.Process, log: Path) -> None:
        self.role = role
        self.port = 0
        self.events: list[Event] = []  # everything ever reported
        self._unread: list[Event] = []
        self._process = process
        self._log = log
        self._changed = asyncio.Condition()
        self._closed = False
        self._reader = asyncio.create_task(self._read())

    @property
    def pid(self) -> int:
        return self._process.pid

    @classmethod
    @contextlib.asynccontextmanager
    async def start(
        cls, role: str = "caller", *, port: int = 0, address: str = "127.0.0.1", log_level: int = 0
    ) -> AsyncIterator[Agent]:
        """Starts the process and waits until it listens; `agent.port` is the port it got."""
        descriptor, name = tempfile.mkstemp(prefix=f"callwarden-{role}-", suffix=".log")
        log = Path(name)
        environment = dict(os.environ)
        environment["PYTHONPATH"] = os.pathsep.join(
            filter(None, [str(_ROOT), environment.get("PYTHONPATH", "")])
        )
        try:
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "sip.harness.agent", "--role", role, "--port", str(port)),
                *("--address", address, "--log-level", str(log_level)),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=descriptor,
                env=environment,
                limit=1 << 20,  # one event may hold a whole INVITE
            )
        finally:
            os.close(descriptor)
        agent = cls(role, process, log)
        try:
            agent.port = (await agent.wait("ready", timeout_s=_START_S))["port"]
            yield agent
        finally:
            await agent._stop()
            os.unlink(log)

    async def send(self, op: str, **fields: Any) -> None:
        """One command (`sip.harness.agent.Command`): call, ring, answer, reject, hold, unhold, hangup."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps({"op": op, **fields}).encode() + b"\n")
        await self._process.stdin.drain()

    async def wait(
        self, *names: str, timeout_s: float = 5.0, where: Callable[[Event], bool] = lambda event: True
    ) -> Event:
        """The first unread event with one of these names that `where` accepts; earlier others stay unread."""
        return await self._find(names, timeout_s, where, take=True)

    async def peek(self, *names: str, timeout_s: float = 5.0) -> Event:
        """Like `wait`, and the event stays unread."""
        return await self._find(names, timeout_s, lambda event: True, take=False)

    async def _find(
        self, names: tuple[str, ...], timeout_s: float, where: Callable[[Event], bool], take: bool
    ) -> Event:
        try:
            async with asyncio.timeout(timeout_s):
                async with self._changed:
                    while True:
                        for i, event in enumerate(self._unread):
                            if event.name in names and where(event):
                                return self._unread.pop(i) if take else event
                        if self._closed:
                            raise AgentError(self._story(f"ended before {' or '.join(names)}"))
                        await self._changed.wait()
        except TimeoutError:
            raise AgentError(self._story(f"no {' or '.join(names)} within {timeout_s:g} s")) from None

    def seen(self, name: str) -> list[Event]:
        """All events of that name so far, read or not."""
        return [e for e in self.events if e.name == name]

    async def _read(self) -> None:
        assert self._process.stdout is not None
        async for line in self._process.stdout:
            raw = msgspec.json.decode(line, type=dict[str, Any])
            event = Event(raw.pop("event"), raw.pop("at_us"), raw)
            async with self._changed:
                self.events.append(event)
                self._unread.append(event)
                self._changed.notify_all()
        async with self._changed:
            self._closed = True
            self._changed.notify_all()

    async def _stop(self) -> None:
        assert self._process.stdin is not None
        with contextlib.suppress(ConnectionError):
            await self.send("quit")
            self._process.stdin.close()
            await self._process.stdin.wait_closed()
        try:
            await asyncio.wait_for(self._process.wait(), _QUIT_S)
        except TimeoutError:
            self._process.kill()
            await self._process.wait()
        await self._reader

    def _story(self, what: str) -> str:
        told = [f"{e.name} { ({k: v for k, v in e.fields.items() if k != 'raw'}) }" for e in self.events]
        tail = self._log.read_text(errors="replace").splitlines()[-8:] if self._log.exists() else []
        return "\n".join([f"{self.role} agent: {what}; reported:", *told, *tail])
