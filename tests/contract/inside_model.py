"""Runs under vLLM's own Python: makes its model classes without memory, as one GPU of many would hold them.

The tensors are PyTorch's meta tensors, and the other GPUs are a process group that does nothing: what a rank allocates
depends on its number alone. Where vLLM asks for a GPU before it makes a layer, it is told the answer of an H100.
"""

import importlib
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TypeAlias

Foreign: TypeAlias = Any
"""Something of vLLM's or PyTorch's, which are not installed where types are checked."""

COMMUNICATOR = "vllm.distributed.device_communicators.base_device_communicator.DeviceCommunicatorBase"
"""One that sends nothing before it is asked to."""

Specs = dict[str, Foreign]
"""What each layer keeps of a sequence, by its name."""


def load(name: str) -> Foreign:
    """Import a module that is not installed where types are checked."""
    return importlib.import_module(name)


def register_nemotron_nas() -> None:
    """Register the configuration of Nemotron NAS, whose class is in the repositories and not in transformers."""
    transformers = load("transformers")

    class NemotronNas(transformers.LlamaConfig):  # type: ignore[misc, name-defined] # the base is not installed here
        """A Llama with blocks of their own."""

        model_type = "nemotron-nas"

        def __init__(self, **values: object) -> None:
            missing = [name for name, value in values.items() if value is None]
            super().__init__(**{name: value for name, value in values.items() if name not in missing})
            self.block_configs = [Part(block) for block in getattr(self, "block_configs", ())]

    transformers.AutoConfig.register("nemotron-nas", NemotronNas)


class Part(dict[str, Any]):
    """A mapping whose fields are attributes, as those of the repository's own class."""

    def __getattr__(self, name: str) -> object:
        if name not in self:
            raise AttributeError(name)
        value = self[name]
        return Part(value) if isinstance(value, dict) else value


@contextmanager
def pretend_rank(config: Foreign, rank: int) -> Iterator[None]:
    """Be one GPU of a replica."""
    distributed = load("torch.distributed")
    fake = load("torch.testing._internal.distributed.fake_pg")
    state = load("vllm.distributed.parallel_state")
    broadcast = load("vllm.distributed.device_communicators.shm_broadcast")
    parallel = config.parallel_config
    gpus = parallel.tensor_parallel_size * parallel.pipeline_parallel_size
    make_group = distributed.new_group
    distributed.new_group = lambda ranks=None, **_: make_group(ranks, backend="fake")
    state._node_count = lambda _: 1
    state.in_the_same_node_as = lambda _, source_rank=0: [source_rank >= 0] * gpus
    broadcast.MessageQueue.create_from_process_group = lambda *_, **__: None
    platform = load("vllm.platforms").current_platform
    type(platform).get_device_communicator_cls = classmethod(lambda _: COMMUNICATOR)
    distributed.init_process_group(backend="fake", rank=rank, world_size=gpus, store=fake.FakeStore())
    with load("vllm.config").set_current_vllm_config(config):
        state.init_distributed_environment(gpus, rank, "env://", 0, "fake")
        state.initialize_model_parallel(parallel.tensor_parallel_size, parallel.pipeline_parallel_size, backend="fake")
    yield
    state.destroy_model_parallel()
    state.destroy_distributed_environment()
    distributed.new_group = make_group


def pretend_kernels() -> None:
    """Let vLLM choose the kernels that serve these formats on an H100; none is called."""
    linear = load("vllm.model_executor.kernels.linear")
    platforms = load("vllm.platforms")
    marlin = linear.MarlinNvFp4LinearKernel
    marlin.is_supported = classmethod(lambda *_, **__: (True, None))
    linear._POSSIBLE_NVFP4_KERNELS[platforms.PlatformEnum.CPU] = [marlin]
    pretend_expert_kernels(platforms.current_platform)


def pretend_expert_kernels(platform: Foreign) -> None:
    """Let mixtures of experts be made that vLLM has no CPU kernels for."""
    mixture = "vllm.model_executor.layers.fused_moe"
    for part in ("config", "router.gate_linear"):
        load(f"{mixture}.{part}").current_platform = Hopper(platform)
    unquantized = load(f"{mixture}.oracle.unquantized")
    fp8 = load(f"{mixture}.oracle.fp8")
    nvfp4 = load(f"{mixture}.oracle.nvfp4")
    choose(unquantized, "select_unquantized_moe_backend", (unquantized.UnquantizedMoeBackend.TRITON, None))
    choose(fp8, "select_fp8_moe_backend", (fp8.Fp8MoeBackend.TRITON, None))
    choose(nvfp4, "select_nvfp4_moe_backend", (nvfp4.NvFp4MoeBackend.MARLIN, None))


class Hopper:
    """A platform that says it is an H100, and is another one."""

    def __init__(self, platform: Foreign) -> None:
        self._platform = platform

    def __getattr__(self, name: str) -> object:
        return getattr(self._platform, name)

    def is_cuda(self) -> bool:
        """Say so."""
        return True

    def is_cuda_alike(self) -> bool:
        """Say so."""
        return True

    def is_device_capability(self, capability: object) -> bool:
        """Say which one it is."""
        return capability in {(9, 0), 90}


def choose(module: Foreign, name: str, chosen: object) -> None:
    """Replace a function that chooses, wherever it was imported to."""
    function = getattr(module, name)
    importers = [other for other in list(sys.modules.values()) if vars(other).get(name) is function]
    for importer in importers:
        setattr(importer, name, lambda *_, **__: chosen)


def make_model(config: Foreign) -> Foreign:
    """Make vLLM's model of a configuration, with tensors that have a size and no memory."""
    torch = load("torch")
    loader = load("vllm.model_executor.model_loader.utils")
    defaults = load("vllm.utils.torch_utils")
    with defaults.set_default_torch_dtype(config.model_config.dtype), torch.device("meta"):
        return loader.initialize_model(config)


def weigh(config: Foreign, rank: int) -> dict[str, int]:
    """Tell the bytes of each parameter on one GPU; a shared one is told once."""
    pretend_kernels()
    with pretend_rank(config, rank):
        model = make_model(config)
    return {name: weights.numel() * weights.element_size() for name, weights in model.named_parameters()}


def weigh_adapters(config: Foreign, rank: int) -> dict[str, int]:
    """Tell the bytes that each layer on one GPU keeps for adapters, before there is any."""
    pretend_kernels()
    with pretend_rank(config, rank):
        model = make_model(config)
        scheduler, device = config.scheduler_config, load("torch").device("cpu")
        with load("vllm.config").set_current_vllm_config(config):
            manager = load("vllm.lora.model_manager").LoRAModelManager(
                model,
                scheduler.max_num_seqs,
                scheduler.max_num_batched_tokens,
                config.model_config.get_vocab_size(),
                config.lora_config,
                device,
                config,
            )
    return {name: count_stacked_bytes(module) for name, module in manager.modules.items()}


def count_stacked_bytes(module: Foreign) -> int:
    """Count what one layer keeps for adapters: a tensor, or one for each of the layers that it stands for."""
    values = [value for name, value in vars(module).items() if name.endswith(("lora_a_stacked", "lora_b_stacked"))]
    tensors = [tensor for value in values for tensor in (value if isinstance(value, tuple) else (value,))]
    return sum(tensor.numel() * tensor.element_size() for tensor in tensors)


def plan_cache(config: Foreign, available_bytes: int) -> dict[str, object]:
    """Let vLLM plan the KV cache of a replica with so many bytes on each GPU."""
    pretend_kernels()
    be_as_on_a_gpu(config)
    specs = [list_specs(config, stage) for stage in range(config.parallel_config.pipeline_parallel_size)]
    config.cache_config.kv_cache_layout = "LBNHC"
    caches = get_caches(config, specs, available_bytes)
    utilities = load("vllm.v1.core.kv_cache_utils")
    tokens, concurrency = utilities.get_kv_cache_capacity(config, utilities.generate_scheduler_kv_cache_config(caches))
    return {
        "block_tokens": config.cache_config.block_size,
        "blocks": caches[0].num_blocks,
        "concurrency": concurrency,
        "max_in_flight_tokens": config.max_in_flight_tokens,
        "pool_bytes": [cache.kv_cache_tensors[0].size for cache in caches],
        "tokens": tokens,
    }


def be_as_on_a_gpu(config: Foreign) -> None:
    """Undo what vLLM decides otherwise on a CPU: one step at a time, and no groups of sliding windows."""
    type(config).use_v2_model_runner = property(lambda _: True)
    config.scheduler_config.async_scheduling = True
    config.scheduler_config.disable_hybrid_kv_cache_manager = False


def list_specs(config: Foreign, stage: int) -> Specs:
    """Ask each layer of a pipeline stage what it keeps, once the size of a block is chosen as on CUDA."""
    config.compilation_config.static_forward_context.clear()
    with pretend_rank(config, stage * config.parallel_config.tensor_parallel_size):
        make_model(config)
        if stage == 0:
            choose_block_size(config)
        layers = config.compilation_config.static_forward_context
        backend = load("vllm.v1.attention.backends.flash_attn").FlashAttentionBackend
        for layer in layers.values():
            if hasattr(layer, "attn_backend"):
                layer.attn_backend = backend
        found = {
            name: layer.get_kv_cache_spec(config)
            for name, layer in layers.items()
            if hasattr(layer, "get_kv_cache_spec")
        }
    return {name: spec for name, spec in found.items() if spec is not None}


def choose_block_size(config: Foreign) -> None:
    """Choose the size of a block as for FlashAttention, which serves on an H100."""
    backend = load("vllm.v1.attention.backends.flash_attn").FlashAttentionBackend
    platform = load("vllm.platforms.interface").Platform
    platform._find_non_ssm_backends = classmethod(lambda *_: [backend])
    if not config.cache_config.user_specified_block_size:
        config.cache_config.block_size = backend.get_preferred_block_size(16)
    if config.model_config.is_hybrid:
        platform._align_hybrid_block_size(config, backend)


def get_caches(config: Foreign, specs: list[Specs], available_bytes: int) -> list[Foreign]:
    """Call vLLM's planning, which is in a module of its own since 0.33."""
    available = [available_bytes] * len(specs)
    try:
        planning = load("vllm.v1.core.kv_cache_planning")
    except ModuleNotFoundError:
        utilities = load("vllm.v1.core.kv_cache_utils")
        caches: list[Foreign] = utilities.get_kv_cache_configs(config, specs, available)
        return caches
    groups = planning.get_global_kv_cache_groups(config, specs)
    planned: list[Foreign] = planning.get_kv_cache_configs(config, specs, available, groups)
    return planned
