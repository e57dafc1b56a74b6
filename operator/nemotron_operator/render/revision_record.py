"""Render what is kept of a revision: a ControllerRevision, as the controllers of Kubernetes itself keep theirs."""

import json
from typing import Any

from nemotron_operator import __version__
from nemotron_operator.plan.rollout import RevisionRecord, RolloutPlan
from nemotron_operator.plan.serving_plan import ServingPlan
from nemotron_operator.render.metadata import (
    INPUTS_LABEL,
    OPERATOR_VERSION_ANNOTATION,
    REVISION_COMPONENT,
    hash_manifest,
    label_child,
    name_record,
    refer_to_owner,
)
from nemotron_operator.render.pod_revision import mark_pods, mark_workers
from nemotron_operator.render.server_pod import render_server_pod, render_worker_pod

FIRST_ROLLOUT = "Nothing serves yet."


def begin_rollout(plan: ServingPlan) -> RolloutPlan:
    """Plan the rollout of pods as they are rendered now, where nothing serves and nothing is kept."""
    template = render_server_pod(plan)
    revision = hash_manifest(template)
    return RolloutPlan(
        revision=revision,
        applied_revision=revision,
        pod_template=mark_pods(template, revision, None),
        worker_template=mark_workers(render_worker_pod(plan), revision, None),
        group_size=plan.nodes,
        base_revision=revision,
        inputs=plan.inputs,
        operator_version=__version__,
        strategy="Surge" if plan.rollout_strategy == "Surge" else "Replace",
        why=FIRST_ROLLOUT,
    )


def render_record(plan: ServingPlan, record: RevisionRecord) -> dict[str, Any]:
    """Render the ControllerRevision of one record."""
    identity = plan.identity
    return {
        "apiVersion": "apps/v1",
        "kind": "ControllerRevision",
        "metadata": {
            "name": name_record(identity.name, record.base_revision),
            "namespace": identity.namespace,
            "labels": {**label_child(identity, REVISION_COMPONENT), INPUTS_LABEL: record.inputs},
            "annotations": {OPERATOR_VERSION_ANNOTATION: record.operator_version},
            "ownerReferences": [refer_to_owner(identity)],
        },
        "revision": record.number,
        "data": {"spec": dict(record.spec), "template": dict(record.template), **_render_workers(record)},
    }


def _render_workers(record: RevisionRecord) -> dict[str, Any]:
    """Keep what pods of several nodes have beside that."""
    if record.worker_template is None:
        return {}
    return {"workerTemplate": dict(record.worker_template), "groupSize": record.group_size}


def format_rollout(rollout: RolloutPlan) -> str:
    """Write what a Deployment remembers of its rollout as the text of an annotation."""
    return json.dumps({"strategy": rollout.strategy, "why": rollout.why}, sort_keys=True)
