"""Render the engine's part: plan to `vllm serve` arguments and environment.

Argument names follow vLLM 0.32 and 0.33 (vllm/engine/arg_utils.py, vllm/entrypoints/openai/cli_args.py).
"""

import json
from typing import Any

from nemotron_operator.plan.engine_log import QUIET_ARGUMENT
from nemotron_operator.plan.serving_plan import EnginePlan, ServingPlan
from nemotron_operator.render.last_words import CONFIGURATION_VARIABLE, LOGGING_FILE, LOGGING_PATH

MODELS_PATH = "/models"
"""Where the volume with the weights is mounted, read-only."""

SCRATCH_PATH = "/scratch"
"""Where everything that the engine writes goes: the root file system is read-only."""

API_KEY_VARIABLE = "VLLM_API_KEY"
"""What clients have to present, and the probe presents."""

COMPILED_PATH = "/compiled"
"""Where the directory of the volume for compiled code is mounted, the only one of it that can be written."""

COMPILED_DIRECTORY = ".compiled"
"""Its name on the volume, beside the models."""


def render_arguments(plan: ServingPlan) -> list[str]:
    """Render the arguments of `vllm serve`, one list item each; the user's come last."""
    engine = plan.engine
    arguments = [
        f"{MODELS_PATH}/{plan.cache.model_path}".rstrip("/"),  # an image may hold the weights in its root
        "--served-model-name",
        *engine.served_names,
        f"--port={engine.port}",
        f"--tensor-parallel-size={engine.tensor_parallel_size}",
        *([f"--pipeline-parallel-size={engine.pipeline_parallel_size}"] if engine.pipeline_parallel_size > 1 else []),
        f"--max-model-len={engine.max_model_len}",
        f"--gpu-memory-utilization={engine.gpu_memory_utilization_percent / 100:.2f}",
        f"--max-num-seqs={engine.max_num_seqs}",
        f"--max-num-batched-tokens={engine.max_num_batched_tokens}",
        f"--kv-cache-dtype={engine.kv_cache_dtype}",
        f"--override-generation-config={_render_generation_config(engine)}",
        f"--shutdown-timeout={plan.pod.drain_seconds}",
    ]
    if engine.tensor_parallel_size * engine.pipeline_parallel_size > 1:
        # One node, one pod: worker processes. Ray would want a cluster of its own.
        arguments.append("--distributed-executor-backend=mp")
    if engine.tool_call_parser is not None:
        arguments += ["--enable-auto-tool-choice", f"--tool-call-parser={engine.tool_call_parser}"]
    if engine.reasoning_parser is not None:
        arguments.append(f"--reasoning-parser={engine.reasoning_parser}")
    if plan.engine_log.level is None and plan.engine_log.quiet_paths:
        arguments.append(f"{QUIET_ARGUMENT}={','.join(plan.engine_log.quiet_paths)}")
    if engine.trust_remote_code:
        arguments.append("--trust-remote-code")
    return [*arguments, *engine.extra_args]


def render_environment(plan: ServingPlan) -> list[dict[str, Any]]:
    """Render the environment: offline, writing where it may, sorted so that its hash is stable."""
    compiled = f"{COMPILED_PATH}/{plan.cache.compiled_key}" if plan.cache.compiled_key else SCRATCH_PATH
    literals = {
        "DO_NOT_TRACK": "1",
        "FLASHINFER_WORKSPACE_BASE": compiled,
        "HF_HOME": f"{SCRATCH_PATH}/huggingface",
        "HF_HUB_OFFLINE": "1",
        "HOME": SCRATCH_PATH,
        "TMPDIR": "/tmp",  # noqa: S108 - an emptyDir of this pod alone
        "TORCHINDUCTOR_CACHE_DIR": f"{compiled}/torchinductor",
        "TRANSFORMERS_OFFLINE": "1",
        "TRITON_CACHE_DIR": f"{compiled}/triton",
        "USER": "vllm",
        "VLLM_CACHE_ROOT": f"{compiled}/vllm",
        "VLLM_CONFIG_ROOT": f"{SCRATCH_PATH}/vllm-config",
        # The engine must not give up on its own workers before the startup probe does.
        "VLLM_ENGINE_READY_TIMEOUT_S": str(plan.startup.budget_seconds),
        "VLLM_NO_USAGE_STATS": "1",
        "XDG_CACHE_HOME": f"{SCRATCH_PATH}/cache",
    }
    if plan.engine_log.level is not None:
        literals[CONFIGURATION_VARIABLE] = f"{LOGGING_PATH}/{LOGGING_FILE}"
    environment: list[dict[str, Any]] = [{"name": name, "value": value} for name, value in sorted(literals.items())]
    if plan.engine.api_key is not None:
        environment.append(render_secret_variable(API_KEY_VARIABLE, plan.engine.api_key.name, plan.engine.api_key.key))
    for variable in sorted(plan.engine.env, key=lambda variable: variable.name):
        if variable.secret_key_ref is not None:
            reference = variable.secret_key_ref
            environment.append(render_secret_variable(variable.name, reference.name, reference.key))
        else:
            environment.append({"name": variable.name, "value": variable.value})
    return environment


def _render_generation_config(engine: EnginePlan) -> str:
    sampling = engine.sampling
    config = {
        **({} if sampling.temperature is None else {"temperature": sampling.temperature}),
        **({} if sampling.top_p is None else {"top_p": sampling.top_p}),
        # The generation config's name for what a request calls max_tokens (vllm/config/model.py).
        "max_new_tokens": sampling.max_tokens,
    }
    return json.dumps(config, separators=(",", ":"))


def render_secret_variable(name: str, secret: str, key: str) -> dict[str, Any]:
    """Render a variable whose value is in a Secret."""
    return {"name": name, "valueFrom": {"secretKeyRef": {"name": secret, "key": key}}}
