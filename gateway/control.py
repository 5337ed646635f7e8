"""The control thread: the one place where rules change.

It runs a standard asyncio loop of its own (a selector loop, never uvloop: pyroute2's netlink sockets need
it, and compiling rules must never share a loop with calls). A change from any thread takes this way:

    submit -> [control thread] prepare (guards) -> append to the feed -> apply to the native tables
           -> a new world, published, if it needs one -> Applied

prepare refuses, or what follows does not. When the append fails nothing was applied and the change is
refused. Should an apply fail all the same (no memory), the log is ahead of the tables: the edge keeps the
rules that it has, refuses further changes, says so in its status, and a restart brings it up to date.

    control = Control(config, rcu=rcu, texts=texts)
    world = control.load()          # in the caller's thread, before any plane exists
    control.start(plane.publish)
    await control.submit(ListAdd(list="fraud", numbers=...), origin="cli:root")
"""

import asyncio
import concurrent.futures
import threading
import time
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

import msgspec

from gateway.config import Config, ConfigError, Fault
from gateway.feed import Change, EmbeddedFeed, FeedError
from gateway.feed.changes import PolicySet, op_of
from gateway.guards import Refused, guards_of
from gateway.lists import ListState
from gateway.logs import get_logger
from gateway.policy import PolicyError
from gateway.resources import data_path
from gateway.rules import Prepared, RuleState
from gateway.secret import SECRET_BYTES, node_secret
from gateway.world import WorldError, build_world, hop_indices
from native.tables import NumberList, Rcu
from native.world import Texts, World

__all__ = ["Applied", "Control", "Refused"]

T = TypeVar("T")
Publish = Callable[[World], None]
MERGE_AT = 0.5  # share of a list's overlay that starts a merge in the background


class Applied(msgspec.Struct, frozen=True):
    seq: int
    changed: int  # entries that are new, altered or gone
    enforced_us: int  # from the arrival in submit() until the data plane enforces it
    warnings: tuple[str, ...] = ()  # of a policy that was pushed: what policy_check says of it


class Control:
    """`load`, `start`, then `submit`, `ask`, `reload` from any loop; `stop` ends the thread and closes the
    feed.
    """

    def __init__(self, config: Config, *, rcu: Rcu, texts: Texts, empty: bool = False) -> None:
        """`empty`: what ships, to look at: no feed, no secret are read or made; changes are refused."""
        self.config = config
        self._empty = empty
        self._rcu, self._texts = rcu, texts
        self._log = get_logger("control")
        self._feed: EmbeddedFeed | None = None
        self._publish: Publish | None = None
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._merges: dict[str, concurrent.futures.Future[None]] = {}
        self._pool = concurrent.futures.ThreadPoolExecutor(1, thread_name_prefix="cw-merge")
        self._broken = ""
        self._status: dict[str, Any] = {}

    # --- life
    # ----------------------------------------------------------------------------------------------------

    def load(self) -> World:
        """Open the feed, replay it, build the first world. FeedError, ConfigError or OSError: no start."""
        began = time.perf_counter()
        config = self.config
        self._secret = bytes(SECRET_BYTES) if self._empty else node_secret(config.state_path)
        if config.feed.url != "embedded:":
            raise _fault(config, "feed.url", f"{config.feed.url} is not in this version: only embedded: is")
        self._feed = None if self._empty else EmbeddedFeed(config.feed_path)
        try:
            try:
                self._rules = RuleState(
                    rcu=self._rcu,
                    texts=self._texts,
                    hops=hop_indices(config),
                    shipped=data_path("policy.toml").read_text(encoding="utf-8"),
                    guards=guards_of(config),
                )
            except Refused as fault:
                raise _fault(config, "emergency", str(fault)) from None
            except PolicyError as fault:
                raise _fault(config, "policy.toml", str(fault)) from None
            if self._feed is not None:
                self._rules.replay(self._feed.read_records())
            self._names = self._rules.rule_names() or []
            self._world = self._build(config)
        except BaseException:
            if self._feed is not None:
                self._feed.close()
            raise
        self._loaded_ms = round((time.perf_counter() - began) * 1000)
        self._last: dict[str, Any] = {}
        self._update_status()
        return self._world

    def _build(self, config: Config) -> World:
        try:
            return build_world(config, self._rules, rcu=self._rcu, texts=self._texts, secret=self._secret)
        except WorldError as fault:
            raise _fault(config, "", str(fault)) from None

    def start(self, publish: Publish) -> None:
        """`publish` returns when no data-plane thread can see the old world; it is called in the control
        thread.
        """
        self._publish = publish
        running = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(running,), name="cw-control", daemon=True)
        self._thread.start()
        running.wait()

    def _run(self, running: threading.Event) -> None:
        with asyncio.Runner(loop_factory=asyncio.SelectorEventLoop) as runner:
            runner.run(self._serve(running))

    async def _serve(self, running: threading.Event) -> None:
        self._loop = asyncio.get_running_loop()
        self._ended = asyncio.Event()
        running.set()
        await self._ended.wait()

    def stop(self) -> None:
        """Ends the thread after the change in hand. Safe to call twice, and without start()."""
        if self._thread is not None and self._loop is not None:
            loop, self._loop = self._loop, None
            loop.call_soon_threadsafe(self._ended.set)
            self._thread.join()
            self._thread = None
        self._pool.shutdown(wait=True)
        if self._feed is not None:
            self._feed.close()

    # --- from any thread
    # -----------------------------------------------------------------------------------------

    async def submit(self, change: Change, *, origin: str) -> Applied:
        """Returns when the data plane enforces the change. Refused: nothing changed."""
        arrived_ns = time.perf_counter_ns()
        return await self._over(self._apply, change, origin, arrived_ns)

    async def ask(self, query: Callable[[RuleState], T]) -> T:
        """Run `query` in the control thread and return its answer; it must not keep the state."""
        return await self._over(lambda: query(self._rules))

    async def run(self, make: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """Run a coroutine on the control loop (netlink, shipping)."""
        return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(make(), self._running_loop()))

    async def reload(self, config: Config) -> list[str]:
        """Put another configuration in force; its parts that changed. ConfigError: the old one stays."""
        return await self._over(self._reload, config)

    def status(self) -> dict[str, Any]:
        return self._status

    @property
    def world(self) -> World:
        """The world in force (explain and replay decide with it)."""
        return self._world

    @property
    def texts(self) -> Texts:
        """What the text ids of verdicts stand for."""
        return self._texts

    def rule_names(self) -> list[str]:
        """Names by index of the rules of the world in force."""
        return self._names

    def rule_name(self, rules_seq: int, index: int) -> str | None:
        """Name of a rule of the world that a journal record names; None when it is forgotten."""
        names = self._rules.rule_names(rules_seq)
        return names[index] if names is not None and index < len(names) else None

    def list_names(self) -> list[str]:
        """By index. Lists are only ever added, so indexes of older worlds mean the same."""
        return list(self._rules.lists)

    def trunk_names(self) -> list[str]:
        return [trunk.name for trunk in self.config.trunks]

    def hop_names(self) -> list[str]:
        return [hop.name for hop in self.config.hops]

    def _running_loop(self) -> asyncio.AbstractEventLoop:
        if self._loop is None:
            raise Refused("stopped", "the control thread does not run")
        return self._loop

    async def _over(self, work: Callable[..., T], *args: Any) -> T:
        """Run in the control thread, one after the other; a caller that gives up does not undo what was
        begun.
        """
        done: concurrent.futures.Future[T] = concurrent.futures.Future()

        def step() -> None:
            if not done.set_running_or_notify_cancel():
                return
            try:
                done.set_result(work(*args))
            except BaseException as fault:  # noqa: BLE001  it belongs to the caller, who waits for it
                done.set_exception(fault)

        try:
            self._running_loop().call_soon_threadsafe(step)
        except RuntimeError:  # it closed in this very moment
            raise Refused("stopped", "the control thread does not run") from None
        return await asyncio.wrap_future(done)

    # --- in the control thread
    # -----------------------------------------------------------------------------------

    def _apply(self, change: Change, origin: str, arrived_ns: int) -> Applied:
        if self._broken:
            raise Refused("broken", self._broken)
        if self._feed is None:
            raise Refused("feed", "this is what ships, without a feed: it cannot be changed")
        prepared = self._rules.prepare(change)
        try:
            seq, packed = self._feed.append_record(change, origin)
        except FeedError as fault:
            raise Refused("feed", str(fault)) from None
        changed = self._enforce(prepared, seq, packed)
        took_us = (time.perf_counter_ns() - arrived_ns) // 1000
        self._last = {"op": op_of(change), "origin": origin, "time": time.time(), "enforced_us": took_us}
        self._update_status()
        self._log.info(
            "rules changed", seq=seq, changed=changed, op=op_of(change), origin=origin, enforced_us=took_us
        )
        self._merge_in_background()
        warnings = prepared.compiled.warnings if prepared.compiled and isinstance(change, PolicySet) else ()
        return Applied(seq=seq, changed=changed, enforced_us=took_us, warnings=warnings)

    def _enforce(self, prepared: Prepared, seq: int, packed: bytes) -> int:
        try:
            outcome = self._rules.apply(prepared, seq, packed)
            if outcome.structural:
                self._swap(self._build(self.config))
        except BaseException as fault:
            self._broken = (
                f"change {seq} is in the log but could not be applied ({fault!r}): restart the gateway"
            )
            self._update_status()
            self._log.critical("rules are behind the log", seq=seq, fault=repr(fault))
            raise
        return outcome.changed

    def _swap(self, world: World) -> None:
        self._names = self._rules.rule_names() or []
        if self._publish is not None:
            self._publish(world)
        self._world = world

    def _reload(self, config: Config) -> list[str]:
        before, rules = self.config, self._rules
        changed = [
            name for name in config.__struct_fields__ if getattr(config, name) != getattr(before, name)
        ]
        try:
            rules.reconfigure(hops=hop_indices(config), guards=guards_of(config))
            try:
                world = self._build(config)
            except ConfigError:
                rules.reconfigure(hops=hop_indices(before), guards=guards_of(before))
                raise
        except Refused as fault:
            raise _fault(config, "", str(fault)) from None
        self.config = config
        self._swap(world)
        self._update_status()
        return [name for name in changed if name != "path"]

    def _merge_in_background(self) -> None:
        """Overlays that fill up are folded into their base before a push has to wait for it."""
        for name, item in self._rules.lists.items():
            running = self._merges.get(name)
            if _is_filling_up(item.table) and (running is None or running.done()):
                self._merges[name] = self._pool.submit(self._merge, item)

    def _merge(self, item: ListState) -> None:
        table = item.table
        try:
            while _is_filling_up(table):  # again, when pushes filled the next overlay meanwhile
                table.merge(int(time.time()))
        except MemoryError:
            self._log.error("no memory to merge a list; it goes on with its overlay", list=item.name)

    def _update_status(self) -> None:
        rules = self._rules
        self._status = {
            "seq": rules.seq,
            "world_seq": rules.world_seq,
            "digest": rules.digest.hex(),
            "broken": self._broken,
            "loaded_ms": self._loaded_ms,
            "last": self._last,
            "lists": [item.summary() for item in rules.lists.values()],
            "rules": [
                {"name": rule.name, "mode": rule.mode, "action": rule.then.action}
                for rule in rules.policy.rules
            ],
            "warnings": list(rules.compiled.warnings),
            "texts": len(self._texts),
        }


def _is_filling_up(table: NumberList) -> bool:
    stats = table.stats()
    return stats["overlay_used"] >= MERGE_AT * stats["overlay_max"]


def _fault(config: Config, key: str, why: str) -> ConfigError:
    return ConfigError([Fault(config.path or "built-in", None, key, why)])
