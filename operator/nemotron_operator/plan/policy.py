"""Policy: small functions that each refuse one thing, in the order in which a person would want to hear of it."""

from collections.abc import Sequence

from nemotron_operator.plan.checks.adapters import (
    adapters_are_set_once,
    adapters_have_a_volume,
    adapters_have_names_of_their_own,
    adapters_have_small_ranks,
)
from nemotron_operator.plan.checks.check import damage_can_be_repaired, provided_weights_can_be_checked
from nemotron_operator.plan.checks.fit import context_fits, states_fit, weights_fit
from nemotron_operator.plan.checks.groups import group_names_are_free, groups_are_possible, groups_have_names
from nemotron_operator.plan.checks.model import (
    context_is_within_model,
    engine_is_new_enough,
    geometry_is_known,
    model_is_known,
    remote_code_is_allowed,
    remote_code_is_granted,
)
from nemotron_operator.plan.checks.model_image import image_volumes_are_supported, model_image_is_allowed
from nemotron_operator.plan.checks.platform import (
    accelerator_is_known,
    extra_arguments_are_allowed,
    extra_variables_are_allowed,
    image_is_allowed,
    names_are_free,
)
from nemotron_operator.plan.checks.queue import queue_is_possible
from nemotron_operator.plan.checks.scaling import prometheus_is_known
from nemotron_operator.plan.checks.shape import (
    nodes_divide_pipeline,
    parallelism_fits_nodes,
    pipeline_has_layers,
    step_holds_batch,
    tensor_parallel_divides,
)
from nemotron_operator.plan.checks.storage import storage_class_exists, volume_can_grow
from nemotron_operator.plan.checks.violation import Check, SizedCheck, Violation
from nemotron_operator.plan.checks.volume import (
    cache_holds_weights,
    named_claim_exists,
    volume_can_be_filled,
    volume_reaches_download,
    volume_reaches_replicas,
)
from nemotron_operator.plan.request import PlanRequest
from nemotron_operator.plan.sizing import Sizing

CHECKS: tuple[Check, ...] = (
    model_is_known,  # without a model there is nothing to plan
    accelerator_is_known,  # without a GPU neither
    geometry_is_known,
    image_is_allowed,  # what the platform forbids is refused before any arithmetic
    model_image_is_allowed,
    remote_code_is_allowed,
    remote_code_is_granted,
    engine_is_new_enough,
    extra_arguments_are_allowed,
    extra_variables_are_allowed,
    adapters_have_names_of_their_own,
    adapters_are_set_once,
    adapters_have_small_ranks,
    prometheus_is_known,
    context_is_within_model,  # what the model cannot do on any GPU
    tensor_parallel_divides,
    pipeline_has_layers,
    nodes_divide_pipeline,
    parallelism_fits_nodes,  # what one node cannot do
    step_holds_batch,  # what the engine cannot do
    cache_holds_weights,  # what the volume cannot do
    named_claim_exists,
    volume_can_be_filled,
    volume_reaches_download,
    adapters_have_a_volume,
    provided_weights_can_be_checked,
    damage_can_be_repaired,
    storage_class_exists,  # what the cluster cannot do
    volume_can_grow,
    image_volumes_are_supported,
    queue_is_possible,
    names_are_free,  # what the namespace does not allow
)
"""What cannot work at all, whatever the size. The first violation wins."""

SIZED_CHECKS: tuple[SizedCheck, ...] = (
    groups_are_possible,
    groups_have_names,
    volume_reaches_replicas,
    group_names_are_free,
)
"""What cannot work at all with the chosen parallelism. They run after the others."""

FIT_CHECKS: tuple[SizedCheck, ...] = (
    weights_fit,
    context_fits,
    states_fit,
)
"""What the memory account says will not fit. `planPolicy: Warn` turns these into warnings."""


def find_violation(request: PlanRequest, checks: Sequence[Check]) -> Violation | None:
    """Run the checks in order and return the first violation."""
    return next((violation for check in checks if (violation := check(request))), None)


def find_sized_violation(request: PlanRequest, sizing: Sizing, checks: Sequence[SizedCheck]) -> Violation | None:
    """Run the checks of a sizing in order and return the first violation."""
    return next((violation for check in checks if (violation := check(request, sizing))), None)
