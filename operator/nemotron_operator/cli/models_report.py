"""What `nemoctl models` says of one model: the fields of its JSON."""

from nemotron_operator.api.fields import ApiModel


class AcceleratorNeed(ApiModel):
    """What a deployment that names nothing but the model gets on one accelerator."""

    accelerator: str
    """Accelerator profile of the configuration. Example: `H100-80GB`."""

    gpus: int | None
    """The fewest GPUs that hold it; null when no node of the profile does. Example: `2`."""

    max_model_len: int | None
    """Context with that many GPUs, in tokens; the model's own unless nothing holds that. Example: `131072`."""


class ModelReport(ApiModel):
    """One model of the catalogue."""

    name: str
    """The name for `model.name`. Example: `nvidia/Llama-3.1-Nemotron-70B-Instruct-HF`."""

    repository: str
    """Repository on the hub. Example: `nvidia/Llama-3.1-Nemotron-70B-Instruct-HF`."""

    revision: str
    """Commit or branch that is fetched. Example: `main`."""

    base_model: str | None
    """The unquantised model that it was made from. Example: `nvidia/Llama-3.1-Nemotron-70B-Instruct-HF`."""

    parameters: int
    """Number of parameters, from the geometry. Example: `70553706496`."""

    weights_bytes: int
    """Size of the weights in the repository, in bytes. Example: `72685000000`."""

    quantization: str
    """How the linear layers are stored. Example: `FP8`."""

    max_model_len: int
    """Longest sequence that the model was made for, in tokens. Example: `131072`."""

    max_output_tokens: int
    """Longest answer that its authors document, in tokens. Example: `4096`."""

    licence: str
    """Identifier of the licence. Example: `llama3.1`."""

    languages: tuple[str, ...]
    """Languages of the model card, ISO 639-1. Example: `[en]`."""

    needs: tuple[AcceleratorNeed, ...]
    """The fewest GPUs for each accelerator profile, in the configuration's order."""
