"""Whether the spec is sound and fits: the one finding that needs nothing of the cluster, so the command line has it."""

from collections.abc import Sequence

from nemotron_operator.api.conditions import ConditionType, Reason
from nemotron_operator.api.status import EngineStatus
from nemotron_operator.api.v1alpha1 import InvalidDeployment
from nemotron_operator.plan.serving_plan import Rejection, ServingPlan
from nemotron_operator.status.judgement import Decision, Judged, no, yes
from nemotron_operator.units import GIB, MIB

SURPRISE_PERCENT = 5
"""A difference between the planned and the reported KV cache that is told, in percent of the planned."""


def find_planned(decision: Decision, engine: EngineStatus | None) -> Judged:
    """Tell whether the spec is sound and fits.

    Parameters
    ----------
    engine
        What the engine of this plan reported; None before it did.
    """
    match decision:
        case InvalidDeployment(message=message):
            return Judged(no(ConditionType.PLANNED, Reason.INVALID_SPEC, message), needs_human=True)
        case Rejection(reason=reason, message=message):
            return Judged(no(ConditionType.PLANNED, reason, message), needs_human=True)
        case ServingPlan(warning=None):
            message = f"{describe_plan(decision)}{_tell_doubts(decision)}{_tell_surprise(decision, engine)}"
            return Judged(yes(ConditionType.PLANNED, Reason.FITS, message))
        case ServingPlan():
            doubts = f"{_tell_doubts(decision)}{_tell_surprise(decision, engine)}"
            message = f"planPolicy is Warn, so it starts all the same: {decision.warning}{doubts}"
            return Judged(yes(ConditionType.PLANNED, Reason.FITS_NOT_ENFORCED, message))


def describe_plan(plan: ServingPlan) -> str:
    """Tell a plan in one sentence of numbers."""
    memory, gpus = plan.memory, plan.gpus_per_replica
    pipeline = plan.engine.pipeline_parallel_size
    stages = f", pipeline parallel size {pipeline}" if pipeline > 1 else ""
    stages += f" over {plan.nodes} nodes" if plan.nodes > 1 else ""
    return (
        f"{gpus} {plan.accelerator} {'GPU' if gpus == 1 else 'GPUs'} per replica (tensor parallel size "
        f"{plan.engine.tensor_parallel_size}{stages}): weights "
        f"{_on_gpu(memory.weights_bytes)} and KV cache {_on_gpu(memory.kv_cache_bytes)} on each; "
        f"{plan.engine.max_model_len} tokens of context, {plan.kv_cache_tokens} tokens of KV cache, "
        f"{_count(plan.max_concurrent_full_length, 'sequence')} of full length at a time."
    )


def _tell_doubts(plan: ServingPlan) -> str:
    """Tell what the plan rests on that nobody knows for certain."""
    doubts, engine = [], plan.engine
    if plan.missing_at_worst_bytes > 0 and plan.warning is None:
        missing = _on_gpu(plan.missing_at_worst_bytes)
        doubts.append(f"It is tight: with the estimates at their worst {missing} would be missing.")
    if engine.version is None:
        doubts.append(
            f"The vLLM version in {engine.image!r} is not known: arguments unchecked, memory as of the newest known."
        )
    elif not engine.are_options_known and engine.extra_args:
        doubts.append(f"The arguments of vLLM {engine.version} are not known here: unchecked.")
    if engine.unaccounted_args:
        doubts.append(describe_unaccounted(engine.unaccounted_args))
    doubts += [*plan.cache.doubts, *plan.network.doubts]
    return "".join(f" {doubt}" for doubt in doubts)


def describe_unaccounted(arguments: Sequence[str]) -> str:
    """Tell which extra arguments change the memory of an engine in a way that was not counted."""
    names = f"argument{'s' if len(arguments) > 1 else ''} {', '.join(arguments)}"
    return f"Not in this account: what the extra {names} may change of the memory."


def _tell_surprise(plan: ServingPlan, engine: EngineStatus | None) -> str:
    """Hold what the engine reported against the plan; a small difference is not worth a word."""
    if engine is None:
        return ""
    if plan.kv_cache_tokens == 0:
        return f" The engine itself reports {engine.kv_cache_tokens} tokens of KV cache."
    percent = round(100 * (engine.kv_cache_tokens - plan.kv_cache_tokens) / plan.kv_cache_tokens)
    if abs(engine.kv_cache_tokens - plan.kv_cache_tokens) * 100 <= SURPRISE_PERCENT * plan.kv_cache_tokens:
        return ""
    more = f"{percent} % more" if percent > 0 else f"{-percent} % fewer"
    return f" The engine itself reports {engine.kv_cache_tokens} tokens of KV cache, {more} than planned."


def _on_gpu(size_bytes: int) -> str:
    """Tell a size in the binary units of memory."""
    return f"{size_bytes / GIB:.1f} GiB" if size_bytes >= GIB / 10 else f"{size_bytes / MIB:.1f} MiB"


def _count(number: int, thing: str) -> str:
    return f"{number} {thing}" if number == 1 else f"{number} {thing}s"
