"""explain: a call that nobody placed, decided by the data plane's own code (World.decide), and told in words.

The request is built as the trunk would send it: from its first network, with P-Asserted-Identity where its
identities are trusted. No record, no counter, no memo.
"""

from __future__ import annotations

import ipaddress
import re
from typing import Any

from gateway.admin.api import BadRequest, Explain, NotFound
from gateway.config import Config, Trunk, host_text
from gateway.numbers import key_text
from gateway.rules import RuleState
from native.world import Texts, World, callee_in, caller_in, fact_names
from sip.build import build_request

_USER = re.compile(r"[A-Za-z0-9+*#._-]{1,64}")


def trunk_named(config: Config, name: str) -> Trunk:
    """The trunk, the first one for "". NotFound names the ones there are."""
    for trunk in config.trunks:
        if name in ("", trunk.name):
            return trunk
    raise NotFound(f"there is no trunk '{name}' (trunks: {', '.join(t.name for t in config.trunks)})")


def request_for(config: Config, trunk: Trunk, r: Explain) -> tuple[bytes, tuple[str, int]]:
    """The datagram and its sender. BadRequest: a party that no URI can carry."""
    for text in (r.caller, r.callee, r.presented or r.caller):
        if not _USER.fullmatch(text):
            raise BadRequest(f"'{text}' cannot stand in a SIP URI: digits, letters and +*#._- are allowed")
    source = str(ipaddress.ip_network(trunk.sources[0])[0])
    peer = host_text(source)
    us_host, us_port = config.listeners[0].sent_by
    headers = [("P-Asserted-Identity", f"<sip:{r.caller}@{peer}>")] if trunk.trust_identity else []
    message = build_request(
        r.method,
        f"sip:{r.callee}@{host_text(us_host)}:{us_port}",
        via=f"SIP/2.0/UDP {peer}:5060;branch=z9hG4bKexplain",
        from_=f"<sip:{r.presented or r.caller}@{peer}>;tag=explain",
        to=f"<sip:{r.callee}@{host_text(us_host)}:{us_port}>",
        call_id="explain",
        cseq=1,
        headers=headers,
    )
    return bytes(message), (source, 5060)


def fact_texts(state: RuleState, facts: int) -> list[str]:
    """Names of the facts that hold, lists by their names."""
    names = {bit: name for name, bit in fact_names().items()}
    for name, item in state.lists.items():
        names[caller_in(item.index)] = f"caller.in.{name}"
        names[callee_in(item.index)] = f"callee.in.{name}"
    return [names.get(bit, f"bit {bit}") for bit in range(256) if facts >> bit & 1]


def shown_text(text: tuple[bytes, bytes] | None) -> str:
    """A label as the callee's telephone shows it: the content of the quoted-string, unescaped."""
    return re.sub(r"\\(.)", r"\1", text[0].decode("utf-8", "replace")) if text else ""


def explain(state: RuleState, world: World, texts: Texts, config: Config, r: Explain) -> dict[str, Any]:
    """In the control thread."""
    trunk = trunk_named(config, r.trunk)
    datagram, source = request_for(config, trunk, r)
    d = world.decide(datagram, source, now_s=state.now_s)
    rules = state.policy.rules
    rule = None if d["rule"] is None else rules[d["rule"]]
    facts = fact_texts(state, d["facts"])
    wanted = set(rule.when) if rule else set()
    evidence = [f"{fact} holds" for fact in facts if fact in wanted]
    evidence += [f"{fact[1:]} does not hold" for fact in sorted(wanted) if fact.startswith("!")]
    parties: tuple[str, ...] = ("caller", "callee")
    if d["reason"] == "emergency":
        evidence, parties = ["the emergency bypass decided, before any rule and any list"], ()
    for party in parties:
        if not d[party]:
            continue
        for name, found in state.find(d[party]).items():
            words = ", ".join(f"{k} {v}" for k, v in state.describe(found.entry.attr).items())
            entry = found.entry.text + (f" ({words})" if words else "")
            evidence.append(f"{party} is in {name}: {entry}")
    shown = shown_text(texts.get(d["text"]))
    return {
        "action": d["action"],
        "reason": d["reason"],
        "code": d["code"],
        "rule": rule.name if rule else None,
        "shadow": None if d["shadow"] is None else rules[d["shadow"]].name,
        "caller": key_text(d["caller"]) if d["caller"] else "",
        "presented": key_text(d["presented"]) if d["presented"] else "",
        "callee": key_text(d["callee"]) if d["callee"] else "",
        "trunk": trunk.name,
        "hop": None if d["hop"] is None else config.hops[d["hop"]].name,
        "facts": facts,
        "evidence": evidence,
        "shown": shown,
        "screened": d["screened"],
        "decision_ns": d["latency_ns"],
        "rules_seq": state.seq,
    }
