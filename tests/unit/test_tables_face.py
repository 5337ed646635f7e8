"""The border of native.tables: no argument may crash it, and a refused call changes nothing."""

import copy
import gc
import pickle
import threading
from array import array
from collections.abc import Callable

import pytest

from native.tables import (
    SHORT,
    WALK_MAX,
    Attr,
    AttrsFull,
    NumberList,
    OverlayFull,
    Rcu,
    bench_find,
    decompose_range,
    sort_unique,
)

ATTR = Attr(score=1)
MOBILE = 8613800000001


@pytest.fixture
def numbers() -> NumberList:
    return NumberList(Rcu(), overlay_entries=64, attrs_max=8)


def test_objects_are_valid_from_new() -> None:
    Rcu.__new__(Rcu).synchronize()
    made = NumberList.__new__(NumberList, Rcu.__new__(Rcu))
    assert made.add(MOBILE, ATTR) == 1
    made.__init__()
    assert made.find(MOBILE, 0) is not None
    for arguments in ((), (None,), (3,), (Rcu, 5)):
        with pytest.raises(TypeError):
            NumberList.__new__(NumberList, *arguments)


def test_classes_are_final() -> None:
    for cls in (Rcu, NumberList):
        with pytest.raises(TypeError):
            type("Sub", (cls,), {})


@pytest.mark.parametrize("size", [-1, 2**28 + 1, 2**40, 2**64])
def test_sizes_out_of_range_are_refused(size: int) -> None:
    for name in ("overlay_entries", "attrs_max"):
        with pytest.raises(ValueError, match=name):
            NumberList(Rcu(), **{name: size})
    with pytest.raises(TypeError):
        NumberList(Rcu(), overlay_entries=1.5)  # type: ignore[arg-type]


def test_lists_cannot_be_copied() -> None:
    for made in (Rcu(), NumberList(Rcu())):
        with pytest.raises(TypeError):
            pickle.dumps(made)
        with pytest.raises(TypeError):
            copy.copy(made)


def test_list_keeps_its_domain_alive() -> None:
    made = NumberList(Rcu())
    gc.collect()
    made.merge(0)
    assert isinstance(made.rcu, Rcu)
    with pytest.raises(AttributeError):
        made.rcu = Rcu()  # type: ignore[misc]


BAD_NUMBERS = [0, -1, 10**15, SHORT, SHORT | 10**15, 2**63, 2**64, 1 << 61]


@pytest.mark.parametrize("bad", BAD_NUMBERS)
def test_bad_number_is_refused_and_nothing_changes(numbers: NumberList, bad: int) -> None:
    calls: list[Callable[[], object]] = [
        lambda: numbers.add(bad, ATTR),
        lambda: numbers.remove(bad),
        lambda: numbers.find(bad, 0),
        lambda: numbers.add_pattern(bad, 2, 0, ATTR),
        lambda: decompose_range(bad, bad),
    ]
    if 0 <= bad < 2**64:
        good_and_bad = array("Q", [MOBILE, bad])
        calls += [lambda: numbers.add(good_and_bad, ATTR), lambda: numbers.load(good_and_bad, None, [ATTR])]
    for call in calls:
        with pytest.raises(ValueError):
            call()
    assert numbers.is_empty()


@pytest.mark.parametrize(
    "buffer",
    [
        b"1234567",
        array("q", [MOBILE]),
        array("I", [1, 2]),
        array("d", [1.0]),
        memoryview(array("Q", [1, 2, 3, 4]))[::2],
        memoryview(array("Q", [1, 2, 3, 4]))[::-1],
    ],
    ids=["odd size", "signed", "32 bits", "doubles", "every second", "backwards"],
)
def test_wrong_buffer_is_refused(numbers: NumberList, buffer: memoryview) -> None:
    for call in (
        lambda: numbers.add(buffer, ATTR),
        lambda: numbers.remove(buffer),
        lambda: numbers.load(buffer, None, [ATTR]),
        lambda: sort_unique(buffer),
        lambda: bench_find(numbers, buffer, 0),
    ):
        with pytest.raises(ValueError):
            call()
    assert numbers.is_empty()


@pytest.mark.parametrize("wrong", [None, "123", 1.5, [1, 2], object()])
def test_wrong_kind_is_a_type_error(numbers: NumberList, wrong: object) -> None:
    calls: list[Callable[[], object]] = [
        lambda: numbers.add(wrong, ATTR),  # type: ignore[arg-type]
        lambda: numbers.add(MOBILE, wrong),  # type: ignore[arg-type]
        lambda: numbers.find(wrong, 0),  # type: ignore[arg-type]
        lambda: numbers.find(MOBILE, wrong),  # type: ignore[arg-type]
        lambda: numbers.merge(wrong),  # type: ignore[arg-type]
        lambda: numbers.walk(wrong, 1),  # type: ignore[arg-type]
        lambda: numbers.walk(0, wrong),  # type: ignore[arg-type]
        lambda: numbers.load(b"", None, wrong if wrong != "123" else "1"),  # type: ignore[arg-type]
        lambda: decompose_range(wrong, 5),  # type: ignore[arg-type]
        lambda: sort_unique(wrong),  # type: ignore[arg-type]
        lambda: bench_find(wrong, b"", 0),  # type: ignore[arg-type]
    ]
    for call in calls:
        with pytest.raises(TypeError):
            call()
    assert numbers.is_empty()


def test_every_field_of_an_attribute_is_checked(numbers: NumberList) -> None:
    limits = dict.fromkeys(("expiry_s", "text", "note"), 2**32)
    limits |= {"category": 2**16, "source": 2**16, "score": 2**8}
    for name, limit in limits.items():
        for value in (-1, limit, 2**70):
            with pytest.raises(ValueError, match=name):
                numbers.add(MOBILE, Attr(**{name: value}))
        with pytest.raises(TypeError, match=name):
            numbers.add(MOBILE, Attr(**{name: "1"}))  # type: ignore[arg-type]
    largest = Attr(**{name: limit - 1 for name, limit in limits.items()})
    assert numbers.add(MOBILE, largest) == 1
    hit = numbers.find(MOBILE, 0)
    assert hit is not None
    assert hit.attr == largest


@pytest.mark.parametrize(
    ("prefix", "digits", "length"),
    [(86, 3, 0), (86, 1, 0), (86, 2, 1), (86, 2, 16), (86, 2, -1), (86, -2, 0), (86, 2, 256), (86, 258, 0)],
)
def test_bad_pattern_is_refused(numbers: NumberList, prefix: int, digits: int, length: int) -> None:
    with pytest.raises(ValueError):
        numbers.add_pattern(prefix, digits, length, ATTR)
    with pytest.raises(ValueError):
        numbers.remove_pattern(prefix, digits, length)
    assert numbers.is_empty()


def test_attribute_ids_fit_numbers_and_attributes(numbers: NumberList) -> None:
    two = array("Q", [MOBILE, MOBILE + 1])
    for ids, attrs in (
        (array("I", [0]), [ATTR]),
        (array("I", [0, 1]), [ATTR]),
        (array("I", [0, 2**32 - 1]), [ATTR]),
        (array("Q", [0, 0]), [ATTR]),
        (b"123", [ATTR]),
        (None, []),
    ):
        with pytest.raises(ValueError):
            numbers.load(two, ids, attrs)
    with pytest.raises(AttrsFull):
        numbers.load(two, None, [Attr(text=i) for i in range(9)])
    with pytest.raises(TypeError):
        numbers.load(two, 0, [ATTR])  # type: ignore[arg-type]
    assert numbers.is_empty()


def test_any_buffer_of_numbers_is_read(numbers: NumberList) -> None:
    plain = array("Q", [MOBILE, MOBILE + 1])
    raw = plain.tobytes()
    unaligned = memoryview(b"x" + raw)[1:]
    for buffer in (plain, raw, bytearray(raw), memoryview(raw), unaligned, memoryview(raw).cast("Q")):
        numbers.clear()
        assert numbers.add(buffer, ATTR) == 2
        assert [n for n, _ in numbers.walk(0, 10)] == list(plain)
    assert numbers.add(b"", ATTR) == 0
    assert numbers.remove(unaligned) == 2


def test_buffer_is_released_after_the_call(numbers: NumberList) -> None:
    plain = array("Q", [MOBILE])
    numbers.add(plain, ATTR)
    with pytest.raises(ValueError):
        numbers.add(bytearray(7), ATTR)
    plain.append(MOBILE + 1)  # a held buffer would refuse to grow
    assert len(plain) == 2


def test_full_overlay_changes_nothing_and_merge_makes_room(numbers: NumberList) -> None:
    most = numbers.stats()["overlay_max"]
    assert numbers.add(array("Q", range(1, most + 1)), ATTR) == most
    with pytest.raises(OverlayFull):
        numbers.add(array("Q", [1, most + 1, most + 2]), Attr(score=2))
    assert numbers.stats()["numbers"] == most
    assert numbers.find(1, 0) == (ATTR, 1, True)
    numbers.merge(0)
    assert numbers.add(array("Q", [1, most + 1, most + 2]), Attr(score=2)) == 3


def test_full_dictionary_changes_nothing_and_merge_forgets_unused(numbers: NumberList) -> None:
    for i in range(8):
        numbers.add(MOBILE, Attr(text=i))
    with pytest.raises(AttrsFull):
        numbers.add(MOBILE, Attr(text=8))
    numbers.merge(0)
    assert numbers.stats()["attrs"] == 1
    assert numbers.add(MOBILE, Attr(text=8)) == 1


def test_limits_of_walks(numbers: NumberList) -> None:
    for limit in (-1, WALK_MAX + 1, 2**70):
        with pytest.raises(ValueError):
            numbers.walk(0, limit)
        with pytest.raises(ValueError):
            numbers.walk_patterns(0, limit)
    with pytest.raises(ValueError):
        numbers.walk(-1, 1)
    with pytest.raises(ValueError):
        numbers.walk_patterns(-1, 1)
    assert numbers.walk(2**63 - 1, WALK_MAX) == []
    assert numbers.walk_patterns(2**62, WALK_MAX) == []


def test_no_range(numbers: NumberList) -> None:
    for low, high in ((5, 4), (9, 10), (1, SHORT | 1), (10**14, 10**15)):
        with pytest.raises(ValueError):
            decompose_range(low, high)
    assert decompose_range(MOBILE, MOBILE) == [(MOBILE, 13, 13)]


def test_bench_needs_numbers(numbers: NumberList) -> None:
    with pytest.raises(ValueError):
        bench_find(numbers, b"", 0)
    no_numbers = array("Q", [0, MOBILE, 2**64 - 1])  # are just not found
    assert bench_find(numbers, no_numbers, 0) > 0


def test_changes_and_look_ups_from_many_threads() -> None:
    numbers = NumberList(Rcu(), overlay_entries=256)
    numbers.load(array("Q", range(1000, 3000)), None, [ATTR])
    failures: list[BaseException] = []
    done = threading.Event()

    def guarded(work: Callable[[], None]) -> Callable[[], None]:
        def run() -> None:
            try:
                work()
            except BaseException as failure:
                failures.append(failure)
                raise

        return run

    def look() -> None:
        while not done.is_set():
            assert numbers.find(1500, 0) == (ATTR, 4, True)
            assert numbers.find(500, 0) is None
            assert len(numbers.walk(1000, 3000)) >= 2000

    def merge() -> None:
        while not done.is_set():
            numbers.merge(0)

    threads = [threading.Thread(target=guarded(work)) for work in (look, look, merge)]
    for thread in threads:
        thread.start()
    try:
        for i in range(300):
            while True:
                try:
                    assert numbers.add(10_000 + i, ATTR) == 1
                    break
                except OverlayFull:
                    continue
            assert numbers.find(10_000 + i, 0) is not None
    finally:
        done.set()
        for thread in threads:
            thread.join(30)
    assert not failures
    assert numbers.stats()["numbers"] == 2300
