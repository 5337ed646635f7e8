"""Configuration and rules to a World: what the data plane holds, built aside, swapped in by one pointer.

A world is built whole each time: trunks, hops and listeners by the configuration, lists and masks by the
rules. Order matters and is the same everywhere: a hop's index is its place in the configuration, a health
slot counts the targets of all hops (Config.health_slots), a list's index is the order in which lists were
defined.
"""

from gateway.config import Config
from gateway.guards import configured
from gateway.labels import LabelError, check_markers
from gateway.rules import RuleState
from native.tables import Rcu
from native.world import Texts, World


class WorldError(Exception):
    """The configuration makes no world; the text says which part."""


def hop_indices(config: Config) -> dict[str, int]:
    return {hop.name: index for index, hop in enumerate(config.hops)}


def build_world(config: Config, rules: RuleState, *, rcu: Rcu, texts: Texts, secret: bytes) -> World:
    """WorldError names the part of the configuration that cannot be used."""
    world = World(rcu, texts, secret=secret, rules_seq=rules.world_seq)
    try:
        where = "listener"
        for listener in config.listeners:
            where = f"listener {listener.name}"
            at = listener.address
            world.add_listener(at.host, at.port, *listener.sent_by)
        for name in config.node.aliases:
            where = f"node.aliases: {name}"
            world.add_name(name)
        slot = 0
        for hop in config.hops:
            where = f"hop {hop.name}"
            world.add_hop([(at.host, at.port, slot + n) for n, at in enumerate(hop.addresses)])
            slot += len(hop.addresses)
        hops = hop_indices(config)
        for trunk in config.trunks:
            where = f"trunk {trunk.name}"
            index = world.add_trunk(
                trunk_class=trunk.trunk_class,
                trusted=trunk.trust_identity,
                country_code=int(trunk.country_code),
                area=trunk.area_code,
                bare_is_foreign=trunk.bare_is_foreign,
                strip=trunk.strip_prefixes,
                hop=hops[trunk.next_hop],
                record_route=trunk.record_route,
                label=trunk.label,
            )
            for network in trunk.sources:
                world.add_source(index, network)
        where = "labels.markers"
        for marker in check_markers(config.labels.markers):
            world.add_marker(marker)
        where = "emergency"
        world.set_emergency(configured(config.emergency.callees), configured(config.emergency.psap_callers))
        where = "lists"
        for item in rules.lists.values():
            world.add_list(item.table, item.kind)
        where = "policy"
        world.set_policy(rules.compiled.rules)
    except (ValueError, KeyError, LabelError) as fault:
        raise WorldError(f"{where}: {fault}") from None
    return world
