"""`nemoctl plan --all`: every model of the catalogue on every accelerator of the configuration, at every legal size."""

from collections.abc import Iterator
from dataclasses import replace

from nemotron_operator.api.spec import ModelSpec, NemotronDeploymentSpec
from nemotron_operator.api.v1alpha1 import Identity, ParsedDeployment
from nemotron_operator.cli.matrix.report import UNKNOWN_GEOMETRY, MatrixReport
from nemotron_operator.cli.offline import Offline
from nemotron_operator.cli.output import OutputFormat, write_document
from nemotron_operator.cli.picture.legal_sizes import LegalSize, list_legal_sizes
from nemotron_operator.cli.plan.more_nodes import describe_need_of_nodes
from nemotron_operator.plan.facts import Facts
from nemotron_operator.plan.request import PlanRequest, resolve_request


def print_matrix(offline: Offline, output: OutputFormat) -> None:
    """Write the matrix: a compact table, a line for each size, or a list of objects for programs."""
    reports = make_matrix(offline)
    if output.is_for_programs:
        write_document([report.model_dump(mode="json", by_alias=True) for report in reports], output)
        return
    from nemotron_operator.cli.matrix.table import print_matrix_lines, print_matrix_page

    (print_matrix_lines if output == OutputFormat.WIDE else print_matrix_page)(reports)


def make_matrix(offline: Offline) -> list[MatrixReport]:
    """Size every model on every accelerator: in the catalogue's order, then the configuration's, then by size."""
    return [
        report
        for model in offline.catalog.entries
        for accelerator in offline.config.accelerators
        for report in _size_model(_request(model, accelerator, offline))
    ]


def _request(model: str, accelerator: str, offline: Offline) -> PlanRequest:
    """Ask for a model and an accelerator, and for nothing else."""
    spec = NemotronDeploymentSpec(model=ModelSpec(name=model), accelerator=accelerator)
    deployment = ParsedDeployment(Identity("default", "model", "", 0), spec)
    return resolve_request(deployment, Facts(), offline.config, offline.catalog)


def _size_model(request: PlanRequest) -> Iterator[MatrixReport]:
    limit = request.known_entry.context.max_model_len
    if request.known_entry.architecture is None:
        yield MatrixReport(
            model=request.known_entry.name,
            accelerator=request.accelerator,
            tensor_parallel_size=None,
            fits=False,
            model_context=limit,
            remark=UNKNOWN_GEOMETRY,
        )
        return
    sizes = list_legal_sizes(request, limit)
    is_on_one_node = any(size.longest_tokens for size in sizes)
    remark = "" if is_on_one_node else describe_need_of_nodes(request, sizes[-1].tensor)
    for size in sizes:
        yield _report(request, size, remark)


def _report(request: PlanRequest, size: LegalSize, remark: str) -> MatrixReport:
    limit, longest = request.known_entry.context.max_model_len, size.longest_tokens
    memory = size.sizing.memory
    is_held = longest > 0
    return MatrixReport(
        model=request.known_entry.name,
        accelerator=request.accelerator,
        tensor_parallel_size=size.tensor,
        fits=size.sizing.fits,
        model_context=limit,
        max_model_len=longest if is_held else None,
        kv_cache_tokens=memory.count_tokens(longest) if is_held else None,
        max_concurrent_full_length=memory.count_concurrent(longest) if is_held else None,
        weights_bytes_per_gpu=memory.weights_bytes,
        is_certain=is_held and replace(size.sizing, max_model_len=longest).is_certain,
        remark=remark,
    )
