"""`nemoctl plan`: whether it fits, on how many GPUs, with how much context, before a GPU is taken."""

from collections.abc import Sequence
from pathlib import Path

from nemotron_operator.cli.documents import read_documents
from nemotron_operator.cli.messages import say
from nemotron_operator.cli.offline import read_offline
from nemotron_operator.cli.output import OutputFormat, write_document
from nemotron_operator.cli.plan_report import PlanReport, make_plan_report
from nemotron_operator.cli.program import EXIT_REFUSED


def plan_files(paths: Sequence[Path], config: Path | None, namespace: str, output: OutputFormat) -> int:
    """Plan every deployment of the files; returns the exit code."""
    documents = read_documents(paths, namespace)
    offline = read_offline(config)
    for skipped in documents.skipped:
        say(skipped)
    reports = [make_plan_report(document, offline) for document in documents.deployments]
    _write(reports, output)
    return 0 if all(report.fits for report in reports) else EXIT_REFUSED


def _write(reports: Sequence[PlanReport], output: OutputFormat) -> None:
    """Write the answers; one deployment is one object, several are a list."""
    if output.is_for_programs:
        answers = [report.model_dump(mode="json", by_alias=True) for report in reports]
        write_document(answers[0] if len(answers) == 1 else answers, output)
        return
    from nemotron_operator.cli.plan_table import print_plan_lines, print_plan_pages

    (print_plan_lines if output == OutputFormat.WIDE else print_plan_pages)(reports)
