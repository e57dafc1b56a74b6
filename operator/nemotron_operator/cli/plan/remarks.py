"""Remarks: what an answer leaves open, in sentences."""

from collections.abc import Iterator

from nemotron_operator.catalog.entry import ServingFlags
from nemotron_operator.plan.engine_version import parse_version
from nemotron_operator.plan.memory_arguments import list_unaccounted
from nemotron_operator.plan.request import PlanRequest
from nemotron_operator.plan.serving_plan import ServingPlan
from nemotron_operator.plan.sizing import Sizing
from nemotron_operator.status.planned import describe_unaccounted
from nemotron_operator.units import GIB

OLDEST_MEASURED_VLLM = "0.11.0"
"""The oldest vLLM whose printed memory the account was compared with (rows D1 to D7 of the data points)."""

NEWEST_READ_VLLM = "0.33.0"
"""The newest vLLM whose source the account follows."""


def list_remarks(request: PlanRequest, plan: ServingPlan | None, sizing: Sizing | None) -> Iterator[str]:
    """List what a person should know beside the numbers."""
    if request.profile is None or request.entry is None:
        return
    yield from _remark_version(request)
    yield from _remark_arguments(request)
    if plan is not None and sizing is not None:
        yield from _remark_prediction_layers(request)
        yield from _remark_range(plan, sizing)
        yield from _remark_scaling(plan)


def list_grants(flags: ServingFlags, version: str | None, *, has_own_code: bool) -> Iterator[str]:
    """List what a deployment needs that a question about memory takes for granted."""
    if flags.trust_remote_code:
        yield "The model brings Python code without which vLLM cannot load it: a deployment needs trustRemoteCode."
    elif has_own_code:
        yield "config.json names Python code of its repository (auto_map): a deployment may need trustRemoteCode."
    needed = flags.minimum_vllm
    if needed is not None and version is not None and parse_version(version) < parse_version(needed):
        yield f"The model needs vLLM {needed} or newer, and this is the account of {version}."


def _remark_version(request: PlanRequest) -> Iterator[str]:
    version = request.engine_version
    if version is None:
        yield (
            f"The image {request.image!r} does not say which vLLM it holds: the account is that of {NEWEST_READ_VLLM}."
        )
    elif parse_version(version) < parse_version(OLDEST_MEASURED_VLLM):
        yield f"vLLM {version} is older than all that was measured ({OLDEST_MEASURED_VLLM}): its numbers may differ."
    elif parse_version(version)[:2] > parse_version(NEWEST_READ_VLLM)[:2]:
        yield f"vLLM {version} is newer than all that was read ({NEWEST_READ_VLLM}): its numbers may differ."


def _remark_scaling(plan: ServingPlan) -> Iterator[str]:
    if plan.scaling is not None and plan.scaling.max_replicas > plan.replicas:
        most = plan.scaling.max_replicas
        yield (
            f"The numbers are those of {plan.replicas} of {plan.scaling.min_replicas} to {most} replicas: under load "
            f"there are up to {most * plan.gpus_per_replica} GPUs."
        )


def _remark_arguments(request: PlanRequest) -> Iterator[str]:
    unaccounted = list_unaccounted(request.extra_args)
    if unaccounted:
        yield describe_unaccounted(unaccounted)


def _remark_prediction_layers(request: PlanRequest) -> Iterator[str]:
    layers = (request.known_entry.config or {}).get("num_nextn_predict_layers")
    if isinstance(layers, int) and layers > 0:
        yield (
            f"The checkpoint may hold {layers} layer{'s' if layers > 1 else ''} for multi-token prediction: vLLM loads "
            "them only for speculative decoding, and they are not in the account."
        )


def _remark_range(plan: ServingPlan, sizing: Sizing) -> Iterator[str]:
    total = sizing.memory.working.total
    if total.low_bytes == total.high_bytes:
        return
    verdict = "It fits at either end."
    if not sizing.fits:
        verdict = "It is not expected to fit."
    elif plan.missing_at_worst_bytes > 0:
        verdict = f"At the upper end {plan.missing_at_worst_bytes / GIB:.2f} GiB would be missing."
    yield (
        f"Working memory is an estimate: {total.low_bytes / GIB:.1f} to {total.high_bytes / GIB:.1f} GiB on each GPU, "
        f"{total.expected_bytes / GIB:.1f} expected. {verdict}"
    )
