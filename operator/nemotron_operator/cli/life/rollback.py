"""`nemoctl rollback`: bring back the spec of an earlier revision, and pin the pods that it had."""

import asyncio
from dataclasses import dataclass
from typing import Any

import typer

from nemotron_operator.api.v1alpha1 import identify, parse_status
from nemotron_operator.cli.cluster_access import ClusterTarget, explained, open_gateway
from nemotron_operator.cli.existing import get_deployment
from nemotron_operator.cli.life.kept import KeptRevisions, read_kept
from nemotron_operator.cli.life.resource import point_to_status
from nemotron_operator.cli.life.rollback_target import choose_target, describe
from nemotron_operator.cli.life.spec_changes import STAYING, SpecChange, bring_back, list_changes, make_merge_patch
from nemotron_operator.cli.life.spec_owners import warn_of_owner
from nemotron_operator.cli.life.waiting import ServingGoal, Wait, wait_for
from nemotron_operator.cli.messages import PROGRAM, flatten, say
from nemotron_operator.cli.program import EXIT_REFUSED
from nemotron_operator.cluster.cache import KubernetesObject
from nemotron_operator.cluster.gateway import ClusterGateway
from nemotron_operator.cluster.kinds import NEMOTRON
from nemotron_operator.errors import ConflictError, OperatorError
from nemotron_operator.plan.rollout import RevisionRecord
from nemotron_operator.render.metadata import PINNED_REVISION_ANNOTATION
from nemotron_operator.rollout.differences import list_differences

ATTEMPTS = 5
"""How often a write is tried where only the status moved on meanwhile."""


@dataclass(frozen=True, slots=True)
class Rollback:
    """What a rollback writes."""

    target: RevisionRecord
    changes: tuple[SpecChange, ...]
    """What it changes in the spec."""
    patch: dict[str, Any]
    """The merge patch; empty where all is as it was already."""


def roll_back(name: str, named: str | None, target: ClusterTarget, wait: Wait | None, *, is_dry_run: bool) -> int:
    """Bring an earlier revision back, and wait until it serves where that is asked; returns the exit code.

    Parameters
    ----------
    named
        The revision, the beginning of one, or a number; None is the last before this one that served.

    Raises
    ------
    OperatorError
        There is no such deployment, it changed meanwhile, or the cluster cannot be asked.
    """
    return asyncio.run(_roll_back(name, named, target, wait, is_dry_run=is_dry_run))


async def _roll_back(
    name: str, named: str | None, target: ClusterTarget, wait: Wait | None, *, is_dry_run: bool
) -> int:
    async with open_gateway(target) as gateway:
        body = await get_deployment(gateway, target.choose_one_namespace(), name)
        kept = await read_kept(gateway, body)
        chosen = choose_target(name, body["metadata"]["namespace"], named, kept)
        if isinstance(chosen, str):
            say(chosen)
            return EXIT_REFUSED
        rollback = plan_rollback(body, kept, chosen)
        if not rollback.patch:
            say(_explain_nothing(body, chosen))
            return 0
        _show(body, kept, rollback)
        written = await _write(gateway, body, rollback.patch, is_dry_run=is_dry_run)
        _tell(body, rollback, is_dry_run=is_dry_run)
        return 0 if is_dry_run or wait is None else await _wait(gateway, body, written, kept, chosen, wait)


def plan_rollback(body: KubernetesObject, kept: KeptRevisions, target: RevisionRecord) -> Rollback:
    """Decide what is written: the kept spec but for what stays, and which pods are chosen."""
    spec = bring_back(target.spec, body["spec"])
    inner = make_merge_patch(body["spec"], spec)
    patch: dict[str, Any] = {"spec": inner} if inner else {}
    if kept.pinned != target.base_revision and (inner or target is not kept.desired):
        patch["metadata"] = {"annotations": {PINNED_REVISION_ANNOTATION: target.base_revision}}
    return Rollback(target, list_changes(body["spec"], spec), patch)


async def _write(
    gateway: ClusterGateway, body: KubernetesObject, patch: dict[str, Any], *, is_dry_run: bool
) -> KubernetesObject:
    """Write it on exactly what was shown: a status that moved on does no harm, a spec that did is the end."""
    metadata = body["metadata"]
    for _ in range(ATTEMPTS):
        guard = {**patch.get("metadata", {}), "resourceVersion": metadata["resourceVersion"]}
        try:
            with explained("patch", NEMOTRON, metadata["namespace"]):
                return await gateway.change(
                    NEMOTRON, body, {**patch, "metadata": guard}, PROGRAM, is_dry_run=is_dry_run
                )
        except ConflictError:
            fresh = await get_deployment(gateway, metadata["namespace"], metadata["name"])
            if not _is_as_shown(body, fresh):
                break
            metadata = fresh["metadata"]
    raise OperatorError(
        f"Somebody else changes {metadata['name']!r} at this moment; nothing was rolled back. Look at `nemoctl history "
        f"{metadata['name']} -n {metadata['namespace']}`, and try again."
    )


def _is_as_shown(shown: KubernetesObject, fresh: KubernetesObject) -> bool:
    before, now = shown["metadata"], fresh["metadata"]
    is_same = before["uid"] == now["uid"] and before.get("annotations") == now.get("annotations")
    return is_same and bool(shown["spec"] == fresh["spec"])


def _show(body: KubernetesObject, kept: KeptRevisions, rollback: Rollback) -> None:
    """Print where it goes, and what that changes, before it is written."""
    metadata = body["metadata"]
    typer.echo(flatten(f"{metadata['namespace']}/{metadata['name']} -> {describe(rollback.target)}"))
    lines = [f"spec.{change.describe()}" for change in rollback.changes]
    if not lines and kept.desired is not None:
        lines = ["the spec is the same", *list_differences(kept.desired.template, rollback.target.template)]
    for line in lines:
        typer.echo(f"  {flatten(line)}")


def _tell(body: KubernetesObject, rollback: Rollback, *, is_dry_run: bool) -> None:
    target, name = rollback.target, body["metadata"]["name"]
    if is_dry_run:
        *others, last = (f"spec.{'.'.join(path)}" for path in STAYING)
        say(f"Nothing is changed, this was a dry run. {', '.join(others)} and {last} would stay as they are.")
    else:
        say(f"{name!r} goes back to revision {target.base_revision}. {point_to_status(body)} shows it.")
    if target.failed is not None:
        say(f"Revision {target.base_revision} failed before ({target.failed.reason}), and gets another try.")
    if rollback.changes:
        warn_of_owner(body)


def _explain_nothing(body: KubernetesObject, target: RevisionRecord) -> str:
    name, namespace = body["metadata"]["name"], body["metadata"]["namespace"]
    asked = f"{name!r} asks for revision {target.base_revision} already."
    if target.failed is not None:
        return f"{asked} It failed ({target.failed.reason}); `nemoctl restart {name} -n {namespace}` tries it again."
    return f"{asked} {point_to_status(body)} shows it."


async def _wait(  # noqa: PLR0913, PLR0917 - what was read before and after
    gateway: ClusterGateway,
    before: KubernetesObject,
    written: KubernetesObject,
    kept: KeptRevisions,
    target: RevisionRecord,
    wait: Wait,
) -> int:
    identity, is_new_spec = identify(written), written["metadata"]["generation"] != before["metadata"]["generation"]
    goal = ServingGoal(
        name=identity.name,
        generation=identity.generation,
        earlier_revision=None if is_new_spec else parse_status(before).desired_revision,
        expected_revision=kept.name_pods(target),
    )
    return await wait_for(gateway, identity, goal, wait)
