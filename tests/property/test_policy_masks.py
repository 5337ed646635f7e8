"""Compiled masks, decided by the data plane, against a plain reading of the rules (DESIGN 3).

The oracle knows names, sets and the words of the policy; it never sees a mask, an index or a bit of a list.
Which facts outside the lists hold for a call it takes from the data plane: other tests own those.
"""

from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.feed.changes import ListDefine, PolicySet
from gateway.policy import Policy, PolicyRule, Then, render_policy
from native.world import callee_in, caller_in, fact_names
from tests.support.rules import NOW_S, SOURCES, Rules, add, card, invite, remove

NUMBERS = [f"+861380000000{n}" for n in range(4)]
KINDS = {
    "allow": "allow",
    "fraud": "deny",
    "suspect": "deny",
    "card": "card",
    "vip": "allow",
    "seen": "watch",
}
PLAIN = [
    "trunk.ims",
    "trunk.international",
    "trunk.trusted",
    "caller.mobile",
    "caller.domestic",
    "caller.mismatch",
]
LISTED = [f"{party}.in.{name}" for party in ("caller", "callee") for name in KINDS]

facts = st.sampled_from(PLAIN + LISTED)
thens = st.sampled_from(
    [
        Then("pass"),
        Then("drop"),
        Then("intercept", code=603, reason="r"),
        Then("intercept", code=608),
        Then("label", label="疑似诈骗"),
        Then("divert", divert="announcements"),
        Then("card", card="card"),
    ]
)


@st.composite
def rules(draw: st.DrawFn, name: str) -> PolicyRule:
    # a caller, callee or trunk must be named; a fact and its opposite must not
    wanted = draw(st.lists(facts, min_size=1, max_size=3, unique=True))
    unwanted = [fact for fact in draw(st.lists(facts, max_size=2, unique=True)) if fact not in wanted]
    return PolicyRule(
        name=name,
        when=(*wanted, *(f"!{fact}" for fact in unwanted)),
        then=draw(thens),
        mode=draw(st.sampled_from(["enforce", "enforce", "shadow"])),
    )


@st.composite
def policies(draw: st.DrawFn) -> list[PolicyRule]:
    made = [draw(rules(f"r{n}")) for n in range(draw(st.integers(0, 6)))]
    return [rule for rule in made if not impossible(rule)]


def impossible(rule: PolicyRule) -> bool:
    """Rules that the compiler refuses because they can never hold."""
    wants = {fact for fact in rule.when if not fact.startswith("!")}
    if rule.then.action == "card":
        wants.add("caller.in.card")
    if rule.then.action == "pass":
        return any(f"!{fact}" in rule.when for fact in wants)
    parties = {fact.split(".")[0] for fact in wants if KINDS.get(fact.split(".")[-1]) == "deny"}
    allowed = {f"{party}.in.{name}" for party in parties for name, kind in KINDS.items() if kind == "allow"}
    return bool(wants & allowed) or any(f"!{fact}" in rule.when for fact in wants)


def holds(rule: PolicyRule, facts: set[str]) -> bool:
    wants = [fact for fact in rule.when if not fact.startswith("!")]
    if any(fact not in facts for fact in wants):
        return False
    if any(fact[1:] in facts for fact in rule.when if fact.startswith("!")):
        return False
    if rule.then.action == "card" and "caller.in.card" not in facts:
        return False
    if rule.then.action != "pass":  # allow before deny
        for party in ("caller", "callee"):
            denied = any(fact in wants for fact in (f"{party}.in.fraud", f"{party}.in.suspect"))
            if denied and facts & {f"{party}.in.allow", f"{party}.in.vip"}:
                return False
    return True


def expected(policy: list[PolicyRule], facts: set[str]) -> tuple[str | None, str | None, str]:
    """(deciding rule, shadow rule before it, action)"""
    shadow = None
    for rule in policy:
        if holds(rule, facts):
            if rule.mode == "enforce":
                return rule.name, shadow, "label" if rule.then.action == "card" else rule.then.action
            shadow = shadow or rule.name
    return None, shadow, "pass"


@settings(max_examples=150, deadline=None)
@given(
    policy=policies(),
    lists=st.fixed_dictionaries({name: st.sets(st.sampled_from(NUMBERS)) for name in KINDS}),
    calls=st.lists(
        st.tuples(st.sampled_from(NUMBERS), st.sampled_from(NUMBERS), st.sampled_from(sorted(SOURCES))),
        min_size=1,
        max_size=8,
        unique=True,
    ),
)
def test_the_data_plane_decides_as_the_rules_read(
    policy: list[PolicyRule], lists: dict[str, set[str]], calls: list[tuple[str, str, str]]
) -> None:
    made = Rules(policy="")
    made.push(ListDefine(name="vip", kind="allow"))
    made.push(ListDefine(name="seen", kind="watch"))
    made.push(PolicySet(text=render_policy(policy)))
    assert made.state.policy.rules == Policy(tuple(policy)).rules
    for name, numbers in lists.items():
        if numbers:
            made.push(card(*sorted(numbers)) if name == "card" else add(name, *sorted(numbers)))
    world, names = made.world(), [rule.name for rule in policy]
    asked = {fact.removeprefix("!") for rule in policy for fact in rule.when}
    for caller, callee, trunk in calls:
        decided = world.decide(invite(caller, callee, asserted=caller), SOURCES[trunk], now_s=NOW_S)
        facts = {name for name, bit in fact_names().items() if decided["facts"] >> bit & 1}
        facts |= {f"caller.in.{name}" for name in KINDS if caller in lists[name]}
        facts |= {f"callee.in.{name}" for name in KINDS if callee in lists[name]}
        by_index = {None: None, **dict(enumerate(names))}
        got = (by_index[decided["rule"]], by_index[decided["shadow"]], decided["action"])
        assert got == expected(policy, facts), (caller, callee, trunk, sorted(facts))
        for n, name in enumerate(made.state.lists):
            assert bool(decided["facts"] >> caller_in(n) & 1) == (caller in lists[name])
            found = bool(decided["facts"] >> callee_in(n) & 1)
            assert found <= (callee in lists[name])
            if f"callee.in.{name}" in asked:  # other lists are not looked up for the callee
                assert found == (callee in lists[name])


PATTERNS = [
    "+86138001300*",
    "+8613800130???",
    "+861380013????",
    "+8613800130000-+8613800130999",
    "+8613800130500-+8613800131499",
    "+8613800130100",
    "+8613800130777",
    "+86138001301??",
    "+8613800130000-+8613800139999",
]
PROBES = [
    8613800130000 + n
    for n in (-1, 0, 99, 100, 101, 199, 200, 499, 500, 777, 999, 1000, 1499, 1500, 9999, 10000)
]
patterns = st.sampled_from(PATTERNS)


def covers(pattern: str, number: int) -> bool:
    """A plain reading of a pattern."""
    digits = str(number)
    if "-" in pattern:
        low, high = (int(end[1:]) for end in pattern.split("-"))
        return low <= number <= high
    if pattern.endswith("*"):
        return digits.startswith(pattern[1:-1])
    stem = pattern[1:].rstrip("?")
    return digits.startswith(stem) and len(digits) == len(pattern) - 1


@settings(max_examples=150, deadline=None)
@given(
    first=st.lists(patterns, min_size=2, unique=True),
    then=st.lists(st.tuples(st.sampled_from([False, False, True]), patterns), min_size=1, max_size=8),
)
def test_overlapping_patterns_come_and_go_without_cutting_each_other(
    first: list[str], then: list[tuple[bool, str]]
) -> None:
    made = Rules()
    held: set[str] = set()
    for adding, pattern in [*((True, pattern) for pattern in first), *then]:
        if adding:
            made.push(add("fraud", pattern))
            held.add(pattern)
        else:
            made.push(remove("fraud", pattern))
            held.discard(pattern)
    item = made.state.lists["fraud"]
    for number in PROBES:
        assert bool(item.find(number, NOW_S)) == any(covers(pattern, number) for pattern in held), number
