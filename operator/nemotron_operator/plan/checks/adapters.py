"""What adapters cannot do: have the model's own name, be set twice, or be fetched to where nothing can be written."""

from nemotron_operator.api.adapters import LORA_RANKS
from nemotron_operator.api.conditions import Reason
from nemotron_operator.plan.access_modes import ONE_POD, can_be_written, is_for_one_pod, plan_access_modes
from nemotron_operator.plan.adapter_source import list_adapter_downloads
from nemotron_operator.plan.checks.violation import Violation
from nemotron_operator.plan.extra_arguments import list_names
from nemotron_operator.plan.request import PlanRequest

_SET_BY_FIELDS = {
    "--enable-lora": "model.adapters",
    "--lora-modules": "model.adapters",
    "--max-lora-rank": "engine.lora.maxRank",
    "--max-loras": "engine.lora.maxLoaded",
}
"""Arguments that the fields set, where there are adapters; without any, a user may give them himself."""

_ONE_API_SERVER = "--api-server-count"
"""Live loading reaches one server's list of adapters: vLLM refuses it with several (vllm/entrypoints/cli/serve.py)."""


def adapters_have_names_of_their_own(request: PlanRequest) -> Violation | None:
    """Refuse an adapter that nobody could ask for, since the model itself answers to its name."""
    model = request.spec.model
    served = model.served_names or (request.known_entry.name,)
    for index, adapter in enumerate(model.adapters):
        if adapter.name in served:
            return Violation(
                Reason.ADAPTER_NOT_ALLOWED,
                f"spec.model.adapters[{index}].name: {adapter.name!r} is a name of the model itself "
                f"({', '.join(served)}). Give the adapter another one.",
            )
    return None


def adapters_are_set_once(request: PlanRequest) -> Violation | None:
    """Keep one source for what the engine is told about adapters."""
    if not _wants_lora(request):
        return None
    for name in list_names(request.extra_args):
        field = _SET_BY_FIELDS.get(name)
        if field is not None:
            return Violation(
                Reason.ADAPTER_NOT_ALLOWED,
                f"spec.engine.extraArgs: {name!r} is set by spec.{field} where there are adapters: remove it.",
            )
        if name == _ONE_API_SERVER and _is_live(request):
            return Violation(
                Reason.ADAPTER_NOT_ALLOWED,
                f"spec.engine.lora.loading: Live does not go with {name!r}, as vLLM loads into one API server only. "
                "Remove the argument, or set loading: Restart.",
            )
    return None


def adapters_have_a_volume(request: PlanRequest) -> Violation | None:
    """Refuse an adapter for which there is no place, or none that its Job could ever write to."""
    found = next((each for each in enumerate(request.spec.model.adapters) if each[1].path is None), None)
    lack = _find_lack_of_volume(request)
    if lack is None:
        return None
    if found is not None:
        return Violation(
            Reason.ADAPTER_NOT_ALLOWED,
            f"spec.model.adapters[{found[0]}]: {found[1].name!r} is to be downloaded, and {lack}. Put the adapter "
            "beside the weights and name its directory: path.",
        )
    if _is_live(request):
        return Violation(
            Reason.ADAPTER_NOT_ALLOWED,
            f"spec.engine.lora.loading: Live tells the pods on the volume what to load, and {lack}. "
            "Set loading: Restart.",
        )
    return None


def adapters_have_small_ranks(request: PlanRequest) -> Violation | None:
    """Refuse an adapter that the engine would refuse, and end, once it is there and says how large it is."""
    largest, known = request.spec.engine.lora.max_rank, request.facts.cached_adapters
    for name, fetched in list_adapter_downloads(request.identity.name, request.spec, request.catalog).items():
        rank = known[fetched.job_name].adapter_rank if fetched.job_name in known else None
        if rank is not None and rank > largest:
            enough = next((each for each in LORA_RANKS if each >= rank), None)
            way_out = f"Set maxRank: {enough}" if enough else "vLLM serves none of this rank"
            return Violation(
                Reason.ADAPTER_NOT_ALLOWED,
                f"spec.engine.lora.maxRank: {largest} is less than the rank {rank} of adapter {name!r}. {way_out}, "
                "or remove the adapter.",
            )
    return None


def _find_lack_of_volume(request: PlanRequest) -> str | None:
    source, modes = request.spec.model.source, plan_access_modes(request)
    if source is not None and source.oci_image is not None:
        return "weights in an image (model.source.ociImage) have no volume"
    if not can_be_written(modes):
        return f"the volume can only be read ({', '.join(modes)})"
    if is_for_one_pod(modes):
        return f"a pod that serves excludes all others from the volume ({ONE_POD})"
    return None


def _wants_lora(request: PlanRequest) -> bool:
    return bool(request.spec.model.adapters) or _is_live(request)


def _is_live(request: PlanRequest) -> bool:
    return request.spec.engine.lora.loading == "Live"
