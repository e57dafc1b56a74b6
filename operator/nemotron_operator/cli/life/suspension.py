"""`nemoctl suspend` and `nemoctl resume`: free a model's GPUs, and take them again."""

import asyncio

from nemotron_operator.api.v1alpha1 import identify, parse_status
from nemotron_operator.cli.cluster_access import ClusterTarget, open_gateway
from nemotron_operator.cli.existing import get_deployment
from nemotron_operator.cli.life.resource import change, count_replicas, point_to_status
from nemotron_operator.cli.life.spec_owners import warn_of_owner
from nemotron_operator.cli.life.waiting import ServingGoal, StoppedGoal, Wait, wait_for
from nemotron_operator.cli.messages import say
from nemotron_operator.cli.tables import format_count
from nemotron_operator.cluster.cache import KubernetesObject

FIELD = ("spec", "suspend")
"""What both write."""


def suspend_model(name: str, target: ClusterTarget, wait: Wait | None) -> int:
    """Suspend a model, and wait until no pod is left where that is asked; returns the exit code.

    Raises
    ------
    OperatorError
        There is no such deployment, or the cluster cannot be asked; the message names the way out.
    """
    return asyncio.run(_suspend(name, target, wait))


def resume_model(name: str, target: ClusterTarget, wait: Wait | None) -> int:
    """Let a model serve again, and wait until it does where that is asked; returns the exit code.

    Raises
    ------
    OperatorError
        As above.
    """
    return asyncio.run(_resume(name, target, wait))


async def _suspend(name: str, target: ClusterTarget, wait: Wait | None) -> int:
    async with open_gateway(target) as gateway:
        body = await get_deployment(gateway, target.choose_one_namespace(), name)
        if body["spec"].get("suspend"):
            say(f"{name!r} is suspended already.")
        else:
            freed, before = _describe_gpus(body), body
            body = await change(gateway, body, {"spec": {"suspend": True}})
            where = f"-n {body['metadata']['namespace']}"
            say(
                f"{name!r} is suspended: requests in flight end, then its pods go{freed}. Weights and settings stay. "
                f"`nemoctl resume {name} {where}` lets it serve again."
            )
            # As it was: whoever writes a field takes it from those who applied it.
            warn_of_owner(before, FIELD)
        if wait is None:
            return 0
        identity = identify(body)
        return await wait_for(gateway, identity, StoppedGoal(gateway, identity), wait)


async def _resume(name: str, target: ClusterTarget, wait: Wait | None) -> int:
    async with open_gateway(target) as gateway:
        body = await get_deployment(gateway, target.choose_one_namespace(), name)
        if body["spec"].get("suspend"):
            before, body = body, await change(gateway, body, {"spec": {"suspend": False}})
            say(f"{name!r} is resumed. {_tell_what_starts(body)}")
            warn_of_owner(before, FIELD)
        else:
            say(f"{name!r} is not suspended. {_tell_what_starts(body)}")
        identity = identify(body)
        return await wait_for(gateway, identity, ServingGoal(name, identity.generation), wait) if wait else 0


def _describe_gpus(body: KubernetesObject) -> str:
    """Say how many GPUs become free, as far as the status knows."""
    status = parse_status(body)
    gpus = status.plan.gpus_per_replica * (status.replicas or 0) if status.plan else 0
    return f" and give back {format_count(gpus, 'GPU')}" if gpus else ""


def _tell_what_starts(body: KubernetesObject) -> str:
    metadata, replicas = body["metadata"], count_replicas(body["spec"])
    if replicas == 0:
        return (
            "But spec.replicas is 0, so nothing starts: `kubectl scale nemotrondeployment "
            f"{metadata['name']} -n {metadata['namespace']} --replicas=1`."
        )
    return (
        f"{point_to_status(body)} shows when {format_count(replicas, 'replica')} serve{'s' if replicas == 1 else ''}."
    )
