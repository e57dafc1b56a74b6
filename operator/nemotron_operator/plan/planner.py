"""The plan step: deployment, facts and configuration to a ServingPlan or a Rejection. Everything is decided here."""

import math

from nemotron_operator.api.quantity import format_bytes, format_cores, parse_quantity
from nemotron_operator.api.spec import EnvironmentVariable
from nemotron_operator.api.v1alpha1 import ParsedDeployment
from nemotron_operator.catalog.catalog import Catalog
from nemotron_operator.config import OperatorConfig
from nemotron_operator.plan.cache import plan_cache
from nemotron_operator.plan.facts import Facts
from nemotron_operator.plan.memory import GIB, MIB, count_repository_bytes
from nemotron_operator.plan.policy import CHECKS, FIT_CHECKS, find_violation
from nemotron_operator.plan.request import PlanRequest, resolve_request
from nemotron_operator.plan.serving_plan import (
    EnginePlan,
    PodPlan,
    Rejection,
    SamplingPlan,
    ServingPlan,
    StartupPlan,
)
from nemotron_operator.plan.sizing import Sizing, choose_sizing
from nemotron_operator.plan.verification import plan_verification

SHARED_MEMORY_BYTES_PER_GPU = 2 * GIB
"""Shared memory for each GPU of a replica, through which its workers talk. vLLM's Kubernetes guide
gives 2Gi to one GPU, deployments of 8 GPUs are seen with 16Gi to 20Gi."""

COMPILE_SECONDS = 180
"""Compilation, graph capture and warm-up after the weights are read, in seconds; a cold compile cache is assumed."""

STARTUP_SAFETY_FACTOR = 2
"""A start counts as failed only after this many times its estimate."""

SHORTEST_STARTUP_BUDGET_SECONDS = 600
"""No start is given less than vLLM itself waits for its engine (VLLM_ENGINE_READY_TIMEOUT_S)."""

SCHEDULING_ALLOWANCE_SECONDS = 900
"""Scheduling, a node that has to come up, and the pull of a 10 GB image, before the engine starts."""

DRAIN_SECONDS = 120
"""How long requests in flight may finish when a pod is told to stop: the longest answer of 4096 tokens at 34 tokens a
second."""


def make_plan(
    deployment: ParsedDeployment, facts: Facts, config: OperatorConfig, catalog: Catalog
) -> ServingPlan | Rejection:
    """Decide everything about one NemotronDeployment, or refuse with the numbers and the nearest way that works."""
    request = resolve_request(deployment, facts, config, catalog)
    violation = find_violation(request, CHECKS)
    if violation is not None:
        return Rejection(request.identity, violation.reason, violation.message)
    misfit = find_violation(request, FIT_CHECKS)
    if misfit is not None and request.spec.plan_policy == "Enforce":
        return Rejection(request.identity, misfit.reason, misfit.message)
    return _assemble(request, choose_sizing(request), warning=misfit.message if misfit else None)


def _assemble(request: PlanRequest, sizing: Sizing, warning: str | None) -> ServingPlan:
    engine, replicas = _plan_engine(request, sizing), 0 if request.spec.suspend else request.spec.replicas
    return ServingPlan(
        identity=request.identity,
        model_name=request.known_entry.name,
        accelerator=request.accelerator,
        replicas=replicas,
        memory=sizing.memory,
        max_concurrent_full_length=sizing.memory.kv_cache_tokens // sizing.max_model_len,
        cache=plan_cache(request),
        engine=engine,
        startup=_plan_startup(request),
        verification=plan_verification(request, engine, replicas),
        pod=_plan_pod(request, sizing.shape.tensor_parallel_size),
        warning=warning,
    )


def _plan_engine(request: PlanRequest, sizing: Sizing) -> EnginePlan:
    spec, engine = request.spec, request.spec.engine
    return EnginePlan(
        image=request.image,
        served_names=spec.model.served_names or (request.known_entry.name,),
        tensor_parallel_size=sizing.shape.tensor_parallel_size,
        max_model_len=sizing.max_model_len,
        gpu_memory_utilization_percent=sizing.shape.gpu_memory_utilization_percent,
        max_num_seqs=sizing.shape.max_num_seqs,
        max_num_batched_tokens=sizing.shape.max_num_batched_tokens,
        kv_cache_dtype=engine.kv_cache_dtype,
        trust_remote_code=spec.model.trust_remote_code,
        sampling=_plan_sampling(request, sizing.max_model_len),
        extra_args=(*request.known_profile.engine_args, *engine.extra_args),
        env=_plan_env(request),
        api_key=spec.api_key_secret_ref,
        port=spec.service.port,
    )


def _plan_env(request: PlanRequest) -> tuple[EnvironmentVariable, ...]:
    """Take the accelerator's variables, but for those that the user sets, and then the user's."""
    users = request.spec.engine.env
    set_by_user = {variable.name for variable in users}
    of_profile = (
        EnvironmentVariable(name=name, value=value)
        for name, value in request.known_profile.engine_env.items()
        if name not in set_by_user
    )
    return (*of_profile, *users)


def _plan_sampling(request: PlanRequest, max_model_len: int) -> SamplingPlan:
    """Take the user's values, then the card's; the longest answer is the model's, not that of the card's example."""
    wanted, card = request.spec.engine.sampling, request.known_entry.sampling
    longest_answer = wanted.max_tokens or request.known_entry.context.max_output_tokens
    return SamplingPlan(
        temperature=float(wanted.temperature or card.temperature),
        top_p=float(wanted.top_p or card.top_p),
        max_tokens=min(longest_answer, max_model_len),
    )


def _plan_startup(request: PlanRequest) -> StartupPlan:
    bytes_per_second = request.config.assumed_read_mib_per_second * MIB
    estimate = math.ceil(count_repository_bytes(request.known_entry) / bytes_per_second) + COMPILE_SECONDS
    budget = max(SHORTEST_STARTUP_BUDGET_SECONDS, STARTUP_SAFETY_FACTOR * estimate)
    return StartupPlan(
        estimate_seconds=estimate,
        budget_seconds=budget,
        progress_deadline_seconds=budget + SCHEDULING_ALLOWANCE_SECONDS,
    )


def _plan_pod(request: PlanRequest, tensor_parallel_size: int) -> PodPlan:
    template, profile = request.spec.pod_template, request.known_profile
    shared_memory_bytes = SHARED_MEMORY_BYTES_PER_GPU * tensor_parallel_size
    memory_bytes = (16 + 8 * tensor_parallel_size) * GIB + shared_memory_bytes
    memory = template.memory or format_bytes(memory_bytes)
    return PodPlan(
        gpu_resource=profile.resource_name,
        gpus=tensor_parallel_size,
        cpu=format_cores(parse_quantity(template.cpu or str(2 + 2 * tensor_parallel_size))),
        memory=format_bytes(int(parse_quantity(memory))),
        shared_memory_bytes=shared_memory_bytes,
        node_labels=tuple(sorted((label, tuple(values)) for label, values in profile.node_labels.items())),
        profile_tolerations=profile.tolerations,
        drain_seconds=DRAIN_SECONDS,
        template=template,
    )
