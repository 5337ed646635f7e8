"""Number lists against a plain model: a dict of numbers and a naive longest-prefix loop over all patterns.

The model also keeps what lists must keep through overlay, merge, tombstones, expiry, load and clear.
"""

from array import array
from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, precondition, rule

from native.tables import SHORT, Attr, Hit, NumberList, OverlayFull, Rcu, decompose_range, sort_unique

# clustered numbers, so that blocks, patterns and repeats meet; and a few from anywhere
CLUSTERS = st.one_of(
    st.integers(0, 300).map(lambda i: 8613800000000 + i * 7),
    st.integers(0, 50).map(lambda i: 8613809990 + i),
    st.integers(1, 40),
    st.integers(9_990, 10_010),
    st.sampled_from([1110, 1119, 195588, 110086, 100, 1_0000]).map(lambda i: SHORT | i),
    st.integers(10**15 - 30, 10**15 - 1),
    st.integers(1, 10**15 - 1),
)
ATTRS = st.builds(
    Attr,
    expiry_s=st.sampled_from([0, 0, 0, 1, 5, 10, 2**32 - 1]),
    text=st.integers(0, 3),
    note=st.just(7),
    source=st.just(3),
    category=st.sampled_from([0, 65535]),
    score=st.sampled_from([0, 255]),
)
PatternKey = tuple[int, int, int]


@st.composite
def patterns(draw: st.DrawFn) -> PatternKey:
    number = draw(CLUSTERS)
    text = str(number & ~SHORT)
    digits = draw(st.integers(1, len(text)))
    length = draw(st.sampled_from([0, len(text), 15]))
    return int(text[:digits]) | (number & SHORT), digits, length


def expired(attr: Attr, now_s: int) -> bool:
    return attr.expiry_s != 0 and attr.expiry_s <= now_s


class Model:
    def __init__(self) -> None:
        self.numbers: dict[int, Attr] = {}
        self.patterns: dict[PatternKey, Attr] = {}

    def find(self, number: int, now_s: int) -> Hit | None:
        text = str(number & ~SHORT)
        if number in self.numbers and not expired(self.numbers[number], now_s):
            return Hit(self.numbers[number], len(text), True)
        best: tuple[int, bool] = (0, False)
        hit = None
        for (prefix, digits, length), attr in self.patterns.items():
            same_space = (prefix & SHORT) == (number & SHORT)
            if not same_space or not text.startswith(str(prefix & ~SHORT)) or length not in (0, len(text)):
                continue
            if not expired(attr, now_s) and (digits, length != 0) > best:
                best, hit = (digits, length != 0), Hit(attr, digits, False)
        return hit

    def forget_expired(self, now_s: int) -> None:
        self.numbers = {n: a for n, a in self.numbers.items() if not expired(a, now_s)}
        self.patterns = {p: a for p, a in self.patterns.items() if not expired(a, now_s)}


class ListMachine(RuleBasedStateMachine):
    """Any order of changes, merges and time: the list and the model never differ."""

    seen = Bundle("seen")
    seen_patterns = Bundle("seen_patterns")

    @initialize(overlay=st.sampled_from([0, 16, 1024]))
    def start(self, overlay: int) -> None:
        self.list = NumberList(Rcu(), overlay_entries=overlay, attrs_max=1000)
        self.model = Model()
        self.now_s = 0
        self.asked: set[int] = set()

    def merge_when_full(self, change: Callable[..., int], *args: object) -> int:
        try:
            return change(*args)
        except OverlayFull:
            self.same_as_model()
            self.merge()
            return change(*args)

    @rule(target=seen, number=CLUSTERS)
    def meet(self, number: int) -> int:
        return number

    @rule(target=seen_patterns, pattern=patterns())
    def meet_pattern(self, pattern: PatternKey) -> PatternKey:
        return pattern

    @rule(numbers=st.lists(st.one_of(seen, CLUSTERS), max_size=6), attr=ATTRS)
    def add(self, numbers: list[int], attr: Attr) -> None:
        changed = self.merge_when_full(self.list.add, array("Q", numbers), attr)
        assert changed == len({n for n in numbers if self.model.numbers.get(n) != attr})
        self.model.numbers.update(dict.fromkeys(numbers, attr))
        self.asked.update(numbers)

    @rule(numbers=st.lists(st.one_of(seen, CLUSTERS), max_size=6))
    def remove(self, numbers: list[int]) -> None:
        changed = self.merge_when_full(self.list.remove, array("Q", numbers))
        assert changed == len({n for n in numbers if n in self.model.numbers})
        for number in numbers:
            self.model.numbers.pop(number, None)
        self.asked.update(numbers)

    @rule(pattern=st.one_of(seen_patterns, patterns()), attr=ATTRS)
    def add_pattern(self, pattern: PatternKey, attr: Attr) -> None:
        changed = self.merge_when_full(self.list.add_pattern, *pattern, attr)
        assert changed == (self.model.patterns.get(pattern) != attr)
        self.model.patterns[pattern] = attr
        self.asked.add(pattern[0])

    @rule(pattern=st.one_of(seen_patterns, patterns()))
    def remove_pattern(self, pattern: PatternKey) -> None:
        changed = self.merge_when_full(self.list.remove_pattern, *pattern)
        assert changed == (self.model.patterns.pop(pattern, None) is not None)

    @rule()
    def merge(self) -> None:
        self.list.merge(self.now_s)
        self.model.forget_expired(self.now_s)

    @rule(
        entries=st.lists(st.tuples(CLUSTERS, st.integers(0, 3)), max_size=12),
        attrs=st.lists(ATTRS, min_size=4, max_size=4),
    )
    def load(self, entries: list[tuple[int, int]], attrs: list[Attr]) -> None:
        self.list.load(array("Q", [n for n, _ in entries]), array("I", [i for _, i in entries]), attrs)
        self.model.numbers = {n: attrs[i] for n, i in entries}
        self.asked.update(self.model.numbers)

    @rule(numbers=st.lists(CLUSTERS, max_size=12), attr=ATTRS)
    def load_with_one_attribute(self, numbers: list[int], attr: Attr) -> None:
        self.list.load(array("Q", numbers), None, [attr])
        self.model.numbers = dict.fromkeys(numbers, attr)

    @precondition(lambda self: self.model.numbers)
    @rule()
    def clear(self) -> None:
        self.list.clear()
        self.model = Model()

    @rule(step=st.integers(0, 4))
    def time_passes(self, step: int) -> None:
        self.now_s += step

    @rule(number=st.one_of(seen, CLUSTERS))
    def find(self, number: int) -> None:
        assert self.list.find(number, self.now_s) == self.model.find(number, self.now_s)

    @rule(start=st.one_of(seen, CLUSTERS), limit=st.integers(0, 5))
    def walk_from(self, start: int, limit: int) -> None:
        want = sorted((n, a) for n, a in self.model.numbers.items() if n >= start)
        assert self.list.walk(start, limit) == want[:limit]

    @rule(skip=st.integers(0, 5), limit=st.integers(0, 5))
    def walk_patterns_from(self, skip: int, limit: int) -> None:
        assert self.list.walk_patterns(skip, limit) == self.list.walk_patterns(0, 1000)[skip : skip + limit]

    @invariant()
    def same_as_model(self) -> None:
        for number in self.asked:
            assert self.list.find(number, self.now_s) == self.model.find(number, self.now_s)
        assert self.list.walk(0, 100_000) == sorted(self.model.numbers.items())
        assert dict(self.list.walk_patterns(0, 100_000)) == self.model.patterns
        stats = self.list.stats()
        assert (stats["numbers"], stats["patterns"]) == (len(self.model.numbers), len(self.model.patterns))
        assert self.list.is_empty() == (not self.model.numbers and not self.model.patterns)


ListMachine.TestCase.settings = settings(
    max_examples=60, stateful_step_count=40, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
TestListAgainstModel = pytest.mark.timeout(300)(ListMachine.TestCase)


@given(
    space=st.sampled_from([0, SHORT]),
    ends=st.integers(1, 15).flatmap(
        lambda digits: st.tuples(*[st.integers(10 ** (digits - 1), 10**digits - 1)] * 2).map(sorted)
    ),
)
@settings(deadline=None)
def test_range_pieces_tile_it_and_none_can_be_joined(space: int, ends: list[int]) -> None:
    low, high = ends
    pieces = decompose_range(low | space, high | space)
    following = low
    tens: dict[tuple[int, int], int] = {}
    for prefix, digits, length in pieces:
        bare = prefix & ~SHORT
        assert prefix & SHORT == space
        assert length == len(str(low))
        assert digits == len(str(bare))
        unit = 10 ** (length - digits)
        assert bare * unit == following
        following += unit
        if digits > 1:
            tens[digits, bare // 10] = tens.get((digits, bare // 10), 0) + 1
    assert following == high + 1
    assert all(count < 10 for count in tens.values())


@given(st.lists(st.integers(0, 2**64 - 1), max_size=200))
@settings(deadline=None)
def test_sort_unique_is_sorted_set(numbers: list[int]) -> None:
    assert list(sort_unique(array("Q", numbers))) == sorted(set(numbers))
