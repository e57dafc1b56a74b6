"""Tests of the runtime run in virtual time, but for those that open a socket."""

import asyncio
from collections.abc import Callable, Mapping

import pytest

from tests.unit.runtime.virtual_time import VirtualTimeLoop

REAL_TIME_MODULES = {"test_http_server.py"}


def pytest_asyncio_loop_factories(
    config: pytest.Config,  # noqa: ARG001 - pytest-asyncio's hook
    item: pytest.Item,
) -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    if item.path.name in REAL_TIME_MODULES:
        return {"real time": asyncio.new_event_loop}
    return {"virtual time": VirtualTimeLoop}
