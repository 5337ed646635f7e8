"""The state of the rules: what a change does, what a replay makes, how ranges share native patterns."""

from array import array

import pytest

from gateway.feed.changes import (
    CardRemove,
    Change,
    FeedError,
    ListAdd,
    ListClear,
    ListDefine,
    ListReplace,
    PolicyMode,
    PolicySet,
    Record,
    pack,
)
from gateway.guards import Refused
from gateway.lists import OVERLAY_ENTRIES, Strings
from gateway.numbers import NumberFault, parse_entries, parse_number
from tests.support.rules import NOW_S, Rules, add, card, invite, keys, remove

A, B = "+8613800000001", "+8613800000002"


def lists_of(rules: Rules, number: str) -> set[str]:
    return set(rules.state.find(parse_number(number)))


def test_four_lists_exist_from_the_start_and_pass_everybody() -> None:
    rules = Rules()
    assert {name: item.kind for name, item in rules.state.lists.items()} == {
        "allow": "allow",
        "fraud": "deny",
        "suspect": "deny",
        "card": "card",
    }
    assert rules.verdict(invite(A)) == ("pass", None)


def test_the_shipped_policy_treats_each_list_as_it_says() -> None:
    rules = Rules()
    rules.push(add("fraud", A))
    rules.push(add("suspect", B))
    rules.push(card("+8613800000003"))
    assert rules.verdict(invite(A)) == ("intercept", "fraud")
    assert rules.verdict(invite(B)) == ("label", "suspect")
    assert rules.verdict(invite("+8613800000003", asserted="+8613800000003"), "ims") == ("label", "card")
    assert rules.verdict(invite("+8613800000003"), "domestic")[1] is None
    assert rules.verdict(invite("+8613800000003"), "international")[1] is None


def test_allow_beats_deny_and_a_card_beats_allow() -> None:
    rules = Rules()
    rules.push(add("fraud", A))
    rules.push(add("suspect", A))
    rules.push(add("allow", A))
    assert rules.verdict(invite(A)) == ("pass", "allow")
    rules.push(card(A))
    assert rules.verdict(invite(A, asserted=A)) == ("label", "card")
    rules.push(remove("allow", A))
    assert rules.verdict(invite(A, asserted=A)) == ("intercept", "fraud")


def test_a_list_defined_later_counts_before_deny_at_once() -> None:
    rules = Rules()
    rules.push(add("fraud", A))
    assert rules.push(ListDefine(name="vip", kind="allow")).structural
    rules.push(add("vip", A))
    assert rules.verdict(invite(A)) == ("pass", None)
    assert not rules.push(ListDefine(name="vip", kind="allow")).structural


def test_entries_need_no_new_world() -> None:
    rules = Rules()
    world = rules.world()
    source = ("192.0.2.1", 5060)
    assert not rules.push(add("fraud", A)).structural
    assert world.decide(invite(A), source, now_s=NOW_S)["action"] == "intercept"
    assert not rules.push(remove("fraud", A)).structural
    assert world.decide(invite(A), source, now_s=NOW_S)["action"] == "pass"


def test_changed_counts_entries_that_are_new_altered_or_gone() -> None:
    rules = Rules()
    assert rules.push(add("fraud", A, B, "+86138001*")).changed == 3
    assert rules.push(add("fraud", A, B, "+86138001*")).changed == 0
    assert rules.push(add("fraud", A, "+86138001*", category="x")).changed == 2
    assert rules.push(remove("fraud", A, "+8613800000009", "+86138001*", "+86138002*")).changed == 2
    assert rules.push(ListClear(list="fraud")).changed == 1


def test_attributes_are_kept_and_described() -> None:
    rules = Rules()
    rules.push(
        add("fraud", A, category="fake-police", source="12321", score=200, expiry_s=NOW_S + 9, note="case 7")
    )
    attr = rules.state.find(parse_number(A))["fraud"].entry.attr
    assert rules.state.describe(attr) == {
        "category": "fake-police",
        "source": "12321",
        "score": 200,
        "expiry_s": NOW_S + 9,
        "note": "case 7",
    }


def test_an_expired_entry_does_not_match() -> None:
    rules = Rules()
    rules.push(add("fraud", A, expiry_s=NOW_S + 10))
    assert rules.verdict(invite(A)) == ("intercept", "fraud")
    rules.now_s = NOW_S + 10
    assert rules.verdict(invite(A)) == ("pass", None)
    assert lists_of(rules, A) == set()


def test_too_many_distinct_texts_are_refused() -> None:
    strings = Strings(2)
    assert [strings.intern(text) for text in ("", "a", "b", "a")] == [0, 1, 2, 1]
    with pytest.raises(OverflowError):
        strings.intern("c")
    rules = Rules()
    rules.state.categories = Strings(0)
    with pytest.raises(Refused, match="categories"):
        rules.push(add("fraud", A, category="one too many"))


def test_a_card_carries_its_text_and_goes_with_its_entry() -> None:
    rules = Rules()
    rules.push(
        card(A, name="李警官", organisation="XX市公安局", reason="核实", icon="https://x.example/i-64x64.png")
    )
    attr = rules.state.find(parse_number(A))["card"].entry.attr
    assert rules.texts.get(attr.text) == (
        "XX市公安局 李警官".encode(),
        "Call-Info: <https://x.example/i-64x64.png>;purpose=icon\r\n"
        'Call-Info: <data:>;purpose=jcard;call-reason="核实"\r\n'.encode(),
    )
    found = rules.state.card_of(attr)
    assert found is not None
    assert (found.name, found.organisation) == ("李警官", "XX市公安局")
    rules.push(CardRemove(numbers=keys(A)))
    assert lists_of(rules, A) == set()


# --- patterns -------------------------------------------------------------------------------------------


def test_removing_a_range_leaves_what_an_overlapping_one_covers() -> None:
    rules = Rules()
    rules.push(add("fraud", "+8613800130000-+8613800139999", "+861380013*", "+8613800135000-+8613800144999"))
    rules.push(remove("fraud", "+8613800130000-+8613800139999"))
    assert lists_of(rules, "+8613800130001") == {"fraud"}  # by +861380013*
    rules.push(remove("fraud", "+861380013*"))
    assert lists_of(rules, "+8613800130001") == set()
    for text in ("+8613800135000", "+8613800139999", "+8613800144999"):
        assert lists_of(rules, text) == {"fraud"}
    assert lists_of(rules, "+8613800145000") == set()


def test_ranges_that_need_the_same_native_pattern_share_it() -> None:
    rules = Rules()
    wide, same, wild = "+8613800130000-+8613800149999", "+8613800130000-+8613800139999", "+861380013????"
    rules.push(add("fraud", wide, category="wide"))
    rules.push(add("fraud", same, category="same"))
    rules.push(add("fraud", wild, category="wild"))
    for gone, left in ((wild, "same"), (same, "wide"), (wide, None)):
        rules.push(remove("fraud", gone))
        found = rules.state.find(parse_number("+8613800130001")).get("fraud")
        assert (rules.state.describe(found.entry.attr)["category"] if found else None) == left


def test_find_says_which_entries_cover_a_number() -> None:
    rules = Rules()
    rules.push(add("fraud", "+86138001*", "+8613800130000-+8613800139999", "+8613800131234", "106*"))
    found = rules.state.find(parse_number("+8613800131234"))["fraud"]
    assert (found.entry.text, found.exact) == ("+8613800131234", True)
    assert found.covered_by == ("+86138001*", "+8613800130000-+8613800139999")
    found = rules.state.find(parse_number("+8613800131235"))["fraud"]
    assert (found.entry.text, found.exact) == ("+8613800130000-+8613800139999", False)
    assert rules.state.find(parse_number("+8613800150000"))["fraud"].entry.text == "+86138001*"
    assert rules.state.find(parse_number("106900"))["fraud"].entry.text == "106*"


@pytest.mark.parametrize(
    ("written", "canonical"),
    [
        ("+86 1380013*", "+861380013*"),
        ("008613800130*", "+8613800130*"),
        ("1380013????", "+861380013????"),
        ("0755*", "+86755*"),
        ("4001234*", "+864001234*"),
        ("106*", "106*"),
        ("95???", "95???"),
        ("13800130000-13800139999", "+8613800130000-+8613800139999"),
        ("+8613800130000 - +8613800139999", "+8613800130000-+8613800139999"),
        ("95500..95599", "95500-95599"),
    ],
)
def test_patterns_can_be_written_freely(written: str, canonical: str) -> None:
    assert parse_entries([written]).patterns == (canonical,)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "abc",
        "+8613800",
        "138000000011",
        "2*",
        "88*",
        "1380013*5",
        "*",
        "13800139999-13800130000",
        "+86138x",
        "+1",
        "13800130000-+12025550100",
        "１３８*",
        "+8613800130000-",
        "+861380013* x",
    ],
)
def test_what_is_no_number_and_no_pattern_is_refused(text: str) -> None:
    with pytest.raises(NumberFault):
        parse_entries([text])


@pytest.mark.parametrize("text", ["0755-88888888", "010-88888888", "+86-138-0000-0001", "(010) 8888 8888"])
def test_separators_do_not_make_a_range(text: str) -> None:
    entries = parse_entries([text])
    assert (len(entries.numbers), entries.patterns) == (8, ())


# --- sizes ----------------------------------------------------------------------------------------------


def test_a_change_larger_than_the_overlay_is_enforced_whole() -> None:
    rules = Rules()
    n = 3 * OVERLAY_ENTRIES
    numbers = array("Q", range(8613800000000, 8613800000000 + n))
    assert rules.push(ListAdd(list="fraud", numbers=numbers.tobytes())).changed == n
    assert rules.push(ListAdd(list="fraud", numbers=numbers[::2].tobytes(), category="x")).changed == n // 2
    table = rules.state.lists["fraud"].table
    assert table.stats()["numbers"] == n
    assert all(table.find(8613800000000 + offset, NOW_S) for offset in range(0, n, 997))


def test_replace_takes_effect_in_one_swap() -> None:
    rules = Rules()
    rules.push(add("fraud", A, "+86138001*"))
    before = rules.world()
    entries = parse_entries([B, "+86138002*"])
    outcome = rules.push(ListReplace(list="fraud", numbers=entries.numbers, patterns=entries.patterns))
    assert outcome.structural
    assert outcome.changed == 2
    source = ("192.0.2.1", 5060)
    worlds = (before, rules.world())
    hits = [w.decide(invite(text), source, now_s=NOW_S)["action"] for w in worlds for text in (A, B)]
    assert hits == ["intercept", "pass", "pass", "intercept"]
    assert lists_of(rules, "+8613800150000") == set()
    assert lists_of(rules, "+8613800250000") == {"fraud"}


# --- the log --------------------------------------------------------------------------------------------


def records(changes: list[Change]) -> list[tuple[Record, bytes]]:
    made = [Record(seq=n, time_ms=0, origin="test", change=change) for n, change in enumerate(changes, 1)]
    return [(record, pack(record)) for record in made]


LOG: list[Change] = [
    add("fraud", A, B, "+86138001*", category="x"),
    remove("fraud", A, "+8613800000009"),
    add("fraud", "+8613800130000-+8613800139999", category="y"),
    card(A),
    ListDefine(name="vip", kind="allow"),
    add("vip", B, "+8613800000003"),
    add("suspect", A, expiry_s=NOW_S - 1),
    PolicyMode(rule="spoofed-domestic", mode="enforce"),
    remove("fraud", "+86138001*"),
    add("allow", A),
    ListClear(list="allow"),
    add("allow", B),
    ListReplace(list="suspect", numbers=keys("+8613800000005"), score=9),
    add("fraud", A, score=3),
]


def contents(rules: Rules) -> object:
    state = rules.state
    return (
        state.seq,
        state.world_seq,
        state.digest,
        state.policy,
        state.compiled,
        state.rule_names(),
        {
            name: (
                item.kind,
                [
                    (key, state.describe(attr))
                    for key, attr in item.numbers()
                    if not 0 < attr.expiry_s <= NOW_S
                ],
                [(entry.text, state.describe(entry.attr)) for entry in item.patterns()],
                {element: attr.category for element, attr in item.table.walk_patterns(0, 1000)},
            )
            for name, item in state.lists.items()
        },
    )


def test_replay_makes_the_same_state_as_the_pushes_did() -> None:
    pushed, replayed = Rules(), Rules()
    for change in LOG:
        pushed.push(change)
    replayed.state.replay(records(LOG))
    assert contents(replayed) == contents(pushed)
    assert lists_of(replayed, A) == lists_of(pushed, A) == {"fraud", "card"}


@pytest.mark.parametrize("cut", range(len(LOG)))
def test_replay_and_pushes_can_follow_each_other(cut: int) -> None:
    pushed, both = Rules(), Rules()
    for change in LOG:
        pushed.push(change)
    both.state.replay(records(LOG[:cut]))
    for change in LOG[cut:]:
        both.push(change)
    assert contents(both) == contents(pushed)


def test_the_digest_tells_every_difference() -> None:
    digests = set()
    for log in (LOG, LOG[:-1], [*LOG[1:], LOG[0]], [*LOG, LOG[-1]]):
        rules = Rules()
        rules.state.replay(records(log))
        digests.add(rules.state.digest)
    assert len(digests) == 4


def test_a_guard_tightened_since_does_not_stop_the_replay() -> None:
    rules = Rules()
    rules.state.replay(records([add("fraud", "+86*"), add("fraud", "110")]))
    assert lists_of(rules, "+8613912345678") == {"fraud"}


@pytest.mark.parametrize(
    "change",
    [
        add("nobody", A),
        ListAdd(list="fraud", numbers=b"x"),
        PolicySet(text="x"),
        PolicyMode(rule="x", mode="shadow"),
    ],
)
def test_a_log_that_does_not_fit_is_refused_with_its_seq(change: Change) -> None:
    rules = Rules()
    with pytest.raises(FeedError) as caught:
        rules.state.replay(records([add("fraud", A), change, add("fraud", B)]))
    assert caught.value.seq == 2


def test_two_hundred_chunks_are_loaded_in_one_piece() -> None:
    chunks = [
        ListAdd(
            list="fraud",
            numbers=array("Q", range(8613000000000 + n * 10000, 8613000000000 + n * 10000 + 5000)).tobytes(),
        )
        for n in range(200)
    ]
    rules = Rules()
    rules.state.replay(records(chunks))
    stats = rules.state.lists["fraud"].table.stats()
    assert (stats["numbers"], stats["overlay_used"], stats["merges"]) == (1_000_000, 0, 0)


def test_names_of_rules_are_remembered_by_the_seq_of_their_world() -> None:
    rules = Rules()
    shipped = rules.state.policy.names()
    rules.push(add("fraud", A))
    rules.push(
        PolicySet(
            text='[[rule]]\nname = "only"\nwhen = ["trunk.ims"]\nthen = { pass = true }\nmode = "enforce"\n'
        )
    )
    rules.push(add("fraud", B))
    assert (rules.state.seq, rules.state.world_seq) == (3, 2)
    assert rules.state.rule_names(0) == shipped
    assert rules.state.rule_names(2) == ["only"]
    assert rules.state.rule_names() == ["only"]
    assert rules.state.rule_names(1) is None
