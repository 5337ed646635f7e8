"""lists: numbers, prefixes and ranges, and the sets they are in."""

from __future__ import annotations

from typing import Any

import click
from rich.table import Table

from gateway.commands.common import App, attributes, options, when
from gateway.commands.status import lists_table


@click.group(short_help="Numbers: add, remove, import, find, show, define, clear.")
def lists() -> None:
    """Lists of numbers, prefixes and ranges.

    A change is in force when the command returns: the running gateway enforces it on the very next call.
    """


@lists.command(short_help="Add entries.")
@options
@click.argument("name")
@click.argument("entries", nargs=-1, required=True)
@attributes
def add(app: App, name: str, entries: tuple[str, ...], **attrs: Any) -> None:
    """Add ENTRIES to the list NAME. An entry that is there already takes the new attributes.

    \b
    +8613800000001                a number
    13800000001                   the same, by the dial plan of the first trunk
    1380000*                      every number that begins so
    +331626210##                  every number of this length that begins so
    13800000000-13800009999       a range, both ends included

    \b
    callwarden lists add fraud +8613800000001
    callwarden lists add fraud '1700000*' --category sim-farm --expires 30d
    callwarden lists add allow +8675588888888 --note "hospital switchboard"
    """
    answer = app.call("lists_add", name=name, entries=list(entries), **attrs)
    app.applied(answer, f"{name}: {_count(len(entries))} given")


@lists.command(short_help="Remove entries.")
@options
@click.argument("name")
@click.argument("entries", nargs=-1, required=True)
def remove(app: App, name: str, entries: tuple[str, ...]) -> None:
    """Remove ENTRIES from the list NAME. A number that only a prefix covers stays covered.

    \b
    callwarden lists remove fraud +8613800000001
    """
    answer = app.call("lists_remove", name=name, entries=list(entries))
    app.applied(answer, f"{name}: {_count(len(entries))} given")


@lists.command(name="import", short_help="Import a file: CSV or one entry a line.")
@options
@click.argument("name")
@click.argument("file", type=click.File("rb"))
@click.option("--skip-bad", is_flag=True, help="Import the good lines although there are bad ones.")
@attributes
def import_(app: App, name: str, file: Any, skip_bad: bool, **attrs: Any) -> None:
    """Import FILE ("-" is standard input) into the list NAME.

    \b
    plain text   one entry a line, # begins a comment
    CSV          a header row names the columns: number,category,score,source,expiry,note

    Nothing is imported when a line is bad, unless --skip-bad. Columns that are missing or empty take the
    options' values.

    \b
    callwarden lists import fraud numbers.txt --source 12321
    zcat dump.csv.gz | callwarden lists import suspect - --skip-bad
    """
    from gateway.importing import import_file

    import_file(app, name, file, skip_bad, attrs)


@lists.command(short_help="Which lists hold a number.")
@options
@click.argument("number")
def find(app: App, number: str) -> None:
    """Show the entries that NUMBER matches, in all lists. Exit code 0 whether or not there are any.

    \b
    callwarden lists find 13800000001
    """
    data = app.call("find", number=number)

    def human() -> None:
        if not data["hits"]:
            app.out.print(f"{data['number']} is in no list", markup=False)
            return
        app.out.print(f"{data['number']} is in", markup=False)
        app.out.print(entries_table(data["hits"], "list"))

    app.show(data, human)


@lists.command(short_help="All lists, or the entries of one.")
@options
@click.argument("name", required=False)
@click.option(
    "--limit", type=click.IntRange(1, 10_000), default=100, show_default=True, help="Entries a page."
)
@click.option("--after", default="", help="Continue: the `next` of the page before.")
def show(app: App, name: str | None, limit: int, after: str) -> None:
    """Show all lists, or one page of the entries of NAME.

    \b
    callwarden lists show
    callwarden lists show fraud --limit 1000
    """
    if name is None:
        data = app.call("lists")
        app.show(data, lambda: app.out.print(lists_table(data["lists"])))
        return
    data = app.call("lists_show", name=name, limit=limit, after=after)

    def human() -> None:
        app.out.print(entries_table(data["entries"], None))
        if data["next"]:
            app.note(f"more: callwarden lists show {name} --after {data['next']}")

    app.show(data, human)


@lists.command(short_help="Make a list.")
@options
@click.argument("name")
@click.argument("kind", type=click.Choice(["allow", "deny", "card", "watch"]))
def define(app: App, name: str, kind: str) -> None:
    """Make the list NAME. Its KIND says what the guards watch over: allow, deny, card or watch.

    \b
    callwarden lists define loan-sharks deny
    """
    answer = app.call("lists_define", name=name, kind=kind)
    app.applied(answer, f"{name} ({kind})")


@lists.command(short_help="Remove every entry of a list.")
@options
@click.argument("name")
@click.option("--yes", is_flag=True, help="Do not ask.")
def clear(app: App, name: str, yes: bool) -> None:
    """Remove every entry of the list NAME, in one swap.

    \b
    callwarden lists clear suspect --yes
    """
    if not yes:
        click.confirm(f"Remove every entry of {name}?", abort=True, err=True)
    answer = app.call("lists_clear", name=name)
    app.applied(answer, f"{name} cleared")


def entries_table(entries: list[dict[str, Any]], first: str | None) -> Table:
    columns = ["entry", "category", "score", "source", "expires", "note"]
    table = Table(*([first] if first else []), *columns, box=None, pad_edge=False)
    for e in entries:
        cells = [
            e["entry"],
            e.get("category", ""),
            str(e.get("score") or ""),
            e.get("source", ""),
            when(e.get("expiry_s", 0)),
            e.get("note", ""),
        ]
        table.add_row(*([e[first]] if first else []), *cells)
    return table


def _count(n: int) -> str:
    return "1 entry" if n == 1 else f"{n} entries"


def register(group: click.Group) -> None:
    group.add_command(lists)
