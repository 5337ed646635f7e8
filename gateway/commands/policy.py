"""policy: the ordered rules."""

from __future__ import annotations

from typing import Any

import click

from gateway.commands.common import App, options

FILE = click.File("r", encoding="utf-8")


@click.group(short_help="Rules: show, check, push, promote.")
def policy() -> None:
    """The policy: ordered rules over facts; the first enforced rule that matches decides.

    A rule in mode "shadow" is evaluated and counted, and never acts: push a new rule as shadow, look at what
    it would have done (callwarden top), then promote it.
    """


@policy.command(short_help="The rules in force.")
@options
def show(app: App) -> None:
    """Print the policy in force, as it was pushed.

    \b
    callwarden policy show > policy.toml
    """
    data = app.call("policy")
    app.show(data, lambda: click.echo(data["text"], nl=not data["text"].endswith("\n")))


@policy.command(short_help="Check a policy without pushing it.")
@options
@click.argument("file", type=FILE)
def check(app: App, file: Any) -> None:
    """Check FILE ("-" is standard input) against the lists and guards; exit code 1 when it would be refused.

    \b
    callwarden policy check policy.toml
    """
    data = app.call("policy_check", text=file.read())
    app.show(data, lambda: _print(app, data, "good"))


@policy.command(short_help="Put a policy in force.")
@options
@click.argument("file", type=FILE)
def push(app: App, file: Any) -> None:
    """Put the policy in FILE ("-" is standard input) in force. A bad one is refused whole, the old one stays.

    \b
    callwarden policy push policy.toml
    """
    answer = app.call("policy_put", text=file.read())
    app.applied(answer, "policy")
    if not app.as_json:
        _remarks(app, answer)


@policy.command(short_help="Let a shadow rule act.")
@options
@click.argument("rule")
@click.option("--demote", is_flag=True, help="The other way: back to shadow.")
def promote(app: App, rule: str, demote: bool) -> None:
    """Switch RULE from shadow to enforce (or back with --demote).

    \b
    callwarden policy promote spoofed-domestic
    callwarden policy promote spoofed-domestic --demote
    """
    mode = "shadow" if demote else "enforce"
    answer = app.call("policy_mode", rule=rule, mode=mode)
    app.applied(answer, f"{rule}: {mode}")


def _print(app: App, data: dict[str, Any], word: str) -> None:
    names = data["rules"]
    app.out.print(f"{word}: {len(names)} rules: {', '.join(names)}", markup=False)
    _remarks(app, data)


def _remarks(app: App, data: dict[str, Any]) -> None:
    for remark in data.get("warnings", []):
        app.out.print(f"  note: {remark}", markup=False)


def register(group: click.Group) -> None:
    group.add_command(policy)
