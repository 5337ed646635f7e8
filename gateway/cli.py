"""`callwarden`: the command line. Commands are the modules of gateway/commands; this file only gathers them.

Exit codes: 0 done, 1 refused or failed, 2 bad usage or configuration.
"""

from __future__ import annotations

import importlib
import pkgutil

import click

from gateway import __version__, commands


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="callwarden")
def main() -> None:
    """Callwarden screens, labels and intercepts calls inline on SIP signalling.

    \b
    callwarden run                                   start the gateway (built-in default: all on loopback)
    callwarden call +8613800000001 +8613900000002    place a real call through it
    callwarden lists add fraud +8613800000001        from now on this caller is intercepted
    callwarden explain +8613800000001 +8613900000002 say why

    Every command reads -c/--config FILE, $CALLWARDEN_CONFIG, ./callwarden.toml or
    /etc/callwarden/callwarden.toml, else the built-in default, and prints JSON with --json.
    """


for _module in sorted(m.name for m in pkgutil.iter_modules(commands.__path__)):
    if _register := getattr(importlib.import_module(f"gateway.commands.{_module}"), "register", None):
        _register(main)


if __name__ == "__main__":
    main()
