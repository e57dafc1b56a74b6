"""No tool finds anything in what is rendered that is not explained, and no explanation outlives its finding."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from tests.policy.explanations import read_explanations
from tests.policy.findings import Finding, run_checkov, run_kube_score, run_rego
from tests.policy.rendered import Body

TOOLS = ("checkov", "kube-score", "rego")


@pytest.fixture(scope="module")
def findings(
    programs: dict[str, Path], rendered: Mapping[str, Sequence[Body]], tmp_path_factory: pytest.TempPathFactory
) -> list[Finding]:
    """Everything that any tool finds."""
    return sorted(
        [
            *run_checkov(programs["checkov"], rendered, tmp_path_factory.mktemp("checkov")),
            *run_kube_score(programs["kube_score"], rendered),
            *run_rego(programs["nemotron_rego"], rendered),
        ]
    )


@pytest.mark.parametrize("tool", TOOLS)
def test_every_finding_is_explained(tool: str, findings: list[Finding]) -> None:
    explanations = read_explanations()

    unexplained = [
        finding
        for finding in findings
        if finding.tool == tool and not any(explanation.covers(finding) for explanation in explanations)
    ]

    assert [] == unexplained


@pytest.mark.parametrize("tool", TOOLS)
def test_every_explanation_is_still_needed(tool: str, findings: list[Finding]) -> None:
    explanations = [explanation for explanation in read_explanations() if explanation.tool == tool]

    outlived = [each for each in explanations if not any(each.covers(finding) for finding in findings)]

    assert explanations
    assert [] == outlived
