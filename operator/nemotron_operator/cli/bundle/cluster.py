"""`nemoctl bundle import`: fill a volume of a cluster without internet with a bundle's model."""

import asyncio
import shlex
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

import typer

from nemotron_operator.cli.bundle.claim import (
    Received,
    find_or_make_claim,
    is_full,
    record_on_claim,
    render_claim,
)
from nemotron_operator.cli.bundle.layout import Bundle
from nemotron_operator.cli.bundle.loader import (
    CONTAINER_NAME,
    delete_loader,
    make_loader,
    render_loader,
    wait_for_loader,
)
from nemotron_operator.cli.bundle.program import Ending
from nemotron_operator.cli.bundle.resource import PlannedBundle
from nemotron_operator.cli.bundle.transfer import make_receive_arguments, send_bundle
from nemotron_operator.cli.cluster_access import ClusterTarget, explained, open_gateway
from nemotron_operator.cli.kubectl import make_kubectl, require_kubectl
from nemotron_operator.cli.messages import say
from nemotron_operator.cli.program import EXIT_REFUSED
from nemotron_operator.cluster.cache import KubernetesObject
from nemotron_operator.cluster.kinds import CLAIM
from nemotron_operator.errors import ClusterError, OperatorError
from nemotron_operator.render.engine import MODELS_PATH


@dataclass(frozen=True, slots=True)
class Importing:
    """One import into a cluster."""

    bundle: Bundle
    planned: PlannedBundle
    target: ClusterTarget
    timeout_seconds: int
    """How long the pod may take to run."""
    now: Callable[[], datetime] = lambda: datetime.now(UTC)

    @property
    def namespace(self) -> str:
        """Where the volume is."""
        return self.planned.plan.identity.namespace

    @property
    def advice(self) -> str:
        """What comes next."""
        return f"kubectl apply -n {self.namespace} -f {shlex.quote(str(self.bundle.resource))}"


def import_into_cluster(importing: Importing) -> int:
    """Make the claim, send the model through a pod, and record on the claim what is on it; returns the exit code.

    Raises
    ------
    OperatorError
        The cluster cannot be asked or refuses, the bundle is damaged, or the claim is not ours to fill.
    """
    require_kubectl(
        "import sends the files through it",
        "Install it, or copy with --directory into a path where the volume is mounted.",
    )
    claim, description = asyncio.run(_prepare(importing)), importing.bundle.description
    if is_full(claim, description):
        typer.echo(
            f"The claim {claim['metadata']['name']!r} holds {description.title} already. Next: {importing.advice}"
        )
        return 0
    with _loader(importing) as pod:
        ending = send_bundle(importing.bundle, _make_command(importing, pod))
    if not ending.is_complete:
        say(f"{description.title} is not imported: {ending.explain()} The same command tries again.")
        return EXIT_REFUSED
    asyncio.run(_record(importing, claim, ending))
    place = f"The claim {claim['metadata']['name']!r} in namespace {importing.namespace!r}"
    typer.echo(f"{place} holds {description.title}, every byte verified.\nNext: {importing.advice}")
    return 0


async def _prepare(importing: Importing) -> KubernetesObject:
    async with open_gateway(importing.target) as gateway:
        return await find_or_make_claim(gateway, render_claim(importing.planned))


@contextmanager
def _loader(importing: Importing) -> Iterator[KubernetesObject]:
    """Run the pod for as long as the block lasts; it goes however the block ends, by Ctrl-C too."""
    pod = asyncio.run(_make_loader(importing))
    try:
        asyncio.run(_wait_for_loader(importing, pod))
        yield pod
    finally:
        _remove_loader(importing, pod)


async def _make_loader(importing: Importing) -> KubernetesObject:
    async with open_gateway(importing.target) as gateway:
        return await make_loader(gateway, render_loader(importing.planned))


async def _wait_for_loader(importing: Importing, pod: KubernetesObject) -> None:
    async with open_gateway(importing.target) as gateway:
        await wait_for_loader(gateway, pod, importing.timeout_seconds, say)


def _remove_loader(importing: Importing, pod: KubernetesObject) -> None:
    """Remove the pod; where that fails, a person is told, and what happened before is not hidden."""
    name, namespace = pod["metadata"]["name"], pod["metadata"]["namespace"]
    try:
        is_gone = asyncio.run(_delete_loader(importing, pod))
    except ClusterError as error:
        say(str(error))
        is_gone = False
    if not is_gone:
        say(f"The pod {name!r} is still there: `kubectl delete pod {name} -n {namespace}` deletes it.")


async def _delete_loader(importing: Importing, pod: KubernetesObject) -> bool:
    async with open_gateway(importing.target) as gateway:
        return await delete_loader(gateway, pod)


def _make_command(importing: Importing, pod: KubernetesObject) -> list[str]:
    """Make the command that runs the receiver in the pod, in the same cluster as everything else."""
    run = ["exec", "--stdin", pod["metadata"]["name"], f"--container={CONTAINER_NAME}", "--", "nemotron-volume"]
    arguments = [*run, *make_receive_arguments(importing.bundle, MODELS_PATH)]
    return make_kubectl(importing.target, pod["metadata"]["namespace"], arguments)


async def _record(importing: Importing, claim: KubernetesObject, ending: Ending) -> None:
    """Read the claim again, which the cluster bound meanwhile, and write the record."""
    description, name = importing.bundle.description, claim["metadata"]["name"]
    if ending.outcome.get("manifestSha256") != description.manifest_sha256:
        raise OperatorError(f"The receiver published another manifest than the bundle's: {ending.outcome}.")
    async with open_gateway(importing.target) as gateway:
        with explained("get", CLAIM, importing.namespace):
            live = await gateway.get(CLAIM, importing.namespace, name)
        if live is None:
            raise OperatorError(f"Somebody deleted the claim {name!r} meanwhile. Start the import again.")
        received = Received(importing.now(), ending.outcome.get("readBytesPerSecond"))
        await record_on_claim(gateway, live, description, received)
