"""The C tests of the bulk reader, under AddressSanitizer and UndefinedBehaviorSanitizer."""

import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
CSRC = ROOT / "native/csrc"
SOURCES = "bulk number cn_plan identify emergency scan check addr uri via names reason chars"
STRICT = "-std=c11 -Wall -Wextra -Wconversion -Wno-sign-conversion -Werror"
SANITIZE = "-g -O1 -D_GNU_SOURCE -fsanitize=address,undefined -fno-sanitize-recover=all"


def test_bulk_reader_stays_inside_its_chunk(tmp_path: Path) -> None:
    program = tmp_path / "test_bulk"
    sources = [CSRC / f"cw_{name}.c" for name in SOURCES.split()]
    flags = [*STRICT.split(), *SANITIZE.split(), f"-I{CSRC}"]
    build: list[str | Path] = ["gcc", *flags, ROOT / "tests/native/csrc/test_bulk.c", *sources, "-o", program]
    built = subprocess.run(build, capture_output=True, text=True, timeout=100)
    assert built.returncode == 0, built.stderr
    ran = subprocess.run([program], capture_output=True, text=True, timeout=60)
    assert ran.returncode == 0, ran.stdout + ran.stderr
