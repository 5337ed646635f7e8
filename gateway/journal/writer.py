"""JournalWriter: from the rings of the data plane to segments on the disk.

    [data plane] ring -> [cw-drain] memory, at most buffer_bytes -> [cw-journal] segments, fdatasync

Two threads, because a disk that takes its time over fdatasync must not let the rings run over: at 100,000
decisions a second a ring of 16,384 is full in 160 ms, the memory behind it in seconds.

Rules:
- the data plane never waits; what finds no room in ring or memory is lost, counted and alarmed (one line in
  10 s, `journal.lost` and `journal.error` of the status, journal_lost_total);
- a full disk (or quota, or file size limit): the frame is cut off again, records wait in memory, the write is
  tried again; any other fault of the disk: the segment is given up and a new one begun;
- a segment is made with its first record, so restarts without calls leave no files; a file of an earlier run
  is never appended to;
- names (rules, trunks, lists...) stand in the segment before the first record that needs them. set_names() is
  called before the world is published, so no record can be drained whose names are not known. Records decided
  in the very moment (milliseconds) of a SIGHUP that reorders trunks may show the new trunk names.
"""

from __future__ import annotations

import errno
import os
import threading
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from gateway.config import Journal
from gateway.journal.reader import scan
from gateway.journal.record import Names, sequences
from gateway.journal.segment import (
    HEAD_BYTES,
    BadSegment,
    SegmentFile,
    pack_names,
    path_of,
    segments,
)
from gateway.logs import RateLimited, get_logger
from native.world import RECORD_BYTES

BATCH = 4096  # records of one drain at most
IDLE_S, BUSY_S = 0.02, 0.005
RETRY_S = 0.25
NAMES_KEPT = 256
FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


class Drained(NamedTuple):
    block: bytes
    names: tuple[tuple[int, bytes], ...]  # of each rules_seq in the block
    time_ns: int


class JournalWriter:
    """`drain`: Plane.drain_records; `dropped`: Plane.records_dropped. `start`, then `stop` once the data
    plane has ended. set_names, flush and status may be called from any thread.
    """

    def __init__(
        self,
        options: Journal,
        directory: Path,
        *,
        node: str,
        drain: Callable[[int], bytes],
        dropped: Callable[[], int],
    ) -> None:
        """OSError when the directory cannot be made or read."""
        self._options, self._directory, self._node = options, directory, node
        self._drain, self._ring_dropped = drain, dropped
        self._segment_bytes = min(options.segment_bytes, options.keep_bytes)
        self._batch = max(16, min(BATCH, self._segment_bytes // 2 // RECORD_BYTES))  # records of a frame
        self._log = get_logger("journal")
        self._alarm = RateLimited(self._log)
        self._names: dict[int, bytes] = {}
        self._drain_lock = threading.Lock()  # one drainer at a time
        self._queue: deque[Drained] = deque()
        self._queued_bytes = 0
        self._wake = threading.Condition()
        self._ending = threading.Event()
        self._drain_ended = False
        self._segment: SegmentFile | None = None
        self._unsynced_since: float | None = None
        self._written = self._lost_memory = self._lost_disk = self._deleted = self._torn_bytes = 0
        self._error = ""
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        existing = segments(directory)
        self._next = existing[-1][0] + 1 if existing else 1
        self._older = {number: path.stat().st_size for number, path in existing}
        if existing:
            self._look_at_tail(existing[-1][1])

    def _look_at_tail(self, path: Path) -> None:
        """Say what a crash of the run before tore."""
        try:
            self._torn_bytes = scan(path).unreadable_bytes
        except BadSegment as fault:
            self._torn_bytes = path.stat().st_size
            self._log.warning("journal segment cannot be read", segment=path.name, why=str(fault))
        else:
            if self._torn_bytes:
                self._log.warning("journal was torn", segment=path.name, unreadable_bytes=self._torn_bytes)

    # --- from any thread

    def set_names(self, names: Names) -> None:
        """What the records of names.rules_seq mean; call it before the world is published."""
        packed = pack_names(names)
        if self._names.get(names.rules_seq, packed) != packed:
            self.drain_now()  # what was decided under the former names
        self._names[names.rules_seq] = packed
        while len(self._names) > NAMES_KEPT:
            del self._names[next(iter(self._names))]

    def start(self) -> None:
        self._drainer = threading.Thread(target=self._drain_loop, name="cw-drain", daemon=True)
        self._writer = threading.Thread(target=self._write_loop, name="cw-journal", daemon=True)
        self._drainer.start()
        self._writer.start()

    def stop(self, timeout_s: float = 10.0) -> None:
        """Everything that the rings hold is on the disk when it returns, or it is counted and said."""
        if self._ending.is_set():
            return
        self._ending.set()
        self._drainer.join()
        self._writer.join(timeout_s)
        lost = self.lost()["memory"] + self.lost()["disk"]
        if lost or self._writer.is_alive():
            self._log.error("journal ended with losses", lost=lost, waiting_bytes=self._queued_bytes)

    def lost(self) -> dict[str, int]:
        """Records that are in no segment, by where they were lost."""
        return {"ring": self._ring_dropped(), "memory": self._lost_memory, "disk": self._lost_disk}

    def status(self) -> dict[str, Any]:
        """For /v1/status and the metrics."""
        segment, lost = self._segment, self.lost()
        older = list(self._older.values())
        return {
            "enabled": True,
            "directory": str(self._directory),
            "error": self._error,
            "written": self._written,
            "lost": sum(lost.values()),
            "lost_in": lost,
            "waiting_bytes": self._queued_bytes,
            "segments": len(older) + (segment is not None),
            "bytes": sum(older) + (segment.bytes if segment else 0),
            "deleted_segments": self._deleted,
            "torn_bytes": self._torn_bytes,
        }

    # --- cw-drain

    def _drain_loop(self) -> None:
        while not self._ending.is_set():
            n = self.drain_now()
            self._ending.wait(BUSY_S if n > BATCH // 8 else IDLE_S)
        self.drain_now()  # the data plane has ended: this is the rest
        with self._wake:
            self._drain_ended = True
            self._wake.notify()

    def drain_now(self) -> int:
        """Take what the rings hold into memory; how many records."""
        taken = 0
        with self._drain_lock:
            while block := self._drain(self._batch):
                taken += len(block) // RECORD_BYTES
                known = ((seq, self._names.get(seq)) for seq in sequences(block))
                names = tuple((seq, packed) for seq, packed in known if packed is not None)
                self._put(Drained(block, names, time.time_ns()))
                if len(block) < self._batch * RECORD_BYTES:
                    break
        return taken

    def _put(self, item: Drained) -> None:
        with self._wake:
            if self._queued_bytes + len(item.block) > self._options.buffer_bytes:
                self._lost_memory += len(item.block) // RECORD_BYTES
                full = True
            else:
                self._queue.append(item)
                self._queued_bytes += len(item.block)
                self._wake.notify()
                full = False
        if full:
            why = self._error or "slow disk"
            self._alarm.warning(time.monotonic(), "journal loses records", lost=self._lost_memory, error=why)

    # --- cw-journal

    def _write_loop(self) -> None:
        while True:
            with self._wake:
                if not self._queue and not self._drain_ended:
                    self._wake.wait(self._sync_wait())
                item = self._queue[0] if self._queue else None
                ended = self._drain_ended and item is None
            if item is not None:
                if self._store(item):
                    self._pop(item)
                elif self._drain_ended:
                    self._give_up()
                else:
                    self._ending.wait(RETRY_S)
            if ended or (self._unsynced_since is not None and self._sync_wait() == 0):
                self._sync()
            if ended:
                self._close_segment()
                return

    def _pop(self, item: Drained) -> None:
        with self._wake:
            self._queue.popleft()
            self._queued_bytes -= len(item.block)

    def _give_up(self) -> None:
        """The end, and the disk takes nothing: what waits is lost."""
        with self._wake:
            while self._queue:
                block = self._queue.popleft().block
                self._queued_bytes -= len(block)
                self._lost_disk += len(block) // RECORD_BYTES

    def _store(self, item: Drained) -> bool:
        """One block, one frame, behind the names that it needs. False: nothing of it is there, try again."""
        try:
            segment = self._segment_for(len(item.block))
            for seq, packed in item.names:
                if segment.known.get(seq) != packed:
                    segment.append_names(packed, seq, item.time_ns)
            segment.append_block(item.block, item.time_ns)
        except OSError as fault:
            self._failed(fault)
            return False
        self._written += len(item.block) // RECORD_BYTES
        if self._unsynced_since is None:
            self._unsynced_since = time.monotonic()
        if self._error:
            self._log.info("journal is written again", lost=self._lost_memory)
            self._error = ""
        return True

    def _segment_for(self, block_bytes: int) -> SegmentFile:
        segment = self._segment
        if segment is not None and segment.blocks:
            if segment.bytes + HEAD_BYTES + block_bytes <= self._segment_bytes:
                return segment
            self._sync()
            self._close_segment()
            segment = None
        if segment is None:
            self._make_room()
            segment = SegmentFile(self._directory, self._next, node=self._node, created_ns=time.time_ns())
            self._segment = segment
            self._next += 1
        return segment

    def _make_room(self) -> None:
        """Oldest segments go, so that all together stay within keep_bytes."""
        while self._older and sum(self._older.values()) + self._segment_bytes > self._options.keep_bytes:
            number = next(iter(self._older))
            path_of(self._directory, number).unlink(missing_ok=True)
            del self._older[number]
            self._deleted += 1

    def _failed(self, fault: OSError) -> None:
        self._error = os.strerror(fault.errno) if fault.errno else str(fault)
        self._alarm.warning(
            time.monotonic(), "journal cannot be written", error=self._error, waiting_bytes=self._queued_bytes
        )
        if fault.errno not in FULL:
            self._close_segment()

    # --- the segment at hand

    def _sync_wait(self) -> float | None:
        """Seconds until what is written must be on the disk; None when all of it is."""
        if self._unsynced_since is None:
            return None
        return max(0.0, self._unsynced_since + self._options.sync_ms / 1000 - time.monotonic())

    def _sync(self) -> None:
        self._unsynced_since = None
        if self._segment is None:
            return
        try:
            self._segment.sync()
        except OSError as fault:
            self._failed(fault)

    def _close_segment(self) -> None:
        if (segment := self._segment) is not None:
            self._older[segment.number] = segment.bytes
            self._segment = None
            segment.close()
