"""Decoders whose feed-forward layers are mixtures of experts: Mixtral, Qwen3 MoE, gpt-oss."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from nemotron_operator.architecture.attention import (
    make_attention,
    make_experts,
    make_feed_forward,
    make_norms,
    read_key_values,
)
from nemotron_operator.architecture.errors import ArchitectureError
from nemotron_operator.architecture.fields import Fields, show
from nemotron_operator.architecture.model import Block, Experts, KeyValues, Linear, Parameters, Split
from nemotron_operator.architecture.windows import read_alternating_windows, read_windows


def read_mixtral(fields: Fields) -> list[Block]:
    """Read Mixtral (vllm/.../models/mixtral.py)."""
    mixture = _Mixture(
        "block_sparse_moe",
        fields.count("num_local_experts"),
        fields.count("intermediate_size"),
        _experts_per_token(fields),
    )
    return _read_blocks(fields, lambda _: mixture)


def read_qwen3_moe(fields: Fields) -> list[Block]:
    """Read Qwen3 MoE: some layers may be dense (vllm/.../models/qwen3_moe.py)."""
    mixture = _Mixture(
        "mlp", fields.count("num_experts"), fields.count("moe_intermediate_size"), _experts_per_token(fields)
    )
    dense = fields.rows("mlp_only_layers")
    wrong = next((layer for layer in dense if not isinstance(layer, int)), None)
    if wrong is not None:
        raise ArchitectureError(f"config.json: mlp_only_layers: must be a list of layers (found {show(wrong)} in it).")
    step = fields.count("decoder_sparse_step", default=1)
    return _read_blocks(
        fields,
        lambda layer: None if layer in dense or (layer + 1) % step else mixture,
        bias=fields.flag("attention_bias"),
        has_head_norms=True,
    )


def read_gpt_oss(fields: Fields) -> list[Block]:
    """Read gpt-oss: biases everywhere, attention sinks, MXFP4 experts (vllm/.../models/gpt_oss.py)."""
    mixture = _Mixture(
        "mlp",
        fields.count("num_local_experts", "num_experts"),
        fields.count("intermediate_size"),
        _experts_per_token(fields),
        bias=True,
    )
    return _read_blocks(fields, lambda _: mixture, bias=True, output_bias=True, has_sinks=True)


@dataclass(frozen=True, slots=True)
class _Mixture:
    """The experts of one layer."""

    prefix: str
    experts: int
    intermediate_size: int
    experts_per_token: int
    bias: bool = False

    def make_linears(self, hidden_size: int) -> tuple[Linear, ...]:
        """Make router and experts."""
        return (
            Linear(f"{self.prefix}.gate", hidden_size, self.experts, Split.REPLICATED, bias=self.bias),
            *make_experts(f"{self.prefix}.experts", hidden_size, self.intermediate_size, self.experts, bias=self.bias),
        )


def _read_blocks(  # noqa: PLR0913 - each is one way in which these decoders differ
    fields: Fields,
    find_mixture: Callable[[int], _Mixture | None],
    *,
    bias: bool = False,
    output_bias: bool = False,
    has_head_norms: bool = False,
    has_sinks: bool = False,
) -> list[Block]:
    hidden_size = fields.count("hidden_size")

    def make_block(key_values: KeyValues, mixture: _Mixture | None) -> Block:
        extras = [make_norms(hidden_size, 2)]
        extras += [Parameters(2 * key_values.head_dim, is_split=False)] if has_head_norms else []
        extras += [Parameters(key_values.heads, is_split=True)] if has_sinks else []
        dense_size = fields.count("intermediate_size") if mixture is None else 0
        return Block(
            linears=(
                *make_attention("self_attn", hidden_size, key_values, bias=bias, output_bias=output_bias),
                *(mixture.make_linears(hidden_size) if mixture else make_feed_forward("mlp", hidden_size, dense_size)),
            ),
            parameters=tuple(extras),
            key_values=key_values,
            intermediate_size=dense_size,
            experts=Experts(mixture.experts_per_token, mixture.intermediate_size, hidden_size, is_gated=True)
            if mixture
            else None,
        )

    known: dict[tuple[int | None, bool], Block] = {}
    blocks = []
    for layer, window in enumerate(read_alternating_windows(fields) if has_sinks else read_windows(fields)):
        mixture = find_mixture(layer)
        kind = window, mixture is None
        if kind not in known:
            key_values = replace(read_key_values(fields, window), is_repeatable=not has_sinks)
            known[kind] = make_block(key_values, mixture)
        blocks.append(known[kind])
    return blocks


def _experts_per_token(fields: Fields) -> int:
    return fields.count("num_experts_per_tok", "experts_per_token")
