"""native.numbers against the plain oracle, over everything that people and switches write as a number."""

from __future__ import annotations

import sys
from pathlib import Path

from hypothesis import example, given, settings
from hypothesis import strategies as st

from native import numbers

sys.path.insert(0, str(Path(__file__).parent))
from oracle_numbers import Plan, expected

DIGITS = st.text("0123456789", max_size=16)
HEADS = ",+,00,+86,0086,86,0,+860,17951,12593,9,+44,0044,44,000,++"
AREAS = ",10,21,755,951,400,86,20"
CODES = (
    "110,119,120,122,112,911,999,000,118,08,12110,12119,12395,95110,96110,12381,10086,10000,95588,9558812,955881,"
    "962288,12345,116114,118114,10105678,106575258,1061234567,1069123456789012345,4001234567,8001234567,"
    "13800000001,17951138000,14012345678,1400123456789,12345678,1234567,11012345,6212345"
)
MARKS = "- . ( ) + * # a é -(). ~"


def one_of(words: str, sep: str = ",") -> st.SearchStrategy[str]:
    return st.sampled_from(words.split(sep))


@st.composite
def written(draw: st.DrawFn) -> str:
    digits = draw(one_of(HEADS)) + draw(one_of(AREAS)) + draw(st.one_of(one_of(CODES), DIGITS))
    if draw(st.booleans()):
        at = draw(st.integers(0, len(digits)))
        digits = digits[:at] + draw(one_of(MARKS, " ")) + digits[at:]
    return digits


PLANS = st.builds(
    Plan,
    country_code=st.sampled_from([86, 86, 86, 44, 1, 0, 852]),
    area=one_of(AREAS),
    bare_is_foreign=st.booleans(),
    strip=st.sampled_from([(), ("17951", "12593"), ("9",), ("0", "17951")]),
)
CONTEXTS = one_of(",,,+86,+8610,+86-755,+1,+44,+4420,+86a,+,example.com,8610")


def ask(text: str, plan: Plan, context: str = "") -> tuple[int, frozenset[str]]:
    return numbers.canonical(
        text,
        country_code=plan.country_code,
        area=plan.area,
        bare_is_foreign=plan.bare_is_foreign,
        strip=plan.strip,
        context=context,
    )


@settings(max_examples=1000, deadline=None)
@given(written(), PLANS, CONTEXTS)
@example("+8610110", Plan(), "")
@example("010 11012345", Plan(), "")
@example("+86951110", Plan(), "")
@example("8612110", Plan(area="335"), "")
def test_standards_8_2_canonicalisation_agrees_with_the_oracle(text: str, plan: Plan, context: str) -> None:
    key, classes = ask(text, plan, context)
    assert (numbers.num_text(key), classes) == expected(text, plan, context)


@settings(max_examples=300, deadline=None)
@given(written(), PLANS)
def test_separators_never_change_a_number(text: str, plan: Plan) -> None:
    assert ask(text, plan) == ask(" ".join(text), plan)


@settings(max_examples=300, deadline=None)
@given(written(), PLANS)
def test_an_e164_number_comes_back_from_its_own_text(text: str, plan: Plan) -> None:
    key, _ = ask(text, plan)
    name = numbers.num_text(key)
    if name.startswith("+"):
        assert ask(name, plan)[0] == key
        assert numbers.num_digits(key) == len(name) - 1 <= 15


@settings(max_examples=300, deadline=None)
@given(written(), PLANS)
def test_standards_8_4_the_emergency_class_is_the_never_block_list(text: str, plan: Plan) -> None:
    key, classes = ask(text, plan)
    if plan.country_code == 86:
        assert ("emergency" in classes) == numbers.is_emergency(key)
    elif "emergency" in classes:
        assert numbers.is_emergency(key)


@settings(max_examples=1000, deadline=None)
@given(st.binary(max_size=60), PLANS, st.binary(max_size=20))
def test_any_octets_have_an_answer(text: bytes, plan: Plan, context: bytes) -> None:
    key, classes = numbers.canonical(
        text,
        country_code=plan.country_code,
        area=plan.area,
        bare_is_foreign=plan.bare_is_foreign,
        context=context,
    )
    assert classes
    assert key or classes & {"nonnumeric", "irregular"}
