"""`nemoctl models`: the catalogue, and what each model needs on the accelerators of the configuration."""

from pathlib import Path

from nemotron_operator.api.spec import ModelSpec, NemotronDeploymentSpec
from nemotron_operator.api.v1alpha1 import Identity, ParsedDeployment
from nemotron_operator.catalog.entry import CatalogEntry, Quantization
from nemotron_operator.cli.models_report import AcceleratorNeed, ModelReport
from nemotron_operator.cli.offline import Offline, read_offline
from nemotron_operator.cli.output import OutputFormat, write_document
from nemotron_operator.plan.memory import UNQUANTIZED_BYTES, count_repository_bytes, count_weights_bytes
from nemotron_operator.plan.serving_plan import ServingPlan

_UNQUANTIZED = Quantization(method="none", linear_weight_bytes=2)


def list_models(config: Path | None, output: OutputFormat) -> None:
    """Write the catalogue."""
    offline = read_offline(config)
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
