"""Render the engine's part: plan to `vllm serve` arguments and environment.

Argument names follow vLLM 0.32 and 0.33 (vllm/engine/arg_utils.py, vllm/entrypoints/openai/cli_args.py).
"""

import json
from typing import Any

from nemotron_operator.plan.engine_log import QUIET_ARGUMENT
from nemotron_operator.plan.serving_plan import EnginePlan, ServingPlan
from nemotron_operator.render.last_words import CONFIGURATION_VARIABLE, LOGGING_FILE, LOGGING_PATH
from nemotron_operator.render.tls import RELOAD_VARIABLES, render_tls_arguments

MODELS_PATH = "/models"
"""Where the volume with the weights is mounted, read-only."""

SCRATCH_PATH = "/scratch"
"""Where everything that the engine writes goes: the root file system is read-only."""

API_KEY_VARIABLE = "VLLM_API_KEY"
"""What clients have to present, and the probe presents."""

GROUP_INDEX_VARIABLE, GROUP_LEADER_VARIABLE = "LWS_WORKER_INDEX", "LWS_LEADER_ADDRESS"
"""What LeaderWorkerSet tells each container of a group: the place of its pod, and where the first one is reached."""

HOST_VARIABLE = "VLLM_HOST_IP"
"""Where the other nodes of a replica reach this one. Without it vLLM looks for the way to an address of the internet
(vllm/utils/network_utils.py, get_ip)."""

LIVE_LOADING_VARIABLE = "VLLM_ALLOW_RUNTIME_LORA_UPDATING"
"""What opens vLLM's paths that load and unload adapters."""

COMPILED_PATH = "/compiled"
"""Where the directory of the volume for compiled code is mounted, the only one of it that can be written."""

COMPILED_DIRECTORY = ".compiled"
"""Its name on the volume, beside the models."""


GROUP_PORTS = (29501, 29502, 29503)
"""Where the processes of a replica over several nodes find each other, on the pod that leads: vLLM's own default, or
the next that nobody else has there. What they then agree on are ports that the kernel chooses."""


def render_arguments(plan: ServingPlan, *, is_worker: bool = False) -> list[str]:
    """Render the arguments of `vllm serve`, one list item each; the user's come last.

    Parameters
    ----------
    is_worker
        Whether it is led by another pod: it then answers no client.
    """
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
        # Worker processes, also of several nodes. Ray would want a cluster of its own.
        arguments.append("--distributed-executor-backend=mp")
    arguments += _render_place(plan, is_worker=is_worker)
    if engine.tool_call_parser is not None:
        arguments += ["--enable-auto-tool-choice", f"--tool-call-parser={engine.tool_call_parser}"]
    if engine.reasoning_parser is not None:
        arguments.append(f"--reasoning-parser={engine.reasoning_parser}")
    if plan.engine_log.level is None and plan.engine_log.quiet_paths:
        arguments.append(f"{QUIET_ARGUMENT}={','.join(plan.engine_log.quiet_paths)}")
    if engine.trust_remote_code:
        arguments.append("--trust-remote-code")
    encryption = [] if is_worker else render_tls_arguments(plan.network.tls)
    return [*arguments, *_render_lora(plan), *encryption, *engine.extra_args]


def locate_on_volume(path: str) -> str:
    """Name a directory as the engine finds it."""
    return f"{MODELS_PATH}/{path}"


def _render_lora(plan: ServingPlan) -> list[str]:
    """Render how adapters are held, and which are there from the start: those that are loaded live come later."""
    lora = plan.lora
    if lora is None:
        return []
    there = (
        [] if lora.is_live else [f"{each.name}={locate_on_volume(each.path)}" for each in plan.adapters if each.path]
    )
    return [
        "--enable-lora",
        f"--max-loras={lora.max_loaded}",
        f"--max-lora-rank={lora.max_rank}",
        *(["--lora-modules", *there] if there else []),
    ]


def _render_place(plan: ServingPlan, *, is_worker: bool) -> list[str]:
    """Tell the engine which of several nodes it is; the kubelet fills in what LeaderWorkerSet tells each pod.

    All nodes of a replica get the same arguments but for `--headless`: each makes its own of the engine's configuration
    (vllm/entrypoints/cli/serve.py, run_headless).
    """
    if plan.nodes == 1:
        return []
    port = next(port for port in GROUP_PORTS if port not in {plan.engine.port, plan.probe.port})
    place = [
        f"--nnodes={plan.nodes}",
        f"--node-rank=$({GROUP_INDEX_VARIABLE})",
        f"--master-addr=$({GROUP_LEADER_VARIABLE})",
        f"--master-port={port}",
    ]
    return [*place, "--headless"] if is_worker else place


def render_environment(plan: ServingPlan, *, is_worker: bool = False) -> list[dict[str, Any]]:
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
    if plan.lora is not None and plan.lora.is_live:
        literals[LIVE_LOADING_VARIABLE] = "1"
    if plan.engine_log.level is not None:
        literals[CONFIGURATION_VARIABLE] = f"{LOGGING_PATH}/{LOGGING_FILE}"
    if plan.network.tls is not None:
        literals |= RELOAD_VARIABLES
    environment: list[dict[str, Any]] = [{"name": name, "value": value} for name, value in sorted(literals.items())]
    if plan.nodes > 1 and not any(variable.name == HOST_VARIABLE for variable in plan.engine.env):
        environment.append({"name": HOST_VARIABLE, "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}})
    if plan.engine.api_key is not None and not is_worker:
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
