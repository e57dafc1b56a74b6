"""The NemotronDeployment of a bundle: from a file, or the least that names a model of the catalogue."""

import re
from copy import deepcopy
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from nemotron_operator.api.v1alpha1 import MAX_NAME_LENGTH, InvalidDeployment, ParsedDeployment, parse_deployment
from nemotron_operator.cli.documents import EXPECTED_API_VERSION, read_documents
from nemotron_operator.cli.offline import PLACEHOLDER_UID, Offline
from nemotron_operator.constants import KIND
from nemotron_operator.errors import InvalidResourceError, OperatorError
from nemotron_operator.plan.download_plan import DownloadPlan
from nemotron_operator.plan.serving_plan import CachePlan, ServingPlan
from nemotron_operator.status.planned import find_planned

_APPLIED_ANNOTATION = "kubectl.kubernetes.io/last-applied-configuration"

_KEPT_METADATA = ("name", "namespace", "labels", "annotations")
"""What a person writes; the rest is the API server's."""

Body = dict[str, Any]


class RefusedError(OperatorError):
    """The resource would be refused by the operator, or needs no bundle."""


@dataclass(frozen=True, slots=True)
class PlannedBundle:
    """What the operator would do with the resource: decided by the same code."""

    body: Body
    """The resource, as it is applied."""
    plan: ServingPlan
    download: DownloadPlan
    claim_name: str


def make_body(model: str, offline: Offline) -> Body:
    """Make the least resource that names a model of the catalogue.

    Raises
    ------
    OperatorError
        The catalogue has no such model.
    """
    from nemotron_operator.cli.plan.question import find_entry

    entry = find_entry(model, offline, "--model")
    name = re.sub(r"[^a-z0-9]+", "-", entry.name.rpartition("/")[2].casefold())
    return {
        "apiVersion": EXPECTED_API_VERSION,
        "kind": KIND,
        "metadata": {"name": name[:MAX_NAME_LENGTH].strip("-")},
        "spec": {"model": {"name": entry.name}},
    }


def read_body(path: Path) -> Body:
    """Read the one resource of a file, with what a person wrote of it.

    Raises
    ------
    InvalidResourceError
        The file cannot be read, or holds none or several; the message names the way out.
    """
    deployments = read_documents([path]).deployments
    if len(deployments) != 1:
        raise InvalidResourceError(f"{path}: holds {len(deployments)} {KIND}s. A bundle is for one: split the file.")
    body = deepcopy(deployments[0].body)
    metadata = {key: body["metadata"][key] for key in _KEPT_METADATA if body["metadata"].get(key)}
    if isinstance(metadata.get("annotations"), dict):
        metadata["annotations"].pop(_APPLIED_ANNOTATION, None)
    return {"apiVersion": EXPECTED_API_VERSION, "kind": KIND, "metadata": metadata, "spec": body.get("spec") or {}}


def plan_body(body: Body, offline: Offline) -> PlannedBundle:
    """Plan a resource as the operator would in an empty namespace.

    Raises
    ------
    RefusedError
        The operator would refuse it, or would fetch nothing into a volume of its own.
    """
    parsed = _parse(body)
    plan = offline.decide(parsed)
    if not isinstance(plan, ServingPlan):
        finding = find_planned(plan, None).finding
        raise RefusedError(f"{parsed.identity.name}: {finding.reason}: {finding.message}")
    download, claim_name = _find_download(plan.cache, parsed)
    return PlannedBundle(body, plan, download, claim_name)


def with_revision(planned: PlannedBundle, revision: str, offline: Offline) -> PlannedBundle:
    """Pin another revision in the resource, and plan it again."""
    body = deepcopy(planned.body)
    source = body["spec"]["model"].setdefault("source", {}).setdefault("huggingFace", {})
    source |= {"repository": planned.download.origin.repository, "revision": revision}
    return plan_body(body, offline)


def with_cache(body: Body, **fields: object) -> Body:
    """Set fields of `spec.cache`; those that are None or empty stay as they are."""
    changed = deepcopy(body)
    said = {name: value for name, value in fields.items() if value}
    if said:
        changed["spec"]["cache"] = {**(changed["spec"].get("cache") or {}), **said}
    return changed


def _parse(body: Body) -> ParsedDeployment:
    parsed = parse_deployment(body)
    if isinstance(parsed, InvalidDeployment):
        raise RefusedError(f"{parsed.identity.name}: {parsed.message}")
    # Only rendering asks for the uid, and nothing that a bundle needs has an owner.
    return replace(parsed, identity=replace(parsed.identity, uid=PLACEHOLDER_UID))


def _find_download(cache: CachePlan, parsed: ParsedDeployment) -> tuple[DownloadPlan, str]:
    """Find what would be fetched, and the name of the operator's volume that it would be fetched into."""
    name = parsed.identity.name
    if cache.download is None:
        raise RefusedError(
            f"{name}: spec.model.source: the weights are yours already, so there is nothing to fetch. A bundle carries "
            "models of a hub."
        )
    if cache.download.origin.s3 is not None:
        raise RefusedError(
            f"{name}: spec.model.source.s3: a bundle carries models of a hub. Copy the directory of the object store "
            "with its own tools."
        )
    if cache.new_claim is None or cache.claim_name is None:
        raise RefusedError(
            f"{name}: spec.cache.existingClaim: a bundle is imported into a volume like the operator's own. Remove the "
            "field, or import with --directory into a path where that volume is mounted."
        )
    return cache.download, cache.claim_name
