"""The plan step: deployment, facts and configuration to a ServingPlan or a Rejection. Everything is decided here."""

from nemotron_operator.api.quantity import format_bytes, format_cores, parse_quantity
from nemotron_operator.api.spec import EnvironmentVariable
from nemotron_operator.api.v1alpha1 import ParsedDeployment
from nemotron_operator.catalog.catalog import Catalog
from nemotron_operator.config import OperatorConfig
from nemotron_operator.plan.adapter_list import plan_adapter_list
from nemotron_operator.plan.adapters import plan_adapters
from nemotron_operator.plan.alternatives import Alternative, find_cheaper, find_faster
from nemotron_operator.plan.cache import plan_cache
from nemotron_operator.plan.cost import count_cost_per_hour
from nemotron_operator.plan.engine_log import plan_engine_log
from nemotron_operator.plan.facts import Facts
from nemotron_operator.plan.inputs import hash_inputs
from nemotron_operator.plan.lora import plan_lora
from nemotron_operator.plan.memory_arguments import list_unaccounted
from nemotron_operator.plan.needed_apis import LEADER_WORKER_SET
from nemotron_operator.plan.network import plan_network
from nemotron_operator.plan.node_count import count_nodes
from nemotron_operator.plan.parsers import choose_reasoning_parser, choose_tool_call_parser
from nemotron_operator.plan.policy import (
    CHECKS,
    FIT_CHECKS,
    SIZED_CHECKS,
    find_sized_violation,
    find_violation,
)
from nemotron_operator.plan.probe import plan_probe
from nemotron_operator.plan.request import PlanRequest, resolve_request
from nemotron_operator.plan.scaling import plan_replicas, plan_scaling
from nemotron_operator.plan.serving_plan import (
    CostPlan,
    EnginePlan,
    PodPlan,
    Rejection,
    SamplingPlan,
    ServingPlan,
)
from nemotron_operator.plan.sizing import Sizing, choose_sizing, find_longest_context
from nemotron_operator.plan.startup import plan_startup
from nemotron_operator.plan.verification import plan_verification
from nemotron_operator.units import GIB

SHARED_MEMORY_BYTES_PER_GPU = 2 * GIB
"""Shared memory for each GPU of a replica, through which its workers talk. vLLM's Kubernetes guide
gives 2Gi to one GPU, deployments of 8 GPUs are seen with 16Gi to 20Gi."""

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
    sizing = choose_sizing(request)
    violation = find_sized_violation(request, sizing, SIZED_CHECKS)
    if violation is not None:
        return Rejection(request.identity, violation.reason, violation.message)
    misfit = find_sized_violation(request, sizing, FIT_CHECKS)
    if misfit is not None and request.spec.plan_policy == "Enforce":
        return Rejection(request.identity, misfit.reason, misfit.message)
    return _assemble(request, sizing, warning=misfit.message if misfit else None)


def _assemble(request: PlanRequest, sizing: Sizing, warning: str | None) -> ServingPlan:
    engine, replicas = _plan_engine(request, sizing), plan_replicas(request)
    cache = plan_cache(request, engine)
    startup = plan_startup(request, cache.cached)
    scaling = plan_scaling(request, startup)
    lora, adapters, startup = plan_lora(request), plan_adapters(request, cache), plan_startup(request, cache.cached)
    gpus_per_node = request.known_profile.gpus_per_node
    nodes = count_nodes(request.spec.parallelism, sizing.shape.parallelism, gpus_per_node)
    return ServingPlan(
        identity=request.identity,
        model_name=request.known_entry.name,
        accelerator=request.accelerator,
        replicas=replicas,
        memory=sizing.memory,
        longest_max_model_len=find_longest_context(request, sizing),
        missing_at_worst_bytes=sizing.missing_at_worst_bytes,
        cost=_plan_cost(request, replicas * sizing.gpus),
        next_cheaper=_list_settings(find_cheaper(request, sizing)),
        next_faster=_list_settings(find_faster(request, sizing)),
        kv_cache_tokens=sizing.memory.count_tokens(sizing.max_model_len),
        max_concurrent_full_length=sizing.memory.count_concurrent(sizing.max_model_len),
        cache=cache,
        engine=engine,
        engine_log=plan_engine_log(engine),
        probe=plan_probe(engine.served_names[0], engine.port, engine.env),
        startup=startup,
        verification=plan_verification(request, engine, replicas, scaling),
        pod=_plan_pod(request, sizing.gpus // nodes),
        nodes=nodes,
        has_live_groups=request.facts.has_live_groups,
        inputs=hash_inputs(request.spec, cache, adapters),
        rollout_strategy=request.spec.rollout.strategy,
        scaling=scaling,
        network=plan_network(request),
        lora=lora,
        adapters=adapters,
        adapter_list=plan_adapter_list(request, cache, adapters, startup, replicas),
        queue_name=request.spec.queue_name,
        missing_apis=request.facts.missing_apis - {LEADER_WORKER_SET},
        forbidden_apis=request.facts.forbidden_apis,
        warning=warning,
    )


def _plan_cost(request: PlanRequest, gpus: int) -> CostPlan | None:
    per_hour = count_cost_per_hour(request.known_profile.gpu_price_per_hour, gpus)
    return None if per_hour is None else CostPlan(per_hour, request.config.currency)


def _list_settings(alternative: Alternative | None) -> tuple[str, ...]:
    return alternative.settings if alternative else ()


def _plan_engine(request: PlanRequest, sizing: Sizing) -> EnginePlan:
    spec, engine = request.spec, request.spec.engine
    return EnginePlan(
        image=request.image,
        version=request.engine_version,
        are_options_known=request.engine_options is not None,
        served_names=spec.model.served_names or (request.known_entry.name,),
        tensor_parallel_size=sizing.shape.parallelism.tensor,
        pipeline_parallel_size=sizing.shape.parallelism.pipeline,
        max_model_len=sizing.max_model_len,
        gpu_memory_utilization_percent=sizing.shape.gpu_memory_utilization_percent,
        max_num_seqs=sizing.shape.batch.max_num_seqs,
        max_num_batched_tokens=sizing.shape.batch.max_num_batched_tokens,
        kv_cache_dtype=engine.kv_cache_dtype,
        trust_remote_code=spec.model.trust_remote_code,
        tool_call_parser=choose_tool_call_parser(request.known_entry.flags, request.extra_args),
        reasoning_parser=choose_reasoning_parser(request.known_entry.flags, request.extra_args),
        sampling=_plan_sampling(request, sizing.max_model_len),
        extra_args=request.extra_args,
        unaccounted_args=list_unaccounted(request.extra_args),
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
    longest_answer = wanted.max_tokens or request.known_entry.context.max_output_tokens or max_model_len
    temperature, top_p = wanted.temperature or card.temperature, wanted.top_p or card.top_p
    return SamplingPlan(
        temperature=float(temperature) if temperature else None,
        top_p=float(top_p) if top_p else None,
        max_tokens=min(longest_answer, max_model_len),
    )


def _plan_pod(request: PlanRequest, gpus: int) -> PodPlan:
    template, profile = request.spec.pod_template, request.known_profile
    shared_memory_bytes = SHARED_MEMORY_BYTES_PER_GPU * gpus
    memory_bytes = (16 + 8 * gpus) * GIB + shared_memory_bytes
    memory = template.memory or format_bytes(memory_bytes)
    drain_seconds = request.spec.rollout.drain_seconds
    return PodPlan(
        gpu_resource=profile.resource_name,
        gpus=gpus,
        cpu=format_cores(parse_quantity(template.cpu or str(2 + 2 * gpus))),
        memory=format_bytes(int(parse_quantity(memory))),
        shared_memory_bytes=shared_memory_bytes,
        node_labels=tuple(sorted((label, tuple(values)) for label, values in profile.node_labels.items())),
        profile_tolerations=profile.tolerations,
        drain_seconds=DRAIN_SECONDS if drain_seconds is None else drain_seconds,
        template=template,
    )
