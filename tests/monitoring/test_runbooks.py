"""Every alert has a page, and every page is about an alert."""

import re
from pathlib import Path

import pytest

from generate.alerts.alert_files import list_alerts
from nemotron_operator.constants import LEASE_NAME
from tests.support.helm import RELEASE, Helm, read_objects

RUNBOOKS = Path(__file__).resolve().parents[2] / "docs" / "runbooks"

HEADINGS = ["## Meaning", "## Impact", "## Diagnosis", "## Mitigation"]

NAMES = [alert.name for alert in list_alerts()]


def test_there_is_a_page_for_each_alert_and_no_other() -> None:
    assert sorted(NAMES) == sorted(page.stem for page in RUNBOOKS.glob("*.md") if page.stem != "README")


def test_the_pages_are_listed() -> None:
    text = (RUNBOOKS / "README.md").read_text()
    assert sorted(NAMES) == sorted(re.findall(r"\[(Nemotron\w+)\]\(\1\.md\)", text))


@pytest.mark.parametrize("name", NAMES)
def test_a_page_says_what_it_means_what_it_costs_how_to_look_and_what_to_do(name: str) -> None:
    lines = (RUNBOOKS / f"{name}.md").read_text().splitlines()
    assert f"# {name}" == lines[0]
    assert HEADINGS == [line for line in lines if line.startswith("## ")]


@pytest.mark.parametrize("name", NAMES)
def test_the_diagnosis_has_commands(name: str) -> None:
    text = (RUNBOOKS / f"{name}.md").read_text()
    diagnosis = text.split("## Diagnosis")[1].split("## Mitigation")[0]
    assert re.search(r"^\$ (kubectl|nemoctl) ", diagnosis, re.MULTILINE)


@pytest.mark.parametrize("name", NAMES)
def test_every_link_leads_somewhere(name: str) -> None:
    for link in re.findall(r"\]\(([^)#]+)", (RUNBOOKS / f"{name}.md").read_text()):
        assert link.startswith("https://") or (RUNBOOKS / link).exists(), link


@pytest.mark.parametrize(
    ("namespaces", "lease"), [([], "nemotron-operator"), (["team-a"], "nemotron-operator-NAME")], ids=["all", "some"]
)
def test_the_lease_is_found_where_the_runbook_looks_for_it(helm_4: Helm, namespaces: list[str], lease: str) -> None:
    text = (RUNBOOKS / "NemotronOperatorNotLeading.md").read_text()
    deployment = read_objects(helm_4.render(values={"watchNamespaces": namespaces}))["Deployment", RELEASE]
    (container,) = deployment["spec"]["template"]["spec"]["containers"]
    shown = [argument for argument in container["args"] if "--lease-name=" in argument]
    assert "grep -e --lease-name=" in text
    assert f"--lease-name={lease.replace('NAME', RELEASE)}" in (shown or [f"--lease-name={LEASE_NAME}"])
    assert f"`{lease}`" in text
