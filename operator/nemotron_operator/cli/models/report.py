"""What `nemoctl models` says of one model: the fields of its JSON."""

from nemotron_operator.api.fields import ApiModel
from nemotron_operator.catalog.entry import CatalogSampling, ServingFlags
from nemotron_operator.cli.licences import LicenceReport


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

    family: str
    """How it is built, in words. Example: `Llama`."""

    architecture: str | None
    """Its class in `architectures` of config.json; null where that is not known. Example: `LlamaForCausalLM`."""

    repository: str
    """Repository on the hub. Example: `nvidia/Llama-3.1-Nemotron-70B-Instruct-HF`."""

    revision: str
    """Commit or branch that is fetched. Example: `main`."""

    base_model: str | None
    """The unquantised model that it was made from. Example: `nvidia/Llama-3.1-Nemotron-70B-Instruct-HF`."""

    parameters: int | None
    """Number of parameters, from the geometry; null where that is not known. Example: `70553706496`."""

    published_parameters: str | None
    """Number of parameters as its authors publish it; null where they do not. Example: `70.6B`."""

    weights_bytes: int | None
    """Size of the weights in the repository, in bytes. Example: `72685000000`."""

    quantization: str | None
    """How most of the linear layers are stored. Example: `FP8`."""

    max_model_len: int
    """Longest sequence that the model was made for, in tokens. Example: `131072`."""

    max_output_tokens: int | None
    """Longest answer that its authors document, in tokens. Example: `4096`."""

    kv_bytes_per_token: int | None
    """KV cache of one token in the format that the checkpoint asks for, all GPUs together, in bytes.
    Example: `327680`."""

    state_bytes_per_sequence: int | None
    """What Mamba layers keep of one sequence, in bytes; 0 without them. Example: `0`."""

    licence: str
    """Identifier of the licence. Example: `llama3.1`."""

    licences: tuple[LicenceReport, ...]
    """Every licence that holds for it: its own, and that of the model that it was made from."""

    languages: tuple[str, ...]
    """Languages of the model card, ISO 639-1. Example: `[en]`."""

    flags: ServingFlags
    """What a server of it has to be told. Example: `{trustRemoteCode: true}`."""

    sampling: CatalogSampling
    """The card's sampling values. Example: `{temperature: "0.6"}`."""

    needs: tuple[AcceleratorNeed, ...]
    """The fewest GPUs for each accelerator profile, in the configuration's order."""

    sources: tuple[str, ...]
    """Where these facts were read."""
