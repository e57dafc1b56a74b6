"""Render the pods that serve: their template, and the revision that it makes."""

import math
from collections.abc import Mapping
from typing import Any

from nemotron_operator.api.quantity import format_bytes
from nemotron_operator.constants import SERVER_PORT_NAME
from nemotron_operator.plan.serving_plan import ServingPlan
from nemotron_operator.render.check import render_start_check
from nemotron_operator.render.engine import COMPILED_DIRECTORY, COMPILED_PATH, render_arguments, render_environment
from nemotron_operator.render.metadata import RESTART_ANNOTATION, REVISION_LABEL, SERVER_COMPONENT, hash_manifest
from nemotron_operator.render.pods import (
    render_affinity_of_volume,
    render_pod_annotations,
    render_pod_labels,
    render_shared_values,
)
from nemotron_operator.render.templating import render_template

STARTUP_PROBE_PERIOD_SECONDS = 2
"""How often the startup probe asks, in seconds: a healthy engine waits half of it on average until it is noticed."""

ENDPOINT_REMOVAL_SECONDS = 15
"""How long endpoints and proxies may take to forget a pod that is told to stop, in seconds."""

GRACE_MARGIN_SECONDS = 30
"""Time beyond the drain in which the engine may end by itself, in seconds."""

PodTemplate = Mapping[str, Any]
"""A pod template as JSON."""


def render_server_pod(plan: ServingPlan) -> PodTemplate:
    """Render the template of a serving pod, without the label of its revision."""
    values = render_shared_values(plan) | {"affinity": render_affinity_of_volume(plan)}
    return render_template(
        "server_pod",
        plan=plan,
        port_name=SERVER_PORT_NAME,
        gpus=str(plan.pod.gpus),
        pod_labels=render_pod_labels(plan, SERVER_COMPONENT),
        pod_annotations=render_pod_annotations(plan, {}),
        grace_period_seconds=ENDPOINT_REMOVAL_SECONDS + plan.pod.drain_seconds + GRACE_MARGIN_SECONDS,
        endpoint_removal_seconds=ENDPOINT_REMOVAL_SECONDS,
        startup_period_seconds=STARTUP_PROBE_PERIOD_SECONDS,
        startup_failures=math.ceil(plan.startup.budget_seconds / STARTUP_PROBE_PERIOD_SECONDS),
        arguments=render_arguments(plan),
        environment=render_environment(plan),
        shared_memory=format_bytes(plan.pod.shared_memory_bytes),
        start_check=render_start_check(plan),
        compiled_path=COMPILED_PATH,
        compiled_directory=COMPILED_DIRECTORY,
        **values,
    )


def mark_restart(template: PodTemplate, restarted_at: str | None) -> PodTemplate:
    """Mark a template with the moment that a restart was asked for; the same template without one."""
    if restarted_at is None:
        return template
    metadata = template["metadata"]
    annotations = {**(metadata.get("annotations") or {}), RESTART_ANNOTATION: restarted_at}
    return {**template, "metadata": {**metadata, "annotations": annotations}}


def label_revision(template: PodTemplate) -> PodTemplate:
    """Label a template with its own hash: the revision."""
    metadata = template["metadata"]
    labels = {**metadata["labels"], REVISION_LABEL: hash_manifest(template)}
    return {**template, "metadata": {**metadata, "labels": labels}}
