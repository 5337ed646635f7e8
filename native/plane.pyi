"""The engine without sockets, and the running UDP data plane."""

from collections.abc import Sequence
from typing import Any, final

from native.tables import Rcu
from native.world import World

@final
class Engine:
    """One datagram in, at most one out, without sockets: for tests and tools. Memo and calls of its own."""

    def __init__(self, world: World, *, memo_entries: int = 1024, call_entries: int = 1024) -> None: ...
    def publish(self, world: World) -> None: ...
    def set_down(self, slot: int, down: bool) -> None: ...
    def set_draining(self, on: bool) -> None: ...
    def handle(
        self, datagram: bytes, source: tuple[str, int], *, listener: int = 0, now_ms: int = 0, now_s: int = 0
    ) -> tuple[
        str, bytes | None, tuple[str, int] | None, int
    ]: ...  # reason, bytes out, destination, listener out
    def record(self) -> bytes: ...  # the last decision: struct cw_record
    def stats(self) -> dict[str, Any]: ...

@final
class Plane:
    """The running data plane. publish() swaps the world without stopping anything."""

    def __init__(
        self,
        rcu: Rcu,
        world: World,  # binds its listeners, in order
        *,
        threads: int = 1,
        spread: str = "flow",  # or "random"
        busy_poll_us: int = 0,
        cpus: Sequence[int] = (),
        memo_entries: int = 262144,
        call_entries: int = 262144,
        ring_records: int = 16384,
        rcvbuf_bytes: int = 8 << 20,
        sndbuf_bytes: int = 8 << 20,
    ) -> None: ...  # OSError with the listener's address when a bind fails
    def port(self, listener: int) -> int: ...
    def start(self) -> None: ...
    def publish(
        self, world: World
    ) -> None: ...  # returns when no thread can see the old one; without the GIL
    def set_down(self, slot: int, down: bool) -> None: ...
    def set_draining(self, on: bool) -> None: ...
    def stop(self, drain_ms: int = 500) -> None: ...
    def drain_records(self, max_records: int = 4096) -> bytes: ...  # n * RECORD_BYTES
    def records_dropped(self) -> int: ...
    def alive_ms(self) -> list[int]: ...  # unix ms of each thread's latest sign of life
    def stats(self) -> dict[str, Any]:
        """Summed over threads.

        {"reasons": {name: n}, "actions": {name: n}, "rules": [n...], "shadows": [n...], "received", "sent",
        "received_bytes", "sent_bytes", "batches", "calls_new", "calls_answered", "calls_ended",
        "calls_failed", "calls_untracked", "calls_ringing", "calls_up", "labels_trimmed",
        "imitations", "records_dropped",
        "memory_bytes": {"memo", "calls", "rings"},
        "decision_ns" | "transit_ns" | "answer_ms" | "duration_ms":
        {"count", "sum", "p50", "p90", "p99", "p99_9", "max", "buckets": [(upper, n)...], the non-empty ones}}
        """
