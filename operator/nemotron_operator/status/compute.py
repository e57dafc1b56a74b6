"""The status step: what was decided and what was seen become what is told. Pure; the time is an argument."""

from datetime import datetime
from typing import Any

from nemotron_operator.api.cache import CacheStatus, DownloadProgress
from nemotron_operator.api.conditions import advance_conditions
from nemotron_operator.api.status import (
    BytesRange,
    EndpointStatus,
    NemotronDeploymentStatus,
    PlanStatus,
    StartupStatus,
)
from nemotron_operator.plan.cost import format_cost
from nemotron_operator.plan.names import locate_service
from nemotron_operator.plan.rollout import RolloutPlan
from nemotron_operator.plan.serving_plan import ServingPlan
from nemotron_operator.render.metadata import format_selector, select_pods
from nemotron_operator.render.tls import serves_https
from nemotron_operator.status.adapters import find_adapted, tell_adapters
from nemotron_operator.status.engine import tell_engine
from nemotron_operator.status.findings import (
    find_available,
    find_model_cached,
    find_progress,
    find_ready,
    hold_back,
)
from nemotron_operator.status.judgement import Decision
from nemotron_operator.status.network import find_network, list_hostnames
from nemotron_operator.status.observation import Observation
from nemotron_operator.status.planned import find_planned
from nemotron_operator.status.progress import describe_progress, find_active_download, keep_progress
from nemotron_operator.status.rollout import find_taken_back, find_update, tell_rollout, tell_unknown_pin
from nemotron_operator.status.scaling import find_scaled
from nemotron_operator.status.verification import find_verified, tell_verification


def compute_status(  # noqa: PLR0913, PLR0917 - a pure function of all that was decided and seen
    decision: Decision,
    observation: Observation,
    desired_revision: str | None,
    previous: NemotronDeploymentStatus,
    now: datetime,
    rollout: RolloutPlan | None = None,
) -> NemotronDeploymentStatus:
    """Tell the truth about one resource.

    Parameters
    ----------
    decision
        The plan, or why there is none.
    observation
        What exists, whoever asked for it: an old revision keeps serving while a new spec is refused.
    desired_revision
        Hash of the pod template that should serve; None while nothing should.
    previous
        The status that stands; its transition times, its last answer and, without a plan, its endpoint are kept.
    now
        The time of a condition that flips.
    rollout
        Which pods serve and how they replace others; None while none is to serve.
    """
    verification = tell_verification(decision, observation, desired_revision, previous.verification)
    engine = tell_engine(decision, observation, desired_revision, previous.engine)
    verified = find_verified(decision, observation, desired_revision, verification)
    download = find_active_download(decision, observation)
    progress = keep_progress(download, decision.identity.generation, previous, now)
    steps = (
        find_planned(decision, engine if engine and engine.revision == desired_revision else None),
        find_model_cached(
            decision, observation, describe_progress(progress, download, decision.identity.namespace, now)
        ),
        find_available(decision, observation),
    )
    taken_back = find_taken_back(rollout, decision, observation)
    adapted = find_adapted(decision, observation, desired_revision)
    is_awaited = isinstance(decision, ServingPlan) and decision.waits_for_adapters
    awaited = (*steps[:2], *adapted, *steps[2:]) if is_awaited else steps
    ready = taken_back or find_ready(decision, observation, desired_revision, awaited, verified)
    extras = (
        *find_scaled(decision, observation),
        *find_network(decision, observation),
        *adapted,
    )
    ready = tell_unknown_pin(hold_back(ready, extras), rollout, decision)
    told = (*steps, verified, *extras)
    update = find_update(rollout, decision.identity.name, decision.identity.namespace)
    findings = (ready.finding, *find_progress(ready, told), *(step.finding for step in told), *update)
    return NemotronDeploymentStatus(
        observed_generation=decision.identity.generation,
        conditions=advance_conditions(previous.conditions, findings, decision.identity.generation, now),
        replicas=observation.server.replicas if observation.server else 0,
        ready_replicas=observation.ready_pods,
        selector=format_selector(select_pods(decision.identity)),
        desired_revision=desired_revision,
        serving_revision=_choose_serving_revision(observation, desired_revision),
        verification=verification,
        engine=engine,
        rollout=tell_rollout(rollout, previous.rollout),
        startup=_compute_startup(decision, observation),
        **_tell_decision(decision, previous, progress, observation, rollout),
    )


def _tell_decision(
    decision: Decision,
    previous: NemotronDeploymentStatus,
    progress: DownloadProgress | None,
    observation: Observation,
    rollout: RolloutPlan | None,
) -> dict[str, Any]:
    if isinstance(decision, ServingPlan):
        return {
            "plan": tell_plan(decision),
            "cache": _tell_cache(decision, progress),
            "endpoint": _tell_endpoint(decision, observation, rollout),
            "served_names": (*decision.engine.served_names, *(adapter.name for adapter in decision.adapters)),
            "adapters": tell_adapters(decision),
        }
    if observation.server is not None:
        # What serves now was planned earlier: clients still find it there.
        # Nothing is fetched for it: the progress of an earlier spec would stand there for ever.
        cache = previous.cache.model_copy(update={"progress": None}) if previous.cache else None
        return {
            "cache": cache,
            "endpoint": previous.endpoint,
            "served_names": previous.served_names,
            "adapters": previous.adapters,
        }
    return {}


def tell_plan(plan: ServingPlan) -> PlanStatus:
    """Tell a plan in the numbers of the status."""
    memory = plan.memory
    least_bytes, most_bytes = memory.kv_cache_bytes_range
    return PlanStatus(
        model=plan.model_name,
        accelerator=plan.accelerator,
        tensor_parallel_size=plan.engine.tensor_parallel_size,
        pipeline_parallel_size=plan.engine.pipeline_parallel_size,
        gpus_per_replica=plan.gpus_per_replica,
        nodes_per_replica=plan.nodes if plan.nodes > 1 else None,
        gpus=plan.gpus,
        max_model_len=plan.engine.max_model_len,
        longest_max_model_len=plan.longest_max_model_len,
        weights_bytes_per_gpu=memory.weights_bytes,
        working_bytes_per_gpu=memory.working_bytes,
        kv_bytes_per_token=memory.kv_bytes_per_token,
        kv_cache_bytes_per_gpu=max(0, memory.kv_cache_bytes),
        kv_cache_bytes_per_gpu_range=BytesRange(low=max(0, least_bytes), high=max(0, most_bytes)),
        state_bytes_per_sequence=memory.state_bytes_per_sequence or None,
        kv_cache_tokens=plan.kv_cache_tokens,
        max_concurrent_full_length=plan.max_concurrent_full_length,
        startup_seconds=plan.startup.estimate_seconds,
        startup_budget_seconds=plan.startup.budget_seconds,
        cost_per_hour=format_cost(plan.cost.per_hour) if plan.cost else None,
        currency=plan.cost.currency if plan.cost else None,
        next_cheaper=", ".join(plan.next_cheaper) or None,
        next_faster=", ".join(plan.next_faster) or None,
    )


def _tell_cache(plan: ServingPlan, progress: DownloadProgress | None) -> CacheStatus:
    cache, cached = plan.cache, plan.cache.cached
    found = cached or cache.inspected
    return CacheStatus(
        claim_name=cache.claim_name,
        image=cache.image,
        repository=cache.download.origin.repository if cache.download else None,
        commit=cached.commit if cached else None,
        path=cache.model_path or None,
        bytes=found.size_bytes if found else None,
        files=found.files if found else None,
        manifest_sha256=found.manifest_sha256 if found else None,
        verified_at=cached.verified_at if cached else None,
        read_bytes_per_second=cached.read_bytes_per_second if cached else None,
        progress=progress,
    )


def _tell_endpoint(plan: ServingPlan, observation: Observation, rollout: RolloutPlan | None) -> EndpointStatus:
    name, is_encrypted = plan.identity.name, serves_https(plan, rollout)
    url = locate_service(name, plan.identity.namespace, plan.engine.port, is_encrypted=is_encrypted)
    return EndpointStatus(url=url, service_name=name, hostnames=list_hostnames(plan, observation) or None)


def _choose_serving_revision(observation: Observation, desired_revision: str | None) -> str | None:
    """Name what clients get: the old revision until the last pod of it is gone."""
    others = [revision for revision in observation.ready_revisions if revision != desired_revision]
    if others:
        return others[0]
    return desired_revision if desired_revision in observation.ready_revisions else None


def _compute_startup(decision: Decision, observation: Observation) -> StartupStatus | None:
    # One that has served and is not ready at the moment does not start.
    starting = [pod.created_at for pod in observation.server_pods if not pod.ready and not pod.unready]
    if not starting or not isinstance(decision, ServingPlan):
        return None
    startup = decision.startup
    return StartupStatus(started_at=min(starting), budget_seconds=startup.check_budget_seconds + startup.budget_seconds)
