"""`nemoctl plan -o wide`: a line for each deployment, never folded, for comparing and for `grep`."""

from collections.abc import Sequence

from rich.console import RenderableType
from rich.text import Text

from nemotron_operator.cli.plan.report import PlanReport
from nemotron_operator.cli.tables import BAD, BUSY, GOOD, MISSING, format_gib, make_lines_table, make_text, print_lines

_COLUMNS = (
    *("name", "fits", "reason", "model", "accelerator", "tp", "pp", "gpus", "context", "longest", "total", "engine"),
    *("weights", "working", "kv-cache", "kv-tokens", "sequences", "start-up", "budget", "cost/h", "cheaper", "faster"),
    *("nodes", "message"),
)


def print_plan_lines(reports: Sequence[PlanReport]) -> None:
    """Print a line for each deployment."""
    table = make_lines_table(*_COLUMNS)
    for report in reports:
        table.add_row(*_make_line(report))
    print_lines(table)


def _make_line(report: PlanReport) -> list[RenderableType]:
    counts = (
        *(report.tensor_parallel_size, report.pipeline_parallel_size, report.gpus),
        *(report.max_model_len, report.longest_max_model_len),
    )
    sizes = (
        *(report.gpu_memory_bytes, report.engine_bytes_per_gpu, report.weights_bytes_per_gpu),
        *(report.working_bytes_per_gpu, report.kv_cache_bytes_per_gpu),
    )
    times = (report.startup_seconds, report.startup_budget_seconds)
    return [
        make_text(f"{report.namespace}/{report.name}"),
        _describe_verdict(report),
        report.reason,
        make_text(report.model or MISSING),
        make_text(report.accelerator or MISSING),
        *(_or_missing(count) for count in counts),
        *(MISSING if size is None else format_gib(size).replace(" ", "") for size in sizes),
        _or_missing(report.kv_cache_tokens),
        _or_missing(report.max_concurrent_full_length),
        *(MISSING if seconds is None else f"{seconds}s" for seconds in times),
        MISSING if report.cost_per_hour is None else f"{report.cost_per_hour}{report.currency}",
        *(
            MISSING if setting is None else f"tp{setting.tensor_parallel_size}:{setting.max_model_len}"
            for setting in (report.next_cheaper, report.next_faster)
        ),
        _describe_nodes(report),
        make_text("" if report.fits else report.message),
    ]


def _describe_verdict(report: PlanReport) -> Text:
    if report.fits is None:
        return Text("unknown", BUSY)
    if report.fits and report.is_certain is False:
        return Text("likely", BUSY)
    return Text("yes", GOOD) if report.fits else Text("no", BAD)


def _describe_nodes(report: PlanReport) -> str:
    if report.nodes is None:
        return MISSING
    if report.nodes.pool is not None:
        return f"{report.nodes.pool.replicas}/{report.nodes.pool.replicas_when_empty}replicas"
    return _or_missing(report.nodes.needed)


def _or_missing(count: int | None) -> str:
    return MISSING if count is None else str(count)
