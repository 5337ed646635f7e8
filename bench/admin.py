"""The admin API over its Unix socket, by hand: one connection, one request at a time, can be polled."""

from __future__ import annotations

import json
import select
import socket
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

    def send(self, method: str, path: str, body: dict[str, Any] | None = None) -> None:
        data = b"" if body is None else json.dumps(body).encode()
        head = f"{method} {path} HTTP/1.1\r\nHost: gateway\r\nContent-Type: application/json\r\n"
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

    def get(self, path: str) -> Any:
        """The decoded answer of a GET."""
        self.send("GET", path)
        answer = None
        while answer is None:
            answer = self.maybe_answer(10.0)
        if answer[0] != 200:
            raise BenchError(f"GET {path}: {answer[0]} {answer[1][:300]!r}")
        return json.loads(answer[1])
