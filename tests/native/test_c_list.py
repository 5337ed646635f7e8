"""The C tests of lists and reclamation, under AddressSanitizer and UBSan, and under ThreadSanitizer."""

import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
CSRC = ROOT / "native/csrc"
SOURCES = ["rcu", "mem", "sort", "attrs", "overlay", "pattern", "base", "base_build"]
SOURCES += ["list", "list_walk", "list_write"]
WARNINGS = ["-Wall", "-Wextra", "-Wconversion", "-Wno-sign-conversion", "-Werror"]
FLAGS = ["-std=c11", "-D_GNU_SOURCE", "-g", "-O1", "-pthread", *WARNINGS]
FAILING_MEMORY = "-Wl,--wrap=malloc,--wrap=cw_big_alloc"
ADDRESS = ["-fsanitize=address,undefined", "-fno-sanitize-recover=all"]
# gcc warns that this sanitizer models no fences; cw_rcu.h has them beside acquire and release
THREAD = ["-fsanitize=thread", "-Wno-tsan"]


def build_and_run(tmp_path: Path, name: str, sanitizer: list[str]) -> None:
    program = tmp_path / name
    sources = [ROOT / f"tests/native/csrc/{name}.c", *(CSRC / f"cw_{source}.c" for source in SOURCES)]
    build = ["gcc", *FLAGS, *sanitizer, f"-I{CSRC}", *sources, "-o", program]
    built = subprocess.run(build, capture_output=True, text=True, timeout=100)
    assert built.returncode == 0, built.stderr
    ran = subprocess.run([program], capture_output=True, text=True, timeout=100)
    assert ran.returncode == 0, ran.stdout + ran.stderr


def test_list_answers_like_the_model_with_clean_memory(tmp_path: Path) -> None:
    build_and_run(tmp_path, "test_list", [*ADDRESS, FAILING_MEMORY])


def test_readers_never_see_freed_memory(tmp_path: Path) -> None:
    build_and_run(tmp_path, "test_list_tsan", ADDRESS)


def test_readers_and_writers_do_not_race(tmp_path: Path) -> None:
    build_and_run(tmp_path, "test_list_tsan", THREAD)
