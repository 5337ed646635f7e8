"""The native programs of loadgen/: built on demand, run, their JSON read."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from procs import BenchError

LOADGEN = Path(__file__).parent / "loadgen"
BUILD = LOADGEN / "build"


def build() -> None:
    done = subprocess.run(["make", "-s", "-C", str(LOADGEN)], capture_output=True, text=True)
    if done.returncode != 0:
        raise BenchError(f"the load generator does not build\n{done.stderr[-3000:]}")


def program(name: str) -> Path:
    return BUILD / name


def loadgen(
    mode: str, *, cpu: int | None, seconds: float, warmup: float = 0.3, **options: Any
) -> dict[str, Any]:
    """Runs cw_loadgen and returns its result; `_` in an option's name becomes `-`, True a bare flag."""
    argv = [str(program("cw_loadgen")), mode, "--json", "--seconds", str(seconds), "--warmup", str(warmup)]
    if cpu is not None:
        argv += ["--cpu", str(cpu)]
    for name, value in options.items():
        argv.append("--" + name.replace("_", "-"))
        if value is not True:
            argv.append(str(value))
    limit = seconds + warmup + 60
    done = subprocess.run(argv, capture_output=True, text=True, timeout=limit)
    if done.returncode not in (0, 1) or not done.stdout:
        raise BenchError(f"{' '.join(argv)}: exit {done.returncode}\n{done.stderr}")
    result: dict[str, Any] = json.loads(done.stdout)
    return result


def numbers(path: Path, kind: str, count: int, seed: int = 1) -> Path:
    """A file of `count` numbers, made once."""
    if not path.exists():
        argv: Sequence[str] = [str(program("cw_numgen")), kind, str(count), str(seed)]
        with path.open("wb") as out:
            subprocess.run(argv, stdout=out, check=True)
    return path
