"""What every object that a resource owns has in common: its owner and its labels."""

from typing import Any

from nemotron_operator.plan.serving_plan import ServingPlan
from nemotron_operator.render.metadata import label_child, refer_to_owner
from nemotron_operator.render.templating import render_template


def render_child(template: str, plan: ServingPlan, component: str, **values: object) -> dict[str, Any]:
    """Render a template into an object that the resource owns."""
    owner = refer_to_owner(plan.identity)
    return render_template(template, plan=plan, owner=owner, labels=label_child(plan.identity, component), **values)
