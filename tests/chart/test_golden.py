"""What the chart makes of two sets of values, to be read as a whole: `pytest tests/chart --update-golden` writes it."""

from pathlib import Path

import pytest

from nemotron_operator.yaml_text import dump_yaml
from tests.support.helm import CHART, Body, Helm, read_objects

FOLDER = Path(__file__).parent / "golden"

LONG_TEXT_CHARACTERS = 4000
"""Texts that are longer are files of the chart, which have tests of their own."""


@pytest.mark.parametrize("name", ["default", "everything-on"])
def test_the_chart_makes_what_it_made_before(
    helms: dict[str, Helm],
    name: str,
    update_golden: bool,  # noqa: FBT001 - a fixture
) -> None:
    text = describe(helms["helm"].render(f"--values={CHART / 'ci' / name}-values.yaml"))
    golden = FOLDER / f"{name}.yaml"
    if update_golden:
        golden.write_text(text)
    assert golden.read_text() == text


def test_there_is_no_stray_file() -> None:
    assert {"default.yaml", "everything-on.yaml"} == {path.name for path in FOLDER.iterdir()}


def describe(rendered: str) -> str:
    """Write all objects but the definition, which is a golden file of its own, in the order of their names."""
    found = read_objects(rendered)
    bodies = [found[key] for key in sorted(found) if key[0] != "CustomResourceDefinition"]
    return "".join(f"---\n{dump_yaml(shorten(body))}" for body in bodies)


def shorten(body: Body) -> Body:
    """Leave out long texts."""
    data = body.get("data")
    if not isinstance(data, dict):
        return body
    return {**body, "data": {key: "..." if len(text) > LONG_TEXT_CHARACTERS else text for key, text in data.items()}}
