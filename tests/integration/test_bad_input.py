"""What bad input gets: a push is refused whole in one clear line, a configuration by file, line and key, and
a malformed datagram costs no log line, no memory and no call.
"""

from __future__ import annotations

import json
import random
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.gateway import CALLWARDEN, ROOT, GatewayUnderTest
from tests.support.peer import Peer
from tests.support.process import options

FLAGGED, GOOD, OTHER = "+8613800000666", "+8613800000001", "+8613800000002"
CALLEE = "+8613900000002"
RULE = '[[rule]]\nname = "x"\nwhen = {}\nthen = {}\nmode = "enforce"\n'


@pytest.fixture
def peer() -> Iterator[Peer]:
    with Peer() as one:
        yield one


@pytest.fixture
def gateway(peer: Peer) -> Iterator[GatewayUnderTest]:
    with GatewayUnderTest(peer.callee_port) as one:
        yield one


def refused(gateway: GatewayUnderTest, word: str, *arguments: str) -> None:
    """Exit 1, nothing on stdout, and one line on stderr that says what was wrong."""
    done = gateway.cli(*arguments, check=False)
    assert (done.returncode, done.stdout) == (1, ""), arguments
    (line,) = done.stderr.splitlines()
    assert word in line, arguments


def test_a_bad_push_is_refused_in_one_line_and_the_old_rules_stay(
    peer: Peer, gateway: GatewayUnderTest, tmp_path: Path
) -> None:
    gateway.push_list("fraud", FLAGGED)
    before = gateway.status()["rules"]
    pushes: list[tuple[str, tuple[str, ...]]] = [
        ("nobody", ("lists", "add", "nobody", GOOD)),
        ("12x4", ("lists", "add", "fraud", GOOD, "12x4")),
        ("+8613800000000000000", ("lists", "add", "fraud", GOOD, "+8613800000000000000")),
        ("+86*", ("lists", "add", "fraud", GOOD, "+86*")),
        ("+861*", ("lists", "add", "fraud", GOOD, "+861*")),
        ("110", ("lists", "add", "fraud", GOOD, "110")),
        ("96110", ("lists", "add", "suspect", GOOD, "9611?")),
        ("12381", ("lists", "add", "fraud", GOOD, "+8612381")),
        ("nobody", ("lists", "remove", "nobody", FLAGGED)),
        ("card", ("lists", "add", "card", GOOD)),
        ("fraud", ("lists", "define", "fraud", "allow")),
        ("no-rule", ("policy", "promote", "no-rule")),
    ]
    policies = {
        "no TOML": "[[rule",
        "caller.in.nobody": RULE.format('["caller.in.nobody"]', "{ drop = true }"),
        "caller.tall": RULE.format('["caller.tall"]', "{ drop = true }"),
        "then": RULE.format('["caller.mobile"]', "{ explode = true }"),
        "when": RULE.format("[]", "{ intercept = 603 }"),
        "emergency": RULE.format('["callee.emergency"]', "{ intercept = 603 }"),
        "no hop": RULE.format('["caller.mobile"]', '{ divert = "nowhere" }'),
        "200": RULE.format('["caller.mobile"]', "{ intercept = 200 }"),
    }
    for i, (word, text) in enumerate(policies.items()):
        file = tmp_path / f"policy-{i}.toml"
        file.write_text(text)
        pushes.append((word, ("policy", "push", str(file))))
    for word, arguments in pushes:
        refused(gateway, word, *arguments)
    assert gateway.status()["rules"] == before
    assert peer.call(gateway.port, FLAGGED, CALLEE).status == 603
    assert peer.call(gateway.port, GOOD, CALLEE).passed
    gateway.push_list("fraud", GOOD)  # and the next good push is in force
    assert peer.call(gateway.port, GOOD, CALLEE).status == 603


def test_an_import_with_a_bad_line_imports_nothing_and_names_the_line(
    peer: Peer, gateway: GatewayUnderTest, tmp_path: Path
) -> None:
    file = tmp_path / "numbers.txt"
    file.write_text(f"# a comment\n{GOOD}\nnonsense\n{OTHER}\n")
    done = gateway.cli("lists", "import", "fraud", str(file), check=False)
    assert done.returncode == 1
    assert any("3" in line and "nonsense" in line for line in done.stderr.splitlines())
    assert peer.call(gateway.port, GOOD, CALLEE).passed
    gateway.cli("lists", "import", "fraud", str(file), "--skip-bad", check=False)
    assert peer.call(gateway.port, GOOD, CALLEE).status == 603


def test_a_bad_push_by_json_says_so_in_json(gateway: GatewayUnderTest) -> None:
    done = gateway.cli("lists", "add", "fraud", "110", "--json", check=False)
    assert done.returncode == 1
    text = done.stdout or done.stderr
    assert "emergency" in json.dumps(json.loads(text))


FAULTS = {
    "threads = 1": ("threads = 99", "node.threads"),
    'name = "t"': ('nam = "t"', "node.nam"),
    'class = "domestic"': ('class = "martian"', "class"),
    'sources = ["127.0.0.0/8"]': ('sources = ["300.0.0.0/8"]', "sources"),
    'next_hop = "core"': ('next_hop = "nowhere"', "next_hop"),
    'country_code = "86"': ("country_code = 86", "country_code"),
    'probe = "none"': ('probe = "perhaps"', "probe"),
    "enabled = true": ("enabled = 7", "journal.enabled"),
    'bind = "udp:127': ('bind = "tls:127', "bind"),
}


def both(config: Path) -> list[subprocess.CompletedProcess[str]]:
    return [
        subprocess.run(
            [*CALLWARDEN, command, "-c", str(config)],
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
        )
        for command in ("check", "run")
    ]


@pytest.mark.parametrize("good", FAULTS)
def test_a_bad_key_is_refused_with_file_line_and_key(good: str) -> None:
    gateway = GatewayUnderTest(callee_port=9)
    text = gateway.config.read_text()
    bad, key = FAULTS[good]
    assert text.count(good) == 1
    number = text[: text.index(good)].count("\n") + 1
    gateway.config.write_text(text.replace(good, bad))
    for done in both(gateway.config):
        assert (done.returncode, done.stdout) == (2, "")
        (line,) = done.stderr.splitlines()
        assert f"{gateway.config}:{number}: " in line
        assert key in line


def test_every_fault_of_a_configuration_has_its_line() -> None:
    gateway = GatewayUnderTest(callee_port=9)
    text = gateway.config.read_text()
    wanted = []
    for good in ("threads = 1", 'class = "domestic"', 'probe = "none"'):
        wanted.append(f"{gateway.config}:{text[: text.index(good)].count(chr(10)) + 1}: ")
        text = text.replace(good, FAULTS[good][0])
    gateway.config.write_text(text)
    for done in both(gateway.config):
        assert done.returncode == 2
        lines = done.stderr.splitlines()
        assert len(lines) == len(wanted)
        assert all(any(where in line for line in lines) for where in wanted)


@pytest.mark.parametrize("text", ["[node\n", "node = 7\n", "\xff\xfe", "[[hop]]\nname = 'x'\ntargets = []\n"])
def test_what_is_no_configuration_is_refused_without_a_traceback(tmp_path: Path, text: str) -> None:
    config = tmp_path / "c.toml"
    config.write_bytes(text.encode("latin-1"))
    for done in both(config):
        assert (done.returncode, done.stdout) == (2, "")
        assert str(config) in done.stderr
        assert "Traceback" not in done.stderr


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    for done in both(tmp_path / "none.toml"):
        assert done.returncode == 2
        assert len(done.stderr.splitlines()) == 1


def junk(port: int) -> list[bytes]:
    """Damaged, cut and hostile datagrams, a few hundred; what is answered is answered to nobody."""
    random_ = random.Random(1)
    with Peer("127.0.0.5") as nobody:
        good = nobody.request(port, GOOD, CALLEE)
    made = [b"", b"\0" * 64, b"\r\n" * 600, b"GET / HTTP/1.1\r\n\r\n", b"INVITE " * 8000, good[:-3]]
    made += [
        good.replace(name, b"X" * len(name)) for name in (b"Via", b"From", b"CSeq", b"Call-ID", b"INVITE")
    ]
    made += [
        good.replace(b"CSeq: 1", b"CSeq: 99999999999"),
        good.replace(b"Max-Forwards: 70", b"Max-Forwards: x"),
    ]
    made += [
        good.replace(b"Content-Length: 0", b"Content-Length: 60000"),
        b"SIP/2.0 200 OK\r\n" + good.split(b"\r\n", 1)[1],
    ]
    for _ in range(300):
        data = bytearray(good)
        for _ in range(random_.randrange(1, 12)):
            data[random_.randrange(len(data))] = random_.randrange(256)
        made.append(bytes(data[: random_.randrange(1, len(data) + 1)]))
    # damage that leaves a request which may go on would reach the called party: not what is measured here
    return [d for d in made if not d.startswith(b"INVITE sip:") or b"CSeq: 1 INVITE" not in d]


def pss_bytes(pid: int) -> int:
    text = Path(f"/proc/{pid}/smaps_rollup").read_text()
    return next(int(x.split()[1]) << 10 for x in text.splitlines() if x.startswith("Pss:"))


@pytest.mark.load
def test_a_flood_of_malformed_datagrams_costs_no_log_line_no_memory_and_no_call(
    peer: Peer, gateway: GatewayUnderTest
) -> None:
    datagrams, over, sent = junk(gateway.port), threading.Event(), [0]

    def flood(seconds: float) -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
            until = time.monotonic() + seconds
            while time.monotonic() < until and not over.is_set():
                for data in datagrams:
                    s.sendto(data, ("127.0.0.1", gateway.port))
                    sent[0] += 1

    flood(0.3)  # what is touched at the first fault
    assert peer.call(gateway.port, GOOD, CALLEE).passed
    memory, lines = pss_bytes(gateway.pid), len(gateway.log.read_text().splitlines())
    thread = threading.Thread(target=flood, args=(2.0,))
    thread.start()
    calls = 0
    try:
        while thread.is_alive():
            assert peer.call(gateway.port, GOOD, CALLEE).passed
            calls += 1
    finally:
        over.set()
        thread.join()
    assert calls > 10
    assert sent[0] > 5000
    answer = options(gateway.port, timeout_s=5)
    assert answer is not None
    assert answer.status == 200
    assert pss_bytes(gateway.pid) - memory < 2 << 20
    written = gateway.log.read_text().splitlines()[lines:]
    assert len(written) <= 5, written[:10]
    reasons = json.loads(gateway.cli("status", "--json").stdout)
    assert reasons["state"] == "running"
