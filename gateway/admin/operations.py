"""What each operation of the admin API does, in terms of Control.submit and Control.ask.

Rules: one method an operation, named as in api.OPERATIONS; it takes the typed request and returns plain data;
text of an operator becomes keys and patterns here (by the dial plan of the first trunk), and nowhere behind;
what a push may not do is decided by the guards in the control thread, never here.
"""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec

from gateway.admin import api
from gateway.admin.explaining import explain
from gateway.config import Config
from gateway.control import Control
from gateway.feed import Change
from gateway.feed.changes import (
    CardAdd,
    CardRemove,
    ListAdd,
    ListClear,
    ListDefine,
    ListRemove,
    ListReplace,
    PolicyMode,
    PolicySet,
)
from gateway.journal.reader import Filter, query
from gateway.lists import ListState
from gateway.numbers import DialPlan, Entries, NumberFault, key_text, parse_entries, parse_number
from gateway.rules import RuleState
from native.tables import Attr


def dial_plan(config: Config) -> DialPlan:
    """How an operator's numbers without + are meant: as on the first trunk."""
    trunk = config.trunks[0]
    return DialPlan(int(trunk.country_code), trunk.area_code, trunk.strip_prefixes)


class Operations:
    """`running`: the change is enforced by a data plane when submit returns."""

    def __init__(self, control: Control, config: Config, origin: str, *, running: bool = True) -> None:
        self._control = control
        self._config = config
        self._plan = dial_plan(config)
        self._origin = origin
        self._running = running

    async def _submit(self, change: Change) -> dict[str, Any]:
        applied = await self._control.submit(change, origin=self._origin)
        return {**msgspec.structs.asdict(applied), "running": self._running}

    def _entries(self, texts: list[str]) -> Entries:
        """`#` and `?` both stand for one digit to come."""
        try:
            return parse_entries([t.replace("#", "?") for t in texts], self._plan)
        except NumberFault as e:
            raise api.BadRequest(str(e)) from None

    # --- lists

    async def lists(self, _: api.Nothing) -> dict[str, Any]:
        return await self._control.ask(
            lambda state: {"seq": state.seq, "lists": [item.summary() for item in state.lists.values()]}
        )

    async def lists_define(self, r: api.Define) -> dict[str, Any]:
        return await self._submit(ListDefine(name=r.name, kind=r.kind))

    async def lists_add(self, r: api.AddEntries) -> dict[str, Any]:
        e = self._entries(r.entries)
        return await self._submit(
            ListAdd(list=r.name, numbers=e.numbers, patterns=e.patterns, **_attributes(r))
        )

    async def lists_replace(self, r: api.AddEntries) -> dict[str, Any]:
        e = self._entries(r.entries)
        return await self._submit(
            ListReplace(list=r.name, numbers=e.numbers, patterns=e.patterns, **_attributes(r))
        )

    async def lists_remove(self, r: api.Entries) -> dict[str, Any]:
        e = self._entries(r.entries)
        return await self._submit(ListRemove(list=r.name, numbers=e.numbers, patterns=e.patterns))

    async def lists_add_numbers(self, r: api.AddNumbers) -> dict[str, Any]:
        return await self._submit(ListAdd(list=r.name, numbers=r.numbers, **_attributes(r)))

    async def lists_remove_numbers(self, r: api.RemoveNumbers) -> dict[str, Any]:
        return await self._submit(ListRemove(list=r.name, numbers=r.numbers))

    async def lists_clear(self, r: api.ListName) -> dict[str, Any]:
        return await self._submit(ListClear(list=r.name))

    async def lists_show(self, r: api.Show) -> dict[str, Any]:
        return await self._control.ask(lambda state: _page(state, r))

    async def find(self, r: api.Find) -> dict[str, Any]:
        key = self._number(r.number)
        if not key:
            raise api.BadRequest("number is empty")

        def look(state: RuleState) -> dict[str, Any]:
            if r.name:
                _list_named(state, r.name)
            hits = [
                {
                    "list": name,
                    "kind": state.lists[name].kind,
                    "exact": found.exact,
                    "covered_by": list(found.covered_by),
                    **_entry(state, found.entry.text, found.entry.attr),
                }
                for name, found in state.find(key).items()
                if r.name in ("", name)
            ]
            return {"number": key_text(key), "hits": hits}

        return await self._control.ask(look)

    # --- cards

    async def cards_show(self, r: api.Show) -> dict[str, Any]:
        return await self.lists_show(r)

    async def cards_add(self, r: api.AddCard) -> dict[str, Any]:
        e = self._entries(r.entries)
        return await self._submit(
            CardAdd(
                list=r.into,
                numbers=e.numbers,
                patterns=e.patterns,
                name=r.title,
                organisation=r.organisation,
                reason=r.reason,
                icon=r.icon,
                category=r.category,
                source=r.source,
                expiry_s=r.expiry_s,
                note=r.note,
            )
        )

    async def cards_remove(self, r: api.RemoveCard) -> dict[str, Any]:
        e = self._entries(r.entries)
        return await self._submit(CardRemove(list=r.into, numbers=e.numbers, patterns=e.patterns))

    # --- policy

    async def policy(self, _: api.Nothing) -> dict[str, Any]:
        return await self._control.ask(
            lambda state: {
                "seq": state.seq,
                "text": state.policy.text,
                "rules": [{"name": rule.name, "mode": rule.mode} for rule in state.policy.rules],
            }
        )

    async def policy_check(self, r: api.PolicyText) -> dict[str, Any]:
        def check(state: RuleState) -> dict[str, Any]:
            prepared = state.prepare(PolicySet(text=r.text))
            names = prepared.policy.names() if prepared.policy else []
            return {"rules": names, "warnings": list(prepared.compiled.warnings) if prepared.compiled else []}

        return await self._control.ask(check)

    async def policy_put(self, r: api.PolicyText) -> dict[str, Any]:
        return await self._submit(PolicySet(text=r.text))

    async def policy_mode(self, r: api.RuleMode) -> dict[str, Any]:
        return await self._submit(PolicyMode(rule=r.rule, mode=r.mode))

    async def explain(self, r: api.Explain) -> dict[str, Any]:
        control = self._control
        return await control.ask(
            lambda state: explain(state, control.world, control.texts, control.config, r)
        )

    # --- journal

    async def journal(self, r: api.Journal) -> dict[str, Any]:
        wanted = Filter(
            caller=self._number(r.caller),
            callee=self._number(r.callee),
            since_ns=int(r.since_s * 1e9),
            until_ns=int(r.until_s * 1e9),
            **{f: getattr(r, f) for f in ("action", "rule", "shadow", "reason", "trunk", "call_id", "fact")},
        )
        found = await asyncio.to_thread(query, self._config.journal_path, wanted, r.limit)
        return {"records": msgspec.to_builtins(found.records), "faults": found.faults}

    def _number(self, text: str) -> int:
        """The key, 0 for ""."""
        try:
            return parse_number(text, self._plan) if text else 0
        except NumberFault as e:
            raise api.BadRequest(str(e)) from None


def _attributes(r: api.Attributes) -> dict[str, Any]:
    return {f: getattr(r, f) for f in ("category", "source", "score", "expiry_s", "note")}


def _list_named(state: RuleState, name: str) -> ListState:
    if name not in state.lists:
        raise api.NotFound(f"there is no list '{name}' (lists: {', '.join(sorted(state.lists))})")
    return state.lists[name]


def _entry(state: RuleState, text: str, attr: Attr) -> dict[str, Any]:
    """An entry in words; a card's texts beside it."""
    card = state.card_of(attr)
    shown = msgspec.to_builtins(card) if card is not None else {}
    return {"entry": text, **shown, **state.describe(attr)}


def _page(state: RuleState, r: api.Show) -> dict[str, Any]:
    """Patterns first ("p3" is the fourth), then numbers in the order of their keys ("n8613800000001")."""
    item = _list_named(state, r.name)
    kind, at = r.after[:1] or "p", r.after[1:] or "0"
    if kind not in "pn" or not (at.isascii() and at.isdigit()) or int(at) >= 1 << 63:
        raise api.BadRequest(f"after: '{r.after}' is no `next` of a page before")
    entries: list[dict[str, Any]] = []
    start = int(at) if kind == "n" else 0
    if kind == "p":
        patterns = list(item.patterns())
        taken = patterns[int(at) : int(at) + r.limit]
        entries += [_entry(state, p.text, p.attr) for p in taken]
        if int(at) + len(taken) < len(patterns):
            return {"entries": entries, "next": f"p{int(at) + len(taken)}"}
    room = r.limit - len(entries)
    found = item.numbers(start, room + 1)
    entries += [_entry(state, key_text(key), attr) for key, attr in found[:room]]
    return {"entries": entries, "next": f"n{found[room][0]}" if len(found) > room else ""}
