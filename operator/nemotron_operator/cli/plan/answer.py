"""From a deployment to the answer of `nemoctl plan`: decided by the operator's own plan, told with every number."""

from typing import Any

from nemotron_operator.api.conditions import Reason
from nemotron_operator.api.v1alpha1 import InvalidDeployment, ParsedDeployment
from nemotron_operator.cli.documents import Document
from nemotron_operator.cli.licences import list_licences
from nemotron_operator.cli.offline import Offline
from nemotron_operator.cli.plan.more_nodes import describe_need_of_nodes
from nemotron_operator.cli.plan.packing import Demand, count_needed_nodes
from nemotron_operator.cli.plan.remarks import list_remarks
from nemotron_operator.cli.plan.report import BytesRange, NodesReport, PlanReport, SettingReport
from nemotron_operator.plan.alternatives import Alternative, find_cheaper, find_faster, find_nearest_fitting
from nemotron_operator.plan.cost import count_cost_per_hour, format_cost
from nemotron_operator.plan.memory.account import GpuMemory
from nemotron_operator.plan.memory.estimate import Estimate
from nemotron_operator.plan.memory.parallelism import list_legal_tensor_parallel_sizes
from nemotron_operator.plan.request import PlanRequest
from nemotron_operator.plan.serving_plan import Rejection, ServingPlan
from nemotron_operator.plan.sizing import (
    Sizing,
    choose_sizing,
    find_smallest,
    list_parallelisms,
)
from nemotron_operator.status.judgement import Decision
from nemotron_operator.status.planned import find_planned

_MISFITS = {Reason.WEIGHTS_DO_NOT_FIT, Reason.CONTEXT_DOES_NOT_FIT, Reason.BATCH_DOES_NOT_FIT}
"""Refusals for which there are numbers."""


def make_plan_report(document: Document, offline: Offline) -> PlanReport:
    """Plan one document of a file."""
    deployment = document.deployment
    decision = offline.decide(deployment)
    planned = find_planned(decision, None).finding
    fits = isinstance(decision, ServingPlan) and decision.warning is None
    return PlanReport(
        file=document.source,
        namespace=deployment.identity.namespace,
        name=deployment.identity.name,
        fits=None if planned.reason == Reason.GEOMETRY_UNKNOWN else fits,
        reason=str(planned.reason),
        message=planned.message,
        **({} if isinstance(deployment, InvalidDeployment) else _answer(deployment, decision, offline)),
    )


def _answer(deployment: ParsedDeployment, decision: Decision, offline: Offline) -> dict[str, Any]:
    request = offline.resolve(deployment)
    plan = decision if isinstance(decision, ServingPlan) else None
    if isinstance(decision, Rejection) and decision.reason in _MISFITS:
        plan = offline.size_anyway(deployment)
    sizing = choose_sizing(request) if plan is not None else None
    answer = {
        **_tell_what_was_asked(deployment, request, offline),
        "remarks": tuple(list_remarks(request, plan, sizing)),
    }
    if plan is not None and sizing is not None:
        answer |= _tell_decision(plan, sizing) | _tell_memory(sizing) | _tell_choices(request, plan, sizing)
        answer["remarks"] += _tell_need_of_nodes(request, sizing, answer["fitting_settings"])
    return answer


def _tell_need_of_nodes(request: PlanRequest, sizing: Sizing, fitting_settings: tuple[str, ...]) -> tuple[str, ...]:
    """Say what a model takes for which there is no setting on one node."""
    if sizing.fits or fitting_settings:
        return ()
    largest = list_legal_tensor_parallel_sizes(request.architecture, request.known_profile.gpus_per_node)[-1]
    return (f"The model {describe_need_of_nodes(request, largest)}.",)


def _tell_what_was_asked(deployment: ParsedDeployment, request: PlanRequest, offline: Offline) -> dict[str, Any]:
    entry = request.entry
    claims = offline.list_assumed_claims(deployment)
    known = entry.known_weight_bytes if entry else None
    return {
        "model": entry.name if entry else request.model_name or None,
        "licences": list_licences(entry) if entry else (),
        "accelerator": request.accelerator,
        "vllm_version": request.engine_version,
        "known_weights_bytes": (
            BytesRange(low=known.low, expected=(known.low + known.high) // 2, high=known.high) if known else None
        ),
        "assumptions": tuple(
            f"PersistentVolumeClaim {name!r} exists, and every replica may mount it" for name in claims
        ),
    }


def _tell_decision(plan: ServingPlan, sizing: Sizing) -> dict[str, Any]:
    engine = plan.engine
    return {
        "is_certain": sizing.fits and plan.missing_at_worst_bytes == 0,
        "tensor_parallel_size": engine.tensor_parallel_size,
        "pipeline_parallel_size": engine.pipeline_parallel_size,
        "gpus_per_replica": plan.gpus_per_replica,
        "nodes_per_replica": plan.nodes,
        "gpus": plan.gpus,
        "max_model_len": engine.max_model_len,
        "gpu_memory_utilization_percent": engine.gpu_memory_utilization_percent,
        "max_num_seqs": engine.max_num_seqs,
        "max_num_batched_tokens": engine.max_num_batched_tokens,
        "kv_cache_tokens": plan.kv_cache_tokens,
        "max_concurrent_full_length": plan.max_concurrent_full_length,
        "startup_seconds": plan.startup.estimate_seconds,
        "startup_budget_seconds": plan.startup.budget_seconds,
    }


def _tell_memory(sizing: Sizing) -> dict[str, Any]:
    memory, working = sizing.memory, sizing.memory.working
    return {
        "kv_cache_dtype": "fp8" if sizing.shape.kv_element_bytes == 1 else "bfloat16",
        "gpu_memory_bytes": memory.total_bytes,
        "engine_bytes_per_gpu": memory.requested_bytes,
        "weights_bytes_per_gpu": memory.weights_bytes,
        "working_bytes_per_gpu": memory.working_bytes,
        "activation_bytes_per_gpu": _tell_range(working.activation),
        "non_torch_bytes_per_gpu": _tell_range(working.non_torch),
        "cuda_graph_bytes_per_gpu": _tell_range(working.graphs),
        "adapter_bytes_per_gpu": working.adapters.expected_bytes,
        "kv_bytes_per_token": memory.kv_bytes_per_token,
        "state_bytes_per_sequence": memory.state_bytes_per_sequence,
        "kv_cache_bytes_per_gpu": max(0, memory.kv_cache_bytes),
        "kv_cache_bytes_per_gpu_range": _tell_kv_cache_range(memory),
    }


def _tell_range(estimate: Estimate) -> BytesRange:
    return BytesRange(low=estimate.low_bytes, expected=estimate.expected_bytes, high=estimate.high_bytes)


def _tell_kv_cache_range(memory: GpuMemory) -> BytesRange:
    low, high = memory.kv_cache_bytes_range
    return BytesRange(low=max(0, low), expected=max(0, memory.kv_cache_bytes), high=max(0, high))


def _tell_choices(request: PlanRequest, plan: ServingPlan, sizing: Sizing) -> dict[str, Any]:
    """Tell what else there is on the same accelerator, what it costs, and the nodes that it takes."""
    price = request.known_profile.gpu_price_per_hour
    smallest = find_smallest(request, list_parallelisms(request), sizing.max_model_len)
    cheaper, faster = (find_cheaper(request, sizing), find_faster(request, sizing)) if sizing.fits else (None, None)
    gpus_per_node = request.known_profile.gpus_per_node
    return {
        "longest_max_model_len": plan.longest_max_model_len,
        "smallest_tensor_parallel_size": smallest.shape.parallelism.tensor if smallest else None,
        "cost_per_hour": _tell_cost(price, plan.gpus),
        "currency": None if price is None else request.config.currency,
        "next_cheaper": _tell_setting(cheaper, plan.replicas, price) if cheaper else None,
        "next_faster": _tell_setting(faster, plan.replicas, price) if faster else None,
        "fitting_settings": () if sizing.fits else tuple(find_nearest_fitting(request, sizing)),
        "nodes": NodesReport(
            gpus_per_node=gpus_per_node,
            needed=count_needed_nodes(gpus_per_node, Demand(plan.replicas, plan.pod.gpus, plan.nodes)),
        ),
    }


def _tell_setting(alternative: Alternative, replicas: int, price: str | None) -> SettingReport:
    sizing = alternative.sizing
    return SettingReport(
        settings=alternative.settings,
        tensor_parallel_size=sizing.shape.parallelism.tensor,
        gpus=replicas * sizing.gpus,
        max_model_len=sizing.max_model_len,
        kv_cache_tokens=sizing.memory.count_tokens(sizing.max_model_len),
        max_concurrent_full_length=sizing.memory.count_concurrent(sizing.max_model_len),
        cost_per_hour=_tell_cost(price, replicas * sizing.gpus),
    )


def _tell_cost(price: str | None, gpus: int) -> str | None:
    cost = count_cost_per_hour(price, gpus)
    return None if cost is None else format_cost(cost)
