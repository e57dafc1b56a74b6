"""Weights that the user provides, on a volume or in an image: nothing is fetched, a volume is looked at first."""

from nemotron_operator.api.quantity import format_bytes, format_cores, parse_quantity
from nemotron_operator.api.source import ClaimSource, ModelSource
from nemotron_operator.plan.access_modes import is_for_one_node, is_for_one_pod, plan_access_modes
from nemotron_operator.plan.check import choose_start_check_image
from nemotron_operator.plan.deadline import SHORTEST_DEADLINE_SECONDS, choose_deadline
from nemotron_operator.plan.memory.weights import count_repository_bytes
from nemotron_operator.plan.names import name_inspect_job
from nemotron_operator.plan.request import PlanRequest
from nemotron_operator.plan.serving_plan import CachePlan, InspectionPlan

LOOKING_CPU, LOOKING_MEMORY = "100m", "128Mi"
"""What it takes to read the headers of a few dozen files."""


def plan_provided(request: PlanRequest, source: ModelSource) -> CachePlan:
    """Plan for a source that downloads nothing."""
    claim, image = source.persistent_volume_claim, source.oci_image
    return CachePlan(
        claim_name=claim.claim_name if claim else None,
        new_claim=None,
        download=None,
        cached=None,
        is_recorded=False,
        provided_path=claim.path if claim else (image.path if image else None) or "",
        image=image.reference if image else None,
        inspection=_plan_inspection(request, claim) if claim else None,
        inspected=request.facts.inspected if claim else None,
        start_check_image=choose_start_check_image(request) if claim else None,
        is_for_one_node=is_for_one_node(plan_access_modes(request)),
        is_for_one_pod=is_for_one_pod(plan_access_modes(request)),
    )


def _plan_inspection(request: PlanRequest, claim: ClaimSource) -> InspectionPlan:
    config, reads_all = request.config, claim.manifest
    name, where = request.identity.name, (claim.claim_name, claim.path)
    expected_bytes = count_repository_bytes(request.architecture)
    return InspectionPlan(
        job_name=name_inspect_job(name, *where, writes_manifest=reads_all),
        image=config.downloader_image,
        writes_manifest=reads_all,
        deadline_seconds=choose_deadline(expected_bytes) if reads_all else SHORTEST_DEADLINE_SECONDS,
        cpu=format_cores(parse_quantity(config.download_cpu if reads_all else LOOKING_CPU)),
        memory=format_bytes(int(parse_quantity(config.download_memory if reads_all else LOOKING_MEMORY))),
    )
