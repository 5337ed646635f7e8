"""Merging changes into a base against a dict: numbers that stay, go, come anew and change, in one block."""

from __future__ import annotations

from array import array

from hypothesis import example, given
from hypothesis import strategies as st

from native.tables import Attr, NumberList, Rcu

# three blocks of 10,000, with neighbours, and their borders
NUMBERS = st.one_of(st.integers(1, 25), st.integers(9_995, 10_005), st.integers(25_000, 25_040))
ATTRS = st.sampled_from((Attr(), Attr(score=1), Attr(score=2), Attr(expiry_s=5), Attr(expiry_s=50)))
CHANGES = st.lists(st.tuples(NUMBERS, st.none() | ATTRS), max_size=40)  # None: removed


@given(st.dictionaries(NUMBERS, ATTRS, max_size=60), st.lists(CHANGES, max_size=4))
@example({5: Attr(), 7: Attr(), 9: Attr()}, [[(7, None), (9, Attr(score=1))]])
@example({n: Attr() for n in range(1, 20)}, [[(n, None) for n in range(1, 20)], [(3, Attr())]])
def test_merges_hold_what_a_dict_would(
    base: dict[int, Attr], rounds: list[list[tuple[int, Attr | None]]]
) -> None:
    table, now_s = NumberList(Rcu(), overlay_entries=256), 10
    attrs = list(dict.fromkeys(base.values()))
    table.load(array("Q", base), array("I", map(attrs.index, base.values())), attrs)
    want = dict(base)
    for changes in rounds:
        for number, attr in changes:
            if attr is None:
                assert table.remove(number) == (want.pop(number, None) is not None)
            else:
                table.add(number, attr)
                want[number] = attr
        table.merge(now_s)
        want = {n: a for n, a in want.items() if not 0 < a.expiry_s <= now_s}
        assert table.walk(0, 1_000) == sorted(want.items())
        assert table.stats()["numbers"] == len(want)
        assert table.stats()["overlay_used"] == 0
