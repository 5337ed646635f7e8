"""gateway.secret, gateway.lock, gateway.resources: what stands in state_dir, and what ships."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from gateway.lock import InUse, StateLock
from gateway.resources import data_path
from gateway.secret import SECRET_BYTES, node_secret


def test_secret_is_made_once_0600_in_a_0700_directory(tmp_path: Path) -> None:
    state = tmp_path / "a" / "state"
    first = node_secret(state)
    assert len(first) == SECRET_BYTES
    assert first != bytes(SECRET_BYTES)
    assert stat.S_IMODE((state / "secret").stat().st_mode) == 0o600
    assert stat.S_IMODE(state.stat().st_mode) == 0o700
    assert node_secret(state) == first
    assert os.listdir(state) == ["secret"]


def test_secret_that_others_can_read_is_refused(tmp_path: Path) -> None:
    node_secret(tmp_path)
    (tmp_path / "secret").chmod(0o640)
    with pytest.raises(PermissionError, match="chmod 600"):
        node_secret(tmp_path)


def test_secret_of_the_wrong_size_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "secret"
    path.write_bytes(b"short")
    path.chmod(0o600)
    with pytest.raises(OSError, match="5 bytes instead of 32"):
        node_secret(tmp_path)


def test_second_lock_names_the_holder_and_a_closed_one_is_free(tmp_path: Path) -> None:
    lock = StateLock(tmp_path)
    with pytest.raises(InUse, match=f"process {os.getpid()}"):
        StateLock(tmp_path)
    lock.close()
    StateLock(tmp_path).close()


def test_shipped_data_is_found_and_missing_data_is_named() -> None:
    assert data_path("callwarden.toml").read_text().startswith("# The configuration")
    with pytest.raises(FileNotFoundError, match=r"nothing\.toml is missing from this installation"):
        data_path("nothing.toml")
