"""The documents do what they say: every `callwarden` command in their code blocks runs against a gateway, in
order, and exits with 0, or with 1 where the text beside it says 603; every command, option and `make` target
that is named exists.

Commands run in a shell as they stand, in a folder of their own: the configuration comes by $CALLWARDEN_CONFIG
(and in the place of a file behind -c), and files that a command reads are made by their extension.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import click
import dpkt
import pytest

from gateway.cli import main as cli
from tests.support.gateway import GatewayUnderTest
from tests.support.process import free_port
from tests.support.rules import invite

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = [ROOT / "README.md", ROOT / "bench/README.md", *sorted((ROOT / "docs").glob("*.md"))]
IDS = [str(p.relative_to(ROOT)) for p in DOCUMENTS]
PROGRAM = re.compile(r"^(?:sudo (?:-u \w+ )?)?(?:\.venv/bin/|/\S*/bin/)?callwarden ")
POLICY = (
    '[[rule]]\nname = "fraud"\nwhen = ["caller.in.fraud"]\nthen = { intercept = 603 }\nmode = "enforce"\n'
)


class Command(NamedTuple):
    line: int
    text: str  # from "callwarden" on, without what is said about it
    said: str


def blocks(document: Path) -> list[tuple[int, str]]:
    """Lines of fenced and indented blocks, with their numbers."""
    found, fenced = [], False
    for number, line in enumerate(document.read_text().splitlines(), 1):
        if line.lstrip().startswith("```"):
            fenced = not fenced
        elif fenced or line.startswith("    "):
            found.append((number, line.strip()))
    return found


def commands(document: Path) -> list[Command]:
    found = []
    for number, line in blocks(document):
        line = line.removeprefix("$ ")
        if PROGRAM.match(line):
            text, _, said = re.sub(r"\s{2,}#?\s*|\s+#\s+", "\0", line, count=1).partition("\0")
            found.append(Command(number, "callwarden " + PROGRAM.sub("", text), said))
    return found


def make_files(folder: Path, text: str) -> None:
    """What a command reads and no earlier one wrote."""
    for name in re.findall(r"(?<![\w>])(?<!> )[\w./-]+\.(?:txt|csv|toml|pcap|gz)\b", text):
        path = folder / name
        if (path.is_absolute() and not path.is_relative_to(folder)) or path.exists():
            continue
        path.parent.mkdir(parents=True, exist_ok=True)
        match path.suffix:
            case ".txt":
                path.write_text("+8613800000077\n1700000*\n")
            case ".csv":
                path.write_text("number,category\n+8613800000078,loan\n")
            case ".toml":
                path.write_text(POLICY)
            case ".gz":
                path.write_bytes(
                    subprocess.run(["gzip"], input=b"+8613800000079\n", capture_output=True).stdout
                )
            case ".pcap":
                udp = dpkt.udp.UDP(sport=5060, dport=5060, data=invite("+8613800000001"))
                udp.ulen = len(udp)
                ip = dpkt.ip.IP(src=b"\x7f\0\0\1", dst=b"\x7f\0\0\1", p=17, data=udp)
                ip.len = len(ip)
                with path.open("wb") as f:
                    dpkt.pcap.Writer(f, linktype=101).writepkt(bytes(ip), 0)


def is_endless(text: str) -> bool:
    return bool(re.search(r" (-f|--follow)\b", text)) or (
        text.startswith("callwarden top") and "--once" not in text
    )


def run(text: str, folder: Path, gateway: GatewayUnderTest) -> tuple[int, str]:
    shim = folder / "bin" / "callwarden"
    if not shim.exists():
        shim.parent.mkdir()
        shim.write_text(f'#!/bin/sh\nexec {sys.executable} -m gateway.cli "$@"\n')
        shim.chmod(0o755)
    text = re.sub(r"(-c|--config)[ =]\S+", f"-c {gateway.config}", text)
    env = {
        **os.environ,
        "PATH": f"{shim.parent}:{os.environ['PATH']}",
        "PYTHONPATH": str(ROOT),
        "CALLWARDEN_CONFIG": str(gateway.config),
    }
    process = subprocess.Popen(
        ["bash", "-o", "pipefail", "-c", f"exec {text}" if is_endless(text) else text],
        cwd=folder,
        env=env,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        said, _ = process.communicate(timeout=3 if is_endless(text) else 60)
    except subprocess.TimeoutExpired:
        assert is_endless(text), text
        process.send_signal(signal.SIGINT)
        try:
            said, _ = process.communicate(timeout=20)
        except subprocess.TimeoutExpired:
            process.kill()
            said, _ = process.communicate()
            raise AssertionError(f"{text}: Ctrl-C does not end it\n{said}") from None
    return process.returncode, said


@pytest.mark.parametrize("document", DOCUMENTS, ids=IDS)
def test_every_command_of_a_document_runs(document: Path, tmp_path: Path) -> None:
    told = [c for c in commands(document) if not re.match(r"callwarden (run|demo)\b", c.text)]
    if not told:
        return
    with GatewayUnderTest(free_port()) as gateway:
        for command in told:
            make_files(tmp_path, command.text)
            wanted = 1 if re.search(r"\b603\b", command.said) else 0
            if is_endless(command.text):
                wanted = 130  # Ctrl-C, as a shell counts it
            status, said = run(command.text, tmp_path, gateway)
            assert status == wanted, f"{document.name}:{command.line}: {command.text}: {status}\n{said}"
            assert "Traceback" not in said, f"{document.name}:{command.line}: {said}"


def test_the_first_minute_of_the_readme_is_covered() -> None:
    words = {c.text.split()[1] for c in commands(ROOT / "README.md")}
    assert {"call", "lists", "explain"} <= words


def named_commands(document: Path) -> set[str]:
    """`callwarden ...` in the running text, and commands of the blocks."""
    text = document.read_text()
    return {m[1] for m in re.finditer(r"`(?:\.venv/bin/)?callwarden ([^`]+)`", text)} | {
        c.text.removeprefix("callwarden ") for c in commands(document)
    }


def fault(words: list[str]) -> str:
    """What of a command line does not exist; "" when all does."""
    command: click.Command = cli
    with click.Context(cli) as context:
        while isinstance(command, click.Group) and words and not words[0].startswith("-"):
            below = command.get_command(context, words[0])
            if below is None:
                return f"no command {words[0]}"
            command, words = below, words[1:]
    options = {"--help", "-h"} | {o for p in command.params for o in (*p.opts, *p.secondary_opts)}
    unknown = [w for w in words if re.fullmatch(r"--[a-z-]+|-[a-z]", w) and w not in options]
    return f"no option {unknown[0]}" if unknown else ""


@pytest.mark.parametrize("document", [ROOT / "ARCHITECTURE.md", *DOCUMENTS], ids=["ARCHITECTURE.md", *IDS])
def test_every_command_and_option_that_is_named_exists(document: Path) -> None:
    wrong = []
    for text in sorted(named_commands(document)):
        words = re.split(r"[|>;#(]", text)[0].split()
        if words and (why := fault(words)):
            wrong.append(f"callwarden {text}: {why}")
    assert wrong == []


def make_targets(makefile: Path) -> set[str]:
    return {m[1] for m in re.finditer(r"^([a-z][\w-]*):(?!=)", makefile.read_text(), re.MULTILINE)}


@pytest.mark.parametrize("document", [ROOT / "ARCHITECTURE.md", *DOCUMENTS], ids=["ARCHITECTURE.md", *IDS])
def test_every_make_target_that_is_named_exists(document: Path) -> None:
    text = document.read_text()
    named = {m[1] for m in re.finditer(r"`make ([a-z][a-z-]*)", text)}
    named |= {
        m[1] for _, line in blocks(document) for m in re.finditer(r"^(?:\w+=\S+ )*make ([a-z][a-z-]*)", line)
    }
    assert named - make_targets(ROOT / "Makefile") == set()
