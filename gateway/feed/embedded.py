"""The log as an SQLite file on the same host: the default, for one edge without a platform.

One table, one row a record, the row's key is the sequence number. An append is one transaction (WAL,
synchronous NORMAL: it survives the death of the process; the loss of power may take the last ones). One
process writes: the writer holds a lock on the file beside it for as long as the feed is open, so that the
CLI never appends behind a running gateway. Reading refuses gaps and rows that cannot be read, and names the
sequence number.
"""

import fcntl
import os
import sqlite3
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

from gateway.feed.changes import Change, FeedError, Record, pack, unpack

_SCHEMA = "CREATE TABLE IF NOT EXISTS log (seq INTEGER PRIMARY KEY, body BLOB NOT NULL) STRICT"
_BUSY_S = 5.0


class EmbeddedFeed:
    """`path`: the SQLite file, made when missing (its folder too). Without `write`, only read() and head()
    work.
    """

    def __init__(
        self, path: str | os.PathLike[str], *, write: bool = True, clock: Callable[[], float] = time.time
    ) -> None:
        self.path = Path(path)
        self._clock = clock
        self._lock = -1
        self._db: sqlite3.Connection | None = None
        self._write = write
        try:
            if write:
                self.path.parent.mkdir(parents=True, exist_ok=True)
                self._take_lock()
            self._db = self._open()
            self._head = self._read_head()
        except (sqlite3.Error, OSError) as fault:
            self.close()
            raise FeedError(f"{self.path}: {fault}") from None
        except FeedError:
            self.close()
            raise

    def _take_lock(self) -> None:
        self._lock = os.open(f"{self.path}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise FeedError(f"{self.path} is in use by another process") from None

    def _open(self) -> sqlite3.Connection:
        # the control thread takes the feed over from the thread that opened it; they never use it at the
        # same time
        if not self._write:
            return sqlite3.connect(
                f"{self.path.absolute().as_uri()}?mode=ro",
                uri=True,
                timeout=_BUSY_S,
                check_same_thread=False,
                isolation_level=None,
            )
        old_mask = os.umask(0o077)
        try:
            db = sqlite3.connect(self.path, timeout=_BUSY_S, check_same_thread=False, isolation_level=None)
            try:
                db.execute("PRAGMA journal_mode=WAL")
                db.execute("PRAGMA synchronous=NORMAL")
                db.execute(_SCHEMA)
            except sqlite3.Error:
                db.close()
                raise
        finally:
            os.umask(old_mask)
        return db

    @property
    def _connection(self) -> sqlite3.Connection:
        if self._db is None:
            raise FeedError(f"{self.path} is closed")
        return self._db

    def _read_head(self) -> int:
        (head,) = self._connection.execute("SELECT coalesce(max(seq), 0) FROM log").fetchone()
        return int(head)

    def head(self) -> int:
        """Sequence number of the newest record, 0 when there is none."""
        return self._head if self._write else self._read_head()

    def append(self, change: Change, origin: str) -> int:
        """The record's sequence number, once it is committed; FeedError when it is not (nothing is written
        then).
        """
        return self.append_record(change, origin)[0]

    def append_record(self, change: Change, origin: str) -> tuple[int, bytes]:
        """Like append; also the packed record."""
        seq = self._head + 1
        body = pack(Record(seq=seq, time_ms=int(self._clock() * 1000), origin=origin, change=change))
        try:
            self._connection.execute("INSERT INTO log (seq, body) VALUES (?, ?)", (seq, body))
        except sqlite3.Error as fault:
            raise FeedError(f"cannot write to {self.path}: {fault}", seq=seq) from None
        self._head = seq
        return seq, body

    def read(self, after: int = 0) -> Iterator[tuple[int, float, Change]]:
        """(seq, unix seconds, change) of every record behind `after`, in order."""
        for record, _ in self.read_records(after):
            yield record.seq, record.time_ms / 1000, record.change

    def read_records(self, after: int = 0) -> Iterator[tuple[Record, bytes]]:
        """Every record behind `after`, in order, with its packed form."""
        expected = after + 1
        try:
            for seq, body in self._connection.execute(
                "SELECT seq, body FROM log WHERE seq > ? ORDER BY seq", (after,)
            ):
                if seq != expected:
                    missing = f"{expected}" if seq == expected + 1 else f"{expected} to {seq - 1}"
                    raise FeedError(f"{self.path} has a gap: {missing} missing", seq=seq)
                yield unpack(body, expected_seq=seq), body
                expected += 1
        except sqlite3.Error as fault:
            raise FeedError(f"cannot read {self.path}: {fault}", seq=expected) from None

    def close(self) -> None:
        if self._db is not None:
            self._db.close()
            self._db = None
        if self._lock >= 0:
            os.close(self._lock)  # and with it the lock
            self._lock = -1

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, where: TracebackType | None
    ) -> None:
        self.close()
