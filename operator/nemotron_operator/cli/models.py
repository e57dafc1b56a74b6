"""`nemoctl models`: the catalogue, and what each model needs on the accelerators of the configuration."""

from pathlib import Path

from nemotron_operator.api.fields import ApiModel
from nemotron_operator.api.spec import ModelSpec, NemotronDeploymentSpec
from nemotron_operator.api.v1alpha1 import Identity, ParsedDeployment
from nemotron_operator.catalog.catalog import load_catalog
from nemotron_operator.catalog.entry import CatalogEntry, Quantization
from nemotron_operator.cli.offline import Offline
from nemotron_operator.cli.output import OutputFormat, write_document
from nemotron_operator.config import load_config
from nemotron_operator.plan.memory import UNQUANTIZED_BYTES, count_repository_bytes, count_weights_bytes
from nemotron_operator.plan.serving_plan import ServingPlan

_UNQUANTIZED = Quantization(method="none", linear_weight_bytes=2)


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


def list_models(config: Path | None, output: OutputFormat) -> None:
    """Write the catalogue."""
    offline = Offline(load_config(config), load_catalog())
    reports = [_make_model_report(entry, offline) for entry in offline.catalog.entries.values()]
    if output.is_for_programs:
        write_document([report.model_dump(mode="json", by_alias=True) for report in reports], output)
        return
    from nemotron_operator.cli.models_table import print_model_lines, print_model_pages

    (print_model_lines if output == OutputFormat.WIDE else print_model_pages)(reports)


def _make_model_report(entry: CatalogEntry, offline: Offline) -> ModelReport:
    return ModelReport(
        name=entry.name,
        repository=entry.repository,
        revision=entry.revision,
        base_model=entry.base_model,
        parameters=count_weights_bytes(entry.geometry, _UNQUANTIZED, 1) // UNQUANTIZED_BYTES,
        weights_bytes=count_repository_bytes(entry),
        quantization={1: "FP8", 2: "BF16"}[entry.quantization.linear_weight_bytes],
        max_model_len=entry.context.max_model_len,
        max_output_tokens=entry.context.max_output_tokens,
        licence=entry.licence,
        languages=entry.languages,
        needs=tuple(_find_need(entry, accelerator, offline) for accelerator in offline.config.accelerators),
    )


def _find_need(entry: CatalogEntry, accelerator: str, offline: Offline) -> AcceleratorNeed:
    """Plan the smallest resource that names the model."""
    spec = NemotronDeploymentSpec(model=ModelSpec(name=entry.name), accelerator=accelerator)
    plan = offline.decide(ParsedDeployment(Identity("default", "model", "", 0), spec))
    if not isinstance(plan, ServingPlan):
        return AcceleratorNeed(accelerator=accelerator, gpus=None, max_model_len=None)
    return AcceleratorNeed(accelerator=accelerator, gpus=plan.pod.gpus, max_model_len=plan.engine.max_model_len)
