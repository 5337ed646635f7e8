"""run, check: the daemon, and validation without it."""

from __future__ import annotations

import sys

import click

from gateway.commands.common import App, options
from gateway.config import Config


@click.command(short_help="Start the gateway.")
@options
def run(app: App) -> None:
    """Start the gateway in the foreground.

    Without a configuration everything is on loopback: it listens on udp:127.0.0.1:5060 and passes calls on to
    udp:127.0.0.1:5070.

    \b
    SIGTERM, Ctrl-C   answer OPTIONS with 503 for node.drain_s, then stop; a second one stops at once
    SIGHUP            read the configuration again; a bad one changes nothing

    \b
    callwarden run
    callwarden run -c /etc/callwarden/callwarden.toml
    """
    config = app.config
    from gateway import daemon

    sys.exit(daemon.run(config, app.read_config))


@click.command(short_help="Check the configuration.")
@options
def check(app: App) -> None:
    """Check the configuration: every fault on a line with file, line and key; exit code 2 if there is one.

    \b
    callwarden check -c callwarden.toml
    """
    config = app.config
    app.show(
        {
            "ok": True,
            "file": config.path or "built-in",
            "listeners": [x.bind for x in config.listeners],
            "trunks": [x.name for x in config.trunks],
            "hops": [x.name for x in config.hops],
            "state_dir": config.node.state_dir,
        },
        lambda: _print(app, config),
    )


def _print(app: App, config: Config) -> None:
    app.out.print(f"{config.path or 'built-in default'}: good", markup=False)
    for listener in config.listeners:
        host, port = listener.sent_by
        app.out.print(
            f"  listener {listener.name}: {listener.bind}, known to peers as {host}:{port}", markup=False
        )
    for trunk in config.trunks:
        belief = "identity trusted" if trunk.trust_identity else "identity not trusted"
        app.out.print(
            f"  trunk {trunk.name}: {trunk.trunk_class}, from {', '.join(trunk.sources)}, {belief}, "
            f"calls go to {trunk.next_hop}",
            markup=False,
        )
    for hop in config.hops:
        app.out.print(f"  hop {hop.name}: {', '.join(hop.targets)}, probe {hop.probe}", markup=False)
    app.out.print(f"  state in {config.node.state_dir}", markup=False)


def register(group: click.Group) -> None:
    group.add_command(run)
    group.add_command(check)
