"""The policy: TOML that an analyst writes, ordered rules, and the masks that the data plane tests (DESIGN 3).

    [[rule]]
    name = "spoofed-domestic"                                  # unique; it stands in journal and counters
    when = ["trunk.international", "caller.domestic", "!caller.mobile"]   # all of them; ! = not
    then = { intercept = 603, reason = "spoofed-cli" }
    mode = "shadow"                                            # or "enforce"

    then = { pass = true }
    then = { label = "疑似诈骗", call_reason = "..." }           # before the caller's name
    then = { card = "card" }                                   # the text of the caller's entry in this list
    then = { intercept = 603, phrase = "Decline", reason = "spoofed-cli", q850 = 21 }
    then = { divert = "announcements" }                        # a [[hop]]
    then = { drop = true }                                     # no answer at all

The first enforced rule whose facts hold decides. Three things are compiled in that nobody has to write: -
**allow before deny**: a rule that does not pass and tests a list of kind deny for the caller never holds
for a caller
  in any list of kind allow; the same for the callee;
- `card = "x"` holds only for callers in x (there would be nothing to show);
- emergency calls are decided before any rule, in code; a rule that names them is refused.

Refused with the rule's name and the key: whatever is not written above, facts that do not exist, facts that
contradict each other, and an enforced rule that would stop calls without saying whose (gateway/guards.py
refuses what depends on the content of lists).
"""

import re
import tomllib
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

import msgspec

from gateway import labels
from gateway.feed.changes import MODES, ListKind, Mode
from native.world import Rule, Texts, callee_in, caller_in, fact_names

RULES_MAX = 1024  # CW_RULES_MAX
NAME = re.compile(r"[a-z0-9][a-z0-9_.-]{0,62}", re.ASCII)
PHRASES = {
    403: "Forbidden",
    404: "Not Found",
    408: "Request Timeout",
    410: "Gone",
    433: "Anonymity Disallowed",
    480: "Temporarily Unavailable",
    486: "Busy Here",
    488: "Not Acceptable Here",
    500: "Server Internal Error",
    503: "Service Unavailable",
    600: "Busy Everywhere",
    603: "Decline",
    604: "Does Not Exist Anywhere",
    606: "Not Acceptable",
    607: "Unwanted",
    608: "Rejected",
}
SOUND_CODES = frozenset(
    {403, 433, 480, 486, 603, 607, 608}
)  # STANDARDS 4.1: others may make a peer try elsewhere
_IN = re.compile(r"(caller|callee)\.in\.(.+)")
_ACTION_KEYS = {
    "pass": set[str](),
    "label": {"call_reason"},
    "card": set[str](),
    "intercept": {"phrase", "reason", "q850"},
    "divert": set[str](),
    "drop": set[str](),
}

Action = Literal["pass", "label", "card", "intercept", "divert", "drop"]


class PolicyError(ValueError):
    """The policy is refused: `rule` and `key` say where, the text says why."""

    def __init__(self, rule: str, key: str, why: str) -> None:
        where = ": ".join(part for part in (f"rule {rule}" if rule else "", key) if part)
        super().__init__(f"{where}: {why}" if where else why)
        self.rule, self.key = rule, key


class Then(msgspec.Struct, frozen=True):
    action: Action
    label: str = ""
    call_reason: str = ""
    card: str = ""
    code: int = 0
    phrase: str = ""
    reason: str = ""
    q850: int = 0
    divert: str = ""


class PolicyRule(msgspec.Struct, frozen=True):
    name: str
    when: tuple[str, ...]
    then: Then
    mode: Mode

    @property
    def harms(self) -> bool:
        """Whether it keeps a call from its callee."""
        return self.then.action in ("intercept", "divert", "drop")

    def tests(self, fact: str) -> bool:
        """Whether it wants the fact to hold (a card: the caller in its list, too)."""
        return fact in self.when or (self.then.action == "card" and fact == f"caller.in.{self.then.card}")


class Policy(msgspec.Struct, frozen=True):
    rules: tuple[PolicyRule, ...] = ()
    text: str = ""

    def names(self) -> list[str]:
        return [rule.name for rule in self.rules]


class ListRef(msgspec.Struct, frozen=True):
    """What a policy needs to know of a list: its place in the world and its kind."""

    index: int
    kind: ListKind


class Compiled(msgspec.Struct, frozen=True):
    rules: tuple[Rule, ...]
    warnings: tuple[str, ...] = ()


# --- text to rules
# -----------------------------------------------------------------------------------------------


def parse_policy(text: str) -> Policy:
    """The rules of a policy text; PolicyError for everything that can be seen without lists and hops."""
    try:
        raw = tomllib.loads(text)
    except tomllib.TOMLDecodeError as fault:
        raise PolicyError("", "", f"is no TOML: {fault}") from None
    for key in raw:
        if key != "rule":
            raise PolicyError("", key, "unknown key; a policy consists of [[rule]]")
    tables = raw.get("rule", [])
    if not isinstance(tables, list) or not all(isinstance(table, dict) for table in tables):
        raise PolicyError("", "rule", "is written [[rule]]")
    if len(tables) > RULES_MAX:
        raise PolicyError("", "rule", f"{len(tables)} rules, at most {RULES_MAX} are allowed")
    rules = [_parse_rule(table, index) for index, table in enumerate(tables)]
    seen: set[str] = set()
    for rule in rules:
        if rule.name in seen:
            raise PolicyError(rule.name, "name", "is used twice")
        seen.add(rule.name)
    return Policy(rules=tuple(rules), text=text)


def _parse_rule(table: Mapping[str, Any], index: int) -> PolicyRule:
    name = table.get("name")
    if not isinstance(name, str) or not NAME.fullmatch(name):
        raise PolicyError(f"number {index + 1}", "name", f"must match {NAME.pattern}, not {name!r}")
    for key in table:
        if key not in ("name", "when", "then", "mode"):
            raise PolicyError(name, key, "unknown key")
    for key in ("when", "then", "mode"):
        if key not in table:
            raise PolicyError(name, key, "is missing")
    when, mode = table["when"], table["mode"]
    if not isinstance(when, list) or not all(isinstance(fact, str) for fact in when):
        raise PolicyError(name, "when", "must be a list of facts")
    for fact in when:
        if f"!{fact}" in when:
            raise PolicyError(name, "when", f"{fact} and !{fact} never hold together")
    if mode not in MODES:
        raise PolicyError(name, "mode", f'must be "enforce" or "shadow", not {mode!r}')
    return PolicyRule(
        name=name, when=tuple(dict.fromkeys(when)), then=_parse_then(name, table["then"]), mode=mode
    )


def _parse_then(name: str, table: Any) -> Then:
    if not isinstance(table, dict):
        raise PolicyError(name, "then", 'must be a table such as { intercept = 603, reason = "..." }')
    actions = [action for action in _ACTION_KEYS if action in table]
    if len(actions) != 1:
        found = " and ".join(actions) or "none"
        raise PolicyError(name, "then", f"needs one action of {', '.join(_ACTION_KEYS)}: there is {found}")
    action = actions[0]
    for key in table:
        if key != action and key not in _ACTION_KEYS[action]:
            raise PolicyError(name, f"then.{key}", f"unknown key beside {action}")
    value = table[action]
    then = Then(action=action)  # type: ignore[arg-type]
    if action in ("pass", "drop"):
        if value is not True:
            raise PolicyError(name, f"then.{action}", "can only be true")
        return then
    if action == "intercept":
        return msgspec.structs.replace(
            then,
            code=_integer(name, "then.intercept", value, 400, 699),
            phrase=_text(name, "then.phrase", table.get("phrase", "")),
            reason=_text(name, "then.reason", table.get("reason", "")),
            q850=_integer(name, "then.q850", table["q850"], 1, 127) if "q850" in table else 0,
        )
    if not _text(name, f"then.{action}", value):
        raise PolicyError(name, f"then.{action}", "is empty")
    extra = (
        {"call_reason": _text(name, "then.call_reason", table.get("call_reason", ""))}
        if action == "label"
        else {}
    )
    return msgspec.structs.replace(then, **{action: value}, **extra)


def _text(name: str, key: str, value: Any) -> str:
    if not isinstance(value, str):
        raise PolicyError(name, key, f"must be a text, not {value!r}")
    return value


def _integer(name: str, key: str, value: Any, low: int, high: int) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
        raise PolicyError(name, key, f"must be {low} to {high}, not {value!r}")
    return value


# --- rules to text
# -----------------------------------------------------------------------------------------------


def render_policy(rules: Sequence[PolicyRule]) -> str:
    """TOML that parse_policy reads as these rules."""
    return "\n".join(_render_rule(rule) for rule in rules)


def _render_rule(rule: PolicyRule) -> str:
    then = rule.then
    forms: dict[str, dict[str, Any]] = {
        "pass": {"pass": True},
        "drop": {"drop": True},
        "label": {"label": then.label, "call_reason": then.call_reason},
        "card": {"card": then.card},
        "divert": {"divert": then.divert},
        "intercept": {
            "intercept": then.code,
            "phrase": then.phrase,
            "reason": then.reason,
            "q850": then.q850,
        },
    }
    inner = ", ".join(f"{key} = {_toml(value)}" for key, value in forms[then.action].items() if value)
    when = ", ".join(_toml(fact) for fact in rule.when)
    head = f"[[rule]]\nname = {_toml(rule.name)}\nwhen = [{when}]\n"
    return f"{head}then = {{ {inner} }}\nmode = {_toml(rule.mode)}\n"


def _toml(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int):
        return str(value)
    # a JSON string is a TOML basic string, but for DEL
    return msgspec.json.encode(value).decode().replace("\x7f", "\\u007f")


_MODE_LINE = re.compile(r"""^(\s*mode\s*=\s*)(?:"[a-z]+"|'[a-z]+')""")
_RULE_LINE = re.compile(r"^\s*\[\[\s*rule\s*\]\]")


def with_mode(policy: Policy, name: str, mode: Mode) -> Policy:
    """The policy with one rule's mode changed; comments and layout stay when the text allows it."""
    index = next((i for i, rule in enumerate(policy.rules) if rule.name == name), None)
    if index is None:
        raise PolicyError(name, "", "there is no such rule")
    wanted = list(policy.rules)
    wanted[index] = msgspec.structs.replace(wanted[index], mode=mode)
    lines, rule = policy.text.splitlines(keepends=True), -1
    for at, line in enumerate(lines):
        rule += bool(_RULE_LINE.match(line))
        if rule == index and _MODE_LINE.match(line):
            lines[at] = _MODE_LINE.sub(rf'\g<1>"{mode}"', line)
    edited = "".join(lines)
    try:
        changed = parse_policy(edited)
    except PolicyError:
        changed = Policy()
    if changed.rules == tuple(wanted):
        return changed
    return parse_policy(render_policy(wanted))


# --- rules to masks
# ----------------------------------------------------------------------------------------------


def masks(rule: PolicyRule, lists: Mapping[str, ListRef], facts: Mapping[str, int]) -> tuple[int, int]:
    """(all, none) of a rule: the bits that must be set, the bits that must not be."""
    must = none = 0
    when = rule.when if rule.then.action != "card" else (*rule.when, f"caller.in.{rule.then.card}")
    for text in when:
        name = text.removeprefix("!")
        bit = 1 << _bit(rule.name, name, lists, facts)
        if text.startswith("!"):
            none |= bit
        else:
            must |= bit
            none |= _allowed(rule, name, lists)
    if must & none:
        raise PolicyError(
            rule.name, "when", "can never hold: it wants what an allow-list or its own facts exclude"
        )
    return must, none


def _bit(rule: str, fact: str, lists: Mapping[str, ListRef], facts: Mapping[str, int]) -> int:
    found = _IN.fullmatch(fact)
    if found is None:
        if fact not in facts:
            raise PolicyError(rule, "when", f"there is no fact {fact}")
        return facts[fact]
    if found[2] not in lists:
        raise PolicyError(rule, "when", f"there is no list {found[2]} (in {fact})")
    return _IN_BIT[found[1]](lists[found[2]].index)


_IN_BIT: dict[str, Callable[[int], int]] = {"caller": caller_in, "callee": callee_in}


def _allowed(rule: PolicyRule, fact: str, lists: Mapping[str, ListRef]) -> int:
    """Allow before deny: the bits of all allow-lists for the party that the rule looks up in a deny-list."""
    found = _IN.fullmatch(fact)
    if found is None or rule.then.action == "pass" or lists[found[2]].kind != "deny":
        return 0
    bits = 0
    for ref in lists.values():
        if ref.kind == "allow":
            bits |= 1 << _IN_BIT[found[1]](ref.index)
    return bits


def compile_policy(
    policy: Policy, *, lists: Mapping[str, ListRef], hops: Mapping[str, int], texts: Texts
) -> Compiled:
    """Native rules; PolicyError for the first rule that is not sound. Texts that it renders stay in the
    table.
    """
    facts = fact_names()
    warnings: list[str] = []
    rules: list[Rule] = []
    for rule in policy.rules:
        must, none = masks(rule, lists, facts)
        _check_reach(rule, warnings)
        try:
            rules.append(_native(rule, must, none, lists, hops, texts))
        except labels.LabelError as fault:
            raise PolicyError(rule.name, f"then.{rule.then.action}", str(fault)) from None
        except OverflowError:
            raise PolicyError(
                rule.name, "then", "there is no room for another text: restart the gateway"
            ) from None
    return Compiled(rules=tuple(rules), warnings=tuple(warnings))


def _check_reach(rule: PolicyRule, warnings: list[str]) -> None:
    if rule.then.action != "pass" and rule.tests("callee.emergency"):
        raise PolicyError(rule.name, "when", "names emergency callees, which always pass")
    if rule.mode == "enforce" and rule.then.action != "pass":
        if not rule.when and rule.then.action != "card":
            raise PolicyError(rule.name, "when", "is empty: the rule would hit every call")
        if rule.harms and not any(fact.startswith(("caller.", "callee.", "trunk.")) for fact in rule.when):
            raise PolicyError(
                rule.name, "when", "names no caller, callee or trunk: the rule would stop too much"
            )
    code = rule.then.code
    if rule.then.action == "intercept" and code not in SOUND_CODES:
        warnings.append(
            f"rule {rule.name}: then.intercept: after {code} a peer may try another way, or ask again"
        )


def _native(
    rule: PolicyRule,
    must: int,
    none: int,
    lists: Mapping[str, ListRef],
    hops: Mapping[str, int],
    texts: Texts,
) -> Rule:
    then, enforce = rule.then, rule.mode == "enforce"
    if then.action == "intercept":
        phrase = then.phrase or PHRASES.get(then.code, "Rejected")
        head = texts.add(
            labels.status_line(then.code, phrase), labels.reason_lines(then.code, then.reason, then.q850)
        )
        return Rule(must, none, "intercept", enforce, code=then.code, head=head)
    if then.action == "label":
        text = texts.add(labels.display(then.label), labels.call_info(then.call_reason))
        return Rule(must, none, "label", enforce, text=text)
    if then.action == "card":
        if lists[then.card].kind != "card":
            raise PolicyError(rule.name, "then.card", f"the list {then.card} is not of kind card")
        return Rule(must, none, "label", enforce, text_list=lists[then.card].index)
    if then.action == "divert":
        if then.divert not in hops:
            raise PolicyError(rule.name, "then.divert", f"there is no hop {then.divert}")
        return Rule(must, none, "divert", enforce, hop=hops[then.divert])
    return Rule(must, none, then.action, enforce)
