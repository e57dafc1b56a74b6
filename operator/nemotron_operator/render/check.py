"""Render what reads every byte of a model again: the check Job, and the init container before a start."""

from typing import Any

from nemotron_operator.plan.serving_plan import CachePlan, CheckPlan, ServingPlan
from nemotron_operator.render.child import render_child
from nemotron_operator.render.engine import MODELS_PATH, SCRATCH_PATH
from nemotron_operator.render.jobs import TERMINAL_EXIT_CODES
from nemotron_operator.render.metadata import CACHE_COMPONENT, CHECK_ANNOTATION
from nemotron_operator.render.pods import (
    CONTAINER_SECURITY,
    START_CHECK_CONTAINER,
    render_affinity_of_volume,
    render_pod_annotations,
    render_pod_labels,
    render_shared_values,
)

PROGRAM = "nemotron-volume"
"""The program in the downloader's image."""


def render_check_job(plan: ServingPlan, check: CheckPlan) -> dict[str, Any]:
    """Render the Job that reads the volume beside what serves."""
    mark = {CHECK_ANNOTATION: check.due_since}
    values = render_shared_values(plan) | {"affinity": render_affinity_of_volume(plan)}
    return render_child(
        "check_job",
        plan,
        CACHE_COMPONENT,
        check=check,
        mark=mark,
        program=PROGRAM,
        check_arguments=_render_arguments(check.commit),
        terminal_exit_codes=TERMINAL_EXIT_CODES,
        pod_labels=render_pod_labels(plan, CACHE_COMPONENT),
        pod_annotations=render_pod_annotations(plan, mark),
        **values,
    )


def render_start_check(plan: ServingPlan) -> dict[str, Any] | None:
    """Render the init container that reads the volume before the engine does; None where none is wanted.

    Notes
    -----
    It requests what the engine does, so that the pod needs no more than without it. A volume of the user's is read and
    left as it is; from one that the operator fills, what is damaged is taken away.
    """
    image, cached = plan.cache.start_check_image, plan.cache.cached
    if image is None:
        return None
    models = {"name": "models", "mountPath": MODELS_PATH}
    return {
        "name": START_CHECK_CONTAINER,
        "image": image,
        "imagePullPolicy": "IfNotPresent",
        "command": [PROGRAM],
        "args": _render_start_arguments(plan.cache),
        "env": [{"name": "HOME", "value": SCRATCH_PATH}],
        "terminationMessagePolicy": "File",
        "resources": {"requests": {"cpu": plan.pod.cpu, "memory": plan.pod.memory}},
        "securityContext": CONTAINER_SECURITY,
        "volumeMounts": [
            models if cached is not None else {**models, "readOnly": True},
            {"name": "scratch", "mountPath": SCRATCH_PATH},
            {"name": "tmp", "mountPath": "/tmp"},  # noqa: S108 - a mount of the pod's own
        ],
    }


def _render_start_arguments(cache: CachePlan) -> list[str]:
    if cache.cached is not None:
        return _render_arguments(cache.cached.commit)
    return ["verify", f"--directory={MODELS_PATH}/{cache.provided_path}"]


def _render_arguments(commit: str) -> list[str]:
    return ["verify", f"--destination={MODELS_PATH}", f"--commit={commit}"]
