"""The command line without a running gateway: it works on the feed, says so, and keeps its exit codes."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog
from click.testing import CliRunner, Result

from gateway.cli import main
from gateway.configfile import default_state_dir
from gateway.expiry import parse_expiry
from gateway.resources import data_path

NUMBER = "+8613800000001"


class Cli:
    """`callwarden ...` in this process, with a configuration of its own."""

    def __init__(self, folder: Path) -> None:
        self.config = folder / "callwarden.toml"
        self.config.write_text(
            f'[node]\nstate_dir = "{folder}/state"\nmemo_entries = 1024\ncall_entries = 1024\n'
        )
        self.folder = folder

    def __call__(self, *args: str, code: int = 0, stdin: bytes | None = None) -> Result:
        result = CliRunner().invoke(main, [*args, "-c", str(self.config)], input=stdin)
        assert result.exit_code == code, f"{result.exit_code}: {result.output}{result.stderr}"
        if result.exception is not None:
            assert isinstance(result.exception, SystemExit), result.exception
        return result

    def json(self, *args: str, code: int = 0, stdin: bytes | None = None) -> Any:
        return json.loads(self(*args, "--json", code=code, stdin=stdin).stdout)

    def entries(self, name: str) -> list[str]:
        return [e["entry"] for e in self.json("lists", "show", name)["entries"]]


@pytest.fixture
def cli(tmp_path: Path) -> Iterator[Cli]:
    yield Cli(tmp_path)
    structlog.reset_defaults()


def test_every_command_has_help_with_an_example() -> None:
    def walk(group: Any, path: list[str]) -> Iterator[tuple[list[str], Any]]:
        for name, command in group.commands.items():
            if hasattr(command, "commands"):
                yield from walk(command, [*path, name])
            else:
                yield [*path, name], command

    commands = list(walk(main, []))
    assert len(commands) > 15
    for path, command in commands:
        result = CliRunner().invoke(main, [*path, "--help"])
        assert result.exit_code == 0, path
        assert f"callwarden {' '.join(path)}" in result.output, f"{path}: no example"
        options = {o for p in command.params for o in p.opts}
        if path != ["completion"]:
            assert {"-c", "--config", "--json"} <= options, path


def test_without_a_gateway_the_feed_is_changed_and_it_says_so(cli: Cli) -> None:
    result = cli("lists", "add", "fraud", NUMBER)
    assert "1 changed, in the feed (seq 1)" in result.stdout
    assert "no gateway is running: working on the feed" in result.stderr
    assert cli.entries("fraud") == [NUMBER]


@pytest.mark.parametrize(
    ("args", "code"),
    [
        (("status",), 1),
        (("lists", "show"), 0),
        (("lists", "show", "fraud"), 0),
        (("lists", "find", NUMBER), 0),
        (("policy", "show"), 0),
        (("policy", "check", "POLICY"), 0),
        (("cards", "show"), 0),
        (("explain", NUMBER, "+8613900000002"), 0),
        (("journal", "query"), 1),
        (("journal", "tail"), 1),
        (("replay", "CAPTURE"), 0),
    ],
)
def test_who_only_reads_leaves_no_trace_where_no_gateway_ever_ran(
    cli: Cli, args: tuple[str, ...], code: int
) -> None:
    policy, capture = cli.folder / "p.toml", cli.folder / "empty.pcap"
    policy.write_bytes(data_path("policy.toml").read_bytes())
    capture.write_bytes(bytes.fromhex("d4c3b2a1020004000000000000000000ffff000001000000"))
    places = {"POLICY": str(policy), "CAPTURE": str(capture)}
    before = sorted(cli.folder.rglob("*"))
    cli(*(places.get(a, a) for a in args), code=code)
    assert sorted(cli.folder.rglob("*")) == before


def test_without_a_feed_what_ships_is_shown_and_a_change_makes_the_feed(cli: Cli) -> None:
    shown = cli("policy", "show")
    assert shown.stdout == data_path("policy.toml").read_text(encoding="utf-8")
    assert "this is what ships" in shown.stderr
    cli("lists", "add", "fraud", NUMBER)
    assert {"feed.sqlite", "secret"} <= {p.name for p in (cli.folder / "state").iterdir()}


def test_entries_in_all_writings(cli: Cli) -> None:
    cli("lists", "add", "fraud", "13800000001", "1380001*", "+331626210##", "13900000000-13900009999")
    assert cli.entries("fraud") == [
        "+861380001*",
        "+331626210??",
        "+8613900000000-+8613900009999",
        NUMBER,
    ]
    found = cli.json("lists", "find", "+33162621055")
    assert [(h["list"], h["entry"], h["exact"]) for h in found["hits"]] == [("fraud", "+331626210??", False)]
    assert "is in no list" in cli("lists", "find", "+33162621155").stdout


def test_attributes_are_kept(cli: Cli) -> None:
    given = ["--category", "sim", "--score", "200", "--source", "12321", "--note", "seen", "--expires", "30d"]
    cli("lists", "add", "fraud", NUMBER, *given)
    (hit,) = cli.json("lists", "find", NUMBER)["hits"]
    assert (hit["category"], hit["score"], hit["source"], hit["note"]) == ("sim", 200, "12321", "seen")
    assert abs(hit["expiry_s"] - time.time() - 30 * 86400) < 60
    assert "sim" in cli("lists", "show", "fraud").stdout


@pytest.mark.parametrize(
    ("args", "code", "words"),
    [
        (("lists", "add", "fraud", "abc"), 1, "no telephone number"),
        (("lists", "add", "nowhere", NUMBER), 1, "nowhere"),
        (("lists", "add", "fraud", "110"), 1, "emergency"),
        (("lists", "add", "fraud", "+8613*"), 1, "digits"),
        (("lists", "add", "fraud", NUMBER, "--score", "256"), 2, "256"),
        (("lists", "add", "fraud", NUMBER, "--expires", "soon"), 2, "no expiry"),
        (("lists", "add", "fraud", NUMBER, "--expires", "2001-01-01"), 2, "already over"),
        (("lists", "add", "fraud"), 2, "Missing argument"),
        (("lists", "show", "nowhere"), 1, "there is no list"),
        (("policy", "promote", "nowhere"), 1, "no such rule"),
        (("explain", NUMBER, "110", "--trunk", "x"), 1, "there is no trunk"),
        (("status",), 1, "no gateway answers"),
        (("top", "--once"), 1, "no gateway answers"),
    ],
)
def test_refusals_are_one_line_with_the_right_exit_code(
    cli: Cli, args: tuple[str, ...], code: int, words: str
) -> None:
    result = cli(*args, code=code)
    assert words in result.stderr
    assert "Traceback" not in result.output
    assert cli.entries("fraud") == []


def test_errors_are_json_when_json_is_asked_for(cli: Cli) -> None:
    error = cli.json("lists", "add", "fraud", "110", code=1)["error"]
    assert error["code"] == "emergency"
    assert "110" in error["message"]


def test_remove_define_clear(cli: Cli) -> None:
    cli("lists", "define", "sharks", "deny")
    cli("lists", "add", "sharks", NUMBER, "+8613800000002")
    assert cli.json("lists", "remove", "sharks", NUMBER)["changed"] == 1
    assert cli.entries("sharks") == ["+8613800000002"]
    cli("lists", "clear", "sharks", code=1, stdin=b"n\n")
    assert cli.entries("sharks") == ["+8613800000002"]
    cli("lists", "clear", "sharks", "--yes")
    assert cli.entries("sharks") == []


def test_import_of_plain_text(cli: Cli) -> None:
    file = cli.folder / "n.txt"
    file.write_text(
        "# a comment\n\n13800000001\n+86 138-0000-0002   # behind an entry\n170000*\n\ufeff".strip("\ufeff")
    )
    report = cli.json("lists", "import", "fraud", str(file), "--source", "s")
    assert (report["pushed"], report["changed"], report["bad"], report["running"]) == (3, 3, 0, False)
    shown = cli.json("lists", "show", "fraud")["entries"]
    assert [(e["entry"], e["source"]) for e in shown] == [
        ("+86170000*", "s"),
        (NUMBER, "s"),
        ("+8613800000002", "s"),
    ]


def test_import_of_csv_with_columns_in_any_order(cli: Cli) -> None:
    rows = 'note,number,score,category,expiry\n"a, b",13800000001,7,sim,2099-01-01\n,13800000002,,,\n'
    cli("lists", "import", "fraud", "-", "--category", "other", stdin=rows.encode())
    first, second = cli.json("lists", "show", "fraud")["entries"]
    assert (first["note"], first["score"], first["category"]) == ("a, b", 7, "sim")
    assert first["expiry_s"] == parse_expiry("2099-01-01", 0)
    assert second == {"entry": "+8613800000002", "category": "other"}


def test_import_with_bad_lines_is_refused_whole(cli: Cli) -> None:
    bad = "\n".join([NUMBER, *(f"bad{i}" for i in range(12)), "+8613800000002"]).encode()
    result = cli("lists", "import", "fraud", "-", code=1, stdin=bad)
    shown = [x for x in result.stderr.splitlines() if x.startswith("line ")]
    assert len(shown) == 10
    assert shown[0].startswith("line 2: 'bad0'")
    assert "and 2 more bad lines" in result.stderr
    assert "nothing was imported" in result.stderr
    assert cli.entries("fraud") == []
    report = cli.json("lists", "import", "fraud", "-", "--skip-bad", stdin=bad)
    assert (report["pushed"], report["bad"]) == (2, 12)
    assert cli.entries("fraud") == [NUMBER, "+8613800000002"]


def test_import_into_an_unknown_list_or_with_an_unknown_column_is_refused(cli: Cli) -> None:
    assert "there is no list 'x'" in cli("lists", "import", "x", "-", code=1, stdin=b"1\n").stderr
    header = b"number,colour\n13800000001,red\n"
    assert "unknown column 'colour'" in cli("lists", "import", "fraud", "-", code=1, stdin=header).stderr


def test_cards(cli: Cli) -> None:
    cli("cards", "add", "反诈中心", "96110", "--organisation", "北京", "--reason", "劝阻")
    assert "北京 反诈中心" in cli("cards", "show").stdout
    assert cli.json("explain", "96110", NUMBER)["rule"] == "card"
    cli("cards", "remove", "96110")
    assert cli.json("cards", "show")["entries"] == []
    too_long = cli("cards", "add", "诈" * 17, "96110", code=1)
    assert "48" in too_long.stderr


def test_policy_show_check_push_promote(cli: Cli) -> None:
    text = cli("policy", "show").stdout
    file = cli.folder / "p.toml"
    file.write_text(
        text
        + '\n[[rule]]\nname = "x"\nwhen = ["caller.mobile"]\nthen = { intercept = 603 }\nmode = "shadow"\n'
    )
    assert "x" in cli("policy", "check", str(file)).stdout
    assert cli("policy", "show").stdout == text
    cli("policy", "push", str(file))
    assert cli.json("explain", NUMBER, "+8613900000002")["shadow"] == "x"
    cli("policy", "promote", "x")
    assert cli.json("explain", NUMBER, "+8613900000002")["rule"] == "x"
    cli("policy", "promote", "x", "--demote")
    assert cli.json("explain", NUMBER, "+8613900000002")["action"] == "pass"
    file.write_text('[[rule]]\nname = "y"\n')
    assert "rule y" in cli("policy", "push", str(file), code=1).stderr
    assert "x" in [r["name"] for r in cli.json("policy", "show")["rules"]]


def test_push_says_what_check_says(cli: Cli) -> None:
    file = cli.folder / "p.toml"
    file.write_text(
        '[[rule]]\nname = "x"\nwhen = ["caller.mobile"]\nthen = { intercept = 500 }\nmode = "shadow"\n'
    )
    remark = "note: rule x: then.intercept: after 500 a peer may try another way"
    assert remark in cli("policy", "check", str(file)).stdout
    assert remark in cli("policy", "push", str(file)).stdout
    assert len(cli.json("policy", "push", str(file))["warnings"]) == 1
    assert cli.json("lists", "add", "fraud", NUMBER)["warnings"] == []


def test_explain_gives_the_rule_the_facts_and_the_evidence(cli: Cli) -> None:
    cli("lists", "add", "fraud", "+8613800000*", "--category", "sim")
    found = cli.json("explain", NUMBER, "+8613900000002")
    assert (found["action"], found["code"], found["rule"]) == ("intercept", 603, "fraud")
    assert {"caller.in.fraud", "caller.mobile", "trunk.domestic"} <= set(found["facts"])
    assert "caller is in fraud: +8613800000* (category sim)" in found["evidence"]
    assert found["decision_ns"] > 0
    emergency = cli.json("explain", NUMBER, "110")
    assert (emergency["action"], emergency["reason"]) == ("pass", "emergency")
    assert emergency["evidence"] == ["the emergency bypass decided, before any rule and any list"]
    assert "because the emergency bypass decided" in cli("explain", NUMBER, "110").stdout
    assert "intercept 603: rule fraud" in cli("explain", NUMBER, "+8613900000002").stdout


def test_check_prints_every_fault_and_ends_with_2(cli: Cli) -> None:
    assert "good" in cli("check").stdout
    cli.config.write_text("[node]\nthreads = 0\nx = 1\n[feed]\nurl = 7\n")
    result = cli("check", code=2)
    assert len(result.stderr.splitlines()) == 3
    assert f"{cli.config}:2: node.threads" in result.stderr


def test_missing_configuration_file_is_2(cli: Cli) -> None:
    cli.config.unlink()
    assert "cannot be read" in cli("lists", "show", code=2).stderr


def test_call_without_pjsua2_says_what_to_install(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    import importlib.util

    real = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "pjsua2" else real(name))
    assert "pip install 'callwarden[harness]'" in cli("call", NUMBER, "+8613900000002", code=1).stderr


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion(shell: str) -> None:
    result = CliRunner().invoke(main, ["completion", shell])
    assert result.exit_code == 0
    assert "_CALLWARDEN_COMPLETE" in result.stdout


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("", 0),
        ("never", 0),
        ("30s", 1030),
        ("2h", 8200),
        ("1w", 605800),
        ("2027-01-01", 1798761600),
        ("2027-01-01T08:00+08:00", 1798761600),
        ("1798761600", 1798761600),
    ],
)
def test_expiry(text: str, seconds: int) -> None:
    assert parse_expiry(text, 1000) == seconds


@pytest.mark.parametrize("text", ["soon", "1y", "-1d", "999", "2199-01-01", "2027-13-01"])
def test_bad_expiry_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        parse_expiry(text, 1000)


def test_state_dir_default_is_never_in_the_working_directory() -> None:
    assert os.path.isabs(default_state_dir(dict(os.environ)))
