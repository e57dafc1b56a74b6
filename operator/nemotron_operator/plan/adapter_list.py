"""Plan how the pods that run are told which adapters to load."""

from nemotron_operator.plan.adapter_plan import AdapterListPlan, AdapterPlan
from nemotron_operator.plan.lora import plan_lora
from nemotron_operator.plan.names import name_adapter_list_job
from nemotron_operator.plan.request import PlanRequest
from nemotron_operator.plan.serving_plan import CachePlan, StartupPlan

LOADING_SECONDS = 600
"""How long the replicas may take to load all of a list, beside their start."""

ATTEMPTS = 4
"""How often the Job tries: once, and again as often as its template says."""


def plan_adapter_list(
    request: PlanRequest,
    cache: CachePlan,
    adapters: tuple[AdapterPlan, ...],
    startup: StartupPlan,
    replicas: int,
) -> AdapterListPlan | None:
    """Plan the Job; None where nothing is loaded live, or nothing serves.

    Notes
    -----
    Another list is another Job. A list without adapters is told too: it unloads those that were there. An adapter that
    is not there yet, as another revision of one that is served, is no reason to unload what has its name.
    """
    lora = plan_lora(request)
    if lora is None or not lora.is_live or replicas == 0 or cache.claim_name is None or cache.model_path is None:
        return None
    there = tuple((adapter.name, adapter.path) for adapter in adapters if adapter.path is not None)
    kept = tuple(adapter.name for adapter in adapters if adapter.path is None)
    listed = [*(f"{name}={path}" for name, path in sorted(there)), *sorted(kept)]
    serving = request.facts.serving
    wait_seconds = startup.check_budget_seconds + startup.budget_seconds + LOADING_SECONDS
    return AdapterListPlan(
        job_name=name_adapter_list_job(request.identity.name, cache.claim_name, request.identity.uid, *listed),
        image=request.config.downloader_image,
        adapters=there,
        kept=kept,
        serving_revision=serving.revision if serving is not None else None,
        replicas=replicas,
        wait_seconds=wait_seconds,
        deadline_seconds=ATTEMPTS * wait_seconds,
    )
