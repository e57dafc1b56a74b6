"""An API server in memory that knows some groups, and some plurals of each."""

from typing_extensions import override

from nemotron_operator.cluster.kinds import ApiKind
from tests.support.memory_gateway import MemoryGateway


class DiscoveredGateway(MemoryGateway):
    """Tells which kinds it knows; the lists of the others fail only where a test says so."""

    @override
    def __init__(self, resources: dict[str, set[str]]) -> None:
        super().__init__()
        self.resources = resources
        """Plurals by group and version."""

    @override
    async def list_group_versions(self) -> frozenset[str]:
        return frozenset(self.resources)

    @override
    async def list_resources(self, kind: ApiKind) -> frozenset[str]:
        return frozenset(self.resources[kind.api_version])
