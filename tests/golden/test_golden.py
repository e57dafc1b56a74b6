from pathlib import Path

import pytest
import yaml

from nemotron_operator.render.metadata import INTENT_ANNOTATION
from tests.golden.pipeline import NOTHING_RENDERED, run_case

FOLDER = Path(__file__).parent
CASES = sorted(path.parent for path in FOLDER.glob("*/deployment.yaml"))
INPUTS = {"config.yaml", "deployment.yaml", "facts.yaml", "observation.yaml"}
OUTPUTS = {"manifests.yaml", "status.yaml"}


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_case_is_rendered_and_told_as_before(case: Path, update_golden: bool) -> None:  # noqa: FBT001 - a fixture
    outcome = run_case(case)
    if update_golden:
        (case / "manifests.yaml").write_text(outcome.manifests)
        (case / "status.yaml").write_text(outcome.status)
    assert (case / "manifests.yaml").read_text() == outcome.manifests
    assert (case / "status.yaml").read_text() == outcome.status


def test_there_is_a_case_for_each_folder_and_no_stray_file() -> None:
    folders = sorted(path for path in FOLDER.iterdir() if path.is_dir() and path.name != "__pycache__")
    assert folders == CASES
    for case in CASES:
        names = {path.name for path in case.iterdir()}
        assert OUTPUTS <= names <= INPUTS | OUTPUTS, case.name


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_golden_file_reads_as_the_objects_that_are_applied(case: Path) -> None:
    text = (case / "manifests.yaml").read_text()
    documents = list(yaml.safe_load_all(text)) if text != NOTHING_RENDERED else []
    names = [(document["kind"], document["metadata"]["name"]) for document in documents]
    assert len(set(names)) == len(names)
    assert all(INTENT_ANNOTATION in document["metadata"]["annotations"] for document in documents)


def test_every_case_stands_in_the_readme() -> None:
    text = (FOLDER / "README.md").read_text()
    assert [] == [case.name for case in CASES if f"`{case.name}`" not in text]
