"""`callwarden lists import` into a running gateway: a file as it comes, with everything in it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from gateway.admin.api import CHUNK_NUMBERS
from tests.support.gateway import GatewayUnderTest

MANY = CHUNK_NUMBERS * 3 + 1_234


def written(folder: Path, *lines: str, head: str = "# numbers of the day\r\n\r\n") -> Path:
    """More numbers than fit into one push, and `lines` in the middle of them."""
    numbers = [f"+86138{i:08d}" for i in range(MANY)]
    middle = len(numbers) // 2
    file = folder / "numbers.txt"
    file.write_text(head + "\r\n".join([*numbers[:middle], *lines, *numbers[middle:]]) + "\r\n")
    return file


def imported(gateway: GatewayUnderTest, file: Path, *options: str) -> dict[str, Any]:
    done = gateway.cli("lists", "import", "fraud", str(file), "--json", *options, check=False)
    report: dict[str, Any] = json.loads(done.stdout)
    report["exit"] = done.returncode
    return report


def fraud(gateway: GatewayUnderTest) -> dict[str, Any]:
    (found,) = [x for x in gateway.status()["rules"]["lists"] if x["name"] == "fraud"]
    return dict(found)


def hits(gateway: GatewayUnderTest, number: str) -> list[dict[str, Any]]:
    answer = json.loads(gateway.cli("lists", "find", number, "--json").stdout)
    return list(answer["hits"])


GOOD = (
    "170000*",
    "  # a comment on its own",
    "19900000000-19900009999   # a range",
    "+331626210## # a wildcard",
    "139-0000-0001\t# a number, as people write them",
    "0755-88888888",
    "",
)


def test_prefixes_ranges_and_comments_among_many_numbers_and_after_a_restart(
    gateway: GatewayUnderTest,
) -> None:
    report = imported(gateway, written(gateway.folder, *GOOD), "--source", "12321", "--category", "sim")
    assert (report["exit"], report["bad"], report["running"]) == (0, 0, True)
    assert report["pushed"] == report["changed"] == MANY + 5
    for restarted in (False, True):
        if restarted:
            gateway.kill()
            gateway.start()
        assert (fraud(gateway)["numbers"], fraud(gateway)["patterns"]) == (MANY + 2, 3)
        for number, exact in (
            ("+8613800000000", True),
            (f"+86138{MANY - 1:08d}", True),
            ("13900000001", True),
            ("+8675588888888", True),
            ("17000001234", False),
            ("19900005555", False),
            ("+33162621034", False),
        ):
            (hit,) = hits(gateway, number)
            assert (hit["exact"], hit["source"], hit["category"]) == (exact, "12321", "sim"), number
        for number in (f"+86138{MANY:08d}", "19900010000", "+331626210345"):
            assert hits(gateway, number) == []


def test_bad_lines_are_told_and_nothing_is_imported_unless_they_are_skipped(
    gateway: GatewayUnderTest,
) -> None:
    file = written(gateway.folder, *GOOD, "+86138", *(f"bad{i}" for i in range(12)), "13800*0")
    before = MANY // 2 + 2 + len(GOOD)
    report = imported(gateway, file)
    assert (report["exit"], report["pushed"], report["bad"]) == (1, 0, 14)
    assert [x["line"] for x in report["first_bad"]] == list(range(before + 1, before + 11))
    assert "too short" in report["first_bad"][0]["fault"]
    assert fraud(gateway)["numbers"] == fraud(gateway)["patterns"] == 0
    report = imported(gateway, file, "--skip-bad")
    assert (report["exit"], report["pushed"], report["bad"]) == (0, MANY + 5, 14)
    assert (fraud(gateway)["numbers"], fraud(gateway)["patterns"]) == (MANY + 2, 3)


def test_an_emergency_number_among_many_is_refused_by_the_guards(gateway: GatewayUnderTest) -> None:
    done = gateway.cli("lists", "import", "fraud", str(written(gateway.folder, "+86 110")), check=False)
    assert done.returncode == 1
    assert "110 is an emergency or public-safety number" in done.stderr
    assert hits(gateway, "110") == []


def test_csv_gives_each_number_the_attributes_of_its_row(gateway: GatewayUnderTest) -> None:
    categories = ("sim", "loan", "诈骗")
    rows = [f"{categories[i % 3]},138{i:08d},{i % 7}\n" for i in range(MANY)]
    rows.insert(1_000, '"a, b",13900000001,9\n')
    rows.insert(1_001, "prefix,170000*,8\n")
    file = gateway.folder / "numbers.csv"
    file.write_text("category,number,score\n" + "".join(rows))
    report = imported(gateway, file, "--note", "n")
    assert (report["exit"], report["pushed"], report["bad"]) == (0, MANY + 2, 0)
    for i in (0, 1, 2, 22, MANY - 1):
        (hit,) = hits(gateway, f"138{i:08d}")
        assert (hit["category"], hit.get("score", 0), hit["note"]) == (categories[i % 3], i % 7, "n")
    assert [(x["category"], x["score"]) for x in hits(gateway, "13900000001")] == [("a, b", 9)]
    assert [(x["category"], x["score"]) for x in hits(gateway, "17000001234")] == [("prefix", 8)]
