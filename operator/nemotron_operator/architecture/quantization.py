"""Which linear layer is stored how: the `quantization_config` of a config.json.

Each method has its own way to name the layers that stay as they are; vLLM's reading of it is followed
(vllm/model_executor/layers/quantization/).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from nemotron_operator.architecture.errors import ArchitectureError
from nemotron_operator.architecture.fields import Fields, show
from nemotron_operator.architecture.names import Names, WholeNames
from nemotron_operator.architecture.storage import (
    BF16,
    FP8_CHANNEL,
    FP8_TENSOR,
    INT8_CHANNEL,
    MXFP4,
    MXFP4_EXPERTS,
    NVFP4,
    Storage,
    make_fp8_block,
    make_integer,
)

_MOST_BITS = 16
"""No number format of weights has more."""

_BLOCK_DIMENSIONS = 2


@dataclass(frozen=True, slots=True)
class Quantization:
    """How a checkpoint stores its linear layers."""

    find_storage: Callable[[str], Storage]
    """From the full name of a linear layer to how it is stored."""
    kv_cache_dtype: str | None = None
    """KV cache format that the checkpoint asks for."""
    quantizes_head: bool = False
    """Whether lm_head follows the same rules; most methods leave it alone, wherever it stands."""


def read_quantization(fields: Fields) -> Quantization:
    """Read how the linear layers are stored; without a `quantization_config` they are BF16.

    Raises
    ------
    ArchitectureError
        The method, or its number format, is not known.
    """
    config = fields.part("quantization_config" if fields.has("quantization_config") else "compression_config")
    if not config.values:
        return Quantization(lambda _: BF16)
    method = config.text("quant_method").lower().replace("_", "-")
    reader = _READERS.get(method)
    if reader is None:
        raise ArchitectureError(
            f"config.json: {config.where}quant_method: {show(method)} is not known to the plan. Known: "
            f"{', '.join(sorted(_READERS))}."
        )
    return reader(config)


def _read_compressed_tensors(config: Fields) -> Quantization:
    groups = [
        (WholeNames(group.names("targets")), _read_scheme(group.part("weights")))
        for group in config.parts("config_groups").values()
    ]
    if not groups:
        raise ArchitectureError(
            f"config.json: {config.where}config_groups: is empty, so nothing says how weights are stored."
        )
    ignored = WholeNames(config.names("ignore"))

    def find_storage(name: str) -> Storage:
        if name in ignored:
            return BF16
        return next((scheme for targets, scheme in groups if "Linear" in targets or name in targets), BF16)

    return Quantization(find_storage, "fp8" if config.part("kv_cache_scheme").values else None)


def _read_scheme(weights: Fields) -> Storage:
    kind, strategy = weights.text("type"), weights.text("strategy")
    bits = weights.count("num_bits", most=_MOST_BITS)
    if (kind, bits, strategy) == ("float", 8, "block"):
        return make_fp8_block(*_read_pair(weights, "block_structure"))
    if (kind, bits, strategy) in _SCHEMES:
        return _SCHEMES[kind, bits, strategy]
    if kind == "int" and strategy in {"group", "channel"}:
        group_size = weights.count("group_size") if strategy == "group" else None
        return make_integer(bits, group_size, has_zero_points=not weights.flag("symmetric", default=True))
    raise ArchitectureError(
        f"config.json: {weights.where}strategy: weights of type {show(kind)} with {bits} bits and strategy "
        f"{show(strategy)} are not known to the plan."
    )


def _read_pair(fields: Fields, name: str) -> tuple[int, int]:
    """Read the outputs and inputs of a block."""
    pair = fields.rows(name)
    if len(pair) != _BLOCK_DIMENSIONS:
        raise ArchitectureError(
            f"config.json: {fields.where}{name}: must be a list of two numbers, the outputs and inputs of a block "
            f"(found {show(pair)})."
        )
    places = Fields({f"{name}[{place}]": value for place, value in enumerate(pair)}, fields.where)
    return places.count(f"{name}[0]"), places.count(f"{name}[1]")


_SCHEMES: dict[tuple[object, object, object], Storage] = {
    ("float", 8, "channel"): FP8_CHANNEL,
    ("float", 8, "tensor"): FP8_TENSOR,
    ("float", 4, "tensor_group"): NVFP4,
    ("float", 4, "group"): MXFP4,
    ("int", 8, "channel"): INT8_CHANNEL,
    ("int", 8, "tensor"): INT8_CHANNEL,
}
"""Storage by type, bits and strategy of the weights."""


def _read_modelopt(config: Fields) -> Quantization:
    ignored = Names(config.names("exclude_modules", "ignore", "modules_to_not_convert"))
    by_layer = _read_modelopt_layers(config.part("quantized_layers"))
    common = BF16 if by_layer else _find_modelopt_storage(config)
    names = Names(by_layer)

    def find_storage(name: str) -> Storage:
        if ignored.find(name) is not None:
            return BF16
        layer = names.find(name)
        return common if layer is None else by_layer[layer]

    return Quantization(find_storage, _read_modelopt_kv_cache(config), quantizes_head=True)


def _read_modelopt_layers(layers: Fields) -> dict[str, Storage]:
    """Read each layer's format; there may be 41,100, so that what needs no explanation takes the short way."""
    by_layer = {}
    for name, layer in layers.values.items():
        algorithm = layer.get("quant_algo") if isinstance(layer, Mapping) else None
        known = _MODELOPT.get(algorithm) if isinstance(algorithm, str) else None
        by_layer[str(name)] = known or _find_modelopt_storage(layers.part(name))
    return by_layer


def _find_modelopt_storage(config: Fields) -> Storage:
    algorithm = config.text("quant_algo").upper()
    if algorithm not in _MODELOPT:
        raise ArchitectureError(
            f"config.json: {config.where}quant_algo: {show(algorithm)} is not known to the plan. Known: "
            f"{', '.join(_MODELOPT)}."
        )
    return _MODELOPT[algorithm]


def _read_modelopt_kv_cache(config: Fields) -> str | None:
    """Read as `get_kv_cache_quant_algo_string` does (vllm/utils/torch_utils.py)."""
    scheme = config.values.get("kv_cache_scheme") or config.values.get("kv_cache_quant_algo")
    bits = scheme.get("num_bits") if isinstance(scheme, Mapping) else scheme
    return "fp8" if str(bits).upper() in {"FP8", "8"} else None


_MODELOPT: dict[str, Storage] = {
    "FP8": FP8_TENSOR,
    "FP8_PER_CHANNEL_PER_TOKEN": FP8_CHANNEL,
    "FP8_PB_WO": make_fp8_block(128, 128),
    "NVFP4": NVFP4,
    "NVFP4_AWQ": NVFP4,
    "W4A16_NVFP4": NVFP4,
    "MXFP8": Storage("MXFP8", 8, group_size=32, group_scale_bits=8),
}


def _read_fp8(config: Fields) -> Quantization:
    block = _read_pair(config, "weight_block_size") if config.has("weight_block_size") else None
    stored = make_fp8_block(*block) if block else FP8_TENSOR
    return _store_all_but(Names(config.names("ignored_layers", "modules_to_not_convert")), stored)


def _read_mxfp4(_: Fields) -> Quantization:
    """Read gpt-oss: vLLM stores the experts in MXFP4 and all else in BF16, whatever the list says."""
    return Quantization(lambda name: MXFP4_EXPERTS if ".experts." in name else BF16)


def _read_integer(config: Fields) -> Quantization:
    bits = config.count("bits", "w_bit", most=_MOST_BITS)
    # -1 stands for one group: the whole row.
    group_size = config.count("group_size", "q_group_size", default=-1, least=-1)
    # GPTQ and AWQ store zero points whether they are used or not.
    stored = make_integer(bits, group_size if group_size > 0 else None, has_zero_points=True)
    return _store_all_but(Names(config.names("modules_to_not_convert")), stored)


def _store_all_but(ignored: Names, stored: Storage) -> Quantization:
    return Quantization(lambda name: stored if ignored.find(name) is None else BF16)


_READERS: dict[str, Callable[[Fields], Quantization]] = {
    "compressed-tensors": _read_compressed_tensors,
    "modelopt": _read_modelopt,
    "modelopt-fp4": _read_modelopt,
    "modelopt-mixed": _read_modelopt,
    "fp8": _read_fp8,
    "mxfp4": _read_mxfp4,
    "gptq": _read_integer,
    "gptq-marlin": _read_integer,
    "awq": _read_integer,
}
