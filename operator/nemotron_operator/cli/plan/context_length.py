"""How long sequences may be by a config.json: as vLLM derives it (_get_and_verify_max_len in vllm/config/model.py)."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from nemotron_operator.architecture.errors import ArchitectureError
from nemotron_operator.architecture.fields import Fields, show
from nemotron_operator.plan.engine_version import parse_version

WHOLE_YARN_VLLM = "0.32.0"
"""The first of the vLLMs whose source was read that takes max_position_embeddings of YaRN for the whole length; those
before multiply original_max_position_embeddings (https://github.com/vllm-project/vllm/pull/56446)."""

_YARN = "yarn"

_WHOLE = {"su", "longrope", "llama3", "deepseek_yarn", "deepseek_llama_scaling"}
"""Kinds of RoPE whose max_position_embeddings is the whole length already: `factor` is not applied to it again."""

_LARGEST_FACTOR = 10_000
"""No context was ever stretched further."""


@dataclass(frozen=True, slots=True)
class ContextLength:
    """The longest sequence that vLLM allows, in tokens."""

    tokens: int
    remark: str = ""
    """What config.json seems to promise, and vLLM does not heed; empty for nothing."""


def find_longest_context(values: Mapping[str, Any], version: str | None) -> ContextLength | None:
    """Read how long sequences may be; None where config.json does not say.

    Parameters
    ----------
    version
        The vLLM that decides; None for the newest that was read.

    Raises
    ------
    ArchitectureError
        RoPE scaling is described by something else than a mapping with a number.
    """
    fields = _find_part(values)
    positions = fields.values.get("max_position_embeddings")
    if isinstance(positions, bool) or not isinstance(positions, int) or positions <= 0:
        return None
    scalings = _list_scalings(fields)
    yarn = next((each for each in scalings if _get_kind(each) == _YARN), None)
    if yarn is not None:
        return _stretch_by_yarn(yarn, positions, version)
    factors = [_read_factor(each) for each in scalings if _get_kind(each) not in _WHOLE]
    return ContextLength(int(positions * factors[-1]) if factors else positions)


def _find_part(values: Mapping[str, Any]) -> Fields:
    """Look into the part of a multimodal model that is its language model, where the whole says nothing."""
    inner = values.get("text_config")
    if values.get("max_position_embeddings") or not isinstance(inner, Mapping):
        return Fields(values)
    return Fields(inner, "text_config.")


def _list_scalings(fields: Fields) -> list[Fields]:
    """List how RoPE is scaled: once for all layers, or for each type of layers."""
    scaling = next((fields.part(name) for name in ("rope_scaling", "rope_parameters") if fields.has(name)), None)
    if scaling is None:
        return []
    by_layers = [scaling.part(name) for name, value in scaling.values.items() if isinstance(value, Mapping)]
    return by_layers or [scaling]


def _get_kind(scaling: Fields) -> str:
    """Read which kind of RoPE it is, under its name of today or that of before."""
    return scaling.text("rope_type") or scaling.text("type", "default")


def _read_factor(scaling: Fields) -> float:
    factor = scaling.values.get("factor")
    if factor is None:
        return 1.0
    if isinstance(factor, bool) or not isinstance(factor, int | float) or not 1 <= factor <= _LARGEST_FACTOR:
        raise ArchitectureError(
            f"config.json: {scaling.where}factor: must be a number from 1 to {_LARGEST_FACTOR} (found {show(factor)})."
        )
    return float(factor)


def _stretch_by_yarn(yarn: Fields, positions: int, version: str | None) -> ContextLength:
    """Tell what YaRN makes of the positions, which changed between versions of vLLM."""
    original = yarn.count("original_max_position_embeddings", default=positions)
    stretched = int(original * _read_factor(yarn))
    if version is not None and parse_version(version) < parse_version(WHOLE_YARN_VLLM):
        return ContextLength(stretched)
    if stretched <= positions:
        return ContextLength(positions)
    return ContextLength(
        positions,
        f"Since {WHOLE_YARN_VLLM} vLLM takes max_position_embeddings ({positions}) for the whole context, and does not "
        f"multiply it by the factor of YaRN. Set it to {stretched} in config.json to serve that.",
    )
