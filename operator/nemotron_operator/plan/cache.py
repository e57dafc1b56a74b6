"""The cache's part of the plan: which volume, and what has to be fetched into it."""

from nemotron_operator.api.quantity import parse_quantity
from nemotron_operator.plan.access_modes import DEFAULT_ACCESS_MODES, is_for_one_node, is_for_one_pod, plan_access_modes
from nemotron_operator.plan.check import choose_start_check_image, find_obstacle, plan_check
from nemotron_operator.plan.download import plan_download
from nemotron_operator.plan.facts import ClaimUser
from nemotron_operator.plan.memory.weights import count_repository_bytes
from nemotron_operator.plan.names import name_compiled_code, name_download_job
from nemotron_operator.plan.provided import plan_provided
from nemotron_operator.plan.request import PlanRequest
from nemotron_operator.plan.serving_plan import CachePlan, EnginePlan, NewClaim
from nemotron_operator.plan.source import choose_claim_name, choose_download
from nemotron_operator.plan.storage import wants_growth
from nemotron_operator.plan.volume_doubts import list_volume_doubts
from nemotron_operator.units import GIB

HEADROOM_PERCENT = 20
"""Room beside the weights: tokenizer and config files, the file system's own share, a second small revision."""


def plan_cache(request: PlanRequest, engine: EnginePlan) -> CachePlan:
    """Decide on the volume, the download, and where compiled code is kept."""
    source = request.spec.model.source
    download = choose_download(request.spec.model, request.catalog)
    if download is None:
        if source is None:
            raise AssertionError("an unknown model is refused earlier, so the weights are the user's")
        return plan_provided(request, source)
    existing, claim_name = request.spec.cache.existing_claim, choose_claim_name(request.spec, request.catalog)
    job_name = name_download_job(request.identity.name, claim_name, *download.key)
    cached = request.facts.cached_models.get(job_name)
    return CachePlan(
        claim_name=claim_name,
        new_claim=None if existing else _plan_claim(request, claim_name),
        download=plan_download(
            request.config,
            download,
            source.hugging_face if source else None,
            job_name,
            count_repository_bytes(request.architecture),
        ),
        cached=cached,
        is_recorded=claim_name in request.facts.recorded_claims,
        provided_path=None,
        compiled_key=_name_compiled_code(request, engine, cached.commit) if cached else None,
        damage=request.facts.damage,
        check=plan_check(request, claim_name, cached),
        check_obstacle=find_obstacle(request),
        start_check_image=choose_start_check_image(request),
        is_for_one_node=is_for_one_node(plan_access_modes(request)),
        is_for_one_pod=is_for_one_pod(plan_access_modes(request)),
        doubts=list_volume_doubts(request),
    )


def _name_compiled_code(request: PlanRequest, engine: EnginePlan, model_path: str) -> str:
    sizes = (engine.tensor_parallel_size, engine.pipeline_parallel_size)
    return name_compiled_code(engine.image, model_path, request.accelerator, *sizes)


def _plan_claim(request: PlanRequest, claim_name: str) -> NewClaim:
    """Size a claim; one that exists keeps its class and modes, which cannot change, and grows only when told to.

    Its size without a word may change with the catalogue, and several resources share it: nobody asked for more then.
    """
    cache = request.spec.cache
    weights = count_repository_bytes(request.architecture)
    default_bytes = -(-weights * (100 + HEADROOM_PERCENT) // 100 // GIB) * GIB
    wanted_bytes = int(parse_quantity(cache.size)) if cache.size else default_bytes
    live = request.facts.claims.get(claim_name)
    if live is not None:
        size_bytes = wanted_bytes if wants_growth(cache, live) else live.size_bytes
        return NewClaim(size_bytes, live.storage_class_name, live.access_modes, _list_owners(request))
    access_modes = cache.access_modes or DEFAULT_ACCESS_MODES
    return NewClaim(wanted_bytes, cache.storage_class_name, access_modes, _list_owners(request))


def _list_owners(request: PlanRequest) -> tuple[ClaimUser, ...]:
    """List the users as owners, so that the garbage collector deletes the volume after the last of them.

    One user that wants it retained is enough: then nobody owns it. All users come to the same, from the same facts.
    """
    users = request.facts.claim_users
    wants_deletion = request.spec.cache.retention == "Delete" and all(user.retention == "Delete" for user in users)
    return users if wants_deletion else ()
