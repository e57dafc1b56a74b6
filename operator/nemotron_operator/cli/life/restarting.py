"""`nemoctl restart`: new pods of the same revision, by the rollout strategy."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime

from nemotron_operator.api.conditions import ConditionType, rfc3339
from nemotron_operator.api.status import NemotronDeploymentStatus
from nemotron_operator.api.v1alpha1 import identify, parse_status
from nemotron_operator.cli.cluster_access import ClusterTarget, open_gateway
from nemotron_operator.cli.existing import get_deployment
from nemotron_operator.cli.life.resource import change, is_stopped, point_to_status
from nemotron_operator.cli.life.waiting import ServingGoal, Wait, find_condition, wait_for
from nemotron_operator.cli.messages import say
from nemotron_operator.cli.program import EXIT_REFUSED
from nemotron_operator.cluster.cache import KubernetesObject
from nemotron_operator.render.metadata import RESTART_ANNOTATION


def restart_model(
    name: str, target: ClusterTarget, wait: Wait | None, *, now: Callable[[], datetime] = lambda: datetime.now(UTC)
) -> int:
    """Ask for new pods, and wait until they serve where that is asked; returns the exit code.

    Raises
    ------
    OperatorError
        There is no such deployment, or the cluster cannot be asked; the message names the way out.
    """
    return asyncio.run(_restart(name, target, wait, now))


async def _restart(name: str, target: ClusterTarget, wait: Wait | None, now: Callable[[], datetime]) -> int:
    async with open_gateway(target) as gateway:
        body = await get_deployment(gateway, target.choose_one_namespace(), name)
        status = parse_status(body)
        refusal = find_refusal(body, status)
        if refusal is not None:
            say(refusal)
            return EXIT_REFUSED
        body = await change(gateway, body, {"metadata": {"annotations": {RESTART_ANNOTATION: rfc3339(now())}}})
        say(f"{name!r} is restarted: its pods are replaced by the rollout strategy. {point_to_status(body)} shows it.")
        if wait is None:
            return 0
        identity = identify(body)
        goal = ServingGoal(name, identity.generation, earlier_revision=status.desired_revision)
        return await wait_for(gateway, identity, goal, wait)


def find_refusal(body: KubernetesObject, status: NemotronDeploymentStatus) -> str | None:
    """Find why there is nothing to restart; None when there is something."""
    name, namespace = body["metadata"]["name"], body["metadata"]["namespace"]
    if body["spec"].get("suspend"):
        return f"{name!r} is suspended, so nothing runs. `nemoctl resume {name} -n {namespace}` starts it."
    if is_stopped(body["spec"]):
        scale = f"`kubectl scale nemotrondeployment {name} -n {namespace} --replicas=1` starts one"
        return f"spec.replicas of {name!r} is 0, so nothing runs. {scale}."
    if status.desired_revision is not None:
        return None
    ready = find_condition(status, ConditionType.READY)
    reason = f"Ready is False: {ready.message}" if ready else "The operator has not seen it yet."
    return f"There are no pods of the spec of {name!r} that could be restarted. {reason}"
