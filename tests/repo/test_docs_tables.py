"""The tables of docs/ are complete and hold nothing else: every reason, fact and metric stands in the English
and the Chinese tables, and no name in them is unknown; every configuration key is documented where it stands,
and the keys that the documents name exist.
"""

from __future__ import annotations

import re
import tomllib
from collections import Counter
from pathlib import Path

import msgspec
import pytest
from prometheus_client.parser import text_string_to_metric_families

from gateway.config import Journal
from gateway.configfile import ARRAYS, TABLES, parse_config
from gateway.feed.changes import LIST_KINDS, Change, ListAdd, PolicySet
from gateway.guards import EMERGENCY, Refused
from gateway.journal.writer import JournalWriter
from gateway.metrics import Collector, RuleCounters, render
from gateway.policy import parse_policy
from gateway.rules import RuleState
from native.plane import Plane
from native.tables import Rcu
from native.world import Texts, World, fact_names, reasons

DOCS = Path(__file__).resolve().parents[2] / "docs"
CONFIG = DOCS.parent / "config/callwarden.toml"
PAIRS = [("operate.md", "operate.zh.md"), ("rules.md", "rules.zh.md")]
OPERATE, RULES = PAIRS
FILES = {"admin.sock", "feed.sqlite"}  # not keys, though they look like ones


def text_of(name: str) -> str:
    return (DOCS / name).read_text(encoding="utf-8")


def tables(text: str) -> list[list[list[str]]]:
    """Each table as rows of cells; the first row is the head."""
    found: list[list[list[str]]] = []
    open_table = False
    for line in text.splitlines():
        if line.startswith("|"):
            if not open_table:
                found.append([])
            if not set(line) <= set("|- "):
                found[-1].append([cell.strip() for cell in line.strip("|").split("|")])
        open_table = line.startswith("|")
    return found


def table_with(text: str, name: str) -> list[list[str]]:
    """The rows, head left out, of the one table that names `name` at the begin of a row."""
    matching = [t[1:] for t in tables(text) if any(row[0].startswith(f"`{name}`") for row in t[1:])]
    assert len(matching) == 1, name
    return matching[0]


def names(cell: str) -> list[str]:
    return re.findall(r"`([^`]+)`", cell)


@pytest.mark.parametrize("document", OPERATE)
def test_every_reason_stands_once_with_its_answer(document: str) -> None:
    rows = table_with(text_of(document), "bad-via")
    known = dict(reasons())
    assert [names(row[0])[0] for row in rows] == list(known)
    for row in rows:
        answer = row[1] if row[1].isdigit() else "0"
        assert int(answer) == known[names(row[0])[0]], row
        assert row[2], row


@pytest.mark.parametrize("document", RULES)
def test_every_fact_stands_once(document: str) -> None:
    found: Counter[str] = Counter()
    for first, parties in (("caller.withheld", 2), ("trunk.trusted", 1)):
        for row in table_with(text_of(document), first):
            found.update(n for cell in row[:parties] for n in names(cell))
            assert row[parties], row
            assert parties == 1 or row[0].replace("caller.", "callee.") == row[1], row
    assert found == Counter(list(fact_names()))
    assert "`caller.in.LIST`" in text_of(document)
    assert "`callee.in.LIST`" in text_of(document)


@pytest.mark.parametrize("document", RULES)
def test_facts_in_the_running_text_exist(document: str) -> None:
    named = {
        n.lstrip("!")
        for n in re.findall(r"`(!?(?:caller|callee|trunk|call)\.[a-z0-9_]+)`", text_of(document))
    }
    assert named - set(fact_names()) - {"trunk.label"} == set()


@pytest.fixture(scope="module")
def metrics(tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    """Names that a data plane and a journal show, as a query writes them but for _bucket, _sum and _count."""
    rcu, texts = Rcu(), Texts()
    world = World(rcu, texts, secret=b"s" * 32, rules_seq=1)
    world.add_listener("127.0.0.1", 0, "127.0.0.1", 5060)
    plane = Plane(rcu, world, memo_entries=1024, call_entries=1024)
    journal = JournalWriter(
        Journal(),
        tmp_path_factory.mktemp("journal"),
        node="t",
        drain=plane.drain_records,
        dropped=plane.records_dropped,
    )
    status = {"seq": 0, "lists": [], "broken": ""}
    collector = Collector(
        plane.stats, lambda: status, list, RuleCounters([]), journal.status, alive_ms=plane.alive_ms
    )
    families = text_string_to_metric_families(render(collector).decode())
    return {f"{f.name}_total" if f.type == "counter" else f.name for f in families}


@pytest.mark.parametrize("document", OPERATE)
def test_every_metric_stands_once(document: str, metrics: set[str]) -> None:
    rows = table_with(text_of(document), "callwarden_messages_total")
    assert Counter(n for row in rows for n in names(row[0])) == Counter(metrics)
    assert all(row[1] for row in rows)


@pytest.mark.parametrize("document", [name for pair in PAIRS for name in pair])
def test_metrics_in_the_running_text_exist(document: str, metrics: set[str]) -> None:
    assert set(re.findall(r"`(callwarden_[a-z_]+)", text_of(document))) - metrics == set()


@pytest.mark.parametrize(("english", "chinese"), PAIRS)
def test_the_chinese_text_has_the_same_tables_blocks_and_sections(english: str, chinese: str) -> None:
    """What is no prose is the same in both: names in the first column, commands, sections in their order."""

    def shape(text: str) -> list[object]:
        return [
            [len(re.findall(rf"^{'#' * n} ", text, re.MULTILINE)) for n in (1, 2, 3)],
            [[names(row[0]) for row in table] for table in tables(text)],
            [re.sub(r'"[^"]*"', '""', line) for line in text.splitlines() if line.startswith("    ")],
        ]

    assert shape(text_of(chinese)) == shape(text_of(english))


def known_keys() -> set[str]:
    """ "node.threads" and so on, as the file writes them."""
    structs = {**TABLES, **{name: cls for name, (_, cls) in ARRAYS.items()}}
    return {f"{name}.{f.encode_name}" for name, cls in structs.items() for f in msgspec.structs.fields(cls)}


def test_every_configuration_key_is_documented_in_place() -> None:
    """A comment stands above it, or above the key (or the table's head) right before it."""
    table, comment, shared, found, bare = "", False, 0, set(), []
    for line in CONFIG.read_text(encoding="utf-8").splitlines():
        if line.startswith("#"):
            comment, shared = True, 0
        elif head := re.match(r"\[{1,2}([a-z]+)\]{1,2}", line):
            table = head[1]
        elif key := re.match(r"([a-z_]+) *=", line):
            shared += 1
            found.add(f"{table}.{key[1]}")
            if not comment or shared > 2:
                bare.append(f"{table}.{key[1]}")
        else:
            comment = False
    assert bare == []
    assert found == known_keys()


@pytest.mark.parametrize("document", [name for pair in PAIRS for name in pair])
def test_configuration_keys_that_a_document_names_exist(document: str) -> None:
    known, facts = known_keys(), set(fact_names())
    heads = "|".join({key.partition(".")[0] for key in known})
    named = set(re.findall(rf"`((?:{heads})\.[a-z_]+)\b(?!\.)", text_of(document)))
    assert named - known - facts - FILES == set()


@pytest.mark.parametrize("document", RULES)
def test_list_kinds_actions_and_refusals_are_the_programs(document: str) -> None:
    text = text_of(document)
    assert [names(row[0])[0] for row in table_with(text, "allow")] == list(LIST_KINDS)
    policy = re.findall(r"```toml\n(.*?)```", text, re.DOTALL)
    assert [rule.name for rule in parse_policy(policy[0]).rules] == ["fraud", "spoofed-domestic", "suspect"]
    emergency = text.split("\n## ")[1]
    assert {n for n in re.findall(r"\b\d{2,5}\b", emergency)} >= set(EMERGENCY)


@pytest.mark.parametrize("document", OPERATE)
def test_the_example_between_two_sbcs_is_a_good_configuration(document: str) -> None:
    (example,) = re.findall(r"```toml\n(.*?)```", text_of(document), re.DOTALL)
    config = parse_config(example, document)
    assert [trunk.name for trunk in config.trunks] == ["carrier", "core"]
    assert tomllib.loads(example)["node"]["name"] == config.node.name


REFUSALS = (
    ("prefix-too-short", "fraud", "+86138*"),
    ("prefix-too-short", "fraud", "+8613800000000-+8613809999999"),
    ("emergency", "fraud", "9611*"),
    ("unknown-list", "nope", "+8613800000*"),
    ("list-kind", "card", "+8613800000*"),
)


@pytest.mark.parametrize(("code", "into", "pattern"), REFUSALS)
def test_the_refusals_that_are_quoted_are_what_the_guards_say(code: str, into: str, pattern: str) -> None:
    refused = refusal_of(ListAdd(list=into, patterns=(pattern,)))
    assert refused.code == code
    said = str(refused).removeprefix(pattern)
    for document in RULES:
        text = text_of(document)
        assert f"`{code}`" in text
        assert said in text, said


def refusal_of(change: Change) -> Refused:
    shipped = (DOCS.parent / "config/policy.toml").read_text(encoding="utf-8")
    state = RuleState(rcu=Rcu(), texts=Texts(), hops={}, shipped=shipped)
    with pytest.raises(Refused) as refused:
        state.prepare(change)
    return refused.value


BAD_RULES = (
    ('["caller.mobil"]', "{ pass = true }"),
    ('["caller.mobile", "!caller.mobile"]', "{ pass = true }"),
    ('["caller.in.fraud", "caller.in.allow"]', "{ intercept = 603 }"),
    ("[]", "{ intercept = 603 }"),
    ('["call.invite"]', "{ intercept = 603 }"),
    ('["callee.emergency"]', "{ intercept = 603 }"),
    ('["caller.mobile"]', '{ divert = "x" }'),
    ('["caller.mobile"]', '{ card = "fraud" }'),
)


@pytest.mark.parametrize(("when", "then"), BAD_RULES)
def test_the_refusals_of_policies_that_are_quoted_are_real(when: str, then: str) -> None:
    text = f'[[rule]]\nname = "a"\nwhen = {when}\nthen = {then}\nmode = "enforce"\n'
    refused = refusal_of(PolicySet(text=text))
    assert refused.code == "policy"
    for document in RULES:
        assert str(refused).removeprefix("rule a: ") in text_of(document)
