"""Policy text to rules and masks: what compiles, and everything that is refused with rule and key."""

import pytest

from gateway.labels import call_info, display
from gateway.policy import (
    ListRef,
    Policy,
    PolicyError,
    compile_policy,
    masks,
    parse_policy,
    render_policy,
    with_mode,
)
from gateway.resources import data_path
from native.world import Texts, callee_in, caller_in, fact_names

LISTS = {
    "allow": ListRef(0, "allow"),
    "fraud": ListRef(1, "deny"),
    "card": ListRef(2, "card"),
    "vip": ListRef(3, "allow"),
    "watch": ListRef(4, "watch"),
}
HOPS = {"core": 0, "announcements": 1}
SHIPPED = data_path("policy.toml").read_text(encoding="utf-8")


def rule(
    name: str = "r",
    when: str = '["caller.in.fraud"]',
    then: str = "{ intercept = 603 }",
    mode: str = "enforce",
) -> str:
    return f'[[rule]]\nname = "{name}"\nwhen = {when}\nthen = {then}\nmode = "{mode}"\n'


def compiled(text: str, texts: Texts | None = None):
    return compile_policy(
        parse_policy(text), lists=LISTS, hops=HOPS, texts=Texts() if texts is None else texts
    )


def bit(fact: str) -> int:
    return 1 << fact_names()[fact]


def test_facts_become_masks() -> None:
    policy = parse_policy(rule(when='["trunk.international", "caller.domestic", "!caller.mobile"]'))
    must, none = masks(policy.rules[0], LISTS, fact_names())
    assert must == bit("trunk.international") | bit("caller.domestic")
    assert none == bit("caller.mobile")


def test_allow_before_deny_is_compiled_into_the_masks() -> None:
    caller = masks(parse_policy(rule()).rules[0], LISTS, fact_names())
    assert caller == (1 << caller_in(1), 1 << caller_in(0) | 1 << caller_in(3))
    callee = masks(parse_policy(rule(when='["callee.in.fraud"]')).rules[0], LISTS, fact_names())
    assert callee == (1 << callee_in(1), 1 << callee_in(0) | 1 << callee_in(3))


@pytest.mark.parametrize(
    ("when", "then"),
    [
        ('["caller.in.watch"]', "{ intercept = 603 }"),
        ('["caller.in.fraud"]', "{ pass = true }"),
        ('["!caller.in.fraud", "trunk.ims"]', "{ drop = true }"),
    ],
)
def test_allow_before_deny_is_for_positive_deny_facts_of_rules_that_do_not_pass(when: str, then: str) -> None:
    _, none = masks(parse_policy(rule(when=when, then=then)).rules[0], LISTS, fact_names())
    assert none & (1 << caller_in(0) | 1 << caller_in(3)) == 0


def test_a_card_holds_only_for_callers_in_its_list() -> None:
    out = compiled(rule(when='["trunk.trusted"]', then='{ card = "card" }')).rules[0]
    assert (out.action, out.text_list, out.all) == ("label", 2, bit("trunk.trusted") | 1 << caller_in(2))


def test_an_intercept_carries_its_rendered_head() -> None:
    texts = Texts()
    out = compiled(rule(then='{ intercept = 603, reason = "spoofed-cli", q850 = 21 }'), texts).rules[0]
    assert (out.action, out.code, out.enforce) == ("intercept", 603, True)
    assert texts.get(out.head) == (
        b"SIP/2.0 603 Decline\r\n",
        b'Reason: SIP;cause=603;text="spoofed-cli"\r\nReason: Q.850;cause=21;text="spoofed-cli"\r\n',
    )


@pytest.mark.parametrize(
    ("code", "phrase"), [(603, "Decline"), (607, "Unwanted"), (608, "Rejected"), (403, "Forbidden")]
)
def test_standards_4_1_default_phrases(code: int, phrase: str) -> None:
    texts = Texts()
    out = compiled(rule(then=f"{{ intercept = {code} }}"), texts)
    assert texts.get(out.rules[0].head) == (f"SIP/2.0 {code} {phrase}\r\n".encode(), b"")
    assert out.warnings == ()


def test_atis_1000099_network_blocked_can_be_written() -> None:
    texts = Texts()
    then = '{ intercept = 603, phrase = "Network Blocked", reason = "v=analytics1;url=https://r.example/f" }'
    out = compiled(rule(then=then), texts)
    assert texts.get(out.rules[0].head) == (
        b"SIP/2.0 603 Network Blocked\r\n",
        b'Reason: SIP;cause=603;text="v=analytics1;url=https://r.example/f"\r\n',
    )


def test_standards_4_1_a_code_that_invites_another_try_is_warned_about() -> None:
    assert "503" in compiled(rule(then="{ intercept = 503 }")).warnings[0]


def test_labels_diverts_and_drops_compile() -> None:
    texts = Texts()
    label, divert, drop, allow = compiled(
        rule("a", then='{ label = "疑似诈骗", call_reason = "冒充" }')
        + rule("b", then='{ divert = "announcements" }', mode="shadow")
        + rule("c", then="{ drop = true }")
        + rule("d", then="{ pass = true }", when="[]"),
        texts,
    ).rules
    assert texts.get(label.text) == (display("疑似诈骗"), call_info("冒充"))
    assert (divert.action, divert.hop, divert.enforce) == ("divert", 1, False)
    assert (drop.action, allow.action, allow.all) == ("drop", "pass", 0)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[[rule", "no TOML"),
        ("x = 1", "x: unknown key"),
        ("[rule]", r"\[\[rule\]\]"),
        ('[[rule]]\nwhen = ["trunk.ims"]', "rule number 1: name"),
        (rule(name="Big Letters"), "name"),
        (rule() + rule(), "rule r: name: is used twice"),
        (rule() + 'colour = "red"', "rule r: colour: unknown key"),
        ('[[rule]]\nname = "r"\nwhen = ["trunk.ims"]\nthen = { pass = true }', "rule r: mode: is missing"),
        (rule(mode="maybe"), "rule r: mode"),
        (rule(when='"caller.in.fraud"'), "rule r: when: must be a list"),
        (rule(when='["caller.blue"]'), "rule r: when: there is no fact caller.blue"),
        (rule(when='["caller.in.nobody"]'), "rule r: when: there is no list nobody"),
        (rule(when='["!!caller.mobile"]'), "there is no fact"),
        (rule(when='["caller.mobile", "!caller.mobile"]'), "never hold together"),
        (rule(when='["caller.in.fraud", "caller.in.vip"]'), "can never hold"),
        (rule(then="{ }"), "rule r: then: needs one action"),
        (rule(then="{ pass = true, drop = true }"), "pass and drop"),
        (rule(then="{ explode = true }"), "rule r: then: needs one action"),
        (rule(then="{ pass = false }"), "then.pass: can only be true"),
        (rule(then="{ drop = 1 }"), "then.drop: can only be true"),
        (rule(then='{ pass = true, reason = "x" }'), "then.reason: unknown key beside pass"),
        (rule(then="{ intercept = 399 }"), "then.intercept: must be 400 to 699"),
        (rule(then="{ intercept = 700 }"), "then.intercept: must be 400 to 699"),
        (rule(then="{ intercept = true }"), "then.intercept: must be 400 to 699"),
        (rule(then='{ intercept = "603" }'), "then.intercept: must be 400 to 699"),
        (rule(then="{ intercept = 603, q850 = 128 }"), "then.q850: must be 1 to 127"),
        (rule(then="{ intercept = 603, q850 = 0 }"), "then.q850: must be 1 to 127"),
        (rule(then="{ intercept = 603, reason = 5 }"), "then.reason: must be a text"),
        (rule(then='{ divert = "nowhere" }'), "then.divert: there is no hop nowhere"),
        (rule(then='{ card = "nowhere" }'), "there is no list nowhere"),
        (rule(then='{ card = "fraud" }'), "then.card: the list fraud is not of kind card"),
        (rule(then='{ label = "" }'), "then.label: is empty"),
        (rule(then=f'{{ label = "{"诈" * 17}" }}'), "then.label: .*51 bytes"),
        (rule(when='["callee.emergency"]'), "rule r: when: names emergency"),
        (rule(when='["callee.emergency"]', then='{ label = "x" }', mode="shadow"), "names emergency"),
        (rule(when="[]"), "is empty: the rule would hit every call"),
        (rule(when="[]", then='{ label = "x" }'), "is empty"),
        (rule(when='["call.invite"]'), "names no caller, callee or trunk"),
        (rule(when='["!caller.in.allow"]', then="{ drop = true }"), "names no caller, callee or trunk"),
    ],
)
def test_a_policy_that_is_not_sound_is_refused_with_rule_and_key(text: str, said: str) -> None:
    with pytest.raises(PolicyError, match=said):
        compiled(text)


def test_a_shadow_rule_may_be_wide_but_cannot_be_promoted() -> None:
    policy = parse_policy(rule(when="[]", mode="shadow"))
    assert compile_policy(policy, lists=LISTS, hops=HOPS, texts=Texts()).rules[0].enforce is False
    with pytest.raises(PolicyError, match="is empty"):
        compile_policy(with_mode(policy, "r", "enforce"), lists=LISTS, hops=HOPS, texts=Texts())


def test_more_rules_than_the_data_plane_holds_are_refused() -> None:
    with pytest.raises(PolicyError, match="1025 rules"):
        parse_policy("".join(rule(name=f"r{n}") for n in range(1025)))


def test_full_texts_refuse_the_policy() -> None:
    texts = Texts(entries=1, size_bytes=4096)
    with pytest.raises(PolicyError, match="no room"):
        compiled("".join(rule(f"r{n}", then=f'{{ label = "{n}" }}') for n in range(64)), texts)


def test_the_shipped_policy_is_sound_and_enforces_only_lists() -> None:
    policy = parse_policy(SHIPPED)
    lists = {
        name: ListRef(n, kind)
        for n, (name, kind) in enumerate(
            [("allow", "allow"), ("fraud", "deny"), ("suspect", "deny"), ("card", "card")]
        )
    }
    out = compile_policy(policy, lists=lists, hops={}, texts=Texts())
    assert out.warnings == ()
    enforced = [item.name for item in policy.rules if item.mode == "enforce"]
    assert enforced == ["fraud", "card", "allow", "suspect"]


def test_rendering_is_read_as_the_same_rules() -> None:
    policy = parse_policy(SHIPPED + rule("x", then='{ intercept = 608, phrase = "A \\"b\\"", q850 = 21 }'))
    assert parse_policy(render_policy(policy.rules)).rules == policy.rules


def test_a_mode_changes_in_place_and_comments_stay() -> None:
    policy = parse_policy(SHIPPED)
    promoted = with_mode(policy, "spoofed-domestic", "enforce")
    assert [r.mode for r in promoted.rules if r.name == "spoofed-domestic"] == ["enforce"]
    assert [r for r in promoted.rules if r.name != "spoofed-domestic"] == [
        r for r in policy.rules if r.name != "spoofed-domestic"
    ]
    lines = zip(SHIPPED.splitlines(), promoted.text.splitlines(), strict=True)
    assert [pair for pair in lines if pair[0] != pair[1]] == [('mode = "shadow"', 'mode = "enforce"')]


@pytest.mark.parametrize(
    "text",
    [
        'rule = [{ name = "r", when = ["caller.mobile"], then = { drop = true }, mode = "shadow" }]',
        '[[rule]]\nname = "r"\nwhen = [\n  "caller.mobile",\n]\n"mode" = "shadow"\nthen = { drop = true }',
        '[[rule]]\nname = "r"\nwhen = ["caller.mobile"]\nmode = """shadow"""\nthen.drop = true',
        '[[rule]]\nmode = \'shadow\' # "shadow"\nname = "r"\nwhen = ["caller.mobile"]\nthen.drop = true',
    ],
)
def test_a_mode_changes_however_the_policy_is_laid_out(text: str) -> None:
    promoted = with_mode(parse_policy(text), "r", "enforce")
    assert [(r.name, r.mode, r.when) for r in promoted.rules] == [("r", "enforce", ("caller.mobile",))]
    assert parse_policy(promoted.text).rules == promoted.rules


def test_the_mode_of_a_rule_that_is_not_there_is_refused() -> None:
    with pytest.raises(PolicyError, match="rule nobody: there is no such rule"):
        with_mode(Policy(), "nobody", "enforce")
