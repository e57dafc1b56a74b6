"""The cache's part of the plan: which volume, and what has to be fetched into it."""

from nemotron_operator.api.quantity import format_bytes, format_cores, parse_quantity
from nemotron_operator.plan.memory.weights import count_repository_bytes
from nemotron_operator.plan.names import name_download_job
from nemotron_operator.plan.request import PlanRequest
from nemotron_operator.plan.serving_plan import CachePlan, DownloadPlan, NewClaim
from nemotron_operator.plan.source import Download, choose_claim_name, choose_download
from nemotron_operator.units import GIB, MIB

HEADROOM_PERCENT = 20
"""Room beside the weights: tokenizer and config files, the file system's own share, a second small revision."""

DEFAULT_ACCESS_MODES = ("ReadWriteOnce",)
"""What every StorageClass can do."""

SLOWEST_BYTES_PER_SECOND = 4 * MIB
"""A download slower than this counts as stuck: 70 GB then take five hours."""

SHORTEST_DEADLINE_SECONDS = 3600
"""No download is given less than this."""


def plan_cache(request: PlanRequest) -> CachePlan:
    """Decide on the volume and the download."""
    source = request.spec.model.source
    download = choose_download(request.spec.model, request.catalog)
    if download is None:
        if source is None or source.persistent_volume_claim is None:
            raise AssertionError("an unknown model is refused earlier, so the weights are the user's")
        provided = source.persistent_volume_claim
        return CachePlan(
            provided.claim_name,
            new_claim=None,
            download=None,
            cached=None,
            is_recorded=False,
            provided_path=provided.path,
        )
    existing, claim_name = request.spec.cache.existing_claim, choose_claim_name(request.spec, request.catalog)
    job_name = name_download_job(request.identity.name, claim_name, download.repository, download.revision)
    return CachePlan(
        claim_name=claim_name,
        new_claim=None if existing else _plan_claim(request, claim_name),
        download=_plan_download(request, download),
        cached=request.facts.cached_models.get(job_name),
        is_recorded=claim_name in request.facts.recorded_claims,
        provided_path=None,
    )


def _plan_claim(request: PlanRequest, claim_name: str) -> NewClaim:
    """Size a claim; one that exists keeps its class and modes, which cannot change, and only grows."""
    cache = request.spec.cache
    weights = count_repository_bytes(request.architecture)
    default_bytes = -(-weights * (100 + HEADROOM_PERCENT) // 100 // GIB) * GIB
    wanted_bytes = int(parse_quantity(cache.size)) if cache.size else default_bytes
    live = request.facts.claims.get(claim_name)
    if live is not None:
        return NewClaim(max(wanted_bytes, live.size_bytes), live.storage_class_name, live.access_modes)
    return NewClaim(wanted_bytes, cache.storage_class_name, cache.access_modes or DEFAULT_ACCESS_MODES)


def plan_access_modes(request: PlanRequest) -> tuple[str, ...]:
    """Tell how the volume may be mounted: as it is, or as it would be made."""
    live = request.facts.claims.get(choose_claim_name(request.spec, request.catalog))
    return live.access_modes if live else request.spec.cache.access_modes or DEFAULT_ACCESS_MODES


def _plan_download(request: PlanRequest, download: Download) -> DownloadPlan:
    hub = request.hub_source
    expected_bytes = count_repository_bytes(request.architecture)
    return DownloadPlan(
        image=request.config.downloader_image,
        repository=download.repository,
        revision=download.revision,
        endpoint=hub.endpoint if hub else None,
        token=hub.token_secret_ref if hub else None,
        expected_bytes=expected_bytes,
        deadline_seconds=max(SHORTEST_DEADLINE_SECONDS, expected_bytes // SLOWEST_BYTES_PER_SECOND),
        cpu=format_cores(parse_quantity(request.config.download_cpu)),
        memory=format_bytes(int(parse_quantity(request.config.download_memory))),
    )
