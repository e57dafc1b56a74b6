"""Render the sidecar that tells the kubelet whether the engine answers: a program as text, in the engine's image."""

from functools import cache
from importlib import resources
from typing import Any

from nemotron_operator.plan.serving_plan import ServingPlan
from nemotron_operator.render.engine import API_KEY_VARIABLE, render_secret_variable

PACKAGE, PROGRAM = "nemotron_operator.probe", "engine_probe.py"
"""Where its text is. It is never imported here: what it imports is another Python's."""

CPU, MEMORY = "10m", "48Mi"
"""What Python and a few threads that wait take."""

HIDDEN_DEVICES = {"name": "NVIDIA_VISIBLE_DEVICES", "value": "void"}
"""CUDA images name `all`, which gives a container that requests no GPU all of the node's where NVIDIA's runtime is the
default one; `void` gives none."""


def render_probe_command() -> list[str]:
    """Render the command: any image with vLLM has a Python, and nothing is installed into it."""
    # The kubelet would take `$(NAME)` for a variable of the container's.
    return ["python3", "-c", _read_program().replace("$", "$$")]


def render_probe_arguments(plan: ServingPlan) -> list[str]:
    """Render its arguments: where the engine is, and the budgets in seconds."""
    probe = plan.probe
    return [
        f"--engine-port={plan.engine.port}",
        f"--port={probe.port}",
        f"--model={probe.model}",
        f"--stall-seconds={probe.stall_seconds}",
        f"--hang-seconds={probe.hang_seconds}",
        f"--canary-seconds={probe.canary_seconds}",
    ]


def render_probe_environment(plan: ServingPlan) -> list[dict[str, Any]]:
    """Render its environment: the key by which it asks, where one is needed, and no GPU."""
    key = plan.engine.api_key
    return [HIDDEN_DEVICES, *([] if key is None else [render_secret_variable(API_KEY_VARIABLE, key.name, key.key)])]


@cache
def _read_program() -> str:
    return resources.files(PACKAGE).joinpath(PROGRAM).read_text(encoding="utf-8")
