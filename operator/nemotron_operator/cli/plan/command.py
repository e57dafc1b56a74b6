"""`nemoctl plan`: whether it fits, on how many GPUs, with how much context, before a GPU is taken."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from nemotron_operator.api.v1alpha1 import ParsedDeployment
from nemotron_operator.cli.documents import Document, read_documents
from nemotron_operator.cli.messages import say
from nemotron_operator.cli.offline import Offline, read_offline
from nemotron_operator.cli.output import OutputFormat, write_document
from nemotron_operator.cli.plan.answer import make_plan_report
from nemotron_operator.cli.plan.options import NodeQuestion, PlanQuery
from nemotron_operator.cli.plan.report import PlanReport
from nemotron_operator.cli.program import EXIT_REFUSED
from nemotron_operator.errors import OperatorError


def answer_plan(query: PlanQuery, output: OutputFormat) -> int:
    """Plan what is asked for, and write the answers; returns the exit code.

    Raises
    ------
    OperatorError
        The question is no question, or something that it names cannot be read.
    """
    _check_subject(query)
    _check_pool(query)
    if query.is_all:
        from nemotron_operator.cli.matrix.command import print_matrix

        print_matrix(read_offline(query.operator_config), output)
        return 0
    answered = _plan_files(query) if query.paths else _plan_question(query)
    reports = list(answered.reports)
    if query.pool != NodeQuestion():
        from nemotron_operator.cli.plan.nodes import add_pool

        reports = add_pool(reports, query.pool, answered.offline)
    if query.html is not None:
        _write_html(answered, query.html)
    _write(reports, output)
    return 0 if all(_is_well(report, is_strict=query.is_strict) for report in reports) else EXIT_REFUSED


@dataclass(frozen=True, slots=True)
class _Answered:
    """What was planned, with the answers in the same order."""

    documents: tuple[Document, ...]
    offline: Offline
    reports: tuple[PlanReport, ...]
    is_of_options: bool = False
    """Whether options said what is planned, and not files."""


def _check_subject(query: PlanQuery) -> None:
    """Let one thing be asked at a time, with the settings that belong to it."""
    question = query.question
    asked = [
        *(["FILE"] if query.paths else []),
        *(["--model"] if question.model is not None else []),
        *(["--config"] if question.config is not None else []),
        *(["--all"] if query.is_all else []),
    ]
    if len(asked) != 1:
        found = f" (found {' and '.join(asked)})" if asked else ""
        raise OperatorError(
            f"Give one of FILE, --model NAME, --config PATH and --all{found}. "
            "`nemoctl plan --help` shows what there is."
        )
    settings = question.list_settings()
    if settings and (query.paths or query.is_all):
        raise OperatorError(f"{settings[0]}: goes with --model or --config only; a file says it in its spec.")


def _check_pool(query: PlanQuery) -> None:
    """Let one node pool be looked at, where there is one answer for it."""
    if query.is_all and (query.html is not None or query.is_strict or query.pool != NodeQuestion()):
        raise OperatorError(
            "--all: goes without --html, --strict, --nodes and --cluster; name a file or a model for these."
        )
    if query.pool.is_cluster and query.pool.nodes is not None:
        raise OperatorError("--nodes: goes without --cluster; give one of them.")
    if not query.pool.is_cluster and (query.pool.kubeconfig or query.pool.context):
        raise OperatorError("--kubeconfig and --context go with --cluster; without it no cluster is asked.")


def _plan_files(query: PlanQuery) -> _Answered:
    documents = read_documents(query.paths, query.namespace)
    offline = read_offline(query.operator_config)
    for skipped in documents.skipped:
        say(skipped)
    reports = tuple(make_plan_report(document, offline) for document in documents.deployments)
    return _Answered(documents.deployments, offline, reports)


def _plan_question(query: PlanQuery) -> _Answered:
    from nemotron_operator.cli.plan.question import resolve_question
    from nemotron_operator.cli.plan.remarks import list_grants
    from nemotron_operator.cli.plan.wording import speak_of_options

    asked = resolve_question(query.question, read_offline(query.operator_config))
    report = make_plan_report(asked.document, asked.offline)
    grants = list_grants(asked.flags, report.vllm_version, has_own_code=asked.has_own_code)
    remarks = (*grants, *asked.remarks, *report.remarks)
    worded = speak_of_options(report.model_copy(update={"remarks": remarks}))
    return _Answered((asked.document,), asked.offline, (worded,), is_of_options=True)


def _write_html(answered: _Answered, path: Path) -> None:
    """Write the page of all that could be read; what is no resource has nothing to draw."""
    from nemotron_operator.cli.picture.page import write_plan_html
    from nemotron_operator.cli.plan.wording import name_options

    plans = [
        (f"{report.namespace}/{report.name} ({report.file})", answered.offline.resolve(document.deployment))
        for document, report in zip(answered.documents, answered.reports, strict=True)
        if isinstance(document.deployment, ParsedDeployment)
    ]
    write_plan_html(plans, path, name_options if answered.is_of_options else None)


def _is_well(report: PlanReport, *, is_strict: bool) -> bool:
    """Tell whether an answer is a good one for a pipeline."""
    is_sure = report.is_certain is True or not is_strict
    pool = report.nodes.pool if report.nodes else None
    return report.fits is True and is_sure and (pool is None or pool.holds_all)


def _write(reports: Sequence[PlanReport], output: OutputFormat) -> None:
    """Write the answers; one deployment is one object, several are a list."""
    if output.is_for_programs:
        answers = [report.model_dump(mode="json", by_alias=True) for report in reports]
        write_document(answers[0] if len(answers) == 1 else answers, output)
        return
    if output == OutputFormat.WIDE:
        from nemotron_operator.cli.plan.lines import print_plan_lines

        print_plan_lines(reports)
        return
    from nemotron_operator.cli.plan.table import print_plan_pages

    print_plan_pages(reports)
