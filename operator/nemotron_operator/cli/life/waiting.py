"""Waiting until a model serves, or has stopped, and telling on the way what the status says."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from nemotron_operator.api.conditions import Condition, ConditionType, Reason
from nemotron_operator.api.status import NemotronDeploymentStatus
from nemotron_operator.api.v1alpha1 import Identity, parse_status
from nemotron_operator.cli.existing import get_deployment
from nemotron_operator.cli.messages import say
from nemotron_operator.cli.program import EXIT_REFUSED
from nemotron_operator.cli.tables import format_count, format_seconds
from nemotron_operator.cluster.cache import KubernetesObject
from nemotron_operator.cluster.gateway import ClusterGateway
from nemotron_operator.cluster.kinds import POD
from nemotron_operator.errors import HTTP_FORBIDDEN, ClusterError, ClusterUnreachableError
from nemotron_operator.render.metadata import format_selector, select_pods

POLL_SECONDS = 2.0
"""How often the status is read while it is waited for."""


@dataclass(slots=True)
class Wait:
    """How long something is waited for, and what was told on the way."""

    timeout_seconds: int
    poll_seconds: float = POLL_SECONDS
    told: str = ""
    """The last of it; empty before the status speaks of what was asked."""

    def tell(self, message: str) -> None:
        """Tell a person what is new."""
        if message and message != self.told:
            say(message)
            self.told = message


@dataclass(frozen=True, slots=True)
class Ending:
    """What the waiting came to."""

    code: int
    message: str


Look = Callable[[KubernetesObject], Awaitable[Ending | str]]
"""Looks at the resource: the end, or what to tell until then."""


@dataclass(frozen=True, slots=True)
class ServingGoal:
    """That the resource serves as it was asked to; it is called, as a `Look`."""

    name: str
    generation: int
    """Of the spec that was written."""
    earlier_revision: str | None = None
    """The revision that was desired before, where an annotation asks for another one; a spec has its generation."""
    expected_revision: str | None = None
    """The revision that should come of it; None where only the operator knows."""

    async def __call__(self, body: KubernetesObject) -> Ending | str:
        """Judge by the status, once it speaks of what was asked."""
        status = parse_status(body)
        ready = find_condition(status, ConditionType.READY)
        if ready is None or not self._is_seen(status):
            return ""
        if ready.status == "True":
            return self._judge_revision(status, ready)
        if ready.reason in {Reason.SUSPENDED.value, Reason.STOPPING.value}:
            return Ending(0, f"{self.name!r} is suspended, so no pod starts. {ready.message}")
        if find_condition(status, ConditionType.STALLED) is not None:
            return Ending(EXIT_REFUSED, f"{self.name!r} does not come to serve ({ready.reason}): {ready.message}")
        return ready.message

    def _is_seen(self, status: NemotronDeploymentStatus) -> bool:
        is_new = self.earlier_revision is None or status.desired_revision != self.earlier_revision
        return status.observed_generation >= self.generation and is_new

    def _judge_revision(self, status: NemotronDeploymentStatus, ready: Condition) -> Ending:
        if self.expected_revision not in {None, status.desired_revision}:
            message = (
                f"{self.name!r} serves, but revision {status.desired_revision} and not {self.expected_revision}: that "
                "was made for weights that are elsewhere now, or is not kept any more."
            )
            return Ending(EXIT_REFUSED, message)
        return Ending(0, f"{self.name!r} is ready: {ready.message}")


@dataclass(frozen=True, slots=True)
class StoppedGoal:
    """That no pod of the resource is left; it is called, as a `Look`."""

    gateway: ClusterGateway
    identity: Identity
    """With the generation of the spec that was written."""

    async def __call__(self, body: KubernetesObject) -> Ending | str:
        """Judge by the pods, those that are ending among them."""
        status = parse_status(body)
        if status.observed_generation < self.identity.generation:
            return ""
        pods = await self._count_pods()
        left = (status.replicas or 0) if pods is None else pods
        if left == 0:
            return Ending(0, f"No pod of {self.identity.name!r} is left; its GPUs are free.")
        return f"{format_count(left, 'pod')} of {self.identity.name!r} still {'ends' if left == 1 else 'end'}."

    async def _count_pods(self) -> int | None:
        """Count them; None for somebody who may not list pods, for whom the status has to do."""
        selector = format_selector(select_pods(self.identity))
        try:
            return len((await self.gateway.list_all(POD, self.identity.namespace, selector))[0])
        except ClusterError as error:
            if error.status_code == HTTP_FORBIDDEN:
                return None
            raise


async def wait_for(gateway: ClusterGateway, identity: Identity, look: Look, wait: Wait) -> int:
    """Look again and again until the end, or the time is up; returns the exit code."""
    started = time.monotonic()
    while time.monotonic() - started < wait.timeout_seconds:
        seen = await _look(gateway, identity, look)
        if isinstance(seen, Ending):
            say(seen.message)
            return seen.code
        wait.tell(seen)
        await asyncio.sleep(wait.poll_seconds)
    where = f"`nemoctl status {identity.name} -n {identity.namespace}`"
    going_on = f"it goes on in the cluster, and {where} shows it." if wait.told else _EXPLAIN_SILENCE
    say(f"Not within {format_seconds(wait.timeout_seconds)}; {going_on}")
    return EXIT_REFUSED


_EXPLAIN_SILENCE = (
    "the operator has not taken it up. Check that it runs: `kubectl get pods -A -l app.kubernetes.io/name="
    "nemotron-operator`."
)


async def _look(gateway: ClusterGateway, identity: Identity, look: Look) -> Ending | str:
    """Look once; an API server that is away for a moment is something to tell."""
    try:
        return await look(await get_deployment(gateway, identity.namespace, identity.name))
    except ClusterUnreachableError as error:
        return str(error)


def find_condition(status: NemotronDeploymentStatus, kind: ConditionType) -> Condition | None:
    """Find what a status says of one thing."""
    return next((each for each in status.conditions if each.type == kind.value), None)
