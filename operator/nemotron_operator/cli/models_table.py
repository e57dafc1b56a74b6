"""The tables of `nemoctl models`: three lines for each model, or one."""

from collections.abc import Sequence

from rich.console import RenderableType

from nemotron_operator.cli.models_report import AcceleratorNeed, ModelReport
from nemotron_operator.cli.tables import (
    format_count,
    format_gib,
    indent,
    make_lines_table,
    make_text,
    print_lines,
    print_page,
)


def print_model_pages(reports: Sequence[ModelReport]) -> None:
    """Print each model with its size and needs under its name."""
    parts: list[RenderableType] = []
    for report in reports:
        parts += [make_text(report.name, "bold"), *(indent(make_text(line)) for line in _describe(report)), ""]
    print_page(*parts[:-1])


def print_model_lines(reports: Sequence[ModelReport]) -> None:
    """Print a line for each model, the accelerators side by side."""
    accelerators = [need.accelerator for need in reports[0].needs] if reports else []
    table = make_lines_table("model", "parameters", "weights", "stored-as", "context", "licence", *accelerators)
    for report in reports:
        table.add_row(
            make_text(report.name),
            _format_parameters(report),
            format_gib(report.weights_bytes).replace(" ", ""),
            report.quantization,
            str(report.max_model_len),
            make_text(report.licence),
            *(_describe_need(need, report) for need in report.needs),
        )
    print_lines(table)


def _describe(report: ModelReport) -> list[str]:
    size = f"{_format_parameters(report)} parameters, {report.quantization}, {format_gib(report.weights_bytes)}"
    context = f"context {format_count(report.max_model_len, 'token')}"
    needs = ", ".join(f"{_describe_need(need, report)} x {need.accelerator}" for need in report.needs)
    return [f"{size}; {context}; licence {report.licence}", f"GPUs: {needs}"]


def _describe_need(need: AcceleratorNeed, report: ModelReport) -> str:
    """Write the number of GPUs, with the context where it is shorter than the model's own."""
    if need.gpus is None:
        return "no"
    return (
        str(need.gpus) if need.max_model_len == report.max_model_len else f"{need.gpus} ({need.max_model_len} tokens)"
    )


def _format_parameters(report: ModelReport) -> str:
    return f"{report.parameters / 1e9:.1f}B"
