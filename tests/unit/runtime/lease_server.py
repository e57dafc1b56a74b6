"""One Lease as the API server keeps it, and what a network can do on the way there."""

import asyncio
from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any, TypeVar

from nemotron_operator.runtime.election import Lease, LeaseConflictError

T = TypeVar("T")


@dataclass
class LeaseServer:
    """The truth: one Lease, with optimistic locking."""

    lease: Lease | None = None
    version: int = 0
    written: list[Lease] = field(default_factory=list)

    @property
    def spec(self) -> dict[str, Any]:
        assert self.lease is not None
        spec: dict[str, Any] = self.lease["spec"]
        return spec

    def read(self) -> Lease | None:
        return deepcopy(self.lease)

    def create(self, lease: Lease) -> Lease:
        if self.lease is not None:
            raise LeaseConflictError("it exists")
        return self._store(lease)

    def replace(self, lease: Lease) -> Lease:
        if self.lease is None:
            raise RuntimeError("404")
        if lease["metadata"]["resourceVersion"] != self.lease["metadata"]["resourceVersion"]:
            raise LeaseConflictError("it has changed")
        return self._store(lease)

    def edit(self, **spec: object) -> None:
        """Change it as somebody with kubectl does."""
        assert self.lease is not None
        self._store({**self.lease, "spec": {**self.spec, **spec}})

    def _store(self, lease: Lease) -> Lease:
        self.version += 1
        metadata = {"name": "nemotron-operator", "resourceVersion": str(self.version)}
        self.lease = {**deepcopy(lease), "metadata": metadata}
        self.written.append(self.lease)
        return deepcopy(self.lease)


@dataclass
class Network:
    """One process's way to the server: a `LeaseStore` with delays and losses."""

    server: LeaseServer
    seconds_each_way: float = 0.0
    refuses: bool = False
    loses_answers: bool = False
    land_late: Callable[[Callable[[], object]], None] | None = None
    """What happens to a request that its sender gave up: by default it is gone, but it may also arrive later."""

    async def read(self) -> Lease | None:
        return await self._send(self.server.read)

    async def create(self, lease: Lease) -> Lease:
        return await self._send(lambda: self.server.create(lease))

    async def replace(self, lease: Lease) -> Lease:
        return await self._send(lambda: self.server.replace(lease))

    async def _send(self, request: Callable[[], T]) -> T:
        if self.refuses:
            raise ConnectionRefusedError
        try:
            await asyncio.sleep(self.seconds_each_way)
        except asyncio.CancelledError:
            if self.land_late is not None:
                self.land_late(request)
            raise
        answer = request()
        await asyncio.sleep(self.seconds_each_way)
        if self.loses_answers:
            raise ConnectionResetError
        return answer
