"""Fixtures of the integration suite: real processes on free loopback ports, each fresh for its test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.gateway import GatewayUnderTest
from tests.support.process import free_port


@pytest.fixture
def callee_port() -> int:
    """Where the gateway's next hop, and so the called party, is."""
    return free_port()


@pytest.fixture
def gateway(callee_port: int) -> Iterator[GatewayUnderTest]:
    with GatewayUnderTest(callee_port) as running:
        yield running
