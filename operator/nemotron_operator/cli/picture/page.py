"""`nemoctl plan --html`: the plans as one page that needs no network, no script and no fonts."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cache
from importlib import resources
from pathlib import Path

import jinja2

from nemotron_operator import __version__
from nemotron_operator.api.conditions import Reason
from nemotron_operator.api.v1alpha1 import ParsedDeployment
from nemotron_operator.cli.picture.concurrency import draw_concurrency
from nemotron_operator.cli.picture.legal_sizes import LegalSize, list_legal_sizes
from nemotron_operator.cli.picture.memory import LEGEND, draw_memory, judge, name_choice
from nemotron_operator.cli.picture.svg import Picture
from nemotron_operator.cli.tables import format_count
from nemotron_operator.errors import OperatorError
from nemotron_operator.plan.cost import count_cost_per_hour, format_cost
from nemotron_operator.plan.memory.parallelism import explain_illegal_pipeline
from nemotron_operator.plan.planner import make_plan
from nemotron_operator.plan.request import PlanRequest
from nemotron_operator.plan.serving_plan import Rejection
from nemotron_operator.plan.sizing import Sizing, choose_sizing
from nemotron_operator.units import GIB

_MISFITS = {Reason.WEIGHTS_DO_NOT_FIT, Reason.CONTEXT_DOES_NOT_FIT, Reason.BATCH_DOES_NOT_FIT}
"""Refusals for which a size was chosen."""


@dataclass(frozen=True, slots=True)
class Row:
    """The numbers of one tensor parallel size, as they stand in the table."""

    name: str
    is_chosen: bool
    gpus: int
    verdict: str
    numbers: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Section:
    """One deployment of the page."""

    title: str
    facts: tuple[tuple[str, str], ...]
    verdict: str
    message: str
    memory: Picture | None = None
    """None where nothing could be sized."""
    concurrency: Picture | None = None
    """None where no size holds a sequence."""
    columns: tuple[str, ...] = ()
    rows: tuple[Row, ...] = ()
    is_good: bool = False
    """Whether it fits."""


@dataclass(frozen=True, slots=True)
class _Judgement:
    """What the operator would say."""

    verdict: str
    message: str
    sizing: Sizing | None
    """What it chose; None where it is refused before anything is sized."""
    is_good: bool = False


def write_plan_html(
    plans: Sequence[tuple[str, PlanRequest]], path: Path, word: Callable[[str], str] | None = None
) -> None:
    """Write the page of titled plans.

    Parameters
    ----------
    word
        Words what the plan says for the person who asked; None for as it is.

    Raises
    ------
    OperatorError
        The file cannot be written; the message names it and the way out.
    """
    text = render_plan_html(plans, word)
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise OperatorError(
            f"{path}: cannot be written ({error.strerror}). Give --html the path of a file in a folder that exists."
        ) from error


def render_plan_html(plans: Sequence[tuple[str, PlanRequest]], word: Callable[[str], str] | None = None) -> str:
    """Render the page of titled plans."""
    sections = [_make_section(number, title, request) for number, (title, request) in enumerate(plans, start=1)]
    if word is not None:
        sections = [replace(section, message=word(section.message)) for section in sections]
    return _load_template().render(sections=sections, legend=LEGEND, version=__version__)


def _make_section(number: int, title: str, request: PlanRequest) -> Section:
    judgement = _judge(request)
    section = Section(title, _list_facts(request), judgement.verdict, judgement.message, is_good=judgement.is_good)
    sizes = _list_sizes(request, judgement.sizing)
    if not sizes:
        return section
    planned = None if judgement.sizing is None else judgement.sizing.shape.parallelism.tensor
    shown = judgement.sizing or sizes[0].sizing
    return replace(
        section,
        facts=(*section.facts, *_list_settings(request, shown)),
        memory=draw_memory(f"memory-{number}", sizes, planned),
        concurrency=draw_concurrency(
            f"concurrency-{number}", sizes, planned, request.known_entry.context.max_model_len
        ),
        columns=_list_columns(request, shown),
        rows=tuple(_make_row(request, size, planned) for size in sizes),
    )


def _judge(request: PlanRequest) -> _Judgement:
    """Decide as the operator would."""
    deployment = ParsedDeployment(request.identity, request.spec)
    decision = make_plan(deployment, request.facts, request.config, request.catalog)
    if isinstance(decision, Rejection):
        is_misfit = decision.reason in _MISFITS
        verdict = "Does not fit" if is_misfit else f"Refused: {decision.reason}"
        return _Judgement(verdict, decision.message, choose_sizing(request) if is_misfit else None)
    sizing = choose_sizing(request)
    if decision.warning is not None:
        return _Judgement("Does not fit, and would be started all the same", decision.warning, sizing)
    verdict = "Fits" if sizing.is_certain else "Fits, if the estimates hold"
    return _Judgement(verdict, "", sizing, is_good=True)


def _list_sizes(request: PlanRequest, planned: Sizing | None) -> list[LegalSize]:
    """Size every legal size for the planned context; none where the model, its geometry or the GPU is not known."""
    if planned is not None:
        return list_legal_sizes(request, planned.max_model_len)
    if request.entry is None or request.entry.architecture is None or request.profile is None:
        return []
    if explain_illegal_pipeline(request.architecture, request.spec.parallelism.pipeline or 1) is not None:
        return []
    limit, wanted = request.entry.context.max_model_len, request.spec.engine.max_model_len
    return list_legal_sizes(request, min(wanted, limit) if isinstance(wanted, int) else limit)


def _list_facts(request: PlanRequest) -> tuple[tuple[str, str], ...]:
    replicas = request.spec.replicas
    return (
        ("Model", request.entry.name if request.entry else request.model_name),
        ("Accelerator", request.accelerator),
        ("Replicas", str(replicas)),
        ("Engine", f"vLLM {request.engine_version or 'of unknown version, planned as the newest known'}"),
    )


def _list_settings(request: PlanRequest, sizing: Sizing) -> tuple[tuple[str, str], ...]:
    shape, limit = sizing.shape, request.known_entry.context.max_model_len
    context, sequences = f"{sizing.max_model_len:,} tokens", format_count(shape.batch.max_num_seqs, "sequence")
    return (
        ("Weights stored as", request.architecture.quantization),
        ("Context", context if sizing.max_model_len == limit else f"{context} (the model's own: {limit:,})"),
        ("KV cache", "fp8" if shape.kv_element_bytes == 1 else "bfloat16"),
        ("Batch", f"{sequences}, {shape.batch.max_num_batched_tokens:,} tokens in a step"),
    )


def _list_columns(request: PlanRequest, sizing: Sizing) -> tuple[str, ...]:
    price = () if request.known_profile.gpu_price_per_hour is None else (f"{request.config.currency} an hour",)
    return (
        *("TP", "GPUs", "Verdict", "Weights, GiB", "Working memory, GiB", "least to most, GiB", "KV cache, GiB"),
        *("KV cache, tokens", "Longest context, tokens", f"At once, {sizing.max_model_len:,} tokens each"),
        *price,
    )


def _make_row(request: PlanRequest, size: LegalSize, planned: int | None) -> Row:
    sizing = size.sizing
    memory, total = sizing.memory, sizing.memory.working.total
    verdict, _ = judge(size)
    cost = count_cost_per_hour(request.known_profile.gpu_price_per_hour, sizing.gpus)
    return Row(
        name=f"{size.tensor} ({name_choice(size)})" if size.tensor == planned else str(size.tensor),
        is_chosen=size.tensor == planned,
        verdict=verdict,
        gpus=sizing.gpus,
        numbers=(
            _write_gib(memory.weights_bytes),
            _write_gib(total.expected_bytes),
            f"{_write_gib(total.low_bytes)} to {_write_gib(total.high_bytes)}",
            _write_gib(max(0, memory.kv_cache_bytes)),
            f"{memory.count_tokens(sizing.max_model_len):,}",
            f"{size.longest_tokens:,}",
            f"{memory.count_concurrent(sizing.max_model_len):,}",
            *([] if cost is None else [format_cost(cost)]),
        ),
    )


def _write_gib(count_bytes: int) -> str:
    return f"{count_bytes / GIB:,.2f}"


@cache
def _load_template() -> jinja2.Template:
    environment = jinja2.Environment(
        loader=jinja2.FunctionLoader(_read_template),
        undefined=jinja2.StrictUndefined,
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("plan.html.j2")


def _read_template(name: str) -> str:
    return resources.files(__package__).joinpath("templates", name).read_text(encoding="utf-8")
