"""cards: authoritative caller labels."""

from __future__ import annotations

from typing import Any

import click
from rich.table import Table

from gateway.commands.common import App, Expiry, options, when


@click.group(short_help="Cards: who is really calling.")
def cards() -> None:
    """Cards: what the called person sees instead of bare digits, by authority of the platform."""


@cards.command(short_help="Give numbers a card.")
@options
@click.argument("title")
@click.argument("entries", nargs=-1, required=True)
@click.option("--organisation", default="", help="Shown before the name.")
@click.option("--reason", default="", help="Why they call (Call-Info call-reason), at most 64 characters.")
@click.option("--icon", default="", help="https URL of a picture.")
@click.option("--category", default="", help="What kind of caller it is.")
@click.option("--source", default="", help="Who says so.")
@click.option("--note", default="", help="Free text, for people.")
@click.option("--expires", "expiry_s", type=Expiry(), default=0, help="30d, 12h or a date: 2027-01-01.")
@click.option("--list", "list_", default="card", show_default=True, help="The list of cards.")
def add(app: App, title: str, entries: tuple[str, ...], list_: str, **fields: Any) -> None:
    """Show TITLE on calls from ENTRIES (numbers, prefixes, ranges). With the organisation at most 48 bytes.

    \b
    callwarden cards add 反诈中心 +861096110 --organisation 北京市公安局 --reason 反诈劝阻
    """
    answer = app.call("cards_add", title=title, entries=list(entries), into=list_, **fields)
    app.applied(answer, f"card '{title}'")


@cards.command(short_help="Take cards away.")
@options
@click.argument("entries", nargs=-1, required=True)
@click.option("--list", "list_", default="card", show_default=True, help="The list of cards.")
def remove(app: App, entries: tuple[str, ...], list_: str) -> None:
    """Remove the cards of ENTRIES.

    \b
    callwarden cards remove +861096110
    """
    answer = app.call("cards_remove", entries=list(entries), into=list_)
    app.applied(answer, "cards removed")


@cards.command(short_help="Show the cards.")
@options
@click.option("--list", "list_", default="card", show_default=True, help="The list of cards.")
@click.option("--limit", type=click.IntRange(1, 10_000), default=100, show_default=True, help="Cards a page.")
@click.option("--after", default="", help="Continue: the `next` of the page before.")
def show(app: App, list_: str, limit: int, after: str) -> None:
    """Show one page of cards.

    \b
    callwarden cards show
    """
    data = app.call("cards_show", name=list_, limit=limit, after=after)

    def human() -> None:
        table = Table(
            "entry", "shown", "reason", "category", "source", "expires", "note", box=None, pad_edge=False
        )
        for e in data["entries"]:
            shown = " ".join(x for x in (e.get("organisation", ""), e.get("name", "")) if x)
            rest = (e.get(k, "") for k in ("reason", "category", "source"))
            table.add_row(e["entry"], shown, *rest, when(e.get("expiry_s", 0)), e.get("note", ""))
        app.out.print(table)
        if data["next"]:
            app.note(f"more: callwarden cards show --after {data['next']}")

    app.show(data, human)


def register(group: click.Group) -> None:
    group.add_command(cards)
