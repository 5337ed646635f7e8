"""Facts outside the lists and number classes: each is set by its call, and by no plain one."""

from __future__ import annotations

from typing import Any

import pytest

from native.world import TRUNK_CLASSES, fact_names
from tests.support.edge import CALLER, Edge, invite, request

FACTS = fact_names()
ME = "+8613800000009"
PLAIN = {
    "caller.domestic",
    "caller.mobile",
    "callee.domestic",
    "callee.mobile",
    "trunk.domestic",
    "trunk.trusted",
}


def facts(datagram: bytes, **trunk: Any) -> set[str]:
    decided = Edge(trunk=trunk).world().decide(datagram, CALLER)
    return {name for name, bit in FACTS.items() if decided["facts"] >> bit & 1}


def asserted(*values: str) -> bytes:
    return invite(headers="".join(f"P-Asserted-Identity: {v}\r\n" for v in values))


def test_a_plain_call_has_its_classes_and_nothing_else() -> None:
    assert facts(asserted(f"<tel:{ME}>")) == PLAIN | {"call.invite"}


@pytest.mark.parametrize("name", TRUNK_CLASSES)
def test_the_class_of_the_trunk(name: str) -> None:
    names = {"trunk.domestic", "trunk.international", "trunk.ims", "trunk.enterprise"}
    assert facts(invite(), trunk_class=name) & names == {f"trunk.{name}"}


@pytest.mark.parametrize(
    ("fact", "datagram", "trunk"),
    [
        ("caller.unverified", invite(), {"trusted": False}),
        ("caller.mismatch", asserted("<tel:+8613800000008>"), {}),
        ("caller.is_callee", invite("+8613900000002"), {}),
        ("caller.neighbour", invite("+8613900000003"), {}),
        ("caller.conflict", asserted(f"<tel:{ME}>", "<sip:+8613800000008@x;user=phone>"), {}),
        ("caller.private", invite(headers=f"P-Asserted-Identity: <tel:{ME}>\r\nPrivacy: id\r\n"), {}),
        ("call.diverted", invite(headers="Diversion: <sip:+8613800000007@x>;reason=no-answer\r\n"), {}),
        ("call.message", request("MESSAGE"), {}),
        ("call.signed", invite(headers="Identity: a.b.c;info=<https://x/y>;alg=ES256\r\n"), {}),
    ],
)
def test_a_fact_holds_for_its_call_and_not_for_a_plain_one(
    fact: str, datagram: bytes, trunk: dict[str, Any]
) -> None:
    assert fact in facts(datagram, **trunk)
    assert fact not in facts(asserted(f"<tel:{ME}>"))
