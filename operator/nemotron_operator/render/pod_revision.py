"""What revision the pods of a template are of, and the marks on the template that say so."""

from collections.abc import Mapping
from typing import Any

from nemotron_operator.render.metadata import (
    RESTART_ANNOTATION,
    REVISION_LABEL,
    WORKER_TEMPLATE_ANNOTATION,
    hash_manifest,
)

LONGEST_RESTART = 64
"""Characters of a restart's time that count: whatever somebody writes there goes into every pod."""


def name_revision(base_revision: str, restarted_at: str | None) -> str:
    """Name the revision of the pods that are made from a kept template: a restart makes another one of the same."""
    if not restarted_at:
        return base_revision
    return hash_manifest({"base": base_revision, "restartedAt": restarted_at[:LONGEST_RESTART]})


def mark_pods(template: Mapping[str, Any], base_revision: str, restarted_at: str | None) -> dict[str, Any]:
    """Mark a kept template with the restart that was asked for, and with the revision of its pods.

    Notes
    -----
    The revision is made of names and not of the whole template, so that a template whose record was lost, and which is
    known only as the API server shows it, with every default written out, keeps the revision that it had.
    """
    metadata = template["metadata"]
    labels = {**(metadata.get("labels") or {}), REVISION_LABEL: name_revision(base_revision, restarted_at)}
    marked = {**metadata, "labels": labels}
    if restarted_at:
        annotations = metadata.get("annotations") or {}
        marked["annotations"] = {**annotations, RESTART_ANNOTATION: restarted_at[:LONGEST_RESTART]}
    return {**template, "metadata": marked}


def mark_workers(
    template: Mapping[str, Any] | None, base_revision: str, restarted_at: str | None
) -> dict[str, Any] | None:
    """Mark the template of the pods that are led by others, where there are such, as that of those."""
    return None if template is None else mark_pods(template, base_revision, restarted_at)


def without_worker_mark(template: Mapping[str, Any]) -> dict[str, Any]:
    """Leave out the hash of the workers' template, which tells nobody what differs."""
    annotations = template["metadata"].get("annotations") or {}
    kept = {name: value for name, value in annotations.items() if name != WORKER_TEMPLATE_ANNOTATION}
    return {**template, "metadata": {**template["metadata"], "annotations": kept}}


def read_restart_mark(template: Mapping[str, Any]) -> str | None:
    """Read the restart that a template is marked with."""
    mark: str | None = (template["metadata"].get("annotations") or {}).get(RESTART_ANNOTATION)
    return mark


def unmark_pods(template: Mapping[str, Any]) -> dict[str, Any]:
    """Take the marks off a template that is live."""
    metadata = {name: value for name, value in template["metadata"].items() if value is not None}
    for field, mark in (("labels", REVISION_LABEL), ("annotations", RESTART_ANNOTATION)):
        metadata[field] = {name: value for name, value in (metadata.get(field) or {}).items() if name != mark}
    return {**template, "metadata": metadata}
