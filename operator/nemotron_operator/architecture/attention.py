"""Attention as most decoders have it: grouped queries, one fused projection in, one out."""

from nemotron_operator.architecture.fields import Fields
from nemotron_operator.architecture.model import KeyValues, Linear, Parameters, Split


def read_head_dim(fields: Fields, heads: int) -> int:
    """Read the width of one head; the hidden size shared among the heads unless it is told."""
    return fields.count("head_dim", "attention_head_dim", default=max(1, fields.count("hidden_size") // heads))


def read_key_values(fields: Fields, window_tokens: int | None = None) -> KeyValues:
    """Read heads and their width."""
    heads = fields.count("num_attention_heads")
    return KeyValues(
        heads=heads,
        kv_heads=fields.count("num_key_value_heads", default=heads),
        head_dim=read_head_dim(fields, heads),
        window_tokens=window_tokens,
    )


def make_attention(
    prefix: str, hidden_size: int, key_values: KeyValues, *, bias: bool = False, output_bias: bool = False
) -> tuple[Linear, ...]:
    """Make the projections of one attention layer."""
    query_width = key_values.heads * key_values.head_dim
    kv_width = key_values.kv_heads * key_values.head_dim

    def make_input(name: str, outputs: int, units: int | None) -> Linear:
        return Linear(f"{prefix}.{name}", hidden_size, outputs, Split.COLUMNS, bias=bias, units=units)

    return (
        make_input("q_proj", query_width, None),
        make_input("k_proj", kv_width, key_values.kv_heads),
        make_input("v_proj", kv_width, key_values.kv_heads),
        Linear(f"{prefix}.o_proj", query_width, hidden_size, Split.ROWS, bias=output_bias),
    )


def make_feed_forward(
    prefix: str, hidden_size: int, intermediate_size: int, *, is_gated: bool = True, bias: bool = False
) -> tuple[Linear, ...]:
    """Make the projections of one feed-forward layer."""
    names = ("gate_proj", "up_proj") if is_gated else ("up_proj",)
    return (
        *(Linear(f"{prefix}.{name}", hidden_size, intermediate_size, Split.COLUMNS, bias=bias) for name in names),
        Linear(f"{prefix}.down_proj", intermediate_size, hidden_size, Split.ROWS, bias=bias),
    )


def make_experts(  # noqa: PLR0913 - the shape of an expert
    prefix: str, hidden_size: int, intermediate_size: int, experts: int, *, is_gated: bool = True, bias: bool = False
) -> tuple[Linear, ...]:
    """Make the projections of all experts of one layer; each is divided like a feed-forward layer."""
    names = ("gate_proj", "up_proj") if is_gated else ("up_proj",)
    return (
        *(Linear(f"{prefix}.0.{name}", hidden_size, intermediate_size, Split.COLUMNS, experts, bias) for name in names),
        Linear(f"{prefix}.0.down_proj", intermediate_size, hidden_size, Split.ROWS, experts, bias),
    )


def make_norms(hidden_size: int, count: int, *, with_bias: bool = False) -> Parameters:
    """Make norms over the hidden size, which every GPU holds."""
    return Parameters(count * hidden_size * (2 if with_bias else 1), is_split=False)
