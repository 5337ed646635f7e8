"""The state of the rules at one sequence number: lists, cards, policy; and how a change makes the next one.

    prepare(change)   everything that can be wrong with it: guards, names, texts, policy. Refused leaves all
    as it was. apply(prepared)   cannot be refused any more: the caller has appended the change to the feed
    in between. replay(records)   the log from the start: the same two steps without guards, lists loaded in
    one piece at the end.

Entries go straight into the native tables and are enforced when apply() returns. A new list, another policy
and a replaced list need a new world: apply() says so (`structural`), and the caller builds and publishes
one.

Guards are for pushes. The log was guarded when it was written, and a guard that was tightened since must
not make an edge refuse to start: what a replayed policy cannot be compiled to (a hop that left the
configuration) is another matter, and an error that names the sequence number.

The digest is a chain: blake2b over the digest before and the packed record. Two edges with the same digest
run the same rules.
"""

import hashlib
import time
from collections.abc import Callable, Iterable, Mapping
from typing import TypeAlias

import msgspec

from gateway import guards, labels
from gateway.feed.changes import (
    CardAdd,
    CardRemove,
    Change,
    FeedError,
    ListAdd,
    ListClear,
    ListDefine,
    ListKind,
    ListRemove,
    ListReplace,
    PolicyMode,
    PolicySet,
    Record,
    op_of,
)
from gateway.guards import Checked, Guards, Refused
from gateway.lists import Found, ListState, Strings
from gateway.policy import (
    NAME,
    Compiled,
    ListRef,
    Policy,
    PolicyError,
    compile_policy,
    parse_policy,
    with_mode,
)
from native.tables import Attr, Rcu
from native.world import Texts

LISTS_MAX = 64  # CW_LISTS_MAX
SHIPPED_LISTS: tuple[tuple[str, ListKind], ...] = (
    ("allow", "allow"),
    ("fraud", "deny"),
    ("suspect", "deny"),
    ("card", "card"),
)
HISTORY = 256  # policies whose rule names are remembered, for the journal
_UINT16 = (1 << 16) - 1
_UINT32 = (1 << 32) - 1

Hops: TypeAlias = Mapping[str, int]  # name to index in the world


class Card(msgspec.Struct, frozen=True):
    name: str
    organisation: str = ""
    reason: str = ""
    icon: str = ""


class Prepared(msgspec.Struct, frozen=True):
    """A change that passed, with what apply() needs."""

    change: Change
    entries: Checked | None = None
    attr: Attr | None = None
    card: Card | None = None
    policy: Policy | None = None
    compiled: Compiled | None = None


class Outcome(msgspec.Struct, frozen=True):
    changed: int
    structural: bool  # a new world is needed


class RuleState:
    """`shipped`: the policy text that counts until the log sets another one. Used by one thread at a time."""

    def __init__(
        self,
        *,
        rcu: Rcu,
        texts: Texts,
        hops: Hops,
        shipped: str,
        guards: Guards | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._rcu, self._texts, self._hops, self._clock = rcu, texts, hops, clock
        self.guards = guards or Guards()
        self.seq = 0
        self.world_seq = 0  # seq of the latest change that needed a new world
        self.digest = hashlib.blake2b(shipped.encode(), digest_size=32).digest()
        self.lists: dict[str, ListState] = {}
        self.cards: dict[int, Card] = {}  # by id of the rendered text
        self.categories, self.sources, self.notes = Strings(_UINT16), Strings(_UINT16), Strings(_UINT32)
        for name, kind in SHIPPED_LISTS:
            self._define(name, kind)
        self.policy = parse_policy(shipped)
        self.compiled = self._compile(self.policy)
        self._names: dict[int, list[str]] = {0: self.policy.names()}

    @property
    def now_s(self) -> int:
        return int(self._clock())

    # --- what may be asked
    # ---------------------------------------------------------------------------------------

    def refs(self) -> dict[str, ListRef]:
        return {name: ListRef(index=item.index, kind=item.kind) for name, item in self.lists.items()}

    def rule_names(self, world_seq: int | None = None) -> list[str] | None:
        """Names by rule index of the policy in force, or of an older one; None when that is forgotten."""
        return self._names.get(self.world_seq if world_seq is None else world_seq)

    def list_named(self, name: str) -> ListState:
        if name not in self.lists:
            raise Refused("unknown-list", f"there is no list {name}; there are {', '.join(self.lists)}")
        return self.lists[name]

    def find(self, key: int) -> dict[str, Found]:
        """The lists that the data plane finds this number in, and why."""
        now_s = self.now_s
        return {name: found for name, item in self.lists.items() if (found := item.find(key, now_s))}

    def card_of(self, attr: Attr) -> Card | None:
        return self.cards.get(attr.text)

    def describe(self, attr: Attr) -> dict[str, str | int]:
        """An entry's attributes in words; what is not set is left out."""
        fields: dict[str, str | int] = {
            "category": self.categories.text(attr.category),
            "source": self.sources.text(attr.source),
            "score": attr.score,
            "expiry_s": attr.expiry_s,
            "note": self.notes.text(attr.note),
        }
        return {key: value for key, value in fields.items() if value}

    def check_policy(self, text: str) -> Compiled:
        """What a push of this policy would compile to; Refused when it would be refused."""
        prepared = self.prepare(PolicySet(text=text))
        assert prepared.compiled is not None
        return prepared.compiled

    # --- prepare
    # -------------------------------------------------------------------------------------------------

    def prepare(self, change: Change, *, guard: bool = True) -> Prepared:
        """Refused with the reason, or all that apply() needs. Changes nothing that can be seen."""
        try:
            match change:
                case ListDefine():
                    return self._prepare_define(change)
                case ListAdd() | ListReplace() | CardAdd():
                    return self._prepare_add(change, guard)
                case ListRemove() | CardRemove():
                    item = self.list_named(change.list)
                    self._check_is_card_list(item, isinstance(change, CardRemove), "remove")
                    return Prepared(change, entries=guards.check_entries(change.numbers, change.patterns))
                case ListClear():
                    self.list_named(change.list)
                    return Prepared(change)
                case PolicySet():
                    return self._prepare_policy(change, parse_policy(change.text), guard)
                case PolicyMode():
                    return self._prepare_policy(
                        change, with_mode(self.policy, change.rule, change.mode), guard
                    )
        except PolicyError as fault:
            raise Refused("policy", str(fault)) from None
        except labels.LabelError as fault:
            raise Refused("label", str(fault)) from None

    def _prepare_define(self, change: ListDefine) -> Prepared:
        if not NAME.fullmatch(change.name) or len(change.name) > 32 or "." in change.name:
            raise Refused(
                "list-name", f"{change.name!r}: small letters, digits, - and _, at most 32, are allowed"
            )
        known = self.lists.get(change.name)
        if known is not None and known.kind != change.kind:
            raise Refused("list-exists", f"the list {change.name} is there already, of kind {known.kind}")
        if known is None and len(self.lists) >= LISTS_MAX:
            raise Refused("full", f"there are {LISTS_MAX} lists, and there can be no more")
        # another allow-list changes the masks of every rule that denies
        refs = {**self.refs(), change.name: ListRef(index=len(self.lists), kind=change.kind)}
        return Prepared(change, compiled=self._compile(self.policy, refs))

    def _prepare_add(self, change: ListAdd | ListReplace | CardAdd, guard: bool) -> Prepared:
        item = self.list_named(change.list)
        self._check_is_card_list(item, isinstance(change, CardAdd), "add")
        entries = guards.check_entries(change.numbers, change.patterns)
        if guard:
            guards.check_width(self.guards, entries.spans)
            why = guards.why_no_emergency(item.name, item.kind, guards.treated_callees(self.policy))
            if why is not None:
                guards.check_emergency(self.guards, entries, item.name, why)
        card, text, score = None, 0, 0
        if isinstance(change, CardAdd):
            card = Card(change.name, change.organisation, change.reason, change.icon)
            text = self._add_text(
                labels.card_display(card.name, card.organisation), labels.call_info(card.reason, card.icon)
            )
        else:
            score = change.score
        for what, value, most in (("score", score, 255), ("expiry_s", change.expiry_s, _UINT32)):
            if not 0 <= value <= most:
                raise Refused("bad-value", f"{what} must be 0 to {most}, not {value}")
        if not item.has_attr_room(self.now_s):
            raise Refused("full", f"the list {item.name} holds as many different attributes as it can")
        return Prepared(change, entries=entries, attr=self._attr(change, text, score), card=card)

    def _check_is_card_list(self, item: ListState, card: bool, verb: str) -> None:
        if card and item.kind != "card":
            raise Refused("list-kind", f"the list {item.name} is of kind {item.kind}: it holds no cards")
        if not card and item.kind == "card":
            raise Refused("list-kind", f"the list {item.name} holds cards: cards {verb}")

    def _attr(self, change: ListAdd | ListReplace | CardAdd, text: int, score: int) -> Attr:
        try:
            return Attr(
                expiry_s=change.expiry_s,
                text=text,
                note=self.notes.intern(change.note),
                category=self.categories.intern(change.category),
                source=self.sources.intern(change.source),
                score=score,
            )
        except OverflowError as fault:
            raise Refused("full", f"categories, sources or notes: {fault}") from None

    def _add_text(self, display: bytes, call_info: bytes) -> int:
        try:
            return self._texts.add(display, call_info)
        except OverflowError:
            raise Refused("full", "there is no room for another text: restart the gateway") from None

    def _prepare_policy(self, change: PolicySet | PolicyMode, policy: Policy, guard: bool) -> Prepared:
        compiled = self._compile(policy)
        if guard:
            guards.check_policy(self.guards, policy, lambda name, key: self.lists[name].covers(key))
        return Prepared(change, policy=policy, compiled=compiled)

    def _compile(self, policy: Policy, refs: Mapping[str, ListRef] | None = None) -> Compiled:
        return compile_policy(policy, lists=refs or self.refs(), hops=self._hops, texts=self._texts)

    # --- apply
    # ---------------------------------------------------------------------------------------------------

    def apply(self, prepared: Prepared, seq: int, packed: bytes) -> Outcome:
        """The change becomes the state at `seq`. Entries are enforced on return."""
        change, now_s = prepared.change, self.now_s
        changed, structural = 1, False
        match change:
            case ListDefine():
                structural = change.name not in self.lists
                changed = int(structural)
                if structural:
                    self._define(change.name, change.kind)
            case ListAdd() | ListReplace() | CardAdd():
                assert prepared.entries is not None
                assert prepared.attr is not None
                if prepared.card is not None:
                    self.cards[prepared.attr.text] = prepared.card
                item = self.lists[change.list]
                structural = isinstance(change, ListReplace)
                put = item.replace if structural else item.add
                # sorted: neighbours lie side by side in the table's base
                changed = put(prepared.entries.keys.tobytes(), prepared.entries.spans, prepared.attr, now_s)
            case ListRemove() | CardRemove():
                assert prepared.entries is not None
                entries = prepared.entries
                changed = self.lists[change.list].remove(entries.keys.tobytes(), entries.spans, now_s)
            case ListClear():
                changed = self.lists[change.list].clear()
            case PolicySet() | PolicyMode():
                assert prepared.policy is not None
                structural = True
                self.policy = prepared.policy
        if prepared.compiled is not None:
            self.compiled = prepared.compiled
        self.seq = seq
        self.digest = hashlib.blake2b(self.digest + packed, digest_size=32).digest()
        if structural:
            self.world_seq = seq
            self._names[seq] = self.policy.names()
            if len(self._names) > HISTORY:
                del self._names[next(iter(self._names))]
        return Outcome(changed=changed, structural=structural)

    def _define(self, name: str, kind: ListKind) -> None:
        self.lists[name] = ListState(name, kind, len(self.lists), self._rcu)

    # --- the whole log
    # -------------------------------------------------------------------------------------------

    def replay(self, records: Iterable[tuple[Record, bytes]]) -> None:
        """Bring an empty state up to date. FeedError names the record that does not fit."""
        for item in self.lists.values():
            item.begin_bulk()
        for record, packed in records:
            known = set(self.lists)
            try:
                self.apply(self.prepare(record.change, guard=False), record.seq, packed)
            except Refused as fault:
                raise FeedError(f"{op_of(record.change)}: {fault}", seq=record.seq) from None
            for name in self.lists.keys() - known:
                self.lists[name].begin_bulk()
        now_s = self.now_s
        for item in self.lists.values():
            item.end_bulk(now_s)

    def reconfigure(self, *, hops: Hops, guards: Guards) -> None:
        """Another configuration: the policy is compiled anew for its hops. Refused: nothing changed."""
        before = self._hops
        self._hops = hops
        try:
            self.compiled = self._compile(self.policy)
        except PolicyError as fault:
            self._hops = before
            raise Refused("policy", str(fault)) from None
        self.guards = guards
