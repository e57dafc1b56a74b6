"""The tables of `nemoctl models`: the family at a glance, one model in full, or a line for each."""

from collections.abc import Iterator, Sequence
from itertools import groupby

from rich.console import RenderableType
from rich.table import Table

from nemotron_operator.cli.licences import describe_licence
from nemotron_operator.cli.models.report import AcceleratorNeed, ModelReport
from nemotron_operator.cli.tables import (
    MISSING,
    QUIET,
    add_field,
    format_bytes_short,
    format_count,
    format_gib,
    format_tokens,
    indent,
    make_fields_table,
    make_lines_table,
    make_text,
    print_lines,
    print_page,
)


def print_model_list(reports: Sequence[ModelReport]) -> None:
    """Print the models under their families, a line each where the terminal is wide enough."""
    parts: list[RenderableType] = []
    for family, group in groupby(reports, lambda report: report.family):
        models = list(group)
        parts += [make_text(f"{family} ({format_count(len(models), 'model')})", "bold"), indent(_list(models)), ""]
    accelerators = ", ".join(need.accelerator for need in reports[0].needs) if reports else ""
    parts.append(make_text(f"GPUs on {accelerators}: the fewest that hold the whole context.", QUIET))
    parts.append(make_text("`nemoctl models NAME` shows one in full.", QUIET))
    print_page(*parts)


def print_model_page(report: ModelReport) -> None:
    """Print one model in full, with its sources."""
    table = make_fields_table()
    for name, value in _list_facts(report):
        add_field(table, name, make_text(value))
    print_page(make_text(report.name, "bold"), indent(table))


def print_model_lines(reports: Sequence[ModelReport]) -> None:
    """Print a line for each model, the accelerators side by side."""
    accelerators = [need.accelerator for need in reports[0].needs] if reports else []
    columns = ("model", "parameters", "weights", "stored-as", "context", "licence")
    table = make_lines_table(*columns, *accelerators, "own-code", "vllm", "tools", "reasoning")
    for report in reports:
        flags = report.flags
        table.add_row(
            make_text(report.name),
            _format_parameters(report),
            MISSING if report.weights_bytes is None else format_gib(report.weights_bytes).replace(" ", ""),
            report.quantization or MISSING,
            str(report.max_model_len),
            make_text(report.licence),
            *(_describe_need(need, report) for need in report.needs),
            "yes" if flags.trust_remote_code else "no",
            flags.minimum_vllm or MISSING,
            make_text(flags.tool_call_parser or MISSING),
            make_text(flags.reasoning_parser or MISSING),
        )
    print_lines(table)


def _list(reports: Sequence[ModelReport]) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), show_header=False)
    table.add_column(overflow="fold", ratio=1)
    for justify in ("right", "left", "right", "right"):
        table.add_column(justify=justify, no_wrap=True)
    table.add_column()
    for report in reports:
        table.add_row(
            make_text(report.name),
            _format_parameters(report),
            report.quantization or MISSING,
            format_tokens(report.max_model_len),
            "/".join(_describe_need(need, report) for need in report.needs),
            make_text(", ".join(_describe_flags(report)), QUIET),
        )
    return table


def _describe_flags(report: ModelReport) -> Iterator[str]:
    if report.flags.minimum_vllm is not None:
        yield f"vLLM {report.flags.minimum_vllm}"
    if report.flags.trust_remote_code:
        yield "own code"


def _list_facts(report: ModelReport) -> Iterator[tuple[str, str]]:
    published = f", published as {report.published_parameters}" if report.published_parameters else ""
    if report.weights_bytes is None:
        yield "Size", f"geometry not known{published}"
    else:
        size = f"{_format_parameters(report)} parameters{published}"
        yield "Size", f"{size}; {report.quantization}, {format_gib(report.weights_bytes)}"
    yield "Built as", f"{report.family}{f' ({report.architecture})' if report.architecture else ''}"
    longest = f", answers up to {report.max_output_tokens:,}" if report.max_output_tokens else ""
    yield "Context", f"{format_count(report.max_model_len, 'token')}{longest}"
    if report.kv_bytes_per_token is not None:
        state = report.state_bytes_per_sequence or 0
        per_sequence = f" and {format_bytes_short(state)} a sequence" if state else ""
        yield "KV cache", f"{format_bytes_short(report.kv_bytes_per_token)} a token{per_sequence}"
    yield "GPUs", ", ".join(f"{_describe_need(need, report)} x {need.accelerator}" for need in report.needs)
    yield "Needs", ", ".join(_describe_needs(report)) or "nothing beyond vLLM"
    if told := ", ".join(_describe_parsers(report)):
        yield "Parsers", told
    if sampling := ", ".join(_describe_sampling(report)):
        yield "Sampling", sampling
    yield "Repository", f"{report.repository} at {report.revision}"
    if report.base_model is not None and report.base_model != report.name:
        yield "Made from", report.base_model
    for licence in report.licences:
        yield "Licence", describe_licence(licence)
        if licence.notice:
            yield "Notice", licence.notice
    if report.languages:
        yield "Languages", ", ".join(report.languages)
    for source in report.sources:
        yield "Source", source


def _describe_needs(report: ModelReport) -> Iterator[str]:
    if report.flags.minimum_vllm is not None:
        yield f"vLLM {report.flags.minimum_vllm} or newer"
    if report.flags.trust_remote_code:
        yield "model.trustRemoteCode: true, as it brings Python code of its own"


def _describe_parsers(report: ModelReport) -> Iterator[str]:
    flags = report.flags
    for kind, parser, plugin in (
        ("tool calls", flags.tool_call_parser, flags.tool_parser_plugin),
        ("reasoning", flags.reasoning_parser, flags.reasoning_parser_plugin),
    ):
        if parser is not None:
            yield f"{kind} by {parser}{f' ({plugin} of the repository)' if plugin else ''}"


def _describe_sampling(report: ModelReport) -> Iterator[str]:
    sampling = report.sampling
    for name, value in (("temperature", sampling.temperature), ("top_p", sampling.top_p)):
        if value is not None:
            yield f"{name} {value}"


def _describe_need(need: AcceleratorNeed, report: ModelReport) -> str:
    """Write the number of GPUs, with the context where it is shorter than the model's own."""
    if need.gpus is None:
        return "no"
    return (
        str(need.gpus) if need.max_model_len == report.max_model_len else f"{need.gpus} ({need.max_model_len} tokens)"
    )


def _format_parameters(report: ModelReport) -> str:
    return MISSING if report.parameters is None else f"{report.parameters / 1e9:.1f}B"
