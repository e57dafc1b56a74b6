"""`nemoctl cache ls`: the operator's model volumes. It reads and never writes."""

import asyncio

from nemotron_operator.cli.cache.volume import ModelVolume, read_volume
from nemotron_operator.cli.cluster_access import ClusterTarget, describe_scope, explained, open_gateway
from nemotron_operator.cli.messages import say
from nemotron_operator.cli.output import OutputFormat, write_document
from nemotron_operator.cluster.kinds import CLAIM, NEMOTRON
from nemotron_operator.constants import KIND
from nemotron_operator.render.metadata import format_selector, label_managed


def show_volumes(target: ClusterTarget, output: OutputFormat) -> None:
    """Read the model volumes of one namespace, or of all, and write what is on them.

    Raises
    ------
    OperatorError
        The cluster cannot be asked; the message names the way out.
    """
    volumes, scope = asyncio.run(_read(target))
    if output.is_for_programs:
        write_document([volume.as_json() for volume in volumes], output)
    elif not volumes:
        say(_explain_nothing(scope))
    else:
        from nemotron_operator.cli.cache.table import print_volume_lines, print_volume_list

        print_volumes = print_volume_lines if output == OutputFormat.WIDE else print_volume_list
        print_volumes(volumes)


async def _read(target: ClusterTarget) -> tuple[list[ModelVolume], str | None]:
    """Read the volumes, by namespace and name, and tell in which namespace; None means all of them."""
    async with open_gateway(target) as gateway:
        scope = target.choose_namespace()
        with explained("list", CLAIM, scope):
            claims, _ = await gateway.list_all(CLAIM, scope, format_selector(label_managed()))
        with explained("list", NEMOTRON, scope):
            deployments, _ = await gateway.list_all(NEMOTRON, scope)
    volumes = (read_volume(claim, deployments) for claim in claims)
    return sorted(volumes, key=lambda volume: (volume.namespace, volume.claim_name)), scope


def _explain_nothing(scope: str | None) -> str:
    advice = f"The operator makes one for each model that a {KIND} downloads: `nemoctl status -A` lists them."
    if scope is not None:
        advice = "`nemoctl cache ls -A` looks into every namespace."
    return f"There is no model volume {describe_scope(scope)}. {advice}"
