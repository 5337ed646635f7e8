"""What all commands share: the options -c and --json, error lines, exit codes, the way to the gateway."""

from __future__ import annotations

import asyncio
import functools
import os
import sys
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

import click
import msgspec

from gateway.config import Config, ConfigError, Log
from gateway.configfile import find_config, load_config
from gateway.expiry import parse_expiry

if TYPE_CHECKING:
    from rich.console import Console

    from gateway.admin.client import Gateway

T = TypeVar("T")
OK, FAILED, USAGE = 0, 1, 2


class Failed(Exception):
    """The command failed or was refused: one line for the operator, exit code 1."""


class App:
    """One invocation: its configuration (read when first asked for) and its output."""

    def __init__(self, config_option: str | None, as_json: bool) -> None:
        self._option = config_option
        self.as_json = as_json

    @functools.cached_property
    def out(self) -> Console:
        from rich.console import Console

        return Console(soft_wrap=True, highlight=False)

    @functools.cached_property
    def err(self) -> Console:
        from rich.console import Console

        return Console(stderr=True, soft_wrap=True, highlight=False)

    @functools.cached_property
    def config(self) -> Config:
        return self.read_config()

    def read_config(self) -> Config:
        return load_config(find_config(self._option, os.environ))

    def json(self, data: Any) -> None:
        sys.stdout.buffer.write(msgspec.json.encode(data) + b"\n")
        sys.stdout.buffer.flush()

    def show(self, data: Any, human: Callable[[], None]) -> None:
        """The data as JSON, or what `human` prints."""
        if self.as_json:
            self.json(data)
        else:
            human()

    def note(self, text: str) -> None:
        """A remark for the person, kept out of the output."""
        self.err.print(text, style="dim", markup=False)

    def gateway(
        self, work: Callable[[Gateway], Awaitable[T]], *, only_running: bool = False, reading: bool = False
    ) -> T:
        """Run `work` with the running gateway, or the feed itself (and say so). `reading`: it changes
        nothing.
        """
        from gateway import logs
        from gateway.admin.client import connect

        logs.configure(Log(level="warning"))

        async def run() -> T:
            async with connect(self.config, only_running=only_running, reading=reading) as gateway:
                if gateway.empty:
                    self.note(
                        f"no gateway is running, no feed in {self.config.state_path}: this is what ships"
                    )
                elif not gateway.running:
                    self.note(f"no gateway is running: working on the feed in {self.config.state_path}")
                return await work(gateway)

        return asyncio.run(run())

    def call(self, op: str, *, only_running: bool = False, **params: Any) -> Any:
        from gateway.admin.api import READS

        return self.gateway(
            lambda gateway: gateway.call(op, **params), only_running=only_running, reading=op in READS
        )

    def applied(self, answer: dict[str, Any], what: str) -> None:
        """One line about a change that is in force."""

        def human() -> None:
            took = (
                f"enforced in {answer['enforced_us'] / 1000:.2f} ms" if answer["running"] else "in the feed"
            )
            self.out.print(f"{what}: {answer['changed']} changed, {took} (seq {answer['seq']})", markup=False)

        self.show(answer, human)


def options(command: Callable[..., None]) -> Callable[..., None]:
    """Adds -c and --json and passes an App first; turns errors into lines and exit codes."""

    @click.option("-c", "--config", "config_option", metavar="FILE", help="Configuration file.")
    @click.option("--json", "as_json", is_flag=True, help="Print JSON.")
    @functools.wraps(command)
    def wrapped(*args: Any, config_option: str | None, as_json: bool, **kwargs: Any) -> None:
        app = App(config_option, as_json)
        try:
            command(app, *args, **kwargs)
        except ConfigError as e:
            for fault in e.faults:
                click.echo(str(fault), err=True)
            sys.exit(USAGE)
        except KeyboardInterrupt:
            sys.exit(130)
        except BrokenPipeError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # nobody reads any more
            sys.exit(FAILED)
        except Failed as e:
            _fail(app, "failed", str(e))
        except Exception as e:
            from gateway.admin.client import ApiError, NotRunning
            from gateway.feed import FeedError

            if isinstance(e, ApiError):
                _fail(app, e.code, str(e))
            if isinstance(e, NotRunning | FeedError | OSError):
                _fail(app, "not-running" if isinstance(e, NotRunning) else "failed", str(e))
            raise

    return wrapped


def _fail(app: App, code: str, message: str) -> NoReturn:
    if app.as_json:
        app.json({"error": {"code": code, "message": message}})
    click.echo(f"callwarden: {message}", err=True)
    sys.exit(FAILED)


class Expiry(click.ParamType[int]):
    name = "when"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        try:
            return value if isinstance(value, int) else parse_expiry(str(value), time.time())
        except ValueError as e:
            self.fail(str(e), param, ctx)


def attributes(command: Callable[..., None]) -> Callable[..., None]:
    """--category --score --source --note --expires."""
    for option in (
        click.option(
            "--expires", "expiry_s", type=Expiry(), default=0, help="30d, 12h or a date: 2027-01-01."
        ),
        click.option("--note", default="", help="Free text, for people."),
        click.option("--source", default="", help="Who says so."),
        click.option("--score", type=click.IntRange(0, 255), default=0, help="0-255."),
        click.option("--category", default="", help="What kind of caller it is."),
    ):
        command = option(command)
    return command


def when(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%MZ") if seconds else ""
