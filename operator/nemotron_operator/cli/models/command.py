"""`nemoctl models`: the catalogue, and what each model needs on the accelerators of the configuration."""

from collections.abc import Sequence
from pathlib import Path

from nemotron_operator.api.spec import ModelSpec, NemotronDeploymentSpec
from nemotron_operator.api.v1alpha1 import Identity, ParsedDeployment
from nemotron_operator.catalog.entry import CatalogEntry
from nemotron_operator.cli.licences import list_licences
from nemotron_operator.cli.models.report import AcceleratorNeed, ModelReport
from nemotron_operator.cli.offline import Offline, read_offline
from nemotron_operator.cli.output import OutputFormat, write_document
from nemotron_operator.cli.plan.question import find_entry, grant
from nemotron_operator.plan.memory.kv_cache import count_kv_bytes_per_token, count_state_bytes_per_sequence
from nemotron_operator.plan.memory.weights import count_parameters, count_repository_bytes
from nemotron_operator.plan.sizing import choose_sizing

FAMILIES = {
    "LlamaForCausalLM": "Llama",
    "DeciLMForCausalLM": "Llama, blocks pruned one by one",
    "NemotronForCausalLM": "Minitron",
    "NemotronHForCausalLM": "Hybrid of Mamba and attention",
}
"""What the classes of the catalogue are called in words, in the order of the page."""

OTHER_FAMILY = "Others"


def show_models(name: str | None, config: Path | None, output: OutputFormat) -> None:
    """Write the catalogue, or one model of it in full.

    Raises
    ------
    OperatorError
        The configuration cannot be used, or there is no such model.
    """
    offline = read_offline(config)
    entries = list(offline.catalog.entries.values()) if name is None else [find_entry(name, offline, "NAME")]
    reports = sorted((_make_model_report(entry, offline) for entry in entries), key=_order)
    if output.is_for_programs:
        documents = [report.model_dump(mode="json", by_alias=True) for report in reports]
        write_document(documents if name is None else documents[0], output)
        return
    _print(reports, output, is_one=name is not None)


def _print(reports: Sequence[ModelReport], output: OutputFormat, *, is_one: bool) -> None:
    from nemotron_operator.cli.models.table import print_model_lines, print_model_list, print_model_page

    if output == OutputFormat.WIDE:
        print_model_lines(reports)
    elif is_one:
        print_model_page(reports[0])
    else:
        print_model_list(reports)


def _order(report: ModelReport) -> tuple[int, int, int, str]:
    """Order by family, then the smallest first."""
    families = [*FAMILIES.values(), OTHER_FAMILY]
    return families.index(report.family), report.parameters or 0, -(report.weights_bytes or 0), report.name


def _make_model_report(entry: CatalogEntry, offline: Offline) -> ModelReport:
    architecture = entry.architecture
    kv_element_bytes = 1 if architecture and architecture.kv_cache_dtype == "fp8" else 2
    return ModelReport(
        name=entry.name,
        family=FAMILIES.get(architecture.name, OTHER_FAMILY) if architecture else OTHER_FAMILY,
        architecture=architecture.name if architecture else None,
        repository=entry.repository,
        revision=entry.revision,
        base_model=entry.base_model,
        parameters=count_parameters(architecture) if architecture else None,
        published_parameters=entry.published_parameters,
        weights_bytes=count_repository_bytes(architecture) if architecture else None,
        quantization=architecture.quantization if architecture else None,
        max_model_len=entry.context.max_model_len,
        max_output_tokens=entry.context.max_output_tokens,
        kv_bytes_per_token=count_kv_bytes_per_token(architecture, kv_element_bytes) if architecture else None,
        state_bytes_per_sequence=count_state_bytes_per_sequence(architecture) if architecture else None,
        licence=entry.licence,
        licences=list_licences(entry),
        languages=entry.languages,
        flags=entry.flags,
        sampling=entry.sampling,
        needs=tuple(_find_need(entry, accelerator, offline) for accelerator in offline.config.accelerators),
        sources=entry.sources,
    )


def _find_need(entry: CatalogEntry, accelerator: str, offline: Offline) -> AcceleratorNeed:
    """Size the smallest resource that names the model, whatever else it needs."""
    nothing = AcceleratorNeed(accelerator=accelerator, gpus=None, max_model_len=None)
    if entry.architecture is None:
        return nothing
    spec = NemotronDeploymentSpec(model=ModelSpec(name=entry.name), accelerator=accelerator)
    deployment = ParsedDeployment(Identity("default", "model", "", 0), spec)
    sizing = choose_sizing(grant(offline, entry).resolve(deployment))
    if not sizing.fits:
        return nothing
    return AcceleratorNeed(accelerator=accelerator, gpus=sizing.gpus, max_model_len=sizing.max_model_len)
