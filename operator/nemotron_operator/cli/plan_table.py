"""The tables of `nemoctl plan`: a page for each deployment, or a line for each."""

from collections.abc import Sequence

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from nemotron_operator.api.conditions import Reason
from nemotron_operator.cli.plan_report import PlanReport
from nemotron_operator.cli.tables import (
    BAD,
    BUSY,
    GOOD,
    MISSING,
    QUIET,
    Bar,
    add_field,
    format_count,
    format_gib,
    format_seconds,
    indent,
    make_fields_table,
    make_lines_table,
    make_text,
    print_lines,
    print_page,
)


def print_plan_pages(reports: Sequence[PlanReport]) -> None:
    """Print a page for each deployment, and their sum when there are several."""
    parts: list[RenderableType] = []
    for report in reports:
        parts += [_make_title(report), *_make_body(report), ""]
    if len(reports) > 1:
        fitting = sum(report.fits for report in reports)
        print_page(*parts, f"{fitting} of {format_count(len(reports), 'deployment')} fit.")
    else:
        print_page(*parts[:-1])


def print_plan_lines(reports: Sequence[PlanReport]) -> None:
    """Print a line for each deployment, never folded, for comparing and for `grep`."""
    table = make_lines_table(*_LINE_COLUMNS)
    for report in reports:
        table.add_row(*_make_line(report))
    print_lines(table)


def _make_title(report: PlanReport) -> Text:
    verdict, style = ("fits", GOOD) if report.fits else ("does not fit", BAD)
    if report.reason == Reason.FITS_NOT_ENFORCED:
        verdict, style = "does not fit, and would be started all the same", BUSY
    elif not report.fits and report.weights_bytes_per_gpu is None:
        verdict = f"refused: {report.reason}"
    elif not report.fits:
        verdict = f"does not fit: {report.reason}"
    name = make_text(f"{report.namespace}/{report.name}", "bold")
    return Text.assemble(name, make_text(f" ({report.file}) ", QUIET), make_text(verdict, f"bold {style}"))


def _make_body(report: PlanReport) -> list[RenderableType]:
    body: list[RenderableType] = []
    if not report.fits:
        body += [indent(make_text(report.message)), ""]
    table = make_fields_table()
    _add_request(table, report)
    _add_account(table, report)
    _add_answers(table, report)
    for assumption in report.assumptions:
        add_field(table, "Assumed", make_text(assumption))
    return [*body, indent(table)] if table.row_count else body[:-1]


def _add_request(table: Table, report: PlanReport) -> None:
    if report.model is not None:
        add_field(table, "Model", make_text(report.model))
    if report.gpus_per_replica is None:
        if report.accelerator is not None:
            add_field(table, "Accelerator", make_text(report.accelerator))
        return
    replicas = (report.gpus or 0) // max(1, report.gpus_per_replica)
    sum_of_gpus = f"{format_count(replicas, 'replica')}: {format_count(report.gpus or 0, 'GPU')}"
    size = f"tensor parallel size {report.tensor_parallel_size}"
    add_field(table, "GPUs", f"{report.gpus_per_replica} x {report.accelerator} ({size}), {sum_of_gpus}")


def _add_account(table: Table, report: PlanReport) -> None:
    """Draw how the memory of one GPU is spent."""
    total, engine = report.gpu_memory_bytes, report.engine_bytes_per_gpu
    weights, working = report.weights_bytes_per_gpu, report.working_bytes_per_gpu
    if total is None or engine is None or weights is None or working is None:
        return
    left = engine - weights - working
    account = Table.grid(padding=(0, 2, 0, 0))
    account.add_column(justify="right", no_wrap=True)
    account.add_column(no_wrap=True)
    account.add_column()
    for amount, name, style in (
        (total, "in all", QUIET),
        (engine, f"engine share, {100 * engine / total:.0f} %", QUIET),
        (weights, "weights", "blue"),
        (working, "working memory", "magenta"),
        (abs(left), "KV cache" if left > 0 else "missing", GOOD if left > 0 else BAD),
    ):
        account.add_row(format_gib(amount), name, Bar(amount, total, style))
    add_field(table, "One GPU", account)


def _add_answers(table: Table, report: PlanReport) -> None:
    if report.max_model_len is None:
        return
    add_field(table, "Context", format_count(report.max_model_len, "token"))
    add_field(table, "KV cache", f"{format_count(report.kv_cache_tokens or 0, 'token')} per replica")
    full_length = format_count(report.max_concurrent_full_length or 0, "sequence")
    add_field(table, "Concurrent", f"{full_length} of full length")
    estimate, budget = report.startup_seconds or 0, report.startup_budget_seconds or 0
    add_field(table, "Start-up", f"about {format_seconds(estimate)}; counts as failed after {format_seconds(budget)}")


_LINE_COLUMNS = (
    *("name", "fits", "reason", "model", "accelerator", "tp", "gpus", "context", "total", "engine", "weights"),
    *("working", "kv-cache", "kv-tokens", "sequences", "start-up", "budget", "message"),
)


def _make_line(report: PlanReport) -> list[RenderableType]:
    fits = Text("yes", GOOD) if report.fits else Text("no", BAD)
    counts_before = (report.tensor_parallel_size, report.gpus, report.max_model_len)
    sizes = (
        report.gpu_memory_bytes,
        report.engine_bytes_per_gpu,
        report.weights_bytes_per_gpu,
        report.working_bytes_per_gpu,
        report.kv_cache_bytes_per_gpu,
    )
    counts_after = (report.kv_cache_tokens, report.max_concurrent_full_length)
    times = (report.startup_seconds, report.startup_budget_seconds)
    return [
        make_text(f"{report.namespace}/{report.name}"),
        fits,
        report.reason,
        make_text(report.model or MISSING),
        make_text(report.accelerator or MISSING),
        *(MISSING if count is None else str(count) for count in counts_before),
        *(MISSING if size is None else format_gib(size).replace(" ", "") for size in sizes),
        *(MISSING if count is None else str(count) for count in counts_after),
        *(MISSING if seconds is None else f"{seconds}s" for seconds in times),
        make_text("" if report.fits else report.message),
    ]
