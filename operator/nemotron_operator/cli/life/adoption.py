"""`nemoctl adopt`: list what waits for it, take it for one model as a try, then for all, one after the other."""

import asyncio

from nemotron_operator.api.conditions import ConditionType, Reason
from nemotron_operator.api.status import NemotronDeploymentStatus
from nemotron_operator.api.v1alpha1 import identify, parse_status
from nemotron_operator.cli.cluster_access import ClusterTarget, describe_scope, explained, open_gateway
from nemotron_operator.cli.existing import get_deployment
from nemotron_operator.cli.life.resource import change, point_to_status
from nemotron_operator.cli.life.waiting import ServingGoal, Wait, find_condition, wait_for
from nemotron_operator.cli.messages import say
from nemotron_operator.cli.program import EXIT_REFUSED
from nemotron_operator.cli.tables import BUSY, format_count, indent, make_text, print_page
from nemotron_operator.cluster.cache import KubernetesObject
from nemotron_operator.cluster.gateway import ClusterGateway
from nemotron_operator.cluster.kinds import NEMOTRON
from nemotron_operator.constants import KIND
from nemotron_operator.render.metadata import PINNED_REVISION_ANNOTATION

_ADVICE = " `nemoctl adopt "
"""How the condition begins to name this very command."""


def list_waiting(target: ClusterTarget) -> int:
    """List the models for which this operator would render other pods; returns the exit code.

    Raises
    ------
    OperatorError
        The cluster cannot be asked; the message names the way out.
    """
    return asyncio.run(_list(target))


def adopt_one(name: str, target: ClusterTarget, wait: Wait | None, *, is_dry_run: bool) -> int:
    """Have one model take what this operator renders; returns the exit code.

    Raises
    ------
    OperatorError
        There is no such deployment, or the cluster cannot be asked.
    """
    return asyncio.run(_adopt_one(name, target, wait, is_dry_run=is_dry_run))


def adopt_all(target: ClusterTarget, wait: Wait | None) -> int:
    """Have all models take it: one after the other where each is waited for; returns the exit code.

    Raises
    ------
    OperatorError
        The cluster cannot be asked.
    """
    return asyncio.run(_adopt_all(target, wait))


async def _list(target: ClusterTarget) -> int:
    async with open_gateway(target) as gateway:
        waiting = await _read_waiting(gateway, target)
    for body in waiting:
        _print_update(body)
    if waiting:
        say("Try one with `nemoctl adopt NAME --wait`, then take the rest with `nemoctl adopt --all`.")
    return 0


async def _adopt_one(name: str, target: ClusterTarget, wait: Wait | None, *, is_dry_run: bool) -> int:
    async with open_gateway(target) as gateway:
        body = await get_deployment(gateway, target.choose_one_namespace(), name)
        if _read_available(parse_status(body)) is None:
            say(f"{name!r} has nothing to adopt: its pods are those that this operator renders, or none are there yet.")
            return 0
        _print_update(body)
        return 0 if is_dry_run else await _adopt(gateway, body, wait)


async def _adopt_all(target: ClusterTarget, wait: Wait | None) -> int:
    async with open_gateway(target) as gateway:
        waiting = await _read_waiting(gateway, target)
        left = [body for body in waiting if not _is_at_rest(body)]
        for body in left:
            say(f"{_name(body)} is left out, since it is not ready: {point_to_status(body)}; adopt it by its name.")
        ready = [body for body in waiting if _is_at_rest(body)]
        for number, body in enumerate(ready, start=1):
            _print_update(body)
            wait_here = Wait(wait.timeout_seconds, wait.poll_seconds) if wait else None
            code = await _adopt(gateway, body, wait_here)
            if code != 0:
                rest = len(ready) - number
                say(f"Stopped at {_name(body)}; {format_count(rest, 'more waits', 'more wait')}.")
                return code
    return EXIT_REFUSED if left else 0


async def _adopt(gateway: ClusterGateway, body: KubernetesObject, wait: Wait | None) -> int:
    status, name = parse_status(body), body["metadata"]["name"]
    pin = {PINNED_REVISION_ANNOTATION: _read_available(status)}
    changed = await change(gateway, body, {"metadata": {"annotations": pin}})
    if wait is None:
        say(f"{_name(body)} takes it, by the rollout strategy. {point_to_status(body)} shows it.")
        return 0
    say(f"{_name(body)} takes it, by the rollout strategy; waiting until it serves.")
    identity = identify(changed)
    goal = ServingGoal(name, identity.generation, earlier_revision=status.desired_revision)
    return await wait_for(gateway, identity, goal, wait)


async def _read_waiting(gateway: ClusterGateway, target: ClusterTarget) -> list[KubernetesObject]:
    """Read the resources that have something to adopt, by namespace and name; say so where none has."""
    scope = target.choose_namespace()
    with explained("list", NEMOTRON, scope):
        bodies, _ = await gateway.list_all(NEMOTRON, scope)
    waiting = [body for body in bodies if _read_available(parse_status(body)) is not None]
    if not waiting:
        elsewhere = "" if scope is None else " `-A` looks into every namespace."
        say(f"No {KIND} {describe_scope(scope)} has anything to adopt.{elsewhere}")
    return sorted(waiting, key=_name)


def _read_available(status: NemotronDeploymentStatus) -> str | None:
    return status.rollout.available_revision if status.rollout else None


def _is_at_rest(body: KubernetesObject) -> bool:
    """Tell whether it serves, or is suspended: a rollout now would not mix with trouble that is there already."""
    ready = find_condition(parse_status(body), ConditionType.READY)
    at_rest = {Reason.SUSPENDED.value, Reason.STOPPING.value}
    return ready is not None and (ready.status == "True" or ready.reason in at_rest)


def _print_update(body: KubernetesObject) -> None:
    """Print what would change, in the words of the condition, without its advice to adopt."""
    status = parse_status(body)
    told = find_condition(status, ConditionType.UPDATE_AVAILABLE)
    message = told.message.partition(_ADVICE)[0] if told else "This operator would render other pods."
    title = make_text(_name(body), "bold")
    title.append(f"  revision {_read_available(status)} waits", BUSY)
    print_page(title, indent(make_text(message)))


def _name(body: KubernetesObject) -> str:
    return f"{body['metadata']['namespace']}/{body['metadata']['name']}"
