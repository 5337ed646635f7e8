"""explain: the facts, the rule, the evidence."""

from __future__ import annotations

from typing import Any

import click

from gateway.commands.common import App, options


@click.command(short_help="Say what would happen to a call, and why.")
@options
@click.argument("caller")
@click.argument("callee")
@click.option("--trunk", default="", help="The trunk that the call comes from; default: the first one.")
@click.option("--presented", default="", help="What From says, when it differs from the asserted caller.")
@click.option("--method", type=click.Choice(["INVITE", "MESSAGE"]), default="INVITE", show_default=True)
def explain(app: App, **call: Any) -> None:
    """Say what would happen to a call from CALLER to CALLEE, and why, as the data plane computes it.

    \b
    callwarden explain +8613800000001 +8613900000002
    callwarden explain 008613800000001 +8613900000002 --trunk intl
    """
    data = app.call("explain", **call)

    def human() -> None:
        def line(text: str) -> None:
            app.out.print(text, markup=False)

        code = f" {data['code']}" if data.get("code") else ""
        rule = f"rule {data['rule']}" if data.get("rule") else data["reason"]
        line(f"{data['action']}{code}: {rule}")
        line(f"  caller  {data['caller'] or 'none'}")
        if data["presented"] not in ("", data["caller"]):
            line(f"  shown   {data['presented']}")
        line(f"  callee  {data['callee'] or 'none'}")
        line(f"  trunk   {data['trunk']}")
        line(f"  facts   {', '.join(data['facts']) or 'none'}")
        if data.get("shadow"):
            line(f"  shadow  {data['shadow']} would have matched first")
        for item in data.get("evidence", []):
            line(f"  because {item}")
        if data.get("shown"):
            line(f"  label   {data['shown']}")
        line(f"  rules   seq {data['rules_seq']}")

    app.show(data, human)


def register(group: click.Group) -> None:
    group.add_command(explain)
