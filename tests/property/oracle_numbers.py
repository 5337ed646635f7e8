"""STANDARDS 8.2 in regular expressions: what native.numbers.canonical must say.

The digits as dialled are matched against an ordered table of shapes; the first that fits decides. The answer
is the number as text ("+86...", "110", "" for none) and its class names.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass

FLOOR = "112|911|999|000|110|118|119|08"  # STANDARDS 8.4, TS 22.101 10.1.1
CHINESE = f"{FLOOR}|120|122|12110|12119|12395|95110|96110|12381"

AREA = r"(?:10|2\d|(?!400|800)[3-9]\d\d)"
WHOLE = {  # a national number without its trunk prefix: length first
    "mobile": r"1[3-9]\d{9}",
    "iot": r"14\d{11}",
    "service400": r"400\d{7}",
    "service800": r"800\d{7}",
    "fixed": r"(?:10|2\d)\d{8}|(?!400|800)[3-9]\d\d\d{7,8}",
}
# codes that are known to exist, so that they are believed behind an area code
KNOWN = r"1[12]\d|1[12]\d{3}|11[68]\d{3}|911|999|100\d\d|95\d{3,6}|96\d{3,4}"
PORT = r"106\d{5,17}"
SUBCLASS = {
    "operator100": r"100\d\d",
    "public123": r"123\d\d",
    "service95": r"95\d{3,}",
    "service96": r"96\d{3,}",
    "port106": PORT,
}

Answer = tuple[str, frozenset[str]]
NONE: Answer = ("", frozenset({"irregular"}))


@dataclass(frozen=True)
class Plan:
    country_code: int = 86
    area: str = ""
    bare_is_foreign: bool = False
    strip: tuple[str, ...] = ()


def fits(pattern: str, digits: str) -> bool:
    return re.fullmatch(pattern, digits) is not None


def code(digits: str, *flags: str) -> Answer:
    """A Chinese short code."""
    classes = {"domestic", *flags} | {name for name, shape in SUBCLASS.items() if fits(shape, digits)}
    if len(digits) > 15:
        return "", frozenset(classes | {"irregular"})
    if fits(CHINESE, digits):
        classes.add("emergency")
    if digits.startswith("0"):
        classes.add("irregular")
    return digits, frozenset(classes | {"short"})


def whole(digits: str, *flags: str) -> Answer | None:
    for name, shape in WHOLE.items():
        if fits(shape, digits):
            return "+86" + digits, frozenset({"domestic", name, *flags})
    return None


def behind_area(digits: str, shape: str, *flags: str) -> Answer | None:
    match = re.fullmatch(f"{AREA}({shape})", digits)
    return code(match[1], "area_short", *flags) if match else None


def china_after_trunk(digits: str, flags: Iterable[str], on_code: Iterable[str] = ()) -> Answer:
    return (
        whole(digits, *flags)
        or behind_area(digits, KNOWN, *flags)
        or (code(digits, "irregular", *flags, *on_code) if fits(KNOWN, digits) else NONE)
    )


def china_significant(digits: str) -> Answer:
    """Behind +86 or 0086."""
    if digits.startswith("0"):
        return china_after_trunk(digits[1:], ["irregular"], ["cc_on_short"])
    if answer := whole(digits):
        return answer
    if fits(CHINESE, digits):
        return code(digits, "cc_on_short")
    if answer := behind_area(digits, CHINESE):
        return answer
    if fits(f"{KNOWN}|{PORT}", digits):
        return code(digits, "cc_on_short")
    if answer := behind_area(digits, KNOWN):
        return answer
    if fits(r"\d{3,6}", digits):
        return code(digits, "cc_on_short")
    if fits(r"\d{7,13}", digits):
        return "+86" + digits, frozenset({"domestic", "irregular"})
    return NONE


def china_national(plan: Plan, digits: str, area: str, given: bool) -> Answer:
    bare = [] if given else ["bare_national"]
    eight = r"\d{8}" if fits(r"10|2\d", area) else r"\d{7,8}"

    def emergency() -> Answer | None:
        return code(digits, *bare) if fits(CHINESE, digits) else None

    def complete() -> Answer | None:
        answer = whole(digits, *bare)
        return None if answer and "fixed" in answer[1] and not (given and not area) else answer

    def trunk() -> Answer | None:
        return china_after_trunk(digits[1:], bare) if digits.startswith("0") else None

    def long_code() -> Answer | None:
        long_known = len(digits) > 6 and fits(KNOWN, digits)
        return code(digits, *bare) if long_known or fits(PORT, digits) else None

    def country() -> Answer | None:
        if not (rest := country_rest()):
            return None
        if answer := whole(rest):
            return answer
        return code(rest, "cc_on_short") if fits(CHINESE, rest) else behind_area(rest, CHINESE)

    def local() -> Answer | None:
        if fits(AREA, area) and fits(eight, digits):
            return f"+86{area}{digits}", frozenset({"domestic", "fixed", *bare})
        return None

    def country_code_on_code() -> Answer | None:
        rest = country_rest()
        return code(rest, "cc_on_short") if fits(f"{KNOWN}|{PORT}", rest) else behind_area(rest, KNOWN)

    def short() -> Answer | None:
        return code(digits, *bare) if fits(r"[1-9]\d{2,5}", digits) else None

    def foreign() -> Answer | None:
        if not plan.bare_is_foreign or given or len(digits) < 7:
            return None
        if rest := country_rest():
            number, classes = china_significant(rest)
            return (number, classes | {"irregular"}) if number else None
        return ("+" + digits, frozenset({"foreign", "irregular"})) if len(digits) <= 15 else None

    def country_rest() -> str:
        match = re.fullmatch(r"86(\d{3,})", digits)
        return match[1] if match else ""

    rows: list[Callable[[], Answer | None]] = [
        emergency, complete, trunk, long_code, country, local, country_code_on_code, short, foreign,
    ]  # fmt: skip
    return next((answer for row in rows if (answer := row())), NONE)


def floor_of(plan: Plan, digits: str, *flags: str) -> Answer | None:
    if fits(CHINESE if plan.country_code == 86 else FLOOR, digits):
        return digits, frozenset({"short", "emergency", "domestic", *flags})
    return None


def international(plan: Plan, digits: str) -> Answer:
    """Behind + or 00."""
    cc = str(plan.country_code or "none")
    if not fits(r"[1-9]\d{2,}", digits):
        return NONE
    if plan.country_code == 86 and digits.startswith("86"):
        return china_significant(digits[2:])
    if answer := floor_of(plan, digits, "irregular"):
        return answer
    if len(digits) > 15:
        return NONE
    own = digits.startswith(cc)
    if own and (answer := floor_of(plan, digits.removeprefix(cc), "cc_on_short")):
        return answer
    flags = {"domestic" if own else "foreign"} | ({"irregular"} if len(digits) < 7 else set())
    return "+" + digits, frozenset(flags)


def elsewhere_national(plan: Plan, digits: str, area: str, given: bool) -> Answer:
    """Any other country: trunk prefix 0."""
    cc = str(plan.country_code or "none")
    bare = [] if given else ["bare_national"]
    if answer := floor_of(plan, digits, *bare):
        return answer
    number = ""
    flags = {"domestic", *bare}
    if plan.country_code:
        if digits.startswith("0"):
            if answer := floor_of(plan, digits[1:], "irregular", *bare):
                return answer
            number = cc + digits[1:] if fits(r"0[1-9]\d{3,}", digits) else ""
        elif digits.startswith(cc) and (answer := floor_of(plan, digits.removeprefix(cc), "cc_on_short")):
            return answer
        elif area and fits(r"\d{4,8}", digits):
            number = cc + area + digits
        elif fits(cc + r"\d{7,}", digits):
            number, flags = digits, {"domestic"}
        if number and len(number) <= 15:
            return "+" + number, frozenset(flags)
        if fits(r"[1-9]\d{1,5}", digits):
            return digits, frozenset({"short", *flags} | ({"irregular"} if len(digits) < 3 else set()))
    if plan.bare_is_foreign and not given and fits(r"[1-9]\d{6,14}", digits):
        kind = "domestic" if digits.startswith(cc) else "foreign"
        return "+" + digits, frozenset({kind, "irregular"})
    return NONE


def expected(text: str, plan: Plan, context: str = "") -> Answer:
    written = re.sub(r"[-. ()]", "", text)
    if not re.search("[0-9]", written):
        return "", frozenset({"nonnumeric"})
    match = re.fullmatch(r"(\+?)([0-9]{1,24})", written)
    if not match:
        return NONE
    plus, digits = match[1], match[2]
    if plus:
        return international(plan, digits)
    for prefix in plan.strip:
        rest = digits.removeprefix(prefix)
        if rest != digits and (len(rest) >= 7 or floor_of(plan, rest)):
            digits = rest
            break
    if fits(r"00\d{2,}", digits):
        return international(plan, digits[2:])
    national = china_national if plan.country_code == 86 else elsewhere_national
    around = re.fullmatch(r"\+([0-9]{1,24})", re.sub(r"[-. ()]", "", context))
    if not around:
        return national(plan, digits, plan.area, False)
    if plan.country_code and around[1].startswith(str(plan.country_code)):
        answer = national(plan, digits, around[1].removeprefix(str(plan.country_code)), True)
        if answer[0]:
            return answer
    elif answer := floor_of(plan, digits):
        return answer
    return international(plan, around[1] + digits)
