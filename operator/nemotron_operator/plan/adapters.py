"""Plan the LoRA adapters: where each is, or which Job fetches it."""

from nemotron_operator.plan.adapter_plan import AdapterPlan
from nemotron_operator.plan.adapter_source import AdapterDownload, list_adapter_downloads
from nemotron_operator.plan.download import plan_download
from nemotron_operator.plan.request import PlanRequest
from nemotron_operator.plan.serving_plan import CachePlan

SIZE_IS_UNKNOWN = 0
"""Nobody knows how large an adapter is before its repository is described: some ten to some hundred MB."""


def plan_adapters(request: PlanRequest, cache: CachePlan) -> tuple[AdapterPlan, ...]:
    """Plan the adapters in the order in which the spec names them."""
    fetched = list_adapter_downloads(request.identity.name, request.spec, request.catalog)
    has_model = cache.model_path is not None
    return tuple(
        AdapterPlan(adapter.name, adapter.path, download=None, cached=None, is_due=False)
        if adapter.name not in fetched
        else _plan_fetched(request, adapter.name, fetched[adapter.name], has_model=has_model)
        for adapter in request.spec.model.adapters
    )


def _plan_fetched(request: PlanRequest, name: str, fetched: AdapterDownload, *, has_model: bool) -> AdapterPlan:
    """Keep the Job of one that is there also while the model is fetched again: it carries the record."""
    cached = request.facts.cached_adapters.get(fetched.job_name)
    return AdapterPlan(
        name=name,
        path=cached.commit if cached else None,
        download=plan_download(request.config, fetched.download, fetched.hub, fetched.job_name, SIZE_IS_UNKNOWN),
        cached=cached,
        is_due=has_model or cached is not None,
    )
