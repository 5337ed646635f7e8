"""Build and run a libFuzzer target, or all: `python tests/native/fuzz/run.py scan --seconds 10`.

The target is tests/native/fuzz/fuzz_<name>.c, linked with all of native/csrc. It starts from
tests/native/corpus/<name> and from the torture messages of the third-party data where they are; the
regression corpus is replayed first. An input that crashes is copied to
tests/native/corpus/<name>/crash-<hash>, and the exit status is 1. Nothing else is written to the tree: builds
and new inputs live in a temporary directory.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
FUZZ = ROOT / "tests/native/fuzz"
CORPUS = ROOT / "tests/native/corpus"
CSRC = ROOT / "native/csrc"
DATA = Path(os.environ.get("CALLWARDEN_TEST_DATA", ROOT.parent / "shared/data"))
FLAGS = [
    "-std=c11",
    "-g",
    "-O1",
    "-D_GNU_SOURCE",
    "-fsanitize=fuzzer,address,undefined",
    "-fno-sanitize-recover=all",
    "-pthread",
]
INPUT_MAX = 65538  # a datagram and the three bytes of options that some targets put before it


def targets() -> list[str]:
    return sorted(path.stem.removeprefix("fuzz_") for path in FUZZ.glob("fuzz_*.c"))


def build(target: str, out: Path) -> Path:
    program = out / f"fuzz_{target}"
    sources = [FUZZ / f"fuzz_{target}.c", *sorted(CSRC.glob("*.c"))]
    subprocess.run(["clang", *FLAGS, f"-I{CSRC}", *sources, "-o", program], check=True)
    return program


def seeds(target: str) -> list[Path]:
    folders = [CORPUS / target, *(path for path in (DATA / "rfc4475", DATA / "rfc5118") if path.is_dir())]
    return [path for folder in folders if folder.is_dir() for path in folder.rglob("*") if path.is_file()]


def run(target: str, seconds: int) -> int:
    with tempfile.TemporaryDirectory(prefix=f"fuzz-{target}-") as name:
        work = Path(name)
        program = build(target, work)
        found, start = work / "found", work / "start"
        found.mkdir()
        start.mkdir()
        for number, seed in enumerate(seeds(target)):
            shutil.copyfile(seed, start / f"{number:04d}-{seed.name}")
        regression = sorted(path for path in (CORPUS / target).glob("*") if path.is_file())
        status = 0
        if regression:
            status = _fuzzer([program, f"-artifact_prefix={work}/crash-", "-timeout=10", *regression], 120)
        if status == 0:
            options = [
                f"-max_total_time={seconds}",
                f"-max_len={INPUT_MAX}",
                "-timeout=10",
                "-print_final_stats=1",
            ]
            status = _fuzzer(
                [program, *options, f"-artifact_prefix={work}/crash-", found, start], seconds + 120
            )
        for crash in work.glob("crash-*"):
            kept = CORPUS / target / f"crash-{crash.name.rsplit('-', 1)[-1][:16]}"
            kept.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(crash, kept)
            print(f"a new input that fails: {kept.relative_to(ROOT)}", file=sys.stderr)
        return 1 if status else 0


def _fuzzer(command: list[str | Path], timeout: int) -> int:
    return subprocess.run(command, timeout=timeout, check=False).returncode


def main() -> int:
    parser = argparse.ArgumentParser(description="Run a libFuzzer target of the core.")
    parser.add_argument("target", choices=[*targets(), "all"])
    parser.add_argument("--seconds", type=int, default=10, help="how long to look for new inputs")
    arguments = parser.parse_args()
    chosen = targets() if arguments.target == "all" else [arguments.target]
    return max(run(target, arguments.seconds) for target in chosen)


if __name__ == "__main__":
    sys.exit(main())
