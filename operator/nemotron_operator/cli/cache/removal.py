"""`nemoctl cache rm`: delete a model volume of the operator's that nobody uses."""

import asyncio
import sys
from collections.abc import Iterable

import typer

from nemotron_operator.cli.cache.volume import ModelVolume, is_managed, read_volume
from nemotron_operator.cli.cluster_access import ClusterTarget, explained, open_gateway
from nemotron_operator.cli.existing import suggest
from nemotron_operator.cli.messages import flatten, say
from nemotron_operator.cli.program import EXIT_REFUSED
from nemotron_operator.cli.tables import format_count, format_gib
from nemotron_operator.cluster.cache import KubernetesObject
from nemotron_operator.cluster.gateway import ClusterGateway
from nemotron_operator.cluster.kinds import CLAIM, ENDED_PHASES, NEMOTRON, POD
from nemotron_operator.constants import FIELD_MANAGER, KIND, MANAGED_BY_LABEL
from nemotron_operator.errors import OperatorError
from nemotron_operator.render.metadata import format_selector, label_managed


def remove_volume(name: str, target: ClusterTarget, *, is_confirmed: bool, is_dry_run: bool) -> int:
    """Delete a claim that the operator made and nobody uses; returns the exit code.

    Raises
    ------
    OperatorError
        There is no such claim, or the cluster cannot be asked; the message names the way out.
    """
    return asyncio.run(_remove(name, target, is_confirmed=is_confirmed, is_dry_run=is_dry_run))


async def _remove(name: str, target: ClusterTarget, *, is_confirmed: bool, is_dry_run: bool) -> int:
    async with open_gateway(target) as gateway:
        namespace = target.choose_one_namespace()
        claim = await _get_claim(gateway, namespace, name)
        with explained("list", NEMOTRON, namespace):
            deployments, _ = await gateway.list_all(NEMOTRON, namespace)
        with explained("list", POD, namespace):
            pods, _ = await gateway.list_all(POD, namespace)
        volume = read_volume(claim, deployments)
        refusal = find_refusal(claim, volume, find_mounting_pods(name, pods))
        if refusal is not None:
            say(refusal)
            return EXIT_REFUSED
        if is_dry_run:
            typer.echo(f"Would delete {describe_volume(volume)}.")
            return 0
        if not is_confirmed and not _ask(volume):
            return EXIT_REFUSED
        with explained("delete", CLAIM, namespace):
            await gateway.delete(CLAIM, claim)
        typer.echo(f"Deleted {describe_volume(volume)}.")
        return 0


def find_refusal(claim: KubernetesObject, volume: ModelVolume, pods: tuple[str, ...]) -> str | None:
    """Find what speaks against deleting a claim; None when nothing does."""
    name, where = volume.claim_name, f"-n {volume.namespace}"
    if not is_managed(claim):
        maker = (claim["metadata"].get("labels") or {}).get(MANAGED_BY_LABEL) or "no label says who"
        return (
            f"The claim {name!r} was not made by {FIELD_MANAGER} ({maker}), and stays. `nemoctl cache ls {where}` "
            "lists those that it made."
        )
    if volume.users:
        count = format_count(len(volume.users), KIND)
        return (
            f"{count} {'names' if len(volume.users) == 1 else 'name'} the claim {name!r}: {', '.join(volume.users)}. "
            f"`kubectl delete nemotrondeployment {' '.join(volume.users)} {where}` deletes {_them(volume.users)} first."
        )
    if pods:
        count = format_count(len(pods), "pod")
        return (
            f"{count} {'mounts' if len(pods) == 1 else 'mount'} the claim {name!r}: {', '.join(pods)}. Wait until "
            f"{_them(pods)} {'ends' if len(pods) == 1 else 'end'}: `kubectl get pod {' '.join(pods)} {where}`."
        )
    return None


def find_mounting_pods(claim_name: str, pods: Iterable[KubernetesObject]) -> tuple[str, ...]:
    """Name the pods of the claim's namespace that hold it, those that wait for a node among them."""
    return tuple(
        sorted(
            pod["metadata"]["name"]
            for pod in pods
            if (pod.get("status") or {}).get("phase") not in ENDED_PHASES and _mounts(pod, claim_name)
        )
    )


def describe_volume(volume: ModelVolume) -> str:
    """Name a volume with what is on it."""
    content = "nothing complete on it"
    if volume.cached is not None:
        size = format_gib(volume.cached.size_bytes)
        content = f"{volume.repository} at {volume.short_commit}, {size}"
    return f"the volume {volume.claim_name!r} in namespace {volume.namespace!r} ({content})"


def is_somebody_there() -> bool:
    """Tell whether a person can be asked."""
    return sys.stdin.isatty()


def _them(names: tuple[str, ...]) -> str:
    return "it" if len(names) == 1 else "them"


def _mounts(pod: KubernetesObject, claim_name: str) -> bool:
    volumes = pod["spec"].get("volumes") or []
    return any((volume.get("persistentVolumeClaim") or {}).get("claimName") == claim_name for volume in volumes)


def _ask(volume: ModelVolume) -> bool:
    """Ask a person; where there is none, the answer is no."""
    if not is_somebody_there():
        say(f"{_start_upper(describe_volume(volume))} would be deleted. Give --yes, since nobody is here to be asked.")
        return False
    return typer.confirm(f"Delete {flatten(describe_volume(volume))}? It would have to be fetched again.", err=True)


def _start_upper(text: str) -> str:
    return text[:1].upper() + text[1:]


async def _get_claim(gateway: ClusterGateway, namespace: str, name: str) -> KubernetesObject:
    with explained("get", CLAIM, namespace):
        claim = await gateway.get(CLAIM, namespace, name)
        if claim is not None:
            return {**claim, "kind": CLAIM.name}
        own, _ = await gateway.list_all(CLAIM, namespace, format_selector(label_managed()))
    present = sorted(each["metadata"]["name"] for each in own)
    advice = f"There is: {suggest(name, present)}." if present else "`nemoctl cache ls -A` lists what there is."
    raise OperatorError(f"There is no volume {name!r} in namespace {namespace!r}. {advice}")
