"""The node's secret: 32 random bytes in state_dir/secret, readable by the owner only, created once.

Every node that holds the same secret can handle any message of any call (DESIGN 4.1): copy it to share it.
"""

from __future__ import annotations

import os
import secrets
from pathlib import Path

SECRET_BYTES = 32


def load_or_create(path: Path, make: bytes) -> bytes:
    """Content of the file; created with `make` (0600, atomically) when absent. Raises OSError."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        temporary = path.with_name(f".{path.name}.{os.getpid()}.new")
        fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with os.fdopen(fd, "wb") as f:
            f.write(make)
            f.flush()
            os.fsync(f.fileno())
        try:
            os.link(temporary, path)  # never over a file that another process made meanwhile
        except FileExistsError:
            return path.read_bytes()
        finally:
            os.unlink(temporary)
        return make
    with os.fdopen(fd, "rb") as f:
        if os.fstat(f.fileno()).st_mode & 0o077:
            raise PermissionError(f"{path} can be read by others: chmod 600 it, or delete it for a new one")
        return f.read(4096)


def node_secret(state_dir: Path) -> bytes:
    """The secret of this node; creates state_dir (0700) and the file. Raises OSError with a clear line."""
    state_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = state_dir / "secret"
    secret = load_or_create(path, secrets.token_bytes(SECRET_BYTES))
    if len(secret) != SECRET_BYTES:
        raise OSError(f"{path} holds {len(secret)} bytes instead of {SECRET_BYTES}: delete it for a new one")
    return secret
