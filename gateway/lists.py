"""One list as the control side sees it: the native table, and what the table cannot tell.

The table (native.tables.NumberList) holds exact numbers and native patterns. A range is many native
patterns, and two ranges or prefixes can need the same one; so the list keeps its patterns as they were
written, and for each native pattern the written ones that need it. The last one written gives it its
attributes; removing it gives it back to the one before.

Changes go into the table's overlay and are enforced when the call returns. When the overlay is full it is
merged first; a change larger than the overlay goes in by pieces.

While the log is replayed nothing is applied change by change: a list collects (bulk) and is loaded once.
"""

from array import array
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import msgspec

from gateway.feed.changes import KEY_BYTES, ListKind, Pattern
from gateway.numbers import Element, Span, key_text, parse_pattern
from native.tables import Attr, AttrsFull, NumberList, OverlayFull, Rcu

OVERLAY_ENTRIES = 1 << 18  # room for four chunks of an import between two merges
PIECE = 1 << 17  # numbers that surely fit into an empty overlay
ATTRS_MAX = {"allow": 1 << 16, "deny": 1 << 16, "card": 1 << 17, "watch": 1 << 16}  # each card has its own
_REMOVED = Attr(expiry_s=1)  # while collecting: expired since 1970, so that the merge forgets it


class Strings:
    """Texts of attributes as small numbers, 0 = none. They are never forgotten: a few thousand, not
    millions.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._ids: dict[str, int] = {"": 0}
        self._texts = [""]

    def intern(self, text: str) -> int:
        """Raises OverflowError when there are too many."""
        found = self._ids.get(text)
        if found is None:
            found = len(self._texts)
            if found > self._limit:
                raise OverflowError(f"more than {self._limit} distinct texts")
            self._ids[text] = found
            self._texts.append(text)
        return found

    def text(self, number: int) -> str:
        return self._texts[number]


class Entry(msgspec.Struct, frozen=True):
    """One entry of a list, as written."""

    text: str  # "+8613800000001", "+861380013*"
    attr: Attr


class Found(msgspec.Struct, frozen=True):
    """Why a number is in a list: the entry that decides, and all written patterns that cover it."""

    entry: Entry
    exact: bool
    covered_by: tuple[Pattern, ...]


class ListState:
    def __init__(self, name: str, kind: ListKind, index: int, rcu: Rcu) -> None:
        self.name, self.kind, self.index = name, kind, index
        self._rcu = rcu
        self.table = self._new_table()
        self._patterns: dict[Pattern, Attr] = {}
        self._owners: dict[Element, dict[Pattern, None]] = {}
        self._bulk: list[tuple[bytes, Attr]] | None = None

    def _new_table(self) -> NumberList:
        return NumberList(self._rcu, overlay_entries=OVERLAY_ENTRIES, attrs_max=ATTRS_MAX[self.kind])

    # --- changes
    # -------------------------------------------------------------------------------------------------

    def add(self, numbers: bytes, spans: Iterable[Span], attr: Attr, now_s: int) -> int:
        """How many entries are new or altered."""
        if self._bulk is not None:
            if numbers:
                self._bulk.append((numbers, attr))
            return len(numbers) // KEY_BYTES + sum(self._own(span, attr) for span in spans)
        changed = 0
        for piece in _pieces(numbers):
            changed += self._with_room(now_s, self.table.add, piece, attr)
        for span in spans:
            changed += self._own(span, attr)
            for element in span.elements():
                self._with_room(now_s, self.table.add_pattern, *element, attr)
        return changed

    def remove(self, numbers: bytes, spans: Iterable[Span], now_s: int) -> int:
        """How many entries were there."""
        if self._bulk is not None:
            if numbers:
                self._bulk.append((numbers, _REMOVED))
            return len(numbers) // KEY_BYTES + sum(bool(self._disown(span)) for span in spans)
        changed = 0
        for piece in _pieces(numbers):
            changed += self._with_room(now_s, self.table.remove, piece)
        for span in spans:
            left = self._disown(span)
            changed += left is not None
            for element, attr in (left or {}).items():
                if attr is None:
                    self._with_room(now_s, self.table.remove_pattern, *element)
                else:
                    self._with_room(now_s, self.table.add_pattern, *element, attr)
        return changed

    def replace(self, numbers: bytes, spans: Iterable[Span], attr: Attr, now_s: int) -> int:
        """Everything anew, in a table of its own: it counts once a world with it is published."""
        if self._bulk is not None:
            self._bulk.clear()
        else:
            self.table = self._new_table()
        self._patterns.clear()
        self._owners.clear()
        if self._bulk is None and numbers:
            self.table.load(numbers, None, [attr])
            return self.add(b"", spans, attr, now_s) + self.table.stats()["numbers"]
        return self.add(numbers, spans, attr, now_s)

    def clear(self) -> int:
        """How many entries went."""
        if self._bulk is not None:
            self._bulk.clear()
            gone = 0
        else:
            gone = self.table.stats()["numbers"] + len(self._patterns)
            self.table.clear()
        self._patterns.clear()
        self._owners.clear()
        return gone

    def _own(self, span: Span, attr: Attr) -> bool:
        new = self._patterns.get(span.text) != attr
        self._patterns.pop(span.text, None)
        self._patterns[span.text] = attr
        for element in span.elements():
            owners = self._owners.setdefault(element, {})
            owners.pop(span.text, None)
            owners[span.text] = None
        return new

    def _disown(self, span: Span) -> dict[Element, Attr | None] | None:
        """For each native pattern the attributes that it keeps, or None when nobody needs it; None: was not
        there.
        """
        if self._patterns.pop(span.text, None) is None:
            return None
        left: dict[Element, Attr | None] = {}
        for element in span.elements():
            owners = self._owners[element]
            del owners[span.text]
            if owners:
                left[element] = self._patterns[next(reversed(owners))]
            else:
                del self._owners[element]
                left[element] = None
        return left

    def _with_room(self, now_s: int, change: Callable[..., int], *args: Any) -> int:
        try:
            return change(*args)
        except (OverlayFull, AttrsFull):
            self.table.merge(now_s)
            return change(*args)

    def has_attr_room(self, now_s: int) -> bool:
        """Whether another distinct attribute surely fits; merges when that may help."""
        if self._bulk is not None or self.table.stats()["attrs"] < ATTRS_MAX[self.kind] - 1:
            return True
        self.table.merge(now_s)
        return self.table.stats()["attrs"] < ATTRS_MAX[self.kind] - 1

    # --- replay
    # --------------------------------------------------------------------------------------------------

    def begin_bulk(self) -> None:
        self._bulk = []

    def end_bulk(self, now_s: int) -> None:
        """Load what was collected: of the same number the last one counts."""
        collected, self._bulk = self._bulk or [], None
        if collected:
            attrs = {attr: number for number, attr in enumerate(dict.fromkeys(attr for _, attr in collected))}
            numbers = b"".join(part for part, _ in collected)
            ids: array[int] | None = None
            if len(attrs) > 1:
                ids = array("I")
                for part, attr in collected:
                    ids.extend(array("I", [attrs[attr]]) * (len(part) // KEY_BYTES))
            collected.clear()  # the same again, and loading takes twice as much beside it
            self.table.load(numbers, ids, list(attrs))
            if _REMOVED in attrs:
                self.table.merge(now_s)
        for element, owners in self._owners.items():
            attr = self._patterns[next(reversed(owners))]
            self._with_room(now_s, self.table.add_pattern, *element, attr)

    # --- questions
    # -----------------------------------------------------------------------------------------------

    def covers(self, key: int) -> bool:
        """Whether the list has this number, expired or not."""
        at = self.table.walk(key, 1)
        return (bool(at) and at[0][0] == key) or any(
            parse_pattern(text).covers(key) for text in self._patterns
        )

    def find(self, key: int, now_s: int) -> Found | None:
        """Why the data plane finds this number in the list now; None when it does not."""
        hit = self.table.find(key, now_s)
        if hit is None:
            return None
        covered = tuple(text for text in self._patterns if parse_pattern(text).covers(key))
        if hit.exact:
            return Found(Entry(key_text(key), hit.attr), True, covered)
        # the written pattern that owns the native one: its last owner among those that cover the number
        owner = next((text for text in reversed(covered) if self._owns(text, hit.digits)), covered[-1])
        return Found(Entry(owner, hit.attr), False, covered)

    def _owns(self, text: Pattern, digits: int) -> bool:
        return any(element.digits == digits for element in parse_pattern(text).elements())

    def patterns(self) -> Iterator[Entry]:
        """Patterns as written, oldest first."""
        return (Entry(text, attr) for text, attr in self._patterns.items())

    def numbers(self, start: int = 0, limit: int = 1000) -> list[tuple[int, Attr]]:
        """Exact numbers in rising order of their keys, from `start` on."""
        return self.table.walk(start, limit)

    def summary(self) -> dict[str, int | str]:
        stats = self.table.stats()
        return {
            "name": self.name,
            "kind": self.kind,
            "numbers": stats["numbers"],
            "patterns": len(self._patterns),
            "bytes": stats["bytes"],
            "overlay_used": stats["overlay_used"],
            "overlay_max": stats["overlay_max"],
            "merges": stats["merges"],
        }


def _pieces(numbers: bytes) -> Iterator[bytes]:
    size = PIECE * KEY_BYTES
    for at in range(0, len(numbers), size):
        yield numbers[at : at + size]
