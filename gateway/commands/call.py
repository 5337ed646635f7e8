"""call: a real call through the gateway with pjsua2."""

from __future__ import annotations

import asyncio
import importlib.util
import ipaddress
from typing import TYPE_CHECKING, Any

import click
import msgspec

from gateway.commands.common import App, Failed, options
from gateway.config import Config, split_host_port

if TYPE_CHECKING:
    from sip.harness.call import CallReport

MISSING = (
    "placing calls needs pjsua2, which is not installed: pip install 'callwarden[harness]' "
    "(Linux x86-64, CPython up to 3.12)"
)


@click.command(short_help="Place a real call through the gateway.")
@options
@click.argument("caller")
@click.argument("callee")
@click.option("--gateway", metavar="HOST:PORT", default="", help="Default: the first listener.")
@click.option(
    "--callee-port", type=click.IntRange(0, 65535), default=None, help="Default: the next hop's port."
)
@click.option(
    "--talk", "talk_s", type=click.FloatRange(0, 3600), default=0.5, show_default=True, help="Seconds."
)
@click.option(
    "--ring", "ring_s", type=click.FloatRange(0, 600), default=0.2, show_default=True, help="Seconds."
)
@click.option("--raw", is_flag=True, help="Print the INVITE that the callee got.")
def call(app: App, caller: str, callee: str, callee_port: int | None, raw: bool, **given: Any) -> None:
    """Place a real call from CALLER to CALLEE through the gateway, and print what each end saw.

    Two pjsua2 telephones are started for it: the callee's stands where the gateway's next hop points to.
    Exit code 0 when the call was answered, 1 when it was rejected.

    \b
    callwarden call +8613800000001 +8613900000002
    callwarden call +8613800000001 +8613900000002 --json
    """
    if importlib.util.find_spec("pjsua2") is None:
        raise Failed(MISSING)
    from sip.harness.call import place_call
    from sip.harness.control import AgentError

    host, port = _gateway(app.config, given["gateway"])
    to_host, to_port = _callee(app.config, host)
    try:
        report = asyncio.run(
            place_call(
                caller,
                callee,
                host,
                port,
                to_port if callee_port is None else callee_port,
                ring_s=given["ring_s"],
                talk_s=given["talk_s"],
                callee_host=to_host,
            )
        )
    except AgentError as e:
        raise Failed(str(e)) from None
    data = msgspec.to_builtins(report)
    if not raw and data["callee_saw"] is not None:
        del data["callee_saw"]["raw"]
    app.show(data, lambda: _print(app, report, raw))
    if not report.answered:
        raise SystemExit(1)


def _gateway(config: Config, given: str) -> tuple[str, int]:
    try:
        host, port = split_host_port(given) if given else config.listeners[0].sent_by
    except ValueError as e:
        raise click.UsageError(str(e)) from None
    return host, port


def _callee(config: Config, gateway_host: str) -> tuple[str, int]:
    """Where the callee's telephone must stand: the next hop of the trunk that a local caller falls into."""
    try:
        source = ipaddress.ip_address(gateway_host)
    except ValueError:
        source = ipaddress.ip_address("127.0.0.1")
    for trunk in config.trunks:
        if any(source in ipaddress.ip_network(s) for s in trunk.sources):
            hop = next(h for h in config.hops if h.name == trunk.next_hop)
            return hop.addresses[0].host, hop.addresses[0].port
    raise Failed(f"no trunk takes calls from {source}: add one to the configuration")


def _print(app: App, report: CallReport, raw: bool) -> None:
    def ms(us: int | None) -> str:
        return "-" if us is None else f"{us / 1000:.1f} ms"

    def line(text: str) -> None:
        app.out.print(text, markup=False)

    line(
        f"caller: {report.code} {report.reason} after {ms(report.final_us)}, "
        f"first answer after {ms(report.first_response_us)}"
    )
    for reason in report.reason_headers:
        line(f"        Reason: {reason}")
    saw = report.callee_saw
    if saw is None:
        line("callee: its telephone never rang")
        return
    line(f"callee: rang, saw {saw.display_name or 'no name'} <{saw.from_uri}>")
    for name, values in (("P-Asserted-Identity", saw.p_asserted_identity), ("Call-Info", saw.call_info)):
        for value in values:
            line(f"        {name}: {value}")
    line(f"ended by: {report.ended_by}")
    if raw:
        line("\n" + saw.raw)


def register(group: click.Group) -> None:
    group.add_command(call)
