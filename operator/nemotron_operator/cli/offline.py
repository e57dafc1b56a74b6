"""Deciding without a cluster: what stands in for the facts that only a cluster knows."""

import re
from dataclasses import dataclass, replace
from pathlib import Path

from nemotron_operator.api.v1alpha1 import InvalidDeployment, ParsedDeployment
from nemotron_operator.catalog.catalog import Catalog, load_catalog
from nemotron_operator.config import OperatorConfig, load_config
from nemotron_operator.plan.adapter_source import list_adapter_downloads
from nemotron_operator.plan.facts import CachedModel, ClaimFact, Facts, InspectedModel
from nemotron_operator.plan.lookups import list_lookups
from nemotron_operator.plan.planner import make_plan
from nemotron_operator.plan.request import PlanRequest, resolve_request
from nemotron_operator.plan.serving_plan import ServingPlan
from nemotron_operator.plan.source import choose_download
from nemotron_operator.status.judgement import Decision

PLACEHOLDER_UID = "00000000-0000-0000-0000-000000000000"
"""Stands for the resource's uid, which the API server gives on creation."""


ASSUMED_MODEL = InspectedModel(size_bytes=0, files=0, manifest_sha256=None)
"""Stands for what is on a volume of the user's."""


@dataclass(frozen=True, slots=True)
class Offline:
    """What planning needs beside the resource when there is no cluster."""

    config: OperatorConfig
    catalog: Catalog

    def decide(self, deployment: ParsedDeployment | InvalidDeployment, commit: str | None = None) -> Decision:
        """Plan one resource; with a commit, as if the download of that commit had finished."""
        if isinstance(deployment, InvalidDeployment):
            return deployment
        return make_plan(deployment, self.assume_facts(deployment, commit), self.config, self.catalog)

    def resolve(self, deployment: ParsedDeployment) -> PlanRequest:
        """Look up what one resource names."""
        return resolve_request(deployment, self.assume_facts(deployment), self.config, self.catalog)

    def size_anyway(self, deployment: ParsedDeployment) -> ServingPlan | None:
        """Account for the memory of what does not fit; None when it is refused for another reason."""
        spec = deployment.spec.model_copy(update={"plan_policy": "Warn"})
        decision = self.decide(replace(deployment, spec=spec))
        return decision if isinstance(decision, ServingPlan) else None

    def assume_facts(self, deployment: ParsedDeployment, commit: str | None = None) -> Facts:
        """Assume an empty namespace, but for the claims that the resource names, with what they hold."""
        lookups = list_lookups(deployment, self.catalog)
        claims = {name: ClaimFact(0, None, ("ReadWriteMany",)) for name in self.list_assumed_claims(deployment)}
        download = choose_download(deployment.spec.model, self.catalog)
        adapters = self._assume_adapters(deployment)
        if commit is None or download is None or lookups.job_name is None:
            inspected = ASSUMED_MODEL if lookups.inspect_job_name else None
            return Facts(claims=claims, inspected=inspected, cached_adapters=adapters)
        cached = _assume_cached(download.repository, commit)
        return Facts(claims=claims, cached_models={lookups.job_name: cached}, cached_adapters=adapters)

    def _assume_adapters(self, deployment: ParsedDeployment) -> dict[str, CachedModel]:
        """Assume those that are pinned to a commit: where another one will lie, nobody knows."""
        fetched = list_adapter_downloads(deployment.identity.name, deployment.spec, self.catalog).values()
        return {
            each.job_name: _assume_cached(each.download.repository, each.download.revision)
            for each in fetched
            if is_commit(each.download.revision)
        }

    def list_assumed_claims(self, deployment: ParsedDeployment) -> list[str]:
        """List the user's claims that a cluster would have to hold."""
        lookups = list_lookups(deployment, self.catalog)
        return [name for name in lookups.claim_names if name != lookups.shared_claim_name]

    def find_commit(self, deployment: ParsedDeployment) -> str | None:
        """Find the commit that a resource pins; None when it names a branch or tag, or downloads nothing."""
        download = choose_download(deployment.spec.model, self.catalog)
        return download.revision if download and is_commit(download.revision) else None


def _assume_cached(repository: str, commit: str) -> CachedModel:
    return CachedModel(repository, commit, size_bytes=0, files=0, manifest_sha256="", verified_at="")


def read_offline(config: Path | None) -> Offline:
    """Read the configuration, and the catalogue with the configuration's own models.

    Raises
    ------
    OperatorError
        The configuration cannot be used.
    """
    loaded = load_config(config)
    return Offline(loaded, load_catalog().extend(loaded.models))


def is_commit(text: str) -> bool:
    """Tell a commit from a branch or tag."""
    return re.fullmatch(r"[0-9a-f]{40}", text) is not None
