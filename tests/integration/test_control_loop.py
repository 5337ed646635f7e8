"""The pair of loops (DESIGN 4): the main loop is uvloop, the control thread's is a standard one for pyroute2.

uvloop refuses netlink sockets (uvloop #676, pyroute2 #1335): with a uvloop on the control thread this breaks.
"""

import asyncio
import socket
import threading
from pathlib import Path
from typing import Any

import pytest
import uvloop
from pyroute2 import AsyncIPRoute

from tests.support.rules import running


async def loopback_links() -> tuple[list[str], type[asyncio.AbstractEventLoop], str]:
    async with AsyncIPRoute() as netlink:
        lo = socket.if_nametoindex("lo")
        names = [link.get("ifname") async for link in await netlink.link("dump") if link["index"] == lo]
    return names, type(asyncio.get_running_loop()), threading.current_thread().name


def on_uvloop(main: Any) -> Any:
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(main)


def test_pyroute2_works_on_the_control_loop_while_the_main_loop_is_uvloop(tmp_path: Path) -> None:
    async def main() -> None:
        assert isinstance(asyncio.get_running_loop(), uvloop.Loop)
        async with running(tmp_path) as (control, _):
            names, loop, thread = await control.run(loopback_links)
        assert names == ["lo"]
        assert loop is asyncio.SelectorEventLoop
        assert thread == "cw-control"

    on_uvloop(main())


def test_a_fault_in_the_control_thread_reaches_its_caller(tmp_path: Path) -> None:
    async def main() -> None:
        async with running(tmp_path) as (control, _):
            with pytest.raises(ZeroDivisionError):
                await control.ask(lambda state: 1 // state.seq)
            assert await control.ask(lambda state: state.seq) == 0

    on_uvloop(main())
