"""The C tests of the scanner and the address parsers, under AddressSanitizer and UndefinedBehaviorSanitizer.

Both line searches are built: the one with SSE2 and the portable one.
"""

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
CSRC = ROOT / "native/csrc"
TESTS = ROOT / "tests/native/csrc"
DATA = Path(os.environ.get("CALLWARDEN_TEST_DATA", ROOT.parent / "shared/data"))
SOURCES = [
    CSRC / f"cw_{name}.c" for name in ["chars", "names", "scan", "check", "addr", "uri", "via", "reason"]
]
FLAGS = [
    "-std=c11",
    "-Wall",
    "-Wextra",
    "-Wconversion",
    "-Wno-sign-conversion",
    "-Werror",
    "-g",
    "-O1",
    "-D_GNU_SOURCE",
    "-fsanitize=address,undefined",
    "-fno-sanitize-recover=all",
]
BUILDS = {"gcc": ["gcc"], "gcc-portable": ["gcc", "-DCW_NO_SSE2"], "clang": ["clang"]}


@pytest.fixture(scope="module", params=BUILDS)
def program(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Callable[[str], Path]:
    """Builds a file of tests/native/csrc against the scanner, which is compiled once a compiler."""
    out = tmp_path_factory.mktemp(request.param)
    compiler = [*BUILDS[request.param], *FLAGS, f"-I{CSRC}"]
    _build([*compiler, "-c", *SOURCES], out)

    def build(source: str) -> Path:
        path = out / source.removesuffix(".c")
        _build([*compiler, TESTS / source, *sorted(out.glob("*.o")), "-o", path], out)
        return path

    return build


def _build(command: list[str | Path], cwd: Path) -> None:
    built = subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=100)
    assert built.returncode == 0, built.stderr


def messages() -> list[Path]:
    folders = [ROOT / "tests/native/corpus/scan", DATA / "rfc4475", DATA / "rfc5118"]
    found = (path for folder in folders if folder.is_dir() for path in sorted(folder.rglob("*")))
    return [path for path in found if path.is_file() and path.suffix != ".tsv"]


@pytest.mark.parametrize("source", ["test_scan.c", "test_addr.c"])
def test_scanner_rules_in_c(program: Callable[[str], Path], source: str) -> None:
    ran = subprocess.run([program(source)], capture_output=True, text=True, timeout=60)
    assert ran.returncode == 0, ran.stdout + ran.stderr


def test_every_prefix_of_every_message_against_a_guard_page(program: Callable[[str], Path]) -> None:
    files = messages()
    assert len(files) >= 18
    ran = subprocess.run([program("guard_scan.c"), *files], capture_output=True, text=True, timeout=100)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    prefixes = sum(path.stat().st_size + 1 for path in files)
    assert ran.stdout == f"{prefixes} prefixes\n"
