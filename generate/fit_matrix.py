"""The fit matrix in the documentation: what each model needs on each accelerator, as `nemoctl plan --all` tells it."""

from collections.abc import Sequence
from functools import cache

from nemotron_operator.cli.matrix.cells import CompactMatrix, compact, describe_remarks
from nemotron_operator.cli.matrix.command import make_matrix
from nemotron_operator.cli.matrix.report import MatrixReport
from nemotron_operator.cli.offline import read_offline
from nemotron_operator.cli.tables import format_tokens

BLOCK = "fit matrix"
"""Name of the block in README.md."""

REPRESENTATIVES = (
    "mysticbeing/Llama-3.1-Nemotron-70B-Instruct-HF-FP8-DYNAMIC",
    "nvidia/Llama-3.1-Nemotron-70B-Instruct-HF",
    "nvidia/Llama-3_3-Nemotron-Super-49B-v1_5",
    "nvidia/Llama-3_1-Nemotron-Ultra-253B-v1-FP8",
    "nvidia/NVIDIA-Nemotron-Nano-9B-v2",
    "nvidia/NVIDIA-Nemotron-3-Nano-30B-A3B-FP8",
    "nvidia/NVIDIA-Nemotron-3-Super-120B-A12B-FP8",
    "nvidia/NVIDIA-Nemotron-3-Ultra-550B-A55B-NVFP4",
)
"""A model of each family and size, for a reader who wants to see at once."""

REPRESENTATIVES_INTRODUCTION = """\
GPUs of one replica with the longest context that they hold, in tokens; the last of a cell holds the model's full
context. Computed for vLLM {version}, not measured; [every model and accelerator](docs/reference/fit-matrix.md).
"""

REPRESENTATIVE_ACCELERATORS = ("H100-80GB", "H200")
"""The accelerators of README.md."""

INTRODUCTION = """\
# Fit matrix

<!-- Generated from the catalogue and the plan by `make generate`. Do not edit. -->

What every model of the catalogue needs on every accelerator of the shipped configuration, **computed, not measured**:
by the same plan that the operator runs before it takes a GPU, for vLLM {version}, {percent} % of each GPU's memory, and
nothing set but the model. `nemoctl plan --all` prints it for a configuration of yours; `-o json` adds weights, KV cache
and concurrency of every size.

How to read it: a cell lists numbers of GPUs, which one replica on one node takes (tensor parallel sizes), each with the
longest context that it holds, in tokens. `1: 7k, 2: 131k` means that one GPU holds 7 thousand tokens and two hold 131
thousand. The last one holds the model's full context, where any does. Sizes that hold nothing are left out. `?` follows
a full context that only the expected estimates of working memory hold, not the worst. A context that is shorter than
the full one goes to the limit of the expected estimates: leave room below it.
"""


def render_fit_matrix() -> str:
    """Render the page of the whole matrix."""
    offline, reports = read_offline(None), _compute()
    config = offline.config
    introduction = INTRODUCTION.format(version=config.engine_version, percent=config.gpu_memory_utilization_percent)
    remarks = [f"- {remark}" for remark in describe_remarks(reports)]
    parts = [introduction, *_render_table(compact(reports))]
    return "\n".join([*parts, *(["", "One node is not enough:", "", *remarks] if remarks else []), ""])


def render_representatives() -> str:
    """Render the block of README.md: a model of each family on two accelerators."""
    chosen = [
        report
        for report in _compute()
        if report.model in REPRESENTATIVES and report.accelerator in REPRESENTATIVE_ACCELERATORS
    ]
    chosen.sort(key=lambda report: REPRESENTATIVES.index(report.model))
    introduction = REPRESENTATIVES_INTRODUCTION.format(version=read_offline(None).config.engine_version)
    return "\n".join([introduction, *_render_table(compact(chosen))])


@cache
def _compute() -> Sequence[MatrixReport]:
    return tuple(make_matrix(read_offline(None)))


def _render_table(matrix: CompactMatrix) -> list[str]:
    headers = ["model", "context", *(", ".join(names) for names in matrix.columns)]
    rows = [[row.model, format_tokens(row.context_tokens), *row.cells] for row in matrix.rows]
    return [_render_row(headers), "|---|---:|" + "---|" * len(matrix.columns), *map(_render_row, rows)]


def _render_row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
