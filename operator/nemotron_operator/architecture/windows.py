"""Which layers look at a window of tokens only."""

from nemotron_operator.architecture.fields import MOST_LAYERS, Fields


def read_windows(fields: Fields) -> list[int | None]:
    """Read each layer's sliding window in tokens; None for a layer that sees everything.

    `layer_types` decides where it stands (Llama, Qwen3); else `sliding_window` holds for all layers, unless
    `use_sliding_window` says no (Qwen).
    """
    layers = fields.count("num_hidden_layers", most=MOST_LAYERS)
    if not fields.has("sliding_window") or not fields.flag("use_sliding_window", default=True):
        return [None] * layers
    window = fields.count("sliding_window")
    types = [str(kind) for kind in fields.rows("layer_types")]
    if len(types) == layers:
        return [window if kind == "sliding_attention" else None for kind in types]
    return [window] * layers


def read_alternating_windows(fields: Fields) -> list[int | None]:
    """Read gpt-oss, where vLLM gives every second layer a window, the first among them, whatever `layer_types` says."""
    layers = fields.count("num_hidden_layers", most=MOST_LAYERS)
    window = fields.count("sliding_window") if fields.has("sliding_window") else None
    return [None if layer % 2 else window for layer in range(layers)]
