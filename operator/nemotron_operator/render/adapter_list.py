"""Render how adapters are loaded by pods that run: a Job that writes the list, and a sidecar that follows it."""

from functools import cache
from importlib import resources
from typing import Any

from nemotron_operator.plan.adapter_plan import AdapterListPlan
from nemotron_operator.plan.serving_plan import ServingPlan
from nemotron_operator.render.child import render_child
from nemotron_operator.render.engine import API_KEY_VARIABLE, MODELS_PATH, locate_on_volume, render_secret_variable
from nemotron_operator.render.jobs import API_KEY_VARIABLE as ASKING_API_KEY_VARIABLE
from nemotron_operator.render.jobs import TERMINAL_EXIT_CODES
from nemotron_operator.render.metadata import ADAPTER_COMPONENT, ADAPTER_LIST_ANNOTATION
from nemotron_operator.render.pods import (
    CONTAINER_SECURITY,
    render_affinity_of_volume,
    render_pod_annotations,
    render_pod_labels,
    render_shared_values,
)
from nemotron_operator.render.probe import CPU, HIDDEN_DEVICES, MEMORY, PACKAGE
from nemotron_operator.render.tls import TLS_PATH, render_trust_arguments, render_trust_volume

PROGRAM = "adapter_loader.py"
"""The sidecar's text, beside the probe's."""

LISTS_DIRECTORY = ".adapters"
"""Where the lists are on the volume, beside the models: a file for each resource, named by its uid. Several clusters
and namespaces may share what is behind a volume."""

LOADER_CONTAINER = "adapters"
"""Name of the sidecar."""

PORT, OTHER_PORT = 8090, 8091
"""Where it tells the kubelet that the adapters are loaded; the other one where the engine is on the first."""


def render_adapter_list_job(plan: ServingPlan, listed: AdapterListPlan) -> dict[str, Any]:
    """Render the Job: it writes the list, and then waits until every replica serves what stands there."""
    mark = {ADAPTER_LIST_ANNOTATION: ",".join(name for name, _ in listed.adapters)}
    values = render_shared_values(plan) | {"affinity": render_affinity_of_volume(plan)}
    return render_child(
        "adapter_list_job",
        plan,
        ADAPTER_COMPONENT,
        listed=listed,
        mark=mark,
        terminal_exit_codes=TERMINAL_EXIT_CODES,
        pod_labels=render_pod_labels(plan, ADAPTER_COMPONENT),
        pod_annotations=render_pod_annotations(plan, mark),
        telling_arguments=_render_telling_arguments(plan, listed),
        asking_arguments=_render_asking_arguments(plan, listed),
        asking_environment=_render_key(plan, ASKING_API_KEY_VARIABLE),
        trust_volume=render_trust_volume(plan.network.serving_tls),
        trust_path=TLS_PATH,
        **values,
    )


def _render_telling_arguments(plan: ServingPlan, listed: AdapterListPlan) -> list[str]:
    identity = plan.identity
    where = [f"--destination={MODELS_PATH}", f"--resource={identity.name}"]
    return ["tell-adapters", *where, f"--uid={identity.uid}", f"--generation={identity.generation}", *_list(listed)]


def _render_asking_arguments(plan: ServingPlan, listed: AdapterListPlan) -> list[str]:
    patience = [f"--replicas={listed.replicas}", f"--wait-seconds={listed.wait_seconds}"]
    return [f"--base-url={plan.base_url}", *patience, *_list(listed), *render_trust_arguments(plan.network.serving_tls)]


def _list(listed: AdapterListPlan) -> list[str]:
    there = [f"--adapter={name}={locate_on_volume(path)}" for name, path in listed.adapters]
    return [*there, *(f"--keep={name}" for name in listed.kept)]


def render_loader(plan: ServingPlan) -> dict[str, Any] | None:
    """Render the sidecar; None where nothing is loaded live.

    Notes
    -----
    It keeps a pod from clients until the engine has its adapters, also after the engine was started again.
    """
    if plan.lora is None or not plan.lora.is_live:
        return None
    port = OTHER_PORT if plan.engine.port == PORT else PORT
    return {
        "name": LOADER_CONTAINER,
        "image": plan.engine.image,
        "imagePullPolicy": "IfNotPresent",
        "restartPolicy": "Always",
        # The kubelet would take `$(NAME)` for a variable of the container's.
        "command": ["python3", "-c", _read_program().replace("$", "$$")],
        "args": [
            f"--engine-port={plan.engine.port}",
            f"--port={port}",
            f"--list={MODELS_PATH}/{LISTS_DIRECTORY}/{plan.identity.uid}.json",
            *(["--https"] if plan.network.tls is not None else []),
        ],
        "env": [HIDDEN_DEVICES, *_render_key(plan, API_KEY_VARIABLE)],
        "readinessProbe": {
            "httpGet": {"path": "/ready", "port": port},
            "periodSeconds": 5,
            "timeoutSeconds": 5,
            "failureThreshold": 3,
        },
        "resources": {"requests": {"cpu": CPU, "memory": MEMORY}},
        "terminationMessagePolicy": "FallbackToLogsOnError",
        "securityContext": CONTAINER_SECURITY,
        "volumeMounts": [{"name": "models", "mountPath": MODELS_PATH, "readOnly": True}],
    }


def _render_key(plan: ServingPlan, variable: str) -> list[dict[str, Any]]:
    key = plan.engine.api_key
    return [] if key is None else [render_secret_variable(variable, key.name, key.key)]


@cache
def _read_program() -> str:
    return resources.files(PACKAGE).joinpath(PROGRAM).read_text(encoding="utf-8")
