"""Render the pods that serve: their template, and the revision that it makes."""

import math
from collections.abc import Mapping
from typing import Any

from nemotron_operator.api.quantity import format_bytes
from nemotron_operator.constants import SERVER_PORT_NAME
from nemotron_operator.plan.serving_plan import ServingPlan
from nemotron_operator.render.adapter_list import render_loader
from nemotron_operator.render.check import render_start_check
from nemotron_operator.render.engine import COMPILED_DIRECTORY, COMPILED_PATH, render_arguments, render_environment
from nemotron_operator.render.last_words import (
    LOGGING_PATH,
    render_logging_annotation,
    render_logging_volume,
)
from nemotron_operator.render.metadata import (
    SERVER_COMPONENT,
    WORKER_COMPONENT,
    WORKER_TEMPLATE_ANNOTATION,
    hash_manifest,
)
from nemotron_operator.render.pods import (
    ENGINE_CONTAINER,
    PROBE_CONTAINER,
    render_affinity_of_group,
    render_pod_annotations,
    render_pod_labels,
    render_shared_values,
)
from nemotron_operator.render.probe import (
    CPU,
    MEMORY,
    render_probe_arguments,
    render_probe_command,
    render_probe_environment,
)
from nemotron_operator.render.templating import render_template
from nemotron_operator.render.tls import TLS_PATH, render_scheme_annotation, render_tls_volume

STARTUP_PROBE_PERIOD_SECONDS = 2
"""How often the startup probe asks, in seconds: a healthy engine waits half of it on average until it is noticed."""

LIVENESS_PROBE_PERIOD_SECONDS = 10
"""How often the liveness probe asks, in seconds."""

ENDPOINT_REMOVAL_SECONDS = 15
"""How long endpoints and proxies may take to forget a pod that is told to stop, in seconds."""

GRACE_MARGIN_SECONDS = 30
"""Time beyond the drain in which the engine may end by itself, in seconds. It takes all of it where requests outlast
the drain: vLLM's HTTP server then waits for clients to close their connections, and has no limit of its own."""

HUNG_GRACE_SECONDS = ENDPOINT_REMOVAL_SECONDS + 10
"""How long an engine may take to end that never started or hangs, in seconds: it has nothing to drain, and the kubelet
runs the same `preStop` as before every end."""

DEFAULT_CONTAINER_ANNOTATION = "kubectl.kubernetes.io/default-container"
"""Whose log `kubectl logs` shows without being told."""

PodTemplate = Mapping[str, Any]
"""A pod template as JSON."""


def render_server_pod(plan: ServingPlan) -> PodTemplate:
    """Render the template of a serving pod, without the label of its revision."""
    worker = render_worker_pod(plan)
    return _render_pod(plan, {WORKER_TEMPLATE_ANNOTATION: hash_manifest(worker)} if worker is not None else {})


def render_worker_pod(plan: ServingPlan) -> PodTemplate | None:
    """Render the template of the pods that a serving pod leads; None where one node holds a replica."""
    return _render_pod(plan, {}, is_worker=True) if plan.nodes > 1 else None


def _render_pod(plan: ServingPlan, annotations: dict[str, str], *, is_worker: bool = False) -> PodTemplate:
    default_container = {DEFAULT_CONTAINER_ANNOTATION: ENGINE_CONTAINER}
    scheme = {} if is_worker else render_scheme_annotation(plan.network.tls)
    own_annotations = default_container | render_logging_annotation(plan.engine_log) | scheme | annotations
    values = render_shared_values(plan) | {"affinity": render_affinity_of_group(plan)}
    return render_template(
        "server_pod",
        plan=plan,
        port_name=SERVER_PORT_NAME,
        gpus=str(plan.pod.gpus),
        is_worker=is_worker,
        pod_labels=render_pod_labels(plan, WORKER_COMPONENT if is_worker else SERVER_COMPONENT),
        pod_annotations=render_pod_annotations(plan, own_annotations),
        grace_period_seconds=ENDPOINT_REMOVAL_SECONDS + plan.pod.drain_seconds + GRACE_MARGIN_SECONDS,
        endpoint_removal_seconds=ENDPOINT_REMOVAL_SECONDS,
        startup_period_seconds=STARTUP_PROBE_PERIOD_SECONDS,
        startup_failures=math.ceil(plan.startup.budget_seconds / STARTUP_PROBE_PERIOD_SECONDS),
        arguments=render_arguments(plan, is_worker=is_worker),
        environment=render_environment(plan, is_worker=is_worker),
        shared_memory=format_bytes(plan.pod.shared_memory_bytes),
        start_check=render_start_check(plan),
        loader=None if is_worker else render_loader(plan),
        engine_container=ENGINE_CONTAINER,
        probe_container=PROBE_CONTAINER,
        probe_command=render_probe_command(is_encrypted=plan.network.tls is not None),
        probe_arguments=render_probe_arguments(plan),
        probe_environment=render_probe_environment(plan),
        probe_cpu=CPU,
        probe_memory=MEMORY,
        liveness_period_seconds=LIVENESS_PROBE_PERIOD_SECONDS,
        liveness_failures=math.ceil(plan.probe.liveness_patience_seconds / LIVENESS_PROBE_PERIOD_SECONDS),
        hung_grace_seconds=HUNG_GRACE_SECONDS,
        logging_volume=render_logging_volume(plan.engine_log),
        logging_path=LOGGING_PATH,
        tls_volume=None if is_worker else render_tls_volume(plan.network.tls),
        tls_path=TLS_PATH,
        compiled_path=COMPILED_PATH,
        compiled_directory=COMPILED_DIRECTORY,
        **values,
    )
