"""`nemoctl status`: what the cluster says of NemotronDeployments. It reads and never writes."""

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from nemotron_operator.cli.cluster_access import ClusterTarget, describe_scope, explained, open_gateway
from nemotron_operator.cli.existing import get_deployment
from nemotron_operator.cli.messages import say
from nemotron_operator.cli.output import OutputFormat, write_document
from nemotron_operator.cluster.cache import KubernetesObject
from nemotron_operator.cluster.kinds import NEMOTRON
from nemotron_operator.constants import KIND


@dataclass(frozen=True, slots=True)
class StatusQuery:
    """What is asked for, and of which cluster."""

    name: str | None
    target: ClusterTarget


def show_status(query: StatusQuery, output: OutputFormat) -> None:
    """Read one deployment or all, and write what their status says.

    Raises
    ------
    OperatorError
        The cluster cannot be asked, or holds no such deployment; the message names the way out.
    """
    bodies, namespace = asyncio.run(_read(query))
    if output.is_for_programs:
        answers = [_describe(body) for body in bodies]
        write_document(answers if query.name is None else answers[0], output)
    elif not bodies:
        elsewhere = "" if namespace is None else " `nemoctl status -A` looks into every namespace."
        say(f"There is no {KIND} {describe_scope(namespace)}.{elsewhere}")
    else:
        _print(bodies, query, output)


def _print(bodies: list[KubernetesObject], query: StatusQuery, output: OutputFormat) -> None:
    from nemotron_operator.cli.status_table import print_status_lines, print_status_list, print_status_page

    if output == OutputFormat.WIDE:
        print_status_lines(bodies)
    elif query.name is None:
        print_status_list(bodies)
    else:
        print_status_page(bodies[0], datetime.now(UTC))


def _describe(body: KubernetesObject) -> dict[str, Any]:
    """Take over the status as it stands in the API, whichever version of the operator wrote it."""
    metadata = body["metadata"]
    return {
        "namespace": metadata["namespace"],
        "name": metadata["name"],
        "generation": metadata.get("generation", 0),
        "status": body.get("status") or {},
    }


async def _read(query: StatusQuery) -> tuple[list[KubernetesObject], str | None]:
    """Read what is asked for, and tell in which namespace; None means all of them."""
    async with open_gateway(query.target) as gateway:
        if query.name is not None:
            namespace = query.target.choose_one_namespace()
            return [await get_deployment(gateway, namespace, query.name)], namespace
        scope = query.target.choose_namespace()
        with explained("list", NEMOTRON, scope):
            return (await gateway.list_all(NEMOTRON, scope))[0], scope
