"""The Lease by which the replicas of the operator choose one that acts."""

from dataclasses import dataclass
from typing import Any

from nemotron_operator.cluster.gateway import ClusterGateway
from nemotron_operator.cluster.kinds import LEASE
from nemotron_operator.errors import ConflictError
from nemotron_operator.runtime.election import Lease, LeaseConflictError


@dataclass(frozen=True, slots=True)
class ApiLeaseStore:
    """Reads and writes one Lease in the API."""

    gateway: ClusterGateway
    namespace: str
    name: str

    async def read(self) -> Lease | None:
        """Read the Lease; None when nobody has made it yet."""
        return await self.gateway.get(LEASE, self.namespace, self.name)

    async def create(self, lease: Lease) -> Lease:
        """Create the Lease; LeaseConflictError when somebody was faster."""
        body: dict[str, Any] = {
            **lease,
            "apiVersion": LEASE.api_version,
            "kind": LEASE.name,
            "metadata": {**lease.get("metadata", {}), "name": self.name, "namespace": self.namespace},
        }
        try:
            return await self.gateway.create(LEASE, body)
        except ConflictError as error:
            raise LeaseConflictError(str(error)) from error

    async def replace(self, lease: Lease) -> Lease:
        """Replace the Lease as it was read; LeaseConflictError when it changed since."""
        try:
            return await self.gateway.replace(LEASE, dict(lease))
        except ConflictError as error:
            raise LeaseConflictError(str(error)) from error
