"""What `nemoctl plan -o json` answers: one object for each deployment, the keys documented here."""

from typing import Any

from nemotron_operator.api.conditions import Reason
from nemotron_operator.api.fields import ApiModel
from nemotron_operator.api.v1alpha1 import InvalidDeployment, ParsedDeployment
from nemotron_operator.cli.documents import Document
from nemotron_operator.cli.offline import Offline
from nemotron_operator.plan.request import resolve_request
from nemotron_operator.plan.serving_plan import Rejection, ServingPlan
from nemotron_operator.status.compute import tell_plan
from nemotron_operator.status.findings import find_planned
from nemotron_operator.status.judgement import Decision


class PlanReport(ApiModel):
    """The answer for one deployment, in the operator's own words and numbers.

    Every number speaks of one replica, except `gpus`. The numbers of what does not fit are those of the setting that
    came closest; they are null when the refusal has another reason, as then nothing was sized.
    """

    file: str
    """The file that the deployment was read from, or `standard input`. Example: `model-card.yaml`."""

    namespace: str
    """Namespace of the deployment; `default` where the file names none. Example: `default`."""

    name: str
    """Name of the deployment. Example: `nemotron-70b`."""

    fits: bool
    """Whether the operator would start it, and its memory account adds up. Example: `true`."""

    reason: str
    """Why, in one word: the reason of the condition `Planned`. Example: `Fits`."""

    message: str
    """Why, in sentences: the message of the condition `Planned`. Example: `2 H100-80GB GPUs per replica ...`."""

    model: str | None = None
    """Catalogue name of the model, or the unknown name that was asked for. Example:
    `nvidia/Llama-3.1-Nemotron-70B-Instruct-HF`."""

    accelerator: str | None = None
    """Accelerator profile. Example: `H100-80GB`."""

    tensor_parallel_size: int | None = None
    """GPUs that share one replica's weights. Example: `2`."""

    gpus_per_replica: int | None = None
    """GPUs that one replica requests. Example: `2`."""

    gpus: int | None = None
    """GPUs that all desired replicas request together. Example: `4`."""

    max_model_len: int | None = None
    """Longest sequence that is served, in tokens. Example: `131072`."""

    gpu_memory_bytes: int | None = None
    """Memory of one GPU as CUDA reports it, in bytes. Example: `84943044608`."""

    engine_bytes_per_gpu: int | None = None
    """What the engine may take of one GPU (`gpuMemoryUtilizationPercent`), in bytes. Example: `78147601040`."""

    weights_bytes_per_gpu: int | None = None
    """Weights on one GPU, in bytes. Example: `36346793984`."""

    working_bytes_per_gpu: int | None = None
    """Activations, communication buffers and graphs on one GPU, in bytes. Example: `5300000000`."""

    kv_bytes_per_token: int | None = None
    """KV cache of one token over all GPUs of the replica, in bytes. Example: `327680`."""

    kv_cache_bytes_per_gpu: int | None = None
    """Memory left for the KV cache on one GPU, in bytes; 0 when nothing is left. Example: `36000000000`."""

    kv_cache_tokens: int | None = None
    """Tokens that the KV cache of one replica holds. Example: `220000`."""

    max_concurrent_full_length: int | None = None
    """Sequences of full length that fit at the same time, rounded down. Example: `1`."""

    startup_seconds: int | None = None
    """Estimated seconds from pod start to the first answer, with an assumed read rate. Example: `527`."""

    startup_budget_seconds: int | None = None
    """Seconds after which a start counts as failed. Example: `1054`."""

    assumptions: tuple[str, ...] = ()
    """What only a cluster could tell and was assumed, in sentences.
    Example: `PersistentVolumeClaim 'a' exists, and every replica may mount it`."""


def make_plan_report(document: Document, offline: Offline) -> PlanReport:
    """Plan one document of a file."""
    deployment = document.deployment
    decision = offline.decide(deployment)
    planned = find_planned(decision).finding
    return PlanReport(
        file=document.source,
        namespace=deployment.identity.namespace,
        name=deployment.identity.name,
        fits=isinstance(decision, ServingPlan) and decision.warning is None,
        reason=str(planned.reason),
        message=planned.message,
        **_tell_what_was_asked(deployment, offline),
        **_tell_numbers(deployment, decision, offline),
    )


def _tell_what_was_asked(deployment: ParsedDeployment | InvalidDeployment, offline: Offline) -> dict[str, Any]:
    if isinstance(deployment, InvalidDeployment):
        return {}
    request = resolve_request(deployment, offline.assume_facts(deployment), offline.config, offline.catalog)
    claims = offline.list_assumed_claims(deployment)
    return {
        "model": request.entry.name if request.entry else request.model_name or None,
        "accelerator": request.accelerator,
        "assumptions": tuple(
            f"PersistentVolumeClaim {name!r} exists, and every replica may mount it" for name in claims
        ),
    }


def _tell_numbers(
    deployment: ParsedDeployment | InvalidDeployment, decision: Decision, offline: Offline
) -> dict[str, Any]:
    plan = decision if isinstance(decision, ServingPlan) else None
    if isinstance(decision, Rejection) and isinstance(deployment, ParsedDeployment) and _is_misfit(decision):
        plan = offline.size_anyway(deployment)
    if plan is None:
        return {}
    numbers = tell_plan(plan).model_dump(exclude={"model", "accelerator"})
    memory = plan.memory
    return {**numbers, "gpu_memory_bytes": memory.total_bytes, "engine_bytes_per_gpu": memory.requested_bytes}


def _is_misfit(rejection: Rejection) -> bool:
    return rejection.reason in {Reason.WEIGHTS_DO_NOT_FIT, Reason.CONTEXT_DOES_NOT_FIT}
