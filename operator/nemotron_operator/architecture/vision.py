"""What a vision tower adds to the weights of the first pipeline stage."""

from nemotron_operator.architecture.fields import Fields
from nemotron_operator.architecture.model import Parameters


def read_pixtral(fields: Fields) -> tuple[Parameters, ...]:
    """Count Pixtral's tower, patch merger and projector (vllm/.../models/pixtral.py, mistral3.py).

    The encoder's linear layers are divided like the decoder's; patch embedding and norms are not.
    """
    vision = fields.part("vision_config")
    if not vision.values:
        return ()
    text_size, width = fields.part("text_config").count("hidden_size"), vision.count("hidden_size")
    intermediate_size, layers = vision.count("intermediate_size"), vision.count("num_hidden_layers")
    patch_size, merge = vision.count("patch_size"), fields.count("spatial_merge_size", default=1)
    encoder = layers * (4 * width * width + 3 * width * intermediate_size)
    norms = layers * 2 * width + 2 * width
    patches = vision.count("num_channels", default=3) * patch_size * patch_size * width
    merger = merge * merge * width * width
    projector = width * text_size + text_size * text_size
    return (
        Parameters(encoder + projector, is_split=True),
        Parameters(norms + patches + merger, is_split=False),
    )
