"""Who else writes the spec, and so may undo what a command wrote: GitOps tools, Helm, a file on somebody's disk.

Sources: Argo CD, resource tracking; Flux, ownership labels of kustomize-controller and helm-controller; Helm, the
annotations of adoption; kubectl, the last applied configuration.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from nemotron_operator.cli.life.resource import read_annotations
from nemotron_operator.cli.messages import say
from nemotron_operator.cluster.cache import KubernetesObject


@dataclass(frozen=True, slots=True)
class SpecOwner:
    """A tool that brings specs from elsewhere."""

    tool: str
    managers: frozenset[str]
    """How `managedFields` name it."""
    marks: frozenset[str]
    """Labels and annotations that it leaves on what it brought."""
    advice: str
    """What becomes of a change, and what to do instead."""


LAST_APPLIED_ANNOTATION = "kubectl.kubernetes.io/last-applied-configuration"
"""What a client-side apply, of kubectl or of Argo CD, remembers of the file."""

_IN_GIT = "change it in git, too."

OWNERS = (
    SpecOwner(
        "Argo CD",
        frozenset({"argocd-controller", "argocd-application-controller"}),
        frozenset({"argocd.argoproj.io/tracking-id", "argocd.argoproj.io/instance"}),
        f"Argo CD brings this resource, and puts its own spec back with its next sync: {_IN_GIT}",
    ),
    SpecOwner(
        "Flux",
        frozenset({"kustomize-controller", "helm-controller"}),
        frozenset({"kustomize.toolkit.fluxcd.io/name", "helm.toolkit.fluxcd.io/name"}),
        f"Flux brings this resource, and puts its own spec back within its interval: {_IN_GIT}",
    ),
    SpecOwner(
        "Helm",
        frozenset({"helm"}),
        frozenset({"meta.helm.sh/release-name"}),
        "A Helm release brings this resource: change its values, too, or the next `helm upgrade` puts its spec back.",
    ),
    SpecOwner(
        "kubectl apply",
        frozenset({"kubectl-client-side-apply"}),
        frozenset({LAST_APPLIED_ANNOTATION}),
        "It was applied from a file: change the file, too, or the next `kubectl apply` puts its spec back.",
    ),
)
"""The most particular first: Flux uses Helm."""


def warn_of_owner(body: KubernetesObject, field: Sequence[str] = ()) -> None:
    """Warn that somebody else brings the spec; of one field only where that tool brings this very field."""
    owner = find_owner(body)
    if owner is not None and (not field or _brings(body, owner, field)):
        say(owner.advice)


def find_owner(body: KubernetesObject) -> SpecOwner | None:
    """Find the tool that brings the spec; None where nobody but people does."""
    marks = {*(body["metadata"].get("labels") or {}), *read_annotations(body)}
    managers = {entry.get("manager") for entry in _list_managed(body)}
    return next((owner for owner in OWNERS if owner.marks & marks or owner.managers & managers), None)


def _brings(body: KubernetesObject, owner: SpecOwner, field: Sequence[str]) -> bool:
    """Tell whether a tool names a field: one that only updates is said to own every default of the schema, too."""
    applied = [entry for entry in _list_managed(body) if entry.get("operation") == "Apply"]
    is_applied = any(
        entry.get("manager") in owner.managers and _has(entry.get("fieldsV1"), [f"f:{name}" for name in field])
        for entry in applied
    )
    return is_applied or _has(_read_last_applied(body), field)


def _list_managed(body: KubernetesObject) -> list[dict[str, Any]]:
    return body["metadata"].get("managedFields") or []


def _read_last_applied(body: KubernetesObject) -> Any:  # noqa: ANN401 - any JSON
    try:
        return json.loads(read_annotations(body).get(LAST_APPLIED_ANNOTATION, ""))
    except ValueError:
        return None


def _has(fields: Any, path: Sequence[str]) -> bool:  # noqa: ANN401 - any JSON
    for name in path:
        if not isinstance(fields, dict) or name not in fields:
            return False
        fields = fields[name]
    return True
