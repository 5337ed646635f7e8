"""The admin API over its Unix socket, by hand: one connection, one request at a time, can be polled."""

from __future__ import annotations

import json
import select
import socket
import time
from pathlib import Path
from typing import Any

from procs import BenchError


class Api:
    def __init__(self, path: Path) -> None:
        self._sock = socket.socket(socket.AF_UNIX)
        self._sock.connect(str(path))
        self._buffer = b""

    def close(self) -> None:
        self._sock.close()

    def send(self, method: str, path: str, body: dict[str, Any] | bytes | None = None) -> None:
        kind = "application/octet-stream" if isinstance(body, bytes) else "application/json"
        data = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
        head = f"{method} {path} HTTP/1.1\r\nHost: gateway\r\nContent-Type: {kind}\r\n"
        self._sock.sendall(f"{head}Content-Length: {len(data)}\r\n\r\n".encode() + data)

    def maybe_answer(self, wait_s: float = 0.0) -> tuple[int, bytes] | None:
        """Status and body when the whole answer is there; reads what has arrived."""
        if select.select([self._sock], [], [], wait_s)[0]:
            data = self._sock.recv(65536)
            if not data:
                raise BenchError("the admin API closed the connection")
            self._buffer += data
        head, end, body = self._buffer.partition(b"\r\n\r\n")
        if not end:
            return None
        lines = head.decode("latin-1").split("\r\n")
        fields = {k.strip().lower(): v.strip() for k, _, v in (line.partition(":") for line in lines[1:])}
        length = int(fields.get("content-length", "0"))
        if len(body) < length:
            return None
        self._buffer = body[length:]
        return int(lines[0].split()[1]), body[:length]

    def ask(self, method: str, path: str, body: dict[str, Any] | bytes | None = None) -> Any:
        """The decoded answer."""
        self.send(method, path, body)
        answer = None
        until = time.monotonic() + 60
        while answer is None:
            if time.monotonic() > until:
                raise BenchError(f"{method} {path}: no answer within a minute")
            answer = self.maybe_answer(1.0)
        if answer[0] != 200:
            raise BenchError(f"{method} {path}: {answer[0]} {answer[1][:300]!r}")
        return json.loads(answer[1])
