"""What no push may do: refused whole, with a reason, and the rules stay as they were."""

import pytest

from gateway import guards
from gateway.feed.changes import CardAdd, ListAdd, ListDefine, ListRemove, PolicyMode, PolicySet
from gateway.guards import Refused
from gateway.numbers import SHORT, pack_keys, parse_number
from native.numbers import is_emergency
from tests.support.rules import Rules, add, card, config, keys

RULE = '[[rule]]\nname = "r"\nwhen = ["{}"]\nthen = {}\nmode = "{}"\n'


def refused(rules: Rules, change: object) -> Refused:
    before = (rules.state.seq, rules.state.digest, [item.summary() for item in rules.state.lists.values()])
    with pytest.raises(Refused) as caught:
        rules.push(change)
    after = (rules.state.seq, rules.state.digest, [item.summary() for item in rules.state.lists.values()])
    assert after == before
    return caught.value


def test_the_built_in_list_is_the_one_of_the_data_plane() -> None:
    assert all(is_emergency(key) for key in guards.BUILT_IN)
    native = {SHORT | int("1" + text) for text in map("{:0{}}".format, range(100_000), [5] * 100_000)}
    native |= {SHORT | int(f"1{n:0{width}}") for width in (2, 3, 4) for n in range(10**width)}
    assert {key for key in native if is_emergency(key)} == guards.BUILT_IN


def test_standards_8_4_emergency_numbers_stay_out_of_deny_lists() -> None:
    for text in guards.EMERGENCY:
        assert refused(Rules(), add("fraud", "+8613800000001", text)).code == "emergency"
        assert refused(Rules(), add("suspect", text)).code == "emergency"


@pytest.mark.parametrize("text", ["+86110", "01096110", "110", "+86 10 110", "0086-12381"])
def test_emergency_numbers_are_known_in_every_writing(text: str) -> None:
    assert refused(Rules(), add("fraud", text)).code == "emergency"


@pytest.mark.parametrize(
    "text", ["1*", "9?????", "1??", "95???", "951*", "961??", "110*", "100-120", "95100-95120"]
)
def test_patterns_that_cover_emergency_numbers_are_refused(text: str) -> None:
    assert refused(Rules(), add("fraud", text)).code in ("emergency", "prefix-too-short")


def test_a_pattern_that_covers_an_emergency_number_is_named_with_it() -> None:
    assert str(refused(Rules(), add("fraud", "951*"))) == (
        "951* covers the emergency number 95110: fraud is a list of kind deny"
    )


@pytest.mark.parametrize("text", ["953*", "106*", "9511", "1008?", "96100-96109"])
def test_other_short_codes_may_be_denied(text: str) -> None:
    assert Rules().push(add("fraud", text)).changed == 1


def test_cards_and_allow_lists_take_public_safety_numbers() -> None:
    rules = Rules()
    rules.push(card("96110", "110", name="反诈中心"))
    rules.push(add("allow", "12381"))
    assert set(rules.state.find(parse_number("96110"))) == {"card"}
    assert set(rules.state.find(parse_number("12381"))) == {"allow"}


def test_configured_emergency_numbers_are_guarded_too() -> None:
    rules = Rules()
    extra = config(more='[emergency]\ncallees = ["+861085110110"]\npsap_callers = ["+861085110111"]\n')
    rules.state.guards = guards.guards_of(extra)
    assert refused(rules, add("fraud", "+861085110110")).code == "emergency"
    assert refused(rules, add("fraud", "+8610851101??")).code == "emergency"
    assert refused(rules, add("fraud", "+861085110111")).code == "emergency"


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("+86*", "prefix-too-short"),
        ("+861380*", "prefix-too-short"),
        ("+86138001*", None),
        ("+1202*", "prefix-too-short"),
        ("+120255*", None),
        ("+35381*", "prefix-too-short"),
        ("+35381234*", None),
        ("+8613?????????", "prefix-too-short"),
        ("+8613000000000-+8613999999999", "prefix-too-short"),
        ("+8613800000000-+8613800000009", None),
        ("+8613800000001-+8613801000001", "prefix-too-short"),
        ("+8613800000001-+8613801000000", None),
        ("10*", "prefix-too-short"),
        ("106*", None),
    ],
)
def test_a_pattern_covers_no_more_than_the_guard_allows(text: str, code: str | None) -> None:
    if code is None:
        assert Rules().push(add("fraud", text)).changed == 1
    else:
        assert refused(Rules(), add("fraud", text)).code == code


def test_the_width_guard_counts_behind_the_country_code_and_follows_the_configuration() -> None:
    rules = Rules()
    rules.state.guards = guards.guards_of(config(more="[guards]\nmin_prefix_digits = 3\n"))
    assert rules.push(add("fraud", "+86138*")).changed == 1
    assert refused(rules, add("fraud", "+8613*")).code == "prefix-too-short"


@pytest.mark.parametrize(
    ("digits", "length"), [("1202", 1), ("7495", 1), ("8613", 2), ("4420", 2), ("35312", 3), ("85212", 3)]
)
def test_e164_country_codes_have_one_to_three_digits(digits: str, length: int) -> None:
    assert guards.country_code_digits(digits) == length


@pytest.mark.parametrize(
    "numbers",
    [
        b"\0" * 8,
        b"1234567",
        pack_keys([10**15]),
        pack_keys([8613800000001, 1 << 63]),
        pack_keys([SHORT]),
        pack_keys([SHORT | 1]),
        pack_keys([SHORT | 95588]),
        pack_keys([SHORT | 10**15]),
    ],
)
def test_keys_that_are_no_numbers_are_refused(numbers: bytes) -> None:
    assert refused(Rules(), ListAdd(list="fraud", numbers=numbers)).code == "bad-number"


@pytest.mark.parametrize(
    "pattern",
    [
        "",
        "*",
        "+*",
        "+0*",
        "+86138000000000001*",
        "+8613800000001",
        "+8613800",
        "+86138-+86139x",
        "+2-+1",
        "+12-13",
        "１３８*",
        "+86138*?",
        "+86138?*",
        "+8613800130000-+8613800130000",
        "+8613800130000-+86138001399990",
        "0" * 16 + "*",
    ],
)
def test_patterns_that_are_not_canonical_are_refused(pattern: str) -> None:
    assert refused(Rules(), ListAdd(list="fraud", patterns=(pattern,))).code == "bad-number"


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (add("nobody", "+8613800000001"), "unknown-list"),
        (ListRemove(list="nobody", numbers=keys("+8613800000001")), "unknown-list"),
        (ListAdd(list="fraud"), "empty"),
        (ListAdd(list="fraud", numbers=b"\1" + b"\0" * 7, score=256), "bad-value"),
        (ListAdd(list="fraud", numbers=b"\1" + b"\0" * 7, score=-1), "bad-value"),
        (ListAdd(list="fraud", numbers=b"\1" + b"\0" * 7, expiry_s=1 << 32), "bad-value"),
        (ListAdd(list="fraud", numbers=bytes(8 * (guards.NUMBERS_MAX + 1))), "too-large"),
        (add("card", "+8613800000001"), "list-kind"),
        (CardAdd(list="fraud", numbers=keys("+8613800000001"), name="x"), "list-kind"),
        (card("+8613800000001", name="诈" * 17), "label"),
        (card("+8613800000001", name="\u200b"), "label"),
        (card("+8613800000001", icon="http://x.example/a.png"), "label"),
        (ListDefine(name="fraud", kind="allow"), "list-exists"),
        (ListDefine(name="No Such", kind="allow"), "list-name"),
        (ListDefine(name="a.b", kind="allow"), "list-name"),
        (PolicySet(text="[[rule]]"), "policy"),
        (PolicySet(text=RULE.format("callee.emergency", "{ drop = true }", "enforce")), "policy"),
        (PolicyMode(rule="nobody", mode="enforce"), "policy"),
    ],
)
def test_a_bad_push_is_refused_whole(change: object, code: str) -> None:
    assert refused(Rules(), change).code == code


def test_a_push_with_one_bad_entry_changes_nothing() -> None:
    rules = Rules()
    refused(rules, add("fraud", "+8613800000001", "+86138001*", "+8613*"))
    assert rules.state.find(parse_number("+8613800000001")) == {}


def test_more_than_64_lists_are_refused() -> None:
    rules = Rules()
    for n in range(60):
        rules.push(ListDefine(name=f"l{n}", kind="watch"))
    assert refused(rules, ListDefine(name="one-more", kind="watch")).code == "full"


@pytest.mark.parametrize("entry", ["110", "961??"])
def test_a_list_of_treated_callees_takes_no_emergency_numbers(entry: str) -> None:
    rules = Rules()
    rules.push(ListDefine(name="quiet", kind="watch"))
    rules.push(PolicySet(text=RULE.format("callee.in.quiet", "{ intercept = 603 }", "enforce")))
    fault = refused(rules, add("quiet", entry))
    assert fault.code == "emergency"
    assert "rule r" in str(fault)


@pytest.mark.parametrize("entry", ["110", "961??"])
def test_a_rule_on_callees_of_a_list_with_emergency_numbers_is_refused(entry: str) -> None:
    rules = Rules()
    rules.push(ListDefine(name="quiet", kind="watch"))
    rules.push(add("quiet", entry))
    treat = RULE.format("callee.in.quiet", '{ label = "x" }', "enforce")
    assert refused(rules, PolicySet(text=treat)).code == "emergency"
    rules.push(PolicySet(text=treat.replace("enforce", "shadow")))
    assert refused(rules, PolicyMode(rule="r", mode="enforce")).code == "emergency"
    rules.push(PolicySet(text=RULE.format("callee.in.quiet", "{ pass = true }", "enforce")))
