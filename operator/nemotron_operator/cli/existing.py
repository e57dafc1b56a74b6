"""Reading one object that a person named: where there is none of that name, tell what there is."""

from difflib import get_close_matches

from nemotron_operator.cli.cluster_access import explained
from nemotron_operator.cluster.cache import KubernetesObject
from nemotron_operator.cluster.gateway import ClusterGateway
from nemotron_operator.cluster.kinds import NEMOTRON
from nemotron_operator.constants import KIND
from nemotron_operator.errors import OperatorError

NAMES_SHOWN = 10
"""How many existing names an error lists when none is like the one that was asked for."""


async def get_deployment(gateway: ClusterGateway, namespace: str, name: str) -> KubernetesObject:
    """Read one deployment; an API server says the same of a missing object and a missing kind, so look again.

    Raises
    ------
    OperatorError
        There is none, or the credentials do not suffice; the message names the way out.
    """
    with explained("get", NEMOTRON, namespace):
        found = await gateway.get(NEMOTRON, namespace, name)
        if found is not None:
            return found
        present = sorted(item["metadata"]["name"] for item in (await gateway.list_all(NEMOTRON, namespace))[0])
    advice = "`nemoctl status --all-namespaces` lists what there is elsewhere."
    if present:
        advice = f"There is: {suggest(name, present)}."
    raise OperatorError(f"There is no {KIND} {name!r} in namespace {namespace!r}. {advice}")


def suggest(name: str, present: list[str]) -> str:
    """Name what is spelt like something, else the first of all."""
    return ", ".join(get_close_matches(name, present) or present[:NAMES_SHOWN])
