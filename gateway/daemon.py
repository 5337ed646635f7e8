"""The daemon: puts the parts together, in order, and takes them apart again.

Start: state_dir locked -> rules loaded -> sockets bound -> data plane runs -> rules are pushed -> prober,
admin API. Whatever fails before "ready" ends the start with one clear line; nothing is half started. Stop
(SIGTERM, SIGINT): OPTIONS answered 503 for drain_s so that peers move away (calls go on), then everything
ends; a second signal ends the wait. SIGHUP: the configuration is read anew; a bad one changes nothing.

The main loop is uvloop by loop factory, never by policy: the control thread needs a standard loop (DESIGN 4).
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
import sys
import time
from collections.abc import Callable
from typing import Any

import uvloop

from gateway import __version__, logs
from gateway.admin.server import AdminServer
from gateway.config import Config, ConfigError, Fault, host_text
from gateway.configfile import restart_needed
from gateway.control import Control
from gateway.feed import FeedError
from gateway.journal.record import names_for
from gateway.journal.writer import JournalWriter
from gateway.lock import InUse, StateLock
from gateway.metrics import Collector, RuleCounters
from gateway.prober import Prober
from gateway.watch import Watch
from native.plane import Plane
from native.tables import Rcu
from native.world import Texts, World


def run(config: Config, reread: Callable[[], Config]) -> int:
    """Run until a signal; the exit code. `reread` loads the configuration again for SIGHUP."""
    logs.configure(config.log)
    log = logs.get_logger("daemon")
    try:
        lock = StateLock(config.state_path)
    except (InUse, OSError) as e:
        log.error("cannot start", why=str(e))
        return 1
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            return runner.run(Daemon(config, reread).run())
    except ConfigError as e:
        for fault in e.faults:
            log.error("configuration refused", fault=str(fault))
        return 2
    except (FeedError, OSError) as e:
        log.error("cannot start", why=str(e))
        return 1
    finally:
        lock.close()


class Daemon:
    """One run from start to stop. `run()` returns the exit code."""

    def __init__(self, config: Config, reread: Callable[[], Config]) -> None:
        self.config = config
        self._reread = reread
        self._log = logs.get_logger("daemon")
        self._stop = asyncio.Event()
        self._hurry = asyncio.Event()
        self._reload_lock = asyncio.Lock()
        self._draining = False
        self._started = time.monotonic()

    async def run(self) -> int:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._on_stop_signal)
        loop.add_signal_handler(signal.SIGHUP, self._on_hup)
        await self.start()
        try:
            self._ready()
            await self._stop.wait()
            await self._drain()
        finally:
            await self.stop()
        self._log.info("stopped", uptime_s=round(time.monotonic() - self._started, 1))
        return 0

    async def start(self) -> None:
        """All parts run, or none does. ConfigError, FeedError, OSError."""
        config = self.config
        async with self._reload_lock, contextlib.AsyncExitStack() as undo:
            rcu, texts = Rcu(), Texts()
            self.control = Control(config, rcu=rcu, texts=texts)
            undo.callback(self.control.stop)
            world = self.control.load()
            self.rules = RuleCounters(self.control.rule_names())
            self.plane = Plane(
                rcu,
                world,
                threads=config.node.threads,
                spread=config.node.spread,
                busy_poll_us=config.node.busy_poll_us,
                cpus=config.node.cpus,
                memo_entries=config.node.memo_entries,
                call_entries=config.node.call_entries,
            )
            self.journal = self._open_journal(world)
            if self.journal is not None:
                self.journal.start()
                undo.callback(self.journal.stop)  # after the plane: the last records are written too
            self.plane.start()
            undo.callback(self.plane.stop)
            self.control.start(self._publish)
            undo.callback(self.control.stop)  # before the plane that it publishes to; twice is safe
            self.prober = Prober(config, self.plane.set_down)
            self.prober.start()
            undo.push_async_callback(self._stop_prober)
            watch = Watch(
                self.plane.alive_ms, self._records_lost, lambda: str(self.control.status()["broken"])
            )
            watch.start()
            undo.push_async_callback(watch.stop)
            self.collector = Collector(
                self.plane.stats,
                self.control.status,
                self._targets,
                self.rules,
                self._journal_status,
                alive_ms=self.plane.alive_ms,
            )
            self.admin = AdminServer(config, self)
            await self.admin.start()
            undo.push_async_callback(self.admin.stop)
            self._undo = undo.pop_all()

    async def stop(self) -> None:
        await self._undo.aclose()

    async def _stop_prober(self) -> None:
        await self.prober.stop()

    def _open_journal(self, world: World) -> JournalWriter | None:
        config = self.config
        if not config.journal.enabled:
            return None
        journal = JournalWriter(
            config.journal,
            config.journal_path,
            node=config.node.name,
            drain=self.plane.drain_records,
            dropped=self.plane.records_dropped,
        )
        self._name_records(journal, world)
        return journal

    def _name_records(self, journal: JournalWriter, world: World) -> None:
        control = self.control
        journal.set_names(
            names_for(
                world.rules_seq,
                rules=control.rule_names(),
                trunks=control.trunk_names(),
                hops=control.hop_names(),
                lists=control.list_names(),
            )
        )

    def _publish(self, world: World) -> None:
        """In the control thread: returns when no data-plane thread can see the old world."""
        if self.journal is not None:
            self._name_records(self.journal, world)
        self.plane.publish(world)
        self.rules.switch(self.plane.stats(), self.control.rule_names())

    def _records_lost(self) -> int:
        """Nobody misses the records of a journal that is switched off."""
        return sum(self.journal.lost().values()) if self.journal is not None else 0

    def _journal_status(self) -> dict[str, Any]:
        return self.journal.status() if self.journal is not None else {"enabled": False}

    def _targets(self) -> list[dict[str, Any]]:
        return self.prober.status()

    def _ready(self) -> None:
        listeners = self.listeners()
        rules = self.control.status()
        self._log.info(
            "ready",
            version=__version__,
            node=self.config.node.name,
            listeners=[f"{item['name']}={item['address']}" for item in listeners],
            rules_seq=rules["seq"],
            config=self.config.path or "built-in",
            start_ms=round((time.monotonic() - self._started) * 1000),
        )
        if sys.stdout.isatty():
            print(how_to_call(listeners[0]["address"].removeprefix("udp:"), self.config.path), flush=True)

    def _on_stop_signal(self) -> None:
        if self._stop.is_set():
            self._hurry.set()
        self._stop.set()

    async def _drain(self) -> None:
        self._draining = True
        self.plane.set_draining(True)
        self._log.info("draining", drain_s=self.config.node.drain_s)
        try:
            async with asyncio.timeout(self.config.node.drain_s):
                await self._hurry.wait()
        except TimeoutError:
            return

    def _on_hup(self) -> None:
        self._hup = asyncio.create_task(self._reload_and_log(), name="reload")
        self._hup.add_done_callback(logs.report_end)

    async def _reload_and_log(self) -> None:
        try:
            changed = await self.reload()
        except ConfigError as e:
            self._log.error(
                "configuration refused, the old one stays", faults="; ".join(str(f) for f in e.faults)
            )
        else:
            self._log.info("configuration reloaded", changed=changed)

    async def reload(self) -> list[str]:
        """Read the configuration again and put it in force; what changed. ConfigError: nothing did."""
        async with self._reload_lock:
            config = await asyncio.to_thread(self._reread)
            fixed = restart_needed(self.config, config)
            if fixed:
                file = config.path or "built-in"
                raise ConfigError(
                    [Fault(file, None, key, "cannot change without a restart") for key in fixed]
                )
            changed = await self.control.reload(config)
            logs.configure(config.log)
            if config.hops != self.config.hops:  # slots follow the configuration: start from "all up"
                await self.prober.stop()
                self.prober = Prober(config, self.plane.set_down)
                self.prober.start()
            self.config = config
            return changed

    def listeners(self) -> list[dict[str, Any]]:
        out = []
        for i, listener in enumerate(self.config.listeners):
            address = f"udp:{host_text(listener.address.host)}:{self.plane.port(i)}"
            out.append({"name": listener.name, "address": address})
        return out

    def status(self) -> dict[str, Any]:
        """GET /v1/status."""
        now_ms = time.time() * 1000
        return {
            "version": __version__,
            "node": self.config.node.name,
            "pid": os.getpid(),
            "state": "draining" if self._draining else "running",
            "uptime_s": round(time.monotonic() - self._started, 1),
            "config": self.config.path or "built-in",
            "listeners": self.listeners(),
            "threads_silent_ms": [max(0, round(now_ms - ms)) for ms in self.plane.alive_ms()],
            "rules": self.control.status(),
            "targets": self.prober.status(),
            "journal": self._journal_status(),
        }

    def stats(self) -> dict[str, Any]:
        """GET /v1/stats: Plane.stats() with rules by name."""
        stats = dict(self.plane.stats())
        stats.update(self.rules.totals(stats))
        return stats


def how_to_call(address: str, config_path: str) -> str:
    option = f" -c {config_path}" if config_path else ""
    program = "callwarden" if shutil.which("callwarden") else os.path.relpath(sys.argv[0])
    rows = (
        (f"{program} call +8613800000001 +8613900000002{option}", "place a call"),
        (f"{program} lists add fraud +8613800000001{option}", "flag the caller, then call again"),
        (f"{program} top{option}", "watch it"),
    )
    width = max(len(command) for command, _ in rows)
    lines = "".join(f"    {command:{width}}    {what}\n" for command, what in rows)
    head = f"\n  callwarden listens on sip:{address} (UDP). From another terminal:\n\n"
    return f"{head}{lines}\n  Ctrl-C stops it.\n"
