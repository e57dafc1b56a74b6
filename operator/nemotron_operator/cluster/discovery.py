"""Which of the optional kinds the API server knows."""

from collections import defaultdict

from nemotron_operator.cluster.gateway import ClusterGateway
from nemotron_operator.cluster.kinds import OPTIONAL_KINDS, ApiKind


async def find_served_kinds(gateway: ClusterGateway) -> frozenset[ApiKind]:
    """Ask the API server which optional kinds it serves.

    Raises
    ------
    ClusterError
        It does not answer; what was known before still counts.
    """
    groups = await gateway.list_group_versions()
    wanted: dict[str, list[ApiKind]] = defaultdict(list)
    for kind in OPTIONAL_KINDS:
        if kind.api_version in groups:
            wanted[kind.api_version].append(kind)
    served: set[ApiKind] = set()
    for kinds in wanted.values():
        plurals = await gateway.list_resources(kinds[0])
        served.update(kind for kind in kinds if kind.plural in plurals)
    return frozenset(served)
