"""The pipeline: parse, observe, plan, render, apply, observe, status, publish. One resource at a time, from its key."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime

from nemotron_operator.api.conditions import Reason
from nemotron_operator.api.status import NemotronDeploymentStatus
from nemotron_operator.api.v1alpha1 import InvalidDeployment, ParsedDeployment, parse_deployment, parse_status
from nemotron_operator.catalog.catalog import Catalog
from nemotron_operator.cluster.apply import apply
from nemotron_operator.cluster.cache import Key, KubernetesObject
from nemotron_operator.cluster.checks import read_request
from nemotron_operator.cluster.group_failures import remember_group_failures
from nemotron_operator.cluster.kinds import NEMOTRON
from nemotron_operator.cluster.observe import ClusterView, observe, observe_facts
from nemotron_operator.cluster.publish import publish
from nemotron_operator.cluster.release import has_lost_volume, release_gpus, stop_scalers, wants_no_replica
from nemotron_operator.cluster.rollout import (
    forget_revisions,
    look_for_gpus,
    record_failure,
    record_success,
    settle_rollout,
)
from nemotron_operator.config import OperatorConfig
from nemotron_operator.errors import ClusterError, NameTakenError
from nemotron_operator.plan.check import count_seconds_to_next_check
from nemotron_operator.plan.lookups import Lookups, list_lookups
from nemotron_operator.plan.planner import make_plan
from nemotron_operator.plan.rollout import RolloutPlan
from nemotron_operator.plan.serving_plan import Rejection, ServingPlan
from nemotron_operator.render.manifests import render
from nemotron_operator.status.compute import compute_status
from nemotron_operator.status.judgement import Decision
from nemotron_operator.status.observation import Observation
from nemotron_operator.status.progress import INTERVAL_SECONDS, find_active_download
from nemotron_operator.status.rollout import find_failed_rollout, has_begun_to_serve, is_serving

UNWATCHED_RETRY_SECONDS = 15.0
"""How soon to look again when a refusal rests on an object that no watch reports: a foreign one, a user's
claim, a StorageClass, the API server's version; and while a pod waits for GPUs, which others take and give back."""

_UNWATCHED = frozenset(
    {
        Reason.NAME_CONFLICT,
        Reason.CLAIM_NOT_FOUND,
        Reason.IMAGE_VOLUME_NOT_SUPPORTED,
        Reason.REFUSED_BY_CLUSTER,
        Reason.STORAGE_CLASS_NOT_FOUND,
        Reason.VOLUME_CANNOT_GROW,
        Reason.VOLUME_NOT_WRITABLE,
    }
)

_REFUSALS = frozenset({400, 403, 422})
"""HTTP statuses that say no and would say it again: an invalid object, a quota, a policy, a missing permission."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What deciding and applying came to."""

    decision: Decision
    rollout: RolloutPlan | None = None
    """None while no pod is to serve."""

    @property
    def revision(self) -> str | None:
        """The revision that should serve; None while none should."""
        return self.rollout.revision if self.rollout else None


@dataclass(frozen=True, slots=True)
class Reconciler:
    """What the pipeline needs beside the key."""

    view: ClusterView
    config: OperatorConfig
    catalog: Catalog
    now: Callable[[], datetime]
    reporter: str
    """Name of this operator process, for the events."""

    async def reconcile(self, key: Key) -> float | None:
        """Bring one NemotronDeployment's children to its spec, and its status to the truth.

        Returns
        -------
        Seconds after which to look again although nothing is reported; None when the watches will tell.

        Raises
        ------
        ClusterError
            The API server refused or did not answer; the queue tries again.
        """
        view = self.view.remembering()
        body = view.cache.get(NEMOTRON, *key)
        if body is None or "deletionTimestamp" in body["metadata"]:
            view.departed.forget(key)
            return None  # the garbage collector deletes the children, and the volume stays
        deployment = parse_deployment(body)
        outcome = await self._decide_and_apply(deployment, body, view)
        if isinstance(deployment, ParsedDeployment) and wants_no_replica(deployment):
            if not isinstance(outcome.decision, ServingPlan):  # whatever became of the rest of the spec
                await stop_scalers(deployment.identity, view)
            await release_gpus(deployment.identity, view)
        decision, shows_progress = outcome.decision, self.config.show_download_progress
        lookups = self._list_lookups(deployment)
        now, previous = self.now(), parse_status(body)
        observation = await observe(deployment.identity, lookups, view, now, asks_download=shows_progress)
        observation = await look_for_gpus(decision, observation, view)
        observation, unkept = await remember_group_failures(deployment.identity, observation, view, now)
        status = compute_status(decision, observation, outcome.revision, previous, now, outcome.rollout)
        goes_back = await self._keep_outcome(outcome, observation, previous, status, view)
        await publish(body, status, view, now, self.reporter)
        if unkept is not None:
            raise unkept  # what is told already has to be kept, too
        if goes_back:
            return 0.0  # the revision before is taken back
        if status.verification != previous.verification:
            return 0.0  # the Job that asked may go now, and a write of our own wakes nobody
        download = find_active_download(decision, observation)
        if shows_progress and download is not None and download.is_running:
            return INTERVAL_SECONDS
        waits_for_gpus = observation.gpu_nodes is not None
        is_unwatched = waits_for_gpus or (isinstance(decision, Rejection) and decision.reason in _UNWATCHED)
        if is_unwatched:
            return UNWATCHED_RETRY_SECONDS
        deadline = observation.server.seconds_to_deadline if observation.server else None
        times = (deadline, _count_to_next_check(deployment, decision, body, now))
        return min((seconds for seconds in times if seconds is not None), default=None)

    async def _decide_and_apply(
        self, deployment: ParsedDeployment | InvalidDeployment, body: KubernetesObject, view: ClusterView
    ) -> Outcome:
        if isinstance(deployment, InvalidDeployment):
            return Outcome(deployment)
        rollout = None
        try:
            facts = await observe_facts(deployment, self.catalog, view, self.now())
            plan = make_plan(deployment, facts, self.config, self.catalog)
            if not isinstance(plan, ServingPlan):
                return Outcome(plan)  # what serves keeps serving
            rollout = await settle_rollout(plan, body["spec"], view)
            manifests = render(plan, rollout)
            if await has_lost_volume(plan, view):
                manifests = replace(manifests, scaler=None)  # it would start again what cannot start
                await release_gpus(deployment.identity, view)
            await apply(manifests, deployment.identity, view)
            await forget_revisions(deployment.identity, rollout, view)
        except NameTakenError as error:
            return Outcome(Rejection(deployment.identity, Reason.NAME_CONFLICT, str(error)), rollout)
        except ClusterError as error:
            if error.status_code not in _REFUSALS:
                raise
            return Outcome(Rejection(deployment.identity, Reason.REFUSED_BY_CLUSTER, str(error)), rollout)
        return Outcome(plan, rollout)

    async def _keep_outcome(
        self,
        outcome: Outcome,
        observation: Observation,
        previous: NemotronDeploymentStatus,
        status: NemotronDeploymentStatus,
        view: ClusterView,
    ) -> bool:
        """Keep that a revision serves, or that its rollout failed; tell whether the one before is to be taken back.

        Before the status says so: what was told already would not be kept later.
        """
        rollout, identity = outcome.rollout, outcome.decision.identity
        if rollout is None:
            return False
        if has_begun_to_serve(previous, status) or (rollout.is_unproven and is_serving(status)):
            await record_success(identity, rollout.base_revision, self.now(), view)
        failed = find_failed_rollout(outcome.decision, observation, rollout)
        return failed is not None and await record_failure(identity, rollout.base_revision, failed, view)

    def _list_lookups(self, deployment: ParsedDeployment | InvalidDeployment) -> Lookups:
        if isinstance(deployment, InvalidDeployment):
            return Lookups()
        return list_lookups(deployment, self.catalog)


def _count_to_next_check(
    deployment: ParsedDeployment | InvalidDeployment, decision: Decision, body: KubernetesObject, now: datetime
) -> float | None:
    if not isinstance(deployment, ParsedDeployment) or not isinstance(decision, ServingPlan):
        return None
    return count_seconds_to_next_check(deployment.spec.cache, decision.cache.cached, read_request(body), now)
