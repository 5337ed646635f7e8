"""`callwarden journal`: moments, output, exit codes; no gateway needed."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
import structlog
from click.testing import CliRunner, Result

from gateway.cli import main
from gateway.commands.journal import columns, parse_moment, plain, printable, time_text
from gateway.journal.record import RECORD, decode, names_for
from gateway.journal.segment import SegmentFile, pack_names
from tests.support.edge import LISTS, Edge, invite

NOW_S = 1_800_000_000.0


@pytest.mark.parametrize(
    ("text", "want_s"),
    [
        ("10m", NOW_S - 600),
        ("2 h", NOW_S - 7200),
        ("7d", NOW_S - 7 * 86400),
        ("0s", NOW_S),
        ("1795377601", 1795377601),
        ("2027-01-01", datetime(2027, 1, 1, tzinfo=UTC).timestamp()),
        ("2027-01-01T08:00+08:00", datetime(2027, 1, 1, tzinfo=UTC).timestamp()),
    ],
)
def test_moments(text: str, want_s: float) -> None:
    assert parse_moment(text, NOW_S) == int(want_s * 1e9)


@pytest.mark.parametrize("text", ["", "soon", "1e9", "-5m", "1900-01-01", "10y", "٣m"])
def test_what_is_no_moment(text: str) -> None:
    with pytest.raises(ValueError, match=r"is no moment|before 1970"):
        parse_moment(text, NOW_S)


def test_times_are_utc_to_the_microsecond() -> None:
    assert time_text(1_800_000_000_123_456_789) == "2027-01-15T08:00:00.123456Z"


def test_what_a_caller_wrote_cannot_command_the_terminal() -> None:
    assert (
        printable("a\x1b[2Jb\u202e\n公安")
        == "a\N{REPLACEMENT CHARACTER}[2Jb" + "\N{REPLACEMENT CHARACTER}" * 2 + "公安"
    )


class Cli:
    def __init__(self, folder: Path) -> None:
        self.config = folder / "callwarden.toml"
        self.config.write_text(f'[node]\nstate_dir = "{folder}/state"\n')
        self.directory = folder / "state" / "journal"

    def __call__(self, *args: str, code: int = 0) -> Result:
        result = CliRunner().invoke(main, ["journal", *args, "-c", str(self.config)])
        assert result.exit_code == code, f"{result.exit_code}: {result.output}{result.stderr}"
        return result

    def fill(self) -> None:
        """Two calls: +8613800000001 is intercepted, +8613800000009 passes."""
        self.directory.mkdir(parents=True)
        file = SegmentFile(self.directory, 1, node="n", created_ns=1)
        names = names_for(1, rules=["fraud", "card", "w"], trunks=["[red]"], hops=["core"], lists=list(LISTS))
        file.append_names(pack_names(names), 1, 1)
        edge = Edge()
        edge.flag(8613800000001)
        for n, caller in enumerate(("+8613800000001", "+8613800000009"), 1):
            edge.handle(invite(caller, call_id=f"{n}@13700000003"), now_s=1_000_000_000 + n)
            file.append_block(edge.engine.record(), 2 * 10**18)
        file.close()


@pytest.fixture
def cli(tmp_path: Path) -> Iterator[Cli]:
    yield Cli(tmp_path)
    structlog.reset_defaults()


def test_without_a_journal_it_says_where_it_looked(cli: Cli) -> None:
    for command in ("tail", "query"):
        assert f"there is no journal in {cli.directory}" in cli(command, code=1).stderr
    cli.directory.mkdir(parents=True)
    assert cli("query", "--json").stdout == ""


def test_table_json_and_csv_tell_the_same(cli: Cli) -> None:
    cli.fill()
    first, second = (json.loads(x) for x in cli("query", "--json").stdout.splitlines())
    assert (first["rule"], first["code"], second["reason"]) == ("fraud", 603, "pass")
    rows = list(csv.DictReader(io.StringIO(cli("query", "--csv").stdout)))
    assert [r["caller"] for r in rows] == ["+8613800000001", "+8613800000009"]
    assert rows[0]["facts"].split() == first["facts"]
    head, *lines = cli("query").stdout.splitlines()
    assert head.split()[:4] == ["time", "trunk", "caller", "callee"]
    assert len(lines) == 2
    assert "intercept 603" in lines[0]
    assert "[red]" in lines[0], "no markup"
    assert lines[0].split()[-1] == first["facts"][-1]


def test_masked_output_shows_no_whole_number(cli: Cli) -> None:
    cli.fill()
    for output in ((), ("--json",), ("--csv",)):
        text = cli("query", "--masked", *output).stdout
        assert "+86138****0001" in text
        assert not any(n in text for n in ("13800000001", "13800000009", "13900000002", "13700000003"))


def test_tail_counts_lines_and_conditions_narrow(cli: Cli) -> None:
    cli.fill()
    assert len(cli("tail", "-n", "1", "--json").stdout.splitlines()) == 1
    assert cli("tail", "-n", "0", "--json").stdout == ""
    (found,) = cli("tail", "--json", "--caller", "13800000001").stdout.splitlines()
    assert json.loads(found)["call_id"] == "1@13700000003"
    assert cli("query", "--json", "--since", "1h").stdout == ""
    assert (
        len(cli("query", "--json", "--since", "2001-09-09", "--until", "2001-09-10").stdout.splitlines()) == 2
    )


def test_bad_usage_is_2(cli: Cli) -> None:
    cli.fill()
    for bad in (
        ["--caller", "alice"],
        ["--since", "soon"],
        ["--action", "explode"],
        ["--limit", "-1"],
        ["--csv", "--json"],
    ):
        cli("query", *bad, code=2)


def test_presented_number_and_shadow_are_shown() -> None:
    data = plain(decode(RECORD.unpack(bytes(RECORD.size)), None), masked=False)
    cells = columns(data | {"caller": "+1", "presented": "+2", "shadow": "s", "rule": "r"})
    assert cells[2] == "+1 as +2"
    assert cells[5] == "r (shadow s)"
