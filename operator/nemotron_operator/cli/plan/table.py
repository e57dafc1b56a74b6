"""The pages of `nemoctl plan`: verdict first, then one GPU as a picture, then what one gets for it."""

from collections.abc import Iterator, Sequence

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from nemotron_operator.api.conditions import Reason
from nemotron_operator.cli.plan.report import BytesRange, PlanReport, SettingReport
from nemotron_operator.cli.tables import (
    BAD,
    BUSY,
    GOOD,
    QUIET,
    Bar,
    add_field,
    format_bytes_short,
    format_count,
    format_gib,
    format_seconds,
    indent,
    make_fields_table,
    make_text,
    print_page,
)
from nemotron_operator.units import GIB


def print_plan_pages(reports: Sequence[PlanReport]) -> None:
    """Print a page for each deployment, and their sum when there are several."""
    parts: list[RenderableType] = []
    for report in reports:
        parts += [_make_title(report), *_make_body(report), ""]
    if len(reports) > 1:
        fitting = sum(report.fits is True for report in reports)
        print_page(*parts, f"{fitting} of {format_count(len(reports), 'deployment')} fit.")
    else:
        print_page(*parts[:-1])


def _make_title(report: PlanReport) -> Text:
    name = make_text(f"{report.namespace}/{report.name}", "bold")
    verdict, style = _describe_verdict(report)
    return Text.assemble(name, make_text(f" ({report.file}) ", QUIET), make_text(verdict, f"bold {style}"))


def _describe_verdict(report: PlanReport) -> tuple[str, str]:
    if report.fits is None:
        return f"nobody can tell: {report.reason}", BUSY
    if report.fits:
        pool = report.nodes.pool if report.nodes else None
        if pool is not None and not pool.holds_all:
            return "fits its GPUs, but the nodes have no room for it", BAD
        return ("fits", GOOD) if report.is_certain is not False else ("fits, unless the estimates are too low", BUSY)
    if report.reason == Reason.FITS_NOT_ENFORCED:
        return "does not fit, and would be started all the same", BUSY
    return f"{'refused' if report.weights_bytes_per_gpu is None else 'does not fit'}: {report.reason}", BAD


def _make_body(report: PlanReport) -> list[RenderableType]:
    body: list[RenderableType] = []
    if not report.fits:
        body += [indent(make_text(report.message)), ""]
    table = make_fields_table()
    for name, value in _list_fields(report):
        add_field(table, name, value)
    return [*body, indent(table)] if table.row_count else body[:-1]


def _list_fields(report: PlanReport) -> Iterator[tuple[str, RenderableType]]:
    if report.model is not None:
        yield "Model", make_text(report.model)
    yield from _list_request(report)
    yield from _list_account(report)
    yield from _list_capacity(report)
    yield from _list_choices(report)
    yield from _list_nodes(report)
    for assumption in report.assumptions:
        yield "Assumed", make_text(assumption)
    for remark in report.remarks:
        yield "Note", make_text(remark, QUIET)
    if report.licences:
        titles = " and ".join(licence.title for licence in report.licences)
        yield "Licence", make_text(f"{titles} (`nemoctl models NAME` says what it asks)", QUIET)


def _list_request(report: PlanReport) -> Iterator[tuple[str, RenderableType]]:
    if report.gpus_per_replica is None:
        if report.accelerator is not None:
            yield "Accelerator", make_text(report.accelerator)
        return
    replicas = (report.gpus or 0) // max(1, report.gpus_per_replica)
    sum_of_gpus = f"{format_count(replicas, 'replica')}: {format_count(report.gpus or 0, 'GPU')}"
    size = f"tensor parallel size {report.tensor_parallel_size}"
    if (report.pipeline_parallel_size or 1) > 1:
        size += f", pipeline {report.pipeline_parallel_size}"
    if (report.nodes_per_replica or 1) > 1:
        size += f", over {report.nodes_per_replica} nodes"
    yield "GPUs", make_text(f"{report.gpus_per_replica} x {report.accelerator} ({size}), {sum_of_gpus}")


def _list_account(report: PlanReport) -> Iterator[tuple[str, RenderableType]]:
    """Draw how the memory of one GPU is spent: bars that begin where the one before ends."""
    total, engine = report.gpu_memory_bytes, report.engine_bytes_per_gpu
    if total is None or engine is None or report.weights_bytes_per_gpu is None:
        return
    account = Table.grid(padding=(0, 2, 0, 0))
    account.add_column(justify="right", no_wrap=True)
    account.add_column(no_wrap=True)
    account.add_column()
    account.add_row(format_gib(total), "in all", Bar(total, total, QUIET))
    start = 0
    for amount, name, style in _list_parts(report):
        account.add_row(format_gib(amount), name, Bar(amount, total, style, start))
        start += amount
    left = engine - start
    style, name = (GOOD, "KV cache") if left > 0 else (BAD, "missing")
    account.add_row(format_gib(abs(left)), name, Bar(abs(left), total, style, min(start, engine)))
    share = f"not the engine's, {100 - 100 * engine / total:.0f} %"
    account.add_row(format_gib(total - engine), share, Bar(total - engine, total, QUIET, engine))
    yield "One GPU", account


def _list_parts(report: PlanReport) -> list[tuple[int, str, str]]:
    """List what is spent before the KV cache; one line for working memory where its parts are not known."""
    weights = (report.weights_bytes_per_gpu or 0, "weights", "blue")
    parts = (
        (report.activation_bytes_per_gpu, "activations", "magenta"),
        (report.non_torch_bytes_per_gpu, "CUDA, communication", "yellow"),
        (report.cuda_graph_bytes_per_gpu, "CUDA graphs", "cyan"),
    )
    known = [(part.expected, name, style) for part, name, style in parts if part is not None and part.high > 0]
    if report.adapter_bytes_per_gpu:
        known.append((report.adapter_bytes_per_gpu, "LoRA adapters", "green"))
    return [weights, *(known or [(report.working_bytes_per_gpu or 0, "working memory", "magenta")])]


def _list_capacity(report: PlanReport) -> Iterator[tuple[str, RenderableType]]:
    if report.max_model_len is None:
        return
    context, longest = format_count(report.max_model_len, "token"), report.longest_max_model_len
    if longest is not None and longest > report.max_model_len:
        context += f"; these GPUs hold up to {longest:,}"
    yield "Context", context
    tokens = f"{format_count(report.kv_cache_tokens or 0, 'token')} per replica"
    per_token = f"{report.kv_cache_dtype or 'auto'}, {format_bytes_short(report.kv_bytes_per_token or 0)} a token"
    if report.state_bytes_per_sequence:
        per_token += f" and {format_bytes_short(report.state_bytes_per_sequence)} a sequence"
    yield "KV cache", f"{tokens} ({per_token}){_describe_range(report.kv_cache_bytes_per_gpu_range)}"
    full_length = format_count(report.max_concurrent_full_length or 0, "sequence")
    batch = f"; a batch takes {report.max_num_seqs:,} at most" if report.max_num_seqs else ""
    yield "Concurrent", f"{full_length} of full length{batch}"
    estimate, budget = report.startup_seconds or 0, report.startup_budget_seconds or 0
    yield "Start-up", f"about {format_seconds(estimate)}; counts as failed after {format_seconds(budget)}"


def _describe_range(amount: BytesRange | None) -> str:
    if amount is None or amount.low == amount.high:
        return ""
    return f", {amount.low / GIB:.1f} to {amount.high / GIB:.1f} GiB on each GPU"


def _list_choices(report: PlanReport) -> Iterator[tuple[str, RenderableType]]:
    if report.cost_per_hour is not None:
        yield "Cost", f"{report.cost_per_hour} {report.currency} per hour"
    smallest = report.smallest_tensor_parallel_size
    if report.fits is False and smallest is not None:
        yield "Smallest", f"tensor parallel size {smallest} holds this context"
    for name, setting in (("Cheaper", report.next_cheaper), ("Faster", report.next_faster)):
        if setting is not None:
            yield name, make_text(_describe_setting(setting, report))


def _describe_setting(setting: SettingReport, report: PlanReport) -> str:
    gets = [format_count(setting.gpus, "GPU")] if report.gpus else []
    gets.append(format_count(setting.max_model_len, "token"))
    gets.append(f"{format_count(setting.max_concurrent_full_length, 'sequence')} of full length")
    if setting.cost_per_hour is not None:
        gets.append(f"{setting.cost_per_hour} {report.currency} per hour")
    return f"{', '.join(setting.settings)} ({', '.join(gets)})"


def _list_nodes(report: PlanReport) -> Iterator[tuple[str, RenderableType]]:
    nodes = report.nodes
    if nodes is None or nodes.pool is None:
        return
    pool = nodes.pool
    where = format_count(pool.nodes, "empty node" if pool.source == "empty nodes" else "node")
    find = "finds" if pool.replicas == 1 else "find"
    told = f"{format_count(pool.replicas, 'replica')} of {_count_replicas(report)} {find} a node among {where}"
    if pool.source != "empty nodes":
        told += f" with {format_count(pool.free_gpus, 'free GPU')} ({pool.replicas_when_empty} if they were empty)"
    yield "Nodes", make_text(f"{told}{f'; {pool.missing}' if pool.missing else ''}", GOOD if pool.holds_all else BAD)


def _count_replicas(report: PlanReport) -> int:
    return (report.gpus or 0) // max(1, report.gpus_per_replica or 1)
