"""Who may import whom (ARCHITECTURE), how long a file may be (STYLE), each reason and fact tested by name."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from native.world import fact_names, reasons

ROOT = Path(__file__).resolve().parents[2]
LINES_MAX = 600
# a pure protocol layer has none of these: sockets, loops, threads, clocks, the environment, files
IMPURE = {
    "socket",
    "asyncio",
    "os",
    "time",
    "threading",
    "subprocess",
    "select",
    "signal",
    "random",
    "uvloop",
}
MAY_IMPORT = {"gateway": {"gateway", "sip", "native"}, "sip": {"sip", "native"}, "native": {"native"}}
OURS = {"gateway", "sip", "native", "tests", "bench", "config"}


def imported(path: Path) -> Iterator[str]:
    """Full names of what a Python file imports anywhere in it, strings given to import functions included."""
    package = path.relative_to(ROOT).parent.parts
    for node in ast.walk(ast.parse(path.read_text(), str(path))):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = [*package[: len(package) - node.level + 1]] if node.level else []
            module = ".".join([*base, *([node.module] if node.module else [])])
            yield from (f"{module}.{name.name}" for name in node.names)
        elif isinstance(node, ast.Call):
            called = ast.unparse(node.func).rpartition(".")[2]
            if called in ("import_module", "__import__") and node.args:
                first = node.args[0]
                parts = first.values if isinstance(first, ast.JoinedStr) else [first]
                yield from (str(x.value) for x in parts[:1] if isinstance(x, ast.Constant))


def cython_imported(path: Path) -> Iterator[str]:
    for line in path.read_text().splitlines():
        if m := re.match(r"\s*(?:from|import|cimport)\s+([\w.]+)", line):
            yield m[1]


def python_files(package: str) -> list[Path]:
    return sorted(p for p in (ROOT / package).rglob("*.py") if "build" not in p.relative_to(ROOT).parts)


@pytest.mark.parametrize("package", sorted(MAY_IMPORT))
def test_gateway_may_import_sip_and_native_and_sip_may_import_native(package: str) -> None:
    wrong = []
    sources = [(p, imported(p)) for p in python_files(package)]
    if package == "native":
        sources += [(p, cython_imported(p)) for p in sorted((ROOT / package).glob("*.p[yx][xdi]"))]
    assert sources, package
    for path, names in sources:
        for name in names:
            top = name.partition(".")[0]
            if top in OURS - MAY_IMPORT[package]:
                wrong.append(f"{path.relative_to(ROOT)} imports {name}")
    assert wrong == []


def test_only_the_call_command_and_the_tests_import_the_harness() -> None:
    allowed = {ROOT / "gateway/commands/call.py"}
    wrong = [
        f"{path.relative_to(ROOT)} imports {name}"
        for package in ("gateway", "sip", "native", "bench")
        for path in python_files(package)
        if path not in allowed and "harness" not in path.parts
        for name in imported(path)
        if name == "sip.harness" or name.startswith("sip.harness.")
    ]
    assert wrong == []


def test_sip_outside_the_harness_has_no_sockets_clocks_or_environment() -> None:
    wrong = [
        f"{path.relative_to(ROOT)} imports {name}"
        for path in python_files("sip")
        if "harness" not in path.parts
        for name in imported(path)
        if name.partition(".")[0] in IMPURE
    ]
    assert wrong == []


def test_sip_outside_the_harness_opens_no_file() -> None:
    wrong = [
        f"{path.relative_to(ROOT)}:{node.lineno}"
        for path in python_files("sip")
        if "harness" not in path.parts
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call) and ast.unparse(node.func) in ("open", "print", "input")
    ]
    assert wrong == []


def test_csrc_knows_no_python() -> None:
    files = sorted((ROOT / "native/csrc").glob("*.[ch]"))
    assert files
    pattern = re.compile(r"#\s*include\s*[<\"](Python\.h|cpython/)|\bPy(Object|Gil|_|Mem_|Err_|Bytes_)")
    assert [p.name for p in files if pattern.search(p.read_text())] == []


def test_csrc_data_path_files_neither_allocate_nor_lock_nor_log() -> None:
    """The rule of cw.h for the files that a datagram passes through (ARCHITECTURE: life of a datagram)."""
    path = (
        "scan check via uri engine identify number cn_plan decide emergency policy edit label reply response"
    )
    path += " path token siphash"
    forbidden = re.compile(r"\b(malloc|calloc|realloc|pthread_\w+|printf|fprintf|syslog|abort|exit)\s*\(")
    wrong = []
    for name in path.split():
        source = ROOT / f"native/csrc/cw_{name}.c"
        code = re.sub(r"/\*.*?\*/|//[^\n]*", "", source.read_text(), flags=re.DOTALL)
        wrong += [f"{source.name}: {m[0]}" for m in forbidden.finditer(code)]
    assert wrong == []


def source_files() -> list[Path]:
    kept = {".py", ".pyx", ".pxd", ".pyi", ".c", ".h", ".toml", ".sh"}
    found = []
    for folder in ("native", "sip", "gateway", "config", "tests", "bench"):
        for path in (ROOT / folder).rglob("*"):
            generated = path.suffix == ".c" and path.with_suffix(".pyx").exists()
            if path.suffix in kept and "build" not in path.relative_to(ROOT).parts and not generated:
                found.append(path)
    return found


def test_a_file_over_600_lines_gives_its_reason() -> None:
    """In ARCHITECTURE.md on a line with its name, or in its own head with the words "600 lines"."""
    architecture = (ROOT / "ARCHITECTURE.md").read_text().splitlines()
    wrong = []
    for path in source_files():
        text = path.read_text().splitlines()
        if len(text) <= LINES_MAX:
            continue
        named = any(path.name in line and "600" in line for line in architecture)
        if not named and not any("600 lines" in line for line in text[:30]):
            wrong.append(f"{path.relative_to(ROOT)}: {len(text)} lines")
    assert wrong == []


def test_documents_name_no_file_that_is_not_there() -> None:
    """Backquoted paths of the documents exist."""
    wrong = []
    for document in (ROOT / "README.md", ROOT / "ARCHITECTURE.md", *sorted((ROOT / "docs").glob("*.md"))):
        text = document.read_text()
        for name in re.findall(
            r"`((?:native|sip|gateway|config|tests|bench|docs)/[\w./-]+|cw_\w+\.[ch])`", text
        ):
            path = ROOT / ("native/csrc/" + name if name.startswith("cw_") else name)
            if not path.exists() and not list(ROOT.glob(f"bench/**/{name}")):
                wrong.append(f"{document.name}: {name}")
    assert wrong == []


def test_links_of_the_documents_lead_to_files() -> None:
    wrong = []
    for document in (ROOT / "README.md", ROOT / "ARCHITECTURE.md", *sorted((ROOT / "docs").glob("*.md"))):
        for target in re.findall(r"\]\((?!https?:|#|mailto:)([^)#]+)", document.read_text()):
            if not (document.parent / target).exists():
                wrong.append(f"{document.name}: {target}")
    assert wrong == []


def all_tests() -> str:
    """Every test but this one."""
    files = sorted(p for p in (ROOT / "tests").rglob("*") if p.suffix in (".py", ".c"))
    return "\n".join(p.read_text() for p in files if p != Path(__file__).resolve())


def test_every_reason_is_named_in_a_test() -> None:
    """The one table of reasons, `cw.h`: each is a word that a test expects."""
    text = all_tests()
    named = {name for name, _ in reasons() if re.search(rf"[\"']{re.escape(name)}[\"']", text)}
    assert sorted({name for name, _ in reasons()} - named) == []


def test_every_fact_is_named_in_a_test() -> None:
    """By its whole name, or a number class by its own: those of caller and callee come from one function."""
    text = all_tests()
    unnamed = [
        fact
        for fact in fact_names()
        if fact not in text and not re.search(rf"[\"' ]{fact.partition('.')[2]}[\"' ]", text)
    ]
    assert unnamed == []
