"""The C tests of the data plane and its tables: under sanitizers, each test in a process of its own."""

import os
import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
CORE = ROOT / "native" / "csrc"
TESTS = Path(__file__).parent / "csrc"
SOURCES = {
    "test_support": ["mem", "hist", "memo", "calls", "ring", "texts"],
    "test_plane": ["mem", "hist", "ring", "rcu", "socket", "lane", "plane"],
}
# -Wno-tsan: gcc warns that ThreadSanitizer models no fences; acquire and release order what is shared as well
SANITIZERS = {
    "address": ["-fsanitize=address,undefined", "-fno-sanitize-recover=all"],
    "thread": ["-fsanitize=thread", "-Wno-tsan"],
}


def names(program: str) -> list[str]:
    return re.findall(r"^    T\((\w+)\),$", (TESTS / f"{program}.c").read_text(), re.MULTILINE)


def compiled(program: str, sanitizer: str, folder: Path) -> Path:
    out = folder / f"{program}-{sanitizer}"
    if not out.exists():
        subprocess.run(
            [os.environ.get("CC", "gcc"), "-std=c11", "-D_GNU_SOURCE", "-pthread", "-g", "-O1"]
            + ["-Wall", "-Wextra", *SANITIZERS[sanitizer], f"-I{CORE}", f"-I{TESTS}"]
            + [str(TESTS / f"{program}.c")]
            + [str(CORE / f"cw_{part}.c") for part in SOURCES[program]]
            + ["-o", str(out)],
            check=True,
            timeout=100,
        )
    return out


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("c")


@pytest.mark.parametrize("sanitizer", SANITIZERS)
@pytest.mark.parametrize(
    ("program", "name"), [(program, name) for program in SOURCES for name in names(program)]
)
def test_c(program: str, name: str, sanitizer: str, folder: Path) -> None:
    ran = subprocess.run(
        [str(compiled(program, sanitizer, folder)), name], capture_output=True, text=True, timeout=100
    )
    assert ran.returncode == 0, ran.stderr


@pytest.mark.parametrize("program", SOURCES)
def test_every_c_test_is_in_the_table(program: str) -> None:
    written = re.findall(r"^TEST\((\w+)\)", (TESTS / f"{program}.c").read_text(), re.MULTILINE)
    assert written == names(program)
    assert written
