"""Render the sidecar that tells the kubelet whether the engine answers: a program as text, in the engine's image."""

from functools import cache
from importlib import resources
from typing import Any

from nemotron_operator.plan.serving_plan import ServingPlan
from nemotron_operator.render.engine import API_KEY_VARIABLE, render_secret_variable
from nemotron_operator.render.tls import CERTIFICATE_KEY, CERTIFICATE_VARIABLE

PACKAGE, PROGRAM, PROGRAM_OVER_TLS = "nemotron_operator.probe", "engine_probe.py", "over_tls.py"
"""Where their texts are. They are never imported here: what they import is another Python's."""

CPU, MEMORY = "10m", "48Mi"
"""What Python and a few threads that wait take."""

HIDDEN_DEVICES: dict[str, Any] = {"name": "NVIDIA_VISIBLE_DEVICES", "value": "void"}
"""CUDA images name `all`, which gives a container that requests no GPU all of the node's where NVIDIA's runtime is the
default one; `void` gives none."""


def render_probe_command(*, is_encrypted: bool = False) -> list[str]:
    """Render the command: any image with vLLM has a Python, and nothing is installed into it.

    Where the engine serves HTTPS, one program runs the other: the text of all other pods stays as it is, so that no
    pod has to be replaced for it.
    """
    programs = [PROGRAM_OVER_TLS, PROGRAM] if is_encrypted else [PROGRAM]
    # The kubelet would take `$(NAME)` for a variable of the container's.
    return ["python3", "-c", *(_read_program(name).replace("$", "$$") for name in programs)]


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
    key, tls = plan.engine.api_key, plan.network.tls
    environment = [HIDDEN_DEVICES]
    if key is not None:
        environment.append(render_secret_variable(API_KEY_VARIABLE, key.name, key.key))
    if tls is not None and tls.issuer is None:
        environment.append(render_secret_variable(CERTIFICATE_VARIABLE, tls.secret_name, CERTIFICATE_KEY))
    return environment


@cache
def _read_program(name: str) -> str:
    return resources.files(PACKAGE).joinpath(name).read_text(encoding="utf-8")
