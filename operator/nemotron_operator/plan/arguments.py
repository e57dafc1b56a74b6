"""Which arguments and variables a user may add to the engine, and why not the others.

Sources: vLLM's security guide (docs/usage/security.md) and its advisories.
"""

from collections.abc import Iterable

TYPED_ARGUMENTS = {
    "--model": "model.name",
    "--served-model-name": "model.servedNames",
    "--trust-remote-code": "model.trustRemoteCode",
    "--revision": "model.source.huggingFace.revision",
    "--tensor-parallel-size": "parallelism.tensor",
    "--pipeline-parallel-size": "parallelism.pipeline",
    "--max-model-len": "engine.maxModelLen",
    "--gpu-memory-utilization": "engine.gpuMemoryUtilizationPercent",
    "--device-memory-utilization": "engine.gpuMemoryUtilizationPercent",
    "--kv-cache-dtype": "engine.kvCacheDtype",
    "--max-num-seqs": "engine.maxNumSeqs",
    "--max-num-batched-tokens": "engine.maxNumBatchedTokens",
    "--override-generation-config": "engine.sampling",
    "--port": "service.port",
    "--api-key": "apiKeySecretRef",
    "--ssl-certfile": "tls",
    "--ssl-keyfile": "tls",
}
"""Arguments that a field of the resource sets. A second source would contradict the plan."""

OPERATOR_ARGUMENTS = frozenset(
    {
        "--host",
        "--uds",
        "--root-path",
        "--download-dir",
        "--distributed-executor-backend",
        "--prefill-context-parallel-size",
        "--data-parallel-size",
        "--data-parallel-size-local",
        "--data-parallel-rank",
        "--data-parallel-start-rank",
        "--data-parallel-address",
        "--data-parallel-rpc-port",
        "--data-parallel-backend",
        "--data-parallel-hybrid-lb",
        "--data-parallel-external-lb",
        "--data-parallel-multi-port-external-lb",
        "--data-parallel-supervisor-port",
        "--device-ids",
        "--nnodes",
        "--node-rank",
        "--master-addr",
        "--master-port",
        "--headless",
        "--grpc",
        "--grpc-port",
        "--enable-ssl-refresh",
        "--ssl-ca-certs",
        "--ssl-cert-reqs",
        "--help",
        "--kv-cache-memory-bytes",
        "--shutdown-timeout",
        "--config",
        "--quantization",
    }
)
"""Arguments that the rendered pod depends on: its GPUs, its port, its probes, its volumes, the way it ends."""

UNSAFE_ARGUMENTS = frozenset(
    {
        "--middleware",
        "--tool-server",
        "--tool-parser-plugin",
        "--reasoning-parser-plugin",
        "--logits-processors",
        "--worker-cls",
        "--worker-extension-cls",
        "--scheduler-cls",
        "--model-class-overrides",
        "--log-config-file",
        "--allowed-local-media-path",
        "--hf-token",
        "--allow-deprecated-quantization",
    }
)
"""Arguments that load code, open files of the pod to clients, or would show a secret in the pod's spec."""

UNSAFE_KEYS = frozenset(
    {
        "ec_connector_module_path",
        "encoder_cache_manager_cls",
        "kv_connector_module_path",
        "module_path",
        "pylogging_config_file",
        "reasoning_parser_plugin",
        "spec_module_path",
        "trust_remote_code",
    }
)
"""Keys of JSON arguments that load code (vllm/config/*.py, vllm/v1/kv_offload, vllm/distributed)."""

UNSAFE_VALUES = frozenset({"custom_class"})
"""Values that load code: the speculative method whose model is the name of a Python class."""

OBJECT_STORES = ("s3://", "gs://", "az://")
"""How addresses begin from which vLLM fetches models and tokenizers although it is offline (vllm/config/model.py): from
anywhere, past the volume, its checks, and what the platform allows."""

STORING_ARGUMENTS = frozenset(
    {"--default-chat-template-kwargs", "--ec-transfer-config", "--kv-transfer-config", "--profiler-config"}
)
"""Arguments that may name an object store: no model comes from there (vllm/config/profiler.py, KV connectors)."""

COMPLETE_ARGUMENTS = frozenset({"--reasoning-parser"})
"""Allowed arguments that are also the beginning of a forbidden one."""

OPERATOR_VARIABLES = frozenset(
    {
        "DO_NOT_TRACK",
        "FLASHINFER_WORKSPACE_BASE",
        "HF_HOME",
        "HF_HUB_OFFLINE",
        "HF_TOKEN",
        "HOME",
        "TMPDIR",
        "TORCHINDUCTOR_CACHE_DIR",
        "TRANSFORMERS_OFFLINE",
        "TRITON_CACHE_DIR",
        "USER",
        "VLLM_API_KEY",
        "VLLM_CACHE_ROOT",
        "VLLM_CONFIG_ROOT",
        "VLLM_ENGINE_READY_TIMEOUT_S",
        "VLLM_NO_USAGE_STATS",
        "VLLM_PORT",
        "WATCHFILES_FORCE_POLLING",
        "WATCHFILES_POLL_DELAY_MS",
        "XDG_CACHE_HOME",
    }
)
"""Variables that the operator sets itself."""

UNSAFE_VARIABLES = frozenset(
    {
        "VLLM_ALLOW_RUNTIME_LORA_UPDATING",
        "VLLM_ALLOW_INSECURE_SERIALIZATION",
        "VLLM_CUDART_SO_PATH",
        "VLLM_CUDA_COMPATIBILITY_PATH",
        "VLLM_LOGGING_CONFIG_PATH",
        "VLLM_MODEL_REDIRECT_PATH",
        "VLLM_NCCL_SO_PATH",
        "VLLM_PLUGINS",
        "VLLM_RUST_FRONTEND_PATH",
        "VLLM_SERVER_DEV_MODE",
        "PATH",
    }
)
"""Variables that open administrative endpoints, load code, or serve another model than the one that was planned."""

UNSAFE_VARIABLE_PREFIXES = ("LD_", "PYTHON", "NVIDIA_", "CUDA_VISIBLE")
"""Families of variables that load code or undo the GPU request."""


def explain_forbidden_argument(argument: str) -> str | None:
    """Say why an extra argument is refused; None when it is not.

    Notes
    -----
    vLLM reads `--a_b` as `--a-b`, `--a.key value` as a part of a JSON argument, and argparse may take an unambiguous
    beginning for the whole: all of these count as the argument that they stand for.
    """
    if not argument.startswith("-") or _is_negative_number(argument):
        return None
    if not argument.startswith("--"):
        return "is a short form: write the argument in full, so that it can be checked"
    name = argument.split("=", 1)[0].split(" ", 1)[0].split(".", 1)[0].replace("_", "-")
    name = "--" + name.removeprefix("--no-") if name.startswith("--no-") else name
    if typed := _find(name, TYPED_ARGUMENTS):
        return f"is set by spec.{TYPED_ARGUMENTS[typed]}: use that field"
    if _find(name, OPERATOR_ARGUMENTS):
        return "is the operator's alone, as the rendered pod depends on it: remove it"
    if _find(name, UNSAFE_ARGUMENTS):
        return "loads code, opens files or shows a secret: it is not allowed here"
    return None


def _is_negative_number(argument: str) -> bool:
    return argument[1:].replace(".", "", 1).isdecimal()


def _find(name: str, forbidden: Iterable[str]) -> str | None:
    """Find the argument that a name or its beginning stands for."""
    if name in COMPLETE_ARGUMENTS:
        return None
    return next((full for full in forbidden if full.startswith(name)), None)


def explain_forbidden_variable(name: str) -> str | None:
    """Say why an extra environment variable is refused; None when it is not."""
    if name in OPERATOR_VARIABLES:
        return "is set by the operator: remove it"
    if name in UNSAFE_VARIABLES or name.startswith(UNSAFE_VARIABLE_PREFIXES):
        return "loads code, opens administrative endpoints or undoes the GPU request: it is not allowed here"
    return None
