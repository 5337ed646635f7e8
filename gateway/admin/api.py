"""Every operation of the admin API: its HTTP method, its path and its typed request. Served under /v1.

Rules: a request is a strict struct, filled from the path, the query and the JSON body together, so a misspelt
field is an error; `numbers` (little-endian u64 keys, gateway/feed/changes.py) is the whole body of an
application/octet-stream request; every request has a bounded size (BODY_MAX).
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from gateway.feed.changes import ListKind, Mode

BODY_MAX = 8 << 20  # bytes
CHUNK_NUMBERS = 50_000  # numbers an import pushes at once

Limit = Annotated[int, Meta(ge=1, le=10_000)]


class Request(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Base of all requests."""


class Nothing(Request, frozen=True, kw_only=True):
    pass


class Attributes(Request, frozen=True, kw_only=True):
    """What is known of entries."""

    category: str = ""
    source: str = ""
    score: Annotated[int, Meta(ge=0, le=255)] = 0
    expiry_s: Annotated[int, Meta(ge=0, le=0xFFFFFFFF)] = 0  # unix seconds, 0 = never
    note: str = ""


class Define(Request, frozen=True, kw_only=True):
    name: str
    kind: ListKind


class Entries(Request, frozen=True, kw_only=True):
    """`entries`: numbers, prefixes and ranges as a person writes them."""

    name: str
    entries: list[str]


class AddEntries(Attributes, frozen=True, kw_only=True):
    name: str
    entries: list[str]


class AddNumbers(Attributes, frozen=True, kw_only=True):
    name: str
    numbers: bytes


class RemoveNumbers(Request, frozen=True, kw_only=True):
    name: str
    numbers: bytes


class ListName(Request, frozen=True, kw_only=True):
    name: str


class Show(Request, frozen=True, kw_only=True):
    """One page: patterns first, then numbers in rising order; `after` is the `next` of the page before."""

    name: str
    after: str = ""
    limit: Limit = 100


class Find(Request, frozen=True, kw_only=True):
    number: str
    name: str = ""  # only this list


class AddCard(Request, frozen=True, kw_only=True):
    entries: list[str]
    title: str  # the name that is shown
    into: str = "card"
    organisation: str = ""
    reason: str = ""
    icon: str = ""
    category: str = ""
    source: str = ""
    expiry_s: Annotated[int, Meta(ge=0, le=0xFFFFFFFF)] = 0
    note: str = ""


class RemoveCard(Request, frozen=True, kw_only=True):
    entries: list[str]
    into: str = "card"


class PolicyText(Request, frozen=True, kw_only=True):
    text: str


class RuleMode(Request, frozen=True, kw_only=True):
    rule: str
    mode: Mode


class Explain(Request, frozen=True, kw_only=True):
    """`presented`: what From says when it differs from the asserted caller."""

    caller: str
    callee: str
    trunk: str = ""  # "": the first one
    presented: str = ""
    method: Literal["INVITE", "MESSAGE"] = "INVITE"


class Journal(Request, frozen=True, kw_only=True):
    """Decisions that match all that is given, the newest `limit` of them. Times: unix seconds."""

    caller: str = ""
    callee: str = ""
    since_s: Annotated[float, Meta(ge=0, le=1e10)] = 0
    until_s: Annotated[float, Meta(ge=0, le=1e10)] = 0
    action: str = ""
    rule: str = ""
    shadow: str = ""
    reason: str = ""
    trunk: str = ""
    call_id: str = ""
    fact: str = ""
    limit: Limit = 100


class Operation(msgspec.Struct, frozen=True):
    method: str
    path: str
    request: type[Request]


OPERATIONS: dict[str, Operation] = {
    "status": Operation("GET", "/status", Nothing),
    "stats": Operation("GET", "/stats", Nothing),
    "reload": Operation("POST", "/reload", Nothing),
    "lists": Operation("GET", "/lists", Nothing),
    "lists_define": Operation("POST", "/lists", Define),
    "lists_show": Operation("GET", "/lists/{name}", Show),
    "lists_add": Operation("POST", "/lists/{name}/add", AddEntries),
    "lists_remove": Operation("POST", "/lists/{name}/remove", Entries),
    "lists_replace": Operation("PUT", "/lists/{name}", AddEntries),
    "lists_clear": Operation("DELETE", "/lists/{name}/entries", ListName),
    "lists_add_numbers": Operation("POST", "/lists/{name}/numbers", AddNumbers),
    "lists_remove_numbers": Operation("DELETE", "/lists/{name}/numbers", RemoveNumbers),
    "find": Operation("GET", "/find", Find),
    "cards_show": Operation("GET", "/cards", Show),
    "cards_add": Operation("POST", "/cards", AddCard),
    "cards_remove": Operation("POST", "/cards/remove", RemoveCard),
    "policy": Operation("GET", "/policy", Nothing),
    "policy_check": Operation("POST", "/policy/check", PolicyText),
    "policy_put": Operation("PUT", "/policy", PolicyText),
    "policy_mode": Operation("POST", "/policy/mode", RuleMode),
    "explain": Operation("POST", "/explain", Explain),
    "journal": Operation("GET", "/journal", Journal),
}


# those that change nothing: without a gateway and without a feed they leave no trace on the disk
READS = frozenset(
    ("lists", "lists_show", "find", "cards_show", "policy", "policy_check", "explain", "journal", "status")
)


class BadRequest(Exception):
    """The request cannot be understood; str says why. HTTP 400."""


class NotFound(Exception):
    """What the request names does not exist. HTTP 404."""


def typed(op: Operation, params: dict[str, Any]) -> Request:
    """The typed request; query values are text and are converted. Raises BadRequest."""
    try:
        return msgspec.convert(params, op.request, strict=False)
    except msgspec.ValidationError as e:
        raise BadRequest(str(e).replace("`", "'")) from None
