"""Every alert has a page, and every page is about an alert."""

import re
from pathlib import Path

import pytest

from generate.alerts.alert_files import list_alerts

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
