"""Render the Job that looks at weights on a volume of the user's."""

from typing import Any

from nemotron_operator.plan.serving_plan import InspectionPlan, ServingPlan
from nemotron_operator.render.child import render_child
from nemotron_operator.render.engine import MODELS_PATH
from nemotron_operator.render.jobs import TERMINAL_EXIT_CODES
from nemotron_operator.render.metadata import INSPECTION_COMPONENT
from nemotron_operator.render.pods import (
    render_affinity_of_volume,
    render_pod_annotations,
    render_pod_labels,
    render_shared_values,
)


def render_inspect_job(plan: ServingPlan, inspection: InspectionPlan) -> dict[str, Any]:
    """Render the Job; it can write to the volume only if it has to."""
    values = render_shared_values(plan) | {"affinity": render_affinity_of_volume(plan)}
    arguments = ["inspect", f"--directory={MODELS_PATH}/{plan.cache.provided_path}"]
    return render_child(
        "inspect_job",
        plan,
        INSPECTION_COMPONENT,
        inspection=inspection,
        terminal_exit_codes=TERMINAL_EXIT_CODES,
        pod_labels=render_pod_labels(plan, INSPECTION_COMPONENT),
        pod_annotations=render_pod_annotations(plan, {}),
        inspect_arguments=[*arguments, *(["--write-manifest"] if inspection.writes_manifest else [])],
        **values,
    )
